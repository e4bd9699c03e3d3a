"""Whose turn it is: the list in its order, and who may take whom. Pure.

The list is sorted by the store: urgent first, then by the last workable moment, then by the time of registration. Whoever
cannot be served just now is passed over and keeps their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from callback.request import CallbackRequest, Urgency
from config.model import Person


@dataclass(frozen=True, slots=True)
class OnTheLine:
    """Whose persons are on the line just now, by request id."""

    waiting: frozenset[str] = frozenset()
    """They wait for a colleague: they are served like those whom we ring, but their own call rings the colleague."""
    in_menu: frozenset[str] = frozenset()
    """They are busy with the menu, and are passed over."""


def list_order(request: CallbackRequest) -> tuple[bool, datetime, datetime, str]:
    """What the list is sorted by."""
    urgent = request.urgency is Urgency.URGENT
    return not urgent, request.last_workable_at, request.registered_at, request.id


def expected_wait(ahead: int, per_talk: timedelta, colleagues: int) -> timedelta:
    """How long until it is the turn of somebody with so many ahead of them, when so many take calls (one at least)."""
    return (ahead + 1) * per_talk / colleagues


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
