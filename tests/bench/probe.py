"""Callers that measure: from the key press to the first packet of the next prompt.

The smallest SIP and RTP telephone that can do it, for Linux: packets carry the kernel's time of arrival, so that a
busy machine does not make this program's own lateness part of what it measures. Prompts are told apart by their tone
(`plain_dialplan.TONES`). It sends no sound and must never be taken for an example of a telephone.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.bench.plain_dialplan import GREETING, PROMISE, REGISTERED, TONES

PBX: Final = ("127.0.0.1", 5060)
ADDRESS: Final = "127.0.0.2"
_SO_TIMESTAMPNS: Final = 35
_RTP_HEADER: Final = 12
_PACKET_SECONDS: Final = 0.02
_SEND_AGAIN: Final = 0.5
_PATIENCE: Final = 10.0
_SIGNS: Final = bytes(byte >> 7 for byte in range(256))
"""A-law byte -> its sign."""
_REQUEST: Final = """\
{method} sip:{to}@127.0.0.1:5060 SIP/2.0
Via: SIP/2.0/UDP {here};branch=z9hG4bK-{branch};rport
From: <sip:{caller}@{here}>;tag={call_id}
To: <sip:{to}@127.0.0.1:5060>{to_tag}
Call-ID: {call_id}
CSeq: {sequence} {method}
Contact: <sip:{caller}@{here}>
Max-Forwards: 70
{content_type}Content-Length: {length}

"""


class ProbeFailed(Exception):
    """A call did not go as the menu should."""


@dataclass(slots=True)
class Sounds:
    """One call's RTP socket. `heard` is when each tone's first packet came (ns since 1970)."""

    sock: socket.socket
    heard: dict[int, int] = field(default_factory=dict)
    awaited: tuple[int, asyncio.Future[int]] | None = None

    @staticmethod
    def open() -> Sounds:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.bind((ADDRESS, 0))
        sock.setblocking(False)
        sounds = Sounds(sock)
        asyncio.get_running_loop().add_reader(sock, sounds.receive)
        return sounds

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.sock)
        self.sock.close()

    async def first(self, frequency: int) -> int:
        """When the first packet of this tone came; waits for it."""
        if frequency not in self.heard:
            future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self.awaited = (frequency, future)
            async with asyncio.timeout(_PATIENCE):
                await future
        return self.heard[frequency]

    def receive(self) -> None:
        try:
            data, ancillary, _, _ = self.sock.recvmsg(2048, 64)
        except BlockingIOError:
            return
        frequency = tone_of(data[_RTP_HEADER:])
        if frequency in self.heard:
            return
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
        self.heard[frequency] = seconds * 1_000_000_000 + nanoseconds
        if self.awaited is not None and self.awaited[0] == frequency and not self.awaited[1].done():
            self.awaited[1].set_result(self.heard[frequency])


def tone_of(payload: bytes) -> int:
    """The frequency of a pure tone in 20 ms of A-law, from its changes of sign; the nearest of TONES, or 0."""
    signs = payload.translate(_SIGNS)
    changes = signs.count(b"\x00\x01") + signs.count(b"\x01\x00")
    heard = changes / 2 / _PACKET_SECONDS
    return next((tone for tone in TONES.values() if abs(heard - tone) <= 50), 0)


class Probe(asyncio.DatagramProtocol):
    """A telephone with as many calls at once as are asked of it."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._acks: dict[str, bytes] = {}
        self._ids = itertools.count(1)
        self._random = random.Random(1)

    async def start(self) -> None:
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(ADDRESS, 0)
        )

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode("utf-8", "replace")
        if not text.startswith("SIP/2.0 ") or text.startswith("SIP/2.0 1"):
            return
        key = f"{_header(text, 'Call-ID')} {_header(text, 'CSeq')}"
        if key in self._acks:
            self._transmit(self._acks[key])  # our ACK was lost, or is on its way
        waiting = self._answers.get(key)
        if waiting is not None and not waiting.done():
            waiting.set_result(text)

    async def measure(self, number: str, caller: str) -> tuple[float, float]:
        """Ring, press 1 in the greeting and 2 (nothing is urgent) in the next step, hang up in the promise; milliseconds from each
        key to the next prompt. Raises ProbeFailed."""
        sounds = Sounds.open()
        call = _Dialog(self, number, caller, f"probe-{next(self._ids)}-{time.time_ns()}")
        try:
            await call.invite(sounds.sock.getsockname()[1])
            await sounds.first(TONES[GREETING])
            first = await self._press(call, sounds, "1", TONES[REGISTERED])
            second = await self._press(call, sounds, "2", TONES[PROMISE])
            await asyncio.sleep(0.2)
        except TimeoutError as error:
            raise ProbeFailed(f"{number}: nothing came; heard so far: {sorted(sounds.heard)}") from error
        finally:
            await call.bye()
            sounds.close()
        return first, second

    async def walk(self, number: str, caller: str, steps: Sequence[tuple[str, int]], pace: float) -> None:
        """Ring, and press the keys of `steps` (a key, and the tone it leads to), each `pace` seconds after the prompt
        before it began; hang up in the last one. Raises ProbeFailed."""
        sounds = Sounds.open()
        call = _Dialog(self, number, caller, f"walk-{next(self._ids)}-{time.time_ns()}")
        taken = 0
        try:
            await call.invite(sounds.sock.getsockname()[1])
            await sounds.first(TONES[GREETING])
            for key, tone in steps:
                await asyncio.sleep(pace)
                sounds.heard.pop(tone, None)  # from the last time round
                await call.key(key)
                await sounds.first(tone)
                taken += 1
        except TimeoutError as error:
            raise ProbeFailed(f"{number}: nothing came after {taken} of {len(steps)} keys") from error
        finally:
            await call.bye()
            sounds.close()

    async def _press(self, call: _Dialog, sounds: Sounds, key: str, then: int) -> float:
        # At any moment of a packet's 20 ms, and never in step with the other callers.
        await asyncio.sleep(self._random.uniform(0.3, 0.7))
        if then in sounds.heard:
            raise ProbeFailed("the next prompt began before the key was pressed")
        pressed = time.time_ns()
        await call.key(key)
        return (await sounds.first(then) - pressed) / 1e6

    async def ask(self, call_id: str, sequence: int, method: str, request: bytes) -> str:
        """Send, again if need be, until there is a final answer."""
        key = f"{call_id} {sequence} {method}"
        self._answers[key] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    self._transmit(request)
                    done, _ = await asyncio.wait({self._answers[key]}, timeout=_SEND_AGAIN)
                    if done:
                        return self._answers[key].result()
        finally:
            del self._answers[key]

    def acknowledge(self, call_id: str, ack: bytes) -> None:
        """Now, and whenever the answer to the INVITE comes again."""
        self._acks[f"{call_id} 1 INVITE"] = ack
        self._transmit(ack)

    def forget(self, call_id: str) -> None:
        self._acks.pop(f"{call_id} 1 INVITE", None)

    @property
    def here(self) -> str:
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")
        return f"{host}:{port}"

    def _transmit(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.sendto(data, PBX)


class _Dialog:
    """The requests of one call."""

    def __init__(self, probe: Probe, number: str, caller: str, call_id: str) -> None:
        self._probe = probe
        self._number, self._caller, self._call_id = number, caller, call_id
        self._to_tag = ""
        self._sequence = 0

    async def invite(self, port: int) -> None:
        sdp = (
            f"v=0\r\no=probe 1 1 IN IP4 {ADDRESS}\r\ns=-\r\nc=IN IP4 {ADDRESS}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )
        answer = await self._request("INVITE", "application/sdp", sdp)
        if not answer.startswith("SIP/2.0 200"):
            raise ProbeFailed(answer.partition("\r\n")[0])
        match = re.search(r";tag=([^;\s]+)", _header(answer, "To"))
        self._to_tag = f";tag={match[1]}" if match else ""
        self._probe.acknowledge(self._call_id, self._text("ACK", 1, "", ""))

    async def key(self, digit: str) -> None:
        await self._request("INFO", "application/dtmf-relay", f"Signal={digit}\r\nDuration=160\r\n")

    async def bye(self) -> None:
        if self._to_tag:
            await self._request("BYE", "", "")
        self._probe.forget(self._call_id)

    async def _request(self, method: str, content_type: str, body: str) -> str:
        self._sequence += 1
        request = self._text(method, self._sequence, content_type, body)
        return await self._probe.ask(self._call_id, self._sequence, method, request)

    def _text(self, method: str, sequence: int, content_type: str, body: str) -> bytes:
        head = _REQUEST.format(
            method=method,
            to=self._number,
            here=self._probe.here,
            branch=f"{self._call_id}-{method}-{sequence}",
            caller=self._caller,
            call_id=self._call_id,
            to_tag=self._to_tag,
            sequence=sequence,
            content_type=f"Content-Type: {content_type}\n" if content_type else "",
            length=len(body),
        )
        return head.replace("\n", "\r\n").encode() + body.encode()


def _header(message: str, name: str) -> str:
    match = re.search(rf"^{name}\s*:\s*(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return match[1] if match else ""
