"""Every error that a user, a disk or a network can cause has a code, and no other."""

from __future__ import annotations

import errno
import importlib
import pkgutil
from typing import TYPE_CHECKING

import pytest

import ipwhl_mirror
from ipwhl_mirror.cli.exit_codes import KNOWN_ERRORS, ExitCode, exit_code_for
from ipwhl_mirror.config import ConfigError
from ipwhl_mirror.gateway.errors import Refused
from ipwhl_mirror.nodes.embedded.health import AttemptFailed
from ipwhl_mirror.nodes.embedded.threads import Stopped
from ipwhl_mirror.nodes.errors import NodeUnreachable, NoSpace, PinFailed
from ipwhl_mirror.services.demo_pip import IndexSilent
from ipwhl_mirror.services.errors import DamageFound, GuardRefused, KeptPartly, NothingSelected
from ipwhl_mirror.state.errors import LockHeld, StateFull
from ipwhl_mirror.tui.key_names import UnknownKeyName

if TYPE_CHECKING:
    from collections.abc import Iterator


def errors_of_the_package() -> Iterator[type[Exception]]:
    """Every exception class that a module of the package defines."""
    for module in pkgutil.walk_packages(ipwhl_mirror.__path__, "ipwhl_mirror."):
        if module.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, Exception)
                and value.__module__ == module.name
                and not value.__name__.startswith("_")
            ):
                yield value


# they never reach the command line: answered with an HTTP status, or caught where they are raised
ANSWERED = (Refused, AttemptFailed, Stopped, IndexSilent, UnknownKeyName)


def test_no_error_is_without_a_code() -> None:
    """A public error class that the table does not know would end in a traceback."""
    unmapped = [
        error.__qualname__
        for error in errors_of_the_package()
        if not issubclass(error, (*KNOWN_ERRORS, *ANSWERED))
    ]
    assert unmapped == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), ExitCode.USAGE),
        (NothingSelected("x"), ExitCode.USAGE),
        (PinFailed("x"), ExitCode.PARTIAL),
        (KeptPartly("x"), ExitCode.PARTIAL),
        (GuardRefused("x"), ExitCode.GUARD),
        (NoSpace("x"), ExitCode.GUARD),
        (NodeUnreachable("x"), ExitCode.NODE),
        (LockHeld("x"), ExitCode.LOCKED),
        (DamageFound("x"), ExitCode.DAMAGE),
        (StateFull("x"), ExitCode.GUARD),
        (OSError(errno.ENOSPC, "x"), ExitCode.GUARD),
        (OSError(errno.EIO, "x"), ExitCode.FAILED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(int(value)),
)
def test_code(error: Exception, code: ExitCode) -> None:
    """The codes that scripts rely on."""
    assert exit_code_for(error) == code
