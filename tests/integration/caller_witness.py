"""Somebody who hears every call and sees the list, and says when a caller was let down.

It knows the menu file and the words that callers hear, and never looks into the machine that plays them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from callback.desk_guards import REFUSAL, TOO_MANY_REGISTRATIONS
from callback.request import OPEN, CallbackRequest, RequestState, Urgency
from config.menu import Menu
from hardware.line import Prompt
from ivr.phrases import date_items, phone_items, reference_items
from ivr.prompts import MUSIC, bare_language, spoken_tag
from scheduler.clock import to_local
from tests.integration.caller_world import CATALOGUE, CallerWorld, Heard, length

SILENCE = "-"
HUNG_UP = "hung up"
MOST_TIME = timedelta(minutes=45)
"""Of talking to the machine in one call; whoever answers is done in one or two minutes."""
MOST_REPEATED = 40
"""Prompts in one call in which `*` still repeats."""
SHORT_TALK = timedelta(seconds=10)
"""With a person: nobody was helped by it."""
MOST_ASKED = 5
"""Times in a row that a question is asked of somebody who does not answer it (`*` asks for it)."""
FIXED = {
    "intake.urgent_which": "reason",
    "intake.enter_number": "number",
    "intake.confirm_entered": "readback",
    "intake.enter_reference": "reference",
    "wait.music": "wait",
    "wait.not_taken": "wait",
    "wait.offer": "duty",
}
STATUS_WORDS = {"intake.tried", "intake.next_try", "intake.next_try_soon"}
RUNG = {
    "intake.next_try",
    "intake.next_try_soon",
    "intake.on_number",
    "wait.offer",
    "wait.again",
    "wait.we_ring_you",
}
PUT_THROUGH, NOBODY = ("intake.connecting",), ("intake.nobody_now",)
URGENT_KEYS = {"1": "no_shelter", "2": "no_food", "3": "no_power", "4": "emergency_help"}


class Words:
    """What a prompt asks, by its last words; the answers are named by the menu's nodes."""

    def __init__(self, menu: Menu, languages: tuple[str, ...]) -> None:
        self.menu, self._languages = menu, languages
        self._nodes = {
            _ids(say): name
            for name, node in menu.node.items()
            if node.kind in ("choose", "confirm", "status", "urgent")
            for say in (
                node.say,
                getattr(node, "again", ()),
                node.say[1:] if getattr(node, "hours", False) else (),
            )
            if say  # that it is closed is said after the first
        }
        self._fixed = {item for node in menu.node.values() for item in node.prompts if "/" in item}

    def question(self, prompt: Prompt) -> str | None:
        """The node that asks; or reason, number, readback, reference, language; None where nothing is asked."""
        ids = _ids(prompt.items)
        if prompt.digits == 0:
            return None
        if prompt.digits > 1 and not ids:
            return "number"
        if ids[-1] in FIXED:
            return FIXED[ids[-1]]
        if ids[-1].startswith("digit."):
            return "language"
        return next(
            (name for said, name in self._nodes.items() if ids[-len(said) :] == said), f"unknown: {ids[-1]}"
        )

    def leads_to(self, question: str | None, key: str) -> str | None:
        """The node a key leads to; None where it means nothing, or something else."""
        keys = getattr(self.menu.node.get(question or ""), "keys", {})
        if key in keys:
            return str(keys[key])
        if question == "duty" and key == "1":
            return self.menu.node["duty"].next
        if question == "wait" and key == "1":
            return next(node.next for node in self.menu.node.values() if node.kind == "wait")
        return (
            self.menu.zero
            if key == "0" and question not in ("number", "reference", "readback", "reason")
            else None
        )

    def kind(self, node: str | None) -> str | None:
        return self.menu.node[node].kind if node in self.menu.node else None

    def language(self, question: str | None, key: str) -> str | None:
        """The language a key chooses."""
        if question != "language" or key not in "123456789"[: len(self._languages)]:
            return None
        return self._languages[int(key) - 1]

    def of_no_language(self, item: str) -> bool:
        """Said in the language the menu gives it, whatever the caller speaks."""
        tag, _, prompt_id = item.partition("/")
        return f"{bare_language(tag)}/{prompt_id}" in {*self._fixed, MUSIC}


@dataclass(slots=True)
class Call:
    """What one caller did and heard."""

    number: str
    caller: str | None
    """What the exchange tells of the number."""
    known: frozenset[str]
    """Requests that were on the list before."""
    entries: int
    refusals: int
    """Of registrations, before the call."""
    began_at: datetime
    stuttered: bool
    """The store loses an answer in this call."""
    leg: str = ""
    heard: Heard = field(default_factory=Heard)
    answers: list[tuple[str | None, str]] = field(default_factory=list)
    request: str | None = None
    registers: bool = False
    withdraws: bool = False
    told_too_many: bool = False
    promised: bool = False
    told: bool = False
    """Where their request stands."""
    urgent: bool = False
    reason: str | None = None
    """Which of the four they said, last."""
    language: str | None = None
    references: set[str] = field(default_factory=set)
    keyed: str | None = None
    """The number they keyed in and heard read back, and did not say no to."""
    returned: bool = False
    """They were rung in vain, and are put through without a key press."""
    joined: datetime | None = None
    """Since when they talk with a person."""
    talked: bool = False
    """For long enough; how long while nobody of ours saw it, nobody knows."""
    cut_off: bool = False
    """The service, or the line to it, failed in the middle of a step: what becomes of the call is up to the exchange."""
    time: timedelta = timedelta(0)


class Witness:
    """Follows one call at a time. Raises AssertionError when something happens that must never happen."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.call: Call | None = None
        self._wrong: list[str] = []
        self._rows: dict[str, CallbackRequest] = {}
        self._urgent: set[str] = set()
        self._reasons = {"unspecified"}
        """That anybody gave."""
        self.world: CallerWorld

    # ---- what happens

    def rings(self, number: str, caller: str | None, *, stutters: bool = False) -> Call:
        known = self.world.open_now()
        now = self.world.clock.now()
        self.call = Call(
            number,
            caller,
            frozenset(r.id for r in known),
            self._registrations(),
            self._refusals(),
            now,
            stutters,
        )
        return self.call

    def listens(self, prompt: Prompt) -> None:
        """Called by the line, in the middle of a step: what is wrong is told by `look`."""
        if self.call is None:
            return
        ids = _ids(prompt.items)
        self.call.returned |= not self.call.answers and ids[:1] in (PUT_THROUGH, NOBODY)
        self._know_request()
        self._wrong += self._untrue(self.call, prompt)
        self._wrong += self._not_asked_for(self.call, prompt)
        self._wrong += self._foreign(self.call, prompt)
        self.call.promised |= not {"intake.no_number", "intake.on_number", "intake.not_rung"}.isdisjoint(ids)
        self.call.told |= not STATUS_WORDS.isdisjoint(ids)
        if "intake.too_many_today" in ids:
            self.call.told_too_many = True
            if self._refusals() == self.call.refusals:
                self._wrong.append(f"not registered, and nobody knows why: {self.call.answers}")

    def answers(self, question: str | None, key: str) -> None:
        """The caller is about to press it, to keep silent, or to hang up."""
        call = self.call
        assert call is not None
        call.answers.append((question, key))
        if call.heard.prompts:
            call.time += length(call.heard.prompts[-1])
        target = self.words.leads_to(question, key)
        kind = self.words.kind(target)
        call.registers |= kind in ("register", "on_call", "transfer")
        chosen = self.words.language(question, key)
        if chosen is not None:
            call.language = chosen
        call.urgent |= self.words.kind(question) == "urgent" and key == "1"
        if question == "reason" and key in URGENT_KEYS:
            call.reason = URGENT_KEYS[key]
            self._reasons.add(call.reason)
        if question == "reference":
            call.references.add(key)
        if question == "readback":
            call.keyed = self._keyed(call, key)
        earlier = (answer for answer in reversed(call.answers) if answer[0] != question)
        before = next(earlier, (None, ""))  # there may be wrong keys in between
        if kind == "withdraw" and self.words.leads_to(*before) == question:
            call.withdraws = True

    def _keyed(self, call: Call, key: str) -> str | None:
        """The number that is theirs from now on. Whoever hangs up without saying that it is right keeps the number
        they had."""
        request = self.request_of(call)
        had = request.phone if request is not None else None
        silences = [answer for answer in call.answers[-2:] if answer == ("readback", SILENCE)]
        if key == "1" or len(silences) == 2 or (key == HUNG_UP and had is None):
            pairs = [i for i in _ids(call.heard.prompts[-1].items) if i.startswith("number.")]
            return "+47" + "".join(pair.removeprefix("number.") for pair in pairs)
        return None

    # ---- what must be so, whenever nothing moves

    def look(self, *, attended: bool = True) -> None:
        """`attended`: the service is there, and in contact with the exchange."""
        assert not self._wrong, self._wrong
        assert not self.world.accidents, self.world.accidents
        bad = [e for e in self.world.logs if e["log_level"] == "error" or e["event"] == "event_ignored"]
        assert not bad, bad
        self.world.logs.clear()
        self._know_request()
        self._list_is_kept()
        if self.call is None:
            return
        self._is_joined(self.call, attended=attended)
        if attended:
            self._is_asked_again(self.call)
            self._is_on_the_list(self.call)
            self._is_not_left_alone(self.call)
        self._is_not_hung_up_on(self.call)
        self._is_not_kept(self.call)

    def _is_joined(self, call: Call, *, attended: bool) -> None:
        leg, now = self.world.line.leg(call.leg), self.world.clock.now()
        if leg is not None and leg.peer is not None and leg.peer.answered:
            call.joined = call.joined or now
            call.talked |= call.returned or not attended or is_extension(leg.peer.phone.number)
        elif call.joined is not None:
            call.talked |= now - call.joined >= SHORT_TALK or not attended
            call.joined = None

    def _is_on_the_list(self, call: Call) -> None:
        request = self.request_of(call)
        if call.withdraws:
            if request is not None:
                off = request.state is RequestState.WITHDRAWN
                told = "intake.withdrawn" in [i for prompt in call.heard.prompts for i in _ids(prompt.items)]
                assert off == told or not self.is_up(call), "off the list, or told so, but not both"
            return
        refused = self._refusals() > call.refusals and (call.told_too_many or not self.is_up(call))
        if refused or call.talked or call.joined is not None:
            return
        transferring = self.is_up(call) and request is None and self.question is None
        if call.registers and not transferring:
            assert request is not None, f"pressed 1 and is not on the list: {call.answers}"
            assert request.state in OPEN, f"is off the list: {call.answers}"
        if request is None:
            return
        new = [
            r.id for r in self.world.requests() if r.id not in call.known and r.registered_at >= call.began_at
        ]
        assert len(new) <= 1, "registered twice in one call"
        if not call.stuttered:  # else the ledger may say twice that somebody asked again: its answer was lost
            assert self._registrations() - call.entries <= 1, "registered again and again in one call"
        if call.language is not None:
            assert request.language == call.language, "the language does not follow the request"
        if call.keyed is not None:
            assert any(r.phone == call.keyed for r in self.world.open_now()), (
                "the number they keyed in is lost"
            )
        if call.urgent:
            assert request.urgency is Urgency.URGENT, "said that it is urgent"
            assert call.reason in (None, request.reason), "said why it is urgent"

    def _is_asked_again(self, call: Call) -> None:
        """`*` says the same again, unless they have had it again and again."""
        if (
            not call.answers
            or call.cut_off
            or not self.is_up(call)
            or len(call.heard.prompts) > MOST_REPEATED
        ):
            return
        question, key = call.answers[-1]
        if key == "*" and question not in (
            None, "number", "reference", "readback", "wait",
        ):  # fmt: skip
            assert self.question == question, f"* led from {question} to {self.question}"

    def _is_not_left_alone(self, call: Call) -> None:
        leg = self.world.line.leg(call.leg)
        if leg is not None and not call.cut_off:
            assert leg.playing is not None or leg.peer is not None, f"a dead end: {call.answers}"
        assert self.world.runner.calls_up <= (leg is not None), "a call without a telephone"
        if leg is None and not call.cut_off:
            assert not call.heard.abandoned, "given to the fall-back"

    def _is_not_hung_up_on(self, call: Call) -> None:
        if not call.heard.hung_up or call.withdraws or call.told_too_many or call.talked:
            return
        request = self.request_of(call)
        assert request is not None, f"hung up on without being on the list: {call.answers}"
        assert request.state in OPEN, f"hung up on, and off the list: {call.answers}"
        assert call.promised, f"hung up on without a promise: {call.answers}"

    def _is_not_kept(self, call: Call) -> None:
        assert call.time <= MOST_TIME, f"{call.time} with the machine: {call.answers}"
        asked, times = None, 0
        for question, key in call.answers:
            times = times + (key != "*") if question == asked else 1
            asked = question
            if question in (None, "number", "reference", "wait"):
                continue  # what is keyed in there is an answer
            if (
                self.words.leads_to(question, key)
                or self.words.language(question, key)
                or key == HUNG_UP
                or (self.words.kind(question) == "urgent" and key in "12")
                or (question == "readback" and key in "12")
            ):
                asked = None
            assert times <= MOST_ASKED, f"{question} asked {times} times: {call.answers}"

    def _list_is_kept(self) -> None:
        """Nobody disappears, no clock moves, and nothing is done that nobody asked for."""
        call, rows = self.call, {request.id: request for request in self.world.requests()}
        for id_, before in self._rows.items():
            now = rows[id_]
            assert (now.registered_at, now.answer_by_date) == (before.registered_at, before.answer_by_date)
            assert now.due_at <= before.due_at
            if before.state in OPEN and now.state is RequestState.WITHDRAWN:
                assert self._merged_into(id_) or (call and call.withdraws), "withdrawn without asking twice"
            if now.phone != before.phone and call is not None:
                question, key = call.answers[-1]
                assert question == "readback", f"another number, not read back: {call.answers[-2:]}"
                assert key != "2", "the number was said to be wrong"
                assert key != HUNG_UP or before.phone is None
        if call is not None and call.urgent and call.request is not None:
            self._urgent.add(self.followed(call.request))
        for request in rows.values():
            urgent = {self.followed(id_) for id_ in self._urgent}
            if request.urgency is Urgency.URGENT and request.state in OPEN:
                assert request.id in urgent, "urgent, and nobody said so"
            assert request.reason in self._reasons, "a reason that nobody gave"
        self._rows = rows

    # ---- what is heard

    def _untrue(self, call: Call, prompt: Prompt) -> Iterator[str]:
        """A promise that is not what the list says."""
        ids = _ids(prompt.items)
        request = self.request_of(call)
        told = {"wait.offer", "wait.again", "wait.we_ring_you"}
        if not told.isdisjoint(ids) and (request is None or request.phone is None):
            yield f"a call to somebody without a number: {ids}"
        if request is not None and request.phone is not None:
            is_rung = self.world.is_rung(request.phone)
            if not (RUNG if not is_rung else {"intake.not_rung"}).isdisjoint(ids):
                yield f"whether {request.phone} is rung, {is_rung}: {ids}"
        if "intake.on_number" not in ids and "intake.no_number" not in ids:
            return
        if request is None or request.state not in OPEN:
            yield f"a promise to somebody who is not on the list: {call.answers}"
            return
        tag = prompt.items[-1].partition("/")[0]
        # The office may close in the middle of the call: what was true when they pressed 1 may be said then.
        times = (self.world.clock.now(), call.began_at)
        expected = [self._promise(request, tag, now) for now in times]
        if not any(
            prompt.items[i : i + len(said)] == said for said in expected for i in range(len(prompt.items))
        ):
            yield f"not what the list says, {expected}: {prompt.items}"

    def _promise(self, request: CallbackRequest, tag: str, now: datetime) -> tuple[str, ...]:
        if request.phone is None:
            code = (f"{tag}/intake.no_number", *reference_items(request.reference, tag))
            return (*code, *code, f"{tag}/intake.ring_back")
        opening = self.world.desk.calendar(request.office_no).next_opening(now)
        urgent = request.urgency is Urgency.URGENT
        day = to_local(request.due_at).date() if urgent else request.answer_by_date
        day = max(day, to_local(opening).date())
        said = ("intake.promise",) if day != to_local(now).date() else ("intake.promise_today",)
        date = date_items(day, tag) if day != to_local(now).date() else ()
        return (
            *(f"{tag}/{i}" for i in said), *date,
            f"{tag}/intake.on_number", *phone_items(request.phone, tag),
        )  # fmt: skip

    def _not_asked_for(self, call: Call, prompt: Prompt) -> Iterator[str]:
        """Where a request stands, told to somebody who did not ask, or may not know."""
        ids = set(_ids(prompt.items))
        told = ids & STATUS_WORDS or (ids & {"intake.registered"} and not (call.registers or call.request))
        if not told:
            return
        if ids & STATUS_WORDS:
            if not call.returned and not any(
                self.words.kind(self.words.leads_to(*answer)) == "status" for answer in call.answers
            ):
                yield f"the status, unasked: {call.answers}"
            mine = [
                r
                for r in self.world.open_now()
                if r.phone is not None and r.phone == call.caller and not r.discreet
            ]
            keyed = [r for r in self.world.open_now() if r.reference in call.references]
            if not mine and not keyed:
                yield f"the status of a request they may not know of: {call.answers}"

    def _foreign(self, call: Call, prompt: Prompt) -> Iterator[str]:
        """Words in another language than the one they chose."""
        if call.language is None or self.words.question(prompt) == "language":
            return
        speed = self.world.desk.config.offices[0].voice_speed
        tag = spoken_tag(call.language, speed)
        for item in prompt.items:
            if not self.words.of_no_language(item) and item.partition("/")[0] != tag:
                yield f"{item} to somebody who chose {tag}"
            CATALOGUE.text(item)

    # ---- who is who

    @property
    def question(self) -> str | None:
        """What the caller is asked now."""
        call = self.call
        if call is None or not call.heard.prompts or not self.is_up(call):
            return None
        return self.words.question(call.heard.prompts[-1])

    def is_up(self, call: Call) -> bool:
        return self.world.line.leg(call.leg) is not None

    def request_of(self, call: Call) -> CallbackRequest | None:
        """The request this call is about."""
        if call.request is None:
            return None
        id_ = self.followed(call.request)
        return self.world.store._whole(self.world.store._requests[id_])

    def _know_request(self) -> None:
        """The one they are on the list with when they ask to be, or the one whose reference they keyed in."""
        call = self.call
        if call is None:
            return
        rows = self.world.open_now()
        keyed = [r.id for r in rows if r.reference in call.references]
        if keyed:
            call.request = keyed[-1]
        elif call.request is None:
            new = [r.id for r in rows if r.id not in call.known]
            asked = (
                call.registers
                or call.returned
                or any(self.words.kind(self.words.leads_to(*answer)) == "status" for answer in call.answers)
            )
            silent = self._registrations() > call.entries
            own = [r.id for r in rows if r.phone is not None and r.phone == call.caller and (asked or silent)]
            call.request = next(iter(new + own), None)

    def followed(self, request_id: str) -> str:
        while (into := self._merged_into(request_id)) is not None:
            request_id = into
        return request_id

    def _merged_into(self, request_id: str) -> str | None:
        entries = self.world.store._ledger.get(request_id, [])
        return next((e.details["merged_into"] for e in entries if "merged_into" in e.details), None)

    def _registrations(self) -> int:
        """How often somebody was put on the list, or asked to be again."""
        entries = [entry for ledger in self.world.store._ledger.values() for entry in ledger]
        return sum(entry.event in ("registered", "registered_again") for entry in entries)

    def _refusals(self) -> int:
        """How often somebody was told today that they have asked too often."""
        counts = self.world.store._counts.items()
        return sum(n for (_, kind, _), n in counts if kind == REFUSAL + TOO_MANY_REGISTRATIONS)


def is_extension(number: str) -> bool:
    return not number.startswith("+")


def _ids(items: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item.rpartition("/")[2] for item in items)
