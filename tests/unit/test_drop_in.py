"""When people may come without an appointment, and until when the phone is answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from config.model import Office, SpecialDay
from config.values import WeekHours
from scheduler.calendar import OfficeCalendar
from scheduler.clock import from_local
from tests.offices import config

WEEKDAYS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "10:00-14:00")
TWO_DAYS = dict.fromkeys(("tue", "thu"), "10:00-12:00")


def calendar(hours: dict[str, str] | None = None, *special: dict[str, Any]) -> OfficeCalendar:
    """An office open 9 to 15 on weekdays, with these drop-in hours and special days."""
    changed: dict[str, object] = {
        "drop_in_hours": None if hours is None else WeekHours.model_validate(hours),
        "special_days": tuple(SpecialDay.model_validate(day) for day in special),
    }
    office: Office = config().offices[0].model_copy(update=changed)
    return OfficeCalendar(office)


def local(text: str) -> datetime:
    return from_local(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("at", "day", "hours"),
    [
        ("2026-11-23T08:00", "2026-11-24", "10:00-12:00"),
        ("2026-11-24T09:59", "2026-11-24", "10:00-12:00"),
        ("2026-11-24T10:00", "2026-11-24", "10:00-12:00"),  # it runs
        ("2026-11-24T11:59", "2026-11-24", "10:00-12:00"),
        ("2026-11-24T12:00", "2026-11-26", "10:00-12:00"),
        ("2026-11-26T12:00", "2026-12-01", "10:00-12:00"),  # over the weekend
        (
            "2027-03-23T12:00",
            "2027-03-30",
            "10:00-12:00",
        ),  # Maundy Thursday is closed; the Tuesday after is not
        ("2026-12-22T12:00", "2026-12-24", "10:00-12:00"),  # a working day in law
    ],
)
def test_drop_in_runs_or_comes(at: str, day: str, hours: str) -> None:
    """The window that runs, or the next one, over weekends and public holidays."""
    opens, closes = hours.split("-")
    wanted = (local(f"{day}T{opens}"), local(f"{day}T{closes}"))
    assert calendar(TWO_DAYS).next_drop_in(local(at)) == wanted


def test_christmas() -> None:
    """Christmas Eve closed by a special day, then two holidays and a Sunday: the 28th."""
    office = calendar(WEEKDAYS, {"date": "2026-12-24", "note": "closed"})
    monday = (local("2026-12-28T10:00"), local("2026-12-28T14:00"))
    assert office.next_drop_in(local("2026-12-23T14:00")) == monday


def test_easter() -> None:
    """From Maundy Thursday to Easter Monday nobody is let in."""
    tuesday = (local("2027-03-30T10:00"), local("2027-03-30T14:00"))
    assert calendar(WEEKDAYS).next_drop_in(local("2027-03-25T09:00")) == tuesday


def test_a_special_day_decides_alone() -> None:
    """A special day without drop-in has none, though the phone is answered; one with its own has those."""
    phone_only = {"date": "2026-11-24", "phone_hours": "09:00-12:00"}
    own = {"date": "2026-11-25", "drop_in_hours": "08:00-09:00"}
    office = calendar(WEEKDAYS, phone_only, own)
    wednesday = (local("2026-11-25T08:00"), local("2026-11-25T09:00"))
    assert office.next_drop_in(local("2026-11-24T09:30")) == wednesday
    assert office.is_open(local("2026-11-24T09:30"))
    assert not office.is_open(local("2026-11-25T09:30"))


def test_a_special_day_opens_a_holiday() -> None:
    """Also for an office that has no weekly drop-in."""
    office = calendar(None, {"date": "2026-12-25", "drop_in_hours": "11:00-13:00"})
    window = (local("2026-12-25T11:00"), local("2026-12-25T13:00"))
    assert office.next_drop_in(local("2026-12-01T09:00")) == window
    assert office.next_drop_in(local("2026-12-25T13:00")) is None


def test_beyond_thirty_days_there_is_none() -> None:
    """An office without drop-in, and one whose next is further ahead than anyone asks."""
    assert calendar().next_drop_in(local("2026-11-23T09:00")) is None
    office = calendar(None, {"date": "2026-12-24", "drop_in_hours": "10:00-12:00"})
    assert office.next_drop_in(local("2026-11-24T09:59")) is None
    assert office.next_drop_in(local("2026-11-24T10:00")) is not None
    assert office.next_drop_in(from_local(datetime.fromisoformat("9999-12-30T12:00"))) is None


@pytest.mark.parametrize(
    ("day", "opens_utc"),
    [("2026-03-28", 9), ("2026-03-29", 8), ("2026-10-24", 8), ("2026-10-25", 9)],
)
def test_the_clock_change(day: str, opens_utc: int) -> None:
    """Ten o'clock is ten o'clock by the office's wall, before and after the clocks change."""
    office = calendar({"sat": "10:00-14:00", "sun": "10:00-14:00"})
    window = office.next_drop_in(local(f"{day}T00:00"))
    assert window is not None
    assert window[0].hour == opens_utc
    assert window[0] == local(f"{day}T10:00")
    assert window[1] - window[0] == timedelta(hours=4)


def test_hours_over_the_clock_change() -> None:
    """A window that holds the hour that comes twice is an hour longer; one in the hour that is left out is none."""
    office = calendar({"sun": "01:00-04:00"})
    autumn = office.next_drop_in(local("2026-10-25T00:00"))
    assert autumn is not None
    assert autumn[1] - autumn[0] == timedelta(hours=4)
    swallowed = calendar({"sun": "02:00-03:00"}).next_drop_in(local("2026-03-29T00:00"))
    assert swallowed == (local("2026-04-12T02:00"), local("2026-04-12T03:00"))  # the 5th is Easter Day


@pytest.mark.parametrize(
    ("at", "closes"),
    [
        ("2026-11-23T08:59", None),
        ("2026-11-23T09:00", "2026-11-23T15:00"),
        ("2026-11-23T15:00", None),
        ("2026-12-25T10:00", None),
        ("2026-12-31T10:00", "2026-12-31T12:00"),
    ],
)
def test_closes_at(at: str, closes: str | None) -> None:
    """The end of today's phone hours while they run; a special day's own end."""
    office = calendar(WEEKDAYS, {"date": "2026-12-31", "phone_hours": "09:00-12:00"})
    assert office.closes_at(local(at)) == (None if closes is None else local(closes))


@pytest.mark.parametrize("method", ["closes_at", "next_drop_in"])
def test_naive_moments_are_refused(method: str) -> None:
    """A moment without a time zone is refused, not guessed."""
    with pytest.raises(ValueError, match="naive"):
        getattr(calendar(WEEKDAYS), method)(datetime.fromisoformat("2026-11-23T09:00"))
