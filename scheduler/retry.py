"""When a missed person is rung again. Pure.

Unreachable is a state with a next attempt, never an end: this file must never answer "no more".
All instants are aware UTC; parts of the day are wall-clock time in Europe/Oslo.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, takewhile

from callback.request import FREE_OUTCOMES, AttemptOutcome, CallResult, DayPart
from config.model import RetrySettings
from config.values import format_duration
from scheduler.calendar import DAY, MINUTE, NeverOpen, OfficeCalendar
from scheduler.clock import aware_utc, from_local, to_local
from scheduler.day_parts import Window, part_of, windows
from scheduler.deadline import words

OUTCOMES = tuple(o.value for o in (*AttemptOutcome, *CallResult) if o is not CallResult.REACHED)
"""After these there is a next attempt."""
_MISSES = frozenset({AttemptOutcome.NO_ANSWER, AttemptOutcome.DECLINED, AttemptOutcome.ANSWERED})
_MOST_DOUBLINGS = 16
"""1 s doubled this often is 18 hours, more than any sensible maximum; keeps the sum from overflowing."""
_WISH_SEARCH = 7 * DAY
"""How far a wished part of the day is looked for after the last workable moment."""
_IN = {
    DayPart.MORNING: "in the morning",
    DayPart.MIDDAY: "at midday",
    DayPart.AFTERNOON: "in the afternoon",
    None: "outside the parts of the day",
}


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt that has ended."""

    at: datetime
    """When their telephone rang; after a conversation, and where it never rang, when the attempt ended. Aware."""
    outcome: str
    """An AttemptOutcome, or the CallResult of a conversation (`wrong_person`, `ring_again`)."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the plan must respect of a request. All aware."""

    registered_at: datetime
    """They had time for a call at this hour."""
    last_workable_at: datetime
    """The last moment in phone hours before the deadline."""
    part: DayPart | None = None
    """The wished part of the day; give none for an urgent request."""
    until: datetime | None = None
    """When a borrowed telephone is given back. A moment that has passed says nothing about the plan."""


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """One attempt of the plan."""

    at: datetime
    """Aware UTC, within phone hours, never before `now`."""
    part: DayPart | None
    """The part of the day; None outside all three."""
    why: str
    """One English sentence."""


def next_attempt(
    history: Sequence[PastAttempt],
    policy: RetrySettings,
    calendar: OfficeCalendar,
    wishes: Wishes,
    now: datetime,
) -> NextAttempt:
    """The first attempt of `plan`, with the same arguments and errors."""
    return next(_Plan(history, policy, calendar, wishes, now).coming())


def plan(
    history: Sequence[PastAttempt],
    policy: RetrySettings,
    calendar: OfficeCalendar,
    wishes: Wishes,
    now: datetime,
) -> list[NextAttempt]:
    """The next attempts, rising, if none of them is answered: those up to the last workable moment (or until a
    borrowed telephone is given back), or the next one alone when none is left before it.

    `history` is the attempts at this number, oldest first; empty means as soon as phone hours and wishes allow.
    Raises ValueError for an outcome that has no next attempt (`reached`) or is unknown, and for a naive
    instant; NeverOpen for an office without phone hours to come."""
    whole = _Plan(history, policy, calendar, wishes, now)
    coming, end = whole.coming(), min(whole.end, whole.until or whole.end)
    return [next(coming), *takewhile(lambda attempt: attempt.at <= end, coming)]


def person_decides(history: Sequence[PastAttempt]) -> bool:
    """Whether the network has said twice in a row that the number does not exist: no plan helps any more."""
    return [past.outcome for past in _counted(history)[-2:]] == [AttemptOutcome.INVALID] * 2


class _Plan:
    """Finds one attempt after the other; `past` and `now` move on with each."""

    def __init__(
        self,
        history: Sequence[PastAttempt],
        policy: RetrySettings,
        calendar: OfficeCalendar,
        wishes: Wishes,
        now: datetime,
    ) -> None:
        self.past = [PastAttempt(aware_utc(past.at), past.outcome) for past in history]
        self.policy = policy
        self.calendar = calendar
        self.hour = to_local(wishes.registered_at).time()
        self.end = aware_utc(wishes.last_workable_at)
        self.part = wishes.part
        self.now = aware_utc(now)
        until = None if wishes.until is None else aware_utc(wishes.until)
        self.until = None if until is None or until <= self.now else until

    def coming(self) -> Iterator[NextAttempt]:
        """Without end, as long as there are phone hours; one only where a person decides."""
        yield (attempt := self._next())
        while not person_decides(self.past):
            self.past.append(PastAttempt(attempt.at, AttemptOutcome.NO_ANSWER))
            self.now = attempt.at + MINUTE
            try:
                attempt = self._next()
            except NeverOpen:
                return
            yield attempt

    def _next(self) -> NextAttempt:
        """The rhythm proposes; the deadline, the wish and the borrowed telephone may move it, in this order."""
        earliest = self.past[-1].at + self._delay() if self.past else self.now
        at, why = self._rhythm(earliest)
        begins = max(at, self.now)
        at = self.calendar.next_opening(begins)
        if at > begins:
            why += ", moved to the next phone hours"
        if not person_decides(self.past):
            for moved in (self._last_chance, self._wished, self._before_given_back):
                at, why = moved(max(earliest, self.now), at) or (at, why)
        if at > self.end:
            why = f"overdue since {words(self.end)}, {why}"
        return NextAttempt(at, part_of(at, self.policy), f"{why[0].upper()}{why[1:]}.")

    # -- the rhythm

    def _rhythm(self, earliest: datetime) -> tuple[datetime, str]:
        if not self.past:
            return earliest, "not tried yet"
        if person_decides(self.past):
            return earliest, "the network says twice that the number does not exist, so a person decides"
        last = self.past[-1]
        another_day = _day(self.calendar.next_opening(earliest)) != _day(last.at)
        if last.outcome not in FREE_OUTCOMES and (another_day or self._missed_twice()):
            return self._elsewhere(earliest)
        return earliest, f"{format_duration(self._delay())} after {last.outcome.replace('_', ' ')}"

    def _delay(self) -> timedelta:
        """What the last outcome asks for, counted from the last attempt."""
        outcome = self.past[-1].outcome
        if outcome not in OUTCOMES:
            raise ValueError(f"no next attempt after {outcome!r}")
        key = AttemptOutcome.NO_ANSWER if outcome == AttemptOutcome.ANSWERED else outcome
        delay: timedelta = getattr(self.policy, key)
        if outcome not in FREE_OUTCOMES:
            return delay
        failures = sum(1 for _ in takewhile(lambda past: past.outcome in FREE_OUTCOMES, reversed(self.past)))
        longest = self.policy.line_failed_max if outcome == AttemptOutcome.LINE_FAILED else 2 * delay
        return min(delay * (1 << min(failures - 1, _MOST_DOUBLINGS)), longest)

    def _elsewhere(self, earliest: datetime) -> tuple[datetime, str]:
        """Another part of the same day, else the best part of the next day with phone hours."""
        here = self._place(_counted(self.past)[-1])
        for day, group in groupby(windows(earliest, self.policy, self.calendar), lambda window: window.day):
            others = [window for window in group if (day, window.part) != here]
            if others and day == here[0]:
                why = f"missed twice {_IN[here[1]]}, so in another part of the day"
                return self._moment(others[0], earliest), why
            if others:
                return self._on_another_day(others, earliest)
        raise AssertionError("unreachable")  # there is always another day, or NeverOpen

    def _on_another_day(self, choices: Sequence[Window], earliest: datetime) -> tuple[datetime, str]:
        """A part not tried yet comes first; then those tried least, and the one nearest to the hour they rang."""
        tries = Counter(part for _, part in map(self._place, _counted(self.past)))
        for window in choices:
            if not tries[window.part]:
                why = f"on another day, {_IN[window.part]}, not tried then yet"
                return self._moment(window, earliest), why
        window = min(choices, key=lambda window: (tries[window.part], self._distance(window)))
        why = f"on another day, {_IN[window.part]}, tried least and nearest to the hour they rang"
        return self._moment(window, earliest), why

    # -- what moves it: each gives a moment from `earliest` on and why, or None

    def _last_chance(self, earliest: datetime, at: datetime) -> tuple[datetime, str] | None:
        """The last attempt that fits before the last workable moment goes where it is needed most."""
        tried = _counted(self.past)
        if not tried or earliest > self.end or at + self.policy.no_answer <= self.end:
            return None
        parts = {part for _, part in map(self._place, tried)}
        if at <= self.end and part_of(at, self.policy) not in parts:
            return None
        for window in self._windows(earliest, self.end):
            if window.part not in parts:
                return window.begins, f"the last chance {_IN[window.part]} before the last workable moment"
        start = self._last_hours(tried[-1].at)
        if start <= tried[-1].at or start <= at <= self.end:
            return None
        start = self.calendar.next_opening(max(start, earliest))
        why = f"within the last {format_duration(self.policy.last_hours)} of phone hours before the last workable moment"
        return None if start > self.end else (start, why)

    def _wished(self, earliest: datetime, at: datetime) -> tuple[datetime, str] | None:
        """The wished part of the day: up to the last workable moment, or soon for the overdue."""
        if self.part is None:
            return None
        end = self.end if at <= self.end else at + _WISH_SEARCH
        if self.until is not None and self.until > self.now:
            end = min(end, self.until - self.policy.before_given_back)
        for window in self._windows(earliest, end):
            if window.part is self.part:
                moment = self._moment(window, earliest)
                moment = moment if moment <= end else window.begins
                return None if moment == at else (moment, f"in the wished {self.part}")
        return None

    def _before_given_back(self, earliest: datetime, at: datetime) -> tuple[datetime, str] | None:
        """Once before a borrowed telephone is given back, at the soonest as after a busy line."""
        if self.until is None:
            return None
        limit, tried = self.until - self.policy.before_given_back, _counted(self.past)
        if at <= limit or (tried and tried[-1].at >= limit):
            return None
        soonest = max(self.now, min([earliest, *(past.at + self.policy.busy for past in self.past[-1:])]))
        moment = self.calendar.last_open_minute(max(limit, soonest), soonest)
        if moment is None or moment >= min(at, self.until):
            return None
        return moment, f"before the borrowed telephone is given back {words(self.until)}"

    # -- what is known

    def _missed_twice(self) -> bool:
        """In the same part of the same day, one after the other; a busy line or a talk says that they are there."""
        two = [self._place(past) for past in _counted(self.past)[-2:] if past.outcome in _MISSES]
        return len(two) == 2 and two[0] == two[1]

    def _place(self, past: PastAttempt) -> tuple[date, DayPart | None]:
        return _day(past.at), part_of(past.at, self.policy)

    def _windows(self, earliest: datetime, end: datetime) -> Iterator[Window]:
        return takewhile(lambda window: window.begins <= end, windows(earliest, self.policy, self.calendar))

    def _moment(self, window: Window, earliest: datetime) -> datetime:
        """The hour at which they rang, where it lies in a window yet to begin and not after the deadline that the
        window begins before; else the first moment."""
        hour = self._hour_on(window.day)
        late = window.begins <= self.end < hour
        return hour if earliest < window.begins < hour < window.ends and not late else window.begins

    def _distance(self, window: Window) -> timedelta:
        hour = self._hour_on(window.day)
        return max(window.begins - hour, hour - window.ends, timedelta(0))

    def _hour_on(self, day: date) -> datetime:
        return from_local(datetime.combine(day, self.hour))

    def _last_hours(self, since: datetime) -> datetime:
        """Where the last phone hours before the last workable moment begin, at most back to `since`."""
        left, day = self.policy.last_hours, _day(self.end)
        while day >= _day(since):
            opens, closes = self.calendar.hours_on(day) or (self.end, self.end)
            closes = min(closes, self.end)
            if closes - opens >= left:
                return closes - left
            left -= max(closes - opens, timedelta(0))
            day -= DAY
        return since


def _counted(history: Sequence[PastAttempt]) -> list[PastAttempt]:
    """Without our own failures, which use up nothing."""
    return [past for past in history if past.outcome not in FREE_OUTCOMES]


def _day(at: datetime) -> date:
    return to_local(at).date()
