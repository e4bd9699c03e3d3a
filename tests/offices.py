"""A small office for tests: built in code, so that a test does not depend on the demo files."""

from __future__ import annotations

import functools
import tomllib
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

from argon2 import PasswordHasher

from config.menu import Menu
from config.model import CallSettings, Config, Office, Person, RetrySettings, Role, Settings
from config.oncall import OnCallLine
from config.rules_menu import shipped_menu
from config.values import WeekHours

MONDAY = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)
"""Monday 23 November 2026, 09:05 in Oslo: open."""
CALLER = "+4740001234"
PUBLIC = "+4773000010"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""For tests that log in but are not about passwords: the real one takes most of such a test."""


@functools.cache
def standard_menu() -> Menu:
    """The menu that ships with the service."""
    return Menu.model_validate(tomllib.loads(shipped_menu()))


def settings() -> Settings:
    return Settings(retry=RetrySettings(busy=timedelta(minutes=7)), calls=CallSettings())


@functools.cache
def config() -> Config:
    hours = WeekHours.model_validate(dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-15:00"))
    office = Office(
        office_no="9001",
        name="Lillevik",
        municipality_no="9901",
        municipality="Lillevik",
        public_number=PUBLIC,
        oncall_number="+4773000011",
        fallback_number="+4740000001",
        phone_hours=hours,
        languages=("nb", "en"),
    )
    other = office.model_copy(
        update={"office_no": "9002", "name": "Storvik", "public_number": "+4773000020", "oncall_number": None}
    )
    people = (
        Person(id="kari", name="Kari", role=Role.CASEWORKER, office_no="9001", extension="201"),
        Person(id="ola", name="Ola", role=Role.CASEWORKER, office_no="9001", extension="202"),
        Person(id="liv", name="Liv", role=Role.LEADER, office_no="9001"),
        Person(id="siv", name="Siv", role=Role.CASEWORKER, office_no="9002", extension="204"),
        Person(id="nks", name="Kontaktsenteret", role=Role.CONTACT_CENTRE),
        Person(id="admin", name="Drift", role=Role.ADMIN),
    )
    menus = {"menu.toml": standard_menu()}
    return Config(settings=settings(), offices=(office, other), people=people, menus=menus)


@functools.cache
def staffed() -> Config:
    """The same, with somebody on duty on the on-call line: nothing is amiss."""
    base = config()
    line = OnCallLine(id="vakt-9001", office_no="9001", number="+4773000011", people=("kari",))
    return base.model_copy(update={"lines": (line,)})


def shipped_menus() -> dict[str, Menu]:
    """Every menu that ships with the service, by file name."""
    tables = {
        path.name: tomllib.loads(path.read_text("utf-8"))
        for path in Path(str(resources.files("config"))).rglob("*.toml")
    }
    return {name: Menu.model_validate(table) for name, table in tables.items() if "node" in table}
