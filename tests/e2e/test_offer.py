"""Whoever takes calls is rung by itself for the next in turn, on a real Asterisk with real softphones."""

from __future__ import annotations

from tests.e2e.phones import Phones
from tests.e2e.service import Service
from tests.e2e.story import CALLER, CLOCK, added, ended, hears, last, picks_up


async def test_the_next_one_is_offered(service: Service, public: Phones, office: Phones) -> None:
    """Nobody clicks. Kari's telephone rings out, so she is away and Ola's rings: he accepts with 1, and they talk."""
    kari, ola, callers = await office.phone("201"), await office.phone("202"), await public.phone(CALLER)
    request = await added(service)
    await service.take_calls("kari", "ola")
    ringing = await kari.incoming(timeout=30)
    await ringing.closed(timeout=30)
    staff = await (await ola.incoming(timeout=30)).answer()
    await hears(staff, service, "nb/whisper.press_1")
    await staff.press("1")
    caller = await callers.incoming()
    await picks_up(caller, service, request)
    request = await service.when(request, lambda r: last(r)["connected_at"], "they talk")
    await caller.hang_up()
    after = await service.when(request, lambda r: r["state"] == "result_due", "the talk is over")
    assert [(a["caseworker"], a["outcome"]) for a in after["attempts"]] == [
        ("kari", "cancelled"),
        ("ola", "answered"),
    ]
    assert [after[key] for key in CLOCK] == [request[key] for key in CLOCK]
    assert ended(2)(after)
    assert await service.takers() == ["ola"], "who did not take the telephone is away"
