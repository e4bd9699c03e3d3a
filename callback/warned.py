"""Who is warned at each step of the escalation. Pure.

Nobody who is disqualified is, and somebody always is, as long as the office has anybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from callback.request import CallbackRequest
from config.model import Config, Person, Role


def warned(request: CallbackRequest, config: Config, takers: Sequence[Person] = ()) -> tuple[Person, ...]:
    """Whom the step that was reached is addressed to; nobody before the first, and after the end.

    50 %: who has the request, or whom it was given to, or who tried last; else `takers`, who take calls. 75 %: everybody
    of the office that serves it. 90 %: its leaders. 100 %: who is on call, and the leaders. Where that is nobody:
    everybody of the office."""
    if not request.is_open or not request.escalation:
        return ()
    office = config.office(request.served_by)
    everybody = tuple(
        person
        for person in config.people
        if person.office_no == request.served_by
        and person.role in (Role.CASEWORKER, Role.LEADER)
        and person.id not in request.disqualified
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
    return chosen or everybody
