"""The desk: every use case of the list. The only place that changes a request.

Each method reads, decides with the pure tables, and saves by compare and set; a lost race is tried again
on fresh data, so the answer is always about the request as it is. It never touches a line, and it never
recomputes `registered_at` or `answer_by_date`; `due_at` only gets earlier, when a request becomes urgent.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from callback.desk_base import (
    AskedNotToBeCalled,
    DeskError,
    HasNoNumber,
    HeldByOther,
    MayNotServe,
    MissingText,
    OutOfReach,
    UnknownOffice,
    UnknownPerson,
    UnknownRequest,
    attempt_of,
    with_attempt,
)
from callback.desk_colleagues import DeskColleagues
from callback.desk_duty_check import DeskDutyCheck
from callback.desk_duty_result import DeskDutyResult
from callback.desk_guards import TOO_MANY_REGISTRATIONS
from callback.desk_notices import DeskNotices
from callback.desk_offer import DeskOffer
from callback.desk_offices import DeskOffices
from callback.desk_person import DeskPerson
from callback.desk_report import DeskReport
from callback.desk_serving import with_fitness_of
from callback.desk_sweep import DeskSweep
from callback.desk_wishes import IDLE, with_wishes_of
from callback.notice import about_attempt, tells
from callback.request import (
    URGENT_REASONS,
    AttemptOutcome,
    CallAttempt,
    CallbackRequest,
    CallResult,
    DayPart,
    NumberSource,
    Origin,
    Reason,
    RequestEvent,
    RequestState,
    Urgency,
    next_state,
)
from callback.store import Change, LimitReached, NumberTaken, ReferenceTaken, StaleRequest
from callback.turn import may_serve
from scheduler.deadline import deadline

__all__ = [
    "AskedNotToBeCalled",
    "Desk",
    "DeskError",
    "HasNoNumber",
    "HeldByOther",
    "MayNotServe",
    "MissingText",
    "OutOfReach",
    "Registration",
    "TooManyRegistrations",
    "UnknownOffice",
    "UnknownPerson",
    "UnknownRequest",
]

log = structlog.get_logger(__name__)

_REFERENCES_TRIED = 100
"""Of 900,000 an eighth may be taken: nobody may be lost to a few that are, one after another."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What is known when someone asks to be talked to."""

    office_no: str
    phone: str | None
    """A number in any form `check_number` accepts; None when withheld."""
    registered_by: str = "caller"
    origin: Origin = Origin.PHONE
    reason: Reason = Reason.UNSPECIFIED
    urgency: Urgency | None = None
    """None: urgent exactly when the reason is one of the four urgent ones."""
    language: str = "nb"
    note: str | None = None
    request_id: str | None = None
    """Given by a call so that a repeated registration is no second request."""
    by: str | None = None
    """How a caller did it: `key`, `silence` or `wrong_key`; for the ledger."""
    interpreter: bool = False
    interpreter_at: datetime | None = None
    """When one is booked, aware."""
    protected: bool = False
    day_part: DayPart | None = None
    """When in the day they wish to be rung."""
    caller: str | None = None
    """The number that rang us, which may ask so often a day; None: nobody is counted."""


class TooManyRegistrations(DeskError):
    """This number has asked to be registered too often today."""


class Desk(
    DeskOffer,
    DeskColleagues,
    DeskNotices,
    DeskPerson,
    DeskDutyCheck,
    DeskDutyResult,
    DeskReport,
    DeskOffices,
    DeskSweep,
):
    """The use cases. Raises DeskError and StoreError kinds, IllegalTransition, NumberRefused."""

    # -- registering

    async def register(self, registration: Registration) -> tuple[CallbackRequest, bool]:
        """Put someone on the list, or find their open request: (request, created). Whoever is on it is not counted,
        and never refused with TooManyRegistrations."""
        office = self.office(registration.office_no)
        phone = None
        if registration.phone is not None:
            phone = await self.checked_number(registration.phone)
            if registration.origin is Origin.PHONE and registration.by in (None, "key"):
                await self._asks_for_a_call(phone)
            else:
                await self._refuse_never_called(phone)
        urgency = registration.urgency or (
            Urgency.URGENT if registration.reason in URGENT_REASONS else Urgency.ORDINARY
        )
        now = self.clock.now()
        clock = deadline(now, self.calendar(office.office_no), urgent=urgency is Urgency.URGENT)
        request = CallbackRequest(
            id=registration.request_id or uuid.uuid4().hex,
            reference=_new_reference(),
            office_no=office.office_no,
            phone=phone,
            state=RequestState.WAITING,
            urgency=urgency,
            reason=registration.reason,
            language=registration.language,
            origin=registration.origin,
            registered_at=now,
            due_at=clock.due_at,
            answer_by_date=clock.answer_by_date,
            last_workable_at=clock.last_workable_at,
            next_attempt_at=now,
            registered_by=registration.registered_by,
            note=registration.note,
            interpreter=registration.interpreter,
            interpreter_at=self._booking(registration.interpreter, registration.interpreter_at),
            protected=registration.protected,
            day_part=registration.day_part,
            number_source=(
                NumberSource.CALLER_ID if registration.origin is Origin.PHONE else NumberSource.STAFF
            ),
        )
        request = self._with_next_step(replace(request, next_attempt_at=self._plan(request)))
        how = {"by": registration.by} if registration.by else {}
        counter = None if registration.caller is None else await self._registrations_of(registration.caller)
        for _ in range(_REFERENCES_TRIED):
            entry = self._entry(
                request, registration.registered_by, "registered", None, urgency=urgency.value, **how
            )
            try:
                saved, created = await self.store.register(request, entry, counter=counter)
            except ReferenceTaken:
                request = replace(request, reference=_new_reference())
                continue
            except LimitReached as reached:
                await self._count_refusal(TOO_MANY_REGISTRATIONS)
                raise TooManyRegistrations("this number has asked too often today") from reached
            log.info("request_registered", request_id=saved.id, office=saved.office_no, created=created)
            if not created and saved.id != registration.request_id:
                saved = await self._registered_again(saved.id, request, registration.registered_by)
            return saved, created
        raise ReferenceTaken("no free reference found; far too many open requests")

    async def _registered_again(self, request_id: str, again: CallbackRequest, actor: str) -> CallbackRequest:
        """Someone on the list asks again: same clock, due now, and what is new is not forgotten. After a
        talk whose result nobody has written, it means that they want to be rung again."""

        async def change(request: CallbackRequest) -> CallbackRequest:
            urgent = Urgency.URGENT in (request.urgency, again.urgency)
            told = again.reason if again.reason is not Reason.UNSPECIFIED else request.reason
            notes = [note for note in (request.note, again.note) if note]
            new: dict[str, Any] = {
                "urgency": Urgency.URGENT if urgent else Urgency.ORDINARY,
                "reason": request.reason if request.reason in URGENT_REASONS else told,
                "note": "\n".join(dict.fromkeys(notes)) or None,
                "protected": request.protected or again.protected,
                "interpreter": request.interpreter or again.interpreter,
                "interpreter_at": again.interpreter_at or request.interpreter_at,
            }
            if urgent and request.urgency is Urgency.ORDINARY:
                new |= self._urgent_clock(request)
            if request.is_out_of_reach(self.clock.now()):
                new["reachable_until"] = None  # they can be rung there again
            if again.number_source is NumberSource.CALLER_ID:
                new["number_source"] = NumberSource.CALLER_ID
            if request.state in (RequestState.WAITING, RequestState.UNREACHABLE, RequestState.RESULT_DUE):
                due = self._plan(replace(request, **new), at_once=True)
                new["next_attempt_at"] = min(request.next_attempt_at or due, due)
            if request.state is RequestState.RESULT_DUE:
                attempt = replace(request.attempts[-1], result=CallResult.RING_AGAIN)
                return await self._apply_saved(
                    request, RequestEvent.RESULT_RING_AGAIN, actor, {"registered_again": True},
                    attempt=attempt, claimed_by=None, claimed_at=None, **new,
                )  # fmt: skip
            after = self._fitted(replace(request, **new))
            entry = self._entry(after, actor, "registered_again", request.state)
            (saved,) = await self.store.save(Change(after, (entry,)))
            return saved

        return await self._retrying(request_id, change)

    async def set_number(
        self, request_id: str, raw: str, actor: str, source: NumberSource = NumberSource.STAFF
    ) -> CallbackRequest:
        """Ring the request at another number. Where that number already has an open request at the
        office, the older of the two lives on and the younger is withdrawn into it; returns the one that
        will be rung at the number. It is taken for no borrowed one: that is told anew. What was tried at
        the old number says nothing of this one."""
        phone = await self.checked_number(raw)
        if actor != "caller":  # what a caller keys in has been through `may_key`
            await self._refuse_never_called(phone)

        async def change(request: CallbackRequest) -> CallbackRequest:
            if not request.is_open:
                return request
            if request.phone == phone and not request.is_out_of_reach(self.clock.now()):
                return request
            moved = self._replanned(replace(request, phone=phone, number_source=source, reachable_until=None))
            entry = self._entry(moved, actor, "number_changed", request.state)
            try:
                (saved,) = await self.store.save(Change(moved, (entry,)))
            except NumberTaken as taken:
                return await self._merge(request, await self.get(taken.request_id), actor)
            return saved

        return await self._retrying(request_id, change)

    async def _merge(self, request: CallbackRequest, other: CallbackRequest, actor: str) -> CallbackRequest:
        """Both are one person's. The older clock lives on; both rows are saved together, so that nobody can
        end the one that stays in between (the race is lost by StaleRequest, and tried again)."""
        if not other.is_open:
            raise StaleRequest("the number was given free in between")
        stays, goes = sorted((request, other), key=lambda r: (r.registered_at, r.id))
        if goes is other and goes.state not in IDLE:
            return other  # a colleague is busy with it: both stay, and the older clock with them
        if goes.state is RequestState.CALLING:
            return other
        gone = replace(
            goes, state=next_state(goes, RequestEvent.WITHDRAWN),
            claimed_by=None, claimed_at=None, next_attempt_at=None, escalates_at=None,
        )  # fmt: skip
        kept = replace(stays, phone=other.phone, number_source=other.number_source, reachable_until=None)
        kept = self._fitted(with_fitness_of(with_wishes_of(kept, goes), goes))
        if goes.urgency is Urgency.URGENT and kept.urgency is Urgency.ORDINARY:
            kept = replace(kept, **self._urgent_clock(kept))
        kept = replace(kept, language=request.language)  # of the two, the one who speaks now
        if _planned_by(kept) != _planned_by(stays):
            kept = self._with_next_step(self._replanned(kept, at_once=True), sooner=True)
        changes = (
            Change(gone, (self._entry(gone, actor, "withdrawn", goes.state, merged_into=stays.id),)),
            Change(kept, (self._entry(kept, actor, "merged", stays.state, merged=goes.id),)),
        )
        saved = await self.store.save(*changes)
        return saved[1]

    # -- claiming and ringing

    async def claim(self, request_id: str, person_id: str) -> CallbackRequest:
        """Take a request. Taking one's own again is fine; raises HeldByOther for a colleague's."""
        person = self.person(person_id)

        async def change(request: CallbackRequest) -> CallbackRequest:
            self._refuse_other(request, person)
            if request.state is RequestState.CLAIMED:
                return request
            now = self.clock.now()
            limit = now + self.config.settings.calls.claim_limit
            return await self._apply_saved(
                request, RequestEvent.CLAIMED, person_id,
                claimed_by=person_id, claimed_at=now, next_attempt_at=limit,
            )  # fmt: skip

        return await self._retrying(request_id, change)

    async def release(self, request_id: str, actor: str) -> CallbackRequest:
        """Give a claimed request back to the list, due now."""

        async def change(request: CallbackRequest) -> CallbackRequest:
            return await self._apply_saved(
                request, RequestEvent.RELEASED, actor,
                claimed_by=None, claimed_at=None, next_attempt_at=self._plan(request),
            )  # fmt: skip

        return await self._retrying(request_id, change)

    async def start_attempt(
        self, request_id: str, person_id: str, attempt_id: str
    ) -> tuple[CallbackRequest, CallAttempt]:
        """Claim and begin to ring, in one act. Raises HeldByOther, NumberInCall, CaseworkerInCall,
        HasNoNumber, OutOfReach, AskedNotToBeCalled, IllegalTransition."""
        person = self.person(person_id)

        async def change(request: CallbackRequest) -> CallbackRequest:
            starting = self._starting(request, person, attempt_id)
            await self._refuse_ringing(request)
            return await self._saved(request, starting)

        saved = await self._retrying(request_id, change)
        return saved, attempt_of(saved, attempt_id)

    async def is_live(self, attempt_id: str) -> bool:
        """Whether this attempt has begun and not ended."""
        request = await self.store.get_by_attempt(attempt_id)
        return request is not None and attempt_of(request, attempt_id).ended_at is None

    async def attempt_ringing(self, attempt_id: str) -> None:
        """The caller's phone is rung now."""
        await self._mark(attempt_id, "caller_ringing", ringing_at=self.clock.now())

    async def attempt_connected(self, attempt_id: str) -> None:
        """Caller and caseworker were joined now."""
        await self._mark(attempt_id, "connected", connected_at=self.clock.now())

    async def end_attempt(
        self, attempt_id: str, outcome: AttemptOutcome, cause: int | None = None
    ) -> CallbackRequest:
        """The call is over. Saying so again changes nothing."""

        async def change(request: CallbackRequest) -> CallbackRequest:
            attempt = attempt_of(request, attempt_id)
            if attempt.ended_at is not None:
                return request
            talked = outcome is AttemptOutcome.ANSWERED
            now = self.clock.now()
            ended = replace(attempt, ended_at=now, outcome=outcome, cause=cause)
            details = {"attempt": attempt_id, "outcome": outcome.value, "cause": cause}
            if talked:
                return await self._apply_saved(
                    request, RequestEvent.CALL_TALKED, attempt.caseworker, details, attempt=ended,
                    next_attempt_at=now + self.config.settings.calls.result_limit,
                )  # fmt: skip
            sms = self.config.settings.notices.sms is not None and tells(request, ended)
            return await self._apply_saved(
                request, RequestEvent.CALL_MISSED, "service", details, attempt=ended,
                notices=(about_attempt(ended, now),) if sms else (),
                claimed_by=None, claimed_at=None,
                next_attempt_at=self._plan(with_attempt(request, ended), at_once=ended.inbound),
            )  # fmt: skip

        saved = await self._by_attempt(attempt_id, change)
        attempt = attempt_of(saved, attempt_id)
        if attempt.ringing_at is not None:
            await self._leave_in_peace(attempt.caseworker)
        return saved

    async def record_result(
        self, request_id: str, person_id: str, result: CallResult, note: str | None = None
    ) -> CallbackRequest:
        """What the caseworker says of the last conversation."""
        person = self.person(person_id)

        async def change(request: CallbackRequest) -> CallbackRequest:
            self._refuse_other(request, person)
            if request.state is RequestState.CALLING:
                raise DeskError("the call is not over yet; record the result when both have hung up")
            event = RequestEvent.RESULT_RING_AGAIN
            if result is CallResult.REACHED:
                event = RequestEvent.RESULT_REACHED
            next_state(request, event)
            talk = _last_talk(request)
            if talk is None or talk.result is not None:
                raise DeskError("there is no conversation without a result")
            attempt = replace(talk, result=result)
            after = with_attempt(request, attempt)
            again = None if result is CallResult.REACHED else self._plan(after)
            return await self._apply_saved(
                request, event, person_id, {"attempt": attempt.id, "result": result.value}, attempt=attempt,
                claimed_by=None, claimed_at=None, next_attempt_at=again, note=note or request.note,
            )  # fmt: skip

        saved = await self._retrying(request_id, change)
        await self._leave_in_peace(person_id)
        return saved

    # -- ending without a talk, and moving

    async def withdraw(self, request_id: str, actor: str) -> CallbackRequest:
        """The caller no longer wants to be rung."""

        async def change(request: CallbackRequest) -> CallbackRequest:
            return await self._apply_saved(
                request, RequestEvent.WITHDRAWN, actor, claimed_by=None, claimed_at=None, next_attempt_at=None
            )

        return await self._retrying(request_id, change)

    async def decide(self, request_id: str, person_id: str, why: str, other_channel: str) -> CallbackRequest:
        """A named person ends it: why, and which other channel was tried. Both go to the note; the ledger
        only says that they were written (it never holds free text)."""
        person = self.person(person_id)
        if not why.strip() or not other_channel.strip():
            raise MissingText("write why, and which other channel was tried (letter, visit, e-mail ...)")

        async def change(request: CallbackRequest) -> CallbackRequest:
            self._refuse_other(request, person)
            text = f"{why.strip()} ({other_channel.strip()})"
            note = f"{request.note}\n{text}" if request.note else text
            return await self._apply_saved(
                request, RequestEvent.DECIDED, person_id, {"reason_written": True, "other_channel_written": True},
                claimed_by=None, claimed_at=None, next_attempt_at=None, note=note,
            )  # fmt: skip

        return await self._retrying(request_id, change)

    async def reassign(self, request_id: str, to_person_id: str, actor: str) -> CallbackRequest:
        """Give the request to a colleague of the same office; place and clock stay."""
        to = self.person(to_person_id)

        async def change(request: CallbackRequest) -> CallbackRequest:
            if to.office_no != request.served_by:
                raise UnknownPerson(f"{to.name} does not belong to office {request.served_by}")
            if not may_serve(request, to):
                raise MayNotServe(f"{to.name} may have nothing to do with request {request.id}")
            if not request.is_open or request.state is RequestState.CALLING:
                raise DeskError(f"a request that is {request.state} cannot be reassigned now")
            moved = replace(request, assigned_to=to.id)
            if request.state is RequestState.CLAIMED:
                back = next_state(request, RequestEvent.RELEASED)
                moved = replace(
                    moved, state=back, claimed_by=None, claimed_at=None, next_attempt_at=self._plan(request)
                )
            elif request.claimed_by is not None:
                moved = replace(moved, claimed_by=to.id)
            entry = self._entry(moved, actor, "reassigned", request.state, to=to.id)
            (saved,) = await self.store.save(Change(moved, (entry,)))
            return saved

        return await self._retrying(request_id, change)

    # -- the sweep

    async def sweep(self) -> int:
        """Give back claims nobody acted on; returns how many requests were changed. A conversation
        without a result stays `result_due` and on the list: only a person knows how it went. Then steps of the
        escalation, old counts go, and what ended longer ago than it is kept; gaps in the rosters are told."""
        released = await self._release_expired()
        await self.settle()
        await self._escalate()
        await self._forget_counts()
        await self._erase_old()
        await self.warn_of_gaps()
        await self.forget_shifts()
        return released


def _last_talk(request: CallbackRequest) -> CallAttempt | None:
    """The last attempt in which they were joined, as far as we know."""
    talks = [a for a in request.attempts if a.connected_at or a.outcome is AttemptOutcome.ANSWERED]
    return talks[-1] if talks else None


def _planned_by(request: CallbackRequest) -> tuple[object, ...]:
    return request.phone, request.urgency, request.day_part, request.interpreter_at


def _new_reference() -> str:
    return f"{secrets.randbelow(900_000) + 100_000}"
