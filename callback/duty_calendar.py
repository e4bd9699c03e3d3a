"""Whose shifts the events of a calendar are. Pure.

An event that names nobody of the office refuses the whole calendar: a shift that is silently nobody's is a gap that nobody sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from callback.request import CallbackError
from callback.shifts import Planned
from config.model import Person
from scheduler.ical import CalendarEvent, read_calendar
from scheduler.ical_lines import CalendarBroken

AHEAD = timedelta(days=366)
"""Recurring events are written out so far."""
_MOST_TOLD = 10
_BETWEEN = re.compile(r"\s*(?:[,;/&+\n]|\bog\b|\band\b)\s*", re.IGNORECASE)
_LABEL = re.compile(r":\s|\s[-–—]\s")
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")


class CalendarRefused(CallbackError):
    """The calendar cannot be used; nothing was changed. `line`: the first that is wrong, from 1."""

    def __init__(self, problems: Sequence[tuple[int, str]]) -> None:
        told = [f"line {line}: {why}" for line, why in problems[:_MOST_TOLD]]
        if len(problems) > _MOST_TOLD:
            told.append(f"and {len(problems) - _MOST_TOLD} more")
        super().__init__("\n".join(told))
        self.line = problems[0][0]


def shifts_in(data: bytes, staff: Sequence[Person], now: datetime) -> list[Planned]:
    """What the calendar says of the coming year. Raises CalendarRefused with the lines of the file."""
    try:
        events = read_calendar(data, now, now + AHEAD)
    except CalendarBroken as error:
        raise CalendarRefused([(error.line, str(error).partition(": ")[2])]) from error
    names = names_of(staff)
    found, problems = [], dict[int, str]()
    for event in events:
        if event.ends_at <= event.begins_at:
            problems[event.line] = "an event without a length: give it an end"
            continue
        people, unknown = who_is_meant(event, names)
        if people and not unknown:
            found.append(Planned(people, event.begins_at, event.ends_at, event.uid))
        else:
            known = ", ".join(person.name for person in staff)
            what = f"nobody known: {unknown!r}" if unknown else "nobody is named"
            problems[event.line] = f"{what}; known here: {known or 'nobody'}"
    if problems:
        raise CalendarRefused(sorted(problems.items()))
    return found


def who_is_meant(event: CalendarEvent, names: dict[str, str]) -> tuple[tuple[str, ...], str]:
    """(ids in the order of the text, the first word that is nobody's). The title; else attendees; else the description."""
    stranger = ""
    for text in _candidates(event.summary):
        parts = [_plain(text)] if _plain(text) in names else _parts(text)
        known = [names[part] for part in parts if part in names]
        if known and len(known) == len(parts):
            return tuple(dict.fromkeys(known)), ""
        if known:
            stranger = next(part for part in parts if part not in names)
    if stranger:
        return (), stranger
    for parts in ([mail.casefold() for mail in event.attendees], _parts(event.description)):
        if known := [names[part] for part in parts if part in names]:
            return tuple(dict.fromkeys(known)), ""
    return (), event.summary


def names_of(staff: Iterable[Person]) -> dict[str, str]:
    """What people are called, in small letters -> id. What two are called means neither; an id wins over a first name."""
    found: dict[str, set[str]] = {}
    for person in staff:
        for name in (person.name, person.email or "", person.name.partition(" ")[0]):
            found.setdefault(_plain(name), set()).add(person.id)
    names = {name: next(iter(ids)) for name, ids in found.items() if name and len(ids) == 1}
    return names | {person.id: person.id for person in staff}


def _candidates(summary: str) -> list[str]:
    """The title as it is; without brackets; what stands after, and before, a word and a colon or a dash."""
    bare = _BRACKETS.sub(" ", summary)
    halves = _LABEL.split(f"{bare} ", maxsplit=1)
    return list(dict.fromkeys([summary, bare, *reversed(halves)] if len(halves) == 2 else [summary, bare]))


def _parts(text: str) -> list[str]:
    return [part for part in map(_plain, _BETWEEN.split(text)) if part]


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
