"""What every template can reach as `page`: the viewer, the words, the CSRF token, the message to show.

Looked up when the template is drawn, so an error page works at any point. Never holds what a page is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp_jinja2
from aiohttp import web

from callback.access import Viewer
from callback.store import Session
from callback.web.context import SERVICES, Services
from callback.web.flash import COOKIE, clear_flash, read_flash
from callback.web.texts import DEFAULT_LANGUAGE, LANGUAGES, Translate, translator
from callback.web.words import Words

VIEWER: web.RequestKey[Viewer] = web.RequestKey("viewer", Viewer)
SESSION: web.RequestKey[Session] = web.RequestKey("session", Session)
HTTP_ID: web.RequestKey[str] = web.RequestKey("http_id", str)
LANGUAGE_COOKIE = "tast1_lang"


class Page:
    """Lazy view of one request, for templates."""

    def __init__(self, request: web.Request) -> None:
        self._request = request

    @property
    def services(self) -> Services:
        return self._request.config_dict[SERVICES]

    @property
    def viewer(self) -> Viewer | None:
        return self._request.get(VIEWER)

    @property
    def csrf(self) -> str:
        session = self._request.get(SESSION)
        return session.csrf if session else ""

    @property
    def language(self) -> str:
        chosen = (self._request.query.get("lang", ""), self._request.cookies.get(LANGUAGE_COOKIE, ""))
        return next((code for code in chosen if code in LANGUAGES), DEFAULT_LANGUAGE)

    @property
    def other_languages(self) -> list[str]:
        return [code for code in LANGUAGES if code != self.language]

    @property
    def t(self) -> Translate:
        return translator(self.language)

    @property
    def words(self) -> Words:
        return Words(self.t, self.services.clock.now(), self.services.config)

    @property
    def http_id(self) -> str:
        return self._request.get(HTTP_ID) or ""

    @property
    def path(self) -> str:
        return self._request.path

    @property
    def flash(self) -> tuple[str, str] | None:
        return read_flash(self._request, self.words)

    @property
    def has_phone(self) -> bool:
        return self.services.exchange is not None


def render(
    request: web.Request, template: str, context: Mapping[str, Any] | None = None, status: int = 200
) -> web.Response:
    """A whole page; the flash message is shown once."""
    response = aiohttp_jinja2.render_template(template, request, _with_page(request, context), status=status)
    if COOKIE in request.cookies:
        clear_flash(response)
    return response


def fragment(request: web.Request, template: str, context: Mapping[str, Any]) -> web.Response:
    """A part of a page, for `refresh.js`; leaves the flash message to the next whole page."""
    return aiohttp_jinja2.render_template(template, request, _with_page(request, context))


def version_of(parts: Iterable[object]) -> str:
    """Changes when what is shown has changed; a hash, so that it shows nothing itself."""
    return hashlib.sha256(repr(list(parts)).encode()).hexdigest()[:16]


def _with_page(request: web.Request, context: Mapping[str, Any] | None) -> dict[str, Any]:
    # not a context processor: aiohttp-jinja2 keeps those under a string key, which aiohttp warns about
    return {"page": Page(request), **(context or {})}


def see_other(location: str) -> web.Response:
    """303: after a form, fetch this page."""
    return web.Response(status=303, headers={"Location": location})


def viewer_of(request: web.Request) -> Viewer:
    """The viewer of a page or API call that is not public."""
    return request[VIEWER]
