"""Calls we place at Twilio: at its pace, in order, and never the same one twice.

The leg is on disk before its call is placed. Where the answer is lost, Twilio is asked for the call before it is placed
again; and should both exist all the same, the second is ended when it first asks for anything. What waits for its turn
dies with the leg, or when the time for it is over: nobody's telephone rings for what nobody wants any more.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from hardware.line import LINE_FULL, LegOutcome
from hardware.twilio.account import Account, Timing
from hardware.twilio.hurry import Hurries, endless
from hardware.twilio.leg import Leg
from hardware.twilio.live import Live
from hardware.twilio.outcomes import REFUSED, Ending, Fault, our_end
from hardware.twilio.rest import ApiError, CallFacts, NotReached, Refused, Uncertain
from hardware.twilio.turns import Turns
from hardware.twilio.twiml import Addresses
from scheduler.clock import Clock

log = structlog.get_logger(__name__)

_OURS: Ending = (LegOutcome.FAILED, None)
_FULL: Ending = (LegOutcome.FAILED, LINE_FULL)
_EARLIER = timedelta(seconds=5)
"""So much may Twilio's clock be behind ours."""


class Creates(Hurries):
    """Places calls, and ends them."""

    def __init__(self, addresses: Addresses, account: Account, clock: Clock, timing: Timing) -> None:
        super().__init__(addresses, account, timing)
        self._clock = clock
        self._turns = Turns()
        self._pacing: asyncio.Task[None] | None = None
        self._not_now = 0
        """How often on end Twilio has said that it takes no calls now, or could not be reached."""

    @abstractmethod
    def _account_refused(self, error: Refused) -> None:
        """Nothing will work until a person has mended it."""

    @abstractmethod
    def _setup_refused(self, error: Refused, leg: Leg) -> None:
        """A person must mend something before such a call can be placed."""

    @abstractmethod
    def _was_placed(self, leg: Leg) -> None:
        """What may have been wrong with such calls is mended."""

    @abstractmethod
    async def _is_call_of_another(self, leg: Leg, sid: str) -> bool:
        """Whether this is the call of another leg, or was."""

    # ---- in turn

    def _place(self, live: Live, *, first: bool = False) -> None:
        live.placing = True
        self._turns.add(live, first=first)
        if self._pacing is None or self._pacing.done():
            self._pacing = self._start(self._pace())

    async def _pace(self) -> None:
        """One after another; who is not wanted any more costs no time."""
        while self._turns:
            if self._not_now:
                pauses = self._timing.pauses
                await asyncio.sleep(pauses[min(self._not_now, len(pauses)) - 1])
            for late in self._turns.late(self._clock.now()):
                self._start(self._not_placed(late, _FULL))
            if not self._turns:
                return
            live = self._turns.take()
            if live.leg.ended is not None or live.hanging_up:
                self._start(self._not_placed(live, our_end(live.leg)))
                continue
            self._start(self._create(live))
            await asyncio.sleep(1 / self._account.calls_per_second)

    async def _create(self, live: Live) -> None:
        try:
            call = await self._ring(live)
        except NotReached:
            self._keeps_its_turn(live)
        except Refused as error:
            if error.fault is Fault.CAPACITY:
                self._keeps_its_turn(live)
            else:
                await self._cannot_place(live, error)
        except ApiError as error:
            log.warning("call_not_placed", leg=live.leg.id, why=type(error).__name__)
            await self._not_placed(live, _OURS)
        else:
            self._not_now = 0
            self._was_placed(live.leg)
            await self._surely(lambda: self._bind(live, call.sid))

    def _keeps_its_turn(self, live: Live) -> None:
        """Surely nothing rings, and it is nobody's fault: it is tried again, as long as somebody wants it."""
        self._not_now += 1
        self._place(live, first=True)

    async def _cannot_place(self, live: Live, error: Refused) -> None:
        if error.fault not in REFUSED:
            self._setup_refused(error, live.leg)
        if error.fault is Fault.ACCOUNT:
            self._account_refused(error)
            for other in self._turns.clear():
                self._start(self._not_placed(other, _OURS))
        await self._not_placed(live, REFUSED.get(error.fault, _OURS))

    async def _ring(self, live: Live) -> CallFacts:
        """Raises NotReached and Refused: surely nothing rings. Uncertain: Twilio knows of no call, or does not say."""
        leg, since = live.leg, self._clock.now()
        for last in (False, True):
            if live.leg.ended is not None or live.hanging_up:
                raise NotReached("nobody wants it any more")
            try:
                return await self._api.ring(leg, self._target(leg), self._addresses)
            except Uncertain:
                found = await self._look_for(live, leg, since)
                if found is not None:
                    return found
                if last:
                    raise
        raise AssertionError

    async def _look_for(self, live: Live, leg: Leg, since: datetime) -> CallFacts | None:
        """The call that was perhaps placed; it may have spoken for itself meanwhile. Where Twilio does not answer it is asked
        again for a while: to place a second one without knowing would ring twice. Raises Uncertain."""
        loop = asyncio.get_running_loop()
        end, looks = loop.time() + self._timing.patience.total_seconds(), len(self._timing.looks)
        for look, wait in enumerate(endless(self._timing.looks), 1):
            await asyncio.sleep(wait)
            try:
                found = await self._placed(live, leg, since)
            except ApiError as error:
                if loop.time() > end:
                    raise Uncertain("nobody says whether it was placed") from error
                continue
            if found is not None or look >= looks:
                return found
        raise AssertionError

    async def _placed(self, live: Live, leg: Leg, since: datetime) -> CallFacts | None:
        """The call of the leg that Twilio has known since then, if there is one. `leg`: as it was before it ended, perhaps."""
        if live.leg.sid is not None:
            return CallFacts(live.leg.sid, "queued")
        calls = await self._api.to_number(self._target(leg), leg.shown)
        taken = {one.leg.sid for one in self._live.values()}
        if live.leg.sid is not None:
            return CallFacts(live.leg.sid, "queued")
        for call in calls:
            is_new = call.created is not None and call.created >= since - _EARLIER
            if is_new and call.sid not in taken and not await self._is_call_of_another(leg, call.sid):
                return call
        return None

    def _target(self, leg: Leg) -> str:
        """An extension is rung at the office's own exchange, with TLS and encrypted speech (`secure`), from the region's edge.
        https://www.twilio.com/docs/voice/api/secure-media"""
        account = self._account
        if leg.number.startswith("+") or account.sip is None:
            return leg.number
        return ";".join(
            (
                f"sip:{leg.number}@{account.sip}",
                "secure=true",
                *(f"edge={account.edge}",) * bool(account.edge),
            )
        )

    async def _bind(self, live: Live, sid: str) -> bool:
        """This is the leg's call; False: it has another one already."""
        async with live.lock:
            if live.leg.sid is None:
                bound = replace(live.leg, sid=sid)
                await self._keep(bound)
                live.leg = bound
            if live.leg.sid == sid:
                if live.leg.ended is not None or live.hanging_up:
                    self._end_call(live)
                return True
        log.error("second_call_ended", leg=live.leg.id)
        self._start(self._stop_call(sid))
        return False

    async def _not_placed(self, live: Live, ending: Ending) -> None:
        await self._surely(lambda: self._ended_unplaced(live, ending))

    async def _ended_unplaced(self, live: Live, ending: Ending) -> None:
        async with live.lock:
            await self._end(live, (LegOutcome.CANCELLED, None) if live.hanging_up else ending)

    # ---- ending

    def _end_call(self, live: Live) -> None:
        live.hanging_up = True
        live.wake()
        self._start(self._end_for_good(live))

    async def _end_for_good(self, live: Live) -> None:
        if live.leg.sid is not None:
            await self._stop_call(live.leg.sid)
        elif not self._turns.drop(live) and live.leg.ended is None:
            return  # it is being placed; whoever places it comes back to it
        await self._surely(lambda: self._ended_by_us(live))

    async def _ended_by_us(self, live: Live) -> None:
        async with live.lock:
            await self._end(live, our_end(live.leg))
