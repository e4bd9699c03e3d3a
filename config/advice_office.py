"""What `tast1 check` warns of in an office's special days: what they take away unsaid, and where they change nothing.

Nothing here stops a start. It must never read the clock: a day that is past does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator

from config.model import Office


def special_day_advice(office: Office) -> Iterator[tuple[str, str]]:
    """(key, message) below the office."""
    for count, day in enumerate(office.special_days, start=1):
        key = f"special_days[{count}]"
        weekday = day.date.weekday()
        drop_in = office.drop_in_hours and office.drop_in_hours.on(weekday)
        if day.phone_hours is not None and day.drop_in_hours is None and drop_in is not None:
            yield (
                key,
                f"no drop_in_hours: drop-in {drop_in} of that weekday falls away; write them here if people may come",
            )
        closed = day.phone_hours is None and day.drop_in_hours is None
        if closed and office.phone_hours.on(weekday) is None and drop_in is None:
            yield key, f"changes nothing: {day.date:%A} is closed anyway; is {day.date} the right date?"
