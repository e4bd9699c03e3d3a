"""The `arrival` machine: every call that comes in begins here. Pure.

Whoever was rung in vain and rings back is put through: colleagues are rung one after another until one accepts with
1, and each try is an attempt of the caller's request. When nobody accepts, the request is due at once, the caller hears
so and goes on in the office's menu (`intake`). All others go there at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from config.menu import Menu
from hardware.line import (
    Answer,
    CallOffered,
    Connected,
    Dial,
    DigitsEntered,
    Hangup,
    LegEnded,
    LegOutcome,
    NoInput,
    Prompt,
    Screen,
)
from ivr import intake
from ivr.consult_state import ConsultState
from ivr.intake import PERSON_RING
from ivr.intake_state import IntakeState, OfficeFacts, peer_of
from ivr.machine import (
    AttemptEnded,
    Command,
    EndAttempt,
    Event,
    IllegalTransition,
    MarkConnected,
    Missed,
    NotMissed,
    RangBack,
    ReturnRefused,
    ReturnStarted,
    StartReturn,
    StopTaking,
)
from ivr.phrases import about_items
from ivr.prompts import spoken_tag
from ivr.waiting_state import WaitingState


class Node(StrEnum):
    OFFERED = "offered"
    """Who rings? The desk is asked."""
    STARTING = "starting"
    """The desk is asked for the next colleague."""
    CONNECTING = "connecting"
    """The caller hears that they are put through; the first colleague is about to be rung."""
    RINGING_CASEWORKER = "ringing_caseworker"
    TALKING = "talking"
    ENDING = "ending"
    """The desk is writing down that this colleague did not take it."""
    HANGING_UP = "hanging_up"
    ENDED = "ended"
    """Terminal."""


@dataclass(frozen=True, slots=True)
class ArrivalState:
    node: Node
    offered: CallOffered
    office: OfficeFacts
    menu: Menu
    missed: Missed | None = None
    """Set from STARTING on; a dialled colleague is one of its colleagues."""
    at: int = 0
    """Which telephone of a colleague."""
    told: bool = False
    """The caller has heard that they are put through."""

    @property
    def ended(self) -> bool:
        return self.node is Node.ENDED

    @property
    def leg(self) -> str:
        """The caller's."""
        return self.offered.leg

    @property
    def peer(self) -> str:
        """The colleague's leg."""
        return f"{peer_of(self.leg)}-{self.at}"

    @property
    def attempt_id(self) -> str | None:
        """Of the colleague who is rung; None before the first."""
        return None if self.missed is None else f"{self.missed.call_id}{self.at}"


Step = tuple[ArrivalState | IntakeState | WaitingState | ConsultState, tuple[Command, ...]]


def begin(offered: CallOffered, office: OfficeFacts, menu: Menu) -> ArrivalState:
    """A call that comes in; its first event is the offer itself."""
    return ArrivalState(Node.OFFERED, offered, office, menu)


def step(state: ArrivalState, event: Event, now: datetime) -> Step:
    """Raises IllegalTransition for an event this node does not know; the state is then unchanged."""
    handler = _TABLE.get((state.node, type(event)))
    if handler is None:
        raise IllegalTransition(f"arrival: {type(event).__name__} in {state.node}")
    return handler(state, event, now)


def _offered(state: ArrivalState, event: CallOffered, now: datetime) -> Step:
    if event.caller is None:
        return _to_menu(state, event, now)
    return state, (RangBack(state.office.office_no, event.caller),)


def _to_menu(state: ArrivalState, event: Event, now: datetime) -> Step:
    return intake.begin(state.offered, state.office, state.menu, now)


def _missed(state: ArrivalState, event: Missed, now: datetime) -> Step:
    state = replace(state, missed=event)
    if not event.colleagues:
        return _nobody(state, now)
    return _start(state)


def _start(state: ArrivalState) -> Step:
    missed = _of(state)
    start = StartReturn(missed.found.request_id or "", missed.colleagues[state.at].person_id, _attempt(state))
    return replace(state, node=Node.STARTING), (start,)


def _started(state: ArrivalState, event: ReturnStarted, now: datetime) -> Step:
    """A call to this caller is hung up first, so that the colleague is free when the caller has been told."""
    other = tuple(map(Hangup, event.hang_up))
    if state.told:
        state, dial = _dial(state, event, now)
        return state, (*other, *dial)
    answer = (Answer(state.leg), _said(state, "intake.connecting"))
    return replace(state, node=Node.CONNECTING, told=True), (*other, *answer)


def _dial(state: ArrivalState, event: Event, now: datetime) -> tuple[ArrivalState, tuple[Command, ...]]:
    to = _of(state).colleagues[state.at].number
    screen = Screen(_whisper(state))
    shown = state.office.public_number
    dial = Dial(state.leg, state.peer, to, PERSON_RING, shown, screen, until=now + PERSON_RING)
    return replace(state, node=Node.RINGING_CASEWORKER), (dial,)


def _whisper(state: ArrivalState) -> tuple[str, ...]:
    missed, language = _of(state), state.office.languages[0]
    about = about_items(missed.reason, language, urgent=missed.urgent)
    return (f"{language}/whisper.return_call", *about, f"{language}/whisper.accept")


def _connected(state: ArrivalState, event: Connected, now: datetime) -> Step:
    return replace(state, node=Node.TALKING), (MarkConnected(_attempt(state)),)


def _ended_ringing(state: ArrivalState, event: LegEnded, now: datetime) -> Step:
    if event.leg == state.leg:
        return _end(state, Node.ENDED, "cancelled", event.cause)
    if event.answered:  # we were away while they talked
        return _ended_talking(state, event, now)
    failed = event.outcome in (LegOutcome.FAILED, LegOutcome.INVALID)
    after, commands = _end(state, Node.ENDING, "line_failed" if failed else "cancelled", event.cause)
    if event.outcome is LegOutcome.NO_ANSWER and not _rings_elsewhere(state):
        commands = (StopTaking(_of(state).colleagues[state.at].person_id), *commands)
    return after, commands


def _rings_elsewhere(state: ArrivalState) -> bool:
    """Whether the same colleague's other telephone comes next."""
    this, *others = _of(state).colleagues[state.at :]
    return any(other.person_id == this.person_id for other in others)


def _ended_talking(state: ArrivalState, event: LegEnded, now: datetime) -> Step:
    if event.leg == state.leg:
        return _end(state, Node.ENDED, "answered", event.cause)
    after, commands = _end(state, Node.HANGING_UP, "answered", event.cause)
    return after, (*commands, Hangup(state.leg))


def _ended_before_ringing(state: ArrivalState, event: LegEnded, now: datetime) -> Step:
    return _end(state, Node.ENDED, "cancelled", event.cause)


def _end(
    state: ArrivalState, node: Node, outcome: str, cause: int | None
) -> tuple[ArrivalState, tuple[Command, ...]]:
    return replace(state, node=node), (EndAttempt(_attempt(state), outcome, cause),)


def _next(state: ArrivalState, event: Event, now: datetime) -> Step:
    """This colleague did not take it: the next one, or on in the menu."""
    if state.at + 1 < len(_of(state).colleagues):
        return _start(replace(state, at=state.at + 1))
    return _nobody(state, now)


def _nobody(state: ArrivalState, now: datetime) -> Step:
    return intake.go_on(state.offered, state.office, state.menu, _of(state).found, now, answered=state.told)


def _gone(state: ArrivalState, event: LegEnded, now: datetime) -> Step:
    return (replace(state, node=Node.ENDED) if event.leg == state.leg else state), ()


def _nothing(state: ArrivalState, event: Event, now: datetime) -> Step:
    return state, ()


def _of(state: ArrivalState) -> Missed:
    assert state.missed is not None, "only a missed caller comes here"
    return state.missed


def _attempt(state: ArrivalState) -> str:
    assert state.attempt_id is not None, "only a missed caller comes here"
    return state.attempt_id


def _said(state: ArrivalState, prompt_id: str) -> Prompt:
    language = _of(state).found.language or state.office.languages[0]
    item = f"{spoken_tag(language, state.office.speed)}/{prompt_id}"
    return Prompt(state.leg, (item,), 0, timedelta(0))


_N = Node
_TABLE: dict[tuple[Node, type], Callable[..., Step]] = {
    (_N.OFFERED, CallOffered): _offered,
    (_N.OFFERED, NotMissed): _to_menu,
    (_N.OFFERED, Missed): _missed,
    (_N.OFFERED, LegEnded): _gone,
    (_N.CONNECTING, NoInput): _dial,
    (_N.CONNECTING, DigitsEntered): _dial,
    (_N.CONNECTING, LegEnded): _ended_before_ringing,
    (_N.STARTING, ReturnStarted): _started,
    (_N.STARTING, ReturnRefused): _next,
    (_N.STARTING, LegEnded): _gone,
    (_N.RINGING_CASEWORKER, Connected): _connected,
    (_N.RINGING_CASEWORKER, DigitsEntered): _nothing,
    (_N.RINGING_CASEWORKER, LegEnded): _ended_ringing,
    (_N.TALKING, LegEnded): _ended_talking,
    (_N.ENDING, AttemptEnded): _next,
    (_N.ENDING, LegEnded): _gone,
    (_N.HANGING_UP, AttemptEnded): _nothing,
    (_N.HANGING_UP, LegEnded): _gone,
    (_N.ENDED, AttemptEnded): _nothing,
}
