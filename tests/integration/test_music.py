"""The music that callers hear while they wait."""

from __future__ import annotations

import itertools
import math
from array import array
from pathlib import Path

from ivr.library import PromptLibrary
from ivr.music import LOUDNESS, SECONDS, music_wav
from ivr.prompts import MUSIC, Catalogue
from ivr.sound import LOUDNESS as SPEECH
from ivr.sound import RATE, levelled, loudness, wav_bytes, wav_samples


def tone(seconds: float = 2.0, peak: int = 12000) -> array[int]:
    return array(
        "h", (round(peak * math.sin(2 * math.pi * 440 * at / RATE)) for at in range(int(seconds * RATE)))
    )


def test_a_kind_level() -> None:
    """Ten seconds, 10 dB below speech, from silence to silence, nowhere loud or suddenly so."""
    samples = wav_samples(music_wav())
    assert len(samples) == SECONDS * RATE
    assert SPEECH - 14 < loudness(samples) < SPEECH - 10
    assert max(map(abs, samples)) < 5000
    assert max(abs(samples[0]), abs(samples[-1])) < 5
    seconds = [loudness(samples[at : at + RATE]) for at in range(0, len(samples), RATE)]
    assert max(seconds) - min(seconds) < 12
    assert max(abs(a - b) for a, b in itertools.pairwise(samples)) < 2500, "no clicks"


async def test_it_needs_no_voice(tmp_path: Path) -> None:
    """Where nothing can be spoken it is made all the same, once, and kept on disk."""
    library = PromptLibrary(Catalogue.load(), tmp_path / "cache")
    made = await library.wav(MUSIC)
    assert made is not None
    assert made.body == music_wav()
    assert made.path is not None
    assert made.path.read_bytes() == made.body
    assert await library.wav("nb/intake.greeting") is None


async def test_an_offices_own_music(tmp_path: Path) -> None:
    """A recording wins, at the level of the music and not of speech; slow offices hear it too."""
    recordings = tmp_path / "recordings"
    (recordings / "nb").mkdir(parents=True)
    (recordings / "nb" / "wait.music.wav").write_bytes(wav_bytes(tone()))
    library = PromptLibrary(Catalogue.load(), tmp_path / "cache", recordings)
    for item in (MUSIC, MUSIC.replace("nb/", "nb.slow/")):
        played = await library.wav(item)
        assert played is not None
        assert played.recorded
        assert abs(loudness(wav_samples(played.body)) - LOUDNESS) < 0.5
    assert abs(loudness(wav_samples(levelled(wav_bytes(tone())))) - SPEECH) < 0.5
