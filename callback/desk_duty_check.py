"""The duty check: before each shift whoever is on duty is rung and confirms it. Part of the desk.

No 1: once more, then the next person, who takes the shift with their 1; and the leader is told. A check is a row of the consult
calls, so the telephone rings for nothing else meanwhile, and who was rung for which shift is on record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from callback.consult import Consult, ConsultCaller, ConsultOutcome, DutyLeg, DutyOutcome
from callback.desk_base import DeskError
from callback.desk_consult import DeskConsult
from callback.desk_gaps import DeskGaps
from callback.desk_shifts import DeskShifts
from callback.notice import about_duty
from callback.shifts import Planned, RosterChange, StaleRoster
from config.model import Person
from config.oncall import OnCallLine
from scheduler.clock import from_local, to_local
from scheduler.roster import DutyShift

log = structlog.get_logger(__name__)

_AGAIN_AFTER = timedelta(minutes=2)
_LOOKED_BACK = timedelta(hours=12)
_LATE = timedelta(hours=1)
"""So long after the first minute somebody is still looked for."""
_OVER_A_HOLIDAY = timedelta(days=12)
"""A shift that began so long ago has had its first minute."""
_TIMES = 2
"""Whoever has the shift is rung so often before another one is."""
CHECK_FAILED = "duty_unconfirmed"
"""In the history of the roster."""


@dataclass(frozen=True, slots=True)
class DutyCheck:
    """Somebody to be rung now."""

    line: OnCallLine
    shift: DutyShift
    begins_at: datetime
    """The first minute in which they are on duty."""
    person: Person
    telephone: str


class DeskDutyCheck(DeskConsult, DeskShifts, DeskGaps):
    """The use cases of the duty check."""

    async def due_checks(self) -> list[DutyCheck]:
        """Whom to ring now. Nobody outside `duty_check_hours`, and nobody once the shift has begun for an hour."""
        oncall, now = self.config.settings.oncall, self.clock.now()
        if not oncall.duty_check or not self._may_ring(now):
            return []
        await self._look_at_rosters()
        soon = now + oncall.duty_check_before
        near = [
            shift
            for shifts in self._shifts.values()
            for shift in shifts
            if shift.begins_at <= soon and now < shift.ends_at and now - shift.begins_at < _OVER_A_HOLIDAY
        ]
        checks = []
        for shift in near:
            line = self.config.line(shift.line_id)
            begins_at = shift.begins_at if line is None else self._first_minute(line, shift)
            if shift.changed_by in shift.people and begins_at - shift.changed_at < _LATE:
                continue  # they have just said so themself
            due = self._due_at(begins_at)
            if line is None or not due <= now < max(due, begins_at) + _LATE:
                continue
            check = await self._next_check(line, shift, begins_at)
            if check is not None:
                checks.append(check)
        return checks

    async def begin_check(self, check: DutyCheck, check_id: str) -> DutyLeg | None:
        """On record before the telephone rings. None: they are in a call, and it is tried again."""
        now = self.clock.now()
        consult = Consult(
            check_id,
            check.line.office_no,
            check.line.id,
            ConsultCaller.DUTY_CHECK,
            now,
            shift_id=check.shift.id,
        )
        await self.store.save_consult(consult)
        leg = DutyLeg(f"tast1-{check_id}-d", check_id, check.person.id, check.telephone, now)
        (leg,) = await self.store.ring_duty(leg)
        if leg.ended_at is None:
            return leg
        await self.store.save_consult(replace(consult, ended_at=now, outcome=ConsultOutcome.GAVE_UP))
        return None

    async def check_confirmed(self, check_id: str, leg_id: str) -> None:
        """They pressed 1. Whoever was rung instead of the one who has the shift has it from now on."""
        consult = await self.store.consult(check_id)
        if consult is None or consult.ended_at is not None:
            return
        await self.duty_leg_joined(leg_id, check_id)
        await self.end_consult(check_id, ConsultOutcome.ANSWERED)
        legs = await self.store.duty_legs(check_id)
        shift, line = await self._shift_of(consult), self.config.line(consult.line_id)
        if shift is None or line is None or legs[0].person_id in shift.people:
            return
        planned = Planned((legs[0].person_id,), max(shift.begins_at, self.clock.now()), shift.ends_at)
        try:
            await self.add_override(line, planned, legs[0].person_id)
        except (DeskError, StaleRoster) as error:
            log.warning("duty_not_taken_over", line=line.id, why=type(error).__name__)

    async def check_ended(self, check_id: str, leg_id: str, outcome: DutyOutcome) -> None:
        """No 1. After the second time of whoever has the shift the leader is told."""
        consult = await self.store.consult(check_id)
        if consult is None or consult.ended_at is not None:
            return
        await self.duty_leg_ended(leg_id, check_id, outcome)
        await self.end_consult(check_id, ConsultOutcome.GAVE_UP)
        legs = await self.store.duty_legs(check_id)
        shift, line = await self._shift_of(consult), self.config.line(consult.line_id)
        if shift is None or line is None:
            return
        rung = await self._rung(shift)
        if legs[0].person_id in shift.people and rung.count(legs[0].person_id) == _TIMES:
            await self._tell_leader(line, shift, legs[0].person_id)

    # -- inner workings

    def _first_minute(self, line: OnCallLine, shift: DutyShift) -> datetime:
        """When the shift begins in the hours of its line; a shift outside them begins when it begins."""
        calendar = self.line_calendar(line)
        if calendar.is_open(shift.begins_at):
            return shift.begins_at
        day = to_local(shift.begins_at).date()
        while from_local(datetime.combine(day, datetime.min.time())) < shift.ends_at:
            hours = calendar.hours_on(day)
            if hours is not None and shift.begins_at <= hours[0] < shift.ends_at:
                return hours[0]
            day += timedelta(days=1)
        return shift.begins_at

    def _due_at(self, begins_at: datetime) -> datetime:
        """`duty_check_before` before it; not in the night, so at the end of it for an early shift."""
        at = begins_at - self.config.settings.oncall.duty_check_before
        hours = self.config.settings.oncall.duty_check_hours
        return max(at, from_local(datetime.combine(to_local(begins_at).date(), hours.opens)))

    def _may_ring(self, at: datetime) -> bool:
        hours = self.config.settings.oncall.duty_check_hours
        return hours.opens <= to_local(at).time() < hours.closes

    async def _next_check(self, line: OnCallLine, shift: DutyShift, begins_at: datetime) -> DutyCheck | None:
        """Whoever has the shift twice, then each of the others once, until somebody confirms."""
        now = self.clock.now()
        past = await self._checks_of(shift)
        duty = await self.duty(line, max(begins_at, now))
        if any(one.outcome is ConsultOutcome.ANSWERED or one.ended_at is None for one, _ in past):
            return None
        if any(now < (one.ended_at or now) + _AGAIN_AFTER for one, _ in past):
            return None
        rung = [leg.person_id for _, legs in past for leg in legs if leg.outcome is not DutyOutcome.IN_CALL]
        first = next((p for p in duty.people if p.id in shift.people), None)
        if first is None:  # somebody else is on duty then
            return None
        others = [self._people[one] for one in (*line.people, line.substitute or "") if one in self._people]
        order = [first] * _TIMES + [p for p in dict.fromkeys(others) if p.id not in shift.people]
        for person in order[len(rung) :]:
            telephones = self.telephones_of(line, person)
            if telephones:
                return DutyCheck(line, shift, begins_at, person, telephones[0])
        return None

    async def _checks_of(self, shift: DutyShift) -> list[tuple[Consult, tuple[DutyLeg, ...]]]:
        found = await self.store.consults(self.clock.now() - _LOOKED_BACK)
        return [(one, legs) for one, legs in found if one.shift_id == shift.id]

    async def _rung(self, shift: DutyShift) -> list[str]:
        checks = await self._checks_of(shift)
        return [leg.person_id for _, legs in checks for leg in legs if leg.outcome is not DutyOutcome.IN_CALL]

    async def _shift_of(self, consult: Consult) -> DutyShift | None:
        line = self.config.line(consult.line_id)
        shifts = [] if line is None else await self.shifts_of(line)
        return next((shift for shift in shifts if shift.id == consult.shift_id), None)

    async def _tell_leader(self, line: OnCallLine, shift: DutyShift, person_id: str) -> None:
        """In the history, and by e-mail where that is set up."""
        now, mail = self.clock.now(), self.config.settings.notices.email
        told = self.told_of_gaps(line) if mail is not None else []
        details = {"person": person_id, "to": [person.id for person in told]}
        notices = tuple(about_duty(line.id, shift.id, person.id, now) for person in told)
        await self._change_roster(
            line,
            lambda _, seen: RosterChange(
                seen, self._line_of(line, "service", CHECK_FAILED, details), notices=notices
            ),
        )
        log.warning("duty_unconfirmed", line=line.id, person=person_id)
