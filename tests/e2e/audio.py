"""What was heard: find a prompt or a tone in a recording. It must never call two different prompts the same."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 8000
Samples = NDArray[np.float64]

_PART_SECONDS: Final = 0.5
_SLIP_SECONDS: Final = 0.3
"""How far a part may have moved from where it should be: jitter buffers drop and repeat frames."""
_GAP_SECONDS: Final = 0.3
"""Two prompts of a row are never further apart; shorter than any prompt."""
_SAME_WORD: Final = 0.9
"""How alike a short word must be: "tjuetredje" and "tjuefemte" are 0.74."""
_QUIET: Final = 100.0
"""Root mean square (of 32767) below which a stretch is silence and proves nothing."""


@dataclass(frozen=True, slots=True)
class Heard:
    """`share`: how much of the prompt was heard (0-1); `score`: how alike (0-1) the heard parts are; `offset`: when."""

    share: float
    score: float
    offset: timedelta


def read_wav(path: Path) -> Samples:
    """A wav file (8 kHz mono 16-bit) as numbers. One that is still being written is read as far as it goes: its
    header does not know its length yet, so the header's lengths are not believed."""
    data = path.read_bytes()
    start = data.find(b"data")
    if start < 0:
        return np.zeros(0)
    channels, rate = struct.unpack_from("<HI", data, data.find(b"fmt ") + 10)
    if (rate, channels) != (RATE, 1):
        raise ValueError(f"{path}: {rate} Hz, {channels} channels")
    end = len(data) - (len(data) - start) % 2
    return np.frombuffer(data[start + 8 : end], dtype="<i2").astype(np.float64)


def seconds(path: Path) -> float:
    """How long the recording is."""
    return seconds_of(read_wav(path))


def seconds_of(sound: Samples) -> float:
    return len(sound) / RATE


def samples(length: timedelta) -> int:
    return round(length.total_seconds() * RATE)


def listen_for(recording: Path, prompt: Path, *, since: timedelta = timedelta()) -> Heard:
    """Where in `recording` the prompt is, and how much of it: a prompt cut short by a key is heard in part.
    `since`: what came before that is not listened to; `offset` still counts from the beginning."""
    skipped = samples(since)
    found = _listen(read_wav(recording)[skipped:], read_wav(prompt))
    return replace(found, offset=found.offset + since)


def has_begun(recording: Path, prompt: Path, *, since: timedelta = timedelta()) -> bool:
    """Whether the first half second of a prompt is in the recording, after `since`, and not only something like it."""
    found = _listen(read_wav(recording)[samples(since) :], read_wav(prompt)[: int(_PART_SECONDS * RATE)])
    return found.share == 1 and found.score > _SAME_WORD


def share_of_rest(recording: Path, prompts: Sequence[Path], cut: timedelta, margin: timedelta) -> float:
    """How much is heard of what is left of a row of prompts `margin` after the moment `cut` of the recording.
    Raises ValueError where the row's beginning is not heard, or too little is left to tell."""
    sound, row = read_wav(recording), np.concatenate([read_wav(prompt) for prompt in prompts])
    size = int(_PART_SECONDS * RATE)
    begins = _listen(sound, row[:size])
    if begins.share < 1:
        raise ValueError(f"{prompts[0].stem} is not heard")
    rest = row[max(0, samples(cut - begins.offset + margin)) :]
    if len(rest) < size:
        raise ValueError(f"{prompts[0].stem}: {seconds_of(rest):.1f} s are left; too little to tell")
    return _listen(sound[samples(cut) :], rest).share


def heard_in_a_row(
    recording: Path, prompts: Sequence[Path], share: float = 0.6, *, since: timedelta = timedelta()
) -> list[Path]:
    """The prompts of a row that are not heard, each right after the one before it: none, when all of it was played."""
    sound, missed = read_wav(recording)[samples(since) :], []
    begin, slack = 0, len(sound)
    for prompt in prompts:
        wanted = read_wav(prompt)
        end = begin + slack + len(wanted)
        found = _listen(sound[begin:end], wanted)
        if found.share < share or found.score < _SAME_WORD:
            missed.append(prompt)
        begin += max(0, round(found.offset.total_seconds() * RATE)) + round(0.8 * len(wanted))
        slack = round(0.2 * len(wanted) + _GAP_SECONDS * RATE)
    return missed


def _listen(sound: Samples, wanted: Samples) -> Heard:
    size = min(int(_PART_SECONDS * RATE), len(wanted))
    parts = [(at, wanted[at : at + size]) for at in range(0, len(wanted) - size + 1, size)]
    parts = [(at, part) for at, part in parts if _loudness(part) > _QUIET]
    if not parts or len(sound) < size:
        return Heard(0.0, 0.0, timedelta())
    likeness = _likeness_to(sound, size)
    curves = [(at, likeness(part)) for at, part in parts]
    best = Heard(0.0, 0.0, timedelta())
    for at, curve in curves:
        start = int(np.argmax(curve)) - at
        scores = [_peak_near(other, start + position) for position, other in curves]
        good = [score for score in scores if score >= 0.6]
        heard = Heard(
            len(good) / len(parts), float(np.mean(good)) if good else 0.0, timedelta(seconds=start / RATE)
        )
        if (heard.share, heard.score) > (best.share, best.score):
            best = heard
    return best


def heard(recording: Path, prompt: Path, share: float = 0.6, *, since: timedelta = timedelta()) -> bool:
    """Whether at least `share` of the prompt is in the recording, after `since`."""
    return listen_for(recording, prompt, since=since).share >= share


def tone_seconds(recording: Path, hz: float) -> float:
    """For how long a tone of this frequency was the loudest thing in the recording."""
    sound = read_wav(recording)
    size = RATE // 10
    frames = [sound[at : at + size] for at in range(0, len(sound) - size + 1, size)]
    return sum(_is_tone(frame, hz) for frame in frames) * size / RATE


def _is_tone(frame: Samples, hz: float) -> bool:
    energy = float(np.sum(frame * frame))
    if energy < len(frame) * _QUIET**2:
        return False
    wheel = np.exp(-2j * np.pi * hz * np.arange(len(frame)) / RATE)
    return bool(2 * abs(np.dot(frame, wheel)) ** 2 / len(frame) / energy > 0.5)


def _loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples * samples))) if len(samples) else 0.0


def _likeness_to(sound: Samples, length: int) -> Callable[[Samples], Samples]:
    """For parts of that length: normalised cross-correlation of one with every stretch of `sound` of its length."""
    size = 1 << (len(sound) + length - 1).bit_length()
    spectrum = np.fft.rfft(sound, size)
    count = len(sound) - length + 1
    sums = np.concatenate(([0.0], np.cumsum(sound * sound)))
    energy = np.maximum(sums[length:] - sums[:-length], length * _QUIET**2)

    def likeness(part: Samples) -> Samples:
        product = np.fft.irfft(spectrum * np.conj(np.fft.rfft(part, size)), size)
        result: Samples = product[:count] / np.sqrt(energy * np.sum(part * part))
        return result

    return likeness


def _peak_near(curve: Samples, at: int) -> float:
    slip = int(_SLIP_SECONDS * RATE)
    stretch = curve[max(0, at - slip) : max(0, at + slip)]
    return float(np.max(stretch)) if stretch.size else 0.0
