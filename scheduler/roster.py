"""The roster of an on-call line: who is on duty, who comes next. Pure.

All instants are aware UTC; a shift begins at its first instant and is over at its last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DutyShift:
    """Somebody is on duty on one line from `begins_at` until `ends_at`."""

    id: str
    line_id: str
    people: tuple[str, ...]
    """Ids, in the order they are rung."""
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on duty at one instant."""

    people: tuple[str, ...]
    """Ids, in the order they are rung; empty: nobody."""
    until: datetime | None = None
    """When that changes; None: not as far as is known."""
    then: tuple[str, ...] = ()
    """Who comes then."""


def on_duty(standing: Sequence[str], shifts: Sequence[DutyShift], at: datetime) -> Duty:
    """Who is on duty at `at`. `standing`: the line's own order, whenever no shift says otherwise."""
    on = [shift for shift in shifts if shift.begins_at <= at < shift.ends_at]
    people = tuple(dict.fromkeys(person for shift in on for person in shift.people)) or tuple(standing)
    return Duty(people)
