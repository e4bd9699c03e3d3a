"""What the SQLite store says of files it cannot use, and how it keeps its own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callback.notice import NoticeKind, NoticeState, about_attempt, about_gaps
from callback.request import OPEN, TERMINAL, DayPart, NumberSource, Urgency
from callback.store import Change, RequestQuery, StoreError, StoreUnavailable
from callback.store_notices import COLUMNS, notice_row
from callback.store_schema import MIGRATIONS, Database
from callback.store_sqlite import SqliteStore
from tests.contract.store_factory import T0, new_attempt, new_entry, new_request

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


def made_by_the_first_version(path: Path) -> None:
    """A file with one request, as version 0.1.0 wrote it."""
    db = Database(sqlite3.connect(path, isolation_level=None), execute_plugins=False)
    MIGRATIONS.apply(db, stop_before="m002_wishes")
    db.conn.execute(
        """INSERT INTO request VALUES ('r1', '123456', '9001', '+4740000001', 'waiting', 'ordinary', 'unspecified',
           'nb', 'phone', '2026-11-23T08:05:00.000000Z', '2026-11-25T08:05:00.000000Z', '2026-11-25',
           '2026-11-25T08:05:00.000000Z', '2026-11-23T08:05:00.000000Z', 'caller', NULL, NULL, NULL, NULL, 3)"""
    )
    columns = {name for _, name, *_ in db.conn.execute("PRAGMA table_info(request)")}
    assert "day_part" not in columns
    db.close()


async def test_a_file_of_the_first_version(tmp_path: Path) -> None:
    """The requests in it keep working, without wishes, and can become urgent and get wishes."""
    path = tmp_path / "list.db"
    made_by_the_first_version(path)
    store = SqliteStore(path)
    await store.open()
    request = await store.get("r1")
    assert request is not None
    assert (request.reference, request.version, request.due_at) == ("123456", 3, T0 + timedelta(hours=48))
    assert (request.day_part, request.discreet, request.reachable_until) == (None, False, None)
    assert request.number_source is NumberSource.CALLER_ID
    after = replace(
        request,
        urgency=Urgency.URGENT,
        due_at=T0 + timedelta(hours=2),
        day_part=DayPart.MORNING,
        discreet=True,
        reachable_until=T0 + timedelta(hours=5),
    )
    await store.save(Change(after, ()))
    with pytest.raises(ValueError, match="clock"):
        await store.save(Change(replace(after, version=4, due_at=T0), ()))
    await store.close()
    again = SqliteStore(path)
    await again.open()
    assert await again.get("r1") == replace(after, version=4)
    await again.close()


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


async def test_what_had_ended_before_the_speed_migration(tmp_path: Path) -> None:
    """It is not open afterwards: its number and reference are free, and what was open still is."""
    path = tmp_path / "list.db"
    made_by_the_first_version(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        row = list(connection.execute("SELECT * FROM request").fetchone())
        row[0], row[4] = "ended", "reached"
        connection.execute(f"INSERT INTO request VALUES ({', '.join('?' * len(row))})", row)
    store = SqliteStore(path)
    await store.open()
    assert await store.count_open() == 1
    assert [r.id for r in await store.find(RequestQuery(states=OPEN))] == ["r1"]
    assert {r.id for r in await store.find(RequestQuery(states=TERMINAL))} == {"ended"}
    await store.close()


async def test_notices_from_before_sms_said_how_they_went(tmp_path: Path) -> None:
    """What stands in the outbox of an older file is there after the upgrade, as it was."""
    path = tmp_path / "list.db"
    made_by_the_first_version(path)
    db = Database(sqlite3.connect(path, isolation_level=None), execute_plugins=False)
    MIGRATIONS.apply(db, stop_before="m020_sms")
    sent = about_attempt(new_attempt(new_request(), id="a1"), T0)
    gap = replace(about_gaps("l1", "liv", T0), state=NoticeState.SENT, tries=1, ended_at=T0, why="x")
    rows = [notice_row(replace(sent, request_id="r1", attempt_id=None)), notice_row(gap)]
    db.conn.executemany(f"INSERT INTO notice VALUES ({', '.join('?' * len(COLUMNS))})", rows)
    db.close()
    store = SqliteStore(path)
    await store.open()
    assert [
        notice_row(one) for one in [await store.notice(sent.id), await store.notice(gap.id)] if one
    ] == rows
    await store.close()


async def test_notices_from_before_there_were_rosters(tmp_path: Path) -> None:
    """What waits in the outbox of an older file goes out after the upgrade, and its rules hold."""
    path = tmp_path / "list.db"
    made_by_the_first_version(path)
    db = Database(sqlite3.connect(path, isolation_level=None), execute_plugins=False)
    MIGRATIONS.apply(db, stop_before="m016_roster")
    waiting = "('mail.r1.50.liv', 'step', 'r1', ?, ?, NULL, 50, 'liv', 'waiting', 2, NULL, 'http_503')"
    at = "2026-11-23T08:05:00.000000Z"
    db.conn.execute(f"INSERT INTO notice VALUES {waiting}", (at, at))
    db.close()
    store = SqliteStore(path)
    await store.open()
    (notice,) = await store.due_notices(NoticeKind.STEP, T0, 10)
    assert (notice.request_id, notice.percent, notice.tries, notice.why) == ("r1", 50, 2, "http_503")
    for broken in ("kind = 'gap'", "line_id = 'l1'", "request_id = NULL"):
        with pytest.raises(StoreError, match="CHECK constraint"):
            await store.write(lambda db, broken=broken: db.conn.execute(f"UPDATE notice SET {broken}"))
    await store.close()

    with closing(sqlite3.connect(path)) as connection:
        names = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE tbl_name = 'notice'")
        }
    assert {"notice_due", "notice_count", "notice_ended"} <= names
