"""One caller in the intake machine on the shipped menu, against a desk that agrees to everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from callback.numbers import Refusal
from config.menu import Menu
from hardware.line import (
    Answer,
    CallOffered,
    DigitsEntered,
    Hangup,
    LegEnded,
    LegOutcome,
    NoInput,
    Prompt,
)
from ivr import consult, intake, waiting
from ivr.consult_port import Choice, NobodyLeft, RingNext
from ivr.consult_state import ConsultState
from ivr.intake_state import IntakeState, OfficeFacts
from ivr.machine import (
    AskTurn,
    CheckNumber,
    Command,
    Event,
    Find,
    Found,
    NoWaiting,
    NumberAccepted,
    NumberRefused,
    NumberSet,
    Register,
    Registered,
    SetNumber,
    Update,
    Updated,
    Why,
)
from ivr.prompts import Catalogue
from ivr.waiting_state import WaitingState
from tests.offices import standard_menu

NOW = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)
ANSWER_BY = date(2026, 11, 25)
CALLER = "+4740001234"
OTHER = "+4790001234"
REFERENCE = "482173"
MENU = standard_menu()
CATALOGUE = Catalogue.load()
OFFICE = OfficeFacts(
    office_no="9001",
    languages=("nb", "en"),
    wait=timedelta(seconds=5),
    open=True,
    opens_at=NOW,
    drop_in=(NOW + timedelta(hours=1), NOW + timedelta(hours=5)),
    public_number="+4773000010",
    on_call=Choice("vakt-9001", "9001", "everybody", "nb", "+4773000011"),
)
CLOSED = replace(OFFICE, open=False, on_call=None, opens_at=datetime(2026, 11, 24, 8, 0, tzinfo=UTC))
FOUND = Found(
    "r9", "111222", CALLER, ANSWER_BY, "nb",
    tried_at=datetime(2026, 11, 23, 9, 0, tzinfo=UTC), next_at=NOW + timedelta(hours=4),
)  # fmt: skip
NOBODY = NoWaiting(Why.NOBODY)
"""Nobody takes calls: nobody can be waited for."""


MACHINES: dict[type, Any] = {IntakeState: intake, WaitingState: waiting, ConsultState: consult}


class Caller:
    """Plays one call against a desk that agrees to everything, and remembers what was asked of the line."""

    def __init__(
        self,
        caller: str | None = CALLER,
        office: OfficeFacts = OFFICE,
        found: Found | None = None,
        menu: Menu = MENU,
        turn: Event = NOBODY,
        duty: Event | None = None,
    ) -> None:
        self.caller = caller
        self.turn = turn
        self.duty = duty or NobodyLeft()
        self.found = found or Found(None)
        self.asked: list[Command] = []
        self.heard: list[str] = []
        self.prompts: list[Prompt] = []
        self.state: Any
        self.state, commands = intake.begin(CallOffered("leg", "+4773000010", caller), office, menu, NOW)
        assert commands[0] == Answer("leg")
        self._carry_out(commands[1:])

    def event(self, event: Event, later: timedelta = timedelta(0)) -> Caller:
        machine = MACHINES[type(self.state)]
        self.state, commands = machine.step(self.state, event, NOW + later)
        self._carry_out(commands)
        return self

    def _carry_out(self, commands: tuple[Command, ...]) -> None:
        self.commands = commands
        self.asked += commands
        for command in commands:
            if isinstance(command, Prompt):
                self.heard += command.items
                self.prompts.append(command)
            answer = self._desk(command)
            if answer is not None:
                self.event(answer)

    def _desk(self, command: Command) -> Event | None:
        match command:
            case Register():
                return Registered("r1", REFERENCE, self.caller, ANSWER_BY)
            case CheckNumber(digits):
                good = len(digits) == 8 and digits[0] in "49"
                return NumberAccepted(f"+47{digits}") if good else NumberRefused(Refusal.NOT_A_NUMBER)
            case SetNumber(request_id, phone, _):
                return NumberSet(request_id, REFERENCE, phone, ANSWER_BY)
            case Update():
                return Updated(ANSWER_BY)
            case Find():
                return self.found
            case AskTurn():
                return self.turn
            case RingNext():
                return self.duty
        return None

    def keys(self, *presses: str) -> Caller:
        for press in presses:
            self.event(NoInput("leg") if press == "-" else DigitsEntered("leg", press))
        return self

    def hangs_up(self) -> Caller:
        return self.event(LegEnded("leg", LegOutcome.ENDED))

    @property
    def prompt(self) -> Prompt:
        (prompt,) = [c for c in self.commands if isinstance(c, Prompt)]
        return prompt

    def hears(self, *ids: str) -> bool:
        """Each in the prompt that plays now, in this order."""
        items = iter(self.prompt.items)
        return all(any(item.partition("/")[2] == wanted for item in items) for wanted in ids)

    def did(self, kind: type) -> list[Command]:
        return [command for command in self.asked if isinstance(command, kind)]

    @property
    def over(self) -> bool:
        return self.commands[-1:] == (Hangup("leg"),)
