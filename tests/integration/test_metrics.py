"""GET /metrics: what it counts, who may ask, and that nothing personal is in it."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta

import pytest
from aiohttp import web

from callback.shifts import Planned
from callback.store import StoreUnavailable
from tests.web_site import Client, World, serve

TOKEN = "a-token-of-some-length"


def values(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"^(tast1_\S+) (\S+)$", text, re.MULTILINE)}


async def test_what_is_counted(client: Client, world: World) -> None:
    """Waiting, late and urgent by office, the line, the calls, who is on duty; no number, name or note."""
    await world.caller(note="about Kari Nordmann")
    world.clock.advance(timedelta(hours=3))
    await world.hungry()
    world.line.up = False
    response = await client.get("/metrics")
    text = await response.text()
    found = values(text)
    assert response.headers["Content-Type"].startswith("text/plain")
    assert {name: value for name, value in found.items() if "9002" not in name} == {
        'tast1_requests_waiting{office="9001"}': 2,
        'tast1_requests_late{office="9001"}': 0,
        'tast1_requests_urgent{office="9001"}': 1,
        'tast1_oncall_covered{line="vakt-9001",office="9001"}': 1,
        'tast1_oncall_coverage_ratio{line="vakt-9001",office="9001"}': 1,
        'tast1_oncall_gaps{line="vakt-9001",office="9001"}': 0,
        "tast1_store_up": 1,
        'tast1_line_up{line="simulated"}': 0,
        "tast1_calls_up": 0,
        "tast1_sweep_age_seconds": 3 * 3600,
    }
    assert found['tast1_requests_waiting{office="9002"}'] == 0
    for personal in ("4000", "+47", "Kari", "Nordmann"):
        assert personal not in text


async def test_coverage(client: Client, world: World) -> None:
    """How the coming four weeks look, beside now: a day without anybody, until it is over."""
    (line, *_) = world.desk.config.lines_of("9001")
    begins = world.clock.now() + timedelta(days=1)
    hole = Planned((), begins, begins + timedelta(hours=12))
    await world.desk.add_override(line, hole, "liv")
    of = '{line="vakt-9001",office="9001"}'
    for days, told in ((0, (1, 1)), (1, (0, 1)), (2, (1, 0))):
        world.clock.advance(timedelta(days=days and 1))
        found = values(await (await client.get("/metrics")).text())
        assert (found[f"tast1_oncall_covered{of}"], found[f"tast1_oncall_gaps{of}"] > 0) == told, days
        assert (found[f"tast1_oncall_coverage_ratio{of}"] < 1) == told[1], days


async def test_late(client: Client, world: World) -> None:
    """Whose last workable moment has passed."""
    await world.caller()
    world.clock.advance(timedelta(hours=48))
    assert values(await (await client.get("/metrics")).text())['tast1_requests_late{office="9001"}'] == 1


async def test_a_store_that_fails_is_told(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is still there."""

    async def fails(at: object) -> None:
        raise StoreUnavailable("full")

    monkeypatch.setattr(world.store, "open_counts", fails)
    found = values(await (await client.get("/metrics")).text())
    assert (found["tast1_store_up"], found['tast1_line_up{line="simulated"}']) == (0, 1)


async def test_who_may_ask(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token only programs on this machine, and not through a proxy; with one, whoever has it."""
    client = await serve(world)
    try:
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
            assert (await client.get("/metrics", headers={header: "10.0.0.1"})).status == 404
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(web.BaseRequest, "remote", "10.0.0.7")
            assert (await client.get("/metrics")).status == 404
    finally:
        await client.close()
    world.services = dataclasses.replace(world.services, metrics_token=TOKEN)
    client = await serve(world)
    try:
        assert (await client.get("/metrics")).status == 404
        assert (
            await client.get("/metrics", headers={"Authorization": "Bearer wrong-token-of-length"})
        ).status == 404
        monkeypatch.setattr(web.BaseRequest, "remote", "10.0.0.7")
        assert (await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})).status == 200
    finally:
        await client.close()
