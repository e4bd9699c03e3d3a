"""The consult calls of the Store in memory: same rules as `store_consults`, no disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from callback.consult import Consult, DutyLeg
from callback.store_consults import consult_from, consult_row, in_call, leg_from, leg_row
from scheduler.clock import aware_utc


class MemoryConsults(ABC):
    """See callback.store.Store."""

    def __init__(self) -> None:
        super().__init__()
        self._consults: dict[str, Consult] = {}
        self._duty_legs: dict[str, DutyLeg] = {}

    @abstractmethod
    def _check_open(self) -> None:
        """Raises StoreUnavailable."""

    @abstractmethod
    def _is_in_attempt(self, person_id: str) -> bool:
        """Whether they have an attempt that has not ended."""

    def _is_rung(self, person_id: str) -> bool:
        """Whether a telephone of theirs is rung as on duty, and they have not been joined."""
        return any(leg.person_id == person_id and leg.joined_at is None for leg in self._live())

    def _live(self) -> list[DutyLeg]:
        return [leg for leg in self._duty_legs.values() if leg.ended_at is None]

    async def save_consult(self, consult: Consult) -> None:
        consult = consult_from(consult_row(consult))
        self._check_open()
        self._consults[consult.id] = consult

    async def ring_duty(self, *legs: DutyLeg) -> tuple[DutyLeg, ...]:
        legs = tuple(leg_from(leg_row(leg)) for leg in legs)
        self._check_open()
        for leg in legs:
            busy = self._is_in_attempt(leg.person_id) or any(
                leg.person_id == other.person_id or leg.telephone == other.telephone for other in self._live()
            )
            self._duty_legs.setdefault(leg.id, in_call(leg) if busy else leg)
        return tuple(self._duty_legs[leg.id] for leg in legs)

    async def save_duty_leg(self, leg: DutyLeg) -> None:
        leg = leg_from(leg_row(leg))
        self._check_open()
        before = self._duty_legs.get(leg.id)
        if before is not None and before.ended_at is None:
            self._duty_legs[leg.id] = leg

    async def consult(self, consult_id: str) -> Consult | None:
        self._check_open()
        return self._consults.get(consult_id)

    async def open_consults(self) -> list[Consult]:
        self._check_open()
        return sorted((c for c in self._consults.values() if c.ended_at is None), key=lambda c: c.id)

    async def consults(
        self, since: datetime, office_no: str | None = None
    ) -> list[tuple[Consult, tuple[DutyLeg, ...]]]:
        first = aware_utc(since)
        self._check_open()
        found = [
            c for c in self._consults.values() if c.started_at >= first and office_no in (None, c.office_no)
        ]
        return [(c, self._legs_of(c.id)) for c in sorted(found, key=lambda c: (c.started_at, c.id))]

    async def duty_legs(self, consult_id: str) -> tuple[DutyLeg, ...]:
        self._check_open()
        return self._legs_of(consult_id)

    async def live_duty_legs(self) -> list[DutyLeg]:
        self._check_open()
        return sorted(self._live(), key=lambda leg: (leg.rung_at, leg.id))

    def _legs_of(self, consult_id: str) -> tuple[DutyLeg, ...]:
        found = (leg for leg in self._duty_legs.values() if leg.consult_id == consult_id)
        return tuple(sorted(found, key=lambda leg: (leg.rung_at, leg.id)))
