"""What hurries Twilio along: a leg asks for its new document at once, and a call that is over ends. Whatever is lost here the
next webhook brings; so it is tried until Twilio has said yes, or that there is no such call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import structlog

from callback.store import StoreUnavailable
from hardware.twilio.account import Account, Timing
from hardware.twilio.leg import Kind
from hardware.twilio.live import Live
from hardware.twilio.rest import Api, ApiError, Refused
from hardware.twilio.steps import Steps
from hardware.twilio.twiml import Addresses

log = structlog.get_logger(__name__)

T = TypeVar("T")
_STORE_PAUSE = 0.5
"""Seconds between tries of what must be written."""


class Hurries(Steps):
    """Pushes documents and ends calls."""

    def __init__(self, addresses: Addresses, account: Account, timing: Timing) -> None:
        super().__init__()
        self._api: Api
        self._addresses = addresses
        self._account = account
        self._timing = timing
        self._tasks: set[asyncio.Task[None]] = set()

    def _bring(self, live: Live) -> None:
        """Nobody waits for it: Twilio is told to ask, until it has."""
        if live.waiting == 0 and live.leg.sid is not None:
            self._start(self._push(live, live.leg.seq))

    async def _push(self, live: Live, seq: int) -> None:
        sid = live.leg.sid
        assert sid is not None
        if live.playing is Kind.IDLE or live.comes_back:
            await asyncio.sleep(self._timing.listens)
        for pause in endless(self._timing.pauses):
            await asyncio.sleep(pause)
            if live.given >= seq or live.leg.seq != seq or live.leg.ended is not None:
                return
            if await self._done_or_over(
                self._api.push(sid, self._addresses.step(live.leg.id, seq - 1)), again=True
            ):
                return

    def _fetch(self, live: Live) -> None:
        self._start(self._fetch_later(live, live.leg.seq))

    async def _fetch_later(self, live: Live, seq: int) -> None:
        await asyncio.sleep(self._timing.listens)
        for pause in endless(self._timing.pauses):
            if live.leg.seq != seq or live.leg.told or live.leg.ended is not None or live.leg.sid is None:
                return
            if await self._done_or_over(
                self._api.push(live.leg.sid, self._addresses.step(live.leg.id, seq)), again=True
            ):
                return
            await asyncio.sleep(pause)

    async def _stop_call(self, sid: str) -> None:
        for pause in endless(self._timing.pauses):
            if await self._done_or_over(self._api.hang_up(sid)):
                return
            await asyncio.sleep(pause)

    async def _done_or_over(self, asked: Awaitable[None], *, again: bool = False) -> bool:
        """Whether no more is to be asked: Twilio has done it (and is not to be asked `again`), or the call is over."""
        try:
            await asked
        except Refused as error:
            return not error.passes
        except ApiError:
            return False
        return not again

    async def _surely(self, act: Callable[[], Awaitable[T]]) -> T:
        """What must be written is tried until it is."""
        while True:
            try:
                return await act()
            except StoreUnavailable:
                await asyncio.sleep(_STORE_PAUSE)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("twilio_task_failed", exc_info=error)


def endless(pauses: tuple[float, ...]) -> Iterator[float]:
    """Each of them, then the last for ever."""
    yield from pauses
    while True:
        yield pauses[-1]
