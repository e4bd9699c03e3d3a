"""What differs between the configuration in force and the one in the folder, in words. Never repeats a value.

The service can change under way what it looks up when it needs it. What it built itself from at the start
(its port, its line) it keeps until the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from config.model import Config, LineName, Office
from config.problems import OFFICES_FILE, ON_CALL_FILE, PROMPTS_FILE, SETTINGS_FILE, STAFF_FILE

_FIXED = frozenset({"service", "asterisk", "twilio"})
"""Sections of tast1.toml that are read at the start only."""
_IN_THE_EXCHANGE = frozenset({"public_number", "oncall_number", "fallback_number"})
"""Keys of an office that also stand in the files of `tast1 pbx config`."""
_ON_CALL_IN_THE_EXCHANGE = frozenset({"number", "fallback_number"})
"""The same of a line, and of [oncall]."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Each line is `file: place key`, as in `offices.toml: office 9001 phone_hours`."""

    changed: tuple[str, ...] = ()
    """In force now."""
    needs_restart: tuple[str, ...] = ()
    """Not in force until the service starts again."""
    needs_exchange: tuple[str, ...] = ()
    """Of `changed`: what the exchange learns from new files of `tast1 pbx config`."""
    warnings: tuple[str, ...] = ()
    """What `tast1 check` warns of in the new configuration."""


def merged(old: Config, new: Config) -> Config:
    """The new configuration with what cannot change under way as it was."""
    kept = {name: getattr(old.settings, name) for name in _FIXED}
    lines = {number: office.line for number, office in by_number(old).items()}
    offices = tuple(o.model_copy(update={"line": lines.get(o.office_no, o.line)}) for o in new.offices)
    return new.model_copy(update={"settings": new.settings.model_copy(update=kept), "offices": offices})


def changes(old: Config, new: Config) -> Changes:
    """What `new` has other than `old`."""
    settings = [
        (section, f"{SETTINGS_FILE}: {section}.{key}")
        for section in type(old.settings).model_fields
        for key in _differing(getattr(old.settings, section), getattr(new.settings, section))
    ]
    before, after = by_number(old), by_number(new)
    offices = list(_tables(f"{OFFICES_FILE}: office", before, after))
    people = _tables(f"{STAFF_FILE}: person", {p.id: p for p in old.people}, {p.id: p for p in new.people})
    lines = list(_tables(f"{ON_CALL_FILE}: line", {x.id: x for x in old.lines}, {x.id: x for x in new.lines}))
    exchange: list[str] = []
    if LineName.ASTERISK in old.line_names:
        exchange = [text for key, text in offices if key is None or key in _IN_THE_EXCHANGE]
        exchange += [text for key, text in lines if key is None or key in _ON_CALL_IN_THE_EXCHANGE]
        exchange += [
            text for section, text in settings
            if section == "oncall" and text.rpartition(".")[2] in _ON_CALL_IN_THE_EXCHANGE
        ]  # fmt: skip
    return Changes(
        changed=(
            *(text for section, text in settings if section not in _FIXED),
            *(text for key, text in offices if key != "line"),
            *(text for _, text in people),
            *(text for _, text in lines),
            *_menus(old, new),
            *_prompts(old, new),
        ),
        needs_restart=(
            *(text for section, text in settings if section in _FIXED),
            *(text for key, text in offices if key == "line"),
        ),
        needs_exchange=tuple(exchange),
    )


def _menus(old: Config, new: Config) -> Iterator[str]:
    for name in sorted(old.menus.keys() | new.menus.keys()):
        before, after = old.menus.get(name), new.menus.get(name)
        if before is None or after is None:
            yield f"{name}: {'added' if before is None else 'not used any more'}"
        elif before != after:
            nodes = [
                n for n in before.node.keys() | after.node.keys() if before.node.get(n) != after.node.get(n)
            ]
            yield f"{name}: {', '.join(sorted(nodes)) or 'start or zero'}"


def _prompts(old: Config, new: Config) -> Iterator[str]:
    for language in sorted(old.prompts.keys() | new.prompts.keys()):
        before, after = old.prompts.get(language, {}), new.prompts.get(language, {})
        differing = sorted(i for i in before.keys() | after.keys() if before.get(i) != after.get(i))
        if differing:
            yield f"{PROMPTS_FILE}: {language} {', '.join(differing)}"


def by_number(config: Config) -> dict[str, Office]:
    return {office.office_no: office for office in config.offices}


def _tables(
    kind: str, before: Mapping[str, BaseModel], after: Mapping[str, BaseModel]
) -> Iterator[tuple[str | None, str]]:
    """(key, words) for what changed in a list of tables; no key for a whole table."""
    for name, table in before.items():
        if name not in after:
            yield None, f"{kind} {name} removed"
        else:
            yield from ((key, f"{kind} {name} {key}") for key in _differing(table, after[name]))
    yield from ((None, f"{kind} {name} added") for name in after if name not in before)
    if [name for name in before if name in after] != [name for name in after if name in before]:
        yield "order", f"{kind}: their order"


def _differing(old: BaseModel, new: BaseModel) -> list[str]:
    return [key for key in type(old).model_fields if getattr(old, key) != getattr(new, key)]
