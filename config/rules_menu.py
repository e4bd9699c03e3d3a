"""Reads the offices' menu files and refuses a menu that could lose a caller. Called by load.py only.

Every rule looks at whatever of the menu could be read, so that all its errors are told at once, in the order of the
file. Nothing here may raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from pydantic import ValidationError

from callback.numbers import NumberRefused, Refusal, check_number
from config.error_words import did_you_mean, message, place
from config.menu import KINDS, MODELS, NODE, WAYS, Menu
from config.model import NumberSettings, Office
from config.rules_office import REFUSED
from config.rules_ways import Found, graph_problems, meant_node, target_problems, unreached
from ivr.prompts import BASE_LANGUAGE, OWN, Catalogue, UnknownPrompt, split_item

COMPLETE = ("nb", "en")
"""Languages in which nothing may be missing; in the others a sentence falls back to bokmål, and a warning says so."""
_SAYS_PRESS_1 = frozenset({"intake.greeting", "intake.greeting_again"})
"""Prompts that tell callers to press 1 to be rung."""
_SAYS_NO_MESSAGES = "intake.discreet_noted"
_ADD_IT = "add it to numbers.allow in tast1.toml to ring it"
_NOT_RUNG = {
    Refusal.PREMIUM: f"is an 8xx or special-rate number; {_ADD_IT}",
    Refusal.SHORT: f"is a short number; write +47 before it, and {_ADD_IT}; a desk's extension cannot be rung",
    Refusal.EMERGENCY: (
        "is an emergency or help line number, which can never be rung; "
        "use the centre's ordinary eight-digit number, or say the number in a prompt"
    ),
}
"""Of the number a transfer rings; the other refusals are those of offices.toml."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a menu is checked against."""

    catalogue: Catalogue
    numbers: NumberSettings | None
    """None when they could not be read."""
    answered: Mapping[str, str]
    """Each number that this service answers, and the office it belongs to."""


def shipped_menu() -> str:
    """The text of the menu that comes with the service, for a folder that has none of its own."""
    return resources.files("config").joinpath("demo", "menu.toml").read_text("utf-8")


def read_menu(
    table: dict[str, Any], offices: list[Office], around: Around
) -> tuple[Menu | None, list[tuple[str, str]]]:
    """The menu, or None, and what is wrong with it for these offices, key by key; there need be none."""
    nodes = table.get("node")
    problems = [
        (key, "unknown key; a menu has start, zero and [node.NAME] tables")
        for key in sorted(table.keys() - {"start", "zero", "node"})
    ]
    if not isinstance(nodes, dict) or not nodes:
        return None, [*problems, ("node", "no nodes; write a [node.NAME] table for each")]
    good = {}
    for name, node in nodes.items():
        model, wrong = _read_node(name, node)
        problems += wrong
        if model is not None:
            good[name] = model
    problems += target_problems(table, nodes)
    start, zero = (meant_node(table.get(key), nodes) for key in ("start", "zero"))
    menu = Menu(start=start or "", zero=zero, node=good)
    problems += unreached(table, nodes)
    problems += graph_problems(menu)
    problems += _node_problems(menu, around)
    if not any(isinstance(node, dict) and node.get("kind") == "goodbye" for node in nodes.values()):
        problems.append(("node", "no goodbye node: no call ever ends"))
    for languages in {office.languages: None for office in offices} or ((),):
        problems += _said_problems(menu, languages, around.catalogue)
    for office in offices:
        problems += _office_problems(menu, office)
    return None if problems else menu, _in_order(problems, nodes)


def _in_order(problems: list[tuple[str, str]], nodes: dict[str, Any]) -> list[tuple[str, str]]:
    """As the nodes stand in the file, each problem once."""
    at = {f"node.{name}": count for count, name in enumerate(nodes)}

    def order(problem: tuple[str, str]) -> int:
        key = problem[0]
        if not key.startswith("node"):
            return -1
        return next((n for name, n in at.items() if key == name or key.startswith(f"{name}.")), len(at))

    return sorted(dict.fromkeys(problems), key=order)


# ---- one node -----------------------------------------------------------------------------------


def _read_node(name: str, node: object) -> tuple[Any, list[tuple[str, str]]]:
    if not isinstance(node, dict):
        return None, [(f"node.{name}", "must be a table: [node.NAME]")]
    kind = node.get("kind")
    if kind not in KINDS:
        missing = "missing: " if kind is None else ""
        return None, [(f"node.{name}.kind", f"{missing}write one of: {', '.join(KINDS)}")]
    try:
        return NODE.validate_python(node), []
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        # the first part of the place is the kind, which pydantic adds by itself
        return None, [
            (place(f"node.{name}", item["loc"][1:]), _node_words(str(kind), dict(item))) for item in found
        ]


def _node_words(kind: str, error: dict[str, Any]) -> str:
    key = error["loc"][1] if len(error["loc"]) > 1 else ""
    match error["type"], key:
        case "extra_forbidden", _:
            return _unknown_key(kind, key)
        case "missing", _ if key in WAYS:
            return "missing: name the node that follows"
        case (("missing" | "too_short"), "say"):
            return "write at least one prompt"
        case (("missing" | "too_short"), "keys"):
            return 'write at least one key, as in { 1 = "NAME" }'
        case "string_pattern_mismatch", "keys":
            return "write one digit, 1 to 9"
    return message(error)


def _unknown_key(kind: str, key: str) -> str:
    if key in ("start", "zero"):
        return f"{key} stands at the top of the file, above the first [node...]"
    keys = [name for name in MODELS[kind].model_fields if name != "kind"]
    an = "an" if kind[0] in "aeiou" else "a"
    return f"unknown key{did_you_mean(key, keys)} {an} {kind} node has: {', '.join(keys)}"


# ---- what is said and rung ----------------------------------------------------------------------


def _node_problems(menu: Menu, around: Around) -> Found:
    for name, node in menu.node.items():
        key = f"node.{name}"
        if node.kind == "set":
            yield from _set_problems(key, node)
        if node.kind == "transfer":
            yield from _transfer_problems(f"{key}.to", node.to, around)
        zero = getattr(node, "keys", {}).get("0")
        if zero is not None and menu.zero not in (None, zero):
            yield (
                f"{key}.keys.0",
                f"0 has two meanings: it leads to {menu.zero!r} everywhere (zero); use another digit, or remove zero",
            )
        yield from _greeting_problems(menu, name)


def _set_problems(key: str, node: Any) -> Found:
    if node.when is None and node.discreet is None and node.until is None:
        yield key, "sets nothing; give it when, discreet or until"
    for where, prompt in node.said():
        if prompt_id_of(prompt) == _SAYS_NO_MESSAGES and not node.discreet:
            yield (
                f"{key}.{where}",
                f"{prompt!r} says that we leave no messages; write discreet = true, or say 'intake.noted'",
            )


def _transfer_problems(key: str, to: str, around: Around) -> Found:
    if to in around.answered:
        yield (
            key,
            f"this service answers that number itself, for {around.answered[to]}: the caller would go in circles",
        )
    if around.numbers is None:
        return
    try:
        if check_number(to, around.numbers) != to:
            yield key, "write the number as +47 and eight digits"
    except NumberRefused as refused:
        words = _NOT_RUNG.get(refused.why)
        shown = to if len(to) <= 6 else f"{to[:6]}…"
        yield key, REFUSED[refused.why] if words is None else f"{shown} {words}"


def _greeting_problems(menu: Menu, name: str) -> Found:
    """Where callers are told that 1 puts them on the list, it must."""
    for where, prompt in menu.node[name].said():
        if prompt_id_of(prompt) not in _SAYS_PRESS_1:
            continue
        asks = name
        for _ in menu.node:  # at most this many: they could go round
            if asks in menu.node and menu.node[asks].kind in ("say", "info", "closed"):
                asks = menu.node[asks].silent or asks
        node = menu.node.get(asks)
        target = getattr(node, "keys", {}).get("1")
        if node is None or (target is not None and target not in menu.node):
            continue  # told of already
        if target is None or menu.node[target].kind != "register":
            yield (
                f"node.{asks}.keys.1",
                f"1 must lead to a register node: {prompt!r} ({name}.{where}) promises it",
            )


def _office_problems(menu: Menu, office: Office) -> Found:
    """What is wrong with a menu for one office."""
    languages = len(office.languages)
    if languages > 9 and any(node.kind == "language" for node in menu.node.values()):
        yield "node", f"{languages} languages do not fit on the keys 1 to 9"


def _said_problems(menu: Menu, languages: tuple[str, ...], catalogue: Catalogue) -> Found:
    for name, node in menu.node.items():
        for where, prompt in node.said():
            yield from _prompt_problems(f"node.{name}.{where}", prompt, languages, catalogue)


def emergency_problems(office: Office, catalogue: Catalogue) -> Found:
    """What is wrong with the prompt an office has chosen for its emergency numbers."""
    return _prompt_problems("emergency_prompt", office.emergency_prompt, office.languages, catalogue)


def _prompt_problems(key: str, prompt: str, languages: tuple[str, ...], catalogue: Catalogue) -> Found:
    language, prompt_id = "", prompt
    if "/" in prompt:
        try:
            language, prompt_id = split_item(prompt)
        except UnknownPrompt as error:
            yield key, str(error)
            return
    if prompt_id not in catalogue:
        hint = did_you_mean(prompt_id, catalogue.ids)
        yield key, f"there is no prompt {prompt_id!r}{hint} `tast1 prompts list` shows them all"
        return
    complete = () if prompt_id.startswith(OWN) else COMPLETE
    wanted = [language] if language else [name for name in languages if name in complete]
    for name in wanted:
        if name != BASE_LANGUAGE and catalogue.resolve(name, prompt_id) != f"{name}/{prompt_id}":
            yield key, f"the prompt {prompt_id!r} is missing in {name!r}"


def prompt_id_of(prompt: str) -> str:
    """`intake.greeting`, also of an item that names its language (`en/intake.greeting`)."""
    return prompt.rpartition("/")[2]
