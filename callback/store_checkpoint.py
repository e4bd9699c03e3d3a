"""Carries what was written from the log of the SQLite file (WAL) into the file, in a thread beside the writer.

Left to SQLite this happens inside some unlucky commit, every few hundred, and keeps whoever is registered then, and all
behind them, for a tenth of a second. A passive checkpoint waits for nobody, and nobody waits for it.

Where writing never pauses, there is always a little left. The writer carries that itself, between two transactions, and then
writes the log from its beginning again: it stays short, and a disk makes what is written over durable in half the time
that it needs for a file that grows.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress

from callback.store_schema import Database

EVERY = 0.5
"""Seconds. With nothing to carry it costs microseconds."""
LONG = 1000
"""Pages of the log: with so many the writer is asked for the rest."""


class Checkpointer:
    """Start it once, stop it once. `carry_rest` asks the writer; it is called in this one's thread."""

    def __init__(self, connect: Callable[[], Database], carry_rest: Callable[[], None]) -> None:
        self._connect = connect
        self._carry_rest = carry_rest
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="store: checkpoint", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)

    def _live(self) -> None:
        # A disk that fails is told by the writer, and a log that is not carried in now is the next time.
        with suppress(Exception):
            db = self._connect()
            while not self._stopping.wait(EVERY):
                with suppress(sqlite3.Error):
                    if carry(db) >= LONG:
                        carry(db)  # what was written meanwhile: far less
                        self._carry_rest()
            db.close()


def carry(db: Database) -> int:
    """What the log holds goes into the file; returns how many pages it is long."""
    _, pages, _ = db.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(pages)
