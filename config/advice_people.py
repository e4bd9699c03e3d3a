"""What `tast1 check` warns of where nobody could serve a request: no substitute office, nobody who sees protected persons,
telephones that the line cannot ring.

Nothing here stops a start.
"""

from __future__ import annotations

from collections.abc import Iterator

from config.model import Config, LineName, Office


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
    twilio = config.settings.twilio
    if config.line_of_office(office.office_no) is LineName.TWILIO and not (twilio and twilio.sip_domain):
        unknown = [person.id for person in config.caseworkers(office.office_no) if person.extension]
        if unknown:
            theirs = ", ".join(unknown)
            message = f"Twilio cannot ring the extension of {theirs}: give them a mobile, or set sip_domain in [twilio]"
            yield "line", message
