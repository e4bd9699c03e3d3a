"""Several telephones, and a peer who stays, on the Asterisk line against scripted peers: what is asked of the PBX, and what
its answers mean when they come late, twice or not at all."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from hardware.asterisk import kept
from hardware.line import (
    Beside,
    Connected,
    Dial,
    DigitsEntered,
    Hangup,
    Kept,
    LegAnswered,
    LegEnded,
    LegOutcome,
    LineRejected,
    LineRestored,
    NoInput,
    Prompt,
    Screen,
)
from tests.e2e.waiting import until
from tests.integration.asterisk_rig import (
    LEG,
    OFFICE,
    RING,
    Rig,
    scripted_ami,  # noqa: F401  # the fixture `ami`
    started_rig,  # noqa: F401  # the fixture `rig`
)
from tests.integration.faults import ami_peer
from tests.integration.faults.agi_peer import CALLER, AgiPeer
from tests.integration.faults.ami_peer import AmiPeer

A, B, C = "tast1-a", "tast1-b", "tast1-c"
SCREEN: Final = Screen(("nb/whisper",))
ALL: Final = Dial(
    LEG, A, CALLER, RING.ring_timeout, OFFICE, SCREEN, (Beside(B, "201"), Beside(C, "202")), keep=True
)
ONE: Final = Dial(LEG, A, CALLER, RING.ring_timeout, OFFICE, keep=True)
STATUS: Final = 'GET FULL VARIABLE "${DIALSTATUS},${HANGUPCAUSE},${DIALEDPEERNAME}"'
GONE: Final = ("CHANNEL STATUS", "200 result=-1")
UP: Final = ("CHANNEL STATUS", "200 result=6")


def side(peer: str) -> str:
    return f"Local/{peer}@tast1-beside-0000001a;1"


def kept_end(peer: str) -> str:
    return f'GET FULL VARIABLE "${{DB(tast1/{peer})}}"'


async def dials(rig: Rig, dial: Dial = ALL) -> tuple[AgiPeer, list[str]]:
    """An answered leg whose `Dial` is under way; what was asked for it."""
    peer = await rig.call("leg", uniqueid=LEG)
    await rig.event(LegAnswered)
    await rig.line.send(dial)
    while not (await peer.command()).startswith("EXEC Dial"):
        peer.say("200 result=1")
    rig.events.clear()
    return peer, peer.seen


async def answers(peer: AgiPeer, *exchange: tuple[str, str]) -> None:
    for command, answer in exchange:
        assert await peer.command() == command
        peer.say(answer)


def says_joined(rig: Rig, peer: str) -> None:
    rig.says("DialEnd", Uniqueid=LEG, DestUniqueid="170.2", DestChannel=side(peer), DialStatus="ANSWER")


async def test_what_is_asked(rig: Rig) -> None:
    """Each telephone has a channel of its own; what it rings and hears is set for it, and the screen is not the outer
    Dial's."""
    _, asked = await dials(rig)
    assert asked[-1] == (
        'EXEC Dial "Local/tast1-a@tast1-beside/n&Local/tast1-b@tast1-beside/n&Local/tast1-c@tast1-beside/n,,'
        'rb(tast1-beside^before^1)gF(tast1-kept^s^1)"'
    )
    assert [command.removeprefix("SET VARIABLE ") for command in asked[:-1] if "CALLERID" not in command] == [
        'TAST1_PEER "tast1-a&tast1-b&tast1-c"',
        'TAST1_KEEP "1"',
        '_TAST1_KEPT "tast1-a"',
        'DIALEDPEERNAME ""',
        '_TAST1_RING "20"',
        '_TAST1_ASK "2^NOANSWER^5^http://127.0.0.1:8600/prompts/nb/whisper.wav"',
        f'_TAST1_TO-tast1-a "PJSIP/{CALLER}@trunk"',
        '_TAST1_TO-tast1-b "PJSIP/201"',
        '_TAST1_TO-tast1-c "PJSIP/202"',
    ]


async def test_ends_as_they_come(rig: Rig) -> None:
    """Each end is told when the exchange tells it, once; who accepted a moment too late was stopped."""
    peer, _ = await dials(rig)
    refused = {"Leg": A, "DialStatus": "DECLINED", "Key": "2"}
    rig.says("UserEvent", UserEvent="Tast1LegEnded", **refused)
    rig.says("UserEvent", UserEvent="Tast1LegEnded", **refused)
    says_joined(rig, C)
    rig.says("UserEvent", UserEvent="Tast1LegEnded", Leg=B, DialStatus="ANSWER", AnsweredTime="0")
    await rig.event(LegEnded, 2)
    peer.say("200 result=0")
    await answers(peer, (STATUS, f"200 result=1 (ANSWER,16,{side(C)})"))
    await rig.event(LegEnded, 3)
    assert rig.events == [
        DigitsEntered(A, "2"),
        LegEnded(A, LegOutcome.DECLINED, 21),
        Connected(LEG, C),
        LegEnded(B, LegOutcome.CANCELLED),
        LegEnded(C, LegOutcome.ENDED, 16, answered=True),
    ]


async def test_ends_that_were_not_told(rig: Rig) -> None:
    """What the control link did not tell is asked of the exchange's database when the Dial is over: who won too."""
    peer, _ = await dials(rig)
    peer.say("200 result=0")
    await answers(
        peer,
        (STATUS, f"200 result=1 (ANSWER,16,{side(B)})"),
        (kept_end(A), "200 result=1 (CHANUNAVAIL,21,,,603)"),
        (kept_end(C), "200 result=1 ()"),
    )
    await rig.event(LegEnded, 3)
    assert rig.events == [
        LegEnded(A, LegOutcome.DECLINED, 21),
        LegEnded(C, LegOutcome.CANCELLED),
        Connected(LEG, B),
        LegEnded(B, LegOutcome.ENDED, 16, answered=True),
    ]


async def test_an_older_dialplan(rig: Rig) -> None:
    """An exchange that does not know how to ring several rings none: our failure, and nobody was stopped."""
    peer, _ = await dials(rig)
    peer.say("200 result=0")
    await answers(peer, (STATUS, "200 result=1 (CHANUNAVAIL,0,)"))
    await answers(peer, *((kept_end(name), "200 result=1 ()") for name in (A, B, C)))
    await rig.event(LegEnded, 3)
    assert [event.outcome for event in rig.of(LegEnded)] == [LegOutcome.FAILED] * 3


async def test_hangup_of_one(rig: Rig) -> None:
    """The channel of that one is hung up, and its end is cancelled."""
    await dials(rig)
    for peer in (A, B, C):
        rig.says("DialBegin", Uniqueid=LEG, DestUniqueid=f"170.{peer}", DestChannel=side(peer))
    await rig.line.send(Hangup(B))
    await until(lambda: rig.ami.count("Hangup") == 1)
    assert rig.ami.asked[-1]["Channel"] == f"170.{B}"
    rig.says("UserEvent", UserEvent="Tast1LegEnded", Leg=B, DialStatus="CANCEL")
    await rig.event(LegEnded)
    assert rig.events == [LegEnded(B, LegOutcome.CANCELLED)]


@pytest.mark.parametrize("first", ["the end", "the peer"])
async def test_kept(rig: Rig, first: str) -> None:
    """Whichever of the two is heard of first: the end of the one who dialled, then the peer, who can be spoken to."""
    peer, _ = await dials(rig, ONE)
    rig.says("DialEnd", Uniqueid=LEG, DestUniqueid="170.2", DialStatus="ANSWER")
    await rig.event(Connected)

    async def ends() -> None:
        peer.say("200 result=-1")
        await peer.command()
        peer.say("200 result=1 (ANSWER,16,42,)")
        await answers(peer, GONE)

    async def comes() -> AgiPeer:
        return await rig.call("kept", uniqueid="170.2", arg_1=A)

    if first == "the end":
        await ends()
        stays = await comes()
    else:
        stays = await comes()
        await ends()
    await rig.event(Kept)
    assert rig.events[1:] == [LegEnded(LEG, LegOutcome.ENDED, 16, answered=True), Kept(A)]
    await rig.line.send(Prompt(A, ("nb/duty.thanks",)))
    await answers(
        stays,
        ('STREAM FILE http://127.0.0.1:8600/prompts/nb/duty.thanks.wav "0123456789*#" 0', "200 result=0"),
    )
    assert await rig.event(NoInput) == NoInput(A)


async def test_not_kept(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer who does not come has ended, and first; one whom nobody waits for is given back to the dialplan."""
    monkeypatch.setattr(kept, "_ON_ITS_WAY", 0.05)
    monkeypatch.setattr(kept, "_UNASKED", 0.05)
    peer, _ = await dials(rig, ONE)
    peer.say("200 result=-1")
    await peer.command()
    peer.say("200 result=1 (ANSWER,16,42,)")
    await answers(peer, GONE)
    await rig.event(LegEnded, 2)
    assert rig.events == [
        Connected(LEG, A),
        LegEnded(A, LegOutcome.ENDED, 16, answered=True),
        LegEnded(LEG, LegOutcome.ENDED, 16, answered=True),
    ]
    late = await rig.call("kept", uniqueid="170.2", arg_1=A)
    assert await late.is_closed()
    assert rig.of(Kept) == []


async def test_found_again(rig: Rig, ami: AmiPeer) -> None:
    """After a break: who is gone and why, who was joined meanwhile, and who has not begun to ring yet."""
    await dials(rig)
    ends = {B: "BUSY,17,,,486"}

    async def channels(peer: AmiPeer, action: ami_peer.Action, writer: asyncio.StreamWriter) -> None:
        answer = ami_peer.success(action, "EventList: start")
        for channel, uniqueid in ((f"PJSIP/{LEG}", LEG), (side(A), "170.2")):
            row = f"Event: CoreShowChannel\r\nActionID: {action['ActionID']}\r\nChannel: {channel}\r\n"
            row += f"Uniqueid: {uniqueid}\r\nBridgeId: bridge\r\nApplication: Dial\r\n\r\n"
            answer += row.encode()
        end = f"Event: CoreShowChannelsComplete\r\nActionID: {action['ActionID']}\r\nEventList: Complete\r\n\r\n"
        writer.write(answer + end.encode())

    async def database(peer: AmiPeer, action: ami_peer.Action, writer: asyncio.StreamWriter) -> None:
        if action["Key"] in ends:
            await ami_peer.kept(ends[action["Key"]])(peer, action, writer)
        else:
            writer.write(ami_peer.error(action, "Database entry not found"))

    ami.answers.update(CoreShowChannels=channels, DBGet=database)
    ami.hang_up()
    assert (await rig.event(LineRestored)).legs == {LEG, A, C}
    await rig.event(Connected)
    assert rig.events[2:] == [LegEnded(B, LegOutcome.BUSY, 17), Connected(LEG, A)]


@pytest.mark.parametrize(
    "dial",
    [
        Dial(LEG, A, CALLER, RING.ring_timeout, OFFICE, None, (Beside(B, "201"),)),
        Dial(LEG, A, CALLER, RING.ring_timeout, OFFICE, SCREEN, (Beside(A, "201"),)),
        Dial(LEG, A, CALLER, RING.ring_timeout, OFFICE, SCREEN, (Beside("tast1-b@x", "201"),)),
        Dial(LEG, A, CALLER, RING.ring_timeout, OFFICE, SCREEN, (Beside(f"tast1-{'b' * 60}", "201"),)),
        Dial(LEG, A, CALLER, RING.ring_timeout, OFFICE, SCREEN, (Beside(B, "201&PJSIP/202"),)),
        Dial(LEG, "tast1-a,b", CALLER, RING.ring_timeout, OFFICE, keep=True),
    ],
    ids=["no screen", "one id twice", "no name of a channel", "too long", "no number", "no argument"],
)
async def test_rejected_before_the_exchange(rig: Rig, dial: Dial) -> None:
    """What could change the meaning of a dialplan line, or cannot work, is refused and never sent."""
    with pytest.raises(LineRejected):
        await rig.line.send(dial)
