"""What a PBX or a browser gets when it asks for a prompt over HTTP, in plain values.

It knows HTTP's words but no web framework: the web pages wrap `serve`. It must never read a path from a request:
only items of the catalogue are looked up.
"""

from __future__ import annotations

from dataclasses import dataclass

from ivr.library import PromptLibrary

CACHE = "public, max-age=3600"
"""For an hour a PBX plays its own copy without asking; then it asks with the etag and mostly gets 304.
So a new recording is heard everywhere within the hour."""


@dataclass(frozen=True, slots=True)
class PromptResponse:
    status: int
    headers: dict[str, str]
    body: bytes = b""


async def serve(library: PromptLibrary, item: str, if_none_match: str | None = None) -> PromptResponse:
    """Answer `GET /prompts/<item>.wav`; for HEAD the web server leaves the body out.

    200 with the sound, 304 if the asker has it already, 404 if there is none. Never raises."""
    wav = await library.wav(item)
    if wav is None:
        headers = {"Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8"}
        return PromptResponse(404, headers, b"no such prompt\n")
    headers = {"ETag": wav.etag, "Cache-Control": CACHE}
    if if_none_match is not None and _has(if_none_match, wav.etag):
        return PromptResponse(304, headers)
    return PromptResponse(200, headers | {"Content-Type": "audio/wav"}, wav.body)


def _has(if_none_match: str, etag: str) -> bool:
    """RFC 9110, 13.1.2: `*`, or a list of etags compared weakly."""
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in known or etag in known
