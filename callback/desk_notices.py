"""The outbox of notices: what each says when it is sent, and what came of it. Part of the desk.

Rows are written where an attempt ends and where a step is reached, in the same transaction. What is no longer true, or no
longer allowed, when its turn comes, is dropped. It never sends anything itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from callback.desk_gaps import DeskGaps
from callback.desk_return import DeskReturn, may_return
from callback.desk_sms import DeskSms
from callback.notice import (
    MOST_TRIES,
    OPTED_OUT,
    Notice,
    NoticeKind,
    NoticeState,
    morning_after,
    not_any_more,
    says_more,
    wait_after,
)
from callback.notice_words import mail, sms, window
from callback.request import CallbackRequest
from callback.store import Change
from callback.warned import may_be_warned
from hardware.message import SmsReport
from scheduler.calendar import NeverOpen

log = structlog.get_logger(__name__)

_KEPT = timedelta(days=7)
"""The status page counts so far back. What was sent stands in the ledger for good."""


@dataclass(frozen=True, slots=True)
class Message:
    """Ready to be sent. Never log it."""

    to: str
    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Not yet."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Drop:
    """Not any more."""

    why: str


class DeskNotices(DeskReturn, DeskSms, DeskGaps):
    """The use cases of notices."""

    async def message_of(self, notice: Notice) -> Message | Hold | Drop:
        """What a notice says as things are now."""
        if notice.kind in (NoticeKind.GAP, NoticeKind.DUTY):
            gap = notice.kind is NoticeKind.GAP
            told = await (self.mail_of_gaps(notice) if gap else self.mail_of_duty(notice))
            return Drop(told) if isinstance(told, str) else Message(told[0], told[2], told[1])
        request = await self.store.get(notice.request_id or "")
        if request is None:
            return Drop("unknown_request")
        if notice.kind is NoticeKind.STEP:
            return self._mail_of(notice, request)
        never = bool(await self.never_called([request]))
        ledger = await self.store.ledger(request.id)
        why = not_any_more(request, notice, ledger, never_called=never)
        if why is None and await self.gets_no_sms(request.phone):
            why = OPTED_OUT
        return self._sms_of(request) if why is None else Drop(why)

    async def begin_notice(self, notice: Notice) -> Notice | None:
        """It is about to go out: on record before it does. None when somebody else has it, or it is gone."""
        sending = replace(notice, state=NoticeState.SENDING, tries=notice.tries + 1)
        return sending if await self.store.change_notice(sending, NoticeState.WAITING) else None

    async def sms_told(self, key: str, report: SmsReport, why: str | None) -> None:
        """What the gateway says later of the SMS with this key; see hardware.message.SmsReports."""
        notice = await self.store.notice(key)
        if notice is None or notice.kind is not NoticeKind.MISSED:
            return
        if await self.end_notice(notice, NoticeState(report.value), why):
            log.info("notice_told", request_id=notice.request_id, state=report.value, why=why)

    async def end_notice(self, notice: Notice, state: NoticeState, why: str | None = None) -> bool:
        """It was sent, has come, failed, or nobody knows: with a line in the ledger of its request, in one transaction.
        False when as much is on record already: the gateway may have said so before whoever sent it could."""
        if notice.request_id is None:  # that the leader is told of a gap stands in the line's history already
            ended = replace(notice, state=state, why=why, ended_at=self.clock.now())
            return await self.store.change_notice(ended, NoticeState.SENDING)
        details: dict[str, str | int | None] = {"kind": notice.kind.value}
        if notice.kind is NoticeKind.STEP:
            details |= {"percent": notice.percent, "to": notice.person_id}
        if why is not None:
            details["why"] = why

        written = False

        async def change(request: CallbackRequest) -> CallbackRequest:
            nonlocal written
            if why == OPTED_OUT:
                await self._opted_out(request, notice)
            before = await self.store.notice(
                notice.id
            )  # after the request: who writes it in between makes this one stale
            if before is None or not says_more(state, before.state):
                return request
            ended = replace(before, state=state, why=why, ended_at=before.ended_at or self.clock.now())
            entry = self._entry(request, "service", f"notice_{state.value}", request.state, **details)
            (saved,) = await self.store.save(Change(request, (entry,), notices=(ended,)))
            written = True
            return saved

        await self._retrying(notice.request_id, change)
        return written

    async def drop_notice(self, notice: Notice, why: str) -> None:
        """It has not begun to go out, and will not."""
        dropped = replace(notice, state=NoticeState.DROPPED, why=why, ended_at=self.clock.now())
        await self.store.change_notice(dropped, NoticeState.WAITING)

    async def hold_notice(self, notice: Notice, until: datetime) -> None:
        await self.store.change_notice(replace(notice, due_at=until), NoticeState.WAITING)

    async def try_notice_again(self, notice: Notice, why: str) -> None:
        """It did not go out: later, but not for ever."""
        if notice.tries >= MOST_TRIES:
            await self.end_notice(notice, NoticeState.FAILED, why)
            return
        due = self.clock.now() + wait_after(notice.tries)
        again = replace(notice, state=NoticeState.WAITING, due_at=due, why=why)
        await self.store.change_notice(again, NoticeState.SENDING)

    async def forget_notices(self) -> None:
        await self.store.forget_notices_before(self.clock.now() - _KEPT)

    # -- inner workings

    def _sms_of(self, request: CallbackRequest) -> Message | Hold | Drop:
        now, calendar = self.clock.now(), self._calendars.get(request.office_no)
        if until := morning_after(now):
            return Hold(until)
        if calendar is None or request.phone is None:
            return Drop("unknown_office")
        at = max(request.next_attempt_at or now, now)
        is_outside = request.has_interpreter(at) and not calendar.is_open(at)
        if is_outside or not request.can_be_talked_with(at):  # the hours told would not be those of a call
            return Drop("interpreter")
        try:
            begins, ends = window(at, calendar)
        except NeverOpen:
            return Drop("never_open")
        through = may_return(request) and calendar.is_open(now)
        return Message(request.phone, sms(request.language, begins, ends, now, come_through=through))

    def _mail_of(self, notice: Notice, request: CallbackRequest) -> Message | Drop:
        person, percent = self._people.get(notice.person_id or ""), notice.percent or 0
        if not request.is_open or request.acknowledged >= percent:
            return Drop("ended" if not request.is_open else "acknowledged")
        if person is None or person.email is None or not may_be_warned(request, person):
            return Drop("no_address")
        office = self.config.office(request.served_by)
        url = self.config.settings.service.public_url
        link = f"{url.rstrip('/')}/requests/{request.id}" if url else None
        subject, text = mail(
            request.reference, percent, request.due_at, office.name if office else request.served_by, link
        )
        return Message(person.email, text, subject)
