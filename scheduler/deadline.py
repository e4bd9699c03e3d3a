"""By when a request must be answered, and the date the caller is told. Pure.

It is computed when the request is registered, and for a request that exists only once more, when it becomes
urgent (and then it only gets earlier): a changed calendar moves no promise. All instants are aware UTC; dates are dates in Europe/Oslo.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from config.model import DeadlinePolicy
from config.values import format_duration
from scheduler.calendar import OfficeCalendar
from scheduler.clock import aware_utc, from_local, to_local

ORDINARY_LIMIT = timedelta(hours=48)
"""The promise of policy `hours_48`: elapsed hours, so counted in UTC over a change of clocks."""
WORKING_DAYS = 2
"""Nav's reading of 48 hours: the request's own day is day 0."""
URGENT_AT_OPENING = timedelta(hours=1)
"""An urgent request outside phone hours is due after the first hour of the next ones (or a shorter urgent limit)."""
_LAST_MINUTE = time(23, 59)


@dataclass(frozen=True, slots=True)
class Deadline:
    """Both readings of one request's deadline, and what the list sorts by."""

    due_at: datetime
    """Policy `hours_48`: 48 elapsed hours. Policy `working_days_2`: end of phone hours of the 2nd working
    day, or 23:59 of it where the office is closed that day. Urgent: see `deadline`."""
    answer_by_date: date
    """Told to the caller: the 2nd working day in law; for an urgent request the date of `due_at`."""
    last_workable_at: datetime
    """The last minute in phone hours from the registration up to `due_at`; where there is none, the first
    moment of phone hours after it."""
    due_at_opening: bool
    """Whether `last_workable_at` comes after `due_at`: due as soon as the office opens."""
    why: str
    """One English sentence that explains the above."""


def deadline(registered_at: datetime, calendar: OfficeCalendar, *, urgent: bool) -> Deadline:
    """The deadline of a request registered at an instant (aware) with the office's policy and limits.

    Urgent in phone hours: the office's urgent limit, never past 23:59 of the same date. Urgent outside phone
    hours: the first hour of the next phone hours, or the urgent limit or their end if they are shorter.
    Raises NeverOpen for an office without phone hours, ValueError for a naive instant, OverflowError at the
    very ends of the calendar (years 1 and 9999)."""
    registered_at = aware_utc(registered_at)
    if urgent:
        due_at, rule = _urgent(registered_at, calendar)
        answer_by_date = to_local(due_at).date()
    else:
        answer_by_date = calendar.working_day_after(to_local(registered_at).date(), WORKING_DAYS)
        due_at, rule = _ordinary(registered_at, answer_by_date, calendar)
    workable = calendar.last_open_minute(due_at, registered_at)
    last_workable_at = workable or calendar.next_opening(due_at)
    return Deadline(
        due_at=due_at,
        answer_by_date=answer_by_date,
        last_workable_at=last_workable_at,
        due_at_opening=workable is None,
        why=f"{rule[0].upper()}{rule[1:]}, and {_workable_words(due_at, last_workable_at)}.",
    )


def _ordinary(
    registered_at: datetime, answer_by_date: date, calendar: OfficeCalendar
) -> tuple[datetime, str]:
    if calendar.office.deadline_policy is DeadlinePolicy.HOURS_48:
        due_at = registered_at + ORDINARY_LIMIT
        return due_at, f"48 hours after {words(registered_at)} is {words(due_at)}"
    hours = calendar.hours_on(answer_by_date)
    if hours is not None:
        return hours[1], f"phone hours of the 2nd working day end {words(hours[1])}"
    due_at = from_local(datetime.combine(answer_by_date, _LAST_MINUTE))
    return (
        due_at,
        f"the office is closed on the 2nd working day, so it is due before that ends, {words(due_at)}",
    )


def _urgent(registered_at: datetime, calendar: OfficeCalendar) -> tuple[datetime, str]:
    opening = calendar.next_opening(registered_at)
    if opening > registered_at:
        hours = calendar.hours_on(to_local(opening).date())
        # Not later than whoever registers at the opening: nobody overtakes one who registered earlier.
        due_at = opening + min(URGENT_AT_OPENING, calendar.office.urgent_limit)
        if hours is not None:
            due_at = min(due_at, hours[1])
        return (
            due_at,
            f"urgent outside phone hours, so due in the first hour of the next ones, {words(due_at)}",
        )
    limit = calendar.office.urgent_limit
    end_of_day = from_local(datetime.combine(to_local(registered_at).date(), _LAST_MINUTE))
    if registered_at + limit <= end_of_day:
        due_at = registered_at + limit
        return due_at, f"urgent, {format_duration(limit)} after {words(registered_at)} is {words(due_at)}"
    return end_of_day, f"urgent, so due before the day of the request ends, {words(end_of_day)}"


def _workable_words(due_at: datetime, last_workable_at: datetime) -> str:
    if last_workable_at == due_at:
        return "the office is open then"
    if last_workable_at < due_at:
        return f"the last minute of phone hours before it is {words(last_workable_at)}"
    return f"no phone hours lie before it, so it is due when the office opens {words(last_workable_at)}"


def words(at: datetime) -> str:
    """An instant as English office time: `Mon 23 Nov 2026 09:05`."""
    return f"{to_local(at):%a %d %b %Y %H:%M}"
