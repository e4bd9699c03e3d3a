"""The documents say what the code does: keys, commands, routes, variables, links. Nothing is written here."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

import pytest
from aiohttp import web
from pydantic import BaseModel

from callback.cli import _parser
from callback.numbers import Refusal
from callback.request import (
    AttemptOutcome,
    CallResult,
    NumberSource,
    Origin,
    Reason,
    RequestState,
)
from callback.turn import PassedOver
from callback.web import api, api_offices, api_serving
from callback.web.errors import _STATUS
from callback.web.models import (
    AcknowledgeBody,
    CallBody,
    DisqualifyBody,
    InterpreterBody,
    LiftBody,
    ListQuery,
    NumberBody,
    ProtectBody,
    QualifyBody,
    RegisterBody,
    ResultBody,
    StatusView,
)
from config.menu import MODELS
from config.model import Office, Person, Role, Settings
from config.oncall import OnCallLine
from ivr.prompts import Catalogue

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
PACKAGES = ("callback", "ivr", "scheduler", "config", "hardware")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def code_words(name: str) -> set[str]:
    """Everything that stands in backticks, bare of quotes."""
    return {word.strip('"') for word in re.findall(r"`([^`\n]+)`", text(name))}


def section(page: str, heading: str) -> str:
    """The text under a heading, with its deeper headings."""
    level = heading.partition(" ")[0]
    match = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text(page), re.MULTILINE | re.DOTALL
    )
    assert match is not None, f"{page} has no section {heading!r}"
    return match[1]


def first_cells(markdown: str) -> set[str]:
    """The words in backticks in the first column of every table."""
    rows = re.findall(r"^\| ([^|]+) \|", markdown, re.MULTILINE)
    return {word for cell in rows for word in re.findall(r"`([^`]+)`", cell)}


# ---- configuration --------------------------------------------------------------------------------------------------


def models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models an annotation holds, in unions and tuples too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_of(part)


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    """Every key a person can write below this model. Opening hours are one text, not a table."""
    for name, field in model.model_fields.items():
        yield name
        for inner in models_of(field.annotation):
            if set(inner.model_fields) != {"opens", "closes"}:
                yield from keys_of(inner)


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting(name: str) -> None:
    """Each section of tast1.toml is documented with exactly the keys and defaults it has."""
    model = next(models_of(Settings.model_fields[name].annotation))
    words = section("docs/configuration.md", f"### {name}")
    assert first_cells(words) == set(keys_of(model))
    for key, value in model().model_dump(mode="json").items():
        if value is None or isinstance(value, dict):
            continue
        shown = str(value).lower() if isinstance(value, bool) else str(value).replace("'", '"')
        row = next(line for line in words.splitlines() if line.startswith(f"| `{key}` |"))
        told = row.split("|")[2].strip().strip("`").strip('"').rstrip()
        wanted = shown.replace("(", "[").replace(")", "]") if isinstance(value, (list, tuple)) else shown
        assert told == wanted, f"{name}.{key} has the default {wanted}, not {told}"


@pytest.mark.parametrize(
    ("file", "model"), [("offices.toml", Office), ("staff.toml", Person), ("oncall.toml", OnCallLine)]
)
def test_every_key(file: str, model: type[BaseModel]) -> None:
    """Every key of an office, of a person and of an on-call line is documented, and no other."""
    words = section("docs/configuration.md", f"## {file}")
    named = set(re.findall(r"`([a-z_]+)`", words))
    keys = set(keys_of(model))
    assert keys <= named, f"not documented: {sorted(keys - named)}"
    assert first_cells(words) <= keys, f"no such key: {sorted(first_cells(words) - keys)}"
    for key, field in model.model_fields.items():
        row = next(line for line in words.splitlines() if line.startswith(f"| `{key}` |"))
        assert ("required" in row.split("|")[2]) is field.is_required(), f"{file}: is {key} required?"


def test_every_kind_of_node() -> None:
    """docs/menu.md says which keys each kind of node must and can have, and the menu that ships explains each kind."""
    rows = re.findall(
        r"^\| `(\w+)` \|(.*)\|(.*)\|$", section("docs/menu.md", "## Kinds of nodes"), re.MULTILINE
    )
    told = {kind: [re.findall(r"`(\w+)`", cell) for cell in cells] for kind, *cells in rows}
    wanted = {}
    for kind, model in MODELS.items():
        fields = {name: field.is_required() for name, field in model.model_fields.items() if name != "kind"}
        wanted[kind] = [
            [name for name in fields if fields[name] is is_required] for is_required in (True, False)
        ]
    assert told == wanted
    assert re.findall(r"^#   (\w+) ", text("config/demo/menu.toml"), re.MULTILINE) == list(MODELS)


def test_what_nodes_say_by_themselves() -> None:
    """docs/menu.md names the prompt of every kind that has one."""
    rows = re.findall(r"^\| (`.+`) \| `(intake\.\w+)` \|$", text("docs/menu.md"), re.MULTILINE)
    told = {kind: (prompt,) for kinds, prompt in rows for kind in re.findall(r"`(\w+)`", kinds)}
    assert told == {
        kind: model.model_fields["say"].default
        for kind, model in MODELS.items()
        if "say" in model.model_fields
        and model.model_fields["say"].default
        and not model.model_fields["say"].is_required()
    }


def toml_blocks(page: str) -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```", text(page), re.MULTILINE | re.DOTALL)


def test_menu_examples(tmp_path: Path) -> None:
    """What docs/menu.md says to write can be written so: together in the menu that ships."""
    # imported here: only this test reads a configuration
    from config.check import warnings  # noqa: PLC0415
    from config.load import load  # noqa: PLC0415

    transfer, own, language, keys = toml_blocks("docs/menu.md")
    for file in (ROOT / "config" / "demo").glob("*.toml"):
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    shipped = text("config/demo/menu.toml")
    greeting = re.search(r"^\[node\.greeting\]\n.*?(?=^\[node)", shipped, re.MULTILINE | re.DOTALL)
    assert greeting is not None
    top, first = language.split("\n\n", 1)
    body = shipped.replace(greeting[0], f"{transfer}\n{first}\n")
    body = re.sub(r"^start = .*\n# 0 asks.*\nzero = .*$", top, body, flags=re.MULTILINE)
    (tmp_path / "menu.toml").write_text(body, "utf-8")
    (tmp_path / "prompts.toml").write_text(own, "utf-8")
    config = load(tmp_path, {})
    assert config.menus["menu.toml"].start == "welcome"
    assert warnings(config) == ()
    one_line = re.sub(r"^keys = .*\n", "", transfer, count=1, flags=re.MULTILINE)
    more = f'{keys}3 = "status"\n4 = "housing"\n\n[node.housing]'
    (tmp_path / "menu.toml").write_text(
        body.replace(transfer, one_line.replace("[node.housing]", more)), "utf-8"
    )
    assert load(tmp_path, {}).menus == config.menus


def environment_names(path: Path) -> set[str]:
    """TAST1_* and PBX_* in the string constants of a Python file, or anywhere in another file."""
    source = path.read_text("utf-8")
    if path.suffix == ".py":
        strings = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
        source = "\n".join(string for string in strings if isinstance(string, str))
    return set(re.findall(r"\b(?:TAST1|PBX)_[A-Z][A-Z_]*[A-Z]\b", source))


def test_environment() -> None:
    """Every variable of the environment and of the dialplan that the code names is documented, and no other."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    files += [*(ROOT / "tests" / "e2e").glob("*.py"), ROOT / "Makefile", ROOT / "hardware" / "setup.sh"]
    used = set().union(*map(environment_names, files))
    environment = first_cells(section("docs/configuration.md", "## Environment"))
    channel = {name for name in first_cells(text("docs/telephony.md")) if name.startswith("TAST1_")}
    assert used == environment | channel


# ---- command line ---------------------------------------------------------------------------------------------------


def commands(parser: argparse.ArgumentParser, path: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """(`tast1 token create`, its parser), ..."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield path, parser
    for action in inner:
        for name, child in action.choices.items():
            yield from commands(child, f"{path} {name}")


COMMANDS = dict(commands(_parser(), "tast1"))
SHARED = {"--config", "--help"}
DATA = {"--data"}
WITHOUT_CONFIG = {"tast1 reload", "tast1 ledger verify", "tast1 backup"}
"""They read no configuration of their own."""
USES_DATA = {
    *("tast1 serve", "tast1 token create", "tast1 token list", "tast1 token revoke", "tast1 password"),
    *("tast1 prompts list", "tast1 prompts render", "tast1 ledger verify", "tast1 backup"),
    *("tast1 never-call check", "tast1 never-call add", "tast1 never-call remove"),
    *("tast1 no-sms check", "tast1 no-sms add", "tast1 no-sms remove"),
    *("tast1 person show", "tast1 person erase"),
    *("tast1 oncall who", "tast1 oncall gaps", "tast1 oncall report", "tast1 oncall import"),
}


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings if name.startswith("--")}


def documented_options(markdown: str) -> set[str]:
    return {cell.partition(" ")[0] for cell in first_cells(markdown) if cell.startswith("--")}


def test_every_command() -> None:
    """docs/cli.md has a section for each command, and for no other."""
    headed = set(re.findall(r"^## (tast1 .+)$", text("docs/cli.md"), re.MULTILINE))
    assert headed == set(COMMANDS)


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_option(command: str) -> None:
    """Each command is documented with exactly the options it has, and with its arguments."""
    words = section("docs/cli.md", f"## {command}")
    shared = SHARED - ({"--config"} if command in WITHOUT_CONFIG else set())
    shared |= DATA if command in USES_DATA else set()
    assert options(COMMANDS[command]) >= shared
    assert documented_options(words) == options(COMMANDS[command]) - shared
    for action in COMMANDS[command]._actions:
        if not action.option_strings:
            assert command in words, f"show how {command} takes {action.dest}"


def test_shared_options() -> None:
    """The options that many commands take are told once."""
    preamble = text("docs/cli.md").partition("\n## ")[0]
    assert documented_options(preamble) == SHARED | DATA


def test_commands_in_other_pages() -> None:
    """Whatever any page tells to run with `tast1` exists, with its options."""
    wrong = []
    for page in PAGES:
        for told in re.findall(
            r"(?:^|[`(]|bin/|-- |\$ )tast1 ([a-z]+[^`\n]*)", page.read_text("utf-8"), re.MULTILINE
        ):
            name = next((c for c in COMMANDS if f"tast1 {told} ".startswith(f"{c} ")), None)
            group = any(f"{c} ".startswith(f"tast1 {told.split('`')[0].strip()} ") for c in COMMANDS)
            known = options(COMMANDS[name]) if name else set()
            used = set(re.findall(r"(?<=\s)--[a-z]+", told.partition("#")[0]))
            if (name is None and not group) or not used <= known | SHARED:
                wrong.append(f"{page.name}: tast1 {told}")
    assert not wrong


def test_make_verbs() -> None:
    """Every verb of the Makefile is in README.md or docs/operate.md, and every verb in any page exists."""
    phony = re.search(r"^\.PHONY: (.+)$", text("Makefile"), re.MULTILINE)
    assert phony is not None
    verbs = set(phony[1].split())
    pattern = r"(?:^|`)make ([a-z]+)\b"
    for name in ("README.md", "docs/operate.md"):
        assert set(re.findall(pattern, text(name), re.MULTILINE)), name
    told = set(re.findall(pattern, text("README.md") + text("docs/operate.md"), re.MULTILINE))
    assert verbs <= told, f"not documented: {sorted(verbs - told)}"
    everywhere = {
        verb for page in PAGES for verb in re.findall(pattern, page.read_text("utf-8"), re.MULTILINE)
    }
    assert everywhere <= verbs, f"no such verb: {sorted(everywhere - verbs)}"


# ---- API ------------------------------------------------------------------------------------------------------------


def routes() -> set[str]:
    app = web.Application()
    api.add_routes(app)
    api_serving.add_routes(app)
    api_offices.add_routes(app)
    found = set()
    for route in app.router.routes():
        assert route.resource is not None
        if route.method != "HEAD":
            found.add(f"{route.method} {route.resource.canonical}")
    return found


def test_every_route() -> None:
    """docs/api.md has a section with an example for each API route, and for no other."""
    headed = set(re.findall(r"^### ([A-Z]+ /api/v1\S*)$", text("docs/api.md"), re.MULTILINE))
    assert headed == routes()
    for heading in headed - {"GET /api/v1/openapi.json"}:
        assert "curl " in section("docs/api.md", f"### {heading}"), heading


def test_api_words() -> None:
    """docs/api.md names every state, reason, origin, outcome, result, role and error."""
    enums: list[type[StrEnum]] = [
        RequestState,
        Reason,
        Origin,
        NumberSource,
        AttemptOutcome,
        CallResult,
        Role,
        PassedOver,
    ]
    words = {member.value for enum in enums for member in enum}
    words |= {error_id for _, _, error_id in _STATUS}
    words |= set(re.findall(r"ApiError\(\s*\d+, \"([a-z_]+)\"", inspect.getsource(api)))
    assert words <= code_words("docs/api.md"), sorted(words - code_words("docs/api.md"))


def test_api_bodies() -> None:
    """docs/api.md names every key that can be sent, and every field of the status."""
    models: tuple[type[BaseModel], ...] = (
        *(ListQuery, RegisterBody, CallBody, ResultBody, NumberBody, LiftBody, AcknowledgeBody),
        *(DisqualifyBody, QualifyBody, InterpreterBody, ProtectBody),
    )
    keys = {name for model in models for name in model.model_fields}
    view = StatusView.model_fields.keys() - {"version", "started_at", "now"}
    missing = (keys | view) - code_words("docs/api.md")
    assert not missing


# ---- words ----------------------------------------------------------------------------------------------------------


def test_prompt_groups() -> None:
    """docs/telephony.md says what each group of prompt ids is for, and names no group that is not there."""
    ids = Catalogue.load().ids
    groups = {prompt_id.rpartition(".")[0] + "." for prompt_id in ids}
    told = {
        word
        for word in first_cells(section("docs/telephony.md", "## Prompts and recordings"))
        if word.endswith(".")
    }
    assert told == groups


def test_refusals_and_outcomes() -> None:
    """docs/domain.md names why a number is refused, and every outcome and state."""
    words = {member.value for enum in (Refusal, AttemptOutcome, RequestState, CallResult) for member in enum}
    assert words <= code_words("docs/domain.md"), sorted(words - code_words("docs/domain.md"))


def test_log_lines() -> None:
    """Every log line that docs/operate.md explains is written somewhere."""
    source = "\n".join(
        file.read_text("utf-8") for package in PACKAGES for file in (ROOT / package).rglob("*.py")
    )
    written = set(re.findall(r'log\.[a-z]+\(\s*"([a-z_]+)"', source))
    rows = section("docs/operate.md", "## Look after it")
    assert first_cells(rows)
    assert first_cells(rows) <= written, sorted(first_cells(rows) - written)


def test_deadline_examples() -> None:
    """The example table of docs/domain.md is what the code computes for the demo office."""
    # imported here: only this test needs the calendar
    from config.load import load  # noqa: PLC0415
    from scheduler.calendar import OfficeCalendar  # noqa: PLC0415
    from scheduler.clock import from_local  # noqa: PLC0415
    from scheduler.deadline import deadline, words  # noqa: PLC0415

    office = load(ROOT / "config" / "demo", {}).office("9001")
    assert office is not None
    rows = re.findall(
        r"^\| (\w{3} \d+ \w{3} \d{4} [\d:]+) \| (.+) \| (.+) \| (.+) \|$",
        section("docs/domain.md", "## The deadline"),
        re.MULTILINE,
    )
    assert len(rows) >= 8
    for request, due, answer, workable in rows:
        asked = datetime.strptime(request, "%a %d %b %Y %H:%M")  # noqa: DTZ007 - local time
        result = deadline(from_local(asked), OfficeCalendar(office), urgent=False)
        short = [re.sub(r" \d{4}( |$)", r"\1", words(at)) for at in (result.due_at, result.last_workable_at)]
        told = [re.sub(r"\*|\s*\(.*\)|, due at opening", "", cell) for cell in (due, workable)]
        assert told == short, request
        assert (
            answer == f"{result.answer_by_date:%a} {result.answer_by_date.day} {result.answer_by_date:%b}"
        ), request
        assert ("due at opening" in workable) is result.due_at_opening, request


def test_floors() -> None:
    """The floors of docs/architecture.md are the import contracts of pyproject.toml, from the top down."""
    contracts = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    rows = re.findall(r"^\| \d \| (.+?) \|", section("docs/architecture.md", "## Floors"), re.MULTILINE)
    assert len(rows) == len(layers)
    for row, layer in zip(rows, layers, strict=True):
        told = re.findall(r"`([^`]+)`", row)
        modules = re.split(r" [:|] ", layer)
        wrong = [module for module in modules if not any(fnmatchcase(module, name) for name in told)]
        wrong += [name for name in told if not any(fnmatchcase(module, name) for module in modules)]
        assert not wrong, layer


# ---- links ----------------------------------------------------------------------------------------------------------


def anchors(markdown: str) -> set[str]:
    """Heading anchors as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", markdown, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    """Every relative link and picture leads to a file, and to a heading in it."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        if not file.exists() or (anchor and anchor not in anchors(file.read_text("utf-8"))):
            broken.append(target)
    assert not broken


def test_every_page_is_found() -> None:
    """Every page of docs/ can be reached from README.md."""
    linked = set(re.findall(r"\]\(docs/([a-z-]+\.md)", text("README.md")))
    assert linked == {page.name for page in DOCS.glob("*.md")}


def test_picture_is_small() -> None:
    """The picture of the tour is a PNG below 300 kB."""
    picture = DOCS / "tour.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 300_000


def test_pages_stand_alone() -> None:
    """No page names a path of somebody's machine or a folder outside the checkout."""
    # Assembled, so that this file does not name them either.
    outside = ["/" + "work", "/" + "root/", "../" + "shared", "/" + "home/"]
    found: Mapping[str, list[str]] = {
        page.name: [name for name in outside if name in page.read_text("utf-8")] for page in PAGES
    }
    assert not any(found.values()), found


def test_escalation_examples() -> None:
    """The example table of the escalation in docs/domain.md is what the code computes for the demo office."""
    # imported here: only this test needs them
    from config.load import load  # noqa: PLC0415
    from scheduler.calendar import OfficeCalendar  # noqa: PLC0415
    from scheduler.clock import from_local  # noqa: PLC0415
    from scheduler.deadline import deadline, words  # noqa: PLC0415
    from scheduler.escalation import instants  # noqa: PLC0415

    office = load(ROOT / "config" / "demo", {}).office("9001")
    assert office is not None
    calendar = OfficeCalendar(office)
    rows = re.findall(
        r"^\| (\w{3} \d+ \w{3} \d{4} [\d:]+)(, urgent)? \| (.+) \| (.+) \| (.+) \| (.+) \|$",
        section("docs/domain.md", "## Escalation"),
        re.MULTILINE,
    )
    assert len(rows) >= 6
    for request, urgent, *told in rows:
        asked = from_local(datetime.strptime(request, "%a %d %b %Y %H:%M"))  # noqa: DTZ007 - local time
        clock = deadline(asked, calendar, urgent=bool(urgent))
        steps = instants(asked, clock.last_workable_at, calendar)
        assert told == [re.sub(r" \d{4} ", " ", words(at)) for at in steps.values()], request


def test_notice_examples() -> None:
    """The example table of the notices in docs/domain.md is what the code says for the demo office, and the languages."""
    # imported here: only this test needs them
    from callback.notice_words import LANGUAGES, sms, window  # noqa: PLC0415
    from config.load import load  # noqa: PLC0415
    from scheduler.calendar import OfficeCalendar  # noqa: PLC0415
    from scheduler.clock import from_local  # noqa: PLC0415

    office = load(ROOT / "config" / "demo", {}).office("9001")
    assert office is not None
    page = section("docs/domain.md", "## Notices")
    moment = r"(\w{3} \d+ \w{3} \d{4} \d\d:\d\d)"
    rows = re.findall(rf"^\| {moment} \| {moment} \| (.+) \|$", page, re.MULTILINE)
    assert len(rows) >= 6
    for sent, planned, told in rows:
        now, at = (
            from_local(datetime.strptime(text, "%a %d %b %Y %H:%M"))  # noqa: DTZ007 - local time
            for text in (sent, planned)
        )
        text = sms("nb", *window(at, OfficeCalendar(office)), now, come_through=False)
        assert text == f"Vi prøvde å ringe deg. Vi prøver igjen {told}.", sent
    assert set(LANGUAGES) <= set(re.findall(r"`(\w+)`", page))
