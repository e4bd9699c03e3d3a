"""What the driver keeps of one leg while it lives. Bookkeeping only; the truth is the exchange."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hardware.asterisk.pbx_config import LEG_PREFIX

if TYPE_CHECKING:
    from hardware.asterisk.agi_call import AgiCall

INBOUND_PREFIX: Final = f"{LEG_PREFIX}in-"
CHECK_PREFIX: Final = f"{LEG_PREFIX}check-"
_LEG_ID: Final = re.compile(re.escape(LEG_PREFIX) + r"[A-Za-z0-9._-]{1,100}")


@dataclass(slots=True, eq=False)
class Dialling:
    """A `Dial` under way."""

    peer: str
    channel: str | None = None
    """The peer's Uniqueid, once it is known."""
    joined: bool = False
    told_joined: bool = False
    """`Connected` has been emitted."""
    cancelled: bool = False
    """We were asked to end the peer."""
    screened: bool = False
    """The peer is joined only after a key press."""


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


def channel_of(leg_id: str) -> str:
    """Our id -> Asterisk's Uniqueid. A leg that came in is named after its Uniqueid, so that it can be found again."""
    return leg_id.removeprefix(INBOUND_PREFIX)


def leg_of(channel: str) -> str:
    """Asterisk's Uniqueid -> our id."""
    return channel if channel.startswith(LEG_PREFIX) else f"{INBOUND_PREFIX}{channel}"


def is_leg_id(text: str) -> bool:
    """Whether Asterisk can be given this id for a leg we ring, and it can be found again by it."""
    return _LEG_ID.fullmatch(text) is not None and not text.startswith((INBOUND_PREFIX, CHECK_PREFIX))
