"""When a missed person is rung again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callback.request import AttemptOutcome, CallResult, DayPart
from config.model import Office, RetrySettings
from scheduler.calendar import OfficeCalendar
from scheduler.clock import from_local, to_local
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


# -- wishes

PARTS = {DayPart.MORNING: (8, 11), DayPart.MIDDAY: (11, 13), DayPart.AFTERNOON: (13, 16)}
MOMENTS = st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2030-01-01")).map(
    from_local
)


def wished(part: DayPart, now: str, *outcomes: str, last: str | None = None) -> datetime:
    history = [PastAttempt(local(now), outcome) for outcome in outcomes]
    end = None if last is None else local(last)
    return next_attempt(history, SETTINGS, CALENDAR, local(now), part=part, last_workable_at=end).at


def in_part(at: datetime, part: DayPart) -> bool:
    begins, ends = PARTS[part]
    return begins <= to_local(at).hour < ends


@pytest.mark.parametrize(
    ("part", "now", "at"),
    [
        (DayPart.MORNING, "2026-11-23T10:00", "2026-11-23T10:00"),
        (DayPart.MIDDAY, "2026-11-23T10:00", "2026-11-23T11:00"),
        (DayPart.AFTERNOON, "2026-11-23T10:00", "2026-11-23T13:00"),
        (DayPart.MORNING, "2026-11-23T11:00", "2026-11-24T09:00"),
        (DayPart.AFTERNOON, "2026-11-23T15:00", "2026-11-24T13:00"),
        (DayPart.MORNING, "2026-11-20T12:00", "2026-11-23T09:00"),
    ],
)
def test_a_wish_moves_the_attempt_into_its_part_of_the_day(part: DayPart, now: str, at: str) -> None:
    """The next moment in both the wished part and phone hours."""
    assert wished(part, now) == local(at)


def test_a_wish_holds_after_a_miss() -> None:
    """The delay comes first, then the wish."""
    assert wished(DayPart.MORNING, "2026-11-23T10:00", "no_answer") == local("2026-11-23T10:45")
    assert wished(DayPart.MORNING, "2026-11-23T10:30", "no_answer") == local("2026-11-24T09:00")


def test_a_wish_yields_to_the_deadline() -> None:
    """Where the wished part comes only after the last workable moment, the attempt stays where it was."""
    assert wished(DayPart.MORNING, "2026-11-23T12:00", last="2026-11-23T14:59") == local("2026-11-23T12:00")
    assert wished(DayPart.MORNING, "2026-11-23T12:00", last="2026-11-24T09:00") == local("2026-11-24T09:00")
    overdue = wished(DayPart.MORNING, "2026-11-23T12:00", last="2026-11-20T14:59")
    assert overdue == local("2026-11-23T12:00")


def test_a_wish_outside_all_phone_hours_yields() -> None:
    """An office that answers from 9 to 15 has no evening; the wish is no reason never to ring."""
    evening = RetrySettings.model_validate({"afternoon": "16:00-18:00"})
    plan = next_attempt((), evening, CALENDAR, TEN, part=DayPart.AFTERNOON)
    assert plan.at == TEN


def test_a_moved_plan_says_why() -> None:
    """In one sentence."""
    plan = next_attempt((), SETTINGS, CALENDAR, TEN, part=DayPart.MIDDAY)
    assert plan.why == "not tried yet, moved to the wished midday."


@pytest.mark.parametrize(
    ("until", "at"),
    [
        ("2026-11-23T14:00", "2026-11-23T10:45"),  # in time anyway
        ("2026-11-23T10:45", "2026-11-23T10:30"),
        ("2026-11-23T10:30", "2026-11-23T10:15"),
        ("2026-11-23T10:05", "2026-11-23T10:00"),  # hardly any time left: now
        ("2026-11-23T10:00", "2026-11-23T10:45"),  # over
        ("2026-11-20T10:00", "2026-11-23T10:45"),
    ],
)
def test_a_borrowed_telephone_is_rung_in_time(until: str, at: str) -> None:
    """Until pulls an attempt forward to while the number can be rung; one that has passed says nothing."""
    plan = next_attempt([PastAttempt(TEN, "no_answer")], SETTINGS, CALENDAR, TEN, until=local(until))
    assert plan.at == local(at)


def test_until_never_leaves_phone_hours() -> None:
    """In the evening the last phone hours count, at night before an opening nothing can be done."""
    late = local("2026-11-23T14:40")
    plan = next_attempt(
        [PastAttempt(late, "no_answer")], SETTINGS, CALENDAR, late, until=local("2026-11-23T20:00")
    )
    assert plan.at == local("2026-11-23T14:59")
    night = local("2026-11-23T22:00")
    plan = next_attempt((), SETTINGS, CALENDAR, night, until=local("2026-11-24T06:00"))
    assert plan.at == local("2026-11-24T09:00")


def test_until_wins_over_a_wish() -> None:
    """A wish for a time when the number cannot be rung any more yields."""
    until = local("2026-11-23T12:00")
    assert next_attempt((), SETTINGS, CALENDAR, TEN, part=DayPart.AFTERNOON, until=until).at == TEN
    assert next_attempt((), SETTINGS, CALENDAR, TEN, part=DayPart.MIDDAY, until=until).at == local(
        "2026-11-23T11:00"
    )


@given(
    st.lists(OUTCOMES, max_size=4),
    MOMENTS,
    st.sampled_from(DayPart),
    st.timedeltas(timedelta(days=-2), timedelta(days=10)),
)
def test_a_wish_is_met_whenever_it_can_be(
    outcomes: list[str], now: datetime, part: DayPart, room: timedelta
) -> None:
    """Never before now or the plain plan, always in phone hours, in the wished part exactly when that part
    has a moment up to the last workable one."""
    history = [PastAttempt(now - timedelta(minutes=1), outcome) for outcome in outcomes]
    plain, end = next_attempt(history, SETTINGS, CALENDAR, now).at, now + room
    at = next_attempt(history, SETTINGS, CALENDAR, now, part=part, last_workable_at=end).at
    assert CALENDAR.is_open(at)
    assert at >= plain >= now
    assert at == plain or at <= end
    minutes = (plain + timedelta(minutes=15) * n for n in range(4 * 24 * 10))
    starts = (at for at in minutes if at <= end and CALENDAR.is_open(at) and in_part(at, part))
    if next(starts, None) is not None:
        assert in_part(at, part)


@given(
    st.lists(OUTCOMES, max_size=4),
    MOMENTS,
    st.sampled_from([None, *DayPart]),
    st.timedeltas(timedelta(days=-2), timedelta(days=4)),
)
def test_until_only_ever_pulls_forward(
    outcomes: list[str], now: datetime, part: DayPart | None, room: timedelta
) -> None:
    """With a borrowed telephone: never before now, always in phone hours, never later than without."""
    history = [PastAttempt(now - timedelta(minutes=1), outcome) for outcome in outcomes]
    until = now + room
    without = next_attempt(history, SETTINGS, CALENDAR, now, part=part).at
    at = next_attempt(history, SETTINGS, CALENDAR, now, part=part, until=until).at
    assert CALENDAR.is_open(at)
    assert now <= at <= without
    if until <= now:
        assert at == without
    elif at >= until:
        assert CALENDAR.last_open_minute(until - timedelta(minutes=15), now) is None
