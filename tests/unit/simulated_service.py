"""A service that only listens, on a simulated line whose time stands still: for the tests of that line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hardware.line import (
    Answer,
    CallOffered,
    Connected,
    Dial,
    LineEvent,
    LineRestored,
    PromptInfo,
)
from hardware.simulated.line import Behaviour, SimulatedLine
from hardware.simulated.phone import Feed
from scheduler.clock import ManualClock
from tests.e2e.waiting import until

OURS, CALLER, OTHER, STAFF = "+4773000010", "+4740012345", "+4740099999", "201"
LONG = timedelta(seconds=30)


def prompt_info(item: str) -> PromptInfo:
    return PromptInfo(f"Ordene i {item}", timedelta(seconds=0.05))


class Service:
    """A sink that remembers, on a line whose time stands still."""

    def __init__(self, *, timers: bool = False) -> None:
        self.clock = ManualClock(datetime(2026, 11, 23, 8, tzinfo=UTC))
        self.line = SimulatedLine(self.clock, prompt_info, timers=timers)
        self.events: list[LineEvent] = []

    async def next(self) -> LineEvent:
        await until(lambda: len(self.events) > 0, 2, "an event")
        return self.events.pop(0)

    async def caller_up(self, number: str = CALLER) -> str:
        self.line.dial(number, OURS)
        offered = await self.next()
        assert isinstance(offered, CallOffered)
        await self.line.send(Answer(offered.leg))
        return offered.leg

    async def talking(self) -> tuple[str, str]:
        leg = await self.caller_up()
        self.line.behave(STAFF, Behaviour.ANSWER)
        await self.line.send(Dial(leg, "p", STAFF, LONG, OURS))
        assert await self.next() == Connected(leg, "p")
        return leg, "p"


@pytest.fixture(name="service")
async def started_service() -> AsyncIterator[Service]:
    service = Service()
    await service.line.start(service.events.append)
    assert await service.next() == LineRestored(frozenset())
    yield service
    await service.line.stop()


async def told(feed: Feed) -> dict[str, Any]:
    async with asyncio.timeout(2):
        return await anext(feed)
