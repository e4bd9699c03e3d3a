"""What the pages show of a person who waits on the line."""

from __future__ import annotations

import re
from datetime import timedelta

from callback.request import RequestState
from config.model import Role
from tests.web_site import Client, World, ask, submit, text_of


async def test_on_the_list_and_on_the_page(kari: Client, world: World) -> None:
    """The row and the page say that they wait on the line, and the button connects instead of ringing; nobody else's."""
    waits = await world.caller()
    world.clock.advance(timedelta(seconds=1))
    other = await world.caller("+4740005678")
    before = await text_of(kari, "/requests/rows")
    assert "Venter på linjen" not in before
    world.waiting.add(waits.id)
    rows = await text_of(kari, "/requests/rows")
    assert rows.count("Venter på linjen") == 1
    assert re.findall(r'<button id="ring-(\w+)" class="primary">(\w+(?: over)?)', rows) == [
        (waits.id, "Sett over"),
        (other.id, "Ring"),
    ]
    versions = [re.findall(r'data-version="([^"]+)"', page) for page in (before, rows)]
    assert versions[0] != versions[1], "the list refreshes itself at once"
    page = await text_of(kari, f"/requests/{waits.id}/live")
    for words in ("Innringeren venter på linjen nå.", "Sett over til meg", "så snakker dere sammen"):
        assert words in page, words
    assert "Ring innringeren" not in page
    world.waiting.clear()
    assert "Ring innringeren" in await text_of(kari, f"/requests/{waits.id}/live")


async def test_taken(kari: Client, world: World) -> None:
    """Whoever has taken them reads that their own telephone rings in a moment; a colleague, who it is."""
    mine, hers = await world.caller(), await world.caller("+4740005678")
    await world.desk.claim(mine.id, "kari")
    await world.desk.claim(hers.id, "ola")
    world.waiting |= {mine.id, hers.id}
    assert "Telefonen din ringer om noen sekunder." in await text_of(kari, f"/requests/{mine.id}/live")
    page = await text_of(kari, f"/requests/{hers.id}/live")
    assert "Ola har tatt samtalen." in page
    assert "Sett over" not in page


async def test_without_a_number(kari: Client, world: World) -> None:
    """Somebody who cannot be rung, but is on the line, can be connected; on the number that is never rung too."""
    nameless, never = await world.caller(None), await world.caller("+4740005678")
    await world.desk.never_call("+4740005678", "callee")
    for request in (nameless, never):
        assert f"/requests/{request.id}/ring" not in await text_of(kari, "/requests/rows")
        world.waiting.add(request.id)
        assert f"/requests/{request.id}/ring" in await text_of(kari, "/requests/rows")


async def test_sett_over(kari: Client, world: World) -> None:
    """The button takes the request; the answer says that the telephone is about to ring."""
    request = await world.caller()
    world.waiting.add(request.id)
    response = await submit(kari, f"/requests/{request.id}/ring", {})
    assert response.status == 200
    assert (await world.desk.get(request.id)).state is RequestState.CLAIMED
    assert "Telefonen din ringer om noen sekunder." in await response.text()


async def test_the_timeline(kari: Client, world: World) -> None:
    """It says that they waited, and whose telephone was rung."""
    request = await world.caller()
    await world.desk.start_return(request.id, "ola", "w1", waits=True)
    page = await text_of(kari, f"/requests/{request.id}")
    assert "Innringeren ventet på linjen, og telefonen til Ola ble ringt." in page
    assert "ringte tilbake" not in page


async def test_the_api_says_so(client: Client, world: World) -> None:
    """A program sees who waits on the line, and who does not."""
    waiting, other = await world.caller(), await world.caller("+4740005678")
    world.waiting.add(waiting.id)
    token = await world.token(Role.CASEWORKER, "9001")
    _, told = await ask(client, "GET", "/requests", token)
    assert {one["id"]: one["waits"] for one in told["requests"]} == {waiting.id: True, other.id: False}
