"""The prompts over HTTP, for PBXs and the telephone in the browser. Public: they say nothing about anyone.

Never reads a path from the request: `ivr.serve` looks the item up in the catalogue.
"""

from __future__ import annotations

from aiohttp import web

from callback.web.context import SERVICES
from ivr.serve import serve


async def prompt(request: web.Request) -> web.StreamResponse:
    """GET /prompts/{language}/{prompt_id}.wav; the language may be slow (`nb.slow`)."""
    item = f"{request.match_info['language']}/{request.match_info['prompt_id']}"
    answer = await serve(request.config_dict[SERVICES].library, item, request.headers.get("If-None-Match"))
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


def add_routes(app: web.Application) -> None:
    app.router.add_get(
        r"/prompts/{language:[a-z]{2,3}(?:\.slow)?}/{prompt_id:[A-Za-z0-9._-]+}.wav", prompt, name="prompt"
    )
