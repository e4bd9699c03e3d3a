"""What the pages say of who may serve a request. Changes nothing."""

from __future__ import annotations

from typing import Any

from callback.access import Viewer
from callback.desk import Desk
from callback.request import OPEN, CallbackRequest
from callback.store import RequestQuery
from callback.turn import is_unserved
from callback.web.context import Services
from config.model import Role
from scheduler.clock import to_local

_MOST = 10_000


async def restricted(desk: Desk, office_no: str | None = None) -> list[CallbackRequest]:
    """Open requests that are not everybody's: of one office, or of all."""
    return await desk.find(RequestQuery(served_by=office_no, restricted=True, states=OPEN, limit=_MOST))


async def kept_away(services: Services, viewer: Viewer) -> dict[str, int]:
    """For a leader: how many of the office's open requests they do not see, and how many nobody may take. Only counts."""
    if viewer.role is not Role.LEADER or viewer.office_no is None:
        return {"hidden": 0, "unserved": 0}
    bound = await restricted(services.desk, viewer.office_no)
    return {
        "hidden": sum(not viewer.may_see(r) for r in bound),
        "unserved": sum(is_unserved(r, services.config.people) for r in bound),
    }


def serving_context(desk: Desk, viewer: Viewer, shown: CallbackRequest) -> dict[str, Any]:
    """For the forms on a request's page."""
    act = viewer.may_act(shown)
    people = desk.could_be_disqualified(shown) if act and shown.is_open else []
    can_be = [p for p in people if p.id not in shown.disqualified and viewer.may_disqualify(shown, p.id)]
    is_kept = any(p.protected_access for p in desk.config.people if p.office_no == shown.served_by)
    return {
        "may_serve_forms": act and shown.is_open,
        "can_be_disqualified": [(p.id, p.name) for p in can_be],
        "only_oneself": [p.id for p in can_be] == [viewer.person_id],
        "may_qualify": bool(shown.disqualified) and shown.is_open and viewer.may_lift(shown),
        "may_protect": act,
        "nobody_keeps": not is_kept,
        "booked_local": _local(shown),
    }


def _local(shown: CallbackRequest) -> str:
    """As a field of type datetime-local has it."""
    at = shown.interpreter_at
    return "" if at is None else to_local(at).strftime("%Y-%m-%dT%H:%M")
