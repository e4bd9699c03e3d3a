"""docs/states.md is drawn from the tables in the code. `python -m tests.unit.test_states` writes it again."""

from __future__ import annotations

import ast
import functools
import inspect
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from callback.numbers import Refusal
from callback.request import (
    TERMINAL,
    TRANSITIONS,
    CallbackRequest,
    RequestState,
    next_state,
)
from config.menu import Menu, TransferNode
from hardware.line import (
    CallOffered,
    Connected,
    DigitsEntered,
    Kept,
    LegAnswered,
    LegEnded,
    LegOutcome,
    NoInput,
)
from ivr import (
    arrival,
    callback_call,
    consult,
    consult_state,
    duty_check,
    intake,
    waiting,
    waiting_state,
)
from ivr.callback_call import CallbackFacts
from ivr.consult_port import (
    Choice,
    LinesFound,
    NobodyLeft,
    NotPromised,
    PinRight,
    PinWrong,
    Promised,
    RingNow,
    Rung,
    RungBy,
)
from ivr.consult_state import ConsultState
from ivr.duty_check import CheckFacts, Talk
from ivr.intake_state import IntakeState, Node, OfficeFacts, peer_of
from ivr.machine import (
    AttemptEnded,
    Colleague,
    Found,
    GoesOn,
    IllegalTransition,
    InLine,
    IsOver,
    ItsTurn,
    Missed,
    NotMissed,
    NotRegistered,
    NoWaiting,
    NumberAccepted,
    NumberRefused,
    NumberSet,
    Registered,
    ReturnRefused,
    ReturnStarted,
    TimeIsUp,
    Updated,
    Why,
)
from ivr.waiting_state import WaitingState
from tests.offices import standard_menu

ROOT = Path(__file__).resolve().parents[2]
STATES = ROOT / "docs" / "states.md"
REWRITE = "python -m tests.unit.test_states"


class Edge(NamedTuple):
    start: str
    event: str
    end: str


def request_edges() -> list[Edge]:
    """Each row of the table, for a request that was never tried and for one that was."""
    edges = []
    for state, event in TRANSITIONS:
        for attempts in ((), ("an attempt",)):
            request = cast("CallbackRequest", types.SimpleNamespace(state=state, attempts=attempts))
            edges.append(Edge(state.value, event.value, next_state(request, event).value))
    return list(dict.fromkeys(edges))


LINE = Choice("vakt", "9001", "everybody", "nb", "+4773000011")
NOW = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
LEG, PEER, DAY = "tast1-a", "tast1-a-caller", date(2026, 11, 25)
PHONE = "+4740000055"
ENDS = [
    LegEnded(leg, outcome, 16, answered)
    for leg in (LEG, PEER)
    for outcome in LegOutcome
    for answered in (False, True)
]
KEYS = [DigitsEntered(LEG, keys) for keys in ("0", "1", "2", "3", "9", "123456", "40000055", "00474000")]
INTAKE_EVENTS = [
    *KEYS,
    NoInput(LEG),
    LegEnded(LEG, LegOutcome.ENDED, 16),
    Registered("r", "123456", None, DAY),
    Registered("r", "123456", PHONE, DAY),
    NumberAccepted(PHONE),
    NumberRefused(Refusal.PREMIUM),
    NumberSet("r", "123456", PHONE, DAY),
    NotRegistered(),
    Updated(DAY),
    Found(None),
    Found("r", "123456", PHONE, DAY),
    Connected(LEG, peer_of(LEG)),
    *(LegEnded(peer_of(LEG), LegOutcome.ENDED, 16, answered) for answered in (False, True)),
]
CALLBACK_EVENTS = [
    *KEYS,
    NoInput(LEG),
    *ENDS,
    LegAnswered(LEG),
    Connected(LEG, PEER),
    AttemptEnded(None),
    AttemptEnded(NOW),
    GoesOn(),
    IsOver(),
]


_ELSEWHERE = {IntakeState: "menu", WaitingState: "waiting", ConsultState: "consult"}
"""What the diagrams call another machine that goes on with the call."""


def explore(
    machine: Any, begin: Any, events: Sequence[Any], same: Callable[[Any], Any] = lambda state: state
) -> tuple[list[Edge], set[tuple[StrEnum, type]]]:
    """Every step from the beginning with these events: the edges in the order of the table, and the rows used.
    `same`: what two states must share to count as one."""
    rows = list(machine._TABLE)
    seen, waiting = {same(begin)}, [begin]
    found: set[tuple[int, Edge]] = set()
    used: set[tuple[StrEnum, type]] = set()
    while waiting:
        state = waiting.pop()
        for event in events:
            try:
                after, _ = machine.step(state, event, NOW)
            except IllegalTransition:
                continue
            row = (state.node, type(event))
            used.add(row)
            to = after.node.value if type(after) is type(begin) else _ELSEWHERE[type(after)]
            found.add((rows.index(row), Edge(state.node.value, type(event).__name__, to)))
            if type(after) is type(begin) and same(after) not in seen:
                seen.add(same(after))
                waiting.append(after)
    return [edge for _, edge in sorted(found)], used


@functools.cache
def explore_intake() -> tuple[list[Edge], set[tuple[StrEnum, type]]]:
    office = OfficeFacts("9001", ("nb", "en"), timedelta(seconds=5), True, NOW, None, "+4773000010", LINE)

    def same(state: IntakeState) -> object:
        asked = (state.silences, state.mistakes, state.tries, state.keyed, state.knows_reference)
        known = (state.request_id, state.phone, state.answered_by_person, state.withdrawn)
        return state.node, state.at, asked, known

    edges: list[Edge] = []
    rows: set[tuple[StrEnum, type]] = set()
    menu = standard_menu()
    for caller in (PHONE, None):
        begin, _ = intake.begin(CallOffered(LEG, "+4773000010", caller), office, menu, NOW)
        assert isinstance(begin, IntakeState)
        transfer = TransferNode(kind="transfer", to="+4773000030", next="register")
        other = Menu(start=menu.start, zero="person", node=menu.node | {"person": transfer})
        # As after the waiting machine, and with a transfer in the menu.
        for state in (begin, replace(begin, waited=True), replace(begin, menu=other)):
            more_edges, more_rows = explore(intake, state, INTAKE_EVENTS, same)
            edges += more_edges
            rows |= more_rows
    return list(dict.fromkeys(edges)), rows


def explore_arrival() -> tuple[list[Edge], set[tuple[StrEnum, type]]]:
    office = OfficeFacts("9001", ("nb",), timedelta(seconds=5), True, NOW, None, "+4773000010", None)
    found = Found("r", "123456", PHONE, DAY)
    colleagues = (Colleague("kari", "201"), Colleague("ola", "202"))
    events = [
        *KEYS,
        NoInput(LEG),
        Missed("c", found, False, "other", colleagues),
        Missed("c", found, False, "other", ()),
        NotMissed(),
        ReturnStarted(()),
        ReturnRefused(),
        AttemptEnded(NOW),
        *ENDS,
    ]
    edges: list[Edge] = []
    rows: set[tuple[StrEnum, type]] = set()
    for caller in (PHONE, None):
        offered = CallOffered(LEG, "+4773000010", caller)
        begin = arrival.begin(offered, office, standard_menu())
        peers = [replace(begin, at=at).peer for at in range(2)]
        more = [LegEnded(peer, outcome, 16) for peer in peers for outcome in LegOutcome]
        more_edges, more_rows = explore(arrival, begin, [offered, *events, Connected(LEG, PEER), *more])
        edges += more_edges
        rows |= more_rows
    return list(dict.fromkeys(edges)), rows


def explore_callback() -> tuple[list[Edge], set[tuple[StrEnum, type]]]:
    facts = CallbackFacts(
        "a",
        "201",
        PHONE,
        "+4773000010",
        "nb",
        False,
        "other",
        NOW,
        False,
        timedelta(seconds=25),
        timedelta(seconds=35),
        then=("202",),
    )
    begin, _ = callback_call.begin(facts)
    return explore(callback_call, begin, CALLBACK_EVENTS)


def explore_waiting() -> tuple[list[Edge], set[tuple[StrEnum, type]]]:
    office = OfficeFacts("9001", ("nb",), timedelta(seconds=5), True, NOW, None, "+4773000010", None)
    menu = standard_menu()
    caller = IntakeState(
        Node.ASKING,
        "wait",
        LEG,
        PHONE,
        "nb",
        office,
        menu,
        request_id="r",
        reference="123456",
        phone=PHONE,
        answer_by=DAY,
    )
    kari = Colleague("kari", "201")
    events = [
        *KEYS,
        NoInput(LEG),
        InLine(2, timedelta(minutes=5), too_long=False),
        ItsTurn("c", kari, urgent=False, reason="other"),
        *map(NoWaiting, Why),
        ReturnStarted(()),
        ReturnRefused(),
        AttemptEnded(NOW),
        Connected(LEG, PEER),
        *ENDS,
    ]

    def same(state: WaitingState) -> object:
        return state.node, state.has_waited, state.again, min(state.tries, 2)

    return explore(waiting, WaitingState(waiting_state.Node.ASKING, caller), events, same)


def explore_consult() -> tuple[list[Edge], set[tuple[StrEnum, type]]]:
    """The contact centre on a line, on the number for all, with the code; and callers, urgent or with the 0 key."""
    wait = timedelta(seconds=5)
    office = OfficeFacts("9001", ("nb",), wait, True, NOW, None, "+4773000010", LINE)
    offered = CallOffered(LEG, "+4773000011", PHONE)
    menu = standard_menu()
    centre = consult.offered(offered, LINE, wait)
    common = consult.offered(offered, None, wait)
    code = consult.offered(offered, LINE, wait, (office, menu), asks_pin=True)
    caller = IntakeState(
        *(Node.ASKING, "duty", LEG, PHONE, "nb", office, menu),
        request_id="r",
        reference="123456",
        phone=PHONE,
        answer_by=DAY,
        urgent=True,
    )
    asks, _ = consult_state.from_menu(caller, NOW)
    zero, _ = consult_state.from_menu(replace(caller, urgent=False, request_id=None, at="person"), NOW)
    peer, other = f"{LEG}-to-d1", f"{LEG}-to-d2"
    rung = (Rung(peer, "kari", "+4740000001"), Rung(other, "ola", "+4740000002"))
    ring, longest = timedelta(seconds=20), timedelta(minutes=1)
    events = [
        *(offered, *KEYS, DigitsEntered(LEG, "9001"), *(DigitsEntered(peer, key) for key in "123")),
        *(NoInput(LEG), NoInput(peer), PinRight(), PinWrong(), LinesFound((LINE,)), LinesFound(())),
        *(LinesFound((LINE, LINE)), RingNow("c", rung, 1, ring, longest), NobodyLeft()),
        *(
            RungBy(NOW, longest),
            Promised("r", "123456", NOW),
            NotPromised(),
            Registered("r", "1", PHONE, DAY),
        ),
        *(NotRegistered(), NumberAccepted(PHONE), NumberRefused(Refusal.PREMIUM), Kept(peer)),
        *(Connected(LEG, peer), TimeIsUp(), LegEnded(LEG, LegOutcome.ENDED, 16, answered=True)),
        *(
            LegEnded(leg, outcome, 16, answered)
            for leg in (peer, other)
            for outcome in (LegOutcome.ENDED, LegOutcome.BUSY, LegOutcome.CANCELLED)
            for answered in (False, True)
        ),
    ]

    def same(state: Any) -> object:
        return (
            *(state.node, state.silences, bool(state.live), state.joined and state.joined_at, state.line),
            *(
                state.intake is None,
                min(state.count, 1),
                len(state.choices),
                bool(state.keyed),
                len(state.live),
            ),
        )

    edges: list[Edge] = []
    rows: set[tuple[StrEnum, type]] = set()
    long_ago = timedelta(minutes=2)
    for begin in (centre, common, code, asks, zero):
        more_edges, more_rows = explore(consult, begin, events, same)
        edges += more_edges
        rows |= more_rows
    talking = ConsultState(
        *(consult_state.Node.TALKING, offered, wait),
        line=LINE,
        joined=rung[0],
        joined_at=NOW - long_ago,
        began_at=NOW - long_ago,
        now=RingNow("c", rung, 1, ring, longest),
        live=(other,),
    )
    for state in (talking, replace(talking, intake=caller)):
        more_edges, more_rows = explore(consult, state, events, same)
        edges += more_edges
        rows |= more_rows
    return list(dict.fromkeys(edges)), rows


def explore_check() -> tuple[list[Edge], set[tuple[StrEnum, type]]]:
    check = CheckFacts(LEG, "+4740000001", "+4773000011", "nb", NOW)
    events = [*KEYS, NoInput(LEG), LegAnswered(LEG), *ENDS]
    edges: list[Edge] = []
    rows: set[tuple[StrEnum, type]] = set()
    for facts in (check, replace(check, talk=Talk("c", "kari", "vakt", "9001", None))):
        more_edges, more_rows = explore(duty_check, duty_check.begin(facts)[0], events)
        edges += more_edges
        rows |= more_rows
    return list(dict.fromkeys(edges)), rows


def meanings(enum: type[StrEnum]) -> dict[str, str]:
    """Member value -> the string that stands under it in the source."""
    body = cast("ast.ClassDef", ast.parse(inspect.getsource(enum).strip()).body[0]).body
    found = {member.value: "" for member in enum}
    for line, after in pairwise(body):
        if isinstance(line, ast.Assign) and isinstance(after, ast.Expr):
            value = cast("ast.Constant", line.value).value
            found[str(value)] = " ".join(str(cast("ast.Constant", after.value).value).split())
    return found


def diagram(edges: Iterable[Edge], start: str, ends: Iterable[str]) -> str:
    """One Mermaid diagram; events that lead the same way share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        arrows.setdefault((edge.start, edge.end), []).append(edge.event)
    lines = [f"    {a} --> {b}: {', '.join(dict.fromkeys(events))}" for (a, b), events in arrows.items()]
    lines = [f"    [*] --> {start}", *lines, *(f"    {end} --> [*]" for end in ends)]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def table(enum: type[StrEnum]) -> str:
    """The states that the code says more of than their name."""
    rows = [f"| `{value}` | {words} |" for value, words in meanings(enum).items() if words]
    return "\n".join(["| state | |", "|---|---|", *rows])


def states_page() -> str:
    parts = [
        "# State diagrams",
        f"Made from the tables in the code by `{REWRITE}`. Do not edit: `make docs` compares.",
        "## A request",
        "`TRANSITIONS` in `callback/request.py`. Anything else raises `IllegalTransition` and changes nothing.",
        "A released request goes back to where it was: `waiting`, or `unreachable` if it was tried before.",
        diagram(request_edges(), "waiting", [state.value for state in RequestState if state in TERMINAL]),
        table(RequestState),
        "## The arrival machine",
        "`_TABLE` in `ivr/arrival.py`: every call that comes in. `menu` is the intake machine below. Found by trying every event in every state that can be reached.",
        diagram(explore_arrival()[0], "offered", ["menu", "ended"]),
        table(arrival.Node),
        "## The intake machine",
        "`_TABLE` in `ivr/intake.py`: what a call waits for while it walks the office's menu. Found by trying every event in every state that can be reached with the menu that ships.",
        diagram(explore_intake()[0], "asking", ["waiting", "consult", "ended"]),
        table(Node),
        "## The waiting machine",
        "`_TABLE` in `ivr/waiting.py`: a caller on the list waits on the line. `menu` is the intake machine above. Found in the same way.",
        diagram(explore_waiting()[0], "asking", ["menu", "ended"]),
        table(waiting_state.Node),
        "## The consult machine",
        "`_TABLE` in `ivr/consult.py` and `TABLE` in `ivr/consult_promise.py`: a call that asks for whoever is on duty. `menu` is the intake machine above. Found in the same way.",
        diagram(explore_consult()[0], "offered", ["menu", "ended"]),
        table(consult_state.Node),
        "## The duty_check machine",
        "`_TABLE` in `ivr/duty_check.py`: whoever is about to be on duty confirms it; whoever was, and hung up first, says what came of it. Found in the same way.",
        diagram(explore_check()[0], "ringing", ["ended"]),
        table(duty_check.Node),
        "## The callback_call machine",
        "`_TABLE` in `ivr/callback_call.py`: the caseworker's leg first, then the caller's. Found in the same way.",
        diagram(explore_callback()[0], "ringing_caseworker", ["ended"]),
        table(callback_call.Node),
    ]
    return "\n\n".join(parts) + "\n"


def test_state_diagrams() -> None:
    """docs/states.md is what the tables give."""
    written = STATES.read_text("utf-8") if STATES.exists() else ""
    assert written == states_page(), f"docs/states.md is not what the tables give; write it again: {REWRITE}"


@pytest.mark.parametrize(
    ("machine", "explored"),
    [
        (arrival, explore_arrival),
        (intake, explore_intake),
        (waiting, explore_waiting),
        (consult, explore_consult),
        (duty_check, explore_check),
        (callback_call, explore_callback),
    ],
    ids=["arrival", "intake", "waiting", "consult", "duty_check", "callback_call"],
)
def test_every_row_is_drawn(machine: Any, explored: Callable[[], tuple[list[Edge], set[Any]]]) -> None:
    """Every row of a machine's table can be reached from the beginning, so that the diagram leaves none out."""
    missing = set(machine._TABLE) - explored()[1]
    assert not missing, f"no call comes here, or the events above do not try it: {missing}"


if __name__ == "__main__":
    STATES.write_text(states_page(), "utf-8")
    print(f"wrote {STATES.relative_to(ROOT)}")
