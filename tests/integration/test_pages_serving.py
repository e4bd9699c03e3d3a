"""Forms of who may serve a request, what the pages and the API show of it, and to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

from callback.request import AttemptOutcome, DayPart, Reason, RequestState
from callback.store import RequestQuery
from config.model import Config, Person, Role
from tests.offices import MONDAY, staffed
from tests.web_site import (
    FIELDS,
    GOOD,
    Client,
    World,
    ask,
    login,
    open_world,
    refusal,
    serve,
    submit,
    text_of,
)

HOUR = timedelta(hours=1)
EVA = Person(
    id="eva", name="Eva", role=Role.CASEWORKER, office_no="9001", extension="209", protected_access=True
)
PHONE = "+4740001234"
Enter = Callable[[str], Awaitable[Client]]


def of_all() -> Config:
    """Kari, Ola and Eva report to Liv; Siv's office stands in. Eva sees protected persons."""
    base = staffed()
    own = base.offices[0].model_copy(update={"substitute_office": "9002"})
    return Config(
        settings=base.settings,
        offices=(own, base.offices[1]),
        people=(*base.people, EVA),
        menus=base.menus,
        lines=base.lines,
    )


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return await open_world(tmp_path, of=of_all())


@pytest.fixture
async def enter(world: World) -> AsyncIterator[Enter]:
    """Somebody logs in, each in a browser of their own."""
    opened: list[Client] = []

    async def enter(person_id: str) -> Client:
        client = await serve(world)
        opened.append(client)
        await login(client, person_id)
        return client

    yield enter
    for client in opened:
        await client.close()


# -- disqualified


async def test_oneself(world: World, enter: Enter) -> None:
    """Kari says that she is disqualified: the request is gone for her, and stands where it stood for Ola."""
    request = await world.caller()
    kari, path = await enter("kari"), f"/requests/{request.id}"
    page = await text_of(kari, path)
    assert "Jeg er inhabil i denne saken" in page
    refused = await submit(kari, f"{path}/disqualify", {"disqualified": "kari"})
    assert refused.status == 422
    assert "Kryss av for at du er inhabil." in unescape(await refused.text())
    refused = await submit(kari, f"{path}/disqualify", {"disqualified": "ola", "sure": "yes"})
    assert refused.status == 422
    assert (await world.desk.get(request.id)).disqualified == ()
    response = await submit(kari, f"{path}/disqualify", {"disqualified": "kari", "sure": "yes"})
    assert response.url.path == "/requests"
    listed = unescape(await response.text())
    assert "Meldt inhabil." in listed
    assert request.reference not in listed
    for gone in (path, f"{path}/live"):
        await text_of(kari, gone, 404)
    assert (await submit(kari, f"{path}/ring", {})).status == 404
    assert (await submit(kari, "/requests/find", {"wanted": request.reference})).status == 404
    ola = await enter("ola")
    seen = await text_of(ola, path)
    assert "Kari meldte seg inhabil." in seen
    assert "<dt>Inhabil</dt><dd>Kari</dd>" in seen
    assert "Ikke inhabil likevel" not in seen


async def test_a_leader_for_a_colleague(world: World, enter: Enter) -> None:
    """Liv marks Ola, and takes it back with a reason that stands in the note."""
    request = await world.caller()
    liv, path = await enter("liv"), f"/requests/{request.id}"
    assert (await submit(liv, f"{path}/disqualify", {"disqualified": "siv"})).status == 422
    page = unescape(await (await submit(liv, f"{path}/disqualify", {"disqualified": "ola"})).text())
    assert "Liv meldte at Ola er inhabil." in page
    for wrong in ({"qualified": "kari", "qualify_why": "x"}, {"qualified": "ola", "qualify_why": " "}):
        assert (await submit(liv, f"{path}/qualify", wrong)).status == 422
    page = unescape(
        await (await submit(liv, f"{path}/qualify", {"qualified": "ola", "qualify_why": "Ikke slekt"})).text()
    )
    assert "Ikke slekt" in page
    assert (await world.desk.get(request.id)).disqualified == ()
    kari = await enter("kari")
    refused = await submit(kari, f"{path}/qualify", {"qualified": "ola", "qualify_why": "x"})
    assert refused.status == 403


async def test_the_leader_herself(world: World, enter: Enter) -> None:
    """The other office's list has it, and says for whom; nobody at home sees it, but the count is right."""
    request = await world.caller()
    liv, path = await enter("liv"), f"/requests/{request.id}"
    assert (await submit(liv, f"{path}/disqualify", {"disqualified": "liv"})).status == 422
    await submit(liv, f"{path}/disqualify", {"disqualified": "liv", "sure": "yes"})
    ola, siv, admin = await enter("ola"), await enter("siv"), await enter("admin")
    for away in (ola, liv):
        assert request.reference not in await text_of(away, "/requests")
        await text_of(away, path, 404)
    listed = await text_of(siv, "/requests")
    assert request.reference in listed
    assert '<span class="tag warn">For Lillevik</span>' in listed
    page = await text_of(siv, path)
    assert "<dt>Ringes av</dt><dd>Storvik (9002)</dd>" in page
    assert "Liv meldte seg inhabil. Storvik ringer nå." in page
    for office, has in (("9001", False), ("9002", True)):
        assert (request.reference in await text_of(admin, f"/requests?office={office}")) is has
    response = await submit(siv, f"{path}/ring", {})
    assert "Telefonen din ringer." in unescape(await response.text())
    _, status = await ask(siv, "GET", "/status", await world.token(Role.ADMIN))
    assert {o["office_no"]: o["open"] for o in status["open_requests"]} == {"9001": 0, "9002": 1}
    assert status["unserved"] == []


async def test_nobody_is_left(world: World, enter: Enter) -> None:
    """Both offices' people are disqualified: administrators see it, leaders a count, and the status page says so."""
    request = await world.caller()
    for person in ("liv", "siv"):
        await world.desk.disqualify(request.id, person, "admin")
    assert (await world.desk.get(request.id)).served_by == "9001"
    admin, kari, nks = await enter("admin"), await enter("kari"), await enter("nks")
    assert "Ingen ved kontoret kan ta denne. En administrator må se på den." in await text_of(
        admin, "/requests"
    )
    page = await text_of(kari, "/status")
    assert "Noe virker ikke." in page
    assert "Lillevik: 1" in page
    assert "Alt virker." in await text_of(nks, "/status")
    liv = await enter("liv")
    listed = await text_of(liv, "/requests")
    assert "Det er 1 på kontorets liste som ingen ved kontoret kan ta." in listed
    assert request.reference not in listed
    back = await submit(
        admin, f"/requests/{request.id}/qualify", {"qualified": "liv", "qualify_why": "En annen Liv"}
    )
    assert back.status == 200
    assert "Alt virker." in await text_of(kari, "/status")


# -- interpreter


async def test_an_interpreter(world: World, enter: Enter) -> None:
    """Needed, then booked in Norwegian time; the list says what is waited for."""
    request = await world.caller()
    kari, path = await enter("kari"), f"/requests/{request.id}"
    for form, says in (
        ({}, "Velg om det trengs tolk."),
        ({"interpreter": "booked"}, "Skriv dato og klokkeslett"),
        ({"interpreter": "booked", "booked_at": "i morgen"}, "Skriv dato og klokkeslett"),
        ({"interpreter": "booked", "booked_at": "2026-11-22T10:00"}, "Se på datoen."),
        ({"interpreter": "booked", "booked_at": "2036-11-24T10:00"}, "Se på datoen."),
    ):
        refused = await submit(kari, f"{path}/interpreter", form)
        assert refused.status == 422
        assert says in unescape(await refused.text())
    assert (await world.desk.get(request.id)).version == request.version
    page = unescape(await (await submit(kari, f"{path}/interpreter", {"interpreter": "needed"})).text())
    assert "Venter på tolk." in page
    assert "Trengs, er ikke bestilt" in page
    booked = {"interpreter": "booked", "booked_at": "2026-11-24T10:00"}
    page = unescape(await (await submit(kari, f"{path}/interpreter", booked)).text())
    assert "Venter på tolk, bestilt til i morgen kl. 10.00." in page
    assert 'value="2026-11-24T10:00"' in page
    saved = await world.desk.get(request.id)
    assert saved.interpreter_at == saved.next_attempt_at == MONDAY.replace(day=24, hour=9, minute=0)
    assert '<span class="tag warn">Tolk</span>' in await text_of(kari, "/requests")
    world.clock.set(saved.interpreter_at + HOUR)
    await login(kari, "kari")  # her login has ended in the night
    assert "Var bestilt til i dag kl. 10.00. Bestill på nytt" in await text_of(kari, path)


# -- protected


async def test_protected(world: World, enter: Enter) -> None:
    """Kari marks it and sees it no more; Eva does, and alone can take the mark away. The contact centre never sees it."""
    nks = await enter("nks")
    await submit(nks, "/requests/new", GOOD)
    (request,) = await world.desk.find(RequestQuery())
    kari, eva, liv, admin = [await enter(name) for name in ("kari", "eva", "liv", "admin")]
    path = f"/requests/{request.id}"
    assert (await submit(kari, f"{path}/protect", {"protected": "yes"})).status == 422
    response = await submit(kari, f"{path}/protect", {"protected": "yes", "protect": "yes"})
    assert response.url.path == "/requests"
    for client in (kari, liv, admin, nks):
        assert request.reference not in await text_of(client, "/requests")
        assert request.reference not in await text_of(client, "/requests/rows")
        await text_of(client, path, 404)
        await text_of(client, f"{path}/live", 404)
        for wanted in (request.reference, "40001234"):
            assert (await submit(client, "/requests/find", {"wanted": wanted})).status == 404
    assert "1 på kontorets liste vises ikke for deg." in await text_of(liv, "/requests")
    assert "vises ikke for deg" not in await text_of(kari, "/requests")
    again = await submit(nks, "/requests/new", GOOD)
    assert again.status == 409
    other = await submit(nks, "/requests/new", GOOD | {"phone": "90001234"})
    ola = await world.caller("+4790005678")
    same = await submit(nks, "/requests/new", GOOD | {"phone": "90005678"})
    assert (other.status, same.status) == (200, 409)
    told = [unescape(await answer.text()) for answer in (again, same)]
    assert all("Nummeret står allerede på listen til kontoret." in text for text in told), ola
    listed = await text_of(eva, "/requests")
    assert request.reference in listed
    assert '<span class="tag warn">Fortrolig adresse</span>' in listed
    page = await submit(eva, f"{path}/protect", {"protected": "no", "protect": "yes"})
    assert "Forespørselen vises for alle ved kontoret." in unescape(await page.text())
    assert request.reference in await text_of(kari, "/requests")


async def test_registered_as_protected(world: World, enter: Enter) -> None:
    """The promise is read aloud from the form: whoever registers does not see the request."""
    kari, eva = await enter("kari"), await enter("eva")
    form = GOOD | {"protected": "yes", "interpreter": "yes"}
    response = await submit(kari, "/requests/new", form)
    assert (response.status, response.url.path) == (200, "/requests/new")
    page = unescape(await response.text())
    assert "Satt på listen. Si: «Du blir ringt innen onsdag 25. november." in page
    assert "Du ser ikke forespørselen mer." in page
    assert "40 00 12 34" not in page
    assert "Venter på tolk." in await text_of(eva, "/requests")
    assert (await submit(eva, "/requests/new", form | {"phone": "90001234"})).url.path != "/requests/new"


async def test_the_result_first(world: World, enter: Enter) -> None:
    """Who has talked with them writes the result before they lose sight of it."""
    request = await world.talked(await world.caller())
    kari = await enter("kari")
    page = await submit(kari, f"/requests/{request.id}/protect", {"protected": "yes", "protect": "yes"})
    assert "Skriv resultatet først." in unescape(await page.text())
    assert not (await world.desk.get(request.id)).protected


async def test_nobody_has_the_right(world: World, enter: Enter) -> None:
    """The form warns; then only administrators see it, and the status page says so."""
    request = await world.caller(office_no="9002")
    siv, admin = await enter("siv"), await enter("admin")
    path = f"/requests/{request.id}"
    assert "Bare administratorer vil se forespørselen." in await text_of(siv, path)
    await submit(siv, f"{path}/protect", {"protected": "yes", "protect": "yes"})
    await text_of(siv, path, 404)
    assert "Ingen ved kontoret kan ta denne." in await text_of(admin, path)
    assert "Storvik: 1" in await text_of(siv, "/status")
    page = await submit(admin, f"{path}/protect", {"protected": "no", "protect": "yes"})
    assert page.url.path == path


# -- why it stands where it stands


async def test_nobody_is_rung_by_a_slip_when_it_is_not_safe(world: World, enter: Enter) -> None:
    """A discreet request has no button on the list outside its hours, and has one on its page; within them, on both."""
    request = await world.caller()
    await world.desk.set_discreet(request.id, True, "caller")
    await world.desk.set_day_part(request.id, DayPart.MIDDAY, "caller")
    kari, button = await enter("kari"), f"/requests/{request.id}/ring"
    assert button not in await text_of(kari, "/requests")
    assert button in await text_of(kari, f"/requests/{request.id}")
    world.clock.advance(timedelta(hours=2))
    assert button in await text_of(kari, "/requests")


async def test_why_here(world: World, enter: Enter) -> None:
    """One sentence per row, on its page, and in the API: reason, limit, and why it is passed over now."""
    hungry = await world.caller(reason=Reason.NO_FOOD)
    wishes = await world.caller("+4740000002")
    await world.desk.set_day_part(wishes.id, DayPart.AFTERNOON, "caller")
    given = await world.caller("+4740000003")
    await world.desk.reassign(given.id, "ola", "liv")
    missed = await world.missed(await world.caller("+4740000004"), AttemptOutcome.BUSY)
    safe = await world.caller("+4740000005")
    await world.desk.set_discreet(safe.id, True, "caller")
    await world.desk.set_day_part(safe.id, DayPart.MIDDAY, "caller")
    by = "Må nås innen onsdag 25. november kl. 09.05."
    told = {
        hungry.id: ("Haster: uten penger til mat. Må nås før kl. 11.05.", None),
        wishes.id: (f"{by} Vil bli ringt om ettermiddagen. Neste forsøk er i dag kl. 13.00.", "wish"),
        given.id: (f"{by} Bare for Ola.", "assigned"),
        missed.id: (f"{by} Ringes igjen i dag kl. 09.12.", "not_due"),
        safe.id: (f"{by} Skal bare ringes midt på dagen, for sikkerhets skyld.", "discreet"),
    }
    kari, token = await enter("kari"), await world.token(Role.CASEWORKER, "9001")
    listed = await text_of(kari, "/requests")
    _, body = await ask(kari, "GET", "/requests", token)
    assert {r["id"]: (r["why"], r["passed_over"]) for r in body["requests"]} == told
    assert all(set(r) == FIELDS for r in body["requests"])
    for request_id, (why, _) in told.items():
        page = " ".join((await text_of(kari, f"/requests/{request_id}")).split())
        assert why in page
        last = why.split(". ")[-1]
        assert last in listed
    world.clock.set(MONDAY + 7 * HOUR)
    assert "Lillevik er stengt nå." in await text_of(kari, "/requests")


async def test_languages(tmp_path: Path, enter: Enter) -> None:
    """Only for those who speak it, or: nobody has stated it."""
    base = of_all()
    people = tuple(
        p.model_copy(update={"languages": {"kari": ("pl",)}.get(p.id, ("en",))}) for p in base.people
    )
    world = await open_world(tmp_path, of=base.model_copy(update={"people": people}))
    client = await serve(world)
    try:
        await login(client, "ola")
        await world.caller(language="pl")
        await world.caller("+4740000002", language="so")
        listed = await text_of(client, "/requests")
        assert "Bare for kollegaer som snakker polsk." in listed
        assert "Ingen ved kontoret har oppgitt at de snakker somali." in listed
    finally:
        await client.close()


async def test_the_contact_centre_learns_nothing_of_the_staff(world: World, enter: Enter) -> None:
    """Its own request: neither who is disqualified, nor whom it was given to."""
    token = await world.token(Role.CONTACT_CENTRE)
    nks = await enter("nks")
    _, body = await ask(nks, "POST", "/requests", token, json={"office_no": "9001", "phone": PHONE})
    await world.desk.disqualify(body["id"], "kari", "liv")
    await world.desk.reassign(body["id"], "ola", "liv")
    _, seen = await ask(nks, "GET", f"/requests/{body['id']}", token)
    assert (seen["disqualified"], seen["passed_over"]) == ([], None)
    assert "Ola" not in seen["why"]
    await world.desk.disqualify(body["id"], "liv", "liv")
    world.clock.advance(7 * HOUR)
    _, seen = await ask(nks, "GET", f"/requests/{body['id']}", token)
    assert (seen["served_by"], seen["passed_over"]) == ("9001", None)
    await submit(nks, "/requests/new", GOOD | {"phone": "90001234"})
    (request,) = await world.desk.find(RequestQuery(phone="+4790001234"))
    await world.desk.disqualify(request.id, "liv", "liv")
    for path in ("/requests", f"/requests/{request.id}"):
        page = await text_of(nks, path)
        assert request.reference in page
        assert "Storvik" not in page.split("</select>")[-1]


async def test_a_number_that_is_somebodys(world: World, enter: Enter) -> None:
    """To give a number that a protected person has: the two are one, and nothing of that one is shown."""
    hidden = await world.caller(PHONE, protected=True)
    world.clock.advance(timedelta(minutes=1))
    client, token = await enter("kari"), await world.token(Role.CASEWORKER, "9001")
    first, second = await world.caller(None), await world.caller(None)
    told = await refusal(client, "POST", f"/requests/{first.id}/number", token, json={"phone": PHONE})
    assert told[:2] == (409, "already_on_list")
    response = await submit(client, f"/requests/{second.id}/number", {"phone": PHONE})
    assert response.url.path == "/requests"
    page = unescape(await response.text())
    assert "i en forespørsel som ikke vises for deg" in page
    assert hidden.reference not in page


# -- the API


async def test_what_is_hidden_takes_nobodys_place(world: World, enter: Enter) -> None:
    """Three that one may not see stand first: with a limit of one, the first that one may see is given."""
    for n in range(3):
        await world.caller(f"+474000000{n}", protected=True)
    world.clock.advance(timedelta(minutes=1))
    seen = await world.caller(PHONE)
    client, token = await enter("kari"), await world.token(Role.CASEWORKER, "9001")
    _, body = await ask(client, "GET", "/requests?limit=1", token)
    assert ([r["id"] for r in body["requests"]], body["truncated"]) == ([seen.id], False)


async def test_the_acts_of_the_api(world: World, enter: Enter) -> None:
    """The same acts, with the same refusals."""
    client = await enter("kari")
    leader, kari = await world.token(Role.LEADER, "9001"), await world.token(Role.CASEWORKER, "9001", "kari")
    request = await world.caller()
    path = f"/requests/{request.id}"
    told = await refusal(client, "POST", f"{path}/disqualify", kari, json={"person": "ola"})
    assert told[:2] == (403, "not_leader")
    told = await refusal(client, "POST", f"{path}/disqualify", leader, json={"person": "siv"})
    assert told[:2] == (422, "unknown_person")
    status, body = await ask(client, "POST", f"{path}/disqualify", kari, json={"person": "kari"})
    assert (status, body["disqualified"]) == (200, ["kari"])
    told = await refusal(client, "POST", f"{path}/call", leader, json={"caseworker": "kari"})
    assert told[:2] == (422, "unknown_person")
    told = await refusal(client, "POST", f"{path}/qualify", kari, json={"person": "kari", "why": "x"})
    assert told[:2] == (403, "not_leader")
    status, body = await ask(client, "POST", f"{path}/qualify", leader, json={"person": "kari", "why": "x"})
    assert (status, body["disqualified"]) == (200, [])
    booked = {"needed": True, "booked_at": "2026-11-24T10:00:00+01:00"}
    status, body = await ask(client, "POST", f"{path}/interpreter", kari, json=booked)
    assert (status, body["interpreter_at"], body["passed_over"]) == (
        200,
        "2026-11-24T09:00:00Z",
        "interpreter_later",
    )
    for at, error in (("2026-11-24T10:00:00", "invalid"), ("2026-11-20T10:00:00Z", "bad_booking")):
        told = await refusal(
            client, "POST", f"{path}/interpreter", kari, json={"needed": True, "booked_at": at}
        )
        assert told[:2] == (422, error)
    response = await client.post(f"/api/v1{path}/protect", headers=leader, json={"protected": True})
    assert (response.status, await response.read()) == (204, b"")
    for method, act in (("GET", ""), ("POST", "/protect"), ("POST", "/call")):
        assert (await refusal(client, method, path + act, leader))[0] == 404
    _, listed = await ask(client, "GET", "/requests", leader)
    assert listed["requests"] == []
    told = await refusal(client, "POST", "/requests", leader, json={"office_no": "9001", "phone": PHONE})
    assert told[:2] == (409, "already_on_list")


async def test_the_api_registers_all_at_once(world: World, enter: Enter) -> None:
    """Interpreter, booking and protection; the answer is the last the token sees of it."""
    client, token = await enter("kari"), await world.token(Role.CONTACT_CENTRE)
    sent = {"office_no": "9001", "phone": PHONE, "interpreter_at": "2026-11-24T09:00:00Z", "protected": True}
    status, body = await ask(client, "POST", "/requests", token, json=sent)
    assert (status, body["interpreter"], body["protected"]) == (201, True, True)
    assert body["next_attempt_at"] == "2026-11-24T09:00:00Z"
    assert (await refusal(client, "GET", f"/requests/{body['id']}", token))[0] == 404
    assert (await refusal(client, "POST", "/requests", token, json=sent))[:2] == (409, "already_on_list")
    assert (await world.desk.get(body["id"])).state is RequestState.WAITING
