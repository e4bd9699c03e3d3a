"""Ends of calls which the dialplan wrote down, and which the service has read by now: they are taken out of the PBX's
database in passing, by a call that is ending anyway (the AMI user may not write there).

It must never delete an end before what came of it is surely stored, and never keep a caller waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from hardware.asterisk.fastagi import AgiSession, quote
from hardware.asterisk.pbx_config import DB_FAMILY

KEEP_SECONDS: Final = 600.0
_LIMIT: Final = 500
_AT_ONCE: Final = 10


class SettledEnds:
    """What is forgotten here (more than the limit, a restart) stays in the database and does no harm."""

    def __init__(self, keep_seconds: float = KEEP_SECONDS) -> None:
        self._keep_seconds = keep_seconds
        self._read: deque[tuple[float, str]] = deque(maxlen=_LIMIT)

    def add(self, channel: str) -> None:
        """The end of this channel (its Uniqueid) has been read."""
        self._read.append((asyncio.get_running_loop().time(), channel))

    async def delete(self, session: AgiSession) -> None:
        """Those that are old enough, a few at a time. Raises AgiGone."""
        read_before = asyncio.get_running_loop().time() - self._keep_seconds
        for _ in range(_AT_ONCE):
            if not self._read or self._read[0][0] > read_before:
                return
            _, channel = self._read.popleft()
            await session.command(f"DATABASE DEL {DB_FAMILY} {quote(channel)}")
