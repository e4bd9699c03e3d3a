"""Keeps one AMI connection up: connects, notices the loss, backs off, connects again.

It must never log the same state twice: a lost line is one line in the log, and its return another.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from hardware.asterisk.ami import AmiAddress, AmiClient, AmiTiming, EventHandler
from hardware.line import LineAuthFailed, LineError, LineUnavailable
from scheduler.clock import Clock

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds between two attempts to connect: doubled from `first` to `most`, minus up to half at random, so that
    several services do not come back in step. After a refused login a person has to act: slower."""

    first: float = 0.5
    most: float = 5.0
    refused: float = 30.0

    def wait(self, failures: int) -> float:
        whole: float = min(self.first * 2 ** min(failures, 16), self.most)
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - not for secrets


_HELP: Final = {
    LineAuthFailed: "compare ami_user and TAST1_AMI_SECRET with the PBX's manager.conf (`tast1 pbx config`)",
    LineUnavailable: "check that Asterisk runs and that its manager port can be reached",
}


class AmiLink:
    """One connection after another. `on_up` runs to its end before the link counts as up."""

    def __init__(
        self,
        address: AmiAddress,
        clock: Clock,
        *,
        on_event: EventHandler,
        on_up: Callable[[AmiClient], Awaitable[None]],
        on_down: Callable[[str], None],
        timing: AmiTiming | None = None,
        back_off: BackOff | None = None,
    ) -> None:
        self._address = address
        self._clock = clock
        self._on_event = on_event
        self._on_up = on_up
        self._on_down = on_down
        self._timing = timing or AmiTiming()
        self._back_off = back_off or BackOff()
        self._client: AmiClient | None = None
        self._told = ""
        self.refused = False
        """The PBX does not know us."""
        self.up = False
        self.since: datetime = clock.now()
        self.detail = "not connected yet"

    def client(self) -> AmiClient:
        """The live connection. Raises LineUnavailable or LineAuthFailed when there is none."""
        if self.refused:
            raise LineAuthFailed(self.detail)
        if self._client is None or self._client.lost.done():
            raise LineUnavailable(self.detail)
        return self._client

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            try:
                await self._once()
                failures = 0
            except LineAuthFailed as error:
                self.refused = True
                self._say_down(str(error), LineAuthFailed)
                await asyncio.sleep(self._back_off.refused)
                continue
            except LineError as error:
                self.refused = False
                self._say_down(str(error), LineUnavailable)
            await asyncio.sleep(self._back_off.wait(failures))
            failures += 1

    async def _once(self) -> None:
        """One connection from its beginning to its end."""
        client = await AmiClient.connect(self._address, self._on_event, self._timing)
        try:
            self.refused = False
            await self._on_up(client)
            # Only now may anyone act: what is rung during the snapshot would be missing in it.
            self._client = client
            self._say_up()
            why = await asyncio.shield(client.lost)
        finally:
            self._client = None
            await client.close()
        self._say_down(why, LineUnavailable)

    def _say_up(self) -> None:
        self.up, self.since, self.detail, self._told = True, self._clock.now(), "connected", ""
        log.info("line_up", line="asterisk", host=self._address.host, port=self._address.port)

    def _say_down(self, why: str, kind: type[LineError]) -> None:
        was_up, self.up = self.up, False
        if was_up:
            self.since = self._clock.now()
        self.detail = f"{why}; {_HELP.get(kind, '')}"
        if self._told != kind.__name__:
            self._told = kind.__name__
            log.warning("line_down", line="asterisk", host=self._address.host, reason=why)
        if was_up:
            self._on_down(why)
