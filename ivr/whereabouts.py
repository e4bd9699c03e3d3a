"""Whose persons are on the line just now. The list asks at every piece of music somebody hears, so it is kept as calls
change, and looked through only when who waits has changed."""

from __future__ import annotations

from callback.turn import OnTheLine
from ivr.arrival import ArrivalState
from ivr.callback_call import CallbackState
from ivr.consult_state import ConsultState
from ivr.duty_check import CheckState
from ivr.intake_state import IntakeState
from ivr.waiting_state import WaitingState

State = ArrivalState | CheckState | ConsultState | IntakeState | WaitingState | CallbackState


class Whereabouts:
    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}
        """Request ids, by call."""
        self._in_menu: dict[str, str] = {}
        self._now: OnTheLine | None = OnTheLine()

    def note(self, call_id: str, state: State | None) -> None:
        """Where a call is now; None: it is over."""
        waits = state.request_id if isinstance(state, WaitingState) and state.waits else None
        in_menu = state.request_id if isinstance(state, IntakeState | ConsultState) else None
        self._put(self._waiting, call_id, waits)
        self._put(self._in_menu, call_id, in_menu)

    def _put(self, of: dict[str, str], call_id: str, request_id: str | None) -> None:
        if of.get(call_id) == (request_id or None):
            return
        self._now = None
        if request_id:
            of[call_id] = request_id
        else:
            del of[call_id]

    def now(self) -> OnTheLine:
        if self._now is None:
            self._now = OnTheLine(frozenset(self._waiting.values()), frozenset(self._in_menu.values()))
        return self._now
