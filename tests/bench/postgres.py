"""A PostgreSQL of our own for a moment: on loopback, in a folder on the disk, as durable as it comes (fsync and
synchronous_commit on)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ACCOUNTS = ("postgres", "nobody")
"""PostgreSQL does not run as root."""


class NoPostgres(Exception):
    """It cannot be had on this machine; the message says why."""


@contextmanager
def postgres() -> Iterator[str]:
    """Its connection string. Raises NoPostgres."""
    programs = _programs()
    # Not below the checkout: the account it runs as may be let in nowhere there.
    directory = Path(tempfile.mkdtemp(prefix="tast1-bench-", dir="/var/tmp"))
    account = _account()
    data = directory / "data"
    try:
        if account:
            shutil.chown(directory, account)
        _run(
            account,
            programs / "initdb",
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "bench",
            "--no-locale",
            "-E",
            "UTF8",
        )
        port = _free_port()
        options = (
            f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=on -c synchronous_commit=on"
            " -c full_page_writes=on"
        )
        log = directory / "log"
        _run(account, programs / "pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start")
        try:
            yield f"postgresql://bench@127.0.0.1:{port}/postgres"
        finally:
            _run(account, programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [
        Path(found) for found in [shutil.which("initdb")] if found
    ]
    if not found:
        raise NoPostgres("PostgreSQL is not installed (Debian: postgresql)")
    return found[-1].parent


def _account() -> str | None:
    """Whom it runs as; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for account in _ACCOUNTS:
        if subprocess.run(["id", account], capture_output=True, check=False).returncode == 0:
            return account
    raise NoPostgres("there is no account it could run as: it refuses root")


def _run(account: str | None, program: Path, *arguments: Path | str) -> None:
    before = ["runuser", "-u", account, "--"] if account else []
    # Not through pipes: the server keeps them open.
    with tempfile.TemporaryFile() as said:
        command = [*before, str(program), *map(str, arguments)]
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False, timeout=60
        )
        if done.returncode != 0:
            said.seek(0)
            raise NoPostgres(f"{program.name} failed: {said.read().decode(errors='replace')[-300:].strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
