"""Dates, times, numbers and durations as the prompts that say them, the way people say them.

Pure: no clock of its own. It never speaks a year or a second, and never rounds a time of day.
Every function gives items (`language/prompt_id`) to be played one after another; its `language` may be a tag (`nb.slow`).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import phonenumbers

from ivr.atoms import MOST_DAYS, MOST_HOURS
from ivr.prompts import bare_language
from scheduler.clock import aware_utc, to_local

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_NORWAY = "+47"
_HALF_PAST = frozenset({"en"})
"""Languages where half an hour is counted from the hour gone by; bokmål counts towards the next."""
_DIGITAL = frozenset({"ar", "pl", "ru", "so", "ti", "uk"})
"""Languages that say every time as a digital clock shows it: the hour, 0 to 23, and the minutes if there are any."""
_NAMES_MINUTES = frozenset({"ar"})
"""Digital ones that need a word before the minutes: in Arabic, "eight, ten" is the word for eighteen."""
_OCLOCK = frozenset({"en"})
"""Languages that say the word for a full hour after it, once, at the end of a window."""


def _items(language: str, *ids: str) -> tuple[str, ...]:
    return tuple(f"{language}/{prompt_id}" for prompt_id in ids)


def _digits(text: str) -> tuple[str, ...]:
    return tuple(f"digit.{digit}" for digit in text)


def date_items(day: date, language: str) -> tuple[str, ...]:
    """Such as "onsdag tjuefemte november" or "Wednesday the twenty-fifth of November"."""
    return _items(language, f"weekday.{day.isoweekday()}", f"date.{day.day}", f"month.{day.month}")


def phone_items(phone: str, language: str) -> tuple[str, ...]:
    """Norwegian eight-digit numbers in pairs, others digit by digit, foreign ones after their country code.

    `phone` is E.164, or a bare run of digits for an extension; anything else raises ValueError."""
    if not phone.removeprefix("+").isdecimal() or not phone.isascii():
        raise ValueError("not a telephone number: only digits, with or without a leading +")
    if not phone.startswith("+"):
        return _items(language, *_digits(phone))
    if phone.startswith(_NORWAY):
        national = phone.removeprefix(_NORWAY)
        if len(national) != 8:
            return _items(language, *_digits(national))
        return _items(language, *(f"number.{national[at : at + 2]}" for at in range(0, 8, 2)))
    country = _country_code(phone)
    national = phone[1 + len(country) :]
    lead = ("phone.country_code", *_digits(country)) if country else ()
    return _items(language, *lead, *_digits(national))


def _country_code(phone: str) -> str:
    try:
        return str(phonenumbers.parse(phone, None).country_code)
    except phonenumbers.NumberParseException:
        return ""


def reference_items(reference: str, language: str) -> tuple[str, ...]:
    """A reference code digit by digit, the surest way to write it down right."""
    if not reference.isdecimal() or not reference.isascii():
        raise ValueError("a reference is digits only")
    return _items(language, *_digits(reference))


def duration_items(span: timedelta, language: str) -> tuple[str, ...]:
    """From "mindre enn ett minutt" through "ett minutt", "tjue minutter", "halvannen time" and "fem timer" to "tre dager".

    Rounded as a person would: to five minutes from ten, to hours from one, to days from two."""
    return _items(language, _duration_id(span))


def _duration_id(span: timedelta) -> str:
    if span < _MINUTE:
        return "whisper.less_than_minute"
    minutes = _nearest(span, _MINUTE)
    if minutes > 10:
        minutes = 5 * _nearest(span, 5 * _MINUTE)
    if minutes < 60:
        return f"minutes.{minutes}"
    if timedelta(minutes=75) <= span < timedelta(minutes=105):
        return "hours.one_and_half"
    hours = _nearest(span, _HOUR)
    if hours <= MOST_HOURS:
        return f"hours.{hours}"
    days = _nearest(span, _DAY)
    return f"days.{days}" if days <= MOST_DAYS else "days.more"


def _nearest(span: timedelta, unit: timedelta) -> int:
    """How many units, halves rounded up."""
    return (2 * span + unit) // (2 * unit)


_WAITS = {2: "under_2", 5: "about_5", 10: "about_10", 15: "about_15", 20: "about_20", 30: "about_30"}
"""Minutes, and what is said up to there: rough, and rather too long than too short."""


def wait_items(expected: timedelta, language: str) -> tuple[str, ...]:
    """How long somebody must expect to wait, from under two minutes to more than half an hour."""
    said = next((name for most, name in _WAITS.items() if expected <= most * _MINUTE), "over_30")
    return _items(language, f"wait.{said}")


def place_items(place: int, language: str) -> tuple[str, ...]:
    """Their place in the queue, from 1: "du er den neste i køen", "du er nummer tolv i køen"."""
    if place == 1:
        return _items(language, "wait.next")
    number = [f"number.{place}"] if 10 <= place <= 99 else _digits(str(place))
    return _items(language, "wait.place", *number, "wait.in_queue")


def clock_items(at: datetime, language: str) -> tuple[str, ...]:
    """The office's local time: "klokka ti", "klokka halv tre", "klokka ti over tre", "klokka ti tjuetre".

    Every five minutes is said in words, other minutes as a digital clock shows them, and in many languages all of
    them. Times in words outside 06-18 say which part of the day they mean, so that no two times of a day sound alike."""
    return _items(language, "time.at", *_clock_ids(at, language))


def _clock_ids(at: datetime, language: str) -> list[str]:
    """A time of day without the word before it."""
    local = to_local(at)
    hour, minute = local.hour, local.minute
    if bare_language(language) in _DIGITAL:
        before = ["time.minute"] if bare_language(language) in _NAMES_MINUTES else []
        return [f"hour.{hour}", *before, f"number.{minute:02}"] if minute else [f"hour.{hour}"]
    if minute % 5:
        return [f"hour.{hour}", f"number.{minute:02}"]
    names_next_hour = minute > 30 or (minute >= 25 and bare_language(language) not in _HALF_PAST)
    ids = [f"clock.{minute:02}"] if minute else []
    ids.append(f"hour.{(hour + names_next_hour) % 12 or 12}")
    part = _day_part(hour)
    return [*ids, part] if part else ids


def _day_part(hour: int) -> str | None:
    if hour < 4:
        return "time.night"
    if hour < 6:
        return "time.morning"
    return "time.evening" if hour >= 18 else None


def when_items(at: datetime, now: datetime, language: str) -> tuple[str, ...]:
    """Such as "i dag klokka kvart over ti", "i morgen klokka ni", "onsdag tjuefemte november klokka halv tre"."""
    return _day_items(at, now, language) + clock_items(at, language)


def window_items(begin: datetime, end: datetime, now: datetime, language: str) -> tuple[str, ...]:
    """Such as "i dag mellom klokka ett og tre" or "today between one and three o'clock".

    Raises ValueError unless the window ends later on the same local day."""
    if to_local(begin).date() != to_local(end).date() or begin >= end:
        raise ValueError(f"a window ends later the same day, not {begin} to {end}")
    last = _clock_ids(end, language)
    if bare_language(language) in _OCLOCK and len(last) == 1:  # a full hour, and no part of the day after it
        last.append("time.oclock")
    between = _items(language, "time.between", *_clock_ids(begin, language), "time.and", *last)
    return _day_items(begin, now, language) + between


def _day_items(at: datetime, now: datetime, language: str) -> tuple[str, ...]:
    day = to_local(at).date()
    near = {-1: "day.yesterday", 0: "day.today", 1: "day.tomorrow"}.get(
        (day - to_local(aware_utc(now)).date()).days
    )
    return _items(language, near) if near else date_items(day, language)


def about_items(reason: str, language: str, *, urgent: bool) -> tuple[str, ...]:
    """For a caseworker: whether it is urgent, and what it is about. Of whoever said only that it is urgent, no more
    than that. `reason` is a `callback.request.Reason`."""
    said = () if urgent and reason == "unspecified" else (f"reason.{reason}",)
    return _items(language, *(["whisper.urgent"] if urgent else []), *said)
