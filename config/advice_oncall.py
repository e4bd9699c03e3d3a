"""What `tast1 check` warns of in the on-call lines: who cannot be rung, and who is not told. Nothing here stops a start."""

from __future__ import annotations

from collections.abc import Iterator

from config.model import Config
from config.oncall import OnCallLine
from config.problems import ON_CALL_FILE, SETTINGS_FILE, Problem


def oncall_advice(config: Config) -> Iterator[Problem]:
    oncall = config.settings.oncall
    for count, line in enumerate(config.lines, start=1):
        for at, message in _line_advice(line, config):
            yield Problem(ON_CALL_FILE, f"line[{count}].{at}", message)
    if config.lines and not oncall.callers and not oncall.trunks:
        message = (
            "no callers and no trunks: whoever rings an on-call line meets the menu, the contact centre too"
        )
        yield Problem(SETTINGS_FILE, "oncall.callers", message)


def _line_advice(line: OnCallLine, config: Config) -> Iterator[tuple[str, str]]:
    for count, one in enumerate(line.people, start=1):
        person = config.person(one)
        if line.telephone is None and person is not None and not person.has_telephone:
            yield (
                f"people[{count}]",
                f"{one!r} has no telephone: while they are on duty nobody can be reached",
            )
    for name, named in (("substitute", line.substitute), ("leader", line.leader)):
        person = config.person(named or "")
        if person is None:
            what = "is rung when nobody takes it" if name == "substitute" else "is told of gaps, or rung last"
            yield name, f"not set: nobody {what}"
        elif not person.has_telephone:
            yield name, f"{named!r} has no telephone: they cannot be rung"
    leader = config.person(line.leader or "")
    if config.settings.notices.email is not None and leader is not None and leader.email is None:
        yield (
            "leader",
            f"{line.leader!r} has no email in staff.toml: other leaders of the office are told of gaps",
        )
