"""The transactions of the SQLite store: plain functions `fn(db, ...)` that run in a worker's thread.

None of them begins, commits or rolls back; one that raises leaves nothing behind, the worker sees to that.
"""

# ruff: noqa: S608 - the SQL is put together from this file's own words; every value is bound

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache, partial

from callback.request import TERMINAL, CallAttempt, CallbackRequest, RequestState
from callback.store import (
    CaseworkerInCall,
    Change,
    Choose,
    Counter,
    LimitReached,
    NumberInCall,
    NumberTaken,
    ReferenceTaken,
    RequestQuery,
    StaleRequest,
    StoreError,
)
from callback.store_ledger import write_lines
from callback.store_notices import notice_row
from callback.store_notices import write as write_notice
from callback.store_rows import (
    ATTEMPT_COLUMNS,
    CALL_COLUMNS,
    CHANGING_COLUMNS,
    CLOCK_COLUMNS,
    REQUEST_COLUMNS,
    Row,
    attempt_from,
    attempt_row,
    changing_row,
    check_change,
    clock_row,
    entry_row,
    from_text,
    request_from,
    to_text,
)
from callback.store_schema import (
    CLOCK_IS_FIXED,
    HELD_REQUEST,
    IS_OPEN,
    ON_DUTY_NOW,
    RESTRICTED,
    SERVED_BY,
    Database,
)


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _upsert(table: str, columns: Sequence[str]) -> str:
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    return f"{_insert(table, columns)} ON CONFLICT (id) DO UPDATE SET {sets}"


_REQUEST = f"SELECT {', '.join(REQUEST_COLUMNS)} FROM request"
_ATTEMPT = f"SELECT {', '.join(ATTEMPT_COLUMNS)} FROM attempt"
_INSERT_REQUEST = _insert("request", REQUEST_COLUMNS)
_KEPT_COLUMNS = (*CHANGING_COLUMNS, *CLOCK_COLUMNS)
_BEFORE = f"SELECT {', '.join(_KEPT_COLUMNS)} FROM request WHERE id = ?"
_VERSION = CHANGING_COLUMNS.index("version")
_UPSERT_ATTEMPT = f"{_upsert('attempt', ATTEMPT_COLUMNS)} WHERE request_id = excluded.request_id"
UPSERT_CALL = _upsert("call", CALL_COLUMNS)
SET_AWAY = "UPDATE ready SET away_at = ? WHERE person_id = ? AND away_at IS NULL"
_HELD = frozenset({RequestState.CLAIMED, RequestState.CALLING, RequestState.RESULT_DUE})
_ORDER = " ORDER BY urgency DESC, last_workable_at, registered_at, id"
_WAITS = "id IN (SELECT value FROM json_each(?))"
_AFTER = "(urgency < ? OR (urgency = ? AND (last_workable_at, registered_at, id) > (?, ?, ?)))"
OCCUPIED = f"""SELECT caseworker FROM attempt WHERE ended_at IS NULL
    UNION SELECT person_id FROM duty_leg WHERE ended_at IS NULL
    UNION SELECT claimed_by FROM request WHERE state = 'result_due' AND {HELD_REQUEST} AND claimed_by IS NOT NULL"""
OFFICES_DUE = f"""SELECT office.value FROM json_each(?) AS office WHERE EXISTS (
    SELECT 1 FROM request WHERE {SERVED_BY} = office.value AND {IS_OPEN} AND next_attempt_at <= ?
    AND state IN (SELECT value FROM json_each(?)))"""
CLAIMS = f"""SELECT id, claimed_by FROM request
    WHERE state = 'claimed' AND {HELD_REQUEST} AND claimed_by IS NOT NULL"""
EXPIRED_CLAIMS = f"""{_REQUEST} WHERE state = 'claimed' AND {HELD_REQUEST} AND next_attempt_at <= ?
    ORDER BY next_attempt_at, id LIMIT ?"""
# SQLite would choose an index that lacks office_no and read every row.
COUNT_OPEN = f"SELECT count(*) FROM request INDEXED BY request_open_order WHERE {IS_OPEN}"
POSTPONE_READY = "UPDATE ready SET since = ? WHERE person_id = ?"


# -- writing


@dataclass(frozen=True, slots=True)
class Rows:
    """A Change as rows, made before it is queued: what cannot be written is refused at the caller."""

    request: CallbackRequest
    after: Row
    """Values of _KEPT_COLUMNS."""
    attempt: CallAttempt | None
    attempt_row: Row | None
    entries: tuple[Row, ...]
    notices: tuple[Row, ...]


def rows_of(change: Change) -> Rows:
    """Raises ValueError for a naive time, TypeError for details that JSON cannot hold."""
    request, attempt = change.request, change.attempt
    return Rows(
        request,
        (*changing_row(request, request.version + 1), *clock_row(request)),
        attempt,
        None if attempt is None else attempt_row(attempt),
        tuple(entry_row(entry) for entry in change.entries),
        tuple(notice_row(notice) for notice in change.notices),
    )


def register(
    db: Database, request: CallbackRequest, row: Row, entry: Row, counter: Counter | None
) -> tuple[CallbackRequest, bool]:
    """See Store.register. Inserts first and asks afterwards: almost every call is a new request."""
    conn = db.conn
    try:
        conn.execute(_INSERT_REQUEST, row)
    except sqlite3.IntegrityError as error:
        known = get(db, request.id) or _open_with_number(db, request)
        if known is not None:
            return known, False
        raise _refused(error) from error
    if counter is not None and count_up(db, (counter,)) is not None:
        raise LimitReached
    write_lines(conn, (entry,))
    return request, True


def save(db: Database, changes: Iterable[Rows]) -> tuple[CallbackRequest, ...]:
    """See Store.save."""
    changes = tuple(changes)
    saved = tuple(_save(db, change) for change in changes)
    write_lines(db.conn, [entry for change in changes for entry in change.entries])
    return saved


def find_and_save(db: Database, query: RequestQuery, choose: Choose) -> list[CallbackRequest | StoreError]:
    """See Store.find_and_save."""
    changes = list(choose(find(db, query), partial(never_call_among, db)))
    for change in changes:
        check_change(change)
    return [_save_alone(db, rows_of(change)) for change in changes]


def _save_alone(db: Database, rows: Rows) -> CallbackRequest | StoreError:
    answer: CallbackRequest | StoreError
    db.conn.execute("SAVEPOINT change")
    try:
        (answer,) = save(db, (rows,))
    except StoreError as refused:
        db.conn.execute("ROLLBACK TO change")
        answer = refused
    db.conn.execute("RELEASE change")
    return answer


def _save(db: Database, change: Rows) -> CallbackRequest:
    conn, request = db.conn, change.request
    before = conn.execute(_BEFORE, (request.id,)).fetchone()
    if before is None or before[_VERSION] != request.version:
        raise StaleRequest
    if before[len(CHANGING_COLUMNS) :] != change.after[len(CHANGING_COLUMNS) :]:
        raise ValueError(CLOCK_IS_FIXED)
    # What is not SET is not checked again, nor written again in the indexes it stands in: a claim is five columns.
    columns = zip(CHANGING_COLUMNS, before, change.after, strict=False)
    changed = [(name, value) for name, old, value in columns if value != old]
    sets = ", ".join(f"{name} = ?" for name, _ in changed)
    try:
        update = f"UPDATE request SET {sets} WHERE id = ? AND version = ?"
        conn.execute(update, (*(value for _, value in changed), request.id, request.version))
    except sqlite3.IntegrityError as error:
        if CLOCK_IS_FIXED in str(error):
            raise ValueError(CLOCK_IS_FIXED) from error
        other = _open_with_number(db, request)
        if other is not None and other.id != request.id:
            raise NumberTaken(other.id) from error
        raise _refused(error) from error
    if change.attempt is not None and change.attempt_row is not None:
        _write_attempt(conn, change.attempt, change.attempt_row)
    for notice in change.notices:
        write_notice(conn, notice)
    return replace(request, version=request.version + 1, attempts=_attempts(conn, request.id))


def _write_attempt(conn: sqlite3.Connection, attempt: CallAttempt, row: Row) -> None:
    try:
        written = conn.execute(_UPSERT_ATTEMPT, row).rowcount
    except sqlite3.IntegrityError as error:
        if "attempt." not in str(error) and ON_DUTY_NOW not in str(error):
            raise
        live = "SELECT 1 FROM attempt WHERE ended_at IS NULL AND phone = ? AND id != ?"
        if conn.execute(live, (attempt.phone, attempt.id)).fetchone():
            raise NumberInCall from error
        raise CaseworkerInCall from error
    if not written:
        raise ValueError(f"attempt {attempt.id} belongs to another request")


def _refused(error: sqlite3.IntegrityError) -> StoreError:
    if "request.reference" in str(error):
        return ReferenceTaken()
    return StoreError(f"the database refused this: {error}")


def add_unique(db: Database, table: str, columns: Sequence[str], row: Row, refusal: str) -> None:
    """Insert a row; raises StoreError with `refusal` when an index says that it is there."""
    try:
        db.table(table).insert(dict(zip(columns, row, strict=True)))
    except sqlite3.IntegrityError as error:
        raise StoreError(refusal) from error


def count_up(db: Database, counters: Sequence[Counter]) -> Counter | None:
    """See Store.count_up."""
    count = "SELECT n FROM day_count WHERE day = ? AND kind = ? AND subject = ?"
    for counter in counters:
        row = db.conn.execute(count, (counter.day.isoformat(), counter.kind, counter.subject)).fetchone()
        if row is not None and 0 < counter.limit <= row[0]:
            return counter
    add = "INSERT INTO day_count VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1"
    for counter in counters:
        db.conn.execute(add, (counter.day.isoformat(), counter.kind, counter.subject))
    return None


def add_never_call(db: Database, subject: str, at: str) -> bool:
    sql = "INSERT INTO never_call VALUES (?, ?) ON CONFLICT DO NOTHING"
    return db.conn.execute(sql, (subject, at)).rowcount == 1


def set_ready(db: Database, person_id: str, since: str | None) -> None:
    if since is None:
        db.conn.execute("DELETE FROM ready WHERE person_id = ?", (person_id,))
    else:
        again = "DO UPDATE SET since = excluded.since, away_at = NULL WHERE away_at IS NOT NULL"
        sql = f"INSERT INTO ready (person_id, since) VALUES (?, ?) ON CONFLICT (person_id) {again}"
        db.conn.execute(sql, (person_id, since))


def secret(db: Database, name: str) -> str:
    """The secret of that name, made when there is none."""
    sql = "INSERT INTO secret VALUES (?, ?) ON CONFLICT DO NOTHING"
    db.conn.execute(sql, (name, secrets.token_hex(32)))
    return str(db.conn.execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()[0])


# -- reading


def ready(db: Database) -> list[tuple[str, datetime]]:
    return _people_since(
        db, "SELECT person_id, since FROM ready WHERE away_at IS NULL ORDER BY since, person_id"
    )


def away(db: Database) -> list[tuple[str, datetime]]:
    return _people_since(
        db, "SELECT person_id, away_at FROM ready WHERE away_at IS NOT NULL ORDER BY away_at, person_id"
    )


def _people_since(db: Database, sql: str) -> list[tuple[str, datetime]]:
    return [(person_id, from_text(since)) for person_id, since in db.conn.execute(sql)]


def counts(db: Database, day: date, prefix: str) -> dict[str, int]:
    sql = "SELECT kind, sum(n) FROM day_count WHERE day = ? AND substr(kind, 1, ?) = ? GROUP BY kind"
    return dict(db.conn.execute(sql, (day.isoformat(), len(prefix), prefix)).fetchall())


def is_never_call(db: Database, subject: str) -> bool:
    return db.conn.execute("SELECT 1 FROM never_call WHERE subject = ?", (subject,)).fetchone() is not None


def never_call_among(db: Database, subjects: frozenset[str]) -> frozenset[str]:
    return frozenset(subject for subject in subjects if is_never_call(db, subject))


def get(db: Database, request_id: str) -> CallbackRequest | None:
    conn = db.conn
    row = conn.execute(f"{_REQUEST} WHERE id = ?", (request_id,)).fetchone()
    return None if row is None else request_from(row, _attempts(conn, request_id))


def get_by_attempt(db: Database, attempt_id: str) -> CallbackRequest | None:
    row = db.conn.execute("SELECT request_id FROM attempt WHERE id = ?", (attempt_id,)).fetchone()
    return None if row is None else get(db, row[0])


def _open_with_number(db: Database, request: CallbackRequest) -> CallbackRequest | None:
    sql = f"SELECT id FROM request WHERE phone = ? AND office_no = ? AND {IS_OPEN}"
    row = db.conn.execute(sql, (request.phone, request.office_no)).fetchone()
    return None if row is None else get(db, row[0])


def _attempts(conn: sqlite3.Connection, request_id: str) -> tuple[CallAttempt, ...]:
    rows = conn.execute(f"{_ATTEMPT} WHERE request_id = ? ORDER BY seq", (request_id,))
    return tuple(map(attempt_from, rows))


def find(db: Database, query: RequestQuery) -> list[CallbackRequest]:
    """See RequestQuery."""
    return _whole(db, *find_sql(query))


def expired_claims(db: Database, until: str, limit: int) -> list[CallbackRequest]:
    return _whole(db, EXPIRED_CLAIMS, [until, max(limit, 0)])


def _whole(db: Database, sql: str, values: Sequence[str | int]) -> list[CallbackRequest]:
    """Requests with their attempts."""
    rows = db.conn.execute(sql, values).fetchall()
    if len(rows) == 1:
        return [request_from(row, _attempts(db.conn, row[-1])) for row in rows]
    attempts: dict[str, list[CallAttempt]] = {row[-1]: [] for row in rows}
    of_these = f"{_ATTEMPT} WHERE request_id IN (SELECT value FROM json_each(?)) ORDER BY seq"
    for row in db.conn.execute(of_these, (json.dumps(list(attempts)),)):
        attempt = attempt_from(row)
        attempts[attempt.request_id].append(attempt)
    return [request_from(row, tuple(attempts[row[-1]])) for row in rows]


def find_sql(query: RequestQuery) -> tuple[str, list[str | int]]:
    """The SELECT of a query and its values."""
    wanted = {
        "phone = ?": query.phone,
        "office_no = ?": query.office_no,
        f"{SERVED_BY} = ?": query.served_by,
        "reference = ?": query.reference,
        "registered_by = ?": query.registered_by,
        "urgency = ?": None if query.urgency is None else query.urgency.value,
    }
    terms = [term for term, value in wanted.items() if value is not None]
    values: list[str | int] = [value for value in wanted.values() if value is not None]
    if query.due_before is not None:
        terms.append(f"(next_attempt_at <= ? OR {_WAITS})" if query.waiting else "next_attempt_at <= ?")
        values.append(to_text(query.due_before))
        values += [_as_json(query.waiting)] if query.waiting else []
    if query.restricted:
        terms.append(RESTRICTED)
    if query.interpreter:
        terms.append("interpreter = 1")
    if query.states:
        terms.append(f"state IN ({', '.join('?' * len(query.states))})")
        values += [state.value for state in query.states]
        if not query.states & TERMINAL:
            terms.append(IS_OPEN)
        if query.states <= _HELD:
            terms.append(HELD_REQUEST)
    if query.after is not None:
        terms.append(_AFTER)
        values += _place(query.after)
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    values.append(max(query.limit, 0))
    if query.served_by is None:
        return f"{_REQUEST}{where}{_ORDER} LIMIT ?", values
    # First the index alone: a row that is passed over is not looked up.
    found = f"SELECT id AS found FROM request{where}{_ORDER} LIMIT ?"
    return f"{_REQUEST} JOIN ({found}) ON id = found{_ORDER}", values


@lru_cache(maxsize=4)
def _as_json(ids: frozenset[str]) -> str:
    """Thousands, and mostly the same ones as a moment ago."""
    return json.dumps([*ids])


def _place(request: CallbackRequest) -> tuple[str, ...]:
    """Values of _AFTER."""
    moments = (to_text(request.last_workable_at), to_text(request.registered_at))
    return request.urgency.value, request.urgency.value, *moments, request.id


def count_open(db: Database, office_no: str | None) -> int:
    if office_no is None:
        return int(db.conn.execute(COUNT_OPEN).fetchone()[0])
    return int(db.conn.execute(f"{COUNT_OPEN} AND office_no = ?", (office_no,)).fetchone()[0])


def live_attempts(db: Database, started_until: str | None) -> list[CallAttempt]:
    live = f"{_ATTEMPT} WHERE ended_at IS NULL AND started_at <= coalesce(?, '9') ORDER BY started_at, seq"
    return list(map(attempt_from, db.conn.execute(live, (started_until,))))


def occupied(db: Database) -> frozenset[str]:
    return frozenset(person for (person,) in db.conn.execute(OCCUPIED))


def talks(db: Database, office_no: str, since: str, limit: int) -> list[CallAttempt]:
    of_office = f"SELECT 1 FROM request WHERE request.id = request_id AND {SERVED_BY} = ?"
    ended = f"{_ATTEMPT} WHERE connected_at IS NOT NULL AND ended_at >= ? AND EXISTS ({of_office})"
    rows = db.conn.execute(f"{ended} ORDER BY ended_at DESC, id DESC LIMIT ?", (since, office_no, limit))
    return list(map(attempt_from, rows))


def open_calls(db: Database, line: str | None) -> list[Row]:
    sql = f"SELECT {', '.join(CALL_COLUMNS)} FROM call WHERE ended_at IS NULL AND line = coalesce(?, line)"
    return db.conn.execute(f"{sql} ORDER BY started_at, id", (line,)).fetchall()


def one_row(db: Database, table: str, columns: Sequence[str], digest: str) -> Row | None:
    """The row of `session` or `token` with this digest."""
    sql = f"SELECT {', '.join(columns)} FROM {table} WHERE digest = ?"
    row: Row | None = db.conn.execute(sql, (digest,)).fetchone()
    return row


def revoke_token(db: Database, name: str, at: datetime) -> bool:
    sql = "UPDATE token SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL"
    return db.conn.execute(sql, (to_text(at), name)).rowcount == 1
