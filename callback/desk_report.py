"""The report of the on-call lines, for the page, the API and the command line. Part of the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta

from callback.consult import Consult, DutyLeg, Promise
from callback.consult_report import Figures, OfficeReport, Report, Week, figures, total, weeks_until
from callback.desk_base import DeskBase
from callback.store import in_no_hurry

_AT_ONCE = timedelta(days=1)
"""So much is read at a time: callers go first."""


class DeskReport(DeskBase):
    async def consult_report(self, office_nos: Collection[str], weeks: int) -> Report:
        """Of these offices, in their order, in so many weeks up to this one."""
        span = weeks_until(self.clock.now(), weeks)
        found = [await self._week(office_nos, week) for week in span if office_nos]
        offices = (OfficeReport(no, tuple(week.get(no, Figures()) for week in found)) for no in office_nos)
        return Report(span, tuple(offices))

    async def _week(self, office_nos: Collection[str], week: Week) -> dict[str, Figures]:
        parts: dict[str, list[Figures]] = {}
        begins, now = week.begins_at, self.clock.now()
        (only,) = office_nos if len(office_nos) == 1 else (None,)
        while begins < min(week.ends_at, now):
            ends = min(begins + _AT_ONCE, week.ends_at)
            with in_no_hurry():
                calls = await self.store.consults(begins, only, ends)
                promises = await self.store.promises(begins, only, ends)
            by_office: dict[str, tuple[list[tuple[Consult, tuple[DutyLeg, ...]]], list[Promise]]] = {}
            for call in calls:
                by_office.setdefault(call[0].office_no, ([], []))[0].append(call)
            for promise in promises:
                by_office.setdefault(promise.office_no, ([], []))[1].append(promise)
            for office_no, (its_calls, its_promises) in by_office.items():
                parts.setdefault(office_no, []).append(figures(its_calls, its_promises, now))
            await asyncio.sleep(0)
            begins = ends
        return {office_no: total(of) for office_no, of in parts.items()}
