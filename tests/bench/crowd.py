"""Many people on the list of many offices, written to a file the fast way: what the benches of scale stand on."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from callback.store_rows import (
    ENTRY_COLUMNS,
    FIRST_HASH,
    REQUEST_COLUMNS,
    Row,
    line_hash,
    request_row,
    to_text,
)
from callback.store_schema import connect_writer
from config.model import Config, Person, Role
from tests.contract.store_factory import T0, new_request
from tests.offices import config

OFFICES = 300
NOW = T0
"""A Monday, 09:05 in Oslo: every office is open."""
_SPREAD = timedelta(hours=48)
_DIFFER = (
    "id",
    "reference",
    "office_no",
    "phone",
    "urgency",
    "last_workable_at",
    "next_attempt_at",
    "state",
    "claimed_by",
)
_FIRST_OFFICE = 1000
_FIRST_PHONE = 4740000000
_EVERY_URGENT = 100
"""One in so many is urgent."""


def office_no(number: int) -> str:
    return str(_FIRST_OFFICE + number % OFFICES)


def request_id(number: int) -> str:
    """In the order in which they are written."""
    return f"{number:032x}"


def caseworker(number: int) -> str:
    return f"person-{number}"


def crowd_config(people: int, offices: int = OFFICES) -> Config:
    """So many offices like the tests' one, with so many caseworkers in turn."""
    one = config()
    template = one.offices[0]
    made = tuple(
        template.model_copy(
            update={
                "office_no": office_no(number),
                "name": f"Kontor {number}",
                "public_number": f"+4773{number:06}",
                "oncall_number": None,
            }
        )
        for number in range(offices)
    )
    staff = tuple(
        Person(
            id=caseworker(number),
            name=f"Veileder {number}",
            role=Role.CASEWORKER,
            office_no=office_no(number % offices),
            mobile=f"+47{90000000 + number}",
        )
        for number in range(people)
    )
    return Config(settings=one.settings, offices=made, people=staff, menus=one.menus)


def fill(path: Path, rows: int, due: float = 0.5, claimed: int = 0) -> None:
    """That many open requests into a list that nobody has open, spread over the offices, in no order, each with its line
    in the ledger; that share of them is due at NOW, and `claimed` of them were claimed by somebody who has not rung and
    whose time is over then. The indexes are made anew at the end: that is several times faster."""
    connect_writer(path, timedelta(seconds=5)).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("synchronous = OFF", "cache_size = -400000", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.executemany(_insert("request", REQUEST_COLUMNS), _request_rows(rows, due, claimed))
        connection.executemany(_insert("ledger", ("seq", *ENTRY_COLUMNS, "hash")), _ledger_rows(rows))
        head = "INSERT OR REPLACE INTO ledger_head SELECT 1, seq, hash FROM ledger ORDER BY seq DESC LIMIT 1"
        connection.execute(head)
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _request_rows(rows: int, due: float, claimed: int) -> Iterator[Row]:
    """As `request_row` gives them, of which only what differs is made anew for each."""
    chance = random.Random(1)
    template = list(request_row(new_request(registered_at=NOW - _SPREAD, escalates_at=NOW + _SPREAD)))
    at = {name: REQUEST_COLUMNS.index(name) for name in _DIFFER}
    moments = [to_text(NOW + timedelta(minutes=m)) for m in range(1, int(_SPREAD / timedelta(minutes=1)))]
    now = to_text(NOW)
    every = rows // claimed if claimed else 0
    for number in range(rows):
        held = every > 0 and number % every == 0 and number // every < claimed
        values = (
            request_id(number),
            f"c{number}",
            office_no(number),
            f"+{_FIRST_PHONE + number}",
            "ordinary" if number % _EVERY_URGENT else "urgent",
            chance.choice(moments),
            now if held or chance.random() < due else chance.choice(moments),
            "claimed" if held else "waiting",
            "somebody" if held else None,
        )
        for place, value in zip(at.values(), values, strict=True):
            template[place] = value
        yield tuple(template)


def _ledger_rows(rows: int) -> Iterator[Row]:
    newest = FIRST_HASH
    registered = to_text(NOW - _SPREAD)
    for number in range(rows):
        row = (request_id(number), registered, "caller", "registered", None, "waiting", "{}")
        newest = line_hash(newest, number + 1, row)
        yield (number + 1, *row, newest)
