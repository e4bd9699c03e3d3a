"""SMS through Twilio's SDK. Imported only where it is configured: the SDK costs some 30 MB."""

from __future__ import annotations

from datetime import timedelta

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException

from config.model import TwilioSmsSettings
from hardware.message import MessageNotSent, MessageRefused, MessageUncertain, refusal_of
from hardware.twilio.outcomes import OPTED_OUT
from hardware.twilio.rest import Http, client
from hardware.twilio.twiml import Addresses

_VALID_FOR = timedelta(hours=2)
"""Twilio drops what it could not deliver until then: its words tell of a time."""


class TwilioSms:
    """See hardware.message.SmsGateway. Create it inside the running loop. Messages have no idempotency key there."""

    keeps_keys = False

    def __init__(
        self,
        settings: TwilioSmsSettings,
        account_sid: str,
        token: str,
        public_url: str | None = None,
        base_url: str | None = None,
    ) -> None:
        """`public_url`: where Twilio says what came of each SMS; None: nowhere. `base_url`: the API of another region than the
        USA, whose tokens are its own."""
        self._addresses = None if public_url is None else Addresses(public_url.rstrip("/"))
        self._http = Http()
        self._client = client(account_sid, token, self._http, base_url)
        service = settings.sender.startswith("MG")
        self._sender = {"messaging_service_sid" if service else "from_": settings.sender}

    async def send(self, to: str, text: str, key: str) -> None:
        asked = {"to": to, "body": text, "validity_period": int(_VALID_FOR.total_seconds()), **self._sender}
        if self._addresses is not None:
            asked["status_callback"] = self._addresses.sms(key)
        try:
            await self._client.messages.create_async(**asked)
        except TwilioRestException as error:
            if error.code == OPTED_OUT:
                raise MessageRefused("opted_out") from None
            if error.status >= 500 or error.status == 408:  # perhaps done; there is no key to ask with
                raise MessageUncertain(f"http_{error.status}") from None
            raise refusal_of(int(error.status)) or MessageUncertain("odd_answer") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise MessageNotSent("no_connection") from None
        except (aiohttp.ClientError, TimeoutError, TwilioException, ValueError):
            raise MessageUncertain("no_answer") from None  # it may have been read

    async def close(self) -> None:
        await self._http.close()
