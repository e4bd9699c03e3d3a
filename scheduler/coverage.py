"""Where nobody could be reached on an on-call line: the gaps in its roster. Pure.

Only minutes in which the contact centre is open and the line is meant to be answered count: a planned closed hour is no
gap. The substitute and the leader fill none: they catch calls, and have other work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from config.oncall import OnCallLine
from config.values import WeekHours
from scheduler.calendar import DAY, OfficeCalendar, public_holidays
from scheduler.clock import from_local, to_local
from scheduler.roster import Roster, Stretch

AHEAD = 28 * DAY
"""So far ahead gaps are looked for."""
WARNED_BEFORE = (timedelta(days=14), timedelta(days=7), timedelta(days=2), timedelta(hours=1))
"""The leader is told of a gap so long before it, the first step first."""


class GapWhy(StrEnum):
    NOBODY = "nobody"
    """Nobody is on duty."""
    NO_NUMBER = "no_number"
    """Somebody is, and has no telephone that can be rung, or is not in staff.toml."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Nobody can be reached from `begins_at` until `ends_at`."""

    line_id: str
    begins_at: datetime
    ends_at: datetime
    why: GapWhy
    people: tuple[str, ...] = ()
    """Who is on duty without a number."""

    def step(self, now: datetime) -> int | None:
        """The last step of WARNED_BEFORE that is reached, counted from 0; None before the first, and once it is over."""
        reached = [n for n, before in enumerate(WARNED_BEFORE) if now >= self.begins_at - before]
        return reached[-1] if reached and now < self.ends_at else None


@dataclass(frozen=True, slots=True)
class Coverage:
    """One line's, over a span."""

    line_id: str
    wanted: timedelta
    """How long somebody should be there."""
    gaps: tuple[Gap, ...]
    """In order of time."""

    @property
    def missing(self) -> timedelta:
        return sum((gap.ends_at - gap.begins_at for gap in self.gaps), timedelta(0))

    @property
    def share(self) -> float:
        """Of `wanted`, from 0 to 1. Where nobody is wanted nothing is missing."""
        return 1.0 if not self.wanted else 1 - self.missing / self.wanted

    @property
    def percent(self) -> int:
        """Rounded down: 100 only when nothing is missing."""
        return int(self.share * 100)


def line_calendar(line: OnCallLine, office: OfficeCalendar) -> OfficeCalendar:
    """When the line is meant to be answered: its own hours by the office's rules of holidays and special days."""
    if line.hours is None:
        return office
    return OfficeCalendar(office.office.model_copy(update={"phone_hours": line.hours}))


def wanted(
    centre: WeekHours, calendar: OfficeCalendar, begins_at: datetime, ends_at: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """When somebody must be there: (from, until), in order. `centre`: the contact centre's hours, closed on holidays."""
    day, last = to_local(begins_at).date(), to_local(ends_at).date()
    while day <= last:
        theirs, ours = centre.on(day.weekday()), calendar.hours_on(day)
        if theirs is not None and ours is not None and day not in public_holidays(day.year):
            opens = from_local(datetime.combine(day, theirs.opens))
            closes = from_local(datetime.combine(day, theirs.closes))
            begins, ends = max(opens, ours[0], begins_at), min(closes, ours[1], ends_at)
            if begins < ends:
                yield begins, ends
        day += DAY


def coverage(
    line_id: str,
    roster: Roster,
    spans: Iterable[tuple[datetime, datetime]],
    is_reachable: Callable[[tuple[str, ...]], bool],
) -> Coverage:
    """The gaps in `spans` (`wanted`). `is_reachable`: whether any of these people has a telephone that can be rung."""
    length, gaps = timedelta(0), list[Gap]()
    for begins_at, ends_at in spans:
        length += ends_at - begins_at
        for stretch in roster.stretches(begins_at, ends_at):
            if not is_reachable(stretch.people):
                _add(gaps, _gap(line_id, stretch))
    return Coverage(line_id, length, tuple(gaps))


def _gap(line_id: str, stretch: Stretch) -> Gap:
    why = GapWhy.NO_NUMBER if stretch.people else GapWhy.NOBODY
    return Gap(line_id, stretch.begins_at, stretch.ends_at, why, stretch.people)


def _add(gaps: list[Gap], gap: Gap) -> None:
    """What goes on without a break for the same reason is one gap."""
    if gaps and (gaps[-1].ends_at, gaps[-1].why) == (gap.begins_at, gap.why):
        people = tuple(dict.fromkeys((*gaps[-1].people, *gap.people)))
        gaps[-1] = replace(gaps[-1], ends_at=gap.ends_at, people=people)
    else:
        gaps.append(gap)
