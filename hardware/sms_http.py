"""An SMS gateway that takes a POST: most of them, and the gateways of municipalities. Field names are the office's to set."""

from __future__ import annotations

import aiohttp

from config.model import HttpSmsSettings
from hardware.message import MessageNotSent, MessageUncertain, refusal_of

_LIMIT = aiohttp.ClientTimeout(total=10, sock_connect=5)


class HttpSms:
    """See hardware.message.SmsGateway. Create it inside the running loop."""

    def __init__(self, settings: HttpSmsSettings, token: str | None) -> None:
        self._settings = settings
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session = aiohttp.ClientSession(timeout=_LIMIT)

    @property
    def keeps_keys(self) -> bool:
        return self._settings.key is not None

    async def send(self, to: str, text: str, key: str) -> None:
        fields = {**self._settings.fields, self._settings.to: to, self._settings.text: text}
        if self._settings.key is not None:
            fields[self._settings.key] = key
        as_form = self._settings.format == "form"
        try:
            async with self._session.post(
                self._settings.url,
                data=fields if as_form else None,
                json=None if as_form else fields,
                headers=self._headers,
                allow_redirects=False,
            ) as answer:
                refused = refusal_of(answer.status)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise MessageNotSent("no_connection") from error
        except (aiohttp.ClientError, TimeoutError) as error:  # it may have been read
            raise MessageUncertain("no_answer") from error
        if refused is not None:
            raise refused

    async def close(self) -> None:
        await self._session.close()
