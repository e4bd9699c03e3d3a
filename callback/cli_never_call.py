"""What the command line does with numbers that are never called: `tast1 never-call check`, `add`, `remove`.

Takes what it needs, returns the text to print. Never prints, keeps or logs the number.
"""

from __future__ import annotations

from callback.desk import Desk
from callback.numbers import caller_number

ACTOR = "command_line"


async def check(desk: Desk, number: str) -> str:
    """Raises ValueError for what is no number, as the others do."""
    if await desk.is_never_called(read_number(number)):
        return "This number is never called."
    return "This number may be called."


async def add(desk: Desk, number: str) -> str:
    await desk.never_call(read_number(number), ACTOR)
    return "This number is never called from now on."


async def remove(desk: Desk, number: str) -> str:
    if await desk.may_call_again(read_number(number), ACTOR):
        return "This number may be called again."
    return "This number was not on the list of those never called."


VERBS = (
    ("check", "whether a number is never called", check),
    ("add", "never call a number from now on", add),
    ("remove", "let a number be called again", remove),
)


def read_number(raw: str) -> str:
    """As E.164. Raises ValueError for what is no number."""
    phone = caller_number(raw)
    if phone is None:
        raise ValueError("not a telephone number; write 8 digits, or + and the country code")
    return phone
