"""`tast1 oncall`: who is on duty, where nobody is, and a calendar taken in. The desk answers, as for the pages."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Coroutine, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from callback.cli_policy import instant, office_of
from callback.cli_report import arguments, report
from callback.desk import Desk
from callback.desk_roster import OnDuty
from callback.duty_calendar import shifts_in
from callback.store_sqlite import SqliteStore
from config.model import Config, Person
from scheduler.clock import SystemClock, from_local, to_local
from scheduler.coverage import AHEAD, Coverage, Gap, GapWhy
from scheduler.deadline import words
from scheduler.roster import ShiftSource

_ACTOR = "command_line"
_MOST_DAYS = 366
Work = Callable[[SqliteStore, Config], Coroutine[None, None, str]]


def register(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    verb: Callable[..., argparse.ArgumentParser],
    with_store: Callable[[argparse.Namespace, Work], int],
) -> None:
    """The commands; `verb` makes a parser that takes the options all commands take."""
    oncall = verbs.add_parser("oncall", help="who is on duty on the on-call lines").add_subparsers(
        required=True
    )

    def add(name: str, what: str, act: Callable[..., Coroutine[None, None, str]]) -> argparse.ArgumentParser:
        def run(options: argparse.Namespace) -> int:
            return with_store(options, lambda store, config: act(Desk(store, config, SystemClock()), options))

        return verb(oncall, name, what, run, data=True)

    who = add("who", "who is on duty now, until when, and who comes then", _who)
    who.add_argument("office_no", metavar="OFFICE_NO", nargs="?", help="default: all offices")
    who.add_argument("--at", metavar="WHEN", help="local time, ISO: 2026-12-23T14:50 (default: now)")
    who.add_argument("--json", action="store_true")
    gaps = add("gaps", "when nobody can be reached", _gaps)
    gaps.add_argument("--from", dest="begins", metavar="DATE", help="2026-12-23 (default: today)")
    gaps.add_argument("--days", type=int, default=AHEAD.days, metavar="N", help="default: %(default)s")
    gaps.add_argument("--json", action="store_true")
    arguments(add("report", "how the on-call lines did, week by week", report))
    take = add("import", "take the shifts of a line from a calendar file", _import)
    take.add_argument("file", type=Path, metavar="FILE", help="iCalendar (.ics)")
    take.add_argument("--line", required=True, metavar="LINE", help="id of the line in oncall.toml")


async def _who(desk: Desk, options: argparse.Namespace) -> str:
    at = instant(options.at) if options.at else desk.clock.now()
    if options.office_no is not None:
        office_of(desk.config, options.office_no)
    duties = [d for d in await desk.duties(at) if options.office_no in (None, d.line.office_no)]
    if options.json:
        return json.dumps([_duty_json(desk, duty, at) for duty in duties], indent=2, ensure_ascii=False)
    if not duties:
        return "no on-call line; give the office an oncall_number, or write oncall.toml"
    return "\n".join(line for duty in duties for line in _duty_lines(desk, duty, at))


def _duty_lines(desk: Desk, duty: OnDuty, at: datetime) -> list[str]:
    line = duty.line
    closed = "" if desk.line_calendar(line).is_open(at) else ", closed then"
    lines = [
        f"{desk.office(line.office_no).name} ({line.office_no}) {line.name} [{line.id}], {words(at)}{closed}"
    ]
    lines.append(f"  on duty     {_names(duty.people) or 'NOBODY WHO CAN BE RUNG'}")
    if duty.until is not None:
        lines.append(f"  until       {words(duty.until)}, then {_names(duty.then) or 'nobody'}")
    for name, person in (("substitute", duty.substitute), ("leader", duty.leader)):
        if person is not None:
            lines.append(f"  {name:<11} {_names([person])}")
    return lines


def _duty_json(desk: Desk, duty: OnDuty, at: datetime) -> dict[str, Any]:
    return {
        "office_no": duty.line.office_no,
        "line": duty.line.id,
        "name": duty.line.name,
        "group": duty.line.group.value,
        "at": _iso(at),
        "open": desk.line_calendar(duty.line).is_open(at),
        "people": [person.id for person in duty.people],
        "until": None if duty.until is None else _iso(duty.until),
        "then": [person.id for person in duty.then],
        "substitute": None if duty.substitute is None else duty.substitute.id,
        "leader": None if duty.leader is None else duty.leader.id,
    }


async def _gaps(desk: Desk, options: argparse.Namespace) -> str:
    if not 0 < options.days <= _MOST_DAYS:
        raise ValueError(f"--days: write a number from 1 to {_MOST_DAYS}, not {options.days}")
    begins = _midnight(options.begins) if options.begins else desk.today()
    found = await desk.coverage(begins, timedelta(days=options.days))
    if options.json:
        return json.dumps([_coverage_json(one) for one in found], indent=2)
    return "\n".join(line for one in found for line in _coverage_lines(desk, one))


def _coverage_lines(desk: Desk, found: Coverage) -> list[str]:
    line = desk.line(found.line_id)
    shout = "  NOBODY AT ALL" if found.percent == 0 else ""
    head = f"{desk.office(line.office_no).name} ({line.office_no}) {line.name} [{line.id}]: {found.percent} %{shout}"
    return [head, *(f"  {_gap_words(gap)}" for gap in found.gaps)]


def _gap_words(gap: Gap) -> str:
    why = "nobody is on duty" if gap.why is GapWhy.NOBODY else f"no number: {', '.join(gap.people)}"
    return f"{words(gap.begins_at)} to {to_local(gap.ends_at):%H:%M}  {why}"


def _coverage_json(found: Coverage) -> dict[str, Any]:
    return {
        "line": found.line_id,
        "percent": found.percent,
        "wanted_minutes": int(found.wanted.total_seconds() // 60),
        "missing_minutes": int(found.missing.total_seconds() // 60),
        "gaps": [
            {
                "begins_at": _iso(gap.begins_at),
                "ends_at": _iso(gap.ends_at),
                "why": gap.why.value,
                "people": list(gap.people),
            }
            for gap in found.gaps
        ],
    }


async def _import(desk: Desk, options: argparse.Namespace) -> str:
    line = desk.line(options.line)
    events = shifts_in(options.file.read_bytes(), desk.staff_of(line), desk.clock.now())
    came, went = await desk.take_calendar(line, events, ShiftSource.IMPORT, _ACTOR)
    covered = await desk.coverage_of(line)
    return (
        f"{line.id}: {came} shifts came, {went} went; {covered.percent} % of the next four weeks are covered."
    )


def _midnight(text: str) -> datetime:
    try:
        return from_local(datetime.combine(date.fromisoformat(text), time()))
    except (ValueError, OverflowError):
        raise ValueError(f'--from: not a date: {text!r}; write for example "2026-12-23"') from None


def _names(people: Sequence[Person]) -> str:
    return ", ".join(f"{person.name} ({person.id})" for person in people)


def _iso(at: datetime) -> str:
    return to_local(at).isoformat()
