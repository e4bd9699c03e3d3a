"""How many steps of the menu (a prompt begun, a key taken) a second of processor time is good for, with the service and
in the dialplan alone, in turns on the same PBX. The callers press as soon as a prompt has begun: it is the menu that is
measured, and as little as possible of its sound."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from tests.bench.load_bench import SERVICE_NUMBER, Site, quiet
from tests.bench.plain_dialplan import NOTED, PLAIN_NUMBER, PROMISE, REGISTERED, TONES, WHEN
from tests.bench.probe import Probe, ProbeFailed
from tests.bench.process import cpu_seconds
from tests.e2e.waiting import until_answered

ROUNDS: Final = 2
CALLS: Final = 40
AT_ONCE: Final = 10
_PACE: Final = 0.1
_TIMES_ROUND: Final = 10
"""3 (when?) and 2 (in the morning) lead back to the promise; the service lets nobody go round for ever."""
_STEPS: Final = (
    ("1", TONES[REGISTERED]),
    ("2", TONES[PROMISE]),
    *(_TIMES_ROUND * (("3", TONES[WHEN]), ("2", TONES[NOTED]))),
)
_FIRST_CALLER: Final = 4741600000


@dataclass(slots=True)
class Steps:
    """What one of the two did in all rounds."""

    taken: int = 0
    cpu: float = 0.0
    """Seconds; Asterisk and, where it took part, the service."""
    problems: list[str] = field(default_factory=list)

    @property
    def per_cpu_second(self) -> float:
        return self.taken / self.cpu


async def menu_steps(here: Site, rounds: int = ROUNDS) -> tuple[Steps, Steps]:
    """(the service, the dialplan alone), after a short round each that warms every cache."""
    service, plain = Steps(), Steps()
    callers = _FIRST_CALLER
    for number in range(rounds + 1):
        pair = (service, plain) if number else (Steps(), Steps())
        for side in pair if number % 2 else reversed(pair):
            await _round(here, side, side is pair[0], callers, CALLS if number else AT_ONCE)
            callers += CALLS
    return service, plain


async def _round(here: Site, side: Steps, with_service: bool, callers: int, calls: int) -> None:
    await until_answered(lambda: quiet(here), 120, "all is quiet")
    probe = Probe()
    await probe.start()
    before = _cpu(here, with_service)
    waiting = iter(range(calls))

    async def one_after_another() -> None:
        for place in waiting:
            try:
                await probe.walk(
                    SERVICE_NUMBER if with_service else PLAIN_NUMBER, f"+{callers + place}", _STEPS, _PACE
                )
                side.taken += len(_STEPS)
            except (ProbeFailed, TimeoutError) as error:
                side.problems.append(f"steps: {error!r}")

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    side.cpu += _cpu(here, with_service) - before
    probe.close()


def _cpu(here: Site, with_service: bool) -> float:
    return cpu_seconds(here.pbx_pid) + (cpu_seconds(here.service_pid) if with_service else 0.0)
