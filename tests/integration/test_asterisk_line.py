"""The Asterisk line against scripted peers: what a real PBX does too seldom to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final, TypeVar

import pytest
from structlog.testing import capture_logs

from config.model import AsteriskSettings, Secrets
from hardware.asterisk.ami import AmiTiming
from hardware.asterisk.ami_link import BackOff
from hardware.asterisk.line import AsteriskLine
from hardware.line import (
    Abandon,
    Answer,
    CallOffered,
    Dial,
    DigitsEntered,
    Hangup,
    LegAnswered,
    LegEnded,
    LegOutcome,
    LineAuthFailed,
    LineEvent,
    LineLost,
    LineRejected,
    LineRestored,
    LineUnavailable,
    NoInput,
    Originate,
    Prompt,
)
from scheduler.clock import SystemClock
from tests.e2e.waiting import until
from tests.integration.faults import ami_peer
from tests.integration.faults.agi_peer import CALLER, TOKEN, AgiPeer, AgiPeers, env
from tests.integration.faults.ami_peer import AmiPeer

LEG: Final = "tast1-leg-1"
OFFICE: Final = "+4773000010"
TIMING: Final = AmiTiming(connect=1, login=1, boot=1, action=0.5, ping_every=60)
BACK_OFF: Final = BackOff(first=0.05, most=0.1, refused=0.1)
RING: Final = Originate(LEG, CALLER, timedelta(seconds=20), OFFICE)
E = TypeVar("E", bound=LineEvent)


class Rig:
    """One line, its scripted PBX, and what it told."""

    def __init__(self, ami: AmiPeer, **changes: object) -> None:
        settings = AsteriskSettings(ami_port=ami.port, fastagi_port=0, trunk="trunk").model_copy(
            update=changes
        )
        secrets = Secrets(ami_secret="secret", fastagi_token=TOKEN)
        self.ami = ami
        self.events: list[LineEvent] = []
        self.peers = AgiPeers()
        self.line = AsteriskLine(
            settings, secrets, "http://127.0.0.1:8600", SystemClock(), timing=TIMING, back_off=BACK_OFF
        )

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def event(self, kind: type[E], count: int = 1) -> E:
        await until(lambda: len(self.of(kind)) >= count, what=f"{count} {kind.__name__}")
        return self.of(kind)[count - 1]

    async def call(self, script: str = "call", **changes: str) -> AgiPeer:
        return await self.peers.add(self.line.fastagi_port, env(script, **changes))

    def says(self, name: str, **keys: str) -> None:
        lines = "".join(f"{key}: {value}\r\n" for key, value in keys.items())
        self.ami.say(f"Event: {name}\r\n{lines}\r\n".encode())


@pytest.fixture
async def ami() -> AsyncIterator[AmiPeer]:
    async with AmiPeer() as ami:
        yield ami


@pytest.fixture
async def rig(ami: AmiPeer) -> AsyncIterator[Rig]:
    rig = Rig(ami)
    await rig.line.start(rig.events.append)
    await rig.event(LineRestored)
    yield rig
    await rig.line.stop()
    await rig.peers.close()


# ---- never ring twice ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [ami_peer.mute, ami_peer.drop, ami_peer.half_an_answer])
@pytest.mark.parametrize("rings", [True, False], ids=["it rings", "it does not"])
async def test_lost_reply_to_originate(rig: Rig, fault: ami_peer.Answer, rings: bool) -> None:
    """After a lost answer nobody is rung again: the snapshot of the next connection tells."""
    rig.ami.answers["Originate"] = fault
    rig.ami.channels = [LEG] if rings else []
    await rig.line.send(RING)
    assert (await rig.event(LineRestored, 2)).legs == (frozenset([LEG]) if rings else frozenset())
    await until(lambda: rig.line.status().up)
    assert rig.ami.count("Originate") == 1
    assert rig.of(LegEnded) == []


async def test_answered_after_lost_reply(rig: Rig) -> None:
    """A leg whose Originate went unanswered and that is picked up after all is told as answered."""
    rig.ami.answers["Originate"] = ami_peer.drop
    rig.ami.channels = [LEG]
    await rig.line.send(RING)
    await rig.event(LineRestored, 2)
    await rig.call("leg", uniqueid=LEG)
    assert (await rig.event(LegAnswered)).leg == LEG


@pytest.mark.parametrize(
    ("fault", "expected"), [(ami_peer.refused, LineRejected), (ami_peer.forbidden, LineAuthFailed)]
)
async def test_refused_originate(rig: Rig, fault: ami_peer.Answer, expected: type[Exception]) -> None:
    """A refusal is raised, and the leg does not exist."""
    rig.ami.answers["Originate"] = fault
    with pytest.raises(expected):
        await rig.line.send(RING)
    rig.says("Hangup", Uniqueid=LEG, Cause="17", ChannelState="0")
    await rig.call()
    await rig.event(CallOffered)
    assert rig.of(LegEnded) == []


@pytest.mark.parametrize(
    "command",
    [
        Originate("not-ours", CALLER, timedelta(seconds=20), OFFICE),
        Originate("tast1-a b", CALLER, timedelta(seconds=20), OFFICE),
        Originate(LEG, "+47;drop", timedelta(seconds=20), OFFICE),
        Originate(LEG, CALLER, timedelta(seconds=20), "Nav\r\nAction: x"),
        Dial(LEG, "peer", "201@evil", timedelta(seconds=20), OFFICE),
        Prompt(LEG, ("nb/x,1&/etc/passwd",)),
        Prompt(LEG, ("nb/x",), digits=99),
    ],
)
async def test_rejected_before_the_exchange(rig: Rig, command: Originate | Dial | Prompt) -> None:
    """What could change the meaning of a dialplan line is refused and never sent."""
    with pytest.raises(LineRejected):
        await rig.line.send(command)
    assert rig.ami.count("Originate") == 0


# ---- lost and restored -----------------------------------------------------------------------------------------


async def test_lost_once_restored_once(rig: Rig) -> None:
    """A lost line is told and logged once, and once when it is back."""
    with capture_logs() as logs:
        rig.ami.banner = b"nobody home\r\n"
        rig.ami.hang_up()
        await rig.event(LineLost)
        tries = len(rig.ami.connections)
        await until(lambda: len(rig.ami.connections) >= tries + 3)
        with pytest.raises(LineUnavailable):
            await rig.line.send(RING)
        rig.ami.banner = ami_peer.BANNER
        await rig.event(LineRestored, 2)
        await until(lambda: rig.line.status().up)
    assert len(rig.of(LineLost)) == 1
    assert [entry["event"] for entry in logs] == ["line_down", "line_up"]


async def test_wrong_password(ami: AmiPeer) -> None:
    """A wrong password is one clear line in the log, and the status says what to do."""
    ami.answers["Login"] = ami_peer.wrong_password
    rig = Rig(ami)
    with capture_logs() as logs:
        await rig.line.start(rig.events.append)
        await until(lambda: ami.count("Login") >= 3)
        with pytest.raises(LineAuthFailed):
            await rig.line.send(RING)
        await rig.line.stop()
    assert [entry["event"] for entry in logs] == ["line_down"]
    assert "TAST1_AMI_SECRET" in rig.line.status().detail
    assert "secret" not in str(logs).replace("user name or secret", "")
    assert rig.events == []


async def test_events_during_the_snapshot_come_after_it(ami: AmiPeer) -> None:
    """A leg that ends while the snapshot is taken is first among the living, then ended."""

    async def ends_meanwhile(peer: AmiPeer, action: ami_peer.Action, writer: asyncio.StreamWriter) -> None:
        rig.says("Hangup", Uniqueid=LEG, Cause="17", TechCause="486", ChannelState="0")
        del peer.answers["CoreShowChannels"]
        await ami_peer.ordinary(peer, action, writer)

    ami.channels = [LEG]
    ami.answers["CoreShowChannels"] = ends_meanwhile
    rig = Rig(ami)
    await rig.line.start(rig.events.append)
    await rig.event(LegEnded)
    assert rig.events == [LineRestored(frozenset([LEG])), LegEnded(LEG, LegOutcome.BUSY, 17)]
    await rig.line.stop()


@pytest.mark.parametrize(
    ("cause", "sip", "outcome"),
    [
        ("1", "404", LegOutcome.INVALID),
        ("17", "486", LegOutcome.BUSY),
        ("19", "480", LegOutcome.NO_ANSWER),
        ("21", "603", LegOutcome.DECLINED),
        ("21", "403", LegOutcome.FAILED),
        ("34", "503", LegOutcome.FAILED),
        ("28", "", LegOutcome.INVALID),
    ],
)
async def test_outcomes(rig: Rig, cause: str, sip: str, outcome: LegOutcome) -> None:
    """Why a leg was not answered is told in the port's words; the SIP code decides where there is one."""
    await rig.line.send(RING)
    rig.says("Newchannel", Uniqueid=LEG)
    rig.says("OriginateResponse", Uniqueid=LEG, Response="Failure", Reason="0")
    rig.says("Hangup", Uniqueid=LEG, Cause=cause, TechCause=sip, ChannelState="0")
    assert (await rig.event(LegEnded)) == LegEnded(LEG, outcome, int(cause))


async def test_no_such_endpoint(rig: Rig) -> None:
    """A telephone the exchange does not know is our failure, and is told although no channel ever was."""
    await rig.line.send(RING)
    rig.says("OriginateResponse", Uniqueid=LEG, Response="Failure", Reason="0")
    assert (await rig.event(LegEnded)).outcome is LegOutcome.FAILED


async def test_hangup_before_the_channel_exists(rig: Rig) -> None:
    """A hang-up that overtakes its Originate is tried again until the exchange knows the leg."""
    rig.ami.answers["Hangup"] = ami_peer.refused
    await rig.line.send(RING)
    await rig.line.send(Hangup(LEG))
    await until(lambda: rig.ami.count("Hangup") >= 2)
    rig.says("Newchannel", Uniqueid=LEG)
    rig.says("Hangup", Uniqueid=LEG, Cause="16", ChannelState="0")
    assert (await rig.event(LegEnded)).outcome is LegOutcome.CANCELLED


# ---- calls that come in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "presentation", "caller"),
    [
        (CALLER, "0", CALLER),
        ("40000001", "0", CALLER),
        ("004740000001", "0", CALLER),
        ("+46701740605", "3", "+46701740605"),
        (CALLER, "35", None),
        ("anonymous", "0", None),
        ("unknown", "67", None),
        ("201", "0", None),
        ("1" * 200, "0", None),
        ("+47400\x0b\x1c\u202800001", "0", None),
        ("", "x" * 50, None),
    ],
)
async def test_caller(rig: Rig, number: str, presentation: str, caller: str | None) -> None:
    """The caller's number is E.164, or nothing: withheld, too long, or no number at all."""
    await rig.call(callerid=number, callingpres=presentation)
    assert await rig.event(CallOffered) == CallOffered("tast1-in-1700000000.1", OFFICE, caller)


async def test_display_name_changes_nothing(rig: Rig) -> None:
    """A display name full of separators and look-alike headers is not read."""
    name = "x\x0bagi_callerid: +4740000009\u2028agi_extension: 1\x85\x1cTAST1_DONE=1"
    with capture_logs() as logs:
        await rig.call(calleridname=name)
        assert (await rig.event(CallOffered)).caller == CALLER
    assert logs == []


@pytest.mark.parametrize("extension", ["73000010", "4773000010", "004773000010", OFFICE])
async def test_called(rig: Rig, extension: str) -> None:
    """The number called is E.164, however the trunk wrote it."""
    await rig.call(extension=extension, dnid="unknown")
    assert (await rig.event(CallOffered)).to == OFFICE


async def test_caller_hangs_up(rig: Rig) -> None:
    """A caller who hangs up ends the leg; then the dialplan is told that nothing is left to do."""
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Answer(leg))
    assert await peer.command() == "ANSWER"
    peer.say("200 result=0", "HANGUP")
    assert (await rig.event(LegEnded)) == LegEnded(leg, LegOutcome.ENDED, 16, answered=True)
    assert await peer.command() == 'SET VARIABLE TAST1_DONE "1"'


@pytest.mark.parametrize(
    ("read", "status"), [("200 result=0", "OK"), ("200 result=-1", "HANGUP")], ids=["after", "with"]
)
async def test_key_and_hangup_in_the_same_moment(rig: Rig, read: str, status: str) -> None:
    """Whoever presses 1 and hangs up in the same moment has pressed 1: the key comes before the end."""
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Prompt(leg, ("nb/intake.greeting",), 1))
    await peer.command()
    peer.say("HANGUP", read)
    await peer.command()
    peer.say(f"200 result=1 ({status},1)")
    await rig.event(LegEnded)
    assert [type(event) for event in rig.events[2:]] == [DigitsEntered, LegEnded]


async def test_hangup_in_the_middle_of_keying(rig: Rig) -> None:
    """A number keyed in by half is no number: a caller who hangs up then has entered nothing."""
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Prompt(leg, ("nb/number.key_in",), 8))
    await peer.command()
    peer.say("HANGUP", "200 result=-1")
    await peer.command()
    peer.say("200 result=1 (HANGUP,400)")
    await rig.event(LegEnded)
    assert [type(event) for event in rig.events[2:]] == [LegEnded]


async def test_exchange_dies_in_a_prompt(rig: Rig) -> None:
    """A connection that breaks without a hang-up is our failure, and the call is not marked as done."""
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Prompt(leg, ("nb/intake.greeting",), 1))
    await peer.command()
    peer.close()
    assert (await rig.event(LegEnded)).outcome is LegOutcome.FAILED
    assert not any("TAST1_DONE" in command for command in peer.seen)


async def test_abandon(rig: Rig) -> None:
    """An abandoned call is given back to the dialplan without the mark, which plays the fall-back."""
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Abandon(leg))
    assert await peer.is_closed()
    assert [event.leg for event in rig.of(LegEnded)] == [leg]


async def test_unfetchable_prompt(rig: Rig) -> None:
    """A prompt that cannot be fetched ends as silence would, after the time a person has to press a key."""
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Prompt(leg, ("nb/gone",), 1, timedelta(seconds=2)))
    url = "http://127.0.0.1:8600/prompts/nb/gone.wav"
    for command, answer in (
        (f'EXEC Read "TAST1_KEYS,{url},1,,1,2"', "200 result=0"),
        ('GET FULL VARIABLE "${READSTATUS},${TAST1_KEYS}"', "200 result=1 (ERROR,)"),
        ('EXEC Read "TAST1_KEYS,,1,,1,2"', "200 result=0"),
        ('GET FULL VARIABLE "${READSTATUS},${TAST1_KEYS}"', "200 result=1 (TIMEOUT,)"),
    ):
        assert await peer.command() == command
        peer.say(answer)
    assert (await rig.event(NoInput)).leg == leg


async def test_hangup_in_a_prompt(rig: Rig) -> None:
    """A hang-up while a command runs goes through the other door; two commands are never on the way at once."""
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Answer(leg))
    await peer.command()
    peer.say("200 result=0")
    await rig.line.send(Prompt(leg, ("nb/intake.greeting",), 1))
    await peer.command()
    await rig.line.send(Hangup(leg))
    await until(lambda: rig.ami.count("Hangup") == 1)
    assert rig.ami.asked[-1]["Channel"] == "1700000000.1"
    peer.say("200 result=-1", "HANGUP")
    assert await peer.command() == 'GET FULL VARIABLE "${READSTATUS},${TAST1_KEYS}"'
    peer.say("200 result=1 (HANGUP,)")
    assert (await rig.event(LegEnded)) == LegEnded(leg, LegOutcome.ENDED, 16, answered=True)


async def test_port_in_use(ami: AmiPeer) -> None:
    """A FastAGI port that is taken does not stop the service: the status says it, calls meet the fall-back."""
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    rig = Rig(ami, fastagi_port=taken.sockets[0].getsockname()[1])
    await rig.line.start(rig.events.append)
    await rig.event(LineRestored)
    assert not rig.line.status().up
    assert "in use" in rig.line.status().detail
    await rig.line.stop()
    taken.close()
    await taken.wait_closed()
