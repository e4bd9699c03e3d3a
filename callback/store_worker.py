"""A thread that owns one SQLite connection and commits many jobs at once.

A job is a plain function `fn(db)`. It must never await, begin, commit or roll back, and its answer never
leaves here before the transaction it was part of is durable.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from callback.store import IN_NO_HURRY, StoreError, StoreUnavailable
from callback.store_schema import Database, unavailable

T = TypeVar("T")
Job = Callable[[Database], Any]
Waiting = tuple[Job, "asyncio.Future[Any]"]
Outcome = tuple["asyncio.Future[Any]", Any, Exception | None]

BATCH_LIMIT = 200
UNHURRIED_LIMIT = 8
"""Unhurried jobs that share a commit while nobody else waits."""
BESIDE = 2
"""Unhurried jobs in the commit of others: so they get on however many others come."""


class Worker:
    """Runs jobs in the order they came, but for those that are `in_no_hurry`: while somebody else waits, `BESIDE` of them
    in a batch, at its end. `begin` is the statement that starts a transaction; with `savepoints`
    a job that fails undoes only what it did itself."""

    def __init__(self, path: Path, connect: Callable[[], Database], *, begin: str, savepoints: bool) -> None:
        self._path = path
        self._connect = connect
        self._begin = begin
        self._savepoints = savepoints
        self._came: SimpleQueue[None] = SimpleQueue()
        """One for each job in the two queues, and one to stop."""
        self._jobs: deque[Waiting] = deque()
        self._unhurried: deque[Waiting] = deque()
        self._between: Callable[[Database], object] | None = None
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._live, name=f"store: {begin}", daemon=True)

    async def start(self) -> None:
        """Raises what `connect` raises."""
        self._thread.start()
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            self._came.put(None)
            raise

    async def stop(self) -> None:
        """Finish what was submitted, then close the connection. Submit nothing after this."""
        self._came.put(None)
        await asyncio.shield(self._ended)
        self._thread.join()  # it has nothing left to do but return

    def submit(self, fn: Callable[[Database], T]) -> asyncio.Future[T]:
        """Queue a job; the future has its answer once that is durable."""
        future: asyncio.Future[T] = self._loop.create_future()
        (self._unhurried if IN_NO_HURRY.get() else self._jobs).append((fn, future))
        self._came.put(None)
        return future

    def between(self, fn: Callable[[Database], object]) -> None:
        """Run `fn` once after some batch that is written from now on, in no transaction. From any thread."""
        self._between = fn

    # -- in the thread

    def _live(self) -> None:
        try:
            db = self._connect()
        except Exception as error:  # noqa: BLE001 - told to the one who opens
            self._answer([(self._opened, None, error)])
            return
        self._answer([(self._opened, None, None)])
        try:
            while self._work(db):
                pass
        finally:
            with suppress(sqlite3.Error):
                db.close()
            self._answer([(self._ended, None, None)])

    def _work(self, db: Database) -> bool:
        """One batch; False when told to stop."""
        self._came.get()
        hurried = bool(self._jobs)
        queue = self._jobs if hurried else self._unhurried
        if not queue:
            return False
        batch = [queue.popleft()]
        try:
            db.conn.execute(self._begin)
        except sqlite3.Error as error:
            # Whoever came while we waited for the lock would only wait as long again.
            batch += self._next(self._jobs, len(self._jobs)) + self._next(
                self._unhurried, len(self._unhurried)
            )
            self._answer(self._all_failed(batch, error))
        else:
            batch += self._next(self._jobs, BATCH_LIMIT - len(batch))
            if hurried or len(batch) > 1:
                batch += self._next(self._unhurried, BESIDE)
            self._answer(self._perform(db, batch, alone=not hurried and len(batch) == 1))
        fn, self._between = self._between, None
        if fn is not None:
            with suppress(sqlite3.Error):
                fn(db)
        return True

    def _next(self, queue: deque[Waiting], limit: int) -> list[Waiting]:
        """What is queued now, at most `limit`."""
        taken: list[Waiting] = []
        while queue and len(taken) < limit:
            self._came.get()
            taken.append(queue.popleft())
        return taken

    def _in_turn(self, batch: list[Waiting], alone: bool) -> Iterator[Waiting]:
        """The batch; and an unhurried one that is `alone` gets more of its kind, while nobody else waits."""
        yield from batch
        while alone and not self._jobs and len(batch) < UNHURRIED_LIMIT:
            more = self._next(self._unhurried, 1)
            if not more:
                return
            batch += more
            yield from more

    def _perform(self, db: Database, batch: list[Waiting], *, alone: bool) -> list[Outcome]:
        savepoints = self._savepoints and (len(batch) > 1 or alone)
        try:
            outcomes = [
                (future, *self._run(db, job, savepoints)) for job, future in self._in_turn(batch, alone)
            ]
            if self._savepoints and not savepoints and outcomes[0][2] is not None:
                db.conn.execute("ROLLBACK")
            else:
                db.conn.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody may be left waiting
            with suppress(sqlite3.Error):
                if db.conn.in_transaction:
                    db.conn.execute("ROLLBACK")
            return self._all_failed(batch, error)
        return outcomes

    def _run(self, db: Database, job: Job, savepoint: bool) -> tuple[Any, Exception | None]:
        conn = db.conn
        if savepoint:
            conn.execute("SAVEPOINT job")
        result, failure = None, None
        try:
            result = job(db)
        except Exception as error:  # noqa: BLE001 - told to the one who asked
            failure = error
        if not conn.in_transaction:
            # SQLite ended it by itself (a full disk, an I/O error): the whole batch is undone.
            raise failure or sqlite3.OperationalError("the transaction was lost")
        if savepoint:
            if failure is not None:
                conn.execute("ROLLBACK TO job")
            conn.execute("RELEASE job")
        return result, None if failure is None else self._translated(failure)

    def _all_failed(self, batch: list[Waiting], error: Exception) -> list[Outcome]:
        return [(future, None, self._failure(error)) for _, future in batch]

    def _failure(self, error: Exception) -> StoreUnavailable:
        """One exception for each who waits: a shared one would collect the tracebacks of all."""
        if isinstance(error, sqlite3.Error):
            failure = unavailable(error, self._path)
        else:
            failure = StoreUnavailable(f"nothing was written to {self._path}: {error}")
        failure.__cause__ = error
        return failure

    def _translated(self, error: Exception) -> Exception:
        """What a job raised, in the port's words; a mistake in our own code stays as it is."""
        if isinstance(error, sqlite3.IntegrityError):
            refused = StoreError(f"the database refused this: {error}")
            refused.__cause__ = error
            return refused
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.ProgrammingError):
            return self._failure(error)
        return error

    def _answer(self, outcomes: list[Outcome]) -> None:
        # The loop may be gone at the end of the program; then nobody waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_settle, outcomes)


def _settle(outcomes: list[Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():  # the one who waited was cancelled
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
