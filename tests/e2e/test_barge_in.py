"""A key in the middle of a prompt, at each kind of step, on a real Asterisk with real softphones."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ivr.phrases import phone_items
from tests.e2e.audio import share_of_rest
from tests.e2e.phones import Phones
from tests.e2e.service import Service
from tests.e2e.story import LILLEVIK, added, comes_to, hears, hears_begin, now_in, together

STOPS_WITHIN = timedelta(seconds=1)
"""After the key. The tone of a key is itself a part of that."""
NUMBER = "90010051"
OTHER_NUMBER = "90010052"


@dataclass(frozen=True, slots=True)
class Cut:
    """`keys`, and then `then`, lead to a step that says `playing`; `press` is pressed in the middle of its first words."""

    step: str
    keys: str
    playing: tuple[str, ...]
    press: str
    leads_to: str
    kept: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the request says after it."""
    then: str = ""
    on_list: bool = False
    withheld: bool = False


REFERENCE = "the reference"
READ_BACK = ("nb/intake.we_ring_on", *phone_items(f"+47{OTHER_NUMBER}", "nb"), "nb/intake.confirm_entered")
LANGUAGES = ("nb/intake.language", "nb/digit.1", "en/intake.language", "en/digit.2")
STATUS = ("nb/intake.registered", "nb/intake.next_try_soon", "nb/intake.status_choices")
CUTS = (
    Cut("choose", "", ("nb/intake.greeting",), "1", "nb/intake.registered", {"state": "waiting"}),
    Cut("language", "2", LANGUAGES, "2", "en/intake.greeting"),
    Cut("register", "1", ("nb/intake.registered", "nb/intake.urgent"), "2", "nb/intake.on_number"),
    Cut("urgent", "11", ("nb/intake.urgent_which",), "3", "nb/intake.urgent_now", {"reason": "no_power"}),
    Cut("number", "122", ("nb/intake.enter_number",), NUMBER, "nb/intake.confirm_entered"),
    Cut("read back", "122", READ_BACK, "1", "nb/intake.on_number", {"phone": f"+47{OTHER_NUMBER}"}, OTHER_NUMBER),
    Cut("when", "123", ("nb/intake.when",), "4", "nb/intake.noted", {"day_part": "afternoon"}),
    Cut("set", "124", ("nb/intake.discreet_noted",), "1", "nb/intake.promise_again", {"discreet": True}),
    Cut("status", "3", STATUS, "9", "nb/intake.withdraw_sure", {"state": "waiting"}, on_list=True),
    Cut("sure?", "39", ("nb/intake.withdraw_sure",), "9", "nb/intake.withdrawn", {"state": "withdrawn"}, on_list=True),
    Cut("reference", "", ("nb/intake.enter_reference",), REFERENCE, STATUS[0], then="3", on_list=True, withheld=True),
)  # fmt: skip


async def test_a_key_in_the_middle_of_a_prompt(patient_service: Service, public: Phones) -> None:
    """It stops the prompt within a second, the rest of it is not heard, and it does what it says."""
    await together(
        *[
            (cut.step, _cuts_it_short(cut, f"+4740100{at:03}", patient_service, public))
            for at, cut in enumerate(CUTS)
        ],
        at_once=6,
    )


async def _cuts_it_short(cut: Cut, number: str, service: Service, public: Phones) -> None:
    request = await added(service, number) if cut.on_list else None
    press = request["reference"] if request and cut.press == REFERENCE else cut.press
    phone = await public.phone(number)
    await service.fetch_prompts(*cut.playing)
    call = await (await phone.call(LILLEVIK, caller_id="withheld" if cut.withheld else "shown")).answered()
    await comes_to(call, service, cut.keys)
    if cut.then or not cut.keys:
        began = now_in(call) if cut.then else timedelta()
        await call.press(cut.then)
        await hears_begin(call, service, cut.playing[0], began)
    pressed = now_in(call)
    await call.press(press)
    await hears(call, service, cut.leads_to, 30, since=pressed)
    playing = [service.prompt(item) for item in cut.playing]
    rest = share_of_rest(call.recording(), playing, pressed, STOPS_WITHIN)
    assert rest < 0.5, f"{rest:.0%} of the rest is heard"
    if cut.kept:
        request = request or await service.request_of(str(cut.kept.get("phone", number)))
        kept = await service.get(f"/requests/{request['id']}")
        assert {key: kept[key] for key in cut.kept} == cut.kept
    await call.hang_up()
