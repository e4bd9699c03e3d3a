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
from hardware.asterisk.outcomes import DialEnd, dial_end
from hardware.asterisk.pbx_config import LEG_ENDED_EVENT, LEG_PREFIX
from hardware.line import Connected, DigitsEntered, LegEnded, LegEvent, LegOutcome

_CHANNEL_UP: Final = "6"
_END_HEADERS: Final = ("DialStatus", "Cause", "AnsweredTime", "Key", "Sip")


class LegTable:
    """Legs by our id. `emit` gets what happens to legs that have no AGI session; a session tells for itself. `part` is
    asked to find out whether the peer stays of a leg without one that has ended, and then to call `close`."""

    def __init__(self, emit: Callable[[LegEvent], None], part: Callable[[Leg, DialEnd], None]) -> None:
        self._emit = emit
        self._part = part
        self._legs: dict[str, Leg] = {}
        self._channels: dict[str, Leg] = {}
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

    def on_channel(self, channel: str) -> Leg | None:
        """The leg whose Uniqueid this is."""
        return self._channels.get(channel)

    def add(self, leg: Leg) -> Leg:
        self._legs[leg.id] = self._channels[leg.channel] = leg
        return leg

    def forget(self, leg: Leg) -> None:
        if self._legs.get(leg.id) is leg:
            del self._legs[leg.id]
            self._channels.pop(leg.channel, None)

    def diallings(self) -> list[tuple[Leg, Dialling]]:
        """Every `Dial` under way."""
        return [(leg, leg.dialling) for leg in self._legs.values() if leg.dialling is not None]

    def dialling_of(self, peer: str) -> tuple[Leg, Dialling] | None:
        """The leg whose `Dial` rings or has joined this peer."""
        return next((pair for pair in self.diallings() if peer in pair[1].living), None)

    def alive(self) -> frozenset[str]:
        """Every leg and every peer of a `Dial` under way."""
        return frozenset(self._legs).union(*(dialling.living for _, dialling in self.diallings()))

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
        return [pair for pair in self.diallings() if pair[1].joined and not pair[1].told_joined]

    # ---- the exchange's events ---------------------------------------------------------------------------------

    def take(self, event: AmiEvent) -> None:
        """One AMI event; what is not about a leg of ours is ignored."""
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event.keys)

    def _new_channel(self, keys: Mapping[str, str]) -> None:
        leg = self.on_channel(keys.get("Uniqueid", ""))
        if leg is not None:
            leg.has_channel = True

    def _dial_begun(self, keys: Mapping[str, str]) -> None:
        rung = self.on_channel(keys.get("DestUniqueid", ""))
        if rung is not None:
            rung.has_channel = True
        leg = self.on_channel(keys.get("Uniqueid", ""))
        if leg is not None and leg.dialling is not None:
            self._channel_of_peer(leg.dialling, keys)

    def _dial_ended(self, keys: Mapping[str, str]) -> None:
        leg = self.on_channel(keys.get("Uniqueid", ""))
        if leg is None or leg.dialling is None or keys.get("DialStatus") != "ANSWER":
            return
        peer = self._channel_of_peer(leg.dialling, keys)
        if peer is not None:
            self.joined(leg, leg.dialling, peer)

    def _channel_of_peer(self, dialling: Dialling, keys: Mapping[str, str]) -> str | None:
        peer, channel = dialling.peer_at(keys.get("DestChannel", "")), keys.get("DestUniqueid")
        if peer is not None and channel:
            dialling.channels[peer] = channel
        return peer

    def joined(self, leg: Leg, dialling: Dialling, peer: str) -> None:
        """The peer answered; told once."""
        dialling.joined = peer
        if not dialling.told_joined:
            dialling.told_joined = True
            self._emit(Connected(leg.id, peer))

    def _originate_response(self, keys: Mapping[str, str]) -> None:
        channel = keys.get("Uniqueid", "")
        leg = self.on_channel(channel)
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
        leg = self.on_channel(keys.get("Uniqueid", ""))
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
        channel = keys.get("Leg", "")
        end = dial_end(",".join(keys.get(name, "") for name in _END_HEADERS))
        leg = self.on_channel(channel)
        if leg is not None and leg.call is None and leg.answered:
            self.end_adopted(leg, end)
        elif (dials := self.dialling_of(leg_of(channel))) and dials[1].may_be_out(leg_of(channel), end):
            self.end_beside(dials[1], leg_of(channel), end)

    def end_beside(self, dialling: Dialling, peer: str, end: DialEnd | None) -> None:
        """One of several telephones is out; told once. Who accepted too late was stopped."""
        if peer in dialling.over:
            return
        dialling.over.add(peer)
        if end is None or end.talked or peer in dialling.cancelled:
            self._emit(LegEnded(peer, LegOutcome.CANCELLED))
            return
        if end.key:
            self._emit(DigitsEntered(peer, end.key))
        self._emit(end.event(peer))

    def _key_pressed(self, keys: Mapping[str, str]) -> None:
        leg = self.on_channel(keys.get("Uniqueid", ""))
        if leg is not None and leg.call is not None and keys.get("Direction") == "Received":
            leg.call.key_pressed(keys.get("Digit", "")[:1])

    def end_adopted(self, leg: Leg, end: DialEnd | None) -> None:
        """The end of a leg that was up and has no session; told once it is known whether its peer stays."""
        end = end or DialEnd("", None, 0)
        if leg.parting:
            return
        if leg.dialling is not None and leg.dialling.keep and leg.dialling.joined:
            leg.parting = True
            self._part(leg, end)
        else:
            self.close(leg, end)

    def close(self, leg: Leg, end: DialEnd) -> None:
        """First its peer's end, if it is known to have had one, and the peer does not stay.

        For the peer of an earlier life whose id the exchange does not tell, the leg's own end must do: `answered`
        then says whether the two ever talked. A leg that dialled nobody has an end of its own only."""
        self.forget(leg)
        if leg.dialling is None:
            event = end.event(leg.id)
            self._emit(event if end.status else replace(event, answered=leg.answered))
            return
        peer = leg.dialling.peer
        if end.talked:
            leg.dialling.joined = peer
        for other in leg.dialling.others():
            self.end_beside(leg.dialling, other, None)
        if leg.kept is not None:
            pass
        elif leg.dialling.joined:
            self._emit(LegEnded(peer, LegOutcome.ENDED, end.cause, answered=True))
        elif not leg.dialling.several:
            self._emit(replace(end.event(peer), answered=False))
        self._emit(LegEnded(leg.id, LegOutcome.ENDED, end.cause, answered=True))


def is_ours(channel: str) -> bool:
    """Whether a channel on the exchange is a leg we rang (a leg that came in is known by its session)."""
    return channel.startswith(LEG_PREFIX) and not channel.startswith(CHECK_PREFIX)
