"""What a long list needs of a store: pages, what is over, and who is busy, without reading everybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callback.request import AttemptOutcome, CallbackRequest, RequestState, Urgency
from callback.store import Change, RequestQuery, Store
from tests.contract.store_factory import T0, new_attempt, new_entry, new_request

MINUTE = timedelta(minutes=1)


async def listed(store: Store, **fields: object) -> CallbackRequest:
    request = new_request(**fields)
    await store.register(request, new_entry(request))
    return request


async def test_page_after_page_is_the_whole_list(store: Store) -> None:
    """The pages behind one another are the list in its order: urgent first, then by time, and nobody twice."""
    for number in range(7):
        urgency = Urgency.URGENT if number in (2, 5) else Urgency.ORDINARY
        await listed(store, urgency=urgency, last_workable_at=T0 + (number % 3) * MINUTE)
    whole = await store.find(RequestQuery())
    seen: list[CallbackRequest] = []
    query = RequestQuery(limit=2)
    while page := await store.find(query):
        seen += page
        query = replace(query, after=page[-1])
    assert seen == whole
    assert len(seen) == 7


async def test_a_page_after_one_that_is_gone(store: Store) -> None:
    """Where the next page begins does not depend on whether the last one of the page before is still listed."""
    first, second = await listed(store), await listed(store)
    await store.save(Change(replace(first, state=RequestState.WITHDRAWN, next_attempt_at=None), ()))
    waiting = frozenset({RequestState.WAITING})
    assert await store.find(RequestQuery(states=waiting, after=first)) == [second]
    assert await store.find(RequestQuery(states=waiting, after=second)) == []


async def test_only_urgent_ones(store: Store) -> None:
    """The list can be asked for one urgency."""
    urgent = await listed(store, urgency=Urgency.URGENT)
    ordinary = await listed(store)
    assert await store.find(RequestQuery(urgency=Urgency.URGENT)) == [urgent]
    assert await store.find(RequestQuery(urgency=Urgency.ORDINARY)) == [ordinary]


async def test_whoever_waits_on_the_line_counts_as_due(store: Store) -> None:
    """They stand in their place among those who are due, whatever was planned; the state and the office decide as ever."""
    later = {"next_attempt_at": T0 + MINUTE}
    due = [await listed(store, last_workable_at=T0 + n * MINUTE, next_attempt_at=T0) for n in (1, 3)]
    waits = await listed(store, last_workable_at=T0 + 2 * MINUTE, **later)
    never = await listed(store, last_workable_at=T0, next_attempt_at=None)
    await listed(store, **later)
    elsewhere = await listed(store, office_no="9002", **later)
    taken = await listed(store, **later)
    claimed = replace(taken, state=RequestState.CLAIMED, claimed_by="kari")
    await store.save(Change(claimed, (new_entry(claimed),)))
    waiting = frozenset(r.id for r in (due[0], waits, never, elsewhere, taken))
    query = RequestQuery(
        served_by="9001", states=frozenset({RequestState.WAITING}), due_before=T0, waiting=waiting
    )
    order = [never.id, due[0].id, waits.id, due[1].id]
    assert [r.id for r in await store.find(query)] == order
    assert [r.id for r in await store.find(replace(query, after=due[0]))] == order[2:]
    assert [r.id for r in await store.find(replace(query, waiting=frozenset()))] == [r.id for r in due]
    assert await store.claims() == {taken.id: "kari"}


async def test_offices_where_somebody_is_due(store: Store) -> None:
    """Of the offices asked for, those that serve somebody who is due: a substitute for the other, and nobody else's."""
    await listed(store, office_no="9001", next_attempt_at=T0)
    await listed(store, office_no="9002", next_attempt_at=T0 + MINUTE)
    await listed(store, office_no="9003", substitute="9004", next_attempt_at=T0)
    await listed(store, office_no="9005", next_attempt_at=T0, state=RequestState.CALLING, claimed_by="kari")
    await listed(store, office_no="9006", next_attempt_at=T0)
    asked, waiting = ["9001", "9002", "9003", "9004", "9005"], frozenset({RequestState.WAITING})
    assert await store.offices_due(asked, waiting, T0) == {"9001", "9004"}
    assert await store.offices_due([], waiting, T0) == frozenset()


async def test_expired_claims(store: Store) -> None:
    """Claims whose time is over, the longest ago first; neither young ones nor calls."""
    held = {"state": RequestState.CLAIMED, "claimed_by": "kari"}
    late = await listed(store, next_attempt_at=T0, **held)
    early = await listed(store, next_attempt_at=T0 - MINUTE, **held)
    await listed(store, next_attempt_at=T0 + MINUTE, **held)
    await listed(store, next_attempt_at=T0 - MINUTE, state=RequestState.CALLING, claimed_by="ola")
    await listed(store, next_attempt_at=T0 - MINUTE)
    assert await store.expired_claims(T0, 10) == [early, late]
    assert await store.expired_claims(T0, 1) == [early]
    assert await store.expired_claims(T0, 0) == []


async def test_who_is_occupied(store: Store) -> None:
    """Whoever is in a call or owes the result of one; not who has only claimed, nor whose call is over."""
    calling = await listed(store)
    attempt = new_attempt(calling, caseworker="kari")
    (calling,) = await store.save(Change(calling, (), attempt))
    await listed(store, state=RequestState.RESULT_DUE, claimed_by="ola")
    await listed(store, state=RequestState.CLAIMED, claimed_by="liv")
    await listed(store, state=RequestState.RESULT_DUE, claimed_by=None)
    assert await store.occupied() == {"kari", "ola"}
    ended = replace(attempt, ended_at=T0 + MINUTE, outcome=AttemptOutcome.NO_ANSWER)
    await store.save(Change(calling, (), ended))
    assert await store.occupied() == {"ola"}


@pytest.mark.parametrize(("until", "found"), [(-1, 0), (0, 1), (5, 2)])
async def test_live_attempts_that_began_by_then(store: Store, until: int, found: int) -> None:
    """Of those under way only the ones that began at that moment or before."""
    for number in range(2):
        request = await listed(store)
        await store.save(Change(request, (), new_attempt(request, started_at=T0 + number * MINUTE)))
    assert len(await store.live_attempts(T0 + until * MINUTE)) == found
