"""Claims that nobody acted on go back to the list, however many there are at once. Part of the desk.

It goes page by page: between two pages others read and write, so that no caller in the menu waits for it.
"""

from __future__ import annotations

import structlog

from callback.desk_base import DeskBase, together
from callback.request import CallbackError, CallbackRequest, RequestEvent
from callback.store import Change, StoreError, StoreUnavailable

log = structlog.get_logger(__name__)

PAGE = 40
"""Claims looked at, at once."""
TOGETHER = 5
"""Claims given back in one job of the store: a millisecond or two, for which a registration waits at most."""
MOST = 1000
"""Claims given back in one sweep; the next gives back the next."""


class DeskSweep(DeskBase):
    """The part of the sweep that gives back."""

    async def _release_expired(self) -> int:
        """Claims whose time is over now, the longest ago first; returns how many were given back."""
        now, released = self.clock.now(), 0
        while released < MOST and (page := await self.store.expired_claims(now, PAGE)):
            changes = list(map(self._given_back, page))
            parts = [changes[at : at + TOGETHER] for at in range(0, len(changes), TOGETHER)]
            given_back = sum(await together(map(self._release_part, parts)))
            released += given_back
            if not given_back:
                break  # those are somebody's just now, or the store refuses: the next sweep looks again
        if released:
            log.info("claims_given_back", count=released)
        return released

    async def _release_part(self, changes: list[Change]) -> int:
        try:
            return len(await self.store.save(*changes))
        except StoreUnavailable:
            raise
        except StoreError:  # someone acted in between: theirs stands, and the others go one by one
            released = 0
        for change in changes:
            try:
                released += len(await self.store.save(change))
            except CallbackError as error:
                log.debug("claim_not_released", request_id=change.request.id, why=str(error))
        return released

    def _given_back(self, request: CallbackRequest) -> Change:
        return self._change(
            request, RequestEvent.RELEASED, "service",
            claimed_by=None, claimed_at=None, next_attempt_at=self._plan(request),
        )  # fmt: skip
