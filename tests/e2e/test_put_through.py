"""Callers who are put through, and people who are asked before they are joined, on a real Asterisk with real softphones."""

from __future__ import annotations

from ivr.intake import SHORT_TALK
from tests.e2e import sip_exchange
from tests.e2e.audio import heard, tone_seconds
from tests.e2e.phones import Call, Phone, Phones
from tests.e2e.service import Json, Service
from tests.e2e.story import (
    CALLER,
    CLOCK,
    FALLBACK,
    LILLEVIK,
    added,
    click_and_accept,
    ended,
    hears,
    is_promised,
    last,
    rings_the_office,
)
from tests.e2e.waiting import until


async def is_missed(service: Service, public: Phones, office: Phones) -> Json:
    """They pressed 1, hung up, and were engaged when Kari rang them."""
    call = await rings_the_office(service, await public.phone(CALLER))
    await call.press("1")
    request = await service.request_of(CALLER)
    await call.hang_up()
    public.exchange.script(CALLER, sip_exchange.BUSY)
    staff = await click_and_accept(service, office, request)
    request = await service.when(request, ended(1), "the attempt is over")
    assert last(request)["outcome"] == "busy"
    await staff.closed()
    return request


async def rings_back(service: Service, public: Phones) -> Call:
    call = await (await (await public.phone(CALLER)).call(LILLEVIK)).answered()
    await hears(call, service, "nb/intake.connecting")
    return call


async def hear_each_other(one: tuple[Phone, Call], other: tuple[Phone, Call], seconds: float = 1) -> None:
    for (_, listens), (speaks, _) in ((one, other), (other, one)):
        await until(
            lambda c=listens, p=speaks: tone_seconds(c.recording(), p.voice_hz) > seconds, 30, "they talk"
        )


async def test_rings_back_and_is_put_through(service: Service, public: Phones, office: Phones) -> None:
    """No menu: the one who tried is rung, hears why, presses 1, and they talk; it is the same request."""
    request = await is_missed(service, public, office)
    caller = await rings_back(service, public)
    staff = await (await (await office.phone("201")).incoming()).answer()
    await hears(staff, service, "nb/whisper.return_call")
    await staff.press("1")
    await hear_each_other((await public.phone(CALLER), caller), (await office.phone("201"), staff))
    request = await service.when(request, lambda r: last(r)["connected_at"], "the talk is on the record")
    await service.fetch_prompts("nb/intake.greeting")
    assert not heard(caller.recording(), service.prompt("nb/intake.greeting"), 0.3)
    await caller.hang_up()
    after = await service.when(request, lambda r: r["state"] == "result_due", "the talk is over")
    assert [after[key] for key in CLOCK] == [request[key] for key in CLOCK]
    assert [a["outcome"] for a in after["attempts"]] == ["busy", "answered"]
    await staff.closed()


async def test_rings_back_and_nobody_can_take_it(service: Service, public: Phones, office: Phones) -> None:
    """Kari presses 2: the caller hears that they are rung as soon as we can, has the menu, and is due at once."""
    request = await is_missed(service, public, office)
    caller = await rings_back(service, public)
    staff = await (await (await office.phone("201")).incoming()).answer()
    await hears(staff, service, "nb/whisper.accept", share=0.3)
    await staff.press("2")
    await hears(caller, service, "nb/intake.next_try_soon", 30)
    await hears(caller, service, "nb/intake.greeting", 30)
    after = await service.when(request, ended(2), "the attempt is over")
    assert (after["state"], last(after)["outcome"]) == ("unreachable", "cancelled")
    await caller.hang_up()


async def test_rings_back_and_hangs_up(service: Service, public: Phones, office: Phones) -> None:
    """The colleague's telephone stops within two seconds, and the request is on the list."""
    request = await is_missed(service, public, office)
    caller = await rings_back(service, public)
    staff = await (await office.phone("201")).incoming()
    await caller.hang_up()
    await staff.closed(timeout=2)
    after = await service.when(request, ended(2), "the attempt is over")
    assert after["state"] == "unreachable"


async def test_a_person_takes_the_call(service: Service, public: Phones) -> None:
    """0: the on-call telephone rings, hears what it is, presses 1, and the two are joined."""
    on_call = await public.phone(FALLBACK)
    caller = await rings_the_office(service, await public.phone(CALLER))
    await caller.press("0")
    staff = await (await on_call.incoming(timeout=30)).answer()
    await hears(staff, service, "nb/whisper.transfer")
    await staff.press("1")
    long_enough = SHORT_TALK.total_seconds() + 1
    await hear_each_other((await public.phone(CALLER), caller), (on_call, staff), long_enough)
    await caller.hang_up()
    await hears(staff, service, "nb/duty.result")
    await staff.press("1")
    await staff.closed()
    assert await service.requests(phone=CALLER) == [], "a person has taken it"


async def test_a_voicemail_takes_nobody(service: Service, public: Phones) -> None:
    """The on-call telephone is answered and nothing is pressed: the caller is put on the list and promised a call."""
    on_call = await public.phone(FALLBACK)
    caller = await rings_the_office(service, await public.phone(CALLER))
    await caller.press("0")
    await (await on_call.incoming(timeout=30)).answer()
    await hears(caller, service, "nb/intake.nobody_now", 60)
    await hears(caller, service, "nb/intake.urgent", 30)
    await caller.press("2")
    await is_promised(caller, service, await service.request_of(CALLER))
    await caller.hang_up()


async def test_9_is_never_called_again(service: Service, public: Phones, office: Phones) -> None:
    """A number that somebody gave for them: they hear a neutral greeting, press 9, and are not rung any more."""
    request = await added(service)
    phone = await public.phone(CALLER)
    staff = await click_and_accept(service, office, request)
    callee = await (await phone.incoming()).answer()
    await hears(callee, service, "nb/screen.callback", share=0.3)
    await callee.press("9")
    await hears(staff, service, "nb/closing.never_call")
    after = await service.when(request, ended(1), "the attempt is over")
    assert last(after)["outcome"] == "declined"
    assert after["asked_not_to_be_called"]
    status, body = await service.post(f"/requests/{request['id']}/call", {"caseworker": "kari"})
    assert status == 409, body
    await staff.closed()


async def test_who_presses_nothing_is_joined(service: Service, public: Phones, office: Phones) -> None:
    """A frightened callee at a number that somebody gave for them hears the greeting out, and then a person."""
    request = await added(service)
    phone = await public.phone(CALLER)
    staff = await click_and_accept(service, office, request)
    callee = await (await phone.incoming()).answer()
    await service.when(request, lambda r: last(r)["connected_at"], "they talk", 60)
    await callee.hang_up()
    await staff.closed()
