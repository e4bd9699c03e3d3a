"""The person on duty hangs up first: they are rung back once and say with one key what came of it; over the simulated line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from callback.consult import ConsultOutcome, ConsultResult, DutyLeg, DutyOutcome
from callback.request import CallResult, RequestState
from hardware.simulated.phone import Behaviour
from tests.e2e.waiting import until
from tests.integration.test_consult import (
    CENTRE,
    KARI,
    TALK,
    OnCall,
    behave,
    on_call_config,
    says_it_is_urgent,
)
from tests.integration.test_story import settle
from tests.offices import CALLER

SOON = timedelta(seconds=5)
OTHER_CENTRE = "+4755553334"


@pytest.fixture
async def world() -> AsyncIterator[OnCall]:
    made = on_call_config(people=("kari",), leader=None)
    oncall = made.settings.oncall.model_copy(update={"callers": (CENTRE, OTHER_CENTRE)})
    made = made.model_copy(update={"settings": made.settings.model_copy(update={"oncall": oncall})})
    world = await OnCall(made).open()
    behave(world, kari=Behaviour.ANSWER)
    yield world  # type: ignore[misc]
    await world.runner.stop()
    await world.store.close()


async def hangs_up_first(world: OnCall, talk: timedelta = TALK) -> None:
    """Kari talks with the contact centre, and hangs up; so do they."""
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.accepts(KARI)
    world.clock.advance(talk)
    world.line.behave(KARI, Behaviour.RING)
    world.line.hang_up(KARI)
    await world.hears(CENTRE, "consult.over")
    world.line.hang_up(CENTRE)
    await until(lambda: world.runner.calls_up == 0)


async def is_rung_back(world: OnCall, after: timedelta = SOON) -> None:
    world.clock.advance(after)
    await world.dispatch.sweep()
    await world.is_rung(KARI)


async def is_left_alone(world: OnCall) -> None:
    """However long they are waited for; and nothing is left to be done."""
    await until(lambda: world.runner.calls_up == 0)
    for seconds in (5, 15, 300):
        world.clock.advance(timedelta(seconds=seconds))
        await world.dispatch.sweep()
        assert world.line.leg_of(KARI) is None
    assert await world.store.open_consults() == []
    assert await world.store.live_duty_legs() == []


async def asked(world: OnCall) -> list[DutyLeg]:
    """Every telephone that was rung for it."""
    return [leg for consult, legs in await world.all() for leg in legs if consult.id.endswith("-result")]


async def result(world: OnCall) -> ConsultResult | None:
    return (await world.all())[0][0].result


async def test_what_is_to_be_followed_up_after_all(world: OnCall) -> None:
    """Not at once, but a few seconds later, on the telephone on which they talked, and never again."""
    told: list[int] = []
    world.runner.on_ask_back = lambda: told.append(1)
    await hangs_up_first(world)
    assert told == [1]
    await world.dispatch.sweep()
    assert world.line.leg_of(KARI) is None, "they have hung up this moment"
    await is_rung_back(world)
    world.line.answer(KARI)
    await world.hears(KARI, "duty.result_call")
    world.line.press(KARI, "*")
    await until(lambda: world.line.heard(KARI).count("nb/duty.result_call") == 2)
    world.line.press(KARI, "2")
    await world.is_told(KARI, "duty.thanks")
    await is_left_alone(world)
    request = await world.the_request()
    assert (request.assigned_to, request.id) == ("kari", (await world.all())[0][0].request_id)
    assert await result(world) is ConsultResult.FOLLOW_UP
    assert [leg.outcome for leg in await asked(world)] == [DutyOutcome.TALKED]


async def test_the_talk_of_an_urgent_caller(world: OnCall) -> None:
    """The key is the result of the attempt."""
    await says_it_is_urgent(world)
    world.line.silence(CALLER)
    await world.is_told(CALLER, "intake.connecting")
    await world.accepts(KARI, "whisper.accept")
    world.clock.advance(TALK)
    world.line.behave(KARI, Behaviour.RING)
    world.line.hang_up(KARI)
    await world.in_state(RequestState.RESULT_DUE)
    await until(lambda: world.line.leg_of(CALLER) is None)
    await is_rung_back(world)
    world.line.answer(KARI)
    await world.hears(KARI, "duty.result_call")
    world.line.press(KARI, "1")
    reached = await world.in_state(RequestState.REACHED)
    assert reached.attempts[0].result is CallResult.REACHED
    assert await result(world) is ConsultResult.SOLVED


async def answers_and_is_silent(world: OnCall) -> None:
    world.line.answer(KARI)
    for times in (1, 2):
        await until(lambda t=times: world.line.heard(KARI).count("nb/duty.result_call") == t)  # type: ignore[misc]
        world.line.silence(KARI)


async def does_not_answer(world: OnCall) -> None:
    world.line.ring_out(KARI)


async def is_busy(world: OnCall) -> None:
    world.line.busy(KARI)


async def says_no(world: OnCall) -> None:
    world.line.hang_up(KARI)


@pytest.mark.parametrize("does", [answers_and_is_silent, does_not_answer, is_busy, says_no])
async def test_never_a_second_time(world: OnCall, does: object) -> None:
    """Whoever presses nothing is asked by the page, as before."""
    await hangs_up_first(world)
    await is_rung_back(world)
    await does(world)  # type: ignore[operator]
    await is_left_alone(world)
    assert len(await asked(world)) == 1
    assert await result(world) is None
    assert await world.requests() == []


async def test_a_talk_of_some_seconds_is_none(world: OnCall) -> None:
    """The other side hears so, and nobody is asked what came of it."""
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.accepts(KARI)
    world.line.hang_up(KARI)
    await world.is_told(CENTRE, "consult.dropped")
    world.line.hang_up(CENTRE)
    await is_left_alone(world)


async def test_it_can_be_switched_off(world: OnCall) -> None:
    settings = world.config.settings
    oncall = settings.oncall.model_copy(update={"result_call": False})
    settings = settings.model_copy(update={"oncall": oncall})
    world.desk.use_config(world.config.model_copy(update={"settings": settings}))
    await hangs_up_first(world)
    await is_left_alone(world)


async def test_the_page_was_faster(world: OnCall) -> None:
    """Kari has written it when she would be rung."""
    await says_it_is_urgent(world)
    world.line.silence(CALLER)
    await world.is_told(CALLER, "intake.connecting")
    await world.accepts(KARI, "whisper.accept")
    world.clock.advance(TALK)
    world.line.behave(KARI, Behaviour.RING)
    world.line.hang_up(KARI)
    request = await world.in_state(RequestState.RESULT_DUE)
    await world.desk.record_result(request.id, "kari", CallResult.REACHED)
    await until(lambda: world.runner.calls_up == 0)
    await is_left_alone(world)


async def test_in_another_call_by_then(world: OnCall) -> None:
    """The contact centre rings again, and Kari's telephone rings for that: it does not ring for this."""
    await hangs_up_first(world)
    await world.rings(OTHER_CENTRE)
    await world.is_told(OTHER_CENTRE, "office.calling-kari")
    await world.is_rung(KARI)
    world.clock.advance(SOON)
    await world.dispatch.sweep()
    world.line.answer(KARI)
    await world.accepts(KARI)
    assert [leg.outcome for leg in await asked(world)] == [DutyOutcome.IN_CALL]


@pytest.mark.parametrize("answers", [False, True])
async def test_a_new_call_goes_before(world: OnCall, answers: bool) -> None:
    """It is for whoever is on duty: being asked what came of the last one must not keep them from it."""
    await hangs_up_first(world)
    await is_rung_back(world)
    if answers:
        world.line.answer(KARI)
        await world.hears(KARI, "duty.result_call")
    world.line.behave(KARI, Behaviour.ANSWER)
    await world.rings(OTHER_CENTRE)
    await world.hears(OTHER_CENTRE, "office.calling-kari")
    await until(lambda: world.line.leg_of(KARI) is None, what="she is hung up on")
    world.line.silence(OTHER_CENTRE)
    await until(lambda: world.line.heard(KARI).count("nb/whisper.consult") == 2)
    await world.accepts(KARI)
    world.clock.advance(TALK)
    world.line.hang_up(OTHER_CENTRE)
    await world.hears(KARI, "duty.result")
    world.line.press(KARI, "1")
    await world.is_told(KARI, "duty.thanks")
    await is_left_alone(world)
    assert [leg.outcome for leg in await asked(world)] == [DutyOutcome.CANCELLED]


async def test_the_service_dies_before_it_rings(world: OnCall) -> None:
    """They are rung all the same, once."""
    await hangs_up_first(world)
    await world.kill()
    await world.reboot()
    await world.dispatch.sweep()
    await is_rung_back(world)
    world.line.answer(KARI)
    await world.hears(KARI, "duty.result_call")
    world.line.press(KARI, "1")
    await world.is_told(KARI, "duty.thanks")
    await is_left_alone(world)
    assert await result(world) is ConsultResult.SOLVED


@pytest.mark.parametrize("gone", [False, True])
async def test_the_service_dies_while_it_rings(world: OnCall, gone: bool) -> None:
    """The call that rings is taken up, and there is no second one, also where it was over meanwhile."""
    await hangs_up_first(world)
    await is_rung_back(world)
    await world.kill()
    if gone:
        world.line.hang_up(KARI)
    await world.reboot()
    if not gone:
        world.line.answer(KARI)
        await world.hears(KARI, "duty.result_call")
        world.line.press(KARI, "1")
        await world.is_told(KARI, "duty.thanks")
    await is_left_alone(world)
    assert len(await asked(world)) == 1
    assert await result(world) is (None if gone else ConsultResult.SOLVED)


async def test_the_service_dies_between_the_record_and_the_ring(world: OnCall) -> None:
    """It may ring or not: then it never does."""
    await hangs_up_first(world)
    world.clock.advance(SOON)
    (call,) = await world.desk.due_result_calls()
    await world.desk.begin_result_call(call)
    await world.kill()
    await world.reboot()
    await is_left_alone(world)


async def test_the_service_is_back_late(world: OnCall) -> None:
    """They have turned to something else: the page asks."""
    await hangs_up_first(world)
    await world.kill()
    world.clock.advance(timedelta(minutes=3))
    await world.reboot()
    await is_left_alone(world)


async def test_cut_off_and_rung_again_first(world: OnCall) -> None:
    """The contact centre says that they were cut off: nobody is asked before it is over."""
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.accepts(KARI)
    world.clock.advance(TALK)
    world.line.hang_up(KARI)
    await world.hears(CENTRE, "consult.over")
    world.line.press(CENTRE, "1")
    await until(lambda: world.line.heard(CENTRE).count("nb/office.calling-kari") == 2)
    world.clock.advance(SOON)
    await world.dispatch.sweep()
    assert await asked(world) == []
    world.line.silence(CENTRE)

    async def again() -> bool:
        return world.line.heard(KARI).count("nb/whisper.consult") == 2

    await settle(again)
    await world.accepts(KARI)
    world.clock.advance(TALK)
    world.line.behave(KARI, Behaviour.RING)
    world.line.hang_up(KARI)
    await until(lambda: world.line.heard(CENTRE).count("nb/consult.over") == 2)
    world.line.silence(CENTRE)
    await until(lambda: world.runner.calls_up == 0)
    assert (await world.all())[0][0].outcome is ConsultOutcome.ANSWERED
    await is_rung_back(world)
