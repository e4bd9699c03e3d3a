"""What can be used as it is in [notices], and somebody should know of."""

from __future__ import annotations

from collections.abc import Iterator

from config.model import Config, Role
from ivr.prompts import NOT_REVIEWED


def notice_advice(config: Config) -> Iterator[tuple[str, str]]:
    """(key, words)"""
    notices = config.settings.notices
    if notices.sms is not None:
        languages = ", ".join(sorted(NOT_REVIEWED))
        yield "notices.sms", f"the SMS in {languages} are not reviewed by a native speaker yet"
    for name, table in (("http", notices.http), ("twilio", notices.twilio)):
        if table is not None and notices.sms != name:
            yield f"notices.{name}", f'not used: sms is not "{name}"'
    if notices.email is not None:
        for office in config.offices:
            staff = [p for p in config.people if p.office_no == office.office_no and p.role is Role.LEADER]
            if not any(person.email for person in staff):
                message = f"no leader of office {office.office_no} has an email in staff.toml"
                yield "notices.email", message
    elif any(person.email for person in config.people):
        yield "notices.email", "not set: nobody gets an e-mail, although people in staff.toml have an address"
