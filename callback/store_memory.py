"""The Store in memory, for tests and for lists that may be thrown away: same rules, same errors, no disk.

It must never be given to an office: everything is gone when the process ends.
No method awaits, so each is atomic on its event loop.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date, datetime

from callback.request import TERMINAL, CallAttempt, CallbackRequest, LedgerEntry, RequestState
from callback.store import (
    ApiToken,
    CallRecord,
    CaseworkerInCall,
    Change,
    Choose,
    Counter,
    LedgerHead,
    LimitReached,
    NumberInCall,
    NumberTaken,
    ReferenceTaken,
    RequestQuery,
    Session,
    StaleRequest,
    StoreError,
    StoreUnavailable,
)
from callback.store_memory_consult_report import MemoryConsultReport
from callback.store_memory_notices import MemoryNotices
from callback.store_memory_offices import MemoryOffices
from callback.store_memory_roster import MemoryRoster
from callback.store_notices import notice_from, notice_row
from callback.store_rows import (
    FIRST_HASH,
    attempt_from,
    attempt_row,
    call_from,
    call_row,
    check_change,
    check_new,
    clock_may_become,
    details_text,
    entry_row,
    line_hash,
    request_from,
    request_row,
    session_from,
    session_row,
    token_from,
    token_row,
)
from callback.turn import list_order
from scheduler.clock import aware_utc


class MemoryStore(MemoryNotices, MemoryConsultReport, MemoryRoster, MemoryOffices):
    """See callback.store.Store. What is written is kept from open to open."""

    def __init__(self) -> None:
        super().__init__()
        self._is_open = False
        self._requests: dict[str, CallbackRequest] = {}  # without their attempts
        self._attempts: dict[str, CallAttempt] = {}
        self._ledger: dict[str, list[LedgerEntry]] = {}
        self._head, self._seq = FIRST_HASH, 0
        self._calls: dict[str, CallRecord] = {}
        self._passwords: dict[str, str] = {}
        self._sessions: dict[str, Session] = {}
        self._tokens: dict[str, ApiToken] = {}
        self._counts: dict[tuple[date, str, str], int] = {}
        self._never_call: dict[str, datetime] = {}
        self._ready: dict[str, datetime] = {}
        self._away: dict[str, datetime] = {}
        self._secrets: dict[str, str] = {}

    async def open(self) -> None:
        self._is_open = True

    async def close(self) -> None:
        self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreUnavailable("the list's database is not open")

    # -- requests

    async def register(
        self, request: CallbackRequest, entry: LedgerEntry, *, counter: Counter | None = None
    ) -> tuple[CallbackRequest, bool]:
        check_new(request, entry)
        request, entry = _normal(request), _normal_entry(entry)
        self._check_open()
        known = self._requests.get(request.id) or self._open_with_number(request)
        if known is not None:
            return self._whole(known), False
        self._check_reference(request)
        if counter is not None and await self.count_up(counter) is not None:
            raise LimitReached
        self._requests[request.id] = request
        self._write_entry(entry)
        return request, True

    async def save(self, *changes: Change) -> tuple[CallbackRequest, ...]:
        for change in changes:
            check_change(change)
        normal = [_normal_change(change) for change in changes]
        self._check_open()
        requests, attempts = dict(self._requests), dict(self._attempts)
        try:
            saved = tuple(self._save(change) for change in normal)
        except Exception:
            self._requests, self._attempts = requests, attempts
            raise
        for change in normal:
            for entry in change.entries:
                self._write_entry(entry)
            for notice in change.notices:
                self._write_notice(notice)
        return saved

    async def find_and_save(self, query: RequestQuery, choose: Choose) -> list[CallbackRequest | StoreError]:
        found = await self.find(query)
        changes = list(choose(found, lambda subjects: subjects & self._never_call.keys()))
        answers: list[CallbackRequest | StoreError] = []
        for change in changes:
            try:
                answers += await self.save(change)
            except StoreError as refused:
                answers.append(refused)
        return answers

    def _save(self, change: Change) -> CallbackRequest:
        request = change.request
        self._check_version(request)
        if request.is_open:
            other = self._open_with_number(request)
            if other is not None and other.id != request.id:
                raise NumberTaken(other.id)
            self._check_reference(request)
        self._requests[request.id] = replace(request, version=request.version + 1)
        if change.attempt is not None:
            self._write_attempt(change.attempt)
        return self._whole(self._requests[request.id])

    def _check_version(self, request: CallbackRequest) -> None:
        now = self._requests.get(request.id)
        if now is None or now.version != request.version:
            raise StaleRequest
        if not clock_may_become(now, request):
            raise ValueError("the clock of a request never changes")

    def _check_reference(self, request: CallbackRequest) -> None:
        others = (other for other in self._open() if other.id != request.id)
        if request.is_open and any(other.reference == request.reference for other in others):
            raise ReferenceTaken

    def _write_attempt(self, attempt: CallAttempt) -> None:
        before = self._attempts.get(attempt.id)
        if before is not None and before.request_id != attempt.request_id:
            raise ValueError(f"attempt {attempt.id} belongs to another request")
        if attempt.ended_at is None:
            live = [a for a in self._attempts.values() if a.ended_at is None and a.id != attempt.id]
            if attempt.phone is not None and any(a.phone == attempt.phone for a in live):
                raise NumberInCall
            if any(a.caseworker == attempt.caseworker for a in live) or self._is_rung(attempt.caseworker):
                raise CaseworkerInCall
        self._attempts[attempt.id] = attempt

    def _write_entry(self, entry: LedgerEntry) -> None:
        self._seq += 1
        self._head = line_hash(self._head, self._seq, entry_row(entry))
        self._ledger.setdefault(entry.request_id, []).append(replace(entry, seq=self._seq))

    def _open(self) -> Iterator[CallbackRequest]:
        return (request for request in self._requests.values() if request.is_open)

    def _open_with_number(self, request: CallbackRequest) -> CallbackRequest | None:
        if request.phone is None or not request.is_open:
            return None
        number = (request.phone, request.office_no)
        return next((other for other in self._open() if (other.phone, other.office_no) == number), None)

    def _whole(self, request: CallbackRequest) -> CallbackRequest:
        attempts = tuple(a for a in self._attempts.values() if a.request_id == request.id)
        return replace(request, attempts=attempts) if attempts else request

    async def get(self, request_id: str) -> CallbackRequest | None:
        self._check_open()
        request = self._requests.get(request_id)
        return None if request is None else self._whole(request)

    async def get_by_attempt(self, attempt_id: str) -> CallbackRequest | None:
        self._check_open()
        attempt = self._attempts.get(attempt_id)
        return None if attempt is None else self._whole(self._requests[attempt.request_id])

    async def find(self, query: RequestQuery) -> list[CallbackRequest]:
        self._check_open()
        if query.due_before is not None:
            query = replace(query, due_before=aware_utc(query.due_before))
        found = sorted((r for r in self._requests.values() if _matches(r, query)), key=list_order)
        return [self._whole(request) for request in found[: max(query.limit, 0)]]

    async def of_person(self, phone: str) -> list[CallbackRequest]:
        self._check_open()
        whole = map(self._whole, self._requests.values())
        found = (r for r in whole if phone in (r.phone, *(attempt.phone for attempt in r.attempts)))
        return sorted(found, key=_age)

    async def escalating(self, at: datetime, limit: int) -> list[CallbackRequest]:
        until = aware_utc(at)
        self._check_open()
        coming = (r for r in self._open() if r.escalation < 100)
        due = [r for r in coming if r.escalates_at is None or r.escalates_at <= until]
        due.sort(key=lambda r: (r.escalates_at is not None, r.escalates_at or r.registered_at, r.id))
        return [self._whole(request) for request in due[: max(limit, 0)]]

    async def ended_before(self, at: datetime, limit: int) -> list[CallbackRequest]:
        until = aware_utc(at)
        self._check_open()
        kept = (r for r in self._requests.values() if not r.is_open and (r.phone or r.note) is not None)
        found = (
            r
            for r in kept
            if any(e.to_state in TERMINAL and e.at < until for e in self._ledger.get(r.id, ()))
        )
        return [self._whole(request) for request in sorted(found, key=_age)[: max(limit, 0)]]

    async def offices_due(
        self, office_nos: Collection[str], states: frozenset[RequestState], at: datetime
    ) -> frozenset[str]:
        until = aware_utc(at)
        self._check_open()
        found = (r for r in self._open() if r.state in states)
        serving = {r.served_by for r in found if r.next_attempt_at is not None and r.next_attempt_at <= until}
        return frozenset(office_nos) & serving

    async def expired_claims(self, at: datetime, limit: int) -> list[CallbackRequest]:
        until = aware_utc(at)
        self._check_open()
        claimed = (r for r in self._requests.values() if r.state is RequestState.CLAIMED)
        expired = [
            (r.next_attempt_at, r.id) for r in claimed if r.next_attempt_at and r.next_attempt_at <= until
        ]
        return [self._whole(self._requests[i]) for _, i in sorted(expired)[: max(limit, 0)]]

    async def count_open(self, office_no: str | None = None) -> int:
        self._check_open()
        return sum(office_no in (None, request.office_no) for request in self._open())

    async def live_attempts(self, started_until: datetime | None = None) -> list[CallAttempt]:
        until = None if started_until is None else aware_utc(started_until)
        self._check_open()
        live = (a for a in self._attempts.values() if a.ended_at is None)
        return sorted((a for a in live if until is None or a.started_at <= until), key=lambda a: a.started_at)

    async def occupied(self) -> frozenset[str]:
        self._check_open()
        owing = (r.claimed_by for r in self._requests.values() if r.state is RequestState.RESULT_DUE)
        live = (a.caseworker for a in self._attempts.values() if a.ended_at is None)
        rung = (leg.person_id for leg in self._live())
        return frozenset((*live, *rung, *(person for person in owing if person is not None)))

    async def claims(self) -> dict[str, str]:
        self._check_open()
        claimed = (r for r in self._requests.values() if r.state is RequestState.CLAIMED)
        return {r.id: r.claimed_by for r in claimed if r.claimed_by is not None}

    def _is_in_attempt(self, person_id: str) -> bool:
        return any(a.caseworker == person_id for a in self._attempts.values() if a.ended_at is None)

    async def talks(self, office_no: str, since: datetime, limit: int) -> list[CallAttempt]:
        since = aware_utc(since)
        self._check_open()
        found = [
            attempt
            for attempt in self._attempts.values()
            if attempt.connected_at is not None
            and attempt.ended_at is not None
            and attempt.ended_at >= since
            and self._requests[attempt.request_id].served_by == office_no
        ]
        return sorted(found, key=lambda a: (a.ended_at, a.id), reverse=True)[: max(limit, 0)]

    async def ledger(self, request_id: str) -> list[LedgerEntry]:
        self._check_open()
        return [_copied(entry) for entry in self._ledger.get(request_id, [])]

    async def ledger_head(self) -> LedgerHead:
        self._check_open()
        return LedgerHead(self._seq, self._head.hex())

    # -- calls

    async def save_call(self, record: CallRecord) -> None:
        record = call_from(call_row(record))
        self._check_open()
        self._calls[record.id] = record

    async def open_calls(self, line: str | None = None) -> list[CallRecord]:
        self._check_open()
        calls = (c for c in self._calls.values() if c.ended_at is None and line in (None, c.line))
        return sorted(calls, key=lambda call: (call.started_at, call.id))

    # -- guards

    async def count_up(self, *counters: Counter) -> Counter | None:
        self._check_open()
        for counter in counters:
            if 0 < counter.limit <= self._counts.get((counter.day, counter.kind, counter.subject), 0):
                return counter
        for counter in counters:
            key = (counter.day, counter.kind, counter.subject)
            self._counts[key] = self._counts.get(key, 0) + 1
        return None

    async def counts(self, day: date, prefix: str) -> dict[str, int]:
        self._check_open()
        found: dict[str, int] = {}
        for (on, kind, _), n in self._counts.items():
            if on == day and kind.startswith(prefix):
                found[kind] = found.get(kind, 0) + n
        return found

    async def forget_counts_before(self, day: date) -> None:
        self._check_open()
        self._counts = {key: n for key, n in self._counts.items() if key[0] >= day}

    async def add_never_call(self, subject: str, at: datetime) -> bool:
        at = aware_utc(at)
        self._check_open()
        if subject in self._never_call:
            return False
        self._never_call[subject] = at
        return True

    async def remove_never_call(self, subject: str) -> None:
        self._check_open()
        self._never_call.pop(subject, None)

    async def is_never_call(self, subject: str) -> bool:
        self._check_open()
        return subject in self._never_call

    async def set_ready(self, person_id: str, since: datetime | None) -> None:
        since = None if since is None else aware_utc(since)
        self._check_open()
        if since is None:
            self._ready.pop(person_id, None)
            self._away.pop(person_id, None)
        elif self._away.pop(person_id, None) is None:
            self._ready.setdefault(person_id, since)
        else:
            self._ready[person_id] = since

    async def set_away(self, person_id: str, at: datetime) -> None:
        at = aware_utc(at)
        self._check_open()
        if person_id in self._ready:
            self._away.setdefault(person_id, at)

    async def away(self) -> list[tuple[str, datetime]]:
        self._check_open()
        return sorted(self._away.items(), key=lambda item: (item[1], item[0]))

    async def postpone_ready(self, person_id: str, since: datetime) -> None:
        since = aware_utc(since)
        self._check_open()
        if person_id in self._ready:
            self._ready[person_id] = since

    async def ready(self) -> list[tuple[str, datetime]]:
        self._check_open()
        ready = (item for item in self._ready.items() if item[0] not in self._away)
        return sorted(ready, key=lambda item: (item[1], item[0]))

    async def never_call_among(self, subjects: frozenset[str]) -> frozenset[str]:
        self._check_open()
        return subjects & self._never_call.keys()

    async def secret(self, name: str) -> str:
        self._check_open()
        return self._secrets.setdefault(name, secrets.token_hex(32))

    # -- access

    async def set_password(self, person_id: str, password_hash: str) -> None:
        self._check_open()
        self._passwords[person_id] = password_hash

    async def get_password(self, person_id: str) -> str | None:
        self._check_open()
        return self._passwords.get(person_id)

    async def add_session(self, session: Session) -> None:
        session = session_from(session_row(session))
        self._check_open()
        if session.digest in self._sessions:
            raise StoreError("there is a session with this digest")
        self._sessions[session.digest] = session

    async def get_session(self, digest: str) -> Session | None:
        self._check_open()
        return self._sessions.get(digest)

    async def delete_session(self, digest: str) -> None:
        self._check_open()
        self._sessions.pop(digest, None)

    async def delete_sessions_before(self, now: datetime) -> None:
        until = aware_utc(now)
        self._check_open()
        self._sessions = {d: s for d, s in self._sessions.items() if s.expires_at >= until}

    async def add_token(self, token: ApiToken) -> None:
        token = token_from(token_row(token))
        self._check_open()
        unrevoked = {t.name for t in self._tokens.values() if t.revoked_at is None}
        if token.digest in self._tokens or (token.revoked_at is None and token.name in unrevoked):
            raise StoreError(f"there is a token named {token.name!r}: revoke it or choose another name")
        self._tokens[token.digest] = token

    async def get_token(self, digest: str) -> ApiToken | None:
        self._check_open()
        return self._tokens.get(digest)

    async def list_tokens(self) -> list[ApiToken]:
        self._check_open()
        return sorted(self._tokens.values(), key=lambda token: (token.created_at, token.name, token.digest))

    async def revoke_token(self, name: str, at: datetime) -> bool:
        at = aware_utc(at)
        self._check_open()
        for token in self._tokens.values():
            if token.name == name and token.revoked_at is None:
                self._tokens[token.digest] = replace(token, revoked_at=at)
                return True
        return False


def _normal(request: CallbackRequest) -> CallbackRequest:
    """Times in UTC, attempts apart; refuses what the database would refuse."""
    return request_from(request_row(request), ())


def _normal_entry(entry: LedgerEntry) -> LedgerEntry:
    return replace(_copied(entry), at=aware_utc(entry.at))


def _normal_change(change: Change) -> Change:
    attempt = None if change.attempt is None else attempt_from(attempt_row(change.attempt))
    entries = tuple(map(_normal_entry, change.entries))
    notices = tuple(notice_from(notice_row(notice)) for notice in change.notices)
    return Change(_normal(change.request), entries, attempt, notices)


def _copied(entry: LedgerEntry) -> LedgerEntry:
    """Details go through JSON: nobody can change what is written, and they read back as from a file."""
    return replace(entry, details=json.loads(details_text(entry.details)))


def _matches(request: CallbackRequest, query: RequestQuery) -> bool:
    due, at = query.due_before, request.next_attempt_at
    return (
        query.phone in (None, request.phone)
        and query.office_no in (None, request.office_no)
        and query.served_by in (None, request.served_by)
        and query.reference in (None, request.reference)
        and query.registered_by in (None, request.registered_by)
        and (request.interpreter or not query.interpreter)
        and (
            not query.restricted
            or request.protected
            or bool(request.disqualified)
            or (request.assigned_to or request.substitute) is not None
        )
        and (not query.states or request.state in query.states)
        and query.urgency in (None, request.urgency)
        and (query.after is None or list_order(request) > list_order(query.after))
        and (due is None or (at is not None and at <= due) or request.id in query.waiting)
    )


def _age(request: CallbackRequest) -> tuple[datetime, str]:
    return request.registered_at, request.id
