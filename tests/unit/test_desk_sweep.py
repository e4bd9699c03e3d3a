"""Claims that nobody acted on go back to the list, page by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callback import desk_sweep
from callback.desk import Desk
from callback.request import CallbackRequest, RequestState
from callback.store import Change, StoreUnavailable
from callback.store_memory import MemoryStore
from scheduler.clock import ManualClock
from tests.unit.memory_desk import (
    events,
    memory_desk,  # noqa: F401  # the fixture `desk`
    memory_store,  # noqa: F401  # the fixture `store`
    monday_clock,  # noqa: F401  # the fixture `clock`
    registered,
)

OVER = timedelta(minutes=16)


async def claims(desk: Desk, count: int) -> list[CallbackRequest]:
    requests = [await registered(desk, f"+4740{n:06}") for n in range(count)]
    return [await desk.claim(request.id, "kari") for request in requests]


async def test_more_than_a_page(desk: Desk, clock: ManualClock) -> None:
    """All of them go back in one sweep, each with a line of its own, due as planned; those of late stay."""
    held = await claims(desk, 2 * desk_sweep.PAGE + 3)
    clock.advance(OVER)
    young = await desk.claim((await registered(desk)).id, "ola")
    assert await desk.sweep() == len(held)
    for request in held:
        after = await desk.get(request.id)
        assert (after.state, after.claimed_by) == (RequestState.WAITING, None)
        assert after.next_attempt_at == clock.now()
    assert (await events(desk, held[-1]))[-1] == "released"
    assert (await desk.get(young.id)).state is RequestState.CLAIMED


async def test_no_more_than_a_sweep_may(
    desk: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is given back by the next sweep."""
    monkeypatch.setattr(desk_sweep, "PAGE", 2)
    monkeypatch.setattr(desk_sweep, "MOST", 4)
    await claims(desk, 7)
    clock.advance(OVER)
    assert [await desk.sweep() for _ in range(3)] == [4, 3, 0]


async def test_somebody_acts_in_between(
    desk: Desk, store: MemoryStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theirs stands, and the others of the page are given back."""
    held = await claims(desk, 3)
    clock.advance(OVER)
    looked = store.expired_claims

    async def and_then_one_is_withdrawn(*asked: Any) -> list[CallbackRequest]:
        found = await looked(*asked)
        if len(found) == 3:
            gone = replace(found[1], state=RequestState.WITHDRAWN, claimed_by=None, next_attempt_at=None)
            await store.save(Change(gone, ()))
        return found

    monkeypatch.setattr(store, "expired_claims", and_then_one_is_withdrawn)
    assert await desk.sweep() == 2
    states = [(await desk.get(request.id)).state for request in held]
    assert sorted(states) == ["waiting", "waiting", "withdrawn"]


async def test_a_store_that_refuses_everything(
    desk: Desk, store: MemoryStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep says so and does not try the same again and again."""
    await claims(desk, 2)
    clock.advance(OVER)

    async def refuse(*changes: Change) -> tuple[CallbackRequest, ...]:
        raise StoreUnavailable("no room")

    monkeypatch.setattr(store, "save", refuse)
    with pytest.raises(StoreUnavailable):
        await desk.sweep()
