"""A menu file that could lose a caller is refused, with every error told at its key."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from config.check import warnings
from config.load import ConfigError, load
from config.model import NumberSettings
from config.rules_menu import Around, read_menu, shipped_menu
from ivr.prompts import Catalogue

DEMO = Path(__file__).resolve().parents[2] / "config" / "demo"
AROUND = Around(Catalogue.load(), NumberSettings(), {})
OFFICES = list(load(DEMO, {}).offices)


def problems(folder: Path, menu: str) -> list[str]:
    """What the demo configuration's check says with this menu."""
    for file in DEMO.glob("*.toml"):
        (folder / file.name).write_text(file.read_text("utf-8"), "utf-8")
    (folder / "menu.toml").write_text(menu, "utf-8")
    try:
        load(folder, {}, line="simulated")
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def changed(old: str, new: str) -> str:
    """The shipped menu with something else in its nodes; its comments stay."""
    comments, start, nodes = shipped_menu().partition('start = "greeting"')
    assert old in start + nodes
    return comments + (start + nodes).replace(old, new, 1)


def test_the_shipped_menu_is_sound(tmp_path: Path) -> None:
    """The menu that ships has nothing wrong with it."""
    assert problems(tmp_path, shipped_menu()) == []


def test_a_folder_without_a_menu_has_the_shipped_one(tmp_path: Path) -> None:
    """An office that never copied the menu keeps working."""
    assert problems(tmp_path, shipped_menu()) == []
    (tmp_path / "menu.toml").unlink()
    assert load(tmp_path, {}, line="simulated").menus["menu.toml"].start == "greeting"


@pytest.mark.parametrize(
    ("menu", "said"),
    [
        (
            shipped_menu() + '\n[node.island]\nkind = "say"\nsay = ["intake.noted"]\nnext = "goodbye"\n',
            "menu.toml: node.island: nobody ever comes here",
        ),
        (
            changed('kind = "closed"\nnext = "wait"', 'kind = "closed"'),
            "menu.toml: node.hours.next: missing",
        ),
        (
            changed('[node.number]\nkind = "number"\nnext = "hours"', '[node.number]\nkind = "number"\nnext = "when"')
            .replace('silence = "promise"', 'silence = "number"', 1),
            "goes round for ever",
        ),
        (
            changed('keys = { 1 = "register", 2 = "language"', 'keys = { 1 = "register", 1 = "language"'),
            "stands twice",
        ),
        (changed('"intake.when",', '"intake.whenn",'), "menu.toml: node.when.say[1]: there is no prompt 'intake.whenn'; did you mean 'intake.when'? `tast1 prompts list`"),
        (changed('next = "goodbye_withdrawn"', 'next = "nowhere"'), "there is no node 'nowhere'"),
        (
            changed('[node.person]\nkind = "on_call"', '[node.person]\nkind = "transfer"\nto = "+4782000000"'),
            "menu.toml: node.person.to: +47820… is an 8xx or special-rate number; add it to numbers.allow in tast1.toml to ring it",
        ),
        (
            changed('[node.person]\nkind = "on_call"', '[node.person]\nkind = "transfer"\nto = "+4773000010"'),
            "answers that number itself, for Nav Lillevik: the caller would go in circles",
        ),
        (
            changed('2 = "language"', '2 = "promise"'),
            "menu.toml: node.greeting.keys.2: leads to 'promise', where the caller must be on the list already; lead to a register node first",
        ),
        (changed('kind = "withdraw"', 'kind = "withdrew"'), "menu.toml: node.withdraw.kind: write one of: say"),
        (changed('when = "morning"', 'when = "night"'), "menu.toml: node.when_morning.when: write one of"),
        (changed('when = "any"\n', ""), "menu.toml: node.when_any: sets nothing"),
        (changed('2 = "language"', '12 = "language"'), "node.greeting.keys.12"),
        (changed('start = "greeting"', 'start = "open"'), "menu.toml: start: there is no node 'open'"),
        (changed('zero = "person"', "zero = 3"), "menu.toml: zero: there is no node 3"),
        (changed('kind = "language"\nnext = "greeting"', 'kind = "language"\nnxt = "greeting"'), "nxt: unknown key"),
        ("start = 'a'\n", "menu.toml: node: no nodes"),
        ('start = "a"\nnode = 3\n', "menu.toml: node: no nodes"),
        ('start = "a"\n[node]\na = 3\n', "menu.toml: node.a: must be a table"),
        ('start = "a"\n[node.a]\nkind = "info"\nnext = "a"\n', "goes round for ever: a -> a"),
        ('start = "a"\n[node.a]\nkind = "info"\nnext = "a"\n', "no goodbye node"),
        (
            changed('keys = { 1 = "register", 2 = "language"', 'keys = { 1 = "language", 2 = "register"'),
            "node.greeting.keys.1: 1 must lead to a register node: 'intake.greeting' (greeting.say[1]) promises it",
        ),
        (
            changed('keys = { 1 = "register", 2 = "language"', 'keys = { 2 = "language"'),
            "node.greeting.keys.1: 1 must lead to a register node",
        ),
        (
            changed('start = "greeting"', 'start = "hello"') + '[node.hello]\nkind = "say"\nsay = ["nb/intake.greeting"]\nnext = "status_hours"\n',
            "node.goodbye.keys.1: 1 must lead to a register node: 'nb/intake.greeting' (hello.say[1])",
        ),
        (
            changed('[node.person]\nkind = "on_call"', '[node.person]\nkind = "transfer"\nto = "+4773000021"'),
            "node.person.to: this service answers that number itself, for Nav Storvik: the caller would go in circles",
        ),
        (
            changed('[node.person]\nkind = "on_call"', '[node.person]\nkind = "transfer"\nto = "201"'),
            "node.person.to: 201 is a short number; write +47 before it, and add it to numbers.allow in tast1.toml",
        ),
        (
            changed('[node.person]\nkind = "on_call"', '[node.person]\nkind = "transfer"\nto = "+47116117"'),
            "node.person.to: +47116… is an emergency or help line number, which can never be rung; use the centre's ordinary eight-digit number, or say",
        ),
        (
            changed('[node.person]\nkind = "on_call"', '[node.person]\nkind = "transfer"\nto = "40001234"'),
            "node.person.to: write the number as +47 and eight digits",
        ),
        (
            changed('[node.person]\nkind = "on_call"', '[node.person]\nkind = "transfer"\nto = "hei"'),
            "node.person.to: not a telephone number",
        ),
        (changed("discreet = true", 'discreet = "yes"'), "node.discreet.discreet: write true or false, without quotes"),
        (changed("hours = true", "hours = 1"), "node.greeting.hours: write true or false"),
        (changed("until = 16:00:00", 'until = "16:00"'), "node.borrowed.until: write a time without quotes, as in 16:00:00"),
        (
            changed("discreet = true", "discreet = false"),
            "node.discreet.say[1]: 'intake.discreet_noted' says that we leave no messages; write discreet = true, or say 'intake.noted'",
        ),
        (changed('[node.when]\nkind = "choose"\n', "[node.when]\n"), "node.when.kind: missing: write one of: say, choose"),
        (
            changed('3 = "when", 4 = "discreet"', '3 = "wen", 4 = "discreet"'),
            "node.promise.keys.3: there is no node 'wen'; did you mean 'when'?",
        ),
        (changed('kind = "language"', 'kind = "language"\nzero = "person"'), "node.language.zero: zero stands at the top of the file, above"),
        (changed('start = "greeting"', "start = greeting"), 'not TOML: write text in quotes, as in "..." (column 9)'),
        (changed('2 = "language"', "2 = language"), 'not TOML: write text in quotes, as in "..." (column 30)'),
        (changed("until = 16:00:00", "until = 16:00"), "not TOML: write a time without quotes, as in 16:00:00"),
        (changed("discreet = true", "discreet = True"), "not TOML: write true or false, in small letters"),
        (changed('next = "goodbye_withdrawn"', 'next = "xyz"'), "there is no node 'xyz'; there are: greeting"),
        (changed('keys = { 1 = "register"', 'keys = { 0 = "register", 1 = "register"'), "(zero); use another digit, or remove zero"),
        (changed('2 = "language"', '12 = "language"'), "node.greeting.keys.12: write one digit, 1 to 9"),
        (changed('2 = "language"', '"*" = "language"'), "node.greeting.keys.*: write one digit, 1 to 9"),
        (changed('2 = "language"', '* = "language"'), "not TOML: write one digit, 1 to 9 (column 26)"),
        (
            changed('again = ["intake.greeting_again"]', 'agan = ["intake.greeting_again"]'),
            "node.greeting.agan: unknown key; did you mean 'again'? a choose node has: say, again, hours, keys, silence",
        ),
        (changed('kind = "closed"\nnext = "wait"', 'kind = "closed"\nx = 1\nnext = "wait"'), "unknown key; a closed node has: next"),
        (changed('kind = "closed"\nnext = "wait"', 'kind = "closed"'), "node.hours.next: missing: name the node that follows"),
        (changed('say = ["intake.when", "intake.when_borrowed"]', "say = []"), "node.when.say: write at least one prompt"),
        (changed('say = ["intake.when", "intake.when_borrowed"]\n', ""), "node.when.say: write at least one prompt"),
        (
            changed('keys = { 1 = "when_any", 2 = "when_morning", 3 = "when_midday", 4 = "when_afternoon", 5 = "borrowed" }', "keys = {}"),
            "node.when.keys: write at least one key",
        ),
        (
            changed('[node.number]\nkind = "number"\nnext = "hours"', '[node.number]\nkind = "number"\nnext = "when"')
            .replace('silence = "promise"', 'silence = "number"', 1),
            "number -> when -> number; let next or silence of one of them lead elsewhere",
        ),
        (
            changed('[node.status_none]\nkind = "say"\nsay = ["intake.status_none"]\nnext = "greeting"',
                    '[node.status_none]\nkind = "say"\nsay = ["intake.status_none"]\nnext = "status"'),
            "goes round for ever: status -> status_none -> status; let next, silence or none of one of them lead elsewhere",
        ),
        (
            changed('silence = "register"', 'silence = "status"'),
            "goes round for ever: greeting -> status -> status_none -> greeting",
        ),
        (changed('3 = "status" }', '3 = "status", }'), "not TOML: a { } table must stand on one line, with no comma after the last"),
        (changed('keys = { 1 = "register",', 'keys = {\n  1 = "register",'), "a { } table must stand on one line"),
        (changed('3 = "status" }', '3 = "status"\n}'), "a { } table must stand on one line"),
        (changed('2 = "language", 3', '2 = "language" 3'), "a comma is missing in a { } table"),
        (changed('zero = "person"', 'zero = "person'), ": not TOML: a text without its closing quote"),
        ('start = "a', "last line: not TOML: a text without its closing quote"),
        ("start = 'a", "last line: not TOML: a text without its closing quote"),
        (shipped_menu() + '\n[node.status]\nkind = "info"\n', "not TOML: [node.status] stands twice"),
        (changed('"intake.when_borrowed"', '"en/intake.nonsense"'), "there is no prompt 'intake.nonsense'"),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, menu: str, said: str) -> None:
    """Each error is told with its file and key."""
    told = problems(tmp_path, menu)
    assert any(said in problem for problem in told), told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # whoever is on the list is found, and asked for no number twice
        (
            'say = ["intake.status_none"]\nnext = "greeting"',
            'say = ["intake.status_none"]\nnext = "register"',
        ),
        (
            '[node.number]\nkind = "number"\nnext = "hours"',
            '[node.number]\nkind = "number"\nnext = "register"',
        ),
    ],
)
def test_no_loop_for_whoever_is_put_on_the_list(tmp_path: Path, old: str, new: str) -> None:
    """A way back that a caller can take once only is none."""
    menu = changed(old, new).replace('silence = "status_hours"', 'silence = "promise"')
    menu = menu.replace('[node.status_hours]\nkind = "closed"\nnext = "goodbye"\n', "")
    assert problems(tmp_path, menu.replace('1 = "status_hours"', '1 = "promise"')) == []


def test_all_errors_at_once(tmp_path: Path) -> None:
    """A broken node hides no other error, and no error brings others that are not there; in the order of the file."""
    menu = (
        changed('start = "greeting"', 'start = "greting"')
        .replace('2 = "language"', '2 = "promise"')
        .replace('next = "greeting"', 'next = "greting"')
        .replace('"intake.when",', '"intake.whenn",')
        .replace("until = 16:00:00", 'until = "16"')
        .replace('kind = "withdraw"', 'kind = "withdrew"')
        .replace('[node.person]\nkind = "on_call"', '[node.person]\nkind = "transfer"\nto = "+4773000010"')
    )
    told = problems(tmp_path, menu)
    assert [line.split(": ")[1] for line in told] == [
        *("start", "node.greeting.keys.2", "node.language.next", "node.language", "node.when.say[1]"),
        *("node.borrowed.until", "node.status_none.next", "node.withdraw.kind", "node.person.to"),
    ]
    assert problems(tmp_path, menu) == told


@pytest.mark.parametrize("wrong", ["3", "[1]", "{ a = 1 }", "1.5", "2026-01-01", '""'])
@pytest.mark.parametrize(
    "line",
    ['start = "greeting"', 'zero = "person"', 'kind = "choose"', 'say = ["intake.when", "intake.when_borrowed"]',
     'keys = { 1 = "register", 2 = "language", 3 = "status" }', 'silence = "register"', "hours = true",
     'next = "greeting"', "discreet = true", "until = 16:00:00", 'when = "any"', '1 = "register"'],
)  # fmt: skip
def test_any_value_anywhere(line: str, wrong: str) -> None:
    """Whatever stands in a menu, the check says what is wrong with it, and does not fall over."""
    table = tomllib.loads(changed(line, f"{line.partition(' ')[0]} = {wrong}"))
    menu, told = read_menu(table, OFFICES, AROUND)
    assert menu is None
    assert told


@pytest.mark.parametrize("seed", range(3))
def test_the_same_lines_in_the_same_order(tmp_path: Path, seed: int) -> None:
    """Whatever order the machine keeps its sets in."""
    islands = "".join(f'[node.z{n}]\nkind = "info"\nnext = "goodbye"\n' for n in range(5))
    problems(tmp_path, shipped_menu() + islands)
    done = subprocess.run(
        [sys.executable, "-m", "callback.cli", "check", "--config", str(tmp_path)],
        env={"PYTHONHASHSEED": str(seed)},
        cwd=DEMO.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line.split(": ")[1] for line in done.stdout.splitlines()] == [f"node.z{n}" for n in range(5)]


def test_a_prompt_without_a_text_in_a_language(tmp_path: Path) -> None:
    """Callers in that language hear it in bokmål: a warning, not an error."""
    assert (
        problems(tmp_path, changed('"intake.when_borrowed"]', '"intake.when_borrowed", "whisper.urgent"]'))
        == []
    )
    assert warnings(load(tmp_path, {}, line="simulated")) == ()
    offices = tmp_path / "offices.toml"
    offices.write_text(offices.read_text("utf-8").replace('["nb", "en"]', '["nb", "en", "uk", "sma"]'))
    told = [str(one) for one in warnings(load(tmp_path, {}, line="simulated")) if one.file == "menu.toml"]
    assert told == [
        "menu.toml: node.when.say[3]: 'whisper.urgent' has no text in 'uk': it is heard in bokmål"
    ]


def advice(folder: Path, menu: str, languages: str = '["nb", "en"]') -> list[str]:
    """What check warns of in this menu."""
    assert problems(folder, menu) == []
    offices = folder / "offices.toml"
    offices.write_text(offices.read_text("utf-8").replace('["nb", "en"]', languages), "utf-8")
    return [str(one) for one in warnings(load(folder, {}, line="simulated")) if one.file == "menu.toml"]


def test_the_shipped_menu_tells_of_its_keys_in_every_language(tmp_path: Path) -> None:
    """No key is missing, and none is told of that is not there."""
    every = [name for name in Catalogue.load().languages if name != "nb"]
    told = advice(tmp_path, shipped_menu(), str(["nb", *every]).replace("'", '"'))
    assert [line for line in told if " key" in line or "tast" in line] == []


def test_a_prompt_that_tells_of_a_key_that_was_removed(tmp_path: Path) -> None:
    """Named once, with every language in which callers hear of it."""
    languages = '["nb", "en", "uk", "ar", "ru", "pl", "ti", "so"]'
    told = advice(tmp_path, changed(', 5 = "language_later" }', " }"), languages)
    (line,) = [line for line in told if "node.promise" in line]
    for word in ("nb", "en", "uk", "ar", "ru", "pl", "ti", "so"):
        assert f"5' ({word})" in line or f"5 ጽቐጡ' ({word})" in line, word
    assert line.startswith(
        "menu.toml: node.promise.say[1]: 'intake.choices' says 'tast 5' (nb), 'press 5' (en), "
    )
    assert line.endswith("but this node has no key 5: give it that key, or say another prompt")


def test_the_question_whether_it_is_urgent_has_two_keys(tmp_path: Path) -> None:
    """They are the machine's own, whatever the node says."""
    say = '[node.urgent]\nkind = "urgent"\nsay = ["intake.when"]\n'
    told = advice(tmp_path, changed('[node.urgent]\nkind = "urgent"\n', say), '["nb", "pl"]')
    for key, polish in (("3", "klawisz 3"), ("4", "klawisz 4")):
        assert any(
            f"'tast {key}' (nb), '{polish}' (pl), but this node has no key {key}" in line for line in told
        )
    assert not any("no key 1" in line or "no key 2" in line for line in told)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'say = ["intake.choices"]\n', "",
            [f"menu.toml: node.promise.keys.{n}: no prompt of this node says 'tast {n}': add one to say" for n in (2, 3, 4, 5)],
        ),
        (
            'say = ["intake.status_choices", "intake.status_withdraw"]', 'say = ["intake.status_choices"]',
            ["menu.toml: node.status.keys.9: no prompt of this node says 'tast 9': add one to say"],
        ),
    ],
)  # fmt: skip
def test_keys_of_a_promise_that_no_prompt_tells_of(
    tmp_path: Path, old: str, new: str, said: list[str]
) -> None:
    """As of a question's; but not one that leads where silence leads."""
    assert advice(tmp_path, changed(old, new)) == said


def test_a_language_question_for_one_language(tmp_path: Path) -> None:
    """Keys that lead to it are told of, for each office that has one language."""
    told = [line for line in advice(tmp_path, shipped_menu(), '["nb"]') if "language" in line]
    keys = "these keys lead to a choice of languages: greeting.2, promise.5, status.5; remove them"
    assert len(told) == 2
    for office_no, line in zip(("9001", "9002"), told, strict=True):
        assert line.startswith(f"menu.toml: node: office {office_no} has one language, but {keys}")


@pytest.mark.parametrize(
    ("following", "is_told"),
    [("goodbye", True), ("status_hours", True), ("status_none", False), ("register", False)],
)
def test_a_transfer_that_ends_in_a_goodbye(tmp_path: Path, following: str, is_told: bool) -> None:
    """Whoever nobody answered is put on the list there; no warning where they are asked before, or were on it."""
    housing = f'[node.housing]\nkind = "transfer"\nto = "+4773001234"\nnext = "{following}"\n'
    told = advice(tmp_path, changed('2 = "language"', '2 = "language", 4 = "housing"') + housing)
    said = "menu.toml: node.housing.next: leads to a goodbye without a register node: whoever nobody answered is put on"
    assert [line.startswith(said) for line in told if "goodbye" in line] == [True] * is_told
    late = changed('1 = "goodbye", 2 = "number"', '1 = "housing", 2 = "number"') + housing
    assert [line for line in advice(tmp_path, late) if "goodbye" in line] == []


def test_a_menu_that_is_not_there(tmp_path: Path) -> None:
    """An office that names a menu file gets told when it is missing."""
    problems(tmp_path, shipped_menu())
    offices = tmp_path / "offices.toml"
    offices.write_text(
        offices.read_text("utf-8").replace(
            'name = "Nav Storvik"', 'name = "Nav Storvik"\nmenu = "storvik.toml"'
        )
    )
    missing = "offices.toml: office[2].menu: there is no 'storvik.toml' in this folder"
    with pytest.raises(ConfigError) as error:
        load(tmp_path, {}, line="simulated")
    assert [str(problem) for problem in error.value.problems] == [f"{missing}; put it there (office 9002)"]
    (tmp_path / "sorvik.toml").write_text(shipped_menu(), "utf-8")
    with pytest.raises(ConfigError) as error:
        load(tmp_path, {}, line="simulated")
    named = 'sorvik.toml: not a file of Tast 1: if it is a menu, name it at an office (menu = "sorvik.toml"); else keep it'
    assert [str(problem) for problem in error.value.problems] == [
        f"{named} in another folder", f"{missing}; did you mean 'sorvik.toml'? (office 9002)",
    ]  # fmt: skip
    (tmp_path / "sorvik.toml").unlink()
    (tmp_path / "storvik.toml").write_text(shipped_menu(), "utf-8")
    assert set(load(tmp_path, {}, line="simulated").menus) == {"menu.toml", "storvik.toml"}


@pytest.mark.parametrize(
    ("old", "new"),
    [('name = "Nav Lillevik"', 'name = "Nav Lillevik'), ('urgent_limit = "2h"', 'urgent_limit = "soon"')],
)
def test_an_error_of_the_offices_hides_none_of_the_menus(tmp_path: Path, old: str, new: str) -> None:
    """Whatever can be checked without an office is; files that could be a menu are no strangers then."""
    menu = changed('"intake.when",', '"intake.whenn",').replace(
        'next = "goodbye_withdrawn"', 'next = "nowhere"'
    )
    problems(tmp_path, menu)
    (tmp_path / "storvik.toml").write_text(menu, "utf-8")
    offices = tmp_path / "offices.toml"
    text = offices.read_text("utf-8").replace(
        'name = "Nav Storvik"', 'name = "Nav Storvik"\nmenu = "storvik.toml"'
    )
    assert old in text
    offices.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ConfigError) as error:
        load(tmp_path, {}, line="simulated")
    told = [(problem.file, problem.key) for problem in error.value.problems]
    for file in ("menu.toml", "storvik.toml"):
        assert (file, "node.when.say[1]") in told
        assert (file, "node.withdraw.next") in told
    assert "offices.toml" in {file for file, _ in told}
    assert not any("not a file of Tast 1" in problem.message for problem in error.value.problems)


def test_offices_under_a_name_like_theirs(tmp_path: Path) -> None:
    """Named as what it could be, and not taken for a menu."""
    problems(tmp_path, shipped_menu())
    (tmp_path / "offices.toml").rename(tmp_path / "office.toml")
    with pytest.raises(ConfigError) as error:
        load(tmp_path, {}, line="simulated")
    (told,) = error.value.problems
    assert told.file == "offices.toml"
    assert told.message.endswith("; is it 'office.toml'?")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('keys = { 1 = "register", 2 = "language", 3 = "status" }', "keys = 3"),
        ('keys = { 1 = "register", 2 = "language", 3 = "status" }\n', ""),
        ('silence = "register"\n\n[node.language]', "silence = 3\n\n[node.language]"),
        ('kind = "closed"\nnext = "wait"', 'kind = "closed"\nnxt = "wait"'),
    ],
)
def test_ways_that_could_not_be_read_leave_nobody_alone(tmp_path: Path, old: str, new: str) -> None:
    """One error, and not one more for each node that follows."""
    told = problems(tmp_path, changed(old, new))
    assert told
    assert not any("nobody ever comes here" in line for line in told), told
