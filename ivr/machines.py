"""The call machines by name, and their states as text: what is written of a call, and read again after a restart."""

from __future__ import annotations

from datetime import datetime
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ivr import arrival, callback_call, consult, duty_check, intake, waiting
from ivr.arrival import ArrivalState
from ivr.callback_call import CallbackState
from ivr.consult_state import ConsultState
from ivr.duty_check import CheckState
from ivr.intake_state import IntakeState, Node
from ivr.waiting_state import WaitingState
from ivr.whereabouts import State

_MACHINES: dict[type, ModuleType] = {
    ArrivalState: arrival,
    CheckState: duty_check,
    ConsultState: consult,
    IntakeState: intake,
    WaitingState: waiting,
    CallbackState: callback_call,
}
_NAMES = {state: machine.__name__.removeprefix("ivr.") for state, machine in _MACHINES.items()}
_STATES: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(state) for state, name in _NAMES.items()}


class UnreadableState(ValueError):
    """Of another version, or no state at all."""


def machine_of(state: State) -> ModuleType:
    return _MACHINES[type(state)]


def name_of(state: State) -> str:
    return _NAMES[type(state)]


def written(state: State) -> str:
    return _STATES[name_of(state)].dump_json(state).decode()


def read(machine: str, text: str | None) -> State:
    """Raises UnreadableState."""
    try:
        state: State = _STATES[machine].validate_json(text or "")
    except (KeyError, ValidationError) as error:
        raise UnreadableState(machine) from error
    return state


def wake_at(state: State) -> datetime | None:
    """When the machine wants to be told that its time is up."""
    return state.wake_at if isinstance(state, ConsultState) else None


def is_worth_keeping(state: State) -> bool:
    """Whether a crash would lose something with the call: an attempt; another number, keyed in and not yet set; that
    somebody asked for a person, and has talked with none. All else of a caller in the menu is on the list from their key
    press on, and their leg goes to the fall-back."""
    if isinstance(state, IntakeState):
        unmet = state.wants_person and state.request_id is None
        return unmet or state.keyed != "" or state.node in (Node.TRANSFERRING, Node.DIALLING)
    if isinstance(state, WaitingState):
        return not state.waits
    return not state.ended
