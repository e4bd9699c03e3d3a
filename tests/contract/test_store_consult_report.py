"""What every Store answers about many consult calls: spans, promises and what became of them, counts, waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from callback.consult import Consult, ConsultCaller, ConsultOutcome, Promise
from callback.request import AttemptOutcome, RequestState
from callback.store import Change, Store
from tests.contract.store_factory import T0, new_attempt, new_entry, new_request
from tests.contract.test_store_consults import consult, leg

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def ended(consult_id: str, outcome: ConsultOutcome, **fields: object) -> Consult:
    return consult(consult_id, ended_at=T0 + 9 * HOUR, outcome=outcome, **fields)


async def test_a_span(store: Store) -> None:
    """From the first moment, up to the last without it; of one office; each call with its own telephones."""
    for name, hours, office_no in (
        ("c1", 0, "9001"),
        ("c2", 1, "9001"),
        ("c3", 1, "9002"),
        ("c4", 2, "9001"),
    ):
        await store.save_consult(consult(name, started_at=T0 + hours * HOUR, office_no=office_no))
        await store.ring_duty(leg(f"{name}.2", f"{name}.ola", f"1{name}", name))
        await store.ring_duty(leg(f"{name}.1", f"{name}.kari", f"2{name}", name))
    found = await store.consults(T0 + HOUR, "9001", T0 + 2 * HOUR)
    assert [(call.id, [one.id for one in legs]) for call, legs in found] == [("c2", ["c2.1", "c2.2"])]
    assert [call.id for call, _ in await store.consults(T0, None, T0 + 2 * HOUR)] == ["c1", "c2", "c3"]
    assert [call.id for call, _ in await store.consults(T0 + HOUR, "9001")] == ["c2", "c4"]
    assert (await store.consults(T0, "9002"))[0][1][0].outcome is None


async def test_what_became_of_a_promise(store: Store) -> None:
    """The first talk and the first who took it, of what came after the call; only promises to the contact centre."""
    request = new_request(id="r-before")
    await store.register(request, new_entry(request))
    before = new_attempt(
        request, ringing_at=T0 + MINUTE, connected_at=T0 + MINUTE, ended_at=T0 + 2 * MINUTE, outcome=AttemptOutcome.ANSWERED
    )  # fmt: skip
    (request,) = await store.save(Change(request, (new_entry(request),), before))
    began, promised = T0 + 10 * MINUTE, ConsultOutcome.PROMISED
    await store.save_consult(ended("c1", promised, started_at=began, request_id=request.id))
    await store.save_consult(
        ended("c2", promised, started_at=began, request_id=request.id, caller=ConsultCaller.CALLER)
    )
    await store.save_consult(
        ended("c3", ConsultOutcome.ANSWERED, started_at=began, request_id=request.id, answered_at=began, answered_by="k")
    )  # fmt: skip
    bare = Promise("c1", "9001", began, request.due_at)
    assert await store.promises(T0) == [bare]
    claim = replace(request, state=RequestState.CLAIMED, claimed_by="kari", claimed_at=T0 + 40 * MINUTE)
    entry = new_entry(request, event="claimed", actor="kari", at=T0 + 40 * MINUTE, to_state="claimed")
    (request,) = await store.save(Change(claim, (entry,)))
    assert (await store.promises(T0))[0].taken_at == T0 + 40 * MINUTE
    times = {"ringing_at": T0 + 20 * MINUTE, "connected_at": T0 + 21 * MINUTE, "ended_at": T0 + 25 * MINUTE}
    talk = new_attempt(request, started_at=T0 + 19 * MINUTE, outcome=AttemptOutcome.ANSWERED, **times)
    (request,) = await store.save(Change(request, (new_entry(request),), talk))
    gone = replace(
        request, state=RequestState.WITHDRAWN, next_attempt_at=None, claimed_by=None, claimed_at=None
    )
    entry = new_entry(request, event="withdrawn", at=T0 + HOUR, to_state="withdrawn")
    await store.save(Change(gone, (entry,)))
    whole = replace(
        bare, talked_at=times["connected_at"], taken_at=times["ringing_at"], withdrawn_at=T0 + HOUR
    )
    assert await store.promises(T0, "9001", T0 + HOUR) == [whole]
    assert await store.promises(T0, "9002") == await store.promises(T0, "9001", began) == []
    assert [call.id for call in await store.consults_of(request.id)] == ["c1", "c2", "c3"]
    assert await store.consults_of("another") == []


async def test_counts_and_waits(store: Store) -> None:
    """All that have ended, by office, who asked and outcome; how long the contact centre waited, of late."""
    answered = {"answered_at": T0 + HOUR + 9 * MINUTE, "answered_by": "kari", "started_at": T0 + HOUR}
    await store.save_consult(ended("c1", ConsultOutcome.ANSWERED, **answered))
    await store.save_consult(
        ended("c2", ConsultOutcome.ANSWERED, **answered | {"caller": ConsultCaller.CALLER})
    )
    await store.save_consult(ended("c3", ConsultOutcome.LOST, office_no="9002"))
    await store.save_consult(ended("c4", ConsultOutcome.LOST, office_no="9002"))
    await store.save_consult(consult("c5", **answered))
    await store.save_consult(
        ended("c6", ConsultOutcome.ANSWERED, **answered | {"started_at": T0 + HOUR - MINUTE})
    )
    assert await store.consult_counts() == {
        ("9001", ConsultCaller.CONTACT_CENTRE, ConsultOutcome.ANSWERED): 2,
        ("9001", ConsultCaller.CALLER, ConsultOutcome.ANSWERED): 1,
        ("9002", ConsultCaller.CONTACT_CENTRE, ConsultOutcome.LOST): 2,
    }
    assert await store.consult_waits(T0 + HOUR) == [("9001", 9 * MINUTE)]
