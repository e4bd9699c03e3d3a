"""POSTs an event to the contact centre's own system. It never follows a redirect, and never logs what it sends."""

from __future__ import annotations

import aiohttp

from hardware.message import MessageNotSent, MessageUncertain, refusal_of

_LIMIT = aiohttp.ClientTimeout(total=10, sock_connect=5)


class WebhookHttp:
    """See callback.webhooks.Post. Create it inside the running loop."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(timeout=_LIMIT)

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        """2xx is taken; everything else raises a kind of MessageError."""
        headers = headers | {"Content-Type": "application/json", "User-Agent": "tast1"}
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                refused = refusal_of(answer.status)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise MessageNotSent("no_connection") from error
        except (aiohttp.ClientError, TimeoutError) as error:  # it may have been taken
            raise MessageUncertain("no_answer") from error
        if refused is not None:
            raise refused

    async def close(self) -> None:
        await self._session.close()
