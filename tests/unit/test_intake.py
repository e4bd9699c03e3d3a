"""The intake machine on the shipped menu: every way through it, and what a caller can never experience."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callback.numbers import Refusal
from config.menu import LanguageNode, Menu, OnCallNode, WithdrawNode
from config.model import VoiceSpeed
from hardware.line import (
    Connected,
    Dial,
    DigitsEntered,
    Hangup,
    LegEnded,
    LegOutcome,
    NoInput,
    Prompt,
)
from ivr import intake
from ivr.consult_port import NobodyLeft, RingNow, Rung
from ivr.intake_state import IntakeState, Node
from ivr.intake_status import REFERENCE_TRIES
from ivr.intake_urgent import URGENT_REASONS
from ivr.machine import (
    CheckNumber,
    Find,
    Found,
    IllegalTransition,
    NotRegistered,
    NumberAccepted,
    Register,
    Registered,
    SetNumber,
    Update,
    Updated,
)
from tests.unit.intake_caller import (
    ANSWER_BY,
    CALLER,
    CATALOGUE,
    CLOSED,
    FOUND,
    MENU,
    NOW,
    OFFICE,
    OTHER,
    REFERENCE,
    Caller,
)

THEN_A_QUESTION = MENU.model_copy(
    update={"node": MENU.node | {"person": OnCallNode(kind="on_call", next="greeting")}}
)
KARI = RingNow(
    "c", (Rung("leg-to-d1", "kari", "+4740000001"),), 0, timedelta(seconds=20), timedelta(minutes=1)
)
"""On duty, alone."""
URGENT = Update("r1", urgent_reason="unspecified")


def test_answers_with_the_greeting_and_takes_a_key() -> None:
    """The call is answered and the greeting comes first; English callers hear in English that there is English."""
    caller = Caller()
    assert caller.prompt.items == ("nb/intake.greeting", "en/intake.other_languages", "nb/intake.been_before")
    assert caller.prompt.digits == 1


def test_one_registers_at_once() -> None:
    """Pressing 1 registers before anything else is said."""
    caller = Caller()
    state, commands = intake.step(caller.state, DigitsEntered("leg", "1"), NOW)
    assert commands == (Register("9001", CALLER, "nb", "key"),)
    assert state.node is Node.REGISTERING


def test_two_keys_from_the_greeting_to_the_promise() -> None:
    """1 and 2 lead from the greeting to the promise with date and number; then one may hang up, or wait."""
    caller = Caller().keys("1")
    assert caller.hears("intake.registered", "intake.urgent")
    caller.keys("2")
    assert caller.hears(
        "intake.promise", "weekday.3", "date.25", "month.11", "intake.on_number", "number.40", "number.12"
    )
    caller.keys("1")
    assert caller.hears("intake.promise_again", "intake.goodbye")
    assert caller.prompt.digits == 0
    assert caller.keys("-").over
    assert caller.hangs_up().state.ended


def test_a_silent_caller_is_registered_and_promised() -> None:
    """Whoever presses nothing at all hears the simpler question once, is registered, and hears the promise."""
    caller = Caller().keys("-")
    assert caller.hears("intake.greeting_again")
    caller.keys("-")
    assert caller.did(Register) == [Register("9001", CALLER, "nb", "silence")]
    for _ in range(10):
        if caller.over:
            break
        caller.keys("-")
    assert caller.over
    assert "nb/intake.promise" in caller.heard
    assert "nb/intake.urgent_later" in caller.heard


def test_wrong_keys_are_met_with_patience() -> None:
    """Wrong keys are answered kindly twice, and then the caller is registered all the same."""
    caller = Caller().keys("7")
    assert caller.hears("intake.wrong_key", "intake.greeting_again")
    caller.keys("8", "9")
    assert caller.did(Register) == [Register("9001", CALLER, "nb", "wrong_key")]


def test_a_star_repeats_and_is_no_mistake() -> None:
    """`*` plays the question again as often as one likes, within reason."""
    caller = Caller()
    first = caller.prompt.items
    for _ in range(5):
        caller.keys("*")
        assert caller.prompt.items == first
        assert caller.state.mistakes == 0
    for _ in range(200):
        if caller.over:
            break
        caller.keys("*" if caller.prompt.digits else "-")
    assert caller.over
    assert caller.did(Register), "whoever only ever repeats is registered in the end"


@pytest.mark.parametrize(("key", "reason"), list(URGENT_REASONS.items()))
def test_urgent(key: str, reason: str) -> None:
    """Yes and which one: urgent from then on, and they hear what happens now."""
    caller = Caller().keys("1", "1")
    assert caller.hears("intake.urgent_which")
    caller.keys(key)
    assert caller.did(Update) == [URGENT, Update("r1", urgent_reason=reason)]
    assert caller.hears("intake.urgent_now", "wait.offer")
    assert caller.keys("-").hears("intake.nobody_now", "intake.promise")


def test_urgent_at_the_key_press() -> None:
    """Whoever says yes and is gone before saying what they lack is urgent; no reason is made up for them."""
    caller = Caller().keys("1", "1").hangs_up()
    assert caller.did(Update) == [URGENT]
    assert caller.state.ended


@pytest.mark.parametrize("unclear", [["-", "-"], ["9", "9", "9"], ["*", "9", "-", "-"]])
def test_urgent_without_a_clear_reason_is_urgent(unclear: list[str]) -> None:
    """Who said yes is not made ordinary by an unclear second answer."""
    caller = Caller().keys("1", "1", *unclear)
    assert caller.did(Update) == [URGENT]
    assert caller.hears("intake.urgent_now", "wait.offer")
    assert caller.keys("1").hears("wait.we_ring_you", "intake.promise")


@pytest.mark.parametrize("unclear", [["-", "-"], ["9", "9", "9"]])
def test_no_clear_answer_is_ordinary(unclear: list[str]) -> None:
    """No clear answer to the question: ordinary, and told how to say it later."""
    caller = Caller().keys("1", *unclear)
    assert not caller.did(Update)
    assert caller.hears("intake.urgent_later", "intake.promise")


def test_a_language_without_a_voice_is_announced_in_bokmal() -> None:
    """Its own words would be heard as "For norsk": bokmål names it and its key, and the key still chooses it."""
    office = replace(OFFICE, languages=("nb", "so", "uk", "sma"))
    caller = Caller(office=office).keys("2")
    assert caller.prompt.items == (
        *("nb/intake.language", "nb/digit.1"),
        *("nb/intake.language_so", "nb/digit.2"),
        *("uk/intake.language", "uk/digit.3"),
        *("nb/intake.language_sma", "nb/digit.4"),
    )
    caller.keys("4", "1")
    assert caller.did(Register) == [Register("9001", CALLER, "sma", "key", chosen=True)]


def test_language_before_registering() -> None:
    """The language is one key, each choice is said in its own language, and it is registered with the request."""
    caller = Caller().keys("2")
    assert caller.prompt.items == ("nb/intake.language", "nb/digit.1", "en/intake.language", "en/digit.2")
    caller.keys("2")
    assert caller.prompt.items[0] == "en/intake.greeting"
    caller.keys("1")
    assert caller.did(Register) == [Register("9001", CALLER, "en", "key", chosen=True)]
    assert all(item.startswith("en/") for item in caller.prompt.items)


def test_one_language_is_no_question() -> None:
    """An office with one language passes the question by, in the menu and as the first thing."""
    office = replace(OFFICE, languages=("nb",))
    caller = Caller(office=office).keys("2")
    assert caller.prompt.items[0] == "nb/intake.greeting"
    first = {**MENU.node, "first": LanguageNode(kind="language", next="greeting")}
    caller = Caller(office=office, menu=MENU.model_copy(update={"start": "first", "node": first}))
    assert caller.prompt.items[0] == "nb/intake.greeting"


def test_language_before_the_status() -> None:
    """Chosen before 3, it follows the request that is found; not when it is the one of the request already."""
    caller = Caller(found=FOUND).keys("2", "2", "3")
    assert caller.did(Update) == [Update("r9", language="en")]
    assert caller.hears("intake.tried", "intake.status_choices")
    assert caller.prompt.items[0] == "en/intake.registered"
    assert not Caller(found=FOUND).keys("2", "1", "3").did(Update)


def test_language_after_registering() -> None:
    """A language chosen later is kept on the request, and the promise is said again in it."""
    caller = Caller().keys("1", "2", "5", "2")
    assert caller.did(Update) == [Update("r1", language="en")]
    assert caller.prompt.items[0] == "en/intake.promise"


def test_another_number() -> None:
    """2 at the promise: eight digits, read back in pairs, confirmed, and the promise names it."""
    caller = Caller().keys("1", "2", "2")
    assert caller.prompt.digits == 8
    caller.keys("90001234")
    assert caller.hears(
        "intake.we_ring_on", "number.90", "number.00", "number.12", "number.34", "intake.confirm_entered"
    )
    caller.keys("1")
    assert caller.did(SetNumber) == [SetNumber("r1", OTHER, own=False)]
    assert caller.hears("intake.promise", "number.90")


def test_a_refused_number_says_why_and_asks_again() -> None:
    """A number that may not be rung is refused kindly, four times; then the call goes on with what is known."""
    caller = Caller().keys("1", "2", "2", "82000000")
    assert caller.hears("number.refused.not_a_number", "intake.enter_number")
    caller.keys("82000000", "82000000", "82000000")
    assert caller.hears("number.refused.not_a_number", "intake.promise")


def test_a_readback_can_be_keyed_again_and_silence_confirms() -> None:
    """2 keys in anew; silence twice takes the number."""
    caller = Caller().keys("1", "2", "2", "90001234", "2")
    assert caller.prompt.digits == 8
    caller.keys("90001234", "-", "-")
    assert caller.did(SetNumber) == [SetNumber("r1", OTHER, own=False)]


def test_a_number_is_not_keyed_in_for_ever() -> None:
    """After four that were said to be wrong the call goes on with what is known."""
    caller = Caller().keys("1", "2", "2", *["90001234", "2"] * 4)
    assert caller.hears("intake.promise", "number.40")
    assert not caller.did(SetNumber)
    assert caller.state.keyed == ""


def test_a_star_repeats_the_question_for_a_number() -> None:
    """Alone it is no number, and no try: the question is heard again."""
    caller = Caller().keys("1", "2", "2")
    for _ in range(3):
        caller.keys("*")
        assert caller.prompt.items == ("nb/intake.enter_number",)
        assert caller.prompt.digits == 8
    assert not caller.did(CheckNumber)
    caller.keys("9000*")
    assert caller.prompt.items == ("nb/intake.enter_number",)


def test_a_star_begins_the_number_anew() -> None:
    """What was keyed in before it is forgotten; the line hands over eight keys at a time, the star among them."""
    caller = Caller().keys("1", "2", "2", "12*90001")
    assert (caller.prompt.items, caller.prompt.digits) == ((), 3)
    caller.keys("234")
    assert caller.did(CheckNumber) == [CheckNumber("90001234", CALLER)]
    caller = Caller().keys("1", "2", "2", "12*90001", "2*9", "0001234")
    assert caller.did(CheckNumber) == [CheckNumber("90001234", CALLER)]
    caller = Caller().keys("1", "2", "2", "00474000", "*900", "01234")
    assert caller.did(CheckNumber) == [CheckNumber("90001234", CALLER)]
    caller = Caller().keys("1", "2", "2", "111*0047", "4000", "1234")
    assert caller.did(CheckNumber) == [CheckNumber("004740001234", CALLER)]


def test_a_star_begins_the_reference_anew() -> None:
    """And alone it repeats the question."""
    caller = Caller(None).keys("3", "*")
    assert (caller.prompt.items, caller.prompt.digits) == (("nb/intake.enter_reference",), 6)
    caller.keys("12*111")
    assert (caller.prompt.items, caller.prompt.digits) == ((), 3)
    caller.keys("222")
    assert caller.did(Find) == [Find("9001", None, "111222", keyed=True)]
    assert caller.state.keyed == ""


@pytest.mark.parametrize("way", ["122", "3"])
def test_stars_for_ever(way: str) -> None:
    """Whoever only ever begins anew is let go in the end, with the promise."""
    caller = Caller(None if way == "3" else CALLER).keys(*way)
    for _ in range(250):
        if caller.over:
            break
        digits = caller.prompt.digits
        caller.keys("1" * (digits - 1) + "*" if digits > 1 else "3" if way == "3" and digits else "-")
    assert caller.over
    assert caller.state.promised


def test_an_international_prefix_waits_for_the_rest() -> None:
    """0047 and eight digits is one number."""
    caller = Caller().keys("1", "2", "2", "00474000")
    assert caller.prompt.digits == 4
    caller.keys("1234")
    assert caller.did(CheckNumber)[-1] == CheckNumber("004740001234", CALLER)


def test_a_withheld_number_is_asked_for() -> None:
    """Without a number: on the list at once, the urgent question, then key one in; else a reference, said twice."""
    caller = Caller(None).keys("1", "2")
    assert caller.prompt.digits == 8
    caller.keys("-", "-", "-")
    digits = [item for item in caller.prompt.items if item.startswith("nb/digit.")]
    assert digits == [f"nb/digit.{digit}" for digit in REFERENCE] * 2
    assert caller.hears("intake.ring_back")


def test_hanging_up_in_the_readback_keeps_the_keyed_number() -> None:
    """For a caller without another number the keyed one is what is known."""
    caller = Caller(None).keys("1", "2", "90001234").hangs_up()
    assert caller.did(SetNumber) == [SetNumber("r1", OTHER, own=False)]
    assert caller.state.ended


def test_an_own_number_that_may_not_be_rung() -> None:
    """Why it may not be rung is said, and another is asked for."""
    caller = Caller()
    caller.caller = None
    state, _ = intake.step(caller.state, DigitsEntered("leg", "1"), NOW)
    state, commands = intake.step(state, Registered("r1", REFERENCE, None, ANSWER_BY, Refusal.PREMIUM), NOW)
    assert isinstance(commands[0], Prompt)
    assert commands[0].items[:2] == ("nb/number.refused.premium", "nb/intake.registered")


@pytest.mark.parametrize(
    ("key", "when"), [("1", "any"), ("2", "morning"), ("3", "midday"), ("4", "afternoon")]
)
def test_when(key: str, when: str) -> None:
    """The time one wants to be rung at is kept, and the promise said again."""
    caller = Caller().keys("1", "2", "3", key)
    assert caller.did(Update) == [Update("r1", when=when)]
    assert caller.hears("intake.noted", "intake.promise")


def test_a_borrowed_phone_and_discreet() -> None:
    """Only until four, and no messages."""
    caller = Caller().keys("1", "2", "3", "5", "4")
    until, discreet = caller.did(Update)
    assert isinstance(until, Update)
    assert until.until is not None
    assert until.until.hour == 16
    assert discreet == Update("r1", discreet=True)
    assert caller.hears("intake.discreet_noted")


def test_status_says_when_we_tried_and_when_we_ring() -> None:
    """Recognised by the number, only after the key press."""
    caller = Caller(found=FOUND)
    assert not any("tried" in item for item in caller.heard)
    caller.keys("3")
    assert caller.did(Find) == [Find("9001", CALLER, None)]
    assert caller.hears("intake.registered", "intake.tried", "intake.next_try", "intake.status_choices")
    assert not caller.did(Register)


def test_status_can_change_things_and_withdraw_is_asked_twice() -> None:
    """9 and 9 again; anything else stays on the list."""
    caller = Caller(found=FOUND).keys("3", "9")
    assert caller.hears("intake.withdraw_sure")
    caller.keys("1")
    assert not caller.did(Update)
    assert caller.hears("intake.promise")
    caller = Caller(found=FOUND).keys("3", "9", "9")
    assert caller.did(Update) == [Update("r9", withdraw=True)]
    assert caller.hears("intake.withdrawn", "intake.goodbye")
    assert caller.keys("-").over
    assert not caller.did(Register), "whoever withdrew is not put on the list again at the goodbye"


def test_status_of_a_discreet_request_needs_its_reference() -> None:
    """Someone else may hold the phone: nothing is told without the six digits."""
    caller = Caller(found=replace(FOUND, discreet=True)).keys("3")
    assert caller.prompt.digits == 6
    assert not any("tried" in item for item in caller.heard)
    caller.keys("111222")
    assert caller.did(Find)[-1] == Find("9001", None, "111222", keyed=True, caller=CALLER)
    assert caller.hears("intake.tried")


def test_a_wrong_reference_opens_nothing() -> None:
    """Whoever keyed one in that nobody has knows none: they are asked again."""
    discreet = replace(FOUND, discreet=True)
    caller = Caller(found=discreet).keys("3")
    state, _ = intake.step(caller.state, DigitsEntered("leg", "999999"), NOW)
    state, _ = intake.step(state, Found(None), NOW)
    state, (find,) = intake.step(state, DigitsEntered("leg", "3"), NOW)
    assert find == Find("9001", CALLER, None)
    state, (prompt,) = intake.step(state, discreet, NOW)
    assert state.node is Node.REFERENCE
    assert isinstance(prompt, Prompt)
    assert prompt.items == ("nb/intake.enter_reference",)


def test_references_cannot_be_guessed_in_one_call() -> None:
    """After three nobody is found any more, whatever is keyed in; one can register as ever."""
    caller = Caller(None)
    for guess in ("100000", "100001", "100002"):
        caller.keys("3", guess)
        assert caller.hears("intake.status_none")
    assert len(caller.did(Find)) == REFERENCE_TRIES
    caller.keys("3")
    assert caller.hears("intake.status_none", "intake.greeting")
    assert len(caller.did(Find)) == REFERENCE_TRIES
    assert caller.keys("1").did(Register)


def test_status_without_a_number_asks_for_the_reference() -> None:
    """And when nobody is found one can register as ever."""
    caller = Caller(None).keys("3")
    assert caller.prompt.digits == 6
    caller.keys("12", "999999")
    assert caller.hears("intake.status_none", "intake.greeting")
    caller.keys("1")
    assert caller.did(Register)


def test_status_of_a_number_that_is_not_rung() -> None:
    """Somebody there asked for that: no promise is made, and they hear how to change it; another number ends it."""
    caller = Caller(found=replace(FOUND, not_rung=True)).keys("3")
    assert caller.hears("intake.registered", "intake.not_rung", "intake.status_choices")
    assert not caller.hears("intake.next_try")
    caller.keys("1")
    assert caller.prompt.items == ("nb/intake.goodbye",)
    caller = Caller(found=replace(FOUND, not_rung=True)).keys("3", "2", "90001234", "1")
    assert caller.hears("intake.promise", "intake.on_number", "number.90")


def test_a_number_that_is_not_rung_is_promised_nothing() -> None:
    """Whatever they change, the promise is not made; and who withdraws and registers again has it."""
    caller = Caller(found=replace(FOUND, not_rung=True)).keys("3", "4")
    assert caller.hears("intake.discreet_noted", "intake.not_rung", "intake.choices")
    assert not caller.hears("intake.on_number")


def test_on_the_list_again_after_withdrawing() -> None:
    """A menu may lead back: then it is a new request, and its promise is heard."""
    again = MENU.node | {"withdraw": WithdrawNode(kind="withdraw", next="greeting")}
    caller = Caller(found=FOUND, menu=MENU.model_copy(update={"node": again})).keys("3", "9", "9", "1", "2")
    assert caller.did(Register) == [Register("9001", CALLER, "nb", "key", nth=1)]
    assert caller.hears("intake.promise")


def test_a_request_that_cannot_be_withdrawn_now() -> None:
    """A caseworker is ringing them at this moment: they stay on the list and hear the promise."""
    caller = Caller(found=FOUND).keys("3", "9")
    state, (command,) = intake.step(caller.state, DigitsEntered("leg", "9"), NOW)
    assert command == Update("r9", withdraw=True)
    _, (prompt,) = intake.step(state, Updated(ANSWER_BY, done=False), NOW)
    assert isinstance(prompt, Prompt)
    assert "nb/intake.promise" in prompt.items


HOURS = ("intake.opens", "day.tomorrow", "intake.drop_in")


def test_closed_says_so_after_press_1_and_registers_all_the_same() -> None:
    """The greeting as ever, then that it is closed, when it opens, when one can come by, and the same menu."""
    caller = Caller(office=CLOSED)
    assert caller.hears("intake.greeting", "intake.closed", *HOURS, "intake.been_before")
    assert caller.prompt.items[0] == "nb/intake.greeting"
    assert caller.keys("*").hears("intake.greeting", "intake.closed", *HOURS)
    assert not Caller().hears("intake.closed")


def test_closed_is_said_before_the_promise_to_whoever_pressed_1_at_once() -> None:
    """They may not have heard it, and are on the list now; nobody hears it who let it be said to the end."""
    caller = Caller(office=CLOSED).keys("1", "2")
    assert caller.hears("intake.closed_now", *HOURS, "intake.promise")
    assert not caller.keys("-").hears("intake.opens")
    assert not caller.keys("3", "1").hears("intake.opens")
    patient = Caller(office=CLOSED).keys("-", "1", "2")
    assert patient.hears("intake.promise")
    assert not patient.hears("intake.opens")
    assert (
        Caller(office=CLOSED)
        .keys("1", "1", "2")
        .hears("intake.urgent_now", "intake.emergency_numbers", *HOURS, "intake.promise")
    )
    assert Caller(None, office=CLOSED).keys("1", "2", "90001234", "1").hears(*HOURS, "intake.promise")


def test_an_offices_own_emergency_numbers() -> None:
    """Closed and urgent: whom the office wants to be rung instead."""
    office = replace(CLOSED, emergency="office.emergency")
    assert Caller(office=office).keys("1", "1", "2").hears("intake.urgent_now", "office.emergency", *HOURS)


def test_closed_and_nothing_pressed() -> None:
    """They hear it once, in the greeting, and are registered and promised like everybody."""
    caller = Caller(office=CLOSED)
    while not caller.over:
        caller.keys("-")
    assert caller.did(Register) == [Register("9001", CALLER, "nb", "silence")]
    assert caller.heard.count("nb/intake.opens") == 1
    assert "nb/intake.promise" in caller.heard


def test_closed_in_another_language_and_after_the_status() -> None:
    """Said again in the language that was chosen; and before goodbye to whoever asked how their request stands."""
    assert Caller(office=CLOSED).keys("2", "2").hears("intake.greeting", "intake.closed", *HOURS)
    caller = Caller(office=CLOSED, found=FOUND).keys("3")
    assert not caller.hears("intake.opens")
    assert caller.keys("1").hears("intake.closed_now", *HOURS, "intake.goodbye")


def test_zero_asks_for_a_person() -> None:
    """In phone hours the on-call telephone rings; when nobody answers the caller is registered."""
    caller = Caller(duty=KARI).keys("0")
    assert caller.hears("intake.connecting")
    caller.keys("-")
    (dial,) = caller.did(Dial)
    assert isinstance(dial, Dial)
    assert (dial.to, dial.caller_id, dial.keep) == ("+4740000001", "+4773000011", True)
    caller.duty = NobodyLeft()
    caller.event(LegEnded(dial.peer, LegOutcome.NO_ANSWER))
    assert caller.did(Register)
    assert caller.hears("intake.nobody_now", "intake.registered")


def test_zero_and_a_person_answers() -> None:
    """When both have talked the call is over, and nothing more is said."""
    caller = Caller(duty=KARI).keys("0", "-")
    (dial,) = caller.did(Dial)
    assert isinstance(dial, Dial)
    caller.event(Connected("leg", dial.peer))
    caller.event(LegEnded(dial.peer, LegOutcome.ENDED, answered=True), later=intake.SHORT_TALK)
    assert caller.over
    assert not caller.did(Register)
    assert not caller.hangs_up().did(Register)


@pytest.mark.parametrize("menu", [MENU, THEN_A_QUESTION], ids=["register", "a question"])
def test_a_talk_of_some_seconds_helped_nobody(menu: Menu) -> None:
    """A voicemail, or a line that broke: the call goes on as if nobody had answered, and who is gone is on the list."""
    short = intake.SHORT_TALK - timedelta(seconds=1)
    caller = Caller(menu=menu, duty=KARI).keys("0", "-").event(Connected("leg", "leg-to-d1"))
    caller.duty = NobodyLeft()
    caller.event(LegEnded("leg-to-d1", LegOutcome.ENDED, answered=True), later=short).keys("-")
    assert caller.hears("intake.nobody_now")
    assert bool(caller.did(Register)) == (menu is MENU)
    assert caller.hangs_up().did(Register) == [Register("9001", CALLER, "nb", "key")]


def test_the_line_breaks_in_a_talk() -> None:
    """The caller's own leg is the first to be gone: on the list after some seconds, not after a talk."""
    ends = LegEnded("leg", LegOutcome.FAILED)
    talking = Caller(duty=KARI).keys("0", "-").event(Connected("leg", "leg-to-d1"))
    assert not talking.event(ends, later=intake.SHORT_TALK).did(Register)
    broken = Caller(duty=KARI).keys("0", "-").event(Connected("leg", "leg-to-d1"))
    assert broken.event(ends, later=timedelta(seconds=1)).did(Register)
    assert broken.event(LegEnded("leg-to-d1", LegOutcome.ENDED, answered=True)).state.ended


def test_a_talk_while_the_service_was_away() -> None:
    """Nobody knows how long it was; they were joined."""
    caller = Caller(duty=KARI).keys("0", "-").event(LegEnded("leg-to-d1", LegOutcome.ENDED, answered=True))
    assert caller.over
    assert not caller.did(Register)


def test_zero_when_closed_registers() -> None:
    """There is nobody to ring: on the list, and told so."""
    caller = Caller(office=CLOSED).keys("0")
    assert not caller.did(Dial)
    assert caller.did(Register)
    assert caller.hears("intake.nobody_now")


def test_an_event_out_of_place_changes_nothing() -> None:
    """An event the node does not know raises and leaves the state."""
    caller = Caller()
    before = caller.state
    with pytest.raises(IllegalTransition):
        intake.step(before, NumberAccepted(OTHER), NOW)
    assert caller.state is before


def test_every_prompt_it_says_exists() -> None:
    """Each item of the calls above has words in its language."""
    for caller in (
        Caller().keys("1", "2", "3", "5", "4"),
        Caller(None).keys("3"),
        Caller(office=CLOSED).keys("0"),
    ):
        for item in caller.heard:
            assert CATALOGUE.text(item)


def test_state_survives_json() -> None:
    """What is kept of a call with a keyed number can be read again."""
    from pydantic import TypeAdapter  # noqa: PLC0415

    adapter = TypeAdapter(IntakeState)
    state = Caller(None).keys("1", "2", "90001234").state
    assert state.keyed == OTHER
    assert adapter.validate_json(adapter.dump_json(state)) == state


def test_too_many_registrations_are_explained() -> None:
    """Why, and whom to ring when life is in danger; then the call ends."""
    caller = Caller()
    state, (command,) = intake.step(caller.state, DigitsEntered("leg", "1"), NOW)
    assert isinstance(command, Register)
    state, (prompt,) = intake.step(state, NotRegistered(), NOW)
    assert isinstance(prompt, Prompt)
    assert prompt.items == ("nb/intake.too_many_today", "nb/intake.emergency_numbers", "nb/intake.goodbye")
    assert intake.step(state, NoInput("leg"), NOW)[1] == (Hangup("leg"),)


def test_slow_speech() -> None:
    """An office that speaks slowly does so in every prompt; the language itself is what is registered."""
    caller = Caller(office=replace(OFFICE, speed=VoiceSpeed.SLOW)).keys("1", "2")
    assert all(item.startswith("nb.slow/") for item in caller.prompt.items)
    assert caller.did(Register) == [Register("9001", CALLER, "nb", "key")]


def test_other_languages_are_slow_too() -> None:
    """What is said in another language than the caller's is as slow: the way to it, and the choice itself."""
    caller = Caller(office=replace(OFFICE, languages=("nb", "so", "uk"), speed=VoiceSpeed.SLOW))
    assert "en.slow/intake.other_languages" in caller.prompt.items
    assert caller.keys("2").prompt.items == (
        *("nb.slow/intake.language", "nb.slow/digit.1"),
        *("nb.slow/intake.language_so", "nb.slow/digit.2"),
        *("uk.slow/intake.language", "uk.slow/digit.3"),
    )
    assert all(".slow/" in item for item in caller.heard)


def test_a_borrowed_phone_after_four() -> None:
    """What cannot be kept is said to be too late, and the call goes on."""
    caller = Caller().keys("1", "2", "3")
    state, (command,) = intake.step(caller.state, DigitsEntered("leg", "5"), NOW)
    assert isinstance(command, Update)
    _, (prompt,) = intake.step(state, Updated(ANSWER_BY, done=False), NOW)
    assert isinstance(prompt, Prompt)
    assert prompt.items[:2] == ("nb/intake.too_late_today", "nb/intake.promise")


@pytest.mark.parametrize("rings", [False, True])
def test_zero_and_hanging_up_before_anybody_answers(rings: bool) -> None:
    """Who asked for a person is not lost with the ringing."""
    caller = Caller().keys("0", *["-"] * rings).hangs_up()
    assert caller.did(Register) == [Register("9001", CALLER, "nb", "key")]
    assert caller.state.ended
