"""A copy of the list's file, taken while the service runs.

Nobody ever sees a copy that is not whole: it is made in a folder of its own, verified, and only then given its name.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from callback.request import CallbackError
from callback.store_ledger import LedgerReport, verify
from callback.store_schema import connect_beside, unavailable

_EXISTS = "{} exists already; choose another name, or move it away"


class BackupFailed(CallbackError):
    """There is no copy, and nothing of it is left behind."""


def backup(path: Path, target: Path) -> LedgerReport:
    """Copy the database `path` to the new file `target`, readable by its owner only, on the disk when this returns.
    The report is of the copy's ledger: a broken one is copied as it is, for there is no other.
    Raises BackupFailed, and StoreUnavailable when `path` cannot be read or there is no room."""
    if os.path.lexists(target):
        raise BackupFailed(_EXISTS.format(target))
    if not target.parent.is_dir():
        raise BackupFailed(f"there is no folder {target.parent}; make it, or choose another")
    try:
        with TemporaryDirectory(prefix=".tast1-backup-", dir=target.parent) as scratch:
            copy = Path(scratch) / "copy"
            _copy(path, copy, target)
            _check(copy)
            report = verify(copy)
            _sync(copy)
            os.link(copy, target)  # never replaces a file
        _sync(target.parent)
    except FileExistsError as error:
        raise BackupFailed(_EXISTS.format(target)) from error
    except OSError as error:
        raise BackupFailed(f"cannot write {target}: {error.strerror}") from error
    return report


def _copy(path: Path, copy: Path, target: Path) -> None:
    """One snapshot, without what was erased; writers go on meanwhile."""
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL, 0o600))
    with closing(connect_beside(path)) as db:
        try:
            db.conn.execute("PRAGMA query_only = OFF")  # else nothing can be written, not even a copy
            db.conn.execute("VACUUM INTO ?", (str(copy),))
        except sqlite3.DatabaseError as error:
            is_damaged = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
            raise unavailable(error, path if is_damaged else target) from error


def _check(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise BackupFailed(f"the copy is damaged, and so is perhaps the list: {found}; check the disk")


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
