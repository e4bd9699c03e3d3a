"""iCalendar files (RFC 5545) as Outlook, Google and Apple write them: events as intervals in UTC, and a roster as a file. Pure.

The only place that knows the library `icalendar`. A file with anything wrong in it is refused whole, with the line of the file.
Recurring events are written out within a window; an event keeps its wall-clock hours over the change of clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrulestr
from icalendar import Calendar, Event, Timezone
from icalendar.prop import vDDDTypes, vDuration, vRecur
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from scheduler.calendar import DAY
from scheduler.clock import OSLO
from scheduler.ical_lines import CalendarBroken, Component, Line, parse, text_of

T = TypeVar("T")

_MOST = 20_000
"""Events written out of one file."""
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_RULES = frozenset(
    {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS"}
)
_LAST_DAY = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_KEPT = frozenset({
    "UID", "SUMMARY", "DESCRIPTION", "ATTENDEE", "STATUS", "SEQUENCE",
    "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID",
})  # fmt: skip
_Days: Any = vDDDTypes  # these two are not typed
_Duration: Any = vDuration
Day = date | datetime
"""A date is a whole day; a time without a zone is that of the offices."""


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One time at which an event takes place."""

    line: int
    """Of the file, where it begins."""
    uid: str
    begins_at: datetime
    ends_at: datetime
    summary: str = ""
    description: str = ""
    attendees: tuple[str, ...] = ()
    """E-mail addresses."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a roster that is written."""

    uid: str
    begins_at: datetime
    ends_at: datetime
    summary: str


def read_calendar(data: bytes, begins_at: datetime, ends_at: datetime) -> list[CalendarEvent]:
    """Every time an event takes place between the two, in order. Raises CalendarBroken."""
    calendar = parse(data)
    zones = {text_of(part, "TZID"): part for part in calendar.inner if part.name == "VTIMEZONE"}
    events = [_Reader(part, zones) for part in calendar.inner if part.name == "VEVENT"]
    moved = {(one.uid, *one.replaces()) for one in events if one.recurrence is not None}
    found: list[CalendarEvent] = []
    for one in events:
        for begins, ends in one.times(begins_at, ends_at, moved):
            found.append(one.event(begins, ends))
            if len(found) > _MOST:
                raise CalendarBroken(
                    one.part.number, f"more than {_MOST} times at which something takes place"
                )
    return sorted(found, key=lambda event: (event.begins_at, event.ends_at, event.uid, event.line))


def write_calendar(name: str, events: Iterable[Told], now: datetime) -> bytes:
    """A file that Outlook can subscribe to. Times are UTC."""
    calendar = Calendar()
    calendar.add("prodid", "-//Tast 1//roster//NO")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for told in events:
        event = Event()
        event.add("uid", told.uid)
        event.add("dtstamp", now.astimezone(UTC))
        event.add("dtstart", told.begins_at.astimezone(UTC))
        event.add("dtend", told.ends_at.astimezone(UTC))
        event.add("summary", told.summary)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


# ---- an event -----------------------------------------------------------------------------------


class _Reader:
    """One VEVENT."""

    def __init__(self, part: Component, zones: Mapping[str, Component]) -> None:
        self.part = part
        self._zones = zones
        self._lines = [line for line in part.lines if line.name in _KEPT]
        self.uid = text_of(part, "UID") or f"line-{part.number}"
        starts = self._days("DTSTART")
        if not starts:
            raise CalendarBroken(part.number, "an event without DTSTART")
        self.start = starts[0]
        self.zone = self._zone_of(self.start)
        self.recurrence = next(iter(self._days("RECURRENCE-ID")), None)
        self.is_cancelled = text_of(part, "STATUS").upper() == "CANCELLED"
        self._end = self._read_end()

    def event(self, begins: datetime, ends: datetime) -> CalendarEvent:
        mails = (line.value for line in self._lines if line.name == "ATTENDEE")
        return CalendarEvent(
            self.part.number, self.uid, begins, ends, text_of(self.part, "SUMMARY"), text_of(self.part, "DESCRIPTION"),
            tuple(mail.partition(":")[2].strip() for mail in mails if mail.lower().startswith("mailto:")),
        )  # fmt: skip

    def replaces(self) -> tuple[datetime | None, date | None]:
        """The time of the series that it stands for: an instant, or a day where the file says only that."""
        assert self.recurrence is not None
        if isinstance(self.recurrence, datetime):
            return self.recurrence.astimezone(UTC), None
        return None, self.recurrence

    def times(
        self, begins_at: datetime, ends_at: datetime, moved: set[tuple[str, datetime | None, date | None]]
    ) -> Iterator[tuple[datetime, datetime]]:
        """(begins, ends) in UTC of each time in the window that the file does not take away."""
        if self.is_cancelled:
            return
        excluded = self._days("EXDATE")
        instants = {day.astimezone(UTC) for day in excluded if isinstance(day, datetime)}
        days = {day for day in excluded if not isinstance(day, datetime)}
        for local in sorted(set(self._starts(begins_at, ends_at))):
            begins, ends = self._instant(local), self._instant(local + self._length())
            if isinstance(self._end, timedelta) and isinstance(self.start, datetime):
                ends = begins + self._end
            taken = begins in instants or local.date() in days
            if self.recurrence is None:
                taken |= (self.uid, begins, None) in moved or (self.uid, None, local.date()) in moved
            if not taken and ends > begins_at and begins < ends_at:
                yield begins, ends

    def _starts(self, begins_at: datetime, ends_at: datetime) -> Iterator[datetime]:
        """Wall-clock times of the event's own zone, without it."""
        first = self._naive(self.start)
        rules = [line for line in self._lines if line.name == "RRULE"]
        if not rules or self.recurrence is not None:
            yield first
        else:
            after = self._naive(begins_at.astimezone(self.zone)) - self._length() - DAY
            before = self._naive(ends_at.astimezone(self.zone)) + DAY
            for line in rules:
                yield from self._recurring(line, first, after, before)
        for day in self._days("RDATE"):
            yield self._naive(day.astimezone(self.zone) if isinstance(day, datetime) else day)

    def _recurring(
        self, line: Line, first: datetime, after: datetime, before: datetime
    ) -> Iterator[datetime]:
        rule = _read(line, lambda: vRecur.from_ical(line.value), "not a rule of recurrence")
        unknown = sorted(set(map(str.upper, rule)) - _RULES)
        if unknown or str(rule.get("FREQ", [""])[0]).upper() not in _FREQUENCIES:
            raise CalendarBroken(line.number, f"a rule of recurrence that is not understood: {line.value}")
        months, month_days = rule.get("BYMONTH", range(1, 13)), rule.get("BYMONTHDAY", [1])
        if int(rule.get("INTERVAL", [1])[0]) < 1 or not any(
            abs(int(day)) <= _LAST_DAY[int(month) - 1] for month in months for day in month_days
        ):
            raise CalendarBroken(line.number, f"a rule of recurrence that never happens: {line.value}")
        words = [word for word in line.value.split(";") if word and not word.upper().startswith("UNTIL=")]
        series = _read(line, lambda: rrulestr(";".join(words), dtstart=first), "not a rule of recurrence")
        until = next(iter(rule.get("UNTIL", [])), None)
        if isinstance(until, datetime):
            last = self._naive(until.astimezone(self.zone) if until.tzinfo else until)
        else:
            last = datetime.combine(until, time.max) if until else before
        yield from series.between(after, min(before, last), inc=True)

    # -- values

    def _days(self, name: str) -> list[Day]:
        """Dates and times of all lines of a name, several to a line; of a period its beginning."""
        return [
            self._day(line, text.partition("/")[0])
            for line in self._lines
            if line.name == name
            for text in line.value.split(",")
            if text
        ]

    def _day(self, line: Line, text: str) -> Day:
        day = _read(line, lambda: _Days.from_ical(text), f"{line.name} is no date or time: {text}")
        if not isinstance(day, date):
            raise CalendarBroken(line.number, f"{line.name} is no date or time: {text}")
        if not isinstance(day, datetime) or day.tzinfo is not None:
            return day
        zone = line.parameters.get("TZID")
        return day.replace(tzinfo=OSLO if zone is None else self._zone(line, zone))

    def _zone(self, line: Line, name: str) -> tzinfo:
        name = name.strip('"')
        zone = known_zone(WINDOWS_TO_OLSON.get(name, name))
        if zone is not None:
            return zone
        part = self._zones.get(name)
        if part is None:
            raise CalendarBroken(line.number, f"an unknown time zone: {name}")
        raw = "\r\n".join(part.raw) + "\r\n"
        component: Any = Timezone
        made = _read(
            line, lambda: component.from_ical(raw).to_tz(lookup_tzid=False), f"a broken time zone: {name}"
        )
        assert isinstance(made, tzinfo)
        return made

    def _read_end(self) -> Day | timedelta:
        ends = self._days("DTEND")
        lasts = [line for line in self._lines if line.name == "DURATION"]
        if ends:
            end = ends[0]
            if isinstance(end, datetime) is not isinstance(self.start, datetime):
                raise CalendarBroken(
                    self._number("DTEND"), "DTSTART is a day and DTEND a time, or the other way round"
                )
            if self._instant_of(end) < self._instant_of(self.start):
                raise CalendarBroken(self._number("DTEND"), "the event ends before it begins")
            return end
        if lasts:
            length: timedelta = _read(lasts[0], lambda: _Duration.from_ical(lasts[0].value), "not a duration")
            if length < timedelta(0):
                raise CalendarBroken(lasts[0].number, "the event ends before it begins")
            return length
        return timedelta(0) if isinstance(self.start, datetime) else DAY

    def _number(self, name: str) -> int:
        return next((line.number for line in self._lines if line.name == name), self.part.number)

    def _length(self) -> timedelta:
        """On the clock on the wall of the event's zone."""
        if isinstance(self._end, timedelta):
            return self._end
        end = self._end.astimezone(self.zone) if isinstance(self._end, datetime) else self._end
        return self._naive(end) - self._naive(self.start)

    def _zone_of(self, day: Day) -> tzinfo:
        return day.tzinfo or OSLO if isinstance(day, datetime) else OSLO

    def _instant_of(self, day: Day) -> datetime:
        return day.astimezone(UTC) if isinstance(day, datetime) else self._instant(self._naive(day))

    def _instant(self, naive: datetime) -> datetime:
        return naive.replace(tzinfo=self.zone).astimezone(UTC)

    @staticmethod
    def _naive(day: Day) -> datetime:
        return day.replace(tzinfo=None) if isinstance(day, datetime) else datetime.combine(day, time())


@lru_cache(maxsize=256)
def known_zone(name: str) -> ZoneInfo | None:
    """None where there is none of this name."""
    try:
        return ZoneInfo(name.strip("/"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _read(line: Line, work: Callable[[], T], why: str) -> T:
    """Whatever the libraries raise for a value is told with its line."""
    try:
        return work()
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, AttributeError):
        raise CalendarBroken(line.number, why) from None
