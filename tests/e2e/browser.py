"""Which browser the tests drive: CHROMIUM if it is set, else the first of the usual names (as in hardware/setup.sh)."""

from __future__ import annotations

import os
import shutil

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The path of a program, or the name that was wanted and is not there."""
    wanted = os.environ.get("CHROMIUM")
    found = [shutil.which(name) for name in ([wanted] if wanted else _NAMES)]
    return next((path for path in found if path), wanted or _NAMES[0])


CHROMIUM = chromium()
