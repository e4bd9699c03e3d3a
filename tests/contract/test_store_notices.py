"""What every Store keeps of the outbox: written with what it tells of, at most one of each, taken by one only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callback.notice import Notice, NoticeKind, NoticeState, about_attempt, about_step
from callback.request import CallbackRequest
from callback.store import Change, RequestQuery, StaleRequest, Store
from tests.contract.store_factory import T0, new_attempt, new_entry, new_request
from tests.contract.store_fixtures import Reopen

MINUTE = timedelta(minutes=1)
MISSED = NoticeKind.MISSED


async def with_notice(store: Store) -> tuple[CallbackRequest, Notice]:
    request = new_request()
    await store.register(request, new_entry(request))
    attempt = new_attempt(request, ended_at=T0)
    notice = about_attempt(attempt, T0)
    (saved,) = await store.save(Change(request, (new_entry(request),), attempt, (notice,)))
    return saved, notice


async def test_kept(store: Store, reopen: Reopen) -> None:
    """What was written with an attempt is there after a restart, as it was."""
    request, notice = await with_notice(store)
    step = about_step(request, 90, "liv", T0 + MINUTE)
    await store.save(Change(request, (), notices=(step,)))
    again = await reopen()
    later = replace(notice, id="later", attempt_id=None, due_at=T0 + MINUTE)
    (request,) = await again.find(RequestQuery())
    await again.save(Change(request, (), notices=(later,)))
    assert await again.due_notices(MISSED, T0 + MINUTE, 10) == [notice, later]
    assert await again.due_notices(MISSED, T0 + MINUTE, 1) == [notice]
    assert await again.due_notices(NoticeKind.STEP, T0 + MINUTE, 10) == [step]
    assert await again.due_notices(MISSED, T0, 10) == [notice]
    assert await again.due_notices(MISSED, T0 - MINUTE, 10) == []


async def test_all_or_nothing(store: Store) -> None:
    """A change that is refused leaves no notice."""
    request, _ = await with_notice(store)
    stale = replace(request, version=request.version - 1)
    with pytest.raises(StaleRequest):
        await store.save(Change(stale, (), notices=(about_step(request, 50, "liv", T0),)))
    with pytest.raises(ValueError, match="another request"):
        await store.save(Change(request, (), notices=(about_step(new_request(), 50, "liv", T0),)))
    assert len(await store.due_notices(MISSED, T0, 10)) == 1


async def test_one_for_each(store: Store) -> None:
    """The same notice again is not written again: not even when the first was sent."""
    request, notice = await with_notice(store)
    sent = replace(notice, state=NoticeState.SENT, ended_at=T0, tries=1)
    (request,) = await store.save(Change(request, (), notices=(sent,)))
    await store.save(Change(request, (), notices=(notice,)))
    assert await store.due_notices(MISSED, T0 + MINUTE, 10) == []
    assert await store.notices_in(NoticeState.SENT) == [sent]


async def test_taken_once(store: Store) -> None:
    """It changes only from the state it is in: of two who take it, one gets it."""
    _, notice = await with_notice(store)
    sending = replace(notice, state=NoticeState.SENDING, tries=1)
    assert await store.change_notice(sending, NoticeState.WAITING)
    assert not await store.change_notice(sending, NoticeState.WAITING)
    assert await store.due_notices(MISSED, T0, 10) == []
    assert await store.notices_in(NoticeState.SENDING) == [sending]
    again = replace(sending, state=NoticeState.WAITING, due_at=T0 + MINUTE, why="http_503")
    assert await store.change_notice(again, NoticeState.SENDING)
    assert await store.due_notices(MISSED, T0 + MINUTE, 10) == [again]
    unknown = replace(notice, id="other")
    assert not await store.change_notice(unknown, NoticeState.WAITING)


async def test_counts_and_forgetting(store: Store) -> None:
    """How many of each kind and state, and when the last ended; those that ended long ago go."""
    notices = [(await with_notice(store))[1] for _ in range(4)]
    for count, notice in enumerate(notices[:3]):
        ended = replace(notice, state=NoticeState.FAILED, ended_at=T0 + count * MINUTE, why="http_400")
        assert await store.change_notice(ended, NoticeState.WAITING)
    counts = {c.state: c for c in await store.notice_counts()}
    assert {c.kind for c in counts.values()} == {NoticeKind.MISSED}
    assert (counts[NoticeState.FAILED].count, counts[NoticeState.FAILED].last) == (3, T0 + 2 * MINUTE)
    assert (counts[NoticeState.WAITING].count, counts[NoticeState.WAITING].last) == (1, None)
    await store.forget_notices_before(T0 + 2 * MINUTE)
    assert {c.state: c.count for c in await store.notice_counts()} == {
        NoticeState.FAILED: 1,
        NoticeState.WAITING: 1,
    }


async def test_one_by_its_id(store: Store) -> None:
    """As it is now; None for one that is not there."""
    request, notice = await with_notice(store)
    came = replace(notice, state=NoticeState.DELIVERED, ended_at=T0, tries=1)
    await store.save(Change(request, (), notices=(came,)))
    assert await store.notice(notice.id) == came
    lost = replace(came, state=NoticeState.UNDELIVERED, why="twilio_30003")
    assert await store.change_notice(lost, NoticeState.DELIVERED)
    assert await store.notice(notice.id) == lost
    assert await store.notice("other") is None


async def test_numbers_that_get_no_sms(store: Store, reopen: Reopen) -> None:
    """Added once, kept from open to open, taken off once."""
    assert not await store.is_no_sms("a")
    assert await store.add_no_sms("a", T0)
    assert not await store.add_no_sms("a", T0)
    again = await reopen()
    assert await again.is_no_sms("a")
    assert not await again.is_no_sms("b")
    assert not await again.remove_no_sms("b")
    assert await again.remove_no_sms("a")
    assert not await again.is_no_sms("a")
