"""The page that lists every prompt: who sees it, what it says of each, and that each can be heard."""

from __future__ import annotations

import re
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callback.web.prompt_list import LIMIT
from config.model import VoiceSpeed
from ivr.prompts import Catalogue
from ivr.sound import wav_bytes
from tests.offices import config
from tests.web_site import Client, World, login, open_world, serve, text_of

PAGE = "/status/prompts"
CATALOGUE = Catalogue.load()


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """Lillevik speaks slowly, in three languages; Storvik in English."""
    made = config()
    lillevik = made.offices[0].model_copy(
        update={"voice_speed": VoiceSpeed.SLOW, "languages": ("nb", "uk", "so")}
    )
    storvik = made.offices[1].model_copy(update={"languages": ("en",)})
    return await open_world(tmp_path, of=made.model_copy(update={"offices": (lillevik, storvik)}))


@pytest.fixture
async def liv(client: Client) -> AsyncIterator[Client]:
    """The leader of Lillevik."""
    await login(client, "liv")
    return client


def row(page: str, prompt_id: str) -> str:
    """What is said of one prompt, without the markup."""
    found = next(row for row in page.split("<tr ") if f'"rowheader">{prompt_id} ' in row)
    return " ".join(re.sub(r"<[^>]+>", " ", "<" + found).split())


def languages(page: str) -> list[str]:
    return re.findall(r'<option value="([^"]+)"', page)


@pytest.mark.parametrize(
    ("person", "status"), [("liv", 200), ("admin", 200), ("kari", 404), ("siv", 404), ("nks", 404)]
)
async def test_who_sees_it(client: Client, person: str, status: int) -> None:
    """Leaders and administrators; the link stands on the status page for them, and for others there is no such page."""
    await login(client, person)
    await text_of(client, PAGE, status)
    assert (f'href="{PAGE}"' in await text_of(client, "/status")) is (status == 200)


async def test_not_without_a_login(client: Client) -> None:
    """It is not public, though the sounds are."""
    response = await client.get(PAGE, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, f"/login?next={PAGE}")


async def test_every_prompt_of_the_first_language(liv: Client) -> None:
    """Id, words, note, and how it sounds: all of the catalogue, in the first language of the office."""
    page = await text_of(liv, PAGE)
    assert page.count('role="rowheader"') == len(CATALOGUE.ids)
    assert f"{len(CATALOGUE.ids)} meldinger" in page
    greeting = row(page, "intake.greeting")
    for words in (
        "Hei, og velkommen til Nav.", "trykk på «1»", "Syntetisk stemme", "Ikke laget ennå",
    ):  # fmt: skip
        assert words in greeting
    assert "morsmålsbruker" not in page
    assert page.index("intake.greeting") < page.index("digit.0")


async def test_the_languages_and_speeds_of_ones_own_offices(liv: Client, world: World) -> None:
    """A leader chooses among those of the own office, an administrator among all."""
    page = await text_of(liv, PAGE)
    assert languages(page) == ["nb", "nb.slow", "so", "so.slow", "uk", "uk.slow", "all"]
    assert ">Ukrainsk (Українська), langsomt</option>" in page
    assert languages(await text_of(liv, PAGE + "?language=en")) == languages(page)
    admin = await serve(world)
    await login(admin, "admin")
    assert "en" in languages(await text_of(admin, PAGE))
    await admin.close()


async def test_a_language_nobody_has_reviewed(liv: Client) -> None:
    """Said of each of its own sentences; what it lacks is told to be heard in bokmål."""
    page = await text_of(liv, PAGE + "?language=uk.slow")
    greeting = row(page, "intake.greeting")
    assert "uk.slow" in greeting
    assert CATALOGUE.text("uk/intake.greeting") in greeting
    assert "Ikke lest av morsmålsbruker" in greeting
    lacking = row(page, "whisper.callback")
    assert "Tilbakeringing." in lacking
    assert "Høres på bokmål" in lacking
    assert "morsmålsbruker" not in lacking


async def test_a_recording_and_its_length(liv: Client, world: World, tmp_path: Path) -> None:
    """Recorded or synthetic, how many seconds, and whether that is too many."""
    folder = tmp_path / "recordings" / "nb"
    folder.mkdir(parents=True)
    tone = array("h", [3000, -3000] * 4000)
    (folder / "intake.noted.wav").write_bytes(wav_bytes(tone))
    (folder / "intake.goodbye.wav").write_bytes(wav_bytes(tone * 21))
    assert await world.services.library.wav("nb/intake.closed") is not None
    page = await text_of(liv, PAGE)
    assert "Innspilt 1,0 s" in row(page, "intake.noted")
    assert "Innspilt For lang 21,0 s" in row(page, "intake.goodbye")
    assert "Syntetisk stemme 0,1 s" in row(page, "intake.closed")
    assert "Recorded 1.0 s" in row(await text_of(liv, PAGE + "?lang=en"), "intake.noted")


async def test_each_can_be_heard(liv: Client) -> None:
    """The player of every row leads to a sound."""
    page = await text_of(liv, PAGE + "?language=uk&search=stemmer")
    assert "Ingen meldinger passer" in page
    page = await text_of(liv, PAGE + "?language=uk&search=intake.s")
    players = re.findall(r'<audio controls preload="none" src="([^"]+)" aria-label="([^"]+)"', page)
    assert len(players) == page.count('role="rowheader"') == 3
    for source, label in players:
        response = await liv.get(source)
        assert (response.status, response.content_type) == (200, "audio/wav")
        assert label.startswith("Spill av uk/intake.s")


async def test_search(liv: Client) -> None:
    """In names and words, whatever the case, in one language or all; what was asked for stays in the form."""
    assert row(await text_of(liv, PAGE + "?search=VELKOMMEN"), "intake.greeting")
    page = await text_of(liv, PAGE + "?language=all&search=intake.greeting")
    assert page.count('role="rowheader"') == 2 * 6
    assert 'value="intake.greeting"' in page
    assert '<option value="all" selected>' in page
    page = await text_of(liv, PAGE + "?language=all")
    assert page.count('role="rowheader"') == LIMIT
    assert f"De første {LIMIT} meldingene vises." in page


async def test_a_search_is_only_words(liv: Client) -> None:
    """What was typed is shown as it is, and changes nothing on the page."""
    response = await liv.get(PAGE, params={"search": '"><script>alert(1)</script>'})
    page = await response.text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
