"""Times, names and states as people say them, in the language of the page. Pure.

Never decides anything about a request: it only words what the request says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from callback.numbers import mask
from callback.request import (
    FREE_OUTCOMES,
    URGENT_REASONS,
    AttemptOutcome,
    CallAttempt,
    CallbackRequest,
    RequestState,
    Urgency,
)
from callback.turn import PassedOver, Standing
from callback.web.texts import LANGUAGE_NAMES, Translate
from config.model import Config
from hardware.line import LINE_FULL
from scheduler.clock import to_local

_IDLE = frozenset({RequestState.WAITING, RequestState.UNREACHABLE})


@dataclass(frozen=True, slots=True)
class Words:
    """Everything is said as seen at `now`."""

    t: Translate
    now: datetime
    config: Config

    # -- time

    def clock(self, at: datetime) -> str:
        return to_local(at).strftime(self.t("time.clock"))

    def when(self, at: datetime) -> str:
        """`i dag kl. 14.10`, `onsdag 25. november kl. 09.05`."""
        return self._near(at) or self.t("time.date", date=self.day(to_local(at).date()), clock=self.clock(at))

    def short(self, at: datetime) -> str:
        """As `when`, with short names: `ons. 25. nov. kl. 09.05`."""
        date = self.day(to_local(at).date(), short="_short")
        return self._near(at) or self.t("time.date", date=date, clock=self.clock(at))

    def _near(self, at: datetime) -> str | None:
        distance = (to_local(at).date() - to_local(self.now).date()).days
        key = {0: "time.today", 1: "time.tomorrow", -1: "time.yesterday"}.get(distance)
        return self.t(key, clock=self.clock(at)) if key else None

    def day(self, day: date, *, short: str = "") -> str:
        """`onsdag 25. november`; the year only when it is another."""
        key = "time.day" if day.year == to_local(self.now).year else "time.day_year"
        weekday = self.t(f"weekdays{short}").split()[day.weekday()]
        month = self.t(f"months{short}").split()[day.month - 1]
        return self.t(key, weekday=weekday, day=day.day, month=month, year=day.year)

    def distance(self, at: datetime) -> str:
        """`om 3 timer`, `for 5 minutter siden`, `nå`."""
        span = at - self.now
        if abs(span) < timedelta(minutes=1):
            return self.t("time.now")
        return self.t("time.in" if span > timedelta(0) else "time.ago", span=self.span(abs(span)))

    def span(self, span: timedelta) -> str:
        """One unit, rounded down: `2 timer`; days from two days on."""
        seconds = int(span.total_seconds())
        for unit, size, least in (("day", 86400, 2), ("hour", 3600, 1), ("minute", 60, 1), ("second", 1, 0)):
            count = seconds // size
            if count >= least:
                return self.t(f"span.{unit}.{'one' if count == 1 else 'many'}", n=count)
        raise AssertionError("unreachable")

    def seconds(self, seconds: float) -> str:
        """`8,4 s`."""
        return self.t("time.seconds", n=f"{seconds:.1f}".replace(".", self.t("time.decimal")))

    # -- people and places

    def person(self, person_id: str | None) -> str:
        person = self.config.person(person_id or "")
        return person.name if person else self.t("who.someone")

    def actor(self, actor: str) -> str:
        """A ledger's actor: a person, a token's name, the caller, whoever we rang, the service or its command line."""
        if actor in ("caller", "callee", "service", "command_line"):
            return self.t(f"actor.{actor}")
        return actor.removeprefix("token:") if actor.startswith("token:") else self.person(actor)

    def office(self, office_no: str) -> str:
        office = self.config.office(office_no)
        return f"{office.name} ({office_no})" if office else office_no

    def office_name(self, office_no: str) -> str:
        office = self.config.office(office_no)
        return office.name if office else office_no

    def language(self, code: str) -> str:
        """`Ukrainsk (Українська)`: as the reader calls it, then as those who speak it do."""
        own = self.own_name(code)
        return self.language_name(code) + (f" ({own})" if own else "")

    def language_name(self, code: str) -> str:
        return self.t(f"language.{code}") if code in LANGUAGE_NAMES else code

    def own_name(self, code: str) -> str:
        """Empty where both names are the same."""
        own = LANGUAGE_NAMES.get(code, "")
        return "" if own == self.language_name(code) else own

    def refusal(self, kind: str) -> str:
        """Why something was refused."""
        return self.t(f"refusal.{kind}")

    def prompt_problem(self, kind: str, name: str, count: int) -> str:
        """What is wrong with prompts, and what to do. `name` is a language, a prompt or a recording."""
        language = self.language_name(name.removesuffix(".slow"))
        return self.t(f"prompt_problem.{kind}", name=name, language=language, n=count)

    # -- requests

    # why it stands where it stands: an urgent reason, then the limit

    def why_urgent(self, request: CallbackRequest) -> str:
        """Empty for an ordinary request, and for one that has ended."""
        if request.urgency is not Urgency.URGENT or not request.is_open:
            return ""
        if request.reason in URGENT_REASONS:
            return self.t("why.urgent", reason=self.t(f"why_reason.{request.reason}"))
        return self.t("why.urgent_plain")

    def why_limit(self, request: CallbackRequest) -> str:
        if not request.is_open:
            return self.t("why.ended")
        if request.due_at <= self.now:
            return self.t("why.overdue", when=self.when(request.due_at))
        if request.last_workable_at > request.due_at:
            return self.t("why.at_opening", when=self.when(request.last_workable_at))
        if request.last_workable_at < request.due_at - timedelta(minutes=1):
            return self.t("why.last_chance", when=self.when(request.last_workable_at))
        if to_local(request.due_at).date() == to_local(self.now).date():
            return self.t("why.before_today", clock=self.clock(request.due_at))
        return self.t("why.before", when=self.when(request.due_at))

    def why_now(self, request: CallbackRequest, standing: Standing) -> str:
        """Why it is passed over now, or what keeps it to some colleagues; empty for what can be offered to all, unless it
        is overdue."""
        passed = standing.passed_over
        if passed is PassedOver.NEVER_CALLED:  # said in the place of the limit
            return ""
        if passed is None:
            late = request.state in _IDLE and request.due_at <= self.now
            key = "unspoken" if standing.unspoken else "overdue" if late else ""
        else:
            key = "not_due_again" if passed is PassedOver.NOT_DUE and request.attempts else passed.value
        if not key:
            return ""
        at = request.interpreter_at if passed is PassedOver.INTERPRETER_LATER else request.next_attempt_at
        return self.t(
            f"why_now.{key}",
            when=self.when(at or self.now),
            part=self.t(f"day_part_in.{request.day_part}") if request.day_part else "",
            name=self.person(request.assigned_to),
            office=self.office_name(request.served_by),
            language=self.t(f"language_in.{request.language}")
            if request.language in LANGUAGE_NAMES
            else request.language,
        )

    def why(self, request: CallbackRequest, standing: Standing) -> str:
        """Why it stands where it stands, in one line: the urgent reason, the limit, why it is passed over now."""
        never = standing.passed_over is PassedOver.NEVER_CALLED
        limit = self.t("why.never_called") if never else self.why_limit(request)
        return " ".join(
            part for part in (self.why_urgent(request), limit, self.why_now(request, standing)) if part
        )

    def serving(self, request: CallbackRequest) -> list[str]:
        """What is to be known of who may serve it, in a word or two each."""
        said = [self.t("tag.protected")] if request.protected else []
        if request.interpreter:
            said.append(self.t("tag.interpreter"))
        if request.substitute is not None:
            said.append(self.t("tag.substitute", office=self.office_name(request.office_no)))
        return said

    def interpreter(self, request: CallbackRequest) -> str:
        """`Trengs, ikke bestilt`, `Bestilt til i morgen kl. 10.00`."""
        if request.interpreter_at is None:
            return self.t("interpreter.needed")
        over = request.interpreter_at <= self.now and not request.has_interpreter(self.now)
        return self.t(f"interpreter.{'over' if over else 'at'}", when=self.when(request.interpreter_at))

    def wishes(self, request: CallbackRequest) -> list[str]:
        """What they have said of how they can be rung, in a sentence each."""
        return self._wishes(request, "wish", self.when)

    def short_wishes(self, request: CallbackRequest) -> list[str]:
        """The same in a word or two."""
        return self._wishes(request, "wish_short", self.short)

    def _wishes(self, request: CallbackRequest, key: str, when: Callable[[datetime], str]) -> list[str]:
        said = []
        if request.discreet:
            said.append(self.t(f"{key}.discreet"))
        if request.day_part is not None:
            said.append(self.t(f"{key}.day_part", part=self.t(f"day_part.{request.day_part}")))
        if request.reachable_until is not None:
            over = "_over" if request.is_out_of_reach(self.now) else ""
            said.append(self.t(f"{key}.until{over}", when=when(request.reachable_until)))
        return said

    def holder(self, request: CallbackRequest) -> str:
        """Who has it, and what they do; empty when nobody has."""
        name = self.person(request.claimed_by)
        if request.state is RequestState.CLAIMED and request.next_attempt_at is not None:
            return self.t("who.claimed", name=name, when=self.when(request.next_attempt_at))
        if request.state in (RequestState.CALLING, RequestState.RESULT_DUE):
            return self.t(f"who.{request.state}", name=name)
        return self.t("row.assigned", name=self.person(request.assigned_to)) if request.assigned_to else ""

    def attempts(self, request: CallbackRequest) -> str:
        """How many attempts count; our own failures do not."""
        count = sum(1 for a in request.attempts if a.ended_at and a.outcome not in FREE_OUTCOMES)
        if count == 0:
            return self.t("attempts.none")
        return self.t("attempts.one") if count == 1 else self.t("attempts.many", n=count)

    def last_attempt(self, request: CallbackRequest) -> str:
        ended = [a for a in request.attempts if a.ended_at is not None]
        if not ended or ended[-1].ended_at is None:
            return ""
        return self.t("attempts.last", outcome=self.outcome(ended[-1]), when=self.when(ended[-1].ended_at))

    def outcome(self, attempt: CallAttempt) -> str:
        if attempt.result is not None:
            return self.t(f"result.{attempt.result}").lower()
        return self.how(attempt.outcome, attempt.cause)

    def how(self, outcome: str | None, cause: int | None) -> str:
        """How an attempt ended; of our own failures, whether the line was full."""
        full = outcome == AttemptOutcome.LINE_FAILED and cause == LINE_FULL
        return self.t("outcome.line_full" if full else f"outcome.{outcome or AttemptOutcome.LINE_FAILED}")

    def next_attempt(self, request: CallbackRequest) -> str:
        """Empty while someone has it, when it has ended, and when there is no number to ring."""
        if (
            request.phone is None
            or request.state not in (RequestState.WAITING, RequestState.UNREACHABLE)
            or request.next_attempt_at is None
            or request.is_out_of_reach(self.now)
        ):
            return ""
        if request.next_attempt_at <= self.now:
            return self.t("attempts.next_now")
        return self.t("attempts.next", when=self.when(request.next_attempt_at))


def spaced(phone: str | None) -> str:
    """A number as it is read: `+47 40 00 00 01`; others in groups of two after the plus and country code."""
    if phone is None:
        return ""
    if phone.startswith("+47") and len(phone) == 11:
        rest = phone[3:]
        return "+47 " + " ".join(rest[i : i + 2] for i in range(0, 8, 2))
    return phone


def shown_phone(request: CallbackRequest, *, clear: bool) -> str:
    """For a page: in clear only to those who may act on the request."""
    return spaced(request.phone) if clear else mask(request.phone)
