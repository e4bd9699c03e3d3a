"""What the service is held against: the same menu written in Asterisk's dialplan alone.

It plays the same files from the same addresses, reads the same keys the same way and waits as long. It keeps no list
and promises nothing: only its speed means something. And the tones that stand in for some of the prompts.
"""

from __future__ import annotations

import math
from array import array
from datetime import date
from pathlib import Path
from typing import Final

from ivr.phrases import date_items
from ivr.sound import RATE, wav_bytes

PLAIN_NUMBER: Final = "+4773000099"
"""Rung instead of an office's number, it leads to the dialplan alone."""
_CONTEXT: Final = "bench-plain"
_WAIT: Final = 2
"""Seconds of silence before the menu goes on; the service of the benchmarks has the same (SHORT_WAITS)."""

GREETING, REGISTERED, PROMISE = "intake.greeting", "intake.registered", "intake.promise"
WHEN, NOTED = "intake.when", "intake.noted"
TONES: Final = {GREETING: 500, REGISTERED: 1000, PROMISE: 1500, WHEN: 750, NOTED: 1250}
"""The first prompt of each step of the menu, and the tone it is (Hz): whole waves in every 20 ms packet."""
_TONE_SECONDS: Final = 8


def write_tones(recordings: Path) -> None:
    """As the office's own recordings, which win over speech."""
    folder = recordings / "nb"
    folder.mkdir(parents=True, exist_ok=True)
    for prompt_id, frequency in TONES.items():
        (folder / f"{prompt_id}.wav").write_bytes(_tone(frequency))


def _tone(frequency: int) -> bytes:
    """Loud enough that the codec keeps every change of sign; begun between two samples, so that none is zero."""
    wave = (math.sin(2 * math.pi * frequency * (at + 0.5) / RATE) for at in range(_TONE_SECONDS * RATE))
    return wav_bytes(array("h", (round(12000 * height) for height in wave)))


def plain_dialplan(prompts_url: str, answer_by: date) -> str:
    """Two contexts to add to extensions.conf. `prompts_url`: where the service serves its prompts."""

    def files(*items: str) -> str:
        return "&".join(f"{prompts_url}/prompts/{item}.wav" for item in items)

    pairs = [f"nb/number.${{CALLERID(num):{at}:2}}" for at in range(3, 11, 2)]
    greeting = files(f"nb/{GREETING}", "en/intake.other_languages", "nb/intake.been_before")
    registered = files(f"nb/{REGISTERED}", "nb/intake.urgent")
    promise = files(
        f"nb/{PROMISE}", *date_items(answer_by, "nb"), "nb/intake.on_number", *pairs, "nb/intake.choices"
    )
    when = files(f"nb/{WHEN}", "nb/intake.when_borrowed")
    noted = f"{files(f'nb/{NOTED}')}&{promise}"
    goodbye = files("nb/intake.promise_again", "nb/intake.goodbye")
    return f"""
[tast1-inbound]
exten => {PLAIN_NUMBER},1,Goto({_CONTEXT},s,1)

[{_CONTEXT}]
exten => s,1,Answer()
 same => n(greeting),Read(KEY,{greeting},1,,1,{_WAIT})
 same => n,GotoIf($["${{KEY}}" != "1"]?greeting)
 same => n(registered),Read(KEY,{registered},1,,1,{_WAIT})
 same => n,GotoIf($["${{KEY}}" != "2"]?registered)
 same => n,Read(KEY,{promise},1,,2,{_WAIT})
 same => n(promised),GotoIf($["${{KEY}}" = "3"]?when)
 same => n,Playback({goodbye})
 same => n,Hangup()
 same => n(when),Read(KEY,{when},1,,1,{_WAIT})
 same => n,GotoIf($["${{KEY}}" != "2"]?when)
 same => n,Read(KEY,{noted},1,,2,{_WAIT})
 same => n,Goto(promised)
"""
