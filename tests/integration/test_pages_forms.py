"""What one can do on the pages: ring, record, withdraw, decide, reassign, register; and each refusal."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from html import unescape

import pytest

from callback.request import AttemptOutcome, CallResult, Origin, RequestState, Urgency
from tests.web_site import GOOD, NOTE, Client, World, login, serve, submit, text_of

PHONE, SPACED = "+4740001234", "+47 40 00 12 34"


# -- ringing


async def test_ring_and_record(kari: Client, world: World) -> None:
    """The page says what happens, and asks for the result when the talk is over."""
    request = await world.caller()
    response = await submit(kari, f"/requests/{request.id}/ring", {})
    assert response.url.path == f"/requests/{request.id}"
    page = unescape(await response.text())
    assert "Telefonen din ringer. Ta den, hør hvem det gjelder, og tast 1." in page
    assert "Hvordan gikk det?" not in page
    assert 'class="flash' not in page  # it would stay and be wrong when the call has moved on
    (attempt,) = (await world.desk.get(request.id)).attempts
    world.phases[attempt.id] = "briefing"
    assert "Hør hvem det gjelder, og tast 1 for å ringe." in await text_of(
        kari, f"/requests/{request.id}/live"
    )
    await world.desk.attempt_ringing(attempt.id)
    world.phases[attempt.id] = "ringing_caller"
    assert "Innringerens telefon ringer." in await text_of(kari, f"/requests/{request.id}/live")
    await world.desk.attempt_connected(attempt.id)
    world.phases[attempt.id] = "talking"
    assert "Samtalen er i gang, siden 09.05." in await text_of(kari, f"/requests/{request.id}/live")
    await world.desk.end_attempt(attempt.id, AttemptOutcome.ANSWERED)
    assert "Hvordan gikk det?" in await text_of(kari, f"/requests/{request.id}")
    response = await submit(kari, f"/requests/{request.id}/result", {"result": "reached", "note": NOTE})
    assert response.url.path == "/requests"
    assert "Resultatet er lagret." in await response.text()
    saved = await world.desk.get(request.id)
    assert (saved.state, saved.note) == (RequestState.REACHED, NOTE)
    page = await text_of(kari, f"/requests/{request.id}")
    for line in (
        "Kari ringte.",
        "Innringeren svarte.",
        "Kari skrev: nådd.",
        "Innringeren tastet 1 og kom på listen.",
    ):
        assert line in page


async def test_given_back_before_the_caller_is_rung(kari: Client, world: World) -> None:
    """Whoever is being rung, or waits for it, can stop it: the request is on the list again. Not once the caller is rung, and
    not for a colleague."""
    request = await world.caller()
    stop = f"/requests/{request.id}/stop"
    await submit(kari, f"/requests/{request.id}/ring", {})
    (attempt,) = (await world.desk.get(request.id)).attempts
    assert stop not in await text_of(kari, f"/requests/{request.id}")
    world.phases[attempt.id] = "ringing_caseworker"
    world.line.queued = 12
    said = await text_of(kari, f"/requests/{request.id}/live")
    assert "12 anrop venter på linjen. Telefonen din ringer når det er din tur." in said
    assert stop in await text_of(kari, f"/requests/{request.id}")
    response = await submit(kari, stop, {})
    assert "Ringingen er avbrutt. Innringeren ble ikke ringt." in unescape(await response.text())
    free = await world.desk.get(request.id)
    assert (free.state, free.claimed_by) == (RequestState.UNREACHABLE, None)
    for person in ("kari", "ola"):
        _, attempt = await world.desk.start_attempt(request.id, person, f"again-{person}")
        if person == "kari":
            await world.desk.attempt_ringing(attempt.id)
        world.phases[attempt.id] = "ringing_caller" if person == "kari" else "ringing_caseworker"
        assert stop not in await text_of(kari, f"/requests/{request.id}")
        response = await submit(kari, stop, {})
        assert "Det går ikke nå" in unescape(await response.text())
        assert (await world.desk.get(request.id)).state is RequestState.CALLING
        await world.desk.end_attempt(attempt.id, AttemptOutcome.CANCELLED)


async def test_two_press_ring_at_once(world: World) -> None:
    """One call; the other is told who has it, by name."""
    request = await world.caller()
    clients = {name: await serve(world) for name in ("kari", "ola")}
    try:
        for name, client in clients.items():
            await login(client, name)
        answers = await asyncio.gather(
            *(submit(c, f"/requests/{request.id}/ring", {}) for c in clients.values())
        )
        pages = dict(zip(clients, [unescape(await answer.text()) for answer in answers], strict=True))
        winner = (await world.desk.get(request.id)).claimed_by
        loser = {"kari": "ola", "ola": "kari"}[winner or ""]
        name = {"kari": "Kari", "ola": "Ola"}[winner or ""]
        assert "Telefonen din ringer. Ta den" in pages[winner or ""]
        assert f"{name} har denne allerede. Ingen ble ringt." in pages[loser]
        assert len((await world.desk.get(request.id)).attempts) == 1
        assert "allerede" not in await text_of(clients[loser], f"/requests/{request.id}")
    finally:
        for client in clients.values():
            await client.close()


async def test_a_ring_that_cannot_be(kari: Client, world: World) -> None:
    """Each refusal is a sentence about what to do, and nobody is rung."""

    async def ring(request_id: str) -> str:
        return unescape(await (await submit(kari, f"/requests/{request_id}/ring", {})).text())

    request = await world.caller()
    world.ringer.down = True
    assert "Telefonlinjen er nede. Ingen ble ringt." in await ring(request.id)
    world.ringer.down = False
    assert "har ikke noe nummer. Ingen ble ringt" in await ring((await world.caller(None)).id)
    gone = await world.desk.withdraw((await world.caller("+4740000002")).id, "kari")
    assert "Det går ikke nå" in await ring(gone.id)
    await ring(request.id)
    assert "Du er i en annen samtale." in await ring((await world.caller("+4740000003")).id)
    await world.caller(office_no="9002")


async def test_without_a_telephone_there_is_no_ring_button(client: Client, world: World) -> None:
    """A leader without an extension is told why; the desk refuses as well."""
    await login(client, "liv")
    request = await world.caller()
    page = await text_of(client, f"/requests/{request.id}")
    assert "Du har ikke noen telefon registrert" in page
    assert f"/requests/{request.id}/ring" not in page
    response = await submit(client, f"/requests/{request.id}/ring", {})
    assert "Du har ikke noen telefon registrert. Ingen ble ringt." in unescape(await response.text())


async def test_a_forged_flash_shows_nothing_of_its_own(kari: Client) -> None:
    """Only our own sentences, about people we know."""
    for value in ("<script>alert(1)</script>", "held.<b>x</b>", "registered", "nonsense.kari"):
        page = await (await kari.get("/requests", headers={"Cookie": _cookies(kari, value)})).text()
        assert "<b>x" not in page
        assert "alert(1)" not in page


def _cookies(client: Client, flash: str) -> str:
    kept = [f"{c.key}={c.value}" for c in client.session.cookie_jar if c.key != "tast1_flash"]
    return "; ".join([*kept, f"tast1_flash={flash}"])


# -- the other forms


async def test_result_forms_that_are_refused(kari: Client, world: World) -> None:
    """Without a choice the form says so and keeps the note; for another's talk nothing is changed."""
    mine = await world.talked(await world.caller())
    response = await submit(kari, f"/requests/{mine.id}/result", {"note": NOTE})
    page = unescape(await response.text())
    assert response.status == 422
    assert "Velg et resultat." in page
    assert NOTE in page
    assert "Rett opp dette" in page
    theirs = await world.talked(await world.caller("+4740000002"), "ola")
    assert "Hvordan gikk det?" not in await text_of(kari, f"/requests/{theirs.id}")
    response = await submit(kari, f"/requests/{theirs.id}/result", {"result": "reached"})
    assert "Ola har denne. Ingenting er endret." in unescape(await response.text())
    assert (await world.desk.get(theirs.id)).state is RequestState.RESULT_DUE


async def test_withdraw(kari: Client, world: World) -> None:
    """Only when it is ticked that the caller said so, and not while a colleague has it."""
    request = await world.caller()
    response = await submit(kari, f"/requests/{request.id}/withdraw", {})
    assert response.status == 422
    assert "Kryss av for at innringeren selv har sagt fra." in await response.text()
    response = await submit(kari, f"/requests/{request.id}/withdraw", {"confirm": "yes"})
    assert "avsluttet som trukket" in unescape(await response.text())
    assert (await world.desk.get(request.id)).state is RequestState.WITHDRAWN
    taken = await world.caller("+4740000002")
    await world.desk.claim(taken.id, "ola")
    response = await submit(kari, f"/requests/{taken.id}/withdraw", {"confirm": "yes"})
    assert "Ola har denne. Ingenting er endret." in unescape(await response.text())


async def test_decide(kari: Client, world: World) -> None:
    """A named person writes why and which other channel was tried; both are needed."""
    request = await world.caller()
    response = await submit(kari, f"/requests/{request.id}/decide", {"why": "Svarer aldri", "other": " "})
    page = unescape(await response.text())
    assert response.status == 422
    assert "Skriv hvilken annen kanal som er prøvd." in page
    assert "Svarer aldri" in page
    response = await submit(kari, f"/requests/{request.id}/decide", {"why": "Svarer aldri", "other": "brev"})
    page = unescape(await response.text())
    assert "Kari avgjorde den uten samtale." in page
    assert "Svarer aldri (brev)" in page
    assert (await world.desk.get(request.id)).state is RequestState.DECIDED


async def test_reassign(kari: Client, world: World) -> None:
    """To a colleague of the office; place and clock stay."""
    request = await world.caller()
    for to in ("", "siv", "nobody", "nks"):
        response = await submit(kari, f"/requests/{request.id}/reassign", {"to": to})
        assert response.status == 422
    response = await submit(kari, f"/requests/{request.id}/reassign", {"to": "ola"})
    assert "Forespørselen er gitt til Ola." in unescape(await response.text())
    saved = await world.desk.get(request.id)
    assert (saved.assigned_to, saved.due_at) == ("ola", request.due_at)
    assert "Satt til Ola" in await text_of(kari, "/requests")


async def test_a_forms_address_is_a_page(kari: Client, world: World) -> None:
    """Choosing another language on a refused form leads back to the request."""
    request = await world.caller()
    for act in ("ring", "result", "number", "withdraw", "decide", "reassign"):
        response = await kari.get(f"/requests/{request.id}/{act}?lang=en")
        assert response.url.path == f"/requests/{request.id}"
        assert 'lang="en"' in await response.text()


# -- a caller who hid the number


async def test_a_number_is_given(kari: Client, world: World) -> None:
    """The form stands only where there is no number; then the request can be rung."""
    request = await world.caller(None)
    page = await text_of(kari, f"/requests/{request.id}")
    assert "Forespørselen har ikke noe nummer ennå" in page
    response = await submit(kari, f"/requests/{request.id}/number", {"phone": "40 00 12 34"})
    page = unescape(await response.text())
    assert response.url.path == f"/requests/{request.id}"
    assert "Nummeret er lagret." in page
    assert SPACED in page
    assert "/number" not in page
    assert "/ring" in page
    assert (await world.desk.get(request.id)).phone == PHONE


@pytest.mark.parametrize(
    ("phone", "says"), [("", "Skriv telefonnummeret."), ("112", "nødnummer"), ("x", "Skriv")]
)
async def test_a_number_that_is_refused(kari: Client, world: World, phone: str, says: str) -> None:
    """The form says why and keeps what was written."""
    request = await world.caller(None)
    response = await submit(kari, f"/requests/{request.id}/number", {"phone": phone})
    page = unescape(await response.text())
    assert response.status == 422
    assert says in page
    assert f'value="{phone}"' in page
    assert (await world.desk.get(request.id)).phone is None


async def test_a_number_that_is_on_the_list_already(kari: Client, world: World) -> None:
    """Leads to the request that will be rung, and says so."""
    first = await world.caller()
    world.clock.advance(timedelta(minutes=1))
    second = await world.caller(None)
    response = await submit(kari, f"/requests/{second.id}/number", {"phone": PHONE})
    assert response.url.path == f"/requests/{first.id}"
    assert "Nummeret sto på listen fra før. Dette er den forespørselen." in unescape(await response.text())


async def test_a_number_for_a_request_that_has_ended(kari: Client, world: World) -> None:
    """Nothing is changed; and the form is gone."""
    request = await world.desk.withdraw((await world.caller(None)).id, "kari")
    response = await submit(kari, f"/requests/{request.id}/number", {"phone": PHONE})
    page = unescape(await response.text())
    assert "Det går ikke nå" in page
    assert "/number" not in page


# -- searching


async def test_searching(kari: Client, world: World) -> None:
    """By reference or number, open before ended; the number is never in the address."""
    ended = await world.desk.withdraw((await world.caller()).id, "kari")
    open_one = await world.caller()
    for wanted, found in ((open_one.reference, open_one), ("40 00 12 34", open_one), (PHONE, open_one),
                          (f" {ended.reference} ", ended)):  # fmt: skip
        response = await submit(kari, "/requests/find", {"wanted": wanted})
        assert str(response.url.relative()) == f"/requests/{found.id}"
    await world.desk.withdraw(open_one.id, "kari")
    response = await submit(kari, "/requests/find", {"wanted": PHONE})
    page = unescape(await response.text())
    assert "Fant 2 forespørsler." in page
    assert 'data-refresh="/requests/rows' not in page
    assert all(f"/requests/{r.id}" in page for r in (ended, open_one))
    assert (await kari.get("/requests/find?lang=en")).url.path == "/requests"


@pytest.mark.parametrize(
    ("wanted", "status", "says"),
    [
        ("", 422, "Skriv en referanse på 6 siffer, eller et telefonnummer."),
        ("Nordmann", 422, "Skriv en referanse"),
        ("000000", 404, "Fant ingen forespørsel."),
        ("40009999", 404, "Fant ingen forespørsel."),
    ],
)
async def test_a_search_that_finds_nothing(
    kari: Client, world: World, wanted: str, status: int, says: str
) -> None:
    """The list stands as it was, and the field says why."""
    await world.caller()
    response = await submit(kari, "/requests/find", {"wanted": wanted})
    page = unescape(await response.text())
    assert (response.status, says in page, SPACED in page) == (status, True, True)


async def test_a_search_finds_only_what_one_may_see(client: Client, world: World) -> None:
    """Another office's request, or another's registration, is not there."""
    other = await world.caller("+4740005678", office_no="9002")
    for person, seen in (("kari", 404), ("nks", 404), ("siv", 200), ("admin", 200)):
        client.session.cookie_jar.clear()
        await login(client, person)
        for wanted in ("40005678", other.reference):
            assert (await submit(client, "/requests/find", {"wanted": wanted})).status == seen, person


# -- registering


async def test_registering(kari: Client, world: World) -> None:
    """The page says the promise to read aloud, and no number gets into the address; twice is one request."""
    response = await submit(kari, "/requests/new", GOOD)
    page = unescape(await response.text())
    (saved,) = [await world.desk.get(response.url.path.rsplit("/", 1)[1])]
    assert f"«Du blir ringt innen onsdag 25. november. Referansen din er {saved.reference}.»" in page
    assert "4000" not in str(response.url)
    assert (saved.phone, saved.language, saved.note, saved.origin) == (PHONE, "uk", NOTE, Origin.STAFF)
    assert saved.registered_by == "kari"
    response = await submit(kari, "/requests/new", GOOD)
    assert "sto på listen fra før" in unescape(await response.text())
    assert await world.store.count_open() == 1


async def test_an_urgent_registration(kari: Client, world: World) -> None:
    """By an urgent reason, or by ticking it."""
    for fields in ({"reason": "no_power"}, {"phone": "40000002", "urgent": "yes"}):
        response = await submit(kari, "/requests/new", GOOD | fields)
        saved = await world.desk.get(response.url.path.rsplit("/", 1)[1])
        assert saved.urgency is Urgency.URGENT


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"phone": ""}, "Skriv telefonnummeret."),
        ({"phone": "123"}, "Nummeret er for kort."),
        ({"phone": "82912345"}, "begynner på 8"),
        ({"phone": "112"}, "nødnummer"),
        ({"phone": "+46701234567"}, "dette landet"),
        ({"reason": ""}, "Velg hva det gjelder."),
        ({"reason": "hunger"}, "Velg hva det gjelder."),
        ({"language": "xx"}, "Velg et språk."),
        ({"office_no": "9002"}, "Velg kontor."),
        ({"office_no": ""}, "Velg kontor."),
    ],
)
async def test_a_registration_that_is_refused(
    kari: Client, world: World, fields: dict[str, str], says: str
) -> None:
    """The form says what to correct and keeps the rest."""
    response = await submit(kari, "/requests/new", GOOD | fields)
    page = unescape(await response.text())
    assert response.status == 422
    assert page.count(says) >= 1
    assert NOTE in page
    assert await world.store.count_open() == 0


async def test_the_contact_centre_registers_for_any_office(client: Client, world: World) -> None:
    """And sees the promise; of a request that is not its own it is told the date only."""
    await login(client, "nks")
    response = await submit(client, "/requests/new", GOOD | {"office_no": "9002"})
    page = unescape(await response.text())
    assert "Du blir ringt innen onsdag 25. november" in page
    assert NOTE not in page
    assert SPACED not in page
    other = await world.caller("+4740005678")
    response = await submit(client, "/requests/new", GOOD | {"phone": "40005678"})
    page = unescape(await response.text())
    assert response.status == 409
    assert "står allerede på listen til kontoret. Si: «Du blir ringt innen onsdag 25. november.»" in page
    assert other.reference not in page


# -- who takes calls


async def test_says_that_they_take_calls(kari: Client, world: World) -> None:
    """A button on the list, and its opposite."""
    page = await text_of(kari, "/requests")
    assert "Du tar ikke imot samtaler." in page
    assert "Ingen kollegaer har sagt at de tar imot samtaler." in page
    response = await submit(kari, "/ready", {"ready": "yes"})
    assert response.url.path == "/requests"
    page = await response.text()
    assert "Du tar imot samtaler, og blir ringt for den neste." in page
    assert "Jeg tar ikke imot samtaler" in page
    assert [person.id for person in await world.desk.ready("9001")] == ["kari"]
    assert world.heart.woken == 1, "whoever is next is offered to her at once"
    await submit(kari, "/ready", {"ready": "no"})
    assert await world.desk.ready("9001") == []


async def test_what_colleagues_do(kari: Client, world: World) -> None:
    """Kari sees what Ola does, without reloading, and is told that she was set away, when and why."""

    async def seen() -> str:
        return re.sub(r"<[^>]*>", "", await text_of(kari, "/requests/colleagues"))

    await world.desk.set_ready("ola", ready=True)
    assert "Ola tar imot samtaler" in await seen()
    request = await world.caller()
    await world.desk.start_attempt(request.id, "ola", "a1")
    assert "Ola blir ringt" in await seen()
    await world.desk.attempt_ringing("a1")
    await world.desk.attempt_connected("a1")
    assert "Ola i samtale" in await seen()
    await world.desk.end_attempt("a1", AttemptOutcome.ANSWERED)
    assert "Ola etterarbeid" in await seen()
    await world.desk.record_result(request.id, "ola", CallResult.REACHED)
    assert "Ola etterarbeid" in await seen(), "for a moment"
    world.clock.advance(timedelta(minutes=1))
    assert "Ola tar imot samtaler" in await seen()
    await world.desk.set_away("ola")
    assert "Ola borte" in await seen()
    await world.desk.set_ready("ola", ready=False)
    assert "Ola" not in await seen()
    await world.desk.set_ready("kari", ready=True)
    await world.desk.set_away("kari")
    assert "Du ble satt som borte kl." in await seen()
    await submit(kari, "/ready", {"ready": "yes"})
    assert "Du tar imot samtaler" in await seen()


async def test_a_caller_who_rang_back_is_on_the_page(kari: Client, world: World) -> None:
    """What rings, for whom, and afterwards what happened."""
    request = await world.caller()
    await world.desk.start_attempt(request.id, "kari", "a1")
    await world.desk.attempt_ringing("a1")
    await world.desk.end_attempt("a1", AttemptOutcome.NO_ANSWER)
    assert await world.desk.rang_back("9001", request.phone or "") is not None
    await world.desk.start_return(request.id, "kari", "r0")
    page = await text_of(kari, f"/requests/{request.id}")
    assert "Innringeren er på linjen. Ta telefonen, hør hvem det gjelder, og tast 1." in page
    await world.desk.attempt_connected("r0")
    assert "Samtalen er i gang" in await text_of(kari, f"/requests/{request.id}/live")
    await world.desk.end_attempt("r0", AttemptOutcome.ANSWERED)
    page = await text_of(kari, f"/requests/{request.id}")
    for line in (
        "Innringeren ringte tilbake etter et ubesvart anrop.",
        "Innringeren ringte tilbake, og telefonen til Kari ble ringt.",
    ):
        assert line in page
