"""The Asterisk line against scripted peers: what a real PBX does too seldom to wait for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import pytest
from structlog.testing import capture_logs

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
    LineLost,
    LineRejected,
    LineRestored,
    LineUnavailable,
    NoInput,
    Originate,
    Prompt,
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


# ---- sessions with nobody --------------------------------------------------------------------------------------


async def test_half_open_session(rig: Rig) -> None:
    """A call whose PBX vanished without a word is not among the living of the one that came back, and fails."""
    await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Prompt(leg, ("nb/intake.greeting",), 1))
    await rig.peers[0].command()
    rig.ami.hang_up()
    assert (await rig.event(LineRestored, 2)).legs == frozenset()
    assert (await rig.event(LegEnded)) == LegEnded(leg, LegOutcome.FAILED)
    assert await rig.peers[0].is_closed()


async def test_half_open_dial(rig: Rig) -> None:
    """A `Dial` on such a call is gone with it, both legs: the list of the living tells, and nothing is told after."""
    leg = await _dialling(rig)
    rig.ami.hang_up()
    assert (await rig.event(LineRestored, 2)).legs == frozenset()
    assert await rig.peers[0].is_closed()
    rig.says("Hangup", Uniqueid="1700000000.1", Cause="16", ChannelState="6")
    await rig.call(uniqueid="1700000000.2")
    await rig.event(CallOffered, 2)
    assert rig.of(LegEnded) == []
    assert rig.line._table.get(leg) is None


async def test_session_on_a_live_channel(rig: Rig) -> None:
    """A call the exchange still has keeps its session through a lost line."""
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Prompt(leg, ("nb/intake.greeting",), 1))
    await peer.command()
    rig.ami.channels = ["1700000000.1"]
    rig.ami.hang_up()
    assert (await rig.event(LineRestored, 2)).legs == frozenset([leg])
    peer.say("200 result=0")
    await peer.command()
    peer.say("200 result=1 (OK,1)")
    assert (await rig.event(DigitsEntered)).digits == "1"


async def test_session_younger_than_the_snapshot(ami: AmiPeer) -> None:
    """A call that comes while the snapshot is taken is not missed in an answer that is older than it."""
    asked = asyncio.Event()
    answer = asyncio.Event()

    async def slowly(peer: AmiPeer, action: ami_peer.Action, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await answer.wait()
        await ami_peer.ordinary(peer, action, writer)

    ami.answers["CoreShowChannels"] = slowly
    rig = Rig(ami)
    await rig.line.start(rig.events.append)
    await asked.wait()
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    answer.set()
    assert (await rig.event(LineRestored)).legs == frozenset([leg])
    await rig.line.send(Answer(leg))
    assert await peer.command() == "ANSWER"
    await rig.line.stop()
    await rig.peers.close()


async def _dialling(rig: Rig) -> str:
    """A call that rings a peer."""
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Dial(leg, "tast1-peer", "201", timedelta(seconds=20), OFFICE))
    while not (await peer.command()).startswith("EXEC Dial"):
        peer.say("200 result=1")
    return leg


# ---- what the exchange kept ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "outcome", "talked"),
    [
        ("ANSWER,16,42", LegOutcome.ENDED, True),
        ("BUSY,17,", LegOutcome.BUSY, False),
        ("CANCEL,16,0", LegOutcome.CANCELLED, False),
        (",16,", LegOutcome.ENDED, False),
        (",,", LegOutcome.ENDED, False),
    ],
    ids=["talked", "busy", "cancelled", "never dialled", "nothing known"],
)
async def test_last_words(rig: Rig, value: str, outcome: LegOutcome, talked: bool) -> None:
    """What was kept of a `Dial` says whether the two talked; of a leg that dialled nobody, never."""
    rig.ami.answers["DBGet"] = ami_peer.kept(value)
    words = await rig.line.last_words(LEG)
    assert words is not None
    assert (words.leg, words.outcome, words.answered) == (LEG, outcome, talked)


async def test_end_of_an_answered_leg_that_dialled_nobody(rig: Rig) -> None:
    """A leg that was picked up and never reached us was answered; the end is its own."""
    await rig.line.send(RING)
    rig.says("Newchannel", Uniqueid=LEG)
    rig.says("OriginateResponse", Uniqueid=LEG, Response="Success", Reason="4")
    rig.says("UserEvent", UserEvent="Tast1LegEnded", Leg=LEG, DialStatus="", Cause="16", AnsweredTime="")
    assert (await rig.event(LegEnded)) == LegEnded(LEG, LegOutcome.ENDED, 16, answered=True)


async def test_ends_that_were_read_are_deleted(rig: Rig) -> None:
    """What was read out of the PBX's database is deleted there, once, by the next call that we end."""
    rig.line._settled._keep_seconds = 0
    rig.ami.answers["DBGet"] = ami_peer.kept("ANSWER,16,42")
    await rig.line.last_words("tast1-in-1700000000.9")
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Hangup(leg))
    for command in ('SET VARIABLE TAST1_DONE "1"', 'DATABASE DEL tast1 "1700000000.9"', "HANGUP"):
        assert await peer.command() == command
        peer.say("200 result=1")


async def test_ends_just_read_are_kept(rig: Rig) -> None:
    """What was read a moment ago may not be stored yet: it stays."""
    rig.ami.answers["DBGet"] = ami_peer.kept("ANSWER,16,42")
    await rig.line.last_words("tast1-in-1700000000.9")
    peer = await rig.call()
    leg = (await rig.event(CallOffered)).leg
    await rig.line.send(Hangup(leg))
    for command in ('SET VARIABLE TAST1_DONE "1"', "HANGUP"):
        assert await peer.command() == command
        peer.say("200 result=1")


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
    offered = await rig.event(CallOffered)
    assert (offered.leg, offered.to, offered.caller) == ("tast1-in-1700000000.1", OFFICE, caller)


@pytest.mark.parametrize(
    ("channel", "trunk"),
    [
        ("PJSIP/trunk-0000001a", "trunk"),
        ("PJSIP/my-contact.centre_2-0000001a", "my-contact.centre_2"),
        ("PJSIP/a b-0000001a", None),
        ("PJSIP/-0000001a", None),
        ("PJSIP/trunk", None),
        ("Local/trunk@somewhere-0000001a;1", None),
        ("", None),
    ],
)
async def test_trunk(rig: Rig, channel: str, trunk: str | None) -> None:
    """Where a call came in is the endpoint in its channel's name, or nothing."""
    await rig.call(channel=channel)
    assert (await rig.event(CallOffered)).trunk == trunk


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


# ---- prompts that cannot be fetched ----------------------------------------------------------------------------

URL: Final = "http://127.0.0.1:8600/prompts/nb/"
STATUS: Final = 'GET FULL VARIABLE "${READSTATUS},${TAST1_KEYS}"'
UP: Final = ("CHANNEL STATUS", "200 result=6")


def read(*names: str, digits: int = 1) -> str:
    return f'EXEC Read "TAST1_KEYS,{"&".join(f"{URL}{name}.wav" for name in names)},{digits},,1,2"'


def stream(name: str, offset: int = 0) -> str:
    return f'STREAM FILE {URL}{name}.wav "0123456789*#" {offset}'


BEYOND: Final = 999_999_999


async def _offered(rig: Rig, *names: str, digits: int) -> tuple[AgiPeer, str]:
    """An answered call with a prompt of these items under way."""
    peer = await rig.call("leg", uniqueid=LEG)
    await rig.event(LegAnswered)
    await rig.line.send(Prompt(LEG, tuple(f"nb/{name}" for name in names), digits, timedelta(seconds=2)))
    return peer, LEG


async def _talk(peer: AgiPeer, *exchange: tuple[str, str]) -> None:
    for command, answer in exchange:
        assert await peer.command() == command
        peer.say(answer)


async def test_nothing_to_hear_before_keys(rig: Rig) -> None:
    """Nobody is asked for keys in silence: when no item can be fetched, the dialplan gets the call for its fall-back."""
    peer, leg = await _offered(rig, "a", "b", digits=1)
    await _talk(
        peer,
        (read("a", "b"), "200 result=0"),
        (STATUS, "200 result=1 (ERROR,)"),
        (stream("b", BEYOND), "200 result=-1 endpos=0"),
        UP,
        (stream("a", BEYOND), "200 result=-1 endpos=0"),
        UP,
    )
    assert await peer.is_closed()
    assert (await rig.event(LegEnded)) == LegEnded(leg, LegOutcome.FAILED, None, answered=True)
    assert not any("TAST1_DONE" in command for command in peer.seen)
    assert rig.of(NoInput) == []


async def test_last_item_missing(rig: Rig) -> None:
    """One missing item ends no call: what came before it was heard, and the keys are read without it."""
    peer, leg = await _offered(rig, "a", "gone", digits=1)
    await _talk(
        peer,
        (read("a", "gone"), "200 result=0"),
        (STATUS, "200 result=1 (ERROR,)"),
        (stream("gone", BEYOND), "200 result=-1 endpos=0"),
        UP,
        (stream("a", BEYOND), "200 result=0 endpos=8000"),
        (read(), "200 result=0"),
        (STATUS, "200 result=1 (TIMEOUT,)"),
    )
    assert (await rig.event(NoInput)).leg == leg


async def test_prompt_that_comes_late(rig: Rig) -> None:
    """A prompt that could be fetched a moment later is played then; once, also when it fails again."""
    peer, leg = await _offered(rig, "a", digits=1)
    await _talk(
        peer,
        (read("a"), "200 result=0"),
        (STATUS, "200 result=1 (ERROR,)"),
        (stream("a", BEYOND), "200 result=0 endpos=8000"),
        (read("a"), "200 result=0"),
        (STATUS, "200 result=1 (ERROR,)"),
    )
    assert (await rig.event(NoInput)).leg == leg


async def test_key_while_it_is_searched(rig: Rig) -> None:
    """A key pressed while we look for something to play is a key."""
    peer, _ = await _offered(rig, "a", digits=1)
    await _talk(
        peer,
        (read("a"), "200 result=0"),
        (STATUS, "200 result=1 (ERROR,)"),
        (stream("a", BEYOND), "200 result=49 endpos=8000"),
        (stream("a", 8000), "200 result=0 endpos=8000"),
    )
    assert (await rig.event(DigitsEntered)).digits == "1"


async def test_hangup_while_it_is_searched(rig: Rig) -> None:
    """A caller who hangs up meanwhile has ended the call; there is nobody left for a fall-back."""
    peer, leg = await _offered(rig, "a", "b", digits=1)
    await _talk(peer, (read("a", "b"), "200 result=0"), (STATUS, "200 result=1 (ERROR,)"))
    assert await peer.command() == stream("b", BEYOND)
    peer.say("HANGUP", "200 result=-1 endpos=0")
    assert (await rig.event(LegEnded)) == LegEnded(leg, LegOutcome.ENDED, 16, answered=True)
    assert await peer.command() == 'SET VARIABLE TAST1_DONE "1"'


async def test_nothing_to_hear(rig: Rig) -> None:
    """Also where no keys are asked for: nothing heard at all gives the call back."""
    peer, leg = await _offered(rig, "a", "b", digits=0)
    for name in ("a", "b"):
        await _talk(peer, (stream(name), "200 result=-1 endpos=0"), UP)
    assert await peer.is_closed()
    assert (await rig.event(LegEnded)) == LegEnded(leg, LegOutcome.FAILED, None, answered=True)
    assert not any("TAST1_DONE" in command for command in peer.seen)


@pytest.mark.parametrize("missing", ["a", "b"])
async def test_one_item_missing(rig: Rig, missing: str) -> None:
    """One missing item among those that play is passed over."""
    peer, leg = await _offered(rig, "a", "b", digits=0)
    for name in ("a", "b"):
        if name == missing:
            await _talk(peer, (stream(name), "200 result=-1 endpos=0"), UP)
        else:
            await _talk(peer, (stream(name), "200 result=0 endpos=8000"))
    assert (await rig.event(NoInput)).leg == leg


async def test_nothing_to_hear_in_a_call_we_end(rig: Rig) -> None:
    """A call we were asked to end is ended; the fall-back is not for it."""
    peer, leg = await _offered(rig, "a", digits=0)
    assert await peer.command() == stream("a")
    await rig.line.send(Hangup(leg))
    peer.say("200 result=-1 endpos=0")
    await _talk(peer, UP, ('SET VARIABLE TAST1_DONE "1"', "200 result=1"), ("HANGUP", "200 result=1"))
    assert (await rig.event(LegEnded)).outcome is LegOutcome.ENDED


# ---- hanging up ------------------------------------------------------------------------------------------------


async def test_key_and_hangup_before_a_dial(rig: Rig) -> None:
    """A caseworker who presses 1 and hangs up in the same moment: nobody is rung, and the only end is their own."""
    peer, leg = await _offered(rig, "whisper", digits=1)
    assert await peer.command() == read("whisper")
    await rig.line.send(Dial(leg, "tast1-peer", CALLER, timedelta(seconds=20), OFFICE))
    peer.say("HANGUP", "200 result=0")
    await _talk(peer, (STATUS, "200 result=1 (OK,1)"))
    assert await peer.command() == 'SET VARIABLE TAST1_DONE "1"'
    peer.say("200 result=1")
    assert await peer.is_closed()
    assert rig.events[2:] == [DigitsEntered(leg, "1"), LegEnded(leg, LegOutcome.ENDED, 16, answered=True)]


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
