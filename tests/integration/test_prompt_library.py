"""The library of prompts and how it is served: recordings, kept speech, fall-backs, etags."""

from __future__ import annotations

import asyncio
import os
import wave
from array import array
from datetime import timedelta
from pathlib import Path

import pytest

from ivr import library as library_module
from ivr.library import ProblemKind, PromptLibrary
from ivr.prompts import Catalogue, UnknownPrompt
from ivr.serve import serve
from ivr.sound import levelled, loudness, wav_bytes, wav_samples
from ivr.voice import Voice, VoiceError

CATALOGUE = Catalogue.load()
GREETING = "nb/intake.greeting"


@pytest.fixture(scope="module")
def spoken() -> Voice:
    return Voice()


@pytest.fixture
def prompts(tmp_path: Path, spoken: Voice) -> PromptLibrary:
    return PromptLibrary(CATALOGUE, tmp_path / "cache", tmp_path / "recordings", spoken)


def buzz(seconds: float) -> bytes:
    return wav_bytes(array("h", [9000, -9000] * int(4000 * seconds)))


def record(tmp_path: Path, item: str, seconds: float = 0.5) -> Path:
    path = tmp_path / "recordings" / f"{item}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buzz(seconds))
    return path


# ---- the library --------------------------------------------------------------------------------


async def test_a_recording_wins(prompts: PromptLibrary, tmp_path: Path) -> None:
    """A recording is played instead of speech, from the moment it is there until it is taken away."""
    speech = await prompts.wav(GREETING)
    path = record(tmp_path, GREETING)
    recording = await prompts.wav(GREETING)
    assert recording is not None
    assert recording.body == levelled(path.read_bytes())
    assert recording.path == path
    assert recording.recorded
    assert prompts.info(GREETING).duration == timedelta(seconds=0.5)
    path.unlink()
    assert await prompts.wav(GREETING) == speech


async def test_recordings_are_played_as_loud_as_speech(prompts: PromptLibrary, tmp_path: Path) -> None:
    """Loud and soft recordings are levelled, one that is right is left untouched, and noise is not blown up."""
    at_20_db = round(32768 / 10)
    for name, peak in (("goodbye", 30000), ("choices", 800), ("promise", at_20_db), ("registered", 20)):
        path = record(tmp_path, f"nb/intake.{name}")
        path.write_bytes(wav_bytes(array("h", [peak, -peak] * 4000)))
    levels = {}
    for name in ("goodbye", "choices", "promise", "registered"):
        found = await prompts.wav(f"nb/intake.{name}")
        assert found is not None
        assert found.recorded
        assert found.duration == timedelta(seconds=1)
        levels[name] = loudness(wav_samples(found.body))
    assert [levels[name] for name in ("goodbye", "choices", "promise")] == pytest.approx([-20] * 3, abs=0.1)
    assert levels["registered"] == pytest.approx(-44.3, abs=0.5)
    kept = await prompts.wav("nb/intake.promise")
    assert kept is not None
    assert kept.path is not None
    assert kept.body == kept.path.read_bytes()


async def test_peaks_of_a_soft_recording_do_not_clip(prompts: PromptLibrary, tmp_path: Path) -> None:
    """A soft recording with one strong peak is raised only as far as the peak bears."""
    samples = array("h", [500, -500] * 8000)
    samples[100] = 15000
    record(tmp_path, GREETING).write_bytes(wav_bytes(samples))
    found = await prompts.wav(GREETING)
    assert found is not None
    assert 31900 < max(wav_samples(found.body)) <= 32000


# ---- slow prompts -------------------------------------------------------------------------------


async def test_a_slow_prompt_is_the_best_there_is(prompts: PromptLibrary, tmp_path: Path) -> None:
    """Slow recording before normal recording before slow speech; each takes over at once when it comes or goes."""
    slow = GREETING.replace("nb/", "nb.slow/")
    speech, normal = await prompts.wav(slow), await prompts.wav(GREETING)
    assert speech is not None
    assert normal is not None
    assert 1.3 < speech.duration / normal.duration < 1.55
    assert speech.path is not None
    assert speech.path.parent.name == "nb.slow"
    own = record(tmp_path, GREETING)
    assert await prompts.wav(slow) is await prompts.wav(GREETING)
    assert (await prompts.wav(slow) or pytest.fail("silent")).path == own
    variant = record(tmp_path, slow, seconds=0.7)
    assert (await prompts.wav(slow) or pytest.fail("silent")).path == variant
    assert (await prompts.wav(GREETING) or pytest.fail("silent")).path == own
    assert slow not in prompts.synthetic("nb.slow")
    variant.unlink()
    own.unlink()
    assert await prompts.wav(slow) == speech
    assert slow in prompts.synthetic("nb.slow")
    assert prompts.problems(["nb", "nb.slow"]) == []


async def test_slow_languages_fall_back_to_slow_bokmal(prompts: PromptLibrary, tmp_path: Path) -> None:
    """What a language lacks is heard in bokmål at the same speed; its own normal recording comes first."""
    slow_bokmal = await prompts.wav("nb.slow/intake.goodbye")
    assert await prompts.wav("sma.slow/intake.goodbye") is slow_bokmal is not None
    record(tmp_path, "sma/intake.goodbye")
    assert (await prompts.wav("sma.slow/intake.goodbye") or pytest.fail("silent")).recorded
    assert prompts.info("nb.slow/intake.goodbye").text == "Ha det bra."
    assert prompts.info("nb.slow/intake.goodbye").duration == slow_bokmal.duration


async def test_slow_prompts_are_served_like_any_other(prompts: PromptLibrary) -> None:
    """With their own etag; an unknown speed is no prompt."""
    slow, normal = await serve(prompts, "nb.slow/intake.goodbye"), await serve(prompts, "nb/intake.goodbye")
    assert (slow.status, normal.status) == (200, 200)
    assert slow.headers["ETag"] != normal.headers["ETag"]
    assert (await serve(prompts, "nb.slow/intake.goodbye", slow.headers["ETag"])).status == 304
    assert (await serve(prompts, "nb.fast/intake.goodbye")).status == 404
    assert (await serve(prompts, "nb.slow.slow/intake.goodbye")).status == 404


async def test_the_etag_changes_with_the_recording(prompts: PromptLibrary, tmp_path: Path) -> None:
    """A new recording has a new etag at once; the same sound keeps its etag."""
    path = record(tmp_path, GREETING)
    first = await prompts.wav(GREETING)
    os.utime(path, ns=(1, 1))
    same = await prompts.wav(GREETING)
    record(tmp_path, GREETING, seconds=0.6)
    second = await prompts.wav(GREETING)
    assert first is not None
    assert same is not None
    assert second is not None
    assert first.etag == same.etag != second.etag


async def test_a_recording_of_the_wrong_kind_is_not_played(prompts: PromptLibrary, tmp_path: Path) -> None:
    """A recording the exchange could not play gives way to speech, and the check says what is wrong with it."""
    path = record(tmp_path, GREETING)
    with wave.open(str(path), "wb") as writer:
        writer.setparams((2, 2, 44100, 0, "NONE", ""))
        writer.writeframes(bytes(4000))
    noise = tmp_path / "recordings" / "nb" / "intake.goodbye.wav"
    noise.write_bytes(b"not sound")
    found = await prompts.wav(GREETING)
    assert found is not None
    assert not found.recorded
    assert GREETING in prompts.synthetic("nb")
    told = " ".join(problem.text for problem in prompts.problems(["nb"]))
    assert f"{path} is 44100 Hz, 2 channel(s), 16 bit; it must be 8000 Hz, 1 channel, 16 bit" in told
    assert f"{noise} is not a PCM wav file" in told


async def test_a_repaired_recording_is_played(prompts: PromptLibrary, tmp_path: Path) -> None:
    """When a bad recording is replaced by a good one, the problem is gone without a restart."""
    path = record(tmp_path, GREETING)
    path.write_bytes(b"not sound")
    assert (await prompts.wav(GREETING) or pytest.fail("silent")).recorded is False
    record(tmp_path, GREETING)
    assert (await prompts.wav(GREETING) or pytest.fail("silent")).recorded is True
    assert prompts.problems(["nb"]) == []


def test_misnamed_recordings_are_told(prompts: PromptLibrary, tmp_path: Path) -> None:
    """A recording whose name is no prompt id would never be heard: the check says so."""
    record(tmp_path, "nb/intake.greting")
    assert [problem for problem in prompts.problems(["nb"]) if problem.name == "nb/intake.greting.wav"]


async def test_speech_is_made_once(tmp_path: Path, spoken: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk is not rendered again by the next start; a damaged file is."""
    first = await PromptLibrary(CATALOGUE, tmp_path, voice=spoken).wav(GREETING)
    assert first is not None
    assert first.path is not None
    renders: list[str] = []
    render = spoken.render

    def counted(language: str, text: str, pause: timedelta | None = None) -> bytes:
        renders.append(text)
        return render(language, text, pause)

    monkeypatch.setattr(spoken, "render", counted)
    assert await PromptLibrary(CATALOGUE, tmp_path, voice=spoken).wav(GREETING) == first
    assert renders == []
    first.path.write_bytes(first.body[:20])
    again = await PromptLibrary(CATALOGUE, tmp_path, voice=spoken).wav(GREETING)
    assert again is not None
    assert again.body == first.path.read_bytes()
    assert len(renders) == 1
    assert [file.name for file in first.path.parent.iterdir()] == [first.path.name]


async def test_new_words_are_made_anew(tmp_path: Path, spoken: Voice) -> None:
    """A changed text or pace is never answered from the old file."""
    old = await PromptLibrary(Catalogue({"nb": {"a.b": "Hei."}}), tmp_path, voice=spoken).wav("nb/a.b")
    new = await PromptLibrary(Catalogue({"nb": {"a.b": "Hallo."}}), tmp_path, voice=spoken).wav("nb/a.b")
    slow = await PromptLibrary(Catalogue({"nb": {"a.b": "Hei."}}), tmp_path, voice=Voice(0.6)).wav("nb/a.b")
    assert old is not None
    assert new is not None
    assert slow is not None
    assert len({old.etag, new.etag, slow.etag}) == 3


async def test_callers_at_once_share_one_rendering(
    prompts: PromptLibrary, spoken: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty calls that need the same new prompt make it once."""
    renders: list[str] = []
    render = spoken.render

    def counted(language: str, text: str, pause: timedelta | None = None) -> bytes:
        renders.append(text)
        return render(language, text, pause)

    monkeypatch.setattr(spoken, "render", counted)
    found = await asyncio.gather(*(prompts.wav(GREETING) for _ in range(50)))
    assert len({id(wav) for wav in found}) == 1
    assert len(renders) == 1


async def test_a_language_without_voice_or_text_falls_back(prompts: PromptLibrary, tmp_path: Path) -> None:
    """South Sami is heard where it is recorded and in bokmål elsewhere, and the check says so."""
    record(tmp_path, "sma/intake.greeting")
    recorded = await prompts.wav("sma/intake.greeting")
    assert recorded is not None
    assert recorded.recorded
    assert await prompts.wav("sma/intake.goodbye") is await prompts.wav("nb/intake.goodbye")
    (problem,) = prompts.problems(["nb", "sma"])
    assert f"{len(CATALOGUE.ids) - 1} prompts in sma" in problem.text
    assert "no synthetic voice speaks sma" in problem.text


def test_what_nobody_hears_in_a_language_is_no_problem(prompts: PromptLibrary) -> None:
    """Caseworkers hear bokmål: their prompts have no text in Ukrainian, and the voice says all that has. Of Somali,
    which no voice speaks, what has a text is to be recorded, and none of it counts as spoken."""
    assert prompts.problems(["nb", "en", "uk"]) == []
    assert len(prompts.spoken("uk")) == len(CATALOGUE.all_items("uk")) < len(CATALOGUE.ids)
    (problem,) = prompts.problems(["so"])
    assert (problem.kind, problem.count) == (ProblemKind.NO_VOICE, len(CATALOGUE.all_items("so")))
    assert prompts.spoken("so") == []


async def test_without_speech_only_recordings_sound(tmp_path: Path) -> None:
    """With no voice a call gets recordings, else None and never an error; the check says what is silent."""
    prompts = PromptLibrary(CATALOGUE, tmp_path / "cache", tmp_path / "recordings")
    record(tmp_path, "nb/intake.goodbye")
    assert await prompts.wav(GREETING) is None
    assert await prompts.wav("en/intake.goodbye") == await prompts.wav("nb/intake.goodbye") is not None
    await prompts.warm(["nb"])
    (problem,) = prompts.problems(["nb"])
    assert "are silent" in problem.text
    assert "there is no speech on this machine" in problem.text


async def test_a_voice_that_fails_is_told_and_not_raised(
    prompts: PromptLibrary, spoken: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a sentence cannot be spoken in a language, it is heard in bokmål and the check says why."""
    render = spoken.render

    def broken(language: str, text: str, pause: timedelta | None = None) -> bytes:
        if language == "en":
            raise VoiceError("the voice broke")
        return render(language, text, pause)

    monkeypatch.setattr(spoken, "render", broken)
    assert await prompts.wav("en/intake.goodbye") == await prompts.wav("nb/intake.goodbye") is not None
    assert any("the voice broke" in problem.text for problem in prompts.problems(["en"]))


async def test_a_cache_that_cannot_be_written_does_not_silence_us(tmp_path: Path, spoken: Voice) -> None:
    """With an unusable cache folder prompts are made in memory, and the check says so."""
    blocked = tmp_path / "cache"
    blocked.write_text("a file where a folder should be")
    prompts = PromptLibrary(CATALOGUE, blocked, voice=spoken)
    wav = await prompts.wav(GREETING)
    assert wav is not None
    assert wav.path is None
    assert any(str(blocked) in problem.text for problem in prompts.problems(["nb"]))


async def test_info_guesses_until_it_knows(prompts: PromptLibrary) -> None:
    """A prompt's length is guessed to within a half before it is made, and exact after."""
    guess = prompts.info(GREETING)
    wav = await prompts.wav(GREETING)
    assert wav is not None
    assert guess.text == prompts.info(GREETING).text == CATALOGUE.text(GREETING)
    assert 0.5 * wav.duration < guess.duration < 1.5 * wav.duration
    assert prompts.info(GREETING).duration == wav.duration
    with pytest.raises(UnknownPrompt):
        prompts.info("nb/intake.nothing")


async def test_own_prompts(prompts: PromptLibrary, tmp_path: Path) -> None:
    """They are spoken and recorded like the others, as long as there are any, and other words are another sound."""
    item = "nb/office.housing"
    assert await prompts.wav(item) is None
    prompts.use_own({"nb": {"office.housing": "For midlertidig bolig, tast 4."}})
    spoken, greeting = await prompts.wav(item), await prompts.wav(GREETING)
    assert spoken is not None
    prompts.use_own({"nb": {"office.housing": "For bolig, tast 4."}})
    shorter = await prompts.wav(item)
    assert shorter is not None
    assert shorter.duration < spoken.duration
    assert (await serve(prompts, item, spoken.etag)).status == 200
    record(tmp_path, item)
    assert prompts.load(item) != shorter
    prompts.use_own({})
    assert await prompts.wav(item) is None
    assert await prompts.wav(GREETING) is greeting
    assert any("office.housing" in str(problem) for problem in prompts.problems())


async def test_warming_leaves_the_loop_free(prompts: PromptLibrary) -> None:
    """While prompts are made, the event loop goes on answering."""
    warming = asyncio.create_task(prompts.warm(["nb"]))
    turns = 0
    while not warming.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > len(CATALOGUE.ids)
    assert all(prompts.info(item).duration for item in CATALOGUE.all_items("nb"))


# ---- over HTTP ----------------------------------------------------------------------------------


async def test_a_prompt_is_served_with_its_etag(prompts: PromptLibrary) -> None:
    """A prompt comes as audio/wav with a strong etag and may be kept for an hour."""
    response = await serve(prompts, GREETING)
    wav = await prompts.wav(GREETING)
    assert wav is not None
    assert response.status == 200
    assert response.body == wav.body
    assert response.headers == {
        "ETag": wav.etag,
        "Content-Type": "audio/wav",
        "Cache-Control": "public, max-age=3600",
    }
    assert wav.etag.startswith('"')


async def test_an_asker_who_has_it_gets_304(prompts: PromptLibrary) -> None:
    """If-None-Match is understood as a list, weak or strong, or a star; another etag gets the sound."""
    etag = (await serve(prompts, GREETING)).headers["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = await serve(prompts, GREETING, known)
        assert (response.status, response.body, response.headers["ETag"]) == (304, b"", etag)
    for unknown in ('"other"', "", etag.strip('"')):
        assert (await serve(prompts, GREETING, unknown)).status == 200


@pytest.mark.parametrize(
    "item",
    [
        "nb/intake.nothing",
        "nb/../../secret",
        "../nb/intake.greeting",
        "nb//intake.greeting",
        "./intake.greeting",
        "intake.greeting",
        "",
        "nb/intake.greeting\0",
        "NB/intake.greeting",
    ],
)
async def test_nothing_but_prompts_is_served(prompts: PromptLibrary, tmp_path: Path, item: str) -> None:
    """What is not a prompt is 404, is not kept by anyone's cache, and touches no file outside."""
    (tmp_path / "secret.wav").write_bytes(buzz(0.1))
    response = await serve(prompts, item)
    assert (response.status, response.headers["Cache-Control"]) == (404, "no-store")


def test_only_the_catalogue_reaches_the_disk(
    tmp_path: Path, spoken: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is looked for with a name that came from outside."""
    looked: list[Path | None] = []
    stamp = library_module._stamp

    def watched(path: Path | None) -> tuple[int, int] | None:
        looked.append(path)
        return stamp(path)

    monkeypatch.setattr(library_module, "_stamp", watched)
    prompts = PromptLibrary(CATALOGUE, tmp_path, tmp_path / "recordings", spoken)
    assert prompts.load("../../etc/intake.greeting") is None
    assert prompts.load("nb/../../etc/passwd") is None
    assert looked == []
