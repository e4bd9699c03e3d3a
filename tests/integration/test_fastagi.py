"""The FastAGI port against everything that may connect to it. It must serve the PBX and nobody else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from hardware.asterisk.fastagi import ENV_BYTES, AgiGone, AgiReply, AgiSession, FastAgiServer, quote
from hardware.line import LineRejected
from tests.e2e.waiting import until
from tests.integration.faults.agi_peer import TOKEN, AgiPeer, AgiPeers, env


@dataclass
class Rig:
    server: FastAgiServer
    sessions: list[AgiSession]
    peers: AgiPeers = field(default_factory=AgiPeers)

    async def connect(self, greeting: bytes) -> AgiPeer:
        return await self.peers.add(self.server.port, greeting)

    async def close(self) -> None:
        await self.server.stop()
        await self.peers.close()

    async def session(self) -> tuple[AgiPeer, AgiSession]:
        """A call handed over as it should be."""
        before = len(self.sessions)
        peer = await self.connect(env())
        await until(lambda: len(self.sessions) > before)
        return peer, self.sessions[-1]


async def rig_for(allow: tuple[str, ...] = ("127.0.0.1",), token: str = TOKEN, seconds: float = 5.0) -> Rig:
    sessions: list[AgiSession] = []
    server = FastAgiServer(("127.0.0.1", 0), allow, token, sessions.append, seconds)
    await server.start()
    return Rig(server, sessions)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = await rig_for()
    yield rig
    await rig.close()


# ---- who is served ---------------------------------------------------------------------------------------------


async def test_served(rig: Rig) -> None:
    """The PBX's call is handed over with everything the PBX told, once it told all."""
    peer = await rig.connect(env()[:-1])
    peer.writer.write(b"\n")
    await until(lambda: rig.sessions)
    session = rig.sessions[0]
    assert (session.script, session.env["agi_dnid"]) == ("call", "+4773000010")


@pytest.mark.parametrize(
    "greeting",
    [
        env(token="wrong"),
        env(token=""),
        env(token=TOKEN + "x"),
        env(request="agi://127.0.0.1/call"),
        env(request="//["),
        b"\n",
    ],
    ids=["wrong", "empty", "longer", "none", "no url", "nothing"],
)
async def test_wrong_token(rig: Rig, greeting: bytes) -> None:
    """Without our token in its URL a connection is closed, with one line in the log and no secret in it."""
    with capture_logs() as logs:
        peer = await rig.connect(greeting)
        assert await peer.is_closed()
    assert rig.sessions == []
    assert [entry["event"] for entry in logs] == ["agi_refused"]
    assert TOKEN not in str(logs)


@pytest.mark.parametrize(
    "greeting",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n" * 3,
        bytes(range(256)) * 4 + b"\n",
        b"agi_network: yes\nforged\n",
        b"agi_uniqueid: a\nagi_uniqueid: b\n",
        b"x" * (ENV_BYTES + 1),
        b"agi_a: " + b"x" * (ENV_BYTES + 1),
        b"".join(b"agi_v%d: x\n" % number for number in range(200)),
    ],
    ids=["http", "tls", "binary", "no name", "twice", "no line end", "long line", "many lines"],
)
async def test_garbage(rig: Rig, greeting: bytes) -> None:
    """Garbage is closed with one line in the log, and the port goes on serving."""
    with capture_logs() as logs:
        peer = await rig.connect(greeting)
        assert await peer.is_closed()
    assert [entry["event"] for entry in logs] == ["agi_refused"]
    assert rig.sessions == []
    await rig.session()


async def test_address_not_allowed() -> None:
    """An address that is not on the list is closed before it has said anything."""
    rig = await rig_for(allow=("192.0.2.1",))
    peer = await rig.connect(env())
    assert await peer.is_closed()
    assert rig.sessions == []
    await rig.close()


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3"])
async def test_network_allowed(peer: str) -> None:
    """A network may stand on the list, and an IPv4 address may come dressed as IPv6."""
    server = FastAgiServer(("127.0.0.1", 0), ("10.1.0.0/16",), TOKEN, lambda session: None)
    assert server.allows(peer)
    assert not server.allows("10.2.2.3")
    assert not server.allows("")


async def test_no_token_of_ours() -> None:
    """A service without a token serves nobody, not even one that sends an empty token."""
    rig = await rig_for(token="")
    peer = await rig.connect(env(token=""))
    assert await peer.is_closed()
    assert rig.sessions == []
    await rig.close()


async def test_mute() -> None:
    """A connection that says nothing, or never finishes, is closed after its time."""
    rig = await rig_for(seconds=0.2)
    for greeting in (b"", env()[:-1]):
        peer = await rig.connect(greeting)
        assert await peer.is_closed()
    assert rig.sessions == []
    await rig.close()


async def test_time_limit_is_for_the_beginning_only() -> None:
    """A call that was handed over may last: the limit ends with its beginning."""
    rig = await rig_for(seconds=0.2)
    peer, session = await rig.session()
    slow = await rig.connect(b"")
    assert await slow.is_closed()
    assert not session.closed
    peer.close()
    await rig.close()


async def test_gone_in_the_beginning(rig: Rig) -> None:
    """A PBX that leaves in the middle of its introduction leaves nothing behind."""
    peer = await rig.connect(env()[:40])
    await until(lambda: rig.server.sessions)
    peer.close()
    await until(lambda: not rig.server.sessions)
    assert rig.sessions == []


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="the platform has no such options")
async def test_vanished_exchange_is_looked_for(rig: Rig) -> None:
    """A PBX that vanishes without a word is found: probes after 20 s of silence, and 35 s for a lost receipt."""
    _, session = await rig.session()
    assert session._transport is not None
    sock = session._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    found = [sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names]
    assert found == [20, 5, 3, 35_000]


async def test_aborted(rig: Rig) -> None:
    """A session whose PBX is known to be gone ends at once for whoever waits in it."""
    peer, session = await rig.session()
    asking = asyncio.create_task(session.command("ANSWER"))
    await peer.command()
    session.abort()
    with pytest.raises(AgiGone):
        await asking


# ---- commands and answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        (["200 result=0"], AgiReply(200, "0", "")),
        (["200 result=1 (+4773000010)"], AgiReply(200, "1", "(+4773000010)")),
        (["200 result=49 endpos=8000"], AgiReply(200, "49", "endpos=8000")),
        (["200 result=-1 endpos=0"], AgiReply(200, "-1", "endpos=0")),
        (["510 Invalid or unknown command"], AgiReply(510, "", "Invalid or unknown command")),
        (["511 Command Not Permitted on a dead channel"], AgiReply(511, "", "Command Not Permitted on a dead channel")),
        (["520-Invalid command syntax.", "Usage: X", "200 result=1", "520 End of proper usage."],
         AgiReply(520, "", "End of proper usage.")),
    ],
)  # fmt: skip
async def test_replies(rig: Rig, lines: list[str], reply: AgiReply) -> None:
    """Every form of answer is read for what it is."""
    peer, session = await rig.session()
    asking = asyncio.create_task(session.command("ANSWER"))
    assert await peer.command() == "ANSWER"
    peer.say(*lines)
    assert await asking == reply


async def test_value(rig: Rig) -> None:
    """A variable's value is what stands in parentheses, parentheses of its own included."""
    peer, session = await rig.session()
    asking = asyncio.create_task(session.evaluate("${X}"))
    assert await peer.command() == 'GET FULL VARIABLE "${X}"'
    peer.say("200 result=1 (a (b) c)")
    assert await asking == "a (b) c"


async def test_hangup_before_the_reply(rig: Rig) -> None:
    """The HANGUP line that comes between a command and its answer is no answer."""
    peer, session = await rig.session()
    asking = asyncio.create_task(session.command("EXEC Dial x"))
    await peer.command()
    peer.say("HANGUP", "200 result=-1")
    assert await asking == AgiReply(200, "-1", "")
    assert session.hung_up


async def test_hangup_between_commands(rig: Rig) -> None:
    """A caller who hangs up while no command runs is noticed at once, and variables can still be set."""
    peer, session = await rig.session()
    told = asyncio.Event()
    session.on_change = told.set
    peer.say("HANGUP")
    await asyncio.wait_for(told.wait(), 5)
    setting = asyncio.create_task(session.set_variable("TAST1_DONE", "1"))
    assert await peer.command() == 'SET VARIABLE TAST1_DONE "1"'
    peer.say("200 result=1")
    assert (await setting).code == 200


async def test_gone_in_a_command(rig: Rig) -> None:
    """A PBX that is gone in the middle of a command is told from one that answers."""
    peer, session = await rig.session()
    asking = asyncio.create_task(session.command("ANSWER"))
    await peer.command()
    peer.close()
    with pytest.raises(AgiGone):
        await asking
    with pytest.raises(AgiGone):
        await session.command("ANSWER")


async def test_answer_in_pieces(rig: Rig) -> None:
    """An answer that arrives in pieces, in the middle of a character, is one answer."""
    peer, session = await rig.session()
    asking = asyncio.create_task(session.evaluate("${X}"))
    await peer.command()
    for byte in "200 result=1 (blåbær)\n".encode():
        peer.writer.write(bytes([byte]))
        await peer.writer.drain()
    assert await asking == "blåbær"


async def test_endless_answer(rig: Rig) -> None:
    """An answer without an end closes the session instead of filling the memory."""
    peer, session = await rig.session()
    asking = asyncio.create_task(session.command("ANSWER"))
    await peer.command()
    peer.writer.write(b"2" * 100_000)
    with pytest.raises(AgiGone):
        await asking


async def test_unasked_answers(rig: Rig) -> None:
    """Answers to nothing are passed over; the next command gets its own."""
    peer, session = await rig.session()
    peer.say("200 result=7", "nonsense", "")
    asking = asyncio.create_task(session.command("ANSWER"))
    await peer.command()
    peer.say("200 result=0")
    assert (await asking).result in {"0", "7"}
    assert not session.closed


@pytest.mark.parametrize("text", ["a\nHANGUP", "a\rb", "a\x00b"])
async def test_line_breaks_refused(rig: Rig, text: str) -> None:
    """A line break in anything we send is refused: it would be a command of its own."""
    _, session = await rig.session()
    with pytest.raises(LineRejected):
        await session.command(f"SET VARIABLE X {text}")
    with pytest.raises(LineRejected):
        quote(text)


def test_quote() -> None:
    """Quotes and backslashes inside an argument stay inside."""
    assert quote('a"b\\c') == '"a\\"b\\\\c"'


async def test_two_commands_at_once(rig: Rig) -> None:
    """A second command while one runs is a mistake of ours, and says so."""
    peer, session = await rig.session()
    first = asyncio.create_task(session.command("ANSWER"))
    await peer.command()
    with pytest.raises(RuntimeError):
        await session.command("HANGUP")
    peer.say("200 result=0")
    await first


async def test_stop(rig: Rig) -> None:
    """Stopping hands every call back to the dialplan."""
    peer, session = await rig.session()
    await rig.server.stop()
    assert await peer.is_closed()
    await until(lambda: session.closed)
