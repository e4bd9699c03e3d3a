"""Rules of oncall.toml and of [oncall] that a typed model cannot say alone.

Called by load.py only, on the tables as they were read; a value of the wrong type is left to the model. Nothing here may raise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from config.model import NumberSettings
from config.oncall import OnCallSettings
from config.problems import OFFICES_FILE, ON_CALL_FILE, SETTINGS_FILE, STAFF_FILE, Draft, Table, numbered
from config.rules_office import duplicates, is_zero, unacceptable
from config.rules_service import is_loopback

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EXTENSION = re.compile(r"\d{2,5}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_ENDPOINT = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_LEAST_LONGEST = timedelta(seconds=20)
"""One telephone rings for ten seconds, and whoever picks it up hears what it is."""
_Found = Iterator[tuple[str, str]]


def check_oncall(draft: Draft) -> None:
    """Numbers, people, hours and calendars of the lines; whom the common number serves."""
    for key, message in _line_problems(draft):
        draft.add(ON_CALL_FILE, key, message)
    for key, message in _settings_problems(draft):
        draft.add(SETTINGS_FILE, f"oncall.{key}", message)
    for key, message in _forgotten_numbers(draft):
        draft.add(OFFICES_FILE, key, message)


# ---- oncall.toml --------------------------------------------------------------------------------


def _line_problems(draft: Draft) -> _Found:
    lines = list(numbered(draft.lines, "line"))
    yield from duplicates((f"{key}.id", line.get("id")) for key, line in lines)
    yield from duplicates((f"{key}.number", line.get("number")) for key, line in lines)
    offices = None if draft.offices is None else {str(one.get("office_no")): one for one in draft.offices}
    people = None if draft.people is None else {str(one.get("id")): one for one in draft.people}
    answered = _answered(draft)
    for key, line in lines:
        office_no = line.get("office_no")
        if offices is not None and isinstance(office_no, str) and office_no not in offices:
            known = ", ".join(sorted(offices))
            yield f"{key}.office_no", f"no office {office_no!r} in {OFFICES_FILE}; there are: {known}"
        yield from unacceptable([(f"{key}.number", line.get("number"))], draft.section(NumberSettings))
        yield from _number_problems(key, line, draft)
        yield from _telephone_problems(key, line, answered, draft.section(NumberSettings))
        if people is not None:
            yield from _people_problems(key, line, people)
        yield from _hours_problems(f"{key}.hours", line.get("hours"))
        yield from _calendar_problems(f"{key}.calendar", line.get("calendar"))
        if is_zero(line.get("ring_for")):
            yield f"{key}.ring_for", "must be longer than 0s"


def _number_problems(key: str, line: Table, draft: Draft) -> _Found:
    """An office's own oncall_number is that of one of its lines; every other number is somebody else's."""
    number = line.get("number")
    for at, office in numbered(draft.offices, "office"):
        theirs = ["public_number", "fallback_number"]
        if office.get("office_no") != line.get("office_no"):
            theirs.append("oncall_number")
        for name in theirs:
            if isinstance(number, str) and office.get(name) == number:
                yield f"{key}.number", f"the same as {at}.{name} in {OFFICES_FILE}"


def _telephone_problems(key: str, line: Table, answered: set[str], settings: NumberSettings | None) -> _Found:
    telephone = line.get("telephone")
    if not isinstance(telephone, str) or _EXTENSION.fullmatch(telephone):
        return
    if telephone in answered:
        yield (
            f"{key}.telephone",
            "must be a telephone that somebody carries, not a number this service answers",
        )
    else:
        yield from unacceptable([(f"{key}.telephone", telephone)], settings)


def _people_problems(key: str, line: Table, people: dict[str, Table]) -> _Found:
    named = line.get("people")
    ids = [(f"people[{n}]", one) for n, one in enumerate(named if isinstance(named, list) else (), start=1)]
    for at, one in [*ids, ("substitute", line.get("substitute")), ("leader", line.get("leader"))]:
        if not isinstance(one, str):
            continue
        person = people.get(one)
        if person is None:
            yield f"{key}.{at}", f"no person {one!r} in {STAFF_FILE}"
        elif person.get("office_no") != line.get("office_no") and not _has_telephone(person):
            yield f"{key}.{at}", f"{one!r} is not of this office, and has no telephone: name another"
    yield from duplicates((f"{key}.{at}", one) for at, one in ids)


def _has_telephone(person: Table) -> bool:
    return "extension" in person or "mobile" in person


def _hours_problems(key: str, hours: object) -> _Found:
    if not isinstance(hours, dict):
        return
    if not hours.keys() & set(_WEEKDAYS):
        yield key, 'no hours at all; write for example mon = "09:00-15:00", or leave the key out'
    for day in _WEEKDAYS:
        if isinstance(hours.get(day), dict):
            yield f"{key}.{day}", 'write hours as text, for example "09:00-15:00"'


def _calendar_problems(key: str, url: object) -> _Found:
    if not isinstance(url, str):
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or parts.username or not url.isprintable():
        yield key, 'write the address of the calendar, as "https://calendar.example.org/vakt.ics"'
    elif parts.scheme == "http" and not is_loopback(host):
        yield key, "must begin with https: it says who is on duty"


def _answered(draft: Draft) -> set[str]:
    """Every number that this service answers."""
    offices = [
        office.get(name) for office in draft.offices or () for name in ("public_number", "oncall_number")
    ]
    return {
        number
        for number in (*offices, *(line.get("number") for line in draft.lines or ()))
        if isinstance(number, str)
    }


def _forgotten_numbers(draft: Draft) -> _Found:
    """An office whose lines stand in oncall.toml is rung on their numbers only."""
    for key, office in numbered(draft.offices, "office"):
        numbers = [
            line.get("number")
            for line in draft.lines or ()
            if line.get("office_no") == office.get("office_no") and isinstance(line.get("office_no"), str)
        ]
        number = office.get("oncall_number")
        if numbers and isinstance(number, str) and number not in numbers:
            message = f"no line of this office in {ON_CALL_FILE} has it: nobody would answer; add a line, or remove it"
            yield f"{key}.oncall_number", message


# ---- [oncall] -----------------------------------------------------------------------------------


def _settings_problems(draft: Draft) -> _Found:
    oncall = draft.section(OnCallSettings)
    if oncall is None:
        return
    yield from _common_number_problems(oncall, draft)
    for count, number in enumerate(oncall.callers, start=1):
        if _E164.fullmatch(number) is None:
            yield (
                f"callers[{count}]",
                "not a telephone number; write it as +47 and eight digits, without spaces",
            )
    for count, trunk in enumerate(oncall.trunks, start=1):
        if _ENDPOINT.fullmatch(trunk) is None:
            yield f"trunks[{count}]", "not the name of a PJSIP endpoint: letters, digits, . _ ~ - only"
    for name in ("longest", "duty_check_before"):
        if getattr(oncall, name) == timedelta(0):
            yield name, "must be longer than 0s"
    if timedelta(0) < oncall.longest < _LEAST_LONGEST:
        yield "longest", "must be at least 20s, or nobody has the time to answer"
    if not any(oncall.contact_centre_hours.on(weekday) for weekday in range(7)):
        yield "contact_centre_hours", 'no hours at all; write for example mon = "09:00-15:00"'


def _common_number_problems(oncall: OnCallSettings, draft: Draft) -> _Found:
    answered = _answered(draft)
    numbers = [("number", oncall.number), ("fallback_number", oncall.fallback_number)]
    yield from unacceptable(numbers, draft.section(NumberSettings))
    if oncall.number is not None:
        if oncall.number in answered | {one.get("fallback_number") for one in draft.offices or ()}:
            yield "number", f"an office or a line has it already; see {OFFICES_FILE} and {ON_CALL_FILE}"
        if oncall.fallback_number is None:
            yield (
                "fallback_number",
                "missing: the exchange rings it for number when this service does not answer",
            )
    yield from _menu_office_problems(oncall, draft)
    if oncall.fallback_number is not None and oncall.fallback_number in {*answered, oncall.number}:
        yield "fallback_number", "must ring a telephone, not a number that this service answers itself"


def _menu_office_problems(oncall: OnCallSettings, draft: Draft) -> _Found:
    """Whoever rings the number for all offices and is not the contact centre must meet some office's menu."""
    offices = {str(one.get("office_no")) for one in draft.offices or ()}
    known = ", ".join(sorted(offices))
    if oncall.menu_office is not None and offices and oncall.menu_office not in offices:
        yield "menu_office", f"no office {oncall.menu_office!r} in {OFFICES_FILE}; there are: {known}"
    elif oncall.number is not None and oncall.menu_office is None and len(offices) > 1:
        why = "several offices share number, and whoever is not the contact centre meets the menu of one of them"
        yield "menu_office", f"missing: {why}; write its office_no, one of: {known}"
