"""What every store of Twilio's legs keeps: a leg is found by its id and by Twilio's, open ones are listed, and all or none is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from callback.store_sqlite import SqliteStore
from callback.store_twilio import LegRow, LegStore, MemoryLegs, SqliteLegs
from tests.contract.store_factory import T0


@pytest.fixture(params=["memory", "sqlite"])
async def legs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LegStore]:
    if request.param == "memory":
        yield MemoryLegs()
        return
    store = SqliteStore(tmp_path / "legs.sqlite3")
    await store.open()
    yield SqliteLegs(store)
    await store.close()


async def test_kept(legs: LegStore) -> None:
    """The latest state counts; an ended leg is found, and not among the open."""
    await legs.save(LegRow("a", None, "1"), LegRow("b", "CA2", "2"))
    await legs.save(LegRow("a", "CA1", "3"))
    assert [row.state for row in await legs.open()] == ["3", "2"]
    assert (await legs.get("a"), await legs.by_sid("CA1"), await legs.get("c")) == ("3", "3", None)
    await legs.save(LegRow("b", "CA2", "4", T0))
    assert [row.state for row in await legs.open()] == ["3"]
    assert await legs.by_sid("CA2") == "4"


async def test_forgotten(legs: LegStore) -> None:
    """A leg is forgotten some time after its end; an open one never."""
    await legs.save(
        LegRow("a", None, "1"), LegRow("b", None, "2", T0), LegRow("c", None, "3", T0 + timedelta(hours=1))
    )
    await legs.forget_before(T0 + timedelta(minutes=1))
    assert [await legs.get(key) for key in "abc"] == ["1", None, "3"]
