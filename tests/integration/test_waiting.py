"""Callers who wait on the line, over the simulated line and at Twilio: desk, dispatch, runner and machines together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from callback.desk import Registration
from callback.request import AttemptOutcome, CallbackRequest, CallResult, Reason, RequestState
from callback.store import CaseworkerInCall, RequestQuery, StoreUnavailable
from callback.turn import OnTheLine
from hardware.line import Dial
from hardware.simulated.phone import Behaviour
from tests.e2e.waiting import until
from tests.integration.test_offer import MOBILE, with_mobile
from tests.integration.test_story import World
from tests.offices import CALLER, PUBLIC

SECOND, THIRD = "+4740001235", "+4740001236"
MUSIC = "nb/wait.music"
MINUTE = timedelta(minutes=1)
OFFER = ("nb/wait.next", "nb/wait.about_5", "nb/wait.offer", MUSIC)
"""What the first caller hears with two colleagues who are busy: (8 + 1) minutes / 2."""


@pytest.fixture
async def world(line: str) -> AsyncIterator[World]:
    opened = await World(line).open()
    for extension in ("201", "202"):
        opened.line.behave(extension, Behaviour.ANSWER)
    yield opened
    await opened.close()


async def busy(world: World, *people: str) -> None:
    """They take calls, and are at work after one for an hour."""
    for person in people:
        await world.desk.set_ready(person, ready=True)
        await world.store.postpone_ready(person, world.clock.now() + timedelta(hours=1))
        world.clock.advance(timedelta(seconds=1))


async def free(world: World, person: str) -> None:
    await world.store.postpone_ready(person, world.clock.now())


async def waits(world: World, number: str = CALLER) -> CallbackRequest:
    """Rings, presses 1, is not urgent, and hears that they may wait."""
    world.clock.advance(timedelta(seconds=1))
    world.line.dial(number, PUBLIC)
    await world.hears(number, "intake.greeting")
    world.line.press(number, "1")
    await world.hears(number, "intake.urgent")
    world.line.press(number, "2")
    await world.hears(number, "wait.music")
    (request,) = await world.desk.find(RequestQuery(phone=number))
    assert world.runner.waits(request.id)
    return request


async def then(world: World, number: str = CALLER, key: str = "") -> list[str]:
    """A piece of music is over, or a key is pressed: what is heard next."""
    before = len(world.line.heard(number))
    if key:
        world.line.press(number, key)
    else:
        world.line.silence(number)
    await until(lambda: len(world.line.heard(number)) > before, what="something is heard next")
    return list(world.line.heard(number)[before:])


async def put_through(world: World, extension: str, number: str = CALLER) -> None:
    """The caller hears so, and the colleague what it is about."""
    assert (await then(world, number))[-1] == "nb/intake.connecting"
    world.line.silence(number)
    await world.hears(extension, "whisper.accept")


async def live(world: World) -> dict[str, str]:
    """Who is rung for which request."""
    return {a.caseworker: a.request_id for a in await world.store.live_attempts()}


async def test_place_wait_and_music(world: World) -> None:
    """The caller is on the list, hears where they stand and how long it takes, then music, and so again each minute."""
    await busy(world, "kari", "ola")
    request = await waits(world)
    assert (request.state, request.next_attempt_at) == (RequestState.WAITING, request.registered_at)
    assert world.line.heard(CALLER)[-4:] == OFFER
    for _ in range(5):
        world.clock.advance(timedelta(seconds=10))
        assert await then(world) == [MUSIC]
    world.clock.advance(timedelta(seconds=10))
    assert await then(world) == ["nb/wait.next", "nb/wait.about_5", "nb/wait.again", MUSIC]
    assert await then(world) == [MUSIC]
    assert await world.desk.get(request.id) == request


async def test_rather_be_rung(world: World) -> None:
    """1: the promise, and the request is as it was: the same place and clock, due at once."""
    await busy(world, "kari")
    request = await waits(world)
    world.clock.advance(MINUTE)
    heard = await then(world, key="1")
    assert heard[0] == "nb/wait.we_ring_you"
    await world.is_promised(CALLER)
    assert await world.desk.get(request.id) == request
    assert not world.runner.waits(request.id)
    world.line.hang_up(CALLER)
    await until(lambda: world.runner.calls_up == 0)
    assert world.runner.on_the_line() == OnTheLine(), "nobody takes them for a caller any more"


async def test_hanging_up_is_the_same(world: World) -> None:
    """Whoever hangs up while they wait keeps their place, and is offered like anybody who is due."""
    await busy(world, "kari")
    request = await waits(world)
    world.line.hang_up(CALLER)
    await until(lambda: world.runner.calls_up == 0)
    assert await world.desk.get(request.id) == request
    await free(world, "kari")
    await world.dispatch.sweep()
    assert await live(world) == {"kari": request.id}


async def test_a_colleague_takes_it(world: World) -> None:
    """Who becomes free is rung by the caller's own call, says 1, and they talk; no telephone of the caller rings."""
    await busy(world, "kari")
    request = await waits(world)
    await free(world, "kari")
    await world.dispatch.sweep()
    assert await live(world) == {}, "nobody who waits is rung"
    await put_through(world, "201")
    assert "nb/whisper.waiting" in world.line.heard("201")
    assert (await world.desk.get(request.id)).state is RequestState.CALLING
    world.line.press("201", "1")
    await world.until_talking()
    world.clock.advance(5 * MINUTE)
    world.line.hang_up("201")
    talked = await world.in_state(RequestState.RESULT_DUE)
    (attempt,) = talked.attempts
    assert (attempt.caseworker, attempt.inbound, attempt.outcome) == ("kari", True, AttemptOutcome.ANSWERED)
    await until(lambda: world.line.leg_of(CALLER) is None, what="the caller's leg ends too")
    done = await world.desk.record_result(talked.id, "kari", CallResult.REACHED)
    assert (done.id, done.registered_at) == (request.id, request.registered_at)


@pytest.mark.parametrize("how", [Behaviour.NO_ANSWER, Behaviour.DECLINE, Behaviour.BUSY])
async def test_who_does_not_accept_is_away_and_the_next_is_rung(world: World, how: Behaviour) -> None:
    """The caller hears so, keeps their place, and the next colleague is rung without music in between."""
    await busy(world, "kari", "ola")
    request = await waits(world)
    await free(world, "kari")
    world.line.behave("201", how)
    assert (await then(world))[-1] == "nb/intake.connecting"
    world.line.silence(CALLER)
    await world.hears(CALLER, "wait.not_taken")
    assert [p.id for p in await world.desk.ready("9001")] == ["ola"]
    missed = await world.desk.get(request.id)
    assert (missed.registered_at, missed.due_at, missed.claimed_by) == (
        request.registered_at,
        request.due_at,
        None,
    )
    assert missed.next_attempt_at == world.clock.now()
    await free(world, "ola")
    await put_through(world, "202")
    world.line.press("202", "1")
    await world.until_talking()
    assert [a.caseworker for a in (await world.desk.get(request.id)).attempts] == ["kari", "ola"]


async def test_two_says_no(world: World) -> None:
    """A colleague who presses 2 is away; the caller hears where they stand again."""
    await busy(world, "kari", "ola")
    await waits(world)
    await free(world, "kari")
    await put_through(world, "201")
    world.line.press("201", "2")
    await world.hears(CALLER, "wait.not_taken")
    assert [p.id for p in await world.desk.ready("9001")] == ["ola"]
    world.clock.advance(MINUTE)
    assert (await then(world))[0] == "nb/wait.next"


async def test_a_line_that_fails(world: World) -> None:
    """Our own failure sets nobody away the first time; a telephone that fails twice in a row is not rung for ever."""
    await busy(world, "kari", "ola")
    request = await waits(world)
    await free(world, "kari")
    world.line.behave("201", Behaviour.FAIL, Behaviour.FAIL)
    for away in ([], ["kari"]):
        assert (await then(world))[-1] == "nb/intake.connecting"
        world.line.silence(CALLER)
        await until(lambda: world.line.heard(CALLER)[-1] == "nb/wait.not_taken")
        ready = [p.id for p in await world.desk.ready("9001")]
        assert [p for p in ("kari", "ola") if p not in ready] == away
    attempts = (await world.desk.get(request.id)).attempts
    assert [a.outcome for a in attempts] == [AttemptOutcome.LINE_FAILED] * 2


async def test_the_end_of_phone_hours(world: World) -> None:
    """Nobody is cut: they hear that the phone closes and that they are rung, and the promise."""
    await busy(world, "kari")
    request = await waits(world)
    world.clock.advance(timedelta(hours=6))
    heard = await then(world)
    assert heard[:2] == ["nb/wait.closing", "nb/wait.we_ring_you"]
    await world.is_promised(CALLER)
    assert (await world.desk.get(request.id)).registered_at == request.registered_at


async def test_everybody_has_gone_away(world: World) -> None:
    """The last colleague stops taking calls: whoever waits hears so, and the promise."""
    await busy(world, "kari")
    await waits(world)
    await world.desk.set_ready("kari", ready=False)
    heard = await then(world)
    assert heard[:2] == ["nb/intake.nobody_now", "nb/wait.we_ring_you"]
    await world.is_promised(CALLER)


async def test_too_long_a_wait_is_not_offered(world: World) -> None:
    """Whose wait would pass the limit hears the promise at once; whoever waits already is asked, and may stay."""
    await busy(world, "kari")
    for number in (CALLER, SECOND):
        await waits(world, number)
    world.clock.advance(timedelta(seconds=1))
    world.line.dial(THIRD, PUBLIC)
    await world.hears(THIRD, "intake.greeting")
    await then(world, THIRD, "1")
    await then(world, THIRD, "2")
    await world.is_promised(THIRD)
    assert not [item for item in world.line.heard(THIRD) if "wait." in item]

    calls = world.desk.config.settings.calls.model_copy(update={"longest_wait": 10 * MINUTE})
    settings = world.desk.config.settings.model_copy(update={"calls": calls})
    world.desk.use_config(world.desk.config.model_copy(update={"settings": settings}))
    world.clock.advance(MINUTE)
    heard = ["nb/wait.longer", "nb/wait.place", "nb/digit.2", "nb/wait.in_queue", "nb/wait.about_20"]
    assert await then(world, SECOND) == [*heard, "nb/wait.again", MUSIC]
    assert await then(world, SECOND) == [MUSIC], "they may stay"


async def test_the_list_is_one(world: World) -> None:
    """One colleague, a callback that stands first and a caller who waits: the callback is rung, the caller waits on,
    until it is their turn; and a callback that stands after them does not overtake them."""
    await busy(world, "kari")
    first, _ = await world.desk.register(Registration("9001", SECOND, registered_by="kari"))
    world.clock.advance(MINUTE)
    caller = await waits(world)
    assert world.line.heard(CALLER)[-6:-3] == ("nb/wait.place", "nb/digit.2", "nb/wait.in_queue")
    world.clock.advance(timedelta(seconds=1))
    await world.desk.register(Registration("9001", THIRD, registered_by="kari"))
    await free(world, "kari")
    assert await then(world) == [MUSIC], "the callback stands first"
    await world.dispatch.sweep()
    assert await live(world) == {"kari": first.id}
    await world.hears("201", "whisper.press_1")
    assert await then(world) == [MUSIC]
    world.line.behave(SECOND, Behaviour.ANSWER)
    world.line.press("201", "1")
    await world.until_talking()
    world.line.hang_up("201")
    await world.in_state(RequestState.RESULT_DUE)
    await world.desk.record_result(first.id, "kari", CallResult.REACHED)
    world.clock.advance(MINUTE)
    await world.dispatch.sweep()
    assert await live(world) == {}, "the colleague is kept for the caller, who stands first now"
    await put_through(world, "201")
    assert await live(world) == {"kari": caller.id}


async def test_urgent_ones_first(world: World) -> None:
    """An urgent callback goes before an ordinary caller who waits."""
    await busy(world, "kari")
    await waits(world)
    urgent, _ = await world.desk.register(
        Registration("9001", SECOND, registered_by="kari", reason=Reason.NO_FOOD)
    )
    await free(world, "kari")
    assert await then(world) == [MUSIC]
    await world.dispatch.sweep()
    assert await live(world) == {"kari": urgent.id}


async def test_two_callers_and_one_colleague(world: World) -> None:
    """The first gets the colleague, whoever asks first; the second moves up."""
    await busy(world, "kari")
    first, second = await waits(world), await waits(world, SECOND)
    await free(world, "kari")
    assert await then(world, SECOND) == [MUSIC]
    await put_through(world, "201")
    assert await live(world) == {"kari": first.id}
    world.clock.advance(MINUTE)
    assert (await then(world, SECOND))[0] == "nb/wait.next"
    assert world.runner.waits(second.id)


async def test_by_hand(world: World) -> None:
    """A caseworker who clicks Ring gets that very caller, before whoever stands first and though a colleague is free;
    the caller's telephone is not rung."""
    await busy(world, "kari", "ola")
    await waits(world)
    second = await waits(world, SECOND)
    dialled = dials_of(world)
    taken, attempt = await world.dispatch.ring(second.id, "ola")
    assert (taken.state, taken.claimed_by, attempt) == (RequestState.CLAIMED, "ola", None)
    await world.desk.set_ready("ola", ready=False)
    await free(world, "kari")
    await put_through(world, "202", SECOND)
    await put_through(world, "201")
    assert [dial.to for dial in dialled] == ["202", "201"]
    world.line.press("202", "1")
    await world.until_talking()


def dials_of(world: World) -> list[Dial]:
    found: list[Dial] = []
    send = world.line.send

    async def sending(command: object) -> None:
        if isinstance(command, Dial):
            found.append(command)
        await send(command)  # type: ignore[arg-type]

    world.line.send = sending  # type: ignore[method-assign,assignment]
    return found


async def test_whoever_took_a_caller_is_kept_for_them(world: World) -> None:
    """In the seconds before they are rung, they are offered nobody else; and who talks cannot take another."""
    await busy(world, "kari", "ola")
    caller = await waits(world)
    await world.desk.register(Registration("9001", SECOND, registered_by="kari"))
    await world.dispatch.ring(caller.id, "ola")
    await free(world, "ola")
    await world.dispatch.sweep()
    assert await live(world) == {}
    await put_through(world, "202")
    other = await waits(world, THIRD)
    with pytest.raises(CaseworkerInCall):
        await world.dispatch.ring(other.id, "ola")
    assert (await world.desk.get(other.id)).claimed_by is None


async def test_by_hand_without_an_answer(world: World) -> None:
    """They stay ready, for they were not offered it; the caller waits on, and the request is nobody's."""
    await busy(world, "kari", "ola")
    caller = await waits(world)
    world.line.behave("202", Behaviour.NO_ANSWER)
    await world.dispatch.ring(caller.id, "ola")
    assert (await then(world))[-1] == "nb/intake.connecting"
    world.line.silence(CALLER)
    await world.hears(CALLER, "wait.not_taken")
    assert [p.id for p in await world.desk.ready("9001")] == ["kari", "ola"]
    assert (await world.desk.get(caller.id)).claimed_by is None
    assert await then(world) == [MUSIC]


async def test_a_colleague_takes_it_in_the_same_moment(world: World) -> None:
    """Between the question and the answer: who took it by hand has it, and nobody else is rung."""
    await busy(world, "kari", "ola")
    caller = await waits(world)
    await free(world, "kari")
    turn = world.desk.turn

    async def slow(*asked: object) -> object:
        found = await turn(*asked)  # type: ignore[arg-type]
        if found.colleague is not None and not found.by_hand:
            await world.dispatch.ring(caller.id, "ola")
        return found

    world.desk.turn = slow  # type: ignore[method-assign,assignment]
    assert await then(world) == [MUSIC]
    assert await live(world) == {}
    await put_through(world, "202")


async def test_killed_while_they_wait(world: World) -> None:
    """The exchange's fall-back takes the caller; the request is on the list, and is offered."""
    await busy(world, "kari")
    request = await waits(world)
    await world.kill()
    await world.falls_back(CALLER)
    await world.reboot()
    assert await world.desk.get(request.id) == request
    assert world.runner.calls_up == 0
    await free(world, "kari")
    await world.dispatch.sweep()
    assert await live(world) == {"kari": request.id}


async def test_killed_while_the_colleague_is_rung(world: World) -> None:
    """The colleague's telephone goes on ringing, they accept, and the talk is on record."""
    await busy(world, "kari")
    request = await waits(world)
    await free(world, "kari")
    await put_through(world, "201")
    await world.kill()
    await world.reboot()
    assert await live(world) == {"kari": request.id}
    world.line.press("201", "1")
    await world.until_talking()
    world.line.hang_up("201")
    talked = await world.in_state(RequestState.RESULT_DUE)
    assert talked.attempts[0].connected_at is not None


async def test_hanging_up_while_the_colleague_is_rung(world: World) -> None:
    """The request is due at once and nobody's; nobody is set away."""
    await busy(world, "kari")
    request = await waits(world)
    await free(world, "kari")
    await put_through(world, "201")
    world.line.hang_up(CALLER)
    await until(lambda: world.runner.calls_up == 0)
    after = await world.desk.get(request.id)
    assert (after.state, after.claimed_by, after.next_attempt_at) == (
        RequestState.UNREACHABLE,
        None,
        world.clock.now(),
    )
    assert [p.id for p in await world.desk.ready("9001")] == ["kari"]


async def test_without_a_number(world: World) -> None:
    """A withheld caller who keys none in may wait too, is not promised a call, is put through, and gets a reference."""
    await busy(world, "kari")
    world.line.dial(CALLER, PUBLIC, withhold=True)
    await world.hears(CALLER, "intake.greeting")
    for key in ("1", "2", "", "", ""):
        heard = await then(world, key=key)
    assert heard[-2:] == ["nb/wait.stay", MUSIC]
    (request,) = await world.requests()
    assert request.phone is None
    await free(world, "kari")
    world.line.behave("201", Behaviour.NO_ANSWER)
    assert (await then(world))[-1] == "nb/intake.connecting"
    world.line.silence(CALLER)
    await world.hears(CALLER, "wait.not_taken")
    heard = await then(world)
    assert heard[0] == "nb/intake.nobody_now"
    assert "nb/wait.we_ring_you" not in heard
    await world.hears(CALLER, "intake.ring_back")


async def test_ended_while_they_wait(world: World) -> None:
    """A colleague ends the request of somebody who is on the line: they are on the list anew, and wait on."""
    await busy(world, "kari", "ola")
    request = await waits(world)
    await world.desk.decide(request.id, "ola", "Flyttet.", "brev")
    heard = await then(world)
    assert heard == ["nb/intake.registered", *OFFER]
    (anew,) = [r for r in await world.requests() if r.is_open]
    assert anew.phone == CALLER
    assert world.runner.waits(anew.id)


async def test_a_talk_elsewhere(world: World) -> None:
    """Whoever is reached at the number of the request meanwhile is not told to wait: the promise."""
    await busy(world, "kari", "ola")
    request = await waits(world)
    await world.desk.start_attempt(request.id, "ola", "elsewhere")
    heard = await then(world)
    assert heard[0] == "nb/intake.promise"


async def test_keys_while_they_wait(world: World) -> None:
    """`*`: the same again; 0: a person, as everywhere; other keys: kind words, and music on."""
    await busy(world, "kari", "ola")
    await waits(world)
    assert await then(world, key="*") == list(OFFER)
    assert await then(world, key="7") == ["nb/intake.wrong_key", "nb/wait.again", MUSIC]
    assert await then(world) == [MUSIC]
    assert "nb/intake.nobody_now" in await then(world, key="0"), "nobody is on duty"


async def test_a_store_that_cannot_be_read(world: World) -> None:
    """Music goes on, and they are asked about again; who comes then hears the promise."""
    await busy(world, "kari", "ola")
    await waits(world)
    world.clock.advance(MINUTE)
    ready = world.store.ready

    async def failing() -> object:
        raise StoreUnavailable("locked")

    world.store.ready = failing  # type: ignore[method-assign,assignment]
    assert await then(world) == [MUSIC]
    world.store.ready = ready  # type: ignore[method-assign]
    assert (await then(world))[0] == "nb/wait.next"


async def test_the_wait_is_measured(world: World) -> None:
    """Five talks of two minutes: the next one is expected to take as long, and the time after it."""
    for at in range(5):
        request, _ = await world.desk.register(Registration("9001", f"+474000200{at}", registered_by="kari"))
        await world.desk.start_attempt(request.id, "kari", f"a{at}")
        await world.desk.attempt_connected(f"a{at}")
        world.clock.advance(2 * MINUTE)
        await world.desk.end_attempt(f"a{at}", AttemptOutcome.ANSWERED)
        await world.desk.record_result(request.id, "kari", CallResult.REACHED)
    await busy(world, "kari", "ola")
    await waits(world)
    assert "nb/wait.under_2" in world.line.heard(CALLER)


async def test_the_colleagues_mobile_after_the_desk(world: World) -> None:
    """Nobody takes the telephone at the desk: the mobile rings in the same try, and they are not away."""
    request = await waits_with_two_telephones(world)
    assert (await then(world))[-1] == "nb/intake.connecting"
    world.line.silence(CALLER)
    await world.hears(MOBILE, "whisper.accept")
    world.line.press(MOBILE, "1")
    await world.until_talking()
    assert [p.id for p in await world.desk.ready("9001")] == ["ola"]
    (attempt,) = await world.store.live_attempts()
    assert (attempt.request_id, attempt.caseworker) == (request.id, "ola")


async def waits_with_two_telephones(world: World) -> CallbackRequest:
    with_mobile(world)
    world.line.behave("202", Behaviour.NO_ANSWER)
    world.line.behave(MOBILE, Behaviour.ANSWER)
    await busy(world, "ola")
    request = await waits(world)
    await free(world, "ola")
    return request
