"""What the outside world can do in the simulated network: scripted telephones, and the telephone in the browser.

Everything goes by number, as a person would. It must never know what the service means to do next.
"""

from __future__ import annotations

import uuid

from hardware.line import CallOffered, LegOutcome
from hardware.simulated.exchange import Exchange
from hardware.simulated.leg import Happening, Leg, LegState
from hardware.simulated.phone import KEYS, Behaviour, Feed, Telephone, is_e164, is_number


class Outside(Exchange):
    """The telephones' side of the exchange."""

    # ---- scripted telephones

    def behave(self, number: str, *behaviours: Behaviour) -> None:
        """How the telephone takes its next calls, one after another; the last behaviour stays."""
        self._phone(number).behave(*behaviours)

    def heard(self, number: str) -> tuple[str, ...]:
        """The prompt items this telephone was played, oldest first (the last 200)."""
        return tuple(self._phone(number).heard)

    def leg_of(self, number: str) -> str | None:
        """The telephone's live leg."""
        leg = self._phone(number).leg
        return leg.id if leg else None

    def shown_to(self, number: str) -> str:
        """The number on the telephone's display; empty when it has no call."""
        leg = self._phone(number).leg
        return leg.shown if leg else ""

    def is_up(self, number: str) -> bool:
        leg = self._phone(number).leg
        return leg is not None and leg.state is LegState.UP

    def is_ringing(self, number: str) -> bool:
        leg = self._phone(number).leg
        return leg is not None and leg.state is LegState.RINGING

    def busy(self, number: str) -> None:
        """Refuse the ringing call as busy. Raises ValueError when it does not ring; so do the next three."""
        self._end(self._ringing(number), LegOutcome.BUSY)

    def invalid(self, number: str) -> None:
        self._end(self._ringing(number), LegOutcome.INVALID)

    def fail(self, number: str) -> None:
        self._end(self._ringing(number), LegOutcome.FAILED)

    def ring_out(self, number: str) -> None:
        """The ring timeout passes now."""
        self._end(self._ringing(number), LegOutcome.NO_ANSWER)

    def silence(self, whom: str) -> None:
        """The prompt of this leg or number has been played, and nothing (more) is pressed.

        Raises ValueError when none is under way."""
        leg = self._legs.get(whom) or (self._phone(whom).leg if is_number(whom) else None)
        if leg is None or leg.playing is None:
            raise ValueError(f"no prompt is played to {whom}")
        self._prompt_over(leg)

    # ---- what a telephone can do

    def plug_in(self, number: str) -> Feed:
        """Attach the telephone to a browser. Raises ValueError when it is plugged in already, or is no number."""
        phone = self._phone(number)
        if phone.feed is not None:
            raise ValueError("this number is plugged in already")
        phone.feed = Feed(lambda: self._unplug(phone))
        phone.tell("ready", number=number)
        if phone.leg is not None and phone.leg.state is LegState.RINGING:
            phone.tell("ringing", **{"from": phone.leg.shown})
        return phone.feed

    def dial(self, number: str, to: str, *, withhold: bool = False, shows: str | None = None) -> None:
        """Ring one of the service's numbers. Does nothing while the telephone is in use. `shows`: another number than its
        own, as telephones of one subscription do."""
        phone = self._phone(number)
        if not is_number(to):
            raise ValueError("not a number that can be dialled")
        if phone.leg is not None:
            return
        phone.tell("dialling", to=to)
        if not self._attended():
            phone.tell("fallback")
            phone.tell("ended", outcome=LegOutcome.FAILED.value)
            return
        leg = Leg(f"sim-{uuid.uuid4().hex}", phone, LegState.OFFERED, shown=to)
        self._legs[leg.id] = phone.leg = leg
        caller = (shows or number) if is_e164(number) and not withhold else None
        self._emit(Happening(CallOffered(leg.id, to, caller), leg.id))

    def answer(self, number: str) -> None:
        """Pick up, if it rings."""
        leg = self._phone(number).leg
        if leg is not None and leg.state is LegState.RINGING:
            self._picked_up(leg)

    def press(self, number: str, key: str) -> None:
        """Press one key. Raises ValueError for a key no telephone has."""
        if len(key) != 1 or key not in KEYS:
            raise ValueError("not a key of a telephone")
        leg = self._phone(number).leg
        if leg is None or not (leg.in_menu or leg.playing is not None):
            return
        if leg.playing is None or leg.playing.prompt.digits == 0:
            leg.ahead.append(key)
        else:
            self._take_key(leg, leg.playing, key)

    def hang_up(self, number: str) -> None:
        """Hang up, or decline while it rings or the telephone is in its screen."""
        leg = self._phone(number).leg
        if leg is None:
            return
        if leg.state is LegState.RINGING or leg.screen is not None:
            self._end(leg, LegOutcome.DECLINED)
        else:
            self._end(leg, LegOutcome.ENDED if leg.answered else LegOutcome.CANCELLED)

    def prompt_finished(self, number: str) -> None:
        """The browser has played the last prompt it was given; a late report about an older one is ignored."""
        phone = self._phone(number)
        playing = phone.leg.playing if phone.leg else None
        if phone.leg is None or playing is None or phone.feed is None or playing.keys:
            return
        if phone.feed.prompt_taken == playing.number:
            self._prompt_ends_in(phone.leg, self._silence_of(playing.prompt))

    # ---- small things

    def _ringing(self, number: str) -> Leg:
        leg = self._phone(number).leg
        if leg is None or leg.state is not LegState.RINGING:
            raise ValueError("this telephone does not ring")
        return leg

    def _unplug(self, phone: Telephone) -> None:
        """A call that is up (or on its way to us) is hung up; a call that rings it rings on."""
        phone.feed = None
        if phone.leg is not None and phone.leg.state is not LegState.RINGING:
            self.hang_up(phone.number)
