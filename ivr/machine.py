"""What every call machine is made of. Pure: no I/O, no clock of its own.

A machine is `step(state, event, now) -> (state, commands)`. Commands are either for the line
(`hardware.line`) or for the desk (below). Desk commands are durable and idempotent: the runner carries
them out at once and feeds the answer back, before it persists the state and talks to the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from callback.numbers import Refusal
from hardware.line import CallOffered, LegEvent
from hardware.line import Command as LineCommand
from ivr.consult_port import ConsultCommand, ConsultEvent


class IllegalTransition(Exception):
    """The machine has no such event in this state; nothing was changed."""


# ---- desk commands and their answers ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Register:
    """Put the caller on the list now. Answered by `Registered`, or `NotRegistered`."""

    office_no: str
    phone: str | None
    language: str
    by: str
    """`key`, `silence` or `wrong_key`: what made us register."""
    nth: int = 0
    """How often they were taken off the list in this call: each time after it is a request of its own."""
    chosen: bool = False
    """They chose the language in this call: a request of theirs that is on the list is met in it from now on."""


@dataclass(frozen=True, slots=True)
class CheckNumber:
    """Is this keyed-in number one we may ring? Answered by `NumberAccepted` or `NumberRefused`."""

    digits: str
    caller: str | None = None
    """Who keyed it in; None: withheld."""
    trusted: bool = False
    """The contact centre keyed it in: it is not counted."""


@dataclass(frozen=True, slots=True)
class SetNumber:
    """Ring the request at this number from now on. Answered by `NumberSet`."""

    request_id: str
    phone: str
    own: bool
    """It is the number they ring from."""


@dataclass(frozen=True, slots=True)
class MarkRinging:
    """The caller's phone is about to be rung: their time counts from here. No answer."""

    attempt_id: str


@dataclass(frozen=True, slots=True)
class MarkConnected:
    """Caller and caseworker are joined. No answer."""

    attempt_id: str


@dataclass(frozen=True, slots=True)
class AskWhether:
    """Does this attempt still go on? Answered by `GoesOn` or `IsOver`."""

    attempt_id: str


@dataclass(frozen=True, slots=True)
class NeverCall:
    """Whoever was rung in this attempt does not want to be called, ever. No answer."""

    attempt_id: str


@dataclass(frozen=True, slots=True)
class EndAttempt:
    """The attempt is over. Answered by `AttemptEnded`. `outcome` is a `callback.request.AttemptOutcome`."""

    attempt_id: str
    outcome: str
    cause: int | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Keep what the caller chose about their request; None: leave it as it is. Answered by `Updated`."""

    request_id: str
    language: str | None = None
    urgent_reason: str | None = None
    """It is urgent from now on: one of the four urgent `callback.request.Reason`s, or `unspecified`."""
    when: str | None = None
    """`any`, or a `callback.request.DayPart`."""
    discreet: bool | None = None
    until: time | None = None
    """The number is good until this time today (the office's own time)."""
    withdraw: bool = False


@dataclass(frozen=True, slots=True)
class Find:
    """The open request of this number, or with this reference. Answered by `Found`."""

    office_no: str
    phone: str | None
    reference: str | None
    keyed: bool = False
    """The reference was keyed in and may be a guess: it is counted, and nobody is found after too many."""
    caller: str | None = None
    """Who keyed it in; None: withheld."""


@dataclass(frozen=True, slots=True)
class RangBack:
    """Was this caller rung in vain? Then their request is due at once. Answered by `Missed` or `NotMissed`."""

    office_no: str
    caller: str


@dataclass(frozen=True, slots=True)
class StartReturn:
    """Begin to ring a colleague for the caller, who was missed. Answered by `ReturnStarted` or `ReturnRefused`."""

    request_id: str
    person_id: str
    attempt_id: str
    waits: bool = False
    """The caller waits on the line, and was promised to this colleague."""


@dataclass(frozen=True, slots=True)
class AskTurn:
    """Is it the turn of this request, whose person waits on the line? Answered by `ItsTurn`, `InLine` or `NoWaiting`."""

    request_id: str
    first: bool = False
    """They have just come here: where nobody takes calls there is no more to be looked up."""


@dataclass(frozen=True, slots=True)
class StopTaking:
    """Calls were put through to this colleague in vain: no more of them until they say so. No answer."""

    person_id: str


DeskCommand = (
    RangBack
    | StartReturn
    | AskTurn
    | StopTaking
    | Register
    | CheckNumber
    | SetNumber
    | Update
    | Find
    | MarkRinging
    | MarkConnected
    | NeverCall
    | AskWhether
    | EndAttempt
    | ConsultCommand
)


@dataclass(frozen=True, slots=True)
class Registered:
    request_id: str
    reference: str
    phone: str | None
    """The number that will be rung; None when the caller's was withheld or may not be rung."""
    answer_by: date
    """The date to speak; never one that has passed."""
    refused: Refusal | None = None
    """Why the number they ring from may not be rung, if it was seen."""


@dataclass(frozen=True, slots=True)
class NotRegistered:
    """This number has asked too often today."""


@dataclass(frozen=True, slots=True)
class NumberAccepted:
    phone: str


@dataclass(frozen=True, slots=True)
class NumberRefused:
    why: Refusal


@dataclass(frozen=True, slots=True)
class NumberSet:
    """`request_id` may differ from the one asked: that number's open request took this one over."""

    request_id: str
    reference: str
    phone: str
    answer_by: date


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    next_attempt_at: datetime | None
    """None when the request has ended or waits for the caseworker's result."""


@dataclass(frozen=True, slots=True)
class GoesOn:
    """The attempt has not ended."""


@dataclass(frozen=True, slots=True)
class IsOver:
    """The attempt has ended: its caller rang back meanwhile, say."""


@dataclass(frozen=True, slots=True)
class Updated:
    answer_by: date
    done: bool = True
    """False: it could not be kept. A caseworker is ringing whom we were to take off the list, or the time until which
    a borrowed telephone can be rung has passed."""


@dataclass(frozen=True, slots=True)
class Found:
    """`request_id` None: nobody is found."""

    request_id: str | None
    reference: str | None = None
    phone: str | None = None
    answer_by: date | None = None
    language: str | None = None
    discreet: bool = False
    tried_at: datetime | None = None
    """When we last rang them in vain."""
    next_at: datetime | None = None
    """When we ring next; None or past: as soon as we can."""
    not_rung: bool = False
    """Somebody at the number asked us not to ring it."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Someone whose telephone may be rung."""

    person_id: str
    number: str
    """Extension or E.164."""
    then: tuple[str, ...] = ()
    """Their other telephones, rung one after another when nobody takes the one before."""


@dataclass(frozen=True, slots=True)
class Missed:
    """The caller was rung in vain."""

    call_id: str
    found: Found
    """Their request."""
    urgent: bool
    reason: str
    """A `callback.request.Reason`."""
    colleagues: tuple[Colleague, ...]
    """Who may be rung for them, in order."""


@dataclass(frozen=True, slots=True)
class NotMissed:
    """Nobody we rang in vain, or nobody who can be told so."""


@dataclass(frozen=True, slots=True)
class ReturnStarted:
    hang_up: tuple[str, ...]
    """Legs of a call to this very caller that may be under way."""


@dataclass(frozen=True, slots=True)
class ReturnRefused:
    """This colleague talks on another call, or there is nothing to return to any more."""


@dataclass(frozen=True, slots=True)
class ItsTurn:
    """This colleague is to be rung for them now."""

    call_id: str
    colleague: Colleague
    urgent: bool
    reason: str
    """A `callback.request.Reason`."""
    by_hand: bool = False
    """The colleague has taken the request."""


@dataclass(frozen=True, slots=True)
class InLine:
    place: int
    """1: the next one."""
    expected: timedelta
    too_long: bool
    """Longer than the office lets callers wait without asking."""


class Why(StrEnum):
    """Why a caller cannot wait on the line."""

    CLOSED = "closed"
    NOBODY = "nobody"
    """Nobody takes calls."""
    IN_CALL = "in_call"
    """A colleague has the request in a call, or has talked with them."""
    ENDED = "ended"
    """Somebody has ended the request."""
    UNKNOWN = "unknown"
    """The list could not be read just now."""


@dataclass(frozen=True, slots=True)
class NoWaiting:
    why: Why


DeskEvent = (
    ItsTurn
    | InLine
    | NoWaiting
    | Missed
    | NotMissed
    | ReturnStarted
    | ReturnRefused
    | Registered
    | NotRegistered
    | NumberAccepted
    | NumberRefused
    | NumberSet
    | Updated
    | Found
    | AttemptEnded
    | GoesOn
    | IsOver
    | ConsultEvent
)


@dataclass(frozen=True, slots=True)
class TimeIsUp:
    """The moment a machine wanted to be woken at (`wake_at` of its state) has come. It may come twice, and late."""


Command = LineCommand | DeskCommand
Event = CallOffered | LegEvent | DeskEvent | TimeIsUp
