"""The pages one reads: the list, one request, the form to register. What changes something is in actions.py.

Never puts a number, a name or a note into a URL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from callback.access import Viewer
from callback.desk_base import history_of
from callback.notice import missed_sms
from callback.request import (
    OPEN,
    TERMINAL,
    URGENT_REASONS,
    CallbackRequest,
    CallResult,
    DayPart,
    Reason,
    RequestState,
    Urgency,
)
from callback.turn import may_serve
from callback.web.api import visible
from callback.web.colleagues import colleagues_context
from callback.web.context import SERVICES, Services
from callback.web.page import Page, fragment, render, see_other, version_of, viewer_of
from callback.web.rows import has_telephone, live_sentence, row
from callback.web.scope import scope, visible_of
from callback.web.serving_context import kept_away, serving_context
from callback.web.texts import LANGUAGE_NAMES
from callback.web.timeline import timeline
from config.model import Office, Role
from ivr.callback_call import BEFORE_THE_CALLER
from scheduler.retry import person_decides

LIST_LIMIT = 200
_TOLD = ("registered", "already")
"""Whether to show the promise to read aloud, right after registering."""


async def root(request: web.Request) -> web.StreamResponse:
    return see_other("/requests")


async def list_page(request: web.Request) -> web.StreamResponse:
    return render(request, "list.html", await list_context(request))


async def list_rows(request: web.Request) -> web.StreamResponse:
    """The part of the list page that refreshes itself."""
    return fragment(request, "_list.html", await list_context(request))


async def request_page(request: web.Request) -> web.StreamResponse:
    return render(request, "request.html", await request_context(request, await visible(request)))


async def request_live(request: web.Request) -> web.StreamResponse:
    """The part of a request's page that refreshes itself."""
    return fragment(request, "_request.html", await request_context(request, await visible(request)))


async def register_page(request: web.Request) -> web.StreamResponse:
    return render(request, "register.html", register_context(request))


def add_routes(app: web.Application) -> None:
    app.router.add_get("/", root, name="root")
    app.router.add_get("/requests", list_page, name="list")
    app.router.add_get("/requests/rows", list_rows, name="list-rows")
    app.router.add_get("/requests/new", register_page, name="register")
    app.router.add_get("/requests/{id}", request_page, name="request")
    app.router.add_get("/requests/{id}/live", request_live, name="request-live")


# -- what the templates are given


async def list_context(
    request: web.Request,
    results: Sequence[CallbackRequest] | None = None,
    errors: Mapping[str, str] | None = None,
    form: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`results` of a search stand in the place of the list; `errors` and `form` when it found none."""
    services, viewer, page = request.config_dict[SERVICES], viewer_of(request), Page(request)
    ended = request.query.get("show") == "ended"
    offices = viewed_offices(services, viewer)
    office_no = request.query.get("office", "")
    if office_no not in {office.office_no for office in offices}:
        office_no = ""
    query = scope(viewer, office_no or None)
    query = replace(query, states=TERMINAL if ended else OPEN, limit=LIST_LIMIT + 1)
    found = results or await visible_of(services.desk, viewer, query)
    never = await services.desk.never_called(found)
    takers = await services.desk.takers() if any(r.escalation for r in found) else ()
    standings = [services.desk.standing(r, never_called=r.id in never) for r in found]
    rows = [
        row(
            r,
            viewer,
            page.words,
            services.config,
            standing,
            waits=services.waits(r.id),
            takers=takers,
        )
        for r, standing in zip(found[:LIST_LIMIT], standings, strict=False)
    ]
    return {
        "rows": rows,
        "shouted": [r for r in rows if r.step and r.step.for_viewer] if results is None else [],
        "results": results is not None,
        "errors": errors or {},
        "form": form or {},
        "ended": ended,
        "urgent": sum(1 for r in rows if r.urgent),
        "truncated": len(found) > LIST_LIMIT,
        "limit": LIST_LIMIT,
        "offices": offices if len(offices) > 1 else [],
        "office_no": office_no,
        **await colleagues_context(request),
        "reads_only": viewer.role is Role.CONTACT_CENTRE,
        "version": version_of(
            (
                r.id,
                r.version,
                standing,
                r.id in never,
                services.waits(r.id),
                r.due_at <= page.words.now,
                [p.id for p in takers if r.escalation and p.office_no == r.served_by],
            )
            for r, standing in zip(found, standings, strict=True)
        ),
        "kept_away": await kept_away(services, viewer),
    }


async def request_context(
    request: web.Request,
    shown: CallbackRequest,
    errors: Mapping[str, str] | None = None,
    form: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`errors` and `form` (field -> text) when a form on the page was refused."""
    services, viewer, page = request.config_dict[SERVICES], viewer_of(request), Page(request)
    act = viewer.may_act(shown)
    live = shown.live_attempt
    phase = services.call_phase(live.id) if live else None
    queued = sum(line.status().queued for line in services.lines)
    mine = shown.claimed_by is not None and shown.claimed_by == viewer.person_id
    ledger = await services.desk.store.ledger(shown.id) if act else []
    consults = await services.desk.store.consults_of(shown.id) if act else []
    idle = shown.is_open and shown.state is not RequestState.CALLING
    lost = shown.is_out_of_reach(page.words.now)
    never = bool(await services.desk.never_called([shown]))
    gone = person_decides(history_of(shown))
    no_sms = shown.is_open and act and await services.desk.gets_no_sms(shown.phone)
    lost_sms = shown.is_open and not no_sms and missed_sms(ledger) is not None
    standing = services.desk.standing(shown, never_called=never)
    waits = services.waits(shown.id)
    takers = await services.desk.ready(shown.served_by)
    return {
        "row": row(shown, viewer, page.words, services.config, standing, waits=waits, takers=takers),
        "request": shown,
        "live": live_sentence(shown, viewer, phase, page.words, standing, waits=waits, queued=queued),
        "calling": shown.state is RequestState.CALLING,
        "may_stop": act and mine and live and not live.inbound and phase in BEFORE_THE_CALLER,
        "no_telephone": act and idle and not has_telephone(viewer, services.config),
        "wants_number": act and idle and (not shown.phone or lost or never or gone),
        "number_hint": page.t(f"number.{'never_hint' if never or gone else 'lost_hint' if lost else 'hint'}"),
        "sms": "sms.stopped" if no_sms else "sms.lost" if lost_sms else None,
        "may_lift": never and viewer.may_lift(shown),
        "wants_result": act and mine and shown.state is RequestState.RESULT_DUE,
        "may_end": act and idle and (mine or shown.claimed_by is None),
        "colleagues": _colleagues(services, viewer, shown) if act and idle else [],
        "results": list(CallResult),
        "moments": timeline(shown, ledger, page.words, consults),
        "errors": errors or {},
        "form": form or {},
        "told": f"flash.{request.query.get('told')}" if request.query.get("told") in _TOLD else None,
        "version": version_of(
            [
                (
                    shown.id,
                    shown.version,
                    shown.state,
                    phase,
                    _due(shown, page),
                    lost,
                    never,
                    standing,
                    waits,
                    live is not None and queued,
                    shown.due_at <= page.words.now,
                )
            ]
        ),
        **serving_context(services.desk, viewer, shown),
    }


def register_context(
    request: web.Request, errors: Mapping[str, str] | None = None, form: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    services, viewer = request.config_dict[SERVICES], viewer_of(request)
    return {
        "offices": [o for o in services.config.offices if viewer.may_register(o.office_no)],
        "urgent_reasons": [reason for reason in Reason if reason in URGENT_REASONS],
        "ordinary_reasons": [r for r in Reason if r not in URGENT_REASONS and r is not Reason.UNSPECIFIED],
        "languages": LANGUAGE_NAMES,
        "day_parts": list(DayPart),
        "errors": errors or {},
        "form": form or {"office_no": request.query.get("office", "")},
        "promise": None,
        "urgent": Urgency.URGENT,
    }


def viewed_offices(services: Services, viewer: Viewer) -> list[Office]:
    """Offices whose requests the viewer may find on the list."""
    return [office for office in services.config.offices if viewer.may_register(office.office_no)]


def _colleagues(services: Services, viewer: Viewer, shown: CallbackRequest) -> list[tuple[str, str]]:
    holder = shown.assigned_to or shown.claimed_by
    people = (p for p in services.config.people if may_serve(shown, p))
    return [(p.id, p.name) for p in people if p.id != holder]


def _due(shown: CallbackRequest, page: Page) -> bool:
    return shown.next_attempt_at is not None and shown.next_attempt_at <= page.words.now
