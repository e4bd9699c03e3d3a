"""`tast1 oncall`: the same answers as the desk's, beside a service, and a calendar that is taken whole or not at all."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from callback.cli import main
from callback.store_sqlite import SqliteStore
from scheduler.clock import SystemClock, to_local

DEMO = Path(__file__).parents[2] / "config" / "demo"


@pytest.fixture(autouse=True)
def logging_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set for the whole process would outlive the test."""
    monkeypatch.setattr("callback.cli.configure_logging", lambda level: None)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder on which a service has run."""

    async def make() -> None:
        store = SqliteStore(tmp_path / "data" / "tast1.sqlite3")
        await store.open()
        await store.close()

    asyncio.run(make())
    return tmp_path / "data"


def oncall(data: Path, *arguments: str) -> int:
    return main(["oncall", *arguments, "--config", str(DEMO), "--data", str(data)])


def test_who_and_gaps(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo's telephones are carried: nobody is missing, at any time."""
    assert oncall(data, "who", "9001", "--at", "2026-11-23T09:05") == 0
    assert capsys.readouterr().out.splitlines() == [
        "Nav Lillevik (9001) Vakttelefonen [vakt-9001], Mon 23 Nov 2026 09:05",
        "  on duty     Kari Holm (kari)",
        "  leader      Liv Sund (liv)",
    ]
    assert oncall(data, "who", "--at", "2026-11-25T09:05", "--json") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["people"], first["open"]) == (["kari"], True)
    assert (second["line"], second["open"]) == ("vakt-9002", False), "no telephone on Wednesdays"
    assert oncall(data, "gaps", "--from", "2026-11-23", "--days", "7", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["percent"], one["wanted_minutes"], one["gaps"]) for one in found] == [
        (100, 5 * 360, []), (100, 3 * 240 + 180, []),
    ]  # fmt: skip
    for wrong in (["who", "9009"], ["who", "--at", "noon"], ["gaps", "--from", "x"], ["gaps", "--days", "0"]):
        assert oncall(data, *wrong) == 1
    assert capsys.readouterr().err.count("tast1: ") == 4


def test_import(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A shift of nobody's refuses the file with its line, and changes nothing; a sound one is on duty at once."""
    day = to_local(SystemClock().now()).date() + timedelta(days=3)
    path = tmp_path / "vakt.ics"
    text = (
        "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\nSUMMARY:Vakt: Ola og Sami\n"
        f"DTSTART:{day:%Y%m%d}T090000\nDTEND:{day:%Y%m%d}T110000\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    path.write_text(text.replace("Sami", "Per"), "utf-8")
    assert oncall(data, "import", str(path), "--line", "vakt-9001") == 1
    assert "tast1: line 3: nobody known: 'per'; known here: Kari Holm, Ola Berg" in capsys.readouterr().err
    assert oncall(data, "import", str(path), "--line", "vakt") == 1
    assert "no on-call line 'vakt'; known: vakt-9001, vakt-9002" in capsys.readouterr().err
    at = ["who", "9001", "--at", f"{day}T10:00", "--json"]
    oncall(data, *at)
    assert json.loads(capsys.readouterr().out)[0]["people"] == ["kari"]
    path.write_text(text, "utf-8")
    assert oncall(data, "import", str(path), "--line", "vakt-9001") == 0
    assert "vakt-9001: 1 shifts came, 0 went; 100 % of the next" in capsys.readouterr().out
    oncall(data, *at)
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["people"], told["until"][11:16], told["then"]) == (["ola", "sami"], "11:00", ["kari"])
