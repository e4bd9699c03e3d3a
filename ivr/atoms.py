"""The small words that dates, times and numbers are said with, made by rule; each has an id and can be recorded.

Pure. It knows how words are spelled, never when they are said: that is phrases.py.
Without a rule here a language still works: its atoms fall back to bokmål.
"""

from __future__ import annotations

from collections.abc import Callable

MINUTES = (*range(1, 11), *range(15, 60, 5))
"""Minutes that have an atom: people say ten or fifteen minutes, not thirteen."""
MOST_HOURS = 47
MOST_DAYS = 30
CLOCK_MINUTES = tuple(range(5, 60, 5))
"""Minutes past the hour that are said in words such as "kvart over"."""


def _words(text: str, between: str | None = None) -> list[str]:
    return text.split(between)


_NB_SMALL = _words(
    "null en to tre fire fem seks sju åtte ni ti elleve tolv tretten fjorten femten seksten sytten atten nitten"
)
_NB_TENS = _words("tjue tretti førti femti seksti sytti åtti nitti")
_NB_ORDINALS = _words(
    "første andre tredje fjerde femte sjette sjuende åttende niende tiende ellevte tolvte trettende fjortende "
    "femtende sekstende syttende attende nittende tjuende"
)
_NB_MONTHS = _words("januar februar mars april mai juni juli august september oktober november desember")
_NB_WEEKDAYS = _words("mandag tirsdag onsdag torsdag fredag lørdag søndag")
_NB_CLOCK = _words(
    "fem over,ti over,kvart over,tjue over,fem på halv,halv,fem over halv,tjue på,kvart på,ti på,fem på", ","
)

_EN_SMALL = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_EN_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
_EN_ORDINALS = _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_EN_MONTHS = _words("January February March April May June July August September October November December")
_EN_WEEKDAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
_EN_CLOCK = _words(
    "five past,ten past,quarter past,twenty past,twenty-five past,half past,twenty-five to,twenty to,"
    "quarter to,ten to,five to",
    ",",
)


def atoms(language: str) -> dict[str, str]:
    """Prompt id -> words, for a language that has rules here; else nothing."""
    make = _MAKERS.get(language)
    return make() if make else {}


def _nb_number(number: int) -> str:
    if number < 20:
        return _NB_SMALL[number]
    tens, ones = divmod(number, 10)
    return _NB_TENS[tens - 2] + (_NB_SMALL[ones] if ones else "")


def _en_number(number: int) -> str:
    if number < 20:
        return _EN_SMALL[number]
    tens, ones = divmod(number, 10)
    return _EN_TENS[tens - 2] + (f"-{_EN_SMALL[ones]}" if ones else "")


def _nb_ordinal(number: int) -> str:
    if number <= 20:
        return _NB_ORDINALS[number - 1]
    return "trettiende" if number == 30 else _nb_number(number // 10 * 10) + _NB_ORDINALS[number % 10 - 1]


def _en_ordinal(number: int) -> str:
    if number <= 20:
        return _EN_ORDINALS[number - 1]
    if number == 30:
        return "thirtieth"
    return f"{_en_number(number // 10 * 10)}-{_EN_ORDINALS[number % 10 - 1]}"


def _numbered(group: str, words: list[str], start: int = 1) -> dict[str, str]:
    return {f"{group}.{place}": word for place, word in enumerate(words, start)}


def _counted(group: str, numbers: range | tuple[int, ...], say: Callable[[int], str]) -> dict[str, str]:
    return {f"{group}.{number}": say(number) for number in numbers}


def _pairs(number: Callable[[int], str]) -> dict[str, str]:
    zero = number(0)
    return {
        f"number.{pair:02}": f"{zero} {number(pair)}" if pair < 10 else number(pair) for pair in range(100)
    }


def _clock(words: list[str]) -> dict[str, str]:
    return {f"clock.{minute:02}": word for minute, word in zip(CLOCK_MINUTES, words, strict=True)}


def _nb() -> dict[str, str]:
    hours_on_the_clock = [_nb_number(hour) if hour != 1 else "ett" for hour in range(24)]
    return {
        **_counted("digit", range(10), _nb_number),
        **_pairs(_nb_number),
        **_numbered("weekday", _NB_WEEKDAYS),
        **_counted("date", range(1, 32), _nb_ordinal),
        **_numbered("month", _NB_MONTHS),
        **_counted("minutes", MINUTES, lambda n: "ett minutt" if n == 1 else f"{_nb_number(n)} minutter"),
        **_counted(
            "hours", range(1, MOST_HOURS + 1), lambda n: "én time" if n == 1 else f"{_nb_number(n)} timer"
        ),
        "hours.one_and_half": "halvannen time",
        **_counted("days", range(2, MOST_DAYS + 1), lambda n: f"{_nb_number(n)} dager"),
        "days.more": "mer enn en måned",
        **_numbered("hour", hours_on_the_clock, start=0),
        **_clock(_NB_CLOCK),
        "time.at": "klokka",
        "time.between": "mellom klokka",
        "time.and": "og",
        "time.oclock": "klokka",  # only said in languages that say it after the hour
        "time.minute": "minutt",  # only said in languages that need it before the minutes
        "time.night": "om natta",
        "time.morning": "om morgenen",
        "time.evening": "om kvelden",
        "day.yesterday": "i går",
        "day.today": "i dag",
        "day.tomorrow": "i morgen",
    }


def _en() -> dict[str, str]:
    return {
        **_counted("digit", range(10), _en_number),
        **_pairs(_en_number),
        **_numbered("weekday", _EN_WEEKDAYS),
        **_counted("date", range(1, 32), lambda n: f"the {_en_ordinal(n)}"),
        **_numbered("month", [f"of {month}" for month in _EN_MONTHS]),
        **_counted("minutes", MINUTES, lambda n: "one minute" if n == 1 else f"{_en_number(n)} minutes"),
        **_counted(
            "hours", range(1, MOST_HOURS + 1), lambda n: "one hour" if n == 1 else f"{_en_number(n)} hours"
        ),
        "hours.one_and_half": "an hour and a half",
        **_counted("days", range(2, MOST_DAYS + 1), lambda n: f"{_en_number(n)} days"),
        "days.more": "more than a month",
        **_numbered("hour", [_en_number(hour) for hour in range(24)], start=0),
        **_clock(_EN_CLOCK),
        "time.at": "at",
        "time.between": "between",
        "time.and": "and",
        "time.oclock": "o'clock",
        "time.minute": "minute",
        "time.night": "at night",
        "time.morning": "in the morning",
        "time.evening": "in the evening",
        "day.yesterday": "yesterday",
        "day.today": "today",
        "day.tomorrow": "tomorrow",
    }


_MAKERS: dict[str, Callable[[], dict[str, str]]] = {"nb": _nb, "en": _en}
