"""The report of the on-call lines, for the page, the API and the command line. Part of the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Protocol, TypeVar

from callback.consult import DutyCount
from callback.consult_report import Figures, OfficeReport, Report, Week, figures, total, weeks_until
from callback.desk_base import DeskBase
from callback.store import in_no_hurry

_AT_ONCE = timedelta(days=1)
"""So much of all offices is read at a time: callers go first."""
_OFFICES_AT_ONCE = 25


class _OfAnOffice(Protocol):
    @property
    def office_no(self) -> str: ...


T = TypeVar("T", bound=_OfAnOffice)


class DeskReport(DeskBase):
    async def consult_report(self, office_nos: Collection[str], weeks: int, *, people: bool = True) -> Report:
        """Of these offices, in their order, in so many weeks up to this one; `people`: with who was rung."""
        span = weeks_until(self.clock.now(), weeks)
        found = [await self._week(office_nos, week, people=people) for week in span if office_nos]
        offices = (OfficeReport(no, tuple(week.get(no, Figures()) for week in found)) for no in office_nos)
        return Report(span, tuple(offices))

    async def _week(self, office_nos: Collection[str], week: Week, *, people: bool) -> dict[str, Figures]:
        parts: dict[str, list[Figures]] = {}
        begins, now = week.begins_at, self.clock.now()
        (only,) = office_nos if len(office_nos) == 1 else (None,)
        while begins < min(week.ends_at, now):
            ends = week.ends_at if only else min(begins + _AT_ONCE, week.ends_at)
            with in_no_hurry():
                calls = _by_office(await self.store.ended_calls(begins, ends, only))
                rung = _by_office(
                    await self.store.duty_outcomes(begins, ends, only) if people else list[DutyCount]()
                )
                promises = _by_office(await self.store.promises(begins, ends, only))
            for count, no in enumerate(calls, start=1):
                some = figures(calls[no], rung.get(no, ()), promises.get(no, ()), now)
                parts.setdefault(no, []).append(some)
                if count % _OFFICES_AT_ONCE == 0:
                    await asyncio.sleep(0)
            begins = ends
        return {no: total(of) for no, of in parts.items()}


def _by_office(found: Iterable[T]) -> dict[str, list[T]]:
    offices: dict[str, list[T]] = {}
    for one in found:
        offices.setdefault(one.office_no, []).append(one)
    return offices
