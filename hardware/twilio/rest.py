"""Requests to Twilio, through its SDK. Never repeats one by itself: whoever asks knows whether that would ring twice.

What the SDK does that we must not have: its `timeout` is ignored by the constructor, `max_retries` posts again after a 5xx
(two calls, two SMS), its logger prints numbers, and a region in the environment leads elsewhere.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from hardware.twilio.account import LIMIT
from hardware.twilio.leg import Leg
from hardware.twilio.outcomes import Fault, fault_of
from hardware.twilio.twiml import Addresses, whole_seconds

T = TypeVar("T")

logging.getLogger("twilio.async_http_client").setLevel(logging.CRITICAL)
logging.getLogger("twilio.http_client").setLevel(logging.CRITICAL)


class ApiError(Exception):
    """Base of what can go wrong."""


class NotReached(ApiError):
    """Nothing was asked: there is no connection."""


class Uncertain(ApiError):
    """No answer, or one that says nothing: perhaps it was done."""


class Refused(ApiError):
    """Twilio did not do it."""

    def __init__(self, fault: Fault, code: int | None) -> None:
        super().__init__(f"{fault.value}, error {code}")
        self.fault = fault
        self.code = code

    @property
    def passes(self) -> bool:
        """Whether the same request may be done later: it says nothing of the call it is about."""
        return self.fault in (Fault.CAPACITY, Fault.ACCOUNT)


class Http(AsyncTwilioHttpClient):  # type: ignore[misc]  # the SDK ships no types
    """With a time limit that is kept, and the login as a header: aiohttp gives up its BasicAuth."""

    def __init__(self, limit: timedelta = LIMIT) -> None:
        super().__init__()
        self._limit = limit

    async def request(self, *args: Any, **kwargs: Any) -> Response:
        kwargs["timeout"] = self._limit.total_seconds()
        user, password = kwargs.pop("auth", None) or ("", "")
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        kwargs["headers"] = {**(kwargs.get("headers") or {}), "Authorization": f"Basic {login}"}
        return await super().request(*args, **kwargs)


def client(account_sid: str, token: str, http: Http, base_url: str | None = None) -> Client:
    """`base_url`: another server in the place of Twilio's, for tests. Raises ValueError for one that would carry the token
    in the clear to another machine."""
    made = Client(account_sid, token, http_client=http)
    made.region = made.edge = None
    if base_url is not None:
        parts = urlsplit(base_url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("plain http to the API only on this machine")
        made.api.base_url = base_url
    return made


@dataclass(frozen=True, slots=True)
class CallFacts:
    sid: str
    status: str
    created: datetime | None = None


class Api:
    """The part of Twilio's API that calls need. Create it inside the running loop."""

    def __init__(
        self, account_sid: str, token: str, base_url: str | None = None, limit: timedelta = LIMIT
    ) -> None:
        """`limit`: an answer that takes longer is none."""
        self._http = Http(limit)
        self._client = client(account_sid, token, self._http, base_url)

    async def close(self) -> None:
        await self._http.close()

    async def account_status(self) -> str:
        account = await _asked(self._client.api.v2010.accounts(self._client.account_sid).fetch_async())
        return str(account.status)

    async def ring(self, leg: Leg, to: str, addresses: Addresses) -> CallFacts:
        """Place the call of a leg. `Uncertain`: it may have been placed."""
        call = await _asked(
            self._client.calls.create_async(
                to=to,
                from_=leg.shown,
                url=addresses.step(leg.id, 0),
                method="POST",
                fallback_url=addresses.fallback(leg.id),
                fallback_method="POST",
                status_callback=addresses.status(leg.id),
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                status_callback_method="POST",
                timeout=whole_seconds(leg.ring_timeout),
                record=False,
            )
        )
        return _facts(call)

    async def push(self, sid: str, url: str) -> None:
        """Make the call ask for its document now."""
        await _asked(self._client.calls(sid).update_async(url=url, method="POST"))

    async def hang_up(self, sid: str) -> None:
        await _asked(self._client.calls(sid).update_async(status="completed"))

    async def call(self, sid: str) -> CallFacts:
        return _facts(await _asked(self._client.calls(sid).fetch_async()))

    async def alive(self) -> set[str]:
        """Every call of the account that is not over."""
        found: set[str] = set()
        for status in ("in-progress", "ringing", "queued"):
            calls = await _asked(self._client.calls.list_async(status=status, page_size=1000))
            found.update(call.sid for call in calls)
        return found

    async def to_number(self, to: str, shown: str) -> list[CallFacts]:
        """Calls to this number that show this one, the newest first. How Twilio writes the parameters of a SIP address is its
        own affair: they are not looked at, and not asked for."""
        is_sip = to.startswith("sip:")
        asked = {"limit": 100} if is_sip else {"limit": 20, "to": to}
        calls = await _asked(self._client.calls.list_async(from_=shown, **asked))
        return [_facts(call) for call in calls if not is_sip or _address(str(call.to)) == _address(to)]

    async def numbers(self) -> list[Any]:
        return list(await _asked(self._client.incoming_phone_numbers.list_async(page_size=1000)))

    async def set_number(self, sid: str, **settings: str) -> None:
        await _asked(self._client.incoming_phone_numbers(sid).update_async(**settings))


def _address(sip: str) -> str:
    return sip.partition(";")[0].lower()


def _facts(call: Any) -> CallFacts:
    return CallFacts(str(call.sid), str(getattr(call.status, "value", call.status)), call.date_created)


async def _asked(request: Awaitable[T]) -> T:
    try:
        return await request
    except TwilioRestException as error:
        code = int(error.code) if error.code else None
        if error.status >= 500 or error.status == 408:
            raise Uncertain(f"http_{error.status}") from None
        raise Refused(fault_of(error.status, code), code) from None
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise NotReached("no connection") from None
    except (aiohttp.ClientError, TimeoutError, TwilioException, ValueError) as error:
        raise Uncertain(type(error).__name__) from None
