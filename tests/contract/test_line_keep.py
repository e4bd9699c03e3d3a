"""The contract of the Line port, sentence by sentence, over every driver: a peer who stays when who dialled hangs up.

It must never know which driver it tests.
"""

from __future__ import annotations

from typing import Any

import pytest

from hardware.line import Connected, DigitsEntered, Hangup, Kept, LegEnded, LegOutcome, LineLost, NoInput
from tests.contract.line_rig import GOODBYE, RUNG, STAFF, Handle, LineRig

Rig = LineRig[Any]


async def joined(rig: Rig, several: bool) -> tuple[Handle[Any], str, Handle[Any], str]:
    """A caller (and our leg) joined with the telephone RUNG (and its leg), which is to stay."""
    if not several:
        return await rig.talking(keep=True)
    caller, leg = await rig.caller_up()
    peer, other = await rig.dial_all(leg, RUNG, STAFF, keep=True)
    rung = await rig.expect_ring(RUNG)
    await rig.answer(rung)
    await rig.press(rung, "1")
    await rig.event(Connected, leg)
    await rig.event(LegEnded, other)
    return caller, leg, rung, peer


@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
async def test_kept(rig: Rig, several: bool) -> None:
    """When who dialled hangs up, their end comes first; the peer is then a leg that hears prompts, presses keys, lives
    through a break of the line, and ends on our command."""
    caller, leg, rung, peer = await joined(rig, several)
    await rig.hang_up(caller)
    await rig.event(Kept, peer)
    ended, kept = rig.of(leg, peer)[-2:]
    assert isinstance(ended, LegEnded)
    assert (ended.leg, ended.outcome, ended.answered) == (leg, LegOutcome.ENDED, True)
    assert kept == Kept(peer)
    await rig.line.send(rig.prompt(peer, GOODBYE))
    await rig.press(rung, "4")
    assert (await rig.event(DigitsEntered, peer)).digits == "4"
    await rig.lose()
    await rig.event(LineLost)
    await rig.restore()
    assert await rig.restored() == {peer}
    await rig.line.send(rig.prompt(peer, GOODBYE, digits=0))
    await rig.event(NoInput, peer)
    await rig.line.send(Hangup(peer))
    last = await rig.event(LegEnded, peer)
    assert (last.outcome, last.answered) == (LegOutcome.ENDED, True)
    await rig.until(lambda: rig.is_over(rung), "the peer's telephone is free")
    assert await rig.has_heard(rung, GOODBYE)


async def test_kept_hangs_up(rig: Rig) -> None:
    """Our Hangup of who dialled keeps the peer as well; when they hang up themselves, that is told."""
    caller, leg, rung, peer = await joined(rig, several=False)
    await rig.line.send(Hangup(leg))
    await rig.event(Kept, peer)
    await rig.until(lambda: rig.is_over(caller), "the caller's telephone is free")
    await rig.hang_up(rung)
    last = await rig.event(LegEnded, peer)
    assert (last.outcome, last.answered) == (LegOutcome.ENDED, True)
    assert [type(event) for event in rig.of(leg, peer)] == [Connected, LegEnded, Kept, LegEnded]


async def test_peer_hangs_up_first(rig: Rig) -> None:
    """When the peer hangs up first nobody is kept, and who dialled stays."""
    caller, leg, rung, peer = await joined(rig, several=True)
    await rig.hang_up(rung)
    ended = await rig.event(LegEnded, peer)
    assert (ended.outcome, ended.answered) == (LegOutcome.ENDED, True)
    await rig.line.send(rig.prompt(leg))
    await rig.press(caller, "5")
    assert (await rig.event(DigitsEntered, leg)).digits == "5"
    assert not any(isinstance(event, Kept) for event in rig.events)


async def test_not_without_us(rig: Rig) -> None:
    """While the service is away nobody can be kept: the peer is not left in silence, and the end is remembered."""
    caller, leg, rung, peer = await joined(rig, several=False)
    await rig.line.stop()
    await rig.hang_up(caller)
    await rig.until(lambda: rig.is_over(rung), "the peer's telephone is free")
    await rig.no_call_left()
    await rig.start_line()
    assert await rig.restored() == frozenset()
    words = await rig.line.last_words(leg)
    assert words is not None
    assert (words.leg, words.outcome, words.answered) == (leg, LegOutcome.ENDED, True)
    assert rig.of(leg, peer) == []


async def test_kept_by_the_next_one(rig: Rig) -> None:
    """A service that starts in the middle of the conversation keeps the peer as the one before would have."""
    caller, leg, rung, peer = await joined(rig, several=True)
    await rig.line.stop()
    await rig.start_line()
    assert await rig.restored() == {leg, peer}
    await rig.hang_up(caller)
    await rig.event(Kept, peer)
    assert [type(event) for event in rig.of(leg, peer) if not isinstance(event, Connected)] == [
        LegEnded,
        Kept,
    ]
    await rig.line.send(rig.prompt(peer))
    await rig.press(rung, "6")
    assert (await rig.event(DigitsEntered, peer)).digits == "6"
