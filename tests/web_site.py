"""The web side over a list in memory, with a clock that stands still and a ringer without telephones.

For tests of the pages and the API only. It must never be gentler than the service: the desk, the access rules and
the application are the real ones. Only what a password costs is less, and templates are compiled once for all.
"""

from __future__ import annotations

import re
import uuid
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any, cast

import aiohttp
import aiohttp_jinja2
import jinja2
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from jinja2.bccache import Bucket

from callback.access import Access
from callback.board import Board
from callback.desk import Desk, Registration
from callback.dispatch import NoTelephone
from callback.notices import Channels, Notices
from callback.reload import Reloader
from callback.request import AttemptOutcome, CallAttempt, CallbackRequest, Reason
from callback.store_memory import MemoryStore
from callback.web.app import build_app
from callback.web.context import LineStatusSource, Services
from config.model import Config, NoticeSettings, Role
from hardware.line import LineStatus, LineUnavailable
from ivr.library import PromptLibrary
from ivr.prompts import NO_VOICE, Catalogue, bare_language
from ivr.sound import wav_bytes
from ivr.voice import Voice
from scheduler.clock import Clock, ManualClock
from tests.offices import CHEAP, MONDAY, staffed

PASSWORD = "correct horse battery"
NOTE = "secret note about the family"
GOOD = {"office_no": "9001", "phone": "40 00 12 34", "reason": "debt_advice", "language": "uk", "note": NOTE}
"""A form to register, filled in."""
BASE = "/api/v1"
FIELDS = {
    "id", "reference", "office_no", "phone", "state", "urgency", "reason", "language", "origin", "registered_at",
    "due_at", "answer_by_date", "next_attempt_at", "attempt_count", "attempts", "day_part", "discreet", "reachable_until",
    "number_source", "asked_not_to_be_called", "escalation", "acknowledged", "acknowledged_by",
    "served_by", "disqualified", "interpreter", "interpreter_at", "protected",
    "passed_over", "why", "waits",
}  # fmt: skip
"""Of a request in the API."""


class Compiled(jinja2.BytecodeCache):
    """Templates that an application before this one has compiled."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        kept = self._kept.get(bucket.key)
        if kept is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()
CATALOGUE = Catalogue.load()


@dataclass
class Ringer:
    """Starts the attempt at the desk, or takes whoever waits on the line, and rings nobody."""

    desk: Desk
    waiting: set[str]
    down: bool = False

    async def ring(self, request_id: str, person_id: str) -> tuple[CallbackRequest, CallAttempt | None]:
        person = self.desk.person(person_id)
        if not person.has_telephone:
            raise NoTelephone(f"{person.name} has no telephone")
        if self.down:
            raise LineUnavailable("the exchange does not answer")
        if request_id in self.waiting:
            return await self.desk.claim(request_id, person_id), None
        return await self.desk.start_attempt(request_id, person_id, uuid.uuid4().hex)

    async def stop(self, request_id: str, person_id: str) -> bool:
        attempt = (await self.desk.get(request_id)).live_attempt
        if attempt is None or attempt.caseworker != person_id or attempt.ringing_at is not None:
            return False
        await self.desk.end_attempt(attempt.id, AttemptOutcome.CANCELLED)
        return True


@dataclass
class Line:
    up: bool = True
    queued: int = 0

    def status(self) -> LineStatus:
        detail = "" if self.up else "Start the exchange."
        return LineStatus("simulated", self.up, MONDAY, detail, queued=self.queued)


@dataclass
class Heart:
    last_sweep: datetime | None = MONDAY
    last_error: str | None = None
    woken: int = 0

    def wake_soon(self) -> None:
        self.woken += 1


class Beep:
    """A voice that says everything as one beep, in the languages that a voice speaks."""

    def speaks(self, language: str) -> bool:
        return bare_language(language) not in NO_VOICE

    def settings(self, language: str) -> str:
        return "beep"

    def render(self, language: str, text: str, pause: timedelta | None = None) -> bytes:
        return wav_bytes(array("h", [9000, -9000] * 400))


@dataclass
class World:
    """What the application is given."""

    clock: ManualClock
    store: MemoryStore
    desk: Desk
    access: Access
    ringer: Ringer
    line: Line
    heart: Heart
    services: Services
    phases: dict[str, str] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    """Requests whose persons wait on the line."""

    async def caller(
        self, phone: str | None = "+4740001234", office_no: str = "9001", **fields: Any
    ) -> CallbackRequest:
        """Someone who rang and pressed 1."""
        request, _ = await self.desk.register(Registration(office_no, phone, **fields))
        return request

    async def hungry(self, phone: str = "+4740005678") -> CallbackRequest:
        return await self.caller(phone, reason=Reason.NO_FOOD)

    async def talked(self, request: CallbackRequest, person_id: str = "kari") -> CallbackRequest:
        """They have talked; the result is due."""
        _, attempt = await self.desk.start_attempt(request.id, person_id, uuid.uuid4().hex)
        await self.desk.attempt_ringing(attempt.id)
        await self.desk.attempt_connected(attempt.id)
        return await self.desk.end_attempt(attempt.id, AttemptOutcome.ANSWERED)

    async def missed(
        self, request: CallbackRequest, outcome: AttemptOutcome, person_id: str = "kari"
    ) -> CallbackRequest:
        _, attempt = await self.desk.start_attempt(request.id, person_id, uuid.uuid4().hex)
        return await self.desk.end_attempt(attempt.id, outcome)

    async def token(self, role: Role, office_no: str | None = None, name: str = "") -> dict[str, str]:
        """Headers with a fresh token."""
        secret = await self.access.create_token(name or f"{role}-{uuid.uuid4().hex[:6]}", role, office_no)
        return {"Authorization": f"Bearer {secret}"}


async def open_world(
    folder: Path, *, of: Config | None = None, clock: ManualClock | None = None, start: datetime = MONDAY
) -> World:
    of, clock = of or staffed(), clock or ManualClock(start)
    store = MemoryStore()
    await store.open()
    desk = Desk(store, of, clock)
    access = Access(store, of, clock, CHEAP)
    await access.give_demo_passwords(PASSWORD)
    line, heart, phases, waiting = Line(), Heart(), dict[str, str](), set[str]()
    ringer = Ringer(desk, waiting)
    services = _services(of, clock, desk, access, ringer, heart, (line,), folder, phases, waiting)
    return World(clock, store, desk, access, ringer, line, heart, services, phases, waiting)


def _services(
    of: Config,
    clock: Clock,
    desk: Desk,
    access: Access,
    ringer: Ringer,
    heart: Heart,
    lines: Sequence[LineStatusSource],
    folder: Path,
    phases: dict[str, str],
    waiting: set[str],
) -> Services:
    return Services(
        clock=clock,
        desk=desk,
        access=access,
        ringer=ringer,
        reloader=Reloader(lambda: of, desk, access, lambda: 0, lambda config: None),
        library=PromptLibrary(CATALOGUE, folder / "cache", folder / "recordings", cast("Voice", Beep())),
        heartbeat=heart,
        lines=lines,
        channels=Notices(desk, no_channels).status,
        exchange=None,
        call_phase=phases.get,
        board=Board(desk),
        calls_up=lambda: 0,
        metrics_token=None,
        waits=waiting.__contains__,
        started_at=clock.now(),
        version="0.0.test",
    )


async def no_channels(settings: NoticeSettings) -> Channels:
    return Channels()


Client = TestClient[Any, Any]


def application(world: World) -> web.Application:
    """What the service serves."""
    app = build_app(world.services)
    app[aiohttp_jinja2.APP_KEY].bytecode_cache = COMPILED
    return app


async def serve(world: World) -> Client:
    """A client of the application; close it."""
    server = TestServer(application(world))
    await server.start_server(access_log=None)
    client = TestClient(server, cookie_jar=aiohttp.CookieJar(unsafe=True))
    await client.start_server()
    return client


async def login(client: Client, person_id: str, password: str = PASSWORD) -> aiohttp.ClientResponse:
    form = await csrf(client, "/login")
    return await client.post("/login", data={"person": person_id, "password": password, "csrf": form})


async def csrf(client: Client, path: str) -> str:
    """The token in the forms of a page."""
    text = await (await client.get(path)).text()
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found, f"no form with a token on {path}"
    return found[1]


async def ask(
    client: Client, method: str, path: str, headers: dict[str, str], **sent: Any
) -> tuple[int, Any]:
    response = await client.request(method, BASE + path, headers=headers, **sent)
    return response.status, await response.json()


async def refusal(
    client: Client, method: str, path: str, headers: dict[str, str], **sent: Any
) -> tuple[int, str, Any]:
    """(status, error_id, details); every refusal has the same three keys."""
    status, body = await ask(client, method, path, headers, **sent)
    assert set(body) == {"error_id", "message", "details"}
    assert body["message"]
    return status, body["error_id"], body["details"]


async def text_of(client: Client, path: str, status: int = 200) -> str:
    response = await client.get(path)
    assert response.status == status, path
    return unescape(await response.text())


async def submit(
    client: Client, path: str, fields: dict[str, str], *, follow: bool = True
) -> aiohttp.ClientResponse:
    token = await csrf(client, "/status")
    return await client.post(path, data=fields | {"csrf": token}, allow_redirects=follow)
