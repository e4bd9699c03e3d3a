"""The `waiting` machine: a caller on the list waits on the line for a colleague. Pure.

The call asks the desk at every piece of music whether it is its turn. Then the colleague is rung, and each try is an
attempt of the caller's request. Whatever else happens, the request stays as it was: a caller who presses 1, who can no
longer be waited for, or who hangs up keeps their place. Nobody is cut off here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from config.menu import WaitNode
from hardware.line import (
    LINE_FULL,
    Connected,
    Dial,
    DigitsEntered,
    Hangup,
    LegEnded,
    LegOutcome,
    NoInput,
    Prompt,
    Screen,
)
from ivr import intake
from ivr.callback_call import NOBODY_THERE
from ivr.consult_state import Step
from ivr.intake import PERSON_RING
from ivr.intake_state import Node as Menu
from ivr.intake_words import spoken
from ivr.machine import (
    AskTurn,
    AttemptEnded,
    EndAttempt,
    Event,
    IllegalTransition,
    InLine,
    ItsTurn,
    MarkConnected,
    NoWaiting,
    Register,
    ReturnRefused,
    ReturnStarted,
    StartReturn,
    StopTaking,
    Why,
)
from ivr.phrases import about_items, place_items, wait_items
from ivr.prompts import MUSIC
from ivr.waiting_state import Node, WaitingState

EVERY = timedelta(minutes=1)
"""They hear where they stand so often; music in between."""


def step(state: WaitingState, event: Event, now: datetime) -> Step:
    """Raises IllegalTransition for an event this node does not know; the state is then unchanged."""
    handler = _TABLE.get((state.node, type(event)))
    if handler is None:
        raise IllegalTransition(f"waiting: {type(event).__name__} in {state.node}")
    return handler(state, event, now)


# ---- where they stand ---------------------------------------------------------------------------


def _ask(state: WaitingState, event: Event, now: datetime) -> Step:
    return replace(state, node=Node.ASKING), (AskTurn(state.request_id),)


def _in_line(state: WaitingState, event: InLine, now: datetime) -> Step:
    if event.too_long and not state.has_waited:
        return _on(state, now)
    if state.told_at is not None and now - state.told_at < EVERY and not state.again:
        return _listen(state)
    first = state.told_at is None or state.again
    tag = state.intake.tag
    stands = (*place_items(event.place, tag), *wait_items(event.expected, tag))
    longer = _say(state, "wait.longer") if event.too_long else ()
    return _listen(replace(state, told_at=now, again=False), *longer, *stands, *_choice(state, first=first))


def _choice(state: WaitingState, *, first: bool) -> tuple[str, ...]:
    """What 1 does for them. Who cannot be rung is not told that they will be."""
    if not _can_be_rung(state):
        return _say(state, "wait.stay")
    return _say(state, "wait.offer" if first else "wait.again")


def _can_be_rung(state: WaitingState) -> bool:
    return state.intake.phone is not None and not state.intake.not_rung


def _listen(state: WaitingState, *items: str, music: bool = True) -> Step:
    """What waits to be said, these, and a piece of music, which any key stops."""
    said = (*state.intake.before, *items, *(_say(state, MUSIC) if music else ()))
    state = replace(state, node=Node.LISTENING, intake=replace(state.intake, before=()))
    return state, (Prompt(state.leg, said, 1, timedelta(0)),)


def _no_waiting(state: WaitingState, event: NoWaiting, now: datetime) -> Step:
    if event.why is Why.ENDED:
        return _listed_anew(state)
    if event.why is Why.IN_CALL or not state.has_waited:
        return _on(state, now)
    if event.why is Why.UNKNOWN:
        return _listen(state)
    return _be_rung(state, now, "wait.closing" if event.why is Why.CLOSED else "intake.nobody_now")


def _listed_anew(state: WaitingState) -> Step:
    """Whoever is on the line wants to be talked with: no promise is made of a request that somebody has ended."""
    gone = state.intake
    anew = replace(
        gone,
        node=Menu.REGISTERING,
        request_id=None,
        reference=None,
        phone=None,
        withdrawals=gone.withdrawals + 1,
    )
    office_no, nth = gone.office.office_no, anew.withdrawals
    return anew, (Register(office_no, gone.caller, gone.language, "key", nth, gone.chose_language),)


def _be_rung(state: WaitingState, now: datetime, *ids: str) -> Step:
    return _on(state, now, *ids, *(("wait.we_ring_you",) if _can_be_rung(state) else ()))


def _on(state: WaitingState, now: datetime, *ids: str) -> Step:
    """On in the menu, and not back to here in this call."""
    node = state.intake.menu.node[state.intake.at]
    assert isinstance(node, WaitNode)
    return intake.come_to(replace(state.intake, waited=True), node.next, now, *ids)


def _key(state: WaitingState, event: DigitsEntered, now: datetime) -> Step:
    menu = state.intake.menu
    if event.digits == "1":
        return _be_rung(state, now)
    if event.digits == "0" and menu.zero is not None:
        return intake.come_to(state.intake, menu.zero, now)
    if event.digits == "*":
        return _ask(replace(state, again=True), event, now)
    return _listen(state, *_say(state, "intake.wrong_key"), *_choice(state, first=False))


# ---- their turn ---------------------------------------------------------------------------------


def _its_turn(state: WaitingState, event: ItsTurn, now: datetime) -> Step:
    state = replace(state, node=Node.STARTING, turn=event, tries=state.tries + 1, rung=0)
    start = StartReturn(state.request_id, event.colleague.person_id, _attempt(state), waits=True)
    return state, (start,)


def _started(state: WaitingState, event: ReturnStarted, now: datetime) -> Step:
    other = tuple(map(Hangup, event.hang_up))
    said = (*state.intake.before, *_say(state, "intake.connecting"))
    state = replace(state, node=Node.CONNECTING, intake=replace(state.intake, before=()))
    return state, (*other, Prompt(state.leg, said, 0, timedelta(0)))


def _refused(state: WaitingState, event: ReturnRefused, now: datetime) -> Step:
    return _listen(state)


def _dial(state: WaitingState, event: Event, now: datetime) -> Step:
    office, colleague = state.intake.office, _turn(state).colleague
    screen = Screen(_whisper(state))
    number = (colleague.number, *colleague.then)[state.rung]
    shown = office.public_number
    dial = Dial(state.leg, state.peer, number, PERSON_RING, shown, screen, until=now + PERSON_RING)
    return replace(state, node=Node.RINGING_CASEWORKER), (dial,)


def _whisper(state: WaitingState) -> tuple[str, ...]:
    turn, language = _turn(state), state.intake.office.languages[0]
    about = about_items(turn.reason, language, urgent=turn.urgent)
    return (f"{language}/whisper.waiting", *about, f"{language}/whisper.accept")


def _connected(state: WaitingState, event: Connected, now: datetime) -> Step:
    return replace(state, node=Node.TALKING), (MarkConnected(_attempt(state)),)


def _ended_ringing(state: WaitingState, event: LegEnded, now: datetime) -> Step:
    if event.leg == state.leg:
        return _end(state, Node.ENDED, "cancelled", event.cause)
    if event.answered:  # we were away while they talked
        return _ended_talking(state, event, now)
    if event.outcome in NOBODY_THERE and state.rung < len(_turn(state).colleague.then):
        return _dial(replace(state, rung=state.rung + 1), event, now)
    colleague = _turn(state).colleague.person_id
    failed = event.outcome in (LegOutcome.FAILED, LegOutcome.INVALID)
    full = failed and event.cause == LINE_FULL
    line = event.outcome is LegOutcome.FAILED and (
        full or state.failed != colleague
    )  # perhaps, not the person
    state = replace(state, failed=colleague if line else None)
    after, commands = _end(state, Node.ENDING, "line_failed" if failed else "cancelled", event.cause)
    if line or event.outcome is LegOutcome.CANCELLED or _turn(state).by_hand:
        return after, commands  # cancelled: the caller has hung up, as is told next
    # First they are away, then the request is due: else they would be rung for it again.
    return after, (StopTaking(colleague), *commands)


def _ended_talking(state: WaitingState, event: LegEnded, now: datetime) -> Step:
    if event.leg == state.leg:
        return _end(state, Node.ENDED, "answered", event.cause)
    after, commands = _end(state, Node.HANGING_UP, "answered", event.cause)
    return after, (*commands, Hangup(state.leg))


def _ended_before_ringing(state: WaitingState, event: LegEnded, now: datetime) -> Step:
    return _end(state, Node.ENDED, "cancelled", event.cause)


def _end(state: WaitingState, node: Node, outcome: str, cause: int | None) -> Step:
    return replace(state, node=node), (EndAttempt(_attempt(state), outcome, cause),)


def _not_taken(state: WaitingState, event: AttemptEnded, now: datetime) -> Step:
    """A word, and then at once whose turn it is: perhaps another colleague's."""
    return _listen(state, *_say(state, "wait.not_taken"), music=False)


def _gone(state: WaitingState, event: LegEnded, now: datetime) -> Step:
    return (replace(state, node=Node.ENDED) if event.leg == state.leg else state), ()


def _nothing(state: WaitingState, event: Event, now: datetime) -> Step:
    return state, ()


def _turn(state: WaitingState) -> ItsTurn:
    assert state.turn is not None, "only a caller whose turn it is comes here"
    return state.turn


def _attempt(state: WaitingState) -> str:
    assert state.attempt_id is not None, "only a caller whose turn it is comes here"
    return state.attempt_id


def _say(state: WaitingState, *ids: str) -> tuple[str, ...]:
    return spoken(state.intake, *ids)


_N = Node
_TABLE: dict[tuple[Node, type], Callable[..., Step]] = {
    (_N.ASKING, ItsTurn): _its_turn,
    (_N.ASKING, InLine): _in_line,
    (_N.ASKING, NoWaiting): _no_waiting,
    (_N.ASKING, LegEnded): _gone,
    (_N.LISTENING, NoInput): _ask,
    (_N.LISTENING, DigitsEntered): _key,
    (_N.LISTENING, LegEnded): _gone,
    (_N.STARTING, ReturnStarted): _started,
    (_N.STARTING, ReturnRefused): _refused,
    (_N.STARTING, LegEnded): _gone,
    (_N.CONNECTING, NoInput): _dial,
    (_N.CONNECTING, DigitsEntered): _dial,
    (_N.CONNECTING, LegEnded): _ended_before_ringing,
    (_N.RINGING_CASEWORKER, Connected): _connected,
    (_N.RINGING_CASEWORKER, DigitsEntered): _nothing,
    (_N.RINGING_CASEWORKER, LegEnded): _ended_ringing,
    (_N.TALKING, LegEnded): _ended_talking,
    (_N.ENDING, AttemptEnded): _not_taken,
    (_N.ENDING, LegEnded): _gone,
    (_N.HANGING_UP, AttemptEnded): _nothing,
    (_N.HANGING_UP, LegEnded): _gone,
    (_N.ENDED, AttemptEnded): _nothing,
}
