"""oncall.toml and [oncall]: every error at once with its place, advice, and what a change of them means."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from callback.cli_pbx import parameters
from config.changes import changes
from config.check import effective, warnings
from config.load import ConfigError, load
from config.model import Config, LineName, Secrets
from hardware.asterisk.pbx_config import extensions_conf

DEMO = Path(__file__).parents[2] / "config" / "demo"
LINES = """
[[line]]
id = "lillevik"
office_no = "9001"
number = "+4773000011"
people = ["kari", "ola"]
substitute = "sami"
leader = "liv"

[[line]]
id = "lillevik-bolig"
office_no = "9001"
name = "Bolig"
group = "housing"
number = "+4773000012"
telephone = "+4740000009"
leader = "liv"
substitute = "maren"
ring = "all"
calendar = "https://calendar.example.org/vakt.ics"
[line.hours]
mon = "08:00-16:00"
"""
ONCALL = """
[oncall]
number = "+4773000090"
fallback_number = "+4740000002"
menu_office = "9001"
callers = ["+4755553333"]
[oncall.contact_centre_hours]
mon = "09:00-14:00"
"""


def written(folder: Path, lines: str = LINES, oncall: str = ONCALL) -> Path:
    """The demo with on-call lines."""
    shutil.copytree(DEMO, folder / "config")
    (folder / "config" / "oncall.toml").write_text(lines, "utf-8")
    file = folder / "config" / "tast1.toml"
    before, _, after = file.read_text("utf-8").partition("[oncall]")
    file.write_text(f"{before}\n[asterisk]{after.partition('[asterisk]')[2]}\n{oncall}", "utf-8")
    return folder / "config"


def loaded(folder: Path, lines: str = LINES, oncall: str = ONCALL) -> Config:
    return load(written(folder, lines, oncall), {}, line="simulated")


def test_read_and_printed_again(tmp_path: Path) -> None:
    """Both lines are there; what `tast1 check` prints of them is TOML that says the same."""
    config = loaded(tmp_path)
    assert [line.id for line in config.lines_of("9001")] == ["lillevik", "lillevik-bolig"]
    assert [line.id for line in config.lines_of("9002")] == ["vakt-9002"]
    text = effective(config, Secrets())
    part = text.partition("# oncall.toml\n")[2].partition("# environment")[0]
    again = tmp_path / "again"
    again.mkdir()
    assert load(written(again, part), {}, line="simulated").lines == config.lines
    assert tomllib.loads(part)["line"][1]["hours"] == {"mon": "08:00-16:00"}
    assert '[oncall.contact_centre_hours]\nmon = "09:00-14:00"\n' in text


ERRORS = [
    ('id = "lillevik-bolig"', 'id = "lillevik"', "oncall.toml: line[2].id: the same as line[1].id"),
    ('"+4773000012"', '"+4773000011"', "oncall.toml: line[2].number: the same as line[1].number"),
    ('"+4773000012"', '"+4773000020"', "oncall.toml: line[2].number: the same as office[2].public_number"),
    ('"+4773000012"', '"+4773000021"', "oncall.toml: line[2].number: the same as office[2].oncall_number"),
    ('"+4773000012"', '"+4740000001"', "oncall.toml: line[2].number: the same as office[1].fallback_number"),
    ('"+4773000012"', '"73000012"', "oncall.toml: line[2].number: not a telephone number"),
    ('"+4773000011"', '"+4773000013"', "offices.toml: office[1].oncall_number: no line of this office"),
    ('office_no = "9001"', 'office_no = "9009"', "oncall.toml: line[1].office_no: no office '9009'"),
    ('["kari", "ola"]', '["kari", "per"]', "oncall.toml: line[1].people[2]: no person 'per' in staff.toml"),
    ('["kari", "ola"]', '["kari", "kari"]', "oncall.toml: line[1].people[2]: the same as line[1].people[1]"),
    ('substitute = "sami"', 'substitute = "nks"', "oncall.toml: line[1].substitute: 'nks' is not of this office, and has no"),
    ('leader = "liv"', 'leader = "eva"', "oncall.toml: line[1].leader: no person 'eva'"),
    ('"+4740000009"', '"+4773000020"', "oncall.toml: line[2].telephone: must be a telephone that somebody carries"),
    ('"+4740000009"', '"+47113"', "oncall.toml: line[2].telephone: "),
    ('mon = "08:00-16:00"', "", "oncall.toml: line[2].hours: no hours at all"),
    ('mon = "08:00-16:00"', "mon = {opens = 08:00:00, closes = 09:00:00}", "oncall.toml: line[2].hours.mon: write hours as text"),
    ('"https://calendar', '"http://calendar', "oncall.toml: line[2].calendar: must begin with https"),
    ('"https://calendar', '"webcal://calendar', "oncall.toml: line[2].calendar: write the address"),
    ('group = "housing"', 'group = "housing"\nring_for = "0s"', "oncall.toml: line[2].ring_for: must be longer"),
    ('number = "+4773000090"', 'number = "+4773000012"', "tast1.toml: oncall.number: an office or a line has it already"),
    ('fallback_number = "+4740000002"', "", "tast1.toml: oncall.fallback_number: missing"),
    ('fallback_number = "+4740000002"', 'fallback_number = "+4773000090"', "tast1.toml: oncall.fallback_number: must ring a telephone"),
    ('menu_office = "9001"', "", "tast1.toml: oncall.menu_office: missing: several offices share number"),
    ('menu_office = "9001"', 'menu_office = "9009"', "tast1.toml: oncall.menu_office: no office '9009'"),
    ('"+4755553333"', '"55553333"', "tast1.toml: oncall.callers[1]: not a telephone number"),
    ('callers = ["+4755553333"]', 'trunks = ["a;b"]', "tast1.toml: oncall.trunks[1]: not the name of a PJSIP endpoint"),
    ('callers = ["+4755553333"]', 'longest = "0s"', "tast1.toml: oncall.longest: must be longer than 0s"),
    ('callers = ["+4755553333"]', 'longest = "19s"', "tast1.toml: oncall.longest: must be at least 20s"),
    ('mon = "09:00-14:00"', "", "tast1.toml: oncall.contact_centre_hours: no hours at all"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), ERRORS)
def test_each_error_is_told_once_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    """One mistake, one line that says file, key and what to do."""
    assert (LINES + ONCALL).count(old) >= 1
    lines, oncall = (
        (LINES.replace(old, new, 1), ONCALL) if old in LINES else (LINES, ONCALL.replace(old, new, 1))
    )
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, lines, oncall)
    first, *more = map(str, raised.value.problems)
    assert first.startswith(told), first
    assert not [one for one in more if "line[1]" not in one and "oncall_number" not in one], more


def test_advice(tmp_path: Path) -> None:
    """Who cannot be rung, who is missing, and that nobody may ring; the same configuration without these is silent."""
    assert warnings(loaded(tmp_path)) == ()
    lines = LINES.replace('["kari", "ola"]', '["kari", "drift"]').replace('substitute = "maren"\n', "")
    staff = tmp_path / "more"
    staff.mkdir()
    folder = written(staff, lines.replace("drift", "ulla"), "")
    with (folder / "staff.toml").open("a", encoding="utf-8") as file:
        file.write('\n[[person]]\nid = "ulla"\nname = "Ulla"\nrole = "caseworker"\noffice_no = "9001"\n')
    told = [str(one) for one in warnings(load(folder, {}, line="simulated"))]
    assert [one.rpartition(": ")[0].partition(": ")[2].split(":")[0] for one in told] == [
        "line[1].people[2]", "line[2].substitute", "oncall.callers",
    ]  # fmt: skip


def test_changes_and_the_exchange(tmp_path: Path) -> None:
    """Lines and settings that changed are named; a number is news for the exchange, other keys are not."""
    old = loaded(tmp_path)
    (first, second), settings = old.lines, old.settings
    service = settings.service.model_copy(update={"line": LineName.ASTERISK})
    old = old.model_copy(update={"settings": settings.model_copy(update={"service": service})})
    oncall = settings.oncall.model_copy(update={"number": "+4773000091", "callers": ()})
    new = old.model_copy(
        update={
            "settings": old.settings.model_copy(update={"oncall": oncall}),
            "lines": (
                first.model_copy(update={"people": ("ola",), "number": "+4773000014"}),
                second.model_copy(update={"id": "bolig"}),
            ),
        }
    )
    told = changes(old, new)
    assert told.changed == (
        "tast1.toml: oncall.number", "tast1.toml: oncall.callers", "oncall.toml: line lillevik number",
        "oncall.toml: line lillevik people", "oncall.toml: line lillevik-bolig removed", "oncall.toml: line bolig added",
    )  # fmt: skip
    assert set(told.needs_exchange) == {
        "oncall.toml: line lillevik number", "oncall.toml: line lillevik-bolig removed",
        "oncall.toml: line bolig added", "tast1.toml: oncall.number",
    }  # fmt: skip


def test_the_exchange_knows_every_number(tmp_path: Path) -> None:
    """Each line falls back to its office's telephone, the common number to its own."""
    secrets = Secrets(ami_secret="a", fastagi_token="b")
    text = extensions_conf(parameters(loaded(tmp_path), secrets, "/sounds"))
    for number, public, fallback in (
        ("+4773000011", "+4773000010", "+4740000001"),
        ("+4773000012", "+4773000010", "+4740000001"),
        ("+4773000021", "+4773000020", "+4740000002"),
        ("+4773000090", "+4773000090", "+4740000002"),
    ):
        assert (
            f"exten => {number},1,Set(TAST1_PUBLIC={public})\n same => n,Set(TAST1_FALLBACK={fallback})\n"
        ) in text
