"""The sound of every prompt: a recording where there is one, else speech made once and kept on disk.

It must never fail towards a call: what cannot be played is None, and `problems()` says why.
Recordings are `<recordings>/<language>/<prompt id>.wav` and may be added, changed or taken away at any time.
A slow item (`nb.slow/...`) is its slow recording, else its normal recording, else slow speech.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from hardware.line import PromptInfo
from ivr.music import LOUDNESS as MUSIC_LOUDNESS
from ivr.music import SETTINGS as MUSIC_SETTINGS
from ivr.music import music_wav
from ivr.prompts import (
    BASE_LANGUAGE,
    OWN,
    Catalogue,
    UnknownPrompt,
    bare_language,
    is_music,
    pause_after,
    speed_of,
    split_item,
    spoken_tag,
)
from ivr.sound import LOUDNESS, SoundError, levelled, wav_duration
from ivr.voice import Voice, VoiceError

log = structlog.get_logger(__name__)

Stamp = tuple[int, int] | str | None
_LANGUAGE = re.compile(r"[a-z]{2,3}(\.slow)?")
_CACHE = "cache"
"""Stands for the folder of made prompts among the failures."""
_PER_CHARACTER = timedelta(milliseconds=70)
"""Speech as long as this per character, for prompts that were not made yet."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a sound can come from."""

    item: str
    recorded: bool


class ProblemKind(StrEnum):
    NO_VOICE = "no_voice"
    """No synthetic voice speaks the language, and not all of it is recorded: the rest is heard in bokmål."""
    NO_SPEECH = "no_speech"
    """There is no speech on this machine, and not all is recorded."""
    NOT_SPOKEN = "not_spoken"
    """The voice failed on a prompt."""
    NOT_KEPT = "not_kept"
    """What is made cannot be written to disk."""
    BAD_RECORDING = "bad_recording"
    STRAY_RECORDING = "stray_recording"
    """A recording with a name that no prompt has."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that somebody can do something about."""

    kind: ProblemKind
    text: str
    """In English, with every detail."""
    name: str = ""
    """The language, the prompt, or the recording as `language/file`."""
    count: int = 1
    """Of prompts."""


@dataclass(frozen=True, slots=True)
class WavFile:
    """One prompt as telephone sound, made evenly loud with the others."""

    body: bytes
    etag: str
    """Strong, with its quotes; another sound has another etag."""
    duration: timedelta
    path: Path | None
    """The recording as it lies there, or the cached file; None when the cache could not be written."""
    recorded: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """A sound in memory, and how its recording looked on disk when read, or which words are spoken."""

    wav: WavFile
    stamp: Stamp


class PromptLibrary:
    """Finds, makes and keeps the sound of prompts. Safe from any thread."""

    def __init__(
        self,
        catalogue: Catalogue,
        cache_dir: Path,
        recordings_dir: Path | None = None,
        voice: Voice | None = None,
    ) -> None:
        self.catalogue = catalogue
        self._cache_dir = cache_dir
        self._recordings_dir = recordings_dir
        self._voice = voice
        self._kept: dict[str, _Kept] = {}
        self._sounds: dict[Source, _Kept] = {}
        self._bad_recordings: dict[Path, tuple[tuple[int, int], str]] = {}
        self._failures: dict[str, str] = {}
        self._lock = threading.Lock()

    def use_own(self, own: Mapping[str, Mapping[str, str]]) -> None:
        """The offices' own prompts from now on (language -> id -> words), in place of those there were."""
        self.catalogue = self.catalogue.with_own(own)
        for item in [item for item in self._failures if f"/{OWN}" in item]:
            self._failures.pop(item, None)

    # ---- for calls ------------------------------------------------------------------------------

    async def wav(self, item: str) -> WavFile | None:
        """The sound of an item, made now if need be; None if there is none or no such prompt. Never raises."""
        kept = self._fresh(item)
        return kept if kept is not None else await asyncio.to_thread(self.load, item)

    async def wav_path(self, item: str) -> Path | None:
        """A file with the sound of an item. Never raises."""
        wav = await self.wav(item)
        return wav.path if wav else None

    def info(self, item: str) -> PromptInfo:
        """Words and length; the length is a guess for what was not made yet. Raises UnknownPrompt."""
        text = self.catalogue.text(item)
        kept = self._fresh(item)
        return PromptInfo(text=text, duration=kept.duration if kept else len(text) * _PER_CHARACTER)

    # ---- making sounds --------------------------------------------------------------------------

    def load(self, item: str) -> WavFile | None:
        """As `wav`, but blocks."""
        with self._lock:
            kept = self._fresh(item)
            if kept is not None:
                return kept
            for source in self._sources(item):
                found = self._sound(source)
                if found is not None:
                    self._kept[item] = found
                    return found.wav
        return None

    def find(self, item: str) -> tuple[Source, timedelta | None] | None:
        """Where the sound of an item comes from, and its length unless it is not made yet; None if it is silent.

        Makes no speech. Blocks: it may read files."""
        with self._lock:
            for source in self._sources(item):
                if source.recorded:
                    sound = self._sound(source)
                    if sound is not None:
                        return source, sound.wav.duration
                elif self._can_say(source.item):
                    made = self._made(source.item, self._text(source.item) or "")
                    return source, made.duration if made else None
        return None

    async def warm(self, languages: Iterable[str]) -> None:
        """Make every prompt of these languages, one by one in a thread; sentences before small words."""
        for language in languages:
            for prompt_id in sorted(self.catalogue.ids, key=lambda prompt_id: prompt_id[-1].isdigit()):
                await self.wav(f"{language}/{prompt_id}")

    def _sources(self, item: str, *, fall_back: bool = True) -> Iterator[Source]:
        """Best first."""
        try:
            language, prompt_id = split_item(item)
        except UnknownPrompt:
            return
        if prompt_id not in self.catalogue or not _LANGUAGE.fullmatch(language):
            return
        own = bare_language(language)
        for bare in (own, BASE_LANGUAGE) if fall_back and own != BASE_LANGUAGE else (own,):
            tag = spoken_tag(bare, speed_of(language))
            for recorded_in in dict.fromkeys((tag, bare)):
                yield Source(f"{recorded_in}/{prompt_id}", recorded=True)
            yield Source(f"{tag}/{prompt_id}", recorded=False)

    def _fresh(self, item: str) -> WavFile | None:
        """The sound in memory, unless its words have changed, or a recording has come, changed or gone since."""
        kept = self._kept.get(item)
        if kept is None:
            return None
        return kept.wav if kept.stamp == self._stamp_now(item) else None

    def _stamp_now(self, item: str) -> Stamp:
        """How the recording that should be playing now looks on disk, or the words that should be spoken."""
        for source in self._sources(item):
            if not source.recorded:
                if self._can_say(source.item):
                    return self._text(source.item)
                continue
            path = self._recording_path(source.item)
            stamp = _stamp(path)
            if path is not None and stamp is not None and self._bad_recordings.get(path, (None,))[0] != stamp:
                return stamp
        return None

    def _sound(self, source: Source) -> _Kept | None:
        """One copy for all that play it."""
        known = self._sounds.get(source)
        if known is not None and known.stamp == self._stamp_of(source):
            return known
        found = self._recording(source.item) if source.recorded else self._speech(source.item)
        if found is not None:
            self._sounds[source] = found
        else:
            self._sounds.pop(source, None)
        return found

    def _stamp_of(self, source: Source) -> Stamp:
        if source.recorded:
            return _stamp(self._recording_path(source.item))
        return self._text(source.item)

    def _text(self, item: str) -> str | None:
        """What it says; None for one that another thread has taken away just now."""
        try:
            return self.catalogue.text(item)
        except UnknownPrompt:
            return None

    def _recording_path(self, item: str) -> Path | None:
        if self._recordings_dir is None:
            return None
        language, prompt_id = split_item(item)
        return self._recordings_dir / language / f"{prompt_id}.wav"

    def _recording(self, item: str) -> _Kept | None:
        path = self._recording_path(item)
        stamp = _stamp(path)
        if path is None or stamp is None:
            return None
        if self._bad_recordings.get(path, (None,))[0] == stamp:
            return None
        try:
            level = MUSIC_LOUDNESS if is_music(path.stem) else LOUDNESS
            wav = _wav_file(levelled(path.read_bytes(), level), path, recorded=True)
        except (OSError, SoundError) as error:
            self._bad_recordings[path] = (stamp, f"the recording {path} {error}")
            log.warning("recording_refused", prompt=item, why=str(error))
            return None
        self._bad_recordings.pop(path, None)
        return _Kept(wav, stamp)

    def _can_say(self, item: str) -> bool:
        language, prompt_id = split_item(item)
        has_text = self.catalogue.resolve(*split_item(item)) == item
        spoken = self._voice is not None and self._voice.speaks(language)
        return has_text and (spoken or is_music(prompt_id)) and item not in self._failures

    def _speech(self, item: str) -> _Kept | None:
        text = self._text(item)
        if text is None or not self._can_say(item):
            return None
        language, prompt_id = split_item(item)
        made = self._made(item, text)
        if made is not None:
            return _Kept(made, text)
        try:
            body = music_wav() if is_music(prompt_id) else self._render(language, prompt_id, text)
        except VoiceError as error:
            self._failures[item] = str(error)
            log.warning("prompt_not_spoken", prompt=item, why=str(error))
            return None
        return _Kept(_wav_file(body, self._write(self._speech_path(item, text), body), recorded=False), text)

    def _render(self, language: str, prompt_id: str, text: str) -> bytes:
        assert self._voice is not None, "nothing else can say it"
        return self._voice.render(language, text, pause_after(prompt_id, text))

    def _made(self, item: str, text: str) -> WavFile | None:
        """Speech that is on disk; None when it was not made yet, or is damaged."""
        path = self._speech_path(item, text)
        try:
            return _wav_file(path.read_bytes(), path, recorded=False)
        except (OSError, SoundError):
            return None

    def _speech_path(self, item: str, text: str) -> Path:
        language, prompt_id = split_item(item)
        settings = self._voice.settings(language) if self._voice is not None else ""
        if is_music(prompt_id):
            settings = MUSIC_SETTINGS
        key = f"{settings}\n{pause_after(prompt_id, text)}\n{text}"
        return self._cache_dir / language / f"{prompt_id}.{hashlib.sha256(key.encode()).hexdigest()[:16]}.wav"

    def _write(self, path: Path, body: bytes) -> Path | None:
        """Whole or not at all: a reader never sees half a file."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(body)
                Path(name).replace(path)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            self._failures[_CACHE] = f"made prompts cannot be kept in {self._cache_dir}: {error}"
            log.warning("prompt_not_cached", path=str(path), why=str(error))
            return None
        self._failures.pop(_CACHE, None)
        return path

    # ---- for the check --------------------------------------------------------------------------

    def synthetic(self, language: str) -> list[str]:
        """Items that `language` has no usable recording of. Blocks: it reads every recording."""
        items = (f"{language}/{prompt_id}" for prompt_id in self.catalogue.ids)
        with self._lock:
            return [item for item in items if not self._is_recorded(item)]

    def _is_recorded(self, item: str) -> bool:
        own = self._sources(item, fall_back=False)
        return any(source.recorded and self._sound(source) is not None for source in own)

    def spoken(self, language: str) -> list[str]:
        """Items of `language` that the synthetic voice says. Blocks: it reads every recording."""
        return [item for item in self.synthetic(language) if self._can_say(item)]

    def problems(self, languages: Iterable[str] = (BASE_LANGUAGE,)) -> list[Problem]:
        """What callers in these languages would miss. What has no text in a language is said in bokmål, and is no
        problem. Blocks: it reads every recording."""
        found = [problem for language in dict.fromkeys(languages) for problem in self._problems_of(language)]
        found += [
            Problem(ProblemKind.BAD_RECORDING, why, _recording_name(path))
            for path, (stamp, why) in list(self._bad_recordings.items())
            if _stamp(path) == stamp
        ]
        return found + self._stray_recordings() + self._failed()

    def _failed(self) -> list[Problem]:
        kept = ProblemKind.NOT_KEPT
        return [
            Problem(kept, why) if item == _CACHE else Problem(ProblemKind.NOT_SPOKEN, f"{item}: {why}", item)
            for item, why in self._failures.items()
        ]

    def _problems_of(self, language: str) -> Iterator[Problem]:
        """One at most."""
        if self._voice is not None and self._voice.speaks(language):
            return
        own = set(self.catalogue.all_items(language))
        silent = [item for item in self.synthetic(language) if item in own or not own]
        if not silent:
            return
        if self._voice is None:
            kind, why = ProblemKind.NO_SPEECH, "there is no speech on this machine"
        else:
            kind, why = ProblemKind.NO_VOICE, f"no synthetic voice speaks {bare_language(language)}"
        in_base = bare_language(language) == BASE_LANGUAGE
        instead = "are silent" if in_base else f"are heard in {BASE_LANGUAGE}, if at all"
        text = f"{len(silent)} prompts in {language} {instead}: they are not recorded and {why} (first: {silent[0]})"
        yield Problem(kind, text, language, len(silent))

    def _stray_recordings(self) -> list[Problem]:
        if self._recordings_dir is None:
            return []
        return [
            Problem(
                ProblemKind.STRAY_RECORDING,
                f"{file} is never played: no prompt has that id",
                _recording_name(file),
            )
            for file in sorted(self._recordings_dir.glob("*/*.wav"))
            if file.stem not in self.catalogue
        ]


def _recording_name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _stamp(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _wav_file(body: bytes, path: Path | None, *, recorded: bool) -> WavFile:
    """Raises SoundError."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return WavFile(body, etag, wav_duration(body), path, recorded)
