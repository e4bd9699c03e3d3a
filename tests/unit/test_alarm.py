"""The alarm: sweeps come, never overlap, and survive their own failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from scheduler.alarm import JOB_DEFAULTS, Alarm
from scheduler.clock import ManualClock

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
OFTEN = timedelta(milliseconds=10)
NEVER = timedelta(hours=1)


class Sweeps:
    """Counts sweeps; `done` gets an item at the end of each."""

    def __init__(self) -> None:
        self.done: asyncio.Queue[int] = asyncio.Queue()
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1
        self.done.put_nowait(self.count)

    async def next(self) -> int:
        async with asyncio.timeout(5):
            return await self.done.get()


@asynccontextmanager
async def running(
    sweep: Callable[[], Awaitable[None]], every: timedelta = NEVER, clock: ManualClock | None = None
) -> AsyncIterator[Alarm]:
    alarm = Alarm(sweep, clock or ManualClock(NOW), every)
    alarm.start()
    try:
        yield alarm
    finally:
        await alarm.stop(patience=timedelta(seconds=1))


async def test_sweeps_at_the_start_and_then_regularly() -> None:
    """The first sweep comes at once, the others at the interval."""
    sweeps = Sweeps()
    async with running(sweeps, OFTEN):
        assert [await sweeps.next() for _ in range(3)] == [1, 2, 3]


async def test_a_clock_that_steps_back_does_not_stop_the_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler waits for a wall clock that went back; the sweeps come all the same."""
    monkeypatch.setattr(AsyncIOScheduler, "add_job", lambda *args, **options: None)
    sweeps = Sweeps()
    async with running(sweeps, OFTEN):
        assert [await sweeps.next() for _ in range(3)] == [1, 2, 3]


async def test_wakes_earlier_when_asked() -> None:
    """A wake-up brings a sweep long before the regular one, measured on the given clock."""
    sweeps = Sweeps()
    async with running(sweeps) as alarm:
        await sweeps.next()
        alarm.wake_at(NOW + timedelta(milliseconds=20))
        assert await sweeps.next() == 2


async def test_a_wake_up_in_the_past_means_now() -> None:
    """A moment that has passed, even by days, is swept at once and not dropped."""
    sweeps = Sweeps()
    async with running(sweeps) as alarm:
        await sweeps.next()
        alarm.wake_at(NOW - timedelta(days=3))
        assert await sweeps.next() == 2


async def test_a_later_wake_up_does_not_replace_an_earlier_one() -> None:
    """Each moment asked for brings its own sweep."""
    sweeps = Sweeps()
    async with running(sweeps) as alarm:
        await sweeps.next()
        alarm.wake_at(NOW + timedelta(milliseconds=20))
        alarm.wake_at(NOW + timedelta(hours=5))
        assert await sweeps.next() == 2


async def test_sweeps_never_overlap_and_a_signal_meanwhile_is_kept() -> None:
    """Wake-ups during a slow sweep give exactly one more sweep, after it."""
    entered, release = asyncio.Event(), asyncio.Event()
    sweeps, inside, most = Sweeps(), 0, 0

    async def slow() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        entered.set()
        await release.wait()
        inside -= 1
        await sweeps()

    async with running(slow) as alarm, asyncio.timeout(5):
        await entered.wait()
        entered.clear()
        for n in range(5):
            alarm.wake_at(NOW - timedelta(seconds=n))
        while len(alarm._scheduler.get_jobs()) > 1:  # noqa: ASYNC110 - until the wake-ups have gone off
            await asyncio.sleep(0)
        for _ in range(5):  # and their tasks run
            await asyncio.sleep(0)
        assert sweeps.count == 0
        release.set()
        await entered.wait()
        assert [await sweeps.next(), await sweeps.next()] == [1, 2]
    assert (most, sweeps.count) == (1, 2)


async def test_a_failing_sweep_is_logged_and_the_next_still_happens() -> None:
    """An exception is logged and remembered, and forgotten again when a sweep goes well."""
    sweeps, failures = Sweeps(), [OSError("disk full")]

    async def failing_once() -> None:
        await sweeps()
        if failures:
            raise failures.pop()

    with structlog.testing.capture_logs() as logs:
        async with running(failing_once) as alarm:
            await sweeps.next()
            alarm.wake_at(NOW)
            await sweeps.next()
            first_error = [entry["event"] for entry in logs]
        assert first_error == ["sweep_failed"]
    assert alarm.last_error is None


async def test_the_last_error_tells_type_and_message() -> None:
    """The status page is told what went wrong, and when the sweep ended."""
    clock, sweeps = ManualClock(NOW), Sweeps()

    async def failing() -> None:
        clock.advance(timedelta(seconds=2))
        await sweeps()
        raise OSError("disk full")

    with structlog.testing.capture_logs():
        async with running(failing, clock=clock) as alarm:
            assert (alarm.last_sweep, alarm.last_error) == (None, None)
            await sweeps.next()
    assert alarm.last_error == "OSError: disk full"
    assert alarm.last_sweep == NOW + timedelta(seconds=2)


async def test_stop_lets_a_sweep_finish_and_starts_no_other() -> None:
    """A sweep under way at the stop is finished, and nothing sweeps afterwards."""
    entered, release, finished = asyncio.Event(), asyncio.Event(), 0

    async def slow() -> None:
        nonlocal finished
        entered.set()
        await release.wait()
        finished += 1

    alarm = Alarm(slow, ManualClock(NOW), OFTEN)
    alarm.start()
    async with asyncio.timeout(5):
        await entered.wait()
        stopping = asyncio.create_task(alarm.stop())
        release.set()
        await stopping
    assert finished == 1


async def test_stop_cancels_a_sweep_that_hangs() -> None:
    """A sweep that never ends does not keep the service from stopping."""
    entered = asyncio.Event()

    async def hanging() -> None:
        entered.set()
        await asyncio.Event().wait()

    alarm = Alarm(hanging, ManualClock(NOW))
    alarm.start()
    async with asyncio.timeout(5):
        await entered.wait()
        await alarm.stop(patience=timedelta(milliseconds=10))


async def test_soon_is_once_within_a_second() -> None:
    """However often it is asked for; and then again."""
    sweeps = Sweeps()
    async with running(sweeps) as alarm:
        await sweeps.next()
        for more in (2, 3):
            for _ in range(100):
                alarm.wake_soon()
            assert await sweeps.next() == more
        await asyncio.sleep(0.05)
        assert sweeps.count == 3


async def test_stop_without_start_does_nothing() -> None:
    """Stopping what never ran is no error."""
    await Alarm(Sweeps(), ManualClock(NOW)).stop()


async def test_a_naive_wake_up_is_refused() -> None:
    """A moment without a time zone is refused, not guessed."""
    async with running(Sweeps()) as alarm:
        with pytest.raises(ValueError, match="naive"):
            alarm.wake_at(datetime.fromisoformat("2026-11-23T09:00"))


def test_late_jobs_are_never_dropped() -> None:
    """APScheduler's own one-second grace is off."""
    assert JOB_DEFAULTS["misfire_grace_time"] is None
