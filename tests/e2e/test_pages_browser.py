"""The pages in a real browser: login, list, ring, result; what refreshes itself; and axe-core on every page.

The list is in memory and its clock stands still, so that every page looks the same each time.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from axe_playwright_python.async_playwright import Axe
from axe_playwright_python.base import AxeResults
from playwright.async_api import Browser, BrowserContext, Page, expect

from callback.request import AttemptOutcome, CallbackRequest, Reason
from callback.web.app import make_runner
from config.model import MailSettings, NoticeSettings
from tests.e2e.browser import launched
from tests.integration.notice_world import with_notices
from tests.web_site import PASSWORD, World, application, open_world

WIDE, ZOOMED, NARROW, SMALLEST = 1280, 640, 375, 320
"""640 is 1280 at 200 % zoom, 320 is 1280 at 400 %."""
HEIGHT = 900
LAYOUTS = (WIDE, ZOOMED, SMALLEST)
"""One width of each layout in tast1.css, which changes at 992 and at 544. axe's rules are about names, roles and
colours, which are the same at 375 as at 320; only room to the side has to be looked for at both."""
AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    "resultTypes": ["violations"],
}
PICTURES = os.environ.get("TAST1_PICTURES")
"""A folder for pictures of every page, for a person to look at."""
pytestmark = pytest.mark.asyncio(loop_scope="module")  # as long as the browser
expect.set_options(timeout=12_000)  # several rounds of refreshing, also on a busy machine


@dataclass
class Site:
    world: World
    url: str
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    """What the browser's console complained about: a broken policy, a fault in a script."""

    async def page(self, person_id: str | None = "kari", *, scripts: bool = True) -> Page:
        """A browser of its own, logged in."""
        context = await self.browser.new_context(
            viewport={"width": WIDE, "height": HEIGHT},
            java_script_enabled=scripts,
            base_url=self.url,
            locale="nb-NO",
        )
        context.set_default_timeout(10_000)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self._console(said.type, said.text))
        if person_id is not None:
            await page.goto("/login")
            await page.get_by_label("Brukernavn").fill(person_id)
            await page.get_by_label("Passord").fill(PASSWORD)
            await page.get_by_role("button", name="Logg inn").click()
            await expect(page.get_by_role("heading", level=1)).to_have_text("Listen")
        return page

    def _console(self, kind: str, text: str) -> None:
        if (
            kind in ("error", "warning") and "status of 4" not in text
        ):  # a page that answers 4xx is told there too
            self.complaints.append(text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests here; each logs in from contexts of its own."""
    async with launched() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[Site]:
    world = await open_world(tmp_path)
    runner = make_runner(application(world))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site = Site(world, f"http://127.0.0.1:{runner.addresses[0][1]}", browser)
    yield site
    for context in browser.contexts:
        await context.close()
    await runner.cleanup()
    assert site.complaints == []


async def a_day(world: World) -> dict[str, CallbackRequest]:
    """A list with something of everything."""
    hungry = await world.hungry()
    tried = await world.missed(await world.caller("+4740000011", language="uk"), AttemptOutcome.NO_ANSWER)
    await world.caller("+4722000012", reason=Reason.DEBT_ADVICE, note="Snakk sakte.\nHar mistet brevet.")
    talked = await world.talked(await world.caller("+4740000013"))
    theirs = await world.caller("+4740000014")
    await world.desk.claim(theirs.id, "ola")
    given = await world.caller("+4740000015", reason=Reason.TEMPORARY_HOUSING)
    await world.desk.reassign(given.id, "ola", "liv")
    ended = await world.desk.withdraw((await world.caller("+4740000016")).id, "kari")
    await world.caller(None)
    return {"hungry": hungry, "tried": tried, "talked": talked, "theirs": theirs, "ended": ended}


async def look(page: Page, name: str, widths: tuple[int, ...] = (WIDE,)) -> None:
    """axe-core finds nothing in any layout, and nothing has to be scrolled sideways at any width."""
    await page.evaluate(Axe().axe_script)
    for width in widths:
        await page.set_viewport_size({"width": width, "height": HEIGHT})
        over = await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0, f"{name} is {over} px too wide at {width}"
        if width in LAYOUTS:
            results = AxeResults(await page.evaluate("options => axe.run(options)", AXE))
            assert results.violations_count == 0, f"{name} at {width}\n{results.generate_report()}"
        if PICTURES:
            await page.screenshot(path=f"{PICTURES}/{name}-{width}.png", full_page=True)


# -- looks


async def test_every_page_is_accessible(site: Site) -> None:
    """No violation on any page, wide, at 200 % and 400 % zoom, and on a telephone."""

    async def looks(name: str) -> None:
        await look(page, name, (WIDE, ZOOMED, NARROW, SMALLEST))

    day = await a_day(site.world)
    page = await site.page(None)
    await page.goto("/login")
    await looks("login")
    await page.get_by_role("button", name="Logg inn").click()
    await looks("login-errors")
    page = await site.page()
    await looks("list")
    for name, path in (
        ("list-ended", "/requests?show=ended"),
        ("register", "/requests/new"),
        ("status", "/status"),
        ("missing", "/nowhere"),
        *((f"request-{name}", f"/requests/{request.id}") for name, request in day.items()),
        ("list-en", "/requests?lang=en"),
    ):
        await page.goto(path)
        await looks(name)
    site.world.line.up = False
    site.world.heart.last_error = "RuntimeError: x"
    await page.goto("/status?lang=nb")
    await looks("status-down")
    for person in ("nks", "admin"):
        page = await site.page(person)
        await looks(f"list-{person}")
        await page.goto("/requests/new")
        await page.get_by_role("button", name="Sett på listen").click()
        await looks(f"register-errors-{person}")
    for name, query in (
        ("prompts", "search=greeting"),
        ("prompts-en", "search=greeting&language=en&lang=en"),
        ("prompts-none", "search=zzz&lang=nb"),
    ):
        await page.goto(f"/status/prompts?{query}")
        await looks(name)


async def test_the_escalation_is_accessible(site: Site) -> None:
    """The banner, the tags and the channels, in every layout; and acknowledging takes the banner away by itself elsewhere."""
    late = await site.world.caller()
    site.world.clock.advance(timedelta(days=1, hours=3, minutes=5))
    await site.world.desk.sweep()
    settings = NoticeSettings(email=MailSettings(host="127.0.0.1", sender="tast1@example.org"))
    site.world.desk.use_config(with_notices(settings))
    page, other = await site.page(), await site.page("ola")
    await look(page, "list-warned", (WIDE, ZOOMED, NARROW, SMALLEST))
    await expect(other.get_by_role("heading", name="Du er varslet")).to_be_visible()
    for name, path in (("request-warned", f"/requests/{late.id}"), ("status-channels", "/status")):
        await page.goto(path)
        await look(page, name, (WIDE, ZOOMED, NARROW, SMALLEST))
    await page.goto("/requests")
    await page.get_by_role("button", name="Kvitter").click()
    await expect(page.get_by_text("Du har kvittert for varselet.")).to_be_visible()
    await expect(other.get_by_role("heading", name="Du er varslet")).to_have_count(0)
    await expect(other.get_by_text("Kari har kvittert.")).to_be_visible()


async def test_prompts_are_found_and_heard_without_scripts(site: Site) -> None:
    """From the status page to the list, a search, and a sound that plays."""
    page = await site.page("admin", scripts=False)
    await page.goto("/status")
    await page.get_by_role("link", name="Les og hør meldingene").click()
    await page.get_by_label("Språk").select_option("en")
    await page.get_by_label("Søk i navn og tekst").fill("welcome to nav")
    await page.get_by_role("button", name="Vis").click()
    await expect(page.get_by_role("rowheader")).to_have_text("intake.greeting en")
    player = page.get_by_label("Spill av en/intake.greeting")
    async with page.expect_response("**/prompts/en/intake.greeting.wav*") as answered:
        await player.click(position={"x": 20, "y": 20})
    assert (await answered.value).ok


# -- the whole way


async def test_from_the_list_to_reached(site: Site) -> None:
    """Log in, ring from the row, follow the call as it goes, record the result."""
    request = await site.world.caller()
    page = await site.page()
    await page.get_by_role("button", name="Ring +47 40 00 12 34").click()
    live = page.locator(".live")
    await expect(live).to_have_text("Telefonen din ringer. Ta den, hør hvem det gjelder, og tast 1.")
    await look(page, "request-ringing")
    (attempt,) = (await site.world.desk.get(request.id)).attempts
    await site.world.desk.attempt_ringing(attempt.id)
    await expect(live).to_have_text("Innringerens telefon ringer.")
    await site.world.desk.attempt_connected(attempt.id)
    await expect(live).to_have_text("Samtalen er i gang, siden 09.05.")
    await expect(page.locator("#announcer")).to_have_text("Samtalen er i gang, siden 09.05.")
    await site.world.desk.end_attempt(attempt.id, AttemptOutcome.ANSWERED)
    await expect(page.get_by_role("heading", name="Nå")).to_be_visible()
    await page.get_by_role("button", name="Lagre resultat").click()
    await expect(page.locator("#errors")).to_be_focused()
    await look(page, "request-result-error")
    await page.get_by_role("link", name="Velg et resultat.").click()
    await expect(page.get_by_label("Nådd", exact=True)).to_be_focused()
    await page.get_by_label("Nådd", exact=True).check()
    await page.get_by_role("button", name="Lagre resultat").click()
    await expect(page.get_by_text("Resultatet er lagret.")).to_be_visible()
    await expect(page.get_by_text("Ingen venter på å bli ringt.")).to_be_visible()
    assert (await site.world.desk.get(request.id)).state == "reached"


async def test_a_number_is_given_and_found(site: Site) -> None:
    """A caller who hid the number: find the request by its reference, write the number, and ring."""
    request = await site.world.caller(None)
    page = await site.page()
    await page.get_by_label("Referanse eller telefonnummer").fill("40009999")
    await page.get_by_role("button", name="Finn").click()
    await expect(page.locator("#wanted-error")).to_contain_text("Fant ingen forespørsel.")
    await look(page, "list-nothing-found")
    assert "4000" not in page.url
    await page.get_by_label("Referanse eller telefonnummer").fill(request.reference)
    await page.keyboard.press("Enter")
    await page.get_by_label("Telefonnummer").fill("123")
    await page.get_by_role("button", name="Lagre nummeret").click()
    await expect(page.locator("#phone-error")).to_contain_text("Nummeret er for kort.")
    await look(page, "request-number-error")
    await page.get_by_label("Telefonnummer").fill("40 00 12 34")
    await page.get_by_role("button", name="Lagre nummeret").click()
    await expect(page.get_by_text("Nummeret er lagret.")).to_be_visible()
    await expect(page.get_by_role("button", name="Ring innringeren")).to_be_visible()


async def test_who_may_serve(site: Site) -> None:
    """An interpreter is booked, a colleague and then oneself marked as disqualified: the forms, their errors, the list."""
    request = await site.world.hungry()
    await site.world.desk.set_interpreter((await site.world.caller("+4740000021")).id, True, None, "kari")
    protected = await site.world.caller("+4740000022", protected=True)
    liv = await site.page("liv")
    await liv.goto(f"/requests/{request.id}")
    for summary in ("Tolk", "Inhabil", "Fortrolig adresse"):
        await liv.locator("summary", has_text=summary).click()
    await look(liv, "request-serving", (WIDE, ZOOMED, NARROW, SMALLEST))
    await liv.get_by_label("Tolk er bestilt").check()
    await liv.get_by_role("button", name="Lagre tolk").click()
    await expect(liv.get_by_role("alert")).to_contain_text("Skriv dato og klokkeslett")
    await look(liv, "request-interpreter-error", (WIDE, SMALLEST))
    await liv.get_by_label("Bestilt til").fill("2026-11-24T10:00")
    await liv.get_by_role("button", name="Lagre tolk").click()
    await expect(liv.get_by_text("Venter på tolk, bestilt til i morgen kl. 10.00.")).to_be_visible()
    await liv.locator("summary", has_text="Inhabil").click()
    await liv.get_by_label("Hvem").select_option("ola")
    await liv.get_by_role("button", name="Meld inhabil").click()
    await expect(liv.get_by_text("Liv meldte at Ola er inhabil.")).to_be_visible()
    await liv.locator("summary", has_text="Ikke inhabil likevel").click()
    await look(liv, "request-disqualified", (WIDE, SMALLEST))
    await liv.goto("/requests")
    await expect(liv.get_by_text("1 på kontorets liste vises ikke for deg.")).to_be_visible()
    await look(liv, "list-serving", (WIDE, ZOOMED, NARROW, SMALLEST))
    await liv.goto("/status")
    await look(liv, "status-unserved", (WIDE, SMALLEST))
    admin = await site.page("admin")
    await admin.goto(f"/requests/{protected.id}")
    await expect(admin.get_by_text("Ingen ved kontoret kan ta denne.")).to_be_visible()
    await look(admin, "request-protected", (WIDE, SMALLEST))
    kari = await site.page()
    await kari.goto(f"/requests/{request.id}")
    await kari.locator("summary", has_text="Inhabil").click()
    await kari.get_by_role("button", name="Meld inhabil").click()
    await expect(kari.get_by_role("alert")).to_contain_text("Kryss av for at du er inhabil.")
    await look(kari, "request-disqualify-error", (WIDE, SMALLEST))
    await kari.get_by_label("Jeg er inhabil i denne saken").check()
    await kari.get_by_role("button", name="Meld inhabil").click()
    await expect(kari.get_by_text("Meldt inhabil.")).to_be_visible()
    await expect(kari.get_by_text(request.reference)).to_have_count(0)


async def test_two_caseworkers_press_ring(site: Site) -> None:
    """The slower one is told who has it."""
    await site.world.caller()
    kari, ola = await site.page("kari"), await site.page("ola")
    await kari.get_by_role("button", name="Stans oppdatering").click()
    await ola.get_by_role("button", name="Ring +47 40 00 12 34").click()
    await expect(ola.get_by_text("Telefonen din ringer. Ta den")).to_be_visible()
    await kari.get_by_role("button", name="Ring +47 40 00 12 34").click()
    await expect(kari.get_by_role("alert")).to_have_text("Ola har denne allerede. Ingen ble ringt.")
    await look(kari, "request-held")


async def test_registering_by_keyboard(site: Site) -> None:
    """With the keyboard alone: skip link, fields, choices, and the promise on the next page."""
    page = await site.page()
    await page.goto("/requests/new")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Hopp til innholdet")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Telefonnummer")).to_be_focused()
    await page.keyboard.type("40 00 12 34")
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_label("Har ikke penger til mat")).to_be_checked()
    for _ in range(4):
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Si: «Du blir ringt innen mandag 23. november.")).to_be_visible()
    await look(page, "request-registered")


# -- what refreshes itself


async def test_the_list_refreshes_and_keeps_the_focus(site: Site) -> None:
    """A new caller appears without a reload, is announced politely, and the focus stays on the same button."""
    await site.world.caller()
    page = await site.page()
    button = page.get_by_role("button", name="Ring +47 40 00 12 34")
    await button.focus()
    await site.world.hungry()
    await expect(page.get_by_role("button", name="Ring +47 40 00 56 78")).to_be_visible()
    await expect(button).to_be_focused()
    await expect(page.locator("#announcer")).to_have_text("2 på listen, 1 haster")


async def test_the_refreshing_can_be_stopped(site: Site) -> None:
    """And started again, with what happened meanwhile at once."""
    page = await site.page()
    await page.get_by_role("button", name="Stans oppdatering").click()
    resume = page.get_by_role("button", name="Fortsett oppdatering")
    await expect(resume).to_be_focused()
    await site.world.caller()
    await page.wait_for_timeout(3500)  # longer than one round: nothing may happen in it
    await expect(page.get_by_text("Ingen venter på å bli ringt.")).to_be_visible()
    await resume.click()
    await expect(page.get_by_text("1 på listen, 0 haster").first).to_be_visible()


async def test_what_is_being_written_is_kept(site: Site) -> None:
    """A colleague's act changes the page; the half-written decision stays, and so does the focus."""
    request = await site.world.caller()
    page = await site.page()
    await page.goto(f"/requests/{request.id}")
    await page.get_by_text("Avgjør uten samtale").click()
    why = page.get_by_label("Hvorfor")
    await why.fill("Svarer aldri på")
    await site.world.desk.reassign(request.id, "ola", "liv")
    await expect(page.get_by_text("Liv ga den til Ola.")).to_be_visible()
    await expect(why).to_have_value("Svarer aldri på")
    await expect(why).to_be_focused()


async def test_a_service_that_is_away_is_told_and_found_again(site: Site) -> None:
    """The page stays, says that contact is lost, and goes on by itself."""
    page = await site.page()
    await page.route("**/requests/rows*", lambda route: route.abort())
    announcer = page.locator("#announcer")
    await expect(announcer).to_have_text("Får ikke kontakt med tjenesten. Prøver igjen.")
    await page.unroute("**/requests/rows*")
    await expect(announcer).to_have_text("Kontakten er tilbake.")
    site.complaints.clear()  # the browser tells of the broken fetch


async def test_an_ended_session_leads_to_the_login(site: Site) -> None:
    """An open page does not go on showing numbers after the session."""
    await site.world.caller()
    page = await site.page()
    (cookie,) = [c["value"] for c in await page.context.cookies() if c.get("name") == "tast1_session"]
    await site.world.access.logout(cookie)
    await expect(page.get_by_role("heading", name="Logg inn")).to_be_visible()


async def test_everything_works_without_scripts(site: Site) -> None:
    """Ring and record with JavaScript off."""
    request = await site.world.caller()
    page = await site.page(scripts=False)
    await page.get_by_role("button", name="Ring +47 40 00 12 34").click()
    await expect(page.get_by_text("Telefonen din ringer. Ta den")).to_be_visible()
    (attempt,) = (await site.world.desk.get(request.id)).attempts
    await site.world.desk.end_attempt(attempt.id, AttemptOutcome.ANSWERED)
    await page.reload()
    await page.get_by_label("Ring igjen").check()
    await page.get_by_role("button", name="Lagre resultat").click()
    await expect(page.get_by_text("Resultatet er lagret.")).to_be_visible()
    await expect(page.get_by_text("Sist: ring igjen")).to_be_visible()


async def test_the_words_are_in_english_too(site: Site) -> None:
    """One click, remembered."""
    await site.world.caller()
    page = await site.page()
    await page.get_by_role("link", name="English").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("The list")
    await page.get_by_role("link", name="Status").click()
    await expect(page.get_by_text("Everything works.")).to_be_visible()
    context: BrowserContext = page.context
    assert {c.get("name") for c in await context.cookies()} >= {"tast1_lang", "tast1_session"}
