"""SIPp: many callers at once (load), and a far end that answers many calls at once.

Key presses go as SIP INFO, which costs the caller's side next to nothing. It must never be used to prove what somebody
heard: SIPp listens to nothing. One outcome for one number is simpler with SipExchange.script.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

PBX: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Pause:
    """The caller waits."""

    length: timedelta


@dataclass(frozen=True, slots=True)
class Key:
    """The caller presses a key, and waits for the PBX to have taken it."""

    digit: str


@dataclass(frozen=True, slots=True)
class Note:
    """When a call comes to here is written down: see `noted`."""

    word: str


Step = Pause | Key | Note


@dataclass(frozen=True, slots=True)
class SippResult:
    """How the calls went."""

    successful: int
    failed: int
    errors: str


@dataclass(frozen=True, slots=True)
class Load:
    """`calls` calls to `number` at `rate` a second, each doing `steps`; then hanging up, or waiting for the PBX to."""

    number: str
    calls: int
    rate: float
    steps: Sequence[Step] = ()
    end: Literal["hang_up", "wait_for_hang_up"] = "hang_up"
    callers_from: int = 4740100000
    """Caller ids are this and the following numbers, each with a `+`: one for each call."""
    at_once: int = 2000


async def place_calls(
    load: Load, directory: Path, *, address: str = "127.0.0.2", port: int = 5090, pbx_port: int = 5060
) -> SippResult:
    """Run the load to its end. `port` is SIPp's own on `address`; 5060 there stays with the phones."""
    numbers = (f"+{load.callers_from + index}" for index in range(load.calls))
    _write(directory, "callers.csv", "SEQUENTIAL\n" + "".join(f"{number};\n" for number in numbers))
    _write(directory, "caller.xml", _caller_scenario(load.steps, load.end))
    return await _run(
        directory,
        *(f"{PBX}:{pbx_port}", "-sf", "caller.xml", "-inf", "callers.csv", "-s", load.number),
        *("-m", str(load.calls), "-r", str(load.rate), "-l", str(load.at_once)),
        *("-i", address, "-mi", address, "-p", str(port), "-mp", "30000"),
    )


def noted(directory: Path, word: str) -> dict[str, float]:
    """Caller's number -> when their call came to the Note with this word, in seconds since the epoch."""
    lines = (line.split() for line in (directory / "notes.log").read_text().splitlines())
    return {words[1]: float(words[-1]) for words in lines if words and words[0] == word}


async def answer_calls(
    calls: int,
    directory: Path,
    *,
    rings: timedelta = timedelta(0),
    talks: timedelta | None = None,
    address: str = "127.0.0.2",
    port: int = 5060,
) -> SippResult:
    """Be the far end for `calls` calls: ring, answer, hang up after `talks` (None: the PBX does). Needs the port free."""
    _write(directory, "callee.xml", _callee_scenario(rings, talks))
    return await _run(
        directory,
        *(f"{PBX}:5060", "-sf", "callee.xml", "-m", str(calls)),
        *("-i", address, "-mi", address, "-p", str(port), "-mp", "30000"),
    )


def _write(directory: Path, name: str, text: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(text)


async def _run(directory: Path, *arguments: str) -> SippResult:
    """Ended by us when the test is cancelled: SIPp leaves by itself otherwise, when its calls are over."""
    process = await asyncio.create_subprocess_exec(
        "sipp",
        *arguments,
        *(
            "-nostdin",
            # The second answer to a key sent twice is no reason to hang up: no telephone does.
            *("-default_behaviors", "all,-abortunexp"),
            "-trace_stat",
            "-stf",
            "stat.csv",
            "-fd",
            "1",
            "-trace_err",
            "-error_file",
            "errors.log",
            "-trace_logs",
            "-log_file",
            "notes.log",
        ),
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    errors = directory / "errors.log"
    text = errors.read_text(errors="replace") if errors.exists() else ""
    statistics = directory / "stat.csv"
    if not statistics.exists():
        raise RuntimeError(f"SIPp ended with {process.returncode}: {text}")
    with statistics.open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    return SippResult(int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"]), text)


_CONTENT: Final = """\
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=sipp 1 1 IN IP4 [local_ip]
      s=-
      c=IN IP4 [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP 8
      a=rtpmap:8 PCMA/8000
"""


def _request(method: str, sequence: int, to_tag: bool, extra: str = "      Content-Length: 0\n") -> str:
    tag = "[peer_tag_param]" if to_tag else ""
    branch = "" if method == "ACK" else ' retrans="500"'
    return f"""\
  <send{branch}>
    <![CDATA[
      {method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]-[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>{tag}
      Call-ID: [call_id]
      CSeq: {sequence} {method}
      Contact: <sip:[field0]@[local_ip]:[local_port]>
      Max-Forwards: 70
{extra}    ]]>
  </send>
"""


def _caller_scenario(steps: Sequence[Step], end: str) -> str:
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="caller">\n',
        _request("INVITE", 1, False, _CONTENT),
        '  <recv response="100" optional="true"/>\n  <recv response="180" optional="true"/>\n',
        '  <recv response="183" optional="true"/>\n  <recv response="200"/>\n',
        _request("ACK", 1, True),
    ]
    sequence = 2
    for step in steps:
        match step:
            case Pause(length):
                parts.append(_pause(length))
            case Note(word):
                log = f'<log message="{word} [field0] [timestamp]"/>'
                parts.append(f"  <nop><action>{log}</action></nop>\n")
            case Key(digit):
                content = f"      Content-Type: application/dtmf-relay\n      Content-Length: [len]\n\n      Signal={digit}\n      Duration=160\n"
                parts += [_request("INFO", sequence, True, content), '  <recv response="200"/>\n']
                sequence += 1
    if end == "hang_up":
        parts += [_request("BYE", sequence, True), '  <recv response="200"/>\n']
    else:
        parts += [
            '  <recv request="BYE" timeout="120000"/>\n',
            _response("200 OK", "      Content-Length: 0\n"),
        ]
    return "".join([*parts, "</scenario>\n"])


def _callee_scenario(rings: timedelta, talks: timedelta | None) -> str:
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="callee">\n  <recv request="INVITE"/>\n',
        _response("180 Ringing", "      Content-Length: 0\n", to_tag=True),
        _pause(rings),
        _response("200 OK", _CONTENT, to_tag=True),
        '  <recv request="ACK"/>\n',
    ]
    if talks is None:
        parts += [
            '  <recv request="BYE" timeout="600000"/>\n',
            _response("200 OK", "      Content-Length: 0\n"),
        ]
    else:
        parts += [_pause(talks), _CALLEE_BYE, '  <recv response="200"/>\n']
    return "".join([*parts, "</scenario>\n"])


def _pause(length: timedelta) -> str:
    return f'  <pause milliseconds="{round(length.total_seconds() * 1000)}"/>\n'


def _response(status: str, content: str, to_tag: bool = False) -> str:
    tag = ";tag=[pid]-[call_number]" if to_tag else ""
    return f"""\
  <send>
    <![CDATA[
      SIP/2.0 {status}
      [last_Via:]
      [last_From:]
      [last_To:]{tag}
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:[local_ip]:[local_port];transport=[transport]>
{content}    ]]>
  </send>
"""


_CALLEE_BYE: Final = """\
  <send retrans="500">
    <![CDATA[
      BYE sip:[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:[local_ip]:[local_port]>;tag=[pid]-[call_number]
      To: <sip:[remote_ip]:[remote_port]>[peer_tag_param]
      [last_Call-ID:]
      CSeq: 2 BYE
      Max-Forwards: 70
      Content-Length: 0
    ]]>
  </send>
"""
