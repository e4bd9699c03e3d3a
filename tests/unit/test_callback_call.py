"""The callback_call machine: the caseworker's leg, then the caller's, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter

from hardware.line import (
    Connected,
    Dial,
    DigitsEntered,
    Hangup,
    LegAnswered,
    LegEnded,
    LegOutcome,
    NoInput,
    Originate,
    Prompt,
    Screen,
)
from ivr import callback_call
from ivr.callback_call import CallbackFacts, CallbackState, Node
from ivr.machine import (
    AskWhether,
    AttemptEnded,
    EndAttempt,
    Event,
    GoesOn,
    IllegalTransition,
    IsOver,
    MarkConnected,
    MarkRinging,
    NeverCall,
    StopTaking,
)
from ivr.prompts import Catalogue

NOW = datetime(2026, 11, 23, 13, 5, tzinfo=UTC)
FACTS = CallbackFacts(
    attempt_id="a1",
    caseworker_number="201",
    caller_number="+4740001234",
    office_number="+4773000010",
    language="nb",
    urgent=False,
    reason="financial_assistance",
    registered_at=NOW - timedelta(hours=5),
    tried_before=False,
    caseworker_ring=timedelta(seconds=25),
    caller_ring=timedelta(seconds=35),
)
LEG, PEER = "tast1-a1", "tast1-a1-caller"
CATALOGUE = Catalogue.load()
EVENTS: list[Event] = [
    LegAnswered(LEG),
    DigitsEntered(LEG, "1"),
    NoInput(LEG),
    Connected(LEG, PEER),
    LegEnded(PEER, LegOutcome.BUSY, 17),
    LegEnded(LEG, LegOutcome.ENDED),
    AttemptEnded(NOW + timedelta(minutes=45)),
]


class Call:
    def __init__(self, facts: CallbackFacts = FACTS) -> None:
        self.state, self.commands = callback_call.begin(facts)
        self.ended_with: list[EndAttempt] = []

    def event(self, event: Event) -> Call:
        self.state, self.commands = callback_call.step(self.state, event, NOW)
        self.ended_with += [c for c in self.commands if isinstance(c, EndAttempt)]
        return self

    def to_briefing(self) -> Call:
        return self.event(LegAnswered(LEG))

    def to_ringing(self) -> Call:
        return self.to_briefing().event(DigitsEntered(LEG, "1"))

    def to_talking(self) -> Call:
        return self.to_ringing().event(Connected(LEG, PEER))

    @property
    def said(self) -> list[str]:
        return [CATALOGUE.text(i) for c in self.commands if isinstance(c, Prompt) for i in c.items]


def test_the_caseworker_is_rung_first() -> None:
    """Only the caseworker's phone rings, showing the office's public number."""
    assert Call().commands == (Originate(LEG, "201", timedelta(seconds=25), "+4773000010"),)


def test_the_whisper_says_who_it_is_about() -> None:
    """The caseworker hears reason and waiting time before anyone else is rung."""
    call = Call().to_briefing()
    assert call.said == [
        "Tilbakeringing.", "Økonomisk sosialhjelp.", "Har ventet", "fem timer", "Tast 1 for å ringe.",
    ]  # fmt: skip


def test_only_1_rings_the_caller() -> None:
    """After 1 the caller is rung with the office's number, and their time counts from then."""
    call = Call().to_ringing()
    assert call.commands == (
        MarkRinging("a1"),
        Dial(LEG, PEER, "+4740001234", timedelta(seconds=35), "+4773000010"),
    )


@pytest.mark.parametrize("event", [NoInput(LEG), DigitsEntered(LEG, "2")], ids=["silence", "other key"])
def test_without_1_the_caller_is_never_rung(event: Event) -> None:
    """Voicemail or a hesitating caseworker: three briefings, then the attempt is cancelled and said so."""
    call = Call().to_briefing()
    for _ in range(callback_call.BRIEFINGS):
        call.event(event)
        assert not any(isinstance(c, Dial) for c in call.commands)
    assert call.ended_with == [EndAttempt("a1", "cancelled", None)]
    call.event(AttemptEnded(None))
    assert "Du tastet ikke 1. Innringeren blir stående på listen." in call.said


@pytest.mark.parametrize(
    ("outcome", "attempt"),
    [
        (LegOutcome.BUSY, "cancelled"),
        (LegOutcome.NO_ANSWER, "cancelled"),
        (LegOutcome.DECLINED, "cancelled"),
        (LegOutcome.ENDED, "cancelled"),
        (LegOutcome.FAILED, "line_failed"),
        (LegOutcome.INVALID, "line_failed"),
    ],
)
def test_an_unanswered_caseworker_costs_the_caller_nothing(outcome: LegOutcome, attempt: str) -> None:
    """However the caseworker's own leg ends, the attempt is one that does not count."""
    call = Call().event(LegEnded(LEG, outcome, 17))
    assert call.ended_with == [EndAttempt("a1", attempt, 17)]
    assert call.state.ended


@pytest.mark.parametrize(
    ("outcome", "attempt", "words"),
    [
        (LegOutcome.BUSY, "busy", "Opptatt."),
        (LegOutcome.NO_ANSWER, "no_answer", "Ingen svarte."),
        (LegOutcome.DECLINED, "declined", "Anropet ble avvist."),
        (LegOutcome.INVALID, "invalid", "Nummeret er ikke i bruk."),
        (LegOutcome.FAILED, "line_failed", "Vi fikk ikke linje. Det er vår feil, ikke innringerens."),
    ],
)
def test_a_missed_caller_is_told_to_the_caseworker(outcome: LegOutcome, attempt: str, words: str) -> None:
    """Busy, no answer, declined, invalid and our own failure are told apart, with the next attempt's time."""
    call = Call().to_ringing().event(LegEnded(PEER, outcome, 17))
    assert call.ended_with == [EndAttempt("a1", attempt, 17)]
    call.event(AttemptEnded(datetime(2026, 11, 23, 13, 50, tzinfo=UTC)))
    assert call.said[:3] == [words, "Neste forsøk", "i dag"]
    assert call.event(NoInput(LEG)).commands == (Hangup(LEG),)
    assert call.event(LegEnded(LEG, LegOutcome.ENDED)).state.ended


def test_a_talk_ends_with_a_request_for_the_result() -> None:
    """When the caller hangs up, the caseworker hears that it is over and that the result is wanted."""
    call = Call().to_talking()
    assert call.commands == (MarkConnected("a1"),)
    call.event(LegEnded(PEER, LegOutcome.ENDED, 16, answered=True))
    assert call.ended_with == [EndAttempt("a1", "answered", 16)]
    assert call.event(AttemptEnded(None)).said == ["Samtalen er over. Skriv inn resultatet."]


def test_the_caseworker_may_hang_up_first() -> None:
    """The caller's end is reported, then the caseworker's; the attempt ends once, as answered."""
    call = Call().to_talking().event(LegEnded(PEER, LegOutcome.ENDED, 16, answered=True))
    call.event(AttemptEnded(None)).event(LegEnded(LEG, LegOutcome.ENDED))
    assert call.ended_with == [EndAttempt("a1", "answered", 16)]
    assert call.state.ended


def test_hanging_up_while_the_caller_rings_does_not_count() -> None:
    """A caseworker who gives up while it rings has not made an attempt."""
    call = Call().to_ringing().event(LegEnded(PEER, LegOutcome.CANCELLED))
    assert call.ended_with == [EndAttempt("a1", "cancelled", None)]


@pytest.mark.parametrize("reach", [Call.to_briefing, Call.to_ringing, Call.to_talking])
def test_a_lost_line_is_our_failure(reach: object) -> None:
    """An exchange that restarted in any phase uses up no attempt."""
    call = Call()
    reach(call)  # type: ignore[operator]
    call.event(LegEnded(LEG, LegOutcome.FAILED))
    assert call.ended_with == [EndAttempt("a1", "line_failed", None)]
    assert call.state.ended


def test_last_words_after_a_restart_tell_of_the_caller() -> None:
    """Contact was lost while it rang; the exchange remembers that they talked."""
    call = Call().to_ringing().event(LegEnded(PEER, LegOutcome.ENDED, 16, answered=True))
    assert call.ended_with == [EndAttempt("a1", "answered", 16)]
    assert call.event(AttemptEnded(None)).event(LegEnded(LEG, LegOutcome.ENDED)).state.ended


def test_a_caseworker_who_presses_1_and_hangs_up_has_reached_nobody() -> None:
    """Their own leg's end is never the caller's answer: the person is due again."""
    call = Call().to_ringing().event(LegEnded(LEG, LegOutcome.ENDED, 16, answered=True))
    assert call.ended_with == [EndAttempt("a1", "cancelled", 16)]
    assert call.state.ended


class TestScreen:
    """Whoever answers a number that is not known to be the caller's own is asked first."""

    screened = replace(FACTS, screen_language="uk")

    def test_a_neutral_greeting_in_their_language(self) -> None:
        """It names neither Nav nor the office nor the list; silence is joined, 9 is refused."""
        dial = Call(self.screened).to_ringing().commands[1]
        assert isinstance(dial, Dial)
        assert dial.screen == Screen(("uk/screen.callback",), refuse="9", silence_joins=True)
        for language in CATALOGUE.languages:
            words = CATALOGUE.text(f"{language}/screen.callback").lower()
            for telling in ("nav", "нав", "ناف", "ናቭ", "liste", "kontor", "office", "sosial"):
                assert telling not in words

    def test_9_is_told_to_the_desk_and_to_the_caseworker(self) -> None:
        """The attempt ends as declined, and the caseworker hears what to do instead of a next attempt."""
        call = Call(self.screened).to_ringing().event(DigitsEntered(PEER, "9"))
        assert call.commands == (NeverCall("a1"),)
        call.event(LegEnded(PEER, LegOutcome.DECLINED, 21))
        assert call.ended_with == [EndAttempt("a1", "declined", 21)]
        call.event(AttemptEnded(NOW + timedelta(minutes=45)))
        (said,) = call.said
        assert said.startswith("Personen ønsker ikke å bli ringt.")
        assert call.event(NoInput(LEG)).commands == (Hangup(LEG),)

    @pytest.mark.parametrize("leg", [LEG, PEER])
    def test_no_is_no_however_the_call_ends(self, leg: str) -> None:
        """Also when the caseworker hangs up in the same moment, or the line is lost."""
        call = Call(self.screened).to_ringing().event(DigitsEntered(PEER, "9"))
        call.event(LegEnded(leg, LegOutcome.FAILED))
        assert call.ended_with == [EndAttempt("a1", "declined", None)]

    @pytest.mark.parametrize("event", [DigitsEntered(PEER, "5"), DigitsEntered(LEG, "9")])
    def test_other_keys_mean_nothing(self, event: Event) -> None:
        """Another key of theirs, and a key of the caseworker's."""
        call = Call(self.screened).to_ringing()
        before = call.state
        assert (call.event(event).state, call.commands) == (before, ())
        assert call.event(Connected(LEG, PEER)).commands == (MarkConnected("a1"),)

    def test_a_call_kept_by_an_earlier_version(self) -> None:
        """It has no such field, and goes on as it began."""
        states = TypeAdapter(CallbackState)
        kept = states.dump_python(Call().state, mode="json")
        del kept["facts"]["screen_language"]
        assert states.validate_python(kept) == Call().state


@pytest.mark.parametrize("node", list(Node))
@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_every_node_takes_or_refuses_every_event(node: Node, event: Event) -> None:
    """Each event is either in the table, or raises IllegalTransition and changes nothing."""
    state = CallbackState(node, FACTS, LEG, PEER, closing="closing.busy")
    if (node, type(event)) in callback_call._TABLE:
        after, commands = callback_call.step(state, event, NOW)
        assert isinstance(after, CallbackState)
        for command in commands:
            if isinstance(command, Prompt):
                assert all(CATALOGUE.text(item) for item in command.items)
    else:
        with pytest.raises(IllegalTransition):
            callback_call.step(state, event, NOW)


class TestTwoTelephones:
    """A desk and a mobile: the second rings when nobody takes the first."""

    MOBILE = "tast1-a1-1"

    def rung(self) -> Call:
        return Call(replace(FACTS, then=("+4740000009",), offered_to="kari"))

    @pytest.mark.parametrize("outcome", ["no_answer", "busy", "invalid", "failed"])
    def test_the_second_rings(self, outcome: str) -> None:
        """As another leg of the same attempt, which goes on; they are not away."""
        call = self.rung().event(LegEnded(LEG, LegOutcome(outcome)))
        assert call.commands == (AskWhether("a1"),)
        call.event(GoesOn())
        ring = Originate(self.MOBILE, "+4740000009", timedelta(seconds=25), "+4773000010")
        assert call.commands == (ring,)
        call.event(LegEnded(LEG, LegOutcome(outcome)))
        assert call.commands == (), "said again"
        call.event(LegAnswered(self.MOBILE)).event(DigitsEntered(self.MOBILE, "1"))
        assert [(c.leg, c.peer) for c in call.commands if isinstance(c, Dial)] == [(self.MOBILE, PEER)]
        call.event(Connected(self.MOBILE, PEER)).event(LegEnded(PEER, LegOutcome.ENDED, answered=True))
        assert call.ended_with == [EndAttempt("a1", "answered", None)]
        call.event(AttemptEnded(None))
        assert [c.leg for c in call.commands if isinstance(c, Prompt)] == [self.MOBILE]

    @pytest.mark.parametrize("outcome", ["declined", "ended"])
    def test_who_was_there_is_not_rung_again(self, outcome: str) -> None:
        """They refused the call, or took it and hung up: they are away."""
        call = self.rung().event(LegEnded(LEG, LegOutcome(outcome)))
        assert call.commands == (StopTaking("kari"), EndAttempt("a1", "cancelled", None))

    def test_nobody_takes_either(self) -> None:
        """Once, at the end: away, and the attempt is over."""
        call = self.rung().event(LegEnded(LEG, LegOutcome.NO_ANSWER)).event(GoesOn())
        call.event(LegEnded(self.MOBILE, LegOutcome.NO_ANSWER, 19))
        assert call.commands == (StopTaking("kari"), EndAttempt("a1", "cancelled", 19))

    def test_the_attempt_is_over_meanwhile(self) -> None:
        """The caller rang back, or the attempt ended before the service was killed: no other telephone rings."""
        call = self.rung().event(LegEnded(LEG, LegOutcome.FAILED)).event(IsOver())
        assert (call.commands, call.state.ended, call.ended_with) == ((), True, [])


def test_the_claim_goes_with_every_call() -> None:
    """No telephone begins to ring once the claim is over; but a caseworker who listens to ringing by then is not cut short."""
    for left in (timedelta(minutes=15), timedelta(0)):
        call = Call(replace(FACTS, until=NOW + left, then=("+4740000009",)))
        assert [c.until for c in call.commands if isinstance(c, Originate)] == [NOW + left]
        call.event(LegEnded(LEG, LegOutcome.NO_ANSWER)).event(GoesOn())
        assert [c.until for c in call.commands if isinstance(c, Originate)] == [NOW + left]
        call.event(LegAnswered(f"{LEG}-1")).event(DigitsEntered(f"{LEG}-1", "1"))
        until = NOW + max(left, FACTS.caller_ring)
        assert [c.until for c in call.commands if isinstance(c, Dial)] == [until]


def test_whom_we_stopped_is_not_away() -> None:
    """Their telephone rang until we hung it up: they have refused nothing."""
    call = Call(replace(FACTS, offered_to="kari")).event(LegEnded(LEG, LegOutcome.CANCELLED))
    assert call.commands == (EndAttempt("a1", "cancelled", None),)
