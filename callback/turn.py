"""Whose turn it is: the list in its order, and who may take whom. Pure.

The list is sorted by the store: urgent first, then by the last workable moment, then by the time of registration. Whoever
cannot be served just now is passed over and keeps their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from callback.request import CallbackRequest
from config.model import Person


def may_take(request: CallbackRequest, person: Person) -> bool:
    """Whether this caseworker may serve them now."""
    return (
        request.served_by == person.office_no
        and request.assigned_to in (None, person.id)
        and person.id not in request.disqualified
    )


def taker(request: CallbackRequest, free: Iterable[Person]) -> Person | None:
    """The first of those who are free that may take it."""
    return next((person for person in free if may_take(request, person)), None)


def matched(due: Iterable[CallbackRequest], free: Sequence[Person]) -> list[tuple[CallbackRequest, Person]]:
    """Who serves whom: each request in turn gets the first free colleague who may take it, and nobody gets two."""
    left, pairs = list(free), []
    for request in due:
        person = taker(request, left)
        if person is not None:
            left.remove(person)
            pairs.append((request, person))
    return pairs
