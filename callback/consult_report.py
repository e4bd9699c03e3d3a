"""How the on-call lines did, by office and week: who was answered, how fast, by whom, and whether promises were kept. Pure.

The contact centre's calls count; those of urgent callers stand beside them. Nothing here holds anything of a caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import ceil

from callback.consult import ConsultCaller, ConsultOutcome, DutyCount, DutyOutcome, EndedCall, Promise
from scheduler.clock import from_local, to_local

MOST_WEEKS = 53
ANSWERED_2021, CALLS_2021 = 6, 44
"""What the supervision of 2021 found: so many of the contact centre's calls to the offices were answered."""
_WEEK = timedelta(days=7)
_NO_ANSWER = frozenset({DutyOutcome.NO_ANSWER, DutyOutcome.DROPPED})
_IN_CALL = frozenset({DutyOutcome.IN_CALL, DutyOutcome.BUSY})


@dataclass(frozen=True, slots=True)
class Week:
    """An ISO week where the offices are."""

    year: int
    number: int
    begins_at: datetime
    ends_at: datetime

    @property
    def name(self) -> str:
        return f"{self.year}-W{self.number:02}"


def weeks_until(now: datetime, count: int) -> tuple[Week, ...]:
    """So many, the oldest first; the last is the one that `now` is in."""
    today = to_local(now).date()
    monday = today - timedelta(days=today.weekday())
    return tuple(_week(monday - n * _WEEK) for n in reversed(range(count)))


def _week(monday: date) -> Week:
    year, number, _ = monday.isocalendar()
    return Week(year, number, _midnight(monday), _midnight(monday + _WEEK))


def _midnight(day: date) -> datetime:
    return from_local(datetime.combine(day, datetime.min.time()))


class Kept(StrEnum):
    """What became of a promise."""

    KEPT = "kept"
    """Somebody talked with them in time."""
    BROKEN = "broken"
    OPEN = "open"
    """There is time left."""
    WITHDRAWN = "withdrawn"
    """They no longer wanted it, in time."""


def kept(promise: Promise, now: datetime) -> Kept:
    if promise.talked_at is not None and promise.talked_at <= promise.due_at:
        return Kept.KEPT
    if promise.withdrawn_at is not None and promise.withdrawn_at <= promise.due_at:
        return Kept.WITHDRAWN
    return Kept.OPEN if now <= promise.due_at else Kept.BROKEN


@dataclass(frozen=True, slots=True)
class Rung:
    """How often one person's telephone was to be rung, and what came of it."""

    person_id: str
    rung: int = 0
    answered: int = 0
    declined: int = 0
    no_answer: int = 0
    """Also a voicemail, and whoever took it and was gone at once."""
    in_call: int = 0
    """Passed by, or busy."""

    def __add__(self, other: Rung) -> Rung:
        return Rung(
            self.person_id, self.rung + other.rung, self.answered + other.answered, self.declined + other.declined,
            self.no_answer + other.no_answer, self.in_call + other.in_call,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some calls that have ended."""

    calls: int = 0
    answered: int = 0
    promised: int = 0
    gave_up: int = 0
    lost: int = 0
    waits: tuple[float, ...] = ()
    """Seconds to a person, of each call that was answered."""
    promises: tuple[Kept, ...] = ()
    taken: tuple[float, ...] = ()
    """Seconds until somebody took what was promised, of each promise that somebody has taken."""
    urgent_calls: int = 0
    urgent_answered: int = 0
    people: tuple[Rung, ...] = ()
    """By person id."""

    @property
    def percent(self) -> int | None:
        return percent(self.answered, self.calls)

    def count(self, what: Kept) -> int:
        return self.promises.count(what)


def percent(part: int, whole: int) -> int | None:
    """Rounded, but 100 only when all are. None of none."""
    if not whole:
        return None
    return 100 if part == whole else min(int(100 * part / whole + 0.5), 99)


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest that so many are not above; None of none."""
    if not values:
        return None
    return sorted(values)[max(ceil(share * len(values)), 1) - 1]


def figures(
    calls: Iterable[EndedCall], rung: Iterable[DutyCount], promises: Iterable[Promise], now: datetime
) -> Figures:
    """Of one office."""
    theirs, urgent = list[EndedCall](), list[EndedCall]()
    for call in calls:
        (theirs if call.caller is ConsultCaller.CONTACT_CENTRE else urgent).append(call)
    made, outcomes = list(promises), [call.outcome for call in theirs]
    return Figures(
        len(theirs),
        outcomes.count(ConsultOutcome.ANSWERED),
        outcomes.count(ConsultOutcome.PROMISED),
        outcomes.count(ConsultOutcome.GAVE_UP),
        outcomes.count(ConsultOutcome.LOST),
        tuple(
            call.waited.total_seconds()
            for call in theirs
            if call.waited is not None and call.outcome is ConsultOutcome.ANSWERED
        ),
        tuple(kept(promise, now) for promise in made),
        tuple((one.taken_at - one.made_at).total_seconds() for one in made if one.taken_at is not None),
        len(urgent),
        sum(call.outcome is ConsultOutcome.ANSWERED for call in urgent),
        _by_person(map(_rung, rung)),
    )


def total(parts: Iterable[Figures]) -> Figures:
    """Of all of them together: medians too."""
    all_of = list(parts)
    return Figures(
        sum(one.calls for one in all_of),
        sum(one.answered for one in all_of),
        sum(one.promised for one in all_of),
        sum(one.gave_up for one in all_of),
        sum(one.lost for one in all_of),
        tuple(wait for one in all_of for wait in one.waits),
        tuple(promise for one in all_of for promise in one.promises),
        tuple(taken for one in all_of for taken in one.taken),
        sum(one.urgent_calls for one in all_of),
        sum(one.urgent_answered for one in all_of),
        _by_person(person for one in all_of for person in one.people),
    )


def _rung(of: DutyCount) -> Rung:
    return Rung(
        of.person_id,
        rung=of.count * (of.outcome is not DutyOutcome.IN_CALL),
        answered=of.count * (of.outcome is DutyOutcome.TALKED),
        declined=of.count * (of.outcome is DutyOutcome.DECLINED),
        no_answer=of.count * (of.outcome in _NO_ANSWER),
        in_call=of.count * (of.outcome in _IN_CALL),
    )


def _by_person(found: Iterable[Rung]) -> tuple[Rung, ...]:
    people: dict[str, Rung] = {}
    for one in found:
        before = people.get(one.person_id)
        people[one.person_id] = one if before is None else before + one
    return tuple(people[person_id] for person_id in sorted(people))


@dataclass(frozen=True, slots=True)
class OfficeReport:
    office_no: str
    weeks: tuple[Figures, ...]
    """Of each week of the report."""

    @property
    def total(self) -> Figures:
        return total(self.weeks)


@dataclass(frozen=True, slots=True)
class Report:
    weeks: tuple[Week, ...]
    """The oldest first; the last one is not over."""
    offices: tuple[OfficeReport, ...]

    @property
    def together(self) -> tuple[Figures, ...]:
        """All offices, week by week."""
        return tuple(total(office.weeks[n] for office in self.offices) for n in range(len(self.weeks)))
