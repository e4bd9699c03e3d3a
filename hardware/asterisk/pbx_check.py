"""Looks at a running PBX the way the service will use it, and says what to fix (`tast1 pbx check`).

It must never ring a telephone or change anything: its one call is a Local channel without sound. It works beside a
running service (which then answers the call) and without one (then this listens for the moment).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from config.model import AsteriskSettings, Secrets
from hardware.asterisk.ami import AmiClient
from hardware.asterisk.ami_codec import AmiEvent
from hardware.asterisk.fastagi import AgiSession, FastAgiServer
from hardware.asterisk.handover import ami_address, fastagi_token
from hardware.asterisk.leg import CHECK_PREFIX
from hardware.asterisk.pbx_check_call import CHECK_EVENT, CHECK_PROMPT, answer_check
from hardware.asterisk.pbx_config import AFTER_CONTEXT, INBOUND_CONTEXT, LEG_CONTEXT, RECORD_CONTEXT
from hardware.asterisk.pbx_screen import SCREEN_CONTEXT
from hardware.asterisk.pbx_several import BESIDE_CONTEXT, KEPT_CONTEXT
from hardware.line import LineAuthFailed, LineError, LineRejected

_MODULES: Final = (
    "res_agi",
    "app_read",
    "app_softhangup",
    "app_dial",
    "app_stack",
    "app_userevent",
    "func_cut",
    "func_logic",
    "res_http_media_cache",
    "chan_pjsip",
)
_CONTEXTS: Final = (
    INBOUND_CONTEXT,
    LEG_CONTEXT,
    SCREEN_CONTEXT,
    BESIDE_CONTEXT,
    KEPT_CONTEXT,
    AFTER_CONTEXT,
    RECORD_CONTEXT,
)
_CALL_SECONDS: Final = 10.0
_INCLUDE: Final = (
    "include the output of `tast1 pbx config` in manager.conf and extensions.conf, then reload Asterisk"
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the report. `detail` says what was found and, when not `ok`, what to do."""

    name: str
    ok: bool
    detail: str


async def check(settings: AsteriskSettings, secrets: Secrets, prompt_url: str) -> list[CheckResult]:
    """Every check, in order; what cannot be tried without the login is left out.

    `prompt_url`: where the PBX fetches prompts, for example `http://127.0.0.1:8600`."""
    heard: asyncio.Queue[AmiEvent] = asyncio.Queue()
    try:
        client = await AmiClient.connect(ami_address(settings, secrets), heard.put_nowait)
    except LineAuthFailed as error:
        advice = f"compare ami_user ({settings.ami_user}) and TAST1_AMI_SECRET with manager.conf"
        return [CheckResult("login", False, f"{error}: {advice}")]
    except LineError as error:
        where = f"{settings.ami_host}:{settings.ami_port}"
        return [
            CheckResult("login", False, f"{error}: is Asterisk running, and its manager enabled on {where}?")
        ]
    try:
        results = [CheckResult("login", True, f"as {settings.ami_user}")]
        results += await _permissions(client)
        results += [await _context(client, name) for name in _CONTEXTS]
        results += [await _module(client, name) for name in _MODULES]
        results.append(await _trunk(client, settings.trunk))
        results += await _call(client, heard, settings, secrets, prompt_url)
        return results
    finally:
        await client.close()


async def _permissions(client: AmiClient) -> list[CheckResult]:
    """One harmless action of each class the service uses."""
    nowhere = f"{CHECK_PREFIX}none"
    tries: Mapping[str, Callable[[], Awaitable[object]]] = {
        "reporting": lambda: client.list_action("CoreShowChannels"),
        "call": lambda: client.action("Hangup", {"Channel": nowhere}),
        "originate": lambda: client.action("Originate", {"Channel": nowhere, "Async": "true"}),
    }
    results = []
    for name, act in tries.items():
        try:
            await act()
        except LineAuthFailed:
            detail = f"the manager user may not do this: add {name} to its `write` line in manager.conf"
            results.append(CheckResult(f"permission {name}", False, detail))
            continue
        except LineRejected:
            pass  # it may, and there is no such channel
        results.append(CheckResult(f"permission {name}", True, "granted"))
    return results


async def _context(client: AmiClient, name: str) -> CheckResult:
    try:
        rows = await client.list_action("ShowDialPlan", {"Context": name})
    except LineError as error:
        return CheckResult(f"context {name}", False, f"{error}: {_INCLUDE}")
    return CheckResult(f"context {name}", bool(rows), "present" if rows else f"is empty: {_INCLUDE}")


async def _module(client: AmiClient, name: str) -> CheckResult:
    """Through a dialplan function: `ModuleCheck` wants rights the service should not have."""
    try:
        answer = await client.action("Getvar", {"Variable": f"IFMODULE({name}.so)"})
    except LineError as error:
        return CheckResult(f"module {name}", False, f"cannot be asked for ({error})")
    loaded = answer.get("Value") == "1"
    detail = (
        "loaded" if loaded else f"is not loaded: remove its noload from modules.conf, or install {name}.so"
    )
    return CheckResult(f"module {name}", loaded, detail)


async def _trunk(client: AmiClient, trunk: str) -> CheckResult:
    variable = f"PJSIP_ENDPOINT({trunk},context)"
    try:
        answer = await client.action("Getvar", {"Variable": variable})
    except LineError as error:
        return CheckResult("trunk", False, f"cannot be asked for ({error})")
    context = answer.get("Value", "")
    if not context:
        return CheckResult("trunk", False, f'no PJSIP endpoint is called "{trunk}": set [asterisk] trunk')
    if context != INBOUND_CONTEXT:
        advice = f"its calls begin in {context}; they must reach {INBOUND_CONTEXT} from there"
        return CheckResult("trunk", True, f"{trunk}: {advice}")
    return CheckResult("trunk", True, f"{trunk}: calls begin in {context}")


# ---- one call without a telephone ------------------------------------------------------------------------------


async def _call(
    client: AmiClient,
    heard: asyncio.Queue[AmiEvent],
    settings: AsteriskSettings,
    secrets: Secrets,
    prompt_url: str,
) -> list[CheckResult]:
    """Have the PBX connect to FastAGI and fetch a prompt."""
    url = f"{prompt_url.rstrip('/')}/prompts/{CHECK_PROMPT}.wav"
    served: set[asyncio.Task[None]] = set()

    def serve(session: AgiSession) -> None:
        served.add(asyncio.create_task(answer_check(session, url)))

    where = (settings.fastagi_host, settings.fastagi_port)
    server = FastAgiServer(where, settings.fastagi_allow, fastagi_token(settings, secrets), serve)
    try:
        await server.start()
        who = "this check"
    except OSError:
        who = "the running service"
    try:
        result = await _place(client, heard)
    finally:
        await server.stop()
        await asyncio.gather(*served, return_exceptions=True)
    return _judge(result, who, url, f"{where[0]}:{where[1]}")


async def _place(client: AmiClient, heard: asyncio.Queue[AmiEvent]) -> str:
    """The `Result` of the call; empty when it never reached the other end."""
    leg = f"{CHECK_PREFIX}{uuid.uuid4().hex}"
    fields = {
        "Channel": f"Local/s@{LEG_CONTEXT}",
        "Application": "Wait",
        "Data": "5",
        "Timeout": "8000",
        "Async": "true",
        "ChannelId": leg,
        "OtherChannelId": f"{leg}-b",
    }
    try:
        await client.action("Originate", fields)
        async with asyncio.timeout(_CALL_SECONDS):
            while True:
                event = await heard.get()
                told = event.keys.get("UserEvent") == CHECK_EVENT
                if told and event.keys.get("Leg", "").startswith(leg):
                    return event.keys.get("Result", "")
    except (LineError, TimeoutError):
        return ""


def _judge(result: str, who: str, url: str, where: str) -> list[CheckResult]:
    if not result:
        advice = (
            f"the PBX did not reach {who} at {where}: check the address and token in its AGI lines "
            "(`tast1 pbx config`), fastagi_host, fastagi_allow, and firewalls; the manager user needs `read = user`"
        )
        return [CheckResult("fastagi", False, advice)]
    fetched = result == "fetched"
    advice = f"the PBX could not play {url}: is the service running there, and reachable from the PBX?"
    return [
        CheckResult("fastagi", True, f"the PBX reached {who} at {where}"),
        CheckResult("prompts", fetched, f"the PBX fetched {url}" if fetched else advice),
    ]
