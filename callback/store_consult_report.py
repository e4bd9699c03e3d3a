"""What the SQLite store answers about many consult calls: for the report, the metrics, and a request's own page."""

# ruff: noqa: S608 - the SQL is put together from this file's own words; every value is bound

from __future__ import annotations

from datetime import datetime

from callback.consult import (
    Consult,
    ConsultCaller,
    ConsultOutcome,
    DutyCount,
    DutyOutcome,
    EndedCall,
    Promise,
)
from callback.store_consults import COLUMNS, SqliteConsults, consult_from
from callback.store_rows import from_text, to_text
from callback.store_schema import Database

_OF = f"SELECT {', '.join(COLUMNS)} FROM consult WHERE request_id = ? ORDER BY started_at, id"
# What was before the call is not what became of the promise: a request may have been there already.
_PROMISES = """SELECT consult.id, consult.office_no, consult.started_at, request.due_at,
    (SELECT min(connected_at) FROM attempt
        WHERE request_id = request.id AND connected_at >= consult.started_at),
    (SELECT min(coalesce(ringing_at, connected_at)) FROM attempt
        WHERE request_id = request.id AND coalesce(ringing_at, connected_at) >= consult.started_at),
    (SELECT min(at) FROM ledger WHERE request_id = request.id AND event = 'claimed' AND at >= consult.started_at),
    (SELECT min(at) FROM ledger WHERE request_id = request.id AND to_state = 'withdrawn' AND at >= consult.started_at)
    FROM consult JOIN request ON request.id = consult.request_id
    WHERE caller = 'contact_centre' AND outcome = 'promised' AND {where} ORDER BY consult.started_at, consult.id"""
_COUNTS = """SELECT office_no, caller, outcome, count(*) FROM consult WHERE outcome IS NOT NULL
    GROUP BY office_no, caller, outcome"""
_ENDED = """SELECT office_no, caller, outcome, started_at, answered_at FROM consult
    WHERE {where} AND caller <> 'duty_check' AND outcome IS NOT NULL ORDER BY started_at, id"""
_DUTY = """SELECT consult.office_no, duty_leg.person_id, duty_leg.outcome, count(*)
    FROM consult CROSS JOIN duty_leg ON duty_leg.consult_id = consult.id
    WHERE {where} AND caller <> 'duty_check' AND consult.outcome IS NOT NULL AND duty_leg.outcome IS NOT NULL GROUP BY 1, 2, 3"""
_CALLERS = {one.value: one for one in ConsultCaller}
_OUTCOMES = {one.value: one for one in ConsultOutcome}


def ended_calls(db: Database, *span: str | None) -> list[EndedCall]:
    sql, values = _in(_ENDED, *span)
    return [
        EndedCall(
            office_no,
            _CALLERS[caller],
            _OUTCOMES[outcome],
            None if answered is None else from_text(answered) - from_text(started),
        )
        for office_no, caller, outcome, started, answered in db.conn.execute(sql, values)
    ]


def duty_outcomes(db: Database, *span: str | None) -> list[DutyCount]:
    rows = db.conn.execute(*_in(_DUTY, *span))
    return [DutyCount(office, person, DutyOutcome(outcome), count) for office, person, outcome, count in rows]


def promises(db: Database, *span: str | None) -> list[Promise]:
    found = []
    for consult_id, office, made_at, due_at, talked, rung, claimed, withdrawn in db.conn.execute(
        *_in(_PROMISES, *span)
    ):
        taken = min((at for at in (rung, claimed) if at is not None), default=None)
        times = (from_text(at) if at is not None else None for at in (talked, taken, withdrawn))
        found.append(Promise(consult_id, office, from_text(made_at), from_text(due_at), *times))
    return found


def consults_of(db: Database, request_id: str) -> list[Consult]:
    return [consult_from(row) for row in db.conn.execute(_OF, (request_id,))]


def counts(db: Database) -> dict[tuple[str, ConsultCaller, ConsultOutcome], int]:
    return {
        (office_no, _CALLERS[caller], _OUTCOMES[outcome]): count
        for office_no, caller, outcome, count in db.conn.execute(_COUNTS)
    }


def _in(
    sql: str, since: str | None, until: str | None, office_no: str | None
) -> tuple[str, list[str | None]]:
    """The question about one office, or about all: each has its index."""
    where = "consult.started_at >= ? AND consult.started_at < ?"
    if office_no is None:
        return sql.format(where=where), [since, until]
    return sql.format(where=f"consult.office_no = ? AND {where}"), [office_no, since, until]


class SqliteConsultReport(SqliteConsults):
    """See callback.consult.ConsultStore."""

    async def consults_of(self, request_id: str) -> list[Consult]:
        return await self.read(lambda db: consults_of(db, request_id))

    async def ended_calls(
        self, since: datetime, until: datetime, office_no: str | None = None
    ) -> list[EndedCall]:
        span = to_text(since), to_text(until), office_no
        return await self.read(lambda db: ended_calls(db, *span))

    async def duty_outcomes(
        self, since: datetime, until: datetime, office_no: str | None = None
    ) -> list[DutyCount]:
        span = to_text(since), to_text(until), office_no
        return await self.read(lambda db: duty_outcomes(db, *span))

    async def promises(self, since: datetime, until: datetime, office_no: str | None = None) -> list[Promise]:
        span = to_text(since), to_text(until), office_no
        return await self.read(lambda db: promises(db, *span))

    async def consult_counts(self) -> dict[tuple[str, ConsultCaller, ConsultOutcome], int]:
        return await self.read(counts)
