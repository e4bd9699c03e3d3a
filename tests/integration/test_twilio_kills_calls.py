"""`kill -9` of the service on the Twilio line at each thing it writes, in every call but the callback and the menu (those are in
test_twilio_kills.py): whoever waits, rings back, or asks for the person on duty; the duty check; what is offered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

import pytest

from callback.consult import ConsultOutcome, ConsultResult
from callback.desk import Registration
from callback.desk_consult import RESULT_CALL
from callback.desk_wishes import IDLE
from callback.request import AttemptOutcome, CallbackRequest, RequestState, Urgency
from callback.shifts import Planned
from callback.store import RequestQuery
from config.model import Config, Person, Role
from config.oncall import OnCallLine, OnCallSettings
from tests.fake_twilio.call import Call
from tests.integration.twilio_world import FALLBACK, TwilioWorld, side_by_side, world_of
from tests.offices import CALLER, MONDAY, PUBLIC, config

Script = dict[str, str]
"""What somebody presses at which prompt; nothing: they go on listening."""
CENTRE, ON_CALL, ACCEPTS = "+4755553333", "+4773000011", "1"
MOBILES = {"kari": "+4740000021", "ola": "+4740000022"}
HELPED = 6.0
"""Twilio's seconds of a talk."""


def on_call() -> Config:
    """Lillevik with Kari and then Ola on duty."""
    base = config()
    people = tuple(
        Person(id=name, name=name.title(), role=Role.CASEWORKER, office_no="9001", mobile=mobile)
        for name, mobile in MOBILES.items()
    )
    nks = Person(id="nks", name="Kontaktsenteret", role=Role.CONTACT_CENTRE)
    liv = Person(id="liv", name="Liv", role=Role.LEADER, office_no="9001")
    line = OnCallLine(id="vakt", office_no="9001", number=ON_CALL, people=("kari", "ola"))
    settings = base.settings.model_copy(update={"oncall": OnCallSettings(callers=(CENTRE,))})
    return base.model_copy(update={"settings": settings, "people": (*people, liv, nks), "lines": (line,)})


class Street:
    """The people around the office: each does what their script says, and we see who is rung when."""

    def __init__(self, world: TwilioWorld) -> None:
        self.world = world
        self.talked: set[Call] = set()
        self.twice: list[str] = []
        """Telephones that were rung while they rang or talked."""

    async def lives(self, call: Call, script: Script, *, hangs_up: bool = False) -> None:
        """From when the call is up to its end; whoever `hangs_up` does so after a while of talking."""
        pressed_at = -1
        while not call.over:
            hears = call.heard[-1].rpartition("/")[2].removesuffix(".wav") if call.heard else ""
            if call.keys is not None and len(call.heard) > pressed_at and hears in script:
                pressed_at = len(call.heard)
                for key in script[hears]:
                    call.keys.press(key)
            if self.world.fake.talking(call) and call not in self.talked:
                self.talked.add(call)
                if hangs_up:
                    self.world._person(self._hangs_up(call))
            await asyncio.sleep(0.01)

    async def _hangs_up(self, call: Call) -> None:
        await self.world.fake.seconds(HELPED)
        self.world.clock.advance(timedelta(minutes=2))
        self.world.fake.end(call, "completed")

    def answers(self, number: str, script: Script, *, hangs_up: bool = False) -> None:
        self.world._person(self._answers(number, script, hangs_up))

    async def _answers(self, number: str, script: Script, hangs_up: bool) -> None:
        fake = self.world.fake
        while True:
            if number in fake.ringing:
                call = fake.ringing[number]
                fake.answer(number)
                await self.lives(call, script, hangs_up=hangs_up)
            await asyncio.sleep(0.01)

    def rung(self, number: str) -> list[Call]:
        return [c for c in self.world.fake.calls.values() if c.direction != "inbound" and number in c.to]

    async def until_over(self, look: Callable[[], Awaitable[None]] | None = None) -> None:
        """Until nobody is in a call and the service has none on record; a killed one starts again."""
        world, loop = self.world, asyncio.get_running_loop()
        end = loop.time() + 30
        while loop.time() < end:
            if world.mortal.is_dead.is_set():
                await world.reboot()
            if look is not None:
                await look()
            if all(call.over for call in world.fake.calls.values()) and world.runner.calls_up == 0:
                break
            await asyncio.sleep(0.02)
        up = [(call.to, call.status) for call in world.fake.calls.values() if not call.over]
        assert not up, f"left hanging: {up}"
        assert world.runner.calls_up == 0, "a call that nobody makes is on record"

    async def look_round(self) -> None:
        """What must hold however it went: nobody was rung who was in a call, and nobody is held by one that is over."""
        rung_twice = [c.to for c in self.world.fake.calls.values() if c.status == "busy" and c.to != FALLBACK]
        assert not rung_twice, f"rung while in a call: {rung_twice}"
        assert await self.world.store.live_attempts() == []
        calls = [call for call in await self.world.store.open_consults() if not call.id.endswith(RESULT_CALL)]
        assert calls == [], "but for who is to be rung back and asked"
        assert await self.world.store.open_calls() == []


Story = Callable[[TwilioWorld], Awaitable[None]]


async def killed_at_each(story: Story, steps: Iterable[int], **options: object) -> None:
    def killed_at(step: int) -> Callable[[TwilioWorld], Awaitable[None]]:
        async def one(world: TwilioWorld) -> None:
            world.mortal.dies_at, world.fake.patience = step, 4
            try:
                await story(world)
            except AssertionError as error:
                raise AssertionError(f"killed at step {step}: {error}") from error

        return one

    await side_by_side(world_of(killed_at(step), **options) for step in steps)


async def steps_of(story: Story, **options: object) -> int:
    """So many things are written by it when nobody kills the service."""
    steps = 0

    async def counted(world: TwilioWorld) -> None:
        nonlocal steps
        await story(world)
        steps = world.mortal.steps

    await world_of(counted, **options)
    return steps


def on_the_list(request: CallbackRequest) -> None:
    """With the place and the clock they had when they pressed 1."""
    assert request.is_open
    assert (request.phone, request.registered_at) == (CALLER, MONDAY)
    assert request.next_attempt_at is not None


def was_told(call: Call) -> bool:
    """That we ring them; or, by Twilio when we were away for too long, that there is a fault."""
    words = ("intake.promise", "wait.we_ring_you", "teknisk feil")
    return any(word in heard for word in words for heard in call.heard)


# ---- on the line


MENU = {"intake.greeting": "1", "intake.urgent": "2"}


async def _is_served(street: Street, call: Call, by: str) -> None:
    """They talked once with that colleague, and that is on record; or they are on the list as they were, and know it."""
    world = street.world
    await street.look_round()
    if not await world.desk.find(RequestQuery()):
        assert was_told(call), "not on the list, and not told"
        return  # their key never arrived
    request = await world.the_request()
    on_the_list(request)
    assert street.rung(CALLER) == []
    if call not in street.talked:
        assert was_told(call), f"{request.state}, heard {call.heard[-4:]}"
        accepted = bool(request.attempts) and request.attempts[-1].connected_at is not None
        assert accepted or request.state in IDLE, f"held: {request.state}"
        return  # who accepted, and met nobody, says so
    assert request.state is RequestState.RESULT_DUE, f"they talked, and it is {request.state}"
    assert request.claimed_by == by
    assert len(street.talked) == 2, "they talked once"


async def _waits(world: TwilioWorld) -> None:
    """Presses 1, waits, and is put through to Kari as soon as she is free."""
    street = Street(world)
    await world.desk.set_ready("kari", ready=True)
    await world.store.postpone_ready("kari", world.clock.now() + timedelta(hours=1))
    call = world.fake.call_in(CALLER, PUBLIC)
    street.answers("201", {"whisper.accept": ACCEPTS})
    world._person(street.lives(call, MENU, hangs_up=True))

    async def look() -> None:
        if any("wait.music" in url for url in call.heard):
            await world.store.postpone_ready("kari", world.clock.now())

    await street.until_over(look)
    await _is_served(street, call, "kari")


async def _rings_back(world: TwilioWorld) -> None:
    """Was missed by Kari and rings back: she declines, and Ola takes it."""
    street = Street(world)
    request, _ = await world.desk.register(Registration("9001", CALLER))
    await world.desk.start_attempt(request.id, "kari", "missed")
    await world.desk.attempt_ringing("missed")
    await world.desk.end_attempt("missed", AttemptOutcome.NO_ANSWER)
    await world.desk.set_ready("ola", ready=True)
    call = world.fake.call_in(CALLER, PUBLIC)
    street.answers("201", {"whisper.accept": "2"})
    street.answers("202", {"whisper.accept": ACCEPTS})
    world._person(street.lives(call, MENU | {"intake.known": "", "intake.promise": ""}, hangs_up=True))
    await street.until_over()
    await _is_served(street, call, "ola")
    (request,) = await world.desk.find(RequestQuery())
    for person, telephone in (("kari", "201"), ("ola", "202")):
        tries = sum(attempt.caseworker == person for attempt in request.attempts)
        assert len(street.rung(telephone)) <= tries, "rung for no attempt"


async def _centre_reaches_ola(world: TwilioWorld) -> None:
    """The contact centre: Kari says no, Ola takes it, and says that it is solved."""
    street = Street(world)
    street.answers(MOBILES["kari"], {"whisper.accept": "2"})
    street.answers(MOBILES["ola"], {"whisper.accept": ACCEPTS, "duty.result": "1"})
    call = world.fake.call_in(CENTRE, ON_CALL)
    world._person(street.lives(call, {}, hangs_up=True))
    await street.until_over()
    await street.look_round()
    found = await world.store.consults(MONDAY - timedelta(days=1))
    for number in MOBILES.values():
        assert len(street.rung(number)) <= 1, "rung again in the same call"
    if call in street.talked:
        came_of = [
            (one.outcome, one.answered_by)
            for one, _ in found
            if one.outcome is not ConsultOutcome.LOST and not one.id.endswith(RESULT_CALL)
        ]
        assert came_of == [(ConsultOutcome.ANSWERED, "ola")], f"they talked, and it is {came_of}"
        assert all(one.result in (ConsultResult.SOLVED, None) for one, _ in found)
        return
    assert was_promised_or_told(call), f"neither a person nor a promise: {call.heard[-4:]}"


async def _centre_gets_a_promise(world: TwilioWorld) -> None:
    """Nobody on duty can be rung: the contact centre keys the number of its caller, and hears a reference."""
    street = Street(world)
    for number in MOBILES.values():
        world.fake.behaviours[number] = "decline"
    script = {"consult.within": "1", "consult.number": "40001234", "intake.confirm_entered": "1"}
    call = world.fake.call_in(CENTRE, ON_CALL)
    world._person(street.lives(call, script))
    await street.until_over()
    await street.look_round()
    found = await world.desk.find(RequestQuery())
    if any("consult.reference" in url for url in call.heard):
        (request,) = found
        assert request.urgency is Urgency.URGENT
        assert request.phone == CALLER, "another number than was keyed and read back"
        return
    assert len(found) <= 1
    assert "teknisk feil" in str(call.heard), f"neither a reference nor the fall-back: {call.heard[-4:]}"


def was_promised_or_told(call: Call) -> bool:
    return any(word in heard for word in ("consult.reference", "teknisk feil") for heard in call.heard)


async def _duty_check(world: TwilioWorld) -> None:
    """Kari is rung before her shift, confirms it, and is not rung again."""
    street = Street(world)
    line = world.config.on_call_lines[0]
    begins = world.clock.now() + timedelta(minutes=10)
    await world.desk.add_shift(line, Planned(("kari",), begins, begins + timedelta(hours=3)), "liv")
    street.answers(MOBILES["kari"], {"duty.confirm": "1"})
    street.answers(MOBILES["ola"], {})
    confirmed_at = 0

    async def look() -> None:
        nonlocal confirmed_at
        await world._until_dead(world.dispatch.sweep())
        answered = [c for c, _ in await world.store.consults(MONDAY) if c.outcome is ConsultOutcome.ANSWERED]
        confirmed_at = confirmed_at or (len(street.rung(MOBILES["kari"])) if answered else 0)

    for _ in range(3):
        await street.until_over(look)
        world.clock.advance(timedelta(minutes=3))
    await street.look_round()
    rung = len(street.rung(MOBILES["kari"]))
    assert confirmed_at, f"not confirmed, rung {rung} times"
    assert rung == confirmed_at, "rung again after confirming"
    assert rung <= 2
    assert street.rung(MOBILES["ola"]) == []


STORIES: list[tuple[Story, int, tuple[int, ...], dict[str, object]]] = [
    (_waits, 48, (5, 14, 21, 23, 30, 36, 38, 44), {}),
    (_rings_back, 42, (4, 12, 19, 27, 33, 39), {}),
    (_centre_reaches_ola, 64, (8, 19, 26, 41, 50, 60), {"office": on_call()}),
    (_centre_gets_a_promise, 64, (22, 42, 52), {"office": on_call()}),
    (_duty_check, 28, (4, 11, 16, 22, 26), {"office": on_call()}),
]
"""With all the steps of each, and those at which the regular run kills, for the sake of time: where it once went wrong, and some
between. All were tried."""


@pytest.mark.parametrize(
    ("story", "kills", "options"), [(story, some, more) for story, _, some, more in STORIES]
)
async def test_killed(story: Story, kills: tuple[int, ...], options: dict[str, object]) -> None:
    """Killed at any step, the flow goes on: a person, or a reference; served, or on the list with their clock; and nobody is
    rung while in a call, for an attempt that is over, or after they confirmed."""
    await killed_at_each(story, kills, **options)


async def test_there_are_so_many_steps() -> None:
    """Each story writes as much as is said of it, more or less: else its kills would come at other moments."""
    counts = await asyncio.gather(*(steps_of(story, **options) for story, _, _, options in STORIES))
    for (story, steps, _, _), count in zip(STORIES, counts, strict=True):
        assert abs(count - steps) <= 4, f"{story.__name__}: {count}"
