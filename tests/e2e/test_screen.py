"""Screens on a real Asterisk with real phones, without the service: what both sides hear, and prompts that do not come."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from hardware.asterisk.fallback_sounds import tone_render
from hardware.asterisk.local_pbx import LocalPbx
from hardware.asterisk.pbx_screen import screen_option
from hardware.line import Screen
from tests.e2e.audio import heard, tone_seconds
from tests.e2e.pbx_tools import AgiCall, AgiHandler, agi_service, prompt_server
from tests.e2e.phones import Phones
from tests.e2e.waiting import until

LILLEVIK = "+4773000010"
CALLER = "+4740001234"
RUNG = "+4740023456"
RINGING = 425.0
SILENCE = timedelta(seconds=1)


def dials(screen: Screen, *urls: str) -> AgiHandler:
    """A service that dials RUNG with this screen, and keeps the call until it is over."""

    async def handle(call: AgiCall) -> None:
        await call.command("ANSWER")
        option = screen_option(screen, call.variables["agi_uniqueid"], "&".join(urls))
        await call.command(f'EXEC Dial "PJSIP/{RUNG}@trunk,30,{option}gF(tast1-after^s^1)"')
        await call.done()

    return handle


@pytest.fixture
def item(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    folder.mkdir()
    path = folder / "screen.wav"
    path.write_bytes(tone_render("nb", "screen"))
    return path


async def test_ringing_for_the_one_who_dials(pbx: LocalPbx, public: Phones, item: Path) -> None:
    """The one who dials hears ringing, not silence, while the other hears the items; joined, they hear each other."""
    caller, other = await public.phone(CALLER), await public.phone(RUNG)
    async with prompt_server(item.parent) as prompts:
        url = f"{prompts.url}/{item.name}"
        async with agi_service(dials(Screen((), timeout=timedelta(seconds=20)), url, url)):
            call = await (await caller.call(LILLEVIK)).answered()
            picked_up = await (await other.incoming()).answer()
            before = tone_seconds(call.recording(), RINGING)
            await until(
                lambda: tone_seconds(call.recording(), RINGING) > before + 1.5,
                what="two more times of ringing",
            )
            assert tone_seconds(call.recording(), other.voice_hz) == 0
            await until(lambda: heard(picked_up.recording(), item), what="the items")
            await picked_up.press("1")
            await until(
                lambda: tone_seconds(call.recording(), other.voice_hz) > 1, what="the caller hears them"
            )
            await until(
                lambda: tone_seconds(picked_up.recording(), caller.voice_hz) > 1, what="is heard there"
            )
            await picked_up.hang_up()
            await call.closed()


async def test_whoever_says_no_hears_a_goodbye(pbx: LocalPbx, public: Phones, item: Path) -> None:
    """The person rung is not left on a dead line after the key that says no."""
    caller, other = await public.phone(CALLER), await public.phone(RUNG)
    async with (
        prompt_server(item.parent) as prompts,
        agi_service(dials(Screen(()), f"{prompts.url}/{item.name}")),
    ):
        await caller.call(LILLEVIK)
        picked_up = await (await other.incoming()).answer()
        await picked_up.press("2")
        await picked_up.closed()
    assert heard(picked_up.recording(), pbx.sounds_dir / "ended-nb.wav")


@pytest.mark.parametrize("joins", [True, False])
async def test_prompts_that_do_not_come(pbx: LocalPbx, public: Phones, joins: bool) -> None:
    """Items that cannot be fetched are silence: the person rung is joined where silence joins, and else has not answered;
    nobody is left on a line without end."""
    caller, other = await public.phone(CALLER), await public.phone(RUNG)
    screen = Screen((), silence_joins=joins, timeout=SILENCE)
    async with agi_service(dials(screen, "http://127.0.0.1:1/gone.wav")):
        call = await (await caller.call(LILLEVIK)).answered()
        picked_up = await (await other.incoming()).answer()
        if joins:
            await until(lambda: tone_seconds(call.recording(), other.voice_hz) > 1, what="the two are joined")
            await picked_up.hang_up()
        await picked_up.closed()
        await call.closed()
        assert (tone_seconds(call.recording(), other.voice_hz) > 0) == joins


async def test_screen_after_the_service_died(pbx: LocalPbx, public: Phones, item: Path) -> None:
    """Items the PBX has kept are heard, and 1 joins, also when the service and its prompts are gone."""
    caller, other = await public.phone(CALLER), await public.phone(RUNG)
    screen = Screen((), timeout=timedelta(seconds=20))
    async with prompt_server(item.parent) as prompts:
        url = f"{prompts.url}/{item.name}"
        async with agi_service(dials(screen, url)):
            first = await caller.call(LILLEVIK)
            fetches = await (await other.incoming()).answer()
            await until(lambda: heard(fetches.recording(), item, share=0.3), what="the item is fetched")
            await fetches.hang_up()
            await first.closed()
        async with agi_service(dials(screen, url)):
            call = await (await caller.call(LILLEVIK)).answered()
            ringing = await other.incoming()
    picked_up = await ringing.answer()
    await until(lambda: heard(picked_up.recording(), item), what="the item, out of the cache")
    await picked_up.press("1")
    await until(lambda: tone_seconds(call.recording(), other.voice_hz) > 1, what="the caller hears them")
    await picked_up.hang_up()
    await call.hang_up()
    assert prompts.fetched == [item.name]
