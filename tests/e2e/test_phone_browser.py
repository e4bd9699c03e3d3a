"""The telephones of `/phone` in a real browser, on the simulated line, with a tiny service that only asks for a key.

They must never need the rest of the service: only the web application and the exchange.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from aiohttp import ClientSession, WSServerHandshakeError
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, expect

from hardware.line import (
    CallOffered,
    DigitsEntered,
    LegEnded,
    LegOutcome,
    NoInput,
    Originate,
)
from tests.e2e.browser import launched
from tests.e2e.phone_site import CALLER, OURS, SECONDS, STAFF, Site, new_script
from tests.e2e.waiting import until

# aiohttp_jinja2 keeps its context in the request under a plain string; not ours to mend.
pytestmark = [
    pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning"),
    pytest.mark.asyncio(loop_scope="module"),  # as long as the browser
]


@pytest_asyncio.fixture(loop_scope="module")
async def site() -> AsyncIterator[Site]:
    script = new_script()
    site = Site("", script, cast("Any", None), 0, [])
    await site.start(script)
    yield site
    await site.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests here; every page of theirs is in a context of its own."""
    async with launched() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, site: Site) -> AsyncIterator[Page]:
    """The page with both telephones ready, and no complaint from the browser at the end."""
    complaints: list[str] = []
    page = await browser.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    await page.goto(f"{site.url}/phone")
    for name in ("a", "b"):
        await expect(telephone(page, name).locator("[data-part=state]")).to_have_text("Ledig")
    yield page
    for context in browser.contexts:
        await context.close()
    assert [text for text in complaints if "WebSocket" not in text and "ERR_" not in text] == []


def telephone(page: Page, name: str) -> Locator:
    return page.locator(f'[data-telephone="{name}"]')


def log(page: Page, name: str) -> Locator:
    return telephone(page, name).get_by_role("log")


async def press(page: Page, name: str, button: str) -> None:
    await telephone(page, name).get_by_role("button", name=button, exact=True).click()


async def picture(page: Page, name: str) -> None:
    """For people to look at, when TAST1_PICTURES names a folder."""
    folder = os.environ.get("TAST1_PICTURES")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def test_call_and_key(page: Page, site: Site) -> None:
    """The caller rings, sees the words, hears the sounds in order, presses 1, and is told when it is over."""
    await press(page, "a", "Ring")
    await expect(log(page, "a")).to_contain_text("Ordene i nb/menu. Ordene i nb/choose.")
    await until(lambda: site.played == ["nb/menu", "nb/choose"], what="both sounds are fetched in order")
    await picture(page, "phone-menu")
    await press(page, "a", "1")
    await until(lambda: len(site.script.of(DigitsEntered)) == 1)
    await expect(log(page, "a")).to_contain_text("Ordene i nb/promise.")
    await expect(log(page, "a")).to_contain_text("Samtalen er slutt.")
    offered = site.script.of(CallOffered)[0]
    assert isinstance(offered, CallOffered)
    assert (offered.to, offered.caller) == (OURS, CALLER)


async def test_key_stops_the_sound(page: Page, site: Site) -> None:
    """A key press stops the playing: the second item is never fetched."""
    await press(page, "a", "Ring")
    await until(lambda: site.played == ["nb/menu"])
    await press(page, "a", "1")
    await expect(log(page, "a")).to_contain_text("Samtalen er slutt.")
    assert site.played == ["nb/menu", "nb/promise"]


async def test_withheld(page: Page, site: Site) -> None:
    """With "skjult nummer" the service does not learn who rings."""
    await telephone(page, "a").get_by_label("Skjult nummer").check()
    await press(page, "a", "Ring")
    await until(lambda: len(site.script.of(CallOffered)) == 1)
    offered = site.script.of(CallOffered)[0]
    assert isinstance(offered, CallOffered)
    assert offered.caller is None


async def test_other_number(page: Page, site: Site) -> None:
    """Another number can be typed as people write it; a wrong one is explained and can be mended."""
    field = telephone(page, "a").get_by_label("Innringerens nummer")
    await field.fill("123")
    await field.fill("hei")
    await field.press("Tab")
    await expect(telephone(page, "a").locator("[data-part=error]")).to_have_text(
        "Skriv et telefonnummer med åtte siffer."
    )
    await field.fill("400 77 888")
    await field.press("Tab")
    await expect(telephone(page, "a").locator("[data-part=state]")).to_have_text("Ledig")
    await press(page, "a", "Ring")
    await until(lambda: len(site.script.of(CallOffered)) == 1)
    offered = site.script.of(CallOffered)[0]
    assert isinstance(offered, CallOffered)
    assert offered.caller == "+4740077888"


async def test_two_telephones_talk(page: Page, site: Site) -> None:
    """The caseworker's telephone rings, is answered, both are told that they talk, and who hung up."""
    await press(page, "a", "Ring")
    await expect(log(page, "a")).to_contain_text("nb/menu")
    await press(page, "a", "2")
    await expect(log(page, "a")).to_contain_text("Det ringer hos 201.")
    await expect(log(page, "b")).to_contain_text("Ringer! Fra +47 73 00 00 10.")
    await picture(page, "phone-ringing")
    await press(page, "b", "Svar")
    await expect(log(page, "a")).to_contain_text("Dere snakker sammen")
    await expect(log(page, "b")).to_contain_text("Dere snakker sammen")
    await picture(page, "phone-talking")
    await press(page, "b", "Legg på")
    await expect(log(page, "a")).to_contain_text("Den andre la på.")
    await press(page, "a", "Legg på")
    await until(lambda: len(site.script.of(LegEnded)) == 2)


async def test_screen(page: Page, site: Site) -> None:
    """The caseworker hears what is asked of them before they are joined; the caller's telephone rings on until key 1."""
    await press(page, "a", "Ring")
    await expect(log(page, "a")).to_contain_text("nb/menu")
    await press(page, "a", "3")
    await press(page, "b", "Svar")
    await expect(log(page, "b")).to_contain_text("Ordene i nb/screen.")
    await until(lambda: "nb/screen" in site.played, what="the sound is fetched")
    await expect(log(page, "a")).not_to_contain_text("Dere snakker sammen")
    await picture(page, "phone-screen")
    await press(page, "b", "1")
    await expect(log(page, "a")).to_contain_text("Dere snakker sammen")
    await expect(log(page, "b")).to_contain_text("Dere snakker sammen")


async def test_screen_refused(page: Page, site: Site) -> None:
    """A caseworker who presses 2 is free again, and the caller is told."""
    await press(page, "a", "Ring")
    await expect(log(page, "a")).to_contain_text("nb/menu")
    await press(page, "a", "3")
    await press(page, "b", "Svar")
    await expect(log(page, "b")).to_contain_text("Ordene i nb/screen.")
    await press(page, "b", "2")
    await expect(log(page, "a")).to_contain_text("Samtalen ble avvist.")
    await expect(telephone(page, "b").locator("[data-part=state]")).to_have_text("Ledig")


async def test_decline(page: Page, site: Site) -> None:
    """A ringing telephone can decline."""
    await site.script.line.send(Originate("l", STAFF, timedelta(seconds=20), OURS))
    await press(page, "b", "Avvis")
    await until(lambda: site.script.of(LegEnded) == [LegEnded("l", LegOutcome.DECLINED, 21)])
    await expect(telephone(page, "b").locator("[data-part=state]")).to_have_text("Ledig")


async def test_choose_caseworker(page: Page, site: Site) -> None:
    """The second telephone belongs to the caseworker that is chosen."""
    await telephone(page, "b").get_by_label("Veileder", exact=True).select_option("202")
    await expect(telephone(page, "b").locator("[data-part=state]")).to_have_text("Ledig")
    await site.script.line.send(Originate("l", "202", timedelta(seconds=20), OURS))
    await expect(log(page, "b")).to_contain_text("Ringer!")


async def test_keyboard_only(page: Page, site: Site) -> None:
    """The whole call works from the keyboard: ring, press a key, hang up."""
    await telephone(page, "a").get_by_role("button", name="Ring", exact=True).focus()
    await page.keyboard.press("Enter")
    await expect(log(page, "a")).to_contain_text("nb/menu")
    await page.keyboard.press("1")
    await until(lambda: len(site.script.of(DigitsEntered)) == 1)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await until(lambda: len(site.script.of(LegEnded)) == 1)


async def test_played_to_the_end(page: Page, site: Site) -> None:
    """A prompt without keys is over as soon as the browser has played it, not when a timer guesses so."""
    await press(page, "a", "Ring")
    await press(page, "a", "1")
    await until(lambda: len(site.script.of(NoInput)) == 1, timeout=SECONDS.total_seconds() + 3)


async def test_number_in_use(page: Page, browser: Browser, site: Site) -> None:
    """The same number in a second window is refused with words, and works once the first is closed."""
    second = await browser.new_page()
    await second.goto(f"{site.url}/phone")
    await expect(telephone(second, "a").locator("[data-part=error]")).to_contain_text(
        "i bruk i et annet vindu"
    )
    await page.goto("about:blank")
    await expect(telephone(second, "a").locator("[data-part=state]")).to_have_text("Ledig", timeout=10_000)
    await expect(telephone(second, "a").locator("[data-part=error]")).to_have_text("")


async def test_service_restarted(page: Page, site: Site) -> None:
    """The page says when the service is gone, comes back by itself, and rings a service that was started anew."""
    await press(page, "a", "Ring")
    await expect(log(page, "a")).to_contain_text("nb/menu")
    await site.stop()
    await expect(log(page, "a")).to_contain_text("Samtalen ble brutt.")
    await expect(log(page, "a")).to_contain_text("Mistet kontakten med tjenesten.")
    await site.start(new_script())
    await expect(log(page, "a")).to_contain_text("Kontakten er tilbake.", timeout=10_000)
    await press(page, "a", "Ring")
    await until(lambda: len(site.script.of(CallOffered)) == 1)


@pytest.mark.parametrize("width", [375, 1280])
async def test_accessible(page: Page, site: Site, width: int) -> None:
    """No automatic accessibility check complains, at rest, ringing and in a call, and nothing is wider than the screen."""
    await page.set_viewport_size({"width": width, "height": 800})
    for act in (None, "Ring", "2"):
        if act:
            await press(page, "a", act)
        if act == "Ring":
            await expect(log(page, "a")).to_contain_text("nb/menu")
        elif act == "2":
            await expect(log(page, "b")).to_contain_text("Ringer!")
        found = (await Axe().run(page)).response["violations"]
        assert [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found] == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await picture(page, f"phone-{width}")


async def test_number_never_in_a_url(page: Page, site: Site) -> None:
    """No address the browser asks for holds a telephone number."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    await page.reload()
    await press(page, "a", "Ring")
    await expect(log(page, "a")).to_contain_text("nb/menu")
    assert any("/phone/ws?telephone=a" in url for url in asked)
    assert [url for url in asked if re.search(r"4740012345|40012345|73000010", url)] == []


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", "https://127.0.0.1"])
async def test_other_origin(site: Site, origin: str | None) -> None:
    """Another site's page, or one that does not say where it is from, cannot open a telephone."""
    headers = {"Origin": origin} if origin else {}
    async with ClientSession() as client:
        with pytest.raises(WSServerHandshakeError, match="403"):
            await client.ws_connect(f"{site.url}/phone/ws?telephone=a", headers=headers)


@pytest.mark.parametrize(
    "first", ["x", "[]", "{}", '{"number": 5}', '{"number": "sip:x"}', '{"number": "+47"}']
)
async def test_bad_first_message(site: Site, first: str) -> None:
    """A first message without a telephone number is refused and closed."""
    async with ClientSession() as client:
        socket = await client.ws_connect(f"{site.url}/phone/ws?telephone=a", headers={"Origin": site.url})
        await socket.send_str(first)
        assert await socket.receive_json(timeout=5) == {"type": "refused", "reason": "bad_number"}
        await socket.close()


@pytest.mark.parametrize(
    "act",
    [
        "x",
        "[1]",
        '{"do": "press", "key": "12"}',
        '{"do": "dial", "to": "sip:x", "withhold": false}',
        '{"do": {}}',
    ],
)
async def test_nonsense_is_left_out(site: Site, act: str) -> None:
    """Nonsense on the socket does nothing, and the telephone works on."""
    async with ClientSession() as client:
        socket = await client.ws_connect(f"{site.url}/phone/ws?telephone=a", headers={"Origin": site.url})
        await socket.send_json({"number": CALLER})
        assert (await socket.receive_json(timeout=5))["type"] == "ready"
        await socket.send_str(act)
        await socket.send_json({"do": "dial", "to": OURS, "withhold": False})
        assert (await socket.receive_json(timeout=5))["type"] == "dialling"
        await socket.close()
