"""The smallest possible service, control link and prompt server, to test the PBX itself without ours.

They must never be taken for examples of how the service does it: no checks, no limits, no recovery.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web

LOOPBACK: Final = "127.0.0.1"


@dataclass(slots=True)
class AgiCall:
    """One call the PBX handed over. `variables` are the `agi_` lines."""

    variables: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def command(self, text: str) -> tuple[int, str]:
        """Send one AGI command; (result, the text in parentheses). A `HANGUP` line in between is passed over."""
        self.writer.write(f"{text}\n".encode())
        while (line := (await self.reader.readline()).decode().strip()) == "HANGUP":
            pass
        match = re.match(r"200 result=(-?\d+)(?: \((.*)\))?", line)
        if match is None:
            raise ConnectionError(line or "the PBX closed the connection")
        return int(match[1]), match[2] or ""

    async def variable(self, name: str) -> str:
        """The value of a channel variable, empty when it has none."""
        return (await self.command(f"GET VARIABLE {name}"))[1]

    async def done(self) -> None:
        """Tell the dialplan that the service has finished with this call."""
        await self.command("SET VARIABLE TAST1_DONE 1")


AgiHandler = Callable[[AgiCall], Awaitable[None]]


@asynccontextmanager
async def agi_service(handler: AgiHandler, port: int = 4573) -> AsyncIterator[list[AgiCall]]:
    """A FastAGI server that runs `handler` for each call; the list of calls so far."""
    calls: list[AgiCall] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        head = (await reader.readuntil(b"\n\n")).decode()
        call = AgiCall(
            dict(line.split(": ", 1) for line in head.strip().split("\n") if ": " in line), reader, writer
        )
        calls.append(call)
        try:
            await handler(call)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the call or the service ended in the middle of a command: the tests look at the call instead
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, LOOPBACK, port)
    try:
        yield calls
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


Message = dict[str, str]


@dataclass(slots=True)
class AmiTap:
    """A control link that keeps every event it is sent."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    events: list[Message] = field(default_factory=list)
    _answers: dict[str, asyncio.Future[Message]] = field(default_factory=dict)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def action(self, name: str, **fields: str) -> Message:
        """Send an action; its response."""
        number = str(next(self._ids))
        self._answers[number] = asyncio.get_running_loop().create_future()
        lines = [
            f"Action: {name}",
            f"ActionID: {number}",
            *(f"{key}: {value}" for key, value in fields.items()),
        ]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(10):
            return await self._answers[number]

    def seen(self, event: str, **fields: str) -> list[Message]:
        """The events of this name that have these fields."""
        return [
            message
            for message in self.events
            if message.get("Event") == event
            and all(message.get(key) == value for key, value in fields.items())
        ]

    async def read(self) -> None:
        """Read until the link ends."""
        await self.reader.readline()  # the banner
        while packet := await self._packet():
            message = dict(line.split(": ", 1) for line in packet.split("\r\n") if ": " in line)
            waiting = self._answers.pop(message.get("ActionID", ""), None) if "Response" in message else None
            if waiting is not None:
                waiting.set_result(message)
            else:
                self.events.append(message)

    async def _packet(self) -> str:
        try:
            return (await self.reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
        except (asyncio.IncompleteReadError, ConnectionError):
            return ""


@asynccontextmanager
async def ami_tap(port: int = 5038, user: str = "tast1", secret: str = "local-pbx") -> AsyncIterator[AmiTap]:
    """A control link that is logged in."""
    tap = AmiTap(*await asyncio.open_connection(LOOPBACK, port))
    reading = asyncio.create_task(tap.read())
    try:
        answer = await tap.action("Login", Username=user, Secret=secret)
        if answer["Response"] != "Success":
            raise PermissionError(answer.get("Message", ""))
        yield tap
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        tap.writer.close()


@dataclass(slots=True)
class PromptServer:
    """Serves the wav files of a folder the way the PBX's media cache needs it, and counts what is fetched."""

    url: str
    fetched: list[str] = field(default_factory=list)


@asynccontextmanager
async def prompt_server(folder: Path) -> AsyncIterator[PromptServer]:
    """Prompts over HTTP on a free port."""
    server = PromptServer("")

    async def prompt(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        server.fetched.append(name)
        headers = {"ETag": f'"{name}-1"', "Cache-Control": "max-age=3600"}
        return web.Response(body=(folder / name).read_bytes(), content_type="audio/wav", headers=headers)

    application = web.Application()
    application.router.add_get("/{name}", prompt)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://{LOOPBACK}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
