"""What the person rung hears and presses before a `Dial` joins them, as dialplan. Pure: a screen in, text out.

It must never need the service while it runs (but for sounds the PBX has not kept), and never join anybody who hung up.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from hardware.line import Screen

SCREEN_CONTEXT: Final = "tast1-screen"
SCREEN_VARIABLE: Final = "TAST1_SCREEN"
"""`1`, set by the service on a leg whose `Dial` has a screen. `DIALSTATUS` is ANSWER then for whoever picks up; whoever
was joined as well is known by `ANSWEREDTIME`, and why the others were not by `RESULT_VARIABLE`."""
RESULT_VARIABLE: Final = "GOSUB_RETVAL"
"""What `Dial` takes over from the person rung: a word of `DIALSTATUS`, or `DECLINED-KEY`. Empty: they hung up."""

SCREEN_DIALPLAN: Final = f"""\
; Who is rung by a Dial with a screen: what they hear and press before they are joined.
; ARG1 the channel that dials; ARG2 keys that say no; ARG3 what silence is; ARG4 its seconds; ARG5 what to play.
; Dial joins the two unless GOSUB_RESULT is one of its words for "end"; so it is one before it rings, for whoever hangs
; up in the moment they answer. Nothing tells here that the one who dials has hung up: it is asked for.
[{SCREEN_CONTEXT}]
exten => before,1,Set(GOSUB_RESULT=ABORT)
 same => n,Return()
exten => s,1,Set(TAST1_TRY=1)
 same => n(play),Read(TAST1_KEY,${{ARG5}},1,,1,${{ARG4}})
 same => n,GotoIf($["${{FILTER(${{ARG2}},${{TAST1_KEY}})}}" != ""]?refused)
 same => n,GotoIf($["${{IMPORT(${{ARG1}},CHANNEL(checkhangup))}}" = "1"]?alone)
 same => n,GotoIf($["${{TAST1_KEY}}" = "1"]?join)
 same => n,Set(TAST1_TRY=$[${{TAST1_TRY}} + 1])
 same => n,GotoIf($[${{TAST1_TRY}} = 2]?play)
 same => n,GotoIf($["${{ARG3}}" = "ANSWER"]?join)
 same => n,Return(${{ARG3}})
 same => n(refused),Return(DECLINED-${{TAST1_KEY}})
 same => n(alone),Return(CANCEL)
 same => n(join),Set(GOSUB_RESULT=JOIN)
; read only where they could not be joined any more
 same => n,Return(CANCEL)
"""


class ScreenEnd(NamedTuple):
    """Why somebody who picked up was not joined: a word of `DIALSTATUS`, or `DECLINED`; the key that said no."""

    status: str
    key: str


def screen_asks(screen: Screen, urls: str) -> str:
    """What the screen of a `Dial` plays and which keys it takes. `urls`: joined by `&`."""
    silence = "ANSWER" if screen.silence_joins else "NOANSWER"
    # 0 would mean Asterisk's own default of 10 s.
    seconds = max(screen.timeout.total_seconds(), 0.001)
    return f"{screen.refuse}^{silence}^{seconds:g}^{urls}"


def screen_option(screen: Screen, channel: str, urls: str) -> str:
    """The options of `Dial` for a screen. `channel`: the Uniqueid of the one who dials; `urls`: joined by `&`.

    `r`: they hear ringing to the end of the screen, whatever the network plays before the answer."""
    return f"rb({SCREEN_CONTEXT}^before^1)U({SCREEN_CONTEXT}^{channel}^{screen_asks(screen, urls)})"


def screen_end(result: str) -> ScreenEnd:
    """`DECLINED-2` -> ScreenEnd."""
    status, _, key = result.partition("-")
    return ScreenEnd(status or "DECLINED", key)
