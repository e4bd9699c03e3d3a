"""Rules of [notices] and its secrets that a typed model cannot say alone.

Called by load.py only. Nothing here may raise, and the value of a secret must never stand in a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from config.model import HttpSmsSettings, MailSettings, NoticeSettings, SmsService, TwilioSettings
from config.problems import ENVIRONMENT, SETTINGS_FILE, STAFF_FILE, Draft, numbered
from config.rules_service import is_loopback

SMS_TOKEN = "TAST1_SMS_TOKEN"  # noqa: S105 - the variable's name
TWILIO_TOKEN = "TAST1_TWILIO_TOKEN"  # noqa: S105 - the variable's name
SMTP_PASSWORD = "TAST1_SMTP_PASSWORD"  # noqa: S105 - the variable's name
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|MG[0-9a-f]{32}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")


def check_notices(draft: Draft) -> None:
    """Addresses, and what belongs together."""
    twilio = draft.section(TwilioSettings)
    for key, message in _rules(draft.section(NoticeSettings), None if twilio is None else twilio.account_sid):
        draft.add(SETTINGS_FILE, f"notices.{key}", message)
    for key, person in numbered(draft.people, "person"):
        email = person.get("email")
        if isinstance(email, str) and _ADDRESS.fullmatch(email) is None:
            draft.add(STAFF_FILE, f"{key}.email", 'not an e-mail address; write it as "name@example.org"')


def _rules(notices: NoticeSettings | None, account_sid: str | None) -> Iterator[tuple[str, str]]:
    if notices is None:
        return
    if notices.sms is SmsService.HTTP and notices.http is None:
        yield "http", 'missing: sms = "http" needs [notices.http] with url'
    if notices.sms is SmsService.TWILIO and notices.twilio is None:
        yield "twilio", 'missing: sms = "twilio" needs [notices.twilio] with account_sid and sender'
    if notices.http is not None:
        yield from _http_rules(notices.http)
    if notices.twilio is not None and notices.twilio.account_sid is None and not account_sid:
        yield "twilio.account_sid", "missing; write it here, or once for calls and SMS in [twilio]"
    if notices.twilio is not None and _SENDER.fullmatch(notices.twilio.sender) is None:
        yield (
            "twilio.sender",
            'write a number as "+4740000000", a name of up to 11 letters, or MG and 32 digits',
        )
    if notices.email is not None:
        yield from _mail_rules(notices.email)


def _http_rules(http: HttpSmsSettings) -> Iterator[tuple[str, str]]:
    try:
        parts = urlsplit(http.url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or parts.username or not http.url.isprintable():
        yield "http.url", 'write the address of the gateway, as "https://sms.example.org/send"'
    elif parts.scheme == "http" and not is_loopback(host):
        yield "http.url", "must begin with https: numbers and words go over it"
    names = [http.to, http.text, *([http.key] if http.key else []), *http.fields]
    if len(set(names)) != len(names):
        yield "http.fields", "two fields have the same name"


def _mail_rules(mail: MailSettings) -> Iterator[tuple[str, str]]:
    if _ADDRESS.fullmatch(mail.sender) is None:
        yield "email.sender", 'not an e-mail address; write it as "name@example.org"'
    if mail.security == "none" and not is_loopback(mail.host):
        yield "email.security", 'must be "starttls" or "tls" for a server on another machine'
    if mail.security == "none" and mail.user is not None:
        yield "email.user", "must not be set without encryption: the password would be readable"


def check_notice_secrets(draft: Draft, environ: Mapping[str, str]) -> None:
    """Secrets that must be there. Never repeats a value."""
    notices = draft.section(NoticeSettings)
    if notices is None:
        return
    wanted = {}
    if notices.sms is SmsService.TWILIO:
        wanted[TWILIO_TOKEN] = 'notices.sms is "twilio"'
    if notices.sms is SmsService.HTTP and notices.http and not is_loopback(_host(notices.http.url)):
        wanted[SMS_TOKEN] = 'notices.sms is "http" and the gateway is on another machine'
    if notices.email is not None and notices.email.user is not None:
        wanted[SMTP_PASSWORD] = "notices.email.user is set"
    for name, why in wanted.items():
        if not environ.get(name):
            draft.add(ENVIRONMENT, name, f"must be set when {why}")
    for name in (SMS_TOKEN, TWILIO_TOKEN, SMTP_PASSWORD):
        if re.search(r"[^\x20-\x7e]", environ.get(name, "")):
            draft.add(ENVIRONMENT, name, "plain characters only (no line breaks, no letters outside a-z)")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
