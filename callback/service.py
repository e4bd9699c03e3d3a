"""The service: builds everything and keeps it running. The only place that knows all parts.

It starts with what it has: a missing PBX shows on the status page and is tried again; the list works.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import structlog
from aiohttp import web

from callback.access import Access
from callback.board import Board
from callback.channels import channels_of
from callback.desk import Desk
from callback.desk_duty_result import PAUSE
from callback.dispatch import Dispatch
from callback.feeds import Feeds
from callback.lines import exchange_of, make_line, sms_told_at
from callback.notices import ChannelStatus, Notices
from callback.reload import Reloader
from callback.request import CallbackError
from callback.store import Store
from callback.store_sqlite import SqliteStore
from callback.store_twilio import SqliteLegs
from callback.web.app import build_app, make_runner
from callback.web.context import Services
from callback.webhooks import Webhooks
from config.model import Config, Secrets
from config.rules_webhooks import webhook_key
from hardware.calendar_http import fetch_calendar
from hardware.line import Line
from hardware.lines import Lines
from hardware.webhook_http import WebhookHttp
from ivr.library import PromptLibrary
from ivr.listing import tags_of
from ivr.names import own_prompts
from ivr.prompts import Catalogue
from ivr.runner import Runner
from ivr.voice import Voice, VoiceUnavailable
from scheduler.alarm import Alarm
from scheduler.clock import Clock, SystemClock

log = structlog.get_logger(__name__)


DATABASE = "tast1.sqlite3"
"""The list, in the data folder."""


_LOCK_TRIES = 20
_LOCK_PAUSE = 0.05
"""Seconds. Who was killed a moment ago may not have let go of the folder yet."""


class DataInUse(CallbackError):
    """Another service runs on this data folder."""


@dataclass(frozen=True, slots=True)
class Running:
    """A service that is up, for tests and for what comes after `ready`."""

    config: Config
    services: Services
    store: Store
    desk: Desk
    runner: Runner
    line: Line
    url: str


@contextlib.asynccontextmanager
async def running(
    config: Config,
    secrets: Secrets,
    data: Path,
    *,
    clock: Clock | None = None,
    line: Line | None = None,
    reread: Callable[[], Config] | None = None,
) -> AsyncIterator[Running]:
    """Everything up, in order; everything down again, in reverse. `line` replaces the configured one; `reread` loads the
    configuration again (none: it stays).

    Raises DataInUse, StoreUnavailable when the data folder cannot be used, OSError when the port is taken."""
    clock = clock or SystemClock()
    started_at = clock.now()
    async with AsyncExitStack() as stack:
        stack.enter_context(_sole_user_of(data))
        store = SqliteStore(data / DATABASE)
        await store.open()
        stack.push_async_callback(store.close)
        library = prompt_library(data)
        desk = Desk(store, config, clock)
        line = line or await make_line(desk, secrets, SqliteLegs(store), library)
        runner = Runner(line, config.settings.service.line.value, desk, secrets.oncall_pin)
        dispatch = Dispatch(desk, runner)
        await runner.take_up()
        await dispatch.sweep(patience=timedelta(0))
        notices = Notices(desk, channels_of(secrets, config.settings.twilio, sms_told_at(config)))
        board = Board(desk)
        post = WebhookHttp()
        stack.push_async_callback(post.close)
        webhooks = Webhooks(desk, board, post.post, webhook_key(secrets.webhook_secret or ""))
        feeds = Feeds(desk, fetch_calendar)
        alarm = Alarm(_sweeper(dispatch, store, clock, notices), clock)
        runner.on_callback_ended = alarm.wake_soon
        runner.on_caller_gone = lambda: alarm.wake_soon() if dispatch.somebody_is_free else None
        runner.on_ask_back = lambda: alarm.wake_at(clock.now() + PAUSE)
        access = Access(store, config, clock)
        if secrets.demo_password:
            await access.give_demo_passwords(secrets.demo_password)
        warm = _warmer(stack, library)
        services = Services(
            clock=clock,
            desk=desk,
            access=access,
            ringer=dispatch,
            reloader=Reloader(reread or (lambda: config), desk, access, lambda: runner.calls_up, warm),
            library=library,
            heartbeat=alarm,
            lines=line.lines if isinstance(line, Lines) else (line,),
            channels=_channels(notices, webhooks),
            exchange=exchange_of(line),
            call_phase=runner.phase,
            board=board,
            calls_up=lambda: runner.calls_up,
            metrics_token=secrets.metrics_token,
            waits=runner.waits,
            started_at=started_at,
            version=version("tast1"),
            feeds=feeds.status,
        )
        url = await _serve_web(stack, services)
        await runner.start()
        stack.push_async_callback(runner.stop)
        await notices.start()
        stack.push_async_callback(notices.stop)
        await board.start()
        stack.push_async_callback(board.stop)
        await webhooks.start()
        stack.push_async_callback(webhooks.stop)
        await feeds.start()
        stack.push_async_callback(feeds.stop)
        alarm.start()
        stack.push_async_callback(alarm.stop)
        warm(config)
        log.info("ready", url=url, line=",".join(config.line_names), **await _ledger(store))
        yield Running(config, services, store, desk, runner, line, url)


async def serve(
    config: Config,
    secrets: Secrets,
    data: Path,
    announce: str = "",
    reread: Callable[[], Config] | None = None,
) -> None:
    """Run until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with running(config, secrets, data, reread=reread) as service:
        # What is here now stays: without it, a collection no longer keeps every caller waiting for 0.1 s.
        gc.collect()
        gc.freeze()
        if announce:
            print(announce.format(url=service.url), flush=True)
        await stop.wait()
        log.info("stopping", calls_up=service.runner.calls_up, **await _ledger(service.store))


async def _ledger(store: Store) -> dict[str, int | str]:
    """Where the ledger ends: in the log it is out of reach of whoever writes the chain anew."""
    head = await store.ledger_head()
    return {"ledger_lines": head.seq, "ledger_hash": head.hash}


def prompt_library(data: Path) -> PromptLibrary:
    """The prompts of a data folder; without speech on this machine, only its recordings."""
    try:
        voice = Voice()
    except VoiceUnavailable as error:
        log.warning("voice_unavailable", why=str(error))
        voice = None
    return PromptLibrary(Catalogue.load(), data / "prompts", data / "recordings", voice)


def prompt_tags(config: Config) -> list[str]:
    """All that prompts are heard in."""
    return tags_of(config.offices)


def _warmer(stack: AsyncExitStack, library: PromptLibrary) -> Callable[[Config], None]:
    """Makes the prompts of the configured languages in the background; those that are there cost nothing."""
    tasks: set[asyncio.Task[None]] = set()

    def warm(config: Config) -> None:
        library.use_own(own_prompts(config))
        task = asyncio.create_task(library.warm(prompt_tags(config)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def stop() -> None:
        for task in tasks:
            task.cancel()

    stack.callback(stop)
    return warm


def _channels(notices: Notices, webhooks: Webhooks) -> Callable[[], Awaitable[list[ChannelStatus]]]:
    """How everything does that tells others something."""

    async def status() -> list[ChannelStatus]:
        return [*await notices.status(), *await webhooks.status()]

    return status


def _sweeper(
    dispatch: Dispatch, store: Store, clock: Clock, notices: Notices
) -> Callable[[], Awaitable[None]]:
    async def sweep() -> None:
        await dispatch.sweep()
        notices.wake()
        await store.delete_sessions_before(clock.now())

    return sweep


@contextlib.contextmanager
def _sole_user_of(data: Path) -> Iterator[None]:
    """A second service on the same data would take the first one's calls for lost, and ring people twice. The lock dies
    with its process; the process number in the file is only for whoever reads it."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "lock").open("a+", encoding="ascii") as lock:
        for tries_left in reversed(range(_LOCK_TRIES)):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not tries_left:
                    raise DataInUse(_in_use(data, lock)) from None
                time.sleep(_LOCK_PAUSE)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _in_use(data: Path, lock: TextIO) -> str:
    lock.seek(0)
    process = f" (process {pid})" if (pid := lock.read().strip()) else ""
    return (
        f"another service runs on {data}{process}: stop it, or give this one its own --data."
        " The command line may be used beside it"
    )


async def _serve_web(stack: AsyncExitStack, services: Services) -> str:
    settings = services.config.settings.service
    web_runner = make_runner(build_app(services))
    await web_runner.setup()
    stack.push_async_callback(web_runner.cleanup)
    site = web.TCPSite(web_runner, settings.host, settings.port)
    await site.start()
    port = web_runner.addresses[0][1]
    return f"http://{settings.host}:{port}"
