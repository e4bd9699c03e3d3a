"""Steps of the story that several end-to-end tests take: ring, register, click, listen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from ivr.phrases import date_items, phone_items
from scheduler.clock import to_local
from tests.e2e.audio import has_begun, heard, heard_in_a_row, seconds
from tests.e2e.phones import Call, CallerId, Phone, PhoneError, Phones
from tests.e2e.service import Json, Service
from tests.e2e.waiting import until_answered

LILLEVIK = "+4773000010"
FALLBACK = "+4740000001"
CALLER = "+4740001234"
CLOCK = ("id", "registered_at", "due_at", "answer_by_date", "reference")


_SLACK = timedelta(seconds=1)
_LISTEN_EVERY = 0.2
"""Seconds. Listening costs as much as all else; several phones do it at the same time."""


async def hears(
    call: Call,
    service: Service,
    item: str,
    timeout: float = 20,
    share: float = 0.5,
    since: timedelta = timedelta(),
) -> None:
    """Wait until the phone has heard enough of a prompt to know it; after a moment of its recording, if need be."""
    await service.fetch_prompts(item)
    prompt = service.prompt(item)
    await _listens(call, item, timeout, _in_what_is_new(prompt, since, partial(heard, share=share)))


async def hears_begin(call: Call, service: Service, item: str, since: timedelta, timeout: float = 40) -> None:
    """Wait for the first half second of a prompt, after a moment of the recording."""
    await service.fetch_prompts(item)
    prompt = service.prompt(item)
    await _listens(call, item, timeout, _in_what_is_new(prompt, since, has_begun))


def _in_what_is_new(prompt: Path, since: timedelta, found: Callable[..., bool]) -> Callable[[Path], bool]:
    """Looks for the prompt where it can be heard since the last look: what it was not in then, it is not in now."""
    longest = timedelta(seconds=seconds(prompt)) + _SLACK
    begins = since

    def look(recording: Path) -> bool:
        nonlocal begins
        end = timedelta(seconds=seconds(recording))
        if found(recording, prompt, since=begins):
            return True
        begins = max(begins, end - longest)
        return False

    return look


async def _listens(call: Call, item: str, timeout: float, found: Callable[[Path], bool]) -> None:
    """Beside the event loop: another phone may have a key to press just now."""

    async def listen() -> bool:
        return call.hears_anything and await asyncio.to_thread(found, call.recording())

    await until_answered(listen, timeout, f"{call.phone.number}: {item} is heard", _LISTEN_EVERY)


def now_in(call: Call) -> timedelta:
    """This moment in the call's recording."""
    return timedelta(seconds=seconds(call.recording()) if call.hears_anything else 0)


async def together(*callers: tuple[str, Coroutine[Any, Any, None]], at_once: int = 6) -> None:
    """All of these, some at a time; every one that fails is told, by its name."""
    room = asyncio.Semaphore(at_once)

    async def one(name: str, caller: Coroutine[Any, Any, None]) -> Exception | None:
        async with room:
            try:
                await caller
            except (AssertionError, PhoneError, ValueError, TimeoutError) as error:
                error.add_note(f"in: {name}")
                return error
        return None

    failed = [error for error in await asyncio.gather(*(one(*caller) for caller in callers)) if error]
    if failed:
        raise ExceptionGroup("; ".join(error.__notes__[0] for error in failed), failed)


async def rings_the_office(service: Service, phone: Phone, caller_id: CallerId = "shown") -> Call:
    """Ring, and hear the office begin: with its greeting. Keys count from there on."""
    call = await (await phone.call(LILLEVIK, caller_id=caller_id)).answered()
    await hears(call, service, "nb/intake.greeting")
    return call


async def is_promised(call: Call, service: Service, request: Json, language: str = "nb") -> None:
    """Hear the date and the number that will be rung, in pairs and one right after the other, then the choices; and
    nobody has hung up."""
    items = promise_items(request, language)
    await service.fetch_prompts(*items)
    row = [service.prompt(item) for item in items]
    await hears(call, service, f"{language}/intake.choices", 40, share=0.2)
    # So little of the choices may sound like something said before them: the row is waited for, too.
    await _listens(call, "the promise", 40, lambda sound: not heard_in_a_row(sound, row))
    await hears(call, service, f"{language}/intake.choices", share=0.2)
    assert call.state == "up"


def promise_items(request: Json, language: str = "nb") -> tuple[str, ...]:
    """What is promised: the date, and the number that will be rung."""
    answer_by = date.fromisoformat(request["answer_by_date"])
    if request["urgency"] == "urgent":
        answer_by = to_local(datetime.fromisoformat(request["due_at"])).date()
    if answer_by == to_local(datetime.now(UTC)).date():
        promise: tuple[str, ...] = (f"{language}/intake.promise_today",)
    else:
        promise = (f"{language}/intake.promise", *date_items(answer_by, language))
    return (*promise, f"{language}/intake.on_number", *phone_items(request["phone"], language))


async def heard_row(call: Call, service: Service, *items: str, since: timedelta = timedelta()) -> None:
    """Wait until these were heard, one right after the other."""
    await service.fetch_prompts(*items)
    row, missed = [service.prompt(item) for item in items], list[str]()

    def all_of_it(sound: Path) -> bool:
        missed[:] = [prompt.stem for prompt in heard_in_a_row(sound, row, since=since)]
        return not missed

    try:
        await _listens(call, "the row", 20, all_of_it)
    except AssertionError as error:
        raise AssertionError(f"{call.phone.number}: not heard: {missed}") from error


FIRST_WORDS = {
    "": "nb/intake.greeting",
    "0": "nb/intake.connecting",
    "1": "nb/intake.registered",
    "11": "nb/intake.urgent_which",
    "111": "nb/intake.urgent_now",
    "112": "nb/intake.urgent_now",
    "113": "nb/intake.urgent_now",
    "12": "nb/intake.promise",
    "121": "nb/intake.promise_again",
    "122": "nb/intake.enter_number",
    "123": "nb/intake.when",
    "1232": "nb/intake.noted",
    "124": "nb/intake.discreet_noted",
    "125": "nb/intake.language",
    "1252": "en/intake.promise",
    "2": "nb/intake.language",
    "22": "en/intake.greeting",
    "221": "en/intake.registered",
    "3": "nb/intake.registered",
    "32": "nb/intake.enter_number",
    "39": "nb/intake.withdraw_sure",
    "399": "nb/intake.withdrawn",
}
"""In the menu that ships, by what was pressed so far. (`promise_today` begins as `promise` does; 3 is for one on the
list.)"""


async def comes_to(call: Call, service: Service, keys: str) -> None:
    """Press these keys, each as soon as the step before it has begun to speak, and hear the last one begin."""
    for at, key in enumerate(keys, 1):
        pressed = now_in(call)
        await call.press(key)
        await hears_begin(call, service, FIRST_WORDS[keys[:at]], pressed)


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
