"""Contact with Twilio: which of our calls there are, at the start, after a break, and now and then.

What Twilio tells us is a hint, and may get lost; what it answers when asked is the truth. A leg that ended while we were away is
not told as if it had just happened: it is kept for `last_words`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog
from pydantic import ValidationError

from callback.store import StoreUnavailable
from callback.store_twilio import LegRow, LegStore
from hardware.line import (
    Connected,
    EventSink,
    LegEnded,
    LegOutcome,
    LineEvent,
    LineLost,
    LineRestored,
    LineStatus,
)
from hardware.twilio import leg as legs
from hardware.twilio.account import Account, Timing
from hardware.twilio.creates import Creates
from hardware.twilio.leg import Kind, Leg
from hardware.twilio.live import Live
from hardware.twilio.outcomes import ENDS, Ending, Fault, advice, ending, refused_for
from hardware.twilio.rest import ApiError, Refused
from hardware.twilio.twiml import Addresses
from scheduler.clock import Clock

log = structlog.get_logger(__name__)

NOT_STARTED = "Linjen hos Twilio er ikke startet."
NO_CONTACT = "Vi får ikke kontakt med Twilio; det prøves igjen. Se at maskinen når api.twilio.com."
_KEEP_ENDED = timedelta(days=1)
_AT_ONCE = 10
"""Calls looked up at the same time."""
_MANY = 20
"""From here on one list of all calls is less to ask for than each."""


class Contact(Creates):
    """Knows whether Twilio answers, and mends what was missed."""

    def __init__(
        self, addresses: Addresses, account: Account, store: LegStore, clock: Clock, timing: Timing
    ) -> None:
        super().__init__(addresses, account, clock, timing)
        self._store = store
        self._sink: EventSink | None = None
        self._quiet: list[LineEvent] | None = None
        """What is not told at once while we find out what we have missed."""
        self._lost: str | None = NOT_STARTED
        self._refused: dict[tuple[int | None, str], Refused] = {}
        """What a person must mend: by Twilio's code, and which calls are refused for it."""
        self._since = self._forgets_at = clock.now()
        self._ready = asyncio.Event()

    def status(self) -> LineStatus:
        alarm = " ".join(dict.fromkeys(advice(one.fault, one.code) for one in self._refused.values()))
        return LineStatus(
            "twilio", self._lost is None, self._since, self._lost or "", alarm, len(self._turns)
        )

    # ---- legs: on disk, and told

    async def _keep(self, *changed: Leg) -> None:
        now = self._clock.now()
        rows = [LegRow(one.id, one.sid, legs.to_json(one), now if one.ended else None) for one in changed]
        await self._store.save(*rows)
        for leg in changed:
            live = self._live.get(leg.id)
            if live is None:
                continue  # it had ended before
            live.leg = leg
            if leg.document.kind is not Kind.IDLE:
                live.idle_since = None
            live.wake()
            if leg.ended is not None:
                self._live.pop(leg.id)
                log.info("leg_ended", leg=leg.id, outcome=leg.ended.outcome.value)

    def _tell(self, *events: LineEvent) -> None:
        for event in events:
            if self._quiet is not None and not isinstance(event, LineRestored):
                self._quiet.append(event)
            elif self._sink is not None:
                self._sink(event)

    # ---- looking

    async def _watch(self) -> None:
        failures = 0
        while True:
            try:
                await self._look()
                failures = 0
            except (ApiError, StoreUnavailable) as error:
                failures += 1
                if isinstance(error, Refused) and error.fault is not Fault.CAPACITY:
                    self._account_refused(error)
                elif failures > 1:
                    self._lose(NO_CONTACT)
            except Exception:
                log.exception("twilio_look_failed")  # the next one comes all the same
            await asyncio.sleep(self._timing.beat.total_seconds())

    async def _take_up(self) -> None:
        """The legs of the service before, as it left them. One that cannot be read any more is given up."""
        locks: dict[str, asyncio.Lock] = {}
        for row in await self._surely(self._store.open):
            leg = _read(row.state)
            if leg is None:
                log.error("leg_not_taken_up", leg=row.id)
                ended = replace(row, ended_at=self._clock.now())
                await self._surely(partial(self._store.save, ended))
                continue
            lock = locks.setdefault(leg.dialler or leg.id, asyncio.Lock())
            self._live[leg.id] = Live(leg, lock, taken_up=leg.told or leg.document.kind is Kind.NONE)

    async def _look(self) -> None:
        status = await self._api.account_status()
        if status != "active":
            raise Refused(Fault.ACCOUNT, None)
        if self._lost is None:
            await self._reconcile()
        else:
            await self._look_after_a_break()
            self._lost, self._since = None, self._clock.now()
            self._ready.set()
            for live in list(self._live.values()):
                self._go_on(live)
        if self._clock.now() >= self._forgets_at:
            await self._store.forget_before(self._clock.now() - _KEEP_ENDED)
            self._forgets_at = self._clock.now() + _KEEP_ENDED / 24

    def _go_on(self, live: Live) -> None:
        """We may have died before Twilio was told; and it may sit in a conference that nobody else comes to."""
        leg = live.leg
        if leg.document.kind is Kind.HANGUP:
            self._end_call(live)
        elif leg.sid is not None and (leg.told or self._was_in_conference(live)):
            self._start(self._hurry(leg))

    def _was_in_conference(self, live: Live) -> bool:
        """It has something else to do since, or rings somebody else, and nobody may have told Twilio. Whoever talks is left alone; and
        whoever waits in the conference of this very `Dial`, for to fetch them would end it under who comes in just now."""
        leg = live.leg
        if leg.document.kind is Kind.ROOM and leg.dials == 1:
            return False
        talks = any(peer.leg.joined for peer in self._peers(live))
        is_new = live.given < leg.seq and leg.document.kind is not Kind.NONE
        return bool(leg.peers) and leg.up and is_new and not talks

    async def _hurry(self, leg: Leg) -> None:
        try:
            over = leg.seq if leg.told else leg.seq - 1
            await self._api.push(leg.sid or "", self._addresses.step(leg.id, over))
        except ApiError:
            log.warning("leg_not_hurried", leg=leg.id)

    async def _reconcile(self) -> None:
        """End the legs that Twilio no longer has: of all after a break, else of those it has not spoken of for long."""
        now, silent = asyncio.get_running_loop().time(), self._timing.silent.total_seconds()
        after_a_break = self._quiet is not None
        asked = [live for live in self._live.values() if after_a_break or now - live.heard > silent]
        alive = await self._api.alive() if len(asked) > _MANY else set()
        limit = asyncio.Semaphore(_AT_ONCE)

        async def settle(live: Live) -> tuple[Live, Ending] | None:
            how = None
            if live.leg.sid not in alive:
                try:
                    async with limit:
                        how = await self._how_it_ended(live)
                except ApiError as error:
                    if isinstance(error, Refused) and error.fault is Fault.ACCOUNT:
                        raise
                    log.warning("leg_not_settled", leg=live.leg.id, why=str(error))
                    return None  # it counts as alive, and is asked for again; the other calls go on
            live.heard = now
            return None if how is None else (live, how)

        found = await asyncio.gather(*map(settle, asked))
        ended = [one for one in found if one is not None]
        for live, how in sorted(ended, key=lambda one: one[0].leg.dialler is None):
            async with live.lock:
                await self._end(live, how)

    async def _how_it_ended(self, live: Live) -> Ending | None:
        """None: it has not."""
        leg = live.leg
        try:
            if leg.sid is None:
                if live.placing:
                    return None
                placed = await self._placed(live, leg, leg.began_at)
                if placed is None:
                    return LegOutcome.FAILED, None
                await self._bind(live, placed.sid)
                return None
            call = await self._api.call(leg.sid)
        except Refused as error:
            if error.fault is not Fault.GONE:
                raise
            return LegOutcome.FAILED, None
        return ending(leg, call.status, None, gave=False) if call.status in ENDS else None

    async def _look_after_a_break(self) -> None:
        """Of the legs we had, what happened meanwhile is told only beside one that lives: of the others `last_words` tells. A leg
        that is new is told as ever; and when the look fails everything is, for nobody else will."""
        diallers = {key: live.leg.dialler or key for key, live in self._live.items()}
        self._quiet = []
        try:
            await self._reconcile()
        except BaseException:
            untold, self._quiet = self._quiet, None
            self._tell(*untold)
            raise
        untold, self._quiet = self._quiet, None
        self._tell(LineRestored(frozenset(self._live)))
        for live in self._live.values():
            if live.leg.joined and live.leg.dialler in self._live:
                self._tell(Connected(live.leg.dialler, live.leg.id))
        for event in untold:
            leg = getattr(event, "leg", "")
            if leg not in diallers or diallers[leg] in self._live:
                self._tell(event)

    async def _words(self, key: str) -> LegEnded | None:
        """How the latest conversation of a leg that has ended was; who had none has talked with nobody. Of one that was our
        failure there is nothing to tell."""
        leg = await self._on_disk(key)
        if leg is None or leg.ended is None:
            return None
        peers = await self._ends_of_peers(leg)
        if peers:
            return replace(peers[-1], leg=key)
        if leg.dialler is None:
            return None if leg.ended.outcome is LegOutcome.FAILED else replace(leg.ended, answered=False)
        return leg.ended

    async def _ends_of(self, leg: Leg) -> list[LegEnded]:
        return await self._ends_of_peers(leg) if leg.document.kind is Kind.ROOM else []

    async def _ends_of_peers(self, leg: Leg) -> list[LegEnded]:
        """Who was joined is the last."""
        peers = [await self._on_disk(peer) for peer in leg.peers]
        ends = [peer.ended for peer in peers if peer is not None and peer.ended is not None]
        return sorted(ends, key=lambda end: end.answered)

    async def _on_disk(self, key: str) -> Leg | None:
        state = await self._store.get(key)
        return None if state is None else _read(state)

    def _lose(self, why: str) -> None:
        if self._lost is None:
            self._lost, self._since = why, self._clock.now()
            self._tell(LineLost(why))
        else:
            self._lost = why

    def _account_refused(self, error: Refused) -> None:
        self._lose(advice(error.fault, error.code))

    def _setup_refused(self, error: Refused, leg: Leg) -> None:
        key = error.code, refused_for(error.code, leg)
        if key not in self._refused:
            log.error("twilio_refuses_calls", code=error.code)
        self._refused[key] = error

    async def _is_call_of_another(self, leg: Leg, sid: str) -> bool:
        state = await self._surely(partial(self._store.by_sid, sid))
        other = None if state is None else _read(state)
        return state is not None and (other is None or other.id != leg.id)

    def _was_placed(self, leg: Leg) -> None:
        """Of such calls alone: a call to another country says nothing of the one that is closed."""
        for code, what in list(self._refused):
            if refused_for(code, leg) == what:
                del self._refused[code, what]


def _read(state: str) -> Leg | None:
    """None: another version wrote it, and it cannot be read."""
    try:
        return legs.from_json(state)
    except ValidationError:
        return None
