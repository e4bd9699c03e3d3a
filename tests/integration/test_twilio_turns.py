"""Calls that wait for their turn at Twilio: they keep their order, and die with what they were asked for. Nobody's telephone
rings minutes later for what nobody wants any more; and it is never the caller's attempt that is used up."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from callback.desk import Registration
from callback.request import FREE_OUTCOMES, AttemptOutcome, CallbackRequest, RequestState
from callback.web.texts import translator
from callback.web.words import Words
from hardware.line import LINE_FULL, Hangup, LegEnded, LegOutcome, Originate
from hardware.twilio.outcomes import Fault as Outcome
from hardware.twilio.rest import NotReached, Refused
from tests.contract.line_rig_twilio import TwilioRig
from tests.e2e.waiting import until
from tests.integration.twilio_world import TwilioWorld, world_of
from tests.offices import CALLER, PUBLIC

OTHER_CALLER = "+4740005678"

SLOW = 1.0
"""Calls a second: of two clicks at once the second waits for a second."""


async def two_clicks(world: TwilioWorld) -> list[CallbackRequest]:
    """Kari's telephone rings; Ola's is to."""
    requests = []
    for caller, person in ((CALLER, "kari"), (OTHER_CALLER, "ola")):
        request, _ = await world.desk.register(Registration("9001", caller))
        requests.append((await world.dispatch.ring(request.id, person))[0])
    await until(lambda: "201" in world.fake.ringing, 5)
    assert len(world.fake.creates) == 1
    return requests


async def turn_passes(world: TwilioWorld) -> None:
    """Longer than it would have taken until it was placed."""
    await asyncio.sleep(1.5 / SLOW)


async def test_dies_with_the_claim() -> None:
    """A claim ends while its call waits: no telephone rings, the caseworker reads that the line was full, the attempt is our own
    failure, and the person is due again."""

    async def story(world: TwilioWorld) -> None:
        _, second = await two_clicks(world)
        world.clock.advance(world.desk.config.settings.calls.claim_limit)
        await until(lambda: world.runner.calls_up == 1, 5, "the second call is over")
        await turn_passes(world)
        assert len(world.fake.creates) == 1
        request = await world.desk.get(second.id)
        (attempt,) = request.attempts
        assert (attempt.outcome, attempt.cause, attempt.ringing_at) == (
            AttemptOutcome.LINE_FAILED,
            LINE_FULL,
            None,
        )
        assert attempt.outcome in FREE_OUTCOMES
        assert (request.state, request.claimed_by) == (RequestState.UNREACHABLE, None)
        said = Words(translator("nb"), world.clock.now(), world.desk.config).outcome(attempt)
        assert said == "linja var full, innringeren ble ikke ringt, teller ikke"

    await world_of(story, calls_per_second=SLOW)


async def test_stands_as_long_as_the_claim() -> None:
    """A call whose claim stands is placed when its turn comes, however long that takes."""

    async def story(world: TwilioWorld) -> None:
        await two_clicks(world)
        world.clock.advance(world.desk.config.settings.calls.claim_limit - timedelta(seconds=1))
        await until(lambda: "202" in world.fake.ringing, 5)

    await world_of(story, calls_per_second=SLOW)


async def test_dies_with_the_attempt() -> None:
    """An attempt that somebody else has ended, and that of a colleague who may have nothing to do with it any more: the next sweep
    takes the call out of the queue."""

    async def story(world: TwilioWorld) -> None:
        first, second = await two_clicks(world)
        await world.desk.disqualify(second.id, "ola", "liv")
        await world.dispatch.sweep()
        await until(lambda: world.runner.calls_up == 1, 5, "the second call is over")
        (attempt,) = (await world.desk.get(second.id)).attempts
        assert attempt.outcome is AttemptOutcome.CANCELLED
        live = (await world.desk.get(first.id)).live_attempt
        assert live is not None
        await world.desk.end_attempt(live.id, AttemptOutcome.CANCELLED)
        await world.dispatch.sweep()
        await until(
            lambda: not world.fake.ringing and world.runner.calls_up == 0, 5, "the first call is over"
        )
        await turn_passes(world)
        assert len(world.fake.creates) == 1

    await world_of(story, calls_per_second=SLOW)


async def test_given_back() -> None:
    """Whoever waits for their telephone to ring can give the request back, and it rings no more; nobody else can do so for them."""

    async def story(world: TwilioWorld) -> None:
        _, second = await two_clicks(world)
        assert not await world.dispatch.stop(second.id, "kari")
        assert world.line.status().queued == 1
        assert await world.dispatch.stop(second.id, "ola")
        await until(lambda: world.runner.calls_up == 1, 5, "the second call is over")
        (attempt,) = (await world.desk.get(second.id)).attempts
        assert attempt.outcome is AttemptOutcome.CANCELLED
        assert world.line.status().queued == 0
        await turn_passes(world)
        assert len(world.fake.creates) == 1

    await world_of(story, calls_per_second=SLOW)


async def test_who_listens_comes_first() -> None:
    """A caseworker who has pressed 1 does not wait behind colleagues whose own telephones are still to ring; those keep their order."""
    rig = TwilioRig(calls_per_second=4.0)
    await rig.open()
    try:
        _, leg = await rig.caller_up()
        first = await rig.originated("201")
        await rig.until(lambda: rig.fake.creates, "the first is placed")
        second, third = [await rig.originated(number) for number in ("202", "203")]
        await rig.dial(leg)
        await rig.until(lambda: len(rig.fake.creates) == 4, "all are placed")
        placed = [form["To"].removeprefix("sip:").partition("@")[0] for form in rig.fake.creates]
        assert placed == ["201", "+4740023456", "202", "203"]
        assert [rig.of(one) for one in (first, second, third)] == [[], [], []]
    finally:
        await rig.close()


async def test_keeps_its_turn() -> None:
    """While Twilio takes no calls, or cannot be reached, those that wait keep their order, and none of them fails."""
    rig = TwilioRig(calls_per_second=20.0)
    await rig.open()
    try:
        ring, busy = rig.line._api.ring, [NotReached("no connection"), Refused(Outcome.CAPACITY, 20429)]

        async def not_now(*asked: Any) -> Any:
            if busy:
                raise busy.pop()
            return await ring(*asked)

        rig.line._api.ring = not_now  # type: ignore[method-assign]
        legs = [await rig.originated(f"20{n}", timedelta(seconds=60)) for n in range(1, 4)]
        await rig.until(lambda: len(rig.fake.ringing) == 3, "all ring")
        later = await rig.originated("204")
        await rig.lose()
        last = await rig.originated("205")
        await rig.until(lambda: not rig.line.status().up, "the line is lost")
        await rig.restore()
        await rig.until(lambda: len(rig.fake.ringing) == 5, "those ring too")
        assert [event for event in rig.of(*legs, later, last) if isinstance(event, LegEnded)] == []
        assert list(rig.fake.ringing) == ["201", "202", "203", "204", "205"]
    finally:
        await rig.close()


async def test_hung_up_at_once() -> None:
    """A hang-up that comes while the call is being written down ends it: nothing rings, and its end is told once."""
    rig = TwilioRig()
    await rig.open()
    try:
        leg, save = rig.new_leg(), rig.legs.save
        writes, may_go_on = asyncio.Event(), asyncio.Event()

        async def slowly(*rows):  # type: ignore[no-untyped-def]
            if not writes.is_set():
                writes.set()
                await may_go_on.wait()
            await save(*rows)

        rig.legs.save = slowly  # type: ignore[method-assign]
        ring = asyncio.ensure_future(rig.line.send(Originate(leg, "201", timedelta(seconds=9), PUBLIC)))
        await writes.wait()
        stop = asyncio.ensure_future(rig.line.send(Hangup(leg)))
        await asyncio.sleep(0.1)
        may_go_on.set()
        await asyncio.gather(ring, stop)
        assert (await rig.event(LegEnded, leg)).outcome is LegOutcome.CANCELLED
        await asyncio.sleep(0.2)
        assert len(rig.of(leg)) == 1
        assert not rig.fake.ringing
        assert [call.status for call in rig.fake.calls.values() if call.status != "canceled"] == []
    finally:
        await rig.close()
