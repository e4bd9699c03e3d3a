"""Calendars as Outlook, Google and Apple write them, broken ones, and whose shifts they are."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callback.duty_calendar import CalendarRefused, shifts_in
from config.model import Person, Role
from scheduler.clock import from_local, to_local
from scheduler.ical import Told, read_calendar, write_calendar
from scheduler.ical_lines import CalendarBroken

NOW = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)
OUTLOOK_ZONE = """\
BEGIN:VTIMEZONE
TZID:{name}
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""


def staff(*names: str) -> list[Person]:
    return [
        Person(id=name.split()[0].lower(), name=name, role=Role.CASEWORKER, office_no="9001",
               email=f"{name.split()[0].lower()}@example.org")
        for name in names
    ]  # fmt: skip


STAFF = staff("Kari Holm", "Ola Berg", "Anne-Lise Og Dahl", "Liv Sund")


def calendar(*events: str, before: str = "") -> bytes:
    """As a file: CRLF."""
    inner = "".join(f"BEGIN:VEVENT\nUID:{n}\n{event.strip()}\nEND:VEVENT\n" for n, event in enumerate(events))
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{before}{inner}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def told(data: bytes, begins: datetime = NOW, days: int = 21) -> list[str]:
    """Oslo time."""
    return [
        f"{to_local(one.begins_at):%d.%m %H:%M}-{to_local(one.ends_at):%d.%m %H:%M} {one.summary}"
        for one in read_calendar(data, begins, begins + timedelta(days=days))
    ]


def test_outlook() -> None:
    """A Windows zone, a weekly series, one time cancelled, one moved to another hour and person."""
    series = """SUMMARY;LANGUAGE=nb-NO:Kari Holm
DTSTART;TZID=W. Europe Standard Time:20261123T090000
DTEND;TZID=W. Europe Standard Time:20261123T120000
RRULE:FREQ=WEEKLY;UNTIL=20261214T080000Z;INTERVAL=1;BYDAY=MO,WE;WKST=MO
EXDATE;TZID=W. Europe Standard Time:20261125T090000
X-MICROSOFT-CDO-BUSYSTATUS:BUSY
BEGIN:VALARM
TRIGGER:-PT15M
ACTION:DISPLAY
DESCRIPTION:Reminder
END:VALARM"""
    moved = b"""BEGIN:VEVENT\r\nUID:0\r\nSUMMARY:Ola\r\n Berg\r
RECURRENCE-ID;TZID="W. Europe Standard Time":20261130T090000\r
DTSTART;TZID=W. Europe Standard Time:20261130T100000\r\nDURATION:PT1H30M\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"""
    whole = calendar(series, before=OUTLOOK_ZONE.format(name="W. Europe Standard Time"))
    data = whole.removesuffix(b"END:VCALENDAR\r\n") + moved.replace(b"Ola\r\n Berg", b"Ola \r\n Berg")
    assert told(data) == [
        "23.11 09:00-23.11 12:00 Kari Holm", "30.11 10:00-30.11 11:30 Ola Berg", "02.12 09:00-02.12 12:00 Kari Holm",
        "07.12 09:00-07.12 12:00 Kari Holm", "09.12 09:00-09.12 12:00 Kari Holm", "14.12 09:00-14.12 12:00 Kari Holm",
    ]  # fmt: skip


def test_google() -> None:
    """An IANA zone, every other weekday with an end by count, one time taken away in UTC; and a time in UTC."""
    series = """DTSTART;TZID=Europe/Oslo:20261124T080000
DTEND;TZID=Europe/Oslo:20261124T160000
RRULE:FREQ=MONTHLY;COUNT=2;BYDAY=-1TU,-1TH
EXDATE:20261126T070000Z
SUMMARY:kari\\, ola"""
    single = "DTSTART:20261125T080000Z\nDTEND:20261125T090000Z\nSUMMARY:Ola"
    assert told(calendar(series, single)) == [
        "24.11 08:00-24.11 16:00 kari, ola", "25.11 09:00-25.11 10:00 Ola",
    ]  # fmt: skip


def test_apple() -> None:
    """All-day events are whole days here; a day without an end is one; a cancelled one is none; further dates are."""
    week = "DTSTART;VALUE=DATE:20261130\nDTEND;VALUE=DATE:20261207\nSUMMARY:Kari"
    day = "DTSTART;VALUE=DATE:20261124\nRDATE;VALUE=DATE:20261126,20261127\nEXDATE;VALUE=DATE:20261126\nSUMMARY:Ola"
    off = "DTSTART;VALUE=DATE:20261125\nSTATUS:CANCELLED\nSUMMARY:Liv"
    assert told(calendar(week, day, off)) == [
        "24.11 00:00-25.11 00:00 Ola", "27.11 00:00-28.11 00:00 Ola", "30.11 00:00-07.12 00:00 Kari",
    ]  # fmt: skip


def test_a_zone_of_its_own_and_another_country() -> None:
    """A zone that only the file knows, and hours of New York: the same instant here."""
    own = "DTSTART;TZID=Customized Time Zone:20261124T090000\nDURATION:PT1H\nSUMMARY:Kari"
    far = "DTSTART;TZID=Eastern Standard Time:20261124T030000\nDURATION:PT1H\nSUMMARY:Ola"
    data = calendar(own, far, before=OUTLOOK_ZONE.format(name="Customized Time Zone"))
    assert told(data) == ["24.11 09:00-24.11 10:00 Kari", "24.11 09:00-24.11 10:00 Ola"]


def test_the_clocks_change() -> None:
    """A night shift ends at six on the wall also in the nights in which an hour is missing or comes twice."""
    night = """DTSTART;TZID=Europe/Oslo:20260301T220000
DTEND;TZID=Europe/Oslo:20260302T060000
RRULE:FREQ=DAILY
SUMMARY:Kari"""
    spring = told(calendar(night), from_local(datetime.fromisoformat("2026-03-27T12:00")), days=3)
    assert spring == [
        "27.03 22:00-28.03 06:00 Kari", "28.03 22:00-29.03 06:00 Kari", "29.03 22:00-30.03 06:00 Kari",
    ]  # fmt: skip
    autumn = read_calendar(
        calendar(night),
        from_local(datetime.fromisoformat("2026-10-24T12:00")),
        from_local(datetime.fromisoformat("2026-10-25T12:00")),
    )
    assert [one.ends_at - one.begins_at for one in autumn] == [timedelta(hours=9)]


BROKEN = [
    (b"", 1, "no calendar"),
    (b"hello\r\n", 1, "not a line of a calendar"),
    (b"SUMMARY:x\r\n", 1, "no calendar begins here"),
    (calendar("DTSTART:20261124T090000\nSUMMARY:Kari")[:-30], 7, "END:VEVENT is missing"),
    (calendar("SUMMARY:Kari"), 4, "without DTSTART"),
    (calendar("SUMMARY:Kari\nDTSTART:20261324T090000"), 7, "DTSTART is no date or time"),
    (calendar("SUMMARY:Kari\nDTSTART;TZID=Mars/Base:20261124T090000"), 7, "an unknown time zone: Mars/Base"),
    (calendar("SUMMARY:Kari\nDTSTART:20261124T090000\nDTEND:20261124T080000"), 8, "ends before it begins"),
    (calendar("SUMMARY:Kari\nDTSTART:20261124T090000\nDTEND;VALUE=DATE:20261125"), 8, "the other way round"),
    (calendar("SUMMARY:Kari\nDTSTART:20261124T090000\nDURATION:soon"), 8, "not a duration"),
    (calendar("SUMMARY:Kari\nDTSTART:20261124T090000\nRRULE:FREQ=OFTEN"), 8, "not a rule"),
    (calendar("SUMMARY:Kari\nDTSTART:20261124T090000\nRRULE:FREQ=SECONDLY"), 8, "not understood"),
    (calendar("SUMMARY:Kari\nDTSTART:20261124T090000\nRRULE:FREQ=DAILY;INTERVAL=0"), 8, "never happens"),
    (calendar("SUMMARY:Kari\nDTSTART:20261124T090000\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), 8, "never happens"),
    (calendar("SUMMARY:Kari\nDTSTART:20261124T090000").replace(b"Kari", b"Kari\r\n \xff"), 6, "not UTF-8"),
    (calendar("SUMMARY:Kari\nDTSTART:20261124T090000\nEND:VTODO"), 8, "END:VTODO where VEVENT is open"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "line", "why"), BROKEN)
def test_broken(data: bytes, line: int, why: str) -> None:
    """What is wrong is told with its line of the file."""
    with pytest.raises(CalendarBroken, match=why) as raised:
        read_calendar(data, NOW, NOW + timedelta(days=30))
    assert raised.value.line == line
    with pytest.raises(CalendarRefused, match=f"line {line}: "):
        shifts_in(data, STAFF, NOW)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 500), st.integers(0, 40))
def test_garbage(garbage: bytes, at: int, cut: int) -> None:
    """Whatever stands in a file, it is read or refused; nothing else is raised."""
    data = calendar(
        "SUMMARY:Kari\nDTSTART;TZID=Europe/Oslo:20261124T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3"
    )
    with suppress(CalendarBroken):
        read_calendar(data[:at] + garbage + data[at + cut :], NOW, NOW + timedelta(days=30))


WHO = [
    ("SUMMARY:Kari Holm", ("kari",)),
    ("SUMMARY:ola", ("ola",)),
    ("SUMMARY:OLA@EXAMPLE.ORG", ("ola",)),
    ("SUMMARY:Ola Berg og  kari holm", ("ola", "kari")),
    ("SUMMARY:Kari / Ola\\, liv", ("kari", "ola", "liv")),
    ("SUMMARY:Vakt: Kari & Ola", ("kari", "ola")),
    ("SUMMARY:Vakttelefonen - Anne-Lise", ("anne-lise",)),
    ("SUMMARY:Kari Holm (mottak)", ("kari",)),
    ("SUMMARY:Anne-Lise Og Dahl", ("anne-lise",)),
    ("SUMMARY:Liv – vakt", ("liv",)),
    ("SUMMARY:Vakt\nATTENDEE;CN=Rom 3:mailto:rom3@example.org\nATTENDEE:MAILTO:kari@example.org", ("kari",)),
    ("SUMMARY:Vakt\nDESCRIPTION:Vakttelefonen i dag\\nOla Berg\\nRing 201", ("ola",)),
]


@pytest.mark.parametrize(("lines", "people"), WHO)
def test_who_is_meant(lines: str, people: tuple[str, ...]) -> None:
    """The title names people in any of the ways people write; else the attendees; else the description."""
    (shift,) = shifts_in(calendar(f"DTSTART:20261124T090000\nDURATION:PT6H\n{lines}"), STAFF, NOW)
    assert shift.people == people


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("SUMMARY:Kari og Per", "nobody known: 'per'; known here: Kari Holm, Ola Berg"),
        ("SUMMARY:Vakt: Ola / Per", "nobody known: 'per'"),
        ("SUMMARY:Ferie", "nobody known: 'Ferie'"),
        ("DESCRIPTION:x", "nobody is named"),
        ("SUMMARY:Nils", "nobody known: 'Nils'"),
    ],
)
def test_nobody_is_meant(lines: str, why: str) -> None:
    """One name that nobody has, or that two have, refuses all; past events are nobody's business."""
    both = [
        *STAFF,
        *staff("Nils Ås"),
        Person(id="nils2", name="Nils By", role=Role.CASEWORKER, office_no="9001"),
    ]
    two = [person.model_copy(update={"id": "nilsaas"}) if person.id == "nils" else person for person in both]
    old = "SUMMARY:Somebody who has left\nDTSTART:20251124T090000\nDURATION:PT6H"
    with pytest.raises(CalendarRefused, match="line 10: ") as raised:
        shifts_in(calendar(old, f"DTSTART:20261124T090000\nDURATION:PT6H\n{lines}"), two, NOW)
    assert why in str(raised.value)
    assert len(shifts_in(calendar(old), STAFF, NOW)) == 0


def test_an_event_without_length() -> None:
    """It would be a shift that never holds."""
    with pytest.raises(CalendarRefused, match="line 4: an event without a length"):
        shifts_in(calendar("SUMMARY:Kari\nDTSTART:20261124T090000"), STAFF, NOW)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(1, 4000), st.text(max_size=80)), max_size=5))
def test_what_is_written_is_read(events: list[tuple[int, int, str]]) -> None:
    """A roster written as a file is the same roster when it is read, whatever stands in a title."""
    minute = timedelta(minutes=1)
    written = [
        Told(
            f"{n}@tast1",
            NOW + begins * minute,
            NOW + (begins + length) * minute,
            "".join(c for c in text if c.isprintable()).strip(),
        )
        for n, (begins, length, text) in enumerate(events)
    ]
    read = read_calendar(write_calendar("Vakt", written, NOW), NOW, NOW + timedelta(days=60))
    assert sorted((one.uid, one.begins_at, one.ends_at, one.summary) for one in read) == sorted(
        (one.uid, one.begins_at, one.ends_at, one.summary) for one in written
    )
