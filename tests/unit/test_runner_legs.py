"""Which legs belong to a call, and which is its first: what the runner does with a `Dial` of several, and a peer who stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from callback.desk import Desk
from callback.store_memory import MemoryStore
from hardware.line import (
    Beside,
    CallOffered,
    Connected,
    Dial,
    EventSink,
    Kept,
    LegEnded,
    LegOutcome,
    LineRestored,
    LineStatus,
)
from ivr import arrival
from ivr.arrival import ArrivalState, Step
from ivr.machine import Command, Event
from ivr.runner import Runner
from tests.e2e.waiting import until
from tests.offices import CALLER, MONDAY, PUBLIC
from tests.unit.memory_desk import (
    memory_desk,  # noqa: F401  # the fixture `desk`
    memory_store,  # noqa: F401  # the fixture `store`
    monday_clock,  # noqa: F401  # the fixture `clock`
)

DIAL = Dial("l", "a", "201", timedelta(seconds=20), PUBLIC, also=(Beside("b", "202"), Beside("c", "203")))


class HeldLine:
    """A line that does what the test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.sent: list[Command] = []
        self.words: dict[str, LegEnded] = {}

    async def start(self, sink: EventSink) -> None:
        self.tell = sink

    async def stop(self) -> None: ...

    async def send(self, command: Command) -> None:
        self.sent.append(command)

    async def last_words(self, leg: str) -> LegEnded | None:
        return self.words.get(leg)

    def status(self) -> LineStatus:
        return LineStatus("held", True, MONDAY)


class Heard:
    """A call machine that dials three at once and remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def step(self, state: ArrivalState, event: Event, now: object) -> Step:
        self.events.append(event)
        return state, (DIAL,) if isinstance(event, CallOffered) else ()


@pytest.fixture(name="line")
def held_line() -> HeldLine:
    return HeldLine()


@pytest.fixture(name="heard")
async def a_call_that_dials(line: HeldLine, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Heard:
    """The call is up, and its `Dial` has been sent."""
    heard = Heard()
    monkeypatch.setattr(arrival, "step", heard.step)
    runner = Runner(line, "held", desk)
    await runner.start()
    line.tell(CallOffered("l", PUBLIC, CALLER))
    await until(lambda: line.sent == [DIAL])
    heard.events.clear()
    return heard


async def legs(store: MemoryStore) -> tuple[str, ...]:
    [record] = await store.open_calls("held")
    return record.legs


async def test_all_peers_are_of_the_call(line: HeldLine, heard: Heard, store: MemoryStore) -> None:
    """What happens to any telephone that a `Dial` rings is told to its call."""
    events = (LegEnded("b", LegOutcome.BUSY), Connected("l", "c"), LegEnded("c", LegOutcome.ENDED))
    for event in events:
        line.tell(event)
    await until(lambda: heard.events == list(events))
    assert await legs(store) == ("l", "a", "b", "c")


async def test_who_is_kept_carries_the_call(line: HeldLine, heard: Heard, store: MemoryStore) -> None:
    """The peer who stays is the call's first leg: as long as it is alive the call goes on, and no longer."""
    line.tell(LegEnded("l", LegOutcome.ENDED))
    line.tell(Kept("b"))
    await until(lambda: Kept("b") in heard.events)
    assert await legs(store) == ("b", "l", "a", "c")
    line.tell(LineRestored(frozenset({"b"})))
    line.tell(Connected("l", "c"))
    await until(lambda: Connected("l", "c") in heard.events)
    heard.events.clear()
    line.tell(LineRestored(frozenset({"l"})))
    await until(lambda: heard.events == [LegEnded("b", LegOutcome.FAILED)])


async def test_the_last_dial_is_told(line: HeldLine, heard: Heard) -> None:
    """Where the exchange keeps no end of the last peer's own, that of the call's own leg is theirs; older ones count too."""
    line.words = {"l": LegEnded("l", LegOutcome.DECLINED), "a": LegEnded("a", LegOutcome.BUSY)}
    line.tell(LineRestored(frozenset()))
    told = [line.words["a"], LegEnded("c", LegOutcome.DECLINED), LegEnded("l", LegOutcome.ENDED)]
    await until(lambda: heard.events == told)


async def test_each_has_last_words(line: HeldLine, heard: Heard) -> None:
    """After a break in which everybody was lost, each peer's own end is told, and the call's own leg at the end."""
    line.words = {
        "l": LegEnded("l", LegOutcome.ENDED, answered=True),
        "a": LegEnded("a", LegOutcome.BUSY),
        "c": LegEnded("c", LegOutcome.ENDED, answered=True),
    }
    line.tell(LineRestored(frozenset()))
    told = [line.words["a"], line.words["c"], LegEnded("l", LegOutcome.ENDED)]
    await until(lambda: heard.events == told)
