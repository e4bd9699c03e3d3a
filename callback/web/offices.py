"""The table of all offices, live; and the page of one, where its people confirm it and write an urgent message.

The table is for everybody who may log in. Its stream looks at the session before each thing it sends, and ends with it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import aiohttp_jinja2
import structlog
from aiohttp import web

from callback.board import Table
from callback.office_note import MAX_MESSAGE, MessageNotTaken, NoteKind
from callback.request import CallbackError
from callback.web.actions import form_of
from callback.web.auth import COOKIE
from callback.web.context import SERVICES, Services
from callback.web.flash import set_flash
from callback.web.office_rows import Drawn, OfficeRow, OfficeRows, may_confirm
from callback.web.page import Page, render, see_other, viewer_of
from config.model import Office
from config.values import Hours
from scheduler.clock import to_local

log = structlog.get_logger(__name__)

BEAT = timedelta(seconds=15)
"""So often a stream says that it lives, and looks whether the session does."""
_ROWS: web.AppKey[OfficeRows] = web.AppKey("office_rows", OfficeRows)
_HISTORY = 30
_SPECIAL_DAYS = timedelta(days=60)


async def table_page(request: web.Request) -> web.StreamResponse:
    services, viewer, page = request.config_dict[SERVICES], viewer_of(request), Page(request)
    table = await services.board.read()
    drawn = _drawn(request, table)
    own = [one for one in table.shown if one.office.office_no == viewer.office_no]
    context = {
        "registers": viewer.everywhere,
        "rows": list(drawn.html.values()),
        "version": drawn.version,
        "looked_at": _seconds(services),
        "own": [OfficeRow.of(one, page.words) for one in own if may_confirm(viewer, one.office.office_no)],
    }
    return render(request, "offices.html", context)


async def office_page(request: web.Request) -> web.StreamResponse:
    return render(request, "office.html", await _office_context(request))


async def confirm(request: web.Request) -> web.StreamResponse:
    """One click: what is shown of the office is right."""
    services, office = request.config_dict[SERVICES], _own_office(request)
    back = _back(await form_of(request), office)
    await services.desk.confirm_office(office.office_no, viewer_of(request).actor)
    set_flash(back, "office_confirmed")
    return back


async def say(request: web.Request) -> web.StreamResponse:
    services, office, page = request.config_dict[SERVICES], _own_office(request), Page(request)
    form = await form_of(request)
    try:
        until = date.fromisoformat(form["until"]) if form.get("until") else None
        await services.desk.say_of_office(
            office.office_no, viewer_of(request).actor, form.get("message", ""), until
        )
    except (ValueError, MessageNotTaken) as error:
        why = error.why if isinstance(error, MessageNotTaken) else "over"
        field = "until" if why in ("over", "too_far") else "message"
        errors = {field: page.t(f"office.refused.{why}", most=MAX_MESSAGE)}
        return render(request, "office.html", await _office_context(request, errors, form), status=422)
    response = see_other(f"/offices/{office.office_no}")
    set_flash(response, "office_said")
    return response


async def unsay(request: web.Request) -> web.StreamResponse:
    services, office = request.config_dict[SERVICES], _own_office(request)
    await services.desk.unsay_of_office(office.office_no, viewer_of(request).actor)
    response = see_other(f"/offices/{office.office_no}")
    set_flash(response, "office_unsaid")
    return response


async def back(request: web.Request) -> web.StreamResponse:
    """A form's address opened as a page: after a login, or a change of language on a refused form."""
    return see_other(f"/offices/{_office(request).office_no}")


# -- the stream


async def live(request: web.Request) -> web.StreamResponse:
    """Server-sent events: the rows that have changed, and a beat. What the page has seen already is in `seen`, or in what
    the browser says when it comes back."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    await response.prepare(request)
    seen = request.headers.get("Last-Event-ID") or request.query.get("seen", "")
    try:
        # Not all at the same moment, when the service was away.
        await response.write(f"retry: {random.randrange(1000, 5000)}\n\n".encode())  # noqa: S311 - no secret
        await _tell(request, response, seen)
    except (
        ConnectionError,
        CallbackError,
    ) as error:  # the browser has left; or the store fails: it comes back
        log.debug("stream_ended", why=type(error).__name__)
    return response


async def _tell(request: web.Request, response: web.StreamResponse, seen: str) -> None:
    services = request.config_dict[SERVICES]
    before: Drawn | None = None
    while not services.board.closed:
        table = await services.board.read()
        drawn = _drawn(request, table)
        session = await services.access.session(request.cookies.get(COOKIE, ""))
        if session is None:
            await response.write(b"event: gone\ndata:\n\n")
            return
        await response.write(_event(request, drawn, before, seen).encode())
        before, seen = drawn, drawn.version
        rest = session.expires_at - services.clock.now()
        await services.board.change(table, min(BEAT, max(rest, timedelta(0)) + timedelta(milliseconds=10)))


def _event(request: web.Request, drawn: Drawn, before: Drawn | None, seen: str) -> str:
    at = _seconds(request.config_dict[SERVICES])
    if drawn.version == seen:
        return f"event: beat\ndata: {at}\n\n"
    if before is not None and [*before.html] != [*drawn.html]:
        return "event: gone\ndata:\n\n"  # another set of offices: the page is fetched anew
    rows = request.config_dict[_ROWS].changes(before or Drawn("", {}), drawn)
    return f'event: rows\nid: {drawn.version}\ndata: {{"at": "{at}", "of": {len(drawn.html)}, "rows": {rows}}}\n\n'


def _drawn(request: web.Request, table: Table) -> Drawn:
    page = Page(request)
    return request.config_dict[_ROWS].draw(
        table, page.words, page.language, aiohttp_jinja2.get_env(request.app)
    )


def _seconds(services: Services) -> str:
    return to_local(services.board.looked_at).strftime("%H.%M.%S")


# -- one office


def _office(request: web.Request) -> Office:
    office = request.config_dict[SERVICES].config.office(request.match_info["office_no"])
    if office is None:
        raise web.HTTPNotFound
    return office


def _own_office(request: web.Request) -> Office:
    """403 for one that the viewer may read of, and not speak for."""
    office = _office(request)
    if not may_confirm(viewer_of(request), office.office_no):
        raise web.HTTPForbidden(reason="only the office's own people do this")
    return office


def _back(form: Mapping[str, str], office: Office) -> web.Response:
    """To where the button stood: `from` names one of our pages."""
    pages = {"table": "/offices", "list": "/requests", "roster": "/oncall"}
    return see_other(pages.get(form.get("from", ""), f"/offices/{office.office_no}"))


async def _office_context(
    request: web.Request, errors: Mapping[str, str] | None = None, form: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """`errors` and `form` when a message was refused."""
    services, page, office = request.config_dict[SERVICES], Page(request), _office(request)
    (shown,) = await services.desk.offices_now([office])
    words, today = page.words, to_local(services.clock.now()).date()
    history = await services.desk.store.office_history(office.office_no, _HISTORY)
    days = [day for day in office.special_days if today <= day.date <= today + _SPECIAL_DAYS]
    return {
        "row": OfficeRow.of(shown, words),
        "may_confirm": may_confirm(viewer_of(request), office.office_no),
        "may_register": viewer_of(request).may_register(office.office_no),
        "hours": _week(office, page),
        "special_days": [(words.day(day.date), _day(day.phone_hours, page), day.note) for day in days],
        "history": [
            (words.when(note.at), words.t(_what(note.kind, note.text), name=words.person(note.by)), note.text)
            for note in history
        ],
        "today": today.isoformat(),
        "most": MAX_MESSAGE,
        "errors": errors or {},
        "form": form or {},
    }


def _what(kind: NoteKind, text: str) -> str:
    if kind is NoteKind.CONFIRMED:
        return "office.history.confirmed"
    return "office.history.message" if text else "office.history.unsaid"


def _week(office: Office, page: Page) -> list[tuple[str, str, str]]:
    names, drop_in = page.t("weekdays").split(), office.drop_in_hours
    return [
        (
            names[n].capitalize(),
            _day(office.phone_hours.on(n), page),
            _day(drop_in.on(n) if drop_in else None, page, "office.drop_in.none"),
        )
        for n in range(7)
    ]


def _day(hours: Hours | None, page: Page, none: str = "office.closed") -> str:
    if hours is None:
        return page.t(none)
    clock = page.t("time.clock")
    return f"{hours.opens.strftime(clock)}–{hours.closes.strftime(clock)}"


async def _close(app: web.Application) -> None:
    app[SERVICES].board.close()


def add_routes(app: web.Application) -> None:
    app[_ROWS] = OfficeRows()
    app.on_shutdown.append(_close)
    one = r"/offices/{office_no:\d{4}}"
    app.router.add_get("/offices", table_page, name="offices")
    app.router.add_get("/offices/live", live, name="offices-live")
    app.router.add_get(one, office_page, name="office")
    for name, act in (("confirm", confirm), ("message", say), ("unsay", unsay)):
        app.router.add_post(f"{one}/{name}", act)
        app.router.add_get(f"{one}/{name}", back)
