"""The `intake` machine: walks an office's menu (config/menu.py) with one caller. Pure.

Whatever the menu says, three things are the machine's own: registering happens at the key press; silence and wrong
keys are met with patience and then with what is known; and nobody is hung up on without being on the list (unless they
withdrew) or before a registered caller has heard the promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from config.menu import (
    ChooseNode,
    ClosedNode,
    ConfirmNode,
    GoodbyeNode,
    InfoNode,
    LanguageNode,
    Menu,
    NumberNode,
    OnCallNode,
    RegisterNode,
    SayNode,
    SetNode,
    StatusNode,
    TransferNode,
    UrgentNode,
    WaitNode,
    WithdrawNode,
)
from hardware.line import (
    Answer,
    CallOffered,
    Connected,
    Dial,
    DigitsEntered,
    Hangup,
    LegEnded,
    NoInput,
    Screen,
)
from ivr.consult_state import Step, from_menu
from ivr.intake_number import (
    enter_number,
    number_accepted,
    number_keyed,
    number_refused,
    number_set,
    number_silence,
    readback_key,
    readback_silence,
    set_number,
)
from ivr.intake_state import MOST_STEPS, PATIENCE, GoTo, IntakeState, Node, OfficeFacts, keep
from ivr.intake_status import enter_status, found, reference_keyed, reference_silence, tell_status
from ivr.intake_urgent import after_reason, is_urgent, reason_key, reason_silence, which_reason
from ivr.intake_words import ask, closed, info, language_items, play, promise, saying, spoken
from ivr.machine import (
    AskTurn,
    Command,
    Event,
    Found,
    IllegalTransition,
    NotRegistered,
    NumberAccepted,
    NumberRefused,
    NumberSet,
    Register,
    Registered,
    Update,
    Updated,
)
from ivr.waiting_state import Node as Waiting
from ivr.waiting_state import WaitingState

PERSON_RING = timedelta(seconds=25)
"""A telephone rings so long for somebody who is on the line, and must have begun to within so long."""
SHORT_TALK = timedelta(seconds=10)
"""A talk that is over sooner was a voicemail or a line that broke: it helped nobody."""


def begin(offered: CallOffered, office: OfficeFacts, menu: Menu, now: datetime) -> Step:
    """Answer a call that was offered."""
    state = IntakeState(
        Node.ASKING, menu.start, offered.leg, offered.caller, office.languages[0], office, menu
    )
    begun, commands = _go(state, menu.start, now)
    return begun, (Answer(offered.leg), *commands)


def go_on(
    offered: CallOffered, office: OfficeFacts, menu: Menu, found: Found, now: datetime, *, answered: bool
) -> Step:
    """A caller on the list whom nobody could take: they hear that they are rung as soon as we can, and have the
    whole menu."""
    state = IntakeState(
        Node.ASKING, menu.start, offered.leg, offered.caller, found.language or office.languages[0], office, menu,
        request_id=found.request_id, reference=found.reference, phone=found.phone, answer_by=found.answer_by,
        not_rung=found.not_rung,
    )  # fmt: skip
    next_try = "intake.not_rung" if found.not_rung else "intake.next_try_soon"
    begun, commands = _go(state, menu.start, now, "intake.nobody_now", next_try)
    return begun, commands if answered else (Answer(offered.leg), *commands)


def come_to(state: IntakeState, name: str, now: datetime, *before: str) -> Step:
    """On in the menu, after another machine had the call."""
    return _go(state, name, now, *before)


def gone(state: IntakeState, event: LegEnded, now: datetime) -> Step:
    """They hung up while another machine had the call."""
    return _ended(state, event, now)


def step(state: IntakeState, event: Event, now: datetime) -> Step:
    """Raises IllegalTransition for an event this node does not know; the state is then unchanged."""
    handler = _TABLE.get((state.node, type(event)))
    if handler is None:
        raise IllegalTransition(f"intake: {type(event).__name__} in {state.node}")
    return _then(handler(state, event, now), now)


# ---- walking ------------------------------------------------------------------------------------


def _go(state: IntakeState, name: str, now: datetime, *before: str) -> Step:
    """Come to a node, through all that need nothing of the caller."""
    state = replace(state, before=state.before + spoken(state, *before))
    while True:
        state = replace(state, at=name, silences=0, mistakes=0, steps=state.steps + 1)
        if state.steps > MOST_STEPS:
            return _finish(state, now)
        node = state.menu.node[name]
        match node:
            case SayNode():
                state = saying(state, *node.say)
            case InfoNode():
                state = replace(state, before=state.before + info(state, now))
            case ClosedNode():
                state = replace(state, before=state.before + closed(state, now), heard_hours=True)
            case RegisterNode() if state.request_id is not None:
                pass
            case LanguageNode() if len(state.office.languages) == 1:  # there is nothing to ask
                pass
            case WaitNode() if state.waited:
                pass
            case OnCallNode() if state.office.on_call is None:
                state = state if state.urgent else saying(state, "intake.nobody_now")
            case _:
                return _enter(state, node, now)
        name = node.next


def _then(answer: Step | GoTo, now: datetime) -> Step:
    return _go(answer.state, answer.name, now, *answer.say) if isinstance(answer, GoTo) else answer


def _enter(state: IntakeState, node: object, now: datetime) -> Step:
    return _then(_ENTER[type(node)](state, node, now), now)


def _enter_question(state: IntakeState, node: ChooseNode | UrgentNode, now: datetime) -> Step:
    hours = closed(state, now) if isinstance(node, ChooseNode) and node.hours else ()
    return ask(state, Node.ASKING, *spoken(state, *node.say[:1]), *hours, *spoken(state, *node.say[1:]))


def _enter_language(state: IntakeState, node: LanguageNode, now: datetime) -> Step:
    return ask(state, Node.ASKING, *language_items(state))


def _enter_register(state: IntakeState, node: RegisterNode, now: datetime) -> Step:
    return _register(state, "key")


def _enter_wait(state: IntakeState, node: WaitNode, now: datetime) -> Step:
    return WaitingState(Waiting.ASKING, state), (AskTurn(state.request_id or "", first=True),)


def _enter_confirm(state: IntakeState, node: ConfirmNode, now: datetime) -> Step:
    return ask(replace(state, promised=True), Node.ASKING, *promise(state, now), *spoken(state, *node.say))


def _enter_set(state: IntakeState, node: SetNode, now: datetime) -> Step:
    chosen = Update(state.request_id or "", when=node.when, discreet=node.discreet, until=node.until)
    return keep(state, chosen)


def _enter_withdraw(state: IntakeState, node: WithdrawNode, now: datetime) -> Step:
    return keep(state, Update(state.request_id or "", withdraw=True))


def _enter_transfer(state: IntakeState, node: TransferNode, now: datetime) -> Step:
    return play(saying(replace(state, wants_person=True), *node.say), Node.TRANSFERRING)


def _enter_on_call(state: IntakeState, node: OnCallNode, now: datetime) -> Step:
    return from_menu(state, now)


def _enter_goodbye(state: IntakeState, node: GoodbyeNode, now: datetime) -> Step:
    """Nobody leaves unregistered, and nobody registered leaves without the promise."""
    if state.request_id is None and not (state.withdrawn or state.answered_by_person):
        return _register(state, "silence")
    if state.request_id is not None and not state.promised:
        state = replace(state, before=state.before + promise(state, now), promised=True)
    kept = (item for item in node.say if not (state.not_rung and item == "intake.promise_again"))
    return play(saying(state, *kept), Node.LAST_WORDS)


def _finish(state: IntakeState, now: datetime) -> Step:
    """A call that has gone round too long ends kindly."""
    return _enter_goodbye(state, GoodbyeNode(kind="goodbye"), now)


# ---- one key ------------------------------------------------------------------------------------


def _key(state: IntakeState, event: DigitsEntered, now: datetime) -> Step:
    key = event.digits
    node = state.menu.node[state.at]
    if key == "*":
        return _repeat(state, now)
    target = _keys(state, node).get(key)
    if target is not None:
        return target(state, now)
    if key == "0" and state.menu.zero is not None:
        return _go(state, state.menu.zero, now)
    if state.mistakes >= PATIENCE:
        return _unclear(state, now, "wrong_key")
    state = replace(state, mistakes=state.mistakes + 1, steps=state.steps + 1)
    return ask(state, Node.ASKING, *spoken(state, "intake.wrong_key"), *_again(state, node, now))


def _silence(state: IntakeState, event: NoInput, now: datetime) -> Step:
    if state.silences + 1 >= PATIENCE:
        return _unclear(state, now, "silence")
    node = state.menu.node[state.at]
    heard = state.heard_hours or (isinstance(node, ChooseNode) and node.hours)
    state = replace(state, silences=state.silences + 1, steps=state.steps + 1, heard_hours=heard)
    return ask(state, Node.ASKING, *_again(state, node, now))


def _repeat(state: IntakeState, now: datetime) -> Step:
    if state.steps + 1 > MOST_STEPS:
        return _unclear(state, now, "wrong_key")
    state = replace(state, steps=state.steps + 1)
    node = state.menu.node[state.at]
    if isinstance(node, StatusNode) and state.found is not None:
        return tell_status(state, now)
    return _enter(state, node, now)


Way = Callable[[IntakeState, datetime], Step]


def _to(name: str) -> Way:
    return lambda state, now: _go(state, name, now)


def _keys(state: IntakeState, node: object) -> dict[str, Way]:
    """What each key means here."""
    match node:
        case ChooseNode() | ConfirmNode() | StatusNode():
            return {key: _to(target) for key, target in node.keys.items()}
        case LanguageNode():
            return {str(at): _speak(language) for at, language in enumerate(state.office.languages, 1)}
        case UrgentNode():
            return {"1": is_urgent, "2": _to(node.next)}
    return {}


def _again(state: IntakeState, node: object, now: datetime) -> tuple[str, ...]:
    """The question once more, simpler where the menu says how."""
    match node:
        case ChooseNode():
            return spoken(state, *(node.again or node.say))
        case ConfirmNode():
            return (*promise(state, now), *spoken(state, *node.say))
        case LanguageNode():
            return language_items(state)
        case UrgentNode() | StatusNode():
            return spoken(state, *node.say)
    raise AssertionError(f"nothing is asked at {state.at}")


def _unclear(state: IntakeState, now: datetime, by: str) -> Step:
    """No answer, and our patience is over: on with what is known."""
    node = state.menu.node[state.at]
    match node:
        case UrgentNode():
            return _go(state, node.next, now, "intake.urgent_later")
        case LanguageNode():
            return _go(state, node.next, now)
        case ChooseNode() | ConfirmNode() | StatusNode():
            following = state.menu.node[node.silence]
            if isinstance(following, RegisterNode) and state.request_id is None:
                return _register(replace(state, at=node.silence), by)
            return _go(state, node.silence, now)
    raise AssertionError(f"nothing is asked at {state.at}")


# ---- language, urgent ---------------------------------------------------------------------------


def _speak(language: str) -> Way:
    def chosen(state: IntakeState, now: datetime) -> Step:
        state = replace(state, language=language, chose_language=True)
        if state.request_id is None:
            return _after_update(state, now)
        return keep(state, Update(state.request_id, language=language))

    return chosen


# ---- the desk's answers -------------------------------------------------------------------------


def _register(state: IntakeState, by: str) -> Step:
    state = replace(state, node=Node.REGISTERING)
    asked = Register(
        state.office.office_no, state.caller, state.language, by, state.withdrawals, state.chose_language
    )
    return state, (asked,)


def _registered(state: IntakeState, event: Registered, now: datetime) -> Step:
    state = replace(
        state,
        request_id=event.request_id,
        reference=event.reference,
        phone=event.phone,
        answer_by=event.answer_by,
        not_rung=False,
        withdrawn=False,
    )
    if event.refused is not None:
        state = saying(state, f"number.refused.{event.refused}")
    node = state.menu.node[state.at]
    if not isinstance(node, RegisterNode):  # at a goodbye
        return _go(saying(state, "intake.registered"), state.at, now)
    return _go(saying(state, *node.say), node.withheld if event.phone is None else node.next, now)


def _not_registered(state: IntakeState, event: NotRegistered, now: datetime) -> Step:
    """Told why, and whom to ring when life is in danger; the list keeps whom it has."""
    state = replace(state, wants_person=False)
    return play(
        saying(state, "intake.too_many_today", state.office.emergency, "intake.goodbye"), Node.LAST_WORDS
    )


def _updated(state: IntakeState, event: Updated, now: datetime) -> Step:
    if not event.done:
        node = state.menu.node[state.at]
        if isinstance(node, SetNode):
            return _go(state, node.next, now, "intake.too_late_today")
        return _finish(state, now)
    return _after_update(replace(state, answer_by=event.answer_by), now)


def _after_update(state: IntakeState, now: datetime) -> Step:
    node = state.menu.node[state.at]
    match node:
        case SetNode():
            return _go(state, node.next, now, *node.say)
        case UrgentNode():
            return _then(after_reason(state), now)
        case WithdrawNode():
            state = replace(
                state, request_id=None, reference=None, phone=None, found=None, knows_reference=False, not_rung=False,
                promised=False, urgent=False, withdrawn=True, withdrawals=state.withdrawals + 1,
            )  # fmt: skip
            return _go(state, node.next, now, "intake.withdrawn")
        case LanguageNode():
            return _go(state, node.next, now)
        case StatusNode():
            return tell_status(state, now)
    raise AssertionError(f"nothing is kept at {state.at}")


# ---- a person -----------------------------------------------------------------------------------


def _dial(state: IntakeState, event: Event, now: datetime) -> Step:
    node = state.menu.node[state.at]
    assert isinstance(node, TransferNode)
    screen = None
    if node.accept:
        urgent = ("whisper.urgent",) if state.urgent else ()
        language = state.office.languages[0]
        screen = Screen(tuple(f"{language}/{i}" for i in ("whisper.transfer", *urgent, "whisper.accept")))
    shown = state.office.public_number
    dial = Dial(state.leg, state.peer, node.to, PERSON_RING, shown, screen, until=now + PERSON_RING)
    return replace(state, node=Node.DIALLING), (dial,)


def _connected(state: IntakeState, event: Connected, now: datetime) -> Step:
    return replace(state, joined_at=now), ()


def _dialled(state: IntakeState, event: LegEnded, now: datetime) -> Step:
    """The other telephone, or the caller's own, is no longer there."""
    if state.joined_at is not None:
        talked = now - state.joined_at >= SHORT_TALK
    else:  # they were joined while we were away, for nobody knows how long
        talked = event.answered and event.leg != state.leg
    state = replace(state, joined_at=None, answered_by_person=talked, wants_person=not talked)
    if event.leg == state.leg:
        return _ended(state, event, now)
    if state.answered_by_person:
        return replace(state, node=Node.HANGING_UP), (Hangup(state.leg),)
    node = state.menu.node[state.at]
    assert isinstance(node, TransferNode)
    return _go(state, node.next, now, "intake.nobody_now")


# ---- ends ---------------------------------------------------------------------------------------


def _said(state: IntakeState, event: Event, now: datetime) -> Step:
    return replace(state, node=Node.HANGING_UP), (Hangup(state.leg),)


def _ended(state: IntakeState, event: Event, now: datetime) -> Step:
    """Whoever asked for a person and talked with none is on the list, like whoever pressed 1."""
    commands: tuple[Command, ...] = ()
    if state.wants_person and state.request_id is None and not state.withdrawn:
        _, commands = _register(state, "key")
    return replace(state, node=Node.ENDED), commands


def _ended_in_readback(state: IntakeState, event: LegEnded, now: datetime) -> Step:
    """Hung up while hearing the number: without another number, the keyed one is what is known."""
    if state.phone is None:
        return set_number(state, Node.ENDED)
    return _ended(state, event, now)


def _nothing(state: IntakeState, event: Event, now: datetime) -> Step:
    return state, ()


_ENTER: dict[type, Callable[..., Step | GoTo]] = {
    ChooseNode: _enter_question,
    UrgentNode: _enter_question,
    LanguageNode: _enter_language,
    RegisterNode: _enter_register,
    NumberNode: enter_number,
    WaitNode: _enter_wait,
    ConfirmNode: _enter_confirm,
    SetNode: _enter_set,
    WithdrawNode: _enter_withdraw,
    StatusNode: enter_status,
    TransferNode: _enter_transfer,
    OnCallNode: _enter_on_call,
    GoodbyeNode: _enter_goodbye,
}
_N = Node
_TABLE: dict[tuple[Node, type], Callable[..., Step | GoTo]] = {
    (_N.ASKING, DigitsEntered): _key,
    (_N.ASKING, NoInput): _silence,
    (_N.ASKING, LegEnded): _ended,
    (_N.REGISTERING, Registered): _registered,
    (_N.REGISTERING, NotRegistered): _not_registered,
    (_N.REGISTERING, LegEnded): _ended,
    (_N.MAKING_URGENT, Updated): which_reason,
    (_N.MAKING_URGENT, LegEnded): _ended,
    (_N.REASON, DigitsEntered): reason_key,
    (_N.REASON, NoInput): reason_silence,
    (_N.REASON, LegEnded): _ended,
    (_N.UPDATING, Updated): _updated,
    (_N.UPDATING, LegEnded): _ended,
    (_N.KEYING, DigitsEntered): number_keyed,
    (_N.KEYING, NoInput): number_silence,
    (_N.KEYING, LegEnded): _ended,
    (_N.CHECKING, NumberAccepted): number_accepted,
    (_N.CHECKING, NumberRefused): number_refused,
    (_N.CHECKING, LegEnded): _ended,
    (_N.READBACK, DigitsEntered): readback_key,
    (_N.READBACK, NoInput): readback_silence,
    (_N.READBACK, LegEnded): _ended_in_readback,
    (_N.SETTING, NumberSet): number_set,
    (_N.SETTING, LegEnded): _ended,
    (_N.REFERENCE, DigitsEntered): reference_keyed,
    (_N.REFERENCE, NoInput): reference_silence,
    (_N.REFERENCE, LegEnded): _ended,
    (_N.FINDING, Found): found,
    (_N.FINDING, LegEnded): _ended,
    (_N.TRANSFERRING, NoInput): _dial,
    (_N.TRANSFERRING, DigitsEntered): _dial,
    (_N.TRANSFERRING, LegEnded): _ended,
    (_N.DIALLING, Connected): _connected,
    (_N.DIALLING, DigitsEntered): _nothing,
    (_N.DIALLING, LegEnded): _dialled,
    (_N.LAST_WORDS, NoInput): _said,
    (_N.LAST_WORDS, DigitsEntered): _said,
    (_N.LAST_WORDS, LegEnded): _ended,
    (_N.HANGING_UP, LegEnded): _ended,
    (_N.ENDED, NumberSet): _nothing,
    (_N.ENDED, Registered): _nothing,
    (_N.ENDED, NotRegistered): _nothing,
}
