"""The contract of the Line port, sentence by sentence, over every driver: what the person rung hears and presses before
a `Dial` joins them.

It must never know which driver it tests.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hardware.line import (
    Abandon,
    Connected,
    DigitsEntered,
    Hangup,
    LegEnded,
    LegOutcome,
    LineLost,
)
from tests.contract.line_rig import GREETING, RUNG, STAFF, LineRig
from tests.contract.test_line_calls import OUTCOMES

Rig = LineRig[Any]


async def test_accepted(rig: Rig) -> None:
    """Whoever presses 1 is joined; picking up alone joins nobody."""
    _, leg, rung, peer = await rig.in_screen()
    assert rig.of(leg, peer) == []
    await rig.press(rung, "1")
    assert await rig.event(Connected) == Connected(leg, peer)
    await rig.hang_up(rung)
    ended = await rig.event(LegEnded, peer)
    assert (ended.outcome, ended.answered) == (LegOutcome.ENDED, True)
    assert [type(event) for event in rig.of(leg, peer)] == [Connected, LegEnded]


async def test_heard(rig: Rig) -> None:
    """The person rung hears the items."""
    _, _, rung, peer = await rig.in_screen()
    await rig.event(LegEnded, peer)
    assert await rig.has_heard(rung, GREETING)


@pytest.mark.parametrize("key", ["2", "*"])
async def test_refused(rig: Rig, key: str) -> None:
    """A key that says no is told, then the peer has ended, declined; our leg stays up and can be spoken to."""
    caller, leg, rung, peer = await rig.in_screen("2*")
    await rig.press(rung, key)
    ended = await rig.event(LegEnded, peer)
    assert (ended.outcome, ended.answered) == (LegOutcome.DECLINED, False)
    assert rig.of(leg, peer) == [DigitsEntered(peer, key), ended]
    await rig.until(lambda: rig.is_over(rung), "the telephone is free")
    await rig.line.send(rig.prompt(leg))
    await rig.press(caller, "7")
    assert (await rig.event(DigitsEntered, leg)).digits == "7"


async def test_another_key(rig: Rig) -> None:
    """Another key says neither yes nor no: the items are played once more, and 1 counts then."""
    _, leg, rung, peer = await rig.in_screen()
    await rig.press(rung, "5")
    await rig.press(rung, "1")
    await rig.event(Connected)
    assert rig.of(leg, peer) == [Connected(leg, peer)]


@pytest.mark.parametrize("joins", [False, True], ids=["a voicemail", "a frightened caller"])
async def test_silence(rig: Rig, joins: bool) -> None:
    """Whoever presses nothing hears the items twice; then the screen says whether they are joined or did not answer."""
    _, leg, rung, peer = await rig.in_screen(silence_joins=joins)
    least = 0.9 * 2 * (rig.length(GREETING) + rig.silence).total_seconds()
    if joins:
        assert await rig.seconds_until(Connected, leg) >= least
        assert rig.of(leg, peer) == [Connected(leg, peer)]
        return
    assert await rig.seconds_until(LegEnded, peer) >= least
    [ended] = rig.of(leg, peer)
    assert isinstance(ended, LegEnded)
    assert (ended.outcome, ended.answered) == (LegOutcome.NO_ANSWER, False)
    await rig.until(lambda: rig.is_over(rung), "the telephone is free")


async def test_two_other_keys(rig: Rig) -> None:
    """Whoever presses another key twice is treated as one who pressed nothing."""
    _, leg, rung, peer = await rig.in_screen()
    await rig.press(rung, "57")
    ended = await rig.event(LegEnded, peer)
    assert (ended.outcome, ended.answered) == (LegOutcome.NO_ANSWER, False)
    assert rig.of(leg, peer) == [ended]


async def test_peer_hangs_up(rig: Rig) -> None:
    """Whoever hangs up in their screen has declined, like one who did so while it rang, also where silence joins."""
    caller, leg, rung, peer = await rig.in_screen(silence_joins=True)
    await rig.hang_up(rung)
    ended = await rig.event(LegEnded, peer)
    assert (ended.outcome, ended.answered) == (LegOutcome.DECLINED, False)
    await rig.line.send(rig.prompt(leg))
    await rig.press(caller, "7")
    assert (await rig.event(DigitsEntered, leg)).digits == "7"
    assert [type(event) for event in rig.of(leg, peer)] == [LegEnded, DigitsEntered]


async def test_dialler_hangs_up(rig: Rig) -> None:
    """When our leg hangs up during the screen the peer is cancelled, then our leg; the peer hears it within two seconds."""
    caller, leg, rung, peer = await rig.in_screen()
    await rig.hang_up(caller)
    async with asyncio.timeout(2):
        await rig.until(lambda: rig.is_over(rung), "the peer's telephone is free")
    await rig.event(LegEnded, leg)
    cancelled, ended = rig.of(leg, peer)
    assert isinstance(cancelled, LegEnded)
    assert (cancelled.leg, cancelled.outcome, cancelled.answered) == (peer, LegOutcome.CANCELLED, False)
    assert isinstance(ended, LegEnded)
    assert (ended.leg, ended.outcome, ended.answered) == (leg, LegOutcome.ENDED, True)


async def test_hangup_peer(rig: Rig) -> None:
    """Our Hangup of the peer during the screen ends only the peer: cancelled."""
    caller, leg, rung, peer = await rig.in_screen()
    await rig.line.send(Hangup(peer))
    ended = await rig.event(LegEnded, peer)
    assert (ended.outcome, ended.answered) == (LegOutcome.CANCELLED, False)
    await rig.until(lambda: rig.is_over(rung), "the peer's telephone is free")
    await rig.line.send(rig.prompt(leg))
    await rig.press(caller, "6")
    assert (await rig.event(DigitsEntered, leg)).digits == "6"


async def test_hangup_leg(rig: Rig) -> None:
    """Our Hangup of the dialling leg during the screen ends both, the peer first: cancelled."""
    caller, leg, rung, peer = await rig.in_screen()
    await rig.line.send(Hangup(leg))
    await rig.event(LegEnded, leg)
    cancelled, ended = rig.of(leg, peer)
    assert isinstance(cancelled, LegEnded)
    assert (cancelled.leg, cancelled.outcome, cancelled.answered) == (peer, LegOutcome.CANCELLED, False)
    assert isinstance(ended, LegEnded)
    await rig.until(lambda: rig.is_over(rung) and rig.is_over(caller), "both telephones are free")


async def test_abandon(rig: Rig) -> None:
    """A screen is part of its `Dial`: to abandon the leg does not disturb it."""
    _, leg, rung, peer = await rig.in_screen()
    await rig.line.send(Abandon(leg))
    await rig.press(rung, "1")
    assert await rig.event(Connected) == Connected(leg, peer)
    assert not rig.is_over(rung)


@pytest.mark.parametrize(("act", "outcome"), OUTCOMES, ids=[act for act, _ in OUTCOMES])
async def test_unanswered(rig: Rig, act: str, outcome: LegOutcome) -> None:
    """Who does not pick up is told as without a screen."""
    await getattr(rig, act)(RUNG)
    _, leg = await rig.caller_up()
    ring = rig.short_ring if act == "ignore" else None
    peer = await rig.dial(leg, ring_timeout=ring, screen=rig.screen())
    ended = await rig.event(LegEnded, peer)
    assert (ended.outcome, ended.answered) == (outcome, False)
    assert rig.of(leg, peer) == [ended]


async def test_dial_again(rig: Rig) -> None:
    """After a screened peer who was not joined the same leg can dial another, with a screen or without."""
    _, leg, rung, first = await rig.in_screen()
    await rig.press(rung, "2")
    await rig.event(LegEnded, first)
    second = await rig.dial(leg, STAFF)
    staff = await rig.expect_ring(STAFF)
    await rig.answer(staff)
    assert await rig.event(Connected) == Connected(leg, second)
    await rig.hang_up(staff)
    assert (await rig.event(LegEnded, second)).answered
    await rig.until(lambda: rig.is_over(rung), "the first telephone is free")
    third = await rig.dial(leg, screen=rig.screen())
    rung = await rig.expect_ring(RUNG)
    await rig.answer(rung)
    await rig.press(rung, "1")
    assert await rig.event(Connected) == Connected(leg, third)


async def test_lost_and_restored(rig: Rig) -> None:
    """After a break the peer in its screen is among the living, and not joined before it presses 1."""
    _, leg, rung, peer = await rig.in_screen(silence_joins=True)
    await rig.lose()
    await rig.event(LineLost)
    await rig.restore()
    assert await rig.restored() == {leg, peer}
    assert rig.of(leg, peer) == []
    await rig.press(rung, "1")
    assert await rig.event(Connected) == Connected(leg, peer)


async def test_screen_survives_us(rig: Rig) -> None:
    """A screen goes on while the service is away, and who accepts then is joined."""
    caller, leg, rung, peer = await rig.in_screen(silence_joins=True)
    await rig.line.stop()
    await rig.press(rung, "1")
    await rig.start_line()
    assert await rig.restored() == {leg, peer}
    assert not rig.is_over(caller)
    assert not rig.is_over(rung)
    await rig.hang_up(rung)
    ended = await rig.event(LegEnded, peer)
    assert (ended.outcome, ended.answered) == (LegOutcome.ENDED, True)


async def test_accepted_by_the_next_one(rig: Rig) -> None:
    """A service that starts during a screen finds both legs, and is told when they are joined."""
    _, leg, rung, peer = await rig.in_screen(silence_joins=True)
    await rig.line.stop()
    await rig.start_line()
    assert await rig.restored() == {leg, peer}
    assert rig.of(leg, peer) == []
    await rig.press(rung, "1")
    assert await rig.event(Connected) == Connected(leg, peer)


@pytest.mark.parametrize("act", ["refuses", "hangs up", "is silent"])
async def test_last_words(rig: Rig, act: str) -> None:
    """How a screen ended while the service was away is remembered: nobody was answered. Where each key is a request to us,
    nobody knows whether they pressed one: it is our failure, and not held against them."""
    caller, leg, rung, _ = await rig.in_screen()
    await rig.line.stop()
    if act == "refuses":
        await rig.press(rung, "2")
    elif act == "hangs up":
        await rig.hang_up(rung)
    await rig.until(lambda: rig.is_over(rung), "the peer's telephone is free")
    await rig.hang_up(caller)
    await rig.until(lambda: rig.is_over(caller), "the caller's telephone is free")
    await rig.no_call_left()
    await rig.start_line()
    assert await rig.restored() == frozenset()
    words = await rig.line.last_words(leg)
    assert words is not None
    outcome = LegOutcome.NO_ANSWER if act == "is silent" else LegOutcome.DECLINED
    if not rig.joins_by_itself:
        outcome = LegOutcome.FAILED
    assert (words.leg, words.outcome, words.answered) == (leg, outcome, False)
