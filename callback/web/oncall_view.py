"""What the roster page shows of one on-call line: the coming four weeks, gaps, shifts, who changed what. No caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from aiohttp import web

from callback.access import Viewer
from callback.shifts import RosterEntry
from callback.web.context import SERVICES, Services
from callback.web.office_rows import OfficeRow
from callback.web.page import Page, viewer_of
from callback.web.words import Words
from config.oncall import OnCallLine
from scheduler.clock import to_local
from scheduler.coverage import AHEAD, Gap
from scheduler.roster import DutyShift, Stretch

_LINES_OF_HISTORY = 30
LOW = 95
"""Percent of coverage below which it is shown as trouble even if gaps are far ahead."""


@dataclass(slots=True)
class Day:
    """One day on which the line is meant to be answered."""

    day: date
    stretches: list[tuple[Stretch, str]] = field(default_factory=list)
    """With why nobody can be reached then: `nobody`, `no_number`, or empty."""


def lines_of(services: Services, viewer: Viewer) -> list[OnCallLine]:
    """Whose roster the viewer looks after."""
    return [line for line in services.config.on_call_lines if viewer.works_for(line.office_no)]


def line_of(request: web.Request, line_id: str) -> OnCallLine:
    """One of theirs; another does not exist for them."""
    lines = lines_of(request.config_dict[SERVICES], viewer_of(request))
    line = next((one for one in lines if one.id == line_id), None)
    if line is None:
        raise web.HTTPNotFound
    return line


async def roster_context(
    request: web.Request,
    line: OnCallLine,
    errors: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    problems: list[str] | None = None,
) -> dict[str, Any]:
    """For oncall.html. `errors` and `form`: of a refused form; `problems`: of a refused calendar."""
    services, viewer, page = request.config_dict[SERVICES], viewer_of(request), Page(request)
    desk, words = services.desk, page.words
    shifts = await desk.shifts_of(line)
    covered = await desk.coverage_of(line)
    now = services.clock.now()
    (shown,) = await desk.offices_now([desk.office(line.office_no)])
    edited = next((shift for shift in shifts if shift.id == request.query.get("change")), None)
    url = (services.config.settings.service.public_url or str(request.url.origin())).rstrip("/")
    return {
        "lines": lines_of(services, viewer),
        "line": line,
        "row": OfficeRow.of(shown, words),
        "duty": await desk.duty(line),
        "open": desk.line_calendar(line).is_open(now),
        "covered": covered,
        "gaps": [gap for gap in covered.gaps if gap.ends_at > now],
        "low": LOW,
        "days": _days(await desk.on_duty_between(line, desk.today(), desk.today() + AHEAD), covered.gaps),
        "shifts": shifts,
        "staff": desk.staff_of(line),
        "history": [
            (entry, told(entry, words)) for entry in await desk.roster_history(line, _LINES_OF_HISTORY)
        ],
        "address": f"{url}/oncall/{line.id}.ics?key={await desk.export_key(line)}",
        "leads": viewer.leads(line.office_no),
        "may_renew": viewer.leads(line.office_no),
        "edited": edited,
        "errors": errors or {},
        "form": dict(form) if form is not None else _form_of(edited),
        "problems": problems or [],
        "names": lambda people: names(people, words),
        "span": lambda begins, ends: span(begins, ends, words),
    }


def names(people: tuple[str, ...], words: Words) -> str:
    return ", ".join(map(words.person, people)) or words.t("oncall.nobody")


def span(begins_at: datetime, ends_at: datetime, words: Words) -> str:
    """`mandag 23. november kl. 09.00–15.00`; with the other day where it ends on another."""
    begins, ends = to_local(begins_at), to_local(ends_at)
    until = words.clock(ends_at)
    if ends.date() != begins.date():
        until = words.t("time.date", date=words.day(ends.date()), clock=until)
    return words.t(
        "oncall.span",
        begins=words.t("time.date", date=words.day(begins.date()), clock=words.clock(begins_at)),
        ends=until,
    )


def told(entry: RosterEntry, words: Words) -> str:
    """One line of the history. What an older version wrote otherwise is told without its details."""
    details: dict[str, Any] = {
        "shift": _shift_told(entry.details, words),
        "now": _shift_told(entry.details.get("now"), words),
        "first": _shift_told(entry.details.get("first"), words),
        "second": _shift_told(entry.details.get("second"), words),
        "to": ", ".join(map(words.person, _texts(entry.details.get("to")))),
        **{name: entry.details.get(name, 0) for name in ("came", "went", "gaps")},
    }
    return words.t(f"oncall.event.{entry.event}", **details)


def _shift_told(details: object, words: Words) -> str:
    if not isinstance(details, Mapping) or "begins_at" not in details:
        return ""
    begins, ends = (datetime.fromisoformat(str(details[name])) for name in ("begins_at", "ends_at"))
    return f"{names(tuple(_texts(details.get('people'))), words)}, {span(begins, ends, words)}"


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _days(stretches: list[Stretch], gaps: tuple[Gap, ...]) -> list[Day]:
    days: dict[date, Day] = {}
    for stretch in stretches:
        day = to_local(stretch.begins_at).date()
        for part, why in _parts(stretch, gaps):
            days.setdefault(day, Day(day)).stretches.append((part, why))
    return list(days.values())


def _parts(stretch: Stretch, gaps: tuple[Gap, ...]) -> list[tuple[Stretch, str]]:
    """A stretch, cut where a gap begins or ends: outside the contact centre's hours nobody is missed."""
    cuts = {stretch.begins_at, stretch.ends_at}
    inside = [gap for gap in gaps if gap.begins_at < stretch.ends_at and stretch.begins_at < gap.ends_at]
    for gap in inside:
        cuts |= {max(gap.begins_at, stretch.begins_at), min(gap.ends_at, stretch.ends_at)}
    bounds = sorted(cuts)
    return [
        (
            Stretch(begins, ends, stretch.people),
            next((gap.why.value for gap in inside if gap.begins_at <= begins < gap.ends_at), ""),
        )
        for begins, ends in pairwise(bounds)
    ]


def _form_of(shift: DutyShift | None) -> dict[str, str]:
    if shift is None:
        return {}
    people = {f"person{n}": person for n, person in enumerate(shift.people[:3], start=1)}
    return {
        **people,
        "begins": _input(shift.begins_at),
        "ends": _input(shift.ends_at),
        "kind": shift.kind.value,
    }


def _input(at: datetime) -> str:
    """As an input of type datetime-local takes it."""
    return to_local(at).strftime("%Y-%m-%dT%H:%M")
