"""Passwords, sessions and tokens: who comes in, how often one may try, and who may see which request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from callback.access import (
    FREE_FAILURES,
    LONGEST_WAIT,
    Access,
    AccessError,
    LoginThrottled,
    WeakPassword,
    digest,
)
from callback.store_memory import MemoryStore
from scheduler.clock import ManualClock
from tests.offices import MONDAY, config

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
    access = Access(store, config(), clock)
    await access.set_password("kari", PASSWORD)
    return access


async def fail(access: Access, person_id: str, times: int) -> None:
    for _ in range(times):
        assert await access.login(person_id, "wrong") is None


# -- logging in


async def test_the_right_password_opens_a_session(access: Access, clock: ManualClock) -> None:
    """A login gives a cookie whose session names the person and ends after the configured hours."""
    entered = await access.login("kari", PASSWORD)
    assert entered is not None
    cookie, session = entered
    assert await access.session(cookie) == session
    assert session.person_id == "kari"
    assert session.expires_at == clock.now() + timedelta(hours=10)
    assert session.csrf not in cookie


@pytest.mark.parametrize(
    ("person", "password"),
    [("kari", "wrong"), ("ola", PASSWORD), ("nobody", PASSWORD), ("", ""), ("kari", "x" * 5000)],
)
async def test_anything_else_is_refused_alike(access: Access, person: str, password: str) -> None:
    """A wrong password, a person without one, and a stranger all get the same answer."""
    assert await access.login(person, password) is None


@pytest.mark.parametrize("person", ["kari", "ola", "nobody"])
async def test_every_login_costs_one_hash_in_a_thread(
    access: Access, monkeypatch: pytest.MonkeyPatch, person: str
) -> None:
    """An unknown name does the same work as a known one, and never on the event loop."""
    threads: list[int] = []
    verify = access._verify

    def counted(kept: str, password: str) -> bool:
        threads.append(threading.get_ident())
        return verify(kept, password)

    monkeypatch.setattr(access, "_verify", counted)
    await access.login(person, "wrong")
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_only_digests_are_stored(access: Access, store: MemoryStore) -> None:
    """Neither the password nor the cookie can be read from the store."""
    entered = await access.login("kari", PASSWORD)
    assert entered is not None
    kept = await store.get_password("kari")
    assert kept is not None
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await store.get_session(entered[0]) is None
    assert await store.get_session(digest(entered[0])) is not None


async def test_a_session_ends(access: Access, clock: ManualClock) -> None:
    """A cookie is worth nothing after its time, or after a logout."""
    first, second = await access.login("kari", PASSWORD), await access.login("kari", PASSWORD)
    assert first is not None
    assert second is not None
    await access.logout(first[0])
    await access.logout("never was a cookie")
    assert await access.session(first[0]) is None
    assert await access.session(second[0]) is not None
    clock.advance(timedelta(hours=10))
    assert await access.session(second[0]) is None


async def test_a_person_taken_out_of_the_configuration_is_out(
    access: Access, store: MemoryStore, clock: ManualClock
) -> None:
    """Whoever is no longer in staff.toml neither keeps a session nor gets a new one."""
    entered = await access.login("kari", PASSWORD)
    assert entered is not None
    without = config().model_copy(update={"people": tuple(p for p in config().people if p.id != "kari")})
    later = Access(store, without, clock)
    assert await later.session(entered[0]) is None
    assert await later.login("kari", PASSWORD) is None


# -- throttling


async def test_too_many_failures_make_one_wait(access: Access, clock: ManualClock) -> None:
    """After repeated failures even the right password waits; afterwards it works and all is forgotten."""
    await fail(access, "kari", FREE_FAILURES)
    with pytest.raises(LoginThrottled) as refused:
        await access.login("kari", PASSWORD)
    assert refused.value.wait == timedelta(seconds=30)
    clock.advance(refused.value.wait)
    assert await access.login("kari", PASSWORD) is not None
    await fail(access, "kari", FREE_FAILURES)


async def test_the_wait_doubles_up_to_a_limit(access: Access, clock: ManualClock) -> None:
    """Each failure after the first wait doubles the next, and none is longer than the longest."""
    await fail(access, "kari", FREE_FAILURES)
    waits = []
    for _ in range(7):
        with pytest.raises(LoginThrottled) as refused:
            await access.login("kari", "wrong")
        waits.append(int(refused.value.wait.total_seconds()))
        clock.advance(refused.value.wait)
        await fail(access, "kari", 1)
    assert waits == [30, 60, 120, 240, 300, 300, 300]
    assert waits[-1] == LONGEST_WAIT.total_seconds()


async def test_one_persons_failures_are_their_own(access: Access) -> None:
    """A colleague is not kept out, and a name nobody has waits like any other."""
    await access.set_password("ola", PASSWORD)
    await fail(access, "kari", FREE_FAILURES)
    await fail(access, "nobody", FREE_FAILURES)
    assert await access.login("ola", PASSWORD) is not None
    with pytest.raises(LoginThrottled):
        await access.login("nobody", PASSWORD)


async def test_guessing_in_parallel_is_no_way_around(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of fifty guesses at once only a few are ever tried."""
    tried: list[str] = []

    def counted(kept: str, password: str) -> bool:
        tried.append(password)
        return False

    monkeypatch.setattr(access, "_verify", counted)
    answers = await asyncio.gather(
        *(access.login("kari", f"g{n}") for n in range(50)), return_exceptions=True
    )
    assert sum(isinstance(answer, LoginThrottled) for answer in answers) >= 40
    assert len(tried) <= FREE_FAILURES + 2


async def test_a_flood_of_names_takes_no_memory_and_frees_nobody(access: Access) -> None:
    """Made-up names are forgotten oldest first; a real person's failures stay."""
    await fail(access, "kari", FREE_FAILURES)
    for n in range(1500):
        access._count_failure(f"made-up-{n}")
    assert len(access._failures) <= 1001
    with pytest.raises(LoginThrottled):
        await access.login("kari", PASSWORD)


async def test_a_long_name_is_not_kept(access: Access) -> None:
    """What is remembered of a name is its digest, however long it was."""
    await fail(access, "x" * 60_000, 1)
    assert [len(kept) for kept in access._failures] == [64]


# -- setting passwords


@pytest.mark.parametrize("password", ["", "short", "x" * 1001])
async def test_a_weak_password_is_refused(access: Access, password: str) -> None:
    """Too short, and absurdly long."""
    with pytest.raises(WeakPassword):
        await access.set_password("kari", password)


async def test_a_stranger_gets_no_password(access: Access) -> None:
    """Only people of the configuration have one."""
    with pytest.raises(AccessError):
        await access.set_password("nobody", PASSWORD)


async def test_demo_passwords_replace_none(access: Access) -> None:
    """The demo password goes to everyone without one, and to nobody else."""
    given = await access.give_demo_passwords("demo-password")
    assert "kari" not in given
    assert "ola" in given
    assert await access.login("ola", "demo-password") is not None
    assert await access.login("kari", PASSWORD) is not None
    assert await access.give_demo_passwords("another one") == []
