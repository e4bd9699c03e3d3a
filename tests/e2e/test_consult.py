"""The contact centre rings an on-call line, on a real Asterisk with real softphones: it ends with a person or a reference.

On duty are Kari (a mobile), Ola and Sami (desk telephones); Liv is their leader (a mobile).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from callback.access import Access
from callback.consult import Consult, ConsultOutcome, DutyLeg, DutyOutcome
from callback.desk import Desk
from callback.shifts import Planned
from config.load import load
from config.model import Role
from hardware.asterisk.local_pbx import LocalPbx
from ivr.phrases import reference_items
from scheduler.clock import SystemClock
from tests.e2e import sip_exchange
from tests.e2e.audio import heard
from tests.e2e.phones import Call, Phones
from tests.e2e.service import Json, Service
from tests.e2e.story import CALLER, heard_row, hears
from tests.e2e.test_put_through import hear_each_other
from tests.e2e.waiting import until_answered

pytestmark = pytest.mark.long
CENTRE, OTHER_CENTRE, ON_CALL = "+4755553333", "+4755553334", "+4773000011"
KARI, LIV = "+4740000001", "+4740000003"
LINE = f"""
[[line]]
id = "vakt"
office_no = "9001"
number = "{ON_CALL}"
people = ["kari", "ola", "sami"]
leader = "liv"
ring_for = "10s"
"""
LONGEST = 'longest = "1m"'
OPEN = {
    f'callers = ["{CENTRE}"]': f'callers = ["{CENTRE}", "{OTHER_CENTRE}"]',
    LONGEST: LONGEST,
    '"07:00-21:00"': '"00:00-23:59"',
}


@pytest_asyncio.fixture
async def line(
    pbx: LocalPbx, tmp_path: Path, request: pytest.FixtureRequest, phone_dir: Path
) -> AsyncIterator[Service]:
    """The service with this on-call line, or what a test wants of it."""
    text, changes = LINE, dict(OPEN)
    for old, new in getattr(request, "param", {}).items():
        text = text.replace(old, new)
        if old in changes:
            changes[old] = new
    async with Service(tmp_path / "service", changes=changes, files={"oncall.toml": text}) as running:
        await running.line_up()
        yield running


async def rings(phones: Phones, number: str = CENTRE) -> Call:
    return await (await (await phones.phone(number)).call(ON_CALL)).answered()


async def accepts(service: Service, phones: Phones, number: str, timeout: float = 40) -> Call:
    call = await (await (await phones.phone(number)).incoming(timeout)).answer()
    await hears(call, service, "nb/whisper.consult")
    await call.press("1")
    return call


async def records(service: Service) -> list[tuple[Consult, tuple[DutyLeg, ...]]]:
    async with service.store() as store:
        return await store.consults(SystemClock().now() - timedelta(hours=1))


async def record(
    service: Service, ended: bool = True
) -> tuple[Consult, list[tuple[str, DutyOutcome | None]]]:
    """The newest, as soon as it has ended: who was rung, and what came of it."""

    async def look() -> tuple[Consult, tuple[DutyLeg, ...]] | None:
        found = await records(service)
        return found[-1] if found and (found[-1][0].ended_at or not ended) else None

    newest = await until_answered(look, 20, "the call is on record")
    assert newest is not None
    return newest[0], [(leg.person_id, leg.outcome) for leg in newest[1]]


async def is_promised(service: Service, centre: Call) -> Json:
    """The promise, the number keyed in, and the reference, heard to its end."""
    await hears(centre, service, "nb/consult.promise", 90)
    await centre.press("1")
    await hears(centre, service, "nb/consult.number")
    await centre.press(CALLER.removeprefix("+47"))
    await hears(centre, service, "nb/consult.we_ring")
    await centre.press("1")
    request = await service.request_of(CALLER)
    await hears(centre, service, "nb/consult.reference", 30)
    await centre.closed(timeout=40)
    await heard_row(centre, service, "nb/consult.reference", *reference_items(request["reference"], "nb"))
    return request


async def test_the_first_accepts_and_then_the_third(
    line: Service, contact_centre: Phones, public: Phones, office: Phones
) -> None:
    """The first: they talk, and one key says that it is solved. Then one who says no, a voicemail, and the third."""
    kari = await public.phone(KARI)
    ola, sami = await office.phone("202"), await office.phone("203")
    centre = await rings(contact_centre)
    await hears(centre, line, "nb/office.calling-kari")
    on_duty = await accepts(line, public, KARI)
    await hear_each_other((await contact_centre.phone(CENTRE), centre), (kari, on_duty))
    await centre.hang_up()
    await hears(on_duty, line, "nb/duty.result")
    await on_duty.press("1")
    await on_duty.closed()
    consult, legs = await record(line)
    assert (consult.answered_by, consult.outcome) == ("kari", ConsultOutcome.ANSWERED)
    assert legs == [("kari", DutyOutcome.TALKED)]

    async def solved() -> bool:
        return (await record(line))[0].result == "solved"

    await until_answered(solved, 10, "the result is on record")

    centre = await rings(contact_centre)
    refuses = await (await kari.incoming(40)).answer()
    await hears(refuses, line, "nb/whisper.accept", share=0.3)
    await refuses.press("2")
    voicemail = await (await ola.incoming(40)).answer()
    await accepts(line, office, "203", 60)
    await hear_each_other((await contact_centre.phone(CENTRE), centre), (sami, sami.calls[-1]))
    await voicemail.closed()
    await centre.hang_up()
    _, legs = await record(line)
    assert legs == [
        ("kari", DutyOutcome.DECLINED),
        ("ola", DutyOutcome.NO_ANSWER),
        ("sami", DutyOutcome.TALKED),
    ]


@pytest.mark.parametrize("line", [{LONGEST: 'longest = "30s"'}], indirect=True)
async def test_nobody_takes_it(line: Service, contact_centre: Phones, public: Phones, office: Phones) -> None:
    """Busy, no such telephone, switched off, and the leader's voicemail, which hears what it is for the second time when
    it is stopped: the promise, within the half minute that was set; to hear the sentence takes two seconds more."""
    public.exchange.script(KARI, sip_exchange.BUSY)
    office.exchange.script("202", sip_exchange.SWITCHED_OFF)
    office.exchange.script("203", sip_exchange.OUT_OF_ORDER)
    liv = await public.phone(LIV)
    began = SystemClock().now()
    centre = await rings(contact_centre)
    voicemail = await (await liv.incoming(40)).answer()
    await hears(centre, line, "nb/consult.nobody", 60)
    assert SystemClock().now() - began < timedelta(seconds=33)
    await voicemail.closed()
    request = await is_promised(line, centre)
    async with line.store() as store:
        kept = await store.get(request["id"])
    assert kept is not None
    assert (kept.urgency, kept.is_open, kept.registered_by) == ("urgent", True, "nks")
    consult, legs = await record(line)
    assert (consult.outcome, consult.request_id) == (ConsultOutcome.PROMISED, request["id"])
    assert [person for person, _ in legs] == ["kari", "ola", "sami", "liv"]
    assert legs[0][1] is DutyOutcome.BUSY
    assert legs[3][1] is DutyOutcome.NO_ANSWER


@pytest.mark.parametrize("line", [{'"kari", "ola", "sami"': "", 'leader = "liv"\n': ""}], indirect=True)
async def test_nobody_on_the_roster(line: Service, contact_centre: Phones) -> None:
    """At once the promise."""
    await is_promised(line, await rings(contact_centre))


async def test_whoever_accepted_is_gone(
    line: Service, contact_centre: Phones, public: Phones, office: Phones
) -> None:
    """After two seconds: the contact centre is not dropped, and Ola is rung."""
    await public.phone(KARI)
    ola = await office.phone("202")
    centre = await rings(contact_centre)
    on_duty = await accepts(line, public, KARI)
    await asyncio.sleep(2)
    await on_duty.hang_up()
    await hears(centre, line, "nb/consult.dropped")
    second = await accepts(line, office, "202")
    await hear_each_other((await contact_centre.phone(CENTRE), centre), (ola, second))
    await centre.hang_up()
    consult, legs = await record(line)
    assert (consult.answered_by, legs) == (
        "ola", [("kari", DutyOutcome.DROPPED), ("ola", DutyOutcome.TALKED)],
    )  # fmt: skip


@pytest.mark.parametrize("line", [{"ring_for": 'ring = "all"\nring_for'}], indirect=True)
async def test_all_at_once(line: Service, contact_centre: Phones, public: Phones, office: Phones) -> None:
    """The contact centre hangs up while three ring: all stop within a second. Then one accepts, and the others stop."""
    phones = [await public.phone(KARI), await office.phone("202"), await office.phone("203")]
    centre = await rings(contact_centre)
    ringing = [await phone.incoming(40) for phone in phones]
    await centre.hang_up()
    await asyncio.gather(*(call.closed(timeout=1) for call in ringing))
    consult, legs = await record(line)
    assert consult.outcome is ConsultOutcome.GAVE_UP
    assert {outcome for _, outcome in legs} == {DutyOutcome.CANCELLED}

    centre = await rings(contact_centre)
    kari, ola, sami = [await phone.incoming(40) for phone in phones]
    await ola.answer()  # a voicemail picks up first
    await sami.answer()
    await hears(sami, line, "nb/whisper.consult")
    await sami.press("1")
    await asyncio.gather(kari.closed(timeout=2), ola.closed(timeout=2))
    await hear_each_other((await contact_centre.phone(CENTRE), centre), (phones[2], sami))
    await centre.hang_up()
    _, legs = await record(line)
    assert dict(legs) == {
        "kari": DutyOutcome.CANCELLED,
        "ola": DutyOutcome.CANCELLED,
        "sami": DutyOutcome.TALKED,
    }


@pytest.mark.parametrize(
    "line",
    [{'ring_for = "10s"': 'ring_for = "40s"', ', "sami"': "", 'leader = "liv"\n': ""}],
    indirect=True,
)
async def test_two_at_once_and_the_service_dies(
    line: Service, contact_centre: Phones, public: Phones, office: Phones
) -> None:
    """Kari is rung for the first: Ola is for the second. `kill -9` while both ring: both accept, talk, and are on record."""
    kari, ola = await public.phone(KARI), await office.phone("202")
    first = await rings(contact_centre)
    to_kari = await kari.incoming(40)
    second = await rings(contact_centre, OTHER_CENTRE)
    await hears(second, line, "nb/office.calling-ola")
    to_ola = await ola.incoming(40)
    await line.kill()
    await line.start()
    await line.line_up()
    for call in (to_kari, to_ola):
        await call.answer()
        await hears(call, line, "nb/whisper.accept", share=0.3)
        await call.press("1")
    await hear_each_other((await contact_centre.phone(CENTRE), first), (kari, to_kari))
    await hear_each_other((await contact_centre.phone(OTHER_CENTRE), second), (ola, to_ola))
    await first.hang_up()
    await second.hang_up()

    async def told() -> bool:
        found = await records(line)
        return all(consult.ended_at for consult, _ in found)

    await until_answered(told, 30, "both are on record")
    found = await records(line)
    assert {consult.answered_by for consult, _ in found} == {"kari", "ola"}
    await line.fetch_prompts("nb/consult.nobody")
    assert not heard(first.recording(), line.prompt("nb/consult.nobody"), 0.5)


async def test_the_shift_changes_while_it_rings(
    line: Service, contact_centre: Phones, public: Phones, office: Phones
) -> None:
    """Sami has it from now on: he is rung next, and Ola is not."""
    await public.phone(KARI)
    sami = await office.phone("203")
    centre = await rings(contact_centre)
    refuses = await (await (await public.phone(KARI)).incoming(40)).answer()
    file = line.directory / "config" / "oncall.toml"
    file.write_text(file.read_text().replace('"kari", "ola", "sami"', '"sami"'))
    await reload(line)
    await hears(refuses, line, "nb/whisper.accept", share=0.3)
    await refuses.press("2")
    on_duty = await accepts(line, office, "203", 60)
    await hear_each_other((await contact_centre.phone(CENTRE), centre), (sami, on_duty))


async def test_whoever_is_about_to_be_on_duty_confirms_it(line: Service, public: Phones) -> None:
    """Kari is rung before her shift, hears from when, and presses 1."""
    kari, clock = await public.phone(KARI), SystemClock()
    async with line.store() as store:
        desk = Desk(store, load(line.directory / "config", os.environ, line="simulated"), clock)
        begins_at = clock.now() + timedelta(minutes=10)
        shift = Planned(("kari",), begins_at, begins_at + timedelta(minutes=5))
        await desk.add_override(desk.line("vakt"), shift, "liv")
    call = await (await kari.incoming(40)).answer()
    await hears(call, line, "nb/duty.check")
    await hears(call, line, "nb/duty.confirm")
    await call.press("1")
    await call.closed()
    consult, legs = await record(line)
    assert (consult.answered_by, legs) == ("kari", [("kari", DutyOutcome.TALKED)])


async def reload(service: Service) -> None:
    """What an administrator does when the roster has changed."""
    async with service.store() as store:
        config = load(service.directory / "config", os.environ, line="simulated")
        token = await Access(store, config, SystemClock()).create_token("it", Role.ADMIN, None)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(service.url, headers=headers) as client,
        client.post("/api/v1/reload") as answer,
    ):
        assert answer.status == 200, await answer.text()
