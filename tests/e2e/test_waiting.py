"""Callers who wait on the line, on a real Asterisk with real softphones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.e2e.phones import Call, Phones
from tests.e2e.service import Service
from tests.e2e.story import CALLER, CLOCK, hears, last, rings_the_office
from tests.e2e.test_put_through import hear_each_other


async def kari_takes_calls(service: Service, since: timedelta) -> None:
    async with service.store() as store:
        await store.set_ready("kari", datetime.now(UTC))
        await store.postpone_ready("kari", datetime.now(UTC) + since)


async def waits(service: Service, public: Phones) -> Call:
    """Kari takes calls and is at work after one: 1 and 2, and the caller hears that they may wait, and music."""
    await kari_takes_calls(service, timedelta(hours=1))
    call = await rings_the_office(service, await public.phone(CALLER))
    await call.press("1")
    await hears(call, service, "nb/intake.urgent", share=0.3)
    await call.press("2")
    await hears(call, service, "nb/wait.next", share=0.4)
    return call


async def test_waits_and_is_put_through(service: Service, public: Phones, office: Phones) -> None:
    """Music, until Kari is free: her telephone rings and says why, she presses 1, and they talk."""
    kari = await office.phone("201")
    caller = await waits(service, public)
    request = await service.request_of(CALLER)
    await hears(caller, service, "nb/wait.music", 30, share=0.2)
    await kari_takes_calls(service, timedelta())
    staff = await (await kari.incoming(timeout=30)).answer()
    await hears(staff, service, "nb/whisper.waiting")
    await staff.press("1")
    await hear_each_other((await public.phone(CALLER), caller), (kari, staff))
    await staff.hang_up()
    after = await service.when(request, lambda r: r["state"] == "result_due", "the talk is over")
    assert (last(after)["caseworker"], last(after)["outcome"]) == ("kari", "answered")
    assert [after[key] for key in CLOCK] == [request[key] for key in CLOCK]
    await caller.closed()


async def test_would_rather_be_rung(service: Service, public: Phones) -> None:
    """1: we ring them, the promise, and the request is as it was."""
    caller = await waits(service, public)
    request = await service.request_of(CALLER)
    await caller.press("1")
    await hears(caller, service, "nb/wait.we_ring_you")
    await hears(caller, service, "nb/intake.on_number")
    await caller.hang_up()
    assert request["waits"]
    assert await service.get(f"/requests/{request['id']}") == request | {"waits": False}
