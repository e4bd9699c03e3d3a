"""Rules of tast1.toml and the environment that a typed model cannot say alone.

Called by load.py only. Nothing here may raise, and the value of a secret must never stand in a message.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from callback.numbers import is_emergency
from config.model import (
    AsteriskSettings,
    CallSettings,
    LineName,
    NumberSettings,
    RetrySettings,
    ServiceSettings,
)
from config.problems import ENVIRONMENT, SETTINGS_FILE, Draft

AMI_SECRET = "TAST1_AMI_SECRET"  # noqa: S105 - the variable's name
ONCALL_PIN = "TAST1_ONCALL_PIN"
FASTAGI_TOKEN = "TAST1_FASTAGI_TOKEN"  # noqa: S105 - the variable's name
DEMO_PASSWORD = "TAST1_DEMO_PASSWORD"  # noqa: S105 - the variable's name
LOCAL_PBX_SECRET = "local-pbx"  # noqa: S105 - published, see below
"""The secret of the PBX that `make pbx` starts, which listens on loopback only."""

_WORD = re.compile(r"[A-Za-z0-9._-]+")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host name or address."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_local_pbx(asterisk: AsteriskSettings) -> bool:
    """Whether the published secret may be used."""
    return asterisk.local_pbx and is_loopback(asterisk.ami_host) and is_loopback(asterisk.fastagi_host)


# ---- tast1.toml ---------------------------------------------------------------------------------


def check_settings(draft: Draft) -> None:
    """Ports, addresses, durations and numbers of tast1.toml."""
    problems = [
        *_service_rules(draft, draft.section(ServiceSettings)),
        *_port_rules(draft.section(AsteriskSettings), draft.section(ServiceSettings)),
        *_asterisk_rules(draft.section(AsteriskSettings)),
        *_remote_rules(draft.section(AsteriskSettings), draft.section(ServiceSettings)),
        *_duration_rules(draft.section(CallSettings), draft.section(RetrySettings)),
        *_number_rules(draft.section(NumberSettings)),
    ]
    for key, message in problems:
        draft.add(SETTINGS_FILE, key, message)


def uses(draft: Draft, line: LineName) -> bool:
    """Whether any office's calls are on this line."""
    service = draft.section(ServiceSettings)
    own = [office.get("line") for office in draft.offices or ()]
    return (service is not None and service.line is line) or line.value in own


def _service_rules(draft: Draft, service: ServiceSettings | None) -> Iterator[tuple[str, str]]:
    if service is None:
        return
    if service.public_url is not None and not _is_base_url(service.public_url):
        yield "service.public_url", 'write the address the PBX fetches prompts from, as "http://HOST:PORT"'
    address = _address(service.host)
    everywhere = address is not None and address.is_unspecified
    if everywhere and service.public_url is None and uses(draft, LineName.ASTERISK):
        yield "service.public_url", f"must be set: the PBX cannot fetch prompts from {service.host}"


def _is_base_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port  # reading it checks it
    except ValueError:
        return False
    plain = re.fullmatch(r"[\x21-\x7e]+", url) is not None and not set(url) & set("@?#")
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0


def _port_rules(
    asterisk: AsteriskSettings | None, service: ServiceSettings | None
) -> Iterator[tuple[str, str]]:
    if asterisk is None:
        return
    for name, port in (("ami_port", asterisk.ami_port), ("fastagi_port", asterisk.fastagi_port)):
        if not 1 <= port <= 65535:
            yield f"asterisk.{name}", "must be from 1 to 65535"
    if service is not None and service.port == asterisk.fastagi_port:
        yield "asterisk.fastagi_port", f"{service.port} is service.port already; choose another"
    if asterisk.ami_port == asterisk.fastagi_port and is_loopback(asterisk.ami_host):
        yield "asterisk.fastagi_port", f"{asterisk.ami_port} is asterisk.ami_port already; choose another"


def _asterisk_rules(asterisk: AsteriskSettings | None) -> Iterator[tuple[str, str]]:
    if asterisk is None:
        return
    for name, word in (("ami_user", asterisk.ami_user), ("trunk", asterisk.trunk)):
        if _WORD.fullmatch(word) is None:
            yield f"asterisk.{name}", "letters a-z, digits, dot, hyphen and underscore only"
    for count, text in enumerate(asterisk.fastagi_allow, start=1):
        if _address(text) is None:
            yield f"asterisk.fastagi_allow[{count}]", "not an IP address of a PBX"
    if asterisk.local_pbx and not is_local_pbx(asterisk):
        yield (
            "asterisk.local_pbx",
            "its secret is published: only for an ami_host and fastagi_host on loopback",
        )


def _remote_rules(
    asterisk: AsteriskSettings | None, service: ServiceSettings | None
) -> Iterator[tuple[str, str]]:
    """A PBX on another machine must be able to reach this one, and nobody may listen on the way."""
    if asterisk is None:
        return
    if _address(asterisk.service_address) is None:
        yield "asterisk.service_address", "not an IP address; write this machine's, as the PBX sees it"
        return
    if is_loopback(asterisk.ami_host):
        return
    elsewhere = "the PBX is on another machine (asterisk.ami_host)"
    if not asterisk.ami_tls:
        yield "asterisk.ami_tls", f"must be true: {elsewhere}"
    if is_loopback(asterisk.service_address):
        yield "asterisk.service_address", f"must not be loopback: {elsewhere}"
    if is_loopback(asterisk.fastagi_host):
        yield "asterisk.fastagi_host", f"must not be loopback: {elsewhere}"
    if service is not None and service.public_url is None and is_loopback(service.host):
        yield "service.public_url", f"must be set: {elsewhere} and fetches the prompts"


def _duration_rules(calls: CallSettings | None, retry: RetrySettings | None) -> Iterator[tuple[str, str]]:
    spans: list[tuple[str, timedelta]] = []
    if calls is not None:
        spans += [(f"calls.{name}", span) for name, span in calls]
    if retry is not None:
        spans += [("retry.line_failed", retry.line_failed)]
        if retry.line_failed_max < retry.line_failed:
            yield "retry.line_failed_max", "must not be shorter than retry.line_failed"
    for key, span in spans:
        if span <= timedelta(0):
            yield key, "must be longer than 0s"


def _number_rules(numbers: NumberSettings | None) -> Iterator[tuple[str, str]]:
    if numbers is None:
        return
    for count, code in enumerate(numbers.country_codes, start=1):
        if code not in COUNTRY_CODE_TO_REGION_CODE:
            yield f"numbers.country_codes[{count}]", f"{code} is no country code; Norway is 47"
    for count, number in enumerate(numbers.allow, start=1):
        if re.fullmatch(r"\+[1-9][0-9]{3,14}", number) is None:
            yield f"numbers.allow[{count}]", 'write it with + and country code, for example "+4702800"'
        elif is_emergency(number):
            yield f"numbers.allow[{count}]", "an emergency or help line number, which may not be rung"


# ---- the environment ----------------------------------------------------------------------------


def check_secrets(draft: Draft, environ: Mapping[str, str]) -> None:
    """Secrets that must be there, and those that must not. Never repeats a value."""
    service, asterisk = draft.section(ServiceSettings), draft.section(AsteriskSettings)
    if service is not None and asterisk is not None and uses(draft, LineName.ASTERISK):
        for name in (AMI_SECRET, FASTAGI_TOKEN):
            if not environ.get(name) and not is_local_pbx(asterisk):
                draft.add(ENVIRONMENT, name, "must be set when service.line is asterisk")
    if re.search(r"[^\x20-\x7e]", environ.get(AMI_SECRET, "")):
        draft.add(ENVIRONMENT, AMI_SECRET, "plain characters only (no line breaks, no letters outside a-z)")
    if environ.get(FASTAGI_TOKEN) and _WORD.fullmatch(environ[FASTAGI_TOKEN]) is None:
        draft.add(ENVIRONMENT, FASTAGI_TOKEN, "letters a-z, digits, dot, hyphen and underscore only")
    if environ.get(ONCALL_PIN) and re.fullmatch(r"[0-9]{6,12}", environ[ONCALL_PIN]) is None:
        draft.add(ENVIRONMENT, ONCALL_PIN, "6 to 12 digits, for it is keyed in on a telephone")
    if environ.get(DEMO_PASSWORD) and service is not None and not is_loopback(service.host):
        message = f"must not be set when others can reach the service (service.host is {service.host})"
        draft.add(ENVIRONMENT, DEMO_PASSWORD, message)
