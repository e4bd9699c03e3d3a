"""What the list page and the request page show of a request, as ready words. Pure.

Never gives a number in clear, a note or an attempt to a viewer who may not act on the request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callback.access import Viewer
from callback.desk_base import history_of
from callback.request import TRANSITIONS, CallbackRequest, RequestEvent, RequestState, Urgency
from callback.turn import PassedOver, Standing
from callback.web.escalated import Step, step
from callback.web.words import Words, shown_phone
from config.model import Config, Person
from ivr.callback_call import Node
from scheduler.retry import person_decides

_OF_THE_STAFF = frozenset({PassedOver.NOBODY, PassedOver.ASSIGNED, PassedOver.LANGUAGE})
_WAITS = frozenset({PassedOver.NEVER_CALLED, PassedOver.NOBODY, PassedOver.INTERPRETER})
"""Somebody must see to it first: its next attempt says nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    request: CallbackRequest
    who: str
    """The number, or that there is none; masked for those who may not act."""
    may_act: bool
    urgent: bool
    why_urgent: str
    """Why it stands before the ordinary ones; empty for those."""
    why_limit: str
    why_now: str
    """Why it is passed over now."""
    tags: list[str]
    """What is to be known of who may serve it."""
    state: str
    holder: str
    attempts: str
    last_attempt: str
    next_attempt: str
    wishes: list[str]
    """In a word or two each."""
    never_called: bool
    """The person at the number does not want to be called."""
    may_ring: bool
    unsafe: bool
    """Only another part of the day is safe for them: nobody rings them by a slip on the list."""
    is_mine: bool
    """The viewer has it."""
    waits: bool
    """The person waits on the line."""
    overdue: bool
    step: Step | None
    """How far its escalation is."""

    @property
    def result_due(self) -> bool:
        return self.request.state is RequestState.RESULT_DUE


def row(
    request: CallbackRequest,
    viewer: Viewer,
    words: Words,
    config: Config,
    standing: Standing,
    *,
    waits: bool = False,
    takers: Sequence[Person] = (),
) -> Row:
    """`waits`: the person is on the line, and needs no number."""
    act = viewer.may_act(request)
    standing = seen_by(viewer, request, standing)
    never_called = standing.passed_over is PassedOver.NEVER_CALLED
    return Row(
        request=request,
        who=shown_phone(request, clear=act) if request.phone else words.t("row.no_phone"),
        may_act=act,
        urgent=request.urgency is Urgency.URGENT,
        why_urgent=words.why_urgent(request),
        why_limit=words.t("why.never_called") if never_called and not waits else words.why_limit(request),
        why_now=words.why_now(request, standing),
        tags=words.serving(request) if act else [],
        state=words.t(f"state.{request.state}"),
        holder=words.holder(request) if act else "",
        attempts=words.attempts(request),
        last_attempt=words.last_attempt(request) if act else "",
        next_attempt="" if waits or _waits(request, standing, words) else words.next_attempt(request),
        wishes=words.short_wishes(request),
        never_called=never_called,
        may_ring=may_ring(request, viewer, config, waits=waits)
        and (waits or not (never_called or request.is_out_of_reach(words.now))),
        unsafe=standing.passed_over is PassedOver.DISCREET and not waits,
        waits=waits,
        is_mine=request.claimed_by is not None and request.claimed_by == viewer.person_id,
        overdue=request.is_open and request.due_at <= words.now,
        step=step(request, viewer, words, takers),
    )


def seen_by(viewer: Viewer, request: CallbackRequest, standing: Standing) -> Standing:
    """Who may not act learns nothing of the staff from it."""
    if viewer.may_act(request):
        return standing
    away = standing.passed_over is PassedOver.CLOSED and request.substitute is not None
    hidden = standing.passed_over in _OF_THE_STAFF or away
    return Standing(None if hidden else standing.passed_over)


def _waits(request: CallbackRequest, standing: Standing, words: Words) -> bool:
    due = request.next_attempt_at is not None and request.next_attempt_at <= words.now
    return standing.passed_over in _WAITS or (standing.passed_over is PassedOver.DISCREET and due)


def has_telephone(viewer: Viewer, config: Config) -> bool:
    person = config.person(viewer.person_id or "")
    return person is not None and person.has_telephone


def takes_calls(viewer: Viewer, config: Config) -> bool:
    """Whether calls can be put through to the viewer at all."""
    return viewer.office_no is not None and has_telephone(viewer, config)


def may_ring(request: CallbackRequest, viewer: Viewer, config: Config, *, waits: bool = False) -> bool:
    """Whether to offer "Ring". The desk has the last word: someone may be faster."""
    free = request.claimed_by in (None, viewer.person_id)
    possible = (request.state, RequestEvent.CALL_STARTED) in TRANSITIONS
    return (
        viewer.may_act(request)
        and free
        and possible
        and (waits or bool(request.phone))
        and has_telephone(viewer, config)
    )


def live_sentence(
    request: CallbackRequest,
    viewer: Viewer,
    phase: str | None,
    words: Words,
    standing: Standing,
    *,
    waits: bool = False,
    queued: int = 0,
) -> str:
    """What happens just now. `phase` is the node of the call's machine, where this service carries it; `queued`: so many calls
    wait for their turn on the line."""
    never_called = standing.passed_over is PassedOver.NEVER_CALLED
    t, mine = words.t, request.claimed_by == viewer.person_id
    you, name = ".you" if mine else "", words.person(request.claimed_by)
    state = request.state
    if state is RequestState.CALLING:
        return _call_sentence(request, phase, you, words, queued)
    if state is RequestState.RESULT_DUE:
        return t(f"live.result_due{you}", name=name)
    if waits:
        taken = ".taken" if state is RequestState.CLAIMED else ""
        return t(f"live.on_the_line{taken}{you if taken else ''}", name=name)
    if request.is_open and (not request.phone or never_called or request.is_out_of_reach(words.now)):
        why = "never_called" if never_called else "out_of_reach" if request.phone else "no_phone"
        return t(f"live.{why}")
    if state is RequestState.UNREACHABLE and request.next_attempt_at is not None:
        key = "unreachable_now" if request.next_attempt_at <= words.now else "unreachable"
        key = "unreachable_waits" if _waits(request, standing, words) else key
        key = "person_decides" if person_decides(history_of(request)) else key
        return t(f"live.{key}", when=words.when(request.next_attempt_at))
    limit = words.when(request.next_attempt_at) if request.next_attempt_at else ""
    return t(f"live.{state}", name=name, when=limit)


def _call_sentence(request: CallbackRequest, phase: str | None, you: str, words: Words, queued: int) -> str:
    attempt, name = request.live_attempt, words.person(request.claimed_by)
    if phase in (Node.ENDING, Node.CLOSING, Node.HANGING_UP, Node.ENDED):
        return words.t("live.ending")
    if attempt is not None and attempt.connected_at is not None:
        return words.t("live.connected", when=words.clock(attempt.connected_at))
    if phase == Node.RINGING_CALLER or (attempt is not None and attempt.ringing_at is not None):
        return words.t("live.caller_rings")
    if attempt is not None and attempt.inbound:
        return words.t(f"live.inbound{you}", name=name)
    if phase == Node.BRIEFING:
        return words.t(f"live.briefing{you}", name=name)
    turn = ".in_turn" if queued else ""
    return words.t(f"live.caseworker_rings{turn}{you}", name=name, n=queued)
