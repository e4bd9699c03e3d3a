"""Ten weeks of two offices with the real database and the real dispatch: nobody is lost, and nobody is rung twice.

Callers, colleagues, kills, a failing disk, a lost line and a clock that is set: all of it random, all of it from a seed
that is printed. Among the weeks are both nights on which the clock is changed, Easter and Christmas.
"""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from callback.request import OPEN, RequestState
from callback.store_ledger import verify
from config.model import Config, LimitSettings
from hardware.simulated.phone import Behaviour
from ivr import runner
from scheduler.clock import from_local
from tests.e2e.waiting import until
from tests.integration.weeks_world import ALL_CALLERS, Weeks
from tests.offices import config as two_offices

MONDAYS = (
    date(2026, 3, 23), date(2026, 3, 30), date(2026, 4, 6), date(2026, 5, 11), date(2026, 10, 19),
    date(2026, 10, 26), date(2026, 12, 14), date(2026, 12, 21), date(2026, 12, 28), date(2027, 1, 4),
)  # fmt: skip
KILLS = 200
PHONES = {"liv": "203", "siv": "204", "per": "205", "kari": "201", "ola": "202"}
MOBILES = {"ola": "+4740000009", "per": "+4740000008"}
SEEDS = (20261122,)


def offices() -> Config:
    """Several colleagues each, all with telephones; nobody is refused for pressing too often."""
    made = two_offices()
    people = [
        p.model_copy(update={"extension": PHONES.get(p.id), "mobile": MOBILES.get(p.id)}) for p in made.people
    ]
    people.append(
        people[-3].model_copy(
            update={"id": "per", "name": "Per", "extension": PHONES["per"], "mobile": MOBILES["per"]}
        )
    )
    none = LimitSettings(registrations_per_caller=0, keyed_numbers_per_caller=0, keyed_per_target=0)
    settings = made.settings.model_copy(update={"limits": none})
    return made.model_copy(update={"people": tuple(people), "settings": settings})


@pytest.mark.parametrize("seed", SEEDS)
async def test_ten_weeks(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After every act all that must hold is read from the file; at the end everybody is reached."""
    monkeypatch.setattr(runner, "_STORE_PAUSE", 0)
    chance = random.Random(seed)
    world = Weeks(offices(), tmp_path / "tast1.sqlite3", at(MONDAYS[0], 8), chance)
    await world.boot()
    try:
        for monday in MONDAYS:
            for day in range(7):
                world.clock.set(max(at(monday + timedelta(days=day), 8, 50), world.clock.now()))
                await a_day(world)
        assert world.kills >= KILLS
        assert world.pressed > 250
        assert sum(world.line.rung.values()) > 100
        await all_is_well(world)
        assert verify(world.path).bad is None, "the ledger's chain is broken"
    finally:
        await world.runner.stop()
        await world.store.close()


async def a_day(world: Weeks) -> None:
    chance = world.chance
    await world.come_and_go()
    world.disk.trouble = chance.choice((0, 0, 0.05, 0.3))
    deaths = set(chance.sample(range(12), 5))
    for hour in range(12):
        deadly = hour in deaths
        match chance.randrange(8):
            case 0 | 1 | 2:
                for last in (False, False, True):
                    await world.visit(deadly and last)
            case 3:
                await world.click(deadly)
            case 4:
                await world.come_and_go()
            case 5:
                await a_mishap(world)
            case _:
                await world.sweep(deadly)
        world.look()
        await world.staff_at_work(deadly)
        world.look()
        world.clock.advance(timedelta(minutes=chance.randrange(5, 60)))
        await world.sweep(deadly=False)
        world.look()
    world.disk.trouble = 0
    await overnight(world)


async def a_mishap(world: Weeks) -> None:
    """The line is lost for a while, or the machine's clock is set."""
    if world.chance.random() < 0.5:
        world.clock.advance(timedelta(seconds=world.chance.randrange(-120, 7200)))
        return
    world.line.lose("cut")
    await world.sweep(deadly=False)
    await world.visit(deadly=False)
    world.line.restore()
    await until(lambda: world.line.status().up)
    await world.rest()


async def overnight(world: Weeks) -> None:
    """Everybody hangs up and goes home; what the service has to do by itself, it does."""
    for later in (0, 1, 1, 1):
        world.clock.advance(timedelta(hours=later))
        if later:
            await world.sweep(deadly=False)
        for number in (
            *PHONES.values(),
            *MOBILES.values(),
            *ALL_CALLERS,
        ):  # also who was rung for what is urgent
            world.line.hang_up(number)
        await world.rest()
    world.look()
    assert world.line.legs_up() == 0, "somebody is left on a dead line"
    assert await world.store.live_attempts() == []


async def all_is_well(world: Weeks) -> None:
    """From now on everybody answers, and everybody on the list who can be rung is reached."""
    for number in (*PHONES.values(), *MOBILES.values(), *ALL_CALLERS):
        world.line.behave(number, Behaviour.ANSWER)
    for _ in range(400):
        waiting = [r for r in await world.requests(*OPEN) if await can_be_rung(world, r.id)]
        if not waiting:
            return
        await world.take_all_calls()
        world.clock.advance(timedelta(minutes=20))
        await world.sweep(deadly=False)
        await world.talk_to_everybody()
        world.look()
    raise AssertionError(f"{len(waiting)} are not reached")


async def can_be_rung(world: Weeks, request_id: str) -> bool:
    request = await world.desk.get(request_id)
    never = await world.desk.never_called([request])
    reachable = request.phone is not None and not request.is_out_of_reach(world.clock.now())
    return (reachable and not never) or request.state is RequestState.RESULT_DUE


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return from_local(datetime.combine(day, time(hour, minute)))
