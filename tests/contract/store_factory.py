"""Requests and ledger lines for tests of the list: valid, each with its own id, reference and number."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from callback.request import CallAttempt, CallbackRequest, LedgerEntry, Origin, Reason, RequestState, Urgency

T0 = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)
_NUMBER = count(1)


def new_request(**fields: Any) -> CallbackRequest:
    """An open request that collides with no other."""
    n = next(_NUMBER)
    values: dict[str, Any] = {
        "id": f"r{n}",
        "reference": f"{n:06}",
        "office_no": "9001",
        "phone": f"+47{40000000 + n}",
        "state": RequestState.WAITING,
        "urgency": Urgency.ORDINARY,
        "reason": Reason.UNSPECIFIED,
        "language": "nb",
        "origin": Origin.PHONE,
        "registered_at": T0,
        "due_at": T0 + timedelta(hours=48),
        "answer_by_date": date(2026, 11, 25),
        "last_workable_at": T0 + timedelta(hours=46),
        "next_attempt_at": T0,
        "registered_by": "caller",
    }
    return CallbackRequest(**(values | fields))


def new_entry(request: CallbackRequest, **fields: Any) -> LedgerEntry:
    values: dict[str, Any] = {
        "request_id": request.id,
        "at": T0,
        "actor": "caller",
        "event": "registered",
        "from_state": None,
        "to_state": str(request.state),
    }
    return LedgerEntry(**(values | fields))


def new_attempt(request: CallbackRequest, **fields: Any) -> CallAttempt:
    """A live attempt by a caseworker of its own."""
    n = next(_NUMBER)
    values: dict[str, Any] = {
        "id": f"a{n}",
        "request_id": request.id,
        "caseworker": f"kari{n}",
        "phone": request.phone,
        "started_at": T0 + timedelta(minutes=1),
    }
    return CallAttempt(**(values | fields))
