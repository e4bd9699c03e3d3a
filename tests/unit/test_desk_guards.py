"""The desk: limits per day, and numbers that are never called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from callback.desk import AskedNotToBeCalled, Desk, Registration
from callback.numbers import NumberRefused, Refusal
from callback.request import Origin, RequestState
from callback.store_memory import MemoryStore
from config.model import Config, LimitSettings
from scheduler.clock import ManualClock
from tests.offices import CALLER, MONDAY, config

OTHER, THIRD = "+4790001234", "+4790005678"


def numbered(n: int) -> str:
    return f"+4740002{n:03}"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


def limited(**limits: int) -> Config:
    made = config()
    settings = made.settings.model_copy(update={"limits": LimitSettings(**limits)})
    return made.model_copy(update={"settings": settings})


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    made = MemoryStore()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def desk(store: MemoryStore, clock: ManualClock) -> Desk:
    return Desk(store, config(), clock)


async def test_registrations_of_a_caller_per_day(desk: Desk, clock: ManualClock) -> None:
    """Ten a day, and anew on the next; another caller has ten of their own."""
    answers = [await desk.count_registration(CALLER) for _ in range(12)]
    assert answers == [True] * 10 + [False] * 2
    assert await desk.count_registration(OTHER)
    assert await desk.refusals() == {"too_many_registrations": 2}
    clock.advance(timedelta(days=1))
    assert await desk.count_registration(CALLER)
    assert await desk.refusals() == {}


async def test_a_day_is_a_day_in_norway(desk: Desk, clock: ManualClock) -> None:
    """The count begins anew at midnight in Oslo: 23:00 UTC in winter."""
    for _ in range(10):
        await desk.count_registration(CALLER)
    clock.set(MONDAY.replace(hour=22, minute=59))
    assert not await desk.count_registration(CALLER)
    clock.set(MONDAY.replace(hour=23, minute=0))
    assert await desk.count_registration(CALLER)


async def test_withheld_callers_are_not_counted(desk: Desk) -> None:
    """Nobody is refused because others hid their number too."""
    assert all([await desk.count_registration(None) for _ in range(30)])


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
    assert all([await desk.count_registration(CALLER) for _ in range(20)])


async def test_no_number_is_kept_or_logged(desk: Desk, store: MemoryStore) -> None:
    """Only keyed hashes, which another database would make otherwise."""
    with capture_logs() as logs:
        await desk.count_registration(CALLER)
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
    await desk.count_registration(CALLER)
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
