"""What every Store keeps: one suite over the SQLite and the in-memory twin."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callback.request import (
    OPEN,
    TERMINAL,
    AttemptOutcome,
    CallbackRequest,
    CallResult,
    DayPart,
    LedgerEntry,
    NumberSource,
    Origin,
    Reason,
    RequestState,
    Urgency,
)
from callback.store import (
    CaseworkerInCall,
    Change,
    LedgerHead,
    NumberInCall,
    NumberTaken,
    ReferenceTaken,
    RequestQuery,
    StaleRequest,
    Store,
    StoreError,
    StoreUnavailable,
)
from tests.contract.store_factory import T0, new_attempt, new_entry, new_request
from tests.contract.store_fixtures import Reopen


async def registered(store: Store, **fields: Any) -> CallbackRequest:
    request = new_request(**fields)
    saved, created = await store.register(request, new_entry(request))
    assert created
    return saved


async def calling(store: Store, request: CallbackRequest, **fields: Any) -> CallbackRequest:
    """The request with a live attempt."""
    attempt = new_attempt(request, **fields)
    after = replace(request, state=RequestState.CALLING)
    (saved,) = await store.save(Change(after, (new_entry(request, event="call_started"),), attempt))
    return saved


def chained(lines: list[LedgerEntry]) -> LedgerHead:
    """The head that these lines must have, by the words of docs/architecture.md."""
    hashed = bytes(32)
    lines = sorted(lines, key=lambda line: line.seq)
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
    for line in lines:
        at = f"{line.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        details = json.dumps(line.details, ensure_ascii=False, separators=(",", ":"))
        states = (line.from_state, line.to_state)
        content = [line.seq, line.request_id, at, line.actor, line.event, *states, details]
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        hashed = hashlib.sha256(hashed + text.encode()).digest()
    return LedgerHead(len(lines), hashed.hex())


async def everything(store: Store, *requests: CallbackRequest) -> list[object]:
    """All that a refused change could have touched."""
    ledgers = [await store.ledger(request.id) for request in requests]
    return [await store.find(RequestQuery()), await store.live_attempts(), ledgers]


class TestRegister:
    async def test_inserts_and_returns_the_request(self, store: Store) -> None:
        """A new request is stored as given, with its ledger entry."""
        request = new_request()
        assert await store.register(request, new_entry(request)) == (request, True)
        assert await store.get(request.id) == request
        assert [entry.event for entry in await store.ledger(request.id)] == ["registered"]

    async def test_same_number_and_office_returns_the_open_one(self, store: Store) -> None:
        """Registering again returns the open request and writes nothing, not even to the ledger."""
        first = await calling(store, await registered(store, phone="+4740000000"))
        again = new_request(phone="+4740000000")
        assert await store.register(again, new_entry(again)) == (first, False)
        assert await store.get(again.id) is None
        assert await store.ledger(again.id) == []
        assert await store.count_open() == 1

    async def test_fifty_at_once_make_one_request(self, store: Store) -> None:
        """Fifty tasks that register the same number at once get one and the same request."""
        many = [new_request(phone="+4740000000") for _ in range(50)]
        answers = await asyncio.gather(*(store.register(r, new_entry(r)) for r in many))
        assert sum(created for _, created in answers) == 1
        assert len({request.id for request, _ in answers}) == 1
        assert await store.count_open() == 1

    async def test_another_office_is_another_request(self, store: Store) -> None:
        """The same number may wait at two offices."""
        await registered(store, phone="+4740000000", office_no="9001")
        await registered(store, phone="+4740000000", office_no="9002")
        assert await store.count_open() == 2

    @pytest.mark.parametrize("state", sorted(TERMINAL))
    async def test_an_ended_request_makes_room(self, store: Store, state: RequestState) -> None:
        """When a request has ended, its number and its reference may be registered anew."""
        old = await registered(store, phone="+4740000000", reference="777777")
        await store.save(Change(replace(old, state=state, next_attempt_at=None), ()))
        new = await registered(store, phone="+4740000000", reference="777777")
        assert [r.id for r in await store.find(RequestQuery(phone="+4740000000", states=OPEN))] == [new.id]

    @pytest.mark.parametrize("state", sorted(OPEN))
    async def test_every_open_state_holds_the_number(self, store: Store, state: RequestState) -> None:
        """In every open state a second registration finds the request."""
        request = await registered(store, phone="+4740000000")
        await store.save(Change(replace(request, state=state), ()))
        again = new_request(phone="+4740000000")
        found, created = await store.register(again, new_entry(again))
        assert (found.id, found.state, created) == (request.id, state, False)

    async def test_without_a_number_always_inserts(self, store: Store) -> None:
        """Two withheld callers are two requests."""
        await registered(store, phone=None)
        await registered(store, phone=None)
        assert await store.count_open() == 2

    async def test_a_known_id_is_returned_unchanged(self, store: Store) -> None:
        """A repeated call is no second request, also when the first has ended or had no number."""
        first = await registered(store, phone=None)
        (ended,) = await store.save(Change(replace(first, state=RequestState.WITHDRAWN), ()))
        again = replace(first, phone="+4741111111", reference="999999")
        assert await store.register(again, new_entry(again)) == (ended, False)
        assert len(await store.ledger(first.id)) == 1

    async def test_refuses_a_reference_in_use(self, store: Store) -> None:
        """A reference of an open request, at whatever office, is refused and nothing is written."""
        await registered(store, reference="123456", office_no="9001")
        other = new_request(reference="123456", office_no="9002")
        with pytest.raises(ReferenceTaken):
            await store.register(other, new_entry(other))
        assert await store.get(other.id) is None
        assert await store.ledger(other.id) == []

    async def test_refuses_what_it_cannot_write(self, store: Store) -> None:
        """Attempts, another request's ledger entry, naive times and unspeakable details are refused."""
        request = new_request()
        entry = new_entry(request)
        with pytest.raises(ValueError, match="attempts"):
            await store.register(replace(request, attempts=(new_attempt(request),)), entry)
        with pytest.raises(ValueError, match="another request"):
            await store.register(request, replace(entry, request_id="r0"))
        with pytest.raises(ValueError, match="naive"):
            await store.register(replace(request, due_at=datetime(2026, 11, 25)), entry)  # noqa: DTZ001
        with pytest.raises(TypeError):
            await store.register(request, replace(entry, details={"what": object()}))
        assert await store.count_open() == 0


class TestSave:
    async def test_writes_the_request_and_counts_the_version(self, store: Store) -> None:
        """A save changes every field that may change, and returns the request as saved."""
        request = await registered(store)
        after = replace(
            request,
            reference="222222",
            office_no="9002",
            phone="+4741111111",
            state=RequestState.CLAIMED,
            urgency=Urgency.URGENT,
            reason=Reason.NO_FOOD,
            language="en",
            last_workable_at=T0 + timedelta(hours=1),
            next_attempt_at=T0 + timedelta(minutes=15),
            claimed_by="kari",
            claimed_at=T0,
            assigned_to="ola",
            note="Ring på døra, ø æ å 🙂",
            day_part=DayPart.MIDDAY,
            discreet=True,
            reachable_until=T0 + timedelta(hours=7),
            number_source=NumberSource.KEYED,
        )
        (saved,) = await store.save(Change(after, ()))
        assert saved == replace(after, version=request.version + 1)
        assert await store.get(request.id) == saved

    async def test_refuses_an_old_version(self, store: Store) -> None:
        """Of two who read the same version only the first may save; the second changes nothing."""
        request = await registered(store)
        (first,) = await store.save(Change(replace(request, claimed_by="kari"), ()))
        with pytest.raises(StaleRequest):
            await store.save(Change(replace(request, claimed_by="ola"), (new_entry(request),)))
        assert await store.get(request.id) == first
        assert len(await store.ledger(request.id)) == 1

    async def test_one_of_many_wins(self, store: Store) -> None:
        """Of twenty who claim at once exactly one succeeds."""
        request = await registered(store)
        claims = (store.save(Change(replace(request, claimed_by=f"k{n}"), ())) for n in range(20))
        answers = await asyncio.gather(*claims, return_exceptions=True)
        assert sum(isinstance(answer, StaleRequest) for answer in answers) == 19
        (saved,) = next(answer for answer in answers if isinstance(answer, tuple))
        assert await store.get(request.id) == saved

    async def test_refuses_an_unknown_request(self, store: Store) -> None:
        """A request that was never registered cannot be saved."""
        with pytest.raises(StaleRequest):
            await store.save(Change(new_request(), ()))

    @pytest.mark.parametrize(
        "clock",
        [
            {"registered_at": T0 + timedelta(seconds=1)},
            {"due_at": T0 + timedelta(hours=72)},
            {"answer_by_date": date(2026, 12, 24)},
        ],
        ids=lambda clock: str(*clock),
    )
    async def test_the_clock_never_changes(self, store: Store, clock: dict[str, Any]) -> None:
        """A save with another registered_at, due_at or answer_by_date is refused."""
        request = await registered(store)
        with pytest.raises(ValueError, match="clock"):
            await store.save(Change(replace(request, note="x", **clock), ()))
        assert await store.get(request.id) == request

    async def test_becoming_urgent_may_bring_the_deadline_forward(self, store: Store) -> None:
        """From ordinary to urgent, due_at may get earlier: this once, and never later again."""
        request = await registered(store)
        sooner = replace(request, urgency=Urgency.URGENT, due_at=T0 + timedelta(hours=2))
        (saved,) = await store.save(Change(sooner, ()))
        assert saved == replace(sooner, version=1)
        assert await store.get(request.id) == saved
        for due_at, urgency in (
            (T0 + timedelta(hours=48), Urgency.ORDINARY),
            (T0 + timedelta(hours=48), Urgency.URGENT),
            (T0 + timedelta(hours=1), Urgency.URGENT),
            (T0 + timedelta(hours=1), Urgency.ORDINARY),
        ):
            with pytest.raises(ValueError, match="clock"):
                await store.save(Change(replace(saved, due_at=due_at, urgency=urgency), ()))
        assert await store.get(request.id) == saved

    @pytest.mark.parametrize(
        "clock",
        [
            {"due_at": T0 + timedelta(hours=49)},
            {"due_at": T0 + timedelta(hours=2), "registered_at": T0 - timedelta(hours=1)},
            {"due_at": T0 + timedelta(hours=2), "answer_by_date": date(2026, 11, 23)},
        ],
        ids=str,
    )
    async def test_becoming_urgent_moves_nothing_else(self, store: Store, clock: dict[str, Any]) -> None:
        """Not to later, and neither the time of registration nor the date that was told."""
        request = await registered(store)
        with pytest.raises(ValueError, match="clock"):
            await store.save(Change(replace(request, urgency=Urgency.URGENT, **clock), ()))
        assert await store.get(request.id) == request

    async def test_an_earlier_deadline_needs_urgency(self, store: Store) -> None:
        """An ordinary request keeps its clock, also when it would only get earlier."""
        request = await registered(store)
        with pytest.raises(ValueError, match="clock"):
            await store.save(Change(replace(request, due_at=T0 + timedelta(hours=2)), ()))

    async def test_a_stale_urgency_is_stale(self, store: Store) -> None:
        """Of two who make it urgent at once the second is told to read again, not that the clock is fixed."""
        request = await registered(store)
        sooner = replace(request, urgency=Urgency.URGENT, due_at=T0 + timedelta(hours=2))
        await store.save(Change(sooner, ()))
        with pytest.raises(StaleRequest):
            await store.save(Change(replace(sooner, due_at=T0 + timedelta(hours=1)), ()))

    async def test_wishes_are_kept(self, store: Store, reopen: Reopen) -> None:
        """Each wish is kept from open to open, from the registration on, and can be taken back."""
        wishes: dict[str, Any] = {
            "day_part": DayPart.AFTERNOON,
            "discreet": True,
            "reachable_until": T0 + timedelta(hours=7),
        }
        wished = await registered(store, **wishes)
        plain = await registered(store)
        assert (plain.day_part, plain.discreet, plain.reachable_until) == (None, False, None)
        again = await reopen()
        assert await again.get(wished.id) == wished
        assert await again.get(plain.id) == plain
        without = replace(wished, day_part=None, discreet=False, reachable_until=None)
        (saved,) = await again.save(Change(without, ()))
        assert saved == replace(without, version=1)

    async def test_all_or_nothing(self, store: Store) -> None:
        """When the last of several changes is refused, none is made."""
        one, two, three = [await registered(store) for _ in range(3)]
        stale = replace(three, version=7)
        before = await everything(store, one, two, three)
        with pytest.raises(StaleRequest):
            await store.save(
                Change(replace(one, note="changed"), (new_entry(one),), new_attempt(one)),
                Change(replace(two, state=RequestState.WITHDRAWN), (new_entry(two),)),
                Change(stale, (new_entry(three),)),
            )
        assert await everything(store, one, two, three) == before

    async def test_several_changes_at_once(self, store: Store) -> None:
        """Several requests are saved together and returned in the order given."""
        one, two = await registered(store), await registered(store)
        saved = await store.save(Change(replace(two, note="2"), ()), Change(replace(one, note="1"), ()))
        assert [(r.id, r.note, r.version) for r in saved] == [(two.id, "2", 1), (one.id, "1", 1)]
        assert await store.save() == ()

    async def test_refuses_a_number_another_open_request_has(self, store: Store) -> None:
        """NumberTaken says which open request has the number, and nothing is changed."""
        one = await registered(store, phone="+4740000000")
        two = await registered(store, phone=None)
        before = await everything(store, one, two)
        with pytest.raises(NumberTaken) as refused:
            await store.save(Change(replace(two, phone="+4740000000"), (new_entry(two),)))
        assert refused.value.request_id == one.id
        assert await everything(store, one, two) == before

    async def test_refuses_a_reference_another_open_request_has(self, store: Store) -> None:
        """A save cannot take the reference of another open request."""
        one, two = await registered(store), await registered(store)
        with pytest.raises(ReferenceTaken):
            await store.save(Change(replace(two, reference=one.reference), ()))
        assert await store.get(two.id) == two

    async def test_refuses_to_mix_requests(self, store: Store) -> None:
        """An attempt or a ledger entry of another request is refused, also under a known attempt id."""
        one, two = await registered(store), await registered(store)
        one = await calling(store, one, id="a-one")
        with pytest.raises(ValueError, match="another request"):
            await store.save(Change(two, (new_entry(one),)))
        with pytest.raises(ValueError, match="another request"):
            await store.save(Change(two, (), new_attempt(one)))
        with pytest.raises(ValueError, match="another request"):
            await store.save(Change(two, (), new_attempt(two, id="a-one")))
        assert await store.get(one.id) == one
        assert await store.get(two.id) == two


class TestAttempts:
    async def test_is_inserted_then_updated(self, store: Store) -> None:
        """An attempt is written once by its id, and every field can be filled in later."""
        request = await calling(store, await registered(store))
        (live,) = request.attempts
        assert request.live_attempt == live
        ended = replace(
            live,
            ringing_at=T0 + timedelta(minutes=2),
            connected_at=T0 + timedelta(minutes=3),
            ended_at=T0 + timedelta(minutes=4),
            outcome=AttemptOutcome.ANSWERED,
            cause=16,
            result=CallResult.REACHED,
        )
        (saved,) = await store.save(Change(replace(request, state=RequestState.REACHED), (), ended))
        assert saved.attempts == (ended,)
        assert await store.get(request.id) == saved
        assert await store.live_attempts() == []

    async def test_only_the_given_attempt_is_written(self, store: Store) -> None:
        """What else stands in request.attempts is not written, and the answer is what the store has."""
        request = await calling(store, await registered(store))
        lie = replace(request, attempts=(replace(request.attempts[0], cause=99),))
        (saved,) = await store.save(Change(lie, ()))
        assert saved.attempts == request.attempts

    async def test_come_in_order_and_can_be_looked_up(self, store: Store) -> None:
        """Attempts are in the order they were made; each leads to its request."""
        request = await registered(store)
        for n in range(3):
            request = await calling(store, request, id=f"a-{9 - n}", started_at=T0 - timedelta(minutes=n))
            done = replace(request.attempts[-1], ended_at=T0, outcome=AttemptOutcome.BUSY, cause=17)
            (request,) = await store.save(Change(request, (), done))
        assert [attempt.id for attempt in request.attempts] == ["a-9", "a-8", "a-7"]
        assert await store.get_by_attempt("a-8") == request
        assert await store.find(RequestQuery()) == [request]
        assert await store.get_by_attempt("none") is None

    async def test_live_ones_oldest_first(self, store: Store) -> None:
        """Only attempts that have not ended, oldest first."""
        late = await calling(store, await registered(store), started_at=T0 + timedelta(minutes=9))
        early = await calling(store, await registered(store), started_at=T0)
        ended = await calling(store, await registered(store))
        await store.save(Change(ended, (), replace(ended.attempts[0], ended_at=T0)))
        assert await store.live_attempts() == [early.attempts[0], late.attempts[0]]

    async def test_one_live_call_per_number(self, store: Store) -> None:
        """A number in a call cannot be rung by anyone else, not even for another office."""
        one = await calling(store, await registered(store, phone="+4740000000", office_no="9001"))
        two = await registered(store, phone="+4740000000", office_no="9002")
        before = await everything(store, one, two)
        with pytest.raises(NumberInCall):
            await calling(store, two)
        assert await everything(store, one, two) == before
        await store.save(Change(one, (), replace(one.attempts[0], ended_at=T0)))
        await calling(store, two)

    async def test_one_live_call_per_caseworker(self, store: Store) -> None:
        """A caseworker in a call cannot start another."""
        one = await calling(store, await registered(store), caseworker="kari")
        two = await registered(store)
        before = await everything(store, one, two)
        with pytest.raises(CaseworkerInCall):
            await calling(store, two, caseworker="kari")
        assert await everything(store, one, two) == before

    async def test_number_is_named_before_caseworker(self, store: Store) -> None:
        """When both are in a call, the number is what is told."""
        one = await calling(store, await registered(store), caseworker="kari")
        two = await registered(store, phone=one.phone, office_no="9002")
        with pytest.raises(NumberInCall):
            await calling(store, two, caseworker="kari")

    async def test_erased_numbers_do_not_collide(self, store: Store) -> None:
        """Two live attempts without a number are two calls."""
        await calling(store, await registered(store, phone=None))
        await calling(store, await registered(store, phone=None))
        assert len(await store.live_attempts()) == 2

    async def test_two_clicks_one_call(self, store: Store) -> None:
        """Two caseworkers who start the same request at once make one call."""
        request = await registered(store)
        answers = await asyncio.gather(
            calling(store, request), calling(store, request), return_exceptions=True
        )
        assert sum(isinstance(answer, StaleRequest) for answer in answers) == 1
        assert len(await store.live_attempts()) == 1


class TestLedger:
    async def test_keeps_the_order_of_writing(self, store: Store) -> None:
        """Entries come back in the order they were written, whatever their times, with rising seq."""
        request = await registered(store)
        events = (("claimed", 5), ("released", 1), ("withdrawn", 3))
        entries = [new_entry(request, event=e, at=T0 - timedelta(hours=h)) for e, h in events]
        await store.save(Change(request, tuple(entries)))
        await registered(store)
        written = await store.ledger(request.id)
        assert [entry.event for entry in written] == ["registered", "claimed", "released", "withdrawn"]
        assert [replace(entry, seq=0) for entry in written[1:]] == entries
        assert sorted({entry.seq for entry in written}) == [entry.seq for entry in written]
        assert written[0].seq > 0

    async def test_details_cannot_be_changed_from_outside(self, store: Store) -> None:
        """Neither the dict that was given nor the one that was read reaches into the ledger."""
        request = new_request()
        details = {"outcome": "busy", "n": 3, "deep": {"ok": [1, 2.5, None, True, "ø"]}}
        wanted = {**details, "deep": {"ok": [1, 2.5, None, True, "ø"]}}
        await store.register(request, new_entry(request, details=details))
        details["outcome"] = "forged"
        (entry,) = await store.ledger(request.id)
        assert entry.details == wanted
        entry.details["outcome"] = "forged"
        assert (await store.ledger(request.id))[0].details == wanted

    async def test_is_one_hash_chain(self, store: Store, reopen: Reopen) -> None:
        """Each line is hashed with the hash before it, over all requests, from open to open; what is refused adds
        nothing."""
        lines: list[LedgerEntry] = []
        assert await store.ledger_head() == chained(lines)
        one, two = await registered(store), await registered(store, note="hemmelig")
        oslo = T0.astimezone(ZoneInfo("Europe/Oslo"))
        more = new_entry(
            one, event="claimed", at=oslo, details={"to": 'ærlig \u2028 "x"', "n": [1, None, 2.5]}
        )
        with pytest.raises(StaleRequest):
            await store.save(Change(two, (new_entry(two),)), Change(replace(one, version=7), (more,)))
        await store.save(Change(two, (new_entry(two, from_state="waiting"),)), Change(one, (more, more)))
        store = await reopen()
        three = await registered(store)
        for request in (one, two, three):
            lines += await store.ledger(request.id)
        assert await store.ledger_head() == chained(lines)

    async def test_of_an_unknown_request_is_empty(self, store: Store) -> None:
        """No request, no entries."""
        assert await store.ledger("none") == []


class TestFind:
    async def test_sorts_by_urgency_deadline_age_id(self, store: Store) -> None:
        """Urgent first, then last_workable_at, registered_at and id."""
        hour = timedelta(hours=1)
        order: list[dict[str, Any]] = [
            {"urgency": Urgency.URGENT, "last_workable_at": T0 + 9 * hour},
            {"last_workable_at": T0 + timedelta(microseconds=1), "registered_at": T0},
            {"last_workable_at": T0 + hour, "registered_at": T0 - hour},
            {"last_workable_at": T0 + hour, "registered_at": T0, "id": "a"},
            {"last_workable_at": T0 + hour, "registered_at": T0, "id": "b"},
        ]
        wanted = [new_request(**fields) for fields in order]
        for request in reversed(wanted):
            await store.register(request, new_entry(request))
        assert await store.find(RequestQuery()) == wanted
        assert await store.find(RequestQuery(states=OPEN)) == wanted
        assert await store.find(RequestQuery(limit=2)) == wanted[:2]
        assert await store.find(RequestQuery(limit=0)) == []
        assert await store.find(RequestQuery(limit=-1)) == []

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            (RequestQuery(), "abcd"),
            (RequestQuery(phone="+4740000001"), "ac"),
            (RequestQuery(office_no="9001"), "ab"),
            (RequestQuery(phone="+4740000001", office_no="9002"), "c"),
            (RequestQuery(reference="000002"), "b"),
            (RequestQuery(registered_by="kari"), "d"),
            (RequestQuery(states=frozenset({RequestState.WAITING})), "ac"),
            (RequestQuery(states=frozenset({RequestState.REACHED, RequestState.CLAIMED})), "bd"),
            (RequestQuery(states=OPEN), "abc"),
            (RequestQuery(states=TERMINAL), "d"),
            (RequestQuery(due_before=T0), "ab"),
            (RequestQuery(due_before=T0 - timedelta(microseconds=1)), "a"),
            (RequestQuery(due_before=T0.astimezone(ZoneInfo("Europe/Oslo")), states=OPEN), "ab"),
            (RequestQuery(phone="+4799999999"), ""),
        ],
    )
    async def test_all_filters_must_hold(self, store: Store, query: RequestQuery, names: str) -> None:
        """An empty filter means any, and all that are given must hold."""
        minute, claimed = timedelta(minutes=1), RequestState.CLAIMED
        await registered(store, id="a", phone="+4740000001", next_attempt_at=T0 - minute)
        await registered(store, id="b", phone=None, reference="000002", state=claimed, next_attempt_at=T0)
        await registered(store, id="c", phone="+4740000001", office_no="9002", next_attempt_at=T0 + minute)
        ended = await registered(store, id="d", office_no="9003", registered_by="kari")
        await store.save(Change(replace(ended, state=RequestState.REACHED, next_attempt_at=None), ()))
        assert "".join(request.id for request in await store.find(query)) == names

    async def test_of_a_person(self, store: Store) -> None:
        """Whoever has the number, or was rung on it, ended or not, at every office; the oldest first."""
        phone, hour = "+4740000001", timedelta(hours=1)
        late = await registered(store, phone=phone)
        early = await registered(store, phone=phone, office_no="9002", registered_at=T0 - hour)
        await store.save(Change(replace(early, state=RequestState.REACHED), ()))
        rung = await calling(store, await registered(store, registered_at=T0 - 2 * hour), phone=phone)
        await calling(store, await registered(store))
        found = await store.of_person(phone)
        assert [request.id for request in found] == [rung.id, early.id, late.id]
        assert found[0] == rung
        assert await store.of_person("+4799999999") == []

    async def test_what_ended_and_is_still_kept(self, store: Store) -> None:
        """By when it ended, not by when it began; neither the open ones nor those that have been erased."""
        hour = timedelta(hours=1)

        async def ended(hours_ago: float, after: str = "reached", **fields: Any) -> str:
            request = await registered(store, registered_at=T0 - 9 * hour, **fields)
            entry = new_entry(request, at=T0 - hours_ago * hour, to_state=after)
            state = RequestState(after)
            (request,) = await store.save(
                Change(replace(request, state=state, next_attempt_at=None), (entry,))
            )
            return request.id

        old = [await ended(3), await ended(4, "withdrawn", phone=None, note="x"), await ended(2.5, "decided")]
        await ended(2)
        await ended(1)
        await ended(3, "unreachable")
        await ended(3, phone=None)
        found = await store.ended_before(T0 - 2 * hour, 10)
        assert sorted(request.id for request in found) == sorted(old)
        assert all([await store.get(request.id) == request for request in found])
        assert len(await store.ended_before(T0.astimezone(ZoneInfo("Europe/Oslo")), 2)) == 2
        assert await store.ended_before(T0 - 5 * hour, 10) == []

    async def test_counts_open_ones(self, store: Store) -> None:
        """Open requests are counted, of one office or of all."""
        assert await store.count_open() == 0
        await registered(store, office_no="9001")
        ended = await registered(store, office_no="9001")
        await registered(store, office_no="9002")
        await store.save(Change(replace(ended, state=RequestState.DECIDED), ()))
        assert (await store.count_open(), await store.count_open("9001"), await store.count_open("1")) == (
            2,
            1,
            0,
        )

    async def test_an_unknown_id_is_none(self, store: Store) -> None:
        """Nothing is found under an id that was never given."""
        assert await store.get("none") is None


class TestReopen:
    async def test_gives_back_equal_requests(self, store: Store, reopen: Reopen) -> None:
        """A fresh open gives back the same requests, attempts and ledger, with times in aware UTC."""
        oslo = datetime(2026, 11, 23, 9, 5, 0, 7, tzinfo=ZoneInfo("Europe/Oslo"))
        request = await registered(store, registered_at=oslo, claimed_at=oslo, note="x", claimed_by="kari")
        request = await calling(store, request, started_at=oslo, ringing_at=oslo, cause=0)
        ledger = await store.ledger(request.id)
        again = await reopen()
        found = await again.get(request.id)
        assert found == request
        assert found is not None
        assert await again.ledger(request.id) == ledger
        times = (
            found.registered_at,
            found.claimed_at,
            found.due_at,
            found.attempts[0].ringing_at,
            ledger[0].at,
        )
        assert {at.tzinfo for at in times if at} == {UTC}
        assert found.registered_at == oslo

    @pytest.mark.parametrize("reason", Reason)
    @pytest.mark.parametrize("origin", Origin)
    async def test_every_reason_and_origin(self, store: Store, reason: Reason, origin: Origin) -> None:
        """Every reason and origin can be stored."""
        request = await registered(store, reason=reason, origin=origin)
        assert await store.get(request.id) == request

    @pytest.mark.parametrize("state", RequestState)
    async def test_every_state(self, store: Store, state: RequestState) -> None:
        """Every state can be stored."""
        (saved,) = await store.save(Change(replace(await registered(store), state=state), ()))
        assert await store.get(saved.id) == saved

    @pytest.mark.parametrize("outcome", AttemptOutcome)
    @pytest.mark.parametrize("result", CallResult)
    async def test_every_outcome(self, store: Store, outcome: AttemptOutcome, result: CallResult) -> None:
        """Every outcome and result can be stored."""
        request = await registered(store)
        saved = await calling(store, request, outcome=outcome, result=result, ended_at=T0)
        assert await store.get(saved.id) == saved


class TestClosed:
    async def test_refuses_everything(self, make_store: Callable[[], Store]) -> None:
        """Before open and after close every call raises StoreUnavailable; open and close may be repeated."""
        store = make_store()
        with pytest.raises(StoreUnavailable):
            await store.count_open()
        await store.open()
        await store.open()
        request = await registered(store)
        await store.close()
        await store.close()
        other = new_request()
        with pytest.raises(StoreUnavailable):
            await store.register(other, new_entry(other))
        with pytest.raises(StoreUnavailable):
            await store.save(Change(request, ()))
        with pytest.raises(StoreUnavailable):
            await store.get(request.id)
        await store.open()
        assert await store.find(RequestQuery()) == [request]
        await store.close()

    async def test_errors_are_store_errors(self) -> None:
        """Every refusal of a store can be caught as StoreError."""
        named = (StaleRequest, NumberInCall, CaseworkerInCall, NumberTaken, ReferenceTaken, StoreUnavailable)
        assert all(issubclass(error, StoreError) for error in named)
