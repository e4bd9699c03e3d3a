"""Which browser the tests drive: CHROMIUM if it is set, else the first of the usual names (as in hardware/setup.sh)."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The path of a program, or the name that was wanted and is not there."""
    wanted = os.environ.get("CHROMIUM")
    found = [shutil.which(name) for name in ([wanted] if wanted else _NAMES)]
    return next((path for path in found if path), wanted or _NAMES[0])


CHROMIUM = chromium()


_QUIET = [
    "MediaRouter",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
]
"""What Playwright switches off to keep the browser from asking the network. A later list replaces its own."""
_STEADY = [
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "PaintHolding",
]
"""What Playwright switches off so that pages do the same each time."""
_UNSEEN = ["WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"]
"""Parts of a window that nobody sees here, each a page of its own in every window: half of what a window costs."""
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
    f"--disable-features={','.join(_QUIET + _STEADY + _UNSEEN)}",
]  # fmt: skip


@contextlib.asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A browser; whoever is done closes their contexts. Starting it takes as long as several tests."""
    if shutil.which(CHROMIUM) is None:
        pytest.fail(
            f"no browser at {CHROMIUM}: install Debian's package chromium, or set CHROMIUM to another"
        )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()
