"""Real softphones (baresip), one process each, behind the switch of one loopback address.

Each phone speaks a tone of its own and records what it hears, so that a test can prove who heard whom and which prompt
was played. A phone must never answer, hang up or press a key unless the test tells it to.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import numpy as np

from tests.e2e.sip_exchange import SipExchange
from tests.e2e.waiting import until, until_answered

PUBLIC_NETWORK: Final = "127.0.0.2"
OFFICE_PHONES: Final = "127.0.0.3"
CONTACT_CENTRE: Final = "127.0.0.4"
LINE_ELSEWHERE: Final = "127.0.0.5"
PBX: Final = "127.0.0.1"
SPEECH_SECONDS: Final = 300
KEY_SECONDS: Final = 0.2
"""How far apart two key presses are: a person's pace, and long enough for the PBX to tell two keys apart."""

PORT_TRIES: Final = 5
"""baresip takes a port and the one after it, which somebody else may have."""
LONGEST_DIRECTORY: Final = 90

CallerId = Literal["shown", "withheld"]
State = Literal["dialling", "ringing", "up", "closed"]
_RANK: Final[dict[State, int]] = {"dialling": 0, "ringing": 1, "up": 2, "closed": 3}
_EVENT_STATES: Final[dict[str, State]] = {
    "CALL_INCOMING": "ringing",
    "CALL_RINGING": "ringing",
    "CALL_PROGRESS": "ringing",
    "CALL_ESTABLISHED": "up",
    "CALL_CLOSED": "closed",
}


class PhoneError(RuntimeError):
    """The softphone did not do what it was told."""


@dataclass(slots=True)
class Call:
    """One call on one phone. `peer` is the other end's number, `reason` why it closed (such as `486 Busy Here`)."""

    phone: Phone
    direction: Literal["incoming", "outgoing"]
    id: str = ""
    peer: str = ""
    state: State = "dialling"
    reason: str = ""
    was_up: bool = False
    recordings_before: frozenset[Path] = frozenset()

    async def answered(self, timeout: float = 15.0) -> Self:
        """Wait until the call is up; fail when it closes instead."""
        await until(lambda: self.state in ("up", "closed"), timeout, f"{self.phone.number}: the call is up")
        if not self.was_up:
            raise AssertionError(f"{self.phone.number}: the call closed: {self.reason}")
        return self

    async def closed(self, timeout: float = 30.0) -> str:
        """Wait until the call has ended; the reason."""
        await until(lambda: self.state == "closed", timeout, f"{self.phone.number}: the call is closed")
        return self.reason

    async def answer(self) -> Self:
        """Pick up, and wait until the call is up."""
        await self.phone.command("accept")
        return await self.answered()

    async def hang_up(self) -> None:
        """End the call; on a ringing phone this is `486 Busy Here`, on a dialling one a cancel."""
        if self.state != "closed":
            await self.phone.command("hangup")
        await self.closed()

    async def press(self, keys: str) -> None:
        """Press these keys one after the other."""
        for key in keys:
            await self.phone.command("sndcode", key)
            await asyncio.sleep(KEY_SECONDS)

    def recording(self) -> Path:
        """What this phone heard in this call: a wav file, 8 kHz mono 16-bit. Whole once the call is closed."""
        files = self._recordings()
        if not files:
            raise AssertionError(f"{self.phone.number} heard nothing at all")
        return files[0]

    @property
    def hears_anything(self) -> bool:
        """Whether the first sound has come."""
        return bool(self._recordings())

    def _recordings(self) -> list[Path]:
        return sorted(set(self.phone.directory.glob("dump-*-dec.wav")) - self.recordings_before)


@dataclass(slots=True)
class Phone:
    """One softphone. `number` is E.164 on the public network, an extension in the office."""

    number: str
    exchange: SipExchange
    directory: Path
    voice_hz: float
    pbx_port: int = 5060
    calls: list[Call] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None
    _writer: asyncio.StreamWriter | None = None
    _reading: asyncio.Task[None] | None = None
    _answers: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self) -> Self:
        """Start the softphone and make the switch send it its calls."""
        if len(str(self.directory)) > LONGEST_DIRECTORY:
            raise PhoneError(f"baresip cannot record in so long a path: {self.directory}")
        self.directory.mkdir(parents=True, exist_ok=True)
        _write_tone(self.directory / "voice.wav", self.voice_hz)
        for tries_left in reversed(range(PORT_TRIES)):
            try:
                reader, self._writer = await self._run()
                break
            except PhoneError:
                if not tries_left or "Address already in use" not in self._log.read_text(errors="replace"):
                    raise
        self._reading = asyncio.create_task(self._read(reader))
        return self

    @property
    def _log(self) -> Path:
        return self.directory / "baresip.log"

    async def _run(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises PhoneError when it ended at once: somebody else may have taken a port before it did."""
        address = self.exchange.address
        sip_port, control_port = _free_port(address, socket.SOCK_DGRAM), _free_port(PBX, socket.SOCK_STREAM)
        (self.directory / "config").write_text(_config(address, sip_port, control_port, self.directory))
        (self.directory / "accounts").write_text(
            "".join(
                f"<sip:{user}@{address}>;regint=0;answermode=manual\n" for user in (self.number, "anonymous")
            )
        )
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "baresip", "-f", str(self.directory), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        control = await until_answered(lambda: self._connect(control_port), what="baresip listens")
        assert control is not None
        self.exchange.route(self.number, (address, sip_port))
        return control

    async def close(self) -> None:
        """End the softphone, whatever it is doing."""
        self.exchange.route(self.number, None)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def call(self, number: str, *, caller_id: CallerId = "shown") -> Call:
        """Dial `number`. Returns at once; see Call.answered."""
        user = self.number if caller_id == "shown" else "anonymous"
        await self.command("uafind", f"sip:{user}@{self.exchange.address}")
        call = Call(self, "outgoing", peer=number, recordings_before=self._recordings())
        self.calls.append(call)
        await self.command("dial", f"sip:{number}@{PBX}:{self.pbx_port}")
        return call

    async def incoming(self, timeout: float = 15.0) -> Call:
        """Wait for a call that rings here now. Does not answer it."""
        await until(lambda: self._ringing() is not None, timeout, f"{self.number} rings")
        call = self._ringing()
        assert call is not None
        await self.command("uafind", f"sip:{self.number}@{self.exchange.address}")
        return call

    def _ringing(self) -> Call | None:
        return next(
            (call for call in self.calls if call.direction == "incoming" and call.state == "ringing"), None
        )

    def _recordings(self) -> frozenset[Path]:
        return frozenset(self.directory.glob("dump-*-dec.wav"))

    async def command(self, name: str, parameter: str = "") -> str:
        """One baresip command over its control connection; its answer."""
        if self._writer is None:
            raise PhoneError("the phone is not started")
        request = {"command": name} | ({"params": parameter} if parameter else {})
        text = json.dumps(request)
        async with self._one_at_a_time:
            self._writer.write(f"{len(text)}:{text},".encode())
            async with asyncio.timeout(10):
                answer = await self._answers.get()
        if not answer.get("ok"):
            raise PhoneError(f"{self.number}: {name} {parameter}: {answer.get('data')}")
        return str(answer.get("data", ""))

    async def _connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        if self._process is not None and self._process.returncode is not None:
            raise PhoneError(f"baresip ended; see {self._log}")
        try:
            return await asyncio.open_connection(PBX, port)
        except OSError:
            return None

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                length = int((await reader.readuntil(b":"))[:-1])
                message = json.loads((await reader.readexactly(length + 1))[:length])
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if message.get("event"):
                self._on_event(message)
            else:
                self._answers.put_nowait(message)

    def _on_event(self, event: dict[str, Any]) -> None:
        state = _EVENT_STATES.get(event.get("type", ""))
        if state is None:
            return
        call = self._find(event)
        if _RANK[state] > _RANK[call.state]:
            call.state = state
            call.was_up |= state == "up"
        if state == "closed":
            call.reason = event.get("param", "")

    def _find(self, event: dict[str, Any]) -> Call:
        for call in self.calls:
            if call.id == event["id"]:
                return call
        if event["direction"] == "outgoing":
            call = next(call for call in self.calls if call.direction == "outgoing" and not call.id)
        else:
            peer = event.get("peeruri", "").removeprefix("sip:").partition("@")[0]
            call = Call(self, "incoming", peer=peer, recordings_before=self._recordings())
            self.calls.append(call)
        call.id = event["id"]
        return call


@dataclass(slots=True)
class Phones:
    """The phones on one loopback address, and their switch. Use with `async with`."""

    address: str
    directory: Path
    pbx_port: int = 5060
    exchange: SipExchange = field(init=False)
    _phones: dict[str, Phone] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.exchange = SipExchange(self.address)

    async def phone(self, number: str) -> Phone:
        """The phone with this number; started the first time it is asked for."""
        if number not in self._phones:
            folder = self.directory / self.address / number.lstrip("+")
            self._phones[number] = Phone(number, self.exchange, folder, next(_VOICES), self.pbx_port)
            await self._phones[number].start()
        return self._phones[number]

    async def __aenter__(self) -> Self:
        await self.exchange.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for phone in self._phones.values():
            await phone.close()
        self.exchange.close()


def _voices() -> Iterator[float]:
    """Tones far enough apart to be told apart, and none of them a telephone network's own (425 Hz)."""
    return itertools.cycle(float(hz) for hz in range(520, 1900, 60))


_VOICES: Final = _voices()


def _free_port(address: str, kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def _write_tone(path: Path, hz: float) -> None:
    """Long enough that no test reaches its end: baresip closes the call there. Whole waves in every second."""
    second = (6000 * np.sin(2 * np.pi * round(hz) * np.arange(8000) / 8000)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(second.tobytes() * SPEECH_SECONDS)


def _config(address: str, sip_port: int, control_port: int, directory: Path) -> str:
    # No jitter buffer: after an answered call Asterisk goes on with a new SSRC and a new sequence number, and
    # baresip's buffer then takes every second such stream for late packets and drops all of it.
    modules = ("g711", "aufile", "sndfile")
    applications = ("account", "menu", "ctrl_tcp")
    return f"""\
sip_listen {address}:{sip_port}
net_interface {address}
rtp_ports 20000-29999
jitter_buffer_delay 0-0
call_local_timeout 3600
call_max_calls 4
audio_source aufile,{directory}/voice.wav
audio_srate 8000
audio_channels 1
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
ringback_disabled yes
statmode_default off
snd_path {directory}
ctrl_tcp_listen {PBX}:{control_port}
module_path /usr/lib/baresip/modules
{"".join(f"module {name}.so{chr(10)}" for name in modules)}{"".join(f"module_app {name}.so{chr(10)}" for name in applications)}"""
