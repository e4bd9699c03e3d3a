"""Marks what needs the local PBX, so that `make test` can run those tests beside all others.

The local PBX is a fixed contract (addresses and ports): there can be one at a time.
"""

from __future__ import annotations

import pytest

NEEDS_PBX = {"pbx", "asterisk"}
"""Fixtures, or kinds of a fixture, that start an Asterisk."""


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        kinds = set(item.callspec.id.split("-")) if hasattr(item, "callspec") else set()
        if (fixtures | kinds) & NEEDS_PBX:
            item.add_marker(pytest.mark.pbx)
