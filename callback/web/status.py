"""Whether everything works, and what to do when it does not: one look for the page and the API.

Never shows a number, a name of a caller, or the text of an exception.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime

from aiohttp import web

from callback.access import Viewer
from callback.store import StoreError
from callback.turn import is_unserved
from callback.web.context import SERVICES, Services
from callback.web.flash import set_flash
from callback.web.models import (
    ChannelView,
    CoverageView,
    HoursView,
    LineView,
    OfficeView,
    PromptsView,
    RefusalView,
    StatusView,
    StoreView,
    UnservedView,
)
from callback.web.page import Page, render, see_other, viewer_of
from callback.web.prompt_list import offices_led
from callback.web.serving_context import restricted
from config.load import ConfigError
from config.model import Office
from ivr.library import Problem, ProblemKind
from ivr.menu_drawing import draw_menu
from scheduler.calendar import OfficeCalendar


async def collect(services: Services, viewer: Viewer) -> StatusView:
    """A store or a prompt folder that fails is told, never raised."""
    error = services.heartbeat.last_error
    store, offices, unserved = await _store(services, viewer)
    channels = await _channels(services)
    lines = [source.status() for source in services.lines]
    return StatusView(
        version=services.version,
        started_at=services.started_at,
        now=services.clock.now(),
        lines=[LineView(name=s.name, up=s.up, since=s.since, detail=s.detail, alarm=s.alarm) for s in lines],
        channels=channels,
        store=store,
        last_sweep=services.heartbeat.last_sweep,
        last_sweep_error=error.partition(":")[0] if error else None,
        open_requests=offices,
        unserved=unserved,
        oncall=await _oncall(services, viewer),
        offices=_hours(services, viewer),
        prompts=await asyncio.to_thread(_prompts, services),
        refusals=await _refusals(services),
    )


async def _store(
    services: Services, viewer: Viewer
) -> tuple[StoreView, list[OfficeView], list[UnservedView]]:
    offices, unserved = [], []
    desk = services.desk
    try:
        await desk.store.count_open()
        bound = await restricted(desk)
        for office in services.config.offices:
            if viewer.works_for(number := office.office_no):
                away = sum(r.office_no == number != r.served_by for r in bound)
                here = sum(r.served_by == number != r.office_no for r in bound)
                count = await desk.store.count_open(number) - away + here
                offices.append(OfficeView(office_no=number, name=office.name, open=count))
                nobody = sum(r.served_by == number and is_unserved(r, services.config.people) for r in bound)
                if nobody:
                    unserved.append(UnservedView(office_no=number, name=office.name, count=nobody))
    except StoreError as error:
        broken = StoreView(ok=False, detail=f"{type(error).__name__}: see whether the disk is full")
        return broken, offices, unserved
    return StoreView(ok=True, detail=""), offices, unserved


async def _channels(services: Services) -> list[ChannelView]:
    """A store that fails is told elsewhere."""
    try:
        return [ChannelView.model_validate(asdict(channel)) for channel in await services.channels()]
    except StoreError:
        return []


async def _oncall(services: Services, viewer: Viewer) -> list[CoverageView]:
    """A store that fails is told elsewhere."""
    try:
        found = await services.desk.coverage()
    except StoreError:
        return []
    now, feeds, told = services.clock.now(), services.feeds(), []
    for one in found:
        line = services.desk.line(one.line_id)
        gaps = [gap for gap in one.gaps if gap.ends_at > now]
        feed = feeds.get(line.id)
        failing = feed is not None and feed.why != ""
        if viewer.works_for(line.office_no):
            told.append(
                CoverageView(
                    office_no=line.office_no, line=line.id, name=line.name, percent=one.percent, gaps=len(gaps),
                    first_gap_at=gaps[0].begins_at if gaps else None,
                    calendar_error=feed.why if feed and failing else None,
                    calendar_since=feed.since if feed and failing else None,
                )
            )  # fmt: skip
    return told


async def _refusals(services: Services) -> list[RefusalView]:
    """A store that fails is told elsewhere."""
    try:
        counts = await services.desk.refusals()
    except StoreError:
        return []
    often_first = sorted(counts.items(), key=lambda kind_count: (-kind_count[1], kind_count[0]))
    return [RefusalView(kind=kind, count=count) for kind, count in often_first]


def _hours(services: Services, viewer: Viewer) -> list[HoursView]:
    reached = [office for office in services.config.offices if viewer.may_register(office.office_no)]
    return [
        _hours_of(office, services.desk.calendar(office.office_no), services.clock.now())
        for office in reached
    ]


def _hours_of(office: Office, calendar: OfficeCalendar, now: datetime) -> HoursView:
    hours = calendar.hours_at(now)
    drop_in_from, drop_in_until = hours.drop_in or (None, None)
    return HoursView(
        office_no=office.office_no, name=office.name, open=hours.open, closes_at=hours.closes_at, opens_at=hours.opens_at,
        drop_in_from=drop_in_from, drop_in_until=drop_in_until,
    )  # fmt: skip


def _prompts(services: Services) -> PromptsView:
    problems = [problem.text for problem in _problems(services)]
    return PromptsView(synthetic_count=len(_synthetic(services)), problems=problems)


def _problems(services: Services) -> list[Problem]:
    return services.library.problems(_languages(services))


def _synthetic(services: Services) -> list[str]:
    return [item for language in _languages(services) for item in services.library.spoken(language)]


def _languages(services: Services) -> list[str]:
    return list(dict.fromkeys(code for office in services.config.offices for code in office.languages))


async def status_page(request: web.Request) -> web.StreamResponse:
    services, viewer = request.config_dict[SERVICES], viewer_of(request)
    problems = await asyncio.to_thread(_problems, services)
    status = await collect(services, viewer)
    # A language that is heard in bokmål until somebody records it is no fault.
    faults = [problem for problem in problems if problem.kind is not ProblemKind.NO_VOICE]
    context = {
        "status": status,
        "well": status.well and not faults,
        "problems": problems,
        "synthetic": await asyncio.to_thread(_synthetic, services),
        "may_preview": bool(offices_led(services, viewer)),
        "may_reload": viewer.may_reload,
        "last_reload": services.reloader.last if viewer.may_reload else None,
    }
    return render(request, "status.html", context)


async def reload(request: web.Request) -> web.StreamResponse:
    """The button. What came of it stands on the status page, for every administrator to see."""
    if not viewer_of(request).may_reload:
        raise web.HTTPNotFound
    response = see_other("/status")
    try:
        await request.config_dict[SERVICES].reloader.reload()
    except ConfigError:
        set_flash(response, "reload_refused")
    else:
        set_flash(response, "reloaded")
    return response


async def back(request: web.Request) -> web.StreamResponse:
    """The button's address opened as a page, after a login."""
    return see_other("/status")


async def healthz(request: web.Request) -> web.StreamResponse:
    """For a monitor: 200 while the service can read its list, else 503. Says nothing else."""
    try:
        await request.config_dict[SERVICES].desk.store.count_open()
    except StoreError:
        return web.json_response({"status": "failing"}, status=503)
    return web.json_response({"status": "ok"})


async def menu_picture(request: web.Request) -> web.Response:
    """What callers of an office can press, as SVG. Menus say nothing about anyone."""
    services = request.config_dict[SERVICES]
    office = services.config.office(request.match_info["office_no"])
    if office is None:
        raise web.HTTPNotFound
    menu = services.config.menu_of(office)
    picture = draw_menu(
        menu, services.library.catalogue, f"{office.name}: {office.menu}", Page(request).language
    )
    return web.Response(text=picture, content_type="image/svg+xml")


def add_routes(app: web.Application) -> None:
    app.router.add_get("/status", status_page, name="status")
    app.router.add_get(r"/menus/{office_no:\d{4}}.svg", menu_picture, name="menu")
    app.router.add_post("/status/reload", reload)
    app.router.add_get("/status/reload", back)
    app.router.add_get("/healthz", healthz, name="healthz")
