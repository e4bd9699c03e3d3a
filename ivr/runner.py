"""The runner: carries events to the call machines and their commands to the desk and the line.

One asyncio task per call. For each event: step; desk commands at once (durable and idempotent, their
answers stepped too); persist the state where it holds more than the list; then the line commands. A crash between
any two of these is mended at `LineRestored`: what the exchange no longer carries has ended.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

import structlog

from callback.desk import Desk
from callback.store import (
    CallRecord,
    StaleRequest,
    StoreUnavailable,
)
from callback.turn import OnTheLine
from hardware.line import (
    Abandon,
    CallOffered,
    Dial,
    Hangup,
    Kept,
    LegEnded,
    LegEvent,
    LegOutcome,
    Line,
    LineError,
    LineEvent,
    LineLost,
    LineRestored,
    LineStatus,
    Originate,
)
from hardware.lines import OUTLIVES, Lines
from ivr import callback_call, duty_check, machines
from ivr.callback_call import BEFORE_THE_CALLER, CallbackFacts, CallbackState
from ivr.consult_port import AskBack
from ivr.desk_work import DeskWork
from ivr.duty_check import CheckFacts
from ivr.intake_state import IntakeState
from ivr.machine import (
    Command,
    DeskCommand,
    DeskEvent,
    Event,
    IllegalTransition,
    TimeIsUp,
)
from ivr.reception import Reception
from ivr.waiting_state import WaitingState
from ivr.whereabouts import State, Whereabouts

log = structlog.get_logger(__name__)

T = TypeVar("T")
_CALL_ID = len(uuid.uuid4().hex)
"""The attempts of a caller who is put through begin with the id of their call."""
_STORE_PATIENCE = 3.0
"""Seconds a person may wait for the store before the fall-back takes their leg."""
_STORE_PAUSE = 0.3
"""Seconds between tries; what must be written is tried until it is."""


@dataclass(eq=False, slots=True)
class _Call:
    record: CallRecord
    state: State
    inbox: asyncio.Queue[CallOffered | LegEvent | TimeIsUp] = field(default_factory=asyncio.Queue)
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    kept: bool = False
    """It has a row in the store."""


class Runner:
    """Runs every call of the line, or of several (`Lines`); `line_name` is that of the one."""

    def __init__(self, line: Line, line_name: str, desk: Desk, pin: str | None = None) -> None:
        """`pin`: with it the contact centre can ring the on-call lines from any number."""
        self.line = line
        self._name = line_name
        self._desk = desk
        self._reception = Reception(desk, pin)
        self._desk_work = DeskWork(desk, self.on_the_line, pin)
        self._calls: dict[str, _Call] = {}
        self._legs: dict[str, _Call] = {}
        self._whereabouts = Whereabouts()
        self._chores: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.on_callback_ended: Callable[[], None] = lambda: None
        """Told when a callback is over, a caller waits no more, or the line is back: perhaps a colleague has their hands
        free, and somebody is due."""
        self.on_caller_gone: Callable[[], None] = lambda: None
        """Told when a caller has left the menu: they can be rung now, and perhaps a colleague is free."""
        self.on_ask_back: Callable[[], None] = lambda: None
        """Told when somebody on duty is to be rung back soon."""

    # -- life

    async def take_up(self) -> None:
        """The calls that were open when the service last ended. One that cannot be read any more is given up;
        the sweep then ends its attempt."""
        for record in await self._desk.store.open_calls(None if isinstance(self.line, Lines) else self._name):
            try:
                state = machines.read(record.machine, record.state)
            except machines.UnreadableState:
                log.error("call_not_taken_up", call=record.id)
                await self._desk.store.save_call(replace(record, state=None, ended_at=self._desk.clock.now()))
            else:
                self._run(_Call(record, state, kept=True))

    async def start(self) -> None:
        """Begin to work the line; after `take_up`."""
        await self.line.start(self._on_line_event)

    async def stop(self) -> None:
        """Stop taking part; calls that are up stay up and are taken up again at the next start."""
        self._stopping = True
        await self.line.stop()
        tasks = [c.task for c in self._calls.values() if c.task] + list(self._chores)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def status_of(self, office_no: str) -> LineStatus:
        """Of the line that the office's calls are on."""
        return self.line.status_of(office_no) if isinstance(self.line, Lines) else self.line.status()

    @property
    def calls_up(self) -> int:
        return len(self._calls)

    def on_the_line(self) -> OnTheLine:
        """Whose persons wait on the line just now, and whose are in the menu."""
        return self._whereabouts.now()

    def waits(self, request_id: str) -> bool:
        """Whether the person of this request waits on the line just now."""
        return request_id in self.on_the_line().waiting

    def is_on_the_line(self, request_id: str) -> bool:
        """Whether they are in the menu just now, or wait."""
        line = self.on_the_line()
        return request_id in line.waiting | line.in_menu

    def call_ids(self) -> frozenset[str]:
        """Ids of the calls that go on."""
        return frozenset(self._calls)

    def phase(self, attempt_id: str) -> str | None:
        """Where the call of an attempt is just now, for the page that shows it."""
        carrier = self._calls.get(attempt_id[:_CALL_ID])
        call = self._legs.get(callback_call.leg_of(attempt_id)) or carrier
        if call is None or isinstance(call.state, IntakeState) or call.state.attempt_id != attempt_id:
            return None
        return call.state.node.value

    def wake(self) -> None:
        """Tell every call whose machine wants to be woken by now. A timer does so at that moment; the sweep makes good
        what it missed."""
        for call in self._calls.values():
            self._set_timer(call)

    def ringing(self) -> frozenset[str]:
        """Attempts whose caller is not rung yet: the caseworker's telephone rings, or is to, or they hear who it is about."""
        states = [call.state for call in self._calls.values()]
        return frozenset(
            s.attempt_id for s in states if isinstance(s, CallbackState) and s.node in BEFORE_THE_CALLER
        )

    async def stop_ringing(self, attempt_id: str) -> bool:
        """Nobody wants it any more. False: the caller is rung, or it is over; nothing happens then."""
        for call in list(self._calls.values()):
            state = call.state
            if (
                isinstance(state, CallbackState)
                and state.attempt_id == attempt_id
                and state.node in BEFORE_THE_CALLER
            ):
                await self._send(Hangup(state.leg))
                return True
        return False

    async def start_callback(self, facts: CallbackFacts, office_no: str) -> None:
        """Ring the caseworker for an attempt that the desk has started."""
        state, commands = callback_call.begin(facts)
        call = self._new_call(office_no, (state.leg, state.peer), state, private=facts.private)
        await self._persist(call)
        self._run(call)
        await self._to_line(call, commands)

    async def start_duty_check(self, facts: CheckFacts, office_no: str, check_id: str) -> None:
        """Ring whoever is to answer a question about their duty, for a check or a result call that the desk has begun."""
        state, commands = duty_check.begin(facts)
        call = self._new_call(office_no, (state.leg,), state, check_id)
        await self._persist(call)
        self._run(call)
        await self._to_line(call, commands)

    # -- events

    def _on_line_event(self, event: LineEvent) -> None:
        if self._stopping:
            return
        if isinstance(event, CallOffered):
            self._chore(self._take_call(event))
        elif isinstance(event, LineRestored):
            gone = [
                (c, c.record.legs)
                for c in self._calls.values()
                if event.line in (None, c.record.line) and c.record.legs[0] not in event.legs
            ]
            self._chore(self._reconcile(gone))
        elif isinstance(event, LineLost):
            log.warning("calls_out_of_sight", line=self._name, calls=len(self._calls))
        else:
            call = self._legs.get(event.leg)
            if call is not None:
                call.inbox.put_nowait(event)
            elif not isinstance(event, LegEnded):
                log.info("event_for_no_call", leg=event.leg, type=type(event).__name__)
                self._chore(
                    self._send(Abandon(event.leg))
                )  # a leg whose call is over must not hang in the air

    async def _take_call(self, offered: CallOffered) -> None:
        taken = self._reception.takes(offered)
        if taken is None:
            log.warning("call_to_unknown_number", leg=offered.leg)
            await self._send(Abandon(offered.leg))
            return
        before = self._legs.get(offered.leg)
        if before is not None:  # we died in the middle of it, and the exchange kept it for us
            before.inbox.put_nowait(LegEnded(offered.leg, LegOutcome.FAILED))
        office_no, state = taken
        call = self._new_call(office_no, (offered.leg,), state)
        self._run(call)
        call.inbox.put_nowait(offered)

    async def _reconcile(self, gone: Iterable[tuple[_Call, tuple[str, ...]]]) -> None:
        """End what the exchange no longer carries: these legs. Its last words, where they were kept, are about the other
        party of a `Dial`; of several each has its own."""
        for call, (leg, *peers) in gone:
            line = self.line.of(call.record.line) if isinstance(self.line, Lines) else self.line
            try:
                words = await line.last_words(leg)
                ends = [end for peer in peers if (end := await line.last_words(peer))]
            except LineError:
                return  # lost again: the next LineRestored comes with a new list
            if words is not None and peers:
                if peers[-1] not in {end.leg for end in ends}:
                    ends.append(replace(words, leg=peers[-1]))
                for end in ends:
                    call.inbox.put_nowait(end)
            call.inbox.put_nowait(LegEnded(leg, LegOutcome.ENDED if words else LegOutcome.FAILED))
        self.wake()
        self.on_callback_ended()  # nobody could be rung for a while

    # -- one call

    def _new_call(
        self,
        office_no: str,
        legs: tuple[str, ...],
        state: State,
        call_id: str | None = None,
        *,
        private: bool = False,
    ) -> _Call:
        """Raises LineForbidden when there is no line for it."""
        now = self._desk.clock.now()
        name = self._name
        if isinstance(self.line, Lines):
            name = self.line.name_of(legs[0], office_no, private=private)
        machine = machines.name_of(state)
        record = CallRecord(call_id or uuid.uuid4().hex, machine, name, office_no, legs, None, now)
        return _Call(record, state)

    def _run(self, call: _Call) -> None:
        self._calls[call.record.id] = call
        self._whereabouts.note(call.record.id, call.state)
        for leg in call.record.legs:
            self._legs[leg] = call
        call.task = asyncio.get_running_loop().create_task(self._live(call))
        self._set_timer(call)

    def _set_timer(self, call: _Call) -> None:
        """For the moment at which its machine wants to be woken. While the line is lost nothing can be stopped: it is told
        when the line is back."""
        if call.timer is not None:
            call.timer.cancel()
            call.timer = None
        at = machines.wake_at(call.state)
        if at is None or self._stopping:
            return
        left = at - self._desk.clock.now()
        if left > timedelta(0):
            loop = asyncio.get_running_loop()
            call.timer = loop.call_later(left.total_seconds(), self._set_timer, call)
        elif self.line.status().up:
            call.inbox.put_nowait(TimeIsUp())

    async def _live(self, call: _Call) -> None:
        try:
            while not call.state.ended:
                event = await call.inbox.get()
                try:
                    await self._advance(call, event)
                except IllegalTransition as error:
                    log.info("event_ignored", call=call.record.id, why=str(error))
                except Exception:
                    log.exception("call_step_failed", call=call.record.id, node=call.state.node)
                    if isinstance(event, LegEnded):
                        return  # nothing more will come of it; the sweep ends its attempt
                    await self._send(Abandon(call.record.legs[0]))
                    call.inbox.put_nowait(LegEnded(call.record.legs[0], LegOutcome.FAILED))
        finally:
            if call.timer is not None:
                call.timer.cancel()
            if not self._stopping:
                self._calls.pop(call.record.id, None)
                self._whereabouts.note(call.record.id, None)
                for leg in call.record.legs:
                    if self._legs.get(leg) is call:
                        del self._legs[leg]
                if isinstance(call.state, CallbackState | WaitingState):
                    self.on_callback_ended()
                else:
                    self.on_caller_gone()

    async def _advance(self, call: _Call, event: Event) -> None:
        if isinstance(event, Kept):
            self._change_leg(call, event.leg)
        events: list[Event] = [event]
        line_commands: list[Command] = []
        while events:
            machine = machines.machine_of(call.state)
            state, commands = machine.step(call.state, events.pop(0), self._desk.clock.now())
            log.debug("call_step", call=call.record.id, step=f"{call.state.node} -> {state.node}")
            for command in commands:
                if isinstance(command, DeskCommand):
                    answer = await self._ask_desk(call, command)
                    if answer is not None:
                        events.append(answer)
                else:
                    line_commands.append(command)
                    if isinstance(command, Dial):
                        for peer in command.peers:
                            self._add_leg(call, peer)
                    elif isinstance(command, Originate):
                        self._change_leg(call, command.leg)
            call.state = state
            self._whereabouts.note(call.record.id, state)
        await self._durably(call, lambda: self._persist(call))
        await self._to_line(call, line_commands)
        self._set_timer(call)

    def _add_leg(self, call: _Call, leg: str) -> None:
        if leg not in call.record.legs:
            call.record = replace(call.record, legs=(*call.record.legs, leg))
            self._legs[leg] = call

    def _change_leg(self, call: _Call, leg: str) -> None:
        """The call goes on with this leg instead of its first."""
        others = (other for other in call.record.legs if other != leg)
        call.record = replace(call.record, legs=(leg, *others))
        self._legs[leg] = call

    async def _persist(self, call: _Call) -> None:
        store = self._desk.store
        if not (call.kept or call.record.line in OUTLIVES or machines.is_worth_keeping(call.state)):
            return
        call.kept = True
        if call.state.ended:
            ended = replace(call.record, state=None, ended_at=self._desk.clock.now())
            await store.save_call(ended)
            return
        machine, state = machines.name_of(call.state), machines.written(call.state)
        await store.save_call(replace(call.record, machine=machine, state=state))

    async def _to_line(self, call: _Call, commands: Iterable[Command]) -> None:
        for command in commands:
            try:
                await self.line.send(command)  # type: ignore[arg-type]  # only line commands come here
            except LineError as error:
                log.warning("line_refused", call=call.record.id, type=type(command).__name__, why=str(error))
                if isinstance(command, Hangup) and command.leg != call.record.legs[0]:
                    continue  # one of those it rings, or another call's: it ends by itself, or is told again to
                legs = command.peers if isinstance(command, Dial) else call.record.legs[:1]
                for leg in legs:
                    call.inbox.put_nowait(LegEnded(leg, LegOutcome.FAILED))
                return

    async def _send(self, command: Abandon | Hangup) -> None:
        try:
            await self.line.send(command)
        except LineError as error:
            log.warning("line_refused", leg=command.leg, type=type(command).__name__, why=str(error))

    # -- the desk

    async def _ask_desk(self, call: _Call, command: DeskCommand) -> DeskEvent | None:
        answer = await self._durably(call, lambda: self._desk_work.perform(call.record.id, command))
        if isinstance(command, AskBack):
            self.on_ask_back()
        return answer

    async def _durably(self, call: _Call, act: Callable[[], Awaitable[T]]) -> T:
        """Do it, and while the store is unavailable do it again until it is done: nobody may be lost.
        Nobody waits for that in silence: after a few seconds the exchange's fall-back takes the leg, unless
        it is in a conversation (see `Abandon`)."""
        patience = asyncio.get_running_loop().call_later(_STORE_PATIENCE, self._give_to_fallback, call)
        try:
            while True:
                try:
                    return await act()
                except (StoreUnavailable, StaleRequest):
                    await asyncio.sleep(_STORE_PAUSE)
        finally:
            patience.cancel()

    def _give_to_fallback(self, call: _Call) -> None:
        log.error("leg_sent_to_fallback", call=call.record.id, why="the store is unavailable")
        self._chore(self._send(Abandon(call.record.legs[0])))

    def _chore(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
