"""Which telephone numbers may be rung, and how they are written. Pure.

A callback must never become a weapon or a bill: only ordinary Norwegian numbers are accepted, and foreign
ones from countries the office configured. Rules: the Norwegian number plan (Nkom) and `phonenumbers`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from callback.request import CallbackError
from config.model import NumberSettings

NORWAY = 47
_KIND = PhoneNumberType
_RINGABLE = frozenset({_KIND.MOBILE, _KIND.FIXED_LINE, _KIND.FIXED_LINE_OR_MOBILE})
_MOBILE = frozenset({_KIND.MOBILE, _KIND.FIXED_LINE_OR_MOBILE})
_COSTLY = frozenset({_KIND.PREMIUM_RATE, _KIND.SHARED_COST, _KIND.UAN})
_LONGEST = 40
"""Characters; E.164 has at most 15 digits, the rest is room for spaces."""
_EMERGENCY = re.compile(r"110|112|113|116\d{3}")
"""Fire, police, ambulance; 116 xxx is Europe's help lines, 116117 the emergency doctor."""
_MACHINE = re.compile(r"5[89](\d{6}|\d{10})")
"""58 and 59: numbers of machines, 8 or 12 digits."""
_NORWEGIAN_WRITTEN_OUT = re.compile(r"\+47[2-9][0-9]{7}")
"""Is E.164 already; to parse it would take a tenth of a millisecond."""

_REMEMBERED = 1024
"""Numbers looked at lately: one call asks about the same number several times."""


class Refusal(StrEnum):
    """Why a number may not be rung; each has a prompt `number.refused.<value>`."""

    NOT_A_NUMBER = "not_a_number"
    FOREIGN = "foreign"
    PREMIUM = "premium"
    """Every 8xx number: free, special rate and premium ones alike."""
    SHORT = "short"
    EMERGENCY = "emergency"
    MACHINE = "machine"
    NOT_IN_USE = "not_in_use"
    OWN_NUMBER = "own_number"
    """One of the offices' own lines."""
    TOO_MANY_TRIES = "too_many_tries"
    """This caller has keyed in enough numbers today."""
    TOO_OFTEN = "too_often"
    """This number was keyed in enough today."""
    ASKED_NOT_TO_BE_CALLED = "asked_not_to_be_called"
    """The person there does not want to be called."""


class NumberRefused(CallbackError):
    """This number may not be rung; `why` tells."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(f"number refused: {why}")
        self.why = why


def check_number(raw: str, settings: NumberSettings) -> str:
    """A number as keyed or typed -> E.164, or NumberRefused.

    Accepts 8 digits, `47` + 8 digits, `+47...`, `0047...`, and spaces, dots, hyphens and brackets in them.
    A number listed in `settings.allow` is returned as it stands there."""
    digits, international = _compact(raw)
    allowed = _allowed(digits, international, settings)
    if allowed is not None:
        return allowed
    if digits.startswith("47") and (international or len(digits) == 10):
        return _norwegian(digits[2:])
    return _foreign(digits, settings) if international else _norwegian(digits)


@lru_cache(_REMEMBERED)
def caller_number(raw: str | None) -> str | None:
    """A caller id from a line -> E.164, also foreign; None when withheld, internal or garbage.

    It says who rang, not that they may be rung: ask `check_number` for that."""
    if raw is not None and _NORWEGIAN_WRITTEN_OUT.fullmatch(raw):
        return raw
    try:
        digits, international = _compact(raw or "")
    except NumberRefused:
        return None
    if international:
        number = _parse(f"+{digits}")
        good = number is not None and phonenumbers.is_possible_number(number)
    elif len(digits) > 8:  # longer than a Norwegian number: some trunks leave the + out
        number = _parse(f"+{digits}")
        good = number is not None and phonenumbers.is_valid_number(number)
    else:
        number = _parse(f"+47{digits}")
        good = number is not None and phonenumbers.is_possible_number(number)
    return _e164(number) if good and number is not None else None


def is_emergency(number: str) -> bool:
    """Whether this is a Norwegian emergency or help line number, with or without +47."""
    return _EMERGENCY.fullmatch(number.removeprefix("+47")) is not None


def is_mobile(phone: str) -> bool:
    """Whether an E.164 number is a mobile's, which can read an SMS. A number that could be either is."""
    number = _parse(phone)
    return number is not None and phonenumbers.number_type(number) in _MOBILE


def mask(phone: str | None) -> str:
    """A number for logs and pages: `…01`, at most its two last digits, none of a short one."""
    return f"…{phone[-2:]}" if phone is not None and len(phone) >= 8 else "…"


def _compact(raw: str) -> tuple[str, bool]:
    """Digits only, and whether they begin with a country code. Raises NumberRefused."""
    if len(raw) > _LONGEST:
        raise NumberRefused(Refusal.NOT_A_NUMBER)
    text = re.sub(r"[ \u00a0\u202f().-]", "", raw)
    match = re.fullmatch(r"(\+|00)?([0-9]+)", text)
    if match is None:
        raise NumberRefused(Refusal.NOT_A_NUMBER)
    return match[2], match[1] is not None


def _allowed(digits: str, international: bool, settings: NumberSettings) -> str | None:
    wanted = {f"+{digits}"} if international else {digits, f"+47{digits}", f"+{digits}"}
    return next((number for number in settings.allow if number in wanted), None)


@lru_cache(_REMEMBERED)
def _norwegian(national: str) -> str:
    number = _parse(f"+47{national}")
    refusal = _norwegian_refusal(national, number)
    if refusal is not None or number is None:
        raise NumberRefused(refusal or Refusal.NOT_A_NUMBER)
    return _e164(number)


def _norwegian_refusal(national: str, number: PhoneNumber | None) -> Refusal | None:
    if is_emergency(national):
        return Refusal.EMERGENCY
    if _MACHINE.fullmatch(national):
        return Refusal.MACHINE
    if 3 <= len(national) <= 6:
        return Refusal.SHORT
    if len(national) != 8:
        return Refusal.NOT_A_NUMBER
    if national.startswith("8"):
        return Refusal.PREMIUM
    return _type_refusal(number)


def _foreign(digits: str, settings: NumberSettings) -> str:
    number = _parse(f"+{digits}")
    if number is None:
        raise NumberRefused(Refusal.NOT_A_NUMBER)
    if number.country_code not in settings.country_codes:
        raise NumberRefused(Refusal.FOREIGN)
    refusal = _type_refusal(number)
    if refusal is not None:
        raise NumberRefused(refusal)
    return _e164(number)


def _type_refusal(number: PhoneNumber | None) -> Refusal | None:
    if number is None or not phonenumbers.is_possible_number(number):
        return Refusal.NOT_A_NUMBER
    kind = phonenumbers.number_type(number)
    if kind in _RINGABLE:
        return None
    return Refusal.PREMIUM if kind in _COSTLY else Refusal.NOT_IN_USE


def _parse(international: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(international)
    except phonenumbers.NumberParseException:
        return None


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
