"""The alarm: wakes the sweep every few seconds, and earlier when asked. The only user of APScheduler.

It must never decide anything and never keep a deadline: the truth of every deadline is a row, and a lost
wake-up is made good by the next regular one. Its jobs only signal; one task runs the sweeps, so that two
never overlap.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from scheduler.clock import Clock, SystemClock, aware_utc

log = structlog.get_logger(__name__)

JOB_DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
"""APScheduler 3's own defaults drop a job that is one second late."""


class Alarm:
    """Runs `sweep` once at the start, then every `every`, and at each `wake_at`. Start it once, stop it once.

    A signal that comes while a sweep runs is kept and gives one more sweep after it. An exception in a
    sweep is logged and remembered, and the next sweep still happens."""

    def __init__(
        self, sweep: Callable[[], Awaitable[None]], clock: Clock, every: timedelta = timedelta(seconds=15)
    ) -> None:
        self.last_sweep: datetime | None = None
        """When the last sweep ended, well or badly; None before the first."""
        self.last_error: str | None = None
        """Type and message of the last sweep's exception; None when it went well."""
        self._sweep = sweep
        self._clock = clock
        self._every = every
        self._signal = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=JOB_DEFAULTS)

    def start(self) -> None:
        """Begin, with one sweep at once. Needs a running event loop."""
        self._scheduler.add_job(self._ring, "interval", seconds=self._every.total_seconds(), id="regular")
        self._scheduler.start()
        self._signal.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="alarm")

    async def stop(self, patience: timedelta = timedelta(seconds=5)) -> None:
        """No further sweeps. One under way may finish within `patience`, then it is cancelled."""
        if self._task is None:
            return
        self._stopping = True
        self._signal.set()
        self._scheduler.shutdown(wait=False)
        await asyncio.wait({self._task}, timeout=patience.total_seconds())
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    def wake_at(self, at: datetime) -> None:
        """Sweep also at this moment (aware); a moment in the past means now. Asking twice is asking once."""
        at = aware_utc(at)
        delay = at - self._clock.now()
        if delay <= timedelta(0):
            self._signal.set()
            return
        moment = SystemClock().now() + delay  # APScheduler knows the machine's clock only
        self._scheduler.add_job(self._ring, "date", run_date=moment, id=at.isoformat(), replace_existing=True)

    def wake_soon(self) -> None:
        """Sweep within a second, however often it is asked for until then. Needs a running event loop."""
        if self._soon is None or self._soon.when() < asyncio.get_running_loop().time():
            self._soon = asyncio.get_running_loop().call_later(1, self._signal.set)

    async def _ring(self) -> None:
        # a coroutine, because APScheduler runs plain functions in another thread
        self._signal.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                # The scheduler goes by the wall clock: after a step back it would not ring for as long. This does.
                await asyncio.wait_for(self._signal.wait(), 2 * self._every.total_seconds())
            self._signal.clear()
            if self._stopping:
                return
            await self._sweep_once()

    async def _sweep_once(self) -> None:
        try:
            await self._sweep()
        except Exception as error:
            self.last_error = f"{type(error).__name__}: {error}"
            log.exception("sweep_failed")
        else:
            self.last_error = None
        self.last_sweep = self._clock.now()
