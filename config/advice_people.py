"""What `tast1 check` warns of where nobody could serve a request: no substitute office, nobody who sees protected persons.

Nothing here stops a start.
"""

from __future__ import annotations

from collections.abc import Iterator

from config.model import Config, Office


def serving_advice(office: Office, config: Config) -> Iterator[tuple[str, str]]:
    """(key, message) below the office."""
    if office.substitute_office is None:
        yield (
            "substitute_office",
            "not set: a request of which everybody here is disqualified is seen by administrators only",
        )
    if not any(person.protected_access for person in config.caseworkers(office.office_no)):
        yield (
            "office_no",
            "nobody here with a telephone has protected_access in staff.toml: protected persons are seen by administrators only",
        )
