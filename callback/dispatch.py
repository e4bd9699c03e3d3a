"""Who is offered what, when. A caseworker clicked "Ring"; whoever takes calls is offered the next request of their
office; and whoever carries the on-call telephone is rung for an urgent request that nobody has taken. Nothing else
rings by itself."""

from __future__ import annotations

import uuid
from datetime import timedelta
from enum import Enum, auto

import structlog

from callback.desk import Desk, DeskError
from callback.desk_wishes import IDLE
from callback.request import (
    FREE_OUTCOMES,
    AttemptOutcome,
    CallAttempt,
    CallbackError,
    CallbackRequest,
    Urgency,
)
from callback.store import CaseworkerInCall, RequestQuery, StoreError
from callback.turn import taker
from config.model import Person
from hardware.line import LineError, LineUnavailable
from ivr.callback_call import CallbackFacts
from ivr.prompts import spoken_tag
from ivr.runner import Runner

log = structlog.get_logger(__name__)

_MOST_ALERTS = 100
"""Urgent requests looked at in one sweep."""


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

    async def ring(
        self, request_id: str, person_id: str, telephone: str | None = None, *, offered: bool = False
    ) -> tuple[CallbackRequest, CallAttempt | None]:
        """Ring the caseworker, at `telephone` if given; after their key press, the caller. Whoever was `offered` it,
        and does not accept, takes no more calls until they say so. The attempt is written before any telephone rings.
        A person who waits on the line is not rung: their own call rings the caseworker, within seconds; no attempt yet.
        Raises what `Desk.start_attempt` raises, NoTelephone, LineUnavailable."""
        person = self._desk.person(person_id)
        telephone = telephone or person.telephone
        if telephone is None:
            raise NoTelephone(f"{person.name} has neither an extension nor a mobile in staff.toml")
        status = self._runner.line.status()
        if not status.up:
            raise LineUnavailable(status.detail)
        if self._runner.waits(request_id):
            return await self._take_waiting(request_id, person_id), None
        request, attempt = await self._desk.start_attempt(request_id, person_id, uuid.uuid4().hex)
        office = self._desk.office(request.office_no)
        facts = CallbackFacts(
            attempt_id=attempt.id,
            caseworker_number=telephone,
            caller_number=attempt.phone or "",
            office_number=office.public_number,
            language=office.languages[0],
            urgent=request.urgency.value == "urgent",
            reason=request.reason.value,
            registered_at=request.registered_at,
            tried_before=any(a.ended_at and a.outcome not in FREE_OUTCOMES for a in request.attempts),
            caseworker_ring=self._desk.config.settings.calls.caseworker_ring,
            caller_ring=self._desk.config.settings.calls.caller_ring,
            offered_to=person.id if offered else None,
            screen_language=None
            if request.is_own_number
            else spoken_tag(request.language, office.voice_speed),
        )
        try:
            await self._runner.start_callback(facts, request.office_no)
        except (LineError, StoreError):
            await self._desk.end_attempt(attempt.id, AttemptOutcome.LINE_FAILED)
            raise
        return request, attempt

    async def _take_waiting(self, request_id: str, person_id: str) -> CallbackRequest:
        if person_id in {attempt.caseworker for attempt in await self._desk.store.live_attempts()}:
            raise CaseworkerInCall("this caseworker is in a call already")
        return await self._desk.claim(request_id, person_id)

    async def sweep(self, patience: timedelta = timedelta(minutes=1)) -> None:
        """What the desk sweeps, and: an attempt that no call carries has ended without us, and is our failure.
        One that began within `patience` may be about to get its call."""
        await self._desk.sweep()
        for attempt in await self._desk.store.live_attempts():
            young = self._desk.clock.now() - attempt.started_at < patience
            if young or self._runner.phase(attempt.id) is not None:
                continue
            log.warning("attempt_without_call", attempt=attempt.id)
            try:
                await self._desk.end_attempt(attempt.id, AttemptOutcome.LINE_FAILED)
            except CallbackError as error:  # the next sweep tries again; the others must not wait for it
                log.error("attempt_not_ended", attempt=attempt.id, why=type(error).__name__)
        await self.offer()
        await self._alert()

    # -- who takes calls

    async def offer(self) -> None:
        """Ring everyone who takes calls and is free, for the next request of their office."""
        if not self._runner.line.status().up:
            return
        now = self._desk.clock.now()
        for office_no in await self._desk.offices_taking_calls():
            if self._desk.calendar(office_no).is_open(now):
                free = await self._desk.free(office_no, self._runner.on_the_line())
                await self._offer_at(office_no, free)

    async def _offer_at(self, office_no: str, free: list[Person]) -> None:
        for request in await self._desk.due(office_no, self._runner.on_the_line()) if free else ():
            while (person := taker(request, free)) is not None:
                if self._runner.waits(request.id):  # their own call rings whoever is kept for them here
                    free.remove(person)
                    break
                offered = await self._offered(request, person)
                if offered is not Offered.NOT_NOW:
                    free.remove(person)
                if offered is not Offered.PERSON_BUSY:
                    break

    async def _offered(self, request: CallbackRequest, person: Person) -> Offered:
        if self._runner.is_on_the_line(request.id):  # they rang a moment ago
            return Offered.NOT_NOW
        try:
            await self.ring(request.id, person.id, offered=True)
        except (CaseworkerInCall, LineError) as error:
            log.info("not_offered", request_id=request.id, why=type(error).__name__)
            return Offered.PERSON_BUSY
        except CallbackError as error:  # somebody was faster: the next one
            log.info("not_offered", request_id=request.id, why=type(error).__name__)
            return Offered.NOT_NOW
        log.info("offered", request_id=request.id, office=request.office_no)
        return Offered.YES

    # -- the on-call telephone

    async def _alert(self) -> None:
        """Ring the on-call telephones for what is urgent: an ordinary callback, which they accept with 1."""
        if not self._runner.line.status().up:
            return
        query = RequestQuery(states=IDLE, due_before=self._desk.clock.now(), limit=_MOST_ALERTS)
        due = await self._desk.find(query)  # urgent ones come first
        never = await self._desk.never_called(due)
        for request in due:
            if request.urgency is not Urgency.URGENT:
                return
            if request.id not in never:
                await self._alert_for(request)

    async def _alert_for(self, request: CallbackRequest) -> None:
        config, now = self._desk.config, self._desk.clock.now()
        office = config.office(request.office_no)
        person = config.on_call(office) if office else None
        if office is None or person is None or not self._desk.calendar(office.office_no).is_open(now):
            return
        if request.phone is None or request.is_out_of_reach(now) or self._runner.is_on_the_line(request.id):
            return
        rung = [a.ended_at for a in request.attempts if a.caseworker == person.id and a.ended_at]
        if rung and now - max(rung) < config.settings.calls.alert_every:
            return
        try:
            await self.ring(request.id, person.id, office.fallback_number)
        except (CallbackError, LineError) as error:  # busy, or somebody was faster: the next sweep looks
            log.info("on_call_not_rung", request_id=request.id, why=type(error).__name__)
        else:
            log.info("on_call_rung", request_id=request.id, office=office.office_no)
