"""The Store port: what the list needs of a database. Two twins: `store_sqlite`, `store_memory`.

Every method is atomic and durable when it returns. The database keeps what code cannot:
* one open request per number and office,
* a reference unique among open requests,
* one live call per number, and one live call per caseworker,
* an append-only ledger, each line chained to the one before (`store_rows.line_hash`).
Nothing of a database's own (rows, rowids, cursors, local time) passes this port.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from callback.consult import ConsultStore
from callback.notice import Notice, NoticeCount, NoticeKind, NoticeState
from callback.office_store import OfficeStore
from callback.request import CallAttempt, CallbackError, CallbackRequest, LedgerEntry, RequestState, Urgency
from callback.shifts import ShiftStore


class StoreError(CallbackError):
    """Base of what a store refuses."""


class StaleRequest(StoreError):
    """Someone else changed the request in the meantime; read it again."""


class NumberInCall(StoreError):
    """There is a live call to this number already."""


class CaseworkerInCall(StoreError):
    """This caseworker is in a call already."""


class NumberTaken(StoreError):
    """Another open request of the office has this number. `request_id` says which."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"another open request has this number: {request_id}")
        self.request_id = request_id


class LimitReached(StoreError):
    """It has been counted as often today as it may be."""


class ReferenceTaken(StoreError):
    """An open request has this reference; make another."""


class StoreUnavailable(StoreError):
    """The database cannot be written now (locked, full, failing). Nothing was changed; try again."""


@dataclass(frozen=True, slots=True)
class Change:
    """A request as it shall be after the save, with what is written beside it.

    `request.version` is the version it was read with; the store saves version + 1.
    Of `request.attempts` only `attempt` (if given) is written: inserted, or updated by id."""

    request: CallbackRequest
    entries: tuple[LedgerEntry, ...]
    attempt: CallAttempt | None = None
    notices: tuple[Notice, ...] = ()
    """Of the request. Inserted, or updated by id; a waiting one never takes the place of one that is there."""


@dataclass(frozen=True, slots=True)
class RequestQuery:
    """Filters that all must hold; an empty one means any. Sorted urgent first, then by
    `last_workable_at`, then `registered_at`, then id."""

    phone: str | None = None
    office_no: str | None = None
    """The office they asked."""
    served_by: str | None = None
    """The office whose people ring them."""
    states: frozenset[RequestState] = frozenset()
    reference: str | None = None
    registered_by: str | None = None
    restricted: bool = False
    """Only those that are not everybody's: protected, given to a colleague, with somebody disqualified, or served by a
    substitute."""
    interpreter: bool = False
    """Only those that need an interpreter."""
    due_before: datetime | None = None
    """Only those with `next_attempt_at` at or before this."""
    waiting: frozenset[str] = frozenset()
    """Ids of those whose persons wait on the line: with `due_before` they count as due."""
    urgency: Urgency | None = None
    after: CallbackRequest | None = None
    """Only those that come after this one in the order: the next page."""
    limit: int = 200


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """Where the ledger ends. Each line's hash covers all lines before it, so this stands for the whole ledger."""

    seq: int
    """Of the newest line: the number of lines."""
    hash: str
    """Of the newest line, 64 hexadecimal digits; all 0 while there is none."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call's machine, so that it can go on after a restart."""

    id: str
    machine: str
    """`intake` or `callback_call`."""
    line: str
    """Name of the line that carries it."""
    office_no: str
    legs: tuple[str, ...]
    """Ids of its legs."""
    state: str | None
    """The machine's state as JSON; None once the call has ended."""
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A bearer token; only its SHA-256 is kept."""

    name: str
    digest: str
    role: str
    office_no: str | None
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A logged-in browser; only the cookie's SHA-256 is kept."""

    digest: str
    person_id: str
    csrf: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Counter:
    """Something counted per day."""

    day: date
    kind: str
    subject: str = ""
    """A keyed hash of whom it is about; never a number."""
    limit: int = 0
    """How much it may come to; 0 = no limit."""


NeverCalled = Callable[[frozenset[str]], frozenset[str]]
"""As Store.never_call_among."""
Choose = Callable[[list[CallbackRequest], NeverCalled], Iterable[Change]]
"""What becomes of the requests that were found. It runs inside the store's transaction, in a thread of the store: it looks
at what it is given, decides, and touches nothing else."""


IN_NO_HURRY: ContextVar[bool] = ContextVar("in_no_hurry", default=False)


@contextmanager
def in_no_hurry() -> Iterator[None]:
    """What is asked of a store inside lets all others go first, but gets its turn. For the sweep, which nobody waits for;
    never around what begins a task that lives on, such as a call: it would be in no hurry for ever."""
    token = IN_NO_HURRY.set(True)
    try:
        yield
    finally:
        IN_NO_HURRY.reset(token)


class Store(ShiftStore, ConsultStore, OfficeStore, Protocol):
    async def open(self) -> None:
        """Connect and migrate. Raises StoreUnavailable with what to do."""

    async def close(self) -> None: ...

    # -- requests

    async def register(
        self, request: CallbackRequest, entry: LedgerEntry, *, counter: Counter | None = None
    ) -> tuple[CallbackRequest, bool]:
        """Insert `request`, or return the open one with the same number and office: (request, created).
        A request without a number is always inserted. An id that exists is returned unchanged (a
        repeated call is no second request). `entry` is written, and `counter` counted up, only when created.
        Raises LimitReached (nothing was written), ReferenceTaken, StoreUnavailable; ValueError for a request that
        has attempts already."""

    async def save(self, *changes: Change) -> tuple[CallbackRequest, ...]:
        """Write all changes or none; returns the requests as saved, attempts in the order they were made.
        Raises StaleRequest, NumberInCall, CaseworkerInCall, NumberTaken, ReferenceTaken, StoreUnavailable;
        ValueError for another `registered_at`, `due_at` or `answer_by_date` than was registered; only a
        request that becomes urgent may get an earlier `due_at`."""

    async def find_and_save(self, query: RequestQuery, choose: Choose) -> list[CallbackRequest | StoreError]:
        """Find, and save each change that is chosen, in one act: nobody comes in between. A change is saved or refused by
        itself: the answers are as those of `save` with that change alone, in the order of the changes. What `choose`
        raises is raised, and nothing is written."""

    async def get(self, request_id: str) -> CallbackRequest | None: ...

    async def get_by_attempt(self, attempt_id: str) -> CallbackRequest | None: ...

    async def find(self, query: RequestQuery) -> list[CallbackRequest]: ...

    async def of_person(self, phone: str) -> list[CallbackRequest]:
        """All that have the number, or an attempt that rang it, ended ones too; oldest first."""

    async def escalating(self, at: datetime, limit: int) -> list[CallbackRequest]:
        """Open ones with a step of the escalation to come whose `escalates_at` is at or before `at`, or is not set;
        the first due first, `limit` at most."""

    async def ended_before(self, at: datetime, limit: int) -> list[CallbackRequest]:
        """Those that ended before `at` and have their number or note still; oldest first, `limit` at most."""

    async def offices_due(
        self, office_nos: Collection[str], states: frozenset[RequestState], at: datetime
    ) -> frozenset[str]:
        """Those of the offices that serve somebody in one of these open states with `next_attempt_at` at or before `at`."""

    async def expired_claims(self, at: datetime, limit: int) -> list[CallbackRequest]:
        """Claimed ones with `next_attempt_at` at or before `at`, the longest ago first, `limit` at most."""

    async def count_open(self, office_no: str | None = None) -> int: ...

    async def live_attempts(self, started_until: datetime | None = None) -> list[CallAttempt]:
        """Attempts that have not ended, oldest first; of those only the ones that began at or before, if given."""

    async def occupied(self) -> frozenset[str]:
        """Ids of the caseworkers who are in a call, or owe the result of one."""

    async def claims(self) -> dict[str, str]:
        """Who has taken it, by request id, of all that are claimed and not rung yet."""

    async def talks(self, office_no: str, since: datetime, limit: int) -> list[CallAttempt]:
        """Conversations with those the office serves that ended at `since` or later, the newest first, `limit` at most."""

    async def ledger(self, request_id: str) -> list[LedgerEntry]:
        """In order of writing."""

    async def ledger_head(self) -> LedgerHead: ...

    # -- notices

    async def due_notices(self, kind: NoticeKind, at: datetime, limit: int) -> list[Notice]:
        """Those of a kind that wait and are due at or before `at`, the first due first."""

    async def notices_in(self, state: NoticeState) -> list[Notice]:
        """All in a state, oldest first."""

    async def change_notice(self, notice: Notice, was: NoticeState) -> bool:
        """Write it, if it is there in the state `was`; else False, and nothing is written."""

    async def notice(self, notice_id: str) -> Notice | None: ...

    async def notice_counts(self) -> list[NoticeCount]: ...

    async def forget_notices_before(self, at: datetime) -> None:
        """Those that ended before `at`."""

    async def add_no_sms(self, subject: str, at: datetime) -> bool:
        """False when it was there already."""

    async def remove_no_sms(self, subject: str) -> bool:
        """False when it was not there."""

    async def is_no_sms(self, subject: str) -> bool: ...

    # -- calls

    async def save_call(self, record: CallRecord) -> None:
        """Insert or replace by id."""

    async def open_calls(self, line: str | None = None) -> list[CallRecord]:
        """Calls that have not ended, oldest first."""

    # -- guards

    async def count_up(self, *counters: Counter) -> Counter | None:
        """Add one to all counters, or, when one has reached its limit, to none: returns the first such."""

    async def counts(self, day: date, prefix: str) -> dict[str, int]:
        """The day's counts whose kind begins with `prefix`, by kind, all subjects together."""

    async def forget_counts_before(self, day: date) -> None: ...

    async def add_never_call(self, subject: str, at: datetime) -> bool:
        """False when it was there already."""

    async def remove_never_call(self, subject: str) -> None: ...

    async def is_never_call(self, subject: str) -> bool: ...

    async def never_call_among(self, subjects: frozenset[str]) -> frozenset[str]:
        """Those of them that are never called."""

    async def secret(self, name: str) -> str:
        """A random secret of this database, made at the first look: 64 hexadecimal digits."""

    # -- who takes calls

    async def set_ready(self, person_id: str, since: datetime | None) -> None:
        """They take calls since then; who is ready already keeps the time, who is away is back. None: they take none."""

    async def set_away(self, person_id: str, at: datetime) -> None:
        """Whoever takes calls is away from then on, until `set_ready`; who is away keeps the time."""

    async def away(self) -> list[tuple[str, datetime]]:
        """(id, since when) of those who are away."""

    async def postpone_ready(self, person_id: str, since: datetime) -> None:
        """Whoever takes calls does so again from then on; nobody else begins to."""

    async def ready(self) -> list[tuple[str, datetime]]:
        """(id, since when) of those who take calls and are not away, the one who has waited longest first."""

    # -- access

    async def set_password(self, person_id: str, password_hash: str) -> None: ...

    async def get_password(self, person_id: str) -> str | None: ...

    async def add_session(self, session: Session) -> None: ...

    async def get_session(self, digest: str) -> Session | None:
        """Also one that has expired: the caller looks at `expires_at`."""

    async def delete_session(self, digest: str) -> None: ...

    async def delete_sessions_before(self, now: datetime) -> None:
        """Those that expired before `now`."""

    async def add_token(self, token: ApiToken) -> None:
        """Raises StoreError when an unrevoked token has the name."""

    async def get_token(self, digest: str) -> ApiToken | None:
        """Also a revoked one: the caller looks at `revoked_at`."""

    async def list_tokens(self) -> list[ApiToken]:
        """All, also revoked ones, oldest first."""

    async def revoke_token(self, name: str, at: datetime) -> bool:
        """False when no unrevoked token has the name."""
