"""The roster page of an office's on-call lines, for its caseworkers and leaders, and the calendar others subscribe to.

A form that is refused changes nothing and says why beside its field. The calendar holds staff names and times, no caller.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from aiohttp import web

from callback.desk_roster import UnknownLine
from callback.desk_shifts import RosterRefused
from callback.duty_calendar import CalendarRefused, shifts_in
from callback.shifts import Planned, StaleRoster
from callback.web.actions import form_of
from callback.web.context import SERVICES
from callback.web.flash import set_flash
from callback.web.oncall_view import line_of, lines_of, roster_context
from callback.web.page import Page, render, see_other, viewer_of
from config.oncall import OnCallLine
from scheduler.clock import from_local
from scheduler.ical import Told, write_calendar
from scheduler.ical_lines import MOST_BYTES
from scheduler.roster import ShiftSource

UPLOAD = "/oncall/import"
UPLOAD_LIMIT = MOST_BYTES + 64 * 1024
"""Bytes of a whole form with a calendar."""
_EXPORTED_BEFORE, _EXPORTED_AFTER = timedelta(days=28), timedelta(days=366)
_AT = {"stranger": "person1", "nobody": "person1", "ends_first": "ends", "too_long": "ends", "over": "ends"}
"""Where a refusal stands in the form."""


async def roster_page(request: web.Request) -> web.StreamResponse:
    lines = lines_of(request.config_dict[SERVICES], viewer_of(request))
    wanted = request.query.get("line")
    if not lines and wanted is None:
        return render(request, "oncall.html", {"lines": [], "errors": {}, "leads": False})
    line = lines[0] if wanted is None else line_of(request, wanted)
    return render(request, "oncall.html", await roster_context(request, line))


async def save(request: web.Request) -> web.StreamResponse:
    """A new shift or override, or a change of one."""
    form, desk, actor = await form_of(request), request.config_dict[SERVICES].desk, viewer_of(request).actor
    line = line_of(request, form.get("line", ""))
    planned, errors = _planned(form, Page(request))
    if planned is None:
        return await _refused(request, line, errors, form)
    act: Callable[[], Awaitable[object]]
    if form.get("shift"):
        act = lambda: desk.change_shift(line, form["shift"], planned, actor)  # noqa: E731
    elif form.get("kind") == "override":
        act = lambda: desk.add_override(line, planned, actor)  # noqa: E731
    else:
        act = lambda: desk.add_shift(line, planned, actor)  # noqa: E731
    return await _done(request, line, form, act, "roster_saved")


async def remove(request: web.Request) -> web.StreamResponse:
    form, desk = await form_of(request), request.config_dict[SERVICES].desk
    line = line_of(request, form.get("line", ""))
    return await _done(
        request, line, form,
        lambda: desk.remove_shift(line, form.get("shift", ""), viewer_of(request).actor), "roster_removed",
    )  # fmt: skip


async def swap(request: web.Request) -> web.StreamResponse:
    form, desk = await form_of(request), request.config_dict[SERVICES].desk
    line = line_of(request, form.get("line", ""))
    first, second = form.get("first", ""), form.get("second", "")
    if not first or not second or first == second:
        return await _refused(request, line, {"first": Page(request).t("oncall.refused.swap_two")}, form)
    return await _done(
        request, line, form, lambda: desk.swap(line, first, second, viewer_of(request).actor), "roster_swapped"
    )  # fmt: skip


async def take_file(request: web.Request) -> web.StreamResponse:
    sent, desk = await request.post(), request.config_dict[SERVICES].desk
    upload, data = sent.get("file"), b""
    if isinstance(upload, web.FileField):
        with upload.file:
            data = await asyncio.to_thread(upload.file.read)
    line = line_of(request, str(sent.get("line", "")))
    if not data:
        return await _refused(request, line, {"file": Page(request).t("oncall.import.missing")}, {})
    try:
        now, staff = request.config_dict[SERVICES].clock.now(), desk.staff_of(line)
        events = await asyncio.to_thread(shifts_in, data, staff, now)
    except CalendarRefused as error:
        context = await roster_context(
            request, line, {"file": Page(request).t("oncall.import.refused")}, {}, str(error).splitlines()
        )
        return render(request, "oncall.html", context, status=422)
    return await _done(
        request, line, {},
        lambda: desk.take_calendar(line, events, ShiftSource.IMPORT, viewer_of(request).actor), "roster_imported",
    )  # fmt: skip


async def renew(request: web.Request) -> web.StreamResponse:
    form, viewer = await form_of(request), viewer_of(request)
    line = line_of(request, form.get("line", ""))
    if not viewer.leads(line.office_no):
        raise web.HTTPNotFound
    desk = request.config_dict[SERVICES].desk
    return await _done(
        request, line, form, lambda: desk.renew_export_key(line, viewer.actor), "address_renewed"
    )


async def calendar(request: web.Request) -> web.StreamResponse:
    """For whoever has the address: Outlook sends no login."""
    services = request.config_dict[SERVICES]
    desk, now = services.desk, services.clock.now()
    try:
        line = desk.line(request.match_info["line"])
    except UnknownLine:
        raise web.HTTPNotFound from None
    key = await desk.export_key(line)
    if not secrets.compare_digest(key.encode(), request.query.get("key", "").encode()):
        raise web.HTTPNotFound
    stretches = await desk.on_duty_between(line, now - _EXPORTED_BEFORE, now + _EXPORTED_AFTER)
    words = Page(request).words
    events = [
        Told(
            f"{line.id}-{stretch.begins_at:%Y%m%dT%H%M%SZ}@tast1", stretch.begins_at, stretch.ends_at,
            ", ".join(map(words.person, stretch.people)),
        )
        for stretch in stretches
        if stretch.people
    ]  # fmt: skip
    name = f"{line.name}, {words.office_name(line.office_no)}"
    data = await asyncio.to_thread(write_calendar, name, events, now)
    return web.Response(body=data, content_type="text/calendar", charset="utf-8")


async def back(request: web.Request) -> web.StreamResponse:
    """A form's address opened as a page, after a login."""
    return see_other("/oncall")


def add_routes(app: web.Application) -> None:
    app.router.add_get("/oncall", roster_page, name="oncall")
    for path, act in (
        ("/oncall/shift", save),
        ("/oncall/remove", remove),
        ("/oncall/swap", swap),
        (UPLOAD, take_file),
        ("/oncall/address", renew),
    ):
        app.router.add_post(path, act)
        app.router.add_get(path, back)
    app.router.add_get(r"/oncall/{line:[a-z][a-z0-9._-]*}.ics", calendar, name="calendar")


@web.middleware
async def allow_upload(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """A calendar is larger than any other form."""
    if request.path == UPLOAD:
        request = request.clone(client_max_size=UPLOAD_LIMIT)
    return await handler(request)


def _planned(form: dict[str, str], page: Page) -> tuple[Planned | None, dict[str, str]]:
    """What the form says, or what is wrong with it, by field."""
    errors, times = dict[str, str](), list[datetime]()
    people = tuple(form[f"person{n}"] for n in (1, 2, 3) if form.get(f"person{n}"))
    if not people and form.get("kind") != "override":
        errors["person1"] = page.t("oncall.refused.nobody")
    for name in ("begins", "ends"):
        try:
            times.append(from_local(datetime.fromisoformat(form.get(name, ""))))
        except (ValueError, OverflowError):
            errors[name] = page.t(f"oncall.missing_{name}")
    if errors:
        return None, errors
    return Planned(people, times[0], times[1]), {}


async def _done(
    request: web.Request,
    line: OnCallLine,
    form: dict[str, str],
    act: Callable[[], Awaitable[object]],
    code: str,
) -> web.StreamResponse:
    try:
        await act()
    except RosterRefused as error:
        field = "first" if error.code.startswith("swap") else _AT.get(error.code, "begins")
        return await _refused(request, line, {field: Page(request).t(f"oncall.refused.{error.code}")}, form)
    except StaleRoster:
        return await _refused(request, line, {"begins": Page(request).t("oncall.refused.gone")}, form)
    response = see_other(f"/oncall?line={line.id}")
    set_flash(response, code)
    return response


async def _refused(
    request: web.Request, line: OnCallLine, errors: dict[str, str], form: dict[str, str]
) -> web.StreamResponse:
    return render(request, "oncall.html", await roster_context(request, line, errors, form), status=422)
