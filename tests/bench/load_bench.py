"""The intake under load, beside the same menu in the dialplan alone, in turns on the same PBX."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from hardware.asterisk.asterisk_root import find_asterisk
from hardware.asterisk.local_pbx import LocalPbx
from tests.bench.own_packages import environment
from tests.bench.plain_dialplan import PLAIN_NUMBER, plain_dialplan, write_tones
from tests.bench.probe import Probe, ProbeFailed
from tests.bench.process import Machine, cpu_seconds, memory_mb
from tests.e2e.service import CHECKOUT, Service
from tests.e2e.sipp import Key, Load, Pause, SippResult, place_calls
from tests.e2e.waiting import until_answered

SERVICE_NUMBER: Final = "+4773000010"
CALLS: Final = 1000
RATE: Final = 100.0
ROUNDS: Final = 3
PROBES_AT_ONCE: Final = 10
PROBE_CALLS: Final = 60
_FIRST_CALLER: Final = 4740100000
_FIRST_PROBE: Final = 4741500000
_PAUSE: Final = timedelta(milliseconds=500)
_MENU: Final = (Pause(2 * _PAUSE), Key("1"), Pause(_PAUSE), Key("2"), Pause(_PAUSE))
"""Half a second of each prompt, less than any caller listens: the menu is to be measured more than its sound. (Asterisk
waits half a second at the answer for a caller who sends no sound, with the service and without.)"""
_GATHER_RATE: Final = 25.0
_STAY: Final = timedelta(seconds=50)
_CALM: Final = 1.0
"""Seconds to look whether all is quiet, and for the last calls to end."""
_IDLE: Final = 0.1
"""Share of one processor that counts as nothing to do."""


@dataclass(slots=True)
class Side:
    """What one of the two did in all rounds."""

    calls: int = 0
    succeeded: int = 0
    cpu_pbx: float = 0.0
    cpu_service: float = 0.0
    key_to_prompt_ms: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    """Share of the whole machine in each round, all programs together."""
    problems: list[str] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        return self.cpu_pbx + self.cpu_service


@dataclass(frozen=True, slots=True)
class Site:
    """The PBX and the service beside it."""

    pbx: LocalPbx
    service: Service
    directory: Path

    @property
    def service_pid(self) -> int:
        assert self.service._process is not None
        return self.service._process.pid

    @property
    def pbx_pid(self) -> int:
        assert self.pbx.pid is not None
        return self.pbx.pid

    def listed(self, first: int, calls: int) -> int:
        """How many of these callers are on the list exactly once, read past the service."""
        database = sqlite3.connect(f"file:{self.service.directory}/data/tast1.sqlite3?mode=ro", uri=True)
        rows = database.execute(
            "SELECT count(*) FROM request WHERE phone >= ? AND phone < ? GROUP BY phone",
            (f"+{first}", f"+{first + calls}"),
        ).fetchall()
        database.close()
        return rows.count((1,))

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pbx_pid) + cpu_seconds(self.service_pid)

    async def calls_up(self) -> int:
        shown = re.search(r"(\d+) active channel", await self.pbx.cli("core show channels count"))
        assert shown is not None
        return int(shown[1])


@asynccontextmanager
async def site(directory: Path) -> AsyncIterator[Site]:
    """A new PBX that also knows the plain menu, and a new service with its line up."""
    async with LocalPbx(find_asterisk(CHECKOUT / ".pbx" / "root"), directory / "pbx") as pbx:
        patient = {'menu_wait = "5s"': 'menu_wait = "30s"'}  # nobody is hung up on while the calls gather
        service = Service(directory / "service", environment=environment(directory), changes=patient)
        write_tones(service.directory / "data" / "recordings")
        async with service:
            await service.line_up()
            extensions = pbx.run_dir / "etc" / "extensions.conf"
            plain = plain_dialplan(service.url, datetime.now(UTC).date())
            extensions.write_text(extensions.read_text() + plain)
            await pbx.cli("dialplan reload")
            yield Site(pbx, service, directory)


async def under_load(here: Site, rate: float = RATE, rounds: int = ROUNDS) -> tuple[Side, Side]:
    """(the service, the dialplan alone) at `rate` calls a second, after a round each that warms every cache."""
    service, plain = Side(), Side()
    callers = _FIRST_CALLER
    for number in range(rounds + 1):
        warming = number == 0
        pair = (Side(), Side()) if warming else (service, plain)
        # Who goes first changes, so that neither has the calmer machine.
        for side in pair if number % 2 else reversed(pair):
            calls = CALLS // 5 if warming else CALLS
            await _round(
                here, side, SERVICE_NUMBER if side is pair[0] else PLAIN_NUMBER, callers, calls, rate
            )
            callers += CALLS
    return service, plain


async def _round(here: Site, side: Side, number: str, callers: int, calls: int, rate: float) -> None:
    await until_answered(lambda: quiet(here), 120, "all is quiet")
    folder = here.directory / f"sipp-{callers}"
    before = cpu_seconds(here.pbx_pid), cpu_seconds(here.service_pid)
    load = Load(number, calls, rate, _MENU, callers_from=callers)
    machine = Machine()

    async def loaded() -> SippResult:
        done = await place_calls(load, folder)
        side.busy.append(machine.busy())
        return done

    result, _ = await asyncio.gather(loaded(), _probe(side, number, _FIRST_PROBE + callers - _FIRST_CALLER))
    await asyncio.sleep(_CALM)
    side.cpu_pbx += cpu_seconds(here.pbx_pid) - before[0]
    if number == SERVICE_NUMBER:
        side.cpu_service += cpu_seconds(here.service_pid) - before[1]
    side.calls += calls
    side.succeeded += (
        min(result.successful, here.listed(callers, calls)) if number == SERVICE_NUMBER else result.successful
    )
    if result.failed:
        side.problems.append(f"{result.failed} calls failed: {result.errors[-300:]}")


async def quiet(here: Site) -> bool:
    """No call is left, and nobody has anything else to do: a new service makes its prompts first."""
    before = here.cpu_seconds()
    await asyncio.sleep(_CALM)
    return here.cpu_seconds() - before < _IDLE * _CALM and await here.calls_up() == 0


async def _probe(side: Side, number: str, callers: int) -> None:
    """Some callers at a time that measure, from a little after the load began."""
    await asyncio.sleep(1)
    probe = Probe()
    await probe.start()
    waiting = iter(range(PROBE_CALLS))

    async def one_after_another() -> None:
        for place in waiting:
            try:
                side.key_to_prompt_ms += await probe.measure(number, f"+{callers + place}")
            except (ProbeFailed, TimeoutError) as error:
                side.problems.append(f"probe: {error!r}")

    await asyncio.gather(*(one_after_another() for _ in range(PROBES_AT_ONCE)))
    probe.close()


async def memory_with_calls_up(here: Site, calls: int = 1000) -> tuple[int, float]:
    """(calls up at the same time, the most memory of the service meanwhile in MB): each has pressed 1, and is
    listening or silent. They gather slowly: the sound of 1,000 prompts at once is more than two processors can send."""
    load = Load(
        SERVICE_NUMBER, calls, _GATHER_RATE, (Pause(_PAUSE), Key("1"), Pause(_STAY)),
        callers_from=_FIRST_CALLER + 100_000,
    )  # fmt: skip
    ringing = asyncio.create_task(place_calls(load, here.directory / "sipp-memory"))
    most_calls, most_memory, looked = 0, 0.0, 0.0
    while not ringing.done():
        most_memory = max(most_memory, memory_mb(here.service_pid))
        if time.monotonic() > looked + 1:
            most_calls, looked = max(most_calls, await here.calls_up()), time.monotonic()
        await asyncio.sleep(0.1)
    await ringing
    return most_calls, most_memory
