"""Events for the contact centre's own system: a row first, signed, sent until taken, told once of each change."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from callback.board import Board
from callback.desk import Desk
from callback.office_event import EventKind, EventState
from callback.store_memory import MemoryStore
from callback.webhooks import Webhooks
from config.webhooks import WebhookSettings
from hardware.webhook_http import WebhookHttp
from scheduler.clock import ManualClock
from tests.e2e.waiting import until
from tests.offices import MONDAY, config

KEY = b"k" * 32


@dataclass
class Receiver:
    """The contact centre's own system."""

    answers: list[int] = field(default_factory=list)
    """The next answers; then 204."""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.answers.pop(0) if self.answers else 204, headers={"Location": "/"})

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    @property
    def types(self) -> list[tuple[str, str]]:
        return [(event["office"]["office_no"], event["type"]) for event in self.events]


@dataclass
class World:
    clock: ManualClock
    store: MemoryStore
    desk: Desk
    board: Board
    webhooks: Webhooks
    receiver: Receiver
    post: WebhookHttp

    async def round(self) -> None:
        await self.webhooks.record(await self.board.read())
        await self.webhooks.send_due()

    def again(self) -> Webhooks:
        """As after a restart."""
        self.webhooks = Webhooks(self.desk, self.board, self.post.post, KEY)
        return self.webhooks


@pytest.fixture
async def world() -> AsyncIterator[World]:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/events", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    settings = config().settings.model_copy(update={"webhooks": WebhookSettings(url=url)})
    clock, store = ManualClock(MONDAY), MemoryStore()
    await store.open()
    desk = Desk(store, config().model_copy(update={"settings": settings}), clock)
    board, post = Board(desk), WebhookHttp()
    world = World(clock, store, desk, board, Webhooks(desk, board, post.post, KEY), receiver, post)
    await world.round()
    yield world
    await post.close()
    await runner.cleanup()


async def test_nothing_is_told_of_what_was_there(world: World) -> None:
    """The first table is where it begins; nothing is told twice, also after a restart."""
    await world.round()
    world.again()
    await world.round()
    assert world.receiver.got == []


async def test_each_change_is_one_event(world: World) -> None:
    """Confirmation, message, hours and duty, each with all that is shown of the office."""
    await world.desk.confirm_office("9001", "liv")
    await world.round()
    await world.desk.say_of_office("9002", "siv", "Stengt")
    await world.round()
    world.clock.advance(timedelta(hours=6))
    await world.round()
    (line,) = world.desk.config.on_call_lines
    line = line.model_copy(update={"number": "+4773000019"})
    world.desk.use_config(world.desk.config.model_copy(update={"lines": (line,)}))
    await world.round()
    told = world.receiver.types
    assert [*told[:2], *sorted(told[2:5]), *told[5:]] == [
        ("9001", "confirmation"), ("9002", "message"),
        ("9001", "duty"), ("9001", "hours"), ("9002", "hours"), ("9001", "duty"),
    ]  # fmt: skip
    first = world.receiver.events[0]
    assert (first["at"], first["office"]["confirmed_by"]) == ("2026-11-23T08:05:00Z", "Liv")
    assert first["office"]["on_call"][0]["number"] == "+4773000011"


async def test_the_signature(world: World) -> None:
    """HMAC-SHA256 over id, time and body, as Standard Webhooks say."""
    await world.desk.confirm_office("9001", "liv")
    await world.round()
    ((headers, body),) = world.receiver.got
    event_id, stamp = headers["webhook-id"], headers["webhook-timestamp"]
    assert (event_id, stamp) == (json.loads(body)["id"], str(int(MONDAY.timestamp())))
    mac = hmac.new(KEY, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [500, 429, 404, 302])
async def test_it_is_sent_until_it_is_taken(world: World, status: int) -> None:
    """With back-off, the same id and a new time; whoever looks sees that it is down; a redirect is not followed."""
    world.receiver.answers = [status, status]
    await world.desk.confirm_office("9001", "liv")
    await world.desk.confirm_office("9002", "siv")
    await world.round()
    assert len(world.receiver.got) == 1  # the other one need not find that out
    (down,) = await world.webhooks.status()
    assert (down.name, down.up, down.why, down.waiting) == ("webhook", False, f"http_{status}", 2)
    world.again()  # and after a restart
    await world.round()
    assert len(world.receiver.got) == 2
    world.clock.advance(timedelta(seconds=5))
    await world.round()
    assert sorted(world.receiver.types) == [("9001", "confirmation")] * 2 + [("9002", "confirmation")] * 2
    ids = [headers["webhook-id"] for headers, _ in world.receiver.got]
    assert len(set(ids)) == 2
    assert len({headers["webhook-timestamp"] for headers, _ in world.receiver.got}) == 2
    (up,) = await world.webhooks.status()
    assert (up.up, up.waiting, up.last_sent) == (True, 0, world.clock.now())


async def test_given_up(world: World) -> None:
    """After three days; what is not news any more stops nobody."""
    world.receiver.answers = [500] * 200
    await world.desk.confirm_office("9001", "liv")
    await world.round()
    for _ in range(80):
        world.clock.advance(timedelta(hours=1))
        await world.webhooks.send_due()
    counts = {count.state: count.count for count in await world.store.event_counts()}
    assert counts == {EventState.FAILED: 1}
    assert 70 <= len(world.receiver.got) <= 80


async def test_without_an_address_nothing_is_kept(world: World) -> None:
    """No row for nobody; and what changed meanwhile is told when there is one again."""
    before = world.desk.config
    none = before.settings.model_copy(update={"webhooks": WebhookSettings()})
    world.desk.use_config(before.model_copy(update={"settings": none}))
    await world.desk.confirm_office("9001", "liv")
    await world.round()
    assert await world.store.event_counts() == []
    assert await world.webhooks.status() == []
    world.desk.use_config(before)
    await world.round()
    assert world.receiver.types == [("9001", "confirmation")]


async def test_the_task(world: World) -> None:
    """Started, it tells of a change by itself."""
    await world.board.start()
    await world.webhooks.start()
    try:
        await world.desk.say_of_office("9001", "liv", "Stengt")
        await until(lambda: bool(world.receiver.got), 5, "an event")
    finally:
        await world.webhooks.stop()
        await world.board.stop()
    assert world.receiver.types == [("9001", "message")]
    assert EventKind(world.receiver.events[0]["type"]) is EventKind.MESSAGE
