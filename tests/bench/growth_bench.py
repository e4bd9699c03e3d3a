"""What each act costs with a list of 1,000, 10,000, 100,000 and 1,000,000 requests, all open: it may not grow faster than
the logarithm of their number."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from math import log2
from pathlib import Path
from statistics import median
from typing import Final

from callback.desk import Desk
from callback.desk_wishes import IDLE
from callback.request import AttemptOutcome, CallbackRequest
from callback.store import Change, RequestQuery
from callback.store_sqlite import SqliteStore
from callback.turn import OnTheLine
from scheduler.clock import ManualClock
from tests.bench.crowd import NOW, OFFICES, caseworker, crowd_config, fill, office_no
from tests.contract.store_factory import new_entry, new_request

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
TOLERANCE: Final = 1.5
"""A machine is never quite the same for minutes; a growth with n would be hundreds of times."""
_TIMES: Final = 300
_REGISTER, _NEXT, _CLAIM, _RESCHEDULE, _LINE, _END = (
    "register",
    "find the next of an office",
    "claim and start",
    "end and plan again",
    "a line of the ledger",
    "end the request",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """One act: median milliseconds until it was on the disk, and its processor time, for each size."""

    act: str
    ms: tuple[float, ...]
    cpu_ms: tuple[float, ...]
    sizes: tuple[int, ...]

    @property
    def growth(self) -> float:
        """From the smallest to the largest list; of the time or of the processor time, whichever grew more."""
        return max(self.ms[-1] / self.ms[0], self.cpu_ms[-1] / self.cpu_ms[0])

    @property
    def most(self) -> float:
        return TOLERANCE * log2(self.sizes[-1]) / log2(self.sizes[0])

    @property
    def ok(self) -> bool:
        return self.growth <= self.most

    def __str__(self) -> str:
        cells = "".join(
            f"{f'{ms:.2f} ({cpu:.2f})':>16}" for ms, cpu in zip(self.ms, self.cpu_ms, strict=True)
        )
        return f"{self.act:<28}{cells}{self.growth:>9.2f}  at most {self.most:.2f}  {'ok' if self.ok else 'MISSED'}"


def heading(sizes: tuple[int, ...] = SIZES) -> str:
    return f"{'ms (of it CPU), with so many':<28}{''.join(f'{size:>16,}' for size in sizes)}{'growth':>9}"


async def costs(folder: Path, sizes: tuple[int, ...] = SIZES, times: int = _TIMES) -> list[Cost]:
    """A file for each size, removed when it has been measured."""
    found: list[dict[str, tuple[float, float]]] = []
    for size in sizes:
        path = folder / f"{size}.db"
        fill(path, size, due=1.0)
        found.append(await _costs_at(path, min(times, size // 3)))
        _remove(path)
    return [
        Cost(act, tuple(f[act][0] for f in found), tuple(f[act][1] for f in found), sizes) for act in found[0]
    ]


async def _costs_at(path: Path, times: int) -> dict[str, tuple[float, float]]:
    store = SqliteStore(path)
    await store.open()
    desk = Desk(store, crowd_config(OFFICES * (times // OFFICES + 1)), ManualClock(NOW))
    cost: dict[str, tuple[float, float]] = {}
    due: list[CallbackRequest] = []
    attempts: list[str] = []

    async def measure(act: str, do: Callable[[int], Awaitable[object]]) -> None:
        took: list[float] = []
        cpu = time.process_time()
        for number in range(times):
            began = time.perf_counter()
            await do(number)
            took.append((time.perf_counter() - began) * 1000)
        cost[act] = (median(took), (time.process_time() - cpu) * 1000 / times)

    async def register(number: int) -> None:
        new = new_request(
            id=uuid.uuid4().hex,
            reference=f"n{number}",
            phone=f"+47{47000000 + number}",
            office_no=office_no(number),
            last_workable_at=NOW + timedelta(hours=1 + number % 40),
        )
        await store.register(new, new_entry(new))

    async def find(number: int) -> None:
        query = RequestQuery(served_by=office_no(number), states=IDLE, due_before=NOW, limit=1)
        due.extend(await desk.find(query))

    async def claim(number: int) -> None:
        person = desk.person(caseworker(number))
        query = RequestQuery(served_by=person.office_no, states=IDLE, due_before=NOW, limit=1)
        (offer,) = (await desk.offer_next(query, [person], OnTheLine())).made
        assert offer.attempt is not None
        attempts.append(offer.attempt.id)

    async def reschedule(number: int) -> None:
        due[number] = await desk.end_attempt(attempts[number], AttemptOutcome.NO_ANSWER)

    async def line(number: int) -> None:
        entry = new_entry(due[number], event="noted", from_state=due[number].state)
        (due[number],) = await store.save(Change(replace(due[number]), (entry,)))

    async def end(number: int) -> None:
        await desk.withdraw(due[number].id, "caller")

    await find(0)  # every statement is prepared, every cache warm
    due.clear()
    await measure(_REGISTER, register)
    await measure(_NEXT, find)
    await measure(_CLAIM, claim)
    await measure(_RESCHEDULE, reschedule)
    await measure(_LINE, line)
    await measure(_END, end)
    await store.close()
    return cost


def _remove(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
