"""The return pass: whoever was rung in vain and rings back goes straight to a colleague. Part of the desk."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from callback.desk_base import with_attempt
from callback.desk_wishes import IDLE, DeskWishes
from callback.request import (
    AttemptOutcome,
    CallAttempt,
    CallbackRequest,
    IllegalTransition,
    RequestEvent,
    next_state,
)
from callback.store import Change, StoreError
from callback.turn import may_serve
from config.model import Person

log = structlog.get_logger(__name__)

MOST_COLLEAGUES = 3
"""Who may be rung for one caller who rang back."""


@dataclass(frozen=True, slots=True)
class Returning:
    """Someone who was rung in vain is on the line."""

    request: CallbackRequest
    colleagues: tuple[Person, ...]
    """Who is rung for them, in order: the one who tried, then whoever is ready."""


class DeskReturn(DeskWishes):
    """The use cases of the return pass, and of who is ready for it."""

    async def rang_back(self, office_no: str, caller: str) -> Returning | None:
        """Whether this caller was missed and goes past the menu; their request is then due at once. None in any
        other case, outside phone hours, and for a discreet request (someone else may hold the telephone)."""
        now = self.clock.now()
        if not self.calendar(office_no).is_open(now):
            return None
        request = await self.open_request_of(office_no, phone=caller)
        if request is None or not may_return(request) or request.is_out_of_reach(now):
            return None
        serving = self._calendars.get(request.served_by)
        if serving is None or not serving.is_open(now):
            return None

        async def change(request: CallbackRequest) -> CallbackRequest:
            if request.state not in IDLE:
                return request
            due = self._plan(request, at_once=True)
            after = replace(request, next_attempt_at=min(request.next_attempt_at or due, due))
            entry = self._entry(after, "caller", "rang_back", request.state)
            (saved,) = await self.store.save(Change(after, (entry,)))
            return saved

        request = await self._retrying_open(request.id, change)
        return Returning(request, await self._colleagues(request)) if may_return(request) else None

    async def start_return(
        self, request_id: str, person_id: str, attempt_id: str, *, waits: bool = False
    ) -> tuple[CallbackRequest, CallAttempt | None]:
        """Begin to ring a colleague for a person who is on the line; of one who `waits` another colleague may have
        taken the request just now. An attempt to ring that person at the same
        time is ended by it in the same transaction, and returned: its telephones are to be hung up.

        Raises IllegalTransition when they talk already or the request has ended, CaseworkerInCall, NumberInCall."""
        person = self.person(person_id)
        ended: list[CallAttempt] = []

        async def change(request: CallbackRequest) -> CallbackRequest:
            ended.clear()
            known = next((attempt for attempt in request.attempts if attempt.id == attempt_id), None)
            if known is not None and known.ended_at is not None:  # we died before the call knew of it
                raise IllegalTransition(f"attempt {attempt_id} is over")
            if known is not None:
                return request  # the same, said again
            if not may_serve(request, person) and request.claimed_by != person.id:  # whoever took it may
                raise IllegalTransition(f"{person.name} may have nothing to do with request {request.id}")
            if not request.is_open or (request.live_attempt is not None and not may_return(request)):
                raise IllegalTransition(f"request {request.id} is {request.state}, with nothing to return to")
            if waits and request.claimed_by not in (None, person.id):
                raise IllegalTransition(f"request {request.id} was taken by a colleague")
            changes = []
            if request.live_attempt is not None:
                ended.append(self._cut_short(request.live_attempt))
                changes.append(self._missed(request, ended[0]))
                request = replace(changes[0].request, version=request.version + 1)
            now = self.clock.now()
            attempt = CallAttempt(attempt_id, request.id, person.id, request.phone, now, inbound=True)
            after = replace(
                request, state=next_state(request, RequestEvent.CALL_STARTED), claimed_by=person.id, claimed_at=now,
                next_attempt_at=now + self.config.settings.calls.claim_limit,
            )  # fmt: skip
            entry = self._entry(
                after,
                "caller",
                RequestEvent.CALL_STARTED.value,
                request.state,
                attempt=attempt_id,
                inbound=True,
                **({"waited": True} if waits else {}),
            )
            saved = await self.store.save(*changes, Change(after, (entry,), attempt))
            return saved[-1]

        saved = await self._retrying(request_id, change)
        return saved, ended[0] if ended else None

    async def set_ready(self, person_id: str, ready: bool) -> None:
        """Whether calls may be put through to them. Saying so again keeps their place of today."""
        person = self.person(person_id)
        if not ready or person.id not in dict(await self.ready_since()):
            await self.store.set_ready(person.id, None)
        if ready:
            await self.store.set_ready(person.id, self.clock.now())

    async def ready(self, office_no: str) -> list[Person]:
        """Who of the office takes calls, the one who has waited longest first."""
        people = [self._people.get(person_id) for person_id, _ in await self.ready_since()]
        return [person for person in people if person is not None and person.office_no == office_no]

    # -- inner workings

    async def _leave_in_peace(self, person_id: str) -> None:
        """They have just been in a call. Nobody's request waits for this: what fails here is only less peace."""
        try:
            await self.store.postpone_ready(person_id, self.clock.now() + self.config.settings.calls.wrap_up)
        except StoreError as error:
            log.warning("not_left_in_peace", why=type(error).__name__)

    async def _colleagues(self, request: CallbackRequest) -> tuple[Person, ...]:
        tried = request.missed.caseworker if request.missed else ""
        first = [self._people.get(person_id) for person_id in (tried, request.claimed_by or "")]
        people = [
            person
            for person in (*first, *await self.ready(request.served_by))
            if person is not None and may_serve(request, person) and person.has_telephone
        ]
        return tuple({person.id: person for person in people}.values())[:MOST_COLLEAGUES]

    def _cut_short(self, attempt: CallAttempt) -> CallAttempt:
        return replace(attempt, ended_at=self.clock.now(), outcome=AttemptOutcome.CANCELLED)

    def _missed(self, request: CallbackRequest, ended: CallAttempt) -> Change:
        event = RequestEvent.CALL_MISSED
        after = replace(
            with_attempt(request, ended), state=next_state(request, event), claimed_by=None, claimed_at=None
        )
        details = {"attempt": ended.id, "outcome": AttemptOutcome.CANCELLED.value, "rang_back": True}
        return Change(after, (self._entry(after, "caller", event.value, request.state, **details),), ended)


def may_return(request: CallbackRequest) -> bool:
    """Whether they would be put through if they rang back in phone hours."""
    live = request.live_attempt
    return (
        request.is_open
        and not request.discreet
        and request.missed is not None
        and not (live and live.inbound)
    )
