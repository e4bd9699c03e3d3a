"""The desk: what is kept of a person, erasing it at their wish, and by itself after a time."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from callback.cli_person import erase_command, show_command
from callback.desk import Desk, DeskError, MissingText
from callback.desk_person import StillOpen
from callback.request import AttemptOutcome, CallbackRequest, CallResult
from callback.store import RequestQuery
from callback.store_memory import MemoryStore
from config.model import RetentionSettings
from scheduler.clock import ManualClock
from tests.offices import CALLER
from tests.unit.memory_desk import (
    events,
    memory_desk,  # noqa: F401  # the fixture `desk`
    memory_store,  # noqa: F401  # the fixture `store`
    missed,
    monday_clock,  # noqa: F401  # the fixture `clock`
    registered,
)

OTHER, THIRD = "+4790001234", "+4790005678"
NOTE = "Berit er redd"


async def ended(desk: Desk, phone: str = CALLER, attempt: str = "a1") -> CallbackRequest:
    """Rung once in vain, then withdrawn."""
    request = await missed(desk, await registered(desk, phone, note=NOTE), attempt=attempt)
    return await desk.withdraw(request.id, "kari")


async def everything(desk: Desk) -> str:
    """All that the store has of requests and their ledgers."""
    requests = await desk.find(RequestQuery())
    return repr([(request, await desk.store.ledger(request.id)) for request in requests])


async def test_erased_at_their_wish(desk: Desk) -> None:
    """Number and note go from every request of theirs that ended; the row and its history stay, and say why."""
    one, two = await ended(desk), await ended(desk, attempt="a2")
    theirs = await ended(desk, OTHER, "a3")
    lines = await desk.store.ledger(one.id)
    with capture_logs() as logged:
        assert await erase_command(desk, "40 00 12 34", "  de ba om det ") == "Erased from 2 requests."
    for request in (one, two):
        after = await desk.get(request.id)
        assert (after.phone, after.note, [a.phone for a in after.attempts]) == (None, None, [None])
        assert (after.state, after.reference) == (request.state, request.reference)
    *before, line = await desk.store.ledger(one.id)
    assert before == lines
    assert (line.event, line.actor, line.details) == ("erased", "command_line", {"why": "de ba om det"})
    assert await desk.get(theirs.id) == theirs
    left = await everything(desk)
    assert CALLER not in left + repr(logged)
    assert left.count(NOTE) == 1
    assert NOTE not in repr(logged)
    assert await erase_command(desk, CALLER, "igjen") == "There was nothing to erase."
    assert await show_command(desk, CALLER, as_json=False) == "Nothing is kept of this number."


async def test_an_open_request_keeps_them(desk: Desk) -> None:
    """Nothing is erased while one is open; which, and what to do, is said without the number."""
    await ended(desk)
    request = await registered(desk, CALLER)
    before = await everything(desk)
    with pytest.raises(StillOpen, match=f"{request.reference} .office 9001.; end it on its page") as refused:
        await desk.erase_person(CALLER, "de ba om det", "command_line")
    assert CALLER not in str(refused.value)
    assert await everything(desk) == before


@pytest.mark.parametrize("why", ["", "  ", "ring 40 00 12 34", "født 01017012345"])
async def test_a_reason_is_needed_and_holds_no_number(desk: Desk, why: str) -> None:
    """It stays in the ledger for ever."""
    await ended(desk)
    before = await everything(desk)
    with pytest.raises((MissingText, DeskError), match="write"):
        await desk.erase_person(CALLER, why, "command_line")
    assert await everything(desk) == before


async def test_a_number_that_was_keyed_wrong(desk: Desk) -> None:
    """Whose number was rung for somebody else sees and erases that attempt, and nothing of the other person."""
    request = await missed(desk, await registered(desk, CALLER, note=NOTE))
    await desk.set_number(request.id, OTHER, "kari")
    request = await missed(desk, request, attempt="a2")
    await desk.withdraw(request.id, "kari")
    shown = json.loads(await show_command(desk, CALLER, as_json=True))
    (seen,) = shown["requests"]
    assert (seen["phone"], seen["note"], [a["id"] for a in seen["attempts"]]) == (None, None, ["a1"])
    assert OTHER not in json.dumps(shown)
    await desk.erase_person(CALLER, "feil nummer", "command_line")
    after = await desk.get(request.id)
    assert (after.phone, after.note, [a.phone for a in after.attempts]) == (OTHER, NOTE, [None, OTHER])


async def test_shown_whole(desk: Desk) -> None:
    """Requests with attempts and history, in words and as JSON; and whether the number is never called."""
    request = await ended(desk)
    await desk.never_call(CALLER, "command_line")
    shown = json.loads(await show_command(desk, "40001234", as_json=True))
    assert shown["never_called"] is True
    (seen,) = shown["requests"]
    assert (seen["id"], seen["phone"], seen["note"]) == (request.id, CALLER, NOTE)
    assert [attempt["phone"] for attempt in seen["attempts"]] == [CALLER]
    assert [line["event"] for line in seen["ledger"]] == await events(desk, request)
    told = await show_command(desk, "40001234", as_json=False)
    for word in (
        request.id,
        CALLER,
        NOTE,
        "no_answer",
        "call_missed",
        "withdrawn",
        "This number is never called",
    ):
        assert word in told
    assert "stays on the list of those never called" in await erase_command(desk, CALLER, "ønske")
    with pytest.raises(ValueError, match="not a telephone number"):
        await show_command(desk, "tull", as_json=False)


async def test_erased_by_itself(desk: Desk, clock: ManualClock) -> None:
    """Thirty days after it ended, by the sweep, once; an open one is kept, however old."""
    gone = await ended(desk)
    stays = await registered(desk, OTHER, note=NOTE)
    clock.advance(timedelta(days=30))
    await desk.sweep()
    assert (await desk.get(gone.id)).phone == CALLER
    clock.advance(timedelta(seconds=1))
    for _ in range(2):
        await desk.sweep()
    after = await desk.get(gone.id)
    assert (after.phone, after.note, [a.phone for a in after.attempts]) == (None, None, [None])
    (line,) = [entry for entry in await desk.store.ledger(gone.id) if entry.event == "erased"]
    assert (line.actor, line.details) == ("service", {})
    kept = await desk.get(stays.id)
    assert (kept.phone, kept.note, kept.state) == (stays.phone, stays.note, stays.state)


async def test_the_office_says_how_long(desk: Desk, clock: ManualClock) -> None:
    """`[retention] days`, in force at the next sweep."""
    request = await ended(desk)
    settings = desk.config.settings.model_copy(update={"retention": RetentionSettings(days=2)})
    desk.use_config(desk.config.model_copy(update={"settings": settings}))
    clock.advance(timedelta(days=2, seconds=1))
    await desk.sweep()
    assert (await desk.get(request.id)).phone is None


async def test_the_ledger_never_holds_who_it_was(desk: Desk, store: MemoryStore, clock: ManualClock) -> None:
    """Neither number nor note, whatever is done with a request: the chain must hold when they are erased."""
    one = await missed(desk, await registered(desk, CALLER, note=NOTE))
    clock.advance(timedelta(minutes=1))  # the older one stays when they are merged
    two = await registered(desk, THIRD, note=NOTE)
    await registered(desk, CALLER, note=NOTE)
    await desk.set_number(one.id, OTHER, "kari")
    await desk.claim(one.id, "kari")
    await desk.reassign(one.id, "ola", "liv")
    await desk.start_attempt(one.id, "ola", "a2")
    await desk.attempt_ringing("a2")
    await desk.never_call_at("a2")
    await desk.end_attempt("a2", AttemptOutcome.DECLINED, 21)
    await desk.lift_never_call(one.id, "liv", NOTE)
    await desk.start_attempt(one.id, "ola", "a3")
    await desk.attempt_connected("a3")
    await desk.end_attempt("a3", AttemptOutcome.ANSWERED, 16)
    await desk.record_result(one.id, "ola", CallResult.RING_AGAIN, note=NOTE)
    await desk.set_number(two.id, OTHER, "kari")
    await desk.decide(one.id, "ola", NOTE, f"{NOTE} {OTHER}")
    lines = [entry for ledger in store._ledger.values() for entry in ledger]
    assert {"merged", "withdrawn", "number_changed", "asked_not_to_be_called", "never_call_lifted"} <= {
        entry.event for entry in lines
    }
    assert not any(word in repr(lines) for word in (CALLER[3:], OTHER[3:], THIRD[3:], NOTE))
