"""Rules of [twilio], of the offices whose calls are there, and of its secrets, that a typed model cannot say alone.

Called by load.py only. Nothing here may raise, and the value of a secret must never stand in a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from config.model import LineName, ServiceSettings, TwilioSettings
from config.oncall import OnCallSettings
from config.problems import ENVIRONMENT, OFFICES_FILE, SETTINGS_FILE, Draft, numbered
from config.rules_notices import TWILIO_TOKEN
from config.rules_service import is_loopback, uses

SECOND_TOKEN = "TAST1_TWILIO_SECOND_TOKEN"  # noqa: S105 - the variable's name


def check_twilio(draft: Draft) -> None:
    """What the line needs, where an office is on it."""
    twilio, service = draft.section(TwilioSettings), draft.section(ServiceSettings)
    if twilio is None:
        return
    used = uses(draft, LineName.TWILIO)
    for key, message in _rules(twilio, service, used=used):
        draft.add(SETTINGS_FILE, f"twilio.{key}", message)
    for key, office in numbered(draft.offices, "office"):
        url = office.get("fallback_url")
        if isinstance(url, str) and not _is_https(url):
            draft.add(
                OFFICES_FILE, f"{key}.fallback_url", "write the address of what Twilio does then, with https"
            )

    oncall = draft.section(OnCallSettings)
    if oncall is not None and oncall.fallback_url is not None and not _is_https(oncall.fallback_url):
        draft.add(
            SETTINGS_FILE, "oncall.fallback_url", "write the address of what Twilio does then, with https"
        )


def _rules(
    twilio: TwilioSettings, service: ServiceSettings | None, *, used: bool
) -> Iterator[tuple[str, str]]:
    why = 'an office has line = "twilio"'
    if used and twilio.account_sid is None:
        yield "account_sid", f"must be set: {why}"
    if used and twilio.public_url is None:
        yield "public_url", f"must be set: {why}, and Twilio must reach us"
    if twilio.public_url is not None and not _is_https(twilio.public_url):
        yield "public_url", 'write the address Twilio reaches us at, as "https://tast1-calls.example.org"'
    if used and service is not None and service.port == twilio.port != 0:
        yield (
            "port",
            f"{twilio.port} is service.port already; choose another: the pages must not be reached here",
        )


def _is_https(url: str) -> bool:
    """Plain http only on this machine: signed requests with numbers in them come this way."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = re.fullmatch(r"[\x21-\x7e]+", url) is not None and not set(url) & set("@#")
    return (
        plain
        and bool(host)
        and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or "")))
    )


def check_twilio_secrets(draft: Draft, environ: Mapping[str, str]) -> None:
    """The token that must be there. Never repeats a value."""
    if uses(draft, LineName.TWILIO) and not environ.get(TWILIO_TOKEN):
        draft.add(ENVIRONMENT, TWILIO_TOKEN, "must be set when an office's line is twilio")
    if re.search(r"[^\x20-\x7e]", environ.get(SECOND_TOKEN, "")):
        draft.add(ENVIRONMENT, SECOND_TOKEN, "plain characters only (no line breaks, no letters outside a-z)")
