"""SMS through Twilio's SDK. Imported only where it is configured: the SDK costs some 30 MB."""

from __future__ import annotations

from datetime import timedelta

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException

from config.model import TwilioSmsSettings
from hardware.message import MessageNotSent, MessageRefused, MessageUncertain, refusal_of
from hardware.twilio.rest import Http, client

_OPTED_OUT = 21610
"""They have answered STOP: Twilio sends them nothing, and we do not try again."""
_VALID_FOR = timedelta(hours=2)
"""Twilio drops what it could not deliver until then: its words tell of a time."""


class TwilioSms:
    """See hardware.message.SmsGateway. Create it inside the running loop. Messages have no idempotency key there."""

    keeps_keys = False

    def __init__(
        self, settings: TwilioSmsSettings, account_sid: str, token: str, base_url: str | None = None
    ) -> None:
        """`base_url`: another server in the place of Twilio's, for tests."""
        self._http = Http()
        self._client = client(account_sid, token, self._http, base_url)
        service = settings.sender.startswith("MG")
        self._sender = {"messaging_service_sid" if service else "from_": settings.sender}

    async def send(self, to: str, text: str, key: str) -> None:
        valid = int(_VALID_FOR.total_seconds())
        try:
            await self._client.messages.create_async(to=to, body=text, validity_period=valid, **self._sender)
        except TwilioRestException as error:
            if error.code == _OPTED_OUT:
                raise MessageRefused("opted_out") from None
            raise refusal_of(int(error.status)) or MessageUncertain("odd_answer") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise MessageNotSent("no_connection") from None
        except (aiohttp.ClientError, TimeoutError, TwilioException, ValueError):
            raise MessageUncertain("no_answer") from None  # it may have been read

    async def close(self) -> None:
        await self._http.close()
