"""Reads an office's configuration folder and reports every error in it at once. It must never change one.

One broken file, table or key must never hide the errors of another: each table is checked on its own, and
the rules that compare keys and tables (rules_service.py, rules_office.py) look at whatever could be read.
Secrets come from the environment only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from config import (
    error_words,
    rules_menu,
    rules_notices,
    rules_office,
    rules_oncall,
    rules_people,
    rules_prompts,
    rules_service,
    rules_twilio,
    rules_webhooks,
)
from config.menu import Menu
from config.model import (
    AsteriskSettings,
    CallSettings,
    Config,
    LimitSettings,
    NoticeSettings,
    NumberSettings,
    Office,
    Person,
    RetentionSettings,
    RetrySettings,
    Secrets,
    ServiceSettings,
    Settings,
    TwilioSettings,
)
from config.oncall import OnCallLine, OnCallSettings
from config.problems import (
    MENU_FILE,
    OFFICES_FILE,
    ON_CALL_FILE,
    PROMPTS_FILE,
    SETTINGS_FILE,
    STAFF_FILE,
    ConfigError,
    Draft,
    Problem,
    Table,
    numbered,
    with_office,
)
from config.webhooks import WebhookSettings
from ivr.prompts import Catalogue

__all__ = ["ConfigError", "Problem", "load", "load_secrets"]

M = TypeVar("M", bound=BaseModel)

_SECTIONS: dict[str, type[BaseModel]] = {
    "service": ServiceSettings,
    "retry": RetrySettings,
    "calls": CallSettings,
    "numbers": NumberSettings,
    "limits": LimitSettings,
    "retention": RetentionSettings,
    "notices": NoticeSettings,
    "oncall": OnCallSettings,
    "webhooks": WebhookSettings,
    "asterisk": AsteriskSettings,
    "twilio": TwilioSettings,
}
"""The sections of tast1.toml: the fields of `Settings`."""


def load(
    folder: Path,
    environ: Mapping[str, str],
    *,
    line: str | None = None,
    port: int | None = None,
    menus: bool = True,
) -> Config:
    """The configuration in `folder` (tast1.toml, offices.toml, staff.toml), checked as a whole.

    `line` and `port` stand in for `service.line` and `service.port` of the file: the command line wins.
    Without `menus` none is read: for whoever looks for a prompt to write into one that is broken.
    `environ` is only asked which secrets are set. Raises ConfigError with every problem."""
    draft = Draft()
    overrides = {key: value for key, value in (("line", line), ("port", port)) if value is not None}
    settings = _read_settings(folder / SETTINGS_FILE, overrides, draft)
    offices, draft.offices = _read_list(folder / OFFICES_FILE, "office", Office, draft)
    if line is not None:  # it wins over what an office says
        offices = [office.model_copy(update={"line": None}) for office in offices]
        for table in draft.offices or ():
            table.pop("line", None)
    people, draft.people = _read_list(folder / STAFF_FILE, "person", Person, draft)
    lines: list[OnCallLine] = []
    if (folder / ON_CALL_FILE).exists():
        lines, draft.lines = _read_list(folder / ON_CALL_FILE, "line", OnCallLine, draft)
    if menus:
        _check_names(folder, draft)
    rules_service.check_settings(draft)
    rules_office.check_offices(draft)
    rules_office.check_people(draft)
    rules_people.check_serving(draft)
    rules_notices.check_notices(draft)
    rules_twilio.check_twilio(draft)
    rules_webhooks.check_webhooks(draft)
    rules_oncall.check_oncall(draft)
    rules_service.check_secrets(draft, environ)
    rules_notices.check_notice_secrets(draft, environ)
    rules_twilio.check_twilio_secrets(draft, environ)
    rules_webhooks.check_webhook_secrets(draft, environ)
    catalogue = Catalogue.load()
    own = _read_prompts(folder, catalogue, draft)
    read = _read_menus(folder, offices, catalogue.with_own(own), draft) if menus else {}
    _check_emergency_prompts(offices, catalogue.with_own(own), draft)
    if draft.problems or settings is None:
        numbers = [office.get("office_no") for office in draft.offices or ()]
        raise ConfigError(tuple(with_office(problem, numbers) for problem in draft.problems))
    return Config(
        settings=settings,
        offices=tuple(offices),
        people=tuple(people),
        menus=read,
        prompts=own,
        lines=tuple(lines),
    )


def load_secrets(environ: Mapping[str, str], config: Config) -> Secrets:
    """The secrets this configuration needs, from the environment. An empty variable is not set.

    A local PBX on loopback gets the published default. Raises ConfigError for a missing or unusable one."""
    settings = config.settings
    draft = Draft(
        sections={
            "service": settings.service,
            "asterisk": settings.asterisk,
            "notices": settings.notices,
            "twilio": settings.twilio,
            "webhooks": settings.webhooks,
        }
    )
    draft.offices = [office.model_dump(mode="json") for office in config.offices]
    rules_service.check_secrets(draft, environ)
    rules_notices.check_notice_secrets(draft, environ)
    rules_twilio.check_twilio_secrets(draft, environ)
    rules_webhooks.check_webhook_secrets(draft, environ)
    if draft.problems:
        raise ConfigError(tuple(draft.problems))
    default = rules_service.LOCAL_PBX_SECRET if rules_service.is_local_pbx(settings.asterisk) else None
    return Secrets(
        ami_secret=environ.get(rules_service.AMI_SECRET) or default,
        fastagi_token=environ.get(rules_service.FASTAGI_TOKEN) or default,
        sms_token=environ.get(rules_notices.SMS_TOKEN) or None,
        twilio_token=environ.get(rules_notices.TWILIO_TOKEN) or None,
        twilio_second_token=environ.get(rules_twilio.SECOND_TOKEN) or None,
        webhook_secret=environ.get(rules_webhooks.WEBHOOK_SECRET) or None,
        metrics_token=environ.get(rules_webhooks.METRICS_TOKEN) or None,
        smtp_password=environ.get(rules_notices.SMTP_PASSWORD) or None,
        oncall_pin=environ.get(rules_service.ONCALL_PIN) or None,
        demo_password=environ.get(rules_service.DEMO_PASSWORD) or None,
    )


def _check_names(folder: Path, draft: Draft) -> None:
    """A misspelt file name, or a file that some other program was meant to read. Silent while nobody knows the menus."""
    if draft.offices is None:
        return
    menus = {str(office.get("menu")) for office in draft.offices} | {MENU_FILE}
    for name in _other_files(folder):
        if name not in menus:
            what = f'if it is a menu, name it at an office (menu = "{name}"); else keep it in another folder'
            draft.add(name, "", f"not a file of Tast 1: {what}")


def _other_files(folder: Path) -> list[str]:
    known = (SETTINGS_FILE, OFFICES_FILE, STAFF_FILE, PROMPTS_FILE, ON_CALL_FILE)
    return sorted(path.name for path in folder.glob("*.toml") if path.name not in known)


def _read_prompts(folder: Path, catalogue: Catalogue, draft: Draft) -> rules_prompts.Own:
    """The offices' own prompts, where they have any."""
    path = folder / PROMPTS_FILE
    table = _read_toml(path, draft) if path.exists() else None
    return {} if table is None else rules_prompts.check_prompts(table, catalogue.languages, draft)


def _read_menus(folder: Path, offices: list[Office], catalogue: Catalogue, draft: Draft) -> dict[str, Menu]:
    """The menu of each office, checked for each office that has it, and by itself where none could be read."""
    menus = {}
    around = rules_menu.Around(catalogue, draft.section(NumberSettings), _answered(draft))
    for name in _menu_files(folder, draft):
        if name == MENU_FILE and not (folder / name).exists():
            table: Table | None = tomllib.loads(rules_menu.shipped_menu())
        else:
            table = _read_toml(folder / name, draft)
        if table is None or (draft.offices is None and not table.keys() & {"start", "node"}):
            continue
        users = [office for office in offices if office.menu == name]
        menu, problems = rules_menu.read_menu(table, users, around)
        if menu is not None:
            menus[name] = menu
        for key, message in problems:
            draft.add(name, key, message)
    return menus


def _menu_files(folder: Path, draft: Draft) -> list[str]:
    """Those that offices name, also broken offices; or all that could be one, while the offices cannot be read."""
    others = _other_files(folder)
    if draft.offices is None:
        return others
    found = []
    for key, office in numbered(draft.offices, "office"):
        name = office.get("menu", MENU_FILE)
        if not isinstance(name, str):
            continue
        if name == MENU_FILE or (folder / name).is_file():
            found.append(name)
        else:
            near = error_words.meant(name, others)
            hint = "put it there" if near is None else f"did you mean {near!r}?"
            draft.add(OFFICES_FILE, f"{key}.menu", f"there is no {name!r} in this folder; {hint}")
    return list(dict.fromkeys(found))


def _check_emergency_prompts(offices: list[Office], catalogue: Catalogue, draft: Draft) -> None:
    keys = {
        str(table.get("office_no")): f"office[{n}]" for n, table in enumerate(draft.offices or (), start=1)
    }
    for office in offices:
        for key, message in rules_menu.emergency_problems(office, catalogue):
            draft.add(OFFICES_FILE, f"{keys[office.office_no]}.{key}", message)


def _answered(draft: Draft) -> dict[str, str]:
    """Every number that this service answers, and whose it is."""
    return {
        str(office[key]): str(office.get("name"))
        for office in draft.offices or ()
        for key in rules_office.ANSWERED
        if key in office
    } | {str(line.get("number")): str(line.get("name")) for line in draft.lines or () if "number" in line}


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
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")  # -sig: Notepad's byte order mark
        return tomllib.loads(text)
    except FileNotFoundError:
        near = error_words.meant(path.name, _other_files(path.parent))
        hint = "" if near is None else f"; is it {near!r}?"
        draft.add(path.name, "", f"missing; it was expected at {path}{hint}")
    except OSError as error:
        draft.add(path.name, "", f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        draft.add(path.name, f"byte {error.start + 1}", "not UTF-8; save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        draft.add(path.name, *error_words.syntax(str(error), text))
    return None


def _validate(model: type[M], table: object, file: str, prefix: str, draft: Draft) -> M | None:
    try:
        return model.model_validate(table)
    except ValidationError as error:
        for item in error.errors(include_input=False, include_url=False):
            draft.add(file, error_words.place(prefix, item["loc"]), _words(model, dict(item)))
        return None


def _words(model: type[BaseModel], error: dict[str, Any]) -> str:
    """One of pydantic's errors, in words that know the tables of this model."""
    *tables, key = error["loc"] or ("",)
    if model is Office and error["type"] == "tuple_type" and key == "special_days":
        return "write [[office.special_days]], two brackets, for each day"
    if error["type"] != "extra_forbidden":
        return error_words.message(error)
    if model is Office and tables and key in Office.model_fields:
        return f"{key} belongs to the office: move it above [office.phone_hours]"
    inner: type[BaseModel] | None = model
    for name in tables:
        if inner is not None and isinstance(name, str) and name in inner.model_fields:
            inner = next(_models(inner.model_fields[name].annotation), None)
    near = error_words.meant(key, inner.model_fields) if inner is not None else None
    return error_words.message(error) if near is None else f"unknown key; did you mean {near!r}?"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
