"""Several telephones rung by one `Dial`, and a peer who stays when who dialled hangs up, as dialplan. Pure.

Each of several telephones has a channel pair of its own (Local): one side belongs to the outer `Dial`, the other runs
an inner `Dial` with the screen, so the outer one is answered only by who has accepted. It must never need the service
to stop the others, and never join two.
"""

from __future__ import annotations

import re
from typing import Final

from hardware.asterisk.pbx_screen import SCREEN_CONTEXT

BESIDE_CONTEXT: Final = "tast1-beside"
KEPT_CONTEXT: Final = "tast1-kept"
TO_VARIABLE: Final = "TAST1_TO"
"""With `-` and the telephone's name (`channel_of` its leg): what the inner `Dial` rings. Inherited once, like the next two."""
RING_VARIABLE: Final = "TAST1_RING"
ASK_VARIABLE: Final = "TAST1_ASK"
KEEP_VARIABLE: Final = "TAST1_KEEP"
"""`1` on a leg whose peer is to stay."""
KEPT_VARIABLE: Final = "TAST1_KEPT"
"""On a channel that is to stay: the telephone's name."""

ANSWERED_VARIABLE: Final = "DIALEDPEERNAME"
"""Asterisk's own: the channel that answered the last `Dial`."""

NAME: Final = re.compile(r"[t0-9][A-Za-z0-9._-]{1,49}")
"""What a telephone is called here. With more, the name of its channel would be too long for Asterisk."""
_CHANNEL: Final = re.compile(rf"Local/({NAME.pattern})@{BESIDE_CONTEXT}-[0-9a-f]{{8}};1")


def several_to_ring(names: list[str]) -> str:
    """What the outer `Dial` rings."""
    return "&".join(f"Local/{name}@{BESIDE_CONTEXT}/n" for name in names)


def several_options() -> str:
    """`r`: who dials hears ringing to the end of the screens."""
    return f"rb({BESIDE_CONTEXT}^before^1)"


def name_of_channel(channel: str) -> str | None:
    """The telephone whose side of the pair this channel (its name) is, or None."""
    match = _CHANNEL.fullmatch(channel)
    return match[1] if match else None


def several_dialplan(record: str, after: str) -> str:
    """`record`, `after`: the contexts that keep the end, and that say goodbye."""
    other_side = "${CHANNEL(name):0:-1}2"
    return f"""\
; One of several telephones that ring at once; EXTEN is its name. `before` and `stop` run on the side of the one who
; dials: when that side ends (another accepted, they hung up), whoever is in their screen, or was joined, is hung up.
[{BESIDE_CONTEXT}]
exten => before,1,Set(CHANNEL(hangup_handler_push)={BESIDE_CONTEXT},stop,1)
 same => n,Set({KEPT_VARIABLE}=${{CUT(CUT(CHANNEL(name),@,1),/,2)}})
 same => n,Return()
exten => stop,1,Set(TAST1_RUNG=${{IMPORT({other_side},{ANSWERED_VARIABLE})}})
 same => n,ExecIf($["${{TAST1_RUNG}}" != ""]?SoftHangup(${{TAST1_RUNG}}))
 same => n,Return()
exten => _[t0-9].,1,Set(TAST1_LEG=${{EXTEN}})
 same => n,Set(TAST1_SCREEN=1)
 same => n,Dial(${{{TO_VARIABLE}-${{EXTEN}}}},${{{RING_VARIABLE}}},gb({SCREEN_CONTEXT}^before^1)\
U({SCREEN_CONTEXT}^${{CHANNEL(uniqueid)}}^${{{ASK_VARIABLE}}})F({after}^s^1))
; who said no hears goodbye now, and is not to be stopped
 same => n,Set({ANSWERED_VARIABLE}=)
 same => n,Set(TAST1_SIP=${{FILTER(0-9,${{HANGUPCAUSE(${{HANGUPCAUSE_KEYS()}},tech)}}):0:3}})
 same => n,Gosub({record},s,1)
 same => n,Set(TAST1_LEG=)
 same => n,Hangup()
exten => h,1,GotoIf($["${{TAST1_LEG}}" = ""]?told)
 same => n,ExecIf($["${{ANSWEREDTIME}}" = ""]?Set(DIALSTATUS=CANCEL))
 same => n,Gosub({record},s,1)
 same => n(told),NoOp()
"""


def kept_dialplan(agi: str, after: str) -> str:
    """`agi`: the application that hands the channel to the service, with the telephone's name as its argument."""
    return f"""\
; A peer who stays when who dialled hangs up: the service has a word with them. Without it: a word of goodbye.
[{KEPT_CONTEXT}]
exten => s,1,GotoIf($["${{GOSUB_RESULT}}" = "ABORT"]?{after},s,1)
 same => n,{agi}
 same => n,GotoIf($["${{TAST1_DONE}}" != "1"]?{after},s,1)
 same => n,Hangup()
"""
