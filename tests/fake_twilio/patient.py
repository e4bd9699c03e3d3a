"""A fake Twilio without clocks at its telephones: people answer, press keys and stay silent when a test says so.

What is asked of Twilio, and what Twilio asks of us, is as it always is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import ClassVar
from urllib.parse import urlsplit
from xml.etree import ElementTree

from hardware.simulated.phone import Behaviour, Telephone
from tests.fake_twilio.call import Call
from tests.fake_twilio.server import FakeTwilio

SILENCE = ""
_PROMPTS = "/tw/prompts/"


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
                if silence if what == SILENCE else keys:
                    self._acts.remove(what)
                    return what
            self._acted.clear()
            await self._acted.wait()


class PatientTwilio(FakeTwilio):
    """No time passes in prompts and rings: somebody acts, or nothing happens."""

    _fetched: ClassVar[dict[str, float]] = {}
    """Prompts that were there, by path; asked for once in all scenarios."""

    def __init__(self, account: str, token: str) -> None:
        super().__init__(account, token, speed=5)
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
        if not call.over and SILENCE in self.of_call(call).acts:
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
        """Where no key is to end it, it only listens for a moment: nobody is asked anything."""
        most, finish = int(verb.get("numDigits", "0")), verb.get("finishOnKey", "#")
        person, keys = self.of_call(call), ""
        await self._hears(call, list(verb))
        limit = None if finish else float(verb.get("timeout", "5")) / self.speed
        try:
            async with asyncio.timeout(limit):
                while len(keys) < most and (key := await person.next(silence=bool(finish))) not in (
                    finish,
                    SILENCE,
                ):
                    keys += key
        except TimeoutError:
            pass
        return keys
