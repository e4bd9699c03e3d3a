"""The telephones around the fake Twilio as the simulated line has them, so that one scenario runs on both lines.

As on a `SimulatedLine(timers=False)` no prompt and no ringing ends by itself: the scenario says so. The object is the exchange:
it outlives the service.
"""

from __future__ import annotations

import asyncio
from array import array
from datetime import timedelta

from callback.store_twilio import MemoryLegs
from hardware.line import Command, EventSink, LegEnded, LineStatus, LineUnavailable, PromptLookup
from hardware.simulated.line import SimulatedLine
from hardware.simulated.phone import KEYS, Behaviour
from hardware.twilio.account import Account, Timing
from hardware.twilio.line import TwilioLine
from hardware.twilio.twiml import fallback
from ivr.sound import wav_bytes
from scheduler.clock import ManualClock
from tests.contract.line_rig_twilio import SID, TOKEN, free_port
from tests.fake_twilio.patient import SILENCE, PatientTwilio

LINES = ("simulated", "twilio")
_HURRY = Timing(
    beat=timedelta(seconds=0.2),
    hold=timedelta(seconds=0.1),
    offered=timedelta(seconds=5),
    idle=timedelta(seconds=10),
    patience=timedelta(seconds=10),
    looks=(0.05, 0.1, 0.3),
    pauses=(0.02, 0.1, 0.3),
    listens=0.3,
)


class SimulatedPhones(SimulatedLine):
    keeps_calls = False
    """Whether a caller stays in the menu while the service is away, and goes on where they were."""

    def __init__(self, clock: ManualClock, prompt_info: PromptLookup) -> None:
        super().__init__(clock, prompt_info, timers=False)

    async def close(self) -> None:
        """There is nothing to let go."""


class TwilioPhones:
    """The Line port, and the telephones: see `SimulatedLine`."""

    keeps_calls = True
    """Until Twilio has asked us in vain what comes next."""

    def __init__(self, clock: ManualClock, prompt_info: PromptLookup) -> None:
        self.fake = PatientTwilio(SID, TOKEN)
        self.fake.now = clock.now
        self.fake.bin = fallback(None)
        self._clock = clock
        self._prompt_info = prompt_info
        self._legs = MemoryLegs()
        self._driver: TwilioLine | None = None
        self._account: Account | None = None

    # ---- the Line port

    async def start(self, sink: EventSink) -> None:
        if self._account is None:
            self._account = await self._open()
        self._driver = TwilioLine(
            self._account, self._legs, self._clock, self._sounds, lambda number: None, timing=_HURRY
        )
        await self._driver.start(sink)

    async def stop(self) -> None:
        if self._driver is not None:
            await self._driver.stop()

    async def send(self, command: Command) -> None:
        if self._driver is None:
            raise LineUnavailable("not started")
        await self._driver.send(command)

    async def last_words(self, leg: str) -> LegEnded | None:
        return None if self._driver is None else await self._driver.last_words(leg)

    def status(self) -> LineStatus:
        if self._driver is None:
            return LineStatus("twilio", False, self._clock.now(), "not started")
        return self._driver.status()

    async def _open(self) -> Account:
        await self.fake.start()
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        self.fake.voice_url = f"{base}/tw/voice#rc=3&rp=ct,rt,5xx&tt=14000"
        self.fake.voice_fallback, self.fake.number_status = f"{self.fake.url}/bin", f"{base}/tw/status"
        return Account(
            SID,
            TOKEN,
            base,
            "127.0.0.1",
            port,
            calls_per_second=1000,
            sip="pbx.example.org",
            api_url=self.fake.url,
        )

    async def _sounds(self, item: str, etag: str | None) -> tuple[int, dict[str, str], bytes]:
        if item != "ringing":
            self._prompt_info(item)
        return 200, {"Content-Type": "audio/wav"}, wav_bytes(array("h", bytes(160)))

    async def close(self) -> None:
        """Raises what broke Twilio's rules; and no leg of ours was ever called twice."""
        await self.fake.stop()
        placed = [call.url for call in self.fake.calls.values() if call.direction == "outbound-api"]
        assert len(placed) == len(set(placed)), placed

    # ---- the telephones

    def behave(self, number: str, *behaviours: Behaviour) -> None:
        self.fake.person(number).behave(*behaviours)

    def heard(self, number: str) -> tuple[str, ...]:
        return tuple(self.fake.person(number).heard)

    def leg_of(self, number: str) -> str | None:
        call = self.fake.busy.get(number)
        return call.sid if call else None

    def shown_to(self, number: str) -> str:
        call = self.fake.busy.get(number)
        return call.shown if call else ""

    def is_up(self, number: str) -> bool:
        call = self.fake.busy.get(number)
        return call is not None and call.status == "in-progress"

    def is_ringing(self, number: str) -> bool:
        return number in self.fake.ringing

    def dial(self, number: str, to: str, *, withhold: bool = False, shows: str | None = None) -> None:
        if number not in self.fake.busy:
            self.fake.rings_in(number, to, withhold=withhold, shows=shows)

    def answer(self, number: str) -> None:
        if number in self.fake.ringing:
            self.fake.answer(number)

    def press(self, number: str, key: str) -> None:
        assert key in KEYS
        self.fake.person(number).act(key)

    def silence(self, number: str) -> None:
        """The next prompt that asks, or the one that is played, has no answer."""
        self.fake.person(number).act(SILENCE)

    def hang_up(self, number: str) -> None:
        """A key pressed just before it arrives before it."""
        if self.fake.person(number).acts:
            asyncio.get_running_loop().call_later(0.01, self.fake.hang_up, number)
        else:
            self.fake.hang_up(number)

    def ring_out(self, number: str) -> None:
        self.fake.end(self.fake.ringing[number], "no-answer", 487)

    def lose(self, reason: str = "") -> None:
        self.fake.cut_off = True

    def restore(self) -> None:
        self.fake.cut_off = False


Telephones = SimulatedPhones | TwilioPhones


def telephones(line: str, clock: ManualClock, prompt_info: PromptLookup) -> Telephones:
    return (SimulatedPhones if line == "simulated" else TwilioPhones)(clock, prompt_info)
