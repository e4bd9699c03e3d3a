"""Twilio's own rules, which are not ours: its OpenAPI document, and the TwiML its own library can make.

`make test` fetches both (hardware/setup.sh). Where they are missing the tests fail: a fake that nobody checks proves nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

FOLDER = Path(__file__).parents[2] / ".rules/twilio"
_HASHES = {
    "VoiceResponse.d.ts": "68b20cd4312c40a17a0c96ad6a28df1bfaec10cc81710c991150f1b234867d86",
    "twilio_api_v2010.json": "475b69553e34e797af05d34679cdad3bc3b8b4b8b92e6ac044fa6ebc255bf052",
}
_HOST = "https://api.twilio.com"
LARGEST = 64 * 1024


class AgainstTheRules(AssertionError):
    """What we sent, or the fake answered, is not what Twilio would."""


def _file(name: str) -> str:
    path = FOLDER / name
    if not path.exists():
        raise AgainstTheRules(f"{path} is missing: run hardware/setup.sh rules (make test does)")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != _HASHES[name]:
        raise AgainstTheRules(f"{path} is another version than the one pinned here")
    return data.decode()


# ---- requests and answers


@cache
def _openapi() -> tuple[OpenAPI, dict[str, frozenset[str]]]:
    """Only what we use of it: the rest costs a second."""
    spec = json.loads(_file("twilio_api_v2010.json"))
    ours = re.compile(
        r"/2010-04-01/Accounts(/\{AccountSid\}/(Calls|Messages|IncomingPhoneNumbers)(/\{(Sid|CallSid)\}(/Events)?)?|/\{Sid\})\.json"
    )
    spec["paths"] = {path: item for path, item in spec["paths"].items() if ours.fullmatch(path)}
    fields = {}
    for path, item in spec["paths"].items():
        body = item.get("post", {}).get("requestBody", {}).get("content", {})
        form = body.get("application/x-www-form-urlencoded", {}).get("schema", {})
        fields[path] = frozenset(form.get("properties", {}))
    return OpenAPI.from_dict(spec), fields


def check_request(
    method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> MockRequest:
    request = MockRequest(
        _HOST,
        method.lower(),
        path,
        args=dict(query),
        headers=dict(headers),
        data=body,
        content_type="application/x-www-form-urlencoded",
    )
    openapi, fields = _openapi()
    try:
        openapi.validate_request(request)
    except Exception as error:
        raise AgainstTheRules(f"{method} {path}: {error!r} {error.__cause__!r}") from error
    if method == "POST":
        known = next(names for pattern, names in fields.items() if _fits(pattern, path))
        unknown = {name for name, _ in parse_qsl(body.decode())} - known
        if unknown:
            raise AgainstTheRules(f"{method} {path}: Twilio knows no {sorted(unknown)}")
    return request


def check_answer(request: MockRequest, status: int, body: bytes) -> None:
    if status >= 300:
        return  # the document does not describe them
    response = MockResponse(body, status_code=status, content_type="application/json")
    try:
        _openapi()[0].validate_response(request, response)
    except Exception as error:
        raise AgainstTheRules(
            f"answer to {request.method} {request.path}: {error!r} {error.__cause__!r}"
        ) from error


def _fits(pattern: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(pattern)), path) is not None


# ---- TwiML


class Twiml:
    """Which verb may stand in which, with which attributes of which values: read from the library's own types."""

    def __init__(self) -> None:
        source = _file("VoiceResponse.d.ts")
        self._types = {
            name: frozenset(re.findall(r'"([^"]*)"', values))
            for name, values in re.findall(r"^    type (\w+) = (.*);$", source, re.MULTILINE)
        }
        self._attributes = {
            name: dict(re.findall(r"^        '?\"?([\w-]+)'?\"?\?: (.+);$", body, re.MULTILINE))
            for name, body in re.findall(
                r"^    export interface (\w+)Attributes \{\n(.*?)^    \}", source, re.MULTILINE | re.DOTALL
            )
        }
        classes = re.findall(
            r"^    export class (\w+) extends TwiML \{\n(.*?)^    \}", source, re.MULTILINE | re.DOTALL
        )
        head = source.partition("declare namespace")[0]
        self._inside = {name: _methods(body) for name, body in [("Response", head), *classes]}

    def check(self, text: str, numbers: Iterable[str] = ()) -> None:
        """`numbers` must stand in no name and no address."""
        if len(text.encode()) > LARGEST:
            raise AgainstTheRules("a document of more than 64 KB")
        root = ElementTree.fromstring(text)
        if root.tag != "Response":
            raise AgainstTheRules(f"a document that begins with {root.tag}")
        self._element(root, first=True)
        self._ours(root, [number.lstrip("+") for number in numbers if number])

    def _element(self, element: ElementTree.Element, *, first: bool = False) -> None:
        if not first:
            known = self._attributes.get(element.tag, {})
            for name, value in element.attrib.items():
                if name not in known:
                    raise AgainstTheRules(f"<{element.tag}> has no attribute {name}")
                if not self._is(known[name], value):
                    raise AgainstTheRules(f'<{element.tag} {name}="{value}"> is no {known[name]}')
        for child in element:
            if child.tag not in self._inside.get(element.tag, ()):
                raise AgainstTheRules(f"<{child.tag}> must not stand in <{element.tag}>")
            self._element(child)

    def _is(self, kind: str, value: str) -> bool:
        if kind == "boolean":
            return value in ("true", "false")
        if kind == "number":
            return value.isascii() and value.isdigit()
        if kind.endswith("[]"):
            return set(value.split()) <= self._types[kind[:-2]]
        return kind not in self._types or value in self._types[kind]

    def _ours(self, root: ElementTree.Element, numbers: list[str]) -> None:
        """What we have promised: no recording, no transcription, no queue of theirs, and no way to fall out into silence."""
        for element in root.iter():
            if element.tag in (
                "Enqueue",
                "Record",
                "Recording",
                "Transcription",
                "Stream",
                "Siprec",
                "Start",
                "Connect",
            ):
                raise AgainstTheRules(f"<{element.tag}> is never used")
            if element.tag in ("Dial", "Conference") and element.get("record") != "do-not-record":
                raise AgainstTheRules(f"<{element.tag}> must say do-not-record")
            words = [element.get("action", ""), element.get("waitUrl", "")]
            if element.tag in ("Conference", "Redirect", "Play"):
                words.append(element.text or "")
            if any(number in word for number in numbers for word in words):
                raise AgainstTheRules(f"a number in a name or an address of <{element.tag}>")
        last = root[-1] if len(root) else None
        if last is None or (last.tag not in ("Redirect", "Hangup", "Reject") and last.get("action") is None):
            raise AgainstTheRules("a document that ends without saying what comes next")


@cache
def twiml() -> Twiml:
    return Twiml()


def _methods(body: str) -> frozenset[str]:
    """`dial(` makes `<Dial>`, as the library writes it."""
    return frozenset(
        name[0].upper() + name[1:] for name in re.findall(r"^\s+([a-z]\w+)\(", body, re.MULTILINE)
    ) - {"Constructor"}
