"""Marks what needs the local PBX, so that `make test` can run those tests beside all others, several at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests import own_network
from tests.speech import SPEECH

# The same examples at every run, so that a failure is the doing of a change; look for new ones with
# `--hypothesis-profile=explore`.
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("same")

NEEDS_PBX = {"pbx", "asterisk"}
"""Fixtures, or kinds of a fixture, that start an Asterisk."""
PBXS = 4
"""Local PBXs at a time: their tests mostly listen."""


@pytest.fixture(scope="session")
def speech_cache() -> Path:
    return SPEECH


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        kinds = set(item.callspec.id.split("-")) if hasattr(item, "callspec") else set()
        if (fixtures | kinds) & NEEDS_PBX:
            item.add_marker(pytest.mark.pbx)
    items.sort(
        key=lambda item: item.get_closest_marker("long") is None
    )  # else the others wait for them at the end


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: one where this user may have no network of its own. Slower, and nothing is left out."""
    return PBXS if own_network.is_possible() else 1


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is not None and worker["workercount"] > 1:
        own_network.enter()
