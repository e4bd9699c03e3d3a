"""Callers who change their mind, miss a key or have no number to show, all at the same time, on a real Asterisk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from ivr.intake_number import NUMBER_TRIES
from ivr.phrases import phone_items, reference_items
from scheduler.clock import from_local, to_local
from tests.e2e.audio import heard, listen_for
from tests.e2e.phones import Call, Phones
from tests.e2e.service import Service
from tests.e2e.story import (
    CLOCK,
    LILLEVIK,
    added,
    comes_to,
    heard_row,
    hears,
    hears_begin,
    is_promised,
    now_in,
    together,
)

BORROWED_UNTIL = time(16)


@dataclass(frozen=True, slots=True)
class Town:
    """Where they ring from, and whom."""

    service: Service
    public: Phones

    async def rings(self, number: str, *, withheld: bool = False) -> Call:
        phone = await self.public.phone(number)
        return await (await phone.call(LILLEVIK, caller_id="withheld" if withheld else "shown")).answered()


async def test_many_ways(patient_service: Service, public: Phones) -> None:
    """Each of them is understood, and is on the list (or off it) as they said."""
    town = Town(patient_service, public)
    await together(
        ("no number to show", _no_number_to_show(town)),
        ("another number", _another_number(town)),
        ("withdraws", _withdraws(town)),
        ("a borrowed telephone", _borrowed(town)),
        ("wrong keys", _wrong_keys(town)),
        ("the same again", _the_same_again(town)),
    )


async def _another_number(town: Town) -> None:
    """2 in the promise: keyed in, read back in pairs, wrong, keyed in again, confirmed, and promised."""
    service, (own, wrong, right) = town.service, ("+4740100001", "90010061", "90010062")
    call = await town.rings(own)
    await comes_to(call, service, "122")
    for number in (wrong, right):
        pressed = now_in(call)
        await call.press(number)
        await hears(call, service, "nb/intake.confirm_entered", 30, share=0.7, since=pressed)
        row = ("nb/intake.we_ring_on", *phone_items(f"+47{number}", "nb"), "nb/intake.confirm_entered")
        await heard_row(call, service, *row, since=pressed)
        assert (await service.request_of(own))["phone"] == own, "not confirmed yet"
        if number == wrong:
            pressed = now_in(call)
            await call.press("2")
            await hears_begin(call, service, "nb/intake.enter_number", pressed)
    before = await service.request_of(own)
    await call.press("1")
    request = await service.request_of(f"+47{right}")
    assert request["number_source"] == "keyed"
    assert [request[key] for key in CLOCK] == [before[key] for key in CLOCK]
    await is_promised(call, service, request)
    await call.hang_up()
    assert await service.requests(phone=own) == await service.requests(phone=wrong) == []


async def _borrowed(town: Town) -> None:
    """5 where they are asked when: it is rung until four today; after four nothing is noted, and nothing is lost."""
    service, number = town.service, "+4740100002"
    call = await town.rings(number)
    await comes_to(call, service, "123")
    before, pressed = to_local(datetime.now(UTC)), now_in(call)
    await call.press("5")
    await hears(call, service, "nb/intake.on_number", 30, since=pressed)
    request = await service.request_of(number)
    until = from_local(datetime.combine(before.date(), BORROWED_UNTIL))
    told = None if request["reachable_until"] is None else datetime.fromisoformat(request["reachable_until"])
    await service.fetch_prompts("nb/intake.noted")
    noted = heard(call.recording(), service.prompt("nb/intake.noted"), since=pressed)
    in_time = [at.time() < BORROWED_UNTIL for at in (before, to_local(datetime.now(UTC)))]
    assert (noted, told) in [(True, until) if early else (False, None) for early in in_time]
    await is_promised(call, service, request)
    await call.hang_up()


async def _no_number_to_show(town: Town) -> None:
    """They give none and are told a reference, twice; with it they ring back, and then they have a number."""
    service, phone, number = town.service, "+4740100003", "90010063"
    call = await town.rings(phone, withheld=True)
    await comes_to(call, service, "1")
    pressed = now_in(call)
    await call.press("2")
    await hears_begin(call, service, "nb/intake.enter_number", pressed)
    for _ in range(NUMBER_TRIES):
        pressed = now_in(call)
        await call.press("#")
        await hears(call, service, "nb/number.refused.not_a_number", share=0.3, since=pressed)
    await hears(call, service, "nb/intake.ring_back", 60, since=pressed)
    (request,) = [r for r in await service.requests(office="9001", state="open") if r["phone"] is None]
    said = ("nb/intake.no_number", *reference_items(request["reference"], "nb"))
    await heard_row(call, service, *said, *said)
    await call.hang_up()
    again = await town.rings(phone, withheld=True)
    await again.press("3")
    await hears(again, service, "nb/intake.enter_reference", share=0.3)
    await again.press(request["reference"])
    await hears(again, service, "nb/intake.next_try_soon", share=0.3)
    pressed = now_in(again)
    await again.press("2")
    await hears_begin(again, service, "nb/intake.enter_number", pressed)
    await again.press(number)
    await hears(again, service, "nb/intake.confirm_entered", 30, share=0.2)
    await again.press("1")
    after = await service.request_of(f"+47{number}")
    assert [after[key] for key in CLOCK] == [request[key] for key in CLOCK]
    await again.hang_up()


async def _the_same_again(town: Town) -> None:
    """`*` says it from the beginning, as often as they like, and is nobody's answer."""
    service, number = town.service, "+4740100004"
    call = await town.rings(number)
    await comes_to(call, service, "1")
    for _ in range(3):
        await hears(call, service, "nb/intake.urgent", share=0.3, since=now_in(call))
        pressed = now_in(call)
        await call.press("*")
        await hears(call, service, "nb/intake.urgent", share=0.2, since=pressed)
        urgent = listen_for(call.recording(), service.prompt("nb/intake.urgent"), since=pressed)
        assert urgent.offset - pressed < timedelta(seconds=2), "at once, and without what was said before it"
    await hears(call, service, "nb/intake.urgent", share=0.9, since=pressed)
    await call.press("2")
    request = await service.request_of(number)
    assert request["urgency"] == "ordinary"
    await is_promised(call, service, request)
    await call.hang_up()
    assert len(await service.requests(phone=number)) == 1


async def _wrong_keys(town: Town) -> None:
    """They are told, and asked once more; after the third the call goes on with what is known."""
    service, number = town.service, "+4740100005"
    call = await town.rings(number)
    await comes_to(call, service, "1")
    for _ in range(2):
        pressed = now_in(call)
        await call.press("7")
        await hears(call, service, "nb/intake.wrong_key", since=pressed)
        await hears(call, service, "nb/intake.urgent", share=0.3, since=pressed)
    await call.press("8")
    await hears(call, service, "nb/intake.urgent_later")
    request = await service.request_of(number)
    assert request["urgency"] == "ordinary"
    await is_promised(call, service, request)
    await call.hang_up()


async def _withdraws(town: Town) -> None:
    """9 asks whether they are sure: 1 keeps their place; 9 once more takes them off the list, and they are told."""
    service, number = town.service, "+4740100006"
    request = await added(service, number)
    call = await town.rings(number)
    await comes_to(call, service, "39")
    await call.press("1")
    await is_promised(call, service, request)
    await call.hang_up()
    assert (await service.request_of(number))["state"] == "waiting"
    call = await town.rings(number)
    await comes_to(call, service, "39")
    assert (await service.request_of(number))["state"] == "waiting", "asked twice"
    await call.press("9")
    await hears(call, service, "nb/intake.withdrawn")
    await service.when(request, lambda r: r["state"] == "withdrawn", "they are off the list")
    await call.closed(timeout=40)
    await service.fetch_prompts("nb/intake.goodbye")
    assert heard(call.recording(), service.prompt("nb/intake.goodbye"))
