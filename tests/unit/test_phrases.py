"""Dates, times, numbers and durations said as people say them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from config.model import VoiceSpeed
from ivr.phrases import (
    about_items,
    clock_items,
    date_items,
    duration_items,
    phone_items,
    reference_items,
    when_items,
    window_items,
)
from ivr.prompts import NOT_REVIEWED, Catalogue, spoken_tag
from scheduler.clock import from_local

CATALOGUE = Catalogue.load()
LANGUAGES = CATALOGUE.languages
YEARS = (2026, 2027, 2028)
"""The last of them is a leap year."""


def said(items: tuple[str, ...]) -> str:
    return " ".join(CATALOGUE.text(item) for item in items)


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return from_local(datetime(year, month, day, hour, minute))  # noqa: DTZ001 - the office's wall clock


@pytest.mark.parametrize(
    ("day", "nb", "en"),
    [
        (date(2026, 11, 25), "onsdag tjuefemte november", "Wednesday the twenty-fifth of November"),
        (date(2026, 12, 28), "mandag tjueåttende desember", "Monday the twenty-eighth of December"),
        (date(2027, 5, 19), "onsdag nittende mai", "Wednesday the nineteenth of May"),
        (date(2026, 3, 31), "tirsdag trettiførste mars", "Tuesday the thirty-first of March"),
        (date(2026, 8, 30), "søndag trettiende august", "Sunday the thirtieth of August"),
        (date(2027, 1, 1), "fredag første januar", "Friday the first of January"),
        (date(2028, 2, 29), "tirsdag tjueniende februar", "Tuesday the twenty-ninth of February"),
        (date(2026, 2, 2), "mandag andre februar", "Monday the second of February"),
        (date(2026, 4, 3), "fredag tredje april", "Friday the third of April"),
        (date(2026, 6, 4), "torsdag fjerde juni", "Thursday the fourth of June"),
        (date(2026, 7, 5), "søndag femte juli", "Sunday the fifth of July"),
        (date(2026, 9, 12), "lørdag tolvte september", "Saturday the twelfth of September"),
        (date(2026, 10, 13), "tirsdag trettende oktober", "Tuesday the thirteenth of October"),
        (date(2027, 5, 17), "mandag syttende mai", "Monday the seventeenth of May"),
        (date(2027, 12, 20), "mandag tjuende desember", "Monday the twentieth of December"),
        (date(2028, 1, 21), "fredag tjueførste januar", "Friday the twenty-first of January"),
        (date(2028, 12, 11), "mandag ellevte desember", "Monday the eleventh of December"),
    ],
)
def test_dates(day: date, nb: str, en: str) -> None:
    """A date is its weekday, day and month, without the year."""
    assert said(date_items(day, "nb")) == nb
    assert said(date_items(day, "en")) == en


def days_of(year: int) -> list[date]:
    return [date(year, 1, 1) + timedelta(days=n) for n in range(366 if year == 2028 else 365)]


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_day_of_a_year_can_be_said_and_told_apart(language: str, year: int) -> None:
    """Each date is said in the language itself, and no two dates of a year sound the same."""
    days = days_of(year)
    own = set(CATALOGUE.all_items(language))
    assert days[-1] == date(year, 12, 31)
    assert all(own.issuperset(date_items(day, language)) for day in days)
    assert len({said(date_items(day, language)) for day in days}) == len(days)


@pytest.mark.parametrize(
    ("hour", "minute", "nb", "en"),
    [
        (10, 0, "klokka ti", "at ten"),
        (14, 30, "klokka halv tre", "at half past two"),
        (15, 10, "klokka ti over tre", "at ten past three"),
        (10, 15, "klokka kvart over ti", "at quarter past ten"),
        (9, 20, "klokka tjue over ni", "at twenty past nine"),
        (9, 25, "klokka fem på halv ti", "at twenty-five past nine"),
        (9, 35, "klokka fem over halv ti", "at twenty-five to ten"),
        (11, 40, "klokka tjue på tolv", "at twenty to twelve"),
        (12, 45, "klokka kvart på ett", "at quarter to one"),
        (12, 0, "klokka tolv", "at twelve"),
        (12, 30, "klokka halv ett", "at half past twelve"),
        (13, 0, "klokka ett", "at one"),
        (10, 23, "klokka ti tjuetre", "at ten twenty-three"),
        (15, 3, "klokka femten null tre", "at fifteen zero three"),
        (18, 0, "klokka seks om kvelden", "at six in the evening"),
        (23, 55, "klokka fem på tolv om kvelden", "at five to twelve in the evening"),
        (0, 0, "klokka tolv om natta", "at twelve at night"),
        (5, 30, "klokka halv seks om morgenen", "at half past five in the morning"),
        (3, 40, "klokka tjue på fire om natta", "at twenty to four at night"),
        (6, 0, "klokka seks", "at six"),
        (8, 5, "klokka fem over åtte", "at five past eight"),
        (8, 1, "klokka åtte null en", "at eight zero one"),
        (11, 50, "klokka ti på tolv", "at ten to twelve"),
        (13, 25, "klokka fem på halv to", "at twenty-five past one"),
        (17, 59, "klokka sytten femtini", "at seventeen fifty-nine"),
        (0, 41, "klokka null førtien", "at zero forty-one"),
    ],
)
def test_clock_times(hour: int, minute: int, nb: str, en: str) -> None:
    """A time of day is said as people say it, in the office's own time."""
    at = local(2026, 11, 25, hour, minute)
    assert said(clock_items(at, "nb")) == nb
    assert said(clock_items(at, "en")) == en


@pytest.mark.parametrize("language", sorted(NOT_REVIEWED))
def test_clock_times_in_the_other_languages(language: str) -> None:
    """They say every time as a digital clock shows it: the hour, 0 to 23, and the minutes unless there are none."""
    for n in range(1440):
        hour, minute = divmod(n, 60)
        word = ["time.minute"] if language == "ar" else []
        minutes = [*word, f"number.{minute:02}"] if minute else []
        ids = ["time.at", f"hour.{hour}", *minutes]
        for tag in (language, f"{language}.slow"):
            assert clock_items(local(2026, 11, 25, hour, minute), tag) == tuple(f"{tag}/{i}" for i in ids)


@pytest.mark.parametrize(
    ("language", "at", "window"),
    [
        (
            "uk",
            "час: чотирнадцята година тридцять",
            "сьогодні початок: десята година кінець: чотирнадцята година тридцять",
        ),
        (
            "ru",
            "время: четырнадцать часов тридцать",
            "сегодня начало: десять часов конец: четырнадцать часов тридцать",
        ),
        (
            "pl",
            "o godzinie czternastej trzydzieści",
            "dzisiaj od godziny dziesiątej do godziny czternastej trzydzieści",
        ),
        (
            "ar",
            "في الساعة الرابعة عشرة والدقيقة ثلاثون",
            "اليوم من الساعة العاشرة إلى الساعة الرابعة عشرة والدقيقة ثلاثون",
        ),
        ("ti", "ብግዜ ኖርወይ ሰዓት ዓሰርተ ኣርባዕተ ሰላሳ", "ሎሚ ብግዜ ኖርወይ ካብ ሰዓት ዓሰርተ ክሳብ ሰዓት ዓሰርተ ኣርባዕተ ሰላሳ"),
        (
            "so",
            "marka ay saacaddu tahay afar iyo tobanka soddon",
            "maanta laga bilaabo saacadda tobanka ilaa saacadda afar iyo tobanka soddon",
        ),
    ],
)
def test_times_and_windows_in_words(language: str, at: str, window: str) -> None:
    """A time and a window as they are heard; the words around the hour leave it in the form it has."""
    ten, half_past_two = local(*MONDAY, 10), local(*MONDAY, 14, 30)
    assert said(clock_items(half_past_two, language)) == at
    assert said(window_items(ten, half_past_two, ten, language)) == window


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_time_of_day_can_be_said_and_told_apart(language: str) -> None:
    """Each of the 1440 times is said in the language itself, and no two sound the same."""
    times = [local(2026, 11, 25) + timedelta(minutes=n) for n in range(1440)]
    own = set(CATALOGUE.all_items(language))
    assert all(own.issuperset(clock_items(at, language)) for at in times)
    assert len({said(clock_items(at, language)) for at in times}) == 1440


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_moment_can_be_said_and_told_apart(language: str, year: int) -> None:
    """Any day of a year at nine, and any minute of today, is said in the language itself and like no other."""
    now = local(year, 6, 15, 12)
    own = set(CATALOGUE.all_items(language))
    moments = [local(day.year, day.month, day.day, 9) for day in days_of(year)]
    moments += [local(year, 6, 15) + timedelta(minutes=n) for n in range(1440) if n != 540]
    assert all(own.issuperset(when_items(at, now, language)) for at in moments)
    assert len({said(when_items(at, now, language)) for at in moments}) == len(moments)


def test_times_follow_summer_time() -> None:
    """The same UTC hour is an hour later on the wall in summer."""
    assert said(clock_items(datetime(2026, 7, 1, 8, tzinfo=UTC), "nb")) == "klokka ti"
    assert said(clock_items(datetime(2026, 12, 1, 8, tzinfo=UTC), "nb")) == "klokka ni"


def test_a_naive_time_is_refused() -> None:
    """A time without a time zone is an error, not a guess."""
    with pytest.raises(ValueError, match="naive"):
        clock_items(datetime(2026, 11, 25, 10), "nb")  # noqa: DTZ001


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (local(2026, 11, 23, 10, 15), "i dag klokka kvart over ti"),
        (local(2026, 11, 24, 9, 0), "i morgen klokka ni"),
        (local(2026, 11, 22, 14, 30), "i går klokka halv tre"),
        (local(2026, 11, 25, 14, 30), "onsdag tjuefemte november klokka halv tre"),
    ],
)
def test_a_moment_is_said_from_where_we_are(at: datetime, expected: str) -> None:
    """Today, tomorrow and yesterday have their own words; other days are dates."""
    assert said(when_items(at, local(2026, 11, 23, 23, 30), "nb")) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (local(2026, 11, 23, 10, 15), "today at quarter past ten"),
        (local(2026, 11, 24, 9, 0), "tomorrow at nine"),
        (local(2026, 11, 22, 14, 30), "yesterday at half past two"),
        (local(2026, 11, 25, 14, 30), "Wednesday the twenty-fifth of November at half past two"),
    ],
)
def test_a_moment_in_english(at: datetime, expected: str) -> None:
    """English has the same words for near days: "tomorrow at nine" also says when an office opens."""
    assert said(when_items(at, local(2026, 11, 23, 23, 30), "en")) == expected


MONDAY = (2026, 11, 23)


@pytest.mark.parametrize(
    ("begin", "end", "nb", "en"),
    [
        (
            (*MONDAY, 13, 0),
            (*MONDAY, 15, 0),
            "i dag mellom klokka ett og tre",
            "today between one and three o'clock",
        ),
        (
            (*MONDAY, 12, 45),
            (*MONDAY, 14, 30),
            "i dag mellom klokka kvart på ett og halv tre",
            "today between quarter to one and half past two",
        ),
        (
            (2026, 11, 24, 9, 30),
            (2026, 11, 24, 11, 0),
            "i morgen mellom klokka halv ti og elleve",
            "tomorrow between half past nine and eleven o'clock",
        ),
        (
            (2026, 11, 25, 8, 0),
            (2026, 11, 25, 11, 0),
            "onsdag tjuefemte november mellom klokka åtte og elleve",
            "Wednesday the twenty-fifth of November between eight and eleven o'clock",
        ),
        (
            (*MONDAY, 13, 7),
            (*MONDAY, 15, 23),
            "i dag mellom klokka tretten null sju og femten tjuetre",
            "today between thirteen zero seven and fifteen twenty-three",
        ),
        (
            (*MONDAY, 17, 0),
            (*MONDAY, 19, 0),
            "i dag mellom klokka fem og sju om kvelden",
            "today between five and seven in the evening",
        ),
        (
            (2026, 11, 22, 9, 0),
            (2026, 11, 22, 9, 25),
            "i går mellom klokka ni og fem på halv ti",
            "yesterday between nine and twenty-five past nine",
        ),
    ],
)
def test_windows(begin: tuple[int, ...], end: tuple[int, ...], nb: str, en: str) -> None:
    """A stretch of a day is its day and its two times, with the word for the clock once."""
    now = local(2026, 11, 23, 8)
    assert said(window_items(local(*begin), local(*end), now, "nb")) == nb
    assert said(window_items(local(*begin), local(*end), now, "en")) == en


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_window_can_be_said_and_told_apart(language: str) -> None:
    """All windows of a day by quarters, and those that begin or end at any minute, sound different."""
    start = local(*MONDAY)
    minutes = [(b, e) for b in range(0, 1440, 15) for e in range(b + 15, 1440, 15)]
    minutes += [(n, 1439) for n in range(1439) if n % 15] + [(0, n) for n in range(1, 1439) if n % 15]
    own = set(CATALOGUE.all_items(language))
    windows = {
        window_items(start + timedelta(minutes=b), start + timedelta(minutes=e), start, language)
        for b, e in minutes
    }
    assert own.issuperset(item for window in windows for item in window)
    assert len({said(window) for window in windows}) == len(minutes)


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_windows_of_every_day_can_be_told_apart(language: str, year: int) -> None:
    """The same hours of any two days of a year sound different."""
    now = local(year, 6, 15, 12)
    starts = [local(day.year, day.month, day.day, 13) for day in days_of(year)]
    windows = [window_items(at, at + timedelta(hours=2), now, language) for at in starts]
    assert set(CATALOGUE.all_items(language)).issuperset(item for window in windows for item in window)
    assert len({said(window) for window in windows}) == len(starts)


@pytest.mark.parametrize("hours", [-1, 0, 24])
def test_a_window_lies_within_one_day(hours: int) -> None:
    """An end that is not later the same day is refused."""
    begin = local(*MONDAY, 13)
    with pytest.raises(ValueError, match="same day"):
        window_items(begin, begin + timedelta(hours=hours), begin, "nb")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_slowly_is_the_same_words(language: str) -> None:
    """A slow tag gives the same phrases word for word, as items of its own."""
    slow = spoken_tag(language, VoiceSpeed.SLOW)
    now = local(*MONDAY, 8)
    for n in range(0, 1435, 5):
        at = local(*MONDAY) + timedelta(minutes=n)
        items = window_items(at, at + timedelta(minutes=4), now, slow) + when_items(at, now, slow)
        assert {item.partition("/")[0] for item in items} == {slow}
        assert [item.replace(slow, language, 1) for item in items] == [
            *window_items(at, at + timedelta(minutes=4), now, language),
            *when_items(at, now, language),
        ]
        assert said(items) == said(tuple(item.replace(slow, language, 1) for item in items))


def test_today_is_the_office_s_today() -> None:
    """Just after midnight in Oslo it is a new day, though not yet in UTC."""
    now = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    assert said(when_items(local(2026, 7, 1, 9), now, "nb")) == "i dag klokka ni"


@pytest.mark.parametrize(
    ("span", "nb", "en"),
    [
        (timedelta(seconds=-5), "mindre enn ett minutt", "less than a minute"),
        (timedelta(seconds=59), "mindre enn ett minutt", "less than a minute"),
        (timedelta(minutes=1), "ett minutt", "one minute"),
        (timedelta(minutes=9, seconds=29), "ni minutter", "nine minutes"),
        (timedelta(minutes=12), "ti minutter", "ten minutes"),
        (timedelta(minutes=22), "tjue minutter", "twenty minutes"),
        (timedelta(minutes=57), "femtifem minutter", "fifty-five minutes"),
        (timedelta(minutes=58), "én time", "one hour"),
        (timedelta(minutes=74), "én time", "one hour"),
        (timedelta(minutes=75), "halvannen time", "an hour and a half"),
        (timedelta(minutes=105), "to timer", "two hours"),
        (timedelta(hours=5), "fem timer", "five hours"),
        (timedelta(hours=21, minutes=10), "tjueen timer", "twenty-one hours"),
        (timedelta(hours=47), "førtisju timer", "forty-seven hours"),
        (timedelta(hours=48), "to dager", "two days"),
        (timedelta(days=3, hours=11), "tre dager", "three days"),
        (timedelta(days=90), "mer enn en måned", "more than a month"),
    ],
)
def test_durations(span: timedelta, nb: str, en: str) -> None:
    """A duration is rounded and said as a person would."""
    assert said(duration_items(span, "nb")) == nb
    assert said(duration_items(span, "en")) == en


@pytest.mark.parametrize("language", sorted(NOT_REVIEWED))
def test_durations_fall_back(language: str) -> None:
    """How long is only whispered to caseworkers: the callers' languages have no words for it, and bokmål says it all."""
    spans = [timedelta(minutes=20 * n) for n in range(3 * 24 * 60)]
    assert {
        CATALOGUE.resolve(*item.split("/")) for span in spans for item in duration_items(span, language)
    } == {item for span in spans for item in duration_items(span, "nb")}


@pytest.mark.parametrize("language", ["nb", "en"])
def test_every_duration_up_to_two_months_can_be_said(language: str) -> None:
    """There is a prompt in the language for any waiting time, to the quarter of a minute on the first day."""
    own = set(CATALOGUE.all_items(language))
    spans = [timedelta(seconds=15 * n) for n in range(4 * 1440)]
    spans += [timedelta(minutes=20 * n) for n in range(3 * 24 * 60)]
    assert all(own.issuperset(duration_items(span, language)) for span in spans)


@pytest.mark.parametrize(
    ("phone", "nb"),
    [
        ("+4740000001", "førti null null null null null en"),
        ("+4791234567", "nittien tjuetre førtifem sekstisju"),
        ("+4722070912", "tjueto null sju null ni tolv"),
        ("+46701234567", "landkode fire seks sju null en to tre fire fem seks sju"),
        ("+3584012", "landkode tre fem åtte fire null en to"),
        ("+4702345", "null to tre fire fem"),
        ("201", "to null en"),
    ],
)
def test_phone_numbers(phone: str, nb: str) -> None:
    """Norwegian numbers are said in pairs, foreign ones digit by digit after their country code."""
    assert said(phone_items(phone, "nb")) == nb


def test_phone_number_in_english() -> None:
    """English has the same pairs."""
    assert said(phone_items("+4740050121", "en")) == "forty zero five zero one twenty-one"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_pair_can_be_said_and_told_apart(language: str) -> None:
    """All hundred pairs are said in the language itself and differently."""
    pairs = [phone_items(f"+479000{pair:02}00", language) for pair in range(100)]
    assert set(CATALOGUE.all_items(language)).issuperset(item for items in pairs for item in items)
    assert len({said(items) for items in pairs}) == 100


@pytest.mark.parametrize("phone", ["", "+", "anonymous", "+47 40000001", "+47400000O1", "٤٠"])
def test_what_is_no_phone_number_is_refused(phone: str) -> None:
    """Only digits are read aloud."""
    with pytest.raises(ValueError, match="digits"):
        phone_items(phone, "nb")


def test_references_are_said_digit_by_digit() -> None:
    """A reference is read one digit at a time."""
    assert said(reference_items("240761", "nb")) == "to fire null sju seks en"
    with pytest.raises(ValueError, match="digits"):
        reference_items("24-61", "nb")


@pytest.mark.parametrize(
    ("reason", "urgent", "said"),
    [
        ("no_food", True, ("nb/whisper.urgent", "nb/reason.no_food")),
        ("unspecified", True, ("nb/whisper.urgent",)),
        ("unspecified", False, ("nb/reason.unspecified",)),
    ],
)
def test_no_reason_is_made_up(reason: str, urgent: bool, said: tuple[str, ...]) -> None:
    """A caseworker hears that it is urgent, and why only where somebody said why."""
    assert about_items(reason, "nb", urgent=urgent) == said
