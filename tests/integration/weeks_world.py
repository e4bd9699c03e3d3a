"""Two offices, their callers and their people, over a real database and a clock that runs as fast as it is told.

The exchange, the telephones and the database file outlive the service, which is killed wherever it happens to be.
"""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from callback.desk import Desk
from callback.dispatch import Dispatch
from callback.request import OPEN, CallbackError, CallbackRequest, CallResult, RequestState
from callback.store import RequestQuery, StoreUnavailable
from callback.store_schema import Database
from callback.store_sqlite import SqliteStore
from config.model import Config
from hardware.line import Dial, LineError, Originate, PromptInfo
from hardware.simulated.leg import Leg
from hardware.simulated.line import SimulatedLine
from hardware.simulated.phone import Behaviour
from ivr.intake_state import IntakeState
from ivr.runner import Runner
from scheduler.clock import ManualClock

T = TypeVar("T")

CALLERS = {office: [f"+47400{office[-1]}{n:04}" for n in range(12)] for office in ("9001", "9002")}
ALL_CALLERS = [number for numbers in CALLERS.values() for number in numbers]
B = Behaviour
_CALLER_DOES = {B.ANSWER: 50, B.NO_ANSWER: 25, B.BUSY: 10, B.DECLINE: 5, B.INVALID: 3, B.FAIL: 7}
_STAFF_DOES = {B.ANSWER: 75, B.NO_ANSWER: 15, B.DECLINE: 5, B.FAIL: 5}
_TURNS = 400
"""Of the event loop, that any act may take to come to rest."""


class Disk:
    """What goes wrong with the database, and how much is under way."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.trouble = 0.0
        """How likely a write fails: before it is done, or after (the answer is lost)."""
        self.under_way = 0

    def fails(self) -> str:
        if self._chance.random() >= self.trouble:
            return ""
        return self._chance.choice(("before", "after"))


class WatchedStore(SqliteStore):
    """The real one, on a disk that fails now and then."""

    def __init__(self, path: Path, disk: Disk) -> None:
        super().__init__(path)
        self._disk = disk

    async def write(self, job: Callable[[Database], T]) -> T:
        self._disk.under_way += 1
        fails = self._disk.fails()
        try:
            if fails == "before":
                raise StoreUnavailable("database is locked")
            result = await super().write(job)
            if fails == "after":
                raise StoreUnavailable("disk I/O error")
            return result
        finally:
            self._disk.under_way -= 1

    async def read(self, job: Callable[[Database], T]) -> T:
        self._disk.under_way += 1
        try:
            return await super().read(job)
        finally:
            self._disk.under_way -= 1


class WatchedLine(SimulatedLine):
    """Sees whom we ring, and that it was written before."""

    def __init__(self, clock: ManualClock, path: Path) -> None:
        super().__init__(clock, lambda item: PromptInfo(item, timedelta(0)), timers=False)
        self._path = path
        self.rung: Counter[str] = Counter()
        """How often each attempt rang its caller; by attempt id."""
        self.wrong: list[str] = []

    def _originate(self, command: Originate) -> None:
        self._look(command)
        super()._originate(command)

    def _dial(self, dialler: Leg, dial: Dial) -> None:
        if dial.peer.endswith("-caller"):
            self.rung[dial.peer.removeprefix("tast1-").removesuffix("-caller")] += 1
            if any(leg.dialler is not None and leg.phone.number == dial.to for leg in self._legs.values()):
                self.wrong.append("a number was rung while a call of ours to it was up")
        self._look(dial)
        super()._dial(dialler, dial)

    def _look(self, command: Originate | Dial) -> None:
        if not self._is_written(command):
            self.wrong.append(f"{type(command).__name__} without its attempt in the file")

    def _is_written(self, command: Originate | Dial) -> bool:
        """A colleague is rung for an attempt that is in the file; a caller once it says that they are rung; whoever is on
        duty once that is there."""
        live = "SELECT 1 FROM attempt WHERE ended_at IS NULL"
        rung = command.leg if isinstance(command, Originate) else command.peer
        if re.search(r"-to-d|-d$", rung):
            sql, value = "SELECT 1 FROM duty_leg WHERE ended_at IS NULL AND id = ?", rung
        elif isinstance(command, Originate):
            sql, value = f"{live} AND id = ?", command.leg.split("-")[1]
        elif command.peer.endswith("-caller"):
            sql, value = f"{live} AND ringing_at IS NOT NULL AND phone = ?", command.to
        else:
            sql, value = f"{live} AND inbound = ?", "1"
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as database:
            return database.execute(sql, (value,)).fetchone() is not None

    def legs_up(self) -> int:
        return len(self._legs)

    def playing(self, number: str) -> tuple[str, ...]:
        """What this telephone is listening to."""
        leg = self._phone(number).leg
        return leg.playing.prompt.items if leg is not None and leg.playing is not None else ()


class Weeks:
    """One service at a time; `kill` it. Everything random comes from `chance`."""

    def __init__(self, config: Config, path: Path, start: datetime, chance: random.Random) -> None:
        self.config = config
        self.path = path
        self.chance = chance
        self.clock = ManualClock(start)
        self.disk = Disk(chance)
        self.line = WatchedLine(self.clock, path)
        self.kills = 0
        self.pressed = 0
        """Key presses of 1 that the service lived to take."""
        self._clocks: dict[str, tuple[Any, ...]] = {}
        self._attempts: set[str] = set()
        self._lines = 0
        self._acts: set[asyncio.Task[None]] = set()

    async def boot(self) -> None:
        self.store = WatchedStore(self.path, self.disk)
        await self.store.open()
        self.desk = Desk(self.store, self.config, self.clock)
        self.runner = Runner(self.line, "simulated", self.desk)
        self.dispatch = Dispatch(self.desk, self.runner)
        await self.runner.take_up()
        await self.dispatch.sweep(patience=timedelta(0))
        await self.runner.start()
        await self.rest()

    async def kill(self) -> None:
        """The service is gone, wherever it was; after a while another begins. What it had given to the database may
        be written or not."""
        self.kills += 1
        for act in self._acts:
            act.cancel()
        await asyncio.gather(*self._acts, return_exceptions=True)
        await self.runner.stop()
        await self.store.close()
        trouble, self.disk.trouble = self.disk.trouble, 0.0
        self.clock.advance(timedelta(seconds=self.chance.randrange(60)))
        await self.boot()
        self.disk.trouble = trouble

    async def rest(self) -> None:
        """Until everybody waits for somebody outside."""
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        calm = 0
        for _ in range(_TURNS * 50):
            await asyncio.sleep(0.0002 if self.disk.under_way else 0)
            calm = 0 if ready or self.disk.under_way else calm + 1
            if calm > 3:
                return
        raise AssertionError("it never comes to rest")

    async def act(self, doing: Callable[[], Awaitable[object]] | None = None, *, deadly: bool) -> bool:
        """Do it; `deadly`: the service is killed in the midst of it. True when it lived."""

        async def tried() -> None:
            with suppress(CallbackError, LineError):
                if doing is not None:  # else it has happened outside already
                    await doing()

        task = asyncio.create_task(tried())
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)
        if deadly:
            for _ in range(self.chance.randrange(60)):
                await asyncio.sleep(0)
            await self.kill()
            return False
        await self.rest()
        return True

    # ---- what people do

    async def visit(self, deadly: bool) -> None:
        """Somebody rings an office and presses what comes to their mind."""
        office = self.chance.choice(self.config.offices)
        number = self.chance.choice(CALLERS[office.office_no])
        self.line.dial(number, office.public_number, withhold=self.chance.random() < 0.1)
        lived = await self.act(deadly=deadly and self.chance.random() < 0.3)
        for _ in range(self.chance.randrange(1, 9)):
            heard = self.line.playing(number)
            if not lived or not heard:
                break
            first = any(item.split("/")[1].startswith("intake.greeting") for item in heard)
            key = self.chance.choices("12345690-*#", (50, 22, 4, 3, 3, 2, 2, 1, 14, 1, 1))[0]
            leg = self.line.leg_of(number)
            if key == "-":
                self.line.silence(number)
            else:
                self.line.press(number, key)
            lived = await self.act(deadly=deadly and self.chance.random() < 0.3)
            if key == "1" and first and lived and leg:
                self._is_listed(leg)
        self.line.hang_up(number)
        await self.act(deadly=deadly and lived)

    def _is_listed(self, leg: str) -> None:
        """Whoever has just pressed 1 is on the list, with their number, in the file."""
        call = self.runner._legs.get(leg)
        if call is None or not isinstance(call.state, IntakeState):
            return  # they hung up, or the fall-back has them
        database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        found = database.execute(
            "SELECT phone, office_no, state FROM request WHERE id = ?", (call.state.request_id,)
        ).fetchone()
        database.close()
        assert found is not None, "1 was pressed, and nobody is on the list"
        assert found[0] in (call.state.caller, None)
        assert found[1] == call.record.office_no
        assert found[2] in set(OPEN)
        self.pressed += 1

    async def staff_at_work(self, deadly: bool) -> None:
        """Whoever is rung listens and presses 1, mostly; talks end, and results are written."""
        for number in self._staff_phones():
            if self.line.playing(number):
                self._answer_the_whisper(number)
                await self.act(deadly=deadly and self.chance.random() < 0.2)
        for number in ALL_CALLERS:
            if self.line.playing(number):  # a screen: who is rung is asked first
                self.line.press(number, self.chance.choices("1925", (80, 4, 8, 8))[0])
                await self.act(deadly=False)
        self.clock.advance(timedelta(minutes=self.chance.randrange(1, 12)))
        for number in self._staff_phones():
            if self.line.is_up(number) and self.chance.random() < 0.8:
                self.line.hang_up(number)
                await self.act(deadly=deadly and self.chance.random() < 0.2)
        for request in await self.requests(RequestState.RESULT_DUE):
            if self.chance.random() < 0.8:
                result = self.chance.choices(list(CallResult), (70, 10, 20))[0]
                write = partial(self.desk.record_result, request.id, request.claimed_by or "", result)
                await self.act(write, deadly=deadly and self.chance.random() < 0.2)

    def _answer_the_whisper(self, number: str) -> None:
        does = self.chance.random()
        if does < 0.8:
            self.line.press(number, "1")
        elif does < 0.9:
            self.line.silence(number)
        else:
            self.line.hang_up(number)

    async def click(self, deadly: bool) -> None:
        """Two colleagues press Ring on the same request, or on another; now and then one is decided or given away."""
        requests = await self.requests(*OPEN)
        if not requests:
            return
        request = self.chance.choice(requests)
        office = [p for p in self.config.people if p.office_no == request.office_no and p.has_telephone]
        one, other = self.chance.sample(office, 2)
        match self.chance.randrange(10):
            case 0:
                doing: Callable[[], Awaitable[object]] = partial(
                    self.desk.decide, request.id, one.id, "brev sendt", "brev"
                )
            case 1:
                doing = partial(self.desk.reassign, request.id, other.id, one.id)
            case 2:
                doing = partial(self.desk.claim, request.id, one.id)
            case _:
                doing = partial(self._click_at_once, request.id, one.id, other.id)
        await self.act(doing, deadly=deadly)

    async def _click_at_once(self, request_id: str, *people: str) -> None:
        await asyncio.gather(*(self.dispatch.ring(request_id, p) for p in people), return_exceptions=True)

    async def come_and_go(self) -> None:
        """Who takes calls, and how telephones are answered."""
        for person in self.config.people:
            if person.has_telephone:
                ready = self.chance.random() < 0.6
                await self.act(partial(self.desk.set_ready, person.id, ready), deadly=False)
                for number in self.config.telephones(person):
                    self._behave(number, _STAFF_DOES)
        for number in ALL_CALLERS:
            self._behave(number, _CALLER_DOES)

    def _behave(self, number: str, habits: dict[Behaviour, int]) -> None:
        self.line.behave(number, *self.chance.choices(list(habits), list(habits.values()), k=3))

    def _staff_phones(self) -> list[str]:
        return [number for person in self.config.people for number in self.config.telephones(person)]

    async def take_all_calls(self) -> None:
        for person in self.config.people:
            if person.has_telephone:
                await self.desk.set_ready(person.id, ready=True)

    async def talk_to_everybody(self) -> None:
        """Whoever is rung accepts, and each talk helps."""
        for number in (*self._staff_phones(), *ALL_CALLERS):
            if self.line.playing(number):
                self.line.press(number, "1")
                await self.rest()
        self.clock.advance(timedelta(minutes=2))
        for number in self._staff_phones():
            self.line.hang_up(number)
        await self.rest()
        for request in await self.requests(RequestState.RESULT_DUE):
            await self.desk.record_result(request.id, request.claimed_by or "", CallResult.REACHED)

    async def sweep(self, deadly: bool) -> None:
        await self.act(self.dispatch.sweep, deadly=deadly)

    async def requests(self, *states: RequestState) -> list[CallbackRequest]:
        return await self.desk.find(RequestQuery(states=frozenset(states), limit=10_000))

    # ---- what must hold

    def look(self) -> None:
        """Read past the service, from the file itself."""
        assert not self.line.wrong, self.line.wrong
        database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            self._look_at(database)
        finally:
            database.close()

    def _look_at(self, database: sqlite3.Connection) -> None:
        open_states = tuple(state.value for state in OPEN)
        marks = ", ".join("?" * len(open_states))
        lost = f"SELECT id FROM request WHERE state IN ({marks}) AND next_attempt_at IS NULL"
        assert not database.execute(lost, open_states).fetchall(), "an open request without a next moment"
        rows = database.execute("SELECT id, registered_at, answer_by_date, due_at, urgency FROM request")
        now = {row[0]: row[1:] for row in rows}
        assert now.keys() >= self._clocks.keys(), "a request is gone"
        for request_id, (registered, answer_by, due, _) in self._clocks.items():
            after = now[request_id]
            assert after[:2] == (registered, answer_by), "a clock was set anew"
            assert after[2] == due or (after[2] < due and after[3] != self._clocks[request_id][3])
        self._clocks = now
        attempts = {row[0] for row in database.execute("SELECT id FROM attempt")}
        assert attempts >= self._attempts, "an attempt is gone"
        assert attempts >= set(self.line.rung), "somebody was rung, and no attempt says so"
        assert all(times == 1 for times in self.line.rung.values()), "one attempt rang twice"
        self._attempts = attempts
        (lines,) = database.execute("SELECT count(*) FROM ledger").fetchone()
        assert lines >= self._lines, "a line of the ledger is gone"
        self._lines = lines
