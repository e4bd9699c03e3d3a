"""The prompts of the languages that no native speaker has reviewed yet: complete for callers, same keys as bokmål."""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime, timedelta
from importlib import resources

import pytest

from ivr.phrases import clock_items, date_items, phone_items, reference_items, when_items, window_items
from ivr.prompts import BASE_LANGUAGE, NOT_REVIEWED, Catalogue, is_music
from scheduler.clock import OSLO

CATALOGUE = Catalogue.load()
LANGUAGES = sorted(NOT_REVIEWED)
FOR_CASEWORKERS = (
    *("whisper.", "reason.", "closing.", "consult.", "duty.", "notes.", "minutes.", "hours.", "days."),
)
"""Said in the office's own language; lengths of time are only ever whispered."""
FIVE_MINUTES = {f"clock.{minute:02}" for minute in range(5, 60, 5)}
"""These languages say a time as a digital clock shows it, without words such as "quarter past"."""
LEFT_OUT = {"intake.other_languages", "intake.language_so", "intake.language_sma"} | FIVE_MINUTES
"""The menu says the first in English, to callers whose language it does not know yet, and the two others in bokmål."""
ALIKE = {("pl", "digit.0")}
""""Zero" and the like: (language, id) of words that may be spelled as in bokmål."""
SCRIPT = {
    "ar": r"[\u0600-\u06ff]",
    "ru": r"[а-яёА-ЯЁ]",
    "ti": r"[\u1200-\u137f]",
    "uk": r"[а-щьюяєіїґА-ЩЬЮЯЄІЇҐ]",
    "pl": r"[a-ząćęłńóśźż]",
    "so": r"[a-z]",
}

for_callers = [i for i in CATALOGUE.ids if not i.startswith(FOR_CASEWORKERS) and not is_music(i)]
sentences = [
    i for i in for_callers if i.startswith(("intake.", "wait.", "number.refused.", "phone.", "screen."))
]


def keys(text: str) -> list[str]:
    return sorted(re.findall(r"[0-9]", text))


def test_there_are_six() -> None:
    """Each language that waits for review ships with texts; bokmål and English do not wait."""
    assert set(LANGUAGES) == {"ar", "pl", "ru", "so", "ti", "uk"} == set(SCRIPT)
    assert set(LANGUAGES) <= set(CATALOGUE.languages)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_file_loads_and_says_that_it_waits_for_review(language: str) -> None:
    """It is TOML, and whoever opens it is told first how far to trust it."""
    text = resources.files("ivr").joinpath("texts", f"{language}.toml").read_text("utf-8")
    assert tomllib.loads(text)
    assert "NOT REVIEWED BY A NATIVE SPEAKER" in text.split("[", 1)[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_callers_hear_no_bokmal(language: str) -> None:
    """Nothing a caller hears falls back, and nothing is misspelled."""
    assert CATALOGUE.stray(language) == ()
    assert set(CATALOGUE.missing(language)).intersection(for_callers) == LEFT_OUT


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("prompt_id", [i for i in sentences if i not in LEFT_OUT])
def test_the_same_keys_are_named(language: str, prompt_id: str) -> None:
    """Each sentence names the keys (and 113) of the bokmål one, in ASCII digits, in as many sentences with a key."""
    own, bokmal = CATALOGUE.text(f"{language}/{prompt_id}"), CATALOGUE.text(f"{BASE_LANGUAGE}/{prompt_id}")
    assert keys(own) == keys(bokmal)
    assert re.findall(r"[0-9]+", own) == re.findall(r"[0-9]+", bokmal), "the choices keep their order"
    assert not re.search(r"[^\D0-9]", own), "only ASCII digits can be spoken"
    assert (own[-1] in ".?:") == (bokmal[-1] in ".?:") or own[-1] == ":", "it ends as a sentence or leads on"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_in_its_own_language(language: str) -> None:
    """No text is empty, left in Norwegian or English, or in another script."""
    for item in CATALOGUE.all_items(language):
        prompt_id, text = item.partition("/")[2], CATALOGUE.text(item)
        assert re.search(SCRIPT[language], text), item
        if SCRIPT[language] not in (SCRIPT["pl"], SCRIPT["so"]):
            assert not re.search(r"[A-Za-zÆØÅæøå]", text), item
        if (language, prompt_id) not in ALIKE:
            assert text != CATALOGUE.text(f"{BASE_LANGUAGE}/{prompt_id}"), item
            assert text != CATALOGUE.text(f"en/{prompt_id}") or prompt_id.startswith(("digit.", "number.")), (
                item
            )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "group", ["digit.", "number.", "weekday.", "month.", "date.", "hour.", "time.", "day."]
)
def test_no_two_small_words_sound_alike(language: str, group: str) -> None:
    """Two numbers, days or times are never said with the same words."""
    said = {
        i: CATALOGUE.text(f"{language}/{i}")
        for i in for_callers
        if i.startswith(group) and "refused" not in i
    }
    assert said
    assert len(set(said.values())) == len(said)


@pytest.mark.parametrize("language", LANGUAGES)
def test_dates_times_and_numbers_are_said_without_bokmal(language: str) -> None:
    """Every date, number, reference and minute of a day is put together from the language's own words."""
    now = datetime(2026, 11, 24, 9, tzinfo=OSLO)
    items = [
        *(i for day in range(366) for i in date_items(date(2028, 1, 1) + timedelta(day), language)),
        *phone_items("+4722334455", language),
        *phone_items("+46812345678", language),
        *reference_items("0123456789", language),
        *(i for minute in range(1440) for i in clock_items(now + timedelta(minutes=minute), language)),
        *(i for days in (-2, -1, 0, 1) for i in when_items(now + timedelta(days), now, language)),
        *(
            i
            for hours in range(14)
            for i in window_items(now, now + timedelta(hours=hours, minutes=5), now, language)
        ),
    ]
    assert {i for i in items if CATALOGUE.resolve(*i.split("/")) != i} == set()


@pytest.mark.parametrize(
    ("language", "number", "said"),
    [
        ("uk", "42", "сорок два"),
        ("uk", "01", "нуль один"),
        ("ru", "19", "девятнадцать"),
        ("pl", "90", "dziewięćdziesiąt"),
        ("ar", "12", "اثنا عشر"),
        ("ar", "25", "خمسة وعشرون"),
        ("ti", "47", "ኣርብዓን ሸውዓተን"),
        ("so", "47", "toddoba iyo afartan"),
    ],
)
def test_pairs_of_digits(language: str, number: str, said: str) -> None:
    """A pair of digits of a telephone number is said as one number, the way the language counts."""
    assert CATALOGUE.text(f"{language}/number.{number}") == said
