"""E-mail to staff who are warned: once for each step and person, with nothing of the caller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_string, policy
from pathlib import Path

import pytest

from callback.desk import Registration
from callback.request import CallbackRequest
from config.model import SmsService
from tests.e2e.waiting import until
from tests.integration.notice_world import Gateway, MailServer, World, opened, over_http, over_mail
from tests.offices import CALLER

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
NOTE = "secret note about the family"


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with MailServer().serve() as server:
        yield server


@pytest.fixture
async def world(server: MailServer, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path, over_mail(server)) as world:
        yield world


async def at_90(world: World) -> CallbackRequest:
    """Nine tenths of its time are used up; only the leader has an address."""
    request, _ = await world.desk.register(Registration("9001", CALLER, note=NOTE))
    world.clock.advance(DAY + timedelta(hours=4, minutes=55))
    await world.desk.sweep()
    assert (await world.desk.get(request.id)).escalation == 90
    return request


async def test_leader_is_told(world: World, server: MailServer) -> None:
    """One e-mail with reference, percent, deadline and office; on record by whom it was got; and not again."""
    request = await at_90(world)
    await world.notices.send_due()
    await world.desk.sweep()
    await world.notices.send_due()
    (raw,) = server.mails
    mail = message_from_string(raw, policy=policy.default)
    assert (mail["To"], mail["From"]) == ("liv@example.org", "tast1@example.org")
    assert mail["Subject"] == f"Tast 1: 90 % av fristen er brukt, referanse {request.reference}"
    text = mail.get_content()
    assert "Forespørsel" in text
    assert request.reference in text
    assert "Lillevik" in text
    assert "25.11.2026 kl. 09.05" in text
    for secret in (CALLER, CALLER[3:], NOTE):
        assert secret not in raw
    (line,) = [e for e in await world.store.ledger(request.id) if e.event == "notice_sent"]
    assert line.details == {"kind": "step", "percent": 90, "to": "liv"}


async def test_protected(world: World, server: MailServer) -> None:
    """A leader who may not see a protected person gets no e-mail of them: neither of a new step, nor what was on its way."""
    request = await at_90(world)
    await world.desk.set_protected(request.id, True, "kari")
    await world.notices.send_due()
    world.clock.advance(DAY)
    await world.desk.sweep()
    assert (await world.desk.get(request.id)).escalation == 100
    await world.notices.send_due()
    assert server.mails == []


async def test_each_step_has_its_own(world: World, server: MailServer) -> None:
    """100 % is told anew; a jump over several steps is told once."""
    await at_90(world)
    await world.notices.send_due()
    world.clock.advance(DAY)
    await world.desk.sweep()
    await world.notices.send_due()
    await world.desk.register(Registration("9001", "+4740001299"))
    world.clock.advance(7 * DAY)
    await world.desk.sweep()
    await world.notices.send_due()
    assert len(server.mails) == 3
    assert [m.split(" % av")[0][-3:].strip() for m in server.mails] == ["90", "100", "100"]


@pytest.mark.parametrize("way", ["acknowledged", "ended"])
async def test_no_longer_needed(world: World, server: MailServer, way: str) -> None:
    """Who has acknowledged, or ended it, before it goes out, spares the others."""
    request = await at_90(world)
    if way == "ended":
        await world.desk.withdraw(request.id, "caller")
    else:
        await world.desk.acknowledge(request.id, "ola")
    await world.notices.send_due()
    assert server.mails == []


async def test_with_a_link(world: World, server: MailServer) -> None:
    """Where the address of the pages is known it stands there, without anything personal."""
    service = world.config.settings.service.model_copy(update={"public_url": "https://tast1.example.org/"})
    settings = world.config.settings.model_copy(update={"service": service})
    world.desk.use_config(world.config.model_copy(update={"settings": settings}))
    request = await at_90(world)
    await world.notices.send_due()
    mail = message_from_string(server.mails[0], policy=policy.default)
    assert f"https://tast1.example.org/requests/{request.id}" in mail.get_content()


@pytest.mark.parametrize(
    ("refuse", "told"),
    [
        (("RCPT", "550 nobody here"), [("notice_failed", "smtp_550")]),
        (("MAIL", "550 not you"), [("notice_failed", "smtp_550")]),
        (("RCPT", "450 later"), []),
        (("DATA", "451 later"), []),
        (("MAIL", "421 busy"), []),
    ],
)
async def test_refused(
    world: World, server: MailServer, refuse: tuple[str, str], told: list[tuple[str, str | None]]
) -> None:
    """5xx is final, 4xx is later."""
    server.refuse = refuse
    request = await at_90(world)
    await world.notices.send_due()
    assert await world.told(request) == told
    server.refuse = None
    world.clock.advance(MINUTE)
    await world.notices.send_due()
    assert len(server.mails) == (0 if told else 1)


async def test_dropped_in_the_middle(world: World, server: MailServer) -> None:
    """The server read it and hung up: uncertain, and not sent again."""
    server.drop = True
    request = await at_90(world)
    await world.notices.send_due()
    assert await world.told(request) == [("notice_uncertain", "no_connection")]
    server.drop = False
    world.clock.advance(DAY)
    await world.notices.send_due()
    assert server.mails == []


async def test_without_starttls_nothing_is_sent(world: World, server: MailServer) -> None:
    """A server that offers no encryption gets no mail where encryption is asked for."""
    settings = over_mail(server)
    assert settings.email is not None
    safe = settings.model_copy(update={"email": settings.email.model_copy(update={"security": "starttls"})})
    changed = world.config.settings.model_copy(update={"notices": safe})
    world.desk.use_config(world.config.model_copy(update={"settings": changed}))
    request = await at_90(world)
    await world.notices.send_due()
    assert server.mails == []
    assert await world.told(request) == [("notice_failed", "smtp_unsupported")]


async def test_one_channel_does_not_wait_for_the_other(server: MailServer, tmp_path: Path) -> None:
    """The SMS gateway hangs; the e-mail goes out meanwhile."""
    async with Gateway([-1]).serve() as gateway:
        both = over_mail(server).model_copy(update={"sms": SmsService.HTTP, "http": over_http(gateway).http})
        async with opened(tmp_path, both) as world:
            await at_90(world)
            await world.missed("+4740001299")
            await world.notices.start()
            await until(lambda: len(server.mails) == 1)
            assert len(gateway.posts) <= 1
            await world.notices.stop(patience=timedelta(0))


async def test_from_before_there_were_steps(world: World, server: MailServer) -> None:
    """What was late long before the upgrade is shown, and nobody's mailbox is flooded."""
    request, _ = await world.desk.register(Registration("9001", CALLER))
    await world.store.write(lambda db: db.conn.execute("UPDATE request SET escalates_at = NULL").rowcount)
    world.clock.advance(7 * DAY)
    await world.desk.sweep()
    await world.notices.send_due()
    assert (await world.desk.get(request.id)).escalation == 100
    assert server.mails == []
