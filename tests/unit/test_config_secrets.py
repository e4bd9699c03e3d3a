"""Secrets come from the environment: which are needed, which are refused, and that none is repeated."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from config.load import ConfigError, Problem, load, load_secrets
from config.rules_service import is_loopback

DEMO = Path(__file__).parents[2] / "config" / "demo"
SECRETS = {"TAST1_AMI_SECRET": "s3cret", "TAST1_FASTAGI_TOKEN": "t0ken"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demo configuration."""
    shutil.copytree(DEMO, tmp_path, dirs_exist_ok=True)
    return tmp_path


def edit(folder: Path, old: str, new: str) -> None:
    """Replaces the first occurrence of a text in tast1.toml, which must be there."""
    text = (folder / "tast1.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "tast1.toml").write_text(text.replace(old, new, 1), encoding="utf-8")


def problems(folder: Path, environ: dict[str, str]) -> list[Problem]:
    try:
        load(folder, environ)
    except ConfigError as error:
        return list(error.problems)
    return []


def places(folder: Path, environ: dict[str, str] | None = None) -> set[str]:
    return {f"{problem.file}: {problem.key}" for problem in problems(folder, environ or {})}


def test_asterisk_needs_its_secrets(folder: Path) -> None:
    """Outside the local exchange both secrets must be in the environment; an empty one is none."""
    edit(folder, 'line = "simulated"', 'line = "asterisk"')
    edit(folder, "local_pbx = true", "local_pbx = false")
    assert places(folder) == {"environment: TAST1_AMI_SECRET", "environment: TAST1_FASTAGI_TOKEN"}
    assert places(folder, {**SECRETS, "TAST1_AMI_SECRET": ""}) == {"environment: TAST1_AMI_SECRET"}
    config = load(folder, SECRETS)
    assert load_secrets(SECRETS, config).ami_secret == "s3cret"
    with pytest.raises(ConfigError):
        load_secrets({}, config)


def test_a_remote_exchange_never_gets_the_published_secret(folder: Path) -> None:
    """An exchange elsewhere needs secrets, encryption and addresses it can reach; all are told at once."""
    edit(folder, 'line = "simulated"', 'line = "asterisk"')
    edit(folder, 'ami_host = "127.0.0.1"', 'ami_host = "pbx.example.org"')
    assert places(folder) == {
        "tast1.toml: asterisk.local_pbx",
        "tast1.toml: asterisk.ami_tls",
        "tast1.toml: asterisk.fastagi_host",
        "tast1.toml: asterisk.service_address",
        "tast1.toml: service.public_url",
        "environment: TAST1_AMI_SECRET",
        "environment: TAST1_FASTAGI_TOKEN",
    }


def test_local_exchange_uses_the_published_secret() -> None:
    """On loopback the published default is used, unless the environment has another."""
    config = load(DEMO, {}, line="asterisk")
    assert load_secrets({}, config).ami_secret == "local-pbx"
    assert load_secrets({}, config).fastagi_token == "local-pbx"
    assert load_secrets(SECRETS, config).fastagi_token == "t0ken"


@pytest.mark.parametrize(
    ("name", "value"), [("TAST1_AMI_SECRET", "a\r\nAction: x"), ("TAST1_FASTAGI_TOKEN", "a/b?c")]
)
def test_secrets_that_would_break_the_protocol_are_refused(name: str, value: str) -> None:
    """A secret that could forge a header or a URL is refused, and never repeated."""
    found = problems(DEMO, {name: value})
    assert [(problem.file, problem.key) for problem in found] == [("environment", name)]
    assert value not in str(found[0])


@pytest.mark.parametrize(("host", "refused"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
def test_demo_password_only_on_loopback(folder: Path, host: str, refused: bool) -> None:
    """One password for everybody is refused as soon as others can reach the service."""
    edit(folder, 'host = "127.0.0.1"', f'host = "{host}"')
    found = problems(folder, {"TAST1_DEMO_PASSWORD": "hunter2"})
    assert [problem.key for problem in found] == (["TAST1_DEMO_PASSWORD"] if refused else [])
    assert "hunter2" not in str(found)
    assert problems(folder, {"TAST1_DEMO_PASSWORD": ""}) == []


def test_asterisk_cannot_fetch_prompts_from_every_address(folder: Path) -> None:
    """A service that listens everywhere must say where the exchange finds it."""
    edit(folder, 'host = "127.0.0.1"', 'host = "0.0.0.0"')
    edit(folder, 'line = "simulated"', 'line = "asterisk"')
    assert places(folder) == {"tast1.toml: service.public_url"}
    edit(folder, "# public_url", "public_url")
    assert places(folder) == set()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
     ("10.0.0.1", False), ("localhost.example.org", False), ("", False)],
)  # fmt: skip
def test_loopback(host: str, loopback: bool) -> None:
    """Only what this machine alone can reach is loopback."""
    assert is_loopback(host) is loopback
