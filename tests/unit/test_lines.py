"""Several lines as one: each office on its own, and what may not leave the house never does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hardware.line import (
    CallOffered,
    Command,
    Dial,
    EventSink,
    Hangup,
    LegEnded,
    LegOutcome,
    LineEvent,
    LineForbidden,
    LineRestored,
    LineStatus,
    Originate,
)
from hardware.lines import Lines
from tests.offices import MONDAY

HOUSE, CLOUD = "+4773000010", "+4773000020"
RING = timedelta(seconds=20)


class Stub:
    """A line that notes what it is told."""

    def __init__(self, name: str, *, up: bool = True) -> None:
        self.name, self.up = name, up
        self.sent: list[Command] = []
        self.words: dict[str, LegEnded] = {}
        self.sink: EventSink = lambda event: None

    async def start(self, sink: EventSink) -> None:
        self.sink = sink

    async def stop(self) -> None:
        self.sink = lambda event: None

    async def send(self, command: Command) -> None:
        self.sent.append(command)

    async def last_words(self, leg: str) -> LegEnded | None:
        return self.words.get(leg)

    def status(self) -> LineStatus:
        return LineStatus(self.name, self.up, MONDAY, "")


async def both(*, house: bool = True) -> tuple[Lines, dict[str, Stub], list[LineEvent]]:
    stubs = {name: Stub(name) for name in (("asterisk", "twilio") if house else ("twilio",))}
    lines = Lines(
        stubs,
        lambda number: "asterisk" if house and number == HOUSE else "twilio",
        lambda office: "asterisk" if house and office == "9001" else "twilio",
    )
    events: list[LineEvent] = []
    await lines.start(events.append)
    return lines, stubs, events


async def test_by_office() -> None:
    """A call begins on the line of the number it shows, and all that follows goes there."""
    lines, stubs, _ = await both()
    begun = [Originate("a", "201", RING, HOUSE), Originate("b", "+4790000001", RING, CLOUD)]
    for command in begun:
        await lines.send(command)
    dial = Dial("b", "b-caller", "+4740001234", RING, CLOUD)
    await lines.send(dial)
    await lines.send(Hangup("b-caller"))
    assert stubs["asterisk"].sent == [begun[0]]
    assert stubs["twilio"].sent == [begun[1], dial, Hangup("b-caller")]


async def test_by_leg() -> None:
    """A call that came in, or was found alive, is answered where it is; a leg nobody knows is nobody's."""
    lines, stubs, events = await both()
    stubs["twilio"].sink(CallOffered("in", HOUSE, None))
    stubs["asterisk"].sink(LineRestored(frozenset({"old"})))
    for leg in ("in", "old", "nobody"):
        await lines.send(Hangup(leg))
    assert (stubs["twilio"].sent, stubs["asterisk"].sent) == ([Hangup("in")], [Hangup("old")])
    assert events[1] == LineRestored(frozenset({"old"}), "asterisk")
    assert lines.name_of("in", "9001") == "twilio"
    stubs["twilio"].sink(LegEnded("in", LegOutcome.ENDED))
    assert lines.name_of("in", "9001") == "asterisk"


async def test_protected() -> None:
    """A protected person's call never goes to the cloud: to the line in the house, or nowhere."""
    lines, stubs, _ = await both()
    await lines.send(private := Originate("a", "201", RING, CLOUD, private=True))
    assert (stubs["asterisk"].sent, stubs["twilio"].sent) == ([private], [])
    assert lines.name_of("new", "9002", private=True) == "asterisk"
    lines, stubs, _ = await both(house=False)
    with pytest.raises(LineForbidden):
        await lines.send(private)
    with pytest.raises(LineForbidden):
        lines.name_of("new", "9002", private=True)
    assert stubs["twilio"].sent == []


async def test_one_is_down() -> None:
    """One line that is down is told for its own offices; the others go on."""
    lines, stubs, _ = await both()
    stubs["twilio"].up = False
    assert (lines.status_of("9001").up, lines.status_of("9002").up, lines.status().up) == (True, False, True)
    stubs["twilio"].words["x"] = LegEnded("x", LegOutcome.ENDED)
    assert await lines.last_words("x") == LegEnded("x", LegOutcome.ENDED)
    assert await lines.last_words("y") is None
