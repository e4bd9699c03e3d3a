"""The contract of the Line port, sentence by sentence, over every driver: several telephones rung at once.

It must never know which driver it tests. What ends by itself and what is stopped may be told in any order.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hardware.line import (
    Connected,
    DigitsEntered,
    Hangup,
    LegEnded,
    LegEvent,
    LegOutcome,
)
from tests.contract.conftest import RIGS
from tests.contract.line_rig import OURS, RUNG, SECOND_STAFF, STAFF, Handle, LineRig

Rig = LineRig[Any]
PHONES = (RUNG, STAFF, SECOND_STAFF)
JOIN_BY_THEMSELVES = [kind for kind in RIGS if kind.joins_by_itself]


async def ringing(rig: Rig, *, keep: bool = False) -> tuple[Handle[Any], str, list[Handle[Any]], list[str]]:
    """A caller (and our leg), and three telephones that ring at the same time (and their legs)."""
    caller, leg = await rig.caller_up()
    peers = await rig.dial_all(leg, *PHONES, keep=keep)
    return caller, leg, [await rig.expect_ring(number) for number in PHONES], peers


async def end_of(rig: Rig, peer: str) -> tuple[LegOutcome, bool]:
    ended = await rig.event(LegEnded, peer)
    return ended.outcome, ended.answered


async def known_end(rig: Rig, peer: str) -> tuple[LegOutcome, bool]:
    """Kept for us while the service was away, or told since."""
    words = await rig.line.last_words(peer) or await rig.event(LegEnded, peer)
    return words.outcome, words.answered


def ends(rig: Rig, *legs: str) -> list[LegEvent]:
    return [event for event in rig.of(*legs) if isinstance(event, LegEnded)]


async def test_first_to_accept(rig: Rig) -> None:
    """All ring at once and show our number; picking up wins nothing; who presses 1 is joined, and the others stop, whether
    they ring or hear their screen. Each has one end of its own, and our leg goes on after it."""
    caller, leg, [rung, staff, second], [a, b, c] = await ringing(rig)
    assert [await rig.shown(phone) for phone in (rung, staff, second)] == [OURS] * 3
    await rig.answer(rung)
    await rig.answer(staff)
    await rig.press(staff, "1")
    assert await rig.event(Connected) == Connected(leg, b)
    async with asyncio.timeout(1):
        await rig.until(lambda: rig.is_over(rung) and rig.is_over(second), "the others stop")
    assert await end_of(rig, a) == await end_of(rig, c) == (LegOutcome.CANCELLED, False)
    assert ends(rig, leg, b) == []
    await rig.hear_each_other(caller, staff)
    await rig.hang_up(staff)
    assert await end_of(rig, b) == (LegOutcome.ENDED, True)
    await rig.line.send(rig.prompt(leg))
    await rig.press(caller, "7")
    assert (await rig.event(DigitsEntered, leg)).digits == "7"
    assert len(ends(rig, a, b, c)) == 3


async def test_voicemail_never_wins(rig: Rig) -> None:
    """A telephone that is busy, one that says no and one that picks up and presses nothing end each in their own way; then
    our leg can be spoken to, and dial again."""
    await rig.busy(SECOND_STAFF)
    caller, leg = await rig.caller_up()
    a, b, c = await rig.dial_all(leg, *PHONES)
    rung, staff = await rig.expect_ring(RUNG), await rig.expect_ring(STAFF)
    await rig.answer(rung)
    await rig.answer(staff)
    await rig.press(staff, "2")
    assert await end_of(rig, b) == (LegOutcome.DECLINED, False)
    assert not rig.is_over(rung)
    assert await end_of(rig, c) == (LegOutcome.BUSY, False)
    assert await end_of(rig, a) == (LegOutcome.NO_ANSWER, False)
    assert [event for event in rig.of(b) if isinstance(event, DigitsEntered)] == [DigitsEntered(b, "2")]
    assert len(rig.of(leg, a, b, c)) == 4
    await rig.until(lambda: rig.is_over(rung) and rig.is_over(staff), "the telephones are free")
    again = await rig.dial(leg)
    rung = await rig.expect_ring(RUNG)
    await rig.answer(rung)
    assert await rig.event(Connected) == Connected(leg, again)
    assert not rig.is_over(caller)


async def test_nobody(rig: Rig) -> None:
    """Declined, no answer, and a number that does not exist are told apart."""
    await rig.decline(RUNG)
    await rig.ignore(STAFF)
    await rig.invalid(SECOND_STAFF)
    _, leg = await rig.caller_up()
    a, b, c = await rig.dial_all(leg, *PHONES, ring_timeout=rig.short_ring)
    assert await end_of(rig, a) == (LegOutcome.DECLINED, False)
    assert await end_of(rig, b) == (LegOutcome.NO_ANSWER, False)
    assert await end_of(rig, c) == (LegOutcome.INVALID, False)
    assert len(rig.of(leg, a, b, c)) == 3


async def test_dialler_hangs_up(rig: Rig) -> None:
    """When our leg hangs up while one rings and others are in their screens, all stop within a second: cancelled, then
    our leg. Only who was joined stays."""
    caller, leg, phones, peers = await ringing(rig, keep=True)
    await rig.answer(phones[0])
    await rig.answer(phones[1])
    await rig.hang_up(caller)
    async with asyncio.timeout(1):
        await rig.until(lambda: all(rig.is_over(phone) for phone in phones), "all stop")
    await rig.event(LegEnded, leg)
    *cancelled, last = rig.of(leg, *peers)
    assert isinstance(last, LegEnded)
    assert (last.leg, last.outcome, last.answered) == (leg, LegOutcome.ENDED, True)
    assert sorted(event.leg for event in cancelled) == sorted(peers)
    assert all(isinstance(event, LegEnded) and event.outcome is LegOutcome.CANCELLED for event in cancelled)


async def test_hangup_one(rig: Rig) -> None:
    """Our Hangup of one ends just that one, ringing, in its screen or joined."""
    caller, leg, [rung, staff, second], [a, b, c] = await ringing(rig)
    await rig.answer(staff)
    await rig.line.send(Hangup(a))
    await rig.line.send(Hangup(b))
    assert await end_of(rig, a) == await end_of(rig, b) == (LegOutcome.CANCELLED, False)
    await rig.until(lambda: rig.is_over(rung) and rig.is_over(staff), "they stop")
    assert not rig.is_over(second)
    await rig.answer(second)
    await rig.press(second, "1")
    assert await rig.event(Connected) == Connected(leg, c)
    await rig.line.send(Hangup(c))
    assert await end_of(rig, c) == (LegOutcome.ENDED, True)
    await rig.until(lambda: rig.is_over(second), "it is free")
    assert not rig.is_over(caller)


async def test_survives_us(rig: Rig) -> None:
    """They go on ringing while the service is away. Who says no then has declined, and who accepts is joined, at the latest when
    the service is back: it finds both legs, and is told the end."""
    caller, leg, [rung, staff, second], [a, b, c] = await ringing(rig)
    await rig.line.stop()
    await rig.answer(rung)
    await rig.press(rung, "2")
    await rig.answer(staff)
    await rig.press(staff, "1")
    await rig.start_line()
    assert {leg, b} <= await rig.restored() <= {leg, a, b, c}
    await rig.hear_each_other(caller, staff)
    await rig.until(lambda: rig.is_over(rung) and rig.is_over(second), "the others stop")
    assert await known_end(rig, a) == (LegOutcome.DECLINED, False)
    assert await known_end(rig, c) == (LegOutcome.CANCELLED, False)
    await rig.hang_up(caller)
    assert await end_of(rig, b) == (LegOutcome.ENDED, True)
    await rig.event(LegEnded, leg)


@pytest.mark.parametrize("rig", JOIN_BY_THEMSELVES, indirect=True, ids=lambda kind: kind.name)
async def test_last_words(rig: Rig) -> None:
    """A conversation that began and ended while the service was away is remembered: who talked, and who did not."""
    caller, leg, [_, staff, second], [a, b, c] = await ringing(rig)
    await rig.line.stop()
    await rig.answer(staff)
    await rig.press(staff, "1")
    await rig.until(lambda: rig.is_over(second), "the others stop")
    await rig.hang_up(staff)
    await rig.until(lambda: rig.is_over(caller), "the caller's telephone is free")
    await rig.no_call_left()
    await rig.start_line()
    assert await rig.restored() == frozenset()
    ends = [await rig.line.last_words(of) for of in (leg, a, b, c)]
    told = [(end.leg, end.outcome, end.answered) for end in ends if end is not None]
    joined, stopped = (LegOutcome.ENDED, True), (LegOutcome.CANCELLED, False)
    assert told == [(leg, *joined), (a, *stopped), (b, *joined), (c, *stopped)]
