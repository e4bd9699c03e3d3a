"""The service as a whole, in this process, on the simulated line: starting, refusing to start, starting again."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path

import aiohttp
import pytest

from callback.desk import Registration
from callback.service import DataInUse, running
from config.model import Config, Secrets
from tests.offices import CALLER, config
from tests.speech import keep_speech

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
        with pytest.raises(
            DataInUse, match=f"another service runs on {tmp_path} .process {os.getpid()}.: stop it"
        ):
            async with running(on_a_free_port(), Secrets(), tmp_path):
                pass
        assert (await service.desk.get(request.id)).live_attempt is not None


async def started(data: Path) -> asyncio.subprocess.Process:
    """`tast1 serve` on that folder, ready or refused."""
    words = ("-m", "callback.cli", "serve", "--line", "simulated", "--port", "0", "--data", str(data))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TAST1_")}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=pipe, stderr=pipe, env=environment
    )
    assert process.stdout is not None
    while line := await asyncio.wait_for(process.stdout.readline(), 30):
        if b"ready" in line:
            break
    return process


async def tast1(*words: str) -> int:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "callback.cli", *words)
    return await asyncio.wait_for(process.wait(), 30)


async def test_one_service_for_each_data_folder(tmp_path: Path) -> None:
    """A second is told what, where and what to do; the command line works beside the first; after a kill -9 of the
    first the next one starts at once."""
    data = tmp_path / "data"
    keep_speech(data)
    first = await started(data)
    second = await started(data)
    _, told = await second.communicate()
    assert second.returncode == 1
    assert f"tast1: another service runs on {data} (process {first.pid}): stop it" in told.decode()
    folder = ("--data", str(data))
    assert await tast1("token", "create", "--role", "admin", "--name", "x", *folder) == 0
    assert await tast1("never-call", "add", "40001234", *folder) == 0
    assert await tast1("ledger", "verify", *folder) == 0
    assert await tast1("backup", str(tmp_path / "copy"), *folder) == 0
    first.send_signal(signal.SIGKILL)  # and not waited for
    last, first = first, await started(data)
    await last.communicate()
    assert first.returncode is None
    first.terminate()
    _, told = await asyncio.wait_for(first.communicate(), 30)
    assert first.returncode == 0, told
