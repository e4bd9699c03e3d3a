"""Our list beside huey (SQLite) and procrastinate (PostgreSQL), in turns on the same disk: a job queue's three acts with
100,000 waiting, by one program each, everything on the disk before it is answered.

claim-next is what decides who is rung. Ours leaves a record that outlives a kill: the request, the attempt, who, and a line
of the ledger's chain. So does procrastinate's (the job is `doing`). huey's takes the task off the disk: who is killed then has
lost it. To be as durable as the others, its claim is followed by a `put` of the task; its bare `dequeue` stands beside it.
One at a time it is mostly ahead of ours: two rows and one thread, where ours writes 14 pages and goes to the writer's thread and back.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from callback.desk import Desk, Registration
from callback.desk_wishes import IDLE
from callback.request import AttemptOutcome, CallAttempt
from callback.store import RequestQuery
from callback.store_sqlite import SqliteStore
from callback.turn import OnTheLine
from scheduler.clock import ManualClock
from tests.bench.crowd import NOW, OFFICES, caseworker, crowd_config, fill, office_no
from tests.bench.postgres import NoPostgres, postgres

WAITING: Final = 100_000
AT_ONCE: Final = 24
ENQUEUE, CLAIM, CLAIM_BARE, CLAIM_MANY, RESCHEDULE = (
    "enqueue",
    "claim-next",
    "claim-next, bare",
    f"claim-next, {AT_ONCE} at once",
    "reschedule",
)
ACTS: Final = (ENQUEUE, CLAIM, CLAIM_BARE, CLAIM_MANY, RESCHEDULE)


@dataclass(slots=True)
class Side:
    """What one of them did a second, or why it could not be had."""

    name: str
    per_second: dict[str, float] = field(default_factory=dict)
    missing: str | None = None

    @contextmanager
    def timed(self, act: str, times: int) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.per_second[act] = times / (time.perf_counter() - began)


async def rivals(folder: Path, waiting: int = WAITING, times: int = 800) -> list[Side]:
    """Ours first. `times`: of each act."""
    return [
        await ours(folder / "ours.db", waiting, times),
        await asyncio.to_thread(huey, folder / "huey.db", waiting, times),
        await procrastinate(waiting, times),
    ]


def table(sides: list[Side]) -> str:
    """Acts per second, a line for each act."""
    lines = [f"{'acts per second, ' + format(WAITING, ',') + ' waiting':<36}"]
    lines[0] += "".join(f"{side.name:>26}" for side in sides)
    for act in ACTS:
        found = (side.per_second.get(act) for side in sides)
        lines.append(f"{act:<36}" + "".join(f"{'-' if n is None else format(n, '.0f'):>26}" for n in found))
    lines += [f"{side.name}: not measured, {side.missing}" for side in sides if side.missing]
    return "\n".join(lines)


async def ours(path: Path, waiting: int, times: int) -> Side:
    """Through the desk, as the service does it."""
    side = Side("Tast 1 (SQLite)")
    fill(path, waiting, due=1.0)
    store = SqliteStore(path)
    await store.open()
    desk = Desk(store, crowd_config(OFFICES * (2 * times // OFFICES + 1)), ManualClock(NOW))
    with side.timed(ENQUEUE, times):
        for number in range(times):
            await desk.register(Registration(office_no(number), f"+47{47000000 + number}"))
    with side.timed(CLAIM, times):
        started = [await _claim(desk, number) for number in range(times)]
    numbers = iter(range(times, 2 * times))

    async def one_after_another() -> None:
        for number in numbers:
            await _claim(desk, number)

    with side.timed(CLAIM_MANY, times):
        await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    with side.timed(RESCHEDULE, times):
        for attempt in started:
            await desk.end_attempt(attempt.id, AttemptOutcome.NO_ANSWER)
    await store.close()
    return side


async def _claim(desk: Desk, number: int) -> CallAttempt:
    """Find the next of the office for somebody who is free, and start, as `Dispatch` does."""
    person = desk.person(caseworker(number))
    query = RequestQuery(served_by=person.office_no, states=IDLE, due_before=desk.clock.now(), limit=1)
    (offer,) = (await desk.offer_next(query, [person], OnTheLine())).made
    assert offer.attempt is not None
    return offer.attempt


def huey(path: Path, waiting: int, times: int) -> Side:
    """`SqliteHuey` with `fsync`: WAL and synchronous=FULL, as ours."""
    side = Side("huey (SQLite)")
    try:
        from huey import SqliteHuey  # noqa: PLC0415 - only the bench has it
    except ImportError:
        side.missing = "huey is not installed here"
        return side
    queue = SqliteHuey("bench", filename=str(path), fsync=True, results=False)

    @queue.task()
    def ring(request: str) -> None: ...

    with queue.storage.db(commit=True) as cursor:
        rows = ((queue.name, queue.serialize_task(ring.s(f"r{number}")), 0) for number in range(waiting))
        cursor.executemany("INSERT INTO task (queue, data, priority) VALUES (?, ?, ?)", rows)
    with side.timed(ENQUEUE, times):
        for number in range(times):
            queue.enqueue(ring.s(f"n{number}"))
    with side.timed(CLAIM_BARE, times):
        claimed = [queue.dequeue() for _ in range(times)]
    with side.timed(CLAIM, times):
        for _ in range(times):
            _huey_claim(queue)
    with side.timed(CLAIM_MANY, times):
        _in_threads(lambda: _huey_claim(queue), times // AT_ONCE)
    with side.timed(RESCHEDULE, times):
        for task in claimed:
            task.eta = datetime(2030, 1, 1)  # noqa: DTZ001 - huey wants it so
            queue.add_schedule(task)
    queue.storage.close()
    return side


def _huey_claim(queue: Any) -> None:
    task = queue.dequeue()
    queue.storage.put_data(task.id, queue.serialize_task(task))


def _in_threads(act: Callable[[], None], times: int) -> None:
    def again() -> None:
        for _ in range(times):
            act()

    threads = [threading.Thread(target=again) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def procrastinate(waiting: int, times: int) -> Side:
    """`fetch_job` marks the job as `doing`; `retry_job` plans it again."""
    side = Side("procrastinate (PostgreSQL)")
    try:
        import procrastinate as package  # noqa: PLC0415 - only the bench has it
    except ImportError:
        side.missing = "procrastinate is not installed here"
        return side
    try:
        with postgres() as address:
            app = package.App(
                connector=package.PsycopgConnector(conninfo=address, min_size=AT_ONCE, max_size=AT_ONCE)
            )
            async with app.open_async():
                await _with_jobs(app, side, waiting, times)
    except NoPostgres as why:
        side.missing = str(why)
    return side


async def _with_jobs(app: Any, side: Side, waiting: int, times: int) -> None:
    await app.schema_manager.apply_schema_async()

    @app.task(name="ring")
    def ring(request: str) -> None: ...

    for first in range(0, waiting, 5000):
        some = ({"request": f"r{number}"} for number in range(first, min(first + 5000, waiting)))
        await ring.batch_defer_async(*some)
    await app.connector.execute_query_async("ANALYZE")
    with side.timed(ENQUEUE, times):
        for number in range(times):
            await ring.defer_async(request=f"n{number}")
    worker = await app.job_manager.register_worker()

    async def claim() -> Any:
        job = await app.job_manager.fetch_job(queues=None, worker_id=worker)
        assert job is not None
        return job

    with side.timed(CLAIM, times):
        claimed = [await claim() for _ in range(times)]
    with side.timed(CLAIM_MANY, times):
        await asyncio.gather(*(_repeat(claim, times // AT_ONCE) for _ in range(AT_ONCE)))
    later = datetime.now(UTC) + timedelta(hours=1)
    with side.timed(RESCHEDULE, times):
        for job in claimed:
            await app.job_manager.retry_job_by_id_async(job.id, retry_at=later)


async def _repeat(act: Callable[[], Awaitable[Any]], times: int) -> None:
    for _ in range(times):
        await act()
