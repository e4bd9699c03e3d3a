"""The whole service with one office on Twilio and another on the simulated line; and SMS through the same account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from html import unescape
from pathlib import Path

import aiohttp
import pytest

from callback import channels, lines
from callback.desk import Registration
from callback.lines import PromptNames
from callback.request import AttemptOutcome, RequestState
from callback.service import running
from callback.store import RequestQuery
from config.model import (
    Config,
    LineName,
    NoticeSettings,
    Role,
    Secrets,
    SmsService,
    TwilioSettings,
    TwilioSmsSettings,
)
from hardware.message import MessageRefused
from hardware.twilio.sms import TwilioSms
from scheduler.clock import ManualClock
from tests.contract.line_rig_twilio import SID, TOKEN, free_port
from tests.e2e.waiting import until
from tests.fake_twilio.server import FakeTwilio, Fault
from tests.offices import CALLER, MONDAY, PUBLIC, config
from tests.speech import keep_speech

pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")


@pytest.fixture
async def fake() -> AsyncIterator[FakeTwilio]:
    fake = FakeTwilio(SID, TOKEN, 30.0)
    await fake.start()
    yield fake
    await fake.stop()


def mixed(port: int) -> Config:
    whole = config()
    first = whole.offices[0].model_copy(update={"line": LineName.TWILIO})
    people = [p.model_copy(update={"protected_access": p.id == "kari"}) for p in whole.people]
    twilio = TwilioSettings(account_sid=SID, public_url=f"http://127.0.0.1:{port}", port=port)
    service = whole.settings.service.model_copy(update={"port": 0})
    settings = whole.settings.model_copy(update={"twilio": twilio, "service": service})
    return whole.model_copy(
        update={"offices": (first, *whole.offices[1:]), "people": tuple(people), "settings": settings}
    )


async def test_both_lines(fake: FakeTwilio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller at Twilio is registered, hears real prompts, and is not called through it when protected; the other office has its
    own line beside it; both are on the status page."""
    monkeypatch.setattr(lines, "account_of", partial(lines.account_of, api_url=fake.url))
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    fake.voice_url, fake.number_status = f"{base}/tw/voice", f"{base}/tw/status"
    keep_speech(tmp_path)
    clock = ManualClock(MONDAY)
    fake.now = clock.now
    async with running(mixed(port), Secrets(twilio_token=TOKEN), tmp_path, clock=clock) as up:
        await until(lambda: all(line.status().up for line in up.services.lines), 20, "both lines are up")
        assert [line.status().name for line in up.services.lines] == ["simulated", "twilio"]
        assert up.services.exchange is not None
        call = fake.call_in(CALLER, PUBLIC)
        await until(lambda: call.keys is not None, 20, "the greeting")
        call.keys.press("1")  # type: ignore[union-attr]
        await until(lambda: len(call.heard) > 1, 20, "what comes next")
        fake.hang_up(CALLER)
        await until(lambda: up.runner.calls_up == 0, 20)
        (request,) = await up.desk.find(RequestQuery())
        assert (request.phone, request.state) == (CALLER, RequestState.WAITING)
        assert not any("intake" in heard for heard in call.heard), "Twilio keeps the addresses"
        library = up.services.library
        again = PromptNames(
            (await up.desk.store.secret("prompts")).encode(), library
        )  # that of the next start
        items = [again.item(heard.rpartition("/")[2].removesuffix(".wav")) for heard in call.heard]
        assert items[0] == "nb/intake.greeting"
        token = await up.services.access.create_token("t", Role.ADMIN, None)
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as client,
            client.get(f"{up.url}/api/v1/status") as answer,
        ):
            told = [(line["name"], line["up"]) for line in (await answer.json())["lines"]]
        assert told == [("simulated", True), ("twilio", True)]
        await up.desk.set_protected(request.id, True, "admin")
        await up.services.ringer.ring(request.id, "kari")
        exchange = up.services.exchange
        await until(lambda: exchange.is_ringing("201"), 5, "rung on the line in the house")  # type: ignore[attr-defined]
        assert fake.creates == []


async def test_an_sms_that_does_not_come(
    fake: FakeTwilio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the missed call to the page of the caseworker, who sees that the person knows nothing; the numbers of the service say
    it too; the pages' own port takes no word of Twilio's."""
    monkeypatch.setattr(lines, "account_of", partial(lines.account_of, api_url=fake.url))
    monkeypatch.setattr(channels, "api_of", lambda region: fake.url)
    config, clock = mixed(free_port()), ManualClock(MONDAY)
    notices = NoticeSettings(sms=SmsService.TWILIO, twilio=TwilioSmsSettings(sender="+4740000009"))
    config = config.model_copy(update={"settings": config.settings.model_copy(update={"notices": notices})})
    fake.now = clock.now
    keep_speech(tmp_path)
    secrets = Secrets(twilio_token=TOKEN, demo_password="correct horse battery")
    async with running(config, secrets, tmp_path, clock=clock) as up:
        await until(lambda: all(line.status().up for line in up.services.lines), 20, "both lines are up")
        request, _ = await up.desk.register(Registration("9001", CALLER))
        await up.desk.start_attempt(request.id, "kari", "a1")
        await up.desk.attempt_ringing("a1")
        await up.desk.end_attempt("a1", AttemptOutcome.NO_ANSWER)
        up.runner.on_callback_ended()
        await until(lambda: fake.messages, 10, "the SMS")
        assert await fake.told(0, "sent") == 204
        assert await fake.told(0, "undelivered", 30003) == 204
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
            page = await (await client.get(f"{up.url}/login")).text()
            csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
            form = {"person": "kari", "password": "correct horse battery", "csrf": csrf}
            await client.post(f"{up.url}/login", data=form)

            async def shows(words: str) -> bool:
                return words in unescape(await (await client.get(f"{up.url}/requests/{request.id}")).text())

            assert await shows("SMS-en kom ikke fram. Innringeren vet kanskje ikke at vi har ringt.")
            assert await shows("SMS-en til innringeren kom ikke fram.")
            assert "1 ikke kommet fram" in unescape(await (await client.get(f"{up.url}/status")).text())
            told = await (await client.get(f"{up.url}/metrics")).text()
            assert 'tast1_notices{kind="missed",state="undelivered"} 1.0' in told
            await up.desk.no_sms(CALLER, "command_line")
            assert await shows("Nummeret får ikke SMS")
            assert (await client.post(f"{up.url}/tw/sms/sms.a1")).status == 403, "the pages' own"


async def test_sms_of_a_region() -> None:
    """The API of the region is asked: each has tokens of its own, and another refuses ours."""
    notices = NoticeSettings(sms=SmsService.TWILIO, twilio=TwilioSmsSettings(sender="+4740000009"))
    asked = []
    for settings in (TwilioSettings(account_sid=SID), TwilioSettings(account_sid=SID, region="ie1")):
        made = await channels.channels_of(Secrets(twilio_token=TOKEN), settings)(notices)
        assert isinstance(made.sms, TwilioSms)
        asked.append(made.sms._client.api.base_url)
        await made.sms.close()
    assert asked == ["https://api.twilio.com", "https://api.dublin.ie1.twilio.com"]


async def test_sms(fake: FakeTwilio) -> None:
    """An SMS is what Twilio's own document allows; whoever has answered STOP is refused for good, by name."""
    sms = TwilioSms(TwilioSmsSettings(sender="+4740000009"), SID, TOKEN, base_url=fake.url)
    try:
        await sms.send(CALLER, "Hei", "key")
        assert fake.messages[0]["To"] == CALLER
        fake.api_fault = lambda method, path: Fault(400, 21610)
        with pytest.raises(MessageRefused, match="opted_out"):
            await sms.send(CALLER, "Hei", "key")
    finally:
        await sms.close()
