"""Who may serve a request, at the desk: the disqualified and their substitute, the interpreter, protected persons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from callback.desk import (
    Desk,
    DeskError,
    HeldByOther,
    MayNotServe,
    MissingText,
    Registration,
    UnknownPerson,
)
from callback.desk_serving import BadBooking, ResultFirst
from callback.request import (
    INTERPRETER_STAYS,
    AttemptOutcome,
    CallbackRequest,
    CallResult,
    DayPart,
    IllegalTransition,
    NumberSource,
    Reason,
    RequestState,
)
from callback.store import RequestQuery
from callback.store_memory import MemoryStore
from callback.turn import PassedOver
from config.model import Config, Person, Role
from scheduler.clock import ManualClock
from tests.offices import CALLER, MONDAY, config
from tests.unit.memory_desk import events, memory_store, missed, monday_clock, registered

__all__ = ["memory_store", "monday_clock"]

S = RequestState
HOUR = timedelta(hours=1)
OTHER = "+4740009999"


def of_two_offices(substitute: str | None = "9002", *more: Person, without: str = "") -> Config:
    """Kari and Ola report to Liv; Siv is alone at the substitute."""
    base = config()
    own = base.offices[0].model_copy(update={"substitute_office": substitute})
    people = (*(p for p in base.people if p.id != without), *more)
    return Config(settings=base.settings, offices=(own, base.offices[1]), people=people, menus=base.menus)


@pytest.fixture
def desk(store: MemoryStore, clock: ManualClock) -> Desk:
    return Desk(store, of_two_offices(), clock)


def clock_of(request: CallbackRequest) -> tuple[Any, ...]:
    return (
        request.registered_at,
        request.due_at,
        request.answer_by_date,
        request.last_workable_at,
        request.reference,
    )


class TestDisqualified:
    async def test_one_of_us(self, desk: Desk) -> None:
        """They can neither take, ring nor be given it; a colleague can. Said again: nothing. The clock stays."""
        request = await registered(desk)
        after = await desk.disqualify(request.id, "kari", "kari")
        assert (after.disqualified, after.substitute, clock_of(after)) == (("kari",), None, clock_of(request))
        assert (await desk.disqualify(request.id, "kari", "liv")).version == after.version
        for act in (
            desk.claim(request.id, "kari"),
            desk.start_attempt(request.id, "kari", "a1"),
            desk.reassign(request.id, "kari", "liv"),
            desk.decide(request.id, "kari", "why", "letter"),
        ):
            with pytest.raises(MayNotServe):
                await act
        with pytest.raises(IllegalTransition):
            await desk.start_return(request.id, "kari", "a2")
        await desk.start_attempt(request.id, "ola", "a3")
        (entry,) = [e for e in await desk.store.ledger(request.id) if e.event == "disqualified"]
        assert (entry.actor, entry.details) == ("kari", {"person": "kari"})

    async def test_what_they_hold_is_let_go(self, desk: Desk, clock: ManualClock) -> None:
        """A claim, and what was given to them: back on the list, due now."""
        request = await registered(desk)
        await desk.reassign(request.id, "kari", "liv")
        await desk.claim(request.id, "kari")
        clock.advance(timedelta(minutes=1))
        after = await desk.disqualify(request.id, "kari", "kari")
        assert (after.state, after.claimed_by, after.assigned_to) == (S.WAITING, None, None)
        assert after.next_attempt_at == clock.now()

    async def test_in_the_middle_of_a_call(self, desk: Desk) -> None:
        """They notice while they talk: the call ends by itself, a colleague rings again or writes the result."""
        request = await registered(desk)
        await desk.start_attempt(request.id, "kari", "a1")
        during = await desk.disqualify(request.id, "kari", "kari")
        assert during.state is S.CALLING
        await desk.attempt_ringing("a1")
        await desk.attempt_connected("a1")
        await desk.end_attempt("a1", AttemptOutcome.ANSWERED)
        await desk.sweep()
        after = await desk.get(request.id)
        assert (after.state, after.claimed_by, after.next_attempt_at) == (S.UNREACHABLE, None, MONDAY)
        with pytest.raises(MayNotServe):
            await desk.record_result(request.id, "kari", CallResult.REACHED)
        assert (await desk.record_result(request.id, "ola", CallResult.REACHED)).state is S.REACHED

    async def test_nobody_waits_for_them(self, desk: Desk) -> None:
        """Before the next sweep has looked, the talk they had is nobody's: a colleague writes how it went."""
        request = await registered(desk)
        await desk.start_attempt(request.id, "kari", "a1")
        await desk.disqualify(request.id, "kari", "kari")
        await desk.attempt_connected("a1")
        after = await desk.end_attempt("a1", AttemptOutcome.ANSWERED)
        assert (after.state, after.claimed_by) == (S.RESULT_DUE, "kari")
        assert (await desk.record_result(request.id, "ola", CallResult.REACHED)).state is S.REACHED

    async def test_they_ring_back(self, desk: Desk) -> None:
        """The disqualified colleague who tried is not rung for them."""
        request = await registered(desk)
        await desk.set_ready("ola", True)
        await desk.start_attempt(request.id, "kari", "a1")
        await desk.attempt_ringing("a1")
        await desk.end_attempt("a1", AttemptOutcome.NO_ANSWER)
        await desk.disqualify(request.id, "kari", "kari")
        returning = await desk.rang_back("9001", CALLER)
        assert returning is not None
        assert [p.id for p in returning.colleagues] == ["ola"]

    async def test_after_a_talk(self, desk: Desk) -> None:
        """They had talked, and no result is written: due again at once, for a colleague."""
        request = await registered(desk)
        await missed(desk, request, AttemptOutcome.ANSWERED)
        after = await desk.disqualify(request.id, "kari", "liv")
        assert (after.state, after.claimed_by, after.next_attempt_at) == (S.UNREACHABLE, None, MONDAY)

    async def test_a_colleagues_hands_are_left_alone(self, desk: Desk) -> None:
        """What somebody else holds stays theirs."""
        request = await registered(desk)
        await desk.claim(request.id, "ola")
        after = await desk.disqualify(request.id, "kari", "liv")
        assert (after.state, after.claimed_by) == (S.CLAIMED, "ola")
        with pytest.raises(HeldByOther):
            await desk.decide(request.id, "admin", "why", "letter")

    async def test_strangers(self, desk: Desk) -> None:
        """Only people of the office and the leaders above them can be marked; nobody in a request that has ended."""
        request = await registered(desk)
        with pytest.raises(UnknownPerson):
            await desk.disqualify(request.id, "siv", "liv")
        with pytest.raises(UnknownPerson):
            await desk.disqualify(request.id, "nobody", "liv")
        ended = await desk.withdraw(request.id, "caller")
        assert (await desk.disqualify(request.id, "kari", "kari")).version == ended.version

    async def test_taking_it_back(self, desk: Desk) -> None:
        """A leader writes why; the reason is a note and not in the ledger."""
        request = await registered(desk, note="To barn")
        await desk.disqualify(request.id, "kari", "kari")
        with pytest.raises(MissingText):
            await desk.lift_disqualified(request.id, "kari", "liv", " ")
        after = await desk.lift_disqualified(request.id, "kari", "liv", "Samme navn, ikke slekt")
        assert (after.disqualified, after.note) == ((), "To barn\nSamme navn, ikke slekt")
        assert (await desk.lift_disqualified(request.id, "kari", "liv", "Igjen")).version == after.version
        entry = (await desk.store.ledger(request.id))[-1]
        assert (entry.event, entry.details) == (
            "disqualified_lifted",
            {"person": "kari", "reason_written": True},
        )
        await desk.claim(request.id, "kari")


class TestSubstitute:
    async def test_a_leader_takes_all_with_them(self, desk: Desk, clock: ManualClock) -> None:
        """The substitute serves it: same clock, reference and place; the office that was rung still finds it."""
        request = await missed(desk, await registered(desk))
        await desk.claim(request.id, "ola")
        after = await desk.disqualify(request.id, "liv", "liv")
        assert (after.office_no, after.served_by, clock_of(after)) == ("9001", "9002", clock_of(request))
        assert (after.state, after.claimed_by) == (S.UNREACHABLE, None)
        assert (await desk.store.ledger(request.id))[-1].details == {"person": "liv", "served_by": "9002"}
        found = await desk.open_request_of("9001", phone=CALLER)
        assert found is not None
        assert found.id == request.id
        assert [r.id for r in await desk.find(RequestQuery(served_by="9002"))] == [request.id]
        assert await desk.find(RequestQuery(served_by="9001")) == []
        with pytest.raises(UnknownPerson):
            await desk.claim(request.id, "ola")
        with pytest.raises(UnknownPerson):
            await desk.reassign(request.id, "ola", "liv")
        await desk.reassign(request.id, "siv", "siv")
        again, _ = await desk.register(registration_of(CALLER))
        assert (again.id, again.served_by) == (request.id, "9002")

    async def test_they_ring_back(self, desk: Desk) -> None:
        """Whoever the substitute missed rings their own office and is put through to the substitute's people."""
        request = await registered(desk)
        await desk.disqualify(request.id, "liv", "liv")
        await desk.set_ready("siv", True)
        await desk.set_ready("kari", True)
        await desk.start_attempt(request.id, "siv", "a1")
        await desk.attempt_ringing("a1")
        await desk.end_attempt("a1", AttemptOutcome.NO_ANSWER)
        returning = await desk.rang_back("9001", CALLER)
        assert returning is not None
        assert [p.id for p in returning.colleagues] == ["siv"]

    async def test_the_substitute_is_closed(self, store: MemoryStore, clock: ManualClock) -> None:
        """Nobody is at work there: whoever rings back has the menu, and the row says that it is closed."""
        of = of_two_offices()
        short = of.offices[1].phone_hours.model_validate({"mon": "12:00-14:00"})
        closed = of.offices[1].model_copy(update={"phone_hours": short})
        desk = Desk(store, of.model_copy(update={"offices": (of.offices[0], closed)}), clock)
        request = await registered(desk)
        await desk.disqualify(request.id, "liv", "liv")
        assert desk.passed_over(await desk.get(request.id)) is PassedOver.CLOSED
        await desk.start_attempt(request.id, "siv", "a1")
        await desk.attempt_ringing("a1")
        await desk.end_attempt("a1", AttemptOutcome.NO_ANSWER)
        assert await desk.rang_back("9001", CALLER) is None
        clock.advance(3 * HOUR)
        assert await desk.rang_back("9001", CALLER) is not None
        after = await desk.get(request.id)
        assert desk.passed_over(after) is None

    async def test_it_comes_home(self, desk: Desk) -> None:
        """Taken back, it is served where it was rung; after a talk at the substitute's only when that has ended."""
        request = await registered(desk)
        await desk.disqualify(request.id, "liv", "liv")
        await desk.start_attempt(request.id, "siv", "a1")
        during = await desk.lift_disqualified(request.id, "liv", "admin", "En annen Liv")
        assert (during.state, during.claimed_by, during.served_by) == (S.CALLING, "siv", "9002")
        await desk.end_attempt("a1", AttemptOutcome.NO_ANSWER)
        await desk.settle()
        assert (await desk.get(request.id)).served_by == "9001"

    async def test_nobody_anywhere(self, store: MemoryStore, clock: ManualClock) -> None:
        """Without a substitute it stays, and says so; the substitute that is named later gets it at the next sweep."""
        desk = Desk(store, of_two_offices(None), clock)
        request = await registered(desk)
        after = await desk.disqualify(request.id, "liv", "liv")
        assert (after.served_by, desk.passed_over(after)) == ("9001", PassedOver.NOBODY)
        desk.use_config(of_two_offices("9002"))
        await desk.sweep()
        moved = await desk.get(request.id)
        assert (moved.served_by, desk.passed_over(moved), clock_of(moved)) == (
            "9002",
            None,
            clock_of(request),
        )
        before = len(await store.ledger(request.id))
        await desk.sweep()
        assert len(await store.ledger(request.id)) == before

    async def test_the_substitute_is_taken_away(self, desk: Desk) -> None:
        """An office that is no more in the configuration serves nobody: the request is at home, and says what is wrong."""
        request = await registered(desk)
        await desk.disqualify(request.id, "liv", "liv")
        of = of_two_offices(None, without="siv")
        desk.use_config(of.model_copy(update={"offices": of.offices[:1]}))
        assert desk.passed_over(await desk.get(request.id)) is PassedOver.NOBODY
        await desk.sweep()
        after = await desk.get(request.id)
        assert (after.served_by, desk.passed_over(after)) == ("9001", PassedOver.NOBODY)

    async def test_who_has_left_was_given_nothing(self, desk: Desk) -> None:
        """A colleague who is taken out of the configuration keeps no request from the others."""
        request = await registered(desk)
        await desk.reassign(request.id, "ola", "liv")
        desk.use_config(of_two_offices("9002", without="ola"))
        await desk.sweep()
        assert (await desk.get(request.id)).assigned_to is None

    async def test_a_new_colleague_of_the_leader(self, desk: Desk) -> None:
        """Who is hired afterwards and reports to the disqualified leader is disqualified too."""
        request = await registered(desk)
        await desk.disqualify(request.id, "liv", "liv")
        new = Person(id="nina", name="Nina", role=Role.CASEWORKER, office_no="9001", extension="208")
        desk.use_config(of_two_offices("9002", new))
        await desk.sweep()
        assert (await desk.get(request.id)).served_by == "9002"


def registration_of(phone: str) -> Registration:
    return Registration("9001", phone)


class TestInterpreter:
    async def test_waits_until_one_is_booked(self, desk: Desk, clock: ManualClock) -> None:
        """Needed and not booked: passed over. Booked: due then, whatever the wish; before, not."""
        request = await registered(desk)
        await desk.set_day_part(request.id, DayPart.AFTERNOON, "caller")
        needed = await desk.set_interpreter(request.id, True, None, "kari")
        assert desk.passed_over(needed) is PassedOver.INTERPRETER
        at = MONDAY + 2 * HOUR
        booked = await desk.set_interpreter(request.id, True, at, "kari")
        assert (booked.next_attempt_at, desk.passed_over(booked)) == (at, PassedOver.INTERPRETER_LATER)
        assert clock_of(booked) == clock_of(request)
        assert (await desk.set_interpreter(request.id, True, at, "ola")).version == booked.version
        clock.set(at)
        assert desk.passed_over(booked) is None
        assert (await events(desk, request))[-2:] == ["interpreter_set", "interpreter_set"]

    async def test_outside_phone_hours(self, desk: Desk, clock: ManualClock) -> None:
        """The booking stands as it is."""
        request = await registered(desk)
        at = MONDAY + 9 * HOUR
        assert (await desk.set_interpreter(request.id, True, at, "kari")).next_attempt_at == at
        clock.set(at)
        assert desk.passed_over(await desk.get(request.id)) is None

    async def test_after_a_miss(self, desk: Desk, clock: ManualClock) -> None:
        """The plan goes on while the interpreter is there; after that another must be booked."""
        request = await registered(desk)
        await desk.set_day_part(request.id, DayPart.AFTERNOON, "caller")
        await desk.set_interpreter(request.id, True, MONDAY + HOUR, "kari")
        clock.advance(HOUR)
        after = await missed(desk, await desk.get(request.id), AttemptOutcome.BUSY)
        assert after.next_attempt_at == MONDAY + HOUR + timedelta(minutes=7)
        clock.advance(timedelta(minutes=7))
        assert desk.passed_over(after) is None
        clock.advance(INTERPRETER_STAYS)
        assert desk.passed_over(after) is PassedOver.INTERPRETER

    async def test_a_miss_before(self, desk: Desk) -> None:
        """Rung by hand too early, or ringing again themself: the booking still says when."""
        request = await registered(desk)
        at = MONDAY + 26 * HOUR
        await desk.set_interpreter(request.id, True, at, "kari")
        assert (await missed(desk, request)).next_attempt_at == at
        assert (await registered(desk)).next_attempt_at == at

    async def test_not_needed_after_all(self, desk: Desk) -> None:
        """Taken back, it is planned as any other."""
        request = await registered(desk)
        await desk.set_interpreter(request.id, True, MONDAY + 26 * HOUR, "kari")
        after = await desk.set_interpreter(request.id, False, MONDAY + HOUR, "kari")
        assert (after.interpreter, after.interpreter_at, after.next_attempt_at) == (False, None, MONDAY)

    @pytest.mark.parametrize("by", [-INTERPRETER_STAYS, timedelta(days=91)])
    async def test_a_slip_of_the_pen(self, desk: Desk, by: timedelta) -> None:
        """A time that is over, or far away, is refused and changes nothing; one that has begun is fine."""
        request = await registered(desk)
        with pytest.raises(BadBooking):
            await desk.set_interpreter(request.id, True, MONDAY + by, "kari")
        with pytest.raises(ValueError, match="naive"):
            await desk.set_interpreter(request.id, True, MONDAY.replace(tzinfo=None), "kari")
        assert (await desk.get(request.id)).version == request.version
        begun = await desk.set_interpreter(request.id, True, MONDAY - HOUR / 2, "kari")
        assert desk.passed_over(begun) is None

    async def test_said_at_the_registration(self, desk: Desk) -> None:
        """Whoever registers can say it at once, also for somebody on the list."""
        booked = await registered(desk, OTHER, interpreter=True, interpreter_at=MONDAY + HOUR)
        assert booked.next_attempt_at == MONDAY + HOUR
        request = await registered(desk)
        again = await registered(desk, interpreter=True, protected=True)
        assert (again.id, again.interpreter, again.protected) == (request.id, True, True)
        with pytest.raises(BadBooking):
            await registered(desk, "+4740008888", interpreter=True, interpreter_at=MONDAY - HOUR)


class TestProtected:
    @pytest.fixture
    def desk(self, store: MemoryStore, clock: ManualClock) -> Desk:
        eva = Person(
            id="eva",
            name="Eva",
            role=Role.CASEWORKER,
            office_no="9001",
            extension="209",
            protected_access=True,
        )
        return Desk(store, of_two_offices("9002", eva), clock)

    async def test_only_the_restricted_role(self, desk: Desk) -> None:
        """Nobody else can take it or be given it; what others hold is let go; the clock stays."""
        request = await registered(desk)
        await desk.reassign(request.id, "ola", "liv")
        await desk.claim(request.id, "kari")
        after = await desk.set_protected(request.id, True, "kari")
        assert (after.protected, after.state, after.claimed_by, after.assigned_to) == (
            True,
            S.WAITING,
            None,
            None,
        )
        assert clock_of(after) == clock_of(request)
        assert (await desk.set_protected(request.id, True, "kari")).version == after.version
        for act in (desk.claim(request.id, "kari"), desk.reassign(request.id, "kari", "eva")):
            with pytest.raises(MayNotServe):
                await act
        await desk.start_attempt(request.id, "eva", "a1")
        assert (await desk.store.ledger(request.id))[-2].details == {"protected": True}

    async def test_the_result_first(self, desk: Desk) -> None:
        """Who talks with them could not write the result afterwards: refused, and nothing is changed."""
        request = await registered(desk)
        await missed(desk, request, AttemptOutcome.ANSWERED)
        with pytest.raises(ResultFirst):
            await desk.set_protected(request.id, True, "kari")
        await desk.record_result(request.id, "kari", CallResult.REACHED)
        assert (await desk.set_protected(request.id, True, "kari")).protected, "also one that has ended"

    async def test_the_only_one_is_disqualified(self, desk: Desk) -> None:
        """Then nobody is left who may: it stays, for nobody at the substitute has the right either."""
        request = await registered(desk, protected=True)
        after = await desk.disqualify(request.id, "eva", "eva")
        assert (after.served_by, desk.passed_over(after)) == ("9001", PassedOver.NOBODY)


class TestMerging:
    async def test_nobody_is_let_in(self, desk: Desk, clock: ManualClock) -> None:
        """Two requests of one person: whoever is kept away from either is kept away from what stays."""
        older = await registered(desk)
        clock.advance(HOUR)
        younger = await registered(desk, None)
        await desk.disqualify(younger.id, "liv", "liv")
        await desk.set_protected(younger.id, True, "admin")
        await desk.set_interpreter(younger.id, True, MONDAY + 3 * HOUR, "admin")
        kept = await desk.set_number(younger.id, CALLER, "caller", NumberSource.KEYED)
        assert (kept.id, kept.disqualified, kept.protected) == (older.id, ("liv",), True)
        assert (kept.interpreter_at, kept.next_attempt_at) == (MONDAY + 3 * HOUR, MONDAY + 3 * HOUR)
        assert (kept.registered_at, kept.due_at) == (older.registered_at, older.due_at)


async def test_what_goes_with_the_person(desk: Desk) -> None:
    """Erasure takes who was disqualified and the booking; that they are protected stays and hides the row."""
    request = await registered(desk, protected=True, interpreter=True, interpreter_at=MONDAY + HOUR)
    await desk.disqualify(request.id, "kari", "admin")
    await desk.withdraw(request.id, "caller")
    assert await desk.erase_person(CALLER, "they asked", "admin") == 1
    erased = await desk.get(request.id)
    assert (erased.phone, erased.disqualified, erased.interpreter_at, erased.protected) == (
        None,
        (),
        None,
        True,
    )


@pytest.mark.parametrize(
    "act",
    [
        lambda desk, one: desk.set_interpreter(one, True, MONDAY + HOUR, "kari"),
        lambda desk, one: desk.set_interpreter(one, True, None, "kari"),
        lambda desk, one: desk.disqualify(one, "kari", "kari"),
    ],
)
async def test_an_ended_request_is_left_as_it_is(desk: Desk, act: Callable[[Desk, str], Any]) -> None:
    """Nothing is said of what is over."""
    request = await registered(desk, reason=Reason.ADVICE)
    ended = await desk.withdraw(request.id, "caller")
    assert await act(desk, request.id) == ended


def test_refusals_are_the_desks_own() -> None:
    """Pages and API know what to answer."""
    assert all(issubclass(kind, DeskError) for kind in (BadBooking, ResultFirst, MayNotServe))
