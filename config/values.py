"""What the configuration's models are made of: durations and hours, and the model itself. Pure data.

Every model forbids unknown keys. Durations are written as "45m", "10s", "2h", "1h30m".
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def parse_duration(text: Any) -> timedelta:
    """`"1h30m"` -> timedelta. Raises ValueError with what to write instead."""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not text:
        raise ValueError(f'not a duration: {text!r}; write for example "45m", "10s", "2h" or "1h30m"')
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError(f"too long: {text!r}") from None


def format_duration(span: timedelta) -> str:
    """timedelta -> `"1h30m"`, the form `parse_duration` reads."""
    seconds = int(span.total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration)]


class Model(BaseModel):
    """Frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _parse_hours(text: Any, closed: str = "") -> Any:
    """`closed`: what to write instead where there are no hours."""
    if not isinstance(text, str):
        return text
    match = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text.strip())
    if match is None:
        raise ValueError(f'not hours: {text!r}; write for example "09:00-15:00"{closed}')
    h1, m1, h2, m2 = map(int, match.groups())
    opens, closes = time(h1, m1), time(h2, m2)
    if opens >= closes:
        raise ValueError(f"opens {opens:%H:%M} but closes {closes:%H:%M}: closing must be later the same day")
    return {"opens": opens, "closes": closes}


class HoursOfDay(Model):
    opens: time
    closes: time

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self.closes:%H:%M}"


Hours = Annotated[HoursOfDay, BeforeValidator(_parse_hours), PlainSerializer(str)]
DayHours = Annotated[
    HoursOfDay,
    BeforeValidator(partial(_parse_hours, closed=", or leave the day out if closed")),
    PlainSerializer(str),
]
SpecialPhoneHours = Annotated[
    HoursOfDay,
    BeforeValidator(
        partial(_parse_hours, closed=", or leave the key phone_hours out: then the office is closed that day")
    ),
    PlainSerializer(str),
]
SpecialDropInHours = Annotated[
    HoursOfDay,
    BeforeValidator(
        partial(
            _parse_hours, closed=", or leave the key drop_in_hours out: then there is no drop-in that day"
        )
    ),
    PlainSerializer(str),
]


class WeekHours(Model):
    """Opening hours per weekday; a day left out is closed."""

    mon: DayHours | None = None
    tue: DayHours | None = None
    wed: DayHours | None = None
    thu: DayHours | None = None
    fri: DayHours | None = None
    sat: DayHours | None = None
    sun: DayHours | None = None

    def on(self, weekday: int) -> HoursOfDay | None:
        """Hours on a weekday (0 = Monday)."""
        days = (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)
        return days[weekday]
