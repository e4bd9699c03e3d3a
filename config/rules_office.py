"""Rules of offices.toml and staff.toml that a typed model cannot say alone.

Called by load.py only. They look at the tables as they were read, so that one wrong key does not silence
the rest; a value of the wrong type is left to the model, which has reported it. Nothing here may raise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from importlib import resources

from callback.numbers import NumberRefused, Refusal, check_number
from config.model import NumberSettings, Role
from config.problems import OFFICES_FILE, STAFF_FILE, Draft, Table, numbered
from config.values import parse_duration
from ivr.prompts import NO_VOICE

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NO_HOURS = {
    "phone_hours": 'no phone hours at all; write for example mon = "09:00-15:00"',
    "drop_in_hours": 'no drop-in hours at all; write for example tue = "10:00-12:00", or leave the table out',
}
"""Keys of an office's hours, and what is said of a table without a day."""
_LANGUAGES = frozenset({"nb", "en"})
ANSWERED = ("public_number", "oncall_number")
"""Keys of an office's numbers that this service answers itself."""
_BELONGS_TO_OFFICE = frozenset({Role.CASEWORKER.value, Role.LEADER.value})
REFUSED = {
    Refusal.NOT_A_NUMBER: "not a telephone number; write it as +47 and eight digits, without spaces",
    Refusal.FOREIGN: "a foreign number whose country is not in numbers.country_codes",
    Refusal.PREMIUM: "an 8xx or special-rate number, which may not be rung",
    Refusal.SHORT: "a short number; write +47 before it here and in numbers.allow if it may be rung",
    Refusal.EMERGENCY: "an emergency or help line number, which may not be rung",
    Refusal.MACHINE: "a machine's number (58, 59), which no person answers",
    Refusal.NOT_IN_USE: "a number that is not in use in the number plan",
}


def known_languages() -> frozenset[str]:
    """Languages with prompt texts (`ivr/texts/<language>`), and those that only a person or a recording speaks."""
    texts = resources.files("ivr").joinpath("texts")
    if not texts.is_dir():
        return _LANGUAGES | NO_VOICE
    found = frozenset(entry.name.removesuffix(".toml") for entry in texts.iterdir())
    return (frozenset(name for name in found if re.fullmatch(r"[a-z]{2,3}", name)) or _LANGUAGES) | NO_VOICE


# ---- offices.toml -------------------------------------------------------------------------------


def check_offices(draft: Draft) -> None:
    """Numbers, languages and hours of each office, and what two offices may not share."""
    offices = list(numbered(draft.offices, "office"))
    own = [(f"{key}.{name}", table.get(name)) for key, table in offices for name in ANSWERED]
    problems = list(duplicates((f"{key}.office_no", table.get("office_no")) for key, table in offices))
    problems += duplicates(own)
    answered_here = {number for _, number in own if isinstance(number, str)}
    for key, table in offices:
        numbers = [(f"{key}.{name}", table.get(name)) for name in (*ANSWERED, "fallback_number")]
        problems += unacceptable(numbers, draft.section(NumberSettings))
        problems += _language_rules(key, table)
        problems += _hours_rules(key, table)
        fallback = table.get("fallback_number")
        if isinstance(fallback, str) and fallback in answered_here:
            message = "must ring a telephone, not a public or on-call number that this service answers itself"
            problems.append((f"{key}.fallback_number", message))
    for key, message in problems:
        draft.add(OFFICES_FILE, key, message)


def _language_rules(key: str, office: Table) -> Iterator[tuple[str, str]]:
    languages = office.get("languages", ["nb"])
    if not isinstance(languages, list):
        return
    known = known_languages()
    if not languages:
        yield f"{key}.languages", "name at least one language; the first is the office's own"
    for count, language in enumerate(languages, start=1):
        if isinstance(language, str) and language not in known:
            yield (
                f"{key}.languages[{count}]",
                f"no prompts in {language!r}; there are: {', '.join(sorted(known))}",
            )
    yield from duplicates((f"{key}.languages[{n}]", name) for n, name in enumerate(languages, start=1))


def _hours_rules(key: str, office: Table) -> Iterator[tuple[str, str]]:
    hours = []
    for name, empty in _NO_HOURS.items():
        week = office.get(name)
        if isinstance(week, dict):
            if not week.keys() & set(_WEEKDAYS):
                yield f"{key}.{name}", empty
            hours += [(f"{key}.{name}.{day}", week[day]) for day in _WEEKDAYS if day in week]
    days = office.get("special_days")
    days = days if isinstance(days, list) else []
    named = [(f"{key}.special_days[{n}]", day) for n, day in enumerate(days, start=1)]
    special = [(name, day) for name, day in named if isinstance(day, dict)]
    hours += [(f"{name}.{kind}", day[kind]) for name, day in special for kind in _NO_HOURS if kind in day]
    for name, value in hours:
        if isinstance(value, dict):
            yield name, 'write hours as text, for example "09:00-15:00"'
    yield from duplicates((f"{name}.date", str(day["date"])) for name, day in special if "date" in day)
    if is_zero(office.get("urgent_limit")):
        yield f"{key}.urgent_limit", "must be longer than 0s"


def is_zero(duration: object) -> bool:
    try:
        return parse_duration(duration) == timedelta(0)
    except ValueError:
        return False


# ---- staff.toml ---------------------------------------------------------------------------------


def check_people(draft: Draft) -> None:
    """Ids, offices, extensions and mobiles of people."""
    people = list(numbered(draft.people, "person"))
    problems = list(duplicates((f"{key}.id", person.get("id")) for key, person in people))
    known = None if draft.offices is None else [office.get("office_no") for office in draft.offices]
    seats: dict[str, list[tuple[str, object]]] = {}
    for key, person in people:
        office_no = person.get("office_no")
        if isinstance(office_no, str):
            seats.setdefault(office_no, []).append((f"{key}.extension", person.get("extension")))
            if known is not None and office_no not in known:
                problems.append((f"{key}.office_no", f"no office {office_no!r} in {OFFICES_FILE}"))
        elif office_no is None and str(person.get("role")) in _BELONGS_TO_OFFICE:
            problems.append((f"{key}.office_no", f"missing: a {person['role']} belongs to an office"))
        problems += unacceptable([(f"{key}.mobile", person.get("mobile"))], draft.section(NumberSettings))
    for extensions in seats.values():
        problems += duplicates(extensions)
    for key, message in problems:
        draft.add(STAFF_FILE, key, message)


# ---- shared -------------------------------------------------------------------------------------


def duplicates(values: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    """Each text that stood at an earlier key already."""
    first: dict[str, str] = {}
    for key, value in values:
        if isinstance(value, str) and first.setdefault(value, key) != key:
            yield key, f"the same as {first[value]}"


def unacceptable(
    values: Iterable[tuple[str, object]], settings: NumberSettings | None
) -> Iterator[tuple[str, str]]:
    for key, value in values:
        if not isinstance(value, str) or settings is None:
            continue
        refusal = _refusal(value, settings)
        if refusal is not None:
            yield key, REFUSED[refusal]


def _refusal(number: str, settings: NumberSettings) -> Refusal | None:
    """Why a configured number cannot stand; it must be E.164 as written, for it is compared as text."""
    try:
        return None if check_number(number, settings) == number else Refusal.NOT_A_NUMBER
    except NumberRefused as refused:
        return refused.why
