"""AMI messages to and from the wire, with asterisk-ami as codec. No I/O.

What a caller may choose (a display name, a number) travels inside these messages, so it must never pass a line
break out, and never let anything but CRLF end a line on the way in: `Event.read` uses `str.splitlines`, to which
U+0085, U+2028 and others are line ends too, and a display name full of them would forge headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from asterisk.ami import Event, Response, SimpleAction

from hardware.line import LineRejected

PACKET_LIMIT: Final = 65536
"""Bytes. The longest message Asterisk sends us is some 2 kB."""

_BREAKS_A_LINE: Final = re.compile("[\x00\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_REFUSED: Final = re.compile("[\x00\r\n]")
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


class AmiProtocolError(Exception):
    """What came is not AMI."""


@dataclass(frozen=True, slots=True)
class AmiEvent:
    name: str
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AmiResponse:
    status: str
    keys: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return self.status.lower() != "error"


AmiPacket = AmiEvent | AmiResponse


def encode(action: str, action_id: str, fields: Mapping[str, str], variables: Mapping[str, str]) -> bytes:
    """One action as bytes. Raises LineRejected when a key or value would break out of its line."""
    for key in (action, *fields):
        if _KEY.fullmatch(key) is None:
            raise LineRejected("a header name that is none was to be sent to the PBX")
    for text in (action_id, *fields.values(), *variables, *variables.values()):
        if _REFUSED.search(text):
            raise LineRejected("a line break or NUL was to be sent to the PBX")
    message = SimpleAction(action, ActionID=action_id, **fields)
    for key, value in variables.items():
        message[key] = value
    return f"{message}\r\n".encode()


class PacketSplitter:
    """Bytes as they arrive -> packets. Works on bytes, so a character split between two reads is no matter."""

    def __init__(self, limit: int = PACKET_LIMIT) -> None:
        self._limit = limit
        self._buffer = b""

    def feed(self, data: bytes) -> Iterable[AmiPacket]:
        """The packets completed by `data`. Raises AmiProtocolError when one is larger than the limit."""
        *complete, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        packets = []
        for raw in complete:
            if len(raw) > self._limit:
                raise AmiProtocolError("a message is too long")
            if (packet := decode(raw)) is not None:
                packets.append(packet)
        if len(self._buffer) > self._limit:
            raise AmiProtocolError("a message is too long")
        return packets


def decode(raw: bytes) -> AmiPacket | None:
    """One message without its blank line; None when it is neither event nor response."""
    text = "\r\n".join(_BREAKS_A_LINE.sub(" ", line) for line in raw.decode(errors="replace").split("\r\n"))
    if Event.match(text):
        event = Event.read(text)
        return AmiEvent(event.name, _strings(event.keys))
    if Response.match(text):
        response = Response.read(text)
        return AmiResponse(response.status, _strings(response.keys))
    return None


def _strings(keys: Mapping[str, object]) -> dict[str, str]:
    return {key: value for key, value in keys.items() if isinstance(value, str)}
