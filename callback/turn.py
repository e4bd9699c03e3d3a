"""Whose turn it is: the list in its order, who may take whom, and why somebody is passed over. Pure.

The list is sorted by the store: urgent first, then by the last workable moment, then by the time of registration. Whoever
cannot be served just now is passed over and keeps their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from callback.request import OPEN, CallbackRequest, RequestState, Urgency
from config.model import Config, Person, RetrySettings, Role
from scheduler.calendar import DAY, NeverOpen, OfficeCalendar
from scheduler.day_parts import part_of, windows

_IDLE = frozenset({RequestState.WAITING, RequestState.UNREACHABLE})
_WEEK = 7 * DAY
_NORWEGIAN = frozenset({"nb", "nn"})
"""Everybody at a Nav office speaks it."""


class PassedOver(StrEnum):
    """Why a request is not offered now: to nobody, or (the last five) not to this colleague."""

    NO_NUMBER = "no_number"
    NEVER_CALLED = "never_called"
    """Whoever has the number does not want to be called."""
    OUT_OF_REACH = "out_of_reach"
    """The telephone was borrowed, and the time is over."""
    NOBODY = "nobody"
    """Nobody of the office that serves it may: an administrator must see to it."""
    INTERPRETER = "interpreter"
    """An interpreter is needed, and none is booked."""
    INTERPRETER_LATER = "interpreter_later"
    """One is booked for later."""
    DISCREET = "discreet"
    """Only the part of the day they gave is safe for them."""
    WISH = "wish"
    """They wish to be rung in a part of the day that comes later."""
    NOT_DUE = "not_due"
    CLOSED = "closed"
    """The office that serves it."""
    OTHER_OFFICE = "other_office"
    DISQUALIFIED = "disqualified"
    PROTECTED = "protected"
    ASSIGNED = "assigned"
    """It was given to a colleague."""
    LANGUAGE = "language"
    """A colleague speaks their language."""


@dataclass(frozen=True, slots=True)
class OnTheLine:
    """Whose persons are on the line just now, by request id."""

    waiting: frozenset[str] = frozenset()
    """They wait for a colleague: they are served like those whom we ring, but their own call rings the colleague."""
    in_menu: frozenset[str] = frozenset()
    """They are busy with the menu, and are passed over."""


def list_order(request: CallbackRequest) -> tuple[bool, datetime, datetime, str]:
    """What the list is sorted by."""
    urgent = request.urgency is Urgency.URGENT
    return not urgent, request.last_workable_at, request.registered_at, request.id


def expected_wait(ahead: int, per_talk: timedelta, colleagues: int) -> timedelta:
    """How long until it is the turn of somebody with so many ahead of them, when so many take calls (one at least)."""
    return (ahead + 1) * per_talk / colleagues


FOR_SOME = frozenset({None, PassedOver.ASSIGNED, PassedOver.LANGUAGE})
"""With these of `passed_over` there is somebody who can be offered it now."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the moment and the office say of a request."""

    now: datetime
    calendar: OfficeCalendar | None
    """Of the office that serves it; None when it is not in the configuration."""
    policy: RetrySettings
    people: Sequence[Person]
    """Everybody of that office."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Why a request stands where it stands, beside its urgency and its limit."""

    passed_over: PassedOver | None
    unspoken: bool = False
    """No colleague speaks their language, so that all are asked."""


# -- who may take whom


def is_disqualified(request: CallbackRequest, person: Person) -> bool:
    """They, or a leader above them (forvaltningsloven § 6): then they may have nothing to do with it."""
    return not {person.id, *(person.reports_to or ())}.isdisjoint(request.disqualified)


def may_serve(request: CallbackRequest, person: Person) -> bool:
    """Whether it may be theirs at all."""
    return _why_never(request, person) is None


def may_take(request: CallbackRequest, person: Person, staff: Iterable[Person] = ()) -> bool:
    """Whether this caseworker may be offered it now; `staff` as in `why_not`."""
    return why_not(request, person, staff) is None


def why_not(request: CallbackRequest, person: Person, staff: Iterable[Person] = ()) -> PassedOver | None:
    """Why this colleague is not offered it, if so. `staff`: everybody of the configuration; without them nobody asks
    for languages, for none may be lost because nobody speaks theirs."""
    never = _why_never(request, person)
    if never is not None:
        return never
    if request.assigned_to is not None:
        return None if request.assigned_to == person.id else PassedOver.ASSIGNED
    if speaks(person, request.language) or request.interpreter_at is not None:
        return None
    others = (one for one in servers(request, staff) if speaks(one, request.language))
    return PassedOver.LANGUAGE if next(others, None) is not None else None


def speaks(person: Person, language: str) -> bool:
    """Who states no languages is taken to speak any."""
    return not person.languages or language in person.languages or language in _NORWEGIAN


def servers(request: CallbackRequest, staff: Iterable[Person]) -> list[Person]:
    """Those who may serve it and have a telephone to ring from."""
    return [person for person in staff if person.has_telephone and may_serve(request, person)]


def serving_office(request: CallbackRequest, config: Config) -> str | None:
    """Which office's people serve it instead of `office_no`: the first substitute in turn that has somebody who may.
    None: their own, also where nobody anywhere may."""
    own, seen = request.office_no, set[str]()
    office = config.office(own)
    while office is not None and office.office_no not in seen:
        seen.add(office.office_no)
        there = None if office.office_no == own else office.office_no
        if not request.disqualified or servers(replace(request, substitute=there), config.people):
            return there
        office = config.office(office.substitute_office or "")
    return None


def taker(request: CallbackRequest, free: Iterable[Person], staff: Sequence[Person] = ()) -> Person | None:
    """The first of those who are free that may take it."""
    return next((person for person in free if may_take(request, person, staff)), None)


def matched(
    due: Iterable[CallbackRequest], free: Sequence[Person], staff: Sequence[Person] = ()
) -> list[tuple[CallbackRequest, Person]]:
    """Who serves whom: each request in turn gets the first free colleague who may take it, and nobody gets two."""
    left, pairs = list(free), []
    for request in due:
        person = taker(request, left, staff)
        if person is not None:
            left.remove(person)
            pairs.append((request, person))
    return pairs


# -- who is passed over


def is_unserved(request: CallbackRequest, staff: Iterable[Person]) -> bool:
    """Whether nobody may ever take it, because of who they are: an administrator must see to it."""
    return request.state in OPEN and not servers(request, staff)


def passed_over(request: CallbackRequest, around: Around, *, never_called: bool = False) -> PassedOver | None:
    """Why it is not offered now; None when it can be to everybody, or when somebody has it."""
    if request.state not in _IDLE:
        return None
    found = _unreachable(request, around, never_called) or _not_now(request, around)
    return found or _for_whom(request, around.people)


def standing(request: CallbackRequest, around: Around, *, never_called: bool = False) -> Standing:
    passed = passed_over(request, around, never_called=never_called)
    return Standing(
        passed, passed is None and request.state in _IDLE and nobody_speaks(request, around.people)
    )


def nobody_speaks(request: CallbackRequest, staff: Iterable[Person]) -> bool:
    """Whether no colleague speaks their language, so that all are asked."""
    if request.interpreter_at is not None or request.language in _NORWEGIAN:
        return False
    people = servers(request, staff)
    return bool(people) and not any(speaks(person, request.language) for person in people)


def _unreachable(request: CallbackRequest, around: Around, never_called: bool) -> PassedOver | None:
    if request.phone is None:
        return PassedOver.NO_NUMBER
    if never_called:
        return PassedOver.NEVER_CALLED
    if request.is_out_of_reach(around.now):
        return PassedOver.OUT_OF_REACH
    is_bound = request.protected or bool(request.disqualified)
    return PassedOver.NOBODY if is_bound and is_unserved(request, around.people) else None


def _not_now(request: CallbackRequest, around: Around) -> PassedOver | None:
    now, at = around.now, request.next_attempt_at
    if not request.can_be_talked_with(now):
        is_booked = request.interpreter_at is not None and request.interpreter_at > now
        return PassedOver.INTERPRETER_LATER if is_booked else PassedOver.INTERPRETER
    if request.discreet and not _is_safe(request, around):
        return PassedOver.DISCREET
    if at is not None and at > now:
        waits = request.day_part is not None and part_of(at, around.policy) is request.day_part
        return PassedOver.WISH if waits else PassedOver.NOT_DUE
    is_open = around.calendar is not None and around.calendar.is_open(now)
    return None if is_open or request.has_interpreter(now) else PassedOver.CLOSED


def _is_safe(request: CallbackRequest, around: Around) -> bool:
    """The deadline wins over a wish, but not over what keeps them safe. Hours in which the office is never open
    bind nobody: they would never be rung."""
    part = request.day_part
    if part is None or part_of(around.now, around.policy) is part or around.calendar is None:
        return True
    try:
        coming = windows(around.now, around.policy, around.calendar)
        week = takewhile(lambda window: window.begins < around.now + _WEEK, coming)
        return all(window.part is not part for window in week)
    except NeverOpen:
        return True


def _for_whom(request: CallbackRequest, people: Sequence[Person]) -> PassedOver | None:
    if request.assigned_to is None and request.language in _NORWEGIAN:
        return None
    whys = {why_not(request, person, people) for person in servers(request, people)}
    return next((why for why in (PassedOver.ASSIGNED, PassedOver.LANGUAGE) if why in whys), None)


def _why_never(request: CallbackRequest, person: Person) -> PassedOver | None:
    if person.office_no != request.served_by or person.role is Role.CONTACT_CENTRE:
        return PassedOver.OTHER_OFFICE
    if is_disqualified(request, person):
        return PassedOver.DISQUALIFIED
    return PassedOver.PROTECTED if request.protected and not person.protected_access else None
