"""What every call machine is made of. Pure: no I/O, no clock of its own.

A machine is `step(state, event, now) -> (state, commands)`. Commands are either for the line
(`hardware.line`) or for the desk (below). Desk commands are durable and idempotent: the runner carries
them out at once and feeds the answer back, before it persists the state and talks to the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from callback.numbers import Refusal
from hardware.line import Command as LineCommand
from hardware.line import LegEvent


class IllegalTransition(Exception):
    """The machine has no such event in this state; nothing was changed."""


# ---- desk commands and their answers ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Register:
    """Put the caller on the list now. Answered by `Registered`."""

    office_no: str
    phone: str | None
    language: str
    by: str
    """`key`, `silence` or `wrong_key`: what made us register."""


@dataclass(frozen=True, slots=True)
class CheckNumber:
    """Is this keyed-in number one we may ring? Answered by `NumberAccepted` or `NumberRefused`."""

    digits: str


@dataclass(frozen=True, slots=True)
class SetNumber:
    """Ring the request at this number from now on. Answered by `NumberSet`."""

    request_id: str
    phone: str


@dataclass(frozen=True, slots=True)
class MarkRinging:
    """The caller's phone is about to be rung: their time counts from here. No answer."""

    attempt_id: str


@dataclass(frozen=True, slots=True)
class MarkConnected:
    """Caller and caseworker are joined. No answer."""

    attempt_id: str


@dataclass(frozen=True, slots=True)
class EndAttempt:
    """The attempt is over. Answered by `AttemptEnded`. `outcome` is a `callback.request.AttemptOutcome`."""

    attempt_id: str
    outcome: str
    cause: int | None = None


DeskCommand = Register | CheckNumber | SetNumber | MarkRinging | MarkConnected | EndAttempt


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


DeskEvent = Registered | NumberAccepted | NumberRefused | NumberSet | AttemptEnded

Command = LineCommand | DeskCommand
Event = LegEvent | DeskEvent
