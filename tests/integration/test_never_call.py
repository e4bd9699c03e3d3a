"""A number whose person does not want to be called: what staff see and can do, on the pages, in the API and on a call."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from structlog.testing import capture_logs

from callback.desk import Registration
from callback.request import AttemptOutcome, CallbackRequest, NumberSource, Origin, RequestState
from config.model import Role
from tests.web_site import Client, World, ask, login, refusal, submit, text_of

PHONE = "+4740001234"
MUST_NOT, LIVE = (
    "Må ikke ringes",
    "Den som har nummeret, vil ikke bli ringt. Gi forespørselen et annet nummer",
)
WHY = "Hun ringte og ba om det"


@pytest.fixture
async def said_no(world: World) -> CallbackRequest:
    """Given by staff, rung once; whoever answered pressed 9."""
    request = await world.caller(PHONE, origin=Origin.STAFF, registered_by="kari")
    await world.desk.start_attempt(request.id, "kari", "a1")
    await world.desk.never_call_at("a1")
    return await world.desk.end_attempt("a1", AttemptOutcome.DECLINED)


# -- the pages


async def test_the_list_says_so(client: Client, world: World, said_no: CallbackRequest) -> None:
    """Not that it is due: another way is needed. It stands in its place and cannot be rung from there."""
    world.clock.set(said_no.due_at + timedelta(hours=1))
    await login(client, "kari")
    page = await text_of(client, "/requests")
    assert MUST_NOT in page
    assert "Finn en annen vei." in page
    for words in ("Kan ringes nå", "Neste:", "Ring nå", f"/requests/{said_no.id}/ring"):
        assert words not in page


async def test_the_list_refreshes_when_it_is_lifted(
    kari: Client, world: World, said_no: CallbackRequest
) -> None:
    """Also when nothing was written to the request itself."""
    before = await text_of(kari, "/requests/rows")
    await world.store.remove_never_call(await world.desk._subject(PHONE))
    after = await text_of(kari, "/requests/rows")
    assert MUST_NOT not in after
    assert before.partition('data-every="')[0] != after.partition('data-every="')[0]


async def test_its_page_says_what_to_do(kari: Client, world: World, said_no: CallbackRequest) -> None:
    """Another number, another way or a decision; who said so stands in the history. A forged Ring is refused."""
    path = f"/requests/{said_no.id}"
    page = await text_of(kari, path)
    for words in (MUST_NOT, LIVE, "Den som svarte sa at nummeret ikke skal ringes.", "avviste anropet"):
        assert words in page
    for there in ("/number", "/decide", "/withdraw"):
        assert path + there in page
    for not_there in ("/ring", "/lift"):
        assert path + not_there not in page
    refused = unescape(await (await submit(kari, f"{path}/ring", {})).text())
    assert "vil ikke bli ringt. Ingen ble ringt." in refused
    same = await submit(kari, f"{path}/number", {"phone": PHONE})
    assert (same.status, "vil ikke bli ringt" in unescape(await same.text())) == (422, True)
    await submit(kari, f"{path}/number", {"phone": "90001234"})
    page = await text_of(kari, path)
    assert MUST_NOT not in page
    assert f"{path}/ring" in page
    assert (await world.desk.get(said_no.id)).number_source is NumberSource.STAFF


async def test_whose_number_it_is(kari: Client, world: World) -> None:
    """The page says where it is from, and reminds whoever rings to ask first."""
    own = await text_of(kari, f"/requests/{(await world.caller(PHONE)).id}")
    assert "nøytral hilsen" not in own
    given = await world.caller("+4740005678", origin=Origin.STAFF)
    page = await text_of(kari, f"/requests/{given.id}")
    assert "oppgitt av en ansatt" in page
    assert "hører først en nøytral hilsen" in page
    keyed = await world.caller(None)
    await world.desk.set_number(keyed.id, "90001234", "caller", NumberSource.KEYED)
    assert "tastet inn av innringeren" in await text_of(kari, f"/requests/{keyed.id}")


async def test_a_leader_lifts_it(client: Client, world: World, said_no: CallbackRequest) -> None:
    """With a written reason, under their own name; then it can be rung."""
    await login(client, "liv")
    path = f"/requests/{said_no.id}"
    assert f"{path}/lift" in await text_of(client, path)
    refused = await submit(client, f"{path}/lift", {"lift": " "})
    assert refused.status == 422
    assert "Skriv hvorfor nummeret kan ringes igjen." in unescape(await refused.text())
    page = unescape(await (await submit(client, f"{path}/lift", {"lift": WHY})).text())
    for words in ("Nummeret kan ringes igjen.", "Liv lot nummeret ringes igjen.", WHY):
        assert words in page
    assert MUST_NOT not in page
    assert not await world.desk.is_never_called(PHONE)
    assert WHY not in json.dumps([e.details for e in await world.store.ledger(said_no.id)])


@pytest.mark.parametrize(("who", "status"), [("kari", 403), ("nks", 404), ("siv", 404)])
async def test_others_cannot(
    client: Client, world: World, said_no: CallbackRequest, who: str, status: int
) -> None:
    """Caseworkers, the contact centre, other offices: no form, and a forged one is refused."""
    await login(client, who)
    assert (await submit(client, f"/requests/{said_no.id}/lift", {"lift": WHY})).status == status
    assert await world.desk.is_never_called(PHONE)


async def test_refusals_of_the_day(kari: Client, world: World, said_no: CallbackRequest) -> None:
    """A small table of kinds and counts on the status page, in both languages, and in the API."""
    assert "Ingen er avvist i dag." in await text_of(kari, "/status")
    for _ in range(2):
        await submit(kari, f"/requests/{said_no.id}/ring", {})
    await world.desk.register(Registration("9002", "+4790001234", by="key", caller="+4790001234"))
    await submit(
        kari, "/requests/new", {"office_no": "9001", "phone": "112", "reason": "advice", "language": "nb"}
    )
    page = await text_of(kari, "/status")
    assert "Avslag i dag" in page
    rows = page.partition('id="refusals"')[2].partition("</table>")[0].partition("<tbody>")[2]
    assert re.findall(r">([^<>]+)</t[hd]>", rows) == [
        "Den som har nummeret, vil ikke bli ringt", "2", "Nødnummer", "1",
    ]  # fmt: skip
    assert "Emergency number" in await text_of(kari, "/status?lang=en")
    _, body = await ask(kari, "GET", "/status", await world.token(Role.CASEWORKER, "9001"))
    assert body["refusals"] == [
        {"kind": "asked_not_to_be_called", "count": 2},
        {"kind": "emergency", "count": 1},
    ]


# -- the API


async def test_the_api_says_so(client: Client, world: World, said_no: CallbackRequest) -> None:
    """In the list and for one: no next attempt, and ringing is refused."""
    token = await world.token(Role.CASEWORKER, "9001", "Kari")
    _, one = await ask(client, "GET", f"/requests/{said_no.id}", token)
    assert (one["asked_not_to_be_called"], one["next_attempt_at"], one["number_source"]) == (
        True,
        None,
        "staff",
    )
    _, listed = await ask(client, "GET", "/requests", token)
    assert listed["requests"] == [one]
    assert (await refusal(client, "POST", f"/requests/{said_no.id}/call", token))[:2] == (
        409, "asked_not_to_be_called",
    )  # fmt: skip


async def test_lifting_in_the_api(client: Client, world: World, said_no: CallbackRequest) -> None:
    """A leader of the office, with a reason; the request can be rung at once. The reason is kept and not answered."""
    leader = await world.token(Role.LEADER, "9001")
    path, body = f"/requests/{said_no.id}/lift", {"why": WHY}
    for bad in ({}, {"why": " "}, {"why": WHY, "who": "x"}):
        assert (await refusal(client, "POST", path, leader, json=bad))[:2] == (422, "invalid")
    for role, office, refused in (
        (Role.CASEWORKER, "9001", (403, "not_leader")),
        (Role.CONTACT_CENTRE, None, (404, "request_not_found")),
        (Role.LEADER, "9002", (404, "request_not_found")),
    ):
        token = await world.token(role, office)
        assert (await refusal(client, "POST", path, token, json=body))[:2] == refused
    with capture_logs() as logs:
        status, answer = await ask(client, "POST", path, leader, json=body)
    assert (status, answer["asked_not_to_be_called"]) == (200, False)
    assert answer["next_attempt_at"] == "2026-11-23T08:05:00Z"
    assert WHY not in json.dumps(answer)
    assert PHONE not in str(logs)
    assert WHY not in str(logs)
    assert (await world.desk.get(said_no.id)).note == WHY
    assert (await ask(client, "POST", path, await world.token(Role.ADMIN), json=body))[1] == answer
    await world.desk.withdraw(said_no.id, "caller")
    assert (await refusal(client, "POST", path, leader, json=body))[:2] == (409, "not_possible_now")


async def test_the_contact_centre_may_see_it_and_not_lift_it(client: Client, world: World) -> None:
    """Of its own requests."""
    nks = await world.token(Role.CONTACT_CENTRE, name="nks")
    _, made = await ask(client, "POST", "/requests", nks, json={"office_no": "9001", "phone": PHONE})
    await world.desk.never_call(PHONE, "kari")
    _, seen = await ask(client, "GET", f"/requests/{made['id']}", nks)
    assert seen["asked_not_to_be_called"]
    refused = await refusal(client, "POST", f"/requests/{made['id']}/lift", nks, json={"why": WHY})
    assert refused[:2] == (403, "read_only")
    assert (await world.desk.get(made["id"])).state is RequestState.WAITING
