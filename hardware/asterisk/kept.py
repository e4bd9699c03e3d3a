"""Peers who stay when who dialled hangs up: their channel, handed over by the dialplan, and who waits for it.

It must never keep anybody in silence: whom nobody asks for is given back to the dialplan, which says goodbye.
"""

from __future__ import annotations

import asyncio
from typing import Final

from hardware.asterisk.fastagi import AgiSession

_ON_ITS_WAY: Final = 2.0
"""Seconds from the end of the one who dialled until the peer's channel must be here."""
_UNASKED: Final = 5.0


class KeptPeers:
    """Sessions by the peer's id."""

    def __init__(self) -> None:
        self._sessions: dict[str, asyncio.Future[AgiSession]] = {}

    def arrived(self, peer: str, session: AgiSession) -> None:
        """The dialplan hands a peer over."""
        future = self._of(peer)
        if future.done():
            session.close()
            return
        future.set_result(session)
        asyncio.get_running_loop().call_later(_UNASKED, self._give_back, peer, session)

    async def take(self, peer: str) -> AgiSession | None:
        """The peer's session; None when they do not stay (they hung up as well, or an older dialplan does not know how)."""
        try:
            session = await asyncio.wait_for(asyncio.shield(self._of(peer)), _ON_ITS_WAY)
        except TimeoutError:
            return None
        finally:
            self._sessions.pop(peer, None)
        return None if session.closed else session

    def _of(self, peer: str) -> asyncio.Future[AgiSession]:
        return self._sessions.setdefault(peer, asyncio.get_running_loop().create_future())

    def _give_back(self, peer: str, session: AgiSession) -> None:
        future = self._sessions.get(peer)
        if future is not None and future.done() and future.result() is session:
            del self._sessions[peer]
            session.close()
