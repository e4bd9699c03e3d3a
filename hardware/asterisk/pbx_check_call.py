"""The call `tast1 pbx check` has the PBX place to the service, and what the service answers to it.

A Local channel, no telephone: it runs through the dialplan's `tast1-leg` to FastAGI like any leg. The service has the
PBX fetch a prompt, and tells the outcome in a `Tast1Check` user event. Nothing is played to anyone.
"""

from __future__ import annotations

from typing import Final

import structlog

from hardware.asterisk.fastagi import AgiGone, AgiSession
from hardware.asterisk.pbx_config import DONE_VARIABLE

log = structlog.get_logger(__name__)

CHECK_EVENT: Final = "Tast1Check"
CHECK_PROMPT: Final = "nb/intake.greeting"
_BEYOND_THE_END: Final = 999_999_999


async def answer_check(session: AgiSession, url: str) -> None:
    """Serve the check's call. `Result` is `fetched` or `not_fetched`."""
    try:
        await session.command("ANSWER")
        # From beyond its end: fetched and opened, but over at once.
        reply = await session.command(f'STREAM FILE {url} "" {_BEYOND_THE_END}')
        result = "not_fetched" if reply.failed else "fetched"
        leg = session.env.get("agi_uniqueid", "").partition(";")[0]
        await session.execute("UserEvent", f"{CHECK_EVENT},Leg: {leg},Result: {result}")
        await session.set_variable(DONE_VARIABLE, "1")
        await session.command("HANGUP")
    except AgiGone:
        log.debug("check_call_gone")
    finally:
        session.close()
