"""Calls we place at Twilio: at its pace, in order, and never the same one twice.

The leg is on disk before its call is placed. Where the answer is lost, Twilio is asked for the call before it is placed
again; and should both exist all the same, the second is ended when it first asks for anything.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from hardware.line import LegOutcome
from hardware.twilio.account import Account, Timing
from hardware.twilio.leg import Kind, Leg
from hardware.twilio.live import Live
from hardware.twilio.outcomes import REFUSED, Ending, Fault, our_end
from hardware.twilio.rest import Api, ApiError, CallFacts, NotReached, Refused, Uncertain
from hardware.twilio.steps import Steps
from hardware.twilio.twiml import Addresses

log = structlog.get_logger(__name__)

_OURS: Ending = (LegOutcome.FAILED, None)
_EARLIER = timedelta(seconds=5)
"""So much may Twilio's clock be behind ours."""


class Creates(Steps):
    """Places calls, ends them, and pushes documents."""

    def __init__(self, addresses: Addresses, account: Account, timing: Timing) -> None:
        super().__init__()
        self._api: Api
        self._addresses = addresses
        self._account = account
        self._timing = timing
        self._queue: deque[tuple[float, Live]] = deque()
        self._pacing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    def _account_refused(self, error: Refused) -> None:
        """Nothing will work until a person has mended it."""

    @abstractmethod
    def _setup_refused(self, error: Refused | None) -> None:
        """None: a call was placed, so it is mended."""

    # ---- placing

    def _place(self, live: Live) -> None:
        self._queue.append((asyncio.get_running_loop().time(), live))
        if self._pacing is None or self._pacing.done():
            self._pacing = self._start(self._pace())

    async def _pace(self) -> None:
        """One after another; who is not wanted any more costs no time."""
        loop = asyncio.get_running_loop()
        while self._queue:
            since, live = self._queue.popleft()
            if live.leg.ended is not None or live.hanging_up:
                continue
            if loop.time() - since > self._timing.patience.total_seconds():
                self._start(self._not_placed(live, _OURS))
                continue
            self._start(self._create(live))
            await asyncio.sleep(1 / self._account.calls_per_second)

    async def _create(self, live: Live) -> None:
        try:
            call = await self._ring(live)
        except Refused as error:
            if error.fault is Fault.ACCOUNT:
                self._account_refused(error)
            elif error.fault not in REFUSED:
                self._setup_refused(error)
            await self._not_placed(live, REFUSED.get(error.fault, _OURS))
        except ApiError as error:
            log.warning("call_not_placed", leg=live.leg.id, why=type(error).__name__)
            await self._not_placed(live, _OURS)
        else:
            self._setup_refused(None)
            await self._bind(live, call.sid)

    async def _ring(self, live: Live) -> CallFacts:
        """Raises ApiError: then surely nothing rings, or Twilio knows of no call."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timing.patience.total_seconds()
        again = True
        for pause in _endless(self._timing.pauses):
            if live.leg.ended is not None or live.hanging_up:
                raise NotReached("nobody wants it any more")
            try:
                return await self._api.ring(live.leg, self._target(live.leg), self._addresses)
            except Uncertain:
                found = await self._look_for(live)
                if found is not None:
                    return found
                if not again:
                    raise
                again = False
            except (NotReached, Refused) as error:
                if isinstance(error, Refused) and error.fault is not Fault.CAPACITY:
                    raise
                if loop.time() + pause > until:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError

    async def _look_for(self, live: Live) -> CallFacts | None:
        """The call that was perhaps placed; it may have spoken for itself meanwhile."""
        for wait in self._timing.looks:
            await asyncio.sleep(wait)
            found = await self._placed(live.leg)
            if found is not None:
                return found
        return None

    async def _placed(self, leg: Leg) -> CallFacts | None:
        live = self._live.get(leg.id)
        if live is not None and live.leg.sid is not None:
            return CallFacts(live.leg.sid, "queued")
        taken = {one.leg.sid for one in self._live.values()}
        for call in await self._api.to_number(self._target(leg), leg.shown):
            if call.sid not in taken and call.created is not None and call.created >= leg.began_at - _EARLIER:
                return call
        return None

    def _target(self, leg: Leg) -> str:
        """An extension is rung at the office's own exchange."""
        if leg.number.startswith("+") or self._account.sip is None:
            return leg.number
        return f"sip:{leg.number}@{self._account.sip}"

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
        async with live.lock:
            if live.hanging_up:
                ending = (LegOutcome.CANCELLED, None)
            await self._end(live, ending)

    # ---- pushing and ending

    def _bring(self, live: Live) -> None:
        """Nobody waits for it: Twilio is told to ask, until it has."""
        if live.waiting == 0 and live.leg.sid is not None:
            self._start(self._push(live, live.leg.seq))

    async def _push(self, live: Live, seq: int) -> None:
        sid = live.leg.sid
        assert sid is not None
        if live.playing is Kind.IDLE or live.comes_back:
            await asyncio.sleep(self._timing.listens)
        for pause in _endless(self._timing.pauses):
            await asyncio.sleep(pause)
            if live.given >= seq or live.leg.seq != seq or live.leg.ended is not None:
                return
            try:
                await self._api.push(sid, self._addresses.step(live.leg.id, seq - 1))
            except Refused:
                return  # it is over, and its status says how
            except ApiError:
                continue

    def _fetch(self, live: Live) -> None:
        self._start(self._fetch_later(live, live.leg.seq))

    async def _fetch_later(self, live: Live, seq: int) -> None:
        await asyncio.sleep(self._timing.listens)
        for pause in _endless(self._timing.pauses):
            if live.leg.seq != seq or live.leg.told or live.leg.ended is not None or live.leg.sid is None:
                return
            try:
                await self._api.push(live.leg.sid, self._addresses.step(live.leg.id, seq))
            except Refused:
                return
            except ApiError:
                pass
            await asyncio.sleep(pause)

    def _end_call(self, live: Live) -> None:
        live.hanging_up = True
        live.wake()
        self._start(self._end_for_good(live))

    async def _end_for_good(self, live: Live) -> None:
        if live.leg.sid is not None:
            await self._stop_call(live.leg.sid)
        elif any(one is live for _, one in self._queue):
            pass
        elif live.leg.ended is None:
            return  # it is being placed; whoever places it comes back to it
        async with live.lock:
            await self._end(live, our_end(live.leg))

    async def _stop_call(self, sid: str) -> None:
        for pause in _endless(self._timing.pauses):
            try:
                await self._api.hang_up(sid)
            except Refused:
                return
            except ApiError:
                await asyncio.sleep(pause)
            else:
                return

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("twilio_task_failed", exc_info=error)


def _endless(pauses: tuple[float, ...]) -> Iterator[float]:
    yield from pauses
    while True:
        yield pauses[-1]
