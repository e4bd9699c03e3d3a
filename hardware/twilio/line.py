"""The Line port over Twilio: TwiML that answers its requests, and REST to place, end and hurry calls.

Twilio is the truth of which calls there are; the store, of how far each of our legs is. It must never hold anything that a
restart would lose, and never take a request that Twilio has not signed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from callback.store import StoreUnavailable
from callback.store_twilio import LegStore
from hardware.line import (
    CallOffered,
    Command,
    Dial,
    EventSink,
    LegEnded,
    LineRejected,
    LineUnavailable,
    Originate,
)
from hardware.twilio import leg as legs
from hardware.twilio.account import Account, Timing
from hardware.twilio.contact import NO_CONTACT, NOT_STARTED, Contact
from hardware.twilio.leg import FALLBACK, HANGUP, Document, Kind, Leg
from hardware.twilio.live import Live
from hardware.twilio.outcomes import ENDS, ending, our_end
from hardware.twilio.rest import Api
from hardware.twilio.twiml import Addresses, twiml
from hardware.twilio.webhooks import Listener, Signatures, Sounds
from scheduler.clock import Clock


class TwilioLine(Contact):
    """See hardware.line.Line. `fallback_of`: the fall-back number of the office with this number."""

    def __init__(
        self,
        account: Account,
        store: LegStore,
        clock: Clock,
        sounds: Sounds,
        fallback_of: Callable[[str], str | None],
        *,
        timing: Timing | None = None,
        name_of: Callable[[str], str] = str,
    ) -> None:
        """`name_of`: under which name `sounds` is asked for a prompt."""
        addresses = Addresses(account.public_url.rstrip("/"), name_of)
        super().__init__(addresses, account, store, clock, timing or Timing())
        self._fallback_of = fallback_of
        tokens = tuple(token for token in (account.token, account.second_token) if token)
        signatures = Signatures(self._addresses.base, tokens)
        self.listener = Listener(self, signatures, sounds, account.host, account.port)
        self._stopping = False

    # ---- the Line port

    async def start(self, sink: EventSink) -> None:
        self._api = Api(self._account.sid, self._account.token, self._account.api_url, self._timing.answer)
        self._sink, self._stopping, self._lost, self._since = sink, False, NO_CONTACT, self._clock.now()
        self._ready = asyncio.Event()
        self._start(self._serve())

    async def _serve(self) -> None:
        await self._take_up()
        while True:
            try:
                await self.listener.start()
                break
            except OSError as error:  # somebody has our port; the status says so
                self._lose(f"Port {self._account.port} er opptatt: Twilio når oss ikke ({error.errno}).")
                await asyncio.sleep(self._timing.beat.total_seconds())
        await self._watch()

    async def stop(self) -> None:
        if self._sink is None:
            return
        self._stopping, self._sink = True, None
        self._lost, self._since = NOT_STARTED, self._clock.now()
        for live in self._live.values():
            live.wake()
        await self.listener.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._turns.clear()
        self._live.clear()
        await self._api.close()

    async def send(self, command: Command) -> None:
        if isinstance(command, Originate):
            self._check_contact()
            if command.leg in self._live:
                raise LineRejected(f"leg {command.leg} exists already")
            await self._ring_new(legs.originated(command, self._clock.now(), self._timing.patience))
            return
        live = self._live.get(command.leg)
        if live is None:
            return
        async with live.lock:
            live.taken_up = False
            if live.leg.ended is None:
                await self._stored(self._act(live, command))

    async def last_words(self, leg: str) -> LegEnded | None:
        """From the row: an end that is on disk may never have been told. Waits for the database: nobody asks twice."""
        if leg in self._live:
            return None
        return await self._surely(lambda: self._words(leg))

    # ---- legs

    async def _ring_new(self, leg: Leg) -> None:
        """On disk, then in line to be placed; a command that ends it meanwhile comes after that."""
        live = self._live[leg.id] = Live(leg, asyncio.Lock())
        async with live.lock:
            try:
                await self._stored(self._keep(leg))
            except LineUnavailable:
                self._live.pop(leg.id, None)
                raise
            self._place(live)

    async def _ring_peers(self, dial: Dial, live: Live) -> None:
        self._check_contact()
        rung = legs.peers_of(dial, self._clock.now(), self._timing.patience)
        room = Document(Kind.ROOM, room=f"{dial.leg}-{live.leg.seq + 1}")
        for peer in rung:
            self._live[peer.id] = Live(peer, live.lock)
        try:
            dialler = replace(live.leg.given(room), peers=dial.peers, dials=live.leg.dials + 1)
            await self._keep(dialler, *rung)
        except StoreUnavailable:
            for peer in rung:
                self._live.pop(peer.id, None)
            raise
        self._bring(live)
        for peer in rung:
            self._place(self._live[peer.id])

    async def _stored(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StoreUnavailable as error:
            raise LineUnavailable("the database does not answer") from error

    def _check_contact(self) -> None:
        if self._lost is not None:
            raise LineUnavailable(self._lost)

    # ---- what the listener asks

    async def ready(self) -> bool:
        """Whether requests can be answered; waits a little after a start."""
        try:
            async with asyncio.timeout(self._timing.offered.total_seconds()):
                await self._ready.wait()
        except TimeoutError:
            return False
        return not self._stopping

    async def offered(self, sid: str, to: str, caller: str) -> Live | None:
        """A call to a number of ours; the same one again after a lost answer. None: it is over."""
        key = f"tw-{sid}"
        known = key in self._live or await self.is_known(key)
        if known or key in self._live:  # the same request may be here at this moment
            return await self._offered_again(key, to, caller)
        leg = Leg(key, self._clock.now(), to, caller, inbound=True, sid=sid)
        live = self._live[key] = Live(leg, asyncio.Lock())
        async with live.lock:
            try:
                await self._keep(leg)
            except StoreUnavailable:
                self._live.pop(key, None)
                raise
            self._tell(CallOffered(key, to, caller or None))
        return live

    async def _offered_again(self, key: str, to: str, caller: str) -> Live | None:
        """Once it is on disk. After a restart nobody may have heard of it."""
        live = self._live.get(key)
        if live is None:
            return None
        async with live.lock:
            if live.taken_up:
                await self._nothing_comes(live, long=False)
        if self._live.get(key) is live:
            return live
        return await self.offered(
            key.removeprefix("tw-"), to, caller
        )  # it could not be written, or has ended

    def find(self, leg: str, sid: str) -> Live | None:
        """By its id, else by Twilio's id of the call."""
        return self._live.get(leg) or self._live.get(f"tw-{sid}")

    async def is_known(self, leg: str) -> bool:
        return await self._on_disk(leg) is not None

    async def belongs(self, live: Live, sid: str) -> bool:
        live.heard = asyncio.get_running_loop().time()
        return live.leg.sid == sid or await self._bind(live, sid)

    async def document_is_over(self, live: Live, seq: int, digits: str) -> None:
        """Twilio asks for what comes after document `seq`; an older one is over already."""
        async with live.lock:
            if live.leg.ended is not None or live.leg.told:
                return
            if seq >= live.leg.seq:
                live.taken_up, live.falls = False, 0
                await self._over(live, digits)
            elif digits and seq > live.leg.taken and live.given < live.leg.seq:
                await self._pressed_meanwhile(live, digits)

    async def next_document(self, live: Live, seq: int) -> Leg | None:
        """What comes after document `seq`, as soon as it is said; None: we are stopping."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        live.waiting += 1
        try:
            while not self._stopping:
                leg = live.leg
                idle = leg.document.kind is Kind.IDLE and leg.seq <= seq
                if leg.ended is not None or (leg.seq > seq and not leg.told):
                    live.given, live.playing, live.comes_back = leg.seq, leg.document.kind, False
                    return leg
                live.idle_since = live.idle_since or loop.time()
                limit = self._timing.hold if leg.up else self._timing.offered
                changed = live.changed
                try:
                    async with asyncio.timeout(limit.total_seconds() - (loop.time() - began)):
                        await changed.wait()
                except TimeoutError:
                    long = loop.time() - (live.idle_since or began) > self._timing.idle.total_seconds()
                    began = loop.time()
                    async with live.lock:
                        if live.changed is changed:
                            await self._nothing_comes(live, long=long)
                    if idle and not long and live.changed is changed:
                        return live.leg
            return None
        finally:
            live.waiting -= 1

    async def has_status(self, live: Live, status: str, sip: int | None) -> None:
        if status in ENDS:
            async with live.lock:
                leg = live.leg
                how = (
                    our_end(leg) if live.hanging_up else ending(leg, status, sip, gave=live.given == leg.seq)
                )
                await self._end(live, how)

    def twiml(self, leg: Leg) -> str:
        return twiml(leg, self._addresses, self._fallback_of(leg.number) if leg.inbound else None)

    async def give_up(self, live: Live) -> None:
        """Its documents cannot be played: it goes to the fall-back."""
        async with live.lock:
            await self._keep(replace(live.leg.given(FALLBACK if live.leg.inbound else HANGUP), up=True))

    def rings_at(self, number: str) -> str | None:
        return self._fallback_of(number)

    def kill(self, sid: str) -> None:
        """A call of a leg that has ended."""
        self._start(self._stop_call(sid))
