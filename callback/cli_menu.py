"""`tast1 menu try` and `tast1 menu draw`: an office's menu in the terminal, against a list that is thrown away.

The same machine, runner and desk as on the telephone; only the line is a terminal. It must never open a real list.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter

from callback.cli_policy import instant
from callback.desk import Desk, Registration
from callback.logs import configure_logging
from callback.numbers import caller_number
from callback.request import CallbackRequest
from callback.store import RequestQuery
from callback.store_memory import MemoryStore
from config.load import load
from config.model import Config, LineName, Office
from hardware.line import (
    Abandon,
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
from ivr.names import own_prompts
from ivr.prompts import MUSIC, Catalogue
from ivr.runner import Runner
from scheduler.clock import ManualClock
from scheduler.deadline import words

SILENCE = "-"
HANG_UP = "x"
_ANSWER = re.compile(rf"[0-9*]+#?|{SILENCE}|{HANG_UP}")
_LEG = "terminal"
_IN_A_CALL = timedelta(hours=1)
_REQUESTS = TypeAdapter(list[CallbackRequest])


class WrongAnswer(ValueError):
    """An answer that no telephone could give here."""


def answers(text: str) -> list[str]:
    """`1,-,40001234` as the answers of a caller. Raises WrongAnswer."""
    found = [answer.strip() for answer in text.split(",")] if text else []
    for answer in found:
        if _ANSWER.fullmatch(answer) is None:
            raise WrongAnswer(
                f"not an answer: {answer!r}; write a key, a whole number, - (silence) or x (hang up), "
                "with commas between: 1,2,-,40001234"
            )
    return found


class TerminalLine:
    """One call. Prints what the caller hears; presses `keys`, one answer for each question, or asks the terminal."""

    def __init__(self, keys: Iterable[str] | None, catalogue: Catalogue, now: datetime) -> None:
        self._keys: Iterator[str] | None = None if keys is None else iter(keys)
        self._catalogue = catalogue
        self._since = now
        self._sink: EventSink | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """The call has ended; with an exception, where it could not be played to its end."""

    async def start(self, sink: EventSink) -> None:
        self._sink = sink

    async def stop(self) -> None:
        return

    async def send(self, command: Command) -> None:
        try:
            await self._obey(command)
        except (OSError, WrongAnswer) as error:  # nobody reads any more, or nothing can be pressed
            if not self.over.done():
                self.over.set_exception(error)

    async def _obey(self, command: Command) -> None:
        match command:
            case Prompt():
                await self._prompt(command)
            case Dial():
                print(f"      (rings {command.to}; nobody answers here)")
                self._tell(LegEnded(command.peer, LegOutcome.NO_ANSWER))
            case Hangup():
                print("      (we hang up)")
                self._end()
            case Abandon():
                print("      (something went wrong: the exchange's fall-back takes the call)")
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
        pressed = await self._pressed(prompt)
        print(f"  > {pressed}")
        if pressed == HANG_UP:
            self._end()
        elif pressed == SILENCE:
            self._tell(NoInput(prompt.leg))
        else:
            self._tell(DigitsEntered(prompt.leg, pressed.rstrip("#")[: prompt.digits]))

    async def _pressed(self, prompt: Prompt) -> str:
        """Raises WrongAnswer for one of `keys`; the terminal is asked again."""
        if self._keys is not None:
            nothing = HANG_UP if MUSIC in prompt.items else SILENCE  # nobody comes: they would wait for ever
            return _fitting(next(self._keys, nothing), prompt)
        what = "a key" if prompt.digits == 1 else f"up to {prompt.digits} keys"
        while True:
            try:
                typed = await asyncio.to_thread(input, f"  press {what} (- silence, x hang up): ")
                return _fitting((answers(typed.strip()) or [SILENCE])[0], prompt)
            except EOFError:
                return HANG_UP
            except WrongAnswer as error:
                print(f"      ({error})")

    def _end(self) -> None:
        self._tell(LegEnded(_LEG, LegOutcome.ENDED, answered=True))
        if not self.over.done():
            self.over.set_result(
                None
            )  # the machine has done all it had to: what it says of the end needs no one

    def _tell(self, event: CallOffered | DigitsEntered | NoInput | LegEnded) -> None:
        assert self._sink is not None
        self._sink(event)


def _fitting(answer: str, prompt: Prompt) -> str:
    """Many keys only where many are asked for."""
    if prompt.digits == 1 and len(answer) > 1:
        asked = prompt.items[-1] if prompt.items else "this question"
        raise WrongAnswer(
            f"{answer!r} is given where one key is asked for ({asked}); write commas between keys: "
            + ",".join(answer.rstrip("#"))
        )
    return answer


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
    played.add_argument("--listed", action="store_true", help="the caller is on the list already")
    played.add_argument(
        "--queue",
        action="store_true",
        help="colleagues take calls and are all in one: callers can wait on the line",
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
    keys = None if options.keys is None else answers(options.keys)
    office_of(config, options.office_no)
    played = try_menu(config, options.office_no, at, caller, keys, listed=options.listed, queue=options.queue)
    _tell_folder(options)
    print(as_json(asyncio.run(played)))
    return 0


def _draw(options: argparse.Namespace) -> int:
    config = load(options.config, os.environ, line=LineName.SIMULATED)
    picture = draw_command(config, options.office_no)
    _tell_folder(options)
    print(picture)
    return 0


def _tell_folder(options: argparse.Namespace) -> None:
    """Not where the picture or the requests go: they can be somebody else's input."""
    print(f"with the configuration in {options.config.resolve()}", file=sys.stderr, flush=True)


async def try_menu(
    config: Config,
    office_no: str,
    at: datetime,
    caller: str | None,
    keys: Iterable[str] | None,
    *,
    listed: bool = False,
    queue: bool = False,
) -> list[CallbackRequest]:
    """Play one call at an instant and print it; returns the requests that came of it. `listed`: one was there before.
    `queue`: the caller can wait on the line, as far as the office is open.

    Raises WrongAnswer, OSError when nobody reads what is printed."""
    office = office_of(config, office_no)
    store = MemoryStore()
    desk = Desk(store, config, ManualClock(at))
    line = TerminalLine(keys, Catalogue.load().with_own(own_prompts(config)), at)
    runner = Runner(line, "terminal", desk)
    await store.open()
    told = _setting(desk, office, at, caller)
    if listed:
        request, _ = await desk.register(Registration(office_no, caller, language=office.languages[0]))
        told += f", on the list already (reference {request.reference})"
    for person in config.caseworkers(office_no) if queue else ():
        await desk.set_ready(person.id, ready=True)
        await store.postpone_ready(person.id, at + _IN_A_CALL)
    print(told)
    await runner.start()
    try:
        line.offer(office.public_number, caller)
        await line.over
    finally:
        await runner.stop()
    return await store.find(RequestQuery())


def _setting(desk: Desk, office: Office, at: datetime, caller: str | None) -> str:
    """Who is rung, with which menu, when, by whom."""
    hours = "open" if desk.calendar(office.office_no).is_open(at) else "closed"
    who = "a withheld number" if caller is None else caller
    return f"{office.name} ({office.office_no}), {office.menu}, {words(at)} ({hours}), called from {who}"


def as_json(requests: Iterable[CallbackRequest]) -> str:
    """The requests as the list holds them."""
    return _REQUESTS.dump_json(list(requests), indent=2).decode()


def draw_command(config: Config, office_no: str) -> str:
    """The menu of an office as SVG."""
    office = office_of(config, office_no)
    return draw_menu(
        config.menu_of(office),
        Catalogue.load().with_own(own_prompts(config)),
        f"{office.name}: {office.menu}",
    )
