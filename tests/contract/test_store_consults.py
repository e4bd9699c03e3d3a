"""What every Store keeps of consult calls: a telephone rings for one person and one call at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callback.consult import Consult, ConsultCaller, ConsultOutcome, ConsultResult, DutyLeg, DutyOutcome
from callback.store import CaseworkerInCall, Change, Store
from tests.contract.store_factory import T0, new_attempt, new_entry, new_request
from tests.contract.store_fixtures import Reopen

SECOND = timedelta(seconds=1)


def consult(consult_id: str = "c1", **fields: object) -> Consult:
    return replace(
        Consult(consult_id, "9001", "vakt", ConsultCaller.CONTACT_CENTRE, T0), **fields  # type: ignore[arg-type]
    )  # fmt: skip


def leg(leg_id: str, person: str = "kari", number: str = "+4740000001", of: str = "c1") -> DutyLeg:
    return DutyLeg(leg_id, of, person, number, T0)


async def test_kept(store: Store, reopen: Reopen) -> None:
    """All of a call and of its legs is there after a restart, as it was."""
    request = new_request()
    await store.register(request, new_entry(request))
    await store.save_consult(consult())
    await store.ring_duty(leg("l1"), leg("l2", "ola", "202"))
    ended = replace(leg("l1"), joined_at=T0 + SECOND, ended_at=T0 + 2 * SECOND, outcome=DutyOutcome.TALKED)
    await store.save_duty_leg(ended)
    whole = consult(
        request_id=request.id, answered_at=T0 + SECOND, answered_by="kari", ended_at=T0 + 2 * SECOND,
        outcome=ConsultOutcome.ANSWERED, result=ConsultResult.FOLLOW_UP,
    )  # fmt: skip
    await store.save_consult(whole)
    again = await reopen()
    assert await again.consult("c1") == whole
    assert await again.consults(T0, "9001") == [(whole, (ended, leg("l2", "ola", "202")))]
    assert await again.consults(T0 + SECOND) == await again.consults(T0, "9002") == []
    assert await again.live_duty_legs() == [leg("l2", "ola", "202")]
    assert await again.duty_legs("c1") == (ended, leg("l2", "ola", "202"))
    assert await again.open_consults() == []


@pytest.mark.parametrize("second", [leg("l2", number="+4740000002", of="c2"), leg("l2", "ola", of="c2")])
async def test_one_ring_at_a_time(store: Store, second: DutyLeg) -> None:
    """Neither a person nor a telephone is rung for two calls; what is not rung is on record as that."""
    await store.save_consult(consult())
    await store.save_consult(consult("c2"))
    assert await store.ring_duty(leg("l1")) == (leg("l1"),)
    passed_by = replace(second, ended_at=T0, outcome=DutyOutcome.IN_CALL)
    assert await store.ring_duty(second) == (passed_by,)
    assert await store.ring_duty(leg("l1"), second) == (leg("l1"), passed_by), "said again"
    await store.save_duty_leg(replace(leg("l1"), ended_at=T0, outcome=DutyOutcome.NO_ANSWER))
    again = replace(second, id="l3")
    assert await store.ring_duty(again) == (again,)


async def test_a_leg_ends_once(store: Store) -> None:
    await store.save_consult(consult())
    await store.ring_duty(leg("l1"))
    ended = replace(leg("l1"), ended_at=T0, outcome=DutyOutcome.BUSY)
    await store.save_duty_leg(ended)
    await store.save_duty_leg(replace(ended, outcome=DutyOutcome.TALKED))
    assert await store.duty_legs("c1") == (ended,)


async def test_who_is_in_a_callback_is_not_rung_and_the_other_way_round(store: Store) -> None:
    """Whoever talks with a caller they took on the on-call telephone may have that talk as an attempt."""
    request = new_request()
    await store.register(request, new_entry(request))
    await store.save_consult(consult())
    attempt = new_attempt(request, caseworker="kari")
    await store.ring_duty(leg("l1"))
    assert await store.occupied() == {"kari"}
    with pytest.raises(CaseworkerInCall):
        await store.save(Change(request, (new_entry(request),), attempt))
    await store.save_duty_leg(replace(leg("l1"), joined_at=T0))
    await store.save(Change(request, (new_entry(request),), attempt))
    await store.save_duty_leg(replace(leg("l1"), joined_at=T0, ended_at=T0, outcome=DutyOutcome.TALKED))
    (busy,) = await store.ring_duty(leg("l2"))
    assert busy.outcome is DutyOutcome.IN_CALL
