"""Callers who wait on the line when not everybody may serve them, over the simulated line and at Twilio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from callback.request import RequestState
from config.model import Person, Role
from hardware.simulated.phone import Behaviour
from tests.integration.test_offer_serving import with_people
from tests.integration.test_story import World
from tests.integration.test_waiting import busy, free, put_through, then, waits

HOUR = timedelta(hours=1)
CHIEF = Person(id="chief", name="Chief", role=Role.ADMIN, extension="208")


@pytest.fixture
async def world(line: str) -> AsyncIterator[World]:
    opened = await World(line).open()
    offices = with_people()
    opened.desk.use_config(offices.model_copy(update={"people": (*offices.people, CHIEF)}))
    for extension in ("201", "202", "204", "208", "209"):
        opened.line.behave(extension, Behaviour.ANSWER)
    yield opened
    await opened.close()


async def test_an_administrator_takes_them_by_hand(world: World) -> None:
    """Who belongs to no office and clicks Ring gets the caller, as with a callback; also one whom only they may see."""
    await busy(world, "kari", "eva")
    caller = await waits(world)
    await world.desk.set_protected(caller.id, True, "kari")
    await world.dispatch.ring(caller.id, "chief")
    await world.desk.settle()
    await put_through(world, "208")
    world.line.press("208", "1")
    await world.until_talking()


async def test_the_substitute_takes_them_by_hand(world: World) -> None:
    """Everybody at home is disqualified: whoever serves it there gets the caller who waits, and those at home do not."""
    await busy(world, "kari", "siv")
    caller = await waits(world)
    await world.desk.disqualify(caller.id, "liv", "liv")
    await world.desk.disqualify(caller.id, "eva", "eva")
    await free(world, "kari")
    assert (await then(world))[-1] == "nb/wait.music"
    await world.dispatch.ring(caller.id, "siv")
    await put_through(world, "204")
    world.line.press("204", "1")
    await world.until_talking()


async def test_no_interpreter(world: World) -> None:
    """Nobody who takes calls could talk with them now: they are not kept waiting, and hear that they are rung."""
    await busy(world, "kari", "ola")
    caller = await waits(world)
    await free(world, "kari")
    await world.desk.set_interpreter(caller.id, True, None, "kari")
    said = await then(world)
    assert "nb/intake.nobody_now" in said
    assert "nb/wait.we_ring_you" in said
    assert (await world.desk.get(caller.id)).state is RequestState.WAITING


async def test_the_interpreter_is_there(world: World) -> None:
    """With one booked for now the caller who waits is put through."""
    await busy(world, "kari", "ola")
    caller = await waits(world)
    await free(world, "kari")
    await world.desk.set_interpreter(caller.id, True, world.clock.now(), "kari")
    await put_through(world, "201")


async def test_nobody_waits_behind_who_needs_an_interpreter(world: World) -> None:
    """Somebody on the line who cannot be served now takes nobody's turn."""
    await busy(world, "kari")
    first = await waits(world)
    await waits(world, "+4740001235")
    await world.desk.set_interpreter(first.id, True, None, "kari")
    await free(world, "kari")
    await put_through(world, "201", "+4740001235")
