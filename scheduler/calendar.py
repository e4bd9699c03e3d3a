"""When an office answers its phone and takes drop-ins, and which days are working days in law. Pure: no I/O.

Two questions that must never be mixed: *is the office open* (its phone hours, its special days) decides
when people can be rung; *is it a working day* (the law) decides which date a caller is promised.
All instants are aware UTC; all dates are dates in Europe/Oslo.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from holidays.countries.norway import Norway

from config.model import Office
from config.values import Hours, WeekHours
from scheduler.clock import aware_utc, from_local, to_local

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)

_SEARCH = 60 * DAY
"""No weekday is a public holiday for this long: an office with weekly hours opens within it."""


_REMEMBERED = 1000
"""Days whose hours are kept: every registration asks for the same few, several times."""
_DROP_IN_SEARCH = 30 * DAY
"""Further ahead nobody asks when they may come."""


class CalendarError(Exception):
    """Base of what a calendar refuses."""


class NeverOpen(CalendarError):
    """The office has no phone hours at or after this moment. `tast1 check` refuses such an office."""


class _AllYears(Norway):
    """Norway without the year 2100 as its end: `holidays` answers "no holidays" after it, silently."""

    end_year = date.max.year


@lru_cache(maxsize=64)
def public_holidays(year: int) -> frozenset[date]:
    """Public holidays of one year, Sundays' own feasts among them, ordinary Sundays not.

    Source: lov om 1 og 17 mai (1947) and lov om helligdager og helligdagsfred (1995), through the library
    `holidays`. 24 and 31 December and the Wednesday before Easter are not among them: they are working
    days in law."""
    return frozenset(_AllYears(years=year))


def is_working_day(day: date) -> bool:
    """Monday to Friday and no public holiday. The same for every office."""
    return day.weekday() < 5 and day not in public_holidays(day.year)


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """What an office's hours are, seen from one moment. Callers, staff and the contact centre are told the same."""

    closes_at: datetime | None
    """When the phone hours end that hold this moment; None while closed."""
    opens_at: datetime | None
    """When they begin next; None while open, and where they never do."""
    drop_in: tuple[datetime, datetime] | None
    """The drop-in hours that run, or the next within 30 days."""

    @property
    def open(self) -> bool:
        return self.closes_at is not None


class OfficeCalendar:
    """The calendar of one office. `office` is the configuration it was made from."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._special = {special.date: special for special in office.special_days}
        self._weekly = any(office.phone_hours.on(weekday) for weekday in range(7))
        self._last_special = max(self._special, default=None)
        self._hours: dict[date, tuple[datetime, datetime] | None] = {}

    def hours_on(self, day: date) -> tuple[datetime, datetime] | None:
        """Phone hours of a date as UTC instants (opens, closes), closes excluded; None when closed.

        A special day wins over a public holiday, a public holiday over the weekday's hours. Hours that the
        spring change of clocks swallows whole are none."""
        if day not in self._hours:
            if len(self._hours) >= _REMEMBERED:
                self._hours.clear()
            special = self._special.get(day)
            hours = self._window(day, special.phone_hours if special else None, self.office.phone_hours)
            self._hours[day] = hours
        return self._hours[day]

    def drop_in_on(self, day: date) -> tuple[datetime, datetime] | None:
        """When people may come without an appointment on a date, in the form and by the rules of `hours_on`.

        A special day that names no drop-in has none."""
        special = self._special.get(day)
        return self._window(day, special.drop_in_hours if special else None, self.office.drop_in_hours)

    def is_open(self, at: datetime) -> bool:
        """Whether the phone hours hold this moment."""
        return self.closes_at(at) is not None

    def closes_at(self, at: datetime) -> datetime | None:
        """The end of today's phone hours; None when they do not hold this moment."""
        hours = self.hours_on(to_local(at).date())
        return hours[1] if hours is not None and hours[0] <= at < hours[1] else None

    def hours_at(self, at: datetime) -> OfficeHours:
        """What anybody is told of the hours at this moment."""
        closes_at, opens_at = self.closes_at(at), None
        if closes_at is None:
            with suppress(NeverOpen):
                opens_at = self.next_opening(at)
        return OfficeHours(closes_at, opens_at, self.next_drop_in(at))

    def next_drop_in(self, at: datetime) -> tuple[datetime, datetime] | None:
        """The drop-in hours that run at `at`, or the next that begin within 30 days; None when there are none."""
        at = aware_utc(at)
        day = to_local(at).date()
        if self.office.drop_in_hours is None and not self._special:
            return None
        for offset in range(_DROP_IN_SEARCH.days + 1):
            if date.max - day < offset * DAY:
                break
            hours = self.drop_in_on(day + offset * DAY)
            if hours is not None and at < hours[1]:
                return hours if hours[0] <= at + _DROP_IN_SEARCH else None
        return None

    def is_working_day(self, day: date) -> bool:
        """Whether a date is a working day in law, whatever the office's own hours."""
        return is_working_day(day)

    def working_day_after(self, day: date, n: int) -> date:
        """The n-th working day after a date; a date that is no working day counts from the next one.

        `n` = 0 is the date itself, or the next working day. (Nav contact centre's way of counting.)"""
        if n < 0:
            raise ValueError(f"n must be 0 or more, not {n}")
        while not is_working_day(day):
            day += DAY
        for _ in range(n):
            day += DAY
            while not is_working_day(day):
                day += DAY
        return day

    def next_opening(self, at: datetime) -> datetime:
        """The first moment at or after `at` within phone hours: `at` itself when open, else an opening.

        Raises NeverOpen when none comes: the office has no weekly hours and no special day left."""
        at = aware_utc(at)
        day = to_local(at).date()
        for offset in range(self._days_to_search(day)):
            if date.max - day < offset * DAY:
                break
            hours = self.hours_on(day + offset * DAY)
            if hours is not None and at < hours[1]:
                return max(at, hours[0])
        when = to_local(at).isoformat(timespec="minutes")
        raise NeverOpen(f"office {self.office.office_no} has no phone hours at or after {when}")

    next_open_at_or_after = next_opening
    """The same under the name that says what it does."""

    def _window(
        self, day: date, special: Hours | None, week: WeekHours | None
    ) -> tuple[datetime, datetime] | None:
        """A date's hours as UTC instants; `special` are those of its special day, if it is one."""
        if day in self._special:
            hours = special
        elif week is None or day in public_holidays(day.year):
            hours = None
        else:
            hours = week.on(day.weekday())
        if hours is None:
            return None
        opens = from_local(datetime.combine(day, hours.opens))
        closes = from_local(datetime.combine(day, hours.closes))
        return (opens, closes) if opens < closes else None

    def _days_to_search(self, day: date) -> int:
        past_special = max(day, self._last_special or day) - day
        return (past_special + (_SEARCH if self._weekly else DAY)).days

    def last_open_minute(self, not_after: datetime, not_before: datetime) -> datetime | None:
        """The last moment within phone hours in [not_before, not_after] at which a call still makes sense.

        That is `not_after` itself when the office is open then, but never later than one minute before
        closing, unless `not_before` lies in that last minute. None when the office is closed all the time."""
        not_after, not_before = aware_utc(not_after), aware_utc(not_before)
        day, first = to_local(not_after).date(), to_local(not_before).date()
        while day >= first:
            hours = self.hours_on(day)
            if hours is not None:
                opens, closes = hours
                earliest = max(opens, not_before)
                latest = min(not_after, max(closes - MINUTE, earliest))
                if earliest <= latest < closes:
                    return latest
            day -= DAY
        return None
