"""The JSON API at its edges: status, its own description, faults, and what gets into a log line."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from callback.store import StoreUnavailable
from callback.web.app import make_runner
from config.model import Role
from tests.web_site import BASE, FIELDS, NOTE, Client, World, application, ask, refusal

PHONE = "+4740001234"
GOOD = {"office_no": "9001", "phone": "40001234"}


@pytest.fixture
async def kari(world: World) -> dict[str, str]:
    return await world.token(Role.CASEWORKER, "9001", "Kari")


# -- status, openapi, and the edges


async def test_the_status(client: Client, world: World, kari: dict[str, str]) -> None:
    """Lines, store, sweep, the open requests of the offices one may see, and the prompts."""
    await world.caller()
    await world.caller(office_no="9002")
    world.line.up = False
    world.heart.last_error = "RuntimeError: +4740001234 broke it"
    status, body = await ask(client, "GET", "/status", kari)
    assert status == 200
    assert body["lines"] == [
        {
            "name": "simulated",
            "up": False,
            "since": "2026-11-23T08:05:00Z",
            "detail": "Start the exchange.",
            "alarm": "",
        }
    ]
    assert body["store"]["ok"] is True
    assert body["open_requests"] == [{"office_no": "9001", "name": "Lillevik", "open": 1}]
    assert (body["last_sweep"], body["last_sweep_error"]) == ("2026-11-23T08:05:00Z", "RuntimeError")
    assert body["prompts"].keys() == {"synthetic_count", "problems"}
    assert body["prompts"]["synthetic_count"] > 0
    assert body["version"] == "0.0.test"
    _, body = await ask(client, "GET", "/status", await world.token(Role.ADMIN))
    assert [office["open"] for office in body["open_requests"]] == [1, 1]
    _, body = await ask(client, "GET", "/status", await world.token(Role.CONTACT_CENTRE))
    assert body["open_requests"] == []


async def test_the_openapi_document_is_the_api(client: Client) -> None:
    """Open to read; every route is in it, and every reference leads somewhere."""
    response = await client.get(f"{BASE}/openapi.json")
    document = await response.json()
    assert response.status == 200
    routes = {
        (route.method.lower(), route.resource.canonical.removeprefix(BASE))
        for route in client.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith(BASE) and route.method != "HEAD"
    }
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert described == routes - {("get", "/openapi.json")}
    text = json.dumps(document)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]
    assert set(document["components"]["schemas"]["RequestView"]["properties"]) == FIELDS


async def test_unknown_paths_and_methods(client: Client, kari: dict[str, str]) -> None:
    """In the shape of every other refusal."""
    assert (await refusal(client, "GET", "/nowhere", kari))[:2] == (404, "not_found")
    response = await client.delete(f"{BASE}/requests", headers=kari)
    assert (response.status, (await response.json())["error_id"]) == (405, "method_not_allowed")
    assert "GET" in response.headers["Allow"]


async def test_a_body_nested_too_deeply_is_no_json(client: Client, kari: dict[str, str]) -> None:
    """Sixty thousand brackets are refused, not a fault of ours."""
    assert (await refusal(client, "POST", "/requests", kari, data=b"[" * 60_000))[:2] == (422, "not_json")


@pytest.mark.parametrize("query", ["40001234=1", "40001234=1&40001234=2"])
async def test_an_unknown_key_is_not_repeated(client: Client, kari: dict[str, str], query: str) -> None:
    """It may be a number that slipped into the wrong place."""
    response = await client.get(f"{BASE}/requests?{query}", headers=kari)
    assert response.status == 422
    assert "40001234" not in await response.text()
    response = await client.post(f"{BASE}/requests", headers=kari, json=GOOD | {"40001234": 1})
    assert (await response.json())["details"] == {"errors": [{"field": "", "problem": "unknown key"}]}


async def test_a_huge_body_is_refused(client: Client, kari: dict[str, str]) -> None:
    """Before it is read to its end."""
    assert (await refusal(client, "POST", "/requests", kari, data=b"x" * 100_000))[:2] == (413, "too_large")


async def test_a_store_that_fails_is_503(
    client: Client, world: World, kari: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was changed; the asker may try again. The status still answers, and says so."""
    request = await world.caller()

    async def broken(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("disk full")

    for name in ("register", "save", "find", "count_open"):
        monkeypatch.setattr(world.store, name, broken)
    for method, path, body in (
        ("GET", "/requests", None), ("POST", "/requests", GOOD), ("POST", f"/requests/{request.id}/call", {}),
    ):  # fmt: skip
        response = await client.request(method, BASE + path, headers=kari, json=body)
        assert (response.status, (await response.json())["error_id"]) == (503, "store_unavailable")
        assert response.headers["Retry-After"] == "5"
    _, status = await ask(client, "GET", "/status", kari)
    assert status["store"]["ok"] is False
    assert (await client.get("/healthz")).status == 503


async def test_a_fault_is_500_without_its_words(
    client: Client, world: World, kari: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer and the log say where, never what was in it."""

    async def broken(*_: Any) -> Any:
        raise RuntimeError(f"could not handle {PHONE}")

    monkeypatch.setattr(world.store, "find", broken)
    with capture_logs() as logs:
        status, error_id, details = await refusal(client, "GET", "/requests", kari)
    assert (status, error_id, details) == (500, "internal_error", {})
    (fault,) = [line for line in logs if line["event"] == "http_fault"]
    assert fault["error"] == "RuntimeError"
    assert "test_api_edges.py" in fault["where"]
    assert PHONE not in repr(logs)


async def test_no_number_name_or_note_in_any_log_line(
    client: Client, world: World, kari: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Numbers, notes, tokens and query strings never reach a log, whatever is done or refused."""
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        body = GOOD | {"note": NOTE}
        _, made = await ask(client, "POST", "/requests", kari, json=body)
        await ask(client, "POST", "/requests", kari, json=body | {"phone": "82912345"})
        await ask(client, "POST", "/requests", kari, json=body | {"surname": "Nordmann"})
        await client.get(f"{BASE}/requests?phone=40001234&surname=Nordmann", headers=kari)
        await client.get(f"{BASE}/requests?phone={PHONE}", headers=kari)
        await client.get(f"/api/v1/40001234?phone={PHONE}", headers=kari)
        await ask(client, "POST", f"/requests/{made['id']}/call", kari)
        await ask(client, "POST", f"/requests/{made['id']}/call", kari, json={"caseworker": "Ola Nordmann"})
    said = repr(logs) + "".join(record.getMessage() for record in caplog.records if record.name != "asyncio")
    for secret in ("40001234", "82912345", "Nordmann", NOTE, kari["Authorization"][7:], "?"):
        assert secret not in said, secret
    served = [line for line in logs if line["event"] == "http_served"]
    assert {line["route"] for line in served} >= {"/api/v1/requests", "/api/v1/requests/{id}/call", "unknown"}
    assert all(set(line) == {"event", "log_level", "method", "route", "status", "ms"} for line in served)


async def test_broken_http_is_logged_without_its_bytes(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A request line that is not HTTP may hold a number; the log says only what kind of error it was."""
    runner = make_runner(application(world))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    caplog.set_level(logging.DEBUG)
    for line in (
        b"GET /requests?phone=40001234 NONSENSE\r\n\r\n",
        b"GET /?phone=40001234 HTTP/1.1\r\nA b: c\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
        writer.write(line)
        assert b"400" in await reader.readline()
        writer.close()
        await writer.wait_closed()
    await runner.cleanup()
    formatter = logging.Formatter("%(message)s")
    said = "".join(formatter.format(record) for record in caplog.records if record.name == "tast1.http")
    assert "Error handling request" in said
    assert "40001234" not in said
