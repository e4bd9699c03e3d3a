"""Waiting on the line: who is served next, live or rung, and how long the others wait. Part of the desk.

Whoever waits on the line is an ordinary request of the list. One order serves both: a callback never overtakes a caller
who stands before it, nor the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from callback.desk_guards import DeskGuards
from callback.desk_return import DeskReturn
from callback.desk_serving import DeskServing
from callback.desk_wishes import IDLE
from callback.request import CallbackRequest, RequestState
from callback.store import RequestQuery
from callback.turn import FOR_SOME, OnTheLine, expected_wait, list_order, matched, may_take
from config.model import Person

_MOST_DUE = 200
"""Requests of one office looked at, at once."""
_LATEST_TALKS = 20
_ENOUGH_TALKS = 5
"""Fewer say nothing of the next one."""
_RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Turn:
    """How it is with a request whose person waits on the line. At most one of the three reasons against waiting holds."""

    request: CallbackRequest
    over: bool = False
    """Nothing to wait for: it has ended, or a colleague has it in a call."""
    closed: bool = False
    nobody: bool = False
    """Nobody who may serve them takes calls, or they need an interpreter and none is there."""
    colleague: Person | None = None
    """Whom to ring for them now."""
    by_hand: bool = False
    """The colleague has taken the request."""
    place: int = 1
    expected: timedelta = timedelta(0)


class DeskWaiting(DeskServing, DeskReturn, DeskGuards):
    """The use cases of waiting on the line."""

    async def turn(self, request_id: str, line: OnTheLine) -> Turn:
        """How it is now with a request whose person waits on the line, among all that are due and all that wait.

        Raises UnknownRequest, StoreUnavailable."""
        line = OnTheLine(line.waiting | {request_id}, line.in_menu - {request_id})
        request = await self.get(request_id)
        if request.state not in IDLE | {RequestState.CLAIMED}:
            return Turn(request, over=True)
        holder = self._people.get(request.claimed_by or "")
        in_call = {attempt.caseworker for attempt in await self.store.live_attempts()}
        if holder is not None and holder.has_telephone and holder.id not in in_call:
            return Turn(request, colleague=holder, by_hand=True)
        office_no = request.served_by
        calendar = self._calendars.get(office_no)
        if calendar is None or not calendar.is_open(self.clock.now()):
            is_open = self.is_open_now(request.office_no)  # then phone hours are not over for who rang it
            return Turn(request, closed=not is_open, nobody=is_open)
        staff = self.staff(office_no)
        takers = [p for p in await self.ready(office_no) if p.has_telephone and may_take(request, p, staff)]
        if not takers or not request.can_be_talked_with(self.clock.now()):
            return Turn(request, nobody=True)
        due = await self.due(office_no, line)
        pairs = matched(due, [p for p in await self.free(line) if p.office_no == office_no], staff)
        person = next((person for one, person in pairs if one.id == request_id), None)
        ahead = sum(list_order(one) < list_order(request) for one in due)
        expected = expected_wait(ahead, await self._per_talk(office_no), len(takers))
        return Turn(request, colleague=person, place=ahead + 1, expected=expected)

    async def due(self, office_no: str, line: OnTheLine) -> list[CallbackRequest]:
        """Whom an office can serve now, in order: those who can be rung, and those who wait on the line."""
        query = RequestQuery(served_by=office_no, states=IDLE, due_before=self.clock.now(), limit=_MOST_DUE)
        in_call = {attempt.phone for attempt in await self.store.live_attempts()}
        found = [r for r in await self.ringable(await self.find(query), line) if r.phone not in in_call]
        return sorted((*found, *await self.waiting(office_no, line)), key=list_order)

    async def ringable(self, due: list[CallbackRequest], line: OnTheLine) -> list[CallbackRequest]:
        """Those of them who can be rung now. Whoever is on the line cannot: callers in the menu are passed over."""
        return self._ringable(due, line, await self.never_called(due))

    def _ringable(
        self, due: list[CallbackRequest], line: OnTheLine, never: frozenset[str]
    ) -> list[CallbackRequest]:
        on_the_line = line.waiting | line.in_menu
        return [
            request
            for request in due
            if request.id not in on_the_line
            and self.passed_over(request, never_called=request.id in never) in FOR_SOME
        ]

    async def waiting(self, office_no: str, line: OnTheLine) -> list[CallbackRequest]:
        """Those of an office who wait on the line, can be talked with, and whom nobody has taken, in order."""
        now = self.clock.now()
        waiting = [r for r in await self._waiting(line) if r.state in IDLE and r.served_by == office_no]
        return sorted((r for r in waiting if r.can_be_talked_with(now)), key=list_order)

    async def free(self, line: OnTheLine) -> list[Person]:
        """Who takes calls, has a telephone, and has nothing to do with another request: the one who has
        waited longest first. Whoever has taken somebody who waits on the line is about to be rung for them."""
        busy = await self.store.occupied()
        busy |= {r.claimed_by or "" for r in await self._waiting(line) if r.state is RequestState.CLAIMED}
        now = self.clock.now()
        ready = [(self._people.get(person_id), since) for person_id, since in await self.ready_since()]
        return [
            person
            for person, since in ready
            if person is not None and person.has_telephone and person.id not in busy and since <= now
        ]

    async def _waiting(self, line: OnTheLine) -> list[CallbackRequest]:
        found = [await self.store.get(request_id) for request_id in sorted(line.waiting)]
        return [request for request in found if request is not None]

    async def _per_talk(self, office_no: str) -> timedelta:
        """How long a colleague is busy with one request: a talk, as the latest ones were, and the time after it."""
        calls = self.config.settings.calls
        talks = await self.store.talks(office_no, self.clock.now() - _RECENT, _LATEST_TALKS)
        spans = [a.ended_at - a.connected_at for a in talks if a.ended_at and a.connected_at]
        if len(spans) < _ENOUGH_TALKS:
            return calls.typical_talk + calls.wrap_up
        return sum(spans, timedelta()) / len(spans) + calls.wrap_up
