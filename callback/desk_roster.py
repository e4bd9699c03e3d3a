"""Who is on duty on the on-call lines. Part of the desk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callback.desk_base import DeskBase
from config.model import Person
from config.oncall import OnCallLine
from scheduler.calendar import OfficeCalendar
from scheduler.roster import on_duty


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

    @property
    def in_order(self) -> tuple[Person, ...]:
        """Everybody who may be rung, each once: those on duty, the substitute, the leader."""
        others = (one for one in (self.substitute, self.leader) if one is not None)
        return tuple({person.id: person for person in (*self.people, *others)}.values())


class DeskRoster(DeskBase):
    """The use cases of the roster."""

    async def duty(self, line: OnCallLine, at: datetime | None = None) -> OnDuty:
        """Who is on duty at an instant, now where none is given. Who has no number that can be rung is left out."""
        at = at or self.clock.now()
        duty = on_duty(line.people if self.line_is_open(line, at) else (), (), at)
        return OnDuty(
            line,
            self._reachable(line, duty.people),
            next(iter(self._reachable(line, (line.substitute or "",))), None),
            next(iter(self._reachable(line, (line.leader or "",), own=True)), None),
            duty.until,
            self._reachable(line, duty.then),
        )

    def line_is_open(self, line: OnCallLine, at: datetime) -> bool:
        """Whether somebody is to answer it then."""
        office = self.config.office(line.office_no)
        if office is None or line.hours is None:
            return self._calendars[line.office_no].is_open(at) if office else False
        return OfficeCalendar(office.model_copy(update={"phone_hours": line.hours})).is_open(at)

    def telephones_of(self, line: OnCallLine, person: Person) -> tuple[str, ...]:
        """Where somebody on duty is rung, in order: the line's own telephone, which they carry; else their mobile, then
        their extension."""
        if line.telephone is not None and person.id not in (line.leader, line.substitute):
            return (line.telephone,)
        return tuple(number for number in (person.mobile, person.extension) if number is not None)

    def _reachable(self, line: OnCallLine, ids: tuple[str, ...], *, own: bool = False) -> tuple[Person, ...]:
        people = [self._people[one] for one in ids if one in self._people]
        return tuple(p for p in people if p.has_telephone or (line.telephone is not None and not own))
