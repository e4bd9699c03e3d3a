"""Tells the contact centre's own system what has changed of an office: a row first, then a signed POST until it is taken.

Signed as Standard Webhooks (https://www.standardwebhooks.com) say, so that their libraries can check it: HMAC-SHA256 over
`id.timestamp.body`. At least once: an answer that was lost means that it is sent again, with the same id.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from callback.board import Board, Table
from callback.desk import Desk
from callback.notices import ChannelStatus
from callback.office_event import (
    GIVEN_UP_AFTER,
    EventKind,
    EventState,
    OfficeEvent,
    Seen,
    wait_after,
)
from callback.office_view import EventView, OfficeFactsView
from hardware.message import MessageError

log = structlog.get_logger(__name__)

Post = Callable[[str, bytes, dict[str, str]], Awaitable[None]]
"""POST a body with headers to a URL. Raises MessageError kinds."""
_AT_A_TIME = 100
_KEPT = timedelta(days=7)
_EVERY = timedelta(seconds=5)
"""How often it looks for what is due again."""


def signed(key: bytes, event_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that prove an event."""
    stamp = str(int(at.timestamp()))
    mac = hmac.new(key, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


class Webhooks:
    """Start it once, stop it once. Without a URL in the configuration it writes and sends nothing."""

    def __init__(self, desk: Desk, board: Board, post: Post, key: bytes | None) -> None:
        self._desk, self._board, self._post, self._key = desk, board, post, key
        self._told: Table | None = None
        self._to = ""
        """Where what was told went."""
        self._up, self._why, self._since = True, "", desk.clock.now()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="webhooks")

    async def stop(self) -> None:
        """What is under way is sent again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def url(self) -> str | None:
        return self._desk.config.settings.webhooks.url if self._key is not None else None

    async def status(self) -> list[ChannelStatus]:
        """Empty when there is no URL. Raises StoreError."""
        if self.url is None:
            return []
        counts = {count.state: count for count in await self._desk.store.event_counts()}
        waiting, failed = (
            counts[state].count if state in counts else 0 for state in (EventState.WAITING, EventState.FAILED)
        )
        last = counts[EventState.SENT].last if EventState.SENT in counts else None
        return [
            ChannelStatus(
                "webhook", self._up, self._since, self._why,
                waiting=waiting, failed=failed, uncertain=0, last_sent=last,
            )
        ]  # fmt: skip

    async def _run(self) -> None:
        while True:
            try:
                table = await self._board.read()
                await self.record(table)
                while await self.send_due():
                    pass
                await self._desk.store.forget_events_before(self._desk.clock.now() - _KEPT)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next round must come
                log.warning("events_not_told", why=type(error).__name__)
                await asyncio.sleep(1)
                continue
            await self._board.change(table, _EVERY)

    async def record(self, table: Table) -> None:
        """Write what has changed since it was last told of. Of the first table ever nothing: whoever listens asks for all
        offices once."""
        url = self.url
        if url is None or (table is self._told and url == self._to):
            return
        seen = await self._desk.store.events_seen()
        now, events, fresh = self._desk.clock.now(), list[OfficeEvent](), Seen()
        for view in table.views:
            for kind in EventKind:
                digest = _digest(view, kind)
                if seen.get((view.office_no, kind)) != digest:
                    fresh[view.office_no, kind] = digest
                    if seen:
                        events.append(_event(view, kind, now))
        if fresh:
            await self._desk.store.add_events(events, fresh)
        self._told, self._to = table, url

    async def send_due(self) -> bool:
        """One round over what is due: whether more may be. It ends at the first that could not be sent: the others need not
        find that out one by one."""
        url, key = self.url, self._key
        if url is None or key is None:
            return False
        due = await self._desk.store.due_events(self._desk.clock.now(), _AT_A_TIME)
        for event in due:
            body, now = event.body.encode(), self._desk.clock.now()
            try:
                await self._post(url, body, signed(key, event.id, now, body))
            except MessageError as error:
                await self._later(event, error.why)
                return False
            self._is(up=True)
            await self._desk.store.change_event(
                replace(
                    event,
                    state=EventState.SENT,
                    tries=event.tries + 1,
                    ended_at=self._desk.clock.now(),
                    why=None,
                )
            )
        return len(due) == _AT_A_TIME

    async def _later(self, event: OfficeEvent, why: str) -> None:
        now, tries = self._desk.clock.now(), event.tries + 1
        self._is(up=False, why=why)
        if now - event.created_at >= GIVEN_UP_AFTER:
            event = replace(event, state=EventState.FAILED, ended_at=now)
        await self._desk.store.change_event(
            replace(event, tries=tries, due_at=now + wait_after(tries), why=why)
        )

    def _is(self, *, up: bool, why: str = "") -> None:
        """Said once when it goes down, and once when it is back."""
        if self._up != up:
            log.warning("channel_changed", channel="webhook", up=up, why=why)
            self._since = self._desk.clock.now()
        self._up, self._why = up, why


def _digest(view: OfficeFactsView, kind: EventKind) -> str:
    return hashlib.sha256(json.dumps(view.part(kind), sort_keys=True).encode()).hexdigest()


def _event(view: OfficeFactsView, kind: EventKind, now: datetime) -> OfficeEvent:
    event_id = f"evt_{uuid.uuid4().hex}"
    body = EventView(id=event_id, type=kind, at=now, office=view).model_dump_json()
    return OfficeEvent(event_id, kind, view.office_no, now, body, due_at=now)
