"""One AMI connection: log in, act, listen, notice when it is dead. On asyncio streams.

It must never send an action twice: an action whose answer is lost raises `AmiNoReply`, and the caller asks the
PBX what became of it. It must never log an event or an action: they hold telephone numbers and names.
"""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from hardware.asterisk.ami_codec import (
    AmiEvent,
    AmiPacket,
    AmiProtocolError,
    AmiResponse,
    PacketSplitter,
    encode,
)
from hardware.line import LineAuthFailed, LineRejected, LineUnavailable

log = structlog.get_logger(__name__)

EventHandler = Callable[[AmiEvent], None]

_BANNER: Final = b"Asterisk Call Manager/"
_READ_SIZE: Final = 65536
_LIST_LIMIT: Final = 50_000


class AmiNoReply(LineUnavailable):
    """The action may have been carried out: the answer was lost."""


@dataclass(frozen=True, slots=True)
class AmiTiming:
    """Seconds."""

    connect: float = 3.0
    login: float = 3.0
    boot: float = 5.0
    """How long to wait for Asterisk to say it is fully booted; then go on without."""
    action: float = 5.0
    ping_every: float = 10.0
    ping: float = 5.0


@dataclass(frozen=True, slots=True)
class AmiAddress:
    host: str
    port: int
    user: str
    secret: str = field(repr=False)
    tls: bool = False


@dataclass(slots=True, eq=False)
class _Waiter:
    done: asyncio.Future[AmiResponse]
    wants_list: bool
    items: list[AmiEvent] = field(default_factory=list)
    response: AmiResponse | None = None


class AmiClient:
    """A logged-in connection, until `lost` is done (its result: why)."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_event: EventHandler,
        timing: AmiTiming,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_event = on_event
        self._timing = timing
        self._splitter = PacketSplitter()
        self._waiters: dict[str, _Waiter] = {}
        self._booted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(
        cls, address: AmiAddress, on_event: EventHandler, timing: AmiTiming | None = None
    ) -> AmiClient:
        """Connect and log in. Raises LineUnavailable (not there, or not an AMI) or LineAuthFailed."""
        timing = timing or AmiTiming()
        context = ssl.create_default_context() if address.tls else None
        try:
            async with asyncio.timeout(timing.connect):
                reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
        except (OSError, TimeoutError) as error:
            raise LineUnavailable(f"cannot connect: {type(error).__name__}") from error
        client = cls(reader, writer, on_event, timing)
        try:
            await client._begin(address)
        except BaseException:
            await client.close()
            raise
        return client

    async def _begin(self, address: AmiAddress) -> None:
        try:
            async with asyncio.timeout(self._timing.login):
                banner = await self._reader.readuntil(b"\r\n")
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError) as error:
            raise LineUnavailable("connected, but no greeting came") from error
        if not banner.startswith(_BANNER):
            raise LineUnavailable("what answers is not an Asterisk manager")
        self._tasks.append(asyncio.create_task(self._read()))
        await self._login(address)
        try:
            async with asyncio.timeout(self._timing.boot):
                await self._booted.wait()
        except TimeoutError:
            log.warning("ami_not_fully_booted", waited=self._timing.boot)
        self._tasks.append(asyncio.create_task(self._ping()))

    async def _login(self, address: AmiAddress) -> None:
        fields = {"Username": address.user, "Secret": address.secret, "Events": "system,call,user,dtmf"}
        try:
            await self.action("Login", fields, timeout=self._timing.login)
        except LineRejected as error:
            raise LineAuthFailed("the PBX refused the user name or secret") from error
        except AmiNoReply as error:
            raise LineUnavailable("the login was not answered") from error

    # ---- acting ------------------------------------------------------------------------------------------------

    async def action(
        self,
        name: str,
        fields: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
    ) -> Mapping[str, str]:
        """Do one thing; the answer's headers.

        Raises LineUnavailable (not sent), AmiNoReply (sent, answer lost), LineRejected (the PBX said no),
        LineAuthFailed (our user may not do this)."""
        waiter = await self._act(name, fields or {}, variables or {}, timeout, wants_list=False)
        return waiter.done.result().keys

    async def list_action(
        self, name: str, fields: Mapping[str, str] | None = None
    ) -> list[Mapping[str, str]]:
        """Do one thing that answers with a list; the headers of its items. Raises like `action`."""
        waiter = await self._act(name, fields or {}, {}, None, wants_list=True)
        return [item.keys for item in waiter.items]

    async def _act(
        self,
        name: str,
        fields: Mapping[str, str],
        variables: Mapping[str, str],
        timeout: float | None,
        *,
        wants_list: bool,
    ) -> _Waiter:
        action_id = uuid.uuid4().hex
        wire = encode(name, action_id, fields, variables)
        if self.lost.done():
            raise LineUnavailable(self.lost.result())
        waiter = self._waiters[action_id] = _Waiter(asyncio.get_running_loop().create_future(), wants_list)
        try:
            # No drain: a PBX that stops reading is found by the missing answer, and nothing waits in between.
            self._writer.write(wire)
            async with asyncio.timeout(timeout or self._timing.action):
                response = await waiter.done
        except TimeoutError as error:
            self._lose(f"{name} was not answered")
            raise AmiNoReply(f"{name} was not answered") from error
        finally:
            self._waiters.pop(action_id, None)
        if not response.ok:
            message = response.keys.get("Message", "refused")
            error_type = LineAuthFailed if "permission denied" in message.lower() else LineRejected
            raise error_type(f"{name}: {message}")
        return waiter

    # ---- listening ---------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(_READ_SIZE):
                for packet in self._splitter.feed(data):
                    self._take(packet)
            self._lose("the PBX closed the connection")
        except (OSError, AmiProtocolError) as error:
            self._lose(f"the connection broke: {error}")

    def _take(self, packet: AmiPacket) -> None:
        waiter = self._waiters.get(packet.keys.get("ActionID", ""))
        if isinstance(packet, AmiResponse):
            if waiter is not None and not waiter.done.done():
                waiter.response = packet
                if not waiter.wants_list or not packet.ok:
                    waiter.done.set_result(packet)
        elif waiter is not None and waiter.wants_list:
            self._take_item(waiter, packet)
        else:
            if packet.name == "FullyBooted":
                self._booted.set()
            self._tell(packet)

    def _take_item(self, waiter: _Waiter, item: AmiEvent) -> None:
        if waiter.done.done() or waiter.response is None:
            return
        if item.keys.get("EventList", "").lower() == "complete":
            waiter.done.set_result(waiter.response)
        elif len(waiter.items) < _LIST_LIMIT:
            waiter.items.append(item)

    def _tell(self, event: AmiEvent) -> None:
        try:
            self._on_event(event)
        except Exception:  # whatever a listener does wrong, the link must live
            log.exception("ami_listener_failed", ami_event=event.name)

    async def _ping(self) -> None:
        while not self.lost.done():
            await asyncio.sleep(self._timing.ping_every)
            try:
                await self.action("Ping", timeout=self._timing.ping)
            except LineUnavailable:
                return
            except LineRejected:
                continue

    # ---- ending ------------------------------------------------------------------------------------------------

    def _lose(self, why: str) -> None:
        """The link is dead: say so to everyone who waits, at once."""
        if self.lost.done():
            return
        self.lost.set_result(why)
        for waiter in self._waiters.values():
            if not waiter.done.done():
                waiter.done.set_exception(AmiNoReply(why))
        self._writer.transport.abort()

    async def close(self) -> None:
        """Let go of the connection. Calls are not touched."""
        self._lose("closed by us")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
