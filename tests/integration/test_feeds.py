"""Calendars of the on-call lines, read from a web server every hour; one that fails keeps what is there and says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from callback.desk import Desk
from callback.feeds import Feeds
from callback.store_memory import MemoryStore
from config.oncall import OnCallLine
from hardware.calendar_http import CalendarNotFetched, fetch_calendar
from scheduler.clock import ManualClock
from tests.offices import MONDAY, config

HOUR = timedelta(hours=1)
FILE = (
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20261124T090000\r\nDURATION:PT6H\r\nSUMMARY:{}\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


@dataclass
class CalendarServer:
    status: int = 200
    body: str = FILE.format("Kari")
    asked: int = 0
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if request.path == "/moved":
            raise web.HTTPFound("/vakt.ics")
        return web.Response(status=self.status, text=self.body)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[CalendarServer]:
        app = web.Application()
        app.router.add_get("/{tail:.*}", self.answer)
        server = TestServer(app)
        await server.start_server(access_log=None, shutdown_timeout=0.1)
        self.url = str(server.make_url("/vakt.ics"))
        yield self
        await server.close()


async def test_every_hour() -> None:
    """Read at the start, then each hour; a failure is tried again sooner, keeps the shifts, and is told with a word."""
    store, clock = MemoryStore(), ManualClock(MONDAY)
    await store.open()
    async with CalendarServer().serve() as server:
        line = OnCallLine(id="l1", office_no="9001", number="+4773000011", calendar=server.url)
        desk = Desk(store, config().model_copy(update={"lines": (line,)}), clock)
        feeds = Feeds(desk, fetch_calendar)

        async def people() -> list[tuple[str, ...]]:
            await feeds.read_due()
            return [shift.people for shift in await desk.shifts_of(line)]

        assert await people() == [("kari",)]
        assert feeds.status()["l1"].why == ""
        clock.advance(HOUR - timedelta(seconds=1))
        server.body = FILE.format("Ola")
        assert (await people(), server.asked) == ([("kari",)], 1)
        clock.advance(timedelta(seconds=1))
        assert await people() == [("ola",)]
        for status, body, why in (
            (503, "", "http_503"), (200, FILE.format("Per"), "line_2"), (200, "<html>", "line_1"),
            (200, "x" * 1_100_000, "too_large"),
        ):  # fmt: skip
            server.status, server.body = status, body
            clock.advance(HOUR)
            assert await people() == [("ola",)]
            assert feeds.status()["l1"].why == why
        since = feeds.status()["l1"].since
        assert since == MONDAY + 2 * HOUR, "when it began to fail"
        server.status, server.body = 200, FILE.format("Kari")
        clock.advance(timedelta(minutes=5))
        assert await people() == [("kari",)]
        assert feeds.status()["l1"].why == ""
        events = [entry.event for entry in await desk.roster_history(line)]
        assert events == ["feed_read"] * 3, "what says nothing new writes nothing"
        without = line.model_copy(update={"calendar": None})
        desk.use_config(config().model_copy(update={"lines": (without,)}))
        assert feeds.status() == {}
        assert await people() == [], "its calendar was taken away"
    await store.close()


async def test_fetching() -> None:
    """A redirect is followed; nobody there, and an address that is none, say so."""
    async with CalendarServer().serve() as server:
        moved = server.url.replace("vakt.ics", "moved")
        assert await fetch_calendar(moved, 10_000) == FILE.format("Kari").encode()
    with pytest.raises(CalendarNotFetched, match="no_connection"):
        await fetch_calendar(server.url, 10_000)
    with pytest.raises(CalendarNotFetched, match="no_answer"):
        await fetch_calendar("http://", 10_000)
