"""What the command line does with numbers that get no SMS: `tast1 no-sms check`, `add`, `remove`.

Takes what it needs, returns the text to print. Never prints, keeps or logs the number.
"""

from __future__ import annotations

from callback.cli_never_call import ACTOR, read_number
from callback.desk import Desk


async def check(desk: Desk, number: str) -> str:
    """Raises ValueError for what is no number, as the others do."""
    if await desk.gets_no_sms(read_number(number)):
        return "This number gets no SMS. It may be called."
    return "This number may get SMS."


async def add(desk: Desk, number: str) -> str:
    await desk.no_sms(read_number(number), ACTOR)
    return "This number gets no SMS from now on. It may be called."


async def remove(desk: Desk, number: str) -> str:
    if await desk.sms_again(read_number(number), ACTOR):
        return "This number may get SMS again. Who answered STOP must answer START too."
    return "This number was not on the list of those that get no SMS."


VERBS = (
    ("check", "whether a number gets no SMS", check),
    ("add", "send a number no SMS from now on", add),
    ("remove", "let a number get SMS again", remove),
)
