"""`kill -9` of the service on the Twilio line, at each thing it writes: the flow goes on, and nobody is rung twice."""

from __future__ import annotations

import asyncio

from callback.desk import Registration
from callback.request import RequestState, Urgency
from callback.store import RequestQuery
from tests.fake_twilio.call import Call
from tests.integration.twilio_world import TwilioWorld, side_by_side, world_of
from tests.offices import CALLER, PUBLIC

CALLBACK_STEPS = range(1, 32)
"""All of them: before and after each write of the call and of a leg."""
TALKING = 20
"""From here on they may be talking."""
MENU_STEPS = range(1, 48, 3)
"""Every third, for the sake of time: each way through the menu writes the same things."""
ONCE_STEPS = range(9, 16)
"""Around the key press that puts them on the list."""
STAFF = "201"


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
    """Killed at any step, whoever hangs up first, the service of the next life brings the two together, or rings anew once nobody is
    on the line."""

    def killed_at(step: int, hangs_up: str):  # type: ignore[no-untyped-def]
        async def story(world: TwilioWorld) -> None:
            world.mortal.dies_at, world.hangs_up, world.fake.patience = step, hangs_up, 4
            if hangs_up == STAFF:  # their end is told before the caller's telephone asks what comes next
                world.fake.tamper = lambda url, form: (
                    [1.0] if "-caller/" in url and url[-2:] != "/0" else [0.0]
                )
            try:
                await _callback(world)
            except AssertionError as error:
                raise AssertionError(f"killed at step {step}, {hangs_up} hangs up: {error}") from error

        return story

    stories = [(step, CALLER) for step in CALLBACK_STEPS]
    stories += [(step, STAFF) for step in CALLBACK_STEPS if step >= TALKING]
    await side_by_side(world_of(killed_at(*story)) for story in stories)


async def _rings_in(world: TwilioWorld, *, once: bool) -> Call:
    """From the first ring to the goodbye, by a caller who presses 1 whenever they are asked, or (`once`) until they are on the list."""
    call = world.fake.call_in(CALLER, PUBLIC)
    loop = asyncio.get_running_loop()
    end = loop.time() + 30
    while not call.over and loop.time() < end:
        if world.mortal.is_dead.is_set():
            await world.reboot()
        if call.keys is not None and call.heard and not (once and await world.desk.find(RequestQuery())):
            call.keys.press("1")
        await asyncio.sleep(0.02)
    assert call.over, "left hanging"
    return call


async def test_killed_in_the_menu() -> None:
    """Killed at any step, a caller who presses 1 goes on where they were: on the list once, and they hear the promise. Who presses
    no more then has not said that it is urgent."""

    def killed_at(step: int, once: bool):  # type: ignore[no-untyped-def]
        async def story(world: TwilioWorld) -> None:
            world.mortal.dies_at, world.fake.patience = step, 4
            call = await _rings_in(world, once=once)
            found = await world.desk.find(RequestQuery())
            assert len(found) == 1, f"killed at step {step}: on the list {len(found)} times"
            assert found[0].urgency is (Urgency.ORDINARY if once else Urgency.URGENT), (
                f"killed at step {step}"
            )
            words = ("intake.promise", "wait.we_ring_you")
            promised = any(word in heard for word in words for heard in call.heard)
            assert promised, f"killed at step {step}: heard only {call.heard}"

        return story

    stories = [(step, False) for step in MENU_STEPS] + [(step, True) for step in ONCE_STEPS]
    await side_by_side(world_of(killed_at(*story)) for story in stories)
