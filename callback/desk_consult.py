"""The calls that ask for whoever is on duty: who is rung next, what came of it, and the promise. Part of the desk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from callback.consult import Consult, ConsultCaller, ConsultOutcome, ConsultResult, DutyLeg, DutyOutcome
from callback.desk_roster import DeskRoster, OnDuty
from callback.request import CallbackRequest
from callback.turn import may_serve
from config.model import Office, Person, Role
from config.oncall import OnCallLine, RingRule

log = structlog.get_logger(__name__)

RESULT_CALL = "-result"
"""How the id ends of a call that asks the person on duty what came of a talk."""
CONTACT_CENTRE = "contact_centre"
"""Who registered a request that was born in a consult call, where staff.toml has no one person of that role."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """Who is rung now."""

    legs: tuple[DutyLeg, ...]
    left: int
    """How many are left to be rung after these."""
    count: int
    """Legs there have been, with these and those passed by."""
    hang_up: tuple[str, ...] = ()
    """Legs that only asked them what came of a talk: this goes before."""


def result_call_id(consult_id: str) -> str:
    return f"{consult_id}{RESULT_CALL}"


class DeskConsult(DeskRoster):
    """The use cases of the on-call lines."""

    def may_consult(self, caller: str | None, trunk: str | None) -> bool:
        """Whether a call to an on-call number reaches whoever is on duty, and not the menu."""
        oncall = self.config.settings.oncall
        return (caller is not None and caller in oncall.callers) or (
            trunk is not None and trunk in oncall.trunks
        )

    def lines_for(self, number: str) -> list[tuple[Office, OnCallLine]]:
        """The on-call lines of an office number, or of all offices of a municipality number."""
        return [
            (office, line)
            for office in self.config.offices
            if number in (office.office_no, office.municipality_no)
            for line in self.config.lines_of(office.office_no)
        ]

    def contact_centre(self) -> str:
        """Whose request it is that is born in a consult call: the only person of the role, who then sees its state."""
        people = [person.id for person in self.config.people if person.role is Role.CONTACT_CENTRE]
        return people[0] if len(people) == 1 else CONTACT_CENTRE

    async def begin_consult(
        self, consult_id: str, line: OnCallLine, caller: ConsultCaller, request_id: str | None = None
    ) -> None:
        """A call asks for whoever is on duty. Saying so again changes nothing, and a new request of it is kept."""
        known = await self.store.consult(consult_id)
        if known is None:
            known = Consult(consult_id, line.office_no, line.id, caller, self.clock.now())
            log.info("consult_call", call=consult_id, office=line.office_no, caller=caller.value)
        await self.store.save_consult(replace(known, request_id=request_id or known.request_id))

    async def ring_next(
        self,
        consult_id: str,
        line: OnCallLine,
        legs: tuple[str, int],
        tried: Collection[str],
        request: CallbackRequest | None = None,
    ) -> Ringing | None:
        """Whom to ring now of those who are on duty at this moment, and have not been rung in this call: written down before
        any telephone rings. Whoever is in a call is passed by. None: nobody is left. `legs`: how the ids of their legs
        begin, and how many there were: the exchange may offer a call again, so their ids hold the call's."""
        (prefix, count), now = legs, self.clock.now()
        before = {
            leg.telephone for leg in await self.store.duty_legs(consult_id) if leg.person_id in tried
        }  # several people may carry one
        steps = [
            [one for one in step if one[0] not in tried and one[1] not in before]
            for step in await self._to_be_rung(line, now, request)
        ]
        steps = [step for step in steps if step]
        hang_up: tuple[str, ...] = ()
        while steps:
            step, *steps = steps
            hang_up += await self._give_way(step)
            wanted = [
                DutyLeg(f"{prefix}{consult_id[:6]}.{count + n}", consult_id, person_id, telephone, now)
                for n, (person_id, telephone) in enumerate(step, start=1)
            ]
            count += len(wanted)
            rung = tuple(leg for leg in await self.store.ring_duty(*wanted) if leg.ended_at is None)
            if rung:
                return Ringing(rung, len(steps), count, hang_up)
        return None

    async def duty_leg_joined(self, leg_id: str, consult_id: str) -> None:
        """Somebody on duty talks with the caller."""
        consult, leg = await self._leg(leg_id, consult_id)
        now = self.clock.now()
        if leg is not None and leg.joined_at is None:
            await self.store.save_duty_leg(replace(leg, joined_at=now))
        if consult is not None and leg is not None and consult.answered_at is None:
            await self.store.save_consult(replace(consult, answered_at=now, answered_by=leg.person_id))

    async def duty_leg_ended(self, leg_id: str, consult_id: str, outcome: DutyOutcome) -> None:
        """A telephone rings no more, or its talk is over."""
        consult, leg = await self._leg(leg_id, consult_id)
        if leg is None:
            return
        await self.store.save_duty_leg(replace(leg, ended_at=self.clock.now(), outcome=outcome))
        if outcome is DutyOutcome.DROPPED and consult is not None:  # that was no answer
            await self.store.save_consult(replace(consult, answered_at=None, answered_by=None))

    async def end_consult(self, consult_id: str, outcome: ConsultOutcome) -> None:
        """The first word counts; telephones that rang for it ring no more."""
        consult = await self.store.consult(consult_id)
        if consult is None:
            return
        for leg in await self.store.duty_legs(consult_id):
            if leg.ended_at is None:
                over = DutyOutcome.CANCELLED if leg.joined_at is None else DutyOutcome.TALKED
                await self.store.save_duty_leg(replace(leg, ended_at=self.clock.now(), outcome=over))
        if consult.ended_at is None:
            await self.store.save_consult(replace(consult, ended_at=self.clock.now(), outcome=outcome))
            log.info("consult_ended", call=consult_id, office=consult.office_no, outcome=outcome.value)

    async def consult_result(self, consult_id: str, result: ConsultResult) -> None:
        """What the person on duty says of it; the last word counts."""
        consult = await self.store.consult(consult_id)
        if consult is not None:
            await self.store.save_consult(replace(consult, result=result))

    async def end_lost_consults(self, going_on: Callable[[], Collection[str]]) -> None:
        """End those that no call carries any more, but for one that is planned. `going_on`: ids of the calls that go on, asked after the record is
        read: a call may begin meanwhile."""
        for consult in await self.store.open_consults():
            if consult.id not in going_on() and not await self._is_planned(consult):
                log.warning("consult_without_call", call=consult.id)
                lost = ConsultOutcome.LOST if consult.answered_at is None else ConsultOutcome.ANSWERED
                await self.end_consult(consult.id, lost)

    async def _is_planned(self, consult: Consult) -> bool:
        """It is to ask what came of a talk, and has rung nobody yet."""
        return consult.id.endswith(RESULT_CALL) and not await self.store.duty_legs(consult.id)

    async def _give_way(self, step: Collection[tuple[str, str]]) -> tuple[str, ...]:
        """Those of them who are only asked what came of a talk have no other call from now on: the legs to hang up."""
        people, telephones = {one for one, _ in step}, {number for _, number in step}
        asked = [
            leg
            for leg in await self.store.live_duty_legs()
            if leg.consult_id.endswith(RESULT_CALL)
            and (leg.person_id in people or leg.telephone in telephones)
        ]
        for leg in asked:
            await self.end_consult(leg.consult_id, ConsultOutcome.GAVE_UP)
        return tuple(leg.id for leg in asked)

    async def _to_be_rung(
        self, line: OnCallLine, now: datetime, request: CallbackRequest | None
    ) -> list[list[tuple[str, str]]]:
        """(person id, telephone) of who is rung at a time. The telephone of a line that nobody is known to carry just now
        is rung all the same, under the id of the line."""
        duty = await self.duty(line, now)
        steps = [
            [(p.id, self.telephones_of(line, p)[0]) for p in step if request is None or may_serve(request, p)]
            for step in _steps(duty)
        ]
        if request is not None:  # what a talk comes to is written for a person
            return steps
        if not duty.people and line.telephone is not None and self.line_is_open(line, now):
            return [[(line.id, line.telephone)], *steps]
        return steps

    async def _leg(self, leg_id: str, consult_id: str) -> tuple[Consult | None, DutyLeg | None]:
        consult = await self.store.consult(consult_id)
        legs = {leg.id: leg for leg in await self.store.duty_legs(consult_id)}
        return consult, legs.get(leg_id)


def _steps(duty: OnDuty) -> Iterator[tuple[Person, ...]]:
    """Who is rung at a time: those on duty, then the substitute, then the leader."""
    if duty.line.ring is RingRule.ALL:
        yield duty.people
    else:
        yield from ((person,) for person in duty.people)
    before = set(duty.people)
    for person in (duty.substitute, duty.leader):
        if person is not None and person not in before:
            before.add(person)
            yield (person,)
