"""FastAGI: the PBX connects here for every call it wants to hand over.

FastAGI has no authentication of its own, so a connection is served only from an allowed address and with the shared
token in its URL. It must never log what a connection sent: there are numbers, names and the token in it.
A plain `asyncio.Protocol`, because this is the hot path: no reader task, no timer per command.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import structlog

from hardware.line import LineRejected

log = structlog.get_logger(__name__)

ENV_LINES: Final = 100
ENV_BYTES: Final = 16_384
ENV_SECONDS: Final = 5.0
_REPLY_BYTES: Final = 16_384
_KEEP_ALIVE: Final = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 35_000}
"""A PBX that vanished without a word is found after 35 s, whether we wait for it (the first three: seconds, seconds,
probes) or it owes us a receipt (the last: milliseconds). Each where the platform has it."""
_ENV_LINE: Final = re.compile(r"(agi_[a-z0-9_]{1,40}): ?(.*)")
_REPLY: Final = re.compile(r"(\d{3})(?: result=(\S*)(?: (.*))?| ?(.*))")
_UNSAFE: Final = re.compile("[\x00\r\n]")

DEAD_CHANNEL: Final = 511
_UP: Final = "6"


class AgiReply(NamedTuple):
    """`200 result=1 (value)` -> (200, "1", "(value)"). Code 510, 511, 520: not carried out."""

    code: int
    result: str
    data: str

    @property
    def value(self) -> str:
        """What stands in parentheses."""
        return self.data[1:-1] if self.data.startswith("(") and self.data.endswith(")") else ""

    @property
    def failed(self) -> bool:
        """The application says the channel is gone or the thing was not possible; 511: surely gone."""
        return self.code != 200 or self.result == "-1"


class AgiGone(Exception):
    """The PBX closed the connection."""


def quote(text: str) -> str:
    """One argument of an AGI command. Raises LineRejected for what cannot be one."""
    if _UNSAFE.search(text):
        raise LineRejected("a line break or NUL was to be sent to the PBX")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class AgiSession(asyncio.Protocol):
    """One call handed over by the PBX. One command at a time."""

    def __init__(self, server: FastAgiServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._env_bytes = 0
        self._serving = False
        self._deadline: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[AgiReply] | None = None
        self._in_usage = False
        self.env: dict[str, str] = {}
        self.script = ""
        self.hung_up = False
        """The PBX said that the caller is gone; some commands (variables) still work."""
        self.closed = False
        self.on_change: Callable[[], None] | None = None
        """Called when `hung_up` or `closed` becomes true."""

    # ---- commands ----------------------------------------------------------------------------------------------

    async def command(self, text: str) -> AgiReply:
        """Send one command, wait for its answer however long it takes. Raises AgiGone when the PBX is gone."""
        if self._waiter is not None:
            raise RuntimeError("two AGI commands at once")
        if _UNSAFE.search(text):
            raise LineRejected("a line break or NUL was to be sent to the PBX")
        if self.closed or self._transport is None:
            raise AgiGone
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(text.encode() + b"\n")
            return await self._waiter
        finally:
            self._waiter = None

    async def execute(self, application: str, arguments: str) -> AgiReply:
        """Run a dialplan application."""
        return await self.command(f"EXEC {application} {quote(arguments)}")

    async def evaluate(self, expression: str) -> str:
        """A dialplan expression's value, for example `${DIALSTATUS},${HANGUPCAUSE}`; also after the hang-up."""
        return (await self.command(f"GET FULL VARIABLE {quote(expression)}")).value

    async def set_variable(self, name: str, value: str) -> AgiReply:
        return await self.command(f"SET VARIABLE {name} {quote(value)}")

    async def is_gone(self, reply: AgiReply) -> bool:
        """Whether a failed reply means that the caller hung up. The HANGUP line may lag some 40 ms behind it."""
        if not reply.failed and not self.hung_up:
            return False
        if reply.code != DEAD_CHANNEL and not self.hung_up:
            state = await self.command("CHANNEL STATUS")
            if state.result == _UP and not self.hung_up:
                return False
        self.hung_up = True
        return True

    def close(self) -> None:
        """Hand the call back to the dialplan."""
        if self._transport is not None and not self.closed:
            self._transport.close()

    def abort(self) -> None:
        """The PBX is known to be gone: whoever waits for an answer learns it now."""
        if self._transport is not None:
            self._transport.abort()

    # ---- asyncio.Protocol --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        if not self._server.allows(peer[0] if peer else ""):
            self._refuse("address_not_allowed")
            return
        _keep_alive(transport)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._server.env_seconds, self._refuse, "too_slow")
        self._server.sessions.add(self)

    def data_received(self, data: bytes) -> None:
        if self.closed:
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if not self._serving:
            self._env_bytes += len(data)
            if self._env_bytes > ENV_BYTES:
                self._refuse("too_long")
                return
        for line in lines:
            if self.closed:
                return
            text = line.decode(errors="replace").removesuffix("\r")
            if self._serving:
                self._reply_line(text)
            else:
                self._env_line(text)
        if len(self._buffer) > _REPLY_BYTES:
            self._refuse("too_long")

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._stop_deadline()
        self._server.sessions.discard(self)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(AgiGone())
        if self._serving and self.on_change is not None:
            self.on_change()

    # ---- the beginning -----------------------------------------------------------------------------------------

    def _env_line(self, text: str) -> None:
        if not text:
            self._begin()
            return
        match = _ENV_LINE.fullmatch(text)
        # The same name twice: a caller's display name with a line break in it wrote one of the two.
        if match is None or match[1] in self.env or len(self.env) >= ENV_LINES:
            self._refuse("not_agi")
            return
        self.env[match[1]] = match[2]

    def _begin(self) -> None:
        try:
            url = urlsplit(self.env.get("agi_request", ""))
            token = parse_qs(url.query, max_num_fields=5).get("token", [""])[0]
        except ValueError:
            self._refuse("not_agi")
            return
        if not self._server.knows(token):
            self._refuse("wrong_token")
            return
        self.script = url.path.strip("/")
        self._stop_deadline()
        self._serving = True
        self._server.on_call(self)

    def _refuse(self, reason: str) -> None:
        """One log line, and the PBX goes on to its fall-back."""
        if self.closed or self._transport is None:
            return
        peer = self._transport.get_extra_info("peername")
        log.warning("agi_refused", reason=reason, peer=peer[0] if peer else "")
        self.closed = True
        self._stop_deadline()
        self._transport.abort()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # ---- replies -----------------------------------------------------------------------------------------------

    def _reply_line(self, text: str) -> None:
        if text == "HANGUP":
            self.hung_up = True
            if self.on_change is not None:
                self.on_change()
            return
        if text.startswith("520-"):
            self._in_usage = True
            return
        if self._in_usage and not text.startswith("520 "):
            return
        self._in_usage = False
        match = _REPLY.fullmatch(text)
        if match is None or self._waiter is None or self._waiter.done():
            return
        self._waiter.set_result(AgiReply(int(match[1]), match[2] or "", match[3] or match[4] or ""))


def _keep_alive(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


class FastAgiServer:
    """Listens for the PBX. `on_call` gets every session that is who it says it is, its `env` complete."""

    def __init__(
        self,
        address: tuple[str, int],
        allow: Iterable[str],
        token: str,
        on_call: Callable[[AgiSession], None],
        env_seconds: float = ENV_SECONDS,
    ) -> None:
        self._address = address
        self._allow = [ipaddress.ip_network(entry, strict=False) for entry in allow]
        self._token = token.encode()
        self._server: asyncio.Server | None = None
        self.on_call = on_call
        self.env_seconds = env_seconds
        self.sessions: set[AgiSession] = set()

    async def start(self) -> None:
        """Raises OSError when the address cannot be used."""
        host, port = self._address
        self._server = await asyncio.get_running_loop().create_server(
            lambda: AgiSession(self), host, port, backlog=1024
        )

    async def stop(self) -> None:
        """Stop listening and hand every call back to the dialplan; a conversation (`Dial`) is not disturbed."""
        if self._server is not None:
            self._server.close()
        for session in list(self.sessions):
            session.close()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    @property
    def port(self) -> int:
        """The port in use, also when 0 was asked for."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else self._address[1]

    def allows(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._allow)

    def knows(self, token: str) -> bool:
        return bool(self._token) and hmac.compare_digest(token.encode(), self._token)
