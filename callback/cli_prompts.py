"""`tast1 prompts`: which prompts there are and how they sound, making them, and the script for whoever records them.

It must work with the service running and without: it shares the data folder, and writes only what the service would.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import timedelta
from importlib import resources
from io import StringIO
from pathlib import Path

from callback.logs import configure_logging
from callback.service import prompt_library, prompt_tags
from config.load import load
from config.model import LineName
from ivr.library import PromptLibrary
from ivr.listing import LONGEST, shown
from ivr.names import own_prompts
from ivr.prompts import Catalogue

_TAG = re.compile(r"[a-z]{2,3}(\.slow)?")


def register(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    verb: Callable[..., argparse.ArgumentParser],
) -> None:
    """The sub-commands; `verb` makes a parser that takes the options all commands take."""
    prompts = verbs.add_parser("prompts", help="what callers hear").add_subparsers(required=True)
    language = "for example nb, or nb.slow (default: all that the offices use)"
    shown = verb(prompts, "list", "every prompt, and whether it is recorded", _list, data=True)
    shown.add_argument("--language", metavar="LANGUAGE", help=language)
    shown.add_argument("--json", action="store_true")
    made = verb(
        prompts, "render", "make every prompt now, and say what is wrong with them", _render, data=True
    )
    made.add_argument("--language", metavar="LANGUAGE", help=language)
    script = verb(prompts, "export", "write a script for whoever records the prompts", _export)
    script.add_argument("folder", type=Path, metavar="DIR")


def _list(options: argparse.Namespace) -> int:
    return _with_prompts(
        options, lambda library, tags: (0, list_command(library, tags, as_json=options.json))
    )


def _render(options: argparse.Namespace) -> int:
    return _with_prompts(options, render_command)


def _export(options: argparse.Namespace) -> int:
    config = load(options.config, os.environ, line=LineName.SIMULATED, menus=False)
    print(export_command(Catalogue.load().with_own(own_prompts(config)), options.folder))
    return 0


def _with_prompts(
    options: argparse.Namespace, work: Callable[[PromptLibrary, list[str]], tuple[int, str]]
) -> int:
    configure_logging("error")  # what the library warns of, `problems` says better
    if options.language is not None and _TAG.fullmatch(options.language) is None:
        raise ValueError(f'not a language: {options.language!r}; write for example "nb" or "nb.slow"')
    config = load(options.config, os.environ, line=LineName.SIMULATED, menus=False)
    tags = prompt_tags(config) if options.language is None else [options.language]
    library = prompt_library(options.data)
    library.use_own(own_prompts(config))
    code, text = work(library, tags)
    print(text)
    return code


# ---- list ---------------------------------------------------------------------------------------


def list_command(library: PromptLibrary, tags: Iterable[str], *, as_json: bool) -> str:
    """A line or an object for each prompt, in the order of the texts. Makes no sound."""
    rows = [shown(library, f"{tag}/{prompt_id}") for tag in tags for prompt_id in library.catalogue.ids]
    if as_json:
        return json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False)
    width = max(len(row.item) for row in rows)
    return "\n".join(
        f"{row.item:{width}}  {row.sound:8}  {_length(row.seconds):>6}  {row.text}" for row in rows
    )


def _length(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


# ---- render -------------------------------------------------------------------------------------


def render_command(library: PromptLibrary, tags: list[str]) -> tuple[int, str]:
    """(exit code, text): a line for each language, and every problem; 1 when there is any. Takes seconds."""
    lines: list[str] = []
    too_long: list[str] = []
    for tag in tags:
        items = [f"{tag}/{prompt_id}" for prompt_id in library.catalogue.ids]
        sounds = [(item, wav) for item in items if (wav := library.load(item)) is not None]
        minutes = sum((wav.duration for _, wav in sounds), timedelta()) / timedelta(minutes=1)
        recorded = sum(wav.recorded for _, wav in sounds)
        lines.append(
            f"{tag}: {len(sounds)} of {len(items)} prompts, {recorded} recorded, {minutes:.1f} minutes"
        )
        too_long += [
            f"{item} is {_length(wav.duration.total_seconds())} long; at most {_length(LONGEST.total_seconds())}"
            for item, wav in sounds
            if wav.duration > LONGEST
        ]
    problems = too_long + [problem.text for problem in library.problems(tags)]
    return int(bool(problems)), "\n".join(lines + [f"FIX  {problem}" for problem in problems])


# ---- export -------------------------------------------------------------------------------------


def export_command(catalogue: Catalogue, folder: Path) -> str:
    """A `LANGUAGE.csv` for each language and a `README.md`; says what was written. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{language}.csv": script(catalogue, language) for language in catalogue.languages}
    files["README.md"] = resources.files("ivr").joinpath("texts", "RECORDING.md").read_text("utf-8")
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8", newline="")
    return "\n".join(f"wrote {folder / name}" for name in files)


def script(catalogue: Catalogue, language: str) -> str:
    """The file to record, the words and a note for each prompt; as spreadsheets read it (byte order mark, semicolons)."""
    out = StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow(("file", "text", "note"))
    writer.writerows(_rows(catalogue, language))
    return "\ufeff" + out.getvalue()


def _rows(catalogue: Catalogue, language: str) -> Iterator[tuple[str, str, str]]:
    for item in catalogue.all_items(language):
        yield f"{item}.wav", catalogue.text(item), catalogue.note(item)
