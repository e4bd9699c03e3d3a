"""The driver of Twilio as a rig for the contract suite, with a Twilio of our own that Twilio's own rules police."""

from __future__ import annotations

import asyncio
import socket
from array import array
from datetime import timedelta

from callback.store_twilio import MemoryLegs
from hardware.line import LineRestored
from hardware.twilio.account import Account, Timing
from hardware.twilio.line import TwilioLine
from ivr.sound import RATE, wav_bytes
from scheduler.clock import SystemClock
from tests.contract.line_rig import Handle, LineRig
from tests.fake_twilio.call import Call
from tests.fake_twilio.server import FakeTwilio

SPEED = 4.0
"""So many of Twilio's seconds pass in one of ours."""
SID = "AC" + "1" * 32
TOKEN = "2" * 32
_LENGTH = 2.0
_LISTENS = 4.0
"""So many of our seconds somebody with a key to press waits until they hear something or are listened to."""
_REACHES = 1.2
"""So many of Twilio's seconds a telephone rings before it is picked up."""
_HURRY = Timing(
    beat=timedelta(seconds=0.1),
    hold=timedelta(seconds=0.03),
    offered=timedelta(seconds=2),
    idle=timedelta(seconds=3),
    patience=timedelta(seconds=10),
    silent=timedelta(seconds=3),
    looks=(0.1, 0.2, 0.4),
    pauses=(0.2, 0.2, 0.5),
    listens=0.4,
)


async def sounds(item: str, etag: str | None) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "audio/wav"}, wav_bytes(array("h", bytes(2 * int(_LENGTH * RATE))))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class TwilioRig(LineRig[Call]):
    """A handle's call is the fake's."""

    name = "twilio"
    patience = 8.0
    line: TwilioLine
    silence = timedelta(seconds=1 / SPEED)
    ring_timeout = timedelta(seconds=5 * SPEED)
    joins_by_itself = False

    def __init__(self, calls_per_second: float = 100) -> None:
        super().__init__()
        self._pace = calls_per_second

    async def open(self) -> None:
        self.fake = FakeTwilio(SID, TOKEN, SPEED)
        await self.fake.start()
        self.legs = MemoryLegs()
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        self.fake.voice_url, self.fake.voice_fallback = f"{base}/tw/voice", f"{base}/tw/fallback"
        self.fake.number_status = f"{base}/tw/status"
        self.account = Account(
            SID,
            TOKEN,
            base,
            "127.0.0.1",
            port,
            calls_per_second=self._pace,
            api_url=self.fake.url,
            sip="pbx.example.org",
        )
        await self._begin()
        await self.event(LineRestored)

    async def _begin(self) -> None:
        self.line = TwilioLine(
            self.account, self.legs, SystemClock(), sounds, lambda number: "+4790000000", timing=_HURRY
        )
        await self.line.start(self.sink)

    async def close(self) -> None:
        await self.line.stop()
        await self.fake.stop()

    async def call_in(self, to: str, caller: str | None) -> Handle[Call]:
        number = caller or "+4740099999"
        return Handle(number, self.fake.call_in(number, to, withheld=caller is None))

    async def press(self, handle: Handle[Call], keys: str) -> None:
        """Twilio loses keys that nobody listens for; so between two documents a person must not be too quick. While Twilio
        asks us in vain they hear nothing, and press when they do."""
        if handle.call in self.fake.trying_again:
            self.fake.start_task(self._press(handle, keys))
        else:
            await self._press(handle, keys)

    async def _press(self, handle: Handle[Call], keys: str) -> None:
        loop = asyncio.get_running_loop()
        for key in keys:
            until = loop.time() + _LISTENS
            while handle.call.keys is None and not handle.call.hears and loop.time() < until:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            self.fake.press(handle.call, key)
            await asyncio.sleep(0.01)

    async def hang_up(self, handle: Handle[Call]) -> None:
        self.fake.hang_up(handle.number)

    async def expect_ring(self, number: str) -> Handle[Call]:
        await self.until(lambda: number in self.fake.ringing, f"{number} rings")
        return Handle(number, self.fake.ringing[number])

    async def answer(self, handle: Handle[Call]) -> None:
        await self.fake.seconds(_REACHES)
        self.fake.answer(handle.number)
        call = handle.call
        await self.until(
            lambda: (
                call.over
                or call.keys is not None
                or call.hears
                or call.in_conference
                or call in self.fake.trying_again
            ),
            "it hears us, or Twilio asks us in vain",
        )

    async def answered(self, handle: Handle[Call]) -> None:
        await self.until(lambda: handle.call.status == "in-progress", "the call is up")

    def is_over(self, handle: Handle[Call]) -> bool:
        return handle.call.over

    async def shown(self, handle: Handle[Call]) -> str:
        return handle.call.shown

    async def busy(self, number: str) -> None:
        self.fake.behaviours[number] = "busy"

    async def decline(self, number: str) -> None:
        self.fake.behaviours[number] = "decline"

    async def ignore(self, number: str) -> None:
        self.fake.behaviours[number] = "ignore"

    async def invalid(self, number: str) -> None:
        self.fake.behaviours[number] = "invalid"

    async def fail(self, number: str) -> None:
        self.fake.behaviours[number] = "fail"

    def length(self, item: str) -> timedelta:
        return timedelta(seconds=_LENGTH / SPEED)

    async def has_heard(self, handle: Handle[Call], item: str) -> bool:
        return any(f"/tw/prompts/{item}.wav" in url for url in handle.call.heard)

    async def hear_each_other(self, one: Handle[Call], other: Handle[Call]) -> None:
        await self.until(lambda: self.fake.talking(one.call) and self.fake.talking(other.call), "they talk")

    async def lose(self) -> None:
        self.fake.cut_off = True

    async def restore(self) -> None:
        self.fake.cut_off = False

    async def start_line(self) -> None:
        self.forget()
        await self._begin()
        await self.until(lambda: not self.fake.trying_again, "Twilio has got through")
