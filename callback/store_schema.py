"""The SQLite file of the list: how it is opened, checked and brought up to date.

The only place that imports sqlite_utils. A released migration must never be edited: add another.
Nothing here may write to a file before it is known to be ours and not newer than we are.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from sqlite_utils import Database, Migrations

from callback.store import StoreUnavailable

__all__ = [
    "CLOCK_IS_FIXED",
    "MIGRATIONS",
    "OPEN_REQUEST",
    "Database",
    "connect_reader",
    "connect_writer",
    "unavailable",
]

MIGRATION_SET = "tast1"
MIGRATIONS = Migrations(MIGRATION_SET)

OPEN_REQUEST = "state NOT IN ('reached', 'withdrawn', 'decided')"
"""Word for word in the partial indexes and in the queries: SQLite uses such an index only then."""

CLOCK_IS_FIXED = "the clock of a request never changes"
"""What the trigger says; the same words where Python says it."""

_FIRST_TABLES = (
    # Each index is another page that every registration writes: none without a query that needs it.
    """CREATE TABLE request (
        id TEXT PRIMARY KEY NOT NULL,
        reference TEXT NOT NULL,
        office_no TEXT NOT NULL,
        phone TEXT,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'claimed', 'calling', 'result_due', 'unreachable',
                                             'reached', 'withdrawn', 'decided')),
        urgency TEXT NOT NULL CHECK (urgency IN ('urgent', 'ordinary')),
        reason TEXT NOT NULL,
        language TEXT NOT NULL,
        origin TEXT NOT NULL,
        registered_at TEXT NOT NULL,
        due_at TEXT NOT NULL,
        answer_by_date TEXT NOT NULL,
        last_workable_at TEXT NOT NULL,
        next_attempt_at TEXT,
        registered_by TEXT NOT NULL,
        claimed_by TEXT,
        claimed_at TEXT,
        assigned_to TEXT,
        note TEXT,
        version INTEGER NOT NULL CHECK (version >= 0)) WITHOUT ROWID""",
    f"CREATE UNIQUE INDEX request_open_number ON request (phone, office_no) WHERE {OPEN_REQUEST}",
    f"CREATE UNIQUE INDEX request_open_reference ON request (reference) WHERE {OPEN_REQUEST}",
    # next_attempt_at stands last so that the sweep finds what is due without reading every open request.
    f"""CREATE INDEX request_open_order
        ON request (urgency DESC, last_workable_at, registered_at, id, next_attempt_at, office_no)
        WHERE {OPEN_REQUEST}""",
    "CREATE INDEX request_phone ON request (phone)",
    """CREATE TRIGGER request_clock_is_fixed BEFORE UPDATE OF registered_at, due_at, answer_by_date ON request
        WHEN NEW.registered_at IS NOT OLD.registered_at OR NEW.due_at IS NOT OLD.due_at
          OR NEW.answer_by_date IS NOT OLD.answer_by_date
        BEGIN SELECT RAISE(ABORT, 'the clock of a request never changes'); END""",
    """CREATE TABLE attempt (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        request_id TEXT NOT NULL REFERENCES request (id),
        caseworker TEXT NOT NULL,
        phone TEXT,
        started_at TEXT NOT NULL,
        ringing_at TEXT,
        connected_at TEXT,
        ended_at TEXT,
        outcome TEXT CHECK (outcome IN ('answered', 'busy', 'no_answer', 'declined', 'invalid', 'cancelled',
                                        'line_failed')),
        cause INTEGER,
        result TEXT CHECK (result IN ('reached', 'wrong_person', 'ring_again')))""",
    "CREATE INDEX attempt_request ON attempt (request_id)",
    "CREATE UNIQUE INDEX attempt_live_phone ON attempt (phone) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX attempt_live_caseworker ON attempt (caseworker) WHERE ended_at IS NULL",
    """CREATE TABLE ledger (
        seq INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL REFERENCES request (id),
        at TEXT NOT NULL,
        actor TEXT NOT NULL,
        event TEXT NOT NULL,
        from_state TEXT,
        to_state TEXT,
        details TEXT NOT NULL)""",
    "CREATE INDEX ledger_request ON ledger (request_id)",
    """CREATE TRIGGER ledger_is_never_updated BEFORE UPDATE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_is_never_deleted BEFORE DELETE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    # REPLACE deletes without the trigger above unless recursive_triggers is on.
    """CREATE TRIGGER ledger_is_never_replaced BEFORE INSERT ON ledger
        WHEN EXISTS (SELECT 1 FROM ledger WHERE seq = NEW.seq)
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TABLE call (
        id TEXT PRIMARY KEY NOT NULL,
        machine TEXT NOT NULL,
        line TEXT NOT NULL,
        office_no TEXT NOT NULL,
        legs TEXT NOT NULL,
        state TEXT,
        started_at TEXT NOT NULL,
        ended_at TEXT) WITHOUT ROWID""",
    "CREATE INDEX call_open ON call (started_at) WHERE ended_at IS NULL",
    "CREATE TABLE password (person_id TEXT PRIMARY KEY, password_hash TEXT NOT NULL)",
    """CREATE TABLE session (
        digest TEXT PRIMARY KEY,
        person_id TEXT NOT NULL,
        csrf TEXT NOT NULL,
        expires_at TEXT NOT NULL)""",
    "CREATE INDEX session_expires ON session (expires_at)",
    """CREATE TABLE token (
        digest TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        office_no TEXT,
        created_at TEXT NOT NULL,
        revoked_at TEXT)""",
    "CREATE UNIQUE INDEX token_unrevoked_name ON token (name) WHERE revoked_at IS NULL",
)


@MIGRATIONS()
def m001_the_list(db: Database) -> None:
    """Requests, attempts, ledger, calls and access."""
    for statement in _FIRST_TABLES:
        db.conn.execute(statement)


_WISHES = (
    "ALTER TABLE request ADD COLUMN day_part TEXT CHECK (day_part IN ('morning', 'midday', 'afternoon'))",
    "ALTER TABLE request ADD COLUMN discreet INTEGER NOT NULL DEFAULT 0 CHECK (discreet IN (0, 1))",
    "ALTER TABLE request ADD COLUMN reachable_until TEXT",
    "DROP TRIGGER request_clock_is_fixed",
    # A request that becomes urgent is due earlier; nothing else may ever move its clock.
    f"""CREATE TRIGGER request_clock_is_fixed BEFORE UPDATE OF registered_at, due_at, answer_by_date ON request
        WHEN NEW.registered_at IS NOT OLD.registered_at OR NEW.answer_by_date IS NOT OLD.answer_by_date
          OR (NEW.due_at IS NOT OLD.due_at
              AND NOT (NEW.due_at < OLD.due_at AND OLD.urgency = 'ordinary' AND NEW.urgency = 'urgent'))
        BEGIN SELECT RAISE(ABORT, '{CLOCK_IS_FIXED}'); END""",
)


@MIGRATIONS()
def m002_wishes(db: Database) -> None:
    """What callers say of when and how they can be rung; urgent requests may become due earlier."""
    for statement in _WISHES:
        db.conn.execute(statement)


_GUARDS = (
    """CREATE TABLE day_count (
        day TEXT NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        n INTEGER NOT NULL CHECK (n > 0),
        PRIMARY KEY (day, kind, subject)) WITHOUT ROWID""",
    "CREATE TABLE never_call (subject TEXT PRIMARY KEY NOT NULL, at TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE secret (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID",
)


@MIGRATIONS()
def m003_guards(db: Database) -> None:
    """Counts per day, numbers that are never called, and the key that hashes both."""
    for statement in _GUARDS:
        db.conn.execute(statement)


_NUMBER_SOURCE = """ALTER TABLE request ADD COLUMN number_source TEXT NOT NULL DEFAULT 'caller_id'
    CHECK (number_source IN ('caller_id', 'keyed', 'staff'))"""


@MIGRATIONS()
def m004_number_source(db: Database) -> None:
    """How we came to know the number of a request."""
    db.conn.execute(_NUMBER_SOURCE)


_RETURN = (
    "ALTER TABLE attempt ADD COLUMN inbound INTEGER NOT NULL DEFAULT 0 CHECK (inbound IN (0, 1))",
    "CREATE TABLE ready (person_id TEXT PRIMARY KEY NOT NULL, since TEXT NOT NULL) WITHOUT ROWID",
)


@MIGRATIONS()
def m005_return(db: Database) -> None:
    """Who rings back after a miss is put through; who takes such calls."""
    for statement in _RETURN:
        db.conn.execute(statement)


def connect_writer(path: Path, busy_timeout: timedelta) -> Database:
    """Open the file for writing, made and migrated as needed. Raises StoreUnavailable with what to do."""
    try:
        _prepare_file(path)
        db = _connect(path, busy_timeout)
    except OSError as error:
        raise StoreUnavailable(
            f"cannot write the list's database {path}: {error.strerror}; give the user that runs the service"
            f" a folder it may write in, and check the path"
        ) from error
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    try:
        _refuse_foreign(db, path)
        db.conn.execute("PRAGMA journal_mode = WAL")
        # Also proves that the file can be written, and keeps a second process from migrating with us.
        db.conn.execute("BEGIN IMMEDIATE")
        MIGRATIONS.apply(db)
        db.conn.execute("COMMIT")
    except sqlite3.Error as error:
        db.close()
        raise unavailable(error, path) from error
    except StoreUnavailable:
        db.close()
        raise
    return db


def connect_reader(path: Path, busy_timeout: timedelta) -> Database:
    """A second connection to a file that a writer has opened; it can only read."""
    try:
        db = _connect(path, busy_timeout)
        db.conn.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    return db


def unavailable(error: sqlite3.Error, path: Path) -> StoreUnavailable:
    """What a person who operates the service is told about an error of SQLite."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    reason = {
        sqlite3.SQLITE_BUSY: f"{path} is locked by another program: end it if it hangs, then try again",
        sqlite3.SQLITE_LOCKED: f"{path} is locked by another program: end it if it hangs, then try again",
        sqlite3.SQLITE_FULL: f"there is no room left for {path}: free some disk space",
        sqlite3.SQLITE_IOERR: f"the disk fails under {path}: check the disk and the system log",
        sqlite3.SQLITE_READONLY: f"{path} is read-only: let the user that runs the service write it",
        sqlite3.SQLITE_CANTOPEN: f"{path} cannot be opened: check the folder and who may write in it",
        sqlite3.SQLITE_NOTADB: f"{path} is not a database: move it away, or restore a backup",
        sqlite3.SQLITE_CORRUPT: f"{path} is damaged: stop the service and restore a backup",
    }.get(code, f"{path} cannot be used")
    return StoreUnavailable(f"{reason} (SQLite says: {error})")


def _connect(path: Path, busy_timeout: timedelta) -> Database:
    # Transactions are ours (isolation_level=None): the driver must never begin one by itself.
    connection = sqlite3.connect(path, timeout=busy_timeout.total_seconds(), isolation_level=None)
    try:
        db = Database(connection, execute_plugins=False)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # A checkpoint every 1,000 pages would be in every hundredth commit and so decide the p99.
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
    except sqlite3.Error:
        connection.close()
        raise
    return db


def _prepare_file(path: Path) -> None:
    """Make the folder and the file, for the service's own user only. SQLite gives `-wal` the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Opened here only when it is new: closing a file drops every lock this process has on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _refuse_foreign(db: Database, path: Path) -> None:
    tables = {name for (name,) in db.conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return
    applied = {migration.name for migration in MIGRATIONS.applied(db)}
    if not applied:
        raise StoreUnavailable(f"{path} is a database of another program: choose another file")
    empty = Database(memory=True, execute_plugins=False)
    known = {migration.name for migration in MIGRATIONS.pending(empty)}
    empty.close()
    if newer := applied - known:
        raise StoreUnavailable(
            f"{path} was written by a newer version of Tast 1 (it knows {', '.join(sorted(newer))}):"
            f" install that version or a later one, or restore the backup made before the upgrade"
        )
