"""The command `tast1`, every verb, as a person types it."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callback.cli import DEMO_CONFIG, main
from callback.request import RequestState
from callback.service import DATABASE
from callback.store import Change
from callback.store_sqlite import SqliteStore
from tests.contract.store_factory import T0, new_attempt, new_entry, new_request

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the shell that runs the tests may help or hinder."""
    for name in ("AMI_SECRET", "FASTAGI_TOKEN", "DEMO_PASSWORD", "CONFIG", "DATA"):
        monkeypatch.delenv(f"TAST1_{name}", raising=False)


@pytest.fixture(autouse=True)
def no_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command sets up logging for a whole process; these tests are many commands in one."""
    monkeypatch.setattr("callback.cli.configure_logging", lambda level: None)
    with capture_logs():
        yield


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    """A folder on which a service has run."""

    async def run() -> None:
        store = SqliteStore(tmp_path / "data" / DATABASE)
        await store.open()
        await store.close()

    asyncio.run(run())
    return ["--data", str(tmp_path / "data")]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A configuration with three errors in two files."""
    folder = tmp_path / "broken"
    shutil.copytree(DEMO_CONFIG, folder)
    settings, staff = folder / "tast1.toml", folder / "staff.toml"
    settings.write_text(settings.read_text().replace('busy = "7m"', "busy = 7\nbuzy = 1"))
    staff.write_text(staff.read_text().replace('id = "ola"', 'id = "kari"'))
    return folder


def test_check_prints_the_effective_configuration(capsys: Capture) -> None:
    """The demo is in order, and no secret is printed."""
    assert main(["check"]) == 0
    said = capsys.readouterr().out
    assert 'office_no = "9001"' in said
    assert said.startswith(f"# the configuration in {DEMO_CONFIG}\n\n# tast1.toml\n")
    assert said.endswith("\n# no errors, no warnings\n")


def test_check_counts_its_warnings(tmp_path: Path, capsys: Capture) -> None:
    """The last line says how many there are."""
    shutil.copytree(DEMO_CONFIG, tmp_path / "config")
    offices = tmp_path / "config" / "offices.toml"
    for languages, count in (('["nb", "uk"]', "1 warning"), ('["nb", "uk", "so"]', "3 warnings")):
        text = (DEMO_CONFIG / "offices.toml").read_text("utf-8")
        offices.write_text(text.replace('["nb", "en"]', languages, 1), "utf-8")
        assert main(["check", "--config", str(tmp_path / "config")]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == f"# no errors, {count}"


def test_a_reader_that_stops_is_no_error(tmp_path: Path) -> None:
    """`tast1 check | head -c 1`: nothing on stderr, also not from Python's own last flush."""
    command = f"{sys.executable} -m callback.cli check | head -c 1"
    with (tmp_path / "stderr").open("w") as stderr:
        done = subprocess.run(
            command, shell=True, stdout=subprocess.PIPE, stderr=stderr, check=False, timeout=60
        )
    assert done.stdout == b"#"
    assert (tmp_path / "stderr").read_text() == ""


def test_a_port_in_use_is_told(data: list[str], capsys: Capture) -> None:
    """With the port, and what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port), *data]) == 1
    assert f"tast1: port {port} is in use; choose another with --port\n" in capsys.readouterr().err


def test_check_prints_every_error(broken: Path, capsys: Capture) -> None:
    """Every error with file and key, and exit code 1."""
    assert main(["check", "--config", str(broken)]) == 1
    printed = capsys.readouterr()
    assert printed.err == f"The configuration in {broken} has errors:\n"
    said = printed.out
    assert "tast1.toml: retry.busy: " in said
    assert "tast1.toml: retry.buzy: " in said
    assert "staff.toml: person[2].id: " in said


def test_a_broken_configuration_is_refused_at_start(broken: Path, data: list[str], capsys: Capture) -> None:
    """`serve` says the same as `check` and does not start."""
    assert main(["serve", "--config", str(broken), *data]) == 1
    assert "staff.toml: person[2].id: " in capsys.readouterr().err


def test_deadline(capsys: Capture) -> None:
    """Christmas can be looked up in words and as JSON."""
    assert main(["deadline", "9001", "2026-12-23T14:50"]) == 0
    assert "28 Dec" in capsys.readouterr().out
    assert main(["deadline", "9001", "2026-12-23T14:50", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["due_at"], told["answer_by_date"]) == ("2026-12-25T14:50:00+01:00", "2026-12-28")


def test_deadline_refuses_clearly(capsys: Capture) -> None:
    """A wrong office says which there are, on stderr, without a stack trace."""
    assert main(["deadline", "1234", "2026-12-23T14:50"]) == 1
    assert "9001" in capsys.readouterr().err


def test_plan(capsys: Capture) -> None:
    """What a person would be told of the next attempts, in words and as JSON; a mistake names the option."""
    monday = ["plan", "9001", "--registered", "2026-11-23T13:40"]
    assert main(monday) == 0
    assert capsys.readouterr().out.count("afternoon") == 5
    tried = "2026-11-23T13:42:no_answer,2026-11-23T14:27:busy"
    assert main([*monday, "--attempts", tried, "--wish", "morning", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["now"], told["attempts"][0]["at"]) == (
        "2026-11-23T14:27:00+01:00",
        "2026-11-24T09:00:00+01:00",
    )
    assert main([*monday, "--attempts", "2026-11-23T13:42"]) == 1
    assert "tast1: --attempts: no outcome" in capsys.readouterr().err


def test_tokens(data: list[str], capsys: Capture) -> None:
    """A token is printed once, listed without its secret, and revoked."""
    assert (
        main(["token", "create", "--role", "caseworker", "--office", "9001", "--name", "robot", *data]) == 0
    )
    secret = capsys.readouterr().out.strip()
    assert secret.startswith("t1_")
    assert main(["token", "list", *data]) == 0
    listed = capsys.readouterr().out
    assert "robot" in listed
    assert secret not in listed
    assert main(["token", "revoke", "robot", *data]) == 0
    assert main(["token", "revoke", "robot", *data]) == 1


@pytest.mark.parametrize(
    "verb",
    [
        ["token", "create", "--role", "admin", "--name", "x"],
        ["token", "list"],
        ["never-call", "check", "40001234"],
    ],
)
def test_no_database_is_made_where_none_is(verb: list[str], tmp_path: Path, capsys: Capture) -> None:
    """A token for a service that does not exist helps nobody: what to do is said, and nothing is made."""
    assert main([*verb, "--data", str(tmp_path / "elsewhere")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "--config /etc/tast1 --data /var/lib/tast1" in said.err
    assert not (tmp_path / "elsewhere").exists()


def test_verbs_without_a_line_need_no_secrets_of_it(tmp_path: Path, data: list[str], capsys: Capture) -> None:
    """A token can be made where the line's secrets are not set; the service itself then refuses to start."""
    folder = tmp_path / "office"
    shutil.copytree(DEMO_CONFIG, folder)
    settings = folder / "tast1.toml"
    text = settings.read_text().replace('line = "simulated"', 'line = "asterisk"')
    settings.write_text(text.replace("local_pbx = true", "local_pbx = false"))
    create = ["token", "create", "--role", "admin", "--name", "x", "--config", str(folder), *data]
    assert main(create) == 0
    assert main(["serve", "--config", str(folder), *data]) == 1
    assert "TAST1_AMI_SECRET" in capsys.readouterr().err


def test_password_from_standard_input(
    data: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password can be piped in; a weak one is refused."""
    monkeypatch.setattr("sys.stdin", _Lines("a long enough one\n"))
    assert main(["password", "kari", *data]) == 0
    monkeypatch.setattr("sys.stdin", _Lines("kort\n"))
    assert main(["password", "kari", *data]) == 1
    assert "kort" not in capsys.readouterr().err


class _Lines:
    def __init__(self, text: str) -> None:
        self._text = text

    def isatty(self) -> bool:
        return False

    def readline(self) -> str:
        return self._text


def test_numbers_that_are_never_called(data: list[str], capsys: Capture) -> None:
    """Added, looked up however it is written, removed; it is never printed."""
    said = []
    for verb, number in (
        *(("check", "40 00 12 34"), ("add", "+4740001234"), ("add", "40001234"), ("check", "40001234")),
        *(("remove", "0047 40001234"), ("remove", "40001234"), ("check", "40001234")),
    ):
        assert main(["never-call", verb, number, *data]) == 0
        said.append(capsys.readouterr().out)
    assert said == [
        "This number may be called.\n",
        *["This number is never called from now on.\n"] * 2,
        "This number is never called.\n",
        "This number may be called again.\n",
        "This number was not on the list of those never called.\n",
        "This number may be called.\n",
    ]
    assert main(["never-call", "add", "1234567890123456789", *data]) == 1
    assert capsys.readouterr().err == (
        "tast1: not a telephone number; write 8 digits, or + and the country code\n"
    )


def test_numbers_that_get_no_sms(data: list[str], capsys: Capture) -> None:
    """Added, looked up however it is written, shown to the person, removed; it is never printed."""
    said = []
    for verb, number in (
        *(("check", "40 00 12 34"), ("add", "+4740001234"), ("check", "40001234")),
        *(("remove", "0047 40001234"), ("remove", "40001234")),
    ):
        assert main(["no-sms", verb, number, *data]) == 0
        said.append(capsys.readouterr().out)
        if verb == "add":
            assert main(["person", "show", number, *data]) == 0
            assert "gets no SMS (kept as a keyed hash)" in capsys.readouterr().out
    assert said == [
        "This number may get SMS.\n",
        "This number gets no SMS from now on. It may be called.\n",
        "This number gets no SMS. It may be called.\n",
        "This number may get SMS again. Who answered STOP must answer START too.\n",
        "This number was not on the list of those that get no SMS.\n",
    ]


def test_a_person_shown_and_erased(data: list[str], capsys: Capture) -> None:
    """Everything of theirs is printed, then it is gone from the file, and the ledger is whole."""

    async def prepare() -> None:
        store = SqliteStore(Path(data[1]) / DATABASE)
        await store.open()
        request = new_request(phone="+4740001234", note="hemmelig")
        await store.register(request, new_entry(request))
        (calling,) = await store.save(Change(request, (), new_attempt(request, ended_at=T0)))
        reached = replace(calling, state=RequestState.REACHED, next_attempt_at=None)
        await store.save(Change(reached, (new_entry(reached, event="result_reached"),)))
        await store.close()

    asyncio.run(prepare())
    assert main(["person", "show", "40 00 12 34", *data]) == 0
    shown = capsys.readouterr().out
    assert "hemmelig" in shown
    assert shown.count("+4740001234") == 2
    assert main(["person", "show", "40001234", "--json", *data]) == 0
    assert len(json.loads(capsys.readouterr().out)["requests"][0]["ledger"]) == 2
    assert main(["person", "erase", "40001234", "--why", "ring 40001234", *data]) == 1
    assert "without a number" in capsys.readouterr().err
    assert main(["person", "erase", "40001234", "--why", "ba om det", *data]) == 0
    assert capsys.readouterr().out == "Erased from 1 request.\n"
    assert main(["person", "show", "40001234", *data]) == 0
    assert capsys.readouterr().out == "Nothing is kept of this number.\n"
    assert main(["ledger", "verify", *data]) == 0
    assert "whole: 3 lines" in capsys.readouterr().out
    for file in Path(data[1]).iterdir():
        assert b"40001234" not in file.read_bytes()
        assert b"hemmelig" not in file.read_bytes()


def test_pbx_config(tmp_path: Path, capsys: Capture) -> None:
    """The files are printed, or written with the fall-back sounds; those of the local PBX have pjsip.conf."""
    assert main(["pbx", "config"]) == 0
    printed = capsys.readouterr().out
    assert "[tast1-inbound]" in printed
    assert "eventfilter" in printed
    assert main(["pbx", "config", "--local"]) == 0
    assert "match=127.0.0.2" in capsys.readouterr().out.replace(" ", "")
    assert main(["pbx", "config", "--write", str(tmp_path / "out")]) == 0
    assert {path.suffix for path in (tmp_path / "out").rglob("*") if path.is_file()} == {".conf", ".wav"}


def test_pbx_check_without_a_pbx(tmp_path: Path, capsys: Capture) -> None:
    """No PBX: exit code 1 and what to do, no stack trace."""
    folder = tmp_path / "office"
    shutil.copytree(DEMO_CONFIG, folder)
    settings = folder / "tast1.toml"
    settings.write_text(settings.read_text().replace("ami_port = 5038", "ami_port = 1"))
    assert main(["pbx", "check", "--config", str(folder)]) == 1
    assert "FIX" in capsys.readouterr().out


def test_a_data_folder_that_cannot_be_used(tmp_path: Path, capsys: Capture) -> None:
    """A file where the folder should be: said plainly."""
    (tmp_path / "file").write_text("")
    assert main(["token", "list", "--data", str(tmp_path / "file")]) == 1
    assert "tast1:" in capsys.readouterr().err
