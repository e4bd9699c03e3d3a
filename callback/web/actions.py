"""What one can do on the pages: ring, stop, record, give a number, withdraw, decide, reassign, lift a refusal, acknowledge, register. Forms only, all with CSRF.

Never acts on a request the viewer may not act on, and never answers a form with a page that a reload would
send again: 303 to the page, or the form with its errors.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping

import structlog
from aiohttp import web

from callback.desk import (
    AskedNotToBeCalled,
    DeskError,
    HasNoNumber,
    HeldByOther,
    OutOfReach,
    Registration,
    UnknownPerson,
)
from callback.dispatch import NoTelephone
from callback.numbers import NumberRefused
from callback.request import CallbackRequest, CallResult, DayPart, IllegalTransition, Origin, Reason, Urgency
from callback.store import CaseworkerInCall, NumberInCall, StaleRequest
from callback.turn import may_serve
from callback.web.api import actable, liftable
from callback.web.context import SERVICES
from callback.web.flash import set_flash
from callback.web.models import MAX_NOTE
from callback.web.page import Page, render, see_other, viewer_of
from callback.web.pages import register_context, request_context
from callback.web.texts import LANGUAGE_NAMES
from config.model import Role
from hardware.line import LineError, LineForbidden

log = structlog.get_logger(__name__)

_RING_REFUSED: tuple[tuple[type[Exception], str], ...] = (
    (HasNoNumber, "no_number"),
    (AskedNotToBeCalled, "never_call"),
    (OutOfReach, "out_of_reach"),
    (NoTelephone, "no_telephone"),
    (NumberInCall, "number_in_call"),
    (CaseworkerInCall, "caseworker_in_call"),
    (LineForbidden, "line_forbidden"),
    (LineError, "line_down"),
    (IllegalTransition, "not_possible"),
    (StaleRequest, "not_possible"),
    (DeskError, "not_possible"),
)


async def ring(request: web.Request) -> web.StreamResponse:
    """The caseworker's telephone first; then they press 1, and the caller is rung."""
    target = await actable(request)
    response = see_other(f"/requests/{target.id}")
    try:
        await request.config_dict[SERVICES].ringer.ring(target.id, _person(request))
    except HeldByOther as held:
        set_flash(response, "held", held.person_id)
    except tuple(kind for kind, _ in _RING_REFUSED) as error:
        code = next(code for kind, code in _RING_REFUSED if isinstance(error, kind))
        log.info("ring_refused", request_id=target.id, why=type(error).__name__)
        set_flash(response, code)
    return response  # the page itself says what rings, for as long as it does


async def stop(request: web.Request) -> web.StreamResponse:
    """Give it back before the caller is rung."""
    target = await actable(request)
    response = see_other(f"/requests/{target.id}")
    stopped = await request.config_dict[SERVICES].ringer.stop(target.id, _person(request))
    set_flash(response, "stopped" if stopped else "not_possible")
    return response


async def result(request: web.Request) -> web.StreamResponse:
    target, form, page = await actable(request), await form_of(request), Page(request)
    try:
        said = CallResult(form.get("result", ""))
    except ValueError:
        return await refused_form(request, target, {"result": page.t("result.missing")}, form)
    desk, note = request.config_dict[SERVICES].desk, form.get("note", "")[:MAX_NOTE]
    return await _acted(
        target, "result", desk.record_result(target.id, _person(request), said, note or None), to="/requests"
    )


async def number(request: web.Request) -> web.StreamResponse:
    """The number of a caller who hid it. Leads to the request that will be rung there: it may be another,
    that had the number already."""
    target, form, page = await actable(request), await form_of(request), Page(request)
    raw = form.get("phone", "").strip()
    if not re.search(r"\d", raw):
        return await refused_form(request, target, {"phone": page.t("register.missing_phone")}, form)
    response = see_other(f"/requests/{target.id}")
    if not target.is_open:
        set_flash(response, "not_possible")
        return response
    try:
        saved = await request.config_dict[SERVICES].desk.set_number(target.id, raw, viewer_of(request).actor)
    except NumberRefused as refused:
        return await refused_form(request, target, {"phone": page.t(f"number.{refused.why}")}, form)
    except (DeskError, IllegalTransition, StaleRequest):
        set_flash(response, "not_possible")
        return response
    if not viewer_of(request).may_see(saved):
        response = see_other("/requests")
        set_flash(response, "number_kept_away")
        return response
    response = see_other(f"/requests/{saved.id}")
    set_flash(response, "number_saved" if saved.id == target.id else "number_elsewhere")
    return response


async def withdraw(request: web.Request) -> web.StreamResponse:
    target, form, page = await actable(request), await form_of(request), Page(request)
    if form.get("confirm") != "yes":
        return await refused_form(request, target, {"confirm": page.t("withdraw.missing")}, form)
    desk = request.config_dict[SERVICES].desk
    if target.claimed_by not in (None, _person(request)):
        return _held(target)
    return await _acted(target, "withdrawn", desk.withdraw(target.id, _person(request)))


async def decide(request: web.Request) -> web.StreamResponse:
    target, form, page = await actable(request), await form_of(request), Page(request)
    errors = {
        field: page.t(f"decide.missing_{field}")
        for field in ("why", "other")
        if not form.get(field, "").strip()
    }
    if errors:
        return await refused_form(request, target, errors, form)
    desk = request.config_dict[SERVICES].desk
    why, other = form["why"][:MAX_NOTE], form["other"][:200]
    return await _acted(target, "decided", desk.decide(target.id, _person(request), why, other))


async def reassign(request: web.Request) -> web.StreamResponse:
    target, form, page = await actable(request), await form_of(request), Page(request)
    services, to = request.config_dict[SERVICES], form.get("to", "")
    person = services.config.person(to)
    if person is None or not may_serve(target, person):
        return await refused_form(request, target, {"to": page.t("reassign.missing")}, form)
    return await _acted(
        target, "reassigned", services.desk.reassign(target.id, to, viewer_of(request).actor), person_id=to
    )


async def lift(request: web.Request) -> web.StreamResponse:
    """The number may be rung again, although the person there asked not to be called."""
    target, form, page = await liftable(request), await form_of(request), Page(request)
    if not form.get("lift", "").strip():
        return await refused_form(request, target, {"lift": page.t("lift.missing")}, form)
    desk, why = request.config_dict[SERVICES].desk, form["lift"][:MAX_NOTE]
    return await _acted(target, "lifted", desk.lift_never_call(target.id, viewer_of(request).actor, why))


async def acknowledge(request: web.Request) -> web.StreamResponse:
    """The viewer has seen the step of the escalation that the page showed."""
    target, form = await actable(request), await form_of(request)
    desk, shown = request.config_dict[SERVICES].desk, form.get("step", "")
    step = int(shown) if re.fullmatch(r"[0-9]{1,3}", shown) else None
    to = "/requests" if form.get("from") == "list" else None
    return await _acted(target, "acknowledged", desk.acknowledge(target.id, _person(request), step), to=to)


async def register(request: web.Request) -> web.StreamResponse:
    """Answers with the page that says the promise to read aloud, in the first language of the office."""
    services, viewer, page = request.config_dict[SERVICES], viewer_of(request), Page(request)
    form = await form_of(request)
    errors = _register_errors(form, page, {o.office_no for o in register_context(request)["offices"]})
    if errors:
        return render(request, "register.html", register_context(request, errors, form), status=422)
    registration = Registration(
        form["office_no"],
        form["phone"],
        registered_by=viewer.actor,
        origin=Origin.CONTACT_CENTRE if viewer.role is Role.CONTACT_CENTRE else Origin.STAFF,
        reason=Reason(form["reason"]),
        urgency=Urgency.URGENT if form.get("urgent") == "yes" else None,
        language=form["language"],
        note=form.get("note", "").strip()[:MAX_NOTE] or None,
        interpreter=form.get("interpreter") == "yes",
        protected=form.get("protected") == "yes",
        day_part=DayPart(form["day_part"]) if form.get("day_part") else None,
    )
    try:
        saved, created = await services.desk.register(registration)
    except NumberRefused as refused:
        errors = {"phone": page.t(f"number.{refused.why}")}
        return render(request, "register.html", register_context(request, errors, form), status=422)
    if created and not viewer.may_see(saved):  # the promise is read aloud here: its page is for others
        words = {"date": page.words.day(saved.answer_by_date), "reference": saved.reference}
        return render(request, "register.html", register_context(request) | {"promise": words})
    if not viewer.may_see(saved):
        told = {"phone": page.t("register.already", date=page.words.day(saved.answer_by_date))}
        return render(request, "register.html", register_context(request, told, form), status=409)
    return see_other(f"/requests/{saved.id}?told={'registered' if created else 'already'}")


async def back(request: web.Request) -> web.StreamResponse:
    """A form's address opened as a page: after a login, or a change of language on a refused form."""
    return see_other(f"/requests/{(await actable(request)).id}")


def add_routes(app: web.Application) -> None:
    app.router.add_post("/requests/new", register)
    for act in (ring, stop, result, number, withdraw, decide, reassign, lift, acknowledge):
        path = f"/requests/{{id}}/{act.__name__}"
        app.router.add_post(path, act)
        app.router.add_get(path, back)


# -- shared with serving.py, and inner workings


def _person(request: web.Request) -> str:
    person_id = viewer_of(request).person_id
    if person_id is None:
        raise UnknownPerson("only a person can act on the pages")
    return person_id


async def form_of(request: web.Request) -> dict[str, str]:
    sent = await request.post()
    return {key: value for key, value in sent.items() if isinstance(value, str)}


async def _acted(
    target: CallbackRequest,
    code: str,
    act: Awaitable[CallbackRequest],
    *,
    person_id: str = "",
    to: str | None = None,
) -> web.Response:
    response = see_other(to or f"/requests/{target.id}")
    try:
        await act
    except HeldByOther as held:
        response = see_other(f"/requests/{target.id}")
        set_flash(response, "held_now", held.person_id)
    except (DeskError, IllegalTransition, StaleRequest):
        response = see_other(f"/requests/{target.id}")
        set_flash(response, "not_possible")
    else:
        set_flash(response, code, person_id)
    return response


def _held(target: CallbackRequest) -> web.Response:
    response = see_other(f"/requests/{target.id}")
    set_flash(response, "held_now", target.claimed_by or "")
    return response


async def refused_form(
    request: web.Request, target: CallbackRequest, errors: Mapping[str, str], form: Mapping[str, str]
) -> web.Response:
    return render(request, "request.html", await request_context(request, target, errors, form), status=422)


def _register_errors(form: Mapping[str, str], page: Page, offices: set[str]) -> dict[str, str]:
    errors = {}
    if form.get("office_no") not in offices:
        errors["office_no"] = page.t("register.missing_office")
    if not re.search(r"\d", form.get("phone", "")):
        errors["phone"] = page.t("register.missing_phone")
    if form.get("reason") not in list(Reason):
        errors["reason"] = page.t("register.missing_reason")
    if form.get("language") not in LANGUAGE_NAMES:
        errors["language"] = page.t("register.bad_language")
    if form.get("day_part", "") not in ("", *DayPart):
        errors["day_part"] = page.t("register.bad_wish")
    return errors
