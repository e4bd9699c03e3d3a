"""What callers hear while they wait on the line: a soft, slow loop of ten seconds, made here and nobody else's.

Single notes over long chords, few and low, so that a telephone carries them without harshness. It begins and ends in
silence, for a question to the desk stands between two pieces. Pure arithmetic; it never reads files.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from functools import cache

from ivr.sound import RATE, at_loudness, wav_bytes

SETTINGS = "music 1"
"""Part of its name among the made prompts: another when the sound changes."""
SECONDS = 10
LOUDNESS = -31.0
"""dB below full scale: clearly below the speech."""
_CHORDS = (
    (0.0, (220.0, 261.63, 329.63)),
    (2.5, (174.61, 261.63, 349.23)),
    (5.0, (196.0, 261.63, 329.63)),
    (7.5, (196.0, 246.94, 293.66)),
)
"""A minor, F, C, G: (when it begins, the tones in Hz)."""
_NOTES = (
    (0.4, 523.25),
    (1.65, 659.26),
    (2.9, 587.33),
    (4.15, 523.25),
    (5.4, 659.26),
    (6.65, 783.99),
    (7.9, 587.33),
)


@cache
def ringing_wav() -> bytes:
    """What a caller hears while somebody's telephone rings: Norway's ringing tone, once."""
    tone = [9000 * math.sin(2 * math.pi * 425 * n / RATE) for n in range(RATE)]
    return wav_bytes(array("h", [int(sample) for sample in tone] + [0] * (4 * RATE)))


@dataclass(frozen=True, slots=True)
class _Touch:
    """Seconds a tone lasts and swells, and how strong it is."""

    lasts: float
    swells: float
    weight: float


_CHORD, _NOTE = _Touch(3.6, 0.9, 0.33), _Touch(2.4, 0.06, 0.5)
_EDGE = 0.3
"""Seconds in which it comes and goes."""


@cache
def music_wav() -> bytes:
    """One piece, as telephone sound."""
    total = [0.0] * (SECONDS * RATE)
    for begins, tones in _CHORDS:
        for tone in tones:
            _add(total, begins, tone, _CHORD)
    for begins, tone in _NOTES:
        _add(total, begins, tone, _NOTE)
    edge = int(_EDGE * RATE)
    for place in range(edge):
        total[place] *= place / edge
        total[-1 - place] *= place / edge
    loudest = max(map(abs, total))
    samples = array("h", (round(16000 * value / loudest) for value in total))
    return wav_bytes(at_loudness(samples, LOUDNESS))


def _add(total: list[float], begins: float, tone: float, touch: _Touch) -> None:
    """One tone with a soft octave above it, swelling and dying away."""
    first, count = int(begins * RATE), int(touch.lasts * RATE)
    turn = 2 * math.pi * tone / RATE
    for at in range(min(count, len(total) - first)):
        swell = min(1.0, at / (touch.swells * RATE))
        fade = 0.5 + 0.5 * math.cos(math.pi * at / count)
        sound = math.sin(turn * at) + 0.2 * math.sin(2 * turn * at)
        total[first + at] += touch.weight * swell * fade * sound
