"""The lookups of the SQLite store that retention, erasure and the escalation need."""

# ruff: noqa: S608 - the SQL is put together from this file's own words; every value is bound

from __future__ import annotations

from callback.request import CallbackRequest
from callback.store_jobs import get
from callback.store_migrations import ENDED_AND_KEPT, ESCALATES_AT, ESCALATING
from callback.store_schema import Database

_OF_PERSON = """SELECT id FROM request WHERE phone = :phone
    OR id IN (SELECT request_id FROM attempt WHERE phone = :phone) ORDER BY registered_at, id"""
# It ended after it was registered: so the index leads to few, and only of those the ledger says when.
_ENDED_BEFORE = f"""SELECT id FROM request INDEXED BY request_kept
    WHERE {ENDED_AND_KEPT} AND registered_at < :until AND EXISTS (
        SELECT 1 FROM ledger WHERE request_id = request.id AND at < :until
        AND to_state IN ('reached', 'withdrawn', 'decided'))
    ORDER BY registered_at, id LIMIT :limit"""
_ESCALATING = f"""SELECT id FROM request INDEXED BY request_escalating
    WHERE {ESCALATING} AND {ESCALATES_AT} <= :until ORDER BY {ESCALATES_AT}, id LIMIT :limit"""


def of_person(db: Database, phone: str) -> list[CallbackRequest]:
    return _whole(db, _OF_PERSON, {"phone": phone})


def ended_before(db: Database, until: str, limit: int) -> list[CallbackRequest]:
    return _whole(db, _ENDED_BEFORE, {"until": until, "limit": max(limit, 0)})


def escalating(db: Database, until: str, limit: int) -> list[CallbackRequest]:
    return _whole(db, _ESCALATING, {"until": until, "limit": max(limit, 0)})


def _whole(db: Database, sql: str, values: dict[str, str | int]) -> list[CallbackRequest]:
    ids = [request_id for (request_id,) in db.conn.execute(sql, values).fetchall()]
    return [request for request_id in ids if (request := get(db, request_id)) is not None]
