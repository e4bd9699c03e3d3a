"""When the steps of the escalation are reached, and who is warned. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callback.request import RequestState
from callback.warned import warned
from config.model import Config, DeadlinePolicy
from scheduler.calendar import OfficeCalendar
from scheduler.deadline import deadline
from scheduler.escalation import STEPS, instants, next_step
from tests.contract.store_factory import new_attempt, new_request
from tests.offices import config

MOMENTS = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2027, 12, 31),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)
OFFICES = {
    policy: config().offices[0].model_copy(update={"deadline_policy": policy}) for policy in DeadlinePolicy
}


@given(
    MOMENTS,
    st.sampled_from(DeadlinePolicy),
    st.booleans(),
)
def test_steps(at: datetime, policy: DeadlinePolicy, urgent: bool) -> None:
    """They never fall, lie within phone hours between the registration and the last workable moment, and end there."""
    calendar = OfficeCalendar(OFFICES[policy])
    clock = deadline(at, calendar, urgent=urgent)
    steps = list(instants(at, clock.last_workable_at, calendar).values())
    assert steps == sorted(steps)
    assert steps[-1] == clock.last_workable_at
    assert all(at <= step and calendar.is_open(step) for step in steps)


@given(MOMENTS)
def test_urgent_is_never_later(at: datetime) -> None:
    """The steps of an urgent request are never later than those of an ordinary one of the same moment."""
    calendar = OfficeCalendar(config().offices[0])
    ordinary, urgent = (deadline(at, calendar, urgent=urgent).last_workable_at for urgent in (False, True))
    late, soon = (instants(at, end, calendar) for end in (ordinary, min(urgent, ordinary)))
    assert all(soon[step] <= late[step] for step in STEPS)


def test_share_of_phone_hours() -> None:
    """Nights and weekends do not count: half of a Friday afternoon's half hour is a quarter of an hour."""
    calendar = OfficeCalendar(config().offices[0])
    friday = datetime(2026, 11, 20, 13, 30, tzinfo=UTC)
    end = deadline(friday, calendar, urgent=False).last_workable_at
    assert instants(friday, end, calendar)[50] == friday + timedelta(minutes=14, seconds=30)


def test_share_that_ends_at_closing() -> None:
    """It is reached at the next opening: at closing nobody is warned any more."""
    calendar = OfficeCalendar(config().offices[0])
    opening = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    assert instants(opening, opening + timedelta(days=1, hours=6, minutes=-1), calendar)[
        50
    ] < opening.replace(hour=14)
    later = opening + timedelta(days=1)
    assert instants(opening, later + timedelta(hours=6), calendar)[50] == later


def test_hours_that_have_changed() -> None:
    """Where no phone hours are left in between, all steps come at the last workable moment."""
    closed = config().offices[0].model_copy(update={"special_days": ()})
    at = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    end = at + timedelta(hours=3)
    assert set(instants(at, end, OfficeCalendar(closed)).values()) == {end}


def test_next_step() -> None:
    """One after the other, and none after the last."""
    assert [next_step(reached) for reached in (0, 50, 75, 90, 100)] == [50, 75, 90, 100, None]


def names(percent: int, **fields: object) -> list[str]:
    takers = tuple(fields.pop("takers", ()))  # type: ignore[arg-type]
    request = new_request(escalation=percent, **fields)
    return [person.id for person in warned(request, config(), takers)]


@pytest.mark.parametrize(
    ("percent", "fields", "people"),
    [
        (0, {}, []),
        (100, {"state": RequestState.REACHED}, []),
        (50, {"claimed_by": "ola"}, ["ola"]),
        (50, {"assigned_to": "kari"}, ["kari"]),
        (50, {"attempts": (new_attempt(new_request(), caseworker="ola"),)}, ["ola"]),
        (50, {"takers": (config().people[1],)}, ["ola"]),
        (50, {}, ["kari", "ola", "liv"]),
        (50, {"claimed_by": "siv"}, ["kari", "ola", "liv"]),
        (75, {"claimed_by": "ola"}, ["kari", "ola", "liv"]),
        (75, {"disqualified": ("kari",)}, ["ola", "liv"]),
        (75, {"substitute": "9002"}, ["siv"]),
        (90, {}, ["liv"]),
        (90, {"disqualified": ("liv",)}, ["admin"]),
        (90, {"substitute": "9002"}, ["siv"]),
        (100, {}, ["liv"]),
        (100, {"disqualified": ("liv",)}, ["admin"]),
    ],
)
def test_warned(percent: int, fields: dict[str, object], people: list[str]) -> None:
    """Caseworker, team, leaders, on call and leaders; never who is disqualified, and never nobody."""
    assert names(percent, **fields) == people


def restricted() -> Config:
    """Ola reports to Liv, Kari to nobody; of the office only Kari sees protected persons."""
    changed: dict[str, dict[str, object]] = {"kari": {"protected_access": True, "reports_to": ()}}
    people = tuple(p.model_copy(update=changed.get(p.id, {})) for p in config().people)
    return config().model_copy(update={"people": people})


@pytest.mark.parametrize("percent", [50, 75, 90, 100])
def test_only_who_may_serve_is_warned(percent: int) -> None:
    """Of a protected person only the restricted role learns, at each step; the people of a disqualified leader learn nothing."""
    request = new_request(escalation=percent, claimed_by="ola")
    protected = replace(request, protected=True)
    assert [p.id for p in warned(protected, restricted(), restricted().people)] == ["kari"]
    led = replace(request, disqualified=("liv",))
    assert [p.id for p in warned(led, restricted(), restricted().people)] == ["kari"]


def test_an_administrator_is_warned_where_nobody_else_may() -> None:
    """Nobody of the office sees protected persons: the administrators are warned, and nobody else; not one who is disqualified."""
    request = new_request(escalation=100, protected=True)
    assert [p.id for p in warned(request, config())] == ["admin"]
    assert warned(replace(request, disqualified=("admin",)), config()) == ()


def test_on_call_is_warned_first() -> None:
    """Who carries the on-call telephone is warned at 100 %, with the leaders."""
    base = config()
    office = base.offices[0].model_copy(update={"fallback_number": "202"})
    changed = base.model_copy(update={"offices": (office, *base.offices[1:])})
    request = new_request(escalation=100)
    assert [p.id for p in warned(request, changed)] == ["ola", "liv"]
    assert [p.id for p in warned(replace(request, disqualified=("ola",)), changed)] == ["liv"]
