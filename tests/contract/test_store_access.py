"""What every Store keeps beside the list: calls, passwords, sessions and tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callback.store import ApiToken, CallRecord, Session, Store, StoreError
from tests.contract.store_factory import T0
from tests.contract.store_fixtures import Reopen

CALL = CallRecord("c1", "intake", "asterisk", "9001", ("leg-1", "leg-2"), '{"at": "menu"}', T0)
TOKEN = ApiToken("fagsystem", "d1", "caseworker", "9001", T0)
SESSION = Session("s1", "kari", "csrf", T0 + timedelta(hours=10))


class TestCalls:
    async def test_are_inserted_or_replaced(self, store: Store, reopen: Reopen) -> None:
        """Saving a call again replaces all of it, and it is there after a restart."""
        await store.save_call(CALL)
        after = CallRecord("c1", "callback_call", "simulated", "9002", ("leg-3",), "{}", T0 + timedelta(1))
        await store.save_call(after)
        assert await store.open_calls() == [after]
        assert await (await reopen()).open_calls() == [after]

    async def test_open_ones_oldest_first_by_line(self, store: Store) -> None:
        """Calls that have not ended, oldest first, of one line or of all."""
        late = replace(CALL, id="c0", started_at=T0 + timedelta(seconds=1), line="simulated")
        ended = replace(CALL, id="c2", state=None, ended_at=T0)
        for record in (late, CALL, ended):
            await store.save_call(record)
        assert await store.open_calls() == [CALL, late]
        assert await store.open_calls("simulated") == [late]
        assert await store.open_calls("twilio") == []

    async def test_an_ended_call_is_no_longer_open(self, store: Store) -> None:
        """When its end is saved, a call leaves the open ones."""
        await store.save_call(CALL)
        await store.save_call(replace(CALL, state=None, ended_at=T0))
        assert await store.open_calls() == []


class TestPasswords:
    async def test_are_set_and_replaced(self, store: Store, reopen: Reopen) -> None:
        """The last password that was set is the one kept."""
        assert await store.get_password("kari") is None
        await store.set_password("kari", "hash-1")
        await store.set_password("ola", "hash-2")
        await store.set_password("kari", "hash-3")
        again = await reopen()
        assert [await again.get_password(who) for who in ("kari", "ola")] == ["hash-3", "hash-2"]


class TestSessions:
    async def test_are_kept_until_deleted(self, store: Store, reopen: Reopen) -> None:
        """A session is found by its digest until it is deleted, also when it has expired."""
        await store.add_session(SESSION)
        store = await reopen()
        assert await store.get_session("s1") == SESSION
        await store.delete_session("s1")
        await store.delete_session("s1")
        assert await store.get_session("s1") is None

    async def test_a_digest_is_used_once(self, store: Store) -> None:
        """A second session with the same digest is refused and the first stays."""
        await store.add_session(SESSION)
        with pytest.raises(StoreError):
            await store.add_session(replace(SESSION, person_id="ola"))
        assert await store.get_session("s1") == SESSION

    async def test_expired_ones_are_swept(self, store: Store) -> None:
        """Only sessions that expired before the moment are deleted."""
        for seconds in (-1, 0, 1):
            await store.add_session(
                replace(SESSION, digest=f"s{seconds}", expires_at=T0 + timedelta(seconds=seconds))
            )
        await store.delete_sessions_before(T0)
        kept = [await store.get_session(f"s{seconds}") is not None for seconds in (-1, 0, 1)]
        assert kept == [False, True, True]


class TestTokens:
    async def test_are_found_by_digest(self, store: Store, reopen: Reopen) -> None:
        """A token is found by its digest, revoked or not, and listed oldest first."""
        old = ApiToken("other", "d2", "admin", None, T0 - timedelta(days=1), revoked_at=T0)
        await store.add_token(TOKEN)
        await store.add_token(old)
        store = await reopen()
        assert await store.get_token("d1") == TOKEN
        assert await store.get_token("d2") == old
        assert await store.get_token("d3") is None
        assert await store.list_tokens() == [old, TOKEN]

    async def test_an_unrevoked_name_is_unique(self, store: Store) -> None:
        """A name in use is refused, and free again once its token is revoked."""
        await store.add_token(TOKEN)
        with pytest.raises(StoreError, match="fagsystem"):
            await store.add_token(replace(TOKEN, digest="d2"))
        assert await store.get_token("d2") is None
        assert await store.revoke_token("fagsystem", T0 + timedelta(hours=1))
        await store.add_token(replace(TOKEN, digest="d2"))

    async def test_are_revoked_once(self, store: Store) -> None:
        """Revoking says whether there was such a token, and keeps the first moment."""
        await store.add_token(TOKEN)
        revoked_at = T0 + timedelta(hours=1)
        assert await store.revoke_token("fagsystem", revoked_at)
        assert not await store.revoke_token("fagsystem", T0 + timedelta(hours=2))
        assert not await store.revoke_token("unknown", T0)
        assert await store.get_token("d1") == replace(TOKEN, revoked_at=revoked_at)
