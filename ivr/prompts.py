"""The prompt catalogue: which prompts there are and what they say in each language.

Pure, apart from `Catalogue.load` reading the texts that ship with the package. It never makes or finds sound.
An *id* is `intake.greeting`; an *item* is `language/id`, as `hardware.line.Prompt` wants it.
A *tag* is a language with its speed: `nb`, or `nb.slow` for the same words said slowly. Wherever a language is
asked for here and in phrases.py, a tag will do.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Any

from config.model import VoiceSpeed
from ivr.atoms import atoms

BASE_LANGUAGE = "nb"
"""The complete language; the others fall back to it, sentence by sentence."""
NOT_REVIEWED = frozenset({"ar", "pl", "ru", "so", "ti", "uk"})
"""Languages whose texts no native speaker has read yet."""
NO_VOICE = frozenset({"so", "sma"})
"""Languages an office may list though no synthetic voice speaks them: what is not recorded is heard in bokmål. South
Sami has no texts either; a person speaks it, and the list says so."""

MUSIC = f"{BASE_LANGUAGE}/wait.music"
"""What callers hear while they wait, the same in every language: made by ivr/music.py, unless an office has its own."""
OWN = "office."
"""How the ids of the offices' own prompts begin (`prompts.toml`)."""
_SLOW = ".slow"
_NOTES = "notes"
"""The table of a text file that is for whoever records it, not for callers."""
_SPELLED_OUT = ("number.", "digit.", "hour.")
_ENDS_A_PHRASE = ("month.", "minutes.", "hours.", "days.", "whisper.less_than_minute")


class PromptError(Exception):
    """Base of what can be wrong with prompts."""


class UnknownPrompt(PromptError):
    """There is no such prompt in any language."""


def spoken_tag(language: str, speed: VoiceSpeed) -> str:
    """(`nb`, slow) -> `nb.slow`, (`nb`, normal) -> `nb`: what to say prompts in. Also takes a tag."""
    return bare_language(language) + (_SLOW if speed is VoiceSpeed.SLOW else "")


def bare_language(tag: str) -> str:
    """`nb.slow` -> `nb`, `nb` -> `nb`."""
    return tag.removesuffix(_SLOW)


def speed_of(tag: str) -> VoiceSpeed:
    return VoiceSpeed.SLOW if tag.endswith(_SLOW) else VoiceSpeed.NORMAL


def split_item(item: str) -> tuple[str, str]:
    """`nb/intake.greeting` -> (`nb`, `intake.greeting`). Raises UnknownPrompt."""
    language, slash, prompt_id = item.partition("/")
    if not (language and slash and prompt_id):
        raise UnknownPrompt(f"not a prompt item: {item!r}; it is written language/prompt_id")
    return language, prompt_id


def is_music(prompt_id: str) -> bool:
    return MUSIC.endswith(f"/{prompt_id}")


class Catalogue:
    """Texts by language and prompt id."""

    def __init__(
        self,
        texts: Mapping[str, Mapping[str, str]],
        notes: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """`texts`: language -> prompt id -> words. Bokmål must be there and decides which ids exist.

        `notes`: language -> prompt id, or the first words of one -> what its reader should know."""
        if BASE_LANGUAGE not in texts:
            raise PromptError(f"no texts in {BASE_LANGUAGE!r}, which all languages fall back to")
        self._texts = {language: dict(prompts) for language, prompts in texts.items()}
        self._notes = {language: dict(own) for language, own in (notes or {}).items()}

    @classmethod
    def load(cls) -> Catalogue:
        """The texts and atoms that ship with the package."""
        return cls(*_shipped())

    def with_own(self, own: Mapping[str, Mapping[str, str]]) -> Catalogue:
        """These texts and the offices' own (`OWN` ids), in place of any own there were."""
        texts = {
            language: {i: words for i, words in prompts.items() if not i.startswith(OWN)}
            | dict(own.get(language, {}))
            for language, prompts in self._texts.items()
        }
        return Catalogue(texts, self._notes)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have texts, bokmål first."""
        others = sorted(language for language in self._texts if language != BASE_LANGUAGE)
        return (BASE_LANGUAGE, *others)

    @property
    def ids(self) -> tuple[str, ...]:
        """Every prompt id there is, in the order of the texts."""
        return tuple(self._texts[BASE_LANGUAGE])

    def __contains__(self, prompt_id: object) -> bool:
        return prompt_id in self._texts[BASE_LANGUAGE]

    def resolve(self, language: str, prompt_id: str) -> str:
        """The item to play: `language/prompt_id`, or the bokmål one where that language lacks it.

        Raises UnknownPrompt."""
        if prompt_id not in self:
            raise UnknownPrompt(f"no prompt has the id {prompt_id!r}")
        has_it = prompt_id in self._own(language)
        return f"{language if has_it else spoken_tag(BASE_LANGUAGE, speed_of(language))}/{prompt_id}"

    def text(self, item: str) -> str:
        """What an item says, in bokmål if its language lacks it. Raises UnknownPrompt."""
        language, prompt_id = split_item(self.resolve(*split_item(item)))
        return self._own(language)[prompt_id]

    def note(self, item: str) -> str:
        """What whoever records an item should know, from the longest key that fits; mostly nothing.

        A language without notes has those of bokmål."""
        language, prompt_id = split_item(item)
        own = self._notes.get(bare_language(language)) or self._notes.get(BASE_LANGUAGE, {})
        words = prompt_id.split(".")
        keys = (".".join(words[:count]) for count in range(len(words), 0, -1))
        return next((own[key] for key in keys if key in own), "")

    def note_keys(self, language: str) -> tuple[str, ...]:
        """Ids, and beginnings of ids, that `language` has a note for."""
        return tuple(self._notes.get(bare_language(language), {}))

    def missing(self, language: str) -> tuple[str, ...]:
        """Ids that bokmål has and `language` has not, music apart."""
        own = self._own(language)
        return tuple(prompt_id for prompt_id in self.ids if prompt_id not in own and not is_music(prompt_id))

    def stray(self, language: str) -> tuple[str, ...]:
        """Ids that `language` has and bokmål has not: misspelled, and never played."""
        return tuple(prompt_id for prompt_id in self._own(language) if prompt_id not in self)

    def all_items(self, language: str) -> tuple[str, ...]:
        """The items that `language` has a text of its own for."""
        own = self._own(language)
        return tuple(f"{language}/{prompt_id}" for prompt_id in self.ids if prompt_id in own)

    def _own(self, language: str) -> Mapping[str, str]:
        return self._texts.get(bare_language(language), {})


def pause_after(prompt_id: str, text: str) -> timedelta:
    """The silence that follows a prompt, so that what is said next neither runs into it nor drags."""
    if is_music(prompt_id):
        return timedelta(0)
    if text.endswith((".", "?", "!")):
        return timedelta(milliseconds=250)
    if prompt_id.startswith(_ENDS_A_PHRASE):
        return timedelta(milliseconds=200)
    if text.endswith((":", ",")) or prompt_id.startswith(_SPELLED_OUT):
        return timedelta(milliseconds=150)
    return timedelta(milliseconds=40)


@cache
def _shipped() -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """(texts, notes) of each language, read once: nobody changes them here."""
    texts: dict[str, dict[str, str]] = {}
    notes: dict[str, dict[str, str]] = {}
    for file in resources.files("ivr").joinpath("texts").iterdir():
        language, dot, ending = file.name.partition(".")
        if dot and ending == "toml":
            table = tomllib.loads(file.read_text("utf-8"))
            notes[language] = _flatten(table.pop(_NOTES, {}), file.name)
            texts[language] = atoms(language) | _flatten(table, file.name)
    return texts, notes


def _flatten(table: Mapping[str, Any], source: str, prefix: str = "") -> dict[str, str]:
    texts: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            texts |= _flatten(value, source, f"{prefix}{key}.")
        elif isinstance(value, str) and value.strip():
            texts[prefix + key] = value.strip()
        else:
            raise PromptError(f"{source}: {prefix}{key} must be a text, not {value!r}")
    return texts
