"""Reads the calendars of the on-call lines every hour. One that fails keeps what is there, and is said on the status page.

One task, beside calls and sweep: nothing of it is in their way.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from callback.desk import Desk
from callback.duty_calendar import CalendarRefused, shifts_in
from callback.request import CallbackError
from config.oncall import OnCallLine
from hardware.calendar_http import CalendarNotFetched
from scheduler.ical_lines import MOST_BYTES
from scheduler.roster import ShiftSource

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)
AGAIN = timedelta(minutes=5)
"""After a failure."""
_LOOK = timedelta(seconds=15)
"""A reload may have brought another address."""


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """How the last try went."""

    url: str
    """Never show it: it may hold a key."""
    tried_at: datetime
    since: datetime
    """When it began to go as it goes."""
    why: str = ""
    """A short word for why it cannot be read: `http_404`, `line_12` of the file; empty: it can."""


class Feeds:
    """Start it once, stop it once. `fetch` gets an address and the most bytes; raises CalendarNotFetched."""

    def __init__(self, desk: Desk, fetch: Callable[[str, int], Awaitable[bytes]]) -> None:
        self._desk = desk
        self._fetch = fetch
        self._status: dict[str, FeedStatus] = {}
        self._task: asyncio.Task[None] | None = None

    def status(self) -> Mapping[str, FeedStatus]:
        """By line; those that have been tried."""
        urls = {line.id: line.calendar for line in self._desk.config.on_call_lines}
        return {line: one for line, one in self._status.items() if urls.get(line) == one.url}

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="feeds")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def read_due(self) -> None:
        """One round: those whose hour is over, one after another."""
        for line in self._desk.config.on_call_lines:
            if line.calendar is None:
                await self._clear(line)
            elif self._is_due(line):
                await self._read(line, line.calendar)

    async def _run(self) -> None:
        while True:
            try:
                await self.read_due()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next round must come
                log.error("feeds_failed", why=type(error).__name__)
            await asyncio.sleep(_LOOK.total_seconds())

    def _is_due(self, line: OnCallLine) -> bool:
        before = self._status.get(line.id)
        if before is None or before.url != line.calendar:
            return True
        return self._desk.clock.now() >= before.tried_at + (AGAIN if before.why else EVERY)

    async def _clear(self, line: OnCallLine) -> None:
        """A line whose calendar was taken out of the configuration has nothing of it to come."""
        if any(shift.source is ShiftSource.FEED for shift in await self._desk.shifts_of(line)):
            await self._desk.take_calendar(line, (), ShiftSource.FEED, "service")

    async def _read(self, line: OnCallLine, url: str) -> None:
        why = ""
        try:
            data = await self._fetch(url, MOST_BYTES)
            staff, now = self._desk.staff_of(line), self._desk.clock.now()
            events = await asyncio.to_thread(shifts_in, data, staff, now)
            await self._desk.take_calendar(line, events, ShiftSource.FEED, "service")
        except CalendarNotFetched as error:
            why = error.why
        except CalendarRefused as error:
            why = f"line_{error.line}"
        except CallbackError as error:
            why = type(error).__name__
        self._told(line, url, why)

    def _told(self, line: OnCallLine, url: str, why: str) -> None:
        """Said once when it fails, and once when it is back."""
        now, before = self._desk.clock.now(), self._status.get(line.id)
        same = before is not None and before.url == url and bool(before.why) == bool(why)
        self._status[line.id] = FeedStatus(url, now, before.since if before and same else now, why)
        if not same and (why or before is not None):
            log.warning("feed_changed", line=line.id, up=not why, why=why)
