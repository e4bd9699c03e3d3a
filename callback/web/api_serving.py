"""The API's acts of who may serve a request. What a token may no longer see afterwards is answered without a body."""

from __future__ import annotations

from aiohttp import web

from callback.desk import Desk
from callback.request import CallbackRequest
from callback.web.api import BASE, actable, body_of, liftable, told
from callback.web.context import SERVICES
from callback.web.errors import ApiError
from callback.web.models import DisqualifyBody, InterpreterBody, ProtectBody, QualifyBody
from callback.web.page import viewer_of


async def disqualify(request: web.Request) -> web.StreamResponse:
    """POST /requests/{id}/disqualify"""
    target, viewer = await actable(request), viewer_of(request)
    body = await body_of(request, DisqualifyBody)
    if not viewer.may_disqualify(target, body.person):
        raise ApiError(
            403, "not_leader", "only a leader of the office or an administrator may do this for others"
        )
    return await _shown(request, await _desk(request).disqualify(target.id, body.person, viewer.actor))


async def qualify(request: web.Request) -> web.StreamResponse:
    """POST /requests/{id}/qualify"""
    target = await liftable(request)
    body = await body_of(request, QualifyBody)
    saved = await _desk(request).lift_disqualified(target.id, body.person, viewer_of(request).actor, body.why)
    return await _shown(request, saved)


async def interpreter(request: web.Request) -> web.StreamResponse:
    """POST /requests/{id}/interpreter"""
    target = await actable(request)
    body = await body_of(request, InterpreterBody)
    saved = await _desk(request).set_interpreter(
        target.id, body.needed, body.booked_at, viewer_of(request).actor
    )
    return await _shown(request, saved)


async def protect(request: web.Request) -> web.StreamResponse:
    """POST /requests/{id}/protect: only who sees it may take the mark away, and nobody else gets so far."""
    target = await actable(request)
    body = await body_of(request, ProtectBody)
    return await _shown(
        request, await _desk(request).set_protected(target.id, body.protected, viewer_of(request).actor)
    )


def add_routes(app: web.Application) -> None:
    for act in (disqualify, qualify, interpreter, protect):
        app.router.add_post(f"{BASE}/requests/{{id}}/{act.__name__}", act)


def _desk(request: web.Request) -> Desk:
    return request.config_dict[SERVICES].desk


async def _shown(request: web.Request, saved: CallbackRequest) -> web.Response:
    if not viewer_of(request).may_see(saved):
        return web.Response(status=204)
    return await told(request, saved)
