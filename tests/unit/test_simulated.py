"""The simulated line's own ways: scripts, telephones, time told by the test."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hardware.line import (
    Answer,
    CallOffered,
    DigitsEntered,
    LegAnswered,
    LegEnded,
    LegOutcome,
    LineEvent,
    LineRejected,
    NoInput,
    Originate,
    Prompt,
)
from hardware.simulated.line import Behaviour
from tests.e2e.waiting import until
from tests.unit.simulated_service import (
    CALLER,
    LONG,
    OTHER,
    OURS,
    STAFF,
    Service,
    started_service,  # noqa: F401  # the fixture `service`
)


async def test_script_in_turn(service: Service) -> None:
    """A telephone takes its calls as scripted, one after another, and the last behaviour stays."""
    service.line.behave(CALLER, Behaviour.NO_ANSWER, Behaviour.BUSY, Behaviour.ANSWER)
    got: list[object] = []
    for leg in ("1", "2", "3"):
        await service.line.send(Originate(leg, CALLER, LONG, OURS))
        event = await service.next()
        got.append(event.outcome if isinstance(event, LegEnded) else type(event))
    assert got == [LegOutcome.NO_ANSWER, LegOutcome.BUSY, LegAnswered]


async def test_nobody_there_rings_out(service: Service) -> None:
    """A number no telephone was made for rings until the ring timeout."""
    await service.line.send(Originate("l", CALLER, LONG, OURS))
    assert service.line.is_ringing(CALLER)
    service.line.ring_out(CALLER)
    assert await service.next() == LegEnded("l", LegOutcome.NO_ANSWER, 19)


async def test_ring_timeout_by_the_clock() -> None:
    """With timers the ring timeout passes by itself."""
    service = Service(timers=True)
    await service.line.start(service.events.append)
    await service.next()
    await service.line.send(Originate("l", CALLER, timedelta(seconds=0.05), OURS))
    assert await service.next() == LegEnded("l", LegOutcome.NO_ANSWER, 19)


async def test_in_use_is_busy(service: Service) -> None:
    """A telephone in a call is busy to a second one, and the first call goes on."""
    leg = await service.caller_up()
    await service.line.send(Originate("l", CALLER, LONG, OURS))
    assert await service.next() == LegEnded("l", LegOutcome.BUSY, 17)
    assert service.line.leg_of(CALLER) == leg


@pytest.mark.parametrize("to", ["", "12345678901234567890", "+47", "sip:x"])
async def test_no_number(service: Service, to: str) -> None:
    """What is no number at all is an invalid number."""
    await service.line.send(Originate("l", to, LONG, OURS))
    assert await service.next() == LegEnded("l", LegOutcome.INVALID, 1)


async def test_extension_is_no_caller_id(service: Service) -> None:
    """A call from an extension has no caller number in E.164."""
    service.line.dial(STAFF, OURS)
    offered = await service.next()
    assert isinstance(offered, CallOffered)
    assert offered.caller is None


async def test_silence_by_hand(service: Service) -> None:
    """Without timers a prompt ends only when the test says silence; keys pressed so far count."""
    leg = await service.caller_up()
    await service.line.send(Prompt(leg, ("nb/a",), 1))
    service.line.silence(leg)
    assert await service.next() == NoInput(leg)
    await service.line.send(Prompt(leg, ("nb/a",), 8))
    service.line.press(CALLER, "4")
    service.line.silence(CALLER)
    assert await service.next() == DigitsEntered(leg, "4")


async def test_silence_needs_a_prompt(service: Service) -> None:
    """Silence without a prompt is a mistake of the test, and said so."""
    leg = await service.caller_up()
    with pytest.raises(ValueError, match="no prompt"):
        service.line.silence(leg)


async def test_hash_alone(service: Service) -> None:
    """A lone # ends the prompt with no digits: something was pressed."""
    leg = await service.caller_up()
    await service.line.send(Prompt(leg, ("nb/a",), 8))
    service.line.press(CALLER, "#")
    assert await service.next() == DigitsEntered(leg, "")


async def test_keys_ahead_skip_the_prompt(service: Service) -> None:
    """What was answered ahead is not played."""
    leg = await service.caller_up()
    service.line.press(CALLER, "1")
    await service.line.send(Prompt(leg, ("nb/a",), 1))
    assert await service.next() == DigitsEntered(leg, "1")
    assert service.line.heard(CALLER) == ()


async def test_keys_in_conversation(service: Service) -> None:
    """Keys pressed while two people talk are theirs: the next prompt does not see them."""
    leg, peer = await service.talking()
    service.line.press(CALLER, "1")
    service.line.hang_up(STAFF)
    assert await service.next() == LegEnded(peer, LegOutcome.ENDED, 16, answered=True)
    await service.line.send(Prompt(leg, ("nb/a",), 1))
    service.line.silence(leg)
    assert await service.next() == NoInput(leg)


async def test_refuses_nonsense(service: Service) -> None:
    """A prompt on an unanswered leg, a second prompt, one in a conversation, and a leg id used twice are refused."""
    service.line.dial(OTHER, OURS)
    offered = await service.next()
    assert isinstance(offered, CallOffered)
    with pytest.raises(LineRejected):
        await service.line.send(Prompt(offered.leg, ("nb/a",)))
    leg, _ = await service.talking()
    with pytest.raises(LineRejected):
        await service.line.send(Prompt(leg, ("nb/a",)))
    with pytest.raises(LineRejected):
        await service.line.send(Originate(leg, OTHER, LONG, OURS))
    await service.line.send(Answer(offered.leg))
    await service.line.send(Prompt(offered.leg, ("nb/a",)))
    with pytest.raises(LineRejected):
        await service.line.send(Prompt(offered.leg, ("nb/a",)))


@pytest.mark.parametrize("key", ["", "12", "a", "٣"])
async def test_no_such_key(service: Service, key: str) -> None:
    """A telephone has twelve keys and no more."""
    with pytest.raises(ValueError, match="key"):
        service.line.press(CALLER, key)


async def test_status_since(service: Service) -> None:
    """The status says since when the line is down, and why."""
    at = service.clock.advance(timedelta(minutes=5))
    service.line.lose("Strømbrudd i sentralen.")
    status = service.line.status()
    assert (status.up, status.since, status.detail) == (False, at, "Strømbrudd i sentralen.")


async def test_broken_sink(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """A sink that fails on one event is still given the next."""
    seen: list[LineEvent] = []

    def sink(event: LineEvent) -> None:
        seen.append(event)
        if len(seen) == 1:
            raise RuntimeError("broken")

    await service.line.start(sink)
    service.line.dial(CALLER, OURS)
    await until(lambda: len(seen) == 2)
    assert "broken" in caplog.text
