"""Notices in the whole service, and what its pages and its API say of them."""

from __future__ import annotations

import asyncio
from html import unescape
from pathlib import Path

import aiohttp
import pytest

from callback.desk import Registration
from callback.notice import NoticeState
from callback.request import AttemptOutcome
from callback.service import Running, running
from config.model import Role, Secrets
from scheduler.clock import ManualClock
from tests.e2e.waiting import until
from tests.integration.notice_world import TOKEN, Gateway, MailServer, over_http, over_mail, with_notices
from tests.offices import CALLER, MONDAY
from tests.speech import keep_speech

pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")


async def test_the_whole_way(tmp_path: Path) -> None:
    """A missed call, the SMS, the line on the request's page, the channels on the status page and in the API."""
    async with Gateway().serve() as gateway, MailServer().serve() as server:
        both = over_mail(server).model_copy(
            update=dict(over_http(gateway)) | {"email": over_mail(server).email}
        )
        config = with_notices(both)
        service = config.settings.service.model_copy(update={"port": 0})
        config = config.model_copy(
            update={"settings": config.settings.model_copy(update={"service": service})}
        )
        secrets = Secrets(sms_token=TOKEN, demo_password="correct horse battery")
        keep_speech(tmp_path)
        async with running(config, secrets, tmp_path, clock=ManualClock(MONDAY)) as up:
            request, _ = await up.desk.register(Registration("9001", CALLER))
            await up.desk.start_attempt(request.id, "kari", "a1")
            await up.desk.attempt_ringing("a1")
            await up.desk.end_attempt("a1", AttemptOutcome.NO_ANSWER)
            up.runner.on_callback_ended()  # as when a call has ended: the sweep wakes
            await until(lambda: gateway.posts)
            await settled(up)
            assert len(gateway.posts) == 1
            token = await up.services.access.create_token("t", Role.ADMIN, None)
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                aiohttp.ClientSession(headers=headers) as client,
                client.get(f"{up.url}/api/v1/status") as answer,
            ):
                channels = {c["name"]: c for c in (await answer.json())["channels"]}
            assert set(channels) == {"sms", "email"}
            assert channels["sms"]["up"]
            assert channels["sms"]["last_sent"] is not None
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
                page = await (await client.get(f"{up.url}/login")).text()
                csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
                form = {"person": "kari", "password": "correct horse battery", "csrf": csrf}
                await client.post(f"{up.url}/login", data=form)
                page = unescape(await (await client.get(f"{up.url}/requests/{request.id}")).text())
                assert "SMS sendt til innringeren." in page
                assert "Vi prøvde" not in page
                page = unescape(await (await client.get(f"{up.url}/status")).text())
                assert "SMS til innringere" in page
                assert "E-post til ansatte" in page
                assert "0 venter, 0 ikke sendt, 0 ikke kommet fram, 0 usikre" in page


async def settled(up: Running) -> None:
    """What came of it is on record."""
    for _ in range(200):
        if [c.state for c in await up.store.notice_counts()] == [NoticeState.SENT]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it is not on record")
