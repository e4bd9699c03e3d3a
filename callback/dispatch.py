"""Who is offered what, when. For now: a caseworker clicked "Ring". It never rings by itself."""

from __future__ import annotations

import uuid
from datetime import timedelta

import structlog

from callback.desk import Desk, DeskError
from callback.request import FREE_OUTCOMES, AttemptOutcome, CallAttempt, CallbackError, CallbackRequest
from callback.store import StoreError
from hardware.line import LineError, LineUnavailable
from ivr.callback_call import CallbackFacts
from ivr.prompts import spoken_tag
from ivr.runner import Runner

log = structlog.get_logger(__name__)


class NoTelephone(DeskError):
    """The caseworker has neither an extension nor a mobile in staff.toml."""


class Dispatch:
    """Starts callbacks on the line."""

    def __init__(self, desk: Desk, runner: Runner) -> None:
        self._desk = desk
        self._runner = runner

    async def ring(self, request_id: str, person_id: str) -> tuple[CallbackRequest, CallAttempt]:
        """Ring the caseworker; after their key press, the caller. The attempt is written before any
        telephone rings. Raises what `Desk.start_attempt` raises, NoTelephone, LineUnavailable."""
        person = self._desk.person(person_id)
        telephone = person.telephone
        if telephone is None:
            raise NoTelephone(f"{person.name} has neither an extension nor a mobile in staff.toml")
        status = self._runner.line.status()
        if not status.up:
            raise LineUnavailable(status.detail)
        request, attempt = await self._desk.start_attempt(request_id, person_id, uuid.uuid4().hex)
        office = self._desk.office(request.office_no)
        facts = CallbackFacts(
            attempt_id=attempt.id,
            caseworker_number=telephone,
            caller_number=attempt.phone or "",
            office_number=office.public_number,
            language=office.languages[0],
            urgent=request.urgency.value == "urgent",
            reason=request.reason.value,
            registered_at=request.registered_at,
            tried_before=any(a.ended_at and a.outcome not in FREE_OUTCOMES for a in request.attempts),
            caseworker_ring=self._desk.config.settings.calls.caseworker_ring,
            caller_ring=self._desk.config.settings.calls.caller_ring,
            screen_language=None
            if request.is_own_number
            else spoken_tag(request.language, office.voice_speed),
        )
        try:
            await self._runner.start_callback(facts, request.office_no)
        except (LineError, StoreError):
            await self._desk.end_attempt(attempt.id, AttemptOutcome.LINE_FAILED)
            raise
        return request, attempt

    async def sweep(self, patience: timedelta = timedelta(minutes=1)) -> None:
        """What the desk sweeps, and: an attempt that no call carries has ended without us, and is our failure.
        One that began within `patience` may be about to get its call."""
        await self._desk.sweep()
        for attempt in await self._desk.store.live_attempts():
            young = self._desk.clock.now() - attempt.started_at < patience
            if young or self._runner.phase(attempt.id) is not None:
                continue
            log.warning("attempt_without_call", attempt=attempt.id)
            try:
                await self._desk.end_attempt(attempt.id, AttemptOutcome.LINE_FAILED)
            except CallbackError as error:  # the next sweep tries again; the others must not wait for it
                log.error("attempt_not_ended", attempt=attempt.id, why=type(error).__name__)
