"""What an office says of itself to the contact centre: that its hours and on-call lines are right, and an urgent message. Pure.

Each is a row that is never changed: the newest of its kind counts, those before it are the history. A message goes to
staff and never to callers, and holds no direct number: what one caller is offered, all are.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from callback.request import CallbackError
from scheduler.clock import from_local, to_local

MAX_MESSAGE = 280
LONGEST = timedelta(days=31)
"""A message that holds longer belongs into the hours."""
AMBER_AFTER, RED_AFTER = 7, 14
"""Days since the office last confirmed."""

_TIME = r"(?:[01]?\d|2[0-4])[.:][0-5]\d"
_DATE = r"(?:[0-3]?\d\.\s?[01]?\d\.(?:\s?(?:20)?\d\d)?|20\d\d-[01]\d-[0-3]\d)"
_DATES_AND_TIMES = re.compile(rf"(?<![\d.:+])(?:{_DATE}|{_TIME})(?![\d:]|[.]\d)")
_NUMBER = re.compile(r"(?:\d[^\w\n]{0,3}){7}\d")
"""Eight digits with at most three marks between two of them."""
_ADDRESS = re.compile(r"\S\s?@\s?\S")


class NoteKind(StrEnum):
    CONFIRMED = "confirmed"
    """Somebody of the office looked at what is shown of it, and it is right."""
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class OfficeNote:
    """Times are aware UTC."""

    office_no: str
    kind: NoteKind
    at: datetime
    by: str
    """Id of the person."""
    text: str = ""
    """Of a message; empty: the one before is taken back."""
    expires_at: datetime | None = None
    """Of a message: from then on nobody is shown it."""

    def holds(self, at: datetime) -> bool:
        """Whether it is a message that is shown at this moment."""
        return self.text != "" and self.expires_at is not None and at < self.expires_at


class Refused(StrEnum):
    """Why a message is not taken."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    UNREADABLE = "unreadable"
    NUMBER = "number"
    ADDRESS = "address"
    OVER = "over"
    TOO_FAR = "too_far"


class MessageNotTaken(CallbackError):
    """An urgent message that cannot stand as it is; nothing was changed. `why` says why."""

    def __init__(self, why: Refused) -> None:
        super().__init__(f"the message is not taken: {why}")
        self.why = why


class Age(StrEnum):
    """How long ago an office confirmed."""

    NEVER = "never"
    FRESH = "fresh"
    AMBER = "amber"
    RED = "red"


def message(office_no: str, by: str, text: str, until: date | None, now: datetime) -> OfficeNote:
    """A message that is shown to the end of the day `until` (None: today), in Norwegian time. Raises MessageNotTaken."""
    text = " ".join(text.split())
    why = _why_not(text)
    today = to_local(now).date()
    last = until or today
    if why is None and not today <= last <= today + LONGEST:
        why = Refused.OVER if last < today else Refused.TOO_FAR
    if why is not None:
        raise MessageNotTaken(why)
    expires_at = from_local(datetime.combine(last + timedelta(days=1), datetime.min.time()))
    return OfficeNote(office_no, NoteKind.MESSAGE, now, by, text, expires_at)


def _why_not(text: str) -> Refused | None:
    if not text:
        return Refused.EMPTY
    if len(text) > MAX_MESSAGE:
        return Refused.TOO_LONG
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co") for character in text):
        return Refused.UNREADABLE
    if _NUMBER.search(_DATES_AND_TIMES.sub("x", text)):
        return Refused.NUMBER
    return Refused.ADDRESS if _ADDRESS.search(text) else None


def days_since(confirmed: OfficeNote, now: datetime) -> int:
    return (to_local(now).date() - to_local(confirmed.at).date()).days


def age(confirmed: OfficeNote | None, now: datetime) -> Age:
    """Amber after 7 days, red after 14."""
    if confirmed is None:
        return Age.NEVER
    days = days_since(confirmed, now)
    return Age.RED if days > RED_AFTER else Age.AMBER if days > AMBER_AFTER else Age.FRESH
