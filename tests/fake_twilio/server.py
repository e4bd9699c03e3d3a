"""A Twilio on this machine: its API as the SDK asks it, and the telephones behind it. Every request and answer is held against
Twilio's own rules; what breaks one fails the test that caused it, also where it was swallowed on the way."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from tests.fake_twilio import rules
from tests.fake_twilio.call import Call
from tests.fake_twilio.verbs import Verbs

_API = "/2010-04-01/Accounts"


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of a request to the API."""

    status: int = 0
    """0: no answer, the connection is broken off."""
    code: int = 0
    done: bool = False
    """It was carried out all the same."""
    hangs: bool = False
    """No answer ever comes: who asked gives up."""
    late: Callable[[], Awaitable[object]] | None = None
    """It is carried out when this is over."""


class FakeTwilio(Verbs):
    def __init__(self, account: str, token: str, speed: float = 4.0) -> None:
        super().__init__(account, token, speed, rules.twiml())
        self.api_fault: Callable[[str, str], Fault | None] = lambda method, path: None
        self.account_status = "active"
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        """Every request to the API: method, path, form."""
        self.numbers: dict[str, dict[str, Any]] = {}
        self.messages: list[dict[str, str]] = []
        self.bin = ""
        """TwiML that Twilio keeps for the office, for when the office's own service does not answer."""
        self.url = ""
        self._runner: web.AppRunner | None = None

    @property
    def creates(self) -> list[dict[str, str]]:
        return [
            form for method, path, form in self.asked if method == "POST" and path.endswith("/Calls.json")
        ]

    async def start(self) -> None:
        self.session = aiohttp.ClientSession()
        app = web.Application()
        app.router.add_post("/bin", self._bin)
        app.router.add_route("*", "/{path:.*}", self._api)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Raises what broke the rules meanwhile."""
        for task in list(self._tasks):
            task.cancel()
        await self.session.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self.broken:
            raise self.broken[0]

    async def _bin(self, request: web.Request) -> web.Response:
        return web.Response(text=self.bin, content_type="application/xml")

    # ---- messages

    async def told(self, message: int, status: str, code: int | None = None, token: str | None = None) -> int:
        """Say what came of a message; `token`: signed with another one. Returns what the other side answers."""
        sent, sid = self.messages[message], f"SM{message:032}"
        url = sent["StatusCallback"].partition("#")[0]
        form = {"MessageSid": sid, "SmsSid": sid, "AccountSid": self.account, "MessageStatus": status}
        form |= {"SmsStatus": status, "To": sent["To"], "ApiVersion": "2010-04-01"}
        form |= {"From": sent["From"]} | ({} if code is None else {"ErrorCode": str(code)})
        signed = RequestValidator(token or self.token).compute_signature(url, form)
        async with self.session.post(url, data=form, headers={"X-Twilio-Signature": signed}) as answer:
            return answer.status

    # ---- the API

    async def _api(self, request: web.Request) -> web.StreamResponse:
        if self.cut_off:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        body = await request.read()
        form = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
        self.asked.append((request.method, request.path, form))
        fault = self.api_fault(request.method, request.path)
        if fault is not None and fault.late is not None:
            self.start_task(self._answer_late(request, body, fault.late))
        if fault is not None and (fault.late is not None or not fault.done):
            return await self._broken(request, fault)
        answer, status = self._answer(request, body)
        if fault is not None:
            return await self._broken(request, fault)
        return web.json_response(text=answer, status=status)

    async def _answer_late(
        self, request: web.Request, body: bytes, late: Callable[[], Awaitable[object]]
    ) -> None:
        await late()
        self._answer(request, body)

    async def _broken(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        while fault.hangs and request.transport and not request.transport.is_closing():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.05)
        if request.transport is None:
            return web.Response()
        if fault.status == 0:
            request.transport.abort()
            return web.Response()
        if not fault.code:
            return web.Response(status=fault.status, text="<html>upstream</html>")
        return _error(fault.status, fault.code)

    def _answer(self, request: web.Request, body: bytes) -> tuple[str, int]:
        login = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {login}":
            return _error_body(401, 20003), 401
        try:
            headers = dict(request.headers)
            checked = rules.check_request(request.method, request.path, dict(request.query), headers, body)
            found, status = self._do(
                request.method, request.path.removeprefix(f"{_API}/{self.account}"), request, body
            )
            text = json.dumps(found)
            rules.check_answer(checked, status, text.encode())
        except Exception as error:
            self.broken.append(error)
            raise
        return text, status

    def _do(self, method: str, path: str, request: web.Request, body: bytes) -> tuple[Any, int]:
        form = parse_qs(body.decode())
        first = {name: values[0] for name, values in form.items()}
        if path == ".json":
            return {
                "sid": self.account,
                "status": self.account_status,
                "friendly_name": "test",
                "type": "Full",
            }, 200
        if path == "/Calls.json" and method == "POST":
            return self._create(first, form), 201
        if path == "/Calls.json":
            return self._list(dict(request.query)), 200
        if path == "/Messages.json":
            assert first["To"].lstrip("+") not in first.get("StatusCallback", ""), (
                "a number in StatusCallback"
            )
            self.messages.append(first)
            return {"sid": "SM" + "0" * 32, "status": "queued", "to": first["To"]}, 201
        if path == "/IncomingPhoneNumbers.json":
            return _page("incoming_phone_numbers", list(self.numbers.values()), request.path), 200
        if path.startswith("/IncomingPhoneNumbers/"):
            return self._set_number(path.split("/")[2].removesuffix(".json"), first), 200
        sid = path.split("/")[2].removesuffix(".json")
        call = self.calls.get(sid)
        if call is None:
            return json.loads(_error_body(404, 20404)), 404
        if method == "POST":
            return self._update(call, first)
        return call.resource(), 200

    def _create(self, form: dict[str, str], every: dict[str, list[str]]) -> dict[str, Any]:
        assert form.get("Record", "false") == "false", "nothing is recorded"
        for name in ("Url", "FallbackUrl", "StatusCallback"):
            assert form["To"].lstrip("+") not in form[name], f"a number in {name}"
        to = form["To"].partition(";")[
            0
        ]  # nobody knows whether Twilio tells the parameters of a SIP address again
        call = Call(self.account, to, form["From"], "outbound-api", form["Url"], form["FallbackUrl"])
        call.status_callback = form["StatusCallback"]
        call.events = frozenset(every["StatusCallbackEvent"])
        call.timeout = float(form["Timeout"])
        self.place(call)
        return call.resource()

    def _update(self, call: Call, form: dict[str, str]) -> tuple[Any, int]:
        if call.over:
            return json.loads(_error_body(400, 21220)), 400
        if form.get("Status") in ("completed", "canceled"):
            self.end(call, "completed" if call.status == "in-progress" else "canceled")
        else:
            assert call.status == "in-progress", "only a call that is up can be redirected"
            self.redirect(call, form["Url"])
        return call.resource(), 200

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        found = [
            call.resource()
            for call in reversed(self.calls.values())
            if query.get("Status", call.status) == call.status
            and query.get("To", call.to) == call.to
            and query.get("From", call.shown) == call.shown
        ]
        return _page("calls", found, f"{_API}/{self.account}/Calls.json")

    def _set_number(self, sid: str, form: dict[str, str]) -> dict[str, Any]:
        number = self.numbers[sid]
        names = {
            "VoiceUrl": "voice_url",
            "VoiceFallbackUrl": "voice_fallback_url",
            "StatusCallback": "status_callback",
        }
        number.update({names[name]: value for name, value in form.items() if name in names})
        return number


def _page(name: str, found: list[Any], uri: str) -> dict[str, Any]:
    return {
        name: found,
        "end": max(len(found) - 1, 0),
        "start": 0,
        "page": 0,
        "page_size": 1000,
        "first_page_uri": uri,
        "next_page_uri": None,
        "previous_page_uri": None,
        "uri": uri,
    }


def _error_body(status: int, code: int) -> str:
    return json.dumps(
        {
            "code": code,
            "message": "no",
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }
    )


def _error(status: int, code: int) -> web.Response:
    return web.json_response(text=_error_body(status, code), status=status)
