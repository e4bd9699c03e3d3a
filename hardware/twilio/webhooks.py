"""Where Twilio reaches us: `/tw/*` and nothing else, on an address of its own.

A request that is not signed by our account is refused, and so is one whose body is too large. No number of a request is
logged. A call we do not know is never met by an error: it gets an apology and the office's fall-back number.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from twilio.request_validator import RequestValidator

from callback.store import StoreError
from hardware.message import SmsReports
from hardware.twilio.leg import Kind
from hardware.twilio.outcomes import ENDS, sms_report
from hardware.twilio.steps import caller_of
from hardware.twilio.twiml import RETRIES, fallback, hang_up

if TYPE_CHECKING:
    from hardware.twilio.line import TwilioLine
    from hardware.twilio.live import Live

log = structlog.get_logger(__name__)

Sounds = Callable[[str, str | None], Awaitable[tuple[int, dict[str, str], bytes]]]
"""A prompt item (or `ringing`) and the etag the asker has -> status, headers, body."""
_LARGEST: Final = 32 * 1024
_FALLS: Final = 3
"""So often Twilio may fail to go on with the same documents before the call is given to the fall-back."""
_XML: Final = "application/xml"


class Signatures:
    """Whether Twilio signed a request, with one of the account's tokens. `base`: the address Twilio asks, which behind a
    proxy is not the one we see.

    Twilio signs an address up to the end of its query (https://www.twilio.com/docs/usage/security); others who sign as it does
    take the fragment too, which does not reach us. Either is the account's own signature."""

    def __init__(self, base: str, tokens: Iterable[str]) -> None:
        self._base = base
        self._validators = [RequestValidator(token) for token in tokens]

    def fits(self, path: str, form: Mapping[str, Any], given: str) -> bool:
        addresses = (self._base + path, self._base + path + RETRIES)
        return any(one.validate(url, form, given) for url in addresses for one in self._validators)


class Listener:
    def __init__(
        self, line: TwilioLine, signatures: Signatures, sounds: Sounds, host: str, port: int
    ) -> None:
        self._line = line
        self._signatures = signatures
        self._sounds = sounds
        self._host = host
        self.port = port
        self.on_sms: SmsReports | None = None
        """Told what came of an SMS."""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Raises OSError when the port is taken."""
        app = web.Application(client_max_size=_LARGEST, middlewares=[_later])
        app.router.add_post("/tw/voice", self._voice)
        app.router.add_post("/tw/leg/{leg}/{seq:[0-9]{1,9}}", self._step)
        app.router.add_post("/tw/status", self._status)
        app.router.add_post("/tw/status/{leg}", self._status)
        app.router.add_post("/tw/sms/{key}", self._sms)
        app.router.add_post("/tw/fallback", self._fallback)
        app.router.add_post("/tw/fallback/{leg}", self._fallback)
        app.router.add_get("/tw/ringing.wav", self._sound)
        app.router.add_get("/tw/prompts/{item:.{1,200}}.wav", self._sound)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, self._host, self.port, reuse_address=True).start()
        self.port = runner.addresses[0][1]
        self._runner = runner

    async def stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    # ---- requests

    async def _voice(self, request: web.Request) -> web.Response:
        """Somebody rings a number of ours."""
        form = await self._signed(request)
        sid = form.get("CallSid", "")
        live = await self._line.offered(sid, form.get("To", ""), caller_of(form))
        if live is None:
            return _twiml(hang_up())
        return await self._next(live, 0)

    async def _step(self, request: web.Request) -> web.Response:
        """A document is over: what comes next?"""
        form = await self._signed(request)
        leg, sid = request.match_info["leg"], form.get("CallSid", "")
        live = self._line.find(leg, sid)
        if live is None:
            return await self._unknown(leg, form)
        if not await self._line.belongs(live, sid):
            return _twiml(hang_up())
        seq = int(request.match_info["seq"])
        await self._line.document_is_over(live, seq, form.get("Digits", ""))
        return await self._next(live, seq)

    async def _next(self, live: Live, seq: int) -> web.Response:
        leg = await self._line.next_document(live, seq)
        if leg is None:
            raise web.HTTPServiceUnavailable
        return _twiml(self._line.twiml(leg))

    async def _status(self, request: web.Request) -> web.Response:
        """In any order, and perhaps twice: the first end counts."""
        form = await self._signed(request)
        leg, sid, status = (
            request.match_info.get("leg", ""),
            form.get("CallSid", ""),
            form.get("CallStatus", ""),
        )
        live = self._line.find(leg, sid)
        if live is None:
            if status not in ENDS and leg:
                self._line.kill(sid)  # it was given up before it was placed
        elif await self._line.belongs(live, sid):
            await self._line.has_status(live, status, _number(form.get("SipResponseCode", "")))
        return web.Response(status=204)

    async def _sms(self, request: web.Request) -> web.Response:
        """What came of an SMS: in any order, perhaps twice, perhaps of one that is forgotten."""
        form = await self._form(request)
        told = sms_report(form.get("MessageStatus", ""), _number(form.get("ErrorCode", "")))
        if told is not None and self.on_sms is not None:
            await self.on_sms(request.match_info["key"], *told)
        return web.Response(status=204)

    async def _fallback(self, request: web.Request) -> web.Response:
        """Twilio could not go on: with the document that was due, where there still is one."""
        form = await self._signed(request)
        leg, sid = request.match_info.get("leg", ""), form.get("CallSid", "")
        live = self._line.find(leg, sid)
        log.warning("twilio_fell_back", leg=leg, error=form.get("ErrorCode", ""))
        if live is None:
            return await self._unknown(leg, form)
        if not await self._line.belongs(live, sid):
            return _twiml(hang_up())
        live.falls += 1
        if live.falls > _FALLS:
            await self._line.give_up(live)
        seq = live.leg.seq
        if live.leg.document.kind is not Kind.NONE:
            return await self._next(live, seq - 1)
        if live.leg.inbound:
            await self._line.offered(sid, live.leg.number, live.leg.shown)
        else:
            await self._line.document_is_over(live, seq, "")
        return await self._next(live, seq)

    async def _unknown(self, leg: str, form: dict[str, str]) -> web.Response:
        """A leg that is over hangs up; of a caller we never heard of, the office's own telephone is rung."""
        inbound = form.get("Direction", "inbound") == "inbound"
        if leg and await self._line.is_known(leg):
            return _twiml(hang_up())
        number = form.get("To", "")
        log.warning("unknown_call", inbound=inbound)
        rings_at = self._line.rings_at(number) if inbound else None
        return _twiml(fallback(rings_at, caller_id=number if rings_at else "", ours=inbound))

    async def _sound(self, request: web.Request) -> web.Response:
        """Nothing in it is about anybody; Twilio fetches it unsigned, and keeps it."""
        item = request.match_info.get("item", "ringing")
        status, headers, body = await self._sounds(item, request.headers.get("If-None-Match"))
        return web.Response(status=status, headers=headers, body=body)

    async def _signed(self, request: web.Request) -> dict[str, str]:
        """The form of what is about a call. Raises as `_form`, and 503 before we know which calls there are."""
        form = await self._form(request)
        if not await self._line.ready():
            raise web.HTTPServiceUnavailable
        return form

    async def _form(self, request: web.Request) -> dict[str, str]:
        """Raises 403 for a request that is not Twilio's, 413 for one that is too large."""
        try:
            form = await request.post()
        except (ValueError, LookupError):  # no form at all
            raise web.HTTPForbidden from None
        given = request.headers.get("X-Twilio-Signature", "")
        is_plain = all(isinstance(value, str) for value in form.values())
        if not given or not is_plain or not self._signatures.fits(request.path_qs, form, given):
            log.warning("unsigned_request_refused", path=request.path.split("/")[2])
            raise web.HTTPForbidden
        return {name: value for name, value in form.items() if isinstance(value, str)}


@web.middleware
async def _later(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What cannot be written down now is asked for again: Twilio does so by itself."""
    try:
        return await handler(request)
    except StoreError:
        raise web.HTTPServiceUnavailable from None


def _twiml(text: str) -> web.Response:
    return web.Response(text=text, content_type=_XML)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
