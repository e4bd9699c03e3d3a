"""Who may take whom, and why somebody is passed over: the pure rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from callback.request import CallbackRequest, DayPart, RequestState, Urgency
from callback.turn import (
    Around,
    PassedOver,
    is_unserved,
    matched,
    may_serve,
    may_take,
    nobody_speaks,
    passed_over,
    serving_office,
    why_not,
)
from config.model import Config, Person, Role
from scheduler.calendar import OfficeCalendar
from tests.contract.store_factory import new_request
from tests.offices import MONDAY, config

HOUR = timedelta(hours=1)
KARI, OLA, LIV, SIV, NKS, _ = config().people
AT_NIGHT = MONDAY + timedelta(hours=12)


def request(**fields: Any) -> CallbackRequest:
    return replace(
        new_request(), **({"office_no": "9001", "language": "nb", "next_attempt_at": MONDAY} | fields)
    )


def around(now: datetime = MONDAY, of: Config | None = None) -> Around:
    of = of or config()
    return Around(now, OfficeCalendar(of.offices[0]), of.settings.retry, of.people)


def with_people(*people: Person, substitute: str | None = None) -> Config:
    """The offices with these people; the first may have a substitute."""
    own, other = config().offices
    own = own.model_copy(update={"substitute_office": substitute})
    return Config(settings=config().settings, offices=(own, other), people=people)


def speaking(person: Person, *languages: str) -> Person:
    return person.model_copy(update={"languages": languages})


# -- who may


@pytest.mark.parametrize(
    ("fields", "person", "why"),
    [
        ({}, KARI, None),
        ({}, SIV, PassedOver.OTHER_OFFICE),
        ({"substitute": "9002"}, KARI, PassedOver.OTHER_OFFICE),
        ({"substitute": "9002"}, SIV, None),
        ({"disqualified": ("kari",)}, KARI, PassedOver.DISQUALIFIED),
        ({"disqualified": ("kari",)}, OLA, None),
        ({"disqualified": ("liv",)}, OLA, PassedOver.DISQUALIFIED),
        ({"disqualified": ("kari",)}, LIV, None),
        ({"protected": True}, KARI, PassedOver.PROTECTED),
        ({"protected": True}, KARI.model_copy(update={"protected_access": True}), None),
        ({"assigned_to": "ola"}, KARI, PassedOver.ASSIGNED),
        ({"assigned_to": "ola"}, OLA, None),
    ],
)
def test_why_not(fields: dict[str, Any], person: Person, why: PassedOver | None) -> None:
    """The office that serves it, the disqualified and those who report to them, the restricted role, a gift."""
    assert why_not(request(**fields), person, config().people) is why
    assert may_take(request(**fields), person) is (why is None)


def test_the_contact_centre_serves_nobody() -> None:
    """Even one that belongs to the office."""
    assert not may_serve(request(), NKS.model_copy(update={"office_no": "9001"}))


def test_leaders_of_leaders() -> None:
    """Who reports to somebody who reports to the disqualified is disqualified too; who reports elsewhere is not."""
    team = Person(id="team", name="T", role=Role.LEADER, office_no="9001", reports_to="liv")  # type: ignore[arg-type]
    kari = KARI.model_copy(update={"reports_to": ("team",)})
    ola = OLA.model_copy(update={"reports_to": ()})
    people = {p.id: p for p in with_people(kari, ola, LIV, team).people}
    assert people["kari"].reports_to == ("team", "liv")
    barred = request(disqualified=("liv",))
    assert [p for p in people if may_serve(barred, people[p])] == ["ola"]
    assert [p for p in people if may_serve(request(disqualified=("team",)), people[p])] == ["ola", "liv"]


def test_who_leads_by_default() -> None:
    """A caseworker's leaders are those of the office; nobody else has one unsaid. Doing it again changes nothing."""
    people = {p.id: p.reports_to for p in config().people}
    assert people == {"kari": ("liv",), "ola": ("liv",), "liv": (), "siv": (), "nks": (), "admin": ()}
    assert (
        Config(**{f: getattr(config(), f) for f in ("settings", "offices", "people")}).people
        == config().people
    )


class TestLanguages:
    def test_the_one_who_speaks_it(self) -> None:
        """Who states other languages is passed over while a colleague speaks it; Norwegian needs no stating."""
        kari, ola = speaking(KARI, "en"), speaking(OLA, "pl")
        polish = request(language="pl")
        assert why_not(polish, kari, (kari, ola)) is PassedOver.LANGUAGE
        assert why_not(polish, ola, (kari, ola)) is None
        assert matched([polish], [kari, ola], (kari, ola)) == [(polish, ola)]
        assert why_not(request(), kari, (kari, ola)) is None

    @pytest.mark.parametrize("fields", [{}, {"disqualified": ("ola",)}])
    def test_nobody_is_lost(self, fields: dict[str, Any]) -> None:
        """Where nobody who may serve it speaks it, all are asked, and the row can say so."""
        kari, ola = speaking(KARI, "en"), speaking(OLA, "pl" if fields else "ar")
        polish = request(language="pl", **fields)
        assert why_not(polish, kari, (kari, ola)) is None
        assert nobody_speaks(polish, (kari, ola))
        assert passed_over(polish, around(of=with_people(kari, ola))) is None

    def test_an_interpreter_speaks_it(self) -> None:
        """With a booked interpreter anybody can talk with them."""
        kari, ola = speaking(KARI, "en"), speaking(OLA, "pl")
        assert may_take(request(language="pl", interpreter=True, interpreter_at=MONDAY), kari, (kari, ola))

    def test_who_states_none_speaks_any(self) -> None:
        """Nothing is asked of offices that state nothing."""
        assert not nobody_speaks(request(language="so"), (KARI, OLA))
        assert may_take(request(language="so"), KARI, (KARI, OLA))


# -- which office


@pytest.mark.parametrize(
    ("disqualified", "substitute", "serves"),
    [
        ((), "9002", None),
        (("kari",), "9002", None),
        (("kari", "ola"), "9002", "9002"),
        (("liv",), "9002", "9002"),
        (("liv",), None, None),
        (("liv", "siv"), "9002", None),
    ],
)
def test_serving_office(disqualified: tuple[str, ...], substitute: str | None, serves: str | None) -> None:
    """The substitute, as soon as nobody with a telephone is left at home and somebody is there."""
    of = with_people(KARI, OLA, LIV, SIV, substitute=substitute)
    barred = request(disqualified=disqualified, substitute="9002" if "liv" in disqualified else None)
    assert serving_office(barred, of) == serves
    barred = replace(barred, substitute=serves)
    assert is_unserved(barred, of.people) is ("liv" in disqualified and serves is None)


def test_substitutes_of_each_other_end() -> None:
    """Two offices that stand in for each other, and nobody left at either: it stays at home."""
    own, other = with_people(KARI, SIV, substitute="9002").offices
    other = other.model_copy(update={"substitute_office": "9001"})
    of = Config(settings=config().settings, offices=(own, other), people=(KARI, SIV))
    assert serving_office(request(disqualified=("kari", "siv")), of) is None


# -- who is passed over


@pytest.mark.parametrize(
    ("fields", "now", "why"),
    [
        ({}, MONDAY, None),
        ({"state": RequestState.CLAIMED, "phone": None}, MONDAY, None),
        ({"phone": None}, MONDAY, PassedOver.NO_NUMBER),
        ({"reachable_until": MONDAY}, MONDAY, PassedOver.OUT_OF_REACH),
        ({"disqualified": ("liv",)}, MONDAY, PassedOver.NOBODY),
        ({"protected": True}, MONDAY, PassedOver.NOBODY),
        ({"interpreter": True}, MONDAY, PassedOver.INTERPRETER),
        ({"interpreter": True, "interpreter_at": MONDAY + HOUR}, MONDAY, PassedOver.INTERPRETER_LATER),
        ({"interpreter": True, "interpreter_at": MONDAY}, MONDAY, None),
        ({"interpreter": True, "interpreter_at": MONDAY}, MONDAY + HOUR, PassedOver.INTERPRETER),
        ({"interpreter": True, "interpreter_at": AT_NIGHT}, AT_NIGHT, None),
        ({}, AT_NIGHT, PassedOver.CLOSED),
        ({"next_attempt_at": MONDAY + HOUR}, MONDAY, PassedOver.NOT_DUE),
        ({"day_part": DayPart.MIDDAY, "next_attempt_at": MONDAY + 2 * HOUR}, MONDAY, PassedOver.WISH),
        ({"day_part": DayPart.MIDDAY, "next_attempt_at": MONDAY + HOUR}, MONDAY, PassedOver.NOT_DUE),
        ({"day_part": DayPart.MIDDAY}, MONDAY, None),
        ({"day_part": DayPart.MIDDAY, "discreet": True}, MONDAY, PassedOver.DISCREET),
        ({"day_part": DayPart.MIDDAY, "discreet": True}, MONDAY + 2 * HOUR, None),
        ({"discreet": True}, MONDAY, None),
        ({"assigned_to": "ola"}, MONDAY, PassedOver.ASSIGNED),
    ],
)
@pytest.mark.parametrize("urgency", list(Urgency))
def test_passed_over(fields: dict[str, Any], now: datetime, why: PassedOver | None, urgency: Urgency) -> None:
    """What keeps it from being offered now, the same for urgent ones."""
    assert passed_over(request(urgency=urgency, **fields), around(now)) is why


def test_never_called() -> None:
    """The person at the number said so."""
    assert passed_over(request(), around(), never_called=True) is PassedOver.NEVER_CALLED


def test_hours_that_never_come_bind_nobody() -> None:
    """Discreet, and only in the afternoon, at an office that closes at noon: they are rung all the same."""
    of = config()
    office = of.offices[0].model_copy(
        update={"phone_hours": of.offices[0].phone_hours.model_validate({"mon": "09:00-12:00"})}
    )
    seen = replace(around(), calendar=OfficeCalendar(office))
    assert passed_over(request(discreet=True, day_part=DayPart.AFTERNOON), seen) is None


def test_for_some_of_us() -> None:
    """The row says it when only some colleagues can be offered it."""
    of = with_people(speaking(KARI, "en"), speaking(OLA, "pl"))
    assert passed_over(request(language="pl"), around(of=of)) is PassedOver.LANGUAGE
    assert passed_over(request(language="en"), around(of=with_people(speaking(KARI, "en")))) is None
