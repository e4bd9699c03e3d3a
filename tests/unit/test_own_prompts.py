"""The offices' own prompts: what stands in prompts.toml, what is refused, and what is warned of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from config.changes import changes
from config.check import warnings
from config.load import ConfigError, load
from config.model import Config
from ivr.prompts import Catalogue, UnknownPrompt

DEMO = Path(__file__).resolve().parents[2] / "config" / "demo"
HOUSING = "For midlertidig bolig, tast 4."
OWN = f'[nb]\nhousing = "{HOUSING}"\n[en]\nhousing = "For temporary housing, press 4."\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo offices with a fourth key in the greeting, and a prompt that tells of it."""
    copy = tmp_path / "config"
    shutil.copytree(DEMO, copy)
    menu = (copy / "menu.toml").read_text("utf-8")
    menu = menu.replace('"intake.been_before"]', '"intake.been_before", "office.housing"]')
    menu = menu.replace('3 = "status" }', '3 = "status", 4 = "housing" }')
    menu += '\n[node.housing]\nkind = "transfer"\nto = "+4773001234"\nnext = "register"\n'
    (copy / "menu.toml").write_text(menu, "utf-8")
    return copy


def loaded(folder: Path, own: str) -> Config:
    (folder / "prompts.toml").write_text(own, "utf-8")
    return load(folder, {})


def problems(folder: Path, own: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        loaded(folder, own)
    return [str(problem) for problem in refused.value.problems]


def test_they_are_prompts_like_the_others(folder: Path) -> None:
    """Their ids begin with `office.`; each language has its words."""
    config = loaded(folder, OWN)
    catalogue = Catalogue.load().with_own(config.prompts)
    assert catalogue.text("nb/office.housing") == HOUSING
    assert catalogue.text("en.slow/office.housing") == "For temporary housing, press 4."
    assert catalogue.text("uk/office.housing") == HOUSING
    assert warnings(config) == ()


def test_none_of_their_own(folder: Path) -> None:
    """A menu that says what there is not is refused, with the key."""
    (told,) = [line for line in problems(folder, "") if "office.housing" in line]
    assert told.startswith("menu.toml: node.greeting.say[4]: there is no prompt 'office.housing';")


def test_a_language_that_lacks_one(folder: Path) -> None:
    """Callers hear it in bokmål; the check says so."""
    told = [str(one) for one in warnings(loaded(folder, f'[nb]\nhousing = "{HOUSING}"\n'))]
    assert told == [
        "menu.toml: node.greeting.say[4]: 'office.housing' has no text in 'en': it is heard in bokmål"
    ]


def test_a_key_that_no_prompt_tells_of(folder: Path) -> None:
    """Callers cannot know of it; a warning."""
    told = [str(one) for one in warnings(loaded(folder, '[nb]\nhousing = "Hei."\n[en]\nhousing = "Hi."\n'))]
    assert told == ["menu.toml: node.greeting.keys.4: no prompt of this node says 'tast 4': add one to say"]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("[nb]\nhousing = 3\n", 'nb.housing: write text in quotes, as in "..."'),
        ('[nb]\nhousing = " "\n', "nb.housing: must not be empty"),
        (f'[nb]\nhousing = "{"a" * 281}"\n', "nb.housing: at most 280 characters"),
        ('[nb]\n"Mid.bolig" = "Hei"\n', "nb.Mid.bolig: write the name with small letters"),
        ('[en]\nhousing = "Hi"\n', "en.housing: missing in [nb], which all languages fall back to"),
        ('[nn]\nhousing = "Hei"\n', "nn: not a language with prompts; there are: nb, ar"),
        ('nb = "Hei"\n', "nb: must be a table: [nb]"),
        ("[nb\n", "line 1: not TOML"),
    ],
)
def test_refused(folder: Path, own: str, said: str) -> None:
    """Each error is told with its key."""
    assert any(line.startswith(f"prompts.toml: {said}") for line in problems(folder, own))


def test_what_changed(folder: Path) -> None:
    """A reload names the prompts, and says no words."""
    old, new = loaded(folder, OWN), loaded(folder, OWN.replace("press 4", "please press 4"))
    assert changes(old, new).changed == ("prompts.toml: en office.housing",)


def test_own_prompts_come_and_go() -> None:
    """Those given last are all there are; those that ship stay."""
    catalogue = Catalogue.load()
    one = catalogue.with_own({"nb": {"office.a": "A."}})
    other = one.with_own({"nb": {"office.b": "B."}})
    assert set(other.ids) - set(catalogue.ids) == {"office.b"}
    with pytest.raises(UnknownPrompt):
        other.text("nb/office.a")
    assert other.note("nb/intake.greeting")


def test_an_offices_own_emergency_numbers(folder: Path) -> None:
    """Named in offices.toml: known to the menu, warned of where a language lacks it, refused where it is none."""
    offices = folder / "offices.toml"
    chosen = 'urgent_limit = "2h"\nemergency_prompt = "office.emergency"\n'
    offices.write_text(offices.read_text("utf-8").replace('urgent_limit = "2h"\n', chosen), "utf-8")
    own = (
        f'[nb]\nhousing = "{HOUSING}"\nemergency = "Krisesenteret, 73 00 99 99."\n[en]\nhousing = "press 4"\n'
    )
    config = loaded(folder, own.replace("press 4", "For housing, press 4."))
    assert [office.emergency_prompt for office in config.offices] == [
        "office.emergency", "intake.emergency_numbers",
    ]  # fmt: skip
    told = "offices.toml: office[1].emergency_prompt: 'office.emergency' has no text in 'en': it is heard in bokmål (office 9001)"
    assert told in map(str, warnings(config))
    (refused,) = problems(folder, OWN)
    assert refused.startswith(
        "offices.toml: office[1].emergency_prompt: there is no prompt 'office.emergency'"
    )


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (OWN.replace("press 4", "press 5"), "'press 5' (en), but this node has no key 5"),
        (OWN.replace("tast 4", "tast 4. Eller tast 6"), "'tast 6' (nb), but this node has no key 6"),
        (OWN.replace("4.", "4, or press 8."), "'press 8' (en), but"),
    ],
)
def test_a_key_that_is_not_there(folder: Path, own: str, said: str) -> None:
    """Callers are sent to a key that means nothing, in one language: a warning that names it."""
    (told,) = map(str, warnings(loaded(folder, own)))
    assert told.startswith(f"menu.toml: node.greeting.say[4]: 'office.housing' says {said}")


def test_a_key_of_the_question_that_follows(folder: Path) -> None:
    """What is said on the way to a question tells of that question's keys; 0 is one where there is somebody to ask for."""
    menu = (folder / "menu.toml").read_text("utf-8")
    menu = menu.replace('start = "greeting"', 'start = "hello"')
    menu += '[node.hello]\nkind = "say"\nsay = ["office.hello"]\nnext = "greeting"\n'
    (folder / "menu.toml").write_text(menu, "utf-8")
    hello = '[nb]\nhello = "Tast 4 for bolig, tast 0 for en person."\n'
    own = OWN.replace("[nb]\n", hello).replace("[en]\n", '[en]\nhello = "Press 3, or press 7."\n')
    (told,) = map(str, warnings(loaded(folder, own)))
    assert told.startswith("menu.toml: node.hello.say[1]: 'office.hello' says 'press 7' (en), but 'greeting'")
