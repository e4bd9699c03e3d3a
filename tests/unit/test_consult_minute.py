"""A person or the promise within a minute, whoever is on duty and whatever their telephones do: the consult machine over an
exchange that is played second by second."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hardware.line import (
    CallOffered,
    Connected,
    Dial,
    Hangup,
    LegEnded,
    LegOutcome,
    NoInput,
    Prompt,
)
from ivr import consult, consult_state
from ivr.consult_port import (
    BeginConsult,
    Choice,
    DutyEnded,
    NobodyLeft,
    RingNext,
    RingNow,
    Rung,
    RungBy,
    WhenRung,
)
from ivr.consult_state import ConsultState
from ivr.intake_state import IntakeState, Node, OfficeFacts
from ivr.machine import Command, Event, TimeIsUp
from ivr.prompts import Catalogue
from tests.offices import standard_menu

NOW = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
LEG, LINE = "tast1-a", Choice("vakt", "9001", "everybody", "nb", "+4773000011")
WAIT, RING, MINUTE = timedelta(seconds=5), timedelta(seconds=20), timedelta(minutes=1)
CATALOGUE = Catalogue.load()


@dataclass(frozen=True, slots=True)
class Telephone:
    """What somebody on duty does, in seconds: picks up after `rings` (None: never), and `after` so long in the screen `does` it.
    One who accepts is gone after `talk`."""

    rings: float | None = None
    does: str = "listens"
    after: float = 0
    talk: float = 600
    refuses: LegOutcome | None = None
    """The network says so after `rings`."""


def voicemail(rings: float) -> Telephone:
    return Telephone(rings)


def length(items: tuple[str, ...]) -> timedelta:
    """About how long it is heard; the names are no prompts of the catalogue."""
    return timedelta(
        seconds=sum(2 if "/office." in item else len(CATALOGUE.text(item)) * 0.07 for item in items)
    )


class Exchange:
    """Plays a call to its end: `waited` is how long until a person or the first word of the promise."""

    def __init__(self, steps: list[list[Telephone]], stopping: float, *, own: bool = False) -> None:
        self.steps = [[(f"p{n}-{m}", one) for m, one in enumerate(step)] for n, step in enumerate(steps)]
        self.stopping = timedelta(seconds=stopping)
        """How long it takes to stop a telephone."""
        self.now, self.began_at, self.talked = NOW, NOW, timedelta(0)
        self.coming: list[tuple[datetime, int, Event]] = []
        self._count = itertools.count()
        self.live: dict[str, Telephone] = {}
        self.stopped: set[str] = set()
        self.joined_at: datetime | None = None
        self.waited: timedelta | None = None
        self.by_person = False
        self.rung: list[str] = []
        self.came: dict[str, str] = {}
        offered = CallOffered(LEG, "+4773000011", "+4755553333")
        if own:
            office = OfficeFacts("9001", ("nb",), WAIT, True, NOW, None, "+4773000010", LINE)
            caller = IntakeState(
                Node.ASKING, "duty", LEG, None, "nb", office, standard_menu(), request_id="r"
            )
            self.state, commands = consult_state.from_menu(caller, NOW)
            self._do(commands)
        else:
            self.state = consult.offered(offered, LINE, WAIT)
            self._at(timedelta(0), offered)

    def play(self) -> Exchange:
        while self.waited is None:
            assert isinstance(self.state, ConsultState)
            wake = self.state.wake_at
            if wake is not None and (not self.coming or max(wake, self.now) < self.coming[0][0]):
                self.now, event = max(wake, self.now), TimeIsUp()
            else:
                self.now, _, event = heapq.heappop(self.coming)
            if not self._is_past(event):
                self._step(event)
        return self

    def _is_past(self, event: Event) -> bool:
        """Of a telephone that has ended; and joining or an end changes what is live."""
        if isinstance(event, Connected):
            if event.peer not in self.live or event.peer in self.stopped or self.joined_at is not None:
                return True
            self.joined_at = self.now
            for other in [leg for leg in self.live if leg != event.peer]:
                self._at(timedelta(0), LegEnded(other, LegOutcome.CANCELLED))
            self._at(
                timedelta(seconds=self.live[event.peer].talk),
                LegEnded(event.peer, LegOutcome.ENDED, answered=True),
            )
            return False
        if not isinstance(event, LegEnded):
            return False
        if event.leg not in self.live or (
            self.joined_at is not None and event.outcome is LegOutcome.NO_ANSWER
        ):
            return True
        del self.live[event.leg]
        if event.answered and self.joined_at is not None:
            self.talked += self.now - self.joined_at
            self.joined_at = None
        return False

    def _step(self, event: Event) -> None:
        self.state, commands = consult.step(self.state, event, self.now)  # type: ignore[arg-type]  # it is one while played
        self._do(commands)

    def _do(self, commands: tuple[Command, ...]) -> None:
        answer: Event | None = None
        if not isinstance(self.state, ConsultState):  # a caller goes on in the menu
            self.waited = self.now - self.began_at - self.talked
        for command in commands:
            match command:
                case BeginConsult():
                    self.began_at = self.now
                case RingNext():
                    answer = self._next(command)
                case WhenRung():
                    answer = RungBy(NOW + timedelta(hours=2), timedelta(hours=2))
                case DutyEnded(leg, outcome):
                    self.came[leg.rpartition("_")[2]] = outcome
                case Dial():
                    self._dial(command)
                case Hangup(leg):
                    assert self.joined_at is None, "who has accepted is not stopped"
                    self.stopped.add(leg)
                    self._at(self.stopping, LegEnded(leg, LegOutcome.CANCELLED))
                case Prompt():
                    self._play(command)
        if self.joined_at is not None and any(
            self.live[leg].talk >= 10 for leg in self.live if self._talks(leg)
        ):
            self.waited, self.by_person = self.now - self.began_at - self.talked, True
        if answer is not None:
            self._step(answer)

    def _talks(self, leg: str) -> bool:
        return (
            isinstance(self.state, ConsultState)
            and self.state.joined is not None
            and self.state.joined.leg == leg
        )

    def _next(self, asked: RingNext) -> RingNow | NobodyLeft:
        steps = [[one for one in step if one[0] not in asked.tried] for step in self.steps]
        steps = [step for step in steps if step]
        if not steps:
            return NobodyLeft()
        rung = tuple(
            Rung(f"d{asked.count + n}_{name}", name, "+4740000001") for n, (name, _) in enumerate(steps[0])
        )
        self.rung += [one.person_id for one in rung]
        assert len(self.rung) < 100, "it never ends"
        return RingNow(
            "c", rung, len(steps) - 1, RING, MINUTE, reason="no_food", count=asked.count + len(rung)
        )

    def _dial(self, dial: Dial) -> None:
        telephones = {name: one for step in self.steps for name, one in step}
        assert dial.screen is not None
        heard = length(dial.screen.items) + dial.screen.timeout
        self.joined_at = None
        for peer in dial.peers:
            one = self.live[peer] = telephones[peer.rpartition("_")[2]]
            rings = timedelta(seconds=600 if one.rings is None else one.rings)
            done = rings + min(timedelta(seconds=one.after), 2 * heard)
            if one.refuses is not None and rings < dial.ring_timeout:
                self._at(rings, LegEnded(peer, one.refuses))
            elif rings > dial.ring_timeout:
                self._at(dial.ring_timeout, LegEnded(peer, LegOutcome.NO_ANSWER))
            elif one.does == "accepts":
                self._at(done, Connected(dial.leg, peer))
            else:
                declines = one.does == "declines"
                outcome = LegOutcome.DECLINED if declines else LegOutcome.NO_ANSWER
                self._at(done if declines else rings + 2 * heard, LegEnded(peer, outcome))

    def _play(self, prompt: Prompt) -> None:
        words = [item.partition("/")[2] for item in prompt.items]
        first = next(
            (n for n, word in enumerate(words) if word in ("consult.promise", "intake.nobody_now")), None
        )
        if first is not None:
            self.waited = self.now + length(prompt.items[:first]) - self.began_at - self.talked
        elif not prompt.digits:
            self._at(length(prompt.items), NoInput(prompt.leg))

    def _at(self, after: timedelta, event: Event) -> None:
        heapq.heappush(self.coming, (self.now + after, next(self._count), event))


SECONDS = st.floats(0, 30)
TELEPHONES = st.one_of(
    st.just(Telephone()),
    st.builds(Telephone, rings=SECONDS),
    st.builds(
        Telephone,
        rings=SECONDS,
        does=st.sampled_from(["accepts", "declines"]),
        after=st.floats(0, 16),
        talk=st.sampled_from([0.5, 3, 9, 600]),
    ),
    st.builds(
        Telephone,
        rings=SECONDS,
        refuses=st.sampled_from([LegOutcome.BUSY, LegOutcome.DECLINED, LegOutcome.FAILED]),
    ),
)


@given(
    steps=st.lists(st.lists(TELEPHONES, min_size=1, max_size=3), max_size=7),
    stopping=st.floats(0, 1.5),
    own=st.booleans(),
)
@settings(max_examples=400, deadline=None, derandomize=True)
@example(steps=[[voicemail(19.9)]] * 5, stopping=1.5, own=False)
@example(steps=[[voicemail(9.9)]] * 7, stopping=1.5, own=True)
@example(steps=[[Telephone()]] * 7, stopping=1.5, own=False)
@example(steps=[[Telephone(rings=9, does="accepts", after=14, talk=9)]] * 7, stopping=1.5, own=False)
def test_a_person_or_the_promise_within_a_minute(
    steps: list[list[Telephone]], stopping: float, *, own: bool
) -> None:
    """From when the line is chosen until somebody has pressed 1 and stays, or the first word of the promise; seconds in which
    they talked with somebody who was gone again are not waited."""
    played = Exchange(steps, stopping, own=own).play()
    assert played.waited is not None
    assert played.waited <= MINUTE


@pytest.mark.parametrize("stopping", [0.0, 0.5])
def test_three_late_voicemails_are_all_rung(stopping: float) -> None:
    """Each is stopped in time for the next one, and counts as no answer."""
    played = Exchange([[voicemail(9.5)], [voicemail(9.5)], [voicemail(9.5)]], stopping).play()
    assert played.rung == ["p0-0", "p1-0", "p2-0"]
    assert set(played.came.values()) == {"no_answer"}
    assert not played.by_person


@pytest.mark.parametrize("after", [0.0, 5.0, 6.9])
def test_who_picks_up_late_has_time_to_press_1(after: float) -> None:
    """However many are left: the first of six picks up at the last ring."""
    played = Exchange([[Telephone(rings=9.9, does="accepts", after=after)], *[[Telephone()]] * 5], 0).play()
    assert played.by_person
    assert played.rung == ["p0-0"]


def test_the_last_one_has_all_the_time_that_is_left() -> None:
    """Who is rung alone listens twice, and presses 1 after 45 seconds."""
    played = Exchange([[voicemail(1)], [Telephone(rings=5, does="accepts", after=15)]], 0).play()
    assert played.by_person
    assert played.waited is not None
    assert played.waited > timedelta(seconds=35)


def test_cut_in_the_moment_of_the_1() -> None:
    """They pressed 1 as we stopped them, and the talk was cut: they are rung again first, with a minute of their own."""
    kari, ola = Rung("d1", "kari", "+4740000001"), Rung("d2", "ola", "+4740000002")
    offered = CallOffered(LEG, "+4773000011", "+4755553333")
    ringing = ConsultState(
        *(consult_state.Node.RINGING, offered, WAIT),
        line=LINE,
        began_at=NOW,
        tried=("ola", "kari"),
        count=2,
        now=RingNow("c", (kari,), 0, RING, MINUTE, count=2),
        live=("d1",),
        stop_at=NOW + timedelta(seconds=56),
    )
    at = NOW + timedelta(seconds=56)
    state, commands = consult.step(ringing, TimeIsUp(), at)
    assert commands == (Hangup("d1"),)
    for event in (Connected(LEG, "d1"), LegEnded("d1", LegOutcome.ENDED, answered=True), NoInput(LEG)):
        state, commands = consult.step(state, event, at)  # type: ignore[arg-type]  # it stays in this machine
    (asked,) = commands
    assert isinstance(asked, RingNext)
    assert asked.tried == ("ola",)
    assert ola.person_id in asked.tried


def test_time_that_is_not_up() -> None:
    """A timer that rings too early changes nothing; one that had no effect is set again."""
    offered = CallOffered(LEG, "+4773000011", None)
    at = NOW + timedelta(seconds=56)
    ringing = ConsultState(consult_state.Node.RINGING, offered, WAIT, live=("d1",), stop_at=at)
    assert consult.step(ringing, TimeIsUp(), at - timedelta(seconds=1)) == (ringing, ())
    after, _ = consult.step(ringing, TimeIsUp(), at)
    assert isinstance(after, ConsultState)
    assert after.wake_at is not None
    assert after.wake_at > at
