"""The roster of an on-call line: who is on duty, who comes next. Pure.

All instants are aware UTC. A shift holds from `begins_at` until just before `ends_at`; one that ends no later than it
begins holds never. At each instant there is one answer: of the overrides that hold the newest decides alone; without any,
all shifts that hold are on duty together; without these, the line's standing order is. A shift of nobody says that nobody is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum


class ShiftKind(StrEnum):
    SHIFT = "shift"
    OVERRIDE = "override"
    """Replaces the shifts in its time."""


class ShiftSource(StrEnum):
    PAGE = "page"
    """Somebody wrote it: on the page, or at the command line."""
    IMPORT = "import"
    """From a file."""
    FEED = "feed"
    """From the line's calendar."""


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DutyShift:
    """Somebody is on duty on one line from `begins_at` until `ends_at`."""

    id: str
    line_id: str
    people: tuple[str, ...]
    """Ids, in the order they are rung."""
    begins_at: datetime
    ends_at: datetime
    kind: ShiftKind = ShiftKind.SHIFT
    source: ShiftSource = ShiftSource.PAGE
    uid: str | None = None
    """Of the event in a calendar that it came from."""
    changed_by: str = ""
    changed_at: datetime = _LONG_AGO


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on duty at one instant."""

    people: tuple[str, ...]
    """Ids, in the order they are rung; empty: nobody."""
    until: datetime | None = None
    """When that changes; None: not as far as is known."""
    then: tuple[str, ...] = ()
    """Who comes then."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The same people are on duty from `begins_at` until `ends_at`."""

    begins_at: datetime
    ends_at: datetime
    people: tuple[str, ...]


class Roster:
    """One line's, made once and asked often. Bounds and people are worked out at the start; a question is one look-up."""

    def __init__(self, standing: Sequence[str], shifts: Iterable[DutyShift]) -> None:
        self.shifts = tuple(sorted(shifts, key=lambda s: (s.begins_at, s.id)))
        self._bounds: list[datetime] = []
        """Where the people change; the n-th begins the n+1-th of `_people`."""
        self._people = [tuple(dict.fromkeys(standing))]
        for at, people in _changes(tuple(dict.fromkeys(standing)), self.shifts):
            if people != self._people[-1]:
                self._bounds.append(at)
                self._people.append(people)

    def at(self, at: datetime) -> Duty:
        """Who is on duty at `at`, until when, and who comes then."""
        place = bisect_right(self._bounds, at)
        if place == len(self._bounds):
            return Duty(self._people[place])
        return Duty(self._people[place], self._bounds[place], self._people[place + 1])

    def stretches(self, begins_at: datetime, ends_at: datetime) -> Iterator[Stretch]:
        """From `begins_at` until `ends_at` without a hole, in order."""
        while begins_at < ends_at:
            duty = self.at(begins_at)
            until = ends_at if duty.until is None else min(duty.until, ends_at)
            yield Stretch(begins_at, until, duty.people)
            begins_at = until


def on_duty(standing: Sequence[str], shifts: Sequence[DutyShift], at: datetime) -> Duty:
    """Who is on duty at `at`. `standing`: the line's own order, whenever no shift says otherwise."""
    return Roster(standing, shifts).at(at)


def swapped(shifts: Iterable[DutyShift], first: DutyShift, second: DutyShift) -> tuple[DutyShift, DutyShift]:
    """The two with their people exchanged. Raises ValueError when either is not among `shifts`, or both have the same."""
    known = {shift.id for shift in shifts}
    if first.id not in known or second.id not in known:
        raise ValueError("one of the two shifts is not there any more")
    if first.people == second.people:
        raise ValueError("the same people have both shifts")
    return replace(first, people=second.people), replace(second, people=first.people)


def _changes(
    standing: tuple[str, ...], shifts: Sequence[DutyShift]
) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    """(from when, who) at every instant at which a shift begins or ends, in order."""
    real = [shift for shift in shifts if shift.begins_at < shift.ends_at]
    begin: dict[datetime, list[DutyShift]] = {}
    end: dict[datetime, list[DutyShift]] = {}
    for shift in real:
        begin.setdefault(shift.begins_at, []).append(shift)
        end.setdefault(shift.ends_at, []).append(shift)
    holding: dict[str, DutyShift] = {}  # in the order they began, then by id
    for at in sorted({*begin, *end}):
        for shift in end.get(at, ()):
            holding.pop(shift.id, None)
        for shift in begin.get(at, ()):
            holding[shift.id] = shift
        yield at, _people(standing, holding)


def _people(standing: tuple[str, ...], holding: dict[str, DutyShift]) -> tuple[str, ...]:
    if not holding:
        return standing
    overrides = [shift for shift in holding.values() if shift.kind is ShiftKind.OVERRIDE]
    if overrides:
        return tuple(dict.fromkeys(max(overrides, key=lambda s: (s.changed_at, s.id)).people))
    return tuple(dict.fromkeys(person for shift in holding.values() for person in shift.people))
