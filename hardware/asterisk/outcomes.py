"""What a telephone call on Asterisk came to, in the port's words. Pure: numbers in, outcome out.

The tables were measured on Asterisk 22 (docs/telephony.md). A SIP code says more than the Q.850 cause
Asterisk makes of it (603 "declined" and 403 "the trunk refuses us" are both 21), so it wins where it is known.
It must never blame the caller for a failure of ours: what is not in a table is `FAILED`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hardware.line import LegEnded, LegOutcome

NORMAL_CLEARING: Final = 16
NO_ANSWER_CAUSE: Final = 19
DECLINED_CAUSE: Final = 21

_BY_SIP: Final = {
    404: LegOutcome.INVALID,
    410: LegOutcome.INVALID,
    484: LegOutcome.INVALID,
    604: LegOutcome.INVALID,
    486: LegOutcome.BUSY,
    600: LegOutcome.BUSY,
    480: LegOutcome.NO_ANSWER,
    487: LegOutcome.NO_ANSWER,
    603: LegOutcome.DECLINED,
}

_BY_CAUSE: Final = {
    1: LegOutcome.INVALID,
    3: LegOutcome.INVALID,
    22: LegOutcome.INVALID,
    28: LegOutcome.INVALID,
    17: LegOutcome.BUSY,
    16: LegOutcome.NO_ANSWER,
    18: LegOutcome.NO_ANSWER,
    19: LegOutcome.NO_ANSWER,
    20: LegOutcome.NO_ANSWER,
    21: LegOutcome.DECLINED,
}

_BY_STATUS: Final = {
    "ANSWER": LegOutcome.ENDED,
    "CANCEL": LegOutcome.CANCELLED,
    "BUSY": LegOutcome.BUSY,
    "NOANSWER": LegOutcome.NO_ANSWER,
    "DECLINED": LegOutcome.DECLINED,
}

CLEAR_CAUSES: Final = frozenset({0, 1, 17, 19, 28, 34})
"""Causes that mean one thing whatever SIP code they came from: no need to ask for the code."""


def unanswered(cause: int | None, sip: int | None) -> LegOutcome:
    """Why a leg we rang was never answered, from its Q.850 cause and SIP code (None = not known)."""
    if sip is not None:
        return _BY_SIP.get(sip, LegOutcome.FAILED)
    return _BY_CAUSE.get(cause or 0, LegOutcome.FAILED)


def dialled(status: str, cause: int | None, sip: int | None = None) -> LegOutcome:
    """What `Dial` came to, from its DIALSTATUS (or `DECLINED`, of a screen), the peer's Q.850 cause and, where known,
    its SIP code."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if not cause and sip is None:
        return LegOutcome.FAILED
    return unanswered(cause, sip)


def dial_cause(status: str, cause: int | None) -> int | None:
    """The Q.850 cause to tell: Asterisk gives none when its own ring timeout or a screen was the end."""
    if cause:
        return cause
    return {"NOANSWER": NO_ANSWER_CAUSE, "DECLINED": DECLINED_CAUSE}.get(status)


def number(text: str | None) -> int | None:
    """A whole number out of an Asterisk header or variable, or None."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else None


def number_at(text: str, mark: str) -> int | None:
    """The whole number that follows `mark` in an AGI reply (`endpos=8000`), or None."""
    match = re.search(re.escape(mark) + r"(\d{1,12})", text)
    return int(match[1]) if match else None


def failure_code(text: str) -> int | None:
    """The SIP code of a refusal out of `SIP 200 OK/SIP 603 Decline`, or None."""
    codes = [int(code) for code in re.findall(r"SIP (\d{3})\b", text)]
    return next((code for code in codes if code >= 300), None)


@dataclass(frozen=True, slots=True)
class DialEnd:
    """What the dialplan keeps of a leg's end. `status` is empty when the leg never dialled; `seconds` of talk. `key`: the
    one that said no in a screen; `sip`: the code of a refusal (both only where it is one of several telephones)."""

    status: str
    cause: int | None
    seconds: int
    key: str = ""
    sip: int | None = None

    @property
    def talked(self) -> bool:
        return self.status == "ANSWER" or self.seconds > 0

    def event(self, leg: str) -> LegEnded:
        """As the end of a `Dial` (`answered` = the two talked); of a leg that never dialled: an ordinary hang-up."""
        if not self.status:
            return LegEnded(leg, LegOutcome.ENDED, self.cause)
        sip = None if self.cause in CLEAR_CAUSES else self.sip
        return LegEnded(
            leg, dialled(self.status, self.cause, sip), dial_cause(self.status, self.cause), self.talked
        )


def dial_end(value: str) -> DialEnd:
    """`ANSWER,16,42` or `DECLINED,,,2,` -> DialEnd."""
    status, cause, seconds, key, sip = [*value.split(","), "", "", "", ""][:5]
    return DialEnd(status, number(cause), number(seconds) or 0, key[:1], number(sip))
