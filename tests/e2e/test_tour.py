"""The README's tour, as a stranger takes it: the service from the command line, two telephones and the list in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Locator, Page, expect

from ivr.phrases import date_items, phone_items
from ivr.prompts import Catalogue
from tests.e2e.browser import launched
from tests.e2e.service import Service

CATALOGUE = Catalogue.load()
PASSWORD = "tast1-demo"
WAIT = 40_000
"""Milliseconds: prompts are played to their end in real time."""


@pytest.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[Service]:
    environment = {"TAST1_DEMO_PASSWORD": PASSWORD}
    async with Service(tmp_path / "service", line="simulated", port=8612, environment=environment) as service:
        yield service


@pytest.fixture
async def browser(simulated: Service) -> AsyncIterator[BrowserContext]:
    async with launched() as chromium:
        yield await chromium.new_context(base_url=simulated.url, locale="nb-NO")


def telephone(page: Page, name: str) -> Locator:
    return page.locator(f'[data-telephone="{name}"]')


async def hears(phone: Locator, words: str) -> None:
    await expect(phone.locator("[data-part=log]")).to_contain_text(words, timeout=WAIT)


async def acts(phone: Locator, name: str) -> None:
    await phone.get_by_role("button", name=name, exact=True).click(timeout=WAIT)


def words(*items: str) -> str:
    """What the page shows of these prompts."""
    return " ".join(CATALOGUE.text(item if "/" in item else f"nb/{item}") for item in items)


async def log_in(page: Page, person: str = "kari") -> None:
    await page.goto("/login")
    await page.fill("#person", person)
    await page.fill("#password", PASSWORD)
    await page.click("main button.primary")
    await expect(page).to_have_url("/requests")


async def test_one_person_plays_the_whole_story(simulated: Service, browser: BrowserContext) -> None:
    """Dial, press 1, nothing is urgent, hear the promise; log in, Ring; both telephones answer; talk; the result ends the request."""
    phones = await browser.new_page()
    await phones.goto("/phone")
    caller, staff = telephone(phones, "a"), telephone(phones, "b")
    await expect(caller.locator("[data-part=state]")).to_have_text("Ledig")
    await acts(caller, "Ring")
    await hears(caller, "tast 1")
    await acts(caller, "1")
    await hears(caller, "Hvis ikke, tast 2")
    await acts(caller, "2")
    (request,) = await simulated.requests(office="9001")
    answer_by = date.fromisoformat(request["answer_by_date"])
    await hears(caller, words("intake.promise", *date_items(answer_by, "nb"), "intake.on_number"))
    await hears(caller, f"{words(*phone_items(request['phone'], 'nb'))}. {words('intake.choices')}")
    await acts(caller, "1")
    await hears(caller, words("intake.promise_again"))
    await hears(caller, "Samtalen er slutt")

    desk = await browser.new_page()
    await log_in(desk)
    await desk.locator("main button.primary").first.click()
    await acts(staff, "Svar")
    await hears(staff, "Tast 1 for å ringe")
    await acts(staff, "1")
    await acts(caller, "Svar")
    await expect(caller.locator("[data-part=state]")).to_have_text("I samtale", timeout=WAIT)
    await acts(caller, "Legg på")
    await hears(staff, "Samtalen er over")

    await desk.goto(f"/requests/{request['id']}#result")
    await desk.get_by_label("Nådd").check()
    await desk.locator("#result button").click()
    await simulated.when(request, lambda r: r["state"] == "reached", "the request has ended")
