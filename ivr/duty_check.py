"""The `duty_check` machine: whoever is about to be on duty is rung, and confirms it with 1. Pure.

A voicemail confirms nothing. Who is rung next, and who is told, is the desk's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from hardware.line import DigitsEntered, Hangup, LegAnswered, LegEnded, LegOutcome, NoInput, Originate, Prompt
from ivr.consult_port import CheckConfirmed, CheckEnded
from ivr.machine import Command, Event, IllegalTransition
from ivr.phrases import clock_items

RING = timedelta(seconds=25)
PAUSE = timedelta(seconds=5)


class Node(StrEnum):
    RINGING = "ringing"
    ASKING = "asking"
    """Hears from when they are on duty; 1 confirms it."""
    THANKING = "thanking"
    HANGING_UP = "hanging_up"
    ENDED = "ended"
    """Terminal."""


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """Who is rung, and for what. `leg` is in the record already."""

    leg: str
    number: str
    caller_id: str
    language: str
    begins_at: datetime


@dataclass(frozen=True, slots=True)
class CheckState:
    node: Node
    facts: CheckFacts
    asked: int = 0

    @property
    def ended(self) -> bool:
        return self.node is Node.ENDED

    @property
    def leg(self) -> str:
        return self.facts.leg

    @property
    def attempt_id(self) -> None:
        """It is no attempt of a request."""
        return None


Step = tuple[CheckState, tuple[Command, ...]]


def begin(facts: CheckFacts) -> Step:
    ring = Originate(facts.leg, facts.number, RING, facts.caller_id)
    return CheckState(Node.RINGING, facts), (ring,)


def step(state: CheckState, event: Event, now: datetime) -> Step:
    """Raises IllegalTransition for an event this node does not know; the state is then unchanged."""
    handler = _TABLE.get((state.node, type(event)))
    if handler is None:
        raise IllegalTransition(f"duty_check: {type(event).__name__} in {state.node}")
    return handler(state, event, now)


def _ask(state: CheckState, event: Event, now: datetime) -> Step:
    """Twice; then they have not confirmed."""
    if state.asked == 2:
        return replace(state, node=Node.HANGING_UP), (CheckEnded(state.leg, "no_answer"), Hangup(state.leg))
    language = state.facts.language
    when = clock_items(state.facts.begins_at, language)
    said = (f"{language}/duty.check", *when, f"{language}/duty.confirm")
    return replace(state, node=Node.ASKING, asked=state.asked + 1), (Prompt(state.leg, said, 1, PAUSE),)


def _key(state: CheckState, event: DigitsEntered, now: datetime) -> Step:
    if event.digits != "1":
        return _ask(state, event, now)
    thanks = Prompt(state.leg, (f"{state.facts.language}/duty.thanks",), 0, timedelta(0))
    return replace(state, node=Node.THANKING), (CheckConfirmed(state.leg), thanks)


def _not_reached(state: CheckState, event: LegEnded, now: datetime) -> Step:
    outcome = "declined" if state.node is Node.ASKING else _OUTCOMES[event.outcome]
    return replace(state, node=Node.ENDED), (CheckEnded(state.leg, outcome),)


def _let_go(state: CheckState, event: Event, now: datetime) -> Step:
    return replace(state, node=Node.HANGING_UP), (Hangup(state.leg),)


def _gone(state: CheckState, event: LegEnded, now: datetime) -> Step:
    return replace(state, node=Node.ENDED), ()


_OUTCOMES = {
    LegOutcome.ENDED: "no_answer",
    LegOutcome.BUSY: "busy",
    LegOutcome.NO_ANSWER: "no_answer",
    LegOutcome.DECLINED: "declined",
    LegOutcome.INVALID: "failed",
    LegOutcome.CANCELLED: "cancelled",
    LegOutcome.FAILED: "failed",
}
_N = Node
_TABLE: dict[tuple[Node, type], Callable[..., Step]] = {
    (_N.RINGING, LegAnswered): _ask,
    (_N.RINGING, LegEnded): _not_reached,
    (_N.ASKING, DigitsEntered): _key,
    (_N.ASKING, NoInput): _ask,
    (_N.ASKING, LegEnded): _not_reached,
    (_N.THANKING, NoInput): _let_go,
    (_N.THANKING, DigitsEntered): _let_go,
    (_N.THANKING, LegEnded): _gone,
    (_N.HANGING_UP, LegEnded): _gone,
}
