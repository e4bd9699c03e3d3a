"""A running service takes a changed configuration into use: by the command, the API and the button."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from callback.cli import DEMO_CONFIG, main
from callback.desk import Registration
from callback.service import Running, running
from config.load import load
from config.model import Role, Secrets
from hardware.simulated.line import SimulatedLine
from scheduler.clock import ManualClock
from tests.e2e.waiting import until_answered
from tests.offices import CALLER, MONDAY
from tests.speech import keep_speech

pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")

PASSWORD = "correct horse battery"
SHORTER = ('mon = "09:00-15:00"', 'mon = "09:00-10:00"')
BAD = ('urgent_limit = "2h"', 'urgent_limit = "2 hours"')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "config"
    shutil.copytree(DEMO_CONFIG, copy)
    return copy


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as entries:
        yield entries


@pytest.fixture
async def service(folder: Path, tmp_path: Path, logs: list[Any]) -> AsyncIterator[Running]:
    """The demo, on a Monday morning at 09:05 that does not pass by itself."""
    reread = partial(load, folder, {}, port=0)
    secrets = Secrets(demo_password=PASSWORD)
    clock = ManualClock(MONDAY)
    keep_speech(tmp_path / "data")
    async with running(reread(), secrets, tmp_path / "data", clock=clock, reread=reread) as up:
        yield up


def edit(folder: Path, file: str, *changes: tuple[str, str]) -> None:
    path = folder / file
    text = path.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, "utf-8")


def remove_storvik(folder: Path) -> None:
    offices, staff = folder / "offices.toml", folder / "staff.toml"
    left = offices.read_text("utf-8").rpartition("[[office]]")[0]
    offices.write_text(left.replace('substitute_office = "9002"\n', ""), "utf-8")
    people = staff.read_text("utf-8").split("[[person]]")
    staff.write_text("[[person]]".join(p for p in people if '"9002"' not in p), "utf-8")


async def post(
    service: Running, role: Role = Role.ADMIN, office_no: str | None = None
) -> tuple[int, dict[str, Any]]:
    token = await service.services.access.create_token(f"{role}-{office_no}", role, office_no)
    try:
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers) as client:
            answer = await client.post(f"{service.url}/api/v1/reload")
            return answer.status, await answer.json()
    finally:
        await service.services.access.revoke(f"{role}-{office_no}")


async def page(client: aiohttp.ClientSession, url: str) -> str:
    async with client.get(url) as answer:
        return await answer.text()


async def login(client: aiohttp.ClientSession, service: Running, person: str) -> None:
    form = {"person": person, "password": PASSWORD, "csrf": await csrf(client, f"{service.url}/login")}
    async with client.post(f"{service.url}/login", data=form) as answer:
        assert answer.url.path == "/requests"


async def csrf(client: aiohttp.ClientSession, url: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', await page(client, url))
    assert found
    return found[1]


def browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def test_an_offices_own_prompts(service: Running, folder: Path) -> None:
    """They can be heard from the reload on; other words are another sound, and a refused reload changes none."""
    url = f"{service.url}/prompts/nb/office.housing.wav"
    async with aiohttp.ClientSession() as client:

        async def heard() -> tuple[int, bytes]:
            async with client.get(url) as answer:
                return answer.status, await answer.read()

        assert (await heard())[0] == 404
        (folder / "prompts.toml").write_text('[nb]\nhousing = "For midlertidig bolig, tast 4."\n', "utf-8")
        status, made = await post(service)
        assert (status, made["changed"]) == (200, ["prompts.toml: nb office.housing"])
        status, first = await heard()
        assert status == 200
        edit(folder, "prompts.toml", ("midlertidig bolig", "bolig"))
        await post(service)
        _, second = await heard()
        assert len(second) < len(first)
        edit(folder, "prompts.toml", ("housing", "Housing"))
        assert (await post(service))[0] == 422
        assert (await heard())[1] == second


async def test_own_prompts_from_the_start(folder: Path, tmp_path: Path, logs: list[Any]) -> None:
    """A service that starts with them has them."""
    (folder / "prompts.toml").write_text('[nb]\nhousing = "For midlertidig bolig, tast 4."\n', "utf-8")
    keep_speech(tmp_path / "data")
    async with running(load(folder, {}, port=0), Secrets(), tmp_path / "data") as up:
        assert "nb/office.housing" in up.services.library.catalogue.all_items("nb")


async def test_new_hours_for_new_promises_only(service: Running, folder: Path, logs: list[Any]) -> None:
    """The next registration is promised by the new hours; who was on the list keeps what they were promised."""
    before, _ = await service.desk.register(Registration("9002", CALLER))
    edit(
        folder,
        "offices.toml",
        ('deadline_policy = "working_days_2"', 'deadline_policy = "hours_48"'),
        SHORTER,
    )
    assert await post(service) == (
        200,
        {
            "changed": [
                "offices.toml: office 9001 phone_hours",
                "offices.toml: office 9002 deadline_policy",
            ],
            "needs_restart": [],
            "needs_exchange": [],
            "warnings": [],
        },
    )
    after, _ = await service.desk.register(Registration("9002", "+4740005678"))
    assert after.due_at == MONDAY + timedelta(hours=48)
    kept = await service.desk.get(before.id)
    assert (kept.due_at, kept.answer_by_date, kept.last_workable_at) == (
        before.due_at,
        before.answer_by_date,
        before.last_workable_at,
    )
    assert kept.due_at != after.due_at
    assert service.desk.calendar("9001").closes_at(MONDAY) == MONDAY.replace(hour=9, minute=0)
    (told,) = [entry for entry in logs if entry["event"] == "configuration_reloaded"]
    assert (told["changed"], told["needs_restart"]) == (2, 0)


async def test_an_error_keeps_the_old_one(service: Running, folder: Path, logs: list[Any]) -> None:
    """Every error is told with file and key, and nothing changes, not even what is sound."""
    old = service.desk.config
    edit(folder, "offices.toml", SHORTER, BAD)
    edit(folder, "staff.toml", ('id = "ola"', 'id = "kari"'))
    status, body = await post(service)
    assert (status, body["error_id"]) == (422, "bad_configuration")
    assert [(e["file"], e["key"]) for e in body["details"]["errors"]] == [
        ("offices.toml", "office[1].urgent_limit"),
        ("staff.toml", "person[2].id"),
    ]
    assert service.desk.config is old
    (told,) = [entry for entry in logs if entry["event"] == "configuration_refused"]
    assert told["problems"] == 2


@pytest.mark.parametrize(
    ("role", "office_no"),
    [
        (Role.CASEWORKER, "9001"),
        (Role.LEADER, "9001"),
        (Role.CONTACT_CENTRE, None),
        (Role.ADMIN, "9001"),
    ],
)
async def test_for_administrators_only(
    service: Running, folder: Path, role: Role, office_no: str | None
) -> None:
    """Nobody else, and no administrator of one office: 403, and nothing is read."""
    edit(folder, "offices.toml", SHORTER)
    old = service.desk.config
    status, body = await post(service, role, office_no)
    assert (status, body["error_id"]) == (403, "not_admin")
    assert service.desk.config is old


async def test_the_rest_is_applied_when_something_needs_a_restart(service: Running, folder: Path) -> None:
    """Named every time until the restart."""
    edit(folder, "tast1.toml", ("session_hours = 10", "session_hours = 1"), ('busy = "7m"', 'busy = "9m"'))
    _, body = await post(service)
    assert (body["changed"], body["needs_restart"]) == (
        ["tast1.toml: retry.busy"],
        ["tast1.toml: service.session_hours"],
    )
    assert service.desk.config.settings.service.session_hours == 10
    assert service.desk.config.settings.retry.busy == timedelta(minutes=9)
    _, body = await post(service)
    assert (body["changed"], body["needs_restart"]) == ([], ["tast1.toml: service.session_hours"])


async def test_who_left_is_out_at_once(service: Running, folder: Path) -> None:
    """The session of a person who was taken out of staff.toml ends with the next click; others go on."""
    async with browser() as ola, browser() as sami:
        await login(ola, service, "ola")
        await login(sami, service, "sami")
        edit(folder, "staff.toml", ('id = "ola"', 'id = "olav"'))
        _, body = await post(service)
        assert body["changed"] == ["staff.toml: person ola removed", "staff.toml: person olav added"]
        async with ola.get(f"{service.url}/requests") as answer:
            assert answer.url.path == "/login"
        async with sami.get(f"{service.url}/requests") as answer:
            assert answer.url.path == "/requests"


async def test_an_office_with_open_requests_stays(service: Running, folder: Path) -> None:
    """Nobody may be lost: refused until its list is empty, then it goes."""
    waiting, _ = await service.desk.register(Registration("9002", CALLER))
    remove_storvik(folder)
    status, body = await post(service)
    assert (status, body["error_id"]) == (422, "bad_configuration")
    (error,) = body["details"]["errors"]
    assert (error["file"], error["key"]) == ("offices.toml", "office 9002")
    assert "open requests (1)" in error["message"]
    assert service.desk.config.office("9002") is not None
    await service.desk.withdraw(waiting.id, "maren")
    status, body = await post(service)
    assert (status, "offices.toml: office 9002 removed" in body["changed"]) == (200, True)
    assert service.desk.config.office("9002") is None


async def test_a_call_goes_on_as_it_began(service: Running, folder: Path) -> None:
    """No office can go while someone is in a menu; other changes can come, and the caller is registered."""
    line = service.line
    assert isinstance(line, SimulatedLine)
    async with contextlib.aclosing(line.plug_in(CALLER)) as phone, asyncio.timeout(10):
        listening = asyncio.ensure_future(anext(phone))
        await asyncio.sleep(0)
        line.dial(CALLER, "+4773000020")
        while (await listening)["type"] != "prompt":
            listening = asyncio.ensure_future(anext(phone))
        edit(folder, "tast1.toml", ('menu_wait = "5s"', 'menu_wait = "6s"'))
        assert (await post(service))[0] == 200
        remove_storvik(folder)
        status, body = await post(service)
        assert (status, "calls are up (1)" in body["details"]["errors"][0]["message"]) == (422, True)
        line.press(CALLER, "1")
        await until_answered(lambda: service.store.count_open("9002"))


async def test_the_button(service: Running, folder: Path) -> None:
    """For administrators: it says what changed or what is wrong; others have none, and its address is nothing."""
    async with browser() as admin, browser() as kari:
        await login(admin, service, "admin")
        await login(kari, service, "kari")
        status = f"{service.url}/status"
        assert "Les inn konfigurasjonen på nytt" not in await page(kari, status)
        form = {"csrf": await csrf(kari, status)}
        async with kari.post(f"{status}/reload", data=form) as answer:
            assert answer.status == 404
        async with admin.post(f"{status}/reload", data={}) as answer:
            assert answer.status == 403
        form = {"csrf": await csrf(admin, status)}
        assert "Les inn konfigurasjonen på nytt" in await page(admin, status)
        edit(folder, "offices.toml", SHORTER)
        async with admin.post(f"{status}/reload", data=form) as answer:
            told = await answer.text()
        assert "Konfigurasjonen er lest inn." in told
        assert "offices.toml: office 9001 phone_hours" in told
        assert "til kl. 10.00" in told
        assert "noen bør se på dette" not in told
        edit(folder, "offices.toml", ('["nb", "en"]', '["nb", "en", "uk"]'))
        async with admin.post(f"{status}/reload", data=form) as answer:
            told = await answer.text()
        assert "I bruk, men noen bør se på dette:" in told
        assert "are not reviewed by a native speaker yet" in told
        edit(folder, "offices.toml", BAD)
        async with admin.post(f"{status}/reload", data=form) as answer:
            told = await answer.text()
        assert "Konfigurasjonen har feil, og ingenting er endret." in told
        assert "office[1].urgent_limit" in told
        assert "urgent_limit" not in await page(kari, status)
        async with admin.get(f"{status}/reload") as answer:
            assert answer.url.path == "/status"


async def test_the_command(
    service: Running, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What changed and exit code 0; every error and 1; and what to do without a token or a service."""
    command = ["reload", "--url", service.url]
    monkeypatch.delenv("TAST1_TOKEN", raising=False)
    assert await asyncio.to_thread(main, command) == 1
    assert "TAST1_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("TAST1_TOKEN", await service.services.access.create_token("it", Role.ADMIN, None))
    assert await asyncio.to_thread(main, command) == 0
    assert capsys.readouterr().out == "Nothing had changed.\n"
    edit(folder, "offices.toml", SHORTER)
    edit(folder, "tast1.toml", ('log_level = "info"', 'log_level = "debug"'))
    assert await asyncio.to_thread(main, command) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Changed:",
        "  offices.toml: office 9001 phone_hours",
        "Needs a restart, and is not in force yet:",
        "  tast1.toml: service.log_level",
    ]
    edit(folder, "offices.toml", ('["nb", "en"]', '["nb", "en", "uk"]'))
    assert await asyncio.to_thread(main, command) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Changed:",
        "  offices.toml: office 9001 languages",
        "Needs a restart, and is not in force yet:",
        "  tast1.toml: service.log_level",
        "Warnings:",
        "  offices.toml: office[1].languages: the prompts in 'uk' are not reviewed by a native speaker yet (office 9001)",
    ]
    edit(folder, "offices.toml", BAD)
    assert await asyncio.to_thread(main, command) == 1
    said = capsys.readouterr().err
    assert "the one in force stays" in said
    assert "  offices.toml: office[1].urgent_limit: " in said
    monkeypatch.setenv("TAST1_TOKEN", "t1_wrong")
    assert await asyncio.to_thread(main, command) == 1
    refused = capsys.readouterr().err
    assert "the service does not know this token; make one with the service's own --data" in refused
    assert "t1_wrong" not in refused
    assert await asyncio.to_thread(main, ["reload", "--url", "http://127.0.0.1:9"]) == 1
    assert "no service answers" in capsys.readouterr().err
    assert await asyncio.to_thread(main, ["reload", "--url", "127.0.0.1:8600"]) == 1


async def test_a_changed_menu(service: Running, folder: Path) -> None:
    """The next call meets the new menu; one with an error is refused, and the old one stays; the picture follows."""
    menu = service.config.menu_of(service.config.offices[0])
    edit(folder, "menu.toml", ('3 = "status" }', '3 = "status", 4 = "person" }'))
    status, answer = await post(service)
    assert (status, answer["changed"]) == (200, ["menu.toml: greeting"])
    office = service.services.config.offices[0]
    assert service.services.config.menu_of(office) != menu
    changed = service.services.config.menu_of(office)
    edit(folder, "menu.toml", ('4 = "person"', '4 = "nobody"'))
    status, answer = await post(service)
    assert status == 422
    assert "menu.toml" in str(answer)
    assert "there is no node" in str(answer)
    assert service.services.config.menu_of(office) == changed
    async with browser() as client:
        assert "<svg" not in await page(client, f"{service.url}/menus/9001.svg"), (
            "for people who are logged in"
        )
        await login(client, service, "admin")
        assert "/menus/9001.svg" in await page(client, f"{service.url}/status")
        picture = await page(client, f"{service.url}/menus/9001.svg")
        assert picture.startswith("<svg")
        assert "greeting" in picture
        async with client.get(f"{service.url}/menus/9999.svg") as missing:
            assert missing.status == 404
