"""The whole story over the simulated line and at Twilio: desk, dispatch, runner and machines together, without a browser.

The same scenarios run on a real Asterisk with real telephones in tests/e2e/test_story.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from callback.desk import AskedNotToBeCalled, Desk, HeldByOther, Registration
from callback.dispatch import Dispatch
from callback.request import AttemptOutcome, CallbackRequest, CallResult, NumberSource, RequestState, Urgency
from callback.store import Change, RequestQuery, StoreUnavailable
from callback.store_memory import MemoryStore
from config.model import Config
from hardware.line import Command, Dial, LineUnavailable, PromptInfo, Screen
from hardware.lines import CLOUD, Lines
from hardware.simulated.phone import Behaviour
from ivr.names import own_prompts
from ivr.phrases import date_items, phone_items
from ivr.prompts import Catalogue
from ivr.runner import Runner
from scheduler.clock import ManualClock
from tests.e2e.waiting import until, until_answered
from tests.integration.twilio_phones import telephones
from tests.offices import CALLER, MONDAY, PUBLIC
from tests.offices import config as an_office

CATALOGUE = Catalogue.load()
OTHER = "+4790001234"


class World:
    """One office, its exchange (which outlives the service) and a service that can be killed."""

    pin: str | None = None

    def __init__(self, line: str = "simulated", config: Config | None = None) -> None:
        self.line_name = line
        self.config = config or an_office()
        self.clock = ManualClock(MONDAY)
        self.store = MemoryStore()
        catalogue = CATALOGUE.with_own(own_prompts(self.config))
        self.line = telephones(line, self.clock, lambda item: PromptInfo(catalogue.text(item), timedelta(0)))
        self.boot()

    def boot(self) -> None:
        self.desk = Desk(self.store, self.config, self.clock)
        name = self.line_name
        lines = (
            Lines({name: self.line}, lambda number: name, lambda office: name) if name == CLOUD else self.line
        )
        self.runner = Runner(lines, name, self.desk, self.pin)
        self.dispatch = Dispatch(self.desk, self.runner)

    async def open(self) -> World:
        await self.store.open()
        await self.runner.start()
        await until(lambda: self.line.status().up)
        return self

    async def close(self) -> None:
        await self.runner.stop()
        await self.line.close()
        await self.store.close()

    async def kill(self) -> None:
        """The service is gone between two steps: nothing of it runs any more, the exchange goes on."""
        await self.runner.stop()

    async def reboot(self) -> None:
        self.boot()
        await self.runner.take_up()
        await self.dispatch.sweep(patience=timedelta(0))
        await self.runner.start()
        await until(lambda: self.line.status().up)

    async def falls_back(self, number: str) -> None:
        """The service is gone, and the exchange's fall-back takes the caller: at once, or when it asks us what comes next."""
        if self.line.keeps_calls:
            self.line.silence(number)
        await until(lambda: self.line.leg_of(number) is None, what="the fall-back takes the caller")

    async def loses_the_line(self) -> None:
        self.line.lose()
        await until(lambda: not self.line.status().up)

    async def has_the_line(self) -> None:
        self.line.restore()
        await until(lambda: self.line.status().up)

    async def requests(self) -> list[CallbackRequest]:
        return await self.desk.find(RequestQuery())

    async def the_request(self) -> CallbackRequest:
        (request,) = await self.requests()
        return request

    async def in_state(self, state: RequestState) -> CallbackRequest:
        found: list[CallbackRequest] = []

        async def look() -> bool:
            found[:] = [r for r in await self.requests() if r.state is state]
            return bool(found)

        await settle(look)
        return found[0]

    async def hears(self, number: str, prompt_id: str, since: int = -12) -> None:
        """Among what was heard last, or since so much was heard."""
        await until(
            lambda: f"nb/{prompt_id}" in self.line.heard(number)[since:], what=f"{prompt_id} at {number}"
        )

    async def until_talking(self) -> None:
        async def look() -> bool:
            live = await self.store.live_attempts()
            return any(self.runner.phase(attempt.id) == "talking" for attempt in live)

        await settle(look)

    async def presses(self, number: str, keys: str) -> None:
        for key in keys:
            self.line.press(number, key)

    async def registers(self, number: str = CALLER) -> CallbackRequest:
        self.line.dial(number, PUBLIC)
        await self.hears(number, "intake.greeting")
        self.line.press(number, "1")
        await self.hears(number, "intake.urgent")
        self.line.press(number, "2")
        request = await self.is_promised(number)
        self.line.press(number, "1")
        await self.hears(number, "intake.goodbye")
        assert self.line.leg_of(number), "nobody is hung up on before the last words"
        self.line.silence(number)
        await until(lambda: self.line.leg_of(number) is None)
        return request

    async def is_promised(self, number: str, phone: str | None = None) -> CallbackRequest:
        """The date and the number that will be rung are heard, and the call is still up; the request."""
        await self.hears(number, "intake.choices")
        (request,) = await self.desk.find(RequestQuery(phone=phone or number))
        assert request.phone is not None
        said = (
            *("nb/intake.promise", *date_items(request.answer_by_date, "nb")),
            *("nb/intake.on_number", *phone_items(request.phone, "nb"), "nb/intake.choices"),
        )
        assert tuple(self.line.heard(number)[-len(said) :]) == said
        assert self.line.leg_of(number)
        return request

    async def ring(self, request: CallbackRequest, person: str = "kari", extension: str = "201") -> None:
        """The caseworker clicks Ring, lifts the telephone and presses 1."""
        self.line.behave(extension, Behaviour.ANSWER)
        before = len(self.line.heard(extension))
        await self.dispatch.ring(request.id, person)
        await self.hears(extension, "whisper.press_1", before)
        self.line.press(extension, "1")


async def settle(look: Callable[[], Awaitable[object]]) -> None:
    await until_answered(look, what="it comes to that", every=0.005)


@pytest.fixture
async def world(line: str) -> AsyncIterator[World]:
    world = await World(line).open()
    yield world
    await world.close()


async def test_registered_called_back_reached(world: World) -> None:
    """The caller presses 1, is promised a call, gets it, and the caseworker records that they were reached."""
    request = await world.registers()
    assert (request.phone, request.state) == (CALLER, RequestState.WAITING)
    world.line.behave(CALLER, Behaviour.ANSWER)
    await world.ring(request)
    await world.in_state(RequestState.CALLING)
    await until(lambda: world.line.leg_of(CALLER))
    await until(lambda: world.runner.phase(attempt_id(world)) == "talking")
    assert world.line.shown_to(CALLER) == PUBLIC
    world.line.hang_up(CALLER)
    await world.hears("201", "closing.over")
    world.line.silence("201")
    talked = await world.in_state(RequestState.RESULT_DUE)
    assert talked.attempts[0].connected_at is not None
    done = await world.desk.record_result(talked.id, "kari", CallResult.REACHED)
    assert done.id == request.id
    await until(lambda: world.runner.calls_up == 0)


def attempt_id(world: World) -> str:
    return next(leg for leg in world.runner._legs if leg.startswith("tast1-")).split("-")[1]


async def test_hanging_up_right_after_1_is_registered(world: World) -> None:
    """Whoever has pressed 1 is on the list, even when they hang up in the same second."""
    world.line.dial(CALLER, PUBLIC)
    await world.hears(CALLER, "intake.greeting")
    world.line.press(CALLER, "1")
    world.line.hang_up(CALLER)
    request = await world.in_state(RequestState.WAITING)
    assert request.phone == CALLER


async def test_no_answer_busy_then_answered(world: World) -> None:
    """Three attempts, one request, the same clock; the caseworker hears each outcome."""
    request = await world.registers()
    for behaviour, words, outcome in (
        (Behaviour.NO_ANSWER, "closing.no_answer", AttemptOutcome.NO_ANSWER),
        (Behaviour.BUSY, "closing.busy", AttemptOutcome.BUSY),
    ):
        world.line.behave(CALLER, behaviour)
        await world.ring(request)
        await world.hears("201", words)
        world.line.silence("201")
        missed = await world.in_state(RequestState.UNREACHABLE)
        assert missed.attempts[-1].outcome is outcome
        assert missed.next_attempt_at is not None
        await until(lambda: world.line.leg_of("201") is None)
    world.line.behave(CALLER, Behaviour.ANSWER)
    await world.ring(request)
    await until(lambda: world.runner._legs and world.runner.phase(attempt_id(world)) == "talking")
    world.line.hang_up("201")
    after = await world.in_state(RequestState.RESULT_DUE)
    assert [a.outcome for a in after.attempts] == ["no_answer", "busy", "answered"]
    assert (after.id, after.registered_at, after.due_at) == (
        request.id,
        request.registered_at,
        request.due_at,
    )


async def test_a_withheld_caller_keys_in_a_number(world: World) -> None:
    """Premium, foreign, short and emergency numbers are refused kindly; a real one is read back and kept."""
    world.line.dial(CALLER, PUBLIC, withhold=True)
    await world.hears(CALLER, "intake.greeting")
    world.line.press(CALLER, "1")
    await world.hears(CALLER, "intake.urgent")
    world.line.press(CALLER, "2")
    await world.hears(CALLER, "intake.enter_number")
    for keys, why in (("82000000", "premium"), ("112#", "emergency"), ("0046701#", "foreign")):
        await world.presses(CALLER, keys)
        await world.hears(CALLER, f"number.refused.{why}")
    await world.presses(CALLER, "90001234")
    await world.hears(CALLER, "intake.confirm_entered")
    world.line.press(CALLER, "1")
    await world.is_promised(CALLER, OTHER)
    assert (await world.the_request()).phone == OTHER


async def keys_in(world: World, keys: str) -> None:
    await world.hears(CALLER, "intake.enter_number")
    await world.presses(CALLER, keys)
    await world.hears(CALLER, "intake.confirm_entered")
    before = len(world.line.heard(CALLER))
    world.line.press(CALLER, "1")
    await until(lambda: "nb/intake.choices" in list(world.line.heard(CALLER))[before:])


async def callback_dial(world: World) -> Dial:
    """The caller hangs up, and the caseworker has them rung: how."""
    world.line.hang_up(CALLER)
    await until(lambda: world.line.leg_of(CALLER) is None)
    sent: list[Dial] = []
    real = world.line.send

    async def send(command: Command) -> None:
        if isinstance(command, Dial):
            sent.append(command)
        await real(command)

    world.line.send = send  # type: ignore[method-assign]
    await world.ring(await world.the_request())
    await until(lambda: sent)
    return sent[0]


async def test_another_number_is_asked_first_and_may_say_never(world: World) -> None:
    """Whoever answers presses 9: the caseworker hears it, the request stays and is rung no more."""
    world.line.dial(CALLER, PUBLIC, withhold=True)
    await world.hears(CALLER, "intake.greeting")
    world.line.press(CALLER, "1")
    await world.hears(CALLER, "intake.urgent")
    world.line.press(CALLER, "2")
    await keys_in(world, "90001234")
    world.line.behave(OTHER, Behaviour.ANSWER)
    dial = await callback_dial(world)
    assert dial.screen == Screen(("nb/screen.callback",), refuse="9", silence_joins=True)
    await world.hears(OTHER, "screen.callback")
    world.line.press(OTHER, "9")
    await world.hears("201", "closing.never_call")
    assert "nb/closing.next_attempt" not in world.line.heard("201")
    world.line.silence("201")
    after = await world.in_state(RequestState.UNREACHABLE)
    assert [a.outcome for a in after.attempts] == ["declined"]
    assert await world.desk.is_never_called(OTHER)
    with pytest.raises(AskedNotToBeCalled):
        await world.dispatch.ring(after.id, "kari")
    await until(lambda: world.runner.calls_up == 0)


async def test_ones_own_number_is_joined_at_once(world: World) -> None:
    """Also when the caller has thought of another one and then keys in the number they ring from."""
    world.line.dial(CALLER, PUBLIC)
    await world.hears(CALLER, "intake.greeting")
    world.line.press(CALLER, "1")
    await world.hears(CALLER, "intake.urgent")
    world.line.press(CALLER, "2")
    await world.hears(CALLER, "intake.choices")
    for keys, source in (("90001234", NumberSource.KEYED), ("40001234", NumberSource.CALLER_ID)):
        world.line.press(CALLER, "2")
        await keys_in(world, keys)
        assert (await world.the_request()).number_source is source
    assert (await callback_dial(world)).screen is None


async def test_two_caseworkers_press_ring(world: World) -> None:
    """One call; the other is told who has it."""
    request = await world.registers()
    results = await asyncio.gather(
        world.dispatch.ring(request.id, "kari"),
        world.dispatch.ring(request.id, "ola"),
        return_exceptions=True,
    )
    (refused,) = [r for r in results if isinstance(r, BaseException)]
    assert isinstance(refused, HeldByOther)
    assert len((await world.desk.get(request.id)).attempts) == 1


async def test_killed_in_the_menu(world: World) -> None:
    """A service that dies in the menu loses nobody who pressed 1, and starts clean."""
    world.line.dial(CALLER, PUBLIC)
    await world.hears(CALLER, "intake.greeting")
    world.line.press(CALLER, "1")
    await world.hears(CALLER, "intake.urgent")
    await world.kill()
    await world.falls_back(CALLER)
    await world.reboot()
    assert (await world.the_request()).state is RequestState.WAITING
    await until(lambda: world.runner.calls_up == 0)


async def test_killed_while_the_caseworker_is_rung(world: World) -> None:
    """The telephone goes on ringing; answered after the restart, the call goes on. No second call is placed."""
    request = await world.registers()
    world.line.behave("201", Behaviour.RING)
    await world.dispatch.ring(request.id, "kari")
    await until(lambda: world.line.is_ringing("201"))
    await world.kill()
    await world.reboot()
    world.line.behave(CALLER, Behaviour.ANSWER)
    world.line.answer("201")
    await world.hears("201", "whisper.press_1")
    world.line.press("201", "1")
    await until(lambda: world.runner.phase(attempt_id(world)) == "talking")
    assert len((await world.the_request()).attempts) == 1


async def test_killed_in_the_conversation(world: World) -> None:
    """They go on talking; the end is on the record after the restart."""
    request = await world.registers()
    world.line.behave(CALLER, Behaviour.ANSWER)
    await world.ring(request)
    await until(lambda: world.runner.phase(attempt_id(world)) == "talking")
    await world.kill()
    assert world.line.leg_of(CALLER)
    await world.reboot()
    assert (await world.the_request()).state is RequestState.CALLING
    world.line.hang_up(CALLER)
    after = await world.in_state(RequestState.RESULT_DUE)
    assert [a.outcome for a in after.attempts] == ["answered"]


async def test_a_conversation_that_ended_while_the_service_was_away(world: World) -> None:
    """The exchange remembers how the call ended; the record is right and nobody is rung again."""
    request = await world.registers()
    world.line.behave(CALLER, Behaviour.ANSWER)
    await world.ring(request)
    await until(lambda: world.runner.phase(attempt_id(world)) == "talking")
    await world.kill()
    world.line.hang_up(CALLER)
    await until(lambda: world.line.leg_of("201") is None)
    await world.reboot()
    after = await world.in_state(RequestState.RESULT_DUE)
    assert [a.outcome for a in after.attempts] == ["answered"]


async def test_killed_between_attempt_and_call(world: World) -> None:
    """An attempt that was written but never reached the line is ended as our failure."""
    request = await world.registers()
    await world.desk.start_attempt(request.id, "kari", "a1")
    await world.kill()
    await world.reboot()
    after = await world.in_state(RequestState.UNREACHABLE)
    assert [a.outcome for a in after.attempts] == ["line_failed"]


async def test_a_caseworker_who_presses_1_and_hangs_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were gone before the caller was rung: nobody was reached, and the request is free again."""
    request = await world.registers()
    real = world.store.save

    async def hangs_up_first(*changes: Change) -> tuple[CallbackRequest, ...]:
        if any(entry.event == "caller_ringing" for change in changes for entry in change.entries):
            world.line.hang_up("201")
        return await real(*changes)

    monkeypatch.setattr(world.store, "save", hangs_up_first)
    await world.ring(request)
    after = await world.in_state(RequestState.UNREACHABLE)
    assert [a.outcome for a in after.attempts] == ["cancelled"]
    assert after.claimed_by is None


async def test_an_attempt_that_lost_its_call_is_ended_by_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever went wrong between attempt and call: a minute later the sweep gives the request back."""
    request = await world.registers()
    await world.desk.start_attempt(request.id, "kari", "a1")
    await world.dispatch.sweep()
    assert (await world.the_request()).state is RequestState.CALLING
    world.clock.advance(timedelta(minutes=2))
    await world.dispatch.sweep()
    after = await world.the_request()
    assert (after.state, after.attempts[0].outcome) == (RequestState.UNREACHABLE, AttemptOutcome.LINE_FAILED)


async def test_a_store_that_fails_when_the_call_is_to_begin(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The click is refused, nothing rings, and the request is free again."""
    request = await world.registers()

    async def full(record: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(world.store, "save_call", full)
    with pytest.raises(StoreUnavailable):
        await world.dispatch.ring(request.id, "kari")
    assert (await world.the_request()).state is RequestState.UNREACHABLE
    assert not world.line.is_ringing("201")


async def test_a_call_that_cannot_be_read_any_more(world: World) -> None:
    """A state written by another version does not stop the service; its attempt is ended as our failure."""
    request = await world.registers()
    await until(lambda: world.runner.calls_up == 0)
    world.line.behave("201", Behaviour.RING)
    await world.dispatch.ring(request.id, "kari")
    await world.kill()
    (record,) = await world.store.open_calls(world.line_name)
    await world.store.save_call(replace(record, state='{"node": "unheard_of"}'))
    await world.reboot()
    after = await world.in_state(RequestState.UNREACHABLE)
    assert [a.outcome for a in after.attempts] == ["line_failed"]


async def test_no_line_no_attempt(world: World) -> None:
    """Without a line the click is refused and nothing is written; the list still works."""
    request = await world.registers()
    await world.loses_the_line()
    with pytest.raises(LineUnavailable):
        await world.dispatch.ring(request.id, "kari")
    assert (await world.the_request()).attempts == ()
    await world.has_the_line()
    await world.ring(request)


async def test_silence_all_the_way_is_registered_and_promised(world: World) -> None:
    """A caller who says and presses nothing hears the promise."""
    world.line.dial(CALLER, PUBLIC)
    for prompt in (
        *("intake.greeting", "intake.greeting_again", "intake.urgent", "intake.urgent"),
        *("intake.choices", "intake.choices"),
    ):
        await world.hears(CALLER, prompt)
        before = len(world.line.heard(CALLER))
        world.line.silence(CALLER)
        await until(lambda before=before: len(world.line.heard(CALLER)) > before)  # type: ignore[misc]
        if prompt == "intake.choices":
            assert "nb/intake.promise" in world.line.heard(CALLER)
    await world.hears(CALLER, "intake.goodbye")
    assert (await world.the_request()).phone == CALLER


async def test_a_store_that_fails_for_a_moment_loses_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registration is tried again until it is written, while the caller waits."""
    real, failures = world.store.register, [StoreUnavailable("locked"), StoreUnavailable("locked")]

    async def flaky(*args: object, **named: object) -> object:
        if failures:
            raise failures.pop()
        return await real(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(world.store, "register", flaky)
    assert (await world.registers()).phone == CALLER
    assert failures == []


# ---- the return pass ----------------------------------------------------------------------------


async def is_missed(world: World) -> CallbackRequest:
    """Kari rang them in vain."""
    request = await world.registers()
    world.line.behave(CALLER, Behaviour.NO_ANSWER)
    await world.ring(request)
    await world.hears("201", "closing.no_answer")
    world.line.silence("201")
    await world.in_state(RequestState.UNREACHABLE)
    await until(lambda: world.line.leg_of("201") is None)
    return request


async def test_rings_back_and_is_put_through(world: World) -> None:
    """No menu: the one who tried hears whom it is about, presses 1, and they talk; the result is theirs."""
    request = await is_missed(world)
    world.line.dial(CALLER, PUBLIC)
    await world.hears(CALLER, "intake.connecting")
    world.line.silence(CALLER)
    await world.hears("201", "whisper.accept")
    assert "nb/intake.greeting" not in world.line.heard(CALLER)[-3:]
    live = (await world.the_request()).attempts[-1]
    assert (live.inbound, live.caseworker) == (True, "kari")
    world.line.press("201", "1")
    await until(lambda: world.runner.phase(live.id) == "talking")
    world.line.hang_up(CALLER)
    after = await world.in_state(RequestState.RESULT_DUE)
    assert (after.id, after.claimed_by) == (request.id, "kari")
    assert [a.outcome for a in after.attempts] == ["no_answer", "answered"]
    await until(lambda: world.runner.calls_up == 0)


async def test_the_one_who_tried_says_no_and_the_next_takes_it(world: World) -> None:
    """Kari presses 2; Ola is ready and takes it. She stays ready: she was there."""
    await is_missed(world)
    await world.desk.set_ready("kari", ready=True)
    await world.desk.set_ready("ola", ready=True)
    world.line.behave("202", Behaviour.ANSWER)
    world.line.dial(CALLER, PUBLIC)
    await world.hears(CALLER, "intake.connecting")
    world.line.silence(CALLER)
    await world.hears("201", "whisper.accept")
    world.line.press("201", "2")
    await world.hears("202", "whisper.accept")
    world.line.press("202", "1")
    await world.until_talking()
    assert [p.id for p in await world.desk.ready("9001")] == ["kari", "ola"]
    world.line.hang_up("202")
    after = await world.in_state(RequestState.RESULT_DUE)
    assert [(a.caseworker, a.outcome) for a in after.attempts[1:]] == [
        ("kari", "cancelled"),
        ("ola", "answered"),
    ]
    await until(lambda: world.line.leg_of(CALLER) is None, what="the caller is not left on a dead line")


async def test_nobody_can_take_it(world: World) -> None:
    """A voicemail answers for Kari: she is not rung for the next one. The caller hears that they are rung as soon as
    we can, has the menu, and is due at once, on the same request."""
    request = await is_missed(world)
    await world.desk.set_ready("kari", ready=True)
    world.line.dial(CALLER, PUBLIC)
    await world.hears(CALLER, "intake.connecting")
    world.line.silence(CALLER)
    for _ in range(2):
        await world.hears("201", "whisper.accept")
        world.line.silence("201")
    await world.hears(CALLER, "intake.next_try_soon")
    await world.hears(CALLER, "intake.greeting")
    after = await world.in_state(RequestState.UNREACHABLE)
    assert (after.id, after.next_attempt_at) == (request.id, world.clock.now())
    assert await world.desk.ready("9001") == []
    world.line.press(CALLER, "1")
    await world.hears(CALLER, "intake.urgent")
    world.line.press(CALLER, "1")
    await world.hears(CALLER, "intake.urgent_which")
    world.line.press(CALLER, "2")
    await world.hears(CALLER, "wait.offer")
    world.line.press(CALLER, "1")
    await world.hears(CALLER, "intake.promise_today")
    assert (await world.the_request()).urgency is Urgency.URGENT
    world.line.hang_up(CALLER)
    await until(lambda: world.runner.calls_up == 0)


async def test_rings_us_while_we_ring_them(world: World) -> None:
    """Kari waits for their telephone to be answered while they ring us from another one that shows the same number:
    she is hung up, rung, and talks with them. One number, one live call."""
    request = await world.registers()
    world.line.behave(CALLER, Behaviour.RING)
    await world.ring(request)
    await until(lambda: world.line.is_ringing(CALLER))
    world.line.dial(OTHER, PUBLIC, shows=CALLER)
    await world.hears(OTHER, "intake.connecting")
    await until(lambda: not world.line.is_ringing(CALLER), what="our own call to them stops")
    world.line.silence(OTHER)
    await world.hears("201", "whisper.accept")
    world.line.press("201", "1")
    await world.until_talking()
    now = await world.the_request()
    assert [(a.inbound, a.outcome) for a in now.attempts] == [(False, "cancelled"), (True, None)]
    assert len(await world.store.live_attempts()) == 1
    world.line.hang_up(OTHER)
    await world.in_state(RequestState.RESULT_DUE)


async def test_hangs_up_while_a_colleague_is_rung(world: World) -> None:
    """The telephone stops, and the request is due at once."""
    await is_missed(world)
    world.line.behave("201", Behaviour.RING)
    world.line.dial(CALLER, PUBLIC)
    await world.hears(CALLER, "intake.connecting")
    world.line.silence(CALLER)
    await until(lambda: world.line.is_ringing("201"))
    world.line.hang_up(CALLER)
    after = await world.in_state(RequestState.UNREACHABLE)
    await until(lambda: not world.line.is_ringing("201"))
    assert after.next_attempt_at == world.clock.now()
    await until(lambda: world.runner.calls_up == 0)


@pytest.mark.parametrize("talking", [True, False])
async def test_killed_in_the_return(world: World, talking: bool) -> None:
    """What is joined stays joined, and its end is on the record; what only rings is no attempt at the caller."""
    await is_missed(world)
    world.line.dial(CALLER, PUBLIC)
    await world.hears(CALLER, "intake.connecting")
    world.line.silence(CALLER)
    await world.hears("201", "whisper.accept")
    if talking:
        world.line.press("201", "1")
        await world.until_talking()
    await world.kill()
    if not talking:
        world.line.press("201", "1")  # the exchange joins them without us, or asks us until we are back
    assert world.line.leg_of(CALLER)
    await world.reboot()
    assert (await world.the_request()).state is RequestState.CALLING
    await world.until_talking()
    world.line.hang_up(CALLER)
    after = await world.in_state(RequestState.RESULT_DUE)
    assert [a.outcome for a in after.attempts] == ["no_answer", "answered"]


async def test_the_store_is_away_when_they_ring_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everyone gets the menu then."""
    await is_missed(world)

    async def away(query: RequestQuery) -> list[CallbackRequest]:
        raise StoreUnavailable("the disk is gone")

    monkeypatch.setattr(world.store, "find", away)
    world.line.dial(CALLER, PUBLIC)
    await world.hears(CALLER, "intake.greeting")
    monkeypatch.undo()
    world.line.hang_up(CALLER)
    await until(lambda: world.runner.calls_up == 0)


# ---- the on-call telephone ----------------------------------------------------------------------

ON_CALL = "+4740000001"


async def is_urgent(world: World, *, carried: bool = True) -> CallbackRequest:
    """They lack food and have hung up; Ola carries the on-call telephone, if anybody does."""
    if carried:
        people = [
            p.model_copy(update={"mobile": ON_CALL}) if p.id == "ola" else p for p in world.desk.config.people
        ]
        world.desk.use_config(world.desk.config.model_copy(update={"people": tuple(people)}))
    line = world.desk.config.lines_of("9001")[0]
    line = line.model_copy(update={"people": ("ola",) if carried else ()})
    world.desk.use_config(world.desk.config.model_copy(update={"lines": (line,)}))
    world.line.dial(CALLER, PUBLIC)
    await world.hears(CALLER, "intake.greeting")
    await world.presses(CALLER, "11")
    await world.hears(CALLER, "intake.urgent_which")
    world.line.press(CALLER, "2")
    await world.hears(CALLER, "wait.offer")
    world.line.press(CALLER, "1")
    await world.hears(CALLER, "intake.promise_today")
    return await world.the_request()


async def test_the_on_call_telephone_is_rung_for_an_urgent_request(world: World) -> None:
    """Not while they are still on the line; then it rings, they are rung after a 1, and talk."""
    request = await is_urgent(world)
    await world.dispatch.sweep()
    assert world.line.leg_of(ON_CALL) is None, "the caller is still in the menu"
    world.line.hang_up(CALLER)
    await until(lambda: world.runner.calls_up == 0)
    world.line.behave(ON_CALL, Behaviour.ANSWER)
    world.line.behave(CALLER, Behaviour.ANSWER)
    await world.dispatch.sweep()
    await world.hears(ON_CALL, "reason.no_food")
    world.line.press(ON_CALL, "1")
    await world.until_talking()
    live = (await world.the_request()).attempts[-1]
    assert (live.caseworker, live.request_id) == ("ola", request.id)
    world.line.hang_up(CALLER)
    await world.in_state(RequestState.RESULT_DUE)
    await world.dispatch.sweep()
    assert len((await world.the_request()).attempts) == 1


async def test_the_on_call_telephone_is_rung_again_until_somebody_takes_it(world: World) -> None:
    """A voicemail answers: again after a while, not at once, and not once a colleague has taken it."""
    request = await is_urgent(world)
    world.line.hang_up(CALLER)
    await until(lambda: world.runner.calls_up == 0)
    world.line.behave(ON_CALL, Behaviour.NO_ANSWER)
    for rung in (1, 1, 2):
        await world.dispatch.sweep()
        await until(lambda: world.runner.calls_up == 0)
        assert len((await world.the_request()).attempts) == rung
        world.clock.advance(timedelta(minutes=3))
    await world.desk.claim(request.id, "kari")
    world.clock.advance(timedelta(minutes=6))
    await world.dispatch.sweep()
    assert len((await world.the_request()).attempts) == 2


@pytest.mark.parametrize("why", ["nobody carries it", "closed", "ordinary", "never called", "line down"])
async def test_the_on_call_telephone_is_not_rung(world: World, why: str) -> None:
    request = await is_urgent(world, carried=why != "nobody carries it")
    world.line.hang_up(CALLER)
    await until(lambda: world.runner.calls_up == 0)
    if why == "closed":
        world.clock.advance(timedelta(hours=9))
    elif why == "never called":
        await world.desk.never_call(CALLER, "kari")
    elif why == "line down":
        await world.line.stop()
    elif why == "ordinary":
        other, _ = await world.desk.register(Registration("9001", OTHER))
        await world.desk.withdraw(request.id, "caller")
        assert other.next_attempt_at == world.clock.now()
    await world.dispatch.sweep()
    assert await world.store.live_attempts() == []
