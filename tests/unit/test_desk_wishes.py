"""The desk: urgency told later, parts of the day, silence, languages and borrowed telephones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from callback.desk import Desk, OutOfReach, UnknownOffice
from callback.request import (
    AttemptOutcome,
    CallbackRequest,
    CallResult,
    DayPart,
    Reason,
    RequestState,
    Urgency,
)
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
HOUR = timedelta(hours=1)
OTHER = "+4790001234"


Act = Callable[[Desk, str], Awaitable[CallbackRequest]]
ACTS: dict[str, Act] = {
    "made_urgent": lambda desk, id_: desk.set_urgent(id_, Reason.NO_FOOD, "caller"),
    "day_part_set": lambda desk, id_: desk.set_day_part(id_, DayPart.MORNING, "caller"),
    "discreet_set": lambda desk, id_: desk.set_discreet(id_, True, "caller"),
    "language_set": lambda desk, id_: desk.set_language(id_, "pl", "caller"),
    "reachable_until_set": lambda desk, id_: desk.set_reachable_until(id_, MONDAY + 3 * HOUR, "caller"),
}


@pytest.mark.parametrize("event", ACTS)
async def test_saying_it_again_writes_nothing(desk: Desk, event: str) -> None:
    """Each is written once, with who said it and not what."""
    request = await registered(desk)
    once = await ACTS[event](desk, request.id)
    again = await ACTS[event](desk, request.id)
    assert again == once != request
    assert await desk.get(request.id) == once
    entries = await desk.store.ledger(request.id)
    assert [entry.event for entry in entries] == ["registered", event]
    assert (entries[-1].actor, entries[-1].details) == ("caller", {})


@pytest.mark.parametrize("event", ACTS)
async def test_a_request_that_has_ended_stays_as_it_is(desk: Desk, event: str) -> None:
    """What is said too late changes nothing and is no error."""
    request = await registered(desk)
    ended = await desk.withdraw(request.id, "caller")
    assert await ACTS[event](desk, request.id) == ended
    assert await events(desk, request) == ["registered", "withdrawn"]


@pytest.mark.parametrize("event", ACTS)
async def test_a_colleague_who_has_it_keeps_it(desk: Desk, event: str) -> None:
    """What is said while someone has the request is kept, and the limit of the claim stays."""
    request = await registered(desk)
    claimed = await desk.claim(request.id, "kari")
    after = await ACTS[event](desk, request.id)
    assert (after.state, after.claimed_by, after.next_attempt_at) == (
        S.CLAIMED, "kari", claimed.next_attempt_at,
    )  # fmt: skip


class TestUrgent:
    async def test_it_is_due_by_the_urgent_rule_and_rung_now(self, desk: Desk, clock: ManualClock) -> None:
        """Two hours from the registration, due now; the time of registration and the date told stay."""
        request = await missed(desk, await registered(desk))
        clock.advance(timedelta(minutes=10))
        urgent = await desk.set_urgent(request.id, Reason.NO_SHELTER, "caller")
        assert (urgent.urgency, urgent.reason) == (Urgency.URGENT, Reason.NO_SHELTER)
        assert (urgent.registered_at, urgent.answer_by_date) == (MONDAY, request.answer_by_date)
        assert urgent.due_at == urgent.last_workable_at == MONDAY + 2 * HOUR
        assert urgent.next_attempt_at == clock.now()

    async def test_it_never_gets_later(self, desk: Desk, clock: ManualClock) -> None:
        """On Saturday 09:30 the 48 hours end before the urgent rule does (Monday 10:00): the earlier deadline stands."""
        clock.set(datetime(2026, 11, 21, 8, 30, tzinfo=UTC))
        request = await registered(desk)
        urgent = await desk.set_urgent(request.id, Reason.NO_FOOD, "caller")
        assert request.due_at == datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
        assert urgent.due_at == request.due_at
        assert urgent.last_workable_at == datetime(2026, 11, 23, 9, 0, tzinfo=UTC), (
            "its place among urgent ones"
        )
        assert urgent.next_attempt_at == datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

    async def test_it_ignores_the_wish(self, desk: Desk) -> None:
        """What cannot wait does not wait for the afternoon."""
        request = await registered(desk)
        await desk.set_day_part(request.id, DayPart.AFTERNOON, "caller")
        urgent = await desk.set_urgent(request.id, Reason.NO_FOOD, "caller")
        assert (urgent.next_attempt_at, urgent.day_part) == (MONDAY, DayPart.AFTERNOON)
        assert (await missed(desk, urgent)).next_attempt_at == MONDAY + timedelta(minutes=45)

    async def test_another_reason_keeps_the_clock(self, desk: Desk, clock: ManualClock) -> None:
        """An urgent request with a new reason is as urgent as before."""
        request = await registered(desk, reason=Reason.NO_FOOD)
        clock.advance(HOUR)
        other = await desk.set_urgent(request.id, Reason.NO_POWER, "caller")
        assert (other.reason, other.due_at) == (Reason.NO_POWER, request.due_at)

    async def test_only_the_four_reasons_are_urgent(self, desk: Desk) -> None:
        """Another reason is refused."""
        request = await registered(desk)
        with pytest.raises(ValueError, match="not an urgent reason"):
            await desk.set_urgent(request.id, Reason.ADVICE, "caller")
        assert await desk.get(request.id) == request

    async def test_urgent_without_a_reason_invents_none(self, desk: Desk) -> None:
        """They did not say why: urgent all the same, and the ledger says when they did."""
        request = await registered(desk)
        urgent = await desk.set_urgent(request.id, Reason.UNSPECIFIED, "caller")
        assert (urgent.urgency, urgent.reason) == (Urgency.URGENT, Reason.UNSPECIFIED)
        assert urgent.due_at == MONDAY + 2 * HOUR
        told = await desk.set_urgent(request.id, Reason.NO_FOOD, "caller")
        assert (told.reason, told.due_at) == (Reason.NO_FOOD, urgent.due_at)
        assert await desk.set_urgent(request.id, Reason.UNSPECIFIED, "caller") == told
        assert await events(desk, request) == ["registered", "made_urgent", "urgent_reason_set"]

    async def test_a_reason_that_is_known_is_not_forgotten(self, desk: Desk) -> None:
        """It was written down what it is about; that it is urgent too does not change that."""
        request = await registered(desk, reason=Reason.DEBT_ADVICE)
        urgent = await desk.set_urgent(request.id, Reason.UNSPECIFIED, "caller")
        assert (urgent.urgency, urgent.reason) == (Urgency.URGENT, Reason.DEBT_ADVICE)

    async def test_after_a_talk_the_result_is_still_due(self, desk: Desk) -> None:
        """A caseworker who has not written the result keeps the request."""
        request = await registered(desk)
        await desk.start_attempt(request.id, "kari", "a1")
        talked = await desk.end_attempt("a1", AttemptOutcome.ANSWERED, 16)
        urgent = await desk.set_urgent(request.id, Reason.NO_FOOD, "caller")
        assert (urgent.state, urgent.next_attempt_at) == (S.RESULT_DUE, talked.next_attempt_at)
        again = await desk.record_result(request.id, "kari", CallResult.RING_AGAIN)
        assert again.urgency is Urgency.URGENT


class TestDayPart:
    async def test_it_moves_the_next_attempt(self, desk: Desk) -> None:
        """And taking it back moves it back."""
        request = await registered(desk)
        wished = await desk.set_day_part(request.id, DayPart.AFTERNOON, "caller")
        assert wished.next_attempt_at == datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
        assert (wished.due_at, wished.registered_at) == (request.due_at, request.registered_at)
        taken_back = await desk.set_day_part(request.id, None, "caller")
        assert (taken_back.day_part, taken_back.next_attempt_at) == (None, MONDAY)

    async def test_it_holds_after_a_miss(self, desk: Desk, clock: ManualClock) -> None:
        """The next attempt is in that part again, near the hour at which they rang; also when it is overdue."""
        request = await registered(desk)
        await desk.set_day_part(request.id, DayPart.MORNING, "caller")
        clock.set(MONDAY + timedelta(minutes=90))
        tuesday = await missed(desk, request)
        assert tuesday.next_attempt_at == MONDAY + timedelta(days=1)
        clock.set(datetime(2026, 11, 25, 8, 0, tzinfo=UTC))
        soon = await missed(desk, request, attempt="a2")  # the deadline is 09:05
        assert soon.next_attempt_at == clock.now() + timedelta(minutes=45)

    async def test_whose_turn_has_come_stays_due(self, desk: Desk) -> None:
        """A missed caller who rings back and wishes for now is due now, not after the delay of the miss."""
        request = await missed(desk, await registered(desk))
        await registered(desk)
        wished = await desk.set_day_part(request.id, DayPart.MORNING, "caller")
        assert wished.next_attempt_at == MONDAY

    async def test_ringing_again_keeps_the_wish(self, desk: Desk) -> None:
        """Who rings again wants to be rung when they said."""
        request = await registered(desk)
        wished = await desk.set_day_part(request.id, DayPart.AFTERNOON, "caller")
        assert (await registered(desk)).next_attempt_at == wished.next_attempt_at


class TestBorrowedTelephone:
    async def test_it_is_rung_in_time(self, desk: Desk) -> None:
        """The next attempt comes while the number can be rung."""
        request = await missed(desk, await registered(desk))
        until = MONDAY + timedelta(minutes=40)
        soon = await desk.set_reachable_until(request.id, until, "caller")
        assert soon.next_attempt_at == MONDAY + timedelta(minutes=25)
        forever = await desk.set_reachable_until(request.id, None, "caller")
        assert forever.next_attempt_at == MONDAY + timedelta(minutes=45)

    async def test_it_is_not_rung_afterwards(self, desk: Desk, clock: ManualClock) -> None:
        """From that moment on the number belongs to somebody else; the request stays on the list."""
        request = await registered(desk)
        await desk.set_reachable_until(request.id, MONDAY + HOUR, "caller")
        clock.advance(HOUR)
        with pytest.raises(OutOfReach):
            await desk.start_attempt(request.id, "kari", "a1")
        waiting = await desk.get(request.id)
        assert (waiting.state, waiting.attempts) == (S.WAITING, ())

    @pytest.mark.parametrize("phone", [CALLER, OTHER])
    async def test_a_number_set_again_can_be_rung(self, desk: Desk, clock: ManualClock, phone: str) -> None:
        """A new number, or the same confirmed, is theirs; everything else stays."""
        request = await registered(desk)
        await desk.set_day_part(request.id, DayPart.MORNING, "caller")
        await desk.set_discreet(request.id, True, "caller")
        await desk.set_reachable_until(request.id, MONDAY + HOUR, "caller")
        clock.advance(HOUR)
        moved = await desk.set_number(request.id, phone, "kari")
        assert (moved.phone, moved.reachable_until) == (phone, None)
        assert (moved.day_part, moved.discreet, moved.due_at) == (DayPart.MORNING, True, request.due_at)
        assert (await desk.start_attempt(request.id, "kari", "a1"))[0].state is S.CALLING

    async def test_the_same_number_again_while_it_can_be_rung_changes_nothing(self, desk: Desk) -> None:
        """A repeated key press does not forget what was said after it."""
        request = await registered(desk)
        borrowed = await desk.set_reachable_until(request.id, MONDAY + HOUR, "caller")
        assert await desk.set_number(request.id, CALLER, "caller") == borrowed

    async def test_who_rings_from_it_again_can_be_rung(self, desk: Desk, clock: ManualClock) -> None:
        """Whoever registers the number again after its time can be reached there."""
        request = await registered(desk)
        await desk.set_reachable_until(request.id, MONDAY + HOUR, "caller")
        clock.advance(2 * HOUR)
        again = await registered(desk)
        assert (again.id, again.reachable_until) == (request.id, None)

    async def test_a_naive_time_is_refused(self, desk: Desk) -> None:
        """A time without a zone is a mistake."""
        request = await registered(desk)
        with pytest.raises(ValueError, match="naive"):
            await desk.set_reachable_until(request.id, datetime(2026, 11, 23, 16), "caller")  # noqa: DTZ001


class TestMerging:
    async def test_what_was_asked_for_is_not_lost(self, desk: Desk, clock: ManualClock) -> None:
        """An urgent, discreet caller who keys in a number on the list: the older request becomes so."""
        older = await missed(desk, await registered(desk))
        clock.advance(timedelta(minutes=5))
        younger = await registered(desk, None)
        await desk.set_urgent(younger.id, Reason.NO_FOOD, "caller")
        await desk.set_discreet(younger.id, True, "caller")
        await desk.set_day_part(younger.id, DayPart.AFTERNOON, "caller")
        await desk.set_language(younger.id, "pl", "caller")
        kept = await desk.set_number(younger.id, CALLER, "caller")
        assert (kept.id, kept.urgency, kept.reason) == (older.id, Urgency.URGENT, Reason.NO_FOOD)
        assert (kept.discreet, kept.day_part, kept.language) == (True, DayPart.AFTERNOON, "pl")
        assert kept.due_at == MONDAY + timedelta(hours=2)  # as if it had been urgent from the beginning
        assert (kept.registered_at, kept.answer_by_date) == (MONDAY, older.answer_by_date)
        assert kept.next_attempt_at == clock.now()

    async def test_ordinary_ones_keep_their_clock(self, desk: Desk, clock: ManualClock) -> None:
        """Without urgency nothing of the older request's clock or plan changes."""
        older = await missed(desk, await registered(desk))
        clock.advance(timedelta(minutes=5))
        younger = await registered(desk, None)
        kept = await desk.set_number(younger.id, CALLER, "caller")
        assert (kept.due_at, kept.next_attempt_at) == (older.due_at, older.next_attempt_at)


class TestOpenRequestOf:
    async def test_by_number_or_reference(self, desk: Desk) -> None:
        """The office's open request of a number in any form, or of a reference."""
        request = await registered(desk)
        assert await desk.open_request_of("9001", phone=CALLER) == request
        assert await desk.open_request_of("9001", phone="40 00 12 34") == request
        assert await desk.open_request_of("9001", reference=request.reference) == request
        assert await desk.open_request_of("9001", phone=CALLER, reference=request.reference) == request

    async def test_nobody_else(self, desk: Desk) -> None:
        """Not of another office, another number, an ended request, or a number that is never rung."""
        request = await registered(desk)
        assert await desk.open_request_of("9002", phone=CALLER) is None
        assert await desk.open_request_of("9002", reference=request.reference) is None
        assert await desk.open_request_of("9001", phone=OTHER) is None
        assert await desk.open_request_of("9001", phone=OTHER, reference=request.reference) is None
        assert await desk.open_request_of("9001", phone="112") is None
        await desk.withdraw(request.id, "caller")
        assert await desk.open_request_of("9001", phone=CALLER) is None

    async def test_refuses_what_it_cannot_look_up(self, desk: Desk) -> None:
        """Neither number nor reference, or an unknown office."""
        with pytest.raises(ValueError, match="give a number"):
            await desk.open_request_of("9001")
        with pytest.raises(UnknownOffice):
            await desk.open_request_of("1234", phone=CALLER)
