"""The ways callers take through the menus that ship: what they press, and how much they listen to before the promise.

The paths stand here once, for the test that holds their lengths and for whoever measures them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from config.menu import Menu
from hardware.line import Prompt
from ivr.prompts import Catalogue
from tests.offices import shipped_menus
from tests.unit.intake_caller import CALLER, FOUND, OFFICE, Caller

SILENCE = "-"
NUMBER = "90001234"
PROMISE = ("intake.promise", "intake.promise_today")
LANGUAGES = Catalogue.load().languages


@dataclass(frozen=True, slots=True)
class MenuPath:
    """What one caller does, prompt by prompt: the keys pressed, or SILENCE."""

    name: str
    keys: tuple[str, ...]
    most: int
    """Key presses it may take; each digit of a number is one."""
    said: tuple[str, ...] = PROMISE
    """The prompt it leads to is one of these."""
    withheld: bool = False
    on_list: bool = False
    foreign: bool = False
    """The office answers in another language than the caller wants."""

    @property
    def presses(self) -> int:
        return sum(len(keys) for keys in self.keys if keys != SILENCE)


PATHS: dict[str, tuple[MenuPath, ...]] = {
    "menu.toml": (
        MenuPath("own number", ("1", "2"), 2),
        MenuPath("urgent", ("1", "1", "2", SILENCE), 3),
        MenuPath("silent caller", (SILENCE,) * 4, 0),
        MenuPath("language first", ("2", "2", "1", "2"), 4, foreign=True),
        MenuPath("language first, then silent", ("2", "2", "1", SILENCE, SILENCE), 3, foreign=True),
        MenuPath("other number", ("1", "2", "2", NUMBER, "1"), 4 + len(NUMBER)),
        MenuPath("withheld, keys in a number", ("1", "2", NUMBER, "1"), 3 + len(NUMBER), withheld=True),
        MenuPath(
            "withheld, given a reference",
            ("1", "2", SILENCE, SILENCE, SILENCE),
            2,
            said=("intake.no_number",),
            withheld=True,
        ),
        MenuPath("status", ("3",), 1, said=("intake.next_try", "intake.next_try_soon"), on_list=True),
    )
}
"""By menu."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A path that was walked in one language."""

    path: MenuPath
    language: str
    prompts: tuple[Prompt, ...]
    """The last one says what the path leads to."""

    @property
    def items(self) -> tuple[str, ...]:
        """What is heard before it, by a caller who hears every prompt to its end."""
        return tuple(item for prompt in self.prompts[:-1] for item in prompt.items) + self._last

    @property
    def _last(self) -> tuple[str, ...]:
        items = self.prompts[-1].items
        wanted = [f"{self.language}/{said}" for said in self.path.said]
        reached = next((at for at, item in enumerate(items) if item in wanted), None)
        if reached is None:
            raise AssertionError(f"{self.path.name}, {self.language}: none of {wanted} in {items}")
        return items[:reached]

    def time(self, length: Callable[[str], timedelta]) -> timedelta:
        """From the answer to the beginning of it: what is heard, and the silences waited out."""
        silences = (
            prompt.timeout
            for prompt, keys in zip(self.prompts, self.path.keys, strict=False)
            if keys == SILENCE
        )
        return sum((length(item) for item in self.items), timedelta()) + sum(silences, timedelta())

    def time_ahead(self, length: Callable[[str], timedelta], pace: timedelta) -> timedelta:
        """The same for a caller who knows the menu and presses each key ahead, `pace` after the one before it."""
        took = sum((length(item) for item in self._last), timedelta())
        for prompt, keys in zip(self.prompts, self.path.keys, strict=False):
            if keys == SILENCE:
                took += sum((length(item) for item in prompt.items), prompt.timeout)
            else:
                took += len(keys) * pace
        return took


def walk(path: MenuPath, menu: Menu, language: str) -> Walk:
    """Raises AssertionError when the path does not lead to what it should."""
    base = next(other for other in LANGUAGES if other != language) if path.foreign else language
    office = replace(OFFICE, languages=tuple(dict.fromkeys((base, language))))
    found = replace(FOUND, language=language) if path.on_list else None
    caller = Caller(None if path.withheld else CALLER, office, found, menu).keys(*path.keys)
    made = Walk(path, language, tuple(caller.prompts))
    assert made.items
    return made


def walks() -> list[tuple[str, Walk]]:
    """Every path of every menu in every language, with the menu's name."""
    return [
        (name, walk(path, menu, language))
        for name, menu in shipped_menus().items()
        for path in PATHS[name]
        for language in LANGUAGES
    ]
