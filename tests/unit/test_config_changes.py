"""What differs between two configurations, in words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from config.changes import Changes, changes, merged
from config.load import load
from config.model import AsteriskSettings, Config, LineName
from config.values import WeekHours

DEMO = Path(__file__).parents[2] / "config" / "demo"
HOURS = WeekHours.model_validate({"mon": "10:00-12:00"})


@pytest.fixture(scope="module")
def demo() -> Config:
    return load(DEMO, {})


def with_settings(config: Config, section: str, **values: object) -> Config:
    made = getattr(config.settings, section).model_copy(update=values)
    return config.model_copy(update={"settings": config.settings.model_copy(update={section: made})})


def with_office(config: Config, **values: object) -> Config:
    first, *others = config.offices
    return config.model_copy(update={"offices": (first.model_copy(update=values), *others)})


def on_asterisk(config: Config) -> Config:
    return with_settings(config, "service", line=LineName.ASTERISK)


def test_nothing_changed(demo: Config) -> None:
    """The same files read twice have no changes."""
    assert changes(demo, load(DEMO, {})) == Changes()


def test_keys_are_named_and_values_are_not(demo: Config) -> None:
    """File, place and key of everything; a number or a name stands nowhere."""
    kari, *others = demo.people
    new = with_office(demo, phone_hours=HOURS, drop_in_hours=None, public_number="+4773000099")
    new = with_settings(new, "retry", busy=timedelta(minutes=9))
    new = new.model_copy(update={"people": (kari.model_copy(update={"mobile": "+4740000077"}), *others)})
    assert changes(demo, new) == Changes(
        changed=(
            "tast1.toml: retry.busy",
            "offices.toml: office 9001 public_number",
            "offices.toml: office 9001 phone_hours",
            "offices.toml: office 9001 drop_in_hours",
            "staff.toml: person kari mobile",
        )
    )


def test_what_is_read_at_the_start_needs_a_restart(demo: Config) -> None:
    """It is named apart, and `merged` keeps it as it was and takes the rest."""
    new = with_settings(demo, "service", port=8700, session_hours=2)
    new = with_settings(new, "asterisk", trunk="other")
    new = with_settings(new, "calls", menu_wait=timedelta(seconds=9))
    found = changes(demo, new)
    assert found.changed == ("tast1.toml: calls.menu_wait",)
    assert found.needs_restart == (
        "tast1.toml: service.port",
        "tast1.toml: service.session_hours",
        "tast1.toml: asterisk.trunk",
    )
    used = merged(demo, new).settings
    assert (used.service, used.asterisk) == (demo.settings.service, demo.settings.asterisk)
    assert isinstance(used.asterisk, AsteriskSettings)
    assert used.calls.menu_wait == timedelta(seconds=9)


def test_the_line_of_an_office_needs_a_restart(demo: Config) -> None:
    """The lines are made at the start: an office keeps its own until the next one."""
    new = with_office(demo, line=LineName.TWILIO, phone_hours=HOURS)
    assert changes(demo, new) == Changes(
        changed=("offices.toml: office 9001 phone_hours",), needs_restart=("offices.toml: office 9001 line",)
    )
    assert merged(demo, new).line_of_office("9001") is LineName.SIMULATED
    assert merged(demo, new).offices[0].phone_hours == HOURS


def test_whole_tables(demo: Config) -> None:
    """Offices and people that came, went, or stand in another order."""
    lillevik, storvik = demo.offices
    third = storvik.model_copy(update={"office_no": "9003"})
    kari, ola, *others = demo.people
    new = demo.model_copy(update={"offices": (third, lillevik), "people": (ola, kari, *others)})
    assert changes(demo, new).changed == (
        "offices.toml: office 9002 removed",
        "offices.toml: office 9003 added",
        "staff.toml: person: their order",
    )


def test_what_the_exchange_must_be_told(demo: Config) -> None:
    """With a real line only: other numbers, offices that came or went; not hours."""
    third = demo.offices[1].model_copy(update={"office_no": "9003"})
    new = with_office(demo, fallback_number="+4740000077", phone_hours=HOURS)
    new = new.model_copy(update={"offices": (*new.offices, third)})
    assert changes(demo, new).needs_exchange == ()
    assert changes(on_asterisk(demo), on_asterisk(new)).needs_exchange == (
        "offices.toml: office 9001 fallback_number",
        "offices.toml: office 9003 added",
    )
