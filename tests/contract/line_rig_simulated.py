"""The simulated network as a rig for the contract suite. It must never use what a real exchange does not have."""

from __future__ import annotations

from datetime import timedelta

from hardware.line import LineRestored, PromptInfo
from hardware.simulated.line import Behaviour, SimulatedLine
from scheduler.clock import SystemClock
from tests.contract.line_rig import Handle, LineRig

_LENGTH = timedelta(seconds=0.3)


def prompt_info(item: str) -> PromptInfo:
    return PromptInfo(f"words of {item}", _LENGTH)


class SimulatedRig(LineRig[str | None]):
    """A handle's call is the id of the leg."""

    name = "simulated"
    line: SimulatedLine

    async def open(self) -> None:
        self.line = SimulatedLine(SystemClock(), prompt_info)
        await self.line.start(self.sink)
        await self.event(LineRestored)

    async def close(self) -> None:
        await self.line.stop()

    async def call_in(self, to: str, caller: str | None) -> Handle[str | None]:
        number = caller or "+4740099999"
        self.line.dial(number, to, withhold=caller is None)
        return Handle(number, self.line.leg_of(number))

    async def press(self, handle: Handle[str | None], keys: str) -> None:
        for key in keys:
            self.line.press(handle.number, key)

    async def hang_up(self, handle: Handle[str | None]) -> None:
        self.line.hang_up(handle.number)

    async def expect_ring(self, number: str) -> Handle[str | None]:
        await self.until(lambda: self.line.is_ringing(number), f"{number} rings")
        return Handle(number, self.line.leg_of(number))

    async def answer(self, handle: Handle[str | None]) -> None:
        self.line.answer(handle.number)

    async def answered(self, handle: Handle[str | None]) -> None:
        await self.until(lambda: self.line.is_up(handle.number), "the call is up")

    def is_over(self, handle: Handle[str | None]) -> bool:
        return self.line.leg_of(handle.number) != handle.call

    async def shown(self, handle: Handle[str | None]) -> str:
        return self.line.shown_to(handle.number)

    async def busy(self, number: str) -> None:
        self.line.behave(number, Behaviour.BUSY)

    async def decline(self, number: str) -> None:
        self.line.behave(number, Behaviour.DECLINE)

    async def ignore(self, number: str) -> None:
        self.line.behave(number, Behaviour.NO_ANSWER)

    async def invalid(self, number: str) -> None:
        self.line.behave(number, Behaviour.INVALID)

    async def fail(self, number: str) -> None:
        self.line.behave(number, Behaviour.FAIL)

    def length(self, item: str) -> timedelta:
        return _LENGTH

    async def has_heard(self, handle: Handle[str | None], item: str) -> bool:
        return item in self.line.heard(handle.number)

    async def hear_each_other(self, one: Handle[str | None], other: Handle[str | None]) -> None:
        """Who is joined does: there is no sound here."""
        assert [self.is_over(one), self.is_over(other)] == [False, False]

    async def lose(self) -> None:
        self.line.lose()

    async def restore(self) -> None:
        self.line.restore()

    async def start_line(self) -> None:
        self.forget()
        await self.line.start(self.sink)
