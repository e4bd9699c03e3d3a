"""The deadline: every example of the policy, the odd days of the year, and what always holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.model import Office
from scheduler.calendar import NeverOpen, OfficeCalendar
from scheduler.clock import from_local, to_local
from scheduler.deadline import Deadline, deadline

HOURS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-15:00")
CLOSED_EVE = {"date": "2026-12-24"}


def office(**changes: Any) -> OfficeCalendar:
    table: dict[str, Any] = {
        "office_no": "9001",
        "name": "Lillevik",
        "municipality_no": "9901",
        "municipality": "Lillevik",
        "public_number": "+4773000010",
        "fallback_number": "+4740000001",
        "phone_hours": HOURS,
    }
    return OfficeCalendar(Office.model_validate(table | changes))


def local(text: str) -> datetime:
    return from_local(datetime.fromisoformat(text))


def ordinary(when: str, **changes: Any) -> Deadline:
    return deadline(local(when), office(**changes), urgent=False)


def urgent(when: str, **changes: Any) -> Deadline:
    return deadline(local(when), office(**changes), urgent=True)


EXAMPLES = [
    ("2026-11-23T09:05", "2026-11-25T09:05", "2026-11-25"),
    ("2026-11-20T14:30", "2026-11-22T14:30", "2026-11-24"),
    ("2026-11-21T10:00", "2026-11-23T10:00", "2026-11-25"),
    ("2026-12-23T14:50", "2026-12-25T14:50", "2026-12-28"),
    ("2026-12-24T10:00", "2026-12-26T10:00", "2026-12-29"),
    ("2027-03-24T10:00", "2027-03-26T10:00", "2027-03-31"),
    ("2027-05-14T14:00", "2027-05-16T14:00", "2027-05-19"),
    ("2026-03-27T14:00", "2026-03-29T15:00", "2026-03-31"),
    # beyond the table: clocks back, a leap day, Maundy Thursday, New Year
    ("2026-10-23T14:00", "2026-10-25T13:00", "2026-10-27"),
    ("2028-02-28T10:00", "2028-03-01T10:00", "2028-03-01"),
    ("2028-02-29T10:00", "2028-03-02T10:00", "2028-03-02"),
    ("2027-03-25T10:00", "2027-03-27T10:00", "2027-04-01"),
    ("2026-12-31T10:00", "2027-01-02T10:00", "2027-01-05"),
    ("2027-05-17T12:00", "2027-05-19T12:00", "2027-05-20"),
]


@pytest.mark.parametrize(("when", "due_at", "answer_by"), EXAMPLES)
def test_policy_examples(when: str, due_at: str, answer_by: str) -> None:
    """48 elapsed hours and the second working day, as the policy's examples have them."""
    result = ordinary(when)
    assert to_local(result.due_at).replace(tzinfo=None) == datetime.fromisoformat(due_at)
    assert result.answer_by_date == date.fromisoformat(answer_by)


@pytest.mark.parametrize(
    ("when", "due_at"),
    [
        ("2026-03-28T01:30", "2026-03-30T02:30"),
        ("2026-03-28T02:30", "2026-03-30T03:30"),
        ("2026-03-27T02:30", "2026-03-29T03:30"),  # 02:30 does not exist two days later
        ("2026-10-24T01:30", "2026-10-26T00:30"),
        ("2026-10-23T02:30", "2026-10-25T02:30"),  # 02:30 comes twice: the first
        ("2026-10-23T03:30", "2026-10-25T02:30"),  # and the second, an hour later
    ],
)
def test_nights_when_the_clock_changes(when: str, due_at: str) -> None:
    """Over a change of clocks the wall time moves by the hour that came or went."""
    assert to_local(ordinary(when).due_at).replace(tzinfo=None, fold=0) == datetime.fromisoformat(due_at)


def test_both_halves_of_the_doubled_hour_are_an_hour_apart() -> None:
    """Requests an hour apart stay an hour apart where the wall clock shows the same time twice."""
    first, second = ordinary("2026-10-23T02:30"), ordinary("2026-10-23T03:30")
    assert second.due_at - first.due_at == timedelta(hours=1)


@pytest.mark.parametrize(
    ("when", "workable", "at_opening"),
    [
        ("2026-11-23T09:05", "2026-11-25T09:05", False),
        ("2026-11-23T16:00", "2026-11-25T14:59", False),
        ("2026-11-20T14:30", "2026-11-20T14:59", False),
        ("2026-11-20T15:10", "2026-11-23T09:00", True),
        ("2026-11-21T10:00", "2026-11-23T10:00", False),
        ("2026-11-21T08:00", "2026-11-23T09:00", True),
        ("2027-03-24T15:10", "2027-03-30T09:00", True),
        ("2026-12-23T14:50", "2026-12-24T14:59", False),
    ],
)
def test_last_workable_moment(when: str, workable: str, at_opening: bool) -> None:
    """It is the last minute of phone hours before the deadline, else the first opening after it."""
    result = ordinary(when)
    assert result.last_workable_at == local(workable)
    assert result.due_at_opening is at_opening


def test_special_day_moves_the_work_but_not_the_promise() -> None:
    """An office closed on Christmas Eve has less time to work, and the same deadline and date."""
    plain, closed = ordinary("2026-12-23T14:50"), ordinary("2026-12-23T14:50", special_days=[CLOSED_EVE])
    assert (closed.due_at, closed.answer_by_date) == (plain.due_at, plain.answer_by_date)
    assert closed.last_workable_at == local("2026-12-23T14:59")


@pytest.mark.parametrize(
    ("when", "special", "due_at", "workable"),
    [
        ("2026-11-23T09:05", [], "2026-11-25T15:00", "2026-11-25T14:59"),
        ("2026-11-21T10:00", [], "2026-11-25T15:00", "2026-11-25T14:59"),
        (
            "2026-12-22T10:00",
            [{**CLOSED_EVE, "phone_hours": "09:00-12:00"}],
            "2026-12-24T12:00",
            "2026-12-24T11:59",
        ),
        ("2026-12-22T10:00", [CLOSED_EVE], "2026-12-24T23:59", "2026-12-23T14:59"),
    ],
)
def test_working_days_policy(when: str, special: list[Any], due_at: str, workable: str) -> None:
    """Two working days end with the phone hours of the second, or with the day where the office is closed."""
    result = ordinary(when, deadline_policy="working_days_2", special_days=special)
    assert result.due_at == local(due_at)
    assert result.last_workable_at == local(workable)


def test_working_days_policy_due_at_opening() -> None:
    """Where no phone hours lie before the end of the second working day, it is due at the next opening."""
    result = ordinary(
        "2026-11-24T10:00", deadline_policy="working_days_2", phone_hours={"mon": "09:00-15:00"}
    )
    assert result.due_at == local("2026-11-26T23:59")
    assert (result.last_workable_at, result.due_at_opening) == (local("2026-11-30T09:00"), True)


@pytest.mark.parametrize(
    ("when", "due_at", "workable"),
    [
        ("2026-11-23T09:05", "2026-11-23T11:05", "2026-11-23T11:05"),
        ("2026-11-23T14:30", "2026-11-23T16:30", "2026-11-23T14:59"),
        ("2026-11-23T07:00", "2026-11-23T10:00", "2026-11-23T10:00"),
        ("2026-11-23T15:00", "2026-11-24T10:00", "2026-11-24T10:00"),
        ("2026-11-20T20:00", "2026-11-23T10:00", "2026-11-23T10:00"),
        ("2027-03-24T15:10", "2027-03-30T10:00", "2027-03-30T10:00"),
    ],
)
def test_urgent_is_the_same_day_or_the_first_hour_of_the_next(when: str, due_at: str, workable: str) -> None:
    """Urgent is due within the limit, and outside phone hours within the first hour of the next ones."""
    result = urgent(when)
    assert result.due_at == local(due_at)
    assert result.answer_by_date == date.fromisoformat(due_at[:10])
    assert (result.last_workable_at, result.due_at_opening) == (local(workable), False)


def test_urgent_never_passes_the_end_of_today() -> None:
    """A long limit late in a long day ends with the day."""
    result = urgent("2026-11-23T21:30", urgent_limit="4h", phone_hours={"mon": "09:00-22:00"})
    assert result.due_at == local("2026-11-23T23:59")
    assert result.answer_by_date == date(2026, 11, 23)


def test_urgent_before_very_short_hours_is_due_when_they_end() -> None:
    """Phone hours shorter than an hour leave no longer than themselves."""
    result = urgent("2026-11-23T07:00", phone_hours={"mon": "09:00-09:20"})
    assert (result.due_at, result.last_workable_at) == (local("2026-11-23T09:20"), local("2026-11-23T09:19"))


def test_urgent_uses_the_office_limit() -> None:
    """The office's own limit counts, not the default."""
    assert urgent("2026-11-23T09:05", urgent_limit="45m").due_at == local("2026-11-23T09:50")


def test_why_is_one_sentence_with_the_facts() -> None:
    """The explanation names the rule, the deadline and the last workable moment."""
    assert ordinary("2026-11-20T15:10").why == (
        "48 hours after Fri 20 Nov 2026 15:10 is Sun 22 Nov 2026 15:10, and no phone hours lie before it, "
        "so it is due when the office opens Mon 23 Nov 2026 09:00."
    )
    assert urgent("2026-11-23T14:30").why == (
        "Urgent, 2h after Mon 23 Nov 2026 14:30 is Mon 23 Nov 2026 16:30, and the last minute of phone "
        "hours before it is Mon 23 Nov 2026 14:59."
    )
    assert ordinary("2026-11-23T09:05").why.endswith("Wed 25 Nov 2026 09:05, and the office is open then.")


def test_office_without_hours_is_refused() -> None:
    """Without phone hours there is no last workable moment to promise."""
    with pytest.raises(NeverOpen):
        ordinary("2026-11-23T09:05", phone_hours={})


def test_naive_moment_is_refused() -> None:
    """A moment without a time zone is refused, not guessed."""
    with pytest.raises(ValueError, match="naive"):
        deadline(datetime.fromisoformat("2026-11-23T09:00"), office(), urgent=False)


MOMENTS = st.datetimes(datetime.fromisoformat("1950-01-01"), datetime.fromisoformat("2200-01-01")).map(
    from_local
)
OFFICES = st.sampled_from(
    [
        office(),
        office(deadline_policy="working_days_2"),
        office(deadline_policy="working_days_2", phone_hours={"wed": "23:00-23:59"}, urgent_limit="5h"),
        office(phone_hours={"sun": "02:00-03:00", "sat": "00:00-23:59"}, urgent_limit="1d"),
        office(urgent_limit="20m"),
    ]
)


@given(MOMENTS, OFFICES, st.booleans())
def test_what_always_holds(registered_at: datetime, calendar: OfficeCalendar, is_urgent: bool) -> None:
    """No deadline lies before its request; work ends before it or begins at the opening after it."""
    result = deadline(registered_at, calendar, urgent=is_urgent)
    assert result.due_at >= registered_at
    assert result.last_workable_at >= registered_at
    assert (result.last_workable_at > result.due_at) is result.due_at_opening
    assert calendar.is_open(result.last_workable_at)
    assert result.answer_by_date >= to_local(registered_at).date()
    if is_urgent:
        assert result.answer_by_date == to_local(result.due_at).date()
    else:
        assert calendar.is_working_day(result.answer_by_date)


@given(MOMENTS)
def test_48_hours_are_always_48_elapsed_hours(registered_at: datetime) -> None:
    """The policy counts elapsed time, whatever the clocks and the calendar do."""
    result = deadline(registered_at, office(), urgent=False)
    assert result.due_at - registered_at == timedelta(hours=48)
    assert result.due_at.tzinfo is UTC


@given(MOMENTS, st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=8)), OFFICES, st.booleans())
@example(datetime(2026, 11, 23, 7, 59, tzinfo=UTC), timedelta(minutes=2), office(urgent_limit="20m"), True)
def test_who_came_first_is_never_due_later(
    first: datetime, gap: timedelta, calendar: OfficeCalendar, is_urgent: bool
) -> None:
    """Of two alike requests the earlier one is due no later and promised no later a date."""
    early, late = (deadline(at, calendar, urgent=is_urgent) for at in (first, first + gap))
    assert early.due_at <= late.due_at
    assert early.answer_by_date <= late.answer_by_date
    assert early.last_workable_at <= late.last_workable_at
