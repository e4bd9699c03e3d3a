"""The local PBX: a real Asterisk on loopback, in the foreground (`make pbx`) or held by a test.

    python -m hardware.asterisk.local_pbx [--root DIR] [--run-dir DIR] [--build-only]

It must never answer on any address but loopback, and must leave nothing behind: no process, no mount.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from hardware.asterisk.asterisk_root import Asterisk, AsteriskRootError, find_asterisk
from hardware.asterisk.fallback_sounds import Render, tone_render, write_sounds
from hardware.asterisk.local_pbx_config import LOCAL_PBX_ADDRESS, LocalPbxPorts, local_files, local_parameters
from hardware.asterisk.pbx_config import PbxParameters, write_files
from ivr.voice import Voice, VoiceUnavailable

DEFAULT_ROOT: Final = Path(".pbx/root")
DEFAULT_RUN_DIR: Final = Path(".pbx/run")
_FOLDERS: Final = ("etc", "lib", "lib/keys", "spool", "cache", "run", "log")
_STOP_SECONDS: Final = 10.0


class LocalPbxError(RuntimeError):
    """The local PBX did not start, or is not there."""


class LocalPbx:
    """One Asterisk with the local PBX's files. Its database and media cache live in `run_dir` and outlast a restart."""

    def __init__(
        self,
        asterisk: Asterisk,
        run_dir: Path,
        *,
        ports: LocalPbxPorts | None = None,
        environment: Mapping[str, str] | None = None,
        render: Render = tone_render,
        service_patience: timedelta | None = None,
    ) -> None:
        self.asterisk = asterisk
        self.run_dir = run_dir.absolute()
        self.ports = ports or LocalPbxPorts()
        base = asterisk.base(self.run_dir)
        given = local_parameters(self.ports, f"{base}/sounds", environment or {}, asterisk.version)
        self.parameters: PbxParameters = replace(given, service_patience=service_patience)
        self._files = local_files(self.parameters, self.ports.sip, base)
        self._render = render
        self._process: asyncio.subprocess.Process | None = None

    @property
    def sounds_dir(self) -> Path:
        """Where the sound files are, seen from outside."""
        return self.run_dir / "sounds"

    @property
    def log_path(self) -> Path:
        """Asterisk's own log: notices, warnings and errors."""
        return self.run_dir / "log" / "messages"

    @property
    def pid(self) -> int | None:
        """Asterisk's process id, None when it is not running."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else None

    async def start(self, timeout: float = 60.0) -> None:
        """Write the files, start Asterisk, return when its control link takes our login and it is fully up."""
        if self.pid is not None:
            raise LocalPbxError("the local PBX is already running")
        self._require_free_ports()
        for folder in _FOLDERS:
            (self.run_dir / folder).mkdir(parents=True, exist_ok=True)
        write_sounds(self.sounds_dir, self._render)
        write_files(self.run_dir / "etc", self._files)
        with (self.run_dir / "log" / "console").open("ab") as console:
            self._process = await asyncio.create_subprocess_exec(
                *self.asterisk.command(self.run_dir, ["-f"]),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        try:
            await self.ready(timeout)
        except BaseException:
            await self.kill()
            raise

    async def ready(self, timeout: float = 60.0) -> None:
        """Return when Asterisk says it is fully booted; fail when it ended or the time (seconds) is up."""
        try:
            async with asyncio.timeout(timeout):
                while not await self._fully_booted():
                    if self.pid is None:
                        raise LocalPbxError(f"Asterisk ended while starting; see {self.run_dir / 'log'}")
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise LocalPbxError(
                f"Asterisk was not ready within {timeout} s; see {self.run_dir / 'log'}"
            ) from error

    async def stop(self) -> None:
        """End Asterisk in the ordinary way; by force if that takes too long."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End Asterisk the way a power cut does: no goodbye to anyone."""
        await self._end(signal.SIGKILL)

    async def restart(self, timeout: float = 60.0) -> None:
        """Stop and start again, on the same ports and database."""
        await self.stop()
        await self.start(timeout)

    async def wait(self) -> int:
        """Wait for Asterisk to end; its exit code."""
        if self._process is None:
            raise LocalPbxError("the local PBX is not running")
        return await self._process.wait()

    async def cli(self, command: str) -> str:
        """Run a command on Asterisk's own console and answer its output. For people and tests, not for the service."""
        process = await asyncio.create_subprocess_exec(
            *self.asterisk.command(self.run_dir, ["-rx", command]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise LocalPbxError(output.decode(errors="replace").strip())
        return output.decode(errors="replace")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(how)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def _require_free_ports(self) -> None:
        """Another PBX on these ports would answer our readiness question in place of this one."""
        for kind, port in ((socket.SOCK_DGRAM, self.ports.sip), (socket.SOCK_STREAM, self.ports.ami)):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
                try:
                    probe.bind((LOCAL_PBX_ADDRESS, port))
                except OSError as error:
                    raise LocalPbxError(
                        f"port {port} on {LOCAL_PBX_ADDRESS} is taken by another program"
                    ) from error

    async def _fully_booted(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(LOCAL_PBX_ADDRESS, self.ports.ami)
        except OSError:
            return False
        try:
            user, secret = self.parameters.ami_user, self.parameters.ami_secret
            writer.write(f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\n\r\n".encode())
            async with asyncio.timeout(1.0):
                await reader.readuntil(b"Event: FullyBooted")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            return False
        else:
            return True
        finally:
            writer.close()


async def _serve(pbx: LocalPbx) -> int:
    ask_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask_to_stop.set)
    starting = asyncio.create_task(pbx.start())
    stopping = asyncio.create_task(ask_to_stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await pbx.stop()
        return 0
    starting.result()
    address = f"SIP {LOCAL_PBX_ADDRESS}:{pbx.ports.sip}, AMI {LOCAL_PBX_ADDRESS}:{pbx.ports.ami}"
    print(f"Local PBX ready: {address}", flush=True)
    ended = asyncio.create_task(pbx.wait())
    await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
    asked = stopping.done()
    stopping.cancel()
    await pbx.stop()
    code = await ended
    return 0 if asked else code or 1


def _render() -> Render:
    try:
        return Voice().render
    except VoiceUnavailable:
        return tone_render


def main() -> int:
    """Run the local PBX until SIGTERM or SIGINT. Exit code 1 when it could not start or ended by itself."""
    parser = argparse.ArgumentParser(
        prog="python -m hardware.asterisk.local_pbx", description="A local Asterisk."
    )
    parser.add_argument(
        "--root", type=Path, default=DEFAULT_ROOT, help="the folder Asterisk is built in, once"
    )
    parser.add_argument(
        "--run-dir", type=Path, default=DEFAULT_RUN_DIR, help="configuration, log and database"
    )
    parser.add_argument(
        "--build-only", action="store_true", help="build Asterisk if it is not there, and stop"
    )
    options = parser.parse_args()
    try:
        ports = LocalPbxPorts.from_environment(os.environ)
        asterisk = find_asterisk(options.root)
        if options.build_only:
            return 0
        pbx = LocalPbx(asterisk, options.run_dir, ports=ports, environment=os.environ, render=_render())
        return asyncio.run(_serve(pbx))
    except (AsteriskRootError, LocalPbxError, ValueError) as error:
        print(f"The local PBX could not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
