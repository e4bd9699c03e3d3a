"""What the store in memory answers about many consult calls: as `store_consult_report`, no disk."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from callback.consult import Consult, ConsultCaller, ConsultOutcome, DutyCount, DutyLeg, EndedCall, Promise
from callback.request import CallbackRequest, LedgerEntry
from callback.store_memory_consults import MemoryConsults
from scheduler.clock import aware_utc


class MemoryConsultReport(MemoryConsults):
    """See callback.consult.ConsultStore."""

    @abstractmethod
    async def get(self, request_id: str) -> CallbackRequest | None: ...

    @abstractmethod
    async def ledger(self, request_id: str) -> list[LedgerEntry]: ...

    async def consults_of(self, request_id: str) -> list[Consult]:
        self._check_open()
        found = (c for c in self._consults.values() if c.request_id == request_id)
        return sorted(found, key=lambda c: (c.started_at, c.id))

    async def ended_calls(
        self, since: datetime, until: datetime, office_no: str | None = None
    ) -> list[EndedCall]:
        return [
            EndedCall(call.office_no, call.caller, outcome, call.waited)
            for call, _, outcome in await self._ended(since, until, office_no)
        ]

    async def duty_outcomes(
        self, since: datetime, until: datetime, office_no: str | None = None
    ) -> list[DutyCount]:
        found = Counter(
            (call.office_no, leg.person_id, leg.outcome)
            for call, legs, _ in await self._ended(since, until, office_no)
            for leg in legs
            if leg.outcome is not None
        )
        return [DutyCount(*of, count) for of, count in sorted(found.items())]

    async def promises(self, since: datetime, until: datetime, office_no: str | None = None) -> list[Promise]:
        found = []
        for call, _, outcome in await self._ended(since, until, office_no):
            request = await self.get(call.request_id or "")
            is_promise = call.caller is ConsultCaller.CONTACT_CENTRE and outcome is ConsultOutcome.PROMISED
            if is_promise and request is not None:
                found.append(_promise(call, request, await self.ledger(request.id)))
        return found

    async def consult_counts(self) -> dict[tuple[str, ConsultCaller, ConsultOutcome], int]:
        self._check_open()
        return Counter((c.office_no, c.caller, c.outcome) for c in self._consults.values() if c.outcome)

    async def _ended(
        self, since: datetime, until: datetime, office_no: str | None
    ) -> list[tuple[Consult, tuple[DutyLeg, ...], ConsultOutcome]]:
        end = aware_utc(until)
        return [
            (call, legs, call.outcome)
            for call, legs in await self.consults(since, office_no)
            if call.started_at < end
            and call.outcome is not None
            and call.caller is not ConsultCaller.DUTY_CHECK
        ]


def _promise(call: Consult, request: CallbackRequest, ledger: Sequence[LedgerEntry]) -> Promise:
    def first(*times: datetime | None) -> datetime | None:
        return min((at for at in times if at is not None and at >= call.started_at), default=None)

    return Promise(
        call.id,
        call.office_no,
        call.started_at,
        request.due_at,
        first(*(a.connected_at for a in request.attempts)),
        first(
            *(a.ringing_at or a.connected_at for a in request.attempts),
            *(entry.at for entry in ledger if entry.event == "claimed"),
        ),
        first(*(entry.at for entry in ledger if entry.to_state == "withdrawn")),
    )
