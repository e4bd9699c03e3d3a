"""The phone hours of an office, cut into the parts of the day. Pure.

All instants are aware UTC; a part's hours are wall-clock time in Europe/Oslo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from callback.request import DayPart
from config.model import RetrySettings
from scheduler.calendar import OfficeCalendar
from scheduler.clock import from_local, to_local


@dataclass(frozen=True, slots=True)
class Window:
    """Phone hours of one part of one day."""

    day: date
    part: DayPart | None
    """None: phone hours outside all three parts."""
    begins: datetime
    ends: datetime
    """Excluded."""


def part_of(at: datetime, policy: RetrySettings) -> DayPart | None:
    """The part of the day that holds an instant, the earlier where they overlap; None outside all three."""
    time = to_local(at).time()
    for part in DayPart:
        hours = getattr(policy, part)
        if hours.opens <= time < hours.closes:
            return part
    return None


def windows(at: datetime, policy: RetrySettings, calendar: OfficeCalendar) -> Iterator[Window]:
    """All phone hours from an instant on, in order; the first begins at `at` when the office is open then.

    Without end: raises NeverOpen when no more phone hours come."""
    hours = [getattr(policy, part) for part in DayPart]
    edges = [edge for part in hours for edge in (part.opens, part.closes)]
    while True:
        at = calendar.next_opening(at)
        day, closes = to_local(at).date(), calendar.closes_at(at)
        assert closes is not None  # it is open then
        cuts = (from_local(datetime.combine(day, edge)) for edge in edges)
        for begins, ends in pairwise(sorted({at, closes, *(cut for cut in cuts if at < cut < closes)})):
            yield Window(day, part_of(begins, policy), begins, ends)
        at = closes
