"""Where the local PBX's Asterisk comes from: the machine's own, or a Debian folder with Asterisk 22 built once.

It must never take a half-built folder for a whole one, and never leave a mount behind: every mount is made in a
private mount namespace that ends with the process.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OLDEST_HOST_VERSION: Final = (18, 0)
_RUN_DIR_INSIDE: Final = "/srv/pbx"
_NEEDED_TOOLS: Final = ("mmdebstrap", "tar", "unshare", "setpriv")

# Runs inside a private mount namespace. The last step makes Asterisk end with the process that started it.
_ENTER_ROOT: Final = """
root=$1; run=$2; shift 2
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$run" "$root/srv/pbx"
exec setpriv --pdeathsig TERM chroot "$root" "$@"
"""


class AsteriskRootError(RuntimeError):
    """No Asterisk could be found or built."""


@dataclass(frozen=True, slots=True)
class Asterisk:
    """An Asterisk that can be run: the machine's own (`root` is None) or the one in a folder."""

    version: tuple[int, int]
    root: Path | None

    def base(self, run_dir: Path) -> str:
        """The run folder as this Asterisk sees it."""
        return str(run_dir) if self.root is None else _RUN_DIR_INSIDE

    def command(self, run_dir: Path, arguments: Sequence[str]) -> list[str]:
        """A command line that runs Asterisk on the configuration in `run_dir`/etc, as one process."""
        asterisk = ["asterisk", "-C", f"{self.base(run_dir)}/etc/asterisk.conf", *arguments]
        if self.root is None:
            return ["setpriv", "--pdeathsig", "TERM", *asterisk]
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        enter = [
            "unshare",
            *user,
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-ec",
            _ENTER_ROOT,
            "local-pbx",
        ]
        return [*enter, str(self.root), str(run_dir), *asterisk]


def find_asterisk(root: Path) -> Asterisk:
    """The machine's own Asterisk if it is new enough; else the one in `root`, which is built if it is not there."""
    found = shutil.which("asterisk")
    version = _version([found]) if found else None
    if version is not None and version >= OLDEST_HOST_VERSION:
        return Asterisk(version, None)
    root = root.absolute()
    _build_once(root)
    version = _version(_inside(root, ["asterisk"]))
    if version is None:
        raise AsteriskRootError(
            f"the Asterisk in {root} does not start; remove that folder to build it again"
        )
    return Asterisk(version, root)


def _inside(root: Path, command: Sequence[str]) -> list[str]:
    user = [] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
    return [*user, "chroot", str(root), *command]


def _version(command: Sequence[str]) -> tuple[int, int] | None:
    try:
        run = subprocess.run([*command, "-V"], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    except OSError:
        return None
    match = re.search(r"Asterisk (\d+)\.(\d+)", run.stdout)
    return (int(match[1]), int(match[2])) if match else None


def _build_once(root: Path) -> None:
    """Build below a temporary name and rename, under a lock: two builders make one root."""
    if root.is_dir():
        return
    needed = _NEEDED_TOOLS if os.geteuid() == 0 else (*_NEEDED_TOOLS, "newuidmap")
    missing = [tool for tool in needed if shutil.which(tool) is None]
    if missing:
        raise AsteriskRootError(f"needed to build the local PBX and not installed: {', '.join(missing)}")
    root.parent.mkdir(parents=True, exist_ok=True)
    with (root.parent / f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.is_dir():
            return
        for stale in root.parent.glob(f"{root.name}.part-*"):
            shutil.rmtree(stale)
        part = root.parent / f"{root.name}.part-{os.getpid()}"
        part.mkdir()
        try:
            _build(part)
            part.rename(root)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _build(part: Path) -> None:
    """As a tar stream, so that the files belong to whoever builds, and can be removed without being root."""
    print(f"Building the local PBX in {part.parent} (once, about a minute) ...", file=sys.stderr, flush=True)
    mode = "--mode=auto" if os.geteuid() == 0 else "--mode=unshare"
    options = ["--variant=minbase", "--include=asterisk", "--format=tar", "--quiet"]
    apt = ['Apt::Install-Recommends "false"', 'Acquire::Check-Valid-Until "false"']
    build = ["mmdebstrap", mode, *options, *(f"--aptopt={option}" for option in apt), "sid", "-"]
    unpack = ["tar", "-x", "-C", str(part), "--no-same-owner", "--exclude=./dev/*", "-f", "-"]
    log = part.parent / "build.log"
    with log.open("wb") as errors, subprocess.Popen(build, stdout=subprocess.PIPE, stderr=errors) as builder:  # noqa: S603 - our own words
        unpacked = subprocess.run(unpack, stdin=builder.stdout, stderr=errors, check=False)  # noqa: S603 - our own words
        built = builder.wait()
    if built != 0 or unpacked.returncode != 0:
        raise AsteriskRootError(f"mmdebstrap ended with {built}, tar with {unpacked.returncode}; see {log}")
    (part / _RUN_DIR_INSIDE.lstrip("/")).mkdir(parents=True, exist_ok=True)
