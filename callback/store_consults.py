"""The transactions of the SQLite store about consult calls, and their rows."""

# ruff: noqa: S608 - the SQL is put together from this file's own words; every value is bound

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from callback.consult import Consult, ConsultCaller, ConsultOutcome, ConsultResult, DutyLeg, DutyOutcome
from callback.store_rows import Row, from_text, to_text
from callback.store_schema import Database

T = TypeVar("T")
COLUMNS = (
    *("id", "office_no", "line_id", "caller", "started_at", "request_id", "answered_at", "answered_by"),
    *("ended_at", "outcome", "result", "shift_id"),
)
LEG_COLUMNS = ("id", "consult_id", "person_id", "telephone", "rung_at", "joined_at", "ended_at", "outcome")
_CHANGING = COLUMNS[5:]
_WRITE = (
    f"INSERT INTO consult ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) ON CONFLICT (id) DO UPDATE"
    f" SET {', '.join(f'{name} = excluded.{name}' for name in _CHANGING)}"
)
_INSERT_LEG = f"INSERT INTO duty_leg ({', '.join(LEG_COLUMNS)}) VALUES ({', '.join('?' * len(LEG_COLUMNS))})"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM consult"
_SELECT_LEG = f"SELECT {', '.join(LEG_COLUMNS)} FROM duty_leg"


def consult_row(consult: Consult) -> Row:
    """Values of COLUMNS. Raises ValueError for a naive time."""
    return (
        *(consult.id, consult.office_no, consult.line_id, consult.caller.value, to_text(consult.started_at)),
        *(consult.request_id, _text(consult.answered_at), consult.answered_by, _text(consult.ended_at)),
        *(consult.outcome and consult.outcome.value, consult.result and consult.result.value),
        consult.shift_id,
    )


def consult_from(row: Row) -> Consult:
    """From values of COLUMNS."""
    return Consult(
        row[0], row[1], row[2], ConsultCaller(row[3]), from_text(row[4]), row[5], _time(row[6]), row[7],
        _time(row[8]), row[9] and ConsultOutcome(row[9]), row[10] and ConsultResult(row[10]), row[11],
    )  # fmt: skip


def leg_row(leg: DutyLeg) -> Row:
    """Values of LEG_COLUMNS. Raises ValueError for a naive time."""
    return (
        *(leg.id, leg.consult_id, leg.person_id, leg.telephone, to_text(leg.rung_at)),
        *(_text(leg.joined_at), _text(leg.ended_at), leg.outcome and leg.outcome.value),
    )


def leg_from(row: Row) -> DutyLeg:
    """From values of LEG_COLUMNS."""
    outcome = row[7] and DutyOutcome(row[7])
    return DutyLeg(
        row[0], row[1], row[2], row[3], from_text(row[4]), _time(row[5]), _time(row[6]), outcome
    )  # fmt: skip


def write(db: Database, row: Row) -> None:
    db.conn.execute(_WRITE, row)


def ring(db: Database, legs: Sequence[DutyLeg]) -> tuple[DutyLeg, ...]:
    """See Store.ring_duty."""
    return tuple(_ring(db, leg) for leg in legs)


def _ring(db: Database, leg: DutyLeg) -> DutyLeg:
    known = db.conn.execute(f"{_SELECT_LEG} WHERE id = ?", (leg.id,)).fetchone()
    if known is not None:
        return leg_from(known)
    try:
        db.conn.execute(_INSERT_LEG, leg_row(leg))
    except sqlite3.IntegrityError as error:
        if "duty" not in str(error):
            raise
        passed_by = in_call(leg)
        db.conn.execute(_INSERT_LEG, leg_row(passed_by))
        return passed_by
    return leg


def in_call(leg: DutyLeg) -> DutyLeg:
    """The record of a telephone that was not rung."""
    return DutyLeg(
        leg.id, leg.consult_id, leg.person_id, leg.telephone, leg.rung_at, None, leg.rung_at, DutyOutcome.IN_CALL
    )  # fmt: skip


def change_leg(db: Database, row: Row) -> None:
    sets = ", ".join(f"{name} = ?" for name in LEG_COLUMNS[5:])
    db.conn.execute(f"UPDATE duty_leg SET {sets} WHERE id = ? AND ended_at IS NULL", (*row[5:], row[0]))


def get(db: Database, consult_id: str) -> Consult | None:
    row = db.conn.execute(f"{_SELECT} WHERE id = ?", (consult_id,)).fetchone()
    return None if row is None else consult_from(row)


def going_on(db: Database) -> list[Consult]:
    return [consult_from(row) for row in db.conn.execute(f"{_SELECT} WHERE ended_at IS NULL ORDER BY id")]


def found_since(db: Database, at: str, office_no: str | None) -> list[tuple[Consult, tuple[DutyLeg, ...]]]:
    sql = f"{_SELECT} WHERE started_at >= ? AND (? IS NULL OR office_no = ?) ORDER BY started_at, id"
    found = [consult_from(row) for row in db.conn.execute(sql, (at, office_no, office_no))]
    return [(consult, legs_of(db, consult.id)) for consult in found]


def legs_of(db: Database, consult_id: str) -> tuple[DutyLeg, ...]:
    rows = db.conn.execute(f"{_SELECT_LEG} WHERE consult_id = ? ORDER BY rung_at, id", (consult_id,))
    return tuple(leg_from(row) for row in rows)


def live_legs(db: Database) -> list[DutyLeg]:
    rows = db.conn.execute(f"{_SELECT_LEG} WHERE ended_at IS NULL ORDER BY rung_at, id")
    return [leg_from(row) for row in rows]


def _text(at: datetime | None) -> str | None:
    return None if at is None else to_text(at)


def _time(text: str | None) -> datetime | None:
    return None if text is None else from_text(text)


class SqliteConsults(ABC):
    """See callback.consult.ConsultStore."""

    @abstractmethod
    async def write(self, job: Callable[[Database], T]) -> T: ...

    @abstractmethod
    async def read(self, job: Callable[[Database], T]) -> T: ...

    async def save_consult(self, consult: Consult) -> None:
        row = consult_row(consult)
        await self.write(lambda db: write(db, row))

    async def ring_duty(self, *legs: DutyLeg) -> tuple[DutyLeg, ...]:
        return await self.write(lambda db: ring(db, legs))

    async def save_duty_leg(self, leg: DutyLeg) -> None:
        row = leg_row(leg)
        await self.write(lambda db: change_leg(db, row))

    async def consult(self, consult_id: str) -> Consult | None:
        return await self.read(lambda db: get(db, consult_id))

    async def open_consults(self) -> list[Consult]:
        return await self.read(going_on)

    async def consults(
        self, since: datetime, office_no: str | None = None
    ) -> list[tuple[Consult, tuple[DutyLeg, ...]]]:
        first = to_text(since)
        return await self.read(lambda db: found_since(db, first, office_no))

    async def duty_legs(self, consult_id: str) -> tuple[DutyLeg, ...]:
        return await self.read(lambda db: legs_of(db, consult_id))

    async def live_duty_legs(self) -> list[DutyLeg]:
        return await self.read(live_legs)
