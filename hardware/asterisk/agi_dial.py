"""A `Dial` from one call: the peer is rung, perhaps screened, joined, and its end told.

It must never tell `Connected` of a peer who only picked up a screened call, and never call one answered who was not joined.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hardware.asterisk import outcomes
from hardware.asterisk.fastagi import AgiReply, AgiSession
from hardware.asterisk.leg import Dialling, Leg
from hardware.asterisk.pbx_config import AFTER_CONTEXT, PEER_VARIABLE
from hardware.asterisk.pbx_screen import RESULT_VARIABLE, SCREEN_VARIABLE, screen_end, screen_option
from hardware.asterisk.settled_ends import SettledEnds
from hardware.line import Connected, Dial, DigitsEntered, LegEnded, LegEvent, LegOutcome, Screen

_CHANNEL_NAME: Final = re.compile(r"[A-Za-z0-9/@+._-]{1,150}")


@dataclass(frozen=True, slots=True)
class CallSetup:
    """What every call needs to know."""

    prompt_url: Callable[[str], str]
    """`nb/intake.greeting` -> where the PBX fetches it."""
    destination: Callable[[str], str]
    """E.164 or extension -> what `Dial` rings."""
    emit: Callable[[LegEvent], None]
    settled: SettledEnds
    watch_screen: Callable[[Leg, Dialling], None]
    """See to it that a peer's screen ends when this leg hangs up. Returns at once."""


class PeerDial:
    """The `Dial`s of one leg, one after the other."""

    def __init__(self, leg: Leg, session: AgiSession, setup: CallSetup) -> None:
        self._leg = leg
        self._session = session
        self._setup = setup
        self._screened_before = False

    async def run(self, dial: Dial) -> None:
        """Until the peer has ended. Raises AgiGone; the two may be talking then."""
        dialling = self._leg.dialling = Dialling(dial.peer, screened=dial.screen is not None)
        await self._session.set_variable(PEER_VARIABLE, dial.peer)
        await self._session.set_variable("CALLERID(all)", f"<{dial.caller_id}>")
        await self._session.set_variable("CALLERID(pres)", "allowed")
        seconds = max(dial.ring_timeout.total_seconds(), 1)
        screen = await self._screen(dial.screen)
        if dialling.screened:
            self._setup.watch_screen(self._leg, dialling)
        options = f"{screen}gF({AFTER_CONTEXT}^s^1)"
        reply = await self._session.execute(
            "Dial", f"{self._setup.destination(dial.to)},{seconds:g},{options}"
        )
        await self._report(dialling, reply)
        await self._session.is_gone(reply)

    async def _screen(self, screen: Screen | None) -> str:
        """The options of `Dial` for it. What came of an earlier screen must not be taken for this one's."""
        if screen is None:
            if self._screened_before:
                await self._session.set_variable(SCREEN_VARIABLE, "")
            return ""
        self._screened_before = True
        await self._session.set_variable(SCREEN_VARIABLE, "1")
        await self._session.set_variable(RESULT_VARIABLE, "")
        urls = "&".join(self._setup.prompt_url(item) for item in screen.items)
        return screen_option(screen, self._leg.channel, urls)

    async def _report(self, dialling: Dialling, reply: AgiReply) -> None:
        values = await self._session.evaluate(
            "${DIALSTATUS},${HANGUPCAUSE},${ANSWEREDTIME},${HANGUPCAUSE_KEYS()}"
        )
        status, cause_text, seconds, keys = [*values.split(",", 3), "", "", ""][:4]
        cause = outcomes.number(cause_text)
        turned_away = dialling.screened and status == "ANSWER" and not seconds
        if turned_away:
            status, cause = await self._turned_away(dialling, reply), None
        answered = status == "ANSWER"
        known = answered or turned_away or cause in outcomes.CLEAR_CAUSES
        sip = None if known else await self._sip_code(keys)
        outcome = outcomes.dialled(status, cause, sip)
        if dialling.cancelled and not answered:
            outcome = LegOutcome.CANCELLED
        self._leg.dialling = None
        if answered and not dialling.told_joined:
            self._setup.emit(Connected(self._leg.id, dialling.peer))
        self._setup.emit(LegEnded(dialling.peer, outcome, outcomes.dial_cause(status, cause), answered))

    async def _turned_away(self, dialling: Dialling, reply: AgiReply) -> str:
        """Why a peer who picked up was not joined, as a word `outcomes.dialled` knows. Tells the key that said no."""
        end = screen_end(await self._session.evaluate(f"${{{RESULT_VARIABLE}}}"))
        if end.key:
            self._setup.emit(DigitsEntered(dialling.peer, end.key))
        elif end.status == "DECLINED" and await self._session.is_gone(reply):
            return "CANCEL"
        return end.status

    async def _sip_code(self, keys: str) -> int | None:
        """The SIP code of the leg that failed, out of all channels Asterisk remembers for this call."""
        names = [name for name in keys.split(",") if _CHANNEL_NAME.fullmatch(name)]
        if not names:
            return None
        answer = await self._session.evaluate(
            "/".join(f"${{HANGUPCAUSE({name},tech)}}" for name in names[:8])
        )
        return outcomes.failure_code(answer)
