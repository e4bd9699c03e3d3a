"""The part of the Store port that is about offices. Pure; see `callback.store`, whose rules hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from callback.office_event import EventCount, OfficeEvent, Seen
from callback.office_note import OfficeNote


@dataclass(frozen=True, slots=True)
class OpenCount:
    """The open requests that an office serves."""

    office_no: str
    waiting: int
    late: int
    """Of `waiting`: whose last workable moment has passed."""
    urgent: int
    """Of `waiting`."""


class OfficeStore(Protocol):
    async def add_office_note(self, note: OfficeNote) -> None:
        """Append-only: the newest of its office and kind counts."""

    async def office_notes(self) -> list[OfficeNote]:
        """The newest of each office and kind, oldest first."""

    async def office_history(self, office_no: str, limit: int) -> list[OfficeNote]:
        """All of an office, newest first, `limit` at most."""

    async def open_counts(self, at: datetime) -> list[OpenCount]:
        """Of each office that serves somebody, by its number."""

    # -- events

    async def add_events(self, events: Sequence[OfficeEvent], seen: Seen) -> None:
        """Insert them, and remember what they tell of, in one act."""

    async def events_seen(self) -> Seen: ...

    async def due_events(self, at: datetime, limit: int) -> list[OfficeEvent]:
        """Those that wait and are due at or before `at`, the oldest first."""

    async def change_event(self, event: OfficeEvent) -> bool:
        """What came of it: `due_at`, `state`, `tries`, `ended_at`, `why`. False, and nothing written, unless it waits."""

    async def event_counts(self) -> list[EventCount]: ...

    async def forget_events_before(self, at: datetime) -> None:
        """Those that ended before `at`."""
