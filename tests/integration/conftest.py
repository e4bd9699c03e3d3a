"""The web side over a list in memory, for the tests of the pages and the API; and the lines that a scenario runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.twilio_phones import LINES
from tests.web_site import Client, World, login, open_world, serve


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return await open_world(tmp_path)


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    """Nobody yet."""
    client = await serve(world)
    yield client
    await client.close()


@pytest.fixture
async def kari(client: Client) -> Client:
    """The same client, logged in as a caseworker of office 9001."""
    await login(client, "kari")
    return client


@pytest.fixture(params=LINES)
def line(request: pytest.FixtureRequest) -> str:
    """Whoever asks for it runs on each of them."""
    return str(request.param)
