"""The roster page: who is on duty and where nobody is, changed by forms, calendars in and out; and who may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from re import findall
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from config.model import Config
from config.oncall import OnCallLine
from scheduler.clock import to_local
from scheduler.ical import read_calendar
from tests.offices import MONDAY, config
from tests.web_site import Client, World, csrf, login, open_world, serve, submit, text_of

LINE = OnCallLine(id="lillevik", office_no="9001", number="+4773000011", leader="liv", substitute="ola")
HOUSING = LINE.model_copy(
    update={"id": "bolig", "name": "Bolig", "number": "+4773000012", "people": ("ola",)}
)
OTHER = OnCallLine(id="storvik", office_no="9002", number="+4773000021", people=("siv",))


def with_lines() -> Config:
    return config().model_copy(update={"lines": (LINE, HOUSING, OTHER)})


@pytest_asyncio.fixture(name="world")
async def a_world(tmp_path: Path) -> World:
    return await open_world(tmp_path, of=with_lines())


@pytest_asyncio.fixture(name="client")
async def a_client(world: World) -> AsyncIterator[Client]:
    client = await serve(world)
    yield client
    await client.close()


@pytest_asyncio.fixture(name="kari")
async def kari_at_work(client: Client) -> Client:
    await login(client, "kari")
    return client


async def put(client: Client, **fields: str) -> aiohttp.ClientResponse:
    sent = {
        "line": "lillevik",
        "person1": "kari",
        "begins": "2026-11-23T09:00",
        "ends": "2026-11-23T12:00",
        "kind": "shift",
    }
    return await submit(client, "/oncall/shift", sent | fields)


async def shift_ids(world: World) -> list[str]:
    return [shift.id for shift in await world.desk.shifts_of(LINE)]


async def test_zero_percent_is_shouted(kari: Client) -> None:
    """Nobody on duty for four weeks: said in words, in red, gap by gap; and on the status page."""
    page = await text_of(kari, "/oncall")
    for words in (
        '<p class="flash bad">Ingen kan nås på denne vakttelefonen.', '<span class="tag hot">0 %</span>',
        "mandag 23. november kl. 09.00–15.00:\n      ingen har vakt.", "Ingen på vakt nå kan nås.", "Stedfortreder: Ola.",
    ):  # fmt: skip
        assert words in page, words
    assert page.count('<span class="tag hot">Hull</span>') == 20
    page = await text_of(kari, "/status")
    assert "INGEN kan nås" in page
    assert "Hull: 20. Det første: i dag kl. 09.00." in page
    assert "Storvik" not in page.partition("Vakttelefoner")[2].partition("</table>")[0]
    page = await text_of(kari, "/oncall?line=bolig")
    assert '<span class="tag good">100 %</span>' in page
    assert "På vakt nå: Ola." in page


async def test_a_day_at_the_roster(kari: Client, world: World) -> None:
    """Add, override, change, swap, remove: each is seen at once, and stands in the history with who and what."""
    page = await (await put(kari)).text()
    assert "Vaktlisten er lagret." in page
    assert "På vakt nå: Kari." in page
    assert "Til i dag kl. 12.00, deretter ingen." in page
    await put(kari, person1="ola", begins="2026-11-24T09:00", ends="2026-11-24T15:00")
    await put(kari, person1="", kind="override", begins="2026-11-24T10:00", ends="2026-11-24T11:00")
    monday, tuesday, hole = await shift_ids(world)
    page = await text_of(kari, f"/oncall?line=lillevik&change={tuesday}")
    assert 'value="2026-11-24T09:00"' in page
    await put(
        kari, shift=tuesday, person1="ola", person2="kari", begins="2026-11-24T09:00", ends="2026-11-24T14:00"
    )
    await submit(kari, "/oncall/swap", {"line": "lillevik", "first": monday, "second": tuesday})
    await submit(kari, "/oncall/remove", {"line": "lillevik", "shift": hole})
    assert [shift.people for shift in await world.desk.shifts_of(LINE)] == [("ola", "kari"), ("kari",)]
    page = await text_of(kari, "/oncall")
    for words in (
        "Fjernet vakt: ingen, tirsdag 24. november kl. 10.00–11.00.",
        "Byttet vakter. Nå: Ola, Kari, mandag 23. november kl. 09.00–12.00; og Kari, tirsdag",
        "Endret vakt fra Ola, tirsdag 24. november kl. 09.00–15.00 til Ola, Kari, tirsdag 24. november kl. 09.00–14.00.",
        "i dag kl. 09.05, Kari</time> La inn vakt: Kari, mandag 23. november kl. 09.00–12.00.",
    ):  # fmt: skip
        assert words in page, words
    english = await text_of(kari, "/oncall?lang=en")
    assert "Removed a shift: nobody" in english


async def test_confirmed_where_one_stands(kari: Client) -> None:
    """The office says on the roster page that what is shown of it is right, and stays there."""
    page = await text_of(kari, "/oncall?line=bolig")
    assert 'action="/offices/9001/confirm"' in page
    assert 'name="from" value="roster"' in page
    response = await submit(kari, "/offices/9001/confirm", {"from": "roster"})
    assert response.url.path == "/oncall"
    assert "Bekreftet av Kari i dag" in await response.text()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"person1": ""}, "Velg hvem som har vakt."),
        ({"begins": ""}, "Skriv når vakten begynner"),
        ({"ends": "soon"}, "Skriv når vakten slutter"),
        ({"ends": "2026-11-23T08:00"}, "Vakten slutter før den begynner."),
        ({"begins": "2026-11-20T08:00", "ends": "2026-11-20T09:00"}, "Vakten er over allerede."),
        ({"ends": "2027-01-23T08:00"}, "lengre enn 31 dager"),
        ({"person1": "siv"}, "Velg noen ved kontoret."),
        ({"shift": "gone"}, "Vakten finnes ikke lenger"),
    ],
)
async def test_refused(kari: Client, world: World, fields: dict[str, str], words: str) -> None:
    """What cannot be meant says so beside its field, keeps what was written, and changes nothing."""
    response = await put(kari, **fields)
    page = await response.text()
    assert (response.status, words in page, 'class="errors"' in page) == (422, True, True)
    assert await world.desk.shifts_of(LINE) == []


async def test_who_may(client: Client, world: World) -> None:
    """Another office's roster does not exist; neither does any for the contact centre; a form needs its token."""
    await login(client, "siv")
    assert "Storvik: Vakttelefonen" not in await text_of(client, "/oncall"), "one line needs no choice"
    await text_of(client, "/oncall?line=lillevik", 404)
    assert (await put(client)).status == 404
    form: dict[str, Any] = {"line": "storvik"}
    assert (await client.post("/oncall/shift", data=form)).status == 403
    assert (await submit(client, "/oncall/address", form)).status == 404, "leaders only"
    await submit(client, "/logout", {})
    await login(client, "nks")
    assert "/oncall" not in await text_of(client, "/requests")
    assert "Kontoret har ingen vakttelefon." in await text_of(client, "/oncall")
    await text_of(client, "/oncall?line=lillevik", 404)
    assert await world.desk.roster_history(LINE) == []


def ics(summary: str, day: str = "20261124") -> bytes:
    return (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:{day}T090000\r\nDURATION:PT6H\r\n"
        f"SUMMARY:{summary}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()


async def upload(client: Client, data: bytes) -> aiohttp.ClientResponse:
    form = aiohttp.FormData()
    form.add_field("csrf", await csrf(client, "/status"))
    form.add_field("line", "lillevik")
    form.add_field("file", BytesIO(data), filename="vakt.ics", content_type="text/calendar")
    return await client.post("/oncall/import", data=form)


async def test_a_file(kari: Client, world: World) -> None:
    """A calendar is taken whole, up to a megabyte, or refused with its line and nothing changed."""
    big = ics("Ola").replace(b"VERSION", b"X-FILL:" + b"x" * 900_000 + b"\r\nVERSION")
    response = await upload(kari, big)
    assert (response.status, "Kalenderen er hentet inn." in await response.text()) == (200, True)
    assert [shift.people for shift in await world.desk.shifts_of(LINE)] == [("ola",)]
    response = await upload(kari, ics("Per"))
    page = await response.text()
    assert response.status == 422
    assert "line 3: nobody known: &#39;Per&#39;; known here: Kari, Ola, Liv" in page
    assert (await upload(kari, big + b"x" * 200_000)).status in (413, 422)
    assert (await upload(kari, b"")).status == 422
    assert [shift.people for shift in await world.desk.shifts_of(LINE)] == [("ola",)]


async def test_subscribe(client: Client, world: World) -> None:
    """Whoever has the address gets the roster without a login: names and times within hours; a renewed one opens nothing."""
    await login(client, "liv")
    await put(client)
    page = await text_of(client, "/oncall")
    (address,) = findall(r"/oncall/lillevik\.ics\?key=[0-9a-f]{40}", page)
    await submit(client, "/logout", {})
    response = await client.get(address)
    assert (response.status, response.content_type) == (200, "text/calendar")
    (event,) = read_calendar(await response.read(), MONDAY, MONDAY + timedelta(days=28))
    assert (event.summary, to_local(event.begins_at).hour, to_local(event.ends_at).hour) == ("Kari", 9, 12)
    for wrong in (
        address[:-1],
        address.replace("lillevik", "bolig"),
        address.replace("lillevik", "nowhere"),
        "/oncall/lillevik.ics",
    ):
        assert (await client.get(wrong)).status == 404
    await login(client, "liv")
    await submit(client, "/oncall/address", {"line": "lillevik"})
    assert (await client.get(address)).status == 404
    (renewed,) = findall(r"/oncall/lillevik\.ics\?key=[0-9a-f]{40}", await text_of(client, "/oncall"))
    assert (await client.get(renewed)).status == 200
