"""The steps of the escalation at the desk: written in time, acknowledged by a person, gone when the request ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callback.desk import Desk, MayNotServe, UnknownPerson
from callback.desk_escalation import NothingToAcknowledge
from callback.request import AttemptOutcome, CallbackRequest, CallResult, IllegalTransition, Reason
from callback.store import Change
from callback.store_memory import MemoryStore
from scheduler.clock import ManualClock, from_local
from scheduler.escalation import instants
from tests.offices import MONDAY, config
from tests.unit.memory_desk import events, memory_desk, memory_store, missed, monday_clock, registered

__all__ = ["memory_desk", "memory_store", "monday_clock"]
DAY = timedelta(days=1)


def steps_of(desk: Desk, request: CallbackRequest) -> dict[int, object]:
    return instants(request.registered_at, request.last_workable_at, desk.calendar("9001"))  # type: ignore[return-value]


async def percents(desk: Desk, request: CallbackRequest, event: str = "escalated") -> list[int]:
    return [e.details["percent"] for e in await desk.store.ledger(request.id) if e.event == event]


async def test_each_step_in_its_time(desk: Desk, clock: ManualClock) -> None:
    """From the registration on the next step stands on the row; each comes when its moment has, and not before."""
    request = await registered(desk)
    for percent, at in steps_of(desk, request).items():
        now = await desk.get(request.id)
        assert now.escalates_at == at
        clock.set(at - timedelta(seconds=1))  # type: ignore[operator]
        await desk.sweep()
        assert (await desk.get(request.id)).escalation == now.escalation
        clock.set(at)  # type: ignore[arg-type]
        await desk.sweep()
        assert (await desk.get(request.id)).escalation == percent
    assert await percents(desk, request) == [50, 75, 90, 100]
    assert (await desk.get(request.id)).escalates_at is None
    await desk.sweep()
    assert await percents(desk, request) == [50, 75, 90, 100]


async def test_jump(desk: Desk, clock: ManualClock) -> None:
    """After a break of a week all steps come at once, each with its line, in one save."""
    request = await registered(desk)
    clock.advance(7 * DAY)
    await desk.sweep()
    after = await desk.get(request.id)
    assert (after.escalation, after.escalates_at) == (100, None)
    assert after.version == request.version + 1
    assert await percents(desk, request) == [50, 75, 90, 100]


async def test_from_before_there_were_steps(desk: Desk, store: MemoryStore, clock: ManualClock) -> None:
    """A request without a moment for its next step gets one at the next sweep, without a line; a late one gets its steps."""
    young, old = await registered(desk), await registered(desk, "+4740001235")
    await store.save(*(Change(replace(r, escalates_at=None), ()) for r in (young, old)))
    await desk.sweep()
    assert (await desk.get(young.id)).escalates_at == young.escalates_at
    assert await percents(desk, young) == []
    await store.save(Change(replace(await desk.get(old.id), escalates_at=None), ()))
    clock.set(from_local(MONDAY.replace(day=24, hour=12, minute=6, tzinfo=None)))
    await desk.sweep()
    assert await percents(desk, old) == [50, 75]


async def test_many(desk: Desk, clock: ManualClock) -> None:
    """More than are saved together, and one that somebody else changed meanwhile costs the others nothing."""
    requests = [await registered(desk, f"+4740{n:06}") for n in range(250)]
    clock.advance(7 * DAY)
    save, raced = desk.store.save, []

    async def racing(*changes: Change) -> tuple[CallbackRequest, ...]:
        if not raced:
            raced.append(True)
            await save(Change(requests[3], ()))
        return await save(*changes)

    desk.store.save = racing  # type: ignore[method-assign]
    await desk.sweep()
    await desk.sweep()
    assert {(await desk.get(r.id)).escalation for r in requests} == {100}


async def test_urgent(desk: Desk, clock: ManualClock) -> None:
    """A request that becomes urgent gets the steps of its shorter clock."""
    request = await registered(desk)
    clock.advance(timedelta(minutes=30))
    urgent = await desk.set_urgent(request.id, Reason.NO_FOOD, "kari")
    assert urgent.escalates_at == MONDAY + timedelta(hours=1)
    clock.advance(timedelta(hours=1, minutes=25))
    await desk.sweep()
    assert await percents(desk, request) == [50, 75, 90]


async def test_urgent_after_a_step(desk: Desk, clock: ManualClock) -> None:
    """A step that was reached stays, and the following ones that are late on the new clock come at once."""
    request = await registered(desk)
    clock.advance(DAY)
    await desk.sweep()
    await desk.set_urgent(request.id, Reason.NO_FOOD, "kari")
    await desk.sweep()
    assert await percents(desk, request) == [50, 75, 90, 100]


@pytest.mark.parametrize("way", ["reached", "withdrawn", "decided", "merged"])
async def test_ended(desk: Desk, clock: ManualClock, way: str) -> None:
    """A request that has ended has no next step, and never gets another."""
    request = await registered(desk)
    if way == "reached":
        await desk.start_attempt(request.id, "kari", "a1")
        await desk.attempt_connected("a1")
        await desk.end_attempt("a1", AttemptOutcome.ANSWERED)
        await desk.record_result(request.id, "kari", CallResult.REACHED)
    elif way == "withdrawn":
        await desk.withdraw(request.id, "caller")
    elif way == "decided":
        await desk.decide(request.id, "kari", "Sent a letter", "letter")
    else:
        older, request = request, await registered(desk, "+4740001299")
        clock.advance(timedelta(minutes=1))
        younger = await registered(desk, None)
        assert (await desk.set_number(younger.id, older.phone or "", "kari")).id == older.id
        request = younger
    after = await desk.get(request.id)
    assert not after.is_open
    assert after.escalates_at is None
    clock.advance(7 * DAY)
    await desk.sweep()
    assert await percents(desk, request) == []


async def test_acknowledged(desk: Desk, clock: ManualClock) -> None:
    """By a person, once; the next step must be acknowledged anew."""
    request = await registered(desk)
    with pytest.raises(NothingToAcknowledge):
        await desk.acknowledge(request.id, "kari")
    clock.advance(DAY)
    await desk.sweep()
    after = await desk.acknowledge(request.id, "ola")
    assert (after.acknowledged, after.acknowledged_by) == (50, "ola")
    assert (await desk.acknowledge(request.id, "kari")).acknowledged_by == "ola"
    clock.advance(7 * DAY)
    await desk.sweep()
    assert (await desk.get(request.id)).acknowledged == 50
    with pytest.raises(NothingToAcknowledge):
        await desk.acknowledge(request.id, "liv", 60)
    assert (await desk.acknowledge(request.id, "liv", 90)).acknowledged == 90
    assert (await desk.acknowledge(request.id, "liv")).acknowledged == 100
    assert (await desk.acknowledge(request.id, "kari", 75)).acknowledged == 100
    assert await percents(desk, request, "acknowledged") == [50, 90, 100]


async def test_who_may_not_acknowledge(desk: Desk, clock: ManualClock) -> None:
    """Nobody unknown, and nobody for a request that has ended."""
    request = await registered(desk)
    clock.advance(7 * DAY)
    await desk.sweep()
    with pytest.raises(UnknownPerson):
        await desk.acknowledge(request.id, "nobody")
    await desk.withdraw(request.id, "caller")
    with pytest.raises(IllegalTransition):
        await desk.acknowledge(request.id, "kari")


async def test_who_is_kept_away_does_not_acknowledge(desk: Desk, clock: ManualClock) -> None:
    """Neither who is disqualified, nor another office, nor who may not see a protected person; an administrator does."""
    request = await registered(desk)
    clock.advance(7 * DAY)
    await desk.sweep()
    with pytest.raises(UnknownPerson):
        await desk.acknowledge(request.id, "siv")
    await desk.disqualify(request.id, "kari", "kari")
    with pytest.raises(MayNotServe):
        await desk.acknowledge(request.id, "kari")
    await desk.set_protected(request.id, True, "liv")
    with pytest.raises(MayNotServe):
        await desk.acknowledge(request.id, "liv")
    assert (await desk.acknowledge(request.id, "admin")).acknowledged_by == "admin"


async def test_who_takes_calls_today(desk: Desk, clock: ManualClock) -> None:
    """Those who said so yesterday are not who is warned."""
    await desk.set_ready("ola", ready=True)
    assert [person.id for person in await desk.takers()] == ["ola"]
    clock.advance(DAY)
    assert await desk.takers() == ()


async def test_overdue_is_still_rung(desk: Desk, clock: ManualClock) -> None:
    """After 100 % the plan goes on: a miss has a next attempt, and the escalation changes nothing of it."""
    request = await registered(desk)
    clock.advance(3 * DAY)
    await desk.sweep()
    after = await missed(desk, await desk.get(request.id))
    assert after.next_attempt_at is not None
    assert after.next_attempt_at > clock.now()
    assert (await events(desk, request))[-1] == "call_missed"


async def test_an_office_that_is_gone(store: MemoryStore, desk: Desk, clock: ManualClock) -> None:
    """Where the office was taken out of the configuration nobody is forgotten: all steps come at the last moment."""
    request = await registered(desk)
    left = config().model_copy(update={"offices": config().offices[1:]})
    desk.use_config(left)
    clock.advance(7 * DAY)
    await desk.sweep()
    assert (await desk.get(request.id)).escalation == 100
