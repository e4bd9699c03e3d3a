"""`make bench`: how fast it is, as ratios and limits in one run, printed as a table. Exit code 1 when one is missed.

Everything runs on loopback beside a real Asterisk; the machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, quantiles

import structlog

from tests.bench.crowd import OFFICES, fill
from tests.bench.growth_bench import SIZES, costs, heading
from tests.bench.load_bench import RATE as CALL_RATE
from tests.bench.load_bench import Side, memory_with_calls_up, site, under_load
from tests.bench.path_bench import HEADING, path_times
from tests.bench.rivals import AT_ONCE, CLAIM, CLAIM_MANY, rivals, table
from tests.bench.roster_bench import SHIFTS, roster_times
from tests.bench.scale_bench import (
    CLAIMED,
    DUE,
    OPEN,
    PEOPLE,
    RATE,
    dispatched,
    memory_of_service,
    next_times,
    sweep_beside_menu,
)
from tests.bench.start_bench import start_times
from tests.bench.step_bench import Steps, menu_steps
from tests.bench.store_bench import register_latency
from tests.bench.twilio_bench import (
    CREATES,
    INTAKES,
    POLLS,
    SECONDS,
    WAITING,
    Placed,
    creates,
    polls,
    wanted,
)
from tests.bench.waiting_bench import INTAKES as OTHERS
from tests.bench.waiting_bench import asked
from tests.bench.watch_bench import BROWSERS, watched
from tests.bench.watch_bench import OFFICES as WATCHED

_SCRATCH = Path("var")
"""On the checkout's own disk: what is durable there is durable on the disk, and not in memory."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `most`: the value may be that much; `least`: it must be."""

    what: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def ok(self) -> bool:
        return (self.most is None or self.value <= self.most) and (
            self.least is None or self.value >= self.least
        )

    def __str__(self) -> str:
        if self.most is None and self.least is None:
            return f"{self.what:<62} {self.value:>9.2f} {self.unit}"
        bound = f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"
        return (
            f"{self.what:<62} {self.value:>9.2f} {self.unit:<5} {bound:<14} {'ok' if self.ok else 'MISSED'}"
        )


async def _measure_scale(directory: Path) -> list[Row]:
    """The list alone: no exchange."""
    _say(f"scale: {OPEN:,} open requests in {OFFICES} offices")
    fill(directory / "next.db", OPEN)
    nexts = await next_times(directory / "next.db")
    memory = await memory_of_service(directory / "next.db", directory)
    _say(f"sweep: {DUE:,} due")
    fill(directory / "sweep.db", OPEN, due=(DUE - CLAIMED) / OPEN, claimed=CLAIMED)
    sweep = await sweep_beside_menu(directory / "sweep.db")
    _say(f"dispatch: {PEOPLE:,} take calls, {RATE:g} requests a second")
    fill(directory / "dispatch.db", OPEN, due=0)
    done = await dispatched(directory / "dispatch.db")
    for problem in done.problems:
        _say(f"problem: {problem}")
    _say(f"roster: {SHIFTS:,} shifts on {OFFICES} lines")
    roster = await roster_times(directory / "roster.db")
    return [
        Row(f"who is on duty now on {OFFICES} lines, {SHIFTS:,} shifts, median", median(roster.nows), "ms", most=50),
        Row("  p99", roster.p99, "ms"),
        Row("  lines on which somebody is", roster.on_duty, "", least=OFFICES - 1),
        Row("  the first time, all shifts read", roster.first, "ms"),
        Row("  after another process changed one", roster.after_change, "ms", most=50),
        Row("  four weeks of coverage of all lines", roster.coverage, "ms"),
        Row(f"next for a caseworker, {OPEN:,} open, median", median(nexts), "ms"),
        Row("next for a caseworker, p99", _p99(nexts), "ms", most=2),
        Row(f"a sweep with {DUE:,} due", sweep.seconds, "s", most=1),
        Row("  claims given back by it", sweep.given_back, "", least=CLAIMED),
        Row("  offers made by it", sweep.offered, "", least=OFFICES),
        Row("  a menu step beforehand (two commits), median", median(sweep.calm), "ms"),
        Row("  a menu step beforehand, slowest", max(sweep.calm), "ms"),
        Row("  menu steps beside it", len(sweep.beside), ""),
        Row("  the slowest of them, over the median beforehand", sweep.delay, "ms", most=20),
        Row(f"memory with {OPEN:,} open, after a sweep", memory, "MB", most=250),
        Row(f"dispatched of {done.came:,}, at {RATE:g}/s to {PEOPLE:,}", done.came - done.left, "", least=done.came),
        Row("  requests or caseworkers with two calls", done.doubles + len(done.problems), "", most=0),
        Row("  from the first that came to the last that was reached", done.per_second, "/s", least=0.95 * RATE),
        Row("  from registered to offered, median", median(done.waited_ms), "ms"),
        Row("  from registered to offered, p99", done.waited_p99, "ms"),
    ]  # fmt: skip


async def _measure_growth(directory: Path) -> list[Row]:
    _say(f"growth: {', '.join(f'{size:,}' for size in SIZES)} requests")
    found = await costs(directory)
    print("\n".join((heading(), *map(str, found), "")))
    return [Row("acts whose cost grows faster than the logarithm", sum(not c.ok for c in found), "", most=0)]


async def _measure_rivals(directory: Path) -> list[Row]:
    _say("rivals: huey and procrastinate, one client each")
    sides = await rivals(directory)
    print(f"{table(sides)}\n")
    own, *others = sides
    return [
        Row(
            f"claim-next, {way}, ours / {other.name}",
            own.per_second[act] / other.per_second[act],
            "",
            least=1,
        )
        for other in others
        for way, act in (("one at a time", CLAIM), (f"{AT_ONCE} at once", CLAIM_MANY))
        if act in other.per_second
    ]


async def _measure_watch(directory: Path) -> list[Row]:
    _say(f"watch: the table of {WATCHED} offices in {BROWSERS} browsers")
    seen = await watched(directory)
    return [
        Row(f"the page of {WATCHED} offices, median", median(seen.page_ms), "ms", most=50),
        Row(f"a change is in all of {BROWSERS} browsers, median", median(seen.told_ms), "ms"),
        Row("  the slowest", max(seen.told_ms), "ms", most=1000),
        Row("  CPU of the service for it, all browsers together", 1000 * seen.cpu_change, "ms"),
        Row("CPU that the browsers add while nothing happens", 100 * seen.cpu_idle, "%", most=5),
        Row("memory that they add", seen.memory - seen.memory_before, "MB", most=50),
    ]


async def _measure_calls(directory: Path, rate: float) -> list[Row]:
    _say("register: 1,000 requests through the store, 100 a second")
    registering = await asyncio.to_thread(register_latency, 1000, CALL_RATE, directory)
    _say("ways: every prompt on them is spoken")
    paths = await asyncio.to_thread(path_times, directory / "prompts")
    _say("start: 100,000 requests in the store")
    starting = await start_times(directory / "start")
    async with site(directory) as here:
        _say("load: the service and the dialplan alone in turns")
        service, plain = await under_load(here, rate)
        _say("steps: the same, a caller's next key as soon as the prompt has begun")
        steps = await menu_steps(here)
        _say("memory: 1,000 calls up")
        calls_up, memory = await memory_with_calls_up(here)
    for problem in (*service.problems, *plain.problems, *steps[0].problems, *steps[1].problems):
        _say(f"problem: {problem}")
    print("\n".join((HEADING, *map(str, paths), "")))
    return [
        *_load_rows(service, plain, rate),
        *_step_rows(*steps),
        Row("register durably, p99", registering["p99_ms"], "ms", most=5),
        Row("calls up at the same time", calls_up, "", least=1000),
        Row("memory of the service with them", memory, "MB", most=150),
        Row("start to ready, 100,000 requests in the store (median)", median(starting), "s", most=2),
    ]


def _load_rows(service: Side, plain: Side, rate: float) -> list[Row]:
    service_p99, plain_p99 = (_p99(side.key_to_prompt_ms) for side in (service, plain))
    return [
        Row(f"{service.calls} calls at {rate:g}/s registered exactly once", _share(service), "%", least=100),
        Row(f"{plain.calls} calls at {rate:g}/s through the dialplan alone", _share(plain), "%", least=100),
        Row("CPU of Asterisk, dialplan alone", plain.cpu, "s"),
        Row("CPU of Asterisk, with the service", service.cpu_pbx, "s"),
        Row("CPU of the service", service.cpu_service, "s"),
        Row("CPU, Asterisk + service / dialplan alone", service.cpu / plain.cpu, "", most=1.6),
        Row("the whole machine busy, dialplan alone", 100 * mean(plain.busy), "%"),
        Row("the whole machine busy, with the service", 100 * mean(service.busy), "%"),
        Row("samples of key to next prompt, each side", _fewest(service, plain), "", least=200),
        Row("key to next prompt, dialplan alone, median", median(plain.key_to_prompt_ms), "ms"),
        Row("key to next prompt, dialplan alone, p99", plain_p99, "ms"),
        Row("key to next prompt, service, median", median(service.key_to_prompt_ms), "ms"),
        Row("key to next prompt, service, p99", service_p99, "ms"),
        Row("key to next prompt, p99 over the dialplan's", service_p99 - plain_p99, "ms", most=15),
    ]


def _step_rows(service: Steps, plain: Steps) -> list[Row]:
    ratio = service.per_cpu_second / plain.per_cpu_second
    return [
        Row("menu steps taken, each side", min(service.taken, plain.taken), "", least=1000),
        Row("menu steps per second of CPU, dialplan alone", plain.per_cpu_second, "/s"),
        Row("menu steps per second of CPU, Asterisk + service", service.per_cpu_second, "/s"),
        Row("menu steps per second of CPU, Asterisk + service / dialplan alone", ratio, ""),
    ]


def _share(side: Side) -> float:
    return 100 * side.succeeded / side.calls


def _fewest(*sides: Side) -> int:
    return min(len(side.key_to_prompt_ms) for side in sides)


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


async def _measure_twilio(directory: Path) -> list[Row]:
    _say(f"twilio: {WAITING:,} wait, {POLLS} ask a second, {INTAKES} come a second")
    asked = await polls(directory)
    for problem in asked.problems[:5]:
        _say(f"problem: {problem}")
    _say(f"twilio: {CREATES:,} calls to be placed at one a second")
    placed, kept = await creates(), len(wanted(CREATES))
    return [
        Row(f"{WAITING:,} wait at Twilio: requests answered", len(asked.times), "", least=0.95 * POLLS * SECONDS),
        Row("  a request for the next piece of music, median", median(asked.times), "ms"),
        Row("  a request for the next piece of music, p99", asked.p99, "ms", most=50),
        Row("  callers registered beside them", asked.intakes, "", least=INTAKES * SECONDS),
        Row("  requests that went wrong", len(asked.problems), "", most=0),
        Row(f"{CREATES:,} to be placed at 1/s, {kept} still wanted: those placed, in order", _in_order(placed), "", least=kept),
        Row("  the time between two of them, on the average, at least", placed.gap, "s", least=0.99),
        Row("  and at most", placed.gap, "s", most=1.05),
        Row("  not placed: given back", placed.given_back, "", least=(CREATES - kept) // 2),
        Row("  not placed: their claim had ended", placed.full, "", least=(CREATES - kept) // 2),
    ]  # fmt: skip


async def _measure_waiting(directory: Path) -> list[Row]:
    rows: list[Row] = []
    for callers, offices in ((300, 1), (WAITING, 1), (WAITING, 50)):
        _say(f"waiting: {callers:,} at {offices} offices, {OTHERS:g} come a second")
        came = await asked(directory / f"waiting-{callers}-{offices}.db", callers, offices)
        rows += [
            Row(f"{callers:,} wait at {offices} offices: whose turn it is, median", median(came.times), "ms"),
            Row("  p99", came.p99, "ms", most=50),
            Row("  told their place, of all who asked", 100 * came.places / len(came.times), "%", least=100),
            Row("  CPU for each, beside those who come in", came.cpu_ms, "ms"),
        ]
    return rows


def _in_order(placed: Placed) -> int:
    """How many, if they are those that were still wanted, one after the other."""
    return len(placed.order) if placed.order == wanted(CREATES) else 0


_PARTS = {
    "scale": _measure_scale,
    "growth": _measure_growth,
    "rivals": _measure_rivals,
    "twilio": _measure_twilio,
    "waiting": _measure_waiting,
    "watch": _measure_watch,
}


def main() -> int:
    """0 when every target is met."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--rate", type=float, default=CALL_RATE, help="calls a second (default: %(default)g)")
    parser.add_argument("--only", choices=[*_PARTS, "calls"], help="this part alone; `calls` needs the PBX")
    options = parser.parse_args()
    # Not one line for each of a million changes; the rest as `callback.logs` has it.
    errors = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=errors, cache_logger_on_first_use=True)
    _SCRATCH.mkdir(exist_ok=True)
    rows: list[Row] = []
    for name in (options.only,) if options.only else (*_PARTS, "calls"):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=_SCRATCH) as scratch:
            folder = Path(scratch).absolute()
            part = _PARTS[name](folder) if name in _PARTS else _measure_calls(folder, options.rate)
            rows += asyncio.run(part)
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"{os.cpu_count()} processors; load of the last 1, 5, 15 minutes: {load}")
    print("\n".join(map(str, rows)))
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
