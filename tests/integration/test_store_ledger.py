"""The chain of the ledger in a file: whoever changes it with SQL is found, and the first bad line is named."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tracemalloc
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callback.store import Change, LedgerHead, StoreUnavailable
from callback.store_ledger import verify, write_lines
from callback.store_migrations import MIGRATIONS
from callback.store_rows import FIRST_HASH, entry_row, line_hash
from callback.store_schema import Database
from callback.store_sqlite import SqliteStore
from tests.contract.store_factory import new_entry, new_request

LINES = 6
COLUMNS = ("request_id", "at", "actor", "event", "from_state", "to_state", "details", "hash")


async def write(path: Path, lines: int) -> LedgerHead:
    """That many more lines, one for each request; returns the head."""
    store = SqliteStore(path)
    await store.open()
    for _ in range(lines):
        request = new_request()
        await store.register(request, new_entry(request))
    head = await store.ledger_head()
    await store.close()
    return head


def unlocked(path: Path) -> sqlite3.Connection:
    """As somebody opens it who can do anything with the file."""
    connection = sqlite3.connect(path, isolation_level=None)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    return connection


def content(connection: sqlite3.Connection) -> list[Any]:
    columns = ", ".join(f"hex({column}), typeof({column})" for column in COLUMNS)
    return connection.execute(f"SELECT seq, {columns} FROM ledger ORDER BY seq").fetchall()


def shift(connection: sqlite3.Connection, first: int) -> None:
    """Make room for a line before `first`."""
    connection.execute("UPDATE ledger SET seq = -seq - 1 WHERE seq >= ?", (first,))
    connection.execute("UPDATE ledger SET seq = -seq WHERE seq < 0")


# ---- whatever is done to it ---------------------------------------------------------------------

SEQ = st.integers(1, LINES)
VALUE = st.one_of(
    st.none(),
    st.integers(-9, 2**40),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    st.binary(max_size=33),
)


@dataclass(frozen=True)
class Edit:
    seq: int
    column: str
    value: Any

    def do(self, connection: sqlite3.Connection) -> int:
        connection.execute(f"UPDATE ledger SET {self.column} = ? WHERE seq = ?", (self.value, self.seq))
        return self.seq


@dataclass(frozen=True)
class Garble:
    """Text that is no UTF-8."""

    seq: int

    def do(self, connection: sqlite3.Connection) -> int:
        connection.execute("UPDATE ledger SET event = CAST(x'FF00C3' AS TEXT) WHERE seq = ?", (self.seq,))
        return self.seq


@dataclass(frozen=True)
class Remove:
    seqs: frozenset[int]

    def do(self, connection: sqlite3.Connection) -> int:
        connection.executemany("DELETE FROM ledger WHERE seq = ?", [(seq,) for seq in self.seqs])
        return min(self.seqs)


@dataclass(frozen=True)
class Swap:
    """`seqs`: the lines change places. `whole`: with their hashes."""

    seqs: frozenset[int]
    whole: bool

    def do(self, connection: sqlite3.Connection) -> int:
        one, two = sorted(self.seqs)
        columns = ", ".join(COLUMNS if self.whole else COLUMNS[:-1])
        rows = [
            connection.execute(f"SELECT {columns} FROM ledger WHERE seq = ?", (seq,)).fetchone()
            for seq in (two, one)
        ]
        marks = ", ".join("?" * len(rows[0]))
        for seq, row in zip((one, two), rows, strict=True):
            connection.execute(f"UPDATE ledger SET ({columns}) = ({marks}) WHERE seq = ?", (*row, seq))
        return one


@dataclass(frozen=True)
class Insert:
    """A copy of the first line, with a hash of its own, before line `seq`; the last: after the newest. `clever`: with
    the hash that it would have there."""

    seq: int
    clever: bool

    def do(self, connection: sqlite3.Connection) -> int:
        shift(connection, self.seq)
        columns = ", ".join(COLUMNS[:-1])
        (*row,) = connection.execute(f"SELECT {columns} FROM ledger WHERE seq != ?", (self.seq,)).fetchone()
        row[2] = "forged"
        before = connection.execute("SELECT hash FROM ledger WHERE seq = ?", (self.seq - 1,)).fetchone()
        made = line_hash(before[0] if before else FIRST_HASH, self.seq, tuple(row))
        values = (self.seq, *row, made if self.clever else None)
        connection.execute(f"INSERT INTO ledger (seq, {columns}, hash) VALUES (?,?,?,?,?,?,?,?,?)", values)
        # The clever line itself is as a line of ours would be: the one after it shows.
        return self.seq + 1 if self.clever and self.seq <= LINES else self.seq


@dataclass(frozen=True)
class InsertBefore:
    """Below the first line."""

    seq: int

    def do(self, connection: sqlite3.Connection) -> int:
        connection.execute(
            "INSERT INTO ledger SELECT ?, request_id, at, actor, event, from_state, to_state, details, hash"
            " FROM ledger WHERE seq = 1",
            (self.seq,),
        )
        return self.seq


@dataclass(frozen=True)
class Forge:
    """A line is changed, and its hash with it; of the newest, also the head's."""

    seq: int

    def do(self, connection: sqlite3.Connection) -> int:
        connection.execute("UPDATE ledger SET actor = 'forged' WHERE seq = ?", (self.seq,))
        hashes = [FIRST_HASH, *(h for (h,) in connection.execute("SELECT hash FROM ledger ORDER BY seq"))]
        columns = ", ".join(COLUMNS[:-1])
        row = connection.execute(f"SELECT {columns} FROM ledger WHERE seq = ?", (self.seq,)).fetchone()
        made = line_hash(hashes[self.seq - 1], self.seq, row)
        connection.execute("UPDATE ledger SET hash = ? WHERE seq = ?", (made, self.seq))
        return min(self.seq + 1, LINES)


DEED = st.one_of(
    st.builds(Edit, SEQ, st.sampled_from(COLUMNS), VALUE),
    st.builds(Garble, SEQ),
    st.builds(Remove, st.frozensets(SEQ, min_size=1)),
    st.builds(Swap, st.frozensets(SEQ, min_size=2, max_size=2), st.booleans()),
    st.builds(Insert, st.integers(1, LINES + 1), st.booleans()),
    st.builds(InsertBefore, st.integers(-9, 0)),
    st.builds(Forge, SEQ),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "list.db"
    asyncio.run(write(path, LINES))
    return path


@given(deed=DEED)
@settings(deadline=None)
def test_the_first_bad_line_is_named(deed: Any, written: Path) -> None:
    """Edited, removed, swapped, inserted, at whatever place and with whatever values: found, and where."""
    path = written.with_name("forged.db")
    shutil.copy(written, path)
    connection = unlocked(path)
    connection.execute("PRAGMA foreign_keys = OFF")
    before = content(connection)
    try:
        named = deed.do(connection)
    except sqlite3.IntegrityError:  # NOT NULL: it could not be done
        named = None
    same = content(connection) == before
    connection.close()
    report = verify(path)
    assert (report.bad is None) is same
    if report.bad is not None:
        assert report.bad.seq == named


@pytest.mark.parametrize(
    ("sql", "seq", "later"),
    [
        ("DELETE FROM ledger_head", LINES + 1, LINES + 1),
        ("UPDATE ledger_head SET seq = seq + 2", LINES + 1, LINES + 1),
        ("UPDATE ledger_head SET seq = seq - 2", LINES - 1, None),
        ("UPDATE ledger_head SET hash = zeroblob(32)", LINES, LINES + 1),
        ("DELETE FROM ledger WHERE seq = 6", LINES, LINES),
        ("DELETE FROM ledger", 1, 1),
        (
            "PRAGMA ignore_check_constraints = ON; UPDATE ledger_head SET seq = 6, hash = 'x'",
            LINES + 1,
            LINES + 1,
        ),
    ],
)
async def test_the_head_is_guarded_too(sql: str, seq: int, later: int | None, written: Path) -> None:
    """A head that was changed or removed is found. The service goes on writing, and hides nothing: of a count that was
    wrong it makes a right one, for no line is missing."""
    path = written.with_name("headless.db")
    shutil.copy(written, path)
    connection = unlocked(path)
    connection.executescript(sql)
    connection.close()
    for named in (seq, later):
        bad = verify(path).bad
        assert (bad and bad.seq) == named
        await write(path, 2)


# ---- while it is written ------------------------------------------------------------------------


async def test_whole_while_two_write(tmp_path: Path) -> None:
    """Two stores on one file write one chain, and every look at it meanwhile finds it whole."""
    path = tmp_path / "list.db"
    await write(path, 1)
    stores = [SqliteStore(path), SqliteStore(path)]
    for store in stores:
        await store.open()

    async def fill(store: SqliteStore) -> None:
        for _ in range(40):
            requests = [new_request() for _ in range(3)]
            await asyncio.gather(*(store.register(r, new_entry(r)) for r in requests))
            await store.save(*(Change(r, (new_entry(r, event="claimed"),)) for r in requests))

    writing = asyncio.gather(*map(fill, stores))
    seen = []
    while not writing.done():
        seen.append(await asyncio.to_thread(verify, path))
    await writing
    for store in stores:
        await store.close()
    assert all(report.bad is None for report in seen)
    assert all(one.head.seq <= two.head.seq for one, two in pairwise(seen))
    assert seen[0].head.seq < verify(path).head.seq == 1 + 2 * 40 * 6


def test_memory_does_not_grow_with_the_lines(tmp_path: Path) -> None:
    """Twenty thousand lines in less than half a megabyte."""
    path = tmp_path / "list.db"
    asyncio.run(write(path, 1))
    connection = sqlite3.connect(path, isolation_level=None)
    row = connection.execute("SELECT request_id, at, actor, event, from_state, to_state, details FROM ledger")
    line = row.fetchone()
    connection.execute("BEGIN IMMEDIATE")
    write_lines(connection, [line] * 20_000)
    connection.execute("COMMIT")
    connection.close()
    tracemalloc.start()
    report = verify(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (report.bad, report.head.seq) == (None, 20_001)
    assert peak < 500_000


# ---- files of before, and files that cannot be looked at ----------------------------------------


async def test_the_lines_that_exist_are_chained(tmp_path: Path) -> None:
    """A file of the version before gets the chain that it would have had from the start, and goes on."""
    path = tmp_path / "list.db"
    lines = [entry_row(new_entry(new_request(), details={"n": n})) for n in range(1500)]
    connection = sqlite3.connect(path, isolation_level=None)
    db = Database(connection, execute_plugins=False)
    MIGRATIONS.apply(db, stop_before="m006_ledger_chain")
    columns = ", ".join(COLUMNS[:-1])
    connection.executemany(f"INSERT INTO ledger ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", lines)
    db.close()
    with pytest.raises(StoreUnavailable, match="start the service once"):
        verify(path)
    await write(path, 1)
    newest = FIRST_HASH
    for seq, row in enumerate(lines, 1):
        newest = line_hash(newest, seq, row)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT hash FROM ledger WHERE seq = 1500").fetchone() == (newest,)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("UPDATE ledger SET actor = 'forged'")
    connection.close()
    report = verify(path)
    assert (report.bad, report.head.seq) == (None, 1501)


async def test_a_writer_of_the_version_before_is_not_stopped(tmp_path: Path) -> None:
    """It runs until it is restarted, and may write; its lines are told, and ours go on after them."""
    path = tmp_path / "list.db"
    await write(path, 2)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "INSERT INTO ledger (request_id, at, actor, event, details)"
            " SELECT request_id, at, actor, event, details FROM ledger WHERE seq = 1"
        )
    connection.close()
    assert (await write(path, 2)).seq == 5
    report = verify(path)
    assert report.bad is not None
    assert (report.bad.seq, report.head.seq) == (3, 2)


def test_what_cannot_be_looked_at(tmp_path: Path) -> None:
    """No file, or no list in it: said, and nothing is made."""
    with pytest.raises(StoreUnavailable, match="there is no"):
        verify(tmp_path / "list.db")
    assert not list(tmp_path.iterdir())
    (tmp_path / "text").write_text("Kjaere Nav, " * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        verify(tmp_path / "text")
