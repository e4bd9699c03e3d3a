"""What every Store keeps of who may serve a request, and how it is looked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callback.store import Change, RequestQuery, Store
from tests.contract.store_factory import T0, new_entry, new_request
from tests.contract.store_fixtures import Reopen

ALL: dict[str, Any] = {
    "substitute": "9002",
    "disqualified": ("kari", "liv"),
    "interpreter": True,
    "interpreter_at": T0 + timedelta(hours=3),
    "protected": True,
}


async def test_every_field_comes_back(store: Store, reopen: Reopen) -> None:
    """Registered with, saved later, and taken back again; also after the store was closed and opened."""
    request = new_request(**ALL)
    saved, _ = await store.register(request, new_entry(request))
    assert saved == request
    plain = new_request()
    await store.register(plain, new_entry(plain))
    await store.save(Change(replace(plain, **ALL), ()))
    again = await reopen()
    for request_id in (request.id, plain.id):
        found = await again.get(request_id)
        assert found is not None
        assert {name: getattr(found, name) for name in ALL} == ALL
    back = await again.get(request.id)
    assert back is not None
    none = {
        "substitute": None,
        "disqualified": (),
        "interpreter": False,
        "interpreter_at": None,
        "protected": False,
    }
    (saved,) = await again.save(Change(replace(back, **none), ()))
    assert {name: getattr(saved, name) for name in none} == none


async def test_whose_list_it_is(store: Store) -> None:
    """`served_by` is the substitute where there is one, `office_no` stays the office that was rung."""
    own, moved, theirs = new_request(), new_request(substitute="9002"), new_request(office_no="9002")
    for request in (own, moved, theirs):
        await store.register(request, new_entry(request))

    async def ids(**query: Any) -> set[str]:
        return {request.id for request in await store.find(RequestQuery(**query))}

    assert await ids(served_by="9001") == {own.id}
    assert await ids(served_by="9002") == {moved.id, theirs.id}
    assert await ids(office_no="9001") == {own.id, moved.id}
    assert await ids(served_by="9002", office_no="9001") == {moved.id}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, False),
        ({"interpreter": True}, False),
        ({"protected": True}, True),
        ({"disqualified": ("kari",)}, True),
        ({"assigned_to": "kari"}, True),
        ({"substitute": "9002"}, True),
    ],
)
async def test_what_is_not_everybodys(store: Store, fields: dict[str, Any], found: bool) -> None:
    """`restricted` finds what only some may have."""
    request = new_request(**fields)
    await store.register(request, new_entry(request))
    assert [r.id for r in await store.find(RequestQuery(restricted=True))] == [request.id] * found


async def test_one_number_one_request_also_at_the_substitute(store: Store) -> None:
    """Who rings their own office again is found on the list, whoever serves them."""
    request = new_request(substitute="9002")
    await store.register(request, new_entry(request))
    again = new_request(phone=request.phone)
    found, created = await store.register(again, new_entry(again))
    assert (found.id, created) == (request.id, False)
