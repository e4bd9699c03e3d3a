"""The dialplan of screens, as text: what `tast1 pbx config` writes for them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import pytest

from hardware.asterisk.local_pbx_config import LocalPbxPorts, local_parameters
from hardware.asterisk.outcomes import dialled
from hardware.asterisk.pbx_config import extensions_conf
from hardware.asterisk.pbx_screen import SCREEN_DIALPLAN, ScreenEnd, screen_end, screen_option
from hardware.line import LegOutcome, Screen

DIALPLAN: Final = extensions_conf(local_parameters(LocalPbxPorts(), "/sounds", {}))


def test_in_the_office_files() -> None:
    """The context of the screen is among those an office gets."""
    assert SCREEN_DIALPLAN in DIALPLAN


def test_every_jump_arrives() -> None:
    """Each label that is jumped to exists, and after each last line of a path somebody returns."""
    jumps = set(re.findall(r"\?(\w+)\)", SCREEN_DIALPLAN))
    labels = set(re.findall(r"=> n\((\w+)\)", SCREEN_DIALPLAN))
    assert jumps == labels
    lines = [line for line in SCREEN_DIALPLAN.splitlines() if line and not line.startswith(";")]
    assert [line for line in lines if "GOSUB_RESULT" in line] == [
        "exten => before,1,Set(GOSUB_RESULT=ABORT)",
        " same => n(join),Set(GOSUB_RESULT=JOIN)",
    ]
    assert "Return(" in lines[-1]


@pytest.mark.parametrize(
    ("screen", "expected"),
    [
        (Screen((), "2"), "^2^NOANSWER^5^"),
        (Screen((), "29*", silence_joins=True), "^29*^ANSWER^5^"),
        (Screen((), "", timeout=timedelta(seconds=1.5)), "^^NOANSWER^1.5^"),
        (Screen((), timeout=timedelta()), "^2^NOANSWER^0.001^"),
    ],
    ids=["a colleague", "a frightened caller", "no key says no", "no silence at all"],
)
def test_option(screen: Screen, expected: str) -> None:
    """What a screen says reaches the dialplan; no time at all is never sent as 0, which would mean 10 s."""
    assert screen_option(screen, "1700000000.1", "http://a&http://b") == (
        f"rb(tast1-screen^before^1)U(tast1-screen^1700000000.1{expected}http://a&http://b)"
    )


@pytest.mark.parametrize(
    ("result", "end", "outcome"),
    [
        ("", ScreenEnd("DECLINED", ""), LegOutcome.DECLINED),
        ("DECLINED-2", ScreenEnd("DECLINED", "2"), LegOutcome.DECLINED),
        ("NOANSWER", ScreenEnd("NOANSWER", ""), LegOutcome.NO_ANSWER),
        ("CANCEL", ScreenEnd("CANCEL", ""), LegOutcome.CANCELLED),
    ],
)
def test_end(result: str, end: ScreenEnd, outcome: LegOutcome) -> None:
    """Every result the dialplan can give is understood; where it gives none they hung up, and so declined."""
    assert screen_end(result) == end
    assert dialled(end.status, None) is outcome


def test_every_result_is_known() -> None:
    """The dialplan gives no result that is not understood."""
    given = set(re.findall(r"Return\((\w+)", SCREEN_DIALPLAN))
    assert given == {"DECLINED", "CANCEL"}
    assert "Return(${ARG3})" in SCREEN_DIALPLAN
