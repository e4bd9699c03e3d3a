"""How it stands with somebody on the list, found by number or reference. Part of the `intake` machine. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from config.menu import StatusNode
from hardware.line import DigitsEntered, NoInput
from ivr.intake_state import MOST_STEPS, PATIENCE, GoTo, IntakeState, Node, Stay, keep, with_keys
from ivr.intake_words import ask, rest, spoken, status_items
from ivr.machine import Find, Found, Update

REFERENCE_DIGITS = 6
REFERENCE_TRIES = 3
"""References keyed in in one call; then nobody is found, whatever is keyed in."""


def enter_status(state: IntakeState, node: StatusNode, now: datetime) -> Stay | GoTo:
    if state.request_id is not None:
        return _find(replace(state, knows_reference=True), None, state.reference)
    if state.caller is None:
        return _ask_reference(state)
    return _find(state, state.caller, None)


def _find(state: IntakeState, phone: str | None, reference: str | None) -> Stay:
    return replace(state, node=Node.FINDING), (Find(state.office.office_no, phone, reference),)


def _find_keyed(state: IntakeState, reference: str) -> Stay:
    state = replace(state, node=Node.FINDING, knows_reference=True, references=state.references + 1)
    return state, (Find(state.office.office_no, None, reference, keyed=True, caller=state.caller),)


def _ask_reference(state: IntakeState) -> Stay | GoTo:
    if state.references >= REFERENCE_TRIES:
        return _nobody_found(state)
    state = replace(state, silences=0, mistakes=0)
    return ask(state, Node.REFERENCE, *spoken(state, "intake.enter_reference"), digits=REFERENCE_DIGITS)


def reference_keyed(state: IntakeState, event: DigitsEntered, now: datetime) -> Stay | GoTo:
    all_came = len(event.digits) == REFERENCE_DIGITS - len(state.keyed)
    state = with_keys(state, event.digits)
    reference, missing = state.keyed, REFERENCE_DIGITS - len(state.keyed)
    if state.steps > MOST_STEPS:
        return _nobody_found(replace(state, keyed=""))
    if event.digits.endswith("*"):
        return ask(state, Node.REFERENCE, *spoken(state, "intake.enter_reference"), digits=REFERENCE_DIGITS)
    if all_came and missing:
        return state, (rest(state, missing),)
    state = replace(state, keyed="")
    if missing:
        return _no_reference(state)
    return _find_keyed(state, reference)


def _no_reference(state: IntakeState) -> Stay | GoTo:
    if state.silences + 1 >= PATIENCE:
        return _nobody_found(state)
    state = replace(state, silences=state.silences + 1)
    return ask(state, Node.REFERENCE, *spoken(state, "intake.enter_reference"), digits=REFERENCE_DIGITS)


def reference_silence(state: IntakeState, event: NoInput, now: datetime) -> Stay | GoTo:
    return _no_reference(replace(state, keyed=""))


def found(state: IntakeState, event: Found, now: datetime) -> Stay | GoTo:
    node = state.menu.node[state.at]
    assert isinstance(node, StatusNode)
    if event.request_id is None:
        return _nobody_found(replace(state, knows_reference=False))
    if event.discreet and not state.knows_reference:
        return _ask_reference(state)  # someone else may hold this telephone
    state = replace(
        state,
        found=event,
        request_id=event.request_id,
        reference=event.reference,
        phone=event.phone,
        answer_by=event.answer_by,
        not_rung=event.not_rung,
        language=event.language if event.language and not state.chose_language else state.language,
        silences=0,
    )
    if state.chose_language and event.language != state.language:
        return keep(state, Update(event.request_id, language=state.language))
    return tell_status(state, now)


def tell_status(state: IntakeState, now: datetime) -> Stay:
    node = state.menu.node[state.at]
    assert isinstance(node, StatusNode)
    told = replace(state, promised=state.promised or state.not_rung)  # then that is all there is to say
    return ask(told, Node.ASKING, *status_items(state, now), *spoken(state, *node.say))


def _nobody_found(state: IntakeState) -> GoTo:
    node = state.menu.node[state.at]
    assert isinstance(node, StatusNode)
    return GoTo(state, node.none)
