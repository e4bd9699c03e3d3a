"""Who is on duty on the on-call lines, and where nobody is. Part of the desk.

The rows are the truth: the command line writes them too. What is kept in memory is looked up again as soon as the history
has a line more, so a question costs one short look at the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from callback.desk_base import DeskBase, DeskError
from callback.shifts import RosterEntry
from callback.store import Store
from config.model import Config, Person
from config.oncall import OnCallLine
from scheduler.calendar import NeverOpen, OfficeCalendar
from scheduler.clock import Clock, from_local, to_local
from scheduler.coverage import AHEAD, Coverage, coverage, line_calendar, wanted
from scheduler.roster import Duty, DutyShift, Roster, Stretch

_AT_ONCE = 10
"""Lines whose coverage is worked out before others get their turn."""
_DUTIES_AT_ONCE = 50
"""The same for who is on duty."""


class UnknownLine(DeskError):
    """There is no such on-call line."""


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who answers an on-call line now. Everybody here has a telephone (`telephones_of`)."""

    line: OnCallLine
    people: tuple[Person, ...]
    """In the order they are rung."""
    substitute: Person | None
    leader: Person | None
    until: datetime | None = None
    then: tuple[Person, ...] = ()
    open: bool = True
    """Somebody is meant to answer it then."""

    @property
    def in_order(self) -> tuple[Person, ...]:
        """Everybody who may be rung, each once: those on duty, the substitute, the leader."""
        others = (one for one in (self.substitute, self.leader) if one is not None)
        return tuple({person.id: person for person in (*self.people, *others)}.values())


class DeskRoster(DeskBase):
    """The use cases of the roster that change nothing."""

    def __init__(self, store: Store, config: Config, clock: Clock) -> None:
        self._rosters: dict[str, Roster] = {}
        self._shifts: dict[str, list[DutyShift]] = {}
        self._roster_versions: dict[str, int] = {}
        self._coverages: dict[str, tuple[datetime, timedelta, Coverage]] = {}
        super().__init__(store, config, clock)

    def use_config(self, config: Config) -> None:
        super().use_config(config)
        self._rosters.clear()  # of other standing orders
        self._coverages.clear()
        self._lines = {line.id: line for line in config.on_call_lines}
        self._line_calendars = {
            line.id: line_calendar(line, self._calendars[line.office_no]) for line in self._lines.values()
        }

    def line(self, line_id: str) -> OnCallLine:
        line = self._lines.get(line_id)
        if line is None:
            known = ", ".join(sorted(self._lines)) or "none"
            raise UnknownLine(f"no on-call line {line_id!r}; known: {known}")
        return line

    def line_calendar(self, line: OnCallLine) -> OfficeCalendar:
        """When the line is meant to be answered."""
        return self._line_calendars.get(line.id) or line_calendar(line, self._calendars[line.office_no])

    async def duty(self, line: OnCallLine, at: datetime | None = None) -> OnDuty:
        """Who is on duty at an instant, now where none is given. Who has no number that can be rung is left out."""
        await self._look_at_rosters()
        return self._duty(line, at or self.clock.now())

    async def duties(self, at: datetime | None = None) -> list[OnDuty]:
        """The same of every line, in one look."""
        await self._look_at_rosters()
        now, found = at or self.clock.now(), list[OnDuty]()
        for count, line in enumerate(list(self._lines.values()), start=1):
            found.append(self._duty(line, now))
            if count % _DUTIES_AT_ONCE == 0:
                await asyncio.sleep(0)
        return found

    async def coverage(self, begins_at: datetime | None = None, days: timedelta = AHEAD) -> list[Coverage]:
        """Of every line, in its order: where nobody could be reached. From the beginning of today, four weeks ahead."""
        await self._look_at_rosters()
        found = []
        for count, line in enumerate(list(self._lines.values())):
            found.append(self._coverage(line, begins_at or self.today(), days))
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)  # a caller's key comes between
        return found

    async def coverage_of(
        self, line: OnCallLine, begins_at: datetime | None = None, days: timedelta = AHEAD
    ) -> Coverage:
        await self._look_at_rosters()
        return self._coverage(line, begins_at or self.today(), days)

    async def on_duty_between(
        self, line: OnCallLine, begins_at: datetime, ends_at: datetime, *, in_hours: bool = True
    ) -> list[Stretch]:
        """Who is on duty, stretch by stretch, in order; `in_hours`: only while the line is meant to be answered."""
        await self._look_at_rosters()
        roster, calendar = self._roster(line), self.line_calendar(line)
        if not in_hours:
            return list(roster.stretches(begins_at, ends_at))
        spans = []
        day = to_local(begins_at).date()
        while day <= to_local(ends_at).date():
            hours = calendar.hours_on(day)
            if hours is not None:
                spans.append((max(hours[0], begins_at), min(hours[1], ends_at)))
            day += timedelta(days=1)
        return [stretch for span in spans for stretch in roster.stretches(*span)]

    async def shifts_of(self, line: OnCallLine, since: datetime | None = None) -> list[DutyShift]:
        """Those that end after `since` (now), the first first."""
        await self._look_at_rosters()
        after = since or self.clock.now()
        return [shift for shift in self._shifts.get(line.id, ()) if shift.ends_at > after]

    async def roster_history(self, line: OnCallLine, limit: int = 50) -> list[RosterEntry]:
        """Who changed what, the newest first."""
        return await self.store.roster_history(line.id, limit)

    def line_is_open(self, line: OnCallLine, at: datetime) -> bool:
        """Whether somebody is to answer it then."""
        return line.office_no in self._calendars and self.line_calendar(line).is_open(at)

    def telephones_of(self, line: OnCallLine, person: Person) -> tuple[str, ...]:
        """Where somebody on duty is rung, in order: the line's own telephone, which they carry; else their mobile, then
        their extension."""
        if line.telephone is not None and person.id not in (line.leader, line.substitute):
            return (line.telephone,)
        return tuple(number for number in (person.mobile, person.extension) if number is not None)

    def today(self) -> datetime:
        """When this day began, where the offices are."""
        return from_local(
            to_local(self.clock.now()).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
        )

    # -- inner workings

    async def _look_at_rosters(self) -> None:
        """What changed since the last look is read."""
        newest = max(self._roster_versions.values(), default=0)
        news = await self.store.roster_since(newest)
        if not news.versions:
            return
        shifts: dict[str, list[DutyShift]] = {}
        for shift in news.shifts:
            shifts.setdefault(shift.line_id, []).append(shift)
        for line_id, version in news.versions.items():
            if version < self._roster_versions.get(line_id, 0):
                continue  # two looked at the same time, and the other saw more
            self._roster_versions[line_id] = version
            self._shifts[line_id] = shifts.get(line_id, [])
            self._rosters.pop(line_id, None)
            self._coverages.pop(line_id, None)

    def _roster(self, line: OnCallLine) -> Roster:
        roster = self._rosters.get(line.id)
        if roster is None:
            roster = self._rosters[line.id] = Roster(line.people, self._shifts.get(line.id, ()))
        return roster

    def _duty(self, line: OnCallLine, at: datetime) -> OnDuty:
        duty = self._roster(line).at(at)
        if self._is_nobodys(line, at):
            duty = self._closed(line, duty, at)
        elif duty.until is not None and self._is_nobodys(line, duty.until):
            duty = replace(duty, then=())
        return OnDuty(
            line,
            self._reachable(line, duty.people),
            next(iter(self._reachable(line, (line.substitute or "",), own=True)), None),
            next(iter(self._reachable(line, (line.leader or "",), own=True)), None),
            duty.until,
            self._reachable(line, duty.then),
            self.line_is_open(line, at),
        )

    def _is_nobodys(self, line: OnCallLine, at: datetime) -> bool:
        """Whether the line is closed then and no shift holds: the standing order is on duty while it is open."""
        held = (shift.begins_at <= at < shift.ends_at for shift in self._shifts.get(line.id, ()))
        return not self.line_is_open(line, at) and not any(held)

    def _closed(self, line: OnCallLine, duty: Duty, at: datetime) -> Duty:
        """Nobody, until it opens or a shift begins."""
        if line.office_no not in self._calendars:
            return Duty(())
        try:
            opens = self.line_calendar(line).next_opening(at)
        except NeverOpen:
            return Duty((), duty.until, duty.then)
        if duty.until is not None and duty.until <= opens:
            return Duty((), duty.until, duty.then)
        return Duty((), opens, self._roster(line).at(opens).people)

    def _coverage(self, line: OnCallLine, begins_at: datetime, days: timedelta) -> Coverage:
        """Of a whole day it is the same all day long: worked out once."""
        kept = self._coverages.get(line.id)
        if kept is None or kept[:2] != (begins_at, days):
            kept = self._coverages[line.id] = begins_at, days, self._work_out(line, begins_at, days)
        return kept[2]

    def _work_out(self, line: OnCallLine, begins_at: datetime, days: timedelta) -> Coverage:
        centre = self.config.settings.oncall.contact_centre_hours
        spans = wanted(centre, self.line_calendar(line), begins_at, begins_at + days)
        return coverage(line.id, self._roster(line), spans, lambda ids: bool(self._reachable(line, ids)))

    def _reachable(self, line: OnCallLine, ids: Iterable[str], *, own: bool = False) -> tuple[Person, ...]:
        people = [self._people[one] for one in ids if one in self._people]
        return tuple(p for p in people if p.has_telephone or (line.telephone is not None and not own))
