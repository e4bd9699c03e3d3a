"""The `waiting` machine, step by step, and how long somebody is told that they wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

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
)
from ivr import waiting
from ivr.intake_state import IntakeState
from ivr.intake_state import Node as Menu
from ivr.machine import (
    AskTurn,
    AttemptEnded,
    Colleague,
    Command,
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
from ivr.phrases import place_items, wait_items
from ivr.prompts import MUSIC
from ivr.waiting_state import Node, WaitingState
from tests.unit.intake_caller import CALLER, MENU, NOW, OFFICE, Caller

MINUTE = timedelta(minutes=1)
KARI = ItsTurn("call", Colleague("kari", "201"), urgent=True, reason="no_food")
SECOND_IN_LINE = InLine(2, 4 * MINUTE, too_long=False)
TOO_LONG = replace(SECOND_IN_LINE, too_long=True)


def caller(**known: object) -> WaitingState:
    """Who has come to wait, and is asked about."""
    intake = IntakeState(
        Menu.ASKING, "wait", "leg", CALLER, "nb", OFFICE, MENU,
        request_id="r1", reference="482173", phone=CALLER, answer_by=date(2026, 11, 25), before=("nb/intake.registered",),
    )  # fmt: skip
    return WaitingState(Node.ASKING, replace(intake, **known))  # type: ignore[arg-type]


def steps(
    state: WaitingState, *events: Event, now: datetime = NOW
) -> tuple[WaitingState, tuple[Command, ...]]:
    """The state after the last, which is still of this machine, and what the last one made it do."""
    commands: tuple[Command, ...] = ()
    for event in events:
        after, commands = waiting.step(state, event, now)
        assert isinstance(after, WaitingState)
        state = after
    return state, commands


def heard(commands: tuple[Command, ...]) -> list[str]:
    (prompt,) = [command for command in commands if isinstance(command, Prompt)]
    return [item.removeprefix("nb/") for item in prompt.items]


def ids(items: tuple[str, ...]) -> list[str]:
    return [item.partition("/")[2] for item in items]


def test_the_menu_leads_here() -> None:
    """Two keys, and the caller hears where they stand, and music, which any key stops."""
    call = Caller(turn=SECOND_IN_LINE).keys("1", "2")
    assert isinstance(call.state, WaitingState)
    assert call.hears("wait.place", "digit.2", "wait.in_queue", "wait.about_5", "wait.offer")
    assert call.prompt.items[-1] == MUSIC
    assert (call.prompt.digits, call.prompt.timeout) == (1, timedelta(0))
    assert call.keys("-").prompt.items == (MUSIC,)
    assert call.keys("1").hears("wait.we_ring_you", "intake.promise")


@pytest.mark.parametrize("why", [*(NoWaiting(why) for why in Why if why is not Why.ENDED), TOO_LONG])
def test_nothing_is_heard_of_what_is_not_offered(why: Event) -> None:
    """Who comes when nobody can be waited for, or for too long, hears the promise as ever."""
    call = Caller(turn=why).keys("1", "2")
    assert not [item for item in call.heard if "wait." in item]
    assert call.state.promised


def test_once_in_a_call() -> None:
    """Whoever chose to be rung is not asked again after they have changed their number."""
    call = Caller(turn=SECOND_IN_LINE).keys("1", "2", "1", "2", "90001234", "1")
    assert call.hears("intake.promise")
    assert len([c for c in call.asked if isinstance(c, AskTurn)]) == 1


def test_somebody_ended_the_request() -> None:
    """Whoever is on the line is put on the list anew, under an id of its own."""
    after, commands = waiting.step(caller(), NoWaiting(Why.ENDED), NOW)
    assert isinstance(after, IntakeState)
    assert commands == (Register("9001", CALLER, "nb", "key", nth=1),)
    assert after.request_id is None


@pytest.mark.parametrize(("why", "says"), [(Why.CLOSED, "wait.closing"), (Why.NOBODY, "intake.nobody_now")])
def test_conversion(why: Why, says: str) -> None:
    """Who waits already hears why it ends, and what becomes of them; who cannot be rung is not told that they will be."""
    state, _ = steps(caller(), SECOND_IN_LINE, NoInput("leg"))
    after, commands = waiting.step(state, NoWaiting(why), NOW)
    assert isinstance(after, IntakeState)
    assert heard(commands)[:3] == [says, "wait.we_ring_you", "intake.promise"]
    state, _ = steps(caller(phone=None), SECOND_IN_LINE, NoInput("leg"))
    _, commands = waiting.step(state, NoWaiting(why), NOW)
    assert heard(commands)[:2] == [says, "intake.no_number"]


@pytest.mark.parametrize("known", [{"phone": None}, {"not_rung": True}])
def test_who_cannot_be_rung(known: dict[str, object]) -> None:
    """They may wait, and are told the truth."""
    _, commands = steps(caller(**known), SECOND_IN_LINE)
    assert heard(commands)[-2:] == ["wait.stay", "wait.music"]
    assert "wait.offer" not in heard(commands)


def test_too_long_for_who_waits() -> None:
    """They hear so with the next message, and may stay."""
    state, _ = steps(caller(), SECOND_IN_LINE, NoInput("leg"))
    _, commands = steps(state, TOO_LONG, now=NOW + timedelta(seconds=59))
    assert heard(commands) == ["wait.music"]
    _, commands = steps(state, TOO_LONG, now=NOW + MINUTE)
    assert heard(commands)[0] == "wait.longer"
    assert heard(commands)[-2:] == ["wait.again", "wait.music"]


def test_put_through() -> None:
    """The attempt is begun before the caller hears so; then the colleague is rung, screened, and they talk."""
    state, commands = steps(caller(), KARI)
    assert commands == (StartReturn("r1", "kari", "callw1", waits=True),)
    state, commands = steps(state, ReturnStarted(()))
    assert heard(commands) == ["intake.registered", "intake.connecting"]
    state, (dial,) = steps(state, NoInput("leg"))
    assert isinstance(dial, Dial)
    assert (dial.to, dial.peer, dial.caller_id) == ("201", "leg-to-w1", OFFICE.public_number)
    assert dial.screen is not None
    assert dial.screen.items == (
        "nb/whisper.waiting",
        "nb/whisper.urgent",
        "nb/reason.no_food",
        "nb/whisper.accept",
    )
    state, commands = steps(state, Connected("leg", dial.peer))
    assert commands == (MarkConnected("callw1"),)
    state, commands = steps(state, LegEnded(dial.peer, LegOutcome.ENDED, 16, answered=True))
    assert commands == (EndAttempt("callw1", "answered", 16), Hangup("leg"))


def ringing(turn: ItsTurn = KARI, state: WaitingState | None = None) -> WaitingState:
    return steps(state or caller(), turn, ReturnStarted(()), NoInput("leg"))[0]


@pytest.mark.parametrize(
    ("outcome", "away"),
    [
        (LegOutcome.NO_ANSWER, True), (LegOutcome.DECLINED, True), (LegOutcome.BUSY, True), (LegOutcome.INVALID, True),
        (LegOutcome.FAILED, False), (LegOutcome.CANCELLED, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("by_hand", [False, True])
def test_not_accepted(outcome: LegOutcome, away: bool, by_hand: bool) -> None:
    """Whoever was offered it is away before the attempt ends; the caller hears a word, and is asked about at once."""
    state = ringing(replace(KARI, by_hand=by_hand))
    state, commands = steps(state, LegEnded(state.peer, outcome, 19))
    assert commands[:1] == ((StopTaking("kari"),) if away and not by_hand else commands[:1])
    assert any(isinstance(c, StopTaking) for c in commands) is (away and not by_hand)
    assert isinstance(commands[-1], EndAttempt)
    assert commands[-1].outcome in ("cancelled", "line_failed")
    state, commands = steps(state, AttemptEnded(NOW))
    assert heard(commands) == ["wait.not_taken"]
    _, commands = steps(state, NoInput("leg"))
    assert commands == (AskTurn("r1"),)


def test_a_telephone_that_fails_twice() -> None:
    """Our own failure is forgiven once in a row: else the caller would be put through to it for ever."""
    state = ringing()
    state, _ = steps(state, LegEnded(state.peer, LegOutcome.FAILED), AttemptEnded(NOW), NoInput("leg"))
    state = ringing(state=state)
    assert state.attempt_id == "callw2"
    _, commands = steps(state, LegEnded(state.peer, LegOutcome.FAILED))
    assert commands[0] == StopTaking("kari")


def test_a_line_that_is_full() -> None:
    """It is nobody's fault, however often: the colleague is not set away."""
    state = None
    for _ in range(3):
        state = ringing(state=state)
        state, commands = steps(state, LegEnded(state.peer, LegOutcome.FAILED, LINE_FULL))
        assert [c.outcome for c in commands if isinstance(c, EndAttempt)] == ["line_failed"]
        assert not any(isinstance(c, StopTaking) for c in commands)
        state, _ = steps(state, AttemptEnded(NOW), NoInput("leg"))


def test_refused_and_asked_again() -> None:
    """A colleague who was taken in the same moment: music, and the next question."""
    state, commands = steps(caller(), SECOND_IN_LINE, NoInput("leg"), KARI, ReturnRefused())
    assert heard(commands) == ["wait.music"]
    assert state.waits


@pytest.mark.parametrize("key", [*"23456789", "#", ""])
def test_other_keys(key: str) -> None:
    """Kind words, what 1 does, and music on."""
    _, commands = steps(caller(), SECOND_IN_LINE, DigitsEntered("leg", key))
    assert heard(commands) == ["intake.wrong_key", "wait.again", "wait.music"]


def test_the_caller_hangs_up() -> None:
    """Wherever they are, nothing is undone; an attempt that is under way is ended."""
    gone = LegEnded("leg", LegOutcome.ENDED, 16)
    state, commands = steps(caller(), SECOND_IN_LINE, gone)
    assert (state.ended, commands) == (True, ())
    state, commands = steps(ringing(), gone)
    assert (state.ended, commands) == (True, (EndAttempt("callw1", "cancelled", 16),))
    talking, _ = steps(ringing(), Connected("leg", "leg-to-w1"))
    _, commands = steps(talking, gone)
    assert commands == (EndAttempt("callw1", "answered", 16),)


def test_what_it_does_not_know() -> None:
    """It raises, and nothing is changed."""
    with pytest.raises(IllegalTransition):
        waiting.step(caller(), NoInput("leg"), NOW)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "under_2"), (120, "under_2"), (121, "about_5"), (300, "about_5"), (301, "about_10"), (600, "about_10"),
        (900, "about_15"), (901, "about_20"), (1201, "about_30"), (1800, "about_30"), (1801, "over_30"), (86400, "over_30"),
    ],
)  # fmt: skip
def test_rough_words(seconds: int, said: str) -> None:
    """Never more exact than we know, and rather too long than too short."""
    assert ids(wait_items(timedelta(seconds=seconds), "nb")) == [f"wait.{said}"]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (1, ["wait.next"]),
        (2, ["wait.place", "digit.2", "wait.in_queue"]),
        (12, ["wait.place", "number.12", "wait.in_queue"]),
        (104, ["wait.place", "digit.1", "digit.0", "digit.4", "wait.in_queue"]),
    ],
)
def test_places(place: int, said: list[str]) -> None:
    """ "Du er den neste i køen", "du er nummer tolv i køen"."""
    assert ids(place_items(place, "nb")) == said
