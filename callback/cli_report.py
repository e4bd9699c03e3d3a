"""`tast1 oncall report`: how the on-call lines did, week by week, from the same code as the page and the API."""

from __future__ import annotations

import argparse

from callback.cli_policy import office_of
from callback.consult_report import MOST_WEEKS
from callback.desk import Desk
from callback.report_view import FiguresView, OfficeReportView, ReportView


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("office_no", metavar="OFFICE_NO", nargs="?", help="default: all with an on-call line")
    parser.add_argument("--weeks", type=int, default=8, metavar="N", help="default: %(default)s")
    parser.add_argument("--json", action="store_true")


async def report(desk: Desk, options: argparse.Namespace) -> str:
    """Raises ValueError for a wrong number of weeks, and for an office that is not there."""
    if not 0 < options.weeks <= MOST_WEEKS:
        raise ValueError(f"--weeks: write a number from 1 to {MOST_WEEKS}, not {options.weeks}")
    if options.office_no is not None:
        office_of(desk.config, options.office_no)
    wanted = [
        office.office_no
        for office in desk.config.offices
        if (
            desk.config.lines_of(office.office_no)
            if options.office_no is None
            else office.office_no == options.office_no
        )
    ]
    found = await desk.consult_report(wanted, options.weeks)
    view = ReportView.of(found, desk.config, wanted)
    if options.json:
        return view.model_dump_json(indent=2)
    then = view.comparison
    head = f"in {then.year} the supervision found {then.answered} of {then.calls} answered ({then.percent} %)"
    return "\n".join([head, *(line for office in view.offices for line in _office(office))])


def _office(office: OfficeReportView) -> list[str]:
    lines = [f"{office.name} ({office.office_no})", f"  {'all weeks':<10}{_figures(office.total)}"]
    lines += [f"  {week.week:<10}{_figures(week)}" for week in office.weeks]
    lines += [
        f"  {one.name or 'others':<20}  rung {one.rung}, answered {one.answered}, declined {one.declined},"
        f" no answer {one.no_answer}, in call {one.in_call}"
        for one in office.people or ()
    ]
    return lines


def _figures(found: FiguresView) -> str:
    if not found.calls and not found.urgent_callers.calls:
        return "no calls"
    share = "" if found.percent is None else f" ({found.percent} %)"
    parts = [f"answered {found.answered} of {found.calls}{share}"]
    if found.seconds_median is not None:
        parts.append(f"median {found.seconds_median:g} s, 90 % within {found.seconds_p90:g} s")
    made = found.promises
    if made.made:
        parts.append(
            f"promises: {made.kept} kept, {made.broken} broken, {made.open} open, {made.withdrawn} withdrawn"
        )
    if made.seconds_until_taken is not None:
        parts.append(f"taken after {made.seconds_until_taken / 60:.0f} min")
    for name, count in (("gave up", found.gave_up), ("lost", found.lost)):
        if count:
            parts.append(f"{name} {count}")
    if found.urgent_callers.calls:
        parts.append(f"urgent callers: {found.urgent_callers.answered} of {found.urgent_callers.calls}")
    return "; ".join(parts)
