"""Whether everything works, and what to do when it does not: one look for the page and the API.

Never shows a number, a name of a caller, or the text of an exception.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from callback.access import Viewer
from callback.store import StoreError
from callback.web.context import SERVICES, Services
from callback.web.models import LineView, OfficeView, PromptsView, StatusView, StoreView
from callback.web.page import render, viewer_of


async def collect(services: Services, viewer: Viewer) -> StatusView:
    """A store or a prompt folder that fails is told, never raised."""
    error = services.heartbeat.last_error
    store, offices = await _store(services, viewer)
    lines = [source.status() for source in services.lines]
    return StatusView(
        version=services.version,
        started_at=services.started_at,
        now=services.clock.now(),
        lines=[LineView(name=s.name, up=s.up, since=s.since, detail=s.detail) for s in lines],
        store=store,
        last_sweep=services.heartbeat.last_sweep,
        last_sweep_error=error.partition(":")[0] if error else None,
        open_requests=offices,
        prompts=await asyncio.to_thread(_prompts, services),
    )


async def _store(services: Services, viewer: Viewer) -> tuple[StoreView, list[OfficeView]]:
    offices = []
    try:
        await services.desk.store.count_open()
        for office in services.config.offices:
            if viewer.works_for(office.office_no):
                count = await services.desk.store.count_open(office.office_no)
                offices.append(OfficeView(office_no=office.office_no, name=office.name, open=count))
    except StoreError as error:
        return StoreView(ok=False, detail=f"{type(error).__name__}: see whether the disk is full"), offices
    return StoreView(ok=True, detail=""), offices


def _prompts(services: Services) -> PromptsView:
    problems = services.library.problems(_languages(services))
    return PromptsView(synthetic_count=len(_synthetic(services)), problems=problems)


def _synthetic(services: Services) -> list[str]:
    return [item for language in _languages(services) for item in services.library.synthetic(language)]


def _languages(services: Services) -> list[str]:
    return list(dict.fromkeys(code for office in services.config.offices for code in office.languages))


async def status_page(request: web.Request) -> web.StreamResponse:
    services, viewer = request.config_dict[SERVICES], viewer_of(request)
    synthetic = await asyncio.to_thread(_synthetic, services)
    return render(request, "status.html", {"status": await collect(services, viewer), "synthetic": synthetic})


async def healthz(request: web.Request) -> web.StreamResponse:
    """For a monitor: 200 while the service can read its list, else 503. Says nothing else."""
    try:
        await request.config_dict[SERVICES].desk.store.count_open()
    except StoreError:
        return web.json_response({"status": "failing"}, status=503)
    return web.json_response({"status": "ok"})


def add_routes(app: web.Application) -> None:
    app.router.add_get("/status", status_page, name="status")
    app.router.add_get("/healthz", healthz, name="healthz")
