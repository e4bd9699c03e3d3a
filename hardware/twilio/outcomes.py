"""What Twilio's words for the end of a call or of an SMS, and its error codes, mean for us. Pure.

Sources: the Call and the Message resource (status), SIP (RFC 3261, 21), and Twilio's error dictionary. Whatever is not the person's doing
is our own failure, and uses up no attempt of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import phonenumbers

from hardware.line import LegOutcome
from hardware.message import SmsReport
from hardware.twilio.leg import Kind, Leg

ENDS: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""Statuses after which no other comes."""

Ending = tuple[LegOutcome, int | None]
"""The outcome and its Q.850 cause."""

_BY_SIP: Final[Mapping[int, Ending]] = {
    404: (LegOutcome.INVALID, 1),
    410: (LegOutcome.INVALID, 22),
    484: (LegOutcome.INVALID, 28),
    604: (LegOutcome.INVALID, 1),
    486: (LegOutcome.BUSY, 17),
    600: (LegOutcome.BUSY, 17),
    603: (LegOutcome.DECLINED, 21),
    408: (LegOutcome.NO_ANSWER, 18),
    480: (LegOutcome.NO_ANSWER, 19),
}
_BY_STATUS: Final[Mapping[str, Ending]] = {
    "busy": (LegOutcome.BUSY, 17),
    "no-answer": (LegOutcome.NO_ANSWER, 19),
    "canceled": (LegOutcome.CANCELLED, None),
    "failed": (LegOutcome.FAILED, 34),
}


def ending(leg: Leg, status: str, sip: int | None, *, gave: bool) -> Ending:
    """How a leg ended, by its last status and the SIP code of the far end, where Twilio gave one. `gave`: we gave Twilio its
    present document. Else it may have asked us in vain, for a person who was there: that is never held against them."""
    if status == "completed":
        if leg.answered:
            return LegOutcome.ENDED, 16
        if leg.inbound:
            return LegOutcome.CANCELLED, None
        in_screen = gave and leg.document.kind is Kind.SCREEN
        return (LegOutcome.DECLINED, 21) if in_screen else (LegOutcome.FAILED, None)
    if leg.inbound:
        return LegOutcome.CANCELLED, None
    if status in ("failed", "no-answer") and sip is not None and sip in _BY_SIP:
        return _BY_SIP[sip]
    return _BY_STATUS.get(status, (LegOutcome.FAILED, None))


def our_end(leg: Leg) -> Ending:
    """We hung up."""
    return (LegOutcome.ENDED, 16) if leg.answered else (LegOutcome.CANCELLED, None)


class Fault(StrEnum):
    """Why Twilio refused a request."""

    NUMBER = "number"
    """The number rung is none."""
    UNREACHABLE = "unreachable"
    SETUP = "setup"
    """Something at the account must be set: a number, a country, a caller id."""
    ACCOUNT = "account"
    """Credentials or the account itself: nothing will work."""
    CAPACITY = "capacity"
    """Too many requests: nothing was done; later."""
    GONE = "gone"
    """The call is over, or there is none of this id."""
    OTHER = "other"


_BY_CODE: Final[Mapping[int, Fault]] = {
    **dict.fromkeys((21201, 21211, 21217, 21401, 13223, 13224), Fault.NUMBER),
    21214: Fault.UNREACHABLE,
    **dict.fromkeys((20003, 10001, 20005, 20006, 20008), Fault.ACCOUNT),
    **dict.fromkeys((20429, 10004, 22005), Fault.CAPACITY),
    **dict.fromkeys((21220, 20404), Fault.GONE),
    **dict.fromkeys((21215, 13227, 21210, 21212, 21213, 21216, 21219, 32017, 32205), Fault.SETUP),
}
_BY_HTTP: Final[Mapping[int, Fault]] = {
    401: Fault.ACCOUNT,
    403: Fault.ACCOUNT,
    404: Fault.GONE,
    429: Fault.CAPACITY,
}


def fault_of(http: int, code: int | None) -> Fault:
    return _BY_CODE.get(code or 0) or _BY_HTTP.get(http, Fault.OTHER)


OPTED_OUT: Final = 21610
"""They have answered STOP: Twilio sends them nothing, and we do not try again."""
_OF_SMS: Final[Mapping[str, SmsReport]] = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent"), SmsReport.SENT),
    **dict.fromkeys(("delivered", "read"), SmsReport.DELIVERED),
    **dict.fromkeys(("undelivered", "partially_delivered"), SmsReport.UNDELIVERED),
    **dict.fromkeys(("failed", "canceled"), SmsReport.FAILED),
}


def sms_report(status: str, code: int | None) -> tuple[SmsReport, str | None] | None:
    """What a status of a message says, and why; None for a word we do not know."""
    report = _OF_SMS.get(status)
    if report is None:
        return None
    if code is None or report in (SmsReport.SENT, SmsReport.DELIVERED):
        return report, None
    return report, "opted_out" if code == OPTED_OUT else f"twilio_{code}"


REFUSED: Final[Mapping[Fault, Ending]] = {
    Fault.NUMBER: (LegOutcome.INVALID, 1),
    Fault.UNREACHABLE: (LegOutcome.NO_ANSWER, 18),
}
"""What a refused call means for whoever was to be rung; anything else is our own failure."""

_GEO: Final = frozenset({21215, 13227, 32205})
_CALLER_ID: Final = frozenset({21210, 21212, 21213})


def refused_for(code: int | None, leg: Leg) -> str:
    """Which calls are refused with this code like that of the leg: those to the same country, or that show the same number;
    empty: all. Kept in memory only."""
    if code in _GEO:
        try:
            return f"+{phonenumbers.parse(leg.number).country_code}"
        except phonenumbers.NumberParseException:
            return "extension"
    return leg.shown if code in _CALLER_ID else ""


def advice(fault: Fault, code: int | None) -> str:
    """For the status page: what to do, in one sentence. No number stands in it."""
    if fault is Fault.ACCOUNT:
        return (
            f"Twilio avviser kontoen (feil {code or 'ukjent'}): se at account_sid og TAST1_TWILIO_TOKEN stemmer,"
            " og at kontoen er aktiv og betalt."
        )
    if code in _GEO:
        return (
            f"Twilio har ikke lov til å ringe dit (feil {code}): åpne landet under Voice Geographic"
            " Permissions i Twilios konsoll."
        )
    if code in _CALLER_ID:
        return (
            f"Twilio godtar ikke nummeret vi viser (feil {code}): kontorets nummer må tilhøre kontoen eller være"
            " bekreftet der; kjør tast1 twilio check."
        )
    return f"Twilio avviser anrop (feil {code or 'ukjent'}): slå opp feilen hos Twilio, og kjør tast1 twilio check."
