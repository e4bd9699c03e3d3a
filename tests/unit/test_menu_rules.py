"""A menu file that could lose a caller is refused, with every error told at its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import ConfigError, load
from config.rules_menu import shipped_menu

DEMO = Path(__file__).resolve().parents[2] / "config" / "demo"


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
    assert old in shipped_menu()
    return shipped_menu().replace(old, new, 1)


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
            changed('kind = "closed"\nnext = "promise"', 'kind = "closed"'),
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
        (changed('"intake.when",', '"intake.whenn",'), "menu.toml: node.when: there is no prompt 'intake.whenn'"),
        (changed('next = "goodbye_withdrawn"', 'next = "nowhere"'), "there is no node 'nowhere'"),
        (
            changed('[node.person]\nkind = "on_call"', '[node.person]\nkind = "transfer"\nto = "+4782000000"'),
            "menu.toml: node.person.to: a number that may not be rung (premium)",
        ),
        (
            changed('[node.person]\nkind = "on_call"', '[node.person]\nkind = "transfer"\nto = "+4773000010"'),
            "answers that number itself",
        ),
        (changed('2 = "language"', '2 = "promise"'), "without being on the list"),
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
        (changed('"intake.when_borrowed"', '"en/intake.nonsense"'), "there is no prompt 'intake.nonsense'"),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, menu: str, said: str) -> None:
    """Each error is told with its file and key."""
    told = problems(tmp_path, menu)
    assert any(said in problem for problem in told), told


def test_all_errors_at_once(tmp_path: Path) -> None:
    """Every node's errors are told together; then what is wrong with the graph, together."""
    menu = changed('kind = "withdraw"', 'kind = "withdrew"').replace('start = "greeting"', 'start = "x"')
    assert len(problems(tmp_path, menu.replace('none = "status_none"', 'none = "nowhere"'))) == 3
    menu = changed('"intake.when",', '"intake.whenn",').replace('2 = "language"', '2 = "promise"')
    assert len(problems(tmp_path, menu)) >= 3


def test_a_menu_that_is_not_there(tmp_path: Path) -> None:
    """An office that names a menu file gets told when it is missing."""
    problems(tmp_path, shipped_menu())
    offices = tmp_path / "offices.toml"
    offices.write_text(
        offices.read_text("utf-8").replace(
            'name = "Nav Storvik"', 'name = "Nav Storvik"\nmenu = "storvik.toml"'
        )
    )
    with pytest.raises(ConfigError, match=r"storvik\.toml: missing"):
        load(tmp_path, {}, line="simulated")
    (tmp_path / "storvik.toml").write_text(shipped_menu(), "utf-8")
    assert set(load(tmp_path, {}, line="simulated").menus) == {"menu.toml", "storvik.toml"}
