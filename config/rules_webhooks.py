"""Rules of [webhooks], and of the secrets of events and metrics, that a typed model cannot say alone.

Called by load.py only. Nothing here may raise, and the value of a secret must never stand in a message.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from config.problems import ENVIRONMENT, SETTINGS_FILE, Draft
from config.rules_service import is_loopback
from config.webhooks import WebhookSettings

WEBHOOK_SECRET = "TAST1_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
METRICS_TOKEN = "TAST1_METRICS_TOKEN"  # noqa: S105 - the variable's name
_PREFIX = "whsec_"


def webhook_key(secret: str) -> bytes | None:
    """The key of a secret as it stands in the environment; None for one that is none."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if secret.startswith(_PREFIX) and 24 <= len(key) <= 64 else None


def check_webhooks(draft: Draft) -> None:
    """The address."""
    webhooks = draft.section(WebhookSettings)
    if webhooks is None or webhooks.url is None:
        return
    try:
        parts = urlsplit(webhooks.url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        host, parts = None, urlsplit("")
    plain = re.fullmatch(r"[\x21-\x7e]+", webhooks.url) is not None and "@" not in parts.netloc
    if parts.scheme not in ("http", "https") or not host or not plain:
        draft.add(SETTINGS_FILE, "webhooks.url", 'write an address, as "https://contact.example.org/tast1"')
    elif parts.scheme == "http" and not is_loopback(host):
        draft.add(SETTINGS_FILE, "webhooks.url", "must begin with https: names of staff go over it")


def check_webhook_secrets(draft: Draft, environ: Mapping[str, str]) -> None:
    """Secrets that must be there. Never repeats a value."""
    webhooks, secret = draft.section(WebhookSettings), environ.get(WEBHOOK_SECRET, "")
    if webhooks is not None and webhooks.url is not None and not secret:
        draft.add(ENVIRONMENT, WEBHOOK_SECRET, "must be set when webhooks.url is set")
    if secret and webhook_key(secret) is None:
        message = 'write whsec_ and 24 to 64 random bytes in base64: echo "whsec_$(openssl rand -base64 32)"'
        draft.add(ENVIRONMENT, WEBHOOK_SECRET, message)
    token = environ.get(METRICS_TOKEN, "")
    if token and re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,}", token) is None:
        draft.add(ENVIRONMENT, METRICS_TOKEN, "at least 16 letters, digits or . _ ~ + / = -")
