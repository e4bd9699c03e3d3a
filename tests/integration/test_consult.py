"""The consult call over the simulated line and at Twilio: desk, runner and machine together; it always ends with a person or a reference.

The same scenarios run on a real Asterisk with real telephones in tests/e2e/test_consult.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from callback.consult import Consult, ConsultOutcome, ConsultResult, DutyLeg, DutyOutcome
from callback.request import CallbackRequest, CallResult, Origin, RequestState, Urgency
from callback.shifts import Planned
from config.model import Config, Person, Role
from config.oncall import OnCallLine, OnCallSettings, RingRule
from hardware.simulated.phone import Behaviour
from ivr.consult_port import CheckPin, PinRight, PinWrong
from tests.e2e.waiting import until
from tests.integration.test_story import World, settle
from tests.offices import CALLER, PUBLIC, config

CENTRE, ON_CALL, COMMON = "+4755553333", "+4773000011", "+4773000099"
KARI, OLA, SIV, LIV = "+4740000001", "+4740000002", "+4740000004", "+4740000003"
PIN = "482910"
TALK = timedelta(minutes=2)
PROMISE = (("consult.within", "1"), ("consult.number", ""), ("intake.confirm_entered", "1"))
"""What is asked for a promise, and how it is answered; in the middle with a number."""


def on_call_config(**line: object) -> Config:
    """Lillevik with Kari, Ola and Siv on duty in this order, and Liv as their leader."""
    office = config().offices[0]
    people = tuple(
        Person(id=name, name=name.title(), role=role, office_no="9001", mobile=mobile)
        for name, role, mobile in (
            ("kari", Role.CASEWORKER, KARI),
            ("ola", Role.CASEWORKER, OLA),
            ("siv", Role.CASEWORKER, SIV),
            ("liv", Role.LEADER, LIV),
        )
    )
    facts = {
        "id": "vakt",
        "office_no": "9001",
        "number": ON_CALL,
        "people": ("kari", "ola", "siv"),
        "leader": "liv",
        **line,
    }
    oncall = OnCallSettings(callers=(CENTRE,), number=COMMON, fallback_number=KARI)
    settings = config().settings.model_copy(update={"oncall": oncall})
    nks = Person(id="nks", name="Nav kontaktsenter", role=Role.CONTACT_CENTRE)
    return config().model_copy(
        update={
            "settings": settings,
            "offices": (office,),
            "people": (*people, nks),
            "lines": (OnCallLine.model_validate(facts),),
        }
    )


class OnCall(World):
    """An office with people on duty, and the contact centre."""

    pin = PIN

    def __init__(self, config: Config, line: str = "simulated") -> None:
        super().__init__(line, config)

    async def rings(self, caller: str = CENTRE, to: str = ON_CALL) -> None:
        self.line.dial(caller, to)

    async def is_rung(self, number: str) -> None:
        await until(lambda: self.line.leg_of(number), what=f"{number} rings")

    async def is_told(self, number: str, item: str) -> None:
        """And then nothing is pressed."""
        await self.hears(number, item)
        self.line.silence(number)

    async def record(self) -> tuple[Consult, tuple[DutyLeg, ...]]:
        (found,) = await self.store.consults(self.clock.now() - timedelta(days=1))
        return found

    async def came_of(self) -> list[tuple[str, DutyOutcome | None]]:
        """Who was rung, in order, and what came of it."""
        _, legs = await self.record()
        return [(leg.person_id, leg.outcome) for leg in legs]

    async def over(self) -> Consult:
        async def look() -> bool:
            return (await self.record())[0].ended_at is not None

        await settle(look)
        return (await self.record())[0]

    async def accepts(self, number: str, whisper: str = "whisper.consult") -> None:
        await self.hears(number, whisper)
        self.line.press(number, "1")

        async def joined() -> bool:
            return any(leg.joined_at and not leg.ended_at for _, legs in await self.all() for leg in legs)

        await settle(joined)

    async def all(self) -> list[tuple[Consult, tuple[DutyLeg, ...]]]:
        return await self.store.consults(self.clock.now() - timedelta(days=1))

    async def promised(
        self, number: str = "40001234", own: bool = False, at: str = "consult.within"
    ) -> CallbackRequest:
        """The contact centre takes the promise, or goes on there, and hears the reference."""
        said = [said for said, _ in PROMISE]
        for question, keys in PROMISE[said.index(at) :]:
            await self.hears(CENTRE, question)
            await self.presses(CENTRE, keys or ("1#" if own else number))
        await self.hears(CENTRE, "consult.reference")
        request = await self.the_request()
        digits = [f"nb/digit.{digit}" for digit in request.reference]
        assert list(self.line.heard(CENTRE))[-7:-1] == digits
        self.line.silence(CENTRE)
        await until(lambda: self.line.leg_of(CENTRE) is None)
        return request


@pytest.fixture
async def world(request: pytest.FixtureRequest, line: str) -> AsyncIterator[OnCall]:
    world = await OnCall(on_call_config(**getattr(request, "param", {})), line).open()
    yield world  # type: ignore[misc]
    await world.close()


def behave(world: OnCall, **how: Behaviour) -> None:
    for name, behaviour in how.items():
        world.line.behave({"kari": KARI, "ola": OLA, "siv": SIV, "liv": LIV}[name], behaviour)


async def test_the_first_accepts_and_says_what_came_of_it(world: OnCall) -> None:
    """Who is rung is heard; after the talk one key says that it is solved."""
    behave(world, kari=Behaviour.ANSWER)
    await world.rings()
    await world.hears(CENTRE, "office.oncall-9001")
    await world.is_told(CENTRE, "office.calling-kari")
    await world.accepts(KARI)
    world.clock.advance(TALK)
    world.line.hang_up(CENTRE)
    await world.hears(KARI, "duty.result")
    world.line.press(KARI, "1")
    await world.is_told(KARI, "duty.thanks")
    consult = await world.over()
    assert (consult.answered_by, consult.outcome) == ("kari", ConsultOutcome.ANSWERED)
    await until(lambda: world.runner.calls_up == 0)
    assert (await world.record())[0].result is ConsultResult.SOLVED
    assert await world.came_of() == [("kari", DutyOutcome.TALKED)]
    assert await world.requests() == []


async def test_declined_then_no_answer_then_the_third(world: OnCall) -> None:
    behave(world, kari=Behaviour.ANSWER, ola=Behaviour.NO_ANSWER, siv=Behaviour.ANSWER)
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.hears(KARI, "whisper.consult")
    world.line.press(KARI, "2")
    await world.is_told(CENTRE, "office.calling-ola")
    await world.is_told(CENTRE, "office.calling-siv")
    await world.accepts(SIV)
    assert (await world.came_of())[:2] == [("kari", DutyOutcome.DECLINED), ("ola", DutyOutcome.NO_ANSWER)]
    assert (await world.record())[0].answered_by == "siv"


async def test_nobody_then_a_promise_that_is_on_the_list(world: OnCall) -> None:
    """All busy, the leader too: the caller is an urgent request of the contact centre's, and the reference is heard."""
    behave(world, kari=Behaviour.BUSY, ola=Behaviour.BUSY, siv=Behaviour.BUSY, liv=Behaviour.BUSY)
    await world.rings()
    for name in ("kari", "ola", "siv", "liv"):
        await world.is_told(CENTRE, f"office.calling-{name}")
    await world.hears(CENTRE, "consult.nobody")
    request = await world.promised()
    assert (request.phone, request.urgency, request.origin) == (CALLER, Urgency.URGENT, Origin.CONTACT_CENTRE)
    assert request.registered_by == "nks"
    assert request.due_at == request.registered_at + timedelta(hours=2)
    consult = await world.over()
    assert (consult.outcome, consult.request_id) == (ConsultOutcome.PROMISED, request.id)
    assert [outcome for _, outcome in await world.came_of()] == [DutyOutcome.BUSY] * 4


async def test_the_promise_for_the_number_they_ring_from(world: OnCall) -> None:
    behave(world, kari=Behaviour.FAIL, ola=Behaviour.FAIL, siv=Behaviour.FAIL, liv=Behaviour.FAIL)
    await world.rings()
    for name in ("kari", "ola", "siv", "liv"):
        await world.is_told(CENTRE, f"office.calling-{name}")
    assert (await world.promised(own=True)).phone == CENTRE


async def test_silence_has_the_promise_too(world: OnCall) -> None:
    """Whoever says nothing to the promise is not hung up on without it."""
    behave(world, **dict.fromkeys(("kari", "ola", "siv", "liv"), Behaviour.BUSY))
    await world.rings()
    for name in ("kari", "ola", "siv", "liv"):
        await world.is_told(CENTRE, f"office.calling-{name}")
    for times in range(1, 5):
        await until(lambda times=times: world.line.heard(CENTRE).count("nb/consult.promise") == times)
        world.line.silence(CENTRE)
    await world.hears(CENTRE, "consult.reference")
    assert (await world.the_request()).phone == CENTRE


@pytest.mark.parametrize("world", [{"people": (), "leader": None}], indirect=True)
async def test_nobody_on_the_roster(world: OnCall) -> None:
    await world.rings()
    await world.hears(CENTRE, "consult.nobody")
    assert (await world.promised()).urgency is Urgency.URGENT


async def test_whoever_accepts_and_is_gone_is_no_answer(world: OnCall) -> None:
    """The call of the one who accepted drops after two seconds: the other side hears so, and the next one is rung."""
    behave(world, kari=Behaviour.ANSWER, ola=Behaviour.ANSWER)
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.accepts(KARI)
    world.clock.advance(timedelta(seconds=2))
    world.line.hang_up(KARI)
    await world.is_told(CENTRE, "consult.dropped")
    await world.is_told(CENTRE, "office.calling-ola")
    await world.accepts(OLA)
    assert (await world.came_of())[0] == ("kari", DutyOutcome.DROPPED)
    assert (await world.record())[0].answered_by == "ola"


async def test_two_at_once_for_one_person(world: OnCall) -> None:
    """Who is rung for one call is passed by for the other."""
    behave(world, kari=Behaviour.RING, ola=Behaviour.ANSWER)
    other = "+4755553334"
    world.config = world.config.model_copy(
        update={
            "settings": world.config.settings.model_copy(
                update={"oncall": OnCallSettings(callers=(CENTRE, other))}
            )
        }
    )
    world.desk.use_config(world.config)
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.is_rung(KARI)
    await world.rings(other)
    await world.is_told(other, "office.calling-ola")
    await world.accepts(OLA)
    (_, first), (_, second) = sorted(await world.all(), key=lambda one: len(one[1]))
    assert [(leg.person_id, leg.outcome) for leg in first] == [("kari", None)]
    assert [(leg.person_id, leg.outcome) for leg in second] == [("kari", DutyOutcome.IN_CALL), ("ola", None)]


@pytest.mark.parametrize("world", [{"ring": RingRule.ALL}], indirect=True)
async def test_all_at_once(world: OnCall) -> None:
    """The first to press 1 has it, the others stop; a voicemail that picked up first never has it."""
    behave(world, kari=Behaviour.ANSWER, ola=Behaviour.RING, siv=Behaviour.ANSWER)
    await world.rings()
    await world.is_told(CENTRE, "office.calling-siv")
    await world.hears(KARI, "whisper.consult")
    await world.accepts(SIV)
    await until(lambda: not world.line.leg_of(KARI) and not world.line.leg_of(OLA))

    async def told() -> bool:
        return dict(await world.came_of()) == {
            "kari": DutyOutcome.CANCELLED,
            "ola": DutyOutcome.CANCELLED,
            "siv": None,
        }

    await settle(told)


@pytest.mark.parametrize("world", [{"ring": RingRule.ALL}], indirect=True)
async def test_the_contact_centre_hangs_up_while_three_ring(world: OnCall) -> None:
    behave(world, **dict.fromkeys(("kari", "ola", "siv"), Behaviour.RING))
    await world.rings()
    await world.is_told(CENTRE, "office.calling-siv")
    for number in (KARI, OLA, SIV):
        await world.is_rung(number)
    world.line.hang_up(CENTRE)
    await until(lambda: not any(world.line.leg_of(number) for number in (KARI, OLA, SIV)))
    assert (await world.over()).outcome is ConsultOutcome.GAVE_UP
    assert {outcome for _, outcome in await world.came_of()} == {DutyOutcome.CANCELLED}
    assert await world.store.occupied() == frozenset()


async def test_the_contact_centre_hangs_up_while_one_rings(world: OnCall) -> None:
    """Nobody else is said to have been rung."""
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.is_rung(KARI)
    world.line.hang_up(CENTRE)
    assert (await world.over()).outcome is ConsultOutcome.GAVE_UP
    assert await world.came_of() == [("kari", DutyOutcome.CANCELLED)]


async def test_the_shift_changes_while_it_rings(world: OnCall) -> None:
    """Who is on duty is asked anew before each ring."""
    behave(world, kari=Behaviour.RING, siv=Behaviour.ANSWER)
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.is_rung(KARI)
    world.desk.use_config(on_call_config(people=("siv",)))
    world.line.ring_out(KARI)
    await world.is_told(CENTRE, "office.calling-siv")
    await world.accepts(SIV)


async def test_no_more_than_a_minute(world: OnCall) -> None:
    """When the time is used up, the promise comes, however many are left."""
    behave(world, kari=Behaviour.RING, ola=Behaviour.RING)
    await world.rings()
    for name, number in (("kari", KARI), ("ola", OLA)):
        await world.is_told(CENTRE, f"office.calling-{name}")
        await world.is_rung(number)
        world.clock.advance(timedelta(seconds=28))
        world.line.ring_out(number)
    await world.hears(CENTRE, "consult.nobody")


async def test_the_common_number_asks_for_the_office(world: OnCall) -> None:
    behave(world, kari=Behaviour.ANSWER)
    await world.rings(to=COMMON)
    await world.hears(CENTRE, "consult.office")
    for key in "1234":
        world.line.press(CENTRE, key)
    await world.hears(CENTRE, "consult.no_office")
    for key in "9901":
        world.line.press(CENTRE, key)
    await world.hears(CENTRE, "office.name-9001")
    world.line.press(CENTRE, "1")
    await world.is_told(CENTRE, "office.calling-kari")
    await world.accepts(KARI)


async def test_others_meet_the_menu_unless_they_know_the_code(world: OnCall) -> None:
    behave(world, kari=Behaviour.ANSWER)
    await world.rings(CALLER)
    await world.is_told(CALLER, "consult.pin")
    await world.hears(CALLER, "intake.greeting")
    world.line.hang_up(CALLER)
    await until(lambda: world.runner.calls_up == 0)
    await world.rings(CALLER)
    await world.hears(CALLER, "consult.pin")
    for key in f"{PIN}#":
        world.line.press(CALLER, key)
    await world.is_told(CALLER, "office.calling-kari")
    await world.accepts(KARI)


@pytest.mark.parametrize("code", [None, "silence", "wrong"])
@pytest.mark.parametrize("offices", ["one", "two, and the second is named"])
async def test_others_on_the_common_number_are_callers_of_an_office(
    world: OnCall, code: str | None, offices: str
) -> None:
    """Where there is no code they have the menu at once, else after no code or two wrong ones: the same menu, list and clock
    as on the office's own number."""
    if offices != "one":
        settings = world.config.settings
        oncall = settings.oncall.model_copy(update={"menu_office": "9002"})
        world.desk.use_config(
            world.config.model_copy(
                update={
                    "offices": config().offices,
                    "settings": settings.model_copy(update={"oncall": oncall}),
                }
            )
        )
    world.runner._pin = None if code is None else PIN
    await world.rings(CALLER, COMMON)
    if code == "silence":
        await world.is_told(CALLER, "consult.pin")
    elif code == "wrong":
        for times in (1, 2):
            await until(lambda times=times: world.line.heard(CALLER).count("nb/consult.pin") == times)  # type: ignore[misc]
            await world.presses(CALLER, "111111#")
    await world.hears(CALLER, "intake.greeting")
    world.line.press(CALLER, "1")
    request = await world.in_state(RequestState.WAITING)
    assert (request.phone, request.office_no) == (CALLER, "9001" if offices == "one" else "9002")
    assert (request.origin, request.answer_by_date) == (
        Origin.PHONE,
        request.registered_at.date() + timedelta(days=2),
    )
    assert await world.all() == []


async def test_what_is_to_be_followed_up_is_a_request(world: OnCall) -> None:
    behave(world, kari=Behaviour.ANSWER)
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.accepts(KARI)
    world.clock.advance(TALK)
    world.line.hang_up(CENTRE)
    await world.hears(KARI, "duty.result")
    world.line.press(KARI, "2")
    await world.is_told(KARI, "duty.thanks")
    await until(lambda: world.runner.calls_up == 0)
    request = await world.the_request()
    assert (request.assigned_to, request.phone) == ("kari", None)
    assert (await world.record())[0].request_id == request.id


async def says_it_is_urgent(world: OnCall) -> None:
    world.line.dial(CALLER, PUBLIC)
    await world.hears(CALLER, "intake.greeting")
    world.line.press(CALLER, "1")
    await world.hears(CALLER, "intake.urgent")
    world.line.press(CALLER, "1")
    await world.hears(CALLER, "intake.urgent_which")
    world.line.press(CALLER, "2")
    await world.hears(CALLER, "wait.offer")


async def test_an_urgent_caller_is_put_through_to_whoever_is_on_duty(world: OnCall) -> None:
    """The talk is an attempt of their request, and the key after it is its result."""
    behave(world, kari=Behaviour.NO_ANSWER, ola=Behaviour.ANSWER)
    await says_it_is_urgent(world)
    world.line.silence(CALLER)
    await world.is_told(CALLER, "intake.connecting")
    await world.hears(OLA, "reason.no_food")
    await world.accepts(OLA, "whisper.accept")
    talking = await world.in_state(RequestState.CALLING)
    assert (talking.attempts[0].caseworker, talking.attempts[0].inbound) == ("ola", True)
    world.clock.advance(TALK)
    world.line.hang_up(CALLER)
    await world.hears(OLA, "duty.result")
    world.line.press(OLA, "1")
    reached = await world.in_state(RequestState.REACHED)
    assert reached.attempts[0].result is CallResult.REACHED


async def test_an_urgent_caller_would_rather_be_rung(world: OnCall) -> None:
    await says_it_is_urgent(world)
    world.line.press(CALLER, "1")
    await world.hears(CALLER, "wait.we_ring_you")
    await world.hears(CALLER, "intake.choices")
    assert await world.all() == []
    world.line.hang_up(CALLER)
    await until(lambda: world.runner.calls_up == 0)
    await world.dispatch.sweep()
    await world.is_rung(KARI)


async def test_nobody_for_an_urgent_caller(world: OnCall) -> None:
    """They keep their place, and hear the promise; whoever is on duty is rung for them until somebody takes it."""
    behave(world, **dict.fromkeys(("kari", "ola", "siv", "liv"), Behaviour.BUSY))
    await says_it_is_urgent(world)
    world.line.silence(CALLER)
    await world.is_told(CALLER, "intake.connecting")
    await world.hears(CALLER, "intake.choices")
    world.line.hang_up(CALLER)
    assert (await world.over()).outcome is ConsultOutcome.PROMISED
    await until(lambda: world.runner.calls_up == 0)
    rung = []
    for _ in range(4):
        await world.dispatch.sweep()
        await until(lambda: world.runner.calls_up == 0)
        request = await world.the_request()
        rung.append(request.attempts[-1].caseworker)
        world.clock.advance(timedelta(minutes=5))
    assert rung == ["kari", "ola", "siv", "liv"]


async def test_the_service_dies_and_nobody_accepts(world: OnCall) -> None:
    """The exchange keeps the contact centre for us: whoever is on duty is looked for anew, or the next one is rung, and there
    is a promise."""
    behave(world, kari=Behaviour.RING, ola=Behaviour.BUSY, siv=Behaviour.BUSY, liv=Behaviour.BUSY)
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.is_rung(KARI)
    await world.kill()
    world.line.ring_out(KARI)
    assert world.line.is_up(CENTRE)
    await world.reboot()
    if not world.line.keeps_calls:
        await until(lambda: world.line.heard(CENTRE).count("nb/office.calling-kari") == 2)
        world.line.silence(CENTRE)
        await world.is_rung(KARI)
        world.line.ring_out(KARI)
    for name in ("ola", "siv", "liv"):
        await world.is_told(CENTRE, f"office.calling-{name}")
    await world.promised()
    await until(lambda: world.runner.calls_up == 0)
    outcomes = [consult.outcome for consult, _ in await world.all()]
    assert sorted(map(str, outcomes)) == (["promised"] if world.line.keeps_calls else ["lost", "promised"])
    assert await world.store.live_duty_legs() == []


@pytest.mark.parametrize("at", [said for said, _ in PROMISE])
async def test_the_service_dies_in_the_promise(world: OnCall, at: str) -> None:
    """They have it all the same: from the beginning, or going on where they were."""
    behave(world, **dict.fromkeys(("kari", "ola", "siv", "liv"), Behaviour.BUSY))
    await world.rings()
    for name in ("kari", "ola", "siv", "liv"):
        await world.is_told(CENTRE, f"office.calling-{name}")
    for said, keys in PROMISE:
        await world.hears(CENTRE, said)
        if said == at:
            break
        await world.presses(CENTRE, keys or "40001234")
    await world.kill()
    told = len(world.line.heard(CENTRE))
    await world.reboot()
    if not world.line.keeps_calls:
        for name in ("kari", "ola", "siv", "liv"):
            await world.hears(CENTRE, f"office.calling-{name}", told)
            world.line.silence(CENTRE)
        await world.hears(CENTRE, "consult.nobody", told)
        at = "consult.within"
    assert (await world.promised(at=at)).phone == CALLER


async def test_the_service_dies_while_it_rings(world: OnCall) -> None:
    """The telephone rings on in the exchange; who accepts is joined, and the record tells it afterwards."""
    behave(world, kari=Behaviour.RING)
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.is_rung(KARI)
    await world.kill()
    await world.reboot()
    world.line.answer(KARI)
    await world.accepts(KARI)
    assert (await world.record())[0].answered_by == "kari"


async def has_shift(
    world: OnCall, begins: timedelta, *people: str, length: timedelta = timedelta(hours=6)
) -> None:
    """From so long after Monday's 09:05."""
    line = world.desk.config.line("vakt")
    assert line is not None
    begins_at = world.clock.now() + begins
    await world.desk.add_override(line, Planned(people, begins_at, begins_at + length), "liv")


DAY_BEFORE = timedelta(hours=23, minutes=55)
"""Until Tuesday at nine."""


async def at_quarter_to_nine(world: OnCall) -> None:
    await has_shift(world, DAY_BEFORE, "kari")
    world.clock.advance(DAY_BEFORE - timedelta(minutes=16))
    await world.dispatch.sweep()
    assert world.line.leg_of(KARI) is None, "not yet"
    world.clock.advance(timedelta(minutes=1))
    await world.dispatch.sweep()
    await world.is_rung(KARI)


async def test_whoever_is_about_to_be_on_duty_confirms_it(world: OnCall) -> None:
    """Once; a voicemail would not."""
    behave(world, kari=Behaviour.ANSWER)
    await at_quarter_to_nine(world)
    await world.hears(KARI, "duty.confirm")
    assert "nb/hour.9" in world.line.heard(KARI)
    world.line.press(KARI, "1")
    await world.is_told(KARI, "duty.thanks")
    await until(lambda: world.runner.calls_up == 0)
    for _ in range(4):
        world.clock.advance(timedelta(minutes=5))
        await world.dispatch.sweep()
    (consult, (leg,)) = await world.record()
    assert (consult.outcome, consult.answered_by, leg.outcome) == (
        ConsultOutcome.ANSWERED, "kari", DutyOutcome.TALKED,
    )  # fmt: skip


async def test_no_1_once_more_and_then_the_next_person(world: OnCall) -> None:
    """A voicemail, then no answer: the leader is told, and Ola takes the shift with a 1."""
    behave(world, kari=Behaviour.ANSWER, ola=Behaviour.ANSWER)
    await at_quarter_to_nine(world)
    for times in (1, 2):
        await until(lambda t=times: world.line.heard(KARI).count("nb/duty.confirm") == t)  # type: ignore[misc]
        world.line.silence(KARI)
    await until(lambda: world.runner.calls_up == 0)
    world.line.behave(KARI, Behaviour.NO_ANSWER)
    world.clock.advance(timedelta(minutes=1))
    await world.dispatch.sweep()
    assert len(await world.all()) == 1, "not at once"
    world.clock.advance(timedelta(minutes=1))
    await world.dispatch.sweep()
    await until(lambda: world.runner.calls_up == 0)
    line = world.desk.config.line("vakt")
    assert line is not None
    history = await world.desk.roster_history(line)
    assert (history[0].event, history[0].details["person"]) == ("duty_unconfirmed", "kari")
    world.clock.advance(timedelta(minutes=2))
    await world.dispatch.sweep()
    await world.hears(OLA, "duty.confirm")
    world.line.press(OLA, "1")
    await world.is_told(OLA, "duty.thanks")
    await until(lambda: world.runner.calls_up == 0)
    world.clock.advance(timedelta(minutes=15))
    await world.dispatch.sweep()
    assert world.runner.calls_up == 0
    assert [person.id for person in (await world.desk.duty(line)).people] == ["ola"]


async def test_nobody_is_rung_in_the_night(world: OnCall) -> None:
    """A shift at six is confirmed when the night is over."""
    behave(world, kari=Behaviour.ANSWER)
    await has_shift(world, timedelta(hours=20, minutes=55), "kari", length=timedelta(hours=2))
    world.clock.advance(timedelta(hours=20, minutes=50))
    await world.dispatch.sweep()
    assert world.runner.calls_up == 0
    world.clock.advance(timedelta(hours=1, minutes=5))
    await world.dispatch.sweep()
    await world.hears(KARI, "duty.confirm")


async def test_a_check_that_dies_with_the_service_is_made_again(world: OnCall) -> None:
    await at_quarter_to_nine(world)
    await world.kill()
    world.line.hang_up(KARI)
    await world.reboot()
    await until(lambda: world.runner.calls_up == 0)
    await world.dispatch.sweep()
    world.clock.advance(timedelta(minutes=2))
    await world.dispatch.sweep()
    await world.is_rung(KARI)


async def test_codes_are_not_guessed(world: OnCall) -> None:
    """After five wrong ones the right one opens nothing from that number today; from another it does, however often."""
    work = world.runner._desk_work._consult
    for _ in range(5):
        assert await work.perform("c", CheckPin("000000", CALLER)) == PinWrong()
    assert await work.perform("c", CheckPin(PIN, CALLER)) == PinWrong()
    for _ in range(20):
        assert await work.perform("c", CheckPin(PIN, CENTRE)) == PinRight()
    world.clock.advance(timedelta(days=1))
    assert await work.perform("c", CheckPin(PIN, CALLER)) == PinRight()
