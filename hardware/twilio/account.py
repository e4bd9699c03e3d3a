"""What the line at Twilio is told: its account, and how long it waits. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

LIMIT: Final = timedelta(seconds=10)
"""For one request to Twilio."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the line waits; tests are in more of a hurry."""

    answer: timedelta = LIMIT
    """So long Twilio has to answer a request of ours."""
    beat: timedelta = timedelta(seconds=15)
    """Between looks at the account, and at calls that have not been heard of."""
    hold: timedelta = timedelta(seconds=0.5)
    """So long a request waits for what comes next before the caller's keys are listened to."""
    offered: timedelta = timedelta(seconds=9)
    """So long an unanswered call waits for us; Twilio gives a webhook 15 seconds."""
    idle: timedelta = timedelta(seconds=20)
    """So long a leg may hang in the air with nothing said."""
    patience: timedelta = timedelta(minutes=1)
    """A call waits so long to be placed, where nobody says until when it is wanted; and Twilio is asked for so long for one that it
    may have placed."""
    silent: timedelta = timedelta(minutes=1)
    """Twilio is asked of a call that it has not spoken of for so long."""
    looks: tuple[float, ...] = (0.5, 1.5, 3.0)
    """Seconds before each look for a call that may have been placed."""
    pauses: tuple[float, ...] = (0.4, 0.5, 1.0, 2.0, 5.0)
    """Seconds between tries of what may be tried again; the last one stays."""
    listens: float = 1.2
    """Seconds in which a leg with nothing to do asks by itself."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the line is told of the office's account."""

    sid: str
    token: str
    public_url: str
    host: str
    port: int
    second_token: str | None = None
    """Signatures with it count too, while tokens are changed over."""
    calls_per_second: float = 1.0
    sip: str | None = None
    """The host name of the exchange whose extensions may be rung."""
    api_url: str | None = None
    """None: Twilio's own in the USA."""
    edge: str | None = None
    """Where calls to the exchange leave Twilio's network; None: where Twilio likes."""


_EDGES: Final = {"us1": None, "ie1": "dublin"}
"""https://www.twilio.com/docs/global-infrastructure"""


def edge_of(region: str) -> str | None:
    return _EDGES[region]


def api_of(region: str) -> str | None:
    """The API of a region. None: the SDK's own, in the USA."""
    edge = _EDGES[region]
    return edge and f"https://api.{edge}.{region}.twilio.com"
