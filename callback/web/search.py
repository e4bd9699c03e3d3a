"""The search field of the list: a request by its reference, or a person's requests by their number.

The field is posted, so that a number never stands in a URL. It changes nothing, and finds nothing that the viewer
may not see.
"""

from __future__ import annotations

import re
from dataclasses import replace

import structlog
from aiohttp import web

from callback.access import Viewer
from callback.desk import Desk
from callback.numbers import NumberRefused, check_number
from callback.request import CallbackRequest
from callback.web.context import SERVICES
from callback.web.page import Page, render, see_other, viewer_of
from callback.web.pages import LIST_LIMIT, list_context
from callback.web.scope import scope, visible_of

log = structlog.get_logger(__name__)

_LONGEST = 60


async def find(request: web.Request) -> web.StreamResponse:
    """One request that fits is opened: the open one, if others have ended. Several are listed."""
    services, viewer, page = request.config_dict[SERVICES], viewer_of(request), Page(request)
    sent = (await request.post()).get("wanted", "")
    wanted = sent.strip()[:_LONGEST] if isinstance(sent, str) else ""
    refused = None
    try:
        found = await _found(services.desk, viewer, wanted)
    except NumberRefused:
        found, refused = [], "find.missing"
    log.info("list_searched", found=len(found))
    still_open = [r for r in found if r.is_open]
    if len(still_open) == 1 or len(found) == 1:
        return see_other(f"/requests/{(still_open or found)[0].id}")
    if found:
        return render(request, "list.html", await list_context(request, found))
    errors = {"wanted": page.t(refused or "find.nothing")}
    context = await list_context(request, errors=errors, form={"wanted": wanted})
    return render(request, "list.html", context, status=422 if refused else 404)


async def back(request: web.Request) -> web.StreamResponse:
    """The form's address opened as a page: after a login, or a change of language."""
    return see_other("/requests")


def add_routes(app: web.Application) -> None:
    app.router.add_post("/requests/find", find)
    app.router.add_get("/requests/find", back)


async def _found(desk: Desk, viewer: Viewer, wanted: str) -> list[CallbackRequest]:
    """Raises NumberRefused for what is neither a reference nor a number that could be on the list."""
    theirs = replace(scope(viewer), limit=LIST_LIMIT)
    if re.fullmatch(r"[0-9]{6}", wanted):
        by_reference = await visible_of(desk, viewer, replace(theirs, reference=wanted))
        if by_reference or not _is_number(desk, wanted):
            return by_reference
    phone = check_number(wanted, desk.config.settings.numbers)
    return await visible_of(desk, viewer, replace(theirs, phone=phone))


def _is_number(desk: Desk, text: str) -> bool:
    try:
        check_number(text, desk.config.settings.numbers)
    except NumberRefused:
        return False
    return True
