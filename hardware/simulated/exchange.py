"""The exchange of the simulated network: who rings whom, who hears what, and how calls end. In memory.

It must never wait: everything happens in the call that causes it, or in a timer of the event loop.
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from hardware.line import (
    Connected,
    Dial,
    DigitsEntered,
    Kept,
    LegAnswered,
    LegEnded,
    LegOutcome,
    NoInput,
    Originate,
    Prompt,
    PromptLookup,
    Screen,
)
from hardware.simulated.leg import CAUSES, Happening, Leg, LegState, Playing
from hardware.simulated.phone import Behaviour, Telephone, is_number

_AT_ONCE: Final = {
    Behaviour.BUSY: LegOutcome.BUSY,
    Behaviour.INVALID: LegOutcome.INVALID,
    Behaviour.FAIL: LegOutcome.FAILED,
}
"""What a call comes to without the telephone ever ringing."""

_SCREEN_PLAYS: Final = 2

_BROWSER_GRACE: Final = timedelta(seconds=4)
"""How much later than the items' own length a browser may report that it has played them."""


class Exchange(ABC):
    """Telephones, legs and what goes on between them. A telephone exists as soon as it is named."""

    def __init__(self, prompt_info: PromptLookup, *, timers: bool) -> None:
        self._prompt_info = prompt_info
        self._timers = timers
        self._phones: dict[str, Telephone] = {}
        self._legs: dict[str, Leg] = {}
        self._prompt_numbers = itertools.count(1)

    @abstractmethod
    def _emit(self, happening: Happening) -> None:
        """Tell the service, now or when it is back."""

    @abstractmethod
    def _attended(self) -> bool:
        """Whether a service is there to take a call."""

    @abstractmethod
    def _served(self) -> bool:
        """Whether a service is there, even if the line to it is lost at the moment."""

    # ---- legs

    def _pick_up(self, leg: Leg) -> None:
        """We answer a call that was offered."""
        if leg.state is LegState.OFFERED:
            leg.state, leg.answered = LegState.UP, True
            leg.phone.tell("answered")

    def _originate(self, command: Originate) -> None:
        """Ring a telephone as a new leg."""
        self._ring(self._new_leg(command.leg, command.to, command.caller_id), command.ring_timeout)

    def _dial(self, dialler: Leg, dial: Dial) -> None:
        """Ring a telephone, or several at the same time."""
        dialler.phone.tell("ringback", to=dial.to)
        for peer, to in ((dial.peer, dial.to), *((beside.peer, beside.to) for beside in dial.also)):
            leg = self._new_leg(peer, to, dial.caller_id)
            leg.dialler, leg.screen, leg.stays = dialler, dial.screen, dial.keep
            dialler.peers.append(leg)
        for leg in tuple(dialler.peers):
            self._ring(leg, dial.ring_timeout)

    def _new_leg(self, leg_id: str, to: str, shown: str) -> Leg:
        phone = self._phone(to) if is_number(to) else Telephone(to)
        leg = self._legs[leg_id] = Leg(leg_id, phone, LegState.RINGING, shown=shown)
        return leg

    def _ring(self, leg: Leg, ring_timeout: timedelta) -> None:
        if not is_number(leg.phone.number):
            self._end(leg, LegOutcome.INVALID)
        elif leg.phone.leg is not None:
            self._end(leg, LegOutcome.BUSY)
        else:
            self._ring_phone(leg, ring_timeout)

    def _ring_phone(self, leg: Leg, ring_timeout: timedelta) -> None:
        behaviour = leg.phone.next_behaviour()
        if behaviour in _AT_ONCE:
            self._end(leg, _AT_ONCE[behaviour])
            return
        leg.phone.leg = leg
        leg.phone.tell("ringing", **{"from": leg.shown})
        if behaviour is Behaviour.ANSWER:
            self._picked_up(leg)
        elif behaviour is Behaviour.DECLINE:
            self._end(leg, LegOutcome.DECLINED)
        elif behaviour is Behaviour.NO_ANSWER and not self._timers:
            self._end(leg, LegOutcome.NO_ANSWER)
        else:
            self._later(leg, ring_timeout, lambda: self._end(leg, LegOutcome.NO_ANSWER))

    def _picked_up(self, leg: Leg) -> None:
        leg.stop_timer()
        leg.state = LegState.UP
        if leg.dialler is not None and leg.screen is None:
            self._join(leg, leg.dialler)
            return
        leg.phone.tell("answered")
        if leg.screen is not None:
            self._play_screen(leg, leg.screen)
            return
        leg.answered = True
        self._emit(Happening(LegAnswered(leg.id), leg.id))
        self._fall_back(leg)

    def _join(self, leg: Leg, dialler: Leg) -> None:
        leg.answered, leg.screen = True, None
        dialler.phone.tell("connected", to=leg.phone.number)
        leg.phone.tell("connected", **{"with": leg.shown})
        self._emit(Happening(Connected(dialler.id, leg.id), dialler.id))
        for other in [peer for peer in dialler.peers if peer is not leg]:
            self._end_one(other, LegOutcome.CANCELLED)

    def _end(self, leg: Leg, outcome: LegOutcome) -> None:
        """The leg is over; the peers it had go first, but for one who stays."""
        if self._legs.get(leg.id) is not leg:
            return
        kept = [peer for peer in leg.peers if peer.answered and peer.stays and self._attended()]
        for peer in [peer for peer in leg.peers if peer not in kept]:
            self._end_one(peer, LegOutcome.ENDED if peer.answered else LegOutcome.CANCELLED)
        self._end_one(leg, outcome)
        for peer in kept:
            peer.dialler = None
            peer.phone.tell("peer_ended", outcome=outcome.value)
            self._emit(Happening(Kept(peer.id), peer.id))
        if leg.dialler is not None and not leg.dialler.peers:
            leg.dialler.phone.tell("peer_ended", outcome=outcome.value)
            self._fall_back(leg.dialler)

    def _end_one(self, leg: Leg, outcome: LegOutcome) -> None:
        leg.stop_timer()
        del self._legs[leg.id]
        if leg.phone.leg is leg:
            leg.phone.leg = None
            leg.phone.tell("ended", outcome=outcome.value)
        end = LegEnded(leg.id, outcome, CAUSES[outcome], leg.answered)
        words = replace(leg.peer_end, leg=leg.id) if leg.peer_end else end
        if leg.dialler is not None:
            leg.dialler.peers.remove(leg)
            leg.dialler.peer_end = end
        self._emit(Happening(end, leg.dialler.id if leg.dialler else leg.id, words))

    def _fall_back(self, leg: Leg) -> None:
        """What a real exchange does with a leg in a menu when the service is gone."""
        if leg.in_menu and not self._served():
            self._abandon(leg)

    def _abandon(self, leg: Leg) -> None:
        """The office's recorded message, then goodbye. This network has no fall-back number to ring."""
        if leg.peers:
            return
        if leg.state is LegState.RINGING:
            self._end(leg, LegOutcome.CANCELLED)
            return
        leg.phone.tell("fallback")
        self._end(leg, LegOutcome.ENDED if leg.answered else LegOutcome.FAILED)

    # ---- prompts

    def _play(self, leg: Leg, prompt: Prompt) -> None:
        playing = leg.playing = Playing(prompt, next(self._prompt_numbers))
        while prompt.digits and leg.ahead:
            if self._take_key(leg, playing, leg.ahead.popleft()):
                return
        if playing.keys:
            return
        infos = [(item, self._prompt_info(item)) for item in prompt.items]
        length = sum((info.duration for _, info in infos), timedelta())
        leg.phone.heard.extend(prompt.items)
        items = [
            {
                "item": item,
                "text": info.text,
                "url": f"/prompts/{item}.wav",
                "seconds": info.duration.total_seconds(),
            }
            for item, info in infos
        ]
        leg.phone.tell("prompt", items=items, digits=prompt.digits, prompt=playing.number)
        grace = _BROWSER_GRACE if leg.phone.feed is not None and prompt.items else timedelta()
        self._prompt_ends_in(leg, length + grace + self._silence_of(prompt))

    def _take_key(self, leg: Leg, playing: Playing, key: str) -> bool:
        """True when this key ended the prompt."""
        if playing.press(key):
            self._prompt_over(leg, pressed=True)
            return True
        self._prompt_ends_in(leg, playing.prompt.timeout)
        return False

    def _prompt_over(self, leg: Leg, *, pressed: bool = False) -> None:
        playing, leg.playing = leg.playing, None
        leg.stop_timer()
        if playing is not None and leg.screen is not None and leg.dialler is not None:
            self._screened(leg, leg.dialler, leg.screen, playing.keys)
        elif playing is not None:
            entered = pressed or playing.keys
            event = DigitsEntered(leg.id, playing.keys) if entered else NoInput(leg.id)
            self._emit(Happening(event, leg.id))

    def _silence_of(self, prompt: Prompt) -> timedelta:
        """How long to listen after the last item: a prompt that wants no keys does not wait for any."""
        return prompt.timeout if prompt.digits else timedelta()

    def _prompt_ends_in(self, leg: Leg, wait: timedelta) -> None:
        self._later(leg, wait, lambda: self._prompt_over(leg))

    # ---- screens

    def _play_screen(self, leg: Leg, screen: Screen) -> None:
        """The service is not needed: the exchange plays it and takes the key."""
        leg.screen_plays += 1
        self._play(leg, Prompt(leg.id, screen.items, 1, screen.timeout))

    def _screened(self, leg: Leg, dialler: Leg, screen: Screen, key: str) -> None:
        """The items were played, and this key was pressed, or none."""
        if key and key in screen.refuse:
            self._emit(Happening(DigitsEntered(leg.id, key), dialler.id))
            self._end(leg, LegOutcome.DECLINED)
        elif key == "1":
            self._join(leg, dialler)
        elif leg.screen_plays < _SCREEN_PLAYS:
            self._play_screen(leg, screen)
        elif screen.silence_joins:
            self._join(leg, dialler)
        else:
            self._end(leg, LegOutcome.NO_ANSWER)

    # ---- small things

    def _later(self, leg: Leg, wait: timedelta, act: Callable[[], None]) -> None:
        leg.stop_timer()
        if self._timers:
            leg.timer = asyncio.get_running_loop().call_later(wait.total_seconds(), act)

    def _phone(self, number: str) -> Telephone:
        if not is_number(number):
            raise ValueError("neither a telephone number in E.164 nor an extension")
        return self._phones.setdefault(number, Telephone(number))
