"""What is alive on the exchange, asked at every (re)connect. Asks only; it must never change a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from hardware.asterisk.ami import AmiClient
from hardware.asterisk.leg import Dialling, Leg, channel_of, leg_of
from hardware.asterisk.leg_table import LegTable, is_ours
from hardware.asterisk.outcomes import DialEnd, dial_end
from hardware.asterisk.pbx_config import DB_FAMILY, INBOUND_CONTEXT, PEER_VARIABLE
from hardware.asterisk.pbx_several import KEEP_VARIABLE
from hardware.line import LineRejected

_UP: Final = "6"


class Out(NamedTuple):
    """One of several telephones that has ended while nobody listened."""

    dialling: Dialling
    peer: str
    end: DialEnd


async def take_snapshot(client: AmiClient, table: LegTable) -> tuple[list[Leg], list[Out]]:
    """Bring the table up to date; the legs that have no session, so that nobody tells their end but events; and who of
    several telephones is out since we last heard."""
    had_session = table.with_session()
    rows = await client.list_action("CoreShowChannels")
    for row in rows:
        await _recognise(client, table, row)
    table.keep_only((row.get("Uniqueid", "") for row in rows), had_session)
    out = [out for leg, dialling in table.diallings() for out in await _several(client, leg, dialling, rows)]
    legs = [table.on_channel(row.get("Uniqueid", "")) for row in rows]
    return [leg for leg in legs if leg is not None and leg.adopted], out


async def _recognise(client: AmiClient, table: LegTable, row: Mapping[str, str]) -> None:
    """One channel: ours and known, ours from an earlier life, or someone else's."""
    channel = row.get("Uniqueid", "")
    leg = table.on_channel(channel)
    dials = row.get("Application") == "Dial"
    if leg is None and is_ours(channel):
        leg = table.add(Leg(channel, channel, adopted=True, has_channel=True))
    peers = None
    if (
        dials
        and (leg is None or leg.dialling is None)
        and (leg is not None or row.get("Context") == INBOUND_CONTEXT)
    ):
        peers = await _variable(client, channel, PEER_VARIABLE)
        if leg is None and peers is not None:
            leg = table.add(Leg(leg_of(channel), channel, adopted=True, has_channel=True))
    if leg is None:
        return
    leg.has_channel = True
    leg.answered = leg.answered or row.get("ChannelState") == _UP
    if peers is not None and leg.adopted:
        keep = await _variable(client, channel, KEEP_VARIABLE) == "1"
        leg.dialling = Dialling(tuple(peers.split("&")), keep=keep)
    if dials and leg.dialling is not None and not leg.dialling.several and row.get("BridgeId"):
        leg.dialling.joined = leg.dialling.peer


async def _several(
    client: AmiClient, leg: Leg, dialling: Dialling, rows: Sequence[Mapping[str, str]]
) -> list[Out]:
    """Which of several telephones has been joined, and those that are not there any more: a new one may not be yet."""
    if not dialling.several:
        return []
    bridge = next((row.get("BridgeId") for row in rows if row.get("Uniqueid") == leg.channel), None)
    for row in rows:
        peer = dialling.peer_at(row.get("Channel", ""))
        if peer is not None:
            dialling.channels[peer] = row.get("Uniqueid", "")
            if bridge and row.get("BridgeId") == bridge:
                dialling.joined = peer
    shown = {dialling.peer_at(row.get("Channel", "")) for row in rows}
    gone = [peer for peer in dialling.others() if peer not in shown]
    ends = [(peer, await end_on_record(client, channel_of(peer))) for peer in gone]
    return [Out(dialling, peer, end) for peer, end in ends if end and dialling.may_be_out(peer, end)]


async def _variable(client: AmiClient, channel: str, name: str) -> str | None:
    """What the service left on the channel, for example the port's id of the peer a leg dials."""
    try:
        answer = await client.action("Getvar", {"Channel": channel, "Variable": name})
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
