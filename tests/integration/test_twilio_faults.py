"""What goes wrong between Twilio and us: a webhook comes twice, late, in another order, or never; the API fails in the middle.
One callback is still one call to each, and one conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import aiohttp
from twilio.request_validator import RequestValidator

from callback.desk import Registration
from callback.request import AttemptOutcome, CallbackRequest, RequestState, Urgency
from callback.store import RequestQuery
from hardware.line import Kept, LegEnded
from tests.contract.line_rig import RUNG
from tests.contract.line_rig_twilio import TOKEN, TwilioRig
from tests.e2e.waiting import until
from tests.fake_twilio.call import Call, Conference
from tests.fake_twilio.server import FakeTwilio, Fault
from tests.integration.twilio_world import FALLBACK, TwilioWorld, side_by_side, world_of
from tests.offices import CALLER, PUBLIC

URL_FORM = "application/x-www-form-urlencoded"
Harm = Callable[[FakeTwilio], None]


async def called_back(world: TwilioWorld) -> CallbackRequest:
    await world.desk.register(Registration("9001", CALLER))
    world.staff_answers()
    world.caller_answers()
    return await world.rings_until(RequestState.RESULT_DUE)


def twice(fake: FakeTwilio) -> None:
    fake.tamper = lambda url, form: [0.0, 0.0]


def late(fake: FakeTwilio) -> None:
    """Each status comes 14 seconds late: after the call it tells of."""
    fake.tamper = lambda url, form: [14.0] if "/status" in url else [0.0]


def backwards(fake: FakeTwilio) -> None:
    """The earlier a status, the later it comes."""
    fake.tamper = lambda url, form: [3.0 - int(form.get("SequenceNumber", "3"))]


def never(fake: FakeTwilio) -> None:
    fake.tamper = lambda url, form: [] if "/status" in url else [0.0]


def now_and_then(fake: FakeTwilio) -> None:
    """The first time anything is asked it is lost on the way."""
    seen: set[str] = set()

    def lose(url: str, form: dict[str, str]) -> list[float]:
        first = url not in seen
        seen.add(url)
        return [] if first else [0.0]

    fake.tamper = lose


def broken_create(fault: Fault) -> Harm:
    def harm(fake: FakeTwilio) -> None:
        broken: list[str] = []

        def once(method: str, path: str) -> Fault | None:
            if method != "POST" or not path.endswith("/Calls.json") or len(broken) > 1:
                return None
            broken.append(path)
            return fault if len(broken) == 1 else None

        fake.api_fault = once

    return harm


def nobody_says(fake: FakeTwilio) -> None:
    """A create is placed and answered with 503; no status of it comes, and for a while Twilio does not say which calls there are."""
    faults = [Fault(503), Fault(0), Fault(503), Fault(503, done=True)]

    def fault(method: str, path: str) -> Fault | None:
        of_calls = path.endswith("/Calls.json")
        return faults.pop() if faults and of_calls and (method == "GET" or len(faults) == 4) else None

    fake.api_fault = fault
    never(fake)


ENCRYPTED = "sip:201@pbx.example.org;secure=true"
HARMS: dict[str, Harm] = {
    "everything twice": twice,
    "14 seconds late": late,
    "in another order": backwards,
    "no status ever": never,
    "lost the first time": now_and_then,
    "create 503, placed": broken_create(Fault(503, done=True)),
    "create 503, not placed": broken_create(Fault(503)),
    "create broken off, placed": broken_create(Fault(0, done=True)),
    "create broken off, not placed": broken_create(Fault(0)),
    "create timed out, placed": broken_create(Fault(hangs=True, done=True)),
    "create timed out, not placed": broken_create(Fault(hangs=True)),
    "create timed out, placed just before the looks": broken_create(
        Fault(hangs=True, late=lambda: asyncio.sleep(1))
    ),
    "create 503, placed, and no look is answered": nobody_says,
    "create 429": broken_create(Fault(429, 20429)),
}


def placed_again_first(answer: Fault, pause: float) -> Harm:
    """The first create is carried out so many of Twilio's seconds after the second one was asked for."""

    def harm(fake: FakeTwilio) -> None:
        creates: list[str] = []
        again = asyncio.Event()

        async def late() -> None:
            await again.wait()
            await fake.seconds(pause)

        def fault(method: str, path: str) -> Fault | None:
            if method != "POST" or not path.endswith("/Calls.json"):
                return None
            creates.append(path)
            if len(creates) > 1:
                again.set()
            return replace(answer, late=late) if len(creates) == 1 else None

        fake.api_fault = fault

    return harm


LATE: dict[str, Harm] = {
    "create timed out, placed with the second": placed_again_first(Fault(hangs=True), 0),
    "create 503, placed while the second rings": placed_again_first(Fault(503), 0.5),
    "create broken off, placed while they talk": placed_again_first(Fault(0), 10),
    "create broken off, placed much later": placed_again_first(Fault(0), 30),
}
"""Then it was placed again already."""


async def test_webhooks_and_creates() -> None:
    """Whatever comes twice, late, in another order or never, and whatever a create answers: one call to each."""

    async def harmed(name: str, harm: Harm) -> None:
        async def story(world: TwilioWorld) -> None:
            harm(world.fake)
            request = await called_back(world)
            assert len(world.talks) == 1, name
            assert len(request.attempts) == 1, name
            calls = [call for call in world.fake.calls.values() if call.direction == "outbound-api"]
            assert sorted(call.to for call in calls) == [CALLER, "sip:201@pbx.example.org"], name
            assert {form["To"] for form in world.fake.creates} == {CALLER, ENCRYPTED}, name

        await world_of(story)

    await side_by_side(harmed(name, harm) for name, harm in HARMS.items())


async def test_a_call_that_appears_late() -> None:
    """The answer of a create was lost, Twilio knew of no call, it was placed again, and now both exist: one of them is ended before
    it is picked up, and there is one conversation."""

    async def harmed(name: str, harm: Harm) -> None:
        async def story(world: TwilioWorld) -> None:
            harm(world.fake)
            world.reaches, world.fake.call_waiting = 1.5, True
            request = await called_back(world)
            await until(lambda: len(world.fake.calls) == 3, 8, f"{name}: both calls are there")
            await until(lambda: all(call.over for call in world.fake.calls.values()), 8, name)
            assert (len(world.talks), len(request.attempts)) == (1, 1), name
            calls = world.fake.calls.values()
            picked_up = sorted(call.to for call in calls if call.picked_up.is_set())
            assert picked_up == [CALLER, "sip:201@pbx.example.org"], name
            assert [call.status for call in calls if not call.picked_up.is_set()] == ["canceled"], name

        await world_of(story)

    await side_by_side(harmed(name, harm) for name, harm in LATE.items())


async def test_a_key_counts_once() -> None:
    """Every request comes twice at the same moment, and a key answers one question: who presses 1 and then 2 is not urgent."""

    async def story(world: TwilioWorld) -> None:
        twice(world.fake)
        call = world.fake.call_in(CALLER, PUBLIC)
        await world.presses_when_asked(call, "1")
        await world.presses_when_asked(call, "2")
        await until(lambda: any("intake.promise" in heard for heard in call.heard), 10)
        assert (await world.the_request()).urgency is Urgency.ORDINARY

    await world_of(story)


async def test_kept_though_late() -> None:
    """Who dialled hangs up in the moment the other is joined, before they are in the conference: they are kept all the same."""
    rig = TwilioRig()
    await rig.open()
    try:
        caller, leg = await rig.caller_up()
        peer = await rig.dial(leg, keep=True)
        rung = await rig.expect_ring(RUNG)
        await rig.until(lambda: caller.call.in_conference, "the caller hears ringing")
        slow = rig.fake.enter

        def late(name: str, call: Call, most: int) -> Conference:
            rig.fake.hang_up(caller.number)
            return slow(name, call, most)

        rig.fake.enter = late  # type: ignore[method-assign]
        rig.fake.answer(RUNG)
        await rig.event(Kept, peer)
        await rig.hang_up(rung)
        await rig.event(LegEnded, peer)
    finally:
        await rig.close()


async def test_found_by_asking() -> None:
    """A telephone that rings out, of which no status ever comes, has rung out all the same: Twilio is asked."""

    async def story(world: TwilioWorld) -> None:
        never(world.fake)
        world.fake.behaviours["201"] = "ignore"
        request, _ = await world.desk.register(Registration("9001", CALLER))
        await world.dispatch.ring(request.id, "kari")
        await until(lambda: world.runner.calls_up == 0, 15)
        (attempt,) = (await world.the_request()).attempts
        assert attempt.outcome is AttemptOutcome.CANCELLED

    await world_of(story)


# ---- who may ask


async def test_forged() -> None:
    """What Twilio did not sign is refused and changes nothing; the second token counts; a body too large is not read."""

    async def story(world: TwilioWorld) -> None:
        url = f"{world.fake.voice_url.partition('#')[0]}"
        form = {"CallSid": "CA" + "9" * 32, "From": CALLER, "To": PUBLIC, "Direction": "inbound"}

        async def ask(token: str | None, body: dict[str, str]) -> int:
            signed = "" if token is None else RequestValidator(token).compute_signature(url, body)
            async with world.fake.session.post(
                url, data=body, headers={"X-Twilio-Signature": signed}
            ) as answer:
                return answer.status

        assert await ask(None, form) == 403
        assert await ask("3" * 32, form) == 403
        file = aiohttp.FormData()
        file.add_field("From", b"x", filename="x", content_type="text/plain")
        for body, kind in ((file, None), ("x", "multipart/form-data"), ("x=%ff", f"{URL_FORM}; charset=x")):
            headers = {"X-Twilio-Signature": "x"} | ({"Content-Type": kind} if kind else {})
            async with world.fake.session.post(url, data=body, headers=headers) as answer:
                assert answer.status == 403, kind
        assert await ask(TOKEN, form | {"x": "x" * 40_000}) == 413
        assert world.runner.calls_up == 0
        assert await ask("4" * 32, form) == 200
        async with aiohttp.request("GET", url.replace("/tw/voice", "/")) as answer:
            assert answer.status == 404

    await world_of(story, second_token="4" * 32)


async def test_unknown_call() -> None:
    """A caller in a call we know nothing of hears an apology, and the office's fall-back telephone rings."""

    async def story(world: TwilioWorld) -> None:
        world.fake.voice_url = world.fake.voice_url.replace("/tw/voice", "/tw/leg/tw-unknown/3")
        call = world.fake.call_in(CALLER, PUBLIC)
        await until(lambda: FALLBACK in world.fake.ringing, 10)
        assert "teknisk feil" in call.heard[0]
        assert await world.desk.find(RequestQuery()) == []

    await world_of(story)
