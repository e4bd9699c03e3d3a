"""Puts the pages, the API, the prompts and the telephone together into one web application.

Never logs a path, a query, a header or a body: a log line has the action, the name of the route, the status
and the time it took. Serve it with `make_runner`: aiohttp's own access log would write whole URLs.
"""

from __future__ import annotations

import logging
import time
import uuid
from pathlib import Path

import aiohttp_jinja2
import jinja2
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from callback.web import (
    api,
    api_offices,
    api_serving,
    auth,
    colleagues,
    metrics,
    offices,
    oncall,
    oncall_report,
    pages,
    phone,
    prompt_list,
    prompts,
    search,
    serving,
    status,
)
from callback.web.actions import add_routes as add_action_routes
from callback.web.context import SERVICES, Services
from callback.web.errors import INTERNAL, Problem, problem_of, where
from callback.web.page import HTTP_ID, render
from callback.web.words import spaced

log = structlog.get_logger(__name__)

BODY_LIMIT = 64 * 1024
_HERE = Path(__file__).parent
_CACHED = ("/static/", "/prompts/")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; media-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Server": "tast1",
}


def build_app(services: Services) -> web.Application:
    """The whole web side over the given services."""
    app = web.Application(client_max_size=BODY_LIMIT)
    app[SERVICES] = services
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        filters={"spaced": spaced},
    )
    app.middlewares.extend(
        (oncall.allow_upload, observe, answer_errors, auth.remember_language, auth.authenticate)
    )
    app.on_response_prepare.append(_set_headers)
    auth.add_routes(app)
    colleagues.add_routes(app)
    pages.add_routes(app)
    search.add_routes(app)
    add_action_routes(app)
    serving.add_routes(app)
    offices.add_routes(app)
    status.add_routes(app)
    oncall.add_routes(app)
    oncall_report.add_routes(app)
    prompt_list.add_routes(app)
    api.add_routes(app)
    api_serving.add_routes(app)
    api_offices.add_routes(app)
    metrics.add_routes(app)
    prompts.add_routes(app)
    app.router.add_static("/static/", _HERE / "static", name="static")
    if services.exchange is not None:
        phone.add_routes(app)
    return app


def make_runner(app: web.Application) -> web.AppRunner:
    """A runner whose logs hold no URL: no access log, and complaints about broken HTTP without the bytes."""
    logger = logging.getLogger("tast1.http")
    logger.addFilter(_without_bytes)
    return web.AppRunner(app, access_log=None, logger=logger)


def _without_bytes(record: logging.LogRecord) -> bool:
    """aiohttp puts the broken request line, which may hold a number, into the exception."""
    if record.exc_info is not None and record.exc_info[0] is not None:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[0].__name__}", ()
        record.exc_info = record.exc_text = None
    return True


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id of ours and log how it went."""
    http_id = uuid.uuid4().hex[:16]
    request[HTTP_ID] = http_id
    started = time.perf_counter()
    with structlog.contextvars.bound_contextvars(http_id=http_id):
        response = await handler(request)
        log.info(
            "http_served",
            method=request.method if request.method.isalpha() else "?",
            route=_route(request),
            status=response.status,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )
    return response


def _route(request: web.Request) -> str:
    """`/requests/{id}`, never the path itself."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Redirects pass; every refusal and fault becomes an answer in the asker's own form."""
    try:
        return await handler(request)
    except Exception as error:
        if isinstance(error, web.HTTPException) and error.status < 400:
            raise
        problem = problem_of(error)
        if problem is None:
            log.error("http_fault", error=type(error).__name__, where=where(error))
            problem = INTERNAL
        response = _answer(request, problem)
        allow = error.headers.get("Allow") if isinstance(error, web.HTTPException) else None
        if allow:
            response.headers["Allow"] = allow
        return response


def _answer(request: web.Request, problem: Problem) -> web.StreamResponse:
    if request.path.startswith("/api/"):
        body = {"error_id": problem.error_id, "message": problem.message, "details": problem.details}
        response = web.json_response(body, status=problem.status)
        if problem.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="tast1"'
        elif problem.status == 503:
            response.headers["Retry-After"] = "5"
        return response
    known = problem.status if problem.status in {403, 404, 405, 409, 413, 422, 503} else 500
    return render(request, "error.html", {"text": f"error.{known}"}, status=problem.status)


async def _set_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers["X-Request-ID"] = request.get(HTTP_ID, "")
    if not request.path.startswith(_CACHED):
        response.headers["Cache-Control"] = "no-store"
    elif "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-cache"  # asked for each time, answered 304
