"""What a process used and holds, and how busy the machine was, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mb(pid: int) -> float:
    """Resident memory now, in MB of 1,000,000 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ProcessLookupError(pid)


class Machine:
    """How busy all its processors are, from now on. What a host takes from a virtual machine counts as busy."""

    def __init__(self) -> None:
        self._before = self._times()

    def busy(self) -> float:
        """Share since the beginning, 0 to 1."""
        spent = [after - before for after, before in zip(self._times(), self._before, strict=True)]
        return 1 - (spent[3] + spent[4]) / sum(spent)

    @staticmethod
    def _times() -> list[int]:
        """user, nice, system, idle, waiting for the disk, interrupts, soft interrupts, taken by the host."""
        return [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
