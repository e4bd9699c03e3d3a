"""A caller hangs up at each step of the menu that ships, on a real Asterisk with real softphones."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any
from unittest.mock import ANY

from hardware.asterisk.local_pbx import LocalPbx
from scheduler.clock import from_local, to_local
from tests.e2e.phones import CallerId, Phones
from tests.e2e.service import Json, Service
from tests.e2e.story import FALLBACK, LILLEVIK, added, comes_to, hears, together
from tests.e2e.waiting import until_answered

AS_REGISTERED: dict[str, Any] = {
    "state": "waiting",
    "urgency": "ordinary",
    "reason": "unspecified",
    "language": "nb",
    "day_part": None,
    "discreet": False,
    "reachable_until": None,
}
DUTY_RUNG = ("calling", "unreachable")
"""Whoever is on duty is rung for what is urgent as soon as the caller is gone, and may not pick up."""
OTHER_NUMBER = "90010042"
KEYED_NUMBER = "90010043"
RINGING_CALLER = "+4740100999"


@dataclass(frozen=True, slots=True)
class Place:
    """One place in the menu: `keys` lead there, the caller presses `then` and hears `hears`, if any, and is gone."""

    name: str
    keys: str
    kept: dict[str, Any] | None = field(default_factory=dict[str, Any])
    """What the request says beside AS_REGISTERED; None: nobody is put on the list."""
    then: str = ""
    hears: str = ""
    on_list: bool = False
    """They were on it before."""


PLACES = (
    Place("greeting", "", None, hears="nb/intake.greeting"),
    Place("language", "2", None),
    Place("greeting in English", "22", None),
    Place("urgent", "1", hears="nb/intake.urgent"),
    Place("urgent in English", "221", {"language": "en"}),
    Place("urgent: which", "11", {"urgency": ANY, "reason": ANY}),
    Place("urgent: told", "112", {"urgency": "urgent", "reason": "no_food"}),
    Place("promise", "12", hears="nb/intake.on_number"),
    Place("number", "122"),
    Place("number, half of it", "122", then="9001"),
    Place("number read back", "122", then=OTHER_NUMBER, hears="nb/intake.confirm_entered"),
    Place("when", "123"),
    Place("when: told", "1232", {"day_part": "morning"}),
    Place("borrowed", "123", {"reachable_until": time(16)}, "5", "nb/intake.on_number"),
    Place("discreet", "124", {"discreet": True}),
    Place("language, later", "125"),
    Place("language, later: told", "1252", {"language": "en"}),
    Place("goodbye", "121"),
    Place("a person", "0"),
    Place("status", "3", hears="nb/intake.next_try_soon", on_list=True),
    Place("status, who is not on the list", "", None, "3", "nb/intake.status_none"),
    Place("status: number", "32", on_list=True),
    Place("withdraw: sure?", "39", on_list=True),
    Place("withdraw", "399", {"state": "withdrawn"}, on_list=True),
)
WITHHELD = (
    Place("withheld: greeting", "", None, hears="nb/intake.greeting"),
    Place("withheld: reference", "", None, "3", "nb/intake.enter_reference"),
    Place("withheld: urgent", "1", hears="nb/intake.urgent"),
    Place("withheld: number", "112", {"reason": "no_food"}, hears="nb/intake.enter_number"),
    Place("withheld: number, half of it", "113", {"reason": "no_power"}, "9001"),
    Place(
        "withheld: number read back",
        "111",
        {"reason": "no_shelter", "phone": f"+47{KEYED_NUMBER}"},
        KEYED_NUMBER,
        "nb/intake.confirm_entered",
    ),
)
"""Known by their reason: they have no number."""


def caller_of(place: Place) -> str:
    """Each rings from a number of their own."""
    return f"+4740100{(*PLACES, *WITHHELD).index(place):03}"


async def test_hanging_up_anywhere(pbx: LocalPbx, patient_service: Service, public: Phones) -> None:
    """Whoever pressed 1 is on the list once, with all they had told; nobody else is; and no call is left."""
    service = patient_service
    before = {place.name: await added(service, caller_of(place)) for place in PLACES if place.on_list}
    await together(
        ("a person's telephone rings", _hangs_up_while_it_rings(public)),
        *[(place.name, _hangs_up_at(place, service, public)) for place in (*PLACES, *WITHHELD)],
        at_once=8,
    )
    for number in (RINGING_CALLER, f"+47{KEYED_NUMBER}"):  # both are written after they have gone
        await service.request_of(number)
    await until_answered(lambda: _nothing_is_up(pbx), 20, "the PBX has no call")
    wrong = {place.name: await _wrong(place, service, before.get(place.name)) for place in PLACES}
    assert {name: what for name, what in wrong.items() if what} == {}
    nameless = [r for r in await service.requests() if not r["phone"] or r["phone"].endswith(KEYED_NUMBER)]
    expected = [
        (place.kept.get("phone"), place.kept.get("reason", "unspecified"))
        for place in WITHHELD
        if place.kept is not None
    ]
    assert Counter((r["phone"], r["reason"]) for r in nameless) == Counter(expected)
    assert {r["number_source"] for r in nameless if r["phone"]} == {"keyed"}
    await service.stop()
    (stopping,) = service.log("stopping")
    assert stopping["calls_up"] == 0


async def _hangs_up_at(place: Place, service: Service, public: Phones) -> None:
    caller_id: CallerId = "withheld" if place in WITHHELD else "shown"
    call = await (await (await public.phone(caller_of(place))).call(LILLEVIK, caller_id=caller_id)).answered()
    await comes_to(call, service, place.keys)
    await call.press(place.then)
    if place.hears:
        await hears(call, service, place.hears, 40, share=0.3)
    await call.hang_up()


async def _hangs_up_while_it_rings(public: Phones) -> None:
    on_call = await public.phone(FALLBACK)
    call = await (await (await public.phone(RINGING_CALLER)).call(LILLEVIK)).answered()
    await call.press("0")
    staff = await on_call.incoming(timeout=40)
    await call.hang_up()
    await staff.closed()


async def _nothing_is_up(pbx: LocalPbx) -> bool:
    return re.search(r"^0 active channels", await pbx.cli("core show channels"), re.MULTILINE) is not None


async def _wrong(place: Place, service: Service, before: Json | None) -> str:
    """What is not as it should be; empty when all is."""
    found = await service.requests(phone=caller_of(place))
    if place.kept is None or len(found) != 1:
        return "" if place.kept is None and not found else f"on the list {len(found)} times"
    (request,) = found
    if before is not None and request["id"] != before["id"]:
        return "another request than before"
    kept = AS_REGISTERED | {"phone": caller_of(place)} | place.kept
    kept["reachable_until"] = _until(kept["reachable_until"], request)
    if request["urgency"] == "urgent" and request["state"] in DUTY_RUNG:
        kept["state"] = request["state"]
    differ = [f"{key} is {request[key]}" for key, value in kept.items() if request[key] != value]
    return ", ".join(differ)


def _until(until: time | None, request: Json) -> str | None:
    """Today at that time, as the API says it; None after it: it cannot be kept any more."""
    told = to_local(datetime.fromisoformat(request["registered_at"]))
    if until is None or told.time() >= until:
        return None
    return from_local(datetime.combine(told.date(), until)).isoformat().replace("+00:00", "Z")
