"""Makes the drivers of notices from a configuration. The SDK of Twilio is imported only where it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from callback.notices import Channels
from config.model import NoticeSettings, Secrets, SmsService
from hardware.mail import SmtpMail
from hardware.message import SmsGateway
from hardware.sms_http import HttpSms

if TYPE_CHECKING:
    from hardware.twilio.sms import TwilioSms


def channels_of(
    secrets: Secrets, account_sid: str | None = None, public_url: str | None = None
) -> Callable[[NoticeSettings], Awaitable[Channels]]:
    """`account_sid`: of [twilio], for SMS that name no other. `public_url`: where Twilio may say what came of an SMS."""

    async def make(settings: NoticeSettings) -> Channels:
        mail = None if settings.email is None else SmtpMail(settings.email, secrets.smtp_password)
        return Channels(await _sms(settings, secrets, account_sid, public_url), mail)

    return make


async def _sms(
    settings: NoticeSettings, secrets: Secrets, account_sid: str | None, public_url: str | None
) -> SmsGateway | None:
    if settings.sms is SmsService.HTTP and settings.http is not None:
        return HttpSms(settings.http, secrets.sms_token)
    if settings.sms is SmsService.TWILIO and settings.twilio is not None:
        driver = await asyncio.to_thread(
            _twilio_driver
        )  # the import takes a while: callers must not wait for it
        sid = settings.twilio.account_sid or account_sid or ""
        return driver(settings.twilio, sid, secrets.twilio_token or "", public_url)
    return None


def _twilio_driver() -> type[TwilioSms]:
    from hardware.twilio.sms import TwilioSms  # noqa: PLC0415 - it costs memory that most offices would pay for nothing

    return TwilioSms
