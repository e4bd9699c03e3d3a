"""The desk: limits per day, and numbers that are never called."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from callback.desk import (
    AskedNotToBeCalled,
    Desk,
    MissingText,
    Registration,
    TooManyRegistrations,
    UnknownRequest,
)
from callback.numbers import NumberRefused, Refusal
from callback.request import AttemptOutcome, CallbackRequest, IllegalTransition, Origin, RequestState
from callback.store import Change, StoreUnavailable
from callback.store_memory import MemoryStore
from config.model import Config, LimitSettings
from scheduler.clock import ManualClock
from tests.offices import CALLER, MONDAY, config
from tests.unit.memory_desk import (
    memory_desk,  # noqa: F401  # the fixture `desk`
    memory_store,  # noqa: F401  # the fixture `store`
    monday_clock,  # noqa: F401  # the fixture `clock`
)

OTHER, THIRD = "+4790001234", "+4790005678"


def numbered(n: int) -> str:
    return f"+4740002{n:03}"


async def asks(desk: Desk, caller: str) -> bool:
    """Someone presses 1, and withdraws; False: they were refused."""
    try:
        request, created = await desk.register(Registration("9001", caller, by="key", caller=caller))
    except TooManyRegistrations:
        return False
    assert created
    await desk.withdraw(request.id, "caller")
    return True


def limited(**limits: int) -> Config:
    made = config()
    settings = made.settings.model_copy(update={"limits": LimitSettings(**limits)})
    return made.model_copy(update={"settings": settings})


async def test_registrations_of_a_caller_per_day(desk: Desk, clock: ManualClock) -> None:
    """Ten a day, and anew on the next; another caller has ten of their own."""
    answers = [await asks(desk, CALLER) for _ in range(12)]
    assert answers == [True] * 10 + [False] * 2
    assert await asks(desk, OTHER)
    assert await desk.refusals() == {"too_many_registrations": 2}
    clock.advance(timedelta(days=1))
    assert await asks(desk, CALLER)
    assert await desk.refusals() == {}


async def test_who_is_on_the_list_is_never_refused(desk: Desk) -> None:
    """However often they press 1: it is the same request, and not counted."""
    asked = Registration("9001", CALLER, by="key", caller=CALLER)
    made = [await desk.register(asked) for _ in range(15)]
    assert [created for _, created in made] == [True] + [False] * 14
    await desk.withdraw(made[0][0].id, "caller")
    assert [await asks(desk, CALLER) for _ in range(10)] == [True] * 9 + [False]


async def test_a_day_is_a_day_in_norway(desk: Desk, clock: ManualClock) -> None:
    """The count begins anew at midnight in Oslo: 23:00 UTC in winter."""
    for _ in range(10):
        await asks(desk, CALLER)
    clock.set(MONDAY.replace(hour=22, minute=59))
    assert not await asks(desk, CALLER)
    clock.set(MONDAY.replace(hour=23, minute=0))
    assert await asks(desk, CALLER)


async def test_withheld_callers_are_not_counted(desk: Desk) -> None:
    """Nobody is refused because others hid their number too."""
    for _ in range(30):
        await desk.register(Registration("9001", None, by="key"))


async def test_numbers_a_caller_keys_in(desk: Desk) -> None:
    """Five a day; what was refused does not use up the other's share."""
    answers = [await desk.may_key(CALLER, numbered(n)) for n in range(7)]
    assert answers == [None] * 5 + [Refusal.TOO_MANY_TRIES] * 2
    assert await desk.refusals() == {"too_many_tries": 2}
    assert [await desk.may_key(OTHER, numbered(6)) for _ in range(3)] == [None] * 3


async def test_how_often_a_number_is_keyed_in(desk: Desk) -> None:
    """Three times a day, by whomever, however it is written; also by those who hide their number."""
    assert await desk.may_key(CALLER, OTHER) is None
    assert await desk.may_key(None, "90001234") is None
    assert await desk.may_key(THIRD, "0047 90 00 12 34") is None
    assert await desk.may_key(None, OTHER) is Refusal.TOO_OFTEN
    assert await desk.may_key(CALLER, OTHER) is Refusal.TOO_OFTEN
    assert await desk.refusals() == {"too_often": 2}


async def test_ones_own_number_may_always_be_keyed(desk: Desk) -> None:
    """Who keys in the number they ring from harms nobody."""
    assert [await desk.may_key(CALLER, "40001234") for _ in range(9)] == [None] * 9


async def test_zero_is_no_limit(store: MemoryStore, clock: ManualClock) -> None:
    """An office may do without."""
    none = limited(registrations_per_caller=0, keyed_numbers_per_caller=0, keyed_per_target=0)
    desk = Desk(store, none, clock)
    assert [await desk.may_key(CALLER, OTHER) for _ in range(20)] == [None] * 20
    assert all([await asks(desk, CALLER) for _ in range(20)])


async def test_no_number_is_kept_or_logged(desk: Desk, store: MemoryStore) -> None:
    """Only keyed hashes, which another database would make otherwise."""
    with capture_logs() as logs:
        await asks(desk, CALLER)
        await desk.may_key(CALLER, OTHER)
        await desk.never_call(THIRD, "kari")
    kept = f"{store._counts} {store._never_call} {logs}"
    for phone in (CALLER, OTHER, THIRD):
        assert phone.removeprefix("+47") not in kept
    elsewhere = MemoryStore()
    await elsewhere.open()
    another = Desk(elsewhere, desk.config, desk.clock)
    await another.never_call(THIRD, "kari")
    assert store._never_call.keys().isdisjoint(elsewhere._never_call)


async def test_the_sweep_forgets(desk: Desk, store: MemoryStore, clock: ManualClock) -> None:
    """After two days no count is left."""
    await asks(desk, CALLER)
    clock.advance(timedelta(days=1))
    await desk.sweep()
    assert store._counts
    clock.advance(timedelta(days=1))
    await desk.sweep()
    assert not store._counts


class TestNeverCall:
    async def test_it_cannot_be_keyed_in(self, desk: Desk) -> None:
        """Not by another, and not from that telephone itself either: it has to press 1."""
        await desk.never_call(OTHER, "caller")
        assert await desk.may_key(CALLER, OTHER) is Refusal.ASKED_NOT_TO_BE_CALLED
        assert await desk.may_key(OTHER, OTHER) is Refusal.ASKED_NOT_TO_BE_CALLED
        assert await desk.may_key(CALLER, THIRD) is None
        assert await desk.refusals() == {"asked_not_to_be_called": 2}

    async def test_it_cannot_be_rung(self, desk: Desk) -> None:
        """An open request with the number stays, is not rung at it, and can be at another."""
        request, _ = await desk.register(Registration("9001", OTHER))
        await desk.never_call("90001234", "kari")
        await desk.never_call(OTHER, "kari")
        with pytest.raises(AskedNotToBeCalled):
            await desk.start_attempt(request.id, "kari", "a1")
        assert (await desk.get(request.id)).attempts == ()
        entries = await desk.store.ledger(request.id)
        assert [(e.event, e.actor) for e in entries[1:]] == [("asked_not_to_be_called", "kari")]
        await desk.set_number(request.id, CALLER, "kari")
        assert (await desk.start_attempt(request.id, "kari", "a1"))[0].state is RequestState.CALLING

    async def test_staff_cannot_register_or_set_it(self, desk: Desk) -> None:
        """They are told why."""
        await desk.never_call(OTHER, "caller")
        request, _ = await desk.register(Registration("9001", CALLER))
        asked = Registration("9001", OTHER, registered_by="kari", origin=Origin.STAFF)
        with pytest.raises(NumberRefused) as refused:
            await desk.register(asked)
        assert refused.value.why is Refusal.ASKED_NOT_TO_BE_CALLED
        with pytest.raises(NumberRefused):
            await desk.set_number(request.id, OTHER, "kari")
        assert await desk.get(request.id) == request
        assert await desk.refusals() == {"asked_not_to_be_called": 2}

    async def test_who_presses_1_wants_to_be_called(self, desk: Desk) -> None:
        """From that very telephone: it is taken off the list, and rung."""
        await desk.never_call(OTHER, "caller")
        request, _ = await desk.register(Registration("9001", OTHER, by="key"))
        assert not await desk.is_never_called(OTHER)
        assert (await desk.start_attempt(request.id, "kari", "a1"))[0].state is RequestState.CALLING

    async def test_staying_on_the_line_is_not_enough(self, desk: Desk) -> None:
        """Only a key says that they want to be called."""
        await desk.never_call(OTHER, "caller")
        with pytest.raises(NumberRefused):
            await desk.register(Registration("9001", OTHER, by="silence"))
        assert await desk.is_never_called(OTHER)

    async def test_half_done_is_done_again(
        self, desk: Desk, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The store fails between the two writes: the next try says so on the request, once."""
        request, _ = await desk.register(Registration("9001", OTHER))
        real = store.save

        async def full(*changes: Change) -> tuple[CallbackRequest, ...]:
            raise StoreUnavailable("disk full")

        monkeypatch.setattr(store, "save", full)
        with pytest.raises(StoreUnavailable):
            await desk.never_call(OTHER, "callee")
        monkeypatch.setattr(store, "save", real)
        assert await desk.is_never_called(OTHER)
        for _ in range(2):
            await desk.never_call(OTHER, "callee")
        assert (await events(desk, request))[1:] == [("asked_not_to_be_called", "callee")]

    async def test_said_to_a_call_of_ours(self, desk: Desk) -> None:
        """Of the number that was rung, whatever number the request has by now; the attempt counts as declined."""
        request, _ = await desk.register(Registration("9001", OTHER, origin=Origin.STAFF))
        await desk.start_attempt(request.id, "kari", "a1")
        await desk.set_number(request.id, THIRD, "kari")
        await desk.never_call_at("a1")
        after = await desk.end_attempt("a1", AttemptOutcome.DECLINED)
        assert after.is_open
        assert await desk.is_never_called(OTHER)
        assert not await desk.is_never_called(THIRD)
        with pytest.raises(UnknownRequest):
            await desk.never_call_at("a2")

    async def test_which_of_many(self, desk: Desk) -> None:
        """Open ones with such a number; not one without a number, nor one that has ended."""
        one, _ = await desk.register(Registration("9001", OTHER))
        two, _ = await desk.register(Registration("9002", OTHER))
        three, _ = await desk.register(Registration("9001", CALLER))
        four, _ = await desk.register(Registration("9001", None))
        await desk.never_call(OTHER, "kari")
        ended = await desk.withdraw(two.id, "caller")
        assert await desk.never_called([one, ended, three, four]) == {one.id}
        assert await desk.never_called([]) == frozenset()

    async def test_lifted(self, desk: Desk, clock: ManualClock) -> None:
        """Who and when stands in the ledger of each open request there, why in the note; then it can be rung at once."""
        request, _ = await desk.register(Registration("9001", OTHER, note="first"))
        elsewhere, _ = await desk.register(Registration("9002", OTHER))
        await desk.never_call(OTHER, "callee")
        clock.advance(timedelta(minutes=5))
        after = await desk.lift_never_call(request.id, "liv", " She rang us. ")
        assert (after.note, after.next_attempt_at) == ("first\nShe rang us.", clock.now())
        assert not await desk.is_never_called(OTHER)
        for each in (request, elsewhere):
            assert (await events(desk, each))[-1] == ("never_call_lifted", "liv")
        entry = (await desk.store.ledger(request.id))[-1]
        assert entry.details == {"reason_written": True}
        assert (await desk.lift_never_call(request.id, "liv", "again")) == after
        assert (await desk.start_attempt(request.id, "kari", "a1"))[0].state is RequestState.CALLING

    async def test_lifted_and_said_again(self, desk: Desk) -> None:
        """Each time stands in the ledger."""
        request, _ = await desk.register(Registration("9001", OTHER))
        for _ in range(2):
            await desk.never_call(OTHER, "callee")
            await desk.lift_never_call(request.id, "liv", "They rang us.")
        said = [event for event, _ in await events(desk, request)][1:]
        assert said == ["asked_not_to_be_called", "never_call_lifted"] * 2

    async def test_what_cannot_be_lifted(self, desk: Desk) -> None:
        """Without a reason, and for a request that has ended."""
        request, _ = await desk.register(Registration("9001", OTHER))
        await desk.never_call(OTHER, "callee")
        with pytest.raises(MissingText):
            await desk.lift_never_call(request.id, "liv", " ")
        await desk.withdraw(request.id, "caller")
        with pytest.raises(IllegalTransition):
            await desk.lift_never_call(request.id, "liv", "They rang us.")
        assert await desk.is_never_called(OTHER)

    async def test_taken_off_without_a_request(self, desk: Desk) -> None:
        """However it is written; False when it was not there."""
        assert not await desk.may_call_again(OTHER, "command_line")
        await desk.never_call(OTHER, "command_line")
        assert await desk.may_call_again("90001234", "command_line")
        assert not await desk.is_never_called(OTHER)


async def test_every_refused_number_is_counted(desk: Desk) -> None:
    """Whoever gives it: a caller, staff at the registration or for a request that exists."""
    request, _ = await desk.register(Registration("9001", CALLER))
    for phone in ("112", "82000000", "+4670123456"):
        with pytest.raises(NumberRefused):
            await desk.register(Registration("9001", phone))
        with pytest.raises(NumberRefused):
            await desk.set_number(request.id, phone, "kari")
        with pytest.raises(NumberRefused):
            await desk.checked_number(phone)
    await desk.open_request_of("9001", phone="112")  # looks it up only
    assert await desk.refusals() == {"emergency": 3, "premium": 3, "foreign": 3}


async def events(desk: Desk, request: CallbackRequest) -> list[tuple[str, str]]:
    return [(entry.event, entry.actor) for entry in await desk.store.ledger(request.id)]
