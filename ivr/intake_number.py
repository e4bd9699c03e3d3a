"""Keying in the number to ring: refused, read back, and kept. Part of the `intake` machine. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from config.menu import NumberNode
from hardware.line import DigitsEntered, NoInput
from ivr.intake_state import (
    MOST_STEPS,
    NATIONAL_DIGITS,
    PATIENCE,
    GoTo,
    IntakeState,
    Node,
    Stay,
    to_come,
    with_keys,
)
from ivr.intake_words import ask, readback, rest, saying, spoken
from ivr.machine import CheckNumber, NumberAccepted, NumberRefused, NumberSet, SetNumber

NUMBER_TRIES = 4
"""Numbers that are refused, or said to be wrong, before the call goes on with what is known."""


def enter_number(state: IntakeState, node: NumberNode, now: datetime) -> Stay:
    return _ask_number(state, *node.say)


def _ask_number(state: IntakeState, *say: str) -> Stay:
    state = replace(state, silences=0, mistakes=0, keyed="")
    return ask(state, Node.KEYING, *spoken(state, *say), digits=NATIONAL_DIGITS)


def number_keyed(state: IntakeState, event: DigitsEntered, now: datetime) -> Stay | GoTo:
    all_came = len(event.digits) == to_come(state.keyed)
    state = with_keys(state, event.digits)
    if state.steps > MOST_STEPS:
        return _after_number(replace(state, keyed=""))
    if event.digits.endswith("*"):
        return ask(state, Node.KEYING, *spoken(state, "intake.enter_number"), digits=NATIONAL_DIGITS)
    if all_came and to_come(state.keyed):
        return state, (rest(state, to_come(state.keyed)),)
    return _check(state)


def number_silence(state: IntakeState, event: NoInput, now: datetime) -> Stay | GoTo:
    if state.keyed:
        return _check(state)
    if state.silences >= PATIENCE:
        return _after_number(state)
    state = replace(state, silences=state.silences + 1)
    return ask(state, Node.KEYING, *spoken(state, "intake.enter_number"), digits=NATIONAL_DIGITS)


def _check(state: IntakeState) -> Stay:
    return replace(state, node=Node.CHECKING), (CheckNumber(state.keyed, state.caller),)


def number_accepted(state: IntakeState, event: NumberAccepted, now: datetime) -> Stay:
    state = replace(state, keyed=event.phone, silences=0, mistakes=0)
    return ask(state, Node.READBACK, *readback(state))


def number_refused(state: IntakeState, event: NumberRefused, now: datetime) -> Stay | GoTo:
    return _another_number(saying(state, f"number.refused.{event.why}"))


def _another_number(state: IntakeState) -> Stay | GoTo:
    """The one keyed in is not to be rung."""
    state = replace(state, tries=state.tries + 1, keyed="")
    if state.tries >= NUMBER_TRIES:
        return _after_number(state)
    return _ask_number(state, "intake.enter_number")


def readback_key(state: IntakeState, event: DigitsEntered, now: datetime) -> Stay | GoTo:
    if event.digits == "2":
        return _another_number(state)
    if event.digits == "1" or state.mistakes >= PATIENCE or state.steps >= MOST_STEPS:
        return set_number(state, Node.SETTING)
    wrong = () if event.digits == "*" else spoken(state, "intake.wrong_key")
    state = replace(state, mistakes=state.mistakes + bool(wrong), steps=state.steps + 1)
    return ask(state, Node.READBACK, *wrong, *readback(state))


def readback_silence(state: IntakeState, event: NoInput, now: datetime) -> Stay:
    if state.silences + 1 >= PATIENCE:
        return set_number(state, Node.SETTING)
    state = replace(state, silences=state.silences + 1)
    return ask(state, Node.READBACK, *readback(state))


def set_number(state: IntakeState, node: Node) -> Stay:
    return replace(state, node=node), (
        SetNumber(state.request_id or "", state.keyed, state.keyed == state.caller),
    )


def number_set(state: IntakeState, event: NumberSet, now: datetime) -> GoTo:
    state = replace(
        state,
        request_id=event.request_id,
        reference=event.reference,
        phone=event.phone,
        answer_by=event.answer_by,
        not_rung=False,
        keyed="",
    )
    return _after_number(state)


def _after_number(state: IntakeState) -> GoTo:
    node = state.menu.node[state.at]
    assert isinstance(node, NumberNode)
    return GoTo(state, node.next)
