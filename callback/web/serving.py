"""Forms on a request's page of who may serve it: disqualified, interpreter, protected. All with CSRF.

Whoever may no longer see the request afterwards is led to the list.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime

from aiohttp import web

from callback.desk import DeskError
from callback.desk_serving import BadBooking, ResultFirst
from callback.request import CallbackRequest, IllegalTransition
from callback.store import StaleRequest
from callback.web.actions import back, form_of, refused_form
from callback.web.api import actable, liftable
from callback.web.context import SERVICES
from callback.web.flash import set_flash
from callback.web.models import MAX_NOTE
from callback.web.page import Page, see_other, viewer_of
from scheduler.clock import from_local


async def disqualify(request: web.Request) -> web.StreamResponse:
    target, form, page = await actable(request), await form_of(request), Page(request)
    viewer, person_id = viewer_of(request), form.get("disqualified", "")
    if person_id == viewer.person_id and form.get("sure") != "yes":
        return await refused_form(request, target, {"sure": page.t("disqualify.missing_sure")}, form)
    desk = request.config_dict[SERVICES].desk
    could = {person.id for person in desk.could_be_disqualified(target)}
    if person_id not in could or not viewer.may_disqualify(target, person_id):
        return await refused_form(request, target, {"disqualified": page.t("disqualify.missing")}, form)
    return await _done(request, target, desk.disqualify(target.id, person_id, viewer.actor), "disqualified")


async def qualify(request: web.Request) -> web.StreamResponse:
    target, form, page = await liftable(request), await form_of(request), Page(request)
    person_id, why = form.get("qualified", ""), form.get("qualify_why", "").strip()
    errors = {}
    if person_id not in target.disqualified:
        errors["qualified"] = page.t("qualify.missing")
    if not why:
        errors["qualify_why"] = page.t("qualify.missing_why")
    if errors:
        return await refused_form(request, target, errors, form)
    act = request.config_dict[SERVICES].desk.lift_disqualified(
        target.id, person_id, viewer_of(request).actor, why[:MAX_NOTE]
    )
    return await _done(request, target, act, "qualified")


async def interpreter(request: web.Request) -> web.StreamResponse:
    target, form, page = await actable(request), await form_of(request), Page(request)
    choice, sent, at = form.get("interpreter", ""), form.get("booked_at", "").strip(), None
    if choice not in ("no", "needed", "booked"):
        return await refused_form(request, target, {"interpreter": page.t("interpreter.missing")}, form)
    if choice == "booked":
        try:
            at = from_local(datetime.fromisoformat(sent))
        except (ValueError, OverflowError):
            return await refused_form(
                request, target, {"booked_at": page.t("interpreter.missing_time")}, form
            )
    desk = request.config_dict[SERVICES].desk
    try:
        act = desk.set_interpreter(target.id, choice != "no", at, viewer_of(request).actor)
        return await _done(request, target, act, "interpreter")
    except BadBooking:
        return await refused_form(request, target, {"booked_at": page.t("interpreter.bad_time")}, form)


async def protect(request: web.Request) -> web.StreamResponse:
    """Marks, and takes the mark away: whoever may act on a protected request sees it."""
    target, form, page = await actable(request), await form_of(request), Page(request)
    if form.get("protect") != "yes":
        return await refused_form(request, target, {"protect": page.t("protect.missing")}, form)
    wanted = form.get("protected") == "yes"
    act = request.config_dict[SERVICES].desk.set_protected(target.id, wanted, viewer_of(request).actor)
    return await _done(request, target, act, "protected" if wanted else "unprotected")


def add_routes(app: web.Application) -> None:
    for act in (disqualify, qualify, interpreter, protect):
        path = f"/requests/{{id}}/{act.__name__}"
        app.router.add_post(path, act)
        app.router.add_get(path, back)


async def _done(
    request: web.Request, target: CallbackRequest, act: Awaitable[CallbackRequest], code: str
) -> web.Response:
    response = see_other(f"/requests/{target.id}")
    try:
        saved = await act
    except BadBooking:
        raise
    except ResultFirst:
        set_flash(response, "result_first")
    except (DeskError, IllegalTransition, StaleRequest):
        set_flash(response, "not_possible")
    else:
        if not viewer_of(request).may_see(saved):
            response = see_other("/requests")
        set_flash(response, code)
    return response
