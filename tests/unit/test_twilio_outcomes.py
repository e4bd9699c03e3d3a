"""What Twilio's words mean for us: whose calls a refusal is about."""

from __future__ import annotations

import pytest

from hardware.twilio.leg import Leg
from hardware.twilio.outcomes import refused_for
from tests.offices import MONDAY, PUBLIC


@pytest.mark.parametrize(
    ("code", "number", "about"),
    [(21215, "+46701234567", "+46"), (21215, "+4740001234", "+47"), (21215, "201", "extension"),
     (21210, "+4740001234", PUBLIC), (21210, "201", PUBLIC), (20003, "+4740001234", ""), (None, "201", "")],
)  # fmt: skip
def test_whose_calls_are_refused(code: int | None, number: str, about: str) -> None:
    """A closed country is about that country, a caller id about the number that is shown, anything else about every call."""
    assert refused_for(code, Leg("tast1-1", MONDAY, number, PUBLIC)) == about
