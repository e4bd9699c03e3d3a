"""What is wrong with a configuration, and what could be read of it. Pure data for load.py and its rules.

The value of a secret must never stand in a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import BaseModel

SETTINGS_FILE = "tast1.toml"
OFFICES_FILE = "offices.toml"
STAFF_FILE = "staff.toml"
MENU_FILE = "menu.toml"
"""The name a menu has where an office names no other."""
PROMPTS_FILE = "prompts.toml"
"""The offices' own prompts; there need be none."""
ON_CALL_FILE = "oncall.toml"
"""The on-call lines; there need be none."""
ENVIRONMENT = "environment"
"""Stands where the file name stands when a variable is at fault."""

Table = dict[str, Any]
"""One TOML table as read, not yet checked."""

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Problem:
    """One error: where it is and what to do. `str()` gives `file: key: message`."""

    file: str
    key: str
    """`office[1].phone_hours.mon`; tables are counted from 1. Empty when the whole file is meant."""
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.key, self.message) if part)


def with_office(problem: Problem, numbers: Iterable[object]) -> Problem:
    """An office is counted in the key; people know it by its number. `numbers`: those of all, in the order of the file."""
    for count, number in enumerate(numbers, start=1):
        is_its = problem.file == OFFICES_FILE and problem.key.startswith(f"office[{count}].")
        is_sound = isinstance(number, str) and re.fullmatch(r"\d{4}", number) is not None
        if is_its and is_sound and not problem.key.endswith(".office_no"):
            return replace(problem, message=f"{problem.message} (office {number})")
    return problem


class ConfigError(Exception):
    """The configuration cannot be used; `problems` holds every error that was found."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(slots=True)
class Draft:
    """What could be read, and what is wrong with it so far."""

    problems: list[Problem] = field(default_factory=list)
    sections: dict[str, BaseModel] = field(default_factory=dict)
    """tast1.toml by section name; a section with an error in it is missing."""
    offices: list[Table] | None = None
    """[[office]] as read, broken ones too; None when the file could not be read."""
    people: list[Table] | None = None
    """[[person]] likewise."""
    lines: list[Table] | None = None
    """[[line]] likewise; None also when there is no file."""

    def add(self, file: str, key: str, message: str) -> None:
        self.problems.append(Problem(file, key, message))

    def section(self, kind: type[S]) -> S | None:
        """The section of this type, if it was sound."""
        return next((section for section in self.sections.values() if isinstance(section, kind)), None)


def numbered(tables: list[Table] | None, name: str) -> Iterator[tuple[str, Table]]:
    """(`office[1]`, table), (`office[2]`, table), ..."""
    for count, table in enumerate(tables or (), start=1):
        yield f"{name}[{count}]", table
