"""What the desk asks of a store about duty shifts: rows, changes, and who made them. Pure; part of the Store port.

A change of a roster is always one act: shifts come and go together with the line that says who did it, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from callback.notice import Notice
from callback.request import CallbackError
from scheduler.roster import DutyShift


class StaleRoster(CallbackError):
    """Someone else changed the roster in the meantime; look at it again."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A shift that somebody writes, or an event of a calendar."""

    people: tuple[str, ...]
    begins_at: datetime
    ends_at: datetime
    uid: str | None = None


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """One line of the history of a roster. It is never changed and never removed."""

    line_id: str
    at: datetime
    actor: str
    """Id of a person, `command_line` or `service`."""
    event: str
    """`shift_added`, `shift_changed`, `shift_removed`, `override_added`, `swapped`, `imported`, `feed_read`, `gap_warned`,
    `address_renewed`, `duty_unconfirmed`."""
    details: Mapping[str, object] = field(default_factory=dict)
    """JSON: ids of staff and times; never a caller."""


@dataclass(frozen=True, slots=True)
class GapWarned:
    """The leader has been told of what lies between, at this step (`scheduler.coverage.WARNED_BEFORE`)."""

    line_id: str
    begins_at: datetime
    ends_at: datetime
    step: int


@dataclass(frozen=True, slots=True)
class RosterChange:
    """A change of one line's roster, worked out from version `seen` of it."""

    seen: int
    entry: RosterEntry
    put: tuple[DutyShift, ...] = ()
    """New ones, and known ones as they shall be."""
    remove: frozenset[str] = frozenset()
    """Ids."""
    warned: tuple[GapWarned, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class RosterNews:
    """The rosters that changed."""

    versions: Mapping[str, int]
    """Line id -> its version."""
    shifts: tuple[DutyShift, ...]
    """All of these lines."""


class ShiftStore(Protocol):
    """Versions are counted over all lines: the newest stands for all that was ever changed."""

    async def save_roster(self, change: RosterChange) -> int:
        """Write all of it or nothing; returns the line's new version. Raises StaleRoster when `seen` is not its version."""

    async def roster_since(self, version: int) -> RosterNews:
        """Every line that changed after `version`, in one look; 0: all."""

    async def roster_history(self, line_id: str, limit: int) -> list[RosterEntry]:
        """The newest first, `limit` at most."""

    async def gap_warnings(self, line_id: str, since: datetime) -> list[GapWarned]:
        """Of what ends after `since`."""

    async def forget_shifts_before(self, at: datetime) -> None:
        """Shifts and warnings of what ended before `at`. The history stays."""
