"""The legs of the Twilio line on disk, so that a webhook after a restart finds where its call was.

A row is one leg: its own id, Twilio's id of the call once it is known, and the driver's state as JSON. The driver takes the
number out of a leg that has ended; the row itself goes a day later, for a webhook may come late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from callback.store_rows import to_text
from callback.store_schema import Database
from callback.store_sqlite import SqliteStore

_SELECT = "SELECT id, sid, state, ended_at IS NOT NULL FROM twilio_leg"
_WRITE = (
    "INSERT INTO twilio_leg (id, sid, state, ended_at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
    " SET sid = excluded.sid, state = excluded.state, ended_at = excluded.ended_at"
)


@dataclass(frozen=True, slots=True)
class LegRow:
    id: str
    sid: str | None
    state: str
    """JSON; only the driver reads it."""
    ended_at: datetime | None = None


class LegStore(Protocol):
    """All methods raise StoreUnavailable."""

    async def save(self, *rows: LegRow) -> None:
        """All of them or none; durable when this returns."""

    async def open(self) -> list[LegRow]:
        """The legs that have not ended."""

    async def get(self, leg_id: str) -> str | None:
        """The state of a leg, also of one that has ended."""

    async def by_sid(self, sid: str) -> str | None: ...

    async def forget_before(self, at: datetime) -> None:
        """Drop the legs that ended before."""


class SqliteLegs:
    """See LegStore; in the file of the list."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def save(self, *rows: LegRow) -> None:
        values = [
            (row.id, row.sid, row.state, None if row.ended_at is None else to_text(row.ended_at))
            for row in rows
        ]
        await self._store.write(lambda db: db.conn.executemany(_WRITE, values).rowcount)

    async def open(self) -> list[LegRow]:
        def job(db: Database) -> list[LegRow]:
            found = db.conn.execute(f"{_SELECT} WHERE ended_at IS NULL ORDER BY id")
            return [LegRow(row[0], row[1], row[2]) for row in found]

        return await self._store.read(job)

    async def get(self, leg_id: str) -> str | None:
        return await self._one("id", leg_id)

    async def by_sid(self, sid: str) -> str | None:
        return await self._one("sid", sid)

    async def _one(self, column: str, value: str) -> str | None:
        def job(db: Database) -> str | None:
            row = db.conn.execute(f"{_SELECT} WHERE {column} = ?", (value,)).fetchone()
            return None if row is None else str(row[2])

        return await self._store.read(job)

    async def forget_before(self, at: datetime) -> None:
        text = to_text(at)
        await self._store.write(
            lambda db: db.conn.execute("DELETE FROM twilio_leg WHERE ended_at < ?", (text,)).rowcount
        )


class MemoryLegs:
    """See LegStore; no disk."""

    def __init__(self) -> None:
        self._rows: dict[str, LegRow] = {}

    async def save(self, *rows: LegRow) -> None:
        self._rows.update({row.id: row for row in rows})

    async def open(self) -> list[LegRow]:
        return [self._rows[key] for key in sorted(self._rows) if self._rows[key].ended_at is None]

    async def get(self, leg_id: str) -> str | None:
        row = self._rows.get(leg_id)
        return None if row is None else row.state

    async def by_sid(self, sid: str) -> str | None:
        return next((row.state for row in self._rows.values() if row.sid == sid), None)

    async def forget_before(self, at: datetime) -> None:
        self._rows = {
            key: row for key, row in self._rows.items() if row.ended_at is None or row.ended_at >= at
        }
