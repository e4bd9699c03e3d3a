"""What is shown of an office: its hours, who is on duty, when it confirmed that, and its urgent message. Part of the desk.

The same facts feed the contact centre's page, the API and the events; the callers' menu is told the same hours
(`OfficeCalendar.hours_at`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from callback.desk_roster import DeskRoster, OnDuty
from callback.office_note import NoteKind, OfficeNote, message
from config.model import Office
from config.oncall import OnCallLine
from scheduler.calendar import OfficeHours
from scheduler.coverage import Gap


@dataclass(frozen=True, slots=True, eq=False)
class OfficeNow:
    """What is shown of an office at one moment."""

    office: Office
    hours: OfficeHours
    duties: tuple[OnDuty, ...]
    """One for each of its on-call lines."""
    confirmed: OfficeNote | None
    message: OfficeNote | None
    """The one that holds now."""

    def changes_at(self) -> datetime | None:
        """When that changes by itself next, as far as is known."""
        known = [
            self.hours.closes_at,
            self.hours.opens_at,
            *(self.hours.drop_in or ()),
            *(duty.until for duty in self.duties),
            self.message.expires_at if self.message else None,
        ]
        return min((at for at in known if at is not None), default=None)


class DeskOffices(DeskRoster):
    """The use cases of what is shown of an office."""

    async def offices_now(self, offices: Iterable[Office] | None = None) -> list[OfficeNow]:
        """Of all offices, or of those given, in their order."""
        now = self.clock.now()
        notes = {(note.office_no, note.kind): note for note in await self.store.office_notes()}
        duties: dict[str, list[OnDuty]] = {}
        for duty in await self.duties(now):
            duties.setdefault(duty.line.office_no, []).append(duty)
        shown = []
        for n, office in enumerate(self.config.offices if offices is None else offices):
            if n % 25 == 24:
                await asyncio.sleep(0)  # callers go first
            said = notes.get((office.office_no, NoteKind.MESSAGE))
            shown.append(
                OfficeNow(
                    office,
                    self.calendar(office.office_no).hours_at(now),
                    tuple(duties.get(office.office_no, ())),
                    notes.get((office.office_no, NoteKind.CONFIRMED)),
                    said if said is not None and said.holds(now) else None,
                )
            )
        return shown

    async def confirm_office(self, office_no: str, actor: str) -> OfficeNote:
        """Somebody of the office says that what is shown of it is right. Raises UnknownOffice."""
        return await self._add(
            OfficeNote(self.office(office_no).office_no, NoteKind.CONFIRMED, self.clock.now(), actor)
        )

    async def say_of_office(
        self, office_no: str, actor: str, text: str, until: date | None = None
    ) -> OfficeNote:
        """An urgent message to the contact centre, to the end of `until` (None: today); the one before is over. Raises
        UnknownOffice, MessageNotTaken."""
        return await self._add(
            message(self.office(office_no).office_no, actor, text, until, self.clock.now())
        )

    async def unsay_of_office(self, office_no: str, actor: str) -> OfficeNote:
        """The message is over. Raises UnknownOffice."""
        return await self._add(
            OfficeNote(self.office(office_no).office_no, NoteKind.MESSAGE, self.clock.now(), actor)
        )

    async def on_call_gaps(self, line: OnCallLine) -> list[Gap]:
        """Where nobody could be reached, from now on, in the coming four weeks."""
        now, covered = self.clock.now(), await self.coverage_of(line)
        return [replace(gap, begins_at=max(gap.begins_at, now)) for gap in covered.gaps if gap.ends_at > now]

    async def _add(self, note: OfficeNote) -> OfficeNote:
        await self.store.add_office_note(note)
        self.on_office_changed()
        return note
