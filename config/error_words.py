"""What pydantic and tomllib say is wrong, in words for the person who edits the file. Pure.

Never repeats a value: it could be a secret or somebody's number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

_NUMBER = "write a whole number, without quotes"
_TEXT = 'write text in quotes, as in "..."'
_LIST = "write a list in square brackets, as in [...]"
_BOOL = "write true or false, without quotes"
_TIME = "write a time without quotes, as in 16:00:00"
_DATE = "write a date without quotes, year first: 2026-12-24"
_PLAIN = {
    "extra_forbidden": "unknown key; check the spelling, or remove it",
    "missing": "missing: this key must be set",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "int_parsing": _NUMBER,
    "int_type": _NUMBER,
    "int_from_float": _NUMBER,
    "string_type": _TEXT,
    "string_too_short": "must not be empty",
    "bool_type": _BOOL,
    "bool_parsing": _BOOL,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "time_type": _TIME,
    "time_parsing": _TIME,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "greater_than_equal": "write a number that is not less than {ge}",
    "less_than_equal": "write a number that is not greater than {le}",
    "literal_error": "write one of: {expected}",
    "enum": "write one of: {expected}",
}
"""pydantic's error types; `{...}` is from the error's context."""
_PATTERNS = {
    r"^\d{4}$": 'four digits in quotes, as in "9001"',
    r"^\d{2,5}$": 'two to five digits in quotes, as in "201"',
    r"^AC[0-9a-f]{32}$": '"AC" and 32 digits or letters a to f, as Twilio shows it',
    r"^[a-z][a-z0-9._-]*$": 'small letters a to z, digits, ".", "_" and "-", beginning with a letter',
}
"""The patterns of the models, in words."""


def place(prefix: str, parts: Iterable[str | int]) -> str:
    """`office[1]` and (`special_days`, 0) -> `office[1].special_days[1]`: tables are counted from 1."""
    for part in parts:
        if part != "[key]":
            prefix += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return prefix


def message(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors."""
    context = error.get("ctx", {})
    plain = _PLAIN.get(error["type"])
    if context.get("pattern") in _PATTERNS:
        return f"does not fit the pattern: {_PATTERNS[context['pattern']]}"
    if plain is None:
        return str(error["msg"]).removeprefix("Value error, ")
    return plain.format(**context).replace("'", '"')


def meant(word: object, known: Iterable[str]) -> str | None:
    """What was meant by a misspelt word."""
    return next(iter(get_close_matches(str(word), list(known), 1)), None)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`; did you mean 'housing'?`, or `;`, for what there is to follow."""
    found = meant(word, known)
    return ";" if found is None else f"; did you mean {found!r}?"


# ---- TOML ---------------------------------------------------------------------------------------

_TWICE = "stands twice; it can have one meaning only"
_INLINE = "a { } table must stand on one line, with no comma after the last"
_ONE_DIGIT = "write one digit, 1 to 9"
_UNQUOTED = (
    (r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}", _DATE),
    (r"\d\d?([:.]\d\d)? ?- ?\d\d?([:.]\d\d)?", 'write hours in quotes, as in "09:00-15:00"'),
    (r"\d\d?[:.]\d\d", _TIME),
    ("True|False", "write true or false, in small letters"),
    (r"[^\"'\[{].*", _TEXT),
)
"""What stands after the `=` where TOML could not read on, and what is said of it."""
_NO_QUOTE = "a text without its closing quote"


def syntax(error: str, text: str) -> tuple[str, str]:
    """tomllib's `... (at line 3, column 5)` as (`line 3`, what is wrong there)."""
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", error, re.DOTALL)
    if match is None or match[2] is None:
        what = match[1] if match else error
        no_quote = what == "Unterminated string" or re.match(r"Expected [\"\\']+$", what)
        return "last line", f"not TOML: {_NO_QUOTE if no_quote else what}"
    column = int(match[3])
    lines = text.replace("\r\n", "\n").split("\n")
    line = lines[int(match[2]) - 1] if int(match[2]) <= len(lines) else ""
    return f"line {match[2]}", f"not TOML: {_syntax_words(match[1], line, column - 1)} (column {column})"


def _syntax_words(what: str, line: str, at: int) -> str:
    """`at`: where in the line tomllib stopped."""
    before, here = line[:at], line[at : at + 1]
    in_braces = before.rfind("{") > before.rfind("}")
    if what == "Illegal character '\\n'":
        return _NO_QUOTE
    if in_braces and here in ("", "}", "#"):
        return _INLINE
    if in_braces and here == "*":
        return _ONE_DIGIT
    if what == "Unclosed inline table":
        return "a comma is missing in a { } table"
    if (twice := re.fullmatch(r"Cannot declare \((.*?),?\) twice", what)) is not None:
        return f"[{'.'.join(name.strip(chr(39)) for name in twice[1].split(', '))}] stands twice"
    if what == "Invalid value" and (in_braces or "[" in before) and here.isalpha():
        what = _TEXT
    elif what in ("Invalid value", "Expected newline or end of document after a statement"):
        value = line.partition("=")[2].partition("#")[0].strip()
        what = next((words for pattern, words in _UNQUOTED if re.fullmatch(pattern, value)), what)
    what = what.replace("Cannot overwrite a value", f"a key or table that {_TWICE}")
    return re.sub(r"Duplicate inline table key ('[^']*')", rf"the key \1 {_TWICE}", what)
