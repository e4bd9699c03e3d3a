"""The prompt catalogue, and the texts that ship with it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from callback.numbers import Refusal
from callback.request import AttemptOutcome, Reason
from config.model import VoiceSpeed
from ivr.prompts import (
    NO_VOICE,
    NOT_REVIEWED,
    Catalogue,
    PromptError,
    UnknownPrompt,
    pause_after,
    split_item,
    spoken_tag,
)

SHIPPED = Catalogue.load()
SPOKEN = {"ar": r"[\w\u064b\u060c\u061f ,.:?'-]+"}
"""What texts may be written with, where it is more than letters and plain punctuation: tanwin, comma, question mark."""
SMALL = Catalogue(
    {
        "nb": {"intake.greeting": "Hei.", "intake.goodbye": "Ha det bra."},
        "en": {"intake.greeting": "Hello.", "intake.misspelled": "Oops."},
    }
)


def test_text_of_an_item() -> None:
    """An item says its text."""
    assert SMALL.text("nb/intake.greeting") == "Hei."
    assert SMALL.text("en/intake.greeting") == "Hello."


def test_a_sentence_a_language_lacks_is_said_in_bokmal() -> None:
    """A language falls back to bokmål sentence by sentence, also when it has no texts at all."""
    assert SMALL.resolve("en", "intake.greeting") == "en/intake.greeting"
    assert SMALL.resolve("en", "intake.goodbye") == "nb/intake.goodbye"
    assert SMALL.resolve("sma", "intake.goodbye") == "nb/intake.goodbye"
    assert SMALL.text("en/intake.goodbye") == "Ha det bra."


def test_a_tag_is_a_language_with_its_speed() -> None:
    """A slow tag has the words of its language, and falls back to slow bokmål."""
    slow = spoken_tag("en", VoiceSpeed.SLOW)
    assert slow == "en.slow"
    assert spoken_tag(slow, VoiceSpeed.SLOW) == slow
    assert spoken_tag("en", VoiceSpeed.NORMAL) == spoken_tag(slow, VoiceSpeed.NORMAL) == "en"
    assert SMALL.resolve(slow, "intake.greeting") == "en.slow/intake.greeting"
    assert SMALL.resolve(slow, "intake.goodbye") == "nb.slow/intake.goodbye"
    assert SMALL.text("en.slow/intake.greeting") == "Hello."
    assert SMALL.text("en.slow/intake.goodbye") == SMALL.text("sma.slow/intake.goodbye") == "Ha det bra."
    assert SMALL.all_items(slow) == ("en.slow/intake.greeting",)
    assert SMALL.missing(slow) == SMALL.missing("en")
    assert SMALL.resolve("en.fast", "intake.greeting") == "nb/intake.greeting"


def test_notes_are_for_an_id_or_a_group() -> None:
    """The note of the longest beginning of an id counts; a language without notes has the bokmål ones."""
    notes = {"nb": {"intake": "rolig", "intake.goodbye": "vennlig"}, "en": {"other": "calm"}, "so": {}}
    catalogue = Catalogue(
        {"nb": {"intake.greeting": "Hei.", "intake.goodbye": "Ha det.", "other.x": "x"}}, notes
    )
    assert catalogue.note("nb/intake.greeting") == catalogue.note("nb.slow/intake.greeting") == "rolig"
    assert catalogue.note("nb/intake.goodbye") == "vennlig"
    assert catalogue.note("nb/other.x") == catalogue.note("en/intake.greeting") == ""
    assert catalogue.note("so/intake.greeting") == catalogue.note("pl/intake.greeting") == "rolig"


@pytest.mark.parametrize("language", SHIPPED.languages)
def test_every_shipped_note_is_for_a_prompt(language: str) -> None:
    """No note is misspelled: each is for an id or a beginning of one. Texts that wait for review have none yet."""
    assert bool(SHIPPED.note_keys(language)) == (language not in NOT_REVIEWED)
    for key in SHIPPED.note_keys(language):
        assert any(f"{prompt_id}.".startswith(f"{key}.") for prompt_id in SHIPPED.ids), key
    assert not any(prompt_id.startswith("notes") for prompt_id in SHIPPED.ids)


def test_missing_and_stray_ids_are_told() -> None:
    """The catalogue knows which ids a language lacks and which it misspelled."""
    assert SMALL.missing("en") == ("intake.goodbye",)
    assert SMALL.missing("pl") == ("intake.greeting", "intake.goodbye")
    assert SMALL.missing("nb") == ()
    assert SMALL.stray("en") == ("intake.misspelled",)
    assert SMALL.all_items("en") == ("en/intake.greeting",)
    assert SMALL.languages == ("nb", "en")


@pytest.mark.parametrize(
    "item", ["nb/intake.nothing", "en/intake.misspelled", "intake.greeting", "nb/", "/x", "", "nb/../nb.toml"]
)
def test_an_unknown_prompt_is_refused_by_name(item: str) -> None:
    """An item that does not exist raises UnknownPrompt and nothing else."""
    with pytest.raises(UnknownPrompt):
        SMALL.text(item)


def test_a_catalogue_without_bokmal_is_refused() -> None:
    """There must be a language to fall back to."""
    with pytest.raises(PromptError, match="nb"):
        Catalogue({"en": {"intake.greeting": "Hello."}})


def test_the_greeting_is_the_one_people_know() -> None:
    """The Norwegian greeting is Nav's own, word for word."""
    assert SHIPPED.text("nb/intake.greeting") == (
        "Hei, og velkommen til Nav. Gjelder det økonomisk sosialhjelp, midlertidig botilbud "
        "eller andre sosiale tjenester, tast 1."
    )


def test_the_languages_that_ship() -> None:
    """Bokmål and English, and those that wait for a native speaker; test_languages.py says what each of them has."""
    assert SHIPPED.languages == ("nb", "ar", "en", "pl", "ru", "so", "ti", "uk")
    assert set(SHIPPED.languages) == {"nb", "en"} | NOT_REVIEWED


def test_english_is_complete() -> None:
    """English lacks no prompt and has none of its own."""
    assert SHIPPED.missing("en") == ()
    assert SHIPPED.stray("en") == ()


def test_a_language_without_voice_is_offered_in_bokmal() -> None:
    """Each language that no voice speaks has a text that a voice can say, which offers it as "For norsk" offers bokmål."""
    for language in NO_VOICE:
        offer = SHIPPED.text(f"nb/intake.language_{language}")
        assert offer.startswith("For ")
        assert offer.endswith(", tast")
        assert offer != SHIPPED.text("nb/intake.language")


@pytest.mark.parametrize(
    "prompt_id",
    [
        *(f"number.refused.{why}" for why in Refusal),
        *(f"reason.{reason}" for reason in Reason),
        *(f"closing.{outcome}" for outcome in AttemptOutcome if outcome is not AttemptOutcome.ANSWERED),
    ],
)
def test_everything_the_list_can_answer_has_words(prompt_id: str) -> None:
    """Each refusal, reason and outcome has a prompt."""
    assert prompt_id in SHIPPED


@pytest.mark.parametrize("language", SHIPPED.languages)
def test_each_refusal_is_said_in_every_language(language: str) -> None:
    """Callers hear in their own language why a number is refused, each in its own words."""
    ids = [f"number.refused.{why}" for why in Refusal]
    assert set(ids).isdisjoint(SHIPPED.missing(language))
    assert len({SHIPPED.text(f"{language}/{prompt_id}") for prompt_id in ids}) == len(ids)


@pytest.mark.parametrize("language", SHIPPED.languages)
def test_who_has_asked_too_often_hears_whom_to_ring(language: str) -> None:
    """Ambulance, fire, police and the emergency doctor; nobody who is not on the list is told that they are."""
    assert {"intake.too_many_today", "intake.emergency_numbers"}.isdisjoint(SHIPPED.missing(language))
    numbers = re.findall(r"[0-9]+", SHIPPED.text(f"{language}/intake.emergency_numbers"))
    assert numbers == [
        "113",
        "110",
        "112",
        *"116117",
    ]  # the last digit by digit: no voice says it as one number
    assert "står på listen" not in SHIPPED.text(f"{language}/intake.too_many_today")


@pytest.mark.parametrize("language", SHIPPED.languages)
def test_texts_are_fit_to_be_spoken_and_to_name_a_file(language: str) -> None:
    """Ids are plain file names; texts have no markup, stray spaces or abbreviations."""
    for item in SHIPPED.all_items(language):
        assert re.fullmatch(r"[a-z]+(\.[a-z0-9_]+)+", split_item(item)[1]), item
        text = SHIPPED.text(item)
        assert re.fullmatch(SPOKEN.get(language, r"[\w ,.:?'-]+"), text), item
        assert text == text.strip(), item
        assert "  " not in text, item
        assert not re.search(r"\b(kl|nr|ca|f\.eks)\b", text), item


@pytest.mark.parametrize("language", SHIPPED.languages)
def test_the_words_for_our_own_failure_promise_nothing(language: str) -> None:
    """Someone who may not be registered is never told that they are on the list."""
    text = SHIPPED.text(f"{language}/intake.closed_error")
    assert "Du står på listen" not in text
    assert "You are on the list" not in text


def test_the_pause_after_a_prompt_follows_its_place_in_the_sentence() -> None:
    """A sentence ends with more silence than a number in a row, and that with more than a word before another."""
    sentence = pause_after("intake.goodbye", "Ha det bra.")
    spelled = pause_after("number.40", "førti")
    word = pause_after("weekday.3", "onsdag")
    assert sentence > spelled > word > timedelta(0)
    assert pause_after("month.11", "november") > word
