"""The transactions of the SQLite store about notices, and their rows. No row holds a number, a name or words."""

# ruff: noqa: S608 - the SQL is put together from this file's own words; every value is bound

from __future__ import annotations

import sqlite3

from callback.notice import Notice, NoticeCount, NoticeKind, NoticeState
from callback.store_rows import Row, from_text, to_text
from callback.store_schema import Database

COLUMNS = (
    *("id", "kind", "request_id", "created_at", "due_at", "attempt_id", "percent", "person_id"),
    *("state", "tries", "ended_at", "why", "line_id"),
)
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM notice"
_CHANGING = ("due_at", "state", "tries", "ended_at", "why")
_WRITE = (
    f"INSERT INTO notice ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) ON CONFLICT (id) DO UPDATE"
    f" SET {', '.join(f'{name} = excluded.{name}' for name in _CHANGING)} WHERE excluded.state != 'waiting'"
)
_CHANGE = f"UPDATE notice SET {', '.join(f'{name} = ?' for name in _CHANGING)} WHERE id = ? AND state = ?"


def notice_row(notice: Notice) -> Row:
    """Values of COLUMNS. Raises ValueError for a naive time."""
    ended = None if notice.ended_at is None else to_text(notice.ended_at)
    return (
        *(
            notice.id,
            notice.kind.value,
            notice.request_id,
            to_text(notice.created_at),
            to_text(notice.due_at),
        ),
        *(notice.attempt_id, notice.percent, notice.person_id),
        *(notice.state.value, notice.tries, ended, notice.why, notice.line_id),
    )


def notice_from(row: Row) -> Notice:
    """From values of COLUMNS."""
    ended = None if row[10] is None else from_text(row[10])
    return Notice(
        row[0], NoticeKind(row[1]), row[2], from_text(row[3]), from_text(row[4]), row[5], row[6], row[7],
        NoticeState(row[8]), row[9], ended, row[11], row[12],
    )  # fmt: skip


def write(conn: sqlite3.Connection, row: Row) -> None:
    conn.execute(_WRITE, row)


def change(db: Database, row: Row, was: str) -> bool:
    values = dict(zip(COLUMNS, row, strict=True))
    return db.conn.execute(_CHANGE, (*(values[name] for name in _CHANGING), row[0], was)).rowcount == 1


def due(db: Database, kind: str, until: str, limit: int) -> list[Notice]:
    sql = f"{_SELECT} WHERE state = 'waiting' AND kind = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?"
    return [notice_from(row) for row in db.conn.execute(sql, (kind, until, max(limit, 0)))]


def in_state(db: Database, state: str) -> list[Notice]:
    sql = f"{_SELECT} WHERE state = ? ORDER BY created_at, id"
    return [notice_from(row) for row in db.conn.execute(sql, (state,))]


def get(db: Database, notice_id: str) -> Notice | None:
    row = db.conn.execute(f"{_SELECT} WHERE id = ?", (notice_id,)).fetchone()
    return None if row is None else notice_from(row)


def counts(db: Database) -> list[NoticeCount]:
    sql = "SELECT kind, state, count(*), max(ended_at) FROM notice GROUP BY kind, state ORDER BY kind, state"
    return [
        NoticeCount(NoticeKind(kind), NoticeState(state), n, None if last is None else from_text(last))
        for kind, state, n, last in db.conn.execute(sql)
    ]


def any_before(db: Database, until: str) -> bool:
    return db.conn.execute("SELECT 1 FROM notice WHERE ended_at < ? LIMIT 1", (until,)).fetchone() is not None


def forget_before(db: Database, until: str) -> None:
    db.conn.execute("DELETE FROM notice WHERE ended_at < ?", (until,))


# -- numbers that get no SMS


def add_no_sms(db: Database, subject: str, at: str) -> bool:
    sql = "INSERT INTO no_sms VALUES (?, ?) ON CONFLICT DO NOTHING"
    return db.conn.execute(sql, (subject, at)).rowcount == 1


def remove_no_sms(db: Database, subject: str) -> bool:
    return db.conn.execute("DELETE FROM no_sms WHERE subject = ?", (subject,)).rowcount == 1


def is_no_sms(db: Database, subject: str) -> bool:
    return db.conn.execute("SELECT 1 FROM no_sms WHERE subject = ?", (subject,)).fetchone() is not None
