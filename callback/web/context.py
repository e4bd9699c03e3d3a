"""What the pages and the API are given by the composition root. No logic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from aiohttp import web

from callback.access import Access
from callback.board import Board
from callback.desk import Desk
from callback.feeds import FeedStatus
from callback.notices import ChannelStatus
from callback.request import CallAttempt, CallbackRequest
from config.changes import Changes
from config.model import Config
from hardware.line import LineStatus
from ivr.library import PromptLibrary
from scheduler.clock import Clock


class Ringer(Protocol):
    """Starts callbacks (`callback.dispatch.Dispatch`)."""

    async def ring(self, request_id: str, person_id: str) -> tuple[CallbackRequest, CallAttempt | None]:
        """Ring the caseworker, then the caller; for one who waits on the line, only the caseworker, in a moment. Raises what `Desk.start_attempt` raises, NoTelephone when
        the caseworker has none, LineUnavailable when no line is up (nothing was changed)."""

    async def stop(self, request_id: str, person_id: str) -> bool:
        """Give back what this caseworker is being rung for, or is to be. False: too late, or not theirs; nothing is changed."""


@runtime_checkable
class PhoneExchange(Protocol):
    """The simulated telephone network, as the telephone in the browser sees it."""

    def plug_in(self, number: str) -> AsyncIterator[dict[str, Any]]:
        """Attach a telephone with this number (E.164 or extension). Yields what happens to it as JSON-ready
        dicts; closing the iterator unplugs it (a call that is up is hung up). Raises ValueError when the
        number is plugged in already."""

    def dial(self, number: str, to: str, *, withhold: bool = False) -> None: ...

    def answer(self, number: str) -> None: ...

    def press(self, number: str, key: str) -> None: ...

    def hang_up(self, number: str) -> None:
        """Hang up, or decline while it rings."""

    def prompt_finished(self, number: str) -> None:
        """The browser has played all items of the last `prompt` event."""


class Heartbeat(Protocol):
    """The sweep (`scheduler.alarm.Alarm`)."""

    @property
    def last_sweep(self) -> datetime | None: ...

    @property
    def last_error(self) -> str | None: ...

    def wake_soon(self) -> None:
        """Sweep within a second."""


@dataclass(frozen=True, slots=True)
class LastReload:
    """How the last try went: `changes`, or `problems` when it was refused."""

    at: datetime
    changes: Changes | None = None
    problems: tuple[str, ...] = ()


class Reloads(Protocol):
    """Takes a changed configuration into use (`callback.reload.Reloader`)."""

    last: LastReload | None

    async def reload(self) -> Changes:
        """Raises ConfigError with every problem; then the old one stays in force."""


@dataclass(frozen=True, slots=True)
class Services:
    clock: Clock
    desk: Desk
    access: Access
    ringer: Ringer
    reloader: Reloads
    library: PromptLibrary
    heartbeat: Heartbeat
    lines: Sequence[LineStatusSource]
    channels: Callable[[], Awaitable[Sequence[ChannelStatus]]]
    """How SMS and e-mail do (`callback.notices.Notices.status`)."""
    exchange: PhoneExchange | None
    """Present when the simulated line runs; then /phone is served."""
    call_phase: Callable[[str], str | None]
    """Attempt id -> where its call is just now (a node of the `callback_call` machine)."""
    board: Board
    calls_up: Callable[[], int]
    """How many calls the line carries for us."""
    metrics_token: str | None
    """With it, /metrics is open to other machines."""
    waits: Callable[[str], bool]
    """Request id -> whether the person waits on the line just now."""
    started_at: datetime
    version: str
    feeds: Callable[[], Mapping[str, FeedStatus]] = dict
    """How the calendars of the on-call lines do (`callback.feeds.Feeds.status`)."""

    @property
    def config(self) -> Config:
        """The one in force: it may be another at the next look."""
        return self.desk.config


class LineStatusSource(Protocol):
    def status(self) -> LineStatus: ...


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
