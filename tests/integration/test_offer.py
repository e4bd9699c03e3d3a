"""Whoever takes calls is offered the next request by themselves, over the simulated line and at Twilio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from callback.desk import Registration
from callback.request import CallbackRequest, CallResult, Reason, RequestState
from config.model import Telephone
from hardware.line import LineUnavailable
from hardware.simulated.phone import Behaviour
from ivr.callback_call import CallbackFacts
from tests.e2e.waiting import until
from tests.integration.test_story import World
from tests.offices import config

FIRST, SECOND, THIRD = "+4740001234", "+4740001235", "+4740001236"
CALLS = {FIRST: "first", SECOND: "second", THIRD: "third"}


@pytest.fixture
async def world(line: str) -> AsyncIterator[World]:
    opened = await World(line).open()
    for extension in ("201", "202"):
        opened.line.behave(extension, Behaviour.ANSWER)
    yield opened
    await opened.close()


async def waits(world: World, phone: str = FIRST, reason: Reason = Reason.ADVICE) -> CallbackRequest:
    """Somebody on the list; each a minute after the one before."""
    request, _ = await world.desk.register(Registration("9001", phone, registered_by="kari", reason=reason))
    world.clock.advance(timedelta(minutes=1))
    return request


async def takes_calls(world: World, *people: str) -> None:
    for person in people:
        await world.desk.set_ready(person, ready=True)
        world.clock.advance(timedelta(seconds=1))


async def live(world: World) -> dict[str, str]:
    """Who is rung for whom."""
    return {a.caseworker: CALLS[a.phone or ""] for a in await world.store.live_attempts()}


async def over(world: World) -> None:
    await until(lambda: world.runner.calls_up == 0, what="the call is over")


async def test_the_next_one_is_offered(world: World) -> None:
    """Urgent first, then who has waited longest; each free colleague one, the one who waited longest first."""
    await waits(world, FIRST)
    await waits(world, SECOND)
    await waits(world, THIRD, Reason.NO_FOOD)
    await takes_calls(world, "ola", "kari")
    await world.dispatch.sweep()
    assert await live(world) == {"ola": "third", "kari": "first"}
    await world.hears("202", "whisper.press_1")
    world.line.press("202", "1")
    await until(lambda: world.line.leg_of(THIRD) is not None, what="the caller is rung")
    await world.dispatch.sweep()
    assert len(await live(world)) == 2, "nobody is rung for a second one"


async def test_who_does_not_accept_is_away(world: World) -> None:
    """The telephone rings out: the next colleague is offered the same request at once, whose clock and place stay."""
    request = await waits(world)
    world.line.behave("201", Behaviour.NO_ANSWER)
    await takes_calls(world, "kari", "ola")
    await world.dispatch.sweep()
    await over(world)
    assert [a.caseworker for a in (await world.desk.get(request.id)).attempts] == ["kari"]
    assert [p.id for p in await world.desk.ready("9001")] == ["ola"]
    await world.dispatch.sweep()
    assert await live(world) == {"ola": "first"}
    after = await world.desk.get(request.id)
    assert (after.registered_at, after.due_at, after.id) == (
        request.registered_at,
        request.due_at,
        request.id,
    )


async def test_who_asked_for_it_stays(world: World) -> None:
    """A caseworker who clicked "Ring" and does not take the telephone goes on taking calls, and the plan stands."""
    request = await waits(world)
    world.line.behave("201", Behaviour.NO_ANSWER)
    await takes_calls(world, "kari")
    await world.dispatch.ring(request.id, "kari")
    await over(world)
    assert [p.id for p in await world.desk.ready("9001")] == ["kari"]
    assert (await world.desk.get(request.id)).next_attempt_at == world.clock.now()


async def test_time_to_wrap_up(world: World) -> None:
    """Nothing is offered before the result is written, and for a minute after; then whoever has waited longest."""
    await waits(world, FIRST)
    await waits(world, SECOND)
    await takes_calls(world, "kari")
    await world.dispatch.sweep()
    await world.hears("201", "whisper.press_1")
    world.line.behave(FIRST, Behaviour.ANSWER)
    world.line.press("201", "1")
    await world.until_talking()
    world.line.hang_up("201")
    talked = await world.in_state(RequestState.RESULT_DUE)
    await over(world)
    world.clock.advance(timedelta(minutes=5))
    await world.dispatch.sweep()
    assert await live(world) == {}
    await world.desk.record_result(talked.id, "kari", CallResult.REACHED)
    await world.dispatch.sweep()
    assert await live(world) == {}
    world.clock.advance(timedelta(minutes=1))
    await world.dispatch.sweep()
    assert await live(world) == {"kari": "second"}


async def test_not_now(world: World) -> None:
    """Nobody is rung for those who are not due, cannot be rung, are a colleague's, or when the office is closed."""
    later = await waits(world, FIRST)
    await world.desk.claim(later.id, "ola")
    nameless, _ = await world.desk.register(Registration("9001", None, registered_by="kari"))
    said_no = await waits(world, SECOND)
    await world.desk.never_call(SECOND, "callee")
    given = await waits(world, THIRD)
    await world.desk.reassign(given.id, "ola", "liv")
    await takes_calls(world, "kari")
    await world.dispatch.sweep()
    assert await live(world) == {}
    await takes_calls(world, "ola")
    world.clock.advance(timedelta(hours=12))
    await world.dispatch.sweep()
    assert await live(world) == {}, "at night nobody's telephone rings"
    assert {nameless.id, said_no.id} <= {r.id for r in await world.requests() if r.is_open}


async def test_a_lost_line(world: World) -> None:
    """Nothing is tried while it is away, and nobody is set away for it."""
    await waits(world)
    await takes_calls(world, "kari")
    await world.loses_the_line()
    await world.dispatch.sweep()
    assert await live(world) == {}
    await world.has_the_line()
    await world.dispatch.sweep()
    assert await live(world) == {"kari": "first"}


async def test_two_sweeps_at_once(world: World) -> None:
    """The same request is not offered twice, nor two to one colleague."""
    for phone in (FIRST, SECOND):
        await waits(world, phone)
    await takes_calls(world, "kari")
    await asyncio.gather(world.dispatch.offer(), world.dispatch.offer(), world.dispatch.offer())
    assert len(await live(world)) == 1


MOBILE = "+4740000009"


def with_mobile(world: World, ring_first: Telephone = Telephone.EXTENSION) -> None:
    """Ola has a mobile too."""
    config = world.desk.config
    people = [p.model_copy(update={"mobile": MOBILE}) if p.id == "ola" else p for p in config.people]
    offices = [office.model_copy(update={"ring_first": ring_first}) for office in config.offices]
    world.desk.use_config(config.model_copy(update={"people": tuple(people), "offices": tuple(offices)}))


async def test_the_mobile_after_the_desk(world: World) -> None:
    """Nobody takes the telephone at the desk: the mobile rings, and the talk is the same attempt. Whoever is on the
    desk's page sees that it rings all the while."""
    request = await waits(world)
    with_mobile(world)
    world.line.behave("202", Behaviour.NO_ANSWER)
    await takes_calls(world, "ola")
    await world.dispatch.sweep()
    await until(lambda: world.line.leg_of(MOBILE) is not None, what="the mobile rings")
    (attempt,) = await world.store.live_attempts()
    assert world.runner.phase(attempt.id) == "ringing_caseworker"
    await world.dispatch.sweep(patience=timedelta(0))
    assert await live(world) == {"ola": "first"}, "the attempt has its call"
    world.line.answer(MOBILE)
    await world.hears(MOBILE, "whisper.press_1")
    world.line.behave(FIRST, Behaviour.ANSWER)
    world.line.press(MOBILE, "1")
    await world.until_talking()
    world.line.hang_up(MOBILE)
    after = await world.in_state(RequestState.RESULT_DUE)
    assert (after.id, [a.id for a in after.attempts]) == (request.id, [attempt.id])


async def test_the_mobile_first(world: World) -> None:
    """As the office says; and a restart while the second telephone rings loses neither."""
    await waits(world)
    with_mobile(world, Telephone.MOBILE)
    world.line.behave(MOBILE, Behaviour.BUSY)
    world.line.behave("202", Behaviour.RING)
    await takes_calls(world, "ola")
    await world.dispatch.sweep()
    await until(lambda: world.line.leg_of("202") is not None, what="the desk rings")
    await world.kill()
    await world.reboot()
    assert await live(world) == {"ola": "first"}
    world.line.answer("202")
    await world.hears("202", "whisper.press_1")


async def test_the_on_call_telephone_stays_free(world: World) -> None:
    """Whoever carries it is offered callbacks at their desk only."""
    config = world.desk.config
    kari = config.person("kari")
    assert kari is not None
    on_call = kari.model_copy(update={"mobile": "+4740000001"})
    assert config.telephones(on_call) == ("201",)
    assert config.telephones(on_call.model_copy(update={"extension": None})) == ("+4740000001",)


async def test_nobody_is_hidden_by_others(world: World) -> None:
    """However many stand before them whom nobody can ring, whoever can be rung is found."""
    for number in range(150):
        await world.desk.register(Registration("9001", None, registered_by="kari"))
        if not number % 3:
            given, _ = await world.desk.register(
                Registration("9001", f"+4741{number:06}", registered_by="kari")
            )
            await world.desk.reassign(given.id, "ola", "liv")
    last = await waits(world)
    await takes_calls(world, "kari")
    await world.dispatch.sweep()
    assert [a.request_id for a in await world.store.live_attempts()] == [last.id]


async def test_an_urgent_one_is_not_hidden_by_others(world: World) -> None:
    """The on-call telephone is rung for the one who can be rung, however many urgent ones stand before them."""
    for _ in range(150):
        await world.desk.register(Registration("9001", None, registered_by="kari", reason=Reason.NO_FOOD))
    last = await waits(world, reason=Reason.NO_FOOD)
    kari, *others = config().people
    people = (kari.model_copy(update={"mobile": "+4740000001"}), *others)
    world.desk.use_config(config().model_copy(update={"people": people}))
    await world.dispatch.sweep()
    assert [a.request_id for a in await world.store.live_attempts()] == [last.id]


async def test_the_line_is_back(world: World) -> None:
    """Then somebody looks at once whom to ring: nobody could be for a while."""
    looked: list[int] = []
    world.runner.on_callback_ended = lambda: looked.append(1)
    await world.loses_the_line()
    await world.has_the_line()
    await until(lambda: looked, what="the line is back, and that is told")


async def test_who_cannot_be_rung_is_passed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line refuses a colleague's telephone: the next colleague is rung for the same request, in the same sweep."""
    await waits(world)
    await takes_calls(world, "kari", "ola")
    start = world.runner.start_callback

    async def refused(facts: CallbackFacts, office_no: str) -> None:
        if facts.caseworker_number == "201":
            raise LineUnavailable("no such telephone")
        await start(facts, office_no)

    monkeypatch.setattr(world.runner, "start_callback", refused)
    await world.dispatch.offer()
    assert await live(world) == {"ola": "first"}
