"""The table of offices in a real browser: axe-core, the keyboard, the stream, and what is left without it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.test_pages_browser import NARROW, SMALLEST, WIDE, ZOOMED, Site, browser, look, site
from tests.integration.test_offices import with_lines

__all__ = ["browser", "site"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
FEW = (WIDE, SMALLEST)
ALL = (WIDE, ZOOMED, NARROW, SMALLEST)


@pytest_asyncio.fixture(loop_scope="module")
async def offices(site: Site) -> Site:
    """Two offices, one with two lines, and the board that tells of them."""
    site.world.desk.use_config(with_lines())
    await site.world.services.board.start()
    return site


async def test_the_pages_are_accessible(offices: Site) -> None:
    """The table, an office, a refused message: for those who read and those who confirm, in both languages."""
    desk, clock = offices.world.desk, offices.world.clock
    clock.advance(-timedelta(days=9))
    await desk.confirm_office("9001", "liv")
    clock.advance(timedelta(days=9))
    await desk.say_of_office("9001", "liv", "Stengt fra kl. 12.00. " * 9)
    nks = await offices.page("nks")
    await nks.goto("/offices?lang=en")
    await look(nks, "offices-en", ALL)
    await expect(nks.locator("tbody .act:visible")).to_have_count(2)
    await nks.goto("/offices/9001?lang=nb")
    await look(nks, "office", FEW)
    liv = await offices.page("liv")
    await liv.goto("/offices")
    await expect(liv.locator("tbody .act:visible")).to_have_count(0)  # she registers at her own office only
    await look(liv, "offices-own", FEW)
    await liv.get_by_role("button", name="Ja, det stemmer").click()
    await expect(liv.get_by_text("Bekreftet. Kontaktsenteret ser det nå.")).to_be_visible()
    await liv.get_by_role("link", name="Se alt som står").click()
    await liv.get_by_label("Melding til kontaktsenteret").fill("Ring Kari, 40 00 12 34")
    await liv.get_by_role("button", name="Vis meldingen").click()
    await expect(liv.locator("#errors")).to_be_visible()
    await look(liv, "office-message-error", FEW)
    await liv.get_by_role("link", name="Ta bort nummeret").click()
    await expect(liv.get_by_label("Melding til kontaktsenteret")).to_be_focused()


async def test_an_office_is_found_by_typing_and_the_caller_registered(offices: Site) -> None:
    """By keyboard alone: name, municipality or number; then the form has that office already."""
    page = await offices.page("nks")
    await page.goto("/offices")
    search = page.get_by_label("Søk etter kontor eller kommune")
    rows = page.locator("tbody tr:visible")
    for typed, found in (("stor", "1 av 2 kontorer"), ("9002", "1 av 2 kontorer"), ("LILLEVIK", "2 av 2 kontorer"), ("x", "0 av 2 kontorer")):  # fmt: skip
        await search.fill(typed)
        await expect(page.locator("#found")).to_have_text(found)
        await expect(rows).to_have_count(int(found[0]))
    assert "stor" not in page.url
    await search.fill("stor")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Storvik", exact=True)).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Kontor")).to_have_value("9002")
    await page.get_by_label("Telefonnummer").fill("40 00 12 34")
    await page.get_by_label("Har ikke penger til mat").check()
    await page.get_by_role("button", name="Sett på listen").click()
    await expect(page.get_by_text("Si: «Du blir ringt innen mandag 23. november.")).to_be_visible()


async def test_the_table_is_live(offices: Site) -> None:
    """A change is there without a reload; the focus and what was typed stay; an urgent message is said."""
    page = await offices.page("nks")
    await page.goto("/offices")
    await page.get_by_label("Søk etter kontor eller kommune").fill("stor")
    link = page.get_by_role("link", name="Storvik", exact=True)
    await link.focus()
    await page.evaluate("window.same = true")
    await offices.world.desk.confirm_office("9002", "siv")
    await expect(page.get_by_text("Bekreftet av Siv i dag")).to_be_visible()
    await offices.world.desk.say_of_office("9002", "siv", "Brann i bygget")
    await expect(page.locator("#announcer")).to_have_text("Storvik. Hastemelding: Brann i bygget")
    await expect(link).to_be_focused()
    await expect(page.get_by_role("link", name="Lillevik", exact=True)).to_be_hidden()
    assert await page.evaluate("window.same")


async def test_a_stream_that_breaks_is_told_and_comes_back(offices: Site) -> None:
    """The page says since when it is not fed, and catches up by itself."""
    page = await offices.page("nks")
    await page.route("**/offices/live*", lambda route: route.abort())
    await page.goto("/offices")
    await expect(page.locator("#lost")).to_contain_text("Det som står her, kan være gammelt.")
    await expect(page.locator("#looked-at")).to_have_text("09.05.00")
    await offices.world.desk.confirm_office("9002", "siv")
    await page.unroute("**/offices/live*")
    await expect(page.get_by_text("Bekreftet av Siv i dag")).to_be_visible()
    await expect(page.locator("#lost")).to_be_hidden()
    offices.complaints.clear()  # the browser tells of the broken stream


async def test_the_end_of_the_session(offices: Site) -> None:
    """An open table goes to the login at the next thing it would be told."""
    page = await offices.page("nks")
    await page.goto("/offices")
    (cookie,) = [c["value"] for c in await page.context.cookies() if c.get("name") == "tast1_session"]
    await offices.world.access.logout(cookie)
    await offices.world.desk.confirm_office("9002", "siv")
    await expect(page.get_by_role("heading", name="Logg inn")).to_be_visible()


async def test_without_scripts(offices: Site) -> None:
    """The table, when it was made, and a way to fetch it anew; the click works."""
    page = await offices.page("liv", scripts=False)
    await page.goto("/offices")
    await expect(page.get_by_text("Sist oppdatert kl. 09.05.00")).to_be_visible()
    await expect(page.get_by_label("Søk etter kontor eller kommune")).to_be_hidden()
    await page.get_by_role("button", name="Ja, det stemmer").click()
    await expect(page.get_by_text("Bekreftet av Liv i dag.")).to_be_visible()
