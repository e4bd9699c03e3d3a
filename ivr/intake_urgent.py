"""What is urgent. Part of the `intake` machine. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from config.menu import UrgentNode
from hardware.line import DigitsEntered, NoInput
from ivr.intake_state import MOST_STEPS, PATIENCE, GoTo, IntakeState, Node, Stay, keep
from ivr.intake_words import ask, spoken
from ivr.machine import Update, Updated

URGENT_REASONS = {"1": "no_shelter", "2": "no_food", "3": "no_power", "4": "emergency_help"}
"""Nav's own four, by key."""
UNSTATED = "unspecified"
"""Whoever said yes is urgent from that key press on, also without a reason."""


def is_urgent(state: IntakeState, now: datetime) -> Stay:
    state = replace(state, node=Node.MAKING_URGENT, urgent=True)
    return state, (Update(state.request_id or "", urgent_reason=UNSTATED),)


def which_reason(state: IntakeState, event: Updated, now: datetime) -> Stay:
    state = replace(state, answer_by=event.answer_by, silences=0, mistakes=0)
    return ask(state, Node.REASON, *spoken(state, "intake.urgent_which"))


def reason_key(state: IntakeState, event: DigitsEntered, now: datetime) -> Stay | GoTo:
    reason = URGENT_REASONS.get(event.digits)
    if reason is not None:
        return keep(state, Update(state.request_id or "", urgent_reason=reason))
    repeats = event.digits == "*"
    if state.steps > MOST_STEPS or (state.mistakes >= PATIENCE and not repeats):
        return after_reason(state)
    wrong = () if repeats else spoken(state, "intake.wrong_key")
    state = replace(state, mistakes=state.mistakes + bool(wrong), steps=state.steps + 1)
    return ask(state, Node.REASON, *wrong, *spoken(state, "intake.urgent_which"))


def reason_silence(state: IntakeState, event: NoInput, now: datetime) -> Stay | GoTo:
    if state.silences + 1 >= PATIENCE:
        return after_reason(state)
    state = replace(state, silences=state.silences + 1)
    return ask(state, Node.REASON, *spoken(state, "intake.urgent_which"))


def after_reason(state: IntakeState) -> GoTo:
    node = state.menu.node[state.at]
    assert isinstance(node, UrgentNode)
    nobody = () if state.office.open else (state.office.emergency,)  # nobody is at work to be rung
    return GoTo(state, node.urgent, ("intake.urgent_now", *nobody))
