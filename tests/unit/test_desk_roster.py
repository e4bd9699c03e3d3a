"""Who is on duty, who changed it, which gaps the leader is told of, over a list in memory."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from callback.desk import Desk
from callback.desk_notices import Drop, Message
from callback.desk_roster import UnknownLine
from callback.desk_shifts import RosterRefused
from callback.notice import NoticeKind
from callback.shifts import Planned
from callback.store_memory import MemoryStore
from config.model import Config, MailSettings, NoticeSettings
from config.oncall import OnCallLine
from scheduler.clock import ManualClock, from_local, to_local
from scheduler.roster import ShiftSource
from tests.offices import config
from tests.unit.memory_desk import memory_store, monday_clock

__all__ = ["memory_store", "monday_clock"]

LINE = OnCallLine(id="l1", office_no="9001", number="+4773000011", leader="liv")
HOUR = timedelta(hours=1)


def with_line(line: OnCallLine = LINE, *, email: bool = True) -> Config:
    plain = config()
    mail = MailSettings(host="localhost", sender="tast1@example.org", security="none")
    people = [
        p.model_copy(update={"email": f"{p.id}@example.org"}) if p.id == "liv" else p for p in plain.people
    ]
    notices = NoticeSettings(email=mail if email else None)
    settings = plain.settings.model_copy(update={"notices": notices})
    return plain.model_copy(update={"lines": (line,), "people": tuple(people), "settings": settings})


@pytest.fixture(name="desk")
def desk_with_line(store: MemoryStore, clock: ManualClock) -> Desk:
    return Desk(store, with_line(), clock)


def at(text: str) -> datetime:
    return from_local(datetime.fromisoformat(text))


def planned(who: str, begins: str, ends: str) -> Planned:
    return Planned(tuple(who.split()), at(begins), at(ends))


async def who(desk: Desk, when: str, line: OnCallLine = LINE) -> list[str]:
    return [person.id for person in (await desk.duty(line, at(when))).people]


async def told(desk: Desk, days: int = 7) -> list[str]:
    found = await desk.coverage_of(desk.line("l1"), desk.today(), timedelta(days=days))
    return [
        f"{to_local(gap.begins_at):%a %H:%M}-{to_local(gap.ends_at):%H:%M} {gap.why}" for gap in found.gaps
    ]


async def test_shift_override_swap_remove(desk: Desk) -> None:
    """What is written on the page decides at once; each change stands in the history with who made it."""
    monday = await desk.add_shift(LINE, planned("kari", "2026-11-23T09:00", "2026-11-23T15:00"), "liv")
    tuesday = await desk.add_shift(LINE, planned("ola", "2026-11-24T09:00", "2026-11-24T15:00"), "liv")
    duty = await desk.duty(LINE)
    assert ([p.id for p in duty.people], duty.until, duty.then) == (["kari"], at("2026-11-23T15:00"), ())
    await desk.add_override(LINE, planned("ola", "2026-11-23T12:00", "2026-11-23T13:00"), "kari")
    assert await who(desk, "2026-11-23T12:30") == ["ola"]
    await desk.swap(LINE, monday.id, tuesday.id, "ola")
    assert [await who(desk, f"2026-11-{day}T10:00") for day in (23, 24)] == [["ola"], ["kari"]]
    await desk.change_shift(
        LINE, tuesday.id, planned("kari ola", "2026-11-24T09:00", "2026-11-24T14:00"), "liv"
    )
    assert await who(desk, "2026-11-24T10:00") == ["kari", "ola"]
    await desk.remove_shift(LINE, monday.id, "liv")
    assert await told(desk, 2) == [
        "Mon 09:00-12:00 nobody",
        "Mon 13:00-15:00 nobody",
        "Tue 14:00-15:00 nobody",
    ]
    history = await desk.roster_history(LINE)
    assert [(entry.event, entry.actor) for entry in reversed(history)] == [
        ("shift_added", "liv"), ("shift_added", "liv"), ("override_added", "kari"), ("swapped", "ola"),
        ("shift_changed", "liv"), ("shift_removed", "liv"),
    ]  # fmt: skip
    assert (history[0].details["people"], history[0].details["begins_at"]) == (
        ["ola"],
        "2026-11-23T08:00+00:00",
    )


@pytest.mark.parametrize(
    ("people", "begins", "ends", "words"),
    [
        ("kari", "2026-11-23T12:00", "2026-11-23T12:00", "ends before it begins"),
        ("kari", "2026-11-23T12:00", "2026-12-24T12:01", "longer than 31 days"),
        ("kari", "2026-11-22T12:00", "2026-11-23T09:05", "over already"),
        ("", "2026-11-23T12:00", "2026-11-23T13:00", "nobody is named"),
        ("kari per", "2026-11-23T12:00", "2026-11-23T13:00", "no per at office 9001; known: kari, liv, ola"),
    ],
)
async def test_refused(desk: Desk, people: str, begins: str, ends: str, words: str) -> None:
    """A shift that cannot be meant is refused in words, and nothing changes."""
    with pytest.raises(RosterRefused, match=words):
        await desk.add_shift(LINE, planned(people, begins, ends), "liv")
    assert await desk.roster_history(LINE) == await desk.shifts_of(LINE) == []


async def test_what_is_not_there(desk: Desk) -> None:
    """An unknown line and a shift that somebody removed say so."""
    with pytest.raises(UnknownLine, match="known: l1"):
        desk.line("l9")
    with pytest.raises(RosterRefused, match="not there any more"):
        await desk.remove_shift(LINE, "gone", "liv")


async def test_another_process_writes(desk: Desk, store: MemoryStore, clock: ManualClock) -> None:
    """The row is the truth: what the command line wrote is on duty at the next question, and nobody's change is lost."""
    beside = Desk(store, with_line(), clock)
    assert await who(desk, "2026-11-23T10:00") == []
    await beside.add_shift(LINE, planned("kari", "2026-11-23T09:00", "2026-11-23T15:00"), "command_line")
    assert await who(desk, "2026-11-23T10:00") == ["kari"]
    await desk.add_shift(LINE, planned("ola", "2026-11-23T09:00", "2026-11-23T15:00"), "liv")
    assert sorted(await who(beside, "2026-11-23T10:00")) == ["kari", "ola"]


async def test_standing_order_and_numbers(store: MemoryStore, clock: ManualClock) -> None:
    """A line with people of its own has no gap but for missing numbers; substitute and leader fill none."""
    line = LINE.model_copy(update={"people": ("kari",), "substitute": "ola"})
    desk = Desk(store, with_line(line), clock)
    assert await told(desk) == []
    desk.use_config(with_line(LINE.model_copy(update={"people": ("liv",), "substitute": "ola"})))
    assert (await told(desk, 1), (await desk.coverage())[0].percent) == (["Mon 09:00-15:00 no_number"], 0)
    carried = LINE.model_copy(update={"people": ("liv",), "telephone": "+4740000001"})
    desk.use_config(with_line(carried))
    assert await told(desk) == [], "who has none of their own carries the line's"


async def test_a_calendar_replaces_what_is_to_come_of_it(desk: Desk, clock: ManualClock) -> None:
    """Its own future shifts only, in one act; what is the same writes no history; what has been stays."""
    await desk.add_shift(LINE, planned("ola", "2026-11-25T09:00", "2026-11-25T15:00"), "liv")
    past = planned("kari", "2026-11-23T08:00", "2026-11-23T15:00")
    events = [past, planned("kari", "2026-11-24T09:00", "2026-11-24T15:00")]
    assert await desk.take_calendar(LINE, events, ShiftSource.FEED, "service") == (2, 0)
    assert await desk.take_calendar(LINE, events, ShiftSource.FEED, "service") == (0, 0)
    assert len(await desk.roster_history(LINE)) == 2
    clock.advance(HOUR)
    moved = [planned("ola", "2026-11-24T09:00", "2026-11-24T15:00")]
    assert await desk.take_calendar(LINE, moved, ShiftSource.FEED, "service") == (1, 2)
    assert [await who(desk, f"2026-11-{when}") for when in ("23T10:00", "23T10:06", "24T10:00", "25T10:00")] == [
        ["kari"], [], ["ola"], ["ola"],
    ]  # fmt: skip


async def mails(desk: Desk) -> list[str]:
    await desk.warn_of_gaps()
    due = await desk.store.due_notices(NoticeKind.GAP, desk.clock.now(), 100)
    texts = []
    for notice in due:
        message = await desk.message_of(notice)
        assert isinstance(message, Message)
        texts.append(f"{message.to}: {message.subject}\n{message.text}")
        await desk.drop_notice(notice, "read")
    return texts


async def test_the_leader_is_told_once_for_each_step(desk: Desk, clock: ManualClock) -> None:
    """One e-mail for all that is new, on record before it goes out; each gap again 7 and 2 days and an hour before."""
    for week in range(8):
        for day in range(5):
            text = (datetime.fromisoformat("2026-11-23") + timedelta(days=7 * week + day)).date().isoformat()
            if text != "2026-12-09":
                await desk.add_shift(LINE, planned("kari", f"{text}T09:00", f"{text}T15:00"), "liv")
    assert await mails(desk) == [], "more than two weeks ahead"
    told_at = []
    while clock.now() < at("2026-12-09T16:00"):
        clock.advance(timedelta(minutes=30))
        told_at += [(f"{to_local(clock.now()):%d %H:%M}", text) for text in await mails(desk)]
    assert [when for when, _ in told_at] == ["25 09:05", "02 09:05", "07 09:05", "09 08:05"]
    assert told_at[0][1].startswith(
        "liv@example.org: Tast 1: ingen på vakt 09.12. kl. 09.00, Vakttelefonen (Lillevik)\n"
    )
    assert "- onsdag 09.12. kl. 09.00-15.00: ingen har vakt\n" in told_at[0][1]
    assert "Dekningen de neste fire ukene er" in told_at[0][1]
    assert {entry.event for entry in await desk.roster_history(LINE, 4)} == {"gap_warned"}


async def test_a_gap_that_is_new_or_filled(desk: Desk, clock: ManualClock) -> None:
    """A gap that opens late is told at once; what was filled before the e-mail goes out is not told; a shorter one not again."""
    (text,) = await mails(desk)
    assert "- mandag 23.11. kl. 09.00-15.00" in text
    assert "og" not in text.split("- ")[1], text
    clock.advance(timedelta(minutes=2))
    assert await mails(desk) == []
    await desk.add_shift(LINE, planned("kari", "2026-11-23T12:00", "2026-11-23T13:00"), "liv")
    clock.advance(timedelta(minutes=2))
    assert await mails(desk) == [], "the two halves were told of as a whole"
    clock.set(at("2026-11-30T08:30"))
    assert await desk.warn_of_gaps() == 1
    for day in range(30, 45):
        text = (datetime.fromisoformat("2026-11-01") + timedelta(days=day - 1)).date().isoformat()
        await desk.add_shift(LINE, planned("kari", f"{text}T08:00", f"{text}T16:00"), "liv")
    (notice,) = await desk.store.due_notices(NoticeKind.GAP, clock.now(), 10)
    assert await desk.message_of(notice) == Drop("filled")


async def test_nobody_to_tell(store: MemoryStore, clock: ManualClock) -> None:
    """Without e-mail, or a leader with an address, nothing is written: it is told as soon as there is one."""
    desk = Desk(store, with_line(email=False), clock)
    assert await desk.warn_of_gaps() == 0
    no_address = with_line()
    desk.use_config(no_address.model_copy(update={"people": config().people}))
    assert await desk.warn_of_gaps() == 0
    desk.use_config(no_address)
    assert await desk.warn_of_gaps() == 1


async def test_outside_hours(store: MemoryStore, clock: ManualClock) -> None:
    """The standing order is on duty while the line is meant to be answered, and comes at its opening; a shift at any time."""
    line = LINE.model_copy(update={"people": ("kari",)})
    desk = Desk(store, with_line(line), clock)

    async def told_at(when: str) -> tuple[list[str], datetime | None, list[str]]:
        duty = await desk.duty(line, at(when))
        return [p.id for p in duty.people], duty.until, [p.id for p in duty.then]

    assert await told_at("2026-11-23T14:59") == (["kari"], None, [])
    assert await told_at("2026-11-23T15:00") == ([], at("2026-11-24T09:00"), ["kari"])
    await desk.add_shift(line, planned("ola", "2026-11-23T18:00", "2026-11-23T20:00"), "liv")
    assert await told_at("2026-11-23T15:00") == ([], at("2026-11-23T18:00"), ["ola"])
    assert await told_at("2026-11-23T19:00") == (["ola"], at("2026-11-23T20:00"), [])
    assert await told_at("2026-11-23T20:00") == ([], at("2026-11-24T09:00"), ["kari"])


async def test_what_comes_from_a_feed(desk: Desk) -> None:
    """It is changed in its calendar: a change here would be undone within the hour. A swap is written over it, and stays."""
    events = [planned("kari", "2026-11-24T09:00", "2026-11-24T15:00")]
    await desk.take_calendar(LINE, events, ShiftSource.FEED, "service")
    own = await desk.add_shift(LINE, planned("ola", "2026-11-25T09:00", "2026-11-25T15:00"), "liv")
    feed, _ = await desk.shifts_of(LINE)
    with pytest.raises(RosterRefused, match="comes from the line's calendar"):
        await desk.change_shift(LINE, feed.id, planned("ola", "2026-11-24T09:00", "2026-11-24T15:00"), "liv")
    with pytest.raises(RosterRefused, match="comes from the line's calendar"):
        await desk.remove_shift(LINE, feed.id, "liv")
    await desk.swap(LINE, feed.id, own.id, "liv")
    for _ in range(2):
        assert [await who(desk, f"2026-11-{day}T10:00") for day in (24, 25)] == [["ola"], ["kari"]]
        assert await desk.take_calendar(LINE, events, ShiftSource.FEED, "service") == (0, 0)
    imported = [planned("kari", "2026-11-26T09:00", "2026-11-26T15:00")]
    await desk.take_calendar(LINE, imported, ShiftSource.IMPORT, "liv")
    (shift,) = [one for one in await desk.shifts_of(LINE) if one.source is ShiftSource.IMPORT]
    await desk.change_shift(LINE, shift.id, planned("ola", "2026-11-26T09:00", "2026-11-26T15:00"), "liv")
    assert await who(desk, "2026-11-26T10:00") == ["ola"]
    await desk.take_calendar(LINE, imported, ShiftSource.IMPORT, "liv")
    assert await who(desk, "2026-11-26T10:00") == ["kari"], "the next file replaces it"
