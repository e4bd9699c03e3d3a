"""`tast1 twilio check`: the account at Twilio and its numbers."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable

from callback.lines import account_of
from callback.request import CallbackError
from config.load import load, load_secrets
from config.model import Config, LineName, Secrets


class NoTwilio(CallbackError):
    """No office has line = "twilio"."""


def register(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    verb: Callable[..., argparse.ArgumentParser],
) -> None:
    twilio = verbs.add_parser("twilio", help="the line at Twilio").add_subparsers(required=True)
    check = verb(twilio, "check", "look at the account and its numbers, and say what to fix", _check)
    check.add_argument("--fix", action="store_true", help="set the numbers' addresses at Twilio")


def _check(options: argparse.Namespace) -> int:
    config = load(options.config, os.environ)
    code, text = asyncio.run(check_command(config, load_secrets(os.environ, config), fix=options.fix))
    print(text)
    return code


async def check_command(
    config: Config, secrets: Secrets, *, fix: bool, api_url: str | None = None
) -> tuple[int, str]:
    """1 when anything must be fixed; a line for each thing looked at. `api_url`: in the place of Twilio's, for tests.

    Raises NoTwilio."""
    if LineName.TWILIO not in config.line_names:
        raise NoTwilio('no office has line = "twilio"')
    from hardware.twilio.check import Number, check  # noqa: PLC0415 - the SDK takes a while, and other verbs never need it

    numbers = [
        Number(number, office.office_no, office.fallback_number, office.fallback_url)
        for office in config.offices
        if config.line_of_office(office.office_no) is LineName.TWILIO
        for number in (office.public_number, *(line.number for line in config.lines_of(office.office_no)))
        if number is not None
    ]
    oncall = config.settings.oncall
    if oncall.number and oncall.fallback_number and config.line_names == (LineName.TWILIO,):
        numbers.append(Number(oncall.number, "oncall", oncall.fallback_number, oncall.fallback_url))
    results = await check(account_of(config, secrets, api_url), numbers, fix=fix)
    lines = [f"{'ok  ' if result.ok else 'FIX '} {result.name}: {result.detail}" for result in results]
    return int(not all(result.ok for result in results)), "\n".join(lines)
