"""Where a caller is who waits on the line, and what is known of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ivr.intake_state import IntakeState, peer_of
from ivr.machine import ItsTurn


class Node(StrEnum):
    ASKING = "asking"
    """The desk is asked whose turn it is."""
    LISTENING = "listening"
    """Hears where they stand, or music; 1: rather be rung."""
    STARTING = "starting"
    """It is their turn; the desk writes down that a colleague is rung."""
    CONNECTING = "connecting"
    """Hears that they are put through; the colleague is about to be rung."""
    RINGING_CASEWORKER = "ringing_caseworker"
    TALKING = "talking"
    ENDING = "ending"
    """The desk is writing down that this colleague did not take it."""
    HANGING_UP = "hanging_up"
    ENDED = "ended"
    """Terminal."""


@dataclass(frozen=True, slots=True)
class WaitingState:
    node: Node
    intake: IntakeState
    """Where they came from, and go on from."""
    told_at: datetime | None = None
    """When they last heard where they stand; None before the first time."""
    again: bool = False
    """They want to hear it again."""
    tries: int = 0
    """Colleagues who were to be rung."""
    rung: int = 0
    """How many of the colleague's telephones rang before the one that rings."""
    turn: ItsTurn | None = None
    """The colleague who is rung, or was last."""
    failed: str | None = None
    """The colleague whose telephone could not be rung the last time, by our own failure."""

    @property
    def ended(self) -> bool:
        return self.node is Node.ENDED

    @property
    def waits(self) -> bool:
        """No colleague is being rung for them."""
        return self.node in (Node.ASKING, Node.LISTENING)

    @property
    def has_waited(self) -> bool:
        """They have heard that they can, or that they are put through."""
        return self.told_at is not None or self.tries > 0

    @property
    def leg(self) -> str:
        """The caller's."""
        return self.intake.leg

    @property
    def peer(self) -> str:
        """The colleague's leg."""
        return f"{peer_of(self.leg)}-w{self.tries}" + (f"-{self.rung}" if self.rung else "")

    @property
    def request_id(self) -> str:
        return self.intake.request_id or ""

    @property
    def attempt_id(self) -> str | None:
        """Of the colleague who is rung; None before the first."""
        return None if self.turn is None else f"{self.turn.call_id}w{self.tries}"
