"""Speech from espeak-ng, called through ctypes: text in, telephone wav out.

espeak-ng is an optional extra (GPL-3), found at run time. It is one global machine per process and not thread safe:
every word goes through one lock. Rendering takes milliseconds and blocks, so never call it on the event loop.
"""

from __future__ import annotations

import ctypes
import importlib
import re
import threading
from array import array
from datetime import timedelta
from functools import cache
from typing import Any

from config.model import VoiceSpeed
from ivr.prompts import PromptError, bare_language, pause_after, speed_of
from ivr.sound import SPEECH_RATE, telephone_wav

_SYNCHRONOUS, _DO_NOT_EXIT = 2, 0x8000
_UTF8 = 1
_RATE_PARAMETER = 1
_LONGEST_PATH = 150
"""espeak-ng keeps the path to its data in a short fixed buffer."""

_VOICES = {
    "nb": ("nb", 178),
    "en": ("en", 160),
    "uk": ("uk", 220),
    "ar": ("ar", 185),
    "ru": ("ru", 160),
    "pl": ("pl", 170),
    "ti": ("ti", 230),
}
"""Our language -> espeak-ng's voice and its nominal words a minute, slower than its own 175: many callers are learning
the language. Its 178 is about 135 real words of Norwegian; where its words are longer or the voice slower, the number
is higher, so that a prompt takes about as long. A language that is not here needs recordings (prompts.NO_VOICE)."""
_SLOW_PACE = 0.7
"""A slow tag, such as `nb.slow`: about 115 words a minute nominally."""
_VERSION = 1
"""Raise it when the sound changes, so that cached prompts are made anew."""

_TENS = ("tjue", "tretti", "førti", "femti", "seksti", "sytti", "åtti", "nitti")
_RESPELLED = {
    "nb": {
        "deg": "dei",
        "igjen": "i jenn",
        "meg": "mei",
        "nummeret": "nummere",
        "og": "å",
        "sytten": "søtten",
        "syttende": "søttende",
        "telefonnummeret": "telefonnummere",
        **{f"{tens}en": f"{tens} én" for tens in _TENS},
    }
}
"""Words that espeak-ng says wrong, spelled so that it says them right. Only ever heard, never shown."""
_WORD = re.compile(r"\w+")

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class VoiceError(PromptError):
    """The text could not be spoken."""


class VoiceUnavailable(VoiceError):
    """There is no speech on this machine; the message says what to install."""


class _Engine:
    """The one espeak-ng of this process."""

    def __init__(self) -> None:
        try:
            loader = importlib.import_module("espeakng_loader")
            self._library = ctypes.CDLL(loader.get_library_path())
            data = str(loader.get_data_path())
        except (ImportError, OSError, RuntimeError) as error:
            raise VoiceUnavailable(
                f"no speech: install it with pip install 'tast1[speech]', or record every prompt ({error})"
            ) from error
        if len(data.encode()) > _LONGEST_PATH:
            raise VoiceUnavailable(f"no speech: espeak-ng cannot read data from a path this long: {data}")
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DO_NOT_EXIT)
        if rate != SPEECH_RATE:
            raise VoiceUnavailable(f"no speech: espeak-ng did not start from {data} (it answered {rate})")
        self._heard = bytearray()
        self._callback: Any = _Callback(self._hear)  # kept: ctypes does not keep it for us
        self._library.espeak_SetSynthCallback(self._callback)
        self._lock = threading.Lock()

    def _hear(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._heard += ctypes.string_at(samples, 2 * count)
        return 0

    def say(self, voice: str, text: str, words_a_minute: int) -> array[int]:
        """Raw samples at SPEECH_RATE."""
        data = text.encode()
        with self._lock:
            self._heard.clear()
            failed = (
                self._library.espeak_SetVoiceByName(voice.encode())
                or self._library.espeak_SetParameter(_RATE_PARAMETER, words_a_minute, 0)
                or self._library.espeak_Synth(
                    data, ctypes.c_size_t(len(data) + 1), 0, 0, 0, _UTF8, None, None
                )
            )
            samples = array("h", bytes(self._heard))
        if failed or not samples:
            raise VoiceError(
                f"espeak-ng could not say {text!r} with the voice {voice!r} (it answered {failed})"
            )
        return samples


@cache
def _engine() -> _Engine:
    return _Engine()


class Voice:
    """A synthetic voice at one pace, for every language espeak-ng has."""

    def __init__(self, pace: float = 1.0) -> None:
        """`pace`: 1.0 is normal, 0.8 slow. Raises VoiceUnavailable, ValueError."""
        if not 0.5 <= pace <= 1.5:
            raise ValueError(f"pace must be between 0.5 and 1.5, not {pace}")
        self._pace = pace
        self._engine = _engine()

    def speaks(self, language: str) -> bool:
        return bare_language(language) in _VOICES

    def settings(self, language: str) -> str:
        """All that decides how a text in `language` sounds; part of the key of cached prompts."""
        bare = bare_language(language)
        respelled = sorted(_RESPELLED.get(bare, {}).items())
        return f"{_VERSION} {_VOICES.get(bare)} {self._pace_of(language)} {respelled}"

    def render(self, language: str, text: str, pause: timedelta | None = None) -> bytes:
        """A wav file, 8 kHz mono 16-bit, in a language or a slow tag, ending with `pause` (default: what the punctuation asks for).

        Blocks for some milliseconds; safe from any thread. Raises VoiceError."""
        bare = bare_language(language)
        if bare not in _VOICES:
            raise VoiceError(f"no voice speaks {bare!r}; its prompts need recordings")
        voice, words_a_minute = _VOICES[bare]
        respelled = _RESPELLED.get(bare, {})
        spoken = _WORD.sub(lambda word: respelled.get(word[0].lower(), word[0]), text)
        samples = self._engine.say(voice, spoken, round(words_a_minute * self._pace_of(language)))
        return telephone_wav(samples, pause_after("", text) if pause is None else pause)

    def _pace_of(self, language: str) -> float:
        return self._pace * _SLOW_PACE if speed_of(language) is VoiceSpeed.SLOW else self._pace
