"""The command `tast1`. Reads arguments and prints; what it does lives in the rooms it calls."""

from __future__ import annotations

import argparse
import asyncio
import errno
import getpass
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import config as config_package
from callback import (
    cli_access,
    cli_data,
    cli_menu,
    cli_never_call,
    cli_no_sms,
    cli_oncall,
    cli_pbx,
    cli_person,
    cli_plan,
    cli_policy,
    cli_prompts,
    cli_reload,
    cli_twilio,
)
from callback.access import Access
from callback.desk import Desk
from callback.lines import prompt_url
from callback.logs import configure_logging
from callback.request import CallbackError
from callback.service import DATABASE, serve
from callback.store_sqlite import SqliteStore
from config.load import ConfigError, load, load_secrets
from config.model import Config, LineName, Role, Secrets
from scheduler.clock import SystemClock

DEMO_CONFIG = Path(config_package.__file__).parent / "demo"


class NoDatabase(CallbackError):
    """No service has run on this data folder."""


class PortInUse(CallbackError):
    """Another program listens on the port of the pages."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when it went well, 1 when something is wrong (said on stderr), 2 for wrong arguments, and see docs/cli.md."""
    options = _parser().parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    try:
        code = int(options.run(options) or 0)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `tast1 check | head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own flush at the end
        return 141  # as a program that SIGPIPE ends
    except ConfigError as error:
        print(f"The configuration in {options.config} cannot be used:", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
    except (CallbackError, ValueError, OSError) as error:
        print(f"tast1: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


def _joined(arguments: Sequence[str]) -> list[str]:
    """`--keys -,1` as `--keys=-,1`: argparse takes a value that begins with - for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--keys" and not argument.startswith("--"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tast1", description="Callback and queue management for Nav's tast 1."
    )
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    start = _verb(verbs, "serve", "run the service", _serve, data=True)
    start.add_argument("--line", choices=[line.value for line in LineName], help="default: from tast1.toml")
    start.add_argument("--port", type=int, help="port of the pages (default: from tast1.toml)")
    _verb(verbs, "check", "print every configuration error, or the effective configuration", _check)
    what = "let a running service take its changed configuration into use"
    again = _verb(verbs, "reload", what, _reload, config=False)
    again.add_argument(
        "--url", default="http://127.0.0.1:8600", help="where the service is (default: %(default)s)"
    )
    when = _verb(verbs, "deadline", "when a request must be answered, and why", _deadline)
    when.add_argument("office_no", metavar="OFFICE_NO")
    when.add_argument("when", metavar="WHEN", help="local time, ISO: 2026-12-23T14:50")
    when.add_argument("--urgent", action="store_true")
    when.add_argument("--json", action="store_true")
    cli_plan.register(verbs, _verb)

    token = verbs.add_parser("token", help="bearer tokens for the API").add_subparsers(required=True)
    create = _verb(token, "create", "make a token and print it once", _token_create, data=True)
    create.add_argument("--role", required=True, choices=[role.value for role in Role])
    create.add_argument("--office", metavar="OFFICE_NO", help="the only office the token reaches")
    create.add_argument("--name", required=True, help="who or what uses it")
    _verb(token, "list", "names, roles and dates of the tokens", _token_list, data=True)
    revoke = _verb(token, "revoke", "refuse a token from now on", _token_revoke, data=True)
    revoke.add_argument("name")

    password = _verb(
        verbs, "password", "set a person's password (asked for, or from standard input)", _password, data=True
    )
    password.add_argument("person", help="id in staff.toml")

    never = verbs.add_parser("never-call", help="numbers that are never called").add_subparsers(required=True)
    no_sms = verbs.add_parser("no-sms", help="numbers that get no SMS").add_subparsers(required=True)
    for group, named in ((never, cli_never_call.VERBS), (no_sms, cli_no_sms.VERBS)):
        for name, what, run in named:
            verb = _verb(group, name, what, _with_number, data=True)
            verb.set_defaults(act=run)
            verb.add_argument("number", metavar="NUMBER", help="8 digits, or E.164")

    pbx = verbs.add_parser("pbx", help="what Asterisk needs").add_subparsers(required=True)
    files = _verb(pbx, "config", "print the files an Asterisk needs, secrets included", _pbx_config)
    files.add_argument("--local", action="store_true", help="the files of the local PBX of `make pbx`")
    files.add_argument(
        "--write", type=Path, metavar="DIR", help="write them, and the fall-back sounds, to DIR"
    )
    files.add_argument(
        "--sounds",
        default="/var/lib/asterisk/sounds/tast1",
        metavar="DIR",
        help="where the PBX has the sounds",
    )
    _verb(pbx, "check", "verify a running Asterisk, and say what to fix", _pbx_check)
    cli_data.register(verbs, _verb)
    cli_menu.register(verbs, _verb)
    cli_oncall.register(verbs, _verb, _with_store)
    cli_person.register(verbs, _verb, _with_store)
    cli_prompts.register(verbs, _verb)
    cli_twilio.register(verbs, _verb)
    return parser


def _verb(
    under: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    what: str,
    run: Callable[[argparse.Namespace], int],
    *,
    config: bool = True,
    data: bool = False,
) -> argparse.ArgumentParser:
    """A verb that reads a configuration folder, a data folder, or both."""
    verb = under.add_parser(name, help=what, description=what)
    verb.set_defaults(run=run)
    config_folder = Path(os.environ.get("TAST1_CONFIG", DEMO_CONFIG))
    data_folder = Path(os.environ.get("TAST1_DATA", "var/demo"))
    for is_wanted, option, default, help_text in (
        (
            config,
            "--config",
            config_folder,
            "configuration folder (default: $TAST1_CONFIG, else the demo offices)",
        ),
        (data, "--data", data_folder, "data folder (default: $TAST1_DATA, else var/demo)"),
    ):
        if is_wanted:
            verb.add_argument(option, type=Path, default=default, metavar="DIR", help=help_text)
    return verb


# ---- serve, check, reload, deadline ---------------------------------------------------------------------


def _serve(options: argparse.Namespace) -> int:
    config = load(options.config, os.environ, line=options.line, port=options.port)
    secrets = load_secrets(os.environ, config)
    configure_logging(config.settings.service.log_level)
    try:
        reread = partial(load, options.config, dict(os.environ), line=options.line, port=options.port)
        asyncio.run(serve(config, secrets, options.data, _announcement(config, secrets), reread))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        port = config.settings.service.port
        raise PortInUse(f"port {port} is in use; choose another with --port") from error
    return 0


def _announcement(config: Config, secrets: Secrets) -> str:
    lines = ["", "Tast 1 is ready: {url}"]
    if LineName.SIMULATED in config.line_names:
        lines.append("A telephone in the browser: {url}/phone")
    if secrets.demo_password:
        people = ", ".join(f"{person.id} ({person.role})" for person in config.people)
        lines += [f"Demo accounts: {people}", f"Password for all of them: {secrets.demo_password}"]
    return "\n".join([*lines, ""])


def _check(options: argparse.Namespace) -> int:
    code, text = cli_policy.check_command(options.config, os.environ)
    if code:
        print(f"The configuration in {options.config.resolve()} has errors:", file=sys.stderr, flush=True)
    print(text)
    return code


def _reload(options: argparse.Namespace) -> int:
    print(cli_reload.reload_command(options.url, os.environ))
    return 0


def _deadline(options: argparse.Namespace) -> int:
    config = _load(options)
    print(cli_policy.deadline_command(config, options.office_no, options.when, options.urgent, options.json))
    return 0


def _load(options: argparse.Namespace) -> Config:
    """For verbs that touch no line: they must work without the line's secrets."""
    return load(options.config, os.environ, line=LineName.SIMULATED)


# ---- tokens, passwords, numbers -----------------------------------------------------------------


def _token_create(options: argparse.Namespace) -> int:
    return _with_access(
        options, lambda access: cli_access.create_token(access, options.name, options.role, options.office)
    )


def _token_list(options: argparse.Namespace) -> int:
    return _with_access(options, cli_access.list_tokens)


def _token_revoke(options: argparse.Namespace) -> int:
    return _with_access(options, lambda access: cli_access.revoke_token(access, options.name))


def _password(options: argparse.Namespace) -> int:
    secret = getpass.getpass("New password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return _with_access(options, lambda access: cli_access.set_password(access, options.person, secret))


def _with_number(options: argparse.Namespace) -> int:
    return _with_store(
        options, lambda store, config: options.act(Desk(store, config, SystemClock()), options.number)
    )


def _with_access(options: argparse.Namespace, work: Callable[[Access], Coroutine[None, None, str]]) -> int:
    return _with_store(options, lambda store, config: work(Access(store, config, SystemClock())))


def _with_store(
    options: argparse.Namespace, work: Callable[[SqliteStore, Config], Coroutine[None, None, str]]
) -> int:
    """Do it on the data folder, beside a service that may be running, and print what it says."""
    config = _load(options)
    path = options.data / DATABASE
    if not path.exists():  # a new one would be a service's that nobody runs
        raise NoDatabase(
            f"there is no {path}; give the folders of the service, for example "
            "--config /etc/tast1 --data /var/lib/tast1, and start it once before"
        )
    configure_logging("warning")

    async def run() -> str:
        store = SqliteStore(path)
        await store.open()
        try:
            return await work(store, config)
        finally:
            await store.close()

    print(asyncio.run(run()))
    return 0


# ---- the PBX ------------------------------------------------------------------------------------


def _pbx_config(options: argparse.Namespace) -> int:
    config = load(options.config, os.environ, line=LineName.ASTERISK)
    secrets = load_secrets(os.environ, config)
    print(cli_pbx.config_command(config, secrets, options.sounds, options.write, local=options.local))
    return 0


def _pbx_check(options: argparse.Namespace) -> int:
    config = load(options.config, os.environ, line=LineName.ASTERISK)
    secrets = load_secrets(os.environ, config)
    patience = timedelta(seconds=10)
    code, text = asyncio.run(cli_pbx.check_command(config, secrets, prompt_url(config), patience))
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
