"""A desk over a list in memory on a Monday morning, and what the tests of its use cases do with it again and again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callback.desk import Desk, Registration
from callback.request import AttemptOutcome, CallbackRequest
from callback.store_memory import MemoryStore
from scheduler.clock import ManualClock
from tests.offices import CALLER, MONDAY, config


@pytest.fixture(name="clock")
def monday_clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture(name="store")
async def memory_store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    await store.open()
    yield store
    await store.close()


@pytest.fixture(name="desk")
def memory_desk(store: MemoryStore, clock: ManualClock) -> Desk:
    return Desk(store, config(), clock)


async def registered(desk: Desk, phone: str | None = CALLER, **more: object) -> CallbackRequest:
    request, _ = await desk.register(Registration("9001", phone, **more))  # type: ignore[arg-type]
    return request


async def missed(
    desk: Desk,
    request: CallbackRequest,
    outcome: AttemptOutcome = AttemptOutcome.NO_ANSWER,
    attempt: str = "a1",
) -> CallbackRequest:
    await desk.start_attempt(request.id, "kari", attempt)
    return await desk.end_attempt(attempt, outcome, 17)


async def events(desk: Desk, request: CallbackRequest) -> list[str]:
    return [entry.event for entry in await desk.store.ledger(request.id)]
