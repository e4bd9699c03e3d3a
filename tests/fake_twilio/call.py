"""One call at the fake Twilio, and the conferences calls meet in. Bookkeeping only."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

ENDS = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})


class Keys:
    """What was pressed since somebody listens."""

    def __init__(self) -> None:
        self.text = ""
        self.pressed = asyncio.Event()

    def press(self, key: str) -> None:
        self.text += key
        self.pressed.set()

    def complete(self, most: int, finish: str) -> bool:
        return bool(finish and finish in self.text) or 0 < most <= len(self.text)


@dataclass(eq=False)
class Call:
    account: str
    to: str
    shown: str
    """From."""
    direction: str
    url: str
    fallback_url: str = ""
    status_callback: str = ""
    events: frozenset[str] = frozenset({"completed"})
    timeout: float = 60
    sid: str = field(default_factory=lambda: f"CA{uuid.uuid4().hex}")
    status: str = "queued"
    created: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    picked_up: asyncio.Event = field(default_factory=asyncio.Event)
    runs: asyncio.Task[None] | None = None
    """What carries out its documents."""
    keys: Keys | None = None
    """There while somebody listens; a key pressed at another time is lost."""
    hears: bool = False
    """Something is played and nobody listens meanwhile."""
    in_conference: bool = False
    heard: list[str] = field(default_factory=list)
    sequence: int = 0
    sip: int | None = None

    @property
    def over(self) -> bool:
        return self.status in ENDS

    def form(self) -> dict[str, str]:
        """What every request about it carries."""
        return {
            "AccountSid": self.account,
            "ApiVersion": "2010-04-01",
            "CallSid": self.sid,
            "CallStatus": self.status,
            "Direction": self.direction,
            "From": self.shown,
            "To": self.to,
            "Caller": self.shown,
            "Called": self.to,
        }

    def resource(self) -> dict[str, Any]:
        uri = f"/2010-04-01/Accounts/{self.account}/Calls/{self.sid}"
        at = format_datetime(self.created)
        return {
            "sid": self.sid,
            "account_sid": self.account,
            "to": self.to,
            "from": self.shown,
            "status": self.status,
            "direction": self.direction,
            "date_created": at,
            "date_updated": at,
            "start_time": at,
            "end_time": at if self.over else None,
            "duration": "1" if self.status == "completed" else None,
            "to_formatted": self.to,
            "from_formatted": self.shown,
            "api_version": "2010-04-01",
            "parent_call_sid": None,
            "phone_number_sid": None,
            "price": None,
            "price_unit": "USD",
            "answered_by": None,
            "forwarded_from": None,
            "group_sid": None,
            "caller_name": None,
            "queue_time": "0",
            "trunk_sid": None,
            "uri": f"{uri}.json",
            "subresource_uris": {"events": f"{uri}/Events.json"},
        }


@dataclass(eq=False)
class Conference:
    name: str
    inside: list[Call] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    most: int = 250
