"""What every Store gives the sweep of the escalation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from callback.request import RequestState
from callback.store import Change, Store
from tests.contract.store_factory import T0, new_entry, new_request

MINUTE = timedelta(minutes=1)


async def test_escalating(store: Store) -> None:
    """Open ones whose next step has come, or is not known yet; the first due first; never those that have ended, or are
    through with all steps."""
    unknown = new_request()
    late, due = new_request(escalates_at=T0 - MINUTE), new_request(escalates_at=T0)
    others = [
        new_request(escalates_at=T0 + MINUTE),
        new_request(escalates_at=T0 - MINUTE, escalation=100),
        new_request(escalation=100),
    ]
    for request in (due, late, unknown, *others):
        await store.register(request, new_entry(request))
    assert [r.id for r in await store.escalating(T0, 10)] == [unknown.id, late.id, due.id]
    assert [r.id for r in await store.escalating(T0, 2)] == [unknown.id, late.id]
    assert await store.escalating(T0, 0) == []
    ended = replace(late, state=RequestState.WITHDRAWN)
    await store.save(Change(ended, (new_entry(ended),)))
    moved = replace(due, escalation=50, escalates_at=T0 + MINUTE)
    await store.save(Change(moved, (new_entry(moved),)))
    assert [r.id for r in await store.escalating(T0, 10)] == [unknown.id]
    (found, kept) = await store.escalating(T0 + MINUTE, 2)
    assert {found.id, kept.id} <= {unknown.id, due.id, others[0].id}
    after = await store.get(due.id)
    assert after is not None
    assert (after.escalation, after.escalates_at) == (50, T0 + MINUTE)
