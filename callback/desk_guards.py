"""What keeps a callback from becoming a weapon: counts per day, and numbers that are never called. Part of the desk.

Whatever number is refused is counted. No number is kept for it, only a keyed hash; the key is made once and stays in the database.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import structlog

from callback.desk_base import AskedNotToBeCalled, DeskBase, MissingText, UnknownRequest, attempt_of
from callback.desk_wishes import IDLE
from callback.numbers import NumberRefused, Refusal, caller_number
from callback.request import OPEN, CallbackRequest, IllegalTransition
from callback.store import Change, Counter, RequestQuery
from scheduler.clock import to_local

log = structlog.get_logger(__name__)

_KEY = "number_hash"
_WRONG_CODES, _WRONG_CODES_WITHHELD = 5, 50
"""Of the on-call lines, a day: from one number, and from all that are not seen. Nobody finds six digits so."""
_KEPT = timedelta(days=1)
"""Counts of today and of yesterday are kept."""
REFUSAL = "refusal."
"""Kinds of counters that count refusals begin with this."""
TOO_MANY_REGISTRATIONS = "too_many_registrations"
TOO_MANY_REFERENCES = "too_many_references"
_ASKED, _LIFTED = "asked_not_to_be_called", "never_call_lifted"
_ALLOWED_AGAIN = frozenset({_LIFTED, "number_changed"})
"""After one of these lines in the ledger the number of a request may be rung, until it says otherwise once more."""


class DeskGuards(DeskBase):
    """The use cases of limits and of numbers that are never called."""

    _key = b""

    async def count_reference(self, caller: str | None) -> bool:
        """Count that a reference is keyed in; False when that has been done too often today."""
        if caller is None:
            counter = self._counter(
                "reference_withheld", limit=self.config.settings.limits.references_withheld
            )
        else:
            counter = self._counter(
                "reference", await self._subject(caller), self.config.settings.limits.references_per_caller
            )
        if await self.store.count_up(counter) is None:
            return True
        await self._count_refusal(TOO_MANY_REFERENCES)
        return False

    async def may_try_code(self, caller: str | None) -> bool:
        """Whether the code of the on-call lines may be keyed in from this number: not after too many wrong ones today."""
        kind, most = await self._wrong_codes(caller)
        return (await self.store.counts(self._today(), kind)).get(kind, 0) < most

    async def code_was_wrong(self, caller: str | None) -> None:
        kind, _ = await self._wrong_codes(caller)
        await self.store.count_up(self._counter(kind))

    async def _wrong_codes(self, caller: str | None) -> tuple[str, int]:
        """Under what they are counted, and how many there may be on a day."""
        if caller is None:
            return "wrong_code.withheld", _WRONG_CODES_WITHHELD
        return f"wrong_code.{await self._subject(caller)}", _WRONG_CODES

    async def checked_number(self, raw: str) -> str:
        """As `check_number`; what is refused is counted."""
        try:
            return self.check_number(raw)
        except NumberRefused as refused:
            await self._count_refusal(refused.why.value)
            raise

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
        target_counter = self._counter("keyed_target", to, limits.keyed_per_target)
        counters = [target_counter]
        if by is not None:
            counters.insert(0, self._counter("keyed_by", by, limits.keyed_numbers_per_caller))
        full = await self.store.count_up(*counters)
        if full is None:
            return None
        return Refusal.TOO_OFTEN if full == target_counter else Refusal.TOO_MANY_TRIES

    async def never_call(self, phone: str, actor: str) -> None:
        """The person at this number does not want to be called. Saying so again changes nothing; open requests
        with the number stay, and can no longer be rung at it."""
        if await self.store.add_never_call(await self._subject(phone), self.clock.now()):
            log.info("never_call_added", actor=actor)
        for request in await self._open_with(phone):
            if not await self._says_so(request):  # also when a try before this one stopped half-way
                await self._note(request.id, _ASKED, actor)

    async def never_call_at(self, attempt_id: str) -> None:
        """Whoever was rung in this attempt said so. Raises UnknownRequest."""
        request = await self.store.get_by_attempt(attempt_id)
        if request is None:
            raise UnknownRequest(f"no attempt {attempt_id!r}")
        phone = attempt_of(request, attempt_id).phone
        if phone is not None:  # else it was erased meanwhile
            await self.never_call(phone, "callee")

    async def lift_never_call(self, request_id: str, actor: str, why: str) -> CallbackRequest:
        """The number of the request may be rung again: a named person writes why. That goes to the note; the ledger
        only says that it was written. A number that is not on the list stays as it is.

        Raises MissingText, and IllegalTransition for a request that has ended."""
        if not why.strip():
            raise MissingText("write why the number may be rung again")

        async def change(request: CallbackRequest) -> CallbackRequest:
            if not request.is_open:
                raise IllegalTransition("the request has ended; its number is not rung in any case")
            if request.phone is None or not await self.is_never_called(request.phone):
                return request
            note = f"{request.note}\n{why.strip()}" if request.note else why.strip()
            after = replace(request, note=note)
            if request.state in IDLE:
                after = replace(after, next_attempt_at=self._plan(after, at_once=True))
            entry = self._entry(after, actor, _LIFTED, request.state, reason_written=True)
            (saved,) = await self.store.save(Change(after, (entry,)))
            await self.may_call_again(request.phone, actor)
            return saved

        return await self._retrying(request_id, change)

    async def may_call_again(self, phone: str, actor: str) -> bool:
        """The number comes off the list; False when it is not on it. Each open request with it gets a line in its
        ledger, before it can be rung."""
        if not await self.is_never_called(phone):
            return False
        for request in await self._open_with(phone):
            if await self._says_so(request):
                await self._note(request.id, _LIFTED, actor)
        await self.store.remove_never_call(await self._subject(phone))
        log.info("never_call_removed", actor=actor)
        return True

    async def is_never_called(self, phone: str) -> bool:
        return await self.store.is_never_call(await self._subject(phone))

    async def never_called(self, requests: Iterable[CallbackRequest]) -> frozenset[str]:
        """Ids of those that cannot be rung because the person at their number does not want to be called."""
        await self._know_key()
        subjects = self._subjects(requests)
        if not subjects:
            return frozenset()
        among = await self.store.never_call_among(frozenset(subjects.values()))
        return frozenset(request_id for request_id, subject in subjects.items() if subject in among)

    async def refusals(self) -> dict[str, int]:
        """How often was refused today, by kind: values of Refusal, `too_many_registrations` and
        `too_many_references`."""
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

    async def _registrations_of(self, caller: str) -> Counter:
        limit = self.config.settings.limits.registrations_per_caller
        return self._counter("registration", await self._subject(caller), limit)

    async def _asks_for_a_call(self, phone: str) -> None:
        """Someone pressed 1 on this very telephone: they want to be called after all."""
        await self.may_call_again(phone, "caller")

    async def _open_with(self, phone: str) -> list[CallbackRequest]:
        return await self.find(RequestQuery(phone=self._normal(phone), states=OPEN))

    async def _says_so(self, request: CallbackRequest) -> bool:
        """Whether the ledger says that the number must not be called."""
        events = [entry.event for entry in await self.store.ledger(request.id)]
        said = [event for event in events if event == _ASKED or event in _ALLOWED_AGAIN]
        return said[-1:] == [_ASKED]

    async def _forget_counts(self) -> None:
        await self.store.forget_counts_before(self._today() - _KEPT)

    # -- inner workings

    def _today(self) -> date:
        return to_local(self.clock.now()).date()

    def _counter(self, kind: str, subject: str = "", limit: int = 0) -> Counter:
        return Counter(self._today(), kind, subject, limit)

    def _normal(self, phone: str) -> str:
        """One way of writing for each number, so that it has one hash."""
        return caller_number(phone) or phone

    async def _subject(self, phone: str) -> str:
        await self._know_key()
        return self._hashed(phone)

    def _subjects(self, requests: Iterable[CallbackRequest]) -> dict[str, str]:
        """By request id, of those that are open and have a number; once the key is known."""
        return {r.id: self._hashed(r.phone) for r in requests if r.phone is not None and r.is_open}

    async def _know_key(self) -> None:
        if not self._key:
            self._key = (await self.store.secret(_KEY)).encode()

    def _hashed(self, phone: str) -> str:
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
        await self.store.count_up(self._counter(f"{REFUSAL}{kind}"))
