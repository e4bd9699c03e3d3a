"""Carries out what the call machines ask of the desk, and words its answers for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import structlog

from callback.desk import Desk, Registration, TooManyRegistrations
from callback.desk_return import Returning
from callback.numbers import NumberRefused as NumberRefusedError
from callback.numbers import Refusal
from callback.request import AttemptOutcome, CallbackRequest, DayPart, NumberSource, Reason, Urgency
from callback.request import IllegalTransition as IllegalChange
from callback.store import (
    CaseworkerInCall,
    NumberInCall,
    StoreError,
)
from callback.turn import OnTheLine
from ivr.callback_call import legs_of
from ivr.consult_port import ConsultCommand
from ivr.consult_work import ConsultWork
from ivr.machine import (
    AskTurn,
    AskWhether,
    AttemptEnded,
    CheckNumber,
    Colleague,
    DeskCommand,
    DeskEvent,
    EndAttempt,
    Find,
    Found,
    GoesOn,
    InLine,
    IsOver,
    ItsTurn,
    MarkConnected,
    MarkRinging,
    Missed,
    NeverCall,
    NotMissed,
    NotRegistered,
    NoWaiting,
    NumberAccepted,
    NumberRefused,
    NumberSet,
    RangBack,
    Register,
    Registered,
    ReturnRefused,
    ReturnStarted,
    SetNumber,
    StartReturn,
    StopTaking,
    Update,
    Updated,
    Why,
)
from scheduler.clock import from_local, to_local

log = structlog.get_logger(__name__)


MOST_TELEPHONES = 3
"""Rung for one caller who rang back; nobody listens to ringing for longer."""


class DeskWork:
    """One for all calls of a line. Every act can be repeated."""

    def __init__(self, desk: Desk, on_the_line: Callable[[], OnTheLine], pin: str | None = None) -> None:
        self._desk = desk
        self._on_the_line = on_the_line
        self._consult = ConsultWork(desk, pin)

    async def perform(self, call_id: str, command: DeskCommand) -> DeskEvent | None:
        """The answer, if the command has one. Raises StoreUnavailable and StaleRequest: then try again."""
        if isinstance(command, ConsultCommand):
            return await self._consult.perform(call_id, command)
        return await self._perform_of_caller(call_id, command)

    async def _perform_of_caller(self, call_id: str, command: DeskCommand) -> DeskEvent | None:
        desk = self._desk
        match command:
            case Register():
                return await self._register(call_id, command)
            case CheckNumber():
                return await self._check_number(command)
            case SetNumber(request_id, phone, own):
                source = NumberSource.CALLER_ID if own else NumberSource.KEYED
                request = await desk.set_number(request_id, phone, "caller", source)
                return NumberSet(request.id, request.reference, phone, self._spoken_date(request))
            case Update():
                return await self._update(command)
            case Find():
                return await self._find(command)
        return await self._perform_of_attempt(call_id, command)

    async def _perform_of_attempt(self, call_id: str, command: DeskCommand) -> DeskEvent | None:
        desk = self._desk
        match command:
            case RangBack():
                return await self._rang_back(call_id, command)
            case StartReturn():
                return await self._start_return(call_id, command)
            case AskTurn():
                return await self._turn(call_id, command)
            case StopTaking(person_id):
                await desk.set_away(person_id)
            case MarkRinging(attempt_id):
                await desk.attempt_ringing(attempt_id)
            case MarkConnected(attempt_id):
                await desk.attempt_connected(attempt_id)
            case AskWhether(attempt_id):
                return GoesOn() if await desk.is_live(attempt_id) else IsOver()
            case NeverCall(attempt_id):
                await desk.never_call_at(attempt_id)
            case EndAttempt(attempt_id, outcome, cause):
                request = await desk.end_attempt(attempt_id, AttemptOutcome(outcome), cause)
                return AttemptEnded(_next_attempt(request))
        return None

    async def _rang_back(self, call_id: str, asked: RangBack) -> Missed | NotMissed:
        try:
            returning = await self._desk.rang_back(asked.office_no, asked.caller)
        except StoreError as error:  # nobody waits for that: everyone gets the menu
            log.warning("return_not_looked_up", call=call_id, why=type(error).__name__)
            return NotMissed()
        return NotMissed() if returning is None else await self._missed(call_id, returning)

    async def _start_return(self, call_id: str, asked: StartReturn) -> ReturnStarted | ReturnRefused:
        try:
            _, ended = await self._desk.start_return(
                asked.request_id, asked.person_id, asked.attempt_id, waits=asked.waits
            )
        except (CaseworkerInCall, NumberInCall, IllegalChange) as error:
            log.info("return_refused", call=call_id, why=type(error).__name__)
            return ReturnRefused()
        return ReturnStarted(() if ended is None else legs_of(ended.id))

    async def _turn(self, call_id: str, asked: AskTurn) -> ItsTurn | InLine | NoWaiting:
        try:
            if asked.first and not await self._desk.ready_since():
                return NoWaiting(Why.NOBODY)  # every caller comes here, and at most hours nobody takes calls
            turn = await self._desk.turn(asked.request_id, self._on_the_line())
        except StoreError as error:  # they go on hearing music, and are asked about again
            log.warning("turn_not_looked_up", call=call_id, why=type(error).__name__)
            return NoWaiting(Why.UNKNOWN)
        if turn.over:
            return NoWaiting(Why.IN_CALL if turn.request.is_open else Why.ENDED)
        if turn.closed or turn.nobody:
            return NoWaiting(Why.CLOSED if turn.closed else Why.NOBODY)
        person, request = turn.colleague, turn.request
        if person is not None:
            urgent = request.urgency is Urgency.URGENT
            numbers = self._desk.config.telephones(person)
            colleague = Colleague(person.id, numbers[0], numbers[1:])
            return ItsTurn(call_id, colleague, urgent, request.reason.value, turn.by_hand)
        too_long = turn.expected > self._desk.config.settings.calls.longest_wait
        return InLine(turn.place, turn.expected, too_long)

    async def _missed(self, call_id: str, returning: Returning) -> Missed:
        request, telephones_of = returning.request, self._desk.config.telephones
        telephones = [Colleague(p.id, number) for p in returning.colleagues for number in telephones_of(p)]
        return Missed(
            call_id,
            await self._found(request),
            request.urgency is Urgency.URGENT,
            request.reason.value,
            tuple(telephones[:MOST_TELEPHONES]),
        )

    async def _check_number(self, asked: CheckNumber) -> DeskEvent:
        try:
            phone = await self._desk.checked_number(asked.digits)
        except NumberRefusedError as refused:
            return NumberRefused(refused.why)
        if asked.trusted:
            never = await self._desk.is_never_called(phone)
            return NumberRefused(Refusal.ASKED_NOT_TO_BE_CALLED) if never else NumberAccepted(phone)
        refusal = await self._desk.may_key(asked.caller, phone)
        return NumberAccepted(phone) if refusal is None else NumberRefused(refusal)

    async def _register(self, call_id: str, command: Register) -> Registered | NotRegistered:
        desk = self._desk
        asked = Registration(
            command.office_no,
            command.phone,
            language=command.language,
            request_id=f"{call_id}{command.nth or ''}",
            by=command.by,
            caller=command.phone,
        )
        refused = None
        try:
            try:
                request, _ = await desk.register(asked)
            except NumberRefusedError as error:  # their own number may not be rung: ask for another
                refused = error.why
                request, _ = await desk.register(replace(asked, phone=None))
        except TooManyRegistrations:
            return NotRegistered()
        if command.chosen:
            request = await desk.set_language(request.id, command.language, "caller")
        return Registered(request.id, request.reference, request.phone, self._spoken_date(request), refused)

    async def _update(self, chosen: Update) -> Updated:
        desk, request_id = self._desk, chosen.request_id
        if chosen.language is not None:
            await desk.set_language(request_id, chosen.language, "caller")
        if chosen.urgent_reason is not None:
            await desk.set_urgent(request_id, Reason(chosen.urgent_reason), "caller")
        if chosen.when is not None:
            part = None if chosen.when == "any" else DayPart(chosen.when)
            await desk.set_day_part(request_id, part, "caller")
        if chosen.discreet is not None:
            await desk.set_discreet(request_id, chosen.discreet, "caller")
        if chosen.until is not None:
            now = desk.clock.now()
            until = from_local(datetime.combine(to_local(now).date(), chosen.until))
            if until <= now:
                return Updated(self._spoken_date(await desk.get(request_id)), done=False)
            await desk.set_reachable_until(request_id, until, "caller")
        if chosen.withdraw:
            try:
                await desk.withdraw(request_id, "caller")
            except IllegalChange:
                request = await desk.get(request_id)
                return Updated(self._spoken_date(request), done=not request.is_open)
        return Updated(self._spoken_date(await desk.get(request_id)))

    async def _find(self, asked: Find) -> Found:
        if asked.keyed and not await self._desk.count_reference(asked.caller):
            return Found(None)
        return await self._found(
            await self._desk.open_request_of(asked.office_no, phone=asked.phone, reference=asked.reference)
        )

    async def _found(self, request: CallbackRequest | None) -> Found:
        if request is None:
            return Found(None)
        missed = [a.ended_at for a in request.attempts if a.ringing_at is not None and a.connected_at is None]
        return Found(
            request.id,
            request.reference,
            request.phone,
            self._spoken_date(request),
            request.language,
            request.discreet,
            tried_at=missed[-1] if missed else None,
            next_at=request.promised_call_at,
            not_rung=request.phone is not None and await self._desk.is_never_called(request.phone),
        )

    def _spoken_date(self, request: CallbackRequest) -> date:
        """The date of the promise, for an urgent request that of its own deadline; once it has passed, the next
        day somebody answers the phone."""
        opening = self._desk.calendar(request.office_no).next_opening(self._desk.clock.now())
        urgent = request.urgency is Urgency.URGENT
        promised = to_local(request.due_at).date() if urgent else request.answer_by_date
        return max(promised, to_local(opening).date())


def _next_attempt(request: CallbackRequest) -> datetime | None:
    talked = request.attempts[-1].outcome is AttemptOutcome.ANSWERED
    return None if talked or not request.is_open else request.promised_call_at
