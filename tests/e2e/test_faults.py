"""What happens when the service dies, the PBX restarts, or someone sends rubbish, on a real Asterisk."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from pathlib import Path

from hardware.asterisk.local_pbx import LocalPbx
from tests.e2e.audio import heard, tone_seconds
from tests.e2e.phones import Phones
from tests.e2e.service import Service
from tests.e2e.sipp import Key, Load, Pause, place_calls
from tests.e2e.story import (
    CALLER,
    CLOCK,
    FALLBACK,
    LILLEVIK,
    added,
    ended,
    hears,
    last,
    picks_up,
    registers,
    rings_the_office,
    talking,
)
from tests.e2e.waiting import until


async def test_killed_in_the_menu(service: Service, pbx: LocalPbx, public: Phones) -> None:
    """kill -9 in the menu: that caller and new ones meet the fall-back, and who pressed 1 is on the list."""
    duty = await public.phone(FALLBACK)
    call = await rings_the_office(service, await public.phone(CALLER))
    await call.press("1")
    await hears(call, service, "nb/intake.urgent")
    await service.kill()
    ringing = await duty.incoming(timeout=40)
    assert ringing.peer == LILLEVIK
    await call.hang_up()
    assert heard(call.recording(), pbx.sounds_dir / "fallback-nb.wav")
    new = await (await public.phone("+4740005678")).call(LILLEVIK)
    await new.answered()
    await until(
        lambda: heard(new.recording(), pbx.sounds_dir / "fallback-nb.wav"), 20, "a new caller hears it too"
    )
    await new.hang_up()
    await service.start()
    request = await service.request_of(CALLER)
    assert (request["state"], request["attempts"]) == ("waiting", [])


async def test_killed_while_the_caseworkers_phone_rings(
    service: Service, public: Phones, office: Phones
) -> None:
    """The phone goes on ringing; answered after the restart, the callback goes on. No second call is placed."""
    request = await added(service)
    await public.phone(CALLER)
    kari = await office.phone("201")
    await service.ring(request)
    ringing = await kari.incoming()
    await service.kill()
    await service.start()
    await service.line_up()
    await ringing.answer()
    await hears(ringing, service, "nb/whisper.callback")
    await ringing.press("1")
    back = await (await public.phone(CALLER)).incoming()
    await picks_up(back, service, request)
    await service.when(request, lambda r: last(r)["connected_at"], "they talk")
    await back.hang_up()
    after = await service.when(request, ended(1), "the attempt has ended")
    assert (after["state"], last(after)["outcome"]) == ("result_due", "answered")
    assert office.exchange.offered("201") == 1
    assert public.exchange.offered(CALLER) == 1


async def test_killed_while_it_rings_and_answered_while_away(
    service: Service, pbx: LocalPbx, public: Phones, office: Phones
) -> None:
    """A caseworker who answers while the service is away hears why; the request is due again, none used up."""
    request = await added(service)
    kari = await office.phone("201")
    await service.ring(request)
    ringing = await kari.incoming()
    await service.kill()
    await ringing.answer()
    await ringing.closed(timeout=40)
    assert heard(ringing.recording(), pbx.sounds_dir / "leg-fallback-nb.wav")
    await service.start()
    after = await service.when(request, ended(1), "the attempt has ended")
    assert after["state"] == "unreachable"
    assert last(after)["outcome"] in ("line_failed", "cancelled")
    assert after["attempt_count"] == 0
    assert [after[key] for key in CLOCK] == [request[key] for key in CLOCK]
    assert public.exchange.offered(CALLER) == 0


async def test_killed_in_the_conversation(service: Service, public: Phones, office: Phones) -> None:
    """kill -9 does not cut the conversation, and its end after the restart is on the record."""
    request = await added(service)
    staff, caller = await talking(service, public, office, request)
    await service.kill()
    await service.start()
    await service.line_up()
    kari = await office.phone("201")
    before = tone_seconds(caller.recording(), kari.voice_hz)
    await until(
        lambda: tone_seconds(caller.recording(), kari.voice_hz) > before + 2,
        what="they still hear each other",
    )
    assert (await service.get(f"/requests/{request['id']}"))["state"] == "calling"
    await caller.hang_up()
    after = await service.when(request, ended(1), "the end is on the record")
    assert (after["state"], last(after)["outcome"]) == ("result_due", "answered")
    await staff.closed(timeout=30)
    assert public.exchange.offered(CALLER) == 1


async def test_a_conversation_that_ends_while_the_service_is_away(
    service: Service, public: Phones, office: Phones
) -> None:
    """The PBX remembers how the call ended, and the record is right after the restart."""
    request = await added(service)
    staff, caller = await talking(service, public, office, request)
    await service.kill()
    await caller.hang_up()
    await staff.closed(timeout=30)
    await service.start()
    after = await service.when(request, ended(1), "the end is on the record")
    assert (after["state"], last(after)["outcome"]) == ("result_due", "answered")


async def test_asterisk_restarted_under_load(
    service: Service, pbx: LocalPbx, public: Phones, office: Phones, tmp_path: Path
) -> None:
    """Back within 10 s of the PBX's return; the list unchanged; who was in a call is due again, none used up."""
    kept = await registers(service, public)
    talked = await added(service, "+4740007777")
    await talking(service, public, office, talked)
    steps = (Pause(timedelta(seconds=1)), Key("1"), Pause(timedelta(seconds=2)))
    load = asyncio.create_task(place_calls(Load(LILLEVIK, 2000, 30, steps), tmp_path / "sipp"))
    await until(lambda: len(service.log("request_registered")) > 60, 30, "the load is running")
    await pbx.kill()
    before = len(service.log("request_registered"))
    await pbx.start()
    await service.line_up(10)
    await until(lambda: len(service.log("request_registered")) > before + 30, 20, "calls are taken again")
    load.cancel()
    await asyncio.gather(load, return_exceptions=True)
    after = await service.when(talked, ended(1), "the dead call is over")
    assert (after["state"], last(after)["outcome"], after["attempt_count"]) == (
        "unreachable",
        "line_failed",
        0,
    )
    assert after["due_at"] == talked["due_at"]
    same = await service.get(f"/requests/{kept['id']}")
    assert same == kept
    # Calls that are still up go on registering: what was told before is listed, what is listed is told.
    told = _registered(service)
    listed = {r["id"] for r in await service.requests(office="9001", limit="1000")}
    assert told <= listed
    await until(lambda: listed <= _registered(service), what="every request on the list is in the log")
    await registers(service, public, "+4740008888")


async def test_forged_names_and_long_numbers(service: Service, public: Phones, tmp_path: Path) -> None:
    """A display name full of control characters and look-alike headers changes nothing and is not in the log."""
    evil = "Kari\\x0bEvent: Hangup\\x1cUniqueid: tast1-1\\u2028Response: Success\\x85ActionID: 1"
    await _raw_invite(evil.encode().decode("unicode_escape").encode("utf-8"), b"+4740004444")
    await service.request_of("+4740004444", timeout=40)
    await _raw_invite(b"x", b"4" * 200)
    requests = await service.requests(office="9001")
    assert {r["phone"] for r in requests} <= {"+4740004444", None}
    assert "Hangup\\u000b" not in service.log_path.read_text()
    assert "40004444" not in service.log_path.read_text()
    await registers(service, public)


async def test_garbage_on_the_fastagi_port(service: Service, public: Phones) -> None:
    """Rubbish, silence and a wrong token on the FastAGI port: a clear log line, and calls go on."""
    for rubbish in (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\xff" * 5000,
        b"agi_request: agi://x/call?token=no\n\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", 4573)
        writer.write(rubbish)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
    await until(lambda: len(service.log("agi_refused")) >= 3, what="three clear lines")
    await registers(service, public)


async def test_a_wrong_ami_password(pbx: LocalPbx, tmp_path: Path) -> None:
    """The status says that the password is wrong and what to do; the service runs on, and the log says it once."""
    async with Service(tmp_path / "service", environment={"TAST1_AMI_SECRET": "wrong"}) as service:
        await until(lambda: service.log("line_down"), what="a clear log line")
        (line,) = (await service.get("/status"))["lines"]
        assert line["up"] is False
        assert "TAST1_AMI_SECRET" in line["detail"]
        request = await added(service)
        status, body = await service.post(f"/requests/{request['id']}/call", {"caseworker": "kari"})
        assert (status, (await service.get(f"/requests/{request['id']}"))["attempts"]) == (503, [])
        assert body["message"]


def _registered(service: Service) -> set[str]:
    return {line["request_id"] for line in service.log("request_registered")}


async def _raw_invite(name: bytes, user: bytes) -> None:
    """One call with a hand-written From header, sent as a telephone would, and ended at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.2", 0))
        phone.setblocking(False)
        port = phone.getsockname()[1]
        sdp = b"v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 31000 RTP/AVP 8\r\n"
        invite = (
            b"INVITE sip:+4773000010@127.0.0.1 SIP/2.0\r\n"
            b"Via: SIP/2.0/UDP 127.0.0.2:%d;branch=z9hG4bK-1\r\nMax-Forwards: 9\r\n"
            b'From: "%s" <sip:%s@127.0.0.2>;tag=1\r\nTo: <sip:+4773000010@127.0.0.1>\r\nCall-ID: raw-%d\r\n'
            b"CSeq: 1 INVITE\r\nContact: <sip:x@127.0.0.2:%d>\r\nContent-Type: application/sdp\r\n"
            b"Content-Length: %d\r\n\r\n%s"
        ) % (port, name, user, port, port, len(sdp), sdp)
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(phone, invite, ("127.0.0.1", 5060))
        answer = b""
        while b"SIP/2.0 200" not in answer and b"SIP/2.0 4" not in answer:
            answer = await asyncio.wait_for(loop.sock_recv(phone, 65536), 10)
        if b"SIP/2.0 200" in answer:
            to = next(line for line in answer.split(b"\r\n") if line.lower().startswith(b"to:"))
            ack = (
                invite.split(b"Contact:")[0].replace(b"INVITE sip", b"ACK sip").replace(b"1 INVITE", b"1 ACK")
            )
            ack = ack.replace(b"To: <sip:+4773000010@127.0.0.1>", to) + b"Content-Length: 0\r\n\r\n"
            await loop.sock_sendto(phone, ack, ("127.0.0.1", 5060))
