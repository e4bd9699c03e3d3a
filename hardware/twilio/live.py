"""A leg in memory: its state, whoever waits for its next document, and what is under way for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hardware.twilio.leg import Kind, Leg


@dataclass(eq=False, slots=True)
class Live:
    leg: Leg
    lock: asyncio.Lock
    """One for a leg and all that its `Dial`s ring: what happens to them happens one after another."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, and replaced, when the leg changes."""
    waiting: int = 0
    """Requests for its next document that are held open."""
    given: int = 0
    """The newest document Twilio was given."""
    playing: Kind = Kind.NONE
    """What that one is."""
    taken_up: bool = False
    """It comes from the store: whoever was to say what comes next may have died before saying it."""
    told_again: bool = False
    """How those ended whom it rang last."""
    comes_back: bool = False
    """It is in a conference that ends by itself: then Twilio asks without being told to."""
    idle_since: float | None = None
    heard: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    """When Twilio last spoke of it, or was asked."""
    falls: int = 0
    """How often Twilio could not go on with its documents."""
    placing: bool = False
    """It was given its turn to be placed in this life of the service: whoever places it says what came of it."""
    hanging_up: bool = False
    task: asyncio.Task[None] | None = None
    """What brings it its new document, or ends it."""

    def wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()
