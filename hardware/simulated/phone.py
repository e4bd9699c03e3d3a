"""A telephone of the simulated network: scripted by a test, or plugged in from the browser.

It must never decide what happens to a call: it only says how it reacts when it is rung, and remembers
and passes on what it hears.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hardware.simulated.leg import Leg

_E164: Final = re.compile(r"\+[1-9][0-9]{4,14}")
_EXTENSION: Final = re.compile(r"[0-9]{2,8}")
KEYS: Final = frozenset("0123456789*#")
_MEMORY: Final = 200


class Behaviour(StrEnum):
    """What a telephone does when it is rung."""

    RING = "ring"
    """Rings until somebody picks up or declines; what every telephone does that was told nothing."""
    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    """Rings for the whole ring_timeout; on a line without timers it rings out at once."""
    DECLINE = "decline"
    INVALID = "invalid"
    """There is no such number."""
    FAIL = "fail"
    """The trunk cannot carry the call."""


def is_e164(number: str) -> bool:
    return _E164.fullmatch(number) is not None


def is_number(number: str) -> bool:
    """A telephone number in E.164, or an office extension."""
    return is_e164(number) or _EXTENSION.fullmatch(number) is not None


class Feed:
    """What happens to one plugged-in telephone, in order. Closing it unplugs the telephone."""

    def __init__(self, unplug: Callable[[], None]) -> None:
        self._events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._unplug = unplug
        self._closed = False
        self.prompt_taken = 0
        """The number of the last prompt the telephone has been given."""

    def put(self, event: dict[str, Any]) -> None:
        self._events.put_nowait(event)

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> dict[str, Any]:
        event = None if self._closed else await self._events.get()
        if event is None:
            raise StopAsyncIteration
        if event["type"] == "prompt":
            self.prompt_taken = event["prompt"]
        return event

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._events.put_nowait(None)
            self._unplug()


class Telephone:
    """One telephone, with at most one live call."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.leg: Leg | None = None
        self.feed: Feed | None = None
        self.heard: deque[str] = deque(maxlen=_MEMORY)
        """The last prompt items played to it, oldest first."""
        self._script: deque[Behaviour] = deque()

    def behave(self, *behaviours: Behaviour) -> None:
        self._script = deque(behaviours)

    def next_behaviour(self) -> Behaviour:
        """The next of its script; the last one stays."""
        if not self._script:
            return Behaviour.RING
        return self._script.popleft() if len(self._script) > 1 else self._script[0]

    def tell(self, kind: str, **details: Any) -> None:
        """Pass an event on to the browser, if it is plugged in there."""
        if self.feed is not None:
            self.feed.put({"type": kind, **details})
