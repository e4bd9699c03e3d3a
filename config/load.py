"""Reads an office's configuration folder and reports every error in it at once. It must never change one.

One broken file, table or key must never hide the errors of another: each table is checked on its own, and
the rules that compare keys and tables (rules_service.py, rules_office.py) look at whatever could be read.
Secrets come from the environment only.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from config import rules_menu, rules_office, rules_service
from config.menu import Menu
from config.model import (
    AsteriskSettings,
    CallSettings,
    Config,
    LimitSettings,
    NumberSettings,
    Office,
    Person,
    RetrySettings,
    Secrets,
    ServiceSettings,
    Settings,
)
from config.problems import (
    MENU_FILE,
    OFFICES_FILE,
    SETTINGS_FILE,
    STAFF_FILE,
    ConfigError,
    Draft,
    Problem,
    Table,
)
from ivr.prompts import Catalogue

__all__ = ["ConfigError", "Problem", "load", "load_secrets"]

M = TypeVar("M", bound=BaseModel)

_SECTIONS: dict[str, type[BaseModel]] = {
    "service": ServiceSettings,
    "retry": RetrySettings,
    "calls": CallSettings,
    "numbers": NumberSettings,
    "limits": LimitSettings,
    "asterisk": AsteriskSettings,
}
"""The sections of tast1.toml: the fields of `Settings`."""

_NUMBER = "write a whole number, without quotes"
_TEXT = 'write text in quotes, as in "..."'
_LIST = "write a list in square brackets, as in [...]"
_PLAIN = {
    "extra_forbidden": "unknown key; check the spelling, or remove it",
    "missing": "missing: this key must be set",
    "model_type": "must be a table",
    "int_parsing": _NUMBER,
    "int_type": _NUMBER,
    "int_from_float": _NUMBER,
    "string_type": _TEXT,
    "string_too_short": "must not be empty",
    "bool_type": "write true or false, without quotes",
    "bool_parsing": "write true or false, without quotes",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "greater_than_equal": "write a number that is not less than {ge}",
    "less_than_equal": "write a number that is not greater than {le}",
    "literal_error": "write one of: {expected}",
    "enum": "write one of: {expected}",
}
"""pydantic's error types in words for the person who edits the file; `{...}` is from the error's context."""

_PATTERNS = {
    r"^\d{4}$": 'four digits in quotes, as in "9001"',
    r"^\d{2,5}$": 'two to five digits in quotes, as in "201"',
    r"^[0-9]$": "one digit, 0 to 9",
    r"^[a-z][a-z0-9._-]*$": 'small letters a to z, digits, ".", "_" and "-", beginning with a letter',
}
"""The patterns of the models, in words."""


def load(
    folder: Path, environ: Mapping[str, str], *, line: str | None = None, port: int | None = None
) -> Config:
    """The configuration in `folder` (tast1.toml, offices.toml, staff.toml), checked as a whole.

    `line` and `port` stand in for `service.line` and `service.port` of the file: the command line wins.
    `environ` is only asked which secrets are set. Raises ConfigError with every problem."""
    draft = Draft()
    overrides = {key: value for key, value in (("line", line), ("port", port)) if value is not None}
    settings = _read_settings(folder / SETTINGS_FILE, overrides, draft)
    offices, draft.offices = _read_list(folder / OFFICES_FILE, "office", Office, draft)
    people, draft.people = _read_list(folder / STAFF_FILE, "person", Person, draft)
    _check_names(folder, draft)
    rules_service.check_settings(draft)
    rules_office.check_offices(draft)
    rules_office.check_people(draft)
    rules_service.check_secrets(draft, environ)
    menus = _read_menus(folder, offices, draft)
    if draft.problems or settings is None:
        raise ConfigError(tuple(draft.problems))
    return Config(settings=settings, offices=tuple(offices), people=tuple(people), menus=menus)


def load_secrets(environ: Mapping[str, str], config: Config) -> Secrets:
    """The secrets this configuration needs, from the environment. An empty variable is not set.

    A local PBX on loopback gets the published default. Raises ConfigError for a missing or unusable one."""
    settings = config.settings
    draft = Draft(sections={"service": settings.service, "asterisk": settings.asterisk})
    rules_service.check_secrets(draft, environ)
    if draft.problems:
        raise ConfigError(tuple(draft.problems))
    default = rules_service.LOCAL_PBX_SECRET if rules_service.is_local_pbx(settings.asterisk) else None
    return Secrets(
        ami_secret=environ.get(rules_service.AMI_SECRET) or default,
        fastagi_token=environ.get(rules_service.FASTAGI_TOKEN) or default,
        demo_password=environ.get(rules_service.DEMO_PASSWORD) or None,
    )


def _check_names(folder: Path, draft: Draft) -> None:
    """A misspelt file name, or a file that some other program was meant to read."""
    menus = {str(office.get("menu")) for office in draft.offices or ()} | {MENU_FILE}
    for path in sorted(folder.glob("*.toml")):
        if path.name not in (SETTINGS_FILE, OFFICES_FILE, STAFF_FILE, *menus):
            draft.add(
                path.name,
                "",
                f"not a file of Tast 1: {SETTINGS_FILE}, {OFFICES_FILE}, {STAFF_FILE} and the menus that offices name are",
            )


def _read_menus(folder: Path, offices: list[Office], draft: Draft) -> dict[str, Menu]:
    """The menu of each office, checked for each office that has it."""
    menus = {}
    catalogue = Catalogue.load()
    for name in dict.fromkeys(office.menu for office in offices):
        if name == MENU_FILE and not (folder / name).exists():
            table: Table | None = tomllib.loads(rules_menu.shipped_menu())
        else:
            table = _read_toml(folder / name, draft)
        if table is None:
            continue
        menu, problems = rules_menu.menu_problems(table, _told)
        if menu is not None:
            menus[name] = menu
            numbers = draft.section(NumberSettings)
            users = [office for office in offices if office.menu == name]
            problems += rules_menu.graph_problems(menu)
            for office in users:
                problems += rules_menu.office_problems(menu, office, catalogue, numbers)
        for key, message in dict.fromkeys(problems):
            draft.add(name, key, message)
    return menus


def _told(error: ValidationError, prefix: str) -> Iterator[tuple[str, str]]:
    for problem in _problems(error, "", prefix, skip=1):
        yield problem.key, problem.message


def _read_settings(path: Path, overrides: Table, draft: Draft) -> Settings | None:
    table = _read_toml(path, draft)
    if table is None:
        return None
    for name in sorted(table.keys() - _SECTIONS.keys()):
        known = ", ".join(f"[{section}]" for section in _SECTIONS)
        draft.add(path.name, name, f"unknown section or key; the sections are {known}")
    for name, model in _SECTIONS.items():
        values = table.get(name, {})
        if name == "service" and isinstance(values, dict):
            values = {**values, **overrides}
        section = _validate(model, values, path.name, name, draft)
        if section is not None:
            draft.sections[name] = section
    if draft.sections.keys() != _SECTIONS.keys():
        return None
    return Settings.model_validate(draft.sections)


def _read_list(path: Path, name: str, model: type[M], draft: Draft) -> tuple[list[M], list[Table] | None]:
    """The good tables as models, and all tables as read (None when they could not be read)."""
    document = _read_toml(path, draft)
    if document is None:
        return [], None
    for key in sorted(document.keys() - {name}):
        draft.add(path.name, key, f"unknown key; this file holds [[{name}]] tables only")
    raw = document.get(name)
    if not isinstance(raw, list) or not raw or not all(isinstance(item, dict) for item in raw):
        draft.add(
            path.name, name, f"write a [[{name}]] table, in two brackets, for each; at least one is needed"
        )
        return [], None
    models = [_validate(model, item, path.name, f"{name}[{n}]", draft) for n, item in enumerate(raw, start=1)]
    return [item for item in models if item is not None], raw


def _read_toml(path: Path, draft: Draft) -> Table | None:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))  # -sig: Notepad's byte order mark
    except FileNotFoundError:
        draft.add(path.name, "", f"missing; it was expected at {path}")
    except OSError as error:
        draft.add(path.name, "", f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        draft.add(path.name, f"byte {error.start + 1}", "not UTF-8; save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        draft.add(path.name, *_syntax_words(str(error)))
    return None


def _syntax_words(message: str) -> tuple[str, str]:
    """tomllib's `... (at line 3, column 5)` as (`line 3`, the rest)."""
    twice = "stands twice; it can have one meaning only"
    message = message.replace("Cannot overwrite a value", f"a key or table that {twice}")
    message = re.sub(r"Duplicate inline table key ('[^']*')", rf"the key \1 {twice}", message)
    match = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    if match is None:
        return "last line", f"not TOML: {message}"
    return f"line {match[2]}", f"not TOML: {match[1]} (column {match[3]})"


def _validate(model: type[M], table: object, file: str, prefix: str, draft: Draft) -> M | None:
    try:
        return model.model_validate(table)
    except ValidationError as error:
        draft.problems.extend(_problems(error, file, prefix))
        return None


def _problems(error: ValidationError, file: str, prefix: str, skip: int = 0) -> Iterator[Problem]:
    """`skip`: parts of the place that pydantic adds by itself (which of several models it took)."""
    for item in error.errors(include_input=False, include_url=False):
        key = prefix
        for part in item["loc"][skip:]:
            if part == "[key]":
                continue
            key += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
        plain = _PLAIN.get(item["type"])
        pattern = item.get("ctx", {}).get("pattern")
        if pattern in _PATTERNS:
            yield Problem(file, key, f"does not fit the pattern: {_PATTERNS[pattern]}")
        elif plain is None:
            yield Problem(file, key, item["msg"].removeprefix("Value error, "))
        else:
            yield Problem(file, key, plain.format(**item.get("ctx", {})).replace("'", '"'))
