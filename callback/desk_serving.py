"""Who may serve a request: the disqualified, the substitute office, the interpreter, protected persons. Part of the desk.

Nothing here moves the clock or the place on the list. The ledger says who was marked and by whom, never why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from callback.desk_base import DeskError, MissingText, UnknownPerson, may_hold
from callback.desk_wishes import DeskWishes
from callback.request import (
    INTERPRETER_STAYS,
    OPEN,
    CallbackError,
    CallbackRequest,
    RequestEvent,
    RequestState,
    next_state,
)
from callback.store import Change, RequestQuery
from callback.turn import (
    Around,
    PassedOver,
    Standing,
    is_disqualified,
    may_serve,
    passed_over,
    serving_office,
    standing,
)
from config.model import Config, Person
from scheduler.clock import aware_utc

LONGEST_BOOKING = timedelta(days=90)
"""An interpreter booked later than this is a slip of the pen."""
_MOST = 10_000
_TALK = frozenset({RequestState.CALLING, RequestState.RESULT_DUE})


class BadBooking(DeskError):
    """The interpreter cannot be booked for this time."""


class ResultFirst(DeskError):
    """Whoever talks with them, or has to write how it went, could not do so afterwards: the result comes first."""


class DeskServing(DeskWishes):
    """The use cases of who may serve a request, and when somebody can be talked with."""

    def use_config(self, config: Config) -> None:
        super().use_config(config)
        offices = {person.office_no for person in config.people}
        self._staff = {no: tuple(p for p in config.people if p.office_no == no) for no in offices}

    async def disqualify(self, request_id: str, person_id: str, actor: str) -> CallbackRequest:
        """They may have nothing to do with it (inhabil), nor may those who report to them. What they hold of it is let
        go; when nobody of the office is left, the substitute office serves it. Raises UnknownPerson for somebody who
        has to do neither with the office nor with its people."""
        person = self.person(person_id)

        async def change(request: CallbackRequest) -> CallbackRequest:
            if person.id in request.disqualified:
                return request
            if person not in self.could_be_disqualified(request):
                raise UnknownPerson(f"{person.name} does not belong to office {request.served_by}")
            after = replace(request, disqualified=(*request.disqualified, person.id))
            return await self._save_fitted(request, after, actor, "disqualified", person=person.id)

        return await self._retrying_open(request_id, change)

    async def lift_disqualified(
        self, request_id: str, person_id: str, actor: str, why: str
    ) -> CallbackRequest:
        """It was a mistake, or is so no more: a leader writes why. That goes to the note. The request comes home to its
        own office, when nobody is in a call for it. Raises MissingText."""
        if not why.strip():
            raise MissingText("write why they may serve the request after all")

        async def change(request: CallbackRequest) -> CallbackRequest:
            if person_id not in request.disqualified:
                return request
            left = tuple(one for one in request.disqualified if one != person_id)
            note = f"{request.note}\n{why.strip()}" if request.note else why.strip()
            after = replace(request, disqualified=left, note=note)
            return await self._save_fitted(
                request, after, actor, "disqualified_lifted", person=person_id, reason_written=True
            )

        return await self._retrying_open(request_id, change)

    async def set_interpreter(
        self, request_id: str, needed: bool, booked_at: datetime | None, actor: str
    ) -> CallbackRequest:
        """Whether an interpreter is needed, and when one is booked. Without a booking nobody is rung by itself; with
        one the next attempt is then, whatever the wishes say. Raises BadBooking, and ValueError for a naive time."""
        at = self._booking(needed, booked_at)

        async def change(request: CallbackRequest) -> CallbackRequest:
            if (request.interpreter, request.interpreter_at) == (needed, at):
                return request
            after = self._replanned(replace(request, interpreter=needed, interpreter_at=at))
            entry = self._entry(
                after, actor, "interpreter_set", request.state, needed=needed, booked=at is not None
            )
            (saved,) = await self.store.save(Change(after, (entry,)))
            return saved

        return await self._retrying_open(request_id, change)

    async def set_protected(self, request_id: str, protected: bool, actor: str) -> CallbackRequest:
        """A protected address (strengt fortrolig or fortrolig): only people with `protected_access` see it. Also of a
        request that has ended. Raises ResultFirst."""

        async def change(request: CallbackRequest) -> CallbackRequest:
            if request.protected is protected:
                return request
            after = replace(request, protected=protected)
            holder = self._people.get(request.claimed_by or "")
            if request.state in _TALK and holder is not None and self._loses(request, after, holder):
                raise ResultFirst("they talk, or the result is not written yet; write it first")
            return await self._save_fitted(request, after, actor, "protected_set", protected=protected)

        return await self._retrying(request_id, change)

    async def unwanted(self, ringing: Iterable[str]) -> set[str]:
        """Which of these attempts nobody is to be rung for any more: those that have ended, and of colleagues who may have
        nothing to do with the request now."""
        live = {attempt.id for attempt in await self.store.live_attempts()}
        calling = frozenset({RequestState.CALLING})
        for request in await self.find(RequestQuery(restricted=True, states=calling, limit=_MOST)):
            attempt = request.live_attempt
            person = None if attempt is None else self._people.get(attempt.caseworker)
            if attempt and (person is None or not (may_serve(request, person) or may_hold(request, person))):
                live.discard(attempt.id)
        return set(ringing) - live

    # -- looking

    def around(self, request: CallbackRequest) -> Around:
        """What this moment and the office that serves it say of a request."""
        return Around(
            self.clock.now(),
            self._calendars.get(request.served_by),
            self.config.settings.retry,
            self._staff.get(request.served_by, ()),
        )

    def staff(self, office_no: str) -> tuple[Person, ...]:
        """Everybody of an office."""
        return self._staff.get(office_no, ())

    def passed_over(self, request: CallbackRequest, *, never_called: bool = False) -> PassedOver | None:
        """Why it is not offered now, as `callback.turn.passed_over`."""
        return passed_over(request, self.around(request), never_called=never_called)

    def standing(self, request: CallbackRequest, *, never_called: bool = False) -> Standing:
        """As `callback.turn.standing`."""
        return standing(request, self.around(request), never_called=never_called)

    def could_be_disqualified(self, request: CallbackRequest) -> list[Person]:
        """The people of its offices, and the leaders above them."""
        offices = (request.office_no, request.served_by)
        theirs = [person for person in self.config.people if person.office_no in offices]
        above = {leader for person in theirs for leader in person.reports_to or ()}
        return [p for p in self.config.people if p in theirs or p.id in above]

    # -- inner workings

    async def settle(self) -> None:
        """What a change of the configuration, or the end of a call, has made wrong: who has left holds no request, and
        each is served where somebody may."""
        for request in await self.find(RequestQuery(restricted=True, states=OPEN, limit=_MOST)):
            if self._fitted(request) == request:
                continue
            try:
                await self._retrying_open(request.id, self._settled)
            except CallbackError:  # someone acted in between: the next sweep looks again
                continue

    async def _settled(self, request: CallbackRequest) -> CallbackRequest:
        after = self._fitted(request)
        return request if after == request else await self._save_fitted(request, after, "service", "settled")

    async def _save_fitted(
        self, before: CallbackRequest, after: CallbackRequest, actor: str, event: str, **details: Any
    ) -> CallbackRequest:
        after = self._fitted(after)
        if after.served_by != before.served_by:
            details["served_by"] = after.served_by
        entry = self._entry(after, actor, event, before.state, **details)
        (saved,) = await self.store.save(Change(after, (entry,)))
        return saved

    def _fitted(self, request: CallbackRequest) -> CallbackRequest:
        """As it must be by who may serve it: the office, whom it was given to, and who holds it."""
        if not request.is_open:
            return request
        holder = self._people.get(request.claimed_by or "")
        may = holder is not None and may_hold(request, holder)
        if not (may and request.state in _TALK):  # else whoever talks with them ends that first
            request = replace(request, substitute=serving_office(request, self.config))
        to = self._people.get(request.assigned_to or "")
        if request.assigned_to is not None and (to is None or not may_serve(request, to)):
            request = replace(request, assigned_to=None)
        if holder is not None and not may_hold(request, holder):
            return self._let_go(request, holder)
        return request

    def _let_go(self, request: CallbackRequest, holder: Person) -> CallbackRequest:
        """Out of the hands of one who may not have it. A live call ends by itself; a talk of one who is disqualified
        counts for nothing: a colleague rings again."""
        if request.state is RequestState.CLAIMED:
            event = RequestEvent.RELEASED
        elif request.state is RequestState.RESULT_DUE and is_disqualified(request, holder):
            event = RequestEvent.RESULT_RING_AGAIN
        else:
            return request
        free = replace(request, state=next_state(request, event), claimed_by=None, claimed_at=None)
        return replace(free, next_attempt_at=self._plan(free, at_once=True))

    def _loses(self, before: CallbackRequest, after: CallbackRequest, holder: Person) -> bool:
        return may_serve(before, holder) and not may_serve(after, holder)

    def _booking(self, needed: bool, booked_at: datetime | None) -> datetime | None:
        if booked_at is None or not needed:
            return None
        at, now = aware_utc(booked_at), self.clock.now()
        if at + INTERPRETER_STAYS <= now:
            raise BadBooking("the interpreter's time has passed; give a later one")
        if at > now + LONGEST_BOOKING:
            raise BadBooking(
                f"the interpreter is booked more than {LONGEST_BOOKING.days} days ahead; check the date"
            )
        return at


def with_fitness_of(kept: CallbackRequest, gone: CallbackRequest) -> CallbackRequest:
    """Whoever was kept away from the request that goes is kept away from the one that stays."""
    return replace(
        kept,
        disqualified=tuple(dict.fromkeys((*kept.disqualified, *gone.disqualified))),
        protected=kept.protected or gone.protected,
        interpreter=kept.interpreter or gone.interpreter,
        interpreter_at=kept.interpreter_at or gone.interpreter_at,
    )


__all__ = ["BadBooking", "DeskServing", "ResultFirst", "with_fitness_of"]
