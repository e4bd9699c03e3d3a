"""The local PBX by itself, with real phones: what callers hear when there is no service, and what the service relies on."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest

from hardware.asterisk.asterisk_root import Asterisk
from hardware.asterisk.fallback_sounds import tone_render
from hardware.asterisk.local_pbx import LocalPbx, LocalPbxError
from tests.e2e import sip_exchange
from tests.e2e.audio import heard, listen_for, tone_seconds
from tests.e2e.pbx_tools import AgiCall, agi_service, ami_tap, prompt_server
from tests.e2e.phones import LINE_ELSEWHERE, Phones
from tests.e2e.sipp import Key, Load, Pause, place_calls
from tests.e2e.waiting import until

LILLEVIK = "+4773000010"
LILLEVIK_ONCALL = "+4773000011"
FALLBACK = "+4740000001"
CALLER = "+4740001234"
LEG = {"Context": "tast1-leg", "Exten": "s", "Priority": "1", "Async": "true"}


async def test_caller_meets_the_fallback_when_no_service_runs(pbx: LocalPbx, public: Phones) -> None:
    """With no service the caller hears the recording in both languages and is joined with the fall-back number."""
    caller, duty = await public.phone(CALLER), await public.phone(FALLBACK)
    call = await caller.call(LILLEVIK)
    ringing = await duty.incoming(timeout=30)
    assert ringing.peer == LILLEVIK
    await ringing.answer()
    await until(
        lambda: tone_seconds(call.recording(), duty.voice_hz) > 1, what="the caller hears the fall-back phone"
    )
    await until(lambda: tone_seconds(ringing.recording(), caller.voice_hz) > 1, what="and is heard there")
    await call.hang_up()
    await ringing.closed()
    nb, en = (
        listen_for(call.recording(), pbx.sounds_dir / f"fallback-{language}.wav") for language in ("nb", "en")
    )
    assert nb.share == 1.0
    assert nb.offset < timedelta(seconds=1)
    assert en.share > 0.6


async def test_caller_hears_goodbye_when_the_fallback_number_does_not_answer(
    pbx: LocalPbx, public: Phones
) -> None:
    """When nobody can be reached the caller hears the recording once more and a goodbye, and only then the end."""
    caller = await public.phone(CALLER)
    public.exchange.script(FALLBACK, sip_exchange.OUT_OF_ORDER)
    call = await caller.call(LILLEVIK_ONCALL, caller_id="withheld")
    await call.closed(timeout=40)
    assert public.exchange.calls == [sip_exchange.OfferedCall(FALLBACK, LILLEVIK)]
    assert heard(call.recording(), pbx.sounds_dir / "fallback-nb.wav")
    goodbye = listen_for(call.recording(), pbx.sounds_dir / "goodbye-nb.wav")
    assert goodbye.share > 0.6
    assert goodbye.offset > timedelta(seconds=9)


async def test_caller_meets_the_fallback_when_the_service_dies_in_the_call(
    pbx: LocalPbx, public: Phones
) -> None:
    """A service that is gone in the middle of a call leaves the caller with the recording, not with silence."""

    async def dies(call: AgiCall) -> None:
        await call.command("ANSWER")
        call.writer.transport.abort()

    caller, duty = await public.phone(CALLER), await public.phone(FALLBACK)
    async with agi_service(dies):
        call = await caller.call(LILLEVIK)
        await duty.incoming(timeout=30)
    await call.hang_up()
    assert heard(call.recording(), pbx.sounds_dir / "fallback-nb.wav")


async def test_caller_meets_the_fallback_when_the_service_is_stuck(
    asterisk: Asterisk, public: Phones, tmp_path: Path
) -> None:
    """A service that takes the call and then says nothing is given up after the office's patience."""

    async def stuck(call: AgiCall) -> None:
        await call.reader.read()

    caller, duty = await public.phone(CALLER), await public.phone(FALLBACK)
    patient = LocalPbx(asterisk, tmp_path / "pbx", service_patience=timedelta(seconds=1))
    async with patient as pbx, agi_service(stuck):
        call = await caller.call(LILLEVIK)
        await duty.incoming(timeout=30)
        await call.hang_up()
        assert heard(call.recording(), pbx.sounds_dir / "fallback-nb.wav")


async def test_a_call_the_service_has_finished_just_ends(pbx: LocalPbx, public: Phones) -> None:
    """When the service has said that it is done, nothing more is played and nobody is rung."""

    async def finishes(call: AgiCall) -> None:
        await call.command("ANSWER")
        await call.done()

    caller = await public.phone(CALLER)
    async with agi_service(finishes) as calls:
        call = await (await caller.call(LILLEVIK)).answered()
        await call.closed()
    assert public.exchange.calls == []
    assert calls[0].variables["agi_extension"] == LILLEVIK
    assert calls[0].variables["agi_callerid"] == CALLER
    assert calls[0].variables["agi_network_script"] == "call?token=local-pbx"


async def test_prompts_over_http_and_a_key(pbx: LocalPbx, public: Phones, tmp_path: Path) -> None:
    """Two prompts fetched over HTTP play one after the other, a key press comes back, and the PBX keeps the files."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.wav").write_bytes(tone_render("nb", f"prompt {name}"))
    pressed: list[str] = []
    async with prompt_server(tmp_path) as prompts:

        async def asks(call: AgiCall) -> None:
            await call.command("ANSWER")
            files = f"{prompts.url}/one.wav&{prompts.url}/two.wav"
            await call.command(f'EXEC Read "D,{files},1,,1,3"')
            pressed.append(await call.variable("D"))
            await call.done()

        caller = await public.phone(CALLER)
        async with agi_service(asks):
            first = await (await caller.call(LILLEVIK)).answered()
            await until(
                lambda: heard(first.recording(), tmp_path / "two.wav", share=0.3), what="the second prompt"
            )
            await first.press("1")
            await first.closed()
            second = await (await caller.call(LILLEVIK)).answered()
            await second.press("2")
            await second.closed()
    assert pressed == ["1", "2"]
    assert heard(first.recording(), tmp_path / "one.wav")
    assert not heard(first.recording(), pbx.sounds_dir / "ended-nb.wav")
    assert sorted(prompts.fetched) == ["one.wav", "two.wav"]


async def test_both_sides_of_a_leg_hear_each_other(pbx: LocalPbx, public: Phones, office: Phones) -> None:
    """A leg we start rings the caseworker, then the other person with the office's number; both are heard, and the
    one who is left hears a goodbye."""

    async def joins(call: AgiCall) -> None:
        await call.command(f"SET VARIABLE CALLERID(num) {LILLEVIK}")
        await call.command(f'EXEC Dial "PJSIP/{CALLER}@trunk,30,gF(tast1-after^s^1)"')
        # Not marked as done: only then is the end told and kept.

    kari, person = await office.phone("201"), await public.phone(CALLER)
    async with agi_service(joins), ami_tap() as ami:
        await ami.action("Originate", Channel="PJSIP/201", ChannelId="tast1-a1", CallerID=LILLEVIK, **LEG)
        desk = await (await kari.incoming()).answer()
        talk = await (await person.incoming()).answer()
        assert talk.peer == LILLEVIK
        await until(lambda: tone_seconds(desk.recording(), person.voice_hz) > 1, what="the caseworker hears")
        await until(lambda: tone_seconds(talk.recording(), kari.voice_hz) > 1, what="the person hears")
        await desk.hang_up()
        await talk.closed()
        ended = await until(lambda: ami.seen("UserEvent", Leg="tast1-a1"), what="the end is told")
    assert ended[0]["DialStatus"] == "ANSWER"
    assert int(ended[0]["AnsweredTime"]) >= 1
    assert heard(talk.recording(), pbx.sounds_dir / "ended-nb.wav")


async def test_a_line_elsewhere_rings_extensions(
    pbx: LocalPbx, public: Phones, office: Phones, phone_dir: Path
) -> None:
    """Twilio over SIP reaches the caseworkers' telephones, is told how it ended, and reaches nobody outside."""
    kari, person = await office.phone("201"), await public.phone(CALLER)
    async with Phones(LINE_ELSEWHERE, phone_dir) as elsewhere:
        line = await elsewhere.phone(LILLEVIK)
        call = await line.call("201")
        desk = await kari.incoming()
        assert desk.peer == LILLEVIK
        await (await desk.answer()).press("1")
        await until(lambda: tone_seconds(desk.recording(), line.voice_hz) > 1, what="the caseworker hears")
        await until(lambda: tone_seconds(call.recording(), kari.voice_hz) > 1, what="and is heard")
        await desk.hang_up()
        await call.closed()
        call = await line.call("201")
        await (await kari.incoming()).hang_up()
        assert "486" in await call.closed()
        for outside in (CALLER, LILLEVIK):
            call = await line.call(outside)
            assert "404" in await call.closed()
        assert person.calls == []


@pytest.mark.parametrize(
    ("answer", "status", "cause"),
    [
        (sip_exchange.BUSY, "BUSY", "17"),
        (sip_exchange.NO_ANSWER, "NOANSWER", "0"),
        (sip_exchange.DEAD_SILENT, "NOANSWER", "0"),
        (sip_exchange.SWITCHED_OFF, "NOANSWER", "19"),
        (sip_exchange.UNALLOCATED, "CHANUNAVAIL", "1"),
        (sip_exchange.OUT_OF_ORDER, "CONGESTION", "34"),
        (sip_exchange.DECLINED, "CHANUNAVAIL", "21"),
    ],
    ids=["busy", "no answer", "dead silent", "switched off", "unallocated", "out of order", "declined"],
)
async def test_outcomes_are_told_apart(
    pbx: LocalPbx, public: Phones, office: Phones, answer: sip_exchange.Answer, status: str, cause: str
) -> None:
    """Busy, no answer, unknown number, declined and a broken trunk are told apart by status and Q.850 cause."""
    found: list[tuple[str, str]] = []

    async def dials(call: AgiCall) -> None:
        await call.command(f'EXEC Dial "PJSIP/{CALLER}@trunk,1,g"')
        found.append((await call.variable("DIALSTATUS"), await call.variable("HANGUPCAUSE")))
        await call.done()

    public.exchange.script(CALLER, answer)
    kari = await office.phone("201")
    async with agi_service(dials), ami_tap() as ami:
        await ami.action("Originate", Channel="PJSIP/201", ChannelId="tast1-o1", **LEG)
        desk = await (await kari.incoming()).answer()
        await desk.closed()
    assert found == [(status, cause)]


async def test_the_end_of_a_leg_is_kept_for_a_service_that_was_away(
    pbx: LocalPbx, public: Phones, office: Phones
) -> None:
    """A conversation outlives the service, and how it ended can be read afterwards, even after a restart of the PBX."""

    async def joins(call: AgiCall) -> None:
        await call.command(f'EXEC Dial "PJSIP/{CALLER}@trunk,30,g"')

    kari, person = await office.phone("201"), await public.phone(CALLER)
    async with ami_tap() as ami:
        async with agi_service(joins):
            await ami.action("Originate", Channel="PJSIP/201", ChannelId="tast1-b1", **LEG)
            desk = await (await kari.incoming()).answer()
            talk = await (await person.incoming()).answer()
        before = tone_seconds(talk.recording(), kari.voice_hz)
        await until(
            lambda: tone_seconds(talk.recording(), kari.voice_hz) > before + 1, what="they go on talking"
        )
        await talk.hang_up()
        await desk.closed()
        await until(lambda: ami.seen("UserEvent", Leg="tast1-b1"), what="the end is told")
    assert heard(desk.recording(), pbx.sounds_dir / "leg-fallback-nb.wav")
    await pbx.restart()
    async with ami_tap() as ami:
        answer = await ami.action("DBGet", Family="tast1", Key="tast1-b1")
        assert answer["Response"] == "Success"
        kept = await until(lambda: ami.seen("DBGetResponse"), what="the kept end")
    status, cause, seconds, *_ = kept[0]["Val"].split(",")
    assert (status, cause) == ("ANSWER", "16")
    assert int(seconds) >= 1


async def test_inbound_calls_tell_of_their_keys_only(pbx: LocalPbx, office: Phones, tmp_path: Path) -> None:
    """However many people call in, the control link has one event for each key they press, and no other."""

    async def answers(call: AgiCall) -> None:
        await call.command("ANSWER")
        await call.command("WAIT FOR DIGIT 5000")
        await call.done()

    steps = (Pause(timedelta(milliseconds=200)), Key("1"))
    async with agi_service(answers) as calls, ami_tap() as ami:
        result = await place_calls(Load(LILLEVIK, 100, 50, steps, "wait_for_hang_up"), tmp_path / "sipp")
        assert (result.successful, result.failed) == (100, 0)
        assert len(calls) == 100
        await ami.action("Ping")
        told = [(event["Event"], event.get("Digit"), event.get("Direction")) for event in ami.events]
        assert told == [("FullyBooted", None, None)] + 100 * [("DTMFEnd", "1", "Received")]
        await ami.action("Originate", Channel="PJSIP/201", ChannelId="tast1-c1", **LEG)
        await until(lambda: ami.seen("OriginateResponse"), what="the answer about our own leg")
        await until(lambda: ami.seen("Hangup", Uniqueid="tast1-c1"), what="the end of our own leg")


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("Command", {"Command": "core show channels"}),
        ("Reload", {}),
        ("GetConfig", {"Filename": "manager.conf"}),
        ("ModuleLoad", {"LoadType": "unload", "Module": "chan_pjsip.so"}),
        ("DBPut", {"Family": "a", "Key": "b", "Val": "c"}),
        ("Originate", {"Channel": "PJSIP/201", "Application": "System", "Data": "true"}),
    ],
)
async def test_the_control_link_has_no_more_rights_than_it_uses(
    pbx: LocalPbx, action: str, fields: dict[str, str]
) -> None:
    """Commands, files, modules and shells are refused to the service's user."""
    async with ami_tap() as ami:
        answer = await ami.action(action, **fields)
    assert answer["Response"] == "Error"
    assert re.search("permission|forbidden", answer["Message"], re.IGNORECASE), answer


async def test_the_control_link_has_the_rights_it_uses(pbx: LocalPbx) -> None:
    """Looking things up is allowed: channels, variables, the dialplan, kept ends."""
    async with ami_tap() as ami:
        for action, fields in (
            ("Ping", {}),
            ("CoreShowChannels", {}),
            ("Getvar", {"Variable": "TAST1_DID"}),
            ("ShowDialPlan", {"Context": "tast1-inbound"}),
            ("DBGetTree", {"Family": "tast1"}),
        ):
            answer = await ami.action(action, **fields)
            assert answer["Response"] == "Success", (action, answer)


async def test_a_wrong_password_is_refused(pbx: LocalPbx) -> None:
    """The control link takes no other password."""
    with pytest.raises(PermissionError):
        async with ami_tap(secret="wrong"):
            pass


async def test_the_pbx_comes_back_after_a_crash(pbx: LocalPbx, public: Phones) -> None:
    """After a kill the PBX starts on the same ports within ten seconds and takes calls."""
    caller = await public.phone(CALLER)
    await pbx.kill()
    assert pbx.pid is None
    await pbx.start(timeout=10)
    call = await (await caller.call(LILLEVIK)).answered()
    await call.hang_up()


async def test_a_second_pbx_on_the_same_ports_is_refused(pbx: LocalPbx, tmp_path: Path) -> None:
    """Starting where another PBX listens fails at once and says why."""
    second = LocalPbx(pbx.asterisk, tmp_path / "second")
    with pytest.raises(LocalPbxError, match="taken"):
        await second.start()


async def test_contact_centre_and_office_calls_come_in_as_themselves(
    pbx: LocalPbx, public: Phones, office: Phones, contact_centre: Phones
) -> None:
    """The contact centre's call shows its number; a call out of the office shows the office's public number."""
    centre, kari, person = (
        await contact_centre.phone("+4755553333"),
        await office.phone("201"),
        await public.phone(CALLER),
    )

    async def finishes(call: AgiCall) -> None:
        await call.command("ANSWER")
        await call.done()

    async with agi_service(finishes) as calls:
        await (await centre.call(LILLEVIK_ONCALL)).closed()
    assert (calls[0].variables["agi_callerid"], calls[0].variables["agi_extension"]) == (
        "+4755553333",
        LILLEVIK_ONCALL,
    )
    outward, inside = await kari.call(CALLER), await person.incoming()
    assert inside.peer == LILLEVIK
    await asyncio.gather(outward.hang_up(), inside.closed())
