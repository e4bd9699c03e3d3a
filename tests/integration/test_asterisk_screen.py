"""Screens on the Asterisk line against scripted peers: what is asked of the PBX, and what its answers mean."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import pytest

from hardware.asterisk import hang_up
from hardware.line import (
    Connected,
    Dial,
    DigitsEntered,
    Hangup,
    LegAnswered,
    LegEnded,
    LegOutcome,
    LineEvent,
    LineRejected,
    Screen,
)
from tests.e2e.waiting import until
from tests.integration.asterisk_rig import (
    LEG,
    OFFICE,
    Rig,
    scripted_ami,  # noqa: F401  # the fixture `ami`
    started_rig,  # noqa: F401  # the fixture `rig`
)
from tests.integration.faults import ami_peer
from tests.integration.faults.agi_peer import CALLER, AgiPeer
from tests.integration.faults.ami_peer import AmiPeer

PEER: Final = "tast1-peer"
PEER_UID: Final = "1700000000.2"
RING: Final = timedelta(seconds=20)
SCREEN: Final = Screen(("nb/whisper.one", "nb/whisper.two"), refuse="2*", timeout=timedelta(seconds=4))
URLS: Final = "&".join(f"http://127.0.0.1:8600/prompts/nb/whisper.{name}.wav" for name in ("one", "two"))
DIAL: Final = (
    f'EXEC Dial "PJSIP/{CALLER}@trunk,20,rb(tast1-screen^before^1)'
    f'U(tast1-screen^{LEG}^2*^NOANSWER^4^{URLS})gF(tast1-after^s^1)"'
)
STATUS: Final = 'GET FULL VARIABLE "${DIALSTATUS},${HANGUPCAUSE},${ANSWEREDTIME},${HANGUPCAUSE_KEYS()}"'
RESULT: Final = 'GET FULL VARIABLE "${GOSUB_RETVAL}"'
GONE: Final = ("CHANNEL STATUS", "200 result=-1")


async def _dials(rig: Rig, screen: Screen | None = SCREEN) -> AgiPeer:
    """An answered leg that was told to dial; the first command is still to come."""
    peer = await rig.call("leg", uniqueid=LEG)
    await rig.event(LegAnswered)
    await rig.line.send(Dial(LEG, PEER, CALLER, RING, OFFICE, screen))
    return peer


async def _until_dial(peer: AgiPeer) -> list[str]:
    """Answer everything up to the Dial; what was asked before it."""
    asked = []
    while not (command := await peer.command()).startswith("EXEC Dial"):
        asked.append(command)
        peer.say("200 result=1")
    return asked


async def _answers(peer: AgiPeer, *exchange: tuple[str, str]) -> None:
    for command, answer in exchange:
        assert await peer.command() == command
        peer.say(answer)


async def test_what_is_asked(rig: Rig) -> None:
    """The screen is one option of the Dial, with ringing for the one who dials; no older result can be taken for its."""
    peer = await _dials(rig)
    asked = await _until_dial(peer)
    assert peer.seen[-1] == DIAL
    assert asked[-2:] == ['SET VARIABLE TAST1_SCREEN "1"', 'SET VARIABLE GOSUB_RETVAL ""']


async def test_without_a_screen(rig: Rig) -> None:
    """A Dial without a screen is asked as ever."""
    peer = await _dials(rig, None)
    asked = await _until_dial(peer)
    assert peer.seen[-1] == f'EXEC Dial "PJSIP/{CALLER}@trunk,20,gF(tast1-after^s^1)"'
    assert not any("SCREEN" in command or "GOSUB" in command for command in asked)


async def test_without_a_screen_after_one(rig: Rig) -> None:
    """The dialplan is told that the next Dial of the same leg has no screen."""
    peer = await _dials(rig)
    await _until_dial(peer)
    peer.say("200 result=0")
    await _answers(peer, (STATUS, "200 result=1 (BUSY,17,,)"))
    await rig.line.send(Dial(LEG, "tast1-second", CALLER, RING, OFFICE))
    assert 'SET VARIABLE TAST1_SCREEN ""' in await _until_dial(peer)


NOT_JOINED: Final = "ANSWER,16,,PJSIP/trunk-00000002"


@pytest.mark.parametrize(
    ("result", "events"),
    [
        ("DECLINED-2", [DigitsEntered(PEER, "2"), LegEnded(PEER, LegOutcome.DECLINED, 21)]),
        ("DECLINED-*", [DigitsEntered(PEER, "*"), LegEnded(PEER, LegOutcome.DECLINED, 21)]),
        ("NOANSWER", [LegEnded(PEER, LegOutcome.NO_ANSWER, 19)]),
        ("CANCEL", [LegEnded(PEER, LegOutcome.CANCELLED)]),
        ("", [LegEnded(PEER, LegOutcome.DECLINED, 21)]),
    ],
    ids=["refused", "refused with a star", "silence", "the one who dials is gone", "hung up"],
)
async def test_not_joined(rig: Rig, result: str, events: list[LineEvent]) -> None:
    """Whoever picked up and was not joined was not answered, whatever DIALSTATUS says."""
    peer = await _dials(rig)
    await _until_dial(peer)
    peer.say("200 result=0")
    await _answers(peer, (STATUS, f"200 result=1 ({NOT_JOINED})"), (RESULT, f"200 result=1 ({result})"))
    await rig.event(LegEnded)
    assert rig.events[2:] == events


async def test_joined(rig: Rig) -> None:
    """Whoever was joined was answered; only then are the two connected."""
    peer = await _dials(rig)
    await _until_dial(peer)
    rig.says("DialBegin", Uniqueid=LEG, DestUniqueid=PEER_UID)
    rig.says("DialEnd", Uniqueid=LEG, DestUniqueid=PEER_UID, DialStatus="ANSWER")
    assert await rig.event(Connected) == Connected(LEG, PEER)
    peer.say("200 result=0")
    await _answers(peer, (STATUS, "200 result=1 (ANSWER,16,42,PJSIP/trunk-00000002)"))
    assert await rig.event(LegEnded) == LegEnded(PEER, LegOutcome.ENDED, 16, answered=True)


async def test_turned_away_is_not_connected(rig: Rig) -> None:
    """The end that the exchange tells of a peer who was turned away connects nobody."""
    peer = await _dials(rig)
    await _until_dial(peer)
    rig.says("DialBegin", Uniqueid=LEG, DestUniqueid=PEER_UID)
    rig.says("DialEnd", Uniqueid=LEG, DestUniqueid=PEER_UID, DialStatus="ABORT")
    peer.say("200 result=0")
    await _answers(peer, (STATUS, f"200 result=1 ({NOT_JOINED})"), (RESULT, "200 result=1 (NOANSWER)"))
    await rig.event(LegEnded)
    assert rig.of(Connected) == []


async def test_the_one_who_dials_hangs_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller who hangs up during a screen is noticed by asking; the peer is hung up, and both ends are told."""

    async def hung_up(peer: AmiPeer, action: ami_peer.Action, writer: asyncio.StreamWriter) -> None:
        writer.write(ami_peer.success(action, f"Variable: {action['Variable']}", "Value: 1"))

    monkeypatch.setattr(hang_up, "_WATCH_SCREEN_EVERY", 0.02)
    rig.ami.answers["Getvar"] = hung_up
    peer = await _dials(rig)
    await _until_dial(peer)
    rig.says("DialBegin", Uniqueid=LEG, DestUniqueid=PEER_UID)
    await until(lambda: rig.ami.count("Hangup") > 0)
    assert rig.ami.asked[-1]["Channel"] == PEER_UID
    peer.say("200 result=-1")
    await _answers(peer, (STATUS, f"200 result=1 ({NOT_JOINED})"), (RESULT, "200 result=1 ()"), GONE)
    await rig.event(LegEnded, 2)
    assert rig.of(LegEnded) == [
        LegEnded(PEER, LegOutcome.CANCELLED),
        LegEnded(LEG, LegOutcome.ENDED, 16, answered=True),
    ]


async def test_hangup_of_the_peer(rig: Rig) -> None:
    """A peer we hang up in its screen was cancelled."""
    peer = await _dials(rig)
    await _until_dial(peer)
    rig.says("DialBegin", Uniqueid=LEG, DestUniqueid=PEER_UID)
    await until(lambda: rig.line._table.dialling_of(PEER)[1].channels == {PEER: PEER_UID})  # type: ignore[index]
    await rig.line.send(Hangup(PEER))
    await until(lambda: rig.ami.count("Hangup") == 1)
    peer.say("200 result=0")
    await _answers(peer, (STATUS, f"200 result=1 ({NOT_JOINED})"), (RESULT, "200 result=1 ()"))
    assert (await rig.event(LegEnded)).outcome is LegOutcome.CANCELLED


@pytest.mark.parametrize(
    "screen",
    [
        Screen(("nb/x^y",)),
        Screen(("nb/x)",)),
        Screen(("/etc/passwd",)),
        Screen(("nb/x",), refuse="1"),
        Screen(("nb/x",), refuse="2^"),
        Screen(("nb/x",), refuse="#"),
    ],
)
async def test_rejected_before_the_exchange(rig: Rig, screen: Screen) -> None:
    """What could change the meaning of a dialplan line, or is no key that can say no, is refused and never sent."""
    with pytest.raises(LineRejected):
        await rig.line.send(Dial("tast1-leg", PEER, CALLER, RING, OFFICE, screen))


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ("DECLINED,,", LegOutcome.DECLINED),
        ("NOANSWER,,", LegOutcome.NO_ANSWER),
        ("CANCEL,,", LegOutcome.CANCELLED),
    ],
)
async def test_last_words(rig: Rig, value: str, outcome: LegOutcome) -> None:
    """What was kept of a screen that ended while the service was away: nobody was answered."""
    rig.ami.answers["DBGet"] = ami_peer.kept(value)
    words = await rig.line.last_words("tast1-leg")
    assert words is not None
    assert (words.outcome, words.answered) == (outcome, False)
