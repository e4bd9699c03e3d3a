"""The duty shifts of the Store in memory: same rules as `store_roster`, no disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from callback.notice import Notice
from callback.shifts import GapWarned, RosterChange, RosterEntry, RosterNews, StaleRoster
from callback.store_roster import entry_from, entry_row, shift_from, shift_row
from scheduler.clock import aware_utc
from scheduler.roster import DutyShift


class MemoryRoster(ABC):
    """See callback.shifts.ShiftStore."""

    def __init__(self) -> None:
        super().__init__()
        self._shifts: dict[str, DutyShift] = {}
        self._roster_history: list[RosterEntry] = []
        self._warned: set[GapWarned] = set()

    @abstractmethod
    def _check_open(self) -> None:
        """Raises StoreUnavailable."""

    @abstractmethod
    def _write_notice(self, notice: Notice) -> None: ...

    async def save_roster(self, change: RosterChange) -> int:
        put = [shift_from(shift_row(shift)) for shift in change.put]
        entry = entry_from(entry_row(change.entry))
        self._check_open()
        if self._versions(0).get(entry.line_id, 0) != change.seen:
            raise StaleRoster
        for gone in change.remove:
            self._shifts.pop(gone, None)
        self._shifts |= {shift.id: shift for shift in put}
        self._warned |= set(change.warned)
        for notice in change.notices:
            self._write_notice(notice)
        self._roster_history.append(entry)
        return len(self._roster_history)

    async def roster_since(self, version: int) -> RosterNews:
        self._check_open()
        versions = self._versions(version)
        found = (shift for shift in self._shifts.values() if shift.line_id in versions)
        return RosterNews(versions, tuple(sorted(found, key=lambda s: (s.begins_at, s.id))))

    async def roster_history(self, line_id: str, limit: int) -> list[RosterEntry]:
        self._check_open()
        found = [entry for entry in reversed(self._roster_history) if entry.line_id == line_id]
        return found[: max(limit, 0)]

    async def gap_warnings(self, line_id: str, since: datetime) -> list[GapWarned]:
        at = aware_utc(since)
        self._check_open()
        found = (one for one in self._warned if one.line_id == line_id and one.ends_at > at)
        return sorted(found, key=lambda one: (one.begins_at, one.ends_at, one.step))

    async def forget_shifts_before(self, at: datetime) -> None:
        until = aware_utc(at)
        self._check_open()
        self._shifts = {shift.id: shift for shift in self._shifts.values() if shift.ends_at >= until}
        self._warned = {one for one in self._warned if one.ends_at >= until}

    def _versions(self, since: int) -> dict[str, int]:
        """The history counts from 1."""
        numbered = enumerate(self._roster_history, start=1)
        return {entry.line_id: seq for seq, entry in numbered if seq > since}
