"""The notices of the Store in memory: same rules as `store_notices`, no disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from datetime import datetime

from callback.notice import Notice, NoticeCount, NoticeKind, NoticeState
from callback.store_notices import notice_from, notice_row
from scheduler.clock import aware_utc


class MemoryNotices(ABC):
    """See callback.store.Store."""

    def __init__(self) -> None:
        super().__init__()
        self._notices: dict[str, Notice] = {}
        self._no_sms: set[str] = set()

    @abstractmethod
    def _check_open(self) -> None:
        """Raises StoreUnavailable."""

    def _write_notice(self, notice: Notice) -> None:
        if notice.id not in self._notices or notice.state is not NoticeState.WAITING:
            self._notices[notice.id] = notice

    async def due_notices(self, kind: NoticeKind, at: datetime, limit: int) -> list[Notice]:
        until = aware_utc(at)
        self._check_open()
        waiting = (n for n in self._notices.values() if (n.state, n.kind) == (NoticeState.WAITING, kind))
        due = sorted((n for n in waiting if n.due_at <= until), key=lambda n: (n.due_at, n.id))
        return due[: max(limit, 0)]

    async def notices_in(self, state: NoticeState) -> list[Notice]:
        self._check_open()
        found = (n for n in self._notices.values() if n.state is state)
        return sorted(found, key=lambda n: (n.created_at, n.id))

    async def change_notice(self, notice: Notice, was: NoticeState) -> bool:
        notice = notice_from(notice_row(notice))
        self._check_open()
        before = self._notices.get(notice.id)
        if before is None or before.state is not was:
            return False
        self._notices[notice.id] = notice
        return True

    async def notice(self, notice_id: str) -> Notice | None:
        self._check_open()
        return self._notices.get(notice_id)

    async def notice_counts(self) -> list[NoticeCount]:
        self._check_open()
        counted = Counter((n.kind, n.state) for n in self._notices.values())
        return [
            NoticeCount(kind, state, counted[kind, state], self._last(kind, state))
            for kind, state in sorted(counted)
        ]

    def _last(self, kind: NoticeKind, state: NoticeState) -> datetime | None:
        ended = (n.ended_at for n in self._notices.values() if (n.kind, n.state) == (kind, state))
        return max((at for at in ended if at is not None), default=None)

    async def forget_notices_before(self, at: datetime) -> None:
        until = aware_utc(at)
        self._check_open()
        self._notices = {n.id: n for n in self._notices.values() if n.ended_at is None or n.ended_at >= until}

    async def add_no_sms(self, subject: str, at: datetime) -> bool:
        aware_utc(at)
        self._check_open()
        added = subject not in self._no_sms
        self._no_sms.add(subject)
        return added

    async def remove_no_sms(self, subject: str) -> bool:
        self._check_open()
        removed = subject in self._no_sms
        self._no_sms.discard(subject)
        return removed

    async def is_no_sms(self, subject: str) -> bool:
        self._check_open()
        return subject in self._no_sms
