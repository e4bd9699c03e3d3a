"""Against a Twilio that others made: what it signs we take, what was changed we do not; and an SMS goes there and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from callback.notice import NoticeState
from callback.notices import Channels, Notices
from config.model import NoticeSettings, SmsService, TwilioSmsSettings
from hardware.twilio.sms import TwilioSms
from hardware.twilio.webhooks import Listener, Signatures
from tests.contract.line_rig_twilio import SID, TOKEN, free_port
from tests.fake_twilio.emulate import emulated
from tests.integration.notice_world import opened
from tests.offices import CALLER, PUBLIC

SENDER = "+4740000009"
LOGIN = {"Authorization": aiohttp.encode_basic_auth(SID, TOKEN)}
Signed = tuple[str, dict[str, str], str]
"""Path with query, form, signature."""


def changed(signed: Signed) -> Iterator[Signed]:
    """Everything that somebody on the way could change, one by one."""
    path, form, given = signed
    yield path + "0", form, given
    yield path.replace("?", "x?") if "?" in path else path + "/", form, given
    for name, value in form.items():
        yield path, {**form, name: value + " "}, given
        yield path, {key: one for key, one in form.items() if key != name}, given
    yield path, {**form, "Digits": "1"}, given
    yield path, form, given.swapcase()
    yield path, form, ""


async def test_signatures_of_others(tmp_path: Path) -> None:
    """Of a call and of an SMS, with letters of ours, and a query: true as it was signed, and false with anything changed."""
    seen: list[Signed] = []

    async def take(request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        seen.append((request.path_qs, form, request.headers["X-Twilio-Signature"]))
        return web.Response(text="<Response/>", content_type="application/xml")

    app = web.Application()
    app.router.add_post("/{tail:.*}", take)
    server = TestServer(app)
    await server.start_server(access_log=None)
    base = str(server.make_url("/")).rstrip("/")
    number = {"phone_number": PUBLIC, "voice_url": f"{base}/tw/voice?office=9001&x=%C3%A5"}
    number["sms_url"] = f"{base}/tw/sms/x"
    async with (
        emulated(tmp_path, SID, TOKEN, number) as url,
        aiohttp.ClientSession(headers=LOGIN) as client,
    ):
        for what in ("call", "message"):
            form = {"From": CALLER, "To": PUBLIC, "Body": "Vi prøvde å ringe deg & prøver igjen = 1+1"}
            async with client.post(f"{url}/_twilio/simulate/inbound-{what}", data=form) as answer:
                assert answer.status == 201, await answer.text()
    await server.close()
    assert [form["From"] for _, form, _ in seen] == [CALLER, CALLER]
    ours = Signatures(base, ["0" * 32, TOKEN])
    for one in seen:
        assert ours.fits(*one)
        assert not Signatures(base, ["0" * 32]).fits(*one)
        assert not Signatures(base.replace("http", "https"), [TOKEN]).fits(*one)
        assert not any(ours.fits(*other) for other in changed(one))


async def test_an_sms_there_and_back(tmp_path: Path) -> None:
    """It keeps what we send as we sent it, and what it says of it afterwards is on record; forged words are not."""
    base = f"http://127.0.0.1:{free_port()}"
    settings = TwilioSmsSettings(account_sid=SID, sender=SENDER)
    (tmp_path / "peer").mkdir()
    async with (
        emulated(tmp_path / "peer", SID, TOKEN, {"phone_number": SENDER}) as url,
        aiohttp.ClientSession(headers=LOGIN) as client,
        opened(tmp_path, NoticeSettings(sms=SmsService.TWILIO, twilio=settings)) as world,
    ):

        async def channels(notices: NoticeSettings) -> Channels:
            return Channels(TwilioSms(settings, SID, TOKEN, base, url))

        async def says(sid: str, status: str) -> None:
            told = {"MessageSid": sid, "Status": status}
            async with client.post(f"{url}/_twilio/simulate/message-status", data=told) as answer:
                assert answer.status == 200, await answer.text()

        world.notices = Notices(world.desk, channels)
        listener = Listener(None, Signatures(base, [TOKEN]), None, "127.0.0.1", int(base.rpartition(":")[2]))  # type: ignore[arg-type]
        listener.on_sms = world.desk.sms_told
        await listener.start()
        came = await world.missed()
        await world.notices.send_due()
        assert await world.told(came) == [("notice_sent", None)]
        async with client.get(f"{url}/2010-04-01/Accounts/{SID}/Messages.json") as answer:
            (message,) = (await answer.json())["messages"]
        assert (message["to"], message["from"]) == (CALLER, SENDER)
        assert message["body"].startswith("Vi prøvde å ringe deg.")
        await asyncio.gather(*(says(message["sid"], status) for status in ("sent", "delivered", "sent")))
        await says(message["sid"], "undelivered")
        assert await world.told(came) == [("notice_sent", None), ("notice_delivered", None)]

        lost = await world.missed("+4740001299")
        await world.notices.send_due()
        async with client.get(
            f"{url}/2010-04-01/Accounts/{SID}/Messages.json", params={"To": "+4740001299"}
        ) as answer:
            (message,) = (await answer.json())["messages"]
        listener._signatures = Signatures(base, ["0" * 32])  # somebody else's token
        await says(message["sid"], "delivered")
        assert await world.told(lost) == [("notice_sent", None)]
        listener._signatures = Signatures(base, [TOKEN])
        await says(message["sid"], "undelivered")
        assert (await world.told(lost))[-1] == ("notice_undelivered", None)
        counts = {count.state: count.count for count in await world.store.notice_counts()}
        assert counts == {NoticeState.DELIVERED: 1, NoticeState.UNDELIVERED: 1}
        await listener.stop()
