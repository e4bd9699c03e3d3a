"""What the SQLite store says of files it cannot use, and how it keeps its own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from callback.store import StoreUnavailable
from callback.store_sqlite import SqliteStore
from tests.contract.store_factory import new_entry, new_request

NOBODY = 65534


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write anywhere, so be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


async def filled(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    request = new_request()
    await store.register(request, new_entry(request))
    await store.close()


async def refusal(path: Path) -> str:
    """What open says; nothing may be left open afterwards."""
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable) as refused:
        await store.open()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.count_open()
    assert str(path) in str(refused.value)
    return str(refused.value)


async def test_makes_its_folder_and_file_private(tmp_path: Path) -> None:
    """Folder and file are made, and nobody but the service's user can read them, -wal and -shm included."""
    path = tmp_path / "new" / "deep" / "list.db"
    store = SqliteStore(path)
    await store.open()
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    await store.close()
    assert modes == {"list.db": 0o600, "list.db-wal": 0o600, "list.db-shm": 0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_closes_a_file_that_others_could_read(tmp_path: Path) -> None:
    """A file that came back from a backup with wide permissions is made private."""
    path = tmp_path / "list.db"
    await filled(path)
    path.chmod(0o644)
    await filled(path)
    assert path.stat().st_mode & 0o777 == 0o600


async def test_keeps_the_promised_pragmas(tmp_path: Path) -> None:
    """Every connection is WAL, FULL, with foreign keys and a busy time-out."""
    store = SqliteStore(tmp_path / "list.db")
    await store.open()
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    for run in (store.write, store.read):
        found = await run(lambda db: [db.conn.execute(f"PRAGMA {name}").fetchone()[0] for name in names])
        assert found == ["wal", 2, 1, 5000]
    await store.close()


async def test_not_a_database(tmp_path: Path) -> None:
    """A file of something else is named, and left as it was."""
    path = tmp_path / "list.db"
    path.write_bytes(b"Kjaere Nav, " * 1000)
    assert "not a database" in await refusal(path)
    assert path.read_bytes() == b"Kjaere Nav, " * 1000


async def test_a_damaged_database(tmp_path: Path) -> None:
    """A damaged file is told at open or at the first use, with what to do."""
    path = tmp_path / "list.db"
    await filled(path)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 4000)
    assert "backup" in await refusal(path)


async def test_another_programs_database(tmp_path: Path) -> None:
    """A database of another program is refused and not changed."""
    path = tmp_path / "list.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE addresses (name TEXT)")
    connection.close()
    before = path.read_bytes()
    assert "another program" in await refusal(path)
    assert path.read_bytes() == before


async def test_a_newer_version(tmp_path: Path) -> None:
    """A file that a newer version has written is refused, and says so."""
    path = tmp_path / "list.db"
    await filled(path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('tast1', 'm999_future', '')"
        )
    connection.close()
    message = await refusal(path)
    assert "newer version" in message
    assert "m999_future" in message


async def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    """A path through a file is refused with what to check."""
    (tmp_path / "file").write_text("")
    assert "check the path" in await refusal(tmp_path / "file" / "list.db")


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder of somebody else is refused with what to do."""
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o500)
    with without_privileges():
        assert "may write in" in await refusal(folder / "list.db")


async def test_a_path_that_is_a_folder(tmp_path: Path) -> None:
    """A folder where the file should be is refused."""
    assert "cannot be" in await refusal(tmp_path)
