"""The ways between the nodes of a menu: that each leads somewhere, and that none loses a caller. For rules_menu.py.

Nothing here may raise, whatever stands in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from config.error_words import meant
from config.menu import AFTER_REGISTERING, MODELS, WAYS, Menu

Found = Iterator[tuple[str, str]]
"""(key, message)"""


def _ways(node: object) -> Found:
    """(key, what it names) of a node as it stands in the file, also of a broken one."""
    if isinstance(node, dict):
        yield from ((key, node[key]) for key in WAYS if isinstance(node.get(key), str))
        keys = node.get("keys")
        for key, target in keys.items() if isinstance(keys, dict) else ():
            if isinstance(target, str):
                yield f"keys.{key}", target


def _ways_known(node: object) -> bool:
    """Whether every way on could be read, of a node as it stands in the file."""
    if not isinstance(node, dict):
        return False
    keys = node.get("keys", {})
    targets = [
        *(node[key] for key in WAYS if key in node),
        *(keys.values() if isinstance(keys, dict) else [0]),
    ]
    model = MODELS.get(str(node.get("kind")))
    wanted = () if model is None else (n for n, field in model.model_fields.items() if field.is_required())
    missing = [name for name in wanted if name in (*WAYS, "keys") and name not in node]
    return not missing and all(isinstance(target, str) for target in targets)


def target_problems(table: dict[str, Any], nodes: dict[str, Any]) -> Found:
    if table.get("start") is None:
        yield "start", f"missing: name the node the call begins with, one of: {', '.join(nodes)}"
    named = [(key, table[key]) for key in ("start", "zero") if table.get(key) is not None]
    named += [(f"node.{name}.{key}", target) for name, node in nodes.items() for key, target in _ways(node)]
    for key, target in named:
        if not isinstance(target, str) or target not in nodes:
            near = meant(target, nodes)
            hint = f" there are: {', '.join(nodes)}" if near is None else f" did you mean {near!r}?"
            yield key, f"there is no node {target!r};{hint}"


def meant_node(target: object, nodes: dict[str, Any]) -> str | None:
    """The node that is named, also where it is misspelt."""
    if not isinstance(target, str) or target in nodes:
        return target if isinstance(target, str) else None
    return meant(target, nodes)


def unreached(table: dict[str, Any], nodes: dict[str, Any]) -> Found:
    """Not told where a way leads nowhere and nobody can guess where it should: it could be to any of them."""
    seen: set[str] = set()
    waiting = [table.get("start"), *([table["zero"]] if "zero" in table else [])]
    while waiting:
        name = meant_node(waiting.pop(), nodes)
        if name is None or not _ways_known(nodes[name]):
            return
        if name not in seen:
            seen.add(name)
            waiting += [target for _, target in _ways(nodes[name])]
    for name in nodes:
        if name not in seen:
            yield f"node.{name}", "nobody ever comes here: no node leads to it; remove it, or lead to it"


def graph_problems(menu: Menu) -> Found:
    """Ways that lose the caller, as far as the nodes are sound."""
    for name in menu.node:
        loop = _silent_loop(menu, name)
        if loop is not None:
            status = any(menu.node[step].kind == "status" for step in loop)
            way_out = (
                f"let next{', silence or none' if status else ' or silence'} of one of them lead elsewhere"
            )
            yield (
                f"node.{name}",
                f"a caller who presses nothing goes round for ever: {' -> '.join(loop)}; {way_out}",
            )
    for key, target in _unregistered(menu):
        yield (
            key,
            f"leads to {target!r}, where the caller must be on the list already; lead to a register node first",
        )


def _silent_loop(menu: Menu, name: str) -> list[str] | None:
    """The shortest loop through here that a silent caller is caught in, told at the first of its nodes only."""
    for begin in ((name, False), (name, True)):
        waiting = [[begin]]
        seen = set()
        for way in waiting:  # grows
            for following in _silent_ways(menu, *way[-1]):
                if following == begin:
                    loop = [step for step, _ in way]
                    return [*loop, name] if name == min(loop) else None
                if following not in seen:
                    seen.add(following)
                    waiting.append([*way, following])
    return None


def _silent_ways(menu: Menu, name: str, listed: bool) -> Iterator[tuple[str, bool]]:
    """(node, whether they are on the list there) for each way on of a caller who presses nothing."""
    node = menu.node.get(name)
    if node is None:
        return
    if node.silent is not None:
        known = node.kind in ("register", "status")  # whoever is asked at a status was found
        yield node.silent, known or (listed and node.kind != "withdraw")
    if node.kind == "register" and not listed:
        yield node.withheld, True
    if node.kind == "status" and not listed:
        yield node.none, False


def _unregistered(menu: Menu) -> Found:
    """(key, node) for each way by which a caller who is not on the list comes to where they must be."""
    for key, name in _unlisted_ways(menu):
        node = menu.node.get(name)
        if node is not None and node.kind in AFTER_REGISTERING:
            yield key, name


def unlisted(menu: Menu) -> tuple[str, ...]:
    """Nodes that a caller can be at who is not on the list."""
    return tuple(dict.fromkeys(name for _, name in _unlisted_ways(menu) if name in menu.node))


def _unlisted_ways(menu: Menu) -> Found:
    """(key, node) for each way that a caller can take who is not on the list."""
    seen: set[str] = set()
    waiting = [("start", menu.start)]
    while waiting:
        key, name = waiting.pop(0)
        yield key, name
        node = menu.node.get(name)
        if node is None or node.kind in AFTER_REGISTERING or name in seen:
            continue
        seen.add(name)
        if node.kind == "status":
            waiting.append((f"node.{name}.none", node.none))
        elif node.kind != "register":
            waiting += [(f"node.{name}.{way}", target) for way, target in node.edges()]
        if menu.zero is not None and node.kind in ("choose", "language"):
            waiting.append(("zero", menu.zero))
