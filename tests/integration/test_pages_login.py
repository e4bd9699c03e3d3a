"""The front door of the pages: login, logout, the tokens in the forms, and the headers of every answer."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from callback.web.app import HEADERS
from tests.web_site import PASSWORD, Client, World, csrf, login, submit, text_of

PHONE, SPACED = "+4740001234", "+47 40 00 12 34"


# -- coming in


async def test_the_front_door(client: Client) -> None:
    """Everything but the login, the health check and the style leads to the login; and back to the page asked for."""
    for path in ("/", "/requests", "/requests/new", "/requests/r1", "/status", "/nowhere", "/requests/rows"):
        response = await client.get(path, allow_redirects=False)
        assert response.status == 303
        assert response.headers["Location"].startswith(("/login", "/requests"))
    assert (await client.get("/static/tast1.css")).status == 200
    assert await (await client.get("/healthz")).json() == {"status": "ok"}
    response = await client.get("/status")
    assert response.url.path == "/login"
    page = await response.text()
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token
    response = await client.post(
        "/login", data={"person": "kari", "password": PASSWORD, "csrf": token[1], "next": "/status"}
    )
    assert response.url.path == "/status"


@pytest.mark.parametrize("path", ["/requests/%0d%0aX", "/requests/%00", "/%C3%B8?x=%0a"])
async def test_a_path_with_control_characters(client: Client, path: str) -> None:
    """Leads to the login like any other, and after it to a page that is not there; no header is split."""
    response = await client.get(path, allow_redirects=False)
    assert response.status == 303
    assert re.fullmatch(r"/login\?next=[A-Za-z0-9/%]+", response.headers["Location"])
    assert "X" not in response.headers
    assert (await client.get(path)).status == 200
    data = {"person": "kari", "password": PASSWORD, "csrf": await csrf(client, "/login"), "next": "/\u00f8"}
    response = await client.post("/login", data=data, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, "/%C3%B8")
    assert (await client.get(path)).status == 404


async def test_a_fragment_without_a_session_is_401(client: Client) -> None:
    """So that an open page can notice that its session has ended."""
    response = await client.get("/requests/rows", headers={"X-Tast1-Fragment": "1"})
    assert response.status == 401


@pytest.mark.parametrize(
    "where", ["//evil.example", "https://evil.example", "/\\evil.example", "", "evil", "/\nx"]
)
async def test_a_login_leads_nowhere_else(client: Client, where: str) -> None:
    """`next` is a page of ours."""
    token = await csrf(client, "/login")
    response = await client.post(
        "/login",
        data={"person": "kari", "password": PASSWORD, "csrf": token, "next": where},
        allow_redirects=False,
    )
    assert (response.status, response.headers["Location"]) == (303, "/requests")


async def test_the_session_cookie_is_guarded(client: Client) -> None:
    """HttpOnly and SameSite always, Secure when the browser came by https."""
    for headers, secure in (({}, False), ({"X-Forwarded-Proto": "https"}, True)):
        client.session.cookie_jar.clear()
        data = {"person": "kari", "password": PASSWORD, "csrf": await csrf(client, "/login")}
        response = await client.post("/login", data=data, headers=headers, allow_redirects=False)
        cookie = response.cookies["tast1_session"]
        assert (cookie["httponly"], cookie["samesite"], bool(cookie["secure"])) == (True, "Lax", secure)


@pytest.mark.parametrize(
    ("person", "password", "status", "says"),
    [
        ("kari", "wrong", 401, "Brukernavnet eller passordet er feil."),
        ("nobody", PASSWORD, 401, "Brukernavnet eller passordet er feil."),
        ("", PASSWORD, 422, "Skriv brukernavnet ditt."),
        ("kari", "", 422, "Skriv passordet ditt."),
    ],
)
async def test_a_login_that_fails_says_so(
    client: Client, person: str, password: str, status: int, says: str
) -> None:
    """In the form, with the password gone."""
    response = await login(client, person, password)
    page = await response.text()
    assert response.status == status
    assert says in page
    assert "aria-invalid" in page
    assert PASSWORD not in page


async def test_too_many_wrong_passwords_make_one_wait(client: Client) -> None:
    """And say how long."""
    for _ in range(5):
        await login(client, "kari", "wrong")
    response = await login(client, "kari")
    assert response.status == 429
    assert "Vent 30 sekunder" in await response.text()


async def test_logging_out_ends_the_session(kari: Client, world: World) -> None:
    """The old cookie is worth nothing, not only forgotten."""
    (cookie,) = [c.value for c in kari.session.cookie_jar if c.key == "tast1_session"]
    response = await submit(kari, "/logout", {})
    assert response.url.path == "/login"
    assert "Du er logget ut." in await response.text()
    assert await world.access.session(cookie) is None


async def test_a_session_that_has_ended_leads_to_the_login(kari: Client, world: World) -> None:
    """After the configured hours."""
    world.clock.advance(timedelta(hours=11))
    assert (await kari.get("/requests")).url.path == "/login"


@pytest.mark.parametrize("token", [None, "", "wrong", "x" * 43])
@pytest.mark.parametrize("path", ["ring", "result", "number", "withdraw", "decide", "reassign"])
async def test_no_form_without_its_token(kari: Client, world: World, path: str, token: str | None) -> None:
    """A form another site made the browser send does nothing."""
    request = await world.caller()
    data = {"result": "reached", "confirm": "yes", "why": "x", "other": "y", "to": "ola", "phone": "40000002"}
    data |= {} if token is None else {"csrf": token}
    response = await kari.post(f"/requests/{request.id}/{path}", data=data)
    assert response.status == 403
    assert await world.desk.get(request.id) == request


async def test_login_logout_and_register_need_their_token_too(kari: Client, world: World) -> None:
    """Nobody can be logged out, or into another's account, from elsewhere."""
    assert (await kari.post("/logout", data={})).status == 403
    assert (await kari.post("/requests/new", data={"phone": "40001234"})).status == 403
    assert (await kari.post("/login", data={"person": "kari", "password": PASSWORD})).status == 403
    assert await world.store.count_open() == 0


async def test_another_sessions_token_is_no_good(kari: Client, world: World) -> None:
    """The token belongs to one session."""
    entered = await world.access.login("ola", PASSWORD)
    assert entered is not None
    response = await kari.post("/logout", data={"csrf": entered[1].csrf})
    assert response.status == 403


# -- headers


@pytest.mark.parametrize(
    "path", ["/login", "/requests", "/nowhere", "/static/tast1.css", "/healthz", "/api/v1/requests"]
)
async def test_every_answer_has_its_headers(kari: Client, path: str) -> None:
    """Also errors; and no page is kept in a cache."""
    response = await kari.get(path)
    for name, value in HEADERS.items():
        assert response.headers[name] == value
    assert re.fullmatch(r"[0-9a-f]{16}", response.headers["X-Request-ID"])
    assert response.headers["Cache-Control"] == ("no-cache" if path.startswith("/static") else "no-store")


async def test_nothing_inline(kari: Client, world: World) -> None:
    """The pages obey their own policy: no inline script, style or handler."""
    request = await world.caller()
    for path in ("/requests", f"/requests/{request.id}", "/requests/new", "/status"):
        page = await text_of(kari, path)
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", page), path
