"""Real speech from espeak-ng, and the arithmetic that makes it telephone sound; measured with numpy."""

from __future__ import annotations

import asyncio
import importlib
import io
import re
import wave
from array import array
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.model import VoiceSpeed
from hardware.line import Answer, CallOffered, Prompt
from ivr import sound, voice
from ivr.intake import begin
from ivr.intake_state import OfficeFacts
from ivr.library import PromptLibrary, WavFile
from ivr.prompts import MUSIC, NO_VOICE, NOT_REVIEWED, Catalogue, spoken_tag
from ivr.sound import SoundError, telephone_wav, to_telephone_rate, wav_bytes, wav_duration
from ivr.voice import Voice, VoiceError, VoiceUnavailable
from tests.offices import standard_menu

CATALOGUE = Catalogue.load()
GREETING = "nb/intake.greeting"
SPOKEN = [language for language in CATALOGUE.languages if language not in NO_VOICE]
"""Languages with texts and a voice."""


@pytest.fixture(scope="module")
def spoken() -> Voice:
    return Voice()


@pytest.fixture(scope="module")
def rendered(spoken: Voice, speech_cache: Path) -> dict[str, WavFile]:
    """Every prompt of every language that has a voice, made once."""
    prompts = PromptLibrary(CATALOGUE, speech_cache, voice=spoken)
    asyncio.run(prompts.warm(SPOKEN))
    items = [item for language in SPOKEN for item in CATALOGUE.all_items(language) if item != MUSIC]
    return {item: found for item in items if (found := prompts.load(item)) is not None}


@pytest.fixture(scope="module")
def slowly(spoken: Voice, speech_cache: Path) -> dict[str, WavFile]:
    """Every other sentence of more than a few words in every language, said slowly."""
    prompts = PromptLibrary(CATALOGUE, speech_cache, voice=spoken)
    tags = [spoken_tag(language, VoiceSpeed.SLOW) for language in SPOKEN]
    items = [item for tag in tags for item in CATALOGUE.all_items(tag) if len(CATALOGUE.text(item)) > 15]
    return {item: found for item in items[::2] if (found := prompts.load(item)) is not None}


def samples(body: bytes) -> Any:
    with wave.open(io.BytesIO(body), "rb") as reader:
        return np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(float)


def speech_level(body: bytes) -> float:
    """dB below full scale, pauses left out."""
    heard = samples(body)
    frames = heard[: len(heard) // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(axis=1)
    return float(10 * np.log10(power[power > power.max() / 100].mean() / 32768**2))


def tone(hertz: float, seconds: float = 1.0, rate: int = 22050, peak: float = 12000) -> array[int]:
    wave_form = peak * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)
    return array("h", wave_form.astype(np.int16).tolist())


# ---- the sound of the catalogue -----------------------------------------------------------------


def test_every_prompt_is_spoken(rendered: dict[str, WavFile]) -> None:
    """All prompts of all languages have sound, made by the voice and kept on disk."""
    assert SPOKEN == ["nb", "ar", "en", "pl", "ru", "ti", "uk"]
    lacking = sum(len(CATALOGUE.missing(language)) for language in SPOKEN)
    assert len(rendered) == (len(CATALOGUE.ids) - 1) * len(SPOKEN) - lacking, "all but the music"
    assert {language for language in SPOKEN if CATALOGUE.missing(language)} == NOT_REVIEWED - NO_VOICE
    for item, wav in rendered.items():
        assert not wav.recorded, item
        assert wav.path is not None, item
        assert wav.path.read_bytes() == wav.body, item


def test_prompts_are_telephone_sound(rendered: dict[str, WavFile]) -> None:
    """Each prompt is an 8 kHz mono 16-bit PCM wav, as long as it says."""
    for item, wav in rendered.items():
        with wave.open(io.BytesIO(wav.body), "rb") as reader:
            shape = reader.getframerate(), reader.getnchannels(), reader.getsampwidth(), reader.getcomptype()
            assert shape == (8000, 1, 2, "NONE"), item
            assert wav.duration == timedelta(seconds=reader.getnframes() / 8000), item


def test_durations_are_those_of_speech(rendered: dict[str, WavFile]) -> None:
    """No prompt is longer than 20 s, and each takes about as long as its text would."""
    for item, wav in rendered.items():
        seconds = wav.duration.total_seconds()
        characters = len(re.sub("[0-9]", "seven", CATALOGUE.text(item)))  # a digit is said as a word
        assert seconds < 20, item
        assert 0.2 + 0.035 * characters < seconds + 0.1, item
        assert seconds < 0.75 + 0.12 * characters, item


@pytest.mark.parametrize("language", SPOKEN)
def test_the_greeting_comes_to_the_point(rendered: dict[str, WavFile], language: str) -> None:
    """Within 8 s of the answer the caller has heard "tast 1", its last words, after a pause. A tenth is for the line."""
    heard = samples(rendered[f"{language}/intake.greeting"].body)
    assert np.flatnonzero(heard)[-1] / 8000 <= 7.9
    quiet = np.abs(heard) < 150
    pauses = [
        run for run in np.split(np.arange(len(quiet)), np.flatnonzero(np.diff(quiet)) + 1) if quiet[run[0]]
    ]
    inside = [run for run in pauses if len(run) > 640 and run[-1] < len(heard) - 1]
    assert inside, "the comma before the last words is heard as a pause"


@pytest.mark.parametrize("language", ["nb", "en"])
@pytest.mark.parametrize("opened", [True, False])
def test_tast_1_within_8_seconds_of_the_answer(
    rendered: dict[str, WavFile], language: str, opened: bool
) -> None:
    """Open or closed, the first thing said after the answer ends with "tast 1", and ends in time; then the hours."""
    now = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)
    office = OfficeFacts(
        "9001", (language,), timedelta(seconds=5), opened, now if opened else now + timedelta(days=1),
        (now, now + timedelta(hours=2)), "+4773000010", None,
    )  # fmt: skip
    call = CallOffered("leg", "+4773000010", "+4740001234")
    _, (answer, prompt) = begin(call, office, standard_menu(), now)
    assert isinstance(answer, Answer)
    assert isinstance(prompt, Prompt)
    seconds, first = 0.0, next(i for i in prompt.items if CATALOGUE.text(i).endswith(" 1."))
    for item in prompt.items[: prompt.items.index(first)]:
        seconds += rendered[item].duration.total_seconds()
    seconds += np.flatnonzero(samples(rendered[first].body))[-1] / 8000
    assert seconds <= 7.9
    assert (f"{language}/intake.opens" in prompt.items) is not opened


def test_loudness_is_even_and_nothing_clips(rendered: dict[str, WavFile]) -> None:
    """Any two prompts differ by less than 1 dB in loudness, and the strongest peak is below full scale."""
    levels = [speech_level(wav.body) for wav in rendered.values()]
    assert max(levels) - min(levels) < 1.0
    assert -21 < float(np.median(levels)) < -19
    assert max(np.abs(samples(wav.body)).max() for wav in rendered.values()) < 32500


def test_prompts_begin_at_once_and_do_not_click(rendered: dict[str, WavFile]) -> None:
    """Speech starts within a fifth of a second, ends within half a second, and both edges are silent."""
    for item, wav in rendered.items():
        heard = np.abs(samples(wav.body))
        loud = np.flatnonzero(heard > 300)
        assert loud[0] < 1600, item
        assert len(heard) - loud[-1] < 4000, item
        assert heard[0] == 0, item
        assert heard[:4].max() < 0.05 * heard.max(), item
        assert heard[-160:].max() == 0, item


def test_slow_prompts_sound_as_good(slowly: dict[str, WavFile]) -> None:
    """Slow prompts are at most 20 s in every language, even, unclipped, and without clicks, as the normal ones are."""
    assert len(slowly) > len(SPOKEN) * 40
    levels = [speech_level(wav.body) for wav in slowly.values()]
    assert max(levels) - min(levels) < 1.0
    for item, wav in slowly.items():
        heard = np.abs(samples(wav.body))
        assert wav.duration < timedelta(seconds=20), item
        assert heard.max() < 32500, item
        assert heard[0] == heard[-160:].max() == 0, item
        assert heard[:4].max() < 0.05 * heard.max(), item


def test_slow_prompts_are_slower_by_the_same_measure(
    rendered: dict[str, WavFile], slowly: dict[str, WavFile]
) -> None:
    """Every slow sentence takes between 1.2 and 1.6 times as long as the normal one."""
    for item, wav in slowly.items():
        normal = rendered[item.replace(".slow/", "/")]
        assert 1.2 < wav.duration / normal.duration < 1.6, item


@pytest.mark.parametrize("language", SPOKEN)
def test_nothing_jumps_at_the_edges(rendered: dict[str, WavFile], language: str) -> None:
    """The first and the last millisecond of speech move by little from one sample to the next: nothing is cut off."""
    # Arabic: the breath after a final t is all high tones, and fades as fast
    most = 0.12 if language == "ar" else 0.08
    for item in (one for one in CATALOGUE.all_items(language) if one != MUSIC):
        heard = samples(rendered[item].body)
        assert np.abs(np.diff(heard[:9])).max() < most * np.abs(heard).max(), item
        last = int(np.flatnonzero(heard)[-1])
        assert np.abs(np.diff(heard[last - 7 : last + 2])).max() < most * np.abs(heard).max(), item


def test_other_texts_can_be_rendered(spoken: Voice) -> None:
    """The fall-back sounds of the exchange are made by the same voice, with no more than a language and a text."""
    body = spoken.render("nb", "Samtalen er slutt. Ha det bra.")
    assert timedelta(seconds=1) < wav_duration(body) < timedelta(seconds=4)


def test_a_slow_voice_is_slower(spoken: Voice) -> None:
    """Pace changes how long a text takes, and therefore what is cached."""
    slow = Voice(pace=0.75)
    text = CATALOGUE.text(GREETING)
    assert wav_duration(slow.render("nb", text)) > 1.15 * wav_duration(spoken.render("nb", text))
    assert slow.settings("nb") != spoken.settings("nb")
    with pytest.raises(ValueError, match="pace"):
        Voice(pace=9)


def test_languages_sound_different(spoken: Voice) -> None:
    """The same text is spoken by another voice in another language."""
    assert spoken.render("nb", "telefon nummer") != spoken.render("en", "telefon nummer")


def test_a_language_without_a_voice_is_refused(spoken: Voice) -> None:
    """South Sami and Somali have no synthetic voice: they need recordings. All other languages have one."""
    assert not any(spoken.speaks(language) for language in NO_VOICE)
    assert all(spoken.speaks(language) for language in SPOKEN)
    with pytest.raises(VoiceError, match="sma"):
        spoken.render("sma", "Buaris")


def test_threads_do_not_disturb_each_other(spoken: Voice) -> None:
    """Many threads that speak at once get what each would get alone, give or take espeak-ng's own variation."""
    items = [
        item for item in CATALOGUE.all_items("nb") if item.startswith(("nb/reason", "nb/closing", "nb/date"))
    ]

    def seconds(item: str) -> float:
        return wav_duration(spoken.render("nb", CATALOGUE.text(item))).total_seconds()

    alone = [seconds(item) for item in items]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(seconds, items))
    assert together == pytest.approx(alone, abs=0.08)
    assert max(alone) - min(alone) > 1


def test_without_the_extra_we_are_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing espeakng-loader is one clear error."""

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(voice, "_engine", voice._Engine)
    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(VoiceUnavailable, match=r"pip install 'tast1\[speech\]'"):
        Voice()


# ---- the arithmetic -----------------------------------------------------------------------------


@pytest.mark.parametrize(("hertz", "low", "high"), [(300, -0.5, 0.5), (1000, -0.5, 0.5), (3000, -1.5, 0.5)])
def test_the_telephone_band_passes(hertz: int, low: float, high: float) -> None:
    """A tone in the telephone band keeps its strength and its pitch."""
    heard = np.array(to_telephone_rate(tone(hertz)))[400:-400].astype(float)
    gain = 20 * np.log10(np.sqrt((heard**2).mean()) / (12000 / np.sqrt(2)))
    assert low < gain < high
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    pitch = np.fft.rfftfreq(len(heard), 1 / 8000)[spectrum.argmax()]
    assert abs(pitch - hertz) < 0.004 * hertz + 2


@pytest.mark.parametrize("hertz", [4600, 5500, 7000, 10000])
def test_what_a_telephone_cannot_carry_is_not_folded_down(hertz: int) -> None:
    """A tone above the band is at least 40 dB weaker, instead of coming back as another tone."""
    heard = np.array(to_telephone_rate(tone(hertz)))[400:-400].astype(float)
    assert np.sqrt((heard**2).mean()) < 12000 / np.sqrt(2) / 100


@pytest.mark.parametrize("extreme", [-32768, 32767])
def test_the_filter_bears_the_strongest_samples(extreme: int) -> None:
    """Full-scale input comes out at full scale: no lane of the packed arithmetic spills into the next."""
    heard = np.array(to_telephone_rate(array("h", [extreme] * 4000)))[100:-100]
    assert np.abs(heard - extreme).max() <= 1
    noise = np.random.default_rng(1).choice([-32768, 32767], 4000)
    heard = np.array(to_telephone_rate(array("h", noise.tolist())))
    taps = np.array(sound._FILTER[0])
    padded = np.concatenate([np.zeros(24), noise, np.zeros(100)])
    exact = [int(padded[at : at + 48] @ taps) >> 14 for at in range(0, 4000, 11)]
    assert heard[::4][: len(exact)].tolist() == np.clip(exact, -32768, 32767).tolist()


@pytest.mark.parametrize("speech", [array("h"), array("h", [0] * 500), array("h", [7]), tone(440, 0.01)])
def test_next_to_nothing_is_still_a_wav(speech: array[int]) -> None:
    """Silence and very short sounds are made into a file with its pause."""
    assert wav_duration(telephone_wav(speech, timedelta(milliseconds=100))) >= timedelta(milliseconds=100)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x24\x00\x00\x00WAVEfmt ", wav_bytes(array("h"))])
def test_broken_sound_files_are_refused(content: bytes) -> None:
    """Whatever is in a recording, it is either telephone sound or a SoundError."""
    with pytest.raises(SoundError):
        wav_duration(content)
