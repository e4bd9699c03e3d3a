"""Past its deadline a request is still rung, before whoever came later, as often as before, until a person ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from callback.desk import Registration
from hardware.simulated.phone import Behaviour
from scheduler.clock import to_local
from tests.e2e.waiting import until
from tests.integration.test_story import World
from tests.offices import CALLER

DAY = timedelta(days=1)


@pytest.fixture
async def world(line: str) -> AsyncIterator[World]:
    opened = await World(line).open()
    opened.line.behave("201", Behaviour.ANSWER)
    yield opened
    await opened.close()


async def test_overdue_is_rung_again_and_again(world: World) -> None:
    """Three days after its deadline it is offered first; missed, it is offered again after the usual wait."""
    late, _ = await world.desk.register(Registration("9001", CALLER))
    world.clock.advance(3 * DAY)
    await world.desk.register(Registration("9001", "+4740001299"))
    await world.desk.set_ready("kari", ready=True)
    world.clock.advance(timedelta(seconds=1))
    for tries in (1, 2, 3):
        told = len(world.line.heard("201"))
        await world.dispatch.sweep()
        (live,) = await world.store.live_attempts()
        assert live.request_id == late.id
        await world.hears("201", "whisper.press_1", told)
        world.line.press("201", "1")
        await until(lambda: world.line.leg_of(CALLER) is not None, what="the caller is rung")
        world.line.ring_out(CALLER)
        world.line.hang_up("201")
        await until(lambda: world.runner.calls_up == 0, what="the call is over")
        now = await world.desk.get(late.id)
        assert (now.is_open, now.escalation, len(now.attempts)) == (True, 100, tries)
        assert now.next_attempt_at is not None
        assert now.next_attempt_at > world.clock.now()
        world.clock.set(now.next_attempt_at)
        assert 9 <= to_local(world.clock.now()).hour < 15
