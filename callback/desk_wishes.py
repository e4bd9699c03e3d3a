"""What a person says of when and how they can be rung, and that it cannot wait. Part of the desk.

Saying the same again changes nothing and writes nothing; a request that has ended is returned as it is.
The ledger says that something was said, never what.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from callback.desk_escalation import DeskEscalation
from callback.numbers import NumberRefused
from callback.request import (
    OPEN,
    URGENT_REASONS,
    CallbackRequest,
    DayPart,
    Reason,
    RequestState,
    Urgency,
)
from callback.store import Change, RequestQuery
from scheduler.clock import aware_utc
from scheduler.deadline import deadline

IDLE = frozenset({RequestState.WAITING, RequestState.UNREACHABLE})
"""Nobody has it: its next attempt is a plan. In the other states that time is somebody's limit."""


class DeskWishes(DeskEscalation):
    """The use cases of wishes."""

    async def set_urgent(self, request_id: str, reason: Reason, actor: str) -> CallbackRequest:
        """It cannot wait: due by the urgent rule, counted from the registration, and to be rung now.

        `unspecified`: they did not say why, and a reason that is known stays. The deadline never gets later by it, and
        the time of registration and the date told stay. Raises ValueError for a reason that is neither one of
        URGENT_REASONS nor `unspecified`."""
        if reason not in URGENT_REASONS and reason is not Reason.UNSPECIFIED:
            raise ValueError(f"{reason.value} is not an urgent reason")

        async def change(request: CallbackRequest) -> CallbackRequest:
            is_urgent = request.urgency is Urgency.URGENT
            known = request.reason if reason is Reason.UNSPECIFIED else reason
            if is_urgent and request.reason is known:
                return request
            if is_urgent:
                return await self._say(request, actor, "urgent_reason_set", now=True, reason=known)
            clock = self._urgent_clock(request)
            return await self._say(request, actor, "made_urgent", now=True, reason=known, **clock)

        return await self._retrying_open(request_id, change)

    async def set_day_part(self, request_id: str, part: DayPart | None, actor: str) -> CallbackRequest:
        """The part of the day in which they wish to be rung; None takes the wish back."""
        return await self._set(request_id, actor, "day_part_set", day_part=part)

    async def set_discreet(self, request_id: str, discreet: bool, actor: str) -> CallbackRequest:
        """No messages and no voicemail, or that these are fine again."""
        return await self._set(request_id, actor, "discreet_set", discreet=discreet)

    async def set_language(self, request_id: str, language: str, actor: str) -> CallbackRequest:
        """The language in which they want to be met."""
        return await self._set(request_id, actor, "language_set", language=language)

    async def set_reachable_until(
        self, request_id: str, until: datetime | None, actor: str
    ) -> CallbackRequest:
        """The telephone is borrowed and can be rung until then; None: it is their own. Raises ValueError for
        a naive time."""
        until = None if until is None else aware_utc(until)
        return await self._set(request_id, actor, "reachable_until_set", reachable_until=until)

    async def open_request_of(
        self, office_no: str, *, phone: str | None = None, reference: str | None = None
    ) -> CallbackRequest | None:
        """The office's open request of that number (in any form `check_number` accepts) or of that reference;
        given both, it must have both. Raises UnknownOffice, and ValueError when neither is given."""
        if phone is None and reference is None:
            raise ValueError("give a number or a reference")
        try:
            number = None if phone is None else self.check_number(phone)
        except NumberRefused:
            return None  # such a number is never on the list
        query = RequestQuery(
            phone=number,
            office_no=self.office(office_no).office_no,
            states=OPEN,
            reference=reference,
            limit=1,
        )
        found = await self.find(query)
        return found[0] if found else None

    # -- inner workings

    def _urgent_clock(self, request: CallbackRequest) -> dict[str, Any]:
        """The fields of an ordinary request that becomes urgent; it is due no later by it."""
        fields: dict[str, Any] = {"urgency": Urgency.URGENT}
        calendar = self._calendars.get(request.office_no)
        if calendar is not None:  # else the office was taken out of the configuration: its clock stays
            clock = deadline(request.registered_at, calendar, urgent=True)
            fields["due_at"] = min(request.due_at, clock.due_at)
            # Not the earlier of the two: among urgent ones the order is that of registration.
            fields["last_workable_at"] = clock.last_workable_at
            fields["escalates_at"] = self._with_next_step(
                replace(request, **fields), sooner=True
            ).escalates_at
        return fields

    async def _set(self, request_id: str, actor: str, event: str, **field: Any) -> CallbackRequest:
        ((name, value),) = field.items()

        async def change(request: CallbackRequest) -> CallbackRequest:
            if getattr(request, name) == value:
                return request
            return await self._say(request, actor, event, **field)

        return await self._retrying_open(request_id, change)

    async def _say(
        self, request: CallbackRequest, actor: str, event: str, *, now: bool = False, **fields: Any
    ) -> CallbackRequest:
        """Save the fields, with a new plan where they change it. `now`: whatever came before, ring now."""
        after = replace(request, **fields)
        if now or not fields.keys().isdisjoint(("day_part", "reachable_until")):
            after = self._replanned(after, at_once=now)
        entry = self._entry(after, actor, event, request.state)
        (saved,) = await self.store.save(Change(after, (entry,)))
        return saved

    def _replanned(self, request: CallbackRequest, *, at_once: bool = False) -> CallbackRequest:
        """With a new plan, where nobody has it. Whose turn had come need not wait after a miss again."""
        if request.state not in IDLE:
            return request
        due = request.next_attempt_at is not None and request.next_attempt_at <= self.clock.now()
        return replace(request, next_attempt_at=self._plan(request, at_once=at_once or due))


def with_wishes_of(kept: CallbackRequest, gone: CallbackRequest) -> CallbackRequest:
    """Nothing that was asked for is lost with the request that goes: neither why it is urgent nor silence."""
    kept = replace(kept, day_part=gone.day_part or kept.day_part, discreet=kept.discreet or gone.discreet)
    if gone.urgency is not Urgency.URGENT:
        return kept
    said = kept.reason in URGENT_REASONS or gone.reason is Reason.UNSPECIFIED
    return kept if said else replace(kept, reason=gone.reason)
