"""Numbers that have answered STOP to an SMS: they get none any more, and are rung as before. Part of the desk.

No number is kept for it, only a keyed hash.
"""

from __future__ import annotations

import structlog

from callback.desk_base import attempt_of
from callback.desk_guards import DeskGuards
from callback.notice import Notice
from callback.request import CallbackRequest

log = structlog.get_logger(__name__)


class DeskSms(DeskGuards):
    """The use cases of numbers that get no SMS."""

    async def no_sms(self, phone: str, actor: str) -> None:
        """Never send this number an SMS. Saying so again changes nothing."""
        if await self.store.add_no_sms(await self._subject(phone), self.clock.now()):
            log.info("no_sms_added", actor=actor)

    async def sms_again(self, phone: str, actor: str) -> bool:
        """It may get SMS again; False when it always could."""
        removed = await self.store.remove_no_sms(await self._subject(phone))
        if removed:
            log.info("no_sms_removed", actor=actor)
        return removed

    async def gets_no_sms(self, phone: str | None) -> bool:
        return phone is not None and await self.store.is_no_sms(await self._subject(phone))

    async def _opted_out(self, request: CallbackRequest, notice: Notice) -> None:
        """Whoever was sent this SMS has answered STOP."""
        phone = attempt_of(request, notice.attempt_id or "").phone
        if phone is not None:  # else it was erased meanwhile
            await self.no_sms(phone, "recipient")
