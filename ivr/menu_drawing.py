"""A menu as a picture (SVG): what a caller hears and can press, and where it leads. Pure.

Nodes stand in columns by how many steps they are from the start. Each lists its ways on; an arrow is drawn to the next
column only, so that none runs behind a box.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from textwrap import wrap

from config.menu import ChooseNode, Menu, OnCallNode, TransferNode, WaitNode
from ivr.prompts import Catalogue

_WIDTH, _GAP_X = 290, 110
_LINE, _ROW, _GAP_Y = 15, 17, 22
_LEFT, _TOP, _EDGE = 110, 92, 30
_WORDS = 40
"""Characters on a line of text."""
_SIGNS = {"next": "", "silence": "…", "withheld": "?", "urgent": "!", "none": "–"}
_NEXT = {"urgent": "2 …", "wait": "1 …"}
"""The sign of `next` where it is more than "goes on by itself"."""
_FILLS = {
    "register": "#cdf5d5",
    "urgent": "#ffe0d9",
    "goodbye": "#ececef",
    "confirm": "#e3f1fb",
    "wait": "#e8f7e4",
    "transfer": "#fff3d6",
}
_TEXTS = {
    "nb": {
        "start": "Start",
        "zero": "0, overalt",
        "rings": "ringer",
        "accept": "den som svarer, taster 1",
        "waits": "i telefontiden, når noen tar imot samtaler: venter på linjen; 1: heller bli ringt",
        "hours": "når det er stengt: åpningstidene etter første melding",
        "legend": (
            "1–9: tasten  ·  …: ingenting trykkes  ·  ?: nummeret vises ikke, eller kan ikke ringes  ·  !: det haster  ·  "
            "–: ingen finnes"
        ),
        "legend_more": "Stiplet pil, eller ingen tast: går videre av seg selv. Uten pil: til en boks lenger unna, med navnet som står der.",
    },
    "en": {
        "start": "Start",
        "zero": "0, everywhere",
        "rings": "rings",
        "accept": "whoever answers presses 1",
        "waits": "in phone hours, when colleagues take calls: waits on the line; 1: rather be rung",
        "hours": "when closed: the hours, after the first prompt",
        "legend": (
            "1–9: the key  ·  …: nothing is pressed  ·  ?: number not seen, or may not be rung  ·  !: it is urgent  ·  "
            "–: nobody found"
        ),
        "legend_more": "Dashed, or no key: goes on by itself. Without an arrow: to a box further away, the one named.",
    },
}  # fmt: skip
_INK, _KEY = "#236b7d", "#0b4f60"
_ARROW = f"""<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 8 4 0 8z" fill="{_INK}"/></marker></defs>"""


@dataclass(frozen=True, slots=True)
class _Box:
    name: str
    kind: str
    x: int
    y: int
    lines: tuple[str, ...]
    """What is said there."""
    ways: tuple[tuple[str, str], ...]
    """(signs, node) for each way on."""

    @property
    def height(self) -> int:
        return 32 + _LINE * len(self.lines) + _ROW * len(self.ways)

    @property
    def middle(self) -> int:
        return self.y + self.height // 2

    def way_y(self, at: int) -> int:
        return self.y + 24 + _LINE * len(self.lines) + _ROW * (at + 1) - 4


def draw_menu(menu: Menu, catalogue: Catalogue, title: str, language: str = "nb") -> str:
    """An SVG document with the menu's nodes, what they say in `language`, and the keys between them."""
    words = _TEXTS.get(language, _TEXTS["nb"])
    columns = _placed(menu, catalogue, language, words)
    width = _LEFT + len(columns) * (_WIDTH + _GAP_X) - _GAP_X + _EDGE
    height = max(box.y + box.height for column in columns for box in column) + _EDGE
    font = 'font-family="Source Sans 3, Arial, sans-serif" font-size="13"'
    size = f'viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {font}>',
        f"<title>{escape(title)}</title>",
        _ARROW,
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        _text(_EDGE, 30, title, 'font-size="17" font-weight="600"'),
        _text(_EDGE, 52, words["legend"], 'font-size="12"'),
        _text(_EDGE, 70, words["legend_more"], 'font-size="12"'),
    ]
    for column, following in pairwise([*columns, []]):
        at = {box.name: box for box in following}
        for box in column:
            parts += _drawn(box, at, is_start=box.name == menu.start)
    for box in columns[0]:
        marked = {menu.start: words["start"], menu.zero: words["zero"]}
        parts.append(_text(_EDGE - 14, box.middle - 7, marked[box.name], 'font-weight="600"'))
        parts.append(_arrow(_EDGE - 14, box.middle, box))
    return "\n".join([*parts, "</svg>", ""])


def _placed(menu: Menu, catalogue: Catalogue, language: str, words: Mapping[str, str]) -> list[list[_Box]]:
    columns = []
    for count, names in enumerate(_columns(menu)):
        column, y = [], _TOP
        for name in names:
            node = menu.node[name]
            lines = _lines(
                catalogue.text(item if "/" in item else f"{language}/{item}") for item in node.prompts
            )
            box = _Box(
                name,
                node.kind,
                _LEFT + count * (_WIDTH + _GAP_X),
                y,
                (*lines, *_lines(_does(node, words))),
                _ways(menu, name),
            )
            column.append(box)
            y += box.height + _GAP_Y
        columns.append(column)
    return columns


def _does(node: object, words: Mapping[str, str]) -> Iterator[str]:
    """What happens there that no prompt says."""
    if isinstance(node, WaitNode):
        yield f"({words['waits']})"
    if isinstance(node, TransferNode):
        yield f"({words['rings']} {node.to})"
    if isinstance(node, OnCallNode) or (isinstance(node, TransferNode) and node.accept):
        yield f"({words['accept']})"
    if isinstance(node, ChooseNode) and node.hours:
        yield f"({words['hours']})"


def _columns(menu: Menu) -> list[list[str]]:
    columns = [list(dict.fromkeys(menu.entries()))]
    seen = set(columns[0])
    while True:
        following = []
        for name in columns[-1]:
            for _, target in _ways(menu, name):
                if target not in seen:
                    seen.add(target)
                    following.append(target)
        if not following:
            return columns
        columns.append(following)


def _ways(menu: Menu, name: str) -> tuple[tuple[str, str], ...]:
    """Keys first; one line for each node that follows."""
    signs = _SIGNS | {"next": _NEXT.get(menu.node[name].kind, "")}
    edges = sorted(menu.node[name].edges(), key=lambda edge: not edge[0].startswith("keys."))
    targets: dict[str, list[str]] = {}
    for key, target in edges:
        targets.setdefault(target, []).append(signs.get(key, key.removeprefix("keys.")))
    return tuple((" ".join(filter(None, labels)), target) for target, labels in targets.items())


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for text in texts for line in wrap(text, _WORDS))


def _drawn(box: _Box, following: dict[str, _Box], *, is_start: bool) -> list[str]:
    """A box and the arrows from it to the next column."""
    fill = _FILLS.get(box.kind, "#f7f8f9")
    stroke = f'stroke="#5d6c79" stroke-width="{3 if is_start else 1}"'
    size = f'width="{_WIDTH}" height="{box.height}"'
    parts = [
        f'<rect x="{box.x}" y="{box.y}" {size} rx="6" fill="{fill}" {stroke}/>',
        _text(box.x + 10, box.y + 19, box.name, 'font-weight="600"'),
        _text(box.x + _WIDTH - 10, box.y + 19, box.kind, 'text-anchor="end" fill="#445"'),
    ]
    for at, line in enumerate(box.lines):
        parts.append(_text(box.x + 10, box.y + 36 + at * _LINE, line, 'font-size="12"'))
    for at, (signs, target) in enumerate(box.ways):
        y = box.way_y(at)
        parts.append(_text(box.x + 10, y, signs, f'font-weight="600" fill="{_KEY}"'))
        parts.append(_text(box.x + _WIDTH - 10, y, f"→ {target}", f'text-anchor="end" fill="{_KEY}"'))
        if target in following:
            parts.append(_arrow(box.x + _WIDTH, y - 4, following[target], by_itself=set(signs) <= {"…", " "}))
    return parts


def _arrow(x: int, y: int, to: _Box, *, by_itself: bool = False) -> str:
    bend = (to.x - x) // 2
    dash = ' stroke-dasharray="3 4"' if by_itself else ""
    path = f"M{x} {y}C{x + bend} {y} {to.x - bend} {to.middle} {to.x} {to.middle}"
    return f'<path d="{path}" fill="none" stroke="{_INK}"{dash} marker-end="url(#tip)"/>'


def _text(x: int, y: int, words: str, how: str) -> str:
    return f'<text x="{x}" y="{y}" {how}>{escape(words)}</text>'
