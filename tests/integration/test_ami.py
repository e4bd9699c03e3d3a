"""The AMI client against managers that misbehave. It must find every one of them out, in bounded time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

import pytest

from hardware.asterisk.ami import AmiAddress, AmiClient, AmiNoReply, AmiTiming
from hardware.asterisk.ami_codec import PACKET_LIMIT, AmiEvent, PacketSplitter
from hardware.line import LineAuthFailed, LineRejected, LineUnavailable
from tests.e2e.waiting import until
from tests.integration.faults import ami_peer
from tests.integration.faults.ami_peer import AmiPeer

FAST: Final = AmiTiming(connect=1, login=0.3, boot=0.3, action=0.3, ping_every=0.1, ping=0.2)
CALM: Final = AmiTiming(connect=1, login=1, boot=1, action=1)


class Heard(list[AmiEvent]):
    def named(self, name: str) -> list[AmiEvent]:
        return [event for event in self if event.name == name]


async def connect(peer: AmiPeer, heard: Heard | None = None, timing: AmiTiming = CALM) -> AmiClient:
    events = heard if heard is not None else Heard()
    return await AmiClient.connect(
        AmiAddress("127.0.0.1", peer.port, "tast1", "secret"), events.append, timing
    )


@pytest.fixture
async def peer() -> AsyncIterator[AmiPeer]:
    async with AmiPeer() as peer:
        yield peer


# ---- connecting ------------------------------------------------------------------------------------------------


async def test_nobody_there() -> None:
    """A port nobody listens on is a line that is unavailable, not one that refuses us."""
    async with AmiPeer() as peer:
        port = peer.port
    with pytest.raises(LineUnavailable):
        await AmiClient.connect(AmiAddress("127.0.0.1", port, "tast1", "secret"), Heard().append, FAST)


@pytest.mark.parametrize("banner", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"x" * 100_000, b"Asterisk"])
async def test_wrong_banner(banner: bytes) -> None:
    """What does not greet like a manager (or at all) is unavailable, and no secret is sent to it."""
    async with AmiPeer(banner=banner) as peer:
        with pytest.raises(LineUnavailable):
            await connect(peer, timing=FAST)
        assert peer.asked == []


async def test_wrong_password() -> None:
    """A refused login is told apart from a line that is unavailable."""
    async with AmiPeer(answers={"Login": ami_peer.wrong_password}) as peer:
        with pytest.raises(LineAuthFailed):
            await connect(peer)


@pytest.mark.parametrize("answer", [ami_peer.mute, ami_peer.half_an_answer, ami_peer.drop])
async def test_login_not_answered(answer: ami_peer.Answer) -> None:
    """A login without an answer is an unavailable line, not a wrong password."""
    async with AmiPeer(answers={"Login": answer}) as peer:
        with pytest.raises(LineUnavailable):
            await connect(peer, timing=FAST)


# ---- acting ----------------------------------------------------------------------------------------------------


async def test_action(peer: AmiPeer) -> None:
    """An action reaches the PBX as it was given, with an id of ours."""
    client = await connect(peer)
    await client.action("Originate", {"Channel": "PJSIP/201"}, {"A": "b"})
    asked = peer.asked[-1]
    assert (asked["Channel"], asked["Variable"], len(asked["ActionID"])) == ("PJSIP/201", "A=b", 32)
    await client.close()


@pytest.mark.parametrize("value", ["a\r\nAction: Command", "a\nb", "a\rb", "a\x00b"])
@pytest.mark.parametrize("place", ["value", "variable", "variable name"])
async def test_line_breaks_refused(peer: AmiPeer, value: str, place: str) -> None:
    """A line break in anything we send is refused before a byte is sent."""
    client = await connect(peer)
    before = len(peer.asked)
    fields = {"Channel": value} if place == "value" else {}
    variables = {"variable": {"A": value}, "variable name": {value: "a"}}.get(place, {})
    with pytest.raises(LineRejected):
        await client.action("Originate", fields, variables)
    await client.action("Ping")
    assert [asked["Action"] for asked in peer.asked[before:]] == ["Ping"]
    await client.close()


async def test_header_name_refused(peer: AmiPeer) -> None:
    """A header name that is none is refused."""
    client = await connect(peer)
    with pytest.raises(LineRejected):
        await client.action("Hangup", {"Channel: x\r\nAction": "y"})
    await client.close()


@pytest.mark.parametrize(
    ("answer", "expected"), [(ami_peer.refused, LineRejected), (ami_peer.forbidden, LineAuthFailed)]
)
async def test_refusals(answer: ami_peer.Answer, expected: type[Exception]) -> None:
    """A thing refused and a right we lack are told apart, and the link lives on."""
    async with AmiPeer(answers={"Hangup": answer}) as peer:
        client = await connect(peer)
        with pytest.raises(expected):
            await client.action("Hangup", {"Channel": "x"})
        await client.action("Ping")
        await client.close()


@pytest.mark.parametrize("answer", [ami_peer.mute, ami_peer.drop, ami_peer.half_an_answer])
async def test_lost_answer(answer: ami_peer.Answer) -> None:
    """An action whose answer is lost says that it may have happened, and nothing was sent twice."""
    async with AmiPeer(answers={"Originate": answer}) as peer:
        client = await connect(peer, timing=FAST)
        with pytest.raises(AmiNoReply):
            await client.action("Originate", {"Channel": "PJSIP/201"})
        assert client.lost.done()
        assert peer.count("Originate") == 1
        await client.close()


async def test_lost_link_fails_waiters_at_once() -> None:
    """Everyone who waits for an answer is told of a lost link at once, long before the time limit."""
    async with AmiPeer(answers={"Hangup": ami_peer.mute}) as peer:
        timing = AmiTiming(action=60)
        client = await connect(peer, timing=timing)
        waiting = [asyncio.create_task(client.action("Hangup", {"Channel": str(i)})) for i in range(5)]
        await until(lambda: peer.count("Hangup") == 5)
        began = time.monotonic()
        peer.hang_up()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [AmiNoReply] * 5
        assert time.monotonic() - began < 2
        await client.close()


async def test_nothing_sent_on_a_lost_link(peer: AmiPeer) -> None:
    """On a link known to be lost an action is surely not placed."""
    client = await connect(peer)
    peer.hang_up()
    await until(client.lost.done)
    with pytest.raises(LineUnavailable) as caught:
        await client.action("Originate", {"Channel": "PJSIP/201"})
    assert not isinstance(caught.value, AmiNoReply)
    await client.close()


async def test_half_open() -> None:
    """A peer that takes everything and answers nothing is found out by the ping."""
    async with AmiPeer(answers={"Ping": ami_peer.mute}) as peer:
        client = await connect(peer, timing=FAST)
        await until(client.lost.done, timeout=3)
        assert "Ping" in client.lost.result()
        await client.close()


async def test_ping_keeps_a_quiet_link(peer: AmiPeer) -> None:
    """A link on which nothing happens is kept, and asked again and again."""
    client = await connect(peer, timing=FAST)
    await until(lambda: peer.count("Ping") >= 4, timeout=5)
    assert not client.lost.done()
    await client.close()


async def test_list(peer: AmiPeer) -> None:
    """A list comes back as its items, and events in between are still heard."""
    heard = Heard()
    client = await connect(peer, heard)
    peer.channels = ["tast1-a", "tast1-b"]
    rows = await client.list_action("CoreShowChannels")
    assert [row["Uniqueid"] for row in rows] == ["tast1-a", "tast1-b"]
    assert heard.named("CoreShowChannel") == []
    await client.close()


# ---- listening -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "separator", ["\u0085", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\n", "\r"]
)
async def test_forged_headers(peer: AmiPeer, separator: str) -> None:
    """A display name cannot write headers of its own, whatever line ends it is made of."""
    heard = Heard()
    client = await connect(peer, heard)
    name = f"Ola{separator}Uniqueid: forged{separator}Forged: yes"
    peer.say(f"Event: Hangup\r\nUniqueid: real\r\nCallerIDName: {name}\r\nCause: 16\r\n\r\n".encode())
    await until(lambda: heard.named("Hangup"))
    keys = heard.named("Hangup")[0].keys
    assert (keys["Uniqueid"], keys["Cause"], "Forged" in keys) == ("real", "16", False)
    await client.close()


@pytest.mark.parametrize("size", [1, 2, 7])
def test_split_utf8(size: int) -> None:
    """A character split between two reads is whole again."""
    wire = "Event: UserEvent\r\nName: blåbærsyltetøy ☎\r\n\r\n".encode()
    splitter = PacketSplitter()
    packets = [packet for i in range(0, len(wire), size) for packet in splitter.feed(wire[i : i + size])]
    assert [packet.keys for packet in packets] == [{"Name": "blåbærsyltetøy ☎"}]


async def test_undecodable(peer: AmiPeer) -> None:
    """Bytes that are no UTF-8 are replaced, and the link lives."""
    heard = Heard()
    client = await connect(peer, heard)
    peer.say(b"Event: UserEvent\r\nName: \xff\xfe\xe5\r\nCause: 16\r\n\r\n")
    await until(lambda: heard.named("UserEvent"))
    assert heard.named("UserEvent")[0].keys["Cause"] == "16"
    await client.action("Ping")
    await client.close()


async def test_garbage_between_events(peer: AmiPeer) -> None:
    """What is neither event nor response is passed over."""
    heard = Heard()
    client = await connect(peer, heard)
    peer.say(b"\r\n\r\nnonsense\r\n\r\nEvent: Hangup\r\nno colon here\r\nCause: 17\r\n\r\n")
    await until(lambda: heard.named("Hangup"))
    assert heard.named("Hangup")[0].keys["Cause"] == "17"
    await client.close()


async def test_endless_message(peer: AmiPeer) -> None:
    """A message that never ends breaks the link instead of filling the memory."""
    client = await connect(peer)
    peer.say(b"Event: X\r\nName: " + b"x" * (PACKET_LIMIT + 10))
    await until(client.lost.done)
    assert "too long" in client.lost.result()
    await client.close()


async def test_listener_error(peer: AmiPeer) -> None:
    """A listener that fails does not end the link."""

    def fail(event: AmiEvent) -> None:
        raise ZeroDivisionError

    address = AmiAddress("127.0.0.1", peer.port, "tast1", "secret")
    client = await AmiClient.connect(address, fail, CALM)
    peer.say(b"Event: Hangup\r\nCause: 16\r\n\r\n")
    await client.action("Ping")
    assert not client.lost.done()
    await client.close()
