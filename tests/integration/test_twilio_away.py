"""What Twilio does while the service is away for longer than it asks again: each document is a request to us, so who picks up
then hears nothing and is hung up on. It is our failure and not theirs; and who listens to ringing meanwhile is not lost."""

from __future__ import annotations

from datetime import timedelta

from callback.store import RequestQuery
from hardware.line import Connected, DigitsEntered, LegEnded, LegOutcome
from tests.contract.line_rig import RUNG, SECOND_STAFF, STAFF
from tests.contract.line_rig_twilio import TwilioRig
from tests.e2e.waiting import until
from tests.integration.twilio_world import TwilioWorld, world_of
from tests.offices import CALLER, PUBLIC


async def test_away_for_longer() -> None:
    """Of three telephones that ring one picks up and is hung up on: our failure, known as soon as we are back. Another that
    still rings can accept then, and our leg was never let go."""
    rig = TwilioRig()
    await rig.open()
    try:
        caller, leg = await rig.caller_up()
        longer = timedelta(minutes=3)  # than Twilio asks again
        a, b, c = await rig.dial_all(leg, RUNG, STAFF, SECOND_STAFF, ring_timeout=longer)
        rung, staff, second = [await rig.expect_ring(number) for number in (RUNG, STAFF, SECOND_STAFF)]
        await rig.until(lambda: caller.call.in_conference, "our leg hears ringing")
        await rig.line.stop()
        await rig.answer(rung)
        await rig.press(rung, "1")
        await rig.until(lambda: rig.is_over(rung), "Twilio gives up")
        await rig.start_line()
        assert await rig.restored() == {leg, b, c}
        ended = await rig.line.last_words(a)
        assert ended is not None
        assert (ended.outcome, ended.answered) == (LegOutcome.FAILED, False)
        assert not rig.is_over(caller)
        await rig.answer(staff)
        await rig.press(staff, "1")
        assert await rig.event(Connected) == Connected(leg, b)
        await rig.until(lambda: rig.is_over(second), "the other stops")
        assert (await rig.event(LegEnded, c)).outcome is LegOutcome.CANCELLED
        await rig.hang_up(staff)
        await rig.event(LegEnded, b)
        await rig.line.send(rig.prompt(leg))
        await rig.press(caller, "7")
        assert (await rig.event(DigitsEntered, leg)).digits == "7"
    finally:
        await rig.close()


async def test_hung_up_in_silence() -> None:
    """Who presses nothing while the service is away is on no list: they have asked for nothing."""

    async def story(world: TwilioWorld) -> None:
        call = world.fake.call_in(CALLER, PUBLIC)
        await until(lambda: call.keys is not None and call.heard, 10, "the greeting")
        await world.runner.stop()
        world.fake.hang_up(CALLER)
        await world.boot()
        await until(lambda: world.runner.calls_up == 0, 5, "the call is over")
        assert await world.desk.find(RequestQuery()) == []

    await world_of(story)
