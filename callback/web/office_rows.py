"""What is shown of an office, as ready words; and the rows of the table, drawn once for all who look at it.

A row is the same for every viewer: what one may do stands on the office's page.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, timedelta

import jinja2

from callback.access import Viewer
from callback.board import Table
from callback.desk_offices import OfficeNow
from callback.desk_roster import OnDuty
from callback.office_note import Age, OfficeNote, age, days_since
from callback.web.words import Words, spaced
from config.model import Person
from config.oncall import TargetGroup
from scheduler.clock import to_local

_MARKS = {Age.NEVER: "hot", Age.FRESH: "", Age.AMBER: "warn", Age.RED: "hot"}


@dataclass(frozen=True, slots=True)
class DutyWords:
    """One on-call line."""

    name: str
    """Empty for the only line of an office, when it is for everybody."""
    number: str
    """Empty: only callers reach it, from the menu."""
    key: str
    """What to key then."""
    people: str
    """Empty: nobody."""
    until: str
    then: str
    closed: bool
    """Nobody is meant to answer it now."""


@dataclass(frozen=True, slots=True)
class OfficeRow:
    office_no: str
    name: str
    municipality: str
    search: str
    """What it is found by."""
    open: bool
    hours: str
    drop_in_now: bool
    drop_in: str
    duties: tuple[DutyWords, ...]
    confirmed: str
    age: Age
    mark: str
    """The class of its tag; empty: no tag."""
    message: str
    message_by: str

    @classmethod
    def of(cls, shown: OfficeNow, words: Words) -> OfficeRow:
        office, hours, note = shown.office, shown.hours, shown.message
        found = age(shown.confirmed, words.now)
        drop_in_now, drop_in = _drop_in(shown, words)
        several = len(shown.duties) > 1
        if hours.closes_at is not None:
            told = words.t("status.closes", clock=words.clock(hours.closes_at))
        else:
            told = words.t("status.opens", when=words.short(hours.opens_at)) if hours.opens_at else ""
        return cls(
            office.office_no, office.name, f"{office.municipality} ({office.municipality_no})",
            f"{office.name} {office.office_no} {office.municipality} {office.municipality_no}".casefold(),
            hours.open, told, drop_in_now, drop_in, tuple(_duty(duty, words, several=several) for duty in shown.duties),
            confirmed_words(shown.confirmed, words), found, _MARKS[found],
            note.text if note else "", _signed(note, words) if note else "",
        )  # fmt: skip


def may_confirm(viewer: Viewer, office_no: str) -> bool:
    """Who speaks for an office: its leaders and caseworkers, and administrators."""
    return viewer.works_for(office_no)


def confirmed_words(note: OfficeNote | None, words: Words) -> str:
    """`Bekreftet av Liv Berg for 3 dager siden`."""
    if note is None:
        return words.t("office.never_confirmed")
    days = days_since(note, words.now)
    ago = words.t({0: "office.ago.today", 1: "office.ago.yesterday"}.get(days, "office.ago"), n=days)
    return words.t("office.confirmed", name=words.person(note.by), ago=ago)


def _drop_in(shown: OfficeNow, words: Words) -> tuple[bool, str]:
    if shown.hours.drop_in is None:
        return False, words.t("office.drop_in.never")
    begins, ends = shown.hours.drop_in
    if begins <= words.now:
        return True, words.t("status.closes", clock=words.clock(ends))
    if to_local(begins).date() == to_local(words.now).date():
        return False, words.t("office.drop_in.today", begins=words.clock(begins), ends=words.clock(ends))
    return False, words.t("office.drop_in.later", when=words.short(begins))


def _duty(duty: OnDuty, words: Words, *, several: bool) -> DutyWords:
    line, group = duty.line, ""
    if line.group is not TargetGroup.EVERYBODY:
        group = words.t(f"office.group.{line.group}")
    name = f"{line.name}: {group}" if group else line.name if several else ""
    until = words.t("office.until", when=words.short(duty.until)) if duty.until else ""
    then = words.t("office.then", names=_names(duty.then)) if duty.then else ""
    common = words.config.settings.oncall.number if line.number is None else None
    key = words.t("office.key", office=line.office_no) if common else ""
    return DutyWords(
        name, spaced(line.number or common), key, _names(duty.people), until, then, not duty.open
    )


def _names(people: tuple[Person, ...]) -> str:
    return ", ".join(person.name for person in people)


def _signed(note: OfficeNote, words: Words) -> str:
    if note.expires_at is None:
        return words.person(note.by)
    last = to_local(note.expires_at - timedelta(seconds=1)).date()
    today = last == to_local(words.now).date()
    until = words.t("office.message.today") if today else words.t("office.message.until", day=words.day(last))
    return f"{words.person(note.by)}, {until}"


@dataclass(frozen=True, slots=True)
class Drawn:
    """The rows of the table in one language, on one day."""

    version: str
    html: dict[str, str]
    """By office number, in the order of the table."""


class OfficeRows:
    """Draws a table once, however many look at it."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, date], Drawn] = {}
        self._rows: dict[tuple[str, date], dict[OfficeNow, str]] = {}
        """What was drawn last: most rows are as they were."""
        self._changes: dict[tuple[str, str], str] = {}
        self._of: Table | None = None

    def draw(self, table: Table, words: Words, language: str, env: jinja2.Environment) -> Drawn:
        if table is not self._of:
            self._of = table
            self._drawn.clear()
        key = (language, to_local(words.now).date())
        drawn = self._drawn.get(key)
        if drawn is None:
            template = env.get_template("_office_row.html")
            before = self._rows.pop(key, {})
            rows = {
                one: before.get(one) or template.render(row=OfficeRow.of(one, words), t=words.t)
                for one in table.shown
            }
            self._rows = {other: kept for other, kept in self._rows.items() if other[1] == key[1]} | {
                key: rows
            }
            html = {one.office.office_no: row for one, row in rows.items()}
            version = hashlib.sha256("".join(html.values()).encode()).hexdigest()[:16]
            drawn = self._drawn[key] = Drawn(version, html)
        return drawn

    def changes(self, before: Drawn, now: Drawn) -> str:
        """The rows of `now` that are other than `before`, by office number, as JSON."""
        key = (before.version, now.version)
        if key not in self._changes:
            if len(self._changes) > 16:
                self._changes.clear()
            self._changes[key] = json.dumps(
                {number: html for number, html in now.html.items() if before.html.get(number) != html}
            )
        return self._changes[key]
