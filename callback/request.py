"""A request to be talked to: its life cycle as one table, its attempts, its ledger. Pure.

A request ends in three ways only: `reached`, `withdrawn` by the caller, or `decided` by a named person.
Nothing here may ever change `registered_at` or `answer_by_date` of a request that exists; `due_at` may only
get earlier, once, when the request becomes urgent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any


class CallbackError(Exception):
    """Base of what the list refuses."""


class IllegalTransition(CallbackError):
    """This cannot happen to a request in this state; nothing was changed."""


class RequestState(StrEnum):
    WAITING = "waiting"
    """On the list, not yet tried."""
    CLAIMED = "claimed"
    """A named caseworker has it and has not rung yet."""
    CALLING = "calling"
    """An attempt is under way: the caseworker's or the caller's phone rings, or they talk."""
    RESULT_DUE = "result_due"
    """They talked; the caseworker has not yet said how it went."""
    UNREACHABLE = "unreachable"
    """Tried and missed; keeps its place and its clock and has a next attempt."""
    REACHED = "reached"
    """Terminal: a human talked with the person."""
    WITHDRAWN = "withdrawn"
    """Terminal: the caller no longer wants it."""
    DECIDED = "decided"
    """Terminal: a named person ended it, wrote why, and tried another channel."""


TERMINAL = frozenset({RequestState.REACHED, RequestState.WITHDRAWN, RequestState.DECIDED})
OPEN = frozenset(RequestState) - TERMINAL


class RequestEvent(StrEnum):
    CLAIMED = "claimed"
    RELEASED = "released"
    CALL_STARTED = "call_started"
    CALL_MISSED = "call_missed"
    """The attempt ended and nobody talked."""
    CALL_TALKED = "call_talked"
    """The attempt ended after caller and caseworker were joined."""
    RESULT_REACHED = "result_reached"
    RESULT_RING_AGAIN = "result_ring_again"
    """Wrong person, or please ring again."""
    WITHDRAWN = "withdrawn"
    DECIDED = "decided"


_S, _E = RequestState, RequestEvent

TRANSITIONS: dict[tuple[RequestState, RequestEvent], RequestState] = {
    (_S.WAITING, _E.CLAIMED): _S.CLAIMED,
    (_S.WAITING, _E.CALL_STARTED): _S.CALLING,
    (_S.WAITING, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.WAITING, _E.DECIDED): _S.DECIDED,
    (_S.UNREACHABLE, _E.CLAIMED): _S.CLAIMED,
    (_S.UNREACHABLE, _E.CALL_STARTED): _S.CALLING,
    (_S.UNREACHABLE, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.UNREACHABLE, _E.DECIDED): _S.DECIDED,
    # A talk that our own line cut may still be recorded; the desk asks for a conversation first.
    (_S.UNREACHABLE, _E.RESULT_REACHED): _S.REACHED,
    (_S.CLAIMED, _E.RELEASED): _S.WAITING,  # UNREACHABLE if it was tried before, see `next_state`
    (_S.CLAIMED, _E.CALL_STARTED): _S.CALLING,
    (_S.CLAIMED, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.CLAIMED, _E.DECIDED): _S.DECIDED,
    (_S.CALLING, _E.CALL_MISSED): _S.UNREACHABLE,
    (_S.CALLING, _E.CALL_TALKED): _S.RESULT_DUE,
    (_S.RESULT_DUE, _E.RESULT_REACHED): _S.REACHED,
    (_S.RESULT_DUE, _E.RESULT_RING_AGAIN): _S.UNREACHABLE,
    (_S.RESULT_DUE, _E.CALL_STARTED): _S.CALLING,
    (_S.RESULT_DUE, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.RESULT_DUE, _E.DECIDED): _S.DECIDED,
}


class Urgency(StrEnum):
    URGENT = "urgent"
    ORDINARY = "ordinary"


class Reason(StrEnum):
    """Fixed list; the first four are urgent (Nav's own four)."""

    NO_SHELTER = "no_shelter"
    NO_FOOD = "no_food"
    NO_POWER = "no_power"
    EMERGENCY_HELP = "emergency_help"
    FINANCIAL_ASSISTANCE = "financial_assistance"
    TEMPORARY_HOUSING = "temporary_housing"
    ADVICE = "advice"
    DEBT_ADVICE = "debt_advice"
    QUALIFICATION_PROGRAMME = "qualification_programme"
    OTHER = "other"
    UNSPECIFIED = "unspecified"
    """The caller only pressed 1."""


URGENT_REASONS = frozenset({Reason.NO_SHELTER, Reason.NO_FOOD, Reason.NO_POWER, Reason.EMERGENCY_HELP})


class DayPart(StrEnum):
    """When in the day the person wishes to be rung; the office sets the hours of each."""

    MORNING = "morning"
    MIDDAY = "midday"
    AFTERNOON = "afternoon"


class Origin(StrEnum):
    """Where the request was born."""

    PHONE = "phone"
    STAFF = "staff"
    CONTACT_CENTRE = "contact_centre"
    API = "api"


class NumberSource(StrEnum):
    """How we came to know the number."""

    CALLER_ID = "caller_id"
    """They rang from it."""
    KEYED = "keyed"
    """A caller keyed it in, ringing from another telephone."""
    STAFF = "staff"
    """Staff, the contact centre or a program gave it."""


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    ANSWERED = "answered"
    """Caller and caseworker were joined."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    INVALID = "invalid"
    CANCELLED = "cancelled"
    """The caseworker did not press 1 or hung up first: the caller was not rung, or not long enough."""
    LINE_FAILED = "line_failed"
    """Our own failure; uses up nothing."""


FREE_OUTCOMES = frozenset({AttemptOutcome.CANCELLED, AttemptOutcome.LINE_FAILED})
"""Outcomes that do not count as an attempt to reach the person."""


class CallResult(StrEnum):
    """What the caseworker says of a conversation."""

    REACHED = "reached"
    WRONG_PERSON = "wrong_person"
    RING_AGAIN = "ring_again"


@dataclass(frozen=True, slots=True)
class CallAttempt:
    """One try to reach the person. Times are aware UTC."""

    id: str
    request_id: str
    caseworker: str
    """Person id."""
    phone: str | None
    """The number rung, E.164; None when erased."""
    started_at: datetime
    """The caseworker's phone was rung."""
    ringing_at: datetime | None = None
    """The caller's phone was rung: their time counts from here."""
    connected_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: AttemptOutcome | None = None
    cause: int | None = None
    """Q.850 hangup cause."""
    result: CallResult | None = None
    inbound: bool = False
    """They were on the line, and `caseworker` was rung for them."""


INTERPRETER_STAYS = timedelta(hours=1)
"""A booked interpreter is there for so long; then another must be booked."""


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """One person's request to one office. Times are aware UTC."""

    id: str
    reference: str
    """Six digits, unique among open requests; can be read aloud."""
    office_no: str
    phone: str | None
    """E.164; None while a withheld caller has not keyed one in, and after erasure."""
    state: RequestState
    urgency: Urgency
    reason: Reason
    language: str
    origin: Origin
    registered_at: datetime
    due_at: datetime
    answer_by_date: date
    last_workable_at: datetime
    """What the list sorts by: the last minute in phone hours at or before `due_at`."""
    next_attempt_at: datetime | None
    """When it is next to be rung or looked at; None only when it has ended."""
    registered_by: str
    """`caller` or the person id that registered it."""
    claimed_by: str | None = None
    claimed_at: datetime | None = None
    assigned_to: str | None = None
    """The caseworker it was reassigned to, if any."""
    note: str | None = None
    day_part: DayPart | None = None
    """The wish for a part of the day, if any."""
    discreet: bool = False
    """No messages and no voicemail: nobody else may learn of it."""
    reachable_until: datetime | None = None
    """A borrowed telephone: from then on the number is not to be rung, until one is set again."""
    number_source: NumberSource = NumberSource.CALLER_ID
    substitute: str | None = None
    """The office that serves it instead of `office_no`, whose leader is disqualified."""
    disqualified: tuple[str, ...] = ()
    """Person ids of those who may have nothing to do with it (inhabil)."""
    interpreter: bool = False
    """They need an interpreter."""
    interpreter_at: datetime | None = None
    """When the interpreter is booked; until one is, nobody can talk with them."""
    protected: bool = False
    """A protected address: only the restricted role may see it."""
    escalation: int = 0
    """The last step of the escalation that was reached, in percent of the clock; 0: none."""
    escalates_at: datetime | None = None
    """When the next step is reached; None: there is none."""
    acknowledged: int = 0
    """The last step that a person acknowledged."""
    acknowledged_by: str | None = None
    """Person id."""
    attempts: tuple[CallAttempt, ...] = field(default=())
    version: int = 0
    """Counts saves; a save with an old version is refused (compare and set)."""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def served_by(self) -> str:
        """The office whose people ring them."""
        return self.substitute or self.office_no

    def has_interpreter(self, now: datetime) -> bool:
        """Whether the interpreter that was booked is there now."""
        at = self.interpreter_at
        return at is not None and at <= now < at + INTERPRETER_STAYS

    def can_be_talked_with(self, now: datetime) -> bool:
        """False while they need an interpreter and none is there."""
        return not self.interpreter or self.has_interpreter(now)

    @property
    def promised_call_at(self) -> datetime | None:
        """The next attempt as it may be told: none while there will be no interpreter for it."""
        at = self.next_attempt_at
        return at if at is not None and self.can_be_talked_with(at) else None

    def is_out_of_reach(self, now: datetime) -> bool:
        """Whether the number was borrowed, and the time for it is over."""
        return self.reachable_until is not None and self.reachable_until <= now

    @property
    def missed(self) -> CallAttempt | None:
        """The last attempt that rang them, when it was in vain so far and nobody has talked with them since."""
        for attempt in reversed(self.attempts):
            if attempt.connected_at is not None or attempt.outcome is AttemptOutcome.ANSWERED:
                return None
            if attempt.ringing_at is not None:
                return attempt
        return None

    @property
    def is_own_number(self) -> bool:
        """Whether the number is known to be theirs: they rang from it, or we have talked there for this request,
        and not with the wrong person. Else somebody else may answer, who has asked us for nothing."""
        return self.number_source is NumberSource.CALLER_ID or any(
            a.phone == self.phone
            and (a.connected_at is not None or a.outcome is AttemptOutcome.ANSWERED)
            and a.result is not CallResult.WRONG_PERSON
            for a in self.attempts
        )

    @property
    def live_attempt(self) -> CallAttempt | None:
        """The attempt under way, if any."""
        return next((a for a in self.attempts if a.ended_at is None), None)


def next_state(request: CallbackRequest, event: RequestEvent) -> RequestState:
    """The state after `event`; raises IllegalTransition naming state and event."""
    try:
        state = TRANSITIONS[request.state, event]
    except KeyError:
        raise IllegalTransition(f"a request that is {request.state} cannot be {event}") from None
    if event is RequestEvent.RELEASED and request.attempts:
        return RequestState.UNREACHABLE
    return state


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the append-only ledger: who did what, when. No number, name or note."""

    request_id: str
    at: datetime
    actor: str
    """A person id, `caller`, `callee` (who answered a call of ours), `service`, `command_line` or `token:<name>`."""
    event: str
    """`registered`, a RequestEvent, or an act on the request such as `number_changed`."""
    from_state: str | None
    to_state: str | None
    details: dict[str, Any] = field(default_factory=dict)
    seq: int = 0
    """Given by the store, rising."""
