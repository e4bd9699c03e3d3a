"""The report of the on-call lines: the page, the API, the metrics, the command line, and a request's own history."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from callback.cli import main
from callback.consult import Consult, ConsultCaller, ConsultOutcome, ConsultResult, DutyLeg, DutyOutcome
from callback.consult_report import Kept
from callback.request import AttemptOutcome, Origin, Urgency
from callback.store import Store
from callback.store_sqlite import SqliteStore
from config.model import Role
from config.oncall import OnCallLine
from hardware.simulated.phone import Behaviour
from scheduler.clock import SystemClock
from tests.e2e.waiting import until
from tests.integration.test_consult import CENTRE as CONTACT_CENTRE
from tests.integration.test_consult import KARI, OnCall, behave, on_call_config
from tests.offices import MONDAY, config
from tests.web_site import Client, World, ask, login, open_world, refusal, serve, text_of

LINE = OnCallLine(id="vakt", office_no="9001", number="+4773000011", people=("kari", "ola"))
OTHER = LINE.model_copy(
    update={"id": "storvik", "office_no": "9002", "number": "+4773000021", "people": ("siv",)}
)
SECOND = timedelta(seconds=1)
CENTRE, CALLER = ConsultCaller.CONTACT_CENTRE, ConsultCaller.CALLER
ANSWERED, PROMISED = ConsultOutcome.ANSWERED, ConsultOutcome.PROMISED


@pytest_asyncio.fixture(name="world")
async def a_world(tmp_path: Path) -> World:
    return await open_world(tmp_path, of=config().model_copy(update={"lines": (LINE, OTHER)}))


@pytest_asyncio.fixture(name="client")
async def a_client(world: World) -> AsyncIterator[Client]:
    client = await serve(world)
    yield client
    await client.close()


async def called(store: Store, consult: Consult, *legs: tuple[str, DutyOutcome]) -> None:
    await store.save_consult(consult)
    for n, (person, outcome) in enumerate(legs):
        leg = DutyLeg(
            f"{consult.id}.{n}", consult.id, person, f"+4740{n:06}", consult.started_at + n * SECOND
        )
        await store.ring_duty(leg)
        await store.save_duty_leg(replace(leg, ended_at=consult.started_at, outcome=outcome))


def a_call(name: str, outcome: ConsultOutcome | None, wait: int | None = None, **more: Any) -> Consult:
    at = more.pop("started_at", MONDAY)
    answered = {} if wait is None else {"answered_at": at + wait * SECOND, "answered_by": "kari"}
    ended_at = None if outcome is None else at + timedelta(minutes=5)
    call = Consult(name, "9001", "vakt", CENTRE, at, outcome=outcome, ended_at=ended_at)
    return replace(call, **answered, **more)


async def two_weeks(world: World) -> str:
    """One answered call in the week before; in this one an answered, a promised and an urgent one, and one at another
    office. Returns the id of the request that was promised."""
    store, week = world.store, timedelta(days=7)
    await called(store, a_call("c0", ANSWERED, 40, started_at=MONDAY - week), ("kari", DutyOutcome.TALKED))
    await called(
        store, a_call("c1", ANSWERED, 8), ("ola", DutyOutcome.NO_ANSWER), ("kari", DutyOutcome.TALKED)
    )
    request = await world.caller(urgency=Urgency.URGENT, origin=Origin.CONTACT_CENTRE, registered_by="nks")
    promised = a_call("c2", PROMISED, request_id=request.id)
    await called(store, promised, ("ola", DutyOutcome.DECLINED), ("siv", DutyOutcome.NO_ANSWER))
    await called(store, a_call("c3", ANSWERED, 5, caller=CALLER), ("kari", DutyOutcome.TALKED))
    await called(store, a_call("c4", None, started_at=MONDAY), ("kari", DutyOutcome.IN_CALL))
    other = a_call("c5", ConsultOutcome.GAVE_UP, office_no="9002", line_id="storvik")
    await called(store, other, ("siv", DutyOutcome.CANCELLED))
    return request.id


def bare(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


async def test_the_first_day(client: Client) -> None:
    """No call yet: the number of 2021 is there to be compared with, and nothing is made up."""
    await login(client, "liv")
    assert 'href="/oncall/report"' in await text_of(client, "/oncall")
    page = bare(await text_of(client, "/oncall/report"))
    assert "Ingen anrop ennå. Til sammenligning: 6 av 44 (14 %) i 2021." in page
    assert len(re.findall(r"Uke \d\d [^–]+ Ingen anrop – – – –", page)) == 8
    assert "Ingen telefon er ringt i disse ukene." in page


async def test_the_page(client: Client, world: World) -> None:
    """Week by week, the newest first: share, seconds, promises; names of the own office to its leader, in two languages."""
    request_id = await two_weeks(world)
    world.clock.advance(timedelta(minutes=20))
    _, attempt = await world.desk.start_attempt(request_id, "kari", "a1")
    await world.desk.attempt_ringing(attempt.id)
    await world.desk.attempt_connected(attempt.id)
    await login(client, "liv")
    page = bare(await text_of(client, "/oncall/report?weeks=4"))
    assert "2 av 3 (67 %) Til sammenligning: 6 av 44 (14 %) i 2021." in page
    assert "Halvparten fikk et menneske innen 8,0 s, ni av ti innen 40,0 s." in page
    week = "Uke 48 man. 23. nov. 1 av 2 (50 %) 8,0 s Ni av ti innen 8,0 s 1 av 1 holdt 20 minutter 1 av 1 (100 %)"
    assert week in page
    assert page.index("Uke 48") < page.index("Uke 47 man. 16. nov. 1 av 1 (100 %) 40,0 s")
    for person in ("Kari 3 3 0 0 0", "Ola 2 0 1 1 0", "Andre 1 0 0 1 0"):
        assert person in page, person
    for never in ("Siv", "Storvik", "40 00 12 34", "+47", "40001234"):
        assert never not in page.partition("Besvart")[2], never
    assert "Who answered" in await text_of(client, "/oncall/report?lang=en")


async def test_calls_as_they_are_made() -> None:
    """Nobody takes the first call, and its promise is kept; the second is answered: as the telephones said."""
    world = await OnCall(on_call_config()).open()
    assert isinstance(world, OnCall)
    behave(world, kari=Behaviour.NO_ANSWER, ola=Behaviour.BUSY, siv=Behaviour.BUSY, liv=Behaviour.BUSY)
    await world.rings()
    for name in ("kari", "ola", "siv", "liv"):
        await world.is_told(CONTACT_CENTRE, f"office.calling-{name}")
    await world.hears(CONTACT_CENTRE, "consult.nobody")
    request = await world.promised()
    await world.over()
    world.clock.advance(timedelta(minutes=30))
    await world.desk.start_attempt(request.id, "ola", "a1")
    await world.desk.attempt_ringing("a1")
    await world.desk.attempt_connected("a1")
    await world.desk.end_attempt("a1", AttemptOutcome.ANSWERED)
    behave(world, kari=Behaviour.ANSWER)
    await world.rings()
    await world.is_told(CONTACT_CENTRE, "office.calling-kari")
    await world.accepts(KARI)
    world.clock.advance(timedelta(minutes=2))
    world.line.hang_up(CONTACT_CENTRE)
    await world.hears(KARI, "duty.result")
    world.line.press(KARI, "1")
    await world.is_told(KARI, "duty.thanks")
    await until(lambda: world.runner.calls_up == 0)
    (office,) = (await world.desk.consult_report(["9001"], 1)).offices
    found = office.total
    assert (found.calls, found.answered, found.promised, found.promises) == (2, 1, 1, (Kept.KEPT,))
    assert found.taken == (pytest.approx(1800, abs=120),)
    (kari, *_) = found.people
    assert (kari.person_id, kari.rung, kari.answered, kari.no_answer) == ("kari", 2, 1, 1)
    await world.close()


async def test_who_may(world: World) -> None:
    """Leaders their own office, administrators all; nobody else has the page; what cannot be meant is refused."""
    await two_weeks(world)
    for person_id, paths in (
        ("liv", {"": 200, "?office=9001": 200, "?office=9002": 404, "?weeks=0": 422, "?weeks=x": 422, "?weeks=54": 422}),
        ("admin", {"": 200, "?office=9002": 200, "?office=9009": 404}), ("kari", {"": 404}), ("nks", {"": 404}),
    ):  # fmt: skip
        client = await serve(world)
        await login(client, person_id)
        for path, status in paths.items():
            page = await text_of(client, f"/oncall/report{path}", status)
            if person_id == "admin" and not path:
                assert "Kontor for kontor" in page
                assert "Ola" not in page
        await client.close()


async def test_the_api(client: Client, world: World) -> None:
    """The same figures; names only to whoever leads the office; a token of one office sees that one."""
    request_id = await two_weeks(world)
    tuesday = a_call("c6", ConsultOutcome.GAVE_UP, office_no="9002", started_at=MONDAY + timedelta(days=1))
    await called(world.store, tuesday)
    world.clock.advance(timedelta(hours=30))
    status, body = await ask(client, "GET", "/oncall/report?weeks=2", await world.token(Role.CONTACT_CENTRE))
    first, other = body["offices"]
    assert (status, body["comparison"]) == (200, {"year": 2021, "calls": 44, "answered": 6, "percent": 14})
    assert (first["office_no"], first["people"], other["people"]) == ("9001", None, None)
    assert [(week["week"], week["begins_on"], week["ends_on"]) for week in first["weeks"]] == [
        ("2026-W47", "2026-11-16", "2026-11-22"), ("2026-W48", "2026-11-23", "2026-11-29"),
    ]  # fmt: skip
    assert first["total"] == {
        "calls": 3, "answered": 2, "percent": 67, "promised": 1, "gave_up": 0, "lost": 0,
        "seconds_median": 8.0, "seconds_p90": 40.0,
        "promises": {"made": 1, "kept": 0, "broken": 1, "open": 0, "withdrawn": 0, "seconds_until_taken": None},
        "urgent_callers": {"calls": 1, "answered": 1, "percent": 100},
    }  # fmt: skip
    assert (other["total"]["gave_up"], other["total"]["percent"], other["weeks"][0]["percent"]) == (
        2,
        0,
        None,
    )
    for personal in ("Kari", "Ola", request_id, "+47", "4000"):
        assert personal not in json.dumps(body)
    path = "/oncall/report?office=9001"
    _, body = await ask(client, "GET", path, await world.token(Role.LEADER, "9001"))
    assert body["offices"][0]["people"][0] == {
        "name": "Kari", "rung": 3, "answered": 3, "declined": 0, "no_answer": 0, "in_call": 0,
    }  # fmt: skip
    _, body = await ask(client, "GET", path, await world.token(Role.CASEWORKER, "9001"))
    assert body["offices"][0]["people"] is None
    stranger = await world.token(Role.LEADER, "9002")
    assert (await refusal(client, "GET", path, stranger))[:2] == (404, "not_found")
    for wrong in ("weeks=0", "weeks=54", "weeks=x", "week=3"):
        assert (await refusal(client, "GET", f"/oncall/report?{wrong}", stranger))[:2] == (422, "invalid"), (
            wrong
        )


async def test_the_metrics(client: Client, world: World) -> None:
    """Counters by office, who asked and outcome; seconds to a person of the last seven days."""
    await two_weeks(world)
    world.clock.advance(timedelta(minutes=1))
    text = await (await client.get("/metrics")).text()
    found = dict(re.findall(r"^tast1_consult_(\S+) (\S+)$", text, re.MULTILINE))
    of = 'calls_total{caller="contact_centre",office="9001",outcome='
    assert found == {
        f'{of}"answered"}}': "2.0", f'{of}"promised"}}': "1.0",
        'calls_total{caller="caller",office="9001",outcome="answered"}': "1.0",
        'calls_total{caller="contact_centre",office="9002",outcome="gave_up"}': "1.0",
        'wait_seconds{office="9001",quantile="0.5"}': "8.0", 'wait_seconds{office="9001",quantile="0.9"}': "8.0",
    }  # fmt: skip


async def test_the_history_of_a_request(client: Client, world: World) -> None:
    """Where it was born, before all else; and what came of the talk with whoever was on duty."""
    request_id = await two_weeks(world)
    own = await world.caller("+4740009999")
    solved = a_call("c8", ANSWERED, 5, caller=CALLER, request_id=own.id, result=ConsultResult.SOLVED)
    await world.store.save_consult(solved)
    follow = await world.caller("+4740009998")
    await world.store.save_consult(a_call("c9", ANSWERED, 5, request_id=follow.id))
    await world.store.save_consult(a_call("c7", PROMISED, request_id=own.id, started_at=MONDAY + SECOND))
    await login(client, "ola")
    for shown, lines in (
        (request_id, ["Forespørselen ble til i en samtale fra kontaktsenteret: ingen på vakt kunne svare."]),
        (own.id, ["Kontaktsenteret ringte om den samme: ingen på vakt kunne svare.", "Kari på vakt skrev: løst."]),
        (follow.id, ["Forespørselen ble til i en samtale fra kontaktsenteret: Kari skal følge den opp."]),
    ):  # fmt: skip
        page = bare((await text_of(client, f"/requests/{shown}")).partition('id="timeline"')[2])
        assert [line in page for line in lines] == [True] * len(lines), shown
    assert page.index("Forespørselen ble til") < page.index("kom på listen"), "born first"


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same figures beside a service, one office or all; a wrong number of weeks is refused."""
    monkeypatch.setattr("callback.cli.configure_logging", lambda level: None)
    now = SystemClock().now()

    async def make() -> None:
        store = SqliteStore(tmp_path / "data" / "tast1.sqlite3")
        await store.open()
        for name, outcome, wait in (("c1", ANSWERED, 8), ("c2", ConsultOutcome.GAVE_UP, None)):
            call = a_call(name, outcome, wait, line_id="vakt-9001", started_at=now - timedelta(seconds=60))
            await called(store, call, ("kari", DutyOutcome.NO_ANSWER))
        await store.close()

    asyncio.run(make())
    demo = Path(__file__).parents[2] / "config" / "demo"

    def report(*options: str) -> int:
        return main(["oncall", "report", *options, "--config", str(demo), "--data", str(tmp_path / "data")])

    assert report("9001", "--weeks", "2") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == [
        "in 2021 the supervision found 6 of 44 answered (14 %)",
        "Nav Lillevik (9001)",
        "  all weeks answered 1 of 2 (50 %); median 8 s, 90 % within 8 s; gave up 1",
    ]
    assert (len(out), out[-1].split()) == (
        6,
        [
            "Kari",
            "Holm",
            "rung",
            "2,",
            "answered",
            "0,",
            "declined",
            "0,",
            "no",
            "answer",
            "2,",
            "in",
            "call",
            "0",
        ],
    )
    assert report("--json") == 0
    offices = json.loads(capsys.readouterr().out)["offices"]
    assert [(one["office_no"], one["total"]["calls"], len(one["weeks"])) for one in offices] == [
        ("9001", 2, 8), ("9002", 0, 8),
    ]  # fmt: skip
    assert [report("--weeks", "0"), report("--weeks", "54"), report("9009")] == [1, 1, 1]
    assert capsys.readouterr().err.count("tast1: ") == 3
