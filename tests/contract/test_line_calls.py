"""The contract of the Line port, sentence by sentence, over every driver: calls we make.

It must never know which driver it tests.
"""

from __future__ import annotations

from typing import Any

import pytest

from hardware.line import (
    Connected,
    DigitsEntered,
    Hangup,
    LegAnswered,
    LegEnded,
    LegOutcome,
)
from tests.contract.line_rig import (
    OURS,
    RUNG,
    STAFF,
    LineRig,
)

Rig = LineRig[Any]


async def test_originate(rig: Rig) -> None:
    """A telephone we ring shows our caller id; picked up, it is a leg that can hear prompts and press keys."""
    leg = await rig.originated()
    handle = await rig.expect_ring(STAFF)
    assert await rig.shown(handle) == OURS
    await rig.answer(handle)
    await rig.event(LegAnswered, leg)
    await rig.line.send(rig.prompt(leg))
    await rig.press(handle, "1")
    assert (await rig.event(DigitsEntered, leg)).digits == "1"
    await rig.hang_up(handle)
    ended = await rig.event(LegEnded, leg)
    assert (ended.outcome, ended.answered) == (LegOutcome.ENDED, True)
    assert [type(event) for event in rig.of(leg)] == [LegAnswered, DigitsEntered, LegEnded]


OUTCOMES = [
    ("busy", LegOutcome.BUSY),
    ("decline", LegOutcome.DECLINED),
    ("ignore", LegOutcome.NO_ANSWER),
    ("invalid", LegOutcome.INVALID),
    ("fail", LegOutcome.FAILED),
]


@pytest.mark.parametrize(("act", "outcome"), OUTCOMES, ids=[act for act, _ in OUTCOMES])
async def test_originate_unanswered(rig: Rig, act: str, outcome: LegOutcome) -> None:
    """Busy, declined, no answer, an invalid number and our own failure are told apart."""
    await getattr(rig, act)(RUNG)
    leg = await rig.originated(RUNG, rig.short_ring if act == "ignore" else None)
    ended = await rig.event(LegEnded, leg)
    assert (ended.outcome, ended.answered) == (outcome, False)
    assert rig.of(leg) == [ended]


async def test_hangup_ringing(rig: Rig) -> None:
    """Hanging up a leg that rings stops the ringing: it was cancelled."""
    leg = await rig.originated()
    handle = await rig.expect_ring(STAFF)
    await rig.line.send(Hangup(leg))
    ended = await rig.event(LegEnded, leg)
    assert (ended.outcome, ended.answered) == (LegOutcome.CANCELLED, False)
    await rig.until(lambda: rig.is_over(handle), "the telephone stops ringing")


# ---- Dial


async def test_dial_peer_hangs_up(rig: Rig) -> None:
    """Joined legs are connected; when the peer hangs up, our leg stays up and can be spoken to."""
    caller, leg, rung, peer = await rig.talking()
    await rig.hang_up(rung)
    ended = await rig.event(LegEnded, peer)
    assert (ended.outcome, ended.answered) == (LegOutcome.ENDED, True)
    await rig.line.send(rig.prompt(leg))
    await rig.press(caller, "5")
    assert (await rig.event(DigitsEntered, leg)).digits == "5"
    assert [type(event) for event in rig.of(leg, peer)] == [Connected, LegEnded, DigitsEntered]


async def test_dial_leg_hangs_up(rig: Rig) -> None:
    """When the dialling leg hangs up, both end: the peer first."""
    caller, leg, rung, peer = await rig.talking()
    await rig.hang_up(caller)
    ended = await rig.event(LegEnded, leg)
    assert (ended.outcome, ended.answered) == (LegOutcome.ENDED, True)
    assert [event.leg for event in rig.of(leg, peer) if isinstance(event, LegEnded)] == [peer, leg]
    await rig.until(lambda: rig.is_over(rung), "the peer's telephone is free")


async def test_dial_hangup_leg(rig: Rig) -> None:
    """Our Hangup of the dialling leg ends the conversation: the peer first."""
    caller, leg, rung, peer = await rig.talking()
    await rig.line.send(Hangup(leg))
    await rig.event(LegEnded, leg)
    assert [event.leg for event in rig.of(leg, peer) if isinstance(event, LegEnded)] == [peer, leg]
    await rig.until(lambda: rig.is_over(rung) and rig.is_over(caller), "both telephones are free")


async def test_dial_hangup_peer(rig: Rig) -> None:
    """Our Hangup of the peer ends only the peer."""
    caller, leg, _, peer = await rig.talking()
    await rig.line.send(Hangup(peer))
    assert (await rig.event(LegEnded, peer)).answered
    await rig.line.send(rig.prompt(leg))
    await rig.press(caller, "6")
    assert (await rig.event(DigitsEntered, leg)).digits == "6"


async def test_dial_shows_our_number(rig: Rig) -> None:
    """The peer's telephone shows the caller id we gave."""
    _, leg = await rig.caller_up()
    await rig.dial(leg)
    assert await rig.shown(await rig.expect_ring(RUNG)) == OURS


@pytest.mark.parametrize(("act", "outcome"), OUTCOMES, ids=[act for act, _ in OUTCOMES])
async def test_dial_unanswered(rig: Rig, act: str, outcome: LegOutcome) -> None:
    """When the peer does not answer we are told why, and our leg stays up and can be spoken to."""
    await getattr(rig, act)(RUNG)
    caller, leg = await rig.caller_up()
    peer = await rig.dial(leg, ring_timeout=rig.short_ring if act == "ignore" else None)
    ended = await rig.event(LegEnded, peer)
    assert (ended.outcome, ended.answered) == (outcome, False)
    await rig.line.send(rig.prompt(leg))
    await rig.press(caller, "7")
    assert (await rig.event(DigitsEntered, leg)).digits == "7"
    assert [type(event) for event in rig.of(leg, peer)] == [LegEnded, DigitsEntered]


async def test_dial_leg_hangs_up_while_ringing(rig: Rig) -> None:
    """When our leg hangs up while the peer rings, the peer's telephone stops ringing: cancelled, then our leg."""
    caller, leg = await rig.caller_up()
    peer = await rig.dial(leg)
    rung = await rig.expect_ring(RUNG)
    await rig.hang_up(caller)
    cancelled = await rig.event(LegEnded, peer)
    assert (cancelled.outcome, cancelled.answered) == (LegOutcome.CANCELLED, False)
    await rig.event(LegEnded, leg)
    assert [event.leg for event in rig.of(leg, peer)] == [peer, leg]
    await rig.until(lambda: rig.is_over(rung), "the telephone stops ringing")


async def test_dial_again(rig: Rig) -> None:
    """After a peer who was busy, the same leg can dial another."""
    await rig.busy(RUNG)
    _, leg = await rig.caller_up()
    first = await rig.dial(leg)
    await rig.event(LegEnded, first)
    second = await rig.dial(leg, STAFF)
    await rig.answer(await rig.expect_ring(STAFF))
    connected = await rig.event(Connected, leg)
    assert connected.peer == second
