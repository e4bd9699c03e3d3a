"""Which caseworker a program means, and who rings when it names none. Never rings anyone itself."""

from __future__ import annotations

from callback.access import Viewer
from callback.desk import Desk, UnknownPerson
from callback.request import CallbackRequest
from callback.turn import may_serve, servers
from config.model import Config, Person


def named(text: str, request: CallbackRequest, config: Config) -> Person:
    """The person with this id, extension or name who may serve the request. Raises UnknownPerson."""
    wanted = text.strip().casefold()
    for person in config.people:
        if may_serve(request, person) and wanted in (person.id, person.extension, person.name.casefold()):
            return person
    raise UnknownPerson(f"nobody at office {request.served_by} who may ring has this id, extension or name")


async def candidates(desk: Desk, request: CallbackRequest, viewer: Viewer) -> list[Person]:
    """Who may ring when nobody was named, best first; empty when all are in a call or none has a telephone.

    The token's own person alone, if it is one. Else who has the request already, then whom it was given to,
    then the others who may in the order of the configuration, without those in a live call."""
    try:
        return [named(viewer.person_id or viewer.name, request, desk.config)]
    except UnknownPerson:
        pass
    busy = {attempt.caseworker for attempt in await desk.store.live_attempts()} - {request.claimed_by}
    free = [p for p in servers(request, desk.config.people) if p.id not in busy]
    return sorted(free, key=lambda p: (p.id != request.claimed_by, p.id != request.assigned_to))
