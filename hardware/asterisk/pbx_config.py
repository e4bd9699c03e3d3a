"""The Asterisk files an office needs: manager.conf and the dialplan, as text.

Pure: parameters in, text out; only `write_files` touches the disk. It must never put anything into a file that was
not checked first (a semicolon or a line break in a value would change what the PBX does), and must never leave a
branch of the dialplan in which a caller meets silence.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from hardware.asterisk.fallback_sounds import Sound
from hardware.asterisk.pbx_screen import RESULT_VARIABLE, SCREEN_DIALPLAN, SCREEN_VARIABLE
from hardware.asterisk.pbx_several import KEPT_CONTEXT, KEPT_VARIABLE, kept_dialplan, several_dialplan

INBOUND_CONTEXT: Final = "tast1-inbound"
LEG_CONTEXT: Final = "tast1-leg"
AFTER_CONTEXT: Final = "tast1-after"
RECORD_CONTEXT: Final = "tast1-record"
EXTENSIONS_CONTEXT: Final = "tast1-extensions"
LEG_PREFIX: Final = "tast1-"
"""ChannelIds of the legs this service originates start with this; the event filter lets only those through."""
LEG_ENDED_EVENT: Final = "Tast1LegEnded"
DB_FAMILY: Final = "tast1"
PEER_VARIABLE: Final = "TAST1_PEER"
"""Set by the service on a leg that dials: the id of the other leg; of several, joined by `&`."""
DONE_VARIABLE: Final = "TAST1_DONE"
AGAIN_VARIABLE: Final = "TAST1_AGAIN"
"""`1`, set by the service on a leg that is offered to it again should it die."""
AGAIN_SECONDS: Final = 3
AGAIN_TIMES: Final = 10

FALLBACK_RING_SECONDS: Final = 60
FILTER_SYNTAX_SINCE: Final = (22, 2)

LEG_EVENTS_BY_UNIQUEID: Final = ("Newchannel", "Newstate", "DialBegin", "DialEnd", "Hangup")
LEG_EVENTS_BY_DESTUNIQUEID: Final = ("DialBegin", "DialEnd")
WHOLE_EVENTS: Final = ("OriginateResponse", "FullyBooted", "Shutdown")

_E164 = re.compile(r"\+[1-9][0-9]{4,14}")
_WORD = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_SECRET = re.compile(r"[!-:<-~]{1,128}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,39}\]")
_PATH = re.compile(r"/[A-Za-z0-9._/+-]{0,400}")


class PbxConfigError(ValueError):
    """A value cannot stand in an Asterisk file."""


@dataclass(frozen=True, slots=True)
class PbxOffice:
    """One office as the PBX sees it. Numbers are E.164; `extensions` are the phones inside, used for caller id only."""

    office_no: str
    public_number: str
    oncall_numbers: tuple[str, ...]
    fallback_number: str
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(re.compile(r"[0-9]{1,8}"), "office_no", self.office_no)
        _require(_E164, "public_number", self.public_number)
        _require(_E164, "fallback_number", self.fallback_number)
        for number in self.oncall_numbers:
            _require(_E164, "oncall_numbers", number)
        for extension in self.extensions:
            _require(re.compile(r"[0-9]{2,8}"), "extensions", extension)


@dataclass(frozen=True, slots=True)
class PbxParameters:
    """What the files are made of.

    `fastagi_host`/`fastagi_port`: where the PBX finds this service. `ami_host`/`ami_port`: where the service finds
    the PBX; any host that is not loopback gets TLS and no clear-text port. `allowed_ami_address`: an address or a
    network. `service_patience`: None, or how long a caller may wait for a service that took the call and says nothing;
    the service must then push the limit on (`SET VARIABLE TIMEOUT(absolute) SECONDS`) before that. `sounds_dir`: as the PBX sees it. `asterisk_version`: older than 22.2 gets the older filter syntax.
    """

    offices: tuple[PbxOffice, ...]
    fastagi_host: str
    fastagi_port: int
    fastagi_token: str
    ami_host: str
    ami_port: int
    ami_user: str
    ami_secret: str
    trunk_endpoint: str
    sounds_dir: str
    allowed_ami_address: str = "127.0.0.1"
    asterisk_version: tuple[int, int] = (22, 2)
    service_patience: timedelta | None = None
    common: tuple[str, str] | None = None
    """The number of all offices together, and what the PBX rings for it by itself; E.164."""

    def __post_init__(self) -> None:
        for number in self.common or ():
            _require(_E164, "common", number)
        _require(_HOST, "fastagi_host", self.fastagi_host)
        _require(_WORD, "fastagi_token", self.fastagi_token)
        _require(_HOST, "ami_host", self.ami_host)
        _require(_WORD, "ami_user", self.ami_user)
        _require(_SECRET, "ami_secret", self.ami_secret)
        _require(_WORD, "trunk_endpoint", self.trunk_endpoint)
        _require(_PATH, "sounds_dir", self.sounds_dir)
        for name, port in (("fastagi_port", self.fastagi_port), ("ami_port", self.ami_port)):
            if not 0 < port < 65536:
                raise PbxConfigError(f"{name}: {port} is not a port")
        try:
            ipaddress.ip_network(self.allowed_ami_address)
        except ValueError as error:
            raise PbxConfigError(f"allowed_ami_address: {error}") from error
        numbers = [number for office in self.offices for number in _numbers(office)]
        numbers += (self.common or ())[:1]
        if len(numbers) != len(set(numbers)):
            raise PbxConfigError("offices: two offices share a number")


def _require(pattern: re.Pattern[str], name: str, value: str) -> None:
    if pattern.fullmatch(value) is None:
        raise PbxConfigError(f"{name}: {value!r} cannot stand in an Asterisk file")


def _numbers(office: PbxOffice) -> tuple[str, ...]:
    return (office.public_number, *office.oncall_numbers)


def office_files(parameters: PbxParameters) -> dict[str, str]:
    """File name -> text, for an office that has its own Asterisk."""
    return {
        "manager.d/tast1.conf": manager_conf(parameters),
        "tast1-extensions.conf": extensions_conf(parameters),
    }


def write_files(directory: Path, files: Mapping[str, str]) -> None:
    """Write every file below `directory`. Readable by the owner only, because of the secret in manager.conf."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")


# ---- manager.conf -------------------------------------------------------------------------------------------------


def manager_conf(parameters: PbxParameters) -> str:
    """The whole of manager.conf: one user, no more rights than the service uses, and only our own events."""
    network = ipaddress.ip_network(parameters.allowed_ami_address)
    lines = [
        "; Tast 1: the control link. Keep this port away from every network but the service's own.",
        "[general]",
        "enabled = yes",
        "webenabled = no",
        *_ami_addresses(parameters),
        "displayconnects = no",
        "timestampevents = no",
        "authtimeout = 10",
        "",
        f"[{parameters.ami_user}]",
        f"secret = {parameters.ami_secret}",
        "deny = 0.0.0.0/0.0.0.0",
        "deny = ::/0",
        f"permit = {network}",
        "; Read: calls, our own messages, whether the PBX is up, and the keys of callers in the menu.",
        "read = system,call,user,dtmf",
        "; Write: place and end calls (originate, call), look things up (reporting). No commands, no files, no reload.",
        "write = call,originate,reporting",
        "; A slow reader is cut off rather than holding up the PBX; the service then connects again.",
        "writetimeout = 5000",
        "; Only events about legs this service started. Other calls cause no traffic here, however many there are.",
        *_event_filters(parameters.asterisk_version),
    ]
    return "\n".join(lines) + "\n"


def _ami_addresses(parameters: PbxParameters) -> list[str]:
    try:
        loopback = ipaddress.ip_address(parameters.ami_host.strip("[]")).is_loopback
    except ValueError:
        loopback = parameters.ami_host == "localhost"
    if loopback:
        return ["bindaddr = 127.0.0.1", f"port = {parameters.ami_port}"]
    return [
        "; The service is on another machine: encrypted only. The clear-text port stays on this machine.",
        "bindaddr = 127.0.0.1",
        "tlsenable = yes",
        f"tlsbindaddr = 0.0.0.0:{parameters.ami_port}",
        "tlscertfile = /etc/asterisk/keys/tast1.pem",
        "tlsprivatekey = /etc/asterisk/keys/tast1.key",
        "tlsdisablev1 = yes",
        "tlsdisablev11 = yes",
    ]


def _event_filters(version: tuple[int, int]) -> list[str]:
    by_header = [(name, "Uniqueid", LEG_PREFIX) for name in LEG_EVENTS_BY_UNIQUEID]
    by_header += [(name, "DestUniqueid", LEG_PREFIX) for name in LEG_EVENTS_BY_DESTUNIQUEID]
    by_header += [(name, "Context", INBOUND_CONTEXT) for name in LEG_EVENTS_BY_DESTUNIQUEID]
    by_header += [("DTMFEnd", "Uniqueid", LEG_PREFIX), ("DTMFEnd", "Context", INBOUND_CONTEXT)]
    by_header += [("DTMFEnd", "Context", KEPT_CONTEXT)]
    by_header += [("UserEvent", "UserEvent", "Tast1")]
    if version >= FILTER_SYNTAX_SINCE:
        return [f"eventfilter(action(include),name({name})) =" for name in WHOLE_EVENTS] + [
            f"eventfilter(action(include),name({name}),header({header}),method(starts_with)) = {start}"
            for name, header, start in by_header
        ]
    # Older Asterisk: one regular expression over the whole event, the event's name being its first header.
    return [f"eventfilter = Event: {name}" for name in WHOLE_EVENTS] + [
        f"eventfilter = ^Event: {name}.*{header}: {start}" for name, header, start in by_header
    ]


# ---- extensions.conf ----------------------------------------------------------------------------------------------


def extensions_conf(parameters: PbxParameters) -> str:
    """The `tast1-*` contexts. The office's own extensions.conf includes this file and points its trunk here."""
    parts = [
        (
            "; Tast 1: the dialplan. Include it from extensions.conf, and let the trunk's calls begin in [tast1-inbound].\n"
            "; The service says it is done by setting TAST1_DONE. When it has not (not running, lost, or stopped in the\n"
            "; middle), the caller hears a recording and the office's fall-back number is rung.\n"
        ),
        _inbound(parameters),
        _offices(parameters),
        _fallback(parameters),
        _leg(parameters),
        SCREEN_DIALPLAN,
        several_dialplan(RECORD_CONTEXT, AFTER_CONTEXT),
        kept_dialplan(_agi(parameters, "kept", f"${{{KEPT_VARIABLE}}}"), AFTER_CONTEXT),
        _after(parameters),
        _record(),
        _extensions(parameters),
    ]
    return "\n".join(parts)


def _agi(parameters: PbxParameters, script: str, *arguments: str) -> str:
    where = f"{parameters.fastagi_host}:{parameters.fastagi_port}"
    return f"AGI({','.join((f'agi://{where}/{script}?token={parameters.fastagi_token}', *arguments))})"


def _sound(parameters: PbxParameters, sound: Sound) -> str:
    return f"{parameters.sounds_dir.rstrip('/')}/{sound.value}"


def _inbound(parameters: PbxParameters) -> str:
    """Who was joined with somebody and outlived the service has had their talk: no fall-back for them."""
    body = f"""\
,1,Set(TAST1_DID=${{FILTER(+0-9,${{EXTEN}})}})
{_patience(parameters)} same => n(call),{_agi(parameters, "call")}
 same => n,GotoIf($["${{{DONE_VARIABLE}}}" = "1"]?done)
 same => n,ExecIf($["${{{PEER_VARIABLE}}}" != ""]?Gosub({RECORD_CONTEXT},s,1))
 same => n,GotoIf($["${{TAST1_STATUS}}" = "ANSWER"]?{AFTER_CONTEXT},s,1)
 same => n,Set(TAST1_TIMES=$[0${{TAST1_TIMES}} + 1])
 same => n,GotoIf($["${{{AGAIN_VARIABLE}}}" = "1" & ${{TAST1_TIMES}} <= {AGAIN_TIMES}]?again)
 same => n,Goto(tast1-fallback,s,1)
 same => n(again),Playtones(ring)
 same => n,Wait({AGAIN_SECONDS})
 same => n,StopPlaytones()
 same => n,Goto(call)
 same => n(done),Hangup()
"""
    forms = f"[{INBOUND_CONTEXT}]\nexten => _X.{body}exten => _+X.{body}"
    not_told = f'$["${{{DONE_VARIABLE}}}" != "1" & "${{{PEER_VARIABLE}}}" != ""]'
    return forms + _too_long("a call") + f"exten => h,1,ExecIf({not_told}?Gosub({RECORD_CONTEXT},s,1))\n"


def _patience(parameters: PbxParameters) -> str:
    """AGI() waits for ever on a service that is stuck, unless a time limit may end it."""
    if parameters.service_patience is None:
        return ""
    seconds = max(1, round(parameters.service_patience.total_seconds()))
    return f" same => n,Set(AGIEXITONHANGUP=yes)\n same => n,Set(TIMEOUT(absolute)={seconds})\n"


def _too_long(what: str) -> str:
    return (
        f"; The service may put a limit (TIMEOUT(absolute)) on {what}; when it passes, the caller still meets a voice.\n"
        "exten => T,1,Goto(tast1-fallback,s,1)\n"
    )


def _offices(parameters: PbxParameters) -> str:
    lines = [
        "; Which office was called, and whom to ring when the service does not answer.",
        "[tast1-office]",
    ]
    for office in parameters.offices:
        lines.append(f"; office {office.office_no}")
        for number in _numbers(office):
            lines += _falls_back(number, office.public_number, office.fallback_number)
    if parameters.common is not None:
        number, fallback = parameters.common
        lines += ["; the number of all offices together", *_falls_back(number, number, fallback)]
    lines += ["; a number no office has: the recording, then goodbye", "exten => _[+0-9]!,1,Return()", ""]
    return "\n".join(lines)


def _falls_back(number: str, public_number: str, fallback: str) -> list[str]:
    return [
        line
        for form in _written_forms(number)
        for line in (
            f"exten => {form},1,Set(TAST1_PUBLIC={public_number})",
            f" same => n,Set(TAST1_FALLBACK={fallback})",
            " same => n,Return()",
        )
    ]


def _written_forms(number: str) -> tuple[str, ...]:
    """How trunks write one number: +47..., 47..., 0047..., and without the country code."""
    digits = number.removeprefix("+")
    forms = (number, digits, f"00{digits}")
    return (*forms, digits.removeprefix("47")) if digits.startswith("47") else forms


def _fallback(parameters: PbxParameters) -> str:
    message = f"{_sound(parameters, Sound.FALLBACK_NB)}&{_sound(parameters, Sound.FALLBACK_EN)}"
    goodbye = f"{_sound(parameters, Sound.GOODBYE_NB)}&{_sound(parameters, Sound.GOODBYE_EN)}"
    return f"""\
; Nobody is met by silence: this needs nothing but the PBX itself.
[tast1-fallback]
exten => s,1,Set(TIMEOUT(absolute)=0)
 same => n,Answer()
 same => n,Gosub(tast1-office,${{TAST1_DID}},1)
 same => n,Playback({message})
 same => n,GotoIf($["${{TAST1_FALLBACK}}" = ""]?goodbye)
 same => n,Set(CALLERID(num)=${{TAST1_PUBLIC}})
 same => n,Set(CALLERID(name)=)
 same => n,Set(CALLERID(pres)=allowed)
 same => n,Dial(PJSIP/${{TAST1_FALLBACK}}@{parameters.trunk_endpoint},{FALLBACK_RING_SECONDS},r)
 same => n,Playback({message})
 same => n(goodbye),Playback({goodbye})
 same => n,Hangup()
"""


def _leg(parameters: PbxParameters) -> str:
    return f"""\
; Calls this service started: the caseworker's phone, the on-call phone, or the person who is rung back.
[{LEG_CONTEXT}]
exten => s,1,{_agi(parameters, "leg")}
 same => n,GotoIf($["${{{DONE_VARIABLE}}}" = "1"]?done)
 same => n(lost),Playback({_sound(parameters, Sound.LEG_FALLBACK_NB)})
 same => n(done),Hangup()
exten => T,1,Set(TIMEOUT(absolute)=0)
 same => n,Goto(s,lost)
exten => h,1,ExecIf($["${{{DONE_VARIABLE}}}" != "1"]?Gosub({RECORD_CONTEXT},s,1))
"""


def _record() -> str:
    """The service that was with the call at its end has marked it; one that was away finds the end in the database."""
    result = RESULT_VARIABLE
    leg = "${TAST1_LEG}"
    rest = f"${{TAST1_CAUSE}},${{ANSWEREDTIME}},${{{result}:9}},${{TAST1_SIP}}"
    return f"""\
; How a call ended that the service was not with, and one of several telephones in any case: told at once, and kept in
; the PBX's database until the service has read it. Where there was a screen, DIALSTATUS is ANSWER for whoever picked up,
; and ANSWEREDTIME is there for who was joined.
[{RECORD_CONTEXT}]
exten => s,1,Set(TAST1_STATUS=${{DIALSTATUS}})
 same => n,Set(TAST1_CAUSE=${{HANGUPCAUSE}})
 same => n,ExecIf($["{leg}" = ""]?Set(TAST1_LEG=${{CHANNEL(uniqueid)}}))
 same => n,GotoIf($["${{{SCREEN_VARIABLE}}}" != "1" | "${{DIALSTATUS}}" != "ANSWER" | "${{ANSWEREDTIME}}" != ""]?tell)
 same => n,Set(TAST1_STATUS=${{IF($["${{{result}}}" = ""]?DECLINED:${{{result}:0:8}})}})
 same => n,Set(TAST1_CAUSE=)
 same => n(tell),UserEvent({LEG_ENDED_EVENT},Leg: {leg},DialStatus: ${{TAST1_STATUS}},Cause: ${{TAST1_CAUSE}},\
AnsweredTime: ${{ANSWEREDTIME}},Key: ${{{result}:9}},Sip: ${{TAST1_SIP}})
 same => n,Set(DB({DB_FAMILY}/{leg})=${{TAST1_STATUS}},{rest})
 same => n,Set({PEER_VARIABLE}=)
 same => n,Return()
"""


def _after(parameters: PbxParameters) -> str:
    return f"""\
; The other person, when the caseworker hangs up first: a word of goodbye, never a dead line.
[{AFTER_CONTEXT}]
exten => s,1,Playback({_sound(parameters, Sound.ENDED_NB)})
 same => n,Hangup()
"""


def _extensions(parameters: PbxParameters) -> str:
    """Asterisk tells the other side how the call ended by the cause of the `Dial`."""
    extensions = sorted({extension for office in parameters.offices for extension in office.extensions})
    lines = [
        "; Calls of a line elsewhere (Twilio over SIP): the caseworkers' telephones, and nothing else.",
        f"[{EXTENSIONS_CONTEXT}]",
    ]
    for extension in extensions:
        lines += [
            f"exten => {extension},1,Dial(PJSIP/{extension},{FALLBACK_RING_SECONDS})",
            " same => n,Hangup(${HANGUPCAUSE})",
        ]
    return "\n".join(lines) + "\n"
