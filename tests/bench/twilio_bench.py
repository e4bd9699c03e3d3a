"""How the Twilio line holds up: many callers wait on it and ask for the next piece of music, while others come in; and many
calls are to be placed at one a second. No Twilio: only its requests, signed, as fast as they would come."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Final

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from callback.store_twilio import MemoryLegs
from hardware.line import (
    LINE_FULL,
    Hangup,
    LegEnded,
    LegOutcome,
    LineEvent,
    LineRestored,
    Originate,
)
from hardware.twilio.account import Account, Timing
from hardware.twilio.line import TwilioLine
from scheduler.clock import ManualClock
from tests.contract.line_rig_twilio import SID, TOKEN, free_port, sounds
from tests.offices import MONDAY, PUBLIC

WAITING: Final = 5000
POLLS: Final = 170
"""A second: each caller asks every half minute."""
INTAKES: Final = 20
"""A second: from the first ring to the promise."""
SECONDS: Final = 20.0
CREATES: Final = 2000
_NEXT: Final = re.compile(r'action="http://[^"]*?(/tw/leg/[^"#]+)')
_FIRST: Final = 4_741_000_000
_OTHERS: Final = 4_740_100_000


@dataclass(slots=True)
class Polls:
    """Milliseconds."""

    times: list[float] = field(default_factory=list)
    intakes: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def p99(self) -> float:
        return quantiles(self.times, n=100)[98]


class Caller:
    """One call, as Twilio tells of it."""

    def __init__(self, load: Load, number: int) -> None:
        self._load = load
        self._form = {
            "CallSid": f"CA{uuid.uuid4().hex}",
            "From": f"+{number}",
            "To": PUBLIC,
            "Direction": "inbound",
        }
        self._next = "/tw/voice"

    async def ask(self, digits: str = "") -> None:
        form = self._form | ({"Digits": digits} if digits else {})
        text = await self._load.post(self._next, form)
        found = _NEXT.search(text)
        assert found is not None, f"no way on: {text[:200]}"
        self._next = found[1]

    async def is_registered(self) -> None:
        """1: on the list; 2: not urgent; then the promise."""
        for digits in ("", "1", "2"):
            await self.ask(digits)


class Load:
    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session, self._base = session, base
        self._sign = RequestValidator(TOKEN).compute_signature

    async def post(self, path: str, form: dict[str, str]) -> str:
        url = self._base + path
        headers = {"X-Twilio-Signature": self._sign(url, form)}
        async with self._session.post(url, data=form, headers=headers) as answer:
            assert answer.status == 200, f"{path}: {answer.status}"
            return await answer.text()


async def polls(directory: Path, waiting: int = WAITING, seconds: float = SECONDS) -> Polls:
    """The service has a core of its own; this load, the other."""
    os.sched_setaffinity(0, set(range(1, os.cpu_count() or 1)) or {0})
    api = await _stub_api()
    port = free_port()
    command = (sys.executable, "-m", "tests.bench.twilio_site", str(port), api.url, str(directory))
    pipe = asyncio.subprocess.PIPE
    service = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert service.stdout is not None
    assert service.stdin is not None
    assert await service.stdout.readline() == b"ready\n"
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(connector=connector) as session:
        result = await _load(Load(session, f"http://127.0.0.1:{port}"), waiting, seconds)
    service.stdin.close()
    await service.wait()
    await api.stop()
    return result


async def _load(load: Load, waiting: int, seconds: float) -> Polls:
    result = Polls()
    callers = [Caller(load, _FIRST + n) for n in range(waiting)]
    coming = iter(callers)

    async def one_after_another() -> None:
        for caller in coming:
            await caller.ask()

    await asyncio.gather(*(one_after_another() for _ in range(20)))
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []

    async def poll(caller: Caller) -> None:
        start = loop.time()
        try:
            await caller.ask()
        except (AssertionError, aiohttp.ClientError) as error:
            result.problems.append(repr(error)[:200])
        result.times.append(1000 * (loop.time() - start))

    async def intake(number: int) -> None:
        await Caller(load, number).is_registered()
        result.intakes += 1

    begun = loop.time()
    for n in range(int(seconds * POLLS)):
        await asyncio.sleep(max(0.0, begun + n / POLLS - loop.time()))
        tasks.append(asyncio.create_task(poll(callers[n % waiting])))
        if n * INTAKES % POLLS < INTAKES:
            tasks.append(asyncio.create_task(intake(_OTHERS + n)))
    for came in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(came, BaseException):
            result.problems.append(repr(came)[:200])
    return result


# ---- calls to be placed


@dataclass(slots=True)
class Placed:
    order: list[int]
    """Of those that were placed."""
    gap: float
    """The time between two, in seconds, on the average."""
    given_back: int
    """Those that were told to have ended because nobody wanted them any more."""
    full: int
    """Those whose claim ended before their turn came."""


_CLAIM: Final = timedelta(minutes=15)


def wanted(count: int) -> list[int]:
    """Those that are still wanted when all the others have died: twenty, from the front to the very last."""
    return [0, 1, 2, 3, *range(count // 16 - 1, count, count // 16)]


async def creates(count: int = CREATES, per_second: float = 1.0) -> Placed:
    """So many asked for at once; half of the others are given back, and of the other half the claims end."""
    api = await _stub_api()
    account = Account(
        SID, TOKEN, "http://127.0.0.1:1", "127.0.0.1", 0, api_url=api.url, calls_per_second=per_second
    )
    clock = ManualClock(MONDAY)
    line = TwilioLine(account, MemoryLegs(), clock, sounds, lambda number: None, timing=Timing())
    told: list[LineEvent] = []
    await line.start(told.append)
    while not any(isinstance(event, LineRestored) for event in told):  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.05)
    legs = [f"tast1-{n:032}" for n in range(count)]
    kept = wanted(count)
    dying = [n for n in range(count) if n not in kept]
    for n, leg in enumerate(legs):
        until = clock.now() + (4 * _CLAIM if n in kept else _CLAIM)
        await line.send(Originate(leg, f"+{_FIRST + n}", timedelta(seconds=25), PUBLIC, until=until))
    for n in dying[: len(dying) // 2]:
        await line.send(Hangup(legs[n]))
    clock.advance(_CLAIM)
    await asyncio.sleep((len(kept) + 3) / per_second)
    await line.stop()
    await api.stop()
    times = [at for at, _ in api.rung[1:]]  # the first one connects, and so comes late
    ended = [event for event in told if isinstance(event, LegEnded)]
    return Placed(
        order=[int(form["To"].lstrip("+")) - _FIRST for _, form in api.rung],
        gap=(times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0,
        given_back=sum(event.outcome is LegOutcome.CANCELLED for event in ended),
        full=sum(event.cause == LINE_FULL for event in ended),
    )


class _Api:
    """As much of Twilio's API as the line needs to be up."""

    def __init__(self) -> None:
        self.url = ""
        self.rung: list[tuple[float, dict[str, str]]] = []
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if request.method == "POST" and request.path.endswith("/Calls.json"):
            self.rung.append((asyncio.get_running_loop().time(), form))
            return web.json_response({"sid": f"CA{uuid.uuid4().hex}", "status": "queued"}, status=201)
        if "/Calls/" in request.path:
            return web.json_response(
                {"sid": request.path.split("/")[-1].removesuffix(".json"), "status": "in-progress"}
            )
        return web.json_response({"sid": SID, "status": "active", "calls": [], "next_page_uri": None})


async def _stub_api() -> _Api:
    api = _Api()
    await api.start()
    return api
