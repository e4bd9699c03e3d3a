"""The SQLite file of the list: how it is opened, checked and brought up to date.

Nothing here may write to a file before it is known to be ours and not newer than we are.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from sqlite_utils import Database

from callback.store import StoreUnavailable
from callback.store_migrations import (
    CLOCK_IS_FIXED,
    HELD_REQUEST,
    IS_OPEN,
    MIGRATIONS,
    ON_DUTY_NOW,
    RESTRICTED,
    SERVED_BY,
)

__all__ = [
    "CLOCK_IS_FIXED",
    "HELD_REQUEST",
    "IS_OPEN",
    "MIGRATIONS",
    "ON_DUTY_NOW",
    "RESTRICTED",
    "SERVED_BY",
    "Database",
    "connect_again",
    "connect_beside",
    "connect_reader",
    "connect_writer",
    "unavailable",
]


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


def connect_again(path: Path, busy_timeout: timedelta) -> Database:
    """Another connection to a file that a writer has opened."""
    try:
        return _connect(path, busy_timeout)
    except sqlite3.Error as error:
        raise unavailable(error, path) from error


def connect_reader(path: Path, busy_timeout: timedelta) -> Database:
    """A second connection to a file that a writer has opened; it can only read."""
    try:
        db = _connect(path, busy_timeout)
        db.conn.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    return db


def connect_beside(path: Path) -> Database:
    """Only to read a list that is there, of this version, beside whoever writes it."""
    if not path.is_file():
        raise StoreUnavailable(
            f"there is no {path}; give the data folder of the service, for example --data /var/lib/tast1"
        )
    db = connect_reader(path, timedelta(seconds=5))
    try:
        _refuse_foreign(db, path)
        if MIGRATIONS.pending(db):
            raise StoreUnavailable(
                f"{path} was written by an older version of Tast 1: start the service once"
            )
    except sqlite3.Error as error:
        db.close()
        raise unavailable(error, path) from error
    except StoreUnavailable:
        db.close()
        raise
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
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is not left in the file
        # `store_checkpoint` does it beside the writer; this is for when it does not keep up.
        connection.execute("PRAGMA wal_autocheckpoint = 16000")
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
