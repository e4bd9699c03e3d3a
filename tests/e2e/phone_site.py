"""`/phone` served by the web application alone, with a tiny service on a simulated line: for tests in a browser."""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

from aiohttp import web

from callback.web.app import build_app
from callback.web.context import Services
from hardware.line import (
    Answer,
    CallOffered,
    Dial,
    DigitsEntered,
    Hangup,
    LegAnswered,
    LineEvent,
    NoInput,
    Prompt,
    PromptInfo,
    Screen,
)
from hardware.simulated.line import SimulatedLine
from ivr.sound import wav_bytes
from scheduler.clock import SystemClock

OURS, CALLER, STAFF = "+4773000010", "+4740012345", "201"
SECONDS = timedelta(seconds=0.6)


@dataclass
class Script:
    """Answers every call with a menu; after key 2 dials the caseworker, after 3 with a screen; keeps what happened."""

    line: SimulatedLine
    events: list[LineEvent] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def sink(self, event: LineEvent) -> None:
        self.events.append(event)
        task = asyncio.create_task(self._react(event))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _react(self, event: LineEvent) -> None:
        send = self.line.send
        match event:
            case CallOffered(leg):
                await send(Answer(leg))
                await send(Prompt(leg, ("nb/menu", "nb/choose"), 1, timedelta(seconds=20)))
            case LegAnswered(leg):
                await send(Prompt(leg, ("nb/whisper",), 1, timedelta(seconds=20)))
            case DigitsEntered(leg, "1"):
                await send(Prompt(leg, ("nb/promise",)))
            case DigitsEntered(leg, "2"):
                await send(Dial(leg, f"peer-of-{leg}", STAFF, timedelta(seconds=20), OURS))
            case DigitsEntered(leg, "3"):
                screen = Screen(("nb/screen",), timeout=timedelta(seconds=20))
                await send(Dial(leg, f"peer-of-{leg}", STAFF, timedelta(seconds=20), OURS, screen))
            case NoInput(leg):
                await send(Hangup(leg))

    def of(self, kind: type[LineEvent]) -> list[LineEvent]:
        return [event for event in self.events if isinstance(event, kind)]


@dataclass
class Site:
    url: str
    script: Script
    runner: web.AppRunner
    port: int
    played: list[str]

    async def stop(self) -> None:
        await self.runner.cleanup()
        await asyncio.gather(*self.script.tasks)

    async def start(self, script: Script | None = None) -> None:
        """Serve (again), on the same port, on a new line when one is given."""
        if script is not None:
            self.script = script
            await script.line.start(script.sink)
        self.runner = web.AppRunner(
            _app(self.script.line, self.played), access_log=None, shutdown_timeout=1.0
        )
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self.runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"


def new_script() -> Script:
    return Script(SimulatedLine(SystemClock(), lambda item: PromptInfo(f"Ordene i {item}.", SECONDS)))


class Library:
    """Every item is the same stretch of silence; remembers what was asked for."""

    def __init__(self, asked: list[str]) -> None:
        self._asked = asked

    async def wav(self, item: str) -> SimpleNamespace:
        self._asked.append(item)
        body = wav_bytes(array("h", bytes(2 * int(8000 * SECONDS.total_seconds()))))
        return SimpleNamespace(etag=f'"{item}"', body=body)


def _app(line: SimulatedLine, played: list[str]) -> web.Application:
    people = [SimpleNamespace(name="Kari", extension="201"), SimpleNamespace(name="Ola", extension="202")]
    offices = [SimpleNamespace(name="Lillevik", public_number=OURS)]
    config = SimpleNamespace(offices=offices, people=people)
    board = SimpleNamespace(close=lambda: None)
    services = SimpleNamespace(
        config=config, exchange=line, clock=SystemClock(), library=Library(played), board=board
    )
    return build_app(cast("Services", services))
