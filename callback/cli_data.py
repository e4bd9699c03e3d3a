"""`tast1 ledger verify` and `tast1 backup`: looking through the list's file and copying it, beside a running service.

They read no configuration, so that a broken one is no hindrance.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from callback.service import DATABASE
from callback.store import StoreUnavailable
from callback.store_backup import backup
from callback.store_ledger import LedgerReport, verify

COULD_NOT_LOOK = 2


def register(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    verb: Callable[..., argparse.ArgumentParser],
) -> None:
    """The sub-commands; `verb` makes a parser that takes the options all commands take."""
    ledger = verbs.add_parser("ledger", help="the list's history").add_subparsers(required=True)
    what = "whether every line of the history is as it was written"
    look = verb(ledger, "verify", what, _verify, config=False, data=True)
    look.add_argument("--json", action="store_true")
    what = "copy the list's database to a new file, and verify the copy"
    copy = verb(verbs, "backup", what, _backup, config=False, data=True)
    copy.add_argument("file", type=Path, metavar="FILE")


def _verify(options: argparse.Namespace) -> int:
    try:
        report = verify(options.data / DATABASE)
    except StoreUnavailable as error:
        print(f"tast1: {error}", file=sys.stderr)
        return COULD_NOT_LOOK
    print(as_json(report) if options.json else in_words(report))
    return int(report.bad is not None)


def _backup(options: argparse.Namespace) -> int:
    report = backup(options.data / DATABASE, options.file)
    print(f"{options.file} is a whole copy. {in_words(report)}")
    return int(report.bad is not None)


def as_json(report: LedgerReport) -> str:
    bad = None if report.bad is None else asdict(report.bad)
    return json.dumps(
        {"whole": bad is None, "lines": report.head.seq, "hash": report.head.hash, "bad": bad}, indent=2
    )


def in_words(report: LedgerReport) -> str:
    """What somebody wrote into the file with a tool of theirs is shown without signs that a terminal obeys."""
    lines, bad = f"{report.head.seq} lines, hash {report.head.hash}", report.bad
    if bad is None:
        return f"The ledger is whole: {lines}."
    where = "" if bad.request_id is None else f" (request {bad.request_id}, {bad.at})"
    shown = "".join(sign if sign.isprintable() else "?" for sign in where)
    return f"The ledger is BROKEN: line {bad.seq}{shown} {bad.why}. Whole before it: {lines}."
