"""The rosters at scale: 300 offices, 20,000 shifts, on a real file: who is on duty now on every line."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Final

from callback.desk import Desk
from callback.shifts import RosterChange, RosterEntry
from callback.store_sqlite import SqliteStore
from config.model import Config
from config.oncall import OnCallLine
from scheduler.clock import ManualClock
from scheduler.roster import DutyShift, ShiftKind
from tests.bench.crowd import NOW, OFFICES, caseworker, crowd_config, office_no

SHIFTS: Final = 20_000
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RosterTimes:
    """Milliseconds."""

    shifts: int
    lines: int
    on_duty: int
    """Lines on which somebody is found: all but the one whose shift another process took away."""
    first: float
    """All rows are read."""
    nows: list[float]
    after_change: float
    """Another process has changed one line."""
    coverage: float
    """Four weeks of every line, once a day and after a change."""

    @property
    def p99(self) -> float:
        return quantiles(self.nows, n=100)[98]


def _lined(offices: int) -> Config:
    """Each office has a line; its person p stands for its caseworkers."""
    config = crowd_config(offices, offices)
    lines = tuple(
        OnCallLine(id=f"l{n}", office_no=office_no(n), number=f"+47{73100000 + n}") for n in range(offices)
    )
    return config.model_copy(update={"lines": lines})


async def roster_times(
    path: Path, offices: int = OFFICES, shifts: int = SHIFTS, rounds: int = 50
) -> RosterTimes:
    """Shifts of seven hours one after another on each line, every tenth an override, around now."""
    config, clock = _lined(offices), ManualClock(NOW)
    store, beside = SqliteStore(path), SqliteStore(path)
    await store.open()
    try:
        for n in range(offices):
            each = shifts * (n + 1) // offices - shifts * n // offices
            rows = [_shift(n, k, each) for k in range(each)]
            await store.save_roster(
                RosterChange(0, RosterEntry(f"l{n}", NOW, "bench", "imported"), tuple(rows))
            )
        desk = Desk(store, config, clock)
        first = await _timed(desk)
        nows = [await _timed(desk) for _ in range(rounds)]
        await beside.open()
        other = Desk(beside, config, clock)
        (one, *_) = await other.shifts_of(other.line("l0"))
        await other.remove_shift(other.line("l0"), one.id, "bench")
        changed = await _timed(desk)
        begun = time.perf_counter()
        await desk.coverage()
        covering = (time.perf_counter() - begun) * 1000
        on_duty = sum(bool(duty.people) for duty in await desk.duties())
        return RosterTimes(shifts, offices, on_duty, first, nows, changed, covering)
    finally:
        await beside.close()
        await store.close()


def _shift(line: int, count: int, each: int) -> DutyShift:
    begins = NOW + (count - each // 2) * 7 * _HOUR - timedelta(minutes=line)
    kind = ShiftKind.OVERRIDE if count % 10 == 0 else ShiftKind.SHIFT
    return DutyShift(
        f"s{line}.{count}", f"l{line}", (caseworker(line),), begins, begins + 7 * _HOUR, kind, changed_at=NOW
    )


async def _timed(desk: Desk) -> float:
    begun = time.perf_counter()
    await desk.duties()
    return (time.perf_counter() - begun) * 1000
