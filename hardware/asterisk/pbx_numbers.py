"""Telephone numbers as a PBX writes them, made E.164 or refused. Pure.

It must never hand on what is not a telephone number: a caller chooses their own caller id.
"""

from __future__ import annotations

import re
from typing import Final

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_EXTENSION: Final = re.compile(r"[0-9]{2,6}")
_NORWEGIAN: Final = re.compile(r"(?:0047|47)?([2-9][0-9]{7})")
_INTERNATIONAL: Final = re.compile(r"00([1-9][0-9]{6,14})")
_WITHHELD: Final = 0x20
"""Q.931 presentation indicator "restricted", as Asterisk keeps it in bits 6 and 7 of `callingpres`."""


def to_e164(text: str) -> str | None:
    """`73000010`, `4773000010`, `004773000010`, `+4773000010` -> `+4773000010`; None if it is no such thing."""
    if len(text) > 20:
        return None
    if _E164.fullmatch(text):
        return text
    if match := _NORWEGIAN.fullmatch(text):
        return f"+47{match[1]}"
    if match := _INTERNATIONAL.fullmatch(text):
        return f"+{match[1]}"
    return None


def caller(number: str, presentation: str) -> str | None:
    """The caller's number in E.164, or None: withheld, unknown, or no telephone number."""
    if presentation.isascii() and presentation.isdigit() and int(presentation[:6]) & 0x60 == _WITHHELD:
        return None
    return to_e164(number)


def called(*candidates: str) -> str:
    """The number that was called: the first candidate that is one; else the first with anything but digits removed."""
    for candidate in candidates:
        if (number := to_e164(candidate)) is not None:
            return number
    return re.sub(r"[^0-9+]", "", candidates[0])[:20]


def is_e164(text: str) -> bool:
    return _E164.fullmatch(text) is not None


def is_extension(text: str) -> bool:
    return _EXTENSION.fullmatch(text) is not None
