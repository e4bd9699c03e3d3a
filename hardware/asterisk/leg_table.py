"""All legs the driver knows, and what the exchange's events mean for them. No I/O of its own.

Events are hints, the snapshot is the truth: a leg that a snapshot does not show is forgotten without a word, because
`LineRestored` tells. It must never tell a leg's end twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from hardware.asterisk import outcomes
from hardware.asterisk.ami_codec import AmiEvent
from hardware.asterisk.leg import CHECK_PREFIX, Dialling, Leg, leg_of
from hardware.asterisk.outcomes import DialEnd
from hardware.asterisk.pbx_config import LEG_ENDED_EVENT, LEG_PREFIX
from hardware.line import Connected, LegEnded, LegEvent, LegOutcome

_CHANNEL_UP: Final = "6"


class LegTable:
    """Legs by our id. `emit` gets what happens to legs that have no AGI session; a session tells for itself."""

    def __init__(self, emit: Callable[[LegEvent], None]) -> None:
        self._emit = emit
        self._legs: dict[str, Leg] = {}
        self._handlers: Final[Mapping[str, Callable[[Mapping[str, str]], None]]] = {
            "Newchannel": self._new_channel,
            "DialBegin": self._dial_begun,
            "DialEnd": self._dial_ended,
            "OriginateResponse": self._originate_response,
            "Hangup": self._hung_up,
            "UserEvent": self._user_event,
            "DTMFEnd": self._key_pressed,
        }

    def get(self, leg_id: str) -> Leg | None:
        return self._legs.get(leg_id)

    def add(self, leg: Leg) -> Leg:
        self._legs[leg.id] = leg
        return leg

    def forget(self, leg: Leg) -> None:
        if self._legs.get(leg.id) is leg:
            del self._legs[leg.id]

    def dialling_of(self, peer: str) -> tuple[Leg, Dialling] | None:
        """The leg whose `Dial` rings or has joined this peer."""
        for leg in self._legs.values():
            if leg.dialling is not None and leg.dialling.peer == peer:
                return leg, leg.dialling
        return None

    def alive(self) -> frozenset[str]:
        """Every leg and every peer of a `Dial` under way."""
        peers = [
            leg.dialling.peer for leg in self._legs.values() if leg.dialling is not None and leg.dialling.peer
        ]
        return frozenset([*self._legs, *peers])

    def with_session(self) -> frozenset[Leg]:
        return frozenset(leg for leg in self._legs.values() if leg.call is not None)

    def keep_only(self, channels: Iterable[str], had_session: Collection[Leg]) -> None:
        """After a snapshot: forget what the exchange does not show.

        `had_session`: the legs that had one before the exchange was asked. One of them that it does not show has a
        session with nobody (the exchange restarted, and no word of it reached us), which is ended here. A session
        that began later may be too new for the answer."""
        shown = frozenset(channels)
        for leg in list(self._legs.values()):
            if leg.channel in shown or (leg.call is not None and leg not in had_session):
                continue
            self.forget(leg)
            if leg.call is not None:
                leg.call.cut()

    def unheard_joins(self) -> list[tuple[Leg, Dialling]]:
        """Peers the snapshot shows as joined, whose `Connected` was lost with the link."""
        pairs = [(leg, leg.dialling) for leg in self._legs.values() if leg.dialling is not None]
        return [(leg, dialling) for leg, dialling in pairs if dialling.joined and not dialling.told_joined]

    # ---- the exchange's events ---------------------------------------------------------------------------------

    def take(self, event: AmiEvent) -> None:
        """One AMI event; what is not about a leg of ours is ignored."""
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event.keys)

    def _of_channel(self, channel: str) -> Leg | None:
        return self._legs.get(leg_of(channel)) if channel else None

    def _new_channel(self, keys: Mapping[str, str]) -> None:
        leg = self._of_channel(keys.get("Uniqueid", ""))
        if leg is not None:
            leg.has_channel = True

    def _dial_begun(self, keys: Mapping[str, str]) -> None:
        rung = self._of_channel(keys.get("DestUniqueid", ""))
        if rung is not None:
            rung.has_channel = True
        leg = self._of_channel(keys.get("Uniqueid", ""))
        if leg is not None and leg.dialling is not None:
            leg.dialling.channel = keys.get("DestUniqueid")

    def _dial_ended(self, keys: Mapping[str, str]) -> None:
        leg = self._of_channel(keys.get("Uniqueid", ""))
        if leg is None or leg.dialling is None or keys.get("DialStatus") != "ANSWER":
            return
        leg.dialling.channel = keys.get("DestUniqueid") or leg.dialling.channel
        self.joined(leg, leg.dialling)

    def joined(self, leg: Leg, dialling: Dialling) -> None:
        """The peer answered; told once."""
        dialling.joined = True
        if not dialling.told_joined:
            dialling.told_joined = True
            self._emit(Connected(leg.id, dialling.peer))

    def _originate_response(self, keys: Mapping[str, str]) -> None:
        channel = keys.get("Uniqueid", "")
        leg = self._of_channel(channel)
        if leg is None:
            return
        if keys.get("Response") != "Failure":
            leg.answered = True
            return
        leg.refused = True
        # Asterisk made no channel for it (no such endpoint): no Hangup will tell the end.
        if not leg.has_channel:
            self.end_rung(leg, None, None)

    def _hung_up(self, keys: Mapping[str, str]) -> None:
        leg = self._of_channel(keys.get("Uniqueid", ""))
        if leg is None or leg.call is not None:
            return
        cause = outcomes.number(keys.get("Cause"))
        if leg.answered or keys.get("ChannelState") == _CHANNEL_UP:
            leg.answered = True
            self.end_adopted(leg, DialEnd("", cause, 0))
        else:
            self.end_rung(leg, cause, outcomes.number(keys.get("TechCause")))

    def end_rung(self, leg: Leg, cause: int | None, sip: int | None) -> None:
        """A leg we rang was never answered."""
        self.forget(leg)
        outcome = LegOutcome.CANCELLED if leg.cancelled else outcomes.unanswered(cause, sip)
        self._emit(LegEnded(leg.id, outcome, cause))

    def _user_event(self, keys: Mapping[str, str]) -> None:
        if keys.get("UserEvent") != LEG_ENDED_EVENT:
            return
        leg = self._of_channel(keys.get("Leg", ""))
        if leg is not None and leg.call is None and leg.answered:
            seconds = outcomes.number(keys.get("AnsweredTime")) or 0
            self.end_adopted(
                leg, DialEnd(keys.get("DialStatus", ""), outcomes.number(keys.get("Cause")), seconds)
            )

    def _key_pressed(self, keys: Mapping[str, str]) -> None:
        leg = self._of_channel(keys.get("Uniqueid", ""))
        if leg is not None and leg.call is not None and keys.get("Direction") == "Received":
            leg.call.key_pressed(keys.get("Digit", "")[:1])

    def end_adopted(self, leg: Leg, end: DialEnd | None) -> None:
        """The end of a leg that was up and has no session: first its peer's, if it is known to have had one.

        For the peer of an earlier life whose id the exchange does not tell, the leg's own end must do: `answered`
        then says whether the two ever talked. A leg that dialled nobody has an end of its own only."""
        self.forget(leg)
        end = end or DialEnd("", None, 0)
        if leg.dialling is None:
            event = end.event(leg.id)
            self._emit(event if end.status else replace(event, answered=leg.answered))
            return
        if leg.dialling.joined or end.talked:
            peer = LegEnded(leg.dialling.peer, LegOutcome.ENDED, end.cause, answered=True)
        else:
            peer = replace(end.event(leg.dialling.peer), answered=False)
        self._emit(peer)
        self._emit(LegEnded(leg.id, LegOutcome.ENDED, end.cause, answered=True))


def is_ours(channel: str) -> bool:
    """Whether a channel on the exchange is a leg we rang (a leg that came in is known by its session)."""
    return channel.startswith(LEG_PREFIX) and not channel.startswith(CHECK_PREFIX)
