"""Who leads whom, who stands in, who sees protected persons: what `tast1 check` fills in and warns of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from config.check import effective, warnings
from config.load import load, load_secrets
from config.model import Config
from tests.offices import config

DEMO = Path(__file__).resolve().parents[2] / "config" / "demo"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO, tmp_path / "config"))


def edited(folder: Path, file: str, old: str, new: str) -> Config:
    path = folder / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return load(folder, {}, line="simulated")


def test_the_demo_warns_of_nothing() -> None:
    """Both offices have a substitute, and somebody who sees protected persons."""
    assert warnings(load(DEMO, {}, line="simulated")) == ()


@pytest.mark.parametrize(
    ("file", "old", "key", "says"),
    [
        (
            "offices.toml",
            'substitute_office = "9002"\n',
            "office[1].substitute_office",
            "administrators only",
        ),
        ("staff.toml", "protected_access = true\n", "office[1].office_no", "protected_access"),
    ],
)
def test_advice(folder: Path, file: str, old: str, key: str, says: str) -> None:
    """What nobody could serve is told before it happens, with the office."""
    (told,) = warnings(edited(folder, file, old, ""))
    assert (told.file, told.key) == ("offices.toml", key)
    assert says in told.message


def test_leaders_are_filled_in(folder: Path) -> None:
    """Left out: the office's leaders, as `tast1 check` prints them; written as one id or as several; `[]` is nobody."""
    of = edited(folder, "staff.toml", 'extension = "202"', 'extension = "202"\nreports_to = []')
    of = edited(folder, "staff.toml", 'extension = "204"', 'extension = "204"\nreports_to = "liv"')
    leaders = {person.id: person.reports_to for person in of.people}
    assert (leaders["kari"], leaders["ola"], leaders["maren"], leaders["liv"]) == (("liv",), (), ("liv",), ())
    assert 'reports_to = ["liv"]' in effective(of, load_secrets({}, of))


def test_what_is_printed_means_the_same(folder: Path) -> None:
    """The leaders that were filled in are the same when they are written out."""
    of = load(folder, {}, line="simulated")
    printed = effective(of, load_secrets({}, of)).split("# staff.toml\n")[1].split("# environment")[0]
    (folder / "staff.toml").write_text(printed, "utf-8")
    assert load(folder, {}, line="simulated").people == of.people


def test_a_leader_who_goes_is_nobodys(folder: Path) -> None:
    """A configuration is made anew from its files: nobody reports to one who has left."""
    of = config()
    without = tuple(p.model_copy(update={"reports_to": None}) for p in of.people if p.id != "liv")
    assert {
        p.reports_to for p in Config(settings=of.settings, offices=of.offices, people=without).people
    } == {()}


def test_a_copy_looks_among_its_own() -> None:
    """Look-ups are kept, and not those of the configuration that a copy was made from; two that say the same are equal."""
    whole = config()
    assert [person.id for person in whole.people_of("9001")] == ["kari", "ola", "liv"]
    assert whole.people_of("") == ()
    left = whole.model_copy(update={"offices": whole.offices[1:], "people": whole.people[1:]})
    assert (left.person("kari"), left.office("9001"), left.office("9002")) == (None, None, whole.offices[1])
    assert [person.id for person in left.people_of("9001")] == ["ola", "liv"]
    assert whole.person("kari") == whole.people[0]
    assert left.model_copy(update={"offices": whole.offices, "people": whole.people}) == whole
