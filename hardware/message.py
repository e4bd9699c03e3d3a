"""The ports of notices: a way to send an SMS, and a way to send an e-mail. Pure.

A driver sends once, within its own time limit, or raises one of the errors below. It never tries again by itself, never
logs a number, an address or words, and never puts into an error what the other side wrote.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol


class MessageError(Exception):
    """Base of what can go wrong. `why` is a short word for the record: `http_400`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class MessageRefused(MessageError):
    """It was not sent, and trying again would not help."""


class MessageNotSent(MessageError):
    """It was not sent; try again later."""


class MessageUncertain(MessageError):
    """Nobody knows whether it was sent."""


class SmsGateway(Protocol):
    @property
    def keeps_keys(self) -> bool:
        """Whether the same key twice is one SMS: then what is uncertain may be sent again."""

    async def send(self, to: str, text: str, key: str) -> None:
        """`to` is E.164. Raises MessageError kinds."""

    async def close(self) -> None: ...


class SmsReport(StrEnum):
    """What a gateway says later of an SMS that it took."""

    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    """It went out, and did not reach the telephone."""
    FAILED = "failed"
    """It never went out."""


SmsReports = Callable[[str, SmsReport, str | None], Awaitable[None]]
"""Takes the key of an SMS, what came of it, and a short word for why: twice, late and in any order, and of keys that nobody
knows any more."""


class MailGateway(Protocol):
    async def send(self, to: str, subject: str, text: str, key: str) -> None:
        """Raises MessageError kinds."""


def refusal_of(status: int) -> MessageError | None:
    """What an HTTP status of a gateway means; None for success."""
    if 200 <= status < 300:
        return None
    later = status in (408, 425, 429) or status >= 500
    return (MessageNotSent if later else MessageRefused)(f"http_{status}")
