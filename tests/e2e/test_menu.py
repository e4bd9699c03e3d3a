"""The ways through the menu that are not the straight one, on a real Asterisk with real softphones."""

from __future__ import annotations

import asyncio

from tests.e2e import sip_exchange
from tests.e2e.audio import heard
from tests.e2e.phones import Phones
from tests.e2e.service import Service
from tests.e2e.story import CALLER, CLOCK, FALLBACK, LILLEVIK, hears, is_promised, registers, rings_the_office


async def test_urgent(service: Service, public: Phones) -> None:
    """1, then 1 for urgent and 2 for food: first on the list, and told so before the promise."""
    call = await rings_the_office(service, await public.phone(CALLER))
    await call.press("1")
    await hears(call, service, "nb/intake.urgent")
    await call.press("1")
    await hears(call, service, "nb/intake.urgent_which", share=0.3)
    await call.press("2")
    request = await service.request_of(CALLER)
    request = await service.when(request, lambda r: r["reason"] == "no_food", "the reason is kept")
    assert request["urgency"] == "urgent"
    await is_promised(call, service, request)
    await service.fetch_prompts("nb/intake.urgent_now")
    assert heard(call.recording(), service.prompt("nb/intake.urgent_now"))
    await call.hang_up()


async def test_language(service: Service, public: Phones) -> None:
    """2 offers the languages, each in its own words; from then on the menu and the promise are in English."""
    call = await rings_the_office(service, await public.phone(CALLER))
    await call.press("2")
    await hears(call, service, "en/intake.language")
    await call.press("2")
    await hears(call, service, "en/intake.greeting", share=0.3)
    await call.press("1")
    await hears(call, service, "en/intake.urgent", share=0.3)
    await call.press("2")
    request = await service.request_of(CALLER)
    assert request["language"] == "en"
    await is_promised(call, service, request, "en")
    await call.hang_up()


async def test_when(service: Service, public: Phones) -> None:
    """In the promise, 3 and then 2: they wish to be rung in the morning, and hear that it is noted."""
    call = await rings_the_office(service, await public.phone(CALLER))
    await call.press("12")
    request = await service.request_of(CALLER)
    await is_promised(call, service, request)
    await call.press("3")
    await hears(call, service, "nb/intake.when", share=0.3)
    await call.press("2")
    request = await service.when(request, lambda r: r["day_part"] == "morning", "the wish is kept")
    await hears(call, service, "nb/intake.noted")
    await call.hang_up()
    after = await service.request_of(CALLER)
    assert [after[key] for key in CLOCK] == [request[key] for key in CLOCK]


async def test_discreet(service: Service, public: Phones) -> None:
    """In the promise, 4: no messages will be left, and they hear so."""
    call = await rings_the_office(service, await public.phone(CALLER))
    await call.press("12")
    request = await service.request_of(CALLER)
    assert not request["discreet"]
    await is_promised(call, service, request)
    await call.press("4")
    await service.when(request, lambda r: r["discreet"], "the request is discreet")
    await hears(call, service, "nb/intake.discreet_noted")
    await call.hang_up()


async def test_status(service: Service, public: Phones) -> None:
    """Whoever rings again and presses 3 hears that they are on the list; it is the same request."""
    request = await registers(service, public)
    call = await rings_the_office(service, await public.phone(CALLER))
    await call.press("3")
    await hears(call, service, "nb/intake.status_choices", share=0.3)
    await service.fetch_prompts("nb/intake.registered")
    assert heard(call.recording(), service.prompt("nb/intake.registered"))
    await call.hang_up()
    assert await service.request_of(CALLER) == request


async def test_keys_pressed_ahead(service: Service, public: Phones) -> None:
    """A caller who knows the menu presses 1 and 2 at once: on the list, and the promise is heard all the same."""
    call = await (await (await public.phone(CALLER)).call(LILLEVIK)).answered()
    await call.press("12")
    request = await service.request_of(CALLER)
    await is_promised(call, service, request)
    await call.press("1")
    await hears(call, service, "nb/intake.promise_again", share=0.3)
    await call.hang_up()
    assert await service.request_of(CALLER) == request


async def test_a_key_that_no_command_heard(service: Service, public: Phones) -> None:
    """A service that stands still for a moment: what is pressed meanwhile, Asterisk drops. It counts all the same."""
    call = await rings_the_office(service, await public.phone(CALLER))
    with service.standing_still():
        for key in "12":
            await call.press(key)
            await asyncio.sleep(0.5)
    request = await service.request_of(CALLER)
    await is_promised(call, service, request)
    await service.fetch_prompts("nb/intake.urgent_later")
    assert not heard(call.recording(), service.prompt("nb/intake.urgent_later")), "2 was taken for silence"
    await call.hang_up()


async def test_a_person_when_nobody_can_answer(service: Service, public: Phones) -> None:
    """0 asks for a person; with the office closed or the telephone dead, the caller is put on the list and promised."""
    public.exchange.script(FALLBACK, sip_exchange.OUT_OF_ORDER)
    call = await rings_the_office(service, await public.phone(CALLER))
    await call.press("0")
    await hears(call, service, "nb/intake.nobody_now", 30)
    await hears(call, service, "nb/intake.urgent", 30)
    await call.press("2")
    await is_promised(call, service, await service.request_of(CALLER))
    await call.hang_up()
