"""Loading the configuration: what is accepted, and that every error is told with its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callback.web.texts import LANGUAGE_NAMES
from config.check import warnings
from config.load import ConfigError, Problem, load
from config.model import LineName, Role, VoiceSpeed
from config.rules_office import known_languages

DEMO = Path(__file__).parents[2] / "config" / "demo"
FILES = ("tast1.toml", "offices.toml", "staff.toml")

Edit = Callable[[str, str, str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demo configuration."""
    for name in FILES:
        shutil.copy(DEMO / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Replaces the first occurrence of a text in a file, which must be there."""

    def replace(file: str, old: str, new: str) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace


def problems(folder: Path) -> list[Problem]:
    try:
        load(folder, {})
    except ConfigError as error:
        return list(error.problems)
    return []


def places(folder: Path) -> set[str]:
    return {f"{problem.file}: {problem.key}" for problem in problems(folder)}


def test_callers_are_spoken_to_normally_or_slowly(folder: Path, edit: Edit) -> None:
    """Normal unless the office says slow; there is no third speed."""
    assert [office.voice_speed for office in load(folder, {}).offices] == [VoiceSpeed.NORMAL] * 2
    edit("offices.toml", 'voice_speed = "normal"', 'voice_speed = "slow"')
    assert [office.voice_speed for office in load(folder, {}).offices] == [VoiceSpeed.SLOW, VoiceSpeed.NORMAL]
    edit("offices.toml", 'voice_speed = "slow"', 'voice_speed = "fast"')
    assert places(folder) == {"offices.toml: office[1].voice_speed"}


def test_demo_is_sound() -> None:
    """The demo configuration loads and holds the two offices of the local exchange."""
    config = load(DEMO, {})
    assert config.settings.service.line is LineName.SIMULATED
    lillevik, storvik = config.offices
    assert (lillevik.office_no, lillevik.municipality_no, lillevik.public_number, lillevik.oncall_number) == (
        "9001", "9901", "+4773000010", "+4773000011",
    )  # fmt: skip
    assert (storvik.office_no, storvik.municipality_no, storvik.public_number, storvik.oncall_number) == (
        "9002", "9902", "+4773000020", "+4773000021",
    )  # fmt: skip
    extensions = {
        person.extension: (person.id, person.office_no) for person in config.people if person.extension
    }
    assert {extensions["201"], extensions["202"], extensions["203"]} == {
        ("kari", "9001"), ("ola", "9001"), ("sami", "9001"),
    }  # fmt: skip
    assert (extensions["204"][1], extensions["205"][1]) == ("9002", "9002")
    assert [person.mobile for person in config.people if person.role is Role.LEADER] == ["+4740000003"]
    assert {person.role for person in config.people} == set(Role)


def test_command_line_wins_over_the_file() -> None:
    """`line` and `port` given to load stand in for the file's, and are checked like them."""
    config = load(DEMO, {}, line="asterisk", port=9600)
    assert (config.settings.service.line, config.settings.service.port) == (LineName.ASTERISK, 9600)
    with pytest.raises(ConfigError) as error:
        load(DEMO, {}, line="pigeon", port=4573)
    assert {problem.key for problem in error.value.problems} == {"service.line"}


ONE_ERROR = [
    # what, file, text in the demo, what stands there instead, key of the problem, word in its message
    ("unknown key", "tast1.toml", "port = 8600", "prot = 8600", "service.prot", "unknown key"),
    ("unknown section", "tast1.toml", "[retry]", "[retrie]", "retrie", "[retry]"),
    ("wrong type", "tast1.toml", "port = 8600", 'port = "many"', "service.port", "whole number"),
    ("float", "tast1.toml", "port = 8600", "port = 8600.5", "service.port", "whole number"),
    ("list for number", "tast1.toml", "port = 8600", "port = [1]", "service.port", "whole number"),
    ("small number", "tast1.toml", "port = 8600", "port = -1", "service.port", "not less than 0"),
    ("large number", "tast1.toml", "port = 8600", "port = 70000", "service.port", "not greater than 65535"),
    ("number for text", "offices.toml", '"Nav Lillevik"', "7", "office[1].name", "in quotes"),
    ("empty text", "offices.toml", '"Nav Lillevik"', '""', "office[1].name", "empty"),
    ("text for yes", "tast1.toml", "local_pbx = true", 'local_pbx = "maybe"', "asterisk.local_pbx", "true or false"),
    ("level", "tast1.toml", 'log_level = "info"', 'log_level = "loud"', "service.log_level", '"debug", "info"'),
    ("text for list", "offices.toml", '["nb", "en"]', '"nb"', "office[1].languages", "square brackets"),
    ("bad duration", "tast1.toml", '"7m"', '"7 minutes"', "retry.busy", '"45m"'),
    ("endless duration", "tast1.toml", '"7m"', '"99999999999d"', "retry.busy", "too long"),
    ("no duration", "tast1.toml", 'caller_ring = "35s"', 'caller_ring = "0s"', "calls.caller_ring", "longer"),
    ("no back-off", "tast1.toml", 'line_failed = "1m"', 'line_failed = "0s"', "retry.line_failed", "longer"),
    ("small maximum", "tast1.toml", '"10m"', '"30s"', "retry.line_failed_max", "shorter"),
    ("port clash", "tast1.toml", "port = 8600", "port = 4573", "asterisk.fastagi_port", "service.port"),
    ("ami clash", "tast1.toml", "ami_port = 5038", "ami_port = 4573", "asterisk.fastagi_port", "ami_port"),
    ("impossible port", "tast1.toml", "ami_port = 5038", "ami_port = 0", "asterisk.ami_port", "65535"),
    ("bad address", "tast1.toml", '["127.0.0.1"]', '["the pbx"]', "asterisk.fastagi_allow[1]", "IP address"),
    ("bad user", "tast1.toml", '"tast1"', '"tast1\\r\\nX: y"', "asterisk.ami_user", "letters"),
    ("service name", "tast1.toml", 'service_address = "127.0.0.1"', 'service_address = "tast1"', "asterisk.service_address",
     "IP address"),
    ("bad url", "tast1.toml", "# public_url = ", "public_url = 'tast1:80' # ", "service.public_url", "http://"),
    ("url port", "tast1.toml", "# public_url = ", "public_url = 'http://a:x' # ", "service.public_url", "http://"),
    ("no country", "tast1.toml", "[47]", "[47, 4747]", "numbers.country_codes[2]", "4747"),
    ("allow bare", "tast1.toml", "allow = []", 'allow = ["02800"]', "numbers.allow[1]", "+4702800"),
    ("allow emergency", "tast1.toml", "allow = []", 'allow = ["+47113"]', "numbers.allow[1]", "emergency"),
    ("bad hours", "offices.toml", 'mon = "09:00-15:00"', 'mon = "9-15"', "office[1].phone_hours.mon", "09:00-15:00"),
    ("hours turned", "offices.toml", 'fri = "10:00-13:00"', 'fri = "13:00-10:00"', "office[2].phone_hours.fri", "later"),
    ("drop-in turned", "offices.toml", 'tue = "10:00-12:00"', 'tue = "12:00-10:00"', "office[2].drop_in_hours.tue", "later"),
    ("drop-in no text", "offices.toml", 'tue = "10:00-12:00"', "tue = {opens = 10:00:00, closes = 12:00:00}",
     "office[2].drop_in_hours.tue", "as text"),
    ("drop-in of a special day", "offices.toml", 'drop_in_hours = "10:00-12:00"', 'drop_in_hours = "noon"',
     "office[1].special_days[2].drop_in_hours", "09:00-15:00"),
    ("special day closed", "offices.toml", 'phone_hours = "09:00-12:00"', 'phone_hours = "closed"',
     "office[1].special_days[2].phone_hours", "leave the key phone_hours out: then the office is closed that day"),
    ("special day empty", "offices.toml", 'phone_hours = "09:00-12:00"', 'phone_hours = ""',
     "office[1].special_days[2].phone_hours", "leave the key phone_hours out: then the office is closed that day"),
    ("special day no drop-in", "offices.toml", 'drop_in_hours = "10:00-12:00"', 'drop_in_hours = ""',
     "office[1].special_days[2].drop_in_hours", "leave the key drop_in_hours out: then there is no drop-in that day"),
    ("closed weekday", "offices.toml", 'mon = "09:00-15:00"', 'mon = "closed"', "office[1].phone_hours.mon", "leave the day out if closed"),
    ("menu too low", "offices.toml", 'thu = "10:00-12:00"', 'thu = "10:00-12:00"\nmenu = "x.toml"', "office[2].drop_in_hours.menu",
     "menu belongs to the office: move it above [office.phone_hours]"),
    ("menu below a day", "offices.toml", "date = 2026-12-24", 'date = 2026-12-24\nmenu = "x.toml"', "office[1].special_days[1].menu",
     "menu belongs to the office: move it above"),
    ("misspelt", "offices.toml", "urgent_limit", "urgnt_limit", "office[1].urgnt_limit", "did you mean 'urgent_limit'?"),
    ("misspelt day", "offices.toml", 'mon = "09:00', 'man = "09:00', "office[1].phone_hours.man", "did you mean 'mon'?"),
    ("misspelt in a day", "offices.toml", 'phone_hours = "09', 'phone_hour = "09', "office[1].special_days[2].phone_hour", "'phone_hours'?"),
    ("misspelt setting", "tast1.toml", "port = 8600", "prt = 8600", "service.prt", "did you mean 'port'?"),
    ("date in words", "offices.toml", "2026-12-24", '"Christmas Eve"', "office[1].special_days[1].date", "year first: 2026-12-24"),
    ("date of a moment", "offices.toml", "2026-12-24", "2026-12-24T10:00:00", "office[1].special_days[1].date", "year first: 2026-12-24"),
    ("no drop-in day", "offices.toml", 'tue = "10:00-12:00"\nthu = "10:00-12:00"', "", "office[2].drop_in_hours", "leave the table out"),
    ("impossible hour", "offices.toml", 'mon = "09:00-15:00"', 'mon = "09:00-25:00"', "office[1].phone_hours.mon", "hour"),
    ("hours as table", "offices.toml", 'mon = "09:00-15:00"', "mon = {opens = 15:00:00, closes = 09:00:00}",
     "office[1].phone_hours.mon", "as text"),
    ("no number", "offices.toml", '"+4773000010"', '"73000010"', "office[1].public_number", "+47"),
    ("premium number", "offices.toml", '"+4773000020"', '"+4782012345"', "office[2].public_number", "8xx"),
    ("foreign fall-back", "offices.toml", '"+4740000002"', '"+46701234567"', "office[2].fallback_number", "foreign"),
    ("fall-back loop", "offices.toml", '"+4740000001"', '"+4773000010"', "office[1].fallback_number", "telephone"),
    ("fall-back next door", "offices.toml", '"+4740000001"', '"+4773000021"', "office[1].fallback_number", "telephone"),
    ("same office_no", "offices.toml", '\noffice_no = "9002"', '\noffice_no = "9001"', "office[2].office_no", "office[1].office_no"),
    ("same number", "offices.toml", '"+4773000020"', '"+4773000010"', "office[2].public_number", "office[1].public_number"),
    ("number is on-call", "offices.toml", '"+4773000021"', '"+4773000010"', "office[2].oncall_number", "office[1].public"),
    ("office_no", "offices.toml", '"9901"', '"99"', "office[1].municipality_no", "pattern"),
    ("language", "offices.toml", '["nb", "en"]', '["nb", "tlh"]', "office[1].languages[2]", "tlh"),
    ("no language", "offices.toml", '["nb", "en"]', "[]", "office[1].languages", "at least one"),
    ("language twice", "offices.toml", '["nb", "en"]', '["nb", "nb"]', "office[1].languages[2]", "languages[1]"),
    ("special day twice", "offices.toml", "2026-12-31", '"2026-12-24"', "office[1].special_days[2].date", "special_days[1]"),
    ("no urgent limit", "offices.toml", '"2h"', '"0m"', "office[1].urgent_limit", "longer"),
    ("its own substitute", "offices.toml", 'substitute_office = "9002"', 'substitute_office = "9001"', "office[1].substitute_office", "itself"),
    ("unknown substitute", "offices.toml", 'substitute_office = "9002"', 'substitute_office = "9009"', "office[1].substitute_office", "9009"),
    ("no language", "staff.toml", 'extension = "201"', 'extension = "201"\nlanguages = ["tlh"]', "person[1].languages[1]", "tlh"),
    ("unknown leader", "staff.toml", 'extension = "201"', 'extension = "201"\nreports_to = "lis"', "person[1].reports_to", "'lis'"),
    ("no leader", "staff.toml", 'extension = "201"', 'extension = "201"\nreports_to = ["ola"]', "person[1].reports_to", "role leader"),
    ("a circle", "staff.toml", 'mobile = "+4740000003"', 'mobile = "+4740000003"\nreports_to = "liv"', "person[4].reports_to", "circle"),
    ("prying", "staff.toml", 'role = "contact_centre"', 'role = "contact_centre"\nprotected_access = true', "person[7].protected_access", "contact centre"),
    ("same person", "staff.toml", 'id = "ola"', 'id = "kari"', "person[2].id", "person[1].id"),
    ("same extension", "staff.toml", '"203"', '"201"', "person[3].extension", "person[1].extension"),
    ("unknown role", "staff.toml", '"contact_centre"', '"boss"', "person[7].role", 'write one of: "caseworker"'),
    ("unknown office", "staff.toml", 'office_no = "9001"', 'office_no = "9009"', "person[1].office_no", "9009"),
    ("no office", "staff.toml", 'office_no = "9001"', "", "person[1].office_no", "belongs"),
    ("bad mobile", "staff.toml", '"+4740000003"', '"+47112"', "person[4].mobile", "emergency"),
    ("bad id", "staff.toml", 'id = "ola"', 'id = "Ola Berg"', "person[2].id", "pattern"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "word"), [row[1:] for row in ONE_ERROR], ids=[r[0] for r in ONE_ERROR]
)
def test_each_error_is_told_once_with_its_place(
    folder: Path, edit: Edit, file: str, old: str, new: str, key: str, word: str
) -> None:
    """One mistake gives one problem, with file and key, that says what to write."""
    edit(file, old, new)
    found = [problem for problem in problems(folder) if (problem.file, problem.key) == (file, key)]
    assert len(found) == 1
    assert word in found[0].message
    lost_office = {"staff.toml: person[5].office_no", "staff.toml: person[6].office_no"}
    lost_office |= {"offices.toml: office[1].substitute_office"}
    assert places(folder) - {f"{file}: {key}"} == (lost_office if key == "office[2].office_no" else set())


def test_office_without_any_hours_is_refused(folder: Path) -> None:
    """An office that never answers could keep no promise."""
    text = (folder / "offices.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("mon", "tue", "wed", "thu", "fri"))]
    (folder / "offices.toml").write_text("\n".join(lines), encoding="utf-8")
    wanted = {f"offices.toml: office[{n}].{kind}_hours" for n in (1, 2) for kind in ("phone", "drop_in")}
    assert places(folder) == wanted


def test_syntax_error_gives_its_line_and_hides_nothing(folder: Path, edit: Edit) -> None:
    """A file that is no TOML is told with the line, and the other files' errors beside it."""
    edit("offices.toml", 'name = "Nav Lillevik"', 'name = "Nav Lillevik')
    edit("staff.toml", '"203"', '"201"')
    edit("tast1.toml", "port = 8600", "port = -1")
    line = (folder / "offices.toml").read_text(encoding="utf-8").split("Nav Lillevik")[0].count("\n") + 1
    assert places(folder) == {
        f"offices.toml: line {line}",
        "staff.toml: person[3].extension",
        "tast1.toml: service.port",
    }


def test_many_errors_in_one_table_are_all_told(folder: Path, edit: Edit) -> None:
    """A broken office does not hide its own further errors, nor those of the one it is compared with."""
    edit("offices.toml", 'urgent_limit = "2h"', 'urgent_limit = "soon"\nspeed = 3')
    edit("offices.toml", '"+4773000020"', '"+4773000010"')
    edit("offices.toml", '["nb", "en"]', '["tlh"]')
    assert places(folder) == {
        "offices.toml: office[1].urgent_limit",
        "offices.toml: office[1].speed",
        "offices.toml: office[1].languages[1]",
        "offices.toml: office[2].public_number",
    }


def test_a_file_that_is_not_ours_is_told(folder: Path) -> None:
    """A misspelt name would otherwise be silently ignored."""
    (folder / "office.toml").write_text("", encoding="utf-8")
    (told,) = problems(folder)
    assert (
        str(told)
        == 'office.toml: not a file of Tast 1: if it is a menu, name it at an office (menu = "office.toml"); else keep it in another folder'
    )


def test_missing_files_are_all_told(tmp_path: Path) -> None:
    """An empty folder lacks three files."""
    assert places(tmp_path) == {"tast1.toml: ", "offices.toml: ", "staff.toml: "}
    assert all("missing" in problem.message for problem in problems(tmp_path))


def test_broken_file_end_is_told(folder: Path) -> None:
    """An array that is never closed is told at the end of the file."""
    (folder / "staff.toml").write_text("person = [", encoding="utf-8")
    assert places(folder) == {"staff.toml: last line"}


def test_file_in_another_encoding_is_told(folder: Path) -> None:
    """Latin-1 is refused with what to do; Notepad's byte order mark is not."""
    (folder / "staff.toml").write_bytes("# Bj\u00f8rn".encode("latin-1"))
    assert [problem.message for problem in problems(folder)] == ["not UTF-8; save the file as UTF-8"]
    (folder / "staff.toml").write_bytes(b"\xef\xbb\xbf" + (DEMO / "staff.toml").read_bytes())
    assert problems(folder) == []


@pytest.mark.parametrize("text", ["", "[office]\noffice_no = '9001'", "office = [1]", "office = []"])
def test_offices_must_be_a_list_of_tables(folder: Path, text: str) -> None:
    """One bracket instead of two, or nothing at all, is told with what to write."""
    (folder / "offices.toml").write_text(text, encoding="utf-8")
    assert [(problem.key, "[[office]]" in problem.message) for problem in problems(folder)] == [
        ("office", True)
    ]


def test_unknown_key_beside_the_tables_is_told(folder: Path, edit: Edit) -> None:
    """A misspelt table name is told, not ignored."""
    edit("staff.toml", '[[person]]\nid = "ola"', '[[persn]]\nid = "ola"')
    assert places(folder) == {"staff.toml: persn"}


def test_every_key_of_tast1_toml_has_a_default(folder: Path) -> None:
    """The demo's tast1.toml shows the defaults: an empty one gives the same, but for the local exchange and its contact
    centre."""
    shown = load(folder, {}).settings
    own = '[asterisk]\nlocal_pbx = true\n[oncall]\ncallers = ["+4755553333"]\n'
    (folder / "tast1.toml").write_text(own, encoding="utf-8")
    assert load(folder, {}).settings == shown


def test_error_text_is_file_key_message(tmp_path: Path) -> None:
    """The exception's own text is what the check prints."""
    with pytest.raises(ConfigError) as error:
        load(tmp_path, {})
    assert (
        str(Problem("offices.toml", "office[1].name", "missing")) == "offices.toml: office[1].name: missing"
    )
    assert str(error.value).splitlines()[0].startswith("tast1.toml: missing")


def test_norwegian_and_english_are_known() -> None:
    """The two languages of the demo have prompts."""
    assert {"nb", "en"} <= known_languages()


def test_languages_an_office_may_list() -> None:
    """All that have prompts, and South Sami, which a person speaks; the pages name each of them."""
    assert known_languages() == {"nb", "en", "uk", "ar", "ru", "pl", "ti", "so", "sma"}
    assert known_languages() <= LANGUAGE_NAMES.keys()


VALUES = st.sampled_from(
    ["1", "true", '""', '"x"', "[]", "[1]", '["x"]', "{}", "[{}]", "{x = 1}", "2026-01-01", "nan"]
)
LINES = [(name, number) for name in FILES for number, line in enumerate((DEMO / name).read_text(encoding="utf-8").splitlines())
         if " = " in line and not line.startswith("#")]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(LINES), VALUES), max_size=3))
def test_whatever_stands_in_the_files_is_loaded_or_reported(
    folder: Path, edits: list[tuple[tuple[str, int], str]]
) -> None:
    """Values of any type in any key give a configuration or problems, never another exception."""
    for name in FILES:
        lines = (DEMO / name).read_text(encoding="utf-8").splitlines()
        for (file, number), value in edits:
            if file == name:
                lines[number] = f"{lines[number].split(' = ')[0]} = {value}"
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    assert all(problem.message for problem in problems(folder))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('drop_in_hours = "10:00-12:00"\n', "", "office[1].special_days[2]: no drop_in_hours: drop-in 10:00-14:00 of that weekday"),
        ("2026-12-24", "2026-12-26", "office[1].special_days[1]: changes nothing: Saturday is closed anyway; is 2026-12-26 the"),
        ("2026-12-24", "2020-12-24", ""),
        ("date = 2026-12-24", 'date = 2026-12-26\nphone_hours = "10:00-12:00"', ""),
    ],
)  # fmt: skip
def test_special_days_somebody_should_look_at(
    folder: Path, edit: Edit, old: str, new: str, said: str
) -> None:
    """Drop-in that falls away unsaid, and a closed day that was closed; a past day and a Saturday that is open are fine."""
    assert warnings(load(folder, {})) == ()
    edit("offices.toml", old, new)
    told = [str(one) for one in warnings(load(folder, {}))]
    assert len(told) == bool(said)
    assert all(line.startswith(f"offices.toml: {said}") for line in told)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('mon = "09:00-15:00"', "mon = 09:00-15:00", 'write hours in quotes, as in "09:00-15:00"'),
        ('mon = "09:00-15:00"', "mon = 9-15 # short", 'write hours in quotes, as in "09:00-15:00"'),
        ("2026-12-24", "24.12.2026", "write a date without quotes, year first: 2026-12-24"),
        ("2026-12-24", "2026-12-4", "write a date without quotes, year first: 2026-12-24"),
        ('"2h"', "2h", 'write text in quotes, as in "..."'),
        ('"Nav Lillevik"', "Nav Lillevik", 'write text in quotes, as in "..."'),
        ('"+4773000010"', "+47 73 00 00 10", 'write text in quotes, as in "..."'),
        ('["nb", "en"]', "[nb, en]", 'write text in quotes, as in "..."'),
    ],
)
def test_what_lacks_its_quotes(folder: Path, edit: Edit, old: str, new: str, said: str) -> None:
    """Said as people would write it right."""
    edit("offices.toml", old, new)
    (told,) = problems(folder)
    assert told.message.startswith(f"not TOML: {said} (column ")


def test_special_days_in_one_bracket(folder: Path, edit: Edit) -> None:
    """The first day is a table then: said what to write."""
    edit("offices.toml", "[[office.special_days]]\ndate = 2026-12-31", "[office.none]\nx = 2026-12-31")
    edit("offices.toml", "[[office.special_days]]", "[office.special_days]")
    told = {problem.key: problem.message for problem in problems(folder)}
    assert (
        told["office[1].special_days"]
        == "write [[office.special_days]], two brackets, for each day (office 9001)"
    )
