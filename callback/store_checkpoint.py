"""Carries what was written from the log of the SQLite file (WAL) into the file, in a thread beside the writer.

Left to SQLite this happens inside some unlucky commit, every few hundred, and keeps whoever is registered then, and all
behind them, for a tenth of a second. A passive checkpoint waits for nobody, and nobody waits for it.
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


class Checkpointer:
    """Start it once, stop it once."""

    def __init__(self, connect: Callable[[], Database]) -> None:
        self._connect = connect
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
                    db.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            db.close()
