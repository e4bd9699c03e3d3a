"""How far it is from the answer to the promise, by key presses and by seconds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ivr.library import PromptLibrary
from ivr.prompts import NO_VOICE, Catalogue
from ivr.voice import Voice
from tests.menu_paths import LANGUAGES, NUMBER, PATHS, PROMISE, SILENCE, MenuPath, walk
from tests.offices import shipped_menus

MENUS = shipped_menus()
EACH = [pytest.param(name, path, id=f"{name}-{path.name}") for name, paths in PATHS.items() for path in paths]
LONGEST = timedelta(seconds=90)
"""To the promise, for a caller who hears everything to its end or says nothing at all."""
LONGEST_OWN_NUMBER = timedelta(seconds=35)


@pytest.fixture(scope="module")
def spoken(speech_cache: Path) -> PromptLibrary:
    """Prompts as this machine speaks them, each made once."""
    return PromptLibrary(Catalogue.load(), speech_cache, voice=Voice())


def test_every_menu_that_ships_has_its_paths() -> None:
    """A new menu is measured too."""
    assert MENUS.keys() == PATHS.keys()


@pytest.mark.parametrize(("menu", "path"), EACH)
def test_key_presses(menu: str, path: MenuPath) -> None:
    """As many as the path says: two to a promise on one's own number, three when it is urgent, and nobody has to."""
    assert path.presses <= path.most
    if not path.withheld and path.said == PROMISE and NUMBER not in path.keys:
        needed = [key for at, key in enumerate(path.keys) if key != SILENCE and not _may_wait(path, at)]
        assert len(needed) <= 3
    for language in LANGUAGES:
        walked = walk(path, MENUS[menu], language)
        assert len(walked.prompts) == len(path.keys) + 1, "one prompt for each answer"


def _may_wait(path: MenuPath, at: int) -> bool:
    """ "2: not urgent" only saves the waiting: silence leads to the same promise (the last two paths of a language)."""
    return path.foreign and at == 3 and path.keys[at] == "2"


@pytest.mark.parametrize("menu", MENUS)
def test_two_keys_on_ones_own_number(menu: str) -> None:
    """The common way is the shortest; a caller who does nothing gets there too."""
    own, silent = PATHS[menu][0], next(path for path in PATHS[menu] if set(path.keys) == {SILENCE})
    assert (own.name, own.presses, silent.presses) == ("own number", 2, 0)


@pytest.mark.parametrize(("menu", "path"), EACH)
def test_pressing_ahead(menu: str, path: MenuPath) -> None:
    """Whoever knows the menu waits for nothing but their own fingers, where they press; elsewhere it changes nothing."""
    second = timedelta(seconds=1)
    walked = walk(path, MENUS[menu], "nb")
    ahead, listening = (walked.time_ahead(lambda _: second, timedelta()), walked.time(lambda _: second))
    if path.presses == 0:
        assert ahead == listening
    else:
        assert ahead < listening
    if SILENCE not in path.keys:
        assert walked.time_ahead(lambda _: timedelta(), second) == path.presses * second


@pytest.mark.parametrize(("menu", "path"), EACH)
def test_seconds(menu: str, path: MenuPath, spoken: PromptLibrary) -> None:
    """The promise begins in good time in every language that is spoken, also for a caller who hears everything."""

    def length(item: str) -> timedelta:
        wav = spoken.load(item)
        assert wav is not None
        return wav.duration

    for language in LANGUAGES:
        walked = walk(path, MENUS[menu], language)
        if language in NO_VOICE:
            assert len(walked.prompts) <= 6
            continue
        took = walked.time(length)
        assert timedelta(0) < took <= (LONGEST_OWN_NUMBER if path.name == "own number" else LONGEST)
