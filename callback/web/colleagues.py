"""Who of the viewer's office takes calls: the part of the list page that says so, and its buttons."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from callback.desk_colleagues import Presence
from callback.web.context import SERVICES
from callback.web.page import fragment, see_other, version_of, viewer_of
from callback.web.rows import takes_calls


async def colleagues(request: web.Request) -> web.StreamResponse:
    """The part of the list page that refreshes itself."""
    return fragment(request, "_colleagues.html", await colleagues_context(request))


async def ready(request: web.Request) -> web.StreamResponse:
    """Whether calls may be put through to the viewer, and they are rung for the next."""
    form, viewer = await request.post(), viewer_of(request)
    services = request.config_dict[SERVICES]
    if not takes_calls(viewer, services.config):
        raise web.HTTPForbidden
    await services.desk.set_ready(viewer.person_id or "", form.get("ready") == "yes")
    services.heartbeat.wake_soon()
    return see_other("/requests")


async def colleagues_context(request: web.Request) -> dict[str, Any]:
    """Nothing for a viewer who has no office or no telephone."""
    services, viewer = request.config_dict[SERVICES], viewer_of(request)
    if viewer.office_no is None or not takes_calls(viewer, services.config):
        return {"mine": None}
    everyone = await services.desk.colleagues(viewer.office_no)
    mine = next(one for one in everyone if one.person.id == viewer.person_id)
    others = [one for one in everyone if one is not mine and one.presence is not Presence.OFF]
    shown = [(one.person.id, one.presence, one.takes_calls, one.since) for one in (mine, *others)]
    return {"mine": mine, "others": others, "colleagues_version": version_of(shown)}


def add_routes(app: web.Application) -> None:
    app.router.add_get("/requests/colleagues", colleagues, name="list-colleagues")
    app.router.add_post("/ready", ready)
