"""What `tast1 check` warns of in a menu that can be used: what callers hear that is not so, and what they cannot know.

Each rule takes the languages of the offices that have the menu. Nothing here stops a start, and nothing may raise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from config.menu import Menu
from config.model import Office
from config.rules_menu import prompt_id_of
from config.rules_ways import Found, unlisted
from ivr.prompts import BASE_LANGUAGE, Catalogue, bare_language, split_item

_KEYS_TOLD = {
    "nb": r"\btast ([0-9])\b",
    "en": r"\bpress ([0-9])\b",
    "uk": r"\bнатисніть ([0-9])\b",
    "ru": r"\bнажмите ([0-9])\b",
    "pl": r"\b(?:klawisz|nacisnąć) ([0-9])\b",
    "so": r"\briix ([0-9])\b",
    "ar": r"اضغط ([0-9])\b",  # other words can stand before it without a space
    "ti": r"\b([0-9]) ጽቐጡ",
}
"""How each language tells callers of a key; the prompts that ship do it so."""
_ASKING = ("choose", "confirm", "status", "urgent", "language")
"""Kinds that wait for one key."""
_ON_THE_WAY = ("say", "info", "closed", "set")
"""Kinds that say something and go on to what follows by themselves."""


def menu_advice(menu: Menu, offices: Iterable[Office], catalogue: Catalogue) -> Found:
    """Everything there is to say of a menu to the offices that have it."""
    offices = list(offices)
    for office in offices:
        yield from _spoken_in_bokmal(menu, office, catalogue)
    yield from _untold_keys(menu, catalogue)
    yield from _keys_that_are_not(menu, offices, catalogue)
    for office in offices:
        yield from _one_language(menu, office)
    yield from _transfers_to_goodbye(menu)


# ---- languages ----------------------------------------------------------------------------------


def _spoken_in_bokmal(menu: Menu, office: Office, catalogue: Catalogue) -> Found:
    """Prompts that some of an office's callers do not hear in their language."""
    for name, node in menu.node.items():
        for where, prompt in node.said():
            for told in _without_text(prompt, office, catalogue):
                yield f"node.{name}.{where}", told


def emergency_in_bokmal(office: Office, catalogue: Catalogue) -> Found:
    """The same of the prompt with an office's emergency numbers."""
    for told in _without_text(office.emergency_prompt, office, catalogue):
        yield "emergency_prompt", told


def _without_text(prompt: str, office: Office, catalogue: Catalogue) -> Iterator[str]:
    missing = [one for one in office.languages if "/" not in prompt and prompt in catalogue.missing(one)]
    for language in missing:
        if language in catalogue.languages:  # one without any text is told of as a whole
            yield f"{prompt!r} has no text in {language!r}: it is heard in bokmål"


def _one_language(menu: Menu, office: Office) -> Found:
    """Keys to a choice that an office has not. On the way to elsewhere it is passed by, and nobody notices."""
    keys = [
        f"{name}.{key}"
        for name, node in menu.node.items()
        for key, target in getattr(node, "keys", {}).items()
        if menu.node[target].kind == "language"
    ]
    if keys and len(office.languages) == 1:
        what = f"office {office.office_no} has one language, but these keys lead to a choice of languages"
        yield "node", f"{what}: {', '.join(keys)}; remove them and what tells of them, or add a language"


# ---- keys ---------------------------------------------------------------------------------------


def _untold_keys(menu: Menu, catalogue: Catalogue) -> Found:
    """Keys of a question that its prompts do not name: callers cannot know of them, unless silence leads there too."""
    for name, node in menu.node.items():
        told = {
            key
            for prompt in node.prompts
            for _, key in _told(f"{BASE_LANGUAGE}/{prompt_id_of(prompt)}", catalogue)
        }
        for key, target in getattr(node, "keys", {}).items():
            needless = node.kind != "choose" and target == node.silent
            if key not in told and key != "0" and not needless:
                yield f"node.{name}.keys.{key}", f"no prompt of this node says 'tast {key}': add one to say"


def _keys_that_are_not(menu: Menu, offices: list[Office], catalogue: Catalogue) -> Found:
    """Keys that a prompt tells of, and that mean nothing where callers hear it."""
    languages = tuple(dict.fromkeys(language for office in offices for language in office.languages))
    most = max((len(office.languages) for office in offices), default=0)
    for name, node in menu.node.items():
        asks = _question_after(menu, name)
        if asks is None:
            continue
        known = _known_keys(menu, menu.node[asks], most)
        there = "this node" if asks == name else f"{asks!r}, the question that follows,"
        for where, prompt in node.said():
            wrong: dict[str, list[str]] = {}  # the key, and what tells of it
            for item in _heard(prompt, languages, catalogue):
                for words, key in _told(item, catalogue):
                    if key not in known:
                        wrong.setdefault(key, []).append(f"{words!r} ({split_item(item)[0]})")
            for key, told in wrong.items():
                says = f"{prompt!r} says {', '.join(dict.fromkeys(told))}"
                what = f"but {there} has no key {key}: give it that key, or say another prompt"
                yield f"node.{name}.{where}", f"{says}, {what}"


def _question_after(menu: Menu, name: str) -> str | None:
    """The node whose keys count while this one's prompts are heard, if there is one and no other."""
    for _ in menu.node:  # at most this many: they could go round
        node: Any = menu.node[name]
        if node.kind in _ASKING:
            return name
        if node.kind not in _ON_THE_WAY:
            return None
        name = node.next
    return None


def _known_keys(menu: Menu, node: Any, languages: int) -> set[str]:
    """`*` and `#`, which work everywhere, are not asked for."""
    zero = set() if menu.zero is None else {"0"}
    match node.kind:
        case "urgent":
            return {"1", "2"} | zero
        case "language":
            return {str(at) for at in range(1, languages + 1)} | zero
    return set(node.keys) | zero


def _heard(prompt: str, languages: tuple[str, ...], catalogue: Catalogue) -> Iterator[str]:
    """The items that callers hear of a prompt, in any of the languages."""
    named = split_item(prompt) if "/" in prompt else None
    wanted = languages if named is None else (bare_language(named[0]),)
    yield from (catalogue.resolve(language, prompt_id_of(prompt)) for language in wanted)


def _told(item: str, catalogue: Catalogue) -> list[tuple[str, str]]:
    """(words, key) for each key that an item tells callers of: (`tast 4`, `4`)."""
    language, _ = split_item(catalogue.resolve(*split_item(item)))
    pattern = _KEYS_TOLD.get(bare_language(language), "(?!)")
    return [
        (found[0].lower(), found[1]) for found in re.finditer(pattern, catalogue.text(item), re.IGNORECASE)
    ]


# ---- nobody answered ----------------------------------------------------------------------------


def _transfers_to_goodbye(menu: Menu) -> Found:
    """Where nobody answers and the call is to end, the caller is put on the list unasked."""
    for name in unlisted(menu):
        node: Any = menu.node[name]
        if node.kind in ("transfer", "on_call") and _ends_unlisted(menu, node.next):
            what = (
                "leads to a goodbye without a register node: whoever nobody answered is put on the list there"
            )
            yield f"node.{name}.next", f"{what}; lead to a register node instead"


def _ends_unlisted(menu: Menu, name: str) -> bool:
    """Whether a caller who presses nothing comes to a goodbye before a register node. No menu lets them go round."""
    node = menu.node[name]
    while node.kind not in ("goodbye", "register"):
        node = menu.node[node.none if node.kind == "status" else str(node.silent)]
    return node.kind == "goodbye"
