"""Sends the notices: one task, two channels, nothing of it in the way of a call or of the sweep.

At most once: a row is *sending* before its message goes out. Whatever is found so after a crash is not sent again, unless
the gateway takes a key and sends the same key once only. Nothing configured is nothing sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from callback.desk import Desk
from callback.desk_notices import Drop, Hold, Message
from callback.notice import Notice, NoticeCount, NoticeKind, NoticeState
from callback.request import CallbackError
from config.model import NoticeSettings
from hardware.message import (
    MailGateway,
    MessageError,
    MessageNotSent,
    MessageRefused,
    MessageUncertain,
    SmsGateway,
)

log = structlog.get_logger(__name__)

_AT_A_TIME = 100
_EVERY = timedelta(seconds=15)
_LONGEST = timedelta(seconds=60)
"""For one message. Drivers keep their own, shorter limits; this one is for a driver that hangs."""


@dataclass(frozen=True, slots=True)
class Channels:
    """The configured ways; None: that one is not."""

    sms: SmsGateway | None = None
    mail: MailGateway | None = None


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """One way, for the status page. Counts are of the last seven days."""

    name: str
    """`sms`, `email` or `webhook`."""
    up: bool
    """Whether the last try went well, or there was none yet."""
    since: datetime
    why: str
    """A short word for why it is down: `http_503`."""
    waiting: int
    failed: int
    uncertain: int
    last_sent: datetime | None
    undelivered: int = 0
    """Went out, and did not reach the telephone."""


@dataclass(frozen=True, slots=True)
class _Health:
    up: bool
    since: datetime
    why: str = ""


_ACCOUNT = frozenset({"http_401", "http_402", "http_403", "http_404", "smtp_530", "smtp_535"})
"""Refusals that are of us, not of one message: somebody must look at the settings."""
_KINDS = {"sms": (NoticeKind.MISSED,), "email": (NoticeKind.STEP, NoticeKind.GAP, NoticeKind.DUTY)}


_WENT_OUT = (NoticeState.SENT, NoticeState.DELIVERED, NoticeState.UNDELIVERED)


class Notices:
    """Start it once, stop it once. `open_channels` makes the drivers of a configuration, in the running loop."""

    def __init__(self, desk: Desk, open_channels: Callable[[NoticeSettings], Awaitable[Channels]]) -> None:
        self._desk = desk
        self._open_channels = open_channels
        self._settings: NoticeSettings | None = None
        self._channels = Channels()
        self._health: dict[str, _Health] = {}
        self._unwritten: list[tuple[Notice, NoticeState, str | None]] = []
        """What came of a message while the store could not be written."""
        self._signal = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._signal.set()
        self._task = asyncio.create_task(self._run(), name="notices")

    async def stop(self, patience: timedelta = timedelta(seconds=15)) -> None:
        """A message under way may end within `patience`."""
        self._stopping = True
        self._signal.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=patience.total_seconds())
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._close_channels()

    def wake(self) -> None:
        """Look now: something may be due."""
        self._signal.set()

    async def status(self) -> list[ChannelStatus]:
        """The configured channels. Raises StoreError."""
        configured = self._desk.config.settings.notices
        names = {"sms": configured.sms is not None, "email": configured.email is not None}
        counts = await self._desk.store.notice_counts()
        now = self._desk.clock.now()
        return [
            _status(name, self._health.get(name) or _Health(True, now), counts)
            for name, is_set in names.items()
            if is_set
        ]

    # -- the task

    async def _run(self) -> None:
        settled = False
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._signal.wait(), _EVERY.total_seconds())
            self._signal.clear()
            if self._stopping:
                return
            try:
                if not settled:
                    await self.settle()
                    settled = True
                await self.send_due()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next round must come
                log.error("notices_failed", why=type(error).__name__)

    async def settle(self) -> None:
        """What was going out when the service died: nobody knows whether it did."""
        await self._use_settings()
        for notice in await self._desk.store.notices_in(NoticeState.SENDING):
            keeps = notice.kind is NoticeKind.MISSED and self._channels.sms and self._channels.sms.keeps_keys
            if keeps:
                await self._desk.try_notice_again(notice, "crash")
            else:
                await self._desk.end_notice(notice, NoticeState.UNCERTAIN, "crash")

    async def send_due(self) -> None:
        """One round over what is due: both channels side by side, so that none waits for the other."""
        await self._use_settings()
        await self._write_the_unwritten()
        now, store = self._desk.clock.now(), self._desk.store
        due = {
            name: [notice for kind in kinds for notice in await store.due_notices(kind, now, _AT_A_TIME)]
            for name, kinds in _KINDS.items()
        }
        await asyncio.gather(*(self._round(name, waiting) for name, waiting in due.items()))
        await self._desk.forget_notices()

    async def _write_the_unwritten(self) -> None:
        for ended in list(self._unwritten):
            try:
                await self._desk.end_notice(*ended)
            except CallbackError as error:  # the next round tries again; the others must not wait for it
                log.error("notice_not_written", notice_kind=ended[0].kind.value, why=type(error).__name__)
            else:
                self._unwritten.remove(ended)

    async def _round(self, name: str, due: Sequence[Notice]) -> None:
        send = self._sender(name)
        for notice in due:
            if self._stopping:
                return
            if send is None:
                await self._desk.drop_notice(notice, "not_configured")
                continue
            try:
                if not await self._one(name, notice, send):
                    return  # the way is closed: the others need not find that out one by one
            except CallbackError as error:
                log.error("notice_not_written", notice_kind=notice.kind.value, why=type(error).__name__)

    async def _one(self, name: str, notice: Notice, send: Callable[[Message, str], Awaitable[None]]) -> bool:
        """False when the gateway could not be reached."""
        message = await self._desk.message_of(notice)
        if isinstance(message, Hold):
            await self._desk.hold_notice(notice, message.until)
            return True
        if isinstance(message, Drop):
            await self._desk.drop_notice(notice, message.why)
            return True
        sending = await self._desk.begin_notice(notice)
        if sending is None:
            return True
        try:
            async with asyncio.timeout(_LONGEST.total_seconds()):
                await send(message, notice.id)
        except (MessageError, TimeoutError) as error:
            return await self._went_wrong(name, sending, error)
        except Exception as error:  # noqa: BLE001 - a fault of ours; its text and its locals may hold a number
            log.error("notice_driver_failed", channel=name, why=type(error).__name__)
            return await self._went_wrong(name, sending, MessageUncertain(type(error).__name__))
        self._is(name, up=True)
        await self._ended(sending, NoticeState.SENT)
        log.info("notice_sent", request_id=notice.request_id, channel=name)
        return True

    async def _went_wrong(self, name: str, notice: Notice, error: MessageError | TimeoutError) -> bool:
        why = error.why if isinstance(error, MessageError) else "no_answer"
        log.warning(
            "notice_not_sent", request_id=notice.request_id, channel=name, why=why, tries=notice.tries
        )
        if not isinstance(error, MessageRefused) or why in _ACCOUNT:
            self._is(name, up=False, why=why)
        again = isinstance(error, MessageNotSent) or (
            not isinstance(error, MessageRefused) and name == "sms" and self._keeps_keys
        )
        if again:
            await self._desk.try_notice_again(notice, why)
            return False
        state = NoticeState.FAILED if isinstance(error, MessageRefused) else NoticeState.UNCERTAIN
        await self._ended(notice, state, why)
        return not isinstance(error, MessageUncertain | TimeoutError)

    async def _ended(self, notice: Notice, state: NoticeState, why: str | None = None) -> None:
        try:
            await self._desk.end_notice(notice, state, why)
        except CallbackError:  # it is out, and must not go out again: kept until it can be written
            self._unwritten.append((notice, state, why))
            raise

    # -- the channels

    @property
    def _keeps_keys(self) -> bool:
        return self._channels.sms is not None and self._channels.sms.keeps_keys

    def _sender(self, name: str) -> Callable[[Message, str], Awaitable[None]] | None:
        sms, mail = self._channels.sms, self._channels.mail
        if name == "sms" and sms is not None:
            return lambda message, key: sms.send(message.to, message.text, key)
        if name == "email" and mail is not None:
            return lambda message, key: mail.send(message.to, message.subject, message.text, key)
        return None

    def _is(self, name: str, *, up: bool, why: str = "") -> None:
        """Said once when it goes down, and once when it is back."""
        before = self._health.get(name) or _Health(True, self._desk.clock.now())
        if before.up != up:
            log.warning("channel_changed", channel=name, up=up, why=why)
            before = replace(before, since=self._desk.clock.now())
        self._health[name] = replace(before, up=up, why=why)

    async def _use_settings(self) -> None:
        """The drivers of the configuration in force: a reload may have changed it."""
        settings = self._desk.config.settings.notices
        if settings != self._settings:
            await self._close_channels()
            self._channels, self._settings = await self._open_channels(settings), settings
            self._health.clear()

    async def _close_channels(self) -> None:
        if self._channels.sms is not None:
            await self._channels.sms.close()
        self._channels, self._settings = Channels(), None


def _status(name: str, health: _Health, counts: Sequence[NoticeCount]) -> ChannelStatus:
    theirs = [c for c in counts if c.kind in _KINDS[name]]

    def count(*states: NoticeState) -> int:
        return sum(c.count for c in theirs if c.state in states)

    return ChannelStatus(
        name, health.up, health.since, health.why,
        waiting=count(NoticeState.WAITING, NoticeState.SENDING),
        failed=count(NoticeState.FAILED),
        uncertain=count(NoticeState.UNCERTAIN),
        last_sent=max((c.last for c in theirs if c.state in _WENT_OUT and c.last), default=None),
        undelivered=count(NoticeState.UNDELIVERED),
    )  # fmt: skip
