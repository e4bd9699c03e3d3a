"""What the fake Twilio does with a document, and how it asks for one: signed, again when it must, then the fall-back."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Callable
from urllib.parse import parse_qs, urldefrag
from xml.etree import ElementTree

import aiohttp
from twilio.request_validator import RequestValidator

from tests.fake_twilio.call import Call, Keys
from tests.fake_twilio.network import Network
from tests.fake_twilio.rules import Twiml


class NoDocument(Exception):
    """The application gave none: "an application error has occurred"."""


class Verbs(Network):
    """`tamper` may drop, repeat or delay a request: it is given the address and the form, and says after how many of Twilio's
    seconds it is sent, each time it is sent."""

    def __init__(self, account: str, token: str, speed: float, twiml: Twiml) -> None:
        super().__init__(account, speed)
        self.token = token
        self.cut_off = False
        self.pause = 2.0
        """Twilio's seconds between two tries of a webhook."""
        self.patience = 1
        """So many times as often and as long as it should: for a service that starts again on a busy machine."""
        self.trying_again: list[Call | None] = []
        """Whose requests have failed and will be made again; None: one that only tells us something."""
        self.documents = 0
        self.broken: list[BaseException] = []
        self.tamper: Callable[[str, dict[str, str]], list[float]] = lambda url, form: [0.0]
        self._twiml = twiml
        self._lengths: dict[str, float] = {}
        self.session: aiohttp.ClientSession

    # ---- asking

    async def _post(self, url: str, form: dict[str, str], call: Call | None = None) -> str:
        """One request, and again as the address says. Raises NoDocument."""
        bare, fragment = urldefrag(url)
        wishes = parse_qs(fragment)
        tries = (1 + int(wishes.get("rc", ["1"])[0])) * self.patience
        limit = int(wishes.get("tt", ["15000"])[0]) / 1000 / self.speed * self.patience
        until = asyncio.get_running_loop().time() + limit
        failed = 0
        try:
            while True:
                try:
                    if not self.cut_off:
                        return await self._post_once(bare, form)
                except (aiohttp.ClientError, TimeoutError, NoDocument):
                    pass
                if failed == 0:
                    self.trying_again.append(call)
                failed += 1
                if failed == tries or asyncio.get_running_loop().time() + self.pause / self.speed > until:
                    raise NoDocument(bare)
                await self.seconds(self.pause)
        finally:
            if failed:
                self.trying_again.remove(call)

    async def _post_once(self, url: str, form: dict[str, str]) -> str:
        """As often as it is tampered with, side by side; the last answer counts."""
        delays = self.tamper(url, form)
        if not delays:
            raise NoDocument("lost on the way")
        return (await asyncio.gather(*(self._send(url, form, delay) for delay in delays)))[-1]

    async def _send(self, url: str, form: dict[str, str], delay: float) -> str:
        await self.seconds(delay)
        headers = {"X-Twilio-Signature": RequestValidator(self.token).compute_signature(url, form)}
        timeout = aiohttp.ClientTimeout(total=15 if self.speed > 1 else None)
        async with self.session.post(url, data=form, headers=headers, timeout=timeout) as answer:
            if answer.status >= 300:
                raise NoDocument(f"{url}: {answer.status}")
            return await answer.text()

    def _status(self, call: Call, event: str) -> None:
        if not call.status_callback or event not in call.events:
            return
        form = {**call.form(), "SequenceNumber": str(call.sequence), "CallbackSource": "call-progress-events"}
        if call.sip is not None:
            form["SipResponseCode"] = str(call.sip)
        call.sequence += 1
        self.start_task(self._report(call, form))

    async def _report(self, call: Call, form: dict[str, str]) -> None:
        try:
            await self._post(call.status_callback, form)
        except NoDocument:
            return

    # ---- doing

    async def _execute(self, call: Call, url: str, form: dict[str, str]) -> None:
        try:
            while url and not call.over:
                document = await self._document(call, url, form)
                url, form = await self._carry_out(call, document)
        except NoDocument:
            self.end(call, "completed" if call.status == "in-progress" else "failed")
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.broken.append(error)
            self.end(call, "failed")
            raise
        else:
            self.end(call, "completed")

    async def _document(self, call: Call, url: str, form: dict[str, str]) -> ElementTree.Element:
        whole = {**call.form(), **form}
        try:
            text = await self._post(url, whole, call)
        except NoDocument:
            if not call.fallback_url:
                raise
            text = await self._post(call.fallback_url, {**whole, "ErrorCode": "11200", "ErrorUrl": url})
        self.documents += 1
        self._twiml.check(text, [call.to, call.shown])
        return ElementTree.fromstring(text)

    async def _carry_out(self, call: Call, document: ElementTree.Element) -> tuple[str, dict[str, str]]:
        """Where to go on; nowhere: the call is over."""
        for verb in document:
            if verb.tag != "Reject" and call.status == "ringing" and verb.tag not in ("Pause", "Redirect"):
                call.status = "in-progress"
            match verb.tag:
                case "Redirect":
                    return verb.text or "", {}
                case "Hangup" | "Reject":
                    return "", {}
                case "Gather":
                    keys = await self._gather(call, verb)
                    if keys:
                        return verb.get("action", ""), {"Digits": keys}
                case "Dial":
                    went_on = await self._dial(call, verb)
                    if verb.get("action"):
                        return verb.get("action", ""), {"DialCallStatus": went_on}
                case _:
                    await self._sound(call, verb)
                    call.hears = False
        return "", {}

    async def _sound(self, call: Call, verb: ElementTree.Element) -> None:
        text = verb.text or ""
        call.hears = call.keys is None and verb.tag == "Play"
        if verb.tag == "Pause":
            await self.seconds(float(verb.get("length", 1)))
        elif verb.tag == "Say":
            call.heard.append(text)
            await self.seconds(len(text) * 0.06)
        else:
            call.heard.append(text)
            await self.seconds(await self._length(text))

    async def _length(self, url: str) -> float:
        """Of a wav file, which must be there and be telephone sound; fetched once, as Twilio keeps it."""
        if url not in self._lengths:
            try:
                async with self.session.get(url) as answer:
                    body = await answer.read()
                    assert answer.status == 200, f"{url}: {answer.status}"
                    assert answer.content_type == "audio/wav", url
            except aiohttp.ClientError:
                return 0.0  # nothing is heard, and it goes on
            with wave.open(io.BytesIO(body)) as sound:
                self._lengths[url] = sound.getnframes() / sound.getframerate()
        return self._lengths[url]

    async def _gather(self, call: Call, verb: ElementTree.Element) -> str:
        """A key stops the playing. Keys pressed before it listens are lost."""
        call.keys = keys = Keys()
        most, finish = int(verb.get("numDigits", "0")), verb.get("finishOnKey", "#")
        silence = float(verb.get("timeout", "5")) / self.speed
        first = asyncio.ensure_future(keys.pressed.wait())
        playing = asyncio.ensure_future(self._play_all(call, list(verb)))
        try:
            await asyncio.wait({first, playing}, return_when=asyncio.FIRST_COMPLETED)
            playing.cancel()
            while not keys.complete(most, finish):
                keys.pressed.clear()
                async with asyncio.timeout(silence):
                    await keys.pressed.wait()
        except TimeoutError:
            pass
        finally:
            first.cancel()
            playing.cancel()
            call.keys = None
        return keys.text.partition(finish)[0] if finish else keys.text

    async def _play_all(self, call: Call, verbs: list[ElementTree.Element]) -> None:
        for verb in verbs:
            await self._sound(call, verb)

    async def _dial(self, call: Call, verb: ElementTree.Element) -> str:
        conference = verb.find("Conference")
        if conference is None:
            return await self._dial_number(call, verb)
        wait = conference.get("waitUrl", "default music")
        assert wait != "default music"
        if wait:
            call.heard.append(wait)
            await self._length(wait)
        room = self.enter(conference.text or "", call, int(conference.get("maxParticipants", "250")))
        call.in_conference = True
        await room.ended.wait()
        call.in_conference = False
        if call in room.inside:
            room.inside.remove(call)
        return "completed"

    async def _dial_number(self, call: Call, verb: ElementTree.Element) -> str:
        """The office's fall-back telephone."""
        child = Call(
            self.account, (verb.text or "").strip(), verb.get("callerId", call.shown), "outbound-dial", ""
        )
        child.timeout = float(verb.get("timeout", "30"))
        child.events = frozenset()
        self.calls[child.sid] = child
        task = self.start_task(self._ring(child))
        while not child.over and not call.over:
            await self.seconds(0.1)
        self.end(child, "canceled")
        task.cancel()
        return child.status
