"""What an office on Twilio needs is asked for at once, with file and key; and nothing of it where nobody is."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from callback.cli import DEMO_CONFIG
from callback.lines import account_of
from config.check import warnings
from config.load import ConfigError, load, load_secrets
from config.model import LineName
from hardware.twilio.rest import Http, client

TOKEN = {"TAST1_TWILIO_TOKEN": "t" * 32}
WHOLE = """
[twilio]
account_sid = "AC00000000000000000000000000000000"
public_url = "https://tast1-calls.example.org"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo, with its first office on Twilio."""
    made = tmp_path / "config"
    shutil.copytree(DEMO_CONFIG, made)
    offices = (made / "offices.toml").read_text()
    (made / "offices.toml").write_text(
        offices.replace('\noffice_no = "9001"\n', '\noffice_no = "9001"\nline = "twilio"\n', 1)
    )
    return made


def write(folder: Path, more: str) -> None:
    path = folder / "tast1.toml"
    path.write_text(path.read_text() + more)


def problems(folder: Path, environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, environ)
    return [str(problem) for problem in caught.value.problems]


def test_missing(folder: Path) -> None:
    """Account, address and token are asked for together."""
    told = "\\n".join(problems(folder, {}))
    for key in ("twilio.account_sid", "twilio.public_url", "TAST1_TWILIO_TOKEN"):
        assert key in told
    assert len(problems(folder, {})) == 3


@pytest.mark.parametrize(
    ("more", "key"),
    [
        (WHOLE.replace("https", "http"), "twilio.public_url"),
        (WHOLE.replace(".org", ".org/#x"), "twilio.public_url"),
        (WHOLE + "port = 8600\n", "twilio.port"),
        (WHOLE + "calls_per_second = 0\n", "calls_per_second"),
        (WHOLE + 'sip_domain = "a b"\n', "sip_domain"),
        (WHOLE + 'region = "eu1"\n', "twilio.region"),
        (WHOLE.replace("AC0", "XX0"), "account_sid"),
    ],
)
def test_wrong(folder: Path, more: str, key: str) -> None:
    """Each mistake names its key."""
    write(folder, more)
    assert any(key in problem for problem in problems(folder, TOKEN))


def test_an_extension_at_twilio(folder: Path) -> None:
    """Twilio knows no extensions of an exchange: `tast1 check` names who cannot be rung there."""

    def told() -> list[str]:
        return [str(one) for one in warnings(load(folder, TOKEN)) if "sip_domain" in str(one)]

    write(folder, WHOLE)
    (said,) = told()
    assert "offices.toml" in said
    assert "9001" in said
    assert "kari" in said
    write(folder, 'sip_domain = "pbx.example.org"\n')
    assert told() == []


def test_mixed(folder: Path) -> None:
    """One office on Twilio, the others where the service says; --line wins over every office."""
    write(folder, WHOLE)
    config = load(folder, TOKEN)
    assert (config.line_of_office("9001"), config.line_of_office("9002")) == (
        LineName.TWILIO,
        LineName.SIMULATED,
    )
    assert config.line_names == (LineName.SIMULATED, LineName.TWILIO)
    secrets = load_secrets(TOKEN | {"TAST1_TWILIO_SECOND_TOKEN": "s"}, config)
    assert (secrets.twilio_token, secrets.twilio_second_token) == ("t" * 32, "s")
    assert "tttt" not in repr(secrets)
    assert load(folder, {}, line="simulated").line_names == (LineName.SIMULATED,)


def test_needed_at_the_start(folder: Path) -> None:
    """A service whose token is gone does not start."""
    write(folder, WHOLE)
    config = load(folder, TOKEN)
    with pytest.raises(ConfigError, match="TAST1_TWILIO_TOKEN"):
        load_secrets({}, config)


def test_fallback_url(folder: Path) -> None:
    """What Twilio asks when we do not answer must be https too."""
    write(folder, WHOLE)
    offices = folder / "offices.toml"
    offices.write_text(
        offices.read_text().replace(
            'line = "twilio"\n', 'line = "twilio"\nfallback_url = "http://example.org"\n', 1
        )
    )
    (problem,) = problems(folder, TOKEN)
    assert "fallback_url" in problem
    assert "9001" in problem


@pytest.mark.parametrize(
    ("region", "asked"), [("us1", "api.twilio.com"), ("ie1", "api.dublin.ie1.twilio.com")]
)
async def test_region(folder: Path, region: str, asked: str) -> None:
    """The region that is set is asked, whatever the environment says."""
    write(folder, WHOLE + f'region = "{region}"\n')
    config = load(folder, TOKEN)
    account = account_of(config, load_secrets(TOKEN, config))
    http = Http()
    try:
        made = client(account.sid, account.token, http, account.api_url)
        assert urlsplit(made.get_hostname(made.api.v2010.absolute_url("/Calls.json"))).hostname == asked
    finally:
        await http.close()


@pytest.mark.parametrize(("more", "is_warned"), [("", True), ('region = "ie1"\n', False)])
def test_outside_the_eea(folder: Path, more: str, is_warned: bool) -> None:
    """Nobody sends calls to the USA without having been told."""
    write(folder, WHOLE + more)
    told = [one for one in warnings(load(folder, TOKEN)) if one.key == "twilio.region"]
    assert bool(told) == is_warned
