"""Who is warned at each step of the escalation. Pure.

Nobody who may not serve the request is, and somebody always is: where the office has nobody, an administrator.
"""

from __future__ import annotations

from collections.abc import Sequence

from callback.request import CallbackRequest
from callback.turn import is_disqualified, may_serve
from config.model import Config, Person, Role


def warned(request: CallbackRequest, config: Config, takers: Sequence[Person] = ()) -> tuple[Person, ...]:
    """Whom the step that was reached is addressed to; nobody before the first, and after the end.

    50 %: who has the request, or whom it was given to, or who tried last; else `takers`, who take calls. 75 %: everybody
    of the office that serves it. 90 %: its leaders. 100 %: who is on call, and the leaders. Where that is nobody:
    everybody of the office who may serve it, and without any of these the administrators."""
    if not request.is_open or not request.escalation:
        return ()
    office = config.office(request.served_by)
    everybody = tuple(
        person
        for person in config.people_of(request.served_by)
        if person.role in (Role.CASEWORKER, Role.LEADER) and may_serve(request, person)
    )
    leaders = [person for person in everybody if person.role is Role.LEADER]
    if request.escalation < 75:
        tried = request.attempts[-1].caseworker if request.attempts else None
        own = request.claimed_by or request.assigned_to or tried
        called = [person for person in everybody if person.id == own] or takers
    elif request.escalation < 90:
        called = everybody
    elif request.escalation < 100:
        called = leaders
    else:
        on_call = config.on_call(office) if office else None
        called = [*([on_call] if on_call else []), *leaders]
    chosen = tuple(dict.fromkeys(person for person in called if person in everybody))
    return chosen or everybody or tuple(p for p in config.people if _administers(request, p))


def may_be_warned(request: CallbackRequest, person: Person) -> bool:
    """Whether they may know of it at all."""
    return may_serve(request, person) or _administers(request, person)


def _administers(request: CallbackRequest, person: Person) -> bool:
    is_there = person.role is Role.ADMIN and person.office_no in (None, request.served_by)
    return is_there and not is_disqualified(request, person)
