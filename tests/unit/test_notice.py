"""Who is told what beside the telephone, when, and in which words. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callback.notice import (
    MOST_TRIES,
    about_attempt,
    about_step,
    missed_sms,
    morning_after,
    not_any_more,
    tells,
    wait_after,
)
from callback.notice_words import LANGUAGES, mail, segments, sms, window
from callback.numbers import is_mobile
from callback.request import AttemptOutcome, CallAttempt, CallbackRequest, NumberSource, RequestState
from ivr.prompts import Catalogue
from scheduler.calendar import OfficeCalendar
from scheduler.clock import from_local, to_local
from tests.contract.store_factory import T0, new_attempt, new_entry, new_request
from tests.offices import MONDAY, config

CALENDAR = OfficeCalendar(config().offices[0])
HOUR = timedelta(hours=1)


def rang(request: CallbackRequest, **fields: object) -> CallAttempt:
    given: dict[str, object] = {"ringing_at": T0, "ended_at": T0, "outcome": AttemptOutcome.NO_ANSWER}
    return new_attempt(request, **(given | fields))


def missed_request(**fields: object) -> CallbackRequest:
    request = new_request(state=RequestState.UNREACHABLE, **fields)
    return replace(request, attempts=(rang(request),))


def test_the_words() -> None:
    """Bokmål says exactly this."""
    at = from_local(datetime(2026, 11, 23, 13, 40))  # noqa: DTZ001 - local time
    now = from_local(datetime(2026, 11, 23, 12, 55))  # noqa: DTZ001 - local time
    assert sms("nb", *window(at, CALENDAR), now, come_through=True) == (
        "Vi prøvde å ringe deg. Vi prøver igjen i dag mellom 13 og 15."
        " Ring oss på samme nummer, så kommer du rett gjennom."
    )
    assert sms("sma", *window(at, CALENDAR), now, come_through=False) == (
        "Vi prøvde å ringe deg. Vi prøver igjen i dag mellom 13 og 15."
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_short_and_neutral(language: str) -> None:
    """On every day it is at most two SMS, and says nothing of who we are."""
    for days in (0, 1, 2, 3, 4, 5, 6, 9, 30):
        begins = MONDAY.replace(hour=12) + timedelta(days=days, minutes=30)
        text = sms(language, begins, begins + 2 * HOUR, MONDAY, come_through=True)
        assert segments(text) <= 2, (days, len(text), text)
        assert "{" not in text
        for word in ("nav", "нав", "ناف", "ናቭ", "lillevik", "sosial", "kontor"):
            assert word not in text.lower()
    today, tomorrow = (
        sms(
            language,
            MONDAY + timedelta(days=n),
            MONDAY + timedelta(days=n, hours=2),
            MONDAY,
            come_through=False,
        )
        for n in (0, 1)
    )
    assert today != tomorrow


def test_languages() -> None:
    """Every language that callers hear has words of its own."""
    assert set(Catalogue.load().languages) <= set(LANGUAGES)


def test_segments() -> None:
    """As the networks count them: 160 characters of the plain alphabet, 70 of any other, fewer when joined."""
    assert [
        segments(t) for t in ("a" * 160, "a" * 161, "ø" * 160, "ж" * 70, "ж" * 71, "ж" * 134, "ж" * 135)
    ] == [*(1, 2, 1, 1, 2, 2, 3)]


def test_window_holds_the_attempt() -> None:
    """Within phone hours, and the planned attempt lies in it: for every ten minutes of a week."""
    at = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
    for _ in range(7 * 24 * 6):
        at += timedelta(minutes=10)
        begins, ends = window(at, CALENDAR)
        planned = CALENDAR.next_opening(at)
        assert begins <= planned < ends
        assert CALENDAR.is_open(begins)
        assert ends <= (CALENDAR.closes_at(begins) or begins)
        assert to_local(begins).minute == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, True),
        ({"outcome": AttemptOutcome.BUSY}, True),
        ({"outcome": AttemptOutcome.DECLINED}, True),
        ({"outcome": AttemptOutcome.INVALID}, False),
        ({"outcome": AttemptOutcome.CANCELLED}, False),
        ({"outcome": AttemptOutcome.LINE_FAILED}, False),
        ({"outcome": AttemptOutcome.ANSWERED}, False),
        ({"ringing_at": None}, False),
        ({"inbound": True}, False),
    ],
)
def test_which_attempts(change: dict[str, object], told: bool) -> None:
    """Those that rang them in vain; not our own failures, and not one where they rang us."""
    request = new_request()
    assert tells(request, rang(request, **change)) is told


@pytest.mark.parametrize(
    "fields",
    [
        {"discreet": True},
        {"protected": True},
        {"phone": None},
        {"phone": "+4773000099"},
        {"number_source": NumberSource.KEYED},
        {"number_source": NumberSource.STAFF},
        {"reachable_until": T0 + HOUR},
    ],
)
def test_who_is_never_told(fields: dict[str, object]) -> None:
    """Discreet, protected, landline, borrowed, or not known to be theirs: neither when it is missed nor when it is sent."""
    request = missed_request()
    assert tells(request, request.attempts[0])
    notice = about_attempt(request.attempts[0], T0)
    assert not_any_more(request, notice, (), never_called=False) is None
    refused = replace(request, **fields)  # type: ignore[arg-type]
    assert not tells(refused, request.attempts[0])
    assert not_any_more(refused, notice, (), never_called=False) is not None


def test_own_number_after_a_talk() -> None:
    """A number that staff gave is theirs once we have talked there."""
    request = new_request(number_source=NumberSource.STAFF)
    talk = rang(request, outcome=AttemptOutcome.ANSWERED, connected_at=T0)
    assert tells(replace(request, attempts=(talk,)), rang(request))


def test_what_is_no_longer_true() -> None:
    """It is dropped when they were reached, rung again, never called, rang back, or have another number."""
    request = missed_request()
    notice = about_attempt(request.attempts[0], T0)

    def why(
        now: CallbackRequest, *events: str, never: bool = False, ago: timedelta = timedelta(0)
    ) -> str | None:
        ledger = [new_entry(now, event=event, at=T0 - ago) for event in events]
        return not_any_more(now, notice, ledger, never_called=never)

    assert why(request, "call_missed", "number_changed") is None
    assert why(request, "rang_back") == "rang_back"
    assert why(request, "registered_again") == "rang_back"
    assert why(request, "rang_back", ago=HOUR) is None
    assert why(request, never=True) == "never_called"
    assert why(replace(request, state=RequestState.REACHED)) == "ended"
    assert why(replace(request, state=RequestState.CALLING)) == "overtaken"
    assert why(replace(request, state=RequestState.CLAIMED)) == "overtaken"
    again = replace(request, attempts=(*request.attempts, rang(request, started_at=T0 + HOUR)))
    assert why(again) == "overtaken"
    back = rang(
        request, started_at=T0 + HOUR, inbound=True, ringing_at=None, outcome=AttemptOutcome.CANCELLED
    )
    assert why(replace(request, attempts=(*request.attempts, back))) == "rang_back"
    assert why(replace(request, phone="+4740009999")) == "other_number"


@pytest.mark.parametrize(
    ("events", "lost"),
    [
        ("notice_sent", False),
        ("notice_sent notice_undelivered", True),
        ("notice_failed call_started call_missed", True),
        ("notice_undelivered notice_sent", False),
        ("notice_undelivered notice_uncertain", False),
        ("notice_sent notice_delivered notice_sent notice_undelivered", True),
        ("notice_undelivered connected", False),
        ("notice_undelivered rang_back", False),
        ("notice_undelivered registered_again", False),
        ("notice_undelivered number_changed", False),
    ],
)
def test_an_sms_that_did_not_come(events: str, lost: bool) -> None:
    """Whoever looks at the request is told so while it is the newest we know, and they have not come to us themselves."""
    request = missed_request()
    ledger = [
        new_entry(request, event=event, details={"kind": "missed"} if event.startswith("notice_") else {})
        for event in events.split()
    ]
    assert (missed_sms(ledger) is not None) == lost
    mails = [new_entry(request, event="notice_failed", details={"kind": "step"})]
    assert (missed_sms([*ledger, *mails]) is not None) == lost


@pytest.mark.parametrize(
    ("local", "until"),
    [
        ((23, 7, 59), (23, 8, 0)),
        ((23, 8, 0), None),
        ((23, 20, 59), None),
        ((23, 21, 0), (24, 8, 0)),
        ((23, 0, 5), (23, 8, 0)),
    ],
)
def test_night(local: tuple[int, int, int], until: tuple[int, int, int] | None) -> None:
    """From 21 to 8 in Oslo nothing goes out."""
    now = from_local(datetime(2026, 11, *local))  # noqa: DTZ001 - local time
    wanted = None if until is None else from_local(datetime(2026, 11, *until))  # noqa: DTZ001 - local time
    assert morning_after(now) == wanted


def test_waits() -> None:
    """It is tried for an hour and a half, ever more seldom."""
    waits = [wait_after(tries) for tries in range(1, MOST_TRIES)]
    assert waits[:5] == [timedelta(minutes=n) for n in (1, 2, 4, 8, 15)]
    assert sum(waits, timedelta(0)) == timedelta(minutes=90)


def test_ids() -> None:
    """The same attempt, or the same step and person, is the same notice."""
    request = missed_request()
    attempt = request.attempts[0]
    assert about_attempt(attempt, T0).id == about_attempt(attempt, T0 + HOUR).id
    assert about_step(request, 90, "liv", T0).id == about_step(request, 90, "liv", T0 + HOUR).id
    assert len({about_step(request, p, who, T0).id for p in (75, 90) for who in ("liv", "ola")}) == 4


def test_mail_says_nothing_of_the_caller() -> None:
    """Reference, percent, deadline, office and where to look."""
    subject, text = mail("123456", 90, MONDAY, "Nav Lillevik", "https://tast1.example.org/requests/abc")
    assert subject == "Tast 1: 90 % av fristen er brukt, referanse 123456"
    for word in (
        "123456",
        "90 %",
        "23.11.2026 kl. 09.05",
        "Nav Lillevik",
        "https://tast1.example.org/requests/abc",
    ):
        assert word in text


def test_mobile() -> None:
    """4x and 9x in Norway; foreign ones by their own plan."""
    told = [
        is_mobile(n) for n in ("+4740001234", "+4798765432", "+4773000010", "+46701234567", "+468123456", "x")
    ]
    assert told == [True, True, False, True, False, False]
