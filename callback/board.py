"""The table of all offices, kept: made anew when something has changed, and told to whoever watches it.

Everybody reads the same table, so that 200 open pages cost as much as one. It decides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from callback.desk import Desk
from callback.desk_offices import OfficeNow
from callback.office_view import OfficeFactsView, by_name
from callback.store import in_no_hurry

log = structlog.get_logger(__name__)

_KEPT = timedelta(seconds=15)
"""Whatever was changed past us (by the command line, in a calendar) is seen after so long."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """All offices in the order of their names. Another one only when something in it is other than before; what is as it was
    is the same object."""

    shown: tuple[OfficeNow, ...]
    views: tuple[OfficeFactsView, ...]


class Board:
    """`read` it, wait for a `change` of it; `start` and `stop` the task that keeps it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._table = Table((), ())
        self._made_for: datetime | None = None
        self._until: datetime | None = None
        """None: it must be made anew."""
        self._making = asyncio.Lock()
        self._signal = asyncio.Event()
        self._change: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.closed = False
        desk.on_office_changed = self.wake

    @property
    def looked_at(self) -> datetime:
        """When the table was last known to be true."""
        return self._made_for or self._desk.clock.now()

    def wake(self) -> None:
        """Something may have changed."""
        self._until = None
        self._signal.set()

    async def read(self) -> Table:
        """The table as it is now. Raises StoreError."""
        async with self._making:
            now = self._desk.clock.now()
            if self._until is None or not self.looked_at <= now < self._until:
                await self._make(now)
        return self._table

    async def change(self, seen: Table, longest: timedelta) -> Table:
        """The first table that is other than `seen`; `seen` after `longest`, and at once when the board is closed."""
        if self._table is seen and not self.closed:
            if self._change is None:
                self._change = asyncio.get_running_loop().create_future()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._change), longest.total_seconds())
        return self._table

    # -- the task

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="board")

    async def stop(self) -> None:
        self.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def close(self) -> None:
        """Whoever waits for a change waits no more."""
        self.closed = True
        self._tell()

    async def _run(self) -> None:
        while True:
            self._signal.clear()
            try:
                with in_no_hurry():
                    await self.read()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next round must come
                log.warning("board_not_made", why=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._signal.wait(), self._pause())

    def _pause(self) -> float:
        now = self._desk.clock.now()
        until = self._until or now + timedelta(seconds=1)
        return min(max((until - now).total_seconds(), 0.05), _KEPT.total_seconds())

    # -- inner workings

    async def _make(self, now: datetime) -> None:
        self._until = now + _KEPT  # who wakes us while we read sets it back
        try:
            shown = sorted(await self._desk.offices_now(), key=lambda one: by_name(one.office.name))
        except BaseException:
            self._until = None
            raise
        common = self._desk.config.settings.oncall.number
        views = [OfficeFactsView.of(one, self._name_of, common) for one in shown]
        changes = [at for one in shown if (at := one.changes_at()) is not None and at > now]
        if self._until is not None:
            self._until = min(self._until, *changes, now + _KEPT)
        self._made_for = now
        kept = {
            view.office_no: (one, view)
            for one, view in zip(self._table.shown, self._table.views, strict=True)
        }
        pairs = [
            kept[view.office_no] if kept.get(view.office_no, (one, None))[1] == view else (one, view)
            for one, view in zip(shown, views, strict=True)
        ]
        if [view for _, view in pairs] != [*self._table.views]:
            self._table = Table(tuple(one for one, _ in pairs), tuple(view for _, view in pairs))
            self._tell()

    def _tell(self) -> None:
        change, self._change = self._change, None
        if change is not None and not change.done():
            change.set_result(None)

    def _name_of(self, person_id: str) -> str:
        person = self._desk.config.person(person_id)
        return person.name if person is not None else person_id
