"""Waiting on the line: who is served next, live or rung, and how long the others wait. Part of the desk.

Whoever waits on the line is an ordinary request of the list. One order serves both: a callback never overtakes a caller
who stands before it, nor the other way round.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from callback.desk_guards import DeskGuards
from callback.desk_return import DeskReturn
from callback.desk_serving import DeskServing
from callback.desk_wishes import IDLE
from callback.request import CallbackRequest, RequestState
from callback.store import RequestQuery, Store
from callback.turn import FOR_SOME, OnTheLine, expected_wait, list_order, may_take, taker
from config.model import Config, Person
from scheduler.clock import Clock

_FIRST_PAGE, _LARGEST_PAGE = 16, 64
"""Requests of one office read at once."""
_SHORT = 20
_MOMENT = timedelta(seconds=5)
"""A list longer than `_SHORT` is looked at once in so long, and whoever asks meanwhile is told their place by it. Whose
turn it is, everybody is told by the list as it is then."""
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
    """This and `expected`: of who is told to wait."""
    expected: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class _Places:
    """Who stands in line at an office: everybody's `list_order`, in order."""

    seen_at: datetime
    orders: tuple[tuple[object, ...], ...]
    per_talk: timedelta


class DeskWaiting(DeskServing, DeskReturn, DeskGuards):
    """The use cases of waiting on the line."""

    def __init__(self, store: Store, config: Config, clock: Clock) -> None:
        super().__init__(store, config, clock)
        self._places: dict[str, _Places] = {}
        """By office."""
        self._looking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def turn(self, request_id: str, line: OnTheLine) -> Turn:
        """How it is now with a request whose person waits on the line, among all that are due and all that wait.

        Raises UnknownRequest, StoreUnavailable."""
        if request_id not in line.waiting or request_id in line.in_menu:
            line = OnTheLine(line.waiting | {request_id}, line.in_menu - {request_id})
        request = await self.get(request_id)
        if request.state not in IDLE | {RequestState.CLAIMED}:
            return Turn(request, over=True)
        holder = self._people.get(request.claimed_by or "")
        if holder is not None and holder.has_telephone and not await self._is_in_call(holder):
            return Turn(request, colleague=holder, by_hand=True)
        office_no = request.served_by
        calendar = self._calendars.get(office_no)
        if calendar is None or not calendar.is_open(self.clock.now()):
            is_open = self.is_open_now(request.office_no)  # then phone hours are not over for who rang it
            return Turn(request, closed=not is_open, nobody=is_open)
        staff = self.staff(office_no)
        ready, busy = await self._ready_and_busy(line)
        takers = [p for p, _ in ready if p.has_telephone and may_take(request, p, staff)]
        if not takers or not request.can_be_talked_with(self.clock.now()):
            return Turn(request, nobody=True)
        free = [p for p in self._free(ready, busy) if p.office_no == office_no]
        person = await self._colleague_for(request, free, line)
        if person is not None:
            return Turn(request, colleague=person)
        places = await self._places_at(office_no, line)
        ahead = bisect_left(places.orders, list_order(request))
        return Turn(request, place=ahead + 1, expected=expected_wait(ahead, places.per_talk, len(takers)))

    async def due(
        self, office_no: str, line: OnTheLine, page_size: int = _FIRST_PAGE
    ) -> AsyncGenerator[CallbackRequest]:
        """Whom an office can serve now, in order: those who can be rung, and those who wait on the line. They are read
        page by page, each larger than the one before."""
        in_call = {attempt.phone for attempt in await self.store.live_attempts()}
        query = RequestQuery(
            served_by=office_no,
            states=IDLE,
            due_before=self.clock.now(),
            waiting=line.waiting,
            limit=page_size,
        )
        while True:
            page = await self.find(query)
            never = await self.never_called(r for r in page if r.id not in line.waiting)
            for request in self._served_now(page, line, never):
                if request.id in line.waiting or request.phone not in in_call:
                    yield request
            if len(page) < query.limit:
                return
            query = replace(query, after=page[-1], limit=min(4 * query.limit, _LARGEST_PAGE))

    def _served_now(
        self, found: Iterable[CallbackRequest], line: OnTheLine, never: frozenset[str]
    ) -> list[CallbackRequest]:
        """Those of them whom somebody can be given to now: who waits on the line and can be talked with, and who can be
        rung. Callers in the menu are passed over."""
        now = self.clock.now()
        return [
            request
            for request in found
            if request.id not in line.in_menu
            and (
                request.can_be_talked_with(now)
                if request.id in line.waiting
                else self.passed_over(request, never_called=request.id in never) in FOR_SOME
            )
        ]

    async def free(self, line: OnTheLine) -> list[Person]:
        """Who takes calls, has a telephone, and has nothing to do with another request: the one who has
        waited longest first. Whoever has taken somebody who waits on the line is about to be rung for them."""
        return self._free(*await self._ready_and_busy(line))

    def _free(self, ready: Iterable[tuple[Person, datetime]], busy: frozenset[str]) -> list[Person]:
        now = self.clock.now()
        return [p for p, since in ready if p.has_telephone and p.id not in busy and since <= now]

    async def _ready_and_busy(self, line: OnTheLine) -> tuple[list[tuple[Person, datetime]], frozenset[str]]:
        """Who takes calls, since when; and ids of whoever has to do with a request."""
        ready, occupied, claims = await asyncio.gather(
            self.ready_since(), self.store.occupied(), self.store.claims()
        )
        taken = {person_id for request_id, person_id in claims.items() if request_id in line.waiting}
        people = [(self._people.get(person_id), since) for person_id, since in ready]
        return [(person, since) for person, since in people if person is not None], occupied | taken

    async def _is_in_call(self, person: Person) -> bool:
        return person.id in {attempt.caseworker for attempt in await self.store.live_attempts()}

    async def _colleague_for(
        self, request: CallbackRequest, left: list[Person], line: OnTheLine
    ) -> Person | None:
        """Whom to ring for somebody who waits: as `callback.turn.matched`, of those who are `left`, and no further."""
        staff = self.staff(request.served_by)
        if request.state not in IDLE or taker(request, left, staff) is None:
            return None
        async with aclosing(self.due(request.served_by, line)) as due:
            async for one in due:
                person = taker(one, left, staff)
                if one.id == request.id:
                    return person
                if person is not None:
                    left.remove(person)
                    if taker(request, left, staff) is None:
                        return None
        return None

    async def _places_at(self, office_no: str, line: OnTheLine) -> _Places:
        looking, known = self._looking[office_no], self._places.get(office_no)
        if known is not None and looking.locked() and len(known.orders) > _SHORT:
            return known  # who looks anew just now takes a while, with so many
        async with looking:
            known, now = self._places.get(office_no), self.clock.now()
            if known is None or len(known.orders) <= _SHORT or now - known.seen_at >= _MOMENT:
                orders = tuple([list_order(one) async for one in self.due(office_no, line, _LARGEST_PAGE)])
                known = self._places[office_no] = _Places(now, orders, await self._per_talk(office_no))
            return known

    async def _per_talk(self, office_no: str) -> timedelta:
        """How long a colleague is busy with one request: a talk, as the latest ones were, and the time after it."""
        calls = self.config.settings.calls
        talks = await self.store.talks(office_no, self.clock.now() - _RECENT, _LATEST_TALKS)
        spans = [a.ended_at - a.connected_at for a in talks if a.ended_at and a.connected_at]
        if len(spans) < _ENOUGH_TALKS:
            return calls.typical_talk + calls.wrap_up
        return sum(spans, timedelta()) / len(spans) + calls.wrap_up
