"""What Twilio says of an SMS afterwards: kept with the notice, never backwards, and acted on; whoever says STOP gets no more."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from callback.desk import Registration
from callback.notice import NoticeState
from callback.notices import Channels, Notices
from callback.request import AttemptOutcome, CallbackRequest
from callback.store import Change, StaleRequest, StoreUnavailable
from config.model import NoticeSettings, SmsService, TwilioSmsSettings
from hardware.twilio.sms import TwilioSms
from hardware.twilio.webhooks import Listener, Signatures
from tests.contract.line_rig_twilio import SID, TOKEN, free_port
from tests.fake_twilio.server import FakeTwilio, Fault
from tests.integration.notice_world import World, opened
from tests.offices import CALLER

SETTINGS = TwilioSmsSettings(account_sid=SID, sender="+4740000009")
SENT, DELIVERED, UNDELIVERED = "notice_sent", "notice_delivered", "notice_undelivered"
FAILED, UNCERTAIN = "notice_failed", "notice_uncertain"


@dataclass
class AtTwilio:
    world: World
    fake: FakeTwilio

    async def sent(self, **more: Any) -> CallbackRequest:
        """Somebody was missed, and their SMS has been asked for."""
        request = await self.world.missed(**more)
        await self.world.notices.send_due()
        return request

    async def told(self, request: CallbackRequest) -> list[tuple[str, str | None]]:
        return await self.world.told(request)

    async def states(self) -> list[NoticeState]:
        return [count.state for count in await self.world.store.notice_counts()]


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[AtTwilio]:
    fake, base = FakeTwilio(SID, TOKEN), f"http://127.0.0.1:{free_port()}"
    await fake.start()
    async with opened(tmp_path, NoticeSettings(sms=SmsService.TWILIO, twilio=SETTINGS)) as world:

        async def channels(settings: NoticeSettings) -> Channels:
            return Channels(TwilioSms(SETTINGS, SID, TOKEN, base, fake.url))

        world.notices = Notices(world.desk, channels)
        line: Any = None  # an SMS has nothing to do with it
        listener = Listener(line, Signatures(base, [TOKEN]), line, "127.0.0.1", int(base.rpartition(":")[2]))
        listener.on_sms = world.desk.sms_told
        await listener.start()
        yield AtTwilio(world, fake)
        await listener.stop()
    await fake.stop()


async def test_it_came(at: AtTwilio) -> None:
    """Each status is kept with the notice, in the history and in the counts; the address has our id and no number, and no log does."""
    with capture_logs() as logs:
        request, sent_at = await at.sent(), at.world.clock.now()
        at.world.clock.advance(timedelta(minutes=5))
        for status in ("queued", "sent", "delivered"):
            assert await at.fake.told(0, status) == 204
    assert await at.told(request) == [(SENT, None), (DELIVERED, None)]
    url = at.fake.messages[0]["StatusCallback"]
    assert f"/tw/sms/sms.a0.{request.id}#" in url
    assert CALLER.lstrip("+") not in f"{url} {logs}"
    (status,) = await at.world.notices.status()
    assert (status.undelivered, status.failed) == (0, 0)
    assert status.last_sent == sent_at


@pytest.mark.parametrize("end", ["delivered", "undelivered", "failed"])
async def test_in_any_order(at: AtTwilio, end: str) -> None:
    """Late, twice, in whatever order: the first end stays, and stands in the history once."""
    orders = list(itertools.permutations(["queued", "sent", end, end]))[::5]
    for number, order in enumerate(orders):
        request = await at.sent(phone=f"+474000{1000 + number}")
        for status in [*order, "delivered", "undelivered", "sending"]:
            assert await at.fake.told(number, status, 30003 if status == end else None) == 204
        told = await at.told(request)
        assert told == [(SENT, None), (f"notice_{end}", None if end == "delivered" else "twilio_30003")]


async def test_told_before_the_answer(at: AtTwilio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twilio may say how it went before it has answered us: our own "sent" does not take that back."""
    create = at.fake._do

    def slow(method: str, path: str, request: Any, body: bytes) -> Any:
        early.append(asyncio.get_running_loop().create_task(at.fake.told(0, "undelivered", 30005)))
        return create(method, path, request, body)

    async def late(self: TwilioSms, *args: Any) -> None:
        await send(self, *args)
        await asyncio.gather(*early)

    early: list[asyncio.Task[int]] = []
    send = TwilioSms.send
    monkeypatch.setattr(at.fake, "_do", slow)
    monkeypatch.setattr(TwilioSms, "send", late)
    request = await at.sent()
    assert len(early) == 1
    assert await at.told(request) == [(UNDELIVERED, "twilio_30005")]
    assert await at.states() == [NoticeState.UNDELIVERED]


@pytest.mark.parametrize("fault", [Fault(0, done=True), Fault(500, done=True), Fault(503, done=True)])
async def test_settles_what_is_uncertain(at: AtTwilio, fault: Fault) -> None:
    """An SMS whose answer was lost is never sent again; that it went out all the same is learned from its status."""
    at.fake.api_fault = lambda method, path: fault
    request = await at.sent()
    at.world.clock.advance(timedelta(hours=1))
    await at.world.notices.send_due()
    assert len(at.fake.messages) == 1
    ((event, _),) = await at.told(request)
    assert event == UNCERTAIN
    await at.fake.told(0, "sent")
    await at.fake.told(0, "delivered")
    assert [event for event, _ in await at.told(request)] == [UNCERTAIN, SENT, DELIVERED]
    assert (await at.world.notices.status())[0].uncertain == 0


async def test_after_a_crash(at: AtTwilio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between sending and writing: the status that comes meanwhile counts, and the start leaves it alone."""

    async def dies(*args: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(at.world.desk, "end_notice", dies)
    with pytest.raises(asyncio.CancelledError):
        await at.sent()
    monkeypatch.undo()
    assert await at.states() == [NoticeState.SENDING]
    await at.fake.told(0, "delivered")
    await at.world.notices.settle()
    await at.world.notices.send_due()
    assert await at.states() == [NoticeState.DELIVERED]
    assert len(at.fake.messages) == 1


async def test_refused_and_unknown(at: AtTwilio) -> None:
    """Forged: 403. Unknown, or a word we do not know: 204. Neither changes anything; nor does another body or address."""
    request = await at.sent()
    assert await at.fake.told(0, "undelivered", token="3" * 32) == 403
    assert await at.fake.told(0, "teleported") == 204
    ours = at.fake.messages[0]["StatusCallback"]
    at.fake.messages[0]["StatusCallback"] = ours.replace("sms.a0.", "sms.other.")
    assert await at.fake.told(0, "undelivered", 30003) == 204
    assert await at.told(request) == [(SENT, None)]
    at.world.clock.advance(timedelta(days=8))
    await at.world.notices.send_due()  # forgets it
    at.fake.messages[0]["StatusCallback"] = ours
    assert await at.fake.told(0, "delivered") == 204
    assert await at.told(request) == [(SENT, None)]


async def test_nobody_rushes_it(at: AtTwilio) -> None:
    """Twenty at once are one line in the history."""
    request = await at.sent()
    answers = await asyncio.gather(*(at.fake.told(0, "delivered") for _ in range(20)))
    assert set(answers) <= {204, 503}
    assert await at.told(request) == [(SENT, None), (DELIVERED, None)]


@pytest.mark.parametrize("error", [StoreUnavailable, StaleRequest])
async def test_asked_again(at: AtTwilio, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """What cannot be written down now is not taken: Twilio asks again."""
    request, save = await at.sent(), at.world.store.save

    async def fails(*changes: Change) -> tuple[CallbackRequest, ...]:
        raise error("not now")

    monkeypatch.setattr(at.world.store, "save", fails)
    assert await at.fake.told(0, "undelivered", 30003) == 503
    monkeypatch.setattr(at.world.store, "save", save)
    assert await at.fake.told(0, "undelivered", 30003) == 204
    assert (await at.told(request))[-1] == (UNDELIVERED, "twilio_30003")


# -- STOP


@pytest.mark.parametrize("way", ["create", "undelivered", "failed"])
async def test_opted_out(at: AtTwilio, way: str) -> None:
    """Wherever 21610 turns up, the number is sent no SMS again, for whatever request or office; it is rung as before."""
    if way == "create":
        at.fake.api_fault = lambda method, path: Fault(400, 21610)
    request = await at.sent()
    if way != "create":
        assert await at.fake.told(0, way, 21610) == 204
    at.fake.api_fault = lambda method, path: None
    asked = len(at.fake.asked)
    assert (await at.told(request))[-1][1] == "opted_out"
    assert await at.world.desk.gets_no_sms(CALLER)
    at.world.clock.advance(timedelta(hours=1))
    again = await at.world.rung(await at.world.desk.get(request.id), AttemptOutcome.BUSY)
    assert len(again.attempts) == 2
    await at.world.desk.withdraw(request.id, "caller")
    await at.world.missed()
    await at.world.notices.send_due()
    assert len(at.fake.asked) == asked
    await at.world.missed("+4740001299")
    assert await at.world.desk.sms_again("40 00 12 34", "command_line")
    await at.world.notices.send_due()
    assert len(at.fake.asked) == asked + 1, "another number gets its SMS"


def files_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_no_number_is_kept(at: AtTwilio, tmp_path: Path) -> None:
    """Of a number that wants no SMS there is a keyed hash; the person can be erased."""
    request, _ = await at.world.desk.register(Registration("9001", CALLER))
    await at.world.desk.no_sms(CALLER, "command_line")
    await at.world.desk.withdraw(request.id, "caller")
    await at.world.desk.erase_person(CALLER, "asked for it", "command_line")
    await at.world.store.close()
    assert CALLER[3:].encode() not in files_of(tmp_path)
    await at.world.boot()
    assert await at.world.desk.gets_no_sms(CALLER)
