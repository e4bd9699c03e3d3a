"""What Twilio is told to do: each document as TwiML, and the addresses in it. Pure.

A document never records or transcribes, never has a number in a name or an address, and ends in a request for the next
one (or in hanging up): so a call never falls out of it into silence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from hardware.twilio.leg import Document, Kind, Leg

RETRIES: Final = "#rc=3&rp=ct,rt,5xx&tt=14000"
"""Twilio asks again when it gets no answer, within the 15 seconds it gives a webhook."""
_VOICE: Final = {
    "nb-NO": "Polly.Ida-Neural",
    "en-GB": "Polly.Amy-Neural",
}
_SORRY: Final = {
    "nb-NO": "Hei, du har ringt Nav. Vi har en teknisk feil akkurat nå. Vi prøver å nå noen som kan snakke med deg."
    " Får du ikke svar, ring igjen om litt.",
    "en-GB": "Hello, you have called Nav. We have a technical fault right now. We are trying to reach someone who can"
    " talk to you. If nobody answers, please call again in a while.",
}
_AFTER: Final = {"nb-NO": "Samtalen er over. Fikk du ikke svar, ring igjen om litt. Ha det bra."}
"""Twilio comes here after a talk, too."""
_OVER: Final = {
    "nb-NO": "Samtalen er over, eller forbindelsen til systemet er brutt. Listen er uendret. Ha det bra."
}
"""For a telephone we rang: it must not name us, for anybody may have picked up."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Twilio finds us."""

    base: str
    """The public https address, without a slash at its end."""
    name_of: Callable[[str], str] = str
    """A prompt's name in its address. Twilio keeps addresses with the call: such as a reason must not stand there."""

    def step(self, leg: str, seq: int) -> str:
        return f"{self.base}/tw/leg/{leg}/{seq}{RETRIES}"

    def status(self, leg: str | None = None) -> str:
        return f"{self.base}/tw/status{f'/{leg}' if leg else ''}{RETRIES}"

    def fallback(self, leg: str | None = None) -> str:
        return f"{self.base}/tw/fallback{f'/{leg}' if leg else ''}"

    def sms(self, key: str) -> str:
        return f"{self.base}/tw/sms/{key}{RETRIES}"

    @property
    def voice(self) -> str:
        return f"{self.base}/tw/voice{RETRIES}"

    @property
    def ringing(self) -> str:
        return f"{self.base}/tw/ringing.wav"

    def prompt(self, item: str) -> str:
        return f"{self.base}/tw/prompts/{self.name_of(item)}.wav"


def whole_seconds(span: timedelta) -> int:
    """Twilio counts in whole seconds, from one."""
    return max(1, math.ceil(span.total_seconds()))


def twiml(leg: Leg, addresses: Addresses, rings_at: str | None) -> str:
    """The leg's document. `rings_at`: the fall-back number of the office that was rung."""
    document = leg.document
    response = VoiceResponse()
    step = addresses.step(leg.id, leg.seq)
    match document.kind:
        case Kind.IDLE:
            _listen(response, document, step, addresses, 1)
        case Kind.PROMPT | Kind.SCREEN if document.digits:
            _listen(response, document, step, addresses, document.digits - len(document.keys))
        case Kind.PROMPT | Kind.SCREEN:
            for item in document.items:
                response.play(addresses.prompt(item))
            response.redirect(step, method="POST")
        case Kind.ROOM:
            _room(response, leg, step, addresses)
        case Kind.FALLBACK:
            return fallback(rings_at if leg.inbound else None, caller_id=leg.number, ours=leg.inbound)
        case Kind.HANGUP | Kind.NONE:
            response.hangup()
    return str(response)


def _listen(
    response: VoiceResponse, document: Document, step: str, addresses: Addresses, digits: int
) -> None:
    """Silence falls through to the same address, without keys."""
    gather = Gather(
        input="dtmf",
        num_digits=digits,
        timeout=whole_seconds(document.timeout),
        finish_on_key="" if document.kind is Kind.IDLE else "#",
        action=step,
        method="POST",
    )
    for item in document.items:
        gather.play(addresses.prompt(item))
    response.append(gather)
    response.redirect(step, method="POST")


def _room(response: VoiceResponse, leg: Leg, step: str, addresses: Addresses) -> None:
    """The one who leaves ends it for both; whoever is left asks for the next document."""
    dial = Dial(action=step, method="POST", record="do-not-record")
    dial.conference(
        leg.document.room,
        start_conference_on_enter=True,
        end_conference_on_exit=True,
        beep="false",
        max_participants=2,
        record="do-not-record",
        wait_url=addresses.ringing if leg.dialler is None else "",
        wait_method="GET",
    )
    response.append(dial)


def fallback(rings_at: str | None, *, caller_id: str = "", ours: bool = True) -> str:
    """For a call we cannot go on with: an apology in words of Twilio's own voice, and the office's fall-back number."""
    response = VoiceResponse()
    _say(response, _SORRY if ours else _OVER)
    if rings_at is not None:
        shown = {"caller_id": caller_id} if caller_id else {}
        response.dial(rings_at, timeout=40, record="do-not-record", **shown)
        _say(response, _AFTER)
    response.hangup()
    return str(response)


def hang_up() -> str:
    response = VoiceResponse()
    response.hangup()
    return str(response)


def _say(response: VoiceResponse, words: dict[str, str]) -> None:
    for language, text in words.items():
        response.say(text, voice=_VOICE[language], language=language)
