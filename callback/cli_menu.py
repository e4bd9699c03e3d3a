"""`tast1 menu try` and `tast1 menu draw`: an office's menu in the terminal, against a list that is thrown away.

The same machine, runner and desk as on the telephone; only the line is a terminal. It must never open a real list.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from pydantic import TypeAdapter

from callback.cli_policy import instant
from callback.desk import Desk
from callback.logs import configure_logging
from callback.numbers import caller_number
from callback.request import CallbackRequest
from callback.store import RequestQuery
from callback.store_memory import MemoryStore
from config.load import load
from config.model import Config, LineName, Office
from hardware.line import (
    CallOffered,
    Command,
    Dial,
    DigitsEntered,
    EventSink,
    Hangup,
    LegEnded,
    LegOutcome,
    LineStatus,
    NoInput,
    Prompt,
)
from ivr.menu_drawing import draw_menu
from ivr.prompts import Catalogue
from ivr.runner import Runner
from scheduler.clock import ManualClock

SILENCE = "-"
HANG_UP = "x"
_LEG = "terminal"
_REQUESTS = TypeAdapter(list[CallbackRequest])


class TerminalLine:
    """One call. Prints what the caller hears; presses `keys`, one answer for each question, or asks the terminal."""

    def __init__(self, keys: Iterable[str] | None, catalogue: Catalogue, now: datetime) -> None:
        self._keys: Iterator[str] | None = None if keys is None else iter(keys)
        self._catalogue = catalogue
        self._since = now
        self._sink: EventSink | None = None
        self.over = asyncio.Event()

    async def start(self, sink: EventSink) -> None:
        self._sink = sink

    async def stop(self) -> None:
        return

    async def send(self, command: Command) -> None:
        match command:
            case Prompt():
                await self._prompt(command)
            case Dial():
                print(f"      (rings {command.to}; nobody answers here)")
                self._tell(LegEnded(command.peer, LegOutcome.NO_ANSWER))
            case Hangup():
                print("      (we hang up)")
                self._end()

    async def last_words(self, leg: str) -> LegEnded | None:
        return None

    def status(self) -> LineStatus:
        return LineStatus("terminal", up=True, since=self._since, detail="")

    def offer(self, to: str, caller: str | None) -> None:
        self._tell(CallOffered(_LEG, to, caller))

    async def _prompt(self, prompt: Prompt) -> None:
        for item in prompt.items:
            print(f"{item:<34} {self._catalogue.text(item)}")
        if prompt.digits == 0:
            self._tell(NoInput(prompt.leg))
            return
        pressed = await self._pressed(prompt.digits)
        print(f"  > {pressed}")
        if pressed == HANG_UP:
            self._end()
        elif pressed in (SILENCE, ""):
            self._tell(NoInput(prompt.leg))
        else:
            self._tell(DigitsEntered(prompt.leg, pressed[: prompt.digits]))

    async def _pressed(self, digits: int) -> str:
        if self._keys is not None:
            return next(self._keys, SILENCE)
        what = "a key" if digits == 1 else f"up to {digits} keys"
        try:
            return (await asyncio.to_thread(input, f"  press {what} (- silence, x hang up): ")).strip()
        except EOFError:
            return HANG_UP

    def _end(self) -> None:
        self._tell(LegEnded(_LEG, LegOutcome.ENDED, answered=True))
        self.over.set()  # the machine has done all it had to: what it says of the end needs no one

    def _tell(self, event: CallOffered | DigitsEntered | NoInput | LegEnded) -> None:
        assert self._sink is not None
        self._sink(event)


def office_of(config: Config, office_no: str) -> Office:
    """Raises ValueError with what there is."""
    office = config.office(office_no)
    if office is None:
        known = ", ".join(f"{office.office_no} {office.name}" for office in config.offices)
        raise ValueError(f"no office {office_no!r}; there are: {known}")
    return office


def register(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    verb: Callable[..., argparse.ArgumentParser],
) -> None:
    """The sub-commands; `verb` makes a parser that takes the options all commands take."""
    menu = verbs.add_parser("menu", help="what callers can press").add_subparsers(required=True)
    played = verb(
        menu, "try", "play an office's menu in the terminal, against a list that is thrown away", _try
    )
    played.add_argument("office_no", metavar="OFFICE_NO")
    played.add_argument("--at", metavar="WHEN", help="local time, ISO: 2026-12-23T14:50 (default: now)")
    played.add_argument(
        "--from", dest="caller", metavar="NUMBER", help="the caller's number (default: withheld)"
    )
    played.add_argument(
        "--keys", metavar="KEYS", help="answers, with commas between: 1,-,2,40001234 (- silence, x hang up)"
    )
    drawn = verb(menu, "draw", "print an office's menu as a picture (SVG)", _draw)
    drawn.add_argument("office_no", metavar="OFFICE_NO")


def _try(options: argparse.Namespace) -> int:
    config = load(options.config, os.environ, line=LineName.SIMULATED)
    configure_logging("error")
    at = datetime.now(UTC) if options.at is None else instant(options.at)
    caller = None
    if options.caller is not None:
        caller = caller_number(options.caller)
        if caller is None:
            raise ValueError(f"not a telephone number: {options.caller!r}; write it as +47 and eight digits")
    keys = None if options.keys is None else options.keys.split(",")
    print(as_json(asyncio.run(try_menu(config, options.office_no, at, caller, keys))))
    return 0


def _draw(options: argparse.Namespace) -> int:
    config = load(options.config, os.environ, line=LineName.SIMULATED)
    print(draw_command(config, options.office_no))
    return 0


async def try_menu(
    config: Config, office_no: str, at: datetime, caller: str | None, keys: Iterable[str] | None
) -> list[CallbackRequest]:
    """Play one call at an instant and print it; returns the requests that came of it."""
    office = office_of(config, office_no)
    store = MemoryStore()
    clock = ManualClock(at)
    line = TerminalLine(keys, Catalogue.load(), at)
    runner = Runner(line, "terminal", Desk(store, config, clock))
    await store.open()
    await runner.start()
    line.offer(office.public_number, caller)
    await line.over.wait()
    await runner.stop()
    return await store.find(RequestQuery())


def as_json(requests: Iterable[CallbackRequest]) -> str:
    """The requests as the list holds them."""
    return _REQUESTS.dump_json(list(requests), indent=2).decode()


def draw_command(config: Config, office_no: str) -> str:
    """The menu of an office as SVG."""
    office = office_of(config, office_no)
    return draw_menu(config.menu_of(office), Catalogue.load(), f"{office.name}: {office.menu}")
