"""A menu as a picture (SVG): what a caller can press, and where it leads. Pure.

Nodes stand in columns by how many steps they are from the start. Solid lines are keys, dotted ones are silence.
"""

from __future__ import annotations

from html import escape
from itertools import count

from config.menu import Menu
from ivr.prompts import Catalogue

_WIDTH, _GAP_X = 250, 130
_LINE, _GAP_Y, _EDGE = 15, 26, 30
_WORDS = 34
"""Characters on a line of text."""
_MOST_LINES = 4
_KEYS = {"next": "", "silence": "…", "withheld": "?", "urgent": "!", "none": "ingen"}


def draw_menu(menu: Menu, catalogue: Catalogue, title: str, language: str = "nb") -> str:
    """An SVG document with the menu's nodes, their first words in `language`, and the keys between them."""
    columns = _columns(menu)
    boxes, height = {}, 0
    for column, names in enumerate(columns):
        y = _EDGE + 20
        for name in names:
            lines = _words(menu, name, catalogue, language)
            tall = 28 + _LINE * len(lines)
            boxes[name] = (_EDGE + column * (_WIDTH + _GAP_X), y, tall, lines)
            y += tall + _GAP_Y
        height = max(height, y)
    width = 2 * _EDGE + len(columns) * (_WIDTH + _GAP_X) - _GAP_X
    font = 'font-family="Source Sans 3, Arial, sans-serif" font-size="13"'
    size = f'viewBox="0 0 {width} {height + _EDGE}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {font}>',
        f"<title>{escape(title)}</title>",
        _ARROW,
        f'<rect width="{width}" height="{height + _EDGE}" fill="#fff"/>',
        f'<text x="{_EDGE}" y="28" font-size="17" font-weight="600">{escape(title)}</text>',
    ]
    for name in boxes:
        parts += _edges(menu, name, boxes)
    parts += [_box(menu, name, box) for name, box in boxes.items()]
    return "\n".join([*parts, "</svg>", ""])


_ARROW = """<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 8 4 0 8z" fill="#236b7d"/></marker></defs>"""
Box = tuple[int, int, int, list[str]]


def _columns(menu: Menu) -> list[list[str]]:
    columns, seen = [list(menu.entries())], set(menu.entries())
    while True:
        following = []
        for name in columns[-1]:
            for _, target in menu.node[name].edges():
                if target not in seen:
                    seen.add(target)
                    following.append(target)
        if not following:
            return columns
        columns.append(following)


def _words(menu: Menu, name: str, catalogue: Catalogue, language: str) -> list[str]:
    text = " ".join(
        catalogue.text(item if "/" in item else f"{language}/{item}") for item in menu.node[name].prompts
    )
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) >= _WORDS:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    lines += [line] if line else []
    return lines if len(lines) <= _MOST_LINES else [*lines[: _MOST_LINES - 1], f"{lines[_MOST_LINES - 1]} …"]


def _edges(menu: Menu, name: str, boxes: dict[str, Box]) -> list[str]:
    x, y, tall, _ = boxes[name]
    targets: dict[str, list[str]] = {}
    for key, target in menu.node[name].edges():
        targets.setdefault(target, []).append(_KEYS.get(key, key.removeprefix("keys.")))
    parts = []
    for place, target, labels in zip(count(), targets, targets.values(), strict=False):
        label = " ".join(filter(None, labels))
        to_x, to_y, to_tall, _ = boxes[target]
        out_y = y + 14 + place * 12 % max(tall - 14, 12)
        in_y = to_y + to_tall // 2
        if to_x > x:
            path = f"M{x + _WIDTH} {out_y}C{x + _WIDTH + 60} {out_y} {to_x - 60} {in_y} {to_x} {in_y}"
            at = (x + _WIDTH + 6, out_y - 3)
        else:
            bend = min(x, to_x) - 22 - 5 * (place % 3)
            path = f"M{x} {out_y}C{bend} {out_y} {bend} {in_y} {to_x} {in_y}"
            at = (x - 8 - 7 * len(label), out_y - 3)
        dash = ' stroke-dasharray="3 4"' if set(labels) <= {"…", ""} else ""
        parts.append(f'<path d="{path}" fill="none" stroke="#236b7d"{dash} marker-end="url(#tip)"/>')
        parts.append(f'<text x="{at[0]}" y="{at[1]}" font-weight="600" fill="#0b4f60">{escape(label)}</text>')
    return parts


def _box(menu: Menu, name: str, box: Box) -> str:
    x, y, tall, lines = box
    kind = menu.node[name].kind
    fill = {"register": "#cdf5d5", "urgent": "#ffe0d9", "goodbye": "#ececef", "confirm": "#e3f1fb"}.get(
        kind, "#f7f8f9"
    )
    text = "".join(
        f'<text x="{x + 10}" y="{y + 36 + at * _LINE}" font-size="12">{escape(line)}</text>'
        for at, line in enumerate(lines)
    )
    return (
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{tall}" rx="6" fill="{fill}" stroke="#5d6c79"/>'
        f'<text x="{x + 10}" y="{y + 19}" font-weight="600">{escape(name)}</text>'
        f'<text x="{x + _WIDTH - 10}" y="{y + 19}" text-anchor="end" fill="#445">{kind}</text>{text}'
    )
