"""The offices' own prompts (`prompts.toml`), read and checked. Called by load.py only. Nothing here may raise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from config.problems import PROMPTS_FILE, Draft, Table
from ivr.prompts import BASE_LANGUAGE, OWN

Own = dict[str, dict[str, str]]
"""language -> prompt id -> words"""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
MOST_CHARACTERS = 280
"""About 20 seconds; nobody listens to more in one go."""


def check_prompts(table: Table, languages: Iterable[str], draft: Draft) -> Own:
    """The prompts that are sound. `languages`: those that have prompts."""
    own: Own = {}
    for language, prompts in table.items():
        if language not in languages:
            draft.add(
                PROMPTS_FILE, language, f"not a language with prompts; there are: {', '.join(languages)}"
            )
        elif not isinstance(prompts, dict):
            draft.add(PROMPTS_FILE, language, f"must be a table: [{language}]")
        else:
            found = {name: _fault(name, words) for name, words in prompts.items()}
            own[language] = {
                f"{OWN}{name}": words.strip() for name, words in prompts.items() if not found[name]
            }
            for name, fault in found.items():
                if fault:
                    draft.add(PROMPTS_FILE, f"{language}.{name}", fault)
    for key in _without_base(table):
        draft.add(
            PROMPTS_FILE,
            key,
            f"missing in [{BASE_LANGUAGE}], which all languages fall back to: write it there",
        )
    return own


def _fault(name: str, words: object) -> str:
    if _NAME.fullmatch(name) is None:
        return "write the name with small letters a to z, digits and _, beginning with a letter"
    if not isinstance(words, str):
        return 'write text in quotes, as in "..."'
    if not words.strip():
        return "must not be empty"
    if len(words) > MOST_CHARACTERS:
        return f"at most {MOST_CHARACTERS} characters: nobody listens to more in one go"
    return ""


def _without_base(table: Table) -> Iterator[str]:
    base = table.get(BASE_LANGUAGE)
    base = base if isinstance(base, dict) else {}
    for language, prompts in table.items():
        if isinstance(prompts, dict):
            yield from (f"{language}.{name}" for name in prompts if name not in base)
