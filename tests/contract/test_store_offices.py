"""What both stores keep of offices: notes that only grow, events that wait, and how much is open."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callback.office_event import EventCount, EventKind, EventState, OfficeEvent
from callback.office_note import NoteKind, OfficeNote
from callback.office_store import OpenCount
from callback.request import RequestState, Urgency
from callback.store import Store, StoreError
from callback.store_offices import OPEN_COUNTS
from callback.store_sqlite import SqliteStore
from tests.contract.store_factory import T0, new_entry, new_request
from tests.contract.store_fixtures import Reopen

MINUTE = timedelta(minutes=1)


def event(name: str, **fields: object) -> OfficeEvent:
    made = OfficeEvent(name, EventKind.DUTY, "9001", T0, '{"a": 1}', T0)
    return replace(made, **fields)  # type: ignore[arg-type]


async def test_the_newest_note_counts(store: Store, reopen: Reopen) -> None:
    """Of each office and kind; what came before is the history, and stays."""
    said = [
        OfficeNote("9001", NoteKind.CONFIRMED, T0, "liv"),
        OfficeNote("9002", NoteKind.CONFIRMED, T0, "siv"),
        OfficeNote("9001", NoteKind.MESSAGE, T0, "liv", "Stengt", T0 + timedelta(hours=5)),
        OfficeNote("9001", NoteKind.CONFIRMED, T0 - MINUTE, "kari"),
    ]
    for note in said:
        await store.add_office_note(note)
    again = await reopen()
    assert await again.office_notes() == said[1:]
    assert await again.office_history("9001", 10) == [said[3], said[2], said[0]]
    assert await again.office_history("9001", 1) == [said[3]]


async def test_what_an_office_said_cannot_be_changed(tmp_path: Path) -> None:
    """The database refuses it, whatever the code does. The twin has no other way in."""
    store = SqliteStore(tmp_path / "list.db")
    await store.open()
    await store.add_office_note(OfficeNote("9001", NoteKind.CONFIRMED, T0, "liv"))
    for statement in ("UPDATE office_note SET by = 'ola'", "DELETE FROM office_note"):
        with pytest.raises(StoreError, match="append-only"):
            await store.write(lambda db, sql=statement: db.conn.execute(sql))  # type: ignore[misc]
    await store.close()


async def test_events_wait_until_they_are_taken(store: Store, reopen: Reopen) -> None:
    """The oldest first, when they are due; what came of one is written once."""
    late = event("b", created_at=T0 + MINUTE, due_at=T0 + MINUTE)
    await store.add_events(
        [late, event("a")], {("9001", EventKind.DUTY): "x", ("9001", EventKind.HOURS): "y"}
    )
    await store.add_events([], {("9001", EventKind.DUTY): "z"})
    store = await reopen()
    assert await store.events_seen() == {("9001", EventKind.DUTY): "z", ("9001", EventKind.HOURS): "y"}
    assert await store.due_events(T0, 10) == [event("a")]
    assert await store.due_events(T0 + MINUTE, 10) == [event("a"), late]
    assert await store.due_events(T0 + MINUTE, 1) == [event("a")]
    again = event("a", due_at=T0 + 2 * MINUTE, tries=1, why="http_500")
    assert await store.change_event(again)
    assert await store.due_events(T0 + MINUTE, 10) == [late]
    sent = replace(late, state=EventState.SENT, tries=1, ended_at=T0 + MINUTE)
    assert await store.change_event(sent)
    assert not await store.change_event(sent)
    assert await store.event_counts() == [
        EventCount(EventState.SENT, 1, T0 + MINUTE),
        EventCount(EventState.WAITING, 1, None),
    ]
    await store.forget_events_before(T0 + MINUTE)
    assert len(await store.event_counts()) == 2
    await store.forget_events_before(T0 + 2 * MINUTE)
    assert await store.event_counts() == [EventCount(EventState.WAITING, 1, None)]
    assert await store.due_events(T0 + 2 * MINUTE, 10) == [again]


async def test_open_counts(store: Store) -> None:
    """By the office that serves them: how many, how many late, how many urgent. What has ended does not count."""
    requests = [
        new_request(last_workable_at=T0),
        new_request(last_workable_at=T0 + MINUTE, urgency=Urgency.URGENT),
        new_request(last_workable_at=T0, office_no="9002", substitute="9001"),
        new_request(last_workable_at=T0 + MINUTE, office_no="9003"),
        new_request(last_workable_at=T0, office_no="9003", state=RequestState.WITHDRAWN),
    ]
    for request in requests:
        await store.register(request, new_entry(request))
    assert await store.open_counts(T0) == [OpenCount("9001", 3, 2, 1), OpenCount("9003", 1, 0, 0)]


async def test_counting_reads_no_row(tmp_path: Path) -> None:
    """A list of 100,000 is counted each quarter of a minute: it must not keep callers waiting."""
    store = SqliteStore(tmp_path / "list.db")
    await store.open()
    plan = await store.read(lambda db: db.conn.execute(f"EXPLAIN QUERY PLAN {OPEN_COUNTS}", ("",)).fetchall())
    await store.close()
    assert [step[3] for step in plan] == ["SCAN request USING COVERING INDEX request_turn"]
