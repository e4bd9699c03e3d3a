"""One call under our control: port commands in, AGI commands out, port events back. One at a time.

It must never leave a call it has finished with unmarked (`TAST1_DONE`), and never mark one it has not: the dialplan
plays the fall-back exactly when the mark is missing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import structlog

from hardware.asterisk import outcomes
from hardware.asterisk.agi_dial import CallSetup, PeerDial
from hardware.asterisk.fastagi import DEAD_CHANNEL, AgiGone, AgiSession
from hardware.asterisk.leg import Leg
from hardware.asterisk.missed_keys import MissedKeys
from hardware.asterisk.pbx_config import DONE_VARIABLE
from hardware.line import (
    Answer,
    Dial,
    DigitsEntered,
    Hangup,
    LegEnded,
    LegEvent,
    LegOutcome,
    NoInput,
    Prompt,
)

log = structlog.get_logger(__name__)

KEYS_VARIABLE: Final = "TAST1_KEYS"
_KEYS: Final = "0123456789*#"
_BEYOND_THE_END: Final = 999_999_999
"""Played from there a prompt is fetched and opened, and over before anything is heard."""
_SEARCH_SECONDS: Final = 5.0
"""How long a caller is let stand in silence to find out whether anything can be played."""

CallCommand = Answer | Prompt | Dial | Hangup


class AgiCall:
    """Works for one leg until the caller is gone, we hung up, or the connection is lost."""

    def __init__(self, leg: Leg, session: AgiSession, setup: CallSetup) -> None:
        self._leg = leg
        self._session = session
        self._setup = setup
        self._queue: deque[CallCommand] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._ahead = ""
        self._missed = MissedKeys()
        self._over = False
        self._dials = PeerDial(leg, session, setup)
        self.busy = False
        """An AGI command is running: a hang-up has to come from outside."""
        self.abandoned = False
        """The connection broke in the middle of a `Dial`: the conversation may be going on."""
        session.on_change = self._stir

    def put(self, command: CallCommand) -> None:
        """Carry this out after what is under way. After a `Hangup` nothing else is done."""
        if isinstance(command, Hangup):
            self._queue.clear()
        elif self._leg.cancelled:
            return
        self._queue.append(command)
        self._stir()

    def key_pressed(self, key: str) -> None:
        """The exchange tells of every key, whether a command listened or not."""
        self._missed.told(key)

    async def run(self) -> None:
        """Until the end of the call; its `LegEnded` has been emitted then (except when `abandoned`)."""
        try:
            while not self._over:
                command = await self._next()
                if command is None:
                    await self._caller_left()
                    break
                self.busy = True
                await self._carry_out(command)
                self.busy = False
        except AgiGone:
            self._lost()
        finally:
            self._session.close()

    async def _next(self) -> CallCommand | None:
        """The next command; None when the caller is gone."""
        while True:
            if self._session.hung_up:
                return None
            if self._session.closed:
                raise AgiGone
            if self._queue:
                return self._queue.popleft()
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake

    def abandon(self, outcome: LegOutcome | None = None) -> None:
        """Give the call back to the dialplan, which goes on to its fall-back. A conversation is not disturbed."""
        if self._leg.dialling is None and not self._over:
            self._end(outcome or (LegOutcome.ENDED if self._leg.answered else LegOutcome.FAILED))
        self._session.close()

    def cut(self) -> None:
        """The exchange does not know this call any more: nobody will answer on its connection."""
        self._session.abort()

    def _stir(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _carry_out(self, command: CallCommand) -> None:
        match command:
            case Answer():
                await self._answer()
            case Prompt():
                await self._prompt(command)
            case Dial():
                await self._dials.run(command)
                self._missed.forget()
            case Hangup():
                await self._hang_up()

    # ---- the end -----------------------------------------------------------------------------------------------

    async def _hang_up(self) -> None:
        await self._session.set_variable(DONE_VARIABLE, "1")
        self._end(LegOutcome.ENDED if self._leg.answered else LegOutcome.CANCELLED)
        await self._setup.settled.delete(self._session)
        await self._quietly("HANGUP")

    async def _caller_left(self) -> None:
        self._end(LegOutcome.ENDED if self._leg.answered else LegOutcome.CANCELLED)
        await self._quietly(f'SET VARIABLE {DONE_VARIABLE} "1"')

    async def _quietly(self, command: str) -> None:
        """The call is over for us: that the PBX is faster is no news."""
        try:
            await self._session.command(command)
        except AgiGone:
            log.debug("agi_gone_at_the_end", leg=self._leg.id)

    def _lost(self) -> None:
        """The connection ended without a hang-up: the PBX died, or the network between us."""
        if self._over:
            return
        if self._session.hung_up or self._leg.cancelled:
            self._end(LegOutcome.ENDED if self._leg.answered else LegOutcome.CANCELLED)
        elif self._leg.dialling is not None:
            self.abandoned = True
        else:
            self._end(LegOutcome.FAILED)

    def _end(self, outcome: LegOutcome) -> None:
        self._over = True
        cause = outcomes.NORMAL_CLEARING if outcome is LegOutcome.ENDED else None
        self._setup.emit(LegEnded(self._leg.id, outcome, cause, self._leg.answered))
        self._setup.go_on(self._leg)

    # ---- answer and prompts ------------------------------------------------------------------------------------

    async def _answer(self) -> None:
        """`Read` answers by itself: where a prompt that reads keys is next, there is then no moment in which a key
        is lost, and a round trip less."""
        if self._queue and isinstance(self._queue[0], Prompt) and self._queue[0].digits > 0:
            self._leg.answered = True
            return
        reply = await self._session.command("ANSWER")
        self._leg.answered = not reply.failed
        await self._session.is_gone(reply)

    async def _prompt(self, prompt: Prompt) -> None:
        if prompt.digits == 0:
            await self._announce(prompt)
            return
        await self._collect(prompt, [self._setup.prompt_url(item) for item in prompt.items])

    def _take_ahead(self, digits: int) -> str | None:
        """Keys pressed ahead, if they are enough; else they stay in `_ahead`."""
        wanted, end, _ = self._ahead.partition("#")
        if len(wanted) < digits and not end:
            return None
        entered = wanted[:digits]
        self._ahead = (
            self._ahead[len(entered) :] if len(wanted) >= digits else self._ahead[len(entered) + 1 :]
        )
        return entered

    async def _announce(self, prompt: Prompt) -> None:
        heard = not prompt.items
        for item in prompt.items:
            played = await self._play(self._setup.prompt_url(item))
            if played is None:
                return
            heard = heard or played
        if heard:
            self._tell(NoInput(prompt.leg))
        else:
            self._give_back(prompt)

    def _give_back(self, prompt: Prompt) -> None:
        """Nothing of it could be played, so the caller stands in silence: the exchange's own recording is for them."""
        log.warning("prompt_unplayable", leg=prompt.leg, items=len(prompt.items))
        if not self._leg.cancelled:
            self.abandon(LegOutcome.FAILED)

    async def _collect(self, prompt: Prompt, urls: list[str], *, again: bool = False) -> None:
        """Play and read. Keys pressed ahead have stopped the playing already."""
        self._ahead += self._missed.missed()
        entered = self._take_ahead(prompt.digits)
        if entered is not None:
            self._tell(DigitsEntered(prompt.leg, entered))
            return
        ahead, self._ahead = self._ahead, ""
        played = "" if ahead else "&".join(urls)
        outcome = await self._read(played, prompt.digits - len(ahead), prompt.timeout.total_seconds())
        if outcome is None:
            return
        status, keys = outcome
        if status == "ERROR" and played and not again:
            await self._collect_without(prompt, urls)
        elif status == "OK" or ahead or keys:
            self._tell(DigitsEntered(prompt.leg, ahead + keys))
        else:
            self._tell(NoInput(prompt.leg))

    async def _collect_without(self, prompt: Prompt, urls: list[str]) -> None:
        """The last item could not be played. Where another was heard, or the last has come meanwhile (it is played
        then), the keys are read; once, whatever happens."""
        log.warning("prompt_not_played", leg=prompt.leg, item=prompt.items[-1])
        give_up = asyncio.get_running_loop().time() + _SEARCH_SECONDS
        for url in reversed(urls):
            playable = await self._play(url, _BEYOND_THE_END)
            if playable is None:
                return
            if playable:
                await self._collect(prompt, [url] if url == urls[-1] else [], again=True)
                return
            if asyncio.get_running_loop().time() > give_up:
                break
        self._give_back(prompt)

    async def _read(self, urls: str, digits: int, seconds: float) -> tuple[str, str] | None:
        """(READSTATUS, keys); None when the caller hung up before they had pressed all.
        ERROR: the last item could not be fetched."""
        # 0 would mean Asterisk's own default of 10 s.
        reply = await self._session.execute(
            "Read", f"{KEYS_VARIABLE},{urls},{digits},,1,{max(seconds, 0.001):g}"
        )
        gone = await self._session.is_gone(reply)
        if reply.code == DEAD_CHANNEL:
            self._missed.distrust()
            return None
        # Also when they are gone: whoever pressed 1 and hung up in the same moment has pressed 1.
        values = await self._session.evaluate(f"${{READSTATUS}},${{{KEYS_VARIABLE}}}")
        status, _, keys = values.partition(",")
        self._missed.taken(f"{keys}#" if status == "OK" and len(keys) < digits else keys)
        keys = "".join(key for key in keys if key in _KEYS)
        if (gone or status == "HANGUP") and len(keys) < digits:
            self._session.hung_up = True
            return None
        return status, keys

    async def _play(self, url: str, offset: int = 0) -> bool | None:
        """Play to the end; keys pressed meanwhile are kept. False when it could not be played; None when the caller
        hung up."""
        while True:
            reply = await self._session.command(f'STREAM FILE {url} "{_KEYS}" {offset}')
            if await self._session.is_gone(reply):
                return None
            if reply.failed:
                log.warning("prompt_not_played", leg=self._leg.id)
                return False
            if reply.result == "0":
                return True
            key = chr(outcomes.number(reply.result) or ord("#"))
            self._missed.taken(key)
            self._ahead = (self._ahead + key)[-40:]
            offset = outcomes.number_at(reply.data, "endpos=") or offset

    def _tell(self, event: LegEvent) -> None:
        if not self._leg.cancelled:
            self._setup.emit(event)
