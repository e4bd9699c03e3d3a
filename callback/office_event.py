"""An event for the contact centre's own system: something that is shown of an office has changed. Pure.

A row is written before it is sent, and sent until the other side has taken it: at least once, so perhaps twice. Each
carries all that is shown of the office then, so the newest is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

GIVEN_UP_AFTER = timedelta(days=3)
"""Then it would be news of last week: the other side asks for everything instead (`GET /api/v1/offices`)."""
_LONGEST_WAIT = timedelta(hours=1)


class EventKind(StrEnum):
    """What has changed."""

    DUTY = "duty"
    HOURS = "hours"
    CONFIRMATION = "confirmation"
    MESSAGE = "message"


class EventState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    """Given up."""


@dataclass(frozen=True, slots=True)
class OfficeEvent:
    """Times are aware UTC."""

    id: str
    kind: EventKind
    office_no: str
    created_at: datetime
    body: str
    """JSON, as it is sent."""
    due_at: datetime
    state: EventState = EventState.WAITING
    tries: int = 0
    ended_at: datetime | None = None
    why: str | None = None
    """A short word for what went wrong last: `http_500`. Never what the other side wrote."""


@dataclass(frozen=True, slots=True)
class EventCount:
    """How many there are in a state."""

    state: EventState
    count: int
    last: datetime | None
    """When the last of them ended."""


Seen = dict[tuple[str, EventKind], str]
"""(office, what) -> a hash of what was last told of it."""


def wait_after(tries: int) -> timedelta:
    """5 s, 15 s, 45 s, about 2, 7 and 20 minutes, then an hour."""
    return min(timedelta(seconds=5 * 3.0 ** min(tries - 1, 10)), _LONGEST_WAIT)
