"""The Line port over a telephone network in memory: for tests, and for `/phone` in the browser.

It must never be gentler than a real exchange: a telephone in use is busy, a leg the service left in a menu is
hung up, and the end of a leg while the service is away is not told afterwards, only remembered.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Final

from hardware.line import (
    Abandon,
    Answer,
    CallOffered,
    Command,
    Dial,
    EventSink,
    Hangup,
    LegEnded,
    LegOutcome,
    LineEvent,
    LineLost,
    LineRejected,
    LineRestored,
    LineStatus,
    LineUnavailable,
    Originate,
    Prompt,
    PromptLookup,
)
from hardware.simulated.leg import Happening, Leg, LegState
from hardware.simulated.outside import Outside
from hardware.simulated.phone import Behaviour
from scheduler.clock import Clock

__all__ = ["Behaviour", "SimulatedLine"]

_ENDS_KEPT: Final = 10_000
_NOT_STARTED: Final = "Den simulerte linjen er ikke startet."


class SimulatedLine(Outside):
    """A telephone network with this service in it.

    `timers=False`: no prompt and no ringing ends by itself; a test says `silence` and `ring_out`.
    The object is the exchange, so it outlives the service: `stop` and a `start` with a new sink are a restart.
    """

    def __init__(self, clock: Clock, prompt_info: PromptLookup, *, timers: bool = True) -> None:
        super().__init__(prompt_info, timers=timers)
        self._clock = clock
        self._sink: EventSink | None = None
        self._outbox: deque[LineEvent | Happening] = deque()
        self._untold: deque[Happening] = deque()
        """What happened while nobody could be told."""
        self._ends: OrderedDict[str, LegEnded] = OrderedDict()
        self._lost: str | None = None
        self._since = clock.now()

    # ---- the Line port

    async def start(self, sink: EventSink) -> None:
        await self.stop()
        self._sink = sink
        self._since = self._clock.now()
        if self._lost is None:
            self._tell_restored()

    async def stop(self) -> None:
        if self._sink is None:
            return
        self._sink = None
        self._since = self._clock.now()
        undelivered = [item for item in self._outbox if isinstance(item, Happening)]
        self._outbox.clear()
        for happening in undelivered:
            self._emit(happening)
        for leg in list(self._legs.values()):
            self._fall_back(leg)

    async def send(self, command: Command) -> None:
        if not self._attended():
            raise LineUnavailable(self.status().detail)
        if isinstance(command, Originate):
            self._check_new(command.leg)
            self._originate(command)
            return
        leg = self._legs.get(command.leg)
        if leg is not None:
            self._act(leg, command)

    async def last_words(self, leg: str) -> LegEnded | None:
        return self._ends.get(leg)

    def status(self) -> LineStatus:
        detail = _NOT_STARTED if self._sink is None else self._lost or ""
        return LineStatus("simulated", self._attended(), self._since, detail)

    # ---- for tests

    def lose(self, reason: str = "Forbindelsen til sentralen er brutt; den prøves igjen.") -> None:
        """Cut the service off from the exchange. Calls go on without it."""
        if self._lost is None:
            self._lost, self._since = reason, self._clock.now()
            self._post(LineLost(reason))

    def restore(self) -> None:
        """The service is in touch again and learns which of its legs are alive."""
        if self._lost is not None:
            self._lost, self._since = None, self._clock.now()
            self._tell_restored()

    # ---- inside

    def _act(self, leg: Leg, command: Answer | Prompt | Dial | Hangup | Abandon) -> None:
        match command:
            case Answer():
                self._pick_up(leg)
            case Prompt():
                self._check_free(leg)
                self._play(leg, command)
            case Dial():
                self._check_free(leg)
                for peer in command.peers:
                    self._check_new(peer)
                _check_dial(command)
                self._dial(leg, command)
            case Hangup():
                self._end(leg, LegOutcome.ENDED if leg.answered else LegOutcome.CANCELLED)
            case Abandon():
                self._abandon(leg)

    def _check_new(self, leg_id: str) -> None:
        if leg_id in self._legs:
            raise LineRejected(f"leg {leg_id} exists already")

    def _check_free(self, leg: Leg) -> None:
        if leg.state is not LegState.UP:
            raise LineRejected(f"leg {leg.id} is not answered yet")
        if leg.playing is not None or not leg.in_menu:
            raise LineRejected(f"leg {leg.id} is busy with something else")

    def _attended(self) -> bool:
        return self._sink is not None and self._lost is None

    def _served(self) -> bool:
        return self._sink is not None

    def _emit(self, happening: Happening) -> None:
        if self._attended():
            self._post(happening)
            return
        if happening.last_words is not None:
            self._ends[happening.last_words.leg] = happening.last_words
            while len(self._ends) > _ENDS_KEPT:
                self._ends.popitem(last=False)
        if not isinstance(happening.event, CallOffered):
            self._untold.append(happening)

    def _tell_restored(self) -> None:
        """First which legs are alive, then what happened to their calls meanwhile."""
        if self._sink is None:
            return
        untold, self._untold = self._untold, deque()
        self._post(LineRestored(frozenset(self._legs)))
        for happening in untold:
            if happening.leg in self._legs:
                self._post(happening)

    def _post(self, item: LineEvent | Happening) -> None:
        """The sink is called from the event loop, never from inside a command or a key press."""
        if self._sink is None:
            return
        self._outbox.append(item)
        if len(self._outbox) == 1:
            asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        if self._sink is None or not self._outbox:
            return
        item = self._outbox.popleft()
        if self._outbox:
            asyncio.get_running_loop().call_soon(self._deliver)
        self._sink(item.event if isinstance(item, Happening) else item)


def _check_dial(dial: Dial) -> None:
    if dial.screen is not None and not set(dial.screen.refuse) <= set("023456789*"):
        raise LineRejected("keys that say no are 0, 2 to 9 and *")
    if dial.also and dial.screen is None:
        raise LineRejected("several telephones need a screen")
    if len(set(dial.peers)) < len(dial.peers):
        raise LineRejected("each telephone needs an id of its own")
