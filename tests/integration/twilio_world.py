"""An office on the fake Twilio: desk, dispatch, runner and the driver, on a list and legs that outlive them; and people who
do what people do. The service can be killed in the middle of anything it writes or asks."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Coroutine, Iterable
from datetime import timedelta
from typing import Any

from callback.desk import Desk
from callback.dispatch import Dispatch
from callback.request import CallbackError, CallbackRequest, RequestState
from callback.store import RequestQuery
from callback.store_memory import MemoryStore
from callback.store_twilio import LegRow, MemoryLegs
from config.model import Config
from hardware.line import LineError
from hardware.lines import Lines
from hardware.twilio.account import Account, Timing
from hardware.twilio.line import TwilioLine
from hardware.twilio.twiml import fallback
from ivr.runner import Runner
from ivr.sound import RATE, wav_bytes
from scheduler.clock import ManualClock
from tests.contract.line_rig_twilio import SID, TOKEN, free_port
from tests.e2e.waiting import until
from tests.fake_twilio.call import Call
from tests.fake_twilio.server import FakeTwilio
from tests.offices import CALLER, MONDAY, config

FALLBACK = "+4740000001"
_HURRY = Timing(
    answer=timedelta(seconds=1),
    beat=timedelta(seconds=0.3),
    hold=timedelta(seconds=0.05),
    offered=timedelta(seconds=2),
    idle=timedelta(seconds=1),
    patience=timedelta(seconds=10),
    silent=timedelta(seconds=0.3),
    looks=(0.05, 0.1, 0.3),
    pauses=(0.1, 0.1, 0.3),
    listens=0.2,
)


class Mortal:
    """Counts what the service does that leaves a trace, and ends it at the step it was told: from then on it does nothing."""

    def __init__(self) -> None:
        self.steps = 0
        self.dies_at: int | None = None
        self.is_dead = asyncio.Event()
        self.on_death: Callable[[], None] = lambda: None
        self._hang: asyncio.Future[None] | None = None

    async def step(self) -> None:
        self.steps += 1
        if self.steps == self.dies_at:
            self.is_dead.set()
            self.on_death()
            self._hang = asyncio.get_running_loop().create_future()
        if self._hang is not None:
            await self._hang

    def clear_away(self) -> None:
        """What hung is gone."""
        self.dies_at = None
        if self._hang is not None:
            self._hang.cancel()
            self._hang = None


class MortalLegs(MemoryLegs):
    mortal: Mortal

    async def save(self, *rows: LegRow) -> None:
        await self.mortal.step()
        await super().save(*rows)
        await self.mortal.step()


class MortalStore(MemoryStore):
    mortal: Mortal

    async def save_call(self, record: Any) -> None:
        await self.mortal.step()
        await super().save_call(record)
        await self.mortal.step()


async def _silence(item: str, etag: str | None) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "audio/wav"}, wav_bytes(array("h", bytes(2 * RATE)))


class TwilioWorld:
    def __init__(self, speed: float = 8.0, office: Config | None = None, **account: Any) -> None:
        self.config = office or config()
        self.clock = ManualClock(MONDAY)
        self.store = MortalStore()
        self.legs = MortalLegs()
        self.mortal = self.legs.mortal = self.store.mortal = Mortal()
        self.mortal.on_death = self._cut_connections
        self.fake = FakeTwilio(SID, TOKEN, speed)
        self.fake.now = self.clock.now
        self.fake.pause = 4.0
        self.account = account
        self.timing = _HURRY
        self.talks: list[Call] = []
        """Calls of the caller that were conversations."""
        self.hangs_up = CALLER
        """Who ends a conversation."""
        self.reaches = 0.0
        """So many of Twilio's seconds people need to pick up."""
        self._people: list[asyncio.Task[None]] = []

    async def open(self) -> TwilioWorld:
        await self.store.open()
        self.fake.bin = fallback(FALLBACK)
        await self.fake.start()
        self.port = free_port()
        base = f"http://127.0.0.1:{self.port}"
        self.fake.voice_url, self.fake.voice_fallback = (
            f"{base}/tw/voice#rc=3&rp=ct,rt,5xx&tt=14000",
            f"{self.fake.url}/bin",
        )
        self.fake.number_status = f"{base}/tw/status"
        given = {"calls_per_second": 200.0, "sip": "pbx.example.org", "api_url": self.fake.url}
        self.account = Account(SID, TOKEN, base, "127.0.0.1", self.port, **(given | self.account))  # type: ignore[assignment]
        await self.boot()
        return self

    async def boot(self) -> None:
        self.desk = Desk(self.store, self.config, self.clock)
        self.line = TwilioLine(
            self.account,
            self.legs,
            self.clock,
            _silence,
            lambda number: FALLBACK,
            timing=self.timing,
        )
        lines = Lines({"twilio": self.line}, lambda number: "twilio", lambda office: "twilio")
        self.runner = Runner(lines, "twilio", self.desk)
        self.dispatch = Dispatch(self.desk, self.runner)
        await self.runner.take_up()
        await self.dispatch.sweep(patience=timedelta(0))
        await self.runner.start()
        try:
            await until(lambda: self.line.status().up, 10, "the line is up")
        except AssertionError:
            raise AssertionError(f"not up: {self.line.status()}, step {self.mortal.steps}") from None

    def _cut_connections(self) -> None:
        """As the operating system does for a process that is gone."""
        listener = self.line.listener._runner
        if listener is not None and listener.server is not None:
            for site in list(listener.sites):
                site._server.close()  # type: ignore[attr-defined]
            for connection in list(listener.server.connections):
                if connection.transport is not None:
                    connection.transport.abort()

    async def reboot(self) -> None:
        """After a kill: what was is cleared away, as an operating system does, and a new service starts."""
        await self.runner.stop()
        self.mortal.clear_away()
        self.mortal.is_dead.clear()
        await self.boot()

    async def close(self) -> None:
        for task in self._people:
            task.cancel()
        await self.runner.stop()
        await self.fake.stop()
        await self.store.close()

    # ---- people

    def _person(self, work: Any) -> None:
        self._people.append(asyncio.get_running_loop().create_task(work))

    def staff_answers(self, number: str = "201") -> None:
        """Whenever it rings: picks up, and presses 1 when asked."""
        self._person(self._answers(number, "1"))

    def caller_answers(self) -> None:
        self._person(self._answers(CALLER, ""))

    async def _answers(self, number: str, key: str) -> None:
        while True:
            if number in self.fake.ringing:
                call = self.fake.ringing[number]
                await self.fake.seconds(self.reaches)
                if call.over:
                    continue
                self.fake.answer(number)
                while not call.over:
                    if key and call.keys is not None and call.heard:
                        call.keys.press(key)
                    if self.fake.talking(call) and number == CALLER and call not in self.talks:
                        self.talks.append(call)
                        self._person(self._talks(call))
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)

    async def _talks(self, call: Call) -> None:
        await self.fake.seconds(6)
        self.fake.hang_up(self.hangs_up)

    async def presses_when_asked(self, call: Call, key: str) -> None:
        await until(lambda: call.keys is not None or call.over, 10, f"listens for {key}")
        listening = call.keys
        if listening is not None:
            listening.press(key)
        await until(lambda: call.keys is not listening or call.over, 10)

    async def _until_dead(self, work: Coroutine[Any, Any, object]) -> None:
        """What is under way when the service dies is never finished."""
        doing = asyncio.ensure_future(work)
        dead = asyncio.ensure_future(self.mortal.is_dead.wait())
        await asyncio.wait({doing, dead}, return_when=asyncio.FIRST_COMPLETED)
        dead.cancel()
        if doing.done():
            doing.result()
        else:
            doing.cancel()

    # ---- looking

    async def the_request(self) -> CallbackRequest:
        (request,) = await self.desk.find(RequestQuery())
        return request

    async def rings_until(self, state: RequestState) -> CallbackRequest:
        """A colleague clicks Ring whenever the request is free, until it is in that state; killed services start again."""
        loop = asyncio.get_running_loop()
        end = loop.time() + 30
        while loop.time() < end:
            if self.mortal.is_dead.is_set():
                await self.reboot()
            try:
                request = await self.the_request()
                if request.state is state:
                    return request
                free = "201" not in self.fake.busy
                if free and request.state in (RequestState.WAITING, RequestState.UNREACHABLE):
                    self.clock.advance(timedelta(minutes=11))
                    await self._until_dead(self.dispatch.ring(request.id, "kari"))
            except (CallbackError, LineError):
                pass
            await asyncio.sleep(0.03)
        raise AssertionError(f"not {state}: {await self.the_request()}")


async def world_of(work: Callable[[TwilioWorld], Any], **options: Any) -> None:
    world = await TwilioWorld(**options).open()
    try:
        await work(world)
    finally:
        await world.close()


async def side_by_side(works: Iterable[Coroutine[Any, Any, None]], at_once: int = 12) -> None:
    """All of them, several at a time, each in a world of its own; fails with everything that failed."""
    limit = asyncio.Semaphore(at_once)

    async def one(work: Coroutine[Any, Any, None]) -> None:
        async with limit:
            await work

    came = await asyncio.gather(*map(one, works), return_exceptions=True)
    failed = [f"{error!r}"[:600] for error in came if error is not None]
    assert not failed, "\n".join(failed)
