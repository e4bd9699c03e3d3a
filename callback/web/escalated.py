"""What the pages show of the escalation: a tag, a sentence, and a banner with a button for those who are warned. Pure.

Shows nothing to a viewer who may not act on the request: the names are those of colleagues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callback.access import Viewer
from callback.request import CallbackRequest
from callback.warned import warned
from callback.web.words import Words
from config.model import Person, Role

_NAMED = 3
"""So many are named; more are counted."""


@dataclass(frozen=True, slots=True)
class Step:
    """The last step that was reached."""

    percent: int
    tag: str
    """How far; empty where "overdue" says more."""
    who: str
    """Who is warned, and who has acknowledged it."""
    sentence: str
    """The same, after how far."""
    acknowledged: bool
    may_acknowledge: bool
    for_viewer: bool
    """The viewer is warned, and nobody has acknowledged it yet."""


def step(
    request: CallbackRequest, viewer: Viewer, words: Words, takers: Sequence[Person] = ()
) -> Step | None:
    """None before the first step, after the end, and for whoever may not act."""
    if not request.escalation or not request.is_open or not viewer.may_act(request):
        return None
    people = warned(request, words.config, takers)
    done = request.acknowledged >= request.escalation
    is_overdue = request.due_at <= words.now and request.escalation == 100
    said = [
        words.t("escalation.warned", names=_names(people, request, words)) if people else "",
        words.t("escalation.acknowledged", name=words.person(request.acknowledged_by)) if done else "",
    ]
    who = " ".join(sentence for sentence in said if sentence)
    return Step(
        percent=request.escalation,
        tag="" if is_overdue else words.t("escalation.tag", percent=request.escalation),
        who=who,
        sentence=f"{words.t('escalation.reached', percent=request.escalation)} {who}".strip(),
        acknowledged=done,
        may_acknowledge=not done and viewer.person_id is not None,
        for_viewer=not done and any(person.id == viewer.person_id for person in people),
    )


def _names(people: Sequence[Person], request: CallbackRequest, words: Words) -> str:
    office = {
        person.id
        for person in words.config.people_of(request.served_by)
        if person.role in (Role.CASEWORKER, Role.LEADER)
    }
    if 75 <= request.escalation < 90 and office <= {person.id for person in people}:
        return words.t("escalation.everybody")
    if len(people) > _NAMED:
        return words.t("escalation.colleagues", n=len(people))
    *first, last = [person.name for person in people]
    return words.t("escalation.and", first=", ".join(first), last=last) if first else last
