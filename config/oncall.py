"""What is set of the on-call lines: oncall.toml, and the section [oncall] of tast1.toml. Pure data."""

from __future__ import annotations

from datetime import time, timedelta
from enum import StrEnum

from pydantic import Field

from config.values import Duration, Hours, HoursOfDay, Model, WeekHours

_OFFICE_HOURS = HoursOfDay(opens=time(9), closes=time(15))


class RingRule(StrEnum):
    IN_TURN = "in_turn"
    """One after another."""
    ALL = "all"
    """All at once; the first to accept gets it."""


class TargetGroup(StrEnum):
    """Whom an on-call line is for."""

    EVERYBODY = "everybody"
    NEW = "new"
    YOUTH = "youth"
    FAMILIES = "families"
    HOUSING = "housing"


class OnCallLine(Model):
    """One on-call line of an office: a number that the contact centre rings, and who answers it."""

    id: str = Field(pattern=r"^[a-z][a-z0-9._-]*$")
    office_no: str = Field(pattern=r"^\d{4}$")
    name: str = "Vakttelefonen"
    """On the pages, where an office has several."""
    group: TargetGroup = TargetGroup.EVERYBODY
    number: str | None = None
    """E.164; the contact centre rings it. None: it is reached by the number for all offices, and from the callers' menu."""
    hours: WeekHours | None = None
    """When somebody is to answer it; None: the office's phone hours."""
    people: tuple[str, ...] = ()
    """Ids of who is on duty, in order, whenever no shift says otherwise."""
    telephone: str | None = None
    """One that is carried by whoever is on duty (E.164 or extension); None: each person's own."""
    ring: RingRule = RingRule.IN_TURN
    ring_for: Duration = timedelta(seconds=20)
    """So long each telephone rings."""
    substitute: str | None = None
    """Id of who is rung when nobody on duty takes it."""
    leader: str | None = None
    """Id of who is rung last, and told of what is wrong with the roster."""
    calendar: str | None = None
    """URL of an iCalendar feed with the shifts."""


class OnCallSettings(Model):
    """The consult calls: who may ring the on-call lines, and how long they wait for a person."""

    number: str | None = None
    """E.164; one number for all offices: whoever rings it keys the office."""
    fallback_number: str | None = None
    """E.164; the exchange, or Twilio, rings it for `number` when this service does not answer."""
    fallback_url: str | None = None
    """Where Twilio asks what to do for `number` when this service does not answer at all."""
    menu_office: str | None = None
    """Office_no: whose menu they meet who ring `number` and are not the contact centre; None where there is one office."""
    callers: tuple[str, ...] = ()
    """E.164 numbers of the contact centre: they reach the person on duty; others meet the menu."""
    trunks: tuple[str, ...] = ()
    """PJSIP endpoints of which every caller may."""
    longest: Duration = timedelta(seconds=60)
    """So long until a person answers, or the promise is made."""
    duty_check: bool = True
    """Before each shift, who is on duty is rung to confirm it."""
    duty_check_before: Duration = timedelta(minutes=15)
    """So long before the shift."""
    duty_check_hours: Hours = HoursOfDay(opens=time(7), closes=time(21))
    """Nobody is rung for it at other hours."""
    result_call: bool = True
    """Who was on duty, and hung up first, is rung back once and asked what came of it."""
    contact_centre_hours: WeekHours = WeekHours(
        mon=_OFFICE_HOURS, tue=_OFFICE_HOURS, wed=_OFFICE_HOURS, thu=_OFFICE_HOURS, fri=_OFFICE_HOURS
    )
    """When the contact centre rings: somebody must be on duty then. Closed on public holidays."""
