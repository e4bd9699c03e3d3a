"""Steps of the story that several end-to-end tests take: ring, register, click, listen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from ivr.phrases import date_items, phone_items
from scheduler.clock import to_local
from tests.e2e.audio import heard, heard_in_a_row
from tests.e2e.phones import Call, CallerId, Phone, Phones
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


async def rings_the_office(service: Service, phone: Phone, caller_id: CallerId = "shown") -> Call:
    """Ring, and hear the office begin: with its greeting. Keys count from there on."""
    call = await (await phone.call(LILLEVIK, caller_id=caller_id)).answered()
    await hears(call, service, "nb/intake.greeting")
    return call


async def is_promised(call: Call, service: Service, request: Json, language: str = "nb") -> None:
    """Hear the date and the number that will be rung, in pairs and one right after the other, then the choices; and
    nobody has hung up."""
    await hears(call, service, f"{language}/intake.choices", 40, share=0.1)
    assert call.state == "up"
    answer_by = date.fromisoformat(request["answer_by_date"])
    if request["urgency"] == "urgent":
        answer_by = to_local(datetime.fromisoformat(request["due_at"])).date()
    if answer_by == to_local(datetime.now(UTC)).date():
        promise: tuple[str, ...] = (f"{language}/intake.promise_today",)
    else:
        promise = (f"{language}/intake.promise", *date_items(answer_by, language))
    items = (
        *promise,
        *(f"{language}/intake.on_number", *phone_items(request["phone"], language)),
    )
    await service.fetch_prompts(*items)
    assert heard_in_a_row(call.recording(), [service.prompt(item) for item in items]) == []


async def registers(service: Service, public: Phones, number: str = CALLER) -> Json:
    """Ring the office, press 1, nothing is urgent, hear the promise, press 1, hear the last words out."""
    call = await rings_the_office(service, await public.phone(number))
    await call.press("1")
    await hears(call, service, "nb/intake.urgent")
    await call.press("2")
    request = await service.request_of(number)
    await is_promised(call, service, request)
    await call.press("1")
    await call.closed(timeout=40)
    return request


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


async def picks_up(caller: Call, service: Service, request: Json) -> None:
    """The person who is rung answers, and presses 1 where they are asked first."""
    await caller.answer()
    if request["number_source"] != "caller_id":
        await hears(caller, service, "nb/screen.callback", share=0.2)
        await caller.press("1")


async def talking(service: Service, public: Phones, office: Phones, request: Json) -> tuple[Call, Call]:
    """Until both are joined: (caseworker's call, caller's call)."""
    await public.phone(request["phone"])
    staff = await click_and_accept(service, office, request)
    caller = await (await public.phone(request["phone"])).incoming()
    await picks_up(caller, service, request)
    await service.when(request, lambda r: last(r)["connected_at"], "they talk")
    return staff, caller


def last(request: Json) -> dict[str, Any]:
    attempt: dict[str, Any] = request["attempts"][-1]
    return attempt


def ended(count: int) -> Callable[[Json], object]:
    """So many attempts, and the last one is over."""
    return lambda r: len(r["attempts"]) == count and last(r)["ended_at"]
