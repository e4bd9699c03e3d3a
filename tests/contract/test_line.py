"""The contract of the Line port, sentence by sentence, over every driver: calls that come in, and prompts.

It must never know which driver it tests.
"""

from __future__ import annotations

from typing import Any

import pytest

from hardware.line import (
    Abandon,
    CallOffered,
    DigitsEntered,
    Hangup,
    LegEnded,
    LegOutcome,
    NoInput,
)
from tests.contract.line_rig import (
    CALLER,
    GOODBYE,
    GREETING,
    OURS,
    LineRig,
)

Rig = LineRig[Any]


@pytest.mark.parametrize("caller", [CALLER, None], ids=["shown", "withheld"])
async def test_offered(rig: Rig, caller: str | None) -> None:
    """A call to us is offered with the number dialled, the caller's number, or none when it is withheld, and its trunk."""
    await rig.call_in(OURS, caller)
    offered = await rig.event(CallOffered)
    assert (offered.to, offered.caller, offered.trunk) == (OURS, caller, rig.trunk)
    assert offered.leg


async def test_hang_up_unanswered(rig: Rig) -> None:
    """A caller who hangs up before we answer ends a leg that was never answered."""
    handle = await rig.call_in(OURS, CALLER)
    leg = (await rig.event(CallOffered)).leg
    await rig.hang_up(handle)
    assert not (await rig.event(LegEnded, leg)).answered


async def test_prompt_and_key(rig: Rig) -> None:
    """An answered caller hears the prompt, and the key they press comes to us."""
    handle, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg))
    await rig.press(handle, "1")
    assert (await rig.event(DigitsEntered, leg)).digits == "1"


async def test_heard(rig: Rig) -> None:
    """All items of a prompt are heard."""
    handle, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg, GREETING, GOODBYE, digits=0))
    await rig.event(NoInput, leg)
    assert await rig.has_heard(handle, GREETING)
    assert await rig.has_heard(handle, GOODBYE)


async def test_barge_in(rig: Rig) -> None:
    """A key press stops the playing: the digits come before the items could have been played."""
    handle, leg = await rig.caller_up()
    items = (GREETING,) * 5
    await rig.line.send(rig.prompt(leg, *items))
    await rig.press(handle, "2")
    assert await rig.seconds_until(DigitsEntered, leg) < 4 * rig.length(GREETING).total_seconds()


async def test_key_ahead(rig: Rig) -> None:
    """A key pressed before it was asked for answers the next prompt at once."""
    handle, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg))
    await rig.press(handle, "12")
    assert (await rig.event(DigitsEntered, leg)).digits == "1"
    await rig.line.send(rig.prompt(leg, *(GREETING,) * 5))
    assert (await rig.event(DigitsEntered, leg)).digits == "2"


@pytest.mark.parametrize(
    ("pressed", "entered"),
    [("40012345", "40012345"), ("4001#", "4001"), ("*31", "*31")],
    ids=["by count", "by hash", "by silence"],
)
async def test_digits_end(rig: Rig, pressed: str, entered: str) -> None:
    """Several digits end with the last one wanted, with `#` (which is no digit), or with silence; `*` is a digit."""
    handle, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg, digits=8))
    await rig.press(handle, pressed)
    assert (await rig.event(DigitsEntered, leg)).digits == entered


async def test_silence(rig: Rig) -> None:
    """Silence ends a prompt with NoInput, after all of it was played and the silence has passed."""
    _, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg))
    least = 0.9 * (rig.length(GREETING) + rig.silence).total_seconds()
    assert await rig.seconds_until(NoInput, leg) >= least


async def test_only_play(rig: Rig) -> None:
    """A prompt that wants no digits is played to its end and gives NoInput, whatever is pressed."""
    handle, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg, digits=0))
    await rig.press(handle, "3")
    assert await rig.seconds_until(NoInput, leg) >= 0.5 * rig.length(GREETING).total_seconds()
    assert [type(event) for event in rig.of(leg)] == [NoInput]


async def test_prompts_in_a_row(rig: Rig) -> None:
    """Each prompt ends with exactly one event, and they come in order."""
    handle, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg))
    await rig.press(handle, "1")
    await rig.event(DigitsEntered, leg)
    await rig.line.send(rig.prompt(leg, GOODBYE, digits=0))
    await rig.event(NoInput, leg)
    await rig.line.send(Hangup(leg))
    await rig.event(LegEnded, leg)
    assert [type(event) for event in rig.of(leg)] == [DigitsEntered, NoInput, LegEnded]


async def test_caller_hangs_up_in_prompt(rig: Rig) -> None:
    """A caller who hangs up in a prompt ends the leg, and the prompt has no other result."""
    handle, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg))
    await rig.hang_up(handle)
    ended = await rig.event(LegEnded, leg)
    assert (ended.outcome, ended.answered) == (LegOutcome.ENDED, True)
    assert rig.of(leg) == [ended]


async def test_hangup_in_prompt(rig: Rig) -> None:
    """We can hang up in the middle of a prompt."""
    handle, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg))
    await rig.line.send(Hangup(leg))
    ended = await rig.event(LegEnded, leg)
    assert (ended.outcome, ended.answered) == (LegOutcome.ENDED, True)
    assert rig.of(leg) == [ended]
    await rig.until(lambda: rig.is_over(handle), "the caller's telephone is free")


async def test_abandon(rig: Rig) -> None:
    """A leg given up to the fall-back ends in time without another word from us."""
    handle, leg = await rig.caller_up()
    await rig.line.send(rig.prompt(leg, GOODBYE, digits=0))
    await rig.event(NoInput, leg)  # the line knows by now that the call was answered, not only the telephone
    await rig.line.send(Abandon(leg))
    await rig.hang_up(handle)
    ended = await rig.event(LegEnded, leg)
    assert ended.answered
    assert rig.of(leg) == [NoInput(leg), ended]
