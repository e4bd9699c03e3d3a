"""When a missed person is rung again. Pure.

Unreachable is a state with a next attempt, never an end: this file must never answer "no more".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile

from callback.request import AttemptOutcome, CallResult, DayPart
from config.model import RetrySettings, format_duration
from scheduler.calendar import DAY, NeverOpen, OfficeCalendar
from scheduler.clock import aware_utc, from_local, to_local

_MOST_DOUBLINGS = 16
"""1 s doubled this often is 18 hours, more than any sensible maximum; keeps the sum from overflowing."""


_DAYS_AHEAD = 14
"""How far a wished part of the day is looked for when no deadline is known."""
_BEFORE_THE_END = timedelta(minutes=15)
"""A borrowed telephone is rung this long before it is given back: somebody must have time to take it."""


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt that has ended."""

    ended_at: datetime
    """Aware."""
    outcome: str
    """An AttemptOutcome, or the CallResult of a conversation (`wrong_person`, `ring_again`)."""


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """The plan for the next one."""

    at: datetime
    """Aware UTC, within phone hours, never before `now`."""
    why: str
    """One English sentence."""


def next_attempt(
    history: Sequence[PastAttempt],
    settings: RetrySettings,
    calendar: OfficeCalendar,
    now: datetime,
    *,
    part: DayPart | None = None,
    until: datetime | None = None,
    last_workable_at: datetime | None = None,
) -> NextAttempt:
    """When to ring next, from the attempts so far (oldest first).

    The delay of the last outcome counts from that attempt's end; a moment outside phone hours moves to the
    next opening. An empty history means as soon as phone hours allow. `answered` without a result counts
    as `ring_again`: nobody has said that the person was helped.

    `part` is a wish: the first moment from then on in both that part of the day and phone hours, where there
    is one up to `last_workable_at` (a deadline wins over a wish; give no part for an urgent request).
    `until` is when the number can no longer be rung: an attempt planned too late comes before it, where phone
    hours allow. A moment that has passed says nothing about the plan.
    Raises ValueError for an outcome that has no next attempt (`reached`) or is unknown, and NeverOpen."""
    now = aware_utc(now)
    plan = _plain(history, settings, calendar, now)
    limit = None if until is None or aware_utc(until) <= now else max(aware_utc(until) - _BEFORE_THE_END, now)
    if part is not None:
        ends = [aware_utc(end) for end in (last_workable_at, limit) if end is not None]
        plan = _wished(plan, part, settings, calendar, min(ends, default=None))
    if limit is not None and plan.at > limit:
        plan = _in_time(plan, calendar, now, limit)
    return plan


def _plain(
    history: Sequence[PastAttempt], settings: RetrySettings, calendar: OfficeCalendar, now: datetime
) -> NextAttempt:
    if not history:
        return _in_phone_hours(now, "not tried yet", calendar)
    last = history[-1]
    delay = _delay(history, settings)
    at = max(aware_utc(last.ended_at) + delay, now)
    return _in_phone_hours(at, f"{format_duration(delay)} after {last.outcome}", calendar)


def _wished(
    plan: NextAttempt, part: DayPart, settings: RetrySettings, calendar: OfficeCalendar, end: datetime | None
) -> NextAttempt:
    """The plan moved into the wished part of a day, at most until `end`; else the plan as it is."""
    first = to_local(plan.at).date()
    days = _DAYS_AHEAD if end is None else (to_local(end).date() - first).days + 1
    for offset in range(min(days, (date.max - first).days + 1)):
        at = _moment_in(part, first + offset * DAY, plan.at, settings, calendar)
        if at is None:
            continue
        if at == plan.at or (end is not None and at > end):
            return plan
        return NextAttempt(at=at, why=f"{plan.why.removesuffix('.')}, moved to the wished {part}.")
    return plan


def _moment_in(
    part: DayPart, day: date, not_before: datetime, settings: RetrySettings, calendar: OfficeCalendar
) -> datetime | None:
    """The first moment of a date in both the part of the day and phone hours."""
    wished = {
        DayPart.MORNING: settings.morning,
        DayPart.MIDDAY: settings.midday,
        DayPart.AFTERNOON: settings.afternoon,
    }[part]
    begins = max(from_local(datetime.combine(day, wished.opens)), not_before)
    try:
        at = calendar.next_opening(begins)
    except NeverOpen:
        return None
    return at if at < from_local(datetime.combine(day, wished.closes)) else None


def _in_time(plan: NextAttempt, calendar: OfficeCalendar, now: datetime, limit: datetime) -> NextAttempt:
    """The plan pulled to the last moment of phone hours up to `limit`; as it is where there is none."""
    at = calendar.last_open_minute(limit, now)
    if at is None:
        return plan
    return NextAttempt(
        at=at, why=f"{plan.why.removesuffix('.')}, moved to while the number can still be rung."
    )


def _delay(history: Sequence[PastAttempt], settings: RetrySettings) -> timedelta:
    outcome = history[-1].outcome
    if outcome == AttemptOutcome.LINE_FAILED:
        failures = sum(1 for _ in takewhile(lambda past: past.outcome == outcome, reversed(history)))
        doublings = min(failures - 1, _MOST_DOUBLINGS)
        return min(settings.line_failed * (1 << doublings), settings.line_failed_max)
    delays = {
        AttemptOutcome.BUSY.value: settings.busy,
        AttemptOutcome.NO_ANSWER.value: settings.no_answer,
        AttemptOutcome.DECLINED.value: settings.declined,
        AttemptOutcome.INVALID.value: settings.invalid,
        AttemptOutcome.CANCELLED.value: settings.cancelled,
        AttemptOutcome.ANSWERED.value: settings.ring_again,
        CallResult.RING_AGAIN.value: settings.ring_again,
        CallResult.WRONG_PERSON.value: settings.wrong_person,
    }
    try:
        return delays[outcome]
    except KeyError:
        raise ValueError(f"no next attempt after {outcome!r}") from None


def _in_phone_hours(at: datetime, rule: str, calendar: OfficeCalendar) -> NextAttempt:
    opening = calendar.next_opening(at)
    if opening == at:
        return NextAttempt(at=at, why=f"{rule}.")
    return NextAttempt(at=opening, why=f"{rule}, moved to the next phone hours.")
