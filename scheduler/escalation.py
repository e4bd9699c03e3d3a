"""When people are warned that a request's time runs out: at 50, 75, 90 and 100 % of it. Pure.

What is shared out is time in phone hours: whoever is to be warned must be at work. All instants are aware UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from scheduler.calendar import DAY, OfficeCalendar
from scheduler.clock import aware_utc, to_local

STEPS = (50, 75, 90, 100)
"""In percent of the time from the registration to the last workable moment."""


def instants(
    registered_at: datetime, last_workable_at: datetime, calendar: OfficeCalendar
) -> dict[int, datetime]:
    """When each of STEPS is reached, never falling.

    100 % is the last workable moment itself. A share that ends as the office closes is reached at the next opening.
    Where no phone hours lie in between (it is due at opening, or the hours have changed since) all four are reached at
    the last workable moment. Raises ValueError for a naive instant."""
    end = aware_utc(last_workable_at)
    windows = list(_windows(aware_utc(registered_at), end, calendar))
    whole = sum((closes - opens for opens, closes in windows), timedelta(0))
    return {step: _reached(windows, whole * step / 100, end) if step < 100 else end for step in STEPS}


def next_step(reached: int) -> int | None:
    """The step after `reached`; None after the last."""
    return next((step for step in STEPS if step > reached), None)


def _windows(
    begins: datetime, ends: datetime, calendar: OfficeCalendar
) -> Iterator[tuple[datetime, datetime]]:
    """The phone hours between two instants."""
    day, last = to_local(begins).date(), to_local(ends).date()
    while day <= last:
        hours = calendar.hours_on(day)
        if hours is not None and max(hours[0], begins) < min(hours[1], ends):
            yield max(hours[0], begins), min(hours[1], ends)
        day += DAY


def _reached(windows: list[tuple[datetime, datetime]], share: timedelta, end: datetime) -> datetime:
    for opens, closes in windows:
        if opens + share < closes:
            return opens + share
        share -= closes - opens
    return end
