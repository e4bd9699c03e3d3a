"""What came of a talk on an on-call line, when the one on duty hung up first: they are rung back once and asked. Part of the desk.

It is a row of the consult calls before anything rings, as the duty check is; its id is made of the call's, so it is made once.
Whoever is in another call by then is not rung, and a call that asks for them goes before: the page asks, as it does anyhow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog

from callback.consult import Consult, ConsultCaller, ConsultOutcome, DutyLeg, DutyOutcome
from callback.desk_consult import RESULT_CALL, DeskConsult, result_call_id
from callback.request import RequestState
from config.oncall import OnCallLine

log = structlog.get_logger(__name__)

PAUSE = timedelta(seconds=5)
"""After they have hung up, and the other side has too."""
_LATE = timedelta(minutes=2)
"""They have turned to something else: after a break of the service, say."""


@dataclass(frozen=True, slots=True)
class ResultCall:
    """Somebody to be rung now, and about which call."""

    id: str
    line: OnCallLine
    about: Consult
    talked: DutyLeg
    """The telephone on which they talked last."""


class DeskDutyResult(DeskConsult):
    """The use cases of the result call."""

    async def plan_result_call(self, consult_id: str) -> None:
        """The person on duty hung up first. Saying so again changes nothing."""
        about, call_id = await self.store.consult(consult_id), result_call_id(consult_id)
        if about is None or not self.config.settings.oncall.result_call or await self.store.consult(call_id):
            return
        await self.store.save_consult(
            Consult(call_id, about.office_no, about.line_id, ConsultCaller.DUTY_CHECK, self.clock.now())
        )

    async def due_result_calls(self) -> list[ResultCall]:
        """Whom to ring now. What came too late, or is known by now, is over."""
        due = []
        for planned in await self.store.open_consults():
            age = self.clock.now() - planned.started_at
            if not await self._is_planned(planned) or timedelta(0) <= age < PAUSE:
                continue
            call = await self._result_call(planned)
            if call is None or age > _LATE or age < timedelta(0):
                await self.end_consult(planned.id, ConsultOutcome.GAVE_UP)
            else:
                due.append(call)
        return due

    async def begin_result_call(self, call: ResultCall) -> DutyLeg | None:
        """On record before the telephone rings. None: they are in a call, and are not asked."""
        talked = call.talked
        leg = DutyLeg(f"tast1-{call.id}-d", call.id, talked.person_id, talked.telephone, self.clock.now())
        (leg,) = await self.store.ring_duty(leg)
        if leg.ended_at is None:
            return leg
        await self.end_consult(call.id, ConsultOutcome.GAVE_UP)
        return None

    async def _result_call(self, planned: Consult) -> ResultCall | None:
        """None: somebody has written what came of it, or nobody talked."""
        about = await self.store.consult(planned.id.removesuffix(RESULT_CALL))
        line = self.config.line(planned.line_id)
        if about is None or about.result is not None or line is None:
            return None
        if about.request_id is not None:
            request = await self.get(about.request_id)
            if request.state is not RequestState.RESULT_DUE:
                return None
        legs = await self.store.duty_legs(about.id)
        talked = [leg for leg in legs if leg.outcome is DutyOutcome.TALKED]
        return ResultCall(planned.id, line, about, talked[-1]) if talked else None
