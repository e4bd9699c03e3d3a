"""Wait for something to become true, with a limit. Tests must never sleep and hope instead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")
_STEP: Final = 0.02


async def until(look: Callable[[], T | None], timeout: float = 10.0, what: str = "") -> T:
    """Call `look` until it answers something true, and answer that; fail after `timeout` seconds."""

    async def ask() -> T | None:
        return look()

    return await until_answered(ask, timeout, what)


async def until_answered(
    ask: Callable[[], Awaitable[T | None]], timeout: float = 10.0, what: str = "", every: float = _STEP
) -> T:
    """The same for a question that has to be awaited. `every`: seconds between two, for one that costs much."""
    deadline = time.monotonic() + timeout
    while not (value := await ask()):
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout} s: {what or ask}")
        await asyncio.sleep(every)
    return value
