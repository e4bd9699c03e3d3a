"""The table of offices before many eyes: a real service with 300 offices, and 200 browsers that hold its stream.

A browser here is a connection that reads: what a page does with what it gets is not measured.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.bench.own_packages import environment
from tests.bench.process import cpu_seconds, memory_mb
from tests.e2e.service import Service

OFFICES, BROWSERS = 300, 200
CHANGES, IDLE = 20, 30.0
_PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Watched:
    page_ms: list[float]
    """From the request to the last byte of the whole page, one after another."""
    page_kb: float
    told_ms: list[float]
    """From a click to the last of the browsers that has it; one for each change."""
    cpu_idle: float
    """Share of one processor that all browsers add while nothing happens."""
    cpu_change: float
    """Seconds for each change, all browsers together."""
    memory_before: float
    memory: float
    """MB, without browsers and with all of them."""


async def watched(directory: Path, port: int = 8613, browsers: int = BROWSERS, changes: int = CHANGES,
                  idle: float = IDLE) -> Watched:  # fmt: skip
    env = environment(directory) | {"TAST1_DEMO_PASSWORD": _PASSWORD}
    async with Service(directory / "service", "simulated", port, env) as service:
        await service.stop()
        for file, text in _config().items():
            (service.directory / "config" / file).write_text(text)
        await service.start()
        assert service._process is not None
        pid = service._process.pid
        connector = aiohttp.TCPConnector(limit=0)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(service.url, connector=connector, cookie_jar=jar) as client:
            csrf = await _login(client)
            pages = [await _page(client) for _ in range(30)][5:]
            await _calm(pid)
            before, alone = memory_mb(pid), await _busy(pid, idle)
            crowd = [_Browser() for _ in range(browsers)]
            tasks = [asyncio.create_task(browser.look(client)) for browser in crowd]
            await asyncio.gather(*(browser.wait() for browser in crowd))
            cpu_idle = await _busy(pid, idle) - alone
            cpu, told = cpu_seconds(pid), []
            for number in range(changes):
                for browser in crowd:
                    browser.told.clear()
                began = time.perf_counter()
                form = {"csrf": csrf, "message": f"Melding {number}"}
                async with client.post(
                    f"/offices/{1000 + number}/message", data=form, allow_redirects=False
                ) as answer:
                    assert answer.status == 303
                await asyncio.gather(*(browser.wait() for browser in crowd))
                told.append((time.perf_counter() - began) * 1000)
            cpu_change, memory = (cpu_seconds(pid) - cpu) / max(changes, 1), memory_mb(pid)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return Watched(
            [ms for ms, _ in pages], pages[0][1] / 1000, told, cpu_idle, cpu_change, before, memory
        )


class _Browser:
    def __init__(self) -> None:
        self.told = asyncio.Event()

    async def look(self, client: aiohttp.ClientSession) -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        async with client.get("/offices/live", timeout=timeout, max_line_size=2**21) as stream:
            while line := await stream.content.readuntil(b"\n"):
                if line.startswith(b"data: {"):
                    self.told.set()

    async def wait(self) -> None:
        async with asyncio.timeout(30):
            await self.told.wait()


async def _busy(pid: int, seconds: float) -> float:
    """Share of one processor from now on."""
    before = cpu_seconds(pid)
    await asyncio.sleep(seconds)
    return (cpu_seconds(pid) - before) / max(seconds, 0.01)


async def _calm(pid: int) -> None:
    """A new service makes its prompts first."""
    async with asyncio.timeout(300):
        while await _busy(pid, 2) > 0.05:
            pass


async def _login(client: aiohttp.ClientSession) -> str:
    """The token of the forms."""

    async def token(path: str) -> str:
        async with client.get(path) as answer:
            found = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
        assert found is not None
        return found[1]

    form = {"person": "admin", "password": _PASSWORD, "csrf": await token("/login")}
    async with client.post("/login", data=form) as answer:
        assert answer.status == 200
    return await token("/status")


async def _page(client: aiohttp.ClientSession) -> tuple[float, int]:
    """(ms, bytes)"""
    began = time.perf_counter()
    async with client.get("/offices") as answer:
        body = await answer.read()
    assert body.count(b"<tr role") == OFFICES + 1
    return (time.perf_counter() - began) * 1000, len(body)


def _config() -> dict[str, str]:
    offices, staff = [], ['[[person]]\nid = "admin"\nname = "Drift"\nrole = "admin"\n']
    week = "".join(f'{day} = "00:00-23:59"\n' for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
    for n in range(OFFICES):
        number = 1000 + n
        offices.append(
            f'[[office]]\noffice_no = "{number}"\nname = "Nav Kontor {n}"\nmunicipality_no = "{number}"\n'
            f'municipality = "Kommune {n}"\npublic_number = "+477310{number}"\noncall_number = "+477320{number}"\n'
            f'fallback_number = "+4740{number}00"\n[office.phone_hours]\n{week}[office.drop_in_hours]\n{week}'
        )
        staff.append(
            f'[[person]]\nid = "p{n}"\nname = "Person {n}"\nrole = "leader"\noffice_no = "{number}"\n'
            f'mobile = "+4740{number}00"\nprotected_access = true\n'
        )
    return {"offices.toml": "\n".join(offices), "staff.toml": "\n".join(staff)}
