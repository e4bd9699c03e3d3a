"""One connection to one telephone of the simulated network, and the prompt it hears. Pure bookkeeping.

It must never emit an event or set a timer: the exchange does.
"""

from __future__ import annotations

from asyncio import TimerHandle
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from hardware.line import CallOffered, LegEnded, LegEvent, LegOutcome, Prompt, Screen
from hardware.simulated.phone import Telephone

CAUSES: Final[dict[LegOutcome, int | None]] = {
    LegOutcome.ENDED: 16,
    LegOutcome.BUSY: 17,
    LegOutcome.NO_ANSWER: 19,
    LegOutcome.DECLINED: 21,
    LegOutcome.INVALID: 1,
    LegOutcome.CANCELLED: None,
    LegOutcome.FAILED: 34,
}
"""The Q.850 cause a real exchange gives with each outcome."""


class LegState(StrEnum):
    OFFERED = "offered"
    """The telephone rang us; we have not answered."""
    RINGING = "ringing"
    """We ring the telephone."""
    UP = "up"


@dataclass(slots=True)
class Playing:
    """A prompt under way."""

    prompt: Prompt
    number: int
    """Counts the prompts of the exchange, so that an old "finished" is told from a new one."""
    keys: str = ""

    def press(self, key: str) -> bool:
        """Take one key; True when the collecting is over."""
        if key == "#":
            return True
        self.keys += key
        return len(self.keys) >= self.prompt.digits


@dataclass(slots=True, eq=False)
class Leg:
    id: str
    phone: Telephone
    state: LegState
    shown: str = ""
    """The number the telephone sees: the caller id of a call to it, the number dialled of a call from it."""
    answered: bool = False
    peers: list[Leg] = field(default_factory=list)
    """The legs this one rings, or the one it talks with, as the dialling side of a `Dial`."""
    dialler: Leg | None = None
    """The dialling side, when this leg is the peer of a `Dial`."""
    stays: bool = False
    """Of a peer: it is kept when the dialling side hangs up."""
    screen: Screen | None = None
    """Of a peer, until it is joined."""
    screen_plays: int = 0
    """How often it has heard its screen."""
    playing: Playing | None = None
    ahead: deque[str] = field(default_factory=deque)
    """Keys pressed before anybody asked."""
    timer: TimerHandle | None = None
    peer_end: LegEnded | None = None
    """How its last `Dial` ended."""

    @property
    def peer(self) -> Leg | None:
        """The one it talks with, or the first of those it rings."""
        return self.peers[0] if self.peers else None

    @property
    def in_menu(self) -> bool:
        """Only the service knows what comes next; without it the fall-back takes the leg."""
        if self.state is LegState.RINGING:
            return False
        return not self.peers and self.dialler is None

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, and what to do with it when the service is away."""

    event: CallOffered | LegEvent
    leg: str
    """The call's own leg: of a `Dial`, the dialling side. Told later only if this one still lives."""
    last_words: LegEnded | None = None
    """Of an end: what `last_words` answers for it (of a `Dial`: the peer's end)."""
