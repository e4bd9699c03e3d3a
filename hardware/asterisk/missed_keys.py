"""Keys that were pressed while no AGI command listened. Pure.

Asterisk drops what is pressed between two AGI commands (on a busy machine, or while the service stands still, that is
long enough for a quick finger), but tells of every key as an event. A key it told of that no command took was missed.
It must never make up a key press: where the two accounts do not agree, nothing was missed.
"""

from __future__ import annotations


class MissedKeys:
    """The two accounts of one call."""

    def __init__(self) -> None:
        self._told = ""
        self._taken = ""
        self._agree = True

    def told(self, key: str) -> None:
        """The exchange says that this key was pressed."""
        self._told += key

    def taken(self, keys: str) -> None:
        """A command took these keys, among them the `#` that ended it."""
        self._taken += keys

    def forget(self) -> None:
        """What was pressed until now was meant for somebody else."""
        self._told = self._taken = ""

    def distrust(self) -> None:
        """A command ended without saying what it took."""
        self._agree = False

    def missed(self) -> str:
        """Keys that were told of and not taken, in order, each once. To be asked while no command listens. The events
        may lag: what they have not told yet is not missed."""
        self._agree = self._agree and (
            self._told.startswith(self._taken) or self._taken.startswith(self._told)
        )
        if not self._agree:
            return ""
        missed = self._told[len(self._taken) :]
        self._taken += missed
        return missed
