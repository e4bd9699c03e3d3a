"""GET /metrics, for a Prometheus: how much is waiting, and whether everything works.

Labels are office numbers, names of lines of ours and fixed words: never a telephone number, a person or a note. It is open to programs on
this machine, and to others only with the token in TAST1_METRICS_TOKEN.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

from aiohttp import web
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from callback.consult import ConsultCaller, ConsultOutcome
from callback.consult_report import quantile
from callback.report_view import HALF, MOST
from callback.store import StoreError, in_no_hurry
from callback.web.context import SERVICES, Services

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_Values = dict[tuple[str, ...], float]
"""Labels -> value."""
_LATELY = timedelta(days=7)
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""A proxy on this machine asks for somebody who is not on it."""


async def metrics(request: web.Request) -> web.StreamResponse:
    if not _may_ask(request):
        raise web.HTTPNotFound
    registry = CollectorRegistry()
    registry.register(_Ready([metric async for metric in _collect(request.config_dict[SERVICES])]))
    return web.Response(text=generate_latest(registry).decode(), headers={"Content-Type": _TEXT})


async def _collect(services: Services) -> AsyncIterator[Metric]:
    now, ok = services.clock.now(), True
    try:
        for metric in await _requests(services):
            yield metric
        for metric in await _coverage(services):
            yield metric
        for metric in await _consults(services):
            yield metric
        yield await _notices(services)
    except StoreError:
        ok = False
    yield _gauge("store_up", "Whether the list can be read.", {(): int(ok)})
    lines: _Values = {
        (status.name,): int(status.up) for status in (source.status() for source in services.lines)
    }
    yield _gauge("line_up", "Whether the line works.", lines, "line")
    yield _gauge("calls_up", "Calls that the service carries now.", {(): services.calls_up()})
    swept = services.heartbeat.last_sweep
    age = (now - (swept or services.started_at)).total_seconds()
    yield _gauge("sweep_age_seconds", "Since the list was last looked through.", {(): age})


async def _requests(services: Services) -> list[Metric]:
    with in_no_hurry():
        found = await services.desk.store.open_counts(services.clock.now())
    counts = {count.office_no: count for count in found}
    offices = {office.office_no for office in services.config.offices} | counts.keys()
    kinds = {
        "waiting": "Open requests that the office serves.",
        "late": "Open requests whose last workable moment has passed.",
        "urgent": "Open requests that are urgent.",
    }
    return [
        _gauge(
            f"requests_{kind}",
            what,
            {(no,): getattr(counts[no], kind) if no in counts else 0 for no in sorted(offices)},
            "office",
        )
        for kind, what in kinds.items()
    ]


async def _coverage(services: Services) -> list[Metric]:
    """On-call coverage: whether somebody is on duty now, and how the coming four weeks look."""
    now = services.clock.now()
    with in_no_hurry():
        coming = {one.line_id: one for one in await services.desk.coverage()}
        duties = await services.desk.duties(now)
    covered, share, gaps = _Values(), _Values(), _Values()
    for duty in duties:
        of, found = (duty.line.office_no, duty.line.id), coming.get(duty.line.id)
        covered[of] = int(bool(duty.people))
        if found is not None:  # a line that came while we looked has it the next time
            share[of], gaps[of] = found.share, sum(gap.ends_at > now for gap in found.gaps)
    kinds = (
        ("covered", "Whether somebody who can be rung is on duty now.", covered),
        ("coverage_ratio", "The share of the coming 28 days in which somebody can be reached.", share),
        ("gaps", "How often nobody can be reached in the coming 28 days.", gaps),
    )
    return [_gauge(f"oncall_{kind}", what, values, "office", "line") for kind, what, values in kinds]


async def _consults(services: Services) -> list[Metric]:
    """The calls that asked for whoever is on duty, since the beginning; and how long the contact centre waited of late."""
    now = services.clock.now()
    with in_no_hurry():
        counts = await services.desk.store.consult_counts()
        ended = await services.desk.store.ended_calls(now - _LATELY, now)
    calls = CounterMetricFamily(
        "tast1_consult_calls",
        "Calls that asked for whoever is on duty.",
        labels=("office", "caller", "outcome"),
    )
    for (office_no, caller, outcome), count in sorted(counts.items()):
        calls.add_metric((office_no, caller.value, outcome.value), count)
    waits: dict[str, list[float]] = {}
    for call in ended:
        answered = call.outcome is ConsultOutcome.ANSWERED and call.caller is ConsultCaller.CONTACT_CENTRE
        if answered and call.waited is not None:
            waits.setdefault(call.office_no, []).append(call.waited.total_seconds())
    values: _Values = {
        (office_no, str(share)): quantile(of, share) or 0.0
        for office_no, of in sorted(waits.items())
        for share in (HALF, MOST)
    }
    what = "How long the contact centre waited for a person in the last 7 days."
    return [calls, _gauge("consult_wait_seconds", what, values, "office", "quantile")]


async def _notices(services: Services) -> Metric:
    """Not a counter: what ended is forgotten after a week."""
    with in_no_hurry():
        counts = await services.desk.store.notice_counts()
    found: _Values = {(count.kind.value, count.state.value): count.count for count in counts}
    return _gauge("notices", "SMS and e-mail of the last 7 days.", found, "kind", "state")


def _gauge(name: str, what: str, values: _Values, *labels: str) -> Metric:
    family = GaugeMetricFamily(f"tast1_{name}", what, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family


class _Ready(Collector):
    """What was collected before: the registry cannot wait."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        return self._found


def _may_ask(request: web.Request) -> bool:
    token = request.config_dict[SERVICES].metrics_token
    if token is not None:
        scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and secrets.compare_digest(sent.strip().encode(), token.encode())
    try:
        here = ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        here = False
    return here and not any(name in request.headers for name in _FORWARDED)


def add_routes(app: web.Application) -> None:
    app.router.add_get("/metrics", metrics, name="metrics")
