"""What has happened to one request, in words: from its ledger and its attempts. Pure.

Never shows a number or a note: the ledger has none, and none is added here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from callback.consult import Consult, ConsultCaller, ConsultOutcome
from callback.notice import OPTED_OUT
from callback.request import CallAttempt, CallbackRequest, LedgerEntry
from callback.web.words import Words


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    at: datetime
    when: str
    text: str
    kind: str
    """`call` while it belongs to an attempt, `end` for what ended the request, else `step`."""


_CALL = frozenset({"call_started", "caller_ringing", "connected", "call_missed", "call_talked"})
_END = frozenset({"result_reached", "withdrawn", "decided"})
_STEP = frozenset(
    {
        "registered", "registered_again", "merged", "claimed", "released", "result_ring_again", "number_changed",
        "reassigned", "made_urgent", "urgent_reason_set", "day_part_set", "discreet_set", "language_set",
        "reachable_until_set", "asked_not_to_be_called", "rang_back", "never_call_lifted", "erased", "escalated", "acknowledged",
        "notice_sent", "notice_delivered", "notice_undelivered", "notice_failed", "notice_uncertain",
        "disqualified", "disqualified_lifted", "interpreter_set", "protected_set", "settled",
    }
)  # fmt: skip
_KNOWN = _CALL | _END | _STEP


def timeline(
    request: CallbackRequest, ledger: Iterable[LedgerEntry], words: Words, consults: Iterable[Consult] = ()
) -> list[Moment]:
    """Oldest first. `consults`: the calls on an on-call line that are about it."""
    attempts = {attempt.id: attempt for attempt in request.attempts}
    told = [_moment(entry, attempts.get(entry.details.get("attempt", "")), words) for entry in ledger]
    calls = [_consult(request, consult, words) for consult in consults if consult.outcome is not None]
    return sorted((*calls, *told), key=lambda moment: moment.at)


def _consult(request: CallbackRequest, consult: Consult, words: Words) -> Moment:
    at, key = consult.started_at, "line.born"
    if consult.caller is ConsultCaller.CALLER:
        at = consult.ended_at or at
        answered = consult.outcome is ConsultOutcome.ANSWERED
        key = f"line.duty.{(consult.result or 'answered') if answered else 'unanswered'}"
    elif consult.outcome is ConsultOutcome.ANSWERED:
        key = "line.born.follow_up"
    elif request.registered_at < at:
        key = "line.born.before"
    return Moment(at, words.when(at), words.t(key, to=words.person(consult.answered_by)), "call")


def _moment(entry: LedgerEntry, attempt: CallAttempt | None, words: Words) -> Moment:
    kind = "call" if entry.event in _CALL else "end" if entry.event in _END else "step"
    return Moment(entry.at, words.when(entry.at), _text(entry, attempt, words), kind)


def _text(entry: LedgerEntry, attempt: CallAttempt | None, words: Words) -> str:
    t, details = words.t, entry.details
    to = details.get("to") or details.get("person")
    key = entry.event if entry.event in _KNOWN else "other"
    if details.get("registered_again"):  # while a result was due: the ledger says both in one
        key = "registered_again"
    if key in ("registered", "registered_again") and entry.actor == "caller":
        key += ".stayed" if details.get("by") in ("silence", "wrong_key") else ".phone"
    elif details.get("inbound"):
        key = "call_waiting" if details.get("waited") else "call_inbound"
    elif key.startswith("notice_"):
        opted_out = details.get("why") == OPTED_OUT
        key = (
            "notice_opted_out"
            if opted_out
            else f"{key}.{'step' if details.get('kind') == 'step' else 'missed'}"
        )
    elif "merged_into" in details:
        key = "merged_into"
    elif key == "disqualified" and entry.actor == details.get("person"):
        key = "disqualified.self"
    elif key == "interpreter_set":
        key += ".booked" if details.get("booked") else ".needed" if details.get("needed") else ".no"
    elif key == "protected_set":
        key += ".on" if details.get("protected") else ".off"
    said = t(
        f"line.{key}",
        actor=words.actor(entry.actor),
        event=entry.event.replace("_", " "),
        outcome=words.how(details.get("outcome"), details.get("cause")),
        result=t(f"result.{details.get('result') or 'ring_again'}").lower(),
        span=_talk(attempt, words),
        percent=details.get("percent"),
        to=words.person(attempt.caseworker if attempt and attempt.inbound else to),
    )
    moved = details.get("served_by")
    return f"{said} {t('line.served_by', office=words.office_name(moved))}" if moved else said


def _talk(attempt: CallAttempt | None, words: Words) -> str:
    if attempt is None or attempt.ended_at is None:
        return ""
    return words.span(attempt.ended_at - (attempt.connected_at or attempt.ended_at))
