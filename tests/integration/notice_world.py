"""A list in a file with notices on, and whom they go to: an SMS gateway, Twilio and a mail server, all on loopback and all fakes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from callback.channels import channels_of
from callback.desk import Desk, Registration
from callback.notices import Channels, Notices
from callback.request import AttemptOutcome, CallbackRequest
from callback.store_sqlite import SqliteStore
from config.model import Config, HttpSmsSettings, MailSettings, NoticeSettings, Secrets, SmsService
from config.oncall import OnCallLine
from scheduler.clock import ManualClock
from tests.offices import CALLER, MONDAY, config

TOKEN = "a-long-random-word"


@dataclass
class Gateway:
    """Answers each POST with the next of `statuses`, the last one for ever; 0 hangs up without an answer, -1 never answers."""

    statuses: list[int] = field(default_factory=lambda: [200])
    posts: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        raw = await request.text()
        body = json.loads(raw) if raw.startswith("{") else dict(await request.post())
        self.posts.append((body, dict(request.headers)))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == -1:
            await asyncio.sleep(3600)
        if status == 0:
            assert request.transport is not None
            request.transport.close()
        return web.json_response(
            {"sid": "SM1", "code": 21211, "message": "no such number"}, status=status or 500
        )

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Gateway]:
        app = web.Application()
        app.router.add_post("/{tail:.*}", self.take)
        server = TestServer(app)
        await server.start_server(access_log=None, shutdown_timeout=0.1)
        self.url = str(server.make_url("/")).rstrip("/")
        yield self
        await server.close()


@dataclass
class MailServer:
    """Speaks as much SMTP as smtplib needs. `refuse`: (verb, answer); `drop` hangs up after the mail was read."""

    mails: list[str] = field(default_factory=list)
    refuse: tuple[str, str] | None = None
    drop: bool = False
    port: int = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())

        say("220 here")
        while line := (await reader.readline()).decode().strip():
            verb = line.partition(" ")[0].upper()
            if self.refuse is not None and verb == self.refuse[0]:
                say(self.refuse[1])
            elif verb == "EHLO":
                say("250 here")
            elif verb == "DATA":
                say("354 go on")
                mail = (await reader.readuntil(b"\r\n.\r\n")).decode()
                if self.drop:
                    break
                self.mails.append(mail.replace("\r\n..", "\r\n.").removesuffix("\r\n.\r\n"))
                say("250 kept")
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say("250 ok")
        writer.close()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[MailServer]:
        server = await asyncio.start_server(self.talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield self
        server.close()
        await server.wait_closed()


def with_notices(settings: NoticeSettings) -> Config:
    """The office of the tests, with these notices; its leader has an address, and its on-call line no gap."""
    base = config()
    line = OnCallLine(id="vakt", office_no="9001", number="+4773000011", people=("kari",))
    people = tuple(
        p.model_copy(update={"email": f"{p.id}@example.org"}) if p.id == "liv" else p for p in base.people
    )
    changed = base.settings.model_copy(update={"notices": settings})
    return base.model_copy(update={"settings": changed, "people": people, "lines": (line,)})


def over_http(gateway: Gateway, **more: Any) -> NoticeSettings:
    url = f"{gateway.url}/send"
    return NoticeSettings(sms=SmsService.HTTP, http=HttpSmsSettings(url=url, **more))


def over_mail(server: MailServer) -> NoticeSettings:
    mail = MailSettings(host="127.0.0.1", port=server.port, security="none", sender="tast1@example.org")
    return NoticeSettings(email=mail)


class World:
    """A desk and its sender over one file, that can be killed and booted again."""

    def __init__(self, folder: Path, settings: NoticeSettings) -> None:
        self.clock = ManualClock(MONDAY)
        self.folder = folder
        self.config = with_notices(settings)
        self.secrets = Secrets(sms_token=TOKEN, twilio_token=TOKEN)

    async def boot(self) -> World:
        self.store = SqliteStore(self.folder / "list.db")
        await self.store.open()
        self.desk = Desk(self.store, self.config, self.clock)
        self.notices = Notices(self.desk, self.open_channels)
        return self

    async def open_channels(self, settings: NoticeSettings) -> Channels:
        return await channels_of(self.secrets)(settings)

    async def close(self) -> None:
        await self.notices.stop()
        await self.store.close()

    async def missed(
        self, phone: str = CALLER, outcome: AttemptOutcome = AttemptOutcome.NO_ANSWER, **more: Any
    ) -> CallbackRequest:
        """Someone is on the list, and was rung in vain."""
        request, _ = await self.desk.register(Registration("9001", phone, **more))
        return await self.rung(request, outcome)

    async def rung(
        self, request: CallbackRequest, outcome: AttemptOutcome = AttemptOutcome.NO_ANSWER
    ) -> CallbackRequest:
        attempt = f"a{len(request.attempts)}.{request.id}"
        await self.desk.start_attempt(request.id, "kari", attempt)
        await self.desk.attempt_ringing(attempt)
        return await self.desk.end_attempt(attempt, outcome)

    async def told(self, request: CallbackRequest) -> list[tuple[str, str | None]]:
        """(event, why) of its lines about notices."""
        lines = await self.store.ledger(request.id)
        return [(e.event, e.details.get("why")) for e in lines if e.event.startswith("notice_")]


@asynccontextmanager
async def opened(folder: Path, settings: NoticeSettings) -> AsyncIterator[World]:
    world = await World(folder, settings).boot()
    yield world
    await world.close()
