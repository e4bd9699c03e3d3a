"""What the contract suite of the Line port needs of a line under test: the line itself, and the world outside it.

A rig is played by a simulated network or by real telephones around a real exchange, so every act of the outside is
async and every wait has a limit. A rig must never look inside the driver: it hears events and telephones, no more.
"""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Generic, TypeVar

from hardware.line import (
    Answer,
    Beside,
    CallOffered,
    Connected,
    Dial,
    LegEvent,
    Line,
    LineEvent,
    LineRestored,
    Originate,
    Prompt,
    Screen,
)
from tests.e2e.waiting import until

E = TypeVar("E", bound=LineEvent)
H = TypeVar("H")

OURS = "+4773000010"
"""A number of ours that the outside can ring."""
CALLER = "+4740012345"
SECOND_CALLER = "+4740012346"
RUNG = "+4740023456"
"""A telephone in the outside that we ring."""
STAFF = "201"
"""An extension."""
SECOND_STAFF = "202"
GREETING = "nb/intake.greeting"
GOODBYE = "nb/intake.goodbye"


@dataclass(frozen=True, slots=True)
class Handle(Generic[H]):
    """One call, as the telephone outside has it. `call` is the rig's own."""

    number: str
    call: H


class LineRig(ABC, Generic[H]):
    """Opens with the line started and up; `events` holds everything the sink was given, in order."""

    name: ClassVar[str]
    trunk: ClassVar[str | None] = None
    """Where calls from outside come in, in the exchange's own word."""
    patience: ClassVar[float] = 5.0
    """Seconds to wait for something that must happen."""
    silence: ClassVar[timedelta] = timedelta(seconds=0.2)
    """How long a test's prompt listens after the last item or key."""
    ring_timeout: ClassVar[timedelta] = timedelta(seconds=5)
    short_ring: ClassVar[timedelta] = timedelta(seconds=0.2)
    """For calls that nobody shall answer."""

    joins_by_itself: ClassVar[bool] = True
    """Whether who accepts is joined while the service is away. Else the exchange asks again for some seconds, and joins them once
    the service is back (see tests.integration.test_twilio_away)."""

    line: Line

    def __init__(self) -> None:
        self.events: list[LineEvent] = []
        self._taken: set[int] = set()

    # ---- to be made by each rig

    @abstractmethod
    async def open(self) -> None:
        """Build the network and start the line."""

    @abstractmethod
    async def close(self) -> None:
        """End everything this rig started."""

    @abstractmethod
    async def call_in(self, to: str, caller: str | None) -> Handle[H]:
        """A telephone outside dials `to`; None = with its number withheld. Returns before it is answered."""

    @abstractmethod
    async def press(self, handle: Handle[H], keys: str) -> None:
        """Press these keys one by one; returns when the last one is on its way."""

    @abstractmethod
    async def hang_up(self, handle: Handle[H]) -> None: ...

    @abstractmethod
    async def expect_ring(self, number: str) -> Handle[H]:
        """Wait until the telephone rings; it is not answered."""

    @abstractmethod
    async def answer(self, handle: Handle[H]) -> None: ...

    @abstractmethod
    async def answered(self, handle: Handle[H]) -> None:
        """Wait until the telephone's call is up."""

    @abstractmethod
    def is_over(self, handle: Handle[H]) -> bool:
        """Whether the telephone has no longer this call."""

    @abstractmethod
    async def shown(self, handle: Handle[H]) -> str:
        """The number a rung telephone shows."""

    @abstractmethod
    async def busy(self, number: str) -> None:
        """From now on the telephone is busy. So the next four."""

    @abstractmethod
    async def decline(self, number: str) -> None: ...

    @abstractmethod
    async def ignore(self, number: str) -> None:
        """It rings, and nobody comes."""

    @abstractmethod
    async def invalid(self, number: str) -> None: ...

    @abstractmethod
    async def fail(self, number: str) -> None:
        """Calls to it fail on the way."""

    @abstractmethod
    def length(self, item: str) -> timedelta:
        """How long the prompt item is."""

    @abstractmethod
    async def has_heard(self, handle: Handle[H], item: str) -> bool:
        """Whether the telephone heard this item (at least its beginning). May end the call to find out."""

    @abstractmethod
    async def hear_each_other(self, one: Handle[H], other: Handle[H]) -> None:
        """Wait until each of the two hears the other speak."""

    @abstractmethod
    async def lose(self) -> None:
        """Cut the contact between the line and its exchange; calls go on."""

    @abstractmethod
    async def restore(self) -> None: ...

    @abstractmethod
    async def start_line(self) -> None:
        """A new service on the same exchange, after `line.stop()`; `events` starts afresh."""

    # ---- the same for all

    def sink(self, event: LineEvent) -> None:
        self.events.append(event)

    def forget(self) -> None:
        self.events = []
        self._taken = set()

    async def until(self, look: Callable[[], object], what: str = "") -> None:
        """Wait until `look()` is true."""
        try:
            await until(lambda: bool(look()), self.patience, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; events: {self.events}") from None

    async def event(self, kind: type[E], leg: str | None = None) -> E:
        """The next event of this kind (for this leg) that the test has not been given yet."""

        def find() -> int | None:
            for index, event in enumerate(self.events):
                fits = isinstance(event, kind) and (leg is None or getattr(event, "leg", None) == leg)
                if fits and index not in self._taken:
                    return index
            return None

        await self.until(lambda: find() is not None, f"{kind.__name__} for {leg or 'any leg'}")
        index = find()
        assert index is not None
        self._taken.add(index)
        event = self.events[index]
        assert isinstance(event, kind)
        return event

    def of(self, *legs: str) -> list[LegEvent]:
        """Every event of these legs so far, in order."""
        return [event for event in self.events if isinstance(event, LegEvent) and event.leg in legs]

    def new_leg(self) -> str:
        return f"tast1-{uuid.uuid4().hex}"

    async def caller_up(self, caller: str | None = CALLER) -> tuple[Handle[H], str]:
        """A caller who has rung us and been answered."""
        handle = await self.call_in(OURS, caller)
        leg = (await self.event(CallOffered)).leg
        await self.line.send(Answer(leg))
        await self.answered(handle)
        await self.knows_of_the_answer(leg)
        return handle, leg

    async def knows_of_the_answer(self, leg: str) -> None:
        """Until the line knows what the telephone knows: before that, hanging up may look like giving up."""

    async def no_call_left(self) -> None:
        """Until the exchange has ended what its telephones have ended."""

    async def originated(self, to: str = STAFF, ring_timeout: timedelta | None = None) -> str:
        """A leg of ours that rings (or tries to)."""
        leg = self.new_leg()
        await self.line.send(Originate(leg, to, ring_timeout or self.ring_timeout, OURS))
        return leg

    async def dial(
        self,
        leg: str,
        to: str = RUNG,
        ring_timeout: timedelta | None = None,
        screen: Screen | None = None,
        *,
        keep: bool = False,
    ) -> str:
        """From this leg, ring a telephone; the peer's id."""
        peer = self.new_leg()
        ring = ring_timeout or self.ring_timeout
        await self.line.send(Dial(leg, peer, to, ring, OURS, screen, keep=keep))
        return peer

    async def dial_all(
        self, leg: str, *numbers: str, ring_timeout: timedelta | None = None, keep: bool = False
    ) -> list[str]:
        """From this leg, ring these telephones at the same time, each with a screen; their ids, in this order."""
        peer, *others = (self.new_leg() for _ in numbers)
        also = tuple(Beside(other, to) for other, to in zip(others, numbers[1:], strict=True))
        ring = ring_timeout or self.ring_timeout
        await self.line.send(Dial(leg, peer, numbers[0], ring, OURS, self.screen(), also, keep))
        return [peer, *others]

    async def talking(self, *, keep: bool = False) -> tuple[Handle[H], str, Handle[H], str]:
        """A caller (and our leg) joined with the telephone RUNG (and its leg)."""
        caller, leg = await self.caller_up()
        peer = await self.dial(leg, keep=keep)
        rung = await self.expect_ring(RUNG)
        await self.answer(rung)
        await self.event(Connected, leg)
        return caller, leg, rung, peer

    def screen(self, refuse: str = "2", *, silence_joins: bool = False) -> Screen:
        return Screen((GREETING,), refuse, silence_joins, self.silence)

    async def in_screen(
        self, refuse: str = "2", *, silence_joins: bool = False
    ) -> tuple[Handle[H], str, Handle[H], str]:
        """A caller (and our leg), and the telephone RUNG (and its leg), which has picked up a screened call."""
        caller, leg = await self.caller_up()
        peer = await self.dial(leg, screen=self.screen(refuse, silence_joins=silence_joins))
        rung = await self.expect_ring(RUNG)
        await self.answer(rung)
        return caller, leg, rung, peer

    def prompt(self, leg: str, *items: str, digits: int = 1) -> Prompt:
        return Prompt(leg, items or (GREETING,), digits, self.silence)

    async def seconds_until(self, kind: type[E], leg: str) -> float:
        """How long it takes until this event comes."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        await self.event(kind, leg)
        return loop.time() - start

    async def restored(self) -> frozenset[str]:
        """The legs of the next LineRestored."""
        return (await self.event(LineRestored)).legs
