"""The commands that answer a question and change nothing: `tast1 deadline` and `tast1 check`.

No argparse here, and no printing: they return what is to be printed. They need no store and no line, and
must never read the clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from config.check import effective, warnings
from config.load import ConfigError, load, load_secrets
from config.model import Config, Office
from scheduler.calendar import NeverOpen, OfficeCalendar
from scheduler.clock import from_local, to_local
from scheduler.deadline import Deadline, deadline, words


def deadline_command(config: Config, office_no: str, when: str, urgent: bool, as_json: bool) -> str:
    """What a request to `office_no` at `when` would be promised, in words or as one JSON object.

    `when` is ISO 8601 with date and time: the office's wall-clock time, unless it carries an offset. Any
    year. JSON times carry the offset of Europe/Oslo. Raises ValueError with what to write instead."""
    office = office_of(config, office_no)
    try:
        registered_at = instant(when)
        result = deadline(registered_at, OfficeCalendar(office), urgent=urgent)
        return (_as_json if as_json else _as_words)(office, registered_at, urgent, result)
    except OverflowError:
        raise ValueError(f"too close to the end of the calendar: {when!r}") from None
    except NeverOpen as error:
        raise ValueError(str(error)) from error


def check_command(folder: Path, environ: Mapping[str, str]) -> tuple[int, str]:
    """(exit code, text): 0 and the effective configuration, or 1 and every error as `file: key: message`."""
    try:
        config = load(folder, environ)
        text = effective(config, load_secrets(environ, config))
        told = len(warnings(config))
        count = {0: "no warnings", 1: "1 warning"}.get(told, f"{told} warnings")
        return 0, f"# the configuration in {folder.resolve()}\n\n{text}\n# no errors, {count}"
    except ConfigError as error:
        return 1, str(error)


def office_of(config: Config, office_no: str) -> Office:
    """Raises ValueError with the offices there are."""
    office = config.office(office_no)
    if office is None:
        known = ", ".join(f"{office.office_no} {office.name}" for office in config.offices)
        raise ValueError(f"no office {office_no!r}; there are: {known}")
    return office


def instant(when: str) -> datetime:
    try:
        at = datetime.fromisoformat(when.strip())
    except ValueError:
        at = None
    if at is None or ":" not in when:
        raise ValueError(f'not a local date and time: {when!r}; write for example "2026-12-23T14:50"')
    return from_local(at)


def _as_json(office: Office, registered_at: datetime, urgent: bool, result: Deadline) -> str:
    answer = {
        "office_no": office.office_no,
        "registered_at": to_local(registered_at).isoformat(),
        "urgent": urgent,
        "policy": office.deadline_policy.value,
        "due_at": to_local(result.due_at).isoformat(),
        "answer_by_date": result.answer_by_date.isoformat(),
        "last_workable_at": to_local(result.last_workable_at).isoformat(),
        "due_at_opening": result.due_at_opening,
        "why": result.why,
    }
    return json.dumps(answer, indent=2)


def _as_words(office: Office, registered_at: datetime, urgent: bool, result: Deadline) -> str:
    kind = "urgent" if urgent else f"ordinary, policy {office.deadline_policy.value}"
    opening = " (due at opening)" if result.due_at_opening else ""
    lines = [
        f"{office.name} ({office.office_no}), registered {words(registered_at)}, {kind}",
        f"  due at         {words(result.due_at)}",
        f"  answer by      {result.answer_by_date:%a %d %b %Y}",
        f"  last workable  {words(result.last_workable_at)}{opening}",
        f"  why            {result.why}",
    ]
    return "\n".join(lines)
