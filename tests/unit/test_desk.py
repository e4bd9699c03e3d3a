"""The desk: registering, claiming, ringing, results, and what can never happen to a clock or a place."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from callback.desk import (
    Desk,
    DeskError,
    HasNoNumber,
    HeldByOther,
    MissingText,
    Registration,
    UnknownOffice,
    UnknownPerson,
)
from callback.numbers import NumberRefused, Refusal
from callback.request import (
    AttemptOutcome,
    CallbackRequest,
    CallResult,
    IllegalTransition,
    NumberSource,
    Origin,
    Reason,
    RequestState,
    Urgency,
)
from callback.store import CaseworkerInCall, Change, NumberInCall, RequestQuery
from callback.store_memory import MemoryStore
from scheduler.clock import ManualClock
from tests.offices import CALLER, MONDAY
from tests.unit.memory_desk import (
    events,
    memory_desk,  # noqa: F401  # the fixture `desk`
    memory_store,  # noqa: F401  # the fixture `store`
    missed,
    monday_clock,  # noqa: F401  # the fixture `clock`
    registered,
)

S = RequestState


async def test_registering_sets_both_clocks(desk: Desk) -> None:
    """A request gets due_at, answer_by_date and a first attempt the moment it is made."""
    request = await registered(desk)
    assert request.due_at == MONDAY + timedelta(hours=48)
    assert request.answer_by_date.isoformat() == "2026-11-25"
    assert request.next_attempt_at == MONDAY
    assert (request.state, request.urgency) == (S.WAITING, Urgency.ORDINARY)
    assert await events(desk, request) == ["registered"]


async def test_registering_again_returns_the_open_request(desk: Desk, clock: ManualClock) -> None:
    """A second call from the same number is the same request with the same clock."""
    first = await registered(desk)
    clock.advance(timedelta(hours=3))
    again, created = await desk.register(Registration("9001", "40001234"))
    assert not created
    assert (again.id, again.registered_at, again.due_at) == (first.id, first.registered_at, first.due_at)


async def test_fifty_at_once_are_one_request(desk: Desk) -> None:
    """Fifty registrations of one number in the same moment make one request."""
    made = await asyncio.gather(*[desk.register(Registration("9001", CALLER)) for _ in range(50)])
    assert len({request.id for request, _ in made}) == 1
    assert sum(created for _, created in made) == 1


@pytest.mark.parametrize(
    "reason", [Reason.NO_FOOD, Reason.NO_POWER, Reason.NO_SHELTER, Reason.EMERGENCY_HELP]
)
async def test_the_four_urgent_reasons_are_urgent(desk: Desk, reason: Reason) -> None:
    """Nav's own four reasons give the same-day clock."""
    request = await registered(desk, reason=reason)
    assert request.urgency is Urgency.URGENT
    assert request.due_at == MONDAY + timedelta(hours=2)


@pytest.mark.parametrize("phone", ["112", "82000000", "+46701234567", "12345", "", "59000000"])
async def test_a_refused_number_changes_nothing(desk: Desk, phone: str) -> None:
    """A number we may not ring is refused and nobody is registered."""
    with pytest.raises(NumberRefused):
        await registered(desk, phone)
    assert await desk.find(RequestQuery()) == []


async def test_unknown_office_lists_the_known(desk: Desk) -> None:
    """A wrong office number says which there are."""
    with pytest.raises(UnknownOffice, match="9001, 9002"):
        await desk.register(Registration("1234", CALLER))


@pytest.mark.parametrize(
    ("outcome", "delay"),
    [
        (AttemptOutcome.BUSY, timedelta(minutes=7)),
        (AttemptOutcome.NO_ANSWER, timedelta(minutes=45)),
        (AttemptOutcome.DECLINED, timedelta(minutes=45)),
        (AttemptOutcome.LINE_FAILED, timedelta(minutes=1)),
        (AttemptOutcome.CANCELLED, timedelta(0)),  # nobody was rung
    ],
)
async def test_a_missed_call_keeps_everything(desk: Desk, outcome: AttemptOutcome, delay: timedelta) -> None:
    """After a miss: same id, same registered time, same deadline, free again, with a next attempt."""
    before = await registered(desk)
    after = await missed(desk, before, outcome)
    assert after.state is S.UNREACHABLE
    assert (after.id, after.reference) == (before.id, before.reference)
    assert (after.registered_at, after.due_at, after.answer_by_date) == (
        before.registered_at, before.due_at, before.answer_by_date,
    )  # fmt: skip
    assert after.next_attempt_at == MONDAY + delay
    assert after.claimed_by is None
    assert [(a.outcome, a.cause) for a in after.attempts] == [(outcome, 17)]


async def test_the_next_attempt_counts_from_the_ringing(desk: Desk, clock: ManualClock) -> None:
    """Not from the click and not from the end; after a conversation from its end. Another number: as if untried."""
    request = await registered(desk)
    await desk.start_attempt(request.id, "kari", "a1")
    clock.advance(timedelta(minutes=2))
    await desk.attempt_ringing("a1")
    clock.advance(timedelta(minutes=1))
    rang = await desk.end_attempt("a1", AttemptOutcome.NO_ANSWER)
    assert rang.next_attempt_at == MONDAY + timedelta(minutes=2 + 45)
    await desk.start_attempt(request.id, "kari", "a2")
    await desk.attempt_ringing("a2")
    await desk.attempt_connected("a2")
    clock.advance(timedelta(minutes=20))
    await desk.end_attempt("a2", AttemptOutcome.ANSWERED)
    again = await desk.record_result(request.id, "kari", CallResult.RING_AGAIN)
    assert again.next_attempt_at == datetime(2026, 11, 23, 9, 13, tzinfo=UTC)
    moved = await desk.set_number(request.id, "90001234", "kari")
    assert moved.next_attempt_at == clock.now()
    assert (moved.registered_at, moved.due_at) == (request.registered_at, request.due_at)


async def test_no_answer_then_busy_then_reached(desk: Desk, clock: ManualClock) -> None:
    """Three attempts on one request, and only the talk ends it."""
    request = await registered(desk)
    await missed(desk, request, AttemptOutcome.NO_ANSWER, "a1")
    clock.advance(timedelta(minutes=50))
    await missed(desk, request, AttemptOutcome.BUSY, "a2")
    clock.advance(timedelta(minutes=10))
    await desk.start_attempt(request.id, "ola", "a3")
    await desk.attempt_ringing("a3")
    await desk.attempt_connected("a3")
    talked = await desk.end_attempt("a3", AttemptOutcome.ANSWERED, 16)
    assert talked.state is S.RESULT_DUE
    assert talked.claimed_by == "ola"
    done = await desk.record_result(request.id, "ola", CallResult.REACHED)
    assert done.state is S.REACHED
    assert done.next_attempt_at is None
    assert [a.outcome for a in done.attempts] == ["no_answer", "busy", "answered"]
    assert done.attempts[2].ringing_at is not None
    assert done.registered_at == MONDAY


async def test_two_clicks_at_once_are_one_attempt(desk: Desk) -> None:
    """Of two caseworkers who press Ring in the same moment, one rings and the other is told who has it."""
    request = await registered(desk)
    results = await asyncio.gather(
        desk.start_attempt(request.id, "kari", "a1"),
        desk.start_attempt(request.id, "ola", "a2"),
        return_exceptions=True,
    )
    (refused,) = [r for r in results if isinstance(r, BaseException)]
    assert isinstance(refused, HeldByOther)
    assert refused.person_id == "kari"
    assert len((await desk.get(request.id)).attempts) == 1


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_a_call_ends_while_somebody_writes(
    desk: Desk, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, meanwhile: bool
) -> None:
    """A call's event reads its request once, and once more only when somebody changed it in between: both are kept."""
    request = await registered(desk)
    await desk.start_attempt(request.id, "kari", "a1")
    find, get, reads = store.get_by_attempt, store.get, []

    async def found(attempt_id: str) -> CallbackRequest | None:
        before = await find(attempt_id)
        if meanwhile:
            await desk.set_discreet(request.id, True, "ola")
            reads.clear()
        return before

    async def counted(request_id: str) -> CallbackRequest | None:
        reads.append(request_id)
        return await get(request_id)

    monkeypatch.setattr(store, "get_by_attempt", found)
    monkeypatch.setattr(store, "get", counted)
    ended = await desk.end_attempt("a1", AttemptOutcome.NO_ANSWER)
    assert ended.state is RequestState.UNREACHABLE
    assert ended.discreet == meanwhile
    assert len(reads) == meanwhile


async def test_one_person_clicking_twice_is_one_attempt(desk: Desk) -> None:
    """A double click is no second call."""
    request = await registered(desk)
    results = await asyncio.gather(
        *[desk.start_attempt(request.id, "kari", f"a{i}") for i in range(5)], return_exceptions=True
    )
    assert sum(isinstance(r, tuple) for r in results) == 1
    assert all(isinstance(r, tuple | IllegalTransition | CaseworkerInCall) for r in results)


async def test_one_live_call_per_number(desk: Desk) -> None:
    """The same number waiting at two offices is not rung by both at once."""
    here = await registered(desk)
    there, _ = await desk.register(Registration("9002", CALLER))
    await desk.start_attempt(here.id, "kari", "a1")
    with pytest.raises(NumberInCall):
        await desk.start_attempt(there.id, "siv", "a2")
    assert (await desk.get(there.id)).attempts == ()


async def test_a_caseworker_has_one_call(desk: Desk) -> None:
    """A caseworker who is in a call cannot start another."""
    one, two = await registered(desk), await registered(desk, "+4740009999")
    await desk.start_attempt(one.id, "kari", "a1")
    with pytest.raises(CaseworkerInCall):
        await desk.start_attempt(two.id, "kari", "a2")


async def test_ending_twice_changes_nothing(desk: Desk) -> None:
    """The end of a call may be reported again, after a restart for example."""
    request = await registered(desk)
    once = await missed(desk, request, AttemptOutcome.BUSY)
    again = await desk.end_attempt("a1", AttemptOutcome.LINE_FAILED)
    assert again == once
    assert (await events(desk, request)).count("call_missed") == 1


async def test_colleagues_of_another_office_cannot_act(desk: Desk) -> None:
    """A caseworker acts on their own office's requests only."""
    request = await registered(desk)
    with pytest.raises(UnknownPerson):
        await desk.start_attempt(request.id, "siv", "a1")
    with pytest.raises(UnknownPerson):
        await desk.reassign(request.id, "siv", "liv")


async def test_a_request_without_a_number_cannot_be_rung(desk: Desk) -> None:
    """A withheld caller is on the list with a reference, and is rung once a number is known."""
    request = await registered(desk, None)
    with pytest.raises(HasNoNumber):
        await desk.start_attempt(request.id, "kari", "a1")
    moved = await desk.set_number(request.id, "90001234", "caller")
    assert moved.phone == "+4790001234"
    assert (await desk.start_attempt(request.id, "kari", "a1"))[0].state is S.CALLING


async def test_keying_a_number_that_waits_already_joins_the_older_request(
    desk: Desk, clock: ManualClock
) -> None:
    """A withheld caller who gives a number already on the list keeps the older place; none is lost."""
    older = await registered(desk)
    clock.advance(timedelta(hours=1))
    younger = await registered(desk, None)
    kept = await desk.set_number(younger.id, CALLER, "caller")
    assert kept.id == older.id
    assert (await desk.get(younger.id)).state is S.WITHDRAWN
    assert (await desk.store.ledger(younger.id))[-1].details["merged_into"] == older.id


async def test_the_older_clock_lives_on(desk: Desk, clock: ManualClock) -> None:
    """An older request moved to a number with a younger one takes that number over; the younger joins it."""
    older = await registered(desk, None)
    clock.advance(timedelta(hours=1))
    younger = await registered(desk, "+4790001234")
    kept = await desk.set_number(older.id, "+4790001234", "caller")
    assert (kept.id, kept.phone, kept.due_at) == (older.id, "+4790001234", older.due_at)
    assert (await desk.get(younger.id)).state is S.WITHDRAWN


async def test_a_request_a_colleague_is_busy_with_is_not_merged_away(desk: Desk, clock: ManualClock) -> None:
    """While the younger one's number is being rung, both stay."""
    older = await registered(desk, None)
    clock.advance(timedelta(hours=1))
    younger = await registered(desk, "+4790001234")
    await desk.start_attempt(younger.id, "kari", "a1")
    assert (await desk.set_number(older.id, "+4790001234", "caller")).id == younger.id
    assert (await desk.get(older.id)).state is S.WAITING
    assert (await desk.get(younger.id)).state is S.CALLING


async def test_merging_into_a_request_that_ends_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one it would join is ended in the same moment: the number is set, and nobody is withdrawn."""
    older = await registered(desk)
    younger = await registered(desk, None)
    real = desk.store.save

    async def ended_first(*changes: Change) -> tuple[CallbackRequest, ...]:
        if len(changes) == 2:
            monkeypatch.setattr(desk.store, "save", real)
            await desk.withdraw(older.id, "caller")
        return await real(*changes)

    monkeypatch.setattr(desk.store, "save", ended_first)
    kept = await desk.set_number(younger.id, CALLER, "caller")
    assert (kept.id, kept.phone, kept.state) == (younger.id, CALLER, S.WAITING)


async def test_ringing_again_after_a_talk_without_a_result(desk: Desk) -> None:
    """Who rings again before the result is written wants to be rung again: that is now the result."""
    request = await registered(desk)
    await missed(desk, request, AttemptOutcome.ANSWERED)
    again = await registered(desk)
    assert (again.id, again.state, again.claimed_by) == (request.id, S.UNREACHABLE, None)
    assert again.next_attempt_at == MONDAY
    with pytest.raises(DeskError):
        await desk.record_result(request.id, "kari", CallResult.REACHED)


async def test_ringing_again_after_a_miss_is_due_at_once(desk: Desk) -> None:
    """A missed caller who rings back keeps the clock and is due now; the ledger knows."""
    request = await registered(desk)
    await missed(desk, request, AttemptOutcome.NO_ANSWER)
    again = await registered(desk)
    assert (again.next_attempt_at, again.due_at) == (MONDAY, request.due_at)
    assert (await events(desk, request))[-1] == "registered_again"


async def test_registering_again_as_urgent_is_not_forgotten(desk: Desk) -> None:
    """The contact centre registers an urgent reason for someone on the list: it becomes urgent by its own clock, the note is kept."""
    request = await registered(desk)
    again = await registered(desk, reason=Reason.NO_FOOD, note="To barn")
    assert (again.id, again.urgency, again.reason) == (request.id, Urgency.URGENT, Reason.NO_FOOD)
    assert (again.note, again.due_at) == ("To barn", MONDAY + timedelta(hours=2))


async def test_a_result_is_recorded_once(desk: Desk) -> None:
    """A second tab cannot turn "wrong person" into "reached"."""
    request = await registered(desk)
    await missed(desk, request, AttemptOutcome.ANSWERED)
    await desk.record_result(request.id, "kari", CallResult.WRONG_PERSON)
    with pytest.raises(DeskError):
        await desk.record_result(request.id, "kari", CallResult.REACHED)
    assert (await desk.get(request.id)).state is S.UNREACHABLE


@pytest.mark.parametrize("phone", ["73000010", "+4773000011", "73000020"])
async def test_our_own_lines_are_never_rung(desk: Desk, phone: str) -> None:
    """A callback to an office's own number would ring the menu."""
    with pytest.raises(NumberRefused) as refused:
        await registered(desk, phone)
    assert refused.value.why is Refusal.OWN_NUMBER


async def test_who_has_left_the_office_holds_nothing(desk: Desk) -> None:
    """A request held by a person who is no longer in staff.toml can be taken by a colleague."""
    request = await registered(desk)
    await desk.claim(request.id, "kari")
    without = tuple(p for p in desk.config.people if p.id != "kari")
    later = Desk(desk.store, desk.config.model_copy(update={"people": without}), desk.clock)
    assert (await later.start_attempt(request.id, "ola", "a1"))[0].state is S.CALLING


async def test_claims_are_respected_and_given_back(desk: Desk, clock: ManualClock) -> None:
    """A claim keeps colleagues away, and a claim nobody acts on returns to the list by itself."""
    request = await registered(desk)
    claimed = await desk.claim(request.id, "kari")
    assert (claimed.state, claimed.claimed_by) == (S.CLAIMED, "kari")
    with pytest.raises(HeldByOther):
        await desk.claim(request.id, "ola")
    assert await desk.sweep() == 0
    clock.advance(timedelta(minutes=16))
    assert await desk.sweep() == 1
    back = await desk.get(request.id)
    assert (back.state, back.claimed_by, back.next_attempt_at) == (S.WAITING, None, clock.now())


@pytest.mark.parametrize("result", [CallResult.WRONG_PERSON, CallResult.RING_AGAIN])
async def test_not_reached_means_rung_again(desk: Desk, result: CallResult) -> None:
    """The wrong person on the phone, or "ring again", keeps the request and its clock."""
    request = await registered(desk)
    await missed(desk, request, AttemptOutcome.ANSWERED)
    again = await desk.record_result(request.id, "kari", result)
    assert again.state is S.UNREACHABLE
    assert again.next_attempt_at == MONDAY + timedelta(minutes=45)
    assert again.due_at == request.due_at


async def test_a_result_needs_a_conversation(desk: Desk) -> None:
    """Nobody can be marked as reached who was not talked with."""
    request = await registered(desk)
    with pytest.raises(IllegalTransition):
        await desk.record_result(request.id, "kari", CallResult.REACHED)
    await missed(desk, request, AttemptOutcome.NO_ANSWER)
    with pytest.raises(DeskError):
        await desk.record_result(request.id, "kari", CallResult.REACHED)


async def test_a_conversation_cut_by_us_may_still_be_recorded(desk: Desk) -> None:
    """When the exchange failed in the middle of a talk, the request is due again, or can be marked reached."""
    request = await registered(desk)
    await desk.start_attempt(request.id, "kari", "a1")
    await desk.attempt_connected("a1")
    cut = await desk.end_attempt("a1", AttemptOutcome.LINE_FAILED)
    assert cut.state is S.UNREACHABLE
    done = await desk.record_result(request.id, "kari", CallResult.REACHED)
    assert done.state is S.REACHED


async def test_decide_needs_words_and_a_name(desk: Desk) -> None:
    """Ending without a talk takes a person, a reason and another channel; the ledger keeps no free text."""
    request = await registered(desk)
    with pytest.raises(MissingText):
        await desk.decide(request.id, "liv", " ", "brev")
    with pytest.raises(MissingText):
        await desk.decide(request.id, "liv", "Har møtt opp på kontoret", "")
    decided = await desk.decide(request.id, "liv", "Har møtt opp på kontoret", "samtale")
    assert decided.state is S.DECIDED
    assert "møtt opp" in (decided.note or "")
    assert "møtt" not in str(await desk.store.ledger(request.id))


async def test_an_ended_request_stays_ended_and_the_number_may_register_again(desk: Desk) -> None:
    """Terminal is terminal; the same number can ask again with a new clock."""
    request = await registered(desk)
    await desk.withdraw(request.id, "caller")
    with pytest.raises(IllegalTransition):
        await desk.start_attempt(request.id, "kari", "a1")
    again = await registered(desk)
    assert again.id != request.id


async def test_reassigning_keeps_place_and_clock(desk: Desk) -> None:
    """A colleague takes over; nothing else changes."""
    request = await registered(desk)
    await desk.claim(request.id, "kari")
    moved = await desk.reassign(request.id, "ola", "liv")
    assert (moved.assigned_to, moved.claimed_by, moved.state) == ("ola", None, S.WAITING)
    assert (moved.registered_at, moved.due_at) == (request.registered_at, request.due_at)


async def test_outside_hours_the_first_attempt_waits_for_opening(desk: Desk, clock: ManualClock) -> None:
    """A request at night is due for its first attempt when the phone opens."""
    clock.set(datetime(2026, 11, 23, 22, 0, tzinfo=UTC))
    request = await registered(desk)
    assert request.next_attempt_at == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


class TestWhereTheNumberIsFrom:
    """Their own telephone, keyed in, or given by staff."""

    @pytest.mark.parametrize("origin", list(Origin))
    async def test_at_the_registration(self, desk: Desk, origin: Origin) -> None:
        """Only who rang themself is known to have the number."""
        request = await registered(desk, origin=origin)
        own = origin is Origin.PHONE
        assert request.number_source is (NumberSource.CALLER_ID if own else NumberSource.STAFF)

    async def test_who_then_rings_from_it(self, desk: Desk) -> None:
        """It is theirs from then on; staff who register them once more do not change that."""
        await registered(desk, origin=Origin.STAFF)
        assert (await registered(desk)).number_source is NumberSource.CALLER_ID
        assert (await registered(desk, origin=Origin.STAFF)).number_source is NumberSource.CALLER_ID

    @pytest.mark.parametrize("source", list(NumberSource))
    async def test_another_number(self, desk: Desk, source: NumberSource) -> None:
        """What is told of it stands; the same number once more changes nothing."""
        request = await registered(desk)
        assert (await desk.set_number(request.id, CALLER, "kari")).number_source is NumberSource.CALLER_ID
        moved = await desk.set_number(request.id, "+4790001234", "caller", source)
        assert moved.number_source is source
        assert (await desk.set_number(request.id, "+4790005678", "kari")).number_source is NumberSource.STAFF

    @pytest.mark.parametrize("older_has_it", [True, False])
    async def test_merged(self, desk: Desk, clock: ManualClock, older_has_it: bool) -> None:
        """Where the number has a request already, it is as well known as it was there."""
        first = await registered(desk, CALLER if older_has_it else None)
        clock.advance(timedelta(hours=1))
        second = await registered(desk, None if older_has_it else CALLER)
        moved = second if older_has_it else first
        kept = await desk.set_number(moved.id, CALLER, "caller", NumberSource.KEYED)
        assert (kept.id, kept.number_source) == (first.id, NumberSource.CALLER_ID)
