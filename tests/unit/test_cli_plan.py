"""`tast1 plan`: when a person would be rung next, and why."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from callback.cli import main
from callback.cli_plan import Question, plan_command
from config.load import load
from config.model import Config
from scheduler.retry import OUTCOMES

DEMO = Path(__file__).parents[2] / "config" / "demo"
MON = "2026-11-23T13:40"


@pytest.fixture(scope="module")
def config() -> Config:
    """The demo configuration."""
    return load(DEMO, {})


def ask(config: Config, registered: str = MON, **asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        plan_command(config, Question("9001", registered, **asked), as_json=True)
    )
    return answer


def test_in_words(config: Config) -> None:
    """Office, request, now, the last workable moment, and each attempt with its part of the day and its reason."""
    asked = Question("9001", "2026-11-20T13:40", wish="afternoon", attempts="2026-11-20T13:41:no_answer")
    assert plan_command(config, asked, as_json=False).splitlines() == [
        "Nav Lillevik (9001), registered Fri 20 Nov 2026 13:40, ordinary, wishes afternoon",
        "  now            Fri 20 Nov 2026 13:41",
        "  last workable  Fri 20 Nov 2026 14:59",
        "  Fri 20 Nov 2026 14:26  afternoon  45m after no answer.",
    ]


def test_as_json(config: Config) -> None:
    """Times carry the local offset; an urgent request waits for no part of the day."""
    answer = ask(config, "2026-03-30T14:30", urgent=True, wish="morning", until="14:58")
    assert answer == {
        "office_no": "9001",
        "registered_at": "2026-03-30T14:30:00+02:00",
        "urgent": True,
        "wish": "morning",
        "until": "2026-03-30T14:58:00+02:00",
        "now": "2026-03-30T14:30:00+02:00",
        "last_workable_at": "2026-03-30T14:59:00+02:00",
        "attempts": [
            {"at": "2026-03-30T14:30:00+02:00", "day_part": "afternoon", "why": "Not tried yet."},
            {
                "at": "2026-03-30T14:43:00+02:00",
                "day_part": "afternoon",
                "why": "Before the borrowed telephone is given back Mon 30 Mar 2026 14:58.",
            },
        ],
    }


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_can_be_asked(config: Config, outcome: str) -> None:
    """Also with seconds and an offset in WHEN: the outcome stands after the last colon."""
    answer = ask(config, attempts=f"2026-11-23T12:41:30Z:{outcome}")
    assert answer["now"] == "2026-11-23T13:41:30+01:00"
    assert answer["attempts"]


def test_now_is_the_last_that_happened(config: Config) -> None:
    """Unless it is told; after the deadline there is the next attempt alone."""
    (overdue,) = ask(config, now="2026-11-26T10:00")["attempts"]
    assert overdue["at"] == "2026-11-26T10:00:00+01:00"
    assert overdue["why"].startswith("Overdue since Wed 25 Nov 2026 13:40, ")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"registered": "2026-11-23"}, '--registered: not a local date and time: .*"2026-12-23T14:50"'),
        ({"registered": "0001-01-01T00:00"}, "--registered: too close to the end of the calendar"),
        ({"registered": "9999-12-31T16:00"}, "calendar|no phone hours"),
        ({"now": "soon"}, "--now: not a local date and time"),
        ({"now": "2026-11-23T13:39"}, "--now: .* is before Mon 23 Nov 2026 13:40; leave it out"),
        ({"attempts": "2026-11-23T13:42"}, "--attempts: no outcome at the end .*2026-12-23T14:50:no_answer"),
        ({"attempts": "2026-11-23T13:42:reached"}, "--attempts: .*with one of answered, busy"),
        ({"attempts": "13:42:busy"}, "--attempts: not a local date and time: '13:42'"),
        ({"attempts": "2026-11-23T13:39:busy"}, "--attempts: write the oldest first, and none before"),
        ({"attempts": "2026-11-23T14:00:busy,2026-11-23T13:50:busy"}, "--attempts: write the oldest first"),
        ({"wish": "evening"}, "--wish: no part of the day 'evening'; write morning, midday, afternoon"),
        ({"until": "2 pm"}, "--until: not a time of day: '2 pm'; write for example \"14:30\""),
        ({"until": "13:40"}, "--until: 13:40 has passed Mon 23 Nov 2026 13:40; leave it out"),
    ],
)
def test_a_mistake_names_the_option_and_what_to_write(
    config: Config, asked: dict[str, str], told: str
) -> None:
    """What, where, and what to do."""
    with pytest.raises(ValueError, match=told):
        ask(config, **asked)


@pytest.mark.parametrize("page", ["cli.md", "domain.md"])
def test_the_documents_show_what_it_prints(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Word by word."""
    text = (DEMO.parents[1] / "docs" / page).read_text("utf-8")
    (example,) = re.findall(r"^```\n\$ tast1 (plan [^\n]+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert main([*example[0].split(), "--config", str(DEMO)]) == 0
    assert capsys.readouterr().out == example[1]


def test_unknown_office_lists_the_known(config: Config) -> None:
    """As `tast1 deadline` does."""
    with pytest.raises(ValueError, match="no office '9009'; there are: 9001 Nav Lillevik, 9002 Nav Storvik"):
        plan_command(config, Question("9009", MON), as_json=True)
