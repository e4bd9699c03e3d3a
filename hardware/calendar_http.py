"""Fetches an iCalendar feed over HTTPS. Never logs the address: it often holds a key."""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp

_LIMIT = aiohttp.ClientTimeout(total=30, sock_connect=5)
_PIECE = 64 * 1024


class CalendarNotFetched(Exception):
    """`why`: a short word: `http_404`, `no_connection`, `too_large`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


async def fetch_calendar(url: str, most_bytes: int) -> bytes:
    """The file, `most_bytes` at most. Raises CalendarNotFetched."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_LIMIT) as session,
            session.get(url, max_redirects=3, headers={"Accept": "text/calendar, */*;q=0.5"}) as answer,
        ):
            if answer.status != 200:
                raise CalendarNotFetched(f"http_{answer.status}")
            if urlsplit(url).scheme == "https" != answer.url.scheme:
                raise CalendarNotFetched("not_https")
            data = bytearray()
            async for piece in answer.content.iter_chunked(_PIECE):
                data += piece
                if len(data) > most_bytes:
                    raise CalendarNotFetched("too_large")
            return bytes(data)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise CalendarNotFetched("no_connection") from error
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise CalendarNotFetched("no_answer") from error
