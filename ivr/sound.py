"""Turns raw speech into telephone sound: 8 kHz mono 16-bit, trimmed, evenly loud, without clicks.

Pure arithmetic on sample arrays, with the standard library only (numpy would be 60 MB for one filter, and the
standard `audioop` is gone from Python 3.13). It never reads files and never knows what is said.
"""

from __future__ import annotations

import io
import math
import wave
from array import array
from collections.abc import Sequence
from datetime import timedelta
from operator import mul

RATE = 8000
"""Samples a second on the telephone."""
SPEECH_RATE = 22050
"""Samples a second from espeak-ng."""
LOUDNESS = -20.0
"""Loudness of the speech itself, pauses left out, in dB below full scale."""

_STEP, _PHASES = 11, 4
"""22050 Hz * 4/11 = 8018 Hz, played as 8000: 0.2 % slower than spoken, which nobody hears."""
_TAPS = 48
_CUTOFF = 3600.0
_SCALE = 14
"""Filter taps are whole numbers of 1/2**14."""
_MIDDLE = 1 << 15
"""Samples are raised by this while packed, so that none is negative."""
_BIAS = 1 << 30
"""Keeps a filtered lane between 0 and 2**32, so that none borrows from or spills into its neighbour."""
_FRAME = RATE // 50
_QUIET = 60
"""A sample weaker than this (-55 dB) at either end is silence."""
_FADE = RATE // 200
_MARGIN = 2 * _FADE
_PEAK = 32000.0
_LEVEL_ENOUGH = 1.0
"""A recording this many dB from LOUDNESS is left as it is."""
_MOST_GAIN = 20.0
"""A weaker recording is not raised more than this many dB: it would mostly be noise."""


class SoundError(ValueError):
    """Not a telephone sound: wav, 8 kHz, mono, 16-bit PCM."""


def telephone_wav(speech: Sequence[int], pause: timedelta) -> bytes:
    """Raw speech at 22050 Hz -> a wav file that ends with `pause` of silence."""
    samples = evenly_loud(trimmed(to_telephone_rate(speech)))
    return wav_bytes(samples + array("h", bytes(2 * int(pause.total_seconds() * RATE))))


def _filter_taps() -> tuple[tuple[int, ...], ...]:
    """For each phase the taps of a low-pass (Blackman-windowed sinc) that also interpolates."""
    rows = []
    for phase in range(_PHASES):
        at = (_TAPS - 1) / 2 + (phase * _STEP % _PHASES) / _PHASES - 0.5
        row = [_tap(place - at) for place in range(_TAPS)]
        gain = (1 << _SCALE) / sum(row)
        whole = [round(tap * gain) for tap in row]
        whole[_TAPS // 2] += (1 << _SCALE) - sum(whole)
        rows.append(tuple(whole))
    return tuple(rows)


def _tap(offset: float) -> float:
    width = 2 * _CUTOFF / SPEECH_RATE
    turn = 2 * math.pi * offset / (_TAPS + 1)
    window = 0.42 + 0.5 * math.cos(turn) + 0.08 * math.cos(2 * turn)
    sinc = 1.0 if offset == 0 else math.sin(math.pi * width * offset) / (math.pi * width * offset)
    return window * sinc


_FILTER = _filter_taps()


def to_telephone_rate(speech: Sequence[int]) -> array[int]:
    """22050 Hz -> 8000 Hz, with nothing above 4 kHz folded down.

    Every fourth output sample needs the same taps. So samples 11 apart are packed side by side, 32 bits each, into one
    big integer; a tap times that integer filters all of them in one multiplication, many times faster than a loop."""
    rounds = len(speech) // _STEP + 1
    reach = _TAPS + _STEP
    lanes = rounds + reach // _STEP
    raised = array("I", [_MIDDLE]) * (_TAPS // 2)
    raised.frombytes(_widened(_flipped("H", array("h", speech)), 4))
    raised.extend(array("I", [_MIDDLE]) * (lanes * _STEP - len(raised)))
    first = [_packed(raised[place::_STEP]) for place in range(_STEP)]
    packed = [first[place % _STEP] >> place // _STEP * 32 for place in range(reach)]
    biases = _packed(array("I", [_BIAS]) * rounds)
    out = array("h", bytes(2 * rounds * _PHASES))
    for phase, taps in enumerate(_FILTER):
        start = phase * _STEP // _PHASES
        total = sum(map(mul, packed[start : start + _TAPS], taps), biases)
        out[phase::_PHASES] = _unpacked(total, rounds)
    return out


def _unpacked(total: int, rounds: int) -> array[int]:
    """Lanes that hold a sample, _MIDDLE and _BIAS, as 16-bit samples; clipped only where needed."""
    lanes = total >> _SCALE & _packed(array("I", [(1 << 32 - _SCALE) - 1]) * rounds)
    halves = array("H", lanes.to_bytes(4 * rounds, "little"))
    low, high = halves[::2], halves[1::2]
    if high != array("H", [1]) * rounds:  # 1 is _BIAS: the rest fits in 16 bits
        pairs = zip(low, high, strict=True)
        low = array("H", [place if over == 1 else over and 0xFFFF for place, over in pairs])
    return _flipped("h", low)


def _flipped(kind: str, samples: array[int]) -> array[int]:
    """Raised by _MIDDLE, or lowered by it, from signed to unsigned and back: that is the top bit turned over."""
    bits = int.from_bytes(samples.tobytes(), "little") ^ int.from_bytes(b"\x00\x80" * len(samples), "little")
    return array(kind, bits.to_bytes(2 * len(samples), "little"))


def _widened(samples: array[int], size: int) -> bytearray:
    """Each in so many bytes, the lowest first."""
    narrow, wide = samples.tobytes(), bytearray(size * len(samples))
    wide[::size], wide[1::size] = narrow[::2], narrow[1::2]
    return wide


def _packed(lanes: array[int]) -> int:
    return int.from_bytes(lanes.tobytes(), "little")


def trimmed(samples: array[int]) -> array[int]:
    """Without the silence at either end."""
    first = next((place for place, sample in enumerate(samples) if abs(sample) > _QUIET), None)
    if first is None:
        return array("h")
    last = len(samples) - next(
        place for place, sample in enumerate(reversed(samples)) if abs(sample) > _QUIET
    )
    return samples[max(0, first - _MARGIN) : last + _MARGIN]


def loudness(samples: Sequence[int]) -> float:
    """dB below full scale of the speech: frames more than 20 dB under the loudest are pauses and left out."""
    frames = [samples[at : at + _FRAME] for at in range(0, len(samples), _FRAME)]
    powers = [sum(map(mul, frame, frame)) / len(frame) for frame in frames]
    if not powers or max(powers) == 0:
        return -math.inf
    pause = max(powers) / 100
    spoken = [power for power in powers if power > pause]
    return 10 * math.log10(sum(spoken) / len(spoken) / 32768**2)


def evenly_loud(samples: array[int]) -> array[int]:
    """At LOUDNESS, or below it if the peaks would clip; faded in and out so that the edges do not click."""
    level = loudness(samples)
    if math.isinf(level):
        return samples
    out = _amplified(samples, 10 ** ((LOUDNESS - level) / 20))
    for place in range(min(_FADE, len(out) // 2)):
        out[place] = out[place] * place // _FADE
        out[-1 - place] = out[-1 - place] * place // _FADE
    return out


def levelled(body: bytes, target: float = LOUDNESS) -> bytes:
    """A telephone wav at so many dB, or below it if the peaks would clip; nothing else about it is changed.

    Raises SoundError."""
    samples = wav_samples(body)
    level = loudness(samples)
    if math.isinf(level) or abs(level - target) < _LEVEL_ENOUGH:
        return body
    return wav_bytes(at_loudness(samples, target))


def at_loudness(samples: array[int], target: float) -> array[int]:
    """So many dB below full scale; what is not silent is raised by _MOST_GAIN at most."""
    return _amplified(samples, 10 ** (min(target - loudness(samples), _MOST_GAIN) / 20))


def _amplified(samples: array[int], gain: float) -> array[int]:
    """So many times as loud, or less if the peaks would clip. One multiplication, as in `to_telephone_rate`."""
    lowest, highest = min(samples), max(samples)
    scale = int(min(gain, _PEAK / max(-lowest, highest)) * 4096)
    raised = int.from_bytes(_widened(_flipped("H", samples), 8), "little") * scale >> 12
    lowered = raised + _packed(array("Q", [-(_MIDDLE * scale >> 12) % (1 << 16)]) * len(samples))
    return array("h", lowered.to_bytes(8 * len(samples), "little"))[::4]


def wav_bytes(samples: array[int]) -> bytes:
    """Samples at 8 kHz -> a wav file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def wav_duration(body: bytes) -> timedelta:
    """Length of a telephone wav. Raises SoundError saying what is wrong with it."""
    return timedelta(seconds=len(wav_samples(body)) / RATE)


def wav_samples(body: bytes) -> array[int]:
    """The sound of a telephone wav. Raises SoundError saying what is wrong with it."""
    try:
        with wave.open(io.BytesIO(body), "rb") as reader:
            found = (reader.getframerate(), reader.getnchannels(), reader.getsampwidth() * 8)
            content = reader.readframes(reader.getnframes())
    except (wave.Error, EOFError) as error:
        raise SoundError(f"is not a PCM wav file ({error})") from error
    if found != (RATE, 1, 16):
        raise SoundError(
            "is {} Hz, {} channel(s), {} bit; it must be 8000 Hz, 1 channel, 16 bit".format(*found)
        )
    samples = array("h", content[: len(content) // 2 * 2])
    if not samples:
        raise SoundError("has no sound in it")
    return samples
