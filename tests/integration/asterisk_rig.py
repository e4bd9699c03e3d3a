"""An Asterisk line between a scripted manager and scripted calls: for the tests of that line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final, TypeVar

import pytest

from config.model import AsteriskSettings, Secrets
from hardware.asterisk.ami import AmiTiming
from hardware.asterisk.ami_link import BackOff
from hardware.asterisk.line import AsteriskLine
from hardware.line import LineEvent, LineRestored, Originate
from scheduler.clock import SystemClock
from tests.e2e.waiting import until
from tests.integration.faults.agi_peer import CALLER, TOKEN, AgiPeer, AgiPeers, env
from tests.integration.faults.ami_peer import AmiPeer

LEG: Final = "tast1-leg-1"
OFFICE: Final = "+4773000010"
TIMING: Final = AmiTiming(connect=1, login=1, boot=1, action=0.5, ping_every=60)
BACK_OFF: Final = BackOff(first=0.05, most=0.1, refused=0.1)
RING: Final = Originate(LEG, CALLER, timedelta(seconds=20), OFFICE)
E = TypeVar("E", bound=LineEvent)


class Rig:
    """One line, its scripted PBX, and what it told."""

    def __init__(self, ami: AmiPeer, **changes: object) -> None:
        settings = AsteriskSettings(ami_port=ami.port, fastagi_port=0, trunk="trunk").model_copy(
            update=changes
        )
        secrets = Secrets(ami_secret="secret", fastagi_token=TOKEN)
        self.ami = ami
        self.events: list[LineEvent] = []
        self.peers = AgiPeers()
        self.line = AsteriskLine(
            settings, secrets, "http://127.0.0.1:8600", SystemClock(), timing=TIMING, back_off=BACK_OFF
        )

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def event(self, kind: type[E], count: int = 1) -> E:
        await until(lambda: len(self.of(kind)) >= count, what=f"{count} {kind.__name__}")
        return self.of(kind)[count - 1]

    async def call(self, script: str = "call", **changes: str) -> AgiPeer:
        return await self.peers.add(self.line.fastagi_port, env(script, **changes))

    def says(self, name: str, **keys: str) -> None:
        lines = "".join(f"{key}: {value}\r\n" for key, value in keys.items())
        self.ami.say(f"Event: {name}\r\n{lines}\r\n".encode())


@pytest.fixture(name="ami")
async def scripted_ami() -> AsyncIterator[AmiPeer]:
    async with AmiPeer() as ami:
        yield ami


@pytest.fixture(name="rig")
async def started_rig(ami: AmiPeer) -> AsyncIterator[Rig]:
    rig = Rig(ami)
    await rig.line.start(rig.events.append)
    await rig.event(LineRestored)
    yield rig
    await rig.line.stop()
    await rig.peers.close()
