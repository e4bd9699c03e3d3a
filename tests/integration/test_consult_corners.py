"""The consult call where two things happen at once, or something is taken away under it, over the simulated line."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callback.consult import Consult, ConsultOutcome
from callback.request import RequestState, Urgency
from hardware.simulated.phone import Behaviour
from tests.integration.test_consult import (
    CENTRE,
    KARI,
    OnCall,
    behave,
    on_call_config,
)

NOBODY = {"people": (), "leader": None}


@pytest.fixture
async def world(request: pytest.FixtureRequest) -> AsyncIterator[OnCall]:
    world = await OnCall(on_call_config(**getattr(request, "param", {}))).open()
    yield world  # type: ignore[misc]
    await world.runner.stop()
    await world.store.close()


async def test_a_call_that_begins_in_the_middle_of_a_sweep(world: OnCall) -> None:
    """It is not taken for one that was lost: its telephone rings on for it alone."""
    behave(world, kari=Behaviour.RING)
    read = world.store.open_consults

    async def begins_meanwhile() -> list[Consult]:
        world.store.open_consults = read  # type: ignore[method-assign]
        await world.rings()
        await world.is_told(CENTRE, "office.calling-kari")
        await world.is_rung(KARI)
        return await read()

    world.store.open_consults = begins_meanwhile  # type: ignore[method-assign]
    await world.dispatch.sweep()
    assert (await world.record())[0].outcome is None
    assert [leg.telephone for leg in await world.store.live_duty_legs()] == [KARI]


async def comes_to_the_number(world: OnCall) -> None:
    await world.rings()
    await world.hears(CENTRE, "consult.within")
    world.line.press(CENTRE, "1")
    await world.hears(CENTRE, "consult.number")


@pytest.mark.parametrize("world", [NOBODY], indirect=True)
async def test_whoever_hangs_up_right_after_the_promise_has_it(world: OnCall) -> None:
    """They pressed 1 for it. Some keys of a number are none: it is the one they ring from."""
    await comes_to_the_number(world)
    await world.presses(CENTRE, "4000")
    world.line.hang_up(CENTRE)
    request = await world.in_state(RequestState.WAITING)
    assert (request.phone, request.urgency) == (CENTRE, Urgency.URGENT)
    consult = await world.over()
    assert (consult.outcome, consult.request_id) == (ConsultOutcome.PROMISED, request.id)


@pytest.mark.parametrize("world", [NOBODY], indirect=True)
async def test_gone_and_the_number_they_ring_from_is_never_called(world: OnCall) -> None:
    """The request is there all the same, without a number."""
    await world.desk.never_call(CENTRE, "kari")
    await comes_to_the_number(world)
    world.line.hang_up(CENTRE)
    request = await world.in_state(RequestState.WAITING)
    assert (request.phone, (await world.over()).request_id) == (None, request.id)
