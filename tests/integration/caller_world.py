"""The whole service but for its pages, on a simulated exchange, played step by step from outside an event loop.

For tests that need no time to pass: every step is carried out to its end before the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from structlog.testing import capture_logs

from callback.desk import Desk
from callback.dispatch import Dispatch
from callback.request import OPEN, AttemptOutcome, CallbackRequest
from callback.store import StoreUnavailable
from callback.store_memory import MemoryStore
from config.model import Config
from hardware.line import Abandon, Answer, Command, Dial, Hangup, Originate, Prompt, PromptInfo
from hardware.simulated.leg import Leg
from hardware.simulated.line import SimulatedLine
from ivr import runner
from ivr.prompts import Catalogue
from ivr.runner import Runner
from scheduler.clock import ManualClock
from tests.offices import MONDAY

CATALOGUE = Catalogue.load()
SECONDS_A_CHARACTER = 0.07
T = TypeVar("T")


@dataclass(slots=True)
class Heard:
    """What the service did with one leg, in order."""

    prompts: list[Prompt] = field(default_factory=list)
    dialled: list[Dial] = field(default_factory=list)
    rung: int = 0
    hung_up: bool = False
    abandoned: bool = False


class ListenedLine(SimulatedLine):
    """The simulated line, with somebody listening to every leg."""

    def __init__(self, clock: ManualClock, listen: Callable[[Prompt], None]) -> None:
        super().__init__(clock, lambda item: PromptInfo(CATALOGUE.text(item), timedelta(0)), timers=False)
        self._listen = listen
        self.heard_by: dict[str, Heard] = {}

    async def send(self, command: Command) -> None:
        self._note(command)
        await super().send(command)

    def _note(self, command: Command) -> None:
        heard = self.heard_by.setdefault(command.leg, Heard())
        match command:
            case Prompt():
                heard.prompts.append(command)
                self._listen(command)
            case Dial():
                heard.dialled.append(command)
            case Hangup():
                heard.hung_up = True
            case Abandon():
                heard.abandoned = True
            case Originate():
                heard.rung += 1
            case Answer():
                pass

    def leg(self, leg_id: str) -> Leg | None:
        return self._legs.get(leg_id)

    @property
    def legs_up(self) -> int:
        return len(self._legs)


class CallerWorld:
    """One service over one exchange. `close` it."""

    def __init__(self, config: Config, listen: Callable[[Prompt], None]) -> None:
        self._stack = contextlib.ExitStack()
        self._loop = self._stack.enter_context(asyncio.Runner()).get_loop()
        self._loop.set_exception_handler(lambda _, context: self.accidents.append(str(context)))
        self.logs = self._stack.enter_context(capture_logs())
        self.accidents: list[str] = []
        self.clock = ManualClock(MONDAY)
        self.store = MemoryStore()
        self.line = ListenedLine(self.clock, listen)
        self._config = config
        self._attempts = 0
        self._boot()
        self.do(self._open())

    def _boot(self) -> None:
        self.desk = Desk(self.store, self._config, self.clock)
        self.runner = Runner(self.line, "simulated", self.desk)
        self.dispatch = Dispatch(self.desk, self.runner)

    async def _open(self) -> None:
        await self.store.open()
        await self.runner.start()

    def close(self) -> None:
        self.do(self.runner.stop())
        self.do(self.store.close())
        self._stack.close()

    def do(self, act: Coroutine[Any, Any, T] | Callable[[], T]) -> T:
        """Act, and let everything happen that comes of it."""

        async def act_and_settle() -> T:
            result = await act if asyncio.iscoroutine(act) else act()  # type: ignore[operator]
            await _settle()
            return result  # type: ignore[no-any-return]

        return self._loop.run_until_complete(act_and_settle())

    def restart(self) -> None:
        """The service dies and comes back; the exchange goes on."""
        self.do(self.runner.stop())
        self._boot()
        self.do(self.runner.take_up())
        self.do(self.dispatch.sweep(patience=timedelta(0)))
        self.do(self.runner.start())

    @contextlib.contextmanager
    def stuttering(self) -> Iterator[None]:
        """The store fails once before and once after each of the next two things it is asked to write."""
        real = {name: getattr(self.store, name) for name in ("register", "save")}
        left = dict.fromkeys(real, 2)

        def failing(name: str) -> Callable[..., Any]:
            async def write(*args: Any, **named: Any) -> Any:
                left[name] -= 1
                if left[name] == 1:
                    raise StoreUnavailable("locked")
                result = await real[name](*args, **named)
                if left[name] == 0:
                    raise StoreUnavailable("the answer is lost")
                return result

            return write

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runner, "_STORE_PAUSE", 0)
            for name in real:
                patch.setattr(self.store, name, failing(name))
            yield

    # ---- the list

    def requests(self) -> list[CallbackRequest]:
        """All there are, also from inside a step."""
        return [self.store._whole(request) for request in self.store._requests.values()]

    def open_now(self) -> list[CallbackRequest]:
        return [request for request in self.requests() if request.state in OPEN]

    def is_rung(self, phone: str) -> bool:
        """Nobody there asked us not to; also from inside a step."""
        key = self.store._secrets["number_hash"].encode()
        return hmac.digest(key, phone.encode(), "sha256").hex() not in self.store._never_call

    def ring_in_vain(self, request: CallbackRequest) -> None:
        """A caseworker rings them, and nobody answers."""
        attempt = self.begin_to_ring(request)
        self.do(self.desk.attempt_ringing(attempt))
        self.do(self.desk.end_attempt(attempt, AttemptOutcome.NO_ANSWER))

    def begin_to_ring(self, request: CallbackRequest) -> str:
        self._attempts += 1
        attempt = f"a{self._attempts}"
        self.do(self.desk.start_attempt(request.id, "kari", attempt))
        return attempt


async def _settle() -> None:
    """Nothing waits for anything but the outside world any more."""
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    for _ in range(10_000):
        await asyncio.sleep(0)
        if not ready:
            return
    raise AssertionError("it never comes to rest")


def length(prompt: Prompt) -> timedelta:
    """About how long it is heard, with the silence after it."""
    words = sum(len(CATALOGUE.text(item)) for item in prompt.items)
    silence = prompt.timeout if prompt.digits else timedelta(0)
    return timedelta(seconds=words * SECONDS_A_CHARACTER) + silence
