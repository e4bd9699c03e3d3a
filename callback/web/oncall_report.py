"""The report of the on-call lines: a page for those who lead an office, and the API's answer. Nothing of a caller.

Names stand on the page of one office only, for whoever leads it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from aiohttp import web

from callback.access import Viewer
from callback.consult_report import total
from callback.report_view import ComparisonView, FiguresView, ReportQuery, ReportView, WeekView
from callback.web.api import BASE, answer
from callback.web.context import SERVICES, Services
from callback.web.page import Page, render, viewer_of

_CHOICES = (4, 8, 13, 26, 52)


async def page(request: web.Request) -> web.StreamResponse:
    """One office, or all that the viewer leads together."""
    services, viewer = request.config_dict[SERVICES], viewer_of(request)
    led = _offices(services, viewer, led=True)
    if not led and not viewer.leads(viewer.office_no or ""):
        raise web.HTTPNotFound
    # A language may be chosen by the address too.
    asked = ReportQuery.model_validate(
        {k: request.query[k] for k in ReportQuery.model_fields if k in request.query}
    )
    office_no, weeks = asked.office or "", asked.weeks
    if office_no and office_no not in led:
        raise web.HTTPNotFound
    words = Page(request).words
    shown = [office_no] if office_no else led
    found = await services.desk.consult_report(shown, weeks, people=len(shown) == 1)
    together = found.together
    # Hundreds of offices are some work, and callers' keys come between.
    view = await asyncio.to_thread(ReportView.of, found, services.config, shown if len(shown) == 1 else ())
    return render(
        request,
        "oncall_report.html",
        {
            "offices": [(no, words.office_name(no)) for no in led],
            "office_no": office_no,
            "weeks": weeks,
            "choices": sorted({*_CHOICES, weeks}),
            "report": view,
            "comparison": ComparisonView(),
            "all": FiguresView.of(total(together)),
            "by_week": [WeekView.of_week(*pair) for pair in zip(found.weeks, together, strict=True)][::-1],
            "people": view.offices[0].people if len(shown) == 1 else None,
            "span": lambda seconds: words.span(timedelta(seconds=seconds)),
        },
    )


async def report(request: web.Request) -> web.StreamResponse:
    """GET /oncall/report: without names but for whoever leads the office."""
    services, viewer = request.config_dict[SERVICES], viewer_of(request)
    asked = ReportQuery.model_validate(dict(request.query))
    seen = _offices(services, viewer)
    if asked.office is not None and asked.office not in seen:
        raise web.HTTPNotFound
    wanted = seen if asked.office is None else [asked.office]
    named = [no for no in wanted if viewer.leads(no)]
    found = await services.desk.consult_report(wanted, asked.weeks, people=bool(named))
    return answer(await asyncio.to_thread(ReportView.of, found, services.config, named))


def _offices(services: Services, viewer: Viewer, *, led: bool = False) -> list[str]:
    """Those with an on-call line that the viewer sees, or leads."""
    may = viewer.leads if led else viewer.may_see_office
    return [
        o.office_no
        for o in services.config.offices
        if may(o.office_no) and services.config.lines_of(o.office_no)
    ]


def add_routes(app: web.Application) -> None:
    app.router.add_get("/oncall/report", page, name="oncall-report")


def add_api_routes(app: web.Application) -> None:
    app.router.add_get(f"{BASE}/oncall/report", report)
