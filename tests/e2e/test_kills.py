"""Thirty deaths of the service and of the exchange while callers ring and callbacks ring out, on a real Asterisk."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from callback.request import OPEN
from callback.store_ledger import verify
from hardware.asterisk.local_pbx import LocalPbx
from tests.e2e.phones import Phone, PhoneError, Phones
from tests.e2e.service import Service
from tests.e2e.sip_exchange import BUSY, DECLINED, NO_ANSWER
from tests.e2e.sipp import Key, Load, Note, Pause, noted, place_calls
from tests.e2e.story import FALLBACK, LILLEVIK
from tests.e2e.waiting import until_answered

DEATHS = 30
RATE = 6
"""Callers a second."""
STEPS = (
    Note("answered"), Pause(timedelta(seconds=0.5)), Key("1"), Note("pressed"), Pause(timedelta(seconds=1))
)  # fmt: skip
_TIME_TO_TAKE_IT = 1.5
"""Seconds the service lives on after a key that must count: as long as the caller stays, and some."""
_BY_THEMSELVES = {'wrap_up = "1m"': 'wrap_up = "1s"', 'caseworker_ring = "25s"': 'caseworker_ring = "6s"'}
SEED = 20261122


@dataclass(slots=True)
class Town:
    """The service, its exchange, and what must hold of both."""

    service: Service
    pbx: LocalPbx
    public: Phones
    alive: list[tuple[float, float]] = field(default_factory=list)
    """When both were up, in seconds since the epoch."""
    clocks: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def rows(self, sql: str) -> list[tuple[str, ...]]:
        """As another program reads the file."""
        path = self.service.directory / "data" / "tast1.sqlite3"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(sql).fetchall()

    def look(self) -> None:
        """Nobody is lost, no clock has moved, nobody is rung twice, and no call is without its attempt."""
        found = {
            row[0]: row[1:]
            for row in self.rows("SELECT id, registered_at, due_at, answer_by_date, office_no FROM request")
        }
        assert {key: found.get(key) for key in self.clocks} == self.clocks
        self.clocks = found
        open_states = ", ".join(f"'{state}'" for state in OPEN)
        assert (
            self.rows(f"SELECT id FROM request WHERE state IN ({open_states}) AND next_attempt_at IS NULL")
            == []
        )
        numbers = [phone for (phone,) in self.rows("SELECT phone FROM request")]
        assert len(numbers) == len(set(numbers)), "two requests for one caller"
        assert self.public.exchange.twice <= {FALLBACK}, "rung while their telephone rang already"
        tries = dict(
            self.rows("SELECT phone, count(*) FROM attempt WHERE ringing_at IS NOT NULL GROUP BY phone")
        )
        for number in {call.number for call in self.public.exchange.calls} - {FALLBACK}:
            assert self.public.exchange.offered(number) <= int(tries.get(number, 0)), (
                "rung without an attempt"
            )

    def pressed_1(self, sipp: Path) -> set[str]:
        """Those who were answered and pressed 1 while everything was up, and stayed up for long enough to take it."""
        answered, pressed = noted(sipp, "answered"), noted(sipp, "pressed")
        return {
            number
            for number, at in pressed.items()
            if any(up < answered[number] and at + _TIME_TO_TAKE_IT < down for up, down in self.alive)
        }


@pytest.mark.long
async def test_thirty_deaths(pbx: LocalPbx, public: Phones, office: Phones, tmp_path: Path) -> None:
    """Whoever pressed 1 is on the list, exactly once, with the same clock; nobody's telephone rings twice at a time; each
    call has its attempt, every attempt ends, and the ledger's chain is whole."""
    chance = random.Random(SEED)
    public.exchange.otherwise = (NO_ANSWER, BUSY, NO_ANSWER, DECLINED)
    staff = [await office.phone(extension) for extension in ("201", "202", "203")]
    async with Service(tmp_path / "service", changes=_BY_THEMSELVES) as service:
        town = Town(service, pbx, public)
        await service.line_up()
        at_work = [asyncio.create_task(_accepts_everything(phone)) for phone in staff]
        load = asyncio.create_task(
            place_calls(
                Load(
                    LILLEVIK,
                    10_000,
                    RATE,
                    STEPS,
                ),
                tmp_path / "sipp",
            )
        )
        try:
            for death in range(DEATHS):
                await _lives_and_dies(town, chance, exchange=death % 6 == 5)
                await asyncio.to_thread(town.look)
            assert not load.done()
        finally:
            for task in (load, *at_work):
                task.cancel()
            await asyncio.gather(load, *at_work, return_exceptions=True)
        for phone in staff:
            await phone.close()  # those who were in a call with a dead exchange
        await until_answered(lambda: _is_quiet(town), 60, "every attempt has ended", every=0.5)
        town.look()
    listed = {phone for (phone,) in town.rows("SELECT phone FROM request")}
    pressed = town.pressed_1(tmp_path / "sipp")
    assert len(pressed) > 50
    assert pressed <= listed
    assert len(public.exchange.calls) > 10, "callbacks were ringing all the while"
    assert verify(service.directory / "data" / "tast1.sqlite3").bad is None


async def _lives_and_dies(town: Town, chance: random.Random, *, exchange: bool) -> None:
    service = town.service
    await service.take_calls("kari", "ola", "sami")
    up = time.time()
    await asyncio.sleep(chance.uniform(2, 3.5))
    town.alive.append((up, time.time()))
    if exchange:
        await town.pbx.kill()
        town.public.exchange.forget()
        await town.pbx.start()
    else:
        await service.kill()
        await asyncio.sleep(chance.uniform(0, 0.5))
        await service.start()
    await service.line_up()


async def _accepts_everything(phone: Phone) -> None:
    """Takes the telephone, listens for a moment, presses 1, and hangs up when it is over or nobody is there."""
    while True:
        with contextlib.suppress(PhoneError, AssertionError, TimeoutError):
            call = await (await phone.incoming(timeout=3600)).answer()
            for _ in range(16):
                await asyncio.sleep(0.7)
                if call.state != "up":
                    break
                await call.press("1")
            await call.hang_up()


async def _is_quiet(town: Town) -> bool:
    return town.rows("SELECT id FROM attempt WHERE ended_at IS NULL") == []
