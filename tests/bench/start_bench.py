"""How soon the service is ready beside a long list: from the start of its process, as `tast1 serve` is started."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from tests.bench.own_packages import environment
from tests.bench.store_bench import fill
from tests.e2e.service import Service
from tests.e2e.waiting import until


async def start_times(directory: Path, requests: int = 100_000, times: int = 3) -> list[float]:
    """Seconds from the start to the first page and the log's `ready`, whichever is later; a first start, which
    migrates and compiles, is not counted."""
    service = Service(directory / "service", "simulated", 8612, environment(directory))
    took: list[float] = []
    async with service:
        await service.stop()
        fill(service.directory / "data" / "tast1.sqlite3", requests)
        for number in range(times):
            began = time.time()
            await service.start()
            served = time.time()
            ready = await until(
                lambda seen=number + 2: _ready(service, seen), 10, "the log says that it is ready"
            )
            took.append(max(served, ready) - began)
            await service.stop()
    return took


def _ready(service: Service, seen: int) -> float | None:
    lines = service.log("ready")
    return datetime.fromisoformat(lines[-1]["timestamp"]).timestamp() if len(lines) >= seen else None
