"""What is shown of the offices: the table, its stream, one office's page, the API."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callback.request import DayPart, Reason
from callback.shifts import Planned
from callback.web import offices
from config.model import Config, Role
from config.oncall import OnCallLine, TargetGroup
from scheduler.roster import ShiftSource
from tests.offices import config
from tests.web_site import GOOD, Client, World, ask, login, open_world, refusal, serve, submit, text_of

LINE = "+47 73 00 00 11"


def with_lines() -> Config:
    """Office 9001 with two lines: Kari has the first, nobody the other."""
    lines = (
        OnCallLine(id="vakt", office_no="9001", number="+4773000011", people=("kari",), substitute="ola"),
        OnCallLine(id="ung", office_no="9001", number="+4773000012", group=TargetGroup.YOUTH),
    )
    return config().model_copy(update={"lines": lines})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await open_world(tmp_path, of=with_lines())
    await world.services.board.start()
    yield world
    await world.services.board.stop()


@pytest.fixture
async def nks(client: Client) -> Client:
    await login(client, "nks")
    return client


@asynccontextmanager
async def another(world: World, person_id: str) -> AsyncIterator[Client]:
    client = await serve(world)
    await login(client, person_id)
    yield client
    await client.close()


# -- the table


async def test_the_table(nks: Client, world: World) -> None:
    """Each office by name: the hours, drop-in, who is on duty on which line, the confirmation, and where to register."""
    world.clock.advance(-timedelta(days=3))
    await world.desk.confirm_office("9001", "liv")
    world.clock.advance(timedelta(days=3))
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", await text_of(nks, "/offices")))
    row, other = (
        page[page.index("Lillevik 9001") : page.index("Storvik 9002")],
        page[page.index("Storvik 9002") :],
    )
    for words in (
        "Lillevik (9901)", "Åpen til kl. 15.00", "Ingen de neste 30 dagene", f"Vakttelefonen {LINE} Kari",
        "Vakttelefonen: ungdom +47 73 00 00 12 Ingen på vakt", "Bekreftet av Liv for 3 dager siden",
    ):  # fmt: skip
        assert words in row, words
    assert "Kontoret har ingen vakttelefon" in other
    assert "Må bekreftes Ikke bekreftet ennå" in other
    assert "40 00 00 01" not in page  # never a person's number, nor the one they carry


async def test_nobody_is_missed_at_night(nks: Client, world: World) -> None:
    """A planned closed hour is no gap: a line is closed then, and shouts nothing."""
    world.clock.advance(timedelta(hours=9))
    await world.services.board.read()
    page = await (await nks.get("/offices/9001")).text()
    assert "Ingen på vakt" not in page
    assert "Stengt" in page[page.index("+47 73 00 00 12") :]


async def test_an_old_confirmation_is_marked(nks: Client, world: World) -> None:
    """Amber after 7 days, red after 14, in words too; a click makes it fresh again."""
    await world.desk.confirm_office("9001", "liv")
    for days, mark in ((7, None), (8, "Bør bekreftes"), (14, "Bør bekreftes"), (15, "Må bekreftes")):
        world.clock.advance(-timedelta(days=days))
        await world.desk.confirm_office("9002", "siv")
        world.clock.advance(timedelta(days=days))
        page = await text_of(nks, "/offices")
        row = page[page.index('id="office-9002"') :]
        assert ("tag warn" in row, "tag hot" in row) == (mark == "Bør bekreftes", mark == "Må bekreftes"), (
            days
        )
        assert mark is None or mark in row


async def test_who_confirms(nks: Client, world: World) -> None:
    """Caseworkers and leaders of the office, and administrators; each with name and time, and nothing is lost."""
    for person_id, office_no, status in (
        ("kari", "9001", 200), ("liv", "9001", 200), ("admin", "9002", 200), ("siv", "9001", 403), ("nks", "9001", 403),
    ):  # fmt: skip
        async with another(world, person_id) as client:
            for act in ("confirm", "message", "unsay"):
                response = await submit(client, f"/offices/{office_no}/{act}", {"message": "Stengt"})
                assert response.status == status, (person_id, act)
            assert ("/confirm" in await text_of(client, f"/offices/{office_no}")) == (status == 200)
    history = await world.store.office_history("9001", 10)
    assert [(note.by, note.kind.value) for note in history] == [
        *(("liv", "message"), ("liv", "message"), ("liv", "confirmed")),
        *(("kari", "message"), ("kari", "message"), ("kari", "confirmed")),
    ]
    assert "Bekreftet av Liv i dag" in await text_of(nks, "/offices")
    assert (await submit(nks, "/offices/9999/confirm", {})).status == 404


async def test_one_click_where_one_stands(kari: Client) -> None:
    """The button is on the table too, and leads back to it."""
    assert 'name="from" value="table"' in await text_of(kari, "/offices")
    response = await submit(kari, "/offices/9001/confirm", {"from": "table"})
    assert response.url.path == "/offices"
    assert "Bekreftet. Kontaktsenteret ser det nå." in await response.text()
    response = await submit(kari, "/offices/9001/confirm", {"from": "//evil.example"})
    assert response.url.path == "/offices/9001"


async def test_an_urgent_message(kari: Client, world: World) -> None:
    """Shown until its last day is over or it is taken back; refused with what to do, and what was written stays."""
    response = await submit(kari, "/offices/9001/message", {"message": "Ring Kari, 40 00 12 34"})
    text = await response.text()
    assert response.status == 422
    assert "Ta bort nummeret (8 siffer eller mer)." in text
    assert "Ring Kari, 40 00 12 34</textarea>" in text
    assert await world.store.office_notes() == []
    for until, why in (
        ("i morgen", "Velg i dag"),
        ("2026-11-22", "Velg i dag"),
        ("2027-01-30", "innen 31 dager"),
    ):
        response = await submit(kari, "/offices/9001/message", {"message": "Stengt", "until": until})
        assert (response.status, why in await response.text()) == (422, True), until
    await submit(kari, "/offices/9001/message", {"message": "<b>Brann</b>", "until": "2026-11-24"})
    table = await (await kari.get("/offices")).text()
    assert "&lt;b&gt;Brann&lt;/b&gt;" in table
    assert "til og med tirsdag 24. november" in table
    for days, shown in ((1, True), (2, False)):
        world.clock.advance(timedelta(days=days))
        assert [one.message is not None for one in await world.desk.offices_now()] == [shown, False]
        world.clock.advance(-timedelta(days=days))
    await submit(kari, "/offices/9001/unsay", {})
    assert "Brann" not in await text_of(kari, "/offices")
    assert "tok bort hastemeldingen" in await text_of(kari, "/offices/9001")


async def test_the_contact_centre_registers(nks: Client, world: World) -> None:
    """From the office's row, with a wish; the page says the promise; and it sees that request, and no other."""
    await world.caller("+4740009999", office_no="9002")
    form = await text_of(nks, "/requests/new?office=9002")
    assert '<option value="9002" selected>' in form
    response = await submit(nks, "/requests/new", GOOD | {"office_no": "9002", "day_part": "afternoon"})
    assert "onsdag 25. november" in await response.text()
    (mine,) = [r for r in world.store._requests.values() if r.registered_by == "nks"]
    assert (mine.day_part, mine.reason) == (DayPart.AFTERNOON, Reason.DEBT_ADVICE)
    assert mine.next_attempt_at is not None
    assert mine.next_attempt_at.hour == 12  # 13.00 in Oslo
    assert "99 99" not in await text_of(nks, "/requests")
    assert (await submit(nks, "/requests/new", GOOD | {"day_part": "night"})).status == 422


# -- the stream


class Stream:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def event(self) -> tuple[str, Any, str]:
        """(kind, data, id) of the next."""
        found: dict[str, str] = {}
        async with asyncio.timeout(5):
            while line := (await self.response.content.readline()).decode():
                name, _, value = line.strip().partition(": ")
                if name in ("event", "data", "id"):
                    found[name] = value
                if line == "\n" and "event" in found:
                    break
        data = found.get("data", "")
        return found["event"], json.loads(data) if data.startswith("{") else data, found.get("id", "")


@asynccontextmanager
async def stream(client: Client, seen: str = "", last: str = "") -> AsyncIterator[Stream]:
    """`seen`: what the page has; `last`: what the browser says when it comes back by itself."""
    response = await client.get(
        f"/offices/live?seen={seen}", headers={"Last-Event-ID": last} if last else None
    )
    assert response.headers["Content-Type"] == "text/event-stream"
    yield Stream(response)
    response.close()


async def test_the_stream_tells_the_rows_that_change(nks: Client, world: World) -> None:
    """At once, only those, in the words of the page; and whoever comes back is told what they missed."""
    page = await text_of(nks, "/offices")
    version = re.findall(r'data-version="(\w+)"', page)[0]
    async with stream(nks, version) as live:
        assert (await live.event())[:2] == ("beat", "09.05.00")
        await world.desk.confirm_office("9002", "siv")
        kind, told, newer = await live.event()
        assert (kind, list(told["rows"]), told["of"]) == ("rows", ["9002"], 2)
        assert "Bekreftet av Siv i dag" in told["rows"]["9002"]
        assert told["rows"]["9002"].strip().split("\n")[0].strip() in await (await nks.get("/offices")).text()
    for came_back in (stream(nks, newer), stream(nks, version, newer)):
        async with came_back as live:
            assert (await live.event())[0] == "beat"
    async with stream(nks, version) as live:
        kind, told, _ = await live.event()
        assert (kind, list(told["rows"])) == ("rows", ["9001", "9002"])


async def test_the_stream_follows_the_roster(nks: Client, world: World) -> None:
    """A shift, an override, a change, a swap, a file, a feed and a removal: each is seen within a second."""
    desk, now = world.desk, world.clock.now()
    (_, line) = desk.config.lines_of("9001")

    def planned(who: str, days: int, uid: str | None = None) -> Planned:
        begins = now + timedelta(days=days)
        return Planned((who,), begins, begins + timedelta(hours=2), uid)

    async with stream(nks) as live:
        await live.event()

        async def seen(change: Awaitable[Any], *words: str) -> Any:
            made = await change
            async with asyncio.timeout(1):
                kind, told, _ = await live.event()
            row = re.sub(r"<[^>]+>|\s+", " ", told["rows"]["9001"]).partition("ungdom")[2]
            assert (kind, [word for word in words if word not in row]) == ("rows", [])
            return made

        first = await seen(desk.add_shift(line, planned("kari", 0), "liv"), "Kari")
        await seen(desk.change_shift(line, first.id, planned("ola", 0), "liv"), "Ola")
        second = await seen(desk.add_override(line, planned("kari", 0), "liv"), "Kari")
        await seen(desk.remove_shift(line, second.id, "liv"), "Ola")
        later = await desk.add_shift(line, planned("kari", 1), "liv")
        await seen(desk.swap(line, first.id, later.id, "liv"), "Kari")
        await seen(desk.remove_shift(line, first.id, "liv"), "Ingen på vakt")
        for source in (ShiftSource.IMPORT, ShiftSource.FEED):
            await seen(desk.take_calendar(line, [planned("ola", 0, "u1")], source, "liv"), "Ola")
            await seen(desk.take_calendar(line, [], source, "liv"), "Ingen på vakt")


async def test_hours_change_by_themselves(nks: Client, world: World) -> None:
    """Nobody says that an office closes: the clock does."""
    async with stream(nks) as live:
        await live.event()
        world.clock.advance(timedelta(hours=6))
        await world.services.board.read()
        _, told, _ = await live.event()
        assert "åpner i morgen kl. 09.00" in told["rows"]["9001"]


async def test_the_end_of_a_session_ends_its_stream(
    nks: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logged out, or too old: nothing more is told, and the page goes to the login."""
    monkeypatch.setattr(offices, "BEAT", timedelta(milliseconds=50))
    async with stream(nks) as live, another(world, "kari") as kari, stream(kari) as old:
        await live.event()
        await old.event()
        await submit(nks, "/logout", {})
        async with asyncio.timeout(5):
            while (told := await live.event())[0] == "beat":
                pass
        assert told[0] == "gone"
        assert await live.response.content.read() == b""
        world.clock.advance(timedelta(hours=10))
        await world.desk.confirm_office("9001", "kari")
        async with asyncio.timeout(5):
            while (told := await old.event())[0] == "beat":
                pass
        assert told[0] == "gone"
    response = await nks.get("/offices/live", headers={"Accept": "text/event-stream"}, allow_redirects=False)
    assert response.status == 401


async def test_another_set_of_offices_is_another_page(nks: Client, world: World) -> None:
    """A configuration with one office less: the page is fetched anew."""
    async with stream(nks) as live:
        await live.event()
        world.desk.use_config(world.desk.config.model_copy(update={"offices": world.desk.config.offices[:1]}))
        await world.services.board.read()
        assert (await live.event())[0] == "gone"


async def test_the_page_is_one_language(nks: Client) -> None:
    """English words for whoever chose them."""
    assert "Nobody on duty" in await text_of(nks, "/offices?lang=en")
    async with stream(nks) as live:
        _, told, _ = await live.event()
        assert "Must be confirmed" in told["rows"]["9001"]


# -- the API


async def test_the_api(client: Client, world: World) -> None:
    """The same facts: hours, duty, confirmation, message; names and never a person's number."""
    await world.desk.confirm_office("9001", "liv")
    await world.desk.say_of_office("9001", "kari", "Stengt fra kl. 12.00")
    headers = await world.token(Role.CONTACT_CENTRE)
    status, body = await ask(client, "GET", "/offices", headers)
    first = body["offices"][0]
    assert (status, [one["office_no"] for one in body["offices"]]) == (200, ["9001", "9002"])
    assert (first["open"], first["closes_at"], first["opens_at"]) == (True, "2026-11-23T14:00:00Z", None)
    assert (first["confirmed_by"], first["confirmed_at"]) == ("Liv", "2026-11-23T08:05:00Z")
    assert first["message"] == {
        "text": "Stengt fra kl. 12.00", "by": "Kari", "at": "2026-11-23T08:05:00Z", "expires_at": "2026-11-23T23:00:00Z",
    }  # fmt: skip
    line = {
        "line": "vakt", "name": "Vakttelefonen", "group": "everybody", "number": "+4773000011", "key": None,
        "now": ["Kari"], "until": None, "next": [],
    }  # fmt: skip
    assert first["on_call"][0] == line
    assert "+474" not in json.dumps(body)
    _, body = await ask(client, "GET", "/oncall", headers)
    assert body["offices"][0] == {"office_no": "9001", "name": "Lillevik", "on_call": first["on_call"]}
    _, body = await ask(client, "GET", "/oncall/9001", headers)
    assert body["on_call"][0] == line | {"gaps": []}
    gaps = body["on_call"][1]["gaps"]
    assert gaps[0] == {"begins_at": "2026-11-23T08:05:00Z", "ends_at": "2026-11-23T14:00:00Z"}
    assert len(gaps) == 20  # the working days of four weeks; today from now on


async def test_a_token_of_one_office(client: Client, world: World) -> None:
    """It reaches that office only, whatever its role."""
    headers = await world.token(Role.CASEWORKER, "9002")
    _, body = await ask(client, "GET", "/offices", headers)
    assert [one["office_no"] for one in body["offices"]] == ["9002"]
    assert (await refusal(client, "GET", "/oncall/9001", headers))[:2] == (404, "not_found")
    assert (await refusal(client, "GET", "/oncall/9003", await world.token(Role.ADMIN)))[:2] == (
        404,
        "not_found",
    )


async def test_a_wish_in_the_api(client: Client, world: World) -> None:
    """It goes in with the registration."""
    headers = await world.token(Role.CONTACT_CENTRE)
    sent = {"office_no": "9001", "phone": "40001234", "day_part": "midday"}
    status, body = await ask(client, "POST", "/requests", headers, json=sent)
    assert (status, body["day_part"], body["next_attempt_at"]) == (201, "midday", "2026-11-23T10:00:00Z")


async def test_a_number_for_all_offices(client: Client, world: World) -> None:
    """A line without a number of its own: the one for all offices, and what to key; without that, callers only."""
    line = OnCallLine(id="vakt", office_no="9001", people=("kari",))
    of = world.desk.config
    for common, number, key, shown in (
        ("+4773000099", "+4773000099", "9001", "+47 73 00 00 99 tast 9001 Kari"), (None, None, None, "Nås bare fra menyen Kari"),
    ):  # fmt: skip
        oncall = of.settings.oncall.model_copy(update={"number": common})
        settings = of.settings.model_copy(update={"oncall": oncall})
        world.desk.use_config(of.model_copy(update={"lines": (line,), "settings": settings}))
        _, body = await ask(client, "GET", "/oncall/9001", await world.token(Role.ADMIN))
        assert (body["on_call"][0]["number"], body["on_call"][0]["key"]) == (number, key)
        async with another(world, "nks") as nks:
            page = await text_of(nks, "/offices")
            assert shown in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
