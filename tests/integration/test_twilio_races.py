"""A leg that ends in the very moment in which its next document is decided or written, in each order: the flow goes on, nobody is
rung twice, and nobody is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from callback.desk import Registration
from callback.request import AttemptOutcome, CallbackRequest, RequestState
from callback.store import RequestQuery
from callback.store_twilio import LegRow
from hardware.twilio.leg import Leg, from_json
from tests.e2e.waiting import until
from tests.fake_twilio.call import Call
from tests.integration.twilio_world import TwilioWorld, side_by_side, world_of
from tests.offices import CALLER, PUBLIC


class Gate:
    """Holds back the first act that comes to it, until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def wait(self) -> None:
        if not self.reached.is_set():
            self.reached.set()
            await self.opened.wait()

    def before(self, act: Callable[..., Awaitable[Any]]) -> Any:
        async def held(*args: Any, **kwargs: Any) -> Any:
            await self.wait()
            return await act(*args, **kwargs)

        return held

    def before_writing(self, world: TwilioWorld, fits: Callable[[Leg], bool]) -> None:
        save = world.legs.save

        async def held(*rows: LegRow) -> None:
            if any(fits(from_json(row.state)) for row in rows):
                await self.wait()
            await save(*rows)

        world.legs.save = held  # type: ignore[method-assign]


HangUp = Callable[[], None]
Race = Callable[[TwilioWorld, Gate, Callable[[Leg], bool], HangUp], Awaitable[None]]


async def while_it_is_decided(
    world: TwilioWorld, decides: Gate, is_next: Callable[[Leg], bool], hang_up: HangUp
) -> None:
    """The end comes and is written down; then what comes next is decided."""
    await decides.reached.wait()
    legs = len(world.line._live)
    hang_up()
    await until(lambda: len(world.line._live) < legs, 5, "the leg has ended")
    decides.opened.set()


async def while_it_is_written(
    world: TwilioWorld, decides: Gate, is_next: Callable[[Leg], bool], hang_up: HangUp
) -> None:
    """What comes next is being written down when the end comes."""
    writes = Gate()
    writes.before_writing(world, is_next)
    decides.opened.set()
    await writes.reached.wait()
    hang_up()
    await asyncio.sleep(0.1)
    writes.opened.set()


async def while_the_end_is_written(
    world: TwilioWorld, decides: Gate, is_next: Callable[[Leg], bool], hang_up: HangUp
) -> None:
    """The end is being written down when what comes next is decided."""
    writes = Gate()
    await decides.reached.wait()
    writes.before_writing(world, lambda leg: leg.ended is not None)
    hang_up()
    await writes.reached.wait()
    decides.opened.set()
    await asyncio.sleep(0.1)
    writes.opened.set()


RACES: tuple[Race, ...] = (while_it_is_decided, while_it_is_written, while_the_end_is_written)


async def test_the_caseworker_leaves() -> None:
    """Who presses 1 and hangs up at once: the caller's telephone does not ring for nobody. Rung again, they talk once."""

    def story_of(race: Race) -> Callable[[TwilioWorld], Awaitable[None]]:
        async def story(world: TwilioWorld) -> None:
            request, _ = await world.desk.register(Registration("9001", CALLER))
            decides = Gate()
            world.desk.attempt_ringing = decides.before(world.desk.attempt_ringing)  # type: ignore[method-assign]
            world.staff_answers()
            await world.dispatch.ring(request.id, "kari")
            await race(
                world, decides, lambda leg: leg.id.endswith("-caller"), lambda: world.fake.hang_up("201")
            )
            await until(lambda: world.runner.calls_up == 0, 5, "the call is over")
            (attempt,) = (await world.desk.get(request.id)).attempts
            assert attempt.outcome is AttemptOutcome.CANCELLED
            assert not world.line._live
            assert not any(call.picked_up.is_set() for call in calls_to_caller(world))
            world.caller_answers()
            again = await world.rings_until(RequestState.RESULT_DUE)
            assert (len(again.attempts), len(world.talks)) == (2, 1)
            assert [call.picked_up.is_set() for call in calls_to_caller(world)].count(True) == 1

        return story

    await side_by_side(world_of(story_of(race)) for race in RACES)


async def test_the_caller_leaves() -> None:
    """Who presses 1 and hangs up at once is on the list, once; rung, they talk once."""

    def story_of(race: Race) -> Callable[[TwilioWorld], Awaitable[None]]:
        async def story(world: TwilioWorld) -> None:
            decides = Gate()
            world.store.register = decides.before(world.store.register)  # type: ignore[method-assign]
            call = world.fake.call_in(CALLER, PUBLIC)
            await world.presses_when_asked(call, "1")
            await race(world, decides, lambda leg: leg.inbound, lambda: world.fake.hang_up(CALLER))
            await until(lambda: world.runner.calls_up == 0, 5, "the call is over")
            assert not world.line._live
            found: list[CallbackRequest] = await world.desk.find(RequestQuery())
            assert [request.phone for request in found] == [CALLER]
            world.staff_answers()
            world.caller_answers()
            again = await world.rings_until(RequestState.RESULT_DUE)
            assert (len(again.attempts), len(world.talks)) == (1, 1)

        return story

    await side_by_side(world_of(story_of(race)) for race in RACES)


def calls_to_caller(world: TwilioWorld) -> list[Call]:
    return [call for call in world.fake.calls.values() if call.to == CALLER]
