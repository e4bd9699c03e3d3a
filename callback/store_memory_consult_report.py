"""What the store in memory answers about many consult calls: as `store_consult_report`, no disk."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from callback.consult import Consult, ConsultCaller, ConsultOutcome, Promise
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
        return self._in_order(c for c in self._consults.values() if c.request_id == request_id)

    async def promises(
        self, since: datetime, office_no: str | None = None, until: datetime | None = None
    ) -> list[Promise]:
        found = []
        for call, _ in await self.consults(since, office_no, until):
            if call.caller is ConsultCaller.CONTACT_CENTRE and call.outcome is ConsultOutcome.PROMISED:
                request = await self.get(call.request_id or "")
                if request is not None:
                    found.append(_promise(call, request, await self.ledger(request.id)))
        return found

    async def consult_counts(self) -> dict[tuple[str, ConsultCaller, ConsultOutcome], int]:
        self._check_open()
        return Counter((c.office_no, c.caller, c.outcome) for c in self._consults.values() if c.outcome)

    async def consult_waits(self, since: datetime) -> list[tuple[str, timedelta]]:
        first = aware_utc(since)
        self._check_open()
        return [
            (c.office_no, c.waited)
            for c in self._in_order(self._consults.values())
            if c.started_at >= first
            and c.caller is ConsultCaller.CONTACT_CENTRE
            and c.outcome is ConsultOutcome.ANSWERED
            and c.waited is not None
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
