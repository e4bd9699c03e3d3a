"""Who of an office takes calls, and what each does just now. Part of the desk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callback.desk_return import DeskReturn
from callback.request import RequestState
from callback.store import RequestQuery
from config.model import Person

_MOST = 1000


class Presence(StrEnum):
    """What a caseworker does, as far as calls are concerned."""

    OFF = "off"
    """Takes no calls."""
    READY = "ready"
    """Is rung for the next."""
    RINGING = "ringing"
    """Their telephone rings, or the caller's; nobody talks yet."""
    IN_CALL = "in_call"
    WRAP_UP = "wrap_up"
    """After a talk: the result is not written yet, or they are left in peace for a moment."""
    AWAY = "away"
    """Said that they take calls, and did not take one: nobody is put through until they say so again."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """A caseworker and what they do."""

    person: Person
    presence: Presence
    takes_calls: bool
    """They have said so, whatever they do just now."""
    since: datetime | None = None
    """When they were set away, for one who is."""


class DeskColleagues(DeskReturn):
    """The use cases of who takes calls."""

    async def set_away(self, person_id: str) -> None:
        """They did not take a call that was put through to them. Nothing happens to whoever takes none."""
        await self.store.set_away(self.person(person_id).id, self.clock.now())

    async def colleagues(self, office_no: str) -> list[Colleague]:
        """Everyone of the office who has a telephone, in the order of the configuration."""
        ready = dict(await self.ready_since())
        away = dict(await self.store.away())
        live = {attempt.caseworker: attempt for attempt in await self.store.live_attempts()}
        talked = RequestQuery(served_by=office_no, states=frozenset({RequestState.RESULT_DUE}), limit=_MOST)
        writing = {request.claimed_by for request in await self.find(talked)}
        now = self.clock.now()

        def presence(person_id: str) -> Presence:
            if person_id in live:
                return Presence.RINGING if live[person_id].connected_at is None else Presence.IN_CALL
            since = ready.get(person_id)
            if person_id in writing or (since is not None and since > now):
                return Presence.WRAP_UP
            if person_id in away:
                return Presence.AWAY
            return Presence.OFF if since is None else Presence.READY

        people = self.config.caseworkers(office_no)
        takes = ready.keys() | away.keys()
        return [Colleague(p, presence(p.id), p.id in takes, away.get(p.id)) for p in people]
