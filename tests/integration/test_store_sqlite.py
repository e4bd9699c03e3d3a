"""The SQLite store under stress: shared commits, other programs, full disks, and sudden death."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest
import pytest_asyncio

from callback.desk_wishes import IDLE
from callback.request import OPEN, RequestState, Urgency
from callback.store import Change, RequestQuery, StoreUnavailable
from callback.store_jobs import CLAIMS, COUNT_OPEN, EXPIRED_CLAIMS, OCCUPIED, OFFICES_DUE, find_sql
from callback.store_ledger import LedgerReport, verify
from callback.store_rows import to_text
from callback.store_schema import Database
from callback.store_sqlite import SqliteStore
from tests.contract.store_factory import T0, new_entry, new_request

ROOT = Path(__file__).resolve().parents[2]
SHORT = timedelta(milliseconds=200)

REGISTER = """
import asyncio, itertools, sys
from pathlib import Path
from callback.store_sqlite import SqliteStore
from tests.contract.store_factory import new_entry, new_request

async def main(path, name, limit):
    store = SqliteStore(Path(path))
    await store.open()
    for n in itertools.islice(itertools.count(), int(limit) or None):
        number = f"+47{name}{n:06}"
        request = new_request(id=f"{name}-{n}", phone=number, reference=f"{name}{n}")
        await store.register(request, new_entry(request))
        print(request.id, flush=True)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
connection.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "list.db"


@pytest_asyncio.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(path, busy_timeout=SHORT)
    await opened.open()
    yield opened
    await opened.close()


class Gate:
    """Holds the writer inside a job, so that what is asked for meanwhile becomes one batch."""

    _job: asyncio.Future[bool]

    def __init__(self) -> None:
        self._release = threading.Event()
        self.statements: list[str] = []
        """What the writer executes once the gate is open."""

    @classmethod
    async def shut(cls, store: SqliteStore) -> Self:
        """Returns when the writer stands in the gate, so that nothing else is in its batch."""
        gate, entered = cls(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def wait(db: Database) -> bool:
            loop.call_soon_threadsafe(entered.set)
            released = gate._release.wait(10)
            db.conn.set_trace_callback(gate.statements.append)
            return released

        gate._job = asyncio.ensure_future(store.write(wait))
        await asyncio.wait_for(entered.wait(), 10)
        return gate

    async def open(self) -> None:
        self._release.set()
        assert await self._job


async def asked(store: SqliteStore, *jobs: Callable[[Database], Any]) -> list[asyncio.Task[Any]]:
    """The jobs, each in a task that now waits for the store."""
    tasks = [asyncio.create_task(store.write(job)) for job in jobs]
    await asyncio.sleep(0)  # one turn of the loop, in which every task asks
    assert not any(task.done() for task in tasks)
    return tasks


def add_password(name: str) -> Callable[[Database], str]:
    def job(db: Database) -> str:
        db.conn.execute("INSERT INTO password VALUES (?, 'hash')", (name,))
        return name

    return job


async def fill(store: SqliteStore, kept: list[str]) -> None:
    """Register until the store refuses; `kept` gets the ids it took."""
    for _ in range(1000):
        request = new_request(note="x" * 500)
        await store.register(request, new_entry(request))
        kept.append(request.id)


def passwords(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    names = {name for (name,) in connection.execute("SELECT person_id FROM password")}
    connection.close()
    return names


async def program(source: str, *args: str | Path) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    words = ("-c", source, *map(str, args))
    return await asyncio.create_subprocess_exec(sys.executable, *words, stdin=pipe, stdout=pipe, cwd=ROOT)


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 10)).decode().strip()


class TestGroupCommit:
    async def test_a_batch_is_one_commit(self, store: SqliteStore) -> None:
        """Jobs that wait together are committed together."""
        gate = await Gate.shut(store)
        jobs = await asked(store, *(add_password(f"p{n}") for n in range(50)))
        await gate.open()
        await asyncio.gather(*jobs)
        statements = gate.statements
        assert statements.count("BEGIN IMMEDIATE") == 1
        assert sum(statement.startswith("INSERT INTO password") for statement in statements) == 50

    async def test_a_failing_job_harms_nobody_else(self, store: SqliteStore, path: Path) -> None:
        """A job that fails undoes what it did; its neighbours in the batch are written."""

        def fails(db: Database) -> None:
            db.conn.execute("INSERT INTO password VALUES ('bad', 'hash')")
            raise LookupError("on purpose")

        gate = await Gate.shut(store)
        jobs = await asked(store, add_password("a"), fails, add_password("b"))
        await gate.open()
        a, bad, b = await asyncio.gather(*jobs, return_exceptions=True)
        assert (a, b) == ("a", "b")
        assert isinstance(bad, LookupError)
        assert passwords(path) == {"a", "b"}

    async def test_a_job_that_fails_alone_is_undone(self, store: SqliteStore, path: Path) -> None:
        """Also without neighbours nothing of a failed job stays."""
        with pytest.raises(ZeroDivisionError):
            await store.write(lambda db: [db.conn.execute("INSERT INTO password VALUES ('a', 'b')"), 1 / 0])
        await store.write(add_password("b"))
        assert passwords(path) == {"b"}

    async def test_a_commit_that_fails_fails_all(self, store: SqliteStore, path: Path) -> None:
        """When COMMIT fails, nobody of the batch is told that it is written, and the store goes on."""

        def poison(db: Database) -> None:
            db.conn.execute("PRAGMA defer_foreign_keys = ON")
            db.conn.execute(
                "INSERT INTO ledger (request_id, at, actor, event, details) VALUES ('none', '', '', '', '{}')"
            )

        gate = await Gate.shut(store)
        jobs = await asked(store, add_password("a"), poison, add_password("b"))
        await gate.open()
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
        assert all(isinstance(answer.__cause__, sqlite3.Error) for answer in answers)
        assert passwords(path) == set()
        await store.write(add_password("c"))
        assert passwords(path) == {"c"}

    async def test_a_transaction_that_sqlite_ends_fails_all(self, store: SqliteStore, path: Path) -> None:
        """When a job's error has ended the transaction, the jobs before it are not told that they are written."""
        gate = await Gate.shut(store)

        def ends(db: Database) -> None:
            db.conn.execute("INSERT OR ROLLBACK INTO password VALUES ('a', 'again')")

        jobs = await asked(store, add_password("a"), ends, add_password("b"))
        await gate.open()
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
        assert passwords(path) == set()

    async def test_a_cancelled_waiter_harms_nobody(self, store: SqliteStore, path: Path) -> None:
        """Who stops waiting does not undo the registration, nor disturb the others."""
        gate = await Gate.shut(store)
        jobs = await asked(store, *map(add_password, "abc"))
        jobs[1].cancel()
        await gate.open()
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        assert isinstance(answers[1], asyncio.CancelledError)
        assert passwords(path) == {"a", "b", "c"}

    async def test_reads_do_not_wait_for_writes(self, store: SqliteStore) -> None:
        """The list can be read while a write is under way."""
        gate = await Gate.shut(store)
        assert await asyncio.wait_for(store.count_open(), 5) == 0
        await gate.open()

    async def test_readers_cannot_write(self, store: SqliteStore) -> None:
        """A read job that writes is refused."""
        with pytest.raises(StoreUnavailable):
            await store.read(add_password("a"))


class TestOtherPrograms:
    async def test_two_writers_lose_nothing(self, path: Path) -> None:
        """While a second process registers, every registration of both is kept."""
        store = SqliteStore(path)
        await store.open()
        other = await program(REGISTER, path, "41", "150")
        assert await line_of(other) == "41-0"
        mine = [new_request(phone=f"+4742{n:06}", reference=f"x{n}") for n in range(150)]
        answers = await asyncio.gather(*(store.register(r, new_entry(r)) for r in mine))
        await other.communicate()
        assert other.returncode == 0
        assert all(created for _, created in answers)
        assert await store.count_open() == 300
        assert verify(path) == LedgerReport(await store.ledger_head())
        await store.close()

    async def test_two_may_create_the_file_at_once(self, path: Path) -> None:
        """Processes that start together on no file all find the same list."""
        others = [await program(REGISTER, path, str(40 + n), "20") for n in range(3)]
        await asyncio.gather(*(other.communicate() for other in others))
        assert [other.returncode for other in others] == [0, 0, 0]
        store = SqliteStore(path)
        await store.open()
        assert await store.count_open() == 60
        await store.close()

    async def test_a_lock_is_waited_for(self, path: Path) -> None:
        """A write waits for a lock that goes away in time."""
        store = SqliteStore(path, busy_timeout=timedelta(seconds=10))
        await store.open()
        other = await program(LOCK, path)
        assert await line_of(other) == "locked"
        (job,) = await asked(store, add_password("a"))
        done, _ = await asyncio.wait([job], timeout=0.2)
        assert not done
        await other.communicate(b"\n")
        assert await asyncio.wait_for(job, 10) == "a"
        await store.close()

    async def test_a_lasting_lock_is_told(self, store: SqliteStore, path: Path) -> None:
        """All who wait for a lock that stays are told after one time-out; reads go on, and writes afterwards."""
        other = await program(LOCK, path)
        assert await line_of(other) == "locked"
        requests = [new_request() for _ in range(100)]
        waiting = asyncio.gather(*(store.register(r, new_entry(r)) for r in requests), return_exceptions=True)
        answers = await asyncio.wait_for(waiting, 5)  # one after another they would wait 20 s
        assert {type(answer) for answer in answers} == {StoreUnavailable}
        assert "locked by another program" in str(answers[0])
        assert await store.count_open() == 0
        await other.communicate(b"\n")
        assert (await store.register(requests[0], new_entry(requests[0])))[1]

    async def test_the_ledger_refuses_direct_sql(self, store: SqliteStore, path: Path) -> None:
        """Not even SQL can change, delete or replace a line of the ledger, or move a request's clock."""
        request = new_request()
        await store.register(request, new_entry(request))
        before = await store.ledger(request.id)
        connection = sqlite3.connect(path, isolation_level=None)
        for sql in (
            "UPDATE ledger SET actor = 'forged'",
            "DELETE FROM ledger",
            "INSERT OR REPLACE INTO ledger SELECT seq, request_id, at, 'forged', event, NULL, NULL, '{}', hash FROM ledger",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(sql)
        with pytest.raises(sqlite3.IntegrityError, match="clock"):
            connection.execute("UPDATE request SET due_at = '2027'")
        connection.close()
        assert await store.ledger(request.id) == before


class TestTrouble:
    async def test_a_full_disk_is_told_and_survived(self, store: SqliteStore) -> None:
        """When there is no room a registration is refused, all before it are there, and room lets it go on."""
        await store.write(lambda db: db.conn.execute("PRAGMA max_page_count = 60").fetchone())
        kept: list[str] = []
        with pytest.raises(StoreUnavailable, match="disk space") as refused:
            await fill(store, kept)
        assert isinstance(refused.value.__cause__, sqlite3.OperationalError)
        assert await store.count_open() == len(kept) > 0
        await store.write(lambda db: db.conn.execute("PRAGMA max_page_count = 100000").fetchone())
        request = new_request()
        assert (await store.register(request, new_entry(request)))[1]

    async def test_a_full_disk_in_a_batch(self, store: SqliteStore) -> None:
        """In a batch that meets a full disk, exactly those who were told so are stored."""
        await store.write(lambda db: db.conn.execute("PRAGMA max_page_count = 60").fetchone())
        many = [new_request(note="x" * 500) for _ in range(300)]
        answers = await asyncio.gather(
            *(store.register(r, new_entry(r)) for r in many), return_exceptions=True
        )
        told = {answer[0].id for answer in answers if isinstance(answer, tuple)}
        assert {type(answer) for answer in answers if not isinstance(answer, tuple)} == {StoreUnavailable}
        assert {request.id for request in await store.find(RequestQuery(limit=1000))} == told

    async def test_kill_9_keeps_what_was_acknowledged(self, path: Path) -> None:
        """Every registration that a killed process had been told of is in the file."""
        victim = await program(REGISTER, path, "41", "0")
        told = [await line_of(victim) for _ in range(60)]
        victim.send_signal(signal.SIGKILL)
        rest, _ = await victim.communicate()
        told += rest.decode().split()
        store = SqliteStore(path)
        await store.open()
        found = {request.id for request in await store.find(RequestQuery(limit=100_000))}
        assert set(told) <= found
        assert all([len(await store.ledger(request_id)) == 1 for request_id in found])
        assert verify(path) == LedgerReport(await store.ledger_head())
        await store.close()

    async def test_close_leaves_nobody_waiting(self, path: Path) -> None:
        """What was asked for before close is done, what comes after is refused, and nobody hangs."""
        store = SqliteStore(path)
        await store.open()
        gate = await Gate.shut(store)
        jobs = await asked(store, *(add_password(f"p{n}") for n in range(300)))
        closing = asyncio.ensure_future(store.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="not open"):
            await store.count_open()
        await gate.open()
        await asyncio.wait_for(closing, 10)
        assert len(await asyncio.wait_for(asyncio.gather(*jobs), 10)) == 300
        assert len(passwords(path)) == 300
        assert not [t for t in threading.enumerate() if t.name.startswith("store")]

    async def test_close_while_locked(self, store: SqliteStore, path: Path) -> None:
        """A close behind a lock fails who waits and comes to its end."""
        other = await program(LOCK, path)
        assert await line_of(other) == "locked"
        jobs = await asked(store, *(add_password(f"p{n}") for n in range(5)))
        await asyncio.wait_for(store.close(), 10)
        answers = await asyncio.wait_for(asyncio.gather(*jobs, return_exceptions=True), 10)
        assert {type(answer) for answer in answers} == {StoreUnavailable}
        await other.communicate(b"\n")


class TestQueries:
    async def test_what_is_asked_often_uses_an_index(self, store: SqliteStore) -> None:
        """The list, the sweep and the search by number never read the whole table."""
        queries = {
            RequestQuery(states=OPEN): "request_open_order",
            RequestQuery(states=OPEN, office_no="9001"): "request_open_order",
            RequestQuery(states=OPEN, due_before=T0): "request_open_order",
            RequestQuery(states=OPEN, phone="+4740000000", office_no="9001"): "request_open_number",
            RequestQuery(phone="+4740000000"): "request_phone",
            RequestQuery(
                states=IDLE, urgency=Urgency.URGENT, due_before=T0
            ): "request_open_order (urgency=?)",
            RequestQuery(states=frozenset({RequestState.CLAIMED}), due_before=T0): "request_held (state=?",
        }
        for query, index in queries.items():
            sql, values = find_sql(query)
            explain = f"EXPLAIN QUERY PLAN {sql}"
            plan = await store.read(lambda db, s=explain, v=values: db.conn.execute(s, v).fetchall())  # type: ignore[misc]
            assert index in plan[0][3]

    async def test_the_next_of_an_office_is_not_sorted(self, store: SqliteStore) -> None:
        """The index has the order of the list, and all that is asked of those who are passed over."""
        for after, waiting in ((None, ()), (new_request(), ()), (new_request(), ("one", "two"))):
            query = RequestQuery(
                served_by="9001",
                states=IDLE,
                due_before=T0,
                waiting=frozenset(waiting),
                after=after,
                limit=1,
            )
            found = await plan(store, *find_sql(query))
            assert found[1] == "SEARCH request USING COVERING INDEX request_turn (<expr>=?)"
            assert "SEARCH request USING PRIMARY KEY (id=?)" in found
            assert not any("TEMP B-TREE" in step for step in found[:-1]), "sorted is only what was found"

    async def test_what_a_sweep_asks(self, store: SqliteStore) -> None:
        """Expired claims, who is occupied and how many are open are found in small or covering indexes."""
        assert await plan(store, EXPIRED_CLAIMS, [to_text(T0), 1]) == [
            "SEARCH request USING INDEX request_held (state=? AND next_attempt_at<?)"
        ]
        claims = await plan(store, CLAIMS, [])
        assert claims == ["SEARCH request USING COVERING INDEX request_held (state=?)"]
        busy = await plan(store, OCCUPIED, [])
        assert "SEARCH request USING COVERING INDEX request_held (state=?)" in busy
        assert "SCAN attempt USING INDEX attempt_live_caseworker" in busy
        offices = await plan(store, OFFICES_DUE, ["[]", "", "[]"])
        assert "SEARCH request USING COVERING INDEX request_turn (<expr>=?)" in offices
        assert await plan(store, COUNT_OPEN, []) == ["SCAN request USING COVERING INDEX request_open_order"]

    async def test_a_change_of_state_leaves_the_lasting_indexes_alone(self, store: SqliteStore) -> None:
        """A change sets the columns that change and no other: what is not set is written again in no index."""
        request = new_request()
        await store.register(request, new_entry(request))
        said: list[str] = []
        await store.write(lambda db: db.conn.set_trace_callback(said.append))
        claimed = replace(request, state=RequestState.CLAIMED, claimed_by="kari")
        (claimed,) = await store.save(Change(claimed, ()))
        (moved,) = await store.save(Change(replace(claimed, phone="+4799999999"), ()))
        await store.write(lambda db: db.conn.set_trace_callback(None))
        # a statement is said again for each trigger it might fire
        updates = [said for said in dict.fromkeys(said) if said.startswith("UPDATE request SET")]
        sets = [re.findall(r"(\w+) = ", statement.partition(" WHERE ")[0]) for statement in updates]
        assert sets == [["state", "claimed_by", "version"], ["phone", "version"]]
        assert await store.get(request.id) == moved

    async def test_whoever_writes_the_state_the_row_is_open_or_not(
        self, store: SqliteStore, path: Path
    ) -> None:
        """Also a program that knows nothing of the column: the number and the reference are free once it has ended."""
        request = new_request()
        await store.register(request, new_entry(request))
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE request SET state = 'reached' WHERE id = ?", (request.id,))
        again = new_request(phone=request.phone, reference=request.reference)
        assert await store.register(again, new_entry(again)) == (again, True)
        assert await store.count_open() == 1


async def plan(store: SqliteStore, sql: str, values: list[Any]) -> list[str]:
    """How SQLite answers a query."""
    explain = f"EXPLAIN QUERY PLAN {sql}"
    return [row[3] for row in await store.read(lambda db: db.conn.execute(explain, values).fetchall())]
