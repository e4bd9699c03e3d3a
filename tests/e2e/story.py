"""Steps of the story that several end-to-end tests take: ring, register, click, listen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.e2e.audio import heard
from tests.e2e.phones import Call, Phones
from tests.e2e.service import Json, Service
from tests.e2e.waiting import until

LILLEVIK = "+4773000010"
FALLBACK = "+4740000001"
CALLER = "+4740001234"
CLOCK = ("id", "registered_at", "due_at", "answer_by_date", "reference")


async def hears(call: Call, service: Service, item: str, timeout: float = 20, share: float = 0.5) -> None:
    """Wait until the phone has heard enough of a prompt to know it."""
    await service.fetch_prompts(item)
    await until(lambda: heard(call.recording(), service.prompt(item), share), timeout, f"{item} is heard")


async def registers(service: Service, public: Phones, number: str = CALLER) -> Json:
    """Ring the office, press 1, press 1, hear the promise out."""
    call = await (await public.phone(number)).call(LILLEVIK)
    await call.answered()
    await hears(call, service, "nb/intake.greeting")
    await call.press("1")
    await hears(call, service, "nb/intake.your_number")
    await call.press("1")
    await call.closed(timeout=40)
    return await service.request_of(number)


async def added(service: Service, number: str = CALLER) -> Json:
    """On the list by the API, for tests that are about the callback."""
    status, request = await service.post("/requests", {"office_no": "9001", "phone": number})
    assert status == 201
    return request


async def click_and_accept(service: Service, office: Phones, request: Json, extension: str = "201") -> Call:
    """The caseworker clicks Ring, answers, listens and presses 1."""
    phone = await office.phone(extension)
    await service.ring(request)
    call = await phone.incoming()
    await call.answer()
    await hears(call, service, "nb/whisper.callback")
    await call.press("1")
    return call


async def talking(service: Service, public: Phones, office: Phones, request: Json) -> tuple[Call, Call]:
    """Until both are joined: (caseworker's call, caller's call)."""
    await public.phone(request["phone"])
    staff = await click_and_accept(service, office, request)
    caller = await (await public.phone(request["phone"])).incoming()
    await caller.answer()
    await service.when(request, lambda r: last(r)["connected_at"], "they talk")
    return staff, caller


def last(request: Json) -> dict[str, Any]:
    attempt: dict[str, Any] = request["attempts"][-1]
    return attempt


def ended(count: int) -> Callable[[Json], object]:
    """So many attempts, and the last one is over."""
    return lambda r: len(r["attempts"]) == count and last(r)["ended_at"]
