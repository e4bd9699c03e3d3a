"""What is kept of a person, and how it goes: at their wish, and by itself after a time. Part of the desk.

Number and note go, and the numbers of the attempts. The row and its ledger stay, and say nothing of who it was.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from callback.desk_base import DeskBase, DeskError, MissingText
from callback.request import CallbackError, CallbackRequest, LedgerEntry
from callback.store import Change

log = structlog.get_logger(__name__)

ERASED = "erased"
_NUMBER = re.compile(r"[0-9][0-9 ]{6,}[0-9]")
_AT_A_TIME = 100
"""So many in one sweep: the list goes on beside it."""


class StillOpen(DeskError):
    """A person with an open request is not erased: they would never be rung."""


class DeskPerson(DeskBase):
    """The use cases of a person's data."""

    async def kept_of(self, phone: str) -> list[tuple[CallbackRequest, list[LedgerEntry]]]:
        """Their requests, oldest first, each with its ledger. Of a request that has another number now, and may be another
        person's, only the attempts that rang this one."""
        requests = [_seen_by(request, phone) for request in await self.store.of_person(phone)]
        return [(request, await self.store.ledger(request.id)) for request in requests]

    async def erase_person(self, phone: str, why: str, actor: str) -> int:
        """Erase them from every request; returns from how many. The reason stands in the ledger for ever.
        Raises MissingText, DeskError for a reason with a number in it, StillOpen."""
        if not why.strip():
            raise MissingText("write why they are erased")
        if _NUMBER.search(why):
            raise DeskError("the reason stays in the ledger: write it without a number or a name")
        requests = await self.store.of_person(phone)
        if still := [request for request in requests if request.is_open]:
            told = ", ".join(f"{request.reference} (office {request.office_no})" for request in still)
            raise StillOpen(
                f"nothing was erased, for a request is open: {told}; end it on its page, then erase"
            )
        for request in requests:
            await self._erase(request, actor, phone, why=why.strip())
        return len(requests)

    async def _erase_old(self) -> None:
        """What ended longer ago than it is to be kept."""
        until = self.clock.now() - timedelta(days=self.config.settings.retention.days)
        for request in await self.store.ended_before(until, _AT_A_TIME):
            try:
                await self._erase(request, "service", None)
            except CallbackError as error:  # someone acted in between: the next sweep looks again
                log.debug("not_erased", request_id=request.id, why=str(error))

    async def _erase(self, request: CallbackRequest, actor: str, phone: str | None, **details: Any) -> None:
        """`phone`: only that number; None: whatever the number."""

        async def change(request: CallbackRequest) -> CallbackRequest:
            is_theirs = phone is None or request.phone == phone
            after = _erased(request) if is_theirs else request
            rang = [a for a in request.attempts if a.phone is not None and (is_theirs or a.phone == phone)]
            entry = self._entry(after, actor, ERASED, request.state, **details)
            changes = [Change(after, (entry,))]
            for attempt in rang:  # a change holds one attempt, and each counts the version up
                after = replace(after, version=after.version + 1)
                changes.append(Change(after, (), replace(attempt, phone=None)))
            return (await self.store.save(*changes))[-1]

        saved = await self._retrying(request.id, change)
        log.info("request_erased", request_id=saved.id, actor=actor)


def _erased(request: CallbackRequest) -> CallbackRequest:
    """Who of the staff is close to a person says something of them. That they are protected stays, and hides the row."""
    return replace(request, phone=None, note=None, disqualified=(), interpreter_at=None)


def _seen_by(request: CallbackRequest, phone: str) -> CallbackRequest:
    if request.phone == phone:
        return request
    rang = tuple(attempt for attempt in request.attempts if attempt.phone == phone)
    return replace(_erased(request), interpreter=False, protected=False, attempts=rang)
