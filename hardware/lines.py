"""Several lines as one: each office on its own, all in the same service. Pure routing; it must never decide about a call.

A whole call is on one line: the leg that begins it says which, and its peers follow. So only `Originate` is chosen for: by the
number it shows, which is an office's, and `private` ones never on a line that leaves the house.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from hardware.line import (
    CallOffered,
    Command,
    Dial,
    EventSink,
    LegEnded,
    Line,
    LineEvent,
    LineForbidden,
    LineRestored,
    LineStatus,
    Originate,
)

CLOUD = "twilio"
"""The line of which others carry the calls."""


OUTLIVES = frozenset({CLOUD})
"""Lines whose callers stay in the menu while the service starts again: the state of their calls is worth keeping."""


class Lines:
    """See hardware.line.Line. `of_number`: the line of the office with this number; `of_office`: of the office."""

    def __init__(
        self, lines: Mapping[str, Line], of_number: Callable[[str], str], of_office: Callable[[str], str]
    ) -> None:
        self._lines = lines
        self.lines = tuple(lines.values())
        self._of_number = of_number
        self._of_office = of_office
        self._legs: dict[str, str] = {}

    async def start(self, sink: EventSink) -> None:
        for name, line in self._lines.items():
            await line.start(self._from(name, sink))

    async def stop(self) -> None:
        for line in self._lines.values():
            await line.stop()

    async def send(self, command: Command) -> None:
        if isinstance(command, Originate):
            name = self.chosen(self._of_number(command.caller_id), private=command.private)
            self._legs[command.leg] = name
        else:
            name = self._legs.get(command.leg, "")
        if isinstance(command, Dial):
            self._legs.update(dict.fromkeys(command.peers, name))
        if name in self._lines:
            await self._lines[name].send(command)

    async def last_words(self, leg: str) -> LegEnded | None:
        for line in self._lines.values():
            words = await line.last_words(leg)
            if words is not None:
                return words
        return None

    def of(self, name: str) -> Line:
        """The line of this name."""
        return self._lines[name]

    def status(self) -> LineStatus:
        """Up as long as any is: each office asks for its own."""
        statuses = [line.status() for line in self.lines]
        return next((status for status in statuses if status.up), statuses[0])

    def status_of(self, office_no: str) -> LineStatus:
        return self._lines[self._of_office(office_no)].status()

    def name_of(self, leg: str, office_no: str, *, private: bool = False) -> str:
        """The line a leg is on, or will be."""
        return self._legs.get(leg) or self.chosen(self._of_office(office_no), private=private)

    def chosen(self, name: str, *, private: bool) -> str:
        """Raises LineForbidden when there is no line it may go on."""
        if not private or name != CLOUD:
            return name
        others = [other for other in self._lines if other != CLOUD]
        if not others:
            raise LineForbidden("a protected person is never rung through a line that others carry")
        return others[0]

    def _from(self, name: str, sink: EventSink) -> EventSink:
        def take(event: LineEvent) -> None:
            if isinstance(event, CallOffered):
                self._legs[event.leg] = name
            elif isinstance(event, LineRestored):
                self._legs.update(dict.fromkeys(event.legs, name))
                event = replace(event, line=name)
            elif isinstance(event, LegEnded):
                self._legs.pop(event.leg, None)
            sink(event)

        return take
