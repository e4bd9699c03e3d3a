"""[notices] and its secrets: what is refused, all at once with file and key, what is warned of, and what `check` prints."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from config.changes import changes
from config.check import effective, warnings
from config.load import ConfigError, load, load_secrets

DEMO = Path(__file__).parents[2] / "config" / "demo"
ALL = {
    "TAST1_SMS_TOKEN": "s3cret-sms",
    "TAST1_TWILIO_TOKEN": "s3cret-tw",
    "TAST1_SMTP_PASSWORD": "s3cret-mail",
}
HTTP = 'sms = "http"\n[notices.http]\nurl = "https://sms.example.org/send"\n'
TWILIO = f'sms = "twilio"\n[notices.twilio]\naccount_sid = "AC{"0" * 32}"\nsender = "+4740000009"\n'
MAIL = '[notices.email]\nhost = "mail.example.org"\nsender = "tast1@example.org"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demo configuration."""
    shutil.copytree(DEMO, tmp_path, dirs_exist_ok=True)
    return tmp_path


def write(folder: Path, notices: str) -> None:
    """Puts these lines under [notices]."""
    file = folder / "tast1.toml"
    file.write_text(file.read_text("utf-8").replace("[notices]\n", f"[notices]\n{notices}\n", 1), "utf-8")


def told(folder: Path, environ: dict[str, str] | None = None) -> set[str]:
    try:
        load(folder, environ or {})
    except ConfigError as error:
        told = str(error)
        if any(secret in told for secret in (environ or {}).values() if secret):
            return {"a secret was repeated"}
        return {f"{problem.file}: {problem.key}" for problem in error.problems}
    return set()


def test_nothing_is_the_default(folder: Path) -> None:
    """The demo sends nothing and needs no secret."""
    notices = load(folder, {}).settings.notices
    assert (notices.sms, notices.email) == (None, None)


@pytest.mark.parametrize(
    ("notices", "environ", "places"),
    [
        (HTTP, ALL, set()),
        (TWILIO, ALL, set()),
        (MAIL, {}, set()),
        (MAIL + 'user = "tast1"\n', {}, {"environment: TAST1_SMTP_PASSWORD"}),
        (MAIL + 'user = "tast1"\n', ALL, set()),
        (HTTP, {}, {"environment: TAST1_SMS_TOKEN"}),
        (HTTP, {"TAST1_SMS_TOKEN": ""}, {"environment: TAST1_SMS_TOKEN"}),
        (TWILIO, {}, {"environment: TAST1_TWILIO_TOKEN"}),
        (HTTP.replace("https://sms.example.org", "http://127.0.0.1:9999"), {}, set()),
        (HTTP.replace("https", "http"), ALL, {"tast1.toml: notices.http.url"}),
        (HTTP.replace("https://sms.example.org/send", "sms"), ALL, {"tast1.toml: notices.http.url"}),
        (HTTP.replace("https://", "https://me:pass@"), ALL, {"tast1.toml: notices.http.url"}),
        (
            HTTP.replace("https://sms.example.org/send", "https://[half"),
            ALL,
            {"tast1.toml: notices.http.url"},
        ),
        (HTTP + 'fields = { to = "x" }\n', ALL, {"tast1.toml: notices.http.fields"}),
        (HTTP + 'key = "text"\n', ALL, {"tast1.toml: notices.http.fields"}),
        ('sms = "http"', {}, {"tast1.toml: notices.http"}),
        ('sms = "twilio"', ALL, {"tast1.toml: notices.twilio"}),
        ('sms = "pigeon"', {}, {"tast1.toml: notices.sms"}),
        (HTTP + 'colour = "blue"\n', ALL, {"tast1.toml: notices.http.colour"}),
        (TWILIO.replace("AC0", "SK0"), ALL, {"tast1.toml: notices.twilio.account_sid"}),
        (TWILIO.replace("+4740000009", "a name far too long"), ALL, {"tast1.toml: notices.twilio.sender"}),
        (TWILIO.replace("+4740000009", "12345"), ALL, {"tast1.toml: notices.twilio.sender"}),
        (TWILIO.replace("+4740000009", "Tast 1"), ALL, set()),
        (TWILIO.replace("+4740000009", "MG" + "a" * 32), ALL, set()),
        (MAIL.replace("tast1@example.org", "tast1"), {}, {"tast1.toml: notices.email.sender"}),
        (MAIL + 'security = "none"\n', {}, {"tast1.toml: notices.email.security"}),
        (
            MAIL + 'security = "none"\nuser = "tast1"\n',
            {},
            {
                "tast1.toml: notices.email.security",
                "tast1.toml: notices.email.user",
                "environment: TAST1_SMTP_PASSWORD",
            },
        ),
        (HTTP, ALL | {"TAST1_SMS_TOKEN": "a\nb"}, {"environment: TAST1_SMS_TOKEN"}),
        (
            'sms = "http"\n' + MAIL.replace("tast1@example.org", "x") + "port = 0\n",
            {},
            {"tast1.toml: notices.email.port"},
        ),
    ],
)
def test_refused(folder: Path, notices: str, environ: dict[str, str], places: set[str]) -> None:
    """Each error with its file and key."""
    write(folder, notices)
    assert told(folder, environ) == places


def test_address_of_a_person(folder: Path) -> None:
    """An address that is none is refused."""
    staff = folder / "staff.toml"
    staff.write_text(
        staff.read_text("utf-8").replace('id = "liv"', 'id = "liv"\nemail = "liv at home"', 1), "utf-8"
    )
    assert told(folder) == {"staff.toml: person[4].email"}


def test_secrets_are_read_and_never_printed(folder: Path) -> None:
    """They come from the environment; `check` says only that they are set, and prints TOML that can be read again."""
    write(folder, HTTP + 'fields = { from = "12345" }\n' + MAIL + 'user = "tast1"\n')
    config = load(folder, ALL)
    secrets = load_secrets(ALL, config)
    assert (secrets.sms_token, secrets.twilio_token, secrets.smtp_password) == tuple(ALL.values())
    printed = effective(config, secrets)
    assert not any(secret in printed for secret in ALL.values())
    assert "# TAST1_SMS_TOKEN: set" in printed
    assert not any(secret in repr(secrets) for secret in ALL.values())
    again = tomllib.loads(printed.partition("# offices.toml")[0])
    assert again["notices"]["http"]["fields"] == {"from": "12345"}
    assert again["notices"]["email"]["port"] == 587
    with pytest.raises(ConfigError):
        load_secrets({}, config)


def test_warnings(folder: Path) -> None:
    """Languages nobody has reviewed, tables that are not used, offices whose leader has no address."""
    write(folder, TWILIO + HTTP.partition("\n")[2] + MAIL)
    told = {f"{w.key}: {w.message}" for w in warnings(load(folder, ALL))}
    assert any(w.startswith("notices.sms: the SMS in ar, pl, ru, so, ti, uk") for w in told)
    assert 'notices.http: not used: sms is not "http"' in told
    assert "notices.email: no leader of office 9001 has an email in staff.toml" in told


def test_reload_can_change_it(folder: Path) -> None:
    """No restart is needed."""
    before = load(folder, {})
    write(folder, MAIL)
    made = changes(before, load(folder, {}))
    assert made.changed == ("tast1.toml: notices.email",)
    assert made.needs_restart == ()
