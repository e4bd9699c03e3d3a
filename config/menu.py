"""An office's telephone menu as data: a graph of nodes, read from TOML. Pure.

Each table of a menu file is a node, named by its table; `kind` says what it does. The `intake` machine
(ivr/intake.py) walks it, rules_menu.py checks it. A node must never be added here without both knowing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, Strict, StrictBool, TypeAdapter

Key = Annotated[str, Field(pattern=r"^[0-9]$")]
"""`*` repeats and `#` ends input, everywhere."""
Say = tuple[str, ...]
"""Prompt ids (`intake.greeting`), or items that name their language (`en/intake.other_languages`)."""


WAYS = ("next", "silence", "withheld", "urgent", "none")
"""Keys that name a node, beside those in `keys`."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Node(_Model):
    def edges(self) -> Iterator[tuple[str, str]]:
        """(key of the file that names it, node) for each way on."""
        for name in WAYS:
            target = getattr(self, name, None)
            if target is not None:
                yield name, target
        for key, target in getattr(self, "keys", {}).items():
            yield f"keys.{key}", target

    @property
    def silent(self) -> str | None:
        """Where a caller comes who never presses a key."""
        return getattr(self, "silence", None) or getattr(self, "next", None)

    def said(self) -> Iterator[tuple[str, str]]:
        """(place in the file, prompt) for each prompt: (`say[1]`, `intake.greeting`)."""
        for name in ("say", "again"):
            for count, prompt in enumerate(getattr(self, name, ()), start=1):
                yield f"{name}[{count}]", prompt

    @property
    def prompts(self) -> Say:
        return tuple(prompt for _, prompt in self.said())


class SayNode(_Node):
    """Says something and goes on."""

    kind: Literal["say"]
    say: Say = Field(min_length=1)
    next: str


class ChooseNode(_Node):
    """A question with one key for each answer."""

    kind: Literal["choose"]
    say: Say = Field(min_length=1)
    again: Say = ()
    """Said instead when nothing was pressed; simpler."""
    hours: StrictBool = False
    """Outside phone hours, after the first prompt of `say`: that the office is closed, and what `info` says."""
    keys: dict[Key, str] = Field(min_length=1)
    silence: str
    """After two silences or three wrong keys."""


class LanguageNode(_Node):
    """Which language? One key for each of the office's languages, each said in its own. It follows the request for good."""

    kind: Literal["language"]
    next: str


class RegisterNode(_Node):
    """Puts the caller on the list at once; who is on it keeps place and clock."""

    kind: Literal["register"]
    say: Say = ("intake.registered",)
    next: str
    withheld: str
    """Where a caller goes whose number is not seen, or may not be rung."""


class UrgentNode(_Node):
    """No food, power or shelter? 1: which one; then the same-day clock and the top of the list. 2: ordinary."""

    kind: Literal["urgent"]
    say: Say = ("intake.urgent",)
    next: str
    urgent: str
    """After the reason was given."""


class NumberNode(_Node):
    """Key in a number; it is read back and confirmed."""

    kind: Literal["number"]
    say: Say = ("intake.enter_number",)
    next: str


class ConfirmNode(_Node):
    """The promise: date and number (a reference where there is no number), then what can be changed."""

    kind: Literal["confirm"]
    say: Say = ()
    """After the promise: the choices."""
    keys: dict[Key, str] = Field(default_factory=dict)
    silence: str


class WaitNode(_Node):
    """Waiting on the line for a colleague, in phone hours; on at once when nobody can be waited for, when the wait is
    expected to be too long, and to whoever has come past here before. 1: rather be rung."""

    kind: Literal["wait"]
    next: str


class SetNode(_Node):
    """Keeps one thing the caller chose."""

    kind: Literal["set"]
    when: Literal["any", "morning", "midday", "afternoon"] | None = None
    discreet: StrictBool | None = None
    until: Annotated[time, Strict()] | None = None
    """A borrowed phone: only until this time today."""
    say: Say = ()
    """Once it is kept."""
    next: str


class StatusNode(_Node):
    """What a caller with an open request asks for: where it stands, then what can be changed. A reference code is asked
    for where the number is not seen, or the request is discreet."""

    kind: Literal["status"]
    say: Say = ()
    keys: dict[Key, str] = Field(default_factory=dict)
    silence: str
    none: str
    """Nobody is found."""


class WithdrawNode(_Node):
    """Takes the caller off the list. Ask twice before it."""

    kind: Literal["withdraw"]
    next: str


class InfoNode(_Node):
    """Says when the telephone is answered next, and when one can come without an appointment."""

    kind: Literal["info"]
    next: str


class ClosedNode(_Node):
    """Nothing while the office is open, or for whoever has heard it; else that it is closed, and what `info` says."""

    kind: Literal["closed"]
    next: str


class TransferNode(_Node):
    """Rings a number and joins the two; on when nobody answers."""

    kind: Literal["transfer"]
    to: str
    """E.164."""
    accept: StrictBool = False
    """Whoever answers presses 1 first: for a telephone with voicemail. A switchboard cannot."""
    say: Say = ("intake.connecting",)
    next: str


class OnCallNode(_Node):
    """Asks for a person: in phone hours the on-call telephone is rung; on when nobody answers, and when closed."""

    kind: Literal["on_call"]
    say: Say = ("intake.connecting",)
    next: str


class GoodbyeNode(_Node):
    """Last words, and we hang up. Nobody gets here unregistered: the machine sees to that."""

    kind: Literal["goodbye"]
    say: Say = ("intake.goodbye",)


Node = Annotated[
    SayNode | ChooseNode | LanguageNode | RegisterNode | UrgentNode | NumberNode | WaitNode | ConfirmNode | SetNode
    | StatusNode | WithdrawNode | InfoNode | ClosedNode | TransferNode | OnCallNode | GoodbyeNode,
    Field(discriminator="kind"),
]  # fmt: skip
NODE: TypeAdapter[Any] = TypeAdapter(Node)
MODELS: dict[str, type[_Node]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(get_args(Node)[0])
}
"""The model of each kind."""
KINDS = tuple(MODELS)
AFTER_REGISTERING = ("urgent", "number", "wait", "confirm", "set", "withdraw")
"""Kinds that need to know whom they are about."""


class Menu(_Model):
    """One menu: where it starts, whom 0 asks for, and its nodes by name. rules_menu.py has checked it."""

    start: str
    zero: str | None = None
    """Where 0 leads wherever a node gives it no meaning of its own: a person."""
    node: dict[str, Node]

    def entries(self) -> tuple[str, ...]:
        """Nodes that can be come to from anywhere."""
        return (self.start,) if self.zero is None else (self.start, self.zero)

    def __hash__(self) -> int:
        return hash((self.start, self.zero, tuple(self.node)))
