"""Where a call of the `intake` machine is, and what is known of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from config.menu import Menu
from config.model import VoiceSpeed
from ivr.consult_port import Choice
from ivr.machine import Command, Found, Update
from ivr.prompts import spoken_tag

NATIONAL_DIGITS = 8
PATIENCE = 2
"""Silences or wrong keys in one step before the call goes on with what is known."""
MOST_STEPS = 60
"""Nodes and repeats in one call; then it ends with the promise. No caller needs a third of them."""


class Node(StrEnum):
    """What the call waits for; where in the menu it is stands in `IntakeState.at`."""

    ASKING = "asking"
    """One key."""
    MAKING_URGENT = "making_urgent"
    """They said that it is urgent; it is being kept, before anything else is asked."""
    REASON = "reason"
    """Which urgent reason?"""
    KEYING = "keying"
    """Key in a number."""
    CHECKING = "checking"
    READBACK = "readback"
    """Is the number you keyed in right?"""
    SETTING = "setting"
    REFERENCE = "reference"
    """Key in a reference code."""
    REGISTERING = "registering"
    UPDATING = "updating"
    FINDING = "finding"
    TRANSFERRING = "transferring"
    """Hears that they are put through."""
    DIALLING = "dialling"
    """Another telephone rings, or the two talk."""
    LAST_WORDS = "last_words"
    HANGING_UP = "hanging_up"
    ENDED = "ended"
    """Terminal."""


@dataclass(frozen=True, slots=True)
class OfficeFacts:
    """What the menu needs to know of the office, as it was when the call came."""

    office_no: str
    languages: tuple[str, ...]
    wait: timedelta
    """Silence that counts as an answer."""
    open: bool
    opens_at: datetime
    """The next moment in phone hours; now, when open."""
    drop_in: tuple[datetime, datetime] | None
    """The hours one can come without an appointment that run or come next."""
    public_number: str
    on_call: Choice | None
    """The line of whoever is on duty; None: nobody answers it now."""
    speed: VoiceSpeed = VoiceSpeed.NORMAL
    emergency: str = "intake.emergency_numbers"
    """The prompt that says whom to ring when nobody here can help in time."""


@dataclass(frozen=True, slots=True)
class IntakeState:
    node: Node
    at: str
    """The node of the menu."""
    leg: str
    caller: str | None
    language: str
    office: OfficeFacts
    menu: Menu
    """A call keeps the menu it began with."""
    before: tuple[str, ...] = ()
    """Said before the next question."""
    silences: int = 0
    """In this step."""
    mistakes: int = 0
    """In this step."""
    tries: int = 0
    """Numbers keyed in that are not to be rung."""
    steps: int = 0
    keyed: str = ""
    """Keys of a number, then the number that was accepted."""
    references: int = 0
    """Keyed in."""
    request_id: str | None = None
    reference: str | None = None
    phone: str | None = None
    """The number that will be rung."""
    answer_by: date | None = None
    not_rung: bool = False
    """Somebody at the number asked us not to ring it: no promise can be made."""
    promised: bool = False
    """The promise was begun in this call."""
    withdrawn: bool = False
    """They were taken off the list, and have not asked to be on it since."""
    withdrawals: int = 0
    found: Found | None = None
    knows_reference: bool = False
    """They keyed the reference code in, or got it in this call."""
    chose_language: bool = False
    heard_hours: bool = False
    """They let it be said to the end that the office is closed, or came to where it is said for good."""
    urgent: bool = False
    """They said so in this call."""
    wants_person: bool = False
    """They asked for one, and have talked with none."""
    joined_at: datetime | None = None
    """Since when they talk with a person."""
    waited: bool = False
    """They have come past waiting on the line."""
    answered_by_person: bool = False
    """They have talked with one for long enough to be helped."""

    @property
    def ended(self) -> bool:
        return self.node is Node.ENDED

    @property
    def tag(self) -> str:
        """What is said is said in this: the language, and how fast."""
        return spoken_tag(self.language, self.office.speed)

    @property
    def peer(self) -> str:
        """The leg of whoever they are put through to."""
        return peer_of(self.leg)


Stay = tuple[IntakeState, tuple[Command, ...]]
"""What a part of the machine answers while it goes on."""


@dataclass(frozen=True, slots=True)
class GoTo:
    """What a part of the machine answers when it is over: on to this node of the menu."""

    state: IntakeState
    name: str
    say: tuple[str, ...] = ()
    """Before the node speaks."""


def keep(state: IntakeState, update: Update) -> Stay:
    """Have it written before anything is said of it."""
    return replace(state, node=Node.UPDATING), (update,)


def peer_of(leg: str) -> str:
    return f"{leg}-to"


def to_come(keyed: str) -> int:
    """How many digits may follow in a number that begins so."""
    if len(keyed) < NATIONAL_DIGITS:
        return NATIONAL_DIGITS - len(keyed)
    if len(keyed) == NATIONAL_DIGITS and keyed.startswith("00"):  # 0047 and eight digits, or a foreign number
        return 4 if keyed.startswith("0047") else 7
    return 0


def with_keys(state: IntakeState, digits: str) -> IntakeState:
    """With what was keyed in; a `*` begins anew."""
    _, star, anew = digits.rpartition("*")
    if star:
        return replace(state, keyed=anew, steps=state.steps + 1)
    return replace(state, keyed=state.keyed + digits)
