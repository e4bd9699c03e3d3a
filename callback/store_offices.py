"""The transactions of the SQLite store about offices: what they say of themselves, and the events told to others."""

# ruff: noqa: S608 - the SQL is put together from this file's own words; every value is bound

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from callback.office_event import EventCount, EventKind, EventState, OfficeEvent, Seen
from callback.office_note import NoteKind, OfficeNote
from callback.office_store import OpenCount
from callback.store_rows import Row, from_text, to_text
from callback.store_schema import IS_OPEN, SERVED_BY, Database

T = TypeVar("T")
_NOTE = "office_no, kind, at, by, text, expires_at"
_EVENT = "id, kind, office_no, created_at, body, due_at, state, tries, ended_at, why"
_ADD_NOTE = f"INSERT INTO office_note ({_NOTE}) VALUES (?, ?, ?, ?, ?, ?)"
_NEWEST = f"""SELECT {_NOTE} FROM office_note
    WHERE seq IN (SELECT max(seq) FROM office_note GROUP BY office_no, kind) ORDER BY seq"""
_HISTORY = f"SELECT {_NOTE} FROM office_note WHERE office_no = ? ORDER BY seq DESC LIMIT ?"
_ADD_EVENT = f"INSERT INTO office_event ({_EVENT}) VALUES ({', '.join('?' * 10)})"
_ANY_BEFORE = "SELECT 1 FROM office_event WHERE ended_at < ? LIMIT 1"
_FORGET = "DELETE FROM office_event WHERE ended_at < ?"
_SEEN = "INSERT INTO office_seen VALUES (?, ?, ?) ON CONFLICT (office_no, kind) DO UPDATE SET hash = excluded.hash"
_DUE = f"SELECT {_EVENT} FROM office_event WHERE state = 'waiting' AND due_at <= ? ORDER BY created_at, id LIMIT ?"
_CHANGE_EVENT = "UPDATE office_event SET due_at = ?, state = ?, tries = ?, ended_at = ?, why = ? WHERE id = ? AND state = 'waiting'"
# All of it stands in the index `request_turn`: no row is read.
OPEN_COUNTS = f"""SELECT {SERVED_BY} AS office, count(*), sum(last_workable_at <= ?), sum(urgency = 'urgent')
    FROM request WHERE {IS_OPEN} GROUP BY office ORDER BY office"""


def note_row(note: OfficeNote) -> Row:
    """Raises ValueError for a naive time."""
    expires = None if note.expires_at is None else to_text(note.expires_at)
    return (note.office_no, note.kind.value, to_text(note.at), note.by, note.text, expires)


def note_from(row: Row) -> OfficeNote:
    expires = None if row[5] is None else from_text(row[5])
    return OfficeNote(row[0], NoteKind(row[1]), from_text(row[2]), row[3], row[4], expires)


def event_row(event: OfficeEvent) -> Row:
    """Raises ValueError for a naive time."""
    ended = None if event.ended_at is None else to_text(event.ended_at)
    return (
        *(event.id, event.kind.value, event.office_no, to_text(event.created_at), event.body),
        *(to_text(event.due_at), event.state.value, event.tries, ended, event.why),
    )


def event_from(row: Row) -> OfficeEvent:
    ended = None if row[8] is None else from_text(row[8])
    return OfficeEvent(
        row[0], EventKind(row[1]), row[2], from_text(row[3]), row[4], from_text(row[5]), EventState(row[6]), row[7],
        ended, row[9],
    )  # fmt: skip


class SqliteOffices(ABC):
    """See callback.office_store.OfficeStore."""

    @abstractmethod
    async def write(self, job: Callable[[Database], T]) -> T: ...

    @abstractmethod
    async def read(self, job: Callable[[Database], T]) -> T: ...

    async def add_office_note(self, note: OfficeNote) -> None:
        row = note_row(note)
        await self.write(lambda db: db.conn.execute(_ADD_NOTE, row).rowcount)

    async def office_notes(self) -> list[OfficeNote]:
        return list(map(note_from, await self.read(lambda db: db.conn.execute(_NEWEST).fetchall())))

    async def office_history(self, office_no: str, limit: int) -> list[OfficeNote]:
        values = (office_no, max(limit, 0))
        return list(map(note_from, await self.read(lambda db: db.conn.execute(_HISTORY, values).fetchall())))

    async def open_counts(self, at: datetime) -> list[OpenCount]:
        until = to_text(at)
        rows = await self.read(lambda db: db.conn.execute(OPEN_COUNTS, (until,)).fetchall())
        return [OpenCount(*row) for row in rows]

    async def add_events(self, events: Sequence[OfficeEvent], seen: Seen) -> None:
        rows = [event_row(event) for event in events]
        await self.write(lambda db: _add_events(db, rows, seen))

    async def events_seen(self) -> Seen:
        return await self.read(_seen)

    async def due_events(self, at: datetime, limit: int) -> list[OfficeEvent]:
        values = (to_text(at), max(limit, 0))
        return list(map(event_from, await self.read(lambda db: db.conn.execute(_DUE, values).fetchall())))

    async def change_event(self, event: OfficeEvent) -> bool:
        values = (*event_row(event)[5:], event.id)
        return await self.write(lambda db: db.conn.execute(_CHANGE_EVENT, values).rowcount == 1)

    async def event_counts(self) -> list[EventCount]:
        return await self.read(_counts)

    async def forget_events_before(self, at: datetime) -> None:
        until = to_text(at)
        if await self.read(lambda db: db.conn.execute(_ANY_BEFORE, (until,)).fetchone()) is not None:
            await self.write(lambda db: db.conn.execute(_FORGET, (until,)).rowcount)


def _add_events(db: Database, events: Sequence[Row], seen: Seen) -> None:
    db.conn.executemany(_ADD_EVENT, events)
    db.conn.executemany(_SEEN, [(office_no, kind.value, seen[office_no, kind]) for office_no, kind in seen])


def _seen(db: Database) -> Seen:
    rows = db.conn.execute("SELECT office_no, kind, hash FROM office_seen")
    return {(office_no, EventKind(kind)): digest for office_no, kind, digest in rows}


def _counts(db: Database) -> list[EventCount]:
    sql = "SELECT state, count(*), max(ended_at) FROM office_event GROUP BY state ORDER BY state"
    return [
        EventCount(EventState(state), n, None if last is None else from_text(last))
        for state, n, last in db.conn.execute(sql)
    ]
