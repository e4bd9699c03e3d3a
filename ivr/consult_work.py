"""Carries out what the `consult` machine asks of the desk, and words its answers for it."""

from __future__ import annotations

import hmac
from datetime import timedelta

import structlog

from callback.consult import ConsultCaller, ConsultOutcome, ConsultResult, DutyOutcome
from callback.desk import AskedNotToBeCalled, Desk, Registration
from callback.numbers import NumberRefused
from callback.request import AttemptOutcome, CallbackError, CallResult, Origin, Urgency
from callback.store import StaleRequest, StoreUnavailable
from config.model import Office
from config.oncall import OnCallLine
from ivr.consult_port import (
    AskBack,
    BeginConsult,
    CheckConfirmed,
    CheckEnded,
    CheckPin,
    Choice,
    ConsultCommand,
    ConsultEvent,
    DutyEnded,
    DutyJoined,
    DutyResult,
    EndConsult,
    FindLines,
    LinesFound,
    MakePromise,
    NobodyLeft,
    NotPromised,
    PinRight,
    PinWrong,
    Promised,
    RingNext,
    RingNow,
    Rung,
    RungBy,
    WhenRung,
)
from ivr.consult_state import attempt_of
from scheduler.deadline import deadline

log = structlog.get_logger(__name__)

_RESULTS = {ConsultResult.SOLVED: CallResult.REACHED, ConsultResult.FOLLOW_UP: CallResult.RING_AGAIN}
_SPAN = timedelta(hours=4)
"""A promise that is kept sooner is said as a span of time."""


def choice(office: Office, line: OnCallLine, *, only: bool = True) -> Choice:
    """An on-call line as the machines know it."""
    caller_id = line.number or office.public_number
    return Choice(line.id, office.office_no, line.group.value, office.languages[0], caller_id, only)


class ConsultWork:
    """One for all calls of a line. Every act can be repeated."""

    def __init__(self, desk: Desk, pin: str | None) -> None:
        self._desk = desk
        self.pin = pin
        """The contact centre's code; None: there is none."""

    async def perform(self, call_id: str, command: ConsultCommand) -> ConsultEvent | None:
        """The answer, if the command has one. Raises StoreUnavailable and StaleRequest: then try again."""
        match command:
            case CheckPin():
                return await self._check_pin(command)
            case FindLines(digits):
                found = self._desk.lines_for(digits)
                offices = [office.office_no for office, _ in found]
                return LinesFound(
                    tuple(choice(o, line, only=offices.count(o.office_no) == 1) for o, line in found)
                )
            case RingNext():
                return await self._ring_next(call_id, command)
            case WhenRung(office_no):
                return self._rung_by(office_no)
            case MakePromise():
                return await self._promise(call_id, command)
        await self._keep(call_id, command)
        return None

    async def _keep(self, call_id: str, command: ConsultCommand) -> None:
        """What needs no answer."""
        match command:
            case BeginConsult(line_id, office_no, request_id, own):
                caller = ConsultCaller.CALLER if own else ConsultCaller.CONTACT_CENTRE
                await self._desk.begin_consult(call_id, self._line(line_id, office_no), caller, request_id)
            case DutyJoined():
                await self._joined(call_id, command)
            case DutyEnded():
                await self._ended(call_id, command)
            case DutyResult():
                await self._result(command.consult_id or call_id, command)
            case AskBack():
                await self._desk.plan_result_call(call_id)
            case CheckConfirmed(leg):
                await self._desk.check_confirmed(call_id, leg)
            case CheckEnded(leg, outcome):
                await self._desk.check_ended(call_id, leg, DutyOutcome(outcome))
            case EndConsult(outcome):
                await self._desk.end_consult(call_id, ConsultOutcome(outcome))

    async def _check_pin(self, asked: CheckPin) -> PinRight | PinWrong:
        """Wrong ones are counted: nobody finds it by guessing."""
        right = self.pin is not None and hmac.compare_digest(self.pin, asked.digits)
        if right and await self._desk.may_try_code(asked.caller):
            return PinRight()
        await self._desk.code_was_wrong(asked.caller)
        return PinWrong()

    def _line(self, line_id: str, office_no: str) -> OnCallLine:
        """Also where it was taken out of the configuration a moment ago: the call goes on without its people."""
        return self._desk.config.line(line_id) or OnCallLine(id=line_id, office_no=office_no)

    async def _ring_next(self, call_id: str, asked: RingNext) -> RingNow | NobodyLeft:
        line = self._desk.config.line(asked.line_id)
        if line is None:  # taken out of the configuration a moment ago
            return NobodyLeft()
        request = None if asked.request_id is None else await self._desk.get(asked.request_id)
        legs = (asked.prefix, asked.count)
        ringing = await self._desk.ring_next(call_id, line, legs, asked.tried, request)
        if ringing is None:
            return NobodyLeft()
        return RingNow(
            call_id,
            tuple(Rung(leg.id, leg.person_id, leg.telephone) for leg in ringing.legs),
            ringing.left,
            line.ring_for,
            self._desk.config.settings.oncall.longest,
            request is not None and request.urgency is Urgency.URGENT,
            "" if request is None else request.reason.value,
            ringing.count,
            ringing.hang_up,
        )

    async def _joined(self, call_id: str, asked: DutyJoined) -> None:
        await self._desk.duty_leg_joined(asked.leg, call_id)
        if asked.request_id is None:
            return
        attempt_id = attempt_of(call_id, asked.leg)
        try:
            await self._desk.start_return(asked.request_id, asked.person_id, attempt_id)
            await self._desk.attempt_connected(attempt_id)
        except (StoreUnavailable, StaleRequest):
            raise
        except CallbackError as error:  # they talk all the same
            log.warning("talk_not_on_request", call=call_id, why=type(error).__name__)

    async def _ended(self, call_id: str, asked: DutyEnded) -> None:
        outcome = DutyOutcome(asked.outcome)
        await self._desk.duty_leg_ended(asked.leg, call_id, outcome)
        if not asked.talked:
            return
        talked = AttemptOutcome.ANSWERED if outcome is DutyOutcome.TALKED else AttemptOutcome.LINE_FAILED
        try:
            await self._desk.end_attempt(attempt_of(call_id, asked.leg), talked)
        except (StoreUnavailable, StaleRequest):
            raise
        except CallbackError as error:  # it was not written when they were joined
            log.info("talk_not_on_request", call=call_id, why=type(error).__name__)

    def _rung_by(self, office_no: str) -> RungBy:
        desk, now = self._desk, self._desk.clock.now()
        due = deadline(now, desk.calendar(office_no), urgent=True).due_at
        return RungBy(due, due - now if due - now <= _SPAN else None)

    async def _promise(self, call_id: str, asked: MakePromise) -> Promised | NotPromised:
        desk = self._desk
        registration = Registration(
            asked.office_no,
            None if await self._is_anothers(call_id, asked) else asked.phone,
            registered_by=desk.contact_centre(),
            origin=Origin.CONTACT_CENTRE,
            urgency=Urgency.URGENT,
            request_id=call_id,
        )
        try:
            request, _ = await desk.register(registration)
        except (AskedNotToBeCalled, NumberRefused):
            return NotPromised()
        line = self._line(asked.line_id, asked.office_no)
        await desk.begin_consult(call_id, line, ConsultCaller.CONTACT_CENTRE, request.id)
        return Promised(request.id, request.reference, request.due_at, has_number=request.phone is not None)

    async def _is_anothers(self, call_id: str, asked: MakePromise) -> bool:
        """The contact centre's number is that of all who work there: on the list already, it stands for another caller."""
        if asked.phone is None or asked.phone not in self._desk.config.settings.oncall.callers:
            return False
        known = await self._desk.open_request_of(asked.office_no, phone=asked.phone)
        return known is not None and known.id != call_id

    async def _result(self, call_id: str, asked: DutyResult) -> None:
        """Of a caller's own request it is the result of the talk. What the contact centre asked about, and is to be followed
        up, is a request that waits for whoever said so."""
        desk, result = self._desk, ConsultResult(asked.result)
        await desk.consult_result(call_id, result)
        try:
            if asked.request_id is not None:
                await desk.record_result(asked.request_id, asked.person_id, _RESULTS[result])
            elif result is ConsultResult.FOLLOW_UP:
                await self._follow_up(call_id, asked)
        except (StoreUnavailable, StaleRequest):
            raise
        except CallbackError as error:  # somebody has written it already
            log.info("result_not_on_request", call=call_id, why=type(error).__name__)

    async def _follow_up(self, call_id: str, asked: DutyResult) -> None:
        desk, line = self._desk, self._line(asked.line_id, asked.office_no)
        registration = Registration(
            line.office_no,
            None,
            registered_by=asked.person_id,
            origin=Origin.CONTACT_CENTRE,
            request_id=call_id,
        )
        request, _ = await desk.register(registration)
        await desk.begin_consult(call_id, line, ConsultCaller.CONTACT_CENTRE, request.id)
        await desk.reassign(request.id, asked.person_id, asked.person_id)
