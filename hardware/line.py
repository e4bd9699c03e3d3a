"""The Line port: call control in words every vendor shares. Vendor words stop at the driver.

A *leg* is one connection to one telephone. The leg's id is ours: a driver makes one for a leg that
comes in (`CallOffered`), and is given one for a leg it must ring (`Originate`, `Dial`).
Numbers are E.164 (`+4740000001`); a bare run of digits (`201`) is an office extension.
This file is pure: no I/O, no vendor, no clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

LINE_FULL: Final = 42
"""Q.850, switching equipment congestion: the cause of a leg whose turn to be rung did not come in time."""


class LegOutcome(StrEnum):
    """How a leg ended."""

    ENDED = "ended"
    """It was answered, and one side hung up."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    INVALID = "invalid"
    """The number does not exist (Q.850 1, 3, 28; SIP 404, 484, 604)."""
    CANCELLED = "cancelled"
    """We, or the other party of the call, stopped it before it was answered."""
    FAILED = "failed"
    """Our own failure: trunk, congestion, lost line. Never the caller's fault."""


# ---- commands -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    leg: str
    again: bool = False
    """Should the service die while it has this leg, the exchange does not give it to the fall-back at once: it rings on for half
    a minute, and offers the leg again (`CallOffered`, the same leg) as soon as the service is back."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Play `items` one after another and collect keys. Ends with exactly one of `DigitsEntered`,
    `NoInput`, `LegEnded`. A key press stops the playing (barge-in), also one pressed ahead."""

    leg: str
    items: tuple[str, ...]
    """`language/prompt_id`, for example `nb/intake.greeting`."""
    digits: int = 0
    """Most keys to collect, ended early by `#`; 0 = only play, then `NoInput`."""
    timeout: timedelta = timedelta(seconds=5)
    """Silence after the last item (or key) that ends the prompt."""


@dataclass(frozen=True, slots=True)
class Originate:
    """Ring `to` as a new leg of its own. `LegAnswered` or `LegEnded` follows."""

    leg: str
    to: str
    ring_timeout: timedelta
    caller_id: str
    """E.164 shown to the person rung."""
    private: bool = False
    """The call may not leave the house: it is never placed on a line that others carry."""
    until: datetime | None = None
    """Where calls are placed one after another: when its turn has not come by then nothing rings, and it has ended, failed,
    with `LINE_FULL`. It waits its turn until then. None: as long as the line sees fit. So for `Dial`."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Whoever answers hears `items` and presses a key before they are joined; a voicemail presses nothing."""

    items: tuple[str, ...]
    refuse: str = "2"
    """Keys that say no, of 0, 2 to 9 and `*`: told as `DigitsEntered(peer, key)`, then the peer has ended, declined.
    1 says yes; after another key or silence the items are played once more."""
    silence_joins: bool = False
    """Whoever presses neither is joined all the same (a frightened caller), or has not answered (a colleague's
    voicemail): then the peer has ended, no answer."""
    timeout: timedelta = timedelta(seconds=5)
    """Silence after the last item, each of the two times, that counts as pressing nothing."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Another telephone that one `Dial` rings at the same time."""

    peer: str
    to: str


@dataclass(frozen=True, slots=True)
class Dial:
    """From an answered `leg`, ring `to` as the leg `peer` and join them when it is answered (see `screen`).

    `leg` hears ringing, also while the peer is in its screen. `Connected` when joined; `LegEnded(peer)` when the
    peer did not answer or hung up (in its screen: it declined), and `leg` stays up; `LegEnded(leg)` (after
    `LegEnded(peer)`) when `leg` hung up.
    The conversation and the screen must survive the death of this service.

    With `also` the first to accept is joined, and the others stop at once. Each peer has an end of its own, told as it
    comes or when the `Dial` is over: cancelled for whoever was stopped. When `leg` hangs up, all stop within a second."""

    leg: str
    peer: str
    to: str
    ring_timeout: timedelta
    caller_id: str
    screen: Screen | None = None
    also: tuple[Beside, ...] = ()
    """Needs a screen: a voicemail that answers first must not win."""
    keep: bool = False
    """A peer who was joined stays when `leg` hangs up: `LegEnded(leg)`, then `Kept(peer)`. Where that cannot be done they
    have ended as without it."""
    until: datetime | None = None

    @property
    def peers(self) -> tuple[str, ...]:
        return (self.peer, *(beside.peer for beside in self.also))


@dataclass(frozen=True, slots=True)
class Hangup:
    """End a leg that is up or ringing. `LegEnded` follows."""

    leg: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """The service cannot go on with this leg: give it to the exchange's own fall-back (the office's
    recorded message and fall-back number). `LegEnded` follows; nobody is met by silence. A `Dial` under way
    is not disturbed: then nothing happens."""

    leg: str


Command = Answer | Prompt | Originate | Dial | Hangup | Abandon

# ---- events -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallOffered:
    """Someone rings one of our numbers; not answered yet."""

    leg: str
    to: str
    caller: str | None
    """E.164, or None when withheld or not a telephone number."""
    trunk: str | None = None
    """Where it came in, in the exchange's own word (the PJSIP endpoint); None where the exchange does not say."""


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """An originated leg was picked up."""

    leg: str


@dataclass(frozen=True, slots=True)
class DigitsEntered:
    leg: str
    digits: str


@dataclass(frozen=True, slots=True)
class NoInput:
    """The prompt was played to its end and nothing was pressed."""

    leg: str
    again: bool = False
    """Said once more after a restart: what was to be heard since may never have been."""


@dataclass(frozen=True, slots=True)
class Connected:
    """Two legs are joined."""

    leg: str
    peer: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The one who dialled has hung up, and this peer of a `Dial` with `keep` has not: it is a leg as any other now, which
    can be given a `Prompt` or a `Hangup`, and ends with a `LegEnded` of its own. Left alone it hears nothing."""

    leg: str


@dataclass(frozen=True, slots=True)
class LegEnded:
    leg: str
    outcome: LegOutcome
    cause: int | None = None
    """Q.850 hangup cause, where the vendor gave one."""
    answered: bool = False
    """Whether it was ever answered (for a peer: joined)."""


LegEvent = LegAnswered | DigitsEntered | NoInput | Connected | Kept | LegEnded


@dataclass(frozen=True, slots=True)
class LineLost:
    """Contact with the exchange is gone; calls may be going on without us."""

    reason: str


@dataclass(frozen=True, slots=True)
class LineRestored:
    """Contact is back and a snapshot was taken: reconcile now.

    `legs` are *all* of our legs alive on the exchange. A leg not in it is gone."""

    legs: frozenset[str]
    line: str | None = None
    """Which of several lines; None: there is one."""


LineEvent = CallOffered | LegEvent | LineLost | LineRestored
EventSink = Callable[[LineEvent], None]

# ---- state and errors ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineStatus:
    """For the status page."""

    name: str
    up: bool
    since: datetime
    """Since when it is up, or down."""
    detail: str
    """Why it is down and what to do, in one sentence."""
    alarm: str = ""
    """What a person must mend although the line is up, in one sentence."""
    queued: int = 0
    """Calls that wait for their turn to be placed."""


class LineError(Exception):
    """The line could not do what it was asked."""


class LineUnavailable(LineError):
    """Nothing was placed; try again later."""


class LineRejected(LineError):
    """The exchange refused this very thing; trying again will not help."""


class LineForbidden(LineRejected):
    """A protected person is never rung through a line that others carry, and there is no other."""


class LineAuthFailed(LineError):
    """The exchange does not know us; a person must fix it."""


class Line(Protocol):
    """One exchange. All methods run on the event loop; events are given to the sink in order per leg."""

    async def start(self, sink: EventSink) -> None:
        """Begin to connect; returns at once. A missing exchange is no error: `status()` says so and it
        is tried again. `LineRestored` is emitted at every (re)connect."""

    async def stop(self) -> None:
        """Let go. Calls that are up stay up."""

    async def send(self, command: Command) -> None:
        """Carry out one command; its result comes as events. A command for a leg that is gone does
        nothing (its `LegEnded` was or will be emitted).

        Raises LineUnavailable (for `Originate`: surely nothing was placed), LineRejected, LineAuthFailed.
        After a lost reply to `Originate` the driver does not raise and does not retry: it asks the exchange,
        and `LegAnswered`/`LegEnded` or the next `LineRestored` tells."""

    async def last_words(self, leg: str) -> LegEnded | None:
        """How a leg that is gone from the exchange ended, where the exchange kept it for us while the
        service was away (of who dialled: how the `Dial` ended, the peer's end; of one of several peers: its own); None if
        it did not."""

    def status(self) -> LineStatus: ...


@dataclass(frozen=True, slots=True)
class PromptInfo:
    """What a driver may know of one prompt item."""

    text: str
    duration: timedelta


PromptLookup = Callable[[str], PromptInfo]
"""`nb/intake.greeting` -> its words and length; for drivers that show or time prompts themselves."""
