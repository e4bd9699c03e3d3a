"""Any caller, doing anything, in every language, open and closed: what can never happen to them.

The real runner, desk and machines; the exchange and the list are in memory.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from callback.desk import Registration
from callback.request import AttemptOutcome
from config.menu import Menu
from config.model import Config, LimitSettings, VoiceSpeed
from hardware.line import Prompt
from hardware.simulated.phone import Behaviour
from tests.integration.caller_witness import (
    HUNG_UP,
    SILENCE,
    Call,
    Witness,
    Words,
)
from tests.integration.caller_world import CATALOGUE, CallerWorld, length
from tests.offices import CALLER, PUBLIC, config, shipped_menus

MENUS = shipped_menus()
OTHER, FOREIGN, NEVER_CALLED = "+4790001234", "+46701234567", "+4740009999"
PERSON = "+4740000001"
CALLERS = [
    (CALLER, False), (CALLER, False), (CALLER, False), (CALLER, True), (CALLER, True), (OTHER, False), (FOREIGN, False),
    (NEVER_CALLED, False), (OTHER, True),
]  # fmt: skip
"""Their number, and whether it is withheld."""
KNOWN = ["nobody", "waiting", "tried", "discreet", "being rung", "too often", "never called"]
"""How CALLER stands when it begins."""
KEYS = [*"0123456789*#"]
NUMBERS = [
    "40001234",
    "90001234",
    "40009999",
    "82000000",
    "004740001234",
    "112#",
    "4000",
    "73000010",
    "*",
    "12*90001",
    "4000123*",
]
MOMENTS = [
    datetime(2026, 11, 23, 8, 5, tzinfo=UTC),  # Monday, open
    datetime(2026, 11, 27, 9, 0, tzinfo=UTC),  # Friday, open
    datetime(2026, 11, 23, 13, 55, tzinfo=UTC),  # closes in five minutes
    datetime(2026, 11, 24, 19, 0, tzinfo=UTC),
    datetime(2026, 11, 28, 11, 0, tzinfo=UTC),  # Saturday
]
PERSON_ON_CALL = [Behaviour.NO_ANSWER, Behaviour.RING, Behaviour.BUSY, Behaviour.ANSWER]
COLLEAGUES = ["none", "none", "busy", "free", "silent"]
"""Who takes calls: nobody, two at work for hours, two who are free, two who do not pick up."""
REFERENCE = "the reference"
"""Keyed in by somebody who wrote it down: of the first request on the list."""
ANOTHER = "another number"
"""Every time a new one."""
WAYS = [
    ["1"], ["1", "2"], ["1", "1", "3"], ["1", "1", "9", SILENCE, SILENCE], ["1", SILENCE, SILENCE], ["1", "2", "3", "4"],
    ["1", "2", "3", "5"], ["1", "2", "4"], ["1", "2", "5", "2"], ["1", "2", "2", ANOTHER, "1"], ["1", "2", ANOTHER],
    ["1", "2", ANOTHER, "1"], ["1", "2", "40001234", SILENCE, SILENCE], ["1", "2", ANOTHER, "2"], ["2", "3"],
    ["2", "3", "1", "2"], ["2", "1", "3"], ["3"], ["3", "9", "9"], ["3", "9", "1"], ["3", "2", ANOTHER, "1"],
    ["3", "2", ANOTHER], ["3", "4"], ["3", REFERENCE], ["3", REFERENCE, "9", "9"], ["3", "482173"],
    ["0"], ["0", SILENCE], ["0", SILENCE], ["0", SILENCE, "1", "2"], ["1", "0", SILENCE], ["1", "2", "*"], ["1", "*", "2"], [SILENCE, SILENCE], ["9", "8", "7"],
]  # fmt: skip
"""What callers commonly do, from the greeting on; it may be done from anywhere."""
OBSTINATE = [
    (["*"], ["*"]), (["9"], ["9"]), (["9"], [SILENCE]), (["#"], ["#"]), (["0"], ["0"]), (["2"], ["1"]),
    (["3"], ["1"]), (["3"], ["482173"]), (["1", "2"], ["3", "1"]), (["1", "2"], ["5", "1"]), (["1", "2"], ["2", SILENCE]),
    (["1", "2", "2"], ["40001234", "2"]), (["1", "2"], ["40001234", "2"]), (["1", "2", "2"], ["82000000"]),
    (["1", "2", "2"], ["40001234", "*"]), (["1", "2", "2"], ["2", "40001234", "1"]), (["3"], ["9", "1"]),
    (["1", "1"], ["*"]), (["3"], ["2", "2"]), (["1", "2", "2"], ["*"]), (["1", "2", "2"], ["4000123*"]), (["3"], ["*"]),
]  # fmt: skip
"""Where to, and what is then done again and again."""


def office_config(menu: Menu, languages: tuple[str, ...], speed: VoiceSpeed, registrations: int) -> Config:
    """One office that answers so; `registrations` a day from one number."""
    made = config()
    office = made.offices[0].model_copy(update={"languages": languages, "voice_speed": speed})
    limits = LimitSettings(registrations_per_caller=registrations)
    return made.model_copy(
        update={
            "offices": (office, *made.offices[1:]),
            "settings": made.settings.model_copy(update={"limits": limits}),
            "menus": {"menu.toml": menu},
        }
    )


class AnyCaller(RuleBasedStateMachine):
    """One call after another, from any telephone, over a line and with a service that may fail."""

    world: CallerWorld | None = None

    @initialize(
        menu=st.sampled_from(sorted(MENUS)),
        languages=st.permutations(CATALOGUE.languages),
        speed=st.sampled_from(VoiceSpeed),
        registrations=st.sampled_from([2, 0]),
        moment=st.sampled_from(MOMENTS),
        person=st.sampled_from(PERSON_ON_CALL),
        known=st.sampled_from(KNOWN),
        colleagues=st.sampled_from(COLLEAGUES),
    )
    def an_office(
        self,
        menu: str,
        languages: list[str],
        speed: VoiceSpeed,
        registrations: int,
        moment: datetime,
        person: Behaviour,
        known: str,
        colleagues: str = "none",
    ) -> None:
        spoken = tuple(languages)
        self.witness = Witness(Words(MENUS[menu], spoken))
        made = office_config(MENUS[menu], spoken, speed, registrations)
        self.world = self.witness.world = CallerWorld(made, self.witness.listens)
        self.world.clock.set(moment)
        self.world.line.behave(PERSON, person)
        self.world.do(self.world.desk.never_call(NEVER_CALLED, "kari"))
        self.in_contact = True
        self.numbers = 0
        self.untold: tuple[str | None, str] | None = None
        """What was pressed while the line was lost."""
        self.ringing: str | None = None
        """The attempt of a caseworker who rings somebody."""

        if known != "nobody":
            self._is_on_the_list(known)
        self.taking = [] if colleagues == "none" else ["ola", "kari"]
        self._take_calls()
        if colleagues == "busy":
            later = self.world.clock.now() + timedelta(hours=3)
            for person_id in self.taking:
                self.world.do(self.world.store.postpone_ready(person_id, later))
        for extension in ("201", "202"):
            self.world.line.behave(
                extension, Behaviour.NO_ANSWER if colleagues == "silent" else Behaviour.RING
            )

    def _take_calls(self, *, ready: bool = True) -> None:
        for person_id in self.taking:
            self.world.do(self.world.desk.set_ready(person_id, ready))

    def _is_on_the_list(self, how: str) -> None:
        """Somebody who rang before."""
        if how == "too often":
            for _ in range(2):
                asked = Registration("9001", CALLER, by="key", caller=CALLER)
                request, _ = self.world.do(self.world.desk.register(asked))
                self.world.do(self.world.desk.withdraw(request.id, "caller"))
            return
        request, _ = self.world.do(self.world.desk.register(Registration("9001", CALLER)))
        if how == "discreet":
            self.world.do(self.world.desk.set_discreet(request.id, True, "caller"))
        elif how == "being rung":
            self.ringing = self.world.begin_to_ring(request)
        elif how == "tried":
            self.world.ring_in_vain(request)
        elif how == "never called":
            self.world.do(self.world.desk.never_call(CALLER, "kari"))

    # ---- the caller

    @property
    def call(self) -> Call | None:
        """The call that is up."""
        if self.world is None or self.witness.call is None:
            return None
        call = self.witness.call
        return call if self.witness.is_up(call) else None

    @property
    def asked(self) -> bool:
        """A prompt plays."""
        return self.leg is not None and self.leg.playing is not None

    @property
    def leg(self):  # type: ignore[no-untyped-def]
        return self.call and self.world and self.world.line.leg(self.call.leg)

    @precondition(lambda self: self.call is None and self.in_contact)
    @rule(
        caller=st.sampled_from(CALLERS),
        way=st.sampled_from([[], *WAYS]),
        stops=st.sampled_from([0, 0, 0, 1]),
        then=st.sampled_from([None, None, None, "hangs_up", "the_service_starts_again", "the_line_is_lost"]),
        stutters=st.sampled_from([False, False, True]),
    )
    def rings(
        self, caller: tuple[str, bool], way: list[str], stops: int, then: str | None, stutters: bool
    ) -> None:
        """And does at once what they know, or what they did the last time; now and then the store is out of breath."""
        number, withhold = caller
        self.world.clock.advance(timedelta(seconds=20))
        call = self.witness.rings(number, None if withhold else number, stutters=stutters)

        def dial() -> None:
            self.world.line.dial(number, PUBLIC, withhold=withhold)
            call.leg = self.world.line.leg_of(number) or ""
            call.heard = self.world.line.heard_by.setdefault(call.leg, call.heard)

        self.world.do(dial)
        assert call.heard.prompts
        self.nobody_is_let_down()
        with self.world.stuttering() if stutters else contextlib.nullcontext():
            if way:
                self.knows_the_way(way, stops)
        if self.call is None or then is None:
            return
        if then == "the_service_starts_again":
            self.the_service_starts_again()
        else:
            getattr(self, then)(None)

    @precondition(lambda self: self.asked)
    @rule(way=st.sampled_from(WAYS), stops=st.integers(0, 2))
    def knows_the_way(self, way: list[str], stops: int) -> None:
        for key in way[: len(way) - stops] or way:
            self._answer(key)
            self.nobody_is_let_down()

    @precondition(lambda self: self.asked)
    @rule(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=4))
    def presses(self, keys: list[str]) -> None:
        for key in keys:
            self._answer(key)
            self.nobody_is_let_down()

    @precondition(lambda self: self.asked)
    @rule(number=st.sampled_from(NUMBERS))
    def keys_in(self, number: str) -> None:
        self._answer(number)

    @precondition(lambda self: self.asked)
    @rule(stray=st.sampled_from([None, None, *"0123456789"]))
    def talks(self, stray: str | None) -> None:
        """Speech is silence to us; but now and then a voice sounds like a key."""
        self._answer(SILENCE if stray is None else stray)

    @precondition(lambda self: self.asked)
    @rule(what=st.sampled_from(OBSTINATE))
    def does_not_give_up(self, what: tuple[list[str], list[str]]) -> None:
        way, again = what
        for key in way + again * (60 // len(again)):
            self._answer(key)
            self.nobody_is_let_down()

    @precondition(lambda self: self.call is not None)
    @rule(key=st.sampled_from([*"1122", None, None]))
    def hangs_up(self, key: str | None) -> None:
        """Also in the very moment of a key press."""
        line, number = self.world.line, self.call.number
        if key is not None and self.asks_for_one_key:
            self._noting(key)
            self.world.do(lambda: (line.press(number, key), line.hang_up(number)))
        else:
            self.witness.answers(self.witness.question, HUNG_UP)
            self.untold = None
            self.world.do(lambda: line.hang_up(number))

    @property
    def asks_for_one_key(self) -> bool:
        return bool(self.asked) and self.in_contact and self.leg.playing.prompt.digits == 1

    def _answer(self, key: str) -> None:
        """One answer to the prompt that plays. Of a number as many keys as are asked for; where fewer are pressed,
        silence ends them. A number is not keyed in where one key is wanted."""
        if not self.asked:
            return
        line, playing = self.world.line, self.leg.playing
        wanted = playing.prompt.digits
        if key == REFERENCE:
            key = next((request.reference for request in self.world.open_now()), "482173")
        if key == ANOTHER:
            self.numbers += 1
            key = f"4100{self.numbers:04}"
        if len(key) > 1 and wanted == 1:
            return
        keys = "" if key == SILENCE else key[:wanted]
        self._noting(keys or SILENCE)
        for one in keys:
            self.world.do(lambda one=one: line.press(self.call.number, one))
        if self.leg is not None and self.leg.playing is playing:
            self.world.do(lambda: line.silence(self.call.leg))

    def _noting(self, key: str) -> None:
        question = self.witness.question
        self.world.clock.advance(length(self.call.heard.prompts[-1]))
        if self.in_contact:
            self.witness.answers(question, key)
        else:
            self.untold = (question, key)

    # ---- the other ends

    @precondition(lambda self: self.leg is not None and self.leg.peer is not None)
    @rule(answers=st.booleans(), seconds=st.sampled_from([2, 60]))
    def the_person_takes_it(self, answers: bool, seconds: int = 0) -> None:
        """Who is on call, or the colleague who rang them in vain."""
        self.world.clock.advance(timedelta(seconds=seconds))
        line, person = self.world.line, self.leg.peer.phone.number
        if line.is_up(person) and answers and self.leg.peer.screen is not None:
            self.world.do(lambda: line.press(person, "1"))
        elif line.is_up(person):
            self.world.do(lambda: line.hang_up(person))
        elif answers:
            self.world.do(lambda: line.answer(person))
        else:
            self.world.do(lambda: line.ring_out(person))

    @precondition(lambda self: self.world is not None and self.call is None)
    @rule(
        hours=st.sampled_from([0, 1, 5, 20, 70]),
        caseworker=st.sampled_from(["rings in vain", "rings", "does nothing"]),
        person=st.sampled_from(PERSON_ON_CALL),
    )
    def time_passes(self, hours: int, caseworker: str, person: Behaviour) -> None:
        """Between the calls."""
        world = self.world
        world.clock.advance(timedelta(hours=hours))
        world.line.behave(PERSON, person)
        if self.ringing is not None:
            world.do(world.desk.end_attempt(self.ringing, AttemptOutcome.NO_ANSWER))
            self.ringing = None
        can_be_rung = [
            request
            for request in world.open_now()
            if request.phone is not None
            and request.live_attempt is None
            and world.is_rung(request.phone)
            and not request.is_out_of_reach(world.clock.now())
        ]
        if can_be_rung and caseworker == "rings":
            self.ringing = world.begin_to_ring(can_be_rung[0])
        elif can_be_rung and caseworker == "rings in vain":
            world.ring_in_vain(can_be_rung[0])

    @precondition(lambda self: self.world is not None and self.in_contact)
    @rule(key=st.sampled_from([*"112", None, None, None]))
    def the_line_is_lost(self, key: str | None) -> None:
        """Also in the very moment of a key press: the simulated line can then not even be asked for the fall-back."""
        line = self.world.line
        if key is not None and self.asks_for_one_key:
            self._noting(key)
            self.call.cut_off = True
            number = self.call.number
            self.world.do(lambda: (line.press(number, key), line.lose()))
        else:
            self.world.do(line.lose)
        self.in_contact = False

    @precondition(lambda self: self.world is not None and not self.in_contact)
    @rule()
    def the_line_is_back(self) -> None:
        """What was pressed meanwhile is told now."""
        untold, self.untold = self.untold, None
        if untold is not None and self.call is not None:
            self.witness.answers(*untold)
        self.in_contact = True
        self.world.do(self.world.line.restore)

    @precondition(lambda self: self.call is not None and self.in_contact)
    @rule()
    def the_service_starts_again(self) -> None:
        """Who is in the menu goes to the fall-back; who is being put through rings on."""
        if self.asked:
            self.call.cut_off = True
            self.witness.answers(self.witness.question, HUNG_UP)
        self._take_calls(ready=False)  # else they would be offered those who are due
        self.world.restart()
        self._take_calls()
        self.ringing = None  # the start ends what no call carries

    # ---- always

    @invariant()
    def nobody_is_let_down(self) -> None:
        if self.world is not None:
            self.witness.look(attended=self.in_contact)

    def teardown(self) -> None:
        """Whoever falls silent now is put on the list (unless they asked not to be), promised, and let go."""
        if self.world is None:
            return
        try:
            if not self.in_contact:
                self.the_line_is_back()
            for _ in range(30):
                if self.leg is not None and self.leg.peer is not None:
                    self.the_person_takes_it(answers=False)
                    self.witness.look()
                if not self.asked:
                    break
                if self.witness.question == "wait":
                    self.world.clock.advance(timedelta(minutes=30))
                self._answer(SILENCE)
                self.witness.look()
            assert not self.asked, "the call never ends"
        finally:
            self.world.close()


TestAnyCaller = AnyCaller.TestCase
TestAnyCaller.settings = settings(
    max_examples=150,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def play(
    *acts: tuple[object, ...],
    known: str = "nobody",
    person: Behaviour = Behaviour.RING,
    colleagues: str = "none",
) -> None:
    """The acts of AnyCaller one after another, in an office that speaks bokmål and English."""
    caller = AnyCaller()
    caller.an_office("menu.toml", ["nb", "en"], VoiceSpeed.NORMAL, 2, MOMENTS[0], person, known, colleagues)
    try:
        for name, *arguments in acts:
            getattr(caller, str(name))(*arguments)
            caller.nobody_is_let_down()
    finally:
        caller.teardown()


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("then", [None, "hangs_up", "the_service_starts_again"])
@pytest.mark.parametrize("withhold", [False, True])
def test_every_way(known: str, then: str | None, withhold: bool) -> None:
    """What callers commonly do from the greeting on, and then silence, a hang-up or a restart."""
    person = Behaviour.NO_ANSWER if then is None else Behaviour.RING
    for way in WAYS:
        play(("rings", (CALLER, withhold), way, 0, then, False), known=known, person=person)


@pytest.mark.parametrize("colleagues", ["busy", "free", "silent"])
@pytest.mark.parametrize("then", [None, "hangs_up", "the_service_starts_again"])
def test_every_way_past_waiting(colleagues: str, then: str | None) -> None:
    """The same where colleagues take calls, and after some music, by callers whose number is seen and others."""
    some_music = [[SILENCE, "1"], [SILENCE, "*", "7", "0", SILENCE]]
    ways = [way for way in WAYS if way[0] in ("1", SILENCE)]
    for at, way in enumerate(ways):
        for more in ([], some_music[at % 2]):
            acts = ("rings", (CALLER, at % 3 == 1), [*way, *more], 0, then, False)
            play(acts, known="tried" if at % 5 == 4 else "nobody", colleagues=colleagues)


@pytest.mark.parametrize("way", [["2", "2", "1", "2"], ["2", "2", "3"]])
def test_the_language_of_who_rings_again(way: list[str]) -> None:
    """Somebody on the list chooses another language at the greeting, then 1 or 3: it follows their request."""
    rings = ("rings", (CALLER, False), [], 0, None, False)
    play(
        rings,
        ("knows_the_way", ["1", "2"], 0),
        ("hangs_up", None),
        rings,
        ("knows_the_way", way, 0),
    )


@pytest.mark.parametrize("end", [("hangs_up", None), ("the_service_starts_again",)])
def test_urgent_and_gone(end: tuple[object, ...]) -> None:
    """Yes, it is urgent, and gone before saying what they lack: urgent."""
    play(("rings", (CALLER, False), [], 0, None, False), ("knows_the_way", ["1", "1"], 0), end)


@given(keys=st.lists(st.sampled_from(KEYS), min_size=2, max_size=8), withhold=st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_keys_pressed_ahead_are_not_lost(keys: list[str], withhold: bool) -> None:
    """Pressed all at once, in the middle of the greeting, they mean what they mean one by one."""

    def outcome(at_once: bool) -> tuple[object, ...]:
        menu = MENUS["menu.toml"]
        made = office_config(menu, ("nb", "en"), VoiceSpeed.NORMAL, 0)
        prompts: list[Prompt] = []
        world = CallerWorld(made, prompts.append)
        try:
            world.do(lambda: world.line.dial(CALLER, PUBLIC, withhold=withhold))
            if at_once:
                world.do(lambda: [world.line.press(CALLER, key) for key in keys])
            else:
                for key in keys:
                    world.do(lambda key=key: world.line.press(CALLER, key))  # type: ignore[misc]
            rows = [
                (r.phone, r.urgency, r.reason, r.language, r.day_part, r.discreet) for r in world.requests()
            ]
            questions = [Words(menu, ("nb", "en")).question(prompt) for prompt in prompts]
            return rows, questions
        finally:
            world.close()

    assert outcome(at_once=True) == outcome(at_once=False)
