"""Whether Twilio signed a request: its published examples, and its recipe worked out by hand beside its own library."""

from __future__ import annotations

import base64
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import MultiDict, MultiDictProxy
from twilio.request_validator import RequestValidator

from hardware.twilio.webhooks import Signatures

TOKEN = "12345"
PATH = "/myapp.php?foo=1&bar=2"
_CALLER = "+14158675310"
DOCUMENTED = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": _CALLER,
    "Digits": "1234",
    "From": _CALLER,
    "To": "+18005551212",
}
OF_THE_LIBRARY = {
    name: value.replace("675310", "675309") if value == _CALLER else value
    for name, value in DOCUMENTED.items()
}
TWICE = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")]


@pytest.mark.parametrize(
    ("base", "form", "given"),
    [
        # docs/usage/security, "Validating requests"
        ("https://example.com", DOCUMENTED, "L/OH5YylLD5NRKLltdqwSvS0BnU="),
        # the tests of Twilio's own library; the address with and without its port is the same one
        ("https://mycompany.com", OF_THE_LIBRARY, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com:1234", OF_THE_LIBRARY, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com", OF_THE_LIBRARY, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com:1234", OF_THE_LIBRARY, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("http://mycompany.com", OF_THE_LIBRARY, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        ("https://mycompany.com", TWICE, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    ],
)
def test_published(base: str, form: dict[str, str] | list[tuple[str, str]], given: str) -> None:
    """True as published, with whichever of our tokens; false with another token, address, query, value or field."""
    posted = MultiDictProxy(MultiDict(form))
    ours = Signatures(base, ["0" * 32, TOKEN])
    assert ours.fits(PATH, posted, given)
    assert not Signatures(base, ["0" * 32]).fits(PATH, posted, given)
    assert not Signatures(base.replace("com", "org"), [TOKEN]).fits(PATH, posted, given)
    assert not ours.fits(PATH.replace("bar", "baz"), posted, given)
    assert not ours.fits(PATH, MultiDictProxy(MultiDict([*posted.items(), ("To", "+4740000000")])), given)
    for name in posted:
        assert not ours.fits(PATH, MultiDictProxy(MultiDict({**posted, name: "+4740000000"})), given)
    assert not ours.fits(PATH, posted, given.swapcase())
    assert not ours.fits(PATH, posted, "")


_TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)


_PATHS = ["/tw/voice", "/tw/leg/tw-CA12/3", "/tw/sms/sms.a0.0af3", "/tw/sms/%C3%A5?a=b+c&d=%20"]


@settings(max_examples=40)
@given(st.dictionaries(_TEXTS.filter(bool), _TEXTS, max_size=6), st.sampled_from(_PATHS))
def test_the_recipe(form: dict[str, str], path: str) -> None:
    """Address, then each field by name with its value, in HMAC-SHA1: by hand, by Twilio's library, and by us."""
    url = f"https://tast1.example.org:443{path}"
    words = url + "".join(name + form[name] for name in sorted(form))
    by_hand = base64.b64encode(hmac.digest(TOKEN.encode(), words.encode(), "sha1")).decode()
    assert RequestValidator(TOKEN).compute_signature(url, form) == by_hand
    assert Signatures("https://tast1.example.org", [TOKEN]).fits(path, form, by_hand)
