"""`tast1 ledger verify` and `tast1 backup`, beside a service that writes, and the way back from a backup."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from callback.cli import main
from callback.request import CallbackRequest
from callback.service import DATABASE
from callback.store import Change, RequestQuery
from callback.store_ledger import verify
from callback.store_sqlite import SqliteStore
from tests.contract.store_factory import new_entry, new_request

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAST1_DATA", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with three requests."""
    asyncio.run(fill(tmp_path / "data", 3))
    return tmp_path / "data"


async def fill(data: Path, requests: int) -> None:
    store = SqliteStore(data / DATABASE)
    await store.open()
    for request in [new_request(note="hemmelig") for _ in range(requests)]:
        await store.register(request, new_entry(request))
    await store.close()


async def kept(data: Path) -> list[CallbackRequest]:
    store = SqliteStore(data / DATABASE)
    await store.open()
    found = await store.find(RequestQuery(limit=100_000))
    await store.close()
    return found


def forge(data: Path) -> None:
    connection = sqlite3.connect(data / DATABASE)
    with connection:
        connection.execute("DROP TRIGGER ledger_is_never_updated")
        connection.execute("UPDATE ledger SET actor = 'ola', at = 'i g' || char(27) || 'aar' WHERE seq = 2")
    connection.close()


# ---- ledger verify ------------------------------------------------------------------------------


def test_a_whole_ledger(data: Path, capsys: Capture) -> None:
    """How many lines, and the hash of the newest."""
    head = verify(data / DATABASE).head
    assert main(["ledger", "verify", "--data", str(data)]) == 0
    assert capsys.readouterr().out == f"The ledger is whole: 3 lines, hash {head.hash}.\n"
    assert main(["ledger", "verify", "--json", "--data", str(data)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"whole": True, "lines": 3, "hash": head.hash, "bad": None}


def test_a_broken_ledger(data: Path, capsys: Capture) -> None:
    """Which line, of which request, when; what stands there cannot steer the terminal."""
    forge(data)
    assert main(["ledger", "verify", "--data", str(data)]) == 1
    said = capsys.readouterr().out
    assert "BROKEN: line 2 (request r" in said
    assert ", i g?aar) was changed" in said
    assert "Whole before it: 1 lines" in said
    assert main(["ledger", "verify", "--json", "--data", str(data)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["whole"], told["lines"], told["bad"]["seq"]) == (False, 1, 2)
    assert told["bad"].keys() == {"seq", "why", "request_id", "at"}


def test_a_ledger_that_cannot_be_looked_at(tmp_path: Path, capsys: Capture) -> None:
    """Neither whole nor broken: 2, and why."""
    assert main(["ledger", "verify", "--data", str(tmp_path)]) == 2
    assert "there is no" in capsys.readouterr().err
    (tmp_path / DATABASE).write_bytes(b"x" * 5000)
    assert main(["ledger", "verify", "--data", str(tmp_path)]) == 2
    assert "not a database" in capsys.readouterr().err


# ---- backup -------------------------------------------------------------------------------------


def test_a_backup_is_whole_and_private(data: Path, capsys: Capture) -> None:
    """One file, for its owner only, with everything in it."""
    target = data.parent / "copy.sqlite3"
    before = os.umask(0)
    try:
        assert main(["backup", str(target), "--data", str(data)]) == 0
    finally:
        os.umask(before)
    assert capsys.readouterr().out.startswith(f"{target} is a whole copy. The ledger is whole: 3 lines")
    assert target.stat().st_mode & 0o777 == 0o600
    assert {file.name for file in data.parent.iterdir()} == {"data", "copy.sqlite3"}
    assert verify(target) == verify(data / DATABASE)


def test_a_backup_overwrites_nothing(data: Path, capsys: Capture) -> None:
    """Not a file, not a folder, not a link, not even one that leads nowhere."""
    file, link = data.parent / "file", data.parent / "link"
    file.write_text("mine")
    link.symlink_to(data.parent / "nowhere")
    for target in (file, link, data):
        assert main(["backup", str(target), "--data", str(data)]) == 1
        assert f"tast1: {target} exists already" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert link.is_symlink()


def test_a_file_that_comes_meanwhile_is_kept(
    data: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two backups at once under one name: the second is refused."""
    target = data.parent / "copy.sqlite3"
    monkeypatch.setattr("callback.store_backup._check", lambda copy: target.write_text("the other's"))
    assert main(["backup", str(target), "--data", str(data)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert target.read_text() == "the other's"


def test_what_a_backup_needs(data: Path, capsys: Capture) -> None:
    """A folder, and a list to copy: else it is said, and nothing is left."""
    assert main(["backup", str(data / "no" / "copy"), "--data", str(data)]) == 1
    assert f"there is no folder {data / 'no'}" in capsys.readouterr().err
    assert main(["backup", str(data.parent / "copy"), "--data", str(data.parent)]) == 1
    assert f"there is no {data.parent / DATABASE}" in capsys.readouterr().err
    assert {file.name for file in data.parent.iterdir()} == {"data"}


def test_a_backup_that_cannot_be_written(data: Path) -> None:
    """A disk that takes no more: said in one line, and nothing is left."""

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    command = [sys.executable, "-m", "callback.cli", "backup", str(data.parent / "copy"), "--data", str(data)]
    done = subprocess.run(
        command, preexec_fn=little_room, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"tast1: the disk fails under {data.parent / 'copy'}")
    assert {file.name for file in data.parent.iterdir()} == {"data"}


def test_a_damaged_list_gives_no_backup(data: Path, capsys: Capture) -> None:
    """A copy of damage is none."""
    path = data / DATABASE
    with path.open("r+b") as file:
        for page in range(3, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 100)
    assert main(["backup", str(data.parent / "copy"), "--data", str(data)]) == 1
    assert f"{path} is damaged" in capsys.readouterr().err
    assert {file.name for file in data.parent.iterdir()} == {"data"}


def test_a_broken_ledger_is_copied_and_told(data: Path, capsys: Capture) -> None:
    """There is no other list to keep: the copy is there, and the exit code says that something is wrong."""
    forge(data)
    assert main(["backup", str(data.parent / "copy"), "--data", str(data)]) == 1
    assert "is a whole copy. The ledger is BROKEN: line 2" in capsys.readouterr().out
    assert (data.parent / "copy").exists()


WRITE = """
import asyncio, itertools, sys
from dataclasses import replace
from pathlib import Path
from callback.store import Change
from callback.store_sqlite import SqliteStore
from tests.contract.store_factory import new_attempt, new_entry, new_request

async def main(path):
    store = SqliteStore(Path(path))
    await store.open()
    for n in itertools.count():
        request = new_request(id=f"w{n}", phone=f"+47{50000000 + n}", reference=f"w{n}")
        await store.register(request, new_entry(request))
        calling = replace(request, claimed_by="kari")
        lines = (new_entry(request, event="claimed"), new_entry(request, event="call_started"))
        attempt = new_attempt(request, id=f"a{n}", caseworker=f"kari{n}")
        await store.save(Change(calling, lines, attempt))
        print(n, flush=True)

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def writer(data: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that registers, and begins an attempt, as fast as it can."""
    root = Path(__file__).resolve().parents[2]
    words = [sys.executable, "-c", WRITE, str(data / DATABASE)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        yield process
        process.kill()


def test_back_from_a_backup(data: Path, writer: subprocess.Popen[str], capsys: Capture) -> None:
    """Backups beside a service that writes; each, put in a new data folder, opens with a whole ledger and nothing
    half-written, and the list goes on from there."""
    backups = [data.parent / f"copy{n}" for n in range(4)]
    for target in backups:
        assert main(["backup", str(target), "--data", str(data)]) == 0
    assert main(["ledger", "verify", "--data", str(data)]) == 0  # beside it too
    assert writer.poll() is None
    writer.kill()
    writer.wait()
    counts = []
    for n, target in enumerate(backups):
        folder = data.parent / f"new{n}"
        folder.mkdir(mode=0o700)
        shutil.copy(target, folder / DATABASE)
        restored = asyncio.run(kept(folder))
        whole = [r for r in restored if r.id.startswith("w")]
        counts.append(len(whole))
        now = {request.id: request for request in asyncio.run(kept(data))}
        for request in whole:
            # registered, or registered and called: never the request without its line or its attempt
            assert (request.version, len(request.attempts)) in ((0, 0), (1, 1))
            assert request == now[request.id] or request.version == 0
        asyncio.run(goes_on(folder, restored))
        assert main(["ledger", "verify", "--data", str(folder)]) == 0
    assert 0 < counts[0] <= counts[-1]
    assert counts == sorted(counts)
    assert "BROKEN" not in capsys.readouterr().out


async def goes_on(folder: Path, restored: list[CallbackRequest]) -> None:
    store = SqliteStore(folder / DATABASE)
    await store.open()
    for request in restored:
        assert len(await store.ledger(request.id)) == 1 + 2 * request.version
    request = restored[0]
    await store.save(Change(request, (new_entry(request, event="claimed"),)))
    await store.close()
