"""The `consult` machine: a call that asks for whoever is on duty, and always ends with a person or a promise. Pure.

The contact centre rings an on-call number, or a caller in the menu says that it is urgent, or asks for a person. Those on
duty are rung one after another, or at once, as the line says; who they are is asked anew before each ring. Each accepts with
1: a voicemail never does. When nobody does, the contact centre gets a promise (consult_promise.py) and a caller goes on
in the menu, on the list as before. Nobody is hung up on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from config.menu import Menu, OnCallNode
from hardware.line import (
    Answer,
    Beside,
    CallOffered,
    Connected,
    Dial,
    DigitsEntered,
    Hangup,
    Kept,
    LegEnded,
    LegOutcome,
    NoInput,
    Prompt,
    Screen,
)
from ivr import consult_minute, consult_promise, intake
from ivr.consult_port import (
    RESULT_KEYS,
    AskBack,
    Choice,
    DutyEnded,
    DutyJoined,
    DutyResult,
    EndConsult,
    NobodyLeft,
    RingNow,
)
from ivr.consult_state import ConsultState, Node, Step, ask_next, begin, offer
from ivr.intake import SHORT_TALK
from ivr.intake_state import MOST_STEPS, OfficeFacts
from ivr.intake_words import spoken
from ivr.machine import Command, Event, IllegalTransition, NotRegistered, Registered, TimeIsUp
from ivr.phrases import about_items
from ivr.prompts import BASE_LANGUAGE

SCREEN_PAUSE = timedelta(seconds=3)
RESULT_PAUSE = timedelta(seconds=5)
OUTCOMES = {
    LegOutcome.ENDED: "no_answer",
    LegOutcome.BUSY: "busy",
    LegOutcome.NO_ANSWER: "no_answer",
    LegOutcome.DECLINED: "declined",
    LegOutcome.INVALID: "failed",
    LegOutcome.CANCELLED: "cancelled",
    LegOutcome.FAILED: "failed",
}


def offered(
    call: CallOffered,
    line: Choice | None,
    wait: timedelta,
    pin: tuple[OfficeFacts, Menu] | None = None,
    *,
    asks_pin: bool = False,
) -> ConsultState:
    """A call to an on-call number, or (`line` None) to the one for all offices; its first event is the offer itself.
    `asks_pin`: the caller is not known and must key in the code; `pin`: the menu of whoever does not, given with it."""
    office, menu = pin or (None, None)
    language = line.language if line is not None else BASE_LANGUAGE
    return ConsultState(Node.OFFERED, call, wait, language, line, office=office, menu=menu, asks_pin=asks_pin)


def step(state: ConsultState, event: Event, now: datetime) -> Step:
    """Raises IllegalTransition for an event this node does not know; the state is then unchanged."""
    handler = _TABLE.get((state.node, type(event)))
    if handler is None:
        raise IllegalTransition(f"consult: {type(event).__name__} in {state.node}")
    return handler(state, event, now)


# ---- who is rung --------------------------------------------------------------------------------


def _begin(state: ConsultState, event: Event, now: datetime) -> Step:
    return begin(state, now)


def _first(state: ConsultState, event: CallOffered, now: datetime) -> Step:
    if state.asks_pin:
        after, commands = consult_promise.ask_pin(state)
    else:
        after, commands = begin(state, now) if state.line else consult_promise.ask_office(state)
    return after, (Answer(state.leg, again=True), *commands)


def _rather_be_rung(state: ConsultState, event: DigitsEntered, now: datetime) -> Step:
    assert state.intake is not None, "only a caller can choose"
    if event.digits == "*" and state.intake.steps < MOST_STEPS:
        return offer(replace(state, intake=replace(state.intake, steps=state.intake.steps + 1)))
    if event.digits != "1":
        return begin(state, now)
    return _on(replace(state, intake=replace(state.intake, waited=True)), now, "wait.we_ring_you")


def _ring(state: ConsultState, event: RingNow, now: datetime) -> Step:
    first = state.count == 0
    state = replace(
        state,
        now=event,
        live=tuple(rung.leg for rung in event.rung),
        tried=(*state.tried, *(rung.person_id for rung in event.rung)),
        count=event.count,
    )
    other = tuple(map(Hangup, event.hang_up))
    said = _who(state, event, first=first)
    if not said:
        after, commands = _dial(state, event, now)
        return after, (*other, *commands)
    return replace(state, node=Node.CALLING), (*other, Prompt(state.leg, said, 0, timedelta(0)))


def _who(state: ConsultState, event: RingNow, *, first: bool) -> tuple[str, ...]:
    """A caller does not hear who it is, and only once that they are put through."""
    if state.intake is not None:
        node = state.intake.menu.node[state.intake.at]
        say = node.say if isinstance(node, OnCallNode) else ()
        return (*state.intake.before, *spoken(state.intake, *say)) if first else ()
    office = (f"{state.language}/office.oncall-{_line(state).office_no}",) if first else ()
    return (*office, *(f"{state.language}/office.calling-{rung.person_id}" for rung in event.rung))


def _dial(state: ConsultState, event: Event, now: datetime) -> Step:
    ring = _ringing(state)
    ring_for, stop_at = consult_minute.turn(state, ring, now)
    first, *others = ring.rung
    dial = Dial(
        state.leg,
        first.leg,
        first.number,
        ring_for,
        _line(state).caller_id,
        Screen(_whisper(state), timeout=SCREEN_PAUSE),
        also=tuple(Beside(other.leg, other.number) for other in others),
        keep=True,
        until=now + ring_for,
    )
    state = state if state.intake is None else replace(state, intake=replace(state.intake, before=()))
    return replace(state, node=Node.RINGING, stop_at=stop_at, stopped=False), (dial,)


def _whisper(state: ConsultState) -> tuple[str, ...]:
    language, ring = _line(state).language, _ringing(state)
    about: tuple[str, ...] = ()
    if state.intake is None:
        said = "whisper.consult"
    elif state.request_id is None:
        said = "whisper.transfer"
    else:
        said, about = "whisper.waiting", about_items(ring.reason, language, urgent=ring.urgent)
    return (f"{language}/{said}", *about, f"{language}/whisper.accept")


def _next(state: ConsultState, now: datetime) -> Step:
    """The next one, as long as there is time."""
    if consult_minute.is_late(state, now):
        return _nobody(state, None, now)
    return ask_next(state)


def _nobody(state: ConsultState, event: NobodyLeft | None, now: datetime) -> Step:
    if state.intake is None:
        return consult_promise.ask_when(state)
    after, commands = _on(state, now, "intake.nobody_now")
    return after, (EndConsult("promised" if state.request_id else "gave_up"), *commands)


def _on(state: ConsultState, now: datetime, *ids: str) -> Step:
    """A caller goes on in the menu."""
    assert state.intake is not None, "the contact centre has no menu"
    node = state.intake.menu.node[state.intake.at]
    assert isinstance(node, OnCallNode)
    return intake.come_to(state.intake, node.next, now, *ids)


# ---- it rings, they talk ------------------------------------------------------------------------


def _connected(state: ConsultState, event: Connected, now: datetime) -> Step:
    return _joined(state, event.peer, now)


def _joined(state: ConsultState, leg: str, now: datetime | None) -> Step:
    joined = next(rung for rung in _ringing(state).rung if rung.leg == leg)
    live = tuple(other for other in state.live if other != leg)
    state = replace(state, node=Node.TALKING, joined=joined, joined_at=now, live=live)
    return state, (DutyJoined(leg, joined.person_id, state.request_id),)


def _ended_ringing(state: ConsultState, event: LegEnded, now: datetime) -> Step:
    if event.leg == state.leg:
        return _gave_up(state, event, now)
    if event.leg not in state.live:
        return state, ()
    if event.answered:  # they were joined while we were away, for nobody knows how long
        state, joined = _joined(state, event.leg, None)  # type: ignore[assignment]  # it stays in this machine
        after, commands = _talked(state, event, now)
        return after, (*joined, *commands)
    state = replace(state, live=tuple(leg for leg in state.live if leg != event.leg))
    cancelled = event.outcome is LegOutcome.CANCELLED
    over = DutyEnded(event.leg, "no_answer" if cancelled and state.stopped else OUTCOMES[event.outcome])
    if state.live:
        return state, (over,)
    if cancelled:  # they have hung up, most likely, as is told next: else this ends at once
        return replace(state, node=Node.STOPPED), (over, Prompt(state.leg, (), 0, timedelta(0)))
    after, commands = _next(state, now)
    return after, (over, *commands)


def _time_is_up(state: ConsultState, event: TimeIsUp, now: datetime) -> Step:
    """Whoever rings or listens is stopped, and again where that had no effect. Who accepted before is told first."""
    if state.stop_at is None or now < state.stop_at:
        return state, ()
    state = replace(state, stopped=True, stop_at=now + consult_minute.STOPPING)
    return state, tuple(Hangup(leg) for leg in state.live)


def _talked(state: ConsultState, event: LegEnded, now: datetime) -> Step:
    """One of the two has hung up, or a telephone that rang beside them."""
    assert state.joined is not None, "they talk"
    if event.leg not in (state.leg, state.joined.leg):
        over = DutyEnded(event.leg, OUTCOMES[event.outcome])
        return replace(state, live=tuple(leg for leg in state.live if leg != event.leg)), (over,)
    own = state.request_id is not None
    short = state.joined_at is not None and now - state.joined_at < SHORT_TALK
    if event.leg == state.leg:
        return _leaves(state, event, now, helped=state.intake is None or not short)
    if short:
        return _dropped(state, DutyEnded(event.leg, "dropped", talked=own), now)
    ended = DutyEnded(event.leg, "talked", talked=own)
    if state.intake is None:
        return replace(state, node=Node.OVER), (ended, _ask_over(state))
    helped = replace(state.intake, answered_by_person=True, wants_person=False)
    state = replace(state, node=Node.HANGING_UP, intake=helped)
    return state, (ended, EndConsult("answered"), AskBack(), Hangup(state.leg))


def _leaves(state: ConsultState, event: LegEnded, now: datetime, *, helped: bool) -> Step:
    """The contact centre, or the caller, has hung up. A talk of some seconds helped no caller: they are on the list."""
    assert state.joined is not None, "they talk"
    outcome = "talked" if helped else "dropped"
    ended = DutyEnded(state.joined.leg, outcome, talked=state.request_id is not None)
    commands: tuple[Command, ...] = (ended, EndConsult("answered" if helped else "gave_up"))
    if state.intake is not None:
        left = replace(state.intake, answered_by_person=helped, wants_person=not helped)
        commands += intake.gone(left, event, now)[1]
    return replace(state, node=Node.LEAVING), commands


def _dropped(state: ConsultState, ended: DutyEnded, now: datetime) -> Step:
    """Whoever accepted was gone at once: the other one is not dropped, but hears so, and the next one is rung, in the time
    that is left. Who pressed 1 in the very moment in which we stopped them is rung again, and first."""
    assert state.joined is not None, "they have talked"
    talk = now - (state.joined_at or now)
    began_at, tried = (state.began_at or now) + talk, state.tried
    if state.stopped:
        began_at, tried = now, tuple(one for one in tried if one != state.joined.person_id)
    state = replace(state, began_at=began_at, tried=tried)
    if consult_minute.is_late(state, now):
        after, commands = _nobody(state, None, now)
        return after, (ended, *commands)
    said = "consult.dropped" if state.intake is None else "intake.connecting"
    language = state.language if state.intake is None else state.intake.tag
    prompt = Prompt(state.leg, (f"{language}/{said}",), 0, timedelta(0))
    return replace(state, node=Node.DROPPED, joined=None, joined_at=None), (ended, prompt)


def _goes_on(state: ConsultState, event: Event, now: datetime) -> Step:
    return _next(state, now)


def _ask_over(state: ConsultState) -> Prompt:
    return Prompt(state.leg, (f"{state.language}/consult.over",), 1, state.wait)


def _cut_off(state: ConsultState, event: DigitsEntered, now: datetime) -> Step:
    """Whoever they talked with is rung again first."""
    if event.digits != "1":
        return state, (_ask_over(state),)
    return ask_next(replace(state, tried=(), began_at=now, joined=None, joined_at=None))


def _was_all(state: ConsultState, event: NoInput, now: datetime) -> Step:
    return replace(state, node=Node.HANGING_UP), (EndConsult("answered"), AskBack(), Hangup(state.leg))


# ---- the result ---------------------------------------------------------------------------------


def _stays(state: ConsultState, event: Kept, now: datetime) -> Step:
    return _ask_result(replace(state, node=Node.RESULT, silences=0))


def _ask_result(state: ConsultState) -> Step:
    assert state.joined is not None, "they have talked"
    said = f"{_line(state).language}/duty.result"
    return state, (Prompt(state.joined.leg, (said,), 1, RESULT_PAUSE),)


def _result(state: ConsultState, event: DigitsEntered, now: datetime) -> Step:
    assert state.joined is not None, "they have talked"
    result = RESULT_KEYS.get(event.digits)
    if result is None:
        return _no_result(state, event, now)
    line = _line(state)
    written = DutyResult(result, state.joined.person_id, line.line_id, line.office_no, state.request_id)
    thanks = Prompt(state.joined.leg, (f"{line.language}/duty.thanks",), 0, timedelta(0))
    return replace(state, node=Node.THANKING), (written, thanks)


def _no_result(state: ConsultState, event: Event, now: datetime) -> Step:
    """Asked twice; then the page asks."""
    if state.silences:
        return _let_go(state, event, now)
    return _ask_result(replace(state, silences=1))


def _let_go(state: ConsultState, event: Event, now: datetime) -> Step:
    assert state.joined is not None, "they have talked"
    return replace(state, node=Node.THANKING), (Hangup(state.joined.leg),)


# ---- ends ---------------------------------------------------------------------------------------


def _gave_up(state: ConsultState, event: LegEnded, now: datetime) -> Step:
    """They hung up. A caller keeps their place; who has none, and asked for a person, gets one."""
    ended = EndConsult("lost" if event.outcome is LegOutcome.FAILED else "gave_up")
    if state.intake is None:
        return replace(state, node=Node.ENDED), (ended,)
    after, commands = intake.gone(state.intake, event, now)
    return after, (ended, *commands)


def _left(state: ConsultState, event: LegEnded, now: datetime) -> Step:
    """After a talk: neither of the two is there any more."""
    if event.leg in state.live:  # a telephone that rang beside them
        return state, (DutyEnded(event.leg, OUTCOMES[event.outcome]),)
    return replace(state, node=Node.ENDED), ()


def _left_over(state: ConsultState, event: LegEnded, now: datetime) -> Step:
    return replace(state, node=Node.ENDED), (EndConsult("answered"), AskBack())


def _nothing(state: ConsultState, event: Event, now: datetime) -> Step:
    return state, ()


def _ringing(state: ConsultState) -> RingNow:
    assert state.now is not None, "somebody is rung"
    return state.now


def _line(state: ConsultState) -> Choice:
    assert state.line is not None, "a line has been asked for"
    return state.line


_N = Node
_TABLE: dict[tuple[Node, type], Callable[..., Step]] = {
    (_N.OFFERED, CallOffered): _first,
    (_N.OFFERED, LegEnded): _left,
    (_N.OFFERING, DigitsEntered): _rather_be_rung,
    (_N.OFFERING, NoInput): _begin,
    (_N.OFFERING, LegEnded): _gave_up,
    (_N.ASKING, RingNow): _ring,
    (_N.ASKING, NobodyLeft): _nobody,
    (_N.ASKING, LegEnded): _gave_up,
    (_N.CALLING, NoInput): _dial,
    (_N.CALLING, DigitsEntered): _dial,
    (_N.CALLING, LegEnded): _gave_up,
    (_N.RINGING, Connected): _connected,
    (_N.RINGING, DigitsEntered): _nothing,
    (_N.RINGING, LegEnded): _ended_ringing,
    (_N.RINGING, TimeIsUp): _time_is_up,
    (_N.STOPPED, NoInput): _goes_on,
    (_N.STOPPED, LegEnded): _gave_up,
    (_N.TALKING, DigitsEntered): _nothing,
    (_N.TALKING, LegEnded): _talked,
    (_N.DROPPED, NoInput): _goes_on,
    (_N.DROPPED, DigitsEntered): _goes_on,
    (_N.DROPPED, LegEnded): _gave_up,
    (_N.OVER, DigitsEntered): _cut_off,
    (_N.OVER, NoInput): _was_all,
    (_N.OVER, LegEnded): _left_over,
    (_N.LEAVING, Kept): _stays,
    (_N.LEAVING, Registered): _nothing,
    (_N.LEAVING, NotRegistered): _nothing,
    (_N.LEAVING, LegEnded): _left,
    (_N.RESULT, DigitsEntered): _result,
    (_N.RESULT, NoInput): _no_result,
    (_N.RESULT, LegEnded): _left,
    (_N.THANKING, NoInput): _let_go,
    (_N.THANKING, DigitsEntered): _let_go,
    (_N.THANKING, LegEnded): _left,
    (_N.HANGING_UP, LegEnded): _left,
    **consult_promise.TABLE,
}
