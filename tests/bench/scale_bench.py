"""The list at scale: 100,000 open requests in 300 offices, through the desk and the dispatch as the service runs them, on a
real file. Only the line is a stub: whoever is rung accepts, talks and writes the result at once."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final, cast

from callback.desk import Desk, Registration
from callback.desk_wishes import IDLE
from callback.dispatch import Dispatch
from callback.request import AttemptOutcome, CallResult
from callback.store import CallRecord, RequestQuery
from callback.store_sqlite import SqliteStore
from callback.turn import OnTheLine, taker
from config.model import CallSettings, Config
from hardware.line import LineStatus
from ivr.callback_call import CallbackFacts
from ivr.runner import Runner
from scheduler.alarm import Alarm
from scheduler.clock import ManualClock
from tests.bench.crowd import NOW, OFFICES, caseworker, crowd_config, office_no
from tests.bench.own_packages import environment
from tests.bench.process import memory_mb

OPEN: Final = 100_000
DUE: Final = 10_000
CLAIMED: Final = 1000
"""So many of those who are due were claimed, and nobody rang."""
PEOPLE: Final = 1000
RATE: Final = 200.0
_FIRST_CALLER: Final = 47000000
_STEP_EVERY: Final = 0.01
_HALF: Final = 0.5


class RunningClock:
    """Begins at NOW, where every office is open, and goes on as the machine's does."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=time.monotonic() - self._began)


class _Up:
    def status(self) -> LineStatus:
        return LineStatus("stub", up=True, since=NOW, detail="")


class StubRunner:
    """Stands for the runner and its line: the caseworker accepts, the two talk, the result is written; or their telephone
    goes on ringing."""

    def __init__(self, desk: Desk, *, talks: bool = True) -> None:
        self.line = _Up()
        self._talks = talks
        self.on_callback_ended: Callable[[], None] = lambda: None
        self.calls: set[asyncio.Task[None]] = set()
        self.problems: list[BaseException] = []
        self._desk = desk

    def is_on_the_line(self, request_id: str) -> bool:
        return False

    def status_of(self, office_no: str) -> LineStatus:
        return self.line.status()

    def on_the_line(self) -> OnTheLine:
        return OnTheLine()

    def wake(self) -> None:
        """No call of this one waits for a moment."""

    def call_ids(self) -> frozenset[str]:
        return frozenset()

    def ringing(self) -> frozenset[str]:
        return frozenset()

    def waits(self, request_id: str) -> bool:
        return False

    def phase(self, attempt_id: str) -> str | None:
        return "talking"

    async def start_callback(self, facts: CallbackFacts, office: str) -> None:
        if not self._talks:
            return
        call = asyncio.get_running_loop().create_task(self._talk(facts))
        self.calls.add(call)
        call.add_done_callback(self._over)

    async def _talk(self, facts: CallbackFacts) -> None:
        ended = await self._desk.end_attempt(facts.attempt_id, AttemptOutcome.ANSWERED)
        person = ended.claimed_by
        assert person is not None
        await self._desk.record_result(ended.id, person, CallResult.REACHED)

    def _over(self, call: asyncio.Task[None]) -> None:
        self.calls.discard(call)
        if not call.cancelled() and (problem := call.exception()) is not None:
            self.problems.append(problem)
        self.on_callback_ended()


# -- next for a caseworker


async def next_times(path: Path, times: int = 3000) -> list[float]:
    """Milliseconds to find who is next for somebody who becomes free: what the dispatch reads and decides."""
    store = SqliteStore(path)
    await store.open()
    desk = Desk(store, crowd_config(PEOPLE), ManualClock(NOW))
    took = []
    for number in range(times):
        person = desk.person(caseworker(number % PEOPLE))
        began = time.perf_counter()
        query = RequestQuery(served_by=person.office_no, states=IDLE, due_before=desk.clock.now(), limit=1)
        due = await desk.find(query)
        never = await desk.never_called(due)
        found = next((r for r in due if r.id not in never and taker(r, [person])), None)
        took.append((time.perf_counter() - began) * 1000)
        assert found is not None or len(due) == 0
    await store.close()
    return took


# -- the sweep


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep with many due, and the menu beside it. Milliseconds."""

    seconds: float
    given_back: int
    offered: int
    calm: list[float]
    """Menu steps before it: on the list, and the call's state kept."""
    beside: list[float]

    @property
    def delay(self) -> float:
        """By how much the slowest step beside it was later than one is."""
        return max(self.beside) - median(self.calm)


async def sweep_beside_menu(path: Path, claimed: int = CLAIMED) -> Sweep:
    """`path` was filled with so many claims whose time is over. At each office somebody takes calls."""
    store = SqliteStore(path)
    await store.open()
    desk = Desk(store, crowd_config(PEOPLE), ManualClock(NOW))
    dispatch = Dispatch(desk, cast("Runner", StubRunner(desk, talks=False)))
    await asyncio.gather(*(desk.set_ready(caseworker(n), ready=True) for n in range(OFFICES)))
    calm: list[float] = []
    beside: list[float] = []
    stepping = asyncio.create_task(_menu_steps(desk, calm, _FIRST_CALLER))
    await asyncio.sleep(2)
    stepping.cancel()
    with suppress(asyncio.CancelledError):
        await stepping
    stepping = asyncio.create_task(_menu_steps(desk, beside, _FIRST_CALLER + 10_000))
    await asyncio.sleep(2 * _STEP_EVERY)
    beside.clear()
    began = time.perf_counter()
    await dispatch.sweep()
    took = time.perf_counter() - began
    await asyncio.sleep(2 * _STEP_EVERY)
    stepping.cancel()
    with suppress(asyncio.CancelledError):
        await stepping
    left = len(await store.expired_claims(NOW, claimed))
    offered = len(await store.live_attempts())
    await store.close()
    return Sweep(took, claimed - left, offered, calm, beside)


async def _menu_steps(desk: Desk, took: list[float], first: int) -> None:
    """A caller presses 1, again and again: registered, and the call's state kept, both durable."""
    number = 0
    while True:
        began = time.perf_counter()
        await desk.register(Registration(office_no(number), f"+47{first + number}"))
        await desk.store.save_call(
            CallRecord(f"c{first + number}", "intake", "bench", "9001", ("leg",), "{}", NOW)
        )
        took.append((time.perf_counter() - began) * 1000)
        number += 1
        await asyncio.sleep(_STEP_EVERY)


# -- the dispatch


@dataclass(slots=True)
class Dispatched:
    """What became of the requests that came in."""

    came: int = 0
    per_second: float = 0.0
    """Dispatched, from the first that came to the last that was reached."""
    waited_ms: list[float] = field(default_factory=list)
    """From registered to offered."""
    left: int = 0
    doubles: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def waited_p99(self) -> float:
        return quantiles(self.waited_ms, n=100)[98]


async def dispatched(path: Path, rate: float = RATE, seconds: float = 15, people: int = PEOPLE) -> Dispatched:
    """Requests come in at `rate` beside the long list at `path`, of which nobody is due; everybody takes calls."""
    store = SqliteStore(path)
    await store.open()
    desk = Desk(store, without_wrap_up(crowd_config(people)), RunningClock())
    runner = StubRunner(desk)
    dispatch = Dispatch(desk, cast("Runner", runner))
    alarm = Alarm(dispatch.sweep, desk.clock, every=timedelta(seconds=1))
    runner.on_callback_ended = lambda: alarm.wake_at(desk.clock.now())
    await asyncio.gather(*(desk.set_ready(caseworker(n), ready=True) for n in range(people)))
    before = await store.count_open()
    done = Dispatched(came=int(rate * seconds))
    alarm.start()
    began = time.perf_counter()
    arrivals = []
    for number in range(done.came):
        if (wait := began + number / rate - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        arrivals.append(asyncio.create_task(_arrives(desk, number)))
    await asyncio.gather(*arrivals)
    patience = time.perf_counter() + 60
    while (left := await store.count_open() - before) > 0 and time.perf_counter() < patience:  # noqa: ASYNC110
        await asyncio.sleep(_HALF)
    done.per_second = done.came / (time.perf_counter() - began - _HALF / 2)
    await alarm.stop()
    await store.close()
    done.left = left
    done.problems = [repr(problem) for problem in runner.problems] + [alarm.last_error] * bool(
        alarm.last_error
    )
    _look_at(path, done)
    return done


async def _arrives(desk: Desk, number: int) -> None:
    await desk.register(Registration(office_no(number), f"+47{_FIRST_CALLER + number}"))


def without_wrap_up(config: Config) -> Config:
    """Nobody is left in peace after a call: 1,000 could not take 200 a second otherwise."""
    calls = CallSettings(wrap_up=timedelta(0))
    return config.model_copy(update={"settings": config.settings.model_copy(update={"calls": calls})})


def _look_at(path: Path, done: Dispatched) -> None:
    """Past the service: a double is a second attempt of a request, or of a caseworker while the one before went on."""
    with closing(sqlite3.connect(path)) as connection:
        tried: list[tuple[Any, ...]] = connection.execute(
            "SELECT request_id, caseworker, started_at, ended_at, registered_at FROM attempt"
            " JOIN request ON request.id = request_id WHERE request.phone >= ? ORDER BY started_at, seq",
            (f"+47{_FIRST_CALLER}",),
        ).fetchall()
    done.doubles = len(tried) - len({request for request, *_ in tried})
    busy_until: dict[str, str] = {}
    for _, person, started, ended, registered in tried:
        done.doubles += started < busy_until.get(person, "")
        busy_until[person] = ended or "9"
        waited = datetime.fromisoformat(started) - datetime.fromisoformat(registered)
        done.waited_ms.append(waited / timedelta(milliseconds=1))


# -- memory


async def memory_of_service(path: Path, folder: Path) -> float:
    """MB of a process with the service's modules, its configuration and this list, after a sweep."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.scale_bench", str(path),
        env={**os.environ, **environment(folder)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await program.communicate()
    assert program.returncode == 0
    return float(json.loads(said.splitlines()[-1]))


async def _memory(path: Path) -> float:
    import callback.service  # noqa: F401, PLC0415 - all that the service loads

    store = SqliteStore(path)
    await store.open()
    desk = Desk(store, crowd_config(PEOPLE), ManualClock(NOW))
    for number in range(PEOPLE):
        await desk.set_ready(caseworker(number), ready=True)
    await Dispatch(desk, cast("Runner", StubRunner(desk))).sweep()
    await store.find(RequestQuery(limit=201))
    await store.close()
    return memory_mb(os.getpid())


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_memory(Path(sys.argv[1])))))
