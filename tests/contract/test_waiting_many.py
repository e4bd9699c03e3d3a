"""Many who wait on the line and many who are to be rung, over both twins of the store: one order for all, looked at seldom."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from callback.desk import Desk
from callback.desk_waiting import Turn
from callback.desk_wishes import IDLE
from callback.request import CallbackRequest, Urgency
from callback.store import RequestQuery, Store
from callback.turn import FOR_SOME, OnTheLine, list_order, matched
from config.model import Config, Person, Role
from scheduler.clock import ManualClock
from tests.contract.store_factory import new_entry, new_request
from tests.offices import MONDAY, config

OFFICE, MINUTE = "9001", timedelta(minutes=1)
SPEAK = (("nb",), ("pl",), ("nb", "so"), (), ("nb",), ("ar",))


def staffed() -> Config:
    """Six colleagues who speak different languages; some may see who is protected."""
    people = tuple(
        Person(
            id=f"p{n}",
            name=f"P{n}",
            role=Role.CASEWORKER,
            office_no=OFFICE,
            extension=f"30{n}",
            languages=languages,
            protected_access=n % 3 == 0,
        )
        for n, languages in enumerate(SPEAK)
    )
    return config().model_copy(update={"people": people})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
def desk(store: Store, clock: ManualClock) -> Desk:
    return Desk(store, staffed(), clock)


async def listed(desk: Desk, number: int, **fields: Any) -> CallbackRequest:
    request = new_request(
        office_no=OFFICE,
        phone=fields.pop("phone", f"+47400{number:05}"),
        next_attempt_at=fields.pop("next_attempt_at", MONDAY),
        **fields,
    )
    await desk.store.register(request, new_entry(request))
    return request


async def a_list(desk: Desk, chance: random.Random, count: int) -> OnTheLine:
    """In no order, with everything that says who is passed over and who may take whom."""
    where: dict[str, set[str]] = {"waiting": set(), "in_menu": set(), "": set()}
    for number in range(count):
        request = await listed(
            desk,
            number,
            urgency=chance.choice([Urgency.URGENT, *4 * [Urgency.ORDINARY]]),
            last_workable_at=MONDAY + chance.randrange(20) * MINUTE,
            next_attempt_at=MONDAY + chance.choice([0, 0, 0, 5]) * MINUTE,
            language=chance.choice(["nb", "nb", "pl", "so", "ar", "ti"]),
            disqualified=chance.choice([(), (), ("p0", "p1"), ("p2",)]),
            protected=chance.random() < 0.2,
            interpreter=chance.random() < 0.1,
            phone=None if chance.random() < 0.1 else f"+47400{number:05}",
        )
        where[chance.choice(["waiting", "waiting", "in_menu", "", ""])].add(request.id)
        if chance.random() < 0.1:
            await desk.reassign(request.id, "p3", "p3") if not request.protected else None
        if chance.random() < 0.1 and request.phone is not None:
            await desk.never_call(request.phone, "p3")
    for person in chance.sample(range(6), chance.randrange(1, 7)):
        await desk.store.set_ready(f"p{person}", MONDAY - chance.randrange(60) * timedelta(seconds=1))
    return OnTheLine(frozenset(where["waiting"]), frozenset(where["in_menu"]))


@pytest.mark.parametrize("seed", range(6))
async def test_one_order_for_all(desk: Desk, seed: int) -> None:
    """Everybody who waits is told what the whole list says, read at once: who serves them, or how many stand before them.
    The callbacks that are offered are the rest of the same."""
    line = await a_list(desk, random.Random(seed), 120)
    now, staff = desk.clock.now(), desk.staff(OFFICE)
    idle = await desk.find(RequestQuery(served_by=OFFICE, states=IDLE, limit=1000))
    never = await desk.never_called(idle)
    due = [
        r
        for r in idle
        if (r.id in line.waiting and r.can_be_talked_with(now))
        or (
            r.id not in line.waiting | line.in_menu
            and desk.passed_over(r, never_called=r.id in never) in FOR_SOME
        )
    ]
    pairs = {r.id: person for r, person in matched(due, await desk.free(line), staff)}
    assert pairs
    assert len(due) > 30
    for request in idle:
        if request.id not in line.waiting:
            continue
        turn = await desk.turn(request.id, line)
        assert turn.colleague == pairs.get(request.id)
        if turn.colleague is None and not turn.nobody:
            assert turn.place == 1 + sum(list_order(one) < list_order(request) for one in due)
    query = RequestQuery(served_by=OFFICE, states=IDLE, due_before=now, limit=1000)
    offers = await desk.offer_next(query, await desk.free(line), line)
    assert {offer.request.id: offer.person for offer in offers.made} == pairs
    assert {o.request.id for o in offers.made if o.attempt is None} == pairs.keys() & line.waiting


async def test_one_look_for_all_who_ask(
    desk: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where many wait, the list is looked at once for all of them, and again after some seconds; whose turn it is, they are
    told by the list as it is."""
    waiting = [
        await listed(desk, n, last_workable_at=MONDAY + n * MINUTE, reference=f"r{n}") for n in range(40)
    ]
    line = OnTheLine(frozenset(r.id for r in waiting))
    await desk.store.set_ready("p0", MONDAY)
    await desk.store.postpone_ready("p0", MONDAY + MINUTE)
    looks: Counter[int] = Counter()
    find = desk.store.find

    async def counted(query: RequestQuery) -> list[CallbackRequest]:
        looks[query.limit] += 1
        return await find(query)

    monkeypatch.setattr(desk.store, "find", counted)

    async def all_ask(line: OnTheLine) -> list[Turn]:
        return await asyncio.gather(*(desk.turn(r.id, line) for r in waiting))

    assert [turn.place for turn in await all_ask(line)] == list(range(1, 41))
    assert sum(looks.values()) == 1
    urgent = await listed(desk, 40, urgency=Urgency.URGENT, reference="first")
    line = OnTheLine(line.waiting | {urgent.id})
    await desk.store.postpone_ready("p0", MONDAY)
    turns = await all_ask(line)
    assert [turn.colleague for turn in turns] == 40 * [None], "the urgent one stands first"
    assert (await desk.turn(urgent.id, line)).colleague == desk.person("p0")
    await desk.store.postpone_ready("p0", MONDAY + MINUTE)
    clock.advance(timedelta(seconds=5))
    assert (await desk.turn(waiting[0].id, line)).place == 2
    assert [turn.place for turn in await all_ask(line)] == list(range(2, 42))
