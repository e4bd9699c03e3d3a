"""Waiting on the line at the desk, over both twins of the store: whose turn it is, and how long the others wait."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from callback.desk import Desk, Registration
from callback.desk_waiting import Turn
from callback.request import AttemptOutcome, CallbackRequest, CallResult, IllegalTransition, Reason
from callback.store import Store
from callback.turn import OnTheLine, expected_wait
from config.values import WeekHours
from scheduler.clock import ManualClock
from tests.offices import MONDAY, config

OFFICE, MINUTE = "9001", timedelta(minutes=1)
NOBODY_ELSE = OnTheLine()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
def desk(store: Store, clock: ManualClock) -> Desk:
    return Desk(store, config(), clock)


async def registered(desk: Desk, clock: ManualClock, phone: str | None, **more: object) -> CallbackRequest:
    """Each a minute after the one before."""
    clock.advance(MINUTE)
    request, _ = await desk.register(Registration(OFFICE, phone, **more))  # type: ignore[arg-type]
    return request


async def some(desk: Desk, clock: ManualClock, count: int) -> list[CallbackRequest]:
    return [await registered(desk, clock, f"+474000100{at}") for at in range(count)]


async def ready(desk: Desk, clock: ManualClock, *people: str, busy: Iterable[str] = ()) -> None:
    for person in people:
        await desk.set_ready(person, ready=True)
        if person in busy:
            await desk.store.postpone_ready(person, clock.now() + timedelta(hours=1))
        clock.advance(timedelta(seconds=1))


def waiting(*requests: CallbackRequest) -> OnTheLine:
    return OnTheLine(frozenset(request.id for request in requests))


def colleague(turn: Turn) -> str | None:
    return turn.colleague and turn.colleague.id


async def due(desk: Desk, line: OnTheLine) -> list[str]:
    return [request.id async for request in desk.due(OFFICE, line)]


async def test_in_the_order_of_the_list(desk: Desk, clock: ManualClock) -> None:
    """Two colleagues, a callback between two who wait: the first and the callback are served, the last waits."""
    first, callback, last = await some(desk, clock, 3)
    await ready(desk, clock, "kari", "ola")
    line = waiting(first, last)
    assert colleague(await desk.turn(first.id, line)) == "kari"
    turn = await desk.turn(last.id, line)
    assert (colleague(turn), turn.place, turn.expected) == (None, 3, 3 * 9 * MINUTE / 2)
    assert await due(desk, line) == [first.id, callback.id, last.id]
    await desk.withdraw(callback.id, "caller")
    assert colleague(await desk.turn(last.id, line)) == "ola"


async def test_whoever_waits_counts_as_due(desk: Desk, clock: ManualClock) -> None:
    """Also with an attempt planned for later, without a number, at a number that is not rung or no longer theirs; who is
    rung does not."""
    wish, never, lost = await some(desk, clock, 3)
    nameless = await registered(desk, clock, None)
    await desk.start_attempt(wish.id, "kari", "a1")
    await desk.end_attempt("a1", AttemptOutcome.NO_ANSWER)
    await desk.never_call(never.phone or "", "kari")
    await desk.set_reachable_until(lost.id, clock.now() + MINUTE, "caller")
    clock.advance(2 * MINUTE)
    await ready(desk, clock, "kari")
    assert await due(desk, NOBODY_ELSE) == []
    everybody = (wish, never, lost, nameless)
    assert await due(desk, waiting(*everybody)) == [r.id for r in everybody]
    assert colleague(await desk.turn(nameless.id, NOBODY_ELSE)) == "kari"


async def test_urgent_ones_first(desk: Desk, clock: ManualClock) -> None:
    """An urgent one who came later goes before an ordinary one, live or not."""
    ordinary = await registered(desk, clock, "+4740001001")
    urgent = await registered(desk, clock, "+4740001002", reason=Reason.NO_FOOD)
    await ready(desk, clock, "kari")
    assert (await desk.turn(ordinary.id, waiting(ordinary, urgent))).place == 2
    assert colleague(await desk.turn(urgent.id, waiting(ordinary, urgent))) == "kari"


async def test_callers_in_the_menu_are_passed_over(desk: Desk, clock: ManualClock) -> None:
    """They cannot be rung and do not wait; nobody else waits for them."""
    menu, waits = await some(desk, clock, 2)
    await ready(desk, clock, "kari")
    line = OnTheLine(frozenset({waits.id}), frozenset({menu.id}))
    turn = await desk.turn(waits.id, line)
    assert (colleague(turn), turn.place) == ("kari", 1)
    assert colleague(await desk.turn(menu.id, line)) == "kari", (
        "they have come to wait just now, and stand first"
    )


async def test_who_is_in_a_call_elsewhere_is_passed_over(desk: Desk, clock: ManualClock) -> None:
    """Their number is being rung for another office: nobody waits for them."""
    elsewhere, waits = await some(desk, clock, 2)
    other, _ = await desk.register(Registration("9002", elsewhere.phone))
    await ready(desk, clock, "kari")
    assert colleague(await desk.turn(waits.id, waiting(waits))) is None
    await desk.start_attempt(other.id, "siv", "a1")
    assert colleague(await desk.turn(waits.id, waiting(waits))) == "kari"


async def test_no_waiting(desk: Desk, clock: ManualClock) -> None:
    """Nobody who takes calls; nobody who may take this one; closed; served already."""
    (request,) = await some(desk, clock, 1)
    assert (await desk.turn(request.id, NOBODY_ELSE)).nobody
    await ready(desk, clock, "siv")
    assert (await desk.turn(request.id, NOBODY_ELSE)).nobody, "of another office"
    await ready(desk, clock, "kari")
    await desk.reassign(request.id, "ola", "liv")
    assert (await desk.turn(request.id, NOBODY_ELSE)).nobody, "given to a colleague who takes none"
    clock.advance(timedelta(hours=8))
    assert (await desk.turn(request.id, NOBODY_ELSE)).closed
    await desk.start_attempt(request.id, "ola", "a1")
    assert (await desk.turn(request.id, NOBODY_ELSE)).over
    await desk.end_attempt("a1", AttemptOutcome.ANSWERED)
    assert (await desk.turn(request.id, NOBODY_ELSE)).over
    await desk.record_result(request.id, "ola", CallResult.REACHED)
    assert (await desk.turn(request.id, NOBODY_ELSE)).over


async def test_taken_by_hand(desk: Desk, clock: ManualClock) -> None:
    """Whoever took it is rung at once, also when others stand first and they take no calls; not while they talk."""
    first, second, third = await some(desk, clock, 3)
    await ready(desk, clock, "kari")
    await desk.claim(second.id, "ola")
    line = waiting(first, second)
    turn = await desk.turn(second.id, line)
    assert (colleague(turn), turn.by_hand) == ("ola", True)
    await ready(desk, clock, "ola")
    assert [p.id for p in await desk.free(line)] == ["kari"], "kept for the one they took"
    await desk.start_attempt(third.id, "ola", "a1")
    assert colleague(await desk.turn(second.id, line)) is None


async def test_measured(desk: Desk, clock: ManualClock) -> None:
    """The mean of the latest twenty talks of the office within a week, and the time after each; too few: as configured."""
    await ready(desk, clock, "ola", busy=["ola"])

    async def talks(count: int, minutes: int, first: int) -> None:
        for at in range(first, first + count):
            request = await registered(desk, clock, f"+47400020{at:02}")
            await desk.start_attempt(request.id, "kari", f"t{at}")
            await desk.attempt_connected(f"t{at}")
            clock.advance(minutes * MINUTE)
            await desk.end_attempt(f"t{at}", AttemptOutcome.ANSWERED)
            await desk.record_result(request.id, "kari", CallResult.REACHED)

    async def expected() -> timedelta:
        request, _ = await desk.register(Registration(OFFICE, "+4740009000"))
        return (await desk.turn(request.id, NOBODY_ELSE)).expected

    await talks(4, 2, 0)
    assert await expected() == 9 * MINUTE
    await talks(1, 12, 10)
    assert await expected() == 5 * MINUTE, "(4 x 2 + 12) / 5, and a minute"
    await talks(20, 3, 20)
    await ready(desk, clock, "ola", busy=["ola"])
    assert await expected() == 4 * MINUTE
    found = await desk.store.talks(OFFICE, clock.now() - timedelta(days=1), 3)
    assert [a.id for a in found] == ["t39", "t38", "t37"]
    assert await desk.store.talks("9002", MONDAY, 3) == []
    assert await desk.store.talks(OFFICE, clock.now() + MINUTE, 3) == []
    clock.advance(timedelta(days=7))
    await ready(desk, clock, "ola", busy=["ola"])
    assert await expected() == 9 * MINUTE, "what is older says nothing"


def test_the_formula() -> None:
    """Who stands before, and themself, shared among those who take calls."""
    assert expected_wait(0, 6 * MINUTE, 1) == 6 * MINUTE
    assert expected_wait(2, 6 * MINUTE, 3) == 6 * MINUTE
    assert expected_wait(5, 6 * MINUTE, 2) == 18 * MINUTE


async def test_a_colleague_has_taken_it_in_the_meantime(desk: Desk, clock: ManualClock) -> None:
    """Who waits and was promised to one colleague is not rung for when another has taken them by hand."""
    (request,) = await some(desk, clock, 1)
    await desk.claim(request.id, "ola")
    with pytest.raises(IllegalTransition, match="taken by a colleague"):
        await desk.start_return(request.id, "kari", "w1", waits=True)
    saved, _ = await desk.start_return(request.id, "ola", "w1", waits=True)
    assert saved.live_attempt is not None
    assert saved.live_attempt.inbound


async def test_the_office_that_stands_in_is_closed(store: Store, clock: ManualClock) -> None:
    """Nobody there takes calls now; that phone hours are over is said only when those of the office they rang are."""
    own, other = config().offices
    closed = other.model_copy(update={"phone_hours": WeekHours()})
    offices = (own.model_copy(update={"substitute_office": "9002"}), closed)
    desk = Desk(store, config().model_copy(update={"offices": offices}), clock)
    request = await registered(desk, clock, "+4740001234")
    await ready(desk, clock, "siv")
    await desk.disqualify(request.id, "liv", "liv")
    turn = await desk.turn(request.id, waiting(request))
    assert (turn.request.served_by, turn.closed, turn.nobody) == ("9002", False, True)
    clock.advance(timedelta(hours=7))
    turn = await desk.turn(request.id, waiting(request))
    assert (turn.closed, turn.nobody) == (True, False)
