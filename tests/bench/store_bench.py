"""How fast the list's file is: plain functions for `make bench`, on a real file. Not tests."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import quantiles

from callback.request import RequestState
from callback.store import CallRecord
from callback.store_rows import REQUEST_COLUMNS, request_row
from callback.store_sqlite import SqliteStore
from tests.contract.store_factory import T0, new_entry, new_request


def register_latency(n: int = 2000, rate: float = 200, folder: Path | None = None) -> dict[str, float]:
    """`n` durable registrations that arrive at `rate` a second, each among three saves of a call:
    more than a call through the menu writes. Milliseconds per registration, microseconds of CPU per write."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        return asyncio.run(_register_latency(Path(scratch) / "bench.db", n, rate))


async def _register_latency(path: Path, n: int, rate: float) -> dict[str, float]:
    store = SqliteStore(path)
    await store.open()
    took: list[float] = []
    tasks = []
    cpu, start = time.process_time(), time.perf_counter()
    for number in range(n):
        if (wait := start + number / rate - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(_one_call(store, took)))
    await asyncio.gather(*tasks)
    cpu = time.process_time() - cpu
    assert await store.count_open() == n
    await store.close()
    cuts = quantiles((seconds * 1000 for seconds in took), n=1000)
    return {
        "p50_ms": cuts[499],
        "p99_ms": cuts[989],
        "max_ms": max(took) * 1000,
        "cpu_us_per_write": cpu / (4 * n) * 1e6,
    }


async def _one_call(store: SqliteStore, took: list[float]) -> None:
    request = new_request()
    call = CallRecord(f"c-{request.id}", "intake", "bench", "9001", ("leg",), "{}", T0)
    await store.save_call(call)
    began = time.perf_counter()
    await store.register(request, new_entry(request))
    took.append(time.perf_counter() - began)
    await store.save_call(replace(call, state='{"state": "confirm"}'))
    await store.save_call(replace(call, state=None, ended_at=T0))


def open_time(rows: int = 100_000, folder: Path | None = None) -> float:
    """Seconds to open a file with that many requests, a tenth of them open, and to ask what is due."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / "bench.db"
        asyncio.run(_open_and_ask(path))
        fill(path, rows)
        began = time.perf_counter()
        asyncio.run(_open_and_ask(path))
        return time.perf_counter() - began


async def _open_and_ask(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.count_open()
    await store.live_attempts()
    await store.open_calls()
    await store.close()


def fill(path: Path, rows: int) -> None:
    """That many requests, a tenth of them open, into a file that has its tables."""
    sql = (
        f"INSERT INTO request ({', '.join(REQUEST_COLUMNS)}) VALUES ({', '.join('?' * len(REQUEST_COLUMNS))})"
    )
    connection = sqlite3.connect(path)
    with connection:
        for number in range(rows):
            state = RequestState.WAITING if number % 10 == 0 else RequestState.REACHED
            at = T0 + timedelta(seconds=number)
            request = new_request(reference=f"{number:06}", state=state, registered_at=at, next_attempt_at=at)
            connection.execute(sql, request_row(request))
    connection.close()


if __name__ == "__main__":
    print(json.dumps({"register": register_latency(), "open_s": open_time()}, indent=2))
