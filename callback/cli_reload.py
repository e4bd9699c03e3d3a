"""The command `tast1 reload`: asks a running service to take its changed configuration into use.

No argparse here, and no printing. Never sends the token through a proxy or on to another address.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from callback.request import CallbackError

TOKEN = "TAST1_TOKEN"  # noqa: S105 - the variable's name
_PATIENCE = 30.0


class NotReloaded(CallbackError):
    """The service did not take the configuration into use. It goes on with the one it has."""


def reload_command(url: str, environ: Mapping[str, str]) -> str:
    """What has changed, in words. Raises NotReloaded with why it was not, and with every error of the files."""
    token = environ.get(TOKEN)
    if not token:
        raise NotReloaded(
            f"set {TOKEN} to a token of an administrator, made with the service's own folders: tast1 token create "
            "--role admin --name reload --config /etc/tast1 --data /var/lib/tast1"
        )
    status, answer = _post(url, token)
    if status == http.client.OK:
        return _told(answer)
    if status == http.client.UNAUTHORIZED:
        raise NotReloaded("the service does not know this token; make one with the service's own --data")
    details = answer.get("details") or {}
    problems = [
        ": ".join(part for part in (item["file"], item["key"], item["message"]) if part)
        for item in details.get("errors", [])
        if {"file", "key", "message"} <= item.keys()
    ]
    message = answer.get("message", f"the answer was HTTP {status}")
    raise NotReloaded("\n".join([message, *(f"  {problem}" for problem in problems)]))


def _post(url: str, token: str) -> tuple[int, dict[str, Any]]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotReloaded("not the address of a service; write for example http://127.0.0.1:8600")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=_PATIENCE)
    try:
        headers = {"Authorization": f"Bearer {token.strip()}"}
        connection.request("POST", f"{parts.path.rstrip('/')}/api/v1/reload", headers=headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException) as error:
        raise NotReloaded(f"no service answers at {parts.scheme}://{parts.netloc}: {error}") from error
    except ValueError as error:
        raise NotReloaded(f"what answers at {parts.scheme}://{parts.netloc} is not Tast 1") from error
    finally:
        connection.close()
    return response.status, answer if isinstance(answer, dict) else {}


def _told(answer: Mapping[str, list[str]]) -> str:
    headed = (
        ("Changed:", answer["changed"]),
        ("Needs a restart, and is not in force yet:", answer["needs_restart"]),
        ("The exchange must be told of this too (tast1 pbx config):", answer["needs_exchange"]),
    )
    lines = [line for head, items in headed if items for line in (head, *(f"  {item}" for item in items))]
    warnings = [f"  {item}" for item in answer.get("warnings", [])]
    warned = ["Warnings:", *warnings] if warnings else []
    return "\n".join([*(lines or ["Nothing had changed."]), *warned])
