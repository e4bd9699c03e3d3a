"""What keeps a callback from becoming a weapon: counts per day, and numbers that are never called. Part of the desk.

No number is kept for it, only a keyed hash; the key is made once and stays in the database.
"""

from __future__ import annotations

import hmac
from datetime import date, timedelta

import structlog

from callback.desk_base import AskedNotToBeCalled, DeskBase
from callback.numbers import NumberRefused, Refusal, caller_number
from callback.request import OPEN, CallbackRequest
from callback.store import Change, Counter, RequestQuery
from scheduler.clock import to_local

log = structlog.get_logger(__name__)

_KEY = "number_hash"
_KEPT = timedelta(days=1)
"""Counts of today and of yesterday are kept."""
REFUSAL = "refusal."
"""Kinds of counters that count refusals begin with this."""
TOO_MANY_REGISTRATIONS = "too_many_registrations"


class DeskGuards(DeskBase):
    """The use cases of limits and of numbers that are never called."""

    _key = b""

    async def count_registration(self, caller: str | None) -> bool:
        """Count that this number asks to be registered; False when it has done so too often today.
        A caller without a number cannot be counted, and may."""
        if caller is None:
            return True
        limit = self.config.settings.limits.registrations_per_caller
        counter = Counter("registration", await self._subject(caller), limit)
        if await self.store.count_up(self._today(), counter) is None:
            return True
        await self._count_refusal(TOO_MANY_REGISTRATIONS)
        return False

    async def may_key(self, caller: str | None, target: str) -> Refusal | None:
        """Count that the caller keys in this number, and say why they may not, if so. What is refused is not
        counted as keyed. One's own number may always be keyed, unless it is never called."""
        refusal = await self._key_refusal(caller, target)
        if refusal is not None:
            await self._count_refusal(refusal.value)
        return refusal

    async def _key_refusal(self, caller: str | None, target: str) -> Refusal | None:
        if await self.is_never_called(target):
            return Refusal.ASKED_NOT_TO_BE_CALLED
        limits, to = self.config.settings.limits, await self._subject(target)
        by = None if caller is None else await self._subject(caller)
        if by == to:
            return None
        target_counter = Counter("keyed_target", to, limits.keyed_per_target)
        counters = [target_counter]
        if by is not None:
            counters.insert(0, Counter("keyed_by", by, limits.keyed_numbers_per_caller))
        full = await self.store.count_up(self._today(), *counters)
        if full is None:
            return None
        return Refusal.TOO_OFTEN if full == target_counter else Refusal.TOO_MANY_TRIES

    async def never_call(self, phone: str, actor: str) -> None:
        """The person at this number does not want to be called. Saying so again changes nothing; open requests
        with the number stay, and can no longer be rung at it."""
        if not await self.store.add_never_call(await self._subject(phone), self.clock.now()):
            return
        log.info("never_call_added", actor=actor)
        for request in await self.find(RequestQuery(phone=self._normal(phone), states=OPEN)):
            await self._note(request.id, "asked_not_to_be_called", actor)

    async def is_never_called(self, phone: str) -> bool:
        return await self.store.is_never_call(await self._subject(phone))

    async def refusals(self) -> dict[str, int]:
        """How often was refused today, by kind: values of Refusal, and `too_many_registrations`."""
        counts = await self.store.counts(self._today(), REFUSAL)
        return {kind.removeprefix(REFUSAL): n for kind, n in counts.items()}

    # -- for the other use cases

    async def _refuse_never_called(self, phone: str) -> None:
        """Raises NumberRefused."""
        if await self.is_never_called(phone):
            await self._count_refusal(Refusal.ASKED_NOT_TO_BE_CALLED.value)
            raise NumberRefused(Refusal.ASKED_NOT_TO_BE_CALLED)

    async def _refuse_ringing(self, request: CallbackRequest) -> None:
        """Raises AskedNotToBeCalled."""
        if request.phone is not None and await self.is_never_called(request.phone):
            await self._count_refusal(Refusal.ASKED_NOT_TO_BE_CALLED.value)
            raise AskedNotToBeCalled(
                f"the person at the number of request {request.id} asked not to be called"
            )

    async def _asks_for_a_call(self, phone: str) -> None:
        """Someone pressed 1 on this very telephone: they want to be called after all."""
        if await self.is_never_called(phone):
            await self.store.remove_never_call(await self._subject(phone))
            log.info("never_call_removed", actor="caller")

    async def _forget_counts(self) -> None:
        await self.store.forget_counts_before(self._today() - _KEPT)

    # -- inner workings

    def _today(self) -> date:
        return to_local(self.clock.now()).date()

    def _normal(self, phone: str) -> str:
        """One way of writing for each number, so that it has one hash."""
        return caller_number(phone) or phone

    async def _subject(self, phone: str) -> str:
        if not self._key:
            self._key = (await self.store.secret(_KEY)).encode()
        return hmac.digest(self._key, self._normal(phone).encode(), "sha256").hex()

    async def _note(self, request_id: str, event: str, actor: str) -> None:
        """A line in the ledger; the request stays as it is."""

        async def change(request: CallbackRequest) -> CallbackRequest:
            (saved,) = await self.store.save(
                Change(request, (self._entry(request, actor, event, request.state),))
            )
            return saved

        await self._retrying_open(request_id, change)

    async def _count_refusal(self, kind: str) -> None:
        await self.store.count_up(self._today(), Counter(f"{REFUSAL}{kind}"))
