"""The words of the pages: times as people say them, why a request stands where it stands, its timeline."""

from __future__ import annotations

import ast
import importlib
import string
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from callback.desk_guards import TOO_MANY_REFERENCES, TOO_MANY_REGISTRATIONS
from callback.numbers import Refusal
from callback.request import (
    AttemptOutcome,
    CallAttempt,
    CallResult,
    DayPart,
    LedgerEntry,
    NumberSource,
    Origin,
    Reason,
    RequestState,
    Urgency,
)
from callback.turn import PassedOver, Standing
from callback.web.texts import LANGUAGE_NAMES, LANGUAGES, translator
from callback.web.timeline import timeline
from callback.web.words import Words, spaced
from ivr.library import ProblemKind
from scheduler.clock import from_local
from tests.contract.store_factory import new_request
from tests.offices import MONDAY, config

NB = Words(translator("nb"), MONDAY, config())
EN = Words(translator("en"), MONDAY, config())


def oslo(day: int, hour: int, minute: int = 0, month: int = 11, year: int = 2026) -> datetime:
    return from_local(datetime(year, month, day, hour, minute))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("at", "nb", "en"),
    [
        (oslo(23, 14, 10), "i dag kl. 14.10", "today 14:10"),
        (oslo(24, 9, 5), "i morgen kl. 09.05", "tomorrow 09:05"),
        (oslo(22, 23, 59), "i går kl. 23.59", "yesterday 23:59"),
        (oslo(25, 9, 5), "onsdag 25. november kl. 09.05", "Wednesday 25 November 09:05"),
        (oslo(4, 0, 0, 1, 2027), "mandag 4. januar 2027 kl. 00.00", "Monday 4 January 2027 00:00"),
    ],
)
def test_a_moment_in_words(at: datetime, nb: str, en: str) -> None:
    """In Oslo time, near days by name, another year with its number."""
    assert NB.when(at) == nb
    assert EN.when(at) == en


@pytest.mark.parametrize(
    ("span", "nb"),
    [
        (timedelta(seconds=20), "nå"),
        (timedelta(minutes=1), "om 1 minutt"),
        (timedelta(minutes=-59), "for 59 minutter siden"),
        (timedelta(hours=47), "om 47 timer"),
        (timedelta(days=-3), "for 3 døgn siden"),
    ],
)
def test_a_distance_in_words(span: timedelta, nb: str) -> None:
    """One unit, rounded down."""
    assert NB.distance(MONDAY + span) == nb


def test_a_moment_in_short() -> None:
    """For columns: short names, near days as they are."""
    assert NB.short(oslo(25, 9, 5)) == "ons. 25. nov. kl. 09.05"
    assert EN.short(oslo(4, 9, 0, 1, 2027)) == "Mon 4 Jan 2027 09:00"
    assert NB.short(oslo(23, 9, 5)) == "i dag kl. 09.05"


def test_a_number_is_spaced() -> None:
    """Norwegian numbers in pairs; others as they are."""
    assert spaced("+4740001234") == "+47 40 00 12 34"
    assert spaced("+4612345") == "+4612345"
    assert spaced(None) == ""


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"urgency": Urgency.URGENT, "reason": Reason.NO_FOOD, "due_at": oslo(23, 11, 5)},
            "Haster: uten penger til mat. Må nås før kl. 11.05.",
        ),
        (
            {"urgency": Urgency.URGENT, "reason": Reason.OTHER, "due_at": oslo(23, 11)},
            "Haster. Må nås før kl. 11.00.",
        ),
        ({"due_at": oslo(25, 9, 5)}, "Må nås innen onsdag 25. november kl. 09.05."),
        (
            {"due_at": oslo(22, 9), "last_workable_at": oslo(20, 14, 59)},
            "Fristen gikk ut i går kl. 09.00. Ring nå.",
        ),
        (
            {"due_at": oslo(22, 9), "last_workable_at": oslo(20, 14, 59), "state": RequestState.CALLING},
            "Fristen gikk ut i går kl. 09.00.",
        ),
        (
            {"due_at": oslo(29, 9), "last_workable_at": oslo(30, 9)},
            "Fristen går ut utenom telefontiden. Ring mandag 30. november kl. 09.00, når telefonen åpner.",
        ),
        (
            {"due_at": oslo(25, 18), "last_workable_at": oslo(25, 14, 59)},
            "Siste mulighet i telefontiden er onsdag 25. november kl. 14.59.",
        ),
        ({"state": RequestState.REACHED}, "Avsluttet."),
    ],
)
def test_why_it_stands_here(fields: dict[str, object], why: str) -> None:
    """Each row says in a sentence or two why it stands where it stands."""
    if "last_workable_at" not in fields and "due_at" in fields:
        fields = fields | {"last_workable_at": fields["due_at"]}
    request = new_request(**fields)
    assert NB.why(request, Standing(None)) == why


@pytest.mark.parametrize(
    ("passed", "now"),
    [
        (PassedOver.NO_NUMBER, "Mangler nummer."),
        (PassedOver.NOT_DUE, "Ringes tidligst i dag kl. 09.05."),
        (PassedOver.INTERPRETER, "Venter på tolk."),
    ],
)
def test_nobody_is_told_to_ring_who_cannot_be_rung(passed: PassedOver, now: str) -> None:
    """An overdue request that is passed over says why, and not to ring it now."""
    request = new_request(due_at=oslo(22, 9), last_workable_at=oslo(20, 14, 59), next_attempt_at=MONDAY)
    assert NB.why(request, Standing(passed)) == f"Fristen gikk ut i går kl. 09.00. {now}"


def test_attempts_in_words() -> None:
    """Our own failures are told and not counted."""
    busy = CallAttempt("a", "r", "kari", "+4740001234", MONDAY, ended_at=MONDAY, outcome=AttemptOutcome.BUSY)
    failed = replace(busy, id="b", outcome=AttemptOutcome.LINE_FAILED)
    request = new_request(
        attempts=(busy, failed), state=RequestState.UNREACHABLE, next_attempt_at=oslo(23, 9, 12)
    )
    assert NB.attempts(request) == "1 forsøk"
    assert NB.last_attempt(request) == "Sist: teknisk feil hos oss, teller ikke, i dag kl. 09.05"
    assert NB.next_attempt(request) == "Neste: i dag kl. 09.12"
    assert NB.next_attempt(replace(request, next_attempt_at=MONDAY)) == "Kan ringes nå"
    assert NB.next_attempt(replace(request, state=RequestState.CALLING)) == ""
    wrong = replace(busy, outcome=AttemptOutcome.ANSWERED, result=CallResult.WRONG_PERSON)
    assert NB.last_attempt(new_request(attempts=(wrong,))).startswith("Sist: feil person")
    assert NB.attempts(new_request()) == "Ingen ennå"


@pytest.mark.parametrize(
    ("actor", "event", "details", "text"),
    [
        ("caller", "registered", {}, "Innringeren tastet 1 og kom på listen."),
        ("caller", "registered", {"by": "key"}, "Innringeren tastet 1 og kom på listen."),
        ("caller", "registered", {"by": "silence"}, "Innringeren ble på linjen og kom på listen."),
        ("caller", "registered", {"by": "wrong_key"}, "Innringeren ble på linjen og kom på listen."),
        ("caller", "registered_again", {}, "Innringeren ringte igjen og tastet 1."),
        ("caller", "registered_again", {"by": "silence"}, "Innringeren ringte igjen og ble på linjen."),
        ("caller", "result_ring_again", {"registered_again": True}, "Innringeren ringte igjen og tastet 1."),
        ("kari", "registered_again", {}, "Kari registrerte innringeren på nytt."),
        ("service", "merged", {"from": "r9"}, "Et nytt anrop fra samme person ble lagt til denne."),
        ("nks", "registered", {}, "Kontaktsenteret satte innringeren på listen."),
        ("token:fagsystem", "registered", {}, "fagsystem satte innringeren på listen."),
        ("kari", "call_started", {"attempt": "a"}, "Kari ringte."),
        ("service", "call_missed", {"attempt": "a", "outcome": "busy"}, "Forsøket er over: opptatt."),
        ("kari", "call_talked", {"attempt": "a"}, "Samtalen er slutt. De snakket i 3 minutter."),
        ("kari", "result_ring_again", {"result": "wrong_person"}, "Kari skrev: feil person."),
        (
            "caller",
            "withdrawn",
            {"merged_into": "r9"},
            "Slått sammen med en annen forespørsel fra samme nummer.",
        ),
        ("liv", "reassigned", {"to": "ola"}, "Liv ga den til Ola."),
        ("caller", "made_urgent", {}, "Innringeren sa at det haster."),
        ("caller", "urgent_reason_set", {}, "Innringeren sa hvorfor det haster."),
        ("kari", "reachable_until_set", {}, "Kari endret hvor lenge nummeret kan ringes."),
        ("callee", "asked_not_to_be_called", {}, "Den som svarte sa at nummeret ikke skal ringes."),
        ("liv", "never_call_lifted", {"reason_written": True}, "Liv lot nummeret ringes igjen."),
        ("command_line", "never_call_lifted", {}, "Kommandolinjen lot nummeret ringes igjen."),
        ("command_line", "erased", {"why": "ønske"}, "Kommandolinjen slettet nummer og notat."),
        (
            "service",
            "notice_undelivered",
            {"kind": "missed", "why": "twilio_30003"},
            "SMS-en til innringeren kom ikke fram. De vet kanskje ikke at vi har ringt.",
        ),
        (
            "service",
            "notice_failed",
            {"kind": "missed", "why": "opted_out"},
            "Innringeren har svart STOPP på SMS og fikk ingen. Nummeret får ingen flere; det kan ringes som før.",
        ),
        ("gone", "claimed", {}, "En kollega tok forespørselen."),
        ("kari", "something_new", {}, "Kari: something new."),
    ],
)
def test_the_timeline_in_words(actor: str, event: str, details: dict[str, object], text: str) -> None:
    """Each ledger line is one sentence; an event of a later version is still shown."""
    talk = CallAttempt(
        "a",
        "r",
        "kari",
        None,
        MONDAY,
        connected_at=MONDAY,
        ended_at=MONDAY + timedelta(minutes=3, seconds=20),
    )
    entry = LedgerEntry("r", MONDAY, actor, event, None, None, details)
    (moment,) = timeline(new_request(attempts=(talk,)), [entry], NB)
    assert moment.text == text
    assert moment.when == "i dag kl. 09.05"


def test_wishes_in_words() -> None:
    """What a person has said of how they can be rung: in sentences, and in short."""
    request = new_request(day_part=DayPart.MIDDAY, discreet=True, reachable_until=oslo(23, 16))
    assert NB.wishes(request) == [
        "Diskré: ingen beskjeder, ingen talepost",
        "Ønsker å bli ringt: midt på dagen",
        "Kan nås på dette nummeret til i dag kl. 16.00",
    ]
    assert NB.short_wishes(request) == [
        "Diskré",
        "Ønsker midt på dagen",
        "Lånt telefon til i dag kl. 16.00",
    ]
    assert NB.wishes(new_request()) == NB.short_wishes(new_request()) == []
    over = new_request(reachable_until=MONDAY)
    assert EN.wishes(over) == ["Could be reached at this number until today 09:05"]
    assert EN.next_attempt(over) == ""


def test_every_language_has_every_text() -> None:
    """The same keys and the same blanks to fill in, so that no page breaks in one language."""

    def blanks(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for language, texts in LANGUAGES.items():
        assert texts.keys() == LANGUAGES["nb"].keys(), language
        for key, text in texts.items():
            assert blanks(text) == blanks(LANGUAGES["nb"][key]), (language, key)


def test_languages_are_named_for_the_reader_first() -> None:
    """As the page calls it, then as those who speak it do; once where both are the same."""
    assert [NB.language(code) for code in ("uk", "ar", "en", "nb")] == [
        "Ukrainsk (Українська)", "Arabisk (العربية)", "Engelsk (English)", "Norsk bokmål",
    ]  # fmt: skip
    assert [EN.language(code) for code in ("uk", "en", "nb")] == [
        "Ukrainian (Українська)", "English", "Norwegian Bokmål (Norsk bokmål)",
    ]  # fmt: skip
    assert NB.language("xx") == "xx"
    for words in (NB, EN):
        assert all(words.language(code) != code for code in LANGUAGE_NAMES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_of_the_domain_has_words(language: str) -> None:
    """A state, reason, outcome or origin added later must be given words."""
    t = translator(language)
    for prefix, kind in (
        ("state", RequestState), ("outcome", AttemptOutcome), ("result", CallResult), ("reason", Reason), ("origin", Origin), ("day_part", DayPart),
        ("refusal", Refusal), ("prompt_problem", ProblemKind),
    ):  # fmt: skip
        for value in kind:
            assert t(f"{prefix}.{value}", name="", when="", language="", n=1)
    assert t(f"refusal.{TOO_MANY_REGISTRATIONS}")
    assert t(f"refusal.{TOO_MANY_REFERENCES}")
    for source in set(NumberSource) - {NumberSource.CALLER_ID}:  # who rang from it needs no words
        assert t(f"source.{source}")


def test_no_text_is_given_twice() -> None:
    """A key written twice would silently hide one of the texts."""
    known: dict[str, set[str]] = {"nb": set(), "en": set()}
    for module in ("nb", "en", "nb_oncall", "en_oncall"):
        tree = ast.parse(
            Path(importlib.import_module(f"callback.web.texts.{module}").__file__ or "").read_text("utf-8")
        )
        (texts,) = [node.value for node in tree.body if isinstance(node, ast.AnnAssign)]
        assert isinstance(texts, ast.Dict)
        keys = [key.value for key in texts.keys if isinstance(key, ast.Constant)]
        assert len(keys) == len(set(keys))
        assert not known[module[:2]] & set(keys)
        known[module[:2]] |= set(keys)


def test_the_day_of_a_promise() -> None:
    """The date told to the caller, as a day."""
    assert NB.day(date(2026, 11, 25)) == "onsdag 25. november"
    assert datetime(2026, 11, 23, 8, 5, tzinfo=UTC) == MONDAY
