"""The leader's e-mail about gaps, all the way to a mail server: once, also over a crash; with names of nobody but staff."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_string, policy
from pathlib import Path

import pytest

from callback.notice import NoticeKind, NoticeState
from callback.notices import Notices
from tests.integration.notice_world import MailServer, World, opened, over_mail


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with MailServer().serve() as server:
        yield server


@pytest.fixture
async def world(server: MailServer, tmp_path: Path) -> AsyncIterator[World]:
    """The line of the tests, with nobody."""
    async with opened(tmp_path, over_mail(server)) as world:
        (line,) = world.config.lines
        nobody = line.model_copy(update={"people": (), "leader": "liv"})
        world.desk.use_config(world.config.model_copy(update={"lines": (nobody,)}))
        yield world


async def test_sent_once(world: World, server: MailServer) -> None:
    """One e-mail for all gaps of the coming two weeks; the next sweeps, and a service that starts anew, send no other."""
    for _ in range(3):
        await world.desk.sweep()
        await world.notices.send_due()
        world.clock.advance(timedelta(minutes=2))
    (raw,) = server.mails
    mail = message_from_string(raw, policy=policy.default)
    assert mail["To"] == "liv@example.org"
    assert mail["Subject"] == "Tast 1: ingen på vakt 23.11. kl. 09.00, Vakttelefonen (Lillevik)"
    text = mail.get_content()
    assert text.count("ingen har vakt") == 11, "today and ten working days"
    assert "Dekningen de neste fire ukene er 0 %." in text
    (count,) = await world.store.notice_counts()
    assert (count.kind, count.state, count.count) == (NoticeKind.GAP, NoticeState.SENT, 1)
    (channel,) = await world.notices.status()
    assert (channel.waiting, channel.failed, channel.last_sent is not None) == (0, 0, True)


async def test_uncertain(world: World, server: MailServer) -> None:
    """What was going out when the service died is not sent again; what did not go out is tried again."""
    server.refuse = ("MAIL", "451 later")
    await world.desk.sweep()
    await world.notices.send_due()
    (notice,) = await world.store.notices_in(NoticeState.WAITING)
    assert (notice.tries, server.mails) == (1, [])
    server.refuse = None
    sending = await world.desk.begin_notice(notice)
    assert sending is not None
    again = Notices(world.desk, world.open_channels)
    await again.settle()
    world.clock.advance(timedelta(hours=1))
    await again.send_due()
    await again.stop()
    assert [one.id for one in await world.store.notices_in(NoticeState.UNCERTAIN)] == [notice.id]
    assert server.mails == []
