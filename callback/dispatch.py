"""Who is offered what, when. A caseworker clicked "Ring"; whoever takes calls is offered the next request of their
office; and whoever carries the on-call telephone is rung for an urgent request that nobody has taken. Nothing else
rings by itself."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto

import structlog

from callback.consult import DutyLeg, DutyOutcome
from callback.desk import Desk, DeskError
from callback.desk_base import together
from callback.desk_offer import Offer
from callback.desk_roster import OnDuty
from callback.desk_wishes import IDLE
from callback.request import (
    FREE_OUTCOMES,
    AttemptOutcome,
    CallAttempt,
    CallbackError,
    CallbackRequest,
    Urgency,
)
from callback.store import CaseworkerInCall, RequestQuery, StoreError, in_no_hurry
from callback.turn import FOR_SOME, OnTheLine, may_serve, taker
from config.model import Person
from config.oncall import OnCallLine
from hardware.line import LineError, LineForbidden, LineUnavailable
from ivr.callback_call import CallbackFacts
from ivr.duty_check import CheckFacts, Talk
from ivr.prompts import spoken_tag
from ivr.runner import Runner

log = structlog.get_logger(__name__)

_AT_ONCE = 8
"""Offices that are offered their next at the same time: their writes share a commit, and other reads do not wait long."""
_MOST_AT_ONCE = 64
"""Requests read at a time."""


class Offered(Enum):
    """What came of an offer."""

    YES = auto()
    PERSON_BUSY = auto()
    """They cannot be rung; another colleague perhaps."""
    NOT_NOW = auto()
    """The request cannot be rung."""


class NoTelephone(DeskError):
    """The caseworker has neither an extension nor a mobile in staff.toml."""


class Dispatch:
    """Starts callbacks on the line."""

    def __init__(self, desk: Desk, runner: Runner) -> None:
        self._desk = desk
        self._runner = runner
        self.somebody_is_free = False
        """Whether any colleague who takes calls was free at the last look."""

    async def ring(
        self,
        request_id: str,
        person_id: str,
        telephone: str | None = None,
        *,
        offered: bool = False,
    ) -> tuple[CallbackRequest, CallAttempt | None]:
        """Ring the caseworker, only at `telephone` if given; after their key press, the caller. Whoever was `offered` it,
        and does not accept, takes no more calls until they say so. The attempt is written before
        any telephone rings. A person who waits on the line is not rung: their own call rings the caseworker, within seconds;
        no attempt yet.
        Raises what `Desk.start_attempt` raises, NoTelephone, LineUnavailable."""
        person = self._desk.person(person_id)
        telephones = (telephone,) if telephone else self._desk.config.telephones(person)
        if not telephones:
            raise NoTelephone(f"{person.name} has neither an extension nor a mobile in staff.toml")
        status = self._runner.line.status()
        if not status.up:
            raise LineUnavailable(status.detail)
        if self._runner.waits(request_id):
            return await self._take_waiting(request_id, person_id), None
        request, attempt = await self._desk.start_attempt(request_id, person_id, uuid.uuid4().hex)
        await self._begin(request, attempt, telephones, offered=offered)
        return request, attempt

    async def stop(self, request_id: str, person_id: str) -> bool:
        """Give back what this caseworker is being rung for, or is to be. False: the caller is rung by now, or it is not theirs."""
        attempt = (await self._desk.get(request_id)).live_attempt
        if attempt is None or attempt.caseworker != person_id:
            return False
        return await self._runner.stop_ringing(attempt.id)

    async def _begin(
        self, request: CallbackRequest, attempt: CallAttempt, telephones: Sequence[str], *, offered: bool
    ) -> None:
        """The first telephone rings, for an attempt that is written. Raises LineError, StoreError: then it has ended."""
        office = self._desk.office(request.office_no)
        facts = CallbackFacts(
            attempt_id=attempt.id,
            caseworker_number=telephones[0],
            then=tuple(telephones[1:]),
            caller_number=attempt.phone or "",
            office_number=office.public_number,
            language=office.languages[0],
            urgent=request.urgency.value == "urgent",
            reason=request.reason.value,
            registered_at=request.registered_at,
            tried_before=any(a.ended_at and a.outcome not in FREE_OUTCOMES for a in request.attempts),
            caseworker_ring=self._desk.config.settings.calls.caseworker_ring,
            caller_ring=self._desk.config.settings.calls.caller_ring,
            offered_to=attempt.caseworker if offered else None,
            private=request.protected,
            until=request.next_attempt_at,
            screen_language=None
            if request.is_own_number
            else spoken_tag(request.language, office.voice_speed),
        )
        try:
            await self._runner.start_callback(facts, request.office_no)
        except (LineError, StoreError):
            await self._desk.end_attempt(attempt.id, AttemptOutcome.LINE_FAILED)
            raise

    async def _take_waiting(self, request_id: str, person_id: str) -> CallbackRequest:
        if person_id in {attempt.caseworker for attempt in await self._desk.store.live_attempts()}:
            raise CaseworkerInCall("this caseworker is in a call already")
        return await self._desk.claim(request_id, person_id)

    async def sweep(self, patience: timedelta = timedelta(minutes=1)) -> None:
        """What the desk sweeps, and: an attempt that no call carries has ended without us, and is our failure.
        One that began within `patience` may be about to get its call."""
        self._runner.wake()
        with in_no_hurry():
            await self._desk.sweep()
        for attempt in await self._desk.store.live_attempts(self._desk.clock.now() - patience):
            if self._runner.phase(attempt.id) is not None:
                continue
            log.warning("attempt_without_call", attempt=attempt.id)
            try:
                await self._desk.end_attempt(attempt.id, AttemptOutcome.LINE_FAILED)
            except CallbackError as error:  # the next sweep tries again; the others must not wait for it
                log.error("attempt_not_ended", attempt=attempt.id, why=type(error).__name__)
        await self._stop_unwanted()
        await self._desk.end_lost_consults(self._runner.call_ids)
        await self.offer()
        await self._alert()
        await self._check_duties()

    async def _stop_unwanted(self) -> None:
        """No telephone rings, or is still to ring, for an attempt that has ended meanwhile, or of a colleague who may have
        nothing to do with the request any more."""
        ringing = self._runner.ringing()
        if not ringing:
            return
        for attempt_id in await self._desk.unwanted(ringing):
            log.info("ringing_stopped", attempt=attempt_id)
            await self._runner.stop_ringing(attempt_id)

    # -- who takes calls

    async def offer(self) -> None:
        """Ring everyone who takes calls and is free, for the next request of their office. When it is closed, only for
        those whose interpreter is there now."""
        if not self._runner.line.status().up:
            return
        colleagues: dict[str, list[Person]] = {}
        for person in await self._desk.free(self._runner.on_the_line()):
            colleagues.setdefault(person.office_no or "", []).append(person)
        self.somebody_is_free = bool(colleagues)
        due = await self._desk.store.offices_due([*colleagues], IDLE, self._desk.clock.now())
        offices = iter([(office_no, colleagues[office_no]) for office_no in due])
        await together(self._offer_in_turn(offices) for _ in range(_AT_ONCE))

    async def _offer_in_turn(self, offices: Iterator[tuple[str, list[Person]]]) -> None:
        for office_no, free in offices:
            await self._offer_at(office_no, free)

    async def _offer_at(self, office_no: str, free: list[Person]) -> None:
        """Those who are due or wait on the line, in turn and page by page, until nobody is free."""
        is_open, now = self._desk.is_open_now(office_no), self._desk.clock.now()
        query = RequestQuery(
            served_by=office_no, states=IDLE, due_before=now, interpreter=not is_open, limit=len(free)
        )
        passed: set[str] = set()
        while free and self._runner.status_of(office_no).up:
            line = self._runner.on_the_line()
            waiting = line.waiting - passed if is_open else frozenset()
            line = OnTheLine(waiting, (line.waiting - waiting) | line.in_menu | passed)
            with in_no_hurry():
                offers = await self._desk.offer_next(query, free, line)
            came = await together(map(self._offered, offers.made))
            for offer, answer in zip(offers.made, came, strict=True):
                passed.add(offer.request.id)
                if answer is not Offered.NOT_NOW:
                    free.remove(offer.person)
            for offer, answer in zip(offers.made, came, strict=True):
                if answer is Offered.PERSON_BUSY:
                    await self._offered_to_others(offer.request, free)
            if Offered.NOT_NOW in came:
                continue  # whoever was to have it is free for another of the page
            if offers.last is None:
                return
            query = replace(query, after=offers.last, limit=min(2 * query.limit, _MOST_AT_ONCE))

    async def _offered(self, offer: Offer) -> Offered:
        if offer.refused is not None:
            return _not_offered(offer.request, offer.refused)
        if offer.attempt is None:
            return Offered.YES  # their own call rings whoever is kept for them
        telephones = self._desk.config.telephones(offer.person)
        return await _came_of(
            offer.request, self._begin(offer.request, offer.attempt, telephones, offered=True)
        )

    async def _offered_to_others(self, request: CallbackRequest, free: list[Person]) -> None:
        """The one who was to have it cannot be rung: the next colleague is."""
        staff = self._desk.staff(request.served_by)
        while (person := taker(request, free, staff)) is not None:
            answer = await _came_of(request, self.ring(request.id, person.id, offered=True))
            if answer is not Offered.NOT_NOW:
                free.remove(person)
            if answer is not Offered.PERSON_BUSY:
                return

    # -- the on-call telephone

    async def _alert(self) -> None:
        """Ring the on-call telephones for what is urgent: an ordinary callback, which they accept with 1."""
        if not self._runner.line.status().up:
            return
        query = RequestQuery(
            states=IDLE, urgency=Urgency.URGENT, due_before=self._desk.clock.now(), limit=_MOST_AT_ONCE
        )
        duties: dict[str, OnDuty | None] = {}
        while page := await self._desk.find(query):
            theirs = [(request, to) for request in page if (to := await self._to_alert(request, duties))]
            never = await self._desk.never_called(request for request, _ in theirs)
            for request, to in theirs:
                if self._desk.passed_over(request, never_called=request.id in never) in FOR_SOME:
                    await self._alert_for(request, *to)
            query = replace(query, after=page[-1])

    async def _to_alert(
        self, request: CallbackRequest, duties: dict[str, OnDuty | None]
    ) -> tuple[Person, str] | None:
        """Who is to be rung for it now, and where, if it can be rung: the next of those on duty, the substitute and the
        leader, whoever was not rung for it or longest ago. `duties`: by office, looked up once in a sweep."""
        duty = duties.get(request.served_by)
        if request.served_by not in duties:
            lines = self._desk.config.lines_of(request.served_by)
            duty = duties[request.served_by] = await self._desk.duty(lines[0]) if lines else None
        people = [] if duty is None else [p for p in duty.in_order if may_serve(request, p)]
        if duty is None or not people:
            return None
        now = self._desk.clock.now()
        rung = {a.caseworker: a.ended_at for a in request.attempts if a.ended_at}
        last = [rung[person.id] for person in people if person.id in rung]
        if last and now - max(last) < self._desk.config.settings.calls.alert_every:
            return None
        person = min(people, key=lambda one: (one.id in rung, rung.get(one.id, now)))
        return person, self._desk.telephones_of(duty.line, person)[0]

    async def _alert_for(self, request: CallbackRequest, person: Person, telephone: str) -> None:
        if self._runner.is_on_the_line(request.id):
            return
        try:
            await self.ring(request.id, person.id, telephone)
        except (CallbackError, LineError) as error:  # busy, or somebody was faster: the next sweep looks
            log.info("on_call_not_rung", request_id=request.id, why=type(error).__name__)
        else:
            log.info("on_call_rung", request_id=request.id, office=request.served_by)

    async def _check_duties(self) -> None:
        """Ring whoever is about to be on duty, and whoever has hung up first and is to say what came of it."""
        if not self._runner.line.status().up:
            return
        for check in await self._desk.due_checks():
            check_id = uuid.uuid4().hex
            leg = await self._desk.begin_check(check, check_id)
            if leg is not None:
                log.info("duty_check", line=check.line.id, person=check.person.id)
                await self._ask_on_duty(check.line, leg, check.begins_at)
        for call in await self._desk.due_result_calls():
            leg, about = await self._desk.begin_result_call(call), call.about
            if leg is not None:
                log.info("result_call", call=about.id, line=call.line.id, person=leg.person_id)
                talk = Talk(about.id, leg.person_id, about.line_id, about.office_no, about.request_id)
                await self._ask_on_duty(call.line, leg, leg.rung_at, talk)

    async def _ask_on_duty(
        self, line: OnCallLine, leg: DutyLeg, begins_at: datetime, talk: Talk | None = None
    ) -> None:
        """The telephone rings, for what is on record."""
        office = self._desk.office(line.office_no)
        shown = line.number or office.public_number
        facts = CheckFacts(leg.id, leg.telephone, shown, office.languages[0], begins_at, talk)
        try:
            await self._runner.start_duty_check(facts, office.office_no, leg.consult_id)
        except (LineError, StoreError):  # the line's own failure: a check is made again
            await self._desk.check_ended(leg.consult_id, leg.id, DutyOutcome.FAILED)


async def _came_of(request: CallbackRequest, ringing: Awaitable[object]) -> Offered:
    try:
        await ringing
    except (CallbackError, LineError) as error:
        return _not_offered(request, error)
    log.info("offered", request_id=request.id, office=request.office_no)
    return Offered.YES


def _not_offered(request: CallbackRequest, error: Exception) -> Offered:
    log.info("not_offered", request_id=request.id, why=type(error).__name__)
    if isinstance(error, LineForbidden):
        return Offered.NOT_NOW
    return Offered.PERSON_BUSY if isinstance(error, (CaseworkerInCall, LineError)) else Offered.NOT_NOW
