"""A scripted PBX on the FastAGI port: hands over a call, honestly or not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

TOKEN: Final = "integration-token"
CALLER: Final = "+4740000001"


def env(script: str = "call", token: str = TOKEN, **changes: str) -> bytes:
    """What Asterisk sends when it hands a call over. `changes` replace or add `agi_` values."""
    values = {
        "network": "yes",
        "request": f"agi://127.0.0.1:4573/{script}?token={token}",
        "channel": "PJSIP/trunk-00000001",
        "uniqueid": "1700000000.1",
        "callerid": CALLER,
        "calleridname": "unknown",
        "callingpres": "0",
        "dnid": "+4773000010",
        "context": "tast1-inbound",
        "extension": "+4773000010",
    } | changes
    return "".join(f"agi_{name}: {value}\n" for name, value in values.items()).encode() + b"\n"


@dataclass
class AgiPeer:
    """One connection to our FastAGI port. `commands` are those it got and did not answer yet."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: list[str] = field(default_factory=list)

    @classmethod
    async def connect(cls, port: int, greeting: bytes) -> AgiPeer:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(greeting)
        return cls(reader, writer)

    async def command(self) -> str:
        """The next command of the service."""
        async with asyncio.timeout(5):
            text = (await self.reader.readline()).decode().rstrip("\n")
        self.seen.append(text)
        return text

    def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\n" for line in lines).encode())

    async def is_closed(self) -> bool:
        """Whether the service closes the connection (waits for it)."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True

    def close(self) -> None:
        """Go without a word."""
        self.writer.transport.abort()


class AgiPeers(list[AgiPeer]):
    """All connections of a test, so that none is left open."""

    async def add(self, port: int, greeting: bytes) -> AgiPeer:
        self.append(await AgiPeer.connect(port, greeting))
        return self[-1]

    async def close(self) -> None:
        for peer in self:
            peer.close()
        await asyncio.gather(*(peer.writer.wait_closed() for peer in self), return_exceptions=True)
