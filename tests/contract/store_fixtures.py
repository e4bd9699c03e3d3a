"""Both twins of the Store, for the suite that runs over each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from callback.store import Store
from callback.store_memory import MemoryStore
from callback.store_sqlite import SqliteStore

Reopen = Callable[[], Awaitable[Store]]


@pytest.fixture(params=["memory", "sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Gives a store over the same data each time; a file is opened afresh."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "list.db")
    memory = MemoryStore()
    return lambda: memory


@pytest_asyncio.fixture
async def store(make_store: Callable[[], Store]) -> AsyncIterator[Store]:
    """An open, empty store."""
    opened = make_store()
    await opened.open()
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def reopen(make_store: Callable[[], Store], store: Store) -> AsyncIterator[Reopen]:
    """Closes the store and opens its data again."""
    opened: list[Store] = []

    async def again() -> Store:
        await store.close()
        opened.append(make_store())
        await opened[-1].open()
        return opened[-1]

    yield again
    for each in opened:
        await each.close()
