"""Makes the drivers of notices from a configuration. The SDK of Twilio is imported only where it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from callback.notices import Channels
from config.model import NoticeSettings, Secrets, SmsService, TwilioSettings
from hardware.mail import SmtpMail
from hardware.message import SmsGateway
from hardware.sms_http import HttpSms
from hardware.twilio.account import api_of

if TYPE_CHECKING:
    from hardware.twilio.sms import TwilioSms


def channels_of(
    secrets: Secrets, twilio: TwilioSettings | None = None, told_at: str | None = None
) -> Callable[[NoticeSettings], Awaitable[Channels]]:
    """`twilio`: its region, and the account of SMS that name no other. `told_at`: where Twilio may say what came of an SMS."""
    account = twilio or TwilioSettings()

    async def make(settings: NoticeSettings) -> Channels:
        mail = None if settings.email is None else SmtpMail(settings.email, secrets.smtp_password)
        return Channels(await _sms(settings, secrets, account, told_at), mail)

    return make


async def _sms(
    settings: NoticeSettings, secrets: Secrets, account: TwilioSettings, told_at: str | None
) -> SmsGateway | None:
    if settings.sms is SmsService.HTTP and settings.http is not None:
        return HttpSms(settings.http, secrets.sms_token)
    if settings.sms is SmsService.TWILIO and settings.twilio is not None:
        driver = await asyncio.to_thread(
            _twilio_driver
        )  # the import takes a while: callers must not wait for it
        sid = settings.twilio.account_sid or account.account_sid or ""
        return driver(settings.twilio, sid, secrets.twilio_token or "", told_at, api_of(account.region))
    return None


def _twilio_driver() -> type[TwilioSms]:
    from hardware.twilio.sms import TwilioSms  # noqa: PLC0415 - it costs memory that most offices would pay for nothing

    return TwilioSms
