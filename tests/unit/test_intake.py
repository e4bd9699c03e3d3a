"""The intake machine: every node, every event, and what a caller can never experience."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callback.numbers import Refusal
from hardware.line import Answer, CallOffered, DigitsEntered, Hangup, LegEnded, LegOutcome, NoInput, Prompt
from ivr import intake
from ivr.intake import IntakeState, Node
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
from ivr.prompts import Catalogue

NOW = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)
ANSWER_BY = date(2026, 11, 25)
CALLER = "+4740001234"
OTHER = "+4790001234"
REGISTERED = Registered("r1", "482173", CALLER, ANSWER_BY)
WITHHELD = Registered("r1", "482173", None, ANSWER_BY)
CATALOGUE = Catalogue.load()
EVENTS: list[Event] = [
    DigitsEntered("leg", "1"),
    NoInput("leg"),
    LegEnded("leg", LegOutcome.ENDED),
    REGISTERED,
    NumberAccepted(OTHER),
    NumberRefused(Refusal.FOREIGN),
    NumberSet("r1", "482173", OTHER, ANSWER_BY),
]


class Caller:
    """Plays one call and remembers what was asked of the line and the desk."""

    def __init__(self, caller: str | None = CALLER) -> None:
        offered = CallOffered("leg", "+4773000010", caller)
        self.state, self.commands = intake.begin(offered, "9001", "nb", timedelta(seconds=5))

    def event(self, event: Event) -> Caller:
        self.state, self.commands = intake.step(self.state, event, NOW)
        return self

    def keys(self, digits: str) -> Caller:
        return self.event(DigitsEntered("leg", digits))

    def silence(self) -> Caller:
        return self.event(NoInput("leg"))

    def hangs_up(self) -> Caller:
        return self.event(LegEnded("leg", LegOutcome.ENDED))

    @property
    def prompt(self) -> Prompt:
        (prompt,) = [c for c in self.commands if isinstance(c, Prompt)]
        return prompt

    def says(self, prompt_id: str) -> bool:
        return f"nb/{prompt_id}" in self.prompt.items


def test_answers_with_the_greeting() -> None:
    """The call is answered and the greeting takes one key."""
    caller = Caller()
    assert caller.commands == (
        Answer("leg"),
        Prompt("leg", ("nb/intake.greeting",), 1, timedelta(seconds=5)),
    )


def test_one_registers_at_once() -> None:
    """Pressing 1 registers before anything else is said."""
    caller = Caller().keys("1")
    assert caller.commands == (Register("9001", CALLER, "nb", "key"),)
    assert caller.state.node is Node.REGISTERING


def test_the_shortest_way_is_two_keys() -> None:
    """1 and 1 lead from the greeting to the promise with its date, and then the call is hung up."""
    caller = Caller().keys("1").event(REGISTERED)
    assert caller.says("intake.your_number")
    assert caller.says("number.12")
    caller.keys("1")
    assert caller.says("intake.promise")
    assert [i for i in caller.prompt.items if "date." in i or "month." in i or "weekday." in i] == [
        "nb/weekday.3",
        "nb/date.25",
        "nb/month.11",
    ]
    assert caller.prompt.digits == 0
    assert caller.silence().commands == (Hangup("leg"),)
    assert caller.hangs_up().state.ended


def test_staying_on_the_line_registers() -> None:
    """A caller who presses nothing hears the simpler prompt once and is then registered."""
    caller = Caller().silence()
    assert caller.says("intake.greeting_again")
    assert caller.silence().commands == (Register("9001", CALLER, "nb", "silence"),)


def test_wrong_keys_are_met_with_patience() -> None:
    """Wrong keys are answered kindly twice, and then the caller is registered all the same."""
    caller = Caller().keys("7")
    assert caller.says("intake.wrong_key")
    caller.keys("*")
    assert caller.keys("8").commands == (Register("9001", CALLER, "nb", "wrong_key"),)


@pytest.mark.parametrize("doing", ["silence", "wrong"])
def test_no_confirmation_still_gives_the_promise(doing: str) -> None:
    """Silence or wrong keys at the number question end in the promise on the known number."""
    caller = Caller().keys("1").event(REGISTERED)
    for _ in range(5):
        if caller.state.node is not Node.CONFIRM:
            break
        caller.silence() if doing == "silence" else caller.keys("9")
    assert caller.says("intake.promise")
    assert caller.state.phone == CALLER


def test_another_number_is_read_back_and_confirmed() -> None:
    """2, eight digits, read back in pairs, 1: the request is rung at the new number."""
    caller = Caller().keys("1").event(REGISTERED).keys("2")
    assert caller.says("intake.enter_number")
    assert caller.prompt.digits == 8
    assert caller.keys("90001234").commands == (CheckNumber("90001234"),)
    caller.event(NumberAccepted(OTHER))
    assert [i for i in caller.prompt.items if "/number." in i] == [
        "nb/number.90", "nb/number.00", "nb/number.12", "nb/number.34",
    ]  # fmt: skip
    assert caller.keys("1").commands == (SetNumber("r1", OTHER),)
    caller.event(NumberSet("r1", "482173", OTHER, ANSWER_BY))
    assert caller.says("intake.promise")
    assert caller.state.phone == OTHER


def test_a_number_read_back_wrong_is_keyed_again() -> None:
    """2 at the read-back asks for the number again and forgets the first."""
    caller = (
        Caller().keys("1").event(REGISTERED).keys("2").keys("90001234").event(NumberAccepted(OTHER)).keys("2")
    )
    assert caller.state.node is Node.KEYING
    assert caller.keys("41234567").commands == (CheckNumber("41234567"),)


def test_an_international_prefix_waits_for_the_rest() -> None:
    """0047 and eight digits is one number although it is longer than eight keys."""
    caller = Caller().keys("1").event(WITHHELD).keys("00479000")
    assert caller.prompt.items == ()
    assert caller.prompt.digits == 4
    assert caller.keys("1234").commands == (CheckNumber("004790001234"),)


def test_a_short_foreign_number_is_checked_after_the_silence() -> None:
    """Keys that stop early are checked as they are, not thrown away."""
    caller = Caller().keys("1").event(WITHHELD).keys("00461234").silence()
    assert caller.commands == (CheckNumber("00461234"),)


@pytest.mark.parametrize("why", list(Refusal))
def test_a_refused_number_says_why_and_asks_again(why: Refusal) -> None:
    """Every refusal has its own words and another try."""
    caller = Caller(None).keys("1").event(WITHHELD).keys("82000000").event(NumberRefused(why))
    assert caller.says(f"number.refused.{why}")
    assert caller.says("intake.enter_number")
    assert caller.state.node is Node.KEYING
    assert caller.state.keyed == ""


def test_a_withheld_caller_who_gives_no_number_hears_the_reference_twice() -> None:
    """Without any number the caller leaves with a reference code, never with nothing."""
    caller = Caller(None).keys("1").event(WITHHELD)
    assert caller.says("intake.enter_number_withheld")
    while caller.state.node is Node.KEYING:
        caller.silence()
    assert caller.says("intake.no_number")
    assert caller.says("intake.ring_back")
    assert [i for i in caller.prompt.items if "digit." in i] == [f"nb/digit.{d}" for d in "482173482173"]


def test_a_number_that_may_not_be_rung_is_told_as_such() -> None:
    """A caller from a foreign number hears why it cannot be rung, not that it was hidden."""
    caller = Caller().keys("1").event(Registered("r1", "482173", None, ANSWER_BY, Refusal.FOREIGN))
    assert caller.says("number.refused.foreign")
    assert caller.says("intake.enter_number")


def test_hanging_up_during_the_read_back_keeps_the_only_number() -> None:
    """A withheld caller who hangs up before confirming is rung at the number they keyed."""
    caller = Caller(None).keys("1").event(WITHHELD).keys("90001234").event(NumberAccepted(OTHER)).hangs_up()
    assert caller.commands == (SetNumber("r1", OTHER),)
    assert caller.state.ended


def test_hanging_up_during_the_read_back_keeps_the_known_number() -> None:
    """A caller with a known number is rung there as long as the other one is not confirmed."""
    caller = (
        Caller()
        .keys("1")
        .event(REGISTERED)
        .keys("2")
        .keys("90001234")
        .event(NumberAccepted(OTHER))
        .hangs_up()
    )
    assert caller.commands == ()
    assert caller.state.ended


@pytest.mark.parametrize("node", [n for n in Node if n is not Node.ENDED])
def test_hanging_up_is_possible_everywhere(node: Node) -> None:
    """A caller may hang up at every node, and the machine ends."""
    state = IntakeState(
        node, "leg", "9001", "nb", CALLER, timedelta(seconds=5), request_id="r1", phone=CALLER
    )
    assert intake.step(state, LegEnded("leg", LegOutcome.ENDED), NOW)[0].ended


@pytest.mark.parametrize("node", list(Node))
@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_every_node_takes_or_refuses_every_event(node: Node, event: Event) -> None:
    """Each event is either in the table, or raises IllegalTransition and changes nothing."""
    state = IntakeState(
        node, "leg", "9001", "nb", CALLER, timedelta(seconds=5), request_id="r1", reference="482173",
        phone=CALLER, answer_by=ANSWER_BY, keyed="90001234",
    )  # fmt: skip
    known = (node, type(event)) in intake._TABLE
    if known:
        after, commands = intake.step(state, event, NOW)
        assert isinstance(after, IntakeState)
        assert isinstance(commands, tuple)
    else:
        with pytest.raises(IllegalTransition):
            intake.step(state, event, NOW)


@given(
    withheld=st.booleans(),
    moves=st.lists(
        st.sampled_from(["1", "2", "5", "*", "silence", "90001234", "0046123", "refuse"]), max_size=40
    ),
)
def test_nobody_past_1_leaves_without_the_promise(withheld: bool, moves: list[str]) -> None:
    """Whatever is pressed, the call ends by itself, registered, with the promise or the reference heard."""
    caller = Caller(None if withheld else CALLER)
    registered = heard = False
    for move in [*moves, *["silence"] * 30]:
        heard = heard or any(
            isinstance(c, Prompt) and ({"nb/intake.promise", "nb/intake.no_number"} & set(c.items))
            for c in caller.commands
        )
        if any(isinstance(c, Hangup) for c in caller.commands):
            break
        for command in caller.commands:
            _known(command)
        desk = [c for c in caller.commands if isinstance(c, Register | CheckNumber | SetNumber)]
        if desk:
            registered = registered or isinstance(desk[0], Register)
            caller.event(_desk_answer(desk[0], withheld, move == "refuse"))
        elif move == "silence" or caller.prompt.digits == 0:
            caller.silence()
        else:
            caller.keys(move if move != "refuse" else "3")
    assert any(isinstance(c, Hangup) for c in caller.commands)
    assert registered
    assert heard


def _desk_answer(command: Command, withheld: bool, refuse: bool) -> Event:
    if isinstance(command, Register):
        return WITHHELD if withheld else REGISTERED
    if isinstance(command, CheckNumber):
        return NumberRefused(Refusal.FOREIGN) if refuse else NumberAccepted(OTHER)
    return NumberSet("r1", "482173", OTHER, ANSWER_BY)


def _known(command: Command) -> None:
    if isinstance(command, Prompt):
        for item in command.items:
            assert CATALOGUE.text(item)
