"""The service's own packages and no more: what only the tests need is in the same environment, and would be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_ONLY_IN_TESTS: Final = ("numpy",)
"""sqlite-utils loads it where it finds it: 12 MB and a tenth of a second that no installation has."""


def environment(directory: Path) -> dict[str, str]:
    """Environment variables for a service that does not find those packages."""
    hidden = directory / "hidden"
    for name in _ONLY_IN_TESTS:
        (hidden / name).mkdir(parents=True, exist_ok=True)
        (hidden / name / "__init__.py").write_text('raise ImportError("not installed with the service")\n')
    return {"PYTHONPATH": str(hidden)}
