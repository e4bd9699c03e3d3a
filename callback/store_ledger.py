"""The ledger in the SQLite file: how a line is written to the chain, read, and the whole chain looked through."""

# ruff: noqa: S608 - the SQL is put together from this file's own words; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callback.request import LedgerEntry
from callback.store import LedgerHead
from callback.store_rows import ENTRY_COLUMNS, FIRST_HASH, Row, entry_from, line_hash
from callback.store_schema import Database, connect_beside, unavailable

_COLUMNS = ", ".join(ENTRY_COLUMNS)
_LINES_OF = f"SELECT seq, {_COLUMNS} FROM ledger WHERE request_id = ? ORDER BY seq"
_ALL = f"SELECT seq, {_COLUMNS}, hash FROM ledger ORDER BY seq"
_INSERT = f"INSERT INTO ledger (seq, {_COLUMNS}, hash) VALUES ({', '.join('?' * (len(ENTRY_COLUMNS) + 2))})"
# Always one row, and of the right types: whatever somebody does to the head, people can be registered. A line that is
# gone, or that somebody else put there, is never written over: the gap, or the line without its place in the chain, is
# what `verify` finds.
_NEXT = """SELECT max(coalesce(max(CAST(seq AS INTEGER)), 0), (SELECT coalesce(max(seq), 0) FROM ledger)) + 1,
    max(CAST(hash AS BLOB)) FROM ledger_head"""
_MOVE_HEAD = "INSERT INTO ledger_head VALUES (1, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq, hash = excluded.hash"

_GONE = "was removed"
_FOREIGN = "was put there by something else than this version of Tast 1"
_CHANGED = "was changed, or the line before it was, hash and all"
_NOT_NEWEST = "is not the newest line on record, or that record was changed"
_NO_HEAD = "may be missing: the record of which line is the newest was removed, or is nonsense"


@dataclass(frozen=True, slots=True)
class BadLine:
    """The first line of the ledger that is not as it was written. Of a line that is gone only `seq` is known."""

    seq: int
    why: str
    request_id: str | None = None
    at: str | None = None
    """When, as it stands there."""


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What `verify` found. `head` is the newest line that is as it was written."""

    head: LedgerHead
    bad: BadLine | None = None


def write_lines(conn: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Add lines, of ENTRY_COLUMNS. In a transaction that holds the write lock: so the chain is one for all processes."""
    if not rows:
        return
    first, before = conn.execute(_NEXT).fetchone()
    newest, lines = before or FIRST_HASH, []
    for seq, row in enumerate(rows, first):
        newest = line_hash(newest, seq, row)
        lines.append((seq, *row, newest))
    conn.executemany(_INSERT, lines)
    conn.execute(_MOVE_HEAD, (first + len(rows) - 1, newest))


def lines_of(db: Database, request_id: str) -> list[LedgerEntry]:
    return list(map(entry_from, db.conn.execute(_LINES_OF, (request_id,))))


def head(db: Database) -> LedgerHead:
    seq, newest = _on_record(db) or (0, FIRST_HASH)
    return LedgerHead(seq, newest.hex())


def _on_record(db: Database) -> tuple[int, bytes] | None:
    """`seq` and hash of the newest line. None: somebody has removed them, or made nonsense of them."""
    match db.conn.execute("SELECT seq, hash FROM ledger_head").fetchone():
        case (int(seq), bytes(newest)):
            return seq, newest
    return None


def verify(path: Path) -> LedgerReport:
    """Look through the whole chain of a database, on one snapshot, beside whoever writes it: microseconds a line,
    and no more memory for more lines. Raises StoreUnavailable when it cannot look."""
    db = connect_beside(path)
    try:
        # A text that is no UTF-8 is somebody else's: it must be found, and not end the walk.
        db.conn.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        db.conn.execute("BEGIN")
        last, newest = _on_record(db) or (None, None)
        return _walk(db.conn.execute(_ALL), last, newest)
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    finally:
        db.close()


def _walk(lines: Iterable[Row], last: int | None, newest: bytes | None) -> LedgerReport:
    """`last` and `newest` are the `seq` and the hash that stand in the row of the head, if it is there."""
    good, before = 0, FIRST_HASH

    def report(seq: int, why: str, request_id: Any = None, at: Any = None) -> LedgerReport:
        told = (None if value is None else str(value) for value in (request_id, at))
        return LedgerReport(LedgerHead(good, before.hex()), BadLine(seq, why, *told))

    for seq, *row, found in lines:
        if seq > good + 1:
            return report(good + 1, _GONE)
        foreign = seq <= good or found is None or (last is not None and seq > last)
        if foreign or found != _hash(before, seq, tuple(row)):
            return report(seq, _FOREIGN if foreign else _CHANGED, *row[:2])
        good, before = seq, found
    if last is None or last > good:
        return report(good + 1, _GONE if last else _NO_HEAD)
    if newest != before:
        return report(good, _NOT_NEWEST)
    return LedgerReport(LedgerHead(good, before.hex()))


def _hash(before: bytes, seq: int, row: Row) -> bytes | None:
    """None for what no line of ours can hold, such as raw bytes."""
    try:
        return line_hash(before, seq, row)
    except TypeError:
        return None
