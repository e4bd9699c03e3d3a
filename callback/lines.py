"""Makes the lines a configuration asks for. The SDK of Twilio is imported only where an office is on it."""

from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING

from callback.desk import Desk
from callback.store_twilio import LegStore
from callback.web.context import PhoneExchange
from config.model import Config, LineName, Secrets, VoiceSpeed
from hardware.asterisk.line import AsteriskLine
from hardware.line import Line
from hardware.lines import Lines
from hardware.simulated.line import SimulatedLine
from hardware.twilio.account import Account, api_of, edge_of
from ivr.library import PromptLibrary
from ivr.music import ringing_wav
from ivr.prompts import spoken_tag
from ivr.serve import CACHE, serve

if TYPE_CHECKING:
    from hardware.twilio.line import TwilioLine
    from hardware.twilio.webhooks import Sounds


async def make_line(desk: Desk, secrets: Secrets, legs: LegStore, library: PromptLibrary) -> Line:
    """One line, or all that offices name, as one."""
    config = desk.config
    made: dict[str, Line] = {}
    for name in config.line_names:
        if name is LineName.ASTERISK:
            made[name] = AsteriskLine(config.settings.asterisk, secrets, prompt_url(config), desk.clock)
        elif name is LineName.TWILIO:
            made[name] = await _twilio(desk, secrets, legs, library)
        else:
            made[name] = SimulatedLine(desk.clock, library.info)

    def of_number(number: str) -> str:
        office = desk.config.office_of_number(number)
        return of_office(office.office_no if office else "")

    def of_office(office_no: str) -> str:
        """An office that came by a reload may name a line that this service has not started."""
        name = desk.config.line_of_office(office_no)
        return name if name in made else next(iter(made))

    # A line that others carry refuses protected persons, also where it is the only one.
    alone = len(made) == 1 and LineName.TWILIO not in made
    return next(iter(made.values())) if alone else Lines(made, of_number, of_office)


def exchange_of(line: Line) -> PhoneExchange | None:
    """The telephones in the browser, where the simulated line is among them."""
    lines = line.lines if isinstance(line, Lines) else (line,)
    return next((one for one in lines if isinstance(one, PhoneExchange)), None)


def prompt_url(config: Config) -> str:
    """Where the PBX fetches prompts."""
    service = config.settings.service
    return (service.public_url or f"http://{service.host}:{service.port}").rstrip("/")


def sms_told_at(config: Config) -> str | None:
    """Where Twilio says what came of an SMS: the line there listens for it. None: no office is on it."""
    return config.settings.twilio.public_url if LineName.TWILIO in config.line_names else None


def account_of(config: Config, secrets: Secrets, api_url: str | None = None) -> Account:
    """`api_url`: in the place of Twilio's own, for tests."""
    settings = config.settings.twilio
    return Account(
        sid=settings.account_sid or "",
        token=secrets.twilio_token or "",
        second_token=secrets.twilio_second_token,
        public_url=settings.public_url or "",
        host=settings.host,
        port=settings.port,
        calls_per_second=settings.calls_per_second,
        sip=settings.sip_domain,
        api_url=api_url or api_of(settings.region),
        edge=edge_of(settings.region),
    )


async def _twilio(desk: Desk, secrets: Secrets, legs: LegStore, library: PromptLibrary) -> TwilioLine:
    driver = await asyncio.to_thread(_twilio_driver)  # the import takes a while

    def fallback_of(number: str) -> str | None:
        oncall = desk.config.settings.oncall
        if number == oncall.number:
            return oncall.fallback_number
        office = desk.config.office_of_number(number)
        return office.fallback_number if office else None

    names = PromptNames((await desk.store.secret("prompts")).encode(), library)
    line = driver(
        account_of(desk.config, secrets),
        legs,
        desk.clock,
        sounds_of(library, names),
        fallback_of,
        name_of=names.of,
    )
    line.listener.on_sms = desk.sms_told
    return line


def _twilio_driver() -> type[TwilioLine]:
    from hardware.twilio.line import TwilioLine  # noqa: PLC0415 - it costs memory that most would pay for nothing

    return TwilioLine


class PromptNames:
    """Names that say nothing of what is said: the same for every call, so that Twilio can keep the sound."""

    def __init__(self, key: bytes, library: PromptLibrary) -> None:
        self._key = key
        self._library = library
        self._names: dict[str, str] = {}
        self._items: dict[str, str] = {}

    def of(self, item: str) -> str:
        if item not in self._names:
            name = hmac.digest(self._key, item.encode(), "sha256").hex()[:32]
            self._names[item], self._items[name] = name, item
        return self._names[item]

    def item(self, name: str) -> str:
        """What is no name of ours is not found. A document that outlived a restart has names not given since."""
        if name not in self._items:
            catalogue = self._library.catalogue
            for language in catalogue.languages:
                for speed in VoiceSpeed:
                    for prompt_id in catalogue.ids:
                        self.of(f"{spoken_tag(language, speed)}/{prompt_id}")
        return self._items.get(name, "")


def sounds_of(library: PromptLibrary, names: PromptNames) -> Sounds:
    async def sound(name: str, etag: str | None) -> tuple[int, dict[str, str], bytes]:
        if name == "ringing":
            return 200, {"Content-Type": "audio/wav", "Cache-Control": CACHE}, ringing_wav()
        answer = await serve(library, names.item(name), etag)
        return answer.status, answer.headers, answer.body

    return sound
