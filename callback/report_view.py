"""The report of the on-call lines as programs get it: the API's answer, and `tast1 oncall report --json`. Pure.

Only names of an office's own people, and only for whoever leads it; nothing of a caller.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from callback.consult_report import (
    ANSWERED_2021,
    CALLS_2021,
    MOST_WEEKS,
    Figures,
    Kept,
    OfficeReport,
    Report,
    Rung,
    Week,
    percent,
    quantile,
)
from config.model import Config
from scheduler.clock import to_local

HALF, MOST = 0.5, 0.9


class Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReportQuery(BaseModel):
    """What can be asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    office: str | None = Field(None, description="Default: all with an on-call line that the token may see")
    weeks: int = Field(8, ge=1, le=MOST_WEEKS, description="So many, up to this one")


class ComparisonView(Told):
    """What the supervision found."""

    year: int = 2021
    calls: int = CALLS_2021
    answered: int = ANSWERED_2021
    percent: int | None = percent(ANSWERED_2021, CALLS_2021)


class PromisesView(Told):
    made: int
    kept: int = Field(description="Somebody talked with them in time")
    broken: int
    open: int = Field(description="There is time left")
    withdrawn: int = Field(description="They no longer wanted it, in time")
    seconds_until_taken: float | None = Field(
        description="Until somebody took the request, the median of those taken; null: none was"
    )


class UrgentCallersView(Told):
    calls: int
    answered: int
    percent: int | None


class FiguresView(Told):
    calls: int = Field(description="Of the contact centre, that have ended")
    answered: int = Field(description="Somebody on duty talked with them")
    percent: int | None = Field(
        description="Answered, of the calls; 100 only when all were; null: there was no call"
    )
    promised: int
    gave_up: int = Field(description="They hung up before either")
    lost: int = Field(description="Our own failure")
    seconds_median: float | None = Field(
        description="Until a person answered, of the calls that were answered"
    )
    seconds_p90: float | None = Field(description="Nine of ten were answered in this time")
    promises: PromisesView
    urgent_callers: UrgentCallersView = Field(
        description="Callers who went the same way from the menu; they count nowhere else but in `people`"
    )

    @classmethod
    def of(cls, found: Figures) -> Self:
        return cls(
            calls=found.calls,
            answered=found.answered,
            percent=found.percent,
            promised=found.promised,
            gave_up=found.gave_up,
            lost=found.lost,
            seconds_median=_rounded(quantile(found.waits, HALF)),
            seconds_p90=_rounded(quantile(found.waits, MOST)),
            promises=PromisesView(
                made=len(found.promises),
                kept=found.count(Kept.KEPT),
                broken=found.count(Kept.BROKEN),
                open=found.count(Kept.OPEN),
                withdrawn=found.count(Kept.WITHDRAWN),
                seconds_until_taken=_rounded(quantile(found.taken, HALF)),
            ),
            urgent_callers=UrgentCallersView(
                calls=found.urgent_calls,
                answered=found.urgent_answered,
                percent=percent(found.urgent_answered, found.urgent_calls),
            ),
        )


class WeekView(FiguresView):
    week: str = Field(description="ISO week where the offices are: 2026-W48")
    begins_on: date
    ends_on: date = Field(description="Its Sunday")

    @classmethod
    def of_week(cls, week: Week, found: Figures) -> Self:
        return cls(
            **FiguresView.of(found).model_dump(),
            week=week.name,
            begins_on=to_local(week.begins_at).date(),
            ends_on=(to_local(week.ends_at) - timedelta(hours=12)).date(),
        )


class RungView(Told):
    name: str | None = Field(description="Null: the people of other offices, together")
    rung: int
    answered: int
    declined: int
    no_answer: int = Field(description="A voicemail too, and whoever took it and was gone at once")
    in_call: int = Field(description="They were in a call; not counted in `rung` unless the line was busy")


class OfficeReportView(Told):
    office_no: str
    name: str
    total: FiguresView
    weeks: list[WeekView] = Field(description="The oldest first; the last one is not over")
    people: list[RungView] | None = Field(
        description="Of its own people, whose telephones were rung; null for whoever does not lead the office"
    )


class ReportView(Told):
    comparison: ComparisonView
    offices: list[OfficeReportView]

    @classmethod
    def of(cls, report: Report, config: Config, named: Collection[str]) -> Self:
        """`named`: the offices of which names may be told."""
        offices = []
        for office in report.offices:
            known = config.office(office.office_no)
            offices.append(
                OfficeReportView(
                    office_no=office.office_no,
                    name=known.name if known is not None else office.office_no,
                    total=FiguresView.of(office.total),
                    weeks=[WeekView.of_week(*pair) for pair in zip(report.weeks, office.weeks, strict=True)],
                    people=people_of(office, config) if office.office_no in named else None,
                )
            )
        return cls(comparison=ComparisonView(), offices=offices)


def people_of(office: OfficeReport, config: Config) -> list[RungView]:
    """By name; whoever is of another office, or has left, stands in one nameless row, the last."""
    named: dict[str, RungView] = {}
    others: Rung | None = None
    for rung in office.total.people:
        name = _name(rung.person_id, office.office_no, config)
        if name is None:
            others = rung if others is None else others + rung
        else:
            named[f"{name} {rung.person_id}"] = _told(rung, name)
    people = [named[key] for key in sorted(named)]
    return people if others is None else [*people, _told(others, None)]


def _name(person_id: str, office_no: str, config: Config) -> str | None:
    """Of a telephone that nobody was known to carry: the line's."""
    person = config.person(person_id)
    if person is not None:
        return person.name if person.office_no == office_no else None
    line = config.line(person_id)
    return line.name if line is not None and line.office_no == office_no else None


def _told(rung: Rung, name: str | None) -> RungView:
    return RungView(
        name=name,
        rung=rung.rung,
        answered=rung.answered,
        declined=rung.declined,
        no_answer=rung.no_answer,
        in_call=rung.in_call,
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
