"""Whose call is placed next. In memory only, and it must never hold a call that nobody wants any more for long.

Those come first whom somebody on the line is listening for: a caseworker who has pressed 1 must not wait behind all the
colleagues whose own telephones are still to ring. Within each of the two, as they were asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

from hardware.twilio.live import Live


class Turns:
    def __init__(self) -> None:
        self._listened_for: OrderedDict[str, Live] = OrderedDict()
        self._others: OrderedDict[str, Live] = OrderedDict()

    def __len__(self) -> int:
        return len(self._listened_for) + len(self._others)

    def add(self, live: Live, *, first: bool = False) -> None:
        """`first`: it had its turn, and keeps it."""
        turns = self._of(live)
        turns[live.leg.id] = live
        if first:
            turns.move_to_end(live.leg.id, last=False)

    def take(self) -> Live:
        """The next one. Raises KeyError when there is none."""
        _, live = (self._listened_for or self._others).popitem(last=False)
        return live

    def drop(self, live: Live) -> bool:
        """Whether it was there."""
        return self._of(live).pop(live.leg.id, None) is not None

    def late(self, now: datetime) -> list[Live]:
        """Those that were to be placed before now; they are not there any more."""
        found = [live for live in self._all() if live.leg.until is not None and live.leg.until <= now]
        for live in found:
            self.drop(live)
        return found

    def clear(self) -> list[Live]:
        """Those that were there."""
        found = self._all()
        self._listened_for.clear()
        self._others.clear()
        return found

    def _all(self) -> list[Live]:
        return [*self._listened_for.values(), *self._others.values()]

    def _of(self, live: Live) -> OrderedDict[str, Live]:
        return self._others if live.leg.dialler is None else self._listened_for
