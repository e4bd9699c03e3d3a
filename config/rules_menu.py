"""Reads the offices' menu files and refuses a menu that could lose a caller. Called by load.py only.

Every rule looks at the whole menu, so that all its errors are told at once. Nothing here may raise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

from pydantic import ValidationError

from callback.numbers import NumberRefused, check_number
from config.menu import AFTER_REGISTERING, KINDS, NODE, Menu
from config.model import NumberSettings, Office
from ivr.prompts import BASE_LANGUAGE, Catalogue, UnknownPrompt, split_item

Found = Iterator[tuple[str, str]]
"""(key, message)"""
COMPLETE = ("nb", "en")
"""Languages in which nothing may be missing; in the others a sentence falls back to bokmål, and a warning says so."""


def shipped_menu() -> str:
    """The text of the menu that comes with the service, for a folder that has none of its own."""
    return resources.files("config").joinpath("demo", "menu.toml").read_text("utf-8")


def menu_problems(
    table: dict[str, Any], tell: Callable[[Any, str], Found]
) -> tuple[Menu | None, list[tuple[str, str]]]:
    """The menu, or None, and what is wrong with its keys one by one. `tell` puts a validation error in words."""
    nodes = table.get("node")
    problems = [
        (key, "unknown key; a menu has start, zero and [node.NAME] tables")
        for key in sorted(table.keys() - {"start", "zero", "node"})
    ]
    if not isinstance(nodes, dict) or not nodes:
        return None, [*problems, ("node", "no nodes; write a [node.NAME] table for each")]
    good = {}
    for name, node in nodes.items():
        good[name], wrong = _read_node(name, node, tell)
        problems += wrong
    for key in ("start", "zero"):
        target = table.get(key)
        if (target is not None or key == "start") and (not isinstance(target, str) or target not in nodes):
            problems.append((key, _no_node(target, nodes)))
    for name, node in good.items():
        for key, target in node.edges() if node is not None else ():
            if target not in nodes:
                problems.append((f"node.{name}.{key}", _no_node(target, nodes)))
    if problems:
        return None, problems
    return Menu(start=table["start"], zero=table.get("zero"), node=good), []


def _read_node(
    name: str, node: object, tell: Callable[[Any, str], Found]
) -> tuple[Any, list[tuple[str, str]]]:
    if not isinstance(node, dict):
        return None, [(f"node.{name}", "must be a table: [node.NAME]")]
    if node.get("kind") not in KINDS:
        return None, [(f"node.{name}.kind", f"write one of: {', '.join(KINDS)}")]
    try:
        return NODE.validate_python(node), []
    except ValidationError as error:
        return None, list(tell(error, f"node.{name}"))


def _no_node(target: object, nodes: dict[str, Any]) -> str:
    if target is None:
        return f"missing: name the node the call begins with, one of: {', '.join(nodes)}"
    return f"there is no node {target!r}; there are: {', '.join(nodes)}"


def graph_problems(menu: Menu) -> Found:
    """Nodes nobody comes to, and ways that lose the caller."""
    for name in menu.node.keys() - _reached(menu):
        yield f"node.{name}", "nobody ever comes here: no node leads to it; remove it, or lead to it"
    for name in menu.node:
        loop = _silent_loop(menu, name)
        if loop is not None:
            yield f"node.{name}", f"a caller who presses nothing goes round for ever: {' -> '.join(loop)}"
    for name in _unregistered(menu):
        node = menu.node[name]
        if node.kind in AFTER_REGISTERING:
            yield (
                f"node.{name}",
                "a caller can come here without being on the list; put a register node before it",
            )
    for name, node in menu.node.items():
        if node.kind == "set" and node.when is None and node.discreet is None and node.until is None:
            yield f"node.{name}", "sets nothing; give it when, discreet or until"
        if (
            node.kind in ("choose", "confirm", "status")
            and "0" in node.keys
            and menu.zero not in (None, node.keys["0"])
        ):
            yield f"node.{name}.keys.0", f"0 has two meanings: it leads to {menu.zero!r} everywhere (zero)"
    if not any(node.kind == "goodbye" for node in menu.node.values()):
        yield "node", "no goodbye node: no call ever ends"


def _reached(menu: Menu) -> set[str]:
    seen: set[str] = set()
    waiting = list(menu.entries())
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [target for _, target in menu.node[name].edges()]
    return seen


def _silent_loop(menu: Menu, name: str) -> list[str] | None:
    """The loop a silent caller is caught in from here, told at its first node only."""
    way = [name]
    while (following := menu.node[way[-1]].silent) is not None:
        if following in way:
            loop = way[way.index(following) :]
            return [*loop, following] if name == min(loop) else None
        way.append(following)
    return None


def _unregistered(menu: Menu) -> set[str]:
    """Nodes a caller can come to without being on the list."""
    seen: set[str] = set()
    waiting = list(menu.entries()) if menu.zero is None else [menu.start]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        node = menu.node[name]
        if node.kind == "status":
            waiting.append(node.none)
        elif node.kind != "register":
            waiting += [target for _, target in node.edges()]
            if menu.zero is not None and node.kind in ("choose", "language"):
                waiting.append(menu.zero)
    return seen


def office_problems(
    menu: Menu, office: Office, catalogue: Catalogue, numbers: NumberSettings | None
) -> Found:
    """What is wrong with a menu for one office: prompts and numbers."""
    for name, node in menu.node.items():
        for prompt in node.prompts:
            yield from _prompt_problems(f"node.{name}", prompt, office, catalogue)
        if node.kind == "transfer" and numbers is not None:
            try:
                if check_number(node.to, numbers) != node.to:
                    yield f"node.{name}.to", "write the number as +47 and eight digits"
            except NumberRefused as refused:
                yield f"node.{name}.to", f"a number that may not be rung ({refused.why})"
            if node.to in (office.public_number, office.oncall_number):
                yield (
                    f"node.{name}.to",
                    "this service answers that number itself: the caller would go in circles",
                )
    languages = len(office.languages)
    if languages > 9 and any(node.kind == "language" for node in menu.node.values()):
        yield "node", f"{languages} languages do not fit on the keys 1 to 9"


def _prompt_problems(key: str, prompt: str, office: Office, catalogue: Catalogue) -> Found:
    language, prompt_id = "", prompt
    if "/" in prompt:
        try:
            language, prompt_id = split_item(prompt)
        except UnknownPrompt as error:
            yield key, str(error)
            return
    if prompt_id not in catalogue:
        yield key, f"there is no prompt {prompt_id!r}; `tast1 prompts list` shows them all"
        return
    wanted = [language] if language else [name for name in office.languages if name in COMPLETE]
    for name in wanted:
        if name != BASE_LANGUAGE and catalogue.resolve(name, prompt_id) != f"{name}/{prompt_id}":
            yield key, f"the prompt {prompt_id!r} is missing in {name!r}"
