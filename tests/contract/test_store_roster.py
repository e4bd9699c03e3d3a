"""What every Store keeps of the rosters: all of a change or nothing, told from the version it was worked out from."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from callback.notice import NoticeKind, NoticeState, about_gaps
from callback.shifts import GapWarned, RosterChange, RosterEntry, RosterNews, StaleRoster
from callback.store import Store
from scheduler.roster import DutyShift, ShiftKind, ShiftSource
from tests.contract.store_factory import T0
from tests.contract.store_fixtures import Reopen

HOUR = timedelta(hours=1)


def shift(name: str, line: str = "l1", hours: int = 0) -> DutyShift:
    begins = T0 + hours * HOUR
    return DutyShift(
        name, line, ("kari", "ola"), begins, begins + HOUR,
        ShiftKind.OVERRIDE, ShiftSource.FEED, "uid@example.org", "liv", T0,
    )  # fmt: skip


def entry(event: str = "shift_added", line: str = "l1") -> RosterEntry:
    return RosterEntry(line, T0, "liv", event, {"people": ["kari"], "n": 1})


async def test_kept(store: Store, reopen: Reopen) -> None:
    """Shifts come back as they were, with what was written beside them; each line has a version of its own."""
    notice = about_gaps("l1", "liv", T0)
    warned = GapWarned("l1", T0, T0 + HOUR, 2)
    first = await store.save_roster(
        RosterChange(0, entry(), (shift("b", hours=1), shift("a")), warned=(warned,), notices=(notice,))
    )
    other = await store.save_roster(RosterChange(0, entry(line="l2"), (shift("c", "l2"),)))
    again = await reopen()
    assert await again.roster_since(0) == RosterNews(
        {"l1": first, "l2": other}, (shift("a"), shift("c", "l2"), shift("b", hours=1))
    )
    assert await again.roster_since(first) == RosterNews({"l2": other}, (shift("c", "l2"),))
    assert await again.roster_since(other) == RosterNews({}, ())
    assert await again.gap_warnings("l1", T0) == [warned]
    assert await again.gap_warnings("l1", T0 + HOUR) == await again.gap_warnings("l2", T0) == []
    assert await again.due_notices(NoticeKind.GAP, T0, 10) == [notice]
    assert await again.change_notice(replace(notice, state=NoticeState.SENDING, tries=1), NoticeState.WAITING)


async def test_stale(store: Store) -> None:
    """What was worked out from an older roster is refused whole."""
    first = await store.save_roster(RosterChange(0, entry(), (shift("a"),)))
    await store.save_roster(RosterChange(0, entry(line="l2")))
    change = RosterChange(
        0, entry("shift_removed"), (shift("b"),), frozenset({"a"}),
        (GapWarned("l1", T0, T0 + HOUR, 2),), (about_gaps("l1", "liv", T0),),
    )  # fmt: skip
    with pytest.raises(StaleRoster):
        await store.save_roster(change)
    assert (await store.roster_since(0)).shifts == (shift("a"),)
    assert await store.gap_warnings("l1", T0) == await store.due_notices(NoticeKind.GAP, T0, 10) == []
    second = await store.save_roster(replace(change, seen=first))
    assert (await store.roster_since(0)).shifts == (shift("b"),)
    assert [one.event for one in await store.roster_history("l1", 10)] == ["shift_removed", "shift_added"]
    assert await store.roster_history("l1", 1) == [entry("shift_removed")]
    assert second > first


async def test_two_at_once(store: Store) -> None:
    """Of two who change the same roster at the same time one is told to look again."""
    changes = (RosterChange(0, entry(), (shift("a"),)), RosterChange(0, entry(), (shift("b"),)))
    done = await asyncio.gather(*map(store.save_roster, changes), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["StaleRoster", "int"]


async def test_forgotten(store: Store) -> None:
    """What is over for long goes; who changed what stays."""
    warned = (GapWarned("l1", T0, T0 + HOUR, 0), GapWarned("l1", T0, T0 + 2 * HOUR, 0))
    await store.save_roster(RosterChange(0, entry(), (shift("a"), shift("b", hours=1)), warned=warned))
    await store.forget_shifts_before(T0 + HOUR + timedelta(seconds=1))
    assert (await store.roster_since(0)).shifts == (shift("b", hours=1),)
    assert await store.gap_warnings("l1", T0) == [warned[1]]
    assert await store.roster_history("l1", 10) == [entry()]
