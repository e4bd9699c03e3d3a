"""The Twilio line at its weakest moments: it dies between two acts, its database or Twilio's API fails once, a request comes again.
Nobody is rung again who has talked, a key answers one question, and no caller is hung up on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callback.desk import Registration
from callback.request import AttemptOutcome, RequestState, Urgency
from callback.store import RequestQuery, StoreUnavailable
from callback.store_twilio import LegRow, MemoryLegs
from hardware.line import CallOffered, DigitsEntered
from hardware.twilio.leg import Kind, Leg, from_json
from hardware.twilio.rest import Api, Uncertain
from tests.e2e.waiting import until, until_answered
from tests.fake_twilio.call import Call
from tests.fake_twilio.server import Fault
from tests.integration.twilio_world import TwilioWorld, side_by_side, world_of
from tests.offices import CALLER, PUBLIC


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


async def test_who_waits_in_the_conference_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """We die while the caller's telephone rings. Were the caseworker fetched out of the conference after the restart, it would end
    under the caller who comes in just then."""
    pushed: list[str] = []
    push = Api.push

    async def noted(api: Api, sid: str, url: str) -> None:
        pushed.append(url)
        await push(api, sid, url)

    async def story(world: TwilioWorld) -> None:
        await world.desk.register(Registration("9001", CALLER))
        world.staff_answers()
        world.caller_answers()
        dies_after_writing(world, lambda leg: leg.dialler is not None and leg.sid is not None)
        await world.dispatch.ring((await world.the_request()).id, "kari")
        await until(world.mortal.is_dead.is_set, 10)
        pushed.clear()
        await world.reboot()
        await until(lambda: world.talks, 15, "they talk")
        assert pushed == []

    monkeypatch.setattr(Api, "push", noted)
    await world_of(story)


# ---- while we find out what we have missed


async def while_it_looks(world: TwilioWorld, act: Callable[[], Awaitable[None]], *, fails: bool) -> None:
    """Contact breaks, and comes back; `act` is done while the look after it is under way, which then fails, or not."""
    world.fake.api_fault = lambda method, path: Fault(503)
    await until(lambda: not world.line.status().up, 10, "the line is down")
    reached, opened = asyncio.Event(), asyncio.Event()
    look = world.line._reconcile

    async def held() -> None:
        world.line._reconcile = look  # type: ignore[method-assign]
        reached.set()
        await opened.wait()
        if fails:
            raise Uncertain("no answer")
        await look()

    world.line._reconcile = held  # type: ignore[method-assign]
    world.fake.api_fault = lambda method, path: None
    await reached.wait()
    await act()
    opened.set()
    await until(lambda: world.line.status().up, 5, "the line is up")


async def test_rings_in_during_the_look() -> None:
    """A caller who rings in while we find out what we have missed meets the menu, also when the look fails."""

    def story_of(fails: bool) -> Callable[[TwilioWorld], Awaitable[None]]:
        async def story(world: TwilioWorld) -> None:
            async def rings() -> None:
                world.fake.call_in(CALLER, PUBLIC)
                await until(lambda: world.line._live, 5, "it has come in")
                await asyncio.sleep(0.05)

            await while_it_looks(world, rings, fails=fails)
            (call,) = world.fake.calls.values()
            await until(lambda: call.over or call.heard, 10)
            assert "/tw/prompts/" in call.heard[0], call.heard

        return story

    await side_by_side(world_of(story_of(fails)) for fails in (False, True))


async def test_pressed_during_the_look() -> None:
    """Who presses 1 while we find out what we have missed, and the look fails, is on the list and hears the next question."""

    async def story(world: TwilioWorld) -> None:
        call = world.fake.call_in(CALLER, PUBLIC)
        await until(lambda: call.keys is not None and call.heard, 10)

        async def presses() -> None:
            await world.presses_when_asked(call, "1")
            await asyncio.sleep(0.05)

        await while_it_looks(world, presses, fails=True)
        await until(lambda: any("intake.promise" in item or "urgent" in item for item in call.heard), 5)
        assert (await world.the_request()).phone == CALLER

    await world_of(story)


# ---- a key counts once


async def test_a_key_after_a_restart() -> None:
    """We die when the next question is on disk and Twilio was not given it: it repeats the key of the last one, which answers that
    one alone."""

    async def story(world: TwilioWorld) -> None:
        call = world.fake.call_in(CALLER, PUBLIC)
        await until(lambda: call.keys is not None and call.heard, 10)
        dies_after_writing(world, lambda leg: leg.document.kind is Kind.PROMPT and leg.seq >= 2)
        await world.presses_when_asked(call, "1")
        await until(world.mortal.is_dead.is_set, 10)
        asked = from_json((await world.legs.open())[0].state).document.items[-1]
        await world.reboot()
        await until(lambda: any(asked in item for item in call.heard), 5, "the question is asked")
        await world.fake.seconds(1)
        assert call.keys is not None, "it still listens for the answer"
        assert (await world.the_request()).urgency is Urgency.ORDINARY

    await world_of(story)


async def test_a_key_that_comes_again() -> None:
    """Twilio repeats a key when the next question is there: it answers one question. One pressed while nothing is said, and repeated
    then, counts once as well."""

    def story_of(key: str, slow: float, again: float) -> Callable[[TwilioWorld], Awaitable[None]]:
        async def story(world: TwilioWorld) -> None:
            register, told = world.store.register, list[str]()
            tell = world.line._tell

            async def late(*args: Any, **kwargs: Any) -> Any:
                await asyncio.sleep(slow)
                return await register(*args, **kwargs)

            def listens(*events: Any) -> None:
                told.extend(event.digits for event in events if isinstance(event, DigitsEntered))
                tell(*events)

            world.store.register = late  # type: ignore[method-assign]
            world.line._tell = listens  # type: ignore[method-assign]
            world.fake.tamper = lambda url, form: [0.0, again] if form.get("Digits") == key else [0.0]
            call = world.fake.call_in(CALLER, PUBLIC)
            await world.presses_when_asked(call, "1")
            (live,) = world.line._live.values()
            if key == "2":
                await until(lambda: live.playing is Kind.IDLE, 5)
                await world.presses_when_asked(call, "2")
            await until(lambda: "1" in told and live.playing is Kind.PROMPT, 5)
            await world.fake.seconds(3)
            assert (told, live.leg.ahead) == (["1", "2"] if key == "2" else ["1"], "")

        return story

    await side_by_side(world_of(story_of(*one)) for one in (("1", 0.06, 0.9), ("2", 0.5, 0.9)))


# ---- nobody is hung up on


def own_fallback(world: TwilioWorld) -> None:
    """The office has no address of its own for it: Twilio falls back to us."""
    world.fake.voice_fallback = world.fake.voice_url.partition("#")[0].replace("/tw/voice", "/tw/fallback")


async def meets_the_menu(world: TwilioWorld, call: Call) -> None:
    await until(lambda: call.over or call.heard, 10)
    assert "/tw/prompts/" in "".join(call.heard[:1]), call.status
    await world.presses_when_asked(call, "1")
    await until_answered(lambda: world.desk.find(RequestQuery()), 5, "they are on the list")
    assert world.runner.calls_up == 1


async def test_it_could_not_be_written() -> None:
    """The database fails as a call comes in: asked again, by Twilio or at the fall-back, the caller meets the menu or hears
    the apology."""

    def story_of(pause: float) -> Callable[[TwilioWorld], Awaitable[None]]:
        async def story(world: TwilioWorld) -> None:
            own_fallback(world)
            world.fake.pause = pause
            save = world.legs.save

            async def fails(*rows: LegRow) -> None:
                world.legs.save = save  # type: ignore[method-assign]
                raise StoreUnavailable("busy")

            world.legs.save = fails  # type: ignore[method-assign]
            call = world.fake.call_in(CALLER, PUBLIC)
            if pause < 14:
                await meets_the_menu(world, call)
            else:
                await until(lambda: call.over or call.heard, 10)
                assert call.heard
                assert not call.over

        return story

    await side_by_side(world_of(story_of(pause)) for pause in (4, 20))


async def test_two_at_once() -> None:
    """Twilio asks twice at the same moment, and the first cannot be written: the call is offered once."""

    def story_of(failures: int) -> Callable[[TwilioWorld], Awaitable[None]]:
        async def story(world: TwilioWorld) -> None:
            get, save, tell, offered = world.legs.get, world.legs.save, world.line._tell, list[str]()

            async def slow(leg_id: str) -> str | None:
                found = await get(leg_id)
                await asyncio.sleep(0.02)
                return found

            async def fails(*rows: LegRow) -> None:
                nonlocal failures
                await asyncio.sleep(0.02)
                failures -= 1
                if failures >= 0:
                    raise StoreUnavailable("busy")
                await save(*rows)

            def listens(*events: Any) -> None:
                offered.extend(event.leg for event in events if isinstance(event, CallOffered))
                tell(*events)

            world.legs.get, world.legs.save = slow, fails  # type: ignore[method-assign]
            world.line._tell = listens  # type: ignore[method-assign]
            world.fake.tamper = lambda url, form: [0.0, 0.0] if "/voice" in url else [0.0]
            await meets_the_menu(world, world.fake.call_in(CALLER, PUBLIC))
            assert len(offered) == 1

        return story

    await side_by_side(world_of(story_of(failures)) for failures in (0, 1))


async def test_offered_after_a_restart() -> None:
    """We die when a call that came in is on disk. Asked again, by Twilio or at the fall-back, the caller meets the menu at once."""

    def story_of(tries: int) -> Callable[[TwilioWorld], Awaitable[None]]:
        async def story(world: TwilioWorld) -> None:
            own_fallback(world)
            asked = list[str]()

            def tamper(url: str, form: dict[str, str]) -> list[float]:
                asked.extend([url] if "/voice" in url else [])
                return [] if "/voice" in url and 1 < len(asked) <= tries else [0.0]

            world.fake.tamper = tamper
            dies_after_writing(world, lambda leg: leg.inbound)
            call = world.fake.call_in(CALLER, PUBLIC)
            await until(world.mortal.is_dead.is_set, 10)
            world.timing = replace(world.timing, offered=timedelta(minutes=1))
            await world.reboot()
            await meets_the_menu(world, call)

        return story

    await side_by_side(world_of(story_of(tries)) for tries in (1, 4))


# ---- who picked up, and heard nothing


async def picks_up_while_we_are_away(world: TwilioWorld, number: str) -> None:
    """As they pick up we die, and are back when Twilio has given up: they heard nothing."""
    call = world.fake.ringing[number]
    world.mortal.dies_at = world.mortal.steps + 1
    world.fake.answer(number)
    await until(lambda: call.over, 20, "Twilio gives up")
    assert not call.heard
    await world.reboot()
    await until(lambda: world.runner.calls_up == 0, 10)


async def test_the_caller_heard_nothing() -> None:
    """A caller who picks up while we are away, and is hung up on, did not decline: our failure, and no attempt of theirs. So when
    the first document is lost: then the fall-back goes on with the call."""

    async def away(world: TwilioWorld) -> None:
        await world.desk.register(Registration("9001", CALLER))
        world.staff_answers()
        await world.dispatch.ring((await world.the_request()).id, "kari")
        await until(lambda: CALLER in world.fake.ringing, 10)
        await picks_up_while_we_are_away(world, CALLER)
        (attempt,) = (await world.the_request()).attempts
        assert attempt.outcome is AttemptOutcome.LINE_FAILED

    async def lost(world: TwilioWorld) -> None:
        await world.desk.register(Registration("9001", CALLER))
        world.fake.tamper = lambda url, form: [] if url.endswith("-caller/0") else [0.0]
        world.staff_answers()
        world.caller_answers()
        request = await world.rings_until(RequestState.RESULT_DUE)
        assert [attempt.outcome for attempt in request.attempts] == [AttemptOutcome.ANSWERED]

    await side_by_side(world_of(story) for story in (away, lost))


async def test_the_caseworker_heard_nothing() -> None:
    """The same of a caseworker whom the call was offered to: our failure; they go on taking calls."""

    async def story(world: TwilioWorld) -> None:
        request, _ = await world.desk.register(Registration("9001", CALLER))
        await world.dispatch.ring(request.id, "kari")
        await until(lambda: "201" in world.fake.ringing, 10)
        await picks_up_while_we_are_away(world, "201")
        (attempt,) = (await world.the_request()).attempts
        assert attempt.outcome is AttemptOutcome.LINE_FAILED

    await world_of(story)


# ---- after a restart


async def test_busy_stays_busy() -> None:
    """The caller was busy, and we die before the caseworker is told: they were not answered."""

    async def story(world: TwilioWorld) -> None:
        await world.desk.register(Registration("9001", CALLER))
        world.fake.behaviours[CALLER] = "busy"
        world.staff_answers()
        dies_after_writing(world, lambda leg: leg.ended is not None and leg.dialler is not None)
        await world.dispatch.ring((await world.the_request()).id, "kari")
        await until(world.mortal.is_dead.is_set, 10)
        await world.reboot()
        await until(lambda: world.runner.calls_up == 0, 10)
        (attempt,) = (await world.the_request()).attempts
        assert attempt.outcome is AttemptOutcome.BUSY

    await world_of(story)


async def test_a_row_of_another_version() -> None:
    """A leg that cannot be read is given up; the line comes up, and a caller in it gets the apology."""

    async def story(world: TwilioWorld) -> None:
        await world.runner.stop()
        call = world.fake.call_in(CALLER, PUBLIC)
        row = LegRow(f"tw-{call.sid}", call.sid, '{"id": "tw-x", "document": {"kind": "hold"}}')
        await world.legs.save(row)
        world.fake.redirect(call, call.url.replace("/tw/voice", f"/tw/leg/{row.id}/3"))
        await world.boot()
        await until(lambda: call.over or call.heard, 5)
        assert call.heard
        assert "/tw/prompts/" not in call.heard[0]
        assert await world.legs.open() == []

    await world_of(story)


async def test_no_more_than_hung_up() -> None:
    """We die when the caseworker was to be hung up on, or was to hear that nobody answered, and before Twilio is told: they are not
    left listening to ringing."""

    def story_of(kind: Kind) -> Callable[[TwilioWorld], Awaitable[None]]:
        async def story(world: TwilioWorld) -> None:
            await world.desk.register(Registration("9001", CALLER))
            world.fake.behaviours[CALLER] = "busy"
            world.staff_answers()
            dies_after_writing(
                world, lambda leg: bool(leg.peers) and leg.document.kind is kind and not leg.ended
            )
            await world.dispatch.ring((await world.the_request()).id, "kari")
            await until(world.mortal.is_dead.is_set, 10)
            call = next(one for one in world.fake.calls.values() if "201" in one.to)
            if kind is Kind.HANGUP:  # whatever it hears just now does not end by itself
                world.fake.redirect(call, f"{world.fake.url}/bin")
            await world.reboot()
            await until(lambda: call.over, 4, "it is hung up on")
            if kind is Kind.PROMPT:
                assert any("closing.busy" in item for item in call.heard)

        return story

    await side_by_side(world_of(story_of(kind)) for kind in (Kind.PROMPT, Kind.HANGUP))


# ---- what Twilio answers


async def test_an_odd_answer_about_one_call() -> None:
    """Twilio answers what makes no sense about one call: the line stays up, and comes up after a break, and the caller goes on."""

    async def story(world: TwilioWorld) -> None:
        call = world.fake.call_in(CALLER, PUBLIC)
        await until(lambda: call.keys is not None and call.heard, 10)
        asked = list[str]()

        def odd(method: str, path: str) -> Fault | None:
            if call.sid not in path:
                return None
            asked.append(path)
            return Fault(400, 20001)

        world.fake.api_fault = odd
        await until(lambda: len(asked) > 2, 5, "Twilio is asked about it")
        assert world.line.status().up
        await world.runner.stop()
        await world.boot()
        world.fake.api_fault = lambda method, path: None
        await world.presses_when_asked(call, "1")
        await until_answered(lambda: world.desk.find(RequestQuery()), 5, "they are on the list")

    await world_of(story)


async def test_the_call_before() -> None:
    """A number is rung again at once, and Twilio fails to say that it did not place the call: the one before, which was busy, is not
    taken for it, and they are rung."""

    async def story(world: TwilioWorld) -> None:
        await world.desk.register(Registration("9001", CALLER))
        world.staff_answers()
        world.fake.behaviours[CALLER] = "busy"
        request = await world.the_request()
        await world.dispatch.ring(request.id, "kari")
        await until(lambda: world.runner.calls_up == 0, 10)
        world.fake.behaviours.clear()
        world.caller_answers()
        creates = 0

        def lost(method: str, path: str) -> Fault | None:
            nonlocal creates
            creates += method == "POST" and path.endswith("/Calls.json")
            return Fault(503) if creates == 2 and method == "POST" else None

        world.fake.api_fault = lost
        world.fake.tamper = lambda url, form: [] if "/status/" in url else [0.0]
        await world.dispatch.ring(request.id, "kari")
        await until(lambda: world.talks, 10, "they talk")
        await until(lambda: world.runner.calls_up == 0, 10)
        outcomes = [attempt.outcome for attempt in (await world.the_request()).attempts]
        assert outcomes == [AttemptOutcome.BUSY, AttemptOutcome.ANSWERED]

    await world_of(story)


async def test_rows_are_forgotten() -> None:
    """A leg that has ended is forgotten a day later, without a restart."""

    async def story(world: TwilioWorld) -> None:
        world.fake.call_in(CALLER, PUBLIC)
        await until(lambda: world.line._live and world.runner.calls_up, 5)
        world.fake.hang_up(CALLER)
        await until(lambda: not world.line._live, 5)
        assert len(world.legs._rows) == 1
        world.clock.advance(timedelta(hours=25))
        await until(lambda: not world.legs._rows, 5, "it is forgotten")

    await world_of(story)
