"""What every use case of the desk stands on: lookups, refusals, and saving by compare and set.

It decides nothing by itself, and nothing but the desk (`desk.py`, `desk_*.py`) builds on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime, time
from typing import Any, TypeVar

import structlog

from callback.notice import Notice
from callback.numbers import NumberRefused, Refusal, check_number
from callback.request import (
    AttemptOutcome,
    CallAttempt,
    CallbackError,
    CallbackRequest,
    LedgerEntry,
    RequestEvent,
    RequestState,
    Urgency,
    next_state,
)
from callback.store import Change, RequestQuery, StaleRequest, Store
from callback.turn import is_disqualified
from config.model import Config, Office, Person, Role
from scheduler.calendar import OfficeCalendar
from scheduler.clock import Clock, from_local, to_local
from scheduler.retry import PastAttempt, Wishes, next_attempt

log = structlog.get_logger(__name__)

T = TypeVar("T")

TRIES = 5
"""How often a change is tried on fresh data before a race is given up."""


class DeskError(CallbackError):
    """The desk refuses; nothing was changed."""


class UnknownRequest(DeskError):
    """There is no request with this id."""


class UnknownOffice(DeskError):
    """There is no office with this number."""


class UnknownPerson(DeskError):
    """There is no such person, or they do not belong to the office."""


class HasNoNumber(DeskError):
    """The request has no number to ring yet."""


class OutOfReach(DeskError):
    """The number was borrowed, and the time for it is over; the request needs a number again."""


class AskedNotToBeCalled(DeskError):
    """The person at this number does not want to be called."""


class MayNotServe(DeskError):
    """This person may have nothing to do with the request."""


class HeldByOther(DeskError):
    """A colleague has this request. `person_id` says who."""

    def __init__(self, person_id: str, name: str) -> None:
        super().__init__(f"{name} has this request")
        self.person_id = person_id
        self.name = name


class MissingText(DeskError):
    """This needs a written reason, and a decision also the other channel that was tried."""


class DeskBase:
    """Reads, refuses and saves."""

    def __init__(self, store: Store, config: Config, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.on_office_changed: Callable[[], None] = lambda: None
        """Told when something that is shown of an office may have changed: hours, who is on duty, what it says of itself."""
        self.use_config(config)

    def use_config(self, config: Config) -> None:
        """From now on. Nothing that was promised moves: deadlines are rows."""
        self.config = config
        self._people = {person.id: person for person in config.people}
        self._calendars = {office.office_no: OfficeCalendar(office) for office in config.offices}
        self._own_numbers = {
            config.settings.oncall.number,
            *(office.public_number for office in config.offices),
            *(line.number for line in config.on_call_lines if line.number),
        }
        self.on_office_changed()

    # -- lookups

    def office(self, office_no: str) -> Office:
        office = self.config.office(office_no)
        if office is None:
            raise UnknownOffice(f"no office {office_no!r}; known: {', '.join(sorted(self._calendars))}")
        return office

    def calendar(self, office_no: str) -> OfficeCalendar:
        return self._calendars[self.office(office_no).office_no]

    def is_open_now(self, office_no: str) -> bool:
        """False also for an office that is none."""
        calendar = self._calendars.get(office_no)
        return calendar is not None and calendar.is_open(self.clock.now())

    def person(self, person_id: str) -> Person:
        person = self._people.get(person_id)
        if person is None:
            raise UnknownPerson(f"no person {person_id!r} in staff.toml")
        return person

    def check_number(self, raw: str) -> str:
        """`callback.numbers.check_number`, and never one of our own lines: a callback must not ring the menu."""
        phone = check_number(raw, self.config.settings.numbers)
        if phone in self._own_numbers:
            raise NumberRefused(Refusal.OWN_NUMBER)
        return phone

    async def get(self, request_id: str) -> CallbackRequest:
        request = await self.store.get(request_id)
        if request is None:
            raise UnknownRequest(f"no request {request_id!r}")
        return request

    async def find(self, query: RequestQuery) -> list[CallbackRequest]:
        return await self.store.find(query)

    async def ready_since(self) -> list[tuple[str, datetime]]:
        """(person id, since when) of those who take calls. What was said on another day says nothing of this one."""
        today = from_local(datetime.combine(to_local(self.clock.now()).date(), time.min))
        return [ready for ready in await self.store.ready() if ready[1] >= today]

    # -- inner workings

    def _refuse_barred(self, request: CallbackRequest, person: Person) -> None:
        """Whoever may have nothing to do with it."""
        if person.office_no not in (None, request.served_by):
            raise UnknownPerson(f"{person.name} does not belong to office {request.served_by}")
        if _is_barred(request, person):
            raise MayNotServe(f"{person.name} may have nothing to do with request {request.id}")

    def _refuse_other(self, request: CallbackRequest, person: Person) -> None:
        self._refuse_barred(request, person)
        if request.is_open and request.claimed_by not in (None, person.id):
            holder = self._people.get(request.claimed_by or "")
            if holder is not None and not _is_barred(request, holder):  # who has left holds nothing
                raise HeldByOther(holder.id, holder.name)

    def _plan(self, request: CallbackRequest, *, at_once: bool = False) -> datetime:
        """The next attempt, by what came before at this number, or `at_once` as if nothing had; by the wishes in
        any case."""
        at = request.interpreter_at
        if at is not None and at > self.clock.now():
            return at  # nobody could talk with them before
        calendar = self._calendars.get(request.office_no)
        if calendar is None:  # the office was taken out of the configuration: due now, for whoever looks
            return self.clock.now()
        history = [] if at_once else history_of(request)
        policy = self.config.settings.retry
        return next_attempt(history, policy, calendar, wishes_of(request), self.clock.now()).at

    async def _apply_saved(
        self,
        request: CallbackRequest,
        event: RequestEvent,
        actor: str,
        details: dict[str, Any] | None = None,
        *,
        attempt: CallAttempt | None = None,
        notices: tuple[Notice, ...] = (),
        **fields: Any,
    ) -> CallbackRequest:
        change = self._change(request, event, actor, details, attempt=attempt, notices=notices, **fields)
        return await self._saved(request, change)

    async def _saved(self, request: CallbackRequest, change: Change) -> CallbackRequest:
        (saved,) = await self.store.save(change)
        event = change.entries[0].event
        log.info("request_changed", request_id=saved.id, change=f"{request.state} -[{event}]-> {saved.state}")
        return saved

    def _change(
        self,
        request: CallbackRequest,
        event: RequestEvent,
        actor: str,
        details: dict[str, Any] | None = None,
        *,
        attempt: CallAttempt | None = None,
        notices: tuple[Notice, ...] = (),
        **fields: Any,
    ) -> Change:
        after = replace(request, state=next_state(request, event), **fields)
        if not after.is_open:
            after = replace(after, escalates_at=None)
        entry = self._entry(after, actor, event.value, request.state, **(details or {}))
        return Change(after, (entry,), attempt, notices)

    async def _mark(self, attempt_id: str, event: str, **fields: Any) -> None:
        async def change(request: CallbackRequest) -> CallbackRequest:
            attempt = attempt_of(request, attempt_id)
            if attempt.ended_at is not None or all(getattr(attempt, name) for name in fields):
                return request
            entry = self._entry(request, "service", event, request.state, attempt=attempt_id)
            (saved,) = await self.store.save(Change(request, (entry,), replace(attempt, **fields)))
            return saved

        await self._by_attempt(attempt_id, change)

    async def _retrying(
        self,
        request_id: str,
        change: Callable[[CallbackRequest], Awaitable[CallbackRequest]],
        request: CallbackRequest | None = None,
    ) -> CallbackRequest:
        """`request`: as it was read just now; else it is read."""
        for attempt in range(TRIES):
            try:
                return await change(request or await self.get(request_id))
            except StaleRequest:
                if attempt == TRIES - 1:
                    raise
                request = None
        raise AssertionError("unreachable")

    async def _retrying_open(
        self, request_id: str, change: Callable[[CallbackRequest], Awaitable[CallbackRequest]]
    ) -> CallbackRequest:
        """As `_retrying`; a request that has ended is returned as it is."""

        async def change_open(request: CallbackRequest) -> CallbackRequest:
            return await change(request) if request.is_open else request

        return await self._retrying(request_id, change_open)

    async def _by_attempt(
        self, attempt_id: str, change: Callable[[CallbackRequest], Awaitable[CallbackRequest]]
    ) -> CallbackRequest:
        request = await self.store.get_by_attempt(attempt_id)
        if request is None:
            raise UnknownRequest(f"no attempt {attempt_id!r}")
        return await self._retrying(request.id, change, request)

    def _entry(
        self, after: CallbackRequest, actor: str, event: str, before: RequestState | None, **details: Any
    ) -> LedgerEntry:
        return LedgerEntry(after.id, self.clock.now(), actor, event, before, after.state, details)


def history_of(request: CallbackRequest) -> list[PastAttempt]:
    """The attempts at its number that have ended. A miss counts from their ringing, a conversation from its end."""
    return [
        PastAttempt(
            a.ended_at if a.connected_at else a.ringing_at or a.ended_at,
            (a.result or a.outcome or AttemptOutcome.LINE_FAILED).value,
        )
        for a in request.attempts
        if a.ended_at is not None and a.phone == request.phone and not _nobody_rung(a)
    ]


def wishes_of(request: CallbackRequest) -> Wishes:
    """What its plan must respect. What is urgent, and a booked interpreter, do not wait for a part of the day."""
    waits = request.urgency is Urgency.ORDINARY and request.interpreter_at is None
    part = request.day_part if waits else None
    return Wishes(request.registered_at, request.last_workable_at, part, request.reachable_until)


def may_hold(request: CallbackRequest, person: Person) -> bool:
    """Whether they may keep a request that they took by hand."""
    is_there = person.office_no in (None, request.served_by) and person.role is not Role.CONTACT_CENTRE
    return is_there and not _is_barred(request, person)


def _is_barred(request: CallbackRequest, person: Person) -> bool:
    """Administrators see, and end, what nobody else may see."""
    if is_disqualified(request, person):
        return True
    return request.protected and not person.protected_access and person.role is not Role.ADMIN


def attempt_of(request: CallbackRequest, attempt_id: str) -> CallAttempt:
    return next(a for a in request.attempts if a.id == attempt_id)


def _nobody_rung(attempt: CallAttempt) -> bool:
    """A colleague did not take their telephone, or did not accept: for the caller nothing has happened."""
    return attempt.outcome is AttemptOutcome.CANCELLED and attempt.ringing_at is None


def with_attempt(request: CallbackRequest, attempt: CallAttempt) -> CallbackRequest:
    """The request with one of its attempts replaced."""
    return replace(request, attempts=tuple(attempt if a.id == attempt.id else a for a in request.attempts))


async def together(acts: Iterable[Awaitable[T]]) -> list[T]:
    """All at the same time; raises only when all have come to their end."""
    done = await asyncio.gather(*acts, return_exceptions=True)
    for answer in done:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in done if not isinstance(answer, BaseException)]
