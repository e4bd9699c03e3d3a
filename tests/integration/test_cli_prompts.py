"""`tast1 prompts`: list, render, export, as a person types it."""

from __future__ import annotations

import csv
import json
import shutil
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callback import service
from callback.cli import DEMO_CONFIG, main
from config.load import load
from config.model import VoiceSpeed
from ivr.names import own_prompts
from ivr.prompts import MUSIC, Catalogue
from ivr.sound import wav_bytes
from ivr.voice import VoiceUnavailable

Capture = pytest.CaptureFixture[str]
CATALOGUE = Catalogue.load().with_own(own_prompts(load(DEMO_CONFIG, {})))


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AMI_SECRET", "FASTAGI_TOKEN", "DEMO_PASSWORD", "CONFIG", "DATA"):
        monkeypatch.delenv(f"TAST1_{name}", raising=False)
    monkeypatch.setattr("callback.cli_prompts.configure_logging", lambda level: None)
    with capture_logs():
        yield


def record(data: Path, item: str, seconds: float = 0.5) -> Path:
    path = data / "recordings" / f"{item}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav_bytes(array("h", [9000, -9000] * int(4000 * seconds))))
    return path


def listed(data: Path, capsys: Capture, *more: str) -> dict[str, dict[str, object]]:
    assert main(["prompts", "list", "--json", "--data", str(data), *more]) == 0
    return {row["item"]: row for row in json.loads(capsys.readouterr().out)}


def test_list_tells_where_each_sound_comes_from(tmp_path: Path, capsys: Capture) -> None:
    """Recorded with its length, spoken without one until it is made, and nothing is made by asking."""
    record(tmp_path, "nb/intake.greeting")
    rows = listed(tmp_path, capsys, "--language", "nb")
    assert list(rows) == [f"nb/{prompt_id}" for prompt_id in CATALOGUE.ids]
    greeting = rows["nb/intake.greeting"]
    assert (greeting["sound"], greeting["seconds"]) == ("recorded", 0.5)
    assert greeting["text"] == CATALOGUE.text("nb/intake.greeting")
    assert (rows["nb/intake.goodbye"]["sound"], rows["nb/intake.goodbye"]["seconds"]) == ("spoken", None)
    assert not (tmp_path / "prompts").exists()


def test_list_tells_what_falls_back(tmp_path: Path, capsys: Capture) -> None:
    """A language without voice is heard in bokmål but for its recordings; slow items have the normal recording."""
    record(tmp_path, "sma/intake.greeting")
    record(tmp_path, "nb/intake.goodbye")
    rows = listed(tmp_path, capsys, "--language", "sma")
    assert {row["sound"] for item, row in rows.items() if item != "sma/intake.greeting"} == {"fallback"}
    assert rows["sma/intake.greeting"]["sound"] == "recorded"
    rows = listed(tmp_path, capsys, "--language", "nb.slow")
    assert rows["nb.slow/intake.goodbye"]["sound"] == "recorded"
    assert rows["nb.slow/intake.greeting"]["sound"] == "spoken"


def test_list_as_text_has_all_languages_of_the_offices(tmp_path: Path, capsys: Capture) -> None:
    """One line a prompt."""
    assert main(["prompts", "list", "--data", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(CATALOGUE.ids)
    assert any(line.startswith("nb/intake.goodbye ") and line.endswith("Ha det bra.") for line in lines)


def test_without_speech_the_list_says_silent_and_render_fails(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No voice and no recording: silent, all but the music, and exit code 1."""

    def none() -> None:
        raise VoiceUnavailable("no speech")

    monkeypatch.setattr(service, "Voice", none)
    rows = listed(tmp_path, capsys, "--language", "nb")
    assert {row["sound"] for row in rows.values()} == {"silent", "spoken"}
    assert [name for name, row in rows.items() if row["sound"] == "spoken"] == [MUSIC]
    assert main(["prompts", "render", "--language", "nb", "--data", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"nb: 1 of {len(CATALOGUE.ids)} prompts, 0 recorded, 0.2 minutes\n")
    assert "FIX " in out
    assert "there is no speech on this machine" in out


def test_render_makes_all_and_tells_what_is_wrong(tmp_path: Path, capsys: Capture) -> None:
    """All are made; a recording that is too long or broken is told, and gone when it is gone."""
    long, broken = record(tmp_path, "nb/intake.goodbye", 21), record(tmp_path, "nb/intake.choices")
    with wave.open(str(broken), "wb") as writer:
        writer.setparams((2, 2, 44100, 0, "NONE", ""))
        writer.writeframes(bytes(4000))
    assert main(["prompts", "render", "--language", "nb", "--data", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert f"nb: {len(CATALOGUE.ids)} of {len(CATALOGUE.ids)} prompts, 1 recorded" in out
    assert "FIX  nb/intake.goodbye is 21.0 s long; at most 20.0 s" in out
    assert f"FIX  the recording {broken} is 44100 Hz" in out
    long.unlink()
    broken.unlink()
    assert main(["prompts", "render", "--language", "nb", "--data", str(tmp_path)]) == 0
    assert "FIX" not in capsys.readouterr().out
    assert all(row["seconds"] for row in listed(tmp_path, capsys, "--language", "nb").values())


@pytest.mark.parametrize("language", ["NB", "../nb", "nb.fast", ""])
def test_what_is_no_language_is_refused(language: str, tmp_path: Path, capsys: Capture) -> None:
    """With what to write instead."""
    assert main(["prompts", "list", "--language", language, "--data", str(tmp_path)]) == 1
    assert "not a language" in capsys.readouterr().err


def test_an_offices_own_prompts(tmp_path: Path, capsys: Capture) -> None:
    """They are listed, made and exported with the others."""
    folder = tmp_path / "config"
    shutil.copytree(DEMO_CONFIG, folder)
    (folder / "prompts.toml").write_text('[nb]\nhousing = "For midlertidig bolig, tast 4."\n', "utf-8")
    at = ("--config", str(folder))
    assert listed(tmp_path, capsys, *at)["nb/office.housing"]["text"] == "For midlertidig bolig, tast 4."
    assert main(["prompts", "render", "--language", "nb", "--data", str(tmp_path), *at]) == 0
    assert f"nb: {len(CATALOGUE.ids) + 1} of" in capsys.readouterr().out
    assert list((tmp_path / "prompts" / "nb").glob("office.housing.*.wav"))
    assert main(["prompts", "export", str(tmp_path / "script"), *at]) == 0
    assert "nb/office.housing.wav;For midlertidig" in (tmp_path / "script" / "nb.csv").read_text("utf-8-sig")


def test_the_list_helps_with_a_broken_menu(tmp_path: Path, capsys: Capture) -> None:
    """The error of the menu tells people to use it."""
    shutil.copytree(DEMO_CONFIG, tmp_path / "config")
    menu = tmp_path / "config" / "menu.toml"
    menu.write_text(menu.read_text("utf-8").replace('"intake.when"', '"intake.whenn"'), "utf-8")
    folders = ["--config", str(tmp_path / "config")]
    assert main(["prompts", "list", "--data", str(tmp_path), *folders]) == 0
    assert "nb/intake.when " in capsys.readouterr().out
    assert main(["check", *folders]) == 1
    assert "`tast1 prompts list` shows them all" in capsys.readouterr().out


def test_export_is_a_script_for_a_voice(tmp_path: Path, capsys: Capture) -> None:
    """Each language has a file with every prompt once, the name its recording must have, and notes."""
    folder = tmp_path / "new" / "script"
    assert main(["prompts", "export", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        *(f"wrote {folder / language}.csv" for language in CATALOGUE.languages),
        f"wrote {folder / 'README.md'}",
    ]
    for language in CATALOGUE.languages:
        with (folder / f"{language}.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        assert [row["file"] for row in rows] == [f"{item}.wav" for item in CATALOGUE.all_items(language)]
        assert all(row["text"] == CATALOGUE.text(row["file"].removesuffix(".wav")) for row in rows)
        notes = {row["file"]: row["note"] for row in rows}
        assert all(notes.values())
    readme = (folder / "README.md").read_text("utf-8")
    assert "-r 8000 -c 1 -b 16" in readme
    assert "DATA/recordings" in readme


def test_an_exported_name_is_where_a_recording_is_found(tmp_path: Path, capsys: Capture) -> None:
    """A file recorded under the name in the script is played."""
    assert main(["prompts", "export", str(tmp_path / "script")]) == 0
    capsys.readouterr()
    with (tmp_path / "script" / "en.csv").open(encoding="utf-8-sig", newline="") as file:
        name = list(csv.DictReader(file, delimiter=";"))[-1]["file"]
    record(tmp_path / "data", name.removesuffix(".wav"))
    assert (
        listed(tmp_path / "data", capsys, "--language", "en")[name.removesuffix(".wav")]["sound"]
        == "recorded"
    )


def test_slow_offices_get_slow_prompts() -> None:
    """What is made at the start: each language of each office, and the slow ones of slow offices."""
    config = load(DEMO_CONFIG, {})
    assert service.prompt_tags(config) == ["en", "nb"]
    slow = config.offices[0].model_copy(update={"voice_speed": VoiceSpeed.SLOW, "languages": ("nb",)})
    config = config.model_copy(update={"offices": (slow, config.offices[1])})
    assert service.prompt_tags(config) == ["en", "nb", "nb.slow"]
