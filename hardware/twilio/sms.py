"""SMS through Twilio's SDK. Imported only where it is configured: the SDK costs some 30 MB.

What the SDK does that we must not have: its `timeout` is ignored by the constructor, `max_retries` posts a message again
after a 5xx (two SMS), and its logger prints numbers.
"""

from __future__ import annotations

import base64
import logging
from datetime import timedelta
from typing import Any

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from config.model import TwilioSmsSettings
from hardware.message import MessageNotSent, MessageUncertain, refusal_of

_LIMIT = timedelta(seconds=10)
_VALID_FOR = timedelta(hours=2)
"""Twilio drops what it could not deliver until then: its words tell of a time."""

logging.getLogger("twilio.async_http_client").setLevel(logging.CRITICAL)
logging.getLogger("twilio.http_client").setLevel(logging.CRITICAL)


class _Http(AsyncTwilioHttpClient):  # type: ignore[misc]  # the SDK ships no types
    """With the time limit that the constructor does not keep, and the login as a header: aiohttp gives up its BasicAuth."""

    async def request(self, *args: Any, **kwargs: Any) -> Response:
        kwargs["timeout"] = _LIMIT.total_seconds()
        user, password = kwargs.pop("auth", None) or ("", "")
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        kwargs["headers"] = {**(kwargs.get("headers") or {}), "Authorization": f"Basic {login}"}
        return await super().request(*args, **kwargs)


class TwilioSms:
    """See hardware.message.SmsGateway. Create it inside the running loop. Messages have no idempotency key there."""

    keeps_keys = False

    def __init__(self, settings: TwilioSmsSettings, token: str, base_url: str | None = None) -> None:
        """`base_url`: another server in the place of Twilio's, for tests."""
        self._http = _Http()
        self._client = Client(settings.account_sid, token, http_client=self._http)
        # A region or edge in the environment would lead elsewhere.
        self._client.region = self._client.edge = None
        if base_url is not None:
            self._client.api.base_url = base_url
        service = settings.sender.startswith("MG")
        self._sender = {"messaging_service_sid" if service else "from_": settings.sender}

    async def send(self, to: str, text: str, key: str) -> None:
        valid = int(_VALID_FOR.total_seconds())
        try:
            await self._client.messages.create_async(to=to, body=text, validity_period=valid, **self._sender)
        except TwilioRestException as error:
            raise refusal_of(int(error.status)) or MessageUncertain("odd_answer") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise MessageNotSent("no_connection") from None
        except (aiohttp.ClientError, TimeoutError, TwilioException, ValueError):
            raise MessageUncertain("no_answer") from None  # it may have been read

    async def close(self) -> None:
        await self._http.close()
