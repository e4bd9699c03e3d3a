"""Requests, attempts, ledger lines and calls as database rows, and back. Pure.

Times are UTC text of one fixed width, so that text order is time order. A naive time is refused.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from callback.request import (
    AttemptOutcome,
    CallAttempt,
    CallbackRequest,
    CallResult,
    DayPart,
    LedgerEntry,
    NumberSource,
    Origin,
    Reason,
    RequestState,
    Urgency,
)
from callback.store import ApiToken, CallRecord, Change, Session
from scheduler.clock import aware_utc

Row = tuple[Any, ...]
E = TypeVar("E", bound=StrEnum)

CLOCK_COLUMNS = ("registered_at", "answer_by_date")
"""Never change. `due_at` may get earlier when the request becomes urgent: see `clock_may_become`."""
CHANGING_COLUMNS = (
    *(
        "reference",
        "office_no",
        "phone",
        "state",
        "urgency",
        "reason",
        "language",
        "origin",
        "last_workable_at",
    ),
    *("next_attempt_at", "registered_by", "claimed_by", "claimed_at", "assigned_to", "note", "version"),
    *("day_part", "discreet", "reachable_until", "due_at", "number_source"),
    *("substitute", "disqualified", "interpreter", "interpreter_at", "protected"),
    *("escalation", "escalates_at", "acknowledged", "acknowledged_by"),
)
REQUEST_COLUMNS = (*CHANGING_COLUMNS, *CLOCK_COLUMNS, "id")
ATTEMPT_COLUMNS = (
    *("id", "request_id", "caseworker", "phone", "started_at", "ringing_at", "connected_at", "ended_at"),
    *("outcome", "cause", "result", "inbound"),
)
ENTRY_COLUMNS = ("request_id", "at", "actor", "event", "from_state", "to_state", "details")
CALL_COLUMNS = ("id", "machine", "line", "office_no", "legs", "state", "started_at", "ended_at")
SESSION_COLUMNS = ("digest", "person_id", "csrf", "expires_at")
TOKEN_COLUMNS = ("name", "digest", "role", "office_no", "created_at", "revoked_at")


def _members(enum: type[E]) -> dict[str, E]:
    return {member.value: member for member in enum}


# A dict is several times faster than calling the enum.
_STATE = _members(RequestState)
_URGENCY = _members(Urgency)
_REASON = _members(Reason)
_ORIGIN = _members(Origin)
_DAY_PART = _members(DayPart)
_NUMBER_SOURCE = _members(NumberSource)
_OUTCOME = _members(AttemptOutcome)
_RESULT = _members(CallResult)


def to_text(at: datetime) -> str:
    """`2026-11-23T08:05:00.000000Z`. Raises ValueError for a naive time."""
    if at.tzinfo is not UTC:
        at = aware_utc(at)
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def from_text(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(at: datetime | None) -> str | None:
    return None if at is None else to_text(at)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def check_new(request: CallbackRequest, entry: LedgerEntry) -> None:
    """Raises ValueError for what register cannot write."""
    if request.attempts:
        raise ValueError("a new request has no attempts")
    if entry.request_id != request.id:
        raise ValueError("the ledger entry is of another request")


def check_change(change: Change) -> None:
    """Raises ValueError for a change that mixes two requests."""
    beside = (*change.entries, *change.notices, *((change.attempt,) if change.attempt else ()))
    if any(written.request_id != change.request.id for written in beside):
        raise ValueError("an attempt, a ledger entry or a notice of the change is of another request")


def clock_row(request: CallbackRequest) -> Row:
    """Values of CLOCK_COLUMNS."""
    return to_text(request.registered_at), request.answer_by_date.isoformat()


def clock_may_become(before: CallbackRequest, after: CallbackRequest) -> bool:
    """What the trigger `request_clock_is_fixed` allows: the same clock, or an earlier `due_at` for a request
    that becomes urgent."""
    if clock_row(before) != clock_row(after):
        return False
    becomes_urgent = before.urgency is Urgency.ORDINARY and after.urgency is Urgency.URGENT
    return before.due_at == after.due_at or (becomes_urgent and after.due_at < before.due_at)


def changing_row(request: CallbackRequest, version: int) -> Row:
    """Values of CHANGING_COLUMNS, with another version."""
    return (
        request.reference,
        request.office_no,
        request.phone,
        request.state.value,
        request.urgency.value,
        request.reason.value,
        request.language,
        request.origin.value,
        to_text(request.last_workable_at),
        _text(request.next_attempt_at),
        request.registered_by,
        request.claimed_by,
        _text(request.claimed_at),
        request.assigned_to,
        request.note,
        version,
        None if request.day_part is None else request.day_part.value,
        int(request.discreet),
        _text(request.reachable_until),
        to_text(request.due_at),
        request.number_source.value,
        request.substitute,
        json.dumps(request.disqualified) if request.disqualified else "[]",
        int(request.interpreter),
        _text(request.interpreter_at),
        int(request.protected),
        request.escalation,
        _text(request.escalates_at),
        request.acknowledged,
        request.acknowledged_by,
    )


def request_row(request: CallbackRequest) -> Row:
    """Values of REQUEST_COLUMNS."""
    return (*changing_row(request, request.version), *clock_row(request), request.id)


def request_from(row: Row, attempts: tuple[CallAttempt, ...]) -> CallbackRequest:
    """From values of REQUEST_COLUMNS."""
    return CallbackRequest(
        reference=row[0],
        office_no=row[1],
        phone=row[2],
        state=_STATE[row[3]],
        urgency=_URGENCY[row[4]],
        reason=_REASON[row[5]],
        language=row[6],
        origin=_ORIGIN[row[7]],
        last_workable_at=from_text(row[8]),
        next_attempt_at=_time(row[9]),
        registered_by=row[10],
        claimed_by=row[11],
        claimed_at=_time(row[12]),
        assigned_to=row[13],
        note=row[14],
        version=row[15],
        day_part=None if row[16] is None else _DAY_PART[row[16]],
        discreet=bool(row[17]),
        reachable_until=_time(row[18]),
        due_at=from_text(row[19]),
        number_source=_NUMBER_SOURCE[row[20]],
        substitute=row[21],
        disqualified=() if row[22] == "[]" else tuple(json.loads(row[22])),
        interpreter=bool(row[23]),
        interpreter_at=_time(row[24]),
        protected=bool(row[25]),
        escalation=row[26],
        escalates_at=_time(row[27]),
        acknowledged=row[28],
        acknowledged_by=row[29],
        registered_at=from_text(row[30]),
        answer_by_date=date.fromisoformat(row[31]),
        id=row[32],
        attempts=attempts,
    )


def attempt_row(attempt: CallAttempt) -> Row:
    """Values of ATTEMPT_COLUMNS."""
    return (
        attempt.id,
        attempt.request_id,
        attempt.caseworker,
        attempt.phone,
        to_text(attempt.started_at),
        _text(attempt.ringing_at),
        _text(attempt.connected_at),
        _text(attempt.ended_at),
        None if attempt.outcome is None else attempt.outcome.value,
        attempt.cause,
        None if attempt.result is None else attempt.result.value,
        int(attempt.inbound),
    )


def attempt_from(row: Row) -> CallAttempt:
    """From values of ATTEMPT_COLUMNS."""
    return CallAttempt(
        id=row[0],
        request_id=row[1],
        caseworker=row[2],
        phone=row[3],
        started_at=from_text(row[4]),
        ringing_at=_time(row[5]),
        connected_at=_time(row[6]),
        ended_at=_time(row[7]),
        outcome=None if row[8] is None else _OUTCOME[row[8]],
        cause=row[9],
        result=None if row[10] is None else _RESULT[row[10]],
        inbound=bool(row[11]),
    )


# Made once: `json.dumps` makes one for each text.
_details = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def details_text(details: dict[str, Any]) -> str:
    """Raises TypeError or ValueError for what JSON cannot hold."""
    return _details(details) if details else "{}"


def entry_row(entry: LedgerEntry) -> Row:
    """Values of ENTRY_COLUMNS."""
    states = (entry.from_state, entry.to_state)
    return entry.request_id, to_text(entry.at), entry.actor, entry.event, *states, details_text(entry.details)


def entry_from(row: Row) -> LedgerEntry:
    """From values of `seq` and ENTRY_COLUMNS."""
    seq, request_id, at, actor, event, from_state, to_state, details = row
    return LedgerEntry(
        request_id, from_text(at), actor, event, from_state, to_state, json.loads(details), seq
    )


FIRST_HASH = bytes(32)
"""What the first ledger line has for the hash of the line before."""

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def line_hash(before: bytes, seq: int, row: Row) -> bytes:
    """The hash of a ledger line, 32 bytes: SHA-256 over the hash of the line before and the line itself as a JSON
    array in UTF-8 without spaces, `seq` and then ENTRY_COLUMNS. It stands in every database: never change it."""
    return hashlib.sha256(before + _json((seq, *row)).encode("utf-8", "surrogateescape")).digest()


def call_row(record: CallRecord) -> Row:
    """Values of CALL_COLUMNS."""
    legs = json.dumps(record.legs)
    times = (to_text(record.started_at), _text(record.ended_at))
    return record.id, record.machine, record.line, record.office_no, legs, record.state, *times


def call_from(row: Row) -> CallRecord:
    """From values of CALL_COLUMNS."""
    call_id, machine, line, office_no, legs, state, started_at, ended_at = row
    times = (from_text(started_at), _time(ended_at))
    return CallRecord(call_id, machine, line, office_no, tuple(json.loads(legs)), state, *times)


def session_row(session: Session) -> Row:
    """Values of SESSION_COLUMNS."""
    return session.digest, session.person_id, session.csrf, to_text(session.expires_at)


def session_from(row: Row) -> Session:
    """From values of SESSION_COLUMNS."""
    digest, person_id, csrf, expires_at = row
    return Session(digest, person_id, csrf, from_text(expires_at))


def token_row(token: ApiToken) -> Row:
    """Values of TOKEN_COLUMNS."""
    times = (to_text(token.created_at), _text(token.revoked_at))
    return token.name, token.digest, token.role, token.office_no, *times


def token_from(row: Row) -> ApiToken:
    """From values of TOKEN_COLUMNS."""
    name, digest, role, office_no, created_at, revoked_at = row
    return ApiToken(name, digest, role, office_no, from_text(created_at), _time(revoked_at))
