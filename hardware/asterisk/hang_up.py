"""Ending legs through AMI, and the background work of the line. It must never hang up what is not ours to end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from hardware.asterisk.ami_link import AmiLink
from hardware.asterisk.leg import Dialling, Leg, leg_of
from hardware.asterisk.leg_table import LegTable
from hardware.line import Hangup, LineError, LineRejected

log = structlog.get_logger(__name__)

_AGAIN: Final = 0.2
_TRIES: Final = 25
_WATCH_SCREEN_EVERY: Final = 1.0
_HAS_HUNG_UP: Final = "CHANNEL(checkhangup)"


class Jobs:
    """Tasks that are held until they are done, and whose failure is told."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("line_task_failed", exc_info=error)


class HangUps:
    """Ends legs by the door that is open: the session when it is idle, else AMI."""

    def __init__(self, table: LegTable, link: AmiLink, jobs: Jobs) -> None:
        self._table = table
        self._link = link
        self._jobs = jobs

    def end(self, leg_id: str) -> None:
        """End a leg, or the peer of a `Dial`. Returns at once."""
        leg = self._table.get(leg_id)
        if leg is None:
            self._end_peer(leg_id)
            return
        if leg.cancelled:
            return
        leg.cancelled = True
        if leg.call is not None:
            leg.call.put(Hangup(leg_id))
            if not leg.call.busy:
                return
        self._jobs.spawn(self._channel(leg))

    def watch_screen(self, leg: Leg, dialling: Dialling) -> None:
        """While the peer is in its screen, Asterisk does not notice that the one who dials hangs up. Returns at once."""
        self._jobs.spawn(self._screen(leg, dialling))

    async def _screen(self, leg: Leg, dialling: Dialling) -> None:
        while True:
            await asyncio.sleep(_WATCH_SCREEN_EVERY)
            if leg.dialling is not dialling or dialling.joined:
                return
            channel = dialling.channels.get(dialling.peer)
            if channel is not None and await self._has_hung_up(leg.channel):
                await self._now(channel)

    async def _has_hung_up(self, channel: str) -> bool:
        try:
            answer = await self._link.client().action(
                "Getvar", {"Channel": channel, "Variable": _HAS_HUNG_UP}
            )
        except LineError:
            return False
        return answer.get("Value") == "1"

    def _end_peer(self, peer: str) -> None:
        if (found := self._table.dialling_of(peer)) is not None:
            found[1].cancelled.add(peer)
            self._jobs.spawn(self._peer_channel(peer, found[1]))

    async def _channel(self, leg: Leg) -> None:
        """It rings, or a command is running in its session. The channel may not exist yet."""
        for _ in range(_TRIES):
            if self._table.get(leg.id) is not leg or await self._now(leg.channel):
                return
            await asyncio.sleep(_AGAIN)

    async def _peer_channel(self, peer: str, dialling: Dialling) -> None:
        for _ in range(_TRIES):
            found = self._table.dialling_of(peer)
            if found is None or found[1] is not dialling:
                return
            channel = dialling.channels.get(peer)
            if channel is not None and await self._now(channel):
                return
            await asyncio.sleep(_AGAIN)

    async def _now(self, channel: str) -> bool:
        try:
            await self._link.client().action("Hangup", {"Channel": channel, "Cause": "16"})
        except LineRejected:
            return False
        except LineError:
            log.warning("hangup_not_sent", leg=leg_of(channel))
            return False
        return True
