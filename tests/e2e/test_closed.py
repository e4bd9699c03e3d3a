"""A closed office on a real Asterisk: when "tast 1" is heard, and what else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hardware.asterisk.local_pbx import LocalPbx
from scheduler.clock import to_local
from tests.e2e.audio import heard, listen_for, seconds
from tests.e2e.phones import Phones
from tests.e2e.service import MENU_AS_IF_OPEN, Service
from tests.e2e.story import CALLER, LILLEVIK, hears, is_promised

PAUSE = timedelta(seconds=0.25)
"""After the last word of the greeting, in its sound."""


async def test_closed(pbx: LocalPbx, public: Phones, tmp_path: Path) -> None:
    """ "Tast 1" has been heard 8 s after the answer, then when it opens; whoever presses 1 hears it again before the
    promise."""
    today = to_local(datetime.now(UTC)).date()
    changes = {text: text for text in MENU_AS_IF_OPEN} | {"date = 2026-12-24": f"date = {today}"}
    async with Service(tmp_path / "service", changes=changes) as service:
        await service.line_up()
        await service.fetch_prompts("nb/intake.greeting")
        call = await (await (await public.phone(CALLER)).call(LILLEVIK)).answered()
        await hears(call, service, "nb/intake.opens", 30)
        greeting = service.prompt("nb/intake.greeting")
        begins = listen_for(call.recording(), greeting)
        assert begins.share > 0.9
        assert begins.offset + timedelta(seconds=seconds(greeting)) - PAUSE <= timedelta(seconds=8)
        await service.fetch_prompts("nb/intake.closed", "nb/intake.drop_in")
        opens = listen_for(call.recording(), service.prompt("nb/intake.opens"))
        assert (
            begins.offset
            < listen_for(call.recording(), service.prompt("nb/intake.closed")).offset
            < opens.offset
        )
        await call.press("1")
        await hears(call, service, "nb/intake.urgent")
        await call.press("2")
        await hears(call, service, "nb/intake.closed_now")
        await is_promised(call, service, await service.request_of(CALLER))
        assert heard(call.recording(), service.prompt("nb/intake.drop_in"))
        await call.hang_up()
