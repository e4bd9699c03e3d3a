"""One call, all the way, on a real Asterisk with real softphones: what the caller and the caseworker live through."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.e2e import sip_exchange
from tests.e2e.audio import heard, listen_for, tone_seconds
from tests.e2e.phones import Phones
from tests.e2e.service import Service
from tests.e2e.story import (
    CALLER,
    CLOCK,
    LILLEVIK,
    added,
    click_and_accept,
    ended,
    hears,
    hears_begin,
    is_promised,
    last,
    registers,
    rings_the_office,
    talking,
)
from tests.e2e.waiting import until


async def test_registered_called_back_and_reached(service: Service, public: Phones, office: Phones) -> None:
    """The caller hears greeting and promise, is called back, both hear each other, and the result is recorded."""
    caller = await public.phone(CALLER)
    first = await rings_the_office(service, caller)
    await hears(first, service, "nb/intake.greeting", 45, share=0.9)
    await first.press("1")
    request = await service.request_of(CALLER)
    await hears(first, service, "nb/intake.urgent")
    await first.press("2")
    await is_promised(first, service, request)
    await first.press("1")
    await first.closed(timeout=40)
    played = [f"nb/intake.{name}" for name in ("greeting", "registered", "promise_again", "goodbye")]
    await service.fetch_prompts(*played)
    for item in played:
        assert listen_for(first.recording(), service.prompt(item)).share >= 0.6, item
    await public.phone(CALLER)
    staff = await click_and_accept(service, office, request)
    back = await caller.incoming()
    assert back.peer == LILLEVIK
    await back.answer()
    kari = await office.phone("201")
    await until(
        lambda: tone_seconds(back.recording(), kari.voice_hz) > 1, what="the caller hears the caseworker"
    )
    await until(
        lambda: tone_seconds(staff.recording(), caller.voice_hz) > 1, what="the caseworker hears the caller"
    )
    await service.when(request, lambda r: last(r)["connected_at"], "the conversation is on the record")
    await back.hang_up()
    await hears(staff, service, "nb/closing.over")
    await staff.closed()
    talked = await service.when(request, lambda r: r["state"] == "result_due", "the result is due")
    assert last(talked)["outcome"] == "answered"
    status, done = await service.post(f"/requests/{request['id']}/result", {"result": "reached"})
    assert (status, done["state"]) == (200, "reached")
    assert [done[key] for key in CLOCK] == [request[key] for key in CLOCK]


async def test_hanging_up_right_after_1_is_registered(service: Service, public: Phones) -> None:
    """A caller who presses 1 and is gone is on the list all the same."""
    call = await (await (await public.phone(CALLER)).call(LILLEVIK)).answered()
    await hears_begin(call, service, "nb/intake.greeting", timedelta())
    await call.press("1")
    await call.hang_up()
    request = await service.request_of(CALLER)
    assert (request["state"], request["origin"]) == ("waiting", "phone")


async def test_no_answer_then_busy_then_answered(service: Service, public: Phones, office: Phones) -> None:
    """One request, three attempts, the same clock; the caseworker hears how each one went."""
    request = await registers(service, public)
    public.exchange.script(CALLER, sip_exchange.NO_ANSWER, sip_exchange.BUSY, sip_exchange.TO_THE_PHONE)
    for count, outcome, words in ((1, "no_answer", "nb/closing.no_answer"), (2, "busy", "nb/closing.busy")):
        staff = await click_and_accept(service, office, request)
        await hears(staff, service, words)
        await staff.closed()
        missed = await service.when(request, ended(count), "the attempt has ended")
        assert (missed["state"], last(missed)["outcome"]) == ("unreachable", outcome)
        assert missed["next_attempt_at"] > last(missed)["ended_at"]
    staff, back = await talking(service, public, office, request)
    await staff.hang_up()
    await back.closed()
    after = await service.when(request, ended(3), "the third attempt has ended")
    assert [a["outcome"] for a in after["attempts"]] == ["no_answer", "busy", "answered"]
    assert [after[key] for key in CLOCK] == [request[key] for key in CLOCK]


@pytest.mark.parametrize(
    ("network", "outcome"),
    [
        (sip_exchange.DECLINED, "declined"),
        (sip_exchange.UNALLOCATED, "invalid"),
        (sip_exchange.SWITCHED_OFF, "no_answer"),
        (sip_exchange.OUT_OF_ORDER, "line_failed"),
    ],
    ids=["declined", "unallocated", "switched off", "trunk failure"],
)
async def test_outcomes_are_told_apart(
    service: Service, public: Phones, office: Phones, network: sip_exchange.Answer, outcome: str
) -> None:
    """What the network answers becomes the right outcome, said to the caseworker and written with its cause."""
    request = await added(service)
    public.exchange.script(CALLER, network)
    staff = await click_and_accept(service, office, request)
    await staff.closed(timeout=40)
    missed = await service.when(request, ended(1), "the attempt has ended")
    assert last(missed)["outcome"] == outcome
    assert isinstance(last(missed)["cause"], int)
    if outcome != "no_answer":
        await service.fetch_prompts(f"nb/closing.{outcome}")
        assert heard(staff.recording(), service.prompt(f"nb/closing.{outcome}"), 0.5)


async def test_a_withheld_caller_keys_in_a_number(service: Service, public: Phones) -> None:
    """Premium, foreign, short and emergency numbers are refused kindly and asked again; a real one is kept."""
    call = await (await public.phone(CALLER)).call(LILLEVIK, caller_id="withheld")
    await call.answered()
    await call.press("1")
    await hears(call, service, "nb/intake.urgent")
    await call.press("2")
    await hears(call, service, "nb/intake.enter_number")
    for keys, why in (("82900000", "premium"), ("0046701234567", "foreign"), ("02800#", "short")):
        await call.press(keys)
        await hears(call, service, f"nb/number.refused.{why}", 30)
    await call.press("90001234")
    await hears(call, service, "nb/intake.confirm_entered", 30)
    await call.press("1")
    request = await service.request_of("+4790001234")
    await is_promised(call, service, request)
    await call.press("1")
    await hears(call, service, "nb/intake.promise_again", 30)
    await call.closed(timeout=40)
    assert request["origin"] == "phone"
    assert len(await service.requests(office="9001")) == 1


async def test_an_emergency_number_is_refused(service: Service, public: Phones) -> None:
    """112 is never rung back; the caller hears why and may try again or hang up, and stays registered."""
    call = await (await public.phone(CALLER)).call(LILLEVIK, caller_id="withheld")
    await call.answered()
    await call.press("1")
    await hears(call, service, "nb/intake.urgent")
    await call.press("2")
    await hears(call, service, "nb/intake.enter_number")
    await call.press("112#")
    await hears(call, service, "nb/number.refused.emergency")
    await call.hang_up()
    (request,) = await service.requests(office="9001")
    assert (request["phone"], request["state"]) == (None, "waiting")


async def test_a_silent_caller_is_promised_a_call(service: Service, public: Phones) -> None:
    """A caller who presses nothing at all hears the promise and is on the list."""
    call = await (await public.phone(CALLER)).call(LILLEVIK)
    request = await service.request_of(CALLER, timeout=60)
    assert request["phone"] == CALLER
    await is_promised(call, service, request)
    await call.closed(timeout=90)
    for item in ("nb/intake.greeting_again", "nb/intake.urgent_later", "nb/intake.promise_again"):
        await service.fetch_prompts(item)
        assert heard(call.recording(), service.prompt(item)), item


async def test_two_caseworkers_press_ring(service: Service, public: Phones, office: Phones) -> None:
    """Two clicks in the same moment: one telephone rings, and the other caseworker is told who has it."""
    request = await added(service)
    await office.phone("201")
    await office.phone("202")
    answers = await asyncio.gather(
        *[service.post(f"/requests/{request['id']}/call", {"caseworker": who}) for who in ("kari", "ola")]
    )
    assert sorted(status for status, _ in answers) == [202, 409]
    (refused,) = [body for status, body in answers if status == 409]
    assert refused["details"]["held_by"]
    await until(lambda: office.exchange.offered("201") + office.exchange.offered("202") == 1)
    assert len((await service.get(f"/requests/{request['id']}"))["attempts"]) == 1
