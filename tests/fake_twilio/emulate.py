"""A Twilio that others made (the npm package `emulate`): it keeps messages and signs what it posts, and knows nothing of us.

`make test` fetches it (hardware/setup.sh). Where it is missing the test fails: our fake alone would only agree with us.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.fake_twilio.rules import FOLDER, AgainstTheRules

_FILE = FOLDER.parent / "emulate-0.11.2.tgz"
_SHA512 = "BHs1rG/yPQ4kM+9aUz7fg4MDn0MshxOs0Ch2ciuNFPsN4PfCxQWP/9DGFZx+h+RvcIwX5n+hV308Ba7SxBc6nQ=="
"""The integrity that npm publishes."""
_SCRIPT = """
import net from "node:net";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function () {
    return listen.call(this, 0, "127.0.0.1", () => console.log(this.address().port));
};
const { createEmulator } = await import(process.argv[1]);
await createEmulator({ service: "twilio", seed: { twilio: JSON.parse(process.argv[2]) } });
process.stdin.on("end", () => process.exit(0)).resume();
"""
"""By itself it listens on every address of the machine; here on loopback only, on any port, until the test is gone."""


def _unpack(folder: Path) -> Path:
    if not _FILE.exists():
        raise AgainstTheRules(f"{_FILE} is missing: run hardware/setup.sh rules (make test does)")
    if base64.b64encode(hashlib.sha512(_FILE.read_bytes()).digest()).decode() != _SHA512:
        raise AgainstTheRules(
            f"{_FILE} is not what is pinned here: delete it, and run hardware/setup.sh rules"
        )
    with tarfile.open(_FILE) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None and not member.name.endswith(".map"):
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.read())
    return folder / "package/dist/api.js"


@asynccontextmanager
async def emulated(folder: Path, account: str, token: str, *numbers: dict[str, str]) -> AsyncIterator[str]:
    """Its address. `folder`: an empty one. `numbers`: `phone_number`, `voice_url` and so on, of each the account has."""
    seed: dict[str, Any] = {"account": {"sid": account, "auth_token": token}, "phone_numbers": numbers}
    api = await asyncio.to_thread(_unpack, folder)
    try:
        process = await asyncio.create_subprocess_exec(
            *("node", "--input-type=module", "--eval", _SCRIPT, api.as_uri(), json.dumps(seed)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise AgainstTheRules("node is missing: run hardware/setup.sh rules (make test does)") from None
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        port = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stdin.close()
        await process.wait()
