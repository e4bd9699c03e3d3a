"""How long it takes to tell a caller on hold whether it is their turn, while thousands wait and others come in: the desk on
a real file, asked as the callers' machines ask it. Nobody is free, so all of them go on waiting."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Final

from callback.desk import Desk, Registration
from callback.store_sqlite import SqliteStore
from callback.turn import OnTheLine
from tests.bench.crowd import caseworker, crowd_config, office_no
from tests.bench.scale_bench import RunningClock

EVERY: Final = 30.0
"""Seconds between two questions of a caller, as at Twilio (`twilio_bench.POLLS`)."""
INTAKES: Final = 20.0
"""Others who come on the list, a second."""
SECONDS: Final = 15.0
COLLEAGUES: Final = 3
"""At each office; all are in a call."""
_FIRST: Final = 40_000_000
_OTHERS: Final = 47_000_000
_AT_ONCE: Final = 100
_SPREAD: Final = 5.0
"""Seconds in which the offices' first callers were told: the offices are not looked at in step."""


@dataclass(slots=True)
class Asked:
    """Milliseconds for each who asked, and the processor time for all of them and for those who came in."""

    times: list[float] = field(default_factory=list)
    places: int = 0
    """Those who were told their place: all, for nobody is free."""
    cpu: float = 0.0

    @property
    def p99(self) -> float:
        return quantiles(self.times, n=100)[98]

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu / len(self.times)


async def asked(
    path: Path, callers: int, offices: int, seconds: float = SECONDS, spread: float = _SPREAD
) -> Asked:
    """So many wait, spread over the offices."""
    store = SqliteStore(path)
    await store.open()
    desk = Desk(store, crowd_config(COLLEAGUES * offices, offices), RunningClock())
    for number in range(COLLEAGUES * offices):
        await desk.set_ready(caseworker(number), ready=True)
        await store.postpone_ready(caseworker(number), desk.clock.now() + timedelta(hours=1))
    waiting: list[str] = []
    for first in range(0, callers, _AT_ONCE):
        some = range(first, min(first + _AT_ONCE, callers))
        waiting += await asyncio.gather(*(_comes(desk, office_no(n % offices), _FIRST + n) for n in some))
    result = await _load(desk, waiting, offices, seconds, spread)
    await store.close()
    return result


async def _comes(desk: Desk, office: str, number: int) -> str:
    request, _ = await desk.register(Registration(office, f"+47{number}"))
    return request.id


async def _load(desk: Desk, waiting: list[str], offices: int, seconds: float, spread: float) -> Asked:
    result, line = Asked(), OnTheLine(frozenset(waiting))
    for request_id in waiting[:offices]:  # they came one by one, and were told
        await desk.turn(request_id, line)
        await asyncio.sleep(spread / offices)

    async def one(request_id: str, due: float) -> None:
        turn = await desk.turn(request_id, line)
        result.times.append(1000 * (time.perf_counter() - due))
        result.places += turn.colleague is None and turn.place > 0 and not (turn.nobody or turn.closed)

    rate = len(waiting) / EVERY
    tasks: list[asyncio.Task[object]] = []
    come = 0
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(int(seconds * rate)):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(waiting[number * 7919 % len(waiting)], due)))
        while come < INTAKES * (due - began):
            tasks.append(asyncio.create_task(_comes(desk, office_no(come % offices), _OTHERS + come)))
            come += 1
    await asyncio.gather(*tasks)
    result.cpu = time.process_time() - cpu
    return result
