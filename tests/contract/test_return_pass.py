"""The return pass at the desk, over both twins of the store: who may, who is rung for them, and what is written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from callback.desk import Desk, Registration
from callback.request import AttemptOutcome, CallbackRequest, CallResult, IllegalTransition, RequestState
from callback.store import CaseworkerInCall, Store
from config.model import Person, Role
from scheduler.clock import ManualClock
from tests.offices import CALLER, MONDAY, config

OFFICE, OTHER = "9001", "+4790001234"
AFTER_HOURS = timedelta(hours=9)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
def desk(store: Store, clock: ManualClock) -> Desk:
    made = config()
    sami = Person(id="sami", name="Sami", role=Role.CASEWORKER, office_no=OFFICE, extension="203")
    return Desk(store, made.model_copy(update={"people": (*made.people, sami)}), clock)


async def registered(desk: Desk, phone: str = CALLER) -> CallbackRequest:
    request, _ = await desk.register(Registration(OFFICE, phone))
    return request


async def rung(desk: Desk, request: CallbackRequest, attempt: str = "a1", person: str = "kari") -> None:
    await desk.start_attempt(request.id, person, attempt)
    await desk.attempt_ringing(attempt)


async def missed(desk: Desk, outcome: AttemptOutcome = AttemptOutcome.NO_ANSWER) -> CallbackRequest:
    request = await registered(desk)
    await rung(desk, request)
    return await desk.end_attempt("a1", outcome)


@pytest.mark.parametrize(
    "outcome",
    [AttemptOutcome.NO_ANSWER, AttemptOutcome.BUSY, AttemptOutcome.DECLINED, AttemptOutcome.CANCELLED],
)
async def test_whoever_was_missed_is_due_at_once(desk: Desk, outcome: AttemptOutcome) -> None:
    """Due now, the one who tried first, and the ledger says that they rang back; the clock stays."""
    before = await missed(desk, outcome)
    assert before.next_attempt_at is not None
    assert before.next_attempt_at > desk.clock.now()
    returning = await desk.rang_back(OFFICE, CALLER)
    assert returning is not None
    assert returning.request.next_attempt_at == desk.clock.now()
    assert [person.id for person in returning.colleagues] == ["kari"]
    assert (returning.request.registered_at, returning.request.due_at) == (
        before.registered_at,
        before.due_at,
    )
    assert (await desk.store.ledger(before.id))[-1].event == "rang_back"


async def test_nobody_who_was_not_rung_in_vain(desk: Desk, clock: ManualClock) -> None:
    """A stranger, one not tried yet, one whose colleague hung up before they were rung, one we talked with."""
    assert await desk.rang_back(OFFICE, OTHER) is None
    request = await registered(desk)
    assert await desk.rang_back(OFFICE, CALLER) is None
    await desk.start_attempt(request.id, "kari", "a1")
    await desk.end_attempt("a1", AttemptOutcome.CANCELLED)
    assert await desk.rang_back(OFFICE, CALLER) is None
    await rung(desk, request, "a2")
    assert await desk.rang_back(OFFICE, CALLER) is not None
    await desk.end_attempt("a2", AttemptOutcome.NO_ANSWER)
    await rung(desk, request, "a3")
    await desk.attempt_connected("a3")
    assert await desk.rang_back(OFFICE, CALLER) is None, "they talk"
    await desk.end_attempt("a3", AttemptOutcome.ANSWERED)
    assert await desk.rang_back(OFFICE, CALLER) is None
    await desk.record_result(request.id, "kari", CallResult.RING_AGAIN)
    assert await desk.rang_back(OFFICE, CALLER) is None


async def test_closed_discreet_and_borrowed_go_to_the_menu(desk: Desk, clock: ManualClock) -> None:
    """Nobody is at work; someone else may hold the telephone."""
    request = await missed(desk)
    await desk.set_discreet(request.id, discreet=True, actor="caller")
    assert await desk.rang_back(OFFICE, CALLER) is None
    await desk.set_discreet(request.id, discreet=False, actor="caller")
    clock.advance(AFTER_HOURS)
    assert await desk.rang_back(OFFICE, CALLER) is None
    clock.set(MONDAY)
    await desk.set_reachable_until(request.id, MONDAY + timedelta(minutes=5), "caller")
    clock.advance(timedelta(minutes=6))
    assert await desk.rang_back(OFFICE, CALLER) is None


async def test_who_is_rung_for_them(desk: Desk, clock: ManualClock) -> None:
    """The one who tried, whoever has taken it, then who is ready, longest first; not other offices, each once."""
    request = await missed(desk)
    for person in ("liv", "sami", "kari", "siv"):
        await desk.set_ready(person, ready=True)
        clock.advance(timedelta(seconds=1))
    await desk.set_ready("sami", ready=True)
    await desk.claim(request.id, "ola")
    returning = await desk.rang_back(OFFICE, CALLER)
    assert returning is not None
    assert [person.id for person in returning.colleagues] == ["kari", "ola", "sami"]
    await desk.set_ready("sami", ready=False)
    assert [person.id for person in await desk.ready(OFFICE)] == ["liv", "kari"]
    clock.advance(timedelta(days=1))
    assert await desk.ready(OFFICE) == [], "what was said yesterday says nothing of today"
    await desk.set_ready("kari", ready=True)
    assert [person.id for person in await desk.ready(OFFICE)] == ["kari"]


async def test_connecting_ends_the_attempt_under_way(desk: Desk) -> None:
    """Kari rings them while they ring us: one transaction ends her attempt and begins the one that is put through."""
    request = await registered(desk)
    await rung(desk, request)
    saved, ended = await desk.start_return(request.id, "kari", "r0")
    assert ended is not None
    assert (ended.id, ended.outcome) == ("a1", AttemptOutcome.CANCELLED)
    assert saved.state is RequestState.CALLING
    assert [(a.id, a.inbound, a.ended_at is None) for a in saved.attempts] == [
        ("a1", False, False),
        ("r0", True, True),
    ]
    assert (await desk.store.get(request.id)) == saved
    events = [(entry.event, entry.to_state) for entry in await desk.store.ledger(request.id)]
    assert events[-2:] == [("call_missed", "unreachable"), ("call_started", "calling")]
    again, ended = await desk.start_return(request.id, "kari", "r0")
    assert (again, ended) == (saved, None), "a lost answer is asked for again"
    late = await desk.end_attempt("a1", AttemptOutcome.NO_ANSWER)
    assert late == saved, "her call's own end changes nothing"


async def test_a_colleague_in_a_call_changes_nothing(desk: Desk) -> None:
    """Refused as one: the attempt that was to be ended goes on."""
    request, other = await registered(desk), await registered(desk, OTHER)
    await rung(desk, request)
    await rung(desk, other, "b1", "ola")
    before = await desk.get(request.id)
    with pytest.raises(CaseworkerInCall):
        await desk.start_return(request.id, "ola", "r0")
    assert await desk.get(request.id) == before
    assert len(await desk.store.live_attempts()) == 2


async def test_who_talks_already_is_not_put_through(desk: Desk) -> None:
    request = await registered(desk)
    await rung(desk, request)
    await desk.attempt_connected("a1")
    with pytest.raises(IllegalTransition):
        await desk.start_return(request.id, "ola", "r0")


async def test_nobody_took_it(desk: Desk, clock: ManualClock) -> None:
    """The request is due at once, it counts as no attempt to reach them, and they may come back again."""
    request = await missed(desk)
    await desk.start_return(request.id, "kari", "r0")
    assert await desk.rang_back(OFFICE, CALLER) is None, "they are being put through already"
    after = await desk.end_attempt("r0", AttemptOutcome.CANCELLED)
    assert (after.state, after.next_attempt_at) == (RequestState.UNREACHABLE, clock.now())
    assert after.claimed_by is None
    assert await desk.rang_back(OFFICE, CALLER) is not None


async def test_the_talk_is_recorded_as_any_other(desk: Desk) -> None:
    request = await missed(desk)
    await desk.start_return(request.id, "kari", "r0")
    await desk.attempt_connected("r0")
    talked = await desk.end_attempt("r0", AttemptOutcome.ANSWERED)
    assert talked.state is RequestState.RESULT_DUE
    done = await desk.record_result(request.id, "kari", CallResult.REACHED)
    assert done.state is RequestState.REACHED
