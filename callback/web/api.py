"""The JSON API under /api/v1, for programs with a token. Shapes are in models.py, refusals in errors.py.

A request the token may not see answers 404. Nothing sent in comes back in an error.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel

from callback.access import Viewer
from callback.desk import Desk, HeldByOther, Registration, UnknownRequest
from callback.numbers import check_number
from callback.request import (
    OPEN,
    CallbackRequest,
    IllegalTransition,
    Origin,
    RequestEvent,
    RequestState,
    next_state,
)
from callback.store import CaseworkerInCall
from callback.web.caseworkers import candidates, named
from callback.web.context import SERVICES, Services
from callback.web.errors import ApiError
from callback.web.models import (
    AcknowledgeBody,
    Body,
    CallBody,
    LiftBody,
    ListQuery,
    NumberBody,
    RegisterBody,
    ReloadView,
    RequestList,
    RequestView,
    ResultBody,
)
from callback.web.openapi import document
from callback.web.page import Page, viewer_of
from callback.web.rows import seen_by
from callback.web.scope import scope, visible_of
from callback.web.status import collect
from config.load import ConfigError
from config.model import Config, Role

BASE = "/api/v1"
B = TypeVar("B", bound=Body)


async def list_requests(request: web.Request) -> web.StreamResponse:
    """GET /requests"""
    services, viewer = request.config_dict[SERVICES], viewer_of(request)
    asked = _list_query(request)
    states: set[RequestState] = set()
    for state in asked.state:
        states |= OPEN if state == "open" else {RequestState(state)}
    phone = _lookup_number(asked.phone, services.config) if asked.phone else None
    theirs = scope(viewer, _office_filter(asked.office, viewer, services.config))
    query = replace(theirs, phone=phone, states=frozenset(states), limit=asked.limit + 1)
    found = await visible_of(services.desk, viewer, query)
    never = await services.desk.never_called(found)
    views = [_view(request, r, never_called=r.id in never) for r in found[: asked.limit]]
    return answer(RequestList(requests=views, total=len(views), truncated=len(found) > asked.limit))


async def get_request(request: web.Request) -> web.StreamResponse:
    """GET /requests/{id}"""
    return await told(request, await visible(request))


async def register(request: web.Request) -> web.StreamResponse:
    """POST /requests: 201 for a new request, 200 for the open one that was there already."""
    services, viewer = request.config_dict[SERVICES], viewer_of(request)
    body = await body_of(request, RegisterBody)
    services.desk.office(body.office_no)
    if not viewer.may_register(body.office_no):
        raise ApiError(403, "other_office", "this token may register for its own office only")
    saved, created = await services.desk.register(
        Registration(
            body.office_no, body.phone, registered_by=viewer.actor, reason=body.reason, urgency=body.urgency,
            language=body.language, note=body.note or None,
            interpreter=body.interpreter or body.interpreter_at is not None, interpreter_at=body.interpreter_at,
            protected=body.protected, day_part=body.day_part,
            origin=Origin.CONTACT_CENTRE if viewer.role is Role.CONTACT_CENTRE else Origin.API,
        )
    )  # fmt: skip
    if not created and not viewer.may_see(saved):
        raise already_listed(saved)
    return await told(request, saved, status=201 if created else 200)


async def call(request: web.Request) -> web.StreamResponse:
    """POST /requests/{id}/call: 202 when the caseworker's telephone is about to ring."""
    services = request.config_dict[SERVICES]
    target = await actable(request)
    body = await body_of(request, CallBody, may_be_empty=True)
    if body.caseworker is not None:
        people = [named(body.caseworker, target, services.config)]
    else:
        people = await candidates(services.desk, target, viewer_of(request))
    if not people:
        raise ApiError(409, "no_free_caseworker", "everyone at the office with a telephone is in a call")
    for person in people[:-1]:
        try:
            return await told(request, await _ring(services, target, person.id), status=202)
        except CaseworkerInCall:  # taken since we looked: the next one
            continue
    return await told(request, await _ring(services, target, people[-1].id), status=202)


async def result(request: web.Request) -> web.StreamResponse:
    """POST /requests/{id}/result"""
    services = request.config_dict[SERVICES]
    target = await actable(request)
    body = await body_of(request, ResultBody)
    if body.caseworker is not None:
        person_id = named(body.caseworker, target, services.config).id
    elif target.claimed_by is not None:
        person_id = target.claimed_by
    else:
        next_state(target, RequestEvent.RESULT_REACHED)  # raises: nobody has talked
        raise IllegalTransition("nobody has this request; say which caseworker talked")
    saved = await services.desk.record_result(target.id, person_id, body.result, body.note or None)
    return await told(request, saved)


async def number(request: web.Request) -> web.StreamResponse:
    """POST /requests/{id}/number: the request that will be rung at the number, which may be another."""
    target = await actable(request)
    body = await body_of(request, NumberBody)
    if not target.is_open:
        raise IllegalTransition("the request has ended; it needs no number")
    saved = await _desk(request).set_number(target.id, body.phone, viewer_of(request).actor)
    if not viewer_of(request).may_see(
        saved
    ):  # the number is on the list, through one they are kept away from
        raise already_listed(saved)
    return await told(request, saved)


async def lift(request: web.Request) -> web.StreamResponse:
    """POST /requests/{id}/lift: the number may be rung again."""
    target = await liftable(request)
    body = await body_of(request, LiftBody)
    return await told(
        request, await _desk(request).lift_never_call(target.id, viewer_of(request).actor, body.why)
    )


async def acknowledge(request: web.Request) -> web.StreamResponse:
    """POST /requests/{id}/acknowledge: a person has seen that the time runs out."""
    services, target = request.config_dict[SERVICES], await actable(request)
    body = await body_of(request, AcknowledgeBody, may_be_empty=True)
    person = named(body.caseworker or viewer_of(request).name, target, services.config)
    return await told(request, await services.desk.acknowledge(target.id, person.id, body.percent))


async def status(request: web.Request) -> web.StreamResponse:
    """GET /status"""
    return answer(await collect(request.config_dict[SERVICES], viewer_of(request)))


async def reload(request: web.Request) -> web.StreamResponse:
    """POST /reload"""
    if not viewer_of(request).may_reload:
        raise ApiError(403, "not_admin", "only an administrator of all offices may do this")
    try:
        made = await request.config_dict[SERVICES].reloader.reload()
    except ConfigError as error:
        raise ApiError(
            422, "bad_configuration", "the configuration in the folder has errors; the one in force stays",
            errors=[asdict(problem) for problem in error.problems],
        ) from None  # fmt: skip
    return answer(ReloadView.model_validate(asdict(made)))


async def openapi(request: web.Request) -> web.StreamResponse:
    """GET /openapi.json, without a token: it holds no data."""
    return web.json_response(document(request.config_dict[SERVICES].version))


def add_routes(app: web.Application) -> None:
    app.router.add_get(f"{BASE}/requests", list_requests)
    app.router.add_post(f"{BASE}/requests", register)
    app.router.add_get(f"{BASE}/requests/{{id}}", get_request)
    app.router.add_post(f"{BASE}/requests/{{id}}/call", call)
    app.router.add_post(f"{BASE}/requests/{{id}}/result", result)
    app.router.add_post(f"{BASE}/requests/{{id}}/number", number)
    app.router.add_post(f"{BASE}/requests/{{id}}/lift", lift)
    app.router.add_post(f"{BASE}/requests/{{id}}/acknowledge", acknowledge)
    app.router.add_get(f"{BASE}/status", status)
    app.router.add_post(f"{BASE}/reload", reload)
    app.router.add_get(f"{BASE}/openapi.json", openapi)


# -- shared with the pages


async def visible(request: web.Request) -> CallbackRequest:
    """The request in the path. One the viewer may not see is unknown. Raises UnknownRequest."""
    found = await _desk(request).get(request.match_info["id"])
    if not viewer_of(request).may_see(found):
        raise UnknownRequest("no such request")
    return found


async def actable(request: web.Request) -> CallbackRequest:
    """As `visible`; 403 for one the viewer may see and not act on."""
    found = await visible(request)
    if not viewer_of(request).may_act(found):
        raise ApiError(403, "read_only", "the contact centre may see this request, and not act on it")
    return found


async def liftable(request: web.Request) -> CallbackRequest:
    """As `actable`; 403 for one whose number only the leader may let be rung again."""
    found = await actable(request)
    if not viewer_of(request).may_lift(found):
        raise ApiError(403, "not_leader", "only a leader of the office or an administrator may do this")
    return found


async def told(request: web.Request, shown: CallbackRequest, status: int = 200) -> web.Response:
    """As much of a request as the viewer may see."""
    never_called = bool(await _desk(request).never_called([shown]))
    return answer(_view(request, shown, never_called=never_called), status)


def already_listed(request: CallbackRequest) -> ApiError:
    """For whoever may not see it: the promise they can repeat, and nothing else."""
    return ApiError(
        409, "already_on_list", "the number is on the office's list already; the earlier promise stands",
        office_no=request.office_no, answer_by_date=request.answer_by_date.isoformat(),
    )  # fmt: skip


# -- inner workings


def _desk(request: web.Request) -> Desk:
    return request.config_dict[SERVICES].desk


async def _ring(services: Services, target: CallbackRequest, person_id: str) -> CallbackRequest:
    try:
        return (await services.ringer.ring(target.id, person_id))[0]
    except IllegalTransition as error:
        now = await services.desk.get(target.id)
        if now.state is not RequestState.CALLING or now.claimed_by is None:
            raise
        holder = services.config.person(now.claimed_by)
        raise HeldByOther(now.claimed_by, holder.name if holder else "someone") from error


def _view(request: web.Request, shown: CallbackRequest, *, never_called: bool) -> RequestView:
    viewer, words = viewer_of(request), Page(request).words
    standing = seen_by(viewer, shown, _desk(request).standing(shown, never_called=never_called))
    why = words.why(shown, standing)
    waits = request.config_dict[SERVICES].waits(shown.id)
    return RequestView.of(
        shown, viewer, never_called=never_called, why=why, passed_over=standing.passed_over, waits=waits
    )


def _list_query(request: web.Request) -> ListQuery:
    fields: dict[str, Any] = {}
    for key, value in request.query.items():
        if key == "state":
            fields.setdefault("state", []).extend(part.strip() for part in value.split(",") if part.strip())
        else:
            name = "office" if key == "office_no" else key
            if fields.setdefault(name, value) != value:
                told = name if name in ListQuery.model_fields else "an unknown key"
                raise ApiError(422, "invalid", f"the query has two different values for {told}")
    return ListQuery.model_validate(fields)


def _lookup_number(raw: str, config: Config) -> str:
    """A `+` that was not percent-encoded arrives as a space."""
    number = f"+{raw[1:]}" if raw.startswith(" ") and raw[1:2].isdigit() else raw
    return check_number(number.strip(), config.settings.numbers)


def _office_filter(asked: str | None, viewer: Viewer, config: Config) -> str | None:
    if asked is None:
        return None if viewer.everywhere else viewer.office_no
    if not viewer.everywhere and asked != viewer.office_no:
        raise ApiError(403, "other_office", "this token may see its own office only")
    if config.office(asked) is None:
        raise ApiError(422, "unknown_office", "there is no such office")
    return asked


async def body_of(request: web.Request, model: type[B], *, may_be_empty: bool = False) -> B:
    raw = await request.read()
    if not raw.strip() and may_be_empty:
        return model.model_validate({})
    try:
        sent = json.loads(raw)
    except (ValueError, RecursionError):  # the second: nested thousands deep
        raise ApiError(422, "not_json", "the body must be a JSON object") from None
    return model.model_validate(sent)


def answer(view: BaseModel, status: int = 200) -> web.Response:
    return web.Response(text=view.model_dump_json(), status=status, content_type="application/json")
