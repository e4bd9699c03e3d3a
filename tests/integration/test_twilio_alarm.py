"""What a person must mend at the account: one alarm that says what to do, until it is mended; and nothing of it is charged to a
caller."""

from __future__ import annotations

from datetime import timedelta

import pytest

from callback.desk import Registration
from callback.request import FREE_OUTCOMES, AttemptOutcome, RequestState
from hardware.line import Hangup, LegEnded, LegOutcome, LineLost, LineUnavailable
from tests.contract.line_rig import RUNG
from tests.contract.line_rig_twilio import TwilioRig
from tests.e2e.waiting import until
from tests.fake_twilio.server import Fault
from tests.integration.twilio_world import TwilioWorld, world_of
from tests.offices import CALLER

ABROAD = "+46701234567"


@pytest.mark.parametrize(
    ("fault", "word", "up"),
    [
        (Fault(401, 20003), "TAST1_TWILIO_TOKEN", False),
        (Fault(400, 21215), "Geographic", True),
        (Fault(400, 21210), "kontorets nummer", True),
    ],
    ids=["revoked credentials", "a country that is closed", "a number that is not ours"],
)
async def test_refused_by_the_account(fault: Fault, word: str, up: bool) -> None:
    """What a person must mend is told once, on the status page, until it is; no attempt is charged to the caller."""

    async def story(world: TwilioWorld) -> None:
        world.fake.api_fault = lambda method, path: (
            fault if path.endswith("/Calls.json") and method == "POST" else None
        )
        request = await world.desk.register(Registration("9001", CALLER))
        await world.dispatch.ring(request[0].id, "kari")
        await until(lambda: world.runner.calls_up == 0, 5)
        (attempt,) = (await world.the_request()).attempts
        assert attempt.outcome is AttemptOutcome.LINE_FAILED
        status = world.line.status()
        assert status.up is up or word in status.detail
        assert word in status.alarm + status.detail
        assert CALLER not in status.alarm + status.detail
        world.fake.api_fault = lambda method, path: None
        await until(lambda: world.line.status().up, 5)
        await world.dispatch.ring(request[0].id, "kari")
        await until(lambda: "201" in world.fake.ringing, 5)
        assert world.line.status().alarm == ""

    await world_of(story)


async def test_bad_credentials() -> None:
    """A token that is not the account's: the line says what to do, and no attempt begins; with the right one all is well."""

    async def story(world: TwilioWorld) -> None:
        request, _ = await world.desk.register(Registration("9001", CALLER))
        world.fake.token, right = "9" * 32, world.fake.token
        await until(lambda: not world.line.status().up, 5)
        await until(lambda: "TAST1_TWILIO_TOKEN" in world.line.status().detail, 5)
        with pytest.raises(LineUnavailable):
            await world.dispatch.ring(request.id, "kari")
        await world.dispatch.sweep()
        request = await world.the_request()
        assert (request.state, request.attempts) == (RequestState.WAITING, ())
        world.fake.token = right
        await until(lambda: world.line.status().up, 5)
        assert world.line.status().alarm == ""

    await world_of(story)


async def test_calls_alone_are_refused() -> None:
    """The account answers, but may place no calls: the alarm stays while the line is up, whoever waits for their turn is told
    at once, and nobody is charged."""

    async def story(world: TwilioWorld) -> None:
        fault = Fault(401, 20003)
        world.fake.api_fault = lambda method, path: (
            fault if path.endswith("/Calls.json") and method == "POST" else None
        )
        requests = []
        for caller, person in ((CALLER, "kari"), ("+4740005678", "ola")):
            request, _ = await world.desk.register(Registration("9001", caller))
            requests.append(request.id)
            await world.dispatch.ring(request.id, person)
        await until(lambda: world.runner.calls_up == 0, 3, "both are over, though the second had to wait")
        outcomes = [(await world.desk.get(one)).attempts[-1].outcome for one in requests]
        assert outcomes == [AttemptOutcome.LINE_FAILED] * 2
        assert AttemptOutcome.LINE_FAILED in FREE_OUTCOMES
        await until(lambda: world.line.status().up, 5, "the account is there")
        assert "TAST1_TWILIO_TOKEN" in world.line.status().alarm

    await world_of(story, calls_per_second=0.1)


async def test_the_alarm_stays_until_that_is_mended() -> None:
    """A country that is closed is still closed when calls to another go through."""
    rig = TwilioRig()
    await rig.open()
    try:
        closed = True

        def geo(method: str, path: str) -> Fault | None:
            placing = method == "POST" and path.endswith("/Calls.json")
            return Fault(400, 21215) if placing and closed and rig.fake.asked[-1][2]["To"] == ABROAD else None

        rig.fake.api_fault = geo
        for _ in range(2):
            ended = await rig.event(LegEnded, await rig.originated(ABROAD))
            assert ended.outcome is LegOutcome.FAILED
            leg = await rig.originated(RUNG)
            await rig.hang_up(await rig.expect_ring(RUNG))
            await rig.event(LegEnded, leg)
            alarm = rig.line.status().alarm
            assert alarm.count("Geographic") == 1
            assert ABROAD not in alarm
        closed = False
        await rig.originated(ABROAD)
        await rig.expect_ring(ABROAD)
        await rig.until(lambda: rig.line.status().alarm == "", "it is mended")
    finally:
        await rig.close()


async def test_too_many_requests() -> None:
    """What Twilio has no room for is asked again: a telephone that was hung up stops, who listens to ringing is fetched, and the
    line is not lost."""
    rig = TwilioRig()
    await rig.open()
    try:
        left = {"POST": 2, "GET": 1}

        def full(method: str, path: str) -> Fault | None:
            if path.endswith("/Calls.json") or not left[method]:
                return None
            left[method] -= 1
            return Fault(429, 20429)

        caller, leg = await rig.caller_up()
        peer = await rig.dial(leg)
        rung = await rig.expect_ring(RUNG)
        rig.fake.api_fault = full
        await rig.hang_up(rung)
        await rig.event(LegEnded, peer)
        await rig.line.send(rig.prompt(leg))
        await rig.press(caller, "7")
        await rig.until(lambda: rig.of(leg), "the caller hears the question, and answers")
        left["POST"] = 2
        leg = await rig.originated(RUNG, timedelta(minutes=5))
        rung = await rig.expect_ring(RUNG)
        await rig.line.send(Hangup(leg))
        await rig.until(lambda: rig.is_over(rung), "it stops")
        assert rig.of(leg)[0].outcome is LegOutcome.CANCELLED  # type: ignore[union-attr]
        assert not any(isinstance(event, LineLost) for event in rig.events)
    finally:
        await rig.close()
