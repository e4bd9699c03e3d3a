"""What the `intake` machine says: the prompts of a promise, of the hours, of how it stands. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from config.model import VoiceSpeed
from hardware.line import Prompt
from ivr.intake_state import IntakeState, Node, Stay
from ivr.phrases import date_items, phone_items, reference_items, when_items, window_items
from ivr.prompts import BASE_LANGUAGE, NO_VOICE, spoken_tag
from scheduler.clock import to_local

KEY_PAUSE = timedelta(seconds=3)
"""Silence that ends a number of which more may follow."""
_STATUS_WINDOW = timedelta(hours=2)


def language_items(state: IntakeState) -> tuple[str, ...]:
    """Each language in its own words, or in bokmål where no voice could say them."""
    items: tuple[str, ...] = ()
    for at, language in enumerate(state.office.languages, 1):
        voiced = language not in NO_VOICE
        tag = spoken_tag(language if voiced else BASE_LANGUAGE, state.office.speed)
        items += (f"{tag}/intake.language" + ("" if voiced else f"_{language}"), f"{tag}/digit.{at}")
    return items


def status_items(state: IntakeState, now: datetime) -> tuple[str, ...]:
    """On the list, tried when, rung again when: only ever after a key press."""
    found, language = state.found, state.tag
    assert found is not None
    items = spoken(state, "intake.registered")
    if state.not_rung:
        return (*items, *spoken(state, "intake.not_rung"))
    if found.tried_at is not None:
        items += (*spoken(state, "intake.tried"), *when_items(found.tried_at, now, language))
    if found.next_at is not None and found.next_at > now:
        items += (*spoken(state, "intake.next_try"), *_next_try(found.next_at, now, language))
    else:
        items += spoken(state, "intake.next_try_soon")
    return items


def _next_try(at: datetime, now: datetime, language: str) -> tuple[str, ...]:
    """Between two hours, for nobody keeps a minute; at a time, where the two hours would end tomorrow."""
    end = at + _STATUS_WINDOW
    if to_local(end).date() != to_local(at).date():
        return when_items(at, now, language)
    return window_items(at, end, now, language)


def readback(state: IntakeState) -> tuple[str, ...]:
    return (
        *spoken(state, "intake.we_ring_on"),
        *phone_items(state.keyed, state.tag),
        *spoken(state, "intake.confirm_entered"),
    )


def promise(state: IntakeState, now: datetime) -> tuple[str, ...]:
    assert state.reference is not None, "only a registered caller comes here"
    assert state.answer_by is not None, "every request has a date"
    language = state.tag
    if state.not_rung:
        return spoken(state, "intake.not_rung")
    if state.phone is None:
        twice = (*spoken(state, "intake.no_number"), *reference_items(state.reference, language))
        return (*twice, *twice, *spoken(state, "intake.ring_back"))
    if state.answer_by == to_local(now).date():
        promise = spoken(state, "intake.promise_today")
    else:
        promise = (*spoken(state, "intake.promise"), *date_items(state.answer_by, language))
    return (
        *promise,
        *spoken(state, "intake.on_number"),
        *phone_items(state.phone, language),
    )


def closed(state: IntakeState, now: datetime) -> tuple[str, ...]:
    """That the office is closed and what `info` says, once in a call."""
    if state.office.open or state.heard_hours:
        return ()
    says = "intake.closed" if state.request_id is None else "intake.closed_now"
    return (*spoken(state, says), *info(state, now))


def info(state: IntakeState, now: datetime) -> tuple[str, ...]:
    office, language = state.office, state.tag
    items: tuple[str, ...] = ()
    if not office.open:
        items += (*spoken(state, "intake.opens"), *when_items(office.opens_at, now, language))
    if office.drop_in is not None:
        items += (*spoken(state, "intake.drop_in"), *window_items(*office.drop_in, now, language))
    return items


def spoken(state: IntakeState, *ids: str) -> tuple[str, ...]:
    """Ids in the caller's language; items that name their language keep it. All as fast as the office speaks."""
    return tuple(_at_speed(i, state.office.speed) if "/" in i else f"{state.tag}/{i}" for i in ids)


def _at_speed(item: str, speed: VoiceSpeed) -> str:
    """An item written slow stays slow."""
    language, slash, prompt_id = item.partition("/")
    return item if speed is VoiceSpeed.NORMAL else f"{spoken_tag(language, speed)}{slash}{prompt_id}"


def saying(state: IntakeState, *ids: str) -> IntakeState:
    """These are said before the next question."""
    return replace(state, before=state.before + spoken(state, *ids))


def ask(state: IntakeState, node: Node, *items: str, digits: int = 1) -> Stay:
    """Say what waits to be said and then these, and collect keys."""
    prompt = Prompt(state.leg, (*state.before, *items), digits, state.office.wait)
    return replace(state, node=node, before=()), (prompt,)


def play(state: IntakeState, node: Node) -> Stay:
    return replace(state, node=node, before=()), (Prompt(state.leg, state.before, 0, timedelta(0)),)


def rest(state: IntakeState, digits: int) -> Prompt:
    """The line collects so many keys at a time; this is for those that follow."""
    return Prompt(state.leg, (), digits, KEY_PAUSE)
