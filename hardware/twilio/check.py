"""`tast1 twilio check`: looks at the account and its numbers the way the line uses them, and says what to fix. With `fix` it
sets the numbers' addresses itself. It places no call, and prints no token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from hardware.twilio.account import Account
from hardware.twilio.outcomes import Fault
from hardware.twilio.rest import Api, ApiError, Refused
from hardware.twilio.twiml import Addresses, fallback


@dataclass(frozen=True, slots=True)
class Result:
    ok: bool
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number of an office that callers ring."""

    number: str
    office: str
    rings_at: str
    """The office's fall-back number."""
    fallback_url: str | None


async def check(account: Account, numbers: list[Number], *, fix: bool = False) -> list[Result]:
    api = Api(account.sid, account.token, account.api_url)
    addresses = Addresses(account.public_url.rstrip("/"))
    try:
        results = await _account(api)
        if results[0].ok:
            owned = {str(one.phone_number): one for one in await api.numbers()}
            for number in numbers:
                results.append(await _number(api, number, owned.get(number.number), addresses, fix=fix))
    except ApiError as error:
        results = [
            Result(False, "account", f"no answer from Twilio ({error}); see that this machine reaches it")
        ]
    finally:
        await api.close()
    results += await _reached(addresses)
    results += [_without_us(number) for number in {number.office: number for number in numbers}.values()]
    return results


async def _account(api: Api) -> list[Result]:
    try:
        status = await api.account_status()
    except Refused as error:
        if error.fault is not Fault.ACCOUNT:
            raise
        what = "account_sid and TAST1_TWILIO_TOKEN do not belong together, or the token was changed"
        return [Result(False, "account", what)]
    if status != "active":
        return [Result(False, "account", f"it is {status}: look at its billing and messages at Twilio")]
    return [Result(True, "account", "active")]


async def _number(api: Api, number: Number, found: Any, addresses: Addresses, *, fix: bool) -> Result:
    name = f"{number.office} {number.number}"
    if found is None:
        what = "is not a number of this account: buy or port it, or correct it in offices.toml"
        return Result(False, name, what)
    wanted = {
        "voice_url": addresses.voice,
        "voice_fallback_url": number.fallback_url or addresses.fallback(),
        "status_callback": addresses.status(),
    }
    wrong = _differing(found, wanted)
    if wrong and fix:
        methods = {f"{key.removesuffix('_url')}_method": "POST" for key in wanted}
        await api.set_number(str(found.sid), **wanted, **methods)
        return Result(True, name, f"set: {', '.join(wrong)}")
    if wrong:
        return Result(
            False, name, f"other at Twilio: {', '.join(wrong)}; `tast1 twilio check --fix` sets them"
        )
    return Result(True, name, "set as it must be")


def _differing(found: Any, wanted: Mapping[str, str]) -> list[str]:
    wrong = [key for key, value in wanted.items() if getattr(found, key) != value]
    methods = {f"{key.removesuffix('_url')}_method": "POST" for key in wanted}
    return wrong + [key for key, value in methods.items() if getattr(found, key) != value]


async def _reached(addresses: Addresses) -> list[Result]:
    """From here; whether Twilio gets through too, a first call shows."""
    found = []
    wishes = (
        (addresses.ringing, 200, "answers", "the service must run, and the proxy pass /tw/ on to it"),
        (f"{addresses.base}/login", 404, "shows no pages", "the proxy must pass on /tw/ and nothing else"),
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        for url, wanted, good, bad in wishes:
            try:
                async with session.get(url, allow_redirects=False) as answer:
                    status: int | str = answer.status
            except (aiohttp.ClientError, TimeoutError) as error:
                status = type(error).__name__
            ok = status == wanted
            found.append(Result(ok, "public_url", good if ok else f"{url} gives {status}: {bad}"))
    return found


def _without_us(number: Number) -> Result:
    """What callers meet when this machine is down. No machine of ours can answer for itself."""
    if number.fallback_url is not None:
        return Result(True, f"{number.office} fallback_url", "set")
    what = (
        "not set: when this machine is down, callers hear Twilio's own words in English and are hung up on."
        f" Make a TwiML Bin of this, and write its address there:\n     {fallback(number.rings_at, caller_id=number.number)}"
    )
    return Result(False, f"{number.office} fallback_url", what)
