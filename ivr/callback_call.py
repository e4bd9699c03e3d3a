"""The `callback_call` machine: ring the caseworker, then the caller, and say how it went. Pure.

The caller is rung only after the caseworker pressed 1. The attempt ends exactly once, and the caseworker
is never left on a dead line: whatever happens to the caller's leg is said before their own is hung up.
Where the number is not known to be the caller's own, whoever answers first hears a greeting that tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from hardware.line import (
    Connected,
    Dial,
    DigitsEntered,
    Hangup,
    LegAnswered,
    LegEnded,
    LegOutcome,
    NoInput,
    Originate,
    Prompt,
    Screen,
)
from ivr.machine import (
    AskWhether,
    AttemptEnded,
    Command,
    EndAttempt,
    Event,
    GoesOn,
    IllegalTransition,
    IsOver,
    MarkConnected,
    MarkRinging,
    NeverCall,
    StopTaking,
)
from ivr.phrases import about_items, duration_items, when_items

BRIEFINGS = 3
"""How often the caseworker hears who it is about before the call is given up."""
NEVER_KEY = "9"
"""What whoever is rung presses to be never called; the prompt `screen.callback` says so."""
_NEVER = "closing.never_call"


class Node(StrEnum):
    RINGING_CASEWORKER = "ringing_caseworker"
    NEXT_TELEPHONE = "next_telephone"
    """Nobody took this one; the desk is asked whether there is still anybody to ring for."""
    BRIEFING = "briefing"
    """The caseworker hears who it is about and may press 1."""
    RINGING_CALLER = "ringing_caller"
    TALKING = "talking"
    ENDING = "ending"
    """The desk is writing down how it went."""
    CLOSING = "closing"
    """The caseworker hears how it went."""
    HANGING_UP = "hanging_up"
    ENDED = "ended"
    """Terminal."""


@dataclass(frozen=True, slots=True)
class CallbackFacts:
    """What the call is about; fixed when it starts."""

    attempt_id: str
    caseworker_number: str
    """Extension or E.164; rung first."""
    caller_number: str
    """E.164."""
    office_number: str
    """E.164; shown to both."""
    language: str
    """What the caseworker hears."""
    urgent: bool
    reason: str
    registered_at: datetime
    tried_before: bool
    caseworker_ring: timedelta
    caller_ring: timedelta
    offered_to: str | None = None
    """The person it was offered to without their asking: who does not accept takes no more calls until they say so."""
    then: tuple[str, ...] = ()
    """The caseworker's other telephones, rung one after another when nobody takes the one before."""
    private: bool = False
    """Of a protected person: not on a line that others carry."""
    until: datetime | None = None
    """When the claim ends: no telephone begins to ring for it after that."""
    screen_language: str | None = None
    """In which whoever is rung is asked whether they want to talk; None: joined at once, for the number is known to
    be the caller's own."""


@dataclass(frozen=True, slots=True)
class CallbackState:
    node: Node
    facts: CallbackFacts
    leg: str
    """The caseworker's: of the telephone that rings, or was taken."""
    peer: str
    """The caller's."""
    rung: int = 0
    """How many of the caseworker's telephones rang before it."""
    briefings: int = 0
    closing: str = ""
    """Prompt that says how it went."""

    @property
    def ended(self) -> bool:
        return self.node is Node.ENDED

    @property
    def attempt_id(self) -> str:
        return self.facts.attempt_id


Step = tuple[CallbackState, tuple[Command, ...]]

_OUTCOMES = {
    LegOutcome.ENDED: "answered",
    LegOutcome.BUSY: "busy",
    LegOutcome.NO_ANSWER: "no_answer",
    LegOutcome.DECLINED: "declined",
    LegOutcome.INVALID: "invalid",
    LegOutcome.CANCELLED: "cancelled",
    LegOutcome.FAILED: "line_failed",
}
_OURS = frozenset({LegOutcome.FAILED, LegOutcome.INVALID})
"""Ends of the caseworker's own leg that are our failure: no line, or a wrong extension in staff.toml."""


NOBODY_THERE = frozenset({LegOutcome.NO_ANSWER, LegOutcome.BUSY, LegOutcome.INVALID, LegOutcome.FAILED})
"""Ends of the caseworker's leg after which their next telephone is rung."""


BEFORE_THE_CALLER = frozenset({Node.RINGING_CASEWORKER, Node.BRIEFING})
"""The caller's telephone has not rung yet."""


def leg_of(attempt_id: str, rung: int = 0) -> str:
    """The caseworker's leg, at their first telephone or after `rung` others."""
    return f"tast1-{attempt_id}" + (f"-{rung}" if rung else "")


def legs_of(attempt_id: str) -> tuple[str, ...]:
    """All that the caseworker's leg may be."""
    return leg_of(attempt_id), leg_of(attempt_id, 1)


def begin(facts: CallbackFacts) -> Step:
    leg = leg_of(facts.attempt_id)
    return _ring(CallbackState(Node.RINGING_CASEWORKER, facts, leg, f"{leg}-caller"), facts.caseworker_number)


def _ring(state: CallbackState, number: str) -> Step:
    facts = state.facts
    ring, shown = facts.caseworker_ring, facts.office_number
    return state, (Originate(state.leg, number, ring, shown, facts.private, facts.until),)


def step(state: CallbackState, event: Event, now: datetime) -> Step:
    """Raises IllegalTransition for an event this node does not know; the state is then unchanged."""
    handler = _TABLE.get((state.node, type(event)))
    if handler is None:
        raise IllegalTransition(f"callback_call: {type(event).__name__} in {state.node}")
    return handler(state, event, now)


# ---- the caseworker's leg -----------------------------------------------------------------------


def _caseworker_answered(state: CallbackState, event: LegAnswered, now: datetime) -> Step:
    return _brief(state, now)


def _brief(state: CallbackState, now: datetime) -> Step:
    state = replace(state, node=Node.BRIEFING, briefings=state.briefings + 1)
    return state, (Prompt(state.leg, _whisper(state.facts, now), digits=1),)


def _whisper(facts: CallbackFacts, now: datetime) -> tuple[str, ...]:
    ids = [
        "whisper.callback",
        *about_items(facts.reason, facts.language, urgent=facts.urgent),
        "whisper.waited",
        *duration_items(now - facts.registered_at, facts.language),
    ]
    if facts.tried_before:
        ids.append("whisper.attempt_before")
    return _items(facts, *ids, "whisper.press_1")


def _briefing_key(state: CallbackState, event: DigitsEntered, now: datetime) -> Step:
    if event.digits != "1":
        return _briefing_silence(state, event, now)
    facts = state.facts
    dial = Dial(
        state.leg,
        state.peer,
        facts.caller_number,
        facts.caller_ring,
        facts.office_number,
        _screen(facts.screen_language),
        until=_until(facts, now),
    )
    return replace(state, node=Node.RINGING_CALLER), (MarkRinging(facts.attempt_id), dial)


def _until(facts: CallbackFacts, now: datetime) -> datetime | None:
    """The caseworker listens to ringing by now, and may hang up: a claim that ends just then is not held against them."""
    return facts.until and max(facts.until, now + facts.caller_ring)


def _screen(language: str | None) -> Screen | None:
    """Who is silent is joined: they may be frightened, or not understand."""
    if language is None:
        return None
    return Screen((f"{language}/screen.callback",), refuse=NEVER_KEY, silence_joins=True)


def _briefing_silence(state: CallbackState, event: Event, now: datetime) -> Step:
    if state.briefings < BRIEFINGS:
        return _brief(state, now)
    return _not_taken(replace(state, closing="whisper.no_key"), Node.ENDING, "cancelled", None)


def _not_picked_up(state: CallbackState, event: LegEnded, now: datetime) -> Step:
    """At this telephone: the next one, unless they were there and said no."""
    if event.leg != state.leg:
        return state, ()
    if event.outcome not in NOBODY_THERE or state.rung == len(state.facts.then):
        return _caseworker_gone(state, event, now)
    return replace(state, node=Node.NEXT_TELEPHONE), (AskWhether(state.attempt_id),)


def _next_telephone(state: CallbackState, event: GoesOn, now: datetime) -> Step:
    rung = state.rung + 1
    leg = leg_of(state.attempt_id, rung)
    state = replace(state, node=Node.RINGING_CASEWORKER, leg=leg, rung=rung)
    return _ring(state, state.facts.then[rung - 1])


def _over_meanwhile(state: CallbackState, event: IsOver, now: datetime) -> Step:
    return replace(state, node=Node.ENDED), ()


def _caseworker_gone(state: CallbackState, event: LegEnded, now: datetime) -> Step:
    outcome = "line_failed" if event.outcome in _OURS else "cancelled"
    if event.outcome in (LegOutcome.FAILED, LegOutcome.CANCELLED):  # the line, or we, and not the person
        return _end(state, Node.ENDED, outcome, event.cause)
    return _not_taken(state, Node.ENDED, outcome, event.cause)


def _not_taken(state: CallbackState, node: Node, outcome: str, cause: int | None) -> Step:
    """First they are away, then the request is due: else it would be offered to them again."""
    away = () if state.facts.offered_to is None else (StopTaking(state.facts.offered_to),)
    state, end = _end(state, node, outcome, cause)
    return state, (*away, *end)


# ---- the caller's leg ---------------------------------------------------------------------------


def _connected(state: CallbackState, event: Connected, now: datetime) -> Step:
    return replace(state, node=Node.TALKING), (MarkConnected(state.facts.attempt_id),)


def _caller_key(state: CallbackState, event: DigitsEntered, now: datetime) -> Step:
    """What they press at the screen. The end of their leg follows, and finds the closing words chosen."""
    if event.leg != state.peer or event.digits != NEVER_KEY:
        return state, ()
    return replace(state, closing=_NEVER), (NeverCall(state.facts.attempt_id),)


def _caller_leg_ended(state: CallbackState, event: LegEnded, now: datetime) -> Step:
    """In RINGING_CALLER or TALKING. The end of the caseworker's own leg never means that the caller answered:
    they may have hung up before the caller was rung at all."""
    outcome = _OUTCOMES[event.outcome]
    if state.node is Node.TALKING and event.outcome is not LegOutcome.FAILED:
        outcome = "answered"
    elif outcome == "answered" and (event.leg == state.leg or not event.answered):
        outcome = "cancelled"
    over = Node.ENDED if event.leg == state.leg else Node.ENDING
    closing = "closing.over" if outcome == "answered" else f"closing.{outcome}"
    if state.node is Node.RINGING_CALLER and state.closing == _NEVER:
        outcome, closing = "declined", _NEVER  # they said no, whoever hung up first
    return _end(replace(state, closing=closing), over, outcome, event.cause)


def _end(state: CallbackState, node: Node, outcome: str, cause: int | None) -> Step:
    return replace(state, node=node), (EndAttempt(state.facts.attempt_id, outcome, cause),)


def _written_down(state: CallbackState, event: AttemptEnded, now: datetime) -> Step:
    language = state.facts.language
    ids = [state.closing]
    if event.next_attempt_at is not None and state.closing not in ("closing.over", _NEVER):
        ids += ["closing.next_attempt", *when_items(event.next_attempt_at, now, language)]
    prompt = Prompt(state.leg, _items(state.facts, *ids), 0, timedelta(0))
    return replace(state, node=Node.CLOSING), (prompt,)


def _said(state: CallbackState, event: Event, now: datetime) -> Step:
    return replace(state, node=Node.HANGING_UP), (Hangup(state.leg),)


def _leg_ended(state: CallbackState, event: LegEnded, now: datetime) -> Step:
    if event.leg != state.leg:
        return state, ()
    return replace(state, node=Node.ENDED), ()


def _nothing(state: CallbackState, event: Event, now: datetime) -> Step:
    return state, ()


def _items(facts: CallbackFacts, *ids: str) -> tuple[str, ...]:
    return tuple(i if "/" in i else f"{facts.language}/{i}" for i in ids)


_N = Node
_TABLE: dict[tuple[Node, type], Callable[..., Step]] = {
    (_N.RINGING_CASEWORKER, LegAnswered): _caseworker_answered,
    (_N.RINGING_CASEWORKER, LegEnded): _not_picked_up,
    (_N.NEXT_TELEPHONE, GoesOn): _next_telephone,
    (_N.NEXT_TELEPHONE, IsOver): _over_meanwhile,
    (_N.NEXT_TELEPHONE, LegEnded): _nothing,
    (_N.BRIEFING, DigitsEntered): _briefing_key,
    (_N.BRIEFING, NoInput): _briefing_silence,
    (_N.BRIEFING, LegEnded): _caseworker_gone,
    (_N.RINGING_CALLER, DigitsEntered): _caller_key,
    (_N.RINGING_CALLER, Connected): _connected,
    (_N.RINGING_CALLER, LegEnded): _caller_leg_ended,
    (_N.TALKING, LegEnded): _caller_leg_ended,
    (_N.ENDING, AttemptEnded): _written_down,
    (_N.ENDING, LegEnded): _leg_ended,
    (_N.CLOSING, NoInput): _said,
    (_N.CLOSING, DigitsEntered): _said,
    (_N.CLOSING, LegEnded): _leg_ended,
    (_N.HANGING_UP, LegEnded): _leg_ended,
    (_N.ENDED, AttemptEnded): _nothing,
}
