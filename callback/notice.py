"""A notice: what is told beside the telephone. An SMS to a caller who was missed, an e-mail to staff who are warned. Pure.

A row holds no number, name or words: both are made when it is sent, from the request as it is then. A notice about the
same attempt, or the same step and person, has the same id, so there is at most one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from callback.numbers import is_mobile
from callback.request import AttemptOutcome, CallAttempt, CallbackRequest, LedgerEntry, RequestState
from scheduler.clock import from_local, to_local

MOST_TRIES = 10
"""With `wait_after` about an hour and a half: then it would be news of yesterday."""
_LONGEST_WAIT = timedelta(minutes=15)
_NIGHT_BEGINS, _NIGHT_ENDS = time(21), time(8)
TOLD_AFTER = frozenset({AttemptOutcome.NO_ANSWER, AttemptOutcome.BUSY, AttemptOutcome.DECLINED})
"""They were rung and missed. Who declines a number they do not know is told too: the words are neutral."""
_THEY_KNOW = frozenset({"rang_back", "registered_again"})
"""After one of these lines in the ledger a caller needs no SMS about an attempt before it."""
_NEWS = frozenset({"connected", "number_changed"})
_NOT_REACHED = frozenset({"notice_undelivered", "notice_failed"})


class NoticeKind(StrEnum):
    MISSED = "missed"
    """An SMS to a caller: we tried, and when we try again."""
    STEP = "step"
    """An e-mail to a person: a step of the escalation."""
    GAP = "gap"
    """An e-mail to the leader of an on-call line: nobody could be reached there."""
    DUTY = "duty"
    """The same: whoever is to be on duty has not confirmed it."""


class NoticeState(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    """It may have gone out. Who finds it so after a crash must not send it again."""
    SENT = "sent"
    """The gateway or mail server took it. Most never say more."""
    DELIVERED = "delivered"
    """It is on their telephone."""
    UNDELIVERED = "undelivered"
    """It went out, and did not reach their telephone."""
    DROPPED = "dropped"
    """No longer true, or no longer allowed."""
    FAILED = "failed"
    """Refused, or tried too often."""
    UNCERTAIN = "uncertain"
    """Nobody knows whether it went out; it is not sent again."""


_KNOWN = {
    NoticeState.WAITING: 0,
    NoticeState.SENDING: 1,
    NoticeState.UNCERTAIN: 2,
    NoticeState.SENT: 3,
}
"""How much is known of its end in each state; in all others everything is."""
OPTED_OUT = "opted_out"
"""Why an SMS was not sent: they have answered STOP."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Times are aware UTC."""

    id: str
    kind: NoticeKind
    request_id: str | None
    """None for what is about a line."""
    created_at: datetime
    due_at: datetime
    """When it is next to be sent."""
    attempt_id: str | None = None
    percent: int | None = None
    person_id: str | None = None
    state: NoticeState = NoticeState.WAITING
    tries: int = 0
    ended_at: datetime | None = None
    why: str | None = None
    """A short word for why it was not sent: `http_400`, `reached`. Never what a gateway wrote."""
    line_id: str | None = None


@dataclass(frozen=True, slots=True)
class NoticeCount:
    """How many there are of a kind and state."""

    kind: NoticeKind
    state: NoticeState
    count: int
    last: datetime | None
    """When the last of them ended."""


def about_attempt(attempt: CallAttempt, now: datetime) -> Notice:
    return Notice(f"sms.{attempt.id}", NoticeKind.MISSED, attempt.request_id, now, now, attempt_id=attempt.id)


def about_step(request: CallbackRequest, percent: int, person_id: str, now: datetime) -> Notice:
    return Notice(
        f"mail.{request.id}.{percent}.{person_id}", NoticeKind.STEP, request.id, now, now,
        percent=percent, person_id=person_id,
    )  # fmt: skip


def about_gaps(line_id: str, person_id: str, now: datetime) -> Notice:
    """What it tells is looked up when it is sent."""
    name = f"gap.{line_id}.{person_id}.{now:%Y%m%dT%H%M%S}"
    return Notice(name, NoticeKind.GAP, None, now, now, person_id=person_id, line_id=line_id)


def about_duty(line_id: str, shift_id: str, person_id: str, now: datetime) -> Notice:
    name = f"duty.{shift_id}.{person_id}"
    return Notice(name, NoticeKind.DUTY, None, now, now, person_id=person_id, line_id=line_id)


def wait_after(tries: int) -> timedelta:
    """1, 2, 4, 8, then 15 minutes."""
    return min(timedelta(minutes=2 ** min(tries - 1, 10)), _LONGEST_WAIT)


def never_told(request: CallbackRequest) -> str | None:
    """Why this person must get no SMS at all; None: they may."""
    if request.discreet:
        return "discreet"
    if request.protected:
        return "protected"
    if request.phone is None:
        return "no_number"
    if request.reachable_until is not None:
        return "borrowed"
    if not request.is_own_number:
        return "not_own_number"
    return None if is_mobile(request.phone) else "not_mobile"


def tells(request: CallbackRequest, ended: CallAttempt) -> bool:
    """Whether an attempt that has ended is told of by SMS, as far as it is known now."""
    rang = ended.ringing_at is not None and not ended.inbound
    return rang and ended.outcome in TOLD_AFTER and never_told(request) is None


def not_any_more(
    request: CallbackRequest, notice: Notice, ledger: Iterable[LedgerEntry], *, never_called: bool
) -> str | None:
    """Why what was to be told of an attempt is not to be told now; None: it is."""
    missed = request.missed
    if not request.is_open or never_called:
        return "ended" if not never_called else "never_called"
    if missed is None or missed.id != notice.attempt_id or request.state is not RequestState.UNREACHABLE:
        return "overtaken"  # reached, rung again or taken since
    came = any(a.inbound and a.started_at >= missed.started_at for a in request.attempts)
    if came or any(entry.event in _THEY_KNOW and entry.at >= notice.created_at for entry in ledger):
        return "rang_back"
    return "other_number" if missed.phone != request.phone else never_told(request)


def says_more(state: NoticeState, than: NoticeState) -> bool:
    """Whether this end of a notice is news after what is on record: it never goes back, and the first full end counts."""
    everything = len(_KNOWN)
    return _KNOWN.get(state, everything) > _KNOWN.get(than, everything)


def missed_sms(ledger: Iterable[LedgerEntry]) -> LedgerEntry | None:
    """The line that says that their newest SMS did not reach them, while nothing says that they know of us all the same."""
    bad = None
    for entry in ledger:
        if (
            entry.event in _THEY_KNOW
            or entry.event in _NEWS
            or entry.details.get("kind") == NoticeKind.MISSED
        ):
            bad = entry if entry.event in _NOT_REACHED else None
    return bad


def morning_after(now: datetime) -> datetime | None:
    """When the night is over, where it is night; None in the day. Nobody is woken."""
    local = to_local(now)
    if _NIGHT_ENDS <= local.time() < _NIGHT_BEGINS:
        return None
    day = local.date() + timedelta(days=local.time() >= _NIGHT_BEGINS)
    return from_local(datetime.combine(day, _NIGHT_ENDS))
