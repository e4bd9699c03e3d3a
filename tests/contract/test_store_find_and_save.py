"""What is found is saved in the same act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from callback.request import CallbackRequest, RequestState
from callback.store import CaseworkerInCall, Change, NeverCalled, NumberInCall, RequestQuery, Store
from tests.contract.store_factory import T0, new_attempt, new_entry, new_request

WAITING = RequestQuery(states=frozenset({RequestState.WAITING}))
Choose = Callable[[list[CallbackRequest], NeverCalled], list[Change]]


async def listed(store: Store, count: int) -> list[CallbackRequest]:
    requests = [new_request(last_workable_at=T0 + timedelta(hours=n)) for n in range(count)]
    for request in requests:
        await store.register(request, new_entry(request))
    return requests


def claimed(request: CallbackRequest, caseworker: str, **fields: object) -> Change:
    attempt = new_attempt(request, caseworker=caseworker, **fields)
    after = replace(request, state=RequestState.CALLING, claimed_by=caseworker)
    return Change(after, (new_entry(after, event="call_started"),), attempt)


async def test_the_next_is_claimed(store: Store) -> None:
    """Those of the query are found in the order of the list; the answer is the request as it is saved."""
    first, second = await listed(store, 2)
    seen = []

    def choose(found: list[CallbackRequest], never_called: NeverCalled) -> list[Change]:
        seen.extend(found)
        return [claimed(found[0], "kari")]

    answers = await store.find_and_save(replace(WAITING, limit=2), choose)
    assert [one.id for one in seen] == [first.id, second.id]
    saved = await store.get(first.id)
    assert answers == [saved]
    assert saved is not None
    assert (saved.state, saved.version, [a.caseworker for a in saved.attempts]) == ("calling", 1, ["kari"])
    assert [entry.event for entry in await store.ledger(first.id)] == ["registered", "call_started"]
    assert [one.id for one in await store.find(WAITING)] == [second.id]


async def test_each_is_refused_by_itself(store: Store) -> None:
    """A colleague who is in a call already, or a number that is rung, leaves nothing behind; the others are saved."""
    requests = await listed(store, 4)
    before = await store.ledger_head()

    def choose(found: list[CallbackRequest], never_called: NeverCalled) -> list[Change]:
        one, two, three, four = found
        return [
            claimed(one, "kari"),
            claimed(two, "kari"),
            claimed(three, "ola", phone=one.phone),
            claimed(four, "liv"),
        ]

    answers = await store.find_and_save(WAITING, choose)
    kinds = [type(answer) for answer in answers]
    assert kinds == [CallbackRequest, CaseworkerInCall, NumberInCall, CallbackRequest]
    assert [one.id for one in await store.find(WAITING)] == [requests[1].id, requests[2].id]
    assert [one.version for one in await store.find(WAITING)] == [0, 0]
    assert (await store.ledger_head()).seq == before.seq + 2
    assert {a.caseworker for a in await store.live_attempts()} == {"kari", "liv"}


async def test_who_does_not_want_to_be_called(store: Store) -> None:
    """Whoever decides can ask which are never called, in the same act."""
    await listed(store, 1)
    await store.add_never_call("b", T0)
    asked: list[frozenset[str]] = []

    def choose(found: list[CallbackRequest], never_called: NeverCalled) -> list[Change]:
        asked.append(never_called(frozenset({"a", "b"})))
        return []

    assert await store.find_and_save(WAITING, choose) == []
    assert asked == [frozenset({"b"})]


async def test_what_is_raised_is_raised(store: Store) -> None:
    """An error of the one who decides comes back to them, and nothing is written."""
    await listed(store, 1)
    before = await store.ledger_head()

    def choose(found: list[CallbackRequest], never_called: NeverCalled) -> list[Change]:
        raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        await store.find_and_save(WAITING, choose)
    assert await store.ledger_head() == before
