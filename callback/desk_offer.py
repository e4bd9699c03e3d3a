"""The next of an office for those who are free: found, matched and claimed in one act. Part of the desk."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from callback.desk_base import HasNoNumber, OutOfReach
from callback.desk_waiting import DeskWaiting
from callback.request import CallAttempt, CallbackError, CallbackRequest, RequestEvent
from callback.store import Change, NeverCalled, RequestQuery
from callback.turn import OnTheLine, matched
from config.model import Person

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """A request for somebody who is free."""

    request: CallbackRequest
    """With its attempt; otherwise as it was found."""
    person: Person
    attempt: CallAttempt | None = None
    """It is theirs, and their telephone is to be rung. None: refused, or the request's person waits on the line."""
    refused: CallbackError | None = None
    """Why it is not theirs; nothing was written."""


@dataclass(frozen=True, slots=True)
class Offers:
    """What came of a page of the list."""

    made: tuple[Offer, ...]
    last: CallbackRequest | None
    """The page's last, when others may come after it."""


class DeskOffer(DeskWaiting):
    """The use case of being next."""

    async def offer_next(self, query: RequestQuery, free: Sequence[Person], line: OnTheLine) -> Offers:
        """Start an attempt for each of the page who can be rung and whom somebody who is free may take, all in one act:
        nobody comes in between. Those who wait on the line stand in the same order, and nothing is written for them.
        All of `query` are of one office."""
        await self._know_key()
        staff = self.staff(query.served_by or "")
        made: list[Offer] = []
        last: CallbackRequest | None = None

        def choose(found: list[CallbackRequest], never_called: NeverCalled) -> list[Change]:
            nonlocal last
            last = found[-1] if found and len(found) == query.limit else None
            subjects = self._subjects(found)
            never = never_called(frozenset(subjects.values())) if subjects else frozenset()
            due = self._served_now(found, line, frozenset(i for i, s in subjects.items() if s in never))
            changes = []
            for request, person in matched(due, free, staff):
                offer = Offer(request, person)
                if request.id not in line.waiting:
                    try:
                        changes.append(self._starting(request, person, uuid.uuid4().hex))
                        offer = replace(offer, attempt=changes[-1].attempt)
                    except CallbackError as error:
                        offer = replace(offer, refused=error)
                made.append(offer)
            return changes

        answers = iter(await self.store.find_and_save(replace(query, waiting=line.waiting), choose))
        return Offers(
            tuple(offer if offer.attempt is None else _answered(offer, next(answers)) for offer in made), last
        )

    def _starting(self, request: CallbackRequest, person: Person, attempt_id: str) -> Change:
        """They begin to ring. Raises HeldByOther, HasNoNumber, OutOfReach, IllegalTransition."""
        self._refuse_other(request, person)
        if request.is_open and request.phone is None:
            raise HasNoNumber(f"request {request.id} has no number to ring yet")
        now = self.clock.now()
        if request.is_open and request.is_out_of_reach(now):
            raise OutOfReach(f"request {request.id} can no longer be rung at its number; it needs one again")
        attempt = CallAttempt(attempt_id, request.id, person.id, request.phone, started_at=now)
        return self._change(
            request, RequestEvent.CALL_STARTED, person.id, {"attempt": attempt_id}, attempt=attempt,
            claimed_by=person.id, claimed_at=now, next_attempt_at=now + self.config.settings.calls.claim_limit,
        )  # fmt: skip


def _answered(offer: Offer, answer: CallbackRequest | CallbackError) -> Offer:
    if isinstance(answer, CallbackError):
        return replace(offer, attempt=None, refused=answer)
    before = offer.request.state
    log.info("request_changed", request_id=answer.id, change=f"{before} -[call_started]-> {answer.state}")
    return replace(offer, request=answer)
