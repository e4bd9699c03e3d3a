"""One leg of the Twilio line as it stands on disk. Pure: what it was asked to do, and how far it is.

A leg is always in one numbered *document*: what Twilio was told to do with the call. Twilio asks for the next one when
the document is over, and names the number of the one before; so a request that comes twice, late or after a restart is
known by its number and does nothing again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter

from hardware.line import Dial, LegEnded, LegOutcome, Originate, Prompt, Screen


class Kind(StrEnum):
    NONE = "none"
    """It rings: nothing was said yet."""
    IDLE = "idle"
    """Up, with nothing to do; listens for keys pressed ahead."""
    PROMPT = "prompt"
    SCREEN = "screen"
    ROOM = "room"
    """A conference of two: alone it hears ringing."""
    FALLBACK = "fallback"
    HANGUP = "hangup"


@dataclass(frozen=True, slots=True)
class Document:
    kind: Kind
    items: tuple[str, ...] = ()
    digits: int = 0
    timeout: timedelta = timedelta(seconds=1)
    keys: str = ""
    """Those of the prompt that were pressed before it was played."""
    room: str = ""


NOTHING: Final = Document(Kind.NONE)
IDLE: Final = Document(Kind.IDLE)
HANGUP: Final = Document(Kind.HANGUP)
FALLBACK: Final = Document(Kind.FALLBACK)
SCREEN_PLAYS: Final = 2


@dataclass(frozen=True, slots=True)
class Leg:
    id: str
    began_at: datetime
    number: str
    """Rung by us, or (`inbound`) the number of ours that was rung. Empty once the leg has ended."""
    shown: str = ""
    """The caller id; of an inbound leg the caller's number, empty when it is withheld."""
    inbound: bool = False
    ring_timeout: timedelta = timedelta(seconds=60)
    until: datetime | None = None
    """When its call has not been placed by then it is not placed."""
    sid: str | None = None
    """Twilio's id of the call; None: it was not placed, or nobody knows yet."""
    up: bool = False
    seq: int = 0
    """The number of the document."""
    document: Document = NOTHING
    told: bool = False
    """The document is over, and what came of it was told."""
    taken: int = -1
    """The newest document whose keys were taken: Twilio may send them again."""
    ahead: str = ""
    """Keys nobody had asked for."""
    peers: tuple[str, ...] = ()
    """Legs that its latest `Dial` rang."""
    dials: int = 0
    """So often it has dialled: from the second time on it may still sit in the conference of the one before."""
    dialler: str | None = None
    """Of a peer."""
    joined: bool = False
    """Of a peer: it talks with its dialler, or did."""
    screen: Screen | None = None
    plays: int = 0
    keep: bool = False
    ended: LegEnded | None = None

    @property
    def answered(self) -> bool:
        """As `LegEnded` has it."""
        return self.up if self.dialler is None else self.joined

    def given(self, document: Document) -> Leg:
        """With a new document."""
        return replace(self, seq=self.seq + 1, document=document, told=False)

    def over(self, outcome: LegOutcome, cause: int | None = None) -> Leg:
        """Ended; nothing of a person is kept."""
        end = LegEnded(self.id, outcome, cause, self.answered)
        return replace(self, ended=end, number="", shown="", ahead="", document=HANGUP)


_LEGS: Final = TypeAdapter(Leg)


def to_json(leg: Leg) -> str:
    return _LEGS.dump_json(leg).decode()


def from_json(text: str) -> Leg:
    return _LEGS.validate_json(text)


def originated(command: Originate, now: datetime, patience: timedelta) -> Leg:
    """`patience`: how long it may wait to be placed, where the command does not say."""
    return Leg(
        command.leg,
        now,
        command.to,
        command.caller_id,
        ring_timeout=command.ring_timeout,
        until=command.until or now + patience,
    )


def peers_of(dial: Dial, now: datetime, patience: timedelta) -> list[Leg]:
    rung = [(dial.peer, dial.to), *((beside.peer, beside.to) for beside in dial.also)]
    return [
        Leg(
            id=peer,
            began_at=now,
            number=to,
            shown=dial.caller_id,
            ring_timeout=dial.ring_timeout,
            until=dial.until or now + patience,
            dialler=dial.leg,
            screen=dial.screen,
            keep=dial.keep,
        )
        for peer, to in rung
    ]


def take_ahead(leg: Leg, prompt: Prompt) -> tuple[Leg, str, bool]:
    """Keys pressed before anybody asked: the leg without them, those the prompt takes, and whether that ends it."""
    keys, rest = "", leg.ahead
    while prompt.digits and rest:
        key, rest = rest[0], rest[1:]
        if key == "#":
            return replace(leg, ahead=rest), keys, True
        keys += key
        if len(keys) >= prompt.digits:
            return replace(leg, ahead=rest), keys, True
    return replace(leg, ahead=rest), keys, False


def prompt_document(prompt: Prompt, keys: str) -> Document:
    """Whoever has begun to press hears nothing more."""
    items = () if keys else prompt.items
    return Document(Kind.PROMPT, items, prompt.digits, prompt.timeout, keys)


def screen_document(screen: Screen) -> Document:
    return Document(Kind.SCREEN, screen.items, 1, screen.timeout)
