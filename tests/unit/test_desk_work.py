"""What the call machines ask of the desk, over a list in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callback.desk import Desk
from callback.turn import OnTheLine
from config.model import LimitSettings
from ivr.desk_work import DeskWork
from ivr.machine import AttemptEnded, EndAttempt, Find, Found, Register, Registered, Update
from tests.offices import CALLER
from tests.unit.memory_desk import (
    memory_desk,  # noqa: F401  # the fixture `desk`
    memory_store,  # noqa: F401  # the fixture `store`
    missed,
    monday_clock,  # noqa: F401  # the fixture `clock`
    registered,
)

FIND = Find("9001", CALLER, None)
PRESSED_1 = Register("9001", CALLER, "en", "key")


@pytest.fixture(name="work")
def work_of_the_desk(desk: Desk) -> DeskWork:
    return DeskWork(desk, OnTheLine)


async def test_a_chosen_language_follows_who_is_on_the_list(desk: Desk, work: DeskWork) -> None:
    """Only one that was chosen: the one a call begins in says nothing of the caller."""
    request = await registered(desk, language="pl")
    await work.perform("call", PRESSED_1)
    assert (await desk.get(request.id)).language == "pl"
    await work.perform("call", Register("9001", CALLER, "en", "key", chosen=True))
    assert (await desk.get(request.id)).language == "en"


async def test_registering_is_said_again_or_anew(desk: Desk, work: DeskWork) -> None:
    """The same command again is the same request; after being taken off the list in the same call, another."""
    first = await work.perform("call", PRESSED_1)
    assert isinstance(first, Registered)
    assert await work.perform("call", PRESSED_1) == first
    await work.perform("call", Update(first.request_id, withdraw=True))
    second = await work.perform("call", replace(PRESSED_1, nth=1))
    assert isinstance(second, Registered)
    assert second.request_id != first.request_id
    assert (await desk.get(second.request_id)).is_open


async def test_no_call_is_told_of_that_nobody_makes(desk: Desk, work: DeskWork) -> None:
    """Whoever needs an interpreter hears of a next attempt only once one is booked; so does the colleague who rang in vain."""
    request = await registered(desk)
    await desk.set_interpreter(request.id, True, None, "kari")
    await missed(desk, request, attempt="a1")
    found = await work.perform("call", FIND)
    assert isinstance(found, Found)
    assert found.next_at is None
    await desk.start_attempt(request.id, "kari", "a2")
    assert await work.perform("call", EndAttempt("a2", "no_answer", None)) == AttemptEnded(None)
    tomorrow = desk.clock.now() + timedelta(days=1)
    await desk.set_interpreter(request.id, True, tomorrow, "kari")
    found = await work.perform("call", FIND)
    assert isinstance(found, Found)
    assert found.next_at == tomorrow


async def test_a_number_that_is_not_rung_is_found_so(desk: Desk, work: DeskWork) -> None:
    """And pressing 1 there lifts it."""
    await registered(desk)
    await desk.never_call(CALLER, "callee")
    found = await work.perform("call", FIND)
    assert isinstance(found, Found)
    assert found.not_rung
    assert isinstance(await work.perform("another call", PRESSED_1), Registered)
    found = await work.perform("another call", FIND)
    assert isinstance(found, Found)
    assert not found.not_rung


@pytest.mark.parametrize(
    ("caller", "most"),
    [(CALLER, LimitSettings().references_per_caller), (None, LimitSettings().references_withheld)],
    ids=["known", "withheld"],
)
async def test_references_are_not_guessed_for_ever(
    desk: Desk, work: DeskWork, caller: str | None, most: int
) -> None:
    """After so many on one day nobody is found, and each is counted as a refusal; others are not held back by it."""
    request = await registered(desk)
    right = Find("9001", None, request.reference, keyed=True, caller=caller)
    for guess in range(most - 1):
        wrong = Find("9001", None, f"{guess:06}", keyed=True, caller=caller)
        assert await work.perform("call", wrong) == Found(None)
    assert await work.perform("call", right) != Found(None)
    assert await work.perform("call", right) == Found(None)
    assert await desk.refusals() == {"too_many_references": 1}
    other = Find("9001", None, request.reference, keyed=True, caller="+4790001234")
    assert await work.perform("call", other) != Found(None)
    assert await work.perform("call", Find("9001", None, request.reference)) != Found(None)
