"""The service as a whole, in this process, on the simulated line: starting, refusing to start, starting again."""

from __future__ import annotations

import stat
from pathlib import Path

import aiohttp
import pytest

from callback.desk import Registration
from callback.service import DataInUse, running
from config.model import Config, Secrets
from tests.offices import CALLER, config

pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")


def on_a_free_port() -> Config:
    made = config()
    service = made.settings.service.model_copy(update={"port": 0})
    return made.model_copy(update={"settings": made.settings.model_copy(update={"service": service})})


async def test_serves_and_starts_again(tmp_path: Path) -> None:
    """It serves its pages, stops, and finds the list again."""
    async with running(on_a_free_port(), Secrets(), tmp_path) as service:
        async with aiohttp.ClientSession() as client, client.get(f"{service.url}/healthz") as answer:
            assert answer.status == 200
        request, _ = await service.desk.register(Registration("9001", CALLER))
    async with running(on_a_free_port(), Secrets(), tmp_path) as service:
        assert (await service.desk.get(request.id)) == request


async def test_the_data_folder_is_for_its_user_only(tmp_path: Path) -> None:
    """It holds numbers and names."""
    data = tmp_path / "data"
    async with running(on_a_free_port(), Secrets(), data):
        assert stat.S_IMODE(data.stat().st_mode) == 0o700


async def test_a_second_service_on_the_same_data_is_refused(tmp_path: Path) -> None:
    """It would take the first one's calls for lost: refused before it has touched anything."""
    async with running(on_a_free_port(), Secrets(), tmp_path) as service:
        request, _ = await service.desk.register(Registration("9001", CALLER))
        await service.desk.start_attempt(request.id, "kari", "a1")
        with pytest.raises(DataInUse, match="another service"):
            async with running(on_a_free_port(), Secrets(), tmp_path):
                pass
        assert (await service.desk.get(request.id)).live_attempt is not None
