"""`tast1 menu`: an office's menu in the terminal."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from structlog.testing import capture_logs

from callback.cli import DEMO_CONFIG, main
from config.load import load
from config.menu import Menu, TransferNode
from ivr.menu_drawing import draw_menu
from ivr.prompts import Catalogue

AT = "2026-11-23T09:05"


@pytest.fixture(autouse=True)
def no_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command sets up logging for a whole process; these tests are many commands in one."""
    monkeypatch.setattr("callback.cli_menu.configure_logging", lambda level: None)
    with capture_logs():
        yield


def played(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[list[str], list[dict[str, Any]]]:
    """(lines heard, requests) of a call."""
    assert main(["menu", "try", *options]) == 0
    text = capsys.readouterr().out
    call, _, requests = text.partition("\n[")
    return call.splitlines()[1:], json.loads(f"[{requests}")


def test_the_promise(capsys: pytest.CaptureFixture[str]) -> None:
    """What is heard is printed in order with ids and words, and the request that came of it."""
    heard, (request,) = played(capsys, "9001", "--at", AT, "--from", "+4740001234", "--keys", "1,2,1")
    assert heard[0].split(maxsplit=1) == [
        "nb/intake.greeting",
        "Hei, og velkommen til Nav. Gjelder det økonomisk sosialhjelp, midlertidig botilbud eller andre sosiale tjenester, tast 1.",
    ]
    assert [line.strip() for line in heard if line.strip().startswith("> ")] == ["> 1", "> 2", "> 1"]
    assert heard[-1].strip() == "(we hang up)"
    assert (request["phone"], request["state"], request["due_at"]) == (
        "+4740001234", "waiting", "2026-11-25T08:05:00Z",
    )  # fmt: skip


def test_urgent_and_in_english(capsys: pytest.CaptureFixture[str]) -> None:
    """The language and the reason are on the request, and the promise is for the same day."""
    heard, (request,) = played(capsys, "9001", "--at", AT, "--from", "+4740001234", "--keys", "2,2,1,1,2")
    assert (request["language"], request["urgency"], request["reason"]) == ("en", "urgent", "no_food")
    assert request["due_at"] == "2026-11-23T10:05:00Z"
    assert any(line.startswith("en/intake.promise_today") for line in heard)


def test_waiting_on_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    """--queue: place, wait and music, and 1 leads to the promise; without an answer left the caller hangs up. Closed, or
    without it, nothing is heard of waiting."""
    call = ("9001", "--at", AT, "--from", "+4740001234", "--keys")
    heard, _ = played(capsys, *call, "1,2,-,1", "--queue")
    ids = [line.split()[0] for line in heard]
    assert ids.count("nb/wait.music") == 2
    assert {"nb/wait.next", "nb/wait.offer", "nb/wait.we_ring_you", "nb/intake.on_number"} <= set(ids)
    heard, (request,) = played(capsys, *call, "1,2,-", "--queue")
    assert heard[-1].strip() == "> x"
    assert request["state"] == "waiting"
    for options in (call, ("9001", "--at", "2026-11-23T18:00", "--queue", *call[3:])):
        heard, _ = played(capsys, *options, "1,2,1")
        assert not [line for line in heard if "wait." in line]


def test_silence_from_a_withheld_number(capsys: pytest.CaptureFixture[str]) -> None:
    """A caller who does nothing is on the list, with a reference."""
    heard, (request,) = played(capsys, "9001", "--at", AT, "--keys", "-")
    assert request["phone"] is None
    assert any("intake.no_number" in line for line in heard)


def test_it_begins_with_where_and_when(capsys: pytest.CaptureFixture[str]) -> None:
    """The office, its menu, the time, whether it is open, and who calls."""
    for at, caller, told in (
        (AT, ["--from", "40001234"], "Mon 23 Nov 2026 09:05 (open), called from +4740001234"),
        ("2026-12-24T10:00", [], "Thu 24 Dec 2026 10:00 (closed), called from a withheld number"),
    ):
        assert main(["menu", "try", "9001", "--at", at, *caller, "--keys", "x"]) == 0
        assert capsys.readouterr().out.splitlines()[0] == f"Nav Lillevik (9001), menu.toml, {told}"


def test_a_caller_who_is_on_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Key 3 finds them, and 9 twice takes them off it."""
    heard, (request,) = played(
        capsys, "9001", "--at", AT, "--from", "+4740001234", "--listed", "--keys", "3,9,9"
    )
    assert any("intake.withdrawn" in line for line in heard)
    assert request["state"] == "withdrawn"
    assert main(["menu", "try", "9001", "--at", AT, "--listed", "--keys", "x"]) == 0
    first, request_too = capsys.readouterr().out.split("\n", 1)
    assert (
        f"on the list already (reference {json.loads(request_too[request_too.index('[') :])[0]['reference']})"
        in first
    )


def test_silence_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Answers may begin with silence, however they are given."""
    for keys in (["--keys", "-,-,-"], ["--keys=-,-,-"], ["--keys", "-"], ["--keys", ""]):
        heard, _ = played(capsys, "9001", "--at", AT, *keys)
        assert [line.strip() for line in heard if line.strip().startswith("> ")][:3] == ["> -"] * 3


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("1 2", "not an answer: '1 2'; write a key, a whole number, - (silence) or x (hang up)"),
        ("hei", "not an answer: 'hei'"),
        ("1,,2", "not an answer: ''"),
        ("--at", "expected one argument"),
        ("12", "'12' is given where one key is asked for (nb/intake.been_before); write commas between keys: 1,2"),
        ("1,2,12345678", "where one key is asked for (nb/intake.choices)"),
    ],
)  # fmt: skip
def test_answers_that_cannot_be_given(keys: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What no telephone could press is refused, and it is said what to write."""
    try:
        code = main(["menu", "try", "9001", "--at", AT, "--from", "+4740001234", "--keys", keys])
    except SystemExit as wrong_arguments:
        code = int(wrong_arguments.code or 0)
    assert code
    assert said in capsys.readouterr().err


def test_typed_at_the_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who types something else is asked again; Enter is silence, the end of input a hang-up."""
    typed = iter(["hei", "12", "1", "", "2"])

    def answer(asked: str) -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", answer)
    heard, (request,) = played(capsys, "9001", "--at", AT, "--from", "+4740001234")
    assert [line.strip() for line in heard if line.strip().startswith("> ")] == ["> 1", "> -", "> 2", "> x"]
    assert sum("not an answer" in line or "one key is asked for" in line for line in heard) == 2
    assert request["state"] == "waiting"


def test_a_reader_that_stops(tmp_path: Path) -> None:
    """`tast1 menu try ... | head -c 1` ends at once with 141, and says nothing of it."""
    call = f"{sys.executable} -m callback.cli menu try 9001 --keys {'*,' * 50}x"
    command = f"set -o pipefail; {call} | head -c 1; echo $?"
    with (tmp_path / "stderr").open("w") as stderr:
        done = subprocess.run(
            ["bash", "-c", command], stdout=subprocess.PIPE, stderr=stderr, check=False, timeout=60
        )
    assert done.stdout == b"N141\n"
    assert (tmp_path / "stderr").read_text() == f"with the configuration in {DEMO_CONFIG}\n"


def test_a_key_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An office's own prompt is heard, and the transfer behind its key rings nobody here."""
    folder = tmp_path / "config"
    shutil.copytree(DEMO_CONFIG, folder)
    menu = (folder / "menu.toml").read_text("utf-8").replace('"intake.been_before"]', '"office.housing"]')
    menu = menu.replace('3 = "status" }', '3 = "status", 4 = "housing" }')
    menu += '[node.housing]\nkind = "transfer"\nto = "+4773001234"\nnext = "register"\n'
    (folder / "menu.toml").write_text(menu, "utf-8")
    (folder / "prompts.toml").write_text('[nb]\nhousing = "For bolig, tast 4."\n', "utf-8")
    heard, (request,) = played(capsys, "9001", "--at", AT, "--keys", "4", "--config", str(folder))
    assert any(line.split(maxsplit=1) == ["nb/office.housing", "For bolig, tast 4."] for line in heard)
    assert any("(rings +4773001234; nobody answers here)" in line for line in heard)
    assert request["state"] == "waiting"


def test_a_fault_ends_the_call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in a step, the command does not wait for ever."""
    monkeypatch.setattr(Catalogue, "text", lambda catalogue, item: 1 / 0)
    heard, requests = played(capsys, "9001", "--at", AT, "--keys", "1")
    assert heard[-1].strip() == "(something went wrong: the exchange's fall-back takes the call)"
    assert requests == []


def test_hanging_up_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was pressed and nothing came of it."""
    _, requests = played(capsys, "9001", "--at", AT, "--keys", "x")
    assert requests == []


def test_too_many_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """The sixth other number of a day is refused with a reason, and the call goes on."""
    numbers = [f"2,4000{n:04},1" for n in range(1, 7)]
    heard, (request,) = played(
        capsys, "9001", "--at", AT, "--from", "+4740001234", "--keys", ",".join(["1,2", *numbers])
    )
    assert any("number.refused.too_many_tries" in line for line in heard)
    assert request["phone"] == "+4740000005"


def test_closed_on_christmas_eve(capsys: pytest.CaptureFixture[str]) -> None:
    """When it opens is said after the greeting, and one can register."""
    heard, (request,) = played(
        capsys, "9001", "--at", "2026-12-24T10:00", "--from", "+4740001234", "--keys", "1,2"
    )
    ids = [line.split()[0] for line in heard if line.startswith("nb/")]
    assert ids[:3] == ["nb/intake.greeting", "nb/intake.closed", "nb/intake.opens"]
    assert request["answer_by_date"] == "2026-12-29"


@pytest.mark.parametrize(
    "options",
    [["try", "9999"], ["draw", "9999"], ["try", "9001", "--at", "soon"], ["try", "9001", "--from", "kari"]],
)
def test_wrong_arguments(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what to write instead."""
    assert main(["menu", *options]) == 1
    assert capsys.readouterr().err.startswith("tast1: ")


def drawn(menu: Menu, language: str = "nb") -> list[str]:
    """Every text in the picture."""
    picture = ET.fromstring(draw_menu(menu, Catalogue.load(), "Nav Lillevik: menu.toml", language))
    return [text.text or "" for text in picture.iter("{http://www.w3.org/2000/svg}text")]


def test_draw(capsys: pytest.CaptureFixture[str]) -> None:
    """A picture with every node, its ways on, where it starts, what 0 does, and what the signs mean."""
    assert main(["menu", "draw", "9001"]) == 0
    said = capsys.readouterr()
    printed = said.out
    assert said.err == f"with the configuration in {DEMO_CONFIG}\n"
    menu = load(DEMO_CONFIG, {}).menus["menu.toml"]
    words = drawn(menu)
    assert [
        text.text or "" for text in ET.fromstring(printed).iter("{http://www.w3.org/2000/svg}text")
    ] == words
    assert {*menu.node, "Nav Lillevik: menu.toml", "Start", "0, overalt", "1 …"} <= set(words)
    ways = sum(len({target for _, target in node.edges()}) for node in menu.node.values())
    assert len([word for word in words if word.startswith("→ ")]) == ways
    assert any("ingenting trykkes" in word for word in words)
    assert any("nothing is pressed" in word for word in drawn(menu, "en"))


def test_a_picture_says_all_that_callers_hear() -> None:
    """No prompt is cut, and a transfer says which number it rings."""
    menu = load(DEMO_CONFIG, {}).menus["menu.toml"]
    housing = TransferNode(kind="transfer", to="+4773001234", next="register")
    words = drawn(menu.model_copy(update={"zero": "housing", "node": menu.node | {"housing": housing}}))
    assert "(ringer +4773001234)" in words
    asked = words.count("(den som svarer, taster 1)")
    screened = housing.model_copy(update={"accept": True})
    words = drawn(menu.model_copy(update={"zero": "housing", "node": menu.node | {"housing": screened}}))
    assert words.count("(den som svarer, taster 1)") == asked + 1
    assert "når det er stengt: åpningstidene etter første" in " ".join(words)
    assert "venter på linjen; 1: heller bli ringt" in " ".join(words)
    said = " ".join(words)
    for node in menu.node.values():
        for prompt in node.prompts:
            assert Catalogue.load().text(prompt if "/" in prompt else f"nb/{prompt}") in said
