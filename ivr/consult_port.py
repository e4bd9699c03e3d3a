"""What the `consult` machine asks of the desk, and the answers. Pure; see `ivr.machine`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class CheckPin:
    """Is this the contact centre's code? Answered by `PinRight` or `PinWrong`."""

    digits: str
    caller: str | None
    """Who keyed it in; None: withheld."""


@dataclass(frozen=True, slots=True)
class FindLines:
    """The on-call lines of this office or municipality number. Answered by `LinesFound`."""

    digits: str


@dataclass(frozen=True, slots=True)
class BeginConsult:
    """A call asks for whoever is on duty. No answer."""

    line_id: str
    office_no: str
    request_id: str | None
    """The caller's own; None: the contact centre asks, or the caller is not on the list."""
    own: bool
    """It is the caller who asks, not the contact centre."""


@dataclass(frozen=True, slots=True)
class RingNext:
    """Whom to ring now? Answered by `RingNow` or `NobodyLeft`."""

    line_id: str
    tried: tuple[str, ...]
    """Person ids."""
    prefix: str
    """How the ids of their legs begin."""
    count: int
    """How many legs there were."""
    request_id: str | None


@dataclass(frozen=True, slots=True)
class DutyJoined:
    """Somebody on duty talks with the caller. No answer."""

    leg: str
    person_id: str
    request_id: str | None
    """The caller's own: the talk is an attempt of it."""


@dataclass(frozen=True, slots=True)
class DutyEnded:
    """One telephone rings no more, or its talk is over. No answer."""

    leg: str
    outcome: str
    """A `callback.consult.DutyOutcome`."""
    talked: bool = False
    """With a caller who has a request of their own: its attempt has ended."""


@dataclass(frozen=True, slots=True)
class WhenRung:
    """By when would the caller be rung? Answered by `RungBy`."""

    office_no: str


@dataclass(frozen=True, slots=True)
class MakePromise:
    """Put the caller on the list as urgent, for the contact centre. Answered by `Promised` or `NotPromised`."""

    line_id: str
    office_no: str
    phone: str | None


RESULT_KEYS = {"1": "solved", "2": "follow_up"}
"""What whoever is on duty presses after a talk, and what it says: a `callback.consult.ConsultResult`."""


@dataclass(frozen=True, slots=True)
class DutyResult:
    """What the person on duty says of the talk. No answer."""

    result: str
    """A `callback.consult.ConsultResult`."""
    person_id: str
    line_id: str
    office_no: str
    request_id: str | None
    consult_id: str | None = None
    """Of the call in which they talked; None: this one."""


@dataclass(frozen=True, slots=True)
class AskBack:
    """The person on duty hung up first: they are to be rung and asked what came of it. No answer."""


@dataclass(frozen=True, slots=True)
class EndConsult:
    """The call asks no more. No answer."""

    outcome: str
    """A `callback.consult.ConsultOutcome`."""


@dataclass(frozen=True, slots=True)
class CheckConfirmed:
    """Whoever was rung before their shift has confirmed it. No answer."""

    leg: str


@dataclass(frozen=True, slots=True)
class CheckEnded:
    """They have not. No answer."""

    leg: str
    outcome: str
    """A `callback.consult.DutyOutcome`."""


ConsultCommand = (
    CheckConfirmed
    | CheckEnded
    | CheckPin
    | FindLines
    | BeginConsult
    | RingNext
    | DutyJoined
    | DutyEnded
    | WhenRung
    | MakePromise
    | DutyResult
    | AskBack
    | EndConsult
)


@dataclass(frozen=True, slots=True)
class PinRight:
    """They may ring whoever is on duty."""


@dataclass(frozen=True, slots=True)
class PinWrong:
    """Not the code, or keyed in too often today."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An on-call line that can be asked for."""

    line_id: str
    office_no: str
    group: str
    """A `config.oncall.TargetGroup`."""
    language: str
    """The office's own."""
    caller_id: str
    """E.164, shown to whoever is rung."""
    only: bool = True
    """The office has no other."""


@dataclass(frozen=True, slots=True)
class LinesFound:
    """None: no office has this number, or it has no on-call line."""

    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Rung:
    """A telephone that is rung, and whose."""

    leg: str
    person_id: str
    number: str


@dataclass(frozen=True, slots=True)
class RingNow:
    call_id: str
    rung: tuple[Rung, ...]
    left: int
    """How many are left after these."""
    ring_for: timedelta
    longest: timedelta
    """From the beginning until a person answers, or the promise is made."""
    urgent: bool = False
    reason: str = ""
    """A `callback.request.Reason` of the caller's request."""
    count: int = 1
    """Legs there have been."""
    hang_up: tuple[str, ...] = ()
    """Legs that only asked them what came of an earlier talk."""


@dataclass(frozen=True, slots=True)
class NobodyLeft:
    """Everybody has been rung, or is in a call; or nobody is on duty."""


@dataclass(frozen=True, slots=True)
class RungBy:
    at: datetime
    within: timedelta | None
    """None: not so soon that it is said as a span of time."""


@dataclass(frozen=True, slots=True)
class Promised:
    request_id: str
    reference: str
    due_at: datetime
    has_number: bool = True
    """Without one nobody can be rung."""


@dataclass(frozen=True, slots=True)
class NotPromised:
    """Whoever has this number asked us not to ring it."""


ConsultEvent = PinRight | PinWrong | LinesFound | RingNow | NobodyLeft | RungBy | Promised | NotPromised
