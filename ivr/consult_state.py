"""Where a call is that asks for whoever is on duty, and what is known of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from config.menu import Menu
from hardware.line import CallOffered, Prompt
from ivr.consult_port import BeginConsult, Choice, RingNext, RingNow, Rung, RungBy
from ivr.intake_state import IntakeState, OfficeFacts, peer_of
from ivr.intake_words import spoken
from ivr.machine import Command
from ivr.waiting_state import WaitingState

OFFER_PAUSE = timedelta(seconds=2)
"""Silence after which the one on duty is rung for a caller who could choose."""


class Node(StrEnum):
    OFFERED = "offered"
    """The contact centre rings."""
    PIN = "pin"
    """Key in the code."""
    CHECKING_PIN = "checking_pin"
    OFFICE = "office"
    """Key in the office."""
    FINDING = "finding"
    CHOOSING = "choosing"
    """Is it this line, or which of these?"""
    OFFERING = "offering"
    """A caller hears that the one on duty is rung, and can choose to be rung themself."""
    ASKING = "asking"
    """The desk is asked whom to ring."""
    CALLING = "calling"
    """Hears who is rung."""
    RINGING = "ringing"
    STOPPED = "stopped"
    """The ringing was stopped, and not by us: is anybody there?"""
    TALKING = "talking"
    DROPPED = "dropped"
    """Hears that whoever accepted is gone again."""
    OVER = "over"
    """The person on duty has hung up, and the contact centre has not: was it cut off?"""
    LEAVING = "leaving"
    """The contact centre, or the caller, has hung up; the person on duty may be there still."""
    RESULT = "result"
    """The person on duty says what came of it."""
    THANKING = "thanking"
    ASKING_WHEN = "asking_when"
    PROMISING = "promising"
    """1: the caller is rung."""
    KEYING = "keying"
    """Key in the caller's number."""
    CHECKING = "checking"
    READBACK = "readback"
    """Is the number right?"""
    REGISTERING = "registering"
    LAST_WORDS = "last_words"
    HANGING_UP = "hanging_up"
    ENDED = "ended"
    """Terminal."""


@dataclass(frozen=True, slots=True)
class ConsultState:
    node: Node
    offered: CallOffered
    wait: timedelta
    """Silence that counts as an answer."""
    language: str = "nb"
    """What the contact centre hears."""
    line: Choice | None = None
    """The one that is asked for; None until it is known."""
    asks_pin: bool = False
    """The caller is not known, and must key in the code."""
    office: OfficeFacts | None = None
    menu: Menu | None = None
    """Of whoever does not."""
    choices: tuple[Choice, ...] = ()
    intake: IntakeState | None = None
    """Where a caller came from in the menu, and goes on from; None: the contact centre."""
    began_at: datetime | None = None
    """Since when somebody is looked for."""
    tried: tuple[str, ...] = ()
    """Person ids of those who were rung."""
    count: int = 0
    """Legs that were rung."""
    now: RingNow | None = None
    """Whom is rung, or was last."""
    live: tuple[str, ...] = ()
    """Legs of it that have not ended."""
    stop_at: datetime | None = None
    """When those who ring or listen now are stopped."""
    stopped: bool = False
    """They were told to stop."""
    joined: Rung | None = None
    """Who talks, or talked last."""
    joined_at: datetime | None = None
    silences: int = 0
    """In this step."""
    keyed: str = ""
    rung_by: RungBy | None = None

    @property
    def ended(self) -> bool:
        return self.node is Node.ENDED

    @property
    def leg(self) -> str:
        """Of the contact centre, or of the caller."""
        return self.offered.leg

    @property
    def prefix(self) -> str:
        """How the ids of the legs of those on duty begin."""
        return f"{peer_of(self.leg)}-d"

    @property
    def wake_at(self) -> datetime | None:
        """When this machine wants to hear that its time is up."""
        return self.stop_at if self.node is Node.RINGING else None

    @property
    def request_id(self) -> str | None:
        """Of a caller who is on the list."""
        return None if self.intake is None else self.intake.request_id

    @property
    def attempt_id(self) -> str | None:
        """Of the caller's request, while they talk."""
        if self.now is None or self.joined is None or self.request_id is None:
            return None
        return attempt_of(self.now.call_id, self.joined.leg)


def attempt_of(call_id: str, leg: str) -> str:
    """The attempt of a talk on this leg."""
    return f"{call_id}{leg.rpartition('-')[2]}"


Step = tuple[IntakeState | WaitingState | ConsultState, tuple[Command, ...]]
"""Of a caller in the menu who comes here and goes on there, and of the contact centre."""


def from_menu(intake: IntakeState, now: datetime) -> Step:
    """A caller in the menu asks for whoever is on duty. Who has said that it is urgent, and can be rung, may choose that."""
    state = ConsultState(
        Node.OFFERING,
        CallOffered(intake.leg, "", intake.caller),
        intake.office.wait,
        line=intake.office.on_call,
        intake=replace(intake, wants_person=True),
    )
    if not intake.urgent or intake.phone is None or intake.not_rung or intake.waited:
        return begin(state, now)
    return offer(state)


def offer(state: ConsultState) -> Step:
    """Stay on the line, or be rung?"""
    assert state.intake is not None, "only a caller can choose"
    said = (*state.intake.before, *spoken(state.intake, "wait.offer"))
    state = replace(state, intake=replace(state.intake, before=()))
    return state, (Prompt(state.leg, said, 1, OFFER_PAUSE),)


def begin(state: ConsultState, now: datetime) -> Step:
    """The call is on record, and whoever is on duty is looked for."""
    assert state.line is not None, "a line has been asked for"
    line, own = state.line, state.intake is not None
    begun = BeginConsult(line.line_id, line.office_no, state.request_id, own=own)
    asking, commands = ask_next(replace(state, began_at=now))
    return asking, (begun, *commands)


def ask_next(state: ConsultState) -> Step:
    """Whom to ring now?"""
    assert state.line is not None, "a line has been asked for"
    asked = RingNext(state.line.line_id, state.tried, state.prefix, state.count, state.request_id)
    return replace(state, node=Node.ASKING), (asked,)
