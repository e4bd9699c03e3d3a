"""Every prompt with its words and its sound, for the leaders of an office and administrators. Read only.

The sounds come from the public addresses in prompts.py; this page adds nothing to what they give away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from aiohttp import web

from callback.access import Viewer
from callback.web.context import SERVICES, Services
from callback.web.page import render, viewer_of
from config.model import Office, VoiceSpeed
from ivr.atoms import atoms
from ivr.library import PromptLibrary
from ivr.listing import LONGEST, Shown, shown, tags_of
from ivr.prompts import BASE_LANGUAGE, NOT_REVIEWED, Catalogue, bare_language, speed_of, split_item

LIMIT = 500
"""More than one language has."""
EVERY = "all"
_LONGEST_SEARCH = 60
_SMALL_WORDS = frozenset(atoms(BASE_LANGUAGE))
"""They come last: whoever opens the page looks for sentences."""


@dataclass(frozen=True, slots=True)
class Row:
    shown: Shown
    prompt_id: str
    text: str
    """In its own language where it has words there, also when no voice can say them."""
    language: str
    """Of the words."""
    note: str
    note_language: str

    @property
    def not_reviewed(self) -> bool:
        return self.language in NOT_REVIEWED

    @property
    def too_long(self) -> bool:
        return self.shown.seconds is not None and self.shown.seconds > LONGEST.total_seconds()


@dataclass(frozen=True, slots=True)
class Tag:
    """One choice of the filter."""

    tag: str
    language: str
    slow: bool


def offices_led(services: Services, viewer: Viewer) -> list[Office]:
    """Whose prompts the viewer may look through; with none of them the page does not exist."""
    return [office for office in services.config.offices if viewer.leads(office.office_no)]


async def prompts_page(request: web.Request) -> web.StreamResponse:
    services = request.config_dict[SERVICES]
    offices = offices_led(services, viewer_of(request))
    if not offices:
        raise web.HTTPNotFound
    tags = tags_of(offices)
    chosen = request.query.get("language", "")
    if chosen not in (*tags, EVERY):
        chosen = offices[0].languages[0]
    wanted = request.query.get("search", "").strip()[:_LONGEST_SEARCH]
    in_tags = tags if chosen == EVERY else [chosen]
    rows = await asyncio.to_thread(_rows, services.library, in_tags, wanted.casefold())
    context = {
        "rows": rows[:LIMIT],
        "truncated": len(rows) > LIMIT,
        "limit": LIMIT,
        "tags": [_tag(tag) for tag in tags],
        "every": EVERY,
        "chosen": chosen,
        "wanted": wanted,
        # A browser keeps a sound for an hour; whoever opens the page again wants to hear a new recording.
        "fresh": int(services.clock.now().timestamp()),
    }
    return render(request, "prompts.html", context)


def _rows(library: PromptLibrary, tags: Iterable[str], wanted: str) -> list[Row]:
    """One more than are shown, if there are. Blocks: it reads files."""
    items = (item for tag in tags for item in _items(library.catalogue, tag, wanted))
    return [_row(library, item) for item in islice(items, LIMIT + 1)]


def _items(catalogue: Catalogue, tag: str, wanted: str) -> Iterator[str]:
    for prompt_id in sorted(catalogue.ids, key=_SMALL_WORDS.__contains__):
        item = f"{tag}/{prompt_id}"
        if wanted in prompt_id.casefold() or wanted in catalogue.text(item).casefold():
            yield item


def _row(library: PromptLibrary, item: str) -> Row:
    catalogue = library.catalogue
    tag, prompt_id = split_item(item)
    words_in, _ = split_item(catalogue.resolve(tag, prompt_id))
    noted = bool(catalogue.note_keys(tag))
    return Row(
        shown=shown(library, item),
        prompt_id=prompt_id,
        text=catalogue.text(item),
        language=bare_language(words_in),
        note=catalogue.note(item),
        note_language=bare_language(tag) if noted else BASE_LANGUAGE,
    )


def _tag(tag: str) -> Tag:
    return Tag(tag, bare_language(tag), speed_of(tag) is VoiceSpeed.SLOW)


def add_routes(app: web.Application) -> None:
    app.router.add_get("/status/prompts", prompts_page, name="prompts")
