"""When a missed person is rung again: the rules, worked examples, and what holds for any history."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise, takewhile
from time import perf_counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from callback.request import FREE_OUTCOMES, AttemptOutcome, CallResult, DayPart
from config.model import Office, RetrySettings
from scheduler.calendar import DAY, NeverOpen, OfficeCalendar
from scheduler.clock import from_local, to_local
from scheduler.day_parts import part_of, windows
from scheduler.deadline import deadline
from scheduler.retry import NextAttempt, PastAttempt, Wishes, next_attempt, plan

SETTINGS = RetrySettings(
    declined=timedelta(minutes=46), ring_again=timedelta(minutes=47), wrong_person=timedelta(minutes=48)
)
WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-15:00")


def office(hours: dict[str, str], *special_days: dict[str, object]) -> OfficeCalendar:
    fields = {
        "office_no": "9001",
        "name": "Lillevik",
        "municipality_no": "9901",
        "municipality": "Lillevik",
        "public_number": "+4773000010",
        "fallback_number": "+4740000001",
        "phone_hours": hours,
        "special_days": special_days,
    }
    return OfficeCalendar(Office.model_validate(fields))


CALENDAR = office(WEEK)


def local(text: str) -> datetime:
    return from_local(datetime.fromisoformat(text))


def past(*attempts: str) -> list[PastAttempt]:
    """From `2026-11-23T09:05 no_answer`, ..."""
    return [PastAttempt(local(at), outcome) for at, outcome in (text.split() for text in attempts)]


def planned(
    registered: str,
    *attempts: str,
    now: str | None = None,
    part: DayPart | None = None,
    until: str | None = None,
    last: str | None = None,
    calendar: OfficeCalendar = CALENDAR,
) -> list[NextAttempt]:
    """The plan, seen at `now`; given none, at the last attempt or the registration."""
    history, registered_at = past(*attempts), local(registered)
    end = local(last) if last else deadline(registered_at, calendar, urgent=False).last_workable_at
    wishes = Wishes(registered_at, end, part, until and local(until))
    seen = local(now) if now else history[-1].at if history else registered_at
    coming = plan(history, SETTINGS, calendar, wishes, seen)
    assert coming[0] == next_attempt(history, SETTINGS, calendar, wishes, seen)
    return coming


def told(coming: list[NextAttempt]) -> list[str]:
    """`Mon 09:05 morning` of each."""
    return [f"{to_local(a.at):%a %H:%M} {a.part}" for a in coming]


def first(*arguments: str, **options: object) -> str:
    """The first of the plan, as `2026-11-23 09:05`."""
    return f"{to_local(planned(*arguments, **options)[0].at):%Y-%m-%d %H:%M}"  # type: ignore[arg-type]


MON = "2026-11-23T09:05"


class TestAfterAnOutcome:
    @pytest.mark.parametrize(
        ("outcome", "at"),
        [
            (AttemptOutcome.BUSY, "10:12"),
            (AttemptOutcome.NO_ANSWER, "10:50"),
            (AttemptOutcome.DECLINED, "10:51"),
            (AttemptOutcome.ANSWERED, "10:50"),
            (CallResult.RING_AGAIN, "10:52"),
            (CallResult.WRONG_PERSON, "10:53"),
            (AttemptOutcome.INVALID, "12:05"),
            (AttemptOutcome.LINE_FAILED, "10:06"),
            (AttemptOutcome.CANCELLED, "10:06"),
        ],
    )
    def test_each_has_its_own_delay(self, outcome: str, at: str) -> None:
        """Counted from when it rang. Who took the telephone and nobody knows more of was not reached."""
        assert first(MON, f"2026-11-23T10:05 {outcome}") == f"2026-11-23 {at}"

    @pytest.mark.parametrize("missed", ["no_answer", "declined"])
    def test_a_second_miss_leads_to_another_part_of_the_day(self, missed: str) -> None:
        """45 minutes, and then another part of the day."""
        coming = planned(MON, f"2026-11-23T09:05 {missed}", f"2026-11-23T09:51 {missed}")
        assert told(coming[:1]) == ["Mon 11:00 midday"]
        assert coming[0].why == "Missed twice in the morning, so in another part of the day."

    def test_a_busy_line_is_no_miss(self) -> None:
        """They are there: the row of misses begins anew."""
        busy = "2026-11-23T09:55 busy"
        assert first(MON, "2026-11-23T09:10 no_answer", busy) == "2026-11-23 10:02"
        again = "2026-11-23T10:02 no_answer"
        assert first(MON, "2026-11-23T09:10 no_answer", busy, again) == "2026-11-23 10:47"

    def test_a_talk_is_no_miss(self) -> None:
        """Who asked to be rung again is rung again after the delay, also in the same part of the day."""
        assert first(MON, "2026-11-23T09:05 no_answer", "2026-11-23T09:50 ring_again") == "2026-11-23 10:37"

    def test_a_delay_over_noon_is_another_part_already(self) -> None:
        """45 minutes after 10:30 is midday; the miss there is the first there."""
        assert told(planned(MON, "2026-11-23T10:30 no_answer")[:3]) == [
            "Mon 11:15 midday",
            "Mon 12:00 midday",
            "Mon 13:00 afternoon",
        ]

    def test_a_moment_that_has_passed_means_now(self) -> None:
        """After the service was away, or a colleague gave it back, it is due now."""
        assert first(MON, "2026-11-23T09:05 no_answer", now="2026-11-23T10:20") == "2026-11-23 10:20"
        twice = ("2026-11-23T09:05 no_answer", "2026-11-23T09:50 no_answer")
        assert first(MON, *twice, now="2026-11-24T14:10") == "2026-11-24 14:10"

    @pytest.mark.parametrize("outcome", [CallResult.REACHED, "nonsense"])
    def test_an_outcome_without_a_next_attempt_is_refused(self, outcome: str) -> None:
        """Planning a next attempt for someone reached is a mistake, and is told."""
        with pytest.raises(ValueError, match="no next attempt"):
            planned(MON, f"2026-11-23T10:00 {outcome}")


class TestOurOwnFailure:
    @pytest.mark.parametrize(("failures", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (500, 10)])
    def test_a_line_that_fails_backs_off(self, failures: int, minutes: int) -> None:
        """Doubling, and never beyond the maximum."""
        history = ["2026-11-23T10:00 line_failed"] * failures
        assert first(MON, *history) == f"2026-11-23 10:{minutes:02}"

    @pytest.mark.parametrize(("times", "minutes"), [(1, 1), (2, 2), (9, 2)])
    def test_a_colleague_who_did_not_press_1_is_soon_asked_again(self, times: int, minutes: int) -> None:
        """The person was not rung: one minute, then two."""
        assert first(MON, *["2026-11-23T10:00 cancelled"] * times) == f"2026-11-23 10:{minutes:02}"

    def test_another_outcome_ends_the_row(self) -> None:
        """A line that worked in between begins the doubling anew."""
        history = [f"2026-11-23T10:00 {outcome}" for outcome in ("line_failed", "line_failed", "busy")]
        assert first(MON, *history) == "2026-11-23 10:07"
        assert first(MON, *history, "2026-11-23T10:07 line_failed") == "2026-11-23 10:08"

    def test_it_is_no_attempt_in_a_part_of_the_day(self) -> None:
        """Two failures do not make a miss a second one, and the midday stays untried."""
        one = planned(MON, "2026-11-23T09:05 no_answer")
        failed = planned(
            MON, "2026-11-23T09:03 line_failed", "2026-11-23T09:04 cancelled", "2026-11-23T09:05 no_answer"
        )
        assert failed == one
        after = planned(MON, "2026-11-23T09:05 no_answer", "2026-11-23T14:50 line_failed")
        assert told(after[:2]) == ["Mon 14:51 afternoon", "Tue 11:00 midday"]


class TestNumberThatDoesNotExist:
    def test_it_is_tried_once_more(self) -> None:
        """The network is sometimes wrong."""
        assert first(MON, "2026-11-23T09:05 invalid") == "2026-11-23 11:05"

    def test_then_a_person_decides(self) -> None:
        """The plan says so and goes no further; the request has a next moment on the list all the same."""
        (only,) = planned(MON, "2026-11-23T09:05 invalid", "2026-11-23T11:05 invalid")
        assert told([only]) == ["Mon 13:05 afternoon"]
        assert only.why == "The network says twice that the number does not exist, so a person decides."
        late = planned(
            MON, "2026-11-24T14:00 invalid", "2026-11-24T14:30 line_failed", "2026-11-24T14:58 invalid"
        )
        assert told(late) == ["Wed 09:00 morning"]

    def test_a_number_that_rang_in_between_exists(self) -> None:
        """Two in a row are needed."""
        history = [f"2026-11-23T09:{n} {o}" for n, o in (("05", "invalid"), (10, "busy"), (20, "invalid"))]
        assert len(planned(MON, *history)) > 1


class TestWorkedExamples:
    """Office open Monday to Friday 9-15, 48 hours."""

    def test_monday_morning(self) -> None:
        """Each part of the day twice; on the next day near the hour at which they rang."""
        coming = planned(MON)
        assert told(coming) == [
            *("Mon 09:05 morning", "Mon 09:50 morning", "Mon 11:00 midday", "Mon 11:45 midday"),
            *("Mon 13:00 afternoon", "Mon 13:45 afternoon"),
            *("Tue 09:05 morning", "Tue 09:50 morning", "Tue 11:00 midday", "Tue 11:45 midday"),
            *("Tue 13:00 afternoon", "Tue 13:45 afternoon", "Wed 09:05 morning"),
        ]
        assert [a.why for a in coming[:3]] == [
            "Not tried yet.",
            "45m after no answer.",
            "Missed twice in the morning, so in another part of the day.",
        ]
        assert (
            coming[6].why == "On another day, in the morning, tried least and nearest to the hour they rang."
        )

    def test_monday_afternoon(self) -> None:
        """What is not tried yet comes first, then what is tried least."""
        coming = planned("2026-11-23T13:40")
        assert told(coming) == [
            *("Mon 13:40 afternoon", "Mon 14:25 afternoon"),
            *("Tue 09:00 morning", "Tue 09:45 morning", "Tue 11:00 midday", "Tue 11:45 midday"),
            *("Tue 13:40 afternoon", "Tue 14:25 afternoon"),
            *("Wed 11:00 midday", "Wed 11:45 midday", "Wed 13:40 afternoon"),
        ]
        assert coming[2].why == "On another day, in the morning, not tried then yet."

    def test_friday_afternoon(self) -> None:
        """One attempt fits; after it the request is overdue, and goes on on Monday."""
        assert told(planned("2026-11-20T14:30")) == ["Fri 14:30 afternoon"]
        (after,) = planned("2026-11-20T14:30", "2026-11-20T14:30 no_answer")
        assert told([after]) == ["Mon 09:00 morning"]
        assert after.why == (
            "Overdue since Fri 20 Nov 2026 14:59, on another day, in the morning, not tried then yet."
        )

    def test_a_night_is_due_at_opening(self) -> None:
        """No phone hours before the deadline: the opening is the last workable moment and the first attempt."""
        (only,) = planned("2026-11-20T15:30")
        assert (told([only]), only.why) == (
            ["Mon 09:00 morning"],
            "Not tried yet, moved to the next phone hours.",
        )

    def test_easter(self) -> None:
        """Wednesday before Easter 2026 is the last day; the next phone hours are Tuesday's, 7 April."""
        assert told(planned("2026-04-01T10:00"))[-1] == "Wed 13:45 afternoon"
        missed = ("2026-04-01T13:00 no_answer", "2026-04-01T13:45 no_answer")
        (tuesday,) = planned("2026-04-01T10:00", *missed, now="2026-04-01T14:59")
        assert (
            f"{to_local(tuesday.at):%d %b %H:%M}" == "07 Apr 10:00"
        )  # the morning is new, and they rang at 10

    @pytest.mark.parametrize(
        ("friday", "monday"),
        [("2026-03-27T11:30", "2026-03-30T09:30Z"), ("2026-10-23T11:30", "2026-10-26T10:30Z")],
    )
    def test_change_of_clocks(self, friday: str, monday: str) -> None:
        """The hour at which they rang is an hour on the wall."""
        day = friday.partition("T")[0]
        tried = [f"{day}T{at} no_answer" for at in ("09:00", "09:45", "12:00", "13:00", "14:30")]
        (overdue,) = planned(friday, *tried)
        assert overdue.at == datetime.fromisoformat(monday)
        assert to_local(overdue.at).hour == 11

    @pytest.mark.parametrize(
        ("rung", "at"), [("2026-03-29T01:40", "2026-03-29T01:25Z"), ("2026-10-25T02:40", "2026-10-25T01:25Z")]
    )
    def test_nights_when_clocks_change(self, rung: str, at: str) -> None:
        """45 minutes are 45 minutes, in an office that answers on Sunday nights: 03:25, and 02:25 once more."""
        night = office({"sun": "00:00-06:00"})
        assert planned(rung, f"{rung} no_answer", calendar=night)[0].at == datetime.fromisoformat(at)


class TestBeforeTheDeadline:
    def test_the_last_two_phone_hours(self) -> None:
        """The office closes at 16, after two misses at 13: once more within the last two hours."""
        long = office(dict.fromkeys(WEEK, "09:00-16:00"))
        missed = ("2026-11-23T13:00 no_answer", "2026-11-23T13:45 no_answer")
        coming = planned("2026-11-23T13:00", *missed, last="2026-11-23T16:00", calendar=long)
        assert told(coming) == ["Mon 14:30 afternoon"]
        assert coming[0].why == "Within the last 2h of phone hours before the last workable moment."

    def test_they_may_lie_on_two_days(self) -> None:
        """Nothing of Wednesday's opening minute, so the last two of Tuesday: from 14."""
        long = office(dict.fromkeys(WEEK, "09:00-16:00"))
        tried = ("2026-11-23T09:05 no_answer", "2026-11-24T13:00 no_answer", "2026-11-24T13:10 no_answer")
        coming = planned(MON, *tried, last="2026-11-25T09:00", calendar=long)
        assert told(coming) == ["Tue 14:00 afternoon"]

    def test_a_part_not_tried_yet_comes_before_a_second_try(self) -> None:
        """The midday has twenty minutes left, and only one more attempt fits."""
        coming = planned("2026-11-23T10:00", "2026-11-23T10:00 no_answer", last="2026-11-23T11:20")
        assert told(coming) == ["Mon 11:00 midday"]
        assert coming[0].why == "The last chance at midday before the last workable moment."

    def test_overdue_goes_on_for_ever(self) -> None:
        """At the same rhythm, within phone hours."""
        history: list[PastAttempt] = past("2026-11-20T14:30 no_answer")
        wishes = Wishes(local("2026-11-20T14:30"), local("2026-11-20T14:59"))
        for _ in range(60):
            coming = next_attempt(history, SETTINGS, CALENDAR, wishes, history[-1].at)
            assert CALENDAR.is_open(coming.at)
            assert coming.why.startswith("Overdue since Fri 20 Nov 2026 14:59, ")
            history.append(PastAttempt(coming.at, "no_answer"))
        assert {part_of(a.at, SETTINGS) for a in history[-12:]} == set(DayPart)
        days = {to_local(attempt.at).date() for attempt in history}
        assert len(days) == sum(
            CALENDAR.is_working_day(min(days) + n * DAY) for n in range((max(days) - min(days)).days + 1)
        )

    def test_an_office_with_one_part_of_the_day(self) -> None:
        """Two tries a day, and the next day again."""
        evening = office({"mon": "17:00-20:00", "tue": "17:00-20:00"})
        assert told(planned("2026-11-23T18:00", last="2026-11-24T19:59", calendar=evening)) == [
            *("Mon 18:00 None", "Mon 18:45 None", "Tue 18:00 None", "Tue 18:45 None")
        ]


class TestWish:
    @pytest.mark.parametrize(
        ("part", "now", "at"),
        [
            (DayPart.MORNING, "2026-11-23T10:00", "2026-11-23 10:00"),
            (DayPart.MIDDAY, "2026-11-23T10:00", "2026-11-23 11:00"),
            (DayPart.AFTERNOON, "2026-11-23T10:00", "2026-11-23 13:00"),
            (DayPart.MORNING, "2026-11-23T11:00", "2026-11-24 09:00"),
            (DayPart.AFTERNOON, "2026-11-23T15:00", "2026-11-24 13:00"),
        ],
    )
    def test_it_moves_the_attempt_into_its_part_of_the_day(self, part: DayPart, now: str, at: str) -> None:
        """The next moment in both the wished part and phone hours."""
        assert first(now, part=part) == at

    def test_it_wins_over_the_spreading(self) -> None:
        """The wished part, again and again, near the hour at which they rang; then what is left."""
        coming = planned("2026-11-23T13:40", part=DayPart.AFTERNOON, last="2026-11-25T09:30")
        assert told(coming) == [
            *("Mon 13:40 afternoon", "Mon 14:25 afternoon", "Tue 13:40 afternoon", "Tue 14:25 afternoon"),
            "Wed 09:00 morning",
        ]
        assert coming[2].why == "In the wished afternoon."

    def test_it_holds_after_a_miss(self) -> None:
        """The delay comes first, then the wish."""
        assert first(MON, "2026-11-23T10:00 no_answer", part=DayPart.MORNING) == "2026-11-23 10:45"
        assert first(MON, "2026-11-23T10:30 no_answer", part=DayPart.MORNING) == "2026-11-24 09:05"

    def test_it_does_not_delay_what_is_in_it_anyway(self) -> None:
        """Our own failure in the wished part is made good at once, not at the hour at which they rang."""
        failed = "2026-11-24T13:00 line_failed"
        assert first("2026-11-23T13:40", failed, part=DayPart.AFTERNOON) == "2026-11-24 13:01"

    def test_it_yields_to_the_deadline(self) -> None:
        """Where the wished part comes only after the last workable moment."""
        noon = "2026-11-23T12:00"
        assert first(noon, part=DayPart.MORNING, last="2026-11-23T14:59") == "2026-11-23 12:00"
        assert first(noon, part=DayPart.MORNING, last="2026-11-24T09:00") == "2026-11-24 09:00"

    def test_it_holds_for_the_overdue(self) -> None:
        """The same rhythm; but not where the office has no such hours within a week."""
        late = {"now": "2026-11-25T12:00", "last": "2026-11-24T14:59"}
        assert first(MON, part=DayPart.MORNING, **late) == "2026-11-26 09:05"
        mornings = office(dict.fromkeys(WEEK, "09:00-11:00"))
        assert first(MON, part=DayPart.AFTERNOON, calendar=mornings, **late) == "2026-11-26 09:00"


class TestBorrowedTelephone:
    @pytest.mark.parametrize(
        ("until", "at"),
        [
            ("2026-11-23T14:00", "10:45"),  # in time anyway
            ("2026-11-23T10:45", "10:30"),
            ("2026-11-23T10:30", "10:15"),
            ("2026-11-23T10:20", "10:07"),  # hardly any time left: as after a busy line
            ("2026-11-23T10:10", "10:45"),  # it was rung in its last quarter of an hour
            ("2026-11-23T10:05", "10:45"),  # too late
            ("2026-11-23T10:00", "10:45"),  # over
        ],
    )
    def test_it_is_rung_before_it_is_given_back(self, until: str, at: str) -> None:
        """An attempt planned too late is pulled forward; a moment that has passed says nothing."""
        assert first(MON, "2026-11-23T10:00 no_answer", until=until) == f"2026-11-23 {at}"

    def test_once_is_enough(self) -> None:
        """In its last quarter of an hour nobody rings every few minutes; and afterwards the plan ends."""
        coming = planned("2026-11-23T10:00", until="2026-11-23T11:50")
        assert told(coming) == [
            *("Mon 10:00 morning", "Mon 10:45 morning", "Mon 11:30 midday", "Mon 11:37 midday")
        ]
        assert coming[-1].why == "Before the borrowed telephone is given back Mon 23 Nov 2026 11:50."

    def test_it_never_leaves_phone_hours(self) -> None:
        """In the evening the last phone hours count, at night before an opening nothing can be done."""
        late = "2026-11-23T14:40 no_answer"
        assert first(MON, late, until="2026-11-23T20:00") == "2026-11-23 14:59"
        assert first("2026-11-23T22:00", until="2026-11-24T06:00") == "2026-11-24 09:00"

    def test_it_wins_over_a_wish(self) -> None:
        """A wish for a time when the number cannot be rung any more yields."""
        until = "2026-11-23T12:00"
        assert first(MON, part=DayPart.AFTERNOON, until=until) == "2026-11-23 09:05"
        assert first(MON, part=DayPart.MIDDAY, until=until) == "2026-11-23 11:00"


def test_naive_times_are_refused() -> None:
    """Nobody knows what they mean."""
    wishes = Wishes(local(MON), local("2026-11-25T09:05"))
    with pytest.raises(ValueError, match="naive"):
        next_attempt((), SETTINGS, CALENDAR, wishes, datetime.fromisoformat(MON))


def test_an_office_that_never_opens_is_told() -> None:
    """And one that closes for good in between ends the plan."""
    never, once = office({}), office({}, {"date": date(2026, 11, 23), "phone_hours": "09:00-10:00"})
    wishes = Wishes(local(MON), local("2026-11-25T09:05"))
    with pytest.raises(NeverOpen):
        plan((), SETTINGS, never, wishes, local(MON))
    assert told(plan((), SETTINGS, once, wishes, local(MON))) == ["Mon 09:05 morning", "Mon 09:50 morning"]


def test_a_next_attempt_is_fast() -> None:
    """It is on the path of every registration."""
    history = past(*["2026-11-23T10:00 no_answer"] * 12)
    wishes = Wishes(local(MON), local("2026-11-20T09:05"), DayPart.AFTERNOON)
    next_attempt(history, SETTINGS, CALENDAR, wishes, local("2026-11-27T14:59"))
    began = perf_counter()
    for _ in range(100):
        next_attempt(history, SETTINGS, CALENDAR, wishes, local("2026-11-27T14:59"))
    assert (perf_counter() - began) / 100 < 0.002  # 0.1 ms where nothing else runs


# ---- any history ----------------------------------------------------------------------------------------------------

SPANS = st.tuples(st.integers(0, 20), st.integers(2, 12), st.sampled_from(["00", "15", "40"]))
HOURS = SPANS.map(lambda t: f"{t[0]:02}:{t[2]}-{min(t[0] + t[1] // 2 + 1, 23):02}:59")
DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))
CALENDARS = st.builds(
    lambda week, special: office(
        week, *({"date": day, "phone_hours": hours} for day, hours in special.items())
    ),
    st.dictionaries(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), HOURS, min_size=1),
    st.dictionaries(DAYS, st.none() | HOURS, max_size=3),
)
MOMENTS = st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2027-12-31")).map(
    from_local
)
OUTCOMES = st.sampled_from([*AttemptOutcome, CallResult.RING_AGAIN, CallResult.WRONG_PERSON])
MISSES = st.sampled_from(["busy", "no_answer", "declined", "answered"])
GAPS = st.lists(st.tuples(st.timedeltas(timedelta(0), timedelta(hours=20)), OUTCOMES), max_size=8)


def history_from(registered_at: datetime, gaps: list[tuple[timedelta, str]]) -> list[PastAttempt]:
    history, at = [], registered_at
    for gap, outcome in gaps:
        at += gap
        history.append(PastAttempt(at, outcome))
    return history


def open_time(calendar: OfficeCalendar, start: datetime, end: datetime) -> timedelta:
    total, day = timedelta(0), to_local(start).date()
    while day <= to_local(end).date():
        hours = calendar.hours_on(day)
        if hours is not None:
            total += max(min(hours[1], end) - max(hours[0], start), timedelta(0))
        day += timedelta(days=1)
    return total


@given(
    CALENDARS,
    MOMENTS,
    GAPS,
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.none() | st.sampled_from(DayPart),
    st.none() | st.timedeltas(timedelta(0), timedelta(days=2)),
    st.booleans(),
)
def test_any_plan(
    calendar: OfficeCalendar,
    registered_at: datetime,
    gaps: list[tuple[timedelta, str]],
    later: timedelta,
    part: DayPart | None,
    borrowed: timedelta | None,
    urgent: bool,
) -> None:
    """It always has a next attempt, rises, is never before now nor outside phone hours, and explains itself."""
    history = history_from(registered_at, gaps)
    now = (history[-1].at if history else registered_at) + later
    last = deadline(registered_at, calendar, urgent=urgent).last_workable_at
    wishes = Wishes(registered_at, last, part, None if borrowed is None else registered_at + borrowed)
    coming = plan(history, SETTINGS, calendar, wishes, now)
    assert coming[0] == next_attempt(history, SETTINGS, calendar, wishes, now)
    assert coming[0].at >= now
    assert all(one.at < other.at for one, other in pairwise(coming))
    assert all(calendar.is_open(a.at) and a.part is part_of(a.at, SETTINGS) for a in coming)
    assert all(a.at <= last for a in coming[1:])
    assert all(a.why[0].isupper() or a.why[0].isdigit() for a in coming)
    assert all(a.why.endswith(".") for a in coming)


@given(CALENDARS, MOMENTS, GAPS)
def test_our_own_failures_change_nothing_later(
    calendar: OfficeCalendar, registered_at: datetime, gaps: list[tuple[timedelta, str]]
) -> None:
    """Before an attempt that counts, they might as well not have been."""
    history = history_from(registered_at, [*gaps, (timedelta(0), "no_answer")])
    counted = [attempt for attempt in history if attempt.outcome not in FREE_OUTCOMES]
    wishes = Wishes(registered_at, deadline(registered_at, calendar, urgent=False).last_workable_at)
    now = history[-1].at
    assert plan(history, SETTINGS, calendar, wishes, now) == plan(counted, SETTINGS, calendar, wishes, now)


@given(
    CALENDARS,
    MOMENTS,
    st.lists(st.tuples(st.timedeltas(timedelta(0), timedelta(hours=9)), MISSES), max_size=5),
    st.booleans(),
)
def test_every_part_of_the_day_and_the_last_two_hours(
    calendar: OfficeCalendar, registered_at: datetime, gaps: list[tuple[timedelta, str]], urgent: bool
) -> None:
    """Each part with 45 minutes of phone hours left before the last workable moment gets an attempt, and so do the last
    two phone hours before it."""
    last = deadline(registered_at, calendar, urgent=urgent).last_workable_at
    history = history_from(registered_at, gaps)
    now = history[-1].at if history else registered_at
    start = now + timedelta(minutes=46) if history else now
    assume(start <= last)
    coming = plan(history, SETTINGS, calendar, Wishes(registered_at, last), now)
    times = [attempt.at for attempt in (*history, *coming)]
    assert any(open_time(calendar, at, last) <= timedelta(hours=2) for at in times)
    before = takewhile(lambda window: window.begins <= last, windows(start, SETTINGS, calendar))
    parts = {w.part for w in before if min(w.ends, last) - w.begins >= timedelta(minutes=45)}
    assert parts <= {part_of(at, SETTINGS) for at in times}


@given(CALENDARS, MOMENTS, GAPS, st.sampled_from(DayPart), st.timedeltas(timedelta(0), timedelta(days=2)))
def test_a_wish_is_met_whenever_it_can_be(
    calendar: OfficeCalendar,
    registered_at: datetime,
    gaps: list[tuple[timedelta, str]],
    part: DayPart,
    room: timedelta,
) -> None:
    """The next attempt is in the wished part, if that has phone hours from the delay up to the last workable moment."""
    history = history_from(registered_at, gaps)
    now = history[-1].at if history else registered_at
    last = calendar.next_opening(now + room)
    coming = plan(history, SETTINGS, calendar, Wishes(registered_at, last, part), now)[0]
    assume("a person decides" not in coming.why)
    longest_delay = now + timedelta(hours=2)
    room_left = takewhile(lambda window: window.begins <= last, windows(longest_delay, SETTINGS, calendar))
    if any(window.part is part for window in room_left):
        assert coming.part is part
        assert coming.at <= last
