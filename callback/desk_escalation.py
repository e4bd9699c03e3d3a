"""The escalation: each step is a row and a line in the ledger, and a person says that they have seen it. Part of the desk.

It only warns. It rings nobody, ends nothing and never moves a deadline; the retry plan goes on beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from callback.desk_base import DeskBase, DeskError
from callback.notice import Notice, about_step
from callback.request import CallbackError, CallbackRequest, IllegalTransition
from callback.store import Change, StaleRequest
from callback.warned import warned
from config.model import Person
from scheduler.escalation import STEPS, instants, next_step

log = structlog.get_logger(__name__)

ESCALATED, ACKNOWLEDGED = "escalated", "acknowledged"
"""In the ledger, both with the percent."""
_IN_ONE_SWEEP, _TOGETHER = 1000, 100
"""After an upgrade every open request gets its steps: so many in one sweep, and in one transaction."""


class NothingToAcknowledge(DeskError):
    """No step of the escalation has been reached, or not this one."""


class DeskEscalation(DeskBase):
    """The use cases of the escalation."""

    async def acknowledge(self, request_id: str, person_id: str, step: int | None = None) -> CallbackRequest:
        """A person has seen that the time runs out. `step`: the percent they saw; None means the last step. A step that
        comes later must be acknowledged anew; saying so again changes nothing, and who said so first stays.

        Raises UnknownPerson, MayNotServe, NothingToAcknowledge, and IllegalTransition for a request that has ended."""
        person = self.person(person_id)

        async def change(request: CallbackRequest) -> CallbackRequest:
            self._refuse_barred(request, person)
            seen = request.escalation if step is None else step
            if not request.is_open:
                raise IllegalTransition("the request has ended; there is nothing to acknowledge")
            if seen not in STEPS or seen > request.escalation:
                raise NothingToAcknowledge(f"request {request.id} is at {request.escalation} % of its time")
            if seen <= request.acknowledged:
                return request
            after = replace(request, acknowledged=seen, acknowledged_by=person.id)
            entry = self._entry(after, person.id, ACKNOWLEDGED, request.state, percent=seen)
            (saved,) = await self.store.save(Change(after, (entry,)))
            return saved

        return await self._retrying(request_id, change)

    async def takers(self) -> tuple[Person, ...]:
        """Everybody who takes calls, of every office."""
        people = (self._people.get(person_id) for person_id, _ in await self.ready_since())
        return tuple(person for person in people if person is not None)

    # -- inner workings

    def _with_next_step(self, request: CallbackRequest, *, sooner: bool = False) -> CallbackRequest:
        """With the moment of its next step. `sooner`: its clock got shorter, so never later than it was."""
        at = self._steps(request).get(next_step(request.escalation) or 0) if request.is_open else None
        if sooner and at is not None and request.escalates_at is not None:
            at = min(at, request.escalates_at)
        return replace(request, escalates_at=at)

    def _steps(self, request: CallbackRequest) -> dict[int, datetime]:
        calendar = self._calendars.get(request.office_no)
        if (
            calendar is None
        ):  # the office was taken out of the configuration: all at once, and nobody is forgotten
            return dict.fromkeys(STEPS, request.last_workable_at)
        return instants(request.registered_at, request.last_workable_at, calendar)

    async def _escalate(self) -> int:
        """Every step whose moment has come; returns how many requests were changed."""
        due = await self.store.escalating(self.clock.now(), _IN_ONE_SWEEP)
        takers = await self.takers() if due else ()
        for some in _parts(due, _TOGETHER):
            try:
                await self._save_steps([self._escalated(request, takers) for request in some])
            except StaleRequest:  # somebody acted on one of them: one by one
                for request in some:
                    await self._escalate_one(request, takers)
        return len(due)

    async def _escalate_one(self, request: CallbackRequest, takers: Sequence[Person]) -> None:
        try:
            await self._save_steps([self._escalated(request, takers)])
        except CallbackError as error:  # the next sweep looks again
            log.debug("not_escalated", request_id=request.id, why=str(error))

    async def _save_steps(self, changes: Sequence[Change]) -> None:
        await self.store.save(*changes)
        for change in changes:
            if change.entries:
                request = change.request
                log.warning(
                    "escalated", request_id=request.id, office=request.served_by, percent=request.escalation
                )

    def _escalated(self, request: CallbackRequest, takers: Sequence[Person]) -> Change:
        """Several steps at once are one jump, with a line each. A request from before there were steps gets its own."""
        now, steps = self.clock.now(), self._steps(request)
        following = next_step(request.escalation)
        due = request.escalates_at or steps[following or 100]
        entries, after = [], request
        while following is not None and due <= now:
            after = replace(after, escalation=following)
            entries.append(self._entry(after, "service", ESCALATED, request.state, percent=following))
            following = next_step(following)
            due = steps[following or 100]
        after = replace(after, escalates_at=due if following else None)
        return Change(after, tuple(entries), notices=self._mails(request, after, takers))

    def _mails(
        self, before: CallbackRequest, after: CallbackRequest, takers: Sequence[Person]
    ) -> tuple[Notice, ...]:
        """One for each who is warned and has an address. None for what was late before there were steps."""
        is_new = after.escalation > before.escalation and before.escalates_at is not None
        if not is_new or self.config.settings.notices.email is None:
            return ()
        people = (person for person in warned(after, self.config, takers) if person.email is not None)
        return tuple(about_step(after, after.escalation, person.id, self.clock.now()) for person in people)


def _parts(whole: Sequence[CallbackRequest], size: int) -> list[Sequence[CallbackRequest]]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]
