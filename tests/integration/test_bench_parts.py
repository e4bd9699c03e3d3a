"""The parts of `make bench` that need no exchange, with small numbers: they do what their tables say. Nothing is timed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from callback.store import LedgerHead
from callback.store_ledger import LedgerReport, verify
from tests.bench import rivals as rival_bench
from tests.bench.crowd import fill
from tests.bench.growth_bench import costs, heading
from tests.bench.postgres import NoPostgres
from tests.bench.rivals import ACTS, CLAIM_BARE, Side, ours, table
from tests.bench.roster_bench import roster_times
from tests.bench.scale_bench import dispatched, memory_of_service, next_times, sweep_beside_menu
from tests.bench.twilio_bench import creates, wanted
from tests.bench.waiting_bench import asked


async def test_the_crowd_is_a_list_as_any_other(tmp_path: Path) -> None:
    """What was written the fast way has its ledger in one chain, and somebody is next at each office."""
    fill(tmp_path / "list.db", 600, due=1.0)
    report = verify(tmp_path / "list.db")
    assert report == LedgerReport(LedgerHead(600, report.head.hash))
    assert len(await next_times(tmp_path / "list.db", 10)) == 10


async def test_all_are_dispatched_and_nobody_twice(tmp_path: Path) -> None:
    """Each of those who come is offered to one caseworker, who has no other then."""
    fill(tmp_path / "list.db", 300, due=0)
    done = await dispatched(tmp_path / "list.db", rate=50, seconds=0.6, people=30)
    assert (done.came, done.left, done.doubles, done.problems) == (30, 0, 0, [])
    assert len(done.waited_ms) == 30


async def test_calls_are_placed_in_order(tmp_path: Path) -> None:
    """Those still wanted are placed in order, at their pace; who was given back, or whose claim ended, is told so, and costs
    no time."""
    placed = await creates(160, per_second=20)
    assert placed.order == wanted(160)
    assert placed.gap >= 0.04
    assert (placed.given_back, placed.full) == (70, 70)


async def test_all_who_wait_are_told(tmp_path: Path) -> None:
    """Each who asks hears their place, while others come in."""
    told = await asked(tmp_path / "list.db", 180, 2, seconds=1, spread=0)
    assert (len(told.times), told.places) == (6, 6)


async def test_the_sweep_beside_the_menu(tmp_path: Path) -> None:
    """It gives back all claims whose time is over and makes an offer at each office."""
    fill(tmp_path / "list.db", 900, due=1.0, claimed=40)
    sweep = await sweep_beside_menu(tmp_path / "list.db", claimed=40)
    assert (sweep.given_back, sweep.offered) == (40, 300)
    assert sweep.calm


async def test_the_memory_is_of_a_process_of_its_own(tmp_path: Path) -> None:
    """It has loaded what the service loads."""
    fill(tmp_path / "list.db", 300)
    assert 30 < await memory_of_service(tmp_path / "list.db", tmp_path) < 250


async def test_growth_is_measured_for_each_size(tmp_path: Path) -> None:
    """A row for each act, a column for each size, and no file left."""
    found = await costs(tmp_path, sizes=(300, 600), times=3)
    assert len(found) == 6
    assert all(len(cost.ms) == len(cost.cpu_ms) == 2 for cost in found)
    assert "600" in heading((300, 600))
    assert not [*tmp_path.glob("*")]  # noqa: ASYNC240


async def test_our_side_of_the_rivals(tmp_path: Path) -> None:
    """Every act but the one that only huey has."""
    side = await ours(tmp_path / "list.db", 600, 48)
    assert set(side.per_second) == set(ACTS) - {CLAIM_BARE}


async def test_a_rival_that_cannot_be_had_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table says which and why."""
    for name in ("huey", "procrastinate"):
        monkeypatch.setitem(sys.modules, name, None)
    sides = [Side("ours"), rival_bench.huey(tmp_path / "h", 1, 1), await rival_bench.procrastinate(1, 1)]
    said = table(sides)
    assert "huey (SQLite): not measured, huey is not installed here" in said
    assert "procrastinate (PostgreSQL): not measured, procrastinate is not installed here" in said
    assert issubclass(NoPostgres, Exception)


async def test_the_rosters(tmp_path: Path) -> None:
    """Somebody is on duty on every line but the one whose shift was taken away."""
    roster = await roster_times(tmp_path / "roster.db", offices=4, shifts=40, rounds=2)
    assert (roster.shifts, roster.lines) == (40, 4)
    assert roster.on_duty >= 3
