"""The JSON API where it changes something: registering, ringing, results; and each refusal."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from callback.request import AttemptOutcome, Origin, Urgency
from config.model import Role
from tests.web_site import FIELDS, NOTE, Client, World, ask, refusal

PHONE = "+4740001234"


@pytest.fixture
async def kari(world: World) -> dict[str, str]:
    return await world.token(Role.CASEWORKER, "9001", "Kari")


# -- registering


async def test_registering_twice_is_one_request(client: Client, world: World, kari: dict[str, str]) -> None:
    """201 for a new request, 200 for the open one; the clock is the first's."""
    body = {
        "office_no": "9001",
        "phone": "40 00 12 34",
        "reason": "debt_advice",
        "language": "uk",
        "note": NOTE,
    }
    status, first = await ask(client, "POST", "/requests", kari, json=body)
    assert status == 201
    assert set(first) == FIELDS
    assert (first["phone"], first["language"], first["origin"], first["state"]) == (
        PHONE,
        "uk",
        "api",
        "waiting",
    )
    world.clock.advance(timedelta(hours=1))
    status, again = await ask(client, "POST", "/requests", kari, json=body)
    assert status == 200
    assert again == first
    kept = await world.desk.get(first["id"])
    assert (kept.note, kept.registered_by, kept.origin) == (NOTE, "token:Kari", Origin.API)


async def test_urgency_follows_the_reason_unless_told(client: Client, kari: dict[str, str]) -> None:
    """The four urgent reasons are urgent; another may be made so."""
    one = {"office_no": "9001", "phone": "40000001", "reason": "no_shelter"}
    two = {"office_no": "9001", "phone": "40000002", "reason": "advice", "urgency": Urgency.URGENT}
    for body in (one, two):
        _, saved = await ask(client, "POST", "/requests", kari, json=body)
        assert saved["urgency"] == "urgent"


GOOD = {"office_no": "9001", "phone": "40001234"}


@pytest.mark.parametrize(
    ("body", "status", "error_id"),
    [
        (GOOD | {"phone": "112"}, 422, "number_refused"),
        (GOOD | {"phone": "82912345"}, 422, "number_refused"),
        (GOOD | {"phone": ""}, 422, "invalid"),
        (GOOD | {"phone": None}, 422, "invalid"),
        (GOOD | {"office_no": "1234"}, 422, "unknown_office"),
        (GOOD | {"office_no": "9002"}, 403, "other_office"),
        (GOOD | {"name": "Per"}, 422, "invalid"),
        (GOOD | {"reason": "hunger"}, 422, "invalid"),
        (GOOD | {"urgency": "very"}, 422, "invalid"),
        (GOOD | {"language": "norsk"}, 422, "invalid"),
        (GOOD | {"note": "x" * 2001}, 422, "invalid"),
        ({"phone": "40001234"}, 422, "invalid"),
        ({}, 422, "invalid"),
        ([], 422, "invalid"),
        ("x", 422, "invalid"),
    ],
)
async def test_a_bad_registration_is_refused(
    client: Client, world: World, kari: dict[str, str], body: Any, status: int, error_id: str
) -> None:
    """Nothing is registered, and nothing that was sent comes back."""
    refused = await refusal(client, "POST", "/requests", kari, json=body)
    assert refused[:2] == (status, error_id)
    assert "40001234" not in json.dumps(refused)
    assert await world.store.count_open() == 0


async def test_a_refused_number_says_why(client: Client, kari: dict[str, str]) -> None:
    """For a program as well as a person."""
    refused = await refusal(client, "POST", "/requests", kari, json=GOOD | {"phone": "113"})
    assert refused[2] == {"why": "emergency"}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"nonsense"])
async def test_what_is_not_json_is_told(client: Client, kari: dict[str, str], body: bytes) -> None:
    """An empty body is not JSON either."""
    assert (await refusal(client, "POST", "/requests", kari, data=body))[:2] == (422, "not_json")


# -- ringing


async def test_ringing_picks_a_free_caseworker(client: Client, world: World) -> None:
    """The first of the office with a telephone who is in no live call; when all are, it says so."""
    robot = await world.token(Role.LEADER, "9001", "robot")
    rang = []
    for n in range(2):
        request = await world.caller(f"+474000000{n}")
        status, body = await ask(client, "POST", f"/requests/{request.id}/call", robot)
        assert (status, body["state"]) == (202, "calling")
        rang.append(body["attempts"][0]["caseworker"])
    assert rang == ["kari", "ola"]
    third = await world.caller("+4740000009")
    refused = await refusal(client, "POST", f"/requests/{third.id}/call", robot)
    assert refused[:2] == (409, "no_free_caseworker")


async def test_a_persons_own_token_rings_that_person(client: Client, world: World) -> None:
    """A token named after a caseworker, by id or name, is that caseworker's."""
    ola = await world.token(Role.CASEWORKER, "9001", "ola")
    request = await world.caller()
    _, body = await ask(client, "POST", f"/requests/{request.id}/call", ola, data=b"")
    assert body["attempts"][0]["caseworker"] == "ola"


async def test_whoever_has_it_rings_again(client: Client, world: World) -> None:
    """After a talk without a result, and after a reassignment, the same person is rung."""
    robot = await world.token(Role.LEADER, "9001", "robot")
    talked = await world.talked(await world.caller(), "ola")
    _, body = await ask(client, "POST", f"/requests/{talked.id}/call", robot)
    assert body["attempts"][-1]["caseworker"] == "ola"
    await world.desk.end_attempt(body["attempts"][-1]["id"], AttemptOutcome.BUSY)
    given = await world.caller("+4740000002")
    await world.desk.reassign(given.id, "ola", "liv")
    _, body = await ask(client, "POST", f"/requests/{given.id}/call", robot)
    assert body["attempts"][-1]["caseworker"] == "ola"


@pytest.mark.parametrize("named", ["ola", "202", "Ola", " OLA "])
async def test_a_caseworker_can_be_named(
    client: Client, world: World, kari: dict[str, str], named: str
) -> None:
    """By id, extension or name."""
    request = await world.caller()
    _, body = await ask(client, "POST", f"/requests/{request.id}/call", kari, json={"caseworker": named})
    assert body["attempts"][0]["caseworker"] == "ola"


async def test_two_ring_at_once_and_one_wins(client: Client, world: World, kari: dict[str, str]) -> None:
    """One call; the other is told who has it."""
    request = await world.caller()
    path = f"/requests/{request.id}/call"
    answers = await asyncio.gather(
        *(ask(client, "POST", path, kari, json={"caseworker": name}) for name in ("kari", "ola"))
    )
    assert sorted(status for status, _ in answers) == [202, 409]
    (lost,) = [body for status, body in answers if status == 409]
    assert lost["error_id"] == "held_by_other"
    winner = (await world.desk.get(request.id)).claimed_by
    assert lost["details"] == {"held_by": {"kari": "Kari", "ola": "Ola"}[winner or ""], "held_by_id": winner}
    assert len((await world.desk.get(request.id)).attempts) == 1


async def test_ringing_again_while_it_rings_is_refused(
    client: Client, world: World, kari: dict[str, str]
) -> None:
    """Also for the one who rings: there is one call."""
    request = await world.caller()
    path = f"/requests/{request.id}/call"
    assert (await ask(client, "POST", path, kari))[0] == 202
    refused = await refusal(client, "POST", path, kari)
    assert refused == (409, "held_by_other", {"held_by": "Kari", "held_by_id": "kari"})


async def test_what_cannot_be_rung(client: Client, world: World, kari: dict[str, str]) -> None:
    """No number, no telephone, an unknown person, a busy caseworker, an ended request, a line that is down."""

    async def ring(request_id: str, caseworker: str = "kari") -> tuple[int, str]:
        body = {"caseworker": caseworker}
        return (await refusal(client, "POST", f"/requests/{request_id}/call", kari, json=body))[:2]

    request = await world.caller()
    assert await ring((await world.caller(None)).id) == (409, "has_no_number")
    assert await ring(request.id, "liv") == (409, "no_telephone")
    assert await ring(request.id, "siv") == (422, "unknown_person")
    assert await ring((await world.desk.withdraw((await world.hungry()).id, "kari")).id) == (
        409,
        "not_possible_now",
    )
    world.ringer.down = True
    assert await ring(request.id) == (503, "line_unavailable")
    world.ringer.down = False
    await world.desk.start_attempt(request.id, "kari", "a1")
    assert await ring((await world.caller("+4740000009")).id) == (409, "caseworker_in_call")
    refused = await refusal(client, "POST", f"/requests/{request.id}/call", kari, json={"who": "kari"})
    assert refused[:2] == (422, "invalid")


async def test_a_number_in_a_call_is_not_rung_twice(client: Client, world: World) -> None:
    """The same person may stand on two offices' lists, and has one telephone."""
    admin = await world.token(Role.ADMIN)
    await world.desk.start_attempt((await world.caller()).id, "kari", "a1")
    other = await world.caller(office_no="9002")
    refused = await refusal(client, "POST", f"/requests/{other.id}/call", admin)
    assert refused[:2] == (409, "number_in_call")


# -- results


@pytest.mark.parametrize(
    ("result", "state"),
    [("reached", "reached"), ("wrong_person", "unreachable"), ("ring_again", "unreachable")],
)
async def test_a_result_is_recorded(
    client: Client, world: World, kari: dict[str, str], result: str, state: str
) -> None:
    """By whoever rang, unless another is named; the note is kept and not answered."""
    request = await world.talked(await world.caller(), "ola")
    status, body = await ask(
        client, "POST", f"/requests/{request.id}/result", kari, json={"result": result, "note": NOTE}
    )
    assert (status, body["state"], body["attempts"][0]["result"]) == (200, state, result)
    assert (await world.desk.get(request.id)).note == NOTE
    assert NOTE not in json.dumps(body)
    assert (await world.store.ledger(request.id))[-1].actor == "ola"


async def test_a_result_that_cannot_be(client: Client, world: World, kari: dict[str, str]) -> None:
    """Before a talk, during it, by someone else, of an unknown kind, after the end."""

    async def record(request_id: str, **body: str) -> tuple[int, str]:
        return (await refusal(client, "POST", f"/requests/{request_id}/result", kari, json=body))[:2]

    request = await world.caller()
    assert await record(request.id, result="reached") == (409, "not_possible_now")
    assert await record(request.id, result="reached", caseworker="kari") == (409, "not_possible_now")
    assert await record(request.id, result="gone") == (422, "invalid")
    assert await record(request.id) == (422, "invalid")
    _, attempt = await world.desk.start_attempt(request.id, "kari", "a1")
    assert await record(request.id, result="reached") == (409, "not_possible_now")
    await world.desk.end_attempt(attempt.id, AttemptOutcome.ANSWERED)
    assert await record(request.id, result="reached", caseworker="ola") == (409, "held_by_other")
    status, _ = await ask(client, "POST", f"/requests/{request.id}/result", kari, json={"result": "reached"})
    assert status == 200
    assert await record(request.id, result="reached") == (409, "not_possible_now")


# -- numbers


async def test_a_number_is_given(client: Client, world: World, kari: dict[str, str]) -> None:
    """The request can be rung; where the number had an open request already, that one is the answer."""
    hidden, known = await world.caller(None), await world.caller("+4740005678")
    path = f"/requests/{hidden.id}/number"
    status, body = await ask(client, "POST", path, kari, json={"phone": "40 00 12 34"})
    assert (status, body["id"], body["phone"]) == (200, hidden.id, PHONE)
    world.clock.advance(timedelta(minutes=1))
    again = await world.caller(None)
    status, body = await ask(
        client, "POST", f"/requests/{again.id}/number", kari, json={"phone": known.phone}
    )
    assert (status, body["id"]) == (200, known.id)


async def test_a_number_that_is_refused(client: Client, world: World, kari: dict[str, str]) -> None:
    """A wrong number, another office's request, one that has ended, and the contact centre."""
    path = f"/requests/{(await world.caller(None)).id}/number"
    assert await refusal(client, "POST", path, kari, json={"phone": "112"}) == (
        422, "number_refused", {"why": "emergency"},
    )  # fmt: skip
    assert (await refusal(client, "POST", path, kari, json={}))[:2] == (422, "invalid")
    siv = await world.token(Role.CASEWORKER, "9002")
    assert (await refusal(client, "POST", path, siv, json={"phone": PHONE}))[:2] == (404, "request_not_found")
    nks = await world.token(Role.CONTACT_CENTRE, name="nks")
    own = await world.caller(None, registered_by="token:nks", origin=Origin.CONTACT_CENTRE)
    refused = await refusal(client, "POST", f"/requests/{own.id}/number", nks, json={"phone": PHONE})
    assert refused[:2] == (403, "read_only")
    await world.desk.withdraw(own.id, "kari")
    refused = await refusal(client, "POST", f"/requests/{own.id}/number", kari, json={"phone": PHONE})
    assert refused[:2] == (409, "not_possible_now")


# -- what comes in and goes out


@pytest.mark.parametrize(
    "fields",
    [{"language": "xx"}, {"language": "NB"}, {"note": "a\x07b"}, {"note": "a\x9bb"}, {"note": "a\rb"}],
)
async def test_unreadable_fields_are_refused(
    client: Client, world: World, kari: dict[str, str], fields: dict[str, str]
) -> None:
    """An unknown language, and control characters in a note."""
    body = {"office_no": "9001", "phone": PHONE} | fields
    status, error_id, details = await refusal(client, "POST", "/requests", kari, json=body)
    assert (status, error_id, details["errors"][0]["field"]) == (422, "invalid", *fields)
    assert await world.store.count_open() == 0


async def test_a_note_may_have_lines(client: Client, world: World, kari: dict[str, str]) -> None:
    """Line breaks of any system, and tabs."""
    body = {"office_no": "9001", "phone": PHONE, "note": "a\r\nb\n\tc"}
    _, made = await ask(client, "POST", "/requests", kari, json=body)
    assert (await world.desk.get(made["id"])).note == "a\nb\n\tc"


async def test_no_next_attempt_while_someone_has_it(
    client: Client, world: World, kari: dict[str, str]
) -> None:
    """Claimed, calling and result due have none; afterwards it is there again."""
    request = await world.caller()
    attempts = []
    for step in (
        world.desk.get(request.id), world.desk.claim(request.id, "kari"),
        world.talked(request), world.missed(await world.caller("+4740005678"), AttemptOutcome.BUSY),
    ):  # fmt: skip
        seen = await step
        _, body = await ask(client, "GET", f"/requests/{seen.id}", kari)
        attempts.append((body["state"], body["next_attempt_at"] is None))
    assert attempts == [("waiting", False), ("claimed", True), ("result_due", True), ("unreachable", False)]


async def test_a_token_with_an_office_stays_there(client: Client, world: World) -> None:
    """Whatever its role: it neither sees nor registers elsewhere."""
    here, there = await world.caller(), await world.caller("+4740005678", office_no="9002")
    admin = await world.token(Role.ADMIN, "9001")
    _, listed = await ask(client, "GET", "/requests", admin)
    assert [r["id"] for r in listed["requests"]] == [here.id]
    assert (await refusal(client, "GET", "/requests?office=9002", admin))[:2] == (403, "other_office")
    assert (await refusal(client, "GET", f"/requests/{there.id}", admin))[0] == 404
    for token in (admin, await world.token(Role.CONTACT_CENTRE, "9001")):
        body = {"office_no": "9002", "phone": "40009999"}
        assert (await refusal(client, "POST", "/requests", token, json=body))[:2] == (403, "other_office")
