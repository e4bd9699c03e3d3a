"""The consult call where two things happen at once, or something is taken away under it, over the simulated line and at
Twilio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from callback.consult import Consult, ConsultOutcome, DutyOutcome
from callback.request import RequestState, Urgency
from hardware.simulated.phone import Behaviour
from tests.e2e.waiting import until
from tests.integration.test_consult import (
    CENTRE,
    KARI,
    LIV,
    TALK,
    OnCall,
    behave,
    on_call_config,
    says_it_is_urgent,
)
from tests.integration.test_story import settle
from tests.offices import CALLER

ALONE = {"people": ("kari",), "leader": None}
NOBODY = {"people": (), "leader": None}
SHARED = "+4740000077"


@pytest.fixture
async def world(request: pytest.FixtureRequest, line: str) -> AsyncIterator[OnCall]:
    world = await OnCall(on_call_config(**getattr(request, "param", {})), line).open()
    yield world  # type: ignore[misc]
    await world.close()


async def comes_to_a_voicemail(world: OnCall) -> None:
    behave(world, kari=Behaviour.ANSWER)
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.hears(KARI, "whisper.consult")


async def is_promised_instead(world: OnCall) -> None:
    """Nobody rings any more, which is no answer; the other side is still there."""

    async def told() -> bool:
        return await world.came_of() == [("kari", DutyOutcome.NO_ANSWER)]

    await until(lambda: world.line.leg_of(KARI) is None)
    await settle(told)
    world.line.silence(CENTRE)
    await world.hears(CENTRE, "consult.nobody")


@pytest.mark.parametrize("world", [ALONE], indirect=True)
async def test_a_voicemail_that_listens_is_stopped_by_the_timer(world: OnCall) -> None:
    """It rings for `longest` less what it takes to stop it; nobody asks the runner to look."""
    settings = world.config.settings
    oncall = settings.oncall.model_copy(update={"longest": timedelta(seconds=4.05)})
    settings = settings.model_copy(update={"oncall": oncall})
    world.desk.use_config(world.config.model_copy(update={"settings": settings}))
    await comes_to_a_voicemail(world)
    world.clock.advance(timedelta(seconds=1))
    await is_promised_instead(world)


@pytest.mark.parametrize("world", [ALONE], indirect=True)
@pytest.mark.parametrize("how", ["the sweep", "the service is back", "the line is back"])
async def test_a_moment_that_was_missed(world: OnCall, how: str) -> None:
    """What listens is stopped as soon as somebody looks."""
    await comes_to_a_voicemail(world)
    if how == "the service is back":
        await world.kill()
    elif how == "the line is back":
        world.line.lose()
    world.clock.advance(timedelta(seconds=56))
    if how == "the service is back":
        await world.reboot()
    else:
        await world.dispatch.sweep()
    world.line.restore()
    await is_promised_instead(world)


@pytest.mark.parametrize("world", [ALONE], indirect=True)
@pytest.mark.parametrize("line", ["simulated"])
async def test_who_accepts_as_they_are_stopped_has_the_call(world: OnCall) -> None:
    """They pressed 1 in the moment in which the time was up: they are rung again at once. (At Twilio the key is a request
    to us: it comes before our hanging up, or after.)"""
    await comes_to_a_voicemail(world)
    world.clock.advance(timedelta(seconds=56))
    world.line.press(KARI, "1")
    world.runner.wake()
    await world.is_told(CENTRE, "consult.dropped")
    await until(lambda: world.line.heard(CENTRE).count("nb/office.calling-kari") == 2)
    world.line.silence(CENTRE)
    await until(lambda: world.line.heard(KARI).count("nb/whisper.consult") == 2)
    await world.accepts(KARI)
    assert (await world.came_of())[-1] == ("kari", None)


async def test_a_call_that_begins_in_the_middle_of_a_sweep(world: OnCall) -> None:
    """It is not taken for one that was lost: its telephone rings on for it alone."""
    behave(world, kari=Behaviour.RING)
    read = world.store.open_consults

    async def begins_meanwhile() -> list[Consult]:
        world.store.open_consults = read  # type: ignore[method-assign]
        await world.rings()
        await world.is_told(CENTRE, "office.calling-kari")
        await world.is_rung(KARI)
        return await read()

    world.store.open_consults = begins_meanwhile  # type: ignore[method-assign]
    await world.dispatch.sweep()
    assert (await world.record())[0].outcome is None
    assert [leg.telephone for leg in await world.store.live_duty_legs()] == [KARI]


async def comes_to_the_number(world: OnCall) -> None:
    await world.rings()
    await world.hears(CENTRE, "consult.within")
    world.line.press(CENTRE, "1")
    await world.hears(CENTRE, "consult.number")


@pytest.mark.parametrize("world", [NOBODY], indirect=True)
async def test_whoever_hangs_up_right_after_the_promise_has_it(world: OnCall) -> None:
    """They pressed 1 for it. Some keys of a number are none: it is the one they ring from."""
    await comes_to_the_number(world)
    await world.presses(CENTRE, "4000")
    world.line.hang_up(CENTRE)
    request = await world.in_state(RequestState.WAITING)
    assert (request.phone, request.urgency) == (CENTRE, Urgency.URGENT)
    consult = await world.over()
    assert (consult.outcome, consult.request_id) == (ConsultOutcome.PROMISED, request.id)


@pytest.mark.parametrize("world", [NOBODY], indirect=True)
async def test_gone_and_the_number_they_ring_from_is_never_called(world: OnCall) -> None:
    """The request is there all the same, without a number."""
    await world.desk.never_call(CENTRE, "kari")
    await comes_to_the_number(world)
    world.line.hang_up(CENTRE)
    request = await world.in_state(RequestState.WAITING)
    assert (request.phone, (await world.over()).request_id) == (None, request.id)


async def takes_the_line_out(world: OnCall) -> None:
    world.desk.use_config(world.config.model_copy(update={"lines": ()}))


async def test_the_line_is_taken_out_under_an_urgent_caller(world: OnCall) -> None:
    """They go on in the menu, with their promise."""
    await says_it_is_urgent(world)
    await takes_the_line_out(world)
    world.line.silence(CALLER)
    await world.hears(CALLER, "intake.choices")
    assert (await world.over()).outcome is ConsultOutcome.PROMISED


async def test_the_line_is_taken_out_in_the_promise(world: OnCall) -> None:
    behave(world, **dict.fromkeys(("kari", "ola", "siv", "liv"), Behaviour.BUSY))
    await world.rings()
    for name in ("kari", "ola", "siv", "liv"):
        await world.is_told(CENTRE, f"office.calling-{name}")
    await world.hears(CENTRE, "consult.nobody")
    await takes_the_line_out(world)
    assert (await world.promised()).phone == CALLER


async def test_the_line_is_taken_out_before_the_result(world: OnCall) -> None:
    """What is to be followed up is on the list all the same."""
    behave(world, kari=Behaviour.ANSWER)
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.accepts(KARI)
    world.clock.advance(TALK)
    world.line.hang_up(CENTRE)
    await world.hears(KARI, "duty.result")
    await takes_the_line_out(world)
    world.line.press(KARI, "2")
    await world.is_told(KARI, "duty.thanks")
    await until(lambda: world.runner.calls_up == 0)
    assert (await world.the_request()).assigned_to == "kari"


@pytest.mark.parametrize(
    "world", [{"telephone": SHARED, "people": ("kari", "ola"), "leader": "liv"}], indirect=True
)
async def test_one_telephone_of_two_people_rings_once(world: OnCall) -> None:
    """Nobody picks it up: the leader is next, not the same telephone again."""
    world.line.behave(SHARED, Behaviour.NO_ANSWER)
    behave(world, liv=Behaviour.RING)
    await world.rings()
    await world.is_told(CENTRE, "office.calling-kari")
    await world.is_told(CENTRE, "office.calling-liv")
    await world.is_rung(LIV)
    assert [person for person, _ in await world.came_of()] == ["kari", "liv"]


@pytest.mark.parametrize("world", [NOBODY], indirect=True)
async def test_no_call_is_promised_where_there_is_no_number(world: OnCall) -> None:
    """Every number keyed in is one that is never called: the reference, and what is true."""
    await world.desk.never_call(CALLER, "kari")
    await comes_to_the_number(world)
    for times in range(1, 5):
        await until(lambda times=times: world.line.heard(CENTRE).count("nb/consult.number") == times)  # type: ignore[misc]
        await world.presses(CENTRE, CALLER[3:])
    await world.hears(CENTRE, "consult.reference")
    assert (await world.the_request()).phone is None
    assert "nb/consult.no_number" in world.line.heard(CENTRE)
    assert "nb/consult.promised" not in world.line.heard(CENTRE)


@pytest.mark.parametrize("world", [NOBODY], indirect=True)
async def test_two_callers_of_the_contact_centre_are_two_on_the_list(world: OnCall) -> None:
    """All who work there show one number: the second promise for it is no repetition of the first."""
    for _ in range(2):
        told = len(world.line.heard(CENTRE))
        await world.rings()
        await until(lambda told=told: "nb/consult.within" in world.line.heard(CENTRE)[told:])  # type: ignore[misc]
        world.line.press(CENTRE, "1")
        await until(lambda told=told: "nb/consult.number" in world.line.heard(CENTRE)[told:])  # type: ignore[misc]
        world.line.hang_up(CENTRE)
        await until(lambda: world.runner.calls_up == 0)
    requests = await world.requests()
    assert [request.urgency for request in requests] == [Urgency.URGENT] * 2
    assert {request.phone for request in requests} == {CENTRE, None}
