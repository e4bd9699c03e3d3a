"""When a missed person is rung again. Pure.

Unreachable is a state with a next attempt, never an end: this file must never answer "no more".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from callback.request import AttemptOutcome, CallResult
from config.model import RetrySettings, format_duration
from scheduler.calendar import OfficeCalendar
from scheduler.clock import aware_utc

_MOST_DOUBLINGS = 16
"""1 s doubled this often is 18 hours, more than any sensible maximum; keeps the sum from overflowing."""


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
    history: Sequence[PastAttempt], settings: RetrySettings, calendar: OfficeCalendar, now: datetime
) -> NextAttempt:
    """When to ring next, from the attempts so far (oldest first).

    The delay of the last outcome counts from that attempt's end; a moment outside phone hours moves to the
    next opening. An empty history means as soon as phone hours allow. `answered` without a result counts
    as `ring_again`: nobody has said that the person was helped.
    Raises ValueError for an outcome that has no next attempt (`reached`) or is unknown, and NeverOpen."""
    now = aware_utc(now)
    if not history:
        return _in_phone_hours(now, "not tried yet", calendar)
    last = history[-1]
    delay = _delay(history, settings)
    at = max(aware_utc(last.ended_at) + delay, now)
    return _in_phone_hours(at, f"{format_duration(delay)} after {last.outcome}", calendar)


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
