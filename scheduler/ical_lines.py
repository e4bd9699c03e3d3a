"""The lines of an iCalendar file, unfolded and numbered, and the components they make. Pure.

Every line keeps its number in the file: whoever made the file must be told where it is broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from icalendar.parser import Contentline
from icalendar.prop import vText

MOST_BYTES = 1_000_000
_Contentline: Any = Contentline  # not typed


class CalendarBroken(ValueError):
    """The file cannot be read. `line`: of the file, from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    name: str
    parameters: Mapping[str, str]
    value: str


@dataclass(slots=True)
class Component:
    name: str
    number: int
    lines: list[Line] = field(default_factory=list)
    inner: list[Component] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)


def parse(data: bytes) -> Component:
    """VCALENDAR with what stands in it; several after one another are one."""
    top = Component("", 1)
    open_parts = [top]
    last = 1
    for number, text in _unfolded(data):
        last = number
        line = _content_line(number, text)
        part = open_parts[-1]
        if line.name == "BEGIN":
            part.inner.append(Component(line.value.strip().upper(), number))
            open_parts.append(part.inner[-1])
        elif line.name == "END":
            if len(open_parts) == 1 or part.name != line.value.strip().upper():
                raise CalendarBroken(number, f"END:{line.value} where {part.name or 'nothing'} is open")
            open_parts.pop()
        elif len(open_parts) == 1:
            raise CalendarBroken(number, "no calendar begins here: write BEGIN:VCALENDAR first")
        else:
            part.lines.append(line)
        for each in open_parts[1:]:
            each.raw.append(text)
        if line.name == "END":
            part.raw.append(text)
    if len(open_parts) > 1:
        raise CalendarBroken(
            last, f"the file ends here, but END:{open_parts[-1].name} is missing: it is not whole"
        )
    calendars = [part for part in top.inner if part.name == "VCALENDAR"]
    if not calendars:
        raise CalendarBroken(1, "no calendar: the file does not begin with BEGIN:VCALENDAR")
    return Component("VCALENDAR", 1, inner=[inner for part in calendars for inner in part.inner])


def _unfolded(data: bytes) -> Iterator[tuple[int, str]]:
    """(number of the line in the file, text): a line that begins with a blank goes on from the one before."""
    if len(data) > MOST_BYTES:
        raise CalendarBroken(1, f"larger than {MOST_BYTES // 1_000_000} MB")
    physical = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    number, held = 0, b""
    for count, raw in enumerate([*physical, b""], start=1):
        if raw[:1] in (b" ", b"\t") and held:
            held += raw[1:]
            continue
        if held.strip():
            try:
                yield number, held.decode()
            except UnicodeDecodeError:
                raise CalendarBroken(number, "not UTF-8; save the file as UTF-8") from None
        number, held = count, raw


def _content_line(number: int, text: str) -> Line:
    try:
        name, parameters, value = _Contentline(text).parts()
    except ValueError:
        raise CalendarBroken(number, "not a line of a calendar: NAME:VALUE is expected") from None
    return Line(
        number, str(name).upper(), {str(k).upper(): str(v) for k, v in parameters.items()}, str(value)
    )


def text_of(part: Component, name: str) -> str:
    return next((str(vText.from_ical(line.value)) for line in part.lines if line.name == name), "").strip()
