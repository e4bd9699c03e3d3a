"""How the service logs: one event a line, an action word and ids. Never a number, a name or a note.

Keeping personal data out is every caller's duty; the last processor here is the safety net, not the plan.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?:\+|00)?[0-9][0-9 ]{6,}[0-9](?![0-9A-Za-z])")


def hide_numbers(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what looks like a telephone number in any text value. Times and ids are left alone."""
    for key, value in event.items():
        if key != "timestamp" and isinstance(value, str):
            event[key] = _NUMBER.sub("[number]", value)
    return event


def configure_logging(level: str) -> None:
    """To stderr: for people on a terminal, as JSON lines otherwise. Other libraries' warnings come too."""
    terminal = sys.stderr.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_numbers,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
