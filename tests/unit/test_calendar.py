"""The office calendar: when the phone is answered, and which days are working days in law."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.model import Office
from scheduler.calendar import NeverOpen, OfficeCalendar, public_holidays
from scheduler.clock import from_local

MINUTE = timedelta(minutes=1)
WEEKDAYS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-15:00")


def calendar(hours: dict[str, str] | None = None, **special: str | None) -> OfficeCalendar:
    """An office with weekday hours; `d2026_12_24="09:00-12:00"` is a special day."""
    days = [
        {"date": name[1:].replace("_", "-"), **({"phone_hours": text} if text else {})}
        for name, text in special.items()
    ]
    return OfficeCalendar(
        Office.model_validate(
            {
                "office_no": "9001",
                "name": "Lillevik",
                "municipality_no": "9901",
                "municipality": "Lillevik",
                "public_number": "+4773000010",
                "fallback_number": "+4740000001",
                "phone_hours": WEEKDAYS if hours is None else hours,
                "special_days": days,
            }
        )
    )


def local(text: str) -> datetime:
    return from_local(datetime.fromisoformat(text))


def test_hours_are_utc_instants_of_local_hours() -> None:
    """Nine o'clock in Lillevik is another UTC hour in summer than in winter."""
    winter = calendar().hours_on(date(2026, 11, 23))
    summer = calendar().hours_on(date(2026, 6, 23))
    assert winter == (datetime(2026, 11, 23, 8, tzinfo=UTC), datetime(2026, 11, 23, 14, tzinfo=UTC))
    assert summer == (datetime(2026, 6, 23, 7, tzinfo=UTC), datetime(2026, 6, 23, 13, tzinfo=UTC))


@pytest.mark.parametrize("day", ["2026-11-22", "2026-05-14", "2026-12-25", "2027-05-17", "2028-04-13"])
def test_closed_on_weekends_and_public_holidays(day: str) -> None:
    """A weekday the office leaves out and every public holiday have no phone hours."""
    assert calendar().hours_on(date.fromisoformat(day)) is None


def test_special_day_wins_over_weekday_and_holiday() -> None:
    """A special day shortens, closes or opens, also on a public holiday."""
    office = calendar(d2026_12_23="09:00-12:00", d2026_12_24=None, d2026_12_25="10:00-11:00")
    assert office.hours_on(date(2026, 12, 23)) == (local("2026-12-23T09:00"), local("2026-12-23T12:00"))
    assert office.hours_on(date(2026, 12, 24)) is None
    assert office.hours_on(date(2026, 12, 25)) == (local("2026-12-25T10:00"), local("2026-12-25T11:00"))


@pytest.mark.parametrize(
    ("at", "is_open"),
    [("08:59:59", False), ("09:00", True), ("14:59:59", True), ("15:00", False)],
)
def test_open_includes_the_opening_and_excludes_the_closing(at: str, is_open: bool) -> None:
    """The office is open from the opening moment until just before the closing one."""
    assert calendar().is_open(local(f"2026-11-23T{at}")) is is_open


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2026-12-24", True),
        ("2026-12-31", True),
        ("2027-03-24", True),  # Wednesday before Easter
        ("2027-03-25", False),
        ("2027-05-17", False),
        ("2026-05-16", False),  # Saturday
        ("2028-02-29", True),
    ],
)
def test_working_days_follow_the_law_not_the_office(day: str, working: bool) -> None:
    """Closing the office makes no day less of a working day, and opening it no holiday more of one."""
    special: dict[str, Any] = {f"d{day.replace('-', '_')}": None if working else "09:00-15:00"}
    office = calendar(None, **special)
    assert office.is_working_day(date.fromisoformat(day)) is working


@pytest.mark.parametrize(
    ("day", "n", "expected"),
    [
        ("2026-11-20", 0, "2026-11-20"),
        ("2026-11-21", 0, "2026-11-23"),
        ("2026-11-20", 2, "2026-11-24"),
        ("2026-11-21", 2, "2026-11-25"),
        ("2027-03-24", 1, "2027-03-30"),
    ],
)
def test_working_day_after(day: str, n: int, expected: str) -> None:
    """A day that is no working day counts from the next one."""
    assert calendar().working_day_after(date.fromisoformat(day), n) == date.fromisoformat(expected)


def test_working_day_before_is_refused() -> None:
    """Counting backwards is a mistake of the caller."""
    with pytest.raises(ValueError, match="n must be 0 or more"):
        calendar().working_day_after(date(2026, 11, 20), -1)


@pytest.mark.parametrize("year", [1947, 2026, 2100])
def test_holidays_are_those_of_the_library(year: int) -> None:
    """Asking for years beyond the library's end changes nothing within it."""
    assert public_holidays(year) == frozenset(holidays.country_holidays("NO", years=year))


def test_holidays_of_any_year() -> None:
    """The year 2101 has its Christmas too, where the library alone would have none."""
    assert {date(2101, 5, 17), date(2101, 12, 25), date(2101, 4, 15)} <= public_holidays(2101)


@pytest.mark.parametrize(
    ("at", "opening"),
    [
        ("2026-11-23T09:05", "2026-11-23T09:05"),
        ("2026-11-23T07:00", "2026-11-23T09:00"),
        ("2026-11-20T15:00", "2026-11-23T09:00"),
        ("2027-03-24T15:00", "2027-03-30T09:00"),
    ],
)
def test_next_opening(at: str, opening: str) -> None:
    """The next opening is now when open, else the first opening to come."""
    assert calendar().next_opening(local(at)) == local(opening)
    assert calendar().next_open_at_or_after(local(at)) == local(opening)


def test_next_opening_after_a_long_closure() -> None:
    """Special days that close the office for months are walked past."""
    start = date(2026, 6, 1)
    closed: dict[str, Any] = {f"d{start + timedelta(days=n)}".replace("-", "_"): None for n in range(120)}
    assert calendar(**closed).next_opening(local("2026-06-01T10:00")) == local("2026-09-29T09:00")


def test_office_without_hours_never_opens() -> None:
    """An office without any hours is told so instead of being searched for ever."""
    with pytest.raises(NeverOpen, match="9001"):
        calendar({}).next_opening(local("2026-06-01T10:00"))


def test_office_with_only_special_days_opens_until_the_last() -> None:
    """Without weekly hours the special days ahead are still found, and none after the last."""
    office = calendar({}, d2028_02_29="09:00-15:00")
    assert office.next_opening(local("2026-06-01T10:00")) == local("2028-02-29T09:00")
    with pytest.raises(NeverOpen):
        office.next_opening(local("2028-02-29T15:00"))


def test_the_end_of_the_calendar_is_no_endless_search() -> None:
    """On the last day there is, after closing, no opening comes."""
    with pytest.raises(NeverOpen):
        calendar().next_opening(local("9999-12-31T16:00"))


def test_hours_swallowed_by_the_spring_change_are_none() -> None:
    """Hours that begin in the hour that is skipped and end with it do not exist that day."""
    assert calendar({"sun": "02:30-03:15"}).hours_on(date(2026, 3, 29)) is None
    assert calendar({"sun": "02:30-03:15"}).hours_on(date(2026, 3, 22)) is not None


def test_hours_across_the_autumn_change_are_longer() -> None:
    """Hours from one to four last four hours on the night the clock goes back."""
    hours = calendar({"sun": "01:00-04:00"}).hours_on(date(2026, 10, 25))
    assert hours is not None
    assert hours[1] - hours[0] == timedelta(hours=4)


@pytest.mark.parametrize(
    ("not_before", "not_after", "expected"),
    [
        ("2026-11-23T09:05", "2026-11-25T09:05", "2026-11-25T09:05"),
        ("2026-11-23T09:05", "2026-11-23T15:00", "2026-11-23T14:59"),
        ("2026-11-23T14:59:30", "2026-11-23T18:00", "2026-11-23T14:59:30"),
        ("2026-11-20T14:30", "2026-11-22T14:30", "2026-11-20T14:59"),
        ("2026-11-20T15:00", "2026-11-22T15:00", None),
        ("2026-11-23T07:00", "2026-11-23T09:00", "2026-11-23T09:00"),
        ("2026-11-23T07:00", "2026-11-23T08:59", None),
    ],
)
def test_last_open_minute(not_before: str, not_after: str, expected: str | None) -> None:
    """The last open moment is the limit itself or a minute before closing, never before the start."""
    found = calendar().last_open_minute(local(not_after), local(not_before))
    assert found == (None if expected is None else local(expected))


MOMENTS = st.datetimes(datetime.fromisoformat("1950-01-01"), datetime.fromisoformat("2200-01-01")).map(
    from_local
)


@given(MOMENTS)
def test_next_opening_is_open_and_nothing_before_it_is(at: datetime) -> None:
    """The office is open at the next opening and closed just before it, unless it was open all the time."""
    office = calendar()
    opening = office.next_opening(at)
    assert office.is_open(opening)
    assert opening == at or (opening > at and not office.is_open(opening - timedelta(microseconds=1)))


@given(MOMENTS, st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=12)))
def test_last_open_minute_is_open_and_within_its_bounds(start: datetime, span: timedelta) -> None:
    """The last open minute lies within its bounds and phone hours, and nothing two minutes later does."""
    office, end = calendar(), start + span
    found = office.last_open_minute(end, start)
    if found is None:
        assert office.next_opening(start) > end
    else:
        assert start <= found <= end
        assert office.is_open(found)
        assert office.next_opening(found + MINUTE) > end or found + MINUTE > end


@pytest.mark.parametrize("method", ["is_open", "next_opening"])
def test_naive_moments_are_refused(method: str) -> None:
    """A moment without a time zone is refused, not guessed."""
    with pytest.raises(ValueError, match="naive"):
        getattr(calendar(), method)(datetime.fromisoformat("2026-11-23T09:00"))
