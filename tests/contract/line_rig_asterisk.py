"""A real Asterisk with real softphones as a rig for the contract suite.

Only one can be open on a machine: it owns the ports of the local PBX. It must never speak to Asterisk past the driver,
except to cut the wire between the two.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final

from aiohttp import web

from config.model import AsteriskSettings, Secrets
from hardware.asterisk.asterisk_root import find_asterisk
from hardware.asterisk.fallback_sounds import tone_render
from hardware.asterisk.line import AsteriskLine
from hardware.asterisk.local_pbx import LocalPbx
from hardware.asterisk.local_pbx_config import TRUNK_ENDPOINT
from hardware.line import LineRestored
from ivr.sound import wav_duration
from scheduler.clock import SystemClock
from tests.contract.line_rig import CALLER, RUNG, SECOND_STAFF, STAFF, Handle, LineRig
from tests.e2e import sip_exchange
from tests.e2e.audio import heard, tone_seconds
from tests.e2e.phones import OFFICE_PHONES, PUBLIC_NETWORK, Call, Phones
from tests.e2e.waiting import until, until_answered

_ROOT: Final = Path(__file__).resolve().parents[2] / ".pbx" / "root"
_AMI_PORT: Final = 5038
_HEARS: Final = 0.5
"""Seconds."""


class Wire:
    """A TCP connection to the PBX that can be cut."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", _AMI_PORT)
        self._writers |= {writer, far_writer}
        for source, target in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(_copy(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except ConnectionError:
        pass
    target.close()


class AsteriskRig(LineRig[Call]):
    """A handle's call is the softphone's."""

    name = "asterisk"
    trunk = TRUNK_ENDPOINT
    patience = 30.0
    silence = timedelta(seconds=2)
    ring_timeout = timedelta(seconds=20)
    short_ring = timedelta(seconds=2)
    line: AsteriskLine

    async def open(self) -> None:
        self._stack = AsyncExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="t1")))
        self._prompts = folder / "prompts"
        self._prompts.mkdir()
        self._prompt_url = await self._serve_prompts()
        self._pbx = await self._stack.enter_async_context(LocalPbx(find_asterisk(_ROOT), folder / "pbx"))
        self._public = await self._stack.enter_async_context(Phones(PUBLIC_NETWORK, folder))
        self._office = await self._stack.enter_async_context(Phones(OFFICE_PHONES, folder))
        await self._public.phone(RUNG)
        await self._office.phone(STAFF)
        await self._office.phone(SECOND_STAFF)
        self._wire = Wire()
        await self._wire.join()
        self._stack.push_async_callback(self._wire.cut)
        await self.start_line()
        await self.event(LineRestored)

    async def close(self) -> None:
        if hasattr(self, "line"):
            await self.line.stop()
        if hasattr(self, "_pbx"):
            await self._pbx.kill()  # in the ordinary way it waits a second
        await self._stack.aclose()

    async def start_line(self) -> None:
        self.forget()
        settings = AsteriskSettings(ami_port=self._wire.port, trunk=TRUNK_ENDPOINT, local_pbx=True)
        self.line = AsteriskLine(settings, Secrets(), self._prompt_url, SystemClock())
        await self.line.start(self.sink)

    async def _serve_prompts(self) -> str:
        async def prompt(request: web.Request) -> web.Response:
            body = self._sound(request.match_info["item"]).read_bytes()
            return web.Response(body=body, content_type="audio/wav", headers={"ETag": '"1"'})

        app = web.Application()
        app.router.add_get("/prompts/{item:.+}.wav", prompt)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def _sound(self, item: str) -> Path:
        path = self._prompts / f"{item.replace('/', '-')}.wav"
        if not path.exists():
            path.write_bytes(tone_render("nb", item))
        return path

    def _phones(self, number: str) -> Phones:
        return self._public if number.startswith("+") else self._office

    # ---- the outside

    async def call_in(self, to: str, caller: str | None) -> Handle[Call]:
        phone = await self._public.phone(caller or CALLER)
        return Handle(phone.number, await phone.call(to, caller_id="shown" if caller else "withheld"))

    async def press(self, handle: Handle[Call], keys: str) -> None:
        await handle.call.answered()
        await handle.call.press(keys)

    async def hang_up(self, handle: Handle[Call]) -> None:
        await handle.call.hang_up()

    async def expect_ring(self, number: str) -> Handle[Call]:
        phone = await self._phones(number).phone(number)
        return Handle(number, await phone.incoming())

    async def answer(self, handle: Handle[Call]) -> None:
        await handle.call.answer()

    async def answered(self, handle: Handle[Call]) -> None:
        await handle.call.answered()

    async def knows_of_the_answer(self, leg: str) -> None:
        """Asterisk says so half a second after the answer to a telephone that sends no sound."""

        def known() -> bool:
            found = self.line._table.get(leg)
            return found is None or found.answered

        await until(known, what="the line knows that the leg was answered")

    async def no_call_left(self) -> None:
        async def look() -> bool:
            return "0 active channels" in await self._pbx.cli("core show channels count")

        await until_answered(look, what="no channel is left")

    def is_over(self, handle: Handle[Call]) -> bool:
        return handle.call.state == "closed"

    async def shown(self, handle: Handle[Call]) -> str:
        return handle.call.peer

    async def busy(self, number: str) -> None:
        self._phones(number).exchange.script(number, sip_exchange.BUSY)

    async def decline(self, number: str) -> None:
        self._phones(number).exchange.script(number, sip_exchange.DECLINED)

    async def ignore(self, number: str) -> None:
        self._phones(number).exchange.script(number, sip_exchange.NO_ANSWER)

    async def invalid(self, number: str) -> None:
        self._phones(number).exchange.script(number, sip_exchange.UNALLOCATED)

    async def fail(self, number: str) -> None:
        self._phones(number).exchange.script(number, sip_exchange.OUT_OF_ORDER)

    def length(self, item: str) -> timedelta:
        return wav_duration(self._sound(item).read_bytes())

    async def has_heard(self, handle: Handle[Call], item: str) -> bool:
        await handle.call.hang_up()
        return heard(handle.call.recording(), self._sound(item))

    async def hear_each_other(self, one: Handle[Call], other: Handle[Call]) -> None:
        for listens, speaks in ((one, other), (other, one)):
            voice = (await self._phones(speaks.number).phone(speaks.number)).voice_hz
            await self.until(
                lambda call=listens.call, hz=voice: tone_seconds(call.recording(), hz) > _HEARS, "they talk"
            )

    async def lose(self) -> None:
        await self._wire.cut()

    async def restore(self) -> None:
        await self._wire.join()
