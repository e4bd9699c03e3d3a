"""A small SIP switch on one loopback address: the public telephone network, the office's phones, or the contact centre.

The PBX sends every call for an address to port 5060 there. The switch passes it on to the phone that has the number
(a real softphone), or answers it as a network does: busy, unknown number, out of order, no answer. It must never touch
a call's sound, nor anything between the PBX and a phone after the first answer: those talk to each other directly.
"""

from __future__ import annotations

import asyncio
import enum
import hashlib
import itertools
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Self

SIP_PORT: Final = 5060
Address = tuple[str, int]
_REASONS: Final = {
    180: "Ringing", 200: "OK", 404: "Not Found", 408: "Request Timeout", 480: "Temporarily Unavailable",
    484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated", 500: "Server Internal Error",
    503: "Service Unavailable", 603: "Decline",
}  # fmt: skip


class Ringing(enum.Enum):
    """Whether a number rings before the network's answer comes."""

    NEVER = enum.auto()
    FIRST = enum.auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network answers: a SIP status, or None: nothing final, until the PBX gives up."""

    status: int | None
    ringing: Ringing = Ringing.NEVER


BUSY: Final = Answer(486)
NO_ANSWER: Final = Answer(None, Ringing.FIRST)
DECLINED: Final = Answer(603, Ringing.FIRST)
UNALLOCATED: Final = Answer(404)
SWITCHED_OFF: Final = Answer(480)
OUT_OF_ORDER: Final = Answer(503)
DEAD_SILENT: Final = Answer(None)
"""Not even ringing is heard from it."""
TO_THE_PHONE: Final = None
"""In a script: this call goes to the phone that has the number."""


@dataclass(frozen=True, slots=True)
class OfferedCall:
    """One call the PBX placed to this address: E.164 number or extension, and the caller id it showed."""

    number: str
    caller_id: str


@dataclass(slots=True)
class _Message:
    first_line: str
    headers: list[tuple[str, str]]
    body: bytes

    @staticmethod
    def parse(data: bytes) -> _Message:
        head, _, body = data.partition(b"\r\n\r\n")
        first, *rest = head.decode("utf-8", "replace").split("\r\n")
        headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in rest)]
        return _Message(first, headers, body)

    def encode(self) -> bytes:
        lines = [self.first_line, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode() + self.body

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def method(self) -> str:
        return self.first_line.partition(" ")[0]

    @property
    def branch(self) -> str:
        match = re.search(r"branch=([^;,\s]+)", self.get("via"))
        return match[1] if match else ""


@dataclass(slots=True)
class _Scripted:
    invite: _Message
    source: Address
    last: bytes = b""
    over: bool = False


@dataclass(slots=True)
class SipExchange(asyncio.DatagramProtocol):
    """Listens on `address`:5060. Numbers without a phone and without a script are unallocated (404), or get what stands in `otherwise`."""

    address: str
    calls: list[OfferedCall] = field(default_factory=list)
    otherwise: tuple[Answer, ...] = (UNALLOCATED,)
    """What numbers without a phone and without a script get, in turn."""
    twice: set[str] = field(default_factory=set)
    """Numbers that were offered a call while another one still rang there."""
    _routes: dict[str, Address] = field(default_factory=dict)
    _scripts: dict[str, deque[Answer | None]] = field(default_factory=dict)
    _forwarded: dict[str, tuple[Address, Address, str]] = field(default_factory=dict)
    _scripted: dict[str, _Scripted] = field(default_factory=dict)
    _transport: asyncio.DatagramTransport | None = None
    _tags: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def start(self) -> Self:
        """Listen. Fails when something else holds the port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.address, SIP_PORT)
        )
        return self

    def close(self) -> None:
        """Let go of the port, for instance for SIPp."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def route(self, number: str, to: Address | None) -> None:
        """Calls to `number` go to the phone at `to`; None takes the phone away."""
        if to is None:
            self._routes.pop(number, None)
        else:
            self._routes[number] = to

    def script(self, number: str, *answers: Answer | None) -> None:
        """The next calls to `number` get these answers in turn; then it is as if there were no script."""
        self._scripts[number] = deque(answers)

    def forget(self) -> None:
        """The PBX is dead, and with it all that rang."""
        for call in self._scripted.values():
            call.over = True

    def offered(self, number: str) -> int:
        """How many calls the PBX has placed to `number`."""
        return sum(call.number == number for call in self.calls)

    # ---- asyncio.DatagramProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio when the socket is open."""

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """One SIP message, from the PBX or from a phone."""
        if not data.strip():
            return  # a keep-alive
        message = _Message.parse(data)
        if message.first_line.startswith("SIP/2.0"):
            self._pass_back(message)
        elif message.method == "INVITE":
            self._on_invite(message, addr)
        elif message.branch in self._forwarded:
            self._pass_on(message, addr, self._forwarded[message.branch][1])
        elif message.method == "CANCEL":
            self._on_cancel(message, addr)
        elif message.method == "OPTIONS":
            self._send(_reply(message, 200), addr)

    # ---- passing on to a phone

    def _on_invite(self, message: _Message, source: Address) -> None:
        branch = message.branch
        if branch in self._forwarded:  # sent again: the phone sorts that out
            self._pass_on(message, source, self._forwarded[branch][1])
            return
        if branch in self._scripted:
            self._send(self._scripted[branch].last, source)
            return
        number = _user(message.first_line)
        self.calls.append(OfferedCall(number, _user(message.get("from"))))
        if any(not call.over and _user(call.invite.first_line) == number for call in self._scripted.values()):
            self.twice.add(number)
        script = self._scripts.get(number)
        answer = script.popleft() if script else TO_THE_PHONE
        if answer is not None:
            self._answer(message, source, answer)
        elif number in self._routes:
            self._pass_on(message, source, self._routes[number])
        else:
            self._answer(message, source, self.otherwise[len(self.calls) % len(self.otherwise)])

    def _pass_on(self, message: _Message, source: Address, to: Address) -> None:
        branch = message.branch
        own = f"z9hG4bK-x-{hashlib.sha256(branch.encode()).hexdigest()[:24]}"
        self._forwarded[branch] = (source, to, own)
        self._forwarded[own] = (source, to, own)
        via = ("Via", f"SIP/2.0/UDP {self.address}:{SIP_PORT};branch={own}")
        self._send(_Message(message.first_line, [via, *message.headers], message.body).encode(), to)

    def _pass_back(self, message: _Message) -> None:
        known = self._forwarded.get(message.branch)
        if known is None:
            return
        top = next(index for index, (name, _) in enumerate(message.headers) if name.lower() == "via")
        del message.headers[top]
        self._send(message.encode(), known[0])

    # ---- answering in the phone's place

    def _answer(self, invite: _Message, source: Address, answer: Answer) -> None:
        call = self._scripted[invite.branch] = _Scripted(invite, source)
        tag = f"exchange{next(self._tags)}"
        if answer.ringing is Ringing.FIRST:
            self._reply(call, _reply(invite, 180, tag))
        if answer.status is None:
            call.last = call.last or _reply(invite, 100)
            self._send(call.last, source)
        else:
            self._reply(call, _reply(invite, answer.status, tag))
            call.over = True

    def _on_cancel(self, message: _Message, source: Address) -> None:
        call = self._scripted.get(message.branch)
        self._send(_reply(message, 200 if call else 481), source)
        if call is not None and not call.over:
            call.over = True
            self._reply(call, _reply(call.invite, 487, f"exchange{next(self._tags)}"))

    def _reply(self, call: _Scripted, data: bytes) -> None:
        call.last = data
        self._send(data, call.source)

    def _send(self, data: bytes, to: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(data, to)


def _user(text: str) -> str:
    match = re.search(r"sips?:([^@;>\s]*)@", text)
    return match[1].replace("%2B", "+") if match else ""


def _reply(request: _Message, status: int, tag: str = "") -> bytes:
    headers: list[tuple[str, str]] = []
    for name, value in request.headers:
        if name.lower() in ("via", "from", "call-id", "cseq"):
            headers.append((name, value))
        elif name.lower() == "to":
            headers.append((name, value if not tag or ";tag=" in value else f"{value};tag={tag}"))
    headers.append(("Content-Length", "0"))
    return _Message(f"SIP/2.0 {status} {_REASONS.get(status, 'Answer')}", headers, b"").encode()
