"""What every contract suite can ask for: the line under test and the store under test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.contract.line_rig import LineRig
from tests.contract.line_rig_asterisk import AsteriskRig
from tests.contract.line_rig_simulated import SimulatedRig
from tests.contract.line_rig_twilio import TwilioRig
from tests.contract.store_fixtures import make_store, reopen, store

__all__ = ["make_store", "reopen", "rig", "store"]

RIGS: list[type[LineRig[Any]]] = [SimulatedRig, TwilioRig, AsteriskRig]


@pytest_asyncio.fixture(params=RIGS, ids=lambda kind: kind.name)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[LineRig[Any]]:
    """The line and the world outside it, opened for one test."""
    rig: LineRig[Any] = request.param()
    try:
        await rig.open()
        yield rig
    finally:
        await rig.close()
