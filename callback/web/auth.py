"""Who is asking: cookie and CSRF token for pages, bearer token for the API. Closed unless listed as public.

Never puts a password, a cookie or a token into a log, a URL or an answer (a login's cookie aside).
"""

from __future__ import annotations

import re
import secrets
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler

from callback.access import LoginThrottled
from callback.web.context import SERVICES
from callback.web.errors import ApiError
from callback.web.flash import set_flash
from callback.web.page import LANGUAGE_COOKIE, SESSION, VIEWER, Page, render, see_other
from callback.web.texts import LANGUAGES

COOKIE = "tast1_session"
LOGIN_COOKIE = "tast1_login"
"""Holds the CSRF token of the login form, where there is no session to hold it (double submit)."""
FRAGMENT_HEADER = "X-Tast1-Fragment"

_PUBLIC = ("/login", "/healthz", "/metrics", "/static/", "/prompts/", "/api/v1/openapi.json", "/phone")
"""`/phone` is the simulated telephone network: it stands for the world outside, which does not log in, and
is served only while the simulated line runs. A PBX fetches prompts without a login. `/metrics` looks for itself."""

_CALENDAR = re.compile(r"/oncall/[a-z0-9._-]+\.ics")
"""Outlook sends no login: the address has a key of its own."""


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the viewer, or turn them away. A POST to a page also needs the session's CSRF token."""
    public = request.path.startswith(_PUBLIC) or _CALENDAR.fullmatch(request.path) is not None
    if request.path.startswith("/api/"):
        if not public:
            await _take_token(request)
        return await handler(request)
    await _take_cookie(request)
    session = request.get(SESSION)
    if public:
        return await handler(request)
    if session is None:
        return _to_login(request)
    if request.method not in ("GET", "HEAD"):
        sent = (await request.post()).get("csrf")
        if not isinstance(sent, str) or not secrets.compare_digest(sent.encode(), session.csrf.encode()):
            raise web.HTTPForbidden(reason="the form was not ours, or too old")
    return await handler(request)


@web.middleware
async def remember_language(request: web.Request, handler: Handler) -> web.StreamResponse:
    """`?lang=en` on any page chooses the language from then on."""
    response = await handler(request)
    chosen = request.query.get("lang")
    if chosen in LANGUAGES and not response.prepared:
        response.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=365 * 86400, httponly=True, samesite="Lax", path="/"
        )
    return response


async def _take_token(request: web.Request) -> None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    token, access = None, request.config_dict[SERVICES].access
    if scheme.lower() == "bearer":
        token = await access.token(secret.strip())
    if token is None:
        raise ApiError(401, "not_authenticated", "send Authorization: Bearer t1_..., a token that is in use")
    request[VIEWER] = access.viewer_of_token(token)


async def _take_cookie(request: web.Request) -> None:
    cookie = request.cookies.get(COOKIE)
    if not cookie or request.path.startswith(("/static/", "/prompts/", "/healthz")):
        return
    access = request.config_dict[SERVICES].access
    session = await access.session(cookie)
    if session is not None:
        request[SESSION] = session
        request[VIEWER] = access.viewer_of_session(session)


def _to_login(request: web.Request) -> web.StreamResponse:
    if request.headers.get(FRAGMENT_HEADER) or request.headers.get("Accept") == "text/event-stream":
        return web.Response(status=401)
    location = "/login"
    if request.method == "GET" and request.path not in ("/", "/requests"):
        location += f"?next={quote(request.path)}"  # decoded, it may hold a line break
    return see_other(location)


# -- pages


async def login_page(request: web.Request) -> web.StreamResponse:
    if request.get(VIEWER) is not None:
        return see_other("/requests")
    return _login_form(request, next_path=request.query.get("next", ""))


async def login(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    page = Page(request)
    person_id, password = str(form.get("person", "")).strip(), str(form.get("password", ""))
    next_path = str(form.get("next", ""))
    kept, sent = request.cookies.get(LOGIN_COOKIE, ""), str(form.get("csrf", ""))
    if not kept or not secrets.compare_digest(kept.encode(), sent.encode()):
        return _login_form(request, person_id, {"person": page.t("login.stale")}, next_path, status=403)
    errors = {}
    if not person_id:
        errors["person"] = page.t("login.empty_person")
    if not password:
        errors["password"] = page.t("login.empty_password")
    if errors:
        return _login_form(request, person_id, errors, next_path, status=422)
    try:
        entered = await page.services.access.login(person_id, password)
    except LoginThrottled as throttled:
        wait = page.t("login.throttled", wait=page.words.span(throttled.wait))
        return _login_form(request, person_id, {"person": wait}, next_path, status=429)
    if entered is None:
        return _login_form(request, person_id, {"person": page.t("login.wrong")}, next_path, status=401)
    response = see_other(quote(_inside(next_path), safe="/?&="))
    lifetime = page.services.config.settings.service.session_hours * 3600
    response.set_cookie(
        COOKIE, entered[0], max_age=lifetime, httponly=True, samesite="Lax", secure=_https(request), path="/"
    )
    response.del_cookie(LOGIN_COOKIE, path="/login")
    return response


async def logout(request: web.Request) -> web.StreamResponse:
    cookie = request.cookies.get(COOKIE)
    if cookie:
        await request.config_dict[SERVICES].access.logout(cookie)
    response = see_other("/login")
    response.del_cookie(COOKIE, path="/")
    set_flash(response, "logged_out")
    return response


def _login_form(
    request: web.Request,
    person_id: str = "",
    errors: dict[str, str] | None = None,
    next_path: str = "",
    status: int = 200,
) -> web.Response:
    token = request.cookies.get(LOGIN_COOKIE) or secrets.token_urlsafe(32)
    context = {"person": person_id, "errors": errors or {}, "next": _inside(next_path), "login_csrf": token}
    response = render(request, "login.html", context, status=status)
    response.set_cookie(
        LOGIN_COOKIE,
        token,
        max_age=86400,
        httponly=True,
        samesite="Strict",
        secure=_https(request),
        path="/login",
    )
    return response


def _inside(path: str) -> str:
    """A path of ours, never another site: `//host` and `/\\host` lead away."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if safe else "/requests"


def _https(request: web.Request) -> bool:
    """Also behind a proxy that ends TLS. Whoever forges the header only makes their own cookie stricter."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def add_routes(app: web.Application) -> None:
    app.router.add_get("/login", login_page, name="login")
    app.router.add_post("/login", login)
    app.router.add_post("/logout", logout, name="logout")
