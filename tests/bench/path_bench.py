"""How far it is to the promise on each way through the menus that ship: key presses, and seconds of speech as this
machine speaks it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from ivr.library import PromptLibrary
from ivr.prompts import BASE_LANGUAGE, NO_VOICE, Catalogue
from ivr.voice import Voice
from tests.menu_paths import PATHS, Walk, walk
from tests.offices import shipped_menus

PACE: Final = timedelta(seconds=0.2)
"""Between two keys of a caller who knows them by heart."""


@dataclass(frozen=True, slots=True)
class PathTime:
    """One way; times from the answer to the first word of the promise (or of what else it leads to)."""

    menu: str
    name: str
    presses: int
    listening: timedelta
    """Hears each question to its end and presses at once."""
    ahead: timedelta
    """Presses every key ahead."""
    slowest: tuple[str, timedelta]
    """The language in which listening takes longest."""

    def __str__(self) -> str:
        language, longest = self.slowest
        return (
            f"{self.menu:<14} {self.name:<28} {self.presses:>4} {self.listening.total_seconds():>10.1f} s"
            f" {self.ahead.total_seconds():>7.1f} s {longest.total_seconds():>9.1f} s ({language})"
        )


HEADING: Final = f"{'menu':<14} {'way to the promise':<28} {'keys':>4} {'listening':>12} {'ahead':>9} {'slowest language':>16}"


def path_times(directory: Path) -> list[PathTime]:
    """In the base language, of every path. `directory`: for the sounds, made once."""
    catalogue = Catalogue.load()
    library = PromptLibrary(catalogue, directory, voice=Voice())

    def length(item: str) -> timedelta:
        wav = library.load(item)
        assert wav is not None, item
        return wav.duration

    def path_time(menu: str, walks: dict[str, Walk]) -> PathTime:
        base = walks[BASE_LANGUAGE]
        times = {language: walked.time(length) for language, walked in walks.items()}
        slowest = max(times, key=lambda language: times[language])
        ahead = base.time_ahead(length, PACE)
        path = base.path
        return PathTime(menu, path.name, path.presses, times[BASE_LANGUAGE], ahead, (slowest, times[slowest]))

    voiced = [language for language in catalogue.languages if language not in NO_VOICE]
    return [
        path_time(name, {language: walk(path, menu, language) for language in voiced})
        for name, menu in shipped_menus().items()
        for path in PATHS[name]
    ]
