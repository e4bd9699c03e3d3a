"""Every way to a promise, and callers who never give up: how few keys it takes, and that it ends.

Any caller at all, over the line and with the real list, is in tests/integration/test_any_caller.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from config.menu import Menu
from tests.offices import shipped_menus
from tests.unit.intake_caller import CALLER, CLOSED, FOUND, OFFICE, Caller

MENUS = shipped_menus()
SILENCE = "-"
MOST_ANSWERS = 250
"""Of one caller in one call, whatever they answer; whoever wants something is done with ten."""
OBSTINATE = [
    *"0123456789*",
    *(f"{key}{other}" for key in "*9-" for other in "9-" if key != other),
    *("3-", "21", "22", "23"),
    *(f"12 {again}" for again in ("2-", "31", "35", "4", "51", "5-", "2*", "22", "29")),
    *(f"11 {again}" for again in ("*", "9-", "9")),
    *(f"3 {again}" for again in ("2-", "31", "4", "51", "91", "9-", "19")),
    *("122 N2", "122 N*2"),
]
"""What is done again and again, after what stands before the space."""


NOBODY_ON_DUTY = replace(OFFICE, on_call=None)


def ways(menu: Menu, keys: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The shortest answers that lead on from here to a promise, from a caller who means what they press: 1 in the
    greeting, then every answer there is."""
    caller = Caller(office=NOBODY_ON_DUTY, menu=menu).keys(*keys)
    if caller.state.promised:
        yield keys
    elif len(keys) < 5:
        for key in "1" if not keys else "1234":
            before = caller.state.mistakes
            after = Caller(office=NOBODY_ON_DUTY, menu=menu).keys(*keys, key)
            if after.state.promised or after.state.mistakes == before:
                yield from ways(menu, (*keys, key))


@pytest.mark.parametrize("menu", MENUS)
def test_at_most_three_keys_to_a_promise(menu: str) -> None:
    """Every way from 1 to the promise for a known number: the shortest has two keys, the urgent ones three."""
    found = {len(way) for way in ways(MENUS[menu], ())}
    assert found == {2, 3}


@pytest.mark.parametrize("menu", MENUS)
@pytest.mark.parametrize("office", [OFFICE, CLOSED], ids=["open", "closed"])
@pytest.mark.parametrize("what", OBSTINATE)
def test_every_call_ends(menu: str, office: object, what: str) -> None:
    """Whoever does the same again and again is let go in the end: with the promise, or off the list by their wish."""
    way, _, again = what.rpartition(" ")
    caller = Caller(
        CALLER, CLOSED if office is CLOSED else OFFICE, FOUND if way == "3" else None, MENUS[menu]
    )
    answers = [*way, *list(again) * MOST_ANSWERS]
    for answer in answers[:MOST_ANSWERS]:
        if caller.over or caller.state.node == "dialling":
            break
        number = answer == "N"
        if number and caller.prompt.digits == 1:
            continue
        caller.keys(SILENCE if caller.prompt.digits == 0 else "40001234" if number else answer)
    assert caller.over or caller.state.node == "dialling"
    if caller.over:
        assert caller.state.promised or caller.state.withdrawn
