"""The leader is told of gaps in the roster by e-mail, in time to fill them. Part of the desk.

Each gap once per step (14, 7 and 2 days, and an hour before). That they are told is on record before the e-mail goes out, in one
act with it; what it says is looked up when it goes out, so a gap that was filled meanwhile is not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from callback.desk_roster import DeskRoster
from callback.notice import Notice, about_gaps
from callback.notice_words import duty_mail, gaps_mail
from callback.shifts import GapWarned, RosterChange, RosterEntry, StaleRoster
from config.model import Config, Person, Role
from config.oncall import OnCallLine
from scheduler.coverage import WARNED_BEFORE, Gap

log = structlog.get_logger(__name__)

_EVERY = timedelta(minutes=1)
"""Gaps are looked for so often: the last step is an hour long."""


class DeskGaps(DeskRoster):
    """The use cases of warnings of gaps."""

    _looked_for_gaps: datetime | None = None

    def use_config(self, config: Config) -> None:
        super().use_config(config)
        self._looked_for_gaps = None

    async def warn_of_gaps(self) -> int:
        """Write what is due to be told; returns how many e-mails. None while e-mail is not set up."""
        now = self.clock.now()
        looked = self._looked_for_gaps
        if self.config.settings.notices.email is None or (looked and looked <= now < looked + _EVERY):
            return 0
        written = 0
        for found in await self.coverage():
            line = self._lines[found.line_id]
            told = self.told_of_gaps(line)
            due = [gap for gap in found.gaps if gap.step(now) is not None]
            if due and told:
                written += await self._warn(line, due, told)
        self._looked_for_gaps = now
        return written

    def told_of_gaps(self, line: OnCallLine) -> list[Person]:
        """The line's leader; else the leaders of its office. Only who has an address."""
        leader = self._people.get(line.leader or "")
        leaders = [p for p in self.config.people_of(line.office_no) if p.role is Role.LEADER]
        named = [leader] if leader is not None and leader.email else leaders
        return [person for person in named if person.email]

    async def mail_of_gaps(self, notice: Notice) -> tuple[str, str, str] | str:
        """(address, subject, text) as things are now, or why there is nothing to tell any more."""
        line, person = self._lines.get(notice.line_id or ""), self._people.get(notice.person_id or "")
        if line is None:
            return "unknown_line"
        if person is None or person.email is None:
            return "no_address"
        now = self.clock.now()
        found = await self.coverage_of(line)
        due = [gap for gap in found.gaps if gap.step(now) is not None]
        if not due:
            return "filled"
        office = self.config.office(line.office_no)
        url = self.config.settings.service.public_url
        link = f"{url.rstrip('/')}/oncall?line={line.id}" if url else None
        where = f"{line.name} ({office.name if office else line.office_no})"
        return (person.email, *gaps_mail(where, due, found.percent, link))

    async def mail_of_duty(self, notice: Notice) -> tuple[str, str, str] | str:
        """(address, subject, text), or why there is nothing to tell any more."""
        line, person = self._lines.get(notice.line_id or ""), self._people.get(notice.person_id or "")
        if line is None:
            return "unknown_line"
        if person is None or person.email is None:
            return "no_address"
        office = self.config.office(line.office_no)
        where = f"{line.name} ({office.name if office else line.office_no})"
        on_duty = (await self.duty(line)).people
        url = self.config.settings.service.public_url
        link = f"{url.rstrip('/')}/oncall?line={line.id}" if url else None
        return (person.email, *duty_mail(where, [one.name for one in on_duty], link))

    async def _warn(self, line: OnCallLine, due: Sequence[Gap], told: Sequence[Person]) -> int:
        """Of the gaps that are due those not told yet; 0 when there are none."""
        now = self.clock.now()
        before = await self.store.gap_warnings(line.id, now)
        new = [gap for gap in due if not any(_covers(one, gap, gap.step(now) or 0) for one in before)]
        if not new:
            return 0
        steps = max(gap.step(now) or 0 for gap in new)
        details = {
            "to": [person.id for person in told],
            "gaps": len(new),
            "hours_before": int(WARNED_BEFORE[steps].total_seconds() // 3600),
        }
        change = RosterChange(
            self._roster_versions.get(line.id, 0),
            RosterEntry(line.id, now, "service", "gap_warned", details),
            warned=tuple(GapWarned(line.id, g.begins_at, g.ends_at, g.step(now) or 0) for g in new),
            notices=tuple(about_gaps(line.id, person.id, now) for person in told),
        )
        try:
            await self.store.save_roster(change)
        except StaleRoster:  # somebody changes it just now: the next round looks again
            return 0
        log.info("gaps_told", line=line.id, gaps=len(new))
        return len(told)


def _covers(told: GapWarned, gap: Gap, step: int) -> bool:
    """A gap that has become shorter is not told again at the same step."""
    return told.step >= step and told.begins_at <= gap.begins_at and gap.ends_at <= told.ends_at
