"""What is told when the program ends by a fault of its own: a few lines, and where the rest is.

The traceback goes to a file that only its owner can read, without the values of variables: they could hold an
address with a secret. Its text is safe to print, since messages of errors can hold names from outside.
"""

from __future__ import annotations

import os
import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import platformdirs

from ipwhl_mirror import __version__
from ipwhl_mirror.config import APP
from ipwhl_mirror.domain.display import safe_text

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN = 300
"""Characters of the error that are told on the terminal."""


def log_folder() -> Path:
    """Where tracebacks are kept."""
    return platformdirs.user_log_path(APP)


def report(error: BaseException, *, folder: Path, now: datetime) -> list[str]:
    """Keep the traceback, and give lines for a person; the traceback itself where it cannot be kept."""
    story = [safe_text(line) for line in _story(error)]
    words = safe_text(f"{type(error).__name__}: {error}", _SHOWN)
    told = [f"error: the terminal UI ended by a fault of its own: {words}"]
    path = folder / f"crash-{now:%Y%m%dT%H%M%S.%fZ}.txt"
    try:
        _keep(path, story)
    except OSError as refused:
        told = [*story, *told, f"hint: {safe_text(str(path))}: {refused.strerror}; keep the lines above"]
    else:
        told.append(f"hint: please report it with {safe_text(str(path))}")
    return [*told, "what was fetched stays, and the next run resumes"]


def _story(error: BaseException) -> list[str]:
    lines = "".join(traceback.format_exception(error)).splitlines()
    return [f"ipwhl-mirror {__version__}", *lines]


def _keep(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def tell(error: BaseException) -> None:
    """Report an error of now on stderr."""
    for line in report(error, folder=log_folder(), now=datetime.now(UTC)):
        print(line, file=sys.stderr)
