"""The roster page and the report in a real browser, by keyboard and with axe-core in every layout."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from callback.consult import Consult, ConsultCaller, ConsultOutcome, DutyLeg, DutyOutcome
from callback.request import Origin, Urgency
from config.oncall import OnCallLine
from tests.e2e.test_pages_browser import NARROW, SMALLEST, WIDE, ZOOMED, Site, browser, look, site
from tests.offices import config

__all__ = ["browser", "site"]
pytestmark = pytest.mark.asyncio(loop_scope="module")  # as long as the browser

EVERY = (WIDE, ZOOMED, NARROW, SMALLEST)
FILE = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20261126T090000\r\nDURATION:PT6H\r\nSUMMARY:Per\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


async def test_the_roster(site: Site, tmp_path: Path) -> None:
    """Nobody at all, shouted; a shift by keyboard, an override, a swap, a broken file, the history."""
    line = OnCallLine(id="lillevik", office_no="9001", number="+4773000011", leader="liv", substitute="ola")
    more = line.model_copy(update={"id": "bolig", "name": "Bolig og nødhjelp", "number": "+4773000012"})
    site.world.desk.use_config(config().model_copy(update={"lines": (line, more)}))
    page = await site.page("liv")
    await page.get_by_role("link", name="Vakt").first.click()
    await expect(page.get_by_text("Ingen kan nås på denne vakttelefonen.")).to_be_visible()
    await look(page, "oncall-nobody")
    await page.get_by_role("button", name="Lagre").click()
    await look(page, "oncall-errors")
    await page.get_by_label("Hvem", exact=True).focus()
    await page.keyboard.type("Kari")
    await page.get_by_label("Fra", exact=True).fill("2026-11-23T09:00")
    await page.get_by_label("Til", exact=True).fill("2026-12-11T15:00")
    await page.get_by_label("Til", exact=True).press("Enter")
    await expect(page.get_by_text("Vaktlisten er lagret.")).to_be_visible()
    await page.get_by_label("Hvem", exact=True).select_option("liv")
    await page.get_by_label("Ringes deretter").select_option("liv")
    await page.get_by_label("Fra", exact=True).fill("2026-11-24T11:00")
    await page.get_by_label("Til", exact=True).fill("2026-11-24T12:00")
    await page.get_by_label("I stedet for alle andre").check()
    await page.get_by_role("button", name="Lagre").click()
    await expect(page.get_by_text("Liv har vakt, men har ikke noe nummer.")).to_be_visible()
    await look(page, "oncall", EVERY)
    await page.set_viewport_size({"width": WIDE, "height": 900})
    (tmp_path / "vakt.ics").write_bytes(FILE)
    await page.get_by_label("Fil").set_input_files(tmp_path / "vakt.ics")
    await page.get_by_role("button", name="Hent vakter fra filen").click()
    await expect(page.get_by_text("line 2: nobody known: 'Per'")).to_be_visible()
    await look(page, "oncall-file-error")
    await page.get_by_role("link", name="Endre vakten tirsdag").click()
    await expect(page.get_by_role("heading", name="Endre vakten")).to_be_visible()
    await expect(page.get_by_label("Fra", exact=True)).to_have_value("2026-11-24T11:00")
    await page.get_by_role("button", name="Fjern vakten tirsdag").click()
    await expect(page.get_by_text("Vakten er fjernet.")).to_be_visible()
    await page.goto("/status")
    await look(page, "status-oncall", (WIDE, SMALLEST))


async def test_the_report(site: Site) -> None:
    """From the roster, before the first call and after; an administrator goes from all offices to one by keyboard."""
    world = site.world
    line = OnCallLine(id="lillevik", office_no="9001", number="+4773000011", people=("kari",))
    other = line.model_copy(update={"id": "storvik", "office_no": "9002", "number": "+4773000021"})
    world.desk.use_config(config().model_copy(update={"lines": (line, other)}))
    page = await site.page("liv")
    await page.goto("/oncall")
    await page.get_by_role("link", name="Rapport om vakttelefonene").click()
    await expect(page.get_by_text("6 av 44 (14 %) i 2021")).to_be_visible()
    await look(page, "report-first-day", EVERY)
    now, promised = (
        world.clock.now(),
        await world.caller(urgency=Urgency.URGENT, origin=Origin.CONTACT_CENTRE),
    )
    for n, outcome in enumerate((ConsultOutcome.ANSWERED, *ConsultOutcome)):
        wait = {"answered_at": now - timedelta(days=n) + timedelta(seconds=8 + n), "answered_by": "kari"}
        answered = wait if outcome is ConsultOutcome.ANSWERED else {}
        await world.store.save_consult(
            Consult(
                f"c{n}", "9001", "lillevik", ConsultCaller.CONTACT_CENTRE, now - timedelta(days=n), promised.id,
                ended_at=now, outcome=outcome, **answered,
            )
        )  # fmt: skip
        await world.store.ring_duty(DutyLeg(f"l{n}", f"c{n}", "kari", "201", now))
        await world.store.save_duty_leg(
            DutyLeg(f"l{n}", f"c{n}", "kari", "201", now, None, now, DutyOutcome.NO_ANSWER)
        )
    world.clock.advance(timedelta(hours=3))
    await page.set_viewport_size({"width": WIDE, "height": 900})
    await page.reload()
    await expect(page.get_by_text("Brutt: 1")).to_be_visible()
    await look(page, "report", EVERY)
    page = await site.page("admin")
    await page.goto("/oncall/report")
    await look(page, "report-all", EVERY)
    await page.set_viewport_size({"width": WIDE, "height": 900})
    await page.get_by_label("Kontor", exact=True).focus()
    await page.keyboard.type("Lill")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Hvem som svarte")).to_be_visible()
    await expect(page.get_by_role("row", name="Kari 5 0 0 5 0")).to_be_visible()
