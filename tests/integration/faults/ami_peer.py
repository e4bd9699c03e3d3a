"""A scripted Asterisk manager: says what the test tells it to, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Self

BANNER: Final = b"Asterisk Call Manager/11.0.0\r\n"
BOOTED: Final = b"Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n"

Action = dict[str, str]
Answer = Callable[["AmiPeer", Action, asyncio.StreamWriter], Awaitable[None]]


def success(action: Action, *lines: str) -> bytes:
    return "\r\n".join(["Response: Success", f"ActionID: {action['ActionID']}", *lines, "", ""]).encode()


def error(action: Action, message: str) -> bytes:
    return f"Response: Error\r\nActionID: {action['ActionID']}\r\nMessage: {message}\r\n\r\n".encode()


class AmiPeer:
    """Answers every action in the ordinary way, except those in `answers`.

    `channels`: Uniqueids that `CoreShowChannels` lists."""

    def __init__(self, banner: bytes = BANNER, answers: dict[str, Answer] | None = None) -> None:
        self.banner = banner
        self.answers = answers or {}
        self.asked: list[Action] = []
        self.channels: list[str] = []
        self.connections: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self.connections:
            writer.transport.abort()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def count(self, action: str) -> int:
        return sum(asked["Action"] == action for asked in self.asked)

    def say(self, text: bytes) -> None:
        """To the newest connection."""
        self.connections[-1].write(text)

    def hang_up(self) -> None:
        for writer in self.connections:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            writer.write(self.banner)
            while True:
                packet = (await reader.readuntil(b"\r\n\r\n")).decode()
                action = dict(line.split(": ", 1) for line in packet.split("\r\n") if line)
                self.asked.append(action)
                await self.answers.get(action["Action"], ordinary)(self, action, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def ordinary(peer: AmiPeer, action: Action, writer: asyncio.StreamWriter) -> None:
    """What an Asterisk in good health says."""
    if action["Action"] == "CoreShowChannels":
        answer = success(action, "EventList: start")
        for channel in peer.channels:
            answer += f"Event: CoreShowChannel\r\nActionID: {action['ActionID']}\r\n".encode()
            answer += f"ChannelState: 5\r\nUniqueid: {channel}\r\n\r\n".encode()
        writer.write(answer + _complete(action))
        return
    writer.write(success(action))
    if action["Action"] == "Login":
        writer.write(BOOTED)


def _complete(action: Action) -> bytes:
    return (
        f"Event: {action['Action']}Complete\r\nEventList: Complete\r\nActionID: {action['ActionID']}\r\n\r\n"
    ).encode()


def kept(value: str) -> Answer:
    """A `DBGet` whose key is there."""

    async def answer(peer: AmiPeer, action: Action, writer: asyncio.StreamWriter) -> None:
        item = f"Event: DBGetResponse\r\nActionID: {action['ActionID']}\r\nVal: {value}\r\n\r\n"
        writer.write(success(action, "EventList: start") + item.encode() + _complete(action))

    return answer


async def mute(peer: AmiPeer, action: Action, writer: asyncio.StreamWriter) -> None:
    """Take the action and never answer."""


async def drop(peer: AmiPeer, action: Action, writer: asyncio.StreamWriter) -> None:
    """Take the action and close: whether it was carried out, nobody can know."""
    writer.transport.abort()


async def half_an_answer(peer: AmiPeer, action: Action, writer: asyncio.StreamWriter) -> None:
    """Close in the middle of the answer."""
    writer.write(b"Response: Succ")
    writer.close()


async def wrong_password(peer: AmiPeer, action: Action, writer: asyncio.StreamWriter) -> None:
    writer.write(error(action, "Authentication failed"))
    writer.close()


async def forbidden(peer: AmiPeer, action: Action, writer: asyncio.StreamWriter) -> None:
    writer.write(error(action, "Permission denied"))


async def refused(peer: AmiPeer, action: Action, writer: asyncio.StreamWriter) -> None:
    writer.write(error(action, "No such channel"))
