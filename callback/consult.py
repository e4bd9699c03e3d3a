"""The record of one call that asks for whoever is on duty: what was rung, and what came of it. Pure.

Nothing here holds a number, a name or a note of the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class ConsultCaller(StrEnum):
    """Who asks."""

    CONTACT_CENTRE = "contact_centre"
    CALLER = "caller"
    """Somebody in the menu: it is urgent, or they want to talk with a person."""
    DUTY_CHECK = "duty_check"
    """We ask whoever is about to be on duty, or was rung back to say what came of a talk."""


class ConsultOutcome(StrEnum):
    ANSWERED = "answered"
    """A person on duty talked with them."""
    PROMISED = "promised"
    """Nobody could; a request was made of it, or their own goes on."""
    GAVE_UP = "gave_up"
    """They hung up before either."""
    LOST = "lost"
    """Our own failure: what became of the call is not known."""


class ConsultResult(StrEnum):
    """What the person on duty says of it."""

    SOLVED = "solved"
    FOLLOW_UP = "follow_up"


class DutyOutcome(StrEnum):
    """How it ended with one telephone that was rung."""

    TALKED = "talked"
    DROPPED = "dropped"
    """They accepted, and were gone after a few seconds."""
    IN_CALL = "in_call"
    """Not rung at all: they were in a call."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    """Also a voicemail that answers: it presses nothing."""
    DECLINED = "declined"
    CANCELLED = "cancelled"
    """Another one took it, or the caller hung up."""
    FAILED = "failed"
    """The line, or a number that does not exist."""


@dataclass(frozen=True, slots=True)
class Consult:
    """One call. Times are aware UTC."""

    id: str
    """Of the call."""
    office_no: str
    line_id: str
    caller: ConsultCaller
    started_at: datetime
    request_id: str | None = None
    """The caller's own, or the one that was made of it."""
    answered_at: datetime | None = None
    """When the first person on duty was joined with them."""
    answered_by: str | None = None
    """Person id."""
    ended_at: datetime | None = None
    outcome: ConsultOutcome | None = None
    result: ConsultResult | None = None
    shift_id: str | None = None
    """Which shift a duty check is about."""

    @property
    def waited(self) -> timedelta | None:
        """How long until a person answered."""
        return None if self.answered_at is None else self.answered_at - self.started_at


@dataclass(frozen=True, slots=True)
class DutyLeg:
    """One telephone of somebody on duty, rung once."""

    id: str
    """Of the leg."""
    consult_id: str
    person_id: str
    telephone: str
    rung_at: datetime
    joined_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: DutyOutcome | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """A request that was promised to the contact centre, and what became of it since. Times are aware UTC."""

    consult_id: str
    office_no: str
    made_at: datetime
    """When the call began."""
    due_at: datetime
    talked_at: datetime | None = None
    """When somebody first talked with them."""
    taken_at: datetime | None = None
    """When somebody first took it: claimed it, or pressed 1 so that the person's telephone rang."""
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EndedCall:
    """What the report needs to know of a call."""

    office_no: str
    caller: ConsultCaller
    outcome: ConsultOutcome
    waited: timedelta | None
    """As `Consult.waited`."""


@dataclass(frozen=True, slots=True)
class DutyCount:
    """How often a person's telephone came to an outcome in the calls of an office."""

    office_no: str
    person_id: str
    outcome: DutyOutcome
    count: int


class ConsultStore(Protocol):
    """The part of the store that keeps them. One telephone rings for one person at a time: whoever is rung, or in a call,
    is not rung for another."""

    async def save_consult(self, consult: Consult) -> None:
        """Insert or replace by id."""

    async def ring_duty(self, *legs: DutyLeg) -> tuple[DutyLeg, ...]:
        """Write that these are rung, all in one act. One whose person or telephone is in a call is written as ended,
        `in_call`, and must not be rung. A leg that is there is returned as it is."""

    async def save_duty_leg(self, leg: DutyLeg) -> None:
        """What became of it; one that has ended stays as it is."""

    async def consult(self, consult_id: str) -> Consult | None: ...

    async def open_consults(self) -> list[Consult]:
        """Those that have not ended."""

    async def consults(
        self, since: datetime, office_no: str | None = None
    ) -> list[tuple[Consult, tuple[DutyLeg, ...]]]:
        """Those that began at `since` or later, oldest first, each with its legs in the order they were rung."""

    async def consults_of(self, request_id: str) -> list[Consult]:
        """Those that are about this request, oldest first."""

    async def ended_calls(
        self, since: datetime, until: datetime, office_no: str | None = None
    ) -> list[EndedCall]:
        """Those that began at `since` or later and before `until`, and have ended, the oldest first. Duty checks ask
        for nobody, and are not among them."""

    async def duty_outcomes(
        self, since: datetime, until: datetime, office_no: str | None = None
    ) -> list[DutyCount]:
        """Of the telephones that were rung in those calls."""

    async def promises(self, since: datetime, until: datetime, office_no: str | None = None) -> list[Promise]:
        """Those made to the contact centre in those calls, the oldest first."""

    async def consult_counts(self) -> dict[tuple[str, ConsultCaller, ConsultOutcome], int]:
        """All that have ended, by office, who asked, and outcome."""

    async def duty_legs(self, consult_id: str) -> tuple[DutyLeg, ...]:
        """In the order they were rung."""

    async def live_duty_legs(self) -> list[DutyLeg]:
        """Those that have not ended, oldest first."""
