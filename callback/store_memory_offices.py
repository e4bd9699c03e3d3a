"""What the Store in memory keeps of offices: same rules as `store_offices`, no disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from callback.office_event import EventCount, EventState, OfficeEvent, Seen
from callback.office_note import OfficeNote
from callback.office_store import OpenCount
from callback.request import CallbackRequest, Urgency
from callback.store_offices import event_from, event_row, note_from, note_row
from scheduler.clock import aware_utc


class MemoryOffices(ABC):
    """See callback.store.Store."""

    def __init__(self) -> None:
        super().__init__()
        self._office_notes: list[OfficeNote] = []
        self._events: dict[str, OfficeEvent] = {}
        self._seen: Seen = {}

    @abstractmethod
    def _check_open(self) -> None:
        """Raises StoreUnavailable."""

    @abstractmethod
    def _open(self) -> Iterator[CallbackRequest]:
        """The open requests."""

    async def open_counts(self, at: datetime) -> list[OpenCount]:
        until = aware_utc(at)
        self._check_open()
        served: dict[str, list[CallbackRequest]] = {}
        for request in self._open():
            served.setdefault(request.served_by, []).append(request)
        return [
            OpenCount(
                office_no,
                len(theirs),
                sum(request.last_workable_at <= until for request in theirs),
                sum(request.urgency is Urgency.URGENT for request in theirs),
            )
            for office_no, theirs in sorted(served.items())
        ]

    async def add_office_note(self, note: OfficeNote) -> None:
        note = note_from(note_row(note))
        self._check_open()
        self._office_notes.append(note)

    async def office_notes(self) -> list[OfficeNote]:
        self._check_open()
        newest = {(note.office_no, note.kind): note for note in self._office_notes}
        return [note for note in self._office_notes if newest[note.office_no, note.kind] is note]

    async def office_history(self, office_no: str, limit: int) -> list[OfficeNote]:
        self._check_open()
        return [note for note in reversed(self._office_notes) if note.office_no == office_no][: max(limit, 0)]

    async def add_events(self, events: Sequence[OfficeEvent], seen: Seen) -> None:
        events = [event_from(event_row(event)) for event in events]
        self._check_open()
        self._events |= {event.id: event for event in events}
        self._seen |= seen

    async def events_seen(self) -> Seen:
        self._check_open()
        return dict(self._seen)

    async def due_events(self, at: datetime, limit: int) -> list[OfficeEvent]:
        until = aware_utc(at)
        self._check_open()
        waiting = (e for e in self._events.values() if e.state is EventState.WAITING and e.due_at <= until)
        return sorted(waiting, key=lambda e: (e.created_at, e.id))[: max(limit, 0)]

    async def change_event(self, event: OfficeEvent) -> bool:
        event = event_from(event_row(event))
        self._check_open()
        before = self._events.get(event.id)
        if before is None or before.state is not EventState.WAITING:
            return False
        self._events[event.id] = replace(
            before, due_at=event.due_at, state=event.state, tries=event.tries, ended_at=event.ended_at, why=event.why
        )  # fmt: skip
        return True

    async def event_counts(self) -> list[EventCount]:
        self._check_open()
        counted = Counter(event.state for event in self._events.values())
        return [EventCount(state, counted[state], self._last_event(state)) for state in sorted(counted)]

    def _last_event(self, state: EventState) -> datetime | None:
        ended = (event.ended_at for event in self._events.values() if event.state is state)
        return max((at for at in ended if at is not None), default=None)

    async def forget_events_before(self, at: datetime) -> None:
        until = aware_utc(at)
        self._check_open()
        self._events = {e.id: e for e in self._events.values() if e.ended_at is None or e.ended_at >= until}
