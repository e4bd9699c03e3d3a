"""Every prompt as it would be heard now: for `tast1 prompts list` and the preview page.

Must never make a sound: that takes long, and whoever looks does not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from config.model import Office
from ivr.library import PromptLibrary
from ivr.prompts import bare_language, split_item, spoken_tag

LONGEST = timedelta(seconds=20)
"""Nobody listens to more in one go."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One prompt as it would be heard now."""

    item: str
    sound: str
    """recorded, spoken (by the machine voice), fallback (heard in bokmål) or silent"""
    seconds: float | None
    """None when it is not made yet, or silent."""
    text: str
    """What is heard."""


def shown(library: PromptLibrary, item: str) -> Shown:
    """Blocks: it may read files. Raises UnknownPrompt."""
    found = library.find(item)
    if found is None:
        return Shown(item, "silent", None, library.catalogue.text(item))
    source, length = found
    if bare_language(split_item(source.item)[0]) != bare_language(split_item(item)[0]):
        sound = "fallback"
    else:
        sound = "recorded" if source.recorded else "spoken"
    seconds = None if length is None else round(length.total_seconds(), 2)
    return Shown(item, sound, seconds, library.catalogue.text(source.item))


def tags_of(offices: Iterable[Office]) -> list[str]:
    """All that prompts are heard in: the offices' languages, and slowly where callers are spoken to slowly."""
    spoken = [(language, office.voice_speed) for office in offices for language in office.languages]
    return sorted({language for language, _ in spoken} | {spoken_tag(*pair) for pair in spoken})
