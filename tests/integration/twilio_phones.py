"""The telephones around the fake Twilio as the simulated line has them, so that one scenario runs on both lines.

As on a `SimulatedLine(timers=False)` no prompt and no ringing ends by itself: the scenario says so. What is asked of Twilio, and
what Twilio asks, is as it always is. The object is the exchange: it outlives the service.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit
from xml.etree import ElementTree

from callback.store_twilio import MemoryLegs
from hardware.line import Command, EventSink, LegEnded, LineStatus, LineUnavailable, PromptLookup
from hardware.simulated.line import SimulatedLine
from hardware.simulated.phone import KEYS, Behaviour, Telephone
from hardware.twilio.account import Account, Timing
from hardware.twilio.line import TwilioLine
from hardware.twilio.twiml import fallback
from ivr.sound import wav_bytes
from scheduler.clock import ManualClock
from tests.contract.line_rig_twilio import SID, TOKEN, free_port
from tests.fake_twilio.call import Call
from tests.fake_twilio.server import FakeTwilio

LINES = ("simulated", "twilio")
_SILENCE = ""
_PROMPTS = "/tw/prompts/"
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


class Person(Telephone):
    """Somebody at a telephone who waits to be listened to: a key between two documents is lost at Twilio."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.takes_it = Behaviour.RING
        """How they take the call that rings them now."""
        self._acts: deque[str] = deque()
        """What they do next when they are asked: a key, or silence."""
        self._acted = asyncio.Event()

    def act(self, what: str) -> None:
        self._acts.append(what)
        self._acted.set()

    def begin(self) -> None:
        """A new call."""
        self._acts.clear()

    @property
    def acts(self) -> tuple[str, ...]:
        """What they have done that nobody has taken yet."""
        return tuple(self._acts)

    async def next(self, *, keys: bool = True, silence: bool = True) -> str:
        """The first of these that they do, or have done since they were last listened to."""
        while True:
            for what in self._acts:
                if silence if what == _SILENCE else keys:
                    self._acts.remove(what)
                    return what
            self._acted.clear()
            await self._acted.wait()


class PatientTwilio(FakeTwilio):
    """No time passes in prompts and rings: somebody acts, or nothing happens."""

    _fetched: ClassVar[dict[str, float]] = {}
    """Prompts that were there, by path; asked for once in all scenarios."""

    def __init__(self) -> None:
        super().__init__(SID, TOKEN, speed=5)
        self.pause = 4.0
        self._people: dict[str, Person] = {}
        self._whose: dict[str, Person] = {}

    def person(self, number: str) -> Person:
        return self._people.setdefault(number, Person(number))

    def of_call(self, call: Call) -> Person:
        number = call.to.removeprefix("sip:").partition("@")[0]
        return self._whose.get(call.sid) or self.person(number)

    def rings_in(self, number: str, to: str, *, withhold: bool, shows: str | None) -> None:
        person = self.person(number)
        person.begin()
        call = self.call_in(number, to, withheld=withhold)
        call.shown = shows or call.shown
        self._whose[call.sid] = person

    def _behaviour(self, number: str) -> str:
        person = self.person(number)
        person.begin()
        person.takes_it = person.next_behaviour()
        return person.takes_it.value

    async def _is_answered(self, call: Call, number: str) -> bool:
        how = self.person(number).takes_it
        return how is Behaviour.ANSWER or (how is Behaviour.RING and await call.picked_up.wait())

    def end(self, call: Call, status: str, sip: int | None = None) -> None:
        if not call.over and _SILENCE in self.of_call(call).acts:
            self.broken.append(
                AssertionError(f"{call.sid} ended before it had heard as much as the scenario says")
            )
        super().end(call, status, sip)

    async def _post_once(self, url: str, form: dict[str, str]) -> str:
        """What is asked is asked, also where the caller has hung up in the same moment."""
        return await asyncio.shield(asyncio.ensure_future(super()._post_once(url, form)))

    async def _length(self, url: str) -> float:
        path = urlsplit(url).path
        if path not in self._fetched:
            self._fetched[path] = await super()._length(url)
        return 0.0

    async def _carry_out(self, call: Call, document: ElementTree.Element) -> tuple[str, dict[str, str]]:
        plays = document.findall("Play")
        if plays:
            call.status = "in-progress"
            await self._hears(call, plays)
            await self.of_call(call).next(keys=False)
            for play in plays:
                document.remove(play)
        return await super()._carry_out(call, document)

    async def _sound(self, call: Call, verb: ElementTree.Element) -> None:
        """Twilio's own words, which take no time here."""
        call.heard.append(verb.text or "")

    async def _hears(self, call: Call, plays: list[ElementTree.Element]) -> None:
        urls = [play.text or "" for play in plays]
        for url in urls:
            await self._length(url)
        paths = [urlsplit(url).path for url in urls]
        self.of_call(call).heard.extend(path.removeprefix(_PROMPTS).removesuffix(".wav") for path in paths)

    async def _gather(self, call: Call, verb: ElementTree.Element) -> str:
        """With every key finishing nothing, it only listens for a moment: nobody is asked."""
        most, finish = int(verb.get("numDigits", "0")), verb.get("finishOnKey", "#")
        person, keys = self.of_call(call), ""
        await self._hears(call, list(verb))
        limit = None if finish else float(verb.get("timeout", "5")) / self.speed
        try:
            async with asyncio.timeout(limit):
                while len(keys) < most and (key := await person.next(silence=bool(finish))) not in (
                    finish,
                    _SILENCE,
                ):
                    keys += key
        except TimeoutError:
            pass
        return keys


class TwilioPhones:
    """The Line port, and the telephones: see `SimulatedLine`."""

    keeps_calls = True
    """Until Twilio has asked us in vain what comes next."""

    def __init__(self, clock: ManualClock, prompt_info: PromptLookup) -> None:
        self.fake = PatientTwilio()
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
        self.fake.person(number).act(_SILENCE)

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
