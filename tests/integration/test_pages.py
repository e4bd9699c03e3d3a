"""The pages one reads: the list, what each role sees, status, languages, errors; and privacy."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from callback.request import AttemptOutcome, DayPart, Origin
from callback.store import StoreUnavailable
from config.model import Role
from config.values import WeekHours
from ivr.prompts import Catalogue
from tests.offices import config, staffed
from tests.web_site import (
    GOOD,
    NOTE,
    PASSWORD,
    Client,
    World,
    ask,
    login,
    open_world,
    serve,
    submit,
    text_of,
)

PHONE, SPACED = "+4740001234", "+47 40 00 12 34"


# -- the list


async def test_the_list_says_it_all(kari: Client, world: World) -> None:
    """Order of the store, urgency in words, the reason, the deadline, attempts, and a Ring button in the row."""
    await world.missed(await world.caller(), AttemptOutcome.NO_ANSWER)
    await world.hungry()
    page = await text_of(kari, "/requests")
    assert page.index("+47 40 00 56 78") < page.index(SPACED)
    for words in (
        "2 på listen, 1 haster", "Haster: uten penger til mat.", "Må nås før kl. 11.05.", "om 2 timer",
        "ons. 25. nov. kl. 09.05", "1 forsøk", "Sist: svarte ikke, i dag kl. 09.05", "Neste: i dag kl. 09.50",
        "Ikke nådd ennå", "Venter",
    ):  # fmt: skip
        assert words in page, words
    assert page.count("/ring") == 2


async def test_wishes_are_shown(kari: Client, world: World) -> None:
    """The part of the day, silence and a borrowed telephone: short on the list, in words on the page."""
    request = await world.caller()
    await world.desk.set_day_part(request.id, DayPart.AFTERNOON, "caller")
    await world.desk.set_discreet(request.id, True, "caller")
    await world.desk.set_language(request.id, "pl", "caller")
    await world.desk.set_reachable_until(request.id, world.clock.now() + timedelta(hours=5), "caller")
    listed = await text_of(kari, "/requests")
    for words in (
        "Ønsker ettermiddag",
        "Diskré",
        "Lånt telefon til i dag kl. 14.05",
        'Språk: Polsk <span lang="pl">(Polski)</span>',
    ):
        assert words in listed, words
    page = await text_of(kari, f"/requests/{request.id}")
    for words in (
        "Ønsker å bli ringt: ettermiddag", "Diskré: ingen beskjeder, ingen talepost",
        "Kan nås på dette nummeret til i dag kl. 14.05", 'Polsk <span lang="pl">(Polski)</span>', "Neste forsøk", "i dag kl. 13.00",
        "Innringeren endret ønsket om når på dagen.",
    ):  # fmt: skip
        assert words in page, words


async def test_a_borrowed_telephone_is_not_offered_afterwards(kari: Client, world: World) -> None:
    """When its time is over there is no Ring button but a field for a number, and the page says why."""
    request = await world.caller()
    await world.desk.set_reachable_until(request.id, world.clock.now() + timedelta(hours=1), "caller")
    world.clock.advance(timedelta(hours=1))
    assert "Lånt telefon, tiden er ute" in await text_of(kari, "/requests")
    page = await text_of(kari, f"/requests/{request.id}")
    assert "Telefonen var lånt, og tiden er ute." in page
    assert "/ring" not in page
    response = await submit(kari, f"/requests/{request.id}/ring", {})
    assert "Ingen ble ringt" in await response.text()
    await submit(kari, f"/requests/{request.id}/number", {"phone": "90001234"})
    moved = await world.desk.get(request.id)
    assert (moved.phone, moved.reachable_until) == ("+4790001234", None)


async def test_a_number_that_does_not_exist_is_for_a_person_to_decide(kari: Client, world: World) -> None:
    """Said twice by the network: the page says so, and has a field for another number, which is rung at once."""
    request = await world.caller()
    for _ in range(2):
        assert "nummeret ikke finnes" not in await text_of(kari, f"/requests/{request.id}")
        await world.missed(request, AttemptOutcome.INVALID)
    page = await text_of(kari, f"/requests/{request.id}")
    assert "Telenettet sier to ganger at nummeret ikke finnes. Finn et annet nummer" in page
    assert "/ring" in page
    await submit(kari, f"/requests/{request.id}/number", {"phone": "90001234"})
    moved = await world.desk.get(request.id)
    assert (moved.phone, moved.next_attempt_at) == ("+4790001234", world.clock.now())


async def test_the_list_of_nobody(kari: Client) -> None:
    """An empty list says so."""
    assert "Ingen venter på å bli ringt." in await text_of(kari, "/requests")
    assert "Ingen forespørsler er avsluttet ennå." in await text_of(kari, "/requests?show=ended")


async def test_ended_requests_are_found_again(kari: Client, world: World) -> None:
    """Under a choice of their own, without a Ring button."""
    await world.desk.withdraw((await world.caller()).id, "kari")
    assert SPACED not in await text_of(kari, "/requests")
    page = await text_of(kari, "/requests?show=ended")
    assert SPACED in page
    assert "/ring" not in page


async def test_a_colleagues_row_has_no_ring_button(kari: Client, world: World) -> None:
    """It says who has it instead."""
    request = await world.caller()
    await world.desk.claim(request.id, "ola")
    page = await text_of(kari, "/requests")
    assert "Ola har den til i dag kl. 09.20" in page
    assert "/ring" not in page


async def test_the_fragment_is_the_list(kari: Client, world: World) -> None:
    """What refreshes itself is the same rows, with what to say when it changed; and it keeps the flash message."""
    request = await world.caller()
    first = await text_of(kari, "/requests/rows")
    assert SPACED in first
    assert 'data-announce="1 på listen, 0 haster"' in first
    assert "<html" not in first
    await world.desk.claim(request.id, "ola")
    second = await text_of(kari, "/requests/rows")
    assert re.findall("data-version=.*? ", first) != re.findall("data-version=.*? ", second)


SEES = {
    "kari": ("9001", True), "liv": ("9001", True), "siv": ("9002", True), "admin": ("both", True), "nks": ("own", False),
}  # fmt: skip


@pytest.mark.parametrize("person", SEES)
async def test_the_permissions(client: Client, world: World, person: str) -> None:
    """Each role sees its requests and can act on those it may; the rest is not there."""
    await login(client, person)
    requests = {
        "9001": await world.talked(await world.caller(note=NOTE)),
        "9002": await world.caller("+4740005678", office_no="9002", note=NOTE),
        "own": await world.caller(
            "+4740009999", registered_by="nks", origin=Origin.CONTACT_CENTRE, note=NOTE
        ),
    }
    office, acts = SEES[person]
    visible = {"9001": {"9001", "own"}, "9002": {"9002"}, "both": set(requests), "own": {"own"}}[office]
    listed = await text_of(client, "/requests")
    for name, request in requests.items():
        assert (f"/requests/{request.id}" in listed) is (name in visible)
        status = 200 if name in visible else 404
        page = await text_of(client, f"/requests/{request.id}", status)
        await text_of(client, f"/requests/{request.id}/live", status)
        assert (NOTE in page) is (name in visible and acts)
        number = f"+47 40 00 {(request.phone or '')[-4:-2]} {(request.phone or '')[-2:]}"
        assert (number in page) is (name in visible and acts)
        assert (number in listed) is (name in visible and acts)
        assert ("Hva som har skjedd" in page) is (name in visible and acts)
        if name not in visible or not acts:
            for act in ("ring", "result", "number", "withdraw", "decide", "reassign"):
                response = await submit(
                    client, f"/requests/{request.id}/{act}", {"result": "reached", "confirm": "yes"}
                )
                assert response.status == (403 if name in visible else 404)
            assert await world.desk.get(request.id) == request


async def test_an_administrator_chooses_an_office(client: Client, world: World) -> None:
    """With more than one office the list can be narrowed; an unknown one is as none chosen."""
    await login(client, "admin")
    await world.caller()
    await world.caller("+4740005678", office_no="9002")
    assert SPACED not in await text_of(client, "/requests?office=9002")
    assert SPACED in await text_of(client, "/requests?office=1234")


# -- status, languages, errors


async def test_the_status_page(kari: Client, world: World, tmp_path: Path) -> None:
    """Whether all is well; for a line that is down, since when and what to do."""
    await world.caller()
    assert "Alt virker." in await text_of(kari, "/status")
    (tmp_path / "recordings" / "nb").mkdir(parents=True)
    (tmp_path / "recordings" / "nb" / "no.such.prompt.wav").write_bytes(b"")
    page = await text_of(kari, "/status")
    for words in ("Noe virker ikke.", "Innspillingen nb/no.such.prompt.wav blir aldri spilt", "fjern den."):
        assert words in page
    world.line.up = False
    world.heart.last_error = "KeyError: +4740001234"
    page = await text_of(kari, "/status")
    for words in ("Noe virker ikke.", "Nede", "Start the exchange.", "(KeyError)", "0.0.test", "Lillevik"):
        assert words in page
    assert "Storvik" not in page
    assert PHONE not in page


async def test_a_language_that_nobody_has_recorded(tmp_path: Path) -> None:
    """It is heard in bokmål: no fault, but something to do; and none of it is said to be read by a voice."""
    made = staffed()
    somali = made.offices[0].model_copy(update={"languages": ("nb", "so", "uk")})
    world = await open_world(tmp_path, of=made.model_copy(update={"offices": (somali,)}))
    client = await serve(world)
    await login(client, "kari")
    page = await text_of(client, "/status")
    for words in ("Alt virker.", "Å gjøre med meldingene", "Somali: ", "Les dem inn."):
        assert words in page
    assert "so/" not in page.partition('id="prompts"')[2].partition("</section>")[0]
    assert "Ukrainsk: " not in page
    await client.close()


async def test_the_hours_of_the_offices(tmp_path: Path) -> None:
    """Open or closed, until when, and the drop-in that runs or comes: in both languages, and in the API."""
    made = config()
    drop_in = WeekHours.model_validate({"mon": "10:00-12:00"})
    offices = (made.offices[0].model_copy(update={"drop_in_hours": drop_in}), *made.offices[1:])
    world = await open_world(tmp_path, of=made.model_copy(update={"offices": offices}))  # Monday 09:05
    of_hours = await serve(world)
    await login(of_hours, "nks")  # registers for both offices

    async def table(path: str = "/status") -> list[str]:
        page = (await text_of(of_hours, path)).partition('id="offices"')[2].partition("</table>")[0]
        cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page.partition("<tbody")[2], re.DOTALL)
        return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells]

    nothing = "Ingen de neste 30 dagene"
    assert await table() == [
        "Lillevik 9001 Telefonmenyen", "Åpen til kl. 15.00", "Neste: i dag kl. 10.00 til kl. 12.00",
        "Storvik 9002 Telefonmenyen", "Åpen til kl. 15.00", nothing,
    ]  # fmt: skip
    world.clock.advance(timedelta(hours=1))
    assert (await table())[2] == "Nå til kl. 12.00"
    world.clock.advance(timedelta(hours=5))
    assert (await table())[1:3] == [
        "Stengt åpner i morgen kl. 09.00",
        "Neste: mandag 30. november kl. 10.00 til kl. 12.00",
    ]
    assert (await table("/status?lang=en"))[1:3] == [
        "Closed opens tomorrow 09:00",
        "Next: Monday 30 November 10:00 until 12:00",
    ]
    status, body = await ask(of_hours, "GET", "/status", await world.token(Role.CASEWORKER, "9001"))
    assert (status, body["offices"]) == (200, [{
        "office_no": "9001", "name": "Lillevik", "open": False, "closes_at": None, "opens_at": "2026-11-24T08:00:00Z",
        "drop_in_from": "2026-11-30T09:00:00Z", "drop_in_until": "2026-11-30T11:00:00Z",
    }])  # fmt: skip
    await of_hours.close()


async def test_english_is_one_click_away(kari: Client, world: World) -> None:
    """The choice is remembered; an unknown language changes nothing."""
    await world.caller()
    assert "To be reached by" in await text_of(kari, "/requests?lang=en")
    page = await text_of(kari, "/requests")
    assert '<html lang="en">' in page
    assert "Ring" in page
    assert '<html lang="en">' in await text_of(kari, "/requests?lang=xx")
    assert '<html lang="nb">' in await text_of(kari, "/requests?lang=nb")


async def test_error_pages(kari: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a page of ours with a number that is in the log, and never the fault's own words."""
    assert "Fant ikke siden." in await text_of(kari, "/nowhere", 404)
    assert (await submit(kari, "/status", {})).status == 405

    async def full(*_: Any) -> Any:
        raise StoreUnavailable("disk full")

    async def broken(*_: Any) -> Any:
        raise RuntimeError(f"could not show {PHONE}")

    monkeypatch.setattr(world.store, "find", full)
    assert "Ingenting er endret." in await text_of(kari, "/requests", 503)
    monkeypatch.setattr(world.store, "find", broken)
    with capture_logs() as logs:
        page = await text_of(kari, "/requests", 500)
    assert PHONE not in page + repr(logs)
    assert "Feilnummer" in page
    monkeypatch.setattr(world.store, "get_session", full)
    await text_of(kari, "/requests", 503)


async def test_prompts_are_served_to_anyone(client: Client, world: World) -> None:
    """A PBX has no login, and asks again with the etag; what is not in the catalogue is not there."""
    prompt_id = world.services.library.catalogue.ids[0]
    path = f"/prompts/nb/{prompt_id}.wav"
    response = await client.get(path)
    assert (response.status, response.content_type) == (200, "audio/wav")
    assert (await response.read()).startswith(b"RIFF")
    assert "max-age" in response.headers["Cache-Control"]
    again = await client.get(path, headers={"If-None-Match": response.headers["ETag"]})
    assert again.status == 304
    slow = await client.get(path.replace("/nb/", "/nb.slow/"))
    assert (slow.status, slow.content_type) == (200, "audio/wav")
    for nothing in (
        "/prompts/nb/no.such.wav",
        f"/prompts/nb.fast/{prompt_id}.wav",
        "/prompts/nb/..%2f..%2fetc%2fpasswd.wav",
        "/prompts/xx1/a.wav",
    ):
        assert (await client.get(nothing)).status == 404


def test_every_prompt_has_an_address() -> None:
    """Whatever ids the catalogue gets, the route takes them."""
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", prompt_id) for prompt_id in Catalogue.load().ids)


async def test_what_a_caller_or_colleague_wrote_is_only_text(kari: Client, world: World) -> None:
    """A note with markup in it is shown, not obeyed."""
    request = await world.caller(note="<script>alert(1)</script>")
    page = await (await kari.get(f"/requests/{request.id}")).text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


async def test_no_number_name_or_note_in_logs_or_addresses(
    client: Client, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Through a whole day's work, with things going wrong."""
    caplog.set_level(logging.DEBUG)
    addresses: list[str] = []
    with capture_logs() as logs:
        await login(client, "kari", "wrong password")
        await login(client, "kari")
        for fields in (GOOD, GOOD | {"phone": "82912345"}, GOOD):
            response = await submit(client, "/requests/new", fields)
            addresses += [str(response.url), *(str(r.url) for r in response.history)]
        request = await world.caller()
        for act, fields in (
            ("ring", {}), ("ring", {}), ("result", {"result": "reached", "note": NOTE}),
            ("decide", {"why": NOTE, "other": NOTE}), ("withdraw", {"confirm": "yes"}),
        ):  # fmt: skip
            response = await submit(client, f"/requests/{request.id}/{act}", fields)
            addresses += [str(response.url), *(str(r.url) for r in response.history)]
        await client.get("/requests?q=Nordmann")
    said = (
        repr(logs) + "".join(r.getMessage() for r in caplog.records if r.name != "asyncio") + repr(addresses)
    )
    for secret in (
        "40001234",
        "40 00 12 34",
        "82912345",
        "Nordmann",
        NOTE,
        "wrong password",
        PASSWORD,
        "Kari",
    ):
        assert secret not in said, secret
