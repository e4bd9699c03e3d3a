"""The simulated line while the service is away, and the telephone in the browser as the line sees it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hardware.line import (
    Abandon,
    Connected,
    Dial,
    DigitsEntered,
    LegEnded,
    LegOutcome,
    LineEvent,
    LineRestored,
    LineUnavailable,
    NoInput,
    Originate,
    Prompt,
)
from hardware.simulated.line import SimulatedLine
from scheduler.clock import ManualClock
from tests.e2e.waiting import until
from tests.unit.simulated_service import (
    CALLER,
    LONG,
    OTHER,
    OURS,
    STAFF,
    Service,
    prompt_info,
    started_service,  # noqa: F401  # the fixture `service`
    told,
)


async def test_stopped_line_offers_nothing() -> None:
    """A call to a service that is not there meets the fall-back, and nothing can be placed."""
    line = SimulatedLine(ManualClock(datetime(2026, 11, 23, tzinfo=UTC)), prompt_info)
    feed = line.plug_in(CALLER)
    line.dial(CALLER, OURS)
    assert [(await told(feed))["type"] for _ in range(4)] == ["ready", "dialling", "fallback", "ended"]
    assert not line.status().up
    with pytest.raises(LineUnavailable):
        await line.send(Originate("l", CALLER, LONG, OURS))


async def test_killed_without_a_word(service: Service) -> None:
    """A new service on the same network, the old one never stopped: conversations live, menus do not."""
    leg, peer = await service.talking()
    await service.caller_up(OTHER)
    service.events.clear()
    events: list[LineEvent] = []
    await service.line.start(events.append)
    await until(lambda: len(events) > 0)
    assert events == [LineRestored(frozenset({leg, peer}))]
    assert service.events == []
    assert service.line.leg_of(OTHER) is None


async def test_answered_while_away(service: Service) -> None:
    """Who picks up while the service is away is not left in silence: that call ends, and is remembered."""
    await service.line.send(Originate("l", CALLER, LONG, OURS))
    await service.line.stop()
    service.line.answer(CALLER)
    assert service.line.leg_of(CALLER) is None
    assert await service.line.last_words("l") == LegEnded("l", LegOutcome.ENDED, 16, answered=True)


async def test_joined_while_away(service: Service) -> None:
    """A peer who picks up while the service is away is joined all the same, and the next service is told."""
    leg = await service.caller_up()
    await service.line.send(Dial(leg, "p", STAFF, LONG, OURS))
    await service.line.stop()
    service.line.answer(STAFF)
    await service.line.start(service.events.append)
    assert await service.next() == LineRestored(frozenset({leg, "p"}))
    assert await service.next() == Connected(leg, "p")


async def test_told_after_the_break(service: Service) -> None:
    """What happened to a living leg during a break is told after it, in order; of a leg that ended, nothing."""
    leg, peer = await service.talking()
    gone = await service.caller_up(OTHER)
    service.line.lose()
    await service.next()
    service.line.hang_up(STAFF)
    service.line.hang_up(OTHER)
    service.line.restore()
    assert await service.next() == LineRestored(frozenset({leg}))
    assert await service.next() == LegEnded(peer, LegOutcome.ENDED, 16, answered=True)
    assert await service.line.last_words(gone) == LegEnded(gone, LegOutcome.ENDED, 16, answered=True)
    await service.line.send(Prompt(leg, ("nb/a",), 1))
    service.line.press(CALLER, "1")
    assert await service.next() == DigitsEntered(leg, "1")


async def test_plugged_in_twice(service: Service) -> None:
    """One number is one telephone: a second one with it is refused until the first is unplugged."""
    feed = service.line.plug_in(CALLER)
    with pytest.raises(ValueError, match="plugged in"):
        service.line.plug_in(CALLER)
    await feed.aclose()
    again = service.line.plug_in(CALLER)
    assert (await told(again))["type"] == "ready"


async def test_unplugged_hangs_up(service: Service) -> None:
    """Unplugging a telephone ends its call and its events."""
    feed = service.line.plug_in(CALLER)
    leg = await service.caller_up()
    await feed.aclose()
    assert await service.next() == LegEnded(leg, LegOutcome.ENDED, 16, answered=True)
    assert [event async for event in feed] == []


async def test_rings_on_when_replugged(service: Service) -> None:
    """A telephone that is unplugged while it rings rings again when it is back (a page that was reloaded)."""
    feed = service.line.plug_in(CALLER)
    await service.line.send(Originate("l", CALLER, LONG, OURS))
    await feed.aclose()
    again = service.line.plug_in(CALLER)
    assert (await told(again))["type"] == "ready"
    assert await told(again) == {"type": "ringing", "from": OURS}


async def test_what_the_browser_is_told(service: Service) -> None:
    """The browser is told of a whole call, with the words and the sound of each prompt."""
    feed, staff = service.line.plug_in(CALLER), service.line.plug_in(STAFF)
    leg = await service.caller_up()
    await service.line.send(Prompt(leg, ("nb/intake.greeting",), 1))
    service.line.press(CALLER, "1")
    await service.line.send(Dial(leg, "p", STAFF, LONG, OURS))
    service.line.answer(STAFF)
    service.line.hang_up(STAFF)
    await service.line.send(Abandon(leg))
    prompt = {
        "item": "nb/intake.greeting",
        "text": "Ordene i nb/intake.greeting",
        "url": "/prompts/nb/intake.greeting.wav",
        "seconds": 0.05,
    }
    assert [await told(feed) for _ in range(9)] == [
        {"type": "ready", "number": CALLER},
        {"type": "dialling", "to": OURS},
        {"type": "answered"},
        {"type": "prompt", "items": [prompt], "digits": 1, "prompt": 1},
        {"type": "ringback", "to": STAFF},
        {"type": "connected", "to": STAFF},
        {"type": "peer_ended", "outcome": "ended"},
        {"type": "fallback"},
        {"type": "ended", "outcome": "ended"},
    ]
    assert [await told(staff) for _ in range(4)] == [
        {"type": "ready", "number": STAFF},
        {"type": "ringing", "from": OURS},
        {"type": "connected", "with": OURS},
        {"type": "ended", "outcome": "ended"},
    ]


async def test_browser_says_it_has_played() -> None:
    """A browser's word that it has played the prompt starts the silence; a word about a prompt not seen does not."""
    service = Service(timers=True)
    await service.line.start(service.events.append)
    await service.next()
    feed = service.line.plug_in(CALLER)
    leg = await service.caller_up()
    await service.line.send(Prompt(leg, ("nb/a",), 1, timedelta(0)))
    service.line.prompt_finished(CALLER)
    while (await told(feed))["type"] != "prompt":
        assert service.events == []
    service.line.prompt_finished(CALLER)
    async with asyncio.timeout(1):
        assert await service.next() == NoInput(leg)
