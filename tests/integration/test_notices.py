"""SMS to callers: once for each attempt, only what is true, whatever the gateway does and whenever the service dies."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from callback.channels import channels_of
from callback.desk import Registration
from callback.notice import NoticeState
from callback.notices import Notices
from callback.request import AttemptOutcome, CallbackRequest, Origin, Reason
from callback.store import Change, StoreUnavailable
from config.model import NoticeSettings, SmsService, TwilioSmsSettings
from hardware.twilio.rest import Http
from hardware.twilio.sms import TwilioSms
from tests.e2e.waiting import until
from tests.integration.notice_world import TOKEN, Gateway, World, opened, over_http
from tests.offices import CALLER

MINUTE = timedelta(minutes=1)
WORDS = "Vi prøvde å ringe deg. Vi prøver igjen i dag mellom 9 og 11. Ring oss på samme nummer, så kommer du rett gjennom."
SENT, FAILED, UNCERTAIN = "notice_sent", "notice_failed", "notice_uncertain"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway().serve() as gateway:
        yield gateway


@pytest.fixture
async def world(gateway: Gateway, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path, over_http(gateway)) as world:
        yield world


async def test_missed_caller_is_told_once(world: World, gateway: Gateway) -> None:
    """One SMS with these words to that number, a line on record, and nothing at the next round."""
    request = await world.missed()
    await world.notices.send_due()
    ((body, headers),) = gateway.posts
    assert body == {"to": CALLER, "text": WORDS}
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert await world.told(request) == [(SENT, None)]
    world.clock.advance(timedelta(hours=1))
    await world.notices.send_due()
    assert len(gateway.posts) == 1
    (status,) = await world.notices.status()
    assert (status.name, status.up, status.waiting, status.failed, status.uncertain) == ("sms", True, 0, 0, 0)
    assert status.last_sent is not None


async def test_one_for_each_attempt(world: World, gateway: Gateway) -> None:
    """The next attempt in vain has its own SMS, in the language of the request."""
    request = await world.missed(language="uk")
    await world.notices.send_due()
    world.clock.advance(timedelta(hours=1))
    await world.rung(await world.desk.get(request.id), AttemptOutcome.BUSY)
    await world.notices.send_due()
    assert [body["text"][:9] for body, _ in gateway.posts] == ["Ми вам те", "Ми вам те"]


async def test_who_is_not_told(world: World, gateway: Gateway) -> None:
    """Landline, number given by staff, our own failure, a colleague who did not press 1: no row at all."""
    await world.missed("+4773000099")
    await world.missed("+4740001001", origin=Origin.STAFF)
    await world.missed("+4740001002", AttemptOutcome.LINE_FAILED)
    await world.missed("+4740001003", AttemptOutcome.INVALID)
    await world.notices.send_due()
    assert gateway.posts == []
    assert await world.store.notice_counts() == []


@pytest.mark.parametrize(
    "way", ["discreet", "urgent_and_rang_back", "again", "rung_again", "withdrawn", "never_call"]
)
async def test_dropped(world: World, gateway: Gateway, way: str) -> None:
    """What is no longer true or allowed when its turn comes is not sent."""
    request = await world.missed()
    if way == "discreet":
        await world.desk.set_discreet(request.id, True, "caller")
    elif way == "urgent_and_rang_back":
        await world.desk.set_urgent(request.id, Reason.NO_FOOD, "caller")
        assert await world.desk.rang_back("9001", CALLER) is not None
    elif way == "again":
        await world.desk.register(Registration("9001", CALLER))
    elif way == "rung_again":
        await world.desk.start_attempt(request.id, "ola", "a2")
    elif way == "withdrawn":
        await world.desk.withdraw(request.id, "caller")
    else:
        await world.desk.never_call(CALLER, "command_line")
    await world.notices.send_due()
    assert gateway.posts == []
    assert [c.state for c in await world.store.notice_counts()] == [NoticeState.DROPPED]
    assert await world.told(request) == []


@pytest.mark.parametrize(
    ("hours", "told"),
    [(None, None), (0, None), (25, "Vi prøver igjen i morgen mellom 10 og 12."), (10, None)],
    ids=["none is booked", "gone by the next attempt", "booked for tomorrow", "booked for the evening"],
)
async def test_interpreter(world: World, gateway: Gateway, hours: int | None, told: str | None) -> None:
    """Only a time at which they are rung is told: when the interpreter is there, and within phone hours."""
    request = await world.missed()
    at = None if hours is None else world.clock.now() + timedelta(hours=hours)
    if hours == 0:
        at = world.clock.now() - 30 * MINUTE
    await world.desk.set_interpreter(request.id, True, at, "kari")
    await world.notices.send_due()
    assert [body["text"].split(". ")[1] + "." for body, _ in gateway.posts] == ([told] if told else [])


async def test_a_plan_that_moved_is_told_right(world: World, gateway: Gateway) -> None:
    """The words are made when it goes out, from the plan as it is then; after closing nobody is asked to ring."""
    await world.missed()
    gateway.statuses = [503, 200]
    await world.notices.send_due()
    world.clock.advance(timedelta(hours=8))
    await world.notices.send_due()
    text = gateway.posts[-1][0]["text"]
    assert text == "Vi prøvde å ringe deg. Vi prøver igjen i morgen mellom 9 og 11."


async def test_night(world: World, gateway: Gateway) -> None:
    """At night it waits, and goes out in the morning if it is still true."""
    gateway.statuses = [503, 200]
    still, reached = await world.missed(), await world.missed("+4740001299")
    await world.notices.send_due()
    world.clock.advance(timedelta(hours=13))
    await world.notices.send_due()
    assert len(gateway.posts) == 1
    await world.desk.withdraw(reached.id, "caller")
    world.clock.advance(timedelta(hours=10))
    await world.notices.send_due()
    assert len(gateway.posts) == 2
    assert await world.told(still) == [(SENT, None)]
    assert "i dag mellom 9 og 11" in gateway.posts[-1][0]["text"]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_down_and_up(world: World, gateway: Gateway, status: int) -> None:
    """A gateway that cannot just now is tried again after a minute; the status page says so meanwhile."""
    gateway.statuses = [status, 200]
    request = await world.missed()
    await world.notices.send_due()
    (down,) = await world.notices.status()
    assert (down.up, down.why, down.waiting) == (False, f"http_{status}", 1)
    await world.notices.send_due()
    assert len(gateway.posts) == 1
    world.clock.advance(MINUTE)
    await world.notices.send_due()
    assert len(gateway.posts) == 2
    assert await world.told(request) == [(SENT, None)]
    assert (await world.notices.status())[0].up


async def test_ten_tries(world: World, gateway: Gateway) -> None:
    """Then it is given up, counted and on record."""
    gateway.statuses = [500]
    request = await world.missed()
    for _ in range(120):
        await world.notices.send_due()
        world.clock.advance(MINUTE)
    assert len(gateway.posts) == 10
    assert await world.told(request) == [(FAILED, "http_500")]
    assert (await world.notices.status())[0].failed == 1


@pytest.mark.parametrize(
    ("status", "up"), [(400, True), (422, True), (302, True), (401, False), (404, False)]
)
async def test_refused(world: World, gateway: Gateway, status: int, up: bool) -> None:
    """Final at once, with the reason; only a refusal that is of us says that the channel is down."""
    gateway.statuses = [status]
    request = await world.missed()
    await world.notices.send_due()
    world.clock.advance(timedelta(hours=1))
    await world.notices.send_due()
    assert len(gateway.posts) == 1
    assert await world.told(request) == [(FAILED, f"http_{status}")]
    (channel,) = await world.notices.status()
    assert (channel.up, channel.failed) == (up, 1)


async def test_no_answer_is_uncertain(world: World, gateway: Gateway) -> None:
    """It was read, and the connection broke: perhaps it went out, so it is never sent again."""
    gateway.statuses = [0, 200]
    request = await world.missed()
    await world.notices.send_due()
    world.clock.advance(timedelta(hours=1))
    await world.notices.send_due()
    assert len(gateway.posts) == 1
    assert await world.told(request) == [(UNCERTAIN, "no_answer")]
    assert (await world.notices.status())[0].uncertain == 1


async def test_with_a_key_it_is_sent_again(gateway: Gateway, tmp_path: Path) -> None:
    """Where the gateway takes a key, what is uncertain goes out again with the same key."""
    gateway.statuses = [0, 200]
    async with opened(
        tmp_path, over_http(gateway, key="id", format="form", fields={"from": "12345"})
    ) as world:
        request = await world.missed()
        await world.notices.send_due()
        world.clock.advance(MINUTE)
        await world.notices.send_due()
        (first, _), (second, _) = gateway.posts
        assert first == second
        assert first["from"] == "12345"
        assert CALLER not in first["id"]
        assert await world.told(request) == [(SENT, None)]


async def test_no_connection(gateway: Gateway, tmp_path: Path) -> None:
    """Nothing was sent for certain: tried again."""
    settings = over_http(gateway)
    assert settings.http is not None
    closed = settings.model_copy(
        update={"http": settings.http.model_copy(update={"url": "http://127.0.0.1:9/send"})}
    )
    async with opened(tmp_path, closed) as world:
        request = await world.missed()
        await world.notices.send_due()
        assert (await world.notices.status())[0].why == "no_connection"
        world.config = world.config.model_copy(
            update={"settings": world.config.settings.model_copy(update={"notices": settings})}
        )
        world.desk.use_config(world.config)  # a reload: the address was mended
        world.clock.advance(MINUTE)
        await world.notices.send_due()
        assert await world.told(request) == [(SENT, None)]


async def test_killed_before_it_was_sent(world: World, gateway: Gateway) -> None:
    """The row was written with the attempt: the next service sends it, once."""
    request = await world.missed()
    await world.close()
    await world.boot()
    await world.notices.start()
    await until(lambda: gateway.posts)
    await world.close()
    await world.boot()
    await world.notices.settle()
    await world.notices.send_due()
    assert len(gateway.posts) == 1
    assert await world.told(request) == [(SENT, None)]


@pytest.mark.parametrize("key", [None, "id"])
async def test_killed_while_it_was_sent(gateway: Gateway, tmp_path: Path, key: str | None) -> None:
    """Between sending and writing: nobody knows, so it is not sent again, unless the gateway takes a key."""
    gateway.statuses = [-1, 200]
    async with opened(tmp_path, over_http(gateway, key=key)) as world:
        request = await world.missed()
        await world.notices.start()
        await until(lambda: gateway.posts)
        await world.notices.stop(patience=timedelta(0))
        await world.store.close()
        await world.boot()
        await world.notices.settle()
        world.clock.advance(MINUTE)
        await world.notices.send_due()
        assert len(gateway.posts) == (1 if key is None else 2)
        assert await world.told(request) == [(UNCERTAIN, "crash") if key is None else (SENT, None)]


async def test_a_hanging_gateway_stops_nobody(world: World, gateway: Gateway) -> None:
    """Sweep and calls go on while the gateway never answers."""
    gateway.statuses = [-1]
    await world.missed()
    await world.notices.start()
    await until(lambda: gateway.posts)
    async with asyncio.timeout(2):
        await world.desk.sweep()
        await world.missed("+4740001299")
    await world.notices.stop(patience=timedelta(0))


async def test_nothing_configured(tmp_path: Path) -> None:
    """Nothing is written and nothing is sent; what waited when it was taken out of the configuration is dropped."""
    async with opened(tmp_path, NoticeSettings()) as world:
        await world.missed()
        await world.notices.send_due()
        assert await world.store.notice_counts() == []
        assert await world.notices.status() == []


async def test_taken_out_of_the_configuration(world: World, gateway: Gateway) -> None:
    """What waits then is dropped."""
    await world.missed()
    settings = world.config.settings.model_copy(update={"notices": NoticeSettings()})
    world.desk.use_config(world.config.model_copy(update={"settings": settings}))
    await world.notices.send_due()
    assert gateway.posts == []
    assert [c.state for c in await world.store.notice_counts()] == [NoticeState.DROPPED]


async def test_no_number_in_the_file(world: World) -> None:
    """The outbox holds ids and times only."""
    await world.missed()
    ((row,),) = (await world.store.read(lambda db: [tuple(r.values()) for r in db.table("notice").rows]),)
    assert not any(CALLER in str(value) or "Vi prøvde" in str(value) for value in row)


async def test_a_store_that_fails_just_then(
    world: World, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It went out and could not be written: it is not sent again, and is on record as soon as the store is back."""
    request, save = await world.missed(), world.store.save

    async def fails(*changes: Change) -> tuple[CallbackRequest, ...]:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(world.store, "save", fails)
    await world.notices.send_due()
    await world.notices.send_due()
    assert await world.told(request) == []
    monkeypatch.setattr(world.store, "save", save)
    await world.notices.send_due()
    await world.notices.send_due()
    assert await world.told(request) == [(SENT, None)]
    assert len(gateway.posts) == 1


# -- Twilio


TWILIO = TwilioSmsSettings(account_sid="AC" + "0" * 32, sender="+4740000009")


@pytest.fixture
async def twilio(gateway: Gateway, tmp_path: Path) -> AsyncIterator[World]:
    settings = NoticeSettings(sms=SmsService.TWILIO, twilio=TWILIO)
    async with opened(tmp_path, settings) as world:
        made = channels_of(world.secrets)

        async def pointed(settings: NoticeSettings) -> object:
            channels = await made(settings)
            assert isinstance(channels.sms, TwilioSms)
            channels.sms._client.api.base_url = gateway.url
            return channels

        world.notices = Notices(world.desk, pointed)  # type: ignore[arg-type]
        yield world


async def test_twilio(twilio: World, gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """The SDK posts the message with account and token; no log line holds the number."""
    gateway.statuses = [201]
    with caplog.at_level(logging.DEBUG):
        request = await twilio.missed()
        await twilio.notices.send_due()
    ((body, headers),) = gateway.posts
    assert (body["To"], body["From"], body["Body"], body["ValidityPeriod"]) == (
        CALLER,
        "+4740000009",
        WORDS,
        "7200",
    )
    login = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert login == f"{TWILIO.account_sid}:{TOKEN}"
    assert await twilio.told(request) == [(SENT, None)]
    assert CALLER not in caplog.text
    assert CALLER[3:] not in caplog.text


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, [(FAILED, "http_400")]),
        (401, [(FAILED, "http_401")]),
        (429, []),
        (500, [(UNCERTAIN, "http_500")]),
        (0, [(UNCERTAIN, "no_answer")]),
    ],
)
async def test_twilio_refuses(
    twilio: World, gateway: Gateway, status: int, told: list[tuple[str, str | None]]
) -> None:
    """Final, later, or unknown; and in any case one post, whatever the SDK would do by itself."""
    gateway.statuses = [status]
    request = await twilio.missed()
    await twilio.notices.send_due()
    assert len(gateway.posts) == 1
    assert await twilio.told(request) == told
    assert (await twilio.notices.status())[0].waiting == (0 if told else 1)


async def test_twilio_that_hangs(twilio: World, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is kept, which the SDK's own is not."""
    monkeypatch.setattr(Http.__init__, "__defaults__", (timedelta(seconds=0.2),))
    gateway.statuses = [-1]
    request = await twilio.missed()
    async with asyncio.timeout(5):
        await twilio.notices.send_due()
    assert await twilio.told(request) == [(UNCERTAIN, "no_answer")]


async def test_a_driver_with_a_fault(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises: uncertain, on record by its kind only, and the next notice is sent."""

    async def broken(self: object, to: str, text: str, key: str) -> None:
        raise RuntimeError(f"could not reach {to}")

    monkeypatch.setattr("hardware.sms_http.HttpSms.send", broken)
    request = await world.missed()
    await world.notices.send_due()
    assert await world.told(request) == [(UNCERTAIN, "RuntimeError")]
    monkeypatch.undo()
    other = await world.missed("+4740001299")
    await world.notices.send_due()
    assert await world.told(other) == [(SENT, None)]
