"""Where prompts that the voice has made are kept for all tests, of every process and of the next run: making all of
them takes half a minute of two cores. A changed voice has a folder of its own, so that a test never hears an old one.

`python -m tests.speech` makes them before the tests start, so that no test waits for another to make the same ones."""

from __future__ import annotations

import asyncio
import hashlib
from multiprocessing import Pool
from pathlib import Path
from typing import Final

from ivr.library import PromptLibrary
from ivr.prompts import NO_VOICE, Catalogue
from ivr.voice import Voice

_CHECKOUT: Final = Path(__file__).resolve().parents[1]
_MAKES_IT: Final = (*sorted((_CHECKOUT / "ivr").glob("*.py")), _CHECKOUT / "requirements.lock")
_AS_IT_IS: Final = hashlib.sha256(b"\n".join(file.read_bytes() for file in _MAKES_IT)).hexdigest()[:16]

SPEECH: Final = _CHECKOUT / "var" / "speech" / _AS_IT_IS


def keep_speech(data: Path) -> None:
    """A service on this data folder finds the prompts made, and keeps there what it makes. Before it starts."""
    SPEECH.mkdir(parents=True, exist_ok=True)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data / "prompts").symlink_to(SPEECH, target_is_directory=True)


def make(language: str) -> None:
    """Every prompt of a language. Each language in a process of its own: the voice remembers what it said before."""
    asyncio.run(PromptLibrary(Catalogue.load(), SPEECH, voice=Voice()).warm([language]))


if __name__ == "__main__":
    with Pool(maxtasksperchild=1) as pool:
        pool.map(make, [language for language in Catalogue.load().languages if language not in NO_VOICE], 1)
