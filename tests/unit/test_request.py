"""The life cycle of a request: every state, every event."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callback.request import (
    OPEN,
    TERMINAL,
    URGENT_REASONS,
    AttemptOutcome,
    CallResult,
    IllegalTransition,
    NumberSource,
    Reason,
    RequestEvent,
    RequestState,
    next_state,
)
from tests.contract.store_factory import T0, new_attempt, new_request

S, E = RequestState, RequestEvent

LIFE_CYCLE = {
    S.WAITING: {
        E.CLAIMED: S.CLAIMED,
        E.CALL_STARTED: S.CALLING,
        E.WITHDRAWN: S.WITHDRAWN,
        E.DECIDED: S.DECIDED,
    },
    S.UNREACHABLE: {
        E.CLAIMED: S.CLAIMED,
        E.CALL_STARTED: S.CALLING,
        E.WITHDRAWN: S.WITHDRAWN,
        E.DECIDED: S.DECIDED,
        E.RESULT_REACHED: S.REACHED,  # a talk that our own line cut
    },
    S.CLAIMED: {
        E.RELEASED: S.WAITING,
        E.CALL_STARTED: S.CALLING,
        E.WITHDRAWN: S.WITHDRAWN,
        E.DECIDED: S.DECIDED,
    },
    S.CALLING: {E.CALL_MISSED: S.UNREACHABLE, E.CALL_TALKED: S.RESULT_DUE},
    S.RESULT_DUE: {
        E.RESULT_REACHED: S.REACHED,
        E.RESULT_RING_AGAIN: S.UNREACHABLE,
        E.CALL_STARTED: S.CALLING,
        E.WITHDRAWN: S.WITHDRAWN,
        E.DECIDED: S.DECIDED,
    },
    S.REACHED: {},
    S.WITHDRAWN: {},
    S.DECIDED: {},
}
"""Written out a second time on purpose: a slip in the table must meet a reader here."""


@pytest.mark.parametrize("event", RequestEvent)
@pytest.mark.parametrize("state", RequestState)
def test_every_state_and_event(state: RequestState, event: RequestEvent) -> None:
    """A request goes where the life cycle says; anything else raises and names state and event."""
    request = new_request(state=state)
    wanted = LIFE_CYCLE[state].get(event)
    if wanted is not None:
        assert next_state(request, event) is wanted
        return
    with pytest.raises(IllegalTransition, match=rf"\b{state}\b.*\b{event}\b"):
        next_state(request, event)


@pytest.mark.parametrize("state", RequestState)
def test_ended_means_three_states(state: RequestState) -> None:
    """A request is open unless it is reached, withdrawn or decided."""
    ended = state in {S.REACHED, S.WITHDRAWN, S.DECIDED}
    assert new_request(state=state).is_open is not ended
    assert (state in TERMINAL, state in OPEN) == (ended, not ended)


@pytest.mark.parametrize("state", sorted(TERMINAL))
@pytest.mark.parametrize("event", RequestEvent)
def test_an_end_has_no_way_out(state: RequestState, event: RequestEvent) -> None:
    """Nothing happens to a request that has ended."""
    with pytest.raises(IllegalTransition):
        next_state(new_request(state=state), event)


@pytest.mark.parametrize("state", sorted(OPEN - {S.CALLING}))
def test_an_open_request_can_be_ended(state: RequestState) -> None:
    """Every open request can be withdrawn or decided, but for one whose person is in a call."""
    assert next_state(new_request(state=state), E.WITHDRAWN) is S.WITHDRAWN
    assert next_state(new_request(state=state), E.DECIDED) is S.DECIDED


@pytest.mark.parametrize("event", [E.WITHDRAWN, E.DECIDED])
def test_a_call_ends_before_the_request(event: RequestEvent) -> None:
    """A request in a call can neither be withdrawn nor decided: the call's end comes first."""
    with pytest.raises(IllegalTransition):
        next_state(new_request(state=S.CALLING), event)


@pytest.mark.parametrize("state", sorted(OPEN))
def test_every_open_state_leads_to_reached(state: RequestState) -> None:
    """From every open state there is a way to be reached."""
    seen, ahead = {state}, [state]
    while ahead:
        steps = set(LIFE_CYCLE[ahead.pop()].values()) - seen
        seen |= steps
        ahead += steps
    assert seen >= TERMINAL


def test_release_remembers_that_it_was_tried() -> None:
    """A released request is waiting when never tried, and unreachable when tried before."""
    request = new_request(state=S.CLAIMED)
    tried = replace(request, attempts=(new_attempt(request, ended_at=T0, outcome=AttemptOutcome.NO_ANSWER),))
    assert next_state(request, E.RELEASED) is S.WAITING
    assert next_state(tried, E.RELEASED) is S.UNREACHABLE


def test_live_attempt_is_the_one_that_has_not_ended() -> None:
    """Of all attempts the live one is found, or none."""
    request = new_request()
    done, live = new_attempt(request, ended_at=T0), new_attempt(request)
    assert request.live_attempt is None
    assert replace(request, attempts=(done,)).live_attempt is None
    assert replace(request, attempts=(done, live)).live_attempt == live


def test_the_first_four_reasons_are_urgent() -> None:
    """No shelter, no food, no power and emergency help are urgent, and nothing else."""
    assert set(list(Reason)[:4]) == URGENT_REASONS


@pytest.mark.parametrize(
    ("source", "attempt", "own"),
    [
        (NumberSource.CALLER_ID, {}, True),
        (NumberSource.KEYED, {"outcome": AttemptOutcome.NO_ANSWER}, False),
        (NumberSource.STAFF, {"outcome": AttemptOutcome.NO_ANSWER}, False),
        (NumberSource.KEYED, {"connected_at": T0, "outcome": AttemptOutcome.LINE_FAILED}, True),
        (NumberSource.STAFF, {"outcome": AttemptOutcome.ANSWERED}, True),
        (NumberSource.STAFF, {"connected_at": T0, "result": CallResult.RING_AGAIN}, True),
        (NumberSource.STAFF, {"connected_at": T0, "result": CallResult.WRONG_PERSON}, False),
        (NumberSource.STAFF, {"connected_at": T0, "phone": "+4740009999"}, False),
    ],
)
def test_whose_number_it_is(source: NumberSource, attempt: dict[str, object], own: bool) -> None:
    """Theirs when they rang from it, or when we have talked at that number, and not with the wrong person."""
    request = new_request(number_source=source)
    tried = new_attempt(request, ended_at=T0, **attempt)
    assert replace(request, attempts=(tried,)).is_own_number is own
