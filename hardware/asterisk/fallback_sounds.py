"""What the PBX says by itself when this service is not there: the texts, and their sound files.

It must never name the service's kind to a person who was *called* (somebody else may have picked up the phone), and
must never overwrite a recording an office has made.
"""

from __future__ import annotations

import enum
import functools
import io
import math
import os
import struct
import tempfile
import wave
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

Render = Callable[[str, str], bytes]
"""(language, text) -> a wav file, 8 kHz mono 16-bit."""


class Sound(enum.Enum):
    """A sound file's name without `.wav`. The ending is its language."""

    FALLBACK_NB = "fallback-nb"
    FALLBACK_EN = "fallback-en"
    GOODBYE_NB = "goodbye-nb"
    GOODBYE_EN = "goodbye-en"
    LEG_FALLBACK_NB = "leg-fallback-nb"
    ENDED_NB = "ended-nb"

    @property
    def language(self) -> str:
        """Two letters, such as `nb`."""
        return self.value.rpartition("-")[2]


# The fall-back text is played before and after the fall-back number is rung, so it has to be true both times.
SOUND_TEXTS: Final[dict[Sound, str]] = {
    Sound.FALLBACK_NB: (
        "Hei, du har ringt Nav. Vi har en teknisk feil akkurat nå. Vi prøver å nå noen som kan snakke med deg. "
        "Får du ikke svar, ring igjen om litt."
    ),
    Sound.FALLBACK_EN: (
        "Hello, you have called Nav. We have a technical fault right now. We are trying to reach someone who can "
        "talk to you. If nobody answers, please call again in a while."
    ),
    Sound.GOODBYE_NB: "Vi fikk ikke tak i noen. Ring igjen om litt. Ha det bra.",
    Sound.GOODBYE_EN: "We could not reach anyone. Please call again in a while. Goodbye.",
    Sound.LEG_FALLBACK_NB: "Samtalen er over, eller forbindelsen til systemet er brutt. Listen er uendret. Ha det bra.",
    Sound.ENDED_NB: "Samtalen er slutt. Ha det bra.",
}


class SoundFormatError(ValueError):
    """A rendered sound is not 8 kHz mono 16-bit."""


def write_sounds(directory: Path, render: Render) -> list[Path]:
    """Render every sound that `directory` does not have yet; answer what was written. What is there is kept."""
    directory.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for sound, text in SOUND_TEXTS.items():
        path = directory / f"{sound.value}.wav"
        if path.exists():
            continue
        data = render(sound.language, text)
        _require_telephone_wav(sound, data)
        _write_whole(path, data)
        written.append(path)
    return written


@functools.cache
def tone_render(language: str, text: str) -> bytes:
    """A melody of its own for each text, where no speech is available: an audible sign, and never silence."""
    seed = zlib.crc32(f"{language}:{text}".encode())
    samples: list[int] = []
    for note in range(10):
        frequency = 350 + 50 * (seed >> (3 * note) & 7) + 37 * (note % 3)
        samples += [int(9000 * math.sin(2 * math.pi * frequency * step / 8000)) for step in range(2000)]
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return buffer.getvalue()


def _require_telephone_wav(sound: Sound, data: bytes) -> None:
    with wave.open(io.BytesIO(data), "rb") as file:
        found = (file.getframerate(), file.getnchannels(), file.getsampwidth())
    if found != (8000, 1, 2):
        raise SoundFormatError(f"{sound.value}: {found} instead of 8000 Hz, 1 channel, 2 bytes")


def _write_whole(path: Path, data: bytes) -> None:
    """The PBX may be reading: it sees the old file, or the new one, never half a file."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(name).chmod(0o644)
    Path(name).replace(path)
