"""Changes of the rosters: shifts, overrides, swaps, whole calendars. Part of the desk.

Each is worked out on the roster as it is, and saved with a line of the history; a lost race is tried again on fresh rows.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from callback.desk_base import TRIES, DeskError
from callback.desk_roster import DeskRoster
from callback.shifts import Planned, RosterChange, RosterEntry, StaleRoster
from config.model import Person
from config.oncall import OnCallLine
from scheduler.roster import DutyShift, ShiftKind, ShiftSource, swapped

log = structlog.get_logger(__name__)

LONGEST = timedelta(days=31)
"""Of one shift: more is a slip of the pen, or belongs into the line's standing order."""
_RENEWED = "address_renewed"
_WHOLE_HISTORY = 1_000_000
KEPT = timedelta(days=400)
"""So long after its end a shift can be looked up."""


class RosterRefused(DeskError):
    """The roster cannot be changed so; nothing was changed. `code`: for the pages, which say it in their language."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class DeskShifts(DeskRoster):
    """The use cases that change a roster."""

    def staff_of(self, line: OnCallLine) -> tuple[Person, ...]:
        """Who may be put on duty: the office's people, and those the line names."""
        named = (*line.people, line.substitute, line.leader)
        others = (self._people[one] for one in named if one in self._people)
        return tuple(dict.fromkeys((*self.config.people_of(line.office_no), *others)))

    async def add_shift(self, line: OnCallLine, planned: Planned, actor: str) -> DutyShift:
        return await self._added(line, planned, actor, ShiftKind.SHIFT)

    async def add_override(self, line: OnCallLine, planned: Planned, actor: str) -> DutyShift:
        """Instead of whoever has a shift then; of nobody: nobody is on duty."""
        return await self._added(line, planned, actor, ShiftKind.OVERRIDE)

    async def change_shift(self, line: OnCallLine, shift_id: str, planned: Planned, actor: str) -> DutyShift:
        """Other people or times. What came from a file stays the file's: the next file replaces it."""

        def change(shifts: Sequence[DutyShift], seen: int) -> RosterChange:
            before = _own(_one(shifts, shift_id))
            self._check(line, planned, before.kind)
            after = replace(
                self._new(line, planned, actor, before.kind, before.source), id=before.id, uid=before.uid
            )
            details = {**_told(before), "now": _told(after)}
            return RosterChange(seen, self._line_of(line, actor, "shift_changed", details), (after,))

        (saved,) = (await self._change_roster(line, change)).put
        return saved

    async def remove_shift(self, line: OnCallLine, shift_id: str, actor: str) -> None:
        def change(shifts: Sequence[DutyShift], seen: int) -> RosterChange:
            before = _own(_one(shifts, shift_id))
            entry = self._line_of(line, actor, "shift_removed", _told(before))
            return RosterChange(seen, entry, remove=frozenset({before.id}))

        await self._change_roster(line, change)

    async def swap(self, line: OnCallLine, first_id: str, second_id: str, actor: str) -> None:
        """The people of two shifts that are not over change places. A feed's shift stays as its calendar says: what is
        written over it is an override."""

        def change(shifts: Sequence[DutyShift], seen: int) -> RosterChange:
            try:
                pair = swapped(shifts, _one(shifts, first_id), _one(shifts, second_id))
            except ValueError as error:
                raise RosterRefused("swap_same", str(error)) from error
            if any(shift.ends_at <= self.clock.now() for shift in pair):
                raise RosterRefused(
                    "swap_over", "one of the two shifts is over; swap shifts that are still to come"
                )
            put = tuple(self._exchanged(line, one, actor) for one in pair)
            details = {"first": _told(put[0]), "second": _told(put[1])}
            return RosterChange(seen, self._line_of(line, actor, "swapped", details), put)

        await self._change_roster(line, change)

    async def take_calendar(
        self, line: OnCallLine, events: Iterable[Planned], source: ShiftSource, actor: str
    ) -> tuple[int, int]:
        """What is still to come from this source is as `events` say; (how many came, how many went). What is the same
        stays untouched, so a calendar that says nothing new changes nothing, and writes no history."""
        coming = [event for event in events if event.ends_at > self.clock.now()]
        counts = (0, 0)

        def change(shifts: Sequence[DutyShift], seen: int) -> RosterChange | None:
            nonlocal counts
            now = self.clock.now()
            theirs = [shift for shift in shifts if shift.source is source and shift.ends_at > now]
            wanted = {_key(event): event for event in coming}
            have = {_key(shift): shift for shift in theirs}
            new = [
                self._new(line, event, actor, ShiftKind.SHIFT, source)
                for key, event in wanted.items()
                if key not in have
            ]
            gone = [
                shift for shift in theirs if wanted.get(_key(shift)) is None or have[_key(shift)] is not shift
            ]
            counts = len(new), len(gone)
            if not new and not gone:
                return None
            been = [
                replace(one, ends_at=now) for one in gone if one.begins_at < now
            ]  # they were on duty till now
            event = "feed_read" if source is ShiftSource.FEED else "imported"
            entry = self._line_of(line, actor, event, {"came": len(new), "went": len(gone)})
            ids = frozenset(shift.id for shift in gone if shift.begins_at >= now)
            return RosterChange(seen, entry, (*been, *new), ids)

        await self._change_roster(line, change)
        return counts

    async def export_key(self, line: OnCallLine) -> str:
        """What opens the address of a line's calendar. It is another after `renew_export_key`."""
        secret = await self.store.secret("roster_addresses")
        history = await self.store.roster_history(line.id, _WHOLE_HISTORY)
        renewed = sum(entry.event == _RENEWED for entry in history)
        return hmac.new(secret.encode(), f"{line.id} {renewed}".encode(), "sha256").hexdigest()[:40]

    async def renew_export_key(self, line: OnCallLine, actor: str) -> None:
        """The address that was given out opens nothing from now on."""
        entry = self._line_of(line, actor, _RENEWED, {})
        await self._change_roster(line, lambda _, seen: RosterChange(seen, entry))

    async def forget_shifts(self) -> None:
        await self.store.forget_shifts_before(self.clock.now() - KEPT)

    # -- inner workings

    async def _added(self, line: OnCallLine, planned: Planned, actor: str, kind: ShiftKind) -> DutyShift:
        def change(shifts: Sequence[DutyShift], seen: int) -> RosterChange:
            self._check(line, planned, kind)
            shift = self._new(line, planned, actor, kind, ShiftSource.PAGE)
            event = "override_added" if kind is ShiftKind.OVERRIDE else "shift_added"
            return RosterChange(seen, self._line_of(line, actor, event, _told(shift)), (shift,))

        (saved,) = (await self._change_roster(line, change)).put
        return saved

    async def _change_roster(
        self, line: OnCallLine, work: Callable[[Sequence[DutyShift], int], RosterChange | None]
    ) -> RosterChange:
        """`work` gets the line's shifts and version, and says what shall be written, if anything."""
        for _ in range(TRIES):
            await self._look_at_rosters()
            seen = self._roster_versions.get(line.id, 0)
            change = work(tuple(self._shifts.get(line.id, ())), seen)
            if change is None:
                return RosterChange(seen, self._line_of(line, "service", "unchanged", {}))
            try:
                await self.store.save_roster(change)
            except StaleRoster:
                continue
            log.info("roster_changed", line=line.id, change=change.entry.event)
            self.on_office_changed()
            return change
        raise StaleRoster

    def _exchanged(self, line: OnCallLine, shift: DutyShift, actor: str) -> DutyShift:
        if shift.source is ShiftSource.FEED:
            planned = Planned(shift.people, shift.begins_at, shift.ends_at)
            return self._new(line, planned, actor, ShiftKind.OVERRIDE, ShiftSource.PAGE)
        return replace(shift, changed_by=actor, changed_at=self.clock.now())

    def _check(self, line: OnCallLine, planned: Planned, kind: ShiftKind) -> None:
        if planned.ends_at <= planned.begins_at:
            raise RosterRefused("ends_first", "it ends before it begins; write a later end")
        if planned.ends_at - planned.begins_at > LONGEST:
            raise RosterRefused("too_long", f"it is longer than {LONGEST.days} days; write several shifts")
        if planned.ends_at <= self.clock.now():
            raise RosterRefused("over", "it is over already; write a time to come")
        if not planned.people and kind is ShiftKind.SHIFT:
            raise RosterRefused("nobody", "nobody is named; name somebody, or write an override of nobody")
        known = {person.id for person in self.staff_of(line)}
        strangers = [one for one in planned.people if one not in known]
        if strangers:
            raise RosterRefused(
                "stranger",
                f"no {', '.join(strangers)} at office {line.office_no}; known: {', '.join(sorted(known))}",
            )

    def _new(
        self, line: OnCallLine, planned: Planned, actor: str, kind: ShiftKind, source: ShiftSource
    ) -> DutyShift:
        people = tuple(dict.fromkeys(planned.people))
        return DutyShift(
            uuid.uuid4().hex, line.id, people, planned.begins_at, planned.ends_at,
            kind, source, planned.uid, actor, self.clock.now(),
        )  # fmt: skip

    def _line_of(self, line: OnCallLine, actor: str, event: str, details: dict[str, Any]) -> RosterEntry:
        return RosterEntry(line.id, self.clock.now(), actor, event, details)


def _one(shifts: Sequence[DutyShift], shift_id: str) -> DutyShift:
    found = next((shift for shift in shifts if shift.id == shift_id), None)
    if found is None:
        raise RosterRefused("gone", "this shift is not there any more: somebody removed it meanwhile")
    return found


def _own(shift: DutyShift) -> DutyShift:
    """Whatever is changed of a feed's shift would be back within the hour."""
    if shift.source is ShiftSource.FEED:
        raise RosterRefused(
            "from_feed", "this shift comes from the line's calendar: change it there, or write an override"
        )
    return shift


def _key(one: DutyShift | Planned) -> tuple[object, ...]:
    return one.uid, one.begins_at, one.ends_at, tuple(dict.fromkeys(one.people))


def _told(shift: DutyShift) -> dict[str, Any]:
    """For the history: staff and times only."""
    return {
        "people": list(shift.people),
        "begins_at": shift.begins_at.isoformat(timespec="minutes"),
        "ends_at": shift.ends_at.isoformat(timespec="minutes"),
        "kind": shift.kind.value,
        "source": shift.source.value,
    }
