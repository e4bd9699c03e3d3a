"""The part of the `consult` machine that talks with the contact centre: the code, which office, and the promise. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from hardware.line import Abandon, DigitsEntered, Hangup, LegEnded, LegOutcome, NoInput, Prompt
from ivr import intake
from ivr.consult_port import (
    CheckPin,
    Choice,
    EndConsult,
    FindLines,
    LinesFound,
    MakePromise,
    NotPromised,
    PinRight,
    PinWrong,
    Promised,
    RungBy,
    WhenRung,
)
from ivr.consult_state import ConsultState, Node, Step, begin
from ivr.intake_state import NATIONAL_DIGITS, PATIENCE, to_come
from ivr.intake_words import KEY_PAUSE
from ivr.machine import CheckNumber, Event, NumberAccepted, NumberRefused
from ivr.phrases import duration_items, phone_items, reference_items, when_items

PIN_DIGITS, OFFICE_DIGITS = 12, 4
TRIES = 4
"""Offices or numbers that are not found, or wrong, before the call goes on with what is known."""
OWN = "1"
"""Instead of a number: the one they ring from. No Norwegian number begins with it."""


# ---- the code -----------------------------------------------------------------------------------


def ask_pin(state: ConsultState, *before: str) -> Step:
    return _ask(state, Node.PIN, *before, "consult.pin", digits=PIN_DIGITS)


def _pin_keyed(state: ConsultState, event: DigitsEntered, now: datetime) -> Step:
    return replace(state, node=Node.CHECKING_PIN), (CheckPin(event.digits, state.offered.caller),)


def _pin_right(state: ConsultState, event: PinRight, now: datetime) -> Step:
    state = replace(state, silences=0)
    return begin(state, now) if state.line is not None else ask_office(state)


def _pin_wrong(state: ConsultState, event: Event, now: datetime) -> Step:
    """Once more; then they are a caller like any other."""
    if not state.silences and isinstance(event, PinWrong):
        return ask_pin(replace(state, silences=1), "consult.pin_wrong")
    assert state.office is not None, "a code is asked for where there is a menu"
    assert state.menu is not None, "it comes with its office"
    after, commands = intake.begin(state.offered, state.office, state.menu, now)
    return after, commands[1:]  # it has been answered


# ---- which office -------------------------------------------------------------------------------


def ask_office(state: ConsultState, *before: str) -> Step:
    return _ask(replace(state, keyed=""), Node.OFFICE, *before, "consult.office", digits=OFFICE_DIGITS)


def _office_keyed(state: ConsultState, event: DigitsEntered, now: datetime) -> Step:
    if event.digits.endswith("*"):
        return ask_office(state)
    return replace(state, node=Node.FINDING), (FindLines(event.digits),)


def _office_silence(state: ConsultState, event: NoInput, now: datetime) -> Step:
    return _no_office(state)


def _no_office(state: ConsultState, *said: str) -> Step:
    if state.silences + 1 >= TRIES:
        return replace(state, node=Node.HANGING_UP), (Abandon(state.leg),)  # the exchange rings its fall-back
    return ask_office(replace(state, silences=state.silences + 1), *said)


def _lines_found(state: ConsultState, event: LinesFound, now: datetime) -> Step:
    if not event.choices:
        return _no_office(state, "consult.no_office")
    return _ask_which(replace(state, choices=event.choices[:9], silences=0))


def _ask_which(state: ConsultState) -> Step:
    """Read back the only one, or which of several."""
    items: tuple[str, ...] = ()
    for at, choice in enumerate(state.choices, start=1):
        items += (_item(state, f"office.name-{choice.office_no}"),)
        items += () if choice.only else (_item(state, f"consult.group.{choice.group}"),)
        if len(state.choices) > 1:
            items += (_item(state, "consult.press"), _item(state, f"digit.{at}"))
    if len(state.choices) == 1:
        items += (_item(state, "intake.confirm_entered"),)
    return replace(state, node=Node.CHOOSING), (Prompt(state.leg, items, 1, state.wait),)


def _chosen(state: ConsultState, event: DigitsEntered, now: datetime) -> Step:
    if len(state.choices) == 1 and event.digits == "2":
        return ask_office(state)
    if event.digits in "123456789"[: len(state.choices)]:
        return begin(replace(state, line=state.choices[int(event.digits) - 1], silences=0), now)
    if event.digits == "*" or state.silences < PATIENCE:
        return _ask_which(replace(state, silences=state.silences + (event.digits != "*")))
    return ask_office(replace(state, silences=0))


def _not_chosen(state: ConsultState, event: NoInput, now: datetime) -> Step:
    """The first one is for whoever asks for none of them."""
    if len(state.choices) == 1 or state.silences:
        return begin(replace(state, line=state.choices[0], silences=0), now)
    return _ask_which(replace(state, silences=1))


# ---- the promise --------------------------------------------------------------------------------


def ask_when(state: ConsultState) -> Step:
    return replace(state, node=Node.ASKING_WHEN), (WhenRung(_line(state).office_no),)


def _offer(state: ConsultState, event: RungBy, now: datetime) -> Step:
    return _promise(replace(state, rung_by=event, silences=0), now, "consult.nobody")


def _promise(state: ConsultState, now: datetime, *before: str) -> Step:
    items = (*(_item(state, one) for one in before), _item(state, "consult.promise"), *_by(state, now))
    return replace(state, node=Node.PROMISING), (Prompt(state.leg, items, 1, state.wait),)


def _by(state: ConsultState, now: datetime) -> tuple[str, ...]:
    """Such as "innen to timer" or "senest i morgen klokka ti"."""
    assert state.rung_by is not None, "the desk has said when"
    if state.rung_by.within is not None:
        return (_item(state, "consult.within"), *duration_items(state.rung_by.within, state.language))
    return (_item(state, "consult.by"), *when_items(state.rung_by.at, now, state.language))


def _promise_key(state: ConsultState, event: DigitsEntered, now: datetime) -> Step:
    if event.digits == "1":
        return _ask_number(replace(state, silences=0))
    return _promise(state, now, *(() if event.digits == "*" else ("intake.wrong_key",)))


def _promise_silence(state: ConsultState, event: NoInput, now: datetime) -> Step:
    """Whoever says nothing to it has the promise as well."""
    if state.silences + 1 >= TRIES:
        return _register(state, state.offered.caller)
    return _promise(replace(state, silences=state.silences + 1), now)


def _ask_number(state: ConsultState, *before: str) -> Step:
    own = ("consult.own_number",) if state.offered.caller else ()
    state = replace(state, keyed="")
    return _ask(state, Node.KEYING, *before, "consult.number", *own, digits=NATIONAL_DIGITS)


def _number_keyed(state: ConsultState, event: DigitsEntered, now: datetime) -> Step:
    if event.digits.endswith("*"):
        return _ask_number(state)
    came, wanted = event.digits.rpartition("*")[2], to_come(state.keyed)
    keyed = came if "*" in event.digits else state.keyed + came
    state = replace(state, keyed=keyed)
    if len(event.digits) == wanted and to_come(keyed):
        return state, (Prompt(state.leg, (), to_come(keyed), KEY_PAUSE),)
    return _check(state)


def _number_silence(state: ConsultState, event: NoInput, now: datetime) -> Step:
    if state.keyed:
        return _check(state)
    if state.silences + 1 >= TRIES:
        return _register(state, state.offered.caller)
    return _ask_number(replace(state, silences=state.silences + 1))


def _check(state: ConsultState) -> Step:
    digits = state.offered.caller if state.keyed == OWN and state.offered.caller else state.keyed
    return replace(state, node=Node.CHECKING), (CheckNumber(digits, state.offered.caller, trusted=True),)


def _number_refused(state: ConsultState, event: NumberRefused, now: datetime) -> Step:
    if state.silences + 1 >= TRIES:
        return _register(state, None)
    return _ask_number(replace(state, silences=state.silences + 1), f"number.refused.{event.why}")


def _number_accepted(state: ConsultState, event: NumberAccepted, now: datetime) -> Step:
    return _read_back(replace(state, keyed=event.phone, silences=0))


def _read_back(state: ConsultState) -> Step:
    number = phone_items(state.keyed, state.language)
    items = (_item(state, "consult.we_ring"), *number, _item(state, "intake.confirm_entered"))
    return replace(state, node=Node.READBACK), (Prompt(state.leg, items, 1, state.wait),)


def _readback_key(state: ConsultState, event: DigitsEntered, now: datetime) -> Step:
    if event.digits == "2":
        return _ask_number(state)
    if event.digits == "1":
        return _register(state, state.keyed)
    return _read_back(state)


def _readback_silence(state: ConsultState, event: NoInput, now: datetime) -> Step:
    return _register(state, state.keyed)


def _register(state: ConsultState, phone: str | None) -> Step:
    line = _line(state)
    return replace(state, node=Node.REGISTERING), (MakePromise(line.line_id, line.office_no, phone),)


def _promised(state: ConsultState, event: Promised, now: datetime) -> Step:
    number = reference_items(event.reference, state.language)
    said = _item(state, "consult.promised"), *_by(state, now)
    items = (
        *(said if event.has_number else (_item(state, "consult.no_number"),)),
        *(_item(state, "consult.reference"), *number, _item(state, "consult.reference"), *number),
        _item(state, "intake.goodbye"),
    )
    return replace(state, node=Node.LAST_WORDS), (
        EndConsult("promised"),
        Prompt(state.leg, items, 0, timedelta(0)),
    )


def _not_promised(state: ConsultState, event: NotPromised, now: datetime) -> Step:
    """The number may not be rung: the request is made without one, and the reference is what is left."""
    return _register(state, None)


# ---- ends ---------------------------------------------------------------------------------------


def _hung_up(state: ConsultState, event: LegEnded, now: datetime) -> Step:
    return replace(state, node=Node.ENDED), (EndConsult("gave_up"),)


def _hung_up_in_promise(state: ConsultState, event: LegEnded, now: datetime) -> Step:
    """They have pressed 1, and believe what they were promised for it. The number they ring from, until another is read back.
    Where the line failed before that, the exchange offers them again."""
    line, known = _line(state), state.node is Node.READBACK
    if event.outcome is LegOutcome.FAILED and not known:
        return _hung_up(state, event, now)
    made = MakePromise(line.line_id, line.office_no, state.keyed if known else state.offered.caller)
    return replace(state, node=Node.ENDED), (made, EndConsult("promised"))


def _without_number(state: ConsultState, event: NotPromised, now: datetime) -> Step:
    """They are gone, and that number may not be rung."""
    if state.line is None:
        return state, ()
    return state, (MakePromise(state.line.line_id, state.line.office_no, None),)


def _gone(state: ConsultState, event: LegEnded, now: datetime) -> Step:
    return replace(state, node=Node.ENDED), ()


def _hang_up(state: ConsultState, event: Event, now: datetime) -> Step:
    return replace(state, node=Node.HANGING_UP), (Hangup(state.leg),)


def _all_said(state: ConsultState, event: NoInput, now: datetime) -> Step:
    if event.again:  # the reference may not have been heard: the same promise once more
        return _register(state, state.keyed or state.offered.caller)
    return _hang_up(state, event, now)


def _nothing(state: ConsultState, event: Event, now: datetime) -> Step:
    return state, ()


def _ask(state: ConsultState, node: Node, *ids: str, digits: int) -> Step:
    items = tuple(_item(state, one) for one in ids)
    pause = state.wait if digits else timedelta(0)
    return replace(state, node=node), (Prompt(state.leg, items, digits, pause),)


def _item(state: ConsultState, prompt_id: str) -> str:
    return f"{state.language}/{prompt_id}"


def _line(state: ConsultState) -> Choice:
    assert state.line is not None, "a line has been asked for"
    return state.line


_N = Node
TABLE: dict[tuple[Node, type], Callable[..., Step]] = {
    (_N.PIN, DigitsEntered): _pin_keyed,
    (_N.PIN, NoInput): _pin_wrong,
    (_N.PIN, LegEnded): _gone,
    (_N.CHECKING_PIN, PinRight): _pin_right,
    (_N.CHECKING_PIN, PinWrong): _pin_wrong,
    (_N.CHECKING_PIN, LegEnded): _gone,
    (_N.OFFICE, DigitsEntered): _office_keyed,
    (_N.OFFICE, NoInput): _office_silence,
    (_N.OFFICE, LegEnded): _gone,
    (_N.FINDING, LinesFound): _lines_found,
    (_N.FINDING, LegEnded): _gone,
    (_N.CHOOSING, DigitsEntered): _chosen,
    (_N.CHOOSING, NoInput): _not_chosen,
    (_N.CHOOSING, LegEnded): _gone,
    (_N.ASKING_WHEN, RungBy): _offer,
    (_N.ASKING_WHEN, LegEnded): _hung_up,
    (_N.PROMISING, DigitsEntered): _promise_key,
    (_N.PROMISING, NoInput): _promise_silence,
    (_N.PROMISING, LegEnded): _hung_up,
    (_N.KEYING, DigitsEntered): _number_keyed,
    (_N.KEYING, NoInput): _number_silence,
    (_N.KEYING, LegEnded): _hung_up_in_promise,
    (_N.CHECKING, NumberAccepted): _number_accepted,
    (_N.CHECKING, NumberRefused): _number_refused,
    (_N.CHECKING, LegEnded): _hung_up,
    (_N.READBACK, DigitsEntered): _readback_key,
    (_N.READBACK, NoInput): _readback_silence,
    (_N.READBACK, LegEnded): _hung_up_in_promise,
    (_N.REGISTERING, Promised): _promised,
    (_N.REGISTERING, NotPromised): _not_promised,
    (_N.REGISTERING, LegEnded): _hung_up,
    (_N.LAST_WORDS, NoInput): _all_said,
    (_N.LAST_WORDS, DigitsEntered): _hang_up,
    (_N.LAST_WORDS, LegEnded): _gone,
    (_N.ENDED, Promised): _nothing,
    (_N.ENDED, NotPromised): _without_number,
}
