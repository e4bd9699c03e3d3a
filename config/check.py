"""Prints the configuration as it works, defaults filled in, in the form of the files it came from.

It must never print a secret: only whether it is set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from config.advice_menu import emergency_in_bokmal, menu_advice
from config.advice_notices import notice_advice
from config.advice_office import special_day_advice
from config.advice_oncall import oncall_advice
from config.advice_people import serving_advice
from config.model import Config, LineName, Secrets
from config.problems import OFFICES_FILE, ON_CALL_FILE, SETTINGS_FILE, STAFF_FILE, Problem, with_office
from config.rules_service import LOCAL_PBX_SECRET
from ivr.prompts import NO_VOICE, NOT_REVIEWED, Catalogue


def warnings(config: Config) -> tuple[Problem, ...]:
    """What can be used as it is, and somebody should know of. Nothing here stops a start."""
    told: list[Problem] = []
    catalogue = Catalogue.load().with_own(config.prompts)
    for count, office in enumerate(config.offices, start=1):
        key = f"office[{count}]"
        for language in office.languages:
            told += (
                Problem(OFFICES_FILE, f"{key}.languages", message) for message in _language_warnings(language)
            )
        if config.on_call(office) is None:
            message = "nobody of the office in staff.toml has this number: nobody is rung for what is urgent"
            told.append(Problem(OFFICES_FILE, f"{key}.fallback_number", message))
        for at, message in (
            *emergency_in_bokmal(office, catalogue),
            *special_day_advice(office),
            *serving_advice(office, config),
        ):
            told.append(Problem(OFFICES_FILE, f"{key}.{at}", message))
    for name, menu in config.menus.items():
        users = [office for office in config.offices if office.menu == name]
        told += (Problem(name, at, message) for at, message in menu_advice(menu, users, catalogue))
    told += (Problem(SETTINGS_FILE, key, message) for key, message in notice_advice(config))
    told += oncall_advice(config)
    if LineName.TWILIO in config.line_names and config.settings.twilio.region == "us1":
        message = 'calls are handled, and what is known of them is kept, in the USA; "ie1" is Ireland'
        told.append(Problem(SETTINGS_FILE, "twilio.region", message))
    numbers = [office.office_no for office in config.offices]
    return tuple(with_office(problem, numbers) for problem in dict.fromkeys(told))


def _language_warnings(language: str) -> Iterator[str]:
    if language in NOT_REVIEWED:
        yield f"the prompts in {language!r} are not reviewed by a native speaker yet"
    if language in NO_VOICE:
        yield f"no synthetic voice speaks {language!r}: sentence by sentence, what is not recorded is heard in bokmål"


def effective(config: Config, secrets: Secrets) -> str:
    """The whole configuration as text, file by file; each file's part is TOML again.

    Keys that are not set are left out, except those whose default is worked out (comments say it)."""
    settings = config.settings.model_dump(mode="json")
    service = config.settings.service
    lines = [f"# {SETTINGS_FILE}"]
    for name, section in settings.items():
        lines += ["", *_section(name, section)]
        if name == "service" and service.public_url is None:
            lines.append(f"# public_url is not set: http://{service.host}:{service.port} is used")
    lines += ["", f"# {OFFICES_FILE}"]
    for office in config.offices:
        lines += ["", "[[office]]", *_office(office.model_dump(mode="json"))]
    lines += ["", f"# {STAFF_FILE}"]
    for person in config.people:
        lines += ["", "[[person]]", *_keys(person.model_dump(mode="json"))]
    if config.lines:
        lines += ["", f"# {ON_CALL_FILE}"]
    for line in config.lines:
        lines += ["", "[[line]]", *_line(line.model_dump(mode="json"))]
    lines += ["", "# environment"]
    lines += [f"# TAST1_{name.upper()}: {_told(value)}" for name, value in secrets]
    told = warnings(config)
    lines += ["", "# warnings: this can be used as it is, but", *(f"# {one}" for one in told)] if told else []
    return "\n".join(lines) + "\n"


def _section(name: str, section: dict[str, Any]) -> Iterator[str]:
    """With its inner tables after its own keys, as TOML wants it."""
    tables = {key: section.pop(key) for key, value in list(section.items()) if isinstance(value, dict)}
    yield f"[{name}]"
    yield from _keys(section)
    for key, table in tables.items():
        yield from _section(f"{name}.{key}", table)


def _office(office: dict[str, Any]) -> Iterator[str]:
    weeks = {name: office.pop(name) for name in ("phone_hours", "drop_in_hours")}
    special_days = office.pop("special_days")
    yield from _keys(office)
    for name, hours in weeks.items():
        if hours is not None:
            yield f"[office.{name}]"
            yield from _keys(hours)
    for day in special_days:
        yield "[[office.special_days]]"
        yield from _keys(day)


def _line(line: dict[str, Any]) -> Iterator[str]:
    hours = line.pop("hours")
    yield from _keys(line)
    if hours is not None:
        yield "[line.hours]"
        yield from _keys(hours)


def _keys(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items() if value is not None]


def _value(value: Any) -> str:
    # JSON's strings, numbers, booleans and lists are TOML's too, but for DEL, which TOML wants escaped
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _told(value: str | None) -> str:
    if value == LOCAL_PBX_SECRET:
        return "the local PBX's published one"
    return "set" if value else "not set"
