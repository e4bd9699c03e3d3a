"""The Store in one SQLite file, for one service and its command line on one machine.

One thread writes and one reads, each with its own connection; readers never wait for writers. What is `in_no_hurry` lets
all others go first.
Registrations that come at the same time share one commit. Nothing is answered before it is on the disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from callback import store_jobs as jobs
from callback import store_ledger as ledger
from callback import store_notices as notices
from callback import store_person as persons
from callback.notice import Notice, NoticeCount, NoticeKind, NoticeState
from callback.request import CallAttempt, CallbackRequest, LedgerEntry, RequestState
from callback.store import (
    ApiToken,
    CallRecord,
    Change,
    Choose,
    Counter,
    LedgerHead,
    RequestQuery,
    Session,
    StoreError,
    StoreUnavailable,
)
from callback.store_checkpoint import Checkpointer, carry
from callback.store_consult_report import SqliteConsultReport
from callback.store_offices import SqliteOffices
from callback.store_roster import SqliteRoster
from callback.store_rows import (
    SESSION_COLUMNS,
    TOKEN_COLUMNS,
    call_from,
    call_row,
    check_change,
    check_new,
    entry_row,
    request_row,
    session_from,
    session_row,
    to_text,
    token_from,
    token_row,
)
from callback.store_schema import Database, connect_again, connect_reader, connect_writer
from callback.store_worker import Worker

T = TypeVar("T")


class SqliteStore(SqliteConsultReport, SqliteRoster, SqliteOffices):
    """See callback.store.Store. `busy_timeout` is how long a write waits while another program holds the
    file before it raises StoreUnavailable."""

    def __init__(self, path: Path, *, busy_timeout: timedelta = timedelta(seconds=5)) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._writer: Worker | None = None
        self._reader: Worker | None = None
        self._checkpointer: Checkpointer | None = None

    async def open(self) -> None:
        if self._writer is not None:
            return
        writer = await self._start(connect_writer, "BEGIN IMMEDIATE", savepoints=True)
        try:
            self._reader = await self._start(connect_reader, "BEGIN", savepoints=False)
        except BaseException:
            await writer.stop()
            raise
        self._writer = writer
        self._checkpointer = Checkpointer(
            partial(connect_again, self._path, self._busy_timeout), partial(writer.between, carry)
        )
        self._checkpointer.start()

    async def _start(
        self, connect: Callable[[Path, timedelta], Database], begin: str, *, savepoints: bool
    ) -> Worker:
        connected = partial(connect, self._path, self._busy_timeout)
        worker = Worker(self._path, connected, begin=begin, savepoints=savepoints)
        await worker.start()
        return worker

    async def close(self) -> None:
        """What was asked for before is still done. Closing twice is harmless."""
        reader, writer = self._reader, self._writer
        self._reader = self._writer = None
        checkpointer, self._checkpointer = self._checkpointer, None
        try:
            if checkpointer is not None:
                await checkpointer.stop()
            if reader is not None:
                await reader.stop()
        finally:
            if writer is not None:
                await writer.stop()

    async def write(self, job: Callable[[Database], T]) -> T:
        """Run a plain function in the writer's thread, alone in its savepoint; durable when this returns."""
        if self._writer is None:
            raise StoreUnavailable("the list's database is not open")
        return await self._writer.submit(job)

    async def read(self, job: Callable[[Database], T]) -> T:
        """Run a plain function that only reads, on one snapshot of the database."""
        if self._reader is None:
            raise StoreUnavailable("the list's database is not open")
        return await self._reader.submit(job)

    # -- requests

    async def register(
        self, request: CallbackRequest, entry: LedgerEntry, *, counter: Counter | None = None
    ) -> tuple[CallbackRequest, bool]:
        check_new(request, entry)
        row, entry_values = request_row(request), entry_row(entry)
        return await self.write(lambda db: jobs.register(db, request, row, entry_values, counter))

    async def save(self, *changes: Change) -> tuple[CallbackRequest, ...]:
        for change in changes:
            check_change(change)
        rows = [jobs.rows_of(change) for change in changes]
        return await self.write(lambda db: jobs.save(db, rows))

    async def find_and_save(self, query: RequestQuery, choose: Choose) -> list[CallbackRequest | StoreError]:
        return await self.write(lambda db: jobs.find_and_save(db, query, choose))

    async def get(self, request_id: str) -> CallbackRequest | None:
        return await self.read(lambda db: jobs.get(db, request_id))

    async def get_by_attempt(self, attempt_id: str) -> CallbackRequest | None:
        return await self.read(lambda db: jobs.get_by_attempt(db, attempt_id))

    async def find(self, query: RequestQuery) -> list[CallbackRequest]:
        return await self.read(lambda db: jobs.find(db, query))

    async def of_person(self, phone: str) -> list[CallbackRequest]:
        return await self.read(lambda db: persons.of_person(db, phone))

    async def escalating(self, at: datetime, limit: int) -> list[CallbackRequest]:
        until = to_text(at)
        return await self.read(lambda db: persons.escalating(db, until, limit))

    async def ended_before(self, at: datetime, limit: int) -> list[CallbackRequest]:
        until = to_text(at)
        return await self.read(lambda db: persons.ended_before(db, until, limit))

    async def offices_due(
        self, office_nos: Collection[str], states: frozenset[RequestState], at: datetime
    ) -> frozenset[str]:
        values = (json.dumps([*office_nos]), to_text(at), json.dumps([*states]))
        rows = await self.read(lambda db: db.conn.execute(jobs.OFFICES_DUE, values).fetchall())
        return frozenset(office_no for (office_no,) in rows)

    async def expired_claims(self, at: datetime, limit: int) -> list[CallbackRequest]:
        until = to_text(at)
        return await self.read(lambda db: jobs.expired_claims(db, until, limit))

    async def count_open(self, office_no: str | None = None) -> int:
        return await self.read(lambda db: jobs.count_open(db, office_no))

    async def live_attempts(self, started_until: datetime | None = None) -> list[CallAttempt]:
        until = None if started_until is None else to_text(started_until)
        return await self.read(lambda db: jobs.live_attempts(db, until))

    async def occupied(self) -> frozenset[str]:
        return await self.read(jobs.occupied)

    async def claims(self) -> dict[str, str]:
        return await self.read(lambda db: dict(db.conn.execute(jobs.CLAIMS).fetchall()))

    async def talks(self, office_no: str, since: datetime, limit: int) -> list[CallAttempt]:
        ended_since = to_text(since)
        return await self.read(lambda db: jobs.talks(db, office_no, ended_since, max(limit, 0)))

    async def ledger(self, request_id: str) -> list[LedgerEntry]:
        return await self.read(lambda db: ledger.lines_of(db, request_id))

    async def ledger_head(self) -> LedgerHead:
        return await self.read(ledger.head)

    # -- notices

    async def due_notices(self, kind: NoticeKind, at: datetime, limit: int) -> list[Notice]:
        until = to_text(at)
        return await self.read(lambda db: notices.due(db, kind.value, until, limit))

    async def notices_in(self, state: NoticeState) -> list[Notice]:
        return await self.read(lambda db: notices.in_state(db, state.value))

    async def change_notice(self, notice: Notice, was: NoticeState) -> bool:
        row = notices.notice_row(notice)
        return await self.write(lambda db: notices.change(db, row, was.value))

    async def notice(self, notice_id: str) -> Notice | None:
        return await self.read(lambda db: notices.get(db, notice_id))

    async def notice_counts(self) -> list[NoticeCount]:
        return await self.read(notices.counts)

    async def forget_notices_before(self, at: datetime) -> None:
        until = to_text(at)
        if await self.read(lambda db: notices.any_before(db, until)):
            await self.write(lambda db: notices.forget_before(db, until))

    async def add_no_sms(self, subject: str, at: datetime) -> bool:
        text = to_text(at)
        return await self.write(lambda db: notices.add_no_sms(db, subject, text))

    async def remove_no_sms(self, subject: str) -> bool:
        return await self.write(lambda db: notices.remove_no_sms(db, subject))

    async def is_no_sms(self, subject: str) -> bool:
        return await self.read(lambda db: notices.is_no_sms(db, subject))

    # -- calls

    async def save_call(self, record: CallRecord) -> None:
        row = call_row(record)
        await self.write(lambda db: db.conn.execute(jobs.UPSERT_CALL, row).rowcount)

    async def open_calls(self, line: str | None = None) -> list[CallRecord]:
        return list(map(call_from, await self.read(lambda db: jobs.open_calls(db, line))))

    # -- guards

    async def count_up(self, *counters: Counter) -> Counter | None:
        return await self.write(lambda db: jobs.count_up(db, counters))

    async def counts(self, day: date, prefix: str) -> dict[str, int]:
        return await self.read(lambda db: jobs.counts(db, day, prefix))

    async def forget_counts_before(self, day: date) -> None:
        until = day.isoformat()
        if await self.read(lambda db: next(db.table("day_count").rows_where("day < ?", [until]), None)):
            await self.write(lambda db: db.table("day_count").delete_where("day < ?", [until]))

    async def add_never_call(self, subject: str, at: datetime) -> bool:
        text = to_text(at)
        return await self.write(lambda db: jobs.add_never_call(db, subject, text))

    async def remove_never_call(self, subject: str) -> None:
        await self.write(lambda db: db.table("never_call").delete_where("subject = ?", [subject]))

    async def is_never_call(self, subject: str) -> bool:
        return await self.read(lambda db: jobs.is_never_call(db, subject))

    async def never_call_among(self, subjects: frozenset[str]) -> frozenset[str]:
        return await self.read(lambda db: jobs.never_call_among(db, subjects))

    async def secret(self, name: str) -> str:
        return await self.write(lambda db: jobs.secret(db, name))

    # -- who takes calls

    async def set_ready(self, person_id: str, since: datetime | None) -> None:
        text = None if since is None else to_text(since)
        await self.write(lambda db: jobs.set_ready(db, person_id, text))

    async def set_away(self, person_id: str, at: datetime) -> None:
        row = (to_text(at), person_id)
        await self.write(lambda db: db.conn.execute(jobs.SET_AWAY, row).rowcount)

    async def away(self) -> list[tuple[str, datetime]]:
        return await self.read(jobs.away)

    async def postpone_ready(self, person_id: str, since: datetime) -> None:
        row = (to_text(since), person_id)
        await self.write(lambda db: db.conn.execute(jobs.POSTPONE_READY, row).rowcount)

    async def ready(self) -> list[tuple[str, datetime]]:
        return await self.read(jobs.ready)

    # -- access

    async def set_password(self, person_id: str, password_hash: str) -> None:
        row = {"person_id": person_id, "password_hash": password_hash}
        await self.write(lambda db: db.table("password").upsert(row, pk="person_id"))

    async def get_password(self, person_id: str) -> str | None:
        rows = await self.read(lambda db: list(db.table("password").rows_where("person_id = ?", [person_id])))
        return str(rows[0]["password_hash"]) if rows else None

    async def add_session(self, session: Session) -> None:
        row, refusal = session_row(session), "there is a session with this digest"
        await self.write(lambda db: jobs.add_unique(db, "session", SESSION_COLUMNS, row, refusal))

    async def get_session(self, digest: str) -> Session | None:
        row = await self.read(lambda db: jobs.one_row(db, "session", SESSION_COLUMNS, digest))
        return None if row is None else session_from(row)

    async def delete_session(self, digest: str) -> None:
        await self.write(lambda db: db.table("session").delete_where("digest = ?", [digest]))

    async def delete_sessions_before(self, now: datetime) -> None:
        until = to_text(now)
        await self.write(lambda db: db.table("session").delete_where("expires_at < ?", [until]))

    async def add_token(self, token: ApiToken) -> None:
        row = token_row(token)
        refusal = f"there is a token named {token.name!r}: revoke it or choose another name"
        await self.write(lambda db: jobs.add_unique(db, "token", TOKEN_COLUMNS, row, refusal))

    async def get_token(self, digest: str) -> ApiToken | None:
        row = await self.read(lambda db: jobs.one_row(db, "token", TOKEN_COLUMNS, digest))
        return None if row is None else token_from(row)

    async def list_tokens(self) -> list[ApiToken]:
        order = "created_at, name, digest"
        rows = await self.read(lambda db: list(db.table("token").rows_where(order_by=order)))
        return [token_from(tuple(row[name] for name in TOKEN_COLUMNS)) for row in rows]

    async def revoke_token(self, name: str, at: datetime) -> bool:
        return await self.write(lambda db: jobs.revoke_token(db, name, at))
