"""What every Store answers about many consult calls: spans, promises and what became of them, counts, waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from callback.consult import Consult, ConsultCaller, ConsultOutcome, DutyOutcome, EndedCall, Promise
from callback.request import AttemptOutcome, RequestState
from callback.store import Change, Store
from tests.contract.store_factory import T0, new_attempt, new_entry, new_request
from tests.contract.test_store_consults import consult, leg

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def ended(consult_id: str, outcome: ConsultOutcome, **fields: object) -> Consult:
    return consult(consult_id, ended_at=T0 + 9 * HOUR, outcome=outcome, **fields)


async def test_a_span(store: Store) -> None:
    """From the first moment, up to the last without it; of one office or all; only what has ended."""
    waited = {"answered_at": T0 + HOUR + 9 * MINUTE, "answered_by": "kari"}
    for name, hours, office_no, more in (
        ("c1", 0, "9001", {}), ("c2", 1, "9001", waited), ("c3", 1, "9002", {}), ("c4", 2, "9001", {}),
    ):  # fmt: skip
        call = ended(name, ConsultOutcome.ANSWERED if more else ConsultOutcome.LOST)
        await store.save_consult(replace(call, started_at=T0 + hours * HOUR, office_no=office_no, **more))
        for n, outcome in enumerate((DutyOutcome.NO_ANSWER, DutyOutcome.NO_ANSWER, DutyOutcome.TALKED)):
            one = leg(f"{name}.{n}", of=name)
            await store.ring_duty(one)
            await store.save_duty_leg(replace(one, ended_at=T0, outcome=outcome))
    await store.save_consult(consult("c5", started_at=T0 + HOUR))
    check = ended("c6", ConsultOutcome.GAVE_UP, started_at=T0 + HOUR, caller=ConsultCaller.DUTY_CHECK)
    await store.save_consult(check)
    asked = leg("c6.0", "siv", "9", "c6")
    await store.ring_duty(asked)
    await store.save_duty_leg(replace(asked, ended_at=T0, outcome=DutyOutcome.NO_ANSWER))
    answered = EndedCall("9001", ConsultCaller.CONTACT_CENTRE, ConsultOutcome.ANSWERED, 9 * MINUTE)
    lost = replace(answered, outcome=ConsultOutcome.LOST, waited=None)
    other = replace(lost, office_no="9002")
    assert await store.ended_calls(T0 + HOUR, T0 + 2 * HOUR, "9001") == [answered]
    assert await store.ended_calls(T0, T0 + 2 * HOUR) == [lost, answered, other]
    rung = await store.duty_outcomes(T0, T0 + 2 * HOUR)
    assert {(one.office_no, one.outcome): one.count for one in rung} == {
        ("9001", DutyOutcome.NO_ANSWER): 4, ("9001", DutyOutcome.TALKED): 2,
        ("9002", DutyOutcome.NO_ANSWER): 2, ("9002", DutyOutcome.TALKED): 1,
    }  # fmt: skip
    assert [one.count for one in await store.duty_outcomes(T0 + HOUR, T0 + 2 * HOUR, "9002")] == [2, 1]
    assert {one.person_id for one in rung} == {"kari"}


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
    assert await store.promises(T0, T0 + HOUR) == [bare]
    claim = replace(request, state=RequestState.CLAIMED, claimed_by="kari", claimed_at=T0 + 40 * MINUTE)
    entry = new_entry(request, event="claimed", actor="kari", at=T0 + 40 * MINUTE, to_state="claimed")
    (request,) = await store.save(Change(claim, (entry,)))
    assert (await store.promises(T0, T0 + HOUR))[0].taken_at == T0 + 40 * MINUTE
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
    assert await store.promises(T0, T0 + HOUR, "9001") == [whole]
    assert await store.promises(T0, began) == []
    assert await store.promises(T0, T0 + HOUR, "9002") == []
    assert [call.id for call in await store.consults_of(request.id)] == ["c1", "c2", "c3"]
    assert await store.consults_of("another") == []


async def test_counts(store: Store) -> None:
    """All that have ended, by office, who asked and outcome."""
    await store.save_consult(ended("c1", ConsultOutcome.PROMISED))
    await store.save_consult(ended("c2", ConsultOutcome.PROMISED, caller=ConsultCaller.CALLER))
    await store.save_consult(ended("c3", ConsultOutcome.LOST, office_no="9002"))
    await store.save_consult(ended("c4", ConsultOutcome.LOST, office_no="9002"))
    await store.save_consult(consult("c5"))
    assert await store.consult_counts() == {
        ("9001", ConsultCaller.CONTACT_CENTRE, ConsultOutcome.PROMISED): 1,
        ("9001", ConsultCaller.CALLER, ConsultOutcome.PROMISED): 1,
        ("9002", ConsultCaller.CONTACT_CENTRE, ConsultOutcome.LOST): 2,
    }
