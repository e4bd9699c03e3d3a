"""The dialplan of several telephones and of a peer who stays, as text: what `tast1 pbx config` writes for them."""

from __future__ import annotations

import re
from typing import Final

import pytest

from hardware.asterisk.leg import channel_of, is_peer_id, leg_of
from hardware.asterisk.local_pbx_config import LocalPbxPorts, local_parameters
from hardware.asterisk.outcomes import DialEnd, dial_end
from hardware.asterisk.pbx_config import extensions_conf
from hardware.asterisk.pbx_several import BESIDE_CONTEXT, KEPT_CONTEXT, name_of_channel, several_to_ring
from hardware.line import LegEnded, LegOutcome

DIALPLAN: Final = extensions_conf(local_parameters(LocalPbxPorts(), "/sounds", {}))


def context(name: str) -> str:
    return DIALPLAN.partition(f"[{name}]\n")[2].partition("\n[")[0]


def test_every_jump_arrives() -> None:
    """Each label that is jumped to exists, and each context that is named."""
    for name in (BESIDE_CONTEXT, KEPT_CONTEXT, "tast1-record"):
        text = context(name)
        jumps = {jump for jump in re.findall(r"\?(\w+)\)", text) if jump.isalpha()}
        assert jumps == set(re.findall(r"=> n\((\w+)\)", text))
    named = set(re.findall(r"(?:Gosub\(|\?|\^|F\()(tast1-\w+)[,^]", DIALPLAN))
    assert named <= set(re.findall(r"^\[(tast1-\w+)\]", DIALPLAN, re.MULTILINE))


@pytest.mark.parametrize("leg", [f"tast1-{'a' * 32}-1", "tast1-in-1700000000.12-to-0"])
def test_a_telephone_is_known_by_its_channel(leg: str) -> None:
    """Our id of a leg is read off the name of the channel Asterisk makes for it; the other side of the pair is not it."""
    assert is_peer_id(leg)
    [local] = re.findall(r"Local/(.*)/n", several_to_ring([channel_of(leg)]))
    channel = f"Local/{local}-0000001a;1"
    assert leg_of(name_of_channel(channel) or "") == leg
    assert len(channel) <= 80, "the longest name of a channel"
    assert name_of_channel(f"Local/{local}-0000001a;2") is None
    assert name_of_channel("Local/s@tast1-leg-0000001a;1") is None


@pytest.mark.parametrize(
    ("value", "end", "event"),
    [
        ("ANSWER,16,42", DialEnd("ANSWER", 16, 42), (LegOutcome.ENDED, 16, True)),
        ("DECLINED,,,2,", DialEnd("DECLINED", None, 0, "2"), (LegOutcome.DECLINED, 21, False)),
        ("BUSY,17,,,486", DialEnd("BUSY", 17, 0, "", 486), (LegOutcome.BUSY, 17, False)),
        ("CHANUNAVAIL,21,,,603", DialEnd("CHANUNAVAIL", 21, 0, "", 603), (LegOutcome.DECLINED, 21, False)),
        ("CHANUNAVAIL,21,,,403", DialEnd("CHANUNAVAIL", 21, 0, "", 403), (LegOutcome.FAILED, 21, False)),
        ("CHANUNAVAIL,1,,,404", DialEnd("CHANUNAVAIL", 1, 0, "", 404), (LegOutcome.INVALID, 1, False)),
        ("NOANSWER,0,,,", DialEnd("NOANSWER", 0, 0), (LegOutcome.NO_ANSWER, 19, False)),
        ("CANCEL,,,,", DialEnd("CANCEL", None, 0), (LegOutcome.CANCELLED, None, False)),
    ],
)
def test_what_was_kept(value: str, end: DialEnd, event: tuple[LegOutcome, int | None, bool]) -> None:
    """The end of one telephone, as the dialplan keeps it, says as much as one that is told at once."""
    assert dial_end(value) == end
    assert end.event("tast1-a") == LegEnded("tast1-a", *event)
