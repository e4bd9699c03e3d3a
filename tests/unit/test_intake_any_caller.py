"""Any caller, doing anything, in every language, open and closed: what can never happen to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from callback.numbers import NumberRefused as Refused
from callback.numbers import Refusal, check_number
from config.model import NumberSettings
from hardware.line import (
    CallOffered,
    Connected,
    Dial,
    DigitsEntered,
    Hangup,
    LegEnded,
    LegOutcome,
    NoInput,
    Prompt,
)
from ivr import intake
from ivr.intake import MOST_STEPS
from ivr.intake_state import IntakeState, Node, OfficeFacts
from ivr.machine import (
    CheckNumber,
    Command,
    Event,
    Find,
    Found,
    IllegalTransition,
    NumberAccepted,
    NumberRefused,
    NumberSet,
    Register,
    Registered,
    SetNumber,
    Update,
    Updated,
)
from ivr.prompts import Catalogue
from tests.offices import standard_menu

NOW = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)
ANSWER_BY = date(2026, 11, 25)
LANGUAGES = Catalogue.load().languages
MENU = standard_menu()
CATALOGUE = Catalogue.load()
MOST_SECONDS = 15 * 60
"""A call with every pause used up; a caller who answers is done in one or two minutes."""
SECONDS_A_PROMPT = 20


class AnyCaller(RuleBasedStateMachine):
    """One call after another: keys, silence, hang-ups, and ringing again."""

    @initialize(
        caller=st.sampled_from(["+4740001234", None]),
        opened=st.booleans(),
        languages=st.permutations(LANGUAGES).map(tuple),
        known=st.sampled_from(["none", "open", "discreet"]),
        refuses=st.booleans(),
    )
    def rings(
        self, caller: str | None, opened: bool, languages: tuple[str, ...], known: str, refuses: bool
    ) -> None:
        self.caller, self.refuses = caller, refuses
        self.office = OfficeFacts(
            "9001", languages, timedelta(seconds=5), opened, NOW if opened else NOW + timedelta(days=1),
            (NOW, NOW + timedelta(hours=2)), "+4773000010", "+4740000001",
        )  # fmt: skip
        self.known = known
        self.on_list = known != "none"
        self._call()

    def _call(self) -> None:
        self.pressed_one = self.promised = self.withdrew = self.talked = self.unkind = False
        self.prompts = 0
        self.heard: list[str] = []
        self.presses = 0
        self.commands: tuple[Command, ...] = ()
        self.state, commands = intake.begin(
            CallOffered("leg", "+4773000010", self.caller), self.office, MENU, NOW
        )
        self._carry_out(commands)

    @property
    def up(self) -> bool:
        return not self.state.ended and not any(isinstance(c, Hangup) for c in self.commands)

    @property
    def prompt(self) -> Prompt:
        return next(c for c in self.commands if isinstance(c, Prompt))

    def _event(self, event: Event) -> None:
        try:
            self.state, commands = intake.step(self.state, event, NOW)
        except IllegalTransition:
            assert not isinstance(event, NoInput | DigitsEntered | LegEnded), (
                f"{event} met no one in {self.state.node}"
            )
            raise
        self._carry_out(commands)

    def _carry_out(self, commands: tuple[Command, ...]) -> None:
        self.commands = commands
        for command in commands:
            if isinstance(command, Prompt):
                self.prompts += 1
                self.heard += command.items
                assert all(CATALOGUE.text(item) for item in command.items)
                assert 0 <= command.digits <= 8
            if isinstance(command, Hangup):
                self._we_hang_up()
            answer = self._desk(command)
            if answer is not None:
                self._event(answer)

    def _we_hang_up(self) -> None:
        promised = any("intake.promise" in item or "intake.no_number" in item for item in self.heard)
        assert self.talked or self.withdrew or (self.on_list and promised), "hung up on without being helped"

    def _desk(self, command: Command) -> Event | None:
        match command:
            case Register():
                self.on_list = True
                why = Refusal.PREMIUM if self.refuses and self.caller else None
                phone = None if why else self.caller
                return Registered("r", "482173", phone, ANSWER_BY, why)
            case CheckNumber(digits):
                try:
                    return NumberAccepted(check_number(digits, NumberSettings()))
                except Refused as refused:
                    return NumberRefused(refused.why)
            case SetNumber(request_id, phone):
                assert self.on_list
                return NumberSet(request_id, "482173", phone, ANSWER_BY)
            case Update(withdraw=withdraw):
                assert self.on_list
                if withdraw:
                    self.on_list, self.withdrew = False, True
                return Updated(ANSWER_BY)
            case Find():
                if not self.on_list:
                    return Found(None)
                found = Found(
                    "r",
                    "482173",
                    self.caller,
                    ANSWER_BY,
                    "nb",
                    tried_at=NOW,
                    next_at=NOW + timedelta(hours=1),
                )
                return replace(found, discreet=self.known == "discreet")
        return None

    @precondition(lambda self: self.up and any(isinstance(c, Prompt) for c in self.commands))
    @rule(key=st.sampled_from([*"0123456789*", "x"]))
    def presses(self, key: str) -> None:  # type: ignore[no-redef]
        digits = self.prompt.digits
        if digits == 0:
            self._event(NoInput("leg"))
        elif digits == 1:
            at_greeting = self.state.at == "greeting"
            self._event(DigitsEntered("leg", "*" if key == "x" else key))
            if key == "1" and at_greeting:
                assert self.on_list, "1 was pressed in the greeting"
        else:
            self._event(DigitsEntered("leg", (key * digits)[:digits] if key.isdigit() else "9"))

    @precondition(lambda self: self.up and any(isinstance(c, Prompt) for c in self.commands))
    @rule(number=st.sampled_from(["40001234", "82000000", "00474000", "112", "482173", "00000000"]))
    def keys_in(self, number: str) -> None:
        digits = self.prompt.digits
        if digits > 1:
            self._event(DigitsEntered("leg", number[:digits]))

    @precondition(lambda self: self.up and any(isinstance(c, Prompt) for c in self.commands))
    @rule()
    def says_nothing(self) -> None:
        self._event(NoInput("leg"))

    @precondition(lambda self: self.up and any(isinstance(c, Dial) for c in self.commands))
    @rule(answered=st.booleans())
    def is_put_through(self, answered: bool) -> None:
        if answered:
            self._event(Connected("leg", self.state.peer))
            self.talked = True
            self._event(LegEnded(self.state.peer, LegOutcome.ENDED, answered=True))
        else:
            self._event(LegEnded(self.state.peer, LegOutcome.NO_ANSWER))

    @precondition(lambda self: not self.state.ended)
    @rule()
    def hangs_up_and_rings_again(self) -> None:
        asked_for_a_person = self.state.node in (Node.TRANSFERRING, Node.DIALLING)
        self._event(LegEnded("leg", LegOutcome.ENDED))
        assert self.state.ended
        if asked_for_a_person:
            assert self.on_list or self.withdrew or self.talked
        self._call()

    @invariant()
    def there_is_always_a_way_on(self) -> None:
        if not hasattr(self, "state"):
            return
        if not self.state.ended:
            assert any(isinstance(c, Prompt | Dial | Hangup) for c in self.commands), "a dead end"

    @invariant()
    def no_call_goes_on_for_ever(self) -> None:
        if hasattr(self, "state"):
            assert self.state.steps <= MOST_STEPS + 5
            assert self.prompts * SECONDS_A_PROMPT <= MOST_SECONDS * 2

    def teardown(self) -> None:
        """From wherever they are, a caller who falls silent is registered (unless they withdrew) and let go."""
        if not hasattr(self, "state"):
            return
        for _ in range(2 * MOST_STEPS):
            if not self.up:
                break
            if any(isinstance(c, Dial) for c in self.commands):
                self._event(LegEnded(self.state.peer, LegOutcome.NO_ANSWER))
            else:
                self._event(NoInput("leg"))
        assert not self.up, "the call never ended"
        assert self.on_list or self.withdrew or self.talked


TestAnyCaller = AnyCaller.TestCase
TestAnyCaller.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


def test_at_most_three_keys_to_a_promise() -> None:
    """Every way from the greeting to the promise for a known number: the shortest has two keys, the urgent one three."""
    office = OfficeFacts("9001", ("nb",), timedelta(seconds=5), True, NOW, None, "+4773000010", None)

    def ways(state: IntakeState, commands: tuple[Command, ...], presses: int) -> list[int]:
        while not isinstance(commands[-1], Prompt):
            match commands[-1]:
                case Register():
                    answer: Event = Registered("r", "482173", "+4740001234", ANSWER_BY)
                case _:
                    answer = Updated(ANSWER_BY)
            state, commands = intake.step(state, answer, NOW)
        if state.promised:
            return [presses]
        if presses == 4:
            return []
        keys = "1" if state.at == "greeting" else "1234" if state.node is Node.REASON else "12"
        return [
            found
            for key in keys
            for found in ways(*intake.step(state, DigitsEntered("leg", key), NOW), presses + 1)
        ]

    found = ways(*intake.begin(CallOffered("leg", "+4773000010", "+4740001234"), office, MENU, NOW), 0)
    assert min(found) == 2
    assert max(found) == 3
