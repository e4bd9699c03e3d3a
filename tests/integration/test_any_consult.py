"""Any consult calls and urgent callers, any telephones on duty, and a service that dies: what can never happen to them.

The real runner, desk and machines; the exchange and the list are in memory.
"""

from __future__ import annotations

import re
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from callback.consult import ConsultCaller, ConsultOutcome
from callback.request import CallResult, RequestState, Urgency
from config.model import Config
from config.oncall import OnCallSettings, RingRule
from hardware.line import PromptInfo
from hardware.simulated.leg import Leg, LegState
from hardware.simulated.phone import Behaviour
from ivr.consult_promise import TRIES
from ivr.consult_state import ConsultState, Node
from ivr.duty_check import CheckState
from ivr.duty_check import Node as Check
from ivr.names import own_prompts
from ivr.prompts import Catalogue
from tests.integration.caller_world import CallerWorld
from tests.integration.test_consult import COMMON, KARI, LIV, OLA, ON_CALL, SIV, on_call_config
from tests.offices import CALLER, PUBLIC

CENTRES = ["+4755553333", "+4755553334"]
CALLERS = [CALLER, "+4790001234"]
STAFF = [KARI, OLA, SIV, LIV]
RUNG = [
    Behaviour.RING,
    Behaviour.ANSWER,
    Behaviour.NO_ANSWER,
    Behaviour.BUSY,
    Behaviour.DECLINE,
    Behaviour.FAIL,
]
ROSTERS: list[dict[str, object]] = [
    {},
    {"ring": RingRule.ALL},
    {"people": (), "leader": None},
    {"people": ("siv",), "substitute": "ola"},
    {"people": ("ola", "kari")},
]
DUTY = re.compile(r"-d[0-9a-f]{6}\.\d+$|-result-d$")
"""How the ids of the legs of those on duty end, also of who is asked what came of a talk."""
KEYS = ["1", "1", "1", "2", "*", "9", "0", "#", "40001234", "9001", "82000000", "1#"]


def roster(at: int) -> Config:
    made = on_call_config(**ROSTERS[at])
    oncall = OnCallSettings(callers=tuple(CENTRES), number=COMMON, fallback_number=KARI)
    return made.model_copy(update={"settings": made.settings.model_copy(update={"oncall": oncall})})


class AnyConsult(RuleBasedStateMachine):
    """Several calls at once; every step is carried out to its end before the next."""

    world: CallerWorld | None = None

    @initialize(at=st.integers(0, len(ROSTERS) - 1))
    def an_office(self, at: int) -> None:
        made = roster(at)
        self.world = CallerWorld(made, lambda _: None)
        catalogue = Catalogue.load().with_own(own_prompts(made))
        self.world.line._prompt_info = lambda item: PromptInfo(catalogue.text(item), timedelta(0))
        self.down = False
        self.centre_legs: set[str] = set()
        self.talked: set[str] = set()

    # ---- who rings

    @precondition(lambda self: not self.down)
    @rule(number=st.sampled_from(CENTRES), to=st.sampled_from([ON_CALL, ON_CALL, COMMON]))
    def the_contact_centre_rings(self, number: str, to: str) -> None:
        line = self.world.line
        if line.leg_of(number) is None:
            self.world.do(lambda: line.dial(number, to))
            self.centre_legs.add(line.leg_of(number) or "")
            for key in "9901" if to == COMMON else "":
                self.world.do(lambda key=key: line.press(number, key))

    @precondition(lambda self: not self.down)
    @rule(number=st.sampled_from(CALLERS), keys=st.sampled_from(["112", "0", "1", "0", "112"]))
    def a_caller_rings(self, number: str, keys: str) -> None:
        line = self.world.line
        if line.leg_of(number) is None:
            self.world.do(lambda: line.dial(number, PUBLIC))
            for key in keys:
                self.world.do(lambda key=key: line.press(number, key))

    @rule(number=st.sampled_from(CENTRES + CALLERS), keys=st.sampled_from(KEYS))
    def presses(self, number: str, keys: str) -> None:
        for key in keys:
            self.world.do(lambda key=key: self.world.line.press(number, key))

    @precondition(lambda self: not self.down)
    @rule(times=st.integers(1, 3))
    def everybody_is_silent(self, times: int) -> None:
        """Prompts come to their end."""
        for _ in range(times):
            for leg in list(self.world.line._legs.values()):
                if leg.playing is not None and self.world.line.leg(leg.id) is leg:
                    self.world.clock.advance(timedelta(seconds=3))
                    self.world.do(lambda leg=leg: self.world.line.silence(leg.id))

    @rule(number=st.sampled_from(CENTRES + CALLERS + STAFF))
    def hangs_up(self, number: str) -> None:
        self.world.do(lambda: self.world.line.hang_up(number))

    # ---- the telephones of those on duty

    @rule(number=st.sampled_from(STAFF), how=st.lists(st.sampled_from(RUNG), min_size=1, max_size=2))
    def will_do(self, number: str, how: list[Behaviour]) -> None:
        self.world.line.behave(number, *how)

    @rule(number=st.sampled_from(STAFF), key=st.sampled_from(["1", "1", "1", "2", "7"]))
    def is_answered(self, number: str, key: str) -> None:
        self.world.do(lambda: self.world.line.answer(number))
        self.world.do(lambda: self.world.line.press(number, key))

    @precondition(lambda self: not self.down)
    @rule(talk=st.sampled_from([0, 2, 60]), then=st.sampled_from(["nobody", "asks", "duty", "duty"]))
    def somebody_takes_it(self, talk: int, then: str) -> None:
        """Whoever rings, or is rung next, accepts; they talk, and one of the two hangs up."""
        line = self.world.line
        for leg in self._legs():
            if leg.playing is not None and not leg.playing.prompt.digits:
                self.world.do(lambda leg=leg: line.silence(leg.id) if leg.playing else None)
        for number in STAFF:
            self.world.do(lambda number=number: line.answer(number))
            self.world.do(lambda number=number: line.press(number, "1"))
        self.world.clock.advance(timedelta(seconds=talk))
        self.nobody_meets_silence()
        for leg in self._legs():
            if then != "nobody" and DUTY.search(leg.id) and leg.answered and leg.dialler is not None:
                gone = leg if then == "duty" else leg.dialler
                self.world.do(lambda gone=gone: line.hang_up(gone.phone.number))

    @rule(number=st.sampled_from(STAFF))
    def rings_out(self, number: str) -> None:
        if self.world.line.is_ringing(number):
            self.world.do(lambda: self.world.line.ring_out(number))

    # ---- the service and its office

    @precondition(lambda self: not self.down)
    @rule(at=st.integers(0, len(ROSTERS) - 1))
    def the_roster_changes(self, at: int) -> None:
        self.world._config = roster(at)
        self.world.do(lambda: self.world.desk.use_config(roster(at)))

    @precondition(lambda self: not self.down)
    @rule()
    def the_service_dies(self) -> None:
        self.down = True
        self.world.do(self.world.runner.stop())

    @precondition(lambda self: self.down)
    @rule()
    def the_service_is_back(self) -> None:
        self.down = False
        self.world.restart()

    @rule(seconds=st.sampled_from([2, 15, 70, 400, -30]))
    def the_clock_goes(self, seconds: int) -> None:
        self.world.clock.advance(timedelta(seconds=seconds))

    @precondition(lambda self: not self.down)
    @rule()
    def sweeps(self) -> None:
        self.world.do(self.world.dispatch.sweep())

    @precondition(lambda self: not self.down)
    @rule(
        number=st.sampled_from(CENTRES),
        key=st.sampled_from(["", "1", "2", "7"]),
        clock=st.sampled_from([5, 30]),
    )
    def whoever_hung_up_first_is_asked(self, number: str, key: str, clock: int) -> None:
        line = self.world.line
        self.world.do(lambda: line.dial(number, ON_CALL))
        self.somebody_takes_it(60, "duty")
        self.world.do(lambda: line.hang_up(number))
        self.world.clock.advance(timedelta(seconds=clock))
        self.sweeps()
        for one in STAFF if key else ():
            self.world.do(lambda one=one: line.answer(one))
            self.world.do(lambda one=one: line.press(one, key))

    # ---- what always holds

    @invariant()
    def nothing_fails(self) -> None:
        if self.world is not None:
            assert self.world.accidents == []
            failed = [entry for entry in self.world.logs if entry["event"] == "call_step_failed"]
            assert failed == []

    @invariant()
    def nobody_meets_silence(self) -> None:
        if self.world is None or self.down:
            return
        for leg in self._legs():
            for peer in leg.peers:
                if peer.answered:
                    self.talked.add(leg.id)
            hears = leg.playing is not None or leg.peers or leg.dialler is not None
            assert leg.state is not LegState.UP or hears, (leg.phone.number, leg.id, self._nodes())

    @invariant()
    def the_contact_centre_has_a_person_or_a_reference(self) -> None:
        if self.world is None:
            return
        for leg in self.centre_legs:
            heard = self.world.line.heard_by.get(leg)
            if heard is None:
                continue
            said = {item.partition("/")[2] for prompt in heard.prompts for item in prompt.items}
            ends_well = leg in self.talked or said & {"consult.reference", "consult.not_found"}
            asked = sum("nb/consult.office" in prompt.items for prompt in heard.prompts)
            assert not heard.abandoned or asked >= TRIES, "the fall-back has only whoever keys no office"
            assert not heard.hung_up or ends_well

    @invariant()
    def the_record_is_the_line(self) -> None:
        if self.world is None or self.down:
            return
        live = self.world.do(self.world.store.live_duty_legs())
        people, telephones = [leg.person_id for leg in live], [leg.telephone for leg in live]
        assert len(set(people)) == len(people)
        assert len(set(telephones)) == len(telephones)
        states = [call.state for call in self.world.runner._calls.values()]
        consults = [state for state in states if isinstance(state, ConsultState)]
        told = {leg for state in consults if state.node is Node.CALLING for leg in state.live}
        thanked = {
            s.leg for s in states if isinstance(s, CheckState) and s.node not in (Check.RINGING, Check.ASKING)
        }
        up = {leg.id for leg in self._legs() if DUTY.search(leg.id)} - thanked
        assert {leg.id for leg in live} - told == up - {
            s.joined.leg
            for s in consults
            if s.joined and s.node in (Node.LEAVING, Node.RESULT, Node.THANKING)
        }
        going_on = {consult.id for consult in self.world.do(self.world.store.open_consults())}
        rung = {leg.consult_id for leg in self.world.store._duty_legs.values()}
        planned = {one for one in going_on if one.endswith("-result") and one not in rung}
        assert going_on - planned <= self.world.runner.call_ids()

    @invariant()
    def nobody_is_asked_twice(self) -> None:
        if self.world is None:
            return
        assert all(heard.rung <= 1 for heard in self.world.line.heard_by.values())

    @invariant()
    def a_promise_is_kept(self) -> None:
        if self.world is None or self.down:
            return
        known = {request.id: request for request in self.world.requests()}
        for consult in self.world.store._consults.values():
            if consult.caller is ConsultCaller.CONTACT_CENTRE and consult.outcome is ConsultOutcome.PROMISED:
                request = known[consult.request_id or ""]
                assert request.urgency is Urgency.URGENT
                assert request.due_at <= request.registered_at + timedelta(hours=2, minutes=30)

    def teardown(self) -> None:
        if self.world is None:
            return
        world = self.world
        try:
            if self.down:
                self.the_service_is_back()
            for _ in range(3):
                for number in CENTRES + CALLERS + STAFF:
                    world.do(lambda number=number: world.line.hang_up(number))
            world.clock.advance(timedelta(minutes=5))
            self.sweeps()  # nobody is asked any more what came of a talk
            for number in STAFF:
                world.do(lambda number=number: world.line.hang_up(number))
            self.nothing_fails()
            assert world.line.legs_up == 0
            assert world.runner.calls_up == 0, self._nodes()
            assert world.do(world.store.open_consults()) == []
            assert world.do(world.store.live_duty_legs()) == []
            assert all(consult.outcome for consult in world.store._consults.values())
            world.do(self._results())
            assert world.do(world.store.occupied()) == frozenset()
        finally:
            world.close()

    async def _results(self) -> None:
        for request in self.world.requests():
            if request.state is RequestState.RESULT_DUE and request.claimed_by:
                await self.world.desk.record_result(request.id, request.claimed_by, CallResult.REACHED)

    def _legs(self) -> list[Leg]:
        return list(self.world.line._legs.values())

    def _nodes(self) -> list[str]:
        return [str(call.state.node) for call in self.world.runner._calls.values()]


AnyConsult.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


class TestAnyConsult(AnyConsult.TestCase):  # type: ignore[name-defined,misc]
    """Whatever happens, in any order."""
