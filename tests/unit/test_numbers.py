"""Which numbers may be rung, how they are written, and what is said of the others."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callback.numbers import NumberRefused, Refusal, caller_number, check_number, is_emergency, mask
from config.model import NumberSettings

NORWAY_ONLY = NumberSettings()


def refusal(raw: str, settings: NumberSettings = NORWAY_ONLY) -> Refusal:
    with pytest.raises(NumberRefused) as refused:
        check_number(raw, settings)
    return refused.value.why


@pytest.mark.parametrize(
    "raw",
    [
        "40000001",
        "400 00 001",
        " 40 00 00 01 ",
        "+4740000001",
        "+47 400 00 001",
        "004740000001",
        "0047 40000001",
        "4740000001",
        "47 40 00 00 01",
        "+47 (400) 00-001",
        "+47\u00a0400\u00a000\u00a0001",
    ],
)
def test_a_number_may_be_written_in_many_ways(raw: str) -> None:
    """Spaces, hyphens and the three ways to write Norway's country code all give the same number."""
    assert check_number(raw, NORWAY_ONLY) == "+4740000001"


@pytest.mark.parametrize(
    "number",
    [
        "+4740000001",
        "+4740000003",
        "+4773000010",
        "+4773000021",
        "+4799999999",
        "+4721000000",
        "+4755553333",
        "+4779021234",
    ],
)
def test_ordinary_numbers_are_accepted(number: str) -> None:
    """Mobile and fixed numbers are accepted, the demo's and Svalbard's too."""
    assert check_number(number, NORWAY_ONLY) == number


def test_eight_digits_that_begin_with_47_are_a_mobile() -> None:
    """47 12 34 56 is a mobile number, not a country code with six digits."""
    assert check_number("47123456", NORWAY_ONLY) == "+4747123456"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("110", Refusal.EMERGENCY),
        ("112", Refusal.EMERGENCY),
        ("113", Refusal.EMERGENCY),
        ("+47112", Refusal.EMERGENCY),
        ("0047113", Refusal.EMERGENCY),
        ("116117", Refusal.EMERGENCY),
        ("116111", Refusal.EMERGENCY),
        ("1881", Refusal.SHORT),
        ("1850", Refusal.SHORT),
        ("175", Refusal.SHORT),
        ("02800", Refusal.SHORT),
        ("+4702800", Refusal.SHORT),
        ("58000000", Refusal.MACHINE),
        ("59123456", Refusal.MACHINE),
        ("+47580000000000", Refusal.MACHINE),
        ("80012345", Refusal.PREMIUM),
        ("81549300", Refusal.PREMIUM),
        ("82012345", Refusal.PREMIUM),
        ("82912345", Refusal.PREMIUM),
        ("88012345", Refusal.PREMIUM),
        ("+47 85 01 23 45", Refusal.PREMIUM),
        ("01234567", Refusal.NOT_IN_USE),
        ("10000000", Refusal.NOT_IN_USE),
        ("49999999", Refusal.NOT_IN_USE),
        ("+46701234567", Refusal.FOREIGN),
        ("0046701234567", Refusal.FOREIGN),
        ("+12025550123", Refusal.FOREIGN),
        ("", Refusal.NOT_A_NUMBER),
        ("   ", Refusal.NOT_A_NUMBER),
        ("+", Refusal.NOT_A_NUMBER),
        ("00", Refusal.NOT_A_NUMBER),
        ("00000000", Refusal.NOT_A_NUMBER),  # 00 and a country code that begins with 0
        ("1", Refusal.NOT_A_NUMBER),
        ("4000000", Refusal.NOT_A_NUMBER),
        ("400000012", Refusal.NOT_A_NUMBER),
        ("46701234567", Refusal.NOT_A_NUMBER),
        ("ring meg", Refusal.NOT_A_NUMBER),
        ("4000000a", Refusal.NOT_A_NUMBER),
        ("40000001#", Refusal.NOT_A_NUMBER),
        ("40000001;ext=1", Refusal.NOT_A_NUMBER),
        ("+47+4740000001", Refusal.NOT_A_NUMBER),
        ("40000001\r\nX: y", Refusal.NOT_A_NUMBER),
        ("40000001\n", Refusal.NOT_A_NUMBER),
        ("\u0664\u0660\u0660\u0660\u0660\u0660\u0660\u0661", Refusal.NOT_A_NUMBER),  # Arabic digits
        ("\uff14\uff10\uff10\uff10\uff10\uff10\uff10\uff11", Refusal.NOT_A_NUMBER),  # full-width digits
        ("4" * 200, Refusal.NOT_A_NUMBER),
        ("+99912345678", Refusal.NOT_A_NUMBER),
    ],
)
def test_other_numbers_are_refused_with_the_reason(raw: str, why: Refusal) -> None:
    """Each kind of number that may not be rung is told from the others."""
    assert refusal(raw) is why


@pytest.mark.parametrize("raw", ["+46701234567", "0046 70 123 45 67"])
def test_a_configured_country_is_accepted(raw: str) -> None:
    """A foreign number is accepted from a country the office configured."""
    assert check_number(raw, NumberSettings(country_codes=(47, 46))) == "+46701234567"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("+469001234567", Refusal.PREMIUM),
        ("+46112", Refusal.NOT_A_NUMBER),
        ("+4520123456", Refusal.FOREIGN),
    ],
)
def test_a_configured_country_opens_no_more_than_itself(raw: str, why: Refusal) -> None:
    """Premium and short numbers of a configured country, and other countries, stay refused."""
    assert refusal(raw, NumberSettings(country_codes=(47, 46))) is why


@pytest.mark.parametrize("raw", ["02800", "+4702800", "004702800"])
def test_an_allowed_number_is_accepted_as_it_stands(raw: str) -> None:
    """A number on the office's list is accepted although it is short, and given as the list has it."""
    assert check_number(raw, NumberSettings(allow=("+4702800",))) == "+4702800"


def test_an_allowed_number_allows_no_other() -> None:
    """The list opens exactly the numbers in it."""
    assert refusal("02801", NumberSettings(allow=("+4702800",))) is Refusal.SHORT


@given(st.text(max_size=60) | st.text("0123456789+ ", max_size=20))
def test_anything_is_accepted_as_e164_or_refused(raw: str) -> None:
    """Whatever is keyed in, the answer is an eight-digit Norwegian number or a refusal."""
    with contextlib.suppress(NumberRefused):
        number = check_number(raw, NORWAY_ONLY)
        assert number.startswith("+47")
        assert len(number) == 11
        assert check_number(number, NORWAY_ONLY) == number


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("+4740000001", "+4740000001"),
        ("40000001", "+4740000001"),
        ("4740000001", "+4740000001"),
        ("004740000001", "+4740000001"),
        ("+46701234567", "+46701234567"),
        ("46701234567", "+46701234567"),
        ("+4781549300", "+4781549300"),
        ("02800", "+4702800"),
    ],
)
def test_caller_id_becomes_e164(raw: str, number: str) -> None:
    """Whoever rang is known by their number, also one we would never ring."""
    assert caller_number(raw) == number


@pytest.mark.parametrize(
    "raw",
    [None, "", "anonymous", "Unknown", "unavailable", "201", "112", "+", "0", "4" * 200, "+" + "4" * 30,
     "\u0664\u0660\u0660\u0660\u0660\u0660\u0660\u0661", "+4740000001\r\nX: y", "sip:kari@nowhere"],
)  # fmt: skip
def test_withheld_internal_and_garbage_caller_ids_are_none(raw: str | None) -> None:
    """A caller id that is no public number is as good as withheld."""
    assert caller_number(raw) is None


@pytest.mark.parametrize(
    ("number", "emergency"),
    [("112", True), ("+47113", True), ("+47116117", True), ("+4740000001", False), ("1121", False)],
)
def test_emergency_numbers_are_known_with_and_without_country_code(number: str, emergency: bool) -> None:
    """Emergency and help line numbers are recognised however they are written."""
    assert is_emergency(number) is emergency


@pytest.mark.parametrize(("phone", "masked"), [("+4740000001", "…01"), ("201", "…"), ("", "…"), (None, "…")])
def test_mask_shows_two_digits_at_most(phone: str | None, masked: str) -> None:
    """A masked number can be told from another but not rung."""
    assert mask(phone) == masked


def test_a_refusal_does_not_repeat_the_number() -> None:
    """What ends in a log says why, never which number."""
    with pytest.raises(NumberRefused) as refused:
        check_number("82012345", NORWAY_ONLY)
    assert str(refused.value) == "number refused: premium"
