"""The contract of the Line port, sentence by sentence, over every driver: calls side by side, breaks and restarts.

It must never know which driver it tests.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hardware.line import (
    Abandon,
    Answer,
    Dial,
    DigitsEntered,
    Hangup,
    LegEnded,
    LegOutcome,
    LineLost,
    LineUnavailable,
    NoInput,
    Prompt,
)
from tests.contract.line_rig import (
    CALLER,
    GREETING,
    OURS,
    RUNG,
    SECOND_CALLER,
    STAFF,
    LineRig,
)

Rig = LineRig[Any]
GONE = "tast1-00000000000000000000000000000000"


async def test_unknown_leg(rig: Rig) -> None:
    """Commands for a leg that is gone do nothing, and the line goes on."""
    for command in (Answer(GONE), Prompt(GONE, (GREETING,)), Hangup(GONE), Abandon(GONE)):
        await rig.line.send(command)
    await rig.line.send(Dial(GONE, rig.new_leg(), RUNG, rig.ring_timeout, OURS))
    handle, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg))
    await rig.press(handle, "1")
    await rig.event(DigitsEntered, leg)
    assert {getattr(event, "leg", leg) for event in rig.events} == {leg}


async def test_command_after_the_end(rig: Rig) -> None:
    """A command that crosses the caller's hang-up does nothing more."""
    handle, leg = await rig.caller_up()
    await rig.hang_up(handle)
    await rig.event(LegEnded, leg)
    await rig.line.send(rig.prompt(leg))
    await rig.line.send(Hangup(leg))
    _, other = await rig.caller_up(SECOND_CALLER)
    await rig.line.send(rig.prompt(other))
    await rig.event(NoInput, other)
    assert len(rig.of(leg)) == 1


async def test_two_calls_apart(rig: Rig) -> None:
    """Two calls at once keep apart: each key belongs to the call it was pressed in."""
    first, first_leg = await rig.caller_up(CALLER)
    second, second_leg = await rig.caller_up(SECOND_CALLER)
    assert first_leg != second_leg
    await rig.line.send(rig.prompt(first_leg))
    await rig.line.send(rig.prompt(second_leg))
    await rig.press(second, "2")
    await rig.press(first, "1")
    assert (await rig.event(DigitsEntered, first_leg)).digits == "1"
    assert (await rig.event(DigitsEntered, second_leg)).digits == "2"
    await rig.hang_up(first)
    await rig.event(LegEnded, first_leg)
    await rig.line.send(rig.prompt(second_leg))
    await rig.press(second, "3")
    assert (await rig.event(DigitsEntered, second_leg)).digits == "3"


async def test_status_up(rig: Rig) -> None:
    """A line in contact says that it is up, since when, and its name."""
    status = rig.line.status()
    assert status.up
    assert status.name == rig.name
    assert status.since.utcoffset() == timedelta(0)


async def test_lost_and_restored(rig: Rig) -> None:
    """A break is told, calls survive it, and at its end we are told every leg that is alive."""
    caller, leg, rung, peer = await rig.talking()
    up_since = rig.line.status().since
    await rig.lose()
    assert (await rig.event(LineLost)).reason
    status = rig.line.status()
    assert not status.up
    assert status.detail
    assert status.since >= up_since
    await rig.restore()
    assert await rig.restored() == {leg, peer}
    assert rig.line.status().up
    assert not rig.is_over(caller)
    assert not rig.is_over(rung)
    await rig.hang_up(rung)
    assert (await rig.event(LegEnded, peer)).answered


async def test_lost_originate(rig: Rig) -> None:
    """While the line is lost nothing can be placed, and that is said at once."""
    await rig.lose()
    await rig.event(LineLost)
    with pytest.raises(LineUnavailable):
        await rig.originated()


async def test_ended_while_lost(rig: Rig) -> None:
    """A leg that ended during a break is not among the living afterwards."""
    leg = await rig.originated()
    handle = await rig.expect_ring(STAFF)
    await rig.lose()
    await rig.event(LineLost)
    await rig.hang_up(handle)
    await rig.until(lambda: rig.is_over(handle))
    await rig.restore()
    assert leg not in await rig.restored()


async def test_conversation_survives_us(rig: Rig) -> None:
    """A conversation goes on while the service is away, and its end is told to the next one."""
    caller, leg, rung, peer = await rig.talking()
    await rig.line.stop()
    assert not rig.is_over(caller)
    assert not rig.is_over(rung)
    await rig.start_line()
    assert await rig.restored() == {leg, peer}
    await rig.hang_up(caller)
    await rig.event(LegEnded, leg)


async def test_last_words(rig: Rig) -> None:
    """How a conversation ended while the service was away is remembered: the peer's end, under our leg."""
    caller, leg, rung, _ = await rig.talking()
    await rig.line.stop()
    await rig.hang_up(rung)
    await rig.until(lambda: rig.is_over(caller), "the caller's telephone is free")
    await rig.start_line()
    assert await rig.restored() == frozenset()
    words = await rig.line.last_words(leg)
    assert words is not None
    assert (words.leg, words.outcome, words.answered) == (leg, LegOutcome.ENDED, True)
    assert await rig.line.last_words(GONE) is None


async def test_menu_does_not_survive_us(rig: Rig) -> None:
    """A caller in a menu is not left in silence when the service goes: the next one does not find the leg."""
    handle, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg, *(GREETING,) * 5))
    await rig.line.stop()
    await rig.hang_up(handle)
    await rig.until(lambda: rig.is_over(handle), "the caller's telephone is free")
    await rig.start_line()
    assert leg not in await rig.restored()
