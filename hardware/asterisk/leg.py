"""What the driver keeps of one leg while it lives. Bookkeeping only; the truth is the exchange."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hardware.asterisk.outcomes import DialEnd
from hardware.asterisk.pbx_config import LEG_PREFIX
from hardware.asterisk.pbx_several import NAME, name_of_channel

if TYPE_CHECKING:
    from hardware.asterisk.agi_call import AgiCall
    from hardware.asterisk.fastagi import AgiSession

INBOUND_PREFIX: Final = f"{LEG_PREFIX}in-"
CHECK_PREFIX: Final = f"{LEG_PREFIX}check-"
_LEG_ID: Final = re.compile(re.escape(LEG_PREFIX) + r"[A-Za-z0-9._-]{1,100}")


@dataclass(slots=True, eq=False)
class Dialling:
    """A `Dial` under way."""

    peers: tuple[str, ...]
    joined: str | None = None
    """The peer who was joined."""
    told_joined: bool = False
    """`Connected` has been emitted."""
    screened: bool = False
    """A peer is joined only after a key press."""
    keep: bool = False
    channels: dict[str, str] = field(default_factory=dict)
    """The peers' Uniqueids, once they are known; of several, those of their pairs' outer side."""
    cancelled: set[str] = field(default_factory=set)
    """Peers we were asked to end."""
    over: set[str] = field(default_factory=set)
    """Peers of several whose own end is known."""

    @property
    def several(self) -> bool:
        return len(self.peers) > 1

    @property
    def living(self) -> list[str]:
        return [peer for peer in self.peers if peer not in self.over]

    @property
    def peer(self) -> str:
        """The one who was joined, or who rings (of several: any)."""
        return self.joined or next(iter(self.living), self.peers[0])

    def others(self) -> list[str]:
        """Those of several who were not joined, and whose end is not known."""
        return [peer for peer in self.living if self.several and peer != self.joined]

    def may_be_out(self, peer: str, end: DialEnd) -> bool:
        """Whether this is the end of one beside the one who was joined. While nobody is known to be, whoever talked may
        be the one."""
        return peer in self.others() and not (end.talked and self.joined is None)

    def peer_at(self, channel_name: str) -> str | None:
        """Whose channel this is."""
        if not self.several:
            return self.peers[0]
        peer = leg_of(name_of_channel(channel_name) or "")
        return peer if peer in self.peers else None


@dataclass(slots=True, eq=False)
class Leg:
    id: str
    channel: str
    """Asterisk's Uniqueid."""
    call: AgiCall | None = None
    """The session that drives it; None while it rings, or when it outlived the service that began it."""
    dialling: Dialling | None = None
    answered: bool = False
    adopted: bool = False
    """Found on the exchange, begun by an earlier life of the service."""
    has_channel: bool = False
    """Asterisk has made a channel for it: a `Hangup` event will come."""
    refused: bool = False
    """`OriginateResponse` said Failure."""
    cancelled: bool = False
    """We were asked to end it."""
    kept: AgiSession | None = None
    """The session of a peer who stays after it."""
    parting: bool = False
    """It has ended, and whether a peer stays is being found out."""


def channel_of(leg_id: str) -> str:
    """Our id -> Asterisk's Uniqueid. A leg that came in is named after its Uniqueid, so that it can be found again."""
    return leg_id.removeprefix(INBOUND_PREFIX)


def leg_of(channel: str) -> str:
    """Asterisk's Uniqueid -> our id."""
    return channel if channel.startswith(LEG_PREFIX) else f"{INBOUND_PREFIX}{channel}"


def is_leg_id(text: str) -> bool:
    """Whether Asterisk can be given this id for a leg we ring, and it can be found again by it."""
    return _LEG_ID.fullmatch(text) is not None and not text.startswith((INBOUND_PREFIX, CHECK_PREFIX))


def is_peer_id(text: str) -> bool:
    """Whether the dialplan can be given this id for one of several telephones, or for a peer who is to stay."""
    return text.startswith(LEG_PREFIX) and NAME.fullmatch(channel_of(text)) is not None
