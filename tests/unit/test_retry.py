"""When a missed person is rung again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callback.request import AttemptOutcome, CallResult
from config.model import Office, RetrySettings
from scheduler.calendar import OfficeCalendar
from scheduler.clock import from_local
from scheduler.retry import PastAttempt, next_attempt

SETTINGS = RetrySettings(
    busy=timedelta(minutes=7),
    no_answer=timedelta(minutes=45),
    declined=timedelta(minutes=46),
    ring_again=timedelta(minutes=47),
    wrong_person=timedelta(minutes=48),
    invalid=timedelta(hours=2),
    cancelled=timedelta(0),
    line_failed=timedelta(minutes=1),
    line_failed_max=timedelta(minutes=10),
)
CALENDAR = OfficeCalendar(
    Office.model_validate(
        {
            "office_no": "9001",
            "name": "Lillevik",
            "municipality_no": "9901",
            "municipality": "Lillevik",
            "public_number": "+4773000010",
            "fallback_number": "+4740000001",
            "phone_hours": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-15:00"),
        }
    )
)


def local(text: str) -> datetime:
    return from_local(datetime.fromisoformat(text))


TEN = local("2026-11-23T10:00")


def after(*outcomes: str, ended_at: datetime = TEN, now: datetime = TEN) -> datetime:
    history = [PastAttempt(ended_at, outcome) for outcome in outcomes]
    return next_attempt(history, SETTINGS, CALENDAR, now).at


@pytest.mark.parametrize(
    ("outcome", "minutes"),
    [
        (AttemptOutcome.BUSY, 7),
        (AttemptOutcome.NO_ANSWER, 45),
        (AttemptOutcome.DECLINED, 46),
        (AttemptOutcome.INVALID, 120),
        (AttemptOutcome.CANCELLED, 0),
        (AttemptOutcome.LINE_FAILED, 1),
        (AttemptOutcome.ANSWERED, 47),
        (CallResult.RING_AGAIN, 47),
        (CallResult.WRONG_PERSON, 48),
    ],
)
def test_delay_of_the_last_outcome(outcome: str, minutes: int) -> None:
    """Each outcome has its own delay, counted from the end of the attempt, whatever came before it."""
    assert after(outcome) == TEN + timedelta(minutes=minutes)
    assert after(AttemptOutcome.BUSY, outcome) == TEN + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (9, 10), (500, 10)]
)
def test_line_failures_in_a_row_double_up_to_the_maximum(failures: int, minutes: int) -> None:
    """Our own failures back off, doubling, and never beyond the maximum."""
    assert after(*["line_failed"] * failures) == TEN + timedelta(minutes=minutes)


def test_another_outcome_ends_the_row_of_line_failures() -> None:
    """A line that worked in between begins the doubling anew."""
    assert after("line_failed", "line_failed", "busy", "line_failed") == TEN + timedelta(minutes=1)


def test_line_failures_leave_the_other_delays_alone() -> None:
    """A busy line after our failures waits as long as a busy line always does."""
    assert after("line_failed", "line_failed", "busy") == TEN + timedelta(minutes=7)


@pytest.mark.parametrize(
    ("now", "at"),
    [("2026-11-23T10:00", "2026-11-23T10:00"), ("2026-11-20T15:00", "2026-11-23T09:00")],
)
def test_untried_is_rung_as_soon_as_phone_hours_allow(now: str, at: str) -> None:
    """A request nobody has tried is due now, or at the next opening."""
    assert after(now=local(now)) == local(at)


def test_outside_phone_hours_moves_to_the_next_opening() -> None:
    """A retry that would land after closing on Friday comes on Monday, and says so."""
    friday = local("2026-11-20T14:30")
    plan = next_attempt([PastAttempt(friday, "no_answer")], SETTINGS, CALENDAR, friday)
    assert plan.at == local("2026-11-23T09:00")
    assert plan.why == "45m after no_answer, moved to the next phone hours."


def test_a_moment_that_has_passed_means_now() -> None:
    """After the service was away, a retry that is overdue is due now, not in the past."""
    assert after("busy", now=TEN + timedelta(hours=3)) == TEN + timedelta(hours=3)


@pytest.mark.parametrize("outcome", [CallResult.REACHED, "nonsense"])
def test_an_outcome_without_a_next_attempt_is_refused(outcome: str) -> None:
    """Planning a next attempt for someone reached is a mistake, and is told."""
    with pytest.raises(ValueError, match="no next attempt"):
        after(outcome)


OUTCOMES = st.sampled_from([*AttemptOutcome, CallResult.RING_AGAIN, CallResult.WRONG_PERSON])


@given(
    st.lists(OUTCOMES),
    st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2030-01-01")).map(from_local),
)
def test_there_is_always_a_next_attempt_in_phone_hours(outcomes: list[str], now: datetime) -> None:
    """Whatever happened, a next attempt comes, within phone hours and not before now."""
    plan = after(*outcomes, ended_at=now - timedelta(minutes=1), now=now)
    assert plan >= now
    assert CALENDAR.is_open(plan)
