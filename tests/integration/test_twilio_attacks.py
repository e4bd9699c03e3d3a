"""The Twilio line at its weakest moments: it dies between two acts, its database or Twilio's API fails once, a request comes again.
Nobody is rung again who has talked, a key answers one question, and no caller is hung up on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from callback.desk import Registration
from callback.request import AttemptOutcome, RequestState
from callback.store import StoreUnavailable
from callback.store_twilio import LegRow, MemoryLegs
from hardware.twilio.leg import Leg, from_json
from tests.e2e.waiting import until
from tests.fake_twilio.call import Call
from tests.integration.twilio_world import TwilioWorld, world_of
from tests.offices import CALLER


def dies_after_writing(world: TwilioWorld, fits: Callable[[Leg], bool]) -> None:
    """The service dies as soon as a leg that fits is on disk, once."""

    async def save(*rows: LegRow) -> None:
        await MemoryLegs.save(world.legs, *rows)
        if not world.mortal.is_dead.is_set() and any(fits(from_json(row.state)) for row in rows):
            world.legs.save = whole  # type: ignore[method-assign]
            world.mortal.dies_at = world.mortal.steps + 1
            await world.mortal.step()

    whole = world.legs.save
    world.legs.save = save  # type: ignore[method-assign]


def calls_to_caller(world: TwilioWorld) -> list[Call]:
    return [call for call in world.fake.calls.values() if call.to == CALLER]


# ---- who has talked


async def test_they_have_talked() -> None:
    """The caseworker hangs up first, both ends are on disk, and we die before anybody is told; the database is slow to answer after
    it. They have talked all the same, and are not rung again."""

    async def story(world: TwilioWorld) -> None:
        await world.desk.register(Registration("9001", CALLER))
        world.staff_answers()
        world.caller_answers()
        world.fake.tamper = lambda url, form: [2.0] if "-caller" in url and url[-2:] != "/0" else [0.0]
        dies_after_writing(world, lambda leg: leg.ended is not None and leg.dialler is None)
        await world.dispatch.ring((await world.the_request()).id, "kari")
        await until(lambda: world.talks, 15)
        world.fake.hang_up("201")
        await until(world.mortal.is_dead.is_set, 10)
        get, failures = world.legs.get, [1, 1]

        async def fails(leg_id: str) -> str | None:
            if failures:
                failures.pop()
                raise StoreUnavailable("busy")
            return await get(leg_id)

        world.legs.get = fails  # type: ignore[method-assign]
        request = await world.rings_until(RequestState.RESULT_DUE)
        assert [attempt.outcome for attempt in request.attempts] == [AttemptOutcome.ANSWERED]
        assert len(calls_to_caller(world)) == 1

    await world_of(story)


async def test_the_caller_was_not_rung() -> None:
    """The caseworker presses 1, we die before the caller is rung, and they hang up meanwhile: nobody has talked."""

    async def story(world: TwilioWorld) -> None:
        await world.desk.register(Registration("9001", CALLER))
        save_call = world.store.save_call

        async def dies(record) -> None:  # type: ignore[no-untyped-def]
            await save_call(record)
            if "ringing_caller" in (record.state or "") and not world.mortal.is_dead.is_set():
                world.mortal.dies_at = world.mortal.steps + 1
                await world.mortal.step()

        world.store.save_call = dies  # type: ignore[method-assign]
        request = await world.the_request()
        people = [asyncio.create_task(world._answers("201", "1"))]
        await world.dispatch.ring(request.id, "kari")
        await until(world.mortal.is_dead.is_set, 10)
        people[0].cancel()
        world.store.save_call = save_call  # type: ignore[method-assign]
        world.fake.hang_up("201")
        await world.reboot()
        await until(lambda: world.runner.calls_up == 0, 5)
        (attempt,) = (await world.the_request()).attempts
        assert attempt.outcome is AttemptOutcome.CANCELLED
        assert not calls_to_caller(world)

    await world_of(story)
