"""What an office says of itself: what a message may hold, until when it is shown, and when a confirmation is old."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from callback.office_note import Age, MessageNotTaken, NoteKind, OfficeNote, Refused, age, message
from tests.offices import MONDAY

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    "text",
    [
        "Ring 40001234 til Kari",
        "Ring 400 01 234",
        "Ring +47 40 00 12 34.",
        "Kari: 40.00.12.34",
        "40-00-12-34",
        "tlf 40 00 12 / 34",
        "Be dem ringe 4747 40001234",
        "Åpent 09.00-15.00, ellers 73 00 00 10",
        "Ring ٤٠٠٠١٢٣٤",
        "fnr 01017012345",
    ],
)
def test_no_direct_number(text: str) -> None:
    """Eight digits or more, however they are written: what one caller is offered, all are."""
    with pytest.raises(MessageNotTaken) as refused:
        message("9001", "liv", text, None, MONDAY)
    assert refused.value.why is Refused.NUMBER


@pytest.mark.parametrize(
    "text",
    [
        "Stengt kl. 09.00-15.00 i dag, åpner 24.11.2026 kl. 10.00.",
        "Brannøvelse 23. november kl. 12.30. Vi er 3 på vakt i 2. etasje.",
        "Flyttet til Storgata 12, 7010 Trondheim",
        "Nødhjelp: satsen er 6 530 kr fra 2026-12-01",
        "Drop-in 10:00-11:30 og 13:00-14:00",
    ],
)
def test_hours_dates_and_addresses_are_no_numbers(text: str) -> None:
    """What an office has to say is not refused for its digits."""
    assert message("9001", "liv", text, None, MONDAY).text == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (" \n ", Refused.EMPTY),
        ("x" * 281, Refused.TOO_LONG),
        ("Skriv til kari@nav.no", Refused.ADDRESS),
        ("Skriv til kari @ nav.no", Refused.ADDRESS),
        ("Snu\u202edette", Refused.UNREADABLE),
    ],
)
def test_what_is_refused(text: str, why: Refused) -> None:
    """Empty, too long, an e-mail address, characters that nobody sees."""
    with pytest.raises(MessageNotTaken) as refused:
        message("9001", "liv", text, None, MONDAY)
    assert refused.value.why is why


def test_a_message_holds_to_the_end_of_the_day() -> None:
    """Norwegian time; today unless another day was given; line breaks become spaces."""
    said = message("9001", "liv", "Vi  er\r\nstengt", None, MONDAY)
    assert (said.text, said.expires_at) == ("Vi er stengt", datetime(2026, 11, 23, 23, tzinfo=UTC))
    assert said.holds(datetime(2026, 11, 23, 22, 59, tzinfo=UTC))
    assert not said.holds(datetime(2026, 11, 23, 23, tzinfo=UTC))
    longer = message("9001", "liv", "x" * 280, TODAY + timedelta(days=31), MONDAY)
    assert longer.expires_at == datetime(2026, 12, 24, 23, tzinfo=UTC)


@pytest.mark.parametrize(("days", "why"), [(-1, Refused.OVER), (32, Refused.TOO_FAR)])
def test_its_last_day(days: int, why: Refused) -> None:
    """Neither over already nor so far ahead that it belongs into the hours."""
    with pytest.raises(MessageNotTaken) as refused:
        message("9001", "liv", "Stengt", TODAY + timedelta(days=days), MONDAY)
    assert refused.value.why is why


@pytest.mark.parametrize(
    ("days", "found"),
    [(0, Age.FRESH), (7, Age.FRESH), (8, Age.AMBER), (14, Age.AMBER), (15, Age.RED), (400, Age.RED)],
)
def test_an_old_confirmation(days: int, found: Age) -> None:
    """Amber after seven days, red after fourteen."""
    note = OfficeNote("9001", NoteKind.CONFIRMED, MONDAY, "liv")
    assert age(note, MONDAY + timedelta(days=days)) is found
    assert age(None, MONDAY) is Age.NEVER
