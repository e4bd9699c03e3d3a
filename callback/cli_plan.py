"""`tast1 plan`: when a person would be rung next, and why. It changes nothing, and must never read the clock."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time

from callback.cli_policy import instant, office_of
from callback.request import DayPart
from config.load import load
from config.model import Config, LineName
from scheduler.calendar import NeverOpen, OfficeCalendar
from scheduler.clock import from_local, to_local
from scheduler.deadline import deadline, words
from scheduler.retry import OUTCOMES, NextAttempt, PastAttempt, Wishes, plan


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, as it was written. WHEN is ISO 8601, the office's wall-clock time unless it carries an offset."""

    office_no: str
    registered: str
    """WHEN."""
    attempts: str = ""
    """`WHEN:OUTCOME` with commas between, oldest first."""
    wish: str | None = None
    urgent: bool = False
    until: str | None = None
    """`HH:MM` on the day of `now`."""
    now: str | None = None
    """WHEN; None: the last attempt, or the registration."""


def register(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    verb: Callable[..., argparse.ArgumentParser],
) -> None:
    """The command; `verb` makes a parser that takes the options all commands take."""
    asked = verb(verbs, "plan", "when a person is rung next, and why", _plan)
    asked.add_argument("office_no", metavar="OFFICE_NO")
    asked.add_argument(
        "--registered", required=True, metavar="WHEN", help="local time, ISO: 2026-12-23T14:50"
    )
    asked.add_argument(
        "--attempts", default="", metavar="WHEN:OUTCOME,...", help="what was tried, oldest first"
    )
    asked.add_argument("--wish", metavar="PART", help=f"the wished part of the day: {', '.join(DayPart)}")
    asked.add_argument("--urgent", action="store_true")
    asked.add_argument("--until", metavar="HH:MM", help="a borrowed telephone is given back then")
    asked.add_argument("--now", metavar="WHEN", help="default: the last attempt, or the registration")
    asked.add_argument("--json", action="store_true")


def _plan(options: argparse.Namespace) -> int:
    config = load(options.config, os.environ, line=LineName.SIMULATED)
    asked = {name: getattr(options, name) for name in Question.__dataclass_fields__}
    print(plan_command(config, Question(**asked), as_json=options.json))
    return 0


def plan_command(config: Config, asked: Question, *, as_json: bool) -> str:
    """The next attempts up to the deadline, or the next one after it, in words or as one JSON object.

    JSON times carry the offset of Europe/Oslo. Raises ValueError with what to write instead."""
    office = office_of(config, asked.office_no)
    registered_at = _instant("--registered", asked.registered)
    history = [_attempt(text) for text in asked.attempts.split(",")] if asked.attempts else []
    times = [registered_at, *(attempt.at for attempt in history)]
    if times != sorted(times):
        raise ValueError("--attempts: write the oldest first, and none before --registered")
    now = _instant("--now", asked.now) if asked.now else times[-1]
    if now < times[-1]:
        raise ValueError(
            f"--now: {asked.now!r} is before {words(times[-1])}; leave it out, or write a later one"
        )
    part = None if asked.wish is None else _part(asked.wish)
    until = None if asked.until is None else _until(asked.until, now)
    calendar = OfficeCalendar(office)
    try:
        last = deadline(registered_at, calendar, urgent=asked.urgent).last_workable_at
        wishes = Wishes(registered_at, last, None if asked.urgent else part, until)
        coming = plan(history, config.settings.retry, calendar, wishes, now)
    except OverflowError:
        raise ValueError(
            f"--registered: too close to the end of the calendar: {asked.registered!r}"
        ) from None
    except NeverOpen as error:
        raise ValueError(str(error)) from error
    if as_json:
        answer = {
            "office_no": office.office_no,
            "registered_at": _iso(registered_at),
            "urgent": asked.urgent,
            "wish": part,
            "until": None if until is None else _iso(until),
            "now": _iso(now),
            "last_workable_at": _iso(last),
            "attempts": [{"at": _iso(a.at), "day_part": a.part, "why": a.why} for a in coming],
        }
        return json.dumps(answer, indent=2)
    wish = f", wishes {part}{' (yields)' if asked.urgent else ''}" if part else ""
    kind = f"{'urgent' if asked.urgent else 'ordinary'}{wish}"
    lines = [
        f"{office.name} ({office.office_no}), registered {words(registered_at)}, {kind}",
        f"  now            {words(now)}",
        f"  last workable  {words(last)}",
        *map(_line, coming),
    ]
    return "\n".join(lines)


def _line(coming: NextAttempt) -> str:
    return f"  {words(coming.at)}  {coming.part or '-':<9}  {coming.why}"


def _attempt(text: str) -> PastAttempt:
    when, _, outcome = text.strip().rpartition(":")
    if outcome not in OUTCOMES:
        raise ValueError(
            f'--attempts: no outcome at the end of {text!r}; write for example "2026-12-23T14:50:no_answer", '
            f"with one of {', '.join(OUTCOMES)}"
        )
    return PastAttempt(_instant("--attempts", when), outcome)


def _instant(option: str, when: str) -> datetime:
    try:
        return instant(when)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None
    except OverflowError:
        raise ValueError(f"{option}: too close to the end of the calendar: {when!r}") from None


def _part(text: str) -> DayPart:
    try:
        return DayPart(text)
    except ValueError:
        raise ValueError(f"--wish: no part of the day {text!r}; write {', '.join(DayPart)}") from None


def _until(text: str, now: datetime) -> datetime:
    try:
        until = from_local(datetime.combine(to_local(now).date(), time.fromisoformat(text)))
    except ValueError:
        raise ValueError(f'--until: not a time of day: {text!r}; write for example "14:30"') from None
    if until <= now:
        raise ValueError(f"--until: {text} has passed {words(now)}; leave it out, or write a later one")
    return until


def _iso(at: datetime) -> str:
    return to_local(at).isoformat()
