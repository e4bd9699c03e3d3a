"""What happens to the legs of the Twilio line, one step at a time: commands of ours, requests of Twilio's, ends.

Every step is taken under the lock of its call, is on disk before it is told or acted on, and does nothing the second time.
It must never ask Twilio for anything: that is left to `_bring` and `_end_call`, whose failures the next request makes good.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace

from hardware.line import (
    Abandon,
    Answer,
    CallOffered,
    Connected,
    Dial,
    DigitsEntered,
    Hangup,
    Kept,
    LegAnswered,
    LegEnded,
    LegOutcome,
    LineEvent,
    LineRejected,
    NoInput,
    Prompt,
)
from hardware.twilio import leg as legs
from hardware.twilio.leg import FALLBACK, HANGUP, IDLE, SCREEN_PLAYS, Document, Kind, Leg
from hardware.twilio.live import Live
from hardware.twilio.outcomes import Ending, our_end

_MOST_AHEAD = 20
"""Keys kept for a question that has not come."""
REFUSING = frozenset("023456789*")


class Steps(ABC):
    """The legs, and every way they change."""

    def __init__(self) -> None:
        self._live: dict[str, Live] = {}

    # ---- to be made by the line

    @abstractmethod
    async def _keep(self, *changed: Leg) -> None:
        """On disk, then in memory; wakes who waits. Raises StoreUnavailable."""

    @abstractmethod
    def _tell(self, *events: LineEvent) -> None: ...

    @abstractmethod
    def _bring(self, live: Live) -> None:
        """See that Twilio asks for the new document soon."""

    @abstractmethod
    def _fetch(self, live: Live) -> None:
        """See that Twilio asks what comes after the present document, should that not end by itself."""

    @abstractmethod
    def _end_call(self, live: Live) -> None:
        """See that Twilio ends the call soon."""

    @abstractmethod
    async def _ring_peers(self, dial: Dial, live: Live) -> None: ...

    @abstractmethod
    async def _ends_of(self, leg: Leg) -> list[LegEnded]:
        """How those ended whom a conference that is over was with; of any other document, none. Raises StoreUnavailable."""

    # ---- commands

    async def _act(self, live: Live, command: Answer | Prompt | Dial | Hangup | Abandon) -> None:
        match command:
            case Answer():
                if not live.leg.up:
                    await self._keep(replace(live.leg, up=True))
            case Prompt():
                _check_free(live.leg)
                await self._prompt(live, command)
            case Dial():
                _check_free(live.leg)
                self._check_dial(command)
                await self._ring_peers(command, live)
            case Hangup():
                await self._hang_up(live)
            case Abandon():
                await self._abandon(live)

    async def _prompt(self, live: Live, prompt: Prompt) -> None:
        leg, keys, complete = legs.take_ahead(live.leg, prompt)
        if complete:
            await self._keep(leg)
            self._tell(DigitsEntered(leg.id, keys))
            return
        await self._keep(leg.given(legs.prompt_document(prompt, keys)))
        self._bring(live)

    def _check_dial(self, dial: Dial) -> None:
        if dial.screen is not None and not set(dial.screen.refuse) <= REFUSING:
            raise LineRejected("keys that say no are 0, 2 to 9 and *")
        if dial.also and dial.screen is None:
            raise LineRejected("several telephones at once need a screen")
        for peer in dial.peers:
            if peer in self._live:
                raise LineRejected(f"leg {peer} exists already")

    async def _hang_up(self, live: Live) -> None:
        if live.leg.document.kind is not Kind.HANGUP:
            await self._keep(live.leg.given(HANGUP))
        self._end_call(live)

    async def _abandon(self, live: Live) -> None:
        leg = live.leg
        if leg.document.kind is Kind.ROOM and not leg.told:
            return
        if leg.dialler is not None or leg.document.kind in (Kind.HANGUP, Kind.FALLBACK):
            return
        if not leg.inbound and not leg.up:
            await self._hang_up(live)
            return
        await self._keep(replace(leg.given(FALLBACK), up=True))
        self._bring(live)

    # ---- what Twilio says

    async def _pressed_meanwhile(self, live: Live, digits: str) -> None:
        """Keys pressed while a prompt was made, which they answer."""
        leg, prompt = live.leg, live.leg.document
        if prompt.kind is not Kind.PROMPT or not prompt.digits:
            return
        keys = prompt.keys + digits
        if len(keys) < prompt.digits:
            pressed = replace(leg, taken=leg.seq)
            await self._keep(pressed.given(replace(prompt, items=(), keys=keys)))
            return
        await self._keep(replace(leg, told=True, taken=leg.seq, ahead=keys[prompt.digits :]))
        self._tell(DigitsEntered(leg.id, keys[: prompt.digits]))

    async def _over(self, live: Live, digits: str) -> None:
        """The leg's document is over, with these keys."""
        leg = live.leg
        match leg.document.kind:
            case Kind.NONE:
                await self._picked_up(live)
            case Kind.IDLE:
                if digits:  # with a new number: asked again, they do not count twice
                    ahead = (leg.ahead + digits)[-_MOST_AHEAD:]
                    await self._keep(replace(leg.given(IDLE), told=True, taken=leg.seq, ahead=ahead))
            case Kind.PROMPT:
                keys = leg.document.keys + digits
                await self._keep(replace(leg, told=True, taken=leg.seq))
                self._tell(DigitsEntered(leg.id, keys) if keys else NoInput(leg.id))
            case Kind.SCREEN:
                await self._screened(live, digits)
            case Kind.ROOM:
                await self._left_alone(live)
            case Kind.FALLBACK | Kind.HANGUP:
                await self._keep(leg.given(HANGUP))

    async def _picked_up(self, live: Live) -> None:
        leg = replace(live.leg, up=True)
        if leg.inbound:
            return
        if leg.dialler is None:
            await self._keep(replace(leg, told=True))
            self._tell(LegAnswered(leg.id))
        elif leg.screen is None:
            await self._join(live)
        else:
            await self._keep(replace(leg.given(legs.screen_document(leg.screen)), plays=1))

    async def _screened(self, live: Live, key: str) -> None:
        leg, screen = live.leg, live.leg.screen
        assert screen is not None
        if key and key in screen.refuse:
            await self._end(live, (LegOutcome.DECLINED, 21), DigitsEntered(leg.id, key))
        elif key == "1":
            await self._join(live)
        elif leg.plays < SCREEN_PLAYS:
            await self._keep(replace(leg.given(legs.screen_document(screen)), plays=leg.plays + 1))
        elif screen.silence_joins:
            await self._join(live)
        else:
            await self._end(live, (LegOutcome.NO_ANSWER, 19))

    async def _join(self, live: Live) -> None:
        """The first to accept; the others of the same `Dial` stop."""
        dialler = self._live.get(live.leg.dialler or "")
        room = None if dialler is None else dialler.leg.document
        if (
            dialler is None
            or dialler.leg.ended
            or room is None
            or room.kind is not Kind.ROOM
            or dialler.leg.told
        ):
            await self._end(live, (LegOutcome.CANCELLED, None))
            return
        others = [one for one in self._peers(dialler) if one is not live]
        if any(one.leg.joined for one in others):
            await self._end(live, (LegOutcome.CANCELLED, None))
            return
        peer = replace(live.leg.given(Document(Kind.ROOM, room=room.room)), up=True, joined=True)
        stopped = [one.leg.over(LegOutcome.CANCELLED) for one in others]
        dialler.comes_back = True
        await self._keep(peer, *stopped)
        self._tell(Connected(dialler.leg.id, peer.id), *_ends(stopped))
        for one in others:
            self._end_call(one)

    async def _left_alone(self, live: Live) -> None:
        """The conference is over, and this leg is still there."""
        leg = live.leg
        if leg.dialler is None:
            peers = self._peers(live)
            gone = [one.leg.over(*our_end(one.leg)) for one in peers]
            await self._keep(replace(leg, told=True), *gone)
            self._tell(*_ends(gone))
            for peer in peers:
                self._end_call(peer)
            return
        if not leg.keep:
            await self._end(live, (LegOutcome.ENDED, 16))
            return
        free = replace(leg, dialler=None, told=True, screen=None)
        dialler = self._live.get(leg.dialler)
        ended = [] if dialler is None or dialler.leg.ended else [dialler.leg.over(LegOutcome.ENDED, 16)]
        await self._keep(free, *ended)
        self._tell(*_ends(ended), Kept(leg.id))

    async def _end(self, live: Live, ending: Ending, *before: LineEvent) -> None:
        """The leg is over; those it rang go first, but for one it was to leave."""
        if live.leg.ended is not None:
            return
        outcome, cause = ending
        kept = [one for one in self._peers(live) if one.leg.keep and one.leg.joined]
        gone = [one for one in self._peers(live) if one not in kept]
        ends = [one.leg.over(*our_end(one.leg)) for one in gone]
        own = live.leg.over(outcome, cause)
        changed = [*ends, own]
        dialler = self._live.get(live.leg.dialler or "")
        if dialler is not None and not dialler.leg.ended and self._peers(dialler) == [live]:
            changed.append(replace(dialler.leg, told=True))  # its `Dial` is over
        await self._keep(*changed)
        self._tell(*before, *_ends([*ends, own]))
        for one in gone:
            self._end_call(one)
        for one in kept:
            self._fetch(one)  # it may come into the conference only now, and be alone there

    def _peers(self, live: Live) -> list[Live]:
        """Those of its latest `Dial` that have not ended."""
        found = (self._live.get(peer) for peer in live.leg.peers)
        return [one for one in found if one is not None and one.leg.ended is None and one.leg.dialler]

    # ---- when nothing comes

    async def _nothing_comes(self, live: Live, *, long: bool) -> None:
        """Nobody has said what comes next: listen for a moment. After a restart whoever was to say it is asked once more;
        and nobody hangs in the air for long."""
        leg = live.leg
        if live.taken_up:
            ends = [] if live.told_again else await self._ends_of(leg)
            live.told_again, live.taken_up = True, bool(ends)  # if they were known, it is asked once more
            self._tell(*(ends or _again(leg)))
        elif long or not leg.up:
            await self._abandon(live)
        elif leg.told or leg.document.kind is Kind.NONE:
            await self._keep(leg.given(IDLE))


def _check_free(leg: Leg) -> None:
    if not leg.up:
        raise LineRejected(f"leg {leg.id} is not answered yet")
    busy = leg.document.kind in (Kind.PROMPT, Kind.ROOM, Kind.SCREEN) and not leg.told
    if busy or leg.document.kind in (Kind.FALLBACK, Kind.HANGUP):
        raise LineRejected(f"leg {leg.id} is busy with something else")


def _ends(ended: list[Leg]) -> list[LegEnded]:
    return [leg.ended for leg in ended if leg.ended is not None]


def _again(leg: Leg) -> list[LineEvent]:
    """What was told last, for whoever did not live to act on it. Keys are not told twice: they may have been taken, and
    would then answer the next question; silence has it asked again."""
    match leg.document.kind:
        case Kind.NONE if leg.inbound:
            return [CallOffered(leg.id, leg.number, leg.shown or None)]
        case Kind.NONE:
            return [LegAnswered(leg.id)]
        case _:
            return [NoInput(leg.id, again=True)]


def caller_of(params: Mapping[str, str]) -> str:
    """E.164, or nothing when the number is withheld; Twilio writes that as numbers that spell a word."""
    number = params.get("From", "")
    spelt = {"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"}
    is_number = (
        number.startswith("+") and number[1:].isascii() and number[1:].isdigit() and 5 <= len(number) <= 16
    )
    return number if is_number and number not in spelt else ""
