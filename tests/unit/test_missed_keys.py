"""Keys that no AGI command listened for: found when they were missed, never made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hardware.asterisk.missed_keys import MissedKeys


def test_what_was_told_and_not_taken() -> None:
    """Each once, in order."""
    keys = MissedKeys()
    for key in "123":
        keys.told(key)
    keys.taken("1")
    assert keys.missed() == "23"
    assert keys.missed() == ""


def test_the_events_may_lag() -> None:
    """What was taken before it was told of is not missed."""
    keys = MissedKeys()
    keys.taken("12#")
    keys.told("1")
    assert keys.missed() == ""
    keys.told("2")
    keys.told("#")
    assert keys.missed() == ""
    keys.told("5")
    assert keys.missed() == "5"


def test_two_accounts_that_disagree() -> None:
    """Then nothing was missed, for the rest of the call."""
    keys = MissedKeys()
    keys.taken("1")
    keys.told("2")
    keys.told("3")
    assert keys.missed() == ""
    keys.taken("3")
    assert keys.missed() == ""


def test_what_was_meant_for_others() -> None:
    """Keys pressed in a conversation are forgotten; after a command that did not say what it took, all are."""
    keys = MissedKeys()
    keys.told("4")
    keys.forget()
    assert keys.missed() == ""
    keys.distrust()
    keys.told("4")
    assert keys.missed() == ""


@given(st.lists(st.tuples(st.sampled_from("0123456789*#"), st.booleans(), st.booleans())))
def test_no_key_counts_twice(presses: list[tuple[str, bool, bool]]) -> None:
    """Pressed keys of which some are taken, with events that come at any later time: what is taken and what is missed
    are together at most what was pressed, in its order."""
    keys, late = MissedKeys(), ""
    counted = ""
    for key, listened, on_time in presses:
        late += key
        if listened:
            keys.taken(key)
            counted += key
        if on_time:
            for told in late:
                keys.told(told)
            late = ""
        counted += keys.missed()
    rest = iter("".join(key for key, _, _ in presses))
    assert all(key in rest for key in counted)
