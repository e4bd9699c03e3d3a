"""What is alive on the exchange, asked at every (re)connect. Asks only; it must never change a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hardware.asterisk.ami import AmiClient
from hardware.asterisk.leg import Dialling, Leg, leg_of
from hardware.asterisk.leg_table import LegTable, is_ours
from hardware.asterisk.outcomes import DialEnd, dial_end
from hardware.asterisk.pbx_config import DB_FAMILY, INBOUND_CONTEXT, PEER_VARIABLE
from hardware.line import LineRejected

_UP: Final = "6"


async def take_snapshot(client: AmiClient, table: LegTable) -> list[Leg]:
    """Bring the table up to date; the legs that have no session, so that nobody tells their end but events."""
    had_session = table.with_session()
    rows = await client.list_action("CoreShowChannels")
    for row in rows:
        await _recognise(client, table, row)
    table.keep_only((row.get("Uniqueid", "") for row in rows), had_session)
    legs = [table.get(leg_of(row.get("Uniqueid", ""))) for row in rows]
    return [leg for leg in legs if leg is not None and leg.adopted]


async def _recognise(client: AmiClient, table: LegTable, row: Mapping[str, str]) -> None:
    """One channel: ours and known, ours from an earlier life, or someone else's."""
    channel = row.get("Uniqueid", "")
    leg = table.get(leg_of(channel))
    dials = row.get("Application") == "Dial"
    if leg is None and is_ours(channel):
        leg = table.add(Leg(channel, channel, adopted=True, has_channel=True))
    peer = None
    if (
        dials
        and (leg is None or leg.dialling is None)
        and (leg is not None or row.get("Context") == INBOUND_CONTEXT)
    ):
        peer = await _peer_of(client, channel)
        if leg is None and peer is not None:
            leg = table.add(Leg(leg_of(channel), channel, adopted=True, has_channel=True))
    if leg is None:
        return
    joined = bool(row.get("BridgeId"))
    leg.has_channel = True
    leg.answered = leg.answered or row.get("ChannelState") == _UP
    if peer is not None and leg.adopted:
        leg.dialling = Dialling(peer, joined=joined)
    elif dials and joined and leg.dialling is not None:
        leg.dialling.joined = True


async def _peer_of(client: AmiClient, channel: str) -> str | None:
    """The port's id of the peer a leg dials, which the service left on the channel."""
    try:
        answer = await client.action("Getvar", {"Channel": channel, "Variable": PEER_VARIABLE})
    except LineRejected:
        return None
    return answer.get("Value") or None


async def is_alive(client: AmiClient, channel: str) -> bool:
    try:
        await client.action("Getvar", {"Channel": channel, "Variable": PEER_VARIABLE})
    except LineRejected:
        return False
    return True


async def end_on_record(client: AmiClient, channel: str) -> DialEnd | None:
    """How a leg ended, where the dialplan wrote it down because the service was away."""
    try:
        items = await client.list_action("DBGet", {"Family": DB_FAMILY, "Key": channel})
    except LineRejected:
        return None
    return dial_end(items[0].get("Val", "")) if items else None
