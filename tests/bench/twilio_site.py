"""The service on the Twilio line, alone in a process on one core, for tests.bench.twilio_bench. Stops when its input ends."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from callback.desk import Desk
from callback.dispatch import Dispatch
from callback.store_sqlite import SqliteStore
from callback.store_twilio import SqliteLegs
from hardware.line import Answer, CallOffered, EventSink, LegEnded, LineEvent, Prompt
from hardware.lines import Lines
from hardware.twilio.account import Account
from hardware.twilio.line import TwilioLine
from ivr.runner import Runner
from scheduler.clock import SystemClock
from tests.contract.line_rig_twilio import SID, TOKEN, sounds
from tests.offices import MONDAY, config

WAITS = "+4741"
"""Callers from these numbers hear music, one piece after another, without the desk: what is measured is the line."""
_MUSIC = ("nb/wait.music",)


class Holding(TwilioLine):
    """The line, with a machine for those who wait that asks nobody whose turn it is."""

    async def start(self, sink: EventSink) -> None:
        waiting: set[str] = set()
        tasks: set[asyncio.Task[None]] = set()

        def take(event: LineEvent) -> None:
            leg = getattr(event, "leg", "")
            if isinstance(event, CallOffered) and (event.caller or "").startswith(WAITS):
                waiting.add(leg)
            if leg not in waiting:
                sink(event)
            elif not isinstance(event, LegEnded):
                task = asyncio.ensure_future(self._music(leg, offered=isinstance(event, CallOffered)))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        await super().start(take)

    async def _music(self, leg: str, *, offered: bool) -> None:
        if offered:
            await self.send(Answer(leg))
        await self.send(Prompt(leg, _MUSIC, 1, timedelta(0)))


class OpenClock:
    """The machine's clock, moved to a Monday morning in phone hours."""

    def __init__(self) -> None:
        self._ahead = MONDAY - SystemClock().now()

    def now(self) -> datetime:
        return SystemClock().now() + self._ahead


async def run(port: int, api_url: str, data: Path) -> None:
    clock = OpenClock()
    store = SqliteStore(data / "tast1.sqlite3")
    await store.open()
    made = config()
    limits = made.settings.limits.model_copy(update={"registrations_per_caller": 0})
    settings = made.settings.model_copy(update={"limits": limits})
    desk = Desk(store, made.model_copy(update={"settings": settings}), clock)
    account = Account(SID, TOKEN, f"http://127.0.0.1:{port}", "127.0.0.1", port, api_url=api_url)
    line = Holding(account, SqliteLegs(store), clock, sounds, lambda number: None)
    runner = Runner(Lines({"twilio": line}, lambda number: "twilio", lambda office: "twilio"), "twilio", desk)
    dispatch = Dispatch(desk, runner)
    await runner.start()
    while not line.status().up:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.05)
    print("ready", flush=True)

    async def sweeps() -> None:
        while True:
            await asyncio.sleep(15)
            await dispatch.sweep()

    sweeping = asyncio.create_task(sweeps())
    await asyncio.to_thread(sys.stdin.read)
    sweeping.cancel()
    await runner.stop()
    await store.close()


if __name__ == "__main__":
    os.sched_setaffinity(0, {0})
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(run(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
