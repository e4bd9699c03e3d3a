"""Who is offered whom when not everybody may, over the simulated line and at Twilio: disqualified, substitute, interpreter, language."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from callback.request import Reason
from config.model import Config, Person, Role
from hardware.lines import CLOUD
from hardware.simulated.phone import Behaviour
from tests.e2e.waiting import until
from tests.integration.test_offer import FIRST, SECOND, live, takes_calls, waits
from tests.integration.test_story import World
from tests.offices import PUBLIC, config

HOUR = timedelta(hours=1)
EVA = Person(
    id="eva", name="Eva", role=Role.CASEWORKER, office_no="9001", extension="209", protected_access=True
)


def with_people(**changed: dict[str, Any]) -> Config:
    """Kari and Ola report to Liv, who has no telephone; Storvik, with Siv, is their substitute."""
    base = config()
    own = base.offices[0].model_copy(update={"substitute_office": "9002"})
    other = base.offices[1].model_copy(update={"fallback_number": "+4740000009"})
    people = tuple(p.model_copy(update=changed.get(p.id, {})) for p in base.people)
    return Config(settings=base.settings, offices=(own, other), people=(*people, EVA), menus=base.menus)


@pytest.fixture
async def world(line: str) -> AsyncIterator[World]:
    opened = await World(line).open()
    opened.desk.use_config(with_people())
    for extension in ("201", "202", "204", "209"):
        opened.line.behave(extension, Behaviour.ANSWER)
    yield opened
    await opened.close()


async def test_the_next_who_may(world: World) -> None:
    """Kari is disqualified in the first and not in the second: each gets the first they may take, and nobody waits for her."""
    first = await waits(world, FIRST)
    await waits(world, SECOND)
    await world.desk.disqualify(first.id, "kari", "kari")
    await takes_calls(world, "kari", "ola")
    await world.dispatch.sweep()
    assert await live(world) == {"ola": "first", "kari": "second"}


async def test_protected(world: World) -> None:
    """Only the one who may see them is offered a protected person; on-call telephones of others are silent. On a line that
    others carry nobody is, and whoever was to ring them has the next one."""
    request = await waits(world, FIRST, Reason.NO_FOOD)
    await world.desk.set_protected(request.id, True, "kari")
    on_call = with_people(kari={"mobile": "+4740000001"})
    world.desk.use_config(on_call)
    await takes_calls(world, "kari", "ola")
    await world.dispatch.sweep()
    assert await live(world) == {}
    for person in ("kari", "ola"):
        await world.desk.set_ready(person, ready=False)
    await waits(world, SECOND)
    await takes_calls(world, "eva")
    await world.dispatch.sweep()
    assert await live(world) == {"eva": "second" if world.line_name == CLOUD else "first"}
    assert (await world.desk.get(request.id)).is_open


async def test_the_substitute_rings_as_the_office_they_rang(world: World) -> None:
    """The leader is disqualified: Siv of the other office is offered it, and the caller sees their own office's number."""
    request = await waits(world, FIRST)
    await takes_calls(world, "kari", "siv", "eva")
    await world.desk.disqualify(request.id, "liv", "liv")
    assert (await world.desk.get(request.id)).served_by == "9002"
    await world.dispatch.sweep()
    assert await live(world) == {"siv": "first"}
    await world.hears("204", "whisper.press_1")
    world.line.press("204", "1")
    await until(lambda: world.line.leg_of(FIRST) is not None, what="the caller is rung")
    (attempt,) = await world.store.live_attempts()
    assert world.line.shown_to(FIRST) == PUBLIC, attempt


async def test_urgent_rings_the_on_call_telephone_of_who_serves(world: World) -> None:
    """Nobody at home is rung for what another office serves."""
    world.desk.use_config(
        with_people(kari={"mobile": "+4740000001"}, siv={"mobile": "+4740000009", "extension": None})
    )
    world.line.behave("+4740000009", Behaviour.ANSWER)
    request = await waits(world, FIRST, Reason.NO_FOOD)
    await world.desk.disqualify(request.id, "liv", "liv")
    await world.dispatch.sweep()
    assert await live(world) == {"siv": "first"}


async def test_an_interpreter_is_needed(world: World) -> None:
    """Nobody is booked: passed over, and who came later is offered."""
    request = await waits(world, FIRST)
    await waits(world, SECOND)
    await world.desk.set_interpreter(request.id, True, None, "kari")
    await takes_calls(world, "ola")
    await world.dispatch.sweep()
    assert await live(world) == {"ola": "second"}


async def test_an_interpreter_is_booked(world: World) -> None:
    """For the evening: rung then and not before, though the office is closed; nobody else is."""
    request = await waits(world, FIRST)
    await waits(world, SECOND)
    at = world.clock.now() + 10 * HOUR
    await world.desk.set_interpreter(request.id, True, at, "kari")
    world.clock.set(at - timedelta(minutes=1))
    await takes_calls(world, "kari", "ola")
    await world.dispatch.sweep()
    assert await live(world) == {}
    world.clock.set(at)
    await world.dispatch.sweep()
    assert await live(world) == {"kari": "first"}


async def test_the_one_who_speaks_it(world: World) -> None:
    """A Polish caller waits for the colleague who speaks Polish; where nobody does, anybody is offered them."""
    world.desk.use_config(with_people(kari={"languages": ("en",)}, ola={"languages": ("pl",)}))
    request = await waits(world, FIRST)
    await world.desk.set_language(request.id, "pl", "caller")
    await takes_calls(world, "kari")
    await world.dispatch.sweep()
    assert await live(world) == {}
    await world.desk.disqualify(request.id, "ola", "ola")
    assert await live(world) == {}, "Eva states no languages: she may speak it"
    await world.desk.disqualify(request.id, "eva", "eva")
    await world.dispatch.sweep()
    assert await live(world) == {"kari": "first"}
