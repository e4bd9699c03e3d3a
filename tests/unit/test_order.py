"""Nobody overtakes whoever registered earlier with the same urgency, and nobody falls behind: whatever happens to either."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callback.desk import Desk, Registration
from callback.request import (
    OPEN,
    AttemptOutcome,
    CallbackError,
    CallbackRequest,
    CallResult,
    DayPart,
    NumberSource,
    Reason,
    Urgency,
)
from callback.store import RequestQuery
from callback.store_memory import MemoryStore
from config.model import Config, Office, Person, Role
from scheduler.clock import ManualClock
from tests.offices import PUBLIC, config
from tests.offices import settings as office_settings

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STARTS = st.sampled_from(
    [
        datetime(2026, 11, 20, 13, 0, tzinfo=UTC),  # a Friday
        datetime(2026, 12, 23, 12, 0, tzinfo=UTC),  # Christmas
        datetime(2027, 3, 23, 12, 0, tzinfo=UTC),  # Easter, and the clocks change
        datetime(2026, 10, 23, 12, 0, tzinfo=UTC),  # the clocks change back
        datetime(2027, 5, 14, 11, 0, tzinfo=UTC),  # 17 May
    ]
)
HOURS = st.sampled_from(["09:00-15:00", "10:00-10:30", "08:00-20:00", "00:00-23:59", "12:00-13:00"])
GAPS = st.one_of(
    st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(hours=4)),
    st.timedeltas(min_value=timedelta(hours=4), max_value=timedelta(days=3)),
)
ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *(
                    "register",
                    "register",
                    "register_urgent",
                    "again",
                    "again_urgent",
                    "urgent",
                    "missed",
                    "talked",
                ),
                *(
                    "claim",
                    "release",
                    "number",
                    "merge",
                    "wish",
                    "reassign",
                    "interpreter",
                    "disqualify",
                    "sweep",
                ),
            ]
        ),
        GAPS,
        st.integers(0, 7),
    ),
    min_size=4,
    max_size=14,
)


@st.composite
def offices(draw: st.DrawFn) -> Office:
    days = draw(st.lists(st.sampled_from(WEEK), min_size=1, max_size=7, unique=True))
    return Office.model_validate(
        {
            "office_no": "9001", "name": "Lillevik", "municipality_no": "9901", "municipality": "Lillevik",
            "public_number": PUBLIC, "fallback_number": "+4740000001",
            "phone_hours": {day: draw(HOURS) for day in days},
            "deadline_policy": draw(st.sampled_from(["hours_48", "working_days_2"])),
            "urgent_limit": draw(st.sampled_from(["20m", "1h", "2h", "6h", "1d"])),
        }
    )  # fmt: skip


class List:
    """A list that things happen to."""

    def __init__(self, office: Office, start: datetime) -> None:
        people = tuple(p for p in config().people if p.role in (Role.CASEWORKER, Role.LEADER))
        many = tuple(
            Person(id=f"p{n}", name=f"P{n}", role=Role.CASEWORKER, office_no="9001", extension=f"3{n}")
            for n in range(10, 40)
        )
        of = Config(settings=office_settings(), offices=(office,), people=(*people[:3], *many))
        self.clock, self.store, self.numbers = ManualClock(start), MemoryStore(), 0
        self.desk = Desk(self.store, of, self.clock)

    def phone(self) -> str:
        self.numbers += 1
        return f"+47{40001000 + self.numbers}"

    async def open(self) -> list[CallbackRequest]:
        return await self.desk.find(RequestQuery(office_no="9001", states=OPEN))

    async def new(self, phone: str | None, reason: Reason = Reason.ADVICE) -> CallbackRequest:
        request, _ = await self.desk.register(Registration("9001", phone, reason=reason))
        return request

    async def act(self, what: str, which: int, n: int) -> None:
        desk, requests = self.desk, await self.open()
        if what == "register_urgent":
            await self.new(self.phone(), Reason.NO_FOOD)
            return
        if what == "register" or not requests:
            await self.new(self.phone() if which else None)
            return
        one = requests[which % len(requests)]
        match what:
            case "again" | "again_urgent" if one.phone is not None:
                await self.new(one.phone, Reason.NO_FOOD if what == "again_urgent" else Reason.ADVICE)
            case "urgent":
                await desk.set_urgent(one.id, Reason.NO_POWER, "caller")
            case "missed" | "talked":
                _, attempt = await desk.start_attempt(one.id, f"p{n + 10}", f"a{n}")
                await desk.attempt_ringing(attempt.id)
                talked = what == "talked"
                await desk.end_attempt(
                    attempt.id, AttemptOutcome.ANSWERED if talked else AttemptOutcome.NO_ANSWER
                )
                if talked:
                    await desk.record_result(one.id, attempt.caseworker, CallResult.RING_AGAIN)
            case "claim":
                await desk.claim(one.id, "kari")
            case "release":
                await desk.release(one.id, "kari")
            case "number":
                await desk.set_number(one.id, self.phone(), "kari")
            case "merge":
                other = requests[(which + 1) % len(requests)]
                if other.phone is not None:
                    await desk.set_number(one.id, other.phone, "caller", NumberSource.KEYED)
            case "wish":
                await desk.set_day_part(one.id, DayPart.AFTERNOON, "caller")
            case "reassign":
                await desk.reassign(one.id, "ola", "liv")
            case "interpreter":
                await desk.set_interpreter(one.id, True, self.clock.now() + timedelta(days=1), "kari")
            case "disqualify":
                await desk.disqualify(one.id, "kari", "kari")
            case _:
                await desk.sweep()

    async def check(self) -> None:
        requests = await self.open()
        for urgency in Urgency:
            alike = [r.registered_at for r in requests if r.urgency is urgency]
            assert alike == sorted(alike), urgency
        assert [r.urgency for r in requests] == sorted((r.urgency for r in requests), reverse=True)


CLOSED_FOR_DAYS = Office.model_validate(
    {
        **config().offices[0].model_dump(mode="json"),
        "phone_hours": dict.fromkeys(WEEK[:5], "09:00-15:00"),
    }
)


@settings(max_examples=150)
@given(offices(), STARTS, ACTS)
@example(
    CLOSED_FOR_DAYS,
    datetime(2026, 11, 21, 8, 10, tzinfo=UTC),  # a Saturday: 48 hours end before the first hour of Monday
    [
        ("register_urgent", timedelta(minutes=20), 1),
        ("register", timedelta(minutes=1), 1),
        ("urgent", timedelta(minutes=1), 1),
    ],
)
@example(
    CLOSED_FOR_DAYS,
    datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
    [
        ("register", timedelta(hours=1), 1),
        ("register_urgent", timedelta(hours=1), 1),
        ("again_urgent", timedelta(hours=1), 1),
    ],
)
@example(
    CLOSED_FOR_DAYS,
    datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
    [
        ("register", timedelta(minutes=10), 1),
        ("register_urgent", timedelta(minutes=10), 1),
        ("register_urgent", timedelta(minutes=10), 1),
        ("merge", timedelta(minutes=10), 1),
    ],
)
def test_nobody_overtakes(office: Office, start: datetime, acts: list[tuple[str, timedelta, int]]) -> None:
    """Any hours, holidays, changes of clocks, both policies: among equals the list is in the order of registration."""

    async def go() -> None:
        them = List(office, start)
        await them.store.open()
        for n, (what, gap, which) in enumerate(acts):
            with contextlib.suppress(CallbackError):  # not possible just now: nothing was changed
                await them.act(what, which, n)
            await them.check()
            them.clock.advance(gap)

    asyncio.run(go())


@pytest.mark.parametrize("urgency", list(Urgency))
async def test_the_same_moment(urgency: Urgency) -> None:
    """Two who press 1 in the same microsecond: some order, and always the same."""
    them = List(CLOSED_FOR_DAYS, datetime(2026, 11, 23, 8, 0, tzinfo=UTC))
    await them.store.open()
    for _ in range(5):
        await them.new(them.phone(), Reason.NO_FOOD if urgency is Urgency.URGENT else Reason.ADVICE)
    order = [r.id for r in await them.open()]
    await them.desk.claim(order[3], "kari")
    await them.desk.release(order[3], "kari")
    assert [r.id for r in await them.open()] == order
