"""Which requests the list, the search and the API look through for a viewer. `Viewer.may_see` has the last word."""

from __future__ import annotations

from dataclasses import replace

from callback.access import Viewer
from callback.desk import Desk
from callback.request import CallbackRequest
from callback.store import RequestQuery
from config.model import Role


def scope(viewer: Viewer, office_no: str | None = None) -> RequestQuery:
    """What of the list may be theirs at all: what their office (or `office_no`, of those they reach) serves; for the
    contact centre what it registered there."""
    wanted = None if viewer.everywhere else viewer.office_no
    if viewer.role is Role.CONTACT_CENTRE:
        return RequestQuery(office_no=office_no or wanted, registered_by=viewer.actor)
    return RequestQuery(served_by=office_no or wanted)


async def visible_of(desk: Desk, viewer: Viewer, query: RequestQuery) -> list[CallbackRequest]:
    """The first `query.limit` that the viewer may see: those they may not see take nobody's place."""
    asked = query.limit
    while True:
        found = await desk.find(replace(query, limit=asked))
        visible = [request for request in found if viewer.may_see(request)]
        if len(visible) >= query.limit or len(found) < asked:
            return visible[: query.limit]
        asked *= 2
