"""What every Store keeps for the guards: counts per day, numbers that are never called, a secret."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest

from callback.store import Counter, LimitReached, Store
from tests.contract.store_factory import T0, new_entry, new_request
from tests.contract.store_fixtures import Reopen

TODAY = date(2026, 11, 23)
DAY = timedelta(days=1)


async def test_counts_up_to_the_limit(store: Store) -> None:
    """The counter that is full is returned, each day and each subject has its own."""
    counter = Counter(TODAY, "keyed", "a", 3)
    assert [await store.count_up(counter) for _ in range(5)] == [None, None, None, counter, counter]
    assert await store.count_up(replace(counter, day=TODAY + DAY)) is None
    assert await store.count_up(Counter(TODAY, "keyed", "b", 3)) is None
    assert await store.count_up(Counter(TODAY, "rung", "a", 3)) is None
    assert await store.counts(TODAY, "keyed") == {"keyed": 4}


async def test_no_limit(store: Store) -> None:
    """With a limit of 0 it only counts."""
    for _ in range(20):
        assert await store.count_up(Counter(TODAY, "keyed", "a")) is None
    assert await store.counts(TODAY, "") == {"keyed": 20}


async def test_several_count_together_or_not_at_all(store: Store) -> None:
    """When one of them is full, none is counted, and the first that is full is returned."""
    one, two = Counter(TODAY, "by", "a", 5), Counter(TODAY, "to", "b", 1)
    assert await store.count_up(one, two) is None
    assert await store.count_up(one, two) == two
    assert await store.counts(TODAY, "") == {"by": 1, "to": 1}


async def test_at_once(store: Store) -> None:
    """Of twenty at once no more than the limit get through."""
    answers = await asyncio.gather(*(store.count_up(Counter(TODAY, "by", "a", 7)) for _ in range(20)))
    assert answers.count(None) == 7


async def test_counts_by_prefix(store: Store) -> None:
    """Only kinds that begin with the words asked for, all subjects together, of that day."""
    for kind, subject in (("refusal.a", "x"), ("refusal.a", "y"), ("refusal.b", ""), ("keyed", "x")):
        await store.count_up(Counter(TODAY, kind, subject))
    await store.count_up(Counter(TODAY - DAY, "refusal.a"))
    assert await store.counts(TODAY, "refusal.") == {"refusal.a": 2, "refusal.b": 1}
    assert await store.counts(TODAY + DAY, "refusal.") == {}


async def test_forgets(store: Store) -> None:
    """Counts before a day go, the day's own stay."""
    for day in (TODAY - DAY, TODAY):
        await store.count_up(Counter(day, "keyed", "a"))
    await store.forget_counts_before(TODAY)
    await store.forget_counts_before(TODAY)
    assert await store.counts(TODAY - DAY, "") == {}
    assert await store.counts(TODAY, "") == {"keyed": 1}


async def test_never_call(store: Store, reopen: Reopen) -> None:
    """A subject is added once, kept from open to open, and can be taken off."""
    assert not await store.is_never_call("a")
    assert await store.add_never_call("a", T0)
    assert not await store.add_never_call("a", T0)
    again = await reopen()
    assert await again.is_never_call("a")
    assert not await again.is_never_call("b")
    await again.remove_never_call("a")
    await again.remove_never_call("a")
    assert not await again.is_never_call("a")


async def test_which_are_never_called(store: Store) -> None:
    """Of those asked about, and no others."""
    for subject in ("a", "b"):
        await store.add_never_call(subject, T0)
    assert await store.never_call_among(frozenset({"b", "c"})) == {"b"}
    assert await store.never_call_among(frozenset()) == frozenset()


async def test_a_secret_is_made_once(store: Store, reopen: Reopen) -> None:
    """The same at every look and from open to open; another name is another secret."""
    secret = await store.secret("one")
    assert len(bytes.fromhex(secret)) == 32
    assert await store.secret("one") == secret != await store.secret("two")
    assert await (await reopen()).secret("one") == secret


async def test_who_takes_calls(store: Store, reopen: Reopen) -> None:
    """In the order in which they said so; saying it again keeps the place; it is there after a restart."""
    for minutes, person in enumerate(("ola", "kari", "sami", "ola")):
        await store.set_ready(person, T0 + timedelta(minutes=minutes))
    await store.set_ready("kari", None)
    await store.set_ready("nobody", None)
    again = await reopen()
    assert await again.ready() == [("ola", T0), ("sami", T0 + timedelta(minutes=2))]
    await again.postpone_ready("ola", T0 + timedelta(minutes=9))
    await again.postpone_ready("kari", T0)
    assert await again.ready() == [("sami", T0 + timedelta(minutes=2)), ("ola", T0 + timedelta(minutes=9))]


async def test_registering_counts_new_requests(store: Store) -> None:
    """Up to the limit; who is on the list is found without being counted, and a refused one leaves nothing."""
    counter = Counter(TODAY, "registration", "a", 1)
    first = new_request()
    assert await store.register(first, new_entry(first), counter=counter) == (first, True)
    again = new_request(phone=first.phone)
    assert await store.register(again, new_entry(again), counter=counter) == (first, False)
    second = new_request()
    with pytest.raises(LimitReached):
        await store.register(second, new_entry(second), counter=counter)
    assert await store.get(second.id) is None
    assert await store.ledger(second.id) == []
    assert await store.counts(TODAY, "registration") == {"registration": 1}
    others = [new_request() for _ in range(3)]
    answers = await asyncio.gather(
        *(store.register(r, new_entry(r), counter=replace(counter, limit=3)) for r in others),
        return_exceptions=True,
    )
    assert [isinstance(answer, LimitReached) for answer in answers] == [False, False, True]


async def test_who_is_away(store: Store, reopen: Reopen) -> None:
    """Whoever takes calls may be away: not ready, and back from when they say so; who takes none cannot be away."""
    for minutes, person in enumerate(("ola", "kari")):
        await store.set_ready(person, T0 + timedelta(minutes=minutes))
    for minutes, person in ((5, "ola"), (6, "ola"), (7, "nobody")):
        await store.set_away(person, T0 + timedelta(minutes=minutes))
    again = await reopen()
    assert await again.away() == [("ola", T0 + timedelta(minutes=5))]
    assert await again.ready() == [("kari", T0 + timedelta(minutes=1))]
    await again.set_ready("ola", T0 + timedelta(minutes=9))
    await again.set_ready("ola", T0 + timedelta(minutes=10))
    assert await again.away() == []
    assert await again.ready() == [("kari", T0 + timedelta(minutes=1)), ("ola", T0 + timedelta(minutes=9))]
    await again.set_away("kari", T0)
    await again.set_ready("kari", None)
    assert await again.away() == []
