"""The telephones around the fake Twilio, and how its calls begin and end."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from tests.fake_twilio.call import Call, Conference

_BEHAVIOURS = {
    "busy": ("busy", 486),
    "decline": ("no-answer", 603),
    "invalid": ("failed", 404),
    "fail": ("failed", 503),
}


class Network:
    """Who rings whom. `speed`: so many of Twilio's seconds pass in one of ours."""

    def __init__(self, account: str, speed: float) -> None:
        self.account = account
        self.speed = speed
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.calls: dict[str, Call] = {}
        self.behaviours: dict[str, str] = {}
        """By number: busy, decline, ignore, invalid, fail; others ring until somebody answers."""
        self.ringing: dict[str, Call] = {}
        self.busy: dict[str, Call] = {}
        """The call of each telephone that is in use."""
        self.call_waiting = False
        """A telephone that is in use rings all the same; nobody takes the second call."""
        self.conferences: dict[str, Conference] = {}
        self.voice_url = self.voice_fallback = self.number_status = ""
        """The settings of our number."""
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def _execute(self, call: Call, url: str, form: dict[str, str]) -> None:
        """Ask for documents and do as they say, until there are no more."""

    @abstractmethod
    def _status(self, call: Call, event: str) -> None:
        """Tell the status callback, if it wants to hear of it."""

    async def seconds(self, twilios: float) -> None:
        await asyncio.sleep(twilios / self.speed)

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # ---- telephones

    def call_in(self, number: str, to: str, *, withheld: bool = False) -> Call:
        """Somebody rings a number of ours."""
        shown = "+266696687" if withheld else number
        call = Call(
            self.account, to, shown, "inbound", self.voice_url, self.voice_fallback, self.number_status
        )
        call.status = "ringing"
        call.created = self.now()
        self.calls[call.sid] = self.busy[number] = call
        call.runs = self.start_task(self._execute(call, call.url, {}))
        return call

    def answer(self, number: str) -> None:
        self.ringing[number].picked_up.set()

    def press(self, call: Call, key: str) -> None:
        if call.keys is not None:
            call.keys.press(key)

    def hang_up(self, number: str) -> None:
        """Also: decline while it rings."""
        call = self.busy.get(number)
        if call is None:
            return
        if call.direction == "inbound" or call.status == "in-progress":
            self.end(call, "completed" if call.status == "in-progress" else "no-answer")
        else:
            self.end(call, "no-answer", 603)

    # ---- calls

    def place(self, call: Call) -> None:
        call.created = self.now()
        self.calls[call.sid] = call
        call.runs = self.start_task(self._ring(call))

    async def _ring(self, call: Call) -> None:
        number = call.to.removeprefix("sip:").partition("@")[0]
        await self.seconds(0.05)
        self._status(call, "initiated")
        in_use = number in self.busy
        behaviour = "busy" if in_use and not self.call_waiting else self._behaviour(number)
        if behaviour in _BEHAVIOURS:
            self.end(call, *_BEHAVIOURS[behaviour])
            return
        if not in_use:
            self.busy[number] = self.ringing[number] = call
        call.status = "ringing"
        self._status(call, "ringing")
        try:
            if not await self._is_answered(call, number):
                self.end(call, "no-answer", 487)
                return
        finally:
            if not in_use:
                self.ringing.pop(number, None)
        call.status = "in-progress"
        self._status(call, "answered")
        await self._execute(call, call.url, {})

    def _behaviour(self, number: str) -> str:
        return self.behaviours.get(number, "ring")

    async def _is_answered(self, call: Call, number: str) -> bool:
        """Whether somebody picks up while it rings."""
        try:
            async with asyncio.timeout(call.timeout / self.speed):
                return await call.picked_up.wait()
        except TimeoutError:
            return False

    def redirect(self, call: Call, url: str) -> None:
        """Stop what it hears, and go on there."""
        if call.runs is not None:
            call.runs.cancel()
        self._leave(call)
        call.keys = None
        call.runs = self.start_task(self._execute(call, url, {}))

    def end(self, call: Call, status: str, sip: int | None = None) -> None:
        if call.over:
            return
        call.status, call.sip = status, sip
        for phones in (self.busy, self.ringing):
            for number in [number for number, one in phones.items() if one is call]:
                del phones[number]
        self._leave(call)
        if call.runs is not None and call.runs is not asyncio.current_task():
            call.runs.cancel()
        self._status(call, "completed")

    def enter(self, name: str, call: Call, most: int) -> Conference:
        conference = self.conferences.setdefault(name, Conference(name, most=most))
        assert len(conference.inside) < conference.most, "a third in a conference of two"
        conference.inside.append(call)
        return conference

    def _leave(self, call: Call) -> None:
        """Every one of ours ends it with their leaving."""
        for conference in list(self.conferences.values()):
            if call in conference.inside:
                conference.inside.remove(call)
                conference.ended.set()
                self.conferences.pop(conference.name, None)

    def talking(self, call: Call) -> bool:
        return any(call in one.inside and len(one.inside) == 2 for one in self.conferences.values())
