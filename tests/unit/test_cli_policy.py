"""The commands that answer a question, and the effective configuration they print."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pytest

from callback.cli_policy import check_command, deadline_command
from config import check
from config.check import effective
from config.load import load, load_secrets
from config.model import Config, Secrets
from ivr import prompts

WHY = (
    "48 hours after Fri 20 Nov 2026 15:10 is Sun 22 Nov 2026 15:10, and no phone hours lie before it, "
    "so it is due when the office opens Mon 23 Nov 2026 09:00."
)
DEMO = Path(__file__).parents[2] / "config" / "demo"


@pytest.fixture(scope="module")
def config() -> Config:
    """The demo configuration."""
    return load(DEMO, {})


def test_deadline_as_json(config: Config) -> None:
    """The answer holds both readings with the local offset, and why."""
    answer = json.loads(deadline_command(config, "9001", "2026-03-27T14:00", False, True))
    why = answer.pop("why")
    assert answer == {
        "office_no": "9001",
        "registered_at": "2026-03-27T14:00:00+01:00",
        "urgent": False,
        "policy": "hours_48",
        "due_at": "2026-03-29T15:00:00+02:00",
        "answer_by_date": "2026-03-31",
        "last_workable_at": "2026-03-27T14:59:00+01:00",
        "due_at_opening": False,
    }
    assert why.startswith("48 hours after Fri 27 Mar 2026 14:00")


def test_urgent_deadline_as_json(config: Config) -> None:
    """Urgent and the office's other policy are reported as they are."""
    answer = json.loads(deadline_command(config, "9002", "2026-11-20T15:10", True, True))
    assert (answer["urgent"], answer["policy"]) == (True, "working_days_2")
    assert (answer["due_at"], answer["answer_by_date"]) == ("2026-11-23T11:00:00+01:00", "2026-11-23")


def test_deadline_in_words(config: Config) -> None:
    """The words name the office, both deadlines, the last workable moment and why."""
    assert deadline_command(config, "9001", "2026-11-20 15:10", False, False).splitlines() == [
        "Nav Lillevik (9001), registered Fri 20 Nov 2026 15:10, ordinary, policy hours_48",
        "  due at         Sun 22 Nov 2026 15:10",
        "  answer by      Tue 24 Nov 2026",
        "  last workable  Mon 23 Nov 2026 09:00 (due at opening)",
        f"  why            {WHY}",
    ]


def test_urgent_deadline_in_words(config: Config) -> None:
    """An urgent request is said to be one."""
    first = deadline_command(config, "9001", "2026-11-23T09:05", True, False).splitlines()[0]
    assert first == "Nav Lillevik (9001), registered Mon 23 Nov 2026 09:05, urgent"


@pytest.mark.parametrize("when", ["2026-11-23T09:05", "2026-11-23T08:05Z", "2026-11-23T13:05+05:00"])
def test_when_is_local_unless_it_has_an_offset(config: Config, when: str) -> None:
    """Office time is meant, but an offset in WHEN is honoured."""
    answer = json.loads(deadline_command(config, "9001", when, False, True))
    assert answer["registered_at"] == "2026-11-23T09:05:00+01:00"


@pytest.mark.parametrize("when", ["1970-06-01T10:00", "2101-12-23T14:50", "4000-12-23T14:50"])
def test_any_year_may_be_asked(config: Config, when: str) -> None:
    """Christmas of any year can be checked before it comes."""
    answer = json.loads(deadline_command(config, "9001", when, False, True))
    assert answer["registered_at"].startswith(when)


@pytest.mark.parametrize("when", ["", "tomorrow", "2026-11-23", "2026-13-01T10:00", "23.11.2026 09:05"])
def test_bad_when_says_what_to_write(config: Config, when: str) -> None:
    """A WHEN that is no date with a time is refused with an example."""
    with pytest.raises(ValueError, match="2026-12-23T14:50"):
        deadline_command(config, "9001", when, False, False)


@pytest.mark.parametrize("when", ["9999-12-31T16:00", "0001-01-01T00:00"])
def test_ends_of_the_calendar_are_refused(config: Config, when: str) -> None:
    """Beyond the first and last year there is nothing to compute, and that is said."""
    with pytest.raises(ValueError, match=r"calendar|no phone hours"):
        deadline_command(config, "9001", when, False, True)


def test_unknown_office_lists_the_known(config: Config) -> None:
    """An unknown office number is answered with those there are."""
    with pytest.raises(ValueError, match="no office '9009'; there are: 9001 Nav Lillevik, 9002 Nav Storvik"):
        deadline_command(config, "9009", "2026-11-23T09:05", False, False)


def test_check_prints_the_effective_configuration() -> None:
    """A sound configuration gives 0 and the configuration with its defaults."""
    code, text = check_command(DEMO, {})
    assert code == 0
    assert 'public_number = "+4773000010"' in text
    assert "# public_url is not set: http://127.0.0.1:8600 is used" in text


def test_check_warns_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be used but is not reviewed is told at the end, with exit code 0; what is in order is not."""
    assert "# warnings" not in check_command(DEMO, {})[1]
    monkeypatch.setattr("config.check.NOT_REVIEWED", frozenset({"en", "so"}))
    code, text = check_command(DEMO, {})
    assert code == 0
    why = "the prompts in 'en' are not reviewed by a native speaker yet"
    assert text.splitlines()[-5:-2] == [
        "# warnings: this can be used as it is, but",
        f"# offices.toml: office[1].languages: {why} (office 9001)",
        f"# offices.toml: office[2].languages: {why} (office 9002)",
    ]


def test_check_warns_of_the_languages_of_an_office(tmp_path: Path) -> None:
    """The prompts that wait for review, and the languages without a voice, are told for the office that lists them."""
    shutil.copytree(DEMO, tmp_path, dirs_exist_ok=True)
    offices = tmp_path / "offices.toml"
    text = offices.read_text(encoding="utf-8")
    listed = text.replace('languages = ["nb", "en"]', 'languages = ["nb", "uk", "so", "sma"]', 1)
    offices.write_text(listed, encoding="utf-8")
    code, told = check_command(tmp_path, {})
    assert code == 0
    where = "# offices.toml: office[1].languages:"
    silent = "sentence by sentence, what is not recorded is heard in bokmål"
    assert told.partition("# warnings")[2].splitlines()[1:-2] == [
        f"{where} the prompts in 'uk' are not reviewed by a native speaker yet (office 9001)",
        f"{where} the prompts in 'so' are not reviewed by a native speaker yet (office 9001)",
        f"{where} no synthetic voice speaks 'so': {silent} (office 9001)",
        f"{where} no synthetic voice speaks 'sma': {silent} (office 9001)",
    ]


def test_check_knows_what_the_catalogue_knows() -> None:
    """Which languages wait for review is said in one place."""
    assert check.NOT_REVIEWED is prompts.NOT_REVIEWED


def test_check_prints_every_error(tmp_path: Path) -> None:
    """Errors give 1 and a line for each with file and key."""
    (tmp_path / "offices.toml").write_text("[[office]]\nname = 'Nav Lillevik'\n", encoding="utf-8")
    code, text = check_command(tmp_path, {})
    assert code == 1
    assert "offices.toml: office[1].public_number: missing: this key must be set" in text.splitlines()
    assert any(line.startswith("staff.toml: missing") for line in text.splitlines())


def test_check_never_prints_a_secret() -> None:
    """Secrets are said to be set or not, never shown."""
    environ = {"TAST1_AMI_SECRET": "hunter2", "TAST1_FASTAGI_TOKEN": "hunter3"}
    _, text = check_command(DEMO, environ)
    assert "hunter" not in text
    assert "# TAST1_AMI_SECRET: set" in text.splitlines()
    assert "# TAST1_DEMO_PASSWORD: not set" in text.splitlines()


def test_effective_configuration_is_the_same_configuration(config: Config, tmp_path: Path) -> None:
    """What is printed can be cut into the three files again and loads to the same."""
    text = effective(config, Secrets())
    marks = ["# tast1.toml", "# offices.toml", "# staff.toml", "# environment"]
    for name, mark, following in zip(("tast1", "offices", "staff"), marks, marks[1:], strict=False):
        part = text.partition(mark)[2].partition(following)[0]
        tomllib.loads(part)
        (tmp_path / f"{name}.toml").write_text(part, encoding="utf-8")
    assert load(tmp_path, {}) == config


def test_effective_configuration_escapes_text(config: Config) -> None:
    """Quotes and control characters in a name cannot break the printed text."""
    person = config.people[0].model_copy(update={"name": 'Kari "K" \\ \x7f\n[service]'})
    text = effective(config.model_copy(update={"people": (person,)}), load_secrets({}, config))
    part = text.partition("# staff.toml")[2].partition("# environment")[0]
    assert tomllib.loads(part)["person"][0]["name"] == person.name
