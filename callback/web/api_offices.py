"""The part of the API about offices: what is shown of them, and who is on duty on their on-call lines."""

from __future__ import annotations

from aiohttp import web

from callback.office_view import (
    GapView,
    OfficeFactsList,
    OfficeFactsView,
    OfficeOnCallDetailView,
    OfficeOnCallList,
    OfficeOnCallView,
    OnCallDetailView,
)
from callback.web import oncall_report
from callback.web.api import BASE, answer
from callback.web.context import SERVICES
from callback.web.page import viewer_of


async def offices(request: web.Request) -> web.StreamResponse:
    """GET /offices"""
    return answer(OfficeFactsList(offices=await _shown(request)))


async def on_call(request: web.Request) -> web.StreamResponse:
    """GET /oncall"""
    shown = [
        OfficeOnCallView(office_no=view.office_no, name=view.name, on_call=view.on_call)
        for view in await _shown(request)
    ]
    return answer(OfficeOnCallList(offices=shown))


async def on_call_of(request: web.Request) -> web.StreamResponse:
    """GET /oncall/{office_no}: 404 for an office the token may not see."""
    desk, wanted = request.config_dict[SERVICES].desk, request.match_info["office_no"]
    shown = next((view for view in await _shown(request) if view.office_no == wanted), None)
    if shown is None:
        raise web.HTTPNotFound
    lines = [
        OnCallDetailView(**view.model_dump(), gaps=[GapView.of(gap) for gap in await desk.on_call_gaps(line)])
        for view in shown.on_call
        if (line := desk.config.line(view.line)) is not None
    ]
    return answer(OfficeOnCallDetailView(office_no=wanted, name=shown.name, on_call=lines))


async def _shown(request: web.Request) -> list[OfficeFactsView]:
    table, viewer = await request.config_dict[SERVICES].board.read(), viewer_of(request)
    return [view for view in table.views if viewer.may_see_office(view.office_no)]


def add_routes(app: web.Application) -> None:
    app.router.add_get(f"{BASE}/offices", offices)
    app.router.add_get(f"{BASE}/oncall", on_call)
    oncall_report.add_api_routes(app)  # before those of one office
    app.router.add_get(f"{BASE}/oncall/{{office_no}}", on_call_of)
