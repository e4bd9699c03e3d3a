"""API tokens, who may see which request, and what the command line does with both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from callback import cli_access
from callback.access import Access, AccessError, BadToken, Viewer, digest, viewer_of_person, viewer_of_token
from callback.store import StoreError
from callback.store_memory import MemoryStore
from config.model import Person, Role
from scheduler.clock import ManualClock
from tests.contract.store_factory import new_request
from tests.offices import CHEAP, MONDAY, config

PASSWORD = "correct horse battery"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def access(store: MemoryStore, clock: ManualClock) -> Access:
    access = Access(store, config(), clock, CHEAP)
    await access.set_password("kari", PASSWORD)
    return access


# -- tokens


async def test_a_token_is_shown_once(access: Access, store: MemoryStore) -> None:
    """The secret begins with t1_, works, and only its SHA-256 is kept."""
    secret = await access.create_token("robot", Role.CASEWORKER, "9001")
    assert secret.startswith("t1_")
    token = await access.token(secret)
    assert token is not None
    assert token.digest == digest(secret)
    assert secret not in repr(await store.list_tokens())
    assert viewer_of_token(token) == Viewer("robot", Role.CASEWORKER, "9001")


async def test_a_revoked_token_is_refused(access: Access) -> None:
    """Revoking works once; the name is free again."""
    secret = await access.create_token("robot", Role.ADMIN, None)
    assert await access.revoke("robot")
    assert not await access.revoke("robot")
    assert await access.token(secret) is None
    assert await access.token("t1_made-up") is None
    assert await access.token("made-up") is None
    await access.create_token("robot", Role.ADMIN, None)


@pytest.mark.parametrize(
    ("name", "role", "office"),
    [
        ("", Role.ADMIN, None),
        ("a\nb", Role.ADMIN, None),
        ("x" * 81, Role.ADMIN, None),
        ("x", Role.CASEWORKER, None),
        ("x", Role.LEADER, None),
        ("x", Role.CASEWORKER, "9999"),
    ],
)
async def test_a_token_without_sense_is_not_made(
    access: Access, name: str, role: Role, office: str | None
) -> None:
    """A name one cannot print, an office that is missing or unknown."""
    with pytest.raises(BadToken):
        await access.create_token(name, role, office)


async def test_a_name_in_use_is_refused(access: Access) -> None:
    """Two tokens never share a name: the ledger says who did what by it."""
    await access.create_token("robot", Role.ADMIN, None)
    with pytest.raises(StoreError):
        await access.create_token("robot", Role.ADMIN, None)


# -- who may see what

KARI = Viewer("Kari", Role.CASEWORKER, "9001", "kari")
LIV = Viewer("Liv", Role.LEADER, "9001", "liv")
SIV = Viewer("Siv", Role.CASEWORKER, "9002", "siv")
NKS = Viewer("Kontaktsenteret", Role.CONTACT_CENTRE, None, "nks")
NKS_OF_OFFICE = Viewer("Kontaktsenteret", Role.CONTACT_CENTRE, "9001", "nks2")
ADMIN = Viewer("Drift", Role.ADMIN, None, "admin")
ROBOT = Viewer("kari", Role.CONTACT_CENTRE, None)
OFFICELESS = Viewer("x", Role.CASEWORKER, None, "x")
ADMIN_OF_9001, ADMIN_OF_9002 = Viewer("a", Role.ADMIN, "9001"), Viewer("b", Role.ADMIN, "9002")
NKS_OF_9002 = Viewer("nks", Role.CONTACT_CENTRE, "9002")


@pytest.mark.parametrize(
    ("viewer", "fields", "sees", "acts", "registers"),
    [
        (KARI, {}, True, True, True),
        (LIV, {}, True, True, True),
        (SIV, {}, False, False, False),
        (ADMIN, {}, True, True, True),
        (ADMIN_OF_9001, {}, True, True, True),
        (ADMIN_OF_9002, {}, False, False, False),
        (NKS_OF_9002, {"registered_by": "token:nks"}, False, False, False),
        (NKS, {}, False, False, True),
        (NKS, {"registered_by": "nks"}, True, False, True),
        (NKS_OF_OFFICE, {"registered_by": "nks"}, False, False, True),
        (NKS, {"registered_by": "token:nks"}, False, False, True),
        (ROBOT, {"registered_by": "kari"}, False, False, True),
        (ROBOT, {"registered_by": "token:kari"}, True, False, True),
        (OFFICELESS, {}, False, False, False),
        (SIV, {"registered_by": "siv"}, False, False, False),
    ],
)
def test_the_permissions(
    viewer: Viewer, fields: dict[str, Any], sees: bool, acts: bool, registers: bool
) -> None:
    """Own office for caseworkers and leaders, everything for admin, its own registrations for the contact centre."""
    request = replace(new_request(), **fields)
    assert viewer.may_see(request) is sees
    assert viewer.may_act(request) is acts
    assert viewer.may_register(request.office_no) is registers


EVA = Person(
    id="eva", name="Eva", role=Role.CASEWORKER, office_no="9001", extension="209", protected_access=True
)
SIV_KEEPS = EVA.model_copy(update={"id": "siv", "office_no": "9002"})
OLA = Person(
    id="ola", name="Ola", role=Role.CASEWORKER, office_no="9001", extension="202", reports_to=("liv",)
)
BOSS = Person(id="admin", name="Drift", role=Role.ADMIN)


@pytest.mark.parametrize(
    ("viewer", "fields", "sees"),
    [
        (viewer_of_person(OLA), {"disqualified": ("ola",)}, False),
        (viewer_of_person(OLA), {"disqualified": ("liv",)}, False),
        (viewer_of_person(OLA), {"disqualified": ("kari",)}, True),
        (viewer_of_person(OLA), {"substitute": "9002"}, False),
        (SIV, {"substitute": "9002"}, True),
        (SIV, {"office_no": "9002", "substitute": "9001"}, False),
        (viewer_of_person(OLA, (EVA,)), {"protected": True}, False),
        (viewer_of_person(EVA, (EVA,)), {"protected": True}, True),
        (viewer_of_person(SIV_KEEPS, (SIV_KEEPS,)), {"protected": True}, False),
        (viewer_of_person(EVA, (EVA,)), {"protected": True, "disqualified": ("eva",)}, False),
        (viewer_of_person(BOSS, (EVA,)), {"protected": True}, False),
        (viewer_of_person(BOSS, (SIV_KEEPS,)), {"protected": True}, True),
        (viewer_of_person(BOSS, (EVA,)), {"protected": True, "disqualified": ("eva",)}, True),
        (viewer_of_person(BOSS, ()), {"protected": True}, True),
        (
            viewer_of_person(BOSS.model_copy(update={"protected_access": True}), (EVA,)),
            {"protected": True},
            True,
        ),
        (NKS, {"registered_by": "nks", "protected": True}, False),
        (NKS, {"registered_by": "nks", "substitute": "9002"}, True),
        (Viewer("r", Role.LEADER, "9001"), {"protected": True}, False),
    ],
)
def test_who_is_kept_away(viewer: Viewer, fields: dict[str, Any], sees: bool) -> None:
    """The disqualified, other offices than the one that serves it, and all but the restricted role of a protected person;
    administrators see what nobody else could."""
    request = replace(new_request(), **fields)
    assert viewer.may_see(request) is sees
    assert viewer.may_act(request) is (sees and viewer.role is not Role.CONTACT_CENTRE)


@pytest.mark.parametrize(
    ("viewer", "person", "may"),
    [
        (viewer_of_person(OLA), "ola", True),
        (viewer_of_person(OLA), "kari", False),
        (LIV, "kari", True),
        (LIV, "liv", True),
        (SIV, "siv", False),
        (ADMIN, "kari", True),
        (Viewer("kari", Role.CASEWORKER, "9001"), "kari", True),
        (Viewer("kari", Role.CASEWORKER, "9001"), "ola", False),
    ],
)
def test_who_marks_whom(viewer: Viewer, person: str, may: bool) -> None:
    """Oneself; a leader and an administrator anybody."""
    assert viewer.may_disqualify(new_request(), person) is may


async def test_logins_know_who_keeps(access: Access, store: MemoryStore, clock: ManualClock) -> None:
    """Sessions and tokens see by the configuration in force."""
    await access.give_demo_passwords(PASSWORD)
    entered = await access.login("admin", PASSWORD)
    assert entered is not None
    protected = replace(new_request(), protected=True)
    token = await access.token(await access.create_token("robot", Role.ADMIN, None))
    assert token is not None
    assert access.viewer_of_session(entered[1]).may_see(protected)
    assert access.viewer_of_token(token).may_see(protected)
    access.use_config(config().model_copy(update={"people": (*config().people, EVA)}))
    assert not access.viewer_of_session(entered[1]).may_see(protected)
    assert not access.viewer_of_token(token).may_see(protected)


# -- the command line


async def test_the_command_line_makes_lists_and_revokes(access: Access) -> None:
    """A token made on the command line works, is listed without its secret, and can be revoked."""
    assert await cli_access.list_tokens(access) == "No tokens."
    secret = await cli_access.create_token(access, "robot", "caseworker", "9001")
    assert await access.token(secret) is not None
    listed = await cli_access.list_tokens(access)
    assert "robot  caseworker  9001" in listed
    assert secret not in listed
    assert "Revoked robot" in await cli_access.revoke_token(access, "robot")
    assert "revoked 2026-11-23 09:05" in await cli_access.list_tokens(access)
    with pytest.raises(AccessError):
        await cli_access.revoke_token(access, "robot")
    with pytest.raises(AccessError, match="known: caseworker"):
        await cli_access.create_token(access, "x", "king", None)


async def test_the_command_line_sets_a_password(access: Access) -> None:
    """The password works, and is not in the answer."""
    said = await cli_access.set_password(access, "ola", PASSWORD)
    assert PASSWORD not in said
    assert await access.login("ola", PASSWORD) is not None
