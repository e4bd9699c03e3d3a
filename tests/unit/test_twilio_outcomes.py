"""What Twilio's words mean for us: whose calls a refusal is about, and what was pressed while nobody answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hardware.twilio.leg import IDLE, Document, Kind, Leg
from hardware.twilio.outcomes import Asked, pressed_in_vain, refused_for
from tests.offices import CALLER, MONDAY, PUBLIC

ASKED = Leg(
    "tw-1",
    MONDAY,
    PUBLIC,
    CALLER,
    inbound=True,
    sid="CA1",
    up=True,
    seq=2,
    document=Document(Kind.PROMPT, digits=1),
)


def asked(seq: int, digits: str = "", leg: str = "tw-1") -> Asked:
    form = {"Digits": digits} if digits else {}
    return Asked(f"https://tast1.example.org/tw/leg/{leg}/{seq}#rc=3", form, answered=False)


@pytest.mark.parametrize(
    ("leg", "requests", "keys"),
    [
        (ASKED, [asked(1, "2"), asked(2, "1")], "1"),
        (ASKED, [asked(2, "1"), asked(2)], "1"),
        (ASKED, [asked(2)], ""),
        (ASKED, [], ""),
        (ASKED, [asked(1, "1")], ""),
        (ASKED, [asked(12, "1"), asked(2, "1", "tw-2")], ""),
        (replace(ASKED, told=True), [asked(2, "1")], ""),
        (replace(ASKED, document=IDLE), [asked(2, "1")], ""),
        (replace(ASKED, inbound=False), [asked(2, "1")], ""),
        (replace(ASKED, document=Document(Kind.PROMPT, digits=3, keys="4")), [asked(2, "51")], "451"),
    ],
    ids=[
        "the last", "asked twice", "silence", "nothing", "an older document", "others", "told already",
        "no question", "a telephone we rang", "after keys pressed ahead",
    ],
)  # fmt: skip
def test_pressed_in_vain(leg: Leg, requests: list[Asked], keys: str) -> None:
    """Keys count that answer the question the caller was in, unless they were told: a key answers one question once."""
    assert pressed_in_vain(leg, requests) == keys


@pytest.mark.parametrize(
    ("code", "number", "about"),
    [(21215, "+46701234567", "+46"), (21215, "+4740001234", "+47"), (21215, "201", "extension"),
     (21210, "+4740001234", PUBLIC), (21210, "201", PUBLIC), (20003, "+4740001234", ""), (None, "201", "")],
)  # fmt: skip
def test_whose_calls_are_refused(code: int | None, number: str, about: str) -> None:
    """A closed country is about that country, a caller id about the number that is shown, anything else about every call."""
    assert refused_for(code, Leg("tast1-1", MONDAY, number, PUBLIC)) == about
