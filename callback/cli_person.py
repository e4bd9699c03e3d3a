"""`tast1 person show` and `tast1 person erase`: what is kept of a person, for them to see, and to have erased.

The one place that prints numbers and notes. Nothing here logs them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import TypeAdapter

from callback.cli_never_call import ACTOR, read_number
from callback.desk import Desk
from callback.request import CallbackRequest, LedgerEntry
from scheduler.clock import SystemClock

_Kept = list[tuple[CallbackRequest, list[LedgerEntry]]]
_REQUEST, _LEDGER = TypeAdapter(CallbackRequest), TypeAdapter(list[LedgerEntry])


def register(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    verb: Callable[..., argparse.ArgumentParser],
    with_store: Callable[..., int],
) -> None:
    """The sub-commands; `verb` makes a parser that takes the options all commands take, `with_store` opens the list."""

    def show(options: argparse.Namespace) -> int:
        return with_store(
            options,
            lambda store, config: show_command(
                Desk(store, config, SystemClock()), options.number, as_json=options.json
            ),
        )

    def erase(options: argparse.Namespace) -> int:
        return with_store(
            options,
            lambda store, config: erase_command(
                Desk(store, config, SystemClock()), options.number, options.why
            ),
        )

    person = verbs.add_parser("person", help="what is kept of a person").add_subparsers(required=True)
    shown = verb(person, "show", "print everything that is kept of a number", show, data=True)
    shown.add_argument("--json", action="store_true")
    erased = verb(person, "erase", "erase a person from requests that have ended", erase, data=True)
    erased.add_argument(
        "--why", required=True, metavar="TEXT", help="stays in the ledger: no name, no number"
    )
    for each in (shown, erased):
        each.add_argument("number", metavar="NUMBER", help="8 digits, or E.164")


async def show_command(desk: Desk, number: str, *, as_json: bool) -> str:
    """Raises ValueError for what is no number, as the other does."""
    phone = read_number(number)
    kept, never = await desk.kept_of(phone), await desk.is_never_called(phone)
    no_sms = await desk.gets_no_sms(phone)
    if as_json:
        requests = [
            {**_REQUEST.dump_python(request, mode="json"), "ledger": _LEDGER.dump_python(ledger, mode="json")}
            for request, ledger in kept
        ]
        told = {"requests": requests, "never_called": never, "no_sms": no_sms}
        return json.dumps(told, indent=2, ensure_ascii=False)
    lines = [line for request, ledger in kept for line in _told(request, ledger)]
    if never:
        lines.append("This number is never called (kept as a keyed hash).")
    if no_sms:
        lines.append("This number gets no SMS (kept as a keyed hash).")
    return "\n".join(lines or ["Nothing is kept of this number."])


async def erase_command(desk: Desk, number: str, why: str) -> str:
    """Raises MissingText, StillOpen, DeskError; then nothing was erased."""
    phone = read_number(number)
    count = await desk.erase_person(phone, why, ACTOR)
    told = (
        f"Erased from {count} request{'' if count == 1 else 's'}." if count else "There was nothing to erase."
    )
    if await desk.is_never_called(phone):
        told += " The number stays on the list of those never called, as a keyed hash."
    if await desk.gets_no_sms(phone):
        told += " The number stays on the list of those that get no SMS, as a keyed hash."
    return told


def _told(request: CallbackRequest, ledger: list[LedgerEntry]) -> Iterator[str]:
    fields: dict[str, Any] = _REQUEST.dump_python(request, mode="json")
    attempts = fields.pop("attempts")
    yield f"request {fields.pop('id')}"
    for heading, values in (("", fields), *(("attempt", attempt) for attempt in attempts)):
        if heading:
            yield f"  {heading} {values.pop('id')}"
        yield from (f"    {name:18} {value}" for name, value in values.items() if value is not None)
    yield "  ledger"
    for entry in ledger:
        details = json.dumps(entry.details, ensure_ascii=False) if entry.details else ""
        yield f"    {entry.at:%Y-%m-%dT%H:%M:%SZ}  {entry.actor}  {entry.event}  {details}".rstrip()
