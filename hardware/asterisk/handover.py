"""From settings and the PBX's own words to ours: where it is, what opens it, the call it hands over,
and which of our commands may reach its dialplan. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from config.model import AsteriskSettings, Secrets
from hardware.asterisk import pbx_numbers
from hardware.asterisk.ami import AmiAddress
from hardware.asterisk.leg import is_peer_id
from hardware.asterisk.local_pbx_config import LOCAL_PBX_SECRET
from hardware.line import Answer, CallOffered, Dial, LineRejected, Prompt

_ITEM: Final = re.compile(r"[a-z]{2,3}(?:\.slow)?/[A-Za-z0-9._-]{1,100}")
_TRUNK_CHANNEL: Final = re.compile(r"PJSIP/([A-Za-z0-9._-]{1,100})-[0-9a-f]{8}")
_REFUSE: Final = re.compile(r"[02-9*]{0,11}")


def ami_address(settings: AsteriskSettings, secrets: Secrets) -> AmiAddress:
    secret = secrets.ami_secret or (LOCAL_PBX_SECRET if settings.local_pbx else "")
    return AmiAddress(settings.ami_host, settings.ami_port, settings.ami_user, secret, settings.ami_tls)


def fastagi_token(settings: AsteriskSettings, secrets: Secrets) -> str:
    return secrets.fastagi_token or (LOCAL_PBX_SECRET if settings.local_pbx else "")


def offer(leg_id: str, env: Mapping[str, str]) -> CallOffered:
    """The display name is not read at all: the caller writes it."""
    to = pbx_numbers.called(env.get("agi_extension", ""), env.get("agi_dnid", ""))
    caller = pbx_numbers.caller(env.get("agi_callerid", ""), env.get("agi_callingpres", ""))
    trunk = _TRUNK_CHANNEL.fullmatch(env.get("agi_channel", ""))
    return CallOffered(leg_id, to, caller, trunk[1] if trunk else None)


def check_command(command: Answer | Prompt | Dial) -> None:
    """Raises LineRejected for what must not reach the dialplan."""
    if isinstance(command, Prompt):
        _check_items(command.items)
        if not 0 <= command.digits <= 32:
            raise LineRejected("a prompt collects 0 to 32 keys")
    if isinstance(command, Dial):
        _check_dial(command)


def _check_dial(dial: Dial) -> None:
    if dial.screen is not None:
        _check_items(dial.screen.items)
        if _REFUSE.fullmatch(dial.screen.refuse) is None:
            raise LineRejected("keys that say no are 0, 2 to 9 and *")
    elif dial.also:
        raise LineRejected("several telephones need a screen")
    if len(set(dial.peers)) < len(dial.peers):
        raise LineRejected("each telephone needs an id of its own")
    if (dial.also or dial.keep) and not all(map(is_peer_id, dial.peers)):
        raise LineRejected("the id of a peer must begin with tast1- and be short")


def _check_items(items: tuple[str, ...]) -> None:
    for item in items:
        if _ITEM.fullmatch(item) is None:
            raise LineRejected("not a prompt item: language/prompt_id is")
