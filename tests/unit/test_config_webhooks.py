"""[webhooks], its secret, and the token of the metrics: every error with its place, and no secret in it."""

from __future__ import annotations

import base64

import pytest

from config.problems import Draft
from config.rules_webhooks import check_webhook_secrets, check_webhooks, webhook_key
from config.webhooks import WebhookSettings

GOOD = "whsec_" + base64.b64encode(b"k" * 32).decode()


def draft(url: str | None) -> Draft:
    return Draft(sections={"webhooks": WebhookSettings(url=url)})


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (None, None),
        ("https://contact.example.org/tast1?a=b", None),
        ("http://127.0.0.1:9000/", None),
        ("http://localhost/", None),
        ("http://[::1]/", None),
        ("http://contact.example.org/", "must begin with https"),
        ("http://127.0.0.1.example.org/", "must begin with https"),
        ("ftp://contact.example.org/", "write an address"),
        ("contact.example.org", "write an address"),
        ("https://", "write an address"),
        ("https://user:pass@contact.example.org/", "write an address"),
        ("https://contact.example.org:99999/", "write an address"),
        ("https://contact example.org/", "write an address"),
    ],
)
def test_the_address(url: str | None, problem: str | None) -> None:
    """https, or this machine."""
    checked = draft(url)
    check_webhooks(checked)
    assert [(p.key, p.message.startswith(problem or "")) for p in checked.problems] == (
        [("webhooks.url", True)] if problem else []
    )


@pytest.mark.parametrize(
    ("url", "environ", "keys"),
    [
        ("https://a.example/", {}, ["TAST1_WEBHOOK_SECRET"]),
        ("https://a.example/", {"TAST1_WEBHOOK_SECRET": GOOD}, []),
        ("https://a.example/", {"TAST1_WEBHOOK_SECRET": GOOD[6:]}, ["TAST1_WEBHOOK_SECRET"]),
        (None, {"TAST1_WEBHOOK_SECRET": "whsec_c2hvcnQ="}, ["TAST1_WEBHOOK_SECRET"]),
        (None, {}, []),
        (None, {"TAST1_METRICS_TOKEN": "x" * 16}, []),
        (None, {"TAST1_METRICS_TOKEN": "x" * 15}, ["TAST1_METRICS_TOKEN"]),
        (None, {"TAST1_METRICS_TOKEN": "with a space in it"}, ["TAST1_METRICS_TOKEN"]),
    ],
)
def test_the_secrets(url: str | None, environ: dict[str, str], keys: list[str]) -> None:
    """There where they are needed, long enough, and never repeated."""
    checked = draft(url)
    check_webhook_secrets(checked, environ)
    assert [problem.key for problem in checked.problems] == keys
    assert not any(value in str(problem) for problem in checked.problems for value in environ.values())


def test_the_key() -> None:
    """What stands behind `whsec_`."""
    assert webhook_key(GOOD) == b"k" * 32
    assert webhook_key("") is None
