"""What the SQLite store answers about many consult calls: for the report, the metrics, and a request's own page."""

# ruff: noqa: S608 - the SQL is put together from this file's own words; every value is bound

from __future__ import annotations

from datetime import datetime, timedelta

from callback.consult import Consult, ConsultCaller, ConsultOutcome, Promise
from callback.store_consults import COLUMNS, SqliteConsults, consult_from, span
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
    WHERE caller = 'contact_centre' AND outcome = 'promised' AND consult.{where} ORDER BY consult.started_at, consult.id"""
_COUNTS = """SELECT office_no, caller, outcome, count(*) FROM consult WHERE outcome IS NOT NULL
    GROUP BY office_no, caller, outcome"""
_WAITS = """SELECT office_no, started_at, answered_at FROM consult
    WHERE started_at >= ? AND caller = 'contact_centre' AND outcome = 'answered' AND answered_at IS NOT NULL"""


def promises(db: Database, since: str, office_no: str | None, until: str | None) -> list[Promise]:
    where, values = span(since, office_no, until)
    rows = db.conn.execute(_PROMISES.format(where=where.replace(" AND ", " AND consult.")), values)
    found = []
    for consult_id, office, made_at, due_at, talked, rung, claimed, withdrawn in rows:
        taken = min((at for at in (rung, claimed) if at is not None), default=None)
        times = (from_text(at) if at is not None else None for at in (talked, taken, withdrawn))
        found.append(Promise(consult_id, office, from_text(made_at), from_text(due_at), *times))
    return found


def consults_of(db: Database, request_id: str) -> list[Consult]:
    return [consult_from(row) for row in db.conn.execute(_OF, (request_id,))]


def counts(db: Database) -> dict[tuple[str, ConsultCaller, ConsultOutcome], int]:
    return {
        (office_no, ConsultCaller(caller), ConsultOutcome(outcome)): count
        for office_no, caller, outcome, count in db.conn.execute(_COUNTS)
    }


def waits(db: Database, since: str) -> list[tuple[str, timedelta]]:
    return [
        (office_no, from_text(answered) - from_text(started))
        for office_no, started, answered in db.conn.execute(_WAITS, (since,))
    ]


class SqliteConsultReport(SqliteConsults):
    """See callback.consult.ConsultStore."""

    async def consults_of(self, request_id: str) -> list[Consult]:
        return await self.read(lambda db: consults_of(db, request_id))

    async def promises(
        self, since: datetime, office_no: str | None = None, until: datetime | None = None
    ) -> list[Promise]:
        first, end = to_text(since), None if until is None else to_text(until)
        return await self.read(lambda db: promises(db, first, office_no, end))

    async def consult_counts(self) -> dict[tuple[str, ConsultCaller, ConsultOutcome], int]:
        return await self.read(counts)

    async def consult_waits(self, since: datetime) -> list[tuple[str, timedelta]]:
        first = to_text(since)
        return await self.read(lambda db: waits(db, first))
