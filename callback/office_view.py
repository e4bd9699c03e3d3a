"""What programs are told of an office: the answers of the API, and the bodies of the events. Pure.

Times are UTC with Z; numbers are those of lines, never a person's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from callback.desk_offices import OfficeNow
from callback.desk_roster import OnDuty
from callback.office_event import EventKind
from callback.office_note import OfficeNote
from config.model import Person
from config.oncall import TargetGroup
from scheduler.coverage import Gap

NameOf = Callable[[str], str]
"""Id of a person -> their name."""


class Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class OnCallView(Told):
    line: str = Field(description="Its id")
    name: str
    group: TargetGroup = Field(description="Whom the line is for")
    number: str | None = Field(
        description="E.164; ring this one, whoever is on duty. Null: only callers reach it, from the menu"
    )
    key: str | None = Field(
        description="What to key then: the office, where `number` is the one for all offices; else null"
    )
    now: list[str] = Field(description="Names of those on duty, in the order they are rung; empty: nobody")
    until: datetime | None = Field(description="When that changes, as far as is known")
    next: list[str] = Field(description="Who comes then, as far as is known")

    @classmethod
    def of(cls, duty: OnDuty, common: str | None) -> Self:
        """`common`: the number for all offices."""
        line = duty.line
        return cls(
            line=line.id, name=line.name, group=line.group, number=line.number or common,
            key=line.office_no if common and line.number is None else None,
            now=_names(duty.people), until=duty.until, next=_names(duty.then),
        )  # fmt: skip


class MessageView(Told):
    text: str
    by: str = Field(description="Name")
    at: datetime
    expires_at: datetime | None


class OfficeFactsView(Told):
    office_no: str
    name: str
    municipality_no: str
    municipality: str
    open: bool = Field(description="Whether the phone hours hold this moment")
    closes_at: datetime | None = Field(description="When they end today; null while closed")
    opens_at: datetime | None = Field(description="When they begin next; null while open")
    drop_in_from: datetime | None = Field(description="The drop-in that runs, or the next within 30 days")
    drop_in_until: datetime | None
    on_call: list[OnCallView] = Field(description="The on-call lines; the first is for everybody else")
    confirmed_at: datetime | None = Field(
        description="When somebody of the office last said that all this is right; null: never"
    )
    confirmed_by: str | None = Field(description="Name")
    message: MessageView | None = Field(
        description="An urgent message from the office, for staff; never read it to callers"
    )

    @classmethod
    def of(cls, shown: OfficeNow, name_of: NameOf, common: str | None) -> Self:
        office, hours, confirmed = shown.office, shown.hours, shown.confirmed
        drop_in_from, drop_in_until = hours.drop_in or (None, None)
        return cls(
            office_no=office.office_no, name=office.name, municipality_no=office.municipality_no,
            municipality=office.municipality, open=hours.open, closes_at=hours.closes_at, opens_at=hours.opens_at,
            drop_in_from=drop_in_from, drop_in_until=drop_in_until,
            on_call=[OnCallView.of(duty, common) for duty in shown.duties],
            confirmed_at=confirmed.at if confirmed else None,
            confirmed_by=name_of(confirmed.by) if confirmed else None,
            message=_message(shown.message, name_of),
        )  # fmt: skip

    def part(self, kind: EventKind) -> dict[str, Any]:
        """What an event of this kind tells of."""
        return self.model_dump(mode="json", include=_PARTS[kind])


class GapView(Told):
    begins_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, gap: Gap) -> Self:
        return cls(begins_at=gap.begins_at, ends_at=gap.ends_at)


class OnCallDetailView(OnCallView):
    gaps: list[GapView] = Field(
        description="Where nobody could be reached, within the next 28 days: while the contact centre and the line are open"
    )


class OfficeOnCallView(Told):
    office_no: str
    name: str
    on_call: list[OnCallView]


class OfficeOnCallDetailView(Told):
    office_no: str
    name: str
    on_call: list[OnCallDetailView]


class OfficeFactsList(Told):
    offices: list[OfficeFactsView] = Field(description="In the order of their names")


class OfficeOnCallList(Told):
    offices: list[OfficeOnCallView]


class EventView(Told):
    """The body of an event."""

    id: str = Field(description="The same when it is sent again")
    type: EventKind = Field(description="What has changed")
    at: datetime
    office: OfficeFactsView = Field(description="All that is shown of the office, as it was then")


_PARTS: dict[EventKind, set[str]] = {
    EventKind.DUTY: {"on_call"},
    EventKind.CONFIRMATION: {"confirmed_at", "confirmed_by"},
    EventKind.MESSAGE: {"message"},
}
_PARTS[EventKind.HOURS] = set(OfficeFactsView.model_fields) - {
    key for part in _PARTS.values() for key in part
}


def by_name(office_name: str) -> str:
    """A key to sort by, in the order of the Norwegian alphabet."""
    return office_name.casefold().translate({ord("å"): "ÿ"})


def _names(people: tuple[Person, ...]) -> list[str]:
    return [person.name for person in people]


def _message(note: OfficeNote | None, name_of: NameOf) -> MessageView | None:
    if note is None:
        return None
    return MessageView(text=note.text, by=name_of(note.by), at=note.at, expires_at=note.expires_at)
