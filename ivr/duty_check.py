"""The `duty_check` machine: whoever is about to be on duty is rung, and confirms it with 1; whoever has talked on the on-call
line and hung up first is rung, and says with one key what came of it. Pure.

A voicemail presses nothing. Who is rung next, and who is told, is the desk's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from hardware.line import DigitsEntered, Hangup, LegAnswered, LegEnded, LegOutcome, NoInput, Originate, Prompt
from ivr.consult_port import RESULT_KEYS, CheckConfirmed, CheckEnded, DutyResult
from ivr.machine import Command, Event, IllegalTransition
from ivr.phrases import clock_items

RING = timedelta(seconds=25)
PAUSE = timedelta(seconds=5)


class Node(StrEnum):
    RINGING = "ringing"
    ASKING = "asking"
    """Hears from when they are on duty, 1 confirms it; or which talk it is about, 1 or 2 says what came of it."""
    THANKING = "thanking"
    HANGING_UP = "hanging_up"
    ENDED = "ended"
    """Terminal."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A talk on the on-call line of which nobody has said what came of it."""

    consult_id: str
    person_id: str
    line_id: str
    office_no: str
    request_id: str | None


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """Who is rung, and for what. `leg` is in the record already."""

    leg: str
    number: str
    caller_id: str
    language: str
    begins_at: datetime
    """When they are on duty, or were rung."""
    talk: Talk | None = None
    """What came of it is asked; None: whether they will be on duty."""


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
    """Twice; then they have not answered it."""
    if state.asked == 2:
        return replace(state, node=Node.HANGING_UP), (CheckEnded(state.leg, "no_answer"), Hangup(state.leg))
    language = state.facts.language
    when = clock_items(state.facts.begins_at, language)
    said = (f"{language}/duty.check", *when, f"{language}/duty.confirm")
    if state.facts.talk is not None:
        said = (f"{language}/duty.result_call",)
    return replace(state, node=Node.ASKING, asked=state.asked + 1), (Prompt(state.leg, said, 1, PAUSE),)


def _key(state: CheckState, event: DigitsEntered, now: datetime) -> Step:
    says = _says(state.facts.talk, event.digits)
    if says is None:
        return _ask(state, event, now)
    thanks = Prompt(state.leg, (f"{state.facts.language}/duty.thanks",), 0, timedelta(0))
    return replace(state, node=Node.THANKING), (*says, CheckConfirmed(state.leg), thanks)


def _says(talk: Talk | None, key: str) -> tuple[Command, ...] | None:
    """What the desk is to write for this key; None: it is no answer."""
    if talk is None:
        return () if key == "1" else None
    if key not in RESULT_KEYS:
        return None
    whose = (talk.person_id, talk.line_id, talk.office_no, talk.request_id)
    return (DutyResult(RESULT_KEYS[key], *whose, talk.consult_id),)


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
