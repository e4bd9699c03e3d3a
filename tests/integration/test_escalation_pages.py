"""What the pages and the API show of the escalation, to whom, and how it is acknowledged."""

from __future__ import annotations

from datetime import timedelta

from callback.request import Reason
from config.model import Role
from tests.web_site import Client, World, ask, login, refusal, serve, submit, text_of

DAY = timedelta(days=1)


async def later(world: World, span: timedelta, client: Client, person: str = "kari") -> None:
    """The service has swept; whoever looks has logged in again, for a login lasts hours."""
    world.clock.advance(span)
    await world.desk.sweep()
    await login(client, person)


async def test_caseworker_team_leader(kari: Client, world: World) -> None:
    """Who is warned has a banner; others see the tag and who it is."""
    request = await world.caller()
    await world.desk.reassign(request.id, "ola", "liv")
    assert "Du er varslet" not in await text_of(kari, "/requests")
    await later(world, DAY, kari)
    page = await text_of(kari, "/requests")
    assert "50 % av fristen" in page
    assert '50 % av fristen</span><span class="soft">Ola er varslet.</span>' in page
    assert "50 % av fristen er brukt" not in page
    assert "Du er varslet" not in page
    world.clock.advance(timedelta(hours=3))
    await world.desk.sweep()
    page = await text_of(kari, "/requests")
    assert "75 % av fristen er brukt. Alle ved kontoret er varslet." in page
    assert "Du er varslet" in page
    world.clock.advance(timedelta(hours=2))
    await world.desk.sweep()
    page = await text_of(kari, "/requests")
    assert '90 % av fristen</span><span class="soft">Liv er varslet.</span>' in page
    assert "Du er varslet" not in page


async def test_not_everybody_is_warned(world: World) -> None:
    """Of a request that not everybody may serve the page names those who are warned, and does not say everybody."""
    request = await world.caller()
    await world.desk.disqualify(request.id, "kari", "liv")
    world.clock.advance(DAY + timedelta(hours=3))
    await world.desk.sweep()
    assert (await world.desk.get(request.id)).escalation == 75
    liv = await serve(world)
    await login(liv, "liv")
    page = await text_of(liv, "/requests")
    assert "Ola og Liv er varslet." in page
    assert "Alle ved kontoret" not in page
    await liv.close()


async def test_acknowledge(world: World) -> None:
    """The button names who acknowledged; it is no longer shouted, and stays visible."""
    request = await world.caller()
    world.clock.advance(DAY + timedelta(hours=5))
    await world.desk.sweep()
    liv = await serve(world)
    await login(liv, "liv")
    assert "Du er varslet" in await text_of(liv, "/requests")
    response = await submit(liv, f"/requests/{request.id}/acknowledge", {"step": "90", "from": "list"})
    assert response.url.path == "/requests"
    page = await text_of(liv, "/requests")
    assert "Du har kvittert for varselet." in await response.text()
    assert "Du er varslet" not in page
    assert "Liv er varslet. Liv har kvittert." in page
    page = await text_of(liv, f"/requests/{request.id}")
    assert "Liv kvitterte for varselet om 90 % av fristen." in page
    assert "Kvitter<" not in page
    await later(world, DAY, liv, "liv")
    assert "Du er varslet" in await text_of(liv, "/requests")
    await liv.close()


async def test_a_step_that_came_meanwhile(kari: Client, world: World) -> None:
    """Only what the page showed is acknowledged."""
    request = await world.caller()
    await later(world, 7 * DAY, kari)
    await submit(kari, f"/requests/{request.id}/acknowledge", {"step": "75"})
    assert (await world.desk.get(request.id)).acknowledged == 75
    page = await text_of(kari, f"/requests/{request.id}")
    assert 'id="acknowledge"' in page


async def test_overdue_stays_on_top(kari: Client, world: World) -> None:
    """It is marked, and stands before whoever came later, among its kind; urgent ones come first."""
    old = await world.caller()
    await later(world, 3 * DAY, kari)
    young, hungry = await world.caller("+4740001299"), await world.hungry()
    await world.desk.sweep()
    page = await text_of(kari, "/requests")
    assert page.count("Over fristen") == 1
    places = [page.index(f'id="open-{r.id}"') for r in (hungry, old, young)]
    assert places == sorted(places)
    assert "Over fristen" in await text_of(kari, f"/requests/{old.id}")
    assert "Over fristen" not in await text_of(kari, f"/requests/{young.id}")


async def test_api(client: Client, world: World) -> None:
    """A program says for which person; the field tells who."""
    request = await world.caller()
    token = await world.token(Role.CASEWORKER, "9001", "Kari")
    path = f"/requests/{request.id}/acknowledge"
    assert (await refusal(client, "POST", path, token))[:2] == (409, "not_possible_now")
    world.clock.advance(DAY)
    await world.desk.sweep()
    _, told = await ask(client, "GET", f"/requests/{request.id}", token)
    assert (told["escalation"], told["acknowledged"], told["acknowledged_by"]) == (50, 0, None)
    other = await world.token(Role.CASEWORKER, "9001", "door-desk")
    assert (await refusal(client, "POST", path, other))[:2] == (422, "unknown_person")
    assert (await refusal(client, "POST", path, other, json={"percent": 90, "caseworker": "liv"}))[0] == 409
    status, told = await ask(client, "POST", path, other, json={"caseworker": "Liv"})
    assert (status, told["acknowledged"], told["acknowledged_by"]) == (200, 50, "liv")
    elsewhere = await world.token(Role.CASEWORKER, "9002")
    assert (await refusal(client, "POST", path, elsewhere))[0] == 404


async def test_contact_centre_sees_no_names(world: World) -> None:
    """Who is warned is the office's own matter."""
    nks = await serve(world)
    request = await world.caller(registered_by="nks", reason=Reason.OTHER)
    await later(world, 7 * DAY, nks, "nks")
    for path in ("/requests", f"/requests/{request.id}"):
        page = await text_of(nks, path)
        assert "Over fristen" in page
        assert "er varslet" not in page
        assert "Kvitter" not in page
    response = await submit(nks, f"/requests/{request.id}/acknowledge", {"step": "100"})
    assert response.status == 403
    await nks.close()
