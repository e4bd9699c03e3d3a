"""`make bench`: how fast it is, as ratios and limits in one run, printed as a table. Exit code 1 when one is missed.

Everything runs on loopback beside a real Asterisk; the machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, quantiles

from tests.bench.load_bench import RATE, Side, memory_with_calls_up, site, under_load
from tests.bench.path_bench import HEADING, path_times
from tests.bench.start_bench import start_times
from tests.bench.step_bench import Steps, menu_steps
from tests.bench.store_bench import register_latency

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


async def _measure(directory: Path, rate: float) -> list[Row]:
    _say("register: 1,000 requests through the store, 100 a second")
    registering = await asyncio.to_thread(register_latency, 1000, RATE, directory)
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


def main() -> int:
    """0 when every target is met."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second (default: %(default)g)")
    options = parser.parse_args()
    _SCRATCH.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=_SCRATCH) as scratch:
        rows = asyncio.run(_measure(Path(scratch).absolute(), options.rate))
    print("\n".join(map(str, rows)))
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
