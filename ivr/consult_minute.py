"""How the time of a call that asks for whoever is on duty is shared: a person, or the first word of the promise, within
`longest`. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from ivr.consult_port import RingNow
from ivr.consult_state import ConsultState

LEAST_RING = timedelta(seconds=10)
"""Nobody is rung for less, two or three rings, but where the time is up before."""
LISTENING = timedelta(seconds=7)
"""Whoever picks up at the last ring hears what it is, and has time to press 1."""
NAMING = timedelta(seconds=2)
"""To say who is rung next."""
STOPPING = timedelta(seconds=4)
"""Until any exchange has stopped what rings, and says "Nobody could answer"."""


def turn(state: ConsultState, ring: RingNow, now: datetime) -> tuple[timedelta, datetime]:
    """How long these ring, and when they are stopped if they still ring or listen: a share of what is left, and for the last
    ones all of it."""
    until = _until(state, ring, now)
    share = (until - now - LISTENING - ring.left * NAMING) / (ring.left + 1)
    ring_for = max(LEAST_RING, min(ring.ring_for, share))
    return ring_for, min(until, now + ring_for + LISTENING) if ring.left else until


def is_late(state: ConsultState, now: datetime) -> bool:
    """Too late to ring anybody else."""
    return state.now is not None and now + LEAST_RING > _until(state, state.now, now)


def _until(state: ConsultState, ring: RingNow, now: datetime) -> datetime:
    """From then on nobody rings or listens."""
    return (state.began_at or now) + ring.longest - STOPPING
