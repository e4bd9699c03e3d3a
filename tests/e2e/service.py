"""The service as its users run it: a process of its own, started from the command line, that can be killed.

Its configuration is the demo's with short waits. Tests reach it only through its port, its log and its telephones.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from callback.access import Access
from callback.store_sqlite import SqliteStore
from config.load import load
from config.model import Role
from scheduler.clock import SystemClock
from tests.e2e.waiting import until_answered
from tests.speech import keep_speech

CHECKOUT = Path(__file__).resolve().parents[2]
MENU_AS_IF_OPEN = {
    "hours = true\n": "",
    '[node.hours]\nkind = "closed"\nnext = "wait"\n': "",
    '[node.status_hours]\nkind = "closed"\nnext = "goodbye"\n': "",
    '"status_hours"': '"goodbye"',
    '"hours"': '"wait"',
}
"""On a Sunday as on a Monday: no announcement is waited for."""
ALWAYS_OPEN = {
    "[office.phone_hours]\nmon": '[office.phone_hours]\nsat = "00:00-23:59"\nsun = "00:00-23:59"\nmon',
    '"09:00-15:00"': '"00:00-23:59"',
}
"""But for a public holiday."""
NOBODY_ON_CALL = {'mobile = "+4740000001"\n': ""}
"""Nobody is rung unasked for what is urgent; 0 still rings the office's on-call telephone."""
PATIENT = NOBODY_ON_CALL | {'menu_wait = "5s"': 'menu_wait = "10s"'}
"""For many callers at the same time: on a busy machine a key may come late."""
SHORT_WAITS = (
    MENU_AS_IF_OPEN
    | ALWAYS_OPEN
    | {
        'busy = "7m"': 'busy = "1s"',
        'no_answer = "45m"': 'no_answer = "1s"',
        'declined = "45m"': 'declined = "1s"',
        'line_failed = "1m"': 'line_failed = "1s"',
        'caller_ring = "35s"': 'caller_ring = "6s"',
        'menu_wait = "5s"': 'menu_wait = "2s"',
    }
)

Json = dict[str, Any]


@dataclass(slots=True)
class Service:
    """Use with `async with`; leaves no process behind."""

    directory: Path
    line: str = "asterisk"
    port: int = 8611
    environment: dict[str, str] = field(default_factory=dict)
    changes: dict[str, str] = field(default_factory=dict)
    """Further replacements in the demo configuration, or other ones than SHORT_WAITS."""
    _process: asyncio.subprocess.Process | None = None
    _client: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_path(self) -> Path:
        return self.directory / "service.log"

    def log(self, event: str = "") -> list[Json]:
        """The log's lines, or those of one event."""
        lines = [json.loads(line) for line in self.log_path.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if not event or line["event"] == event]

    def prompt(self, item: str) -> Path:
        """The sound of a prompt as it was served (fetched by `fetch_prompts`)."""
        return self.directory / "heard" / f"{item.replace('/', '-')}.wav"

    async def __aenter__(self) -> Self:
        config = self.directory / "config"
        config.mkdir(parents=True)
        for file in (CHECKOUT / "config" / "demo").glob("*.toml"):
            text = file.read_text()
            for old, new in (SHORT_WAITS | self.changes).items():
                text = text.replace(old, new)
            (config / file.name).write_text(text)
        keep_speech(self.directory / "data")
        token = await self._token(config)
        await self.start()
        self._client = aiohttp.ClientSession(self.url, headers={"Authorization": f"Bearer {token}"})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()
        await self.stop()

    async def start(self) -> None:
        """Start it and wait until it serves its first page."""
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "callback.cli", "serve",
                "--config", str(self.directory / "config"), "--data", str(self.directory / "data"),
                "--line", self.line, "--port", str(self.port),
                cwd=CHECKOUT, env={**os.environ, **self.environment},
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        try:
            await until_answered(self._serves, 60, "the service serves /healthz")
        except AssertionError:
            await self.kill()  # the next test's service needs its port
            raise

    async def _serves(self) -> bool:
        assert self._process is not None
        if self._process.returncode is not None:
            raise AssertionError(f"the service ended; see its log:\n{self.log_path.read_text()[-3000:]}")
        try:
            async with aiohttp.ClientSession() as client, client.get(f"{self.url}/healthz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """It gets no time, as on a machine that has far too much to do."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(10):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
                raise AssertionError("the service did not stop within 10 s of SIGTERM") from None

    async def line_up(self, timeout: float = 20) -> None:
        async def up() -> bool:
            return all(line["up"] for line in (await self.get("/status"))["lines"])

        await until_answered(up, timeout, "the line is up")

    @asynccontextmanager
    async def store(self) -> AsyncIterator[SqliteStore]:
        """Its database, as another program has it."""
        store = SqliteStore(self.directory / "data" / "tast1.sqlite3")
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    async def _token(self, config: Path) -> str:
        """What `tast1 token create` gives, without the time a process takes to start."""
        async with self.store() as store:
            access = Access(store, load(config, os.environ, line="simulated"), SystemClock())
            return await access.create_token("kari", Role.CASEWORKER, "9001")

    async def take_calls(self, *people: str) -> None:
        """What the button on the list does, for one after another."""
        async with self.store() as store:
            for person in people:
                await store.set_ready(person, SystemClock().now())

    async def takers(self) -> list[str]:
        async with self.store() as store:
            return [person for person, _ in await store.ready()]

    # ---- the API

    async def get(self, path: str, **query: str) -> Json:
        assert self._client is not None
        async with self._client.get(f"/api/v1{path}", params=query) as answer:
            assert answer.status == 200, await answer.text()
            body: Json = await answer.json()
            return body

    async def post(self, path: str, body: Json | None = None) -> tuple[int, Json]:
        assert self._client is not None
        async with self._client.post(f"/api/v1{path}", json=body or {}) as answer:
            return answer.status, await answer.json()

    async def requests(self, **query: str) -> list[Json]:
        found: list[Json] = (await self.get("/requests", **query))["requests"]
        return found

    async def request_of(self, phone: str, timeout: float = 10) -> Json:
        """The one open request of a number; waits for it."""

        async def look() -> Json | None:
            found = await self.requests(phone=phone, state="open")
            assert len(found) <= 1, "a number has at most one open request"
            return found[0] if found else None

        request = await until_answered(look, timeout, "the number is on the list")
        assert request is not None
        return request

    async def when(
        self, request: Json, true: Callable[[Json], object], what: str, timeout: float = 15
    ) -> Json:
        """The request as soon as something is true of it."""

        async def look() -> Json | None:
            now = await self.get(f"/requests/{request['id']}")
            return now if true(now) else None

        now = await until_answered(look, timeout, what)
        assert now is not None
        return now

    async def ring(self, request: Json, caseworker: str = "kari") -> None:
        status, body = await self.post(f"/requests/{request['id']}/call", {"caseworker": caseworker})
        assert status == 202, body

    async def fetch_prompts(self, *items: str) -> None:
        """Keep the sound of prompts, so that recordings can be compared with it."""
        (self.directory / "heard").mkdir(exist_ok=True)
        async with aiohttp.ClientSession(self.url) as client:
            for item in items:
                async with client.get(f"/prompts/{item}.wav") as answer:
                    assert answer.status == 200, item
                    sound = await answer.read()
                    # In one step: another phone may be listening for it just now.
                    half_way = self.prompt(item).with_suffix(f".{uuid.uuid4().hex}")
                    half_way.write_bytes(sound)
                    half_way.replace(self.prompt(item))
