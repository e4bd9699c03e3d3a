"""`/phone`: two telephones in the browser, one for the caller and one for the caseworker, on the simulated line.

There is no login: this is a toy network, and whoever sees the page may ring in it. The routes must never exist when
a real line runs, and a number must never stand in a URL or in the log.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

import structlog
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from callback.web.context import SERVICES, PhoneExchange
from callback.web.page import render

log = structlog.get_logger(__name__)

TELEPHONES: Final = ("a", "b")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{4,14}|[0-9]{2,8}")
_HEARTBEAT: Final = 15.0
_FIRST_MESSAGE: Final = 10.0
_MESSAGE_LIMIT: Final = 1024
_OPEN = web.AppKey("telephones", set[web.WebSocketResponse])


@runtime_checkable
class _Closable(Protocol):
    async def aclose(self) -> None: ...


def add_routes(app: web.Application) -> None:
    """Only to be called when the simulated line runs."""
    app[_OPEN] = set()
    app.router.add_get("/phone", page, name="phone")
    app.router.add_get("/phone/ws", telephone, name="phone_ws")
    app.on_shutdown.append(_hang_up_all)


async def page(request: web.Request) -> web.Response:
    config = request.app[SERVICES].config
    offices = [{"name": office.name, "number": office.public_number} for office in config.offices]
    staff = [person for person in config.people if person.extension]
    return render(request, "phone.html", {"offices": offices, "staff": staff})


async def telephone(request: web.Request) -> web.WebSocketResponse:
    """One telephone, as long as the socket is open. The first message says which number it has."""
    exchange = request.app[SERVICES].exchange
    if exchange is None:
        raise web.HTTPNotFound
    if not _same_origin(request) or request.query.get("telephone") not in TELEPHONES:
        raise web.HTTPForbidden
    socket = web.WebSocketResponse(heartbeat=_HEARTBEAT, max_msg_size=_MESSAGE_LIMIT)
    await socket.prepare(request)
    request.app[_OPEN].add(socket)
    try:
        await _serve(socket, exchange)
    finally:
        request.app[_OPEN].discard(socket)
    return socket


async def _serve(socket: web.WebSocketResponse, exchange: PhoneExchange) -> None:
    number = await _first_message(socket)
    if number is None:
        await _refuse(socket, "bad_number")
        return
    try:
        feed = exchange.plug_in(number)
    except ValueError:
        await _refuse(socket, "in_use")
        return
    await _Connection(socket, exchange, number).run(feed)


class _Connection:
    """Carries events to the browser and key presses to the exchange."""

    def __init__(self, socket: web.WebSocketResponse, exchange: PhoneExchange, number: str) -> None:
        self._socket = socket
        self._exchange = exchange
        self._number = number
        self._last_prompt: object = None

    async def run(self, feed: AsyncIterator[dict[str, Any]]) -> None:
        pump = asyncio.create_task(self._pump(feed))
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    self._take(message)
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            if isinstance(feed, _Closable):
                await feed.aclose()

    async def _pump(self, feed: AsyncIterator[dict[str, Any]]) -> None:
        async for event in feed:
            if event.get("type") == "prompt":
                self._last_prompt = event.get("prompt")
            try:
                await self._socket.send_json(event)
            except ConnectionError:
                return  # the reading side ends as well

    def _take(self, message: WSMessage) -> None:
        """One act. What no telephone can do is left out: a page of another version, or not our page."""
        act = _parsed(message)
        number, exchange = self._number, self._exchange
        try:
            match act:
                case {"do": "dial", "to": str(to), "withhold": bool(withhold)}:
                    exchange.dial(number, to, withhold=withhold)
                case {"do": "answer"}:
                    exchange.answer(number)
                case {"do": "press", "key": str(key)}:
                    exchange.press(number, key)
                case {"do": "hang_up"}:
                    exchange.hang_up(number)
                case {"do": "finished", "prompt": prompt} if prompt == self._last_prompt:
                    exchange.prompt_finished(number)
        except ValueError:
            log.info("telephone_act_refused", do=act["do"])


def _parsed(message: WSMessage) -> Any:
    try:
        return json.loads(message.data)
    except ValueError:
        return None


async def _first_message(socket: web.WebSocketResponse) -> str | None:
    """The number of this telephone; None when it does not come, or is none."""
    try:
        message = await socket.receive(_FIRST_MESSAGE)
    except TimeoutError:
        return None
    said = _parsed(message) if message.type is WSMsgType.TEXT else None
    number = said.get("number") if isinstance(said, dict) else None
    return number if isinstance(number, str) and _NUMBER.fullmatch(number) else None


async def _refuse(socket: web.WebSocketResponse, reason: str) -> None:
    if not socket.closed:
        log.info("telephone_refused", why=reason)
        await socket.send_json({"type": "refused", "reason": reason})
        await socket.close()


def _same_origin(request: web.Request) -> bool:
    """Browsers send Origin with every WebSocket handshake; another site's page must not ring here."""
    origin = urlsplit(request.headers.get("Origin", ""))
    return origin.scheme in ("http", "https") and origin.netloc == request.host


async def _hang_up_all(app: web.Application) -> None:
    sockets = app[_OPEN]
    for socket in tuple(sockets):
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the service stops")
