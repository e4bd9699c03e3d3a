"""The clock everything else is given. Never read the wall clock anywhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

OSLO = ZoneInfo("Europe/Oslo")


class Clock(Protocol):
    """Tells the time as aware UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told: for tests and for trying things out."""

    def __init__(self, start: datetime) -> None:
        self._now = aware_utc(start)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move by a duration (may be negative: clocks do step back)."""
        self._now += by
        return self._now

    def set(self, to: datetime) -> None:
        self._now = aware_utc(to)


def aware_utc(at: datetime) -> datetime:
    """The same instant in UTC; a naive datetime is refused with ValueError."""
    if at.tzinfo is None:
        raise ValueError(f"naive datetime {at!r}: give it a time zone")
    return at.astimezone(UTC)


def from_local(naive: datetime) -> datetime:
    """An office's wall-clock time (Europe/Oslo) as UTC.

    A time that does not exist (the spring hour) moves forward by the gap; one that exists twice
    (the autumn hour) means the first. Already aware values are converted.
    """
    if naive.tzinfo is not None:
        return naive.astimezone(UTC)
    return naive.replace(tzinfo=OSLO).astimezone(UTC)


def to_local(at: datetime) -> datetime:
    """The instant as office wall-clock time (aware, Europe/Oslo)."""
    return aware_utc(at).astimezone(OSLO)
