"""Who is on duty, who comes next, where the gaps are: equal to a slow and obvious look at every minute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from config.model import Office, SpecialDay
from config.oncall import OnCallLine, OnCallSettings
from config.values import WeekHours
from scheduler.calendar import OfficeCalendar, public_holidays
from scheduler.clock import OSLO, from_local
from scheduler.coverage import WARNED_BEFORE, Gap, GapWhy, coverage, line_calendar, wanted
from scheduler.roster import Duty, DutyShift, Roster, ShiftKind, swapped

MINUTE = timedelta(minutes=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
DAYS = (*WEEKDAYS, "sat", "sun")
STAFF = ("kari", "ola", "sami", "no_number")
ZONES = [OSLO, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu"), UTC]
BEGINS = [
    date(2026, 11, 23),  # a Monday
    date(2026, 3, 28),  # before the night in which an hour is missing
    date(2026, 10, 24),  # before the night with an hour twice
    date(2026, 12, 23),  # before a special day and two holidays
]


def office(hours: dict[str, str], *special: SpecialDay) -> OfficeCalendar:
    return OfficeCalendar(
        Office(
            office_no="9001", name="Lillevik", municipality_no="9901", municipality="Lillevik",
            public_number="+4773000010", fallback_number="+4740000001",
            phone_hours=WeekHours.model_validate(hours), special_days=special,
        )
    )  # fmt: skip


def at(text: str) -> datetime:
    return from_local(datetime.fromisoformat(text))


def shift(
    who: str, begins: str, ends: str, kind: ShiftKind = ShiftKind.SHIFT, made: int = 0, name: str = ""
) -> DutyShift:
    people = tuple(who.split())
    made_at = datetime(2026, 11, 1, tzinfo=UTC) + made * MINUTE
    return DutyShift(
        name or f"{who}{begins}{made}", "l1", people, at(begins), at(ends), kind, changed_at=made_at
    )


def is_reachable(people: tuple[str, ...]) -> bool:
    return any(person != "no_number" for person in people)


class SlowRoster:
    """The rules said once more, one instant at a time."""

    def __init__(self, standing: tuple[str, ...], shifts: list[DutyShift]) -> None:
        self.standing, self.shifts = standing, shifts

    def who(self, now: datetime) -> tuple[str, ...]:
        holding = [s for s in self.shifts if s.begins_at <= now and now < s.ends_at]
        newest = None
        for one in holding:
            if one.kind is ShiftKind.OVERRIDE and (
                newest is None or (one.changed_at, one.id) > (newest.changed_at, newest.id)
            ):
                newest = one
        if newest is not None:
            return newest.people
        if not holding:
            return self.standing
        people: list[str] = []
        for one in sorted(holding, key=lambda s: (s.begins_at, s.id)):
            people += [person for person in one.people if person not in people]
        return tuple(people)

    def until(self, now: datetime) -> datetime | None:
        last = max((s.ends_at for s in self.shifts), default=now)
        then = now
        while then <= last:
            if self.who(then) != self.who(now):
                return then
            then += MINUTE
        return None


class Rosters(RuleBasedStateMachine):
    """Shifts, overrides, swaps and removals in several time zones over nights in which the clocks change."""

    @initialize(
        day=st.sampled_from(BEGINS),
        standing=st.lists(st.sampled_from(STAFF), max_size=2, unique=True).map(tuple),
        hours=st.sampled_from(["00:00-06:00", "01:30-04:00", "09:00-15:00", "08:00-23:00"]),
        centre=st.sampled_from(["00:00-23:00", "09:00-15:00", "01:00-12:00"]),
    )
    def begin(self, day: date, standing: tuple[str, ...], hours: str, centre: str) -> None:
        self.begins_at = from_local(datetime.combine(day, time()))
        self.ends_at = self.begins_at + timedelta(hours=37)
        self.standing, self.shifts, self.made = standing, list[DutyShift](), 0
        self.centre = dict.fromkeys(DAYS, centre)
        special = SpecialDay.model_validate({"date": date(2026, 12, 24), "phone_hours": "10:00-12:00"})
        self.calendar = office(dict.fromkeys(DAYS, hours), special)

    @rule(
        people=st.lists(st.sampled_from(STAFF), max_size=3, unique=True).map(tuple),
        zone=st.sampled_from(ZONES),
        begins=st.integers(-120, 37 * 60),
        length=st.one_of(st.integers(-5, 600), st.just(0)),
        kind=st.sampled_from(ShiftKind),
        fold=st.sampled_from([0, 1]),
    )
    def add(
        self, people: tuple[str, ...], zone: ZoneInfo, begins: int, length: int, kind: ShiftKind, fold: int
    ) -> None:
        wall = (self.begins_at + begins * MINUTE).astimezone(zone).replace(fold=fold)
        begins_at = wall.astimezone(UTC)
        self.made += 1
        self.shifts.append(
            DutyShift(
                f"s{self.made}", "l1", people, begins_at, begins_at + length * MINUTE, kind,
                changed_at=self.begins_at + (self.made % 3) * MINUTE,  # two may be made in one minute
            )
        )  # fmt: skip

    @precondition(lambda self: self.shifts)
    @rule(which=st.integers(0, 99))
    def remove(self, which: int) -> None:
        self.shifts.pop(which % len(self.shifts))

    @precondition(lambda self: len(self.shifts) > 1)
    @rule(which=st.integers(0, 99), other=st.integers(1, 99))
    def swap(self, which: int, other: int) -> None:
        first = self.shifts[which % len(self.shifts)]
        second = self.shifts[(which + other) % len(self.shifts)]
        if first.people == second.people:
            with pytest.raises(ValueError, match="the same people"):
                swapped(self.shifts, first, second)
            return
        changed = {one.id: one for one in swapped(self.shifts, first, second)}
        assert (changed[first.id].people, changed[second.id].people) == (second.people, first.people)
        self.shifts = [changed.get(one.id, one) for one in self.shifts]

    def teardown(self) -> None:
        """Looked at when all is done: each minute of a day and a half."""
        if hasattr(self, "shifts"):
            self.one_answer()

    def one_answer(self) -> None:
        slow, roster = SlowRoster(self.standing, self.shifts), Roster(self.standing, self.shifts)
        now, who = self.begins_at, []
        while now < self.ends_at:
            who.append(slow.who(now))
            assert roster.at(now).people == who[-1], now
            now += MINUTE
        for hours in (0, 13, 26):
            asked = self.begins_at + hours * timedelta(hours=1)
            until = slow.until(asked)
            assert roster.at(asked) == Duty(slow.who(asked), until, slow.who(until) if until else ())
        expected = {
            self.begins_at + n * MINUTE: GapWhy.NO_NUMBER if people else GapWhy.NOBODY
            for n, people in enumerate(who)
            if self.is_wanted(self.begins_at + n * MINUTE) and not is_reachable(people)
        }
        found: dict[datetime, GapWhy] = {}
        hours_of_centre = WeekHours.model_validate(self.centre)
        spans = list(wanted(hours_of_centre, self.calendar, self.begins_at, self.ends_at))
        covered = coverage("l1", roster, spans, is_reachable)
        for gap in covered.gaps:
            now = gap.begins_at
            while now < gap.ends_at:
                assert now not in found
                found[now] = gap.why
                now += MINUTE
        assert found == expected
        assert covered.missing == len(expected) * MINUTE
        for one, other in zip(covered.gaps, covered.gaps[1:], strict=False):
            assert (one.ends_at, one.why) != (other.begins_at, other.why), "two that are one"

    def is_wanted(self, now: datetime) -> bool:
        local = now.astimezone(OSLO)
        if local.date() in public_holidays(local.year):
            return False
        ours = self.calendar.office.phone_hours.on(local.weekday())
        if local.date() == date(2026, 12, 24):
            ours = self.calendar.office.special_days[0].phone_hours
        theirs = WeekHours.model_validate(self.centre).on(local.weekday())
        return all(hours and hours.opens <= local.time() < hours.closes for hours in (ours, theirs))


TestRosters = Rosters.TestCase
TestRosters.settings = settings(max_examples=25, stateful_step_count=10, deadline=None)


def test_standing_order_then_shift_then_override() -> None:
    """No shift: the line's own order. Shifts that overlap are on duty together. The newest override decides alone."""
    shifts = [
        shift("ola", "2026-11-23T09:00", "2026-11-23T12:00"),
        shift("sami ola", "2026-11-23T11:00", "2026-11-23T15:00"),
        shift("liv", "2026-11-23T11:30", "2026-11-23T13:00", ShiftKind.OVERRIDE, made=1),
        shift("eva", "2026-11-23T12:00", "2026-11-23T12:30", ShiftKind.OVERRIDE, made=2),
    ]
    roster = Roster(("kari",), shifts)
    told = {
        text: roster.at(at(f"2026-11-23T{text}")).people
        for text in ("08:59", "09:00", "11:00", "11:30", "12:00", "12:30", "13:00", "15:00")
    }
    assert told == {
        "08:59": ("kari",), "09:00": ("ola",), "11:00": ("ola", "sami"), "11:30": ("liv",), "12:00": ("eva",),
        "12:30": ("liv",), "13:00": ("sami", "ola"), "15:00": ("kari",),
    }  # fmt: skip
    assert roster.at(at("2026-11-23T09:30")) == Duty(("ola",), at("2026-11-23T11:00"), ("ola", "sami"))


WEEK = dict.fromkeys(WEEKDAYS, "09:00-15:00")
CENTRE = OnCallSettings().contact_centre_hours


def gaps(
    roster: Roster,
    calendar: OfficeCalendar,
    begins: str,
    ends: str,
    reach: Callable[..., bool] = is_reachable,
) -> list[str]:
    spans = wanted(CENTRE, calendar, at(begins), at(ends))
    return [
        f"{gap.begins_at.astimezone(OSLO):%a %d %H:%M}-{gap.ends_at.astimezone(OSLO):%H:%M} {gap.why}"
        for gap in coverage("l1", roster, spans, reach).gaps
    ]


def test_a_planned_closed_hour_is_no_gap() -> None:
    """Nobody is wanted outside the line's hours, the contact centre's, on holidays and on the office's closed days."""
    closed = SpecialDay.model_validate({"date": date(2026, 12, 31)})
    open_at_christmas = SpecialDay.model_validate({"date": date(2026, 12, 25), "phone_hours": "10:00-12:00"})
    nobody = Roster((), ())
    assert gaps(nobody, office(WEEK, closed, open_at_christmas), "2026-12-24T00:00", "2027-01-02T00:00") == [
        "Thu 24 09:00-15:00 nobody", "Mon 28 09:00-15:00 nobody", "Tue 29 09:00-15:00 nobody",
        "Wed 30 09:00-15:00 nobody",
    ]  # fmt: skip
    always = OnCallLine(
        id="l1", office_no="9001", number="+4773000011",
        hours=WeekHours.model_validate({**dict.fromkeys(DAYS, "00:00-23:59"), "mon": "12:00-23:00"}),
    )  # fmt: skip
    calendar = line_calendar(always, office(WEEK, closed))
    assert gaps(nobody, calendar, "2026-12-26T00:00", "2026-12-29T12:00") == [
        "Mon 28 12:00-15:00 nobody", "Tue 29 09:00-12:00 nobody",
    ]  # fmt: skip


def test_somebody_without_a_number_is_a_gap_and_says_who() -> None:
    """A person on duty who cannot be rung covers nothing; beside one who can, it is no gap."""
    shifts = [
        shift("no_number", "2026-11-23T09:00", "2026-11-23T12:00"),
        shift("kari", "2026-11-23T11:00", "2026-11-23T14:00"),
    ]
    spans = list(wanted(CENTRE, office(WEEK), at("2026-11-23T00:00"), at("2026-11-24T00:00")))
    covered = coverage("l1", Roster((), shifts), spans, is_reachable)
    assert covered.gaps == (
        Gap("l1", at("2026-11-23T09:00"), at("2026-11-23T11:00"), GapWhy.NO_NUMBER, ("no_number",)),
        Gap("l1", at("2026-11-23T14:00"), at("2026-11-23T15:00"), GapWhy.NOBODY),
    )
    assert (covered.wanted, covered.percent) == (timedelta(hours=6), 50)


def test_percent_is_never_rounded_up() -> None:
    """One minute in four weeks is not 100 %, nothing at all is 0 %, and where nobody is wanted nothing is missing."""
    begins, ends = at("2026-11-23T00:00"), at("2026-12-21T00:00")
    spans = list(wanted(CENTRE, office(WEEK), begins, ends))
    hole = shift("", "2026-11-25T10:00", "2026-11-25T10:01", ShiftKind.OVERRIDE)
    assert coverage("l1", Roster(("kari",), [hole]), spans, is_reachable).percent == 99
    assert coverage("l1", Roster((), ()), spans, is_reachable).percent == 0
    assert coverage("l1", Roster((), ()), [], is_reachable).percent == 100


def test_a_gap_has_four_steps() -> None:
    """14, 7 and 2 days and 1 hour before it; none before the first, and none once it is over."""
    gap = Gap("l1", at("2026-11-23T09:00"), at("2026-11-23T15:00"), GapWhy.NOBODY)
    steps = [gap.step(gap.begins_at - before) for before in WARNED_BEFORE]
    assert steps == [0, 1, 2, 3]
    assert gap.step(gap.begins_at - timedelta(days=14, seconds=1)) is None
    assert (gap.step(gap.ends_at - MINUTE), gap.step(gap.ends_at)) == (3, None)


def test_a_swap_needs_both_shifts() -> None:
    """A shift that somebody removed meanwhile is not brought back by a swap."""
    one = shift("kari", "2026-11-23T09:00", "2026-11-23T12:00")
    other = shift("ola", "2026-11-24T09:00", "2026-11-24T12:00")
    with pytest.raises(ValueError, match="not there any more"):
        swapped([one], one, other)
