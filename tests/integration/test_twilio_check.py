"""`tast1 twilio check`, against a Twilio that its own rules police."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from callback.cli_twilio import NoTwilio, check_command
from config.model import Config, LineName, Secrets, TwilioSettings
from tests.contract.line_rig_twilio import SID, TOKEN, TwilioRig, free_port
from tests.fake_twilio.server import FakeTwilio
from tests.offices import PUBLIC, config

NUMBER = "PN" + "5" * 32
BASE = "http://127.0.0.1"


@pytest.fixture
async def fake() -> AsyncIterator[FakeTwilio]:
    fake = FakeTwilio(SID, TOKEN)
    await fake.start()
    yield fake
    await fake.stop()


def on_twilio(port: int, **office: Any) -> Config:
    whole = config()
    first = whole.offices[0].model_copy(
        update={
            "line": LineName.TWILIO,
            "oncall_number": None,
            "fallback_url": "https://handler.example.org/x",
            **office,
        }
    )
    twilio = TwilioSettings(account_sid=SID, public_url=f"{BASE}:{port}", port=port)
    settings = whole.settings.model_copy(update={"twilio": twilio})
    return whole.model_copy(update={"offices": (first, *whole.offices[1:]), "settings": settings})


def owns(fake: FakeTwilio, number: str = PUBLIC) -> None:
    fake.numbers[NUMBER] = {
        "sid": NUMBER,
        "account_sid": SID,
        "phone_number": number,
        "friendly_name": "line",
        "voice_url": "https://demo.twilio.com/welcome/voice/",
        "voice_method": "POST",
        "voice_fallback_url": "",
        "voice_fallback_method": "POST",
        "status_callback": "",
        "status_callback_method": "POST",
    }


async def run(fake: FakeTwilio, config: Config, token: str = TOKEN, *, fix: bool = False) -> tuple[int, str]:
    return await check_command(config, Secrets(twilio_token=token), fix=fix, api_url=fake.url)


async def test_found_and_mended(fake: FakeTwilio) -> None:
    """A number that asks somebody else is told of; --fix sets it; then all is well while the service runs."""
    rig = TwilioRig()
    await rig.open()
    try:
        owns(fake)
        config = on_twilio(rig.account.port)
        code, text = await run(fake, config)
        assert code == 1
        assert (
            "FIX  9001 +4773000010: other at Twilio: voice_url, voice_fallback_url, status_callback" in text
        )
        code, text = await run(fake, config, fix=True)
        assert "ok   9001 +4773000010: set: voice_url" in text
        assert fake.numbers[NUMBER]["voice_url"].startswith(f"{BASE}:{rig.account.port}/tw/voice")
        assert fake.numbers[NUMBER]["voice_fallback_url"] == "https://handler.example.org/x"
        code, text = await run(fake, config)
        assert code == 0
        assert text.splitlines() == [
            "ok   account: active",
            "ok   9001 +4773000010: set as it must be",
            "ok   public_url: answers",
            "ok   public_url: shows no pages",
            "ok   9001 fallback_url: set",
        ]
    finally:
        await rig.close()


async def test_what_is_missing(fake: FakeTwilio) -> None:
    """A number that is not the account's, a service that does not run, and no fall-back: each says what to do."""
    code, text = await run(fake, on_twilio(free_port(), fallback_url=None))
    assert code == 1
    assert "is not a number of this account" in text
    assert "the service must run" in text
    assert "Make a TwiML Bin of this" in text
    assert "<Dial" in text


async def test_bad_credentials(fake: FakeTwilio) -> None:
    """A wrong token says so, and is not printed."""
    code, text = await run(fake, on_twilio(free_port()), token="9" * 32)
    assert code == 1
    assert "FIX  account: account_sid and TAST1_TWILIO_TOKEN do not belong together" in text
    assert "9999" not in text


async def test_nobody_on_twilio(fake: FakeTwilio) -> None:
    """Where no office is on Twilio there is nothing to look at."""
    with pytest.raises(NoTwilio):
        await check_command(config(), Secrets(), fix=False)
