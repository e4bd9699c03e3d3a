"""The transactions of the SQLite store about duty shifts, and their rows."""

# ruff: noqa: S608 - the SQL is put together from this file's own words; every value is bound

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from callback import store_notices
from callback.shifts import GapWarned, RosterChange, RosterEntry, RosterNews, StaleRoster
from callback.store_rows import Row, from_text, to_text
from callback.store_schema import Database
from scheduler.roster import DutyShift, ShiftKind, ShiftSource

T = TypeVar("T")

COLUMNS = "id, line_id, people, begins_at, ends_at, kind, source, uid, changed_by, changed_at"
_WRITE = f"INSERT OR REPLACE INTO duty_shift ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_HISTORY = "INSERT INTO duty_history (line_id, at, actor, event, details) VALUES (?, ?, ?, ?, ?)"


class SqliteRoster(ABC):
    """See callback.shifts.ShiftStore."""

    @abstractmethod
    async def write(self, job: Callable[[Database], T]) -> T: ...

    @abstractmethod
    async def read(self, job: Callable[[Database], T]) -> T: ...

    async def save_roster(self, change: RosterChange) -> int:
        shifts = [shift_row(shift) for shift in change.put]
        entry = entry_row(change.entry)
        warned = [
            (one.line_id, to_text(one.begins_at), to_text(one.ends_at), one.step) for one in change.warned
        ]
        notices = [store_notices.notice_row(notice) for notice in change.notices]

        def job(db: Database) -> int:
            if _version(db, change.entry.line_id) != change.seen:
                raise StaleRoster
            gone = [(one,) for one in change.remove]
            db.conn.executemany("DELETE FROM duty_shift WHERE id = ?", gone)
            db.conn.executemany(_WRITE, shifts)
            db.conn.executemany("INSERT OR IGNORE INTO duty_warned VALUES (?, ?, ?, ?)", warned)
            for notice in notices:
                store_notices.write(db.conn, notice)
            db.conn.execute(_HISTORY, entry)
            return _version(db, change.entry.line_id)

        return await self.write(job)

    async def roster_since(self, version: int) -> RosterNews:
        def job(db: Database) -> RosterNews:
            sql = "SELECT line_id, max(seq) FROM duty_history WHERE seq > ? GROUP BY line_id"
            versions = dict(db.conn.execute(sql, (version,)).fetchall())
            if not versions:
                return RosterNews({}, ())
            lines = "SELECT value FROM json_each(?)"
            sql = f"SELECT {COLUMNS} FROM duty_shift WHERE line_id IN ({lines}) ORDER BY begins_at, id"
            rows = db.conn.execute(sql, (json.dumps([*versions]),))
            return RosterNews(versions, tuple(map(shift_from, rows)))

        return await self.read(job)

    async def roster_history(self, line_id: str, limit: int) -> list[RosterEntry]:
        sql = "SELECT line_id, at, actor, event, details FROM duty_history WHERE line_id = ? ORDER BY seq DESC LIMIT ?"
        values = (line_id, max(limit, 0))
        return await self.read(lambda db: list(map(entry_from, db.conn.execute(sql, values))))

    async def gap_warnings(self, line_id: str, since: datetime) -> list[GapWarned]:
        sql = (
            "SELECT line_id, begins_at, ends_at, step FROM duty_warned"
            " WHERE line_id = ? AND ends_at > ? ORDER BY begins_at, ends_at, step"
        )
        values = (line_id, to_text(since))
        rows = await self.read(lambda db: db.conn.execute(sql, values).fetchall())
        return [
            GapWarned(line, from_text(begins), from_text(ends), step) for line, begins, ends, step in rows
        ]

    async def forget_shifts_before(self, at: datetime) -> None:
        until = (to_text(at),)
        old = "SELECT 1 FROM {} WHERE ends_at < ? LIMIT 1"
        tables = ("duty_shift", "duty_warned")

        def is_old(db: Database) -> bool:
            return any(db.conn.execute(old.format(table), until).fetchone() for table in tables)

        def forget(db: Database) -> None:
            for table in tables:
                db.conn.execute(f"DELETE FROM {table} WHERE ends_at < ?", until)

        if await self.read(is_old):
            await self.write(forget)


def _version(db: Database, line_id: str) -> int:
    (version,) = db.conn.execute(
        "SELECT coalesce(max(seq), 0) FROM duty_history WHERE line_id = ?", (line_id,)
    ).fetchone()
    return int(version)


def shift_row(shift: DutyShift) -> Row:
    """Values of COLUMNS. Raises ValueError for a naive time."""
    return (
        shift.id, shift.line_id, json.dumps(shift.people), to_text(shift.begins_at), to_text(shift.ends_at),
        shift.kind.value, shift.source.value, shift.uid, shift.changed_by, to_text(shift.changed_at),
    )  # fmt: skip


def shift_from(row: Row) -> DutyShift:
    """From values of COLUMNS."""
    return DutyShift(
        row[0], row[1], tuple(json.loads(row[2])), from_text(row[3]), from_text(row[4]),
        ShiftKind(row[5]), ShiftSource(row[6]), row[7], row[8], from_text(row[9]),
    )  # fmt: skip


def entry_row(entry: RosterEntry) -> Row:
    details = json.dumps(dict(entry.details), ensure_ascii=False, sort_keys=True)
    return entry.line_id, to_text(entry.at), entry.actor, entry.event, details


def entry_from(row: Row) -> RosterEntry:
    line_id, at, actor, event, details = row
    return RosterEntry(line_id, from_text(at), actor, event, json.loads(details))
