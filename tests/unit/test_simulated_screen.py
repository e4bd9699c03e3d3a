"""Screens on the simulated line: what the telephones are told, and time told by the test."""

from __future__ import annotations

from typing import Final

import pytest

from hardware.line import (
    Connected,
    Dial,
    DigitsEntered,
    LegEnded,
    LegOutcome,
    LineEvent,
    LineRejected,
    LineRestored,
    Screen,
)
from hardware.simulated.line import Behaviour
from hardware.simulated.phone import Feed
from tests.e2e.waiting import until
from tests.unit.simulated_service import (
    CALLER,
    LONG,
    OURS,
    STAFF,
    Service,
    started_service,  # noqa: F401  # the fixture `service`
    told,
)

SCREEN: Final = Screen(("nb/whisper",))


async def in_screen(service: Service, screen: Screen = SCREEN) -> str:
    """A caller's leg whose `Dial` was picked up; the peer is `p`."""
    leg = await service.caller_up()
    service.line.behave(STAFF, Behaviour.ANSWER)
    await service.line.send(Dial(leg, "p", STAFF, LONG, OURS, screen))
    return leg


async def types(feed: Feed, count: int) -> list[str]:
    return [(await told(feed))["type"] for _ in range(count)]


@pytest.mark.parametrize(
    ("screen", "event"),
    [
        (SCREEN, LegEnded("p", LegOutcome.NO_ANSWER, 19)),
        (Screen(("nb/whisper",), silence_joins=True), None),
    ],
    ids=["does not join", "joins"],
)
async def test_silence_twice(service: Service, screen: Screen, event: LineEvent | None) -> None:
    """Silence is waited for twice, and the items are played each time."""
    leg = await in_screen(service, screen)
    service.line.silence(STAFF)
    assert service.line.heard(STAFF) == ("nb/whisper", "nb/whisper")
    service.line.silence(STAFF)
    assert await service.next() == (event or Connected(leg, "p"))


async def test_telephones_in_the_browser(service: Service) -> None:
    """The one rung is up and gets the items; the one who dials hears ringing until the key that says yes."""
    caller, staff = service.line.plug_in(CALLER), service.line.plug_in(STAFF)
    await in_screen(service)
    assert await types(caller, 4) == ["ready", "dialling", "answered", "ringback"]
    assert await types(staff, 3) == ["ready", "ringing", "answered"]
    prompt = await told(staff)
    assert (prompt["type"], prompt["digits"]) == ("prompt", 1)
    assert [item["url"] for item in prompt["items"]] == ["/prompts/nb/whisper.wav"]
    service.line.press(STAFF, "1")
    assert await types(caller, 1) == ["connected"]
    assert await types(staff, 1) == ["connected"]


async def test_telephones_told_of_a_no(service: Service) -> None:
    """Whoever says no has ended their call, and the one who dialled is told that it was declined."""
    caller, staff = service.line.plug_in(CALLER), service.line.plug_in(STAFF)
    await in_screen(service)
    service.line.press(STAFF, "2")
    await types(caller, 4)
    assert await told(caller) == {"type": "peer_ended", "outcome": "declined"}
    await types(staff, 4)
    assert await told(staff) == {"type": "ended", "outcome": "declined"}


async def test_unplugged_in_the_screen(service: Service) -> None:
    """A browser that is closed in its screen has hung up."""
    staff = service.line.plug_in(STAFF)
    await in_screen(service)
    await staff.aclose()
    assert await service.next() == LegEnded("p", LegOutcome.DECLINED, 21)


async def test_keys_of_a_conversation(service: Service) -> None:
    """Keys pressed after the one that joined are nobody's."""
    leg = await in_screen(service)
    service.line.press(STAFF, "1")
    service.line.press(STAFF, "2")
    assert await service.next() == Connected(leg, "p")
    assert service.line.is_up(STAFF)
    assert service.events == []


async def test_no_while_the_line_is_lost(service: Service) -> None:
    """A no that could not be told at once is told after the break."""
    leg = await in_screen(service)
    service.line.lose()
    service.line.press(STAFF, "2")
    service.line.restore()
    await until(lambda: len(service.events) == 4)
    assert service.events[1:] == [
        LineRestored(frozenset({leg})),
        DigitsEntered("p", "2"),
        LegEnded("p", LegOutcome.DECLINED, 21),
    ]


@pytest.mark.parametrize("refuse", ["1", "12", "#", "a"])
async def test_keys_that_cannot_say_no(service: Service, refuse: str) -> None:
    """1 says yes, and # is no key of a screen; nobody is rung with such a screen."""
    with pytest.raises(LineRejected):
        await in_screen(service, Screen(("nb/whisper",), refuse))
    assert not service.line.is_up(STAFF)
