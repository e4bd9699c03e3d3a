"""The JSON API: shapes, permissions, refusals, and that nothing personal gets into a log line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from callback.request import AttemptOutcome, DayPart, Reason
from config.model import Role
from tests.web_site import BASE, FIELDS, NOTE, Client, World, ask, refusal

PHONE = "+4740001234"


@pytest.fixture
async def kari(world: World) -> dict[str, str]:
    return await world.token(Role.CASEWORKER, "9001", "Kari")


# -- reading


async def test_a_request_carries_what_was_promised(
    client: Client, world: World, kari: dict[str, str]
) -> None:
    """Field names of the contract, times in UTC with Z, attempts with their outcome."""
    request = await world.missed(await world.caller(), AttemptOutcome.BUSY)
    status, body = await ask(client, "GET", f"/requests/{request.id}", kari)
    assert status == 200
    assert set(body) == FIELDS
    assert body["registered_at"] == "2026-11-23T08:05:00Z"
    assert body["due_at"] == "2026-11-25T08:05:00Z"
    assert body["answer_by_date"] == "2026-11-25"
    assert body["next_attempt_at"] == "2026-11-23T08:12:00Z"
    assert (body["phone"], body["state"], body["urgency"]) == (PHONE, "unreachable", "ordinary")
    assert (body["reason"], body["language"], body["origin"]) == ("unspecified", "nb", "phone")
    assert body["attempt_count"] == 1
    (attempt,) = body["attempts"]
    assert {
        "started_at",
        "ended_at",
        "outcome",
        "cause",
        "caseworker",
        "id",
        "connected_at",
        "result",
    } == set(attempt)
    assert (attempt["outcome"], attempt["caseworker"]) == ("busy", "kari")


async def test_wishes_come_out(client: Client, world: World, kari: dict[str, str]) -> None:
    """The part of the day, silence, and until when a borrowed number can be rung."""
    request = await world.caller()
    _, plain = await ask(client, "GET", f"/requests/{request.id}", kari)
    assert (plain["day_part"], plain["discreet"], plain["reachable_until"]) == (None, False, None)
    await world.desk.set_day_part(request.id, DayPart.MIDDAY, "caller")
    await world.desk.set_discreet(request.id, True, "caller")
    await world.desk.set_reachable_until(request.id, world.clock.now() + timedelta(hours=5), "caller")
    _, wished = await ask(client, "GET", f"/requests/{request.id}", kari)
    assert (wished["day_part"], wished["discreet"]) == ("midday", True)
    assert (wished["reachable_until"], wished["next_attempt_at"]) == (
        "2026-11-23T13:05:00Z",
        "2026-11-23T10:00:00Z",
    )


async def test_a_note_never_comes_out(client: Client, world: World, kari: dict[str, str]) -> None:
    """What staff wrote stays on the pages."""
    await world.caller(note=NOTE)
    response = await client.get(f"{BASE}/requests", headers=kari)
    assert NOTE not in await response.text()


@pytest.mark.parametrize("phone", ["%2B4740001234", "+4740001234", "40001234", "40 00 12 34", "004740001234"])
async def test_a_number_is_found_however_it_is_written(
    client: Client, world: World, kari: dict[str, str], phone: str
) -> None:
    """A plus that was not encoded arrives as a space; eight digits are enough."""
    wanted = await world.caller()
    await world.hungry()
    response = await client.get(f"{BASE}/requests?phone={phone}", headers=kari)
    body = await response.json()
    assert [r["id"] for r in body["requests"]] == [wanted.id]
    assert (body["total"], body["truncated"]) == (1, False)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "wcu-"),
        ("state=open", "wcu"),
        ("state=waiting", "w"),
        ("state=waiting&state=calling", "wc"),
        ("state=waiting,calling", "wc"),
        ("state=reached", ""),
        ("state=withdrawn", "-"),
        ("state=open,withdrawn", "wcu-"),
        ("office=9001", "wcu-"),
        ("office_no=9001", "wcu-"),
        ("office=9001&office_no=9001", "wcu-"),
        ("limit=2", "2"),
    ],
)
async def test_the_filters(
    client: Client, world: World, kari: dict[str, str], query: str, found: str
) -> None:
    """States may be repeated, comma separated, or `open`; both names of the office work."""
    ids = {(await world.caller("+4740000001")).id: "w"}
    calling = await world.caller("+4740000002")
    await world.desk.start_attempt(calling.id, "ola", "a1")
    missed = await world.missed(await world.caller("+4740000003"), AttemptOutcome.NO_ANSWER)
    gone = await world.desk.withdraw((await world.caller("+4740000004")).id, "kari")
    ids |= {calling.id: "c", missed.id: "u", gone.id: "-"}
    await world.caller("+4740000005", office_no="9002")
    status, body = await ask(client, "GET", f"/requests?{query}", kari)
    assert status == 200
    if found == "2":
        assert (body["total"], body["truncated"]) == (2, True)
    else:
        assert {ids[r["id"]] for r in body["requests"]} == set(found)
        assert body["total"] == len(found)


async def test_the_list_is_in_the_order_to_ring(client: Client, world: World, kari: dict[str, str]) -> None:
    """Urgent first, then by the last workable moment."""
    first = await world.caller("+4740000001")
    world.clock.advance(timedelta(minutes=5))
    second = await world.caller("+4740000002")
    urgent = await world.hungry()
    _, body = await ask(client, "GET", "/requests", kari)
    assert [r["id"] for r in body["requests"]] == [urgent.id, first.id, second.id]


@pytest.mark.parametrize(
    ("query", "status", "error_id"),
    [
        ("phone=911", 422, "number_refused"),
        ("phone=82012345", 422, "number_refused"),
        ("phone=abc", 422, "number_refused"),
        ("state=asleep", 422, "invalid"),
        ("name=Kari", 422, "invalid"),
        ("limit=0", 422, "invalid"),
        ("limit=x", 422, "invalid"),
        ("office=9001&office_no=9002", 422, "invalid"),
        ("office=9002", 403, "other_office"),
        ("office=1234", 403, "other_office"),
    ],
)
async def test_a_bad_query_is_refused(
    client: Client, kari: dict[str, str], query: str, status: int, error_id: str
) -> None:
    """Unknown keys and values are errors, and another office's list is closed."""
    assert (await refusal(client, "GET", f"/requests?{query}", kari))[:2] == (status, error_id)


async def test_an_unknown_office_is_told_to_those_who_may_look(client: Client, world: World) -> None:
    """An administrator sees every office, and no empty list for one that is not."""
    admin = await world.token(Role.ADMIN)
    assert (await refusal(client, "GET", "/requests?office=1234", admin))[:2] == (422, "unknown_office")
    await world.caller(office_no="9002")
    _, body = await ask(client, "GET", "/requests?office=9002", admin)
    assert body["total"] == 1


# -- who may


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer t1_wrong", "Basic a2FyaTp4", "Bearer \u00e6"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/requests"), ("GET", "/requests/x"), ("POST", "/requests"), ("POST", "/requests/x/call"),
        ("POST", "/requests/x/result"), ("GET", "/status"), ("GET", "/nowhere"),
    ],
)  # fmt: skip
async def test_no_token_no_entry(client: Client, header: str | None, method: str, path: str) -> None:
    """Every route answers 401 without a token in use."""
    headers = {} if header is None else {"Authorization": header}
    response = await client.request(method, BASE + path, headers=headers, json={})
    assert response.status == 401
    assert (await response.json())["error_id"] == "not_authenticated"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_login_cookie_is_no_token(client: Client, world: World) -> None:
    """Another site's page can make a browser send a cookie, so the API takes none."""
    entered = await world.access.login("kari", "correct horse battery")
    assert entered is not None
    response = await client.get(f"{BASE}/requests", cookies={"tast1_session": entered[0]})
    assert response.status == 401


async def test_a_revoked_token_is_out_at_once(client: Client, world: World, kari: dict[str, str]) -> None:
    """From the very next call."""
    await world.access.revoke("Kari")
    assert (await refusal(client, "GET", "/requests", kari))[0] == 401


@pytest.mark.parametrize(
    ("role", "office", "sees", "acts"),
    [
        (Role.CASEWORKER, "9001", True, True),
        (Role.LEADER, "9001", True, True),
        (Role.ADMIN, None, True, True),
        (Role.CASEWORKER, "9002", False, False),
        (Role.LEADER, "9002", False, False),
        (Role.CONTACT_CENTRE, None, False, False),
        (Role.CONTACT_CENTRE, "9001", False, False),
    ],
)
async def test_the_permissions(
    client: Client, world: World, role: Role, office: str | None, sees: bool, acts: bool
) -> None:
    """A request one may not see is as unknown as one that is not there, whatever one tries."""
    request = await world.talked(await world.caller(note=NOTE))
    token = await world.token(role, office)
    _, listed = await ask(client, "GET", "/requests", token)
    assert listed["total"] == int(sees)
    hidden: tuple[int, str, dict[str, str]] = (404, "request_not_found", {})
    for method, path, body in (
        ("GET", "", None), ("POST", "/call", {"caseworker": "kari"}), ("POST", "/result", {"result": "reached"}),
    ):  # fmt: skip
        if sees:
            response = await client.request(
                method, f"{BASE}/requests/{request.id}{path}", headers=token, json=body
            )
            assert response.status == (200 if method == "GET" or path == "/result" else 202)
            if path == "/call":
                await world.desk.end_attempt(
                    (await world.desk.get(request.id)).attempts[-1].id, AttemptOutcome.ANSWERED
                )
        else:
            assert await refusal(client, method, f"/requests/{request.id}{path}", token, json=body) == hidden
            assert await refusal(client, method, f"/requests/nothing{path}", token, json=body) == hidden


async def test_the_contact_centre_sees_the_state_of_its_own(client: Client, world: World) -> None:
    """What it registered, with its state; no attempts, no acting (Nav-loven § 16)."""
    nks = await world.token(Role.CONTACT_CENTRE)
    await world.hungry()
    status, mine = await ask(
        client,
        "POST",
        "/requests",
        nks,
        json={"office_no": "9002", "phone": "40001234", "reason": "no_food", "note": NOTE},
    )
    assert (status, mine["origin"], mine["urgency"]) == (201, "contact_centre", "urgent")
    await world.missed(await world.desk.get(mine["id"]), AttemptOutcome.BUSY, "siv")
    _, listed = await ask(client, "GET", "/requests", nks)
    assert [r["id"] for r in listed["requests"]] == [mine["id"]]
    assert (listed["requests"][0]["state"], listed["requests"][0]["attempts"]) == ("unreachable", [])
    assert listed["requests"][0]["attempt_count"] == 1
    for path, body in (("call", {}), ("result", {"result": "reached"})):
        refused = await refusal(client, "POST", f"/requests/{mine['id']}/{path}", nks, json=body)
        assert refused[:2] == (403, "read_only")


async def test_the_contact_centre_learns_no_more_than_the_promise_of_anothers(
    client: Client, world: World
) -> None:
    """The number stands on the list already: the adviser can repeat the promise, and sees nothing else."""
    other = await world.caller(reason=Reason.DEBT_ADVICE)
    nks = await world.token(Role.CONTACT_CENTRE)
    refused = await refusal(client, "POST", "/requests", nks, json={"office_no": "9001", "phone": PHONE})
    assert refused == (409, "already_on_list", {"office_no": "9001", "answer_by_date": "2026-11-25"})
    assert (await refusal(client, "GET", f"/requests/{other.id}", nks))[0] == 404
