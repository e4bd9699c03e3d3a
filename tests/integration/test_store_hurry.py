"""Who goes first in the SQLite store, and how its log stays short."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from callback import store_checkpoint
from callback.store import StoreUnavailable, in_no_hurry
from callback.store_schema import Database
from callback.store_sqlite import SqliteStore
from callback.store_worker import BESIDE, UNHURRIED_LIMIT
from tests.e2e.waiting import until
from tests.integration.test_store_sqlite import Gate, add_password, asked


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "list.db")
    await opened.open()
    yield opened
    await opened.close()


class Told:
    """Jobs that tell when they run."""

    def __init__(self) -> None:
        self.order: list[str] = []

    def job(self, name: str) -> Callable[[Database], None]:
        return lambda db: self.order.append(name)


async def test_a_caller_goes_before_the_sweep(store: SqliteStore) -> None:
    """However much of the sweep waits, callers come before it, and little of it is in their commit."""
    told, gate = Told(), await Gate.shut(store)
    with in_no_hurry():
        sweep = await asked(store, *(told.job("sweep") for _ in range(20)))
    callers = await asked(store, *(told.job("caller") for _ in range(3)))
    await gate.open()
    await asyncio.gather(*sweep, *callers)
    assert told.order[:4] == ["caller", "caller", "caller", "sweep"]
    assert told.order.count("sweep") == 20
    begun = gate.statements.index("BEGIN IMMEDIATE")
    committed = gate.statements.index("COMMIT", begun)
    jobs = sum(said == "SAVEPOINT job" for said in gate.statements[begun:committed])
    assert jobs == 3 + BESIDE


async def test_a_caller_who_comes_meanwhile(store: SqliteStore) -> None:
    """A batch of the sweep ends with the job that runs when somebody else comes."""
    told = Told()
    with in_no_hurry():
        gate = await Gate.shut(store)
        sweep = await asked(store, *(told.job("sweep") for _ in range(5)))
    callers = await asked(store, told.job("caller"))
    await gate.open()
    await asyncio.gather(*sweep, *callers)
    assert told.order == ["caller", *["sweep"] * 5]


async def test_the_sweep_gets_its_turn(store: SqliteStore) -> None:
    """Callers who never stop do not keep the sweep from its work."""
    told, over = Told(), False

    async def callers() -> None:
        while not over:
            await store.write(told.job("caller"))

    calling = [asyncio.create_task(callers()) for _ in range(4)]
    await until(lambda: len(told.order) > 10, what="callers come all the time")
    with in_no_hurry():
        for _ in range(5):
            await asyncio.wait_for(store.write(told.job("sweep")), 5)
    over = True
    await asyncio.gather(*calling)
    assert told.order.count("sweep") == 5


async def test_the_sweep_shares_commits(store: SqliteStore) -> None:
    """While nobody else waits, jobs of the sweep are committed together; one that fails harms no other."""

    def fails(db: Database) -> None:
        add_password("bad")(db)
        raise LookupError("on purpose")

    with in_no_hurry():
        gate = await Gate.shut(store)
        names = [f"p{number}" for number in range(UNHURRIED_LIMIT - 2)]
        jobs = await asked(store, fails, *map(add_password, names))
    await gate.open()
    failed, *done = await asyncio.gather(*jobs, return_exceptions=True)
    assert isinstance(failed, LookupError)
    assert done == names
    assert gate.statements.count("COMMIT") == 1
    held = await store.read(lambda db: db.conn.execute("SELECT person_id FROM password").fetchall())
    assert sorted(held) == [(name,) for name in sorted(names)]


async def test_an_unhurried_job_that_fails_alone_is_undone(store: SqliteStore) -> None:
    """Nothing stays of it."""
    with in_no_hurry(), pytest.raises(ZeroDivisionError):
        await store.write(lambda db: [add_password("a")(db), 1 / 0])
    assert await store.get_password("a") is None


async def test_what_was_asked_in_no_hurry_is_done_before_the_end(tmp_path: Path) -> None:
    """A store that is closed does first what it was asked."""
    store = SqliteStore(tmp_path / "list.db")
    await store.open()
    gate = await Gate.shut(store)
    with in_no_hurry():
        jobs = await asked(store, *(add_password(f"p{number}") for number in range(20)))
    closing = asyncio.create_task(store.close())
    await gate.open()
    await closing
    assert await asyncio.gather(*jobs) == [f"p{number}" for number in range(20)]


async def test_a_locked_file_fails_those_in_no_hurry_too(tmp_path: Path) -> None:
    """Nobody waits for a lock as often as there are jobs."""
    store = SqliteStore(tmp_path / "list.db", busy_timeout=timedelta(seconds=0.2))
    await store.open()
    other = sqlite3.connect(tmp_path / "list.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with in_no_hurry():
        jobs = await asked(store, *(add_password(f"p{number}") for number in range(20)))
    answers = await asyncio.gather(*jobs, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    assert time.monotonic() - began < 2
    other.close()
    await store.close()


async def test_the_log_stays_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the thread beside the writer never comes to the end of the log, the writer carries the rest, and writes the log
    over from its beginning."""
    monkeypatch.setattr(store_checkpoint, "EVERY", 0.02)
    monkeypatch.setattr(store_checkpoint, "carry", lambda db: store_checkpoint.LONG)
    path, text = tmp_path / "list.db", "x" * 200_000
    store = SqliteStore(path)
    await store.open()

    def replace(db: Database) -> Any:
        return db.conn.execute("INSERT OR REPLACE INTO password VALUES ('a', ?)", (text,)).rowcount

    for _ in range(100):
        await store.write(replace)
    longest = await asyncio.to_thread(lambda: Path(f"{path}-wal").stat().st_size)
    await store.close()
    assert longest < 100 * len(text) / 2
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT password_hash FROM password").fetchall() == [(text,)]
    connection.close()
