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
from hardware.asterisk.kept import KeptPeers
from hardware.asterisk.leg import Dialling, Leg, channel_of
from hardware.asterisk.outcomes import DialEnd
from hardware.asterisk.pbx_config import AFTER_CONTEXT, DB_FAMILY, PEER_VARIABLE
from hardware.asterisk.pbx_screen import (
    RESULT_VARIABLE,
    SCREEN_VARIABLE,
    screen_asks,
    screen_end,
    screen_option,
)
from hardware.asterisk.pbx_several import (
    ANSWERED_VARIABLE,
    ASK_VARIABLE,
    KEEP_VARIABLE,
    KEPT_CONTEXT,
    KEPT_VARIABLE,
    RING_VARIABLE,
    TO_VARIABLE,
    several_options,
    several_to_ring,
)
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
    kept: KeptPeers
    end_beside: Callable[[Dialling, str, DialEnd | None], None]
    """Tell the end of one of several telephones, if it was not told; None: it was stopped."""
    go_on: Callable[[Leg], None]
    """This leg has ended: where its peer stays, go on with them."""
    watch_screen: Callable[[Leg, Dialling], None]
    """See to it that a peer's screen ends when this leg hangs up. Returns at once."""


class PeerDial:
    """The `Dial`s of one leg, one after the other."""

    def __init__(self, leg: Leg, session: AgiSession, setup: CallSetup) -> None:
        self._leg = leg
        self._session = session
        self._setup = setup
        self._screened_before = False
        self._kept_before = False

    async def run(self, dial: Dial) -> None:
        """Until the peer has ended. Raises AgiGone; the two may be talking then."""
        screened, keep = dial.screen is not None, dial.keep
        dialling = self._leg.dialling = Dialling(dial.peers, screened=screened, keep=keep)
        await self._session.set_variable(PEER_VARIABLE, "&".join(dial.peers))
        await self._session.set_variable("CALLERID(all)", f"<{dial.caller_id}>")
        await self._session.set_variable("CALLERID(pres)", "allowed")
        after = await self._after(dial)
        if dialling.several:
            reply = await self._ring_several(dial, after)
            await self._report_several(dialling, reply)
        else:
            reply = await self._ring(dial, dialling, after)
            await self._report(dialling, reply)
        await self._session.is_gone(reply)

    async def _after(self, dial: Dial) -> str:
        """Where a peer goes whom the one who dials leaves."""
        if dial.keep or self._kept_before:
            await self._session.set_variable(KEEP_VARIABLE, "1" if dial.keep else "")
        if not dial.keep:
            return f"gF({AFTER_CONTEXT}^s^1)"
        self._kept_before = True
        await self._session.set_variable(f"_{KEPT_VARIABLE}", channel_of(dial.peer))
        return f"gF({KEPT_CONTEXT}^s^1)"

    async def _ring(self, dial: Dial, dialling: Dialling, after: str) -> AgiReply:
        screen = await self._screen(dial.screen)
        if dialling.screened:
            self._setup.watch_screen(self._leg, dialling)
        return await self._session.execute(
            "Dial", f"{self._setup.destination(dial.to)},{_seconds(dial)},{screen}{after}"
        )

    async def _ring_several(self, dial: Dial, after: str) -> AgiReply:
        """Each has its own screen, in its own inner `Dial`."""
        assert dial.screen is not None
        telephones = {dial.peer: dial.to} | {beside.peer: beside.to for beside in dial.also}
        await self._screen(None)
        await self._session.set_variable(ANSWERED_VARIABLE, "")
        await self._session.set_variable(f"_{RING_VARIABLE}", _seconds(dial))
        await self._session.set_variable(
            f"_{ASK_VARIABLE}", screen_asks(dial.screen, self._urls(dial.screen))
        )
        for peer, to in telephones.items():
            name = f"_{TO_VARIABLE}-{channel_of(peer)}"
            await self._session.set_variable(name, self._setup.destination(to))
        rung = several_to_ring([channel_of(peer) for peer in telephones])
        return await self._session.execute("Dial", f"{rung},,{several_options()}{after}")

    async def _screen(self, screen: Screen | None) -> str:
        """The options of `Dial` for it. What came of an earlier screen must not be taken for this one's."""
        if screen is None:
            if self._screened_before:
                await self._session.set_variable(SCREEN_VARIABLE, "")
            return ""
        self._screened_before = True
        await self._session.set_variable(SCREEN_VARIABLE, "1")
        await self._session.set_variable(RESULT_VARIABLE, "")
        return screen_option(screen, self._leg.channel, self._urls(screen))

    def _urls(self, screen: Screen) -> str:
        return "&".join(self._setup.prompt_url(item) for item in screen.items)

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
        end = LegEnded(dialling.peer, outcome, outcomes.dial_cause(status, cause), answered)
        await self._end(dialling, end, reply)

    async def _report_several(self, dialling: Dialling, reply: AgiReply) -> None:
        """The ends that were not told as they came are in the exchange's database, but of those who were stopped. Where
        nobody stopped them they never rang: the exchange does not know how."""
        values = await self._session.evaluate(f"${{DIALSTATUS}},${{HANGUPCAUSE}},${{{ANSWERED_VARIABLE}}}")
        status, cause, channel = [*values.split(",", 2), "", ""][:3]
        if status == "ANSWER":
            dialling.joined = dialling.peer_at(channel) or dialling.peer
        stopped = dialling.joined is not None or await self._session.is_gone(reply)
        never = None if stopped else outcomes.DialEnd(status, None, 0)
        for peer in dialling.others():
            name = channel_of(peer)
            kept = await self._session.evaluate(f"${{DB({DB_FAMILY}/{name})}}")
            self._setup.end_beside(dialling, peer, outcomes.dial_end(kept) if kept else never)
            self._setup.settled.add(name)
        end = None
        if dialling.joined is not None:
            end = LegEnded(dialling.joined, LegOutcome.ENDED, outcomes.number(cause), answered=True)
        await self._end(dialling, end, reply)

    async def _end(self, dialling: Dialling, end: LegEnded | None, reply: AgiReply) -> None:
        """The end of the one who was joined, or of the only one; unless they stay."""
        if end is not None and end.answered:
            if not dialling.told_joined:
                dialling.told_joined = True
                self._setup.emit(Connected(self._leg.id, end.leg))
            if dialling.keep and await self._session.is_gone(reply):
                self._leg.kept = await self._setup.kept.take(end.leg)
        self._leg.dialling = None
        if end is not None and self._leg.kept is None:
            self._setup.emit(end)

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


def _seconds(dial: Dial) -> str:
    return f"{max(dial.ring_timeout.total_seconds(), 1):g}"
