"""Takes a changed configuration into use while the service runs: all of it that is sound, or nothing.

A call that is up keeps what it began with; whatever comes next sees the new one. Nobody is lost by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from callback.access import Access
from callback.desk import Desk
from callback.web.context import LastReload
from config.changes import Changes, by_number, changes, merged
from config.check import warnings
from config.load import ConfigError, Problem
from config.model import Config
from config.problems import OFFICES_FILE

log = structlog.get_logger(__name__)


class Reloader:
    """Swaps the configuration in the desk and at the door; everyone else asks the desk for it.

    `load` reads and checks the folder; `calls_up` counts the calls of all offices; `used` is told of the
    configuration that has come into force."""

    def __init__(
        self,
        load: Callable[[], Config],
        desk: Desk,
        access: Access,
        calls_up: Callable[[], int],
        used: Callable[[Config], None],
    ) -> None:
        self._load = load
        self._desk = desk
        self._access = access
        self._calls_up = calls_up
        self._used = used
        self._one_at_a_time = asyncio.Lock()
        self.last: LastReload | None = None

    async def reload(self) -> Changes:
        """What has changed. Raises ConfigError with every problem, StoreError; then nothing has."""
        async with self._one_at_a_time:
            try:
                found = await asyncio.to_thread(self._load)
                config = merged(self._desk.config, found)
                await self._refuse_to_lose_anyone(config)
            except ConfigError as error:
                self.last = LastReload(self._desk.clock.now(), problems=tuple(map(str, error.problems)))
                log.warning("configuration_refused", problems=len(error.problems))
                raise
            told = tuple(map(str, await asyncio.to_thread(warnings, found)))
            made = replace(changes(self._desk.config, found), warnings=told)
            self._desk.use_config(config)
            self._access.use_config(config)
            self._used(config)
            self.last = LastReload(self._desk.clock.now(), made)
            log.info(
                "configuration_reloaded", changed=len(made.changed), needs_restart=len(made.needs_restart)
            )
            return made

    async def _refuse_to_lose_anyone(self, config: Config) -> None:
        """An office on whose list people wait must stay; and any, while a caller may be in its menu."""
        gone = sorted(by_number(self._desk.config).keys() - by_number(config).keys())
        waiting = {office_no: await self._desk.store.count_open(office_no) for office_no in gone}
        why = {
            office_no: f"its list has open requests ({count}); put it back until all of them have ended"
            for office_no, count in waiting.items()
            if count
        }
        if calls := self._calls_up():
            quiet = f"calls are up ({calls}), and one may be for it; try again when it is quiet"
            why = dict.fromkeys(gone, quiet) | why
        if why:
            problems = (
                Problem(OFFICES_FILE, f"office {no}", f"was removed, but {why[no]}") for no in sorted(why)
            )
            raise ConfigError(tuple(problems))
