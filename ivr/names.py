"""What is said with a name in it on the on-call lines, as prompts of the offices' own. Pure.

A name is said in a whole sentence, for a voice says it better than a name alone, and an office can record it.
"""

from __future__ import annotations

from collections.abc import Mapping

from config.model import Config
from ivr.prompts import BASE_LANGUAGE, OWN


def own_prompts(config: Config) -> dict[str, dict[str, str]]:
    """The offices' own prompts (language -> id -> words), with those of offices and of who may be on duty."""
    own: dict[str, dict[str, str]] = {language: dict(words) for language, words in config.prompts.items()}
    own[BASE_LANGUAGE] = {**_spoken(config), **own.get(BASE_LANGUAGE, {})}
    return own


def _spoken(config: Config) -> Mapping[str, str]:
    words = {}
    for office in config.offices:
        words[f"{OWN}name-{office.office_no}"] = f"{office.name}."
        words[f"{OWN}oncall-{office.office_no}"] = f"Vakttelefonen, {office.name}."
    for person in config.people:
        if person.office_no is not None:
            words[f"{OWN}calling-{person.id}"] = f"Jeg ringer {person.name.split()[0]}."
    for line in config.on_call_lines:
        words[f"{OWN}calling-{line.id}"] = "Jeg ringer vakttelefonen."
    return words
