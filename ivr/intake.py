"""The `intake` machine: a caller rings the office, presses 1, and is promised a call. Pure.

Pressing 1 registers at once; everything after only makes the promise better. Silence and wrong keys are
met with patience and then with what is already known: once registered, nobody is hung up on before the
promise was played. Whoever stays on the line without a key is registered too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from hardware.line import Answer, CallOffered, DigitsEntered, Hangup, LegEnded, NoInput, Prompt
from ivr.machine import (
    CheckNumber,
    Command,
    Event,
    IllegalTransition,
    NumberAccepted,
    NumberRefused,
    NumberSet,
    Register,
    Registered,
    SetNumber,
)
from ivr.phrases import date_items, phone_items, reference_items

NATIONAL_DIGITS = 8
PATIENCE = 2
"""Silences or wrong keys in one step before the call goes on with what is known."""
NUMBER_TRIES = 4
"""Refused numbers before the call goes on with what is known."""


class Node(StrEnum):
    GREETING = "greeting"
    REGISTERING = "registering"
    CONFIRM = "confirm"
    """Is the number you ring from right?"""
    KEYING = "keying"
    """Key in a number."""
    CHECKING = "checking"
    READBACK = "readback"
    """Is the number you keyed in right?"""
    SETTING = "setting"
    PROMISE = "promise"
    HANGING_UP = "hanging_up"
    ENDED = "ended"
    """Terminal."""


@dataclass(frozen=True, slots=True)
class IntakeState:
    node: Node
    leg: str
    office_no: str
    language: str
    caller: str | None
    wait: timedelta
    """Silence that counts as an answer."""
    silences: int = 0
    """In this step."""
    mistakes: int = 0
    """In this step."""
    refused: int = 0
    keyed: str = ""
    """Keys of a number, then the number that was accepted."""
    request_id: str | None = None
    reference: str | None = None
    phone: str | None = None
    """The number that will be rung."""
    answer_by: date | None = None

    @property
    def ended(self) -> bool:
        return self.node is Node.ENDED


Step = tuple[IntakeState, tuple[Command, ...]]


def begin(offered: CallOffered, office_no: str, language: str, wait: timedelta) -> Step:
    """Answer a call that was offered."""
    state = IntakeState(Node.GREETING, offered.leg, office_no, language, offered.caller, wait)
    return state, (Answer(offered.leg), _ask(state, "intake.greeting"))


def step(state: IntakeState, event: Event, now: datetime) -> Step:
    """Raises IllegalTransition for an event this node does not know; the state is then unchanged."""
    handler = _TABLE.get((state.node, type(event)))
    if handler is None:
        raise IllegalTransition(f"intake: {type(event).__name__} in {state.node}")
    return handler(state, event)


# ---- greeting -----------------------------------------------------------------------------------


def _greeting_key(state: IntakeState, event: DigitsEntered) -> Step:
    if event.digits == "1" or state.mistakes >= PATIENCE:
        return _register(state, "key" if event.digits == "1" else "wrong_key")
    state = replace(state, mistakes=state.mistakes + 1)
    return state, (_ask(state, "intake.wrong_key", "intake.greeting_again"),)


def _greeting_silence(state: IntakeState, event: NoInput) -> Step:
    if state.silences + 1 >= PATIENCE:
        return _register(state, "silence")
    state = replace(state, silences=state.silences + 1)
    return state, (_ask(state, "intake.greeting_again"),)


def _register(state: IntakeState, by: str) -> Step:
    state = replace(state, node=Node.REGISTERING)
    return state, (Register(state.office_no, state.caller, state.language, by),)


def _registered(state: IntakeState, event: Registered) -> Step:
    state = replace(
        state,
        request_id=event.request_id,
        reference=event.reference,
        phone=event.phone,
        answer_by=event.answer_by,
    )
    if event.refused is not None:
        refusal = f"number.refused.{event.refused}"
        return _enter(state, Node.KEYING, "intake.registered", refusal, "intake.enter_number")
    if event.phone is None:
        return _enter(state, Node.KEYING, "intake.registered", "intake.enter_number_withheld")
    return _enter(state, Node.CONFIRM, "intake.registered", *_confirm_items(state))


def _confirm_items(state: IntakeState) -> tuple[str, ...]:
    return ("intake.your_number", *phone_items(state.phone or "", state.language), "intake.confirm")


# ---- which number -------------------------------------------------------------------------------


def _confirm_key(state: IntakeState, event: DigitsEntered) -> Step:
    if event.digits == "2":
        return _enter(state, Node.KEYING, "intake.enter_number")
    if event.digits == "1" or state.mistakes >= PATIENCE:
        return _promise(state)
    state = replace(state, mistakes=state.mistakes + 1)
    return state, (_ask(state, "intake.wrong_key", *_confirm_items(state)),)


def _confirm_silence(state: IntakeState, event: NoInput) -> Step:
    if state.silences + 1 >= PATIENCE:
        return _promise(state)
    state = replace(state, silences=state.silences + 1)
    return state, (_ask(state, *_confirm_items(state)),)


def _number_keyed(state: IntakeState, event: DigitsEntered) -> Step:
    keyed = state.keyed + event.digits
    if keyed.startswith("00") and len(keyed) == NATIONAL_DIGITS:
        # An international prefix: the rest is still to come (0047 and eight digits, or a foreign number).
        more = 4 if keyed.startswith("0047") else 7
        return replace(state, keyed=keyed), (Prompt(state.leg, (), more, timedelta(seconds=3)),)
    return _check(replace(state, keyed=keyed))


def _number_silence(state: IntakeState, event: NoInput) -> Step:
    if state.keyed:
        return _check(state)
    if state.silences >= PATIENCE:
        return _promise(state)
    state = replace(state, silences=state.silences + 1)
    return state, (_ask(state, "intake.enter_number"),)


def _check(state: IntakeState) -> Step:
    return replace(state, node=Node.CHECKING), (CheckNumber(state.keyed),)


def _number_accepted(state: IntakeState, event: NumberAccepted) -> Step:
    return _enter(
        replace(state, keyed=event.phone), Node.READBACK, *_readback_items(event.phone, state.language)
    )


def _readback_items(phone: str, language: str) -> tuple[str, ...]:
    return ("intake.we_ring_on", *phone_items(phone, language), "intake.confirm_entered")


def _number_refused(state: IntakeState, event: NumberRefused) -> Step:
    state = replace(state, refused=state.refused + 1, keyed="")
    refusal = f"number.refused.{event.why}"
    if state.refused >= NUMBER_TRIES:
        return _promise(state, refusal)
    return _enter(state, Node.KEYING, refusal, "intake.enter_number")


def _readback_key(state: IntakeState, event: DigitsEntered) -> Step:
    if event.digits == "2":
        return _enter(replace(state, keyed=""), Node.KEYING, "intake.enter_number")
    if event.digits == "1" or state.mistakes >= PATIENCE:
        return _set_number(state, Node.SETTING)
    state = replace(state, mistakes=state.mistakes + 1)
    return state, (_ask(state, "intake.wrong_key", *_readback_items(state.keyed, state.language)),)


def _readback_silence(state: IntakeState, event: NoInput) -> Step:
    if state.silences + 1 >= PATIENCE:
        return _set_number(state, Node.SETTING)
    state = replace(state, silences=state.silences + 1)
    return state, (_ask(state, *_readback_items(state.keyed, state.language)),)


def _set_number(state: IntakeState, node: Node) -> Step:
    return replace(state, node=node), (SetNumber(state.request_id or "", state.keyed),)


def _number_set(state: IntakeState, event: NumberSet) -> Step:
    return _promise(
        replace(
            state,
            request_id=event.request_id,
            reference=event.reference,
            phone=event.phone,
            answer_by=event.answer_by,
        )
    )


# ---- the promise --------------------------------------------------------------------------------


def _promise(state: IntakeState, *before: str) -> Step:
    assert state.reference is not None, "only a registered caller comes here"
    assert state.answer_by is not None, "every request has a date"
    if state.phone is None:
        reference = reference_items(state.reference, state.language)
        words: tuple[str, ...] = (
            "intake.no_number", *reference, "intake.no_number", *reference, "intake.ring_back",
        )  # fmt: skip
    else:
        words = ("intake.promise", *date_items(state.answer_by, state.language), "intake.promise_again")
    return _enter(state, Node.PROMISE, *before, *words, "intake.goodbye")


def _promised(state: IntakeState, event: NoInput) -> Step:
    return replace(state, node=Node.HANGING_UP), (Hangup(state.leg),)


# ---- ends ---------------------------------------------------------------------------------------


def _ended(state: IntakeState, event: LegEnded) -> Step:
    return replace(state, node=Node.ENDED), ()


def _ended_in_readback(state: IntakeState, event: LegEnded) -> Step:
    """Hung up while hearing the number: without another number, the keyed one is what is known."""
    if state.phone is None:
        return _set_number(state, Node.ENDED)
    return _ended(state, event)


def _nothing(state: IntakeState, event: Event) -> Step:
    return state, ()


# ---- building blocks ----------------------------------------------------------------------------


def _enter(state: IntakeState, node: Node, *ids: str) -> Step:
    keyed = "" if node is Node.KEYING else state.keyed
    state = replace(state, node=node, silences=0, mistakes=0, keyed=keyed)
    return state, (_ask(state, *ids),)


def _ask(state: IntakeState, *ids: str) -> Prompt:
    """Play prompts (ids, or items that already name their language) and collect what the node needs."""
    items = tuple(i if "/" in i else f"{state.language}/{i}" for i in ids)
    digits = {Node.KEYING: NATIONAL_DIGITS, Node.PROMISE: 0}.get(state.node, 1)
    wait = timedelta(0) if digits == 0 else state.wait
    return Prompt(state.leg, items, digits, wait)


_N = Node
_TABLE: dict[tuple[Node, type], Callable[..., Step]] = {
    (_N.GREETING, DigitsEntered): _greeting_key,
    (_N.GREETING, NoInput): _greeting_silence,
    (_N.GREETING, LegEnded): _ended,
    (_N.REGISTERING, Registered): _registered,
    (_N.REGISTERING, LegEnded): _ended,
    (_N.CONFIRM, DigitsEntered): _confirm_key,
    (_N.CONFIRM, NoInput): _confirm_silence,
    (_N.CONFIRM, LegEnded): _ended,
    (_N.KEYING, DigitsEntered): _number_keyed,
    (_N.KEYING, NoInput): _number_silence,
    (_N.KEYING, LegEnded): _ended,
    (_N.CHECKING, NumberAccepted): _number_accepted,
    (_N.CHECKING, NumberRefused): _number_refused,
    (_N.CHECKING, LegEnded): _ended,
    (_N.READBACK, DigitsEntered): _readback_key,
    (_N.READBACK, NoInput): _readback_silence,
    (_N.READBACK, LegEnded): _ended_in_readback,
    (_N.SETTING, NumberSet): _number_set,
    (_N.SETTING, LegEnded): _ended,
    (_N.PROMISE, NoInput): _promised,
    (_N.PROMISE, DigitsEntered): _promised,
    (_N.PROMISE, LegEnded): _ended,
    (_N.HANGING_UP, LegEnded): _ended,
    (_N.ENDED, NumberSet): _nothing,
}
