"""The API's bodies and answers. The OpenAPI document is generated from these, so they are the contract.

An unknown key in a body is an error. Times are UTC with Z; `phone` is E.164. A note goes in and never out.
"""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from callback.access import Viewer
from callback.request import (
    FREE_OUTCOMES,
    AttemptOutcome,
    CallAttempt,
    CallbackRequest,
    CallResult,
    DayPart,
    NumberSource,
    Origin,
    Reason,
    RequestState,
    Urgency,
)
from callback.turn import PassedOver
from callback.web.texts import LANGUAGE_NAMES

MAX_NOTE = 2000
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


def _readable(note: str) -> str:
    text = note.replace("\r\n", "\n")
    if any(unicodedata.category(character) == "Cc" and character not in "\n\t" for character in text):
        raise ValueError("no control characters but line breaks and tabs")
    return text


Note = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=MAX_NOTE), AfterValidator(_readable)
]
_IN_HAND = frozenset({RequestState.CLAIMED, RequestState.CALLING, RequestState.RESULT_DUE})
"""While someone has it, the stored time is when it goes back to the list; nobody is to ring then."""


class Body(BaseModel):
    """What is sent in."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RegisterBody(Body):
    office_no: str = Field(pattern=r"^\d{4}$")
    phone: Text = Field(description="8 digits or E.164")
    reason: Reason = Reason.UNSPECIFIED
    urgency: Urgency | None = Field(
        default=None, description="Left out: urgent exactly for the four urgent reasons"
    )
    language: str = Field(
        default="nb",
        description="In which the caller wants to be met",
        json_schema_extra={"enum": [*LANGUAGE_NAMES]},
    )
    day_part: DayPart | None = Field(
        default=None, description="When in the day they wish to be rung; left out: no wish"
    )
    note: Note | None = None
    interpreter: bool = Field(default=False, description="They need an interpreter")
    interpreter_at: AwareDatetime | None = Field(
        default=None, description="When one is booked; with an offset or Z"
    )
    protected: bool = Field(
        default=False, description="A protected address: only the restricted role sees it"
    )

    @field_validator("language")
    @classmethod
    def _known(cls, language: str) -> str:
        if language not in LANGUAGE_NAMES:
            raise ValueError(f"no such language; known: {', '.join(LANGUAGE_NAMES)}")
        return language


class NumberBody(Body):
    phone: Text = Field(description="8 digits or E.164")


class CallBody(Body):
    caseworker: Text | None = Field(
        default=None,
        description="Id, extension or name. Left out: the token's own name if it is a caseworker's, else who has the "
        "request, else the office's first caseworker with a telephone who is in no call.",
    )


class ResultBody(Body):
    result: CallResult
    note: Note | None = None
    caseworker: Text | None = Field(
        default=None, description="Id, extension or name. Left out: the one who rang"
    )


class LiftBody(Body):
    why: Annotated[Note, Field(min_length=1)] = Field(description="Kept as a note for colleagues")


class AcknowledgeBody(Body):
    caseworker: Text | None = Field(
        default=None, description="Id, extension or name. Left out: the person the token is named after"
    )
    percent: int | None = Field(
        default=None, description="The step that was seen: 50, 75, 90 or 100. Left out: the last one reached"
    )


class DisqualifyBody(Body):
    person: Text = Field(description="Id of who may have nothing to do with it")


class QualifyBody(Body):
    person: Text = Field(description="Id of who may serve it after all")
    why: Annotated[Note, Field(min_length=1)] = Field(description="Kept as a note for colleagues")


class InterpreterBody(Body):
    needed: bool
    booked_at: AwareDatetime | None = Field(
        default=None, description="When one is booked, with an offset or Z; null: none is booked yet"
    )


class ProtectBody(Body):
    protected: bool


class Answer(BaseModel):
    """What is sent out."""

    model_config = ConfigDict(frozen=True)


class AttemptView(Answer):
    id: str
    started_at: datetime
    connected_at: datetime | None
    ended_at: datetime | None
    outcome: AttemptOutcome | None
    cause: int | None = Field(description="Q.850 hangup cause, where the exchange gave one")
    caseworker: str = Field(description="Person id")
    result: CallResult | None

    @classmethod
    def of(cls, a: CallAttempt) -> Self:
        return cls(
            id=a.id, started_at=a.started_at, connected_at=a.connected_at, ended_at=a.ended_at,
            outcome=a.outcome, cause=a.cause, caseworker=a.caseworker, result=a.result,
        )  # fmt: skip


class RequestView(Answer):
    id: str
    reference: str
    office_no: str
    phone: str | None = Field(description="E.164; null while the caller has given none, and after erasure")
    number_source: NumberSource = Field(
        description="How we know the number: they rang from it, keyed it in elsewhere, or staff gave it"
    )
    asked_not_to_be_called: bool = Field(
        description="Whoever has the number said so: it is not rung; another number, a letter, a meeting or a decision is needed"
    )
    state: RequestState
    urgency: Urgency
    reason: Reason
    language: str
    day_part: DayPart | None = Field(description="When in the day they wish to be rung; null for no wish")
    discreet: bool = Field(description="No messages and no voicemail")
    reachable_until: datetime | None = Field(
        description="A borrowed telephone: from then on the number is not rung until one is set again. Else null"
    )
    origin: Origin
    registered_at: datetime
    due_at: datetime
    answer_by_date: date
    next_attempt_at: datetime | None = Field(
        description="When it is to be rung (again). Null while someone has it (claimed, calling, result_due), "
        "when they asked not to be called, and after the end"
    )
    escalation: int = Field(description="The last step reached: 0, 50, 75, 90 or 100 percent of its time")
    acknowledged: int = Field(description="The last step that a person has acknowledged, 0 for none")
    acknowledged_by: str | None = Field(description="Person id. Always null for the contact centre")
    attempt_count: int = Field(description="Attempts that count; our own failures do not")
    attempts: list[AttemptView] = Field(description="Oldest first. Always empty for the contact centre")
    served_by: str = Field(
        description="The office whose people ring: `office_no`, or its substitute (of which the contact centre learns nothing)"
    )
    disqualified: list[str] = Field(
        description="Person ids of those who may have nothing to do with it. Always empty for the contact centre"
    )
    interpreter: bool
    interpreter_at: datetime | None = Field(description="When an interpreter is booked")
    protected: bool
    passed_over: PassedOver | None = Field(
        description="Why it is not offered now; null when it is, and when someone has it"
    )
    why: str = Field(description="Why it stands where it stands, as on the page")
    waits: bool = Field(
        description="The person waits on the line: a call rings the caseworker only, who then talks with them"
    )

    @classmethod
    def of(
        cls,
        r: CallbackRequest,
        viewer: Viewer,
        *,
        never_called: bool,
        why: str,
        passed_over: PassedOver | None,
        waits: bool,
    ) -> Self:
        """As much as the viewer may see of a request they may see."""
        counted = sum(1 for a in r.attempts if a.ended_at and a.outcome not in FREE_OUTCOMES)
        attempts = [AttemptView.of(a) for a in r.attempts] if viewer.may_act(r) else []
        next_at = None if never_called or r.state in _IN_HAND else r.next_attempt_at
        return cls(
            id=r.id, reference=r.reference, office_no=r.office_no, phone=r.phone, number_source=r.number_source,
            asked_not_to_be_called=never_called, state=r.state, urgency=r.urgency,
            reason=r.reason, language=r.language, day_part=r.day_part, discreet=r.discreet,
            reachable_until=r.reachable_until, origin=r.origin, registered_at=r.registered_at, due_at=r.due_at,
            escalation=r.escalation, acknowledged=r.acknowledged,
            acknowledged_by=r.acknowledged_by if viewer.may_act(r) else None,
            answer_by_date=r.answer_by_date, next_attempt_at=next_at, attempt_count=counted, attempts=attempts,
            served_by=r.served_by if viewer.may_act(r) else r.office_no, disqualified=[*r.disqualified] if viewer.may_act(r) else [], interpreter=r.interpreter,
            interpreter_at=r.interpreter_at, protected=r.protected, passed_over=passed_over, why=why,
            waits=waits,
        )  # fmt: skip


class RequestList(Answer):
    requests: list[RequestView] = Field(description="In the order they are to be rung")
    total: int = Field(description="How many are in `requests`")
    truncated: bool = Field(description="Whether there are more than `limit`")


class LineView(Answer):
    name: str
    up: bool
    since: datetime
    detail: str = Field(description="Why it is down and what to do")
    alarm: str = Field(default="", description="What somebody must mend although it is up")


class StoreView(Answer):
    ok: bool
    detail: str


class OfficeView(Answer):
    office_no: str
    name: str
    open: int = Field(description="Open requests")


class UnservedView(Answer):
    office_no: str
    name: str
    count: int = Field(description="Open requests that nobody of the office may take")


class CoverageView(Answer):
    office_no: str
    line: str
    name: str
    percent: int = Field(description="Of the next four weeks, rounded down")
    gaps: int = Field(description="How many times to come in which nobody can be reached")
    first_gap_at: datetime | None
    calendar_error: str | None = Field(
        description="Why its calendar cannot be read, null when it can or there is none"
    )
    calendar_since: datetime | None


class HoursView(Answer):
    office_no: str
    name: str
    open: bool = Field(description="Whether the phone hours hold this moment")
    closes_at: datetime | None = Field(description="When they end today; null while closed")
    opens_at: datetime | None = Field(description="When they begin next; null while open")
    drop_in_from: datetime | None = Field(
        description="The drop-in hours that run now, or the next within 30 days; null when there are none"
    )
    drop_in_until: datetime | None


class PromptsView(Answer):
    synthetic_count: int = Field(
        description="How many prompts a synthetic voice speaks; the status page names them"
    )
    problems: list[str]


class RefusalView(Answer):
    kind: str = Field(
        description="Why a number was refused, or `too_many_registrations`, `too_many_references`"
    )
    count: int


class ChannelView(Answer):
    name: str = Field(description="`sms`, `email` or `webhook`; only what is configured")
    up: bool = Field(description="Whether the last message went out, or none was tried yet")
    since: datetime
    why: str = Field(description="A short word for why it is down, such as `http_503`")
    waiting: int
    failed: int = Field(description="Refused, or tried too often, in the last seven days")
    undelivered: int = Field(
        description="Sent, and did not reach the telephone, in the last seven days; where the gateway says so"
    )
    uncertain: int = Field(
        description="Perhaps sent: the service or the gateway was lost meanwhile; never sent again"
    )
    last_sent: datetime | None


class StatusView(Answer):
    version: str
    started_at: datetime
    now: datetime
    lines: list[LineView]
    channels: list[ChannelView] = Field(description="SMS and e-mail, where they are configured")
    store: StoreView
    last_sweep: datetime | None
    last_sweep_error: str | None = Field(description="The kind of error, null when it went well")
    open_requests: list[OfficeView] = Field(description="The offices whose list the token may see")
    unserved: list[UnservedView] = Field(
        description="Where nobody may take a request: everybody is disqualified, or nobody sees protected persons"
    )
    oncall: list[CoverageView] = Field(
        description="The on-call lines of the offices whose list the token may see"
    )
    offices: list[HoursView] = Field(description="The hours of the offices the token may register for")
    prompts: PromptsView
    refusals: list[RefusalView] = Field(
        description="What was refused today, all offices together, the most frequent first"
    )

    @property
    def well(self) -> bool:
        """Lines, channels, store and sweep, somebody for every request, and somebody at all on every on-call line."""
        return (
            self.store.ok
            and all(line.up for line in self.lines)
            and all(channel.up for channel in self.channels)
            and self.last_sweep_error is None
            and not self.unserved
            and all(line.percent > 0 for line in self.oncall)
        )


class ReloadView(Answer):
    changed: list[str] = Field(description="`file: place key`, in force now")
    needs_restart: list[str] = Field(description="Not in force until the service starts again")
    needs_exchange: list[str] = Field(
        description="Of `changed`: what the exchange learns from new files of `tast1 pbx config`"
    )
    warnings: list[str] = Field(description="What `tast1 check` warns of in what is in force now")


class ErrorView(Answer):
    error_id: str
    message: str
    details: dict[str, Any]


class ListQuery(Body):
    """The query of GET /requests."""

    phone: Annotated[str, StringConstraints(max_length=60)] | None = Field(
        default=None, description="8 digits or E.164; a space for the plus is accepted"
    )
    state: list[RequestState | str] = Field(
        default=[], description="May be repeated or comma separated; `open` means all that have not ended"
    )
    office: str | None = Field(default=None, description="`office_no` means the same")
    limit: int = Field(default=200, ge=1, le=1000)

    @field_validator("state")
    @classmethod
    def _known(cls, states: list[str]) -> list[str]:
        known = {*RequestState, "open"}
        for state in states:
            if state not in known:
                raise ValueError(f"no such state; known: {', '.join(sorted(known))}")
        return states
