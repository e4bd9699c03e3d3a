"""The consult call where two things happen at once, or something is taken away under it, over the simulated line."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callback.consult import Consult
from hardware.simulated.phone import Behaviour
from tests.integration.test_consult import (
    CENTRE,
    KARI,
    OnCall,
    behave,
    on_call_config,
)


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
