"""How the whole suite is run: by two workers, of which one has everything that needs the local PBX.

The local PBX is a fixed contract (addresses and ports), so there can be one at a time.
"""

from __future__ import annotations

import pytest

NEEDS_PBX = {"pbx", "asterisk"}
"""Fixtures, or kinds of a fixture, that start an Asterisk."""


@pytest.hookimpl(tryfirst=True)  # before the plugin looks for the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        kinds = set(item.callspec.id.split("-")) if hasattr(item, "callspec") else set()
        if (fixtures | kinds) & NEEDS_PBX:
            item.add_marker(pytest.mark.xdist_group("pbx"))
