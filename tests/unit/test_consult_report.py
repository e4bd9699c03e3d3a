"""The report of the on-call lines: weeks, shares, waits, promises, people; and who is told whose names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from callback.consult import ConsultCaller, ConsultOutcome, DutyCount, DutyOutcome, EndedCall, Promise
from callback.consult_report import (
    Figures,
    Kept,
    OfficeReport,
    Report,
    figures,
    kept,
    percent,
    quantile,
    total,
    weeks_until,
)
from callback.report_view import ReportView
from scheduler.clock import to_local
from tests.offices import MONDAY, config

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
_O, _D = ConsultOutcome, DutyOutcome


def call(
    outcome: ConsultOutcome, waited: int | None = None, caller: ConsultCaller = ConsultCaller.CONTACT_CENTRE
) -> EndedCall:
    return EndedCall("9001", caller, outcome, None if waited is None else waited * SECOND)


@pytest.mark.parametrize(
    ("now", "names", "begins"),
    [
        ((2026, 11, 23, 8, 5), ["2026-W47", "2026-W48"], "2026-11-16 00:00"),
        ((2026, 11, 22, 22, 59), ["2026-W46", "2026-W47"], "2026-11-09 00:00"),  # Sunday, a minute to midnight
        ((2026, 11, 22, 23, 0), ["2026-W47", "2026-W48"], "2026-11-16 00:00"),  # Monday in Oslo
        ((2027, 1, 1, 12, 0), ["2026-W52", "2026-W53"], "2026-12-21 00:00"),
        ((2026, 10, 26, 12, 0), ["2026-W43", "2026-W44"], "2026-10-19 00:00"),  # after the change of clocks
    ],
)  # fmt: skip
def test_weeks(now: tuple[int, ...], names: list[str], begins: str) -> None:
    """ISO weeks from Monday to Monday in Oslo, without a hole, the year that ISO says."""
    first, last = weeks_until(datetime(*now, tzinfo=UTC), 2)  # type: ignore[misc,arg-type]
    assert ([first.name, last.name], f"{to_local(first.begins_at):%Y-%m-%d %H:%M}") == (names, begins)
    assert first.ends_at == last.begins_at
    assert last.begins_at <= datetime(*now, tzinfo=UTC) < last.ends_at  # type: ignore[misc,arg-type]


def test_the_answered_share() -> None:
    """Of the contact centre's calls that have ended, also those that we lost; urgent callers stand beside."""
    own = ConsultCaller.CALLER
    found = figures(
        [
            call(_O.ANSWERED, 4), call(_O.ANSWERED, 30), call(_O.PROMISED), call(_O.GAVE_UP), call(_O.LOST),
            call(_O.ANSWERED, 90, own), call(_O.PROMISED, None, own),
        ],
        (), (), MONDAY,
    )  # fmt: skip
    assert (found.calls, found.answered, found.promised, found.gave_up, found.lost) == (5, 2, 1, 1, 1)
    assert (found.percent, found.waits, found.urgent_calls, found.urgent_answered) == (40, (4, 30), 2, 1)
    assert (figures((), (), (), MONDAY), total(())) == (Figures(), Figures())
    assert total([found, found, Figures()]).percent == 40
    assert total([found, found]).waits == (4, 30, 4, 30)


def test_numbers() -> None:
    """As the supervision rounded; never 100 when one is missing; nearest rank."""
    assert [percent(*one) for one in ((6, 44), (0, 3), (999, 1000), (3, 3), (0, 0))] == [14, 0, 99, 100, None]
    tens = [float(n) for n in range(10, 0, -1)]
    assert (quantile(tens, 0.5), quantile(tens, 0.9), quantile([7], 0.9), quantile([], 0.5)) == (
        5,
        9,
        7,
        None,
    )


@pytest.mark.parametrize(
    ("talked", "withdrawn", "asked", "what"),
    [
        (2, None, 3, Kept.KEPT), (2.01, None, 3, Kept.BROKEN), (None, None, 2, Kept.OPEN), (None, None, 2.01, Kept.BROKEN),
        (None, 1, 3, Kept.WITHDRAWN), (None, 2.5, 3, Kept.BROKEN), (1, 1.5, 3, Kept.KEPT),
    ],
)  # fmt: skip
def test_a_promise(talked: float | None, withdrawn: float | None, asked: float, what: Kept) -> None:
    """Kept when somebody talked with them at or before the deadline, two hours ahead; nothing else keeps it."""
    times = [None if hours is None else MONDAY + hours * HOUR for hours in (talked, withdrawn)]
    promise = Promise("c1", "9001", MONDAY, MONDAY + 2 * HOUR, times[0], None, times[1])
    assert kept(promise, MONDAY + asked * HOUR) is what


def test_who_did_not_answer() -> None:
    """How often each was rung and what came of it, names of the office's own people, for its leader only."""
    came = (
        *(
            ("kari", _D.TALKED, 2),
            ("kari", _D.DECLINED, 1),
            ("kari", _D.NO_ANSWER, 1),
            ("kari", _D.DROPPED, 1),
        ),
        *(("kari", _D.IN_CALL, 1), ("kari", _D.BUSY, 1), ("kari", _D.CANCELLED, 1), ("kari", _D.FAILED, 1)),
        *(
            ("siv", _D.NO_ANSWER, 1),
            ("gone", _D.DECLINED, 1),
            ("vakt-9001", _D.TALKED, 1),
            ("liv", _D.IN_CALL, 3),
        ),
    )
    week = figures((), [DutyCount("9001", *one) for one in came], (), MONDAY)
    report = Report(weeks_until(MONDAY, 1), (OfficeReport("9001", (week,)),))
    (office,) = ReportView.of(report, config(), ["9001"]).offices
    assert [list(one.model_dump().values()) for one in office.people or ()] == [
        ["Kari", 8, 2, 1, 2, 2], ["Liv", 0, 0, 0, 0, 3], ["Vakttelefonen", 1, 1, 0, 0, 0], [None, 2, 0, 1, 1, 0],
    ]  # fmt: skip
    (office,) = ReportView.of(report, config(), ()).offices
    assert office.people is None
    assert "Kari" not in office.model_dump_json()
