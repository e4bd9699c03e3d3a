"""`kill -9` of the service on the Twilio line, at each thing it writes: the flow goes on, and nobody is rung twice."""

from __future__ import annotations

import asyncio

from callback.desk import Registration
from callback.request import RequestState
from callback.store import RequestQuery
from tests.fake_twilio.call import Call
from tests.integration.twilio_world import TwilioWorld, side_by_side, world_of
from tests.offices import CALLER, PUBLIC

CALLBACK_STEPS = range(1, 32)
"""All of them: before and after each write of the call and of a leg."""
MENU_STEPS = range(1, 48, 3)
"""Every third, for the sake of time: each way through the menu writes the same things."""


async def _callback(world: TwilioWorld) -> None:
    """From the click on Ring to a conversation that is on record."""
    await world.desk.register(Registration("9001", CALLER))
    world.staff_answers()
    world.caller_answers()
    request = await world.rings_until(RequestState.RESULT_DUE)
    assert len(world.talks) == 1, f"talked {len(world.talks)} times"
    rung = [call for call in world.fake.calls.values() if call.to == CALLER]
    assert len(rung) <= len(request.attempts)
    after = rung.index(world.talks[0])
    assert after == len(rung) - 1, "rung again after they had talked"


async def test_callback() -> None:
    """A callback that nobody kills is one call to each, and one conversation."""
    steps = 0

    async def story(world: TwilioWorld) -> None:
        nonlocal steps
        await _callback(world)
        assert len(world.fake.creates) == 2
        steps = world.mortal.steps

    await world_of(story)
    assert steps > 20


async def test_killed_in_a_callback() -> None:
    """Killed at any step, the service of the next life brings the two together, or rings anew once nobody is on the line."""

    def killed_at(step: int):  # type: ignore[no-untyped-def]
        async def story(world: TwilioWorld) -> None:
            world.mortal.dies_at = step
            try:
                await _callback(world)
            except AssertionError as error:
                raise AssertionError(f"killed at step {step}: {error}") from error

        return story

    await side_by_side(world_of(killed_at(step)) for step in CALLBACK_STEPS)


async def _rings_in(world: TwilioWorld) -> Call:
    """From the first ring to the goodbye, by a caller who presses 1 whenever they are asked, and rings off after it."""
    call = world.fake.call_in(CALLER, PUBLIC)
    loop = asyncio.get_running_loop()
    end = loop.time() + 30
    while not call.over and loop.time() < end:
        if world.mortal.is_dead.is_set():
            await world.reboot()
        if call.keys is not None and call.heard:
            call.keys.press("1")
        await asyncio.sleep(0.02)
    assert call.over, "left hanging"
    return call


async def test_killed_in_the_menu() -> None:
    """Killed at any step, a caller who presses 1 goes on where they were: on the list once, and they hear the promise."""

    def killed_at(step: int):  # type: ignore[no-untyped-def]
        async def story(world: TwilioWorld) -> None:
            world.mortal.dies_at = step
            call = await _rings_in(world)
            found = await world.desk.find(RequestQuery())
            assert len(found) == 1, f"killed at step {step}: on the list {len(found)} times"
            words = ("intake.promise", "wait.we_ring_you")
            promised = any(word in heard for word in words for heard in call.heard)
            assert promised, f"killed at step {step}: heard only {call.heard}"

        return story

    await side_by_side(world_of(killed_at(step)) for step in MENU_STEPS)
